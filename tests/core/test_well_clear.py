"""Well clear: the rule as published, the answers of DAIDALUS, and a search that misses no alert."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pyproj import Geod

from keepclear.core import encounters as encounters_module
from keepclear.core import well_clear
from keepclear.core.encounters import LATERAL_MINIMUM_MAX_M, LOOKAHEAD_MAX_S, TooManyEncountersError
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import tangent_frames, unit_vectors
from keepclear.core.index import Engine, numba_installed
from keepclear.core.motions import TrackArrays
from keepclear.core.well_clear import (
    COMPONENT_MAX,
    DO_365B,
    DO_365B_NON_COOPERATIVE,
    DO_365B_TERMINAL,
    TAU_MOD_MAX_S,
    AlertedPairs,
    AlertLevel,
    AlertRule,
    Earth,
    WellClearVolume,
    alert_levels,
    alert_reach_m,
    find_alerts,
    time_to_violation,
)

Floats = npt.NDArray[np.float64]
NM_M = 1852.0
KT_MPS = NM_M / 3600.0
FT_M = 0.3048
EN_ROUTE = DO_365B[1].volume
GOLDEN = np.genfromtxt(
    Path(__file__).parents[1] / "golden" / "daidalus_encounters.csv", delimiter=",", names=True
)
GEOD = Geod(ellps="WGS84")
SPHERE_RADIUS_M = NM_M * 60.0 * 180.0 / np.pi
GEODS = {Earth.WGS84: GEOD, Earth.NAUTICAL_SPHERE: Geod(a=SPHERE_RADIUS_M, b=SPHERE_RADIUS_M)}
ENGINES = [Engine.PLAIN, *([Engine.LOOPS] if numba_installed() else [])]


# -- the rule, by hand ------------------------------------------------------------------------------


def span(
    position_m: npt.ArrayLike,
    velocity_mps: npt.ArrayLike,
    volume: WellClearVolume = EN_ROUTE,
    lookahead_s: float = 300.0,
) -> tuple[float, float]:
    """Return from when to when one pair is not well clear."""
    begins, ends = time_to_violation(np.array([position_m]), np.array([velocity_mps]), volume, lookahead_s)
    return float(begins[0]), float(ends[0])


def test_two_that_meet_head_on_are_not_well_clear_35_s_of_modified_tau_before() -> None:
    """10 NM apart, closing at 500 kt = 0.138889 NM/s; T c = 35 x 0.138889 = 4.861111 NM.

    r^2 - 4.861111 r - 0.66^2 = 0 gives r = (4.861111 + sqrt(23.630401 + 1.7424)) / 2 = 4.949101 NM, reached
    after (10 - 4.949101) / 0.138889 = 36.3665 s. They are 0.66 NM past one another after 10.66 / 0.138889.
    """
    begins, ends = span((10.0 * NM_M, 0.0, 0.0), (-500.0 * KT_MPS, 0.0, 0.0))
    assert begins == pytest.approx(36.3665, abs=1e-3)
    assert ends == pytest.approx(76.752, abs=1e-3)


def test_who_passes_farther_than_hmd_stays_well_clear_however_soon() -> None:
    closing = (-500.0 * KT_MPS, 0.0, 0.0)
    assert span((2.0 * NM_M, 0.67 * NM_M, 0.0), closing) == (np.inf, np.inf)
    assert span((2.0 * NM_M, 0.65 * NM_M, 0.0), closing)[0] == 0.0


def test_who_flies_along_at_the_same_speed_is_judged_by_distance_alone() -> None:
    assert span((0.65 * NM_M, 0.0, 0.0), (0.0, 0.0, 0.0)) == (0.0, np.inf)
    assert span((0.67 * NM_M, 0.0, 0.0), (0.0, 0.0, 0.0)) == (np.inf, np.inf)


def test_who_moves_away_is_well_clear_outside_of_dmod_at_once() -> None:
    assert span((0.7 * NM_M, 0.0, 0.0), (100.0, 0.0, 0.0)) == (np.inf, np.inf)
    begins, ends = span((0.6 * NM_M, 0.0, 0.0), (100.0, 0.0, 0.0))
    assert begins == 0.0
    assert ends == pytest.approx(0.06 * NM_M / 100.0)


def test_who_climbs_is_well_clear_until_450_ft_below() -> None:
    """1,000 ft below, climbing at 10 ft/s: 450 ft below after 55 s, 450 ft above after 145 s."""
    begins, ends = span((0.0, 100.0, -1_000.0 * FT_M), (0.0, 0.0, 10.0 * FT_M))
    assert begins == pytest.approx(55.0)
    assert ends == pytest.approx(145.0)


def test_exactly_at_a_bound_is_not_well_clear_whatever_feet_are_in_binary() -> None:
    for level_ft in range(0, 45_000, 25):
        up_m = (level_ft + 450) * FT_M - level_ft * FT_M
        apart_m = (level_ft + 1_500) * FT_M - level_ft * FT_M
        assert span((apart_m, 0.0, up_m), (0.0, 0.0, 0.0), DO_365B_TERMINAL[0].volume)[0] == 0.0
    assert span((0.0, 0.0, 450.01 * FT_M), (0.0, 0.0, 0.0))[0] == np.inf


def test_what_begins_after_the_look_ahead_does_not_count() -> None:
    head_on = ((10.0 * NM_M, 0.0, 0.0), (-500.0 * KT_MPS, 0.0, 0.0))
    assert span(*head_on, lookahead_s=36.3)[0] == np.inf
    assert span(*head_on, lookahead_s=36.4)[0] < 36.4


def test_without_a_threshold_of_tau_distance_alone_counts() -> None:
    """10 NM - 1,500 ft = 18,520 - 457.2 m, at 100 m/s."""
    volume = DO_365B_TERMINAL[0].volume
    assert span((10.0 * NM_M, 0.0, 0.0), (-100.0, 0.0, 0.0), volume)[0] == pytest.approx(180.628)


# -- the rule, by laws ------------------------------------------------------------------------------

VOLUMES = st.builds(
    WellClearVolume,
    dmod_m=st.floats(50.0, 3_000.0),
    hmd_m=st.floats(50.0, 3_000.0),
    zthr_m=st.floats(30.0, 300.0),
    tau_mod_s=st.one_of(st.just(0.0), st.floats(0.0, 60.0)),
)


@st.composite
def encounters(draw: st.DrawFn) -> tuple[Floats, Floats]:
    """Draw a relative position and velocity of two that pass one another, mostly within reach of a volume."""
    angle, speed = draw(st.floats(0.0, 6.28)), draw(st.floats(0.1, 500.0))
    miss_m, cpa_s = draw(st.floats(-3_500.0, 3_500.0)), draw(st.floats(-20.0, 220.0))
    rate, level_s = draw(st.sampled_from([0.0, 0.5, -3.0, 20.0])), draw(st.floats(-20.0, 220.0))
    along, across = np.array([np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), -np.sin(angle)])
    position = miss_m * across - cpa_s * speed * along
    up_m = draw(st.floats(-320.0, 320.0)) if rate == 0.0 else -rate * level_s
    return np.array([*position, up_m]), np.array([*(speed * along), rate])


PASSING_BETWEEN = (np.array([-10_000.0, 1_000.0, 0.0]), np.array([100.0, 0.0, 0.0]))
"""One passes at 1,000 m: farther than this DMOD, and nearer than this HMD."""
DMOD_UNDER_HMD = WellClearVolume(dmod_m=500.0, hmd_m=1_500.0, zthr_m=100.0, tau_mod_s=30.0)
INSTANTS_S = np.arange(0.0, 200.0, 0.25)


def is_violated(s: Floats, v: Floats, volume: WellClearVolume) -> npt.NDArray[np.bool_]:
    """Tell at which instants a pair is not well clear: the definition, word for word."""
    distance_m = np.hypot(s[:, 0], s[:, 1])
    range_rate = s[:, 0] * v[0] + s[:, 1] * v[1]  # the distance times its growth
    closes = range_rate < -1e-9
    tau = np.where(closes, (volume.dmod_m**2 - distance_m**2) / np.where(closes, range_rate, -1.0), -1.0)
    cpa_s = np.maximum(-range_rate / (v[0] ** 2 + v[1] ** 2), 0.0)
    passes_m = np.hypot(s[:, 0] + cpa_s * v[0], s[:, 1] + cpa_s * v[1])
    soon = (passes_m <= volume.hmd_m) & (tau >= 0.0) & (tau <= volume.tau_mod_s)
    return np.asarray(((distance_m <= volume.dmod_m) | soon) & (np.abs(s[:, 2]) <= volume.zthr_m))


@given(encounters(), VOLUMES)
@example(PASSING_BETWEEN, DMOD_UNDER_HMD)
def test_a_pair_is_not_well_clear_just_at_the_instants_that_the_definition_says(
    encounter: tuple[Floats, Floats], volume: WellClearVolume
) -> None:
    s, v = encounter
    miss = abs(s[0] * v[1] - s[1] * v[0]) / np.hypot(v[0], v[1])
    assume(min(abs(miss - volume.dmod_m), abs(miss - volume.hmd_m)) > 1e-3)
    assume(abs(abs(s[2]) - volume.zthr_m) > 1e-3 or abs(v[2]) > 1e-3)
    begins, ends = span(s, v, volume, 200.0)
    expected = is_violated(s + INSTANTS_S[:, np.newaxis] * v, v, volume)
    sure = (np.abs(INSTANTS_S - begins) > 1e-3) & (np.abs(INSTANTS_S - ends) > 1e-3)
    found = (begins <= INSTANTS_S) & (ends >= INSTANTS_S)
    assert (found == expected)[sure].all()


@given(encounters(), VOLUMES, VOLUMES)
def test_a_larger_volume_is_never_entered_later_nor_left_earlier(
    encounter: tuple[Floats, Floats], one: WellClearVolume, other: WellClearVolume
) -> None:
    larger = WellClearVolume(
        dmod_m=max(one.dmod_m, other.dmod_m),
        hmd_m=max(one.hmd_m, other.hmd_m),
        zthr_m=max(one.zthr_m, other.zthr_m),
        tau_mod_s=max(one.tau_mod_s, other.tau_mod_s),
    )
    begins, ends = span(*encounter, one)
    early, late = span(*encounter, larger)
    assert early <= begins + 1e-6
    assert late >= ends - 1e-6 or not np.isfinite(begins)


@given(
    encounters(),
    VOLUMES,
    st.floats(0.0, 2_000.0),
    st.floats(0.0, 200.0),
    st.floats(0.0, 6.28),
    st.floats(-1.0, 1.0),
)
@example(PASSING_BETWEEN, DMOD_UNDER_HMD, 400.0, 0.0, 1.5 * np.pi, 0.0)  # 400 m behind: it leaves later
def test_wherever_the_pair_truly_is_the_wider_answer_is_not_later(
    encounter: tuple[Floats, Floats],
    volume: WellClearVolume,
    wider_m: float,
    deeper_m: float,
    angle: float,
    part_up: float,
) -> None:
    s, v = (each[np.newaxis] for each in encounter)
    off = wider_m * np.array([np.sin(angle), np.cos(angle)])
    true_begins, true_ends = time_to_violation(s + np.array([*off, part_up * deeper_m]), v, volume, 300.0)
    begins, ends = time_to_violation(
        s, v, volume, 300.0, wider_m=np.array([wider_m]), deeper_m=np.array([deeper_m])
    )
    if np.isfinite(true_begins[0]):
        assert begins[0] <= true_begins[0] + 1e-6
        assert ends[0] >= true_ends[0] - 1e-6


# -- DAIDALUS -----------------------------------------------------------------------------------------


def golden_tracks(who: str) -> TrackArrays:
    return TrackArrays(
        latitude_deg=GOLDEN[f"{who}_lat"],
        longitude_deg=GOLDEN[f"{who}_lon"],
        altitude_m=GOLDEN[f"{who}_alt_m"],
        ground_speed_mps=GOLDEN[f"{who}_gs_ms"],
        track_deg=GOLDEN[f"{who}_trk"],
        vertical_rate_mps=GOLDEN[f"{who}_vs_ms"],
    )


def seen_on_a_sphere() -> tuple[Floats, Floats]:
    """Return relative positions and velocities where a minute of arc is a nautical mile, as in DAIDALUS."""
    own, intruder = golden_tracks("own"), golden_tracks("int")
    ups, velocities = [], []
    for one in (own, intruder):
        up = unit_vectors(one.latitude_deg, one.longitude_deg)
        east, north = tangent_frames(up)
        track = np.radians(one.track_deg)[:, np.newaxis]
        ups.append(up)
        velocities.append(
            one.ground_speed_mps[:, np.newaxis] * (np.sin(track) * east + np.cos(track) * north)
        )
    axes = tangent_frames(ups[0])
    position = [np.einsum("ij,ij->i", SPHERE_RADIUS_M * (ups[1] - ups[0]), axis) for axis in axes]
    velocity = [np.einsum("ij,ij->i", velocities[1] - velocities[0], axis) for axis in axes]
    return (
        np.column_stack([*position, intruder.altitude_m - own.altitude_m]),
        np.column_stack([*velocity, intruder.vertical_rate_mps - own.vertical_rate_mps]),
    )


def test_on_the_sphere_of_daidalus_all_levels_and_all_times_are_the_same() -> None:
    position, velocity = seen_on_a_sphere()
    level = np.zeros(len(GOLDEN))
    for k, rule in enumerate(DO_365B):
        begins, _ = time_to_violation(position, velocity, rule.volume, 300.0)
        expected = GOLDEN[f"t_vol{k + 1}_s"]
        assert (np.isfinite(begins) == np.isfinite(expected)).all()
        found = np.isfinite(expected)
        assert np.abs(begins[found] - expected[found]).max() < 1e-3
        level[begins <= rule.within_s] = k + 1
    assert (level == GOLDEN["alert_level"]).all()


@pytest.fixture(scope="module")
def golden() -> AlertedPairs:
    return alert_levels(golden_tracks("own"), golden_tracks("int"), earth=Earth.WGS84)


def test_all_alert_levels_are_those_of_daidalus() -> None:
    """Times and distances are nearly: DAIDALUS has the plane touch at its own aircraft, not halfway."""
    told = alert_levels(golden_tracks("own"), golden_tracks("int"))
    assert (told.level == GOLDEN["alert_level"]).all()
    for k in range(3):
        expected = GOLDEN[f"t_vol{k + 1}_s"]
        assert (np.isfinite(told.t_in_s[:, k]) == np.isfinite(expected)).all()
        for most_s, off_s in ((60.0, 3e-4), (300.0, 0.013)):
            soon = expected <= most_s
            assert np.abs(told.t_in_s[soon, k] - expected[soon]).max() < off_s
    for most_s, off_s, off_m in ((60.0, 2e-3, 0.03), (300.0, 0.012, 4.2)):
        soon = GOLDEN["tcpa_s"] <= most_s
        assert np.abs(told.t_cpa_s - GOLDEN["tcpa_s"])[soon].max() < off_s
        assert np.abs(told.d_cpa_m - GOLDEN["hmd_nmi"] * NM_M)[soon].max() < off_m


def test_on_wgs84_three_levels_in_2_000_are_others_and_near_a_threshold(golden: AlertedPairs) -> None:
    other = np.flatnonzero(golden.level != GOLDEN["alert_level"])
    assert len(GOLDEN) == 2_000
    assert len(other) == 3
    for row in other:
        near_time = min(abs(golden.t_in_s[row] - rule.within_s)[k] for k, rule in enumerate(DO_365B))
        assert near_time < 0.5 or abs(golden.d_cpa_m[row] - EN_ROUTE.hmd_m) < 0.02 * NM_M


def test_the_three_are_as_wgs84_geodesics_say(golden: AlertedPairs) -> None:
    """Both are moved along geodesics in steps of 0.01 s; distance, its growth and tau are taken from that."""
    for row in np.flatnonzero(golden.level != GOLDEN["alert_level"]):
        times_s = np.arange(0.0, 120.0, 0.01)
        distance_m = stepped_m(int(row), times_s)
        growth = np.gradient(distance_m, times_s)
        tau = (EN_ROUTE.dmod_m**2 - distance_m**2) / (distance_m * np.where(growth < 0.0, growth, -1e-12))
        is_near = (distance_m <= EN_ROUTE.dmod_m) | (
            (distance_m.min() <= EN_ROUTE.hmd_m) & (growth < 0.0) & (tau <= EN_ROUTE.tau_mod_s)
        )
        for k, rule in enumerate(DO_365B):
            dz_m = GOLDEN["int_alt_m"][row] - GOLDEN["own_alt_m"][row]
            rate = GOLDEN["int_vs_ms"][row] - GOLDEN["own_vs_ms"][row]
            violated = is_near & (np.abs(dz_m + rate * times_s) <= rule.volume.zthr_m)
            assert times_s[np.argmax(violated)] == pytest.approx(golden.t_in_s[row, k], abs=0.02)


def stepped_m(row: int, times_s: Floats) -> Floats:
    """Return the distances of a pair at instants, moved along geodesics by PROJ."""
    ends = []
    for who in ("own", "int"):
        full = np.ones(len(times_s))
        lat, lng, track = (GOLDEN[f"{who}_{name}"][row] * full for name in ("lat", "lon", "trk"))
        ends.append(GEOD.fwd(lng, lat, track, GOLDEN[f"{who}_gs_ms"][row] * times_s)[:2])
    return np.asarray(GEOD.inv(*ends[0], *ends[1])[2])


def test_times_and_distances_are_near_those_of_daidalus(golden: AlertedPairs) -> None:
    for k in range(3):
        expected = GOLDEN[f"t_vol{k + 1}_s"]
        for most_s, off_s in ((60.0, 0.5), (300.0, 1.5)):
            both = (expected <= most_s) & np.isfinite(golden.t_in_s[:, k])
            assert np.abs(golden.t_in_s[both, k] - expected[both]).max() < off_s
        # A sphere is half a per cent off, which far ahead is more than HMD.
        only = np.isfinite(golden.t_in_s[:, k]) != np.isfinite(expected)
        assert only.sum() <= 21
        assert (np.minimum(golden.t_in_s[only, k], expected[only]) < 60.0).sum() == 1  # one of the three
    soon = GOLDEN["tcpa_s"] <= 60.0
    assert np.abs(golden.d_cpa_m - GOLDEN["hmd_nmi"] * NM_M)[soon].max() < 0.05 * NM_M
    assert np.abs(golden.t_cpa_s - GOLDEN["tcpa_s"])[soon].max() < 1.0


def test_the_closest_approach_is_that_of_wgs84_geodesics(golden: AlertedPairs) -> None:
    for row in range(0, len(GOLDEN), 20):
        at_s = float(golden.t_cpa_s[row])
        before, then, after = stepped_m(row, np.array([max(at_s - 1.0, 0.0), at_s, min(at_s + 1.0, 300.0)]))
        assert then == pytest.approx(golden.d_cpa_m[row], abs=10.0)
        assert then <= min(before, after) + 1.0


# -- pairs of tracks ----------------------------------------------------------------------------------


def tracks(*rows: tuple[float, float, float, float, float, float], **more: Floats) -> TrackArrays:
    """Return tracks: latitude, longitude, altitude, speed, track, vertical rate of each."""
    columns = np.array(rows, dtype=np.float64).reshape(-1, 6).T
    return TrackArrays(
        latitude_deg=columns[0],
        longitude_deg=columns[1],
        altitude_m=columns[2],
        ground_speed_mps=columns[3],
        track_deg=columns[4],
        vertical_rate_mps=columns[5],
        **more,
    )


def head_on(
    lat: float, lng: float, track_deg: float, apart_m: float, up_m: float = 0.0, geod: Geod = GEOD
) -> tuple[TrackArrays, TrackArrays]:
    """Return two that meet at 257.2 m/s (500 kt), the middle between them at a position."""
    states = []
    for azimuth, altitude_m in ((track_deg + 180.0, 0.0), (track_deg, up_m)):
        end_lng, end_lat, back = geod.fwd(lng, lat, azimuth, apart_m / 2.0)
        states.append(tracks((end_lat, end_lng, 3_000.0 + altitude_m, 250.0 * KT_MPS, back % 360.0, 0.0)))
    return states[0], states[1]


ANYWHERE = [
    (0.0, 0.0),
    (35.0, 36.0),
    (-60.0, 180.0),
    (70.0, -180.0),
    (90.0, 0.0),
    (-90.0, 77.0),
    (89.99, 12.0),
]


@pytest.mark.parametrize(("lat", "lng"), ANYWHERE)
@pytest.mark.parametrize("track_deg", [0.0, 45.0, 90.0, 200.0])
@pytest.mark.parametrize("earth", Earth)
def test_the_same_encounter_is_the_same_anywhere_on_earth(
    lat: float, lng: float, track_deg: float, earth: Earth
) -> None:
    """10 NM apart as above: 36.37 s, a corrective alert; closest after 72 s."""
    found = alert_levels(*head_on(lat, lng, track_deg, 10.0 * NM_M, geod=GEODS[earth]), earth=earth)
    assert found.t_in_s[0] == pytest.approx([36.3665] * 3, abs=5e-3)
    assert found.level[0] == AlertLevel.CORRECTIVE
    assert (found.t_cpa_s[0], found.d_cpa_m[0]) == (
        pytest.approx(72.0, abs=0.01),
        pytest.approx(0.0, abs=0.1),
    )


@pytest.mark.parametrize(
    ("apart_nm", "up_ft", "level"),
    [
        (14.0, 0.0, AlertLevel.NONE),
        (10.0, 0.0, AlertLevel.CORRECTIVE),
        (8.0, 0.0, AlertLevel.WARNING),
        (8.0, 450.0, AlertLevel.WARNING),
        (8.0, 500.0, AlertLevel.PREVENTIVE),
        (8.0, 700.0, AlertLevel.PREVENTIVE),
        (8.0, 701.0, AlertLevel.NONE),
    ],
)
def test_levels_of_two_that_meet(apart_nm: float, up_ft: float, level: AlertLevel) -> None:
    """At 4.949 NM the volume is entered: after 65.2, 36.4 and 22.0 s."""
    found = alert_levels(*head_on(47.0, 8.0, 30.0, apart_nm * NM_M, up_ft * FT_M))
    assert found.level[0] == found.level_inflated[0] == level


def test_in_a_terminal_area_every_alert_is_a_warning() -> None:
    """1,500 ft apart after (4 x 1852 - 457.2) / 257.2 = 27.0 s, 2,200 ft after 26.2 s."""
    pair = head_on(47.0, 8.0, 30.0, 4.0 * NM_M)
    assert alert_levels(*pair, DO_365B_TERMINAL).level[0] == AlertLevel.WARNING
    assert alert_levels(*pair, DO_365B_NON_COOPERATIVE).level[0] == AlertLevel.CORRECTIVE


@pytest.mark.parametrize("earth", Earth)
def test_two_at_opposite_ends_of_the_earth_do_not_alert(earth: Earth) -> None:
    one = tracks((10.0, 20.0, 0.0, 3_000.0, 90.0, 0.0), (90.0, 0.0, 0.0, 3_000.0, 0.0, 0.0))
    other = tracks((-10.0, -160.0, 0.0, 3_000.0, 90.0, 0.0), (-90.0, 0.0, 0.0, 3_000.0, 0.0, 0.0))
    assert alert_levels(one, other, earth=earth).level.tolist() == [0, 0]


def aged(track: TrackArrays, age_s: float) -> TrackArrays:
    """Return a track as it was some time ago."""
    lat, lng, track_deg, speed = (
        float(getattr(track, name)[0])
        for name in ("latitude_deg", "longitude_deg", "track_deg", "ground_speed_mps")
    )
    was_lng, was_lat, back = GEOD.fwd(lng, lat, track_deg + 180.0, speed * age_s)
    return replace(
        track,
        latitude_deg=np.array([was_lat]),
        longitude_deg=np.array([was_lng]),
        track_deg=np.array([back % 360.0]),
        age_s=np.array([age_s]),
    )


@pytest.mark.parametrize("earth", Earth)
@pytest.mark.parametrize(("lat", "lng"), ANYWHERE)
def test_an_older_position_is_first_brought_to_now_on_wgs84(lat: float, lng: float, earth: Earth) -> None:
    pair = head_on(lat, lng, 30.0, 8.0 * NM_M)
    now = alert_levels(*pair, earth=earth)
    found = alert_levels(aged(pair[0], 60.0), aged(pair[1], 60.0), earth=earth)
    assert now.level[0] == found.level[0] == AlertLevel.WARNING
    assert found.t_in_s[0] == pytest.approx(now.t_in_s[0], abs=1e-3)


@pytest.mark.parametrize(("lat", "longer"), [(0.0, 1.0049), (90.0, 0.9949)])
def test_how_much_the_sphere_is_off(lat: float, longer: float) -> None:
    """North-south at the equator it is 0.49 % too long, at a pole 0.51 % too short: 6 m in 0.66 NM."""
    one, other = (replace(each, ground_speed_mps=np.zeros(1)) for each in head_on(lat, 0.0, 0.0, 0.66 * NM_M))
    told_m = {earth: alert_levels(one, other, earth=earth).d_cpa_m[0] for earth in Earth}
    assert told_m[Earth.WGS84] == pytest.approx(0.66 * NM_M, abs=0.01)
    assert told_m[Earth.NAUTICAL_SPHERE] == pytest.approx(longer * 0.66 * NM_M, abs=0.1)
    assert abs(told_m[Earth.NAUTICAL_SPHERE] - told_m[Earth.WGS84]) < 6.4


def test_without_an_altitude_there_is_no_level_but_none_is_excluded() -> None:
    one, other = head_on(47.0, 8.0, 30.0, 8.0 * NM_M)
    unknown = replace(other, altitude_m=np.array([np.nan]), vertical_error_m=np.array([np.inf]))
    found = alert_levels(one, unknown)
    assert found.level[0] == AlertLevel.NONE
    assert np.isnan(found.t_in_s).all()
    assert found.level_inflated[0] == AlertLevel.WARNING
    assert find_alerts(one.joined(unknown)).level_inflated.tolist() == [3]


# -- pictures -------------------------------------------------------------------------------------------


def a_picture(
    seed: int, n: int, lat: float, half_deg: float, speed_max_mps: float, *, exact: bool = True
) -> TrackArrays:
    """Draw a picture across the antimeridian, or round a pole."""
    rng = np.random.default_rng(seed)
    around = 180.0 if abs(lat) > 85.0 else half_deg
    altitude_m = rng.choice([600.0, 600.0 + 450.0 * FT_M, 900.0, 1_200.0], n)
    more: dict[str, Floats] = {}
    if not exact:
        vertical = np.where(rng.random(n) < 0.05, np.inf, rng.uniform(0.0, 100.0, n))
        altitude_m = np.where(np.isinf(vertical), np.nan, altitude_m)
        more = {
            "age_s": rng.uniform(0.0, 60.0, n),
            "horizontal_error_m": rng.uniform(0.0, 3_000.0, n),
            "vertical_error_m": vertical,
        }
    return TrackArrays(
        latitude_deg=np.clip(lat + rng.uniform(-half_deg, half_deg, n), -90.0, 90.0),
        longitude_deg=180.0 + rng.uniform(-around, around, n),
        altitude_m=altitude_m,
        ground_speed_mps=rng.uniform(0.0, speed_max_mps, n),
        track_deg=rng.uniform(0.0, 360.0, n),
        vertical_rate_mps=rng.choice([0.0, 0.0, 6.0, -9.0], n),
        **more,
    )


def all_pairs(picture: TrackArrays, earth: Earth = Earth.NAUTICAL_SPHERE) -> AlertedPairs:
    """Return the alerts of a picture by holding each against each."""
    a, b = np.triu_indices(len(picture), 1)
    found = alert_levels(picture.take(a), picture.take(b), earth=earth)
    return found._replace(a=a, b=b).take(found.level_inflated > 0)


PICTURES = {
    "airliners": a_picture(1, 300, 47.0, 0.8, 280.0),
    "at the equator": a_picture(2, 300, 0.0, 0.8, 280.0),
    "at a pole": a_picture(3, 300, 89.6, 0.4, 280.0),
    "drones": a_picture(4, 300, -33.0, 0.1, 30.0),
    "faster than anything": a_picture(5, 300, 60.0, 5.0, 3_000.0),
    "not exact": a_picture(6, 200, 35.0, 0.4, 250.0, exact=False),
    "not exact, at a pole": a_picture(7, 200, -89.8, 0.2, 250.0, exact=False),
}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("earth", Earth)
@pytest.mark.parametrize("name", PICTURES)
def test_the_search_finds_just_the_alerts_of_all_pairs(name: str, earth: Earth, engine: Engine) -> None:
    expected = all_pairs(PICTURES[name], earth)
    found = find_alerts(PICTURES[name], engine=engine, earth=earth)
    assert len(expected.a) > 5
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def flying(track: TrackArrays, turned_deg: float, speed_mps: float, age_s: float) -> TrackArrays:
    """Return one that is there now, with another direction and speed, as it was some time ago."""
    turned = replace(
        track,
        track_deg=(track.track_deg + turned_deg) % 360.0,
        ground_speed_mps=np.array([speed_mps]),
    )
    return aged(turned, age_s)


@st.composite
def two_anywhere(draw: st.DrawFn) -> tuple[TrackArrays, TrackArrays]:
    """Draw two that are near one another now, where the two earths differ most and where they do least."""
    lat, toward_deg = draw(st.sampled_from([0.0, 45.0, 89.9, -90.0])), draw(st.floats(0.0, 360.0))
    one, other = (
        flying(
            each,
            draw(st.sampled_from([0.0, 180.0, 2.0, 90.0])),
            draw(st.sampled_from([0.0, 30.0, 280.0, 3_000.0])),
            draw(st.sampled_from([0.0, 60.0, 300.0])),
        )
        for each in head_on(lat, 180.0, toward_deg, draw(st.floats(1.0, 60_000.0)))
    )
    return one, other


PASSED = head_on(0.0, 180.0, 0.0, 1_000.0)
"""Flying apart for 300 s: brought to now on the sphere, they would be 700 m nearer than to the search."""
NORTH = head_on(90.0, 0.0, 0.0, 459.0)
"""Nearer than 1,500 ft (457.2 m) on the sphere alone."""


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rules", [DO_365B, DO_365B_TERMINAL])
@pytest.mark.parametrize("earth", Earth)
@given(pair=two_anywhere())
@example(pair=(flying(PASSED[0], 180.0, 250.0, 300.0), flying(PASSED[1], 180.0, 250.0, 300.0)))
@example(pair=(flying(NORTH[0], 0.0, 0.0, 0.0), flying(NORTH[1], 0.0, 0.0, 0.0)))
def test_no_pair_that_alerts_is_missed(
    earth: Earth, rules: tuple[AlertRule, ...], engine: Engine, pair: tuple[TrackArrays, TrackArrays]
) -> None:
    one, other = pair
    told = alert_levels(one, other, rules, earth=earth)
    found = find_alerts(one.joined(other), rules, earth=earth, engine=engine)
    assert found.level.tolist() == [level for level in told.level.tolist() if level > 0]


def test_only_groups_that_are_judged_are_judged() -> None:
    picture = PICTURES["airliners"]
    groups = (np.arange(len(picture)) % 2).astype(np.uint8)
    found = find_alerts(picture, groups=groups, judged=np.array([[False, True], [True, False]]))
    everything = find_alerts(picture)
    across = everything.take(groups[everything.a] != groups[everything.b])
    assert 0 < len(found.a) < len(everything.a)
    assert found.a.tolist() == across.a.tolist()
    assert found.b.tolist() == across.b.tolist()


def test_who_is_called_own_makes_no_difference() -> None:
    for picture in PICTURES.values():
        half = len(picture) // 2
        one, other = picture.take(np.arange(half)), picture.take(np.arange(half, 2 * half))
        for there, back in zip(alert_levels(one, other), alert_levels(other, one), strict=True):
            np.testing.assert_array_equal(there, back)


def test_a_higher_level_is_never_entered_before_a_lower_one() -> None:
    for picture in PICTURES.values():
        found = all_pairs(picture)
        for times in (found.t_in_s[found.level > 0], found.t_in_inflated_s):
            assert (times[:, 0] <= times[:, 1]).all()
            assert (times[:, 1] <= times[:, 2]).all()
        assert (found.level <= found.level_inflated).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("n", [0, 1])
def test_a_picture_with_nobody_to_meet_has_no_alerts(n: int, engine: Engine) -> None:
    found = find_alerts(PICTURES["airliners"].take(np.arange(n)), engine=engine)
    assert [column.shape for column in found] == [(0,), (0,), (0,), (0, 3), (0,), (0,), (0,), (0, 3)]


# -- what is refused ------------------------------------------------------------------------------------


def test_a_picture_with_too_many_alerts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(well_clear, "ENCOUNTERS_MAX", 5)
    with pytest.raises(TooManyEncountersError):
        find_alerts(PICTURES["airliners"])


def test_a_picture_with_too_many_pairs_near_enough_to_judge_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encounters_module, "ENCOUNTERS_MAX", 5)
    with pytest.raises(TooManyEncountersError, match="or pairs near one; judge a part of it"):
        find_alerts(PICTURES["airliners"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dmod_m", 0.0),
        ("dmod_m", np.nan),
        ("hmd_m", -1.0),
        ("hmd_m", LATERAL_MINIMUM_MAX_M * 1.01),
        ("zthr_m", np.inf),
        ("tau_mod_s", -0.1),
        ("tau_mod_s", TAU_MOD_MAX_S * 1.01),
    ],
)
def test_a_volume_with_a_number_out_of_range_is_refused(field: str, value: float) -> None:
    with pytest.raises(InvalidValueError, match=field):
        replace(EN_ROUTE, **{field: value})


@pytest.mark.parametrize("within_s", [-1.0, np.nan, LOOKAHEAD_MAX_S * 1.01])
def test_a_rule_that_looks_too_far_is_refused(within_s: float) -> None:
    with pytest.raises(InvalidValueError, match="within_s"):
        AlertRule(volume=EN_ROUTE, within_s=within_s)


def test_a_look_ahead_in_which_a_rule_does_not_fit_is_refused() -> None:
    picture = PICTURES["drones"]
    for lookahead_s in (54.0, np.nan, LOOKAHEAD_MAX_S * 1.01):
        with pytest.raises(InvalidValueError, match="the rules look 55 s ahead"):
            alert_levels(picture, picture, lookahead_s=lookahead_s)
        with pytest.raises(InvalidValueError, match="lookahead_s"):
            find_alerts(picture, lookahead_s=lookahead_s)
    with pytest.raises(InvalidValueError, match="at least one rule"):
        find_alerts(picture, ())
    with pytest.raises(InvalidValueError, match="at least one rule"):
        alert_reach_m(picture.ground_speed_mps, ())


def test_pairs_that_do_not_match_are_refused() -> None:
    picture = PICTURES["drones"]
    with pytest.raises(InvalidValueError, match="there are 3 tracks, and 2 of their own"):
        alert_levels(picture.take(np.arange(2)), picture.take(np.arange(3)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -COMPONENT_MAX * 1.01])
def test_positions_and_velocities_that_are_no_numbers_are_refused(bad: float) -> None:
    good, broken = np.zeros((2, 3)), np.array([[0.0, 0.0, 0.0], [0.0, bad, 0.0]])
    with pytest.raises(InvalidValueError, match="position_m"):
        time_to_violation(broken, good, EN_ROUTE, 300.0)
    with pytest.raises(InvalidValueError, match="velocity_mps"):
        time_to_violation(good, broken, EN_ROUTE, 300.0)
    with pytest.raises(InvalidValueError, match="shape"):
        time_to_violation(good, np.zeros((1, 3)), EN_ROUTE, 300.0)
    with pytest.raises(InvalidValueError, match="shape"):
        time_to_violation(np.zeros(3), np.zeros(3), EN_ROUTE, 300.0)


@pytest.mark.parametrize("bad", [np.nan, -1.0])
def test_a_look_ahead_or_an_error_that_is_no_number_is_refused(bad: float) -> None:
    still = np.zeros((2, 3))
    with pytest.raises(InvalidValueError, match="lookahead_s"):
        time_to_violation(still, still, EN_ROUTE, bad)
    with pytest.raises(InvalidValueError, match="wider_m"):
        time_to_violation(still, still, EN_ROUTE, 300.0, wider_m=np.array([0.0, bad]))
    with pytest.raises(InvalidValueError, match="deeper_m"):
        time_to_violation(still, still, EN_ROUTE, 300.0, deeper_m=bad)


def test_extreme_but_possible_motions_give_numbers() -> None:
    values = [0.0, 1e-12, -1e-7, 1.0, -COMPONENT_MAX, COMPONENT_MAX]
    grid = np.array(np.meshgrid(*[values] * 4)).reshape(4, -1).T
    position = np.column_stack([grid[:, :2], np.zeros(len(grid))])
    velocity = np.column_stack([grid[:, 2:], np.full(len(grid), 1e-13)])
    begins, ends = time_to_violation(position, velocity, EN_ROUTE, 300.0)
    assert not np.isnan(begins).any()
    assert (ends >= begins).all()
