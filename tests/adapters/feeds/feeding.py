"""What tests of feeds share: others to whom a feed connects, reports as lines, and waiting for something."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from random import Random
from typing import Any

from keepclear.adapters.clock import now
from keepclear.adapters.feeds.address import parse_feeds
from keepclear.adapters.feeds.feeds import Feeds
from keepclear.core.feed_health import FeedHealth
from keepclear.core.reports import Reports

WAIT_S = 10.0  # for what must happen at once; a test that waits so long fails
AT_MS = 1_700_000_000_000


def line(report_id: str, at_ms: int | None = None, lat: float = 46.5, **more: object) -> bytes:
    """Return a report as NDJSON, of now if no time is given."""
    ms = round(datetime.now(UTC).timestamp() * 1000) if at_ms is None else at_ms
    return json.dumps({"id": report_id, "at_ms": ms, "lat": lat, "lng": 7.0, **more}).encode() + b"\n"


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


async def connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect as soon as somebody listens."""
    async with asyncio.timeout(10.0):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.002)


class Taken:
    """Takes reports, and keeps them."""

    def __init__(self) -> None:
        self.batches: list[Reports] = []

    def __call__(self, reports: Reports) -> None:
        self.batches.append(reports)

    def ids(self, source: str | None = None) -> list[str]:
        return [each for batch in self.batches if source in {None, batch.source} for each in batch.ids]


class Other:
    """A server on a free port, to which feeds connect; what it says is said to all who are there."""

    def __init__(self) -> None:
        self.port = 0
        self.accepted = 0
        self.heard = b""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        try:
            while data := await reader.read(4096):
                self.heard += data
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    @property
    def count(self) -> int:
        return len(self._writers)

    def say(self, data: bytes) -> None:
        for writer in self._writers:
            writer.write(data)

    def drop(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self.drop()
        await until(lambda: not self._writers)


@contextlib.asynccontextmanager
async def other() -> AsyncIterator[Other]:
    server = Other()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def running(taken: Callable[[Reports], object], *texts: str) -> AsyncIterator[Feeds]:
    """Run feeds for as long as this lasts, with the shortest waits."""
    feeds = Feeds(parse_feeds(texts), now, taken, random=Random(1))
    task = asyncio.ensure_future(feeds.run())
    try:
        yield feeds
        assert not task.done(), task
    finally:
        task.cancel()
        async with asyncio.timeout(2.0):
            await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that must happen soon."""
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.002)


def of(feeds: Feeds, name: str) -> FeedHealth:
    """Return how a feed is."""
    return next(health for health in feeds.health() if health.name == name)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test in an event loop, in a thread of its own: other tests may keep a loop in this one.

    Nothing may be left undone in it that raised.
    """
    faults: list[dict[str, Any]] = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        await main()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(lambda: asyncio.run(watched())).result()
    assert not faults, faults
