"""Where an aircraft was at given instants, by its reports alone, and how far it may have been from there.

Between two reports of one source it was on the geodesic between them, give or take what it can leave a
straight line in that time. After its last report it went on as it told, for as long as a track is degraded
and no longer; then nothing is known. Of several sources, at each instant the one counts that is off least.

This looks back, with all reports known. What was known at the time is the matter of `recorded.moment`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from keepclear.core.geodesy import SEMI_MAJOR_M, Floats, ring_positions, tangent_frames, unit_vectors
from keepclear.core.motions import TERMINAL_ACCELERATION_MPS2, VERTICAL_ACCELERATION_MPS2
from keepclear.core.packed import Ints
from keepclear.core.reports import Flags, Reports
from keepclear.core.units import FOOT_M

UNTOLD_HORIZONTAL_ERROR_M: Final = 100.0
"""A position whose source does not tell how exact it is, may be off by so much."""
UNTOLD_VERTICAL_ERROR_M: Final = 100.0 * FOOT_M
"""An altitude whose source does not tell how exact it is, may be off by so much: 100 ft."""
UNTOLD_RATE_MPS: Final = 20.0
"""An altitude whose rate is not told may change by so much a second after its last report: 4,000 ft/min."""


class Height(NamedTuple):
    """Altitudes of one datum at n instants.

    Attributes:
        altitude_m: Metres; NaN where not known, shape (n,).
        error_m: How far each may be off; infinite where not known.
    """

    altitude_m: Floats
    error_m: Floats


class Flown(NamedTuple):
    """Where an aircraft was at n instants.

    Attributes:
        vector: Unit vectors of its positions (`geodesy.unit_vectors`), NaN where not known, shape (n, 3).
        error_m: How far it may have been from there; infinite where not known, shape (n,).
        pressure: Its pressure altitude, metres.
        ellipsoid: Its height above the WGS84 ellipsoid.
        source: Which of the sources the position is of; -1 where it is not known, shape (n,).
        is_reported: Whether it lies between two reports, or at one: what is after the last, nobody told.
    """

    vector: Floats
    error_m: Floats
    pressure: Height
    ellipsoid: Height
    source: Ints
    is_reported: Flags

    @property
    def is_known(self) -> Flags:
        """Whether it is known where it was, shape (n,)."""
        return self.source >= 0

    def positions_deg(self) -> Floats:
        """Return latitudes and longitudes, NaN where not known, shape (n, 2)."""
        return ring_positions(self.vector)


def flown(sources: Sequence[Reports], at_ms: Ints, degraded_s: float) -> Flown:
    """Tell where an aircraft was at some instants.

    Args:
        sources: Its reports, those of each source by themselves, in any order.
        at_ms: The instants, milliseconds since 1970, shape (n,).
        degraded_s: So long after a report, or between it and the next one, its position is known.

    Returns:
        Its positions and altitudes, with the errors that they have.
    """
    n = len(at_ms)
    best = Flown(
        vector=np.full((n, 3), math.nan),
        error_m=np.full(n, math.inf),
        pressure=_unknown(n),
        ellipsoid=_unknown(n),
        source=np.full(n, -1, dtype=np.int64),
        is_reported=np.zeros(n, dtype=np.bool_),
    )
    for number, reports in enumerate(sources):
        if len(reports):
            _better(best, _by_one(reports, at_ms, degraded_s), number)
    return best


def _unknown(n: int) -> Height:
    return Height(np.full(n, math.nan), np.full(n, math.inf))


def _better(best: Flown, other: Flown, number: int) -> None:
    """Put in place what another source tells with less error, positions and altitudes each by themselves."""
    rows = other.error_m < best.error_m
    best.vector[rows], best.error_m[rows], best.source[rows] = other.vector[rows], other.error_m[rows], number
    best.is_reported[rows] = other.is_reported[rows]
    for mine, theirs in ((best.pressure, other.pressure), (best.ellipsoid, other.ellipsoid)):
        rows = theirs.error_m < mine.error_m
        mine.altitude_m[rows], mine.error_m[rows] = theirs.altitude_m[rows], theirs.error_m[rows]


def in_order(reports: Reports) -> Ints:
    """Return the rows of reports by the time of their positions, of each time the last received."""
    order = np.lexsort((np.arange(len(reports)), reports.received_ms, reports.at_ms))
    times = reports.at_ms[order]
    is_last = np.append(times[1:] != times[:-1], True)
    return np.asarray(order[is_last])


class _Around(NamedTuple):
    """The reports around n instants: the last one not after each, and what counts of both.

    Attributes:
        before: The place of the report that is not after the instant, shape (n,).
        is_between: Whether it is known from the report before and the one after.
        is_after: Whether it is known from the report before alone.
        share: How far it is from the one before to the one after, 0..1.
        since_s: How long after the report before, seconds.
        gap_s: How long it is between the two.
    """

    before: Ints
    is_between: Flags
    is_after: Flags
    share: Floats
    since_s: Floats
    gap_s: Floats


def _around(times_ms: Ints, at_ms: Ints, degraded_s: float) -> _Around:
    before = np.searchsorted(times_ms, at_ms, side="right") - 1
    here = np.maximum(before, 0)
    after = np.minimum(before + 1, len(times_ms) - 1)
    since_s = (at_ms - times_ms[here]) / 1_000.0
    gap_s = (times_ms[after] - times_ms[here]) / 1_000.0
    is_on = before >= 0
    has_next = is_on & (before + 1 < len(times_ms))
    is_between = (is_on & (since_s == 0.0)) | (has_next & (gap_s <= 2.0 * degraded_s))
    is_after = is_on & ~is_between & (since_s <= degraded_s)
    share = np.where(has_next & is_between, since_s / np.where(gap_s > 0.0, gap_s, 1.0), 0.0)
    return _Around(here, is_between, is_after, share, since_s, gap_s)


def _grown(around: _Around, error_m: Floats, acceleration_mps2: float) -> Floats:
    """Return the errors at the instants: those of the reports, and what may have been flown besides."""
    before = around.before
    after = np.minimum(before + 1, len(error_m) - 1)
    told = (1.0 - around.share) * error_m[before] + around.share * error_m[after]
    rest_s = np.where(around.share > 0.0, around.gap_s - around.since_s, 0.0)
    between = told + 0.5 * acceleration_mps2 * around.since_s * rest_s
    beyond = error_m[before] + 0.5 * acceleration_mps2 * around.since_s**2
    known = np.where(around.is_between, between, beyond)
    return np.where(around.is_between | around.is_after, known, math.inf)


def _by_one(reports: Reports, at_ms: Ints, degraded_s: float) -> Flown:
    rows = in_order(reports)
    times = reports.at_ms[rows]
    vectors = unit_vectors(reports.latitude_deg[rows], reports.longitude_deg[rows])
    errors = np.where(
        np.isnan(reports.horizontal_error_m[rows]),
        UNTOLD_HORIZONTAL_ERROR_M,
        reports.horizontal_error_m[rows],
    )
    around = _around(times, at_ms, degraded_s)
    velocity = _velocities(reports, rows, times, vectors, degraded_s)
    before, after = around.before, np.minimum(around.before + 1, len(times) - 1)
    share = around.share[:, np.newaxis]
    between = (1.0 - share) * vectors[before] + share * vectors[after]
    beyond = vectors[before] + velocity[before] * around.since_s[:, np.newaxis]
    vector = np.where(around.is_between[:, np.newaxis], between, beyond)
    error = _grown(around, errors, TERMINAL_ACCELERATION_MPS2)
    unknown = np.isinf(error) | np.isnan(vector).any(axis=1)
    error = np.where(unknown, math.inf, error)
    length = np.linalg.norm(vector, axis=1)
    vector = np.where(unknown[:, np.newaxis], math.nan, vector / np.where(length > 0.0, length, 1.0)[:, None])
    rate, vertical = reports.vertical_rate_mps[rows], reports.vertical_error_m[rows]
    pressure_m = reports.pressure_altitude_ft[rows] * FOOT_M
    return Flown(
        vector=vector,
        error_m=error,
        pressure=_height(times, pressure_m, vertical, rate, at_ms, degraded_s),
        ellipsoid=_height(times, reports.altitude_m[rows], vertical, rate, at_ms, degraded_s),
        source=np.where(unknown, -1, 0),
        is_reported=around.is_between & ~unknown,
    )


def _velocities(reports: Reports, rows: Ints, times: Ints, vectors: Floats, degraded_s: float) -> Floats:
    """Return by how much of the earth's radius each moves a second: as told, else from the report before."""
    speed, track = reports.ground_speed_mps[rows], np.radians(reports.track_deg[rows])
    east, north = tangent_frames(vectors)
    track = np.where(speed == 0.0, 0.0, track)  # what stands needs no direction
    told = (np.sin(track)[:, None] * east + np.cos(track)[:, None] * north) * (speed / SEMI_MAJOR_M)[:, None]
    derived = np.full_like(vectors, math.nan)
    gap_s = np.diff(times) / 1_000.0
    near = gap_s <= degraded_s
    derived[1:][near] = (np.diff(vectors, axis=0) / gap_s[:, np.newaxis])[near]
    return np.where(np.isnan(told), derived, told)


def _height(
    times: Ints, altitude_m: Floats, error_m: Floats, rate_mps: Floats, at_ms: Ints, degraded_s: float
) -> Height:
    """Tell the altitudes of one datum at the instants, by the reports that have one."""
    told = ~np.isnan(altitude_m)
    if not told.any():
        return _unknown(len(at_ms))
    times, altitude_m, rate_mps = times[told], altitude_m[told], rate_mps[told]
    error_m = np.where(np.isnan(error_m[told]), UNTOLD_VERTICAL_ERROR_M, error_m[told])
    around = _around(times, at_ms, degraded_s)
    before, after = around.before, np.minimum(around.before + 1, len(times) - 1)
    between = (1.0 - around.share) * altitude_m[before] + around.share * altitude_m[after]
    rate = rate_mps[before]
    beyond = altitude_m[before] + np.nan_to_num(rate) * around.since_s
    error = _grown(around, error_m, VERTICAL_ACCELERATION_MPS2)
    error = error + np.where(around.is_after & np.isnan(rate), UNTOLD_RATE_MPS * around.since_s, 0.0)
    altitude = np.where(around.is_between, between, beyond)
    return Height(np.where(np.isinf(error), math.nan, altitude), error)
