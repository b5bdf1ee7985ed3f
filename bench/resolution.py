"""How long the smallest change takes that clears an intent, in time, in altitude and in both."""

from __future__ import annotations

import itertools
from typing import Final

from bench import measure, traffic
from bench.measure import Row
from keepclear.core import free_shifts, shifts
from keepclear.core.index import Engine, VolumeIndex, numba_installed
from keepclear.core.packed import NO_MARGINS, PackedVolumes

INTENTS: Final = 400
SLOW_INTENTS: Final = 50
"""As many go to the engine that is not compiled."""


def bench_resolve(rows: list[Row], size: int = 100_000, *, quick: bool = False) -> None:
    """Measure resolution against volumes in 12 hours, which is crowded, and append the rows."""
    stored = traffic.generate(size, horizon_h=traffic.DENSE_HORIZON_H).packed()
    new = traffic.queries(count=SLOW_INTENTS if quick else 4 * INTENTS, horizon_h=traffic.DENSE_HORIZON_H)
    engines = [Engine.LOOPS, Engine.PLAIN] if numba_installed() else [Engine.PLAIN]
    for engine in engines:
        index = VolumeIndex(stored, engine)
        wanted = INTENTS if engine is Engine.LOOPS else SLOW_INTENTS
        conflicted = list(itertools.islice((query for query in new if len(index.search(query))), wanted))
        rows.append(_resolved(index, stored.volume_count, conflicted, engine))


def _resolved(index: VolumeIndex, count: int, queries: list[PackedVolumes], engine: Engine) -> Row:
    functions = index.shift_functions()

    def smallest(query: PackedVolumes) -> shifts.Shifts:
        limits = shifts.step_limits(query, shifts.DEFAULT_LIMITS)
        pairs = index.search(query, shifts.reach_of(limits, NO_MARGINS))
        in_reach = index.taken(pairs[:, 1])
        return shifts.smallest_shifts(query, pairs[:, 0], in_reach, NO_MARGINS, limits, functions)

    cleared = found = 0
    for query in queries:
        answer = smallest(query)
        for ms, steps in (
            (answer.time_ms, 0),
            (0, answer.altitude_steps),
            (answer.both_ms, answer.both_steps),
        ):
            if free_shifts.NONE not in (ms, steps):
                found += 1
                cleared += len(index.search(_shifted(query, ms, steps * shifts.ALTITUDE_STEP_M))) == 0
    times = measure.calls(smallest, queries, measure.WALL_RUNS)
    limits = shifts.DEFAULT_LIMITS
    note = f"{len(queries)} intents in conflict; up to {limits.time_s / 3600:g} h, {limits.altitude_m:g} m"
    changes = f"{found} changes, {'all' if cleared == found else cleared} clear"
    return measure.row_of(f"smallest shifts, {engine.value}", count, times, changes, note)


def _shifted(query: PackedVolumes, time_ms: int, altitude_m: float) -> PackedVolumes:
    return query._replace(
        start_ms=query.start_ms + time_ms,
        end_ms=query.end_ms + time_ms,
        lower_m=query.lower_m + altitude_m,
        upper_m=query.upper_m + altitude_m,
    )
