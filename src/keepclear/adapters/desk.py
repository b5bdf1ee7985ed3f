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
from datetime import datetime
from typing import Final

from keepclear.core.errors import KeepclearError
from keepclear.core.index import Engine
from keepclear.core.times import floor_ms, instant_of
from keepclear.node.declare import Declaring
from keepclear.node.detect import Moment, Still
from keepclear.node.held import Held
from keepclear.node.outcomes import Outcome, StoreError
from keepclear.node.policy import Policy
from keepclear.node.ports import Actor, Clock, ItemForm, Record, Store

QUEUE_MAX: Final = 1_000
"""So many changes and questions may wait; more are refused, and may be tried again."""
GROUP_MAX: Final = 64
"""So many changes are made in one transaction at most."""
POLL_S: Final = 0.5
"""So often the desk looks whether another process wrote, or something expired, while nobody asks."""
_FOLLOW_MAX: Final = 1_000
_SLOW_S: Final = 1.0

_log = logging.getLogger(__name__)

Change = Callable[[Declaring], Outcome]
"""A use case with its arguments; see `Declaring`."""


class DeskBusyError(KeepclearError):
    """Too much is waiting at the desk; trying again later may help."""


class DeskClosedError(KeepclearError):
    """The node is stopping or has stopped."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    actor: Actor
    change: Change
    answer: Future[Outcome]


class Desk:
    """See the module.

    Args:
        store: Where everything is kept.
        form: How items are written.
        policy: What the party decided.
        clock: What time it is.
        engine: Which code searches.
        published: Called, in the thread of the desk, with entries of the log once they are on the
            disk, those of other processes too; each once and in their order.

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
        engine: Engine = Engine.AUTO,
        published: Callable[[Sequence[Record]], None] = lambda _: None,
    ) -> None:
        self._store, self._form, self._policy, self._clock = store, form, policy, clock
        self._engine, self._published = engine, published
        self._queue: queue.Queue[_Waiting | Future[Moment] | None] = queue.Queue(QUEUE_MAX)
        self._door, self._is_closing = threading.Lock(), False
        self._still: Still | None = None
        self._fault: str | None = None
        self._unwritten: str | None = None  # why the last changes could not be stored
        self._builders = ThreadPoolExecutor(1, "index")
        self._held = self._filled()
        self._told_seq = self._held.seq
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)
        self._thread.start()

    @property
    def fault(self) -> str | None:
        """Why the desk cannot work at present; None when it can."""
        return (self._fault or self._unwritten) if self._thread.is_alive() else "the desk has stopped"

    @property
    def waiting_count(self) -> int:
        """How many changes and questions wait."""
        return self._queue.qsize()

    @property
    def held_count(self) -> int:
        """How many items are held."""
        return len(self._held.picture)

    def change(self, actor: Actor, change: Change) -> Future[Outcome]:
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
        answer: Future[Moment] = Future()
        self._put(answer)
        return answer

    def close(self) -> None:
        """Finish what waits, then stop."""
        with self._door:
            was_closing, self._is_closing = self._is_closing, True
        if not was_closing:
            self._queue.put(None)
        self._thread.join()
        self._builders.shutdown()

    def _put(self, waiting: _Waiting | Future[Moment]) -> None:
        with self._door:  # so that nobody gets in behind the last one
            if self._is_closing:
                raise DeskClosedError("the node is stopping")
            try:
                self._queue.put_nowait(waiting)
            except queue.Full:
                reason = f"{QUEUE_MAX} changes and questions are waiting; try again later"
                raise DeskBusyError(reason) from None

    def _filled(self) -> Held:
        now_ms, kept_ms = floor_ms(self._clock()), self._policy.kept_ms
        return Held(
            self._store.holding(now_ms - kept_ms),
            self._form,
            self._engine,
            self._builders,
            filled_ms=now_ms,
            kept_ms=kept_ms,
        )

    def _run(self) -> None:
        while True:
            group, questions, is_last = self._next_group()
            try:
                if self._fault is not None or self._held.dropped_too_early(self._now()):
                    self._held, self._still = self._filled(), None
                    self._fault = None
                    self._tell_of_others()
                if group:
                    self._make(group)
                else:
                    self._catch_up()
                for question in questions:
                    question.set_result(self._present())
            except StoreError as error:
                self._fail(error, group, questions)
            except Exception as error:  # whatever it is, nobody may wait for ever
                _log.exception("a fault at the desk; it reads the store anew")
                self._fail(StoreError(f"a fault of the node: {error!r}", may_pass=True), group, questions)
            if is_last:
                return

    def _next_group(self) -> tuple[list[_Waiting], list[Future[Moment]], bool]:
        group: list[_Waiting] = []
        questions: list[Future[Moment]] = []
        try:
            entry = self._queue.get(timeout=POLL_S)
            while True:
                if entry is None:
                    return group, questions, True
                answer = entry if isinstance(entry, Future) else entry.answer
                if answer.set_running_or_notify_cancel():  # else whoever asked has called it off
                    (questions if isinstance(entry, Future) else group).append(entry)  # type: ignore[arg-type]
                if len(group) >= GROUP_MAX:
                    break
                entry = self._queue.get_nowait()
        except queue.Empty:
            pass
        return group, questions, False

    def _now(self) -> datetime:
        return instant_of(floor_ms(self._clock()))  # as it is stored: to the millisecond

    def _make(self, group: Sequence[_Waiting]) -> None:
        """Make changes in one transaction, and answer them."""
        began_s = time.monotonic()
        answers: list[Outcome | Exception] = []
        new: list[Record] = []
        with self._store.transaction() as transaction:
            now = self._now()
            if self._held.dropped_too_early(now):  # while it waited for another process
                raise StoreError("the clock was set back; the picture is read anew", may_pass=True)
            self._held.expire(now)
            others = transaction.records_after(self._held.seq)
            self._held.follow(others)
            new.extend(others)
            for waiting in group:
                declaring = Declaring(
                    held=self._held,
                    transaction=transaction,
                    form=self._form,
                    policy=self._policy,
                    actor=waiting.actor,
                    now=now,
                )
                try:
                    with transaction.savepoint():
                        outcome = waiting.change(declaring)
                except StoreError:
                    raise
                except KeepclearError as error:
                    answers.append(error)
                else:
                    answers.append(outcome)
                    if not outcome.is_repeat:
                        new.append(outcome.record)
        self._still = None
        if any(isinstance(answer, Outcome) and not answer.is_repeat for answer in answers):
            self._unwritten = None  # something was stored: it can be done again
        for waiting, answer in zip(group, answers, strict=True):
            if isinstance(answer, Exception):
                waiting.answer.set_exception(answer)
            else:
                waiting.answer.set_result(answer)
        if new:
            self._tell(new)
        took_s = time.monotonic() - began_s
        if took_s > _SLOW_S:
            _log.warning("writing was slow", extra={"seconds": round(took_s, 3), "changes": len(group)})

    def _catch_up(self) -> None:
        """Take over what other processes wrote, and drop what expired."""
        held = self._held
        before = len(held.picture)
        held.expire(self._now())
        if len(held.picture) != before:
            self._still = None
        while records := self._store.records_after(held.seq, _FOLLOW_MAX):
            held.follow(records)
            self._still = None
            self._tell(records)

    def _tell(self, records: Sequence[Record]) -> None:
        self._told_seq = records[-1].seq
        self._published(records)

    def _tell_of_others(self) -> None:
        """Tell of what is held since the store was read anew, and was not told."""
        while records := self._store.records_after(self._told_seq, _FOLLOW_MAX):
            known = [record for record in records if record.seq <= self._held.seq]
            if not known:
                return
            self._tell(known)

    def _present(self) -> Moment:
        if self._still is None:
            self._still = Still(self._held.picture.copy(), self._held.seq, self._policy)
        return Moment(still=self._still, now=self._now())

    def _fail(
        self, error: StoreError, group: Sequence[_Waiting], questions: Sequence[Future[Moment]]
    ) -> None:
        """Tell everybody; what is held may hold what was undone, so it is read anew."""
        self._fault = str(error)
        if group:
            self._unwritten = str(error)
        _log.error("the desk cannot work", extra={"reason": str(error)})
        for answer in [waiting.answer for waiting in group] + list(questions):
            if not answer.done():
                answer.set_exception(error)
