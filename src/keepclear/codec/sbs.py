"""SBS-1 (BaseStation) lines, as receivers give them on port 30003.

A line is one message of one aircraft: position, velocity or identity. They are put together by aircraft
(`adsb.AircraftHeard`), and each position becomes a report. What a field does not tell is empty; producers
differ in which they fill, and some leave out those at the end.

A report is of the instant when its line was received: the times in a line are local times of the producer,
without a zone.

Left aside as the format has it: the types SEL, ID, AIR, STA and CLK, and the numbers by which the producer's
database knows sessions, aircraft and flights.

Source:
    "Socket Data" of Kinetic's BaseStation, as written down at woodair.net.
"""

from __future__ import annotations

import math
import re
from typing import Final

from keepclear.codec.adsb import Aircraft, AircraftHeard, Told, address_id, word_of
from keepclear.codec.decoding import Decoded, Faults
from keepclear.codec.lines import LineCutter
from keepclear.core.reports import Report
from keepclear.core.units import FOOT_PER_MINUTE_MPS, KNOT_MPS

_OTHER_TYPES: Final = frozenset(("SEL", "ID", "AIR", "STA", "CLK"))
_TRANSMISSIONS: Final = frozenset("12345678")
_SURFACE_POSITION: Final = "2"
_FIELDS_MIN: Final = 5
_FIELDS: Final = 22
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})", re.ASCII)
_FLAGS: Final = {"-1": 1.0, "1": 1.0, "0": 0.0}

_TYPE, _TRANSMISSION, _ADDRESS, _CALLSIGN, _LATITUDE, _LONGITUDE, _SQUAWK, _ON_GROUND = (
    0,
    1,
    4,
    10,
    14,
    15,
    17,
    21,
)
_NUMBERS: Final = (
    (11, Told.PRESSURE_ALTITUDE_FT, 1.0),
    (12, Told.GROUND_SPEED_MPS, KNOT_MPS),
    (13, Told.TRACK_DEG, 1.0),
    (16, Told.VERTICAL_RATE_MPS, FOOT_PER_MINUTE_MPS),
)
"""Which field tells which number, and what one of its units is."""


class SbsDecoder:
    """Reads a stream of lines; see `decoding.Decoder`."""

    def __init__(self) -> None:
        self._cutter = LineCutter()
        self._heard = AircraftHeard()

    def decode(self, data: bytes, received_ms: int) -> Decoded:
        """Take the next piece of the stream.

        Args:
            data: The piece.
            received_ms: When it was received, milliseconds since 1970.

        Returns:
            A report for each line with a position that is complete now.
        """
        faults = Faults()
        return self._decoded(self._cutter.cut(data, faults), received_ms, faults)

    def finish(self, received_ms: int) -> Decoded:
        """Take note that the stream has ended, and forget all aircraft.

        Args:
            received_ms: When that was, milliseconds since 1970.

        Returns:
            The report of the last line, if it has a position.
        """
        faults = Faults()
        decoded = self._decoded(self._cutter.finish(faults), received_ms, faults)
        self._heard = AircraftHeard()
        return decoded

    def _decoded(self, lines: list[bytes], received_ms: int, faults: Faults) -> Decoded:
        reports = []
        for line in lines:
            report = self._line(line, received_ms, faults)
            if report is not None:
                reports.append(report)
        return Decoded(reports, faults.malformed())

    def _line(self, line: bytes, received_ms: int, faults: Faults) -> Report | None:
        """Take in one line; return a report if it tells a position."""
        fields = line.decode("utf-8", "backslashreplace").split(",")
        if fields[_TYPE] != "MSG":
            if fields[_TYPE].strip() not in _OTHER_TYPES:
                faults.add("a line is no BaseStation message", line)
            return None
        aircraft_id = address_id(fields[_ADDRESS].strip()) if len(fields) >= _FIELDS_MIN else None
        if aircraft_id is None or fields[_TRANSMISSION] not in _TRANSMISSIONS:
            faults.add("a message tells no transmission type of 1 to 8, or no address of 24 bits", line)
            return None
        fields += [""] * (_FIELDS - len(fields))
        aircraft = self._heard.hear(aircraft_id, received_ms)
        is_whole = self._tell(aircraft, fields, faults)
        latitude_deg, longitude_deg = _number(fields[_LATITUDE]), _number(fields[_LONGITUDE])
        is_positioned = not math.isnan(latitude_deg + longitude_deg)
        if not is_whole or (not is_positioned and (fields[_LATITUDE] + fields[_LONGITUDE]).strip()):
            faults.add("a field of a message is not a number", line)
        return aircraft.report(latitude_deg, longitude_deg) if is_positioned else None

    @staticmethod
    def _tell(aircraft: Aircraft, fields: list[str], faults: Faults) -> bool:
        """Note what a message tells beside a position; return whether all its numbers are numbers."""
        is_whole = True
        for place, told, unit in _NUMBERS:
            text = fields[place]
            if text:
                value = _number(text)
                if not math.isnan(value):
                    aircraft.tell(told, value * unit)
                elif text.strip():
                    is_whole = False
        on_ground = _FLAGS.get(fields[_ON_GROUND].strip())
        if fields[_TRANSMISSION] == _SURFACE_POSITION:
            on_ground = 1.0
        if on_ground is not None:
            aircraft.tell(Told.ON_GROUND, on_ground)
        if fields[_CALLSIGN]:
            aircraft.callsign = word_of(fields[_CALLSIGN], "a callsign", faults) or aircraft.callsign
        if fields[_SQUAWK]:
            aircraft.squawk = word_of(fields[_SQUAWK], "a squawk", faults) or aircraft.squawk
        return is_whole


def _number(text: str) -> float:
    """Return a plain number; NaN if it is none."""
    bare = text.strip()  # of more kinds of space than `float` takes
    return float(bare) if _NUMBER.fullmatch(bare) else math.nan
