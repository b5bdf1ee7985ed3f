"""Encounters: every predicted loss of separation among tracks in one picture.

Two tracks lose separation when they are laterally closer than a minimum *and* vertically closer than
another, both strictly (`approach.TOUCH_TOLERANCE_M`). Each goes on as `motions` says. Candidates come from
a grid with margins that are proven, never too few; one exact judge decides, the same in both engines.

An encounter is told twice: nominal, and inflated, where the minima are wider by how far the two may be from
where they are said to be. What is only inflated *cannot be excluded*, and is no encounter yet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from keepclear.core import approach, encounter_search
from keepclear.core.encounter_search import Candidates, Wanted, uses_loops
from keepclear.core.errors import InvalidValueError, KeepclearError
from keepclear.core.geodesy import Floats
from keepclear.core.index import Engine, Progress
from keepclear.core.motions import Motions, Rows, TrackArrays, motions_of
from keepclear.core.packed import Ints
from keepclear.core.units import NAUTICAL_MILE_M

LATERAL_MINIMUM_MAX_M: Final = 200_000.0
"""The greatest lateral minimum."""
LOOKAHEAD_MAX_S: Final = 1_200.0
"""The longest look-ahead: nobody flies straight for longer."""
DURATION_MAX_S: Final = 900.0
"""So far beyond the look-ahead the end of a loss is looked for at most."""
PATH_EXACT_MAX_M: Final = 600_000.0
"""A track that flies farther in half the look-ahead is judged, and not exactly: see `flies_too_far`."""
LATERAL_INFLATION_MAX_M: Final = 3.0 * NAUTICAL_MILE_M
"""What two tracks may be off widens the lateral minimum by no more."""
VERTICAL_INFLATION_MAX_M: Final = 914.4
"""The same of the vertical minimum, where both altitudes are known: 3,000 ft."""
ENCOUNTERS_MAX: Final = 5_000_000
"""With more encounters in one picture there is no answer: its tracks are hardly apart."""

_CHUNK: Final = 16_384


class TooManyEncountersError(KeepclearError):
    """A picture has more encounters than can be told.

    Args:
        most: How many can be.
    """

    def __init__(self, most: int = ENCOUNTERS_MAX) -> None:
        super().__init__(
            f"there are more than {most:,} encounters in the picture, or pairs near one; "
            "judge a part of it, or with smaller minima"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Minima:
    """What must be between two tracks, and how far it is looked ahead.

    Attributes:
        lateral_m: The lateral minimum, metres, over 0.0.
        vertical_m: The vertical minimum, metres, over 0.0; infinite to judge laterally alone.
        lookahead_s: A loss counts that begins within this, seconds.
        duration_s: So much farther the end of a loss is looked for, seconds.

    Raises:
        InvalidValueError: A number is out of range.
    """

    lateral_m: float
    vertical_m: float
    lookahead_s: float = 300.0
    duration_s: float = 0.0

    def __post_init__(self) -> None:
        for name, value, greatest in (
            ("lateral_m", self.lateral_m, LATERAL_MINIMUM_MAX_M),
            ("vertical_m", self.vertical_m, math.inf),
        ):
            if not 0.0 < value <= greatest:  # catches NaN too
                raise InvalidValueError(name, f"{value!r} must be over 0 and at most {greatest:g}")
        for name, value, greatest in (
            ("lookahead_s", self.lookahead_s, LOOKAHEAD_MAX_S),
            ("duration_s", self.duration_s, DURATION_MAX_S),
        ):
            if not 0.0 <= value <= greatest:
                raise InvalidValueError(name, f"{value!r} is not within 0..{greatest:g}")


class Encounters(NamedTuple):
    """Pairs of tracks; m of them.

    Attributes:
        a: The row of the first track, shape (m,).
        b: The row of the second.
        t_in_s: When the loss begins, seconds from the picture's instant; 0.0 if it is there. NaN if there is
            none, or (in `judge_pairs`) infinite.
        t_out_s: When it ends; infinite if it goes on at the end of what was looked at.
        t_cpa_s: When they are laterally closest within the look-ahead.
        d_cpa_m: Their lateral distance then, metres.
        dz_cpa_m: Their vertical distance then, 0.0 or more; NaN where an altitude is not known.
        t_in_inflated_s: When the loss begins at the earliest, with what the two may be off.
        t_out_inflated_s: When it ends at the latest.
    """

    a: Ints
    b: Ints
    t_in_s: Floats
    t_out_s: Floats
    t_cpa_s: Floats
    d_cpa_m: Floats
    dz_cpa_m: Floats
    t_in_inflated_s: Floats
    t_out_inflated_s: Floats

    @property
    def is_nominal(self) -> npt.NDArray[np.bool_]:
        """Tell which are encounters as the tracks are said to be, shape (m,)."""
        return np.isfinite(self.t_in_s)

    @property
    def is_inflated(self) -> npt.NDArray[np.bool_]:
        """Tell which cannot be excluded, encounters among them, shape (m,)."""
        return np.isfinite(self.t_in_inflated_s)

    def take(self, rows: Rows) -> Encounters:
        """Return some of them.

        Args:
            rows: Numbers of rows, or a mask.
        """
        return Encounters._make(column[rows] for column in self)


def find_encounters(
    tracks: TrackArrays,
    minima: Minima,
    *,
    engine: Engine = Engine.AUTO,
    groups: npt.NDArray[np.uint8] | None = None,
    judged: npt.NDArray[np.bool_] | None = None,
    progress: Progress | None = None,
) -> Encounters:
    """Find all pairs of tracks that will lose separation, or of which that cannot be excluded.

    Args:
        tracks: The picture, n tracks.
        minima: The minima and the look-ahead.
        engine: Which code searches; the answers are the same.
        groups: The group of each track, shape (n,); None if all are judged against all.
        judged: Whether tracks of two groups are judged against each other, symmetric, shape (k, k).
        progress: Called with how many tracks are done and how many there are.

    Returns:
        Each pair once, with a < b, sorted by a, then b. Those that are only inflated have no `t_in_s`. No
        answer is exact of tracks that `flies_too_far` or `beyond_inflation` tells of.

    Raises:
        InvalidValueError: `groups` or `judged` has another shape.
        TooManyEncountersError: There are more than `ENCOUNTERS_MAX`.
    """
    wanted = _wanted(tracks, minima, None)
    parts: list[Encounters] = []
    count = 0
    for candidates, motions in encounter_search.candidates(tracks, wanted, engine, groups, judged, progress):
        found = _judged(tracks, motions, candidates, minima, engine)
        parts.append(found)
        count += len(found.a)
        if count > ENCOUNTERS_MAX:
            raise TooManyEncountersError
    return _sorted(parts, len(tracks))


def judge_pairs(tracks: TrackArrays, a: npt.ArrayLike, b: npt.ArrayLike, minima: Minima) -> Encounters:
    """Judge given pairs of tracks.

    Args:
        tracks: The tracks.
        a: The row of the first of each pair, shape (m,).
        b: The row of the second.
        minima: The minima and the look-ahead.

    Returns:
        All pairs in the order given. Where there is no loss, its times are infinite.
    """
    pairs = Candidates(np.asarray(a, dtype=np.int64), np.asarray(b, dtype=np.int64))
    motions = motions_of(tracks, minima.lookahead_s / 2.0)
    return _approaches(tracks, motions, pairs, minima)


def judge_rows(own: TrackArrays, other: TrackArrays, minima: Minima) -> Encounters:
    """Judge the first own track with the first other one, and so on.

    Args:
        own: One track of each pair, m of them.
        other: The other of each.
        minima: The minima and the look-ahead.

    Returns:
        All pairs in the order given, as `judge_pairs` has them; `b` counts on from the last of `a`.

    Raises:
        InvalidValueError: There are more tracks of one than of the other.
    """
    if len(own) != len(other):
        raise InvalidValueError("other", f"there are {len(other)} tracks, and {len(own)} of their own")
    rows = np.arange(len(own))
    return judge_pairs(own.joined(other), rows, rows + len(own), minima)


def beyond_inflation(tracks: TrackArrays) -> npt.NDArray[np.bool_]:
    """Tell which tracks may be farther off than minima are widened for: nothing can be excluded of them.

    Args:
        tracks: The tracks, n of them.

    Returns:
        Shape (n,). Of any two that together may be off by more than `LATERAL_INFLATION_MAX_M`, or
        `VERTICAL_INFLATION_MAX_M`, it tells the one that is off by more, and of no others.
    """
    beyond = np.zeros(len(tracks), dtype=np.bool_)
    for errors, greatest_m in (
        (tracks.horizontal_error_m, LATERAL_INFLATION_MAX_M),
        (tracks.vertical_error_m, VERTICAL_INFLATION_MAX_M),
    ):
        if errors is not None:
            rows = np.flatnonzero(np.isfinite(errors))  # an altitude that is not known is not limited
            rows = rows[np.argsort(errors[rows], kind="stable")]
            # Whoever is too far off together with anybody less off, is so with the next less off.
            beyond[rows[1:][np.hypot(errors[rows[1:]], errors[rows[:-1]]) > greatest_m]] = True
    return beyond


def flies_too_far(tracks: TrackArrays, lookahead_s: float) -> npt.NDArray[np.bool_]:
    """Tell which tracks fly so far that the judge is not exact: nothing can be excluded of them.

    Args:
        tracks: The tracks, n of them.
        lookahead_s: The look-ahead.

    Returns:
        Shape (n,).
    """
    later_s = lookahead_s / 2.0 if tracks.age_s is None else lookahead_s / 2.0 + tracks.age_s
    return np.asarray(tracks.ground_speed_mps * later_s > PATH_EXACT_MAX_M)


def candidate_pairs(
    tracks: TrackArrays,
    minima: Minima,
    *,
    reach_m: Floats | None = None,
    engine: Engine = Engine.AUTO,
    groups: npt.NDArray[np.uint8] | None = None,
    judged: npt.NDArray[np.bool_] | None = None,
) -> Ints:
    """Find all pairs that may come closer than wider minima, for rules that judge by something else.

    Args:
        tracks: The picture, n tracks.
        minima: The minima and the look-ahead.
        reach_m: By how much each track widens the lateral minimum, shape (n,).
        engine: Which code searches.
        groups: See `find_encounters`.
        judged: See `find_encounters`.

    Returns:
        Rows of two tracks, shape (m, 2): at least all that come within `lateral_m` and what both add, and
        `vertical_m`, within the look-ahead; the first less than the second, sorted.

    Raises:
        InvalidValueError: `groups` or `judged` has another shape.
        TooManyEncountersError: There are more than `ENCOUNTERS_MAX`.
    """
    wanted = _wanted(tracks, minima, reach_m)
    found: list[Ints] = []
    count = 0
    for pairs, _ in encounter_search.candidates(tracks, wanted, engine, groups, judged):
        found.append(np.column_stack(pairs))
        count += len(pairs.i)
        if count > ENCOUNTERS_MAX:
            raise TooManyEncountersError
    rows = np.sort(np.concatenate([np.empty((0, 2), dtype=np.int64), *found]), axis=1)
    return rows[np.lexsort((rows[:, 1], rows[:, 0]))]


def _wanted(tracks: TrackArrays, minima: Minima, reach_m: Floats | None) -> Wanted:
    """Return what is looked for: what two add to a minimum is at most what each adds by itself."""
    # Where there is nothing for any track, one number stands for all: it stays in the processor's cache.
    nothing = np.broadcast_to(np.float64(0.0), (len(tracks),))
    reach = nothing if reach_m is None else np.asarray(reach_m, dtype=np.float64)
    deep = nothing
    if tracks.horizontal_error_m is not None:
        reach = reach + np.minimum(tracks.horizontal_error_m, LATERAL_INFLATION_MAX_M)
    if tracks.vertical_error_m is not None:
        known = np.isfinite(tracks.vertical_error_m)
        deep = np.where(known, np.minimum(tracks.vertical_error_m, VERTICAL_INFLATION_MAX_M), np.inf)
    return Wanted(
        lateral_m=minima.lateral_m,
        vertical_m=minima.vertical_m,
        lookahead_s=minima.lookahead_s,
        reach_m=reach,
        deep_m=deep,
    )


def _judged(
    tracks: TrackArrays, motions: Motions, pairs: Candidates, minima: Minima, engine: Engine
) -> Encounters:
    """Return those of the candidates that are, or cannot be excluded."""
    if (
        tracks.horizontal_error_m is None
        and tracks.vertical_error_m is None
        and uses_loops(engine, len(tracks))
    ):
        from keepclear.core import encounter_loops

        kept = encounter_loops.losses(
            motions, pairs.i, pairs.j, *_span(minima), minima.lateral_m, minima.vertical_m
        )
        return Encounters._make((*kept, kept[2], kept[3]))
    parts = []
    for start in range(0, len(pairs.i), _CHUNK):
        some = Candidates(*(rows[start : start + _CHUNK] for rows in pairs))
        found = _approaches(tracks, motions, some, minima)
        parts.append(found.take(found.is_inflated))
    kept = Encounters._make(np.concatenate(columns) for columns in zip(_none(), *parts, strict=True))
    nothing = ~kept.is_nominal
    return kept._replace(
        t_in_s=np.where(nothing, np.nan, kept.t_in_s), t_out_s=np.where(nothing, np.nan, kept.t_out_s)
    )


def _span(minima: Minima) -> tuple[float, float]:
    half_s = minima.lookahead_s / 2.0
    return half_s, half_s + minima.duration_s


def _approaches(tracks: TrackArrays, motions: Motions, pairs: Candidates, minima: Minima) -> Encounters:
    i, j = pairs
    half_s, horizon_s = _span(minima)
    terms = distance_terms_of(motions, i, j)
    dz = motions.altitude_m[j] - motions.altitude_m[i]
    rate = motions.rate_mps[j] - motions.rate_mps[i]
    cpa_s, squared = approach.closest(-half_s, half_s, terms)
    lateral_m, vertical_m = minima.lateral_m, minima.vertical_m
    wide_m, deep_m, known = _inflated(tracks, i, j, minima)
    # Where an altitude is missing there is no nominal loss, except laterally alone.
    nominal_m = np.where(known, lateral_m, 0.0) if known is not None and vertical_m < math.inf else lateral_m
    begins, ends = approach.loss(cpa_s, -half_s, half_s, horizon_s, dz, rate, nominal_m, vertical_m, terms)
    if tracks.horizontal_error_m is None and tracks.vertical_error_m is None:
        early, late = begins, ends
    else:
        early, late = approach.loss(cpa_s, -half_s, half_s, horizon_s, dz, rate, wide_m, deep_m, terms)
    cpa_s, squared = approach.told_closest(cpa_s, squared, -half_s, terms)
    apart = np.abs(dz + rate * cpa_s)
    return Encounters(
        a=i,
        b=j,
        t_in_s=begins + half_s,
        t_out_s=ends + half_s,
        t_cpa_s=cpa_s + half_s,
        d_cpa_m=np.sqrt(squared),
        dz_cpa_m=apart if known is None else np.where(known, apart, np.nan),
        t_in_inflated_s=early + half_s,
        t_out_inflated_s=late + half_s,
    )


def distance_terms_of(motions: Motions, i: Ints, j: Ints) -> approach.Terms:
    """Return the squared lateral distance of pairs of tracks as power series in time.

    Args:
        motions: How the tracks move.
        i: The row of the first of each pair, shape (m,).
        j: The row of the second.

    Returns:
        The factors of t^0 to t^6, each of shape (m,); seconds from the instant of the motions.
    """
    coordinates = [
        approach.distance_terms(
            motions.position_m[j, axis] - motions.position_m[i, axis],
            motions.velocity_mps[i, axis], motions.bend_mps2[i, axis], motions.turn_sq[i],
            motions.velocity_mps[j, axis], motions.bend_mps2[j, axis], motions.turn_sq[j],
        )
        for axis in range(3)
    ]  # fmt: skip
    return approach.joined(coordinates[0], coordinates[1], coordinates[2])


def _inflated(
    tracks: TrackArrays, i: Ints, j: Ints, minima: Minima
) -> tuple[Floats | float, Floats | float, npt.NDArray[np.bool_] | None]:
    """Return the wider minima, and of which pairs both altitudes are known (None: of all)."""
    wide_m: Floats | float = minima.lateral_m
    deep_m: Floats | float = minima.vertical_m
    known = None
    if tracks.horizontal_error_m is not None:
        error = tracks.horizontal_error_m
        wide_m = wide_m + np.minimum(np.hypot(error[i], error[j]), LATERAL_INFLATION_MAX_M)
    if tracks.vertical_error_m is not None:
        error = np.hypot(tracks.vertical_error_m[i], tracks.vertical_error_m[j])
        known = np.isfinite(error)
        deep_m = deep_m + np.where(known, np.minimum(error, VERTICAL_INFLATION_MAX_M), np.inf)
    return wide_m, deep_m, known


def _none() -> Encounters:
    rows, numbers = np.empty(0, dtype=np.int64), np.empty(0)
    return Encounters._make([rows] * 2 + [numbers] * 7)


def _sorted(parts: list[Encounters], n: int) -> Encounters:
    """Join parts, each pair with the lesser row first, sorted."""
    joined = Encounters._make(np.concatenate(columns) for columns in zip(_none(), *parts, strict=True))
    a, b = np.minimum(joined.a, joined.b), np.maximum(joined.a, joined.b)
    return joined._replace(a=a, b=b).take(np.argsort(a * n + b))
