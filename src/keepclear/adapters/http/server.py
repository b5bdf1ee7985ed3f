"""Serving a node on a socket until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from keepclear.adapters.http.app import RunningNode
from keepclear.core.errors import InvalidValueError

HEADERS_MAX_S: Final = 10.0
"""So long a request may take to come, up to its body; who is slower is cut off."""
STOP_S: Final = 5.0
"""So long requests under way may take once the node is told to stop."""
BACKLOG: Final = 512
"""So many connections may wait to be taken."""
CONNECTIONS_MAX: Final = 1_000
"""So many requests and streams at one time; more are refused (503)."""


class ImpatientProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # one of two, by what is installed
    """Ends a connection whose next request does not come whole up to its body within `HEADERS_MAX_S`.

    Without it, connections that say nothing would hold all places of those who have something to ask.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._await_request()

    def data_received(self, data: bytes) -> None:
        """Take what comes; wait for the rest of a request, and no longer once it has come up to its body."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is before:
            self._await_request()
        elif self._deadline is not None:  # else who asks again and again would be cut off in between
            self._deadline.cancel()
            self._deadline = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _await_request(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADERS_MAX_S, self._give_up)

    def _give_up(self) -> None:
        self._deadline = None
        is_busy = self.cycle is not None and not self.cycle.response_complete
        if not is_busy and not self.transport.is_closing():
            self.transport.close()


class ToldServer(uvicorn.Server):
    """Tells once it serves.

    Args:
        config: Of what is served, and how.
        started: Called once requests are answered.
    """

    def __init__(self, config: uvicorn.Config, started: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
        self._told_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and tell so."""
        await super().startup(sockets)
        if self.started:
            self._told_started()


class NodeServer(ToldServer):
    """Ends the streams before it waits for requests under way: they would never end by themselves.

    Args:
        config: Of what is served, and how.
        running: The node whose streams end.
        started: Called once requests are answered.
    """

    def __init__(
        self, config: uvicorn.Config, running: RunningNode, started: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(config, started)
        self._running = running

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then serve no more."""
        self._running.node.hub.close()
        await super().shutdown(sockets)


@contextlib.contextmanager
def listening(host: str, port: int, key: str = "server.listen") -> Iterator[socket.socket]:
    """Open the socket to listen on, so that what stands in the way is told before anything else.

    Args:
        host: The name or address.
        port: The port; 0 for any that is free.
        key: The setting that says so.

    Raises:
        InvalidValueError: The address is in use, or none of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        reason = f"cannot listen on {host}:{port} ({error.strerror or error}); choose another port"
        raise InvalidValueError(key, reason) from error
    with listener:
        yield listener


def serve(
    running: RunningNode,
    listener: socket.socket,
    *,
    started: Callable[[], None] = lambda: None,
    alongside: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serve a node until the process is told to stop (SIGINT or SIGTERM).

    Args:
        running: The node; it is closed at the end.
        listener: Where to listen.
        started: Called once requests are answered.
        alongside: What runs beside it in the event loop, until the end.
    """
    server = running.node.settings.server
    config = config_of(running.app, server.tls_certificate, server.tls_key)
    running.alongside = alongside
    try:
        NodeServer(config, running, started).run(sockets=[listener])
    finally:
        running.close()


def config_of(app: ASGIApp, tls_certificate: Path | None, tls_key: Path | None) -> uvicorn.Config:
    """Return how an application is served.

    Args:
        app: It.
        tls_certificate: The file with the certificate; None for no TLS.
        tls_key: The file with its key.
    """
    return uvicorn.Config(
        app,
        http=ImpatientProtocol,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=round(STOP_S),
        limit_concurrency=CONNECTIONS_MAX,
        ssl_certfile=tls_certificate,
        ssl_keyfile=tls_key,
    )
