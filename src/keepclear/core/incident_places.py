"""Whether an aircraft was inside what was declared, instant by instant, as far as that is known.

A position is inside a volume if the window of time holds its instant, the footprint its place, and the
band its height; the ends belong to it. How far the position may be off decides between certain and not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import shapely

from keepclear.core.altitudes import GEOID_ABOVE_M, GEOID_BELOW_M, UNKNOWN_AIR
from keepclear.core.constraints import Constraint
from keepclear.core.flown import Flown, Height
from keepclear.core.geodesy import RADIUS_MIN_M, Floats, plane_of
from keepclear.core.incident_findings import SPANS_MAX, PlaceFinding, Standing, runs, spans_of, standing_of
from keepclear.core.incidents import Incident, ObservedAircraft, QuotedVersion
from keepclear.core.packed import LATERAL_TOLERANCE_M, Ints, PackedVolumes, pack
from keepclear.core.refs import ItemRef
from keepclear.core.reports import Flags
from keepclear.core.volumes import Volume4D

_NEAR_RAD: Final = 0.15  # within about 950 km of its middle a footprint is judged in a plane
_ROOM_RAD: Final = 0.01


class Inside(NamedTuple):
    """Whether an aircraft was inside some volumes, at n instants.

    Attributes:
        is_sure: Inside, whatever the errors are, shape (n,).
        is_told: Inside by the position and height as reported.
        is_possible: It cannot be excluded.
        is_out: Outside by the position and height as reported; where neither is told, this is not known.
        beyond_m: How far outside the nearest footprint of the hour it was as reported, 0.0 within one; NaN
            where not known, infinite where nothing is declared for the instant.
        off_m: How far above or below the band of the footprint that it was in; NaN where not known.
    """

    is_sure: Flags
    is_told: Flags
    is_possible: Flags
    is_out: Flags
    beyond_m: Floats
    off_m: Floats


class _Heights(NamedTuple):
    """Between which heights above the ellipsoid an aircraft was, and as reported; NaN where not known."""

    lowest_m: Floats
    highest_m: Floats
    told_m: Floats


def heights(flown: Flown) -> _Heights:
    """Return heights above the ellipsoid, from pressure altitudes where no other is known.

    Nobody knows the air of the day here, so a pressure altitude leaves a wide span, and tells no height.
    """
    told = flown.ellipsoid.altitude_m
    lowest, highest = told - flown.ellipsoid.error_m, told + flown.ellipsoid.error_m
    for row in np.flatnonzero(np.isnan(told) & ~np.isnan(flown.pressure.altitude_m)).tolist():
        low, high = UNKNOWN_AIR.msl_bounds_m(float(flown.pressure.altitude_m[row]))
        error = float(flown.pressure.error_m[row])
        lowest[row], highest[row] = low - GEOID_BELOW_M - error, high + GEOID_ABOVE_M + error
    return _Heights(
        np.where(np.isnan(lowest), -math.inf, lowest), np.where(np.isnan(highest), math.inf, highest), told
    )


def inside(flown: Flown, at_ms: Ints, volumes: Sequence[Volume4D]) -> Inside:
    """Tell whether an aircraft was inside any of some volumes.

    Args:
        flown: Where it was at n instants.
        at_ms: The instants, milliseconds since 1970, shape (n,).
        volumes: The volumes of one item; may be empty.
    """
    n = len(at_ms)
    result = Inside(
        is_sure=np.zeros(n, dtype=np.bool_),
        is_told=np.zeros(n, dtype=np.bool_),
        is_possible=np.zeros(n, dtype=np.bool_),
        is_out=flown.is_known.copy(),
        beyond_m=np.where(flown.is_known, math.inf, math.nan),
        off_m=np.full(n, math.nan),
    )
    if volumes:
        zeros = [0] * len(volumes)
        packed = pack(volumes, zeros, zeros, [False] * len(volumes))
        high = heights(flown)
        for number in range(packed.volume_count):
            _add(result, flown, at_ms, packed, number, high)
    return result


def _add(
    result: Inside, flown: Flown, at_ms: Ints, packed: PackedVolumes, number: int, high: _Heights
) -> None:
    """Add what one volume holds."""
    timely = (at_ms >= packed.start_ms[number]) & (at_ms <= packed.end_ms[number])
    result.is_possible[timely & ~flown.is_known] = True  # nobody knows where it was
    rows = np.flatnonzero(timely & flown.is_known)
    if not len(rows):
        return
    outside_m, depth_m = _distances(flown.vector[rows], packed, number)
    error_m = flown.error_m[rows]
    lower_m, upper_m = float(packed.lower_m[number]), float(packed.upper_m[number])
    lowest, highest, told = (column[rows] for column in high)
    is_unbounded = math.isinf(lower_m) and math.isinf(upper_m)
    within = (told >= lower_m) & (told <= upper_m) | is_unbounded
    surely_within = (lowest >= lower_m) & (highest <= upper_m) | is_unbounded
    surely_off = (lowest > upper_m) | (highest < lower_m)
    is_over = outside_m <= LATERAL_TOLERANCE_M
    result.is_sure[rows] |= (depth_m >= error_m) & surely_within
    result.is_told[rows] |= is_over & within
    result.is_possible[rows] |= (outside_m <= error_m) & ~surely_off
    result.is_out[rows] &= ~is_over | (~np.isnan(told) & ~within) | surely_off
    result.beyond_m[rows] = np.minimum(result.beyond_m[rows], np.where(is_over, 0.0, outside_m))
    off = np.maximum(np.maximum(lower_m - told, told - upper_m), 0.0)
    result.off_m[rows] = np.fmin(result.off_m[rows], np.where(is_over, off, math.nan))


def _distances(vectors: Floats, packed: PackedVolumes, number: int) -> tuple[Floats, Floats]:
    """Return how far points are outside of a footprint, and how deep inside, metres, each 0.0 or more.

    In the gnomonic plane at its middle the footprint has straight edges. A length there is longer than on
    the ellipsoid, by the square of how far from the middle it is; that is taken off again, so that a depth
    is rather too small, and a distance right where it is small.
    """
    centre, ring = packed.centre[number], packed.ring(number)
    outside, depth = np.empty(len(vectors)), np.zeros(len(vectors))
    cosine, radius_rad = vectors @ centre, float(packed.radius_rad[number])
    near = cosine > math.cos(max(_NEAR_RAD, radius_rad + _ROOM_RAD))
    far_m = (np.arccos(np.clip(cosine, -1.0, 1.0)) - radius_rad) * RADIUS_MIN_M
    outside[~near] = far_m[~near]
    if not near.any():
        return outside, depth
    polygon = shapely.Polygon(plane_of(centre, ring))
    points = shapely.points(plane_of(centre, vectors[near]))
    shrink = cosine[near] ** 2
    is_in = shapely.intersects(polygon, points)
    gap = shapely.distance(polygon.exterior, points)
    outside[near] = np.where(is_in, 0.0, gap * shrink)
    depth[near] = np.where(is_in, gap * shrink, 0.0)
    return outside, depth


# -- who was where ----------------------------------------------------------------------------------


def place_findings(
    incident: Incident, each: ObservedAircraft, path: Flown, at_ms: Ints
) -> Iterator[PlaceFinding]:
    """Find when an aircraft was outside of its operations, and inside of what other parties declared.

    Args:
        incident: The incident.
        each: The aircraft.
        path: Where it was at n instants.
        at_ms: The instants, milliseconds since 1970, shape (n,).
    """
    flew = {(named.party, named.id) for named in each.flew}
    own = {named.party for named in each.flew} | {each.party}
    for party, item_id in sorted({(version.ref.party, version.ref.id) for version in incident.declared}):
        versions = [v for v in incident.declared if (v.ref.party, v.ref.id) == (party, item_id)]
        versions.sort(key=lambda version: version.n)
        if (party, item_id) in flew:
            yield _excursion(each, versions, path, at_ms)
        elif party not in own:
            finding = _entry(each, versions, path, at_ms)
            if finding.standing is not Standing.EXCLUDED:
                yield finding


class _InForce(NamedTuple):
    """Where an aircraft was towards an item, by the version in force at each instant.

    Attributes:
        inside: Where it was.
        is_declared: Whether a version was in force that is not over, shape (n,).
        refs: The versions that were in force, and not over.
        is_judged: Whether each of them can be judged, shape (n,).
    """

    inside: Inside
    is_declared: Flags
    refs: tuple[ItemRef, ...]
    is_judged: Flags


def _in_force(versions: list[QuotedVersion], path: Flown, at_ms: Ints) -> _InForce:
    result = inside(path, at_ms, ())
    is_declared, is_judged = np.zeros(len(at_ms), dtype=np.bool_), np.ones(len(at_ms), dtype=np.bool_)
    refs: list[ItemRef] = []
    starts = [version.at_ms for version in versions]
    for k, version in enumerate(versions):
        until = min(starts[k + 1 :], default=math.inf)
        rows = np.flatnonzero((at_ms >= version.at_ms) & (at_ms < until))
        if version.text is None or not len(rows):
            continue
        refs.append(version.ref)
        is_declared[rows] = True
        if version.item is None:
            is_judged[rows] = False
            continue
        some = inside(_taken(path, rows), at_ms[rows], version.item.volumes)
        for column, part in zip(result, some, strict=True):
            column[rows] = part
    return _InForce(result, is_declared, tuple(refs), is_judged)


def _taken(path: Flown, rows: Ints) -> Flown:
    high = [Height(each.altitude_m[rows], each.error_m[rows]) for each in (path.pressure, path.ellipsoid)]
    return Flown(
        path.vector[rows], path.error_m[rows], high[0], high[1], path.source[rows], path.is_reported[rows]
    )


def _excursion(
    each: ObservedAircraft, versions: list[QuotedVersion], path: Flown, at_ms: Ints
) -> PlaceFinding:
    force = _in_force(versions, path, at_ms)
    where = force.inside
    certain = ~where.is_possible & path.is_reported & force.is_judged
    reported = where.is_out & path.is_reported & force.is_judged
    possible = ~where.is_sure
    beyond = where.beyond_m[reported & np.isfinite(where.beyond_m)]
    off = where.off_m[reported & ~np.isnan(where.off_m)]
    return PlaceFinding(
        aircraft=each.id,
        refs=force.refs,
        is_outside=True,
        is_zone=False,
        spans=spans_of(certain, reported, possible, at_ms),
        standing=standing_of(certain, reported, possible, at_ms),
        farthest_m=float(beyond.max()) if len(beyond) else None,
        off_m=float(off.max()) if len(off) else None,
        undeclared=tuple(runs(~force.is_declared, at_ms))[:SPANS_MAX],
    )


def _entry(each: ObservedAircraft, versions: list[QuotedVersion], path: Flown, at_ms: Ints) -> PlaceFinding:
    force = _in_force(versions, path, at_ms)
    where = force.inside
    possible = where.is_possible | ~force.is_judged
    return PlaceFinding(
        aircraft=each.id,
        refs=force.refs,
        is_outside=False,
        is_zone=any(isinstance(version.item, Constraint) for version in versions),
        spans=spans_of(where.is_sure & path.is_reported, where.is_told & path.is_reported, possible, at_ms),
        standing=standing_of(
            where.is_sure & path.is_reported, where.is_told & path.is_reported, possible, at_ms
        ),
    )
