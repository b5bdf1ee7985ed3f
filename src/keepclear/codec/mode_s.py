"""Mode S extended squitters (ADS-B) to reports, by pyModeS (extra `adsb`).

pyModeS has another licence than this package; so `ModeS` is only made in a process of its own, and pyModeS is
imported when it is. It puts even and odd positions together, and withholds those of an aircraft until several
agree. What is told in other messages is added from `adsb.AircraftHeard`.

Left aside as they tell no position of this kind: all downlink formats but 17 and 18, and of format 18 what
is neither ADS-B nor a fine position of TIS-B or ADS-R (control fields 3, 4, 7). Positions on the ground stand
for one place within every 90 NM or so: they are left aside unless it is known where the receiver is.

Source:
    ICAO Doc 9871 (messages), Annex 10 volume IV (parity), DO-260B (accuracies).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

from keepclear.codec.adsb import CATEGORY_KINDS, EPU_M, FORGET_MS, Aircraft, AircraftHeard, Told, word_of
from keepclear.codec.decoding import AIRCRAFT_MAX, Faults
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report
from keepclear.core.units import FOOT_M, FOOT_PER_MINUTE_MPS, KNOT_MPS

FRAMES_PER_SECOND_MAX: Final = 200
"""So many frames of one aircraft are taken in a second: it sends about 6, which many receivers may hear."""

_GROUND_REACH_DEG: Final = 45.0 / 60.0
_LONG_FRAME_BYTES: Final = 14
_ADSB, _NOT_TRANSPONDER = 17, 18
_CONTROL_PREFIXES: Final = {0: "icao", 1: "track", 2: "track", 5: "track", 6: "icao"}
"""By the control field of format 18, what kind of id an address makes; others tell no fine position."""
_CATEGORY_SETS: Final = {4: "A", 3: "B", 2: "C"}
_PRESSURE_TYPES: Final = range(9, 19)
_FAULTS_OF_PYMODES: Final = (ValueError, LookupError, ArithmeticError, TypeError)


def _parity_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        rest = byte << 16
        for _ in range(8):
            rest = (rest << 1) ^ 0x1FFF409 if rest & 0x800000 else rest << 1
        table.append(rest)
    return tuple(table)


_PARITY: Final = _parity_table()


def parity_rest(frame: bytes) -> int:
    """Return the rest of a frame by the generator polynomial of Mode S.

    Args:
        frame: All its bytes, with the parity at the end.

    Returns:
        0 for an extended squitter that was received without an error.

    Source:
        ICAO Annex 10 volume IV, 3.1.2.3.3.
    """
    rest = 0
    for byte in frame[:-3]:
        rest = ((rest << 8) & 0xFFFFFF) ^ _PARITY[(rest >> 16) ^ byte]
    return rest ^ int.from_bytes(frame[-3:], "big")


class ModeS:
    """Makes reports of frames.

    Args:
        near: Where the one receiver is, within 45 NM of all that it hears on the ground; without it, no
            position on the ground is told.

    Raises:
        InvalidValueError: The extra `adsb` is not installed.
    """

    def __init__(self, near: LatLng | None = None) -> None:
        try:
            from pyModeS import PipeDecoder  # noqa: PLC0415  # only in a process of its own
        except ImportError:
            raise InvalidValueError("", "Mode S needs pyModeS: pip install 'keepclear[adsb]'") from None
        self._near = near
        self._pipe = PipeDecoder(surface_ref=near, eviction_ttl=FORGET_MS / 1000.0)
        self._heard = AircraftHeard()
        self._second = 0
        self._counts: dict[bytes, int] = {}

    def reports(self, frames: Iterable[bytes], received_ms: int, faults: Faults) -> list[Report]:
        """Take frames in.

        Args:
            frames: The bytes of each.
            received_ms: When they were received, milliseconds since 1970.
            faults: Where it is counted what is not understood.

        Returns:
            A report for each frame with a position that can be resolved, as of `received_ms`.
        """
        if received_ms // 1000 != self._second:
            self._second = received_ms // 1000
            self._counts.clear()
        reports = []
        for frame in frames:
            aircraft_id = _id_of(frame)
            if aircraft_id is None:
                continue
            if parity_rest(frame) != 0:
                faults.add("the parity of a frame is wrong", frame.hex())
            elif self._takes(frame, aircraft_id, faults):
                report = self._report(frame, self._heard.hear(aircraft_id, received_ms), faults)
                if report is not None:
                    reports.append(report)
        return reports

    def _takes(self, frame: bytes, aircraft_id: str, faults: Faults) -> bool:
        """Return whether a frame may go to pyModeS, which remembers it: that must not grow without bound."""
        address = frame[1:4]
        if aircraft_id not in self._heard and len(self._heard) >= AIRCRAFT_MAX:
            faults.add(f"there are more than {AIRCRAFT_MAX:,} aircraft", frame.hex())
            return False
        count = self._counts[address] = self._counts.get(address, 0) + 1
        if count > FRAMES_PER_SECOND_MAX:
            faults.add(f"an aircraft sends over {FRAMES_PER_SECOND_MAX} frames in a second", frame.hex())
            return False
        return True

    def _report(self, frame: bytes, aircraft: Aircraft, faults: Faults) -> Report | None:
        """Note what a frame tells; return a report if that is a position."""
        try:
            told = self._pipe.decode(frame.hex(), timestamp=aircraft.heard_ms / 1000.0)
        except _FAULTS_OF_PYMODES:
            faults.add("a frame cannot be decoded", frame.hex())
            return None
        _tell(aircraft, told, faults)
        latitude_deg, longitude_deg = told.get("latitude"), told.get("longitude")
        if latitude_deg is None or longitude_deg is None:
            return None
        if told.get("bds") == "0,5":
            aircraft.flown_at = LatLng(latitude_deg, longitude_deg)
        elif self._is_far(aircraft.flown_at):
            faults.add(
                "a position on the ground is of an aircraft that flew far from the receiver", frame.hex()
            )
            return None
        return aircraft.report(latitude_deg, longitude_deg)

    def _is_far(self, place: LatLng | None) -> bool:
        """Return whether a position on the ground near a place cannot be told by where the receiver is."""
        if place is None or self._near is None:
            return False
        north_deg = place.lat_deg - self._near.lat_deg
        east_deg = math.remainder(place.lng_deg - self._near.lng_deg, 360.0)
        east_deg *= math.cos(math.radians(place.lat_deg))
        return math.hypot(north_deg, east_deg) > _GROUND_REACH_DEG


def _id_of(frame: bytes) -> str | None:
    """Return the id of the aircraft that sent a frame; None if the frame is to be left aside."""
    if len(frame) != _LONG_FRAME_BYTES:
        return None
    downlink_format = frame[0] >> 3
    if downlink_format == _ADSB:
        return f"icao:{frame[1:4].hex()}"
    prefix = _CONTROL_PREFIXES.get(frame[0] & 7) if downlink_format == _NOT_TRANSPONDER else None
    return None if prefix is None else f"{prefix}:{frame[1:4].hex()}"


def _tell(aircraft: Aircraft, told: dict[str, Any], faults: Faults) -> None:
    """Note what a decoded frame tells beside the position."""
    match told.get("bds"):
        case "0,5":
            if not told.get("altitude_mismatch"):
                is_pressure = told.get("typecode") in _PRESSURE_TYPES
                name, unit = (Told.PRESSURE_ALTITUDE_FT, 1.0) if is_pressure else (Told.ALTITUDE_M, FOOT_M)
                _tell_number(aircraft, name, told.get("altitude"), unit)
            aircraft.tell(Told.ON_GROUND, 0.0)
        case "0,6":
            _tell_number(aircraft, Told.GROUND_SPEED_MPS, told.get("groundspeed"), KNOT_MPS)
            _tell_number(aircraft, Told.TRACK_DEG, told.get("track"), 1.0)
            aircraft.tell(Told.ON_GROUND, 1.0)
        case "0,8":
            aircraft.callsign = word_of(told.get("callsign"), "a callsign", faults) or aircraft.callsign
            category = f"{_CATEGORY_SETS.get(told['typecode'], '')}{told.get('category')}"
            aircraft.kind = CATEGORY_KINDS.get(category, TrackKind.UNKNOWN)
        case "0,9":
            _tell_number(aircraft, Told.GROUND_SPEED_MPS, told.get("groundspeed"), KNOT_MPS)
            _tell_number(aircraft, Told.TRACK_DEG, told.get("track"), 1.0)
            _tell_number(aircraft, Told.VERTICAL_RATE_MPS, told.get("vertical_rate"), FOOT_PER_MINUTE_MPS)
            _tell_number(aircraft, Told.GEOMETRIC_OFFSET_FT, told.get("geo_minus_baro"), 1.0)
        case "6,1":
            aircraft.squawk = word_of(told.get("squawk"), "a squawk", faults) or aircraft.squawk
        case "6,2" if told.get("subtype") == 1:
            if told.get("selected_altitude_source") == "MCP/FCU":
                _tell_number(aircraft, Told.SELECTED_ALTITUDE_FT, told.get("selected_altitude"), 1.0)
            _tell_number(aircraft, Told.HORIZONTAL_ERROR_M, EPU_M.get(told["nac_p"]), 1.0)
        case "6,5" if told.get("version", 0) >= 1:
            _tell_number(aircraft, Told.HORIZONTAL_ERROR_M, EPU_M.get(told["nac_p"]), 1.0)
        case _:
            pass


def _tell_number(aircraft: Aircraft, name: Told, value: float | None, unit: float) -> None:
    if value is not None:
        aircraft.tell(name, value * unit)
