"""Zone entry: when tracks that go straight on come into volumes.

A track goes on along a great circle of geodetic latitudes and longitudes, which within the look-ahead is a
geodesic to some metres, at a constant speed, and climbs or sinks at a constant rate. Seen from where it was,
in the gnomonic plane, its way is a straight line; it enters a ring where the line crosses an edge.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from keepclear.core.containment import Containment, Points
from keepclear.core.geodesy import RADIUS_MAX_M, RADIUS_MIN_M, Floats, unit_vectors
from keepclear.core.packed import ALTITUDE_TOLERANCE_M, BOX_MARGIN_M, Ints, following_vertices, ring_vertices
from keepclear.core.ring_planes import edge_parts, plane_axes

_SLACK_RAD: Final = BOX_MARGIN_M / RADIUS_MIN_M


class Paths(NamedTuple):
    """How points go on; n of them.

    Attributes:
        track_deg: The direction from true north, degrees, shape (n,).
        ground_speed_mps: Over 0, shape (n,).
        vertical_rate_mps: Up when positive, shape (n,).
    """

    track_deg: Floats
    ground_speed_mps: Floats
    vertical_rate_mps: Floats


class Entries(NamedTuple):
    """Which points come into which volumes; k pairs, sorted by point and volume.

    Attributes:
        points: The point, shape (k,).
        volumes: The volume, shape (k,).
        t_in_s: When it is in it first, from the picture's instant on, seconds, shape (k,).
        is_certain: Whether it is at some instant in its band of heights whatever its bounds, shape (k,).
    """

    points: Ints
    volumes: Ints
    t_in_s: Floats
    is_certain: npt.NDArray[np.bool_]


def entries(
    points: Points, paths: Paths, containment: Containment, now_ms: int, lookahead_s: float
) -> Entries:
    """Find which points come into which volumes within the look-ahead.

    Args:
        points: Where they were, and when; their lateral errors do not count.
        paths: How they go on.
        containment: The volumes.
        now_ms: From this instant on they are looked for, milliseconds since 1970.
        lookahead_s: So far ahead, seconds.
    """
    start = unit_vectors(points.latitude_deg, points.longitude_deg)
    ahead, rate_rads = _directions(start, paths)
    age_s = np.maximum(0.0, (now_ms - points.at_ms) / 1000.0)
    half = rate_rads * (age_s + lookahead_s) / 2.0
    middle = start * np.cos(half)[:, np.newaxis] + ahead * np.sin(half)[:, np.newaxis]
    point, volume = containment.near(middle, half * RADIUS_MAX_M)
    volumes = containment.volumes
    # Of a circle round a volume that comes within reach, only one that the line meets.
    beside = np.cross(start, ahead)
    off = np.abs(np.einsum("ij,ij->i", beside[point], volumes.centre[volume]))
    kept = off <= np.sin(np.minimum(volumes.radius_rad[volume] + _SLACK_RAD, np.pi / 2.0))
    point, volume = point[kept], volume[kept]

    begin_s = np.maximum(age_s[point], (volumes.start_ms[volume] - points.at_ms[point]) / 1000.0)
    until_s = np.minimum(age_s[point] + lookahead_s, (volumes.end_ms[volume] - points.at_ms[point]) / 1000.0)
    climb = paths.vertical_rate_mps[point]
    low_m = volumes.lower_m[volume] - ALTITUDE_TOLERANCE_M
    high_m = volumes.upper_m[volume] + ALTITUDE_TOLERANCE_M
    lower_m, upper_m = points.lower_m[point], points.upper_m[point]
    possible = _overlap(begin_s, until_s, *_band_times(upper_m, lower_m, climb, low_m, high_m))
    certain = _overlap(begin_s, until_s, *_band_times(lower_m, upper_m, climb, low_m, high_m))
    kept = possible[0] <= possible[1]
    point, volume = point[kept], volume[kept]
    spans = [(a[kept], b[kept]) for a, b in (possible, certain)]

    frames = (start, ahead, beside, rate_rads)
    t_in_s, sure_s = _first_inside(frames, containment, point, volume, spans)
    found = np.isfinite(t_in_s)
    return Entries(point[found], volume[found], (t_in_s - age_s[point])[found], np.isfinite(sure_s[found]))


def _directions(start: Floats, paths: Paths) -> tuple[Floats, Floats]:
    """Return the unit vectors along the ways, and how fast they turn about the centre, 1/s."""
    east_m, north_m = plane_axes(start)
    track = np.radians(paths.track_deg)
    along_east = np.sin(track) / np.einsum("ij,ij->i", east_m, east_m)
    along_north = np.cos(track) / np.einsum("ij,ij->i", north_m, north_m)
    vectors = east_m * along_east[:, np.newaxis] + north_m * along_north[:, np.newaxis]
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return vectors / length[:, np.newaxis], length * paths.ground_speed_mps


def _band_times(
    over_m: Floats, under_m: Floats, climb_mps: Floats, low_m: Floats, high_m: Floats
) -> tuple[Floats, Floats]:
    """Return from when to when one height is over the floor, and the other under the ceiling, seconds.

    Where it is never so, the first time is the later.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        floor_s, ceiling_s = (low_m - over_m) / climb_mps, (high_m - under_m) / climb_mps
    level = climb_mps == 0.0
    within = (over_m >= low_m) & (under_m <= high_m)
    first = np.where(climb_mps > 0.0, floor_s, ceiling_s)
    last = np.where(climb_mps > 0.0, ceiling_s, floor_s)
    # Without a bound there is infinity over itself: it never leaves the band on that side.
    first = np.where(np.isnan(first), -np.inf, first)
    last = np.where(np.isnan(last), np.inf, last)
    return np.where(level, np.where(within, -np.inf, np.inf), first), np.where(
        level, np.where(within, np.inf, -np.inf), last
    )


def _overlap(a_s: Floats, b_s: Floats, from_s: Floats, to_s: Floats) -> tuple[Floats, Floats]:
    return np.maximum(a_s, from_s), np.minimum(b_s, to_s)


def _first_inside(
    frames: tuple[Floats, Floats, Floats, Floats],
    containment: Containment,
    point: Ints,
    volume: Ints,
    spans: list[tuple[Floats, Floats]],
) -> tuple[Floats, Floats]:
    """Return when each point is first over its footprint within each of two spans, infinity for never.

    Args:
        frames: Unit vectors to the points, along and beside the ways; and how fast they turn, by point.
        containment: The volumes.
        point: Of each pair, shape (k,).
        volume: Of each pair, shape (k,).
        spans: From when to when, two of shape (k,) each.
    """
    start, ahead, beside, rate_rads = frames
    volumes = containment.volumes
    result = np.full((2, len(point)), np.inf)
    for part in edge_parts(volumes.first[volume + 1] - volumes.first[volume]):
        p, v = point[part], volume[part]
        vertex, starts = ring_vertices(volumes.first, v)
        of_pair = np.repeat(np.arange(len(v)), np.diff(starts))
        ring, which = volumes.vertices[vertex], p[of_pair]
        depth = np.einsum("ij,ij->i", ring, start[which])
        along = np.einsum("ij,ij->i", ring, ahead[which]) / depth
        aside = np.einsum("ij,ij->i", ring, beside[which]) / depth
        following = following_vertices(starts)
        edge = np.flatnonzero((aside > 0.0) != (aside[following] > 0.0))
        after = following[edge]
        share = aside[edge] / (aside[edge] - aside[after])
        cross = along[edge] + share * (along[after] - along[edge])
        pair = of_pair[edge]
        t_s = np.arctan(cross) / rate_rads[p[pair]]
        for k, (begin_s, until_s) in enumerate(spans):
            a, b = begin_s[part], until_s[part]
            before = np.bincount(pair, weights=t_s <= a[pair], minlength=len(v)).astype(np.int64)
            later = np.full(len(v), np.inf)
            np.minimum.at(later, pair, np.where(t_s > a[pair], t_s, np.inf))
            first = np.where(before % 2 == 1, a, later)
            result[k, part] = np.where((a <= b) & (first <= b), first, np.inf)
    return result[0], result[1]
