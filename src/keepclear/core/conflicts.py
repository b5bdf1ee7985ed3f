"""Conflicts: which items meet, and a witness of each.

The picture is what is held at one time: operational intents and constraints. A check judges, by
the rule asked for, operations of different parties against each other and operations against zones
of other parties. Entering a keep-out zone is a conflict, entering a notify-first zone needs a
notice. Priority never hides a conflict; items that have ended are left out, and counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

import numpy as np
import shapely

from keepclear.core.constraints import Constraint, ConstraintRule
from keepclear.core.errors import InvalidValueError, UnknownItemError
from keepclear.core.geodesy import Floats, LatLng, from_plane, plane_of, position_of
from keepclear.core.index import Engine, Progress, VolumeIndex
from keepclear.core.intents import IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.judge import lateral_gap
from keepclear.core.packed import LATERAL_TOLERANCE_M, Ints, Margins, PackedVolumes, pack
from keepclear.core.times import instant_of
from keepclear.core.volumes import Volume4D

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
        for field, value, limit, unit in limits:
            if not 0.0 <= value <= limit:
                raise InvalidValueError(field, f"{value!r} is not a gap within 0..{limit:,.0f} {unit}")

    @property
    def margins(self) -> Margins:
        """The same for the judge."""
        return Margins(self.lateral_m, self.vertical_m, math.ceil(self.time_s * 1000.0 - 1e-6))


NO_BUFFER: Final = Buffer()


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


def _with_bounds_of_items(volumes: PackedVolumes) -> PackedVolumes:
    """Give every volume the bounding altitude and time of its item."""
    count = int(volumes.owner.max(initial=-1)) + 1
    start = np.full(count, np.iinfo(np.int64).max)
    end = np.full(count, np.iinfo(np.int64).min)
    lower, upper = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(start, volumes.owner, volumes.start_ms)
    np.maximum.at(end, volumes.owner, volumes.end_ms)
    np.minimum.at(lower, volumes.owner, volumes.lower_m)
    np.maximum.at(upper, volumes.owner, volumes.upper_m)
    owner = volumes.owner
    return volumes._replace(
        start_ms=start[owner], end_ms=end[owner], lower_m=lower[owner], upper_m=upper[owner]
    )


class Picture:
    """The operational intents and constraints held at one time, ready to be checked.

    Args:
        items: The items; those that have ended are left out.
        rule: When two items conflict.
        engine: Which code searches.

    Attributes:
        items: The items in the picture, in the order given.
        ended_count: How many items were left out because they have ended.
        volumes: Their volumes; `owner` is the place in `items`.
        index: The index over `volumes`.
        rule: When two items conflict.

    Raises:
        InvalidValueError: An id stands twice.
    """

    def __init__(
        self,
        items: Iterable[Item],
        *,
        rule: ConflictRule = ConflictRule.PER_VOLUME,
        engine: Engine = Engine.AUTO,
    ) -> None:
        given = list(items)
        self.items: Sequence[Item] = tuple(item for item in given if not _ended(item))
        self.ended_count = len(given) - len(self.items)
        self.rule = rule
        self._place: dict[ItemId, int] = {}
        for place, item in enumerate(self.items):
            if self._place.setdefault(item.id, place) != place:
                raise InvalidValueError("id", f"the id {item.id!r} stands twice")
        self._party: dict[PartyId, int] = {}
        for item in self.items:
            if item.party is not None:
                self._party.setdefault(item.party, len(self._party))
        counts = [len(item.volumes) for item in self.items]
        self._first = np.zeros(len(counts) + 1, dtype=np.int64)
        np.cumsum(counts, out=self._first[1:])
        self.volumes = self._pack(list(self.items), list(range(len(self.items))))
        self.index = VolumeIndex(self.volumes, engine)

    def __getitem__(self, item_id: str) -> Item:
        """Return the item with this id.

        Raises:
            UnknownItemError: There is none.
        """
        place = self._place.get(ItemId(item_id))
        if place is None:
            raise UnknownItemError(item_id)
        return self.items[place]

    def _pack(self, items: Sequence[Item], owners: Sequence[int]) -> PackedVolumes:
        volumes: list[Volume4D] = []
        owner, party, zone = [], [], []
        for item, place in zip(items, owners, strict=True):
            # An item without a party is a party of its own, with a number that nobody else has.
            code = -2 - place if item.party is None else self._party.get(item.party, len(self._party))
            count = len(item.volumes)
            volumes.extend(item.volumes)
            owner.extend([place] * count)
            party.extend([code] * count)
            zone.extend([isinstance(item, Constraint)] * count)
        packed = pack(volumes, owner, party, zone)
        return _with_bounds_of_items(packed) if self.rule is ConflictRule.PER_INTENT else packed

    def packed(self, item: Item) -> PackedVolumes:
        """Pack an item to be searched for; a stored item with the same id is not judged against it."""
        place = self._place.get(item.id, len(self.items))
        return self._pack([item], [place])

    def findings(
        self,
        *,
        buffer: Buffer = NO_BUFFER,
        near: Buffer | None = None,
        all_pairs: bool = False,
        progress: Progress | None = None,
    ) -> tuple[Finding, ...]:
        """Check everything against everything.

        Args:
            buffer: The gap that items must leave.
            near: Gaps up to which a pair that is clear is reported as a near miss; None for none.
            all_pairs: True to judge items of one party against each other too.
            progress: Told how many volumes are done.

        Returns:
            Each pair of items at most once: conflicts and notices required, then near misses; each
            in the order of the picture.
        """
        pairs = self.index.pairs(buffer.margins, all_pairs=all_pairs, progress=progress)
        found = self._grouped(self.volumes, pairs, None)
        if near is not None:
            wide = _widest(near.margins, buffer.margins)
            nearby = self.index.pairs(wide, all_pairs=all_pairs, progress=progress)
            meeting = {(f.a.id, f.b.id) for f in found}
            misses = self._grouped(self.volumes, nearby, Verdict.NEAR_MISS, skip=meeting)
            return found + misses
        return found

    def findings_of(
        self,
        item: Item,
        *,
        buffer: Buffer = NO_BUFFER,
        all_pairs: bool = False,
    ) -> tuple[Finding, ...]:
        """Check one item, stored or not, against the picture.

        Args:
            item: The item; a stored one with the same id is left out.
            buffer: The gap that items must leave.
            all_pairs: True to judge items of the same party too.

        Returns:
            One finding for each item that it meets, in the order of the picture; `a` is `item`.
        """
        query = self.packed(item)
        pairs = self.index.search(query, buffer.margins, all_pairs=all_pairs)
        return self._grouped(query, pairs, None, query_item=item)

    def _grouped(
        self,
        query: PackedVolumes,
        pairs: Ints,
        verdict: Verdict | None,
        *,
        query_item: Item | None = None,
        skip: set[tuple[ItemId, ItemId]] | None = None,
    ) -> tuple[Finding, ...]:
        """Make one finding of all pairs of volumes of the same two items."""
        stored = self.volumes
        if len(pairs) == 0:
            return ()
        a_owner, b_owner = query.owner[pairs[:, 0]], stored.owner[pairs[:, 1]]
        meets_ms = np.maximum(query.start_ms[pairs[:, 0]], stored.start_ms[pairs[:, 1]])
        order = np.lexsort((pairs[:, 1], pairs[:, 0], meets_ms, b_owner, a_owner))
        pairs, a_owner, b_owner = pairs[order], a_owner[order], b_owner[order]
        changes = np.flatnonzero((np.diff(a_owner) != 0) | (np.diff(b_owner) != 0)) + 1
        findings = []
        for group in np.split(np.arange(len(pairs)), changes):
            i, j = (int(part) for part in pairs[group[0]])
            a = query_item if query_item is not None else self.items[a_owner[group[0]]]
            b = self.items[b_owner[group[0]]]
            if skip is not None and (a.id, b.id) in skip:
                continue
            a_first = 0 if query_item is not None else int(self._first[a_owner[group[0]]])
            firsts = np.array((a_first, self._first[b_owner[group[0]]]))
            numbers = sorted((int(x), int(y)) for x, y in pairs[group] - firsts)
            findings.append(
                Finding(
                    verdict=verdict or _verdict(a, b),
                    a=_side(a, i - int(firsts[0])),
                    b=_side(b, j - int(firsts[1])),
                    witness=witness_of(query, i, stored, j),
                    volume_pairs=tuple(numbers),
                )
            )
        return tuple(findings)


def _ended(item: Item) -> bool:
    return isinstance(item, OperationalIntent) and item.state is IntentState.ENDED


def _widest(a: Margins, b: Margins) -> Margins:
    return Margins(max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2]))


def _verdict(a: Item, b: Item) -> Verdict:
    rules = [item.rule for item in (a, b) if isinstance(item, Constraint)]
    return Verdict.NOTICE_REQUIRED if ConstraintRule.NOTIFY_FIRST in rules else Verdict.CONFLICT


def _side(item: Item, volume: int) -> Side:
    return Side(
        id=item.id,
        party=item.party,
        priority=item.priority,
        is_zone=isinstance(item, Constraint),
        volume=volume,
    )
