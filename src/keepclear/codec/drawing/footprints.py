"""The footprints on a map: which items and volumes it shows, and their areas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import shapely

from keepclear.codec.drawing import limits
from keepclear.codec.drawing.drawing import Drawing
from keepclear.codec.drawing.extents import timed, tooltip
from keepclear.codec.drawing.marks import fill_of
from keepclear.codec.drawing.polygons import path_data, simpler
from keepclear.codec.drawing.projection import View
from keepclear.codec.reading import Item
from keepclear.codec.words import count_text
from keepclear.core.conflicts import Verdict
from keepclear.core.constraints import Constraint
from keepclear.core.intents import IntentState, ItemId


@dataclass(slots=True)
class Footprint:
    """An item on the map: its volumes there, and, once laid out, their areas in pixels."""

    item: Item
    numbers: list[int]
    has_findings: bool
    faint: str = ""
    """The class of what is drawn faintly, or nothing."""
    polygons: list[Any] = field(default_factory=list)
    area: Any = None


def chosen_footprints(drawing: Drawing, notes: list[str]) -> list[Footprint]:
    """Choose what is drawn: items of findings first, as many volumes as there is room for.

    Args:
        drawing: The check.
        notes: What the legend tells; what is left out is added to it.
    """
    items: dict[ItemId, Item] = {}
    met: dict[ItemId, list[int]] = {}
    for finding in drawing.result.findings:
        for side in (finding.a, finding.b):
            items[side.id] = drawing.item(side)
            met.setdefault(side.id, []).append(side.volume)
    items |= {item.id: item for item in drawing.result.items}
    live = [item for item in items.values() if getattr(item, "state", None) is not IntentState.ENDED]
    room, chosen = limits.VOLUMES_MAX, []
    for item in live:
        wanted = (*met.get(item.id, ()), *range(len(item.volumes)))
        numbers = list(dict.fromkeys(wanted))[:room]
        room -= len(numbers)
        if numbers:
            chosen.append(Footprint(item, sorted(numbers), item.id in met))
    if len(items) > len(live):
        notes.append(f"Not drawn: {count_text(len(items) - len(live), 'ended operation')}.")
    if drawing.result.problems:
        count = count_text(len(drawing.result.problems), "problem")
        notes.append(f"Not drawn: what could not be read ({count}).")
    all_volumes = sum(len(item.volumes) for item in live)
    left_out = all_volumes - sum(len(footprint.numbers) for footprint in chosen)
    if left_out:
        notes.append(
            f"Not drawn: {left_out:,} of {all_volumes:,} volumes ({len(live) - len(chosen):,} items"
            " wholly), to keep the picture small."
        )
    if met and len(chosen) > limits.PLAIN_ITEMS_MAX:
        notes.append("Faint: items without findings.")
        for footprint in chosen:
            footprint.faint = "" if footprint.has_findings else "kc-rest"
    return chosen


def lay_out(footprints: Sequence[Footprint], drawing: Drawing, view: View, notes: list[str]) -> None:
    """Lay the volumes of each item into the picture and join them."""
    hidden = 0
    for footprint in footprints:
        item = footprint.item
        found = {number: view.polygon(drawing.ring(item, number)) for number in footprint.numbers}
        kept = {number: polygon for number, polygon in found.items() if polygon is not None}
        hidden += len(found) - len(kept)
        footprint.numbers, footprint.polygons = list(kept), [simpler(polygon) for polygon in kept.values()]
        footprint.area = simpler(shapely.union_all(footprint.polygons)) if kept else shapely.Polygon()
    if hidden:
        notes.append(f"Not drawn: {count_text(hidden, 'volume')} at the far end of the earth.")


def areas(footprints: Sequence[Footprint], drawing: Drawing) -> str:
    """Draw the areas of all items, zones below, large ones first; in a page, also volume by volume."""
    order = sorted(footprints, key=lambda f: (not isinstance(f.item, Constraint), -float(f.area.area)))
    whole = "".join(_area(footprint, drawing, [("", footprint.area)]) for footprint in order)
    if drawing.alone:
        return whole
    each = []
    for footprint in order:
        windows = (footprint.item.volumes[number].time for number in footprint.numbers)
        spans = (timed(window.start_ms, window.end_ms) for window in windows)
        each.append(_area(footprint, drawing, list(zip(spans, footprint.polygons, strict=True))))
    return f'<g class="kc-all">{whole}</g><g class="kc-each">{"".join(each)}</g>'


def _area(footprint: Footprint, drawing: Drawing, parts: Sequence[tuple[str, Any]]) -> str:
    """Draw parts of an item's area, each with the attributes of when it is shown."""
    look = drawing.look(footprint.item)
    classes, fill = fill_of(footprint.item, look)
    paths = "".join(f'<path class="{classes}"{fill}{span} d="{path_data(shape)}"/>' for span, shape in parts)
    faint = f" {footprint.faint}" if footprint.faint else ""
    return f'<g class="kc-c{look.colour}{faint}"><title>{tooltip(footprint.item)}</title>{paths}</g>'


def overlaps(drawing: Drawing, view: View) -> str:
    """Shade where the footprints of a finding's witness overlap."""
    paths = []
    for finding in drawing.marked:
        if finding.witness.lateral_gap_m > 0.0 or finding.verdict is Verdict.NEAR_MISS:
            continue
        sides = (finding.a, finding.b)
        polygons = [view.polygon(drawing.ring(drawing.item(side), side.volume)) for side in sides]
        if None in polygons:
            continue
        data = path_data(simpler(shapely.intersection(*polygons)))
        ink = "kc-bad" if finding.verdict is Verdict.CONFLICT else "kc-warn"
        span = "" if drawing.alone else timed(*drawing.span_ms(finding))
        if data:
            paths.append(f'<path class="{ink} kc-over"{span} d="{data}"/>')
    return "".join(paths)
