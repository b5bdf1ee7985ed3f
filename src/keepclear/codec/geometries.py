"""Geometries as files have them: areas, points and lines, and the outlines that they become.

A polygon is an area, a point with a radius is a circle, and a line with a half-width is a corridor,
with an outline for each leg. When and between which heights, `windows` and `bands` decide.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from keepclear.codec.properties import Properties
from keepclear.core.altitudes import Altitude, Datum
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng
from keepclear.core.shapes import Circle, CorridorLeg, Outline, Polygon, check_position

HOLES_REFUSED: Final = (
    "a polygon with a hole is not taken; cut it into parts without one, or leave the hole out"
    " if the larger area may be declared"
)
"""What a reader says of a polygon with a hole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A polygon of a file.

    Attributes:
        vertices: Its corners; the first is not repeated at the end.
        heights: What the heights in its positions are measured from; None if they have none.
    """

    vertices: tuple[LatLng, ...]
    heights: Datum | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A point of a file: the centre of a circle.

    Attributes:
        center: Where it is.
        heights: See `Area`.
    """

    center: LatLng
    heights: Datum | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a file: the middle of a corridor.

    Attributes:
        vertices: Its waypoints.
        altitudes: The height of each waypoint, None where one has none; empty if none has.
        times: When each waypoint is passed; None if the geometry does not tell.
        places: Where each waypoint was read, if each has a place of its own; else empty.
    """

    vertices: tuple[LatLng, ...]
    altitudes: tuple[Altitude | None, ...] = ()
    times: tuple[datetime, ...] | None = None
    places: tuple[str, ...] = ()

    @property
    def heights(self) -> Datum | None:
        """What the first height is measured from; None if there are none."""
        return next((altitude.datum for altitude in self.altitudes if altitude is not None), None)

    def refuse(self, index: int, path: str, column: str, reason: str, properties: Properties) -> None:
        """Note a fault of one waypoint, in the words of the format.

        Args:
            index: Which waypoint.
            path: The path of the value, where waypoints are parts of one geometry.
            column: The column of the value, where each has a place of its own.
            reason: What is wrong.
            properties: Where the fault goes.
        """
        if self.places:
            properties.refuse(column, reason, place=self.places[index])
        else:
            properties.refuse(f"{path}[{index}]", reason)


Geometry = Area | Spot | Line
Located = tuple[str, Geometry]
"""A geometry, and the path of its positions in the feature."""

_WORDS: Final[dict[type, str]] = {Area: "polygon", Spot: "point", Line: "line"}
_USED_BY: Final[dict[str, type]] = {
    "radius_m": Spot,
    "half_width_m": Line,
    "times": Line,
    "time_margin_s": Line,
    "altitude_margin_m": Line,
}
_NEEDED: Final = {
    "radius_m": "a point needs it: the radius of the circle round it, in metres",
    "half_width_m": "a line needs it: half the width of the corridor along it, in metres",
}


def check_uses(geometries: Sequence[Located], properties: Properties) -> None:
    """Refuse properties that no geometry of the feature takes, and miss those that one needs."""
    kinds = {type(geometry) for _, geometry in geometries}
    if not kinds:
        return
    for name, user in _USED_BY.items():
        if user in kinds:
            if name in _NEEDED and not properties.has(name):
                properties.refuse(name, _NEEDED[name])
        elif properties.has(name):
            kind = " and a ".join(sorted(_WORDS[kind] for kind in kinds))
            properties.refuse(name, f"only a {_WORDS[user]} takes it; the geometry is a {kind}")


def outline_of(
    path: str, geometry: Area | Spot, radius_m: float | None, properties: Properties
) -> Outline | None:
    """Return the outline of an area or a point.

    Args:
        path: Where its positions are in the feature.
        geometry: The area or point.
        radius_m: The radius round a point, metres; None if it is missing or at fault.
        properties: Where faults go.

    Returns:
        The outline, or None if something is at fault.
    """
    try:
        if isinstance(geometry, Area):
            return Polygon(vertices=geometry.vertices)
        if radius_m is None:
            check_position(geometry.center, "center")
            return None
        return Circle(center=geometry.center, radius_m=radius_m)
    except InvalidValueError as error:
        inner = error.field.removeprefix("vertices").removeprefix("center")
        properties.refuse("radius_m" if error.field == "radius" else f"{path}{inner}", error.reason)
        return None


def leg_outlines(
    path: str, line: Line, half_width_m: float | None, properties: Properties
) -> list[CorridorLeg] | None:
    """Return the outline of each leg of a line.

    Args:
        path: Where its positions are in the feature.
        line: The line, with at least two waypoints.
        half_width_m: Half the width of the corridor, metres; None if it is missing or at fault.
        properties: Where faults go.

    Returns:
        The legs, or None if something is at fault.
    """
    known = len(properties.faults)
    for index, vertex in enumerate(line.vertices):
        try:
            check_position(vertex, f"{path}[{index}]")
        except InvalidValueError as error:
            properties.refuse(error.field, error.reason)
    if len(properties.faults) > known or half_width_m is None:
        return None
    legs = []
    for index, (start, end) in enumerate(itertools.pairwise(line.vertices), start=1):
        try:
            legs.append(CorridorLeg(start=start, end=end, half_width_m=half_width_m))
        except InvalidValueError as error:
            if error.field == "half_width":
                properties.refuse("half_width_m", error.reason)
                return None
            line.refuse(index, path, "", error.reason, properties)
    return legs if len(legs) == len(line.vertices) - 1 else None
