"""The thread that watches, so that the API stays quick however much flies.

It gives each round to whoever is to be told, and takes what it is asked for between two cycles.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from keepclear.adapters.watching.rounds import Round, Rounds
from keepclear.core.errors import KeepclearError

_STOPPED: Final = "nothing is watched: the node starts or stops, or see its log"

_log = logging.getLogger(__name__)

T = TypeVar("T")


class WatchStoppedError(KeepclearError):
    """Nothing is watched: the node is starting, stopping, or its watch had a fault."""


class Watching:
    """Rounds in a thread of their own.

    Args:
        make: Makes the rounds, in the thread; called with whom to tell.

    Attributes:
        told: Called with each round, in the thread of the watch.
    """

    def __init__(self, make: Callable[[Callable[[Round], None]], Rounds]) -> None:
        self._latest: Round | None = None
        self._has_failed = False
        self._asked: set[Future[Any]] = set()
        self.told: Callable[[Round], None] = lambda _: None
        self._rounds = make(self._tell)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._task: asyncio.Task[None] | None = None

    @property
    def latest(self) -> Round | None:
        """The latest round; None before the first, and where a fault has ended the watch."""
        return None if self._has_failed else self._latest

    @property
    def is_running(self) -> bool:
        """Whether it watches."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._loop = asyncio.new_event_loop()
        self._thread.start()

    def close(self) -> None:
        """Stop, and wait for it."""
        if self._loop is not None and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # it has just ended by itself
                self._loop.call_soon_threadsafe(self._cancel)
            self._thread.join()

    def ask(self, question: Callable[[Rounds], T]) -> Future[T]:
        """Ask something, or give something, between two cycles.

        Args:
            question: Called in the thread of the watch.

        Raises:
            WatchStoppedError: Nothing is watched.
        """
        if self._loop is None or not self._thread.is_alive():
            raise WatchStoppedError(_STOPPED)
        answer: Future[T] = Future()

        def answered() -> None:
            self._asked.discard(answer)
            if not answer.set_running_or_notify_cancel():
                return  # nobody waits for it any more
            try:
                answer.set_result(question(self._rounds))
            except Exception as error:  # whatever it is: whoever asked must not wait for ever
                answer.set_exception(error)

        self._asked.add(answer)  # before it is on its way: what ends the watch answers all that is here
        try:
            self._loop.call_soon_threadsafe(answered)
        except RuntimeError:  # it has just ended
            self._asked.discard(answer)
            raise WatchStoppedError(_STOPPED) from None
        return answer

    def _tell(self, done: Round) -> None:
        self._latest = done
        self.told(done)

    def _run(self) -> None:
        loop = self._loop
        assert loop is not None, "it was made before the thread began"
        asyncio.set_event_loop(loop)
        self._task = loop.create_task(self._rounds.run())
        try:
            loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except Exception:  # whatever it is: that the watch has stopped is shown
            self._has_failed = True
            _log.exception("a fault of the watch; nothing is watched until the node starts anew")
        finally:
            loop.close()
            for answer in list(self._asked):  # nobody answers any more
                if answer.set_running_or_notify_cancel():
                    answer.set_exception(WatchStoppedError(_STOPPED))
            self._asked.clear()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
