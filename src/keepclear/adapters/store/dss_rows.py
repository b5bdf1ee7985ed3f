"""One transaction of a service on its SQLite file: its statements, and what it finds entities by.

That stands in memory, in a database of SQLite attached to the file, so it is in the same transactions: what
is undone there is undone here. In space and time it is an R*-tree for each kind, which gives candidates,
never too few; `core.extents` judges them.

Source:
    https://www.sqlite.org/rtree.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import apsw

from keepclear.adapters.store.dss_extents import PackedExtents, read_extent
from keepclear.adapters.store.dss_form import (
    cause_row,
    instant_of_us,
    not_there,
    read_availability,
    read_entities,
    read_entity,
    read_entry,
    us_of,
    write_details,
)
from keepclear.codec.f3548.extents import encode_extent
from keepclear.core.extents import Extent, packed_meeting
from keepclear.core.packed import PackedVolumes
from keepclear.core.references import Entity, EntityKind, IntentReference, UssAvailability, kind_of
from keepclear.node.dss.ports import Cause, HistoryEntry

_BOX: Final = [f"{axis}_{side}" for side in ("low", "high") for axis in "xyzht"]  # as of `Box`
_COLUMNS: Final = f"n, {', '.join(_BOX)}"
_MAKE_INDEX: Final = """
    attach ':memory:' as found;
    begin;
    create table found.place (
        n integer primary key,
        kind text not null,
        id text not null,
        subscription_id text,
        end_us integer not null,
        unique (kind, id)
    ) strict;
    create index found.place_end on place (kind, end_us);
    create index found.place_subscription on place (subscription_id) where subscription_id is not null;
    insert into found.place select n, kind, id, subscription_id, end_us from entity;
    """
_MAKE_TREE: Final = """
    create virtual table found.box_{kind} using rtree_i32 (n, {sides});
    insert into found.box_{kind} ({columns}) select {columns} from entity where kind = '{kind}';
    """
_INSERT_BOX: Final = {
    kind: f"insert into found.box_{kind.value} ({_COLUMNS}) values (?{', ?' * 10})" for kind in EntityKind
}
_INSERT_PLACE: Final = "insert into found.place values (?, ?, ?, ?, ?)"
_DELETE_BOX: Final = {kind: f"delete from found.box_{kind.value} where n = ?" for kind in EntityKind}
_OVERLAPPING: Final = {
    kind: f"select n from found.box_{kind.value} where "
    + " and ".join([f"{axis}_low <= ?" for axis in "xyzht"] + [f"{axis}_high >= ?" for axis in "xyzht"])
    for kind in EntityKind
}
_NUMBER: Final = "(select n from found.place where kind = ? and id = ?)"  # faster than a join
_DETAILS: Final = "select e.details from found.place p cross join entity e on e.n = p.n where "
_INSERT_ENTITY: Final = (
    "insert into entity (n, kind, id, manager, subscription_id, end_us, details, extent, "
    f"{', '.join(_BOX)}) values (?{', ?' * 17})"
)
_INSERT_HISTORY: Final = (
    "insert into history (kind, id, removed_id, issuer, subject, at_us, details, extent) "
    "values (?, ?, ?, ?, ?, ?, ?, ?)"
)
_HISTORY: Final = (
    "select seq, kind, removed_id is not null, issuer, subject, at_us, details, extent from history"
)


def make_index(connection: apsw.Connection) -> None:
    """Make in memory what the entities of a file are found by."""
    connection.execute(_MAKE_INDEX)
    sides = ", ".join(f"{axis}_low, {axis}_high" for axis in "xyzht")
    for kind in EntityKind:
        connection.execute(_MAKE_TREE.format(kind=kind.value, sides=sides, columns=_COLUMNS))
    connection.execute("commit")


class SqliteDssTransaction:
    """What a transaction does; whoever uses it begins and ends the transaction.

    Of a number in the file the extent never changes, and none is given twice while the process runs, so that
    one that was undone does no harm.

    Args:
        connection: The file, with its index.
        last: The greatest number given so far.
    """

    def __init__(self, connection: apsw.Connection, last: int) -> None:
        self._connection, self._last = connection, last
        self._packed: PackedExtents[int] = PackedExtents()

    def _select(self, sql: str, values: Sequence[Any]) -> Iterator[Any]:
        return iter(self._connection.execute(sql, values))

    def entity(self, kind: EntityKind, entity_id: str) -> Entity | None:
        """Return an entity; None where there is none."""
        sql = f"select details from entity where n = {_NUMBER}"
        for (details,) in self._select(sql, (kind.value, entity_id)):
            return read_entity(kind, details)
        return None

    def extent(self, kind: EntityKind, entity_id: str) -> Extent:
        """Return the extent of an entity that is there.

        Raises:
            StoreError: It is not there.
        """
        sql = f"select n, extent from entity where n = {_NUMBER}"
        for n, text in self._select(sql, (kind.value, entity_id)):
            extent, packed = read_extent(text), self._packed.get(n)
            return extent if packed is None else extent.packed_as(packed)
        raise not_there(kind, entity_id)

    def meeting(self, kind: EntityKind, extent: Extent) -> Sequence[Entity]:
        """Return the entities of a kind whose extents meet this one, exactly; by id."""
        low, high = extent.box
        near = [(n, self._packed_extent(n)) for (n,) in list(self._select(_OVERLAPPING[kind], (*high, *low)))]
        if not near:
            return []
        met = packed_meeting(extent.packed, near)
        texts = [next(self._select("select details from entity where n = ?", (n,)))[0] for n in met]
        return sorted((read_entity(kind, text) for text in texts), key=lambda entity: entity.id)

    def dependents(self, subscription_id: str) -> Sequence[Entity]:
        """Return the intents that name a subscription, by id."""
        rows = self._select(f"{_DETAILS} p.subscription_id = ? order by p.id", (subscription_id,))
        return read_entities(EntityKind.INTENT, rows)

    def ending_before(self, kind: EntityKind, instant: datetime, limit: int) -> Sequence[Entity]:
        """Return entities of a kind that end before an instant, those that end first before others."""
        sql = f"{_DETAILS} p.kind = ? and p.end_us < ? order by p.end_us, p.id limit ?"
        return read_entities(kind, self._select(sql, (kind.value, us_of(instant), limit)))

    def count(self, kind: EntityKind) -> int:
        """Return how many entities of a kind are kept."""
        return int(next(self._select("select count(*) from found.place where kind = ?", (kind.value,)))[0])

    def put(self, entity: Entity, extent: Extent, cause: Cause | None) -> None:
        """Keep an entity in place of the one of its kind and id, and add it to the history."""
        self._last += 1
        kind, n = kind_of(entity), self._last
        details, text = write_details(entity), encode_extent(extent).decode()
        self._delete(kind, entity.id)
        subscription_id = entity.subscription_id if isinstance(entity, IntentReference) else None
        end_us = us_of(entity.end)
        box = (*extent.box.low, *extent.box.high)
        row = (n, kind.value, entity.id, entity.manager, subscription_id, end_us, details, text, *box)
        self._connection.execute(_INSERT_ENTITY, row)
        self._connection.execute(_INSERT_PLACE, (n, kind.value, entity.id, subscription_id, end_us))
        self._connection.execute(_INSERT_BOX[kind], (n, *box))
        self._packed.hold(n, extent.packed)
        if cause is not None:
            self._remember(kind, entity.id, cause, details, text, is_removal=False)

    def count_up(self, subscription: Entity) -> None:
        """Keep a subscription that is there with another `notification_index`; nothing else may differ."""
        sql = f"update entity set details = ? where n = {_NUMBER}"
        values = (write_details(subscription), kind_of(subscription).value, subscription.id)
        self._connection.execute(sql, values)

    def remove(self, entity: Entity, cause: Cause) -> None:
        """Keep an entity that is there no longer; the history keeps it as given, with its last change.

        Raises:
            StoreError: It is not there.
        """
        kind = kind_of(entity)
        extent = self._delete(kind, entity.id)
        if extent is None:
            raise not_there(kind, entity.id)
        self._remember(kind, entity.id, cause, write_details(entity), extent, is_removal=True)

    def remove_all(self, entities: Sequence[Entity], cause: Cause) -> None:
        """Remove several entities of one kind."""
        for entity in entities:
            self.remove(entity, cause)

    def removed(self, kind: EntityKind, entity_id: str) -> HistoryEntry | None:
        """Return the last entry of the history of an entity, if it is a removal; else None."""
        if self.entity(kind, entity_id) is None:  # else its last entry is of how it came to be
            sql = "select max(seq) from history where removed_id = ? and kind = ?"
            (seq,) = next(self._select(sql, (entity_id, kind.value)))
            for row in self._select(f"{_HISTORY} where seq = ?", (seq,)):
                return read_entry(row)
        return None

    def history(self, after: int, limit: int) -> Sequence[HistoryEntry]:
        """Return entries of the history after a number, in their order."""
        rows = self._select(f"{_HISTORY} where seq > ? order by seq limit ?", (after, limit))
        return [read_entry(row) for row in rows]

    def forget_history(self, before: datetime, limit: int) -> int:
        """Forget entries of before an instant, the oldest first; return how many."""
        old = "select seq from history where at_us < ? order by at_us, seq limit ?"
        self._connection.execute(f"delete from history where seq in ({old})", (us_of(before), limit))
        return self._connection.changes()

    def availability(self, uss_id: str) -> UssAvailability | None:
        """Return what was last said of a party's service; None where nothing was."""
        for (details,) in self._select("select details from availability where uss_id = ?", (uss_id,)):
            return read_availability(details)
        return None

    def put_availability(self, availability: UssAvailability, cause: Cause) -> None:
        """Keep what is said of a party's service, in place of what was."""
        values = (availability.uss_id, write_details(availability), *cause_row(cause))
        self._connection.execute("insert or replace into availability values (?, ?, ?, ?, ?)", values)

    def add_report(self, report_id: str, text: bytes, cause: Cause) -> None:
        """Keep a report of an error that somebody else sent."""
        values = (report_id, text, *cause_row(cause))
        self._connection.execute("insert or replace into report values (?, ?, ?, ?, ?)", values)

    def forget_reports(self, before: datetime, limit: int) -> int:
        """Forget reports of before an instant, the oldest first; return how many."""
        old = "select id from report where at_us < ? order by at_us limit ?"
        self._connection.execute(f"delete from report where id in ({old})", (us_of(before), limit))
        return self._connection.changes()

    def note(self, topic: str, name: str) -> tuple[str, datetime] | None:
        """Return a small thing that is kept by topic and name, and when it was kept; None for none."""
        sql = "select text, at_us from note where topic = ? and name = ?"
        for text, at_us in self._select(sql, (topic, name)):
            return text, instant_of_us(at_us)
        return None

    def notes(self, topic: str) -> Sequence[tuple[str, str, datetime]]:
        """Return all that is kept of a topic: name, text, and when it was kept; by name."""
        rows = self._select("select name, text, at_us from note where topic = ? order by name", (topic,))
        return [(name, text, instant_of_us(at_us)) for name, text, at_us in rows]

    def put_note(self, topic: str, name: str, text: str, at: datetime) -> None:
        """Keep a small thing by topic and name, in place of what was."""
        values = (topic, name, text, us_of(at))
        self._connection.execute("insert or replace into note values (?, ?, ?, ?)", values)

    def _packed_extent(self, n: int) -> PackedVolumes:
        packed = self._packed.get(n)
        if packed is None:
            (text,) = next(self._select("select extent from entity where n = ?", (n,)))
            packed = read_extent(text).packed
            self._packed.hold(n, packed)
        return packed

    def _delete(self, kind: EntityKind, entity_id: str) -> str | None:
        """Delete an entity that may be there, and its box; return the text of its extent."""
        for (n,) in list(self._select(f"select {_NUMBER}", (kind.value, entity_id))):
            if n is None:
                continue
            self._connection.execute("delete from found.place where n = ?", (n,))
            self._connection.execute(_DELETE_BOX[kind], (n,))
            self._packed.drop(n)
            ((extent,),) = self._select("delete from entity where n = ? returning extent", (n,))
            return str(extent)
        return None

    def _remember(
        self, kind: EntityKind, entity_id: str, cause: Cause, details: str, extent: str, *, is_removal: bool
    ) -> None:
        removed_id = entity_id if is_removal else None
        values = (kind.value, entity_id, removed_id, *cause_row(cause), details, extent)
        self._connection.execute(_INSERT_HISTORY, values)
