"""The map in a panel: the footprints of two items where they meet, or the gap between them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely

from keepclear.codec.drawing.elements import Box, coordinates, cut_to, px, rect_element, text_element
from keepclear.codec.drawing.graticule import graticule
from keepclear.codec.drawing.marks import MARK_HALF_PX, fill_of, finding_mark, party_mark
from keepclear.codec.drawing.pair import Pair
from keepclear.codec.drawing.polygons import only_polygons, path_data, simpler
from keepclear.codec.drawing.projection import View, to_plane
from keepclear.codec.drawing.scale import north_arrow, scale_bar
from keepclear.codec.drawing.space import Space, box_around
from keepclear.codec.words import length_text
from keepclear.core.conflicts import Verdict
from keepclear.core.geodesy import Floats, unit_vectors


def lateral_map(pair: Pair, box: Box) -> str:
    """Draw the footprints of the two items of a finding, and what they share or the gap."""
    drawing = pair.drawing
    rings = [drawing.ring(i, s.volume) for i, s in zip(pair.items, pair.sides, strict=True)]
    view = _view(pair, rings, box)
    space = Space(Box(box.x - 70.0, box.y, box.width + 70.0, box.height + 22.0))
    arrow, arrow_plate = north_arrow(view)
    bar, bar_plate = scale_bar(view, box.x + 12.0, box.bottom - 8.0, 90.0)
    at = view.at(pair.finding.witness.position)
    for taken in (arrow_plate, bar_plate, box_around(at, 14.0)):
        space.take(taken)
    polygons = [view.polygon(ring) for ring in rings]
    areas = "".join(_footprints(pair, side, view, box) for side in (1, 0))
    inside = cut_to(box, f"{areas}{_meeting(pair, polygons, box)}")
    grid = graticule(view, space, lines=3.0)
    marks = "".join(_party_mark(pair, side, polygons[side], box, space) for side in (0, 1))
    frame = rect_element(box, "kc-frame")
    title = text_element(box.x, box.y - 26.0, "Map", "kc-ink kc-b")
    said = text_element(box.right, box.y - 10.0, _measure(pair), "kc-bad kc-s kc-b", "end")
    plot = rect_element(box, "kc-plot")
    return "".join((plot, grid, inside, frame, bar, arrow, marks, _witness_mark(pair, *at), title, said))


def _view(pair: Pair, rings: list[Floats], box: Box) -> View:
    """Show the overlap or the gap, and what is around it of the smaller footprint."""
    position = pair.finding.witness.position
    centre = unit_vectors(*np.array([position]).T)[0]
    planes = [shapely.make_valid(shapely.Polygon(to_plane(centre, ring))) for ring in rings]
    shared = shapely.intersection(*planes)
    if shared.is_empty:
        shared = shapely.shortest_line(*planes)
    low_x, low_y, high_x, high_y = (float(edge) for edge in shared.bounds)
    size = max(high_x - low_x, high_y - low_y)
    smaller = min(max(p.bounds[2] - p.bounds[0], p.bounds[3] - p.bounds[1]) for p in planes)
    around = 0.7 * smaller if size == 0.0 else min(max(0.7 * smaller, 0.4 * size), 3.0 * size)
    around = max(around, min(25.0, 0.7 * smaller), 1.0)
    half = ((high_x - low_x) / 2.0 + around, (high_y - low_y) / 2.0 + around)
    scale = min(box.width / 2.0 / half[0], box.height / 2.0 / half[1])
    middle = ((low_x + high_x) / 2.0, (low_y + high_y) / 2.0)
    return View(centre=centre, middle_m=middle, px_per_m=scale, box=box)


def _footprints(pair: Pair, side: int, view: View, box: Box) -> str:
    """Draw the footprints of one item; those of volumes that do not meet the other are faint."""
    item, look, meeting = pair.items[side], pair.looks[side], pair.meeting[side]
    second = " kc-second" if side else ""
    at = pair.sides[side].volume
    numbers = sorted(range(len(item.volumes)), key=lambda k: (k != at, k not in meeting, abs(k - at), k))
    drawn = pair.kept("map", side, numbers)
    pair.drawing.prepare((item, number) for number in drawn)
    frame = shapely.box(*box.grown(30.0).edges)
    groups: list[list[Any]] = [[], []]
    for number in drawn:
        polygon = view.polygon(pair.drawing.ring(item, number))
        if polygon is not None and polygon.intersects(frame):
            groups[number in meeting].append(shapely.intersection(polygon, frame))
    classes, fill = fill_of(item, look)
    faint, clear = (path_data(simpler(shapely.union_all(group))) for group in groups)
    others = f'<path class="kc-faint{second}" d="{faint}"/>' if faint else ""
    return f'<g class="kc-c{look.colour}">{others}<path class="{classes}{second}"{fill} d="{clear}"/></g>'


def _meeting(pair: Pair, polygons: list[Any], box: Box) -> str:
    if None in polygons:
        return ""
    shared = shapely.intersection(*polygons)
    if pair.finding.witness.lateral_gap_m > 0.0 or shared.is_empty:
        line = shapely.get_coordinates(shapely.shortest_line(*polygons))
        return f'<path class="kc-bad-line" stroke-dasharray="4 3" d="M{coordinates(line)}"/>'
    data = path_data(simpler(shapely.intersection(shared, shapely.box(*box.grown(30.0).edges))))
    return f'<path class="kc-bad kc-over" d="{data}"/><path class="kc-bad-line" d="{data}"/>'


def _party_mark(pair: Pair, side: int, polygon: Any, box: Box, space: Space) -> str:
    """Put the mark of a party on its footprint, away from the witness."""
    if polygon is None:
        return ""
    area = shapely.intersection(polygon, shapely.box(*box.grown(-14.0).edges))
    places: list[tuple[float, float]] = []
    for part in only_polygons(area):
        ring = shapely.get_coordinates(part.exterior)
        places.extend((float(x), float(y)) for x, y in ring[:: max(1, len(ring) // 16)])
    x0, y0 = box.centre
    places.sort(key=lambda p: (-round(math.hypot(p[0] - x0, p[1] - y0)), p))
    choice = space.take_first([box_around(place, MARK_HALF_PX) for place in places])
    return "" if choice is None else party_mark(pair.looks[side], *places[choice])


def _witness_mark(pair: Pair, x: float, y: float) -> str:
    cross = f"M{px(x - 5)} {px(y)}h10M{px(x)} {px(y - 5)}v10"
    mark = f'<path class="kc-rule" stroke-width="1.6" d="{cross}"/>'
    number = pair.drawing.numbers.get(pair.finding)
    return mark if number is None else finding_mark(pair.finding.verdict, number, x, y)


def _measure(pair: Pair) -> str:
    w = pair.finding.witness
    if w.lateral_gap_m > 0.0:
        asked_m = pair.drawing.result.buffer.lateral_m
        told = asked_m > 0.0 and pair.finding.verdict is not Verdict.NEAR_MISS
        within = f", buffer {length_text(asked_m)}" if told else ""
        return f"gap {length_text(w.lateral_gap_m)}{within}"
    return f"overlap {length_text(w.lateral_overlap_m)} wide" if w.lateral_overlap_m else "touch"
