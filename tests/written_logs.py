"""Logs that are written by hand, entry by entry, and exported: for what reads and verifies exports."""

from __future__ import annotations

from datetime import datetime

from keepclear.adapters.keys import make_tls
from keepclear.adapters.notary import sign_deed, sign_key_act
from keepclear.adapters.signing import SigningKey
from keepclear.codec.cards import PartyCard
from keepclear.codec.f3548.volumes import encode_item
from keepclear.codec.statements import encode_statement
from keepclear.core.conflicts import Item
from keepclear.core.deeds import Deed
from keepclear.core.intents import IntentState, ItemId, PartyId
from keepclear.core.parties import KeyAct, KeyDeed, KeyRole
from keepclear.core.statements import Body, Head, ItemSaid, Signed, Statement, StatementKind
from tests.test_verify_export import Writer, export_of, text_of


class WrittenLog:
    """The log of a party, its first two entries the grants of the keys of its node and of an officer.

    Args:
        party: Whose.
        person: The officer.
        at_ms: When the keys were granted.
    """

    def __init__(self, party: str, person: str, at_ms: int) -> None:
        self.party, self.person = PartyId(party), person
        self.root, self.node, self.officer = (
            SigningKey(f"{party} {role}".encode().ljust(32, b".")[:32])
            for role in ("root", "node", "officer")
        )
        self._writer = Writer(party)
        self._writer.root, self._writer.node = self.root, self.node  # type: ignore[assignment]
        self.grant = self._granting(self.node, None)
        self.say(StatementKind.KEY, Signed(jws=self.grant), at_ms)
        self.say(StatementKind.KEY, Signed(jws=self._granting(self.officer, person)), at_ms)

    def _granting(self, key: SigningKey, person: str | None) -> str:
        role = KeyRole.NODE if person is None else KeyRole.OFFICER
        act = KeyAct(
            party=self.party, act=KeyDeed.GRANT, kid=key.kid, role=role, person=person, key=key.public
        )
        return sign_key_act(act, self.root)

    @property
    def size(self) -> int:
        return self._writer.tree.size

    @property
    def head(self) -> Head:
        return Head(self.size, self._writer.tree.root())

    def say(
        self,
        kind: StatementKind,
        body: Body,
        at_ms: int,
        received: WrittenLog | None = None,
        to: tuple[PartyId, ...] = (),
    ) -> int:
        """Append a statement; return its entry."""
        statement = Statement(
            kind=kind,
            by=self.party,
            to=to,
            n=self.size,
            at_ms=at_ms,
            received=() if received is None else ((received.party, received.head),),
            body=body,
        )
        self._writer.append(encode_statement(statement, self.node.kid, self.node.sign).decode())
        return statement.n

    def declare(self, item: Item, at_ms: int, version: int = 1, received: WrittenLog | None = None) -> int:
        """Declare an item, or amend it."""
        kind = StatementKind.DECLARED if version == 1 else StatementKind.AMENDED
        is_over = getattr(item, "state", None) is IntentState.ENDED
        body = ItemSaid(id=item.id, version=version, text=encode_item(item), is_over=is_over)
        return self.say(kind, body, at_ms, received)

    def withdraw(self, item_id: str, at_ms: int, version: int) -> int:
        body = ItemSaid(id=ItemId(item_id), version=version, text=None, is_over=True)
        return self.say(StatementKind.WITHDRAWN, body, at_ms)

    def sign(self, deed: Deed, at_ms: int, received: WrittenLog | None = None) -> int:
        """Have the officer say something."""
        jws = sign_deed(
            deed, self.officer, party=self.party, person=self.person, at_ms=at_ms, nonce=f"n{self.size}"
        )
        return self.say(StatementKind.DEED, Signed(jws=jws), at_ms, received)

    def withhold(self) -> int:
        """Append an entry of which only the hash is shown."""
        leaf = bytes(32)
        self._writer.entries.append({"leaf": text_of(leaf)})
        self._writer.tree.append(leaf)
        return self.size - 1

    def exported(self) -> bytes:
        """Return the export."""
        return export_of(self._writer.exported())

    def card(self, now: datetime) -> PartyCard:
        """Return the card of the party."""
        return PartyCard(
            party=self.party,
            name=self.party,
            root=self.root.public,
            node_key=self.node.public,
            node_grant=self.grant,
            certificate=make_tls(self.party, [], now).certificate_pem,
        )
