"""The stream: everything that happens at a node, to whoever listens (Server-Sent Events).

Entries of the log carry their number as the id of the event, so that a listener who was cut off goes
on where it was. Tracks and the clock have no id: only the latest of them matters.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from keepclear.adapters.http.bodies import encode, event_body
from keepclear.core.errors import KeepclearError
from keepclear.node.ports import Record

LISTENER_QUEUE_MAX: Final = 2_000
"""So many events may wait for a listener; one that is farther behind is cut off, and can resume."""
CATCH_UP_PAGE: Final = 500
"""So many entries of the log are read at a time for a listener that resumes."""
CUT_GRACE_S: Final = 5.0
"""So long a listener that was cut off may take to read what is on its way; then its connection goes."""
MEDIA_TYPE: Final = "text/event-stream"
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

Page = Callable[[int, int], Sequence[Record]]
"""Reads entries of the log after a number, at most so many."""


class TooManyListenersError(KeepclearError):
    """So many listen that no further one is taken."""


def event_text(kind: str, data: bytes, event_id: int | None = None) -> bytes:
    """Return an event as it is on the wire; the data must be one line."""
    number = b"" if event_id is None else b"id: %d\n" % event_id
    return number + b"event: %s\ndata: %s\n\n" % (kind.encode(), data)


class _Listener:
    """What waits for one listener."""

    def __init__(self) -> None:
        # An entry of the log with its number, or the kind of something of which only the latest matters.
        self.waiting: asyncio.Queue[tuple[int, bytes] | str | None] = asyncio.Queue(LISTENER_QUEUE_MAX)
        self.latest: dict[str, bytes] = {}
        self.is_cut = False
        self.patience: asyncio.Timeout | None = None

    def give(self, seq: int, text: bytes) -> None:
        self._put((seq, text))

    def give_latest(self, kind: str, text: bytes) -> None:
        """Give something in the place of the one of its kind that still waits."""
        is_waiting = kind in self.latest
        self.latest[kind] = text
        if not is_waiting:
            self._put(kind)

    def _put(self, entry: tuple[int, bytes] | str) -> None:
        if self.is_cut:
            return
        if self.waiting.full():
            self.end()
        else:
            self.waiting.put_nowait(entry)

    def end(self) -> None:
        self.is_cut = True
        while not self.waiting.empty():
            self.waiting.get_nowait()
        self.waiting.put_nowait(None)
        if self.patience is not None:
            self.patience.reschedule(asyncio.get_running_loop().time() + CUT_GRACE_S)


class EventStream(StreamingResponse):
    """The answer that is a stream. However it ends, begun or not, its listener leaves."""

    def __init__(self, events: AsyncIterator[bytes], listener: _Listener, leave: Callable[[], None]) -> None:
        super().__init__(events, media_type=MEDIA_TYPE, headers=_HEADERS)
        self._listener, self.leave = listener, leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what happens until the listener is cut off or goes."""
        try:
            if scope["method"] == "HEAD":  # it would never end
                await Response(headers=_HEADERS, media_type=MEDIA_TYPE)(scope, receive, send)
                return
            async with asyncio.timeout(None) as self._listener.patience:
                await super().__call__(scope, receive, send)
        except TimeoutError:
            pass  # it was cut off, and takes nothing: the server closes an answer that is left unfinished
        finally:
            self.leave()


class Throttle:
    """Does something soon after it is asked for, and not oftener than so.

    It belongs to one event loop. Whatever is asked for while it waits is done at once at its end.

    Args:
        do: What is done.
        every_s: The least time between two.
    """

    def __init__(self, do: Callable[[], None], every_s: float) -> None:
        self._do, self._every_s = do, every_s
        self._next_s = 0.0
        self._waiting: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        """Ask for it to be done."""
        loop = asyncio.get_running_loop()
        if self._waiting is None:
            self._waiting = loop.call_at(max(loop.time(), self._next_s), self._done)

    def _done(self) -> None:
        self._waiting = None
        self._next_s = asyncio.get_running_loop().time() + self._every_s
        self._do()

    def close(self) -> None:
        """Leave undone what waits."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


class Hub:
    """Spreads events to listeners; it belongs to one event loop.

    Args:
        listeners_max: So many may listen.
    """

    def __init__(self, listeners_max: int) -> None:
        self._listeners: set[_Listener] = set()
        self._listeners_max = listeners_max

    @property
    def listener_count(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def spread_records(self, records: Sequence[Record]) -> None:
        """Tell of new entries of the log."""
        if self._listeners:
            for record in records:
                text = event_text("item", encode(event_body(record)), record.seq)
                for listener in self._listeners:
                    listener.give(record.seq, text)

    def spread(self, kind: str, data: bytes) -> None:
        """Tell of something of which only the latest matters."""
        text = event_text(kind, data)
        for listener in self._listeners:
            listener.give_latest(kind, text)

    def close(self) -> None:
        """End every stream."""
        for listener in self._listeners:
            listener.end()

    def stream(
        self, after: int | None, page: Page, first: bytes, *, is_admitted: Callable[[], bool] = lambda: True
    ) -> EventStream:
        """Listen to everything from now on.

        Args:
            after: Go on after this entry of the log; None to begin with what comes. One that the log
                does not have is of another log, and nothing comes before what happens now.
            page: Reads entries of the log.
            first: What is sent at once.
            is_admitted: Tells whether the listener may still listen. It is asked with each event that
                has no number: the clock is one.

        Returns:
            The answer: events, until the listener is cut off.

        Raises:
            TooManyListenersError: Too many listen.
        """
        if len(self._listeners) >= self._listeners_max:
            raise TooManyListenersError(f"{self._listeners_max} streams are open; close one, or try later")
        listener = _Listener()
        self._listeners.add(listener)
        events = _events(listener, after, page, first, is_admitted)
        return EventStream(events, listener, lambda: self._listeners.discard(listener))


async def _events(
    listener: _Listener, after: int | None, page: Page, first: bytes, is_admitted: Callable[[], bool]
) -> AsyncIterator[bytes]:
    yield first
    sent = 0
    if after:
        named = await asyncio.to_thread(page, after - 1, 1)
        sent = after if named else 0
    if sent or after == 0:
        while records := await asyncio.to_thread(page, sent, CATCH_UP_PAGE):
            yield b"".join(event_text("item", encode(event_body(record)), record.seq) for record in records)
            sent = records[-1].seq
    while (entry := await listener.waiting.get()) is not None:
        if isinstance(entry, str):
            text = listener.latest.pop(entry)
            if not is_admitted():
                return
            yield text
        elif entry[0] > sent:  # else it was read from the log already
            yield entry[1]
