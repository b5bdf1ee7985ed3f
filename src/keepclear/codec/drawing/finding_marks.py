"""The numbers of the findings on a map, each at its witness, or moved aside where others are."""

from __future__ import annotations

import math
from typing import Final

from keepclear.codec.drawing.drawing import Drawing
from keepclear.codec.drawing.elements import isolated, line_element, px
from keepclear.codec.drawing.extents import timed
from keepclear.codec.drawing.marks import finding_mark, mark_radius_px
from keepclear.codec.drawing.projection import View
from keepclear.codec.drawing.space import Space, box_around, spiral
from keepclear.codec.words import TITLES, count_text, height_text, instant_text, position_text
from keepclear.core.conflicts import Finding, Verdict

_MARKS_FAR_MAX: Final = 40
_DOT_CLASSES: Final = {
    Verdict.CONFLICT: "kc-disc",
    Verdict.NOTICE_REQUIRED: "kc-kite",
    Verdict.NEAR_MISS: "kc-ring",
}


def finding_marks(drawing: Drawing, view: View, space: Space, notes: list[str]) -> str:
    """Draw the mark of each finding; one without room becomes a dot, and what is left out is noted."""
    left_out = len(drawing.result.findings) - len(drawing.marked)
    if left_out:
        notes.append(f"Marked are findings 1 to {len(drawing.marked)}; {left_out:,} more are not.")
    rings = 6 if len(drawing.result.findings) <= _MARKS_FAR_MAX else 2  # many long leads only confuse
    parts, crowded = [], 0
    for number, finding in enumerate(drawing.marked, start=1):
        at = view.at(finding.witness.position)
        half = mark_radius_px(number) * 1.2 + 1.0
        places = [at, *spiral(at, half * 2.0, rings)]
        choice = space.take_first([box_around(place, half) for place in places])
        crowded += choice is None
        parts.append(_mark(drawing, finding, number, at, None if choice is None else places[choice]))
    if crowded:
        notes.append(f"Too crowded for a number: {count_text(crowded, 'finding')}, shown as a dot.")
    return "".join(reversed(parts))


def _mark(
    drawing: Drawing,
    finding: Finding,
    number: int,
    at: tuple[float, float],
    place: tuple[float, float] | None,
) -> str:
    witness = finding.witness
    who = f"{isolated(finding.a.id)} and {isolated(finding.b.id)}"
    title = (
        f"<title>{number}. {TITLES[finding.verdict]}: {who}, {position_text(witness.position)},"
        f" {height_text(witness.altitude_m)} (W84), {instant_text(witness.time)}</title>"
    )
    centre = f'cx="{px(at[0])}" cy="{px(at[1])}"'
    if place is None:
        mark = f'<circle class="{_DOT_CLASSES[finding.verdict]}" {centre} r="4"/>'
    else:
        mark = finding_mark(finding.verdict, number, *place)
        if math.dist(at, place) > 1.0:
            dot = f'<circle class="kc-rule" stroke-width="1.6" {centre} r="2"/>'
            mark = line_element(*at, *place, "kc-rule") + dot + mark
    if drawing.alone:
        return f"<g>{title}{mark}</g>"
    span = timed(*drawing.span_ms(finding))
    return f'<a href="#finding-{number}" tabindex="-1"><g{span}>{title}{mark}</g></a>'
