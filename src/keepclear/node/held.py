"""What a node holds in memory: the picture, brought up to each entry of the log and to the time.

Expired items leave by themselves; they stay in the history of the store.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from concurrent.futures import Executor
from datetime import datetime

from keepclear.core.conflicts import Buffer, Finding, Item, label_of
from keepclear.core.index import Engine
from keepclear.core.intents import ItemId
from keepclear.core.packed import PackedVolumes
from keepclear.core.picture import Meetings, Picture
from keepclear.core.times import floor_ms
from keepclear.node.policy import expires_ms
from keepclear.node.ports import Holding, ItemForm, Record


class Held:
    """The picture of a node, and how far it has read the log.

    Args:
        holding: What the store holds.
        form: How items are written.
        engine: Which code searches.
        builders: Where the index is rebuilt while the node goes on; None to wait for it.

    Attributes:
        picture: The items that are not over.
        seq: The last entry of the log that is in the picture.
    """

    def __init__(
        self,
        holding: Holding,
        form: ItemForm,
        engine: Engine = Engine.AUTO,
        builders: Executor | None = None,
    ) -> None:
        self.picture = Picture(engine=engine, builders=builders)
        self.picture.hold_packed(holding.labels, holding.volumes)
        self.seq = holding.seq
        self._form = form
        self._now_ms, self._dropped_ms = 0, 0
        self._expiring = [
            (expires_ms(end), label.id)
            for end, label in zip(holding.end_ms.tolist(), holding.labels, strict=True)
        ]
        heapq.heapify(self._expiring)
        self._end_ms = {label_id: expires for expires, label_id in self._expiring}

    def follow(self, records: Sequence[Record]) -> None:
        """Take over entries of the log that others wrote."""
        for record in records:
            assert record.seq == self.seq + 1, "an entry of the log was left out"
            if record.is_over:
                self._take(record, None)
            else:
                item = self._form.read(record.text)
                self._take(record, self.picture.packed(item))

    def take(self, record: Record, packed: PackedVolumes | None) -> None:
        """Take over an entry that was just written.

        Args:
            record: The entry.
            packed: The volumes of its item; None for one that is over.
        """
        self._take(record, packed)

    def _take(self, record: Record, packed: PackedVolumes | None) -> None:
        label = record.label
        self.picture.drop(label.id)
        self._end_ms.pop(label.id, None)
        if packed is not None and expires_ms(record.end_ms) >= self._now_ms:
            self.picture.hold_packed([label], packed._replace(owner=packed.owner * 0))
            self._end_ms[label.id] = expires_ms(record.end_ms)
            heapq.heappush(self._expiring, (expires_ms(record.end_ms), label.id))
        self.seq = record.seq

    def expire(self, now: datetime) -> None:
        """Drop what ended before now."""
        self._now_ms = floor_ms(now)
        while self._expiring and self._expiring[0][0] < self._now_ms:
            expires, item_id = heapq.heappop(self._expiring)
            if self._end_ms.get(item_id) == expires:  # else it was amended since
                del self._end_ms[item_id]
                self.picture.drop(ItemId(item_id))
                self._dropped_ms = expires

    def dropped_too_early(self, now: datetime) -> bool:
        """Tell whether something was dropped that has not ended by now: the clock was set back."""
        return floor_ms(now) <= self._dropped_ms

    def judge(self, item: Item, buffer: Buffer) -> tuple[PackedVolumes, tuple[Finding, ...]]:
        """Check an item against the picture.

        Returns:
            Its volumes packed, and what it meets.
        """
        query = self.picture.packed(item)
        hits = self.picture.search(query, buffer.margins)
        return query, tuple(Meetings(self.picture, query, hits, label_of(item)).findings())
