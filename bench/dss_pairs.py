"""Whether a service's extents meet when they should: random pairs all over the earth against S2 and PROJ.

What must hold is checked, and the row says `measure.BROKEN` where it does not:

- No pair that meets is missed, neither by the judge nor by the boxes that the index searches.
- No pair is taken to meet that is farther apart than the stated tolerance: 1 mm between polygons with short
  edges, what long edges add to that (2.7 cm for 20 km), and 1 m where there is a circle.

Half of the pairs are drawn close to contact, where mistakes are made.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

import numpy as np
import spherely

from bench import measure
from bench.measure import Row
from keepclear.core.altitudes import AltitudeBand
from keepclear.core.errors import InvalidValueError
from keepclear.core.extents import Box, Extent, meeting_among
from keepclear.core.geodesy import SUB_EDGE_ERROR_MAX_M, SUB_EDGE_MAX_M, LatLng
from keepclear.core.shapes import Circle, Outline, Polygon
from keepclear.core.times import TimeWindow
from keepclear.core.volumes import Volume3D, Volume4D
from tests import oracle

PAIRS: Final = 100_000
QUICK_PAIRS: Final = 2_000
SIZES_M: Final = (10.0, 20_000.0)
"""How far the smallest and the largest shapes reach from their middles."""
VOLUMES_MAX: Final = 4
CIRCLE_TOLERANCE_M: Final = 1.0
TOLERANCE_M: Final = 0.001

_SEED: Final = 20260501
_NOON: Final = datetime(2026, 5, 1, 12, tzinfo=UTC)
_EARTH_M: Final = 6_400_000.0

Corner = tuple[float, float]


@dataclass(frozen=True)
class Shape:
    """A footprint for both sides.

    Attributes:
        middle: Its middle, latitude and longitude.
        reach_m: No point of it is farther from there.
        corners: Those of a polygon, latitude and longitude; empty for a circle of radius `reach_m`.
    """

    middle: Corner
    reach_m: float
    corners: tuple[Corner, ...] = ()

    @property
    def outline(self) -> Outline:
        """The same for us."""
        if self.corners:
            return Polygon(vertices=tuple(LatLng(*corner) for corner in self.corners))
        return Circle(center=LatLng(*self.middle), radius_m=self.reach_m)

    @cached_property
    def s2(self) -> spherely.Geography:
        """The same for S2; a circle is inscribed, so never larger."""
        if self.corners:
            return oracle.polygon(list(self.corners))
        return oracle.inscribed_circle(*self.middle, self.reach_m)

    @property
    def error_m(self) -> float:
        """How far great circles may be from its edges, metres."""
        if not self.corners:
            return 0.0
        ends = zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True)
        longest_m = max(distance_m(a, b) for a, b in ends)
        return SUB_EDGE_ERROR_MAX_M * (min(longest_m, SUB_EDGE_MAX_M) / SUB_EDGE_MAX_M) ** 2


@dataclass(frozen=True)
class Drawn:
    """An extent, and its footprints for the oracle.

    Attributes:
        extent: The extent.
        shapes: The footprint of each volume.
    """

    extent: Extent
    shapes: tuple[Shape, ...]


def distance_m(a: Corner, b: Corner) -> float:
    """Return the length of the geodesic between two positions."""
    return float(oracle.GEOD.inv(a[1], a[0], b[1], b[0])[2])


def _go(start: Corner, azimuth_deg: float, length_m: float) -> Corner:
    lng, lat, _ = oracle.GEOD.fwd(start[1], start[0], azimuth_deg, length_m)
    return lat, lng


def _azimuth_deg(a: Corner, b: Corner) -> float:
    return float(oracle.GEOD.inv(a[1], a[0], b[1], b[0])[0])


# -- drawing ----------------------------------------------------------------------------------------


def _place(rng: np.random.Generator) -> Corner:
    kind = rng.integers(6)
    if kind == 0:  # a pole, or near one
        lat = float(rng.choice((-1.0, 1.0)) * (90.0 - abs(rng.normal(0.0, 0.1))))
        return lat, float(rng.uniform(-180.0, 180.0))
    if kind == 1:  # the antimeridian
        return float(rng.uniform(-80.0, 80.0)), float((360.0 + rng.normal(0.0, 0.1)) % 360.0 - 180.0)
    return float(np.degrees(np.arcsin(rng.uniform(-1.0, 1.0)))), float(rng.uniform(-180.0, 180.0))


def _size_m(rng: np.random.Generator) -> float:
    return float(10.0 ** rng.uniform(*np.log10(SIZES_M)))


def _polygon(rng: np.random.Generator, middle: Corner, reach_m: float) -> Shape:
    """Draw a polygon that is star-shaped round its middle; its corners go round clockwise."""
    steps = rng.uniform(0.3, 1.0, int(rng.integers(3, 9)))
    azimuths = np.cumsum(steps) * 360.0 / steps.sum()
    reaches = reach_m * rng.uniform(0.4, 1.0, len(steps))
    corners = (_go(middle, *each) for each in zip(azimuths.tolist(), reaches.tolist(), strict=True))
    return Shape(middle, reach_m, tuple(corners))


def _shape(rng: np.random.Generator, middle: Corner, reach_m: float) -> Shape:
    return Shape(middle, reach_m) if rng.random() < 0.4 else _polygon(rng, middle, reach_m)


def _spike(tip: Corner, azimuth_deg: float, reach_m: float) -> Shape:
    """Return a triangle that points with its tip away from an azimuth."""
    wings = (_go(tip, azimuth_deg + turn, reach_m) for turn in (-40.0, 40.0))
    return Shape(tip, reach_m, (tip, *wings))


def _touching(rng: np.random.Generator, shape: Shape) -> Shape:
    """Draw a shape that touches another, nearly: millimetres to metres more or less."""
    size_m = _size_m(rng)
    if shape.corners:
        at = int(rng.integers(len(shape.corners)))
        a, b = shape.corners[at], shape.corners[(at + 1) % len(shape.corners)]
        tip = _go(a, _azimuth_deg(a, b), distance_m(a, b) * float(rng.uniform(0.05, 0.95)))
        outwards = _azimuth_deg(tip, a) + 90.0  # clockwise: the outside is to the left of each edge
        gap_m = float(rng.choice((0.0, 0.002, -0.002, 0.1, -0.1, 1.0)) * rng.uniform(0.5, 1.5))
        return _spike(_go(tip, outwards, gap_m), outwards, min(size_m, shape.reach_m))
    azimuth, gap_m = float(rng.uniform(0.0, 360.0)), float(rng.normal(0.0, 1.5))
    if rng.random() < 0.5:
        return Shape(_go(shape.middle, azimuth, max(0.0, shape.reach_m + size_m + gap_m)), size_m)
    tip = _go(shape.middle, azimuth, max(0.0, shape.reach_m + gap_m))
    return _spike(tip, _azimuth_deg(tip, shape.middle) + 180.0, min(size_m, shape.reach_m))


def _extent(rng: np.random.Generator, shapes: list[Shape], low_m: float, start_s: float) -> Drawn:
    """Put shapes into heights and times from there on."""
    volumes = []
    for shape in shapes:
        lower_m, first_s = low_m + float(rng.choice((0.0, 50.0))), start_s + float(rng.choice((0.0, 60.0)))
        upper_m = lower_m + 50.0 if rng.random() < 0.95 else float("inf")
        start = _NOON + timedelta(seconds=first_s)
        volumes.append(
            Volume4D(
                volume=Volume3D(
                    outline=shape.outline, altitude=AltitudeBand(lower_m=lower_m, upper_m=upper_m)
                ),
                time=TimeWindow(start=start, end=start + timedelta(seconds=60.0)),
            )
        )
    return Drawn(Extent(tuple(volumes)), tuple(shapes))


def _try_pair(rng: np.random.Generator) -> tuple[Drawn, Drawn]:
    middle, size_m = _place(rng), _size_m(rng)
    first = _shape(rng, middle, size_m)
    if rng.random() < 0.5:
        second = _touching(rng, first)
    else:
        other_m = _size_m(rng)
        away_m = (size_m + other_m) * float(rng.uniform(0.1, 1.2))
        second = _shape(rng, _go(middle, float(rng.uniform(0.0, 360.0)), away_m), other_m)
    sides = []
    for shape, side in ((first, 0), (second, 1)):
        more = [
            _shape(rng, _go(shape.middle, float(rng.uniform(0.0, 360.0)), 3.0 * _size_m(rng)), _size_m(rng))
            for _ in range(int(rng.choice((0, 0, 1, VOLUMES_MAX - 1))))
        ]
        # Most meet in height and time, some only touch, some do not.
        low_m = 100.0 * float(rng.choice((0.0, 0.0, 0.5, 1.0, 1.00001))) * side
        start_s = 120.0 * float(rng.choice((0.0, 0.0, 0.5, 1.0, 1.00001))) * side
        sides.append(_extent(rng, [shape, *more], low_m, start_s))
    return sides[0], sides[1]


def draw_pair(rng: np.random.Generator) -> tuple[Drawn, Drawn]:
    """Draw two extents that may meet."""
    while True:
        try:
            return _try_pair(rng)
        except InvalidValueError:  # thin, or crossing itself: another one
            continue


# -- the truth --------------------------------------------------------------------------------------


def _far_apart(a: Shape, b: Shape) -> bool:
    return distance_m(a.middle, b.middle) > (a.reach_m + b.reach_m) * 1.001 + 5.0


def _shapes_meet(a: Shape, b: Shape) -> bool:
    if _far_apart(a, b):
        return False
    if not a.corners and not b.corners:
        return distance_m(a.middle, b.middle) <= a.reach_m + b.reach_m
    return bool(spherely.intersects(a.s2, b.s2))


def _bounds_meet(a: Extent, b: Extent) -> bool:
    bands = [[volume.volume.altitude for volume in extent.volumes] for extent in (a, b)]
    times = [[volume.time for volume in extent.volumes] for extent in (a, b)]
    lows, highs = ([pick(each) for each in bands] for pick in (_low, _high))
    starts, ends = (
        [min(t.start for t in each) for each in times],
        [max(t.end for t in each) for each in times],
    )
    return max(lows) <= min(highs) and max(starts) <= min(ends)


def _low(bands: list[AltitudeBand]) -> float:
    return min(band.lower_m for band in bands)


def _high(bands: list[AltitudeBand]) -> float:
    return max(band.upper_m for band in bands)


def truly_meet(a: Drawn, b: Drawn) -> bool:
    """Tell by S2 and PROJ whether two extents meet; a circle counts as 0.001 % smaller."""
    return _bounds_meet(a.extent, b.extent) and any(_shapes_meet(x, y) for x in a.shapes for y in b.shapes)


def _gap_m(a: Shape, b: Shape) -> float:
    """Measure how far apart two shapes are, independently."""
    circles = [shape for shape in (a, b) if not shape.corners]
    if len(circles) == 2:
        return distance_m(a.middle, b.middle) - a.reach_m - b.reach_m
    if len(circles) == 1:
        corners = list(a.corners or b.corners)
        return oracle.distance_to_ring_m(*circles[0].middle, corners) - circles[0].reach_m
    return float(spherely.distance(a.s2, b.s2)) * _EARTH_M / float(spherely.EARTH_RADIUS_METERS)


def is_within_tolerance(a: Drawn, b: Drawn) -> bool:
    """Tell whether two extents that do not meet come as close as may count as meeting."""
    if not _bounds_meet(a.extent, b.extent):
        return False
    for x in a.shapes:
        for y in b.shapes:
            if not _far_apart(x, y):
                has_circle = not (x.corners and y.corners)
                tolerance_m = CIRCLE_TOLERANCE_M if has_circle else TOLERANCE_M
                if _gap_m(x, y) <= tolerance_m + 2.0 * (x.error_m + y.error_m):
                    return True
    return False


def _overlap(a: Box, b: Box) -> bool:
    lows = zip(a.low, b.high, b.low, a.high, strict=True)
    return all(low <= other_high and other_low <= high for low, other_high, other_low, high in lows)


@dataclass(slots=True)
class Verdict:
    """What came of the pairs.

    Attributes:
        pairs: How many there were.
        true: How many truly meet.
        extra: How many were taken to meet that do not, within the tolerance.
        missed: The numbers of those that meet and were not found.
        missed_by_boxes: The numbers of those that meet and whose boxes do not overlap.
        beyond: The numbers of those taken to meet that are farther apart than the tolerance.
        judging_s: What judging took, CPU seconds in all.
    """

    pairs: int
    true: int
    extra: int
    missed: list[int]
    missed_by_boxes: list[int]
    beyond: list[int]
    judging_s: float

    @property
    def holds(self) -> bool:
        """Whether everything is as it must be."""
        return not (self.missed or self.missed_by_boxes or self.beyond)


def judge_pairs(count: int, seed: int = _SEED) -> Verdict:
    """Draw pairs, and compare what is found with the truth."""
    rng = np.random.default_rng(seed)
    verdict = Verdict(count, 0, 0, [], [], [], 0.0)
    for number in range(count):
        a, b = draw_pair(rng)
        start = time.thread_time()
        meets = bool(meeting_among(a.extent, [("b", b.extent)]))
        verdict.judging_s += time.thread_time() - start
        truth = truly_meet(a, b)
        verdict.true += truth
        if truth and not meets:
            verdict.missed.append(number)
        if truth and not _overlap(a.extent.box, b.extent.box):
            verdict.missed_by_boxes.append(number)
        if meets and not truth:
            verdict.extra += 1
            if not is_within_tolerance(a, b):
                verdict.beyond.append(number)
    return verdict


def bench_dss_pairs(rows: list[Row], *, quick: bool = False) -> None:
    """Compare random pairs with S2 and PROJ."""
    count = QUICK_PAIRS if quick else PAIRS
    verdict = judge_pairs(count)
    rows.append(
        Row(
            what=f"extents of a service, {count:,} random pairs",
            cpu_s=verdict.judging_s / count,
            answer=f"{'right' if verdict.holds else measure.BROKEN}, {verdict.true:,} meet",
            note=f"missed {len(verdict.missed)}, by boxes {len(verdict.missed_by_boxes)}, beyond the "
            f"tolerance {len(verdict.beyond)}, within it {verdict.extra - len(verdict.beyond)}",
        )
    )
