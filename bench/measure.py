"""How the benchmarks measure: what a figure is, how it is taken, and on what machine.

Kernels by the CPU time of the calling thread, the median of five runs. Wall time is what a user
waits, but on a shared machine it holds other people's work too: a percentile is the best of three runs.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import shapely

CPU_RUNS: Final = 5
WALL_RUNS: Final = 3
DIFFERENT: Final = "DIFFER"
"""Stands in an answer that differs where it must not."""
BROKEN: Final = "BROKEN"
"""Stands in an answer where something that must hold does not."""

_Argument = TypeVar("_Argument")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        what: What was measured.
        volumes: Of how many stored volumes, or None.
        p50_s: The median wall time, or the best of the runs where a run is one call, seconds.
        p95_s: The 95th percentile of the wall time, seconds.
        cpu_s: The CPU time of one call, seconds; of the whole process where it uses more threads.
        answer: What came out: a count, a size.
        note: A ratio, or why there is no figure.
    """

    what: str
    volumes: int | None = None
    p50_s: float | None = None
    p95_s: float | None = None
    cpu_s: float | None = None
    answer: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What a call takes, seconds; fields as in `Row`, without a percentile for one long call."""

    p50_s: float
    p95_s: float | None
    cpu_s: float


def calls(
    function: Callable[[_Argument], object], arguments: Sequence[_Argument], runs: int = CPU_RUNS
) -> Times:
    """Measure a function, called once for each argument, on the calling thread.

    Args:
        function: What is measured; it was called before, so that nothing is compiled now.
        arguments: At least one.
        runs: How often all arguments are gone through; the median of the CPU times counts.
    """
    cpu, p50, p95 = [], [], []
    for _ in range(runs):
        wall = []
        cpu_start = time.thread_time()
        for argument in arguments:
            start = time.perf_counter()
            function(argument)
            wall.append(time.perf_counter() - start)
        cpu.append((time.thread_time() - cpu_start) / len(arguments))
        p50.append(float(np.percentile(wall, 50)))
        p95.append(float(np.percentile(wall, 95)))
    return Times(p50_s=min(p50[:WALL_RUNS]), p95_s=min(p95[:WALL_RUNS]), cpu_s=statistics.median(cpu))


def whole(function: Callable[[], object], runs: int = WALL_RUNS) -> Times:
    """Measure one long call, on all threads: the best wall time and the median of the CPU times."""
    cpu, wall = [], []
    for _ in range(runs):
        start, cpu_start = time.perf_counter(), time.process_time()
        function()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - cpu_start)
    return Times(p50_s=min(wall), p95_s=None, cpu_s=statistics.median(cpu))


def machine() -> dict[str, str]:
    """Describe the machine and the versions that the figures hold for."""
    try:
        import numba

        numba_version = str(numba.__version__)
    except ImportError:
        numba_version = "not installed"
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": _cpu_model(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba_version,
        "shapely": str(shapely.__version__),
        "geos": str(shapely.geos_version_string),
    }


def load_average() -> str:
    """Return how many processes wanted to run in the last 1, 5 and 15 minutes."""
    return " ".join(f"{load:.2f}" for load in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"


def _cpu_model() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def table(rows: Sequence[Row]) -> str:
    """Write rows as a Markdown table."""
    head = ("what", "volumes", "p50", "p95", "CPU", "answer", "note")
    lines = [head] + [
        (
            row.what,
            "" if row.volumes is None else f"{row.volumes:,}",
            _duration(row.p50_s),
            _duration(row.p95_s),
            _duration(row.cpu_s),
            row.answer,
            row.note,
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    texts = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    return "\n".join([texts[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *texts[1:]])


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for unit, size_s in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size_s:
            return (
                f"{seconds / size_s:.3g} {unit}"
                if seconds < 1000 * size_s
                else f"{seconds / size_s:.0f} {unit}"
            )
    return f"{seconds * 1e6:.3g} us"


def ratio(ours: Times, theirs: Times) -> str:
    """Say how many times longer the other one takes."""
    cpu = f"{theirs.cpu_s / ours.cpu_s:.1f}x our CPU"
    if ours.p95_s is None or theirs.p95_s is None:
        return f"{theirs.p50_s / ours.p50_s:.1f}x our wall time, {cpu}"
    return f"{theirs.p50_s / ours.p50_s:.1f}x our p50, {theirs.p95_s / ours.p95_s:.1f}x our p95, {cpu}"


def row_of(what: str, volumes: int, times: Times, answer: str, note: str) -> Row:
    """Make a row of times."""
    return Row(
        what=what,
        volumes=volumes,
        p50_s=times.p50_s,
        p95_s=times.p95_s,
        cpu_s=times.cpu_s,
        answer=answer,
        note=note,
    )
