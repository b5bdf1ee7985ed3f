"""Meridians and parallels with their degrees, and what part of the earth a view shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely

from keepclear.codec.drawing.elements import Box, coordinates, text_element, text_width_px
from keepclear.codec.drawing.projection import View
from keepclear.codec.drawing.space import Space
from keepclear.codec.words import MINUTE, SECOND
from keepclear.core.geodesy import Floats, LatLng, position_of, ring_positions, unit_vectors

# Steps of the graticule in hundredths of a second of arc.
_STEPS_CAS: Final = tuple(
    unit * step
    for unit, steps in (
        (1, (1, 2, 5, 10, 20, 50)),
        (100, (1, 2, 5, 10, 15, 30)),
        (6_000, (1, 2, 5, 10, 15, 30)),
        (360_000, (1, 2, 5, 10, 15, 30)),
    )
    for step in steps
)
_DEGREE_CAS: Final = 360_000


def graticule(view: View, space: Space, *, lines: float) -> str:
    """Draw meridians and parallels with their degrees."""
    extent = region_of(view)
    across_deg = extent.east_deg - extent.west_deg
    step_lat = _step_cas(extent.lat_max_deg - extent.lat_min_deg, lines)
    step_lng = max(_step_cas(across_deg, lines * 1.3), 10 * _DEGREE_CAS if extent.has_pole else 1)
    drawn: list[tuple[list[Floats], str, bool]] = []
    for value in _multiples(extent.lng0_deg + extent.west_deg, extent.lng0_deg + extent.east_deg, step_lng):
        lng = (value / _DEGREE_CAS + 180.0) % 360.0 - 180.0
        if across_deg == 360.0 and value - step_lng * (360 * _DEGREE_CAS // step_lng) >= math.ceil(
            (extent.lng0_deg - 180.0) * _DEGREE_CAS
        ):
            continue  # the same meridian again, once round
        lat = np.linspace(extent.lat_min_deg, extent.lat_max_deg, 121)
        parts = _clipped_lines(view, lat, np.full_like(lat, lng))
        drawn.append((parts, _degrees_text(round(lng * _DEGREE_CAS), step_lng, "EW"), True))
    for value in _multiples(extent.lat_min_deg, extent.lat_max_deg, step_lat):
        if abs(value) < 90 * _DEGREE_CAS:
            lng_all = np.linspace(extent.lng0_deg + extent.west_deg, extent.lng0_deg + extent.east_deg, 241)
            parts = _clipped_lines(view, np.full_like(lng_all, value / _DEGREE_CAS), lng_all)
            drawn.append((parts, _degrees_text(value, step_lat, "NS"), False))
    data = "".join(f"M{coordinates(part)}" for parts, _, _ in drawn for part in parts)
    labels = [_graticule_label(view.box, space, *line) for line in drawn]
    return f'<path class="kc-grid" d="{data}"/>{"".join(labels)}'


def _graticule_label(box: Box, space: Space, parts: list[Floats], text: str, meridian: bool) -> str:
    place = _label_place(box, parts, meridian)
    if place is None:
        return ""
    x, y, anchor = place
    width = text_width_px(text, 11.0)
    left = x - (width if anchor == "end" else width / 2.0)
    label = Box(left - 3.0, y - 11.0, width + 6.0, 14.0)
    if space.take_first([label]) is None:
        return ""
    return text_element(x, y, text, "kc-dim kc-s kc-halo", anchor)


def _label_place(box: Box, parts: list[Floats], meridian: bool) -> tuple[float, float, str] | None:
    """Return where the label of a line goes: below or left of the frame, or on the line inside it."""
    ends = [end for part in parts for end in (part[0], part[-1])]
    for x, y in ends:
        if meridian and y > box.bottom - 0.5:
            return float(x), box.bottom + 15.0, "middle"
        if not meridian and x < box.x + 0.5:
            return box.x - 6.0, float(y) + 4.0, "end"
    longest = max(parts, key=lambda part: (len(part), tuple(part[0])), default=None)
    if longest is None or len(longest) < 3:
        return None
    x, y = longest[len(longest) // 2]
    return float(x), float(y) + 4.0, "middle"


def _clipped_lines(view: View, lat_deg: Floats, lng_deg: Floats) -> list[Floats]:
    """Return the parts of a line of positions that lie in the box of a view."""
    points = view.pixels(unit_vectors(lat_deg, lng_deg))
    jumps = np.flatnonzero(np.hypot(*np.diff(points, axis=0).T) > view.box.width / 2.0) + 1
    frame = shapely.box(*view.box.edges)
    parts: list[Floats] = []
    for piece in np.split(points, jumps):
        if len(piece) > 1:
            inside = shapely.get_parts(shapely.intersection(shapely.linestrings(piece), frame)).tolist()
            lines = [part for part in inside if part.geom_type == "LineString" and not part.is_empty]
            parts.extend(shapely.get_coordinates(line) for line in lines)
    return parts


def _multiples(low_deg: float, high_deg: float, step: int) -> range:
    first = math.ceil(low_deg * _DEGREE_CAS / step - 1e-9)
    return range(first * step, math.floor(high_deg * _DEGREE_CAS / step + 1e-9) * step + 1, step)


def _step_cas(span_deg: float, lines: float) -> int:
    """Return a step that gives about so many lines over a span."""
    wanted = span_deg * _DEGREE_CAS / lines
    return next((step for step in _STEPS_CAS if step >= wanted), _STEPS_CAS[-1])


def _degrees_text(value_cas: int, step_cas: int, sides: str) -> str:
    side = "" if value_cas == 0 or abs(value_cas) == 180 * _DEGREE_CAS else sides[value_cas < 0]
    degrees, rest = divmod(abs(value_cas), _DEGREE_CAS)
    minutes, cas = divmod(rest, 6_000)
    text = f"{degrees}°"
    if step_cas % _DEGREE_CAS:
        text += f"{minutes:02d}{MINUTE}"
    if step_cas % 6_000:
        text += (f"{cas // 100:02d}" if step_cas % 100 == 0 else f"{cas / 100:05.2f}") + SECOND
    return text + side


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """What part of the earth a view shows: latitudes, and longitudes east of `lng0_deg`."""

    lat_min_deg: float
    lat_max_deg: float
    lng0_deg: float
    west_deg: float
    east_deg: float
    has_pole: bool


def region_of(view: View) -> Region:
    """Return what part of the earth a view shows."""
    box = view.box
    xs, ys = np.meshgrid(np.linspace(box.x, box.right, 33), np.linspace(box.y, box.bottom, 33))
    seen = ring_positions(view.vectors(np.stack((xs.ravel(), ys.ravel()), axis=-1)))
    lat_min, lat_max = float(seen[:, 0].min()), float(seen[:, 0].max())
    pole = False
    for lat in (-90.0, 90.0):
        x, y = view.at(LatLng(lat, 0.0))
        if box.x <= x <= box.right and box.y <= y <= box.bottom:
            pole, lat_min, lat_max = True, min(lat, lat_min), max(lat, lat_max)
    lng0 = position_of(view.centre).lng_deg
    east = np.remainder(seen[:, 1] - lng0 + 180.0, 360.0) - 180.0
    west_deg, east_deg = float(east.min()), float(east.max())
    if pole or east_deg - west_deg > 300.0:
        west_deg, east_deg = -180.0, 180.0
    return Region(
        lat_min_deg=lat_min,
        lat_max_deg=lat_max,
        lng0_deg=lng0,
        west_deg=west_deg,
        east_deg=east_deg,
        has_pole=pole,
    )
