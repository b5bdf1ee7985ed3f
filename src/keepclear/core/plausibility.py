"""Which reports nothing real can make: places and altitudes out of reach, speeds that nothing flies.

A place is out of reach if it is farther from the last one than the fastest of its kind flies in that
time, beyond what both positions may be off. What is done about it is decided in `track_table`.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Final

import numpy as np

from keepclear.core.geodesy import ECCENTRICITY_SQ, SEMI_MAJOR_M, Floats
from keepclear.core.kinds import TrackKind
from keepclear.core.track_picture import Codes

KINDS: Final = (TrackKind.UNKNOWN, *(kind for kind in TrackKind if kind is not TrackKind.UNKNOWN))
"""A kind for each code; 0 is the one that is not known."""
UNKNOWN_KIND: Final = 0
"""That code."""

TIME_SLACK_S: Final = 1.0
"""Time stamps of one source may be off by so much from each other: many are whole seconds."""
TOLD_SPEED_S: Final = 30.0
"""For so long the speeds told at both ends bound how far it got."""
TOLD_SPEED_RATIO: Final = 1.5
"""It flew at most so many times as fast as it told."""
TOLD_SPEED_MORE_MPS: Final = 50.0
"""And so much faster still: the least that noise of a position makes of a second."""

ANY_SPEED_MPS: Final = 1_000.0
"""No aircraft flies faster: three times the speed of sound."""
CLIMB_MAX_MPS: Final = 300.0
"""Nothing climbs or falls faster."""

_LOW_M: Final = 3_000.0
_SPEEDS_MAX_MPS: Final = {
    TrackKind.AEROPLANE: (500.0, ANY_SPEED_MPS),
    TrackKind.HELICOPTER: (150.0, 150.0),
    TrackKind.DRONE: (300.0, 300.0),
    TrackKind.VEHICLE: (100.0, 100.0),
    TrackKind.UNKNOWN: (500.0, ANY_SPEED_MPS),
}
"""The fastest over the ground of each kind, below and above 3,000 m."""
_TABLE_MPS: Final = np.array([_SPEEDS_MAX_MPS[kind] for kind in KINDS])
_HIGH_M: Final = 7_600.0
_SLOW_MPS: Final = 60.0
_FAST_MPS: Final = 150.0


class Suspicion(IntFlag):
    """Why a position may be false."""

    NONE = 0
    JUMPED = 1
    """It was reported out of reach of where it was."""
    TOO_FAST = 2
    """It tells a speed that nothing of its kind flies."""
    TOO_SLOW = 4
    """It was fast, and is high and slower than what was so fast can be there."""
    TWO_PLACES = 8
    """Two sources tell of different places under its id."""
    CLIMBED = 16
    """Its altitude changed by more than anything climbs or falls."""


def speeds_max_mps(kinds: Codes, height_m: Floats) -> Floats:
    """Return how fast each flies over the ground at most.

    Args:
        kinds: Codes of the kinds, see `KINDS`, shape (n,).
        height_m: Their altitudes of any datum, metres; NaN counts as high, shape (n,).

    Returns:
        Metres per second, shape (n,).
    """
    return _TABLE_MPS[kinds, np.where(height_m < _LOW_M, 0, 1)]


def reach_m(kind_mps: Floats, told_mps: Floats, elapsed_s: Floats, error_m: Floats) -> Floats:
    """Return how far from its last place something can be found.

    Args:
        kind_mps: How fast its kind flies, shape (n,).
        told_mps: The greater of the speeds that it told at both ends; NaN where one is not told.
        elapsed_s: How much later it is, seconds.
        error_m: How far both positions together may be off, metres.

    Returns:
        Metres, shape (n,).
    """
    bounded_mps = np.where(
        elapsed_s <= TOLD_SPEED_S, told_mps * TOLD_SPEED_RATIO + TOLD_SPEED_MORE_MPS, np.inf
    )
    speed_mps = np.fmin(kind_mps, bounded_mps)  # fmin leaves NaN out
    return np.asarray(speed_mps * (elapsed_s + TIME_SLACK_S) + error_m)


def climb_m(elapsed_s: Floats, error_m: Floats) -> Floats:
    """Return by how much an altitude can have changed.

    Args:
        elapsed_s: In how many seconds, shape (n,).
        error_m: How far both altitudes together may be off, metres.

    Returns:
        Metres, shape (n,).
    """
    return CLIMB_MAX_MPS * (elapsed_s + TIME_SLACK_S) + error_m


def wrong_speeds(kinds: Codes, height_m: Floats, speed_mps: Floats, fastest_mps: Floats) -> Codes:
    """Find speeds that cannot be.

    A jet that is told to creep at its cruising level has its position from a false signal: seen on a
    spoofed flight, 51 kt at 38,000 ft. Balloons and gliders are never fast, so nothing is said of them.

    Args:
        kinds: Codes of the kinds, shape (n,).
        height_m: Altitudes, metres; NaN where not known.
        speed_mps: Speeds over the ground as told; NaN where not told.
        fastest_mps: The greatest that each told so far.

    Returns:
        Bits of `Suspicion`, shape (n,).
    """
    too_fast = speed_mps > speeds_max_mps(kinds, height_m)
    too_slow = (height_m > _HIGH_M) & (speed_mps < _SLOW_MPS) & (fastest_mps > _FAST_MPS)
    bits = too_fast * int(Suspicion.TOO_FAST) + too_slow * int(Suspicion.TOO_SLOW)
    return np.asarray(bits, dtype=np.uint8)


def surface_points(latitude_deg: Floats, longitude_deg: Floats) -> Floats:
    """Return points of the ellipsoid in earth-centred x, y, z, metres, shapes (n,) to (n, 3)."""
    lat, lng = np.radians(latitude_deg), np.radians(longitude_deg)
    sin_lat, cos_lat = np.sin(lat), np.cos(lat)
    across_m = SEMI_MAJOR_M / np.sqrt(1.0 - ECCENTRICITY_SQ * sin_lat * sin_lat)
    points = np.empty((*lat.shape, 3))
    points[..., 0] = across_m * cos_lat * np.cos(lng)
    points[..., 1] = across_m * cos_lat * np.sin(lng)
    points[..., 2] = across_m * (1.0 - ECCENTRICITY_SQ) * sin_lat
    return points


def distances_m(one: Floats, other: Floats) -> Floats:
    """Return the straight distances of points, shapes (n, 3) to (n,): never more than along the ground."""
    apart = one - other
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", apart, apart)))
