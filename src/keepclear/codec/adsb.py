"""What the feeds of ADS-B receivers share: ids, categories, accuracies, and what was said of each aircraft.

A receiver hears position, velocity and identity of an aircraft in separate messages. Formats that pass the
messages on one by one are put together here: a position becomes a report with the newest of all else.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from keepclear.codec.decoding import AIRCRAFT_MAX, Faults
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import CALLSIGN_CHARACTERS_MAX
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report
from keepclear.core.units import FOOT_M

FORGET_MS: Final = 60_000
"""What was said of an aircraft is forgotten when nothing was heard of it for so long."""
VALUE_AGE_MAX_MS: Final = 15_000
"""A speed, a direction or a rate that was told longer ago is not put into a report."""
ALTITUDE_AGE_MAX_MS: Final = 5_000
"""Nor is an altitude: at 6,000 ft/min it is 500 ft off by then."""

EPU_M: Final[Mapping[int, float]] = MappingProxyType(
    {
        1: 18_520.0,
        2: 7_408.0,
        3: 3_704.0,
        4: 1_852.0,
        5: 926.0,
        6: 556.0,
        7: 185.0,
        8: 93.0,
        9: 30.0,
        10: 10.0,
        11: 3.0,
    }
)
"""The 95 % error of a position in metres, by its navigation accuracy category (NACp, DO-260B)."""
CATEGORY_KINDS: Final[Mapping[str, TrackKind]] = MappingProxyType(
    # A1, light, is said by helicopters too.
    dict.fromkeys(("A2", "A3", "A4", "A5", "A6"), TrackKind.AEROPLANE)
    | {
        "A7": TrackKind.HELICOPTER,
        "B6": TrackKind.DRONE,
        "C1": TrackKind.VEHICLE,
        "C2": TrackKind.VEHICLE,
    }
)
"""What an emitter category says of the kind; all others say nothing that we tell apart."""

_ADDRESS: Final = re.compile(r"(~?)([0-9A-Fa-f]{6})", re.ASCII)


def address_id(text: str) -> str | None:
    """Return the id of an aircraft by its address as receivers write it.

    Args:
        text: Six hexadecimal digits; a `~` before them says that this is not an address of ICAO.

    Returns:
        `icao:4b1814`, or `track:4b1814` where another source may use the number for something else; None
        if it is no address.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None:
        return None
    return f"{'track' if found[1] else 'icao'}:{found[2].lower()}"


def word_of(text: str | None, what: str, faults: Faults) -> str | None:
    """Return a callsign or a squawk without spaces round it; None if it is empty or none at all.

    One that is none does not spoil the position that came with it, and is counted.

    Args:
        text: As it is written.
        what: What it is, for people.
        faults: Where it is counted if it is too long, or not printable.
    """
    if text is None:
        return None
    word = text.strip()
    if len(word) > CALLSIGN_CHARACTERS_MAX or not word.isprintable():
        faults.add(f"{what} is not at most {CALLSIGN_CHARACTERS_MAX} printable characters", text)
        return None
    return word or None


class Told(IntEnum):
    """A number that is told of an aircraft; what each means, `Report` says."""

    ALTITUDE_M = 0
    PRESSURE_ALTITUDE_FT = 1
    GROUND_SPEED_MPS = 2
    TRACK_DEG = 3
    VERTICAL_RATE_MPS = 4
    HORIZONTAL_ERROR_M = 5
    SELECTED_ALTITUDE_FT = 6
    GEOMETRIC_OFFSET_FT = 7
    """How much higher than the pressure altitude the altitude above the ellipsoid is."""
    ON_GROUND = 8
    """1.0 or 0.0."""


_AGES_MAX_MS: Final = tuple(
    ALTITUDE_AGE_MAX_MS if told in (Told.ALTITUDE_M, Told.PRESSURE_ALTITUDE_FT) else VALUE_AGE_MAX_MS
    for told in Told
)


class Aircraft:
    """What was said of one aircraft, and when.

    Attributes:
        id: Its id.
        heard_ms: When anything was heard of it last, milliseconds since 1970.
        callsign: What it is called by radio.
        squawk: Its transponder code.
        kind: What it is.
        flown_at: Where it was in flight last; None if that is not known.
    """

    __slots__ = ("_numbers", "_told_ms", "callsign", "flown_at", "heard_ms", "id", "kind", "squawk")

    def __init__(self, aircraft_id: str) -> None:
        self.id = aircraft_id
        self.heard_ms = 0
        self.callsign: str | None = None
        self.squawk: str | None = None
        self.kind = TrackKind.UNKNOWN
        self.flown_at: LatLng | None = None
        self._numbers = [math.nan] * len(Told)
        self._told_ms = [0] * len(Told)

    def tell(self, told: Told, value: float) -> None:
        """Note a number, as of when it was heard last.

        Args:
            told: Which one.
            value: In the unit that its name says; NaN takes back what was said.
        """
        self._numbers[told] = value
        self._told_ms[told] = self.heard_ms

    def report(self, latitude_deg: float, longitude_deg: float) -> Report:
        """Return a report of its position at the instant when it was heard last.

        Args:
            latitude_deg: Where it is, degrees.
            longitude_deg: Where it is, degrees.
        """
        now_ms = self.heard_ms
        values = [
            value if 0 <= now_ms - told_ms <= age_max_ms else math.nan
            for value, told_ms, age_max_ms in zip(self._numbers, self._told_ms, _AGES_MAX_MS, strict=True)
        ]
        altitude_m, pressure_ft, speed_mps, track_deg, rate_mps, error_m, selected_ft, offset_ft, ground = (
            values
        )
        if math.isnan(altitude_m):
            altitude_m = (pressure_ft + offset_ft) * FOOT_M
        return Report(
            self.id,
            now_ms,
            latitude_deg,
            longitude_deg,
            altitude_m,
            pressure_ft,
            speed_mps,
            track_deg,
            rate_mps,
            error_m,
            math.nan,
            selected_ft,
            ground == 1.0,
            self.kind,
            self.callsign,
            self.squawk,
        )


class AircraftHeard:
    """Remembers the aircraft heard lately, no more than `AIRCRAFT_MAX` of them."""

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, Aircraft] = OrderedDict()

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._by_id)

    def __contains__(self, aircraft_id: str) -> bool:
        """Return whether something was heard of an aircraft lately."""
        return aircraft_id in self._by_id

    def hear(self, aircraft_id: str, now_ms: int) -> Aircraft:
        """Note that something was heard of an aircraft; forget those of which nothing was for long.

        Args:
            aircraft_id: Its id.
            now_ms: When, milliseconds since 1970.

        Returns:
            What is known of it.
        """
        by_id = self._by_id
        aircraft = by_id.get(aircraft_id)
        if aircraft is None or now_ms - aircraft.heard_ms > FORGET_MS:
            aircraft = by_id[aircraft_id] = Aircraft(aircraft_id)
        aircraft.heard_ms = now_ms
        by_id.move_to_end(aircraft_id)
        oldest = next(iter(by_id.values()))
        while now_ms - oldest.heard_ms > FORGET_MS or len(by_id) > AIRCRAFT_MAX:
            del by_id[oldest.id]
            oldest = next(iter(by_id.values()))
        return aircraft
