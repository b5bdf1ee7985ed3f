"""Puts load on a Discovery and Synchronization Service, in a process of its own: a closed loop of users.

The process is this file (`python -m bench.dss_generator`): what to do comes as JSON on the standard input,
and what came of it goes as JSON to the standard output. A user sends its next request when the last one was
answered. The HTTP is as little as will do: connections that are kept, bodies with a stated length.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
import uuid
from collections import Counter
from enum import Enum
from typing import Final, NamedTuple

import msgspec
import numpy as np

from bench.dss_flights import RADIUS_M, Flight, Known, flight, intent_body, subscription_body

THINK_S: Final = (0.01, 0.1)
"""Between these a user thinks after each flight, where users think: 55 ms on average."""
TRIES_MAX: Final = 5
"""So often a flight is sent at most, with what the refusals named."""
_INTENTS: Final = "/dss/v1/operational_intent_references/"
_SUBSCRIPTIONS: Final = "/dss/v1/subscriptions/"
_OK, _CREATED, _CONFLICT = 200, 201, 409
_FAULTS_TOLD: Final = 3


class Shape(Enum):
    """What the users do."""

    CREATES = "creates"
    """Create intents with a subscription of their own each, and never delete them."""
    FLIGHTS = "flights"
    """Create, activate and delete intents that name one subscription."""
    FLIGHTS_IN_SUBSCRIPTION = "flights_in_subscription"
    """As creates, below one subscription over the whole place."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to do.

    Attributes:
        ports: Where services answer; the users are dealt to them in turn.
        token: Sent with each request.
        shape: What the users do.
        users: How many there are.
        lasting_s: For so long, seconds.
        thinks: Whether users think between flights.
        seed: Fixes the flights.
    """

    ports: list[int]
    token: str
    shape: Shape
    users: int
    lasting_s: float
    thinks: bool
    seed: int


class Tally(msgspec.Struct, kw_only=True):
    """What came of it.

    Attributes:
        wall_s: How long it took, seconds.
        creates: Creations answered with 201, in the first half and in the second.
        succeeded: Requests answered with 200 or 201.
        statuses: How many requests got which answer.
        took_ms: Median, 95th and 99th percentile of all answers, milliseconds.
        retries: Requests sent again with what a refusal named.
        given_up: Flights that were refused to the last try.
        keys: How many OVNs were given on average.
        cpu_s: The CPU time of this process for all requests, seconds.
        faults: The first answers that are neither success nor conflict.
    """

    wall_s: float
    creates: tuple[int, int]
    succeeded: int
    statuses: dict[str, int]
    took_ms: tuple[float, float, float]
    retries: int
    given_up: int
    keys: float
    cpu_s: float
    faults: list[str]

    @property
    def requests(self) -> int:
        """How many requests were answered."""
        return sum(self.statuses.values())


class _Answer(NamedTuple):
    status: int
    body: bytes


class _Named(msgspec.Struct):
    """What is read of a reference; the rest is left alone."""

    id: str
    ovn: str | None = None


class _Changed(msgspec.Struct):
    operational_intent_reference: _Named


class _Refused(msgspec.Struct):
    missing_operational_intents: list[_Named] | None = None


_read_changed: Final = msgspec.json.Decoder(_Changed).decode
_read_refused: Final = msgspec.json.Decoder(_Refused).decode


class Connection:
    """One connection that is kept."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._head = f" HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> _Answer:
        """Send a request; return its answer.

        Raises:
            OSError: There is no connection.
            asyncio.IncompleteReadError: It was cut off.
            ValueError: The answer is none of HTTP, or its length is not stated.
        """
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n" if body else "\r\n"
        writer.write(f"{method} {path}{self._head}{kind}".encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.index(b"\r\ncontent-length:") + 17
        return _Answer(
            int(head[9:12]), await reader.readexactly(int(head[length : head.index(b"\r\n", length)]))
        )

    async def close(self) -> None:
        """Close it; nothing happens where it is closed."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class _Load:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._known = Known()  # all users are of one operator
        self._subscription_id = ""
        self._statuses: Counter[str] = Counter()
        self._took_s: list[float] = []
        self._created_at_s: list[float] = []
        self._succeeded = self._retries = self._given_up = self._keyed = self._keys = 0
        self._faults: list[str] = []

    async def run(self) -> Tally:
        order = self._order
        if order.shape is not Shape.CREATES:
            await self._subscribe()
        cpu_start_s, start_s = time.process_time(), time.perf_counter()
        self._stop_s = start_s + order.lasting_s
        await asyncio.gather(*(self._user(number) for number in range(order.users)))
        wall_s, cpu_s = time.perf_counter() - start_s, time.process_time() - cpu_start_s
        first = sum(at_s - start_s < wall_s / 2 for at_s in self._created_at_s)
        p50, p95, p99 = np.percentile(self._took_s or [0.0], (50, 95, 99)).tolist()
        return Tally(
            wall_s=wall_s,
            creates=(first, len(self._created_at_s) - first),
            succeeded=self._succeeded,
            statuses=dict(self._statuses),
            took_ms=(p50 * 1e3, p95 * 1e3, p99 * 1e3),
            retries=self._retries,
            given_up=self._given_up,
            keys=self._keys / max(self._keyed, 1),
            cpu_s=cpu_s,
            faults=self._faults,
        )

    async def _subscribe(self) -> None:
        """Make the one subscription, that intents may name."""
        entity_id = str(uuid.uuid4())
        connection = Connection(self._order.ports[0], self._order.token)
        body = subscription_body(time.time())
        answer = await connection.ask("PUT", _SUBSCRIPTIONS + entity_id, body)
        await connection.close()
        if answer.status not in (_OK, _CREATED):
            raise RuntimeError(f"no subscription: {answer.status} {answer.body[:300]!r}")
        if self._order.shape is Shape.FLIGHTS:
            self._subscription_id = entity_id

    async def _user(self, number: int) -> None:
        order = self._order
        rng = random.Random(f"{order.seed} {number}")
        radius_m = RADIUS_M / 2 if order.shape is Shape.FLIGHTS else RADIUS_M
        connection = Connection(order.ports[number % len(order.ports)], order.token)
        try:
            while time.perf_counter() < self._stop_s:
                await self._fly(connection, flight(rng, time.time(), radius_m))
                if order.thinks:
                    await asyncio.sleep(rng.uniform(*THINK_S))
        finally:
            await connection.close()

    async def _fly(self, connection: Connection, flown: Flight) -> None:
        entity_id = str(uuid.uuid4())
        ovn = await self._put(connection, entity_id, flown, "Accepted", "")
        if ovn is None or self._order.shape is not Shape.FLIGHTS:
            return
        changed = await self._put(connection, entity_id, flown, "Activated", ovn)
        await self._ask(connection, "DELETE", f"{_INTENTS}{entity_id}/{changed or ovn}")
        self._known.drop(entity_id, flown.box)

    async def _put(
        self, connection: Connection, entity_id: str, flown: Flight, state: str, ovn: str
    ) -> str | None:
        """Create or change an intent, again with what refusals name; return its OVN, None where given up."""
        path = f"{_INTENTS}{entity_id}/{ovn}" if ovn else _INTENTS + entity_id
        told: set[str] = set()
        for attempt in range(TRIES_MAX):
            self._retries += attempt > 0
            key = sorted({*self._known.key(flown.box, entity_id), *told})
            self._keyed, self._keys = self._keyed + 1, self._keys + len(key)
            body = intent_body(flown.extents, key, state, self._subscription_id)
            answer = await self._ask(connection, "PUT", path, body)
            if answer.status in (_OK, _CREATED):
                if answer.status == _CREATED:
                    self._created_at_s.append(time.perf_counter())
                new = _read_changed(answer.body).operational_intent_reference.ovn
                assert new is not None
                self._known.hold(entity_id, flown.box, new)
                return new
            missing = (
                _read_refused(answer.body).missing_operational_intents if answer.status == _CONFLICT else None
            )
            if not missing:
                self._fault("PUT", answer)
                return None
            told |= {one.ovn for one in missing if one.ovn}
        self._given_up += 1
        return None

    async def _ask(self, connection: Connection, method: str, path: str, body: bytes = b"") -> _Answer:
        start_s = time.perf_counter()
        try:
            answer = await connection.ask(method, path, body)
        except (OSError, asyncio.IncompleteReadError) as error:
            await connection.close()
            self._statuses[type(error).__name__] += 1
            answer = _Answer(0, b"{}")
        else:
            self._statuses[str(answer.status)] += 1
        self._took_s.append(time.perf_counter() - start_s)
        if answer.status in (_OK, _CREATED):
            self._succeeded += 1
        elif answer.status != _CONFLICT and method != "PUT":
            self._fault(method, answer)
        return answer

    def _fault(self, method: str, answer: _Answer) -> None:
        if len(self._faults) < _FAULTS_TOLD:
            self._faults.append(f"{method} {answer.status}: {answer.body[:200].decode(errors='replace')}")


def main() -> None:
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    try:
        import uvloop
    except ImportError:
        tally = asyncio.run(_Load(order).run())
    else:
        tally = uvloop.run(_Load(order).run())
    sys.stdout.buffer.write(msgspec.json.encode(tally))


if __name__ == "__main__":
    main()
