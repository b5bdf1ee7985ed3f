"""The picture of all tracks at one instant: a row for each aircraft, as its best source tells of it.

Positions are as they were reported last, each with its instant; nothing is projected here. Age counts
from the last *change* of position: a source that repeats an old position under a fresh time says nothing
new. What is not told is NaN, or None. A track that is no longer heard stays in the picture as it was last
known, with an error that grows, until it is forgotten.

The picture says what is known. What is predicted of it is decided in `foresight`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from enum import Enum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import Floats
from keepclear.core.kinds import TrackKind
from keepclear.core.packed import Ints
from keepclear.core.reports import Flags, OptionalWords
from keepclear.core.units import FOOT_M

AGE_LIMIT_MAX_S: Final = 86_400.0
"""No limit of `Ageing` is longer: a day."""
MIXED_DATUM_ERROR_M: Final = 400.0
"""So far a pressure altitude and a height above the ellipsoid may differ near the ground: 35 hPa of the
pressure at sea level (290 m), and the geoid (107 m)."""
MIXED_DATUM_ERROR_RATIO: Final = 0.07
"""By so much of the height more, because air that is 20 K warmer or colder than standard is longer or
shorter."""

Codes = npt.NDArray[np.uint8]
"""A place in the order of an Enum for each row, shape (n,)."""


class TrackStatus(Enum):
    """How old the last change of position is; the order is that of the codes in a picture."""

    CURRENT = "current"
    """Fresh."""
    COASTING = "coasting"
    """Missed lately; its motion is still well known."""
    DEGRADED = "degraded"
    """Missed for long; where it is now is a guess."""
    LOST = "lost"
    """Last known; not predicted any more."""

    @property
    def code(self) -> int:
        """Its place in the order, from 0."""
        return _CODES[self]


STATUSES: Final = tuple(TrackStatus)
"""A status for each code."""
_CODES: Final = {status: code for code, status in enumerate(STATUSES)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ageing:
    """Up to which age a track is what.

    Attributes:
        current_s: Up to this age it is current.
        coast_s: Up to this age it coasts.
        degraded_s: Up to this age it is degraded; older ones are lost.
        forget_s: So long after it was heard last it is forgotten.

    Raises:
        InvalidValueError: The ages are not positive, do not rise, or are longer than `AGE_LIMIT_MAX_S`.
    """

    current_s: float = 5.0
    coast_s: float = 15.0
    degraded_s: float = 30.0
    forget_s: float = 600.0

    def __post_init__(self) -> None:
        before_s = 0.0
        for each in fields(self):
            value = getattr(self, each.name)
            if not before_s < value <= AGE_LIMIT_MAX_S:  # also catches NaN
                raise InvalidValueError(
                    each.name,
                    f"{value!r} is not above {before_s:g} and at most {AGE_LIMIT_MAX_S:g} s; the ages rise"
                    " from current to forgotten",
                )
            before_s = value

    def codes(self, age_s: Floats) -> Codes:
        """Return the code of the status for each age, shapes (n,) and (n,)."""
        limits = (self.current_s, self.coast_s, self.degraded_s)
        return np.searchsorted(limits, age_s, side="left").astype(np.uint8)


class JudgedAltitude(NamedTuple):
    """Altitudes that pairs are judged by.

    Attributes:
        altitude_m: Metres; pressure altitude where told, else above the ellipsoid. NaN where not known.
        vertical_error_m: How far each may be from there; infinite where not known.
    """

    altitude_m: Floats
    vertical_error_m: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackPicture:
    """All aircraft at one instant, sorted by id; n of them. Every column has the shape (n,).

    Attributes:
        at_ms: The instant, milliseconds since 1970.
        ids: The id of each aircraft, each once. The number of a radar's track stands behind its source,
            `SOURCE/track:17`; so does an id under which two sources see two places.
        sources: All sources that see it, the one that the row is from first.
        twins: Other ids that were taken for the same aircraft because they move alike, sorted.
        latitude_deg: Where it was reported last, degrees; not projected.
        longitude_deg: Degrees, -180..180.
        position_ms: When its position changed last; what stands still by what it says changes with each
            report.
        reported_ms: When its source last said anything of it.
        altitude_m: Height above the WGS84 ellipsoid, metres, as reported last.
        pressure_altitude_ft: Pressure altitude, feet, as received.
        altitude_ms: When the altitudes were told; `position_ms` where none was.
        ground_speed_mps: Speed over the ground, told or derived from positions.
        track_deg: Direction of motion from true north, degrees, told or derived, 0..360 without 360.
        vertical_rate_mps: As told, metres per second, up when positive.
        vertical_slope_mps: By how much its altitude changed, from its own history of 30 s.
        turn_rate_dps: By how much its track turns, degrees per second, right when positive.
        horizontal_error_m: How far it may be, at `at_ms`, from a straight line on from its position
            (95 %), metres.
        vertical_error_m: The same of its altitude; infinite where no altitude is known.
        selected_altitude_ft: The pressure altitude at which it is set to level off, feet.
        status: Codes of `TrackStatus`, see `STATUSES`.
        is_derived: Whether its speed or its track is derived from positions.
        is_frozen: Whether its source repeats an old position under fresh times.
        is_suspect: Whether its position may be false.
        on_ground: Whether it says that it is on the ground.
        suspicions: Why it is suspect, as a clause without a full stop; None where it is not.
        kinds: What it is.
        callsigns: What it is called by radio.
        squawks: Its transponder code.
        parties: Whose it is.
        operations: The id of the operational intent that it says it flies.
    """

    at_ms: int
    ids: tuple[str, ...]
    sources: tuple[tuple[str, ...], ...]
    twins: tuple[tuple[str, ...], ...]
    latitude_deg: Floats
    longitude_deg: Floats
    position_ms: Ints
    reported_ms: Ints
    altitude_m: Floats
    pressure_altitude_ft: Floats
    altitude_ms: Ints
    ground_speed_mps: Floats
    track_deg: Floats
    vertical_rate_mps: Floats
    vertical_slope_mps: Floats
    turn_rate_dps: Floats
    horizontal_error_m: Floats
    vertical_error_m: Floats
    selected_altitude_ft: Floats
    status: Codes
    is_derived: Flags
    is_frozen: Flags
    is_suspect: Flags
    on_ground: Flags
    suspicions: OptionalWords
    kinds: tuple[TrackKind, ...]
    callsigns: OptionalWords
    squawks: OptionalWords
    parties: OptionalWords
    operations: OptionalWords

    def __post_init__(self) -> None:
        for each in fields(self):
            column = getattr(self, each.name)
            assert isinstance(column, int) or len(column) == len(self.ids), f"{each.name} has a row for each"

    def __len__(self) -> int:
        """Return how many aircraft there are."""
        return len(self.ids)

    @property
    def age_s(self) -> Floats:
        """How long ago each position changed last, seconds, 0.0 for what is stamped later, shape (n,)."""
        return np.maximum(self.at_ms - self.position_ms, 0) / 1000.0

    def status_of(self, row: int) -> TrackStatus:
        """Return the status of one aircraft."""
        return STATUSES[int(self.status[row])]

    def altitude_of_judgement(self, rate_mps: Floats | None = None) -> JudgedAltitude:
        """Return the altitudes that pairs are judged by, all against one datum as far as can be.

        Pressure altitudes compare with each other whatever the weather. Where only some have one, the
        others may be off by what lies between both datums, and their error says so.

        Args:
            rate_mps: The vertical rates with which the altitudes will be projected from `position_ms`,
                shape (n,). An altitude that was told at another time than the position is brought back
                to that instant with them. None leaves the altitudes as they were told.

        Returns:
            The altitudes and their errors, shapes (n,).
        """
        has_pressure = ~np.isnan(self.pressure_altitude_ft)
        altitude_m = np.where(has_pressure, self.pressure_altitude_ft * FOOT_M, self.altitude_m)
        error_m = self.vertical_error_m
        only_ellipsoid = ~has_pressure & ~np.isnan(self.altitude_m)
        if has_pressure.any() and only_ellipsoid.any():
            apart_m = MIXED_DATUM_ERROR_M + MIXED_DATUM_ERROR_RATIO * np.abs(np.nan_to_num(altitude_m))
            error_m = np.where(only_ellipsoid, error_m + apart_m, error_m)
        if rate_mps is not None:
            later_s = (self.position_ms - self.altitude_ms) / 1000.0
            altitude_m = altitude_m + later_s * np.nan_to_num(rate_mps)
        return JudgedAltitude(altitude_m, np.where(np.isnan(altitude_m), math.inf, error_m))
