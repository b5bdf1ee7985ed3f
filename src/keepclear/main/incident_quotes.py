"""Checking what a report of an incident quotes: against the logs in it, and those that the verifier holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from hashlib import sha256
from typing import Final, NamedTuple, TypeVar

from keepclear import verify_export
from keepclear.codec.cards import PartyCard
from keepclear.codec.quoted import Quoted, ReadLog, quote, read_export
from keepclear.codec.words import count_text, instant_text
from keepclear.core.errors import InvalidValueError
from keepclear.core.incidents import Incident, QuotedMessage, QuotedReceipt, QuotedVersion
from keepclear.core.intents import PartyId
from keepclear.core.refs import ItemRef
from keepclear.core.times import instant_of
from keepclear.main.incident_making import places_of

NAMED_MAX: Final = 20
"""So many things of one kind that do not hold are named; the others are counted."""
_V = TypeVar("_V")


class Outcome(Enum):
    """What came of a check."""

    HOLDS = "holds"
    """It is so."""
    FAILS = "FAILS"
    """It is not so."""
    UNDECIDED = "cannot decide"
    """Something that it needs is missing."""
    CLAIMED = "only claimed"
    """Nobody but the claimant can vouch for it."""
    TOLD = "compared"
    """It is compared with what the verifier has; people judge it."""


class Check(NamedTuple):
    """One check.

    Attributes:
        outcome: What came of it.
        text: What was checked, and where it does not hold, in a sentence without a full stop.
    """

    outcome: Outcome
    text: str


class CheckedLogs:
    """The logs that are in the proofs of a report, and whether each of them holds.

    Args:
        cards: The cards that the verifier has pinned, by party.

    Attributes:
        read: The logs that hold, by party; where the verifier gave a longer one, that.
        shown: How many entries the report shows of each log.
        broken: The parties whose logs do not hold.
    """

    def __init__(self, cards: Mapping[str, PartyCard]) -> None:
        self._cards = cards
        self._exports: dict[str, bytes] = {}
        self.read: dict[str, ReadLog] = {}
        self.shown: dict[str, int] = {}
        self.broken: set[str] = set()

    def take(self, name: str, data: bytes) -> Iterator[Check]:
        """Verify an export, and read it."""
        party = name.removeprefix("proofs/").removesuffix(".json")
        try:
            parties = [log["party"] for log in json.loads(data)["logs"]]
        except (ValueError, TypeError, KeyError, RecursionError):
            parties = []
        if parties != [party]:
            self.broken.add(party)
            yield Check(Outcome.FAILS, f"{name} is not the export of the log of {party!r}")
            return
        card = self._cards.get(party)
        roots = [] if card is None else [sha256(card.root).hexdigest()]
        try:
            verify_export.verify(data, roots)
            (log,) = read_export(data)
        except (verify_export.Refused, InvalidValueError) as error:
            self.broken.add(party)
            yield Check(Outcome.FAILS, f"the log of {party!r} does not hold: {error}"[:1_000])
            return
        self.read[party], self._exports[party] = log, data
        self.shown[party] = log.size
        if card is None:
            text = f"whose the log of {party!r} is: it agrees with itself, and its root key is not pinned"
            yield Check(Outcome.UNDECIDED, f"{text} (--card)")
        else:
            end = "" if log.last_ms is None else f", the last of {instant_text(instant_of(log.last_ms))}"
            text = f"the log of {party!r} is its own, {count_text(log.size, 'entry', 'entries')}{end}"
            yield Check(Outcome.HOLDS, text)
        if log.withheld:
            text = f"what {count_text(len(log.withheld), 'entry', 'entries')} of the log of {party!r} say"
            yield Check(Outcome.CLAIMED, f"{text}, which the claimant may not read or does not show")

    def node_keys(self, party: str, kid: str) -> list[bytes]:
        """Return the node keys of that name that count at the end of a log, if its root key is pinned."""
        log = self._own(party)
        key = None if log is None else log.keys.node_key(kid, log.size)
        return [] if key is None else [key]

    def has_revoked(self, party: str, kid: str) -> bool:
        """Tell whether a key of that name counts no more at the end of a log whose root key is pinned."""
        return self._own(party) is not None and not self.node_keys(party, kid)

    def _own(self, party: str) -> ReadLog | None:
        log, card = self.read.get(party), self._cards.get(party)
        return log if log is not None and card is not None and log.root_key == card.root else None

    def compare(self, exports: Sequence[bytes]) -> Iterator[Check]:
        """Compare the logs with those that the verifier has, and go on with the longer ones."""
        for data in exports:
            try:
                verify_export.verify(data)
            except verify_export.Refused as error:
                raise InvalidValueError("log", f"an export that you gave: {error}") from None
            for own in read_export(data):
                shown = self.read.get(own.party)
                if shown is None:
                    self.read[own.party] = own
                    yield Check(Outcome.TOLD, f"the log of {own.party!r} is not in the report; yours is used")
                    continue
                both = min(own.size, shown.size)
                if _statements(own, both) != _statements(shown, both):
                    self.broken.add(own.party)
                    yield Check(Outcome.FAILS, f"the log of {own.party!r} is another than the one you hold")
                    continue
                more = own.size - shown.size
                if more > 0:
                    self.read[own.party] = own
                    text = (
                        f"your log of {own.party!r} has {more:,} more entries than the report's; it is used"
                    )
                    yield Check(Outcome.TOLD, text)
                else:
                    yield Check(Outcome.HOLDS, f"the log of {own.party!r} is the one that you hold")

    def known(self, claimant: str, at_ms: int) -> dict[str, int]:
        """Return how many entries of each log the claimant surely had at an instant of its own clock.

        Those that its report shows, those that its own statements until then say it had received, and of its
        own log whatever it had stated.
        """
        known = dict(self.shown)
        log = self.read.get(claimant)
        for statement in () if log is None else log.statements:
            if statement.at_ms <= at_ms:
                for party in self.read:
                    known[party] = max(known.get(party, 0), statement.received_of(PartyId(party)))
                known[claimant] = max(known.get(claimant, 0), statement.n + 1)
        return known


def _statements(log: ReadLog, size: int) -> dict[int, object]:
    return {each.n: each for each in log.statements if each.n < size}


# -- what is quoted ---------------------------------------------------------------------------------


def quotes_checked(incident: Incident, logs: CheckedLogs, made_ms: int) -> Iterator[Check]:
    """Check that what is quoted stands in the logs, and that nothing is left out that stands there.

    What stands in a longer log of the verifier, and had not surely reached the claimant, is only told.

    Args:
        incident: What is claimed.
        logs: The logs, taken and compared already.
        made_ms: When the report was made, milliseconds since 1970.
    """
    needed = {each.ref.party for each in incident.declared} | {each.party for each in incident.receipts}
    needed |= {each.by for each in incident.messages} | {incident.claimant}
    missing = sorted(needed - logs.read.keys() - logs.broken)
    if missing:
        text = f"what is quoted of {', '.join(map(repr, missing))}: the log is not in the report"
        yield Check(Outcome.UNDECIDED, f"{text}; give your own export of it (--log)")
    flew = {(each.party, each.id) for aircraft in incident.aircraft for each in aircraft.flew}
    held = [log for party, log in sorted(logs.read.items()) if party not in logs.broken]
    if not held:
        return
    quoted = quote(held, incident.from_ms, incident.to_ms, places_of(incident.aircraft), flew)
    told = _of_known(incident, set(missing) | logs.broken)
    known = logs.known(incident.claimant, made_ms)
    yield from _of_versions(told.declared, quoted.declared, known)
    yield from _of_receipts(told.receipts, quoted.receipts, known)
    yield from _of_messages(told.messages, quoted.messages, known)


def _of_known(incident: Incident, unknown: AbstractSet[str]) -> Quoted:
    """Leave out what is quoted of logs that are not there: it has been told that this cannot be decided."""
    return Quoted(
        tuple(each for each in incident.declared if each.ref.party not in unknown),
        tuple(
            each for each in incident.receipts if each.party not in unknown and each.ref.party not in unknown
        ),
        tuple(each for each in incident.messages if each.by not in unknown),
    )


def _of_versions(
    told: Sequence[QuotedVersion], proven: Sequence[QuotedVersion], known: Mapping[str, int]
) -> Iterator[Check]:
    def key(each: QuotedVersion) -> tuple[ItemRef, int]:
        return each.ref, each.n

    def name(each: QuotedVersion) -> str:
        return f"{ref_text(each.ref)} (entry {each.n} of the log of {each.ref.party!r})"

    def same(one: QuotedVersion, other: QuotedVersion) -> bool:
        return (one.at_ms, one.what, one.text) == (other.at_ms, other.what, other.text)

    def is_known(each: QuotedVersion) -> bool:
        return each.n < known.get(each.ref.party, 0)

    yield from _compared("declaration", told, proven, key, name, same, is_known)


def _of_receipts(
    told: Sequence[QuotedReceipt], proven: Sequence[QuotedReceipt], known: Mapping[str, int]
) -> Iterator[Check]:
    def key(each: QuotedReceipt) -> tuple[ItemRef, str, str]:
        return each.ref, each.party, each.kind

    def name(each: QuotedReceipt) -> str:
        who = f" by {each.person}" if each.person else ""
        return f"{ref_text(each.ref)} {each.kind} at {each.party!r}{who} (entry {each.n} of its log)"

    def is_known(each: QuotedReceipt) -> bool:
        return each.n < known.get(each.party, 0)

    yield from _compared("receipt", told, proven, key, name, lambda one, other: one == other, is_known)


def _of_messages(
    told: Sequence[QuotedMessage], proven: Sequence[QuotedMessage], known: Mapping[str, int]
) -> Iterator[Check]:
    def key(each: QuotedMessage) -> tuple[str, int]:
        return each.by, each.n

    def name(each: QuotedMessage) -> str:
        code = "that messages were read" if each.message is None else each.message.code.value
        return f"{code} (entry {each.n} of the log of {each.by!r})"

    def is_known(each: QuotedMessage) -> bool:
        return each.n < known.get(each.by, 0)

    yield from _compared("message", told, proven, key, name, lambda one, other: one == other, is_known)


def _compared(
    what: str,
    told: Sequence[_V],
    proven: Sequence[_V],
    key: Callable[[_V], object],
    name: Callable[[_V], str],
    same: Callable[[_V, _V], bool],
    is_known: Callable[[_V], bool],
) -> Iterator[Check]:
    by_key = {key(each): each for each in proven}
    quoted = {key(each) for each in told}
    faults: list[str] = []
    for each in told:
        other = by_key.get(key(each))
        if other is None:
            faults.append(f"{name(each)} is quoted, and the logs do not say so")
        elif not same(each, other):
            faults.append(f"{name(each)} is quoted otherwise than the log says")
    missing = [each for other, each in by_key.items() if other not in quoted]
    faults += [
        f"{name(each)} is left out: the logs say so, and the report does not"
        for each in missing
        if is_known(each)
    ]
    if len(quoted) < len(told):
        faults.append("something is quoted twice")
    unheard = [
        f"{name(each)} is not in the report, and nothing shows that it had reached the claimant by then"
        for each in missing
        if not is_known(each)
    ]
    yield from _named(Outcome.FAILS, faults, what)
    yield from _named(Outcome.TOLD, unheard, what)
    if not faults:
        yield Check(
            Outcome.HOLDS, f"{count_text(len(told), what)} quoted as the logs have them, and none left out"
        )


def _named(outcome: Outcome, texts: Sequence[str], what: str) -> Iterator[Check]:
    for text in texts[:NAMED_MAX]:
        yield Check(outcome, f"{what}: {text}")
    if len(texts) > NAMED_MAX:
        yield Check(outcome, f"{what}: the same of {len(texts) - NAMED_MAX:,} more")


def ref_text(ref: ItemRef) -> str:
    """Name a version of an item."""
    return f"{ref.party}:{ref.id} version {ref.version}"
