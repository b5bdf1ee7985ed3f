"""The marks of the parties on the items of a map, and the names of items that have findings."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely

from keepclear.codec.drawing import limits
from keepclear.codec.drawing.drawing import Drawing
from keepclear.codec.drawing.elements import (
    SMALL_PX,
    Box,
    isolated,
    line_element,
    text_element,
    text_width_px,
)
from keepclear.codec.drawing.extents import bounding, timed, tooltip
from keepclear.codec.drawing.footprints import Footprint
from keepclear.codec.drawing.marks import MARK_HALF_PX, party_mark
from keepclear.codec.drawing.polygons import inner_point, only_polygons
from keepclear.codec.drawing.space import Space, box_around, spiral
from keepclear.codec.reading import Item
from keepclear.codec.words import count_text
from keepclear.core.constraints import Constraint


def party_marks(drawing: Drawing, footprints: Sequence[Footprint], space: Space, notes: list[str]) -> str:
    """Draw the mark of a party on its items, and the names of those that have findings."""
    order = sorted(footprints, key=lambda footprint: not footprint.has_findings)
    names = sum(footprint.has_findings for footprint in footprints)
    crossed = shapely.STRtree([footprint.area for footprint in footprints])
    parts, unmarked, unnamed = [], 0, names
    for place, footprint in enumerate(order):
        is_named = place < min(names, limits.LABELS_MAX)
        at, label = _place(footprint, crossed, space, is_named=is_named)
        unmarked += at is None
        unnamed -= bool(label)
        if at is not None:
            parts.append(_mark(drawing, footprint, at, label))
    if unmarked:
        notes.append(f"No room for a party's mark: {count_text(unmarked, 'item')}.")
    if unnamed:
        notes.append(f"No room for a name: {count_text(unnamed, 'item')} with findings.")
    return "".join(parts)


def _place(
    footprint: Footprint, crossed: Any, space: Space, *, is_named: bool
) -> tuple[tuple[float, float] | None, str]:
    """Find room for the mark of an item, and for its name if it needs one, and take it.

    The mark goes where no other item is, if there is such a place; with a name, where there is
    room for both, if need be beside the item.
    """
    inner = _inner_places(footprint)
    points = shapely.points(np.array(inner).reshape(-1, 2))
    others = np.bincount(crossed.query(points, predicate="within")[0], minlength=len(inner))
    places = [inner[k] for k in np.argsort(others, kind="stable").tolist()]
    if is_named and not footprint.area.is_empty:
        places.extend(spiral(inner_point(footprint.area), 14.0))
    boxes = [box_around(place, MARK_HALF_PX) for place in places]
    free = space.free(boxes)
    for choice in free if is_named else ():
        label = _label(footprint.item, places[choice], space)
        if label:
            space.take(boxes[choice])
            return places[choice], label
    if not free:
        return None, ""
    space.take(boxes[free[0]])
    return places[free[0]], ""


def _inner_places(footprint: Footprint) -> list[tuple[float, float]]:
    """Return places for the mark of an item: along its rim for a large one, else within its volumes."""
    if footprint.area.is_empty:
        return []
    low_x, low_y, high_x, high_y = (float(edge) for edge in footprint.area.bounds)
    places: list[tuple[float, float]] = []
    if isinstance(footprint.item, Constraint) and min(high_x - low_x, high_y - low_y) > 60.0:
        inner = footprint.area.buffer(-13.0)
        for polygon in only_polygons(inner)[:1]:
            ring = shapely.get_coordinates(polygon.exterior)
            ring = np.roll(ring[:-1], -int(np.argmin(ring[:-1, 1])), axis=0)
            places.extend((float(x), float(y)) for x, y in ring[:: max(1, len(ring) // 12)])
    few = footprint.polygons[:: max(1, len(footprint.polygons) // 12)]
    inside = [inner_point(polygon) for polygon in few]
    middle = len(inside) // 2
    places.extend((*inside[middle:], *reversed(inside[:middle])))
    return places


def _mark(drawing: Drawing, footprint: Footprint, at: tuple[float, float], label: str) -> str:
    mark = party_mark(drawing.look(footprint.item), *at)
    is_outside = shapely.distance(footprint.area, shapely.Point(at)) > 9.0
    lead = line_element(*at, *inner_point(footprint.area), "kc-frame") if is_outside else ""
    span = "" if drawing.alone else _span(footprint, at)
    faint = f' class="{footprint.faint}"' if footprint.faint else ""
    return f"<g{span}{faint}><title>{tooltip(footprint.item)}</title>{lead}{mark}{label}</g>"


def _span(footprint: Footprint, at: tuple[float, float]) -> str:
    """Tell when the volumes that a mark stands on are active; all of them if it stands aside."""
    near = shapely.dwithin(np.array(footprint.polygons), shapely.Point(at), 2.0)
    on = [number for number, is_near in zip(footprint.numbers, near, strict=True) if is_near]
    extent = bounding([footprint.item.volumes[number] for number in on or footprint.numbers])
    return timed(extent.start_ms, extent.end_ms)


def _label(item: Item, at: tuple[float, float], space: Space) -> str:
    text = isolated(item.id, 190.0)
    width = text_width_px(html.unescape(text), SMALL_PX)
    x, y = at
    places = [
        (x + 12.0, y + 4.0, "start"),
        (x - 12.0, y + 4.0, "end"),
        (x, y - 13.0, "middle"),
        (x, y + 20.0, "middle"),
        (x + 8.0, y - 11.0, "start"),
        (x + 8.0, y + 18.0, "start"),
        (x - 8.0, y - 11.0, "end"),
        (x - 8.0, y + 18.0, "end"),
    ]
    shift = {"start": 0.0, "middle": width / 2.0, "end": width}
    boxes = [Box(lx - shift[anchor], ly - 10.0, width, 13.0) for lx, ly, anchor in places]
    choice = space.take_first(boxes)
    if choice is None:
        return ""
    lx, ly, anchor = places[choice]
    return text_element(lx, ly, text, "kc-ink kc-s kc-halo", anchor)
