"""Recorded files, read whole: lines of reports, tables, and tracks as JSON, each plain or packed by gzip.

What a watch has recorded is read by `kept_recordings`.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import numpy as np

from keepclear.adapters.feeds.intake import Intake
from keepclear.adapters.feeds.replaying import RecordedReports
from keepclear.codec.decoding import DOCUMENT_BYTES_MAX, Decoded
from keepclear.core.errors import InvalidValueError
from keepclear.core.recorded import taken_rows
from keepclear.core.reports import Reports, gather

RECORDED_BYTES_MAX: Final = 1_000_000_000
"""A recorded file is no larger, unpacked."""
RECORDED_REPORTS_MAX: Final = 2_000_000
"""A recorded file holds no more reports."""

_PIECE_BYTES: Final = 1_048_576
_PACKED: Final = b"\x1f\x8b"


def read_recorded(intake: Intake) -> RecordedReports:
    """Read a recorded file.

    Args:
        intake: The feed; it counts what is read, and what cannot be used.

    Returns:
        Its reports in the order of their times. They were received, as far as is known, at these times.

    Raises:
        InvalidValueError: It cannot be read, or there is no report in it that can be used.
    """
    try:
        with Path(intake.address.path).open("rb") as file:
            parts = _parts(file, intake)
    except FileNotFoundError:
        raise _error(intake, "there is no such file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise _error(intake, "it is not whole, or was not packed by gzip") from None
    except (OSError, ValueError) as error:  # the latter for a NUL in the name
        raise _error(intake, f"it cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not parts:
        samples = intake.health().samples
        why = samples[0].reason if samples else "it is empty"
        raise _error(intake, f"there is no report in it that can be used: {why}")
    return RecordedReports(_in_order(parts))


def _parts(file: BinaryIO, intake: Intake) -> list[Reports]:
    parts: list[Reports] = []
    count = 0
    for decoded in _decoded(file, intake):
        rows = intake.address.options.apply(decoded.reports)
        gathered = gather(intake.address.name, rows, 0)
        intake.refused(rows, [row.at_ms for row in rows], gathered.refused)
        count += len(gathered.reports)
        if count > RECORDED_REPORTS_MAX:
            raise _error(intake, f"it holds over {RECORDED_REPORTS_MAX:,} reports; split it")
        if len(gathered.reports):
            parts.append(replace(gathered.reports, received_ms=gathered.reports.at_ms))
    return parts


def _decoded(file: BinaryIO, intake: Intake) -> Iterator[Decoded]:
    """Yield what a file says, piece by piece where its format has lines."""
    head = file.read(len(_PACKED))
    file.seek(0)
    unpacked = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if head == _PACKED else file
    feed_format = intake.address.feed_format
    if feed_format.make_decoder is not None:
        decoder, byte_count = feed_format.make_decoder(), 0
        while piece := unpacked.read(_PIECE_BYTES):
            byte_count += len(piece)
            if byte_count > RECORDED_BYTES_MAX:
                raise _error(
                    intake, f"it is over the limit of {RECORDED_BYTES_MAX:,} bytes, unpacked; split it"
                )
            yield _counted(intake, decoder.decode(piece, 0), len(piece))
        yield _counted(intake, decoder.finish(0), 0)
        return
    assert feed_format.make_reader is not None, "what is recorded is a stream or a document"
    body = unpacked.read(DOCUMENT_BYTES_MAX + 1)
    if len(body) > DOCUMENT_BYTES_MAX:
        raise _error(intake, f"it is over the limit of {DOCUMENT_BYTES_MAX:,} bytes, unpacked; split it")
    yield _counted(intake, feed_format.make_reader()(body, 0), len(body))


def _counted(intake: Intake, decoded: Decoded, byte_count: int) -> Decoded:
    received_ms = intake.received(byte_count)
    for fault in decoded.malformed:
        intake.malformed(fault.count, fault.reason, fault.sample, received_ms)
    return decoded


def _error(intake: Intake, reason: str) -> InvalidValueError:
    return InvalidValueError(intake.address.shown, reason)


def _in_order(parts: list[Reports]) -> Reports:
    """Put reports together in the order of their times; of one instant, in the order in which they stand."""
    columns: dict[str, Any] = {}
    for column in fields(Reports):
        values = [getattr(part, column.name) for part in parts]
        if column.name == "source":
            columns[column.name] = values[0]
        elif isinstance(values[0], np.ndarray):
            columns[column.name] = np.concatenate(values)
        else:
            columns[column.name] = tuple(chain.from_iterable(values))
    reports = Reports(**columns)
    return taken_rows(reports, np.argsort(reports.received_ms, kind="stable"))
