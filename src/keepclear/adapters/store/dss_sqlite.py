"""A store of the service in one SQLite file: serial, exact, durable; one process has it at a time.

One thread owns the file. What waits is done together in one transaction, each undone alone when it
raises or was called off, and answered once the transaction is on the disk.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw

from keepclear.adapters.store import dss_migrations
from keepclear.adapters.store.dss_index import DssIndex
from keepclear.adapters.store.dss_rows import SqliteDssTransaction
from keepclear.adapters.store.dss_waiting import PROBE_S, Waiting, WaitingRoom
from keepclear.adapters.store.migrations import migrate, version_of
from keepclear.adapters.store.sqlite import CACHE_BYTES, Durability, named_errors, require_ours
from keepclear.node.dss.ports import DssTransaction, Target, Ticket
from keepclear.node.dss.refusals import CalledOffError
from keepclear.node.outcomes import StoreError

GROUP_MAX: Final = 64
"""So much is done in one transaction at most."""
ALONE_TIMEOUT_S: Final = 5.0
"""So long a process that starts waits for one that still has the file, as while that stops."""

_log = logging.getLogger(__name__)

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class _Done:
    waiting: Waiting
    result: Any = None
    error: BaseException | None = None
    has_written: bool = False

    def answer(self) -> None:
        if self.error is not None:
            self.waiting.answer.set_exception(self.error)
        else:
            self.waiting.answer.set_result(self.result)


class SqliteDssStore:
    """See the module.

    Args:
        path: The file.
        durability: What a commit waits for.
        create: Whether to make the file where there is none.

    Raises:
        StoreError: It cannot be opened, is no database of a service, is damaged, was written by a newer
            version, or another process has it.
    """

    def __init__(self, path: Path, *, durability: Durability = Durability.FULL, create: bool = True) -> None:
        self.path = path
        self._connection = _opened(path, durability, create=create)
        try:
            with named_errors(path):
                index = DssIndex(self._connection)
                last: Any = self._connection.execute("select coalesce(max(n), 0) from entity").get
        except BaseException:
            self._connection.close()
            raise
        self._transaction = SqliteDssTransaction(self._connection, index, int(last))
        self._room = WaitingRoom()
        self._fault: str | None = None
        self._thread = threading.Thread(target=self._run, name="dss store", daemon=True)
        self._thread.start()

    @property
    def fault(self) -> str | None:
        """Why it cannot work at present; None when it can."""
        return self._fault if self._thread.is_alive() else "the store has stopped"

    @property
    def waiting_count(self) -> int:
        """How much waits to be done."""
        return self._room.queue.qsize()

    def run(
        self,
        work: Callable[[DssTransaction], A],
        ticket: Ticket | None = None,
        target: Target | None = None,
    ) -> Future[A]:
        """Do something in a transaction of its own, as if nothing else were done at that time.

        Raises:
            StoreBusyError: Too much is waiting, or the store is closed.
        """
        return self._room.enter(work, ticket, target)

    def close(self) -> None:
        """Finish what waits, then stop."""
        self._room.close(1)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            group, is_last = self._next_group()
            if group:
                self._make(group)

    def _next_group(self) -> tuple[list[Waiting], bool]:
        group: list[Waiting] = []
        try:
            entry = self._room.queue.get(timeout=PROBE_S if self._fault else None)
        except queue.Empty:
            self._probe()
            return group, False
        while entry is not None:
            if entry.answer.set_running_or_notify_cancel():  # else whoever asked has called it off
                group.append(entry)
            if len(group) >= GROUP_MAX:
                return group, False
            try:
                entry = self._room.queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _probe(self) -> None:
        """Try whether the file can be written, by writing what is there already.

        Else whoever asks nobody that is in bad health would never hear that it is well again.
        """
        try:
            with named_errors(self.path):
                if self._connection.in_transaction:
                    self._connection.execute("rollback")
                self._connection.execute(f"pragma user_version = {version_of(self._connection)}")
        except StoreError as error:
            self._fault = str(error)
        else:
            self._fault = None

    def _make(self, group: Sequence[Waiting]) -> None:
        """Do what waits in one transaction, and answer it once that is lasting."""
        try:
            with named_errors(self.path):
                if self._connection.in_transaction:  # it could not be undone before
                    self._connection.execute("rollback")
                self._connection.execute("begin")  # nobody else can write
                done = [self._one(waiting) for waiting in group]
                self._connection.execute("commit")
        except Exception as error:  # whatever it is, nobody may wait for ever
            told = self._undone(error)
            done = [_Done(waiting, error=told) for waiting in group]
        else:
            if any(each.has_written for each in done):
                self._fault = None  # something is lasting, so it can work again
        for each in done:
            each.answer()

    def _undone(self, error: Exception) -> StoreError:
        """Undo everything, and return what to tell."""
        if not isinstance(error, StoreError):
            error = StoreError(f"{self.path}: a fault of the service: {error!r}", may_pass=True)
        _log.error("the store could not do what was asked", extra={"reason": str(error)})
        self._fault = str(error)
        try:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
        except apsw.Error as failed:
            _log.error("nor undo it", extra={"reason": str(failed)})
        return error

    def _one(self, waiting: Waiting) -> _Done:
        """Do one thing; if it raises or was called off, undo it alone.

        Raises:
            StoreError: The whole transaction was undone.
        """
        before = self._connection.total_changes()
        self._connection.execute("savepoint work")
        error: BaseException
        try:
            result = waiting.work(self._transaction)
            if self._connection.in_transaction and (waiting.ticket is None or waiting.ticket.claim()):
                self._connection.execute("release work")
                return _Done(waiting, result, has_written=self._connection.total_changes() > before)
            error = CalledOffError("nobody waits for it any more")
        except apsw.Error as raised:
            error = self._named(raised)
        except BaseException as raised:
            error = raised
        if not self._connection.in_transaction:  # SQLite has undone all of it, as when the disk is full
            if isinstance(error, StoreError):
                raise error
            raise StoreError(f"{self.path}: the transaction was undone", may_pass=True) from error
        self._connection.execute("rollback to work")
        self._connection.execute("release work")
        return _Done(waiting, error=error)

    def _named(self, error: apsw.Error) -> StoreError:
        try:
            with named_errors(self.path):
                raise error
        except StoreError as named:
            self._fault = str(named)
            return named


def _opened(path: Path, durability: Durability, *, create: bool) -> apsw.Connection:
    """Open the file, alone, and bring it to the newest schema."""
    if not create and not path.is_file():
        raise StoreError(f"{path}: there is no such database", may_pass=False)
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    application_id = dss_migrations.DSS_APPLICATION_ID
    with named_errors(path):
        connection = apsw.Connection(str(path), flags=flags)
        try:
            connection.set_busy_timeout(round(ALONE_TIMEOUT_S * 1000.0))
            # Before anything is read: so no other process can have it open, and no memory is shared.
            connection.execute("pragma locking_mode = exclusive")
            require_ours(connection, path, may_be_empty=create, application_id=application_id)
            connection.execute("pragma journal_mode = wal")
            connection.execute(f"pragma synchronous = {durability.value}")
            connection.execute(f"pragma cache_size = -{CACHE_BYTES // 1024}")
            connection.execute("begin immediate; commit")  # from here on it is ours alone
            migrate(connection, path, package=dss_migrations.__name__, application_id=application_id)
        except apsw.BusyError as error:
            connection.close()
            reason = f"{path}: another process has it open; stop that, or use PostgreSQL for several"
            raise StoreError(reason, may_pass=True) from error
        except BaseException:
            connection.close()
            raise
    return connection
