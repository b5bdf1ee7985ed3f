"""Altitudes and their datums, and the band in W84 metres that stands for them.

Everything is compared as height above the WGS84 ellipsoid. An altitude of another datum is widened
*outwards* by what is not known of it: a lower bound goes down, an upper bound goes up. What cannot
be bounded is an error that says what is missing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Final, assert_never

from keepclear.core.errors import InvalidValueError
from keepclear.core.units import FLIGHT_LEVEL_FT, feet_to_m

GEOID_BELOW_M: Final = 107.0
"""Mean sea level lies at most so far below the ellipsoid (Indian Ocean), EGM96 and EGM2008."""
GEOID_ABOVE_M: Final = 86.0
"""Mean sea level lies at most so far above the ellipsoid (New Guinea), EGM96 and EGM2008."""
ALTITUDE_MIN_M: Final = -12_000.0
"""No altitude may be lower: it would be under the deepest sea floor."""
ALTITUDE_MAX_M: Final = 1_000_000.0
"""No altitude may be higher; use no bound instead."""
HEIGHT_MAX_M: Final = 1_100_000.0
"""No bound of a band is farther from the ellipsoid: room for widening and for a shift."""

_STANDARD_PRESSURE_HPA: Final = 1013.25
_STANDARD_TEMPERATURE_K: Final = 288.15
_LAPSE_K_PER_M: Final = 0.0065
_TROPOPAUSE_M: Final = 11_000.0
_PRESSURE_EXPONENT: Final = 0.190263


class Datum(Enum):
    """What an altitude is measured from."""

    W84 = "W84"
    """The WGS84 ellipsoid."""
    MSL = "MSL"
    """Mean sea level."""
    FL = "FL"
    """Standard pressure: a flight level, or a pressure altitude."""
    AGL = "AGL"
    """Above the ground; needs terrain and is refused."""


class LengthUnit(Enum):
    """The unit that an altitude was given in."""

    M = "M"
    FT = "FT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Atmosphere:
    """Between which bounds the air may be where flight levels are used.

    Attributes:
        qnh_min_hpa: The least sea-level pressure, hPa.
        qnh_max_hpa: The greatest sea-level pressure, hPa.
        isa_deviation_min_k: How much colder than the standard atmosphere it may be, K (negative).
        isa_deviation_max_k: How much warmer than the standard atmosphere it may be, K.

    Raises:
        InvalidValueError: A bound is out of range or the bounds are reversed.
    """

    qnh_min_hpa: float
    qnh_max_hpa: float
    isa_deviation_min_k: float = -40.0
    isa_deviation_max_k: float = 40.0

    def __post_init__(self) -> None:
        if not 850.0 <= self.qnh_min_hpa <= self.qnh_max_hpa <= 1100.0:
            raise InvalidValueError("qnh", "give the least and the greatest pressure, within 850..1100 hPa")
        if not -80.0 <= self.isa_deviation_min_k <= self.isa_deviation_max_k <= 80.0:
            raise InvalidValueError(
                "isa_deviation", "give the least and the greatest deviation, within -80..80 K"
            )

    def msl_bounds_m(self, pressure_altitude_m: float) -> tuple[float, float]:
        """Return between which heights above mean sea level a pressure altitude can lie, metres.

        Source:
            ICAO standard atmosphere (Doc 7488): altimeter equation for the pressure at sea level; a
            column of air is longer by the ratio of its mean temperature to the standard one.
        """
        found = []
        for qnh_hpa in (self.qnh_min_hpa, self.qnh_max_hpa):
            ratio: float = (qnh_hpa / _STANDARD_PRESSURE_HPA) ** _PRESSURE_EXPONENT
            indicated_m = pressure_altitude_m - (1.0 - ratio) * _STANDARD_TEMPERATURE_K / _LAPSE_K_PER_M
            top_k = _STANDARD_TEMPERATURE_K - _LAPSE_K_PER_M * min(max(indicated_m, 0.0), _TROPOPAUSE_M)
            # The coldest standard air of the column stands for its mean: the ratio errs outwards.
            for deviation_k in (self.isa_deviation_min_k, self.isa_deviation_max_k):
                found.append(indicated_m * (1.0 + deviation_k / top_k))
        return min(found), max(found)


UNKNOWN_AIR: Final = Atmosphere(qnh_min_hpa=870.0, qnh_max_hpa=1085.0)
"""The air of which nothing is known: the least and the greatest pressure at sea level ever measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Altitude:
    """An altitude as somebody stated it.

    Attributes:
        value: The number, in `unit`; a flight level in hundreds of feet is given as its feet.
        unit: The unit of `value`.
        datum: What it is measured from.

    Raises:
        InvalidValueError: It is not finite, or lies outside `ALTITUDE_MIN_M`..`ALTITUDE_MAX_M`.
    """

    value: float
    unit: LengthUnit = LengthUnit.M
    datum: Datum = Datum.W84

    def __post_init__(self) -> None:
        if not ALTITUDE_MIN_M <= self.value_m <= ALTITUDE_MAX_M:
            raise InvalidValueError(
                "value",
                f"{self.value!r} {self.unit.value} is not an altitude within"
                f" {ALTITUDE_MIN_M:,.0f}..{ALTITUDE_MAX_M:,.0f} m; leave it out for no bound",
            )

    @classmethod
    def flight_level(cls, level: float) -> Altitude:
        """Return the altitude of a flight level such as 350 (35,000 ft at standard pressure)."""
        return cls(value=level * FLIGHT_LEVEL_FT, unit=LengthUnit.FT, datum=Datum.FL)

    @property
    def value_m(self) -> float:
        """The number in metres, above its own datum."""
        return feet_to_m(self.value) if self.unit is LengthUnit.FT else self.value

    def w84_bounds_m(self, atmosphere: Atmosphere | None = None) -> tuple[float, float]:
        """Return between which heights above the ellipsoid it lies, metres.

        Args:
            atmosphere: The bounds of pressure and temperature; needed for flight levels only.

        Raises:
            InvalidValueError: It is above ground, or a flight level without an atmosphere.
        """
        match self.datum:
            case Datum.W84:
                return self.value_m, self.value_m
            case Datum.MSL:
                return self.value_m - GEOID_BELOW_M, self.value_m + GEOID_ABOVE_M
            case Datum.FL:
                if atmosphere is None:
                    raise InvalidValueError(
                        "datum",
                        "a flight level needs the bounds of the pressure at sea level;"
                        " state them (--qnh 980,1040)",
                    )
                low_m, high_m = atmosphere.msl_bounds_m(self.value_m)
                return low_m - GEOID_BELOW_M, high_m + GEOID_ABOVE_M
            case Datum.AGL:
                raise InvalidValueError(
                    "datum",
                    "a height above ground needs terrain, which is not known here; give it above W84 or MSL",
                )
            case _:
                assert_never(self.datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class AltitudeBand:
    """A closed band of heights above the WGS84 ellipsoid.

    Attributes:
        lower_m: The lowest height, metres; minus infinity where there is no lower bound.
        upper_m: The highest height, metres; infinity where there is no upper bound.

    Raises:
        InvalidValueError: A bound is not a number or beyond `HEIGHT_MAX_M`, or the lower is above the
            upper.
    """

    lower_m: float = -math.inf
    upper_m: float = math.inf

    def __post_init__(self) -> None:
        if math.isnan(self.lower_m) or math.isnan(self.upper_m):
            raise InvalidValueError("altitude", "a bound is not a number")
        for bound_m, without_m in ((self.lower_m, -math.inf), (self.upper_m, math.inf)):
            if bound_m != without_m and abs(bound_m) > HEIGHT_MAX_M:
                raise InvalidValueError(
                    "altitude", f"a bound of {bound_m:g} m is beyond {HEIGHT_MAX_M:,.0f} m"
                )
        if self.lower_m > self.upper_m:
            raise InvalidValueError(
                "altitude_lower", f"it is above altitude_upper ({self.lower_m:g} m > {self.upper_m:g} m)"
            )

    @property
    def middle_m(self) -> float:
        """A height inside: the middle, or the bound that there is, or 0.0 without bounds."""
        if math.isinf(self.lower_m) and math.isinf(self.upper_m):
            return 0.0
        if math.isinf(self.lower_m):
            return self.upper_m
        if math.isinf(self.upper_m):
            return self.lower_m
        return self.lower_m + (self.upper_m - self.lower_m) / 2.0

    def shifted(self, shift_m: float) -> AltitudeBand:
        """Return the band moved by so many metres, up when positive."""
        return AltitudeBand(lower_m=self.lower_m + shift_m, upper_m=self.upper_m + shift_m)


UNBOUNDED: Final = AltitudeBand()
"""The band without bounds."""


def band_of(
    lower: Altitude | None, upper: Altitude | None, atmosphere: Atmosphere | None = None
) -> AltitudeBand:
    """Return the band in W84 metres that surely contains what was stated.

    Args:
        lower: The lower bound as stated, or None for no bound.
        upper: The upper bound as stated, or None for no bound.
        atmosphere: See `Altitude.w84_bounds_m`.

    Raises:
        InvalidValueError: A bound cannot be converted, or the lower is above the upper in one datum.
    """
    bounds = [-math.inf, math.inf]
    for side, (name, stated) in enumerate((("altitude_lower", lower), ("altitude_upper", upper))):
        if stated is not None:
            try:
                bounds[side] = stated.w84_bounds_m(atmosphere)[side]
            except InvalidValueError as error:
                raise error.within(name) from None
    # Widening could hide that the bounds as stated are reversed.
    if (
        lower is not None
        and upper is not None
        and lower.datum is upper.datum
        and lower.value_m > upper.value_m
    ):
        raise InvalidValueError(
            "altitude_lower", f"it is above altitude_upper ({lower.value_m:g} m > {upper.value_m:g} m)"
        )
    return AltitudeBand(lower_m=bounds[0], upper_m=bounds[1])
