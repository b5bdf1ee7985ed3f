"""Reading a recording: a folder of segments, or one file; also while it is written.

A damaged frame is left out and listed, never believed, and what breaks off at the end of a file is told as
such. Only one segment is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from keepclear.adapters.recording.segments import Segment, segments_of
from keepclear.codec.recordings import (
    HEAD_BYTES,
    HEADER_BYTES_MAX,
    Frame,
    Gap,
    decode_frame,
    decode_header,
    frames_of,
    head_of,
)
from keepclear.core.errors import InvalidValueError
from keepclear.core.recorded import Entry, received_span_ms

FILE_BYTES_MAX: Final = 512_000_000
"""A longer file of a recording is not read; the recorder makes none."""
DAMAGES_MAX: Final = 1_000
"""So many damaged parts are listed; all are counted."""


class RecordedSpan(NamedTuple):
    """A time of which there is a recording: one segment.

    Attributes:
        name: The name of its file.
        from_ms: When the first of it was received, milliseconds since 1970.
        to_ms: When the last of it was received.
        report_count: How many reports it holds.
        bytes_count: How long the file is.
    """

    name: str
    from_ms: int
    to_ms: int
    report_count: int
    bytes_count: int


class Damage(NamedTuple):
    """A part of a recording that cannot be read.

    Attributes:
        name: The file.
        first: The first byte of it that is skipped.
        bytes_count: How many are skipped.
        is_torn: Whether it is only the end of the file, as a crash or a write that goes on leaves it.
        reason: Why, as a clause without a full stop.
    """

    name: str
    first: int
    bytes_count: int
    is_torn: bool
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.bytes_count:,} bytes from byte {self.first:,} on are skipped: {self.reason}"
        )


class Recording:
    """A recording that can be read.

    Args:
        path: A folder of segments, or one file.

    Attributes:
        path: It.
        damages: What could not be read so far, each once, at most `DAMAGES_MAX`.
        damage_count: How much there is of it.

    Raises:
        InvalidValueError: There is nothing there that can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damages: list[Damage] = []
        self.damage_count = 0
        self._known: set[tuple[str, int]] = set()
        self._spans: dict[Path, tuple[tuple[int, int], RecordedSpan | None]] = {}
        if not path.exists():
            raise InvalidValueError(str(path), "there is no such folder or file")
        if not path.is_dir():
            self._header(path)

    def party(self) -> str | None:
        """Return whose node made it, by its first file; None where there is none.

        Raises:
            InvalidValueError: The file cannot be read.
        """
        for segment in self._segments():
            try:
                with segment.path.open("rb") as file:
                    return decode_header(file.read(HEADER_BYTES_MAX))[0].party
            except OSError as error:
                raise _unreadable(segment.path, error) from None
            except InvalidValueError:
                continue
        return None

    def spans(self) -> list[RecordedSpan]:
        """Return of what times there is a recording, the oldest first; what holds nothing is left out.

        Raises:
            InvalidValueError: The folder cannot be read.
        """
        spans = (self._span(segment) for segment in self._segments())
        return [span for span in spans if span is not None]

    def read(
        self, from_ms: int | None = None, to_ms: int | None = None, *, with_reports: bool = True
    ) -> Iterator[Entry]:
        """Yield what was received between two instants, both included, in the order of receipt.

        Reports that were written together come together, so a few may lie outside.

        Args:
            from_ms: From then on, milliseconds since 1970; None for the beginning.
            to_ms: Until then; None for the end.
            with_reports: Whether reports are read, too; what happened is found quicker without them.

        Raises:
            InvalidValueError: A file cannot be read at all.
        """
        first = -(2**62) if from_ms is None else from_ms
        last = 2**62 if to_ms is None else to_ms
        for segment in self._segments():
            span = self._span(segment)
            if span is not None and span.from_ms <= last and span.to_ms >= first:
                yield from self._read(segment, first, last, with_reports)

    # -- one file -----------------------------------------------------------------------------------

    def _segments(self) -> list[Segment]:
        if not self.path.is_dir():
            return [Segment(0, 1, self.path)]
        try:
            return segments_of(self.path)
        except OSError as error:
            raise _unreadable(self.path, error) from None

    def _header(self, path: Path) -> int:
        try:
            with path.open("rb") as file:
                return decode_header(file.read(HEADER_BYTES_MAX))[1]
        except OSError as error:
            raise _unreadable(path, error) from None
        except InvalidValueError as error:
            raise InvalidValueError(str(path), error.reason) from None

    def _span(self, segment: Segment) -> RecordedSpan | None:
        """Return what a file holds, from its heads alone; of a file that has not changed, as before."""
        try:
            stat = segment.path.stat()
            stamp = (stat.st_size, stat.st_mtime_ns)
            known = self._spans.get(segment.path)
            if known is not None and known[0] == stamp:
                return known[1]
            with segment.path.open("rb") as file:
                told = _heads(file)
            span = self._whole(segment) if told is None else told
        except FileNotFoundError:  # it was deleted in its turn
            return None
        except OSError as error:
            raise _unreadable(segment.path, error) from None
        result = None
        if span is not None and span[2]:
            result = RecordedSpan(segment.path.name, span[0], span[1], span[3], stat.st_size)
        self._spans[segment.path] = (stamp, result)
        return result

    def _whole(self, segment: Segment) -> tuple[int, int, int, int] | None:
        """Return the same of a file that is damaged, with what is damaged listed."""
        from_ms, to_ms, frames, reports = 2**62, -(2**62), 0, 0
        for part in self._frames(segment):
            if isinstance(part[0], Frame):
                head = part[0].head
                from_ms, to_ms = min(from_ms, head.from_ms), max(to_ms, head.to_ms)
                frames, reports = frames + 1, reports + head.report_count
        return (from_ms, to_ms, frames, reports) if frames else None

    def _frames(self, segment: Segment) -> Iterator[tuple[Frame | Gap, bytes]]:
        try:
            with segment.path.open("rb") as file:
                data = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unreadable(segment.path, error) from None
        name = segment.path.name
        if len(data) > FILE_BYTES_MAX:
            raise InvalidValueError(str(segment.path), f"it is over the limit of {FILE_BYTES_MAX:,} bytes")
        try:
            _, start = decode_header(data)
        except InvalidValueError as error:
            self._note(Damage(name, 0, len(data), False, error.reason))
            return
        for part in frames_of(data, start):
            if isinstance(part, Gap):
                self._note(Damage(name, *part))
            yield part, data

    def _read(self, segment: Segment, first: int, last: int, with_reports: bool) -> Iterator[Entry]:
        parts = self._frames(segment) if with_reports else self._frames_without_reports(segment)
        for part, data in parts:
            if isinstance(part, Gap) or part.head.from_ms > last or part.head.to_ms < first:
                continue
            if part.head.report_count and not with_reports:
                continue
            try:
                entries = decode_frame(data, part)
            except InvalidValueError as error:
                whole = HEAD_BYTES + part.head.body_bytes
                at = part.body.start - HEAD_BYTES
                self._note(Damage(segment.path.name, at, whole, False, error.reason))
                continue
            for entry in entries:
                span = received_span_ms(entry)
                if span[0] <= last and span[1] >= first:
                    yield entry

    def _frames_without_reports(self, segment: Segment) -> Iterator[tuple[Frame | Gap, bytes]]:
        """Yield frames of which reports are passed over on the disk; of a damaged file, all of them."""
        found: list[tuple[Frame | Gap, bytes]] = []
        try:
            with segment.path.open("rb") as file:
                is_whole = _heads(file, found) is not None
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unreadable(segment.path, error) from None
        yield from found if is_whole else self._frames(segment)

    def _note(self, damage: Damage) -> None:
        key = (damage.name, damage.first)
        if key not in self._known:
            self._known.add(key)
            self.damage_count += 1
            if len(self.damages) < DAMAGES_MAX:
                self.damages.append(damage)


def _heads(
    file: BinaryIO, others: list[tuple[Frame | Gap, bytes]] | None = None
) -> tuple[int, int, int, int] | None:
    """Return the times, and the numbers of frames and reports, that heads tell; None if one is damaged.

    Args:
        file: The file.
        others: Takes the frames that hold no reports, each with its body; None where they are not wanted.
    """
    try:
        _, at = decode_header(file.read(HEADER_BYTES_MAX))
    except InvalidValueError:
        return None
    size = file.seek(0, 2)
    from_ms, to_ms, frames, reports = 2**62, -(2**62), 0, 0
    while at < size:
        file.seek(at)
        head = head_of(file.read(HEAD_BYTES))
        if head is None or at + HEAD_BYTES + head.body_bytes > size:
            return None
        if others is not None and not head.report_count:
            others.append((Frame(head, slice(0, head.body_bytes)), file.read(head.body_bytes)))
        from_ms, to_ms = min(from_ms, head.from_ms), max(to_ms, head.to_ms)
        frames, reports = frames + 1, reports + head.report_count
        at += HEAD_BYTES + head.body_bytes
    return from_ms, to_ms, frames, reports


def _unreadable(path: Path, error: OSError) -> InvalidValueError:
    return InvalidValueError(str(path), f"it cannot be read: {error.strerror or error}")
