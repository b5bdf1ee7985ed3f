"""The map of an incident: where the aircraft flew, what was declared there, and where they were closest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import shapely

from keepclear.codec.drawing.elements import (
    Box,
    coordinates,
    cut_to,
    document,
    isolated,
    px,
    rect_element,
    text_element,
    text_width_px,
)
from keepclear.codec.drawing.graticule import graticule
from keepclear.codec.drawing.marks import NEEDLE, fill_of, looks_of, patterns_of
from keepclear.codec.drawing.polygons import inner_point, path_data, simpler
from keepclear.codec.drawing.projection import View, fitted
from keepclear.codec.drawing.scale import north_arrow, scale_bar
from keepclear.codec.drawing.space import Space, box_around
from keepclear.codec.reading import Item
from keepclear.core.flown import Flown, flown
from keepclear.core.geodesy import Floats, unit_vectors
from keepclear.core.incident_findings import Closest, IncidentFindings, Span
from keepclear.core.incident_judge import sampled_ms
from keepclear.core.incidents import Incident
from keepclear.core.packed import Ints, pack
from keepclear.core.times import instant_of
from keepclear.core.units import NAUTICAL_MILE_M

AIRCRAFT_COLOURS: Final = ("kc-c0", "kc-c1")
"""The colours of the two aircraft, in every picture of an incident."""
POINTS_MAX: Final = 2_000
"""A path has so many points at most; those between are left out."""
VOLUMES_MAX: Final = 400
"""So many declared volumes are drawn; that there are more is told."""
_FIRST_ITEM_COLOUR: Final = 2
_FRAME: Final = Box(66.0, 14.0, 1_040.0, 560.0)
_MINUTES: Final = (1, 2, 5, 10, 15, 30, 60)
_TICKS: Final = 8
_AROUND: Final = 0.18


class _Path(NamedTuple):
    """The path of an aircraft in pixels, broken where nothing is known.

    Attributes:
        at_ms: The instants, shape (n,).
        points: Where it was, NaN where not known, shape (n, 2).
    """

    at_ms: Ints
    points: Floats

    def at(self, ms: int) -> tuple[float, float] | None:
        """Return where it was at an instant; None where that is not known."""
        row = int(np.searchsorted(self.at_ms, ms))
        if row >= len(self.at_ms) or self.at_ms[row] != ms or np.isnan(self.points[row]).any():
            return None
        x, y = self.points[row].tolist()
        return x, y

    def data(self, spans: Sequence[Span] | None = None) -> str:
        """Return the path, or what of it was flown in some spans of time."""
        known = ~np.isnan(self.points).any(axis=1)
        if spans is not None:
            chosen = np.zeros(len(self.at_ms), dtype=np.bool_)
            for span in spans:
                chosen |= (self.at_ms >= span.from_ms) & (self.at_ms <= span.to_ms)
            known &= chosen
        edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
        parts = []
        for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            points = thinned(self.points[first:last])
            parts.append(f"M{coordinates(points.tolist())}")
        return "".join(parts)


def thinned(points: Floats) -> Floats:
    """Leave out points of a path that has too many, never its ends."""
    step = max(1, math.ceil(len(points) / POINTS_MAX))
    return np.concatenate([points[:-1:step], points[-1:]]) if step > 1 else points


def incident_map(incident: Incident, findings: IncidentFindings) -> str:
    """Draw where the aircraft of an incident flew, within what was declared.

    Args:
        incident: The incident.
        findings: What was computed of it.

    Returns:
        An SVG within a page that has `STYLE`.
    """
    at_ms = sampled_ms(incident)
    paths = [flown(each.sources, at_ms, incident.degraded_s) for each in incident.aircraft]
    page = Box(0.0, 0.0, _FRAME.right + 14.0, _FRAME.bottom + 34.0)
    label = f"Map of the incident: {' and '.join(isolated(each.id) for each in incident.aircraft)}"
    if not any(path.is_known.any() for path in paths):
        nothing = text_element(*_FRAME.centre, "Nothing is known of where they were", "kc-dim", "middle")
        body = rect_element(page, "kc-bg") + rect_element(_FRAME, "kc-plot") + nothing
        return document(page.width, page.height, label, body, alone=False)
    view = _view(paths)
    drawn = [_Path(at_ms, _pixels(view, path)) for path in paths]
    space = Space(Box(2.0, _FRAME.y + 2.0, _FRAME.right - 4.0, page.height - _FRAME.y - 4.0))
    arrow, arrow_plate = north_arrow(view)
    bar, bar_plate = scale_bar(view, _FRAME.x + 14.0, _FRAME.bottom - 12.0, 130.0)
    for plate in (arrow_plate, bar_plate):
        space.take(plate)
    for path in drawn:
        known = path.points[~np.isnan(path.points).any(axis=1)]
        for x, y in known[:: max(1, len(known) // 150)].tolist():
            space.take(box_around((x, y), 3.0))
    closest = _closest(findings.closest, view, space)
    lines = _lines(drawn, findings)
    marks = "".join(_marks(path, number, incident, space) for number, path in enumerate(drawn))
    areas = _declared(incident, view, space)
    grid = graticule(view, space, lines=5.0)
    parts = (
        patterns_of(_items(incident), looks_of(_items(incident))),
        rect_element(page, "kc-bg"),
        rect_element(_FRAME, "kc-plot"),
        grid,
        cut_to(_FRAME, areas + lines),
        rect_element(_FRAME, "kc-frame"),
        bar,
        arrow,
        cut_to(_FRAME, marks + closest),
    )
    return document(page.width, page.height, label, "".join(parts), alone=False)


def _view(paths: Sequence[Flown]) -> View:
    """Show all that is known of the paths, with some room around."""
    vectors = np.concatenate([path.vector[path.is_known] for path in paths])
    view = fitted(vectors, _FRAME)
    return View(
        centre=view.centre,
        middle_m=view.middle_m,
        px_per_m=min(view.px_per_m * (1.0 - _AROUND), 2.0),
        box=_FRAME,
    )


def _pixels(view: View, path: Flown) -> Floats:
    pixels = np.full((len(path.vector), 2), math.nan)
    pixels[path.is_known] = view.pixels(path.vector[path.is_known])
    return pixels


# -- what was flown ---------------------------------------------------------------------------------


def _lines(paths: Sequence[_Path], findings: IncidentFindings) -> str:
    """Draw the paths; thickly what was flown while separation was lost, or outside of a declaration."""
    parts = []
    lost = [span for level in findings.levels for span in level.spans.reported]
    for number, path in enumerate(paths):
        name = findings.aircraft[number].aircraft
        outside = [
            span for place in findings.places if place.aircraft == name for span in place.spans.reported
        ]
        for spans, style in ((lost, "stroke-width:11px"), (outside, "stroke-width:5px;stroke-dasharray:2 4")):
            data = path.data(spans) if spans else ""
            if data:
                parts.append(f'<path class="kc-bad-line" stroke-opacity="0.35" style="{style}" d="{data}"/>')
    for number, path in enumerate(paths):
        second = " kc-second" if number else ""
        line = f'<path class="kc-line{second}" style="stroke-width:2.4px" d="{path.data()}"/>'
        parts.append(f'<g class="{AIRCRAFT_COLOURS[number]}">{line}</g>')
    return "".join(parts)


def _marks(path: _Path, number: int, incident: Incident, space: Space) -> str:
    """Mark whole minutes on a path, name it at its beginning, and point where it ends."""
    known = np.flatnonzero(~np.isnan(path.points).any(axis=1))
    if not len(known):
        return ""
    colour, parts = AIRCRAFT_COLOURS[number], []
    first, last = int(known[0]), int(known[-1])
    parts.append(_needle(path.points[known], colour))
    start = (float(path.points[first, 0]), float(path.points[first, 1]))
    parts.append(
        f'<g class="{colour}"><circle class="kc-mark" cx="{px(start[0])}" cy="{px(start[1])}" r="4.5"/></g>'
    )
    name = isolated(incident.aircraft[number].id, 190.0)
    parts.append(label(space, start, name, "kc-ink kc-b", (12.0, 20.0, 34.0, 52.0)))
    span_s = (int(path.at_ms[last]) - int(path.at_ms[first])) / 1_000.0
    step = next((m for m in _MINUTES if span_s / 60.0 / m <= _TICKS), _MINUTES[-1]) * 60_000
    for ms in range(-(-int(path.at_ms[first]) // step) * step, int(path.at_ms[last]) + 1, step):
        place = path.at(ms)
        if place is not None and first < int(np.searchsorted(path.at_ms, ms)) < last:
            dot = f'<circle class="kc-mark" cx="{px(place[0])}" cy="{px(place[1])}" r="3"/>'
            parts.append(f'<g class="{colour}">{dot}</g>')
            told = instant_of(ms).strftime("%H:%M")
            parts.append(label(space, place, told, "kc-dim kc-s", (9.0, 13.0, 18.0)))
    return "".join(parts)


def _needle(points: Floats, colour: str) -> str:
    """Draw a needle where a path ends, in its direction; nothing where it does not move."""
    away = points[-1] - points
    moved = np.flatnonzero(np.hypot(away[:, 0], away[:, 1]) > 6.0)
    if not len(moved):
        return ""
    east, south = away[int(moved[-1])].tolist()
    turn = math.degrees(math.atan2(east, -south))
    x, y = points[-1].tolist()
    place = f'transform="translate({px(x)} {px(y)}) rotate({px(turn)})"'
    return f'<g class="{colour}"><path class="kc-mark" {place} d="{NEEDLE}"/></g>'


def label(
    space: Space, at: tuple[float, float], content: str, classes: str, reaches: tuple[float, ...]
) -> str:
    """Write text beside a place where there is room; nothing if there is none."""
    width = min(190.0, text_width_px(content, 11.0 if "kc-s" in classes else 13.0))
    boxes = []
    for reach in reaches:
        for east, south in ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, -1), (1, 1), (-1, 1)):
            x = at[0] + east * (reach + width / 2.0) - width / 2.0
            boxes.append(Box(x, at[1] + south * (reach + 2.0) - 8.0, width, 16.0))
    choice = space.take_first(boxes)
    if choice is None:
        return ""
    box = boxes[choice]
    return text_element(box.centre[0], box.bottom - 3.5, content, f"{classes} kc-halo", "middle")


def _closest(closest: Closest | None, view: View, space: Space) -> str:
    """Draw a line between where both were when they were laterally closest, and how far that was."""
    if closest is None:
        return ""
    ends = view.pixels(unit_vectors(*np.array(closest.positions).T))
    circles = "".join(f'<circle class="kc-ring" cx="{px(x)}" cy="{px(y)}" r="6"/>' for x, y in ends.tolist())
    line = f'<path class="kc-bad-line" style="stroke-width:2px" d="M{coordinates(ends.tolist())}"/>'
    middle = ends.mean(axis=0).tolist()
    told = f"closest {distance_text(closest.lateral_m)} at {instant_of(closest.at_ms):%H:%M:%S}"
    for x, y in ends.tolist():
        space.take(box_around((x, y), 7.0))
    text = label(space, (middle[0], middle[1]), told, "kc-ink kc-b", (16.0, 26.0, 40.0, 60.0, 90.0, 130.0))
    return line + circles + text


def distance_text(length_m: float) -> str:
    """Write a lateral distance: with nautical miles from a kilometre on, else in metres."""
    return f"{length_m / NAUTICAL_MILE_M:.2f} NM" if length_m >= 1_000.0 else f"{length_m:,.0f} m"


# -- what was declared ------------------------------------------------------------------------------


def _items(incident: Incident) -> list[Item]:
    """Return each item that is quoted, in the last version that can be drawn."""
    latest: dict[tuple[str, str], Item] = {}
    for version in incident.declared:
        if version.item is not None:
            latest[version.ref.party, version.ref.id] = version.item
    return list(latest.values())


def _declared(incident: Incident, view: View, space: Space) -> str:
    items, looks = _items(incident), looks_of(_items(incident))
    frame = shapely.box(*_FRAME.edges)
    parts, names, room, is_cut = [], [], VOLUMES_MAX, False
    for item in items:
        timely = [
            each
            for each in item.volumes
            if each.time.start_ms <= incident.to_ms and each.time.end_ms >= incident.from_ms
        ]
        is_cut = is_cut or len(timely) > room
        timely = timely[:room]
        room -= len(timely)
        shape = _shape(timely, view)
        if shape is None or not shape.intersects(frame):
            continue
        shape = simpler(shapely.intersection(shape, shapely.box(*_FRAME.grown(30.0).edges)))
        classes, fill = fill_of(item, looks[item.party])
        colour = (_FIRST_ITEM_COLOUR + looks[item.party].colour) % 7
        path = f'<path class="{classes}"{fill} d="{path_data(shape)}"/>'
        parts.append(f'<g class="kc-c{colour}">{path}</g>')
        visible = shapely.intersection(shape, frame)
        if not visible.is_empty:
            told = isolated(f"{item.party}:{item.id}", 180.0)
            names.append(label(space, inner_point(visible), told, "kc-dim kc-b", (0.0, 14.0, 30.0, 50.0)))
    if is_cut:
        names.append(text_element(_FRAME.x + 10.0, _FRAME.y + 18.0, f"Only {VOLUMES_MAX} volumes are drawn"))
    return "".join([*parts, *names])


def _shape(volumes: Sequence[Any], view: View) -> Any:
    if not volumes:
        return None
    zeros = [0] * len(volumes)
    packed = pack(volumes, zeros, zeros, [False] * len(volumes))
    polygons = [view.polygon(packed.ring(number)) for number in range(packed.volume_count)]
    kept = [polygon for polygon in polygons if polygon is not None]
    return shapely.union_all(kept) if kept else None
