"""Signals of encounters: how urgent what a rule set finds is, and what of it is no signal.

A rule set finds losses on straight ways. Here a finding becomes a signal, by the name of its level or by the
time that is left. Two things are weighed before, and neither ever withholds what is present or begins within
`SURE_S`: where a climb is known to end, the loss must be there on the way that levels off (`levelling` also
finds those that only such ways have); and what is only an advisory, and later than `LEVEL_DOUBT_S`, must be
lost as well if all level off now, because most climbs end before another's level.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from keepclear.core.encounters import Minima
from keepclear.core.findings import Finding, Judged
from keepclear.core.foresight import Foreseen
from keepclear.core.geodesy import geodesic_direct
from keepclear.core.growing import growing
from keepclear.core.levelling import altitudes_at, is_concerned, level_times, levelled, levelling_losses
from keepclear.core.motions import motions_of
from keepclear.core.packed import Ints
from keepclear.core.rules import AnyRule, Level, Rule, RuleSet
from keepclear.core.separation import judge
from keepclear.core.signals import Signal, SignalKey, SignalKind, Urgency

SURE_S: Final = 30.0
"""A loss that begins within this is a signal whatever else is expected."""
LEVEL_DOUBT_S: Final = 75.0
"""An advisory of a later loss is a signal only if it is lost as well when all level off now. On real traffic
this halves the false alerts that are left, and costs no warning half a minute ahead."""
WARNING_WITHIN_S: Final = 30.0
"""What levels without a name of their own find is a warning if it begins within this,"""
CAUTION_WITHIN_S: Final = 60.0
"""a caution if within this,"""
ADVISORY_WITHIN_S: Final = 120.0
"""an advisory if within this, and else no signal."""

_BY_NAME: Final = MappingProxyType(
    {
        "predicted": None,
        "advisory": Urgency.ADVISORY,
        "preventive": Urgency.ADVISORY,
        "caution": Urgency.CAUTION,
        "corrective": Urgency.CAUTION,
        "warning": Urgency.WARNING,
    }
)


def signals(
    judged: Judged,
    foreseen: Foreseen,
    rule_set: RuleSet,
    *,
    present_since: Mapping[SignalKey, int] | None = None,
) -> list[Signal]:
    """Say which findings are signals, and how urgent they are.

    Args:
        judged: What the rule set finds in `foreseen.air`.
        foreseen: The tracks.
        rule_set: The rule set.
        present_since: Since when losses in progress were seen, milliseconds since 1970
            (`AlertBook.present_since`); a level that a loss must last for is reached by it.

    Returns:
        At most one for each pair, sorted by ids.

    Raises:
        TooManyEncountersError: Too many pairs come close as they level off.
    """
    rules = {rule.name: rule for rule in rule_set.rules}
    findings = _expected(judged, foreseen, rule_set)
    faster = growing(foreseen, rule_set, _reach_s(rule_set))
    if faster is not None:
        found_so = _expected(judge(faster.air, rule_set), faster, rule_set)
        findings = {
            pair: each for pair, each in found_so.items() if _is_of_growing(each, faster, rules)
        } | findings
    history = present_since or {}
    weighed: list[tuple[Finding, _Weight]] = []
    for finding in findings.values():
        since_ms = history.get(_key(finding))
        elapsed_s = 0.0 if since_ms is None else max(0.0, (foreseen.at_ms - since_ms) / 1000.0)
        weight = _weigh(rules[finding.rule], finding, elapsed_s)
        if weight is not None:
            weighed.append((finding, weight))
    doubtful = _doubtful(foreseen, rules, weighed)
    sure = [each for each, is_doubtful in zip(weighed, doubtful, strict=True) if not is_doubtful]
    apart = _apart_now(foreseen, [finding for finding, _ in sure])
    found = [_signal(*each, *now) for each, *now in zip(sure, *apart, strict=True)]
    return sorted(found, key=lambda signal: signal.key[1:])


def _expected(judged: Judged, foreseen: Foreseen, rule_set: RuleSet) -> dict[tuple[str, str], Finding]:
    """Return the findings that stand where it is known where climbs end, by the ids of the pairs."""
    rules = {rule.name: rule for rule in rule_set.rules}
    expected = levelled(foreseen, rule_set, _reach_s(rule_set))
    kept = {
        (each.a, each.b): each
        for each in judged.findings
        if _first_s(each) <= SURE_S
        or not is_concerned(rules[each.rule])
        or not ({each.a, each.b} & expected.ids)
    }
    return {(each.a, each.b): each for each in expected.findings} | kept


def _is_of_growing(finding: Finding, faster: Foreseen, rules: Mapping[str, AnyRule]) -> bool:
    rows = [faster.row_of[finding.a], faster.row_of[finding.b]]
    return is_concerned(rules[finding.rule]) and bool((~np.isnan(faster.growing_mps[rows])).any())


def _reach_s(rule_set: RuleSet) -> float:
    """Return how far ahead a loss can be a signal of minima."""
    return max(
        (
            level.lookahead_s if level.name in _BY_NAME else min(level.lookahead_s, ADVISORY_WITHIN_S)
            for rule in rule_set.rules
            if isinstance(rule, Rule)
            for level in rule.levels
            if _BY_NAME.get(level.name, Urgency.ADVISORY) is not None
        ),
        default=0.0,
    )


class _Weight(NamedTuple):
    """What a finding is as a signal.

    Attributes:
        urgency: How urgent it is.
        level: The level by which it is so.
        t_in_s: When that is entered.
        is_present: Whether separation is lost now.
        lasted_s: For how long it has been, if the level is one that a loss must last for; else None.
        lasting_in_s: In how long such a level will be reached if the loss goes on; NaN if there is none.
    """

    urgency: Urgency
    level: str
    t_in_s: float
    is_present: bool
    lasted_s: float | None
    lasting_in_s: float


def _key(finding: Finding) -> SignalKey:
    return SignalKey(SignalKind.ENCOUNTER, finding.a, finding.b)


def _first_s(finding: Finding) -> float:
    """Return when the first of its levels is entered."""
    return min(level.t_in_s for level in finding.levels if not math.isnan(level.t_in_s))


def urgency_of(level: str, t_in_s: float, stretch: float = 1.0) -> Urgency | None:
    """Return how urgent a level of a rule is, by its name or by the time that is left.

    Args:
        level: Its name.
        t_in_s: When it is entered, seconds from now.
        stretch: So many times later counts as well.

    Returns:
        None if it is no signal.
    """
    if level in _BY_NAME:
        return _BY_NAME[level]
    for within_s, urgency in (
        (WARNING_WITHIN_S, Urgency.WARNING),
        (CAUTION_WITHIN_S, Urgency.CAUTION),
        (ADVISORY_WITHIN_S, Urgency.ADVISORY),
    ):
        if t_in_s <= within_s * stretch:
            return urgency
    return None


def _weigh(rule: AnyRule, finding: Finding, elapsed_s: float) -> _Weight | None:
    """Find the most urgent of the levels that a finding meets; None if none is a signal."""
    lasting_s = {level.name: level.lasting_s for level in rule.levels} if isinstance(rule, Rule) else {}
    best: _Weight | None = None
    is_present = False
    for met in finding.levels:
        if math.isnan(met.t_in_s):
            continue
        lasts_s = lasting_s.get(met.level, 0.0)
        urgency = urgency_of(met.level, met.t_in_s + lasts_s)
        if urgency is None:
            continue
        is_present |= met.t_in_s == 0.0 and lasts_s == 0.0
        if best is None or urgency.rank >= best.urgency.rank:
            best = _Weight(urgency, met.level, met.t_in_s + lasts_s, False, None, math.nan)
    if best is None or not is_present:
        return best
    best = best._replace(is_present=True)
    for level in _lasting_levels(rule):
        if elapsed_s > level.lasting_s:
            return best._replace(urgency=Urgency.WARNING, level=level.name, lasted_s=elapsed_s)
        best = best._replace(lasting_in_s=level.lasting_s - elapsed_s)
    return best


def _lasting_levels(rule: AnyRule) -> Sequence[Level]:
    """Return the levels that a loss must last for, the longest first.

    How long a loss has lasted is known of a pair, not of each of its minima: only where all levels of a rule
    have the same minima does it tell.
    """
    if not isinstance(rule, Rule) or len({(level.lateral_m, level.vertical_m) for level in rule.levels}) > 1:
        return ()
    lasting = [level for level in rule.levels if level.lasting_s > 0.0]
    return sorted(lasting, key=lambda level: -level.lasting_s)


def _doubtful(
    foreseen: Foreseen, rules: Mapping[str, AnyRule], weighed: Sequence[tuple[Finding, _Weight]]
) -> npt.NDArray[np.bool_]:
    """Tell which are late advisories that are not lost if all level off now."""
    doubtful = np.zeros(len(weighed), dtype=np.bool_)
    tracks = foreseen.air.tracks
    goes_on = (tracks.vertical_rate_mps != 0.0) & np.isnan(foreseen.level_off_m)
    asked: dict[Minima, list[int]] = {}
    for k, (finding, weight) in enumerate(weighed):
        rule = rules[finding.rule]
        if (
            weight.urgency is Urgency.ADVISORY
            and weight.t_in_s > LEVEL_DOUBT_S
            and not weight.is_present
            and isinstance(rule, Rule)
            and (goes_on[foreseen.row_of[finding.a]] or goes_on[foreseen.row_of[finding.b]])
        ):
            minima = rule.minima()[rule.level_names.index(weight.level)]
            asked.setdefault(minima, []).append(k)
    if not asked:
        return doubtful
    never = np.full(len(tracks), np.inf)
    level = replace(
        tracks,
        altitude_m=np.where(goes_on, altitudes_at(tracks, never, 0.0), tracks.altitude_m),
        vertical_rate_mps=np.where(goes_on, 0.0, tracks.vertical_rate_mps),
    )
    for minima, places in asked.items():
        a, b = _rows(foreseen, [weighed[k][0] for k in places])
        begins, _ = levelling_losses(level, a, b, minima, foreseen.level_off_m)
        doubtful[places] = np.isinf(begins)
    return doubtful


def _rows(foreseen: Foreseen, findings: Sequence[Finding]) -> tuple[Ints, Ints]:
    row_of = foreseen.row_of
    a = np.array([row_of[each.a] for each in findings], dtype=np.int64)
    return a, np.array([row_of[each.b] for each in findings], dtype=np.int64)


def _apart_now(foreseen: Foreseen, findings: Sequence[Finding]) -> tuple[list[float], list[float]]:
    """Return how far apart pairs are now, laterally and vertically, metres; NaN where not known."""
    a, b = _rows(foreseen, findings)
    both = foreseen.air.tracks.take(np.concatenate((a, b)))
    levels_s = level_times(both, foreseen.level_off_m[np.concatenate((a, b))])
    position_m, altitude_m = motions_of(both, 0.0).position_m, altitudes_at(both, levels_s, 0.0)
    m = len(a)
    lateral_m = np.linalg.norm(position_m[m:] - position_m[:m], axis=1)
    return lateral_m.tolist(), np.abs(altitude_m[m:] - altitude_m[:m]).tolist()


def _signal(finding: Finding, weight: _Weight, d_now_m: float, dz_now_m: float) -> Signal:
    facts = {
        "d_now_m": d_now_m,
        "dz_now_m": dz_now_m,
        "t_cpa_s": finding.t_cpa_s,
        "d_cpa_m": finding.d_cpa_m,
        "dz_cpa_m": finding.dz_cpa_m,
        "t_out_s": finding.t_out_s,
        "lasted_s": math.nan if weight.lasted_s is None else weight.lasted_s,
        "lasting_in_s": weight.lasting_in_s,
    }
    return Signal(
        key=_key(finding),
        urgency=weight.urgency,
        is_present=weight.is_present,
        t_in_s=0.0 if weight.is_present else weight.t_in_s,
        rule=finding.rule,
        level=weight.level,
        facts=MappingProxyType({name: value for name, value in facts.items() if math.isfinite(value)}),
        cause=_cause(finding, weight, d_now_m, dz_now_m),
        exempts_confirmation=weight.lasted_s is not None,
    )


def _cause(finding: Finding, weight: _Weight, d_now_m: float, dz_now_m: float) -> str:
    who = f"{finding.a} and {finding.b}"
    if weight.lasted_s is not None:
        return f"{who} have been too close for {weight.lasted_s:.0f} s ({finding.rule})"
    if weight.is_present:
        return f"{who} are too close: {_distance(d_now_m, dz_now_m)} apart ({finding.rule})"
    closest = f"{_distance(finding.d_cpa_m, finding.dz_cpa_m)} apart in {finding.t_cpa_s:.0f} s"
    return f"{who} will be too close in {weight.t_in_s:.0f} s: {closest} ({finding.rule})"


def _distance(lateral_m: float, vertical_m: float) -> str:
    lateral = f"{lateral_m:.0f} m" if lateral_m < 1_000.0 else f"{lateral_m / 1_000.0:.1f} km"
    return lateral if math.isnan(vertical_m) else f"{lateral} and {vertical_m:.0f} m in height"


class EncounterPath(NamedTuple):
    """A point of the way that an aircraft is expected to fly.

    Attributes:
        t_s: When, seconds from the instant of the picture.
        latitude_deg: Where.
        longitude_deg: Where, -180..180.
        altitude_m: How high, as altitudes are judged; NaN where not known.
    """

    t_s: float
    latitude_deg: float
    longitude_deg: float
    altitude_m: float


def encounter_paths(foreseen: Foreseen, signal: Signal) -> dict[str, tuple[EncounterPath, ...]]:
    """Return where both aircraft of an encounter are now, when it begins, and when they are closest.

    Args:
        foreseen: The tracks.
        signal: The signal of the encounter, of this picture or of one shortly before.

    Returns:
        By the ids of the aircraft, in the order of time, each instant once. Nothing of one that is not
        predicted.
    """
    times_s = sorted({0.0, signal.t_in_s, max(0.0, signal.facts.get("t_cpa_s", 0.0))})
    ids = [each for each in (signal.key.a, signal.key.b) if each in foreseen.row_of]
    rows = np.repeat(np.array([foreseen.row_of[each] for each in ids], dtype=np.int64), len(times_s))
    tracks, t_s = foreseen.air.tracks.take(rows), np.tile(times_s, len(ids))
    age_s = 0.0 if tracks.age_s is None else tracks.age_s
    latitude, longitude = geodesic_direct(
        tracks.latitude_deg, tracks.longitude_deg, tracks.track_deg, tracks.ground_speed_mps * (t_s + age_s)
    )
    altitude = altitudes_at(tracks, level_times(tracks, foreseen.level_off_m[rows]), t_s)
    points = [
        EncounterPath(*point)
        for point in zip(*(each.tolist() for each in (t_s, latitude, longitude, altitude)), strict=True)
    ]
    return {each: tuple(points[k * len(times_s) : (k + 1) * len(times_s)]) for k, each in enumerate(ids)}
