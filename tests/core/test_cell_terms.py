"""Terms find everything that meets, wherever and however large it is; and they stay few."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.core.cell_terms import (
    EXTENT_CELLS_MAX,
    FOOTPRINT_CELLS_MAX,
    LEVELS,
    STRIPES,
    CellTerms,
    terms_of,
)
from keepclear.core.extents import Extent, meeting_among
from keepclear.core.geodesy import Floats, LatLng
from keepclear.core.shapes import Circle, CorridorLeg, Outline, Polygon
from keepclear.core.times import TimeWindow
from tests.strategies import NOON, go, square, volume, volumes

LEAST_ROWS = 200
"""About so many of the largest cubes lie on a hemisphere."""


def extent_of(*outlines: Outline) -> Extent:
    return Extent(tuple(volume(outline) for outline in outlines))


def circle(lat: float, lng: float, radius_m: float) -> Circle:
    return Circle(center=LatLng(lat, lng), radius_m=radius_m)


def find(query: CellTerms, stored: CellTerms) -> bool:
    return not set(query.looked_up).isdisjoint(stored.stored)


def hold(terms: CellTerms, vector: Floats) -> bool:
    """Tell whether a point of the surface lies in a cube, by the definition of the cubes."""
    for level, n in enumerate(LEVELS):
        x, y, z = (int(part) for part in np.floor(vector * 2**n) + 2**n)
        if (((level + 1) << 14 | x) << 14 | y) << 14 | z in terms.cells:
            return True
    return False


@st.composite
def places(draw: st.DrawFn) -> LatLng:
    """Draw positions; many at a pole, the antimeridian, or where faces and edges of cubes are."""
    lat = draw(st.sampled_from([90.0, -90.0, 0.0, 45.0]) | st.floats(-90.0, 90.0))
    lng = draw(st.sampled_from([180.0, -180.0, 0.0, 90.0, 45.0]) | st.floats(-180.0, 180.0))
    return LatLng(lat, lng)


SIZES_M = st.floats(0.0, 6.4).map(lambda power: min(10.0**power, 2_900_000.0))


@st.composite
def outlines(draw: st.DrawFn, place: LatLng | None = None) -> Outline:
    """Draw footprints of a metre to 2,900 km, anywhere."""
    where, size_m = place or draw(places()), draw(SIZES_M)
    match draw(st.integers(0, 2)):
        case 0:
            return Circle(center=where, radius_m=size_m)
        case 1:
            end = go(*where, draw(st.floats(0.0, 360.0)), min(size_m * 5.0, 3_900_000.0))
            return CorridorLeg(start=where, end=end, half_width_m=min(max(1.0, size_m / 20.0), 100_000.0))
        case _:
            reach = draw(st.lists(st.floats(0.5, 1.0), min_size=3, max_size=9))
            turn = draw(st.floats(0.0, 360.0))
            size_m = min(size_m, 1_500_000.0)
            points = [go(*where, turn + k * 360.0 / len(reach), size_m * r) for k, r in enumerate(reach)]
            return Polygon(vertices=tuple(points))


# -- nothing is missed ------------------------------------------------------------------------------


def require_found(a: Extent, b: Extent) -> None:
    terms_a, terms_b = terms_of(a), terms_of(b)
    assert find(terms_a, terms_b)
    assert find(terms_b, terms_a)
    assert not set(terms_a.stripes).isdisjoint(terms_b.stripes)


@given(st.lists(volumes(), min_size=1, max_size=4), st.lists(volumes(), min_size=1, max_size=4))
def test_extents_that_meet_find_each_other_and_share_a_lock(a: list, b: list) -> None:  # type: ignore[type-arg]
    one, other = Extent(tuple(a)), Extent(tuple(b))
    if meeting_among(one, [("other", other)]):
        require_found(one, other)


@given(st.data())
def test_so_do_footprints_of_any_two_sizes_round_one_place(data: st.DataObject) -> None:
    place = data.draw(places())
    one, other = extent_of(data.draw(outlines(place))), extent_of(data.draw(outlines(place)))
    if meeting_among(one, [("other", other)]):
        require_found(one, other)


@given(places(), SIZES_M, SIZES_M, st.floats(0.0, 360.0))
@example(LatLng(90.0, 0.0), 100.0, 2_900_000.0, 10.0)
@example(LatLng(0.0, 180.0), 1.0, 1.0, 0.0)
def test_so_do_circles_that_only_touch(place: LatLng, a_m: float, b_m: float, azimuth: float) -> None:
    beside = go(*place, azimuth, a_m + b_m)
    one, other = extent_of(Circle(center=place, radius_m=a_m)), extent_of(Circle(center=beside, radius_m=b_m))
    if meeting_among(one, [("other", other)]):
        require_found(one, other)


@given(outlines(), st.integers(0, 2**32 - 1))
def test_every_point_of_a_footprint_lies_in_a_cube(outline: Outline, seed: int) -> None:
    extent = extent_of(outline)
    terms, packed = terms_of(extent), extent.packed
    rng = np.random.default_rng(seed)
    ring = packed.vertices[rng.integers(0, len(packed.vertices), 20)]
    middle = packed.centre[0] if isinstance(outline, Circle) else ring  # that of others may lie outside
    for vector in [*ring, *(middle + rng.random((20, 1)) * (ring - middle))]:
        assert hold(terms, vector / np.linalg.norm(vector))


# -- they are few -----------------------------------------------------------------------------------


@given(st.lists(outlines(), min_size=1, max_size=5))
def test_no_cube_lies_within_another_and_terms_are_bounded(drawn: list[Outline]) -> None:
    terms = terms_of(extent_of(*drawn))
    assert list(terms.cells) == sorted(set(terms.cells))
    assert set(terms.cells).isdisjoint(-term for term in terms.stored if term < 0)
    assert 0 < min(terms.cells) <= max(terms.cells) < 2**62
    assert 0 <= min(terms.stripes) <= max(terms.stripes) < STRIPES
    largest = [cell for cell in terms.cells if cell >> 42 == 1]
    assert len(terms.cells) - len(largest) <= EXTENT_CELLS_MAX
    assert len(largest) <= LEAST_ROWS * len(drawn)


@pytest.mark.parametrize(("radius_m", "rows"), [(100.0, 16), (1_000.0, 20), (5_000.0, 20), (50_000.0, 20)])
def test_a_footprint_of_usual_size_has_few_rows(radius_m: float, rows: int) -> None:
    rng = np.random.default_rng(1)
    for lat, lng in rng.uniform((-80.0, -180.0), (80.0, 180.0), (30, 2)).tolist():
        terms = terms_of(extent_of(circle(lat, lng, radius_m)))
        assert len(terms.cells) <= FOOTPRINT_CELLS_MAX
        assert len(terms.stored) <= rows


def test_ten_years_have_as_many_rows_as_an_hour() -> None:
    hour = volume(circle(35.0, 36.0, 100.0))
    years = TimeWindow(start=NOON, end=NOON + timedelta(days=3_653))
    assert terms_of(Extent((hour,))) == terms_of(Extent((volume(hour.volume.outline, years),)))


def test_many_small_footprints_stand_in_larger_cubes() -> None:
    spread = extent_of(*(square(35.0 + k / 10, 36.0 + j / 10, 50.0) for k in range(20) for j in range(20)))
    terms = terms_of(spread)
    assert len(terms.cells) <= EXTENT_CELLS_MAX
    assert find(terms, terms_of(extent_of(square(36.5, 37.5, 10.0))))


def test_what_is_all_over_the_earth_takes_all_locks() -> None:
    assert terms_of(extent_of(circle(0.0, 0.0, 2_000_000.0))).stripes == tuple(range(STRIPES))
    apart = [circle(lat, lng, 10.0) for lat in range(-80, 81, 20) for lng in range(-180, 180, 30)]
    assert terms_of(extent_of(*apart)).stripes == tuple(range(STRIPES))


def test_what_is_far_away_is_neither_found_nor_locked() -> None:
    here, there = (
        terms_of(extent_of(circle(35.0, 36.0, 100.0))),
        terms_of(extent_of(circle(35.3, 36.0, 100.0))),
    )
    assert not find(here, there)
    assert set(here.stripes).isdisjoint(there.stripes)
