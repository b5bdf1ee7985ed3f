"""Incidents: what one party claims about one or two aircraft, with everything that it rests on.

An incident holds what was observed (reports), what was declared and who had received and seen it (quoted
from the parties' logs), what was said, and what alerts there were. What follows from the reports is never
kept in it: `incident_findings` computes it, at the claimant and at whoever doubts the claim alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from keepclear.core.conflicts import Item
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.kinds import TrackKind
from keepclear.core.messages import Message
from keepclear.core.refs import ItemRef, MessageRef, check_text
from keepclear.core.reports import Reports
from keepclear.core.rules import AnyRule
from keepclear.core.times import TIME_MAX, floor_ms

WINDOW_MAX_S: Final = 14_400.0
"""An incident lasts no longer: four hours."""
MARGIN_S: Final = 120.0
"""Reports are kept from so long before the incident until so long after it."""
REPORTS_MAX: Final = 200_000
"""So many reports an incident holds at most."""
SOURCES_MAX: Final = 64
"""So many sources of one aircraft it holds at most."""
QUOTED_MAX: Final = 2_000
"""So many versions of items are quoted at most, so many messages, and so many steps of alerts."""
RECEIPTS_MAX: Final = 20_000
"""So many receipts are quoted at most."""
CAUSE_CHARACTERS_MAX: Final = 2_000
"""No sentence in it is longer."""


class FlewBy(Enum):
    """By what an aircraft is taken for the one of an operation."""

    REPORTED = "reported"
    """Its reports say so."""
    CALLSIGN = "callsign"
    """It has the callsign of the operation."""
    CLAIMED = "claimed"
    """The claimant says so, and nothing else does."""


class Flew(NamedTuple):
    """An operation that an aircraft is said to have flown.

    Attributes:
        party: Whose operation.
        id: The operation, as its owner calls it.
        by: How that is known.
    """

    party: PartyId
    id: ItemId
    by: FlewBy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObservedAircraft:
    """An aircraft as the claimant observed it.

    Attributes:
        id: What the claimant calls it.
        party: Whose it is, as its reports say; None where they do not.
        kind: What it is, as its reports say.
        callsign: What it is called by radio; None where it is not told.
        flew: The operations that it is said to have flown.
        sources: Its reports in the order of receipt, those of each source by themselves.

    Raises:
        InvalidValueError: A word is none, or there are too many sources.
    """

    id: str
    party: PartyId | None = None
    kind: TrackKind = TrackKind.UNKNOWN
    callsign: str | None = None
    flew: tuple[Flew, ...] = ()
    sources: tuple[Reports, ...]

    def __post_init__(self) -> None:
        check_text("id", self.id)
        if len(self.sources) > SOURCES_MAX:
            raise InvalidValueError("sources", f"{len(self.sources)} are over the limit of {SOURCES_MAX}")

    @property
    def report_count(self) -> int:
        """How many reports there are of it."""
        return sum(len(reports) for reports in self.sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedVersion:
    """A version of an item, as its owner stated it in its log.

    Attributes:
        ref: Which version of which item.
        n: The entry of the owner's log.
        at_ms: When, by the owner's clock, milliseconds since 1970.
        what: `declared`, `amended`, `state_changed` or `withdrawn`.
        text: The item as the owner wrote it; None where it was withdrawn.
        item: What can be made of it; None where nothing can.
        remark: What is wrong with it; None where nothing is.
    """

    ref: ItemRef
    n: int
    at_ms: int
    what: str
    text: bytes | None
    item: Item | None
    remark: str | None = None


class ReceiptKind(Enum):
    """How far something had come; never mixed up."""

    DELIVERED = "delivered"
    """The other node had it."""
    SEEN = "seen"
    """An officer has signed to have seen it."""
    OBJECTED = "objected"
    """An officer has objected to it."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class QuotedReceipt:
    """That a version of an item had come to another party.

    Attributes:
        ref: Which version of which item.
        party: To whom.
        kind: How far, by its value.
        n: The entry of that party's log that says so.
        at_ms: When, by that party's clock, milliseconds since 1970.
        person: The officer; empty for what a node says.
    """

    ref: ItemRef
    party: PartyId
    kind: str
    n: int
    at_ms: int
    person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedMessage:
    """A message of the hotline, or that some were read.

    Attributes:
        by: Who says it.
        n: The entry of that party's log.
        at_ms: When, by that party's clock, milliseconds since 1970.
        person: The officer; empty for what a node says.
        message: What is said; None where it is that messages were read.
        seen: Which messages were read; empty where one is said.
    """

    by: PartyId
    n: int
    at_ms: int
    person: str
    message: Message | None
    seen: tuple[MessageRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStep:
    """Something that happened to an alert of the claimant.

    Attributes:
        alert: The id of the alert.
        kind: What it is about, such as `encounter`.
        a: The id of one aircraft.
        b: The id of the other, or of an item; may be empty.
        at_ms: When, by the claimant's clock, milliseconds since 1970.
        change: What happened, such as `opened`.
        urgency: How urgent it was then.
        cause: In English.
        person: Who did it; empty for what the watch did.
    """

    alert: str
    kind: str
    a: str
    b: str
    at_ms: int
    change: str
    urgency: str
    cause: str
    person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Incident:
    """What is claimed, and what it rests on.

    Attributes:
        claimant: Who claims it.
        claim: What is claimed, in a sentence of the claimant's; may be empty.
        from_ms: When it begins, milliseconds since 1970.
        to_ms: When it ends.
        aircraft: One or two.
        rule_set: The name of the rule set by which it is judged.
        rule: The rule of it that applies between the two; None for one aircraft, or where none does.
        degraded_s: So long after a report a position is still known.
        declared: The versions of items that are quoted, by party, id and version.
        receipts: Who had received and seen them.
        messages: What was said on the hotline about then.
        alerts: What became of the claimant's alerts.
        gaps: What could not be read of the recording, in sentences.

    Raises:
        InvalidValueError: The window is none or too long, there are not one or two aircraft, or there is
            too much of something.
    """

    claimant: PartyId
    claim: str = ""
    from_ms: int
    to_ms: int
    aircraft: tuple[ObservedAircraft, ...]
    rule_set: str
    rule: AnyRule | None = None
    degraded_s: float = 30.0
    declared: tuple[QuotedVersion, ...] = ()
    receipts: tuple[QuotedReceipt, ...] = ()
    messages: tuple[QuotedMessage, ...] = ()
    alerts: tuple[AlertStep, ...] = ()
    gaps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_text("claimant", self.claimant)
        check_text("claim", self.claim, CAUSE_CHARACTERS_MAX, least=0)
        if not 0 <= self.from_ms <= floor_ms(TIME_MAX):
            raise InvalidValueError("from", f"{self.from_ms} is no instant from 1970 to {TIME_MAX.year}")
        if not 0 <= self.to_ms - self.from_ms <= WINDOW_MAX_S * 1_000.0:
            reason = (
                f"an incident lasts up to {WINDOW_MAX_S / 3_600.0:g} h, and does not end before it begins"
            )
            raise InvalidValueError("to", reason)
        if not 1 <= len(self.aircraft) <= 2 or len({each.id for each in self.aircraft}) < len(self.aircraft):
            raise InvalidValueError("aircraft", "there must be one, or two that are not the same")
        if not 0.0 < self.degraded_s <= 3_600.0:
            raise InvalidValueError("degraded_s", f"{self.degraded_s!r} is not over 0 and up to 3600")
        count = sum(each.report_count for each in self.aircraft)
        if count > REPORTS_MAX:
            reason = f"{count:,} are over the limit of {REPORTS_MAX:,}; report a shorter time"
            raise InvalidValueError("reports", reason)
        for field, most in (
            ("declared", QUOTED_MAX),
            ("receipts", RECEIPTS_MAX),
            ("messages", QUOTED_MAX),
            ("alerts", QUOTED_MAX),
            ("gaps", QUOTED_MAX),
        ):
            if len(getattr(self, field)) > most:
                raise InvalidValueError(field, f"there are over {most:,}; report a shorter time")

    def in_force(self, party: str, item_id: str, at_ms: int) -> QuotedVersion | None:
        """Return the version of an item that its owner had stated last by an instant; None for none."""
        stated = [
            each
            for each in self.declared
            if (each.ref.party, each.ref.id) == (party, item_id) and each.at_ms <= at_ms
        ]
        return max(stated, key=lambda each: each.n, default=None)
