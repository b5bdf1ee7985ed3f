"""A drawing of one encounter: the plan with both paths, and distance and altitude over time beside it.

The plan is the plane that touches the earth halfway between the two at their closest; over the few minutes of
a look-ahead it is true to a thousandth. North is up in its middle. It explains; it decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

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
from keepclear.codec.drawing.encounter_charts import altitude_chart, distance_chart
from keepclear.codec.drawing.encounter_scene import COLOURS, Scene, length_text, scene_of, time_text
from keepclear.codec.drawing.marks import NEEDLE
from keepclear.codec.drawing.scale import nice_below
from keepclear.codec.drawing.space import Space, box_around
from keepclear.core.air_picture import AirPicture
from keepclear.core.geodesy import Floats
from keepclear.core.rules import AnyRule
from keepclear.core.units import NAUTICAL_MILE_M

_PAGE: Final = Box(0.0, 0.0, 980.0, 500.0)
_PLAN: Final = Box(16.0, 68.0, 560.0, 416.0)
_DISTANCE: Final = Box(640.0, 88.0, 322.0, 132.0)
_ALTITUDE: Final = Box(640.0, 258.0, 322.0, 200.0)
_MARGIN_PX: Final = 40.0
_PATH_BOX_PX: Final = 9.0


def encounter_svg(picture: AirPicture, ids: tuple[str, str], rule: AnyRule, level: str) -> str:
    """Draw what two tracks will do.

    Args:
        picture: The tracks.
        ids: The two.
        rule: The rule whose minima are shown.
        level: Which level of it.

    Returns:
        A document of its own, 980 by 500 pixels.
    """
    scene = scene_of(picture, ids, rule, level)
    parts = [rect_element(_PAGE, "kc-bg"), _head(scene)]
    parts += [_Plan(scene).drawn(), distance_chart(scene, _DISTANCE), altitude_chart(scene, _ALTITUDE)]
    label = f"Encounter of {' and '.join(map(isolated, ids))}: {_summary(scene)}"
    return document(_PAGE.width, _PAGE.height, label, "".join(parts), alone=True)


def _head(scene: Scene) -> str:
    """Name the two, the rule, and say what happens."""
    x, parts = 16.0, []
    for number, colour in enumerate(COLOURS):
        second = " kc-second" if number else ""
        parts.append(f'<g class="{colour}"><path class="kc-line{second}" d="M{px(x)} 21h26"/></g>')
        parts.append(text_element(x + 34.0, 26.0, isolated(scene.ids[number], 260.0), "kc-ink kc-big"))
        x += 34.0 + min(300.0, text_width_px(scene.ids[number], 17.5)) + 30.0
    rule = f"{isolated(scene.rule)}, {isolated(scene.level)}"
    classes = "kc-bad" if scene.lost_s else "kc-warn" if scene.possible_s else "kc-ink"
    said = f'<tspan class="{classes} kc-b">{_summary(scene)}</tspan>'
    parts.append(text_element(16.0, 50.0, f'{said}<tspan class="kc-dim" dx="10">{rule}</tspan>'))
    return "".join(parts)


def _summary(scene: Scene) -> str:
    closest = f"closest {length_text(scene.apart_at(scene.cpa_s))}"
    height_ft = scene.height_apart_ft(scene.cpa_s)
    closest += "" if math.isnan(height_ft) else f" and {height_ft:,.0f} ft"
    closest += f" {_when_text(scene.cpa_s)}"
    if scene.lost_s:
        return f"{scene.loss} {_span_text(scene.lost_s)}; {closest}"
    if scene.possible_s:
        return f"A loss cannot be excluded {_span_text(scene.possible_s)}; {closest}"
    return f"No loss; {closest}"


def _when_text(time_s: float) -> str:
    return "now" if time_s < 0.5 else f"in {time_text(time_s)}"


def _span_text(span_s: tuple[float, float]) -> str:
    begins = f"from {time_text(span_s[0])}"
    return f"{begins} to {time_text(span_s[1])}" if math.isfinite(span_s[1]) else f"{begins} on"


class _Plan:
    """The plan: both paths, the ring of the minimum round the first where they are closest."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        closest_m = scene.plan_at(scene.cpa_s)
        ring_m = np.array([[-1.0, -1.0], [1.0, 1.0]]) * scene.lateral_m + closest_m[0]
        points = np.concatenate([scene.plan_m.reshape(-1, 2), ring_m])
        low, high = points.min(axis=0), points.max(axis=0)
        inner = _PLAN.grown(-_MARGIN_PX)
        self._middle_m = (low + high) / 2.0
        span_m = np.maximum(high - low, 1.0)
        self._px_per_m = float(min(inner.width / span_m[0], inner.height / span_m[1]))
        self._paths = [self._placed(path) for path in scene.plan_m]
        self._closest = self._placed(closest_m)
        self._space = Space(_PLAN.grown(-4.0))
        for number, path in enumerate(self._paths):  # no text lies on a path if there is room beside it
            length_px = max(self._length_px(number), _PATH_BOX_PX)
            for x, y in path[:: max(1, int(len(path) * _PATH_BOX_PX / length_px))].tolist():
                self._space.take(box_around((x, y), _PATH_BOX_PX / 3.0))

    def _placed(self, points_m: Floats) -> Floats:
        """Lay points of the plane into the picture, shape (n, 2)."""
        shifted = (points_m - self._middle_m) * self._px_per_m
        x, y = _PLAN.centre
        return np.column_stack([x + shifted[:, 0], y - shifted[:, 1]])

    def drawn(self) -> str:
        scale, north = self._scale(), self._north()
        marks = self._marks()
        under = [self._ring(), self._span()]
        over = [self._closest_line(), *(self._craft(number) for number in (0, 1))]
        named = [self._closest_text(), *(self._name(number) for number in (0, 1)), self._ring_text()]
        paths = []
        for number, colour in enumerate(COLOURS):
            second = " kc-second" if number else ""
            line = f'<path class="kc-line{second}" d="M{coordinates(self._paths[number])}"/>'
            paths.append(f'<g class="{colour}">{line}</g>')
        times = [self._time_text(*each) for each in self._marked()]
        inside = "".join([*under, *paths, marks, *over, *times, *named])
        return "".join(
            [
                rect_element(_PLAN, "kc-plot"),
                cut_to(_PLAN, inside),
                rect_element(_PLAN, "kc-frame"),
                scale,
                north,
            ]
        )

    def _ring(self) -> str:
        (x, y), radius = self._closest[0], self._scene.lateral_m * self._px_per_m
        return (
            f'<circle class="{COLOURS[0]}" cx="{px(x)}" cy="{px(y)}" r="{px(radius)}" fill="currentColor"'
            ' fill-opacity="0.1" stroke="currentColor" stroke-width="1.2" stroke-dasharray="5 3"/>'
        )

    def _ring_text(self) -> str:
        (x, y), radius = self._closest[0], self._scene.lateral_m * self._px_per_m
        places = []
        for turn in (90.0, -90.0, 0.0, 180.0, 45.0, 135.0, -45.0, -135.0):
            angle = math.radians(turn)
            places.append((x + radius * math.cos(angle), y + radius * math.sin(angle)))
        return self._label(places, f"minimum {length_text(self._scene.lateral_m)}", "kc-dim kc-s", (12.0,))

    def _span(self) -> str:
        """Draw thickly what is flown while separation is lost, or may be."""
        scene = self._scene
        span, classes = (scene.lost_s, "kc-bad-line") if scene.lost_s else (scene.possible_s, "kc-frame")
        if span is None:
            return ""
        inside = scene.within(span)
        style = 'style="stroke-width:9px;stroke-linecap:round" stroke-opacity="0.4"'
        some = [path[inside] for path in self._paths] if inside.sum() > 1 else []
        return "".join(f'<path class="{classes}" {style} d="M{coordinates(path)}"/>' for path in some)

    def _marks(self) -> str:
        parts = []
        for number, time_s in self._marked():
            x, y = self._at(number, time_s)
            self._space.take(box_around((x, y), 4.0))
            mark = f'<circle cx="{px(x)}" cy="{px(y)}" r="3" class="kc-mark"/>'
            parts.append(f'<g class="{COLOURS[number]}">{mark}</g>')
        return "".join(parts)

    def _marked(self) -> list[tuple[int, float]]:
        """Return which instants are marked on which path, the first ones first; none on what stands."""
        moving = [number for number in (0, 1) if self._length_px(number) >= 1.0]
        return [(number, time_s) for time_s in self._scene.marks_s()[1:] for number in moving]

    def _length_px(self, number: int) -> float:
        path = self._paths[number]
        return float(np.hypot(*(path[-1] - path[0])))

    def _at(self, number: int, time_s: float) -> tuple[float, float]:
        path = self._paths[number]
        x, y = (float(np.interp(time_s, self._scene.times_s, part)) for part in path.T)
        return x, y

    def _time_text(self, number: int, time_s: float) -> str:
        return self._label([self._at(number, time_s)], f"{time_s:.0f} s", "kc-dim kc-s", (11.0, 15.0, 20.0))

    def _closest_line(self) -> str:
        line = f'<path class="kc-rule" stroke-width="1.4" d="M{coordinates(self._closest)}"/>'
        for place in self._closest.tolist():
            self._space.take(box_around((place[0], place[1]), 5.0))
        ends = [
            f'<circle class="kc-ring" cx="{px(x)}" cy="{px(y)}" r="4"/>' for x, y in self._closest.tolist()
        ]
        return line + "".join(ends)

    def _closest_text(self) -> str:
        scene = self._scene
        told = f"{length_text(scene.apart_at(scene.cpa_s))} {_when_text(scene.cpa_s)}"
        x, y = self._closest.mean(axis=0).tolist()
        return self._label([(x, y)], told, "kc-ink kc-b", (16.0, 28.0, 44.0, 64.0, 90.0))

    def _craft(self, number: int) -> str:
        """Draw a needle where a track is now, in its direction; a disc if it does not move."""
        path = self._paths[number]
        x, y = path[0].tolist()
        self._space.take(box_around((x, y), 11.0))
        if self._length_px(number) < 1.0:
            disc = f'<circle cx="{px(x)}" cy="{px(y)}" r="6" class="kc-mark"/>'
            return f'<g class="{COLOURS[number]}">{disc}</g>'
        east, south = (path[-1] - path[0]).tolist()
        turn = math.degrees(math.atan2(east, -south))
        place = f'transform="translate({px(x)} {px(y)}) rotate({px(turn)})"'
        return f'<g class="{COLOURS[number]}"><path class="kc-mark" {place} d="{NEEDLE}"/></g>'

    def _name(self, number: int) -> str:
        x, y = self._paths[number][0].tolist()
        name = isolated(self._scene.ids[number], 150.0)
        return self._label([(x, y)], name, "kc-ink kc-b", (20.0, 26.0, 34.0, 48.0, 70.0))

    def _label(
        self, places: list[tuple[float, float]], content: str, classes: str, reaches: tuple[float, ...]
    ) -> str:
        """Write text beside one of some places where there is room; nothing if there is none."""
        width = min(160.0, text_width_px(content, 11.0 if "kc-s" in classes else 13.0))
        boxes = [box for place in places for reach in reaches for box in _beside(place, width, reach)]
        choice = self._space.take_first(boxes)
        if choice is None:
            return ""
        box = boxes[choice]
        return text_element(box.centre[0], box.bottom - 3.5, content, f"{classes} kc-halo", "middle")

    def _scale(self) -> str:
        """Draw how long a distance is, at the lower left."""
        target_m = 110.0 / self._px_per_m
        one_m, unit = (NAUTICAL_MILE_M, "NM") if target_m >= 0.2 * NAUTICAL_MILE_M else (1.0, "m")
        length = nice_below(target_m / one_m)
        x, y, width = _PLAN.x + 14.0, _PLAN.bottom - 14.0, length * one_m * self._px_per_m
        bar = f'<path class="kc-rule" stroke-width="1.3" d="M{px(x)} {px(y - 5)}v5H{px(x + width)}v-5"/>'
        told = f"{length:g} {unit}"
        self._space.take(Box(x - 8.0, y - 16.0, width + 26.0 + text_width_px(told, 11.0), 24.0))
        return bar + text_element(x + width + 7.0, y + 1.0, told, "kc-ink kc-s kc-halo")

    def _north(self) -> str:
        x, y = _PLAN.right - 20.0, _PLAN.y + 34.0
        self._space.take(Box(x - 14.0, y - 28.0, 28.0, 46.0))
        shape = '<path class="kc-ink" d="M0 -12 5.5 12 0 7.5 -5.5 12Z"/>'
        arrow = f'<g transform="translate({px(x)} {px(y)})">{shape}</g>'
        return arrow + text_element(x, y - 16.0, "N", "kc-ink kc-b kc-s", "middle")


def _beside(at: tuple[float, float], width: float, reach: float) -> Iterator[Box]:
    """Yield the boxes of a text round a place: below, above, right, left, and between these."""
    x, y = at
    right, left = x + reach, x - reach - width
    below, above = y + reach - 8.0, y - reach - 8.0
    for box_x, box_y in (
        (x - width / 2.0, below), (x - width / 2.0, above), (right - 6.0, y - 8.0), (left + 6.0, y - 8.0),
        (right - 10.0, above + 3.0), (right - 10.0, below - 3.0),
        (left + 10.0, above + 3.0), (left + 10.0, below - 3.0),
    ):  # fmt: skip
        yield Box(box_x, box_y, width, 16.0)
