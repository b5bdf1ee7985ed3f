"""Recordings as bytes: a line that says what it is, then frames that each stand by themselves.

A frame begins with a mark and a head that has a check sum of its own, so that what lies in a file can be
told without unpacking it, and so that after damage the next frame is found. The body has another check sum.
A frame is believed whole or not at all; none needs another one.

How reports lie in a frame is told by `report_columns`.

Source:
    RFC 1950 (zlib), msgpack, and CRC-32 as in RFC 1952.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, NamedTuple, assert_never

import msgspec
import numpy as np
from msgspec import Meta, Struct

from keepclear.codec.json_errors import decode_json
from keepclear.codec.report_columns import FRAME_REPORTS_MAX, decode_reports, encode_reports
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX
from keepclear.core.recorded import (
    Entry,
    RecordedCycle,
    RecordedEvent,
    RecordedNote,
    received_span_ms,
    taken_rows,
)
from keepclear.core.reports import Reports
from keepclear.core.times import TIME_MAX, floor_ms

FORMAT: Final = "keepclear-recording/1"
"""What a recording says that it is."""
HEADER_BYTES_MAX: Final = 4_096
"""The line at the start of a file is not longer."""
FRAME_BYTES_MAX: Final = 16_000_000
"""No body of a frame is longer."""
FRAME_PLAIN_BYTES_MAX: Final = 64_000_000
"""What is packed in a frame is not longer, so that a small file cannot fill memory."""

_MARK: Final = b"\xf5KCR"
_HEAD: Final = struct.Struct(">4sBIIqqI")  # mark, kind, bytes of the body, reports, from, to, sum of the body
_SUM: Final = struct.Struct(">I")
HEAD_BYTES: Final = _HEAD.size + _SUM.size
"""The length of what stands before the body of a frame."""
_LEVEL: Final = 1

_REPORTS, _CYCLE, _EVENT, _NOTE = 1, 2, 3, 4
_KINDS: Final = (_REPORTS, _CYCLE, _EVENT, _NOTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a file of a recording says of itself.

    Attributes:
        party: Whose node recorded it.
        node: Which node, or what program; may be empty.
        started_ms: When the file was begun, milliseconds since 1970.
    """

    party: str
    node: str
    started_ms: int


class FrameHead(NamedTuple):
    """What the head of a frame says.

    Attributes:
        kind: What it holds.
        body_bytes: How long its body is.
        report_count: How many reports it holds.
        from_ms: When the first of it was received, milliseconds since 1970.
        to_ms: When the last of it was received.
        body_sum: The check sum of its body.
    """

    kind: int
    body_bytes: int
    report_count: int
    from_ms: int
    to_ms: int
    body_sum: int


class Gap(NamedTuple):
    """A part of a file that is no frame.

    Attributes:
        first: Its first byte.
        bytes_count: How many bytes are skipped.
        is_torn: Whether it is the end of the file, as a crash or a write that goes on leaves it.
        reason: Why it is skipped, as a clause without a full stop.
    """

    first: int
    bytes_count: int
    is_torn: bool
    reason: str


class Frame(NamedTuple):
    """A frame whose head is good.

    Attributes:
        head: Its head.
        body: Where its body lies in the file.
    """

    head: FrameHead
    body: slice


# -- the line at the start --------------------------------------------------------------------------


class _Header(Struct, kw_only=True):  # fields that a later version adds are no fault
    format: Literal["keepclear-recording/1"]
    party: Annotated[str, Meta(max_length=ID_CHARACTERS_MAX)]
    node: Annotated[str, Meta(max_length=ID_CHARACTERS_MAX)] = ""
    started_ms: int


def encode_header(header: Header) -> bytes:
    """Write the line at the start of a file."""
    line = msgspec.json.encode(
        _Header(format=FORMAT, party=header.party, node=header.node, started_ms=header.started_ms)
    )
    return line + b"\n"


def decode_header(data: bytes) -> tuple[Header, int]:
    """Read the line at the start of a file.

    Args:
        data: The start of the file, `HEADER_BYTES_MAX` bytes or all of it.

    Returns:
        What it says, and how long it is.

    Raises:
        InvalidValueError: It is no recording, or one of another version.
    """
    line, end, _ = data[:HEADER_BYTES_MAX].partition(b"\n")
    if not end or not line.startswith(b'{"format":"keepclear-recording/'):
        raise InvalidValueError("", "this is no recording of Keepclear")
    try:
        told = decode_json(line, _Header)
    except (InvalidValueError, msgspec.ValidationError) as error:
        if not line.startswith(f'{{"format":"{FORMAT}"'.encode()):
            raise InvalidValueError("", "this recording is of another version; update Keepclear") from None
        raise InvalidValueError("", f"the first line of this recording is damaged: {error}") from None
    return Header(party=told.party, node=told.node, started_ms=told.started_ms), len(line) + 1


# -- frames -----------------------------------------------------------------------------------------


def encode_entries(entries: Sequence[Entry]) -> bytes:
    """Write entries as frames, in their order; reports that follow one another share frames.

    Raises:
        InvalidValueError: An entry cannot be written: a text is no UTF-8, or a number is too large.
    """
    parts: list[bytes] = []
    pending: list[Reports] = []
    count = 0
    for entry in entries:
        if isinstance(entry, Reports):
            for piece in _pieces(entry):
                if count + len(piece) > FRAME_REPORTS_MAX:
                    parts.append(_reports_frame(pending))
                    pending, count = [], 0
                pending.append(piece)
                count += len(piece)
            continue
        if pending:
            parts.append(_reports_frame(pending))
            pending, count = [], 0
        parts.append(_other_frame(entry))
    if pending:
        parts.append(_reports_frame(pending))
    return b"".join(parts)


def decode_frame(data: bytes | memoryview, frame: Frame) -> list[Entry]:
    """Read what a frame holds.

    Args:
        data: The file.
        frame: One of its frames.

    Raises:
        InvalidValueError: Its body is damaged, or holds what cannot be; nothing of it is believed then.
    """
    head, body = frame.head, memoryview(data)[frame.body]
    if len(body) != head.body_bytes or zlib.crc32(body) != head.body_sum:
        raise InvalidValueError("", "a frame is damaged: its check sum is another")
    plain = _unpacked(body)
    try:
        entries = _entries(head, plain)
    except InvalidValueError as error:
        raise InvalidValueError("", f"a frame holds what cannot be: {error}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, TypeError, OverflowError) as error:
        raise InvalidValueError("", f"a frame holds what cannot be read: {error}") from None
    spans = [received_span_ms(entry) for entry in entries]
    told = min(span[0] for span in spans), max(span[1] for span in spans)
    if told != (head.from_ms, head.to_ms):
        raise InvalidValueError("", "a frame holds another time than its head says")
    return entries


def head_of(data: bytes | memoryview) -> FrameHead | None:
    """Return what the head of a frame says; None if the bytes do not begin with a good one."""
    if len(data) < HEAD_BYTES or data[:4] != _MARK:
        return None
    mark_to_sum = bytes(data[: _HEAD.size])
    if _SUM.unpack_from(data, _HEAD.size)[0] != zlib.crc32(mark_to_sum):
        return None
    head = FrameHead(*_HEAD.unpack(mark_to_sum)[1:])
    is_sane = head.kind in _KINDS and head.body_bytes <= FRAME_BYTES_MAX
    are_times = 0 <= head.from_ms <= head.to_ms <= floor_ms(TIME_MAX)
    return head if is_sane and head.report_count <= FRAME_REPORTS_MAX and are_times else None


def frames_of(data: bytes, start: int) -> Iterator[Frame | Gap]:
    """Yield the frames of a file whose heads and lengths are good, and what lies between them that is none.

    A frame whose body is damaged is yielded too; `decode_frame` refuses it. Where a head is damaged, the next
    mark is looked for.

    Args:
        data: The file.
        start: Where the frames begin.
    """
    at, size = start, len(data)
    while at < size:
        head = head_of(memoryview(data)[at : at + HEAD_BYTES])
        if head is not None and at + HEAD_BYTES + head.body_bytes <= size:
            first = at + HEAD_BYTES
            at = first + head.body_bytes
            yield Frame(head, slice(first, at))
            continue
        found = _next_frame(data, at + 1)
        is_torn = found == size and (head is not None or _MARK.startswith(data[at : at + 4]))
        if head is not None:
            reason = "the last frame breaks off"
        else:
            reason = "the last frame breaks off" if is_torn else "the head of a frame is damaged"
        yield Gap(at, found - at, is_torn, reason)
        at = found


def _next_frame(data: bytes, at: int) -> int:
    """Return where the next good head stands; the end if there is none."""
    view = memoryview(data)
    while (at := data.find(_MARK, at)) >= 0:
        if head_of(view[at : at + HEAD_BYTES]) is not None:
            return at
        at += 1
    return len(data)


def _pieces(reports: Reports) -> Iterator[Reports]:
    """Yield reports in pieces that fit into a frame; none where there are none."""
    if len(reports) <= FRAME_REPORTS_MAX:
        yield from (reports,) if len(reports) else ()
        return
    for first in range(0, len(reports), FRAME_REPORTS_MAX):
        yield taken_rows(reports, np.arange(first, min(first + FRAME_REPORTS_MAX, len(reports))))


def _reports_frame(batches: Sequence[Reports]) -> bytes:
    spans = [received_span_ms(batch) for batch in batches]
    span = min(each[0] for each in spans), max(each[1] for each in spans)
    return _framed(_REPORTS, encode_reports(batches), span, sum(map(len, batches)))


def _framed(kind: int, plain: bytes, span: tuple[int, int], report_count: int = 0) -> bytes:
    body = zlib.compress(plain, _LEVEL)
    if len(plain) > FRAME_PLAIN_BYTES_MAX or len(body) > FRAME_BYTES_MAX:
        raise InvalidValueError("", f"a frame of {len(body):,} bytes is over the limit")
    head = _HEAD.pack(_MARK, kind, len(body), report_count, *span, zlib.crc32(body))
    return head + _SUM.pack(zlib.crc32(head)) + body


def _unpacked(body: memoryview) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        plain = unpacking.decompress(body, FRAME_PLAIN_BYTES_MAX + 1)
    except zlib.error as error:
        raise InvalidValueError("", f"a frame cannot be unpacked: {error}") from None
    if len(plain) > FRAME_PLAIN_BYTES_MAX or not unpacking.eof or unpacking.unused_data:
        raise InvalidValueError("", "what is packed in a frame does not end where it should")
    return plain


# -- cycles, events, notes --------------------------------------------------------------------------


class _Cycle(Struct, array_like=True, forbid_unknown_fields=True):
    at_ms: int
    track_count: int
    digest: bytes


class _Event(Struct, array_like=True, forbid_unknown_fields=True):
    at_ms: int
    what: str
    text: bytes


class _Note(Struct, array_like=True, forbid_unknown_fields=True):
    at_ms: int
    text: str


def _other_frame(entry: RecordedCycle | RecordedEvent | RecordedNote) -> bytes:
    kind, told = _told(entry)
    try:
        return _framed(kind, msgspec.msgpack.encode(told), (entry.at_ms, entry.at_ms))
    except (OverflowError, UnicodeEncodeError, struct.error) as error:
        raise InvalidValueError("", f"an entry cannot be written: {error}") from None


def _told(entry: RecordedCycle | RecordedEvent | RecordedNote) -> tuple[int, Struct]:
    match entry:
        case RecordedCycle():
            return _CYCLE, _Cycle(entry.at_ms, entry.track_count, entry.digest)
        case RecordedEvent():
            return _EVENT, _Event(entry.at_ms, entry.what, entry.text)
        case RecordedNote():
            return _NOTE, _Note(entry.at_ms, entry.text)
        case _:
            assert_never(entry)


def _entries(head: FrameHead, plain: bytes) -> list[Entry]:
    if head.kind == _REPORTS:
        reports = decode_reports(plain)
        if sum(map(len, reports)) != head.report_count:
            raise InvalidValueError("", "it holds another number of reports than its head says")
        return list(reports)
    if head.report_count:
        raise InvalidValueError("", "its head tells of reports where there are none")
    if head.kind == _CYCLE:
        cycle = msgspec.msgpack.decode(plain, type=_Cycle)
        return [RecordedCycle(at_ms=cycle.at_ms, track_count=cycle.track_count, digest=cycle.digest)]
    if head.kind == _EVENT:
        event = msgspec.msgpack.decode(plain, type=_Event)
        return [RecordedEvent(at_ms=event.at_ms, what=event.what, text=event.text)]
    note = msgspec.msgpack.decode(plain, type=_Note)
    return [RecordedNote(at_ms=note.at_ms, text=note.text)]
