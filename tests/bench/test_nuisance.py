"""The benchmark of false alerts: its tracks, how it counts, and that ours is what its measures say.

The real tracks are not in the repository: small made-up ones stand for them, in the same file format.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import __main__ as command
from bench import alert_measures, measure, nuisance, real_tracks
from bench.alert_measures import Pairs
from bench.measure import Row
from bench.wheels import UnavailableError


def flight(
    name: str, *, start_s: float, lat: float, lng: float, track_deg: float, altitude_ft: float = 35_000.0,
    rate_fpm: float = 0.0, rows: int = 60,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the rows of a flight that flies 480 kt north or south, one every ten seconds."""
    north = 1.0 if track_deg == 0.0 else -1.0
    return [
        {
            "timestamp": 1_533_099_600_000 + round(start_s * 1_000.0) + k * 10_000,
            "altitude": altitude_ft + rate_fpm * k / 6.0,
            "callsign": name,
            "groundspeed": 480.0,
            "icao24": name,
            "latitude": lat + north * k * 480.0 / 360.0 / 60.0,
            "longitude": lng,
            "track": track_deg,
            "vertical_rate": rate_fpm,
        }
        for k in range(rows)
    ]


def written(path: Path, *flights: list[dict[str, Any]]) -> Path:
    rows = [row for each in flights for row in each]
    path.write_bytes(gzip.compress(json.dumps(rows).encode()))
    return path


@pytest.fixture
def head_on(tmp_path: Path) -> Path:
    """Return a file of two flights that meet head on after five minutes, and of one far away."""
    return written(
        tmp_path / "tracks.json.gz",
        flight("aaaaaa", start_s=0.0, lat=46.0, lng=8.0, track_deg=0.0),
        flight("bbbbbb", start_s=0.0, lat=47.3, lng=8.0, track_deg=180.0),
        flight("cccccc", start_s=30.0, lat=46.0, lng=12.0, track_deg=0.0),
    )


# -- tracks ------------------------------------------------------------------------------------------


def test_flights_are_read_in_the_order_of_their_beginnings(tmp_path: Path) -> None:
    later = flight("aaaaaa", start_s=3_600.0, lat=46.0, lng=8.0, track_deg=0.0, rows=7)
    path = written(
        tmp_path / "t.json.gz",
        later,
        flight("bbbbbb", start_s=100.0, lat=46.0, lng=8.0, track_deg=0.0, rows=7),
        flight("aaaaaa", start_s=0.0, lat=46.0, lng=8.0, track_deg=0.0, rows=7),
    )

    flights = real_tracks.read(path)

    assert flights.begin_s.tolist() == [0.0, 100.0, 3_600.0]  # one aircraft, two flights
    assert flights.first.tolist() == [0, 7, 14, 21]
    assert flights.hours == pytest.approx(3 * 60.0 / 3_600.0)
    assert flights.delayed(50.0, 1).begin_s.tolist() == [0.0, 150.0, 3_600.0]
    assert flights.delayed(50.0, 0).begin_s.tolist() == [50.0, 100.0, 3_650.0]


def test_pictures_hold_who_flies_then_between_two_rows(head_on: Path) -> None:
    flights = real_tracks.read(head_on)

    moments = list(real_tracks.moments(flights))

    assert [moment.at_s for moment in moments[:3]] == [0.0, 5.0, 10.0]
    assert sorted(moments[0].flight.tolist()) == [0, 1]
    assert sorted(moments[6].flight.tolist()) == [0, 1, 2]
    assert sorted(moments[-1].flight.tolist()) == [2]
    one = np.flatnonzero(moments[1].flight == 0)
    assert moments[1].age_s[one] == 5.0
    assert moments[1].latitude_deg[one] == pytest.approx(46.0 + 0.5 * 480.0 / 360.0 / 60.0)


def test_the_altitude_before_is_that_of_then_or_of_the_beginning(tmp_path: Path) -> None:
    rows = flight("aaaaaa", start_s=0.0, lat=46.0, lng=8.0, track_deg=0.0, rate_fpm=600.0)
    flights = real_tracks.read(written(tmp_path / "t.json.gz", rows))
    for moment in real_tracks.moments(flights):
        before_ft, back_s = real_tracks.altitude_before_ft(flights, moment, 30.0)
        assert back_s.tolist() == [min(30.0, moment.at_s)]
        np.testing.assert_allclose(before_ft, 35_000.0 + 10.0 * (moment.at_s - back_s))


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"{}"), gzip.compress(b'[{"timestamp":1}]')])
def test_a_file_that_is_something_else_is_not_available(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.json.gz"
    path.write_bytes(content)

    with pytest.raises(UnavailableError, match="cannot be read"):
        real_tracks.read(path)


def test_without_the_file_the_row_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable() -> Path:
        raise UnavailableError("it cannot be installed: no network")

    monkeypatch.setattr(real_tracks, "find", unavailable)
    rows: list[Row] = []

    nuisance.bench_nuisance(rows)

    assert len(rows) == 1
    assert "no network" in rows[0].note
    assert "--tracks" in rows[0].note


# -- counting ----------------------------------------------------------------------------------------


def pairs(numbers: list[int], **given: Any) -> Pairs:
    """Return rows of one pair, 1,000 ft apart, level, laterally lost from 100 s on."""
    m = len(numbers)
    columns: dict[str, Any] = {
        "number": np.array(numbers),
        "pair": np.zeros(m, dtype=np.int64),
        "t_in_s": np.full(m, 100.0),
        "t_out_s": np.full(m, 150.0),
        "altitude_ft": np.array([[35_000.0, 36_000.0]] * m),
        "rate_fpm": np.zeros((m, 2)),
        "slope_fpm": np.zeros((m, 2)),
    }
    return Pairs(**columns | given)


def test_a_pause_of_more_than_a_minute_is_another_episode() -> None:
    some = pairs([0, 12, 25, 26, 2_000])

    hours = alert_measures.episode_hours(some, np.ones(5, dtype=np.bool_))

    assert hours.tolist() == [0, 0, 2]


def test_another_pair_is_another_episode_and_none_is_none() -> None:
    some = pairs([0, 1])._replace(pair=np.array([0, 1]))

    assert len(alert_measures.episode_hours(some, np.ones(2, dtype=np.bool_))) == 2
    assert len(alert_measures.episode_hours(some, np.zeros(2, dtype=np.bool_))) == 0


def test_a_loss_is_entered_when_both_minima_are() -> None:
    climbing = np.array([[2_000.0, 0.0]])  # 200 ft to 800 ft apart in 6 s, through in 54 s

    assert pairs([0]).entry_s(climbing).tolist() == [np.inf]
    early = pairs([0], t_in_s=np.array([3.0]))
    assert early.entry_s(climbing) == pytest.approx([6.0])
    assert pairs([0]).entry_s(np.array([[400.0, 0.0]])) == pytest.approx([100.0])
    assert pairs([0]).entry_s(np.zeros((1, 2))).tolist() == [np.inf]


def test_two_of_four_pictures_confirm_and_what_is_near_needs_none() -> None:
    some = pairs([0, 1, 4, 5, 9])
    entry_s = np.array([80.0, np.inf, 80.0, 80.0, 20.0])

    assert alert_measures.confirmed(some, entry_s, -1.0).tolist() == [False, False, False, True, False]
    assert alert_measures.confirmed(some, entry_s, 30.0).tolist() == [False, False, False, True, True]


def test_rates_are_level_when_slow_and_the_lesser_of_two() -> None:
    assert alert_measures.level_fpm(np.array([299.0, -299.0, 300.0])).tolist() == [0.0, 0.0, 300.0]
    rates, slopes = np.array([900.0, -900.0, 900.0]), np.array([500.0, -950.0, -1.0])
    assert alert_measures.lesser_fpm(rates, slopes).tolist() == [500.0, -900.0, 0.0]


def test_a_late_loss_of_a_climb_is_doubted_and_a_near_one_is_not() -> None:
    some = pairs([0, 1], rate_fpm=np.array([[400.0, 0.0]] * 2))

    assert alert_measures.doubted(some, np.array([80.0, 70.0])).tolist() == [np.inf, 70.0]


def test_how_early_a_true_loss_is_warned_of_counts_from_its_episode(head_on: Path) -> None:
    flights = real_tracks.read(head_on)
    some = alert_measures.pairs_of(flights)
    lost = int(some.number[np.flatnonzero(some.is_lost)[0]])
    early = (some.number >= lost - 10) & (some.number < lost - 4)

    assert alert_measures.leads_of(flights, some, early).lead_s.tolist() == [50.0]
    assert alert_measures.leads_of(flights, some, np.zeros_like(early)).lead_s.tolist() == [-1.0]
    assert alert_measures.leads_of(flights, some, np.zeros_like(early)).late_count == int(some.is_lost.sum())
    assert alert_measures.leads_of(flights, some, some.is_lost).lead_s.tolist() == [-1.0]


def test_a_loss_of_what_was_hardly_seen_before_does_not_count(tmp_path: Path) -> None:
    path = written(
        tmp_path / "t.json.gz",
        flight("aaaaaa", start_s=0.0, lat=46.0, lng=8.0, track_deg=0.0),
        flight("bbbbbb", start_s=270.0, lat=47.3, lng=8.0, track_deg=180.0),
    )
    flights = real_tracks.read(path)
    some = alert_measures.pairs_of(flights)
    assert some.is_lost.any()

    assert len(alert_measures.leads_of(flights, some, some.is_lost).lead_s) == 0


# -- ours --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ours_opens_where_its_measures_say_and_is_never_late(head_on: Path) -> None:
    flights = real_tracks.read(head_on)
    some = alert_measures.pairs_of(flights)

    is_open, _ = nuisance.ours(flights, some)

    measured = alert_measures.MEASURES[-1][1](some)
    assert (is_open >= measured).all()  # it is open a while after it was found, too
    assert np.flatnonzero(is_open)[0] == np.flatnonzero(measured)[0]
    leads = alert_measures.leads_of(flights, some, is_open)
    assert leads.late_count == 0
    assert leads.lead_s[0] >= 110.0


@pytest.mark.slow
def test_a_whole_watch_tells_the_same_episode(head_on: Path) -> None:
    assert nuisance.watched(real_tracks.read(head_on))[0] == 1


@pytest.mark.slow
def test_the_suite_prints_a_row_for_each_measure(head_on: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--quick", "--only", "nuisance", "--tracks", str(head_on), "--peers", "none"]) == 0

    text = capsys.readouterr().out
    assert "1 episodes, 1 in even hours, 0 in odd" in text
    assert text.count("false alerts: ") == len(alert_measures.MEASURES) + 2
    assert measure.BROKEN not in text
