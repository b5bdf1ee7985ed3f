"""Where tracks were, as points with errors and bounds of height that can be compared with volumes.

A position counts at the instant of its report, with the error that it has by now: what is old is known
badly. A height above the ellipsoid counts with its error. A pressure altitude lies between bounds that the
air allows; what the air is, a node is told or does not know. Without a height there are no bounds.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from keepclear.core.altitudes import GEOID_ABOVE_M, GEOID_BELOW_M, Atmosphere
from keepclear.core.containment import Points
from keepclear.core.geodesy import Floats
from keepclear.core.track_picture import TrackPicture
from keepclear.core.units import FOOT_M

_STEP_M: Final = 10.0
_LEAST_M: Final = -12_000.0
_GREATEST_M: Final = 50_000.0
_BETWEEN_M: Final = 1.0
"""Between two steps the bounds are nowhere farther from a straight line (0.5 m, round sea level)."""


class PressureHeights:
    """Between which heights above the ellipsoid pressure altitudes lie.

    Args:
        atmosphere: Between which bounds the air is.
    """

    def __init__(self, atmosphere: Atmosphere) -> None:
        self._atmosphere = atmosphere
        self._altitude_m = np.arange(_LEAST_M, _GREATEST_M + _STEP_M, _STEP_M)
        bounds = np.array([atmosphere.msl_bounds_m(float(each)) for each in self._altitude_m])
        self._lower_m, self._upper_m = bounds[:, 0] - _BETWEEN_M, bounds[:, 1] + _BETWEEN_M

    def bounds_m(self, altitude_m: Floats) -> tuple[Floats, Floats]:
        """Return between which heights pressure altitudes lie, metres, shapes (n,); NaN for NaN."""
        lower_m = np.interp(altitude_m, self._altitude_m, self._lower_m)
        upper_m = np.interp(altitude_m, self._altitude_m, self._upper_m)
        for row in np.flatnonzero((altitude_m < _LEAST_M) | (altitude_m > _GREATEST_M)).tolist():
            lower_m[row], upper_m[row] = self._atmosphere.msl_bounds_m(float(altitude_m[row]))
        return lower_m - GEOID_BELOW_M, upper_m + GEOID_ABOVE_M


def points_of(picture: TrackPicture, heights: PressureHeights) -> Points:
    """Return where the tracks of a picture were when their positions were measured.

    Args:
        picture: n tracks.
        heights: What pressure altitudes mean.

    Returns:
        A point for each track; what is not known is unbounded.
    """
    low_m, high_m = heights.bounds_m(picture.pressure_altitude_ft * FOOT_M)
    has_height = ~np.isnan(picture.altitude_m)
    low_m, high_m = (
        np.where(has_height, picture.altitude_m, low_m),
        np.where(has_height, picture.altitude_m, high_m),
    )
    vertical_m = np.where(np.isnan(picture.vertical_error_m), np.inf, picture.vertical_error_m)
    lateral_m = np.where(np.isnan(picture.horizontal_error_m), np.inf, picture.horizontal_error_m)
    return Points(
        picture.latitude_deg,
        picture.longitude_deg,
        lateral_m,
        np.where(np.isnan(low_m), -np.inf, low_m - vertical_m),
        np.where(np.isnan(high_m), np.inf, high_m + vertical_m),
        picture.position_ms,
    )
