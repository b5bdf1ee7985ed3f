"""How F3411 tells accuracies, and how it tells that something is not known.

Source:
    ASTM F3411-22a, common data dictionary (Table 1) and broadcast messages (Tables 5 to 13); F3411-19 is
    alike in these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from keepclear.core.flown import UNTOLD_HORIZONTAL_ERROR_M
from keepclear.core.units import NAUTICAL_MILE_M

ALTITUDE_UNKNOWN_M: Final = -1_000.0
"""An altitude or a height that is not known."""
SPEED_UNKNOWN_MPS: Final = 255.0
"""A speed that is not known."""
SPEED_MOST_MPS: Final = 254.25
"""What is faster says that it is so fast."""
TRACK_UNKNOWN_DEG: Final = 361.0
"""A direction that is not known, or of what does not move."""
RATE_UNKNOWN_MPS: Final = 63.0
"""A vertical speed that is not known."""
RATE_MOST_MPS: Final = 62.0
"""What climbs or descends faster says that it does so at this rate."""
POOR_ERROR_M: Final = 100_000.0
"""Taken for an error of which is only told that it is over 10 nautical miles, or over 150 m of height."""

HORIZONTAL_M: Final[Mapping[int, float]] = MappingProxyType(
    {
        1: 10 * NAUTICAL_MILE_M,
        2: 4 * NAUTICAL_MILE_M,
        3: 2 * NAUTICAL_MILE_M,
        4: NAUTICAL_MILE_M,
        5: 0.5 * NAUTICAL_MILE_M,
        6: 0.3 * NAUTICAL_MILE_M,
        7: 0.1 * NAUTICAL_MILE_M,
        8: 0.05 * NAUTICAL_MILE_M,
        9: 30.0,
        10: 10.0,
        11: 3.0,
        12: 1.0,
    }
)
"""The 95 % error of a position by its code; other codes say that it is not known."""
VERTICAL_M: Final[Mapping[int, float]] = MappingProxyType(
    {1: 150.0, 2: 45.0, 3: 25.0, 4: 10.0, 5: 3.0, 6: 1.0}
)
"""The same of an altitude."""

_HORIZONTAL_CODES: Final = (
    ("HA10NM", 1), ("HA4NM", 2), ("HA2NM", 3), ("HA1NM", 4), ("HA05NM", 5), ("HA03NM", 6),
    ("HA01NM", 7), ("HA005NM", 8), ("HA30m", 9), ("HA10m", 10), ("HA3m", 11), ("HA1m", 12),
)  # fmt: skip
_VERTICAL_CODES: Final = (
    ("VA150m", 1), ("VA45m", 2), ("VA25m", 3), ("VA10m", 4), ("VA3m", 5), ("VA1m", 6),
)  # fmt: skip

HORIZONTAL_WORDS_M: Final[Mapping[str, float]] = MappingProxyType(
    {word: HORIZONTAL_M[code] for word, code in _HORIZONTAL_CODES}
    | {"HAUnknown": math.nan, "HA10NMPlus": POOR_ERROR_M}
)
"""The 95 % error of a position by the word for it in JSON."""
VERTICAL_WORDS_M: Final[Mapping[str, float]] = MappingProxyType(
    {word: VERTICAL_M[code] for word, code in _VERTICAL_CODES}
    | {"VAUnknown": math.nan, "VA150mPlus": POOR_ERROR_M}
)
"""The same of an altitude."""


def altitude_m_of(told_m: float | None) -> float:
    """Return an altitude; NaN where it is not known."""
    return math.nan if told_m is None or told_m == ALTITUDE_UNKNOWN_M else told_m


def speed_mps_of(told_mps: float | None) -> float:
    """Return a speed; NaN where it is not known."""
    return math.nan if told_mps is None or told_mps == SPEED_UNKNOWN_MPS else told_mps


def track_deg_of(told_deg: float | None) -> float:
    """Return a direction; NaN where it is not known."""
    return math.nan if told_deg is None or told_deg == TRACK_UNKNOWN_DEG else told_deg


def rate_mps_of(told_mps: float | None) -> float:
    """Return a vertical speed; NaN where it is not known, which some tell with the other sign."""
    return math.nan if told_mps is None or abs(told_mps) == RATE_UNKNOWN_MPS else told_mps


def of_group_m(error_m: float, radius_m: float) -> float:
    """Return the error of a position that stands for a group within a radius; NaN where neither is told."""
    if radius_m <= 0.0:
        return error_m
    return radius_m + (UNTOLD_HORIZONTAL_ERROR_M if math.isnan(error_m) else error_m)
