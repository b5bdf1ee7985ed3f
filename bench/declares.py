"""How fast declarations come to the disk, through the desk of a node in this process.

With `FULL` a declaration is answered once the disk has it, which is what a node does. `NORMAL` leaves
that to the system: it shows what the work itself costs, and is not safe against loss of power.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from bench import measure, stored
from bench.measure import Row
from keepclear.adapters.desk import Desk
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.sqlite import Durability, SqliteStore
from keepclear.codec.f3548.volumes import decode_item
from keepclear.core.conflicts import Item
from keepclear.core.index import Engine, numba_installed
from keepclear.core.intents import PartyId
from keepclear.node.outcomes import Outcome
from keepclear.node.policy import ConflictPolicy, Policy
from keepclear.node.ports import Actor

VOLUMES: Final = 100_000
COUNT: Final = 1_000
"""So many are declared in a run; there are three."""
THREADS: Final = 8

_WARM_COUNT: Final = 20
_ACTOR: Final = Actor(party=PartyId("bench"), person="bench")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    what: str
    durability: Durability
    engine: Engine
    threads: int
    goal: str


def _ways() -> list[_Way]:
    compiled = Engine.LOOPS if numba_installed() else Engine.PLAIN
    unsafe = f"{compiled.value}; benchmark only, not safe against power loss; goal >= 700/s"
    full = Durability.FULL
    return [
        _Way(what="declare, FULL, one at a time", durability=full, engine=Engine.AUTO, threads=1,
             goal="goal >= 100/s"),
        _Way(what=f"declare, FULL, {THREADS} threads", durability=full, engine=Engine.AUTO, threads=THREADS,
             goal="changes that wait share a commit"),
        _Way(what="declare, NORMAL, one at a time", durability=Durability.NORMAL, engine=compiled, threads=1,
             goal=unsafe),
    ]  # fmt: skip


def bench_declares(
    rows: list[Row], folder: Path, *, volumes: int = VOLUMES, count: int = COUNT, quick: bool = False
) -> None:
    """Measure declarations against a database of so many volumes, and append the rows.

    Args:
        rows: Where the rows go.
        folder: Where databases are put, on the disk that is measured.
        volumes: How many volumes are stored before.
        count: How many intents are declared in a run.
        quick: Few intents, and few volumes.
    """
    if quick:
        volumes, count = 10_000, 40
    database = stored.filled(folder, volumes)
    items = [
        replace(decode_item(msgspec.json.encode(entry), "traffic").placed[0].item, party=_ACTOR.party)
        for entry in stored.intents(measure.WALL_RUNS * count + _WARM_COUNT, "new")
    ]
    for way in _ways():
        with tempfile.TemporaryDirectory(prefix="declares-", dir=folder) as name:
            copy = stored.copied(database, Path(name) / "node.sqlite3")
            rows.append(_declared(copy, volumes, items, way))


def _declared(database: Path, volumes: int, items: Sequence[Item], way: _Way) -> Row:
    fsync = f"fsync {stored.fsync_s(database.parent) * 1e3:.2f} ms"
    policy = Policy(conflicts=ConflictPolicy.RECORD)
    store = SqliteStore(database, durability=way.durability)
    before = store.last_seq()
    desk = Desk(store, JsonForm(), policy, lambda: stored.NOW, engine=way.engine)
    try:
        _run(desk, items[:_WARM_COUNT], way.threads)
        size = (len(items) - _WARM_COUNT) // measure.WALL_RUNS
        runs = [
            _run(desk, items[start : start + size], way.threads)
            for start in range(_WARM_COUNT, len(items), size)
        ]
        lost = before + len(items) - store.last_seq()
    finally:
        desk.close()
        store.close()
    rate = size / min(run.wall_s for run in runs)
    return Row(
        what=way.what,
        volumes=volumes,
        p50_s=min(run.p50_s for run in runs),
        p95_s=min(run.p95_s for run in runs),
        cpu_s=statistics.median(run.cpu_s for run in runs) / size,
        answer=f"{rate:.0f}/s" + (f", {measure.BROKEN}: {lost} lost" if lost else ""),
        note=f"{way.goal}; {fsync}; load {measure.load_average()}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    wall_s: float
    cpu_s: float
    p50_s: float
    p95_s: float


def _run(desk: Desk, items: Sequence[Item], threads: int) -> _Run:
    """Declare items, each thread every so many of them, one after the other."""
    took_s: list[float] = []  # appending is atomic

    def declare(mine: Sequence[Item]) -> None:
        for item in mine:
            start = time.perf_counter()
            _declare(desk, item).result()
            took_s.append(time.perf_counter() - start)

    wall_start, cpu_start = time.perf_counter(), time.process_time()
    together(declare, [items[first::threads] for first in range(threads)])
    wall_s, cpu_s = time.perf_counter() - wall_start, time.process_time() - cpu_start
    assert len(took_s) == len(items), "a thread failed"
    p50_s, p95_s = np.percentile(took_s, (50, 95)).tolist()
    return _Run(wall_s=wall_s, cpu_s=cpu_s, p50_s=p50_s, p95_s=p95_s)


def _declare(desk: Desk, item: Item) -> Future[Outcome]:
    return desk.change(_ACTOR, lambda declaring: declaring.declare(item))


def together(work: Callable[[Sequence[Item]], None], shares: Sequence[Sequence[Item]]) -> None:
    """Do each share in a thread of its own; one share alone in this thread."""
    if len(shares) == 1:
        work(shares[0])
        return
    threads = [threading.Thread(target=work, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
