"""A Discovery and Synchronization Service is killed at random moments while clients write.

Two services serve one PostgreSQL database and one of them is killed; or one serves SQLite, is killed and
started anew. Every write that was answered must be told by a service that lives. A write whose answer never
came may have been done or not: sending it again must be harmless. Where one of two is killed, clients of the
other one must go on being answered.
"""

from __future__ import annotations

import http.client
import random
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import numpy as np

from bench import measure
from bench.dss_flights import URL, stamp
from bench.dss_served import DssProcess, Issuer, postgres_at, sqlite_in
from bench.measure import Row
from bench.served import Client

KILLS: Final = 50
WRITERS: Final = 4
MOMENT_S: Final = (0.05, 0.6)
"""So long after the first answered write a service is killed."""

_SEED: Final = 17
_INTENTS: Final = "/dss/v1/operational_intent_references/"
_FIRST_WRITE_S: Final = 60.0
_GO_ON_S: Final = 30.0
"""So long after the kill each client of the other service must have been answered at the latest."""
_FLIES_S: Final = 3_600.0
_APART_DEGREES: Final = 0.01
_A_ROW: Final = 1_000
_ACTIVATE_SHARE, _DELETE_SHARE = 0.3, 0.2


class Service(Protocol):
    """A service that can be killed."""

    port: int

    def wait_ready(self) -> float:
        """Wait until it answers; return how long that took, seconds."""

    def kill(self) -> None:
        """End it as `kill -9` does."""


@dataclass(frozen=True, slots=True)
class Written:
    """An intent as a write left it: its OVN and state, both empty where it was deleted."""

    entity_id: str
    ovn: str
    state: str


@dataclass(frozen=True, slots=True)
class _Request:
    entity_id: str
    method: str
    path: str
    body: bytes | None
    state: str


@dataclass(slots=True, kw_only=True)
class Result:
    """What came of all kills; the lists are empty where everything holds.

    Attributes:
        kills: How many there were.
        answered: Writes that were answered.
        cut_off: Writes whose answer never came.
        cut_off_done: How many of them had been done all the same.
        went_on: Writes that the other service answered after a kill.
        waited_s: How long after each kill all clients of the other service had been answered, seconds.
        lost: Answered writes that were not there, or otherwise.
        broken: What else did not hold, in words.
        restart_s: How long each start took until the service answered, seconds.
    """

    kills: int = 0
    answered: int = 0
    cut_off: int = 0
    cut_off_done: int = 0
    went_on: int = 0
    lost: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    restart_s: list[float] = field(default_factory=list)
    waited_s: list[float] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether everything is as it must be."""
        return not (self.lost or self.broken)


def bench_dss_kills(
    rows: list[Row], folder: Path, *, dsn: str | None = None, kills: int = KILLS, quick: bool = False
) -> None:
    """Kill services so many times on SQLite, and on PostgreSQL where one is named; append the rows."""
    if quick:
        kills = 3
    with tempfile.TemporaryDirectory(prefix="dss-kills-", dir=folder) as name:
        rows.append(_row("DSS, kill -9 on SQLite", _killed(sqlite_in(Path(name)), Path(name), kills, 1)))
    what = "DSS, kill -9 of one of two on PostgreSQL"
    if dsn is None:
        rows.append(Row(what=what, note="not run: no server was named"))
        return
    with tempfile.TemporaryDirectory(prefix="dss-kills-", dir=folder) as name, postgres_at(dsn) as database:
        rows.append(_row(what, _killed(database, Path(name), kills, 2)))


def _killed(database: str, folder: Path, kills: int, processes: int) -> Result:
    issuer = Issuer(folder)
    token = issuer.token("uss-1")
    return killed(lambda: DssProcess(database, issuer.public, folder), token, kills, processes)


def killed(start: Callable[[], Service], token: str, kills: int, processes: int, seed: int = _SEED) -> Result:
    """Kill services of one new database so many times, and check it after each.

    Args:
        start: Starts one more service.
        token: Of the one operator that writes.
        kills: How many times one is killed.
        processes: How many services there are at a time.
        seed: Fixes the moments.
    """
    rng, result = random.Random(seed), Result()
    everything: dict[str, Written] = {}
    with _started(start, processes) as services:
        for kill in range(kills):
            victim = kill % processes
            writers = _written_until_killed(services, victim, token, kill, rng, result)
            if processes == 1:
                _start_anew(services, victim, start, result)
            reader = services[(victim + 1) % processes]
            for writer in writers:
                everything |= writer.standing
                _check(reader.port, token, writer, everything, result)
            if processes > 1:
                _start_anew(services, victim, start, result)
            result.kills += 1
        for service in services:  # all that was ever answered, at each
            client = Client(service.port, token)
            result.lost += [fault for one in everything.values() if (fault := _otherwise(client, one))]
            client.close()
    return result


@contextmanager
def _started(start: Callable[[], Service], processes: int) -> Iterator[list[Service]]:
    services: list[Service] = []
    try:
        for _ in range(processes):  # one after the other: the first one makes the tables
            services.append(start())
            services[-1].wait_ready()
        yield services
    finally:
        for service in services:
            service.kill()


def _start_anew(services: list[Service], which: int, start: Callable[[], Service], result: Result) -> None:
    services[which] = start()
    result.restart_s.append(services[which].wait_ready())


def _written_until_killed(
    services: Sequence[Service], victim: int, token: str, kill: int, rng: random.Random, result: Result
) -> list[_Writer]:
    """Let clients write, kill a service at a random moment, and return the clients."""
    first, is_over = threading.Event(), threading.Event()
    writers = [
        _Writer(services[number % len(services)].port, token, number, kill, first, is_over)
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    was_written = first.wait(_FIRST_WRITE_S)
    time.sleep(rng.uniform(*MOMENT_S))
    services[victim].kill()
    others = [writer for writer in writers if writer.port != services[victim].port]
    if others:
        _go_on(others, result)
    is_over.set()
    for writer in writers:
        writer.join()
    assert was_written, "nothing was written"
    return writers


def _go_on(others: Sequence[_Writer], result: Result) -> None:
    """Wait until the clients of the service that lives have been answered after the kill."""
    before, killed_s = [writer.count for writer in others], time.monotonic()
    waiting = dict(zip(others, before, strict=True))
    while waiting and time.monotonic() < killed_s + _GO_ON_S:
        time.sleep(0.01)
        waiting = {w: count for w, count in waiting.items() if w.count == count and w.is_alive()}
    result.waited_s.append(time.monotonic() - killed_s)
    for writer, count in zip(others, before, strict=True):
        result.went_on += writer.count - count
        if writer.count == count:
            result.broken.append(f"writer {writer.name} of the other service was not answered after the kill")


class _Writer(threading.Thread):
    """Creates, activates and deletes until it gets no answer, or is told that it is over."""

    def __init__(
        self, port: int, token: str, number: int, kill: int, first: threading.Event, is_over: threading.Event
    ) -> None:
        super().__init__(name=f"{kill}-{number}")
        self.port = port
        self.standing: dict[str, Written] = {}
        self.count = 0
        self.pending: _Request | None = None
        self.fault: str | None = None
        self._token, self._first, self._is_over = token, first, is_over
        self._rng = random.Random(f"{_SEED} {kill} {number}")
        self._row = kill * WRITERS + number
        self._last: Written | None = None
        self._extents: dict[str, str] = {}

    def run(self) -> None:
        client = Client(self.port, self._token, timeout_s=30.0)
        try:
            while self.fault is None and not self._is_over.is_set():
                request = self.pending = self._next()
                status, body = client.ask(request.method, request.path, request.body)
                self._note(request, status, body)
                self.pending = None
                self._first.set()
        except (OSError, http.client.HTTPException):
            pass  # it was killed
        finally:
            client.close()

    def _next(self) -> _Request:
        last, chance = self._last, self._rng.random()
        if last is not None and last.state and chance < _ACTIVATE_SHARE + _DELETE_SHARE:
            path = f"{_INTENTS}{last.entity_id}/{last.ovn}"
            if chance < _DELETE_SHARE:
                return _Request(last.entity_id, "DELETE", path, None, "")
            body = _body("Activated", self._extents[last.entity_id])
            return _Request(last.entity_id, "PUT", path, body, "Activated")
        entity_id = str(uuid.uuid4())
        extents = self._extents[entity_id] = _extents(self._row, len(self._extents), time.time())
        body = _body("Accepted", extents)
        return _Request(entity_id, "PUT", _INTENTS + entity_id, body, "Accepted")

    def _note(self, request: _Request, status: int, body: bytes) -> None:
        if status not in (http.client.OK, http.client.CREATED):
            self.fault = f"{request.method} {request.entity_id} was answered with {status}: {body[:200]!r}"
            return
        ovn = _reference(body)["ovn"] if request.state else ""
        self._last = Written(request.entity_id, ovn, request.state)
        self.standing[request.entity_id] = self._last
        self.count += 1


def _extents(row: int, count: int, now_s: float) -> str:
    """Return where nobody else is: a place of its own for each of a row."""
    lat, lng = -50.0 + (row + count // _A_ROW * 200) * _APART_DEGREES, count % _A_ROW * _APART_DEGREES
    circle = f'{{"center":{{"lat":{lat},"lng":{lng}}},"radius":{{"value":100,"units":"M"}}}}'
    low, high = (f'{{"value":{value},"reference":"W84","units":"M"}}' for value in (50, 100))
    volume = f'{{"outline_circle":{circle},"altitude_lower":{low},"altitude_upper":{high}}}'
    return f'[{{"volume":{volume},"time_start":{stamp(now_s)},"time_end":{stamp(now_s + _FLIES_S)}}}]'


def _body(state: str, extents: str) -> bytes:
    by = f'"new_subscription":{{"uss_base_url":"{URL}"}}'
    return f'{{"state":"{state}","uss_base_url":"{URL}","key":[],"extents":{extents},{by}}}'.encode()


def _reference(body: bytes) -> dict[str, Any]:
    reference: dict[str, Any] = msgspec.json.decode(body)["operational_intent_reference"]
    return reference


def _there(client: Client, entity_id: str) -> Written:
    status, body = client.ask("GET", _INTENTS + entity_id)
    if status == http.client.NOT_FOUND:
        return Written(entity_id, "", "")
    if status != http.client.OK:
        raise RuntimeError(f"GET {entity_id} was answered with {status}: {body[:300]!r}")
    reference = _reference(body)
    return Written(entity_id, reference["ovn"], reference["state"])


def _otherwise(client: Client, written: Written) -> str | None:
    """Say how an intent is there otherwise than it was answered; None where it is as answered."""
    there = _there(client, written.entity_id)
    return None if there == written else f"{written} is {there}"


def _check(port: int, token: str, writer: _Writer, everything: dict[str, Written], result: Result) -> None:
    """Check what a writer was answered, and send again what it was not."""
    client = Client(port, token)
    if writer.fault is not None:
        result.broken.append(writer.fault)
    result.answered += writer.count
    pending = writer.pending
    for written in writer.standing.values():
        fault = _otherwise(client, written)
        if fault and (pending is None or pending.entity_id != written.entity_id):
            result.lost.append(fault)
    if pending is not None and writer.fault is None:
        result.cut_off += 1
        _send_again(client, pending, everything, result)
    client.close()


def _send_again(client: Client, request: _Request, everything: dict[str, Written], result: Result) -> None:
    """Send a write again that was not answered: it is done once, whether it was done before or not."""
    before = everything.get(request.entity_id, Written(request.entity_id, "", ""))
    there = _there(client, request.entity_id)
    if there != before:
        result.cut_off_done += 1
        if there.state != request.state:
            result.lost.append(f"{before}, cut off in {request.method} to {request.state!r}, is {there}")
    status, body = client.ask(request.method, request.path, request.body)
    if status not in (http.client.OK, http.client.CREATED):
        result.broken.append(f"{request.method} {request.entity_id} sent again: {status} {body[:200]!r}")
        everything[request.entity_id] = _there(client, request.entity_id)
        return
    after = Written(request.entity_id, _reference(body)["ovn"] if request.state else "", request.state)
    if there not in (before, after):
        result.broken.append(f"{request.method} sent again made {after} of {there}")
    everything[request.entity_id] = after


def _row(what: str, result: Result) -> Row:
    told = (
        f"{result.kills} kills, {result.answered:,} writes answered, {len(result.lost)} lost, "
        f"{len(result.broken)} other faults"
    )
    notes = [
        f"times are restarts, at most {max(result.restart_s):.2f} s",
        f"of {result.cut_off} writes without an answer {result.cut_off_done} were done; all sent again",
        f"{result.went_on:,} writes answered by the other after a kill" if result.went_on else "",
        f"its clients went on within {max(result.waited_s):.2f} s" if result.waited_s else "",
        *result.lost[:3],
        *result.broken[:3],
        f"load {measure.load_average()}",
    ]
    p50_s, p95_s = np.percentile(result.restart_s, (50, 95)).tolist()
    return Row(
        what=what,
        p50_s=p50_s,
        p95_s=p95_s,
        answer=told if result.holds else f"{measure.BROKEN}: {told}",
        note="; ".join(note for note in notes if note),
    )
