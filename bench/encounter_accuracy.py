"""Whether encounters are right: against brute force, against geodesics of WGS84, and against DAIDALUS.

What must hold is checked, and the row says `measure.BROKEN` where it does not:

- No pair is missed and none is too many, against brute force over all pairs (`encounter_truth`), in both
  engines. Pairs within a millimetre of a minimum may go either way; they are counted.
- The least distance is within `ERROR_MAX_M` of that of geodesics.
- Alert levels of DAIDALUS's encounters are the same on its sphere. Losses, and alert levels on WGS84, are the
  same, or geodesics decide for us.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from bench import measure
from bench.encounter_scenes import EN_ROUTE, SCENES, Scene, columns_of
from bench.encounter_truth import (
    EXCUSED_M,
    Bools,
    Geodesics,
    Lateral,
    Limits,
    Outcome,
    compare,
    heights,
    least,
    losses,
    verdicts,
)
from bench.measure import Row
from bench.served import ROOT
from keepclear.core.encounters import Minima, find_encounters, judge_pairs
from keepclear.core.geodesy import Floats
from keepclear.core.index import Engine, numba_installed
from keepclear.core.motions import TrackArrays
from keepclear.core.packed import Ints
from keepclear.core.units import NAUTICAL_MILE_M
from keepclear.core.well_clear import DO_365B, Earth, alert_levels

SEEDS: Final = 100
SIZES: Final = (300, 700)
"""How few and how many tracks the pictures have."""
LATITUDES_DEG: Final = (0.0, 35.0, 50.0, 65.0, 80.0, 89.7)
ERROR_MAX_M: Final = {120.0: 3.0, 300.0: 10.0}
"""By how much a least distance may be off, for each look-ahead; others are told and not held to anything."""
LOOKAHEADS_S: Final = (120.0, 300.0, 600.0, 1_200.0)
ENCOUNTERS: Final = 2_000
"""So many are drawn for each latitude and look-ahead."""
LEVELS_SHARE_MIN: Final = 0.999
DAIDALUS: Final = ROOT / "tests" / "golden" / "daidalus_encounters.csv"

_SPEEDS_MPS: Final = (60.0, 290.0)
_SPREAD_M: Final = 10.0 * NAUTICAL_MILE_M
_STEP_S: Final = 0.02
_AHEAD_S: Final = 300.0


def bench_accuracy(rows: list[Row], *, seeds: int = SEEDS, quick: bool = False) -> None:
    """Check everything, and append the rows.

    Args:
        rows: Where the rows go.
        seeds: How many pictures of each kind there are.
        quick: One small picture of each kind, and few encounters.
    """
    for scene in SCENES:
        _exact(rows, scene, 1 if quick else seeds, (40, 60) if quick else SIZES)
    for lookahead_s in LOOKAHEADS_S:
        _errors(rows, lookahead_s, 50 if quick else ENCOUNTERS)
    _daidalus(rows, DAIDALUS)


# -- against brute force --------------------------------------------------------------------------


def _exact(rows: list[Row], scene: Scene, seeds: int, sizes: tuple[int, int]) -> None:
    engines = [Engine.PLAIN, Engine.LOOPS] if numba_installed() else [Engine.PLAIN]
    outcome = Outcome()
    for seed in range(seeds):
        n = sizes[0] + (sizes[1] - sizes[0]) * seed // max(1, seeds - 1)
        tracks = scene.draw(n, seed)
        right = verdicts(tracks, scene.minima)
        for engine in engines:
            found = find_encounters(tracks, scene.minima, engine=engine)
            outcome.add(compare(found, tracks, scene.minima, right))
    answer = f"{outcome.missed} missed, {outcome.extra} extra of {outcome.found:,}"
    if not outcome.holds:
        answer += f", {measure.BROKEN}"
    each = len(engines)
    note = (
        f"seeds 0 to {seeds - 1}, {' and '.join(engine.value for engine in engines)}; "
        f"{outcome.pairs // each:,} pairs, {outcome.excused // each} within {EXCUSED_M * 1e3:g} mm of a "
        f"minimum; {outcome.wrong} wrong times; least distances within {_length(outcome.cpa_error_m)}"
    )
    rows.append(Row(what=f"exact, {scene.name}", answer=answer, note=note))


# -- against geodesics ----------------------------------------------------------------------------


def _errors(rows: list[Row], lookahead_s: float, count: int) -> None:
    """Tell how far predicted least distances are from those of geodesics."""
    minima = Minima(lateral_m=_SPREAD_M, vertical_m=np.inf, lookahead_s=lookahead_s)
    a = np.arange(count)
    zero, b = np.zeros(count), a + count
    most, told_of = 0.0, []
    for latitude_deg in LATITUDES_DEG:
        tracks = crossing(latitude_deg, lookahead_s, count, seed=round(lookahead_s + 10.0 * latitude_deg))
        told = judge_pairs(tracks, a, b, minima)
        _, distance = least(_pairs_on(Geodesics(tracks), a, b), zero, zero + lookahead_s)
        error = np.abs(told.d_cpa_m - distance)
        most = max(most, float(error.max()))
        p95 = float(np.percentile(error, 95))
        told_of.append(f"{latitude_deg:g} deg {_length(p95)}, {_length(float(error.max()))}")
    goal = ERROR_MAX_M.get(lookahead_s)
    answer = f"off by {_length(most)} at most"
    if goal is not None and most > goal:
        answer += f", {measure.BROKEN}"
    held_to = "" if goal is None else f"goal <= {goal:g} m; "
    note = f"{held_to}{count:,} encounters each; p95 and greatest: {'; '.join(told_of)}"
    rows.append(Row(what=f"least distance within {lookahead_s:g} s", answer=answer, note=note))


def _pairs_on(paths: Geodesics, a: Ints, b: Ints) -> Lateral:
    return lambda t_s: paths.lateral_m(a, b, t_s)


def crossing(latitude_deg: float, lookahead_s: float, count: int, seed: int) -> TrackArrays:
    """Draw pairs of tracks that are near each other some time within a look-ahead, near a latitude.

    Where both are then is drawn first, and by geodesics it is found where they are now.

    Returns:
        `count` tracks, and then the other of each.
    """
    from pyproj import Geod

    rng, geod = np.random.default_rng(seed), Geod(ellps="WGS84")
    speed = rng.uniform(*_SPEEDS_MPS, 2 * count)
    back_m = speed * np.tile(rng.uniform(0.0, lookahead_s, count), 2)
    lng, lat = rng.uniform(-180.0, 180.0, count), np.full(count, latitude_deg)
    away_m, toward_deg = rng.uniform(0.0, _SPREAD_M, count), rng.uniform(0.0, 360.0, count)
    other_lng, other_lat, _ = geod.fwd(lng, lat, toward_deg, away_m)
    track_deg = rng.uniform(0.0, 360.0, 2 * count)
    # Backwards along a geodesic; what leads back to where it came from is the direction of motion.
    start_lng, start_lat, ahead_deg = geod.fwd(
        np.concatenate((lng, other_lng)), np.concatenate((lat, other_lat)), track_deg + 180.0, back_m
    )
    return TrackArrays(
        latitude_deg=start_lat,
        longitude_deg=start_lng,
        altitude_m=np.full(2 * count, 10_000.0),
        ground_speed_mps=speed,
        track_deg=np.remainder(ahead_deg, 360.0),
        vertical_rate_mps=np.zeros(2 * count),
    )


# -- against DAIDALUS -----------------------------------------------------------------------------


def _daidalus(rows: list[Row], path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    own, intruder = (_aircraft(lines, side) for side in ("own", "int"))
    columns = zip(columns_of(own).items(), columns_of(intruder).values(), strict=True)
    tracks = TrackArrays(**{name: np.concatenate((one, other)) for (name, one), other in columns})
    _cylinders(rows, tracks, lines)
    _levels(rows, own, intruder, tracks, _column(lines, "alert_level").astype(np.int64))


def _cylinders(rows: list[Row], tracks: TrackArrays, lines: Sequence[dict[str, str]]) -> None:
    """Compare losses of 5 NM and 1,000 ft; where they differ, geodesics decide."""
    count = len(lines)
    told = judge_pairs(tracks, np.arange(count), np.arange(count) + count, EN_ROUTE)
    ours, theirs = np.isfinite(told.t_in_s), _column(lines, "cyl_conflict") > 0.0
    differ = np.flatnonzero(ours != theirs)
    a, b = told.a[differ], told.b[differ]
    kept = Limits(np.full(len(a), EN_ROUTE.lateral_m), np.full(len(a), EN_ROUTE.vertical_m))
    lost = losses(Geodesics(tracks), a, b, heights(tracks, a, b), kept, EN_ROUTE.lookahead_s)
    both = ours & theirs
    off_s = np.abs(told.t_in_s[both] - _column(lines, "cyl_t_in_s")[both])
    note = (
        f"; they begin within {np.percentile(off_s, 95):.2f} s (p95) of theirs, {off_s.max():.1f} s at most"
    )
    rows.append(_agreed("5 NM, 1,000 ft, 300 s", ours == theirs, lost == ours[differ], note))


def _levels(
    rows: list[Row], own: TrackArrays, intruder: TrackArrays, tracks: TrackArrays, theirs: Ints
) -> None:
    """Compare alert levels: on DAIDALUS's sphere they must be equal; on WGS84 geodesics decide otherwise."""
    count = len(theirs)
    is_same = alert_levels(own, intruder).level == theirs
    answer = f"{int(is_same.sum()):,} of {count:,} the same"
    if is_same.mean() < LEVELS_SHARE_MIN:
        answer += f", {measure.BROKEN}"
    note = f"goal >= {LEVELS_SHARE_MIN:.1%}"
    rows.append(Row(what="DAIDALUS, alert levels of DO-365B", answer=answer, note=note))
    level = alert_levels(own, intruder, earth=Earth.WGS84).level
    differ = np.flatnonzero(level != theirs)
    right = geodesic_levels(tracks, differ, differ + count)
    rows.append(_agreed("the same, on WGS84", level == theirs, level[differ] == right))


def _agreed(what: str, is_same: Bools, for_us: Bools, note: str = "") -> Row:
    """Say how many are the same; of all others geodesics must say as we do."""
    answer = f"{int(is_same.sum()):,} of {len(is_same):,} the same"
    if not for_us.all():
        answer += f", {measure.BROKEN}"
    return Row(
        what=f"DAIDALUS, {what}",
        answer=answer,
        note=f"geodesics decide {int(for_us.sum())} of the other {len(for_us)} for us{note}",
    )


def geodesic_levels(tracks: TrackArrays, a: Ints, b: Ints) -> Ints:
    """Find the alert levels of DO-365B by following geodesics in small steps, and its text alone.

    A pair is not well clear at an instant if the vertical distance is at most ZTHR, and the lateral one, r,
    is at most DMOD; or it shrinks, will at last be at most HMD, and (DMOD^2 - r^2) / (r dr/dt) is at most
    the threshold of tau.
    """
    zero, longest_s = np.zeros(len(a)), max(rule.within_s for rule in DO_365B)
    lateral, above = _pairs_on(Geodesics(tracks), a, b), heights(tracks, a, b)
    _, miss_m = least(lateral, zero, zero + longest_s + _AHEAD_S)  # the same while they close in
    times_s = np.arange(0.0, longest_s + _STEP_S / 2.0, _STEP_S)
    level = np.zeros(len(a), dtype=np.int64)
    for k in range(len(a)):
        lateral = _pairs_on(Geodesics(tracks), np.full(len(times_s), a[k]), np.full(len(times_s), b[k]))
        r = lateral(times_s)
        slope = (lateral(times_s + _STEP_S) - lateral(times_s - _STEP_S)) / (2.0 * _STEP_S)
        height = np.abs(above.apart_m[k] + above.rate_mps[k] * times_s)
        for number, rule in enumerate(DO_365B, start=1):
            volume = rule.volume
            with np.errstate(divide="ignore", invalid="ignore"):
                tau = (volume.dmod_m**2 - r**2) / (r * slope)
            is_soon = (slope < 0.0) & (tau <= volume.tau_mod_s) & (miss_m[k] <= volume.hmd_m)
            is_lost = (height <= volume.zthr_m) & ((r <= volume.dmod_m) | is_soon)
            if is_lost[times_s <= rule.within_s].any():
                level[k] = number
    return level


def _aircraft(lines: Sequence[dict[str, str]], side: str) -> TrackArrays:
    return TrackArrays(
        latitude_deg=_column(lines, f"{side}_lat"),
        longitude_deg=_column(lines, f"{side}_lon"),
        altitude_m=_column(lines, f"{side}_alt_m"),
        ground_speed_mps=_column(lines, f"{side}_gs_ms"),
        track_deg=_column(lines, f"{side}_trk"),
        vertical_rate_mps=_column(lines, f"{side}_vs_ms"),
    )


def _column(lines: Sequence[dict[str, str]], name: str) -> Floats:
    return np.array([float(line[name]) for line in lines])


def _length(length_m: float) -> str:
    for unit, size_m in (("m", 1.0), ("cm", 1e-2), ("mm", 1e-3)):
        if length_m >= size_m:
            return f"{length_m / size_m:.3g} {unit}"
    return f"{length_m * 1e6:.3g} um"
