"""Serving the listener on its socket, over TLS, in the process and event loop of the node."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

IDLE_S: Final = 30
"""So long a connection stays open while nothing is asked."""
CONNECTIONS_MAX: Final = 256
"""So many connections at one time; more are refused (503)."""
STOP_S: Final = 5
"""So long requests under way may take once the node is told to stop."""
_TURN_S: Final = 0.01
CERTIFICATE: Final = "certificate"
"""Where the application finds the certificate that was shown, DER, in the state of a request."""


def server_of(app: ASGIApp, context: ssl.SSLContext) -> FederationServer:
    """Return a server for the application, which stands beside the one of the API in one process.

    Args:
        app: What answers.
        context: The TLS context.
    """
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=STOP_S,
        limit_concurrency=CONNECTIONS_MAX,
    )
    config.load()
    config.ssl = context
    return FederationServer(config)


class FederationServer(uvicorn.Server):
    """Leaves the signals to the server of the API."""

    def stop(self) -> None:
        """Begin to stop: what is idle is closed at once, as the event loop may not go on for long."""
        self.should_exit = True
        for connection in list(self.server_state.connections):
            connection.shutdown()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, and leave no connection to an event loop that is about to close."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()  # its peer neither took the answer nor ended TLS in that time
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                while self.server_state.connections:
                    await asyncio.sleep(_TURN_S)
        await asyncio.sleep(0.0)  # the last one closes its socket after it says that it is lost

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        """Take none."""
        return contextlib.nullcontext()


class _Protocol(H11Protocol):
    """Tells the application which certificate was shown."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # asyncio does this itself unless the socket was opened without a word of TCP; then answers, which
        # are written in two pieces, would each wait 40 ms for the peer to acknowledge the first.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls = transport.get_extra_info("ssl_object")
        certificate = None if tls is None else tls.getpeercert(binary_form=True)
        self.app_state = {**self.app_state, CERTIFICATE: certificate}

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing():
            self.transport.abort()  # a peer that is idle does not answer the end of TLS
