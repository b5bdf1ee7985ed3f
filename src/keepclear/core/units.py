"""Conversions into SI units; the only place where they are made.

Inside the package every length is in metres, every duration in seconds. Other units exist at the
edges only: in files, on the command line, in what is shown.
"""

from __future__ import annotations

import math
import re
from typing import Final

from keepclear.core.errors import InvalidValueError

FOOT_M: Final = 0.3048
"""The international foot, exact."""
NAUTICAL_MILE_M: Final = 1852.0
"""The international nautical mile, exact."""
FLIGHT_LEVEL_FT: Final = 100.0
"""A flight level is a hundred feet of pressure altitude."""
KNOT_MPS: Final = NAUTICAL_MILE_M / 3_600.0
"""A nautical mile per hour, in metres per second."""
FOOT_PER_MINUTE_MPS: Final = FOOT_M / 60.0
"""A foot per minute, in metres per second."""

_LENGTH_UNITS_M: Final = {
    "mm": 1e-3,
    "m": 1.0,
    "km": 1000.0,
    "ft": FOOT_M,
    "nm": NAUTICAL_MILE_M,
    "nmi": NAUTICAL_MILE_M,
}
_DURATION_UNITS_S: Final = {
    "ms": 1e-3,
    "s": 1.0,
    "min": 60.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
_SPEED_UNITS_MPS: Final = {
    "m/s": 1.0,
    "km/h": 1000.0 / 3600.0,
    "kt": NAUTICAL_MILE_M / 3600.0,
}
_QUANTITY: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*([a-z/]*)\s*", re.ASCII)


def feet_to_m(length_ft: float) -> float:
    """Return a length in metres that was given in feet."""
    return length_ft * FOOT_M


def m_to_feet(length_m: float) -> float:
    """Return a length in feet that was given in metres."""
    return length_m / FOOT_M


def mps_to_knots(speed_mps: float) -> float:
    """Return a speed in knots that was given in metres per second."""
    return speed_mps * 3_600.0 / NAUTICAL_MILE_M


def _quantity(text: str, units: dict[str, float], default_unit: str, what: str) -> float:
    match = _QUANTITY.fullmatch(text.lower())
    if match is None or (match[2] or default_unit) not in units:
        known = ", ".join(units)
        raise InvalidValueError("", f"{text!r} is not a {what}; write a number and one of {known}")
    value = float(match[1]) * units[match[2] or default_unit]
    if not math.isfinite(value):
        raise InvalidValueError("", f"{text!r} is too large for a {what}")
    return value


def parse_length_m(text: str) -> float:
    """Read a length that a person wrote: `500`, `500m`, `3NM`, `1000 ft`.

    Args:
        text: A number that is not negative, and a unit (mm, m, km, ft, NM; without one: m).

    Returns:
        The length in metres.

    Raises:
        InvalidValueError: It is not a number with one of these units.
    """
    return _quantity(text, _LENGTH_UNITS_M, "m", "length")


def parse_duration_s(text: str) -> float:
    """Read a duration that a person wrote: `90`, `90s`, `3min`, `2h`.

    Args:
        text: A number that is not negative, and a unit (ms, s, min or m, h, d; without one: s).

    Returns:
        The duration in seconds.

    Raises:
        InvalidValueError: It is not a number with one of these units.
    """
    return _quantity(text, _DURATION_UNITS_S, "s", "duration")


def parse_speed_mps(text: str) -> float:
    """Read a speed that a person wrote: `60`, `60m/s`, `120kt`, `200 km/h`.

    Args:
        text: A number that is not negative, and a unit (m/s, km/h, kt; without one: m/s).

    Returns:
        The speed in metres per second.

    Raises:
        InvalidValueError: It is not a number with one of these units.
    """
    return _quantity(text, _SPEED_UNITS_MPS, "m/s", "speed")
