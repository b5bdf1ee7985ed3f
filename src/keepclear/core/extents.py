"""Extents: all volumes of one reference or subscription, and which extents meet and cover which.

Two extents meet by the rule per intent of ASTM F3548-21: some footprint of one meets some footprint of the
other, and so do the bounds of their heights and of their times. All of it is closed, and judged by the
judge that judges everything. Bounds instead of single volumes are what software of that standard expects.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import shapely

from keepclear.core import judge
from keepclear.core.altitudes import AltitudeBand
from keepclear.core.conflicts import Finding
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import Floats, LatLng, plane_of
from keepclear.core.index import Engine, numba_installed
from keepclear.core.intents import VOLUMES_MAX, ItemId, OperationalIntent
from keepclear.core.packed import ALTITUDE_TOLERANCE_M, NO_MARGINS, PackedVolumes, boxes, joined, pack
from keepclear.core.picture import Picture
from keepclear.core.shapes import Circle
from keepclear.core.times import TimeWindow, floor_ms
from keepclear.core.volumes import Volume3D, Volume4D

BOX_BITS: Final = 5 * 32
"""No box is larger; see `Box.size`."""
COVER_TOLERANCE_M: Final = 1.0
"""What covers another footprint may be so much too small: as much as a circle is drawn too large."""

Flags = npt.NDArray[np.bool_]
Name = TypeVar("Name")

_ME: Final = ItemId("extent")
_BOX_EPOCH_MS: Final = floor_ms(datetime(2060, 1, 1, tzinfo=UTC))
_QUICK_COUNT: Final = 8
_LARGE_RING: Final = 12
_ROUNDING: Final = 1e-15  # more than is lost in computing with unit vectors
_HEMISPHERE_COS: Final = 0.05
_PAIRS_AT_ONCE: Final = 20_000
_CORNERS_FOR_LOOPS: Final = 1_000_000  # of one times of the other: with more, sorting the edges pays


class Box(NamedTuple):
    """A box of whole numbers of 32 bits; two overlap when they do in each dimension, ends included.

    Attributes:
        low: The least x, y, z (2^-30 of a unit vector), height (cm) and time (s from 2060 on). What is
            beyond the range of a number stands at its end.
        high: The greatest of each.
    """

    low: tuple[int, ...]
    high: tuple[int, ...]

    @property
    def size(self) -> int:
        """The binary logarithm of its content, to five bits, at most `BOX_BITS`."""
        return sum((high - low).bit_length() for low, high in zip(self.low, self.high, strict=True))


@dataclass(frozen=True)
class Extent:
    """Volumes that count as one.

    Attributes:
        volumes: At least one, at most `VOLUMES_MAX`.

    Raises:
        InvalidValueError: There are none, or too many.
    """

    volumes: tuple[Volume4D, ...]

    def __post_init__(self) -> None:
        if not 0 < len(self.volumes) <= VOLUMES_MAX:
            raise InvalidValueError(
                "extents", f"give 1 to {VOLUMES_MAX:,} volumes, not {len(self.volumes):,}"
            )

    @cached_property
    def start(self) -> datetime:
        """The first instant of any volume."""
        return min(volume.time.start for volume in self.volumes)

    @cached_property
    def end(self) -> datetime:
        """The last instant of any volume."""
        return max(volume.time.end for volume in self.volumes)

    @cached_property
    def altitude(self) -> AltitudeBand:
        """The band from the lowest to the highest height of any volume."""
        bands = [volume.volume.altitude for volume in self.volumes]
        return AltitudeBand(
            lower_m=min(band.lower_m for band in bands), upper_m=max(band.upper_m for band in bands)
        )

    @cached_property
    def packed(self) -> PackedVolumes:
        """The volumes as arrays, all with the bounds of the whole in height and time."""
        count = len(self.volumes)
        packed = pack(self.volumes, [0] * count, [0] * count, [False] * count)
        return packed._replace(
            start_ms=np.full(count, packed.start_ms.min()),
            end_ms=np.full(count, packed.end_ms.max()),
            lower_m=np.full(count, packed.lower_m.min()),
            upper_m=np.full(count, packed.upper_m.max()),
        )

    def packed_as(self, packed: PackedVolumes) -> Extent:
        """Take what `packed` would compute from who has it at hand; return the same extent."""
        self.__dict__.setdefault("packed", packed)
        return self

    @cached_property
    def box(self) -> Box:
        """A box that surely contains it all: whoever meets it has one that overlaps this."""
        each = boxes(self.packed, _BOX_EPOCH_MS)
        return Box(tuple(each[:, :5].min(axis=0).tolist()), tuple(each[:, 5:].max(axis=0).tolist()))

    def joined(self, *others: Extent) -> Extent:
        """Return all together; a volume that stands in several stands once.

        Raises:
            InvalidValueError: They have too many volumes.
        """
        return Extent(tuple(dict.fromkeys(volume for each in (self, *others) for volume in each.volumes)))

    def covers(self, other: Extent, *, late: timedelta = timedelta(0)) -> str | None:
        """Tell what of another extent is not within this one.

        Bounds of height and time are compared as bounds, footprints exactly but for `COVER_TOLERANCE_M`.

        Args:
            other: What should be within.
            late: By how much this may start after the other and still cover it.

        Returns:
            What is not covered, in words; None where all is.
        """
        if self.start > other.start + late or self.end < other.end:
            return "its times"
        own, band = self.altitude, other.altitude
        if (
            own.lower_m > band.lower_m + ALTITUDE_TOLERANCE_M
            or own.upper_m < band.upper_m - ALTITUDE_TOLERANCE_M
        ):
            return "its heights"
        if {each.volume.outline for each in other.volumes} <= {each.volume.outline for each in self.volumes}:
            return None
        if _discs_hold(self.packed, other.packed) or _footprints_cover(self.volumes, other.volumes):
            return None
        return "its area"


def _disc_rad(packed: PackedVolumes, place: int) -> float:
    """Return how large a disc round the centre of a footprint is within it, radians; negative for none.

    As seen from a centre within, all edges go round the same way, and none is nearer than the great circle
    on which it lies.
    """
    ring = packed.ring(place)
    x, y, z = ring.T
    x2, y2, z2 = np.concatenate((ring[1:], ring[:1])).T
    normals = np.stack((y * z2 - z * y2, z * x2 - x * z2, x * y2 - y * x2))
    lengths = np.sqrt((normals * normals).sum(axis=0))
    edges = lengths > 0.0  # corners may be so close that no edge is between them
    heights, lost = (packed.centre[place] @ normals)[edges] / lengths[edges], _ROUNDING / lengths[edges]
    return math.asin(min(1.0, max(-1.0, float((heights - lost).min()), -float((heights + lost).max()))))


def _within(points: Floats, packed: PackedVolumes, place: int) -> Flags:
    """Tell which points are surely within a footprint; False decides nothing; shapes (n, 3) to (n,)."""
    disc_rad = _disc_rad(packed, place)
    if disc_rad <= 0.0:
        return np.zeros(len(points), dtype=np.bool_)
    return np.asarray(points @ packed.centre[place] >= math.cos(disc_rad) + _ROUNDING)


def _discs_hold(outer: PackedVolumes, inner: PackedVolumes) -> bool:
    """Tell at little cost that footprints cover others; False decides nothing.

    A disc is convex, so what has its corners within has its edges within.
    """
    if outer.volume_count * inner.volume_count > _QUICK_COUNT:
        return False
    return all(
        any(_within(inner.ring(i), outer, j).all() for j in range(outer.volume_count))
        for i in range(inner.volume_count)
    )


def _footprints_cover(outer: Sequence[Volume4D], inner: Sequence[Volume4D]) -> bool:
    zeros = [0] * (len(outer) + len(inner))
    packed = pack([*outer, *inner], zeros, zeros, [False] * len(zeros))
    centre = packed.centre[: len(outer)].mean(axis=0)
    centre /= np.linalg.norm(centre)
    if float((packed.vertices @ centre).min()) < _HEMISPHERE_COS:
        return False  # no plane holds both: what is so far away is not within
    plane = plane_of(centre, packed.vertices)
    rings = [
        shapely.Polygon(plane[first:last])
        for first, last in zip(packed.first[:-1].tolist(), packed.first[1:].tolist(), strict=True)
    ]
    whole = shapely.union_all([ring.buffer(COVER_TOLERANCE_M, quad_segs=2) for ring in rings[: len(outer)]])
    shapely.prepare(whole)
    return bool(shapely.covers(whole, rings[len(outer) :]).all())


def meeting_among(
    extent: Extent, candidates: Iterable[tuple[str, Extent]], *, engine: Engine = Engine.AUTO
) -> list[str]:
    """Return the names of those candidates that meet an extent, sorted; see `packed_meeting`."""
    packed = ((name, other.packed) for name, other in candidates)
    return sorted(packed_meeting(extent.packed, packed, engine=engine))


def packed_meeting(
    query: PackedVolumes,
    candidates: Iterable[tuple[Name, PackedVolumes]],
    *,
    engine: Engine = Engine.AUTO,
) -> list[Name]:
    """Return the names of those candidates that meet an extent, in any order.

    Args:
        query: The extent, as `Extent.packed` gives it.
        candidates: The others, the same way, by name.
        engine: Which code judges, with the same answers; loops wherever numba is installed.
    """
    quickly = None if engine is Engine.PLAIN else _loops(is_wanted=engine is Engine.LOOPS)
    met: list[Name] = []
    part: list[tuple[Name, PackedVolumes]] = []
    count = 0
    for name, packed in candidates:
        if quickly and len(query.vertices) * len(packed.vertices) <= _CORNERS_FOR_LOOPS:
            if quickly(query, packed):
                met.append(name)
            continue
        part.append((name, packed))
        count += packed.volume_count
        if count >= _PAIRS_AT_ONCE:
            met += _meeting_of_part(query, part)
            part, count = [], 0
    if part:
        met += _meeting_of_part(query, part)
    return met


def judge_once() -> None:
    """Judge something, so that nobody who asks later waits until numba has started, or compiled anew."""
    here = Volume3D(outline=Circle(center=LatLng(0.0, 0.0), radius_m=1.0))
    then = TimeWindow(start=datetime(2060, 1, 1, tzinfo=UTC), end=datetime(2060, 1, 2, tzinfo=UTC))
    extent = Extent((Volume4D(volume=here, time=then),))
    met = meeting_among(extent, [("itself", extent)])
    assert met == ["itself"]


@cache
def _loops(*, is_wanted: bool) -> Callable[[PackedVolumes, PackedVolumes], bool] | None:
    if not (is_wanted or numba_installed()):
        return None
    from keepclear.core import loops

    return loops.extents_meet


def _meeting_of_part(query: PackedVolumes, part: Sequence[tuple[Name, PackedVolumes]]) -> list[Name]:
    stored = joined([packed for _, packed in part])
    owner = np.repeat(np.arange(len(part)), [packed.volume_count for _, packed in part])
    met = np.zeros(len(part), dtype=np.bool_)
    # Heights and times are those of the whole, so that any of its volumes tells them.
    pairs = np.stack((np.zeros_like(owner), np.arange(len(owner))), axis=-1)
    wanted = np.flatnonzero(judge.times_and_heights_meet(query, stored, pairs, NO_MARGINS))
    if len(wanted) <= _QUICK_COUNT:
        surely = [place for place in wanted.tolist() if _surely_meets(query, stored, place)]
        met[owner[surely]] = True
        wanted = wanted[~met[owner[wanted]]]
    step = max(1, _PAIRS_AT_ONCE // len(owner))
    for first in range(0, query.volume_count, step):
        if not len(wanted):
            break
        rows = np.arange(first, min(first + step, query.volume_count))
        pairs = np.stack((np.repeat(rows, len(wanted)), np.tile(wanted, len(rows))), axis=-1)
        met[owner[pairs[judge.footprints_meet(query, stored, pairs, 0.0), 1]]] = True
        wanted = wanted[~met[owner[wanted]]]  # one place of meeting is enough
    return [part[place][0] for place in np.flatnonzero(met).tolist()]


def _surely_meets(query: PackedVolumes, stored: PackedVolumes, place: int) -> bool:
    """Tell at little cost that a footprint meets one of the query; False decides nothing.

    It does where a corner of one is within the other. Small rings are judged as quickly.
    """
    corners = query.vertices[query.first[:-1]]
    if len(stored.ring(place)) >= _LARGE_RING and _within(corners, stored, place).any():
        return True
    corner = stored.vertices[stored.first[place] : stored.first[place] + 1]
    large = np.flatnonzero(np.diff(query.first) >= _LARGE_RING)[:_QUICK_COUNT].tolist()
    return any(_within(corner, query, row).any() for row in large)


def volume_conflicts(extent: Extent, others: Sequence[tuple[str, Extent]]) -> list[Finding]:
    """Return where single volumes meet, by the rule per volume: finer than whether extents meet.

    Args:
        extent: One.
        others: The others, by name.

    Returns:
        A finding, with its witness, for each other one of which a volume meets one of `extent`.
    """
    picture = Picture([_item(name, other) for name, other in others], engine=Engine.PLAIN)
    return list(picture.findings_of(_item(_ME, extent), all_pairs=True))


def _item(name: str, extent: Extent) -> OperationalIntent:
    return OperationalIntent(id=ItemId(name), volumes=extent.volumes)
