"""What waits to be done by the threads of a store: bounded, and nobody gets in behind the last one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from keepclear.node.dss.ports import DssTransaction, Target, Ticket
from keepclear.node.dss.refusals import StoreBusyError

QUEUE_MAX: Final = 1_000
"""So much may wait to be done; more is refused, and may be tried again."""
PROBE_S: Final = 1.0
"""After so long with nothing to do a database that could not be used is tried again."""

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing to do.

    Attributes:
        work: What.
        ticket: Whether it is still wanted; None for always.
        target: What it will change, if that is known.
        answer: What comes of it.
    """

    work: Callable[[DssTransaction], Any]
    ticket: Ticket | None
    target: Target | None
    answer: Future[Any] = field(default_factory=Future)


class WaitingRoom:
    """See the module.

    Attributes:
        queue: What waits, in its order; None tells a thread that it is the last.
    """

    def __init__(self) -> None:
        self.queue: queue.Queue[Waiting | None] = queue.Queue(QUEUE_MAX)
        self._door, self._is_closing = threading.Lock(), False

    def enter(
        self, work: Callable[[DssTransaction], A], ticket: Ticket | None, target: Target | None
    ) -> Future[A]:
        """Have something wait to be done.

        Raises:
            StoreBusyError: Too much is waiting, or the store is closed.
        """
        waiting = Waiting(work, ticket, target)
        with self._door:
            if self._is_closing:
                raise StoreBusyError("the service is stopping")
            try:
                self.queue.put_nowait(waiting)
            except queue.Full:
                raise StoreBusyError(f"{QUEUE_MAX:,} requests are waiting; try again later") from None
        return waiting.answer

    def close(self, thread_count: int) -> None:
        """Let nobody in any more, and tell each thread once that it may stop behind what waits."""
        with self._door:
            was_closing, self._is_closing = self._is_closing, True
        for _ in range(0 if was_closing else thread_count):
            self.queue.put(None)
