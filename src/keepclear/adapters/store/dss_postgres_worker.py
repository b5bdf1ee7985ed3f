"""What one thread of a store in PostgreSQL does: a transaction, begun again until it is done or in vain.

Needs psycopg (the extra `pg`).
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

import psycopg
from psycopg import IsolationLevel, errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from keepclear.adapters.store import dss_postgres_links as links
from keepclear.adapters.store.dss_extents import PackedTexts
from keepclear.adapters.store.dss_postgres_links import Gate, Link
from keepclear.adapters.store.dss_postgres_rows import (
    UNDONE,
    Known,
    PostgresDssTransaction,
    TakenError,
    lock_of_name,
)
from keepclear.node.dss.ports import DssTransaction, Target, Ticket
from keepclear.node.dss.refusals import CalledOffError
from keepclear.node.outcomes import StoreError

BACKOFF_MAX_S: Final = 0.1
"""So long it waits at most before it does something again."""
RECONNECT_S: Final = 1.0
"""For so long after a connection could not be made, what needs one is refused and none is tried."""

_BACKOFF_S: Final = 0.001
_GATE_SETTINGS: Final = {
    "idle_in_transaction_session_timeout": str(round(links.IDLE_TIMEOUT_S * 1000.0)),
    "lock_timeout": "0",  # how long is waited is for us to say, whatever the default of the server
    # The server notices as we do when the other side has vanished, and frees what that had locked.
    **{f"tcp_{name}": str(value) for name, value in links.KEEPALIVES.items()},
    "client_connection_check_interval": str(round(links.CHECK_S * 1000.0)),
}
_WORK_SETTINGS: Final = {
    **_GATE_SETTINGS,
    "statement_timeout": str(round(links.STATEMENT_TIMEOUT_S * 1000.0)),
    "synchronous_commit": "on",  # whatever the default of the server: what was answered is lasting
    "enable_seqscan": "off",  # who reads a small table whole is in the way of all who write to it
}
_PROBE: Final = "update dss_schema set version = version where one = 1"
_IS_FAULT: Final = ("0A", "25006", "42", "53", "58", "XX")
"""A standby; read-only; a table is missing or forbidden; no room; errors of the system, and of the server."""

_log = logging.getLogger(__name__)

A = TypeVar("A")


def prepare(dsn: str) -> None:
    """Bring a database to the newest schema.

    Raises:
        StoreError: It cannot be used.
    """
    try:
        conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:  # its text may hold the password
        reason = "the URL of the database cannot be read; write postgresql://user@host:port/name"
        raise StoreError(reason, may_pass=False) from None
    try:
        links.migrate(dsn)
    except psycopg.Error as error:
        raise _named(error) from error


class Health:
    """Whether the database can be used, as all workers of a store see it.

    Attributes:
        fault: Why it cannot; None where it can.
    """

    def __init__(self) -> None:
        self.fault: str | None = None
        self._refusal: StoreError | None = None
        self._refuses_until_s = 0.0

    def delay(self, error: StoreError) -> None:
        """Let no connection be made for a while, for one could not be made just now."""
        self.tell(str(error))
        self._refusal, self._refuses_until_s = error, time.monotonic() + RECONNECT_S

    def require_connectable(self) -> None:
        """Refuse what needs a new connection where none could be made just now.

        Raises:
            StoreError: So it was.
        """
        if self._refusal is not None and time.monotonic() < self._refuses_until_s:
            raise StoreError(str(self._refusal), may_pass=self._refusal.may_pass)

    def tell(self, fault: str | None) -> None:
        """Note what was found, and log it if it is new."""
        if fault != self.fault:
            self.fault = fault
            if fault is None:
                _log.info("the database can be used again")
            else:
                _log.error("the database cannot be used", extra={"reason": fault})


class _Run:
    """What is known of one piece of work while it is begun again and again."""

    def __init__(self, ticket: Ticket | None, until_s: float, target: Target | None) -> None:
        self.ticket, self.until_s, self.target = ticket, until_s, target
        self.known = Known()
        self.waits_for_locks = False
        self.was_lost = False
        self.rerun_count = 0

    def claim(self) -> None:
        """Take the work as wanted, once.

        Raises:
            CalledOffError: It was called off.
        """
        if self.ticket is not None and not self.ticket.claim():
            raise CalledOffError("nobody waits for it any more")
        self.ticket = None


class Worker:
    """Two connections and what is done through them; for one thread.

    Args:
        dsn: The database.
        gives_up_after_s: See the store.
        health: Where it tells whether the database can be used.
        texts: Extents by their texts.

    Attributes:
        rerun_count: How often work was begun again because others were first.
    """

    def __init__(self, dsn: str, gives_up_after_s: float, health: Health, texts: PackedTexts) -> None:
        self._dsn, self._gives_up_after_s, self._health, self._texts = dsn, gives_up_after_s, health, texts
        self._link: Link | None = None
        self._gate: Gate | None = None
        self._chance = random.Random()
        self.rerun_count = 0

    def probe(self) -> None:
        """Try whether the database can be used, by writing what is there already."""
        try:
            link, _ = self._connected()
            link.execute(_PROBE)
            link.commit()
        except links.RETRIED:
            self._health.tell(None)  # somebody else has tried at the same time
        except (psycopg.Error, StoreError) as error:
            self._health.tell(str(_named(error)))
        else:
            self._health.tell(None)
        self._rest()

    def close(self) -> None:
        """Release the connections."""
        if self._link is not None:
            self._link.close()
        if self._gate is not None:
            self._gate.close()
        self._link = self._gate = None

    def do(
        self, work: Callable[[DssTransaction], A], ticket: Ticket | None, target: Target | None = None
    ) -> A:
        """Do work in a transaction.

        Raises:
            CalledOffError: It was called off.
            StoreError: It could not be done.
            BaseException: What the work raised.
        """
        run = _Run(ticket, time.monotonic() + self._gives_up_after_s, target)
        try:
            while True:
                try:
                    return self._attempt(work, run)
                except TakenError:
                    run.waits_for_locks = True
                    self._again(run, back_off=False)
                except links.RETRIED:
                    run.known.needed.add(UNDONE)
                    self._again(run, back_off=True)
                except psycopg.Error as error:
                    self._lost_once(run, error)
        finally:
            self._rest()

    def _attempt(self, work: Callable[[DssTransaction], A], run: _Run) -> A:
        """Do the work once.

        Raises:
            TakenError: It must be done again, with locks.
            psycopg.Error: Nothing was done.
            StoreError: Nobody knows whether it was done, or it went wrong.
            BaseException: What the work raised, or that it was called off.
        """
        link, gate = self._connected()
        if run.target is not None:
            self._line_up(gate, run, run.target)
        left_s = run.until_s - time.monotonic()
        if run.waits_for_locks and not gate.wait_for(run.known.needed, left_s):
            raise _contended()
        transaction = PostgresDssTransaction(link, gate, run.known, self._texts)
        try:
            result = work(transaction)
            if link.info.transaction_status is TransactionStatus.INERROR:
                raise StoreError("an error that was passed over has undone the transaction", may_pass=True)
            run.claim()
        except (TakenError, psycopg.Error):
            self._undo(transaction, run)
            raise
        except BaseException:
            if transaction.is_writer:
                self._undo(transaction, run)
            else:  # what it read holds only once this is committed
                link.commit()
            raise
        self._commit(link, transaction, run)
        if transaction.is_writer:
            self._health.tell(None)
        return result

    def _line_up(self, gate: Gate, run: _Run, target: Target) -> None:
        """Note the locks that a target needs, where it is to be and where it was a moment ago."""
        run.target, run.waits_for_locks = None, True
        run.known.needed.add(lock_of_name(target.kind, target.entity_id))
        if target.extent is not None:
            run.known.needed |= set(run.known.terms(target.extent).stripes)
        run.known.needed |= gate.stripes_of(target.kind, target.entity_id)

    def _undo(self, transaction: PostgresDssTransaction, run: _Run) -> None:
        run.waits_for_locks = run.waits_for_locks or transaction.is_writer
        assert self._link is not None
        if not self._link.closed:
            self._link.rollback()

    def _commit(self, link: Link, transaction: PostgresDssTransaction, run: _Run) -> None:
        try:
            link.commit()
        except psycopg.Error as error:
            run.waits_for_locks = run.waits_for_locks or transaction.is_writer
            if transaction.is_writer and not isinstance(error, links.RETRIED) and _is_lost(error):
                self.close()
                reason = (
                    "the connection to the database was lost while it committed, so it may be done or not;"
                    " look, or ask for the same again"
                )
                raise StoreError(reason, may_pass=True) from error
            raise

    def _again(self, run: _Run, *, back_off: bool) -> None:
        """Count, and wait a moment, before work is begun again.

        Raises:
            StoreError: It has been tried for so long that it is given up.
        """
        run.rerun_count += 1
        self.rerun_count += 1
        if time.monotonic() > run.until_s:
            raise _contended()
        if back_off and run.rerun_count > 1:
            longest_s = min(BACKOFF_MAX_S, _BACKOFF_S * 2.0 ** min(run.rerun_count, 10))
            time.sleep(self._chance.uniform(0.0, longest_s))

    def _lost_once(self, run: _Run, error: psycopg.Error) -> None:
        """Let work be begun again once where a connection was lost, perhaps long before it was needed.

        Raises:
            StoreError: It was lost again, or something else is wrong.
        """
        if _is_lost(error):
            self.close()
            if not run.was_lost:
                run.was_lost = True
                return
            self._health.tell(str(_named(error)))
        elif (error.sqlstate or "").startswith(_IS_FAULT):
            self._health.tell(str(_named(error)))
        raise _named(error) from error

    def _connected(self) -> tuple[Link, Gate]:
        if self._link is None or self._gate is None or self._link.closed or self._gate.is_closed:
            self.close()
            self._health.require_connectable()
            try:
                self._link = links.connect(self._dsn, _WORK_SETTINGS, IsolationLevel.SERIALIZABLE)
                self._gate = Gate(links.connect(self._dsn, _GATE_SETTINGS, IsolationLevel.READ_COMMITTED))
            except (psycopg.Error, StoreError) as error:
                self._health.delay(_named(error))
                raise _named(error) from error
        return self._link, self._gate

    def _rest(self) -> None:
        """Leave both connections in no transaction; what is lost now is made anew when it is needed."""
        try:
            if self._link is not None and not self._link.closed:
                self._link.rollback()
            if self._gate is not None:
                self._gate.release()
        except psycopg.Error:
            self.close()


def _contended() -> StoreError:
    reason = "others write in the same place all the time, so it could not be done; try again"
    return StoreError(reason, may_pass=True)


def _is_lost(error: psycopg.Error) -> bool:
    """Tell whether an error means that a connection is lost, or could not be made."""
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    state = error.sqlstate
    return state is None or state.startswith(("08", "57P")) or state in ("25P03", "40003")


def _named(error: psycopg.Error | StoreError) -> StoreError:
    """Return ours in place of psycopg's."""
    if isinstance(error, StoreError):
        return error
    text = " ".join((error.diag.message_primary or str(error)).split())
    if isinstance(error, errors.QueryCanceled):
        text = f"it took longer than {links.STATEMENT_TIMEOUT_S:g} s"
    is_passing = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    is_passing = is_passing and not (error.sqlstate or "").startswith("54")  # larger than it takes
    return StoreError(f"the database: {text}", may_pass=is_passing)
