"""How fast a Discovery and Synchronization Service lets go of what ends at once, and who waits for that.

Subscriptions over one region, all of which have ended, leave as the service has them leave: some in each
transaction, the next at once. Meanwhile users create intents in the same region, thinking in between. What
they wait is set beside what they waited before.
"""

from __future__ import annotations

import os
import random
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np

from bench import measure
from bench.dss_races import SIDES, creation, extent_at
from bench.dss_served import postgres_at
from bench.measure import Row
from bench.stored import NOW
from keepclear.adapters.store.dss_postgres import PostgresDssStore
from keepclear.adapters.store.dss_sqlite import SqliteDssStore
from keepclear.core.extents import Extent
from keepclear.core.references import Change, EntityKind, Subscription
from keepclear.node.dss.callers import Caller
from keepclear.node.dss.others import sweep
from keepclear.node.dss.ports import Cause, DssStore, DssTransaction, Target
from keepclear.node.dss.work import Work

SUBSCRIPTIONS: Final = 25_000
USERS: Final = 4
ALONE_S: Final = 3.0
"""So long users are by themselves first, seconds."""
THINK_S: Final = (0.01, 0.1)

_RADIUS_M: Final = 500.0
_REGION_DEGREES: Final = 0.5
_AT_ONCE: Final = 250
_SERVICE: Final = Caller(subject="keepclear", issuer="", scopes=frozenset())
_CAUSE: Final = Cause(issuer="bench", subject=SIDES[0], at=NOW)


def bench_dss_sweep(rows: list[Row], folder: Path, *, dsn: str | None = None, quick: bool = False) -> None:
    """Let subscriptions end at once on SQLite, and on PostgreSQL where a server is named; append the rows."""
    count, alone_s = (500, 0.2) if quick else (SUBSCRIPTIONS, ALONE_S)
    with (
        tempfile.TemporaryDirectory(prefix="dss-sweep-", dir=folder) as name,
        closing(SqliteDssStore(Path(name) / "dss.db")) as store,
    ):
        rows.append(swept("SQLite", store, count, alone_s))
    if dsn is not None:
        with postgres_at(dsn) as database, closing(PostgresDssStore(database)) as other:
            rows.append(swept("PostgreSQL", other, count, alone_s))


def swept(name: str, store: DssStore, count: int, alone_s: float) -> Row:
    """Fill a store with what has ended, have it swept while users ask, and return the row."""
    chance = random.Random(1)
    spots = [_somewhere(chance, _RADIUS_M) for _ in range(count)]
    for first in range(0, count, _AT_ONCE):
        store.run(_putting(first, spots[first : first + _AT_ONCE])).result()
    stop, alone, beside = threading.Event(), list[float](), list[float]()
    is_alone = threading.Event()
    is_alone.set()

    def user(number: int) -> None:
        chance = random.Random(2 + number)
        while not stop.is_set():
            extent = _somewhere(chance, _RADIUS_M / 5)
            intent_id = uuid.UUID(int=chance.getrandbits(128), version=4)
            start, took = time.perf_counter(), alone if is_alone.is_set() else beside
            target = Target(EntityKind.INTENT, str(intent_id), extent)
            store.run(creation(0, intent_id.int, extent), None, target).result()
            took.append(time.perf_counter() - start)
            time.sleep(chance.uniform(*THINK_S))

    with ThreadPoolExecutor(USERS) as threads:
        asking = [threads.submit(user, number) for number in range(USERS)]
        time.sleep(alone_s)
        is_alone.clear()
        start, gone = time.perf_counter(), 0
        try:
            while left := store.run(_sweep).result():
                gone += left
        finally:
            stop.set()
        lasted_s = time.perf_counter() - start
        for each in asking:
            each.result()
    return _row(name, count, gone, lasted_s, alone, beside)


def _row(name: str, count: int, gone: int, lasted_s: float, alone: list[float], beside: list[float]) -> Row:
    p50_s, p95_s = np.percentile(beside, (50, 95)).tolist() if beside else (None, None)
    told, longest_s = f"gone after {lasted_s:.1f} s", max(beside, default=0.0)
    alone_ms = np.percentile(alone, (50, 95)) * 1e3
    return Row(
        what=f"{count:,} subscriptions end at once, {name}",
        p50_s=p50_s,
        p95_s=p95_s,
        answer=told if gone == count else f"{measure.BROKEN}: {gone:,} {told}",
        note=f"creations of {USERS} users beside it: {len(beside)}, the longest {longest_s:.2f} s; "
        f"before it p50 {alone_ms[0]:.1f} ms, p95 {alone_ms[1]:.1f} ms; load {measure.load_average()}",
    )


def _sweep(transaction: DssTransaction) -> int:
    now = NOW + timedelta(hours=2)
    work = Work(transaction=transaction, caller=_SERVICE, now=now, entropy=os.urandom)
    return sweep(work, timedelta(days=1), timedelta(days=30)).get(EntityKind.SUBSCRIPTION.value, 0)


def _somewhere(chance: random.Random, radius_m: float) -> Extent:
    lat, lng = (start + chance.uniform(0.0, _REGION_DEGREES) for start in (46.0, 7.0))
    return extent_at(lat, lng, radius_m)


def _putting(first: int, extents: list[Extent]) -> Callable[[DssTransaction], None]:
    def work(transaction: DssTransaction) -> None:
        for number, extent in enumerate(extents, first):
            transaction.put(_subscription(number, extent), extent, _CAUSE)

    return work


def _subscription(number: int, extent: Extent) -> Subscription:
    return Subscription(
        id=str(uuid.UUID(int=number, version=4)),
        manager=SIDES[1],
        uss_base_url="https://uss.example/utm",
        start=extent.start,
        end=extent.end,
        change=Change(request="0" * 64, replaced="", notified=()),
        version="1",
        notification_index=0,
        wants_intents=True,
        wants_constraints=False,
        is_implicit=False,
    )
