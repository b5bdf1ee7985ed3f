"""A store of the service in PostgreSQL, which any number of processes may use at once.

Nothing that another process can change is kept in memory. Each thread has two connections: one works, in
transactions that are SERIALIZABLE, and one, the gate, holds rows of `dss_lock` meanwhile.

Why nothing slips in between. Extents that meet share a cube, and one looks up a term that stands for the
other (`core.cell_terms`). It does so by equality in a B-tree, and what a serializable transaction has looked
up there, found or not, no other one changes without the database noticing: of the two it undoes one, which is
then done again. (A search through GiST is not noticed so; there is none.) That alone makes it right.

The locks only see to it that writers in one place go one after the other in place of undoing each other. Who
is about to write its first row takes the rows of `dss_lock` for all places that it looked at or writes to, if
they are free. If not, it undoes what it did, waits for all that it is known to need in the order of their
keys, and only then begins again. What it needs only grows, and there are few hundred in all, so this ends;
nobody waits for a key while it holds a greater one, so nobody waits in a ring. A transaction that only reads
takes no locks. Where it is told beforehand what will be written, its locks are waited for at once, and it is
mostly done in one go.

Source:
    https://www.postgresql.org/docs/current/transaction-iso.html#XACT-SERIALIZABLE
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final, TypeVar

from keepclear.adapters.store.dss_extents import PackedTexts
from keepclear.adapters.store.dss_waiting import PROBE_S, Waiting, WaitingRoom
from keepclear.node.dss.ports import DssTransaction, Target, Ticket
from keepclear.node.outcomes import StoreError

if TYPE_CHECKING:
    from keepclear.adapters.store.dss_postgres_worker import Worker

WORKERS: Final = 4
"""So many transactions are done at once by one process, unless said otherwise."""
WORKERS_MAX: Final = 64
"""No process does more at once: each takes two connections."""
GIVES_UP_AFTER_S: Final = 8.0
"""For so long something is begun again because others were first; then it fails, and may be tried again."""

A = TypeVar("A")


class PostgresDssStore:
    """See the module.

    Args:
        dsn: The database, as a URL (postgresql://user@host/name) or a connection string of libpq.
        workers: How many transactions are done at once.
        gives_up_after_s: For so long one is begun again when others were first; then it fails.

    Raises:
        StoreError: The database cannot be used, psycopg is not installed, or a newer version wrote it.
    """

    def __init__(
        self, dsn: str, *, workers: int = WORKERS, gives_up_after_s: float = GIVES_UP_AFTER_S
    ) -> None:
        assert 1 <= workers <= WORKERS_MAX, "a number of workers is checked where it is given"
        try:
            from keepclear.adapters.store import dss_postgres_worker as worker  # noqa: PLC0415 - an extra
        except ImportError as error:
            reason = "PostgreSQL needs psycopg, which is not installed; pip install 'keepclear[pg]'"
            raise StoreError(reason, may_pass=False) from error
        worker.prepare(dsn)
        self._health = worker.Health()
        self._room = WaitingRoom()
        texts = PackedTexts()
        self._workers = [worker.Worker(dsn, gives_up_after_s, self._health, texts) for _ in range(workers)]
        self._threads = [
            threading.Thread(target=self._run, args=(each,), name="dss store", daemon=True)
            for each in self._workers
        ]
        for thread in self._threads:
            thread.start()

    @property
    def fault(self) -> str | None:
        """Why it cannot work at present; None when it can."""
        return (
            self._health.fault
            if any(thread.is_alive() for thread in self._threads)
            else "the store has stopped"
        )

    @property
    def waiting_count(self) -> int:
        """How much waits to be done."""
        return self._room.queue.qsize()

    @property
    def rerun_count(self) -> int:
        """How often work was done again because others were first."""
        return sum(each.rerun_count for each in self._workers)

    def run(
        self,
        work: Callable[[DssTransaction], A],
        ticket: Ticket | None = None,
        target: Target | None = None,
    ) -> Future[A]:
        """Do something in a transaction of its own, as if nothing else were done at that time.

        Where the connection is lost while it commits, nobody knows whether it is done: `StoreError` says
        so, and it may be asked for again if it is harmless to do it twice.

        Raises:
            StoreBusyError: Too much is waiting, or the store is closed.
        """
        return self._room.enter(work, ticket, target)

    def close(self) -> None:
        """Finish what waits, then stop."""
        self._room.close(len(self._threads))
        for thread in self._threads:
            thread.join()

    def _run(self, worker: Worker) -> None:
        try:
            while (waiting := self._next(worker)) is not None:
                if waiting.answer.set_running_or_notify_cancel():  # else whoever asked has called it off
                    self._answer(worker, waiting)
        finally:
            worker.close()

    def _next(self, worker: Worker) -> Waiting | None:
        """Wait for something to do; while the database cannot be used, try it now and then."""
        while True:
            try:
                return self._room.queue.get(timeout=PROBE_S if self._health.fault else None)
            except queue.Empty:
                worker.probe()

    def _answer(self, worker: Worker, waiting: Waiting) -> None:
        try:
            result = worker.do(waiting.work, waiting.ticket, waiting.target)
        except BaseException as error:  # whatever it is, nobody may wait for ever
            waiting.answer.set_exception(error)
        else:
            waiting.answer.set_result(result)
