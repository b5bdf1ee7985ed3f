"""Conflicts: what was found of two items, and the witness that proves it.

Entering a keep-out zone is a conflict, entering a notify-first zone needs a notice. Priority never
hides a conflict. Who is judged against whom is the matter of `picture`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final

import numpy as np
import shapely

from keepclear.core.constraints import Constraint, ConstraintRule
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import Floats, LatLng, from_plane, plane_of, position_of
from keepclear.core.intents import ItemId, OperationalIntent, PartyId
from keepclear.core.judge import lateral_gap
from keepclear.core.packed import LATERAL_TOLERANCE_M, Ints, Margins, PackedVolumes
from keepclear.core.times import instant_of

LATERAL_BUFFER_MAX_M: Final = 100_000.0
"""The widest lateral buffer: up to here gaps are measured within 5 cm."""

Item = OperationalIntent | Constraint


class ConflictRule(Enum):
    """When two items conflict."""

    PER_VOLUME = "per-volume"
    """A volume of one meets a volume of the other in space, altitude and time."""
    PER_INTENT = "per-intent"
    """Their footprints meet, their bounding altitudes and their bounding times (F3548's key check)."""


class Verdict(Enum):
    """What was found of two items."""

    CONFLICT = "conflict"
    """They meet, or come within the buffer."""
    NOTICE_REQUIRED = "notice_required"
    """An operation enters a zone that asks for notice first."""
    NEAR_MISS = "near_miss"
    """They are clear of each other, by no more than the gaps asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """The full gap that two volumes must leave in one dimension at least; a gap equal to it conflicts.

    Attributes:
        lateral_m: Metres between footprints, at most `LATERAL_BUFFER_MAX_M`.
        vertical_m: Metres between altitude bands.
        time_s: Seconds between windows of time, to the millisecond.

    Raises:
        InvalidValueError: A gap is negative, not finite or too large.
    """

    lateral_m: float = 0.0
    vertical_m: float = 0.0
    time_s: float = 0.0

    def __post_init__(self) -> None:
        limits = (
            ("lateral", self.lateral_m, LATERAL_BUFFER_MAX_M, "m"),
            ("vertical", self.vertical_m, 100_000.0, "m"),
            ("time", self.time_s, 31 * 86_400.0, "s"),
        )
        for name, value, limit, unit in limits:
            if not 0.0 <= value <= limit:
                raise InvalidValueError(name, f"{value!r} is not a gap within 0..{limit:,.0f} {unit}")

    @property
    def margins(self) -> Margins:
        """The same for the judge."""
        return Margins(self.lateral_m, self.vertical_m, math.ceil(self.time_s * 1000.0 - 1e-6))


NO_BUFFER: Final = Buffer()


def widest_buffer(a: Buffer, b: Buffer) -> Buffer:
    """Return the gap that is kept where both are kept."""
    return Buffer(
        lateral_m=max(a.lateral_m, b.lateral_m),
        vertical_m=max(a.vertical_m, b.vertical_m),
        time_s=max(a.time_s, b.time_s),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """The gaps that items must leave: one for everybody, and wider ones between some parties.

    Attributes:
        buffer: The gap between any two parties.
        agreed: Further gaps, by two parties, sorted; where one is wider in a dimension it counts.
    """

    buffer: Buffer = NO_BUFFER
    agreed: Mapping[tuple[PartyId, PartyId], Buffer] = field(default_factory=dict)

    def between(self, a: PartyId | None, b: PartyId | None) -> Buffer:
        """Return the gap between items of two parties."""
        if a is None or b is None:
            return self.buffer
        agreed = self.agreed.get((min(a, b), max(a, b)))
        return self.buffer if agreed is None else widest_buffer(self.buffer, agreed)

    @property
    def widest(self) -> Buffer:
        """The gap that includes all of them."""
        return functools.reduce(widest_buffer, self.agreed.values(), self.buffer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Proof of a conflict: where and when a volume of each item is, and how deep they overlap.

    In each dimension either the overlap or the gap is over zero, or both are zero: they touch. Where
    there is a gap, the point, instant or altitude is in the middle of it; else it is inside both.

    Attributes:
        position: The point, in the middle of the widest place of the overlap.
        altitude_m: The altitude above the WGS84 ellipsoid, metres.
        time: The instant.
        lateral_overlap_m: The diameter of the largest circle within both footprints, metres.
        overlap_area_m2: The area that is within both footprints, square metres.
        vertical_overlap_m: How far the altitude bands overlap, metres; may be infinite.
        time_overlap_s: How long the windows of time overlap, seconds.
        lateral_gap_m: The gap between the footprints, metres.
        vertical_gap_m: The gap between the altitude bands, metres.
        time_gap_s: The gap between the windows of time, seconds.
    """

    position: LatLng
    altitude_m: float
    time: datetime
    lateral_overlap_m: float
    overlap_area_m2: float
    vertical_overlap_m: float
    time_overlap_s: float
    lateral_gap_m: float
    vertical_gap_m: float
    time_gap_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two items of a finding.

    Attributes:
        id: Its id.
        party: Whose it is.
        priority: Its priority.
        is_zone: Whether it is a constraint.
        volume: Which of its volumes the witness lies in, from 0.
    """

    id: ItemId
    party: PartyId | None
    priority: int
    is_zone: bool
    volume: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a finding tells of an item: all but its volumes.

    Attributes:
        id: Its id.
        party: Whose it is.
        priority: Its priority.
        rule: What a zone asks; None for an operation.
    """

    id: ItemId
    party: PartyId | None
    priority: int
    rule: ConstraintRule | None


def label_of(item: Item) -> Label:
    """Return the label of an item."""
    rule = item.rule if isinstance(item, Constraint) else None
    return Label(id=item.id, party=item.party, priority=item.priority, rule=rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Two items that meet, or nearly.

    Attributes:
        verdict: What was found.
        a: One item: the one that comes first in the picture.
        b: The other.
        witness: The proof, from the pair of volumes that meets first in time.
        volume_pairs: Every pair of volumes (of `a`, of `b`) that meets, sorted.
    """

    verdict: Verdict
    a: Side
    b: Side
    witness: Witness
    volume_pairs: tuple[tuple[int, int], ...]


def _axis(a_low: float, a_high: float, b_low: float, b_high: float) -> tuple[float, float, float]:
    """Return the middle of what two closed spans share, or of their gap; its size; and the gap's."""
    low, high = max(a_low, b_low), min(a_high, b_high)
    if math.isinf(low) and math.isinf(high):
        return 0.0, math.inf, 0.0
    if math.isinf(low):
        return high, math.inf, 0.0
    if math.isinf(high):
        return low, math.inf, 0.0
    return low + (high - low) / 2.0, max(0.0, high - low), max(0.0, low - high)


def _lateral_overlap(a_ring: Floats, b_ring: Floats, touching_m: float) -> tuple[LatLng, float, float, float]:
    """Return the witness point of two footprints, the width and area of the overlap, and the gap.

    Args:
        a_ring: Unit vectors, shape (n, 3).
        b_ring: Unit vectors, shape (m, 3).
        touching_m: A gap up to this counts as touching, metres.
    """
    gap_m, point = lateral_gap(a_ring, b_ring)
    if gap_m > touching_m:
        return position_of(point), 0.0, 0.0, gap_m
    a_polygon, b_polygon = (shapely.polygons(plane_of(point, ring)) for ring in (a_ring, b_ring))
    common = shapely.intersection(a_polygon, b_polygon)
    area_m2 = float(shapely.area(common))
    parts = [part for part in shapely.get_parts(common).tolist() if shapely.area(part) > 0.0]
    if not parts:  # they only touch
        return position_of(point), 0.0, 0.0, 0.0
    widest, width_m = None, 0.0
    for part in parts:
        # From the centre of the largest circle within the part to its rim.
        spoke = shapely.maximum_inscribed_circle(part, tolerance=1e-3 * math.sqrt(shapely.area(part)))
        if 2.0 * float(shapely.length(spoke)) > width_m:
            widest, width_m = shapely.get_coordinates(spoke)[:1], 2.0 * float(shapely.length(spoke))
    if widest is None:
        return position_of(point), 0.0, area_m2, 0.0
    return position_of(from_plane(point, widest)[0]), width_m, area_m2, 0.0


def witness_of(a: PackedVolumes, i: int, b: PackedVolumes, j: int) -> Witness:
    """Make the witness of two volumes that meet, or the gaps of two that do not.

    Args:
        a: Volumes.
        i: Which of them.
        b: Volumes.
        j: Which of them.
    """
    touching_m = LATERAL_TOLERANCE_M + float(a.slack_m[i] + b.slack_m[j])
    position, width_m, area_m2, lateral_gap_m = _lateral_overlap(a.ring(i), b.ring(j), touching_m)
    bands = (float(a.lower_m[i]), float(a.upper_m[i]), float(b.lower_m[j]), float(b.upper_m[j]))
    altitude_m, vertical_m, vertical_gap_m = _axis(*bands)
    # Whole milliseconds stay exact: no float holds a half of one here.
    low = max(int(a.start_ms[i]), int(b.start_ms[j]))
    high = min(int(a.end_ms[i]), int(b.end_ms[j]))
    return Witness(
        position=position,
        altitude_m=altitude_m,
        time=instant_of((low + high) // 2),
        lateral_overlap_m=width_m,
        overlap_area_m2=area_m2,
        vertical_overlap_m=vertical_m,
        time_overlap_s=max(0, high - low) / 1000.0,
        lateral_gap_m=lateral_gap_m,
        vertical_gap_m=vertical_gap_m,
        time_gap_s=max(0, low - high) / 1000.0,
    )


def finding_of(
    query: PackedVolumes, rows: Ints, stored: PackedVolumes, a: Label, b: Label, verdict: Verdict | None
) -> Finding:
    """Make one finding of all pairs of volumes of two items that meet.

    Args:
        query: Volumes of item `a`, among others.
        rows: The volume of `a` of each pair, shape (k,).
        stored: The volume of `b` of each pair, k volumes.
        a: One item.
        b: The other.
        verdict: What was found; None to tell it by the rules of zones.
    """
    meets_ms = np.maximum(query.start_ms[rows], stored.start_ms)
    numbers = sorted(zip(query.number[rows].tolist(), stored.number.tolist(), strict=True))
    first = int(np.lexsort((stored.number, query.number[rows], meets_ms))[0])
    return Finding(
        verdict=verdict or _verdict(a, b),
        a=_side(a, int(query.number[rows[first]])),
        b=_side(b, int(stored.number[first])),
        witness=witness_of(query, int(rows[first]), stored, first),
        volume_pairs=tuple(numbers),
    )


def _verdict(a: Label, b: Label) -> Verdict:
    return Verdict.NOTICE_REQUIRED if ConstraintRule.NOTIFY_FIRST in (a.rule, b.rule) else Verdict.CONFLICT


def _side(label: Label, volume: int) -> Side:
    return Side(
        id=label.id,
        party=label.party,
        priority=label.priority,
        is_zone=label.rule is not None,
        volume=volume,
    )
