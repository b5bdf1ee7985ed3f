"""The smallest shift out of a union of forbidden ones, in whole steps.

Scalar functions in plain Python over arrays, written so that numba compiles them unchanged; the
compiled and the plain search share them. A forbidden span is closed: both its ends are forbidden.
"""

from __future__ import annotations

import numpy as np

from keepclear.core.packed import Ints

NONE = -(2**62)
"""Stands for "there is none": no shift that is asked for is as large."""


def smallest_shift(
    low: Ints, high: Ints, by_low: Ints, by_high: Ints, active: Ints, least: int, most: int
) -> tuple[int, int]:
    """Find the smallest whole shift that no active span forbids.

    Args:
        low: First forbidden shift of each span, shape (n,).
        high: Last forbidden shift of each span, shape (n,).
        by_low: The spans by rising `low`, shape (n,).
        by_high: The spans by rising `high`, shape (n,).
        active: Not zero for the spans that count, shape (n,).
        least: The least shift allowed, not over 0.
        most: The greatest shift allowed, not under 0.

    Returns:
        The shift, upwards where both ways are as small, or `NONE`; and the span that forbids the
        shift one step smaller, or -1 for the shift 0.
    """
    up, up_by = 0, -1
    for k in by_low:
        if active[k] == 0 or high[k] < up:
            continue
        if low[k] > up:
            break
        up, up_by = high[k] + 1, k
    down, down_by = 0, -1
    for k in by_high[::-1]:
        if active[k] == 0 or low[k] > down:
            continue
        if high[k] < down:
            break
        down, down_by = low[k] - 1, k
    if up > most and down < least:
        return NONE, -1
    if up <= most and (down < least or up <= -down):
        return up, up_by
    return down, down_by


def smallest_pair_of_shifts(
    t_low: Ints, t_high: Ints, a_low: Ints, a_high: Ints,
    t_least: int, t_most: int, a_least: int, a_most: int, t_cost: float, a_cost: float,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Find the cheapest pair of whole shifts that lies in no forbidden rectangle.

    For a given second shift the best first shift is 0 or one step outside a rectangle, so only
    those are tried, the cheapest first.

    Args:
        t_low: First forbidden first shift of each rectangle, shape (n,); likewise the next three.
        t_high: See `t_low`.
        a_low: See `t_low`; of the second shift.
        a_high: See `t_low`; of the second shift.
        t_least: The least first shift allowed, not over 0.
        t_most: The greatest first shift allowed, not under 0.
        a_least: The least second shift allowed, not over 0.
        a_most: The greatest second shift allowed, not under 0.
        t_cost: The cost of one step of the first shift.
        a_cost: The cost of one step of the second shift.

    Returns:
        Both shifts, or `NONE` twice; the rectangle that bounds the first and the one that bounds
        the second, -1 where the shift is 0.
    """
    count = len(t_low)
    tries = np.zeros(2 * count + 1, dtype=np.int64)
    by = np.full(2 * count + 1, -1, dtype=np.int64)
    kept = 1
    for k in range(count):
        if 0 < t_high[k] + 1 <= t_most:
            tries[kept], by[kept] = t_high[k] + 1, k
            kept += 1
        if t_least <= t_low[k] - 1 < 0:
            tries[kept], by[kept] = t_low[k] - 1, k
            kept += 1
    by_low, by_high = np.argsort(a_low), np.argsort(a_high)
    active = np.zeros(count, dtype=np.int64)
    best_t, best_a, best_t_by, best_a_by = NONE, NONE, -1, -1
    best_cost = np.inf
    for place in np.argsort(np.abs(tries[:kept])):
        t = tries[place]
        cost = abs(t) * t_cost
        if cost >= best_cost:
            break
        for k in range(count):
            active[k] = 1 if t_low[k] <= t <= t_high[k] else 0
        a, a_by = smallest_shift(a_low, a_high, by_low, by_high, active, a_least, a_most)
        if a != NONE and cost + abs(a) * a_cost < best_cost:
            best_cost = cost + abs(a) * a_cost
            best_t, best_a, best_t_by, best_a_by = t, a, by[place], a_by
    return best_t, best_a, best_t_by, best_a_by
