"""Connections of a service to PostgreSQL, the schema there, and the rows that writers lock.

Needs psycopg (the extra `pg`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import psycopg
from psycopg import errors

from keepclear.adapters.store import dss_postgres_migrations
from keepclear.adapters.store.migrations import scripts
from keepclear.core.references import EntityKind
from keepclear.node.outcomes import StoreError

CONNECT_TIMEOUT_S: Final = 5
"""So long a connection may take to be made."""
STATEMENT_TIMEOUT_S: Final = 10.0
"""So long one statement may take; then it is called off, and what asked for it fails."""
IDLE_TIMEOUT_S: Final = 30.0
"""So long the database waits for a transaction that says nothing; then it frees what that had locked."""
CHECK_S: Final = 5.0
"""So often PostgreSQL looks whether who asked is still there, while it works or waits for them."""
KEEPALIVES: Final[dict[str, Any]] = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
"""After 5 s of silence a side of a connection asks for a sign of the other, three times, every 2 s."""

RETRIED: Final = (errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation)
"""Another transaction was first: this one does it all again. (Of two that insert one key, one may be told
of the key before it is told of the other.)"""

_MADE_MEANWHILE: Final = (errors.DuplicateTable, errors.DuplicateObject, errors.InternalError_, *RETRIED)
"""What is told to all but one of those who make one table at once."""
_MAKE_TRIES: Final = 20
_VERSION: Final = "select version from dss_schema where one = 1"

Link = psycopg.Connection[tuple[Any, ...]]


def connect(dsn: str, settings: dict[str, str], isolation: psycopg.IsolationLevel) -> Link:
    """Connect, and refuse a database of another schema than this version's.

    Args:
        dsn: A URL or a connection string of libpq.
        settings: What is set for the connection; what the database does not know is left out.
        isolation: Of its transactions.

    Raises:
        psycopg.Error: It cannot be connected to.
        StoreError: Another version of Keepclear wrote it.
    """
    link = _connected(dsn)
    try:
        for name, value in settings.items():
            try:
                link.execute(f"set {name} = {value}".encode())
            except (errors.UndefinedObject, errors.InvalidParameterValue):
                continue  # relatives of PostgreSQL do not know all of it, and always are as wanted
        row = link.execute(_VERSION).fetchone()
        _require_known(0 if row is None else row[0], _known_version(), exactly=True)
        link.autocommit = False
        link.isolation_level = isolation
    except BaseException:
        link.close()
        raise
    return link


def _connected(dsn: str) -> Link:
    return psycopg.connect(
        dsn,
        autocommit=True,
        connect_timeout=CONNECT_TIMEOUT_S,
        **KEEPALIVES,
        tcp_user_timeout=15_000,
        application_name="keepclear dss",
    )


def migrate(dsn: str) -> None:
    """Bring a database to the newest schema; several processes may do so at once.

    Raises:
        psycopg.Error: It cannot be connected to, or forbids it.
        StoreError: A newer version wrote it.
    """
    with _connected(dsn) as link:
        if not _has_version(link):  # if it has, no right to make tables is needed
            _make_version(link)
        known = scripts(dss_postgres_migrations.__name__)
        with link.transaction():
            # Who waits here sees afterwards what the other has made.
            row = link.execute(f"{_VERSION} for update").fetchone()
            assert row is not None, "the row was made above and is never deleted"
            _require_known(row[0], len(known), exactly=False)
            if 0 < row[0] < len(known):  # who writes now has the schema of before, and ends first
                link.execute("select key from dss_lock order by key for update")
            for script in known[row[0] :]:
                link.execute(script.encode())
            if row[0] < len(known):
                link.execute("update dss_schema set version = %s where one = 1", (len(known),))


def _has_version(link: Link) -> bool:
    try:
        return link.execute(_VERSION).fetchone() is not None
    except errors.UndefinedTable:
        return False


def _make_version(link: Link) -> None:
    """Make the row that says how many migrations there are; others may make it at the same time."""
    for number in range(1, _MAKE_TRIES + 1):
        try:
            link.execute("create table if not exists dss_schema (one int primary key, version int not null)")
            link.execute("insert into dss_schema (one, version) values (1, 0) on conflict (one) do nothing")
            break
        except _MADE_MEANWHILE:
            if number == _MAKE_TRIES:
                raise


def _known_version() -> int:
    return len(scripts(dss_postgres_migrations.__name__))


def _require_known(version: int, known: int, *, exactly: bool) -> None:
    if version > known:
        reason = f"the database was written by a newer version (schema {version}, known up to {known})"
        raise StoreError(f"{reason}; update keepclear", may_pass=False)
    if exactly and version < known:
        raise StoreError(f"the database has an older schema ({version}, not {known})", may_pass=True)


class Gate:
    """Rows that writers lock, by a connection beside the one that works.

    So a transaction can begin after its locks were taken, and sees all that who had them before has done.
    Nothing depends on them but that writers in one place do not undo each other: see the store.

    Args:
        link: A connection for nothing else; its transactions are READ COMMITTED.
    """

    def __init__(self, link: Link) -> None:
        self._link, self._known = link, _known_version()
        self.held: frozenset[int] = frozenset()

    @property
    def is_closed(self) -> bool:
        """Whether the connection is known to be lost."""
        return self._link.closed

    def stripes_of(self, kind: EntityKind, entity_id: str) -> set[int]:
        """Return the locks that stand for where an entity is at this moment; none where it is not there.

        Raises:
            psycopg.Error: The connection is lost, or worse.
        """
        sql = "select stripes from dss_entity where kind = %s and id = %s"
        row = self._row(sql, (kind.value, entity_id))
        return set() if row is None else set(row[0])

    def take(self, keys: Iterable[int]) -> bool:
        """Lock rows if all are free; if not, none is held any more, those of before neither.

        Raises:
            StoreError: Another version has changed the schema.
            psycopg.Error: The connection is lost, or worse.
        """
        missing = frozenset(keys) - self.held
        try:
            self._lock(missing, " nowait")
        except errors.LockNotAvailable:
            return False
        self.held |= missing
        return True

    def wait_for(self, keys: Iterable[int], seconds: float) -> bool:
        """Lock rows, waiting for them in the order of their keys.

        What is held already is kept only where all others come after it in that order.

        Returns:
            False if they were not free for so long; then none is held.

        Raises:
            StoreError: Another version has changed the schema.
            psycopg.Error: The connection is lost, or worse.
        """
        missing = frozenset(keys) - self.held
        if not missing:
            return True
        if self.held and min(missing) < max(self.held):
            missing |= self.held
            self.release()
        self._link.execute(f"set local statement_timeout = {max(1, round(seconds * 1000.0))}".encode())
        try:
            self._lock(missing, "")
        except errors.QueryCanceled:
            return False
        self.held |= missing
        return True

    def release(self) -> None:
        """Hold nothing any more."""
        self.held = frozenset()
        if not self._link.closed:
            self._link.rollback()

    def close(self) -> None:
        """Release the connection, and so all that is held."""
        self.held = frozenset()
        self._link.close()

    def _lock(self, keys: frozenset[int], how: str) -> None:
        """Lock rows, and refuse to write by another schema than this version's.

        Raises:
            StoreError: Another version has changed it meanwhile; then the connection is closed.
        """
        if not keys:
            return
        self._row(
            f"select key from dss_lock where key = any(%s) order by key for update{how}", (sorted(keys),)
        )
        row = self._row(_VERSION)  # who changes it holds all these rows
        try:
            _require_known(0 if row is None else row[0], self._known, exactly=True)
        except StoreError:
            self.close()
            raise

    def _row(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """Ask for a row; where that fails, nothing is held any more."""
        try:
            return self._link.execute(sql.encode(), values).fetchone()
        except psycopg.Error:
            self.release()
            raise
