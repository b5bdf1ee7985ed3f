"""The recorder and the reader: bounded, honest about what is missing, and never in the way of the watch."""

from __future__ import annotations

import errno
import os
from datetime import timedelta
from pathlib import Path

import pytest

from keepclear.adapters.recording import recorder as recorder_module
from keepclear.adapters.recording.limits import RecordingLimits
from keepclear.adapters.recording.reader import Recording
from keepclear.adapters.recording.recorder import RETRY_MS, Recorder
from keepclear.adapters.recording.segments import SEGMENT_MS, segment_in, segments_of
from keepclear.core.errors import InvalidValueError
from keepclear.core.recorded import Entry, RecordedCycle, RecordedEvent, RecordedNote
from keepclear.core.reports import Report, Reports, gather
from keepclear.core.times import floor_ms, instant_of
from keepclear.testing.clock import ManualClock
from tests.strategies import NOON
from tests.strategies_reports import same_entries

NOON_MS = floor_ms(NOON)


def seen(at_ms: int, n: int = 3, name: str = "track") -> Reports:
    rows = [Report(f"{name}:{k}", at_ms, 35.0 + k / 1e5, 36.0) for k in range(n)]
    return gather("radar-1", rows, at_ms).reports


class Place:
    """A folder with a recorder, and a clock that is moved by hand."""

    def __init__(self, folder: Path, **limits: float) -> None:
        self.folder = folder
        self.clock = ManualClock(NOON)
        self.limits = RecordingLimits(**limits)  # type: ignore[arg-type]
        self.recorder = self.start()

    def start(self) -> Recorder:
        return Recorder(self.folder, self.limits, self.clock.now, party="alpha", node="test")

    @property
    def now_ms(self) -> int:
        return floor_ms(self.clock.now())

    def second(self, *entries: Entry, after_s: float = 1.0) -> None:
        """Give entries, flush, and let time pass."""
        for entry in entries:
            self.recorder.write(entry)
        self.recorder.flush()
        self.clock.advance(after_s)

    def names(self) -> list[str]:
        return [each.path.name for each in segments_of(self.folder)]

    def read(self) -> list[Entry]:
        return list(Recording(self.folder).read())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "recordings")


def test_what_is_given_is_read_again_while_the_recorder_still_runs(place: Place) -> None:
    entries: list[Entry] = [
        seen(NOON_MS),
        RecordedCycle(at_ms=NOON_MS + 900, track_count=3),
        seen(NOON_MS + 950),
    ]
    place.second(*entries)
    assert same_entries(place.read(), entries)
    assert place.names() == ["20260501T120000Z.kcr"]
    assert place.recorder.fault is None
    (span,) = Recording(place.folder).spans()
    assert (span.from_ms, span.to_ms, span.report_count) == (NOON_MS, NOON_MS + 950, 6)
    assert Recording(place.folder).party() == "alpha"


def test_nothing_is_written_where_nothing_was_given(place: Place) -> None:
    place.second()
    assert not place.folder.exists()
    place.recorder.close()
    with pytest.raises(InvalidValueError, match="no such folder"):
        Recording(place.folder)


def test_a_segment_is_begun_every_ten_minutes_and_in_a_second_start_of_one_second(place: Place) -> None:
    place.second(seen(place.now_ms), after_s=SEGMENT_MS / 1_000 - 1)
    place.second(seen(place.now_ms))
    assert len(place.names()) == 1
    place.second(seen(place.now_ms), after_s=0.0)
    place.recorder.close()
    place.recorder = place.start()
    place.second(seen(place.now_ms))
    assert place.names() == ["20260501T120000Z.kcr", "20260501T121000Z.kcr", "20260501T121000Z-2.kcr"]
    assert len(place.read()) == 4


def test_only_what_was_received_between_two_instants_is_read(place: Place) -> None:
    for _ in range(5):
        place.second(seen(place.now_ms))
    found = list(Recording(place.folder).read(NOON_MS + 1_000, NOON_MS + 3_000))
    assert [int(each.at_ms[0]) - NOON_MS for each in found if isinstance(each, Reports)] == [1000, 2000, 3000]
    event = RecordedEvent(at_ms=NOON_MS + 2_000, what="alert", text=b"{}")
    place.second(event)
    assert list(Recording(place.folder).read(with_reports=False)) == [event]
    file = segments_of(place.folder)[0].path
    file.write_bytes(file.read_bytes()[:-1])  # torn: it is read as a whole, and the event breaks off
    recording = Recording(place.folder)
    assert list(recording.read(with_reports=False)) == []
    assert [each.is_torn for each in recording.damages] == [True]


# -- crashes and damage -----------------------------------------------------------------------------


def test_a_crash_loses_what_was_not_flushed_and_what_breaks_off_is_told(place: Place) -> None:
    place.second(seen(NOON_MS))
    place.second(seen(NOON_MS + 1_000, name="torn"))
    place.recorder.write(seen(NOON_MS + 2_000))  # and then the machine is gone
    file = segments_of(place.folder)[0].path
    file.write_bytes(file.read_bytes()[:-5])
    recording = Recording(place.folder)
    assert same_entries(list(recording.read()), [seen(NOON_MS)])
    (damage,) = recording.damages
    assert damage.is_torn
    assert str(damage).startswith("20260501T120000Z.kcr: ")
    assert str(damage).endswith("are skipped: the last frame breaks off")
    place.recorder = place.start()
    place.second(seen(place.now_ms))
    assert len(list(Recording(place.folder).read())) == 2


def test_a_damaged_frame_in_the_middle_is_skipped_counted_and_not_believed(place: Place) -> None:
    for _ in range(3):
        place.second(seen(place.now_ms))
    place.recorder.close()
    file = segments_of(place.folder)[0].path
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    recording = Recording(place.folder)
    for _ in range(2):  # each damage is told once
        assert len(list(recording.read())) == 2
        assert [each.is_torn for each in recording.damages] == [False]
    assert recording.damage_count == 1
    assert recording.spans()[0].report_count in {6, 9}  # a good head is believed for what it is


def test_what_is_no_recording_is_told_and_the_others_are_read(place: Place, tmp_path: Path) -> None:
    place.second(seen(NOON_MS))
    (place.folder / "20260501T110000Z.kcr").write_bytes(b"something else")
    (place.folder / "20260231T110000Z.kcr").write_bytes(b"no such day")
    (place.folder / "notes.txt").write_text("mine")
    recording = Recording(place.folder)
    assert len(list(recording.read())) == 1
    assert len(recording.spans()) == 1
    assert [each.reason for each in recording.damages] == ["this is no recording of Keepclear"]
    with pytest.raises(InvalidValueError, match="no recording of Keepclear"):
        Recording(place.folder / "notes.txt")


def test_one_file_is_read_alone(place: Place) -> None:
    place.second(seen(NOON_MS))
    assert same_entries(list(Recording(segments_of(place.folder)[0].path).read()), [seen(NOON_MS)])


# -- faults -----------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_is_a_fault_that_is_shown_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("a file stands here")
    place = Place(tmp_path / "recordings")
    place.second(seen(place.now_ms))
    assert "cannot be written" in (place.recorder.fault or "")
    assert place.recorder.dropped_count == 3
    (tmp_path / "recordings").unlink()
    place.second(seen(place.now_ms))
    assert place.recorder.fault is not None  # it is not tried again at once
    assert place.recorder.dropped_count == 6
    place.clock.advance(RETRY_MS / 1_000)
    place.second(seen(place.now_ms))
    assert place.recorder.fault is None
    note, reports = place.read()
    assert isinstance(note, RecordedNote)
    assert note.text.startswith("nothing was recorded since 2026-05-01T12:00:00Z, 6 entries are missing: ")
    assert isinstance(reports, Reports)


def test_a_disk_that_is_full_in_the_middle_of_a_frame_leaves_no_half_of_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.second(seen(NOON_MS))
    before = segments_of(place.folder)[0].size

    def full(file: int, data: bytes) -> None:
        os.write(file, data[:40])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(recorder_module, "_write_all", full)
        place.second(seen(place.now_ms))
    assert "No space left on device" in (place.recorder.fault or "")
    assert segments_of(place.folder)[0].size == before
    recording = Recording(place.folder)
    assert len(list(recording.read())) == 1
    assert not recording.damages
    place.clock.advance(60.0)
    place.second(seen(place.now_ms))
    assert place.recorder.fault is None
    assert [type(each).__name__ for each in place.read()] == ["Reports", "RecordedNote", "Reports"]


def test_a_disk_that_is_full_all_the_time_leaves_no_empty_files(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(recorder_module, "_write_all", full)
        for _ in range(5):
            place.second(seen(place.now_ms), after_s=60.0)
    assert place.names() == []
    assert place.recorder.dropped_count == 15


def test_a_clock_that_steps_back_does_not_keep_a_fault_for_ever(place: Place) -> None:
    place.folder.parent.mkdir(exist_ok=True)
    place.folder.write_text("a file")
    place.second(seen(place.now_ms))
    place.folder.unlink()
    place.clock.set(NOON - timedelta(hours=1))
    place.second(seen(place.now_ms))
    assert place.recorder.fault is None


def test_more_than_the_queue_holds_is_not_recorded_and_that_is_recorded(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "QUEUE_REPORTS_MAX", 10)
    place.second(*[seen(NOON_MS + k, n=4) for k in range(5)])
    assert place.recorder.dropped_count == 12
    note = place.read()[0]
    assert isinstance(note, RecordedNote)
    assert "12 reports or other entries before this are missing" in note.text
    place.second(seen(place.now_ms))
    assert len([each for each in place.read() if isinstance(each, RecordedNote)]) == 1


def test_what_cannot_be_written_does_not_keep_the_rest_out(place: Place) -> None:
    bad = RecordedEvent(at_ms=2**70, what="feed", text=b"{}")
    place.second(seen(NOON_MS), bad, seen(NOON_MS + 1))
    assert len(place.read()) == 2
    assert place.recorder.dropped_count == 1


# -- what is kept -----------------------------------------------------------------------------------


def days(place: Place, count: int) -> None:
    """Record a little in each of so many segments."""
    for _ in range(count):
        place.second(seen(place.now_ms), after_s=SEGMENT_MS / 1_000)


def test_what_is_older_than_the_limit_is_deleted_the_oldest_first(tmp_path: Path) -> None:
    place = Place(tmp_path / "recordings", hours=1.0)
    days(place, 12)
    first = segments_of(place.folder)[0].started_ms
    assert place.now_ms - SEGMENT_MS - first <= 3_600_000 + SEGMENT_MS
    assert len(place.names()) == 8


def test_what_is_more_than_the_limit_is_deleted_never_the_open_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keepclear.adapters.recording.limits.BYTES_MIN", 100)
    place = Place(tmp_path / "recordings", bytes_max=1_500)
    days(place, 12)
    total = sum(each.size for each in segments_of(place.folder))
    assert total <= 1_500
    newest = place.names()[-1]
    place.second(*[seen(place.now_ms + k, name=f"track-{k * 7919}") for k in range(200)])
    assert segments_of(place.folder)[-1].size > 1_500
    assert len(place.names()) == 1
    assert place.names()[0] > newest


def test_a_pinned_segment_is_kept_until_it_is_unpinned(tmp_path: Path) -> None:
    place = Place(tmp_path / "recordings", hours=1.0)
    days(place, 2)
    pin = segments_of(place.folder)[0].pin
    pin.touch()
    days(place, 12)
    assert place.names()[0] == "20260501T120000Z.kcr"
    pin.unlink()
    days(place, 1)
    assert place.names()[0] != "20260501T120000Z.kcr"


def test_a_clock_that_is_wrong_by_years_does_not_empty_the_folder_at_once(tmp_path: Path) -> None:
    place = Place(tmp_path / "recordings", hours=24.0)
    days(place, 30)
    place.clock.set(NOON + timedelta(days=3_000))
    place.second(seen(place.now_ms))
    assert len(place.names()) >= 22


@pytest.mark.parametrize("limits", [{"hours": 0.0}, {"hours": float("nan")}, {"bytes_max": 5}])
def test_limits_that_are_none_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(InvalidValueError):
        RecordingLimits(**limits)  # type: ignore[arg-type]


def test_names_of_segments_tell_when_they_were_begun() -> None:
    assert segment_in(Path("/r"), NOON_MS, 1).path.name == "20260501T120000Z.kcr"
    assert segment_in(Path("/r"), NOON_MS + 999, 2).path.name == "20260501T120000Z-2.kcr"
    assert instant_of(segment_in(Path("/r"), NOON_MS + 999, 2).started_ms) == NOON
