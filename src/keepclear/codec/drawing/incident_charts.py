"""The charts of an incident: lateral and vertical distance over time, with how far they may be off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from keepclear.codec.drawing.axes import Axis, time_axis
from keepclear.codec.drawing.elements import (
    Box,
    coordinates,
    cut_to,
    document,
    line_element,
    px,
    rect_element,
    text_element,
)
from keepclear.codec.drawing.incident_map import distance_text, thinned
from keepclear.codec.drawing.scale import nice_below
from keepclear.core.geodesy import Floats
from keepclear.core.incident_findings import IncidentFindings, LevelFinding, Separation
from keepclear.core.packed import Ints
from keepclear.core.units import NAUTICAL_MILE_M, m_to_feet

_PAGE: Final = Box(0.0, 0.0, 1_120.0, 546.0)
_LATERAL: Final = Box(76.0, 36.0, 1_020.0, 192.0)
_VERTICAL: Final = Box(76.0, 306.0, 1_020.0, 192.0)
_SHOWN: Final = 3.0
_TICKS: Final = 4.0


class _Chart:
    """A box with time across and a distance up."""

    def __init__(self, box: Box, at_ms: Ints, highest: float) -> None:
        self.box = box
        self.across = Axis(float(at_ms[0]), float(max(at_ms[-1], at_ms[0] + 1)), box.x, box.right)
        self.up = Axis(0.0, highest, box.bottom, box.y)

    def points(self, at_ms: Ints, values: Floats) -> list[tuple[float, float]]:
        """Return points in pixels."""
        return [
            (self.across.px(t), self.up.px(v)) for t, v in zip(at_ms.tolist(), values.tolist(), strict=True)
        ]

    def shade(self, from_ms: int, to_ms: int, classes: str, opacity: float) -> str:
        """Shade a span of time."""
        left, right = self.across.px(from_ms), self.across.px(to_ms)
        box = Box(left, self.box.y, max(1.5, right - left), self.box.height)
        return rect_element(box, classes, f' fill-opacity="{opacity}"')

    def _steps(self) -> list[float]:
        step = nice_below(self.up.high / _TICKS)
        return [k * step for k in range(math.floor(self.up.high / step + 1e-9) + 1)]

    def grid_lines(self) -> str:
        """Draw the lines across."""
        return "".join(
            line_element(self.box.x, self.up.px(value), self.box.right, self.up.px(value), "kc-grid")
            for value in self._steps()
        )

    def scale(self) -> str:
        """Write the values of the lines left of them."""
        digits = max(0, -math.floor(math.log10(self._steps()[1])))
        return "".join(
            text_element(
                self.box.x - 8.0, self.up.px(value) + 4.0, f"{value:,.{digits}f}", "kc-dim kc-s", "end"
            )
            for value in self._steps()
        )


def separation_charts(findings: IncidentFindings) -> str:
    """Draw how far two aircraft were apart over time; an empty text where there is one aircraft.

    Args:
        findings: What was computed.

    Returns:
        An SVG within a page that has `STYLE`.
    """
    separation = findings.separation
    if separation is None:
        return ""
    lateral = _chart(
        "Lateral distance", separation, separation.lateral_m, separation.lateral_error_m, findings, _LATERAL
    )
    vertical = _chart(
        "Vertical distance",
        separation,
        separation.vertical_m,
        separation.vertical_error_m,
        findings,
        _VERTICAL,
    )
    body = rect_element(_PAGE, "kc-bg") + lateral + vertical
    label = "Lateral and vertical distance over time, with the minima and how far they may be off"
    return document(_PAGE.width, _PAGE.height, label, body, alone=False)


def _chart(
    title: str,
    separation: Separation,
    values_m: Floats,
    errors_m: Floats,
    findings: IncidentFindings,
    box: Box,
) -> str:
    is_vertical = box is _VERTICAL
    minima = _minima(findings.levels, is_vertical)
    unit_m, unit = _unit(is_vertical, minima, values_m)
    values, errors = values_m / unit_m, errors_m / unit_m
    head = text_element(box.x, box.y - 14.0, f"{title}, {unit}", "kc-ink kc-b")
    known = ~np.isnan(values)
    chart = _Chart(box, separation.at_ms, _highest(values[known], [m / unit_m for m in minima]))
    at_ms = separation.at_ms
    inside = [_unknown(chart, at_ms, known), *_losses(chart, findings.levels)]
    for first, last in _runs(known):
        inside.append(_band(chart, at_ms[first:last], values[first:last], errors[first:last]))
    if not is_vertical or known.any():
        inside.append(_closest(chart, findings, is_vertical, unit_m))
    if not known.any():
        inside.append(text_element(*box.centre, "not known", "kc-dim", "middle"))
    lines = [
        f'<path class="kc-bad-line" stroke-dasharray="6 4" d="M{px(box.x)} {px(y)}H{px(box.right)}"/>'
        for m in minima
        if (y := chart.up.px(m / unit_m)) >= box.y
    ]
    told = [
        text_element(
            box.right - 8.0,
            chart.up.px(m / unit_m) - 5.0,
            f"minimum {_text(m, is_vertical)}",
            _BAD_TEXT,
            "end",
        )
        for m in minima
        if chart.up.px(m / unit_m) >= box.y
    ]
    plot = rect_element(box, "kc-plot") + cut_to(box, chart.grid_lines() + "".join(inside) + "".join(lines))
    frame = rect_element(box, "kc-frame") + time_axis(chart.across, box)
    return head + plot + frame + chart.scale() + cut_to(box, "".join(told))


_BAD_TEXT: Final = "kc-bad kc-s kc-b kc-halo"


def _minima(levels: Sequence[LevelFinding], is_vertical: bool) -> list[float]:
    found = {level.vertical_m if is_vertical else level.lateral_m for level in levels}
    return sorted(value for value in found if math.isfinite(value))


def _unit(is_vertical: bool, minima: Sequence[float], values_m: Floats) -> tuple[float, str]:
    if is_vertical:
        return 1.0 / m_to_feet(1.0), "ft"
    largest = max(minima, default=float(np.nanmax(values_m)) if not np.isnan(values_m).all() else 0.0)
    return (NAUTICAL_MILE_M, "NM") if largest >= 1_000.0 else (1.0, "m")


def _text(value_m: float, is_vertical: bool) -> str:
    return f"{m_to_feet(value_m):,.0f} ft" if is_vertical else distance_text(value_m)


def _highest(values: Floats, minima: Sequence[float]) -> float:
    """Return how far up the chart goes: so that the minima and what is near them can be seen."""
    largest = float(values.max()) * 1.08 if len(values) else 1.0
    near = max([*minima, float(values.min()) if len(values) else 0.0])
    least = max(minima, default=0.0) * 1.3
    return max(min(largest, near * _SHOWN) if near else largest, least, 1e-3)


def _runs(known: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _band(chart: _Chart, at_ms: Ints, values: Floats, errors: Floats) -> str:
    """Draw a distance, and around it how far it may be off."""
    off = np.where(np.isfinite(errors), errors, chart.up.high * 2.0)
    upper = thinned(np.array(chart.points(at_ms, values + off)))
    lower = thinned(np.array(chart.points(at_ms, np.maximum(values - off, 0.0))))
    curve = thinned(np.array(chart.points(at_ms, values)))
    area = f"M{coordinates([*upper.tolist(), *lower[::-1].tolist()])}Z"
    return (
        f'<g class="kc-c0"><path fill="currentColor" fill-opacity="0.2" d="{area}"/>'
        f'<path class="kc-line" d="M{coordinates(curve.tolist())}"/></g>'
    )


def _unknown(chart: _Chart, at_ms: Ints, known: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    parts = []
    for first, last in _runs(~known):
        from_ms, to_ms = int(at_ms[max(0, first - 1)]), int(at_ms[min(last, len(at_ms) - 1)])
        parts.append(chart.shade(from_ms, to_ms, "kc-dim", 0.18))
        middle = (chart.across.px(from_ms) + chart.across.px(to_ms)) / 2.0
        if chart.across.px(to_ms) - chart.across.px(from_ms) > 60.0:
            parts.append(text_element(middle, chart.box.y + 16.0, "not known", "kc-dim kc-s", "middle"))
    return "".join(parts)


def _losses(chart: _Chart, levels: Sequence[LevelFinding]) -> list[str]:
    """Shade when separation was lost by the widest minima: darker where that is certain."""
    if not levels:
        return []
    spans = levels[0].spans
    shades = [
        (spans.possible, "kc-warn", 0.09),
        (spans.reported, "kc-bad", 0.09),
        (spans.certain, "kc-bad", 0.09),
    ]
    return [
        chart.shade(span.from_ms, span.to_ms, classes, opacity)
        for each, classes, opacity in shades
        for span in each
    ]


def _closest(chart: _Chart, findings: IncidentFindings, is_vertical: bool, unit_m: float) -> str:
    closest = findings.closest
    if closest is None:
        return ""
    value_m = closest.vertical_m if is_vertical else closest.lateral_m
    x = chart.across.px(closest.at_ms)
    path = f"M{px(x)} {px(chart.box.y)}V{px(chart.box.bottom)}"
    rule = f'<path class="kc-rule" stroke-dasharray="2 3" d="{path}"/>'
    if math.isnan(value_m):
        return rule
    y = chart.up.px(value_m / unit_m)
    ring = f'<circle class="kc-ring" cx="{px(x)}" cy="{px(y)}" r="4.5"/>'
    anchor, shift = ("start", 9.0) if x < chart.box.centre[0] else ("end", -9.0)
    told = text_element(x + shift, y - 8.0, _text(value_m, is_vertical), "kc-ink kc-b kc-halo", anchor)
    return rule + ring + told
