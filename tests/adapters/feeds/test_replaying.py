"""Replays: what was recorded comes again, once and in order, whatever the steps, seeks and speeds are."""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.clock import now
from keepclear.adapters.feeds import feeds as feeds_module
from keepclear.adapters.feeds import recorded_files
from keepclear.adapters.feeds.address import parse_feeds
from keepclear.adapters.feeds.feeds import Feeds
from keepclear.adapters.feeds.replaying import AHEAD_S_MAX, BATCH_MS, RecordedReports, Replay, ReplayClock
from keepclear.adapters.recording.limits import RecordingLimits
from keepclear.adapters.recording.recorder import Recorder
from keepclear.core.errors import InvalidValueError
from keepclear.core.feed_health import FeedState
from keepclear.core.recorded import RecordedCycle
from keepclear.core.reports import Report, Reports, gather
from tests.adapters.feeds.feeding import AT_MS, Taken, line
from tests.virtual_loop import VirtualLoop


class Seconds:
    """Real time that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def recorded(*times_ms: int, source: str = "a") -> RecordedReports:
    rows = [Report(f"name:{n}", AT_MS + ms, 46.0, 7.0) for n, ms in enumerate(sorted(times_ms))]
    reports = gather(source, rows, 0).reports
    return RecordedReports(_received_at_once(reports))


def _received_at_once(reports: Reports) -> Reports:
    return replace(reports, received_ms=reports.at_ms)


def times(batches: list[Reports]) -> list[int]:
    return [ms - AT_MS for batch in batches for ms in batch.at_ms.tolist()]


# -- stepping -----------------------------------------------------------------------------------------


def test_reports_come_once_up_to_an_instant_in_batches_of_a_second() -> None:
    replay = Replay([recorded(0, 500, 1000, 1500, 4000)])
    assert times(replay.until(AT_MS + 1000)) == [0, 500, 1000]
    assert times(replay.until(AT_MS + 1000)) == []
    rest = replay.until(AT_MS + 10_000)
    assert [times([batch]) for batch in rest] == [[1500], [4000]]
    assert replay.has_ended


@given(
    st.lists(st.lists(st.integers(0, 20_000), min_size=1, max_size=20), min_size=1, max_size=3),
    st.lists(st.integers(0, 25_000), max_size=10),
    st.booleans(),
)
def test_however_it_is_stepped_the_same_comes_in_the_order_of_time(
    recordings: list[list[int]], steps: list[int], is_looped: bool
) -> None:
    def given_by(steps: list[int]) -> list[tuple[str, str, int]]:
        replay = Replay(
            [recorded(*each, source=str(n)) for n, each in enumerate(recordings)], is_looped=is_looped
        )
        found: list[tuple[str, str, int]] = []
        for step in (*sorted(steps), 50_000):
            batches = replay.until(AT_MS + step)
            for batch in batches:
                assert batch.at_ms.max() - batch.at_ms.min() < BATCH_MS
                assert (batch.at_ms == batch.received_ms).all()
                found += [
                    (batch.source, one, ms) for one, ms in zip(batch.ids, batch.at_ms.tolist(), strict=True)
                ]
        return found

    at_once, stepped = given_by([]), given_by(steps)
    assert sorted(at_once) == sorted(stepped)
    for source in range(len(recordings)):
        in_order = [ms for name, _, ms in stepped if name == str(source)]
        assert in_order == sorted(in_order)
    if not is_looped:
        assert len(at_once) == sum(map(len, recordings))


def test_a_loop_goes_on_in_times_that_never_run_backwards() -> None:
    replay = Replay([recorded(0, 4000)], is_looped=True)
    assert times(replay.until(AT_MS + 14_000)) == [0, 4000, 5000, 9000, 10_000, 14_000]
    assert (replay.pass_number, replay.has_ended) == (2, False)


def test_a_seek_goes_on_from_an_instant_back_and_forth() -> None:
    replay = Replay([recorded(0, 1000, 2000, 3000)])
    replay.until(AT_MS + 3000)
    replay.seek(AT_MS + 1000)
    assert replay.clock.now_ms() == AT_MS + 1000
    assert times(replay.until(AT_MS + 2000)) == [1000, 2000]
    replay.seek(AT_MS - 50_000)
    assert times(replay.until(AT_MS)) == [0]
    replay.seek(AT_MS + 50_000)
    assert times(replay.until(AT_MS + 50_000)) == [3000]


def test_a_part_of_a_recording_is_replayed() -> None:
    replay = Replay([recorded(0, 1000, 2000, 3000)], from_ms=AT_MS + 1000, to_ms=AT_MS + 2500)
    assert times(replay.until(AT_MS + 9000)) == [1000, 2000]
    with pytest.raises(
        InvalidValueError, match="nothing was recorded then; the recording is from 2023-11-14T22"
    ):
        Replay([recorded(0, 1000)], from_ms=AT_MS + 1001)


def test_a_recording_of_years_is_only_replayed_in_parts() -> None:
    years_ms = 10 * 365 * 86_400_000
    with pytest.raises(InvalidValueError, match="it is over 31 days from 2023-11-14T22:13:20Z to 2033"):
        Replay([recorded(0, years_ms)])
    assert times(Replay([recorded(0, years_ms)], to_ms=AT_MS + 10).until(AT_MS + 10)) == [0]


# -- the clock ----------------------------------------------------------------------------------------


def test_the_clock_runs_at_its_speed_stops_and_goes_on() -> None:
    seconds = Seconds()
    clock = ReplayClock(AT_MS, 10.0, seconds)
    seconds.now_s = 1.0
    assert clock.now_ms() == AT_MS + 10_000
    clock.pause()
    seconds.now_s = 5.0
    assert clock.now_ms() == AT_MS + 10_000
    clock.resume()
    clock.speed = 2.0
    seconds.now_s = 6.0
    assert clock.now_ms() == AT_MS + 12_000
    assert clock.now().timestamp() * 1000 == AT_MS + 12_000
    with pytest.raises(InvalidValueError, match="speed"):
        clock.speed = float("nan")


def test_the_clock_waits_for_what_is_given_and_then_does_not_jump() -> None:
    seconds = Seconds()
    replay = Replay([recorded(0, 100_000)], monotonic=seconds)
    seconds.now_s = 10.0
    assert replay.clock.now_ms() == AT_MS
    replay.until(AT_MS)
    seconds.now_s = 10.4
    assert replay.clock.now_ms() == AT_MS + 400
    seconds.now_s = 50.0
    assert replay.clock.now_ms() == AT_MS + max(BATCH_MS, AHEAD_S_MAX * 1000)
    replay.until(AT_MS + 1000)
    seconds.now_s = 50.25
    assert replay.clock.now_ms() == AT_MS + 1250


def test_the_clock_does_not_drift_however_often_it_is_held() -> None:
    seconds = Seconds()
    clock = ReplayClock(AT_MS, 0.3, seconds)
    for _ in range(10_000):
        seconds.now_s += 0.001
        clock.hold_at(clock.now_ms() + 1000)
    assert abs(clock.now_ms() - (AT_MS + 3000)) <= 1


def test_the_clock_stops_at_the_end() -> None:
    seconds = Seconds()
    replay = Replay([recorded(0, 300)], monotonic=seconds)
    replay.until(AT_MS)
    seconds.now_s = 50.0
    assert replay.clock.now_ms() == AT_MS + 300


# -- feeds that are recordings ------------------------------------------------------------------------


def written(path: Path, *times_ms: int) -> Path:
    path.write_bytes(b"".join(line(f"name:{ms}", AT_MS + ms) for ms in times_ms))
    return path


def test_feeds_are_stepped_without_waiting(tmp_path: Path) -> None:
    taken = Taken()
    texts = [
        f"b={written(tmp_path / 'b.ndjson', 500, 40_000)}",
        f"a={written(tmp_path / 'a.ndjson', 0)}?party=north",
    ]
    feeds = Feeds(parse_feeds(texts), now, taken)
    assert feeds.replay is not None
    assert feeds.replay.clock.now_ms() == AT_MS
    batches = feeds.until(AT_MS + 1000)
    assert batches == taken.batches
    assert taken.ids() == ["name:500", "name:0"]
    assert taken.batches[1].parties == ("north",)
    assert [health.state for health in feeds.health()] == [FeedState.LIVE, FeedState.LIVE]
    assert feeds.replay.clock.now_ms() == AT_MS + 1000
    feeds.until(AT_MS + 20_000)
    health = feeds.health()[0]
    assert (health.state, health.since_ms) == (FeedState.SILENT, AT_MS + 16_000)
    feeds.until(AT_MS + 50_000)
    assert {health.state for health in feeds.health()} == {FeedState.ENDED}
    assert feeds.has_ended
    feeds.seek(AT_MS)
    assert not feeds.has_ended
    feeds.until(AT_MS + 500)
    assert [health.state for health in feeds.health()] == [FeedState.LIVE, FeedState.LIVE]


def test_feeds_replay_at_their_speed_in_the_time_of_the_recording(tmp_path: Path) -> None:
    loop = VirtualLoop()
    path = written(tmp_path / "a.ndjson", *range(0, 100_001, 1000))
    came: list[tuple[float, int]] = []

    def take(reports: Reports) -> None:
        assert feeds.replay is not None
        assert feeds.replay.clock.now_ms() >= reports.at_ms.max()
        came.extend((loop.time(), ms - AT_MS) for ms in reports.at_ms.tolist())

    feeds = Feeds(parse_feeds([f"{path}?speed=10"]), now, take, monotonic=loop.time)

    async def main() -> None:
        task = asyncio.ensure_future(feeds.run())
        while not feeds.has_ended:
            await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    assert [ms for _, ms in came] == list(range(0, 100_001, 1000))
    for at_s, ms in came:
        assert -0.001 <= at_s - ms / 10_000 <= 2 * feeds_module.HAND_OVER_S + 0.001


def test_a_replay_whose_reports_cannot_be_taken_goes_on_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def take(_: Reports) -> None:
        raise RuntimeError("by a fault")

    feeds = Feeds(parse_feeds([str(written(tmp_path / "a.ndjson", 0, 1))]), now, take)
    feeds.until(AT_MS + 10)
    assert "could not be taken" in str(feeds.health()[0].last_problem)
    assert "reports could not be taken" in caplog.text


def kept(folder: Path, *batches: list[int]) -> Path:
    """Record reports that were received at some times, each list together, and cycles between them."""
    recorder = Recorder(folder, RecordingLimits(), now, party="north")
    for number, batch in enumerate(batches):
        rows = [Report(f"name:{ms}", AT_MS + ms, 46.0, 7.0) for ms in batch]
        recorder.write(_received_at_once(gather(f"source-{number}", rows, 0).reports))
        recorder.write(RecordedCycle(at_ms=AT_MS + max(batch), track_count=1))
    recorder.close()
    return folder


def test_what_a_watch_has_recorded_is_replayed_as_it_came(tmp_path: Path) -> None:
    folder = kept(tmp_path / "kept", [0, 100], [900, 1500], [1200, 2500], [9000])
    (file,) = folder.glob("*.kcr")
    for address in (f"{folder}?format=kcr", str(file)):
        taken = Taken()
        feeds = Feeds(parse_feeds([address]), now, taken)
        feeds.until(AT_MS + 1000)
        assert taken.ids() == ["name:0", "name:100", "name:900"]
        assert [batch.source for batch in taken.batches] == ["source-0", "source-1"]
        feeds.until(AT_MS + 2000)
        assert taken.ids()[3:] == ["name:1500", "name:1200"]
        feeds.seek(AT_MS + 1000)
        taken.batches.clear()
        feeds.until(AT_MS + 20_000)
        assert sorted(taken.ids()) == ["name:1200", "name:1500", "name:2500", "name:9000"]
        assert feeds.health()[0].state is FeedState.ENDED
        assert feeds.health()[0].problems == ()


def test_what_is_damaged_of_a_recording_is_told(tmp_path: Path) -> None:
    (file,) = kept(tmp_path, [0], [1000]).glob("*.kcr")
    file.write_bytes(file.read_bytes()[:-20])
    feeds = Feeds(parse_feeds([str(file)]), now, Taken())
    feeds.until(AT_MS + 20_000)
    assert "are skipped" in str(feeds.health()[0].last_problem)


def test_a_recording_without_a_report_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    kept(tmp_path, [0])
    (tmp_path / "other.kcr").write_bytes(b"something else")
    (tmp_path / "empty").mkdir()
    for name in ("other.kcr", "none.kcr", "empty?format=kcr"):
        with pytest.raises(InvalidValueError):
            Feeds(parse_feeds([f"{tmp_path}/{name}"]), now, Taken())


def test_recordings_are_replayed_by_the_same_options(tmp_path: Path) -> None:
    path = written(tmp_path / "a.ndjson", 0)
    with pytest.raises(InvalidValueError, match="speed: recordings are replayed together"):
        Feeds(parse_feeds([f"{path}?speed=2", f"{path}?speed=3"]), now, Taken())


# -- files --------------------------------------------------------------------------------------------


def opened(path: Path) -> Feeds:
    return Feeds(parse_feeds([str(path)]), now, Taken())


def test_files_are_read_plain_and_packed_in_the_order_of_time(tmp_path: Path) -> None:
    plain = written(tmp_path / "a.ndjson", 3, 1, 2)
    packed = tmp_path / "a.ndjson.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        feeds = opened(path)
        assert times(feeds.until(AT_MS + 10)) == [1, 2, 3]
        assert feeds.health()[0].bytes_count == plain.stat().st_size


def test_tables_and_tracks_as_json_are_read_alike(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text(f"id,at_ms,lat,lng\nicao:4b1814,{AT_MS + 5},46.5,7.0\n")
    tracks = tmp_path / "a.json.gz"
    row = {"timestamp": AT_MS + 5, "icao24": "4b1814", "latitude": 46.5, "longitude": 7.0}
    tracks.write_bytes(gzip.compress(json.dumps([row]).encode()))
    for path in (table, tracks):
        (batch,) = opened(path).until(AT_MS + 10)
        assert (batch.ids, times([batch])) == (("icao:4b1814",), [5])


def test_what_cannot_be_used_of_a_file_is_counted(tmp_path: Path) -> None:
    path = written(tmp_path / "a.ndjson", 1)
    path.write_bytes(path.read_bytes() + b"{}\n" + line("name:b", AT_MS, lat=99.0))
    health = opened(path).health()[0]
    assert (health.malformed_count, health.refused_count) == (1, 1)
    assert len(health.samples) == 2


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.ndjson", None, "there is no such file"),
        ("a.ndjson", b"", "there is no report in it that can be used: it is empty"),
        ("a.ndjson", b"{}\n", "there is no report in it that can be used"),
        ("a.ndjson.gz", gzip.compress(line("name:a"))[:-9], "it is not whole"),
        (
            "a.ndjson.gz",
            gzip.compress(line("name:a")) + b"more",
            "it is not whole, or was not packed by gzip",
        ),
        ("a.ndjson.gz", gzip.compress(bytes(20_000)), "over the limit of 10,000 bytes, unpacked"),
        ("a.ndjson", b"".join(line(f"name:{n}") for n in range(30)), "it holds over 20 reports; split it"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(
    name: str, data: bytes | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_files, "RECORDED_BYTES_MAX", 10_000)
    monkeypatch.setattr(recorded_files, "RECORDED_REPORTS_MAX", 20)
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(InvalidValueError, match=told) as refused:
        opened(path)
    assert refused.value.field == str(path)
