"""What lingers: encounters that are no longer found, and not over either.

An alert is over when minima somewhat wider are kept as well, so that it does not come and go at their edge.
Of tracks whose position is old, or whose altitude is not known, also what only cannot be excluded lingers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from keepclear.core.alerts import Alert, AlertSettings
from keepclear.core.encounter_signals import urgency_of
from keepclear.core.encounters import LATERAL_MINIMUM_MAX_M, LOOKAHEAD_MAX_S, Minima, judge_pairs
from keepclear.core.foresight import Foreseen
from keepclear.core.geodesy import Floats
from keepclear.core.packed import Ints
from keepclear.core.rules import AnyRule, RuleSet, WellClearRule
from keepclear.core.signals import SignalKey, SignalKind, Urgency
from keepclear.core.well_clear import TAU_MOD_MAX_S, AlertRule, WellClearVolume, find_alerts


def lingering(
    foreseen: Foreseen, rule_set: RuleSet, alerts: Sequence[Alert], settings: AlertSettings
) -> dict[SignalKey, Urgency]:
    """Find which encounters of alerts are not over yet, though perhaps no longer found.

    Args:
        foreseen: The tracks.
        rule_set: The rule set.
        alerts: Alerts that are open; others than of encounters are left out.
        settings: By how much minima are widened, and times lengthened, for this question.

    Returns:
        How urgent they still are, by wider minima; what may be so by what vague tracks may be off counts too.
    """
    rules = {rule.name: rule for rule in rule_set.rules}
    asked: dict[AnyRule, list[SignalKey]] = {}
    for alert in alerts:
        key = alert.key
        if key.kind is SignalKind.ENCOUNTER and key.a in foreseen.row_of and key.b in foreseen.row_of:
            rule = rules.get(alert.signal.rule or "")
            if rule is not None:
                asked.setdefault(rule, []).append(key)
    found: dict[SignalKey, Urgency] = {}
    for rule, keys in asked.items():
        a = np.array([foreseen.row_of[key.a] for key in keys], dtype=np.int64)
        b = np.array([foreseen.row_of[key.b] for key in keys], dtype=np.int64)
        for level, within_s, t_in_s in _widened(foreseen, rule, a, b, settings.clear_factor):
            for key, begins_s in zip(keys, t_in_s.tolist(), strict=True):
                urgency = urgency_of(level, begins_s, settings.clear_factor) if begins_s <= within_s else None
                if urgency is not None and (key not in found or urgency.rank > found[key].rank):
                    found[key] = urgency
    return found


def _widened(
    foreseen: Foreseen, rule: AnyRule, a: Ints, b: Ints, factor: float
) -> Iterator[tuple[str, float, Floats]]:
    """Yield each level, until when a loss of it counts, and when pairs lose it by wider minima."""
    if isinstance(rule, WellClearRule):
        yield from _widened_well_clear(foreseen, rule, a, b, factor)
        return
    tracks = foreseen.air.tracks.take(np.concatenate((a, b)))
    i, j = np.arange(len(a)), np.arange(len(a), 2 * len(a))
    is_vague = foreseen.is_vague[a] | foreseen.is_vague[b]
    found: dict[Minima, Floats] = {}
    for level, minima in zip(rule.levels, rule.minima(), strict=True):
        if level.lasting_s > 0.0:
            continue
        if minima not in found:
            wide = Minima(
                lateral_m=min(minima.lateral_m * factor, LATERAL_MINIMUM_MAX_M),
                vertical_m=minima.vertical_m * factor,
                lookahead_s=min(minima.lookahead_s * factor, LOOKAHEAD_MAX_S),
            )
            judged = judge_pairs(tracks, i, j, wide)
            found[minima] = np.where(is_vague, judged.t_in_inflated_s, judged.t_in_s)
        yield level.name, level.lookahead_s * factor, found[minima]


def _widened_well_clear(
    foreseen: Foreseen, rule: WellClearRule, a: Ints, b: Ints, factor: float
) -> Iterator[tuple[str, float, Floats]]:
    rows, place = np.unique(np.concatenate((a, b)), return_inverse=True)
    wide = tuple(_wide(alert, factor) for alert in rule.alerts)
    found = find_alerts(foreseen.air.tracks.take(rows), wide, lookahead_s=max(each.within_s for each in wide))
    i, j = np.sort(place.reshape(2, -1), axis=0)
    keys = found.a * len(rows) + found.b
    at = np.searchsorted(keys, i * len(rows) + j).clip(max=max(len(keys) - 1, 0))
    is_found = keys[at] == i * len(rows) + j if len(keys) else np.zeros(len(a), dtype=np.bool_)
    is_vague = foreseen.is_vague[a] | foreseen.is_vague[b]
    for k, (level, alert) in enumerate(zip(rule.level_names, wide, strict=True)):
        t_in_s = np.full(len(a), np.inf)
        told = np.where(
            is_vague[is_found], found.t_in_inflated_s[at[is_found], k], found.t_in_s[at[is_found], k]
        )
        t_in_s[is_found] = told
        yield level, alert.within_s, t_in_s


def _wide(alert: AlertRule, factor: float) -> AlertRule:
    volume = alert.volume
    return AlertRule(
        volume=WellClearVolume(
            dmod_m=min(volume.dmod_m * factor, LATERAL_MINIMUM_MAX_M),
            hmd_m=min(volume.hmd_m * factor, LATERAL_MINIMUM_MAX_M),
            zthr_m=min(volume.zthr_m * factor, LATERAL_MINIMUM_MAX_M),
            tau_mod_s=min(volume.tau_mod_s * factor, TAU_MOD_MAX_S),
        ),
        within_s=min(alert.within_s * factor, LOOKAHEAD_MAX_S),
    )
