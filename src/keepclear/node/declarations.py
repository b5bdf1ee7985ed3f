"""What a watch compares tracks with: the items of a node, brought up to its log from time to time.

The log says what is declared; what its owners withhold stands there as coarse volumes. Which operations were
given notice of for which zones follows from what officers acknowledged: the party of a zone has seen them.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from keepclear.core.conflicts import Item
from keepclear.core.conformance_findings import Declared, Ignorance
from keepclear.core.intents import ItemId, OperationalIntent, PartyId
from keepclear.node.outcomes import StoreError
from keepclear.node.ports import ItemForm, Record
from keepclear.node.watch import Watch
from keepclear.node.workbench import Workbench

AFTER_END_MS: Final = 900_000
"""So long after its end an item is still compared with: whoever is in its place then is late."""
RECORDS_PAGE: Final = 1_000
"""So many entries of the log are read at a time."""

ReadRecords = Callable[[int, int], Sequence[Record]]
"""Reads entries of the event log after a number, at most so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What only the desk of a node knows of its items.

    Attributes:
        coarse: Volumes round what is withheld from this party.
        ignorance: What is declared, and cannot be judged here.
        seen_by: Which parties have acknowledged each operation as it is, by its id.
    """

    coarse: tuple[Item, ...] = ()
    ignorance: tuple[Ignorance, ...] = ()
    seen_by: Mapping[ItemId, frozenset[PartyId]] = field(default_factory=dict)


def ask(bench: Workbench) -> Asked:
    """Ask the desk; it is quick."""
    moment = bench.present()
    seen_by: dict[ItemId, frozenset[PartyId]] = {}
    if bench.logs is not None:
        for version in bench.logs.ledger.versions():
            if not version.is_over:
                seen = frozenset(bench.logs.ledger.seen(version.ref)) | {version.ref.party}
                seen_by[bench.logs.local_id(version.ref.party, version.ref.id)] = seen
    return Asked(
        coarse=tuple(moment.still.hidden_items),
        ignorance=tuple(Ignorance(each.reason, each.window_ms) for each in moment.unknown),
        seen_by=seen_by,
    )


class Declarations:
    """The items of a node, as a watch holds them.

    Args:
        form: How items are written.
    """

    def __init__(self, form: ItemForm) -> None:
        self._form = form
        self._seq = 0
        self._expiring: list[tuple[int, ItemId, int]] = []
        self._versions: dict[ItemId, int] = {}
        self._zones: dict[ItemId, PartyId | None] = {}
        self._operations: set[ItemId] = set()
        self._coarse: set[ItemId] = set()
        self._unread: dict[ItemId, str] = {}

    @property
    def seq(self) -> int:
        """How far the log was read."""
        return self._seq

    def follow(self, records: Iterable[Record], watch: Watch) -> None:
        """Take over entries of the log, in their order.

        Of an item that cannot be read, what was declared before counts on; that it is so is `blind`.
        """
        for record in records:
            self._seq = record.seq
            item_id = record.label.id
            self._unread.pop(item_id, None)
            if record.is_over:
                self._forget(item_id, watch)
                continue
            try:
                item = self._form.read(record.text)
            except StoreError as error:
                self._unread[item_id] = str(error)
                continue
            self._versions[item_id] = record.version
            heapq.heappush(self._expiring, (record.end_ms + AFTER_END_MS, item_id, record.version))
            if isinstance(item, OperationalIntent):
                self._operations.add(item_id)
            else:
                self._zones[item_id] = item.party
            watch.hold(Declared(item=item, version=record.version))

    @property
    def blind(self) -> tuple[str, ...]:
        """What is declared and could not be read, as sentences without a full stop."""
        return tuple(
            f"what is declared of {item_id} cannot be read: {reason}"
            for item_id, reason in sorted(self._unread.items())
        )

    def expire(self, now_ms: int, watch: Watch) -> None:
        """Drop what ended long ago."""
        while self._expiring and self._expiring[0][0] < now_ms:
            _, item_id, version = heapq.heappop(self._expiring)
            if self._versions.get(item_id) == version:  # else it was amended since
                self._forget(item_id, watch)

    def show_coarse(self, coarse: Sequence[Item], watch: Watch) -> None:
        """Hold the volumes round what is withheld, and those of before no longer."""
        names = {item.id for item in coarse}
        for item_id in sorted(self._coarse - names):
            if item_id not in self._versions:  # else it is declared openly by now
                watch.drop(item_id)
        for item in coarse:
            if item.id not in self._versions:
                watch.hold(Declared(item=item, is_coarse=True))
        self._coarse = {item_id for item_id in names if item_id not in self._versions}

    def noticed(self, seen_by: Mapping[ItemId, frozenset[PartyId]]) -> frozenset[tuple[ItemId, ItemId]]:
        """Return which operations the party of which zone has acknowledged."""
        zones: dict[PartyId, list[ItemId]] = {}
        for zone, party in self._zones.items():
            if party is not None:
                zones.setdefault(party, []).append(zone)
        return frozenset(
            (operation, zone)
            for operation in self._operations
            for party in seen_by.get(operation, ())
            for zone in zones.get(party, ())
        )

    def _forget(self, item_id: ItemId, watch: Watch) -> None:
        self._versions.pop(item_id, None)
        self._zones.pop(item_id, None)
        self._operations.discard(item_id)
        watch.drop(item_id)
