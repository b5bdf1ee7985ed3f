"""What the reports of an incident show: how far two aircraft were apart, and who was where.

Everything is computed from the reports alone, at each report and each whole second, so that whoever doubts
a claim can compute it again. What is not known is said, and is never taken for order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from keepclear.core.approach import TOUCH_TOLERANCE_M
from keepclear.core.flown import Flown, flown, in_order
from keepclear.core.geodesy import RADIUS_MIN_M, Floats, LatLng, geodesic_inverse, unit_vectors
from keepclear.core.incident_findings import (
    AircraftFinding,
    Closest,
    IncidentFindings,
    LevelFinding,
    Separation,
    runs,
    spans_of,
    standing_of,
)
from keepclear.core.incident_places import place_findings
from keepclear.core.incidents import Incident, ObservedAircraft
from keepclear.core.packed import Ints
from keepclear.core.reports import Flags
from keepclear.core.rules import Level, Rule
from keepclear.core.track_picture import MIXED_DATUM_ERROR_M, MIXED_DATUM_ERROR_RATIO

SAMPLE_MS: Final = 1_000
"""Judged is each whole second, and each report."""
SAME_WITHIN_M: Final = 0.01
"""Of instants at which two are equally close within this, the first is told: every machine tells the same."""
IMPOSSIBLE_MPS: Final = 1_000.0
"""Two positions between which something would have to be faster than this contradict each other."""
_FAR_RAD: Final = 1.5
_MEAN_RADIUS_M: Final = 6_371_008.8


def judge_incident(incident: Incident) -> IncidentFindings:
    """Compute what the reports of an incident show.

    Args:
        incident: The incident. Of it only the window, the reports, the rule and what is declared count.
    """
    at_ms = sampled_ms(incident)
    paths = [flown(each.sources, at_ms, incident.degraded_s) for each in incident.aircraft]
    seen = tuple(
        _aircraft(incident, each, path, at_ms) for each, path in zip(incident.aircraft, paths, strict=True)
    )
    separation = closest = worst = None
    levels: tuple[LevelFinding, ...] = ()
    if len(paths) == 2:
        separation = _separation(paths[0], paths[1], at_ms)
        closest = _closest(separation, separation.lateral_m, paths, SAME_WITHIN_M)
        if isinstance(incident.rule, Rule):
            is_reported = paths[0].is_reported & paths[1].is_reported
            levels = tuple(
                _level(level, incident.rule, separation, is_reported) for level in incident.rule.levels
            )
            share = _share(separation, levels[-1])
            worst = _closest(separation, share, paths, SAME_WITHIN_M / levels[-1].lateral_m)
    places = tuple(
        finding
        for each, path in zip(incident.aircraft, paths, strict=True)
        for finding in place_findings(incident, each, path, at_ms)
    )
    return IncidentFindings(
        aircraft=seen,
        separation=separation,
        closest=closest,
        worst=worst,
        levels=levels,
        places=places,
        not_known=tuple(_not_known(incident, seen, separation)),
    )


def sampled_ms(incident: Incident) -> Ints:
    """Return the instants that are judged: both ends, each whole second, and each report within."""
    first, last = incident.from_ms, incident.to_ms
    seconds = np.arange(-(-first // SAMPLE_MS) * SAMPLE_MS, last + 1, SAMPLE_MS, dtype=np.int64)
    reports = [reports.at_ms for each in incident.aircraft for reports in each.sources]
    every = np.concatenate([np.array([first, last], dtype=np.int64), seconds, *reports])
    return np.unique(every[(every >= first) & (every <= last)])


# -- what is known of an aircraft -------------------------------------------------------------------


def _aircraft(incident: Incident, each: ObservedAircraft, path: Flown, at_ms: Ints) -> AircraftFinding:
    within = [
        (reports, (reports.at_ms >= incident.from_ms) & (reports.at_ms <= incident.to_ms))
        for reports in each.sources
    ]
    times = np.sort(np.concatenate([reports.at_ms[rows] for reports, rows in within] or [at_ms[:0]]))
    ends = np.concatenate([[incident.from_ms], times, [incident.to_ms]])
    delays = [
        float((reports.received_ms[rows] - reports.at_ms[rows]).max())
        for reports, rows in within
        if rows.any()
    ]
    unknown_s = sum(span.duration_s for span in runs(~path.is_known, at_ms))
    return AircraftFinding(
        aircraft=each.id,
        report_counts=tuple((reports.source, int(rows.sum())) for reports, rows in within),
        first_ms=int(times[0]) if len(times) else None,
        last_ms=int(times[-1]) if len(times) else None,
        gap_s=float(np.diff(ends).max()) / 1_000.0,
        unknown_s=unknown_s,
        delay_s=max(delays, default=0.0) / 1_000.0,
    )


# -- how far apart ----------------------------------------------------------------------------------


def _separation(a: Flown, b: Flown, at_ms: Ints) -> Separation:
    known = a.is_known & b.is_known
    lateral = np.full(len(at_ms), math.nan)
    if known.any():
        lateral[known] = distances_m(a, b, known)
    vertical, vertical_error = _vertical(a, b)
    return Separation(
        at_ms=at_ms,
        lateral_m=lateral,
        lateral_error_m=np.where(known, a.error_m + b.error_m, math.inf),
        vertical_m=vertical,
        vertical_error_m=vertical_error,
    )


def distances_m(a: Flown, b: Flown, rows: Flags) -> Floats:
    """Return how far apart two positions are at some instants, metres; both must be known at them."""
    apart_rad = np.arccos(np.clip((a.vector[rows] * b.vector[rows]).sum(axis=1), -1.0, 1.0))
    result = apart_rad * _MEAN_RADIUS_M  # as good as is needed from where the series may not converge
    near = apart_rad < _FAR_RAD
    one, other = a.positions_deg()[rows][near], b.positions_deg()[rows][near]
    result[near] = geodesic_inverse(*one.T, *other.T)[0]
    return np.asarray(result)


def _vertical(a: Flown, b: Flown) -> tuple[Floats, Floats]:
    """Compare altitudes of one datum where both have one; else of both, with what lies between them."""
    n = len(a.error_m)
    vertical, error = np.full(n, math.nan), np.full(n, math.inf)
    mixed = ((a.pressure, b.ellipsoid), (a.ellipsoid, b.pressure))
    for one, other, is_mixed in (
        *((one, other, True) for one, other in mixed),
        (a.ellipsoid, b.ellipsoid, False),
        (a.pressure, b.pressure, False),
    ):
        apart, off = np.abs(one.altitude_m - other.altitude_m), one.error_m + other.error_m
        if is_mixed:
            highest = np.fmax(np.abs(one.altitude_m), np.abs(other.altitude_m))
            off = off + MIXED_DATUM_ERROR_M + MIXED_DATUM_ERROR_RATIO * highest
        rows = ~np.isnan(apart)
        vertical[rows], error[rows] = apart[rows], off[rows]
    return vertical, error


def _share(separation: Separation, level: LevelFinding) -> Floats:
    """Return how much of the minima of a level was left, by the dimension in which more was, shape (k,)."""
    lateral = separation.lateral_m / level.lateral_m
    if math.isinf(level.vertical_m):
        return lateral
    return np.maximum(lateral, separation.vertical_m / level.vertical_m)


def _closest(
    separation: Separation, measure: Floats, paths: list[Flown], same_within: float
) -> Closest | None:
    """Return when a measure is least: the first instant that is not more by what no rounding makes."""
    if np.isnan(measure).all():
        return None
    row = int(np.flatnonzero(measure <= np.nanmin(measure) + same_within)[0])
    one, other = (LatLng(*path.positions_deg()[row].tolist()) for path in paths)
    return Closest(
        at_ms=int(separation.at_ms[row]),
        lateral_m=float(separation.lateral_m[row]),
        lateral_error_m=float(separation.lateral_error_m[row]),
        vertical_m=float(separation.vertical_m[row]),
        vertical_error_m=float(separation.vertical_error_m[row]),
        positions=(one, other),
    )


def _level(level: Level, rule: Rule, separation: Separation, is_reported: Flags) -> LevelFinding:
    """Judge one level. What is after the last report of either, nobody told: it is possible at most."""
    lateral_m, vertical_m = (
        level.lateral_m - rule.lateral_tolerance_m,
        level.vertical_m - rule.vertical_tolerance_m,
    )
    wide, deep = lateral_m - TOUCH_TOLERANCE_M, vertical_m - TOUCH_TOLERANCE_M
    lateral, vertical = separation.lateral_m, separation.vertical_m
    off, high = separation.lateral_error_m, separation.vertical_error_m
    is_flat = math.isinf(vertical_m)
    reported = is_reported & (lateral < wide) & ((vertical < deep) | is_flat)
    certain = is_reported & (lateral + off < wide) & ((vertical + high < deep) | is_flat)
    excluded = (lateral - off >= wide) | (vertical - high >= deep)  # with NaN neither is told
    spans = spans_of(certain, reported, ~excluded, separation.at_ms)
    return LevelFinding(
        level=level.name,
        lateral_m=lateral_m,
        vertical_m=vertical_m,
        lasting_s=level.lasting_s,
        spans=spans,
        standing=standing_of(certain, reported, ~excluded, separation.at_ms, level.lasting_s),
    )


# -- what is not known ------------------------------------------------------------------------------


def _not_known(
    incident: Incident, seen: tuple[AircraftFinding, ...], separation: Separation | None
) -> Iterator[str]:
    total_s = (incident.to_ms - incident.from_ms) / 1_000.0
    for each, found in zip(incident.aircraft, seen, strict=True):
        if found.first_ms is None:
            yield f"There is no report of {each.id!r} within the time of the incident."
        elif found.unknown_s > 0.0:
            yield f"Where {each.id!r} was is not known for {found.unknown_s:,.0f} s of {total_s:,.0f} s."
        yield from _of_reports(each)
        if not each.flew:
            yield f"Which operation {each.id!r} flew is not known: no excursion can be found."
    for version in incident.declared:
        if version.remark is not None:
            yield f"{version.ref.party}:{version.ref.id} version {version.ref.version}: {version.remark}."
    if separation is not None:
        known = ~np.isnan(separation.lateral_m)
        unheard = known & np.isnan(separation.vertical_m)
        if unheard.any():
            share = unheard.sum() / known.sum()
            yield f"How far apart they were vertically is not known at {share:.0%} of the instants."
        if not isinstance(incident.rule, Rule):
            what = (
                "no rule"
                if incident.rule is None
                else f"the rule {incident.rule.name!r}, which has no minima,"
            )
            yield f"Between the two {what} applies: only the distances are computed."
    yield from incident.gaps


def _of_reports(each: ObservedAircraft) -> Iterator[str]:
    untold = {"horizontal_error_m": "position", "vertical_error_m": "altitude"}
    for field, what in untold.items():
        count = sum(int(np.isnan(getattr(reports, field)).sum()) for reports in each.sources)
        if count:
            yield (
                f"{count:,} of {each.report_count:,} reports of {each.id!r} do not tell how exact the {what}"
                " is; the usual error is assumed."
            )
    for reports in each.sources:
        rows = in_order(reports)
        vectors = unit_vectors(reports.latitude_deg[rows], reports.longitude_deg[rows])
        # A chord is shorter than the way, so only what surely contradicts is counted.
        flew_m = np.linalg.norm(np.diff(vectors, axis=0), axis=1) * RADIUS_MIN_M
        reach_m = IMPOSSIBLE_MPS * (np.diff(reports.at_ms[rows]) / 1_000.0 + 1.0)
        impossible = int((flew_m > reach_m).sum())
        if impossible:
            yield (
                f"{impossible:,} positions of {each.id!r} told by {reports.source!r} are out of reach of"
                " the ones before them; they may be false."
            )
