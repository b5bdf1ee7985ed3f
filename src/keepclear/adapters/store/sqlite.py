"""A store in one SQLite file: WAL, serial write transactions, durable when the transaction ends.

Source:
    https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html#pragma_synchronous.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any, Final

import apsw
import numpy as np

from keepclear.adapters.store.logs import LogRows, LogWriter
from keepclear.adapters.store.migrations import APPLICATION_ID, migrate
from keepclear.core.conflicts import Item, Label
from keepclear.core.constraints import ConstraintRule
from keepclear.core.geodesy import Floats, LatLng
from keepclear.core.intents import IntentState, ItemId, PartyId
from keepclear.core.packed import pack_rings
from keepclear.core.shapes import rings_deg
from keepclear.core.times import floor_ms, instant_of
from keepclear.core.volumes import Volume4D
from keepclear.node.outcomes import StoreError
from keepclear.node.ports import Actor, EventKind, Holding, Record, Standing, Wanted

BUSY_TIMEOUT_S: Final = 10.0
"""So long a transaction waits for one of another process; then it fails, and may be tried again."""
CACHE_BYTES: Final = 64_000_000
"""So much of the file is kept in memory by each connection."""


class Durability(Enum):
    """What a commit waits for."""

    FULL = "FULL"
    """The disk has it: nothing answered is lost, whatever stops. What a node runs."""
    NORMAL = "NORMAL"
    """Safe when the process dies, not when power fails. For measuring, and for what is not kept."""


_PAGES_AT: Final = 28
"""Where the header of a database says how many pages it has (sqlite.org/fileformat.html, 1.3)."""
_COLUMNS: Final = (
    "e.seq, e.kind, e.item_id, e.version, e.party, e.person, e.at_ms, e.standing, e.state, e.rule, "
    "e.priority, e.start_ms, e.end_ms, e.text"
)
_LATEST: Final = f"select {_COLUMNS} from item i join event e on e.seq = i.seq"
_INSERT_EVENT: Final = (
    "insert into event (seq, kind, item_id, version, party, person, at_ms, standing, state, rule, "
    "priority, start_ms, end_ms, text) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_ITEM: Final = "insert or replace into item values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_NO_ARRAYS: Final = (b"", b"", b"", b"")


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Raise ours in place of SQLite's."""
    try:
        yield
    except apsw.BusyError as error:
        reason = f"{path}: another process is writing for over {BUSY_TIMEOUT_S:g} s"
        raise StoreError(reason, may_pass=True) from error
    except apsw.FullError as error:
        raise StoreError(f"{path}: the disk is full; make room", may_pass=True) from error
    except (apsw.NotADBError, apsw.CorruptError) as error:
        reason = f"{path}: this is no intact database ({error}); restore a backup"
        raise StoreError(reason, may_pass=False) from error
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.IOError, apsw.PermissionsError) as error:
        way_out = "see that its folder is there, that you may write to both, and that the disk is well"
        reason = f"{path}: it cannot be opened or written ({error}); {way_out}"
        raise StoreError(reason, may_pass=False) from error
    except apsw.Error as error:
        raise StoreError(f"{path}: {type(error).__name__}: {error}", may_pass=False) from error
    except OSError as error:
        raise StoreError(f"{path}: it cannot be read: {error.strerror or error}", may_pass=False) from error


def connect(path: Path, *, durability: Durability = Durability.FULL, create: bool = False) -> apsw.Connection:
    """Open a database.

    Args:
        path: The file.
        durability: What a commit waits for.
        create: True to make the file where there is none.

    Raises:
        StoreError: It cannot be opened, or is no database.
    """
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    if not create and not path.is_file():
        raise StoreError(f"{path}: there is no such database; make one with keepclear init", may_pass=False)
    with named_errors(path):
        connection = apsw.Connection(str(path), flags=flags)
        try:
            connection.set_busy_timeout(round(BUSY_TIMEOUT_S * 1000.0))
            require_ours(connection, path, may_be_empty=create)
            connection.execute("pragma journal_mode = wal")
            connection.execute(f"pragma synchronous = {durability.value}")
            connection.execute("pragma foreign_keys = on")
            connection.execute(f"pragma cache_size = -{CACHE_BYTES // 1024}")
        except BaseException:
            connection.close()
            raise
    return connection


def require_ours(
    connection: apsw.Connection, path: Path, *, may_be_empty: bool, application_id: int = APPLICATION_ID
) -> None:
    """Refuse what is no database of ours, before anything is changed in it.

    Args:
        connection: The database.
        path: Its file.
        may_be_empty: Whether it may be one in which nothing is yet.
        application_id: What a database of that kind says that it is.

    Raises:
        StoreError: It is empty, of another kind, or its end was cut off.
    """
    is_empty = connection.execute("select count(*) from sqlite_schema").get == 0
    if is_empty and not may_be_empty:
        raise StoreError(f"{path}: it is empty; restore a backup, or keepclear init", may_pass=False)
    if not is_empty and connection.pragma("application_id") != application_id:
        raise StoreError(f"{path}: this is a database of another program", may_pass=False)
    log = Path(f"{path}-wal")
    has_log = log.exists() and log.stat().st_size > 0
    page_bytes: Any = connection.execute("pragma page_size").get
    # With a log beside it, pages may be there only. Without one, all that are counted must be in the file.
    if not has_log and path.stat().st_size < _pages_said(path) * int(page_bytes):
        raise StoreError(f"{path}: its end was cut off; restore a backup", may_pass=False)


def _pages_said(path: Path) -> int:
    """Return how many pages a database says it has, in its header."""
    with path.open("rb") as file:
        file.seek(_PAGES_AT)
        return int.from_bytes(file.read(4), "big")


class SqliteStore(LogRows):
    """The store in a file.

    One connection writes, one reads; each is used by one thread at a time.

    Args:
        path: The file; it must exist unless `create`.
        durability: What a commit waits for.
        create: True to make the file where there is none.

    Raises:
        StoreError: It cannot be opened, is no database of ours, or was written by a newer version.
    """

    def __init__(self, path: Path, *, durability: Durability = Durability.FULL, create: bool = False) -> None:
        self.path = path
        self._writer = connect(path, durability=durability, create=create)
        try:
            with named_errors(path):
                migrate(self._writer, path)
            self._reader = connect(path, durability=durability)
        except BaseException:
            self._writer.close()
            raise
        self._writing, self._reading = threading.Lock(), threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[SqliteTransaction]:
        """Begin a serial transaction; leaving it by an exception undoes all of it."""
        with self._writing, named_errors(self.path):
            self._writer.execute("begin immediate")
            try:
                yield SqliteTransaction(self._writer)
                self._writer.execute("commit")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("rollback")
                raise

    def _select(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._reading, named_errors(self.path):
            return list(self._reader.execute(sql, values))

    def record(self, item_id: ItemId) -> Record | None:
        """Return the latest version of an item, a withdrawn one too; None if it never was."""
        rows = self._select(f"{_LATEST} where i.id = ?", (item_id,))
        return _record(rows[0]) if rows else None

    def records(self, wanted: Wanted) -> Sequence[Record]:
        """Return the latest versions of items, sorted by id."""
        conditions, values = ["i.id > ?"], [wanted.after]
        if wanted.ending_from_ms is not None:
            conditions.append("not i.is_over and i.end_ms >= ?")
            values.append(wanted.ending_from_ms)  # type: ignore[arg-type]
        if wanted.party is not None:
            conditions.append("e.party = ?")
            values.append(wanted.party)
        if wanted.is_zone is not None:
            conditions.append(f"e.rule is {'not ' if wanted.is_zone else ''}null")
        if wanted.state is not None:
            conditions.append("e.state = ?")
            values.append(wanted.state.value)
        # `+` keeps SQLite from walking the index of ends: the order of ids is what pages need.
        sql = f"{_LATEST} where {' and '.join(conditions)} order by i.id limit ?".replace(
            "i.end_ms >=", "+i.end_ms >="
        )
        return [_record(row) for row in self._select(sql, (*values, wanted.limit))]

    def history(self, item_id: ItemId, after_version: int, limit: int) -> Sequence[Record]:
        """Return the versions of an item after one, oldest first."""
        sql = f"select {_COLUMNS} from event e where item_id = ? and version > ? order by version limit ?"
        return [_record(row) for row in self._select(sql, (item_id, after_version, limit))]

    def records_after(self, seq: int, limit: int) -> Sequence[Record]:
        """Return entries of the log after a number, in their order."""
        sql = f"select {_COLUMNS} from event e where seq > ? order by seq limit ?"
        return [_record(row) for row in self._select(sql, (seq, limit))]

    def last_seq(self) -> int:
        """Return the number of the last entry of the log; 0 for an empty one."""
        return int(self._select("select coalesce(max(seq), 0) from event")[0][0])

    def holding(self, ending_from_ms: int) -> Holding:
        """Return the volumes of every item that is not over and does not end before."""
        sql = (
            "select id, party, priority, rule, end_ms, counts, ring_deg, windows_ms, bands_m from item "
            "where not is_over and +end_ms >= ? order by seq"
        )
        with self._reading, named_errors(self.path), self._reader:  # one moment for both questions
            seq = self._reader.execute("select coalesce(max(seq), 0) from event").get
            rows = list(self._reader.execute(sql, (ending_from_ms,)))
        columns = list(zip(*rows, strict=True)) or [()] * 9
        ids, parties, priorities, rules, end_ms, *blobs = columns
        counts, ring_deg, windows_ms, bands_m = (b"".join(column) for column in blobs)
        vertex_counts = np.frombuffer(counts, dtype=np.int32)
        windows = np.frombuffer(windows_ms, dtype=np.int64).reshape(-1, 2)
        bands = np.frombuffer(bands_m, dtype=np.float64).reshape(-1, 2)
        owner = np.repeat(np.arange(len(rows)), [len(blob) // vertex_counts.itemsize for blob in blobs[0]])
        is_zone = np.array([rule is not None for rule in rules], dtype=np.bool_)
        volumes = pack_rings(
            np.frombuffer(ring_deg, dtype=np.float64).reshape(-1, 2),
            np.concatenate(([0], np.cumsum(vertex_counts, dtype=np.int64))),
            windows[:, 0],
            windows[:, 1],
            bands[:, 0],
            bands[:, 1],
            owner,
            np.zeros(len(owner), dtype=np.int64),
            is_zone[owner] if rows else np.zeros(0, dtype=np.bool_),
        )
        return Holding(
            seq=int(seq),
            labels=[_label(*row) for row in zip(ids, parties, priorities, rules, strict=True)],
            end_ms=np.array(end_ms, dtype=np.int64),
            volumes=volumes,
        )

    def close(self) -> None:
        """Release everything; the store cannot be used any more."""
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()


class SqliteTransaction(LogWriter):
    """One serial transaction."""

    def __init__(self, connection: apsw.Connection) -> None:
        super().__init__(connection)
        self._last_seq: int | None = None  # while unknown: nobody else writes until this ends

    def record(self, item_id: ItemId) -> Record | None:
        """Return the latest version of an item, a withdrawn one too; None if it never was."""
        rows = self._select(f"{_LATEST} where i.id = ?", (item_id,))
        return _record(rows[0]) if rows else None

    def records_after(self, seq: int) -> Sequence[Record]:
        """Return all entries of the log after a number, in their order."""
        sql = f"select {_COLUMNS} from event e where seq > ? order by seq"
        return [_record(row) for row in self._select(sql, (seq,))]

    def append(self, record: Record, item: Item) -> Record:
        """Add an entry to the log and make it the latest version of its item."""
        (appended,) = self.append_all([(record, item)])
        return appended

    def append_all(self, changes: Sequence[tuple[Record, Item]]) -> Sequence[Record]:
        """Add entries to the log as `append` does, one after the other."""
        if self._last_seq is None:
            self._last_seq = self._select("select coalesce(max(seq), 0) from event")[0][0]
        first = self._last_seq + 1
        records = [replace(record, seq=seq) for seq, (record, _) in enumerate(changes, start=first)]
        self._connection.executemany(_INSERT_EVENT, [_event_row(record) for record in records])
        arrays = _arrays([None if r.is_over else item for r, (_, item) in zip(records, changes, strict=True)])
        rows = [_item_row(record, blobs) for record, blobs in zip(records, arrays, strict=True)]
        self._connection.executemany(
            "insert or replace into item values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
        )
        self._last_seq += len(records)
        return records

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Begin a part that is undone alone when it is left by an exception."""
        self._connection.execute("savepoint part")
        try:
            yield
        except BaseException:
            self._last_seq = None
            if self._connection.in_transaction:  # a full disk has undone all of it already
                self._connection.execute("rollback to part")
                self._connection.execute("release part")
            raise
        self._connection.execute("release part")


def _event_row(record: Record) -> tuple[Any, ...]:
    label = record.label
    return (
        record.seq,
        record.kind.value,
        label.id,
        record.version,
        label.party,
        record.actor.person,
        floor_ms(record.at),
        record.standing.value,
        None if record.state is None else record.state.value,
        None if label.rule is None else label.rule.value,
        label.priority,
        record.start_ms,
        record.end_ms,
        record.text,
    )


def _item_row(record: Record, arrays: tuple[bytes, ...]) -> tuple[Any, ...]:
    label = record.label
    rule = None if label.rule is None else label.rule.value
    return (
        record.seq, label.id, label.party, label.priority, rule, record.is_over, record.end_ms, *arrays,
    )  # fmt: skip


def _arrays(items: Sequence[Item | None]) -> list[tuple[bytes, bytes, bytes, bytes]]:
    """Return the arrays of each item, empty ones for those that are over; their rings made all at once."""
    volumes = [() if item is None else item.volumes for item in items]
    rings = iter(rings_deg([volume.volume.outline for each in volumes for volume in each]))
    return [_arrays_of(each, list(itertools.islice(rings, len(each)))) for each in volumes]


def _arrays_of(
    volumes: Sequence[Volume4D], rings: Sequence[Sequence[LatLng] | Floats]
) -> tuple[bytes, bytes, bytes, bytes]:
    if not volumes:
        return _NO_ARRAYS
    windows = [(volume.time.start_ms, volume.time.end_ms) for volume in volumes]
    bands = [(v.volume.altitude.lower_m, v.volume.altitude.upper_m) for v in volumes]
    return (
        np.array([len(ring) for ring in rings], dtype=np.int32).tobytes(),
        np.concatenate([np.asarray(ring, dtype=np.float64).reshape(-1, 2) for ring in rings]).tobytes(),
        np.array(windows, dtype=np.int64).tobytes(),
        np.array(bands, dtype=np.float64).tobytes(),
    )


def _label(item_id: str, party: str | None, priority: int, rule: str | None) -> Label:
    return Label(
        id=ItemId(item_id),
        party=None if party is None else PartyId(party),
        priority=priority,
        rule=None if rule is None else ConstraintRule(rule),
    )


def _record(row: Sequence[Any]) -> Record:
    seq, kind, item_id, version, party, person, at_ms, standing, state, rule, priority, start, end, text = row
    return Record(
        seq=seq,
        kind=EventKind(kind),
        label=_label(item_id, party, priority, rule),
        state=None if state is None else IntentState(state),
        start_ms=start,
        end_ms=end,
        text=bytes(text),
        version=version,
        standing=Standing(standing),
        actor=Actor(party=PartyId(party), person=person),
        at=instant_of(at_ms),
    )
