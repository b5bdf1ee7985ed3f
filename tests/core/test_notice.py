"""Whether a notice leaves time enough: against grids of points, and against what PROJ measures."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.agreements import Clearing
from keepclear.core.conflicts import NO_BUFFER, Buffer, Item
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.notice import (
    AFFECTED_MAX,
    DISTANCE_RATIO,
    DISTANCE_STEP_M,
    SIGHT_HOLDS_S,
    Affected,
    CanClear,
    Lead,
    LeadTime,
    Notice,
    NoticeCheck,
    Seen,
    check_notice,
    farthest_inside_m,
    kept_clear,
    postponed,
)
from keepclear.core.picture import Picture
from keepclear.core.shapes import Circle, CorridorLeg, Polygon
from keepclear.core.times import TIME_MAX, TimeWindow, floor_ms
from tests.oracle import GEOD
from tests.strategies import NOON, at, band, go, intent, outlines, square, volume, window, zone

NOON_MS = floor_ms(NOON)
SOUTH = PartyId("south")
HERE = LatLng(35.0, 36.0)


def circle(radius_m: float, at: LatLng = HERE) -> Circle:
    return Circle(center=at, radius_m=radius_m)


def checked(
    announced: Item,
    *others: Item,
    ahead_s: float = 600.0,
    unread_s: float = 0.0,
    gap: Buffer = NO_BUFFER,
    clearing: Clearing | None = None,
    speeds: dict[str, float] | None = None,
) -> NoticeCheck:
    """Check a notice sent so long before noon, when the item begins, and read so long after."""
    sent_ms = NOON_MS - round(ahead_s * 1e3)
    return check_notice(
        Notice(
            item=announced,
            begins_ms=NOON_MS,
            sent_ms=sent_ms,
            counts_ms=sent_ms + round(unread_s * 1e3),
            now_ms=sent_ms + 10_000,
        ),
        Picture(others),
        of=SOUTH,
        gap=gap,
        clearing=clearing,
        speed_of={ItemId(name): mps for name, mps in (speeds or {}).items()}.get,
    )


# -- scenarios --------------------------------------------------------------------------------------


def test_notice_a_minute_before_names_the_aircraft_that_cannot_get_clear() -> None:
    """P7: notice came less than a minute before; an aircraft on approach could not be moved in time."""
    exercise = intent("exercise", volume(circle(10_000.0)), party="north")
    approach = CorridorLeg(start=go(35.0, 36.0, 270.0, 60_000.0), end=HERE, half_width_m=1_500.0)
    landing = replace(intent("Il-20", volume(approach), party="south"), speed_mps=90.0)
    aside = intent("patrol", volume(circle(5_000.0, go(35.0, 36.0, 0.0, 40_000.0))), party="south")
    found = checked(
        exercise,
        landing,
        aside,
        ahead_s=50.0,
        gap=Buffer(lateral_m=1_852.0),
        clearing=Clearing(speed_mps=50.0, reaction_s=120.0),
        speeds={"Il-20": 90.0},
    )
    (each,) = found.affected
    assert (each.item, each.party, each.can_clear) == ("Il-20", SOUTH, CanClear.CANNOT)
    assert (each.given_s, each.remaining_s) == (50.0, 40.0)
    assert each.distance_m == pytest.approx(11_852.0, rel=0.02)
    assert each.needs_s == pytest.approx(120.0 + 11_852.0 / 90.0, rel=0.02)
    assert not found.is_enough
    assert found.can_clear is CanClear.CANNOT


def test_a_quarter_of_an_hour_is_enough_for_the_same() -> None:
    exercise, landing = (
        intent(name, volume(circle(10_000.0)), party=party)
        for name, party in (("a", "north"), ("b", "south"))
    )
    found = checked(exercise, landing, ahead_s=900.0, clearing=Clearing())
    assert [each.can_clear for each in found.affected] == [CanClear.CAN]
    assert found.is_enough


def test_where_nothing_is_in_the_way_any_notice_is_enough() -> None:
    a = intent("a", volume(circle(1_000.0), band=band(0.0, 100.0)), party="north")
    others: list[Item] = [
        intent("beside", volume(circle(1_000.0, go(35.0, 36.0, 90.0, 3_000.0))), party="south"),
        intent("above", volume(circle(1_000.0), band=band(500.0, 900.0)), party="south"),
        intent("later", volume(circle(1_000.0), window(90, 120)), party="south"),
        intent("of others", volume(circle(1_000.0)), party="relief"),
        intent("own", volume(circle(1_000.0)), party="north"),
        zone("zone", volume(circle(1_000.0)), party="south"),
    ]
    found = checked(a, *others, ahead_s=0.0, clearing=Clearing())
    assert found == NoticeCheck(affected=())
    assert found.is_enough
    near = checked(a, *others, ahead_s=0.0, gap=Buffer(lateral_m=1_100.0), clearing=Clearing())
    assert [each.item for each in near.affected] == ["beside"]


def test_a_zone_is_announced_to_operations_as_an_operation_is() -> None:
    found = checked(
        zone("z", volume(circle(1_000.0)), party="north"), intent("b", volume(circle(500.0)), party="south")
    )
    assert [each.item for each in found.affected] == ["b"]


def test_time_runs_until_both_would_be_there() -> None:
    a = intent("a", volume(circle(1_000.0)), party="north")
    later = intent("b", volume(circle(1_000.0), window(30, 40)), party="south")
    (each,) = checked(a, later, ahead_s=60.0, clearing=Clearing()).affected
    assert each.given_s == 60.0 + 1_800.0
    begun = intent("c", volume(circle(1_000.0), window(-30, 40)), party="south")
    (each,) = checked(a, begun, ahead_s=-120.0, clearing=Clearing()).affected
    assert (each.given_s, each.can_clear) == (-120.0, CanClear.CANNOT), "it had begun"
    over = intent("d", volume(circle(1_000.0), window(-30, 5)), party="south")
    assert checked(a, over, ahead_s=-600.0, clearing=Clearing()).affected == (), (
        "it was over when it was sent"
    )


def test_what_is_said_to_begin_earlier_than_declared_is_in_the_way_earlier() -> None:
    a = intent(
        "a", volume(circle(1_000.0), window(30, 60)), volume(circle(500.0), window(40, 60)), party="north"
    )
    early = intent("b", volume(circle(1_000.0), window(0, 10)), party="south")
    (each,) = checked(a, early, ahead_s=60.0, clearing=Clearing()).affected
    assert each.meets_ms == NOON_MS
    late = Notice(item=a, begins_ms=NOON_MS + 3_000_000, sent_ms=NOON_MS, counts_ms=NOON_MS, now_ms=NOON_MS)
    assert late.announced is a, "what is declared counts where it is earlier"


def test_the_time_given_is_that_from_when_the_notice_counts() -> None:
    a, b = (
        intent(name, volume(circle(1_000.0)), party=party) for name, party in (("a", "north"), ("b", "south"))
    )
    for unread_s, can_clear in ((0.0, CanClear.CAN), (590.0, CanClear.CANNOT)):
        (each,) = checked(a, b, unread_s=unread_s, clearing=Clearing()).affected
        assert (each.given_s, each.can_clear) == (600.0 - unread_s, can_clear)
    over = intent("c", volume(circle(1_000.0), window(0, 5)), party="south")
    (each,) = checked(a, over, ahead_s=60.0, unread_s=600.0, clearing=Clearing()).affected
    assert each.can_clear is CanClear.CANNOT, "it was there after the notice was sent"


def test_of_what_others_keep_clear_all_counts_from_then_and_until_then_and_as_declared() -> None:
    a = intent("a", volume(circle(1.0), window(30, 60)), volume(circle(2.0), window(40, 50)), party="north")

    def windows(from_min: float, until_min: float) -> list[TimeWindow]:
        item = kept_clear(a, *(floor_ms(at(minutes)) for minutes in (from_min, until_min)))
        return [volume.time for volume in item.volumes]

    assert windows(0, 90) == [window(0, 90)] * 2
    assert windows(35, 55) == [window(30, 60), window(35, 55)]
    assert windows(70, 20) == [window(30, 70), window(40, 70)], "until before from"


def test_what_is_postponed_may_last_as_much_longer_and_what_comes_earlier_is_as_it_was() -> None:
    a = intent("a", volume(circle(1.0), window(30, 60)), volume(circle(2.0), window(60, 90)), party="north")
    late = postponed(a, floor_ms(at(50)))
    assert [volume.time for volume in late.volumes] == [window(30, 80), window(60, 110)]
    assert postponed(a, floor_ms(at(30))) is a
    assert postponed(a, floor_ms(at(10))) is a
    latest = postponed(a, floor_ms(TIME_MAX))
    assert {volume.time.end for volume in latest.volumes} == {TIME_MAX}, "no later than time goes"


def test_without_a_speed_nothing_is_told_and_nothing_is_enough() -> None:
    a, b = (
        intent(name, volume(circle(1_000.0)), party=party) for name, party in (("a", "north"), ("b", "south"))
    )
    found = checked(a, b, ahead_s=86_400.0)
    (each,) = found.affected
    assert (each.needs_s, each.can_clear) == (None, CanClear.CANNOT_TELL)
    assert each.distance_m is not None
    assert not found.is_enough
    assert checked(a, b, ahead_s=86_400.0, speeds={"b": 30.0}).is_enough


def test_what_is_too_large_for_the_plane_cannot_be_told() -> None:
    a = intent("a", volume(circle(2_500_000.0)), party="north")
    (each,) = checked(a, intent("b", volume(circle(500.0)), party="south"), clearing=Clearing()).affected
    assert (each.distance_m, each.can_clear) == (None, CanClear.CANNOT_TELL)


def test_of_too_many_the_soonest_are_judged_and_all_are_named() -> None:
    a = intent("a", volume(circle(1_000.0)), party="north")
    others = [
        intent(f"b{k}", volume(circle(100.0), window(k / 10.0, 59)), party="south")
        for k in range(AFFECTED_MAX + 5)
    ]
    found = checked(a, *others, ahead_s=86_400.0, clearing=Clearing())
    assert len(found.affected) == AFFECTED_MAX + 5
    told = [each.can_clear for each in found.affected]
    assert told == [CanClear.CANNOT_TELL] * 5 + [CanClear.CAN] * AFFECTED_MAX
    assert {each.item for each in found.affected[:5]} == {f"b{AFFECTED_MAX + k}" for k in range(5)}
    assert not found.is_enough


def test_what_is_not_known_is_never_enough() -> None:
    assert NoticeCheck(affected=(), unknown=("something is withheld",)).can_clear is CanClear.CANNOT_TELL
    assert not NoticeCheck(affected=(), unknown=("something is withheld",)).is_enough


@pytest.mark.parametrize(
    ("given_s", "lead", "is_enough"),
    [
        (100.0, Lead.IN_TIME, True),
        (99.0, Lead.EMERGENCY, True),
        (50.0, Lead.EMERGENCY, True),
        (49.0, Lead.TOO_LATE, False),
    ],
)
def test_a_humanitarian_notice_is_held_against_the_agreed_lead_times(
    given_s: float, lead: Lead, is_enough: bool
) -> None:
    time = LeadTime(given_s=given_s, agreed_s=100.0, emergency_s=50.0)
    assert time.lead is lead
    assert NoticeCheck(affected=(), lead=time).is_enough is is_enough


@given(st.integers(-120, 240), st.integers(-120, 240), st.integers(-120, 240))
def test_nothing_is_announced_for_less_than_is_declared(begins: int, until: int, probe: int) -> None:
    a = intent("a", volume(circle(1.0), window(30, 60)), volume(circle(2.0), window(45, 90)), party="north")
    begins_ms, until_ms, probe_ms = (floor_ms(at(minutes)) for minutes in (begins, until, probe))
    for item in (kept_clear(a, begins_ms, until_ms), postponed(a, begins_ms)):
        for declared, announced in zip(a.volumes, item.volumes, strict=True):
            assert replace(announced, time=declared.time) == declared
            assert announced.time.start <= declared.time.start
            assert announced.time.end >= declared.time.end
    if begins_ms <= probe_ms <= until_ms:
        kept = kept_clear(a, begins_ms, until_ms)
        assert all(volume.time.start <= at(probe) <= volume.time.end for volume in kept.volumes)


# -- the way to the outside -------------------------------------------------------------------------


def _on_a_grid_m(within: Any, blocked: Any) -> float:
    """Look at points of a fine grid, and at the corners: never farther than the worst point."""
    left, low, right, high = shapely.bounds(within).tolist()
    x, y = np.meshgrid(np.linspace(left, right, 150), np.linspace(low, high, 150))
    points = np.concatenate([shapely.points(x, y).ravel(), shapely.points(shapely.get_coordinates(within))])
    inside = points[shapely.intersects(within, points)]
    return float(shapely.distance(shapely.boundary(blocked), inside).max())


@st.composite
def areas(draw: st.DrawFn) -> Any:
    """Draw a union of boxes, discs and triangles within 10 km."""
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        x, y = draw(st.floats(-5e3, 5e3)), draw(st.floats(-5e3, 5e3))
        width, height = draw(st.floats(100.0, 6e3)), draw(st.floats(100.0, 6e3))
        kind = draw(st.integers(0, 2))
        if kind == 0:
            parts.append(shapely.box(x, y, x + width, y + height))
        elif kind == 1:
            parts.append(shapely.buffer(shapely.points(x, y), width))
        else:
            parts.append(shapely.polygons([(x, y), (x + width, y), (x, y + height)]))
    return shapely.union_all(parts)


@pytest.mark.slow
@given(areas(), areas(), st.floats(0.0, 2_000.0))
def test_the_way_is_never_shorter_than_from_any_point_of_a_grid_and_hardly_longer(
    own: Any, announced: Any, gap_m: float
) -> None:
    blocked = shapely.buffer(announced, gap_m)
    within = shapely.intersection(own, blocked)
    found_m = farthest_inside_m(within, blocked)
    if shapely.is_empty(within) or shapely.area(within) < 1.0:
        return
    on_grid_m = _on_a_grid_m(within, blocked)
    left, low, right, high = shapely.bounds(within).tolist()
    between_points_m = math.hypot(right - left, high - low) / 149.0
    assert on_grid_m <= found_m + 1e-6
    assert found_m <= (on_grid_m + between_points_m) * (1.0 + DISTANCE_RATIO) + DISTANCE_STEP_M + 1e-6


@given(areas(), areas(), st.integers(1, 100_000))
def test_with_fewer_steps_the_way_may_be_too_long_and_is_never_too_short(
    own: Any, announced: Any, steps_max: int
) -> None:
    within = shapely.intersection(own, announced)
    if shapely.area(within) < 1.0:
        return
    hasty_m = farthest_inside_m(within, announced, steps_max)
    assert hasty_m >= farthest_inside_m(within, announced) / (1.0 + DISTANCE_RATIO) - DISTANCE_STEP_M


@pytest.mark.parametrize("at", [HERE, LatLng(0.0, 180.0), LatLng(89.9, 10.0), LatLng(-67.0, -179.99)])
@pytest.mark.parametrize("gap_m", [0.0, 1_852.0, 50_000.0])
@pytest.mark.parametrize("radius_m", [500.0, 20_000.0, 150_000.0])
def test_out_of_a_circle_the_way_is_what_proj_measures(at: LatLng, gap_m: float, radius_m: float) -> None:
    aside = go(*at, 77.0, radius_m / 2.0)
    own = intent("b", volume(circle(radius_m / 10.0, aside)), party="south")
    found = checked(
        intent("a", volume(circle(radius_m, at)), party="north"),
        own,
        gap=Buffer(lateral_m=gap_m),
        clearing=Clearing(),
    )
    # The worst point is the one of `own` that is nearest to the middle of the circle.
    worst_m = radius_m + gap_m - (radius_m / 2.0 - radius_m / 10.0)
    assert found.affected[0].distance_m is not None
    assert worst_m <= found.affected[0].distance_m <= 1.03 * worst_m + 3.0


@pytest.mark.slow
@given(outlines(), outlines(), st.sampled_from([0.0, 500.0, 3_000.0]))
def test_from_no_point_of_its_footprint_does_it_take_longer(a: Any, b: Any, gap_m: float) -> None:
    announced = intent("a", volume(a), party="north")
    own = intent("b", volume(b), party="south")
    found = checked(announced, own, gap=Buffer(lateral_m=gap_m), clearing=Clearing()).affected
    if not found:
        return
    way_m = found[0].distance_m
    assert way_m is not None
    # Whoever goes so far in the best of 32 directions from any corner of its footprint is out.
    for lat, lng in b.ring_deg().tolist()[::5]:
        ends = [
            go(lat, lng, azimuth, way_m / math.cos(math.pi / 32) + 3.0) for azimuth in np.arange(32) * 11.25
        ]
        probes = [intent(f"p{k}", volume(circle(0.5, end)), party="south") for k, end in enumerate(ends)]
        met = Picture(probes).findings_of(announced, buffer=Buffer(lateral_m=gap_m))
        assert len(met) < len(probes)


@pytest.mark.slow
@given(st.floats(0.0, 5_000.0), st.floats(0.0, 5_000.0))
def test_a_wider_gap_never_takes_less_time(one_m: float, other_m: float) -> None:
    a, b = (
        intent("a", volume(circle(4_000.0)), party="north"),
        intent("b", volume(square(35.0, 36.02, 900.0)), party="south"),
    )
    ways = [
        checked(a, b, gap=Buffer(lateral_m=gap_m), clearing=Clearing()).affected[0].distance_m
        for gap_m in sorted((one_m, other_m))
    ]
    assert ways[0] is not None
    assert ways[1] is not None
    assert ways[0] <= ways[1] * (1.0 + DISTANCE_RATIO) + DISTANCE_STEP_M + 1.0


def test_a_hole_is_outside_too() -> None:
    ring = [go(35.0, 36.0, azimuth, 10_000.0) for azimuth in range(0, 360, 10)]
    legs = [
        volume(CorridorLeg(start=start, end=end, half_width_m=500.0))
        for start, end in zip(ring, ring[1:] + ring[:1], strict=True)
    ]
    own = intent("b", volume(Polygon(vertices=tuple(ring))), party="south")
    (each,) = checked(intent("a", *legs, party="north"), own, clearing=Clearing()).affected
    assert each.distance_m == pytest.approx(500.0, rel=0.2)


def test_distances_are_those_of_the_ellipsoid() -> None:
    found = checked(
        intent("a", volume(circle(9_000.0)), party="north"),
        intent("b", volume(circle(1.0)), party="south"),
        clearing=Clearing(),
    )
    end = go(35.0, 36.0, 10.0, found.affected[0].distance_m or 0.0)
    assert GEOD.inv(36.0, 35.0, end.lng_deg, end.lat_deg)[2] == pytest.approx(9_000.0, rel=0.011)
    assert found.affected[0].item == ItemId("b")


# -- aircraft that are seen ---------------------------------------------------------------------------


def with_seen(*seen: Seen, radius_m: float = 10_000.0, own_m: float = 20_000.0) -> Affected:
    """Check a notice five minutes before, of a circle, with an operation whose aircraft are seen."""
    sent_ms = NOON_MS - 300_000
    return check_notice(
        Notice(
            item=intent("exercise", volume(circle(radius_m))),
            begins_ms=NOON_MS,
            sent_ms=sent_ms,
            counts_ms=sent_ms,
            now_ms=sent_ms,
        ),
        Picture([intent("op", volume(circle(own_m)), party="south")]),
        of=SOUTH,
        gap=NO_BUFFER,
        clearing=None,
        speed_of=lambda _: 20.0,
        seen_of=lambda _: seen,
    ).affected[0]


def seen_at(east_m: float, **fields: Any) -> Seen:
    lng, lat, _ = GEOD.fwd(HERE.lng_deg, HERE.lat_deg, 90.0, east_m)
    sight = Seen(
        aircraft="t",
        position=LatLng(lat, lng),
        error_m=10.0,
        speed_mps=60.0,
        at_ms=NOON_MS - 300_000,
        is_inside=True,
    )
    return sight._replace(**fields)


def test_an_aircraft_that_is_seen_outside_can_clear_where_the_farthest_point_could_not() -> None:
    assert with_seen().can_clear is CanClear.CANNOT
    way = with_seen(seen_at(19_000.0))
    assert (way.can_clear, way.aircraft, way.distance_m) == (CanClear.CAN, "t", 0.0)


@pytest.mark.parametrize(
    "doubt",
    [{"error_m": math.inf}, {"at_ms": NOON_MS - 300_000 - round(SIGHT_HOLDS_S * 1e3) - 1}],
    ids=["nobody knows where it is", "it was long ago"],
)
def test_one_aircraft_of_which_it_is_not_known_where_it_is_may_be_at_the_farthest_point(
    doubt: dict[str, Any],
) -> None:
    alone, beside = (
        with_seen(seen_at(19_000.0, **doubt)),
        with_seen(seen_at(19_000.0), seen_at(19_000.0, **doubt)),
    )
    nobody = with_seen()
    assert (alone, beside) == (nobody, nobody)


def test_an_aircraft_farther_in_than_its_operation_declares_needs_its_own_way() -> None:
    # The operation is declared at the rim of the circle; its aircraft is in the middle
    def way(*, is_inside: bool) -> Affected:
        return with_seen(seen_at(0.0, is_inside=is_inside), radius_m=30_000.0, own_m=1_000.0)

    inside, strayed = way(is_inside=True), way(is_inside=False)
    assert inside.distance_m is not None
    assert strayed.distance_m is not None
    assert strayed.distance_m > inside.distance_m


def test_what_hovers_may_fly_on_the_wrong_way_too_until_the_word_reaches_it() -> None:
    way = with_seen(seen_at(8_000.0, speed_mps=0.0))
    assert way.distance_m is not None
    assert way.distance_m >= 2_000.0 + 20.0 * Clearing().reaction_s
