"""Volumes: a footprint with an altitude band, and the same with a window of time.

Volumes are closed in every dimension: what only touches a volume is inside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from keepclear.core.altitudes import UNBOUNDED, AltitudeBand
from keepclear.core.shapes import Outline
from keepclear.core.times import TimeWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume3D:
    """A footprint between two heights.

    Attributes:
        outline: The footprint on the ground.
        altitude: The band of heights above the WGS84 ellipsoid.

    Source:
        ASTM F3548-21, Volume3D.
    """

    outline: Outline
    altitude: AltitudeBand = UNBOUNDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume4D:
    """A volume of space during a window of time.

    Attributes:
        volume: Where.
        time: When.

    Source:
        ASTM F3548-21, Volume4D.
    """

    volume: Volume3D
    time: TimeWindow
