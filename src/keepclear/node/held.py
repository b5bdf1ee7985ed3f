"""What a node holds in memory: the picture, brought up to each entry of the log and to the time.

Expired items leave by themselves; they stay in the history of the store.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from concurrent.futures import Executor
from datetime import datetime
from typing import Final

from keepclear.core.conflicts import Finding, Gaps, Item
from keepclear.core.index import Engine
from keepclear.core.intents import ItemId
from keepclear.core.packed import PackedVolumes
from keepclear.core.picture import Picture
from keepclear.core.times import floor_ms
from keepclear.node.policy import EXPIRY_GRACE_S
from keepclear.node.ports import Holding, ItemForm, Record

DEFAULT_KEPT_MS: Final = round(EXPIRY_GRACE_S * 1000.0)
"""So long after its end an item is held where no gap in time is kept."""


class Held:
    """The picture of a node, and how far it has read the log.

    Args:
        holding: What the store holds.
        form: How items are written.
        engine: Which code searches.
        builders: Where the index is rebuilt while the node goes on; None to wait for it.
        filled_ms: What time it was when the store was asked; what was over then is not in `holding`.
        kept_ms: How long after its end an item is held.

    Attributes:
        picture: The items that are not over.
        kept_ms: How long after its end an item is held.
        seq: The last entry of the log that is in the picture.
    """

    def __init__(
        self,
        holding: Holding,
        form: ItemForm,
        engine: Engine = Engine.AUTO,
        builders: Executor | None = None,
        *,
        filled_ms: int = 0,
        kept_ms: int = DEFAULT_KEPT_MS,
    ) -> None:
        self.picture = Picture(engine=engine, builders=builders)
        self.picture.hold_packed(holding.labels, holding.volumes)
        self.seq = holding.seq
        self._form = form
        self.kept_ms = kept_ms
        # Something was left out, or dropped, that would count at this instant or before.
        self._now_ms, self._dropped_ms = filled_ms, filled_ms - 1
        self._expiring = [
            (end + kept_ms, label.id)
            for end, label in zip(holding.end_ms.tolist(), holding.labels, strict=True)
        ]
        heapq.heapify(self._expiring)
        self._end_ms = {label_id: expires for expires, label_id in self._expiring}

    def follow(self, records: Sequence[Record]) -> None:
        """Take over entries of the log that others wrote."""
        for record in records:
            assert record.seq == self.seq + 1, "an entry of the log was left out"
            if record.is_over:
                self.take(record, None)
            else:
                item = self._form.read(record.text)
                self.take(record, self.picture.packed(item))

    def take(self, record: Record, packed: PackedVolumes | None) -> None:
        """Take over an entry that was just written.

        Args:
            record: The entry.
            packed: The volumes of its item; None for one that is over.
        """
        if self._is_kept(record) and packed is not None:
            self.picture.hold_packed([record.label], packed._replace(owner=packed.owner * 0))
        self.seq = record.seq

    def take_all(self, changes: Sequence[tuple[Record, Item]]) -> None:
        """Take over entries that were just written, with their items; the last of each item counts."""
        last = {record.label.id: (record, item) for record, item in changes}
        self.picture.hold_all([item for record, item in last.values() if self._is_kept(record)])
        if changes:
            self.seq = changes[-1][0].seq

    def _is_kept(self, record: Record) -> bool:
        """Drop what was held of an item, and tell whether to hold what it is now."""
        label = record.label
        self.picture.drop(label.id)
        self._end_ms.pop(label.id, None)
        expires = record.end_ms + self.kept_ms
        if record.is_over:
            return False
        if expires < self._now_ms:
            self._dropped_ms = max(self._dropped_ms, expires)
            return False
        self._end_ms[label.id] = expires
        heapq.heappush(self._expiring, (expires, label.id))
        return True

    def expire(self, now: datetime) -> None:
        """Drop what ended before now."""
        self._now_ms = floor_ms(now)
        while self._expiring and self._expiring[0][0] < self._now_ms:
            expires, item_id = heapq.heappop(self._expiring)
            if self._end_ms.get(item_id) == expires:  # else it was amended since
                del self._end_ms[item_id]
                self.picture.drop(ItemId(item_id))
                self._dropped_ms = max(self._dropped_ms, expires)

    def dropped_too_early(self, now: datetime) -> bool:
        """Tell whether something was dropped that has not ended by now: the clock was set back."""
        return floor_ms(now) <= self._dropped_ms

    def judge(self, item: Item, gaps: Gaps) -> tuple[PackedVolumes, tuple[Finding, ...]]:
        """Check an item against the picture.

        Returns:
            Its volumes packed, and what it meets.
        """
        packed = self.picture.packed(item)
        return packed, self.picture.findings_within(item, gaps, packed=packed)
