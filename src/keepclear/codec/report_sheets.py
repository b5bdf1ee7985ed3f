"""Recorded reports as CSV with a header.

A column is named as the field of a report line, or as the column of a picture of tracks that means the same
(`latitude_deg`, `longitude_deg`, `position_accuracy_m`, `altitude_accuracy_ft`). An `altitude_ft` does not
say above what, and is refused. An empty cell tells nothing; a row without a position is counted.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from keepclear.codec.decoding import SAMPLE_BYTES_MAX, Decoded, Faults, head_text
from keepclear.codec.lines import LineCutter
from keepclear.codec.properties import number_of_text
from keepclear.codec.report_lines import ReportLine, report_of
from keepclear.core.errors import InvalidValueError
from keepclear.core.reports import Report
from keepclear.core.units import FOOT_M

_ReadCell = Callable[[str], object]
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


def _whole(text: str) -> int:
    if not (text.removeprefix("-").isdecimal() and text.isascii() and len(text) <= 20):
        raise InvalidValueError("", "it is no whole number")
    return int(text)


def _flag(text: str) -> bool:
    flag = _FLAGS.get(text.lower())
    if flag is None:
        raise InvalidValueError("", "it is neither true nor false")
    return flag


def _number_of_feet(text: str) -> float:
    return number_of_text(text) * FOOT_M


_NUMBERS: Final = (
    "lat",
    "lng",
    "lon",
    "altitude_m",
    "pressure_altitude_ft",
    "ground_speed_mps",
    "ground_speed_kt",
    "track_deg",
    "vertical_rate_mps",
    "vertical_rate_fpm",
    "horizontal_error_m",
    "vertical_error_m",
    "selected_altitude_ft",
)
_COLUMNS: Final[Mapping[str, tuple[str, _ReadCell]]] = MappingProxyType(
    {name: (name, number_of_text) for name in _NUMBERS}
    | {name: (name, str) for name in ("id", "at", "kind", "callsign", "squawk", "party", "operation")}
    | {
        "at_ms": ("at_ms", _whole),
        "on_ground": ("on_ground", _flag),
        "latitude_deg": ("lat", number_of_text),
        "longitude_deg": ("lng", number_of_text),
        "position_accuracy_m": ("horizontal_error_m", number_of_text),
        "altitude_accuracy_ft": ("vertical_error_m", _number_of_feet),
    }
)
"""For each column: which field of a report line it is, and what reads its cells."""


class ReportSheetDecoder:
    """Reads CSV that comes in pieces; see `decoding.Decoder`. A cell holds no line break."""

    def __init__(self) -> None:
        self._cutter = LineCutter()
        self._columns: list[tuple[str, _ReadCell]] | None = None

    def decode(self, data: bytes, received_ms: int) -> Decoded:  # noqa: ARG002  # rows tell their own times
        """Take the next piece of the file.

        Args:
            data: The piece.
            received_ms: When it was received; it does not matter here.

        Returns:
            A report for each row that is complete now.
        """
        faults = Faults()
        return self._decoded(self._cutter.cut(data, faults), faults)

    def finish(self, received_ms: int) -> Decoded:  # noqa: ARG002  # as above
        """Take note that the file has ended; the next piece begins another.

        Args:
            received_ms: When that was; it does not matter here.

        Returns:
            The report of the last row, if that did not end.
        """
        faults = Faults()
        decoded = self._decoded(self._cutter.finish(faults), faults)
        self._columns = None
        return decoded

    def _decoded(self, lines: list[bytes], faults: Faults) -> Decoded:
        reports = []
        for line in lines:
            try:
                if self._columns is None:
                    self._columns = []  # until it is known that they can be used
                    self._columns = _columns_of(_cells(line.removeprefix(b"\xef\xbb\xbf")))
                else:
                    reports.append(_report_of_cells(self._columns, _cells(line)))
            except InvalidValueError as error:
                head = head_text(line)
                faults.add(error.reason, f"{error.field}: {head}" if error.field else head)
        return Decoded(reports, faults.malformed())


def _cells(line: bytes) -> list[str]:
    """Return the cells of a row without spaces round them.

    Raises:
        InvalidValueError: It is no row.
    """
    try:
        text = line.decode("utf-8")
        cells = text.split(",") if '"' not in text else next(csv.reader((text,), strict=True))
    except UnicodeDecodeError:
        raise InvalidValueError("", "a row is not UTF-8") from None
    except csv.Error as error:
        raise InvalidValueError(str(error), "a row is not CSV, or has a line break in a cell") from None
    return [cell.strip() for cell in cells]


def _columns_of(names: list[str]) -> list[tuple[str, _ReadCell]]:
    """Return the columns of a header.

    Raises:
        InvalidValueError: It cannot be used, and so no row can.
    """
    for name in names:
        if name not in _COLUMNS:
            hint = "; write pressure_altitude_ft or altitude_m" if name == "altitude_ft" else ""
            raise InvalidValueError(name[:SAMPLE_BYTES_MAX], f"the header names an unknown column{hint}")
    columns = [_COLUMNS[name] for name in names]
    fields = [field for field, _ in columns]
    for field in fields:
        if fields.count(field) > 1:
            raise InvalidValueError(field, "the header names a column twice")
    for any_of in (("id",), ("at", "at_ms"), ("lat",), ("lng", "lon")):
        if not set(any_of) & set(fields):
            raise InvalidValueError("", f"the header lacks a column {' or '.join(any_of)}")
    return columns


def _report_of_cells(columns: list[tuple[str, _ReadCell]], cells: list[str]) -> Report:
    """Return the report of a row.

    Raises:
        InvalidValueError: It is none.
    """
    if not columns:
        raise InvalidValueError("", "a row stands below a header that cannot be used")
    if len(cells) != len(columns):
        raise InvalidValueError("", "a row has not as many cells as the header")
    values: dict[str, object] = {}
    for (field, read), cell in zip(columns, cells, strict=True):
        if cell:
            try:
                values[field] = read(cell)
            except InvalidValueError as error:
                raise InvalidValueError(field, f"a cell of {field} cannot be read") from error
    if "lat" not in values or not ("lng" in values or "lon" in values):
        raise InvalidValueError("", "a row has no position")
    try:
        return report_of(msgspec.convert(values, ReportLine))
    except msgspec.ValidationError as error:
        raise InvalidValueError(str(error).replace(" - at `$.", " at `"), "a row is no report") from None
