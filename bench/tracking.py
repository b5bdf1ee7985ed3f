"""How long the track table takes for reports and for pictures, and whether its memory stays as it is.

Aircraft over Europe fly straight on and report once a second, all of them. `take` puts a second of reports
of one source in; `picture` gives all aircraft. It is the CPU time of the calling thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from bench import encounter_scenes, measure
from bench.measure import Row, Times
from keepclear.core.kinds import TrackKind
from keepclear.core.motions import TrackArrays
from keepclear.core.packed import Ints
from keepclear.core.reports import Reports
from keepclear.core.track_picture import TrackPicture
from keepclear.core.track_table import TrackTable
from keepclear.core.units import FOOT_M

MISSED: Final = "MISSED"
"""Stands with a goal that was not reached."""

_NOON_MS: Final = 1_777_636_800_000
_WARM_S: Final = 30
_SECONDS: Final = 12
_CHURN_S: Final = 10
_METRES_PER_DEGREE: Final = 111_195.0
_TAKE_GOAL_S: Final = 30e-3
_PICTURE_GOAL_S: Final = 25e-3
_MEMORY_MB: Final = 20.0


class Traffic:
    """What sources tell of straight flights, second after second.

    Args:
        tracks: Where they are at first.
        kind: What kind of ids they have.
    """

    def __init__(self, tracks: TrackArrays, kind: str = "icao") -> None:
        n = len(tracks)
        self._tracks = tracks
        self._ids = tuple(f"{kind}:{k:06x}" for k in range(n))
        self._callsigns: tuple[str | None, ...] = tuple(f"KC{k}" for k in range(n))
        self._north_mps = tracks.ground_speed_mps * np.cos(np.radians(tracks.track_deg))
        self._east_mps = tracks.ground_speed_mps * np.sin(np.radians(tracks.track_deg))

    def second(self, source: str, at_s: int, rows: Ints | None = None) -> Reports:
        """Return what a source reports of all, or of some, at a second."""
        tracks = self._tracks
        rows = np.arange(len(tracks)) if rows is None else rows
        n = len(rows)
        untold, nothing = np.full(n, np.nan), (None,) * n
        latitude_deg = tracks.latitude_deg + self._north_mps * at_s / _METRES_PER_DEGREE
        per_degree_m = _METRES_PER_DEGREE * np.cos(np.radians(tracks.latitude_deg))
        longitude_deg = tracks.longitude_deg + self._east_mps * at_s / per_degree_m
        altitude_m = tracks.altitude_m + tracks.vertical_rate_mps * at_s
        return Reports(
            source=source,
            received_ms=np.full(n, _NOON_MS + 1_000 * at_s + 200),
            ids=tuple(self._ids[row] for row in rows.tolist()),
            at_ms=np.full(n, _NOON_MS + 1_000 * at_s),
            latitude_deg=latitude_deg[rows],
            longitude_deg=longitude_deg[rows],
            altitude_m=untold,
            pressure_altitude_ft=np.round(altitude_m[rows] / FOOT_M / 25.0) * 25.0,
            ground_speed_mps=tracks.ground_speed_mps[rows],
            track_deg=tracks.track_deg[rows] % 360.0,
            vertical_rate_mps=tracks.vertical_rate_mps[rows],
            horizontal_error_m=untold,
            vertical_error_m=untold,
            selected_altitude_ft=untold,
            on_ground=np.zeros(n, dtype=np.bool_),
            kinds=(TrackKind.AEROPLANE,) * n,
            callsigns=tuple(self._callsigns[row] for row in rows.tolist()),
            squawks=nothing,
            parties=nothing,
            operations=nothing,
        )


def bench_tracking(rows: list[Row], *, quick: bool = False) -> None:
    """Measure tables of two sizes and of two sources, and append the rows.

    Args:
        rows: Where the rows go.
        quick: Small tables.
    """
    for n in (500,) if quick else (10_000, 20_000):
        _one_source(rows, n, goals=n == 10_000)
    n = 250 if quick else 5_000
    _two_sources(rows, n, "icao", "under one id", goals=not quick)
    _two_sources(rows, n, "track", "under two ids that move alike", goals=not quick)
    _churn(rows, 200 if quick else 10_000, 300 if quick else 1_800)


def _warm(table: TrackTable, feeds: Sequence[tuple[str, Traffic]]) -> None:
    """Fill a table, so that all of the history that slopes need is there."""
    for at_s in range(_WARM_S):
        for source, traffic in feeds:
            table.take(traffic.second(source, at_s))
        table.picture(_NOON_MS + 1_000 * at_s + 500)


def _one_source(rows: list[Row], n: int, *, goals: bool) -> None:
    table, traffic = TrackTable(), Traffic(encounter_scenes.europe(n))
    _warm(table, [("readsb", traffic)])
    count = _SECONDS * measure.CPU_RUNS
    coming = iter([traffic.second("readsb", at_s) for at_s in range(_WARM_S, _WARM_S + count)])
    # Each is taken once: the second time it would be a duplicate.
    times = measure.calls(lambda _: table.take(next(coming)), [None] * _SECONDS)
    goal_s = _TAKE_GOAL_S if goals else None
    rows.append(_row(f"take {n:,} reports", times, f"{len(table):,} tracks", goal_s))
    times, picture = _pictures(table, _WARM_S + count)
    answer = f"{len(picture):,} aircraft, {int(np.isnan(picture.vertical_slope_mps).sum())} without a slope"
    rows.append(_row(f"picture of {n:,} tracks", times, answer, _PICTURE_GOAL_S if goals else None))


def _two_sources(rows: list[Row], n: int, kind: str, said: str, *, goals: bool) -> None:
    scene = encounter_scenes.europe(n)
    table = TrackTable()
    _warm(table, [("adsb", Traffic(scene)), ("radar", Traffic(scene, kind))])
    times, picture = _pictures(table, _WARM_S)
    both = sum(len(sources) == 2 for sources in picture.sources)
    answer = f"{len(picture):,} aircraft, {both:,} of two sources"
    what = f"picture of 2 x {n:,} tracks {said}"
    rows.append(_row(what, times, answer, _PICTURE_GOAL_S if goals else None))


def _pictures(table: TrackTable, at_s: int) -> tuple[Times, TrackPicture]:
    at_ms = _NOON_MS + 1_000 * at_s
    picture = table.picture(at_ms)
    return measure.calls(lambda later: table.picture(at_ms + later), list(range(_SECONDS))), picture


def _churn(rows: list[Row], n: int, seconds: int) -> None:
    """Let aircraft come and go: each is heard for ten minutes, and forgotten ten minutes later."""
    table, reports = TrackTable(), Traffic(encounter_scenes.europe(n)).second("readsb", 0)
    before_mb, left = 0.0, 0
    for at_s in range(0, 2 * seconds, _CHURN_S):
        first = at_s // _CHURN_S * (n // 60)
        table.take(_stamped(reports, tuple(f"icao:{first + k:06x}" for k in range(n)), at_s))
        table.picture(_NOON_MS + 1_000 * at_s)
        left += len(table.forgotten(_NOON_MS + 1_000 * at_s))
        if at_s == seconds:
            before_mb = _resident_mb()
    grown_mb, minutes = _resident_mb() - before_mb, seconds // 60
    rows.append(
        Row(
            what=f"tracks that come and go, {n:,} heard at once, {minutes} min after {minutes}",
            answer=f"{left:,} left, {len(table):,} held, grows by {grown_mb:.1f} MB",
            note=f"goal <= {_MEMORY_MB:.0f} MB" + ("" if grown_mb <= _MEMORY_MB else f" {MISSED}"),
        )
    )


def _stamped(reports: Reports, ids: tuple[str, ...], at_s: int) -> Reports:
    """Return reports under other ids and at another instant."""
    columns = {name: getattr(reports, name) for name in Reports.__slots__}
    shift_ms = 1_000 * at_s
    return Reports(
        **columns
        | {"ids": ids, "at_ms": reports.at_ms + shift_ms, "received_ms": reports.received_ms + shift_ms}
    )


def _resident_mb() -> float:
    path = Path("/proc/self/status")
    if not path.exists():
        return 0.0
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024.0 / 1e6


def _row(what: str, times: Times, answer: str, goal_s: float | None) -> Row:
    note = ""
    if goal_s is not None:
        note = f"goal <= {goal_s * 1e3:g} ms" + ("" if times.cpu_s <= goal_s else f" {MISSED}")
    return Row(what=what, p50_s=times.p50_s, p95_s=times.p95_s, cpu_s=times.cpu_s, answer=answer, note=note)
