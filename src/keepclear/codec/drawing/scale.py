"""How large a map is and which way it lies: the scale bar and the arrow to the north."""

from __future__ import annotations

import math

import numpy as np

from keepclear.codec.drawing.elements import Box, px, rect_element, text_element, text_width_px
from keepclear.codec.drawing.graticule import region_of
from keepclear.codec.drawing.projection import View
from keepclear.core.geodesy import LatLng, position_of
from keepclear.core.units import NAUTICAL_MILE_M


def scale_bar(view: View, x: float, bottom: float, target_px: float) -> tuple[str, Box]:
    """Draw a scale in km (or m) and one in NM; it is true at the centre."""
    parts, width = [], 0.0
    unit_m, unit = (1000.0, "km") if target_px / view.px_per_m >= 1000.0 else (1.0, "m")
    for row, (one_m, name) in enumerate(((unit_m, unit), (NAUTICAL_MILE_M, "NM"))):
        number = nice_below(target_px / view.px_per_m / one_m)
        length = number * one_m * view.px_per_m
        y = bottom - 22.0 + row * 16.0
        bar = f"M{px(x)} {px(y - 4)}V{px(y)}H{px(x + length)}V{px(y - 4)}"
        text = f"{number:,.0f} {name}" if number >= 1.0 else f"{number:g} {name}"
        parts.append(f'<path class="kc-rule" stroke-width="1.3" d="{bar}"/>')
        parts.append(text_element(x + length + 6.0, y + 1.0, text, "kc-ink kc-s"))
        width = max(width, length + 6.0 + text_width_px(text, 11.0))
    plate = Box(x - 6.0, bottom - 34.0, width + 14.0, 36.0)
    return rect_element(plate, "kc-bg", ' rx="3" fill-opacity="0.85"') + "".join(parts), plate


def north_arrow(view: View) -> tuple[str, Box]:
    """Draw an arrow to true north at the middle of the picture; at a pole there is none."""
    x, y = view.box.right - 22.0, view.box.y + 30.0
    plate = Box(x - 16.0, y - 26.0, 32.0, 50.0)
    middle = view.vectors(np.array([view.box.centre]))
    if len(middle) == 0 or region_of(view).has_pole:
        return "", plate
    here = position_of(middle[0])
    north = view.at(LatLng(min(90.0, here.lat_deg + 1e-4), here.lng_deg))
    start = view.at(here)
    turn = math.degrees(math.atan2(north[0] - start[0], start[1] - north[1]))
    arrow = (
        f'<g transform="translate({px(x)} {px(y)}) rotate({px(turn)})">'
        '<path class="kc-ink" d="M0 -12 5.5 12 0 7.5 -5.5 12Z"/></g>'
    )
    plate_mark = rect_element(plate, "kc-bg", ' rx="3" fill-opacity="0.85"')
    return plate_mark + arrow + text_element(x, y - 15.0, "N", "kc-ink kc-b kc-s", "middle"), plate


def nice_below(value: float) -> float:
    """Return the largest 1, 2 or 5 times a power of ten that is not above a value over 0."""
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (5.0, 2.0, 1.0) if factor * power <= value * (1 + 1e-9))
