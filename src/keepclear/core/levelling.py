"""Encounters of what levels off: a climb or a descent ends where it is known to end.

Rules judge tracks that climb or descend for ever. Where it is known at which altitude that ends, the way is
two straight parts: until there, and level from there on. Within each part of two such ways the judge of
straight ones (`approach`) is exact; parts that are lost on both sides of a seam are one loss.

So a loss beyond such an altitude is none, and one may appear that no straight way has: one stays below the
other's level instead of passing through it before they meet.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from keepclear.core import approach
from keepclear.core.air_picture import AirPicture
from keepclear.core.encounters import (
    VERTICAL_INFLATION_MAX_M,
    Minima,
    candidate_pairs,
    distance_terms_of,
)
from keepclear.core.findings import Finding, MetLevel
from keepclear.core.foresight import Foreseen
from keepclear.core.geodesy import Floats
from keepclear.core.motions import TrackArrays, motions_of
from keepclear.core.packed import Ints
from keepclear.core.rules import AnyRule, Rule, RuleSet
from keepclear.core.separation import judge

_SEAM_S: Final = 1e-6
_CHUNK: Final = 16_384


def level_times(tracks: TrackArrays, level_off_m: Floats) -> Floats:
    """Return when each track levels off.

    Args:
        tracks: The tracks, n of them.
        level_off_m: At which altitude each does; NaN where it goes on.

    Returns:
        Seconds from the picture's instant, shape (n,); negative where it has since its position was
        measured. Infinite where it never does: there is no such altitude, it is level, or the altitude lies
        behind it.
    """
    left_m = level_off_m - tracks.altitude_m
    rate = tracks.vertical_rate_mps
    with np.errstate(divide="ignore", invalid="ignore"):
        after_s = left_m / rate
    never = np.isnan(after_s) | (after_s < 0.0) | (rate == 0.0)
    age_s = 0.0 if tracks.age_s is None else tracks.age_s
    return np.where(never, np.inf, after_s - age_s)


def altitudes_at(tracks: TrackArrays, levels_s: Floats, t_s: npt.ArrayLike) -> Floats:
    """Return how high tracks are at an instant.

    Args:
        tracks: The tracks, n of them.
        levels_s: When each levels off, as `level_times` tells.
        t_s: The instant, seconds from that of the picture; one for all or one for each.
    """
    age_s = 0.0 if tracks.age_s is None else tracks.age_s
    return tracks.altitude_m + tracks.vertical_rate_mps * (np.minimum(t_s, levels_s) + age_s)


def levelling_losses(
    tracks: TrackArrays, a: npt.ArrayLike, b: npt.ArrayLike, minima: Minima, level_off_m: Floats
) -> tuple[Floats, Floats]:
    """Find from when to when pairs lose separation, as they level off.

    Args:
        tracks: The tracks, n of them; what they may be off is not looked at.
        a: The row of the first of each pair, shape (m,).
        b: The row of the second.
        minima: The minima, and how far it is looked ahead.
        level_off_m: At which altitude each track levels off; NaN where it goes on, shape (n,).

    Returns:
        When the first loss begins and when it ends, seconds from the picture's instant, shape (m,) each.
        Both are infinite where there is none, or an altitude is not known; the end is where the loss goes on
        at the end of what was looked at.
    """
    rows_a, rows_b = np.asarray(a, dtype=np.int64), np.asarray(b, dtype=np.int64)
    levels_s = level_times(tracks, level_off_m)
    parts = [
        _losses(tracks, rows_a[start : start + _CHUNK], rows_b[start : start + _CHUNK], minima, levels_s)
        for start in range(0, len(rows_a), _CHUNK)
    ]
    if not parts:
        return np.empty(0), np.empty(0)
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _losses(tracks: TrackArrays, a: Ints, b: Ints, minima: Minima, levels_s: Floats) -> tuple[Floats, Floats]:
    rows, place = np.unique(np.concatenate((a, b)), return_inverse=True)
    i, j = place[: len(a)], place[len(a) :]
    some, levels_s = tracks.take(rows), levels_s[rows]
    half_s, until_s = minima.lookahead_s / 2.0, minima.lookahead_s + minima.duration_s
    terms = distance_terms_of(motions_of(some, half_s), i, j)
    cpa_s, _ = approach.closest(-half_s, half_s, terms)
    first, second = some.take(i), some.take(j)

    def apart_m(t_s: Floats) -> Floats:
        return altitudes_at(second, levels_s[j], t_s) - altitudes_at(first, levels_s[i], t_s)

    one_s, other_s = (np.clip(levels_s[each], 0.0, until_s) for each in (i, j))
    seams = (
        np.zeros(len(a)),
        np.minimum(one_s, other_s),
        np.maximum(one_s, other_s),
        np.full(len(a), until_s),
    )
    begins, ends = np.full(len(a), np.inf), np.full(len(a), np.inf)
    goes_on = np.zeros(len(a), dtype=np.bool_)
    for first_s, last_s in pairwise(seams):
        from_m, lasts_s = apart_m(first_s), last_s - first_s
        rate = (apart_m(last_s) - from_m) / np.where(lasts_s > 0.0, lasts_s, 1.0)
        # The judge wants the line's altitude at the instant of the motions, which may lie outside this part.
        middle_m = from_m + rate * (half_s - first_s)
        begin, end = approach.loss(
            cpa_s, first_s - half_s, last_s - half_s, last_s - half_s, middle_m, rate,
            minima.lateral_m, minima.vertical_m, terms,
        )  # fmt: skip
        begin, end = begin + half_s, end + half_s
        joins = goes_on & (begin <= first_s + _SEAM_S)
        ends = np.where(goes_on & ~joins, first_s, ends)
        starts = np.isinf(begins) & (begin <= minima.lookahead_s)
        begins = np.where(starts, begin, begins)
        ends = np.where(starts | joins, end, ends)
        goes_on = (starts | joins) & np.isinf(end)
    return begins, ends


class Levelled(NamedTuple):
    """What is found on ways that level off.

    Attributes:
        findings: A finding for each pair of which one, at least, levels off within the look-ahead, and that
            meets a level of its rule on these ways; sorted by ids. Its times are those of these ways, also
            where they are said to be inflated.
        ids: Which tracks level off. Nothing else is to be believed of them and of rules that `is_concerned`.
    """

    findings: tuple[Finding, ...]
    ids: frozenset[str]


def is_concerned(rule: AnyRule) -> bool:
    """Tell whether it matters to a rule where something levels off.

    It does not where all levels judge laterally alone. Rules of well clear judge by closing rates; they are
    left as they are.
    """
    return isinstance(rule, Rule) and any(math.isfinite(level.vertical_m) for level in rule.levels)


def concerned(rule_set: RuleSet) -> list[Rule]:
    """Return the rules of a rule set that `is_concerned`."""
    return [rule for rule in rule_set.rules if isinstance(rule, Rule) and is_concerned(rule)]


def levelled(foreseen: Foreseen, rule_set: RuleSet, lookahead_s: float) -> Levelled:
    """Find what loses separation on the ways on which it is known to level off.

    Args:
        foreseen: The tracks, and where they level off.
        rule_set: Which rule applies between whom.
        lookahead_s: Losses count that begin within this, if the rules look as far.

    Raises:
        TooManyEncountersError: There are too many to tell.
    """
    rules = concerned(rule_set)
    air, nobody = foreseen.air, Levelled((), frozenset())
    if not rules:
        return nobody
    widest = widest_minima(rules, lookahead_s)
    is_levelling = level_times(air.tracks, foreseen.level_off_m) < widest.lookahead_s
    if not is_levelling.any():
        return nobody
    pairs = candidate_pairs(
        _swept(air.tracks, foreseen.level_off_m, is_levelling),
        widest,
        groups=is_levelling.astype(np.uint8),
        judged=np.array([[False, True], [True, True]]),
    )
    begins, _ = levelling_losses(air.tracks, pairs[:, 0], pairs[:, 1], widest, foreseen.level_off_m)
    pairs = pairs[np.isfinite(begins)]
    found: list[Finding] = []
    if len(pairs):
        # Which rule and which levels apply, and what is exempt, is decided in one place: there.
        rows = np.unique(pairs)
        judged = judge(_blind(air.take(rows.tolist()), is_levelling[rows]), rule_set)
        possible = (*judged.findings, *judged.cannot_exclude)
        wanted = {frozenset((air.ids[a], air.ids[b])) for a, b in pairs.tolist()}
        for rule in rules:
            some = [
                each for each in possible if each.rule == rule.name and frozenset((each.a, each.b)) in wanted
            ]
            found += _met(foreseen, rule, some)
    ids = frozenset(air.ids[row] for row in np.flatnonzero(is_levelling).tolist())
    return Levelled(tuple(sorted(found, key=lambda each: (each.a, each.b))), ids)


def widest_minima(rules: Sequence[Rule], lookahead_s: float) -> Minima:
    """Return minima that hold those of all levels of all rules."""
    every = [minima for rule in rules for minima in rule.minima()]
    return Minima(
        lateral_m=max(each.lateral_m for each in every),
        vertical_m=max(each.vertical_m for each in every),
        lookahead_s=min(lookahead_s, max(each.lookahead_s for each in every)),
    )


def _swept(tracks: TrackArrays, level_off_m: Floats, is_levelling: npt.NDArray[np.bool_]) -> TrackArrays:
    """Return tracks for the search: what levels off is anywhere between where it is and there."""
    half_m = np.abs(level_off_m - tracks.altitude_m) / 2.0
    deep_m = np.where(half_m <= VERTICAL_INFLATION_MAX_M, half_m, np.inf)  # more is not searched for
    return replace(
        tracks,
        altitude_m=np.where(is_levelling, (level_off_m + tracks.altitude_m) / 2.0, tracks.altitude_m),
        vertical_rate_mps=np.where(is_levelling, 0.0, tracks.vertical_rate_mps),
        horizontal_error_m=None,
        vertical_error_m=np.where(is_levelling, deep_m, np.where(np.isnan(tracks.altitude_m), np.inf, 0.0)),
    )


def _blind(air: AirPicture, is_levelling: npt.NDArray[np.bool_]) -> AirPicture:
    """Return a picture in which nothing is known of the altitudes of what levels off."""
    tracks = air.tracks
    unknown = is_levelling | np.isnan(tracks.altitude_m)
    return replace(
        air,
        tracks=replace(
            tracks,
            altitude_m=np.where(unknown, np.nan, tracks.altitude_m),
            horizontal_error_m=None,
            vertical_error_m=np.where(unknown, np.inf, 0.0),
        ),
    )


def _met(foreseen: Foreseen, rule: Rule, possible: Sequence[Finding]) -> Iterator[Finding]:
    """Judge pairs of one rule on their ways, level by level."""
    tracks, row_of = foreseen.air.tracks, foreseen.row_of
    a, b = ([row_of[getattr(each, name)] for each in possible] for name in ("a", "b"))
    of_levels = rule.minima()
    losses = {
        minima: levelling_losses(tracks, a, b, minima, foreseen.level_off_m)
        for minima in dict.fromkeys(of_levels)
    }
    levels_s = level_times(tracks, foreseen.level_off_m)
    t_cpa_s = np.array([each.t_cpa_s for each in possible])
    heights_m = [
        altitudes_at(tracks.take(np.array(rows, dtype=np.int64)), levels_s[rows], t_cpa_s) for rows in (a, b)
    ]
    for k, each in enumerate(possible):
        allowed = {level.level for level in each.levels}
        met = []
        for level, minima in zip(rule.levels, of_levels, strict=True):
            t_in_s, t_out_s = (float(times[k]) for times in losses[minima])
            if (
                level.name in allowed
                and t_in_s <= level.lookahead_s
                and (level.lasting_s == 0.0 or t_out_s - t_in_s > level.lasting_s)
            ):
                met.append(MetLevel(level.name, t_in_s, t_out_s, t_in_s, t_out_s))
        if met:
            yield replace(
                each,
                level=met[-1].level,
                levels=tuple(met),
                dz_cpa_m=float(abs(heights_m[1][k] - heights_m[0][k])),
            )
