"""Well clear: when two aircraft come too close by time as well as by distance, and how urgent that is.

The rule is that of RTCA DO-365B for detect-and-avoid: a pair is not well clear at an instant if

- vertically they are at most ZTHR apart, and
- laterally they are at most DMOD apart; or they close in, would pass within HMD of one another, and
  *modified tau* is at most its threshold. With the distance r, modified tau is (DMOD^2 - r^2) / (r dr/dt):
  about the time until they are DMOD apart.

An alert says how soon that will be. Each aircraft goes straight on, in the plane that touches the earth
halfway between the two; no pole and no antimeridian needs a special case. The earth is that of the reference
implementation unless WGS84 is asked for: see `Earth`. Bounds are closed: exactly at one is not well clear.
What people are told, and when an alert is over, is left to others.

Source:
    C. Munoz, A. Narkawicz, J. Chamberlain, M. Consiglio, J. Upchurch, A Family of Well-Clear Boundary Models
    for the Integration of UAS in the NAS, AIAA 2014-2412. The numbers are those of RTCA DO-365B.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from keepclear.core.approach import TOUCH_TOLERANCE_M
from keepclear.core.encounters import (
    ENCOUNTERS_MAX,
    LATERAL_INFLATION_MAX_M,
    LATERAL_MINIMUM_MAX_M,
    LOOKAHEAD_MAX_S,
    VERTICAL_INFLATION_MAX_M,
    Minima,
    TooManyEncountersError,
    candidate_pairs,
)
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import ECCENTRICITY_SQ, RADIUS_MIN_M, Floats
from keepclear.core.index import Engine
from keepclear.core.motions import TrackArrays, motions_of
from keepclear.core.packed import Ints
from keepclear.core.units import NAUTICAL_MILE_M, feet_to_m

TAU_MOD_MAX_S: Final = 300.0
"""The greatest threshold of modified tau."""
COMPONENT_MAX: Final = 1e8
"""No component of a relative position (metres) or velocity (metres per second) is greater."""

_STILL_MPS: Final = 1e-6
_RATE_MIN_MPS: Final = 1e-12
_CHUNK: Final = 16_384
_NORMAL: Final = np.array([1.0, 1.0, 1.0 / (1.0 - ECCENTRICITY_SQ)])
_SPHERE_RADIUS_M: Final = NAUTICAL_MILE_M * 60.0 * 180.0 / math.pi
_EARTH_RATIO: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class WellClearVolume:
    """What must be between two aircraft for them to be well clear.

    Attributes:
        dmod_m: DMOD: laterally this close is not well clear in any case; metres, over 0.0.
        hmd_m: HMD: nor is closing in on less than this, metres, over 0.0.
        zthr_m: ZTHR: vertically farther than this is well clear, metres, over 0.0.
        tau_mod_s: Closing in counts from this modified tau on, seconds; with 0.0 distance alone counts.

    Raises:
        InvalidValueError: A number is out of range.
    """

    dmod_m: float
    hmd_m: float
    zthr_m: float
    tau_mod_s: float

    def __post_init__(self) -> None:
        most_m = LATERAL_MINIMUM_MAX_M
        for name, value in (("dmod_m", self.dmod_m), ("hmd_m", self.hmd_m), ("zthr_m", self.zthr_m)):
            if not 0.0 < value <= most_m:  # catches NaN too
                raise InvalidValueError(name, f"{value!r} must be over 0 and at most {most_m:g}")
        if not 0.0 <= self.tau_mod_s <= TAU_MOD_MAX_S:
            raise InvalidValueError("tau_mod_s", f"{self.tau_mod_s!r} is not within 0..{TAU_MOD_MAX_S:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """When there is an alert of one level.

    Attributes:
        volume: What is to be kept.
        within_s: There is an alert if the pair will not be well clear within this, seconds.

    Raises:
        InvalidValueError: The time is out of range.
    """

    volume: WellClearVolume
    within_s: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.within_s <= LOOKAHEAD_MAX_S:
            raise InvalidValueError("within_s", f"{self.within_s!r} is not within 0..{LOOKAHEAD_MAX_S:g}")


class Earth(Enum):
    """On which earth distances are taken; an old position is first brought to now on WGS84 in any case."""

    NAUTICAL_SPHERE = "nautical-sphere"
    """A sphere on which a minute of arc is a nautical mile, as in NASA's DAIDALUS, the reference
    implementation of DO-365B: alert levels are equal to its own. Distances are off by up to 0.52 %."""
    WGS84 = "wgs84"
    """The ellipsoid: distances are right."""


class AlertLevel(IntEnum):
    """How urgent an alert of DO-365B is."""

    NONE = 0
    """No alert."""
    PREVENTIVE = 1
    """Keep on; do not go towards the other."""
    CORRECTIVE = 2
    """Do something, in agreement with air traffic control."""
    WARNING = 3
    """Do something at once."""


def _volume(dmod_m: float, zthr_ft: float, tau_mod_s: float) -> WellClearVolume:
    return WellClearVolume(dmod_m=dmod_m, hmd_m=dmod_m, zthr_m=feet_to_m(zthr_ft), tau_mod_s=tau_mod_s)


_EN_ROUTE = _volume(0.66 * NAUTICAL_MILE_M, 450.0, 35.0)
_TERMINAL = _volume(feet_to_m(1_500.0), 450.0, 0.0)
_NON_COOPERATIVE = _volume(feet_to_m(2_200.0), 450.0, 0.0)

DO_365B: Final = (
    AlertRule(volume=_volume(0.66 * NAUTICAL_MILE_M, 700.0, 35.0), within_s=55.0),
    AlertRule(volume=_EN_ROUTE, within_s=55.0),
    AlertRule(volume=_EN_ROUTE, within_s=25.0),
)
"""Preventive, corrective and warning alerts en route, against aircraft that tell where they are."""
DO_365B_TERMINAL: Final = tuple(AlertRule(volume=_TERMINAL, within_s=45.0) for _ in range(3))
"""The same in a terminal area. All three are one there, so that an alert is always a warning."""
DO_365B_NON_COOPERATIVE: Final = tuple(
    AlertRule(volume=_NON_COOPERATIVE, within_s=within_s) for within_s in (55.0, 55.0, 25.0)
)
"""The same against aircraft that only a sensor on board sees."""


class AlertedPairs(NamedTuple):
    """Alerts between aircraft; m pairs, k rules.

    Attributes:
        a: The row of the one, shape (m,).
        b: The row of the other.
        level: The number of the highest rule that alerts, from 1 on; 0 if none does. See `AlertLevel`.
        t_in_s: When the volume of each rule is entered, seconds from now, 0.0 if they are in it; infinite if
            not within the look-ahead, NaN where an altitude is not known; shape (m, k).
        t_cpa_s: When the two are laterally closest within the look-ahead, shape (m,).
        d_cpa_m: Their lateral distance then, metres.
        level_inflated: The level that cannot be excluded, as the two may be off where they are said to be.
        t_in_inflated_s: When each volume is entered at the earliest, shape (m, k).
    """

    a: Ints
    b: Ints
    level: Ints
    t_in_s: Floats
    t_cpa_s: Floats
    d_cpa_m: Floats
    level_inflated: Ints
    t_in_inflated_s: Floats

    def take(self, rows: Ints | npt.NDArray[np.bool_]) -> AlertedPairs:
        """Return some of them.

        Args:
            rows: Numbers of rows, or a mask.
        """
        return AlertedPairs._make(column[rows] for column in self)


class _Relative(NamedTuple):
    """How others are and move, seen from ones, in a plane; all of shape (m,).

    `closing` is the product of relative position and velocity, negative while they close in; `miss_m` is how
    far from the one the line passes on which the other moves.
    """

    distance_m: Floats
    closing: Floats
    speed_mps: Floats
    miss_m: Floats
    dz_m: Floats
    rate_mps: Floats


def time_to_violation(
    position_m: Floats,
    velocity_mps: Floats,
    volume: WellClearVolume,
    lookahead_s: float,
    *,
    wider_m: Floats | float = 0.0,
    deeper_m: Floats | float = 0.0,
) -> tuple[Floats, Floats]:
    """Find from when to when pairs are not well clear if both go straight on.

    Args:
        position_m: Position of the other minus that of the one: east, north, up, metres, shape (m, 3).
        velocity_mps: The same of the velocities, metres per second.
        volume: What is to be kept.
        lookahead_s: What begins later does not count, seconds.
        wider_m: How far the lateral position may be off, metres, 0.0 or more, shape (m,).
        deeper_m: The same of the vertical one; may be infinite.

    Returns:
        When it begins, 0.0 if it has, and when it ends, however far they go straight on; both infinite where
        it does not begin. Shape (m,) each.

    Raises:
        InvalidValueError: The arrays have other shapes, a component is not a number within
            `COMPONENT_MAX`, or one of the others is not a number or less than 0.0.
    """
    for name, values in (("position_m", position_m), ("velocity_mps", velocity_mps)):
        if values.ndim != 2 or values.shape[1] != 3 or len(values) != len(position_m):
            raise InvalidValueError(name, f"it has the shape {values.shape}; both must be of one, (m, 3)")
        if not (np.abs(values) <= COMPONENT_MAX).all():  # catches NaN too
            raise InvalidValueError(name, f"every component must be a number within {COMPONENT_MAX:g}")
    for name, least in (("lookahead_s", lookahead_s), ("wider_m", wider_m), ("deeper_m", deeper_m)):
        if not (np.asarray(least) >= 0.0).all():
            raise InvalidValueError(name, "it must be a number, 0 or more")
    (x, y, z), (u, v, w) = position_m.T, velocity_mps.T
    speed = np.hypot(u, v)
    return _violation(
        _Relative(
            distance_m=np.hypot(x, y),
            closing=x * u + y * v,
            speed_mps=speed,
            miss_m=np.abs(x * v - y * u) / np.maximum(speed, _STILL_MPS),
            dz_m=z,
            rate_mps=w,
        ),
        volume, lookahead_s, wider_m, deeper_m,
    )  # fmt: skip


def _violation(
    relative: _Relative,
    volume: WellClearVolume,
    lookahead_s: float,
    wider_m: Floats | float,
    deeper_m: Floats | float,
) -> tuple[Floats, Floats]:
    """Find from when to when pairs are not well clear.

    With s the relative position, v the velocity, T the threshold: while they close in, modified tau is at
    most T just where s^2 + T s v <= DMOD^2, which is |s + v T/2|^2 <= DMOD^2 + (T|v|/2)^2. So there is a
    *near* disc with the radius DMOD, and a *far* one, half of T upstream. A path crosses each in one span of
    time, and while they close in all of the near disc is in the far one: the spans join. If s may be off by
    some distance, both radii grow by it, and so does how far on they may still be closing in.
    """
    dmod_m, half_s = volume.dmod_m + TOUCH_TOLERANCE_M, volume.tau_mod_s / 2.0
    near_m = dmod_m + wider_m
    far_m = np.hypot(dmod_m, half_s * relative.speed_mps) + wider_m
    is_still = relative.speed_mps < _STILL_MPS
    speed, miss_m = np.where(is_still, 1.0, relative.speed_mps), relative.miss_m
    cpa_s = -relative.closing / speed**2
    near_s = np.sqrt(np.maximum(near_m**2 - miss_m**2, 0.0)) / speed
    far_s = np.sqrt(np.maximum(far_m**2 - miss_m**2, 0.0)) / speed
    is_near = miss_m <= near_m
    is_far = (miss_m <= far_m) & (miss_m <= volume.hmd_m + TOUCH_TOLERANCE_M + wider_m)
    enters = np.where(is_far, cpa_s - half_s - far_s, cpa_s - near_s)
    leaves = np.where(is_near, cpa_s + near_s, np.minimum(cpa_s + wider_m / speed, cpa_s - half_s + far_s))
    is_any = np.where(is_still, relative.distance_m <= near_m, is_near | is_far)
    deep_m = volume.zthr_m + TOUCH_TOLERANCE_M + deeper_m
    is_level = np.abs(relative.rate_mps) < _RATE_MIN_MPS
    rate = np.where(is_level, 1.0, relative.rate_mps)
    one, other = (-deep_m - relative.dz_m) / rate, (deep_m - relative.dz_m) / rate
    is_any &= ~is_level | (np.abs(relative.dz_m) <= deep_m)
    low, high = np.where(is_level, -np.inf, np.minimum(one, other)), np.maximum(one, other)
    begins = np.maximum(np.maximum(np.where(is_still, -np.inf, enters), low), 0.0)
    ends = np.minimum(np.where(is_still, np.inf, leaves), np.where(is_level, np.inf, high))
    is_any &= (begins <= ends) & (begins <= lookahead_s)
    return np.where(is_any, begins, np.inf), np.where(is_any, ends, np.inf)


def alert_levels(
    own: TrackArrays,
    intruder: TrackArrays,
    rules: tuple[AlertRule, ...] = DO_365B,
    *,
    lookahead_s: float = 300.0,
    earth: Earth = Earth.NAUTICAL_SPHERE,
) -> AlertedPairs:
    """Find the alert level of given pairs: the first own track with the first intruder, and so on.

    Args:
        own: One track of each pair, m of them.
        intruder: The other; which is which makes no difference.
        rules: The rules, the least urgent first.
        lookahead_s: How far times of entry and closest approach are looked for, seconds; at least as long as
            any rule looks ahead.
        earth: On which earth positions are compared.

    Returns:
        All pairs in the order given; `a` and `b` are their numbers.

    Raises:
        InvalidValueError: There are more tracks of one than of the other, there is no rule, or the look-ahead
            is too short or too long.
    """
    if len(own) != len(intruder):
        raise InvalidValueError("intruder", f"there are {len(intruder)} tracks, and {len(own)} of their own")
    _check(rules, lookahead_s)
    rows = np.arange(len(own))
    return _alerts(_states(own, earth), _states(intruder, earth), rows, rows, rules, lookahead_s)


def alert_reach_m(ground_speed_mps: Floats, rules: tuple[AlertRule, ...] = DO_365B) -> Floats:
    """Return by how much each aircraft widens the greatest DMOD, for a search to miss no pair that alerts.

    Let D be the greatest DMOD, T the greatest threshold of modified tau, r the distance and c the relative
    speed at an instant when a pair is not well clear. Either r <= D, or r^2 + T s v <= D^2 with s v >= -r c,
    so that r <= T c/2 + hypot(T c/2, D) <= D + T c. And c is at most the sum of both speeds: each aircraft
    adds T times its own. How far the two may be off is added to the radii, and so to r, as the search does.

    The search moves aircraft on arcs, the judge on straight lines in a plane. Let x be how far one flies in
    the look-ahead and T, with D and what it may be off added: from now on, the two are within X = x1 + x2 of
    one another. In the plane, each arc bends by x^2/2R times the tilt X/2R of its own horizon, and lags by
    x^3/6R^2; out of the plane is at most X/R of the distance, which adds X^2/2R^2 of it. In all that is less
    than X^3/R^2, and so at most 4 (x1^3 + x2^3)/R^2.

    The search is on the ellipsoid. On the sphere of `Earth` the judge has the same velocities, but positions
    R n, with n what is upright. Where n turns, p moves by M or N times as much, and these are within 0.52 %
    of R. So p2 - p1 is off by at most 0.52 % of the arc between the two now, which is less than 0.82 % of
    their distance, and that is at most x1 + x2. A hundredth of x is added. The rest of it is for the planes,
    which are upright at other points (0.002 X^3/R^2), and for the arc that brings an old position to now: it
    leaves the ellipsoid by 0.0017 times its length cubed over R^2, which is 31 m after 900 km.

    Args:
        ground_speed_mps: Speeds over the ground, metres per second, shape (n,).
        rules: The rules.

    Returns:
        Metres, shape (n,).

    Raises:
        InvalidValueError: There is no rule.
    """
    longest_s = _longest_s(rules)
    tau_s = max(rule.volume.tau_mod_s for rule in rules)
    beyond_m = max(rule.volume.dmod_m for rule in rules) + LATERAL_INFLATION_MAX_M
    path_m = ground_speed_mps * (tau_s + longest_s) + beyond_m
    return tau_s * ground_speed_mps + 4.0 * path_m**3 / RADIUS_MIN_M**2 + _EARTH_RATIO * path_m


def find_alerts(
    tracks: TrackArrays,
    rules: tuple[AlertRule, ...] = DO_365B,
    *,
    lookahead_s: float = 300.0,
    earth: Earth = Earth.NAUTICAL_SPHERE,
    engine: Engine = Engine.AUTO,
    groups: npt.NDArray[np.uint8] | None = None,
    judged: npt.NDArray[np.bool_] | None = None,
) -> AlertedPairs:
    """Find all pairs of tracks with an alert, or of which that cannot be excluded.

    Args:
        tracks: The picture, n tracks.
        rules: The rules, the least urgent first.
        lookahead_s: See `alert_levels`.
        earth: See `alert_levels`.
        engine: Which code searches; the answers are the same.
        groups: The group of each track, shape (n,); None if all are judged against all.
        judged: Whether tracks of two groups are judged against each other, symmetric, shape (k, k).

    Returns:
        Each pair once, with a < b, sorted by a, then b. Those that only cannot be excluded have level 0.

    Raises:
        InvalidValueError: There is no rule, the look-ahead is too short or too long, or `groups` or `judged`
            has another shape.
        TooManyEncountersError: There are more than `ENCOUNTERS_MAX`, or more pairs near enough to be judged.
    """
    _check(rules, lookahead_s)
    minima = Minima(
        lateral_m=max(rule.volume.dmod_m for rule in rules),
        vertical_m=max(rule.volume.zthr_m for rule in rules),
        lookahead_s=_longest_s(rules),
    )
    reach_m = alert_reach_m(tracks.ground_speed_mps, rules)
    pairs = candidate_pairs(tracks, minima, reach_m=reach_m, engine=engine, groups=groups, judged=judged)
    states = _states(tracks, earth)
    found: list[AlertedPairs] = []
    count = 0
    for start in range(0, max(len(pairs), 1), _CHUNK):
        a, b = pairs[start : start + _CHUNK].T
        part = _alerts(states.take(a), states.take(b), a, b, rules, lookahead_s)
        found.append(part.take(part.level_inflated > 0))
        count += len(found[-1].a)
        if count > ENCOUNTERS_MAX:
            raise TooManyEncountersError
    return AlertedPairs(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def _check(rules: tuple[AlertRule, ...], lookahead_s: float) -> None:
    longest_s = _longest_s(rules)
    if not longest_s <= lookahead_s <= LOOKAHEAD_MAX_S:
        raise InvalidValueError(
            "lookahead_s",
            f"{lookahead_s!r} is not within {longest_s:g}..{LOOKAHEAD_MAX_S:g}; "
            f"the rules look {longest_s:g} s ahead",
        )


def _longest_s(rules: tuple[AlertRule, ...]) -> float:
    if not rules:
        raise InvalidValueError("rules", "there must be at least one rule")
    return max(rule.within_s for rule in rules)


class _States(NamedTuple):
    """Where aircraft are now and how they move, and how far off that may be; a row each."""

    position_m: Floats
    velocity_mps: Floats
    upright: Floats
    """What is upright there, not of length one: see `_relative`."""
    altitude_m: Floats
    rate_mps: Floats
    horizontal_error_m: Floats
    vertical_error_m: Floats

    def take(self, rows: Ints) -> _States:
        return _States(*(column[rows] for column in self))


def _states(tracks: TrackArrays, earth: Earth) -> _States:
    motions = motions_of(tracks, 0.0)
    position = motions.position_m
    upright = position * _NORMAL
    if earth is Earth.NAUTICAL_SPHERE:
        # The same latitude, longitude and direction of motion: only how far it is from the centre differs.
        position = upright = _SPHERE_RADIUS_M * upright / np.linalg.norm(upright, axis=1)[:, np.newaxis]
    none = np.zeros(len(tracks))
    return _States(
        position_m=position,
        velocity_mps=motions.velocity_mps,
        upright=upright,
        altitude_m=motions.altitude_m,
        rate_mps=motions.rate_mps,
        horizontal_error_m=none if tracks.horizontal_error_m is None else tracks.horizontal_error_m,
        vertical_error_m=none if tracks.vertical_error_m is None else tracks.vertical_error_m,
    )


def _relative(own: _States, intruder: _States) -> _Relative:
    """See the intruders from their own, in the plane halfway between the two.

    With M = diag(1, 1, 1/(1 - e^2)), p M p is the same for all points p of the ellipsoid, and M p is upright
    there; on the sphere, with M = 1. So M (p1 + p2) is upright halfway, and at right angles to p2 - p1: the
    distance is kept whole.
    """
    upright = own.upright + intruder.upright
    # Two at opposite ends of the earth have nothing halfway; then no part of the velocity is taken away.
    upright /= np.maximum(np.linalg.norm(upright, axis=1), 1.0)[:, np.newaxis]
    position = intruder.position_m - own.position_m
    velocity = intruder.velocity_mps - own.velocity_mps
    velocity -= _dot(velocity, upright)[:, np.newaxis] * upright
    speed = np.sqrt(_dot(velocity, velocity))
    return _Relative(
        distance_m=np.sqrt(_dot(position, position)),
        closing=_dot(position, velocity),
        speed_mps=speed,
        miss_m=np.linalg.norm(np.cross(position, velocity), axis=1) / np.maximum(speed, _STILL_MPS),
        dz_m=intruder.altitude_m - own.altitude_m,
        rate_mps=intruder.rate_mps - own.rate_mps,
    )


def _dot(one: Floats, other: Floats) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", one, other))


def _alerts(
    own: _States, intruder: _States, a: Ints, b: Ints, rules: tuple[AlertRule, ...], lookahead_s: float
) -> AlertedPairs:
    relative = _relative(own, intruder)
    moves = relative.speed_mps >= _STILL_MPS
    speed = np.where(moves, relative.speed_mps, 1.0)
    t_cpa = np.where(moves, np.clip(-relative.closing / speed**2, 0.0, lookahead_s), 0.0)
    along = relative.closing / speed + t_cpa * speed
    d_cpa = np.where(moves, np.hypot(relative.miss_m, along), relative.distance_m)
    wider = np.minimum(np.hypot(own.horizontal_error_m, intruder.horizontal_error_m), LATERAL_INFLATION_MAX_M)
    error = np.hypot(own.vertical_error_m, intruder.vertical_error_m)
    known = np.isfinite(error)
    deeper = np.where(known, np.minimum(error, VERTICAL_INFLATION_MAX_M), np.inf)
    t_in = _entries(relative, rules, lookahead_s, 0.0, 0.0)
    t_in = np.where(known[:, np.newaxis], t_in, np.nan)
    is_exact = not (wider.any() or deeper.any())
    early = t_in if is_exact else _entries(relative, rules, lookahead_s, wider, deeper)
    return AlertedPairs(a, b, _levels(t_in, rules), t_in, t_cpa, d_cpa, _levels(early, rules), early)


def _entries(
    relative: _Relative,
    rules: tuple[AlertRule, ...],
    lookahead_s: float,
    wider_m: Floats | float,
    deeper_m: Floats | float,
) -> Floats:
    columns = {
        rule.volume: _violation(relative, rule.volume, lookahead_s, wider_m, deeper_m)[0] for rule in rules
    }
    return np.stack([columns[rule.volume] for rule in rules], axis=-1)


def _levels(t_in_s: Floats, rules: tuple[AlertRule, ...]) -> Ints:
    level = np.zeros(len(t_in_s), dtype=np.int64)
    for k, rule in enumerate(rules):
        level = np.where(t_in_s[:, k] <= rule.within_s, k + 1, level)
    return level
