"""How fast all encounters of a picture are found, and BlueSky's detection on the same arrays.

A call takes columns of degrees, metres and seconds and gives encounters: checking the columns, motions,
search and judge are all in its time. It is the CPU time of the calling thread, ours and the peer's alike.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from bench import bluesky_peer, encounter_scenes, measure
from bench.encounter_scenes import DRONES, EN_ROUTE, columns_of
from bench.encounter_truth import Bools, Geodesics, Limits, heights, losses
from bench.measure import Row, Times
from bench.served import ROOT
from bench.wheels import UnavailableError
from keepclear.core.encounters import Encounters, Minima, find_encounters
from keepclear.core.index import Engine, numba_installed
from keepclear.core.motions import TrackArrays
from keepclear.core.units import FOOT_M

MISSED: Final = "MISSED"
"""Stands with a goal that was not reached."""
DECIDED_M: Final = 0.1
"""A geodesic decides between us and a peer if it is off the minimum by more than this."""

_CALLS_TRACKS: Final = 50_000
"""Small pictures are searched so often in a run that it comes to so many tracks."""
_LEVEL_M: Final = 1_000.0 * FOOT_M
_MEMORY_MB: Final = 250.0
_MEMORY: Final = """
import json, pathlib, sys
import numpy as np
from bench import encounter_scenes
from keepclear.core.encounters import find_encounters
from keepclear.core.index import Engine
from keepclear.core.motions import TrackArrays

def status_kb(name):
    text = pathlib.Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(name + ":"))

engine = Engine(sys.argv[2])
find_encounters(encounter_scenes.globe(3_000), encounter_scenes.EN_ROUTE, engine=engine)  # compiled now
tracks = TrackArrays(**dict(np.load(sys.argv[1])))
before = status_kb("VmRSS")
pathlib.Path("/proc/self/clear_refs").write_text("5")  # forgets the greatest so far
found = find_encounters(tracks, encounter_scenes.EN_ROUTE, engine=engine)
print(json.dumps([status_kb("VmHWM") - before, sum(column.nbytes for column in found)]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that is measured.

    Attributes:
        name: What it is called.
        tracks: The tracks.
        minima: What is to be kept.
        loops_goal_s: How long the compiled engine may take, seconds of CPU time, or None.
        plain_goal_s: The same of the other.
        peer_goal: How many times as long the peer is to take at least, or None.
        by_plain: Whether the engine that is not compiled is measured too.
        by_peer: Whether the peer is.
    """

    name: str
    tracks: TrackArrays
    minima: Minima
    loops_goal_s: float | None = None
    plain_goal_s: float | None = None
    peer_goal: float | None = None
    by_plain: bool = False
    by_peer: bool = False

    @property
    def what(self) -> str:
        """How many tracks there are, and where."""
        return f"encounters, {len(self.tracks):,} {self.name}"

    def goal_s(self, engine: Engine) -> float | None:
        """Return how long an engine may take, or None."""
        return self.loops_goal_s if engine is Engine.LOOPS else self.plain_goal_s

    def finder(self, engine: Engine) -> Callable[[object], Encounters]:
        """Return what finds the encounters from the columns of the picture."""
        columns = columns_of(self.tracks)
        return lambda _: find_encounters(TrackArrays(**columns), self.minima, engine=engine)


def bench_encounters(rows: list[Row], *, peer: bool = True, quick: bool = False) -> None:
    """Measure pictures of many sizes, and append the rows.

    Args:
        rows: Where the rows go.
        peer: Whether BlueSky is measured beside it; it is installed if need be.
        quick: Small pictures.
    """
    for picture in _pictures(quick=quick):
        times, found = _engines(rows, picture)
        if peer and picture.by_peer:
            _peer(rows, picture, times, found)
    _bogus(rows, 1_000 if quick else 10_000)
    _memory(rows, 20_000 if quick else 1_000_000)


def _pictures(*, quick: bool) -> list[Picture]:
    """Draw the pictures; small ones are held to no goal."""
    if quick:
        return [
            Picture(
                name="over Europe",
                tracks=encounter_scenes.europe(500),
                minima=EN_ROUTE,
                by_plain=True,
                by_peer=True,
            ),
            Picture(name="worldwide", tracks=encounter_scenes.globe(2_000), minima=EN_ROUTE),
            Picture(name="drones on 100 km by 100 km", tracks=encounter_scenes.drones(2_000), minima=DRONES),
        ]
    return [
        Picture(
            name="over Europe",
            tracks=encounter_scenes.europe(1_000),
            minima=EN_ROUTE,
            peer_goal=50.0,
            by_plain=True,
            by_peer=True,
        ),
        Picture(
            name="over Europe",
            tracks=encounter_scenes.europe(10_000),
            minima=EN_ROUTE,
            loops_goal_s=4e-3,
            plain_goal_s=35e-3,
            peer_goal=500.0,
            by_plain=True,
            by_peer=True,
        ),
        Picture(
            name="over Europe",
            tracks=encounter_scenes.europe(20_000),
            minima=EN_ROUTE,
            peer_goal=900.0,
            by_peer=True,
        ),
        Picture(
            name="worldwide", tracks=encounter_scenes.globe(100_000), minima=EN_ROUTE, loops_goal_s=45e-3
        ),
        Picture(
            name="worldwide", tracks=encounter_scenes.globe(1_000_000), minima=EN_ROUTE, loops_goal_s=0.5
        ),
        Picture(name="drones on 100 km by 100 km", tracks=encounter_scenes.drones(100_000), minima=DRONES),
    ]


def _engines(rows: list[Row], picture: Picture) -> tuple[Times, Encounters]:
    """Measure our engines on a picture; return the times and the answer of the first of them."""
    engines = [Engine.LOOPS] if numba_installed() else []
    if picture.by_plain or not engines:
        engines.append(Engine.PLAIN)
    first: tuple[Times, Encounters] | None = None
    for engine in engines:
        find = picture.finder(engine)
        found = find(None)
        times = measure.calls(find, [None] * max(1, _CALLS_TRACKS // len(picture.tracks)))
        answer, notes = f"{len(found.a):,} pairs", [_goal(times.cpu_s, picture.goal_s(engine))]
        if first is None:
            notes.append(f"{_said(picture.minima)}; seed {encounter_scenes.SEED}")
            notes.append(f"hash {encounter_scenes.digest(picture.tracks)}")
            first = times, found
        else:
            answer = "same pairs" if _is_same(found, first[1]) else measure.DIFFERENT
            notes.append(f"{times.cpu_s / first[0].cpu_s:.1f}x our CPU with loops")
        rows.append(_row(f"{picture.what}, {engine.value}", times, answer, notes))
    assert first is not None, "there is an engine"
    return first


def _is_same(one: Encounters, other: Encounters) -> bool:
    return np.array_equal(one.a, other.a) and np.array_equal(one.b, other.b)


def _peer(rows: list[Row], picture: Picture, ours: Times, found: Encounters) -> None:
    what = f"BlueSky {bluesky_peer.VERSION} C++, {len(picture.tracks):,} {picture.name}"
    try:
        module = bluesky_peer.load()
    except UnavailableError as reason:
        rows.append(Row(what=what, note=f"not available: {reason}"))
        return
    detect = bluesky_peer.detection(module, picture.tracks, picture.minima)
    theirs = bluesky_peer.pairs_of(detect())
    times = measure.calls(lambda _: detect(), [None])
    times_more = times.cpu_s / ours.cpu_s
    goal = picture.peer_goal
    notes = [f"{times_more:,.0f}x our CPU"]
    if goal is not None:
        notes.append(f"goal >= {goal:,.0f}x" + ("" if times_more >= goal else f" {MISSED}"))
    answer, note = compared(picture.tracks, picture.minima, found, theirs)
    rows.append(_row(what, times, answer, [*notes, note]))


def compared(
    tracks: TrackArrays, minima: Minima, found: Encounters, theirs: set[tuple[int, int]]
) -> tuple[str, str]:
    """Compare our pairs with a peer's, and have geodesics of WGS84 decide where they differ.

    Returns:
        How many are common, only ours, only theirs; and who is right. `measure.BROKEN` is in the answer
        where we are wrong by more than `DECIDED_M`.
    """
    ours = set(zip(found.a.tolist(), found.b.tolist(), strict=True))
    only_ours, only_theirs = sorted(ours - theirs), sorted(theirs - ours)
    answer = f"{len(ours & theirs):,} common, {len(only_ours)} only ours, {len(only_theirs)} only theirs"
    wrong = int((~_lost(tracks, minima, only_ours, DECIDED_M)).sum())
    wrong += int(_lost(tracks, minima, only_theirs, -DECIDED_M).sum())
    if wrong:
        answer += f", {measure.BROKEN}: geodesics decide {wrong} against us"
    right = int(_lost(tracks, minima, only_ours, 0.0).sum()) + int(
        (~_lost(tracks, minima, only_theirs, 0.0)).sum()
    )
    differ = len(only_ours) + len(only_theirs)
    if not differ:
        return answer, ""
    level = _level_pairs(tracks, only_theirs)
    return answer, (
        f"geodesics decide {right} of {differ} for us; "
        f"{level} of those only theirs are level and exactly 1,000 ft apart"
    )


def _lost(tracks: TrackArrays, minima: Minima, pairs: Sequence[tuple[int, int]], wider_m: float) -> Bools:
    """Tell which pairs lose separation on geodesics, with a lateral minimum that is so much more."""
    a, b = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    kept = Limits(np.full(len(a), minima.lateral_m + wider_m), np.full(len(a), minima.vertical_m))
    return losses(Geodesics(tracks), a, b, heights(tracks, a, b), kept, minima.lookahead_s)


def _level_pairs(tracks: TrackArrays, pairs: Sequence[tuple[int, int]]) -> int:
    a, b = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    above = heights(tracks, a, b)
    return int(((above.rate_mps == 0.0) & (np.abs(np.abs(above.apart_m) - _LEVEL_M) < 1e-6)).sum())


def _bogus(rows: list[Row], n: int) -> None:
    """Measure what one track that is much too fast costs."""
    tracks = encounter_scenes.europe(n)
    engine = Engine.LOOPS if numba_installed() else Engine.PLAIN
    pictures = [
        Picture(name="over Europe", tracks=each, minima=EN_ROUTE)
        for each in (tracks, encounter_scenes.with_bogus(tracks))
    ]
    without, with_it = (
        measure.calls(picture.finder(engine), [None] * max(1, _CALLS_TRACKS // n)) for picture in pictures
    )
    found = pictures[1].finder(engine)(None)
    note = (
        f"{with_it.cpu_s / without.cpu_s:.2f}x of {without.cpu_s * 1e3:.3g} ms without it, "
        f"in {int((found.b == n).sum())} pairs itself"
    )
    what = f"{pictures[0].what} and one of {encounter_scenes.BOGUS_KT:,.0f} kt, {engine.value}"
    rows.append(_row(what, with_it, f"{len(found.a):,} pairs", [note]))


def _memory(rows: list[Row], n: int) -> None:
    """Measure by how much the memory of a new process grows, at most, beyond modules and the columns."""
    what = f"encounters, {n:,} worldwide: memory"
    if not Path("/proc/self/clear_refs").exists():
        rows.append(Row(what=what, note="not available: there is no /proc/self/clear_refs"))
        return
    tracks = encounter_scenes.globe(n)
    inputs = sum(column.nbytes for column in columns_of(tracks).values())
    engine = Engine.LOOPS if numba_installed() else Engine.PLAIN
    with tempfile.TemporaryDirectory(prefix="encounters-") as name:
        path = Path(name) / "tracks.npz"
        np.savez(path, allow_pickle=False, **columns_of(tracks))
        done = subprocess.run(
            [sys.executable, "-c", _MEMORY, path, engine.value],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    grown_kib, answer_bytes = json.loads(done.stdout)
    grown_mb = grown_kib * 1024.0 / 1e6
    goal = f"goal <= {_MEMORY_MB:.0f} MB" + ("" if grown_mb <= _MEMORY_MB else f" {MISSED}")
    note = f"{goal}; {answer_bytes / 1e6:.0f} MB are the answer; the columns have {inputs / 1e6:.0f} MB more"
    rows.append(Row(what=f"{what}, {engine.value}", answer=f"grows by {grown_mb:.0f} MB at most", note=note))


def _said(minima: Minima) -> str:
    return f"{minima.lateral_m:g} m, {minima.vertical_m:g} m, {minima.lookahead_s:g} s"


def _goal(cpu_s: float, goal_s: float | None) -> str:
    if goal_s is None:
        return ""
    return f"goal <= {goal_s * 1e3:g} ms" + ("" if cpu_s <= goal_s else f" {MISSED}")


def _row(what: str, times: Times, answer: str, notes: Sequence[str]) -> Row:
    return Row(
        what=what,
        p50_s=times.p50_s,
        p95_s=times.p95_s,
        cpu_s=times.cpu_s,
        answer=answer,
        note="; ".join(note for note in notes if note),
    )
