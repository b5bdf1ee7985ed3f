"""The map of all items of a check, with the answer above it and a legend beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keepclear.codec.drawing.answer import answer_line, headline
from keepclear.codec.drawing.drawing import Drawing
from keepclear.codec.drawing.elements import Box, cut_to, document, rect_element, text_element
from keepclear.codec.drawing.finding_marks import finding_marks
from keepclear.codec.drawing.footprints import Footprint, areas, chosen_footprints, lay_out, overlaps
from keepclear.codec.drawing.graticule import graticule
from keepclear.codec.drawing.legend import LEGEND_PX, legend
from keepclear.codec.drawing.limits import SIDE_MAX_PX, SIDE_MIN_PX
from keepclear.codec.drawing.marks import patterns_of
from keepclear.codec.drawing.party_marks import party_marks
from keepclear.codec.drawing.projection import View, fitted
from keepclear.codec.drawing.scale import north_arrow, scale_bar
from keepclear.codec.drawing.space import Space
from keepclear.codec.results import Answer, CheckResult
from keepclear.codec.words import position_text
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import position_of, unit_vectors


def check_svg(result: CheckResult, *, width: float = 960, height: float = 640) -> str:
    """Draw the map of a check as SVG that stands alone.

    Args:
        result: The outcome of a check.
        width: How wide, 600 to 10,000 pixels.
        height: How high, 600 to 10,000 pixels.

    Returns:
        The SVG. It states the answer, and what it leaves out: items that have ended or are refused,
        volumes over `VOLUMES_MAX`, marks over `MARKS_MAX`, labels without room.

    Raises:
        InvalidValueError: A side is out of range.
    """
    return map_svg(Drawing(result), width=width, height=height)


def map_svg(drawing: Drawing, *, width: float, height: float) -> str:
    """Draw the map of all items; see `check_svg`.

    Raises:
        InvalidValueError: A side is out of range.
    """
    for name, value in (("width", width), ("height", height)):
        if not SIDE_MIN_PX <= value <= SIDE_MAX_PX:
            raise InvalidValueError(name, f"{value!r} is not within {SIDE_MIN_PX}..{SIDE_MAX_PX} pixels")
    word, sentence = headline(drawing.result)
    label = f"Map of the check. {word}: {sentence}"
    return document(width, height, label, _body(drawing, width, height), alone=drawing.alone)


def _body(drawing: Drawing, width: float, height: float) -> str:
    # A page around the map has the answer above it; what is not decided is told twice.
    states = drawing.alone or drawing.result.answer not in {Answer.CLEAR, Answer.CONFLICT}
    top = 44.0 if states else 12.0
    frame = Box(66.0, top, width - 66.0 - LEGEND_PX, height - top - 30.0)
    background = rect_element(Box(0.0, 0.0, width, height), "kc-bg")
    if states:
        background += answer_line(drawing.result, width)
    notes: list[str] = []
    footprints = chosen_footprints(drawing, notes)
    plot, border = rect_element(frame, "kc-plot"), rect_element(frame, "kc-frame")
    if not footprints:
        nothing = text_element(*frame.centre, "Nothing to draw", "kc-dim", "middle")
        return background + plot + border + nothing + legend(drawing, footprints, frame, notes)
    view = _view(drawing, footprints, frame)
    lay_out(footprints, drawing, view, notes)
    arrow, arrow_plate = north_arrow(view)
    bar, bar_plate = scale_bar(view, frame.x + 14.0, frame.bottom - 10.0, 130.0)
    space = Space(Box(2.0, frame.y + 2.0, frame.right - 4.0, height - frame.y))
    space.take(arrow_plate)
    space.take(bar_plate)
    marks = finding_marks(drawing, view, space, notes)
    names = party_marks(drawing, footprints, space, notes)
    grid = graticule(view, space, lines=5.0)
    inside = cut_to(frame, areas(footprints, drawing) + overlaps(drawing, view))
    patterns = patterns_of((footprint.item for footprint in footprints), drawing.looks)
    centre = position_text(position_of(view.centre))
    notes.append(f"Azimuthal equidistant map, centre {centre}; scale true there.")
    beside = legend(drawing, footprints, frame, notes)
    return "".join((patterns, background, plot, grid, inside, border, bar, arrow, names, marks, beside))


def _view(drawing: Drawing, footprints: Sequence[Footprint], frame: Box) -> View:
    volumes = [(footprint.item, number) for footprint in footprints for number in footprint.numbers]
    drawing.prepare(volumes)
    rings = [drawing.ring(item, number) for item, number in volumes]
    witnesses = np.array([finding.witness.position for finding in drawing.marked]).reshape(-1, 2)
    return fitted(np.concatenate((*rings, unit_vectors(*witnesses.T))), frame)
