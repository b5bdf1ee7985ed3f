"""ASTERIX: categories 021 (ADS-B target reports) and 062 (system tracks); extra `asterix`.

A datagram or a stream holds data blocks; in each are records of one category. What the items of a record
mean is decided here; `asterix_records` reads them. Category 021 is read as of editions 2.x: what was made by
an older one looks like it and means something else, so ask whoever sends it. Category 062 is read as of
editions 1.18 and 1.20.

A block in which one record cannot be read gives nothing, because what stands before is then in doubt.
Counted, and no reports, are targets that are simulated, tests, or false by what their station found, tracks
that their tracker only extrapolates, and other categories that tell of targets. Mode 4 and Mode 5
identification, which says friend of some, is not read.

Source:
    EUROCONTROL SPEC-0149-9 (category 062), SPEC-0149-12 (category 021).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from keepclear.codec.adsb import EPU_M, word_of
from keepclear.codec.asterix_records import Record, RecordReader
from keepclear.codec.decoding import AIRCRAFT_MAX, Decoded, Faults
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report
from keepclear.core.units import FOOT_M, FOOT_PER_MINUTE_MPS, NAUTICAL_MILE_M

IDENTITY_KEPT_MS: Final = 60_000
"""So long after it was told last the number of a track stands for the address of an aircraft."""
PLANE_SIGMAS: Final = 2.45
"""So many sigmas round a position hold 95 % of a normal distribution in the plane."""
LINE_SIGMAS: Final = 1.96
"""So many sigmas up and down hold 95 %."""

_HEADER_BYTES: Final = 3
_DAY_MS: Final = 86_400_000
_STEPS_PER_S: Final = 128
_LEVEL_STEP_FT: Final = 25.0
_HEIGHT_STEP_FT: Final = 6.25
_LATITUDE_M: Final = 60 * NAUTICAL_MILE_M
_WITHOUT_TARGETS: Final = frozenset({2, 8, 9, 19, 23, 25, 34, 63, 65, 239, 247})
"""Categories that tell of stations, services and weather."""
_KINDS: Final[Mapping[int, TrackKind]] = MappingProxyType(
    # 1, light, is said by helicopters too.
    dict.fromkeys((2, 3, 4, 5, 6), TrackKind.AEROPLANE)
    | {10: TrackKind.HELICOPTER, 13: TrackKind.DRONE, 20: TrackKind.VEHICLE, 21: TrackKind.VEHICLE}
)
"""What an emitter category says of the kind; all others say nothing that we tell apart."""


class AsterixDecoder:
    """Reads blocks; see `decoding.Decoder`.

    It remembers for a while which aircraft the number of a track stands for, as not each record tells.

    Raises:
        InvalidValueError: The extra `asterix` is not installed.
    """

    def __init__(self) -> None:
        self._reader = RecordReader()
        self._rest = b""
        self._identities: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def decode(self, data: bytes, received_ms: int) -> Decoded:
        """Take the next piece of the stream.

        Args:
            data: The piece.
            received_ms: When it was received, milliseconds since 1970.

        Returns:
            What is complete now.
        """
        faults = Faults()
        reports: list[Report] = []
        rest = self._rest + data
        at = 0
        while len(rest) - at >= _HEADER_BYTES:
            length = int.from_bytes(rest[at + 1 : at + _HEADER_BYTES], "big")
            if length < _HEADER_BYTES:
                faults.add("a block tells no length; what follows it cannot be read", rest[at:].hex())
                at = len(rest)
                break
            if len(rest) - at < length:
                break
            self._block(rest[at], rest[at + _HEADER_BYTES : at + length], received_ms, reports, faults)
            at += length
        self._rest = rest[at:]
        return Decoded(reports, faults.malformed())

    def finish(self, received_ms: int) -> Decoded:  # noqa: ARG002
        """Take note that the stream, or the datagram, has ended; the next piece begins another.

        Args:
            received_ms: When that was, milliseconds since 1970.

        Returns:
            A block that did not end, as malformed.
        """
        faults = Faults()
        if self._rest:
            faults.add("a block is shorter than it says", self._rest.hex())
        self._rest = b""
        return Decoded([], faults.malformed())

    def datagram(self, data: bytes, received_ms: int) -> Decoded:
        """Take a datagram, which holds whole blocks.

        Args:
            data: The datagram.
            received_ms: When it was received, milliseconds since 1970.

        Returns:
            What it says.
        """
        reports, malformed = self.decode(data, received_ms)
        return Decoded(reports, malformed + self.finish(received_ms).malformed)

    def _block(
        self, category: int, body: bytes, received_ms: int, reports: list[Report], faults: Faults
    ) -> None:
        """Add the reports of one block."""
        if category not in (21, 62):
            if category not in _WITHOUT_TARGETS:
                faults.add(f"category {category:03d} is not read", body.hex())
            return
        records = self._reader.records(category, body, faults)
        if category == 62:
            for record in records:
                report = self._track(record, received_ms, faults)
                if report is not None:
                    reports.append(report)
            return
        for record in records:
            report = _target(record, received_ms, faults)
            if report is not None:
                reports.append(report)

    def _track(self, record: Record, received_ms: int, faults: Faults) -> Report | None:
        """Return a report of a record of category 062; None if there can be none."""
        source, number = record.unsigned("I062/010"), record.unsigned("I062/040")
        if number is None:
            faults.add("a track has no number", repr(record.words))
            return None
        track_id = f"track:{(source or 0) >> 8}-{(source or 0) & 0xFF}-{number}"
        is_last, is_first = record.octet("I062/080", 1) & 0x40, record.octet("I062/080", 1) & 0x20
        if is_first:
            self._identities.pop(track_id, None)
        address = record.unsigned("I062/380/ADR")
        if address not in (None, 0, 0xFFFFFF):
            self._identities[track_id] = (f"icao:{address:06x}", received_ms)
            self._identities.move_to_end(track_id)
            if len(self._identities) > AIRCRAFT_MAX:
                self._identities.popitem(last=False)
        known_id, told_ms = self._identities.get(track_id, (track_id, received_ms))
        if is_last:
            self._identities.pop(track_id, None)
        aircraft_id = known_id if received_ms - told_ms <= IDENTITY_KEPT_MS else track_id
        return _system_track(aircraft_id, record, received_ms, faults)


def _target(record: Record, received_ms: int, faults: Faults) -> Report | None:
    """Return a report of a record of category 021; None if there can be none."""
    address = record.unsigned("I021/080")
    if address is None:
        faults.add("a target has no address", repr(record.words))
        return None
    number = record.unsigned("I021/161")
    if record.octet("I021/040", 0) >> 5 == 0 and address not in (0, 0xFFFFFF):
        aircraft_id = f"icao:{address:06x}"
    else:  # not an address of ICAO, or one that two aircraft have
        aircraft_id = f"track:{address:06x}" if number is None else f"track:{address:06x}-{number & 0xFFF}"
    if record.octet("I021/040", 0) & 0x02 or record.octet("I021/040", 1) & 0x30:
        faults.add("a target is simulated, or a test", aircraft_id)
        return None
    if record.octet("I021/040", 2) & 0x3A:
        faults.add("a target's position is false by what its station found", aircraft_id)
        return None
    position = _position(record, "I021/131", 30) or _position(record, "I021/130", 23)
    at_ms = _at_ms(record, ("I021/071", "I021/073", "I021/077"), received_ms)
    if position is None:
        return None
    if at_ms is None:
        faults.add("a time is after the end of the day", aircraft_id)
        return None
    vector, height = record.unsigned("I021/160"), record.signed("I021/140")
    speed_mps = track_deg = math.nan
    if vector is not None:
        track_deg = (vector & 0xFFFF) * 360.0 / 2**16
        if not vector >> 31:  # else it is beyond what can be written
            speed_mps = (vector >> 16) * NAUTICAL_MILE_M / 2**14
    accuracy = record.octet("I021/090", 1) >> 1 & 0x0F
    return Report(
        id=aircraft_id,
        at_ms=at_ms,
        latitude_deg=position[0],
        longitude_deg=position[1],
        altitude_m=math.nan if height in (None, 0x7FFF) else height * _HEIGHT_STEP_FT * FOOT_M,
        pressure_altitude_ft=record.scaled("I021/145", _LEVEL_STEP_FT),
        ground_speed_mps=speed_mps,
        track_deg=track_deg,
        vertical_rate_mps=_target_rate_mps(record),
        horizontal_error_m=EPU_M.get(accuracy, math.nan),
        selected_altitude_ft=_selected_ft(record, "I021/146"),
        on_ground=bool(record.octet("I021/040", 1) & 0x40),
        kind=_KINDS.get(record.unsigned("I021/020") or 0, TrackKind.UNKNOWN),
        callsign=_word(record, "callsign", faults),
        squawk=_word(record, "mode3a", faults),
    )


def _system_track(aircraft_id: str, record: Record, received_ms: int, faults: Faults) -> Report | None:
    """Return a report of a record of category 062; None if there can be none."""
    if record.octet("I062/080", 1) & 0x80:
        faults.add("a track is simulated", aircraft_id)
        return None
    if record.octet("I062/080", 3) & 0x80:
        faults.add("a track is only extrapolated by its tracker", aircraft_id)
        return None
    position = _position(record, "I062/105", 25)
    at_ms = _at_ms(record, ("I062/070",), received_ms)
    if position is None:
        return None
    if at_ms is None:
        faults.add("a time is after the end of the day", aircraft_id)
        return None
    velocity, code = record.unsigned("I062/185"), record.unsigned("I062/060")
    east_mps = north_mps = math.nan
    if velocity is not None:
        east_mps, north_mps = (_signed_16(part) * 0.25 for part in (velocity >> 16, velocity & 0xFFFF))
    pressure_ft = record.scaled("I062/136", _LEVEL_STEP_FT)
    calculated = record.unsigned("I062/135")
    if math.isnan(pressure_ft) and calculated is not None and not calculated >> 15:
        pressure_ft = record.scaled("I062/135", _LEVEL_STEP_FT, 15)
    return Report(
        id=aircraft_id,
        at_ms=at_ms,
        latitude_deg=position[0],
        longitude_deg=position[1],
        altitude_m=record.scaled("I062/130", _HEIGHT_STEP_FT * FOOT_M),
        pressure_altitude_ft=pressure_ft,
        ground_speed_mps=math.hypot(east_mps, north_mps),
        track_deg=math.degrees(math.atan2(east_mps, north_mps)) % 360.0 if velocity else math.nan,
        vertical_rate_mps=record.scaled("I062/220", _HEIGHT_STEP_FT * FOOT_PER_MINUTE_MPS),
        horizontal_error_m=_horizontal_error_m(record, position[0]),
        vertical_error_m=_vertical_error_m(record),
        selected_altitude_ft=_selected_ft(record, "I062/380/SAL"),
        on_ground=_is_on_ground(record),
        kind=TrackKind.VEHICLE
        if record.unsigned("I062/300")
        else _KINDS.get(record.unsigned("I062/380/EMC") or 0, TrackKind.UNKNOWN),
        callsign=_word(record, "callsign", faults) or _word(record, "target_identification", faults),
        squawk=None if code is None or code & 0xC000 else f"{code & 0xFFF:04o}",
    )


def _position(record: Record, item: str, power: int) -> tuple[float, float] | None:
    """Return latitude and longitude of an item whose step is 180 degrees by a power of two."""
    found = record.items.get(item)
    if found is None:
        return None
    value, bits = found
    half = bits // 2
    unit = 180.0 / 2**power
    latitude, longitude = value >> half, value & (1 << half) - 1
    sign = 1 << half - 1
    return ((latitude ^ sign) - sign) * unit, ((longitude ^ sign) - sign) * unit


def _at_ms(record: Record, items: tuple[str, ...], received_ms: int) -> int | None:
    """Return the instant next to the reception that is so long after a midnight in UTC.

    Returns:
        That of the first item that is there; the reception if there is none; None if it is no time of day.
    """
    steps = next((step for step in map(record.unsigned, items) if step is not None), None)
    if steps is None:
        return received_ms
    of_day_ms = round(steps * 1000 / _STEPS_PER_S)
    if of_day_ms >= _DAY_MS:
        return None
    behind_ms = (received_ms - of_day_ms) % _DAY_MS
    return received_ms - behind_ms + (_DAY_MS if behind_ms > _DAY_MS // 2 else 0)


def _target_rate_mps(record: Record) -> float:
    """Return the vertical rate of a target, by pressure if it is told, else by satellite."""
    for item in ("I021/155", "I021/157"):
        value = record.unsigned(item)
        if value is not None and not value >> 15:  # else it is beyond what can be written
            return record.scaled(item, _HEIGHT_STEP_FT * FOOT_PER_MINUTE_MPS, 15)
    return math.nan


def _selected_ft(record: Record, item: str) -> float:
    """Return the altitude that is selected; NaN where none is, or the one that it has is told instead."""
    value = record.unsigned(item)
    return math.nan if value is None or value >> 13 == 0b101 else record.scaled(item, _LEVEL_STEP_FT, 13)


def _is_on_ground(record: Record) -> bool:
    """Return whether a track is on the ground, by its tracker or by its transponder."""
    flight_status = (record.unsigned("I062/380/COM") or 0) >> 10 & 0b111
    ground_bit = (record.unsigned("I062/380/SAB") or 0) >> 9 & 1
    return bool(record.octet("I062/080", 5) & 0x10) or flight_status in (1, 3) or ground_bit == 1


def _horizontal_error_m(record: Record, latitude_deg: float) -> float:
    """Return the 95 % error of a track's position; NaN where it is not told."""
    plane, globe = record.unsigned("I062/500/APC"), record.unsigned("I062/500/APW")
    if globe is not None:
        north_m = (globe >> 16) * 180.0 / 2**25 * _LATITUDE_M
        east_m = (globe & 0xFFFF) * 180.0 / 2**25 * _LATITUDE_M * math.cos(math.radians(latitude_deg))
        return PLANE_SIGMAS * max(north_m, east_m) or math.nan
    if plane is not None:
        return PLANE_SIGMAS * max(plane >> 16, plane & 0xFFFF) * 0.5 or math.nan
    return math.nan


def _vertical_error_m(record: Record) -> float:
    """Return the 95 % error of a track's altitude, the greater of both; NaN where none is told."""
    geometric, barometric = record.unsigned("I062/500/AGA") or 0, record.unsigned("I062/500/ABA") or 0
    most_ft = max(geometric * _HEIGHT_STEP_FT, barometric * _LEVEL_STEP_FT)
    return LINE_SIGMAS * most_ft * FOOT_M or math.nan


def _signed_16(value: int) -> int:
    return (value ^ 0x8000) - 0x8000


def _word(record: Record, name: str, faults: Faults) -> str | None:
    word = record.words.get(name)
    return word_of(word, "a callsign or a squawk", faults) if isinstance(word, str) else None
