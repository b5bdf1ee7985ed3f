"""How much load a Discovery and Synchronization Service takes, and how long its answers take.

Ten users of one operator in a closed loop, in a process of its own, near one busy place: they create intents
with a subscription of their own each; they create, activate and delete intents that name one subscription;
they create below one subscription over the whole place. No user thinks: ten that think for 55 ms between two
flights cannot fly more than 180 a second, whatever the service does. One run with thinking is for the record.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from bench import measure
from bench.dss_generator import THINK_S, Order, Shape, Tally
from bench.dss_served import DssProcess, Issuer, postgres_at, sqlite_in
from bench.measure import Row
from bench.served import ROOT, installed_environment

USERS: Final = 10
LASTING_S: Final = 60.0
"""So long each run takes, seconds: as long as an intent lasts, so that as many are there as ever will be."""
GENERATOR_MOST_S: Final = 0.5e-3
"""More CPU time the generator may not take for a request, or it measures itself."""
PEER_CREATES: Final = (44.0, 47.0)
PEER_REQUESTS: Final = (71.0, 151.0)
"""What InterUSS's service (Go, one instance over PostgreSQL 15) did a second under the same shapes of load.

Measured elsewhere, on a machine of the same kind (two cores that others use too), with a generator that takes
more CPU and gives every OVN it has as a key; so it is no measurement side by side.
"""
_SEED: Final = 16


def bench_dss_load(
    rows: list[Row],
    folder: Path,
    *,
    dsn: str | None = None,
    lasting_s: float = LASTING_S,
    quick: bool = False,
) -> None:
    """Put load of each shape on a service of its own each, and append the rows.

    Args:
        rows: Where they go.
        folder: Where databases are put, on the disk that is measured.
        dsn: A PostgreSQL server to be measured as well; None for SQLite alone.
        lasting_s: How long each run takes, seconds.
        quick: A second each.
    """
    if quick:
        lasting_s = 1.0
    runs = [(shape, False) for shape in Shape] + [(Shape.CREATES, True)]
    for store in ("SQLite", "PostgreSQL") if dsn else ("SQLite",):
        for shape, thinks in runs:
            with _database(folder, dsn if store == "PostgreSQL" else None) as (database, there):
                rows.append(_measured(database, there, store, shape, lasting_s, thinks=thinks))


@contextmanager
def _database(folder: Path, dsn: str | None) -> Iterator[tuple[str, Path]]:
    with tempfile.TemporaryDirectory(prefix="dss-load-", dir=folder) as name:
        if dsn is None:
            yield sqlite_in(Path(name)), Path(name)
        else:
            with postgres_at(dsn) as database:
                yield database, Path(name)


def _measured(
    database: str, folder: Path, store: str, shape: Shape, lasting_s: float, *, thinks: bool
) -> Row:
    issuer = Issuer(folder)
    with DssProcess(database, issuer.public, folder) as service:
        service.wait_ready()
        order = Order(
            ports=[service.port],
            token=issuer.token("uss-1"),
            shape=shape,
            users=USERS,
            lasting_s=lasting_s,
            thinks=thinks,
            seed=_SEED,
        )
        cpu_s = service.cpu_s()
        tally = generated(order)
        return _row(store, order, tally, service.cpu_s() - cpu_s)


def generated(order: Order) -> Tally:
    """Put load on services from a process of its own; return what came of it."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.dss_generator"],
        input=msgspec.json.encode(order),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=installed_environment(),
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=Tally)


def _row(store: str, order: Order, tally: Tally, service_cpu_s: float) -> Row:
    first, second = (count / (tally.wall_s / 2) for count in tally.creates)
    succeeded_rate = tally.succeeded / tally.wall_s
    p50_ms, p95_ms, p99_ms = tally.took_ms
    requests = max(tally.requests, 1)
    generator_s = tally.cpu_s / requests
    statuses = ", ".join(f"{count:,} times {status}" for status, count in sorted(tally.statuses.items()))
    told = f"{first:.0f} creates/s, then {second:.0f}; {succeeded_rate:.0f} requests/s; {statuses}"
    too_much = "" if generator_s < GENERATOR_MOST_S else ": TOO MUCH, it measures itself"
    cores = f"{service_cpu_s / tally.wall_s:.0%} and {tally.cpu_s / tally.wall_s:.0%} of a core"
    notes = [
        f"p99 {p99_ms:.1f} ms",
        _against_peer(order, tally),
        f"{tally.keys:.1f} OVNs a key",
        f"{tally.retries} sent again with what a refusal named, {tally.given_up} given up",
        f"generator {generator_s * 1e3:.2f} ms CPU a request{too_much}",
        f"service and generator had {cores}",
        f"load {measure.load_average()}",
        *tally.faults,
    ]
    holds = not tally.faults and not tally.given_up and tally.succeeded > 0
    thinking = f", thinking {THINK_S[0] * 1e3:.0f} to {THINK_S[1] * 1e3:.0f} ms" if order.thinks else ""
    return Row(
        what=f"DSS on {store}, {order.shape.value}, {order.users} users{thinking}",
        p50_s=p50_ms / 1e3,
        p95_s=p95_ms / 1e3,
        cpu_s=service_cpu_s / requests,
        answer=told if holds else f"{measure.BROKEN}: {told}",
        note="; ".join(note for note in notes if note),
    )


def _against_peer(order: Order, tally: Tally) -> str:
    """Say how many times as much the peer did; nothing of shapes of which there is no figure."""
    if order.shape is Shape.FLIGHTS:
        rate, peer, what = tally.succeeded / tally.wall_s, PEER_REQUESTS, "requests/s"
    elif order.shape is Shape.CREATES and not order.thinks:
        rate, peer, what = sum(tally.creates) / tally.wall_s, PEER_CREATES, "creates/s"
    else:
        return ""
    low, high = peer
    times = f"{rate / high:.1f} to {rate / low:.1f} times"
    return f"{times} the Go service's {low:.0f}-{high:.0f} {what}, measured elsewhere"
