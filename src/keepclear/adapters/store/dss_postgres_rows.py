"""One transaction of a service on PostgreSQL: its statements, and which locks its writes need."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import psycopg

from keepclear.adapters.store.dss_extents import PackedTexts, read_extent
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
from keepclear.adapters.store.dss_postgres_links import Gate, Link
from keepclear.codec.f3548.extents import encode_extent
from keepclear.core.cell_terms import STRIPES, CellTerms, terms_of
from keepclear.core.extents import Extent, packed_meeting
from keepclear.core.references import Entity, EntityKind, IntentReference, UssAvailability, kind_of
from keepclear.node.dss.ports import Cause, HistoryEntry
from keepclear.node.outcomes import StoreError

NAME_LOCKS: Final = 256
"""So many locks stand for the ids of all entities."""
UNDONE: Final = STRIPES + NAME_LOCKS
"""The lock of all who were undone for others, perhaps far away: they at least go one after the other."""
PLACES: Final = frozenset(range(STRIPES))
"""The locks of all places."""

_AXES: Final = ("x", "y", "z", "h", "t")
_SIDES: Final = tuple(f"{axis}_{side}" for side in ("low", "high") for axis in _AXES)  # as of `Box`
_NEAR: Final = (
    "select distinct id from dss_cell_term where kind = %s and term = any(%s::bigint[]) and "
    + " and ".join([f"{axis}_low <= %s" for axis in _AXES] + [f"{axis}_high >= %s" for axis in _AXES])
)
_PUT: Final = """
    insert into dss_entity
        (kind, id, manager, subscription_id, end_us, details, extent, terms, t_high, stripes)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    on conflict (kind, id) do update set manager = excluded.manager,
        subscription_id = excluded.subscription_id, end_us = excluded.end_us, details = excluded.details,
        extent = excluded.extent, terms = excluded.terms, t_high = excluded.t_high, stripes = excluded.stripes
"""
_PUT_TERMS: Final = (
    f"insert into dss_cell_term (kind, id, {', '.join(_SIDES)}, term) "
    f"select %s, %s{', %s' * len(_SIDES)}, term from unnest(%s::bigint[]) as t (term)"
)
_DELETE_TERMS: Final = (
    "delete from dss_cell_term where kind = %s and term = any(%s::bigint[]) and t_high = %s and id = %s"
)
_PUT_HISTORY: Final = """
    insert into dss_history (seq, is_removal, issuer, subject, at_us, kind, id, details, extent)
    select nextval('dss_history_seq'), %s, %s, %s, %s, kind, id, details, extent
    from unnest(%s::text[], %s::text[], %s::text[], %s::text[]) as changed (kind, id, details, extent)
"""
_HISTORY: Final = "select seq, kind, is_removal, issuer, subject, at_us, details, extent from dss_history"
_PUT_AVAILABILITY: Final = """
    insert into dss_availability (uss_id, details, issuer, subject, at_us) values (%s, %s, %s, %s, %s)
    on conflict (uss_id) do update set details = excluded.details, issuer = excluded.issuer,
        subject = excluded.subject, at_us = excluded.at_us
"""
_PUT_REPORT: Final = """
    insert into dss_report (id, text, issuer, subject, at_us) values (%s, %s, %s, %s, %s)
    on conflict (id) do update set text = excluded.text, issuer = excluded.issuer,
        subject = excluded.subject, at_us = excluded.at_us
"""
_PUT_NOTE: Final = """
    insert into dss_note (topic, name, text, at_us) values (%s, %s, %s, %s)
    on conflict (topic, name) do update set text = excluded.text, at_us = excluded.at_us
"""


class TakenError(Exception):
    """Somebody else has a lock that this needs: wait for `needed` of the transaction, then begin again."""


class Known:
    """What one piece of work needs, found out by doing it: kept while it is done again and again.

    Attributes:
        needed: The locks that it is known to need.
    """

    def __init__(self) -> None:
        self.needed: set[int] = set()
        self._terms: dict[int, tuple[Extent, CellTerms]] = {}

    def terms(self, extent: Extent) -> CellTerms:
        """Return the terms of an extent, computed once."""
        found = self._terms.get(id(extent))
        if found is None:  # with the extent itself, so that no other one comes to have its id
            found = self._terms[id(extent)] = (extent, terms_of(extent))
        return found[1]


class PostgresDssTransaction:
    """What a transaction does; whoever uses it begins and ends it.

    Args:
        link: The connection, in no transaction or in one that has done nothing.
        gate: The locks; it may hold some already.
        known: What is known of the work.
        texts: Extents by their texts.
    """

    def __init__(self, link: Link, gate: Gate, known: Known, texts: PackedTexts) -> None:
        self._link, self._gate, self._known, self._texts = link, gate, known, texts
        self._held_first = gate.held
        self.is_writer = False

    def entity(self, kind: EntityKind, entity_id: str) -> Entity | None:
        """Return an entity; None where there is none."""
        sql = "select details from dss_entity where kind = %s and id = %s"
        for (details,) in self._select(sql, (kind.value, entity_id)):
            return read_entity(kind, details)
        return None

    def extent(self, kind: EntityKind, entity_id: str) -> Extent:
        """Return the extent of an entity that is there.

        Raises:
            StoreError: It is not there.
        """
        sql = "select extent from dss_entity where kind = %s and id = %s"
        for (text,) in self._select(sql, (kind.value, entity_id)):
            return read_extent(text)
        raise not_there(kind, entity_id)

    def meeting(self, kind: EntityKind, extent: Extent) -> Sequence[Entity]:
        """Return the entities of a kind whose extents meet this one, exactly; by id."""
        terms = self._known.terms(extent)
        self._need(terms.stripes)
        low, high = extent.box
        ids = [row[0] for row in self._select(_NEAR, (kind.value, terms.looked_up, *high, *low))]
        if not ids:
            return []
        sql = "select id, details, extent from dss_entity where kind = %s and id = any(%s::text[])"
        rows = self._select(sql, (kind.value, ids))
        if len(rows) != len(ids):
            raise StoreError("the index of the database is damaged; restore a backup", may_pass=False)
        details = {entity_id: text for entity_id, text, _ in rows}
        candidates = ((entity_id, self._texts.packed(text)) for entity_id, _, text in rows)
        names = packed_meeting(extent.packed, candidates)
        return [read_entity(kind, details[name]) for name in sorted(names)]

    def dependents(self, subscription_id: str) -> Sequence[Entity]:
        """Return the intents that name a subscription, by id."""
        sql = "select details from dss_entity where subscription_id = %s order by id"
        return read_entities(EntityKind.INTENT, self._select(sql, (subscription_id,)))

    def ending_before(self, kind: EntityKind, instant: datetime, limit: int) -> Sequence[Entity]:
        """Return entities of a kind that end before an instant, those that end first before others."""
        sql = "select details from dss_entity where kind = %s and end_us < %s order by end_us, id limit %s"
        return read_entities(kind, self._select(sql, (kind.value, us_of(instant), limit)))

    def count(self, kind: EntityKind) -> int:
        """Return how many entities of a kind are kept."""
        return int(self._select("select count(*) from dss_entity where kind = %s", (kind.value,))[0][0])

    def put(self, entity: Entity, extent: Extent, cause: Cause | None) -> None:
        """Keep an entity in place of the one of its kind and id, and add it to the history."""
        kind, terms = kind_of(entity), self._known.terms(extent)
        self._need(terms.stripes)
        self._clear(kind, [entity.id])
        text, details = encode_extent(extent).decode(), write_details(entity)
        subscription_id = entity.subscription_id if isinstance(entity, IntentReference) else None
        named = (kind.value, entity.id, entity.manager, subscription_id, us_of(entity.end))
        stored, (low, high) = terms.stored, extent.box
        self._write(_PUT, (*named, details, text, stored, high[-1], list(terms.stripes)))
        self._write(_PUT_TERMS, (kind.value, entity.id, *low, *high, stored))
        if cause is not None:
            self._remember([(entity, text)], cause, is_removal=False)

    def count_up(self, subscription: Entity) -> None:
        """Keep a subscription that is there with another `notification_index`; nothing else may differ."""
        kind = kind_of(subscription)
        self._begin_writing(kind, [subscription.id])
        values = (write_details(subscription), kind.value, subscription.id)
        self._write("update dss_entity set details = %s where kind = %s and id = %s", values)

    def remove(self, entity: Entity, cause: Cause) -> None:
        """Keep an entity that is there no longer; the history keeps it as given, with its last change.

        Raises:
            StoreError: It is not there.
        """
        self.remove_all((entity,), cause)

    def remove_all(self, entities: Sequence[Entity], cause: Cause) -> None:
        """Remove several entities of one kind at once.

        Raises:
            StoreError: One is not there.
        """
        if not entities:
            return
        kind, ids = kind_of(entities[0]), [entity.id for entity in entities]
        texts = self._clear(kind, ids)
        for entity_id in ids:
            if entity_id not in texts:
                raise not_there(kind, entity_id)
        self._write("delete from dss_entity where kind = %s and id = any(%s::text[])", (kind.value, ids))
        self._remember([(entity, texts[entity.id]) for entity in entities], cause, is_removal=True)

    def removed(self, kind: EntityKind, entity_id: str) -> HistoryEntry | None:
        """Return the last entry of the history of an entity, if it is a removal; else None."""
        sql = f"{_HISTORY} where kind = %s and id = %s order by seq desc limit 1"
        for row in self._select(sql, (kind.value, entity_id)):
            entry = read_entry(row)
            return entry if entry.is_removal else None
        return None

    def history(self, after: int, limit: int) -> Sequence[HistoryEntry]:
        """Return entries of the history after a number, in their order.

        Numbers are given before they are committed: only while nobody else writes is it sure that none
        comes later that is less than one that is there.
        """
        self._need(PLACES)
        if not self._held_first >= PLACES:
            raise TakenError
        rows = self._select(f"{_HISTORY} where seq > %s order by seq limit %s", (after, limit))
        return [read_entry(row) for row in rows]

    def forget_history(self, before: datetime, limit: int) -> int:
        """Forget entries of before an instant, the oldest first; return how many."""
        old = "select seq from dss_history where at_us < %s order by at_us, seq limit %s"
        sql = f"delete from dss_history where seq in ({old})"
        return self._write(sql, (us_of(before), limit))

    def availability(self, uss_id: str) -> UssAvailability | None:
        """Return what was last said of a party's service; None where nothing was."""
        for (details,) in self._select("select details from dss_availability where uss_id = %s", (uss_id,)):
            return read_availability(details)
        return None

    def put_availability(self, availability: UssAvailability, cause: Cause) -> None:
        """Keep what is said of a party's service, in place of what was."""
        values = (availability.uss_id, write_details(availability), *cause_row(cause))
        self._write(_PUT_AVAILABILITY, values)

    def add_report(self, report_id: str, text: bytes, cause: Cause) -> None:
        """Keep a report of an error that somebody else sent."""
        self._write(_PUT_REPORT, (report_id, text, *cause_row(cause)))

    def forget_reports(self, before: datetime, limit: int) -> int:
        """Forget reports of before an instant, the oldest first; return how many."""
        old = "select id from dss_report where at_us < %s order by at_us, id limit %s"
        return self._write(f"delete from dss_report where id in ({old})", (us_of(before), limit))

    def note(self, topic: str, name: str) -> tuple[str, datetime] | None:
        """Return a small thing that is kept by topic and name, and when it was kept; None for none."""
        sql = "select text, at_us from dss_note where topic = %s and name = %s"
        for text, at_us in self._select(sql, (topic, name)):
            return text, instant_of_us(at_us)
        return None

    def notes(self, topic: str) -> Sequence[tuple[str, str, datetime]]:
        """Return all that is kept of a topic: name, text, and when it was kept; by name."""
        rows = self._select("select name, text, at_us from dss_note where topic = %s", (topic,))
        return sorted((name, text, instant_of_us(at_us)) for name, text, at_us in rows)

    def put_note(self, topic: str, name: str, text: str, at: datetime) -> None:
        """Keep a small thing by topic and name, in place of what was."""
        self._write(_PUT_NOTE, (topic, name, text, us_of(at)))

    def _select(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._link.execute(sql.encode(), values).fetchall()

    def _write(self, sql: str, values: Sequence[Any]) -> int:
        self.is_writer = True
        return self._link.execute(sql.encode(), values).rowcount

    def _need(self, keys: Iterable[int]) -> None:
        """Note locks that are needed if anything is written; who writes already takes them now.

        Raises:
            TakenError: Somebody else has one.
        """
        self._known.needed.update(keys)
        if self.is_writer and not self._gate.take(self._known.needed):
            raise TakenError

    def _begin_writing(self, kind: EntityKind, ids: Sequence[str]) -> None:
        self.is_writer = True
        self._need(lock_of_name(kind, entity_id) for entity_id in ids)

    def _clear(self, kind: EntityKind, ids: list[str]) -> dict[str, str]:
        """Delete the terms of entities that may be there; return the texts of their extents by id."""
        sql = (
            "select id, terms, t_high, stripes, extent from dss_entity"
            " where kind = %s and id = any(%s::text[])"
        )
        rows = self._select(sql, (kind.value, ids))
        self._known.needed.update(*(row[3] for row in rows))
        self._begin_writing(kind, ids)
        gone = [(kind.value, terms, t_high, entity_id) for entity_id, terms, t_high, _, _ in rows]
        self._delete_terms(gone)
        return {entity_id: text for entity_id, _, _, _, text in rows}

    def _delete_terms(self, gone: Sequence[tuple[str, list[int], int, str]]) -> None:
        """Delete terms, each lot looked up by the whole key: a join might read them all."""
        if len(gone) == 1:
            self._write(_DELETE_TERMS, gone[0])
        elif gone:  # sent at once, which only values that are written into the text can be
            self.is_writer = True
            with psycopg.ClientCursor(self._link) as cursor:
                cursor.execute(";".join([_DELETE_TERMS] * len(gone)).encode(), list(itertools.chain(*gone)))

    def _remember(self, changed: Sequence[tuple[Entity, str]], cause: Cause, *, is_removal: bool) -> None:
        """Add entities, with the texts of their extents, to the history."""
        rows = [(kind_of(each).value, each.id, write_details(each), text) for each, text in changed]
        columns = (list(column) for column in zip(*rows, strict=True))
        self._write(_PUT_HISTORY, (is_removal, *cause_row(cause), *columns))


def lock_of_name(kind: EntityKind, entity_id: str) -> int:
    """Return the lock that stands for an entity, and for some others."""
    return STRIPES + zlib.crc32(f"{kind.value}/{entity_id}".encode()) % NAME_LOCKS
