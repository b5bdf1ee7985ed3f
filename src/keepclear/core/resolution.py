"""Resolution: the smallest change of one item that clears all its conflicts.

A change moves the whole item: in time, in altitude, in both (weighted), or sideways. Shifts in time
and altitude are found by subtracting every forbidden span, exhaustively, in steps of 1 ms and
0.1 m, so they are provably the smallest; each names the pair of volumes that forbids one step less.
Sideways moves are the smallest of the gnomonic plane at the item's middle, and say whether that is
proven. Every answer is checked by the judge before it is given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, NamedTuple

import numpy as np
import shapely

from keepclear.core import free_shifts
from keepclear.core.conflicts import NO_BUFFER, Buffer, Finding, Item, Verdict
from keepclear.core.constraints import ConstraintRule
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import Floats, from_plane, geodesic_inverse, plane_of, position_of
from keepclear.core.intents import ItemId
from keepclear.core.packed import LATERAL_TOLERANCE_M, Margins, PackedVolumes
from keepclear.core.picture import Hits, Picture
from keepclear.core.shifts import (
    ALTITUDE_STEP_M,
    DEFAULT_LIMITS,
    Limits,
    reach_of,
    smallest_shifts,
    step_limits,
)
from keepclear.core.sideways import forbidden_moves, moved_item
from keepclear.core.volumes import Volume3D, Volume4D

LATERAL_STEP_M: Final = 0.1
"""Sideways moves are whole multiples of this."""
LATERAL_PAIRS_MAX: Final = 2_000
"""With more pairs of volumes in reach no sideways move is looked for."""
_LATERAL_TRIES_MAX: Final = 200
_LATERAL_COS_MIN: Final = math.cos(math.radians(60.0))
_PROVEN_COS_MIN: Final = math.cos(0.05)


class ForcedBy(NamedTuple):
    """The pair of volumes that forbids one step less: the certificate of a smallest change.

    Attributes:
        other: The other item.
        own_volume: Which volume of the moved item, from 0.
        other_volume: Which volume of the other item, from 0.
    """

    other: ItemId
    own_volume: int
    other_volume: int


class ChangeKind(Enum):
    """In what an item is moved."""

    TIME = "time"
    ALTITUDE = "altitude"
    TIME_AND_ALTITUDE = "time_and_altitude"
    LATERAL = "lateral"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A move of a whole item that clears all its conflicts.

    Attributes:
        kind: In what it is moved.
        item: The item as it would be declared; clear by the judge.
        time_shift_s: Later by this many seconds (earlier when negative), whole milliseconds.
        altitude_shift_m: Higher by this many metres (lower when negative).
        lateral_m: Sideways by this many metres.
        bearing_deg: In this true direction; None without a sideways move.
        is_smallest: Whether no smaller change of this kind exists, proven.
        forced_by: The pairs of volumes that forbid one step less, in each dimension that is moved.
    """

    kind: ChangeKind
    item: Item
    time_shift_s: float = 0.0
    altitude_shift_m: float = 0.0
    lateral_m: float = 0.0
    bearing_deg: float | None = None
    is_smallest: bool = True
    forced_by: tuple[ForcedBy, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What clears an item of its conflicts.

    Attributes:
        item_id: The item.
        conflicts: What it conflicts with as it stands; notices required are listed too, but no
            change avoids them.
        changes: The smallest change of each kind that there is within the limits.
        none_within: The kinds for which there is none within the limits, proven.
        undecided: The kinds of which none was found, though there may be one, and why.
        limits: The limits.
    """

    item_id: ItemId
    conflicts: tuple[Finding, ...]
    changes: tuple[Change, ...]
    none_within: tuple[ChangeKind, ...]
    undecided: tuple[tuple[ChangeKind, str], ...]
    limits: Limits

    @property
    def is_clear(self) -> bool:
        """Whether the item conflicts with nothing as it stands."""
        return not any(finding.verdict is Verdict.CONFLICT for finding in self.conflicts)


def shifted_item(item: Item, *, time_ms: int = 0, altitude_m: float = 0.0) -> Item:
    """Return the item moved in time and altitude."""
    volumes = tuple(
        Volume4D(
            volume=Volume3D(outline=v.volume.outline, altitude=v.volume.altitude.shifted(altitude_m)),
            time=v.time.shifted(time_ms),
        )
        for v in item.volumes
    )
    return replace(item, volumes=volumes)


def resolve(
    picture: Picture,
    item: Item,
    *,
    limits: Limits = DEFAULT_LIMITS,
    buffer: Buffer = NO_BUFFER,
    all_pairs: bool = False,
) -> Resolution:
    """Find the smallest changes of an item that clear it of everything else in the picture.

    Notify-first zones are not avoided: entering one needs a notice, not a change.

    Args:
        picture: What is held.
        item: The item to move; a stored one with the same id is left out.
        limits: How far to look.
        buffer: The gap that must be left.
        all_pairs: True to avoid items of the same party too.

    Returns:
        The conflicts as they stand and the changes; without conflicts, no changes.
    """
    found = picture.findings_of(item, buffer=buffer, all_pairs=all_pairs)
    conflicts = [finding for finding in found if finding.verdict is Verdict.CONFLICT]
    if not conflicts:
        return Resolution(
            item_id=item.id, conflicts=found, changes=(), none_within=(), undecided=(), limits=limits
        )
    search = _Search(picture, item, limits, buffer, all_pairs)
    changes, none_within, undecided = search.run()
    return Resolution(
        item_id=item.id,
        conflicts=found,
        changes=tuple(changes),
        none_within=tuple(none_within),
        undecided=tuple(undecided),
        limits=limits,
    )


class _Search:
    """One search for changes: what is asked, and the steps to the answers."""

    def __init__(self, picture: Picture, item: Item, limits: Limits, buffer: Buffer, all_pairs: bool) -> None:
        self._picture, self._item, self._limits = picture, item, limits
        self._buffer, self._all_pairs = buffer, all_pairs
        self._query = picture.packed(item)

    def run(self) -> tuple[list[Change], list[ChangeKind], list[tuple[ChangeKind, str]]]:
        margins = self._buffer.margins
        steps = step_limits(self._query, self._limits)
        hits = self._obstacles(self._query, reach_of(steps, margins))
        functions = self._picture.index.shift_functions()
        shifts = smallest_shifts(self._query, hits.rows, hits.stored, margins, steps, functions)
        changes, none_within = [], []
        undecided: list[tuple[ChangeKind, str]] = []
        for kind, time_ms, altitude_steps, by in (
            (ChangeKind.TIME, shifts.time_ms, 0, (shifts.time_by,)),
            (ChangeKind.ALTITUDE, 0, shifts.altitude_steps, (shifts.altitude_by,)),
            (
                ChangeKind.TIME_AND_ALTITUDE,
                shifts.both_ms,
                shifts.both_steps,
                (shifts.both_time_by, shifts.both_altitude_by),
            ),
        ):
            if free_shifts.NONE in (time_ms, altitude_steps):
                none_within.append(kind)
            elif kind is not ChangeKind.TIME_AND_ALTITUDE or (time_ms != 0 and altitude_steps != 0):
                forced_by = tuple(self._forced_by(hits, k) for k in by if k >= 0)
                changes.append(self._shift(kind, time_ms, altitude_steps, forced_by))
        if self._limits.lateral_m > 0.0:
            sideways = self._sideways()
            if isinstance(sideways, str):
                undecided.append((ChangeKind.LATERAL, sideways))
            elif sideways is None:
                none_within.append(ChangeKind.LATERAL)
            else:
                changes.append(sideways)
        return changes, none_within, undecided

    def _obstacles(self, query: PackedVolumes, margins: Margins) -> Hits:
        """Find what is in the way, in a fixed order; notify-first zones are not."""
        hits = self._picture.search(query, margins, all_pairs=self._all_pairs)
        zones = hits.stored.owner[hits.stored.zone]
        notify = [
            place
            for place in np.unique(zones).tolist()
            if self._picture.owner(place).rule is ConstraintRule.NOTIFY_FIRST
        ]
        order = np.lexsort((hits.stored.number, hits.stored.owner, hits.rows))
        return hits.taken(order[~np.isin(hits.stored.owner[order], notify)])

    def _is_clear(self, item: Item) -> bool:
        return len(self._obstacles(self._picture.packed(item), self._buffer.margins).rows) == 0

    def _shift(self, kind: ChangeKind, time_ms: int, steps: int, forced_by: tuple[ForcedBy, ...]) -> Change:
        altitude_m = round(steps * ALTITUDE_STEP_M, 1)
        moved = shifted_item(self._item, time_ms=time_ms, altitude_m=altitude_m)
        assert self._is_clear(moved), f"{kind} of {self._item.id!r} is not clear by the judge"
        return Change(
            kind=kind,
            item=moved,
            time_shift_s=time_ms / 1000.0,
            altitude_shift_m=altitude_m,
            forced_by=forced_by,
        )

    def _forced_by(self, hits: Hits, pair: int) -> ForcedBy:
        other = self._picture.owner(int(hits.stored.owner[pair]))
        return ForcedBy(other.id, int(self._query.number[hits.rows[pair]]), int(hits.stored.number[pair]))

    def _sideways(self) -> Change | str | None:
        margins = self._buffer.margins
        gap_m = margins.lateral_m
        hits = self._obstacles(self._query, margins._replace(lateral_m=gap_m + self._limits.lateral_m * 1.01))
        if len(hits.rows) > LATERAL_PAIRS_MAX:
            count = len(hits.rows)
            return f"not looked for: {count} pairs of volumes in reach, the limit is {LATERAL_PAIRS_MAX}"
        rings = [self._query.ring(row) for row in range(self._query.volume_count)]
        centre = self._query.centre.sum(axis=0)
        centre /= max(float(np.linalg.norm(centre)), 1e-9)
        spread = min(float((ring @ centre).min()) for ring in rings)
        others = [hits.stored.ring(k) for k in range(len(hits.rows))]
        if min(spread, *(float((ring @ centre).min()) for ring in others)) < _LATERAL_COS_MIN:
            return "not looked for: the volumes lie too far apart"
        forbidden, exact = [], gap_m == 0.0 and spread >= _PROVEN_COS_MIN
        touching_m = LATERAL_TOLERANCE_M * 2.0 + self._query.slack_m[hits.rows] + hits.stored.slack_m
        for row, other, apart_m in zip(hits.rows.tolist(), others, touching_m.tolist(), strict=True):
            region, is_exact = forbidden_moves(plane_of(centre, rings[row]), plane_of(centre, other))
            # What only touches is forbidden too: the region then contains the place where it stands.
            forbidden.append(region.buffer(gap_m + apart_m, quad_segs=16))
            exact = exact and is_exact
        edge = shapely.boundary(shapely.union_all(forbidden))
        out = shapely.get_coordinates(shapely.shortest_line(shapely.Point(0.0, 0.0), edge))[1]
        distance_m = float(np.hypot(*out))
        if distance_m > self._limits.lateral_m:
            return None if exact else f"none found within {self._limits.lateral_m:g} m"
        nearest = int(np.argmin(shapely.distance(shapely.boundary(forbidden), shapely.Point(*out))))
        direction = out / distance_m if distance_m > 0.0 else np.array((0.0, 1.0))
        found = self._first_clear(centre, direction, distance_m, exact, self._forced_by(hits, nearest))
        return found or f"none found within {self._limits.lateral_m:g} m along the shortest way out"

    def _first_clear(
        self, centre: Floats, direction: Floats, distance_m: float, exact: bool, forced_by: ForcedBy
    ) -> Change | None:
        """Walk outwards from the smallest move of the plane until the judge says that it is clear."""
        first = math.ceil(distance_m / LATERAL_STEP_M - 1e-6)
        start = position_of(centre)
        for steps in range(first, first + _LATERAL_TRIES_MAX):
            if steps * LATERAL_STEP_M > self._limits.lateral_m:
                return None
            move = direction * (steps * LATERAL_STEP_M)
            try:
                moved = moved_item(self._item, centre, move)
            except InvalidValueError:  # a shape at a limit would be over it there
                return None
            if self._is_clear(moved):
                there = position_of(from_plane(centre, move[np.newaxis, :])[0])
                _, bearing = geodesic_inverse(*start, *there)
                return Change(
                    kind=ChangeKind.LATERAL,
                    item=moved,
                    lateral_m=round(steps * LATERAL_STEP_M, 1),
                    bearing_deg=float(bearing) % 360.0,
                    is_smallest=exact and steps <= first + 1,
                    forced_by=(forced_by,),
                )
        return None
