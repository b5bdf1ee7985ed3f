"""Report lines: our own format of reports, a JSON object on each line (NDJSON).

An object tells `id`, `at` or `at_ms`, `lat` and `lng` (or `lon`), and what else is known, by the names of
`core.reports.Report`; speeds and vertical rates in metres per second, or in knots and feet per minute. A
field with another name is a fault, so that a slip of the pen is seen. A field that is null is not told. Of a
name that stands twice the last counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final

import msgspec

from keepclear.codec.decoding import Decoded, Faults, head_text
from keepclear.codec.lines import LineCutter
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import Floats
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report, Reports
from keepclear.core.times import floor_ms
from keepclear.core.units import FOOT_PER_MINUTE_MPS, KNOT_MPS

_NAN: Final = math.nan


class ReportLine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A report as it is written; see the module, and `Report` for what each field means."""

    id: str
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    at_ms: int | None = None
    lat: float
    lng: float | None = None
    lon: float | None = None
    altitude_m: float | None = None
    pressure_altitude_ft: float | None = None
    ground_speed_mps: float | None = None
    ground_speed_kt: float | None = None
    track_deg: float | None = None
    vertical_rate_mps: float | None = None
    vertical_rate_fpm: float | None = None
    horizontal_error_m: float | None = None
    vertical_error_m: float | None = None
    selected_altitude_ft: float | None = None
    on_ground: bool | None = None
    kind: TrackKind | None = None
    callsign: str | None = None
    squawk: str | None = None
    party: str | None = None
    operation: str | None = None


_DECODER: Final = msgspec.json.Decoder(ReportLine)
_ENCODER: Final = msgspec.json.Encoder()


class ReportLinesDecoder:
    """Reads a stream of report lines; see `decoding.Decoder`."""

    def __init__(self) -> None:
        self._cutter = LineCutter()

    def decode(self, data: bytes, received_ms: int) -> Decoded:  # noqa: ARG002  # lines tell their own times
        """Take the next piece of the stream.

        Args:
            data: The piece.
            received_ms: When it was received; it does not matter here.

        Returns:
            A report for each line that is complete now.
        """
        faults = Faults()
        return _decoded(self._cutter.cut(data, faults), faults)

    def finish(self, received_ms: int) -> Decoded:  # noqa: ARG002  # as above
        """Take note that the stream has ended.

        Args:
            received_ms: When that was; it does not matter here.

        Returns:
            The report of the last line, if that did not end.
        """
        faults = Faults()
        return _decoded(self._cutter.finish(faults), faults)


def decode_line(line: bytes) -> Report:
    """Read one line.

    Args:
        line: Its bytes.

    Raises:
        InvalidValueError: It is no report; the reason is the same for all lines with such a fault, and the
            field tells what exactly is wrong.
    """
    try:
        return report_of(_DECODER.decode(line))
    except msgspec.ValidationError as error:
        said = str(error)
        reason = "a line has an unknown field" if "unknown field" in said else "a line is no report"
        raise InvalidValueError(said.replace(" - at `$.", " at `"), reason) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidValueError(str(error), "a line is not JSON") from None


def report_of(line: ReportLine) -> Report:
    """Return the report that a line tells.

    Args:
        line: The line.

    Raises:
        InvalidValueError: It tells no time or longitude, or something in two ways.
    """
    at_ms = line.at_ms
    if line.at is not None:
        if at_ms is not None:
            raise InvalidValueError("at", "a line tells both at and at_ms; leave one out")
        at_ms = floor_ms(line.at)
    elif at_ms is None:
        raise InvalidValueError("at", "a line tells no time: neither at nor at_ms")
    longitude_deg = line.lng if line.lon is None else line.lon
    if longitude_deg is None:
        raise InvalidValueError("lng", "a line tells no longitude: neither lng nor lon")
    speed_mps, rate_mps = line.ground_speed_mps, line.vertical_rate_mps
    if line.ground_speed_kt is not None:
        if speed_mps is not None:
            raise InvalidValueError("ground_speed_kt", "a line tells a speed in two units; leave one out")
        speed_mps = line.ground_speed_kt * KNOT_MPS
    if line.vertical_rate_fpm is not None:
        if rate_mps is not None:
            raise InvalidValueError("vertical_rate_fpm", "a line tells a rate in two units; leave one out")
        rate_mps = line.vertical_rate_fpm * FOOT_PER_MINUTE_MPS
    if line.lng is not None and line.lon is not None:
        raise InvalidValueError("lon", "a line tells both lng and lon; leave one out")
    return Report(
        line.id,
        at_ms,
        line.lat,
        longitude_deg,
        _NAN if line.altitude_m is None else line.altitude_m,
        _NAN if line.pressure_altitude_ft is None else line.pressure_altitude_ft,
        _NAN if speed_mps is None else speed_mps,
        _NAN if line.track_deg is None else line.track_deg,
        _NAN if rate_mps is None else rate_mps,
        _NAN if line.horizontal_error_m is None else line.horizontal_error_m,
        _NAN if line.vertical_error_m is None else line.vertical_error_m,
        _NAN if line.selected_altitude_ft is None else line.selected_altitude_ft,
        line.on_ground is True,
        line.kind or TrackKind.UNKNOWN,
        line.callsign or None,
        line.squawk or None,
        line.party or None,
        line.operation or None,
    )


def encode_lines(reports: Reports) -> bytes:
    """Write reports as lines; when they were received, and by which source, is left out.

    Args:
        reports: The reports.

    Returns:
        A line for each, in their order; reading them gives the same reports.
    """
    lines = [
        ReportLine(
            id=report_id,
            at_ms=at_ms,
            lat=lat,
            lng=lng,
            altitude_m=altitude_m,
            pressure_altitude_ft=pressure_ft,
            ground_speed_mps=speed_mps,
            track_deg=track_deg,
            vertical_rate_mps=rate_mps,
            horizontal_error_m=error_m,
            vertical_error_m=vertical_error_m,
            selected_altitude_ft=selected_ft,
            on_ground=on_ground or None,
            kind=None if kind is TrackKind.UNKNOWN else kind,
            callsign=callsign,
            squawk=squawk,
            party=party,
            operation=operation,
        )
        for (
            report_id,
            at_ms,
            lat,
            lng,
            altitude_m,
            pressure_ft,
            speed_mps,
            track_deg,
            rate_mps,
            error_m,
            vertical_error_m,
            selected_ft,
            on_ground,
            kind,
            callsign,
            squawk,
            party,
            operation,
        ) in zip(
            reports.ids,
            reports.at_ms.tolist(),
            reports.latitude_deg.tolist(),
            reports.longitude_deg.tolist(),
            _told(reports.altitude_m),
            _told(reports.pressure_altitude_ft),
            _told(reports.ground_speed_mps),
            _told(reports.track_deg),
            _told(reports.vertical_rate_mps),
            _told(reports.horizontal_error_m),
            _told(reports.vertical_error_m),
            _told(reports.selected_altitude_ft),
            reports.on_ground.tolist(),
            reports.kinds,
            reports.callsigns,
            reports.squawks,
            reports.parties,
            reports.operations,
            strict=True,
        )
    ]
    return _ENCODER.encode_lines(lines)


def _told(values: Floats) -> Iterable[float | None]:
    """Return the numbers of a column, None where they are not told."""
    return (None if math.isnan(value) else value for value in values.tolist())


def _decoded(lines: list[bytes], faults: Faults) -> Decoded:
    # `decode_lines` would be no quicker, and takes objects that span lines: the cut would matter.
    try:
        return Decoded(list(map(report_of, map(_DECODER.decode, lines))), faults.malformed())
    except (msgspec.DecodeError, UnicodeDecodeError, InvalidValueError):
        pass  # some have faults: all anew, one at a time
    reports = []
    for line in lines:
        try:
            reports.append(decode_line(line))
        except InvalidValueError as error:
            faults.add(error.reason, f"{error.field}: {head_text(line)}")
    return Decoded(reports, faults.malformed())
