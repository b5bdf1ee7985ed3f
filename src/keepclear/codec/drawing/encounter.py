"""A drawing of one encounter: the plan with both paths, and altitude over time beside it.

The plan is the plane that touches the ellipsoid halfway between the two at their closest; over the few
minutes of a look-ahead it is true to a thousandth. It explains; it decides nothing.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from keepclear.codec.drawing.elements import (
    Box,
    coordinates,
    cut_to,
    document,
    isolated,
    line_element,
    px,
    rect_element,
    text_element,
)
from keepclear.codec.drawing.scale import nice_below
from keepclear.core.air_picture import AirPicture
from keepclear.core.encounters import Encounters, Minima, judge_pairs
from keepclear.core.geodesy import Floats, tangent_frames
from keepclear.core.motions import motions_of
from keepclear.core.rules import AnyRule, WellClearRule
from keepclear.core.units import FOOT_M, NAUTICAL_MILE_M, m_to_feet

WIDTH_PX: Final = 980.0
HEIGHT_PX: Final = 480.0
_PLAN: Final = Box(16.0, 62.0, 560.0, 402.0)
_PROFILE: Final = Box(650.0, 62.0, 310.0, 352.0)
_STEPS: Final = 121
_COLOURS: Final = ("kc-c0", "kc-c5")
_VERTICAL_SHOWN_FT: Final = 2_000.0
"""So much beyond both paths is shown where the vertical minimum is infinite."""


class _Scene(NamedTuple):
    """What is drawn.

    Attributes:
        ids: The two tracks.
        times_s: Instants, shape (k,).
        plan_m: Where each is in the plane, east and north, shape (2, k, 2).
        heights_ft: How high each is, shape (2, k); NaN where not known.
        minima: What is to be between them.
        judged: When and how they meet.
        title: The rule and its level.
    """

    ids: tuple[str, str]
    times_s: Floats
    plan_m: Floats
    heights_ft: Floats
    minima: Minima
    judged: Encounters
    title: str

    def at(self, time_s: float) -> Floats:
        """Return where both are at an instant, shape (2, 2)."""
        return np.array([[np.interp(time_s, self.times_s, part) for part in path.T] for path in self.plan_m])

    def is_lost(self) -> npt.NDArray[np.bool_]:
        """Tell at which instants separation is lost, shape (k,)."""
        begins, ends = self.judged.t_in_s[0], self.judged.t_out_s[0]
        lost: npt.NDArray[np.bool_] = (self.times_s >= begins) & (self.times_s <= ends)
        return lost


def encounter_svg(picture: AirPicture, ids: tuple[str, str], rule: AnyRule, level: str) -> str:
    """Draw what two tracks will do.

    Args:
        picture: The tracks.
        ids: The two.
        rule: The rule whose minima are shown.
        level: Which level of it.

    Returns:
        A document of its own.
    """
    scene = _scene(picture, ids, rule, level)
    body = rect_element(Box(0.0, 0.0, WIDTH_PX, HEIGHT_PX), "kc-bg")
    body += text_element(16.0, 24.0, " and ".join(isolated(each, 300.0) for each in ids), "kc-ink kc-big")
    body += text_element(16.0, 46.0, f"{isolated(scene.title)}: {_summary(scene)}", "kc-dim")
    body += _plan(scene) + _profile(scene)
    label = " and ".join(isolated(each) for each in ids)
    return document(WIDTH_PX, HEIGHT_PX, f"Encounter of {label}", body, alone=True)


def _scene(picture: AirPicture, ids: tuple[str, str], rule: AnyRule, level: str) -> _Scene:
    number = rule.level_names.index(level)
    if isinstance(rule, WellClearRule):
        alert = rule.alerts[number]
        minima = Minima(lateral_m=alert.volume.dmod_m, vertical_m=alert.volume.zthr_m, lookahead_s=120.0)
    else:
        minima = rule.minima()[number]
    rows = np.array([picture.ids.index(each) for each in ids])
    tracks = picture.tracks.take(rows)
    judged = judge_pairs(tracks, [0], [1], minima)
    end_s = _shown_s(minima, judged)
    times_s = np.linspace(0.0, end_s, _STEPS)
    moved = [motions_of(tracks, time_s) for time_s in times_s.tolist()]
    places = np.array([motion.position_m for motion in moved])  # (k, 2, 3)
    middle = motions_of(tracks, float(judged.t_cpa_s[0])).position_m.mean(axis=0)
    centre = middle / np.linalg.norm(middle)
    east, north = tangent_frames(centre[None, :])
    away = places - middle
    plan_m = np.stack([away @ east[0], away @ north[0]], axis=-1).swapaxes(0, 1)
    heights_ft = m_to_feet(1.0) * np.array([motion.altitude_m for motion in moved]).T
    heights_ft[np.isnan(tracks.altitude_m)] = np.nan
    return _Scene(ids, times_s, plan_m, heights_ft, minima, judged, f"{rule.name}, {level}")


def _shown_s(minima: Minima, judged: Encounters) -> float:
    """Return until when it is drawn: a while after the closest approach, or the end of the loss."""
    ends = judged.t_out_s[0]
    last = ends if math.isfinite(ends) else minima.lookahead_s + minima.duration_s
    return float(
        max(30.0, min(minima.lookahead_s + minima.duration_s, max(last, judged.t_cpa_s[0]) * 1.25 + 10.0))
    )


def _summary(scene: _Scene) -> str:
    judged = scene.judged
    closest = f"closest {length_text(float(judged.d_cpa_m[0]))} after {judged.t_cpa_s[0]:.0f} s"
    if not judged.is_nominal[0]:
        return f"no loss; {closest}"
    begins, ends = judged.t_in_s[0], judged.t_out_s[0]
    until = f"to {ends:.0f} s" if math.isfinite(ends) else "on beyond what is looked at"
    return f"loss from {'now' if begins == 0.0 else f'{begins:.0f} s'} {until}; {closest}"


def length_text(length_m: float) -> str:
    """Write a distance: NM from a kilometre on, else metres."""
    return f"{length_m / NAUTICAL_MILE_M:.2f} NM" if length_m >= 1_000.0 else f"{length_m:.0f} m"


# -- the plan ---------------------------------------------------------------------------------------


def _plan(scene: _Scene) -> str:
    cpa_s = float(scene.judged.t_cpa_s[0])
    cpa_m = scene.at(cpa_s)
    radius_m = scene.minima.lateral_m
    points = np.concatenate([scene.plan_m.reshape(-1, 2), cpa_m[:1] - radius_m, cpa_m[:1] + radius_m])
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.maximum(high - low, 1.0)
    inner = _PLAN.grown(-34.0)
    scale = min(inner.width / span[0], inner.height / span[1])
    middle, (x0, y0) = (low + high) / 2.0, _PLAN.centre

    def place(at_m: Floats) -> Floats:
        shifted = (np.atleast_2d(at_m) - middle) * scale
        return np.column_stack([x0 + shifted[:, 0], y0 - shifted[:, 1]])

    x, y = place(cpa_m)[0]
    parts = [
        rect_element(_PLAN, "kc-plot"),
        f'<circle cx="{px(x)}" cy="{px(y)}" r="{px(radius_m * scale)}" class="kc-ring" fill-opacity="0.6"/>',
        text_element(x, y + radius_m * scale - 6.0, length_text(radius_m), "kc-dim kc-s kc-halo", "middle"),
    ]
    lost = scene.is_lost()
    for number, colour in enumerate(_COLOURS):
        path = place(scene.plan_m[number])
        parts.append(f'<g class="{colour}"><path class="kc-line" d="M{coordinates(path)}"/></g>')
        if lost.sum() > 1:
            thick = 'class="kc-bad-line" style="stroke-width:5px" stroke-opacity="0.75"'
            parts.append(f'<path {thick} d="M{coordinates(path[lost])}"/>')
        parts.append(_ticks(scene, path, colour))
    one, other = place(cpa_m)
    parts.append(line_element(one[0], one[1], other[0], other[1], "kc-rule"))
    told = f"{length_text(float(scene.judged.d_cpa_m[0]))} after {cpa_s:.0f} s"
    at_x, at_y = (one + other) / 2.0
    parts.append(text_element(at_x + 10.0, at_y + 26.0, told, "kc-ink kc-b kc-halo"))
    for number, colour in enumerate(_COLOURS):
        parts.append(_mark(place(scene.plan_m[number])[0], scene.ids[number], colour))
    return cut_to(_PLAN, "".join(parts)) + rect_element(_PLAN, "kc-frame") + _scale(scale) + _north()


def _ticks(scene: _Scene, path: Floats, colour: str) -> str:
    """Draw a dot at every step of time, with the time beside it."""
    step = nice_step_s(float(scene.times_s[-1]))
    parts = []
    for time_s in np.arange(step, scene.times_s[-1] + 1e-9, step).tolist():
        x, y = (float(np.interp(time_s, scene.times_s, part)) for part in path.T)
        parts.append(f'<circle cx="{px(x)}" cy="{px(y)}" r="3" class="kc-mark {colour}"/>')
        parts.append(text_element(x + 6.0, y - 6.0, f"{time_s:.0f} s", "kc-dim kc-s kc-halo"))
    return "".join(parts)


def nice_step_s(span_s: float) -> float:
    """Return a step of time that divides a span into at most six."""
    return next((step for step in (5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0) if span_s / step <= 6.0), 600.0)


def _mark(at: Floats, track_id: str, colour: str) -> str:
    x, y = at
    dot = f'<g class="{colour}"><circle cx="{px(x)}" cy="{px(y)}" r="6" class="kc-mark"/></g>'
    is_right = x > _PLAN.centre[0]
    name_x, anchor = (x - 10.0, "end") if is_right else (x + 10.0, "")
    return dot + text_element(name_x, y + 20.0, isolated(track_id, 150.0), "kc-ink kc-b kc-halo", anchor)


def _scale(px_per_m: float) -> str:
    """Draw how long a distance is, at the lower left."""
    target_m = 110.0 / px_per_m
    one_m, unit = (NAUTICAL_MILE_M, "NM") if target_m >= 0.2 * NAUTICAL_MILE_M else (1.0, "m")
    length = nice_below(target_m / one_m)
    x, y, width = _PLAN.x + 14.0, _PLAN.bottom - 14.0, length * one_m * px_per_m
    line = f"M{px(x)} {px(y - 5)}V{px(y)}H{px(x + width)}V{px(y - 5)}"
    bar = f'<path class="kc-rule" stroke-width="1.3" d="{line}"/>'
    return bar + text_element(x + width + 6.0, y + 1.0, f"{length:g} {unit}", "kc-ink kc-s kc-halo")


def _north() -> str:
    x, y = _PLAN.right - 20.0, _PLAN.y + 34.0
    shape = '<path class="kc-ink" d="M0 -12 5.5 12 0 7.5 -5.5 12Z"/>'
    arrow = f'<g transform="translate({px(x)} {px(y)})">{shape}</g>'
    return arrow + text_element(x, y - 16.0, "N", "kc-ink kc-b kc-s", "middle")


# -- altitude over time -----------------------------------------------------------------------------


def _profile(scene: _Scene) -> str:
    known = scene.heights_ft[np.isfinite(scene.heights_ft)]
    heading = text_element(_PROFILE.x, _PROFILE.y - 8.0, "altitude, ft", "kc-dim kc-s")
    if not len(known):
        return heading + text_element(_PROFILE.x, _PROFILE.centre[1], "not known", "kc-dim")
    is_bounded = math.isfinite(scene.minima.vertical_m)
    room_ft = scene.minima.vertical_m / FOOT_M if is_bounded else _VERTICAL_SHOWN_FT
    low, high = float(known.min()) - room_ft * 1.2, float(known.max()) + room_ft * 1.2
    end_s = float(scene.times_s[-1])

    def place(times_s: Floats, heights_ft: Floats) -> Floats:
        x = _PROFILE.x + np.asarray(times_s) / end_s * _PROFILE.width
        y = _PROFILE.bottom - (np.asarray(heights_ft) - low) / (high - low) * _PROFILE.height
        return np.column_stack([x, y])

    parts = [rect_element(_PROFILE, "kc-plot"), _lost_span(scene, end_s)]
    axis = [_height_lines(low, high), _time_lines(end_s)]
    if is_bounded and np.isfinite(scene.heights_ft[0]).all():
        upper = place(scene.times_s, scene.heights_ft[0] + room_ft)
        lower = place(scene.times_s, scene.heights_ft[0] - room_ft)[::-1]
        band = f'<path class="kc-op kc-second" d="M{coordinates([*upper, *lower])}Z"/>'
        parts.append(f'<g class="{_COLOURS[0]}">{band}</g>')
        x, y = upper[0]
        parts.append(text_element(x + 6.0, y + 13.0, f"± {room_ft:,.0f} ft", "kc-dim kc-s kc-halo"))
    for number, colour in enumerate(_COLOURS):
        if np.isfinite(scene.heights_ft[number]).all():
            path = place(scene.times_s, scene.heights_ft[number])
            parts.append(f'<g class="{colour}"><path class="kc-line" d="M{coordinates(path)}"/></g>')
            last = path[-1]
            shift = -7.0 if scene.heights_ft[number, -1] >= scene.heights_ft[1 - number, -1] else 15.0
            name = isolated(scene.ids[number], 120.0)
            parts.append(text_element(last[0] - 6.0, last[1] + shift, name, "kc-ink kc-b kc-halo", "end"))
    return heading + cut_to(_PROFILE, "".join(parts)) + rect_element(_PROFILE, "kc-frame") + "".join(axis)


def _lost_span(scene: _Scene, end_s: float) -> str:
    if not scene.judged.is_nominal[0]:
        return ""
    first, last = float(scene.judged.t_in_s[0]), min(end_s, float(scene.judged.t_out_s[0]))
    per_s = _PROFILE.width / end_s
    box = Box(_PROFILE.x + first * per_s, _PROFILE.y, max(1.0, (last - first) * per_s), _PROFILE.height)
    text = text_element(box.centre[0], box.y + 15.0, "loss", "kc-bad kc-s kc-b", "middle")
    return rect_element(box, "kc-bad", ' fill-opacity="0.12"') + text


def _height_lines(low_ft: float, high_ft: float) -> str:
    step = nice_below((high_ft - low_ft) / 3.0)
    parts = []
    for height in np.arange(math.ceil(low_ft / step) * step, high_ft, step).tolist():
        y = _PROFILE.bottom - (height - low_ft) / (high_ft - low_ft) * _PROFILE.height
        parts.append(line_element(_PROFILE.x - 4.0, y, _PROFILE.x, y, "kc-frame"))
        parts.append(text_element(_PROFILE.x - 7.0, y + 4.0, f"{height:,.0f}", "kc-dim kc-s", "end"))
    return "".join(parts)


def _time_lines(end_s: float) -> str:
    parts = [text_element(_PROFILE.right, _PROFILE.bottom + 36.0, "seconds from now", "kc-dim kc-s", "end")]
    for time_s in np.arange(0.0, end_s + 1e-9, nice_step_s(end_s)).tolist():
        x = _PROFILE.x + time_s / end_s * _PROFILE.width
        parts.append(line_element(x, _PROFILE.bottom, x, _PROFILE.bottom + 4.0, "kc-frame"))
        parts.append(text_element(x, _PROFILE.bottom + 18.0, f"{time_s:.0f}", "kc-dim kc-s", "middle"))
    return "".join(parts)
