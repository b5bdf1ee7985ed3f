"""Where a position lies among what is declared, against PROJ and against looking at everything."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.geodesy import LatLng
from keepclear.core.messages import DEGREE_STEPS, Position
from keepclear.core.picture import Picture
from keepclear.core.shapes import Circle, CorridorLeg, Polygon
from keepclear.core.times import floor_ms
from keepclear.core.volumes import Volume4D
from keepclear.core.whereabouts import FAR_M, compare_spoken, nearest_declared, offset, place_of
from tests.core.test_positions import POSITIONS
from tests.oracle import GEOD, distance_to_ring_m
from tests.strategies import NOON, band, go, intent, outlines, square, volume, window, zone

NOON_MS = floor_ms(NOON)


def position(lat: float, lng: float) -> Position:
    """Return the nearest position that a message can hold."""
    east = round(lng * DEGREE_STEPS)
    east = (east + 180 * DEGREE_STEPS) % (360 * DEGREE_STEPS) - 180 * DEGREE_STEPS
    return Position(latitude_e5=round(lat * DEGREE_STEPS), longitude_e5=east)


def away(lat: float, lng: float, azimuth_deg: float, distance_m: float) -> Position:
    """Return the position so far away."""
    return position(*go(lat, lng, azimuth_deg, distance_m))


@given(POSITIONS, POSITIONS)
def test_distance_and_bearing_are_those_of_proj_even_where_positions_are_opposite(
    a: Position, b: Position
) -> None:
    found = compare_spoken(a, b)
    bearing, _, distance_m = GEOD.inv(a.longitude_deg, a.latitude_deg, b.longitude_deg, b.latitude_deg)
    is_opposite = distance_m > 19_800_000.0
    assert found.distance_m == pytest.approx(distance_m, rel=6e-3 if is_opposite else 1e-9, abs=1e-3)
    assert 0.0 <= found.bearing_deg < 360.0
    if not is_opposite:
        aside_m = abs(math.sin(math.radians(found.bearing_deg - bearing))) * min(distance_m, 1e6)
        assert aside_m < 1e-2 or abs(a.latitude_deg) > 89.9999


def test_one_place_is_no_distance_away_and_opposite_ones_half_of_the_earth() -> None:
    here = LatLng(35.0, 36.0)
    assert (offset(here, here).distance_m, offset(here, here).bearing_deg) == (0.0, 0.0)
    across = offset(here, LatLng(-35.0, -144.0))
    assert 19_900_000.0 < across.distance_m < 20_040_000.0
    assert offset(LatLng(90.0, 0.0), LatLng(-90.0, 0.0)).distance_m == pytest.approx(2.0e7, rel=6e-3)


def test_the_antimeridian_is_no_border() -> None:
    found = compare_spoken(position(10.0, 179.99), position(10.0, -179.99))
    assert found.distance_m == pytest.approx(2_193.0, abs=5.0)
    assert found.bearing_deg == pytest.approx(90.0, abs=0.01)


def test_a_place_read_out_some_kilometres_wrong_is_told_with_distance_and_bearing() -> None:
    """P6: the position that was passed by voice was off by several kilometres."""
    meant = position(35.3325, 40.1440)
    spoken = away(meant.latitude_deg, meant.longitude_deg, 208.0, 6_300.0)
    found = compare_spoken(meant, spoken)
    assert found.distance_m == pytest.approx(6_300.0, abs=1.0)
    assert found.bearing_deg == pytest.approx(208.0, abs=0.02)
    picture = Picture([intent("convoy", volume(square(meant.latitude_deg, meant.longitude_deg, 500.0)))])
    assert not nearest_declared(meant, picture, NOON_MS).is_far
    where = nearest_declared(spoken, picture, NOON_MS)
    assert where.is_far
    assert where.nearest is not None
    assert where.nearest.id == "convoy"
    assert where.offset is not None
    assert where.offset.bearing_deg == pytest.approx(28.0, abs=5.0)
    assert 5_000.0 < where.offset.distance_m < 6_000.0


@pytest.mark.parametrize(
    ("lat", "lng"), [(35.0, 36.0), (0.0, 180.0), (-45.0, -179.999), (90.0, 0.0), (-89.99, 7.0)]
)
def test_a_position_is_inside_of_everything_round_it_whosever_it_is(lat: float, lng: float) -> None:
    wide = volume(Circle(center=LatLng(lat, lng), radius_m=3_000.0), band=band(0.0, 100.0))
    narrow = volume(Circle(center=LatLng(lat, lng), radius_m=100.0), window(300, 400))
    picture = Picture([intent("b", wide, party="north"), zone("a", narrow, party="south"), intent("c", wide)])
    where = nearest_declared(position(lat, lng), picture, NOON_MS)
    assert [each.id for each in where.inside] == ["b", "c", "a"], "sorted by party"
    assert (where.nearest, where.offset, where.is_far) == (None, None, False)
    aside = nearest_declared(away(lat, lng, 45.0, 2_000.0), picture, NOON_MS)
    assert [each.id for each in aside.inside] == ["b", "c"]


def test_two_kilometres_are_not_far_yet() -> None:
    circle = Circle(center=LatLng(35.0, 36.0), radius_m=1_000.0)
    picture = Picture([intent("a", volume(circle))])
    near = nearest_declared(away(35.0, 36.0, 90.0, 1_000.0 + FAR_M - 3.0), picture, NOON_MS)
    assert not near.is_far
    far = nearest_declared(away(35.0, 36.0, 90.0, 1_000.0 + FAR_M + 3.0), picture, NOON_MS)
    assert far.is_far
    assert far.offset is not None
    assert far.offset.bearing_deg == pytest.approx(270.0, abs=0.1)


def test_what_is_over_or_nowhere_near_makes_no_place_plausible() -> None:
    over = intent("over", volume(square(35.0, 36.0, 500.0), window(0, 60)))
    where = nearest_declared(position(35.0, 36.0), Picture([over]), NOON_MS + 60 * 60_000 + 1)
    assert (where.inside, where.nearest, where.is_far) == ((), None, True)
    still = nearest_declared(position(35.0, 36.0), Picture([over]), NOON_MS + 60 * 60_000)
    assert [each.id for each in still.inside] == ["over"], "windows are closed"
    assert nearest_declared(position(-35.0, -144.0), Picture([over]), NOON_MS).is_far
    assert nearest_declared(position(35.0, 36.0), Picture(), NOON_MS).is_far


@pytest.mark.parametrize("distance_m", [15_000.0, 90_000.0, 400_000.0, 990_000.0])
def test_the_nearest_is_found_also_where_it_is_hundreds_of_kilometres_away(distance_m: float) -> None:
    there = go(35.0, 36.0, 300.0, distance_m)
    picture = Picture([intent("far", volume(Circle(center=there, radius_m=1.0)))])
    where = nearest_declared(position(35.0, 36.0), picture, NOON_MS)
    assert where.offset is not None
    assert where.offset.distance_m == pytest.approx(distance_m - 1.0, abs=2.0)
    assert where.offset.bearing_deg == pytest.approx(300.0, abs=0.1)


def _distance_m(here: Position, each: Volume4D) -> float:
    """Measure how far a footprint is with PROJ; 0.0 inside."""
    outline = each.volume.outline
    if isinstance(outline, Circle):
        m = GEOD.inv(outline.center.lng_deg, outline.center.lat_deg, here.longitude_deg, here.latitude_deg)[2]
        return max(0.0, float(m) - outline.radius_m)
    assert isinstance(outline, Polygon | CorridorLeg)
    ring = [(float(lat), float(lng)) for lat, lng in outline.ring_deg()]
    return distance_to_ring_m(here.latitude_deg, here.longitude_deg, ring)


@pytest.mark.slow
@given(st.lists(outlines(), min_size=1, max_size=6), st.floats(34.7, 35.3), st.floats(35.5, 36.3))
def test_the_nearest_is_the_one_that_looking_at_everything_finds(
    drawn: list[Circle | CorridorLeg | Polygon], lat: float, lng: float
) -> None:
    items = [intent(f"i{k}", volume(outline)) for k, outline in enumerate(drawn)]
    here = position(lat, lng)
    where = nearest_declared(here, Picture(items), NOON_MS)
    distances_m = [_distance_m(here, each.volumes[0]) for each in items]
    if where.inside:
        assert where.nearest is None
        return
    assert where.offset is not None
    assert where.offset.distance_m == pytest.approx(min(distances_m), abs=1.0), (
        "circles are drawn 0.45 m wide"
    )
    assert where.nearest is not None
    named = int(where.nearest.id[1:])
    assert distances_m[named] == pytest.approx(min(distances_m), abs=1.0)
    end = go(*place_of(here), where.offset.bearing_deg, where.offset.distance_m + 0.02)
    touched = Picture([items[named]]).findings_of(intent("end", volume(Circle(center=end, radius_m=1.0))))
    assert touched, "the bearing leads there"
