"""Encounters by brute force, slowly: what the search and its judge are held against.

Nothing here shares code or formulas with `keepclear.core.approach`, `core.motions` or the search. A path is
looked at on instants, and its distance made least by golden section. There are two kinds of paths:

- `Arcs`, what the package says that it computes: a circle in the plane of the point's normal and of the
  direction of motion, as curved as the ellipsoid is there. The surface is F(p) = p.A p = 1, with
  A = diag(1/a^2, 1/a^2, 1/b^2); its curvature in a direction d is (d.A d) / |A p|. The circle is followed
  by sines and cosines of the angle. Distances are straight, in earth-centred x, y, z.
- `Geodesics`, what is meant: geodesics of WGS84, followed and measured by PROJ (Karney's algorithms).

All pairs are judged. Where two are farther apart at every one of some instants than what both can fly until
the nearest of them, and the minimum, the pair is done with: that is the triangle inequality and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from keepclear.core.encounters import (
    LATERAL_INFLATION_MAX_M,
    VERTICAL_INFLATION_MAX_M,
    Encounters,
    Minima,
)
from keepclear.core.geodesy import Floats
from keepclear.core.motions import TrackArrays
from keepclear.core.packed import Ints

EXCUSED_M: Final = 1e-3
"""A pair is at a threshold if the verdict is another with a lateral minimum that is so much more or less."""
TIME_TOLERANCE_M: Final = 0.01
"""At the time at which a loss is said to begin or end, the minima are held to this."""
CPA_TOLERANCE_M: Final = 0.1
"""A least distance is held to this; how exact it was is told."""

_TOUCH_M: Final = 1e-6
_ROUNDING_M: Final = 1e-7
"""So much may heights differ by rounding alone: a tenth of what levels 1,000 ft apart are allowed."""
_MAJOR_M: Final = 6_378_137.0
_MINOR_M: Final = 6_378_137.0 * (1.0 - 1.0 / 298.257223563)
_SHAPE: Final = np.array([_MAJOR_M, _MAJOR_M, _MINOR_M]) ** -2
_STEP_S: Final = 25.0
_ROOM_M: Final = 1.0
_CHUNK_PAIRS: Final = 60_000
_SAMPLES: Final = 24
_GOLDEN: Final = (5.0**0.5 - 1.0) / 2.0
_GOLDEN_STEPS: Final = 46

Bools = npt.NDArray[np.bool_]
Lateral = Callable[[Floats], Floats]
"""The lateral distances of some pairs, each at an instant of its own, shape (m,)."""


class Paths(Protocol):
    """Ways to follow tracks."""

    def lateral_m(self, a: Ints, b: Ints, t_s: Floats) -> Floats:
        """Return the lateral distances of pairs, each at an instant of its own, shape (m,)."""


class Arcs:
    """Tracks as circular arcs about the earth; see the head of the module."""

    def __init__(self, tracks: TrackArrays) -> None:
        lat, lng = np.radians(tracks.latitude_deg), np.radians(tracks.longitude_deg)
        track = np.radians(tracks.track_deg)
        up = np.stack((np.cos(lat) * np.cos(lng), np.cos(lat) * np.sin(lng), np.sin(lat)), axis=-1)
        east = np.stack((-np.sin(lng), np.cos(lng), np.zeros_like(lng)), axis=-1)
        north = np.cross(up, east)
        self._along = np.sin(track)[:, None] * east + np.cos(track)[:, None] * north
        self._up = up
        # A p is along the normal u, so p = s A^-1 u with p.A p = 1.
        point = up / _SHAPE
        point /= np.sqrt((up * point).sum(axis=1))[:, None]
        curvature = (self._along**2 * _SHAPE).sum(axis=1) / np.linalg.norm(point * _SHAPE, axis=1)
        self._radius = 1.0 / curvature
        self._centre = point - self._radius[:, None] * up
        self._turn = tracks.ground_speed_mps * curvature
        self._age = np.zeros(len(lat)) if tracks.age_s is None else tracks.age_s

    def at(self, rows: Ints | slice, t_s: Floats | float) -> Floats:
        """Return where tracks are, each at an instant of its own, shape (m, 3)."""
        angle = self._turn[rows] * (t_s + self._age[rows])
        arm = np.cos(angle)[:, None] * self._up[rows] + np.sin(angle)[:, None] * self._along[rows]
        return np.asarray(self._centre[rows] + self._radius[rows][:, None] * arm)

    def lateral_m(self, a: Ints, b: Ints, t_s: Floats) -> Floats:
        """Return the lateral distances of pairs, each at an instant of its own, shape (m,)."""
        return np.asarray(np.linalg.norm(self.at(b, t_s) - self.at(a, t_s), axis=1))


class Geodesics:
    """Tracks as geodesics of WGS84, by PROJ."""

    def __init__(self, tracks: TrackArrays) -> None:
        from pyproj import Geod

        self._geod: Any = Geod(ellps="WGS84")
        self._tracks = tracks
        self._age = np.zeros(len(tracks)) if tracks.age_s is None else tracks.age_s

    def _at(self, rows: Ints, t_s: Floats) -> tuple[Floats, Floats]:
        tracks = self._tracks
        gone_m = tracks.ground_speed_mps[rows] * (t_s + self._age[rows])
        lng, lat, _ = self._geod.fwd(
            tracks.longitude_deg[rows], tracks.latitude_deg[rows], tracks.track_deg[rows], gone_m
        )
        return lng, lat

    def lateral_m(self, a: Ints, b: Ints, t_s: Floats) -> Floats:
        """Return the lateral distances of pairs, each at an instant of its own, shape (m,)."""
        return np.asarray(self._geod.inv(*self._at(a, t_s), *self._at(b, t_s))[2])


class Limits(NamedTuple):
    """The minima of m pairs; `lateral_m` and `vertical_m` of shape (m,)."""

    lateral_m: Floats
    vertical_m: Floats

    def wider(self, lateral_m: float, vertical_m: float) -> Limits:
        """Return other minima that are wider, or narrower, by so much."""
        return Limits(self.lateral_m + lateral_m, self.vertical_m + vertical_m)


class Heights(NamedTuple):
    """The heights of m pairs, one above the other: now, and how fast that grows; shape (m,)."""

    apart_m: Floats
    rate_mps: Floats

    def vertical_m(self, t_s: Floats) -> Floats:
        """Return the vertical distances, each at an instant of its own."""
        return np.abs(self.apart_m + self.rate_mps * t_s)


def heights(tracks: TrackArrays, a: Ints, b: Ints) -> Heights:
    """Return how pairs are one above the other; 0.0 where an altitude is not known."""
    age = np.zeros(len(tracks)) if tracks.age_s is None else tracks.age_s
    now = tracks.altitude_m + tracks.vertical_rate_mps * age
    apart = now[b] - now[a]
    known = np.isfinite(apart)
    rate = tracks.vertical_rate_mps[b] - tracks.vertical_rate_mps[a]
    return Heights(np.where(known, apart, 0.0), np.where(known, rate, 0.0))


def limits(tracks: TrackArrays, a: Ints, b: Ints, minima: Minima) -> tuple[Limits, Limits]:
    """Return the minima of pairs: nominal (nothing where an altitude is not known), and inflated."""
    none = np.zeros(len(tracks))
    wide = none if tracks.horizontal_error_m is None else tracks.horizontal_error_m
    deep = none if tracks.vertical_error_m is None else tracks.vertical_error_m
    known = np.isfinite(deep[a]) & np.isfinite(deep[b])
    error = np.sqrt(np.where(known, deep[a], 0.0) ** 2 + np.where(known, deep[b], 0.0) ** 2)
    lateral = np.full(len(a), minima.lateral_m)
    vertical = np.full(len(a), minima.vertical_m)
    wider = np.minimum(np.sqrt(wide[a] ** 2 + wide[b] ** 2), LATERAL_INFLATION_MAX_M)
    deeper = np.where(known, np.minimum(error, VERTICAL_INFLATION_MAX_M), np.inf)
    return (
        Limits(np.where(known, lateral, -np.inf), vertical),
        Limits(lateral + wider, vertical + deeper),
    )


def near_pairs(tracks: TrackArrays, minima: Minima) -> tuple[Ints, Ints]:
    """Return all pairs but those that the triangle inequality shows to be far apart all the time."""
    arcs, n = Arcs(tracks), len(tracks)
    count = max(1, int(np.ceil(minima.lookahead_s / _STEP_S)))
    step_s = minima.lookahead_s / count
    points = np.stack([arcs.at(slice(None), step_s * (k + 0.5)) for k in range(count)])
    flown_m = tracks.ground_speed_mps * step_s / 2.0
    wide = np.zeros(n) if tracks.horizontal_error_m is None else tracks.horizontal_error_m
    room = minima.lateral_m + LATERAL_INFLATION_MAX_M * float(wide.any()) + _ROOM_M
    found: list[tuple[Ints, Ints]] = []
    rows = max(1, _CHUNK_PAIRS // n)
    for start in range(0, n, rows):
        some = slice(start, min(start + rows, n))
        enough = room + flown_m[some, None] + flown_m
        is_near = np.zeros(enough.shape, dtype=np.bool_)
        for at in points:
            is_near |= ((at[some, None] - at) ** 2).sum(axis=2) <= enough**2
        a, b = np.nonzero(is_near)
        found.append((a[b > a + start] + start, b[b > a + start]))
    return np.concatenate([a for a, _ in found]), np.concatenate([b for _, b in found])


def least(function: Lateral, first_s: Floats, last_s: Floats) -> tuple[Floats, Floats]:
    """Find when distances are least, and how large they are then: instants, then golden section.

    Args:
        function: Distances of m pairs, each at an instant of its own.
        first_s: From when, shape (m,).
        last_s: Until when.
    """
    span = last_s - first_s
    best, when = np.full(len(span), np.inf), first_s.copy()
    for k in range(_SAMPLES + 1):
        t = first_s + span * (k / _SAMPLES)
        value = function(t)
        when, best = np.where(value < best, t, when), np.minimum(value, best)
    low = np.maximum(when - span / _SAMPLES, first_s)
    high = np.minimum(when + span / _SAMPLES, last_s)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(_GOLDEN_STEPS):
        is_left = at_left < at_right
        low, high = np.where(is_left, low, left), np.where(is_left, right, high)
        new = np.where(is_left, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        value = function(new)
        left, right = np.where(is_left, new, right), np.where(is_left, left, new)
        at_left, at_right = np.where(is_left, value, at_right), np.where(is_left, at_left, value)
    t = (low + high) / 2.0
    value = function(t)
    return np.where(value < best, t, when), np.minimum(value, best)


def losses(paths: Paths, a: Ints, b: Ints, above: Heights, kept: Limits, lookahead_s: float) -> Bools:
    """Tell which pairs come laterally and vertically closer than the minima at one instant, shape (m,)."""
    first, last, is_level = _level(above, kept.vertical_m - _TOUCH_M, lookahead_s)
    some = np.flatnonzero(is_level)
    at, of = a[some], b[some]
    _, distance = least(lambda t: paths.lateral_m(at, of, t), first[some], last[some])
    lost = np.zeros(len(a), dtype=np.bool_)
    lost[some] = distance < kept.lateral_m[some] - _TOUCH_M
    return lost


def _level(above: Heights, deep_m: Floats, lookahead_s: float) -> tuple[Floats, Floats, Bools]:
    """Return from when to when pairs are vertically close, and which are at all."""
    rate = np.where(above.rate_mps == 0.0, np.nan, above.rate_mps)
    one, other = (deep_m - above.apart_m) / rate, (-deep_m - above.apart_m) / rate
    always = np.isnan(rate) | np.isinf(deep_m)
    first = np.where(always, 0.0, np.fmax(np.fmin(one, other), 0.0))
    last = np.where(always, lookahead_s, np.fmin(np.fmax(one, other), lookahead_s))
    is_level = (deep_m > 0.0) & (first <= last) & (~always | (np.abs(above.apart_m) < deep_m))
    return np.where(is_level, first, 0.0), np.where(is_level, last, 0.0), is_level


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What brute force says of all pairs of a picture that come near.

    Attributes:
        certain: Pairs (a, b) that lose separation even if the lateral minimum were `EXCUSED_M` less.
        possible: Those that do if it were that much more.
        certain_inflated: The same with the wider minima.
        possible_inflated: Likewise.
        looked_at: How many pairs there are in the picture.
    """

    certain: frozenset[tuple[int, int]]
    possible: frozenset[tuple[int, int]]
    certain_inflated: frozenset[tuple[int, int]]
    possible_inflated: frozenset[tuple[int, int]]
    looked_at: int


def _as_set(a: Ints, b: Ints) -> set[tuple[int, int]]:
    return set(zip(a.tolist(), b.tolist(), strict=True))


def verdicts(tracks: TrackArrays, minima: Minima) -> Verdicts:
    """Judge all pairs of a picture."""
    arcs = Arcs(tracks)
    all_a, all_b = near_pairs(tracks, minima)
    is_exact = tracks.horizontal_error_m is None and tracks.vertical_error_m is None
    sets: list[set[tuple[int, int]]] = [set(), set(), set(), set()]
    for start in range(0, len(all_a), _CHUNK_PAIRS):
        a, b = all_a[start : start + _CHUNK_PAIRS], all_b[start : start + _CHUNK_PAIRS]
        for number, kept in enumerate(limits(tracks, a, b, minima)[: 1 if is_exact else 2]):
            wide = kept.wider(EXCUSED_M, _ROUNDING_M)
            possible = np.flatnonzero(losses(arcs, a, b, heights(tracks, a, b), wide, minima.lookahead_s))
            narrow = Limits(*(limit[possible] for limit in kept)).wider(-EXCUSED_M, -_ROUNDING_M)
            a_few, b_few = a[possible], b[possible]
            above = heights(tracks, a_few, b_few)
            certain = losses(arcs, a_few, b_few, above, narrow, minima.lookahead_s)
            sets[2 * number] |= _as_set(a_few[certain], b_few[certain])
            sets[2 * number + 1] |= _as_set(a_few, b_few)
    if is_exact:
        sets[2:] = sets[:2]
    return Verdicts(
        certain=frozenset(sets[0]),
        possible=frozenset(sets[1]),
        certain_inflated=frozenset(sets[2]),
        possible_inflated=frozenset(sets[3]),
        looked_at=len(tracks) * (len(tracks) - 1) // 2,
    )


@dataclass(slots=True, kw_only=True)
class Outcome:
    """How an answer compares with brute force, over one picture or several.

    Attributes:
        pairs: How many pairs there were.
        found: How many were found, nominal or inflated.
        missed: Those that are a loss and were not found.
        extra: Those that were found and are none.
        excused: How many are at a threshold, so that either answer is right.
        wrong: Of how many a time, a height or the least distance is wrong.
        cpa_error_m: By how much a least distance was off at most.
    """

    pairs: int = 0
    found: int = 0
    missed: int = 0
    extra: int = 0
    excused: int = 0
    wrong: int = 0
    cpa_error_m: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether all is right."""
        return self.missed == self.extra == self.wrong == 0

    def add(self, other: Outcome) -> None:
        """Add those of another picture."""
        self.pairs += other.pairs
        self.found += other.found
        self.missed += other.missed
        self.extra += other.extra
        self.excused += other.excused
        self.wrong += other.wrong
        self.cpa_error_m = max(self.cpa_error_m, other.cpa_error_m)


def compare(found: Encounters, tracks: TrackArrays, minima: Minima, right: Verdicts) -> Outcome:
    """Compare what a search found with brute force, pairs, times and distances."""
    pairs = list(zip(found.a.tolist(), found.b.tolist(), strict=True))
    nominal = {pair for pair, is_one in zip(pairs, found.is_nominal.tolist(), strict=True) if is_one}
    inflated = {pair for pair, is_one in zip(pairs, found.is_inflated.tolist(), strict=True) if is_one}
    repeated = len(pairs) - len(set(pairs))
    missed = len(right.certain - nominal) + len(right.certain_inflated - inflated)
    extra = len(nominal - right.possible) + len(inflated - right.possible_inflated) + repeated
    both = len(right.possible - right.certain) + len(right.possible_inflated - right.certain_inflated)
    wrong, error_m = _wrong_times(found, tracks, minima)
    return Outcome(
        pairs=right.looked_at,
        found=len(pairs),
        missed=missed,
        extra=extra,
        excused=both,
        wrong=wrong,
        cpa_error_m=error_m,
    )


def _wrong_times(found: Encounters, tracks: TrackArrays, minima: Minima) -> tuple[int, float]:
    """Count the pairs with a wrong time or height; and tell by how much a least distance is off at most."""
    if not len(found.a):
        return 0, 0.0
    arcs, a, b = Arcs(tracks), found.a, found.b
    above = heights(tracks, a, b)
    lateral: Lateral = lambda t: arcs.lateral_m(a, b, t)  # noqa: E731
    zero = np.zeros(len(a))
    _, distance = least(lateral, zero, zero + minima.lookahead_s)
    error = np.maximum(np.abs(found.d_cpa_m - distance), np.abs(lateral(found.t_cpa_s) - found.d_cpa_m))
    dz = above.vertical_m(found.t_cpa_s)
    nominal, inflated = limits(tracks, a, b, minima)
    known = np.isfinite(nominal.lateral_m)
    wrong = (error > CPA_TOLERANCE_M) | (np.isnan(found.dz_cpa_m) == known)
    wrong |= known & (np.abs(found.dz_cpa_m - dz) > EXCUSED_M)
    for kept, begins, ends in (
        (nominal, found.t_in_s, found.t_out_s),
        (inflated, found.t_in_inflated_s, found.t_out_inflated_s),
    ):
        some = np.isfinite(begins)
        wrong |= some & _is_off(lateral, above, kept, minima, np.where(some, begins, 0.0), ends)
    return int(wrong.sum()), float(error.max())


def _is_off(
    lateral: Lateral, above: Heights, kept: Limits, minima: Minima, begins: Floats, ends: Floats
) -> Bools:
    """Tell where a loss does not begin or end when it is said to, shape (m,)."""

    def inside_m(t: Floats) -> Floats:
        """Return by how much both minima are lost; less than 0.0 where one is kept."""
        return np.asarray(
            np.minimum(
                kept.lateral_m - lateral(t), np.nan_to_num(kept.vertical_m, posinf=1e9) - above.vertical_m(t)
            )
        )

    horizon_s = minima.lookahead_s + minima.duration_s
    goes_on = np.isinf(ends)
    last = np.where(goes_on, horizon_s, np.nan_to_num(ends, nan=0.0, posinf=horizon_s))
    near = TIME_TOLERANCE_M
    wrong = (begins < 0.0) | (begins > minima.lookahead_s) | (last < begins) | (last > horizon_s)
    at_begin, at_end = inside_m(begins), inside_m(last)
    wrong |= (at_begin < -near) | ((begins > 0.0) & (at_begin > near))
    wrong |= (at_end < -near) | (~goes_on & (at_end > near))
    for k in range(_SAMPLES):
        share = (k + 0.5) / _SAMPLES
        wrong |= (begins > 0.0) & (inside_m(begins * share) > near)
        wrong |= inside_m(begins + (last - begins) * share) < -near
    return np.asarray(wrong)
