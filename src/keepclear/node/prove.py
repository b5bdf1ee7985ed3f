"""State: what a party says goes into its log, each in the serial transaction of what it is about."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from keepclear.core.bundles import Bundle
from keepclear.core.conflicts import Item
from keepclear.core.deeds import Heard, LineChange, MessagesSeen, OutOfPlaceError, SignedDeed
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.merkle import leaf_hash
from keepclear.core.messages import VALID_MAX_MS, Message
from keepclear.core.statements import (
    Body,
    CoarseSaid,
    ItemSaid,
    Signed,
    Statement,
    StatementKind,
)
from keepclear.core.times import floor_ms
from keepclear.node.held import Held
from keepclear.node.logs import Logs
from keepclear.node.outcomes import RefusedError
from keepclear.node.ports import (
    Entry,
    EventKind,
    ItemForm,
    Notary,
    Record,
    SignedHead,
    Transaction,
)
from keepclear.node.sharing import (
    audience_after,
    audience_of_deed,
    audience_of_message,
    coarse_name,
    coarse_of,
    is_withheld,
)
from keepclear.node.take import Taken, Taking, end_silence

STATED_ID_CHARACTERS_MAX: Final = 190
"""The longest id of an item that is stated: others put the name of its party before it."""
STATED_BYTES_MAX: Final = 700_000
"""The longest text of an item that is stated."""

SIGNED_APART_MAX_MS: Final = 600_000
"""No message is taken from an officer of this party that was signed longer ago, or so far in the future."""

_NO_SHAPE: Final = b"{}"
_KINDS: Final = {
    EventKind.DECLARED: StatementKind.DECLARED,
    EventKind.AMENDED: StatementKind.AMENDED,
    EventKind.STATE_CHANGED: StatementKind.STATE_CHANGED,
    EventKind.WITHDRAWN: StatementKind.WITHDRAWN,
}


class SilencedError(RefusedError):
    """The node may sign nothing at present: others hold more of its log than it does."""


class NotSignedError(RefusedError):
    """What should be said is not signed with a key of this party that counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proving:
    """The use cases of the logs.

    Attributes:
        logs: What is held of the logs; the transaction must have been followed up to its end.
        held: What the node holds.
        transaction: The transaction that everything happens in.
        notary: Signs and reads.
        form: How items are written.
        audience: Who may read what the party says of an item; empty for everybody.
        now: What time it is.
    """

    logs: Logs
    held: Held
    transaction: Transaction
    notary: Notary
    form: ItemForm
    audience: Callable[[Item, Logs], tuple[PartyId, ...]]
    now: datetime

    @property
    def _now_ms(self) -> int:
        return floor_ms(self.now)

    # -- what this party says -------------------------------------------------------------------

    def state(self, record: Record, item: Item | None) -> Statement:
        """State a version of an item of this party.

        Args:
            record: The version.
            item: The item; None where it was withdrawn.

        Raises:
            SilencedError: Others hold more of this party's log than this node.
        """
        body = ItemSaid(
            id=record.label.id,
            version=record.version,
            text=None if record.is_withdrawn else record.text,
            is_over=record.is_over,
        )
        previous = self.logs.ledger.current(self.logs.own, record.label.id)
        if item is None:
            to = () if previous is None else previous.to
        else:
            to = audience_after(previous, self.audience(item, self.logs))
        statement = self.say(_KINDS[record.kind], body, to=to)
        self._state_coarse(statement, record, item)
        return statement

    def _state_coarse(self, statement: Statement, record: Record, item: Item | None) -> None:
        """Tell everybody where something is that is withheld from some, or that it is not so any more."""
        logs = self.logs
        name = logs.coarse_names.get(record.label.id)
        known = None if name is None else logs.coarse[logs.own, name]
        text = None
        if item is not None and not record.is_over and is_withheld(item, statement.to, logs, self._now_ms):
            name = name or coarse_name(logs[logs.own].tree.leaf(statement.n))
            text = self._coarse_text(item, name)
        if name is not None and (text is not None or (known is not None and known.text is not None)):
            self.say(StatementKind.COARSE, CoarseSaid(covers=statement.n, id=name, text=text))

    def _coarse_text(self, item: Item, name: ItemId) -> bytes:
        try:
            return self.form.write(coarse_of(item, name, self.logs.own))
        except InvalidValueError:
            return _NO_SHAPE  # no circle is so wide: nobody can judge it, and it may be anywhere

    def say_deed(self, jws: str) -> SignedDeed:
        """Put into the log what an officer of this party signed.

        Raises:
            NotSignedError: The signature is not of an officer of this party.
            RefusedError: The deed is out of place.
            SilencedError: Others hold more of this party's log than this node.
            InvalidValueError: It is a message that counts no more, or for too long.
        """
        spoken, signed = self.notary.read_deed(jws)
        own = self.logs[self.logs.own]
        self._require_own(spoken)
        key = own.keys.officer_key(signed.kid, own.tree.size, spoken.person)
        if key is None or not all(self.notary.verify([(key, signed)])):
            raise NotSignedError(
                f"the key {signed.kid} is not that of {spoken.person!r}, an officer of {spoken.party!r}, at "
                "present; name whose key it is, or grant it with the root key first"
            )
        self.check_deed(spoken)
        self.say(StatementKind.DEED, Signed(jws=jws), to=audience_of_deed(spoken.deed, self.logs))
        return spoken

    def check_deed(self, spoken: SignedDeed) -> None:
        """Refuse what an officer of this party should not say now, whoever signs it.

        Raises:
            NotSignedError: It speaks for another party.
            RefusedError: It is out of place.
            SilencedError: Others hold more of this party's log than this node.
            InvalidValueError: It is a message that counts no more, or for too long.
        """
        self._require_own(spoken)
        self.require_voice()
        self._require_known(spoken)
        if isinstance(spoken.deed, Message):
            self._require_timely(spoken.deed, spoken.at_ms)
        try:
            self.logs.ledger.check(spoken)
        except (OutOfPlaceError, InvalidValueError) as error:
            raise RefusedError(str(error)) from None

    def _require_own(self, spoken: SignedDeed) -> None:
        if spoken.party != self.logs.own:
            raise NotSignedError(
                f"it is signed for {spoken.party!r}, and this is the node of {self.logs.own!r}"
            )

    def _require_known(self, spoken: SignedDeed) -> None:
        """Refuse what is said to or of a party that is not known: nobody would get it."""
        match spoken.deed:
            case Message():
                named = [spoken.deed.to]
            case MessagesSeen():
                named = [ref.party for ref in spoken.deed.messages]
            case Heard():
                named = [spoken.deed.by]
            case LineChange():
                named = [spoken.deed.peer]
            case _:
                return
        for party in named:
            if self.logs.get(PartyId(party)) is None:
                raise RefusedError(f"{party!r} is not known here; pin its card first, or check the name")

    def _require_timely(self, message: Message, at_ms: int) -> None:
        """Refuse a message that was signed at another time than it is said, or counts at a wrong one."""
        apart_ms = self._now_ms - at_ms
        if abs(apart_ms) > SIGNED_APART_MAX_MS:
            how = "ago, which is too long" if apart_ms > 0 else "from now"
            raise RefusedError(
                f"it was signed {abs(apart_ms) // 60_000:,} min {how}, or the clock of the officer or of the "
                "node is wrong by that; sign it again"
            )
        if not max(at_ms, self._now_ms) <= message.valid_until_ms <= at_ms + VALID_MAX_MS:
            reason = f"it must be from now on, and within {VALID_MAX_MS // 86_400_000} days"
            raise InvalidValueError("message.valid_until", reason)

    def say_key(self, jws: str) -> Statement:
        """Put into the log what the root key of this party says of another key.

        Raises:
            NotSignedError: It is not signed by the root key.
            RefusedError: It is out of place.
        """
        own = self.logs[self.logs.own]
        act, signed = self.notary.read_key(jws)
        if act.party != own.party or not all(self.notary.verify([(own.root_key, signed)])):
            raise NotSignedError("it is not signed by the root key of this party")
        try:
            deepcopy(own.keys).take(own.tree.size, act)
        except InvalidValueError as error:
            raise RefusedError(str(error)) from None
        return self.say(StatementKind.KEY, Signed(jws=jws))

    def say_message(self, message: Message) -> Statement:
        """Put into the log what this node says by itself on the hotline.

        Raises:
            SilencedError: Others hold more of this party's log than this node.
        """
        return self.say(StatementKind.MESSAGE, message, to=audience_of_message(message, self.logs.own))

    def say(self, kind: StatementKind, body: Body, to: tuple[PartyId, ...] = ()) -> Statement:
        """Sign a statement and add it to the log of this party."""
        own = self.logs[self.logs.own]
        self.require_voice()
        statement = Statement(
            kind=kind,
            by=own.party,
            to=to,
            n=own.tree.size,
            at_ms=self._now_ms,
            received=self.logs.received(),
            body=body,
        )
        jws = self.notary.write(statement)
        entry = Entry(party=own.party, n=statement.n, leaf=leaf_hash(jws), jws=jws, taken_ms=self._now_ms)
        self.transaction.append_entries([entry])
        own.tree.append(entry.leaf)
        self.logs.take(statement)
        return statement

    def require_sayable(self, record: Record) -> None:
        """Refuse an item that cannot be stated: its name or its text is too long for others.

        Raises:
            InvalidValueError: That is so.
            SilencedError: Nothing may be signed at present.
        """
        self.require_voice()
        if len(record.label.id) > STATED_ID_CHARACTERS_MAX:
            reason = f"an id that is stated to others has at most {STATED_ID_CHARACTERS_MAX} characters"
            raise InvalidValueError("id", reason)
        if len(record.text) > STATED_BYTES_MAX:
            reason = f"{len(record.text):,} bytes are more than the {STATED_BYTES_MAX:,} of a statement"
            raise InvalidValueError("volumes", f"{reason}; declare the rest as another item")

    def require_voice(self) -> None:
        """Refuse to sign while this node lacks the end of its own log, or told two stories.

        Raises:
            SilencedError: That is so.
        """
        why = self.logs.why_silent()
        if why is not None:
            raise SilencedError(f"nothing is signed: {why}")

    def sign_head(self) -> SignedHead:
        """Sign how far the log of this party goes."""
        own = self.logs[self.logs.own]
        note = self.notary.write_head(own.head)
        head = SignedHead(party=own.party, size=own.tree.size, note=note, taken_ms=self._now_ms)
        self.transaction.keep_head(head)
        return head

    def speak(self) -> None:
        """Sign again after a backup was put in place, whether or not all peers were heard."""
        end_silence(self.logs, self.transaction)

    # -- what others say ------------------------------------------------------------------------

    def take(self, bundle: Bundle, *, heard: PartyId | None = None) -> Taken:
        """Take a bundle; see `Taking.take`."""
        taking = Taking(
            logs=self.logs,
            held=self.held,
            transaction=self.transaction,
            notary=self.notary,
            form=self.form,
            now_ms=self._now_ms,
        )
        return taking.take(bundle, heard=heard)
