"""Logs of parties that talk, as far as the hotline is concerned: small makers, and orders of taking them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from keepclear.core.deeds import DutyChange, Heard
from keepclear.core.dialogues import HeardSaid, Read, Received, Sent
from keepclear.core.hotline import Hotline
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import MESSAGES, Code, Message, Speaker, Value
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.statements import Head

NORTH, SOUTH, RELIEF = PartyId("north"), PartyId("south"), PartyId("relief")
T0 = 1_800_000_000_000
"""When everything begins, milliseconds since 1970."""
HOUR_MS = 3_600_000
ITEM = ItemRef(party=NORTH, id=ItemId("OP-1"), version=1)


def ref(party: str, n: int) -> MessageRef:
    return MessageRef(party=PartyId(party), n=n)


def message(code: Code, to: str = SOUTH, **given: Any) -> Message:
    """Return a message; its fields as `values`, what is not given as it is by default."""
    values: dict[str, Value] = given.pop("values", {})
    given.setdefault("priority", MESSAGES[code].priority)
    given.setdefault("valid_until_ms", T0 + 24 * HOUR_MS)
    fields = tuple((each.name, values[each.name]) for each in MESSAGES[code].fields if each.name in values)
    return Message(code=code, to=PartyId(to), fields=fields, **given)


def asks(to: str = SOUTH, **given: Any) -> Message:
    """Return a request that wants will-comply or unable."""
    values = {"item": ITEM, "later": given.pop("later_s", 900)}
    return message(Code.REQUEST_LATER, to, values=values, **given)


def text(to: str = SOUTH, words: str = "hello", **given: Any) -> Message:
    return message(Code.FREE_TEXT, to, values={"text": words}, **given)


@dataclass(frozen=True)
class Entry:
    """What one entry of a log says: a message, that messages were read, what was heard, a change of duty."""

    by: PartyId
    n: int
    at_ms: int
    said: Message | tuple[MessageRef, ...] | Heard | DutyChange | None
    received: Received
    person: str = "Ann"


@dataclass
class Logs:
    """The logs of some parties; who says something has received all there is, unless told otherwise."""

    entries: list[Entry] = field(default_factory=list)
    now_ms: int = T0

    def size(self, party: str) -> int:
        return sum(each.by == party for each in self.entries)

    def say(
        self, by: str, said: Any, *, had: dict[str, int] | None = None, person: str = "Ann"
    ) -> MessageRef:
        """Add an entry to a log; return its place.

        Args:
            by: Whose log.
            said: What it says; None for what is no matter of the hotline.
            had: How many entries of which other logs had been received; None for all there are.
            person: Who says it.
        """
        others = sorted({each.by for each in self.entries if each.by != by})
        sizes = {party: self.size(party) for party in others} if had is None else had
        received = tuple((PartyId(party), Head(size, b"")) for party, size in sorted(sizes.items()) if size)
        place = ref(by, self.size(by))
        self.entries.append(Entry(PartyId(by), place.n, self.now_ms, said, received, person))
        self.now_ms += 1_000
        return place

    def later(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1_000)

    def hotline(self, order: Iterable[str] | None = None, withheld: Sequence[MessageRef] = ()) -> Hotline:
        """Take the logs in an order of parties, each log in its own order; None for that of saying."""
        parties = [each.by for each in self.entries] if order is None else order
        waiting = {party: [e for e in self.entries if e.by == party] for party in {*parties}}
        held: dict[str, int] = {}

        def had(received: Received, party: PartyId, n: int) -> bool:
            sizes = [head.size for of, head in received if of == party]
            return any(n < size <= held.get(party, 0) for size in sizes)

        def is_read(party: PartyId, n: int) -> bool:
            return n < held.get(party, 0) and ref(party, n) not in withheld

        hotline = Hotline(had, is_read)
        for party in parties:
            entry = waiting[party].pop(0)
            held[party] = held.get(party, 0) + 1
            if ref(entry.by, entry.n) not in withheld:
                take(hotline, entry)
        return hotline


def take(hotline: Hotline, entry: Entry) -> None:
    """Take what an entry says, as the ledger does."""
    by, n, at_ms, said = entry.by, entry.n, entry.at_ms, entry.said
    match said:
        case Message():
            is_machine = said.type.speaker is Speaker.NODE
            hotline.take(sent_of(entry) if not is_machine else replace(sent_of(entry), person=None))
        case tuple():
            hotline.take_seen(by, said, Read(person=entry.person, at_ms=at_ms, n=n), entry.received)
        case Heard():
            hotline.take_heard(HeardSaid(party=by, person=entry.person, at_ms=at_ms, n=n, heard=said))
        case DutyChange():
            hotline.take_duty(by, entry.person, said, at_ms, n)


def sent_of(entry: Entry) -> Sent:
    assert isinstance(entry.said, Message)
    return Sent(
        ref=ref(entry.by, entry.n),
        message=entry.said,
        person=entry.person,
        at_ms=entry.at_ms,
        received=entry.received,
        stated_ms=entry.at_ms,
    )
