"""What each rule of a rule set finds among tracks: one search for each distinct minima.

A *class* is what a rule set treats alike. Tables of classes say which rule applies between two of them, so
that nothing is decided pair by pair; the search is told which classes are looked at against which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from keepclear.core.encounter_search import GROUPS_MAX
from keepclear.core.encounters import Encounters, Minima, find_encounters, judge_pairs
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import Floats
from keepclear.core.index import Engine, Progress
from keepclear.core.motions import TrackArrays
from keepclear.core.packed import Ints
from keepclear.core.rules import AnyRule, Between, Level, RuleSet, Selector, WellClearRule
from keepclear.core.well_clear import find_alerts

CLASSES_MAX: Final = 2_048
"""A rule set may treat so many classes of tracks of one picture differently."""

_NONE: Final = -1
_LOOKAHEAD_S: Final = 300.0

Mask = npt.NDArray[np.bool_]
Search: TypeAlias = Minima | WellClearRule
"""What is looked for at once."""


class Tables(NamedTuple):
    """What applies between two classes; k classes.

    Attributes:
        of_track: The class of each track, shape (n,).
        ordinary: The number of the rule by the pairings, shape (k, k); -1 for none.
        agreed: The number of the cooperation; -1 for none.
        in_force: The number of the rule that counts; -1 for none.
        unmatched: The selectors that no track fits.
    """

    of_track: Ints
    ordinary: Ints
    agreed: Ints
    in_force: Ints
    unmatched: tuple[Selector, ...]

    def concerns(self, rule: int) -> Mask:
        """Tell between which classes a rule is looked at, shape (k, k)."""
        return np.asarray((self.ordinary == rule) | (self.in_force == rule))

    def pairs_without_rule(self) -> int:
        """Return how many pairs of tracks have no rule."""
        count = np.bincount(self.of_track, minlength=len(self.ordinary))
        none = (self.ordinary == _NONE) & (self.in_force == _NONE)
        both = int(count @ (none @ count))  # each pair twice, and each with itself
        return (both - int(count[np.diagonal(none)].sum())) // 2


def tables_of(rule_set: RuleSet, parties: Sequence[str | None], kinds: Sequence[str | None]) -> Tables:
    """Say what a rule set applies between whom.

    Args:
        rule_set: The rule set.
        parties: The party of each track.
        kinds: The kind of each track.

    Raises:
        InvalidValueError: There are more than `CLASSES_MAX` classes.
    """
    selectors = rule_set.selectors
    by_words: dict[tuple[str | None, str | None], int] = {}
    of_words = [by_words.setdefault(words, len(by_words)) for words in zip(parties, kinds, strict=True)]
    by_fit: dict[tuple[bool, ...], int] = {}
    of_class = [
        by_fit.setdefault(tuple(selector.fits(*words) for selector in selectors), len(by_fit))
        for words in by_words
    ]
    if len(by_fit) > CLASSES_MAX:
        reason = f"it tells {len(by_fit):,} classes of tracks apart; at most {CLASSES_MAX:,} can be"
        raise InvalidValueError("rule_set", f"{reason}; name fewer parties or kinds")
    columns = np.array(list(by_fit), dtype=np.bool_).reshape(len(by_fit), len(selectors)).T
    fits = dict(zip(selectors, columns, strict=True))
    numbers = {rule: number for number, rule in enumerate(rule_set.rules)}

    def number(rule: AnyRule | None) -> int:
        return _NONE if rule is None else numbers[rule]

    shape = (len(by_fit), len(by_fit))
    ordinary, agreed = np.full(shape, number(rule_set.default)), np.full(shape, _NONE)
    for pairing in reversed(rule_set.pairings):  # the first that fits is written last
        ordinary[_meant(fits, pairing.between)] = number(pairing.rule)
    for k, cooperation in reversed(list(enumerate(rule_set.cooperations))):
        agreed[_meant(fits, cooperation.between)] = k
    rules = np.array([*(number(each.rule) for each in rule_set.cooperations), _NONE])
    return Tables(
        of_track=np.array(of_class, dtype=np.int64)[np.array(of_words, dtype=np.int64)],
        ordinary=ordinary,
        agreed=agreed,
        in_force=np.where(agreed == _NONE, ordinary, rules[agreed]),
        unmatched=tuple(selector for selector in selectors if not fits[selector].any()),
    )


def _meant(fits: dict[Selector, Mask], between: Between) -> Mask:
    """Tell between which classes an entry is meant: either way round."""
    one, other = (fits[selector] for selector in between)
    meant = one[:, np.newaxis] & other
    return meant | meant.T


class Found(NamedTuple):
    """What one rule finds; m pairs.

    Attributes:
        a: The row of one track, shape (m,).
        b: The row of the other, more than `a`.
        losses: A loss for each level; levels with the same minima have the same one.
        met: Whether each level is met, shape (m, number of levels).
        possible: Whether it is met or that cannot be excluded.
    """

    a: Ints
    b: Ints
    losses: tuple[Encounters, ...]
    met: Mask
    possible: Mask


def find_all(
    tracks: TrackArrays,
    rules: Sequence[AnyRule],
    tables: Tables,
    engine: Engine,
    progress: Progress | None,
) -> list[Found]:
    """Find what each rule says of the pairs that it concerns.

    Args:
        tracks: The tracks.
        rules: The rules, as they are numbered in the tables.
        tables: What applies between whom.
        engine: Which code searches.
        progress: Called with how much is done and how much there is.

    Raises:
        TooManyEncountersError: One search finds more than `ENCOUNTERS_MAX`.
    """
    wanted: dict[Search, Mask] = {}
    for number, rule in enumerate(rules):
        for search in _searches(rule):
            concerned = tables.concerns(number)
            wanted[search] = wanted[search] | concerned if search in wanted else concerned
    found: dict[Search, list[Encounters]] = {}
    for step, (search, concerned) in enumerate(wanted.items()):
        told = None if progress is None else _part(progress, step, len(wanted), len(tracks))
        found[search] = _search(tracks, search, tables.of_track, concerned, engine, told)
    return [_of_rule(rule, found, tables, tables.concerns(number)) for number, rule in enumerate(rules)]


def _searches(rule: AnyRule) -> tuple[Search, ...]:
    return (rule,) if isinstance(rule, WellClearRule) else tuple(dict.fromkeys(rule.minima()))


def _part(progress: Progress, step: int, steps: int, n: int) -> Callable[[int, int], None]:
    def told(done: int, total: int) -> None:
        progress(step * n + done * n // total, steps * n)

    return told


def _search(
    tracks: TrackArrays,
    search: Search,
    of_track: Ints,
    concerned: Mask,
    engine: Engine,
    progress: Progress | None,
) -> list[Encounters]:
    """Search once, among the tracks of the classes that are concerned.

    Returns:
        What is found: once by minima, or once for each level of well clear. Pairs that are not concerned
        may be among it.
    """
    rows = np.flatnonzero(np.any(concerned, axis=1)[of_track])
    some = tracks if len(rows) == len(tracks) else tracks.take(rows)
    groups, judged = _groups(of_track[rows], concerned)
    if isinstance(search, Minima):
        losses = [
            find_encounters(some, search, engine=engine, groups=groups, judged=judged, progress=progress)
        ]
    else:
        losses = _alerts(some, search, engine, groups, judged)
    return [loss._replace(a=rows[loss.a], b=rows[loss.b]) for loss in losses]


def _groups(of_track: Ints, concerned: Mask) -> tuple[npt.NDArray[np.uint8] | None, Mask | None]:
    """Number the classes that are looked at against the same others, if a search is to tell them apart."""
    if concerned.all():
        return None, None
    _, first, group = np.unique(concerned, axis=0, return_index=True, return_inverse=True)
    if len(first) > GROUPS_MAX:
        return None, None
    return group.reshape(-1)[of_track].astype(np.uint8), concerned[np.ix_(first, first)]


def _alerts(
    tracks: TrackArrays,
    rule: WellClearRule,
    engine: Engine,
    groups: npt.NDArray[np.uint8] | None,
    judged: Mask | None,
) -> list[Encounters]:
    """Return the alerts of each level as losses; when they end is not told."""
    lookahead_s = max(_LOOKAHEAD_S, *(alert.within_s for alert in rule.alerts))
    found = find_alerts(
        tracks, rule.alerts, lookahead_s=lookahead_s, engine=engine, groups=groups, judged=judged
    )
    volume = rule.alerts[0].volume
    minima = Minima(lateral_m=volume.dmod_m, vertical_m=volume.zthr_m, lookahead_s=lookahead_s)
    near = judge_pairs(tracks, found.a, found.b, minima)  # for how close they come, on arcs like all others
    return [
        near._replace(
            t_in_s=found.t_in_s[:, k],
            t_out_s=np.full(len(near.a), np.nan),
            t_in_inflated_s=found.t_in_inflated_s[:, k],
            t_out_inflated_s=np.full(len(near.a), np.nan),
        )
        for k in range(len(rule.alerts))
    ]


def _of_rule(rule: AnyRule, found: dict[Search, list[Encounters]], tables: Tables, concerned: Mask) -> Found:
    """Bring together what the searches found for one rule."""
    if isinstance(rule, WellClearRule):
        losses = found[rule]
        tests = [
            (_soon(loss.t_in_s, alert.within_s), _soon(loss.t_in_inflated_s, alert.within_s))
            for loss, alert in zip(losses, rule.alerts, strict=True)
        ]
    else:
        by_minima = {minima: found[minima][0] for minima in _searches(rule) if isinstance(minima, Minima)}
        aligned = dict(zip(by_minima, _aligned(list(by_minima.values()), len(tables.of_track)), strict=True))
        losses = [aligned[minima] for minima in rule.minima()]
        tests = [_meets(loss, level) for loss, level in zip(losses, rule.levels, strict=True)]
    met, possible = (np.stack(column, axis=-1) for column in zip(*tests, strict=True))
    possible |= met  # the same but for rounding
    a, b = losses[0][:2]
    kept = np.flatnonzero(concerned[tables.of_track[a], tables.of_track[b]] & possible.any(axis=1))
    taken = {id(loss): loss.take(kept) for loss in losses}
    return Found(a[kept], b[kept], tuple(taken[id(loss)] for loss in losses), met[kept], possible[kept])


def _soon(t_in_s: Floats, within_s: float) -> Mask:
    return t_in_s <= within_s


def _meets(loss: Encounters, level: Level) -> tuple[Mask, Mask]:
    """Tell whether losses meet a level, and whether that is so or cannot be excluded."""
    met, possible = _soon(loss.t_in_s, level.lookahead_s), _soon(loss.t_in_inflated_s, level.lookahead_s)
    if level.lasting_s > 0.0:
        met = met & _longer(loss.t_in_s, loss.t_out_s, level.lasting_s)
        possible = possible & _longer(loss.t_in_inflated_s, loss.t_out_inflated_s, level.lasting_s)
    return met, possible


def _longer(t_in_s: Floats, t_out_s: Floats, lasting_s: float) -> Mask:
    return t_out_s - t_in_s > lasting_s


def _aligned(losses: list[Encounters], n: int) -> list[Encounters]:
    """Return losses with a row for every pair that any of them has; where one has no loss, all is NaN."""
    if len(losses) == 1:
        return losses
    keys = np.unique(np.concatenate([loss.a * n + loss.b for loss in losses]))
    result = []
    for loss in losses:
        columns = np.full((len(Encounters._fields) - 2, len(keys)), np.nan)
        columns[:, np.searchsorted(keys, loss.a * n + loss.b)] = loss[2:]
        result.append(Encounters(keys // n, keys % n, *columns))
    return result
