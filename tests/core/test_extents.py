"""Which extents meet, and which cover which."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import spherely
from hypothesis import given
from hypothesis import strategies as st

from bench.dss_pairs import Drawn, Shape, draw_pair, judge_pairs
from keepclear.core import extents as module
from keepclear.core.altitudes import AltitudeBand
from keepclear.core.conflicts import ConflictRule
from keepclear.core.errors import InvalidValueError
from keepclear.core.extents import Box, Extent, meeting_among, volume_conflicts
from keepclear.core.geodesy import LatLng, unit_vectors
from keepclear.core.index import Engine
from keepclear.core.intents import VOLUMES_MAX, ItemId, OperationalIntent
from keepclear.core.judge import footprints_meet
from keepclear.core.picture import Picture
from keepclear.core.shapes import Circle, Polygon
from keepclear.core.times import TimeWindow
from tests.strategies import NOON, at, band, go, square, volume, volumes, window

EARTH_M = 6_400_000.0
HERE = square(35.0, 36.0, 500.0)
EXTENTS = st.lists(volumes(), min_size=1, max_size=4).map(lambda drawn: Extent(tuple(drawn)))


def meet(a: Extent, b: Extent) -> bool:
    plain, loops = (meeting_among(a, [("b", b)], engine=each) for each in (Engine.PLAIN, Engine.LOOPS))
    assert plain == loops
    return plain == ["b"]


def overlap(a: Box, b: Box) -> bool:
    return all(a.low[k] <= b.high[k] and b.low[k] <= a.high[k] for k in range(5))


def in_picture(a: Extent, b: Extent) -> bool:
    """Tell whether two meet by the picture of operations, with its rule per intent."""
    one, other = (OperationalIntent(id=ItemId(n), volumes=e.volumes) for n, e in (("a", a), ("b", b)))
    picture = Picture([one], rule=ConflictRule.PER_INTENT, engine=Engine.PLAIN)
    return bool(picture.findings_of(other, all_pairs=True))


# -- values -----------------------------------------------------------------------------------------


def test_the_bounds_of_an_extent_are_those_of_all_its_volumes() -> None:
    extent = Extent((volume(HERE, window(10, 20), band(50, 60)), volume(HERE, window(0, 15), band(55, 90))))
    assert (extent.start, extent.end) == (at(0), at(20))
    assert extent.altitude == AltitudeBand(lower_m=50.0, upper_m=90.0)
    assert Extent((*extent.volumes, volume(HERE))).altitude == AltitudeBand()


def test_an_extent_has_one_volume_at_least_and_no_more_than_an_operation() -> None:
    with pytest.raises(InvalidValueError, match="give 1 to 10,000 volumes, not 0"):
        Extent(())
    with pytest.raises(InvalidValueError, match="not 10,001"):
        Extent((volume(HERE),) * (VOLUMES_MAX + 1))


def test_joined_extents_have_each_volume_once() -> None:
    a, b, c = (volume(HERE, window(k, k + 10)) for k in range(3))
    assert Extent((a, b)).joined(Extent((b, c))) == Extent((a, b, c))


# -- meeting ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "meets"),
    [
        (volume(HERE, window(60, 70), band(0, 100)), True),  # the times touch
        (volume(HERE, window(60.001, 70), band(0, 100)), False),
        (volume(HERE, band=band(100, 200)), True),  # the heights touch
        (volume(HERE, band=band(100.001, 200)), False),
        (volume(HERE), True),  # without bounds of height
        (volume(square(35.1, 36.0, 500.0)), False),
    ],
)
def test_what_touches_meets(other: object, meets: bool) -> None:
    here = Extent((volume(HERE, band=band(0, 100)),))
    assert meet(here, Extent((other,))) is meets  # type: ignore[arg-type]


def test_squares_that_share_an_edge_meet() -> None:
    def cell(west: float) -> Extent:
        corners = ((0.0, west), (0.0, west + 0.01), (0.01, west + 0.01), (0.01, west))
        return Extent((volume(Polygon(vertices=tuple(LatLng(*corner) for corner in corners))),))

    assert meet(cell(0.0), cell(0.01))
    assert not meet(cell(0.0), cell(0.01 + 1e-7))  # 1.1 cm


def test_instants_finer_than_a_millisecond_are_rounded_outwards() -> None:
    gap = timedelta(microseconds=1)
    first = Extent((volume(HERE, TimeWindow(start=NOON, end=at(10))),))
    second = Extent((volume(HERE, TimeWindow(start=at(10) + gap, end=at(20))),))
    assert meet(first, second)
    assert not meet(first, Extent((volume(HERE, TimeWindow(start=at(10) + 1000 * gap, end=at(20))),)))


def test_bounds_of_the_whole_count_even_where_no_two_volumes_meet() -> None:
    low, high = volume(HERE, window(0, 10), band(0, 10)), volume(HERE, window(50, 60), band(90, 100))
    spread, between = Extent((low, high)), Extent((volume(HERE, window(20, 30), band(40, 50)),))
    assert meet(spread, between)
    assert volume_conflicts(spread, [("b", between)]) == []


def test_an_operation_wholly_within_a_large_circle_meets_it() -> None:
    # Where cells of S2 and an inscribed polygon of 20 corners miss it: 22 m from the rim of 10 km
    circle = Circle(center=LatLng(41.78569, 17.98862), radius_m=10_000.0)
    small = square(41.77158, 17.87013, 3.0)
    assert meet(Extent((volume(circle),)), Extent((volume(small),)))
    assert meet(Extent((volume(small),)), Extent((volume(circle),)))


def test_names_come_sorted_and_a_candidate_counts_once() -> None:
    extent = Extent((volume(HERE), volume(square(35.001, 36.0, 500.0))))
    far = Extent((volume(square(36.0, 36.0, 500.0)),))
    assert meeting_among(extent, [("c", extent), ("a", extent), ("b", far)]) == ["a", "c"]
    assert meeting_among(extent, []) == []


@pytest.mark.slow
@given(EXTENTS, EXTENTS)
def test_meeting_is_mutual_and_the_boxes_of_what_meets_overlap(a: Extent, b: Extent) -> None:
    assert meet(a, b) is meet(b, a)
    assert meet(a, a)
    assert not meet(a, b) or overlap(a.box, b.box)


@pytest.mark.slow
@given(EXTENTS, EXTENTS)
def test_meeting_is_the_rule_per_intent_of_the_picture(a: Extent, b: Extent) -> None:
    assert meet(a, b) is in_picture(a, b)


@pytest.mark.slow
@given(EXTENTS, EXTENTS, volumes())
def test_what_is_larger_meets_no_less(a: Extent, b: Extent, more: object) -> None:
    larger = a.joined(Extent((more,)))  # type: ignore[arg-type]
    assert not meet(a, b) or meet(larger, b)


@pytest.mark.slow
@given(EXTENTS, EXTENTS)
def test_where_volumes_meet_extents_do(a: Extent, b: Extent) -> None:
    assert not volume_conflicts(a, [("b", b)]) or meet(a, b)


@pytest.mark.slow
@given(st.lists(EXTENTS, min_size=1, max_size=6), EXTENTS, st.integers(1, 7))
def test_how_much_is_judged_at_once_does_not_matter(held: list[Extent], query: Extent, at_once: int) -> None:
    candidates = [(f"{number:03d}", extent) for number, extent in enumerate(held)]
    expected = [name for name, extent in candidates if meet(query, extent)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PAIRS_AT_ONCE", at_once)
        for engine in (Engine.PLAIN, Engine.LOOPS):
            assert meeting_among(query, candidates, engine=engine) == expected


def test_many_volumes_against_many_are_judged_in_parts() -> None:
    # Two combs that never touch: 400 times 400 pairs, none of which may be passed over
    teeth = [volume(square(35.0 + k / 1_000, 36.0, 20.0)) for k in range(400)]
    gaps = [volume(square(35.0005 + k / 1_000, 36.0, 20.0)) for k in range(400)]
    comb, other = Extent(tuple(teeth)), Extent(tuple(gaps))
    assert not meet(comb, other)
    assert meet(comb, Extent((*gaps, volume(square(35.399, 36.0, 30.0)))))


@pytest.mark.slow
def test_random_pairs_all_over_the_earth_meet_when_they_do_by_s2_and_proj() -> None:
    verdict = judge_pairs(1_500, seed=7)
    assert verdict.true > 300
    assert (verdict.missed, verdict.missed_by_boxes, verdict.beyond) == ([], [], [])


# -- covering ---------------------------------------------------------------------------------------


def test_an_extent_covers_itself_and_says_what_it_does_not_cover() -> None:
    extent = Extent((volume(HERE, window(0, 60), band(0, 100)),))
    assert extent.covers(extent) is None
    assert extent.covers(Extent((volume(HERE, window(0, 61), band(0, 100)),))) == "its times"
    assert extent.covers(Extent((volume(HERE, window(-1, 60), band(0, 100)),))) == "its times"
    assert extent.covers(Extent((volume(HERE, window(0, 60), band(0, 100.1)),))) == "its heights"
    assert extent.covers(Extent((volume(HERE, window(0, 60), band(-0.1, 100)),))) == "its heights"
    assert extent.covers(Extent((volume(HERE, window(0, 60)),))) == "its heights"
    wider = square(35.0, 36.0, 510.0)
    assert extent.covers(Extent((volume(wider, window(0, 60), band(0, 100)),))) == "its area"


def test_who_covers_may_start_late_by_as_much_as_is_allowed() -> None:
    extent = Extent((volume(HERE, window(5, 60)),))
    asked = Extent((volume(HERE, window(0, 60)),))
    assert extent.covers(asked) == "its times"
    assert extent.covers(asked, late=timedelta(minutes=5)) is None
    assert extent.covers(asked, late=timedelta(minutes=4)) == "its times"


def test_what_the_area_lacks_may_be_a_metre_and_no_more() -> None:
    extent = Extent((volume(Circle(center=LatLng(35.0, 36.0), radius_m=500.0)),))
    for radius_m, covered in ((500.0, True), (500.5, True), (503.0, False)):
        wider = Extent((volume(Circle(center=LatLng(35.0, 36.0), radius_m=radius_m)),))
        assert (extent.covers(wider) is None) is covered


def test_an_area_may_be_covered_by_several_volumes_together() -> None:
    halves = Extent((volume(square(35.0, 36.0, 500.0)), volume(square(35.0, 36.01, 500.0))))
    across = Extent((volume(square(35.0, 36.005, 400.0)),))
    assert halves.covers(across) is None
    assert Extent(halves.volumes[:1]).covers(across) == "its area"


def test_what_lies_on_the_other_side_of_the_earth_is_not_covered() -> None:
    here = Extent((volume(HERE),))
    assert here.covers(Extent((volume(square(-35.0, -144.0, 500.0)),))) == "its area"


def test_an_area_over_a_pole_and_one_across_the_antimeridian_are_covered_as_any_other() -> None:
    for lat, lng in ((90.0, 0.0), (-90.0, 0.0), (12.0, 180.0)):
        outer = Extent((volume(Circle(center=LatLng(lat, lng), radius_m=5_000.0)),))
        inner = Extent((volume(Circle(center=go(lat, lng, 90.0, 2_000.0), radius_m=2_900.0)),))
        assert outer.covers(inner) is None
        assert inner.covers(outer) == "its area"


def test_corners_so_close_that_no_edge_is_between_them_make_no_shape_larger() -> None:
    lat = next(each for each in np.linspace(44.0, 47.0, 2_000).tolist() if _is_one_vector(each))
    corners = ((lat, 7.0), (np.nextafter(lat, 90.0), 7.0), (lat + 0.01, 7.0), (lat + 0.01, 7.01))
    extent = Extent((volume(Polygon(vertices=tuple(LatLng(*map(float, each)) for each in corners))),))
    assert extent.covers(Extent((volume(square(lat, 9.0, 500.0)),))) == "its area"
    assert extent.covers(Extent((volume(square(lat + 0.007, 7.003, 50.0)),))) is None


def _is_one_vector(lat: float) -> bool:
    one, other = unit_vectors(np.array([lat, np.nextafter(lat, 90.0)]), np.array([7.0, 7.0]))
    return bool((one == other).all())


@pytest.mark.slow
def test_what_is_told_quickly_is_so_by_the_judge_of_specks_and_countries_at_poles_too() -> None:
    rng = np.random.default_rng(1)
    held = met = 0
    for place in ((90.0, 0.0), (-90.0, 0.0), (12.0, 180.0), (46.0, 7.0)):
        for radius_m in 10.0 ** np.concatenate((rng.uniform(-1.0, 0.5, 80), rng.uniform(0.5, 6.0, 80))):
            middle = go(*place, float(rng.uniform(0.0, 360.0)), radius_m * float(rng.uniform(0.0, 1.1)))
            large = Extent((volume(_star(rng, LatLng(*place), radius_m)),))
            small = Extent((volume(_star(rng, middle, radius_m * 10.0 ** float(rng.uniform(-1.5, 0.0)))),))
            if module._discs_hold(large.packed, small.packed):
                held += 1
                assert module._footprints_cover(large.volumes, small.volumes)
            if module._surely_meets(large.packed, small.packed, 0):
                met += 1
                assert footprints_meet(large.packed, small.packed, np.zeros((1, 2), dtype=np.int64), 0.0)[0]
    assert held > 5
    assert met > 20


def _star(rng: np.random.Generator, middle: LatLng, radius_m: float) -> Polygon:
    """Return a shape whose corners are seen from its middle, which may be near its rim or out of it."""
    count = int(rng.integers(3, 40))
    bearings = (np.arange(count) + rng.uniform(0.0, 1.0, count)) * (rng.choice((200.0, 360.0)) / count)
    reaches_m = radius_m * rng.uniform(rng.choice((0.05, 0.9)), 1.0, count)
    corners = [go(*middle, *each) for each in zip(bearings.tolist(), reaches_m.tolist(), strict=True)]
    try:
        return Polygon(vertices=tuple(corners))
    except InvalidValueError:  # it crosses itself, or is too thin
        return _star(rng, middle, radius_m)


@pytest.mark.slow
@given(EXTENTS, EXTENTS)
def test_both_together_cover_each(a: Extent, b: Extent) -> None:
    assert a.joined(b).covers(a) is None
    assert a.joined(b).covers(b) is None


def _timeless(drawn: Drawn) -> Extent:
    """Return the extent without bounds of height and in one hour, so that the area decides."""
    return Extent(tuple(replace(volume(each.volume.outline)) for each in drawn.extent.volumes))


def _uncovered_m(outer: tuple[Shape, ...], inner: Shape) -> float:
    """Return how far the corners of a shape are out of the others together, by S2."""
    points = inner.corners or tuple(
        (p.lat_deg, p.lng_deg) for p in (go(*inner.middle, k * 5.0, inner.reach_m) for k in range(72))
    )
    places = [spherely.create_point(lng, lat) for lat, lng in points]
    return max(min(float(spherely.distance(o.s2, p)) for o in outer) for p in places) * (
        EARTH_M / float(spherely.EARTH_RADIUS_METERS)
    )


@pytest.mark.slow
def test_random_areas_are_covered_when_they_are_by_s2() -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(120):
        outer, other = draw_pair(rng)
        # One of the shapes of the outer extent, made smaller, is covered; the other extent as it comes
        shape = outer.shapes[0]
        inner_m = shape.reach_m * float(rng.uniform(0.05, 0.6))
        inside = Shape(shape.middle, inner_m)
        for drawn in (replace(other), Drawn(Extent((volume(inside.outline),)), (inside,))):
            answer = _timeless(outer).covers(_timeless(drawn))
            covered += answer is None
            if answer is None:
                assert max(_uncovered_m(outer.shapes, each) for each in drawn.shapes) < 1.2
            elif (
                any(spherely.covers(o.s2, each.s2) for o in outer.shapes[:1] for each in drawn.shapes)
                and len(drawn.shapes) == 1
            ):
                pytest.fail(f"S2 covers {drawn.shapes} by {outer.shapes}")
    assert covered > 30
