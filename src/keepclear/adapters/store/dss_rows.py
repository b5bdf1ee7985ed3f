"""One transaction of a service on its SQLite file: its statements. Entities are found by `dss_index`."""

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
from keepclear.adapters.store.dss_index import BOX_COLUMNS, NUMBER, DssIndex
from keepclear.codec.f3548.extents import encode_extent
from keepclear.core.extents import Extent, packed_meeting
from keepclear.core.packed import PackedVolumes
from keepclear.core.references import Entity, EntityKind, IntentReference, UssAvailability, kind_of
from keepclear.node.dss.ports import Cause, HistoryEntry

_DETAILS: Final = "select e.details from found.place p cross join entity e on e.n = p.n where "
_INSERT_ENTITY: Final = (
    "insert into entity (n, kind, id, manager, subscription_id, end_us, details, extent, "
    f"{BOX_COLUMNS}) values (?{', ?' * 17})"
)
_INSERT_HISTORY: Final = (
    "insert into history (kind, id, removed_id, issuer, subject, at_us, details, extent) "
    "values (?, ?, ?, ?, ?, ?, ?, ?)"
)
_HISTORY: Final = (
    "select seq, kind, removed_id is not null, issuer, subject, at_us, details, extent from history"
)


class SqliteDssTransaction:
    """What a transaction does; whoever uses it begins and ends the transaction.

    Of a number in the file the extent never changes, and none is given twice while the process runs, so that
    one that was undone does no harm.

    Args:
        connection: The file.
        index: What its entities are found by.
        last: The greatest number given so far.
    """

    def __init__(self, connection: apsw.Connection, index: DssIndex, last: int) -> None:
        self._connection, self._index, self._last = connection, index, last
        self._packed: PackedExtents[int] = PackedExtents()

    def _select(self, sql: str, values: Sequence[Any]) -> Iterator[Any]:
        return iter(self._connection.execute(sql, values))

    def entity(self, kind: EntityKind, entity_id: str) -> Entity | None:
        """Return an entity; None where there is none."""
        sql = f"select details from entity where n = {NUMBER}"
        for (details,) in self._select(sql, (kind.value, entity_id)):
            return read_entity(kind, details)
        return None

    def extent(self, kind: EntityKind, entity_id: str) -> Extent:
        """Return the extent of an entity that is there.

        Raises:
            StoreError: It is not there.
        """
        sql = f"select n, extent from entity where n = {NUMBER}"
        for n, text in self._select(sql, (kind.value, entity_id)):
            extent, packed = read_extent(text), self._packed.get(n)
            return extent if packed is None else extent.packed_as(packed)
        raise not_there(kind, entity_id)

    def meeting(self, kind: EntityKind, extent: Extent) -> Sequence[Entity]:
        """Return the entities of a kind whose extents meet this one, exactly; by id."""
        near = [(n, self._packed_extent(n)) for n in self._index.overlapping(kind, extent.box)]
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
        end_us, box = us_of(entity.end), extent.box
        named = (n, kind.value, entity.id, entity.manager, subscription_id, end_us)
        self._connection.execute(_INSERT_ENTITY, (*named, details, text, *box.low, *box.high))
        self._index.add(n, kind, entity.id, subscription_id, end_us, box)
        self._packed.hold(n, extent.packed)
        if cause is not None:
            self._remember(kind, entity.id, cause, details, text, is_removal=False)

    def count_up(self, subscription: Entity) -> None:
        """Keep a subscription that is there with another `notification_index`; nothing else may differ."""
        sql = f"update entity set details = ? where n = {NUMBER}"
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
        n = self._index.drop(kind, entity_id)
        if n is None:
            return None
        self._packed.drop(n)
        ((extent,),) = self._select("delete from entity where n = ? returning extent", (n,))
        return str(extent)

    def _remember(
        self, kind: EntityKind, entity_id: str, cause: Cause, details: str, extent: str, *, is_removal: bool
    ) -> None:
        removed_id = entity_id if is_removal else None
        values = (kind.value, entity_id, removed_id, *cause_row(cause), details, extent)
        self._connection.execute(_INSERT_HISTORY, values)
