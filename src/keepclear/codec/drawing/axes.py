"""The axes of a chart of altitude over time: what part is shown, and its ticks."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from keepclear.codec.drawing.elements import Box, line_element, text_element
from keepclear.codec.drawing.extents import shared_span
from keepclear.codec.drawing.scale import nice_below
from keepclear.codec.words import number_text
from keepclear.core.times import instant_of
from keepclear.core.units import m_to_feet

_TIME_STEPS_MS: Final = (
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000,
    600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000,
)  # fmt: skip
_DAY_MS: Final = 86_400_000


class Axis(NamedTuple):
    """Values along one side of a chart, laid onto pixels."""

    low: float
    high: float
    low_px: float
    high_px: float

    def px(self, value: float) -> float:
        """Return where a value lies; what is beyond an end lies a little beyond the side."""
        share = (value - self.low) / (self.high - self.low)
        return self.low_px + (self.high_px - self.low_px) * min(1.1, max(-0.1, share))


def shown_span(spans: tuple[float, float, float, float], least: float) -> tuple[float, float]:
    """Return what part of an axis to show: what two spans share, with some of both around it.

    Args:
        spans: The low and high end of one span and of the other; may be infinite.
        least: The least that is shown around.
    """
    low, high = shared_span(*spans)
    known = [value for value in spans if math.isfinite(value)]
    if not known:
        return -least, least
    if len(known) == 4 and 0.0 < max(known) - min(known) <= 8.0 * (high - low):
        edge = 0.06 * (max(known) - min(known))
        return min(known) - edge, max(known) + edge  # both fit in whole
    low = low if math.isfinite(low) else min(high, max(known)) if math.isfinite(high) else min(known)
    high = high if math.isfinite(high) else low
    size = high - low
    sizes = [span for span in (spans[1] - spans[0], spans[3] - spans[2]) if math.isfinite(span)]
    smaller = min(sizes, default=0.0)
    around = (
        max(0.8 * smaller, 0.6 * size) if size == 0.0 else min(max(0.8 * smaller, 0.6 * size), 5.0 * size)
    )
    around = max(around, min(least, 0.8 * smaller) if sizes else least, least * 1e-3)
    return low - around, high + around


def within_calendar(low_ms: float, high_ms: float) -> tuple[float, float]:
    """Keep a window of time within the years 1 to 9999."""
    return max(low_ms, -62_135_596_800_000.0), min(high_ms, 253_402_300_799_000.0)


def time_axis(across: Axis, box: Box) -> str:
    """Write instants below a chart, and the day."""
    parts = []
    for ms, text in _time_ticks(across.low, across.high):
        x = across.px(ms)
        parts.append(line_element(x, box.bottom, x, box.bottom + 4.0, "kc-frame"))
        parts.append(text_element(x, box.bottom + 17.0, text, "kc-ink kc-s", "middle"))
    first, last = (instant_of(int(end)).date().isoformat() for end in (across.low, across.high))
    days = first if first == last else f"{first} to {last}"
    x = box.centre[0]
    parts.append(text_element(x, box.bottom + 34.0, f"time, UTC, {days}", "kc-dim kc-s", "middle"))
    return "".join(parts)


def _time_ticks(low: float, high: float) -> list[tuple[int, str]]:
    """Return instants to write at a time axis, and what to write."""
    step = next((s for s in _TIME_STEPS_MS if s * 5.0 >= high - low), None)
    if step is None:
        step = _DAY_MS * math.ceil((high - low) / 5.0 / _DAY_MS)
    first = math.ceil(low / step) * step
    return [(ms, _clock_text(ms, step)) for ms in range(first, math.floor(high) + 1, step)]


def _clock_text(ms: int, step_ms: int) -> str:
    text = instant_of(ms).isoformat(timespec="milliseconds")
    if step_ms >= _DAY_MS or (ms % _DAY_MS == 0 and step_ms >= 60_000):
        return text[:10]
    return text[11:16] if step_ms % 60_000 == 0 else text[11:19] if step_ms % 1000 == 0 else text[11:23]


def height_axis(up: Axis, box: Box) -> str:
    """Write heights left of a chart, in metres and in feet."""
    step, ticks = _height_ticks(up)
    digits = max(0, -math.floor(math.log10(step)))
    parts = [
        text_element(box.x - 52.0, box.y - 14.0, "m (W84)", "kc-ink kc-s", "end"),
        text_element(box.x - 8.0, box.y - 14.0, "ft", "kc-dim kc-s", "end"),
    ]
    for height_m in ticks:
        y = up.px(height_m) + 4.0
        parts.append(text_element(box.x - 52.0, y, number_text(height_m, digits), "kc-ink kc-s", "end"))
        parts.append(
            text_element(box.x - 8.0, y, number_text(m_to_feet(height_m), digits), "kc-dim kc-s", "end")
        )
    return "".join(parts)


def height_lines(up: Axis, box: Box) -> str:
    """Draw the lines across a chart at its heights."""
    return "".join(
        line_element(box.x, up.px(m), box.right, up.px(m), "kc-grid") for m in _height_ticks(up)[1]
    )


def _height_ticks(up: Axis) -> tuple[float, list[float]]:
    step = nice_below((up.high - up.low) / 3.0)
    first = math.ceil(up.low / step)
    return step, [number * step for number in range(first, math.floor(up.high / step) + 1)]
