"""The command line as a user meets it: start-up, two small files, and a file of 100,000 volumes."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from bench import measure, traffic
from bench.measure import Row
from bench.traffic import Traffic
from keepclear.codec.f3548 import wire

FILE_VOLUMES: Final = 100_000

_START_RUNS: Final = 7
# What the kernel says of a process that was forked from a large one includes that one's memory, so
# the command tells its own at its end.
_START: Final = """
import pathlib, sys
status = pathlib.Path(sys.argv.pop(1))
from keepclear.cli import main
try:
    sys.exit(main())
finally:
    status.write_text(pathlib.Path("/proc/self/status").read_text())
"""


def f3548_json(made: Traffic, prefix: str = "item") -> bytes:
    """Write traffic as a file of F3548 JSON, circles as circles; the ids start with `prefix`."""
    times = {
        name: np.datetime_as_string(ms.astype("datetime64[ms]"))
        for name, ms in (("start", made.start_ms), ("end", made.end_ms))
    }
    first = made.first.tolist()
    entries: list[wire.Entry] = []
    for index, item in enumerate(made.item.tolist()):
        volume = wire.Volume4D(
            volume=_space(made, index, first[index], first[index + 1]),
            time_start=wire.Time(value=f"{times['start'][index]}Z", format="RFC3339"),
            time_end=wire.Time(value=f"{times['end'][index]}Z", format="RFC3339"),
        )
        if len(entries) <= item:
            kind = "constraint" if made.zone[index] else "operational_intent"
            entries.append(
                wire.Entry(id=f"{prefix}-{item}", volumes=[], party=f"party-{made.party[index]}", kind=kind)
            )
        entries[item].volumes.append(volume)
    return msgspec.json.encode(entries)


def _space(made: Traffic, index: int, start: int, stop: int) -> wire.Volume3D:
    space = wire.Volume3D(
        altitude_lower=wire.Altitude(value=float(made.lower_m[index]), reference="W84", units="M"),
        altitude_upper=wire.Altitude(value=float(made.upper_m[index]), reference="W84", units="M"),
    )
    lat, lng, radius_m = made.circle[index].tolist()
    if np.isnan(radius_m):
        corners = made.rings_deg[start:stop].tolist()
        space.outline_polygon = wire.Polygon(
            vertices=[wire.LatLngPoint(lat=lat, lng=lng) for lat, lng in corners]
        )
    else:
        radius = wire.Radius(value=radius_m, units="M")
        space.outline_circle = wire.Circle(center=wire.LatLngPoint(lat=lat, lng=lng), radius=radius)
    return space


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    wall_s: float
    cpu_s: float
    memory_mib: float
    code: int
    output: str


def _run(*arguments: str) -> _Run:
    """Run the command once, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-command-") as folder:
        status, output = Path(folder) / "status", Path(folder) / "output"
        with output.open("wb") as out:
            start = time.perf_counter()
            command = [sys.executable, "-c", _START, str(status), *arguments]
            process = subprocess.Popen(command, stdout=out, stderr=out)
            _, code, usage = os.wait4(process.pid, 0)
            wall_s = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(code)  # it has been waited for
        peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8") if status.exists() else "")
        return _Run(
            wall_s=wall_s,
            cpu_s=usage.ru_utime + usage.ru_stime,
            memory_mib=int(peak[1]) / 1024 if peak else 0.0,
            code=process.returncode,
            output=output.read_text(encoding="utf-8", errors="replace"),
        )


def _row(what: str, runs: list[_Run], *, volumes: int | None = None, note: str = "") -> Row:
    last = runs[-1]
    if last.code not in (0, 1):
        said = (last.output.strip().splitlines() or [""])[-1]
        return Row(what=what, volumes=volumes, note=f"failed with {last.code}: {said}")
    return Row(
        what=what,
        volumes=volumes,
        p50_s=min(run.wall_s for run in runs),
        cpu_s=statistics.median(run.cpu_s for run in runs),
        answer=f"exit {last.code}, at most {max(run.memory_mib for run in runs):.0f} MiB",
        note=note,
    )


def bench_command(rows: list[Row], *, quick: bool) -> None:
    """Measure the command, a new process each time, and append the rows."""
    runs = 3 if quick else _START_RUNS
    _run("--help")  # modules are compiled now, if ever
    rows.append(_row("keepclear --help", [_run("--help") for _ in range(runs)]))
    with tempfile.TemporaryDirectory(prefix="bench-command-") as name:
        folder = Path(name)
        small = [_small_file(folder / f"small-{seed}.json", seed) for seed in (1, 2)]
        checks = [_run("check", *small) for _ in range(runs)]
        rows.append(_row("keepclear check, two small files", checks, note="two items each"))
        made = traffic.generate(10_000 if quick else FILE_VOLUMES)
        path = folder / "large.json"
        path.write_bytes(f3548_json(made))
        size = f"a file of {path.stat().st_size / 1e6:.0f} MB"
        checks = [_run("check", "--format", "json", str(path)) for _ in range(measure.WALL_RUNS)]
        rows.append(_row("keepclear check, a large file", checks, volumes=made.volume_count, note=size))


def _small_file(path: Path, seed: int) -> str:
    """Write two items; whether they meet those of another file does not matter here."""
    entries = msgspec.json.decode(f3548_json(traffic.generate(10_000, seed), f"seed-{seed}"))
    path.write_bytes(msgspec.json.encode(entries[:2]))
    return str(path)
