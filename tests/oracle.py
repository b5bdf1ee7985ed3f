"""Independent answers to test against: Google's S2 (through spherely) and PROJ's geodesics.

Nothing here uses the package's own geometry. Edges are cut into pieces of at most `FINE_M` along
PROJ's WGS84 geodesics, so that S2's great circles are within 0.5 mm of them.
"""

from __future__ import annotations

import numpy as np
import pyproj
import spherely

GEOD = pyproj.Geod(ellps="WGS84")
FINE_M = 2_500.0
CIRCLE_POINTS = 720


def fine_ring(vertices: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return a ring of (longitude, latitude) with points of the geodesics added."""
    points: list[tuple[float, float]] = []
    for (lat1, lng1), (lat2, lng2) in zip(vertices, vertices[1:] + vertices[:1], strict=True):
        azimuth, _, length_m = GEOD.inv(lng1, lat1, lng2, lat2)
        points.append((lng1, lat1))
        pieces = int(np.ceil(length_m / FINE_M))
        if pieces > 1:
            along = length_m * np.arange(1, pieces) / pieces
            n = len(along)
            lng, lat, _ = GEOD.fwd(np.full(n, lng1), np.full(n, lat1), np.full(n, azimuth), along)
            points.extend(zip(lng.tolist(), lat.tolist(), strict=True))
    return points


def polygon(vertices: list[tuple[float, float]]) -> spherely.Geography:
    """Return a polygon of S2 for corners (latitude, longitude) joined by WGS84 geodesics."""
    return spherely.create_polygon(fine_ring(vertices))


def inscribed_circle(lat: float, lng: float, radius_m: float) -> spherely.Geography:
    """Return a polygon of S2 whose corners lie on a geodesic circle: never larger than the circle."""
    n = CIRCLE_POINTS
    azimuth = np.arange(n) * 360.0 / n
    lngs, lats, _ = GEOD.fwd(np.full(n, lng), np.full(n, lat), azimuth, np.full(n, radius_m))
    return spherely.create_polygon(list(zip(lngs.tolist(), lats.tolist(), strict=True)))


def distance_to_ring_m(lat: float, lng: float, vertices: list[tuple[float, float]]) -> float:
    """Return the least geodesic distance to the edges of a ring, within 1 mm, by brute force."""
    ring = fine_ring(vertices)
    best = np.inf
    for (lng1, lat1), (lng2, lat2) in zip(ring, ring[1:] + ring[:1], strict=True):
        azimuth, _, length_m = GEOD.inv(lng1, lat1, lng2, lat2)
        low, high = 0.0, length_m
        for _ in range(60):  # the distance to points of a short geodesic has one minimum
            a, b = low + (high - low) / 3, high - (high - low) / 3
            ends = GEOD.fwd([lng1] * 2, [lat1] * 2, [azimuth] * 2, [a, b])
            to_a, to_b = GEOD.inv([lng] * 2, [lat] * 2, ends[0], ends[1])[2]
            low, high = (low, b) if to_a < to_b else (a, high)
            best = min(best, to_a, to_b)
    return float(best)
