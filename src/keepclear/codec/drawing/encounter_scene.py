"""What a drawing of an encounter shows: two paths as points in time, and when separation is lost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from keepclear.core.air_picture import AirPicture
from keepclear.core.encounters import Minima, judge_pairs
from keepclear.core.geodesy import Floats, tangent_frames
from keepclear.core.motions import TrackArrays, motions_of
from keepclear.core.rules import AnyRule, WellClearRule
from keepclear.core.units import NAUTICAL_MILE_M, m_to_feet
from keepclear.core.well_clear import alert_levels

COLOURS: Final = ("kc-c0", "kc-c5")
"""The colours of the two."""

_INSTANTS: Final = 91
_SHOWN_MIN_S: Final = 30.0
_LOOKAHEAD_S: Final = 300.0
_STEPS_S: Final = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """Two tracks, as they are drawn.

    Attributes:
        ids: Their ids.
        rule: The name of the rule.
        level: The level of it.
        loss: What a loss is called.
        lateral_m: The lateral minimum, metres.
        vertical_m: The vertical one; may be infinite.
        lost_s: From when to when separation is lost, seconds; None if it is not.
        possible_s: The same where that only cannot be excluded.
        cpa_s: When they are laterally closest.
        times_s: Instants, shape (k,).
        plan_m: Where each is then in the plane that touches the earth where they are closest: east, north,
            metres, shape (2, k, 2).
        heights_ft: How high each is then, feet, shape (2, k); NaN where not known.
        apart_m: How far apart they are then, laterally, shape (k,).
    """

    ids: tuple[str, str]
    rule: str
    level: str
    loss: str
    lateral_m: float
    vertical_m: float
    lost_s: tuple[float, float] | None
    possible_s: tuple[float, float] | None
    cpa_s: float
    times_s: Floats
    plan_m: Floats
    heights_ft: Floats
    apart_m: Floats

    @property
    def end_s(self) -> float:
        """Until when it is shown."""
        return float(self.times_s[-1])

    @property
    def step_s(self) -> float:
        """The time between two marks."""
        return next((step for step in _STEPS_S if self.end_s / step <= 6.0), _STEPS_S[-1])

    def marks_s(self) -> list[float]:
        """Return the instants that are marked, the first is now."""
        return [k * self.step_s for k in range(int(self.end_s / self.step_s + 1e-9) + 1)]

    def plan_at(self, time_s: float) -> Floats:
        """Return where both are at an instant, shape (2, 2)."""
        return np.array([[np.interp(time_s, self.times_s, part) for part in path.T] for path in self.plan_m])

    def apart_at(self, time_s: float) -> float:
        """Return how far apart they are laterally at an instant, metres."""
        return float(np.hypot(*np.subtract(*self.plan_at(time_s))))

    def height_apart_ft(self, time_s: float) -> float:
        """Return how far apart they are vertically at an instant, feet; NaN if not known."""
        one, other = (np.interp(time_s, self.times_s, heights) for heights in self.heights_ft)
        return float(abs(one - other))

    def within(self, span_s: tuple[float, float]) -> npt.NDArray[np.bool_]:
        """Tell which of the instants lie within a span, shape (k,)."""
        return np.asarray((self.times_s >= span_s[0]) & (self.times_s <= span_s[1]))


def scene_of(picture: AirPicture, ids: tuple[str, str], rule: AnyRule, level: str) -> Scene:
    """Find what there is to draw of two tracks.

    Args:
        picture: The tracks.
        ids: The two.
        rule: The rule.
        level: Which level of it.
    """
    tracks = picture.tracks.take(np.array([picture.ids.index(each) for each in ids]))
    number = rule.level_names.index(level)
    minima = _minima(rule, number)
    near = judge_pairs(tracks, [0], [1], minima)
    cpa_s = float(near.t_cpa_s[0])
    lost_s = _span(near.t_in_s[0], near.t_out_s[0])
    possible_s = _span(near.t_in_inflated_s[0], near.t_out_inflated_s[0])
    if isinstance(rule, WellClearRule):
        alerted = alert_levels(tracks.take(slice(0, 1)), tracks.take(slice(1, 2)), rule.alerts)
        lost_s = _until(alerted.t_in_s[0, number], lost_s, cpa_s)
        possible_s = _until(alerted.t_in_inflated_s[0, number], possible_s, cpa_s)
    ends = [cpa_s, *(end for span in (lost_s or possible_s,) if span for end in span)]
    last_s = max(end for end in ends if math.isfinite(end))
    is_endless = math.inf in ends
    end_s = minima.lookahead_s if is_endless else last_s * 1.25 + 10.0
    end_s = max(_SHOWN_MIN_S, min(end_s, max(minima.lookahead_s, last_s)))
    turning_s = [time_s for time_s in ends if time_s <= end_s]
    times_s = np.unique(np.concatenate([np.linspace(0.0, end_s, _INSTANTS), turning_s]))
    plan_m, heights_ft = _paths(tracks, times_s, cpa_s)
    return Scene(
        ids=ids,
        rule=rule.name,
        level=level,
        loss="Not well clear" if isinstance(rule, WellClearRule) else "Separation lost",
        lateral_m=minima.lateral_m,
        vertical_m=minima.vertical_m,
        lost_s=lost_s,
        possible_s=possible_s,
        cpa_s=cpa_s,
        times_s=times_s,
        plan_m=plan_m,
        heights_ft=heights_ft,
        apart_m=np.hypot(*(plan_m[1] - plan_m[0]).T),
    )


def _minima(rule: AnyRule, number: int) -> Minima:
    if isinstance(rule, WellClearRule):
        volume = rule.alerts[number].volume
        return Minima(lateral_m=volume.dmod_m, vertical_m=volume.zthr_m, lookahead_s=_LOOKAHEAD_S)
    return rule.minima()[number]


def _span(begins_s: float, ends_s: float) -> tuple[float, float] | None:
    return (float(begins_s), float(ends_s)) if math.isfinite(begins_s) else None


def _until(
    begins_s: float, too_near_s: tuple[float, float] | None, cpa_s: float
) -> tuple[float, float] | None:
    """Return the span of a rule that begins by time: it ends with the distance, or else when they part."""
    if not math.isfinite(begins_s):
        return None
    return float(begins_s), max(float(begins_s), cpa_s if too_near_s is None else too_near_s[1])


def _paths(tracks: TrackArrays, times_s: Floats, cpa_s: float) -> tuple[Floats, Floats]:
    """Return where two are in a plane, and how high, at some instants."""
    moved = [motions_of(tracks, time_s) for time_s in times_s.tolist()]
    places = np.array([motion.position_m for motion in moved])  # (k, 2, 3)
    middle = motions_of(tracks, cpa_s).position_m.mean(axis=0)
    centre = middle / np.linalg.norm(middle)
    east, north = tangent_frames(centre[np.newaxis, :])
    away = places - middle
    plan_m = np.stack([away @ east[0], away @ north[0]], axis=-1).swapaxes(0, 1)
    heights_ft = m_to_feet(1.0) * np.array([motion.altitude_m for motion in moved]).T
    heights_ft[np.isnan(tracks.altitude_m)] = np.nan
    return plan_m, heights_ft


def length_text(length_m: float) -> str:
    """Write a distance: NM from a kilometre on, else metres."""
    return f"{length_m / NAUTICAL_MILE_M:.3g} NM" if length_m >= 1_000.0 else f"{length_m:,.0f} m"


def time_text(time_s: float) -> str:
    """Write how long from now: now, 12 s."""
    return "now" if time_s < 0.5 else f"{time_s:,.0f} s"
