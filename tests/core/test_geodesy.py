"""Geodesics against PROJ, and how far a great circle strays from one."""

from __future__ import annotations

import numpy as np

from keepclear.core.gaps import edge_gap_m
from keepclear.core.geodesy import (
    SUB_EDGE_ERROR_MAX_M,
    SUB_EDGE_MAX_M,
    from_plane,
    geodesic_direct,
    geodesic_inverse,
    plane_of,
    ring_positions,
    unit_vectors,
    with_geodesic_points,
)
from tests.oracle import GEOD, distance_to_ring_m

COUNT = 20_000


def _anywhere(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, COUNT)))
    lat[:4] = (90.0, -90.0, 0.0, 89.999999)
    return lat, rng.uniform(-180, 180, COUNT), rng.uniform(0, 360, COUNT)


def test_geodesics_are_within_a_tenth_of_a_millimetre_of_proj() -> None:
    lat, lng, azimuth = _anywhere(1)
    length_m = 10 ** np.random.default_rng(2).uniform(0, 6.6, COUNT)
    there = geodesic_direct(lat, lng, azimuth, length_m)
    proj_lng, proj_lat, _ = GEOD.fwd(lng, lat, azimuth, length_m)
    assert max(GEOD.inv(there[1], there[0], proj_lng, proj_lat)[2]) < 1e-4
    back_m, bearing = geodesic_inverse(lat, lng, proj_lat, proj_lng)
    assert np.abs(back_m - length_m).max() < 1e-4
    aside_m = np.abs(np.sin(np.radians(bearing - azimuth))) * length_m
    assert aside_m[4:].max() < 1e-3  # at a pole every bearing is as good


def test_a_great_circle_of_20_km_strays_from_the_geodesic_by_no_more_than_stated() -> None:
    lat, lng, azimuth = _anywhere(3)
    ends = np.stack(geodesic_direct(lat, lng, azimuth, SUB_EDGE_MAX_M), axis=-1)
    middle = unit_vectors(lat, lng) + unit_vectors(*ends.T)
    on_circle = ring_positions(middle)
    bearing = np.array(GEOD.inv(lng, lat, *on_circle.T[::-1])[0])
    astray_m = np.abs(np.sin(np.radians(bearing - azimuth))) * SUB_EDGE_MAX_M / 2
    assert 0.02 < astray_m[4:].max() <= SUB_EDGE_ERROR_MAX_M


def test_long_edges_get_points_of_the_geodesic() -> None:
    ring = np.array([(35.0, 36.0), (35.0, 41.0), (38.0, 38.0)])
    fine, edge_of = with_geodesic_points(ring)
    assert sorted(set(edge_of.tolist())) == [0, 1, 2]
    corners = [(float(a), float(b)) for a, b in ring]
    for point in fine[:: max(1, len(fine) // 10)]:
        assert distance_to_ring_m(point[0], point[1], corners) < 1e-3
    lengths = GEOD.inv(fine[:, 1], fine[:, 0], *np.roll(fine, -1, axis=0).T[::-1])[2]
    assert max(lengths) <= SUB_EDGE_MAX_M + 1e-3


def test_the_plane_and_back_gives_the_same_place_and_metres_near_its_centre() -> None:
    lat, lng, azimuth = (values[:50] for values in _anywhere(4))
    for k in range(4, 50):
        centre = unit_vectors(lat[k : k + 1], lng[k : k + 1])[0]
        near = geodesic_direct(lat[k], lng[k], azimuth[k], 1_000.0)
        vector = unit_vectors(*(np.atleast_1d(part) for part in near))
        flat = plane_of(centre, vector)
        assert abs(float(np.hypot(*flat[0])) - 1_000.0) < 1e-2
        assert np.allclose(from_plane(centre, flat), vector, atol=1e-15)


def test_the_gap_between_edges_is_that_of_proj() -> None:
    rng = np.random.default_rng(5)
    for _ in range(30):
        lat, lng = float(np.degrees(np.arcsin(rng.uniform(-1, 1)))), float(rng.uniform(-180, 180))
        azimuth, gap_m = float(rng.uniform(0, 360)), float(10 ** rng.uniform(0, 4))
        start = geodesic_direct(lat, lng, azimuth, -1_000.0)
        end = geodesic_direct(lat, lng, azimuth, 1_000.0)
        edge = [(float(start[0]), float(start[1])), (float(end[0]), float(end[1]))]
        tip = geodesic_direct(lat, lng, azimuth + 90.0, gap_m)
        far = geodesic_direct(*(float(part) for part in tip), azimuth + 80.0, 5_000.0)
        a = unit_vectors(*np.array(edge).T)
        b = unit_vectors(*np.array((tip, far), dtype=float).T)
        found_m = edge_gap_m(a, 0, 1, b, 0, 1, *(a[0] + b[0]))[0]
        true_m = distance_to_ring_m(float(tip[0]), float(tip[1]), edge)
        assert abs(found_m - true_m) < 2e-3
