"""By voice: what stands between two parties by their two logs up to a size, for a check by telephone.

It is made anew of the entries of these two logs and of nothing else, so it does not depend on what else a
node holds, on any clock, or on when what arrived. What only one of the two may read is no part of it; what
everybody may know in its place is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final

from keepclear.core.deeds import OutOfPlaceError
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.ledger import ItemVersion, Ledger
from keepclear.core.merkle import Tree
from keepclear.core.messages import Message
from keepclear.core.picture_check import PictureCheck, Standing, StandingKind, day_of
from keepclear.core.statements import CoarseSaid, Head, ItemSaid, Statement, StatementKind
from keepclear.core.times import floor_ms
from keepclear.node.ports import Entry, ItemForm, Notary

_AREA: Final = ItemId("area")


class TwoLogs:
    """The logs of two parties up to a size each, and what they say together.

    Args:
        entries: The entries of each of the two, from the first to the size.
        notary: What reads them.
        form: How items are written.

    Raises:
        InvalidValueError: They are not two logs.
    """

    def __init__(self, entries: Mapping[PartyId, Iterable[Entry]], notary: Notary, form: ItemForm) -> None:
        if len(entries) != 2:
            raise InvalidValueError("entries", "they must be those of two logs")
        first, second = sorted(entries)
        self._parties = first, second
        self._notary, self._form = notary, form
        held = {party: list(entries[party]) for party in self._parties}
        self._trees = {party: Tree(entry.leaf for entry in held[party]) for party in self._parties}
        self._ledger = Ledger(notary.read_agreement, self._is_held)
        self._coarse: dict[tuple[PartyId, ItemId], tuple[int, CoarseSaid]] = {}
        self._covered: set[tuple[PartyId, int]] = set()
        for party in self._parties:
            self._take(held[party])
        self.standing = tuple(self._standing())

    def check(self, challenges: Mapping[PartyId, str]) -> PictureCheck:
        """Return the check of what stands.

        Args:
            challenges: What each of the two drew.

        Raises:
            InvalidValueError: A challenge is none.
        """
        first, second = self._parties
        return PictureCheck(
            parties=self._parties,
            heads=(self._head(first), self._head(second)),
            challenges=(challenges[first], challenges[second]),
            standing=self.standing,
        )

    def _head(self, party: PartyId) -> Head:
        tree = self._trees[party]
        return Head(tree.size, tree.root())

    def _is_held(self, party: PartyId, head: Head) -> bool:
        tree = self._trees.get(party)
        return tree is not None and head.size <= tree.size and tree.root(head.size) == head.root

    def _take(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.jws is not None:
                statement, _ = self._notary.read(entry.jws)
                if not statement.to or set(self._parties) <= {statement.by, *statement.to}:
                    self._take_said(statement)

    def _take_said(self, statement: Statement) -> None:
        body = statement.body
        if isinstance(body, ItemSaid):
            self._ledger.take_item(statement)
        elif isinstance(body, Message):
            self._ledger.take_message(statement)
        elif isinstance(body, CoarseSaid):
            self._covered.add((statement.by, body.covers))
            known = self._coarse.get((statement.by, body.id))
            if known is None or known[1].covers <= body.covers:
                self._coarse[statement.by, body.id] = statement.n, body
        elif statement.kind is StatementKind.DEED:
            # What is out of place means nothing; the log has it all the same.
            with contextlib.suppress(InvalidValueError, OutOfPlaceError):
                self._ledger.take_deed(statement, self._notary.read_deed(body.jws)[0])

    def _standing(self) -> Iterator[Standing]:
        for version in self._ledger.versions():
            if not version.is_over and (version.ref.party, version.n) not in self._covered:
                yield self._item(version)
        for (party, item_id), (n, coarse) in sorted(self._coarse.items()):
            if coarse.text is not None:
                starts = self._starts(coarse.text, party)
                yield self._said(StandingKind.AREA, party, item_id, n, starts)
        for sent in self._ledger.hotline.messages():
            if {sent.ref.party, sent.message.to} == set(self._parties) and sent.wants_answer:
                dialogue = self._ledger.hotline.dialogue(sent.ref, sent.at_ms)
                assert dialogue is not None, "it is held"
                if not (sent.by_voice or dialogue.answer or dialogue.corrected_by):
                    day = day_of(sent.at_ms)
                    yield self._said(StandingKind.MESSAGE, sent.ref.party, str(sent.ref.n), sent.ref.n, day)
        for hold in self._ledger.holds():
            if hold.peer in self._parties:
                yield self._said(StandingKind.HOLD, hold.by, "holds", hold.n, day_of(hold.at_ms))
        agreed = self._ledger.agreements.in_force(*self._parties)
        if agreed is not None:
            yield Standing(
                kind=StandingKind.AGREEMENT,
                party=self._parties[0],
                id="agreement",
                version=agreed.agreement.version,
                starts=None,
                digest=bytes.fromhex(agreed.digest),
            )

    def _item(self, version: ItemVersion) -> Standing:
        ref = version.ref
        starts = None if version.text is None else self._starts(version.text, ref.party)
        return self._said(StandingKind.ITEM, ref.party, ref.id, version.n, starts, ref.version)

    def _said(
        self, kind: StandingKind, party: PartyId, name: str, n: int, starts: date | None, version: int = 0
    ) -> Standing:
        """Return what an entry says; its leaf stands for all that was signed."""
        digest = self._trees[party].leaf(n)
        return Standing(kind=kind, party=party, id=name, version=version, starts=starts, digest=digest)

    def _starts(self, text: bytes, party: PartyId) -> date | None:
        item = self._form.read_foreign(text, _AREA, party).item
        return None if item is None else day_of(floor_ms(min(each.time.start for each in item.volumes)))
