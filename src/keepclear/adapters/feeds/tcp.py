"""Feeds by TCP: streams that this node reads from others, and streams that others write to it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from typing import Final

from keepclear.adapters.feeds.child import decode_in_child
from keepclear.adapters.feeds.cot_out import CotOut
from keepclear.adapters.feeds.intake import BYTES_PER_TURN_MAX, Intake
from keepclear.adapters.feeds.lost import FeedLostError, reason_of

CONNECT_S_MAX: Final = 10.0
"""So long a connection may take to be made."""
IDLE_S_MAX: Final = 60.0
"""A connection on which nothing came for so long is made anew: the other side may be gone unnoticed."""
CONNECTIONS_MAX: Final = 16
"""So many others write to one feed at the same time; more are turned away."""

_log = logging.getLogger(__name__)


async def read_tcp(intake: Intake, out: CotOut | None) -> None:
    """Connect, and read the stream until it ends.

    Args:
        intake: Takes what comes.
        out: Sends on the same connection; None for nothing to send.

    Raises:
        FeedLostError: It could not be connected, or its connection has ended.
    """
    address = intake.address
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            reader, writer = await asyncio.open_connection(
                address.host, address.port, limit=BYTES_PER_TURN_MAX
            )
    except TimeoutError:
        raise FeedLostError(f"it does not answer within {CONNECT_S_MAX:g} s") from None
    except OSError as error:
        raise FeedLostError(f"it cannot be connected: {reason_of(error)}") from None
    try:
        _keep_alive(writer)
        intake.connected()
        with out.on_stream(writer) if out is not None else contextlib.nullcontext():
            if address.feed_format.has_own_process:
                await decode_in_child(_pieces(reader, IDLE_S_MAX), intake)
            else:
                # What is sent finds out, too, whether the other side is still there.
                await _decode(reader, writer, intake, IDLE_S_MAX if out is None else None)
    finally:
        writer.transport.abort()
    raise FeedLostError("the other side has closed the connection")


async def listen_tcp(intake: Intake) -> None:
    """Listen until it is cancelled, and read what is written by all who connect.

    Args:
        intake: Takes what comes.

    Raises:
        FeedLostError: It cannot listen there.
    """
    address = intake.address
    connections = _Connections(intake)
    try:
        server = await asyncio.start_server(
            connections.serve, address.host, address.port, limit=BYTES_PER_TURN_MAX
        )
    except OSError as error:
        raise FeedLostError(f"it cannot listen there: {reason_of(error)}") from None
    intake.connected()
    try:
        await asyncio.Future()  # until it is cancelled
    finally:
        server.close()
        await connections.close()


class _Connections:
    """Those who write to one feed."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= CONNECTIONS_MAX:
            self._intake.dropped(1, f"a connection was turned away: {CONNECTIONS_MAX} are open")
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            _keep_alive(writer)
            await _decode(reader, writer, self._intake, IDLE_S_MAX)
        except FeedLostError as error:
            self._intake.problem(f"of one that writes to it: {error.reason}")
        except asyncio.CancelledError:
            pass  # it is being closed; to raise it here would only be logged
        except Exception as error:  # whatever it is, the others must go on
            _log.exception("a fault in a feed", extra={"feed": self._intake.address.name})
            self._intake.problem(f"a fault of this node: {type(error).__name__}")
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def close(self) -> None:
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pieces(reader: asyncio.StreamReader, idle_s_max: float | None) -> AsyncIterator[bytes]:
    """Yield what comes on a connection, up to its end.

    Raises:
        FeedLostError: The connection broke off, or nothing came for so many seconds.
    """
    while True:
        try:
            async with asyncio.timeout(idle_s_max):
                data = await reader.read(BYTES_PER_TURN_MAX)
        except TimeoutError:
            raise FeedLostError(f"nothing came for {idle_s_max:g} s") from None
        except OSError as error:
            raise FeedLostError(f"the connection broke off: {reason_of(error)}") from None
        if not data:
            return
        yield data


async def _decode(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, intake: Intake, idle_s_max: float | None
) -> None:
    feed_format = intake.address.feed_format
    assert feed_format.make_decoder is not None, "it is a stream"
    decoder, find_answer = feed_format.make_decoder(), feed_format.answer
    try:
        async for data in _pieces(reader, idle_s_max):
            await intake.take(decoder, data)
            if find_answer is not None and (answer := find_answer(decoder, intake.now_ms())) is not None:
                writer.write(answer)
                find_answer = None
    finally:
        intake.finish(decoder)


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    """Let the system find out within a minute whether the other side is still there."""
    connection: socket.socket = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
            if hasattr(socket, name):  # not on every system
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
