"""The benchmarks of encounters: pictures that are always the same, and a brute force that is right.

Every suite runs, small; times are not checked. What would be a fault is made on purpose too, so that it is
known to be seen.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyproj import Geod

from bench import __main__ as command
from bench import bluesky_peer, encounter_accuracy, encounter_scenes, encounters, measure
from bench.encounter_scenes import EN_ROUTE, SCENES, Scene
from bench.encounter_truth import (
    Arcs,
    Geodesics,
    Outcome,
    compare,
    least,
    near_pairs,
    verdicts,
)
from bench.measure import Row
from bench.wheels import UnavailableError
from keepclear.core.encounters import Minima, find_encounters
from keepclear.core.index import Engine
from keepclear.core.motions import TrackArrays
from keepclear.core.well_clear import Earth, alert_levels

FOOT_M = 0.3048
KT_MPS = 1852.0 / 3600.0
GEOD = Geod(ellps="WGS84")


def two(
    apart_m: float,
    *,
    toward_deg: float = 90.0,
    tracks_deg: tuple[float, float] = (90.0, 270.0),
    speeds_mps: tuple[float, float] = (200.0, 200.0),
    altitudes_m: tuple[float, float] = (10_000.0, 10_000.0),
    rates_mps: tuple[float, float] = (0.0, 0.0),
    at: tuple[float, float] = (0.0, 0.0),
) -> TrackArrays:
    """Return two tracks, the second one that far from the first in a direction."""
    lng, lat, _ = GEOD.fwd(at[1], at[0], toward_deg, apart_m)
    return TrackArrays(
        latitude_deg=np.array([at[0], lat]),
        longitude_deg=np.array([at[1], lng]),
        altitude_m=np.array(altitudes_m),
        ground_speed_mps=np.array(speeds_mps),
        track_deg=np.array(tracks_deg),
        vertical_rate_mps=np.array(rates_mps),
    )


# -- pictures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_seed_makes_the_same_picture_and_another_makes_another(scene: Scene) -> None:
    made = encounter_scenes.digest(scene.draw(50, 3))

    assert encounter_scenes.digest(scene.draw(50, 3)) == made
    assert encounter_scenes.digest(scene.draw(50, 4)) != made


def test_europe_is_where_it_should_be_and_two_in_three_are_en_route() -> None:
    tracks = encounter_scenes.europe(2_000)

    assert tracks.latitude_deg.min() > 34.0
    assert tracks.latitude_deg.max() < 61.0
    level = tracks.altitude_m >= 24_400.0 * FOOT_M
    assert 0.6 < level.mean() < 0.75
    assert (tracks.ground_speed_mps[level] <= 501.0 * KT_MPS).all()


def test_tracks_round_the_antimeridian_and_the_poles_are_there() -> None:
    over = encounter_scenes.antimeridian(200, 1).longitude_deg
    assert (over > 180.0).any()
    assert (over < -170.0).any()
    assert (encounter_scenes.poles(300, 1).latitude_deg == 90.0).any()
    assert (encounter_scenes.poles(300, 2).latitude_deg == -90.0).any()


def test_many_levels_are_apart_by_1_000_ft_but_for_rounding_to_either_side() -> None:
    metres = np.arange(25, 42) * 1_000.0 * FOOT_M

    apart = np.diff(metres)

    assert (apart < 1_000.0 * FOOT_M).any()
    assert (np.abs(apart - 1_000.0 * FOOT_M) < 1e-9).all()


# -- brute force, by hand -------------------------------------------------------------------------


def verdict(tracks: TrackArrays, minima: Minima = EN_ROUTE) -> bool:
    right = verdicts(tracks, minima)
    assert right.certain == right.possible
    return bool(right.certain)


def test_two_head_on_on_the_equator_lose_separation_when_they_can_get_so_near() -> None:
    """They close 400 m/s x 300 s = 120 km, so 129.2 km apart is a loss of 9,260 m, and 129.3 km is none."""
    assert verdict(two(129_200.0))
    assert not verdict(two(129_300.0))


def test_levels_1_000_ft_apart_are_kept_and_999_ft_are_not() -> None:
    assert not verdict(two(0.0, altitudes_m=(33_000.0 * FOOT_M, 34_000.0 * FOOT_M)))
    assert verdict(two(0.0, altitudes_m=(33_000.0 * FOOT_M, 33_999.0 * FOOT_M)))


def test_two_of_one_velocity_stay_as_they_are() -> None:
    """A formation 5.001 NM apart is none, and one 4.999 NM apart is; so at once, as all the time."""
    for at in ((50.0, 5.0), (52.0, 179.99), (-89.9, 30.0)):
        still = {"speeds_mps": (0.0, 0.0), "at": at}
        assert verdict(two(4.999 * 1852.0, **still))  # type: ignore[arg-type]  # as they are named above
        assert not verdict(two(5.001 * 1852.0, **still))  # type: ignore[arg-type]


def test_both_minima_must_be_lost_at_one_instant() -> None:
    """They pass after 100 s. From 600 m above, sinking at 5 m/s, the other is in the level from 59.04 s until
    180.96 s, so they meet; at 2 m/s from 147.6 s on, when they are 2 x 200 x 47.6 = 19 km apart again.
    """
    assert verdict(two(40_000.0, altitudes_m=(10_000.0, 10_600.0), rates_mps=(0.0, -5.0)))
    assert not verdict(two(40_000.0, altitudes_m=(10_000.0, 10_600.0), rates_mps=(0.0, -2.0)))


def test_over_the_pole_is_a_straight_way() -> None:
    """Half a degree of latitude from the pole on either side, both to the north: they meet over it."""
    tracks = TrackArrays(
        latitude_deg=np.array([89.5, 89.5]),
        longitude_deg=np.array([10.0, -170.0]),
        altitude_m=np.full(2, 10_000.0),
        ground_speed_mps=np.full(2, 250.0),
        track_deg=np.zeros(2),
        vertical_rate_mps=np.zeros(2),
    )
    assert verdict(tracks)
    when, distance = least(
        lambda t: Arcs(tracks).lateral_m(np.array([0]), np.array([1]), t), np.zeros(1), np.full(1, 300.0)
    )
    assert when[0] == pytest.approx(55_847.0 / 250.0, abs=0.1)  # half a degree of meridian at the pole
    assert distance[0] < 1.0


def test_a_pair_at_a_minimum_is_certain_in_neither_way() -> None:
    still = two(9_260.0, speeds_mps=(0.0, 0.0), at=(40.0, 0.0))

    right = verdicts(still, EN_ROUTE)

    assert (len(right.certain), len(right.possible)) == (0, 1)


@pytest.mark.parametrize("scene", [SCENES[1], SCENES[2], SCENES[7]], ids=lambda scene: scene.name)
def test_pairs_that_are_left_out_are_far_apart_all_the_time(scene: Scene) -> None:
    tracks = scene.draw(30, 5)
    arcs = Arcs(tracks)
    left_out = set(zip(*np.triu_indices(30, 1), strict=True)) - set(
        zip(*near_pairs(tracks, scene.minima), strict=True)
    )
    a, b = np.array(sorted(left_out)).T

    closest = np.min(
        [arcs.lateral_m(a, b, np.full(len(a), t)) for t in np.linspace(0.0, scene.minima.lookahead_s, 200)],
        axis=0,
    )

    assert len(a) > 50
    assert (closest > scene.minima.lateral_m).all()


def test_arcs_are_as_far_apart_as_geodesics_are() -> None:
    """Within 20 km, that is: farther apart the straight way is shorter than the one over the surface."""
    tracks = encounter_accuracy.crossing(60.0, 0.0, 40, seed=1)
    a, b = np.arange(40), np.arange(40, 80)

    for after_s in (0.0, 60.0):
        now = np.full(40, after_s)
        arcs, geodesics = Arcs(tracks).lateral_m(a, b, now), Geodesics(tracks).lateral_m(a, b, now)
        near = geodesics < 20_000.0
        assert near.sum() > 20
        assert np.abs(arcs - geodesics)[near].max() < 0.02


def test_pairs_are_drawn_so_that_they_are_near_one_another_at_some_time() -> None:
    tracks = encounter_accuracy.crossing(80.0, 300.0, 40, seed=1)

    paths = Geodesics(tracks)
    _, distance = least(
        lambda t: paths.lateral_m(np.arange(40), np.arange(40, 80), t), np.zeros(40), np.full(40, 300.0)
    )

    assert distance.max() <= 10.0 * 1852.0


# -- faults that must be seen ---------------------------------------------------------------------


def outcome_of(changed: dict[str, float] | None = None, drop: int = 0, times: int = 1) -> Outcome:
    """Compare an answer that was changed: a number put into a column of the first, some rows dropped."""
    tracks, minima = encounter_scenes.crowded(80, 2), SCENES[1].minima
    found = find_encounters(tracks, minima, engine=Engine.PLAIN).take(slice(drop, None))
    found = found.take(np.tile(np.arange(len(found.a)), times))
    for name, value in (changed or {}).items():
        column = getattr(found, name).copy()
        column[0] = value
        found = found._replace(**{name: column})
    return compare(found, tracks, minima, verdicts(tracks, minima))


def test_an_answer_that_is_right_holds() -> None:
    outcome = outcome_of()

    assert outcome.holds
    assert outcome.found > 5
    assert outcome.pairs == 80 * 79 // 2


def test_what_is_missed_extra_or_told_twice_is_seen() -> None:
    assert outcome_of(drop=1).missed == 2  # nominal, and inflated
    assert outcome_of(times=2).extra > 0
    assert outcome_of({"b": 0.0}).extra > 0


@pytest.mark.parametrize(
    "changed",
    [
        {"t_in_s": 299.0, "t_out_s": np.inf},
        {"t_out_s": 599.0},
        {"t_out_inflated_s": 599.0},
        {"d_cpa_m": 1.0},
        {"dz_cpa_m": 400.0},
    ],
)
def test_a_wrong_time_or_distance_is_seen(changed: dict[str, float]) -> None:
    assert outcome_of(changed).wrong == 1


def test_a_peer_is_right_or_wrong_as_geodesics_say() -> None:
    tracks = two(129_200.0)
    found = find_encounters(tracks, EN_ROUTE)
    nothing = found.take(slice(0, 0))

    assert encounters.compared(tracks, EN_ROUTE, found, {(0, 1)}) == (
        "1 common, 0 only ours, 0 only theirs",
        "",
    )
    answer, note = encounters.compared(tracks, EN_ROUTE, found, set())
    assert measure.BROKEN not in answer
    assert note.startswith("geodesics decide 1 of 1 for us")
    answer, _ = encounters.compared(tracks, EN_ROUTE, nothing, {(0, 1)})
    assert f"{measure.BROKEN}: geodesics decide 1 against us" in answer


def test_levels_by_geodesics_are_those_of_the_rule() -> None:
    """Closing at 257 m/s from 14, 20 and 40 km: a warning, a corrective alert, and none yet."""
    pairs = [two(apart, tracks_deg=(90.0, 270.0), speeds_mps=(130.0, 127.0)) for apart in (14e3, 20e3, 40e3)]
    for tracks in pairs:
        told = alert_levels(tracks.take(slice(0, 1)), tracks.take(slice(1, 2)), earth=Earth.WGS84)
        assert encounter_accuracy.geodesic_levels(tracks, np.array([0]), np.array([1])) == told.level


# -- suites ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_encounters_are_measured_without_a_peer() -> None:
    rows: list[Row] = []

    encounters.bench_encounters(rows, peer=False, quick=True)

    whats = [row.what for row in rows]
    assert any(what.startswith("encounters, 500 over Europe") for what in whats)
    assert any("and one of 5,000 kt" in what for what in whats)
    assert not any("BlueSky" in what for what in whats)
    assert not any(word in row.answer for row in rows for word in (measure.BROKEN, measure.DIFFERENT))


@pytest.mark.slow
def test_accuracy_is_checked_and_holds() -> None:
    rows: list[Row] = []

    encounter_accuracy.bench_accuracy(rows, quick=True)

    assert [row.what for row in rows[: len(SCENES)]] == [f"exact, {scene.name}" for scene in SCENES]
    assert all(row.answer.startswith("0 missed, 0 extra") for row in rows[: len(SCENES)])
    assert rows[-2].what == "DAIDALUS, alert levels of DO-365B"
    assert not any(measure.BROKEN in row.answer for row in rows)


@pytest.mark.slow
def test_a_peer_that_cannot_be_had_is_said_to_be_and_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable() -> None:
        raise UnavailableError("no wheel for this Python")

    monkeypatch.setattr(bluesky_peer, "load", unavailable)
    monkeypatch.setattr(encounters, "_bogus", lambda *_: None)
    monkeypatch.setattr(encounters, "_memory", lambda *_: None)
    monkeypatch.setattr(measure, "CPU_RUNS", 1)
    rows: list[Row] = []

    encounters.bench_encounters(rows, quick=True)

    (row,) = (row for row in rows if "BlueSky" in row.what)
    assert row.note == "not available: no wheel for this Python"
    assert row.cpu_s is None


@pytest.mark.slow
def test_a_wheel_that_cannot_be_installed_is_unavailable_and_leaves_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bluesky_peer, "FOLDER", tmp_path / "peer")
    monkeypatch.setattr(bluesky_peer, "_REQUIREMENTS", tmp_path / "missing.txt")

    with pytest.raises(UnavailableError, match="cannot be installed"):
        bluesky_peer.load()

    assert not (tmp_path / "peer").exists()


def test_the_suites_run_alone_and_a_wrong_answer_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(rows: list[Row], *, quick: bool) -> None:
        rows.append(Row(what="exact, Europe", answer=f"1 missed, 0 extra of 5, {measure.BROKEN}"))

    monkeypatch.setattr(encounter_accuracy, "bench_accuracy", wrong)

    assert command.main(["--quick", "--only", "accuracy", "--peers", "bluesky"]) == 1
    assert "1 missed" in capsys.readouterr().out
