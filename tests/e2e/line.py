"""A line between a browser and a node that can be cut or fall silent, as a network does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

_CHUNK_BYTES: Final = 65_536
_JOIN_S: Final = 10.0


class Line:
    """Passes on what both ends say, until it is cut or silent. It runs in the loop of `line_to`.

    Attributes:
        url: Where the browser finds the node.
    """

    def __init__(self, port: int) -> None:
        self.url = ""
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._is_cut = False
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}

    def cut(self) -> None:
        """End every connection, and every new one at once."""
        self._do(self._cut)

    def fall_silent(self) -> None:
        """Keep the connections, but pass nothing on."""
        self._do(self._flows.clear)

    def mend(self) -> None:
        """Pass everything on again, what was held back first."""

        def mend() -> None:
            self._is_cut = False
            self._flows.set()

        self._do(mend)

    async def passed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = [writer]
        with suppress(OSError, asyncio.CancelledError):
            if not self._is_cut:
                to_node = await asyncio.open_connection("127.0.0.1", self._port)
                self._open[task].append(to_node[1])
                await asyncio.gather(self._pump(reader, to_node[1]), self._pump(to_node[0], writer))
        for each in self._open.pop(task):
            each.close()
            with suppress(OSError):
                await each.wait_closed()

    async def end(self) -> None:
        """End every connection, and wait for it."""
        tasks = list(self._open)
        self._cut()
        await asyncio.gather(*tasks)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
        writer.close()

    def _cut(self) -> None:
        self._is_cut = True
        for task in self._open:
            task.cancel()

    def _do(self, what: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(what)


@contextmanager
def line_to(port: int) -> Iterator[Line]:
    """Lay a line to a port of the loopback, until the block is left."""
    lines: list[Line] = []
    is_laid, is_over = threading.Event(), asyncio.Event()

    async def run() -> None:
        line = Line(port)
        async with await asyncio.start_server(line.passed, "127.0.0.1", 0) as server:
            line.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            lines.append(line)
            is_laid.set()
            await is_over.wait()
            server.close()
            await line.end()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), name="line")
    thread.start()
    try:
        assert is_laid.wait(_JOIN_S)
        yield lines[0]
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join(_JOIN_S)
        loop.close()
