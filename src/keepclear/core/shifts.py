"""Shifts: how far packed volumes must be moved in time, in altitude or in both to be clear.

A pair of volumes whose footprints meet forbids one span of shifts. Every forbidden span is subtracted,
exhaustively, in steps of 1 ms and 0.1 m, so that what is found is provably the smallest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np

from keepclear.core.altitudes import ALTITUDE_MAX_M, ALTITUDE_MIN_M
from keepclear.core.errors import InvalidValueError
from keepclear.core.index import ShiftFunctions
from keepclear.core.packed import ALTITUDE_TOLERANCE_M, Ints, Margins, PackedVolumes
from keepclear.core.times import TIME_MAX, TIME_MIN, ceil_ms, floor_ms

ALTITUDE_STEP_M: Final = 0.1
"""Altitude shifts are whole multiples of this."""
_KNIFE_EDGE_M: Final = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far an item may be moved.

    Attributes:
        time_s: The greatest shift in time, either way, seconds; at most 31 days.
        altitude_m: The greatest shift in altitude, either way, metres.
        lateral_m: The greatest sideways move, metres; at most 50 km; 0 for none.
        lowest_m: No volume may be moved below this altitude, W84 metres, unless it is there already.
        not_before: The item must not start earlier than this, unless it does so already.
        seconds_per_metre: What a metre of altitude costs against a second, in the weighted change.

    Raises:
        InvalidValueError: A limit is negative, not finite or too large.
    """

    time_s: float = 7_200.0
    altitude_m: float = 600.0
    lateral_m: float = 20_000.0
    lowest_m: float | None = None
    not_before: datetime | None = None
    seconds_per_metre: float = 1.0

    def __post_init__(self) -> None:
        limits = (
            ("time", self.time_s, 31 * 86_400.0),
            ("altitude", self.altitude_m, 20_000.0),
            ("lateral", self.lateral_m, 50_000.0),
            ("seconds_per_metre", self.seconds_per_metre, 86_400.0),
        )
        for field, value, limit in limits:
            if not 0.0 <= value <= limit:
                raise InvalidValueError(field, f"{value!r} is not within 0..{limit:,.0f}")
        if self.lowest_m is not None and not ALTITUDE_MIN_M <= self.lowest_m <= ALTITUDE_MAX_M:
            raise InvalidValueError("lowest", f"{self.lowest_m!r} m is not an altitude")
        if self.not_before is not None and self.not_before.utcoffset() is None:
            raise InvalidValueError("not_before", "a time needs a zone; write 2026-01-31T12:00:00Z")


DEFAULT_LIMITS: Final = Limits()


class Shifts(NamedTuple):
    """The smallest shifts of packed volumes, in whole steps; `free_shifts.NONE` for none.

    Attributes:
        time_ms: By time alone.
        time_by: The pair that forbids one step less, by its place; -1 for none.
        altitude_steps: By altitude alone, in steps of `ALTITUDE_STEP_M`.
        altitude_by: See `time_by`.
        both_ms: By both: the shift in time.
        both_steps: By both: the shift in altitude.
        both_time_by: See `time_by`.
        both_altitude_by: See `time_by`.
    """

    time_ms: int
    time_by: int
    altitude_steps: int
    altitude_by: int
    both_ms: int
    both_steps: int
    both_time_by: int
    both_altitude_by: int


class StepLimits(NamedTuple):
    """Limits in whole steps: the least and the greatest shift in ms, and the same in altitude steps."""

    time_least_ms: int
    time_most_ms: int
    altitude_least: int
    altitude_most: int
    ms_per_step: float


def reach_of(limits: StepLimits, margins: Margins) -> Margins:
    """Return the margins that include everything which a move within the limits could meet."""
    reach_ms = max(limits.time_most_ms, -limits.time_least_ms)
    reach_m = max(limits.altitude_most, -limits.altitude_least) * ALTITUDE_STEP_M
    return Margins(margins.lateral_m, margins.vertical_m + reach_m, margins.time_ms + reach_ms)


def smallest_shifts(
    query: PackedVolumes,
    rows: Ints,
    stored: PackedVolumes,
    margins: Margins,
    limits: StepLimits,
    functions: ShiftFunctions,
) -> Shifts:
    """Find the smallest shifts in time, in altitude and in both that clear packed volumes.

    Args:
        query: The volumes of the item to move, all moved together.
        rows: The volume of the item of each pair within `reach_of` the limits, shape (k,).
        stored: The volume of each pair that is in reach, k volumes.
        margins: The gaps that still count as meeting.
        limits: How far to look.
        functions: The functions of `free_shifts`, plain or compiled.
    """
    t_low = stored.start_ms - query.end_ms[rows] - margins.time_ms
    t_high = stored.end_ms - query.start_ms[rows] + margins.time_ms
    vertical_m = margins.vertical_m + ALTITUDE_TOLERANCE_M + _KNIFE_EDGE_M
    with np.errstate(invalid="ignore"):
        a_low_m = stored.lower_m - query.upper_m[rows] - vertical_m
        a_high_m = stored.upper_m - query.lower_m[rows] + vertical_m
    # Beyond the limits all is alike: clipping keeps infinite bands in range.
    a_low = np.ceil(np.maximum(a_low_m / ALTITUDE_STEP_M, -1e9)).astype(np.int64)
    a_high = np.floor(np.minimum(a_high_m / ALTITUDE_STEP_M, 1e9)).astype(np.int64)
    t_active = ((a_low <= 0) & (a_high >= 0)).astype(np.int64)
    a_active = ((t_low <= 0) & (t_high >= 0)).astype(np.int64)
    time_ms, time_by = functions.one(
        t_low, t_high, np.argsort(t_low), np.argsort(t_high), t_active,
        limits.time_least_ms, limits.time_most_ms,
    )  # fmt: skip
    steps, steps_by = functions.one(
        a_low, a_high, np.argsort(a_low), np.argsort(a_high), a_active,
        limits.altitude_least, limits.altitude_most,
    )  # fmt: skip
    both = functions.two(
        t_low, t_high, a_low, a_high,
        limits.time_least_ms, limits.time_most_ms, limits.altitude_least, limits.altitude_most,
        1.0, limits.ms_per_step,
    )  # fmt: skip
    both_ms, both_steps, both_time_by, both_altitude_by = (int(number) for number in both)
    return Shifts(
        int(time_ms), int(time_by), int(steps), int(steps_by),
        both_ms, both_steps, both_time_by, both_altitude_by,
    )  # fmt: skip


def step_limits(query: PackedVolumes, limits: Limits) -> StepLimits:
    """Return the limits in whole steps for these volumes."""
    most_ms = math.floor(limits.time_s * 1000.0 + 1e-6)
    least_ms = -most_ms
    if query.volume_count:
        first_ms, last_ms = int(query.start_ms.min()), int(query.end_ms.max())
        earliest_ms = floor_ms(TIME_MIN) if limits.not_before is None else ceil_ms(limits.not_before)
        least_ms = max(least_ms, min(0, earliest_ms - first_ms))
        most_ms = min(most_ms, max(0, floor_ms(TIME_MAX) - last_ms))
    most_steps = math.floor(limits.altitude_m / ALTITUDE_STEP_M + 1e-6)
    least_steps = -most_steps
    bounded = query.lower_m[np.isfinite(query.lower_m)]
    if limits.lowest_m is not None and bounded.size:
        room_m = float(bounded.min()) - limits.lowest_m
        least_steps = max(least_steps, -max(0, math.floor(room_m / ALTITUDE_STEP_M + 1e-6)))
    ms_per_step = 1000.0 * limits.seconds_per_metre * ALTITUDE_STEP_M
    return StepLimits(least_ms, most_ms, least_steps, most_steps, ms_per_step)
