"""A store in memory: nothing survives the process. It serves tests, and passes the same contract suite."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from keepclear.core.conflicts import Item
from keepclear.core.constraints import Constraint
from keepclear.core.intents import ItemId
from keepclear.core.packed import pack
from keepclear.node.ports import Holding, Record, Wanted


class MemoryStore:
    """The log as a list, and the latest version of each item."""

    def __init__(self) -> None:
        # The log, and the place in it of the latest version of each item; replaced together.
        self._state: tuple[list[tuple[Record, Item]], dict[ItemId, int]] = ([], {})
        self._writing = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[MemoryTransaction]:
        """Begin a serial transaction; leaving it by an exception undoes all of it."""
        with self._writing:
            log, latest = self._state
            transaction = MemoryTransaction(list(log), dict(latest))
            yield transaction
            self._state = transaction.log, transaction.latest

    def record(self, item_id: ItemId) -> Record | None:
        """Return the latest version of an item, a withdrawn one too; None if it never was."""
        log, latest = self._state
        place = latest.get(item_id)
        return None if place is None else log[place][0]

    def records(self, wanted: Wanted) -> Sequence[Record]:
        """Return the latest versions of items, sorted by id."""
        log, latest = self._state
        found = [log[place][0] for item_id, place in sorted(latest.items()) if item_id > wanted.after]
        return [record for record in found if _is_wanted(record, wanted)][: wanted.limit]

    def history(self, item_id: ItemId, after_version: int, limit: int) -> Sequence[Record]:
        """Return the versions of an item after one, oldest first."""
        return [r for r, _ in self._state[0] if r.label.id == item_id and r.version > after_version][:limit]

    def records_after(self, seq: int, limit: int) -> Sequence[Record]:
        """Return entries of the log after a number, in their order."""
        return [record for record, _ in self._state[0][seq : seq + limit]]

    def last_seq(self) -> int:
        """Return the number of the last entry of the log; 0 for an empty one."""
        return len(self._state[0])

    def holding(self, ending_from_ms: int) -> Holding:
        """Return the volumes of every item that is not over and does not end before."""
        log, latest = self._state
        newest = [log[place] for place in sorted(latest.values())]
        kept = [(r, item) for r, item in newest if not r.is_over and r.end_ms >= ending_from_ms]
        items = [item for _, item in kept]
        owner = [place for place, item in enumerate(items) for _ in item.volumes]
        zone = [isinstance(item, Constraint) for item in items for _ in item.volumes]
        return Holding(
            seq=len(log),
            labels=[record.label for record, _ in kept],
            end_ms=np.array([record.end_ms for record, _ in kept], dtype=np.int64),
            volumes=pack([v for item in items for v in item.volumes], owner, [0] * len(owner), zone),
        )

    def close(self) -> None:
        """Nothing is held open."""


def _is_wanted(record: Record, wanted: Wanted) -> bool:
    is_zone = record.state is None
    if wanted.ending_from_ms is not None and (record.is_over or record.end_ms < wanted.ending_from_ms):
        return False
    return (
        (wanted.party is None or record.label.party == wanted.party)
        and (wanted.is_zone is None or is_zone == wanted.is_zone)
        and (wanted.state is None or record.state is wanted.state)
    )


class MemoryTransaction:
    """One transaction on copies of everything; fine for the few items of a test."""

    def __init__(self, log: list[tuple[Record, Item]], latest: dict[ItemId, int]) -> None:
        self.log, self.latest = log, latest

    def record(self, item_id: ItemId) -> Record | None:
        """Return the latest version of an item, a withdrawn one too; None if it never was."""
        place = self.latest.get(item_id)
        return None if place is None else self.log[place][0]

    def records_after(self, seq: int) -> Sequence[Record]:
        """Return all entries of the log after a number, in their order."""
        return [record for record, _ in self.log[seq:]]

    def append(self, record: Record, item: Item) -> Record:
        """Add an entry to the log and make it the latest version of its item."""
        record = replace(record, seq=len(self.log) + 1)
        self.latest[record.label.id] = len(self.log)
        self.log.append((record, item))
        return record

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Begin a part that is undone alone when it is left by an exception."""
        log, latest = list(self.log), dict(self.latest)
        try:
            yield
        except BaseException:
            self.log, self.latest = log, latest
            raise
