"""What is found of an incident, as values: when separation was lost, and who was where.

Three answers are kept apart: as reported; certain, whatever the errors are; and possible, which is what
cannot be excluded. How it is computed is told by `incident_judge`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

import numpy as np

from keepclear.core.geodesy import Floats, LatLng
from keepclear.core.packed import Ints
from keepclear.core.refs import ItemRef
from keepclear.core.reports import Flags

SPANS_MAX: Final = 200
"""So many spans of one finding are listed; the others are counted."""


class Span(NamedTuple):
    """A span of time from one sampled instant to another, both included, milliseconds since 1970."""

    from_ms: int
    to_ms: int

    @property
    def duration_s(self) -> float:
        """How long it lasts, seconds; 0.0 for one instant."""
        return (self.to_ms - self.from_ms) / 1_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """When something was so, kept apart by how sure that is; each begins and ends at a sampled instant.

    Attributes:
        certain: Whatever the errors are.
        reported: By the positions as reported.
        possible: As far as it cannot be excluded, at instants of which nothing is known too.
        unlisted_count: How many more there are of all three together.
    """

    certain: tuple[Span, ...] = ()
    reported: tuple[Span, ...] = ()
    possible: tuple[Span, ...] = ()
    unlisted_count: int = 0


def longest_s(spans: tuple[Span, ...]) -> float | None:
    """Return how long the longest of some spans lasts, seconds; None for none."""
    return max((span.duration_s for span in spans), default=None)


class Standing(Enum):
    """How sure something is."""

    CERTAIN = "certain"
    """It was so, whatever the errors of the reports are."""
    REPORTED = "reported"
    """It was so by the positions as reported; within their errors it may not have been."""
    POSSIBLE = "possible"
    """By the positions as reported it was not so; it cannot be excluded."""
    EXCLUDED = "excluded"
    """It was not so at any instant of the window, whatever the errors are."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Separation:
    """How far two aircraft were apart, at k sampled instants. NaN where not known.

    Attributes:
        at_ms: The instants, milliseconds since 1970, shape (k,).
        lateral_m: The lateral distance, metres, shape (k,).
        lateral_error_m: How far it may be off; infinite where it is not known.
        vertical_m: The vertical distance, 0.0 or more.
        vertical_error_m: How far it may be off; infinite where it is not known.
    """

    at_ms: Ints
    lateral_m: Floats
    lateral_error_m: Floats
    vertical_m: Floats
    vertical_error_m: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Closest:
    """The least of a distance, and what else was so then.

    Attributes:
        at_ms: When, milliseconds since 1970.
        lateral_m: How far apart laterally, metres.
        lateral_error_m: How far that may be off.
        vertical_m: How far apart vertically; NaN where not known.
        vertical_error_m: How far that may be off; infinite where not known.
        positions: Where both were.
    """

    at_ms: int
    lateral_m: float
    lateral_error_m: float
    vertical_m: float
    vertical_error_m: float
    positions: tuple[LatLng, LatLng]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelFinding:
    """What one level of the rule says.

    Attributes:
        level: Its name.
        lateral_m: Its lateral minimum, its tolerance taken off, metres.
        vertical_m: Its vertical minimum; infinite where it judges laterally alone.
        lasting_s: A loss counts only if it lasts longer, seconds.
        spans: When separation was lost.
        standing: Whether it was, for as long as the level wants.
    """

    level: str
    lateral_m: float
    vertical_m: float
    lasting_s: float
    spans: Spans
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFinding:
    """That an aircraft was outside of its operation, or inside of what another party declared.

    Attributes:
        aircraft: Which aircraft.
        refs: The versions that were in force then, by version.
        is_outside: Whether it is about being outside; else about being inside.
        is_zone: Whether the item is a zone.
        spans: When.
        standing: Whether it was so at all.
        farthest_m: How far outside laterally at most as reported; None where it never was.
        off_m: How far above or below at most as reported; None where it never was.
        undeclared: When nothing was declared by its owner, or the item was over.
    """

    aircraft: str
    refs: tuple[ItemRef, ...]
    is_outside: bool
    is_zone: bool
    spans: Spans
    standing: Standing
    farthest_m: float | None = None
    off_m: float | None = None
    undeclared: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AircraftFinding:
    """What is known of one aircraft.

    Attributes:
        aircraft: Which.
        report_counts: How many reports each source told within the window, by source.
        first_ms: The first of them within the window; None where there is none.
        last_ms: The last.
        gap_s: The longest time within the window without one, seconds.
        unknown_s: For about so many seconds of the window it is not known where it was.
        delay_s: How much later than it was there a position was received at most, seconds.
    """

    aircraft: str
    report_counts: tuple[tuple[str, int], ...]
    first_ms: int | None
    last_ms: int | None
    gap_s: float
    unknown_s: float
    delay_s: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IncidentFindings:
    """What the reports of an incident show.

    Attributes:
        aircraft: What is known of each.
        separation: How far the two were apart; None for one aircraft.
        closest: When they were laterally closest; None where that is not known.
        worst: When they were closest by both minima of the highest level; None where that is not known.
        levels: What each level says, the least urgent first.
        places: Who was where it should not be.
        not_known: What is not known, and what was assumed, in sentences.
    """

    aircraft: tuple[AircraftFinding, ...]
    separation: Separation | None
    closest: Closest | None
    worst: Closest | None
    levels: tuple[LevelFinding, ...]
    places: tuple[PlaceFinding, ...]
    not_known: tuple[str, ...]


def standing_of(
    certain: Flags, reported: Flags, possible: Flags, at_ms: Ints, lasting_s: float = 0.0
) -> Standing:
    """Return how sure it is that something was so for longer than a time."""
    for standing, flags in (
        (Standing.CERTAIN, certain),
        (Standing.REPORTED, reported),
        (Standing.POSSIBLE, possible),
    ):
        if any(lasting_s == 0.0 or span.duration_s > lasting_s for span in runs(flags, at_ms)):
            return standing
    return Standing.EXCLUDED


def spans_of(certain: Flags, reported: Flags, possible: Flags, at_ms: Ints) -> Spans:
    """Return when something was so, as of `Spans`."""
    found = [tuple(runs(flags, at_ms)) for flags in (certain, reported, possible)]
    return Spans(
        certain=found[0][:SPANS_MAX],
        reported=found[1][:SPANS_MAX],
        possible=found[2][:SPANS_MAX],
        unlisted_count=sum(max(0, len(each) - SPANS_MAX) for each in found),
    )


def runs(flags: Flags, at_ms: Ints) -> Iterator[Span]:
    """Yield from when to when flags stand in a row, shapes (k,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield Span(int(at_ms[first]), int(at_ms[last - 1]))
