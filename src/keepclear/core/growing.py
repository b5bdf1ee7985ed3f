"""Climbs and descents that have just begun: what may come of them as they become faster.

The first rate that is told of a climb is not the last. So pairs with such a track are judged once more, on
ways on which it is from now on as fast as it may come to be. What is found so is added to what is found
anyway; nothing is taken away by it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from keepclear.core.encounters import candidate_pairs
from keepclear.core.foresight import Foreseen
from keepclear.core.levelling import concerned, widest_minima
from keepclear.core.rules import RuleSet


def growing(foreseen: Foreseen, rule_set: RuleSet, lookahead_s: float) -> Foreseen | None:
    """Return what has just begun to climb or to descend, and who may meet it, on these ways.

    Args:
        foreseen: The tracks, as they are expected.
        rule_set: Which rule applies between whom.
        lookahead_s: Losses count that begin within this, if the rules look as far.

    Returns:
        The tracks, in part with other rates; None where there is nothing to judge.
    """
    rules = concerned(rule_set)
    has_begun = ~np.isnan(foreseen.growing_mps)
    if not rules or not has_begun.any():
        return None
    tracks = foreseen.air.tracks
    rate_mps = np.where(has_begun, foreseen.growing_mps, tracks.vertical_rate_mps)
    age_s = 0.0 if tracks.age_s is None else tracks.age_s
    tracks = replace(
        tracks,
        # So that each is now where it is expected now.
        altitude_m=tracks.altitude_m + (tracks.vertical_rate_mps - rate_mps) * age_s,
        vertical_rate_mps=rate_mps,
    )
    pairs = candidate_pairs(
        tracks,
        widest_minima(rules, lookahead_s),
        groups=has_begun.astype(np.uint8),
        judged=np.array([[False, True], [True, True]]),
    )
    if not len(pairs):
        return None
    return replace(foreseen, air=replace(foreseen.air, tracks=tracks)).some(np.unique(pairs))
