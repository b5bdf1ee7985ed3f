"""Tracks of the Python package `traffic`, as pandas writes them in JSON: records, or columns.

Altitudes are feet (`altitude` of pressure, `geoaltitude` above the ellipsoid), speeds knots, rates feet per
minute. Columns that are not named here are left aside, as such files hold many. Rows without a position are
counted, as such files have some.

Source:
    `traffic`, names of columns; pandas, `DataFrame.to_json`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import Any, Final

import msgspec

from keepclear.codec.adsb import address_id, word_of
from keepclear.codec.decoding import DOCUMENT_BYTES_MAX, Decoded, Faults, head_text
from keepclear.core.reports import Report
from keepclear.core.times import floor_ms
from keepclear.core.units import FOOT_M, FOOT_PER_MINUTE_MPS, KNOT_MPS

FILE_REPORTS_MAX: Final = 1_000_000
"""A file of JSON holds no more rows; one that does is not read at all."""


class _Row(msgspec.Struct, gc=False):
    """A row as it is written."""

    timestamp: int | float | str | None = None
    icao24: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    altitude: float | None = None
    geoaltitude: float | None = None
    groundspeed: float | None = None
    track: float | None = None
    vertical_rate: float | None = None
    selected_mcp: float | None = None
    onground: bool | None = None
    callsign: str | None = None
    squawk: str | int | float | None = None


_FIELDS: Final = _Row.__struct_fields__
_Columns: Final = msgspec.defstruct("_Columns", [(name, dict[str, Any], {}) for name in _FIELDS])
_ROWS: Final = msgspec.json.Decoder(list[_Row])
_RAW_ROWS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ROW: Final = msgspec.json.Decoder(_Row)
_COLUMNS_OF_ROWS: Final = msgspec.json.Decoder(_Columns)
_NOT_READ: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_TOO_MANY: Final = f"the file holds over {FILE_REPORTS_MAX:,} rows; split it"
_CELLS_MAX: Final = 20 * FILE_REPORTS_MAX


def decode_traffic(body: bytes, received_ms: int) -> Decoded:  # noqa: ARG001  # rows tell their own times
    """Read JSON of tracks.

    Args:
        body: Its bytes, unpacked.
        received_ms: When it was received; it does not matter here.

    Returns:
        A report of each row with a position, in the order of their times.
    """
    faults = Faults()
    reports = []
    for row in _rows(body, faults):
        report = _report_of_row(row, faults)
        if report is not None:
            reports.append(report)
    reports.sort(key=attrgetter("at_ms"))
    return Decoded(reports, faults.malformed())


def _rows(body: bytes, faults: Faults) -> Iterator[_Row]:
    """Yield the rows of a file; what is wrong with it, or with some of them, is counted."""
    if len(body) > DOCUMENT_BYTES_MAX:
        faults.add(f"the file is larger than {DOCUMENT_BYTES_MAX // 1024**2} MiB; split it", body)
        return
    if body.count(b",") > _CELLS_MAX or body.count(b"{") > FILE_REPORTS_MAX + len(_FIELDS):
        faults.add(_TOO_MANY, body)
        return
    try:
        if body.lstrip()[:1] == b"{":
            yield from _rows_of_columns(body, faults)
            return
        try:
            yield from _ROWS.decode(body)
        except _NOT_READ:  # one row may be the reason
            yield from _rows_one_by_one(body, faults)
    except _NOT_READ as error:
        faults.add("the file is not JSON as pandas writes it", f"{error}: {head_text(body)}")


def _rows_one_by_one(body: bytes, faults: Faults) -> Iterator[_Row]:
    items = _RAW_ROWS.decode(body)
    if len(items) > FILE_REPORTS_MAX:
        faults.add(_TOO_MANY, body)
        return
    for item in items:
        try:
            yield _ROW.decode(item)
        except _NOT_READ as error:
            faults.add("a row is not written as it should be", f"{error}: {head_text(item)}")


def _rows_of_columns(body: bytes, faults: Faults) -> Iterator[_Row]:
    columns = msgspec.structs.asdict(_COLUMNS_OF_ROWS.decode(body))
    columns = {name: column for name, column in columns.items() if column}
    if not columns:
        faults.add("the file has no column of tracks", body)
    keys = dict.fromkeys(chain(*columns.values()))
    if len(keys) > FILE_REPORTS_MAX:
        faults.add(_TOO_MANY, body)
        return
    for key in keys:
        values = {name: column.get(key) for name, column in columns.items()}
        try:
            yield msgspec.convert(values, _Row)
        except msgspec.ValidationError as error:
            faults.add("a row is not written as it should be", f"{error}: row {key}")


def _report_of_row(row: _Row, faults: Faults) -> Report | None:
    """Return the report of a row; None if it is none, which is counted."""
    if row.latitude is None or row.longitude is None:
        faults.add("a row has no position", f"{row.icao24} {row.timestamp}")
        return None
    at_ms = _at_ms(row.timestamp)
    aircraft_id = None if row.icao24 is None else address_id(row.icao24.strip())
    if at_ms is None:
        faults.add("a `timestamp` is no instant; text needs a zone", str(row.timestamp))
        return None
    if aircraft_id is None:
        faults.add("an `icao24` is not six hexadecimal digits", str(row.icao24))
        return None
    return Report(
        aircraft_id,
        at_ms,
        row.latitude,
        row.longitude,
        _scaled(row.geoaltitude, FOOT_M),
        _scaled(row.altitude, 1.0),
        _scaled(row.groundspeed, KNOT_MPS),
        _scaled(row.track, 1.0),
        _scaled(row.vertical_rate, FOOT_PER_MINUTE_MPS),
        selected_altitude_ft=_scaled(row.selected_mcp, 1.0),
        on_ground=row.onground is True,
        callsign=word_of(row.callsign, "a callsign", faults),
        squawk=word_of(_squawk(row.squawk), "a squawk", faults),
    )


def _scaled(value: float | None, unit: float) -> float:
    return math.nan if value is None else value * unit


def _squawk(told: str | float | None) -> str | None:
    """Return a transponder code of four digits: pandas makes numbers of them."""
    if isinstance(told, float | int):
        return f"{told:04.0f}" if math.isfinite(told) else None
    return told


def _at_ms(told: float | str | None) -> int | None:
    """Return an instant in milliseconds since 1970; None if it is none.

    Numbers may count seconds, milliseconds (what pandas does unless it is told otherwise), microseconds or
    nanoseconds. Which of them shows in their size: from 1973 to 5138 each has its own range.
    """
    if told is None:
        return None
    if isinstance(told, str):
        try:
            instant = datetime.fromisoformat(told)
        except ValueError:
            return None
        return None if instant.tzinfo is None else floor_ms(instant)
    for below, milliseconds in ((1e11, 1e3), (1e14, 1.0), (1e17, 1e-3), (1e20, 1e-6)):
        if 0 <= told < below:
            return round(told * milliseconds)
    return None
