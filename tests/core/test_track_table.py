"""A track table believes what can be, ages by change of position, and lets nothing vanish silently."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report, gather
from keepclear.core.track_intake import (
    ACCURACY_M,
    ACCURACY_NUMBERED_M,
    HEIGHT_ACCURACY_M,
    HEIGHT_JUMP_S,
    JUMP_REPORTS,
    PRESSURE_ACCURACY_M,
    SUSPECT_MOVED_S,
    SUSPECT_S,
    Taken,
)
from keepclear.core.track_picture import Ageing, TrackPicture, TrackStatus
from keepclear.core.track_slots import HISTORY_POINTS_MAX, HISTORY_SPACING_MS, TrackSlots
from keepclear.core.track_table import TRAIL_POINTS_MAX, Forgotten, TrackTable
from tests.core.reported import NOON_MS, flying, gathered, report
from tests.core.slow_tracks import FOOT_M, SlowTable

A, B = "icao:4b1814", "icao:4b1815"


def ms(at_s: float) -> int:
    return NOON_MS + round(at_s * 1000)


def fed(*rows: Report, table: TrackTable | None = None, source: str = "readsb-1") -> TrackTable:
    """Return a table that took reports, each received when it was stamped."""
    table = TrackTable() if table is None else table
    for row in rows:
        table.take(gathered([row], source))
    return table


def silent(row: Report) -> Report:
    """Return a report that tells neither speed nor track."""
    return row._replace(ground_speed_mps=math.nan, track_deg=math.nan)


def shown(table: TrackTable, at_s: float) -> TrackPicture:
    return table.picture(ms(at_s))


# -- what is taken ------------------------------------------------------------------------------------


def test_each_report_is_counted_as_what_became_of_it() -> None:
    table = TrackTable(tracks_max=2)
    rows = [
        report(A, 10.0),
        report(A, 10.0),  # again
        report(A, 9.0),  # older
        report(A, 15.1),  # from the future
        report(A, -590.1),  # would be forgotten
        report(B, 10.0),
        report("icao:4b1816", 10.0),  # no room
        report(A, 11.0, latitude_deg=48.0),  # 111 km in a second
        report(A, 12.0),  # the old place, though it flies
    ]
    taken = table.take(gathered(rows, received_s=10.0))
    assert taken == Taken(
        taken=3, duplicates=1, stale=2, from_future=1, no_room=1, jumps=1, frozen=1, wrong_altitudes=0
    )


def test_nothing_taken_is_no_picture() -> None:
    table = TrackTable()
    assert table.take(gather("readsb-1", [], NOON_MS).reports) == Taken()
    assert len(shown(table, 0.0)) == 0
    assert table.forgotten(ms(0.0)) == []
    assert table.trail(A) == []
    assert table.history(A) == []


def test_the_same_instant_with_another_place_nearby_is_a_correction() -> None:
    table = fed(report(A, 0.0), report(A, 0.0, latitude_deg=47.001))
    assert shown(table, 0.0).latitude_deg[0] == 47.001


def test_a_picture_shows_what_was_reported_and_does_not_project_it() -> None:
    told = report(
        A,
        0.0,
        altitude_m=10_800.0,
        vertical_rate_mps=-3.0,
        selected_altitude_ft=30_000.0,
        horizontal_error_m=20.0,
        vertical_error_m=15.0,
        kind=TrackKind.AEROPLANE,
        callsign="SWR1",
        squawk="1234",
        party="Blue",
        operation="intent-1",
    )
    picture = shown(fed(told), 4.0)
    assert picture.ids == (A,)
    assert picture.sources == (("readsb-1",),)
    assert picture.twins == ((),)
    assert (picture.latitude_deg[0], picture.longitude_deg[0]) == (47.0, 8.0)
    assert (picture.position_ms[0], picture.reported_ms[0], picture.altitude_ms[0]) == (ms(0), ms(0), ms(0))
    assert picture.age_s[0] == 4.0
    assert (picture.altitude_m[0], picture.pressure_altitude_ft[0]) == (10_800.0, 35_000.0)
    assert (picture.ground_speed_mps[0], picture.track_deg[0]) == (200.0, 0.0)
    assert (picture.vertical_rate_mps[0], picture.selected_altitude_ft[0]) == (-3.0, 30_000.0)
    assert picture.horizontal_error_m[0] == pytest.approx(20.0 + 0.5 * 1.5 * 4.0**2)
    assert picture.vertical_error_m[0] == pytest.approx(15.0 + 0.5 * 0.6 * 4.0**2)
    assert picture.status_of(0) is TrackStatus.CURRENT
    assert not picture.is_derived[0]
    assert picture.kinds == (TrackKind.AEROPLANE,)
    assert picture.callsigns + picture.squawks + picture.parties + picture.operations == (
        "SWR1",
        "1234",
        "Blue",
        "intent-1",
    )


def test_words_that_a_report_does_not_tell_stay_as_they_were_told() -> None:
    table = fed(
        report(A, 0.0, callsign="SWR1", kind=TrackKind.HELICOPTER),
        report(A, 1.0, latitude_deg=47.001, squawk="1234"),
    )
    picture = shown(table, 1.0)
    assert (picture.callsigns, picture.squawks, picture.kinds) == (
        ("SWR1",),
        ("1234",),
        (TrackKind.HELICOPTER,),
    )


@pytest.mark.parametrize(
    ("track_id", "told", "lateral_m", "vertical_m"),
    [
        (A, {}, ACCURACY_M, PRESSURE_ACCURACY_M),
        ("track:17", {}, ACCURACY_NUMBERED_M, PRESSURE_ACCURACY_M),
        (A, {"pressure_altitude_ft": math.nan, "altitude_m": 9_000.0}, ACCURACY_M, HEIGHT_ACCURACY_M),
        (A, {"pressure_altitude_ft": math.nan}, ACCURACY_M, math.inf),
    ],
)
def test_errors_that_are_not_told_have_a_default(
    track_id: str, told: dict[str, Any], lateral_m: float, vertical_m: float
) -> None:
    picture = shown(fed(report(track_id, 0.0, **told)), 0.0)
    assert (picture.horizontal_error_m[0], picture.vertical_error_m[0]) == (lateral_m, vertical_m)


@pytest.mark.parametrize(
    ("told", "acceleration_mps2"),
    [
        ({}, 1.5),
        ({"pressure_altitude_ft": 9_000.0}, 3.0),
        ({"pressure_altitude_ft": math.nan}, 3.0),
        ({"kind": TrackKind.HELICOPTER}, 3.0),
    ],
)
def test_errors_grow_faster_for_what_may_turn_tightly(told: dict[str, Any], acceleration_mps2: float) -> None:
    picture = shown(fed(report(A, 0.0, horizontal_error_m=0.0, **told)), 20.0)
    assert picture.horizontal_error_m[0] == pytest.approx(0.5 * acceleration_mps2 * 400.0)


# -- age ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_s", "status"),
    [
        (5.0, TrackStatus.CURRENT),
        (5.001, TrackStatus.COASTING),
        (15.0, TrackStatus.COASTING),
        (15.001, TrackStatus.DEGRADED),
        (30.0, TrackStatus.DEGRADED),
        (30.001, TrackStatus.LOST),
        (600.0, TrackStatus.LOST),
    ],
)
def test_status_goes_by_age(age_s: float, status: TrackStatus) -> None:
    assert shown(fed(report()), age_s).status_of(0) is status


def test_a_repeated_place_under_a_fresh_time_grows_old() -> None:
    table = fed(*(report(A, at_s, pressure_altitude_ft=35_000.0 + 25.0 * at_s) for at_s in range(9)))
    picture = shown(table, 8.0)
    assert picture.is_frozen[0]
    assert (picture.position_ms[0], picture.reported_ms[0]) == (ms(0.0), ms(8.0))
    assert picture.status_of(0) is TrackStatus.COASTING
    # The altitude is a new one nevertheless.
    assert (picture.pressure_altitude_ft[0], picture.altitude_ms[0]) == (35_200.0, ms(8.0))


def test_a_new_place_ends_the_freeze() -> None:
    table = fed(report(A, 0.0), report(A, 3.0), report(A, 4.0, latitude_deg=47.007))
    picture = shown(table, 4.0)
    assert not picture.is_frozen[0]
    assert picture.position_ms[0] == ms(4.0)


@pytest.mark.parametrize("speed_mps", [0.0, 1.9, math.nan])
def test_what_hovers_or_is_parked_is_as_fresh_as_its_report(speed_mps: float) -> None:
    rows = (report(A, at_s, ground_speed_mps=speed_mps, track_deg=math.nan) for at_s in range(40))
    picture = shown(fed(*rows), 40.0)
    assert picture.age_s[0] == 1.0
    assert not picture.is_frozen[0]
    assert (picture.ground_speed_mps[0], picture.track_deg[0]) == (
        0.0 if math.isnan(speed_mps) else speed_mps,
        0.0,
    )


def test_what_flew_fast_and_tells_no_speed_does_not_stop_from_one_report_to_the_next() -> None:
    rows = [silent(flying(A, at_s)) for at_s in range(10)]
    rows += [silent(flying(A, 9.0))._replace(at_ms=ms(at_s)) for at_s in range(10, 20)]
    picture = shown(fed(*rows), 19.0)
    assert picture.is_frozen[0]
    assert picture.age_s[0] == 10.0
    assert picture.ground_speed_mps[0] == pytest.approx(200.0, rel=1e-3)


def test_a_stamp_of_the_near_future_has_no_age() -> None:
    table = TrackTable()
    table.take(gathered([report(A, 4.0)], received_s=0.0))
    picture = shown(table, 0.0)
    assert picture.age_s[0] == 0.0
    assert picture.horizontal_error_m[0] == ACCURACY_M


def test_what_is_lost_stays_as_last_known_with_a_growing_error_and_is_told_when_forgotten() -> None:
    table = fed(report(A, 0.0), report(B, 100.0))
    before, after = shown(table, 300.0), shown(table, 600.0)
    assert before.ids == after.ids == (A, B)
    assert list(after.status) == [TrackStatus.LOST.code] * 2
    assert (after.horizontal_error_m > before.horizontal_error_m).all()
    assert table.forgotten(ms(600.0)) == []
    assert shown(table, 600.001).ids == (B,)
    assert table.forgotten(ms(600.001)) == [Forgotten(A, "readsb-1", 47.0, 8.0, ms(0.0), ms(0.0), True)]
    assert table.forgotten(ms(600.001)) == []
    assert len(table) == 1


def test_it_is_not_the_last_of_an_id_that_another_source_tells() -> None:
    table = fed(report(A, 0.0), source="radar")
    fed(report(A, 500.0), table=table, source="readsb-1")
    (left,) = table.forgotten(ms(700.0))
    assert (left.source, left.is_last) == ("radar", False)


def test_a_frozen_track_is_lost_but_not_forgotten_while_its_source_goes_on() -> None:
    table = fed(*(report(A, at_s) for at_s in range(0, 900, 10)))
    assert shown(table, 900.0).status_of(0) is TrackStatus.LOST
    assert table.forgotten(ms(900.0)) == []


def test_the_ages_are_a_setting() -> None:
    table = TrackTable(Ageing(current_s=20.0, coast_s=40.0, degraded_s=80.0, forget_s=90.0))
    fed(report(A, 0.0), table=table)
    assert shown(table, 20.0).status_of(0) is TrackStatus.CURRENT
    assert len(shown(table, 90.001)) == 0


# -- what cannot be -------------------------------------------------------------------------------------


def test_a_place_out_of_reach_is_not_believed_and_the_track_coasts() -> None:
    table = fed(flying(A, 0.0), flying(A, 1.0), flying(A, 2.0, lat=48.0))
    picture = shown(table, 2.0)
    assert (picture.position_ms[0], picture.reported_ms[0]) == (ms(1.0), ms(2.0))
    assert picture.latitude_deg[0] == pytest.approx(47.0, abs=1e-4)
    assert picture.is_suspect[0]
    assert picture.suspicions == ("at 12:00:02Z it was reported 111.2 km away, out of its reach",)


def test_it_is_believed_once_it_persists_and_stays_suspect_for_a_while() -> None:
    rows = [flying(A, at_s, lat=48.0) for at_s in range(1, JUMP_REPORTS + 1)]
    table = fed(flying(A, 0.0), *rows[:-1])
    assert shown(table, 2.0).latitude_deg[0] == pytest.approx(47.0, abs=1e-3)
    fed(rows[-1], table=table)
    picture = shown(table, 3.0)
    assert picture.latitude_deg[0] == pytest.approx(48.0, abs=1e-3)
    assert picture.is_suspect[0]
    last_s = 3.0 + SUSPECT_MOVED_S
    fed(*(flying(A, at_s, lat=48.0) for at_s in range(4, int(last_s) + 2, 4)), table=table)
    assert shown(table, last_s).is_suspect[0]
    assert not shown(table, last_s + 0.1).is_suspect[0]


def test_what_flies_faster_than_its_kind_is_suspect_but_goes_on() -> None:
    rows = [flying(A, at_s, kind=TrackKind.VEHICLE) for at_s in range(0, 290, 29)]
    picture = shown(fed(*rows), 261.0)
    assert picture.age_s[0] <= 2 * 29.0
    assert picture.is_suspect[0]


def test_two_places_in_turn_under_one_id_never_move_the_first() -> None:
    table = TrackTable()
    for at_s in range(60):
        fed(flying(A, at_s), flying(A, at_s + 0.5, lat=48.0), table=table)
        picture = shown(table, at_s + 0.5)
        assert picture.latitude_deg[0] == pytest.approx(47.0, abs=1e-2)
        assert picture.status_of(0) is TrackStatus.CURRENT
        assert picture.is_suspect[0]


def test_one_wrong_place_is_soon_forgiven() -> None:
    table = fed(flying(A, 0.0), flying(A, 1.0, lat=48.0))
    fed(*(flying(A, at_s) for at_s in range(2, 70)), table=table)
    assert shown(table, 1.0 + SUSPECT_S).is_suspect[0]
    assert not shown(table, 1.001 + SUSPECT_S).is_suspect[0]


def test_the_same_wrong_report_again_does_not_make_it_true() -> None:
    table = fed(flying(A, 0.0), *[flying(A, 1.0, lat=48.0)] * 5)
    assert shown(table, 1.0).latitude_deg[0] == pytest.approx(47.0, abs=1e-3)


def test_after_a_jump_motion_is_derived_from_the_new_places_only() -> None:
    rows = [flying(A, at_s) for at_s in range(20)]
    rows += [flying(A, at_s, lat=49.0, track_deg=0.0, speed_mps=100.0) for at_s in range(20, 40)]
    picture = shown(fed(*map(silent, rows)), 39.0)
    assert picture.ground_speed_mps[0] == pytest.approx(100.0, rel=1e-3)
    assert abs(picture.turn_rate_dps[0]) < 0.1


def test_a_wrong_altitude_is_not_believed_and_the_old_one_grows_older() -> None:
    rows = [flying(A, at_s) for at_s in range(3)]
    taken = TrackTable()
    table = fed(*rows, table=taken)
    counts = table.take(gathered([flying(A, 3.0, pressure_altitude_ft=3_000.0)]))
    picture = shown(table, 3.0)
    assert counts.wrong_altitudes == counts.taken == 1
    assert (picture.pressure_altitude_ft[0], picture.altitude_ms[0]) == (35_000.0, ms(2.0))
    assert picture.position_ms[0] == ms(3.0)
    assert not picture.is_suspect[0]


def test_an_altitude_that_persists_is_believed_and_suspect() -> None:
    table = fed(*(flying(A, at_s) for at_s in range(3)))
    start_s, end_s = 3, 3 + int(HEIGHT_JUMP_S)
    fed(*(flying(A, at_s, pressure_altitude_ft=3_000.0) for at_s in range(start_s, end_s)), table=table)
    assert shown(table, end_s).pressure_altitude_ft[0] == 35_000.0
    fed(flying(A, end_s, pressure_altitude_ft=3_000.0), table=table)
    picture = shown(table, end_s)
    assert picture.pressure_altitude_ft[0] == 3_000.0
    assert picture.suspicions == ("at 12:00:13Z it told 914 m, which it cannot have climbed to",)


def test_a_jet_that_creeps_at_its_level_is_suspect() -> None:
    table = fed(flying(A, 0.0, speed_mps=240.0), report(A, 300.0, ground_speed_mps=26.0))
    assert shown(table, 300.0).suspicions == ("it tells 26 m/s at 35,000 ft, and flew 240 m/s before",)


def test_a_balloon_is_not() -> None:
    assert not shown(fed(report(A, 0.0, ground_speed_mps=10.0)), 0.0).is_suspect[0]


def test_a_speed_that_nothing_flies_is_suspect() -> None:
    table = fed(report(A, 0.0, ground_speed_mps=2_572.0), report(B, 0.0, ground_speed_mps=200.0))
    picture = shown(table, 0.0)
    assert picture.suspicions == ("it tells 2572 m/s, which nothing of its kind flies", None)
    assert list(picture.is_suspect) == [True, False]


# -- what is derived ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("lat", "lng"), [(47.0, 8.0), (0.0, 179.9999), (-89.9, 0.0), (89.99, 100.0)])
def test_speed_and_track_are_derived_where_none_is_told(lat: float, lng: float) -> None:
    rows = [silent(flying(A, at_s, lat=lat, lng=lng, track_deg=60.0)) for at_s in range(12)]
    assert np.isnan(shown(fed(*rows[:2]), 1.0).ground_speed_mps[0])
    assert shown(fed(*rows[:3]), 2.0).ground_speed_mps[0] == pytest.approx(200.0, rel=1e-4)
    picture = shown(fed(*rows), 11.0)
    assert picture.ground_speed_mps[0] == pytest.approx(200.0, rel=1e-4)
    if abs(lat) < 89.0:  # elsewhere the direction changes along the way
        assert picture.track_deg[0] == pytest.approx(60.0, abs=0.3)
    assert picture.is_derived[0]


def test_the_slope_of_the_altitude_comes_from_its_own_history() -> None:
    table = TrackTable()
    for at_s in range(40):
        fed(flying(A, at_s, pressure_altitude_ft=35_000.0 - 20.0 * at_s), table=table)
        slope_mps = shown(table, at_s).vertical_slope_mps[0]
        if at_s < 10:
            assert np.isnan(slope_mps)
        else:
            assert slope_mps == pytest.approx(-20.0 * FOOT_M)


def test_the_turn_rate_comes_from_the_tracks_flown_across_north_too() -> None:
    rows = [flying(A, at_s)._replace(track_deg=(330.0 + 3.0 * at_s) % 360.0) for at_s in range(20)]
    assert shown(fed(*rows), 19.0).turn_rate_dps[0] == pytest.approx(3.0)


# -- what is kept -------------------------------------------------------------------------------------


def test_a_trail_covers_five_minutes_and_ends_at_the_newest() -> None:
    table = fed(*(flying(A, at_s) for at_s in range(0, 500, 2)))
    shown(table, 498.0)
    trail = table.trail(A)
    assert len(trail) <= TRAIL_POINTS_MAX
    assert trail[-1].at_ms == ms(498.0)
    assert trail[0].at_ms <= ms(498.0 - 299.0)
    assert (np.diff([point.at_ms for point in trail])[:-1] >= HISTORY_SPACING_MS).all()
    assert trail[-1].altitude_m == pytest.approx(35_000.0 * FOOT_M)


def test_the_history_tells_what_each_source_said() -> None:
    table = fed(report(A, 0.0, altitude_m=10_000.0), source="radar")
    fed(report(A, 0.0), report(A, 6.0), report(A, 7.0, latitude_deg=47.01), table=table, source="readsb-1")
    shown(table, 7.0)
    kept = table.history(A)
    assert [(each.source, each.at_ms) for each in kept] == [
        ("readsb-1", ms(0.0)),
        ("readsb-1", ms(6.0)),
        ("readsb-1", ms(7.0)),
        ("radar", ms(0.0)),
    ]
    assert np.isnan(kept[1].latitude_deg)  # it was frozen
    assert kept[3].altitude_m == 10_000.0


def test_a_trail_of_what_has_left_is_empty() -> None:
    table = fed(report(A, 0.0))
    shown(table, 0.0)
    table.forgotten(ms(601.0))
    fed(report(B, 601.0), table=table)  # in the same slot
    assert table.trail(A) == []


# -- limits -------------------------------------------------------------------------------------------


def test_in_a_full_table_the_lost_give_way_the_longest_unheard_first_and_are_told() -> None:
    table = TrackTable(tracks_max=3)
    fed(report("icao:1", 0.0), report("icao:2", 10.0), report("icao:3", 60.0), table=table)
    assert table.take(gathered([report("icao:4", 60.0)])).no_room == 0
    assert shown(table, 60.0).ids == ("icao:2", "icao:3", "icao:4")
    assert [left.id for left in table.forgotten(ms(60.0))] == ["icao:1"]
    taken = table.take(gathered([report("icao:5", 61.0), report("icao:6", 61.0), report("icao:4", 61.0)]))
    assert (taken.no_room, taken.taken) == (1, 2)
    assert shown(table, 61.0).ids == ("icao:3", "icao:4", "icao:5")


def test_slots_are_used_again_however_many_come_and_go() -> None:
    table = TrackTable()
    for minute in range(0, 300, 10):
        rows = [report(f"icao:{minute}-{k}", 60.0 * minute) for k in range(100)]
        table.take(gathered(rows))
        picture = shown(table, 60.0 * minute)
        assert len(picture) == 100
        assert (picture.status == TrackStatus.CURRENT.code).all()
        assert np.isnan(picture.turn_rate_dps).all()  # nothing is left of what was in the slot before
        shown(table, 60.0 * minute + 599.9)
        assert len(table.forgotten(ms(60.0 * minute + 600.1))) == 100
    assert len(table) == 0
    assert len(table._slots.columns.serial) <= 256


def test_a_quarter_of_the_slots_is_spare_at_most_however_tracks_come() -> None:
    slots, used = TrackSlots(12_000), 0
    history = slots.columns.past_ms
    for n in (1, 300, 500, 800, 7, 5_000, 4_000, 1, 1_200, 191):
        assert len(set(slots.open(n).tolist())) == n
        used += n
        assert used == len(slots) <= len(slots.columns.serial) <= min(max(1.25 * used, used + 256), 12_000)
    assert used == 12_000
    assert slots.columns.past_ms is history  # nothing of what is large was copied


def test_many_reports_of_one_track_in_one_batch_are_taken_in_their_order() -> None:
    rows = [flying(A, at_s) for at_s in range(100)]
    rows[1:1] = [flying(B, 1.0)]
    one_by_one = fed(*rows)
    at_once = TrackTable()
    at_once.take(gathered(rows))
    assert_equal(shown(at_once, 100.0), shown(one_by_one, 100.0))
    assert repr(at_once.history(A)) == repr(one_by_one.history(A))  # NaN is equal there
    assert len(at_once.history(A)) <= HISTORY_POINTS_MAX + 1


def test_ids_that_look_like_those_of_radar_tracks_stay_unique() -> None:
    table = fed(report("radar/track:17", 0.0), source="x")
    fed(report("track:17", 0.0, latitude_deg=50.0), table=table, source="radar")
    picture = shown(table, 0.0)
    assert picture.ids == ("radar/track:17", "radar/track:17'")
    assert sorted(picture.latitude_deg) == [47.0, 50.0]


# -- laws ---------------------------------------------------------------------------------------------

_IDS = (A, B, "rid:X")
_NUMBERS = {
    "altitude_m": (math.nan, math.nan, 10_000.0, 10_050.0, 2_000.0),
    "pressure_altitude_ft": (math.nan, 35_000.0, 35_000.0, 34_900.0, 8_000.0),
    "ground_speed_mps": (math.nan, 0.0, 1.9, 10.0, 200.0, 200.0),
    "track_deg": (math.nan, 90.0, 350.0, 5.0),
    "vertical_rate_mps": (math.nan, 2.0),
    "horizontal_error_m": (math.nan, 5.0),
    "vertical_error_m": (math.nan, 5.0),
}


@st.composite
def streams(draw: st.DrawFn) -> list[tuple[int, list[Report]]]:
    """Draw batches of few ids with their instants of receipt: late, doubled, frozen, jumping reports."""
    now_ms = NOON_MS
    batches: list[tuple[int, list[Report]]] = []
    for _ in range(draw(st.integers(1, 25))):
        now_ms += draw(st.sampled_from((0, 500, 1_000, 1_000, 3_000, 5_000, 29_000, 700_000)))
        rows: list[Report] = []
        for _ in range(draw(st.integers(0, 4))):
            told: dict[str, Any] = {name: draw(st.sampled_from(values)) for name, values in _NUMBERS.items()}
            if rows and draw(st.integers(0, 9)) == 0:
                rows.append(rows[-1])
                continue
            rows.append(
                Report(
                    id=draw(st.sampled_from(_IDS)),
                    at_ms=now_ms
                    + draw(st.sampled_from((0, 0, 0, 500, -500, -3_000, 5_000, 5_001, -700_000))),
                    latitude_deg=47.0 + draw(st.sampled_from((0.0, 0.0, 1e-3, 2e-3, 9e-3, 1.0, 1.001))),
                    longitude_deg=8.0 + draw(st.sampled_from((0.0, 0.0, 1e-3))),
                    on_ground=draw(st.booleans()),
                    kind=draw(st.sampled_from((TrackKind.UNKNOWN, TrackKind.HELICOPTER))),
                    callsign=draw(st.sampled_from((None, "SWR1", "SWR2"))),
                    **told,
                )
            )
        batches.append((now_ms, rows))
    return batches


@pytest.mark.slow
@given(streams())
def test_the_table_is_equal_to_a_slow_one(stream: list[tuple[int, list[Report]]]) -> None:
    fast, slow, counts = TrackTable(), SlowTable(), Taken()
    for received_ms, rows in stream:
        counts = counts.plus(fast.take(gather("readsb-1", rows, received_ms).reports))
        for row in rows:
            slow.take(row, received_ms)
    assert counts._asdict() == slow.counts
    at_ms = stream[-1][0] + 1_000
    picture = fast.picture(at_ms)
    held = {name: each for name, each in slow.tracks.items() if at_ms - each.reported_ms <= 600_000}
    assert picture.ids == tuple(sorted(held))
    for k, name in enumerate(picture.ids):
        track = held[name]
        when, w84, feet, error_m = track.altitude or (track.position_ms, math.nan, math.nan, math.inf)
        assert (picture.latitude_deg[k], picture.longitude_deg[k]) == track.place
        for column, value in (
            (picture.position_ms, track.position_ms),
            (picture.reported_ms, track.reported_ms),
            (picture.altitude_ms, when),
            (picture.altitude_m, w84),
            (picture.pressure_altitude_ft, feet),
            (picture.vertical_rate_mps, track.vertical_rate_mps),
            (picture.is_frozen, track.frozen),
            (picture.on_ground, track.on_ground),
            (picture.ground_speed_mps, track.speed),
            (picture.track_deg, track.track),
            (picture.vertical_slope_mps, slow.slope(track)),
            (picture.turn_rate_dps, slow.turn(track)),
            (picture.vertical_error_m, error_m + 0.3 * max((at_ms - when) / 1e3, 0.0) ** 2),
        ):
            np.testing.assert_allclose(column[k], value, rtol=1e-6, atol=1e-6, err_msg=str(track))
        height_m = w84 if math.isnan(feet) else feet * FOOT_M
        creeps = height_m > 7_600.0 and track.speed_told < 60.0 and track.fastest > 150.0
        fast_kind = track.kind is TrackKind.HELICOPTER and track.speed_told > 150.0
        doubt_ms = max(track.suspect_until_ms, track.doubted_until_ms)
        assert picture.is_suspect[k] == (at_ms <= doubt_ms or creeps or fast_kind)
        assert picture.kinds[k] is track.kind
        assert picture.callsigns[k] == track.callsign


@pytest.mark.slow
@given(streams(), st.integers(-(10**9), 10**9))
def test_shifting_all_times_changes_nothing_but_the_times(
    stream: list[tuple[int, list[Report]]], shift_ms: int
) -> None:
    one, other = TrackTable(), TrackTable()
    for received_ms, rows in stream:
        one.take(gather("a", rows, received_ms).reports)
        moved = [row._replace(at_ms=row.at_ms + shift_ms) for row in rows]
        other.take(gather("a", moved, received_ms + shift_ms).reports)
    at_ms = stream[-1][0]
    assert_equal(one.picture(at_ms), other.picture(at_ms + shift_ms), shift_ms)


@pytest.mark.slow
@given(streams(), st.randoms(use_true_random=False))
def test_the_order_of_different_ids_and_the_cut_into_batches_change_nothing(
    stream: list[tuple[int, list[Report]]], random: Any
) -> None:
    one, other = TrackTable(), TrackTable()
    for received_ms, rows in stream:
        one.take(gather("a", rows, received_ms).reports)
        queues = {name: [row for row in rows if row.id == name] for name in _IDS}
        left = [name for name in _IDS for _ in queues[name]]
        random.shuffle(left)
        for name in left:
            other.take(gather("a", [queues[name].pop(0)], received_ms).reports)
    at_ms = stream[-1][0]
    assert_equal(one.picture(at_ms), other.picture(at_ms))


@pytest.mark.slow
@given(streams(), st.randoms(use_true_random=False))
def test_how_sources_interleave_changes_nothing(stream: list[tuple[int, list[Report]]], random: Any) -> None:
    one, other = TrackTable(), TrackTable()
    for received_ms, rows in stream:
        parts = [(source, rows[k::3]) for k, source in enumerate(("b", "a", "c"))]
        for source, part in parts:
            one.take(gather(source, part, received_ms).reports)
        random.shuffle(parts)
        for source, part in parts:
            other.take(gather(source, part, received_ms).reports)
        assert_equal(one.picture(received_ms), other.picture(received_ms))


def assert_equal(one: TrackPicture, other: TrackPicture, shift_ms: int = 0) -> None:
    for each in fields(TrackPicture):
        left, right = getattr(one, each.name), getattr(other, each.name)
        if each.name.endswith("_ms"):
            right = right - shift_ms
        if each.name == "suspicions" and shift_ms:
            left, right = ([why is None for why in column] for column in (left, right))
        if isinstance(left, np.ndarray):
            np.testing.assert_array_equal(left, right, err_msg=each.name)
        else:
            assert left == right, each.name
