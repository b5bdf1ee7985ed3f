"""How fast a node in another process answers, and how long it takes to start.

The clients are threads of this process over connections that are kept: on a machine with few cores
they take time from the node, as do whoever else uses it.
"""

from __future__ import annotations

import http.client
import itertools
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np

from bench import measure, stored, traffic
from bench.measure import Row
from bench.served import Client, NodeProcess, token_of
from keepclear.codec.f3548 import wire
from keepclear.core.times import rfc3339
from keepclear.node.policy import ConflictPolicy

VOLUMES: Final = 100_000
START_VOLUMES: Final = (100_000, 1_000_000)
COUNT: Final = 1_000
"""So many requests a run; there are three."""
CLIENTS: Final = 8

_WARM_COUNT: Final = 20
_AREA_M: Final = 20_000.0
_SEED: Final = 12


class Request(NamedTuple):
    """One request, and what its answer must be."""

    method: str
    path: str
    body: bytes | None = None
    condition: tuple[str, str] | None = None
    status: int = http.client.OK


class _Run(NamedTuple):
    wall_s: float
    p50_s: float
    p95_s: float
    cpu_s: float
    answer_bytes: float


def bench_api(
    rows: list[Row], folder: Path, *, volumes: int = VOLUMES, count: int = COUNT, quick: bool = False
) -> None:
    """Measure a node that serves a copy of a database with so many volumes, and append the rows.

    Args:
        rows: Where the rows go.
        folder: Where databases are put, on the disk that is measured.
        volumes: How many volumes are stored before.
        count: How many requests a run has.
        quick: Few requests, and few volumes.
    """
    if quick:
        volumes, count = 10_000, 40
    few = max(count // 4, 10)
    made = stored.intents(measure.WALL_RUNS * (count + few) + 5 * _WARM_COUNT, "new")
    entries = iter(made)
    with _served(folder, volumes) as (node, tokens):
        bench = _Bench(node, tokens, volumes, rows)
        ids = _ids(node, tokens[0])
        some = [ids[place % len(ids)] for place in range(count)]
        bench.row("GET an item", [Request("GET", f"/v1/items/{item_id}") for item_id in some], 1)
        bench.row("POST /v1/query, 20 km, 1 h", _queries(count), 1, goal="goal p95 <= 20 ms")
        bench.row("POST /v1/query, 20 km, 1 h", _queries(count), CLIENTS)
        pages = [Request("GET", f"/v1/items?limit=100&after={item_id}") for item_id in some[:few]]
        bench.row("GET /v1/items, 100 of them", pages, 1)
        bench.row("POST /v1/check", [_check(entry) for entry in made[:count]], 1)
        bench.row("PUT, declare", _puts(entries, few), 1)
        with _another_amends(node, tokens[1]):
            bench.row("query while another client amends", _queries(few), 1, goal="goal p95 <= 20 ms")
        bench.row("PUT, declare", _puts(entries, count), CLIENTS, goal="goal >= 300/s, p95 <= 50 ms")


def bench_cold_start(rows: list[Row], folder: Path, *, quick: bool = False) -> None:
    """Measure how long a node takes from the start of its process until it answers, and append the rows."""
    for volumes in (10_000,) if quick else START_VOLUMES:
        with tempfile.TemporaryDirectory(prefix="start-", dir=folder) as name:
            copy = stored.copied(stored.filled(folder, volumes), Path(name) / "node.sqlite3")
            token = token_of(copy, "client", stored.NOW)
            with NodeProcess(copy, ConflictPolicy.RECORD, stored.NOW) as node:
                node.wait_ready()  # its modules are compiled now, whoever is the first
            rows.append(_started(copy, volumes, token, is_cached=False))
            rows.append(_started(copy, volumes, token, is_cached=True))


def _started(database: Path, volumes: int, token: str, *, is_cached: bool) -> Row:
    took_s, first_s, cpu_s, memory_mib = [], [], [], []
    for _ in range(measure.WALL_RUNS if is_cached else 1):
        if not is_cached:
            _forget(database)
        with NodeProcess(database, ConflictPolicy.RECORD, stored.NOW) as node:
            took_s.append(node.wait_ready())
            cpu_s.append(node.cpu_s())
            memory_mib.append((node.memory_mib(), node.memory_mib("VmHWM")))
            first_s.append(_run(node, [token], _queries(1)).wall_s)
    now, most = max(memory_mib)
    read = "the file is in the system's memory" if is_cached else "the file is read from the disk"
    goal = "; goal <= 10 s" if volumes == max(START_VOLUMES) else ""
    return Row(
        what="node, start until /readyz",
        volumes=volumes,
        p50_s=min(took_s),
        cpu_s=statistics.median(cpu_s),
        answer=f"{now:.0f} MiB, at most {most:.0f} MiB",
        note=f"{read}{goal}; first query {min(first_s) * 1e3:.0f} ms more; load {measure.load_average()}",
    )


def _forget(path: Path) -> None:
    """Have the system drop what it holds of a file in memory."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@contextmanager
def _served(folder: Path, volumes: int) -> Iterator[tuple[NodeProcess, list[str]]]:
    database = stored.filled(folder, volumes)
    with tempfile.TemporaryDirectory(prefix="api-", dir=folder) as name:
        copy = stored.copied(database, Path(name) / "node.sqlite3")
        tokens = [token_of(copy, f"client-{number}", stored.NOW) for number in range(CLIENTS)]
        with NodeProcess(copy, ConflictPolicy.RECORD, stored.NOW) as node:
            node.wait_ready()
            yield node, tokens


class _Bench:
    def __init__(self, node: NodeProcess, tokens: Sequence[str], volumes: int, rows: list[Row]) -> None:
        self._node, self._tokens, self._volumes, self._rows = node, tokens, volumes, rows

    def row(self, what: str, requests: Sequence[Request], clients: int, goal: str = "") -> None:
        """Send requests in three runs, and append a row; those that change something are sent once each."""
        is_once = requests[0].method == "PUT"
        tokens = self._tokens[:clients]
        rest = requests[_WARM_COUNT:] if is_once else requests
        _run(self._node, tokens, requests[:_WARM_COUNT])
        size = len(rest) // measure.WALL_RUNS if is_once else len(rest)
        parts = [rest[run * size : (run + 1) * size] if is_once else rest for run in range(measure.WALL_RUNS)]
        runs = [_run(self._node, tokens, part) for part in parts]
        rate = size / min(run.wall_s for run in runs)
        notes = [goal, f"load {measure.load_average()}"]
        self._rows.append(
            Row(
                what=f"{what}, {clients} client{'s' if clients > 1 else ''}",
                volumes=self._volumes,
                p50_s=min(run.p50_s for run in runs),
                p95_s=min(run.p95_s for run in runs),
                cpu_s=statistics.median(run.cpu_s for run in runs) / size,
                answer=f"{rate:.0f}/s, {runs[0].answer_bytes / 1e3:.1f} kB an answer",
                note="; ".join(note for note in notes if note),
            )
        )


def _run(node: NodeProcess, tokens: Sequence[str], requests: Sequence[Request]) -> _Run:
    """Send each request once, each client every so many of them, one after the other."""
    took_s: list[float] = []  # appending is atomic
    sizes: list[int] = []
    errors: list[BaseException] = []

    def work(token: str, mine: Sequence[Request]) -> None:
        client = Client(node.port, token)
        try:
            for request in mine:
                start = time.perf_counter()
                sizes.append(len(_answer(client, request)))
                took_s.append(time.perf_counter() - start)
        except (OSError, http.client.HTTPException, RuntimeError) as error:
            errors.append(error)
        finally:
            client.close()

    threads = [
        threading.Thread(target=work, args=(token, requests[first :: len(tokens)]))
        for first, token in enumerate(tokens)
    ]
    cpu_start, start = node.cpu_s(), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall_s, cpu_s = time.perf_counter() - start, node.cpu_s() - cpu_start
    if errors:
        raise RuntimeError("a client failed") from errors[0]
    p50_s, p95_s = np.percentile(took_s, (50, 95)).tolist()
    return _Run(wall_s, p50_s, p95_s, cpu_s, statistics.fmean(sizes))


def _answer(client: Client, request: Request) -> bytes:
    status, body = client.ask(request.method, request.path, request.body, request.condition)
    if status != request.status:
        raise RuntimeError(f"{request.method} {request.path} was answered with {status}: {body[:300]!r}")
    return body


@contextmanager
def _another_amends(node: NodeProcess, token: str) -> Iterator[None]:
    """Amend an item over and over with a client of its own until the block is left."""
    is_over = threading.Event()

    def work() -> None:
        client = Client(node.port, token)
        _answer(client, put("amended", stored.small_intent("amended", 0)))
        for version in itertools.count(1):
            if is_over.is_set():
                break
            body = stored.small_intent("amended", 0, raised_m=float(version % 100))
            _answer(client, Request("PUT", "/v1/items/amended", body, ("If-Match", f'"{version}"')))
        client.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _puts(entries: Iterator[wire.Entry], count: int) -> list[Request]:
    wanted = measure.WALL_RUNS * count + _WARM_COUNT
    return [
        put(entry.id, msgspec.json.encode(entry)) for entry, _ in zip(entries, range(wanted), strict=False)
    ]


def put(item_id: str, body: bytes) -> Request:
    """Return the request that declares an item."""
    condition = ("If-None-Match", "*")
    return Request("PUT", f"/v1/items/{item_id}", body, condition, http.client.CREATED)


def _check(entry: wire.Entry) -> Request:
    body = msgspec.json.encode({"item": entry})
    return Request("POST", "/v1/check", body)


def _ids(node: NodeProcess, token: str) -> list[str]:
    """Return the ids of some items that are stored."""
    client = Client(node.port, token)
    page = msgspec.json.decode(_answer(client, Request("GET", "/v1/items?limit=500")))
    client.close()
    return [record["item"]["id"] for record in page["items"]]


def _queries(count: int) -> list[Request]:
    """Ask for rectangles of 20 km near the hubs of the traffic, during an hour of its first two days."""
    rng = np.random.default_rng(_SEED)
    hubs = traffic.hubs()
    found = []
    for _ in range(count):
        lat, lng, _ground_m = hubs[rng.integers(len(hubs))].tolist()
        lat += rng.normal(0.0, 0.05)
        half_lat = _AREA_M / 2.0 / 111_320.0
        half_lng = half_lat / np.cos(np.radians(lat))
        lng += rng.normal(0.0, 0.05)
        start = stored.NOW + timedelta(seconds=float(rng.uniform(0.0, 47 * 3_600.0)))
        corners = [(-1, -1), (-1, 1), (1, 1), (1, -1)]
        area = wire.Volume4D(
            volume=wire.Volume3D(
                outline_polygon=wire.Polygon(
                    vertices=[
                        wire.LatLngPoint(
                            lat=lat + north * half_lat,
                            lng=float((lng + east * half_lng + 180.0) % 360.0 - 180.0),
                        )
                        for north, east in corners
                    ]
                ),
                altitude_lower=wire.Altitude(value=-100.0, reference="W84", units="M"),
                altitude_upper=wire.Altitude(value=3_000.0, reference="W84", units="M"),
            ),
            time_start=wire.Time(value=rfc3339(start), format="RFC3339"),
            time_end=wire.Time(value=rfc3339(start + timedelta(hours=1)), format="RFC3339"),
        )
        found.append(Request("POST", "/v1/query", msgspec.json.encode({"area": area})))
    return found
