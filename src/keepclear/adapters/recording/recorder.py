"""The recorder: writes what the watch is given into a folder, bounded, and never stops the watch.

Whoever gives it something only puts it into a queue. `flush`, called once a second in a thread of its own,
writes the queue to the disk. What cannot be written is counted and told as a fault, and it is tried again;
when it works again, the recording itself says what is missing. The oldest segments are deleted first, never
the one that is written, and none that somebody has pinned.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from keepclear.adapters.recording.limits import RecordingLimits
from keepclear.adapters.recording.segments import (
    SEGMENT_BYTES_MAX,
    SEGMENT_MS,
    Segment,
    segment_in,
    segments_of,
)
from keepclear.codec.recordings import Header, encode_entries, encode_header
from keepclear.core.errors import InvalidValueError
from keepclear.core.recorded import Entry, RecordedNote
from keepclear.core.reports import Reports
from keepclear.core.times import floor_ms, instant_of, rfc3339

QUEUE_REPORTS_MAX: Final = 200_000
"""So many reports wait to be written; what comes then is not recorded, and counted."""
QUEUE_ENTRIES_MAX: Final = 50_000
"""So many entries wait to be written at most."""
RETRY_MS: Final = 10_000
"""So long after a fault it is tried again."""
_PRUNE_EVERY_MS: Final = 60_000
_PRUNED_AT_ONCE: Final = 8  # so that a clock that is wrong by days does not empty a folder in a second
_NUMBERS_MAX: Final = 1_000


class Recorder:
    """See the module.

    Args:
        folder: Where the segments go; it is made if it is not there.
        limits: How long and how much is kept.
        clock: Returns the present instant, aware.
        party: Whose node records.
        node: Which node, or what program.
    """

    def __init__(
        self,
        folder: Path,
        limits: RecordingLimits,
        clock: Callable[[], datetime],
        *,
        party: str,
        node: str = "",
    ) -> None:
        self._folder, self._limits, self._clock = folder, limits, clock
        self._party, self._node = party, node
        self._lock = threading.Lock()  # of the queue alone: whoever gives never waits for the disk
        self._disk = threading.Lock()
        self._queue: list[Entry] = []
        self._queued_reports = 0
        self._dropped = 0
        self._told_dropped = 0
        self._fault: str | None = None
        self._fault_ms = 0
        self._retry_ms = 0
        self._file: int | None = None
        self._segment: Segment | None = None
        self._size = 0
        self._pruned_ms = 0
        self._bytes_before = 0  # of all closed segments, as of the last look

    # -- what is given ------------------------------------------------------------------------------

    def write(self, entry: Entry) -> None:
        """Queue an entry (reports, a cycle, an event, a note); from any thread, and at once."""
        count = len(entry) if isinstance(entry, Reports) else 0
        with self._lock:
            if self._queued_reports + count > QUEUE_REPORTS_MAX or len(self._queue) >= QUEUE_ENTRIES_MAX:
                self._dropped += max(count, 1)
                return
            self._queue.append(entry)
            self._queued_reports += count

    @property
    def fault(self) -> str | None:
        """Why nothing is recorded at present, as a clause without a full stop; None where it is."""
        return self._fault

    @property
    def dropped_count(self) -> int:
        """How many reports, and other entries, were not recorded since it began."""
        return self._dropped

    @property
    def folder(self) -> Path:
        """Where the segments are."""
        return self._folder

    # -- to the disk --------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what is queued to the disk, delete what is too old; from one thread, once a second."""
        with self._lock:
            entries, self._queue, self._queued_reports = self._queue, [], 0
        with self._disk:
            now_ms = floor_ms(self._clock())
            if self._fault is not None and 0 <= self._retry_ms - now_ms <= RETRY_MS:
                self._drop(entries)
                return
            try:
                self._write(entries, now_ms)
                self._prune(now_ms)
            except OSError as error:
                self._fail(error, entries, now_ms)

    def close(self) -> None:
        """Write what is queued and close the segment."""
        self.flush()
        with self._disk:
            self._close()

    def _write(self, entries: Sequence[Entry], now_ms: int) -> None:
        if not entries and self._fault is None:
            return
        self._roll(now_ms)
        with self._lock:
            missing = self._dropped - self._told_dropped
        if self._fault is not None or missing:
            entries = [self._note(missing, now_ms), *entries]
        data, lost = _encoded(entries)
        assert self._file is not None, "a segment is open"
        _write_all(self._file, data)
        os.fsync(self._file)
        self._size += len(data)
        with self._lock:
            self._told_dropped += missing
            self._dropped += lost
        self._fault = None

    def _note(self, missing: int, now_ms: int) -> RecordedNote:
        """Say in the recording what is missing in it."""
        if self._fault is None:
            text = f"{missing:,} reports or other entries before this are missing: too many came at once"
        else:
            since = rfc3339(instant_of(self._fault_ms))
            text = f"nothing was recorded since {since}, {missing:,} entries are missing: {self._fault}"
        return RecordedNote(at_ms=now_ms, text="".join(c for c in text if c.isprintable())[:2_000])

    def _roll(self, now_ms: int) -> None:
        """See to it that the right segment is open."""
        segment = self._segment
        if segment is not None and self._file is not None:
            is_young = 0 <= now_ms - segment.started_ms < SEGMENT_MS
            if is_young and self._size < SEGMENT_BYTES_MAX:
                return
            self._close()
        self._folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, _NUMBERS_MAX):
            segment = segment_in(self._folder, now_ms, number)
            try:
                self._file = os.open(segment.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
            except FileExistsError:
                continue
            self._segment, self._size = segment, 0
            header = encode_header(Header(party=self._party, node=self._node, started_ms=now_ms))
            _write_all(self._file, header)
            self._size = len(header)
            self._pruned_ms = 0
            return
        raise OSError(f"{self._folder} has too many segments of one second")

    def _close(self) -> None:
        file, self._file, self._segment = self._file, None, None
        if file is not None:
            os.close(file)

    def _fail(self, error: OSError, entries: Sequence[Entry], now_ms: int) -> None:
        """Take note that nothing can be written; what was written in part is cut off again."""
        if self._file is not None:
            try:
                os.ftruncate(self._file, self._size)
                if self._segment is not None and not self._size:  # not even its first line
                    self._segment.path.unlink(missing_ok=True)
                self._close()
            except OSError:  # what breaks off there is found by whoever reads
                self._file = self._segment = None
        if self._fault is None:
            self._fault_ms = now_ms
        self._fault = f"{self._folder} cannot be written: {error.strerror or error}"
        self._retry_ms = now_ms + RETRY_MS
        self._drop(entries)

    def _drop(self, entries: Sequence[Entry]) -> None:
        with self._lock:
            self._dropped += sum(len(each) if isinstance(each, Reports) else 1 for each in entries)

    # -- what is kept -------------------------------------------------------------------------------

    def _prune(self, now_ms: int) -> None:
        """Delete the oldest segments that are too old or too many; none that is pinned or open."""
        is_full = self._bytes_before + self._size > self._limits.bytes_max
        if not is_full and 0 <= now_ms - self._pruned_ms < _PRUNE_EVERY_MS:
            return
        self._pruned_ms = now_ms
        segments = [each for each in segments_of(self._folder) if each != self._segment]
        sizes = {each: each.size for each in segments}
        total = sum(sizes.values()) + self._size
        oldest_ms = now_ms - round(self._limits.hours * 3_600_000.0) - SEGMENT_MS
        deleted = 0
        for segment in segments:
            too_much = total > self._limits.bytes_max or segment.started_ms < oldest_ms
            if not too_much or deleted == _PRUNED_AT_ONCE:
                break
            if segment.pin.exists():
                continue
            segment.path.unlink(missing_ok=True)
            total -= sizes[segment]
            deleted += 1
        self._bytes_before = total - self._size


def _encoded(entries: Sequence[Entry]) -> tuple[bytes, int]:
    """Return entries as frames, and how many of them cannot be written."""
    try:
        return encode_entries(entries), 0
    except InvalidValueError:
        parts, lost = [], 0
        for entry in entries:
            try:
                parts.append(encode_entries([entry]))
            except InvalidValueError:
                lost += len(entry) if isinstance(entry, Reports) else 1
        return b"".join(parts), lost


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
