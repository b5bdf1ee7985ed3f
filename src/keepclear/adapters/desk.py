"""The desk: the one thread of a node that writes, and the only one that touches what is held.

Changes that wait are made together in one transaction, each undone alone when it is refused, and
answered once the transaction is on the disk. Questions get a moment: a picture that does not change.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from keepclear.core.errors import KeepclearError
from keepclear.core.index import Engine
from keepclear.core.intents import ItemId
from keepclear.core.notice import Seen
from keepclear.node.declare import Declaring
from keepclear.node.detect import Moment, Unknown
from keepclear.node.outcomes import Outcome, StoreError
from keepclear.node.policy import Policy
from keepclear.node.ports import Actor, Clock, ItemForm, Record, Store
from keepclear.node.workbench import Answer, Change, Heads, Voice, Workbench

QUEUE_MAX: Final = 1_000
"""So many changes and questions may wait; more are refused, and may be tried again."""
GROUP_MAX: Final = 64
"""So many changes are made in one transaction at most."""
POLL_S: Final = 0.5
"""So often the desk looks whether another process wrote, or something expired, while nobody asks."""
_SLOW_S: Final = 1.0

_log = logging.getLogger(__name__)

A = TypeVar("A", bound=Answer)
T = TypeVar("T")


class DeskBusyError(KeepclearError):
    """Too much is waiting at the desk; trying again later may help."""


class DeskClosedError(KeepclearError):
    """The node is stopping or has stopped."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    actor: Actor
    change: Change
    answer: Future[Any]


@dataclass(frozen=True, slots=True)
class _Question:
    question: Callable[[Workbench], Any]
    answer: Future[Any]


class Desk:
    """See the module.

    Args:
        store: Where everything is kept.
        form: How items are written.
        policy: What the party decided.
        clock: What time it is.
        voice: What the node speaks with; None for a node without keys, which states nothing.
        engine: Which code searches.
        published: Called, in the thread of the desk, with entries of the log once they are on the
            disk, those of other processes too; each once and in their order.
        grown: Called, in that thread, with how far the logs of parties are held, once one is held further.
        talked: Called, in that thread, once anything was said, or a party signed what it received.
        unheard: Called in that thread; tells what is not known because somebody is not heard.
        seen_of: Called in that thread; tells where the aircraft of an operation are seen.

    Raises:
        StoreError: The store cannot be read.
    """

    def __init__(
        self,
        store: Store,
        form: ItemForm,
        policy: Policy,
        clock: Clock,
        *,
        voice: Voice | None = None,
        engine: Engine = Engine.AUTO,
        published: Callable[[Sequence[Record]], None] = lambda _: None,
        grown: Callable[[Heads], None] = lambda _: None,
        talked: Callable[[], None] = lambda: None,
        unheard: Callable[[], Sequence[Unknown]] = tuple,
        seen_of: Callable[[ItemId], Sequence[Seen]] = lambda _: (),
    ) -> None:
        self._queue: queue.Queue[_Waiting | _Question | None] = queue.Queue(QUEUE_MAX)
        self._door, self._is_closing = threading.Lock(), False
        self._unwritten: str | None = None  # why the last changes could not be stored
        self._builders = ThreadPoolExecutor(1, "index")
        self._bench = Workbench(
            store,
            form,
            policy,
            clock,
            voice=voice,
            engine=engine,
            builders=self._builders,
            published=published,
            grown=grown,
            talked=talked,
            unheard=unheard,
            seen_of=seen_of,
        )
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)
        self._thread.start()

    @property
    def fault(self) -> str | None:
        """Why the desk cannot work at present; None when it can."""
        if not self._thread.is_alive():
            return "the desk has stopped"
        return self._bench.fault or self._unwritten

    @property
    def waiting_count(self) -> int:
        """How many changes and questions wait."""
        return self._queue.qsize()

    @property
    def held_count(self) -> int:
        """How many items are held."""
        return len(self._bench.held.picture)

    def change(self, actor: Actor, change: Callable[[Declaring], A]) -> Future[A]:
        """Have something changed.

        Args:
            actor: Who changes it.
            change: What to do.

        Returns:
            The outcome, once it is on the disk; or what was raised, and then nothing was changed.

        Raises:
            DeskBusyError: Too much is waiting.
            DeskClosedError: The node is stopping.
        """
        waiting = _Waiting(actor, change, Future())
        self._put(waiting)
        return waiting.answer

    def moment(self) -> Future[Moment]:
        """Ask for the picture as it is once everything before is done.

        Raises:
            DeskBusyError: Too much is waiting.
            DeskClosedError: The node is stopping.
        """
        return self.ask(Workbench.present)

    def ask(self, question: Callable[[Workbench], T]) -> Future[T]:
        """Ask something of what is held once everything before is done; it must be quick.

        Raises:
            DeskBusyError: Too much is waiting.
            DeskClosedError: The node is stopping.
        """
        asked = _Question(question, Future())
        self._put(asked)
        return asked.answer

    def close(self) -> None:
        """Finish what waits, then stop."""
        with self._door:
            was_closing, self._is_closing = self._is_closing, True
        if not was_closing:
            self._queue.put(None)
        self._thread.join()
        self._builders.shutdown()

    def _put(self, waiting: _Waiting | _Question) -> None:
        with self._door:  # so that nobody gets in behind the last one
            if self._is_closing:
                raise DeskClosedError("the node is stopping")
            try:
                self._queue.put_nowait(waiting)
            except queue.Full:
                reason = f"{QUEUE_MAX} changes and questions are waiting; try again later"
                raise DeskBusyError(reason) from None

    def _run(self) -> None:
        while True:
            group, questions, is_last = self._next_group()
            try:
                self._bench.refresh()
                if group:
                    self._make(group)
                else:
                    self._bench.catch_up()
                for question in questions:
                    self._answer(question)
            except StoreError as error:
                self._fail(error, group, questions)
            except Exception as error:  # whatever it is, nobody may wait for ever
                _log.exception("a fault at the desk; it reads the store anew")
                self._fail(StoreError(f"a fault of the node: {error!r}", may_pass=True), group, questions)
            if is_last:
                return

    def _answer(self, asked: _Question) -> None:
        try:
            asked.answer.set_result(asked.question(self._bench))
        except StoreError:
            raise
        except KeepclearError as error:
            asked.answer.set_exception(error)

    def _next_group(self) -> tuple[list[_Waiting], list[_Question], bool]:
        group: list[_Waiting] = []
        questions: list[_Question] = []
        try:
            entry = self._queue.get(timeout=POLL_S)
            while True:
                if entry is None:
                    return group, questions, True
                if entry.answer.set_running_or_notify_cancel():  # else whoever asked has called it off
                    if isinstance(entry, _Question):
                        questions.append(entry)
                    else:
                        group.append(entry)
                if len(group) >= GROUP_MAX:
                    break
                entry = self._queue.get_nowait()
        except queue.Empty:
            pass
        return group, questions, False

    def _make(self, group: Sequence[_Waiting]) -> None:
        """Make changes in one transaction, and answer them."""
        began_s = time.monotonic()
        answers = self._bench.make([(waiting.actor, waiting.change) for waiting in group])
        if any(isinstance(answer, Outcome) and not answer.is_repeat for answer in answers):
            self._unwritten = None  # something was stored: it can be done again
        for waiting, answer in zip(group, answers, strict=True):
            if isinstance(answer, Exception):
                waiting.answer.set_exception(answer)
            else:
                waiting.answer.set_result(answer)
        took_s = time.monotonic() - began_s
        if took_s > _SLOW_S:
            _log.warning("writing was slow", extra={"seconds": round(took_s, 3), "changes": len(group)})

    def _fail(self, error: StoreError, group: Sequence[_Waiting], questions: Sequence[_Question]) -> None:
        """Tell everybody; what is held may hold what was undone, so it is read anew."""
        self._bench.fault = str(error)
        if group:
            self._unwritten = str(error)
        _log.error("the desk cannot work", extra={"reason": str(error)})
        answers = [waiting.answer for waiting in group] + [asked.answer for asked in questions]
        for answer in answers:
            if not answer.done():
                answer.set_exception(error)
