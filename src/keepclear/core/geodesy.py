"""The earth: geodesics of the WGS84 ellipsoid, and the planes in which shapes are judged.

An edge is a WGS84 geodesic. For judging, a point becomes the unit vector with its *geodetic*
latitude and longitude, and an edge of at most `SUB_EDGE_MAX_M` becomes the great circle between
two such vectors, which is at most 2.7 cm from the geodesic; longer edges get points of the geodesic
added first. A gnomonic plane turns great circles into straight lines, so that plane geometry
gives exact answers anywhere, poles and antimeridian included.

Metres are always those of the ellipsoid. Near a point the ellipsoid is flat, with a metre of its
own along the meridian and along the parallel; `edge_gap_m` measures there.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SEMI_MAJOR_M: Final = 6378137.0
FLATTENING: Final = 1.0 / 298.257223563
ECCENTRICITY_SQ: Final = FLATTENING * (2.0 - FLATTENING)
_SEMI_MINOR_M: Final = SEMI_MAJOR_M * (1.0 - FLATTENING)

RADIUS_MIN_M: Final = 6335439.0
"""The least radius of curvature of the ellipsoid (along the meridian at the equator)."""
RADIUS_MAX_M: Final = 6399594.0
"""The greatest radius of curvature of the ellipsoid (at the poles)."""

SUB_EDGE_MAX_M: Final = 20_000.0
"""An edge longer than this gets points of the geodesic added."""
SUB_EDGE_ERROR_MAX_M: Final = 0.027
"""A great circle of that length is nowhere farther from the geodesic; it falls with the length squared."""

_VINCENTY_STEPS_MAX: Final = 200
_VINCENTY_CONVERGED_RAD: Final = 1e-13


class LatLng(NamedTuple):
    """A position on WGS84: geodetic latitude and longitude in degrees."""

    lat_deg: float
    lng_deg: float


def unit_vectors(lat_deg: Floats, lng_deg: Floats) -> Floats:
    """Return the unit vectors of positions.

    Args:
        lat_deg: Geodetic latitudes, shape (n,).
        lng_deg: Longitudes, shape (n,).

    Returns:
        Vectors of length one with the same geodetic latitude and longitude, shape (n, 3).
    """
    lat, lng = np.radians(lat_deg), np.radians(lng_deg)
    cos_lat = np.cos(lat)
    result = np.empty((len(lat), 3))
    result[:, 0], result[:, 1], result[:, 2] = cos_lat * np.cos(lng), cos_lat * np.sin(lng), np.sin(lat)
    return result


def position_of(vector: Floats) -> LatLng:
    """Return the position of a vector of any length, shape (3,)."""
    x, y, z = (float(part) for part in vector)
    return LatLng(math.degrees(math.atan2(z, math.hypot(x, y))), math.degrees(math.atan2(y, x)))


def ring_positions(vectors: Floats) -> Floats:
    """Return latitude and longitude in degrees of vectors of any length, shapes (n, 3) to (n, 2)."""
    x, y, z = vectors[:, 0], vectors[:, 1], vectors[:, 2]
    return np.asarray(np.degrees(np.stack((np.arctan2(z, np.hypot(x, y)), np.arctan2(y, x)), axis=-1)))


def _vincenty_series(cos_sq_alpha: Floats) -> tuple[Floats, Floats]:
    u_sq = cos_sq_alpha * (SEMI_MAJOR_M**2 - _SEMI_MINOR_M**2) / _SEMI_MINOR_M**2
    big_a = 1 + u_sq / 16384 * (4096 + u_sq * (-768 + u_sq * (320 - 175 * u_sq)))
    big_b = u_sq / 1024 * (256 + u_sq * (-128 + u_sq * (74 - 47 * u_sq)))
    return big_a, big_b


def _delta_sigma(big_b: Floats, sin_s: Floats, cos_s: Floats, cos_2m: Floats) -> Floats:
    inner = cos_s * (2 * cos_2m**2 - 1)
    outer = big_b / 6 * cos_2m * (4 * sin_s**2 - 3) * (4 * cos_2m**2 - 3)
    return big_b * sin_s * (cos_2m + big_b / 4 * (inner - outer))


def _converged(before: Floats, after: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray(np.abs(after - before) < _VINCENTY_CONVERGED_RAD)


def geodesic_direct(
    lat_deg: npt.ArrayLike, lng_deg: npt.ArrayLike, azimuth_deg: npt.ArrayLike, distance_m: npt.ArrayLike
) -> tuple[Floats, Floats]:
    """Find where one arrives, starting at a position in a direction for a distance.

    Args:
        lat_deg: Latitudes of the starts; this and the others broadcast together.
        lng_deg: Longitudes of the starts.
        azimuth_deg: True bearings at the starts.
        distance_m: Lengths of the geodesics, metres.

    Returns:
        Latitudes and longitudes of the ends in degrees, longitudes within -180..180.

    Source:
        T. Vincenty, Survey Review 23 (176), 1975; below 0.1 mm from PROJ in this package's tests.
    """
    lat, lng, azimuth, distance = np.broadcast_arrays(
        *(np.asarray(a, dtype=np.float64) for a in (lat_deg, lng_deg, azimuth_deg, distance_m))
    )
    reduced = np.arctan((1 - FLATTENING) * np.tan(np.radians(lat)))
    sin_u, cos_u = np.sin(reduced), np.cos(reduced)
    sin_a1, cos_a1 = np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))
    sigma_1 = np.arctan2(sin_u, cos_u * cos_a1)
    sin_alpha = cos_u * sin_a1
    cos_sq_alpha = 1 - sin_alpha**2
    big_a, big_b = _vincenty_series(cos_sq_alpha)
    first = distance / (_SEMI_MINOR_M * big_a)
    sigma = first
    settled = np.zeros(first.shape, dtype=np.bool_)
    for _ in range(_VINCENTY_STEPS_MAX):
        cos_2m = np.cos(2 * sigma_1 + sigma)
        following = first + _delta_sigma(big_b, np.sin(sigma), np.cos(sigma), cos_2m)
        # What has converged stays, so that no answer depends on what it is computed along with.
        sigma, settled = np.where(settled, sigma, following), settled | _converged(sigma, following)
        if settled.all():
            break
    cos_2m = np.cos(2 * sigma_1 + sigma)
    sin_s, cos_s = np.sin(sigma), np.cos(sigma)
    along = sin_u * sin_s - cos_u * cos_s * cos_a1
    lat_end = np.arctan2(
        sin_u * cos_s + cos_u * sin_s * cos_a1, (1 - FLATTENING) * np.hypot(sin_alpha, along)
    )
    lam = np.arctan2(sin_s * sin_a1, cos_u * cos_s - sin_u * sin_s * cos_a1)
    big_c = FLATTENING / 16 * cos_sq_alpha * (4 + FLATTENING * (4 - 3 * cos_sq_alpha))
    turn = sigma + big_c * sin_s * (cos_2m + big_c * cos_s * (2 * cos_2m**2 - 1))
    lng_end = np.radians(lng) + lam - (1 - big_c) * FLATTENING * sin_alpha * turn
    wrapped = np.remainder(np.degrees(lng_end) + 180.0, 360.0) - 180.0
    return np.degrees(lat_end), wrapped


def geodesic_inverse(
    lat1_deg: npt.ArrayLike, lng1_deg: npt.ArrayLike, lat2_deg: npt.ArrayLike, lng2_deg: npt.ArrayLike
) -> tuple[Floats, Floats]:
    """Find how far and in which direction one position is from another.

    Args:
        lat1_deg: Latitudes of the starts; this and the others broadcast together.
        lng1_deg: Longitudes of the starts.
        lat2_deg: Latitudes of the ends.
        lng2_deg: Longitudes of the ends.

    Returns:
        Distances in metres, and true bearings in degrees at the starts.

    Source:
        T. Vincenty, Survey Review 23 (176), 1975.

    Assumes:
        The positions are not nearly antipodal (the series does not converge there); no shape that
        this package admits has such an edge.
    """
    lat1, lng1, lat2, lng2 = np.broadcast_arrays(
        *(np.radians(np.asarray(a, dtype=np.float64)) for a in (lat1_deg, lng1_deg, lat2_deg, lng2_deg))
    )
    u1 = np.arctan((1 - FLATTENING) * np.tan(lat1))
    u2 = np.arctan((1 - FLATTENING) * np.tan(lat2))
    sin_u1, cos_u1, sin_u2, cos_u2 = np.sin(u1), np.cos(u1), np.sin(u2), np.cos(u2)
    difference = np.remainder(lng2 - lng1 + math.pi, 2 * math.pi) - math.pi
    lam = difference
    settled = np.zeros(difference.shape, dtype=np.bool_)
    for _ in range(_VINCENTY_STEPS_MAX):
        sin_l, cos_l = np.sin(lam), np.cos(lam)
        across, along = cos_u2 * sin_l, cos_u1 * sin_u2 - sin_u1 * cos_u2 * cos_l
        sin_s = np.hypot(across, along)
        cos_s = sin_u1 * sin_u2 + cos_u1 * cos_u2 * cos_l
        sigma = np.arctan2(sin_s, cos_s)
        same = sin_s == 0.0
        sin_alpha = cos_u1 * cos_u2 * sin_l / np.where(same, 1.0, sin_s)
        cos_sq = 1 - sin_alpha**2
        equatorial = cos_sq <= 1e-24
        cos_2m = np.where(equatorial, 0.0, cos_s - 2 * sin_u1 * sin_u2 / np.where(equatorial, 1.0, cos_sq))
        big_c = FLATTENING / 16 * cos_sq * (4 + FLATTENING * (4 - 3 * cos_sq))
        turn = sigma + big_c * sin_s * (cos_2m + big_c * cos_s * (2 * cos_2m**2 - 1))
        following = difference + (1 - big_c) * FLATTENING * sin_alpha * turn
        lam, settled = np.where(settled, lam, following), settled | _converged(lam, following)
        if settled.all():
            break
    big_a, big_b = _vincenty_series(cos_sq)
    distance = _SEMI_MINOR_M * big_a * (sigma - _delta_sigma(big_b, sin_s, cos_s, cos_2m))
    azimuth = np.degrees(np.arctan2(cos_u2 * np.sin(lam), cos_u1 * sin_u2 - sin_u1 * cos_u2 * np.cos(lam)))
    return np.where(same, 0.0, distance), azimuth


def with_geodesic_points(
    ring_deg: Floats,
    sub_edge_max_m: float = SUB_EDGE_MAX_M,
    following: npt.NDArray[np.int64] | None = None,
    chord: Floats | None = None,
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Add points of the geodesic to every edge of a closed ring, or of many, that is too long.

    Args:
        ring_deg: Latitude and longitude of the vertices, shape (n, 2).
        sub_edge_max_m: The greatest length of an edge without added points, metres.
        following: Which vertex follows each, shape (n,); None for one ring whose last vertex joins
            the first.
        chord: The chords of the edges on the unit sphere, shape (n,), where they are known already.

    Returns:
        The same vertices, with sub-edges of at most that length, shape (m, 2) with m >= n, and on
        which edge (by its first vertex) each sub-edge lies, shape (m,).
    """
    count = len(ring_deg)
    next_vertex = np.roll(np.arange(count), -1) if following is None else following
    if chord is None:
        vectors = unit_vectors(ring_deg[:, 0], ring_deg[:, 1])
        chord = np.linalg.norm(vectors - vectors[next_vertex], axis=1)
    # A chord of the unit sphere is never longer than the arc, nor the arc than 1.0002 chords here.
    long = np.flatnonzero(chord * RADIUS_MAX_M > sub_edge_max_m * 0.999)
    if long.size == 0:
        return ring_deg, np.arange(count)
    distance, azimuth = geodesic_inverse(*ring_deg[long].T, *ring_deg[next_vertex[long]].T)
    pieces = np.ones(count, dtype=np.int64)
    pieces[long] = np.maximum(1, np.ceil(distance / sub_edge_max_m - 1e-9)).astype(np.int64)
    edge = np.repeat(np.arange(count), pieces)
    step = np.arange(edge.size) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    full_m, full_azimuth = np.zeros(count), np.zeros(count)
    full_m[long], full_azimuth[long] = distance, azimuth
    result = ring_deg[edge]
    added = np.flatnonzero(step > 0)
    source = edge[added]
    lat, lng = geodesic_direct(
        ring_deg[source, 0],
        ring_deg[source, 1],
        full_azimuth[source],
        full_m[source] * step[added] / pieces[source],
    )
    result[added, 0], result[added, 1] = lat, lng
    return result, edge


def tangent_frames(centres: Floats) -> tuple[Floats, Floats]:
    """Return the east and the north unit vectors at positions; at a pole, any such pair.

    Args:
        centres: Unit vectors, shape (n, 3).

    Returns:
        East and north vectors, each of shape (n, 3).
    """
    x, y, z = centres[:, 0], centres[:, 1], centres[:, 2]
    horizontal = np.hypot(x, y)
    polar = horizontal < 1e-12
    safe = np.where(polar, 1.0, horizontal)
    east, north = np.zeros_like(centres), np.empty_like(centres)
    east[:, 0], east[:, 1] = np.where(polar, 0.0, -y / safe), np.where(polar, 1.0, x / safe)
    north[:, 0], north[:, 1] = -z * east[:, 1], z * east[:, 0]
    north[:, 2] = x * east[:, 1] - y * east[:, 0]
    return east, north


def curvature_radii_m(sin_lat: float) -> tuple[float, float]:
    """Return the ellipsoid's radii along the meridian (M) and across it (N), metres.

    Args:
        sin_lat: The sine of the geodetic latitude, -1..1.
    """
    w = 1.0 - ECCENTRICITY_SQ * sin_lat * sin_lat
    across = SEMI_MAJOR_M / math.sqrt(w)
    return across * (1.0 - ECCENTRICITY_SQ) / w, across


def plane_of(centre: Floats, vectors: Floats) -> Floats:
    """Project unit vectors into the gnomonic plane at a centre, in metres near the centre.

    Great circles become straight lines. Distances are those of the ellipsoid at the centre and
    grow too long away from it, by (distance / earth's radius) squared.

    Args:
        centre: A unit vector, shape (3,).
        vectors: Unit vectors less than 90 degrees from the centre, shape (n, 3).

    Returns:
        East and north in metres, shape (n, 2).
    """
    east, north = tangent_frames(centre[np.newaxis, :])
    meridian_m, across_m = curvature_radii_m(float(centre[2]))
    depth = vectors @ centre
    return np.stack(
        ((vectors @ east[0]) / depth * across_m, (vectors @ north[0]) / depth * meridian_m), axis=-1
    )


def from_plane(centre: Floats, points_m: Floats) -> Floats:
    """Return the unit vectors of points of the plane that `plane_of` projects into.

    Args:
        centre: A unit vector, shape (3,).
        points_m: East and north in metres, shape (n, 2).

    Returns:
        Unit vectors, shape (n, 3).
    """
    east, north = tangent_frames(centre[np.newaxis, :])
    meridian_m, across_m = curvature_radii_m(float(centre[2]))
    raised = (
        centre
        + np.outer(points_m[:, 0] / across_m, east[0])
        + np.outer(points_m[:, 1] / meridian_m, north[0])
    )
    return np.asarray(raised / np.linalg.norm(raised, axis=1)[:, np.newaxis])
