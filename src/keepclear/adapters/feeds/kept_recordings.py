"""What a watch has recorded (`.kcr`, or a folder of such files), replayed: its reports, as they came.

It is read as the replay goes on, never whole. What cannot be read of it is told as a problem of the feed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

from keepclear.adapters.feeds.intake import Intake
from keepclear.adapters.recording.reader import Recording
from keepclear.core.errors import InvalidValueError
from keepclear.core.recorded import Entry, taken_rows
from keepclear.core.reports import Reports


class KeptRecording:
    """A recording; see `replaying.Recorded`.

    Args:
        intake: The feed.

    Attributes:
        start_ms: When the first of it was received, milliseconds since 1970.
        end_ms: When the last of it was.

    Raises:
        InvalidValueError: There is nothing there that can be read, or no report in it.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._recording = Recording(Path(intake.address.path))
        spans = [span for span in self._recording.spans() if span.report_count]
        self._tell_damages()
        if not spans:
            raise InvalidValueError(intake.address.shown, "there is no report in it")
        self.start_ms = min(span.from_ms for span in spans)
        self.end_ms = max(span.to_ms for span in spans)
        self._entries: Iterator[Entry] = iter(())
        self._waiting: deque[Reports] = deque()
        self._upto_ms: int | None = None

    def between(self, after_ms: int, until_ms: int) -> list[Reports]:
        """See `replaying.Recorded`."""
        if after_ms != self._upto_ms:
            self._entries = self._recording.read(after_ms + 1)
            self._waiting.clear()
        self._upto_ms = until_ms
        try:
            self._read_on(until_ms)
        except InvalidValueError as error:
            self._intake.problem(str(error))
        self._tell_damages()
        found, later = [], deque[Reports]()
        for reports in self._waiting:
            times = reports.received_ms
            is_now, is_later = (times > after_ms) & (times <= until_ms), times > until_ms
            if is_now.any():
                found.append(taken_rows(reports, is_now))
            if is_later.any():
                later.append(taken_rows(reports, is_later))
        self._waiting = later
        return found

    def _read_on(self, until_ms: int) -> None:
        """Read until something was received later: reports stand in the order in which they came."""
        if any(int(reports.received_ms.min()) > until_ms for reports in self._waiting):
            return
        for entry in self._entries:
            if isinstance(entry, Reports) and len(entry):
                self._waiting.append(entry)
                if int(entry.received_ms.min()) > until_ms:
                    return

    def _tell_damages(self) -> None:
        for damage in self._recording.damages:
            self._intake.problem(str(damage))
