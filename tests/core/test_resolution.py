"""The smallest change that clears an item, proven: one step less is not clear."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keepclear.core import free_shifts
from keepclear.core.conflicts import Buffer, Item, Verdict
from keepclear.core.constraints import ConstraintRule
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng, position_of, unit_vectors
from keepclear.core.index import Engine
from keepclear.core.picture import Picture
from keepclear.core.resolution import Change, ChangeKind, resolve, shifted_item
from keepclear.core.shapes import Outline, Polygon
from keepclear.core.shifts import Limits
from keepclear.core.sideways import moved_item
from keepclear.core.times import TIME_MAX, TimeWindow
from tests.strategies import at, band, go, intent, outlines, pictures, square, volume, window, zone

HERE = square(35.0, 36.0, 500.0)


def change(picture: Picture, item: Item, kind: ChangeKind, **options: object) -> Change | None:
    resolution = resolve(picture, item, **options)  # type: ignore[arg-type]
    return next((c for c in resolution.changes if c.kind is kind), None)


def test_what_is_clear_needs_no_change() -> None:
    a = intent("A", volume(HERE, window(0, 10)))
    resolution = resolve(Picture([a, intent("B", volume(HERE, window(20, 30)))]), a)
    assert resolution.is_clear
    assert resolution.changes == ()


def test_the_smallest_time_shift_leaves_one_millisecond() -> None:
    a = intent("A", volume(HERE, window(0, 30)))
    found = change(Picture([a, intent("B", volume(HERE, window(20, 90)))]), a, ChangeKind.TIME)
    assert found is not None
    assert found.time_shift_s == -600.001
    assert found.forced_by[0].other == "B"


def test_the_smallest_altitude_shift_leaves_a_tenth_of_a_metre() -> None:
    a = intent("A", volume(HERE, band=band(100.0, 200.0)))
    picture = Picture([a, intent("B", volume(HERE, band=band(150.0, 400.0)))])
    found = change(picture, a, ChangeKind.ALTITUDE)
    assert found is not None
    assert found.altitude_shift_m == -50.1


def test_a_shift_jumps_over_what_stands_behind() -> None:
    # Earlier is blocked by C, so B is passed on the later side.
    a = intent("A", volume(HERE, window(0, 10)))
    others = [intent("B", volume(HERE, window(5, 15))), intent("C", volume(HERE, window(-60, -4)))]
    found = change(Picture([a, *others]), a, ChangeKind.TIME)
    assert found is not None
    assert found.time_shift_s == 15 * 60 + 0.001
    assert found.forced_by[0].other == "B"


def test_none_within_the_limits_is_said() -> None:
    a = intent("A", volume(HERE))
    picture = Picture([a, intent("B", volume(HERE, window(-600, 600)))])
    limits = Limits(time_s=60.0, altitude_m=50.0, lateral_m=100.0)
    resolution = resolve(picture, a, limits=limits)
    assert resolution.changes == ()
    assert resolution.none_within == (
        ChangeKind.TIME,
        ChangeKind.ALTITUDE,
        ChangeKind.TIME_AND_ALTITUDE,
        ChangeKind.LATERAL,
    )


def test_an_item_is_not_moved_before_the_earliest_start_or_below_the_lowest_altitude() -> None:
    a = intent("A", volume(HERE, window(0, 30), band(100.0, 200.0)))
    picture = Picture([a, intent("B", volume(HERE, window(20, 90), band(150.0, 400.0)))])
    limits = Limits(not_before=at(-5), lowest_m=80.0)
    time = change(picture, a, ChangeKind.TIME, limits=limits)
    altitude = change(picture, a, ChangeKind.ALTITUDE, limits=limits)
    assert time is not None
    assert time.time_shift_s == 90 * 60 + 0.001
    assert altitude is not None
    assert altitude.altitude_shift_m == 300.1


def test_a_weighted_change_is_cheaper_than_either_alone() -> None:
    # In time alone the far end of B blocks, in altitude alone the top of C.
    a = intent("A", volume(HERE, window(0, 10), band(0.0, 100.0)))
    b = intent("B", volume(HERE, window(-200, 12), band(0.0, 500.0)))
    c = intent("C", volume(HERE, window(12.5, 200), band(50.0, 150.0)))
    picture = Picture([a, b, c])
    limits = Limits(time_s=10_800.0, seconds_per_metre=10.0, altitude_m=600.0, lowest_m=0.0)
    resolution = resolve(picture, a, limits=limits)
    kinds = {found.kind: found for found in resolution.changes}
    both = kinds[ChangeKind.TIME_AND_ALTITUDE]
    assert both.time_shift_s == 12 * 60 + 0.001
    assert both.altitude_shift_m == 150.1
    assert {by.other for by in both.forced_by} == {"B", "C"}
    assert ChangeKind.TIME not in kinds
    assert kinds[ChangeKind.ALTITUDE].altitude_shift_m == 500.1


def test_a_notify_first_zone_is_listed_but_not_avoided() -> None:
    a = intent("A", volume(HERE, window(0, 10)))
    notify = zone("Z", volume(HERE, window(-600, 600)), rule=ConstraintRule.NOTIFY_FIRST)
    resolution = resolve(Picture([a, notify, intent("B", volume(HERE, window(5, 15)))]), a)
    assert {f.verdict for f in resolution.conflicts} == {Verdict.CONFLICT, Verdict.NOTICE_REQUIRED}
    assert any(found.kind is ChangeKind.TIME for found in resolution.changes)


def test_the_sideways_move_is_the_depth_of_the_overlap() -> None:
    a = intent("A", volume(HERE))
    other = square(*go(35.0, 36.0, 90.0, 900.0), 500.0)
    found = change(Picture([a, intent("B", volume(other))]), a, ChangeKind.LATERAL)
    assert found is not None
    assert found.is_smallest
    assert found.lateral_m == pytest.approx(100.1, abs=0.2)
    assert found.bearing_deg == pytest.approx(270.0, abs=0.1)


def test_a_sideways_move_may_end_in_the_notch_of_a_shape_that_is_not_convex() -> None:
    notched = Polygon(
        vertices=tuple(
            go(*go(35.0, 36.0, 0.0, north), 90.0, east)
            for east, north in (
                (0, 0),
                (6000, 0),
                (6000, 6000),
                (4000, 6000),
                (4000, 2000),
                (2000, 2000),
                (2000, 6000),
                (0, 6000),
            )
        )
    )
    a = intent("A", volume(square(*go(*go(35.0, 36.0, 0.0, 2400.0), 90.0, 3000.0), 500.0)))
    found = change(Picture([a, intent("B", volume(notched))]), a, ChangeKind.LATERAL)
    assert found is not None
    assert found.is_smallest
    assert found.lateral_m == pytest.approx(100.0, abs=2.0)


# -- laws -------------------------------------------------------------------------------------------


def is_clear(picture: Picture, item: Item, buffer: Buffer) -> bool:
    found = picture.findings_of(item, buffer=buffer)
    return not any(f.verdict is Verdict.CONFLICT for f in found)


@given(pictures(), st.sampled_from([Engine.PLAIN, Engine.LOOPS]), st.sampled_from([0.0, 250.0]))
def test_every_change_is_clear_and_one_step_less_is_not(
    items: list[Item], engine: Engine, gap_m: float
) -> None:
    buffer = Buffer(lateral_m=gap_m, vertical_m=gap_m / 10, time_s=gap_m / 10)
    picture = Picture(items, engine=engine)
    judge = Picture(items, engine=Engine.PLAIN)
    assume(len(picture) > 0)
    item = next(item for item in items if item.id in picture)
    for found in resolve(picture, item, buffer=buffer).changes:
        assert is_clear(judge, found.item, buffer)
        if found.kind is ChangeKind.TIME:
            step = -int(math.copysign(1, found.time_shift_s))
            assert not is_clear(judge, shifted_item(found.item, time_ms=step), buffer)
        if found.kind is ChangeKind.ALTITUDE:
            less_m = round(found.altitude_shift_m - math.copysign(0.1, found.altitude_shift_m), 1)
            assert not is_clear(judge, shifted_item(item, altitude_m=less_m), buffer)


@given(pictures())
def test_both_engines_resolve_alike(items: list[Item]) -> None:
    plain, looped = (Picture(items, engine=engine) for engine in (Engine.PLAIN, Engine.LOOPS))
    for item in (item for item in items if item.id in plain):
        assert resolve(plain, item) == resolve(looped, item)


@given(
    st.lists(st.tuples(st.integers(-30, 30), st.integers(0, 20), st.booleans()), max_size=12),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_the_smallest_shift_equals_trying_every_shift(
    spans: list[tuple[int, int, bool]], down: int, up: int
) -> None:
    low = np.array([a for a, _, _ in spans], dtype=np.int64)
    high = np.array([a + length for a, length, _ in spans], dtype=np.int64)
    active = np.array([on for _, _, on in spans], dtype=np.int64)
    free = [
        shift
        for shift in range(-down, up + 1)
        if not any(on and a <= shift <= a + length for a, length, on in spans)
    ]
    shift, by = free_shifts.smallest_shift(low, high, np.argsort(low), np.argsort(high), active, -down, up)
    if not free:
        assert shift == free_shifts.NONE
        return
    assert abs(shift) == min(abs(s) for s in free)
    assert shift in free
    if shift != 0:
        assert low[by] <= shift - math.copysign(1, shift) <= high[by]


@given(
    st.lists(
        st.tuples(st.integers(-9, 9), st.integers(0, 9), st.integers(-9, 9), st.integers(0, 9)), max_size=8
    ),
    st.integers(0, 12),
    st.integers(0, 12),
    st.floats(0.1, 10.0),
)
def test_the_cheapest_pair_of_shifts_equals_trying_every_pair(
    boxes: list[tuple[int, int, int, int]], t_most: int, a_most: int, a_cost: float
) -> None:
    columns = np.array([(t, t + dt, a, a + da) for t, dt, a, da in boxes], dtype=np.int64).reshape(-1, 4).T
    free = [
        abs(t) + abs(a) * a_cost
        for t in range(-t_most, t_most + 1)
        for a in range(-a_most, a_most + 1)
        if not any(x <= t <= x + dx and y <= a <= y + dy for x, dx, y, dy in boxes)
    ]
    t, a, _, _ = free_shifts.smallest_pair_of_shifts(
        *(np.ascontiguousarray(c) for c in columns), -t_most, t_most, -a_most, a_most, 1.0, a_cost
    )
    if free:
        assert abs(t) + abs(a) * a_cost == pytest.approx(min(free))
    else:
        assert t == free_shifts.NONE


def middle_of(outline: Outline) -> LatLng:
    ring = outline.ring_deg()
    return position_of(unit_vectors(ring[:, 0], ring[:, 1]).sum(axis=0))


@given(outlines(), st.floats(100.0, 3_000.0), st.floats(0.0, 360.0), st.floats(0.0, 0.95))
def test_no_shorter_sideways_move_is_clear_where_that_is_claimed(
    own: Outline, half_m: float, bearing: float, part: float
) -> None:
    a = intent("A", volume(own))
    picture = Picture([a, intent("B", volume(square(*go(*middle_of(own), bearing, half_m / 2), half_m)))])
    limits = Limits(time_s=0, altitude_m=0, lateral_m=50_000.0)
    found = change(picture, a, ChangeKind.LATERAL, limits=limits)
    assert found is not None
    assert found.is_smallest
    assert is_clear(picture, found.item, Buffer())
    query = picture.packed(a)
    centre = query.centre.sum(axis=0) / np.linalg.norm(query.centre.sum(axis=0))
    shorter_m = max(0.0, found.lateral_m * part - 0.2)
    move = np.array((math.sin(math.radians(bearing)), math.cos(math.radians(bearing)))) * shorter_m
    assert not is_clear(picture, moved_item(a, centre, move), Buffer())


def test_windows_with_parts_of_a_millisecond_are_rounded_outwards() -> None:
    a = intent("A", volume(HERE, window(0, 10)))
    sliver = replace(window(10, 20), start=at(10) + timedelta(microseconds=1))
    assert len(Picture([a, intent("B", volume(HERE, sliver))]).findings()) == 1


# -- what once went wrong ---------------------------------------------------------------------------


def cell(lat: float, lng: float) -> Polygon:
    half = 0.01
    corners = ((-half, -half), (-half, half), (half, half), (half, -half))
    return Polygon(vertices=tuple(LatLng(lat + north, lng + east) for north, east in corners))


@pytest.mark.parametrize("side", [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1)])
@pytest.mark.parametrize("apart_deg", [0.0, 2e-9])
def test_what_only_touches_needs_a_small_move(side: tuple[int, int], apart_deg: float) -> None:
    step = 0.02 + apart_deg
    a = intent("A", volume(cell(45.0, 0.0)))
    picture = Picture([a, intent("B", volume(cell(45.0 + side[0] * step, side[1] * step)))])
    found = change(picture, a, ChangeKind.LATERAL)
    assert found is not None
    assert found.lateral_m <= 0.2


@pytest.mark.parametrize("lngs", [(0.0, 179.0), (0.0, 120.0, -120.0), (-60.0, 0.0, 50.0, 100.0)])
def test_an_item_with_volumes_far_apart_gets_no_sideways_move_and_no_proof(lngs: tuple[float, ...]) -> None:
    a = intent("A", *(volume(square(0.0, lng, 50_000.0)) for lng in lngs))
    picture = Picture([a, intent("B", volume(square(0.0, 0.5, 50_000.0)))])
    resolution = resolve(picture, a)
    assert [kind for kind, _ in resolution.undecided] == [ChangeKind.LATERAL]
    assert ChangeKind.LATERAL not in resolution.none_within


def test_a_shift_never_leaves_the_years_that_are_allowed() -> None:
    end = TIME_MAX - timedelta(minutes=30)
    late = TimeWindow(start=end - timedelta(hours=1), end=end)
    a = intent("A", volume(HERE, late, band(0, 100)))
    other = TimeWindow(start=late.start - timedelta(minutes=30), end=end)
    resolution = resolve(Picture([a, intent("B", volume(HERE, other, band(0, 100)))]), a)
    assert {found.kind for found in resolution.changes} >= {ChangeKind.ALTITUDE, ChangeKind.LATERAL}


def test_a_shape_at_its_limit_leaves_the_sideways_move_undecided() -> None:
    corners = ((0.0, -27.125), (-27.125, 0.0), (0.0, 27.125), (27.125, 0.0))
    a = intent("A", volume(Polygon(vertices=tuple(LatLng(*corner) for corner in corners))))
    resolution = resolve(Picture([a, intent("B", volume(square(0.0, 27.125, 5_000.0)))]), a)
    assert ChangeKind.LATERAL not in resolution.none_within


@pytest.mark.parametrize("lowest_m", [math.nan, math.inf, -math.inf])
def test_a_lowest_altitude_must_be_an_altitude(lowest_m: float) -> None:
    with pytest.raises(InvalidValueError, match="lowest"):
        Limits(lowest_m=lowest_m)
