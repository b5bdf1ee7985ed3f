"""The console with many moving tracks: what a frame costs, how soon the first picture is there.

The node is a process of its own (`python -m bench.console DATABASE`) whose clock runs in real time and
that gives every track a new position each second. The browser is Chromium without a graphics card.
What scripts take in a frame is read from Chromium's own trace: the time that the main thread of the
page spends in scripts from the beginning of one frame to the beginning of the next.
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from bench.measure import Row
from keepclear.adapters import clock
from keepclear.adapters.http.app import Parts, RunningNode
from keepclear.adapters.http.server import listening, serve
from keepclear.adapters.settings import NodeSettings, ServerSettings, Settings
from keepclear.adapters.store.access import Access
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.sqlite import SqliteStore
from keepclear.core.altitudes import AltitudeBand
from keepclear.core.geodesy import Floats, LatLng, geodesic_direct
from keepclear.core.intents import IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report, gather
from keepclear.core.shapes import CorridorLeg
from keepclear.core.times import TimeWindow, floor_ms
from keepclear.core.volumes import Volume3D, Volume4D
from keepclear.node.access import Role
from keepclear.node.policy import ConflictPolicy
from keepclear.node.ports import Actor
from keepclear.node.workbench import Change

TRACKS: Final = 2_000
OPERATIONS: Final = 300
LEGS: Final = 20
WINDOW: Final = (1440, 900)
LONG_TASK_S: Final = 0.1
"""A person feels that the page hangs."""

_ROOT: Final = Path(__file__).resolve().parents[1]
_PARTIES: Final = ("bench", "north", "south")
_CENTRE: Final = LatLng(46.8, 8.2)
_REACH_DEG: Final = 1.2
_SEED: Final = 21
_LEG_M: Final = 4_000.0
_LEG_S: Final = 120.0
_SPEED_MPS: Final = 120.0
_LOADS: Final = 3
_WATCHED_S: Final = 10.0
_WATCHED_QUICK_S: Final = 2.0
_READY_S: Final = 60.0
_PAN_PX: Final = 150.0
_SCRIPT_EVENTS: Final = frozenset(
    {"FunctionCall", "EvaluateScript", "v8.evaluateModule", "RunMicrotasks", "EventDispatch", "TimerFire"}
    | {"FireAnimationFrame", "v8.callFunction", "MajorGC", "MinorGC"}
)
_FRAME_EVENT: Final = "FireAnimationFrame"
_FRAME_GAP_US: Final = 4_000.0
"""Callbacks of one frame follow each other sooner; frames come every 16.7 ms at most."""
# Tells when all items are on the map, counts frames, and keeps long tasks.
_WITNESS: Final = """
window.witness = { frames: 0, pictureMs: null, tasks: [] };
const fills = new Set();
const fill = CanvasRenderingContext2D.prototype.fill;
CanvasRenderingContext2D.prototype.fill = function (...rest) {
  if (this.canvas.className === "map-canvas") fills.add(this.canvas);
  return fill.apply(this, rest);
};
let isLoaded = false;
const look = () => {
  window.witness.frames += 1;
  if (window.witness.pictureMs === null) {
    if (isLoaded && fills.size > 0) window.witness.pictureMs = performance.now();
    const count = document.querySelector("[data-testid=tab-items] .count")?.textContent;
    if (!isLoaded && Number(count) >= ITEMS) { isLoaded = true; fills.clear(); }
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) window.witness.tasks.push([startTime, duration]);
}).observe({ type: "longtask", buffered: true });
""".replace("ITEMS", str(OPERATIONS))


# -- the node ---------------------------------------------------------------------------------------


class Movers(NamedTuple):
    """Tracks that go to and fro on straight lines, as arrays of n.

    Attributes:
        lat_deg: Where they are in the middle.
        lng_deg: The same.
        track_deg: Where to.
        phase_s: When they are there.
        height_m: How high.
    """

    lat_deg: Floats
    lng_deg: Floats
    track_deg: Floats
    phase_s: Floats
    height_m: Floats

    def at(self, instant: datetime) -> list[Report]:
        """Return where they are."""
        seconds = (instant.timestamp() + self.phase_s) % 600.0 - 300.0
        azimuth = np.radians(self.track_deg)
        lat = self.lat_deg + seconds * _SPEED_MPS * np.cos(azimuth) / 111_200.0
        lng = self.lng_deg + seconds * _SPEED_MPS * np.sin(azimuth) / (111_200.0 * np.cos(np.radians(lat)))
        rows = zip(lat.tolist(), lng.tolist(), self.track_deg.tolist(), self.height_m.tolist(), strict=True)
        return [
            Report(
                id=f"track-{number}",
                at_ms=floor_ms(instant),
                latitude_deg=row_lat,
                longitude_deg=row_lng,
                altitude_m=height_m,
                ground_speed_mps=_SPEED_MPS,
                track_deg=track_deg,
                party=_PARTIES[number % len(_PARTIES)],
                kind=TrackKind.AEROPLANE,
            )
            for number, (row_lat, row_lng, track_deg, height_m) in enumerate(rows)
        ]


def movers(count: int) -> Movers:
    """Return so many tracks, always the same."""
    rng = np.random.default_rng(_SEED)
    return Movers(
        lat_deg=_CENTRE.lat_deg + rng.uniform(-_REACH_DEG, _REACH_DEG, count),
        lng_deg=_CENTRE.lng_deg + rng.uniform(-_REACH_DEG, _REACH_DEG, count) * 1.5,
        track_deg=rng.uniform(0.0, 359.9, count),
        phase_s=rng.uniform(0.0, 600.0, count),
        height_m=rng.uniform(500.0, 11_000.0, count),
    )


def operations(now: datetime, count: int, legs: int) -> list[OperationalIntent]:
    """Return so many operations round an instant, each of so many legs one after the other."""
    rng = np.random.default_rng(_SEED + 1)
    made = []
    for number in range(count):
        lat = _CENTRE.lat_deg + rng.uniform(-_REACH_DEG, _REACH_DEG)
        lng = _CENTRE.lng_deg + rng.uniform(-_REACH_DEG, _REACH_DEG) * 1.5
        azimuth, height_m = rng.uniform(0.0, 360.0), rng.uniform(300.0, 11_000.0)
        start = now + timedelta(seconds=round(rng.uniform(-0.9, 0.5) * legs * _LEG_S))
        volumes = []
        for leg in range(legs):
            end_lat, end_lng = (float(each) for each in geodesic_direct(lat, lng, azimuth, _LEG_M))
            outline = CorridorLeg(start=LatLng(lat, lng), end=LatLng(end_lat, end_lng), half_width_m=500.0)
            altitude = AltitudeBand(lower_m=height_m - 50.0, upper_m=height_m + 50.0)
            begin = start + timedelta(seconds=leg * _LEG_S)
            time_window = TimeWindow(start=begin, end=begin + timedelta(seconds=_LEG_S))
            volumes.append(Volume4D(volume=Volume3D(outline=outline, altitude=altitude), time=time_window))
            lat, lng, azimuth = end_lat, end_lng, azimuth + rng.uniform(-15.0, 15.0)
        made.append(
            OperationalIntent(
                id=ItemId(f"operation-{number}"),
                volumes=tuple(volumes),
                party=PartyId(_PARTIES[number % len(_PARTIES)]),
                state=IntentState.ACCEPTED,
            )
        )
    return made


def serve_node(database: Path) -> None:
    """Serve a node with the traffic; its port is the first line of the output, once it is all declared."""
    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        node = NodeSettings(party="bench", name="bench", conflicts=ConflictPolicy.RECORD, database=database)
        store = SqliteStore(database, create=True)
        access = Access(database, clock.now)
        guest, _ = access.issue(Actor(party=PartyId("bench"), person="guest"), Role.DUTY_OFFICER)
        running = RunningNode(
            Parts(
                settings=Settings(node=node, server=ServerSettings(listen=f"127.0.0.1:{port}")),
                store=store,
                access=access,
                form=JsonForm(),
                clock=clock.now,
                guest=guest,
            )
        )
        for item in operations(clock.now(), OPERATIONS, LEGS):
            assert item.party is not None
            actor = Actor(party=item.party, person="bench")
            running.node.desk.change(actor, _declaring(item)).result()
        moving = movers(TRACKS)

        async def move() -> None:
            while True:
                now = clock.now()
                running.node.give(gather("bench", moving.at(now), floor_ms(now)).reports)
                await asyncio.sleep(1.0)

        serve(running, listener, started=lambda: print(port, flush=True), alongside=move)


def _declaring(item: OperationalIntent) -> Change:
    return lambda declaring: declaring.declare(item)


@contextmanager
def served() -> Iterator[str]:
    """Run the node in a process of its own; give its URL."""
    with tempfile.TemporaryDirectory(prefix="bench-console-") as folder:
        command = [sys.executable, "-m", "bench.console", str(Path(folder) / "node.sqlite3")]
        with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline().strip()
                if not line.isdigit():
                    raise RuntimeError("the node did not start")
                yield f"http://127.0.0.1:{line}"
            finally:
                process.terminate()


# -- the page ---------------------------------------------------------------------------------------


class _Watched(NamedTuple):
    """What one stretch of time cost.

    Attributes:
        scripts_s: What scripts took, frame by frame, with a trace.
        mean_script_s: What they took on average, by the counter of Chromium, without a trace.
        frame_rate_hz: How many frames there were in a second, without a trace.
    """

    scripts_s: Sequence[float]
    mean_script_s: float
    frame_rate_hz: float


class _Console:
    """The console in a window, with what Chromium tells of it."""

    def __init__(self, browser: Any, url: str) -> None:
        self._browser, self._url = browser, url
        self.context = browser.new_context(viewport={"width": WINDOW[0], "height": WINDOW[1]})
        self.context.add_init_script(_WITNESS)
        self.page = self.context.new_page()
        self._devtools = self.context.new_cdp_session(self.page)
        self._devtools.send("Performance.enable")
        self.urls: list[str] = []
        self.scripts: dict[str, int] = {}
        self.page.on("request", lambda request: self.urls.append(request.url))
        self.page.on("response", self._weigh)

    def _weigh(self, response: Any) -> None:
        if response.url.partition("?")[0].endswith(".js"):
            self.scripts[response.url] = len(gzip.compress(response.body()))

    def open(self) -> float:
        """Load the page; return how long it took until all items were drawn, seconds."""
        self.page.goto(self._url)
        deadline = time.monotonic() + _READY_S
        while (found := self._witness("pictureMs")) is None:
            if time.monotonic() > deadline:
                raise RuntimeError(f"no picture within {_READY_S:g} s")
            self.page.wait_for_timeout(50)
        return float(found) / 1000.0

    def watch(self, duration_s: float, act: Callable[[float], None]) -> _Watched:
        """Look at what a stretch of time costs, twice: by the counters, and with a trace.

        Args:
            duration_s: How long each.
            act: Does what a person does for so many seconds.
        """
        before, frames, began_s = self._script_s(), self._witness("frames"), time.perf_counter()
        act(duration_s)
        lasted_s = time.perf_counter() - began_s
        counted = self._witness("frames") - frames
        mean_s = (self._script_s() - before) / max(1, counted)
        self._browser.start_tracing(
            page=self.page, categories=["devtools.timeline", "v8", "blink.user_timing"]
        )
        act(duration_s)
        scripts_s = script_times(json.loads(self._browser.stop_tracing())["traceEvents"])
        return _Watched(scripts_s=scripts_s, mean_script_s=mean_s, frame_rate_hz=counted / lasted_s)

    def long_tasks(self, from_s: float) -> list[float]:
        """Return how long the tasks were that a person feels, from an instant of the page on, seconds."""
        return [
            lasted_ms / 1000.0
            for at_ms, lasted_ms in self._witness("tasks")
            if at_ms >= from_s * 1000.0 and lasted_ms >= LONG_TASK_S * 1000.0
        ]

    def rest(self, duration_s: float) -> None:
        """Do nothing."""
        self.page.wait_for_timeout(duration_s * 1000.0)

    def pan(self, duration_s: float) -> None:
        """Drag the map in circles."""
        box = self.page.get_by_test_id("map").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x + _PAN_PX, y)
        self.page.mouse.down()
        began_s = time.perf_counter()
        while (spent_s := time.perf_counter() - began_s) < duration_s:
            self.page.mouse.move(x + _PAN_PX * math.cos(spent_s * 2), y + _PAN_PX * math.sin(spent_s * 2))
        self.page.mouse.up()

    def _witness(self, name: str) -> Any:
        return self.page.evaluate("(name) => window.witness[name]", name)

    def _script_s(self) -> float:
        metrics = self._devtools.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "ScriptDuration"))


def script_times(events: Sequence[dict[str, Any]]) -> list[float]:
    """Return what scripts took of each frame, seconds, from a trace of Chromium.

    Args:
        events: The events of the trace; those of other processes and threads are left out.
    """
    threads = [(each["pid"], each["tid"]) for each in events if each["name"] == _FRAME_EVENT]
    if not threads:
        return []
    thread = statistics.mode(threads)  # the page's main thread
    own = [each for each in events if (each["pid"], each["tid"]) == thread and each["ph"] == "X"]
    begins = sorted(each["ts"] for each in own if each["name"] == _FRAME_EVENT)
    frames = [begins[0]] + [
        later for earlier, later in itertools.pairwise(begins) if later - earlier > _FRAME_GAP_US
    ]
    spans = _merged(
        sorted(
            (each["ts"], each["ts"] + each.get("dur", 0)) for each in own if each["name"] in _SCRIPT_EVENTS
        )
    )
    spent = np.zeros(len(frames))
    for start, end in spans:
        frame = int(np.searchsorted(frames, start, side="right")) - 1
        if frame >= 0:
            spent[frame] += (end - start) / 1e6
    return [float(each) for each in spent[:-1]]  # the last frame is not whole


def _merged(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


# -- the figures ------------------------------------------------------------------------------------


def bench_console(rows: list[Row], *, quick: bool) -> None:
    """Measure the console, and append the figures; a row says so where there is no browser."""
    try:
        from playwright.sync_api import sync_playwright

        from tests.e2e.conftest import CHROMIUM_ARGUMENTS, find_chromium
    except ImportError as error:
        rows.append(Row(what="console", note=f"not available: {error}"))
        return
    executable = find_chromium()
    if executable is None:
        rows.append(Row(what="console", note="not available: no Chromium"))
        return
    with served() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*CHROMIUM_ARGUMENTS])
        try:
            _measure(rows, browser, url, quick=quick)
        finally:
            browser.close()


def _measure(rows: list[Row], browser: Any, url: str, *, quick: bool) -> None:
    volumes = OPERATIONS * LEGS
    first_s = []
    for _ in range(1 if quick else _LOADS):
        console = _Console(browser, url)
        first_s.append(console.open())
        if len(first_s) < (1 if quick else _LOADS):
            console.context.close()
    times = ", ".join(f"{each:.2f}" for each in first_s)
    rows.append(
        Row(
            what="console: first picture of all items",
            volumes=volumes,
            p50_s=min(first_s),
            answer=f"{TRACKS:,} tracks",
            note=f"best of {times} s; goal 2 s",
        )
    )
    duration_s = _WATCHED_QUICK_S if quick else _WATCHED_S
    for what, act in (("still", console.rest), ("panning", console.pan)):
        watched = console.watch(duration_s, act)
        worst_ms = max(watched.scripts_s, default=0.0) * 1000.0
        rows.append(
            Row(
                what=f"console: scripts of a frame, {what}",
                volumes=volumes,
                p50_s=float(np.percentile(watched.scripts_s, 50)) if watched.scripts_s else None,
                p95_s=float(np.percentile(watched.scripts_s, 95)) if watched.scripts_s else None,
                cpu_s=watched.mean_script_s,
                answer=f"{watched.frame_rate_hz:.0f} frames/s",
                note=f"CPU: the mean; the worst {worst_ms:.0f} ms; goal 8 ms",
            )
        )
    long_s = console.long_tasks(first_s[-1])
    longest = f"the longest {max(long_s) * 1000:.0f} ms; " if long_s else ""
    rows.append(
        Row(
            what=f"console: tasks over {LONG_TASK_S * 1000:.0f} ms after the first picture",
            answer=str(len(long_s)),
            note=f"{longest}goal none",
        )
    )
    size_kb = sum(console.scripts.values()) / 1000.0
    rows.append(
        Row(
            what="console: scripts, compressed",
            answer=f"{size_kb:.0f} kB",
            note=f"{len(console.scripts)} files; goal 450 kB",
        )
    )
    elsewhere = [each for each in console.urls if not each.startswith((f"{url}/", "data:", "blob:"))]
    rows.append(Row(what="console: requests elsewhere", answer=str(len(elsewhere)), note="goal none"))
    console.context.close()


if __name__ == "__main__":
    serve_node(Path(sys.argv[1]))
