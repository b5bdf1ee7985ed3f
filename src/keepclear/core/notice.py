"""The notice check: whether there is time enough to get clear of what was announced.

Notice is held against the time that each operation that is in the way needs: until the word reaches its
aircraft, and until that has flown out of the announced footprint, widened by the agreed gap. Where nobody
here sees the aircraft, the farthest point of its volumes counts; where its track is seen, the way from there
does, with what it may be off and may fly on until the word has reached it. That it could climb or descend out
of the way does not count. What cannot be computed is "cannot tell", never enough.

Source:
    The event of September 2018 off Latakia: notice came less than a minute before, and an aircraft on
    approach could not be moved in time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import Any, Final, NamedTuple

import numpy as np
import shapely

from keepclear.core.agreements import Clearing
from keepclear.core.conflicts import Buffer, Item
from keepclear.core.geodesy import RADIUS_MIN_M, Floats, LatLng, plane_of, unit_vectors
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.packed import LATERAL_TOLERANCE_M, Ints, PackedVolumes
from keepclear.core.picture import Hits, Picture
from keepclear.core.times import TIME_MAX, TimeWindow, instant_of

DISTANCE_RATIO: Final = 0.01
"""A way to the outside is found within this share of itself, and never too short."""
DISTANCE_STEP_M: Final = 1.0
"""Nor is it found nearer than this."""
AFFECTED_MAX: Final = 100
"""So many operations are judged, the soonest first; further ones are named, and cannot be told."""
PARTS_MAX: Final = 1_000
"""So many footprints are joined as they are for all operations together; where there are more, their hull."""
PARTS_OF_ONE_MAX: Final = 300
"""The same for one operation, and for what was announced."""
VERTICES_MAX: Final = 5_000
"""The most vertices of what was announced, or of what an operation has there; with more, its hull."""
STEPS_MAX: Final = 50_000_000
"""So many edges are measured for all operations together; a way may then be too long, never too short."""
REACH_MAX_RAD: Final = 0.3
"""Of footprints that reach farther from where they meet (1,900 km) no way to the outside is told."""

SEEN_SPEED_MIN_MPS: Final = 15.0
"""A speed that is seen counts from here on; what is slower may hover, and leave faster."""
SIGHT_HOLDS_S: Final = 30.0
"""Where an aircraft was seen counts for so long; then it may be wherever its operation may be."""

_QUADRANT_SEGMENTS: Final = 16
_CELLS_ACROSS: Final = 8
_STARTS_MAX: Final = 200
_PLANE_ERROR: Final = 0.02


class CanClear(Enum):
    """Whether an operation can get clear in the time that it was given."""

    CAN = "can"
    """It can."""
    CANNOT = "cannot"
    """It needs more time."""
    CANNOT_TELL = "cannot_tell"
    """Something that is needed to tell is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """An operation that is in the way of what was announced.

    Attributes:
        item: Its id.
        party: Whose it is.
        meets_ms: From when both would be there, milliseconds since 1970.
        given_s: From when the notice counts until then, seconds; below zero where it had begun.
        remaining_s: From now until then, seconds.
        distance_m: How far it may have to fly to be clear, metres; None where that cannot be told.
        needs_s: How long that takes, until the word reaches it included; None where that cannot be told.
        can_clear: Whether the time given is enough.
        aircraft: The id of the track that needs longest; None where none of it is seen.
    """

    item: ItemId
    party: PartyId
    meets_ms: int
    given_s: float
    remaining_s: float
    distance_m: float | None
    needs_s: float | None
    can_clear: CanClear
    aircraft: str | None = None


class Seen(NamedTuple):
    """An aircraft of an operation, as it is seen.

    Attributes:
        aircraft: The id of its track.
        position: Where it was reported last.
        error_m: How far it may be from there at `at_ms`, metres; infinite where nobody knows where it is.
        speed_mps: Its speed over the ground; NaN where it is not known.
        at_ms: When it was looked for, milliseconds since 1970.
        is_inside: Whether it surely is within what its operation declares.
    """

    aircraft: str
    position: LatLng
    error_m: float
    speed_mps: float
    at_ms: int
    is_inside: bool


class Lead(Enum):
    """How a humanitarian notice stands to the lead times that were agreed."""

    IN_TIME = "in_time"
    """It came as early as agreed."""
    EMERGENCY = "emergency"
    """It came late, and early enough for an emergency."""
    TOO_LATE = "too_late"
    """It came later than was agreed even for an emergency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTime:
    """How much earlier than its start something was announced, and how much was agreed.

    Attributes:
        given_s: How much earlier, seconds; below zero where it had begun.
        agreed_s: How much was agreed.
        emergency_s: How much was agreed for an emergency.
    """

    given_s: float
    agreed_s: float
    emergency_s: float

    @property
    def lead(self) -> Lead:
        """How they stand to each other."""
        if self.given_s >= self.agreed_s:
            return Lead.IN_TIME
        return Lead.EMERGENCY if self.given_s >= self.emergency_s else Lead.TOO_LATE


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeCheck:
    """Whether a notice leaves time enough.

    Attributes:
        affected: The operations that are in the way: those that cannot clear, of which cannot be told, and
            that can; each with those first that lack most time.
        unknown: What may be in the way besides, and cannot be judged, each as a clause.
        lead: How a humanitarian notice stands to the agreed lead times; None for other notices.
    """

    affected: tuple[Affected, ...]
    unknown: tuple[str, ...] = ()
    lead: LeadTime | None = None

    @property
    def can_clear(self) -> CanClear:
        """Whether everything that is in the way can get clear."""
        found = {each.can_clear for each in self.affected}
        if CanClear.CANNOT in found:
            return CanClear.CANNOT
        return CanClear.CANNOT_TELL if CanClear.CANNOT_TELL in found or self.unknown else CanClear.CAN

    @property
    def is_enough(self) -> bool:
        """Whether it is known that everything can get clear, and the agreed lead time was kept."""
        is_late = self.lead is not None and self.lead.lead is Lead.TOO_LATE
        return self.can_clear is CanClear.CAN and not is_late


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What was announced, and when.

    Attributes:
        item: The operation or zone.
        begins_ms: When it begins, as was said, milliseconds since 1970.
        sent_ms: When the notice was sent; what was over by then is not in the way.
        counts_ms: From when the time counts that it gives: when it was sent, or came, or was read.
        now_ms: What time it is.
    """

    item: Item
    begins_ms: int
    sent_ms: int
    counts_ms: int
    now_ms: int

    @property
    def announced(self) -> Item:
        """The item; the volumes that start first start when it was said to begin, where that is earlier."""
        first = min(volume.time.start for volume in self.item.volumes)
        begins = instant_of(self.begins_ms)
        if begins >= first:
            return self.item
        return _with_windows(
            self.item,
            lambda time: TimeWindow(start=begins, end=time.end) if time.start == first else time,
        )


def kept_clear(item: Item, from_ms: int, until_ms: int) -> Item:
    """Return an item of which others are asked to keep clear, with all its volumes for as long as that is.

    Args:
        item: The item.
        from_ms: From when, milliseconds since 1970; or from when a volume starts, where that is earlier.
        until_ms: Until when; or until a volume ends, where that is later.
    """
    begins, ends = instant_of(from_ms), instant_of(until_ms)
    return _with_windows(
        item, lambda time: TimeWindow(start=min(begins, time.start), end=max(begins, ends, time.end))
    )


def postponed(item: Item, begins_ms: int) -> Item:
    """Return an item of which a part was said to begin later: each volume may end as much later.

    Nobody here knows which volumes the part has, so that as much counts for all as for what was to be first.

    Args:
        item: The item.
        begins_ms: When the part begins, milliseconds since 1970.
    """
    late = instant_of(begins_ms) - min(volume.time.start for volume in item.volumes)
    if late <= timedelta():
        return item
    return _with_windows(
        item, lambda time: TimeWindow(start=time.start, end=time.end + min(late, TIME_MAX - time.end))
    )


def _with_windows(item: Item, window: Callable[[TimeWindow], TimeWindow]) -> Item:
    return replace(item, volumes=tuple(replace(volume, time=window(volume.time)) for volume in item.volumes))


def check_notice(
    notice: Notice,
    picture: Picture,
    *,
    of: PartyId,
    gap: Buffer,
    clearing: Clearing | None,
    speed_of: Callable[[ItemId], float | None],
    seen_of: Callable[[ItemId], Sequence[Seen]] = lambda _: (),
) -> NoticeCheck:
    """Find the operations of a party that are in the way of what was announced, and whether they can clear.

    Those count that come within the gap in space, height and time. The time given ends when both would be
    there; the gap in time is not taken off it.

    Args:
        notice: What was announced.
        picture: The operations that are held.
        of: Whose operations.
        gap: The gap that was agreed.
        clearing: How fast the party gets its aircraft out of the way, as was agreed; None where nothing was,
            and then only operations that state a speed can be told, with the reaction of `Clearing`.
        speed_of: Tells the slowest speed of an operation, m/s; None where it states none.
        seen_of: Tells where the aircraft of an operation are seen now.
    """
    query = picture.packed(notice.announced)
    hits = picture.search(query, gap.margins)
    ends_ms = np.minimum(query.end_ms[hits.rows], hits.stored.end_ms)
    hits = hits.taken(np.flatnonzero((ends_ms >= notice.sent_ms) & ~hits.stored.zone))
    meets_ms = np.maximum(query.start_ms[hits.rows], hits.stored.start_ms)
    soonest = {
        place: int(meets_ms[hits.stored.owner == place].min())
        for place in sorted(set(hits.stored.owner.tolist()))
        if picture.owner(place).party == of
    }
    found: list[Affected] = []
    judged = sorted(soonest, key=lambda each: soonest[each])
    way_out = _WayOut(query, gap.lateral_m, min(len(judged), AFFECTED_MAX))
    for number, place in enumerate(judged):
        item = picture.owner(place).id
        way = _Way(None, None)
        if number < AFFECTED_MAX:
            of_item = hits.taken(np.flatnonzero(hits.stored.owner == place))
            way = _way(way_out, of_item, speed_of(item), clearing, seen_of(item), notice.now_ms)
        given_s = (soonest[place] - notice.counts_ms) / 1e3
        found.append(
            Affected(
                item=item,
                party=of,
                meets_ms=soonest[place],
                given_s=given_s,
                remaining_s=(soonest[place] - notice.now_ms) / 1e3,
                distance_m=way.distance_m,
                needs_s=way.needs_s,
                can_clear=_can_clear(way.needs_s, given_s),
                aircraft=way.aircraft,
            )
        )
    return NoticeCheck(affected=tuple(sorted(found, key=_urgency)))


class _Way(NamedTuple):
    """How far an operation may have to fly, and how long that takes; None where that cannot be told."""

    distance_m: float | None
    needs_s: float | None
    aircraft: str | None = None


def _way(
    way_out: _WayOut,
    hits: Hits,
    speed_mps: float | None,
    clearing: Clearing | None,
    seen: Sequence[Seen],
    now_ms: int,
) -> _Way:
    """Return what the aircraft of an operation need; of several that are seen, the one that needs longest."""
    farthest_m = way_out.metres(hits)
    if not seen:
        return _Way(farthest_m, _needs_s(farthest_m, speed_mps, clearing))
    reaction_s = (Clearing() if clearing is None else clearing).reaction_s
    ways = []
    for each in seen:
        is_flying = each.speed_mps >= SEEN_SPEED_MIN_MPS  # NaN is not
        since_s = (now_ms - each.at_ms) / 1e3
        if abs(since_s) > SIGHT_HOLDS_S or not math.isfinite(each.error_m):
            ways.append(_Way(farthest_m, _needs_s(farthest_m, speed_mps, clearing)))
            continue
        known_mps = each.speed_mps if is_flying else speed_mps
        distance_m = way_out.metres_from(hits, each.position)
        if distance_m is not None:
            # Until the word has reached it, it may fly on the wrong way.
            flown_m = (max(0.0, since_s) + reaction_s) * (_speed_mps(known_mps, clearing) or 0.0)
            distance_m = max(0.0, distance_m + each.error_m + flown_m)
            if each.is_inside and farthest_m is not None:  # else it may be farther in than was declared
                distance_m = min(distance_m, farthest_m)
        ways.append(_Way(distance_m, _needs_s(distance_m, known_mps, clearing), each.aircraft))
    return max(ways, key=lambda way: math.inf if way.needs_s is None else way.needs_s)


def _speed_mps(speed_mps: float | None, clearing: Clearing | None) -> float | None:
    return clearing.speed_mps if speed_mps is None and clearing is not None else speed_mps


def _needs_s(distance_m: float | None, speed_mps: float | None, clearing: Clearing | None) -> float | None:
    speed_mps = _speed_mps(speed_mps, clearing)
    if distance_m is None or speed_mps is None:
        return None
    return (Clearing() if clearing is None else clearing).reaction_s + distance_m / speed_mps


def _can_clear(needs_s: float | None, given_s: float) -> CanClear:
    if needs_s is None:
        return CanClear.CANNOT_TELL
    return CanClear.CAN if needs_s <= given_s else CanClear.CANNOT


def _urgency(each: Affected) -> tuple[int, float, str]:
    order = (CanClear.CANNOT, CanClear.CANNOT_TELL, CanClear.CAN)
    spare_s = 0.0 if each.needs_s is None else each.given_s - each.needs_s
    return order.index(each.can_clear), spare_s, each.item


# -- the way to the outside -----------------------------------------------------------------------


class _WayOut:
    """Finds how far it is at most from a point where an item may be to the outside of what was announced.

    Args:
        query: The volumes of what was announced.
        gap_m: By how much their footprint is widened, metres.
        count: Of how many items this is asked; they share what may be spent.
    """

    def __init__(self, query: PackedVolumes, gap_m: float, count: int) -> None:
        self._query, self._gap_m = query, gap_m
        self._steps = STEPS_MAX // max(1, count)
        self._parts = min(PARTS_OF_ONE_MAX, PARTS_MAX // max(1, count))

    def metres_from(self, hits: Hits, position: LatLng) -> float | None:
        """Return how far it is from a point to the outside, metres; negative if it is outside.

        Never too little; None where the footprint is too large for the plane.
        """
        query = self._query
        announced = np.unique(hits.rows)
        vector = unit_vectors(np.array([position.lat_deg]), np.array([position.lng_deg]))
        blocking = _rings(query, announced)
        if any(float((ring @ vector[0]).min()) <= math.cos(REACH_MAX_RAD) for ring in blocking):
            return None
        # In the plane at the point itself every distance from it is true, but for the radii of the ellipsoid.
        area = _joined(vector[0], blocking, PARTS_OF_ONE_MAX)
        here = shapely.points(0.0, 0.0)
        rim_m = float(shapely.distance(shapely.boundary(area), here)) * (1.0 + _PLANE_ERROR)
        depth_m = rim_m if shapely.intersects(area, here) else -rim_m / (1.0 + 2.0 * _PLANE_ERROR)
        return depth_m + self._gap_m + float(query.slack_m[announced].max()) + LATERAL_TOLERANCE_M

    def metres(self, hits: Hits) -> float | None:
        """Return it in metres, never too few; None where the footprints are too large for the plane.

        Args:
            hits: Which volumes of what was announced meet which volumes of the item.
        """
        query, stored = self._query, hits.stored
        announced, own = np.unique(hits.rows), np.unique(stored.number, return_index=True)[1]
        centre = stored.centre[own].sum(axis=0) + query.centre[announced].sum(axis=0)
        centre /= np.linalg.norm(centre)
        blocking, flown = _rings(query, announced), _rings(stored, own)
        reach_rad = _reach_rad(centre, [*blocking, *flown]) + self._gap_m / RADIUS_MIN_M
        if not reach_rad <= REACH_MAX_RAD:
            return None
        # So much the plane may make lengths shorter, and longer: its rim is stretched, and the ellipsoid's
        # radii differ by latitude and by direction (1.5 e² and 0.5 e² a radian at most, 0.02 with room).
        shortens = 1.0 - _PLANE_ERROR * reach_rad
        stretches = (1.0 + _PLANE_ERROR * reach_rad) / math.cos(reach_rad) ** 2
        slack_m = float(query.slack_m[announced].max() + stored.slack_m.max()) + LATERAL_TOLERANCE_M
        # A buffer of shapely lies within the true one; its corners are pushed out until it holds that.
        outwards = 1.0 / math.cos(math.pi / (4 * _QUADRANT_SEGMENTS))
        blocked = shapely.buffer(
            _joined(centre, blocking, PARTS_OF_ONE_MAX),
            (self._gap_m + slack_m) * stretches * outwards,
            quad_segs=_QUADRANT_SEGMENTS,
        )
        within = shapely.intersection(_joined(centre, flown, self._parts), blocked)
        return farthest_inside_m(within, blocked, self._steps) / shortens


def _rings(volumes: PackedVolumes, chosen: Ints) -> list[Floats]:
    return [volumes.ring(k) for k in chosen.tolist()]


def _reach_rad(centre: Floats, rings: Sequence[Floats]) -> float:
    """Return how far rings reach from a centre, radians."""
    least_cos = min(float((ring @ centre).min()) for ring in rings)
    return math.acos(max(-1.0, min(1.0, least_cos)))


def _joined(centre: Floats, rings: Sequence[Floats], parts_max: int) -> Any:
    """Return the area of rings in the plane; of too many, or with too many vertices, the hull."""
    flat = [plane_of(centre, ring) for ring in rings]
    if len(flat) <= parts_max and sum(len(ring) for ring in flat) <= VERTICES_MAX:
        return shapely.union_all([shapely.polygons(ring) for ring in flat])
    hull = shapely.convex_hull(shapely.multipoints(np.concatenate(flat)))
    return hull if shapely.get_num_coordinates(hull) <= VERTICES_MAX else shapely.envelope(hull)


@np.errstate(divide="ignore")  # within GEOS, which then looks at what is parallel in another way
def farthest_inside_m(within: Any, blocked: Any, steps_max: int = STEPS_MAX) -> float:
    """Find how far it is from the worst point of an area to the outside of another that holds it, in a plane.

    Squares over the area are halved where they could hold a worse point than the worst one known: from no
    point of a square is it farther than from its middle, and from there to a corner of the square.

    Args:
        within: The area of which the worst point is sought, inside of `blocked`; may be empty.
        blocked: What has to be left.
        steps_max: So many edges are measured about.

    Returns:
        At least the distance of the worst point, and at most by `DISTANCE_RATIO` and `DISTANCE_STEP_M` more,
        metres, if the steps suffice.
    """
    if shapely.is_empty(within):
        return DISTANCE_STEP_M  # they only touch
    rim = shapely.boundary(blocked)
    shapely.prepare([rim, within, blocked])
    known_m = float(shapely.distance(rim, shapely.points(_some(shapely.get_coordinates(within)))).max())
    squares, bound_m, looked_at = _squares_over(within), 0.0, 0
    squares_max = steps_max // shapely.get_num_coordinates(rim)
    while len(squares.x):
        looked_at += len(squares.x)
        middles = shapely.points(squares.x, squares.y)
        to_corner_m = squares.half_m * math.sqrt(2.0)
        is_near = shapely.dwithin(within, middles, to_corner_m)
        squares, middles = squares.taken(is_near), middles[is_near]
        if not len(middles):
            break
        way_m = shapely.distance(rim, middles)
        way_m = np.where(shapely.intersects(blocked, middles), way_m, -way_m)
        is_inside = shapely.intersects(within, middles)
        known_m = max(known_m, float(way_m[is_inside].max(initial=0.0)))
        most_m = way_m + to_corner_m
        is_open = most_m > known_m * (1.0 + DISTANCE_RATIO) + DISTANCE_STEP_M
        if looked_at + 4 * int(is_open.sum()) > squares_max:
            is_open[:] = False
        bound_m = max(bound_m, float(most_m[~is_open].max(initial=0.0)))
        squares = squares.taken(is_open).quartered()
    return max(known_m, bound_m)


def _some(points: Floats) -> Floats:
    """Return some of many points, evenly: what is known at a few is a good start."""
    return points[:: 1 + len(points) // _STARTS_MAX]


class _Squares(NamedTuple):
    """Squares of one size, by their middles."""

    x: Floats
    y: Floats
    half_m: float

    def taken(self, chosen: Any) -> _Squares:
        return _Squares(self.x[chosen], self.y[chosen], self.half_m)

    def quartered(self) -> _Squares:
        half_m = self.half_m / 2.0
        x = np.concatenate([self.x + a for a in (-half_m, half_m, -half_m, half_m)])
        y = np.concatenate([self.y + b for b in (-half_m, -half_m, half_m, half_m)])
        return _Squares(x, y, half_m)


def _squares_over(area: Any) -> _Squares:
    left, low, right, high = shapely.bounds(area).tolist()
    half_m = max(right - left, high - low, DISTANCE_STEP_M) / (2.0 * _CELLS_ACROSS)
    across, up = (max(1, math.ceil(length / (2.0 * half_m))) for length in (right - left, high - low))
    x, y = np.meshgrid(
        left + half_m * (2.0 * np.arange(across) + 1.0), low + half_m * (2.0 * np.arange(up) + 1.0)
    )
    return _Squares(x.ravel(), y.ravel(), half_m)
