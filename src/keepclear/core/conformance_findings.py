"""What conformance finds: which track flies what, what contradicts a declaration, and what cannot be told.

A finding is of one cycle. It says since when it holds, on which reports it rests, and how urgent it is;
its signal is what becomes an alert. What could not be decided is listed, and is never taken for order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple

from keepclear.core.altitudes import UNKNOWN_AIR, Atmosphere
from keepclear.core.conflicts import Item
from keepclear.core.constraints import Constraint
from keepclear.core.containment import Certainty
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import IntentEvent, IntentState, ItemId, PartyId
from keepclear.core.refs import VERSION_MAX
from keepclear.core.signals import Signal, SignalKey, SignalKind, Urgency

SECONDS_MAX: Final = 86_400.0
"""No span of time of the settings is longer: a day."""
DISTANCE_MAX_M: Final = 1_000_000.0
"""No distance of the settings is longer."""
LOOKAHEAD_MAX_S: Final = 300.0
"""No entry into a zone is looked for farther ahead: nobody flies straight for longer."""
UNDECIDED_MAX: Final = 2_000
"""So many things that cannot be told are listed of one cycle; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """An item that tracks are compared with, as this node holds it.

    Attributes:
        item: The operation or zone; its id is how this node calls it.
        version: Its version as it is held.
        is_coarse: Whether it only stands round something that is withheld: a track in it may be what is
            withheld, and nothing else is told of it.

    Raises:
        InvalidValueError: The version is out of range, or a zone is coarse.
    """

    item: Item
    version: int = 1
    is_coarse: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.version <= VERSION_MAX:
            raise InvalidValueError("version", f"{self.version} is no version; they count from 1")
        if self.is_coarse and isinstance(self.item, Constraint):
            raise InvalidValueError("is_coarse", "only what stands round an operation is coarse, not a zone")


class Ignorance(NamedTuple):
    """Something declared of which nobody here can tell where it is.

    Attributes:
        reason: What it is, as a clause without a full stop.
        window_ms: When it may be, milliseconds since 1970, ends included; None for at any time.
    """

    reason: str
    window_ms: tuple[int, int] | None = None

    def may_be_at(self, ms: int) -> bool:
        """Tell whether it may be somewhere at an instant."""
        return self.window_ms is None or self.window_ms[0] <= ms <= self.window_ms[1]


Coverage = Callable[[Declared], bool]
"""Tells of an operation whether a source that could see it is live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceSettings:
    """What counts.

    Attributes:
        atmosphere: Between which bounds the air is: what a pressure altitude means above the ellipsoid.
        grace_s: An excursion that lasts no longer makes no signal; nor does anything begin or end a state.
        contingent_after_s: An excursion that lasts longer makes its operation contingent.
        not_seen_after_s: An operation that is under way for longer without a track is not seen.
        settled_after_s: A track that was assigned by its place alone, and was there for so long, stays
            assigned when it leaves.
        mistimed_max_s: A track that nothing assigns is taken for early or late by no more than this.
        far_m: A track that is farther from the operation that it claims, and was never in it, does not fly
            it.
        lookahead_s: So far ahead the entry into a zone is looked for; 0.0 for not at all.
        tells_undeclared: Whether tracks that fit nothing are told of; without it they are counted only.

    Raises:
        InvalidValueError: A number is not finite, is negative or too large.
    """

    atmosphere: Atmosphere = UNKNOWN_AIR
    grace_s: float = 5.0
    contingent_after_s: float = 60.0
    not_seen_after_s: float = 60.0
    settled_after_s: float = 30.0
    mistimed_max_s: float = 900.0
    far_m: float = 50_000.0
    lookahead_s: float = 120.0
    tells_undeclared: bool = True

    def __post_init__(self) -> None:
        for name, most in (
            ("grace_s", SECONDS_MAX),
            ("contingent_after_s", SECONDS_MAX),
            ("not_seen_after_s", SECONDS_MAX),
            ("settled_after_s", SECONDS_MAX),
            ("mistimed_max_s", SECONDS_MAX),
            ("far_m", DISTANCE_MAX_M),
            ("lookahead_s", LOOKAHEAD_MAX_S),
        ):
            value = getattr(self, name)
            if not 0.0 <= value <= most:  # also catches NaN
                raise InvalidValueError(name, f"{value!r} is not within 0..{most:,.0f}")


class AssignedBy(Enum):
    """By what a track was taken for an operation; the first that tells counts."""

    ID = "id"
    """It says which operation it flies."""
    CALLSIGN = "callsign"
    """It has the callsign of the operation."""
    CONTAINMENT = "containment"
    """It is, or was for long, inside what this operation alone declares there."""


class Assignment(NamedTuple):
    """A track that is taken for the aircraft of an operation.

    Attributes:
        track: The id of the aircraft.
        item: The operation.
        by: Why.
        where: Whether it is inside what is declared for this instant: OUTSIDE, POSSIBLE or INSIDE.
        since_ms: Since when it is assigned, by the time of its positions.
    """

    track: str
    item: ItemId
    by: AssignedBy
    where: Certainty
    since_ms: int


class Candidates(NamedTuple):
    """A track that fits several operations, and is assigned to none of them.

    Attributes:
        track: The id of the aircraft.
        items: The operations, sorted.
    """

    track: str
    items: tuple[ItemId, ...]


class Undecided(NamedTuple):
    """What could not be told, and must not be taken for order.

    Attributes:
        track: The id of the aircraft; empty where it is of an operation, or of many tracks.
        item: The item; empty where it is of none.
        reason: What cannot be told and why, as a clause without a full stop.
    """

    track: str
    item: str
    reason: str

    def __str__(self) -> str:
        about = " and ".join(repr(each) for each in (self.track, self.item) if each)
        return f"{about}: {self.reason}" if about else self.reason


class Suggestion(NamedTuple):
    """What the state of an operation should become by what is seen.

    Attributes:
        item: The operation.
        party: Whose it is: its own node may propose the change.
        state: Its state as declared.
        event: What has happened.
        track: The aircraft by which it is seen.
        since_ms: Since when.
        cause: In English, as a clause without a full stop.
    """

    item: ItemId
    party: PartyId | None
    state: IntentState
    event: IntentEvent
    track: str
    since_ms: int
    cause: str


_NO_FACTS: Final[Mapping[str, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceFinding:
    """What contradicts a declaration, in one cycle.

    Attributes:
        kind: What it is.
        track: The id of the aircraft; empty for `NOT_SEEN`.
        item: The item concerned, as this node calls it; None where there is none.
        item_version: Its version as it is held.
        state: The state of the operation as declared; None for zones and where there is no item.
        urgency: How urgent it is.
        is_present: Whether it is so now; else it is predicted.
        t_in_s: When it begins, seconds from the cycle's instant; 0.0 if it is present.
        is_certain: Whether it is so whatever the errors are.
        since_ms: Since when it holds, by the time of its reports.
        last_ms: The time of the last report that bears it out.
        duration_s: How long it has held at the cycle's instant, seconds.
        facts: Numbers that belong to it, by names that end in their unit, such as `lateral_m`.
        others: Other ids concerned: tracks that claim the same, operations that fit, sorted.
        cause: In English, as a clause without a full stop.
        makes_signal: Whether it is a signal; within the grace it is not.
    """

    kind: SignalKind
    track: str
    item: ItemId | None
    item_version: int | None
    state: IntentState | None
    urgency: Urgency
    is_present: bool = True
    t_in_s: float = 0.0
    is_certain: bool = True
    since_ms: int
    last_ms: int
    duration_s: float
    facts: Mapping[str, float] = field(default_factory=lambda: _NO_FACTS)
    others: tuple[str, ...] = ()
    cause: str
    makes_signal: bool = True

    @property
    def key(self) -> SignalKey:
        """What it is about."""
        return SignalKey(self.kind, self.track, "" if self.item is None else self.item)

    @property
    def signal(self) -> Signal:
        """The signal of it."""
        return Signal(
            key=self.key,
            urgency=self.urgency,
            is_present=self.is_present,
            t_in_s=self.t_in_s,
            item=self.item,
            item_version=self.item_version,
            facts=self.facts,
            cause=self.cause,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceCycle:
    """What one look finds.

    Attributes:
        at_ms: The instant, milliseconds since 1970.
        assignments: Which track flies what, by the id of the aircraft.
        candidates: The tracks that fit several operations, sorted by id.
        findings: What contradicts a declaration: by track, kind and item.
        signals: The findings that are signals, as such, in the same order.
        suggestions: What states should become, sorted by item.
        undecided: What cannot be told, sorted; at most `UNDECIDED_MAX`.
        undecided_count: How many there are in all.
        undeclared_count: How many of the tracks that are assigned to nothing fit nothing.
    """

    at_ms: int
    assignments: Mapping[str, Assignment]
    candidates: tuple[Candidates, ...]
    findings: tuple[ConformanceFinding, ...]
    signals: tuple[Signal, ...]
    suggestions: tuple[Suggestion, ...]
    undecided: tuple[Undecided, ...]
    undecided_count: int
    undeclared_count: int


def distance_words(distance_m: float) -> str:
    """Write a distance for people: metres up to a kilometre, then kilometres."""
    return f"{distance_m:,.0f} m" if distance_m < 1_000.0 else f"{distance_m / 1_000.0:,.1f} km"


def duration_words(duration_s: float) -> str:
    """Write a duration for people: seconds up to two minutes, then minutes, then hours."""
    if duration_s < 120.0:
        return f"{duration_s:.0f} s"
    return f"{duration_s / 60.0:.0f} min" if duration_s < 7_200.0 else f"{duration_s / 3_600.0:.1f} h"
