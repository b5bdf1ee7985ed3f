"""Sending CoT events to feeds that ask for it (`?send=1`): on the connection that is read, or to the group.

What is sent is never waited for. Where the other side does not take them, events are left out, and it
is told as a problem of the feed.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Final

from keepclear.adapters.feeds.intake import Intake

UNSENT_BYTES_MAX: Final = 1_000_000
"""So much waits to be sent on one connection; what comes then is left out."""


class CotOut:
    """The way out of one feed.

    Args:
        intake: Where problems of the feed are told.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._send: Callable[[bytes], bool] | None = None
        self.sent_count = 0
        """Events that were sent."""

    def send(self, event: bytes) -> bool:
        """Send one whole event.

        Returns:
            Whether it was; not so while there is no connection, or too much waits.
        """
        if self._send is None:
            return False
        if not self._send(event):
            self._intake.problem("events were not sent: the other side does not take them")
            return False
        self.sent_count += 1
        return True

    @contextlib.contextmanager
    def on_stream(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        """Send on a connection for as long as this lasts."""

        def send(event: bytes) -> bool:
            if writer.transport.is_closing():
                return False
            if writer.transport.get_write_buffer_size() + len(event) > UNSENT_BYTES_MAX:
                return False
            writer.write(event)
            return True

        with self._by(send):
            yield

    @contextlib.contextmanager
    def by_datagrams(self, connected: socket.socket) -> Iterator[None]:
        """Send datagrams on a socket for as long as this lasts.

        Args:
            connected: Does not block, and knows to whom it sends.
        """

        def send(event: bytes) -> bool:
            try:
                return connected.send(event) == len(event)
            except OSError:  # there is no way to it, or no room for it
                return False

        with self._by(send):
            yield

    @contextlib.contextmanager
    def _by(self, send: Callable[[bytes], bool]) -> Iterator[None]:
        self._send = send
        try:
            yield
        finally:
            self._send = None
