"""Serving a node on a socket until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
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
HEADERS_BYTES_MAX: Final = 65_536
"""So many bytes of a request may come without its body being reached; who sends more is refused (431)."""
STOP_S: Final = 5.0
"""So long requests under way may take once the node is told to stop."""
BACKLOG: Final = 512
"""So many connections may wait to be taken."""
CONNECTIONS_MAX: Final = 1_000
"""So many requests and streams at one time; more are refused (503)."""


_REACHED_BY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # what listens on every address
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
)


class ImpatientProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # one of two, by what is installed
    """Ends a connection whose next request does not come whole up to its body: in time, and in few bytes.

    Without it, connections that say nothing would hold all places of those who have something to ask, and
    headers without an end would fill the memory.
    """

    _deadline: asyncio.TimerHandle | None = None
    _header_bytes = 0

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._await_request()

    def data_received(self, data: bytes) -> None:
        """Take what comes; wait for the rest of a request, and no longer once it has come up to its body."""
        before = self.cycle
        is_of_body = before is not None and before.more_body
        super().data_received(data)
        if self.cycle is before:
            self._await_request()
            self._header_bytes += 0 if is_of_body else len(data)
            if self._header_bytes > HEADERS_BYTES_MAX and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()
            return
        self._header_bytes = 0
        if self._deadline is not None:  # else who asks again and again would be cut off in between
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
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            reason += " or address: it must be one of this machine"
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


def local_url(host: str, port: int, *, is_tls: bool) -> str:
    """Return the URL by which what listens is reached on this machine."""
    reached = _REACHED_BY.get(host, host)
    shown = f"[{reached}]" if ":" in reached else reached
    return f"{'https' if is_tls else 'http'}://{shown}:{port}"


def check_certificate(setting: str, tls_certificate: Path | None, tls_key: Path | None) -> None:
    """Load a certificate and its key once, so that what is wrong is told before anything else.

    Args:
        setting: What names the certificate.
        tls_certificate: The file with the certificate; None for no TLS.
        tls_key: The file with its key.

    Raises:
        InvalidValueError: They cannot be read, do not fit each other, or the key is locked.
    """
    if tls_certificate is None:
        return
    asked = []

    def passphrase() -> str:  # else OpenSSL asks on the terminal, where nobody may be
        asked.append(True)
        return ""

    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls_certificate, tls_key, passphrase)
    except ssl.SSLError as error:
        reason = f"this is no certificate with its key in {tls_key} ({error.reason or 'it is no PEM'})"
        if asked:
            reason = f"its key in {tls_key} is locked with a passphrase; openssl pkey unlocks it"
        raise InvalidValueError(f"{setting}: {tls_certificate}", reason) from None
    except OSError as error:
        reason = f"it, or {tls_key}, cannot be read: {error.strerror or error}"
        raise InvalidValueError(f"{setting}: {tls_certificate}", reason) from None


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
