"""Backups: a copy of the database while the node runs, checked before it gets its name; and the way back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import apsw

from keepclear.adapters.store.migrations import APPLICATION_ID, scripts, version_of
from keepclear.adapters.store.sqlite import connect, named_errors
from keepclear.node.outcomes import StoreError

PAGES_AT_ONCE: Final = 1_000
"""So many pages are copied before writers get their turn."""
_OWNER_ONLY: Final = 0o600
_PARTY_LOGS_SINCE: Final = 3  # the schema
_HOLED: Final = "select party from entry group by party having min(n) != 0 or max(n) != count(*) - 1 limit 1"
_READ_URI: Final = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI


def _untold(_done: int, _total: int) -> None:
    """Tell nobody how far a copy is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a database holds.

    Attributes:
        schema: Its number of migrations.
        item_count: How many items.
        last_seq: The last entry of its log.
    """

    schema: int
    item_count: int
    last_seq: int


def examine(path: Path) -> Content:
    """Check every page of a database, and that neither the event log nor a party's log has a gap.

    Raises:
        StoreError: It is damaged, no database of Keepclear, or of a newer version.
    """
    if not path.is_file():
        raise StoreError(f"{path}: there is no such file", may_pass=False)
    with named_errors(path):
        connection = _read_only(path)
        try:
            if connection.pragma("application_id") != APPLICATION_ID:
                raise StoreError(f"{path}: this is no database of Keepclear", may_pass=False)
            schema = version_of(connection)
            if schema > len(scripts()):
                raise StoreError(
                    f"{path}: it was written by a newer version; update keepclear", may_pass=False
                )
            verdict = connection.pragma("integrity_check")
            if verdict != "ok":
                raise StoreError(f"{path}: it is damaged ({verdict}); restore a backup", may_pass=False)
            items, entries, last_seq = connection.execute(
                "select (select count(*) from item), count(*), coalesce(max(seq), 0) from event"
            ).get
            holed: Any = schema >= _PARTY_LOGS_SINCE and connection.execute(_HOLED).get
        finally:
            connection.close()
    if entries != last_seq:
        raise StoreError(f"{path}: entries of its log are missing; restore a backup", may_pass=False)
    if holed:
        reason = f"{path}: entries of the log of {holed!r} are missing; restore a backup"
        raise StoreError(reason, may_pass=False)
    return Content(schema=schema, item_count=items, last_seq=last_seq)


def _read_only(path: Path) -> apsw.Connection:
    return apsw.Connection(path.absolute().as_uri() + "?mode=ro", flags=_READ_URI)


def back_up(database: Path, target: Path, *, progress: Callable[[int, int], None] = _untold) -> Content:
    """Copy a database, also while a node is using it.

    Args:
        database: What is copied.
        target: The backup; it must not exist.
        progress: Told how many pages are copied of how many.

    Returns:
        What the backup holds.

    Raises:
        StoreError: Something cannot be read or written, or the target exists. Then there is no target.
    """
    if target.exists():
        raise StoreError(f"{target}: it exists already; name another file", may_pass=False)
    with _copied(connect(database), target, progress) as content:
        pass
    return content


@contextmanager
def _copied(
    reader: apsw.Connection, target: Path, progress: Callable[[int, int], None] = _untold
) -> Iterator[Content]:
    """Copy a database beside its target, check the copy, and give it the name when the block ends."""
    part = target.with_name(f".{target.name}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY))
        _copy(reader, part, progress)
        content = examine(part)
        _on_disk(part)
        yield content
        part.rename(target)
        _on_disk(target.absolute().parent)
    except OSError as error:
        reason = f"{target}: it cannot be written: {error.strerror or error}"
        raise StoreError(reason, may_pass=False) from error
    finally:
        reader.close()
        part.unlink(missing_ok=True)


def _copy(reader: apsw.Connection, target: Path, progress: Callable[[int, int], None]) -> None:
    with named_errors(target):
        writer = apsw.Connection(str(target))
        try:
            with writer.backup("main", reader, "main") as copying:
                while not copying.done:
                    copying.step(PAGES_AT_ONCE)
                    progress(copying.page_count - copying.remaining, copying.page_count)
            writer.execute("pragma journal_mode = delete")  # one file, without a log beside it
        finally:
            writer.close()


def restore(
    backup: Path, database: Path, now: datetime, *, replaces: bool = False
) -> tuple[Content, Path | None]:
    """Put a backup in the place of a database that no node is using.

    Args:
        backup: The backup.
        database: Where it goes.
        now: What time it is, for the name of what was there.
        replaces: True to move aside a database that is there.

    Returns:
        What it holds, and where the old database is now; None where there was none.

    Raises:
        StoreError: The backup is damaged, there is a database, or a node is using it.
    """
    examine(backup)
    aside = None
    if database.exists():
        if not replaces:
            reason = f"{database}: there is a database; say --replace to move it aside"
            raise StoreError(reason, may_pass=False)
        require_unused(database)
        aside = database.with_name(f"{database.name}.before-{now:%Y%m%dT%H%M%SZ}")
    with _copied(_read_only(backup), database) as content:
        _silence(database.with_name(f".{database.name}.part"))
        if aside is not None:
            for ending in ("", "-wal", "-shm"):  # a log beside it may hold its last changes
                if Path(f"{database}{ending}").exists():
                    Path(f"{database}{ending}").rename(f"{aside}{ending}")
    return content, aside


def _silence(database: Path) -> None:
    """Have a node that others know sign nothing until it has heard them: they may hold more of its log."""
    with named_errors(database):
        connection = apsw.Connection(str(database))
        try:
            has_logs = connection.execute("select 1 from sqlite_schema where name = 'silence'").get
            if has_logs and connection.execute("select 1 from party where not is_own").get:
                connection.execute("insert or replace into silence values ('a backup was put in place')")
        finally:
            connection.close()


def require_unused(database: Path) -> None:
    """Refuse a database that a node has open: only who is alone can leave the write-ahead log."""
    connection = apsw.Connection(str(database))
    try:
        mode = connection.pragma("journal_mode", "delete")
    except (apsw.BusyError, apsw.LockedError):
        mode = "wal"
    except (apsw.NotADBError, apsw.CorruptError):
        return  # nobody works with it
    finally:
        connection.close()
    if mode != "delete":
        raise StoreError(f"{database}: a node is using it; stop the node first", may_pass=True)


def _on_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
