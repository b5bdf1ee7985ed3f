"""The charts in a drawing of an encounter: distance over time, and altitude over time below it."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from keepclear.codec.drawing.elements import (
    Box,
    coordinates,
    cut_to,
    isolated,
    line_element,
    px,
    rect_element,
    text_element,
)
from keepclear.codec.drawing.encounter_scene import COLOURS, Scene, length_text
from keepclear.codec.drawing.scale import nice_below
from keepclear.core.geodesy import Floats
from keepclear.core.units import NAUTICAL_MILE_M, m_to_feet

_DISTANCE_SHOWN: Final = 2.6
_ROOM_MIN_FT: Final = 300.0
_TICKS: Final = 3.5


class _Chart:
    """A box with time across and something up."""

    def __init__(self, scene: Scene, box: Box, low: float, high: float) -> None:
        self._scene = scene
        self._box = box
        self._low, self._high = low, high

    def x(self, time_s: float) -> float:
        return self._box.x + time_s / self._scene.end_s * self._box.width

    def y(self, value: float) -> float:
        return self._box.bottom - (value - self._low) / (self._high - self._low) * self._box.height

    def line(self, values: Floats) -> str:
        """Return the path of values, one for each instant."""
        return coordinates(
            [(self.x(t), self.y(v)) for t, v in zip(self._scene.times_s, values.tolist(), strict=True)]
        )

    def straight(self, first: float, last: float) -> list[tuple[float, float]]:
        """Return the ends of a straight line."""
        return [(self.x(0.0), self.y(first)), (self.x(self._scene.end_s), self.y(last))]

    def drawn(self, title: str, inside: str, *, has_times: bool, has_values: bool = True) -> str:
        """Return the chart around what is inside."""
        box, scene = self._box, self._scene
        parts = [text_element(box.x, box.y - 8.0, title, "kc-ink kc-b kc-s"), rect_element(box, "kc-plot")]
        grid, axis = [], []
        step = nice_below((self._high - self._low) / _TICKS)
        digits = max(0, -math.floor(math.log10(step)))
        first, last = math.ceil(self._low / step), math.floor(self._high / step + 1e-9)
        for k in range(first, last + 1) if has_values else ():
            y = self.y(k * step)
            grid.append(line_element(box.x, y, box.right, y, "kc-grid"))
            axis.append(text_element(box.x - 7.0, y + 4.0, f"{k * step:,.{digits}f}", "kc-dim kc-s", "end"))
        for time_s in scene.marks_s():
            x = self.x(time_s)
            grid.append(line_element(x, box.y, x, box.bottom, "kc-grid"))
            if has_times:
                told = "now" if time_s == 0.0 else f"{time_s:.0f} s"
                axis.append(text_element(x, box.bottom + 17.0, told, "kc-dim kc-s", "middle"))
        parts.append(cut_to(box, "".join(grid) + self._span() + inside + self._closest()))
        return "".join([*parts, rect_element(box, "kc-frame"), *axis])

    def _span(self) -> str:
        """Shade when separation is lost, or may be."""
        scene = self._scene
        span, classes = (scene.lost_s, "kc-bad") if scene.lost_s else (scene.possible_s, "kc-warn")
        if span is None:
            return ""
        left, right = self.x(span[0]), self.x(min(span[1], scene.end_s))
        box = Box(left, self._box.y, max(1.5, right - left), self._box.height)
        return rect_element(box, classes, ' fill-opacity="0.16"')

    def _closest(self) -> str:
        x = px(self.x(self._scene.cpa_s))
        path = f"M{x} {px(self._box.y)}V{px(self._box.bottom)}"
        return f'<path class="kc-rule" stroke-dasharray="2 3" d="{path}"/>'


def distance_chart(scene: Scene, box: Box) -> str:
    """Draw how far apart the two are laterally, and the minimum."""
    unit_m, unit = (NAUTICAL_MILE_M, "NM") if scene.lateral_m >= 1_000.0 else (1.0, "m")
    apart, least = scene.apart_m / unit_m, scene.lateral_m / unit_m
    near = max(least, float(apart.min()))
    chart = _Chart(scene, box, 0.0, min(float(apart.max()) * 1.08 + near * 0.02, near * _DISTANCE_SHOWN))
    chart = chart if float(apart.max()) > least else _Chart(scene, box, 0.0, least * 1.3)
    level = px(chart.y(least))
    minimum = f'<path class="kc-rule" stroke-dasharray="5 3" d="M{px(box.x)} {level}H{px(box.right)}"/>'
    told = text_element(
        box.x + 6.0, chart.y(least) - 5.0, f"minimum {length_text(scene.lateral_m)}", "kc-dim kc-s kc-halo"
    )
    curve = f'<path class="kc-rule" stroke-width="2" d="M{chart.line(apart)}"/>'
    return chart.drawn(f"Lateral distance, {unit}", minimum + curve + told, has_times=False)


def altitude_chart(scene: Scene, box: Box) -> str:
    """Draw how high the two are, and the vertical minimum above and below the first that is known."""
    is_known = [bool(np.isfinite(heights).all()) for heights in scene.heights_ft]
    if not any(is_known):
        said = text_element(*box.centre, "altitudes are not known", "kc-dim", "middle")
        return _Chart(scene, box, 0.0, 1.0).drawn("Altitude, ft", said, has_times=True, has_values=False)
    known = scene.heights_ft[is_known]
    is_bounded = math.isfinite(scene.vertical_m)
    room_ft = m_to_feet(scene.vertical_m) if is_bounded else _ROOM_MIN_FT
    chart = _Chart(scene, box, float(known.min()) - room_ft * 1.25, float(known.max()) + room_ft * 1.25)
    parts = []
    if is_bounded:
        parts.append(_band(scene, chart, is_known.index(True), room_ft, box))
    for number, colour in enumerate(COLOURS):
        if is_known[number]:
            line = chart.straight(*_ends(scene, number))
            second = " kc-second" if number else ""
            parts.append(f'<g class="{colour}"><path class="kc-line{second}" d="M{coordinates(line)}"/></g>')
    parts.append(_names(scene, chart, is_known, box))
    return chart.drawn("Altitude, ft", "".join(parts), has_times=True)


def _band(scene: Scene, chart: _Chart, number: int, room_ft: float, box: Box) -> str:
    first, last = _ends(scene, number)
    upper = chart.straight(first + room_ft, last + room_ft)
    lower = chart.straight(first - room_ft, last - room_ft)
    outline = f"M{coordinates(upper)}M{coordinates(lower)}"
    edges = f'<path class="kc-line" style="stroke-width:1px" stroke-dasharray="5 3" d="{outline}"/>'
    area = f'<path fill="currentColor" fill-opacity="0.14" d="M{coordinates([*upper, *lower[::-1]])}Z"/>'
    y = chart.y(first + room_ft)
    told = text_element(box.x + 6.0, y + 14.0, f"minimum {room_ft:,.0f} ft", "kc-dim kc-s kc-halo")
    return f'<g class="{COLOURS[number]}">{area}{edges}</g>{told}'


def _ends(scene: Scene, number: int) -> tuple[float, float]:
    """Return how high one is at both ends of what is shown; between them its path is straight."""
    return float(scene.heights_ft[number, 0]), float(scene.heights_ft[number, -1])


def _names(scene: Scene, chart: _Chart, is_known: list[bool], box: Box) -> str:
    """Name the lines at their right ends, the higher one above; what has no line is told below."""
    parts = []
    ends = scene.heights_ft[:, -1].tolist()
    for number in range(2):
        name = isolated(scene.ids[number], 130.0)
        if not is_known[number]:
            text = f"the altitude of {name} is not known"
            parts.append(text_element(box.x + 6.0, box.bottom - 8.0, text, "kc-warn kc-s kc-b kc-halo"))
            continue
        other = ends[1 - number]
        is_upper = math.isnan(other) or ends[number] > other or (ends[number] == other and number == 0)
        y = min(max(chart.y(ends[number]) + (-6.0 if is_upper else 15.0), box.y + 12.0), box.bottom - 5.0)
        parts.append(text_element(box.right - 6.0, y, name, "kc-ink kc-s kc-b kc-halo", "end"))
    return "".join(parts)
