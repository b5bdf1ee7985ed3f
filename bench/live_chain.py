"""The whole watch, as a user runs it: thousands of tracks by TCP to `keepclear watch`, and alerts out of it.

One process is measured: `keepclear watch ndjson://... --format json`. This process is the source: aircraft
in lanes over Europe, clear of each other, each reported once a second at a time of its own. Every second some
pairs appear that are already too close; the time from sending the second report of a pair to reading its
alert is what is told. The CPU time is that of the process that watches, all of its threads.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from bench.encounters import MISSED
from bench.measure import BROKEN, DIFFERENT, Row
from keepclear.core.geodesy import geodesic_direct

TRACKS: Final = 10_000
"""So many aircraft fly."""
LASTING_S: Final = 60
"""So long they are watched, after they have all appeared."""
PLANTED_EACH_S: Final = 4
"""So many pairs appear each second that are too close."""
PAIR_LASTS_S: Final = 20
"""So long a planted pair is reported."""
MEMORY_WINDOWS: Final = 30
"""Of each such part of the time it is told how much memory the process held at most."""
STEADY_S: Final = 1_800
"""Memory is to be steady over so long."""
STEADY_PART: Final = 0.1
"""It is, if it never is greater by such a part than in the window after the first tenth of that."""

_TICKS: Final = 20
_LANE_DEG: Final = 0.12
_SPACING_M: Final = 24_000.0
_SPEED_MPS: Final = 230.0
_COMES_S: Final = 20.0
_PLANTED_AT: Final = (60.5, -30.0)
_PLANTED_STEP_DEG: Final = 0.25
_PLANTED_LNG_STEP_DEG: Final = 1.2
_CLOCK_TICKS: Final = os.sysconf("SC_CLK_TCK")
_ALLOWED_S: Final = 30.0
_SHORT_S: Final = 300


@dataclass(slots=True)
class Figures:
    """What came out of a run.

    Attributes:
        cpu_share: CPU time of the process for each second, of one core.
        latencies_s: From report to alert, for each planted pair that had an alert.
        planted_count: How many pairs were planted.
        false_count: Alerts of encounters that were not planted.
        memory_mb: How much memory the process held at most, in each window from a tenth of the time on.
        report_count: How many reports were sent.
        late_s: By how much this process was behind with sending at worst.
    """

    cpu_share: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    planted_count: int = 0
    false_count: int = 0
    memory_mb: list[float] = field(default_factory=list)
    report_count: int = 0
    late_s: float = 0.0


class Sky:
    """Aircraft in lanes along parallels, each lane at one level and in one direction.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        each = 100
        lane = np.arange(count) // each
        self.lat_deg = 38.0 + _LANE_DEG * (lane % 160)
        place = np.arange(count) % each
        self.start_m = place * _SPACING_M + (lane % 7) * 3_000.0
        self.track_deg = np.where(lane % 2 == 0, 90.0, 270.0)
        self.level_ft = 29_000 + 2_000 * (lane % 6) + 1_000 * (lane % 2)
        self.ids = [f"icao:{number:06x}" for number in range(count)]

    def lines(self, rows: slice, at_ms: int, flown_s: float) -> bytes:
        """Return the reports of some of them."""
        lat_deg = self.lat_deg[rows]
        way_m = _SPEED_MPS * flown_s
        along_m = self.start_m[rows] + np.where(self.track_deg[rows] == 90.0, way_m, -way_m)
        lng_deg = -12.0 + along_m / (111_320.0 * np.cos(np.radians(lat_deg)))
        return b"".join(
            b'{"id":"%s","at_ms":%d,"lat":%.6f,"lng":%.6f,"pressure_altitude_ft":%d,"ground_speed_mps":%.1f,'
            b'"track_deg":%.1f,"vertical_rate_mps":0.0,"horizontal_error_m":30.0}\n'
            % (name.encode(), at_ms, lat, (lng + 180.0) % 360.0 - 180.0, level, _SPEED_MPS, track)
            for name, lat, lng, level, track in zip(
                self.ids[rows],
                lat_deg.tolist(),
                lng_deg.tolist(),
                self.level_ft[rows].tolist(),
                self.track_deg[rows].tolist(),
                strict=True,
            )
        )


class _Watched:
    """The process that watches, and what it says."""

    def __init__(self, port: int) -> None:
        command = [sys.executable, "-c", "from keepclear.cli import run; run()", "watch"]
        self.process = subprocess.Popen(
            [*command, f"ndjson://127.0.0.1:{port}", "--format", "json", "--cycle", "0.5"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.opened_s: dict[tuple[str, str], float] = {}
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            now_s = time.monotonic()
            told = json.loads(line)
            if told["kind"] == "encounter" and told["change"] == "opened":
                self.opened_s.setdefault((told["a"], told["b"]), now_s)

    def cpu_s(self) -> float:
        """Return the CPU time that it used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS

    def memory_mb(self) -> float:
        """Return how much memory it held at most since this was asked last, in the middle of cycles too.

        Raises:
            OSError: This kernel cannot be asked.

        Source:
            proc(5): VmHWM, which "5" written to clear_refs begins anew.
        """
        about = Path(f"/proc/{self.process.pid}")
        lines = (about / "status").read_text().splitlines()
        (about / "clear_refs").write_text("5")
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024.0

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(timeout=_ALLOWED_S)
        self._thread.join(timeout=_ALLOWED_S)


def run_chain(*, tracks: int = TRACKS, lasting_s: int = LASTING_S) -> Figures:
    """Watch so many tracks for so long."""
    figures = Figures()
    sky = Sky(tracks)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        watched = _Watched(listener.getsockname()[1])
        try:
            listener.settimeout(_ALLOWED_S)
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(_ALLOWED_S)
                sent_s = _send(connection, sky, watched, figures, lasting_s)
        finally:
            watched.close()
    figures.planted_count = len(sent_s)
    for pair, at_s in sent_s.items():
        if pair in watched.opened_s:
            figures.latencies_s.append(watched.opened_s[pair] - at_s)
    figures.false_count = len(set(watched.opened_s) - set(sent_s))
    return figures


def _send(
    connection: socket.socket, sky: Sky, watched: _Watched, figures: Figures, lasting_s: int
) -> dict[tuple[str, str], float]:
    """Send reports, once a second for each aircraft; return when each planted pair was sent first."""
    sent_s: dict[tuple[str, str], float] = {}
    share = -(-len(sky.ids) // _TICKS)
    warm_s = 5
    window_s = max(1, lasting_s // MEMORY_WINDOWS)
    began_s = time.monotonic()
    planted = 0
    flying: list[tuple[int, float]] = []
    cpu_began = cpu_began_s = 0.0
    for tick in range((warm_s + lasting_s + 2) * _TICKS):
        due_s = began_s + tick / _TICKS
        time.sleep(max(0.0, due_s - time.monotonic()))
        figures.late_s = max(figures.late_s, time.monotonic() - due_s)
        second, part = divmod(tick, _TICKS)
        if tick == warm_s * _TICKS:
            cpu_began, cpu_began_s = watched.cpu_s(), time.monotonic()
        if part == 0 and warm_s <= second <= warm_s + lasting_s and (second - warm_s) % window_s == 0:
            held_mb = watched.memory_mb()
            if second - warm_s > lasting_s // 10:
                figures.memory_mb.append(held_mb)
        flown_s = time.monotonic() - began_s
        at_ms = int(time.time() * 1000.0)
        rows = slice(part * share, min((part + 1) * share, len(sky.ids)))
        data = sky.lines(rows, at_ms, flown_s)
        figures.report_count += rows.stop - rows.start
        each_s = PLANTED_EACH_S if lasting_s <= _SHORT_S else 1  # so that hours of alerts fit the book
        if warm_s <= second < warm_s + lasting_s and part % (_TICKS // each_s) == 3:
            flying.append((planted, due_s))
            planted += 1
        flying = [each for each in flying if due_s - each[1] < PAIR_LASTS_S]
        pairs = [number for number, since_s in flying if round((due_s - since_s) * _TICKS) % _TICKS == 0]
        data += b"".join(_pair(number, at_ms) for number in pairs)
        connection.sendall(data)
        now_s = time.monotonic()
        for number in pairs:
            sent_s.setdefault((f"name:p{number}a", f"name:p{number}b"), now_s)
        if tick == (warm_s + lasting_s) * _TICKS:
            figures.cpu_share = (watched.cpu_s() - cpu_began) / (now_s - cpu_began_s)
    deadline_s = time.monotonic() + _COMES_S
    while time.monotonic() < deadline_s and not sent_s.keys() <= watched.opened_s.keys():
        time.sleep(0.1)
    return sent_s


def _pair(number: int, at_ms: int) -> bytes:
    """Return two reports of two aircraft that hover too close to each other, far from all others."""
    lat_deg = _PLANTED_AT[0] + _PLANTED_STEP_DEG * (number % 60)
    lng_deg = _PLANTED_AT[1] + _PLANTED_LNG_STEP_DEG * (number // 60 % 90)
    other = geodesic_direct(lat_deg, lng_deg, 90.0, 5_000.0)
    return b"".join(
        b'{"id":"name:p%d%s","at_ms":%d,"lat":%.6f,"lng":%.6f,"pressure_altitude_ft":20000,'
        b'"ground_speed_mps":0.5,"track_deg":0.0,"vertical_rate_mps":0.0,"horizontal_error_m":30.0}\n'
        % (number, letter, at_ms, lat, lng)
        for letter, lat, lng in (
            (b"a", lat_deg, lng_deg),
            (b"b", float(other[0]), float(other[1])),
        )
    )


def bench_live(rows: list[Row], *, quick: bool = False, lasting_s: int | None = None) -> None:
    """Measure the live chain, and append the rows."""
    lasting_s = lasting_s or (10 if quick else LASTING_S)
    figures = run_chain(tracks=1_000 if quick else TRACKS, lasting_s=lasting_s)
    latencies = np.array(figures.latencies_s)
    missed = figures.planted_count - len(latencies)
    name = f"watch {1_000 if quick else TRACKS:,} tracks at 1 Hz by TCP for {lasting_s} s"
    load, memory_mb = os.getloadavg()[0], figures.memory_mb
    rows.append(
        Row(
            what=f"{name}: all of it",
            cpu_s=figures.cpu_share,
            answer=f"{100.0 * figures.cpu_share:.1f} % of a core",
            note=f"{figures.report_count:,} reports; sender at most {figures.late_s * 1e3:.0f} ms late;"
            f" load {load:.1f}",
        )
    )
    rows.append(
        Row(
            what=f"{name}: from report to alert",
            p50_s=float(np.median(latencies)) if len(latencies) else None,
            p95_s=float(np.quantile(latencies, 0.95)) if len(latencies) else None,
            answer=f"{len(latencies):,} alerts, {missed or 'none'} missed{f' {BROKEN}' if missed else ''}",
            note=f"p99 {float(np.quantile(latencies, 0.99)) if len(latencies) else float('nan'):.2f} s; "
            + (f"{figures.false_count} {DIFFERENT}" if figures.false_count else "no other alert"),
        )
    )
    rows.append(
        Row(
            what=f"{name}: memory",
            answer=f"at first {memory_mb[0]:.0f} MB, at the end {memory_mb[-1]:.0f} MB",
            note=f"never more than {max(memory_mb):.0f} MB"
            + (_steady(memory_mb) if lasting_s >= STEADY_S else ""),
        )
    )


def _steady(memory_mb: list[float]) -> str:
    is_steady = max(memory_mb) <= (1.0 + STEADY_PART) * memory_mb[0]
    return f"; goal: grows by {STEADY_PART:.0%} at most" + ("" if is_steady else f" {MISSED}")
