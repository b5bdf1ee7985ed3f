"""The chart in a panel: the volumes of two items by altitude over time, and how they meet."""

from __future__ import annotations

from keepclear.codec.drawing.axes import (
    Axis,
    height_axis,
    height_lines,
    shown_span,
    time_axis,
    within_calendar,
)
from keepclear.codec.drawing.elements import (
    SMALL_PX,
    Box,
    cut_to,
    px,
    rect_element,
    text_element,
    text_width_px,
)
from keepclear.codec.drawing.extents import Extent, extent_of
from keepclear.codec.drawing.marks import fill_of
from keepclear.codec.drawing.pair import Pair
from keepclear.codec.words import duration_text, height_text
from keepclear.core.conflicts import ConflictRule


def chart(pair: Pair, box: Box) -> str:
    """Draw altitude over time of the two items of a finding."""
    a, b = pair.extents
    times = shown_span((a.start_ms, a.end_ms, b.start_ms, b.end_ms), 30_000.0)
    heights = shown_span((a.lower_m, a.upper_m, b.lower_m, b.upper_m), 60.0)
    across = Axis(*within_calendar(*times), box.x, box.right)
    up = Axis(*heights, box.bottom, box.y)
    rows = "".join(_volumes(pair, side, across, up) for side in (1, 0))
    meeting = _placed(a.shared(b), across, up)
    inside = cut_to(box, f"{height_lines(up, box)}{rows}{_meeting(pair, meeting)}")
    title = text_element(box.x, box.y - 26.0, "Altitude over time", "kc-ink kc-b")
    axes = time_axis(across, box) + height_axis(up, box)
    frame = rect_element(box, "kc-frame")
    return rect_element(box, "kc-plot") + inside + frame + title + axes + _measures(pair, meeting, box)


def _volumes(pair: Pair, side: int, across: Axis, up: Axis) -> str:
    """Draw the volumes of one item as rectangles; those that do not meet the other are faint."""
    item, look, meeting = pair.items[side], pair.looks[side], pair.meeting[side]
    second = " kc-second" if side else ""
    extents = [extent_of(volume) for volume in item.volumes]
    seen = [number for number, extent in enumerate(extents) if _is_seen(extent, across, up)]
    seen.sort(key=lambda number: number not in meeting)
    parts = []
    for number in reversed(pair.kept("chart", side, seen)):
        classes, fill = fill_of(item, look) if number in meeting else ("kc-faint", "")
        parts.append(rect_element(_placed(extents[number], across, up), classes + second, fill))
    if pair.drawing.result.rule is ConflictRule.PER_INTENT:
        parts.append(rect_element(_placed(pair.extents[side], across, up), f"kc-line{second}"))
    return f'<g class="kc-c{look.colour}">{"".join(parts)}</g>'


def _is_seen(extent: Extent, across: Axis, up: Axis) -> bool:
    return (
        extent.start_ms <= across.high
        and extent.end_ms >= across.low
        and extent.lower_m <= up.high
        and extent.upper_m >= up.low
    )


def _placed(extent: Extent, across: Axis, up: Axis) -> Box:
    x, y = across.px(extent.start_ms), up.px(extent.upper_m)
    return Box(x, y, across.px(extent.end_ms) - x, up.px(extent.lower_m) - y)


def _meeting(pair: Pair, meeting: Box) -> str:
    """Mark what the two volumes share, or the gap, in time and altitude."""
    at_least = meeting._replace(width=max(meeting.width, 2.0), height=max(meeting.height, 2.0))
    witness = pair.finding.witness
    meets = witness.vertical_gap_m == 0.0 == witness.time_gap_s
    dashes = "" if meets else ' stroke-dasharray="4 3"'
    return rect_element(at_least, "kc-bad kc-over") + rect_element(at_least, "kc-bad-line", dashes)


def _measures(pair: Pair, meeting: Box, box: Box) -> str:
    """Write how long and how deep they overlap or are apart, with a bracket at each side."""
    w = pair.finding.witness
    time = _measure(
        w.time_overlap_s, duration_text(w.time_overlap_s), w.time_gap_s, duration_text(w.time_gap_s)
    )
    vertical = _measure(
        w.vertical_overlap_m,
        height_text(w.vertical_overlap_m),
        w.vertical_gap_m,
        height_text(w.vertical_gap_m),
    )
    time = "touch in time" if time == "touch" else time
    left, right = max(box.x, meeting.x), min(box.right, meeting.right)
    top, bottom = max(box.y, meeting.y), min(box.bottom, meeting.bottom)
    half = text_width_px(time, SMALL_PX) / 2.0
    x = min(max((left + right) / 2.0, box.x + 130.0 + half), box.right - half)
    half_high = text_width_px(vertical, SMALL_PX) / 2.0
    y = min(max((top + bottom) / 2.0, box.y + half_high), box.bottom - half_high)
    return (
        f'<path class="kc-bad-line" d="M{px(left)} {px(box.y - 3)}v-5H{px(right)}v5'
        f'M{px(box.right + 3)} {px(top)}h5V{px(bottom)}h-5"/>'
        + text_element(x, box.y - 13.0, time, "kc-bad kc-s kc-b", "middle")
        + f'<text class="kc-bad kc-s kc-b" text-anchor="middle"'
        f' transform="translate({px(box.right + 21)} {px(y)}) rotate(-90)">{vertical}</text>'
    )


def _measure(overlap: float, overlap_text: str, gap: float, gap_text: str) -> str:
    if gap > 0.0:
        return f"gap {gap_text}"
    return f"overlap {overlap_text}" if overlap > 0.0 else "touch"
