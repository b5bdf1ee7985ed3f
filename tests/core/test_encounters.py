"""Encounters: what counts as one, that none is missed, and that both engines say the same."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core import encounters
from keepclear.core.encounters import (
    Encounters,
    Minima,
    TooManyEncountersError,
    candidate_pairs,
    find_encounters,
    judge_pairs,
)
from keepclear.core.errors import InvalidValueError
from keepclear.core.index import Engine, numba_installed
from keepclear.core.motions import TrackArrays, grown_error_m
from tests.oracle import GEOD

EN_ROUTE = Minima(lateral_m=9_260.0, vertical_m=304.8)
DRONES = Minima(lateral_m=60.0, vertical_m=15.0, lookahead_s=60.0)
NAMES = ("latitude_deg", "longitude_deg", "altitude_m", "ground_speed_mps", "track_deg", "vertical_rate_mps")
ENGINES = [
    Engine.PLAIN,
    pytest.param(Engine.LOOPS, marks=pytest.mark.skipif(not numba_installed(), reason="needs numba")),
]


def tracks_of(*rows: tuple[float, float, float, float, float, float]) -> TrackArrays:
    """Return tracks of latitude, longitude, altitude m, speed m/s, track, vertical rate m/s."""
    columns = np.array(rows, dtype=np.float64).reshape(-1, 6).T
    return TrackArrays(**dict(zip(NAMES, columns, strict=True)))


def drawn(
    n: int, seed: int, *, lat: tuple[float, float], lng: tuple[float, float], speed_mps: float = 260.0,
    top_m: float = 12_000.0, rate_mps: float = 10.0,
) -> TrackArrays:  # fmt: skip
    """Draw tracks in a region; some hover, some are level, some fly with the one before."""
    draw = np.random.default_rng(seed)
    columns = {
        "latitude_deg": draw.uniform(*lat, n),
        "longitude_deg": draw.uniform(*lng, n),
        "altitude_m": draw.uniform(0.0, top_m, n),
        "ground_speed_mps": np.where(draw.random(n) < 0.1, 0.0, draw.uniform(0.0, speed_mps, n)),
        "track_deg": draw.uniform(0.0, 360.0, n),
        "vertical_rate_mps": np.where(draw.random(n) < 0.5, 0.0, draw.uniform(-rate_mps, rate_mps, n)),
    }
    with_last = np.flatnonzero(draw.random(n) < 0.1)
    with_last = with_last[with_last > 0]
    for name, column in columns.items():
        if name not in {"latitude_deg", "longitude_deg"}:
            column[with_last] = column[with_last - 1]
    columns["latitude_deg"][with_last] = np.clip(columns["latitude_deg"][with_last - 1] + 0.0005, -90.0, 90.0)
    return TrackArrays(**columns)


REGIONS = {
    "Europe": {"lat": (45.0, 50.0), "lng": (0.0, 9.0)},
    "antimeridian": {"lat": (-18.0, -14.0), "lng": (177.0, 183.0)},
    "north pole": {"lat": (87.0, 90.0), "lng": (-180.0, 180.0)},
    "south pole": {"lat": (-90.0, -87.5), "lng": (-180.0, 180.0)},
    "world": {"lat": (-90.0, 90.0), "lng": (-180.0, 180.0)},
}


def all_pairs(tracks: TrackArrays, minima: Minima) -> Encounters:
    """Judge every pair: nothing is searched, so nothing is missed."""
    a, b = np.triu_indices(len(tracks), 1)
    judged = judge_pairs(tracks, a, b, minima)
    return judged.take(judged.is_inflated)


def pairs(found: Encounters) -> list[tuple[int, int]]:
    return list(zip(found.a.tolist(), found.b.tolist(), strict=True))


def true_least_m(tracks: TrackArrays, minima: Minima) -> dict[tuple[int, int], float]:
    """Return the least lateral distance of pairs while they are vertically close, on PROJ's geodesics.

    Times are a quarter of a second apart; between them both go straight.
    """
    times = np.linspace(0.0, minima.lookahead_s, round(minima.lookahead_s * 4) + 1)
    n, k = len(tracks), len(times)
    lng, lat, _ = GEOD.fwd(
        np.repeat(tracks.longitude_deg, k), np.repeat(tracks.latitude_deg, k), np.repeat(tracks.track_deg, k),
        (tracks.ground_speed_mps[:, None] * times).ravel(),
    )  # fmt: skip
    lng, lat = np.reshape(lng, (n, k)), np.reshape(lat, (n, k))
    height = tracks.altitude_m[:, None] + tracks.vertical_rate_mps[:, None] * times
    least = {}
    for i, j in itertools.combinations(range(n), 2):
        close = np.abs(height[j] - height[i]) < minima.vertical_m
        if close.any():
            _, _, gap = GEOD.inv(lng[i][close], lat[i][close], lng[j][close], lat[j][close])
            least[i, j] = float(np.min(gap))
    return least


@pytest.mark.parametrize("engine", ENGINES)
def test_two_that_fly_at_each_other_meet_in_the_middle(engine: Engine) -> None:
    # Given two on the equator 1 degree apart, 111,319.5 m, at 200 m/s each,
    tracks = tracks_of((0.0, 0.0, 9_000.0, 200.0, 90.0, 0.0), (0.0, 1.0, 9_100.0, 200.0, 270.0, 0.0))
    # when they are judged,
    found = find_encounters(tracks, EN_ROUTE, engine=engine)
    # then they meet after 111319.5/400 s, and are too close for 9260/400 s before and after.
    assert pairs(found) == [(0, 1)]
    assert found.t_cpa_s[0] == pytest.approx(278.299, abs=1e-3)
    assert found.d_cpa_m[0] == pytest.approx(0.0, abs=1e-2)
    assert found.dz_cpa_m[0] == pytest.approx(100.0)
    assert found.t_in_s[0] == pytest.approx(278.299 - 23.15, abs=1e-3)
    assert found.t_out_s[0] == np.inf  # it goes on at the end of the look-ahead


def test_the_end_of_a_loss_is_looked_for_as_far_beyond_as_is_asked() -> None:
    tracks = tracks_of((0.0, 0.0, 9_000.0, 200.0, 90.0, 0.0), (0.0, 1.0, 9_100.0, 200.0, 270.0, 0.0))
    minima = Minima(lateral_m=9_260.0, vertical_m=304.8, duration_s=60.0)
    assert find_encounters(tracks, minima).t_out_s[0] == pytest.approx(278.299 + 23.15, abs=1e-3)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("region", REGIONS)
def test_no_pair_is_missed_and_none_is_added(region: str, engine: Engine) -> None:
    tracks = drawn(300, 7, **REGIONS[region])
    for minima in (EN_ROUTE, Minima(lateral_m=30_000.0, vertical_m=np.inf, lookahead_s=60.0)):
        found, expected = find_encounters(tracks, minima, engine=engine), all_pairs(tracks, minima)
        assert pairs(found) == pairs(expected)
        for one, other in zip(found[2:], expected[2:], strict=True):
            np.testing.assert_allclose(one, other, atol=1e-9)


@given(
    seed=st.integers(0, 2**32 - 1),
    region=st.sampled_from(sorted(REGIONS)),
    lateral_m=st.floats(1.0, 100_000.0),
    vertical_m=st.floats(1.0, 5_000.0) | st.just(np.inf),
    lookahead_s=st.floats(0.0, 1_200.0),
)
def test_whatever_the_minima_no_pair_is_missed(
    seed: int, region: str, lateral_m: float, vertical_m: float, lookahead_s: float
) -> None:
    tracks = drawn(60, seed, **REGIONS[region])
    minima = Minima(lateral_m=lateral_m, vertical_m=vertical_m, lookahead_s=lookahead_s)
    assert pairs(find_encounters(tracks, minima)) == pairs(all_pairs(tracks, minima))


@pytest.mark.parametrize("engine", ENGINES)
def test_drones_in_a_city_are_judged_by_their_own_minima(engine: Engine) -> None:
    tracks = drawn(400, 3, lat=(35.0, 35.05), lng=(36.0, 36.05), speed_mps=20.0, top_m=120.0, rate_mps=2.0)
    found = find_encounters(tracks, DRONES, engine=engine)
    assert len(found.a) > 20
    assert pairs(found) == pairs(all_pairs(tracks, DRONES))


@pytest.mark.parametrize("region", REGIONS)
def test_what_counts_is_what_proj_says_of_the_same_flights(region: str) -> None:
    tracks = drawn(
        90, 11, **REGIONS[region] if region != "world" else {"lat": (60.0, 64.0), "lng": (0.0, 8.0)}
    )
    minima = Minima(lateral_m=20_000.0, vertical_m=3_000.0)
    told = set(pairs(find_encounters(tracks, minima)))
    least = true_least_m(tracks, minima)
    assert len(told) > 5
    for pair in itertools.combinations(range(len(tracks)), 2):
        # Between two instants of the oracle two come no more than a few metres closer.
        if abs(least.get(pair, np.inf) - minima.lateral_m) > 60.0:
            assert (pair in told) == (least.get(pair, np.inf) < minima.lateral_m), pair


@pytest.mark.parametrize("lat", [0.0, 35.0, 65.0, 80.0, 89.7])
def test_the_least_distance_is_that_of_the_geodesics(lat: float) -> None:
    # Given pairs that fly straight for five minutes,
    draw = np.random.default_rng(5)
    n = 60
    tracks = drawn(n, 5, lat=(lat - 0.2, lat + 0.2), lng=(-1.0, 1.0))
    a, b = np.arange(0, n, 2), np.arange(1, n, 2)
    # when the least distance is told,
    judged = judge_pairs(tracks, a, b, EN_ROUTE)
    # then PROJ finds the same distance at that time, within 5 cm, and none less at others.
    for k, (i, j) in enumerate(zip(a, b, strict=True)):
        times = np.append(judged.t_cpa_s[k], draw.uniform(0.0, 300.0, 50))
        places = [
            GEOD.fwd(
                np.full(51, tracks.longitude_deg[row]), np.full(51, tracks.latitude_deg[row]),
                np.full(51, tracks.track_deg[row]), tracks.ground_speed_mps[row] * times,
            )
            for row in (i, j)
        ]  # fmt: skip
        _, _, gap = GEOD.inv(places[0][0], places[0][1], places[1][0], places[1][1])
        if judged.d_cpa_m[k] < 50_000.0:  # the chord is shorter than the geodesic: 1 m at 100 km
            assert judged.d_cpa_m[k] == pytest.approx(gap[0], abs=0.2)
        assert judged.d_cpa_m[k] <= gap.min() + 0.2


@given(seed=st.integers(0, 2**32 - 1), factor=st.floats(1.0, 3.0))
def test_larger_minima_never_find_less(seed: int, factor: float) -> None:
    tracks = drawn(50, seed, **REGIONS["Europe"])
    wider = Minima(lateral_m=9_260.0 * factor, vertical_m=304.8 * factor, lookahead_s=300.0 * factor)
    assert set(pairs(find_encounters(tracks, EN_ROUTE))) <= set(pairs(find_encounters(tracks, wider)))


@given(seed=st.integers(0, 2**32 - 1), order_seed=st.integers(0, 99))
def test_the_order_of_the_tracks_does_not_matter(seed: int, order_seed: int) -> None:
    tracks = drawn(50, seed, **REGIONS["Europe"])
    order = np.random.default_rng(order_seed).permutation(50)
    shuffled = find_encounters(tracks.take(order), EN_ROUTE)
    again = sorted(tuple(sorted((int(order[a]), int(order[b])))) for a, b in pairs(shuffled))
    assert again == pairs(find_encounters(tracks, EN_ROUTE))


@given(seed=st.integers(0, 2**32 - 1), t=st.floats(0.0, 1.0))
def test_a_pair_is_told_if_and_only_if_there_is_a_loss_at_some_instant(seed: int, t: float) -> None:
    """At an instant two are too close if it lies within what was told, and else not."""
    tracks = drawn(40, seed, **REGIONS["Europe"])
    a, b = np.triu_indices(40, 1)
    judged = judge_pairs(tracks, a, b, EN_ROUTE)
    at_s = t * 300.0
    then = judge_pairs(
        later(tracks, at_s), a, b, Minima(lateral_m=9_260.0, vertical_m=304.8, lookahead_s=0.0)
    )
    inside = (judged.t_in_s <= at_s) & (at_s <= judged.t_out_s)
    is_edge = np.minimum(np.abs(judged.t_in_s - at_s), np.abs(judged.t_out_s - at_s)) < 1e-3
    assert ((then.is_nominal == inside) | is_edge).all()


def later(tracks: TrackArrays, after_s: float) -> TrackArrays:
    """Return tracks that are said to be older: the same flights, seen from a later instant."""
    return replace(tracks, age_s=np.full(len(tracks), after_s))


@pytest.mark.parametrize("engine", ENGINES)
def test_one_bogus_speed_is_judged_and_costs_no_candidates(engine: Engine) -> None:
    # Given traffic, and one track of 5,000 kt (2,572 m/s) in its midst,
    tracks = drawn(2_000, 1, **REGIONS["Europe"])
    bogus = {"latitude_deg": 47.0, "longitude_deg": 1.0, "ground_speed_mps": 2_572.0, "track_deg": 90.0}
    for name, value in bogus.items():
        getattr(tracks, name)[1_000] = value
    found = find_encounters(tracks, EN_ROUTE, engine=engine)
    expected = all_pairs(tracks, EN_ROUTE)
    assert pairs(found) == pairs(expected)
    assert 1_000 in {*found.a.tolist(), *found.b.tolist()}


@pytest.mark.parametrize("engine", ENGINES)
def test_crewed_aircraft_above_a_swarm_are_kept_out_of_its_grid(engine: Engine) -> None:
    swarm = drawn(1_500, 2, lat=(35.0, 35.5), lng=(36.0, 36.5), speed_mps=15.0, top_m=2_000.0, rate_mps=2.0)
    fast = drawn(20, 3, lat=(35.0, 35.5), lng=(36.0, 36.5), top_m=2_000.0)
    tracks = TrackArrays(**{name: np.append(getattr(swarm, name), getattr(fast, name)) for name in NAMES})
    minima = Minima(lateral_m=300.0, vertical_m=50.0, lookahead_s=120.0)
    assert pairs(find_encounters(tracks, minima, engine=engine)) == pairs(all_pairs(tracks, minima))


@pytest.mark.parametrize("engine", ENGINES)
def test_groups_that_are_not_judged_against_each_other_have_no_encounters(engine: Engine) -> None:
    tracks = drawn(300, 7, **REGIONS["Europe"])
    groups = (np.arange(300) % 3).astype(np.uint8)
    judged = np.array([[False, True, False], [True, False, True], [False, True, True]])
    found = find_encounters(tracks, EN_ROUTE, engine=engine, groups=groups, judged=judged)
    expected = [
        pair for pair in pairs(all_pairs(tracks, EN_ROUTE)) if judged[groups[pair[0]], groups[pair[1]]]
    ]
    assert pairs(found) == expected != []


@pytest.mark.parametrize("engine", ENGINES)
def test_candidates_hold_all_that_come_within_what_both_reach(engine: Engine) -> None:
    tracks = drawn(200, 9, **REGIONS["Europe"])
    reach = np.random.default_rng(1).uniform(0.0, 20_000.0, 200)
    given_pairs = candidate_pairs(tracks, EN_ROUTE, reach_m=reach, engine=engine)
    a, b = np.triu_indices(200, 1)
    judged = judge_pairs(tracks, a, b, Minima(lateral_m=1.0, vertical_m=304.8))
    wide = judged.d_cpa_m < 9_260.0 + reach[a] + reach[b]
    wide &= np.abs(tracks.altitude_m[b] - tracks.altitude_m[a]) < 304.8
    wide &= tracks.vertical_rate_mps[a] == tracks.vertical_rate_mps[b]
    assert set(zip(a[wide].tolist(), b[wide].tolist(), strict=True)) <= set(map(tuple, given_pairs.tolist()))


# -- what is not exact ------------------------------------------------------------------------------


def with_errors(tracks: TrackArrays, horizontal_error_m: float) -> TrackArrays:
    return replace(tracks, horizontal_error_m=np.full(len(tracks), horizontal_error_m))


def test_what_is_inflated_only_cannot_be_excluded_and_is_no_encounter() -> None:
    # Given two abeam, 10 km apart, minima of 5 NM (9,260 m), and each off by up to 600 m,
    tracks = tracks_of(
        (0.0, 0.0, 9_000.0, 200.0, 0.0, 0.0), (0.0, 10_000.0 / 111_319.5, 9_000.0, 200.0, 0.0, 0.0)
    )
    found = find_encounters(with_errors(tracks, horizontal_error_m=600.0), EN_ROUTE)
    # then 9,260 + sqrt(2) * 600 = 10,108 m: that they lose separation cannot be excluded.
    assert pairs(found) == [(0, 1)]
    assert not found.is_nominal[0]
    assert np.isnan(found.t_in_s[0])
    assert found.t_in_inflated_s[0] == 0.0
    assert find_encounters(with_errors(tracks, horizontal_error_m=500.0), EN_ROUTE).a.size == 0


def test_inflation_has_an_end() -> None:
    tracks = tracks_of((0.0, 0.0, 9_000.0, 0.0, 0.0, 0.0), (0.0, 0.14, 9_000.0, 0.0, 0.0, 0.0))  # 15,585 m
    errors = with_errors(tracks, horizontal_error_m=100_000.0)
    assert find_encounters(errors, EN_ROUTE).a.size == 0  # 9,260 + 5,556 m
    assert encounters.LATERAL_INFLATION_MAX_M == 5_556.0


@pytest.mark.parametrize("engine", ENGINES)
def test_an_altitude_that_is_not_known_cannot_be_excluded(engine: Engine) -> None:
    tracks = tracks_of((0.0, 0.0, 0.0, 0.0, 0.0, 0.0), (0.0, 0.01, 9_000.0, 0.0, 0.0, 0.0))
    unknown = replace(
        tracks, altitude_m=np.array([np.nan, 9_000.0]), vertical_error_m=np.array([np.inf, 0.0])
    )
    found = find_encounters(unknown, EN_ROUTE, engine=engine)
    assert pairs(found) == [(0, 1)]
    assert not found.is_nominal[0]
    assert np.isnan(found.dz_cpa_m[0])


@given(seed=st.integers(0, 2**32 - 1))
def test_with_errors_no_pair_is_missed_and_none_that_is_nominal_lost(seed: int) -> None:
    tracks = drawn(60, seed, **REGIONS["Europe"])
    draw = np.random.default_rng(seed)
    unsure = replace(
        tracks,
        age_s=draw.uniform(0.0, 30.0, 60),
        horizontal_error_m=draw.uniform(0.0, 8_000.0, 60),
        vertical_error_m=np.where(draw.random(60) < 0.1, np.inf, draw.uniform(0.0, 500.0, 60)),
    )
    found = find_encounters(unsure, EN_ROUTE)
    assert pairs(found) == pairs(all_pairs(unsure, EN_ROUTE))
    assert (found.t_in_inflated_s[found.is_nominal] <= found.t_in_s[found.is_nominal]).all()
    assert (found.t_out_inflated_s[found.is_nominal] >= found.t_out_s[found.is_nominal]).all()


def test_errors_grow_with_the_square_of_the_age() -> None:
    grown = grown_error_m(np.array([30.0]), np.array([10.0]), 1.5)
    assert grown.tolist() == [30.0 + 0.5 * 1.5 * 100.0]


# -- bad input --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("engine", ENGINES)
def test_nobody_meets_nobody(n: int, engine: Engine) -> None:
    assert (
        find_encounters(drawn(2, 0, **REGIONS["Europe"]).take(slice(0, n)), EN_ROUTE, engine=engine).a.size
        == 0
    )


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("latitude_deg", 90.5, "latitude_deg[1]: np.float64(90.5) is not within -90..90"),
        ("latitude_deg", np.nan, "latitude_deg[1]"),
        ("altitude_m", np.nan, "altitude_m[1]: it is not a number"),
        ("ground_speed_mps", -1.0, "ground_speed_mps[1]"),
        ("ground_speed_mps", np.inf, "ground_speed_mps[1]"),
        ("track_deg", 361.0, "track_deg[1]"),
        ("vertical_rate_mps", np.nan, "vertical_rate_mps[1]"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_with_their_row(column: str, value: float, told: str) -> None:
    names = (
        "latitude_deg",
        "longitude_deg",
        "altitude_m",
        "ground_speed_mps",
        "track_deg",
        "vertical_rate_mps",
    )
    columns = {name: np.zeros(3) for name in names}
    columns[column][1] = value
    with pytest.raises(InvalidValueError) as refused:
        TrackArrays(**columns)
    assert told.partition(":")[0] in str(refused.value)


@pytest.mark.parametrize("lateral_m", [0.0, -1.0, np.nan, np.inf])
def test_minima_that_make_no_sense_are_refused(lateral_m: float) -> None:
    with pytest.raises(InvalidValueError, match="lateral_m"):
        Minima(lateral_m=lateral_m, vertical_m=100.0)


def test_a_picture_whose_tracks_are_hardly_apart_has_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encounters, "ENCOUNTERS_MAX", 1_000)
    swarm = drawn(200, 0, lat=(35.0, 35.01), lng=(36.0, 36.01), speed_mps=1.0, top_m=10.0)
    with pytest.raises(TooManyEncountersError, match="judge a part of it"):
        find_encounters(swarm, EN_ROUTE)


def test_groups_need_to_fit_the_tracks() -> None:
    tracks = drawn(3, 0, **REGIONS["Europe"])
    two = np.ones((2, 2), dtype=np.bool_)
    for groups, judged in (
        (np.zeros(2, dtype=np.uint8), two),
        (np.full(3, 2, dtype=np.uint8), two),
        (np.zeros(3, dtype=np.uint8), np.array([[True, False], [True, True]])),
        (None, two),
    ):
        with pytest.raises(InvalidValueError):
            find_encounters(tracks, EN_ROUTE, groups=groups, judged=judged)
