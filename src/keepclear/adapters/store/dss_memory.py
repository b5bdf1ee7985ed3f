"""A store of the service in memory: nothing survives the process. It serves tests, and passes the contract.

It searches whatever it holds one by one, so it is also what the indexes of other stores are compared with.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from keepclear.core.extents import Extent, meeting_among
from keepclear.core.references import Entity, EntityKind, IntentReference, UssAvailability, kind_of
from keepclear.node.dss.ports import Cause, DssTransaction, HistoryEntry, Target, Ticket
from keepclear.node.dss.refusals import CalledOffError
from keepclear.node.outcomes import StoreError

A = TypeVar("A")


@dataclass(slots=True)
class _Kept:
    entities: dict[tuple[EntityKind, str], tuple[Entity, Extent]] = field(default_factory=dict)
    history: list[HistoryEntry] = field(default_factory=list)
    last_seq: int = 0
    availabilities: dict[str, UssAvailability] = field(default_factory=dict)
    reports: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    notes: dict[tuple[str, str], tuple[str, datetime]] = field(default_factory=dict)

    def copy(self) -> _Kept:
        return _Kept(
            dict(self.entities),
            list(self.history),
            self.last_seq,
            dict(self.availabilities),
            dict(self.reports),
            dict(self.notes),
        )


class MemoryDssTransaction:
    """One transaction on a copy of everything; fine for the few entities of a test."""

    def __init__(self, kept: _Kept) -> None:
        self.kept = kept

    def entity(self, kind: EntityKind, entity_id: str) -> Entity | None:
        """Return an entity; None where there is none."""
        found = self.kept.entities.get((kind, entity_id))
        return None if found is None else found[0]

    def extent(self, kind: EntityKind, entity_id: str) -> Extent:
        """Return the extent of an entity that is there.

        Raises:
            StoreError: It is not there.
        """
        found = self.kept.entities.get((kind, entity_id))
        if found is None:
            raise StoreError(f"there is no {kind.value} {entity_id}", may_pass=False)
        return found[1]

    def meeting(self, kind: EntityKind, extent: Extent) -> Sequence[Entity]:
        """Return the entities of a kind whose extents meet this one, exactly; by id."""
        candidates = [(name, at) for (of, name), (_, at) in self.kept.entities.items() if of is kind]
        return [self.kept.entities[kind, name][0] for name in meeting_among(extent, candidates)]

    def dependents(self, subscription_id: str) -> Sequence[Entity]:
        """Return the intents that name a subscription, by id."""
        return [
            entity
            for entity in self._of(EntityKind.INTENT)
            if isinstance(entity, IntentReference) and entity.subscription_id == subscription_id
        ]

    def ending_before(self, kind: EntityKind, instant: datetime, limit: int) -> Sequence[Entity]:
        """Return entities of a kind that end before an instant, those that end first before others."""
        ending = [entity for entity in self._of(kind) if entity.end < instant]
        return sorted(ending, key=lambda entity: (entity.end, entity.id))[:limit]

    def put(self, entity: Entity, extent: Extent, cause: Cause | None) -> None:
        """Keep an entity in place of the one of its kind and id, and add it to the history."""
        self.kept.entities[kind_of(entity), entity.id] = (entity, extent)
        if cause is not None:
            self._remember(entity, extent, cause, is_removal=False)

    def count_up(self, subscription: Entity) -> None:
        """Keep a subscription that is there with another `notification_index`; nothing else may differ."""
        self.put(subscription, self.extent(kind_of(subscription), subscription.id), None)

    def remove(self, entity: Entity, cause: Cause) -> None:
        """Keep an entity that is there no longer; the history keeps it as given, with its last change."""
        extent = self.extent(kind_of(entity), entity.id)
        del self.kept.entities[kind_of(entity), entity.id]
        self._remember(entity, extent, cause, is_removal=True)

    def remove_all(self, entities: Sequence[Entity], cause: Cause) -> None:
        """Remove several entities of one kind."""
        for entity in entities:
            self.remove(entity, cause)

    def removed(self, kind: EntityKind, entity_id: str) -> HistoryEntry | None:
        """Return the last entry of the history of an entity, if it is a removal; else None."""
        for entry in reversed(self.kept.history):
            if entry.entity.id == entity_id and kind_of(entry.entity) is kind:
                return entry if entry.is_removal else None
        return None

    def history(self, after: int, limit: int) -> Sequence[HistoryEntry]:
        """Return entries of the history after a number, in their order."""
        return [entry for entry in self.kept.history if entry.seq > after][:limit]

    def forget_history(self, before: datetime, limit: int) -> int:
        """Forget entries of before an instant, the oldest first; return how many."""
        old = [entry.seq for entry in self.kept.history if entry.cause.at < before][:limit]
        self.kept.history = [entry for entry in self.kept.history if entry.seq not in set(old)]
        return len(old)

    def count(self, kind: EntityKind) -> int:
        """Return how many entities of a kind are kept."""
        return len(self._of(kind))

    def availability(self, uss_id: str) -> UssAvailability | None:
        """Return what was last said of a party's service; None where nothing was."""
        return self.kept.availabilities.get(uss_id)

    def put_availability(self, availability: UssAvailability, cause: Cause) -> None:  # noqa: ARG002
        """Keep what is said of a party's service, in place of what was."""
        self.kept.availabilities[availability.uss_id] = availability

    def add_report(self, report_id: str, text: bytes, cause: Cause) -> None:
        """Keep a report of an error that somebody else sent."""
        self.kept.reports[report_id] = (text, cause.at)

    def forget_reports(self, before: datetime, limit: int) -> int:
        """Forget reports of before an instant, the oldest first; return how many."""
        old = sorted((at, name) for name, (_, at) in self.kept.reports.items() if at < before)[:limit]
        for _, name in old:
            del self.kept.reports[name]
        return len(old)

    def note(self, topic: str, name: str) -> tuple[str, datetime] | None:
        """Return a small thing that is kept by topic and name, and when it was kept; None for none."""
        return self.kept.notes.get((topic, name))

    def notes(self, topic: str) -> Sequence[tuple[str, str, datetime]]:
        """Return all that is kept of a topic: name, text, and when it was kept; by name."""
        return [(name, *kept) for (of, name), kept in sorted(self.kept.notes.items()) if of == topic]

    def put_note(self, topic: str, name: str, text: str, at: datetime) -> None:
        """Keep a small thing by topic and name, in place of what was."""
        self.kept.notes[topic, name] = (text, at)

    def _of(self, kind: EntityKind) -> list[Entity]:
        found = [entity for (of, _), (entity, _) in self.kept.entities.items() if of is kind]
        return sorted(found, key=lambda entity: entity.id)

    def _remember(self, entity: Entity, extent: Extent, cause: Cause, *, is_removal: bool) -> None:
        self.kept.last_seq += 1
        self.kept.history.append(
            HistoryEntry(
                seq=self.kept.last_seq, cause=cause, is_removal=is_removal, entity=entity, extent=extent
            )
        )


class MemoryDssStore:
    """One transaction after the other, in the thread that asks."""

    fault: str | None = None
    waiting_count = 0

    def __init__(self) -> None:
        self._kept = _Kept()
        self._door = threading.Lock()

    def run(
        self,
        work: Callable[[DssTransaction], A],
        ticket: Ticket | None = None,
        target: Target | None = None,  # noqa: ARG002 - nobody else writes
    ) -> Future[A]:
        """Do something in a transaction of its own."""
        answer: Future[A] = Future()
        with self._door:
            transaction = MemoryDssTransaction(self._kept.copy())
            try:
                result = work(transaction)
                if ticket is not None and not ticket.claim():
                    raise CalledOffError
            except BaseException as error:
                answer.set_exception(error)
            else:
                self._kept = transaction.kept
                answer.set_result(result)
        return answer

    def close(self) -> None:
        """Nothing is held open."""
