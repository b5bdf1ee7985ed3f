"""Containment: which points are inside which volumes, by the cells and by all pairs, and how far outside."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.containment import Certainty, Containment, Hits, Points, apart, place
from keepclear.core.geodesy import Floats, LatLng, geodesic_direct, geodesic_inverse, unit_vectors
from keepclear.core.packed import PackedVolumes, pack
from keepclear.core.ring_planes import measured, ring_edges
from keepclear.core.shapes import Circle, Outline, Polygon, rings_deg
from keepclear.core.volumes import Volume4D
from tests.core.test_index import squares
from tests.strategies import at, band, go, square, volume, volumes, window

NOON_MS = int(at(0).timestamp() * 1000)


def packed(*made: Volume4D) -> PackedVolumes:
    """Pack volumes, each an item of its own."""
    return pack(made, range(len(made)), range(len(made)), [False] * len(made))


def points(*places: LatLng, error_m: float = 0.0, low_m: float = 100.0, high_m: float = 100.0) -> Points:
    """Return points a minute after noon."""
    n = len(places)
    lat, lng = np.array(places, dtype=np.float64).reshape(-1, 2).T
    return Points(
        lat, lng, np.full(n, error_m), np.full(n, low_m), np.full(n, high_m),
        np.full(n, NOON_MS + 60_000, dtype=np.int64),
    )  # fmt: skip


def code_of(found: Hits, point: int = 0, of_volume: int = 0) -> Certainty:
    """Return what was found of a point and a volume."""
    codes = found.codes[(found.points == point) & (found.volumes == of_volume)]
    return Certainty(int(codes[0])) if len(codes) else Certainty.OUTSIDE


def where(outline: Outline, place_: LatLng, error_m: float = 0.0) -> Certainty:
    """Tell whether a place is inside a footprint."""
    return code_of(Containment(place(packed(volume(outline)))).find(points(place_, error_m=error_m)))


def distance_by_steps_m(ring_deg: Sequence[Sequence[float]] | Floats, spot: LatLng) -> float:
    """Measure how far a place is from an outline, along many short steps of its geodesic edges."""
    best = math.inf
    ring = [(float(lat), float(lng)) for lat, lng in ring_deg]
    for (lat, lng), (lat_end, lng_end) in zip(ring, ring[1:] + ring[:1], strict=True):
        length, azimuth = geodesic_inverse(lat, lng, lat_end, lng_end)
        steps = np.linspace(0.0, float(length), 400)
        on_lat, on_lng = geodesic_direct(lat, lng, float(azimuth), steps)
        distance, _ = geodesic_inverse(spot.lat_deg, spot.lng_deg, on_lat, on_lng)
        best = min(best, float(np.min(distance)))
    return best


# -- what a certainty means ------------------------------------------------------------------------


def test_a_place_well_inside_a_square_is_inside_and_one_well_outside_is_not() -> None:
    outline = square(47.0, 8.0, 500.0)
    assert where(outline, go(47.0, 8.0, 90.0, 490.0)) is Certainty.INSIDE
    assert where(outline, go(47.0, 8.0, 90.0, 510.0)) is Certainty.OUTSIDE


@pytest.mark.parametrize(
    ("inwards_m", "expected"),
    [
        (31.0, Certainty.INSIDE),
        (29.0, Certainty.POSSIBLE),
        (-29.0, Certainty.POSSIBLE),
        (-31.0, Certainty.OUTSIDE),
    ],
)
def test_an_error_that_reaches_over_the_outline_decides(inwards_m: float, expected: Certainty) -> None:
    spot = go(47.0, 8.0, 90.0, 500.0 - inwards_m)
    assert where(square(47.0, 8.0, 500.0), spot, error_m=30.0) is expected


def test_a_place_on_a_corner_is_inside_because_volumes_are_closed() -> None:
    outline = Polygon(vertices=(LatLng(0.0, 0.0), LatLng(0.0, 0.01), LatLng(0.01, 0.01), LatLng(0.01, 0.0)))
    assert where(outline, LatLng(0.0, 0.0)) is Certainty.INSIDE
    assert where(outline, LatLng(0.0, 0.005)) is Certainty.INSIDE
    assert where(outline, LatLng(0.005, 0.01)) is Certainty.INSIDE


@pytest.mark.parametrize(
    ("low_m", "high_m", "expected"),
    [
        (100.0, 200.0, Certainty.INSIDE),
        (90.0, 150.0, Certainty.POSSIBLE),
        (50.0, 250.0, Certainty.POSSIBLE),
        (-math.inf, math.inf, Certainty.POSSIBLE),
        (201.0, 300.0, Certainty.OUTSIDE),
        (0.0, 99.0, Certainty.OUTSIDE),
        (200.0, 200.0, Certainty.INSIDE),
    ],
)
def test_the_bounds_of_a_height_decide_alike(low_m: float, high_m: float, expected: Certainty) -> None:
    made = packed(volume(square(47.0, 8.0, 500.0), None, band(100.0, 200.0)))
    found = Containment(place(made)).find(points(LatLng(47.0, 8.0), low_m=low_m, high_m=high_m))
    assert code_of(found) is expected


def test_without_a_height_a_point_is_inside_what_has_no_bounds() -> None:
    made = packed(volume(square(47.0, 8.0, 500.0)))
    found = Containment(place(made)).find(points(LatLng(47.0, 8.0), low_m=-math.inf, high_m=math.inf))
    assert code_of(found) is Certainty.INSIDE


def test_a_position_of_which_nothing_is_known_is_possible_everywhere() -> None:
    made = packed(volume(square(47.0, 8.0, 500.0)), volume(square(-47.0, -172.0, 500.0)))
    found = Containment(place(made)).find(points(LatLng(47.0, 8.0), error_m=math.inf))
    assert [code_of(found, 0, k) for k in (0, 1)] == [Certainty.POSSIBLE, Certainty.POSSIBLE]


def test_a_volume_that_is_over_counts_only_within_the_time_asked_for() -> None:
    made = packed(volume(square(47.0, 8.0, 500.0), window(-60, 0)))
    containment = Containment(place(made))
    assert len(containment.find(points(LatLng(47.0, 8.0))).points) == 0
    assert len(containment.find(points(LatLng(47.0, 8.0)), late_ms=59_999).points) == 0
    assert len(containment.find(points(LatLng(47.0, 8.0)), late_ms=60_000).points) == 1


@pytest.mark.parametrize(
    ("lat", "lng"), [(90.0, 0.0), (-90.0, 77.0), (0.0, 180.0), (-17.0, -180.0), (89.999, 13.0)]
)
def test_poles_and_the_antimeridian_are_places_like_others(lat: float, lng: float) -> None:
    outline = Circle(center=LatLng(lat, lng), radius_m=5_000.0)
    for bearing in range(0, 360, 30):
        assert where(outline, go(lat, lng, bearing, 4_950.0), error_m=20.0) is Certainty.INSIDE
        assert where(outline, go(lat, lng, bearing, 5_050.0), error_m=20.0) is Certainty.OUTSIDE
        assert where(outline, go(lat, lng, bearing, 5_010.0), error_m=20.0) is Certainty.POSSIBLE


def test_no_points_and_no_volumes_are_answered() -> None:
    nothing = Containment(place(packed()))
    assert len(nothing.find(points(LatLng(0.0, 0.0))).points) == 0
    some = Containment(place(packed(volume(square(47.0, 8.0, 500.0)))))
    assert len(some.find(points()).points) == 0


# -- the oracle: all pairs, without cells ----------------------------------------------------------


def by_all_pairs(volumes_: PackedVolumes, asked: Points) -> dict[tuple[int, int], Certainty]:
    """Judge every pair by the plane at the point and the definition, in plain Python."""
    result = {}
    vectors = unit_vectors(asked.latitude_deg, asked.longitude_deg)
    for i in range(len(vectors)):
        everyone = np.arange(volumes_.volume_count)
        far = apart(asked, volumes_, np.full(len(everyone), i), everyone)
        for j in everyone.tolist():
            if not volumes_.start_ms[j] <= asked.at_ms[i] <= volumes_.end_ms[j]:
                continue
            signed, error = float(far.lateral_m[j]), float(asked.error_m[i]) + float(volumes_.slack_m[j])
            low, high = float(asked.lower_m[i]), float(asked.upper_m[i])
            floor, ceiling = float(volumes_.lower_m[j]), float(volumes_.upper_m[j])
            lateral = (
                Certainty.INSIDE if signed <= -error
                else Certainty.OUTSIDE if signed > error
                else Certainty.POSSIBLE
            )  # fmt: skip
            vertical = (
                Certainty.OUTSIDE if high < floor or low > ceiling
                else Certainty.INSIDE if low >= floor and high <= ceiling
                else Certainty.POSSIBLE
            )  # fmt: skip
            # What lies within a hundredth of an error of a bound may be POSSIBLE by either.
            if abs(abs(signed) - error) > 0.002 + 0.02 * error:
                result[i, j] = min(lateral, vertical)
    return result


def scattered(volumes_: PackedVolumes, count: int, seed: int) -> Points:
    """Points near the volumes, with errors of all sizes."""
    rng = np.random.default_rng(seed)
    centre = volumes_.centre[rng.integers(0, volumes_.volume_count, count)]
    lat, lng = np.degrees(np.arcsin(centre[:, 2])), np.degrees(np.arctan2(centre[:, 1], centre[:, 0]))
    reach = 10 ** rng.uniform(1.0, 4.6, count)
    lat, lng = geodesic_direct(lat, lng, rng.uniform(0.0, 360.0, count), reach)
    low = rng.uniform(-500.0, 3_500.0, count)
    error = np.choose(rng.integers(0, 6, count), [0.0, 10.0, 250.0, 2_000.0, 30_000.0, 200_000.0])
    return Points(
        lat, lng, error.astype(np.float64), low, low + 10 ** rng.uniform(0.0, 3.0, count),
        rng.integers(0, 6 * 3_600_000, count),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_cells_find_exactly_what_all_pairs_find(seed: int) -> None:
    made = squares(150, seed)
    asked = scattered(made, 60, seed)
    found = Containment(place(made)).find(asked)
    codes = {
        (i, j): Certainty(code)
        for i, j, code in zip(
            found.points.tolist(), found.volumes.tolist(), found.codes.tolist(), strict=True
        )
    }
    for pair, expected in by_all_pairs(made, asked).items():
        assert codes.get(pair, Certainty.OUTSIDE) is expected, pair


@pytest.mark.slow
@given(st.lists(volumes(), min_size=1, max_size=6), st.data())
def test_whatever_the_outline_all_pairs_agree(made: list[Volume4D], data: st.DataObject) -> None:
    together = packed(*made)
    spot = LatLng(data.draw(st.floats(34.85, 35.15)), data.draw(st.floats(35.75, 36.05)))
    error_m = data.draw(st.sampled_from([0.0, 5.0, 100.0, 3_000.0]))
    asked = points(
        spot, error_m=error_m, low_m=500.0, high_m=500.0 + data.draw(st.sampled_from([0.0, 400.0]))
    )
    found = Containment(place(together)).find(asked)
    for (i, j), expected in by_all_pairs(together, asked).items():
        assert code_of(found, i, j) is expected


@given(st.floats(-179.0, 179.0), st.floats(0.0, 360.0), st.floats(0.0, 3_000.0))
def test_turning_the_earth_changes_nothing(turn: float, bearing: float, distance_m: float) -> None:
    spot = go(47.0, 8.0, bearing, distance_m)
    turned_lng = (8.0 + turn + 180.0) % 360.0 - 180.0
    turned = go(47.0, turned_lng, bearing, distance_m)
    margin_m = abs(distance_m - 1_500.0)
    if abs(margin_m - 40.0) > 0.6 and margin_m > 0.6:  # but for the corners of the circle's ring
        here = where(Circle(center=LatLng(47.0, 8.0), radius_m=1_500.0), spot, error_m=40.0)
        there = where(Circle(center=LatLng(47.0, turned_lng), radius_m=1_500.0), turned, error_m=40.0)
        assert here is there


@given(st.floats(0.0, 360.0), st.floats(0.0, 4_000.0), st.floats(0.0, 500.0), st.floats(0.0, 500.0))
def test_a_larger_error_never_makes_anything_surer(
    bearing: float, distance_m: float, error_m: float, more_m: float
) -> None:
    spot = go(47.0, 8.0, bearing, distance_m)
    outline = square(47.0, 8.0, 1_500.0)
    less, more = where(outline, spot, error_m), where(outline, spot, error_m + more_m)
    assert more in (less, Certainty.POSSIBLE)


@pytest.mark.slow
def test_a_ring_of_many_edges_is_judged_like_one_of_few() -> None:
    few = square(47.0, 8.0, 5_000.0)
    corners = [LatLng(*each) for each in few.vertices]
    dense = []
    for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
        length, azimuth = geodesic_inverse(a.lat_deg, a.lng_deg, b.lat_deg, b.lng_deg)
        dense += [
            a,
            *(go(a.lat_deg, a.lng_deg, float(azimuth), float(length) * k / 30.0) for k in range(1, 30)),
        ]
    many = Polygon(vertices=tuple(dense))
    for bearing in range(0, 360, 15):
        for distance_m in (1_000.0, 4_900.0, 5_100.0, 6_000.0, 7_200.0):
            spot = go(47.0, 8.0, bearing + 1.0, distance_m)
            for error_m in (0.0, 50.0):
                assert where(few, spot, error_m) is where(many, spot, error_m)


# -- how far outside -------------------------------------------------------------------------------


@given(st.floats(-80.0, 80.0), st.floats(0.0, 360.0), st.floats(0.0, 300_000.0))
def test_the_distance_outside_is_that_along_geodesics(lat: float, bearing: float, distance_m: float) -> None:
    outline = square(lat, 179.9, 2_000.0)
    spot = go(lat, 179.9, bearing, distance_m)
    stepped = distance_by_steps_m(rings_deg([outline])[0], spot)
    measured_m = float(
        apart(points(spot), packed(volume(outline)), np.array([0]), np.array([0])).lateral_m[0]
    )
    assert abs(measured_m) == pytest.approx(stepped, rel=0.01, abs=0.5)
    assert (measured_m < 0.0) == (where(outline, spot) is Certainty.INSIDE) or abs(measured_m) < 0.01


def test_a_distance_round_half_the_earth_is_told_too() -> None:
    made = packed(volume(square(0.0, 0.0, 1_000.0)))
    far = apart(points(LatLng(0.0, 179.0)), made, np.array([0]), np.array([0])).lateral_m[0]
    assert float(far) == pytest.approx(19_900_000.0, rel=0.01)


def test_the_vertical_distance_is_from_the_nearer_bound() -> None:
    made = packed(volume(square(47.0, 8.0, 500.0), None, band(100.0, 200.0)))
    spots = [(0.0, 60.0, 40.0), (250.0, 260.0, 50.0), (150.0, 150.0, 0.0), (50.0, 250.0, 0.0)]
    for low_m, high_m, expected_m in spots:
        asked = points(LatLng(47.0, 8.0), low_m=low_m, high_m=high_m)
        assert float(apart(asked, made, np.array([0]), np.array([0])).vertical_m[0]) == expected_m


def test_the_origin_is_measured_against_a_ring_round_it_and_one_beside_it() -> None:
    def ring(x: float) -> Floats:
        first = np.array([0, 4])
        return ring_edges(np.array([x, x, x + 2, x + 2]), np.array([-1.0, 1.0, 1.0, -1.0]), first)

    assert [float(part[0]) for part in measured(ring(-1.0), np.array([0]))] == [1.0, 1.0]
    assert [float(part[0]) for part in measured(ring(3.0), np.array([0]))] == [0.0, 3.0]


@pytest.mark.slow
def test_points_by_the_ten_thousand_are_found_in_chunks() -> None:
    made = squares(60, 9)
    asked = scattered(made, 3_000, 9)
    asked = asked._replace(error_m=np.where(np.arange(3_000) % 3 == 0, 1e6, asked.error_m))
    containment = Containment(place(made))
    whole = containment.find(asked)
    some = np.arange(0, 3_000, 7)
    part = containment.find(asked.taken(some))
    wanted = np.isin(whole.points, some)
    assert (some[part.points] == whole.points[wanted]).all()
    assert (part.codes == whole.codes[wanted]).all()
