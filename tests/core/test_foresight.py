"""Foresight and signals: what is predicted of each track, where it levels off, and what of it is a signal."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from keepclear.core.alert_book import AlertBook
from keepclear.core.alerts import AlertChange, AlertSettings
from keepclear.core.encounter_signals import (
    LEVEL_DOUBT_S,
    SURE_S,
    encounter_paths,
    signals,
    urgency_of,
)
from keepclear.core.encounters import Minima, judge_pairs
from keepclear.core.foresight import (
    GROUND_SPEED_MAX_MPS,
    LEVEL_RATE_MPS,
    SLOW_LEVEL_RATE_MPS,
    Foreseen,
    NotPredicted,
    foresee,
)
from keepclear.core.geodesy import Floats
from keepclear.core.kinds import TrackKind
from keepclear.core.levelling import level_times, levelled, levelling_losses
from keepclear.core.lingering import lingering
from keepclear.core.motions import TrackArrays
from keepclear.core.named_rules import RULE_SETS
from keepclear.core.rules import Contact, FormationScope, Level, Rule, RuleSet
from keepclear.core.separation import judge
from keepclear.core.signals import Signal, SignalKey, SignalKind, Urgency
from keepclear.core.track_picture import TrackPicture, TrackStatus
from keepclear.core.tracks import SPEED_MAX_MPS
from keepclear.core.units import FOOT_M, FOOT_PER_MINUTE_MPS

GEOD = Geod(ellps="WGS84")
T0 = 1_700_000_000_000
EN_ROUTE = RULE_SETS["en-route"]
THREES = RULE_SETS["rule-of-threes"]
KEY = SignalKey(SignalKind.ENCOUNTER, "icao:a", "icao:b")
NM_M = 1_852.0


def track(name: str, lat: float = 0.0, lng: float = 0.0, **given: Any) -> dict[str, Any]:
    """Return a track: an aeroplane at 35,000 ft that flies east with 200 m/s, unless said."""
    return {
        "id": name,
        "latitude_deg": lat,
        "longitude_deg": lng,
        "pressure_altitude_ft": 35_000.0,
        "ground_speed_mps": 200.0,
        "track_deg": 90.0,
        "vertical_rate_mps": 0.0,
        "kind": TrackKind.AEROPLANE,
    } | given


def picture_of(*tracks: dict[str, Any], at_ms: int = T0, altitude_m: Floats | None = None) -> TrackPicture:
    """Return a picture of tracks."""
    rows = sorted(tracks, key=lambda row: str(row["id"]))
    n = len(rows)

    def column(name: str, default: Any = math.nan, dtype: Any = np.float64) -> Any:
        return np.array([row.get(name, default) for row in rows], dtype=dtype)

    position_ms = at_ms - np.round(column("age_s", 0.0) * 1_000.0).astype(np.int64)
    return TrackPicture(
        at_ms=at_ms,
        ids=tuple(row["id"] for row in rows),
        sources=(("a",),) * n,
        twins=((),) * n,
        latitude_deg=column("latitude_deg"),
        longitude_deg=column("longitude_deg"),
        position_ms=position_ms,
        reported_ms=position_ms,
        altitude_m=column("altitude_m"),
        pressure_altitude_ft=column("pressure_altitude_ft"),
        altitude_ms=position_ms,
        ground_speed_mps=column("ground_speed_mps"),
        track_deg=column("track_deg"),
        vertical_rate_mps=column("vertical_rate_mps"),
        vertical_slope_mps=column("vertical_slope_mps"),
        turn_rate_dps=column("turn_rate_dps"),
        horizontal_error_m=column("horizontal_error_m", 50.0),
        vertical_error_m=column("vertical_error_m", 10.0),
        selected_altitude_ft=column("selected_altitude_ft"),
        status=np.array([row.get("status", TrackStatus.CURRENT).code for row in rows], dtype=np.uint8),
        is_derived=column("is_derived", False, np.bool_),
        is_frozen=column("is_frozen", False, np.bool_),
        is_suspect=column("is_suspect", False, np.bool_),
        on_ground=column("on_ground", False, np.bool_),
        suspicions=tuple(row.get("suspicion") for row in rows),
        kinds=tuple(row["kind"] for row in rows),
        callsigns=(None,) * n,
        squawks=(None,) * n,
        parties=tuple(row.get("party") for row in rows),
        operations=(None,) * n,
    )


def head_on(after_s: float, **given: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two tracks that lose 5 NM between them after so long; what is given is of the first."""
    apart_m = 5.0 * NM_M + 400.0 * after_s
    lng, lat, _ = GEOD.fwd(0.0, 0.0, 90.0, apart_m)
    return track("icao:a", **given), track("icao:b", lat, lng, track_deg=270.0)


def found(
    *tracks: dict[str, Any], rule_set: RuleSet = EN_ROUTE, level_off_ft: Any = None, **given: Any
) -> list[Signal]:
    """Return the signals of tracks."""
    level_off_m = None if level_off_ft is None else np.array(level_off_ft) * FOOT_M
    foreseen = foresee(picture_of(*tracks), level_off_m=level_off_m)
    return signals(judge(foreseen.air, rule_set), foreseen, rule_set, **given)


# -- what is predicted -------------------------------------------------------------------------------


def test_every_track_is_judged_on_the_ground_or_named_as_not_predicted() -> None:
    foreseen = foresee(
        picture_of(
            track("judged"),
            track("landed", on_ground=True, ground_speed_mps=10.0),
            track("lost", status=TrackStatus.LOST, age_s=60.0),
            track("no-speed", ground_speed_mps=math.nan),
            track("no-track", track_deg=math.nan),
            track("suspect", is_suspect=True),
        )
    )

    assert foreseen.air.ids == ("judged", "suspect")
    assert foreseen.on_ground == {"landed"}
    assert foreseen.not_predicted == {
        2: NotPredicted.LOST,
        3: NotPredicted.NO_MOTION,
        4: NotPredicted.NO_MOTION,
        5: NotPredicted.SUSPECT,
    }
    assert foreseen.judged == {"judged", "suspect", "landed"}
    assert [foreseen.rows[row] for row in foreseen.row_of.values()] == [0, 5]


def test_what_hovers_needs_no_direction() -> None:
    assert foresee(picture_of(track("h", ground_speed_mps=0.0, track_deg=math.nan))).air.ids == ("h",)


def test_what_is_too_fast_for_the_ground_is_not_believed_to_be_on_it() -> None:
    fast = track("f", on_ground=True, ground_speed_mps=GROUND_SPEED_MAX_MPS + 1.0)

    assert foresee(picture_of(fast)).air.ids == ("f",)


def test_what_is_older_than_a_judge_takes_is_lost_whatever_the_limits_are() -> None:
    old = track("old", age_s=301.0, status=TrackStatus.DEGRADED)

    assert foresee(picture_of(old)).not_predicted == {0: NotPredicted.LOST}


@pytest.mark.parametrize(
    ("given_now", "expected"),
    [
        ({"vertical_rate_mps": LEVEL_RATE_MPS - 0.01}, 0.0),
        ({"vertical_rate_mps": -LEVEL_RATE_MPS + 0.01}, 0.0),
        ({"vertical_rate_mps": LEVEL_RATE_MPS}, LEVEL_RATE_MPS),
        ({"vertical_rate_mps": 1.0, "kind": TrackKind.DRONE}, 1.0),
        ({"vertical_rate_mps": 1.0, "ground_speed_mps": 30.0}, 1.0),
        ({"vertical_rate_mps": SLOW_LEVEL_RATE_MPS - 0.01, "ground_speed_mps": 30.0}, 0.0),
        ({"vertical_rate_mps": 5.0, "vertical_slope_mps": 2.0}, 5.0),
        ({"vertical_rate_mps": math.nan, "vertical_slope_mps": 2.0}, 2.0),
        ({"vertical_rate_mps": math.nan}, 0.0),
    ],
)
def test_a_vertical_rate_is_believed_if_it_is_no_wavering(given_now: dict[str, Any], expected: float) -> None:
    assert foresee(picture_of(track("t", **given_now))).air.tracks.vertical_rate_mps.tolist() == [expected]


@pytest.mark.parametrize(
    ("given_now", "expected"),
    [
        ({"vertical_rate_mps": 5.0, "vertical_slope_mps": 2.5}, math.nan),
        ({"vertical_rate_mps": 5.0, "vertical_slope_mps": 2.4}, 7.5),
        ({"vertical_rate_mps": -5.0, "vertical_slope_mps": 0.0}, -7.5),
        ({"vertical_rate_mps": -5.0, "vertical_slope_mps": 4.0}, -7.5),
        ({"vertical_rate_mps": -5.0, "vertical_slope_mps": -9.0}, math.nan),
        ({"vertical_rate_mps": 5.0, "vertical_slope_mps": math.nan}, math.nan),
        ({"vertical_rate_mps": math.nan, "vertical_slope_mps": 5.0}, math.nan),
        ({"vertical_rate_mps": LEVEL_RATE_MPS - 0.01, "vertical_slope_mps": 0.0}, math.nan),
        ({"vertical_rate_mps": 5.0, "vertical_slope_mps": 0.0, "kind": TrackKind.DRONE}, math.nan),
        ({"vertical_rate_mps": 5.0, "vertical_slope_mps": 0.0, "ground_speed_mps": 30.0}, math.nan),
        ({"vertical_rate_mps": math.inf, "vertical_slope_mps": -math.inf}, SPEED_MAX_MPS),
    ],
)
def test_what_is_fast_and_has_just_begun_to_climb_or_descend_may_become_faster(
    given_now: dict[str, Any], expected: float
) -> None:
    foreseen = foresee(picture_of(track("t", **given_now)))

    assert foreseen.growing_mps.tolist() == pytest.approx([expected], nan_ok=True)


def test_an_altitude_that_is_not_known_is_not_judged_as_any() -> None:
    foreseen = foresee(picture_of(track("t", pressure_altitude_ft=math.nan, vertical_error_m=math.inf)))

    assert np.isnan(foreseen.air.tracks.altitude_m).all()
    assert foreseen.is_vague.all()


def test_an_error_beyond_all_measure_stops_no_cycle() -> None:
    foreseen = foresee(
        picture_of(track("t", horizontal_error_m=math.inf), track("u", horizontal_error_m=math.nan))
    )

    assert foreseen.air.ids == ("t", "u")


def test_formations_contacts_parties_and_kinds_go_on() -> None:
    picture = picture_of(track("a", party="north"), track("b", kind=TrackKind.UNKNOWN), track("c"))

    air = foresee(picture, formations={"a": "F"}, contacts={"c": "contact"}).air

    assert air.parties == ("north", None, None)
    assert air.kinds == ("aeroplane", None, "aeroplane")
    assert air.formations == ("F", None, None)
    assert air.contacts == (None, None, "contact")


# -- where a climb ends ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_now", "declared_ft", "expected_ft"),
    [
        ({"vertical_rate_mps": 10.0, "selected_altitude_ft": 36_000.0}, math.nan, 36_000.0),
        ({"vertical_rate_mps": 10.0, "selected_altitude_ft": 36_000.0}, 35_500.0, 36_000.0),
        ({"vertical_rate_mps": 10.0}, 35_500.0, 35_500.0),
        ({"vertical_rate_mps": 10.0, "selected_altitude_ft": 34_000.0}, 35_500.0, 35_500.0),
        ({"vertical_rate_mps": -10.0, "selected_altitude_ft": 34_000.0}, math.nan, 34_000.0),
        ({"vertical_rate_mps": 10.0}, math.inf, math.nan),
        ({"vertical_rate_mps": 0.0, "selected_altitude_ft": 36_000.0}, math.nan, math.nan),
        (
            {"vertical_rate_mps": 10.0, "selected_altitude_ft": 36_000.0, "pressure_altitude_ft": math.nan,
             "altitude_m": 10_000.0},
            math.nan,
            math.nan,
        ),
    ],
)  # fmt: skip
def test_a_climb_ends_where_the_aircraft_says_or_else_where_it_was_declared(
    given_now: dict[str, Any], declared_ft: float, expected_ft: float
) -> None:
    foreseen = foresee(picture_of(track("t", **given_now)), level_off_m=np.array([declared_ft * FOOT_M]))

    np.testing.assert_allclose(foreseen.level_off_m, [expected_ft * FOOT_M])


def stepped(
    tracks: TrackArrays, level_off_m: Floats, minima: Minima, step_s: float = 0.1
) -> tuple[float, float]:
    """Return when two tracks first lose separation and for how long that goes on, by small steps."""
    times_s = np.arange(0.0, minima.lookahead_s + minima.duration_s + step_s / 2.0, step_s)
    places, heights = [], []
    for row in range(2):
        age_s = 0.0 if tracks.age_s is None else float(tracks.age_s[row])
        flown_m = float(tracks.ground_speed_mps[row]) * (times_s + age_s)
        n = len(times_s)
        lng, lat, _ = GEOD.fwd(
            np.full(n, tracks.longitude_deg[row]), np.full(n, tracks.latitude_deg[row]),
            np.full(n, tracks.track_deg[row]), flown_m,
        )  # fmt: skip
        places.append((lng, lat))
        rate, start_m, level_m = (
            float(each[row]) for each in (tracks.vertical_rate_mps, tracks.altitude_m, level_off_m)
        )
        height_m = start_m + rate * (times_s + age_s)
        if rate > 0.0 and level_m >= start_m:
            height_m = np.minimum(height_m, level_m)
        if rate < 0.0 and level_m <= start_m:
            height_m = np.maximum(height_m, level_m)
        heights.append(height_m)
    _, _, lateral_m = GEOD.inv(*places[0], *places[1])
    lost = (lateral_m < minima.lateral_m) & (np.abs(heights[1] - heights[0]) < minima.vertical_m)
    begins = np.flatnonzero(lost & (times_s <= minima.lookahead_s))
    if not len(begins):
        return math.inf, math.inf
    kept = np.flatnonzero(~lost[begins[0] :])
    return float(times_s[begins[0]]), float(times_s[begins[0] + kept[0]]) if len(kept) else math.inf


_RATES = st.sampled_from([0.0, 0.0, 5.0, -5.0, 12.0, -12.0])


@st.composite
def levelling_pairs(draw: st.DrawFn) -> tuple[TrackArrays, Floats]:
    """Draw two tracks that may come close, and where each levels off, perhaps behind it or nowhere."""
    bearing = draw(st.floats(0.0, 360.0))
    lng, lat, _ = GEOD.fwd(8.0, 47.0, bearing, draw(st.floats(1_000.0, 60_000.0)))
    columns: dict[str, list[float]] = {
        "latitude_deg": [47.0, lat],
        "longitude_deg": [8.0, lng],
        "altitude_m": [draw(st.floats(9_000.0, 11_000.0)), draw(st.floats(9_000.0, 11_000.0))],
        "ground_speed_mps": [draw(st.floats(0.0, 300.0)), draw(st.floats(0.0, 300.0))],
        "track_deg": [(bearing + draw(st.floats(-30.0, 30.0))) % 360.0, (bearing + 180.0) % 360.0],
        "vertical_rate_mps": [draw(_RATES), draw(_RATES)],
        "age_s": [draw(st.sampled_from([0.0, 7.0])), draw(st.sampled_from([0.0, 12.0]))],
    }
    levels = [draw(st.one_of(st.just(math.nan), st.floats(8_500.0, 11_500.0))) for _ in range(2)]
    return TrackArrays(**{name: np.array(each) for name, each in columns.items()}), np.array(levels)


@given(drawn=levelling_pairs())
def test_losses_of_what_levels_off_are_those_of_small_steps(drawn: tuple[TrackArrays, Floats]) -> None:
    tracks, level_off_m = drawn
    minima = Minima(lateral_m=5.0 * NM_M, vertical_m=243.84, lookahead_s=120.0, duration_s=60.0)

    begins, ends = (float(each[0]) for each in levelling_losses(tracks, [0], [1], minima, level_off_m))
    begin_s, end_s = stepped(tracks, level_off_m, minima)

    if math.isinf(begin_s) != math.isinf(begins):  # a graze between two steps, or of millimetres
        narrow = replace(minima, lateral_m=minima.lateral_m - 0.5, vertical_m=minima.vertical_m - 0.5)
        wide = replace(minima, lateral_m=minima.lateral_m + 0.5, vertical_m=minima.vertical_m + 0.5)
        if math.isinf(begins):
            assert math.isinf(stepped(tracks, level_off_m, narrow)[0])
        else:
            assert math.isfinite(stepped(tracks, level_off_m, wide, 0.01)[0]) or ends - begins < 0.2
        return
    if math.isinf(begin_s):
        return
    if ends - begins < 0.2:  # so short that steps may miss it
        return
    assert begin_s - 0.12 <= begins <= begin_s + 0.02
    horizon_s = minima.lookahead_s + minima.duration_s
    assert min(ends, horizon_s) == pytest.approx(min(end_s, horizon_s), abs=0.12)


@given(drawn=levelling_pairs())
def test_without_a_level_off_losses_are_those_of_straight_ways(drawn: tuple[TrackArrays, Floats]) -> None:
    tracks, _ = drawn
    minima = Minima(lateral_m=5.0 * NM_M, vertical_m=243.84, lookahead_s=120.0, duration_s=60.0)

    begins, ends = levelling_losses(tracks, [0], [1], minima, np.full(2, math.nan))

    straight = judge_pairs(tracks, [0], [1], minima)
    np.testing.assert_allclose(begins, straight.t_in_s, atol=1e-6)
    np.testing.assert_allclose(ends, straight.t_out_s, atol=1e-6)


def test_a_level_off_before_now_is_where_it_is() -> None:
    tracks = TrackArrays(
        latitude_deg=np.zeros(1), longitude_deg=np.zeros(1), altitude_m=np.array([1_000.0]),
        ground_speed_mps=np.zeros(1), track_deg=np.zeros(1), vertical_rate_mps=np.array([10.0]),
        age_s=np.array([20.0]),
    )  # fmt: skip

    assert level_times(tracks, np.array([1_100.0])).tolist() == [-10.0]
    assert level_times(tracks, np.array([900.0])).tolist() == [math.inf]


def test_losses_of_no_pairs_are_none() -> None:
    foreseen = foresee(picture_of(track("t")))
    minima = Minima(lateral_m=1.0, vertical_m=1.0)

    assert len(levelling_losses(foreseen.air.tracks, [], [], minima, foreseen.level_off_m)[0]) == 0


# -- signals -----------------------------------------------------------------------------------------

CLIMB = {"pressure_altitude_ft": 31_500.0, "vertical_rate_mps": 2_000.0 * FOOT_PER_MINUTE_MPS}
"""3,500 ft below, and there in less than two minutes."""


@pytest.mark.parametrize(
    ("after_s", "urgency"),
    [
        (130.0, None), (119.0, Urgency.ADVISORY), (61.0, Urgency.ADVISORY), (59.0, Urgency.CAUTION),
        (29.0, Urgency.WARNING), (-5.0, Urgency.WARNING),
    ],
)  # fmt: skip
def test_a_finding_is_as_urgent_as_its_level(after_s: float, urgency: Urgency | None) -> None:
    told = found(*head_on(after_s))

    assert [each.urgency for each in told] == ([] if urgency is None else [urgency])
    for each in told:
        assert each.key == KEY
        assert each.is_present == (after_s < 0.0)
        assert each.t_in_s == pytest.approx(max(0.0, after_s), abs=0.1)
        assert each.rule == "en-route"
        assert each.facts["d_now_m"] == pytest.approx(9_260.0 + 400.0 * after_s, abs=1.0)


@pytest.mark.parametrize(
    ("level", "t_in_s", "urgency"),
    [
        ("predicted", 0.0, None), ("preventive", 50.0, Urgency.ADVISORY),
        ("corrective", 50.0, Urgency.CAUTION),
        ("warning", 20.0, Urgency.WARNING), ("alert", 0.0, Urgency.WARNING), ("alert", 30.1, Urgency.CAUTION),
        ("no_entry_without_contact", 60.1, Urgency.ADVISORY), ("of their own", 120.1, None),
    ],
)  # fmt: skip
def test_a_level_is_as_urgent_as_its_name_or_else_as_the_time_that_is_left(
    level: str, t_in_s: float, urgency: Urgency | None
) -> None:
    assert urgency_of(level, t_in_s) is urgency


def test_a_climb_that_would_meet_another_late_is_no_signal_until_it_is_near() -> None:
    assert found(*head_on(100.0, **CLIMB)) == []
    near = {**CLIMB, "pressure_altitude_ft": 35_000.0 - 800.0 - 2_000.0 * 70.0 / 60.0}

    (signal,) = found(*head_on(60.0, **near))

    assert signal.urgency is Urgency.ADVISORY
    assert SURE_S < signal.t_in_s == pytest.approx(70.0, abs=0.5)
    assert signal.t_in_s < LEVEL_DOUBT_S


BEGUN: dict[str, Any] = {"vertical_rate_mps": 1_300.0 * FOOT_PER_MINUTE_MPS, "vertical_slope_mps": 0.0}


def test_a_climb_that_has_just_begun_and_may_be_too_fast_is_a_signal() -> None:
    pair = head_on(-7.0, pressure_altitude_ft=33_300.0, **BEGUN)  # 900 ft to go, and 40 s left
    assert [each.urgency for each in found(*pair)] == [Urgency.WARNING]
    steady = {**pair[0], "vertical_slope_mps": pair[0]["vertical_rate_mps"]}
    assert found(steady, pair[1]) == []


@pytest.mark.parametrize("age_s", [0.0, 5.0, 10.0, 15.0])
@pytest.mark.parametrize("after_s", [-2.0, 20.0, 60.0])
@pytest.mark.parametrize("apart_ft", [-1_000.0, 0.0, 300.0, 500.0, 650.0])
def test_that_a_climb_may_become_faster_takes_no_signal_away(
    age_s: float, after_s: float, apart_ft: float
) -> None:
    one, other = head_on(after_s, pressure_altitude_ft=35_000.0 + apart_ft, age_s=age_s, **BEGUN)

    as_told, told = found({**one, "vertical_slope_mps": math.nan}, other), found(one, other)

    assert not as_told or told == as_told


def test_a_climb_away_from_another_is_none_even_if_levelling_off_now_would_be_a_loss() -> None:
    assert found(*head_on(100.0, pressure_altitude_ft=35_500.0, vertical_rate_mps=10.0)) == []


def test_a_late_loss_that_is_one_on_either_way_is_a_signal() -> None:
    slow = {"pressure_altitude_ft": 34_500.0, "vertical_rate_mps": 400.0 * FOOT_PER_MINUTE_MPS}

    assert [each.urgency for each in found(*head_on(100.0, **slow))] == [Urgency.ADVISORY]


def test_a_climb_that_is_selected_to_end_below_is_no_signal_before_it_is_near() -> None:
    below = {"selected_altitude_ft": 34_000.0}
    for after_s, left_ft in ((60.0, 2_500.0), (20.0, 2_000.0)):
        climb = {**CLIMB, "pressure_altitude_ft": 35_000.0 - left_ft}
        assert found(*head_on(after_s, **climb)) != []
        assert found(*head_on(after_s, **climb, **below)) == []
    sure = {**CLIMB, "pressure_altitude_ft": 33_400.0}  # 800 ft to go at 2,000 ft/min: 24 s
    (signal,) = found(*head_on(10.0, **sure, **below))
    assert signal.urgency is Urgency.WARNING


def test_a_climb_that_is_declared_to_end_below_is_none_either() -> None:
    climb = {**CLIMB, "pressure_altitude_ft": 32_500.0}

    assert found(*head_on(60.0, **climb), level_off_ft=[34_000.0, math.nan]) == []


def test_a_climb_that_ends_in_the_way_is_found_though_it_would_go_through_before() -> None:
    through = {"pressure_altitude_ft": 33_000.0, "vertical_rate_mps": 4_000.0 * FOOT_PER_MINUTE_MPS}

    assert found(*head_on(70.0, **through)) == []  # 42 s to 35,800 ft: above before they meet
    (signal,) = found(*head_on(70.0, **through, selected_altitude_ft=35_000.0))

    assert signal.urgency is Urgency.ADVISORY
    assert signal.t_in_s == pytest.approx(70.0, abs=0.5)
    assert signal.facts["dz_cpa_m"] == pytest.approx(0.0, abs=0.1)


def test_what_is_exempt_stays_so_when_it_levels_off() -> None:
    through = {"pressure_altitude_ft": 33_000.0, "vertical_rate_mps": 4_000.0 * FOOT_PER_MINUTE_MPS}
    tracks = head_on(70.0, **through, selected_altitude_ft=35_000.0)
    together = replace(EN_ROUTE, formations=FormationScope.ALL)
    picture = picture_of(*tracks)
    foreseen = foresee(picture, formations={"icao:a": "F", "icao:b": "F"})

    assert signals(judge(foreseen.air, together), foreseen, together) == []


def test_a_level_that_a_clearance_waives_stays_waived_when_it_levels_off() -> None:
    levels = (
        Level(name="caution", lateral_m=9_260.0, vertical_m=240.0),
        Level(name="warning", lateral_m=9_260.0, vertical_m=240.0, waived_by=(Contact.CLEARED,)),
    )
    rule_set = RuleSet(name="own", default=Rule(name="own", levels=levels))
    through = {"pressure_altitude_ft": 33_000.0, "vertical_rate_mps": 4_000.0 * FOOT_PER_MINUTE_MPS}
    picture = picture_of(*head_on(70.0, **through, selected_altitude_ft=35_000.0))

    for contacts, expected in ((None, "warning"), ({"icao:a": "cleared"}, "caution")):
        foreseen = foresee(picture, contacts=contacts)
        (signal,) = signals(judge(foreseen.air, rule_set), foreseen, rule_set)
        assert signal.level == expected


def test_what_is_present_by_one_level_is_not_doubted_by_another_that_is_late() -> None:
    levels = (
        Level(name="preventive", lateral_m=90_000.0, vertical_m=3_000.0),
        Level(name="advisory", lateral_m=9_260.0, vertical_m=240.0),
    )
    rule_set = RuleSet(name="own", default=Rule(name="own", levels=levels))

    (signal,) = found(*head_on(100.0, **CLIMB), rule_set=rule_set)

    assert (signal.is_present, signal.t_in_s) == (True, 0.0)


def test_rules_of_well_clear_and_lateral_ones_are_left_as_they_are() -> None:
    lateral = RuleSet(
        name="lateral",
        default=Rule(name="ring", levels=(Level(name="ring", lateral_m=9_260.0, vertical_m=math.inf),)),
    )
    tracks = head_on(50.0, **CLIMB, selected_altitude_ft=32_000.0)

    assert [each.level for each in found(*tracks, rule_set=lateral)] == ["ring"]
    assert levelled(foresee(picture_of(*tracks)), RULE_SETS["do-365b"], 120.0).ids == frozenset()


def test_of_a_rule_with_a_lateral_level_too_that_one_stays() -> None:
    levels = (
        Level(name="caution", lateral_m=9_260.0, vertical_m=math.inf),
        Level(name="warning", lateral_m=9_260.0, vertical_m=240.0),
    )
    rule_set = RuleSet(name="own", default=Rule(name="own", levels=levels))
    climb = {**CLIMB, "pressure_altitude_ft": 32_500.0}

    assert [each.level for each in found(*head_on(60.0, **climb), rule_set=rule_set)] == ["warning"]
    (signal,) = found(*head_on(60.0, **climb, selected_altitude_ft=34_000.0), rule_set=rule_set)
    assert (signal.level, signal.urgency) == ("caution", Urgency.CAUTION)


def test_a_level_off_changes_no_pair_of_others() -> None:
    climber = track("icao:c", 5.0, 5.0, **CLIMB, selected_altitude_ft=34_000.0)

    assert [each.key for each in found(*head_on(50.0), climber)] == [KEY]


# -- the rule of threes ------------------------------------------------------------------------------


def side_by_side(apart_m: float) -> tuple[dict[str, Any], dict[str, Any]]:
    lng, lat, _ = GEOD.fwd(0.0, 0.0, 0.0, apart_m)
    return track("icao:a"), track("icao:b", lat, lng)


@pytest.mark.slow
def test_a_loss_becomes_a_violation_when_it_has_lasted_longer_than_three_minutes() -> None:
    book, levels = AlertBook(), {}
    for second in range(200):
        apart_m = 5_000.0 if second >= 5 else 6_000.0
        at_ms = T0 + second * 1_000
        picture = picture_of(*side_by_side(apart_m), at_ms=at_ms)
        foreseen = foresee(picture)
        told = signals(judge(foreseen.air, THREES), foreseen, THREES, present_since=book.present_since())
        levels[second] = [(each.level, each.urgency, each.is_present) for each in told]
        book.update(at_ms, told, seen=frozenset(picture.ids))

    assert levels[4] == []
    assert levels[5] == levels[185] == [("alert", Urgency.WARNING, True)]
    assert levels[186] == levels[199] == [("violation", Urgency.WARNING, True)]


def test_a_violation_is_announced_and_needs_no_confirmation() -> None:
    told = found(*side_by_side(5_000.0), rule_set=THREES, present_since={KEY: T0 - 60_000})
    assert told[0].facts["lasting_in_s"] == 120.0
    assert not told[0].exempts_confirmation

    told = found(*side_by_side(5_000.0), rule_set=THREES, present_since={KEY: T0 - 180_000})
    assert told[0].level == "alert"

    told = found(*side_by_side(5_000.0), rule_set=THREES, present_since={KEY: T0 - 180_001})

    assert told[0].exempts_confirmation
    assert told[0].facts["lasted_s"] == pytest.approx(180.001)
    assert "180 s" in told[0].cause


def test_the_alert_is_there_at_once_within_both_minima_and_not_at_one_of_them() -> None:
    one, other = side_by_side(5_555.0)
    assert [each.is_present for each in found(one, other, rule_set=THREES)] == [True]
    assert found(*side_by_side(5_557.0), rule_set=THREES) == []
    other["pressure_altitude_ft"] = 38_000.0
    assert found(one, other, rule_set=THREES) == []


def test_a_level_that_lasts_beside_other_minima_is_told_when_it_is_predicted() -> None:
    levels = (
        Level(name="wide", lateral_m=9_000.0, vertical_m=900.0),
        Level(name="held", lateral_m=5_500.0, vertical_m=900.0, lasting_s=50.0),
    )
    rule_set = RuleSet(name="own", default=Rule(name="own", levels=levels))

    (signal,) = found(*side_by_side(5_000.0), rule_set=rule_set, present_since={KEY: T0 - 60_000})

    assert (signal.level, signal.urgency, signal.is_present) == ("wide", Urgency.WARNING, True)


# -- what lingers ------------------------------------------------------------------------------------


def opened(rule_set: RuleSet, *tracks: dict[str, Any]) -> AlertBook:
    book = AlertBook(AlertSettings(confirm_hits=1))
    picture = picture_of(*tracks)
    foreseen = foresee(picture)
    book.update(T0, signals(judge(foreseen.air, rule_set), foreseen, rule_set), seen=frozenset(picture.ids))
    assert [alert.key for alert in book.open()] == [KEY]
    return book


def lingers(book: AlertBook, rule_set: RuleSet, *tracks: dict[str, Any]) -> dict[SignalKey, Urgency]:
    return lingering(foresee(picture_of(*tracks)), rule_set, book.open(), book.settings)


@pytest.mark.parametrize(
    ("apart_m", "expected"),
    [(5_600.0, {KEY: Urgency.WARNING}), (6_100.0, {KEY: Urgency.WARNING}), (6_200.0, {})],
)
def test_what_is_within_wider_minima_lingers(apart_m: float, expected: dict[SignalKey, Urgency]) -> None:
    book = opened(THREES, *side_by_side(5_500.0))

    assert lingers(book, THREES, *side_by_side(apart_m)) == expected


def test_two_at_levels_a_thousand_feet_apart_do_not_linger_en_route() -> None:
    one, other = head_on(-5.0)
    book = opened(EN_ROUTE, one, other)

    assert lingers(book, EN_ROUTE, one, {**other, "pressure_altitude_ft": 36_000.0}) == {}
    assert lingers(book, EN_ROUTE, one, {**other, "pressure_altitude_ft": 35_850.0}) == {KEY: Urgency.WARNING}


def test_what_vague_tracks_cannot_exclude_lingers() -> None:
    book = opened(THREES, *side_by_side(5_500.0))
    one, other = side_by_side(7_000.0)
    vague = {"status": TrackStatus.DEGRADED, "horizontal_error_m": 1_500.0}

    assert lingers(book, THREES, one, {**other, "horizontal_error_m": 1_500.0}) == {}
    assert lingers(book, THREES, one, {**other, **vague}) == {KEY: Urgency.WARNING}
    unknown = {"pressure_altitude_ft": math.nan, "vertical_error_m": math.inf}
    assert lingers(book, THREES, *side_by_side(5_500.0)[:1], {**side_by_side(5_500.0)[1], **unknown}) == {
        KEY: Urgency.WARNING
    }


def test_what_is_not_predicted_any_more_does_not_linger_but_is_not_judged_either() -> None:
    one, other = side_by_side(5_500.0)
    book = opened(THREES, one, other)
    foreseen = foresee(picture_of(one, {**other, "ground_speed_mps": math.nan}))

    assert lingering(foreseen, THREES, book.open(), book.settings) == {}
    for second in range(1, 20):
        book.update(T0 + second * 1_000, [], seen=frozenset({"icao:a", "icao:b"}), judged=foreseen.judged)
    assert len(book.open()) == 1


def test_well_clear_lingers_by_a_wider_volume_too() -> None:
    rule_set = RULE_SETS["do-365b"]
    close_m = 0.66 * NM_M
    book = opened(rule_set, *side_by_side(close_m - 10.0))

    assert lingers(book, rule_set, *side_by_side(close_m * 1.05)) == {KEY: Urgency.WARNING}
    assert lingers(book, rule_set, *side_by_side(close_m * 1.3)) == {}


def test_an_alert_of_another_rule_does_not_linger() -> None:
    book = opened(THREES, *side_by_side(5_500.0))

    assert lingers(book, EN_ROUTE, *side_by_side(5_500.0)) == {}


# -- all together ------------------------------------------------------------------------------------


def run(
    scene: Any, *, seconds: int, rule_set: RuleSet = EN_ROUTE
) -> tuple[AlertBook, list[tuple[int, AlertChange]]]:
    """Run a scene, a function of the second that gives tracks, and return what happened when."""
    book, happened = AlertBook(), []
    for second in range(seconds):
        at_ms = T0 + second * 1_000
        picture = picture_of(*scene(second), at_ms=at_ms)
        foreseen = foresee(picture)
        told = signals(judge(foreseen.air, rule_set), foreseen, rule_set, present_since=book.present_since())
        events = book.update(
            at_ms,
            told,
            seen=frozenset(picture.ids),
            judged=foreseen.judged,
            lingering=lingering(foreseen, rule_set, book.open(), book.settings),
        )
        happened += [(second, event.change) for event in events]
    return book, happened


@pytest.mark.slow
def test_two_that_meet_and_part_make_one_alert_from_two_minutes_before_until_after() -> None:
    passing = 0.02  # degrees to the side

    def scene(second: int) -> tuple[dict[str, Any], dict[str, Any]]:
        one, other = head_on(150.0 - second)
        return one, {**other, "latitude_deg": passing}

    book, happened = run(scene, seconds=260)

    changes = [change.value for _, change in happened if change is not AlertChange.CLIMBED]
    assert changes == ["opened", "escalated", "escalated", "present", "passed", "cleared"]
    assert book.recent()[0].present_s == pytest.approx(46.0, abs=3.0)
    assert 29 <= happened[0][0] <= 36


def test_a_loss_out_of_nothing_is_told_in_its_cycle() -> None:
    def scene(second: int) -> tuple[dict[str, Any], dict[str, Any]]:
        one, other = head_on(-3.0)
        return one, {**other, "pressure_altitude_ft": 36_000.0 if second < 10 else 35_700.0}

    assert run(scene, seconds=11)[1] == [(10, AlertChange.OPENED), (10, AlertChange.PRESENT)]


@pytest.mark.parametrize("loss_s", [38, 42, 45])
def test_an_alert_stays_while_one_begins_to_climb_before_the_loss(loss_s: int) -> None:
    def scene(second: int) -> tuple[dict[str, Any], dict[str, Any]]:
        climbed_s = max(0, second - 10)
        return head_on(
            float(loss_s - second),
            pressure_altitude_ft=35_000.0 + 1_333.0 * climbed_s / 60.0,
            vertical_rate_mps=1_333.0 * FOOT_PER_MINUTE_MPS if climbed_s else 0.0,
            vertical_slope_mps=1_333.0 * FOOT_PER_MINUTE_MPS * climbed_s / 30.0,
        )

    changes = [change for _, change in run(scene, seconds=loss_s + 3)[1]]

    assert changes[0] is AlertChange.OPENED
    assert AlertChange.PRESENT in changes
    assert AlertChange.CLEARED not in changes


_ANY = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e9, -1e9, 10.0, -10.0])


@st.composite
def odd_tracks(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """Draw a track near the others, of which some numbers are untold or beyond all measure."""
    altitude_ft = draw(st.sampled_from([math.nan, 35_000.0, 3.6e6, 34_000.0]))
    return track(
        f"icao:{number}",
        draw(st.sampled_from([0.0, 0.05, 90.0])),
        draw(st.sampled_from([0.0, 0.1, 180.0, -180.0])),
        pressure_altitude_ft=altitude_ft,
        ground_speed_mps=draw(st.sampled_from([math.nan, 0.0, 200.0, 3_000.0, 1e9])),
        track_deg=draw(st.sampled_from([math.nan, 0.0, 90.0, 359.9])),
        vertical_rate_mps=draw(st.sampled_from([math.nan, 0.0, 10.0, -10.0, 3_000.0])),
        vertical_slope_mps=draw(_ANY),
        horizontal_error_m=abs(draw(_ANY)),
        vertical_error_m=math.inf if math.isnan(altitude_ft) else draw(st.sampled_from([0.0, 1e9, math.inf])),
        selected_altitude_ft=draw(st.sampled_from([math.nan, 35_000.0, -3.6e6])),
        status=draw(st.sampled_from(TrackStatus)),
        age_s=draw(st.sampled_from([0.0, 12.0, 299.0, 86_400.0])),
        on_ground=draw(st.booleans()),
        is_suspect=draw(st.booleans()),
        kind=draw(st.sampled_from(TrackKind)),
    )


@pytest.mark.slow
@given(data=st.data())
def test_no_picture_stops_a_cycle_and_no_track_is_left_out(data: st.DataObject) -> None:
    tracks = [data.draw(odd_tracks(number)) for number in range(data.draw(st.integers(0, 5)))]
    level_off_m = np.array([data.draw(_ANY) for _ in tracks])
    picture = picture_of(*tracks)

    foreseen = foresee(picture, level_off_m=level_off_m)

    named = {picture.ids[row] for row in foreseen.not_predicted}
    assert foreseen.judged | named == set(picture.ids)
    for name in ("en-route", "drones", "do-365b", "rule-of-threes"):
        rule_set, book = RULE_SETS[name], AlertBook(AlertSettings(confirm_hits=1))
        told = signals(judge(foreseen.air, rule_set), foreseen, rule_set)
        book.update(T0, told, seen=frozenset(picture.ids))
        assert {each.key for each in told} == {alert.key for alert in book.open()}
        lingering(foreseen, rule_set, book.open(), book.settings)
        for alert in book.open():
            assert set(encounter_paths(foreseen, alert.signal)) == {alert.key.a, alert.key.b}


# -- paths -------------------------------------------------------------------------------------------


def test_the_paths_of_an_encounter_are_where_both_are_now_at_the_loss_and_when_closest() -> None:
    foreseen = foresee(
        picture_of(*head_on(50.0, age_s=2.0, vertical_rate_mps=-10.0, selected_altitude_ft=34_900.0))
    )
    signal = Signal(key=KEY, urgency=Urgency.CAUTION, is_present=False, t_in_s=50.0, facts={"t_cpa_s": 73.0})

    paths = encounter_paths(foreseen, signal)

    assert list(paths) == ["icao:a", "icao:b"]
    assert [point.t_s for point in paths["icao:a"]] == [0.0, 50.0, 73.0]
    for point in paths["icao:a"]:
        lng, lat, _ = GEOD.fwd(0.0, 0.0, 90.0, 200.0 * (point.t_s + 2.0))
        assert (point.latitude_deg, point.longitude_deg) == pytest.approx((lat, lng), abs=1e-9)
    assert [point.altitude_m / FOOT_M for point in paths["icao:a"]] == pytest.approx(
        [35_000.0 - 20.0 / FOOT_M, 34_900.0, 34_900.0]
    )


def test_what_is_not_predicted_has_no_path() -> None:
    foreseen: Foreseen = foresee(picture_of(track("icao:a"), track("icao:b", ground_speed_mps=math.nan)))
    present = Signal(key=KEY, urgency=Urgency.WARNING, is_present=True)

    paths = encounter_paths(foreseen, present)

    assert list(paths) == ["icao:a"]
    assert [point.t_s for point in paths["icao:a"]] == [0.0]
    assert encounter_paths(foresee(picture_of(track("c"))), present) == {}
