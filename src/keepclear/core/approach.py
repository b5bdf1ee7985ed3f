"""Two motions: when they are closest, and from when to when they are too close.

The square of the distance of two points that move on arcs is a power series in time, to the sixth power
here. What is left out is centimetres where speed times half the look-ahead is below 300 km, tens of metres at
600 km (`encounters.PATH_EXACT_MAX_M`), and grows with the seventh power.

Seconds count from the instant of the motions. The roots are bracketed, and improved by the parabola
through the present value; a few steps are exact to a microsecond.

Everything here is written so that it works on arrays (numpy) and on single numbers (compiled) alike: no
branches, a fixed number of steps. So both engines judge by the same code.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from keepclear.core.motions import Scalars

TOUCH_TOLERANCE_M: Final = 1e-6
"""Two that are apart by a minimum less this are not too close: a foot is no whole number of metres."""
CLOSER_MIN_M: Final = 1e-3
"""The closest approach is now unless they come closer by this."""

Terms = tuple[Scalars, Scalars, Scalars, Scalars, Scalars, Scalars, Scalars]
"""The squared distance as a power series in time: the factors of t^0 to t^6."""

_STEPS: Final = 2
_ROOT_STEPS: Final = 3
_RATE_MIN_MPS: Final = 1e-12
_TINY: Final = 1e-12


def pick(condition: Scalars, yes: Scalars, no: Scalars) -> Scalars:
    """Choose by a condition; compiled code has its own form for single numbers."""
    return np.where(condition, yes, no)


def distance_terms(
    dq: Scalars, v1: Scalars, a1: Scalars, w1: Scalars, v2: Scalars, a2: Scalars, w2: Scalars
) -> Terms:
    """Return what one coordinate adds to the squared distance, as factors of powers of time.

    Args:
        dq: Position of the second minus that of the first.
        v1: Velocity of the first.
        a1: Its bend.
        w1: Its squared rate of turn.
        v2: Velocity of the second.
        a2: Its bend.
        w2: Its squared rate of turn.

    Returns:
        The factors of t^0 to t^6.
    """
    p1 = v2 - v1
    p2 = (a2 - a1) / 2.0
    p3 = (w1 * v1 - w2 * v2) / 6.0
    p4 = (w1 * a1 - w2 * a2) / 24.0
    p5 = (w2 * w2 * v2 - w1 * w1 * v1) / 120.0
    p6 = (w2 * w2 * a2 - w1 * w1 * a1) / 720.0
    return (
        dq * dq,
        2.0 * dq * p1,
        2.0 * dq * p2 + p1 * p1,
        2.0 * (dq * p3 + p1 * p2),
        2.0 * (dq * p4 + p1 * p3) + p2 * p2,
        2.0 * (dq * p5 + p1 * p4 + p2 * p3),
        2.0 * (dq * p6 + p1 * p5 + p2 * p4) + p3 * p3,
    )


def joined(x: Terms, y: Terms, z: Terms) -> Terms:
    """Return the squared distance of what its three coordinates add."""
    return (
        x[0] + y[0] + z[0],
        x[1] + y[1] + z[1],
        x[2] + y[2] + z[2],
        x[3] + y[3] + z[3],
        x[4] + y[4] + z[4],
        x[5] + y[5] + z[5],
        x[6] + y[6] + z[6],
    )


def squared_distance(t: Scalars, c: Terms) -> tuple[Scalars, Scalars, Scalars]:
    """Return the squared distance at an instant, and its first two derivatives."""
    c0, c1, c2, c3, c4, c5, c6 = c
    return (
        c0 + t * (c1 + t * (c2 + t * (c3 + t * (c4 + t * (c5 + t * c6))))),
        c1 + t * (2.0 * c2 + t * (3.0 * c3 + t * (4.0 * c4 + t * (5.0 * c5 + t * 6.0 * c6)))),
        2.0 * c2 + t * (6.0 * c3 + t * (12.0 * c4 + t * (20.0 * c5 + t * 30.0 * c6))),
    )


def _within(t: Scalars, first: Scalars, last: Scalars) -> Scalars:
    return np.minimum(np.maximum(t, first), last)


def closest(first: Scalars, last: Scalars, c: Terms) -> tuple[Scalars, Scalars]:
    """Find when two are closest within a span of time.

    Args:
        first: The beginning of the span, seconds from the instant of the motions.
        last: Its end.
        c: The squared distance: the factors of t^0 to t^6.

    Returns:
        When, and the squared distance then.
    """
    t = _within(-c[1] / (2.0 * np.maximum(c[2], _TINY)), first, last)
    for _ in range(_STEPS):
        _, slope, bow = squared_distance(t, c)
        t = _within(t - pick(bow > _TINY, slope / np.maximum(bow, _TINY), 0.0), first, last)
    least, _, _ = squared_distance(t, c)
    at_last, _, _ = squared_distance(last, c)
    t, least = pick(at_last < least, last, t), np.minimum(at_last, least)
    at_first, _, _ = squared_distance(first, c)
    t, least = pick(at_first < least, first, t), np.minimum(at_first, least)
    return t, np.maximum(least, 0.0)


def told_closest(cpa_s: Scalars, squared: Scalars, first: Scalars, c: Terms) -> tuple[Scalars, Scalars]:
    """Tell the closest approach to people: it is the beginning unless they come `CLOSER_MIN_M` closer.

    Two that fly alike are closest at some instant that only rounding decides.

    Args:
        cpa_s: When they are closest, as `closest` found it.
        squared: The squared distance then.
        first: The beginning of the span.
        c: The squared distance: the factors of t^0 to t^6.

    Returns:
        When, and the squared distance then.
    """
    at_first, _, _ = squared_distance(first, c)
    at_first = np.maximum(at_first, 0.0)
    is_now = np.sqrt(at_first) - np.sqrt(squared) < CLOSER_MIN_M
    return pick(is_now, first, cpa_s), pick(is_now, at_first, squared)


def _crossing(outside: Scalars, inside: Scalars, branch: Scalars, limit: Scalars, c: Terms) -> Scalars:
    """Find when the squared distance crosses a limit.

    Args:
        outside: An instant at which it is not below.
        inside: An instant at which it is.
        branch: 1.0 if `outside` is the earlier, -1.0 if it is the later.
        limit: The limit.
        c: The squared distance: the factors of t^0 to t^6.
    """
    far, near, t = outside, inside, inside
    for _ in range(_ROOT_STEPS):
        value, slope, bow = squared_distance(t, c)
        over = value - limit
        far, near = pick(over >= 0.0, t, far), pick(over >= 0.0, near, t)
        bent = branch * np.sqrt(np.maximum(slope * slope - 2.0 * bow * over, 0.0)) - slope
        step = 2.0 * over / pick(np.abs(bent) > _TINY, bent, _TINY)
        guess = t + step
        is_between = (guess - far) * (guess - near) <= 0.0
        t = pick(is_between, guess, (far + near) / 2.0)
    return t


def loss(
    cpa_s: Scalars, first: Scalars, last: Scalars, horizon: Scalars,
    dz: Scalars, rate: Scalars, lateral_m: Scalars, vertical_m: Scalars, c: Terms,
) -> tuple[Scalars, Scalars]:  # fmt: skip
    """Find from when to when two are too close.

    Args:
        cpa_s: When they are closest, as `closest` tells; seconds from the instant of the motions, like
            the following.
        first: From when it counts.
        last: A loss counts that begins until then.
        horizon: How far its end is looked for.
        dz: Altitude of the second minus that of the first at the instant of the motions, metres.
        rate: How fast that grows, metres per second.
        lateral_m: The lateral minimum.
        vertical_m: The vertical minimum; may be infinite.
        c: The squared distance: the factors of t^0 to t^6.

    Returns:
        When it begins, and when it ends. Both are infinite if there is none; the end is, if it goes on at
        the horizon.
    """
    wide = lateral_m - TOUCH_TOLERANCE_M
    limit = wide * wide
    deep = vertical_m - TOUCH_TOLERANCE_M
    safe = pick(np.abs(rate) > _RATE_MIN_MPS, rate, _RATE_MIN_MPS)
    one, other = (-deep - dz) / safe, (deep - dz) / safe
    enters, leaves = np.maximum(np.minimum(one, other), first), np.minimum(np.maximum(one, other), horizon)
    until = np.minimum(leaves, last)
    is_level = (enters <= until) & (wide > 0.0) & (deep > 0.0)
    enters, until = pick(is_level, enters, first), pick(is_level, until, first)
    leaves = pick(is_level, leaves, first)
    # The distance has one minimum unless it is all but constant; then the ends tell.
    t = _within(cpa_s, enters, until)
    at_t, _, _ = squared_distance(t, c)
    at_enter, _, _ = squared_distance(enters, c)
    at_until, _, _ = squared_distance(until, c)
    at_leave, _, _ = squared_distance(leaves, c)
    t, least = pick(at_enter < at_t, enters, t), np.minimum(at_enter, at_t)
    t, least = pick(at_until < least, until, t), np.minimum(at_until, least)
    is_loss = is_level & (least < limit)
    begins = _crossing(enters, t, 1.0, limit, c)
    ends = _crossing(leaves, t, -1.0, limit, c)
    begins = pick(at_enter < limit, enters, begins)
    ends = pick(at_leave < limit, pick(leaves >= horizon, np.inf, leaves), ends)
    return pick(is_loss, begins, np.inf), pick(is_loss, ends, np.inf)
