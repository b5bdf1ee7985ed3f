"""Shapes: what is refused and why, and rings that contain the true shape."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng, ring_positions, unit_vectors
from keepclear.core.shapes import (
    VERTICES_MAX,
    Circle,
    CorridorLeg,
    Polygon,
    _check_ring,
    _clearly_valid,
    corridor_legs,
)
from tests.oracle import GEOD, distance_to_ring_m


def polygon(*corners: tuple[float, float]) -> Polygon:
    return Polygon(vertices=tuple(LatLng(*corner) for corner in corners))


@pytest.mark.parametrize(
    ("corners", "reason"),
    [
        ([(0, 0), (0, 1)], "at least 3 vertices"),
        ([(0, 0), (0.1, 0.1), (0, 0.1), (0.1, 0)], "edge 0 (from vertex 0) crosses edge 2"),
        ([(0, 0), (10, 10), (0, 10), (10, 0)], "edge 0 (from vertex 0) crosses edge 2"),
        ([(0, 0), (0, 1), (1, 1), (0, 0)], "repeats vertex 0 (leave the closing vertex out)"),
        ([(0, 0), (0, 1), (0, 1), (1, 1)], "repeats vertex 1"),
        ([(10, 180), (11, 179), (10, -180)], "repeats vertex 0"),
        ([(90, 0), (89, 10), (90, 50)], "repeats vertex 0"),
        ([(0, 0), (0, 0.1), (0, 0.2)], "no area"),
        ([(0, 0), (0, 1), (0, 2)], "no area"),
        ([(0, 0), (0, 0.1), (0, 0.05), (0.1, 0.05)], "crosses itself"),
        ([(0, 0), (0, 120), (0, -120)], "km from its centre"),
        ([(0, 0), (0, 90), (80, 45), (-80, 45)], "km from its centre"),
        ([(0, 0), (0, 1), (91, 1)], "91 is not within -90..90"),
        ([(0, 0), (0, 181), (1, 1)], "181 is not within -180..180"),
        ([(0, 0), (0, math.nan), (1, 1)], "nan is not within"),
        ([(0, 0), (math.inf, 0), (1, 1)], "inf is not within"),
    ],
)
def test_a_bad_polygon_is_refused_with_the_reason(corners: list[tuple[float, float]], reason: str) -> None:
    with pytest.raises(InvalidValueError, match=re.escape(reason)):
        polygon(*corners)


def test_too_many_vertices_are_refused() -> None:
    corners = [(math.sin(k / 2e3), math.cos(k / 2e3)) for k in range(VERTICES_MAX + 1)]
    with pytest.raises(InvalidValueError, match="over the limit"):
        polygon(*corners)


def test_a_polygon_round_the_pole_and_one_over_the_antimeridian_are_valid() -> None:
    polygon((89, 0), (89, 90), (89, 180), (89, -90))
    polygon((1, 179.9), (1, -179.9), (-1, 180))


def test_an_edge_longer_than_20_km_follows_the_geodesic() -> None:
    ring = polygon((35.0, 36.0), (35.0, 37.1), (36.0, 36.5)).ring_deg()
    lng, lat, _ = GEOD.fwd(
        36.0, 35.0, GEOD.inv(36.0, 35.0, 37.1, 35.0)[0], GEOD.inv(36.0, 35.0, 37.1, 35.0)[2] / 2
    )
    assert len(ring) > 10
    middle_deg = np.abs(ring[:, 1] - 36.55).argmin()
    assert abs(ring[middle_deg, 0] - lat) < 2e-4
    assert abs(lng - 36.55) < 1e-6


@given(
    st.floats(-85.0, 85.0),
    st.floats(-180.0, 180.0),
    st.lists(st.tuples(st.floats(0.0, 360.0), st.floats(1.0, 500_000.0)), min_size=3, max_size=7),
)
def test_what_the_quick_check_accepts_the_thorough_one_accepts(
    lat: float, lng: float, corners: list[tuple[float, float]]
) -> None:
    points = [GEOD.fwd(lng, lat, azimuth, distance)[:2] for azimuth, distance in corners]
    vertices = tuple(LatLng(y, x) for x, y in points)
    if _clearly_valid(vertices):
        _check_ring(np.array(vertices))
        assert len(set(vertices)) == len(vertices)


def _points_on_edges(ring_deg: np.ndarray, count: int = 9) -> np.ndarray:
    vectors = unit_vectors(ring_deg[:, 0], ring_deg[:, 1])
    along = np.linspace(0.0, 1.0, count, endpoint=False)[:, np.newaxis, np.newaxis]
    points = vectors * (1.0 - along) + np.roll(vectors, -1, axis=0) * along
    return ring_positions(points.reshape(-1, 3))


@given(st.floats(-90.0, 90.0), st.floats(-180.0, 180.0), st.floats(0.0, 6.4))
def test_the_ring_of_a_circle_contains_it_and_is_less_than_half_a_metre_too_large(
    lat: float, lng: float, exponent: float
) -> None:
    radius_m = 10.0**exponent
    points = _points_on_edges(Circle(center=LatLng(lat, lng), radius_m=radius_m).ring_deg())
    n = len(points)
    distance_m = np.array(GEOD.inv(np.full(n, lng), np.full(n, lat), points[:, 1], points[:, 0])[2])
    assert distance_m.min() >= radius_m
    assert distance_m.max() <= radius_m + 0.5


@given(
    st.floats(-80.0, 80.0),
    st.floats(-180.0, 180.0),
    st.floats(0.0, 360.0),
    st.floats(0.0, 200_000.0),
    st.floats(1.0, 10_000.0),
)
def test_the_ring_of_a_leg_contains_it_and_is_less_than_half_a_metre_too_large(
    lat: float, lng: float, azimuth: float, length_m: float, half_width_m: float
) -> None:
    end_lng, end_lat, _ = GEOD.fwd(lng, lat, azimuth, length_m)
    leg = CorridorLeg(start=LatLng(lat, lng), end=LatLng(end_lat, end_lng), half_width_m=half_width_m)
    points = _points_on_edges(leg.ring_deg(), 3)
    rng = np.random.default_rng(1)
    for point in points[rng.integers(0, len(points), 4)]:
        gap_m = distance_to_ring_m(point[0], point[1], [(lat, lng), (end_lat, end_lng)]) - half_width_m
        assert -0.001 <= gap_m <= 0.5


@pytest.mark.parametrize("radius_m", [0.0, -1.0, math.nan, math.inf, 3.1e6])
def test_a_radius_out_of_range_is_refused(radius_m: float) -> None:
    with pytest.raises(InvalidValueError, match="radius"):
        Circle(center=LatLng(0, 0), radius_m=radius_m)


def test_a_route_becomes_a_leg_between_each_two_waypoints() -> None:
    route = (LatLng(35, 36), LatLng(35.1, 36), LatLng(35.1, 36.2))
    legs = corridor_legs(route, 200.0)
    assert [(leg.start, leg.end) for leg in legs] == [(route[0], route[1]), (route[1], route[2])]
    with pytest.raises(InvalidValueError, match="at least 2 waypoints"):
        corridor_legs(route[:1], 200.0)
    with pytest.raises(InvalidValueError, match=r"route\[1\]"):
        corridor_legs((LatLng(0, 0), LatLng(1, 0), LatLng(1, 100)), 200.0)
