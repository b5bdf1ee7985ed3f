"""Where a climb or a descent ends by what was declared: an operation does not leave its own bands.

An aircraft that flies what it declared climbs no higher than the highest band of its operation in the next
minutes, and descends no lower than the lowest. So a declaration tells what no track tells: where it levels
off. It counts only while the aircraft is certainly inside what was declared, and nothing was said of its
leaving that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from keepclear.core.conformance_findings import Assignment, Declared
from keepclear.core.containment import Certainty
from keepclear.core.geodesy import Floats
from keepclear.core.intents import IntentState, ItemId, OperationalIntent
from keepclear.core.track_picture import TrackPicture
from keepclear.core.units import FOOT_M

AHEAD_MS: Final = 300_000
"""Bands of the operation within so long from now count."""
RATE_MIN_MPS: Final = 1.0
"""What climbs or descends more slowly is not asked where it levels off."""
_AWRY: Final = (IntentState.NONCONFORMING, IntentState.CONTINGENT)


def declared_level_offs(
    picture: TrackPicture, assignments: Mapping[str, Assignment], items: Mapping[ItemId, Declared]
) -> Floats:
    """Return where each aircraft levels off by its declaration.

    Args:
        picture: The tracks, n of them.
        assignments: Which of them flies what, by the id of the aircraft.
        items: What is declared.

    Returns:
        Altitudes of the datum that the aircraft is judged by (`TrackPicture.altitude_of_judgement`), metres;
        NaN where that is not told, shape (n,).
    """
    found = np.full(len(picture), np.nan)
    pressure_m = picture.pressure_altitude_ft * FOOT_M
    is_steep = np.abs(picture.vertical_rate_mps) >= RATE_MIN_MPS
    is_known = ~np.isnan(picture.altitude_m) & ~picture.is_suspect
    for row in np.flatnonzero(is_steep & is_known).tolist():
        assignment = assignments.get(picture.ids[row])
        if assignment is None or assignment.where is not Certainty.INSIDE:
            continue
        declared = items.get(assignment.item)
        if declared is None or not isinstance(declared.item, OperationalIntent):
            continue
        if declared.item.state in _AWRY:
            continue
        bound_m = _bound_m(
            declared.item, picture.at_ms, is_climbing=bool(picture.vertical_rate_mps[row] > 0.0)
        )
        if math.isfinite(bound_m):
            apart_m = 0.0 if np.isnan(pressure_m[row]) else pressure_m[row] - picture.altitude_m[row]
            found[row] = bound_m + apart_m
    return found


def _bound_m(operation: OperationalIntent, now_ms: int, *, is_climbing: bool) -> float:
    """Return the highest upper bound of what is declared for the next minutes, or the lowest lower one."""
    bands = [
        volume.volume.altitude
        for volume in operation.volumes
        if volume.time.start_ms <= now_ms + AHEAD_MS and volume.time.end_ms >= now_ms
    ]
    if is_climbing:
        return max((band.upper_m for band in bands), default=math.nan)
    return min((band.lower_m for band in bands), default=math.nan)
