"""What one report does to the track that it is of: whether it is believed, and what is held afterwards.

- One that is older than the newest of its track is stale; one that says the same again a duplicate.
- A place out of reach is not believed, and the track coasts, until `JUMP_REPORTS` reports in a row agree
  with it. So it is with an altitude. Either way the track is suspect for a while.
- A fresh time with the old place, though it moves by what it says, is frozen: its position stays as old
  as it is. What hovers or is parked is fresh with each report.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from keepclear.core.geodesy import Floats
from keepclear.core.packed import Ints
from keepclear.core.plausibility import (
    ANY_SPEED_MPS,
    KINDS,
    TOLD_SPEED_MORE_MPS,
    TOLD_SPEED_RATIO,
    UNKNOWN_KIND,
    climb_m,
    distances_m,
    reach_m,
    speeds_max_mps,
    surface_points,
)
from keepclear.core.reports import Flags, OptionalWords, Reports
from keepclear.core.track_picture import Codes
from keepclear.core.track_slots import NEVER_MS, TRACK_RANK, Columns, Objects, derived_motion, remember
from keepclear.core.units import FOOT_M

JUMP_REPORTS: Final = 3
"""So many reports in a row have to agree with a place out of reach before it is believed."""
HEIGHT_JUMP_S: Final = 10.0
"""An altitude out of reach has to be told for so long besides: one wrong message is often repeated."""
SUSPECT_S: Final = 60.0
"""So long a track is suspect after a report out of reach that was not believed."""
SUSPECT_MOVED_S: Final = 300.0
"""And after one that was."""
STILL_SPEED_MAX_MPS: Final = 2.0
"""What tells no more than this may be in one place."""
STOP_SPEED_MAX_MPS: Final = 30.0
"""What tells no speed and moved faster than this does not stop from one report to the next."""
ACCURACY_M: Final = 185.2
"""How exact a position is where that is not told: NACp 7, the least that the European mandate allows of
ADS-B (EU 1207/2011)."""
ACCURACY_NUMBERED_M: Final = 555.6
"""The same of a track that a radar or a tracker numbered: a tenth of a degree at 300 km."""
PRESSURE_ACCURACY_M: Final = 10.0
"""How exact a pressure altitude is where that is not told: steps of 25 ft, and what it lags."""
HEIGHT_ACCURACY_M: Final = 45.0
"""The same of a height above the ellipsoid: the geometric vertical accuracy (GVA 2) of most ADS-B."""


class Taken(NamedTuple):
    """What became of reports; each is counted in one of these; the last two are of those taken.

    Attributes:
        taken: Their positions were believed.
        duplicates: They said the same again.
        stale: They were older than the newest of their track, or too old altogether.
        from_future: They claimed to be from the future.
        no_room: There was no room for another track.
        jumps: They were out of reach, and not believed.
        frozen: How many of those taken repeated an old position.
        wrong_altitudes: Of how many of those taken the altitude was not believed.
    """

    taken: int = 0
    duplicates: int = 0
    stale: int = 0
    from_future: int = 0
    no_room: int = 0
    jumps: int = 0
    frozen: int = 0
    wrong_altitudes: int = 0

    def plus(self, other: Taken) -> Taken:
        """Return the sums of both."""
        return Taken(*(one + more for one, more in zip(self, other, strict=True)))


class Batch(NamedTuple):
    """Reports and what was looked up for all of them at once.

    Attributes:
        reports: The reports.
        kinds: The codes of their kinds, see `plausibility.KINDS`.
        words: The columns of words that tell anything, by their names in `Columns`.
    """

    reports: Reports
    kinds: Codes
    words: dict[str, Objects]


def batch_of(reports: Reports) -> Batch:
    """Look up what is needed of each report."""
    n = len(reports)
    if reports.kinds.count(reports.kinds[0]) == n:  # nearly always, and much faster
        kinds = np.full(n, KINDS.index(reports.kinds[0]), dtype=np.uint8)
    else:
        codes = {kind: code for code, kind in enumerate(KINDS)}
        kinds = np.array([codes[kind] for kind in reports.kinds], dtype=np.uint8)
    told: dict[str, OptionalWords] = {
        "callsign": reports.callsigns,
        "squawk": reports.squawks,
        "party": reports.parties,
        "operation": reports.operations,
    }
    words: dict[str, Objects] = {}
    for name, column in told.items():
        if column.count(None) < n:
            words[name] = np.empty(n, dtype=np.object_)
            words[name][:] = column
    return Batch(reports, kinds, words)


def take_each(c: Columns, slots: Ints, batch: Batch, rows: Ints) -> Taken:
    """Take one report for each of some tracks.

    Args:
        c: The columns.
        slots: Slots, each once.
        batch: Where the reports are.
        rows: Which report is for which slot, shape (n,).

    Returns:
        What became of them.
    """
    reports = batch.reports
    at_ms = reports.at_ms[rows]
    stale = at_ms < c.reported_ms[slots]
    repeated = (at_ms == c.reported_ms[slots]) & _says_the_same(c, slots, reports, rows)
    fresh = ~stale & ~repeated
    slots, rows, at_ms = slots[fresh], rows[fresh], at_ms[fresh]
    kinds = np.where(batch.kinds[rows] == UNKNOWN_KIND, c.kind[slots], batch.kinds[rows]).astype(np.uint8)
    believed = _believed(c, slots, reports, rows, kinds)
    c.reported_ms[slots] = at_ms
    c.said_latitude_deg[slots] = reports.latitude_deg[rows]
    c.said_longitude_deg[slots] = reports.longitude_deg[rows]
    slots, rows = slots[believed], rows[believed]
    c.kind[slots] = kinds[believed]
    for name, words in batch.words.items():
        told = words[rows]
        some = told != np.array(None)
        getattr(c, name)[slots[some]] = told[some]
    frozen, wrong_altitudes = _hold(c, slots, reports, rows)
    return Taken(
        taken=len(slots),
        duplicates=int(repeated.sum()),
        stale=int(stale.sum()),
        jumps=int((~believed).sum()),
        frozen=frozen,
        wrong_altitudes=wrong_altitudes,
    )


def _says_the_same(c: Columns, slots: Ints, reports: Reports, rows: Ints) -> Flags:
    """Tell which reports tell no number that is not held already."""
    same = np.asarray(
        (c.said_latitude_deg[slots] == reports.latitude_deg[rows])
        & (c.said_longitude_deg[slots] == reports.longitude_deg[rows])
    )
    if not same.any():
        return same
    for held, told in (
        (c.altitude_m, reports.altitude_m),
        (c.pressure_altitude_ft, reports.pressure_altitude_ft),
        (c.told_mps, reports.ground_speed_mps),
        (c.told_deg, reports.track_deg),
        (c.vertical_rate_mps, reports.vertical_rate_mps),
        (c.selected_altitude_ft, reports.selected_altitude_ft),
    ):
        values = told[rows]
        same &= np.isnan(values) | (held[slots] == values)
    return np.asarray(same & (c.on_ground[slots] == reports.on_ground[rows]))


def _accuracy_m(c: Columns, slots: Ints, reports: Reports, rows: Ints) -> Floats:
    told_m = reports.horizontal_error_m[rows]
    default_m = np.where(c.rank[slots] == TRACK_RANK, ACCURACY_NUMBERED_M, ACCURACY_M)
    return np.where(np.isnan(told_m), default_m, told_m)


def _believed(c: Columns, slots: Ints, reports: Reports, rows: Ints, kinds: Codes) -> Flags:
    """Tell which reports are believed, and remember the places of the others."""
    at_ms, told_mps = reports.at_ms[rows], reports.ground_speed_mps[rows]
    accuracy_m = _accuracy_m(c, slots, reports, rows)
    height_m = c.pressure_altitude_ft[slots] * FOOT_M
    kind_mps = speeds_max_mps(kinds, np.where(np.isnan(height_m), c.altitude_m[slots], height_m))
    points_m = surface_points(reports.latitude_deg[rows], reports.longitude_deg[rows])
    apart_m = distances_m(points_m, surface_points(c.latitude_deg[slots], c.longitude_deg[slots]))
    reached_m = reach_m(
        kind_mps,
        np.maximum(c.told_mps[slots], told_mps),
        (at_ms - c.position_ms[slots]) / 1000.0,
        c.accuracy_m[slots] + accuracy_m,
    )
    jumped = np.asarray(apart_m > reached_m)  # false of a new track, whose place is NaN
    near = slots[~jumped]
    c.other_count[near], c.other_ms[near] = 0, NEVER_MS
    if not jumped.any():
        return ~jumped
    slots, at_ms, points_m = slots[jumped], at_ms[jumped], points_m[jumped]
    others_m = surface_points(c.other_latitude_deg[slots], c.other_longitude_deg[slots])
    # Not by its kind: what is of another kind than its source says must not stay where it was for ever.
    fastest_mps = np.fmax(ANY_SPEED_MPS, told_mps[jumped] * TOLD_SPEED_RATIO + TOLD_SPEED_MORE_MPS)
    elapsed_s = (at_ms - c.other_ms[slots]) / 1000.0
    reached_m = reach_m(fastest_mps, np.full(len(slots), np.nan), elapsed_s, 2.0 * accuracy_m[jumped])
    agrees = (c.other_count[slots] > 0) & (distances_m(points_m, others_m) <= reached_m)
    later = at_ms > c.other_ms[slots]
    count = np.where(agrees, c.other_count[slots] + later, 1)
    moved = count >= JUMP_REPORTS
    c.other_count[slots] = np.where(moved, 0, count)
    c.other_ms[slots] = np.where(moved, NEVER_MS, at_ms)
    c.other_latitude_deg[slots] = reports.latitude_deg[rows[jumped]]
    c.other_longitude_deg[slots] = reports.longitude_deg[rows[jumped]]
    c.jump_ms[slots], c.jump_m[slots] = at_ms, apart_m[jumped]
    suspect_ms = np.where(moved, int(SUSPECT_MOVED_S * 1000.0), int(SUSPECT_S * 1000.0))
    c.suspect_until_ms[slots] = np.maximum(c.suspect_until_ms[slots], at_ms + suspect_ms)
    c.since_ms[slots[moved]] = at_ms[moved]
    believed = ~jumped
    believed[jumped] = moved
    return believed


def _hold(c: Columns, slots: Ints, reports: Reports, rows: Ints) -> tuple[int, int]:
    """Put what reports tell in place of what was held.

    Returns:
        How many of them are frozen, and of how many the altitude is not believed.
    """
    at_ms, told_mps, told_deg = reports.at_ms[rows], reports.ground_speed_mps[rows], reports.track_deg[rows]
    latitude_deg, longitude_deg = reports.latitude_deg[rows], reports.longitude_deg[rows]
    moves = np.where(
        np.isnan(told_mps), c.ground_speed_mps[slots] > STOP_SPEED_MAX_MPS, told_mps > STILL_SPEED_MAX_MPS
    )
    same = (latitude_deg == c.latitude_deg[slots]) & (longitude_deg == c.longitude_deg[slots])
    frozen = np.asarray(same & moves)
    moved = ~frozen
    changed = slots[moved]
    c.position_ms[changed] = at_ms[moved]
    c.accuracy_m[changed] = _accuracy_m(c, slots, reports, rows)[moved]
    c.latitude_deg[changed], c.longitude_deg[changed] = latitude_deg[moved], longitude_deg[moved]
    c.believed_ms[slots], c.is_frozen[slots] = at_ms, frozen
    c.told_mps[slots], c.told_deg[slots] = told_mps, told_deg
    c.fastest_mps[slots] = np.fmax(c.fastest_mps[slots], told_mps)
    c.vertical_rate_mps[slots] = reports.vertical_rate_mps[rows]
    c.selected_altitude_ft[slots] = reports.selected_altitude_ft[rows]
    c.on_ground[slots] = reports.on_ground[rows]
    wrong_altitudes = _hold_altitudes(c, slots, reports, rows)
    _hold_motion(c, slots, frozen)
    remember(c, slots, frozen)
    return int(frozen.sum()), wrong_altitudes


def _hold_altitudes(c: Columns, slots: Ints, reports: Reports, rows: Ints) -> int:
    """Put altitudes in place, where any is told and believed; else those of before go on growing old.

    Returns:
        How many were told and are not believed.
    """
    altitude_m, pressure_ft = reports.altitude_m[rows], reports.pressure_altitude_ft[rows]
    told = ~np.isnan(altitude_m) | ~np.isnan(pressure_ft)
    slots, rows, altitude_m, pressure_ft = slots[told], rows[told], altitude_m[told], pressure_ft[told]
    error_m = reports.vertical_error_m[rows]
    default_m = np.where(np.isnan(pressure_ft), HEIGHT_ACCURACY_M, PRESSURE_ACCURACY_M)
    error_m = np.where(np.isnan(error_m), default_m, error_m)
    believed = _believed_heights(c, slots, reports.at_ms[rows], altitude_m, pressure_ft * FOOT_M, error_m)
    slots = slots[believed]
    c.altitude_m[slots], c.pressure_altitude_ft[slots] = altitude_m[believed], pressure_ft[believed]
    c.vertical_accuracy_m[slots] = error_m[believed]
    c.altitude_ms[slots] = reports.at_ms[rows[believed]]
    return int((~believed).sum())


def _believed_heights(
    c: Columns, slots: Ints, at_ms: Ints, altitude_m: Floats, pressure_m: Floats, error_m: Floats
) -> Flags:
    """Tell which altitudes are believed: a wrong bit of a transponder makes thousands of feet."""
    held_m, told_m = c.pressure_altitude_ft[slots] * FOOT_M, pressure_m
    by_ellipsoid = np.isnan(held_m + told_m)  # then what both tell is compared, if there is such
    held_m = np.where(by_ellipsoid, c.altitude_m[slots], held_m)
    told_m = np.where(by_ellipsoid, altitude_m, told_m)
    elapsed_s = (at_ms - c.altitude_ms[slots]) / 1000.0
    jumped = np.abs(told_m - held_m) > climb_m(elapsed_s, error_m + c.vertical_accuracy_m[slots])
    c.other_height_count[slots[~jumped]] = 0
    if not jumped.any():
        return np.asarray(~jumped)
    slots, at_ms, told_m, error_m = slots[jumped], at_ms[jumped], told_m[jumped], error_m[jumped]
    elapsed_s = (at_ms - c.other_height_ms[slots]) / 1000.0
    agrees = np.abs(told_m - c.other_height_m[slots]) <= climb_m(elapsed_s, 2.0 * error_m)
    agrees &= c.other_height_count[slots] > 0
    count = np.where(agrees, c.other_height_count[slots] + (at_ms > c.other_height_ms[slots]), 1)
    since_ms = np.where(count > 1, c.other_height_since_ms[slots], at_ms)
    moved = (count >= JUMP_REPORTS) & (at_ms - since_ms >= HEIGHT_JUMP_S * 1000.0)
    c.other_height_count[slots] = np.where(moved, 0, count)
    c.other_height_ms[slots], c.other_height_m[slots] = at_ms, told_m
    c.other_height_since_ms[slots] = since_ms
    c.since_ms[slots[moved]] = at_ms[moved]
    c.doubted_until_ms[slots[moved]] = at_ms[moved] + int(SUSPECT_MOVED_S * 1000.0)
    believed = np.asarray(~jumped)
    believed[jumped] = moved
    return believed


def _hold_motion(c: Columns, slots: Ints, frozen: Flags) -> None:
    """Put speed and track in place as told, or else derive them; what is frozen derives nothing new."""
    told_mps, told_deg = c.told_mps[slots], c.told_deg[slots]
    before_mps, before_deg = c.ground_speed_mps[slots], c.track_deg[slots]
    speed_mps = np.where(frozen & np.isnan(told_mps), before_mps, told_mps)
    track_deg = np.where(frozen & np.isnan(told_deg), before_deg, told_deg)
    lacking = ~frozen & (np.isnan(told_mps) | np.isnan(told_deg))
    if lacking.any():
        derived = derived_motion(c, slots[lacking])
        speed_mps[lacking] = np.where(
            np.isnan(told_mps[lacking]), derived.ground_speed_mps, told_mps[lacking]
        )
        track_deg[lacking] = np.where(np.isnan(told_deg[lacking]), derived.track_deg, told_deg[lacking])
    # What stands has no direction; it keeps the one that it had.
    still = np.isnan(track_deg) & (speed_mps <= STILL_SPEED_MAX_MPS)
    track_deg[still] = np.nan_to_num(before_deg[still])
    c.ground_speed_mps[slots], c.track_deg[slots] = speed_mps, track_deg
