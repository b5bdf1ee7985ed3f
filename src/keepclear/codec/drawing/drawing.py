"""A check, ready to be drawn: its items, who they belong to, and their footprints."""

from __future__ import annotations

from collections.abc import Iterable

from keepclear.codec.drawing import limits
from keepclear.codec.drawing.extents import Extent, bounding, extent_of
from keepclear.codec.drawing.marks import Look, looks_of
from keepclear.codec.reading import Item
from keepclear.codec.results import CheckResult
from keepclear.core.conflicts import ConflictRule, Finding, Side
from keepclear.core.errors import UnknownItemError
from keepclear.core.geodesy import Floats
from keepclear.core.intents import ItemId
from keepclear.core.packed import pack


class Drawing:
    """A check, ready to be drawn; footprints are computed once.

    Args:
        result: The outcome of a check.
        alone: True for pictures that stand alone. False for pictures within a page that has `STYLE`:
            they can be shown at an instant, and marks lead to `#finding-<number>`.
    """

    def __init__(self, result: CheckResult, *, alone: bool = True) -> None:
        self.result = result
        self.alone = alone
        self.looks = looks_of(result.items)
        self.marked = result.findings[: limits.MARKS_MAX]
        self.numbers = {finding: number for number, finding in enumerate(result.findings, start=1)}
        self._items: dict[ItemId, Item] = {item.id: item for item in result.items}
        self._rings: dict[tuple[ItemId, int], Floats] = {}

    def item(self, side: Side) -> Item:
        """Return the item of one side of a finding.

        Raises:
            UnknownItemError: The finding is of another check.
        """
        item = self._items.get(side.id)
        if item is None:
            raise UnknownItemError(side.id)
        return item

    def look(self, item: Item) -> Look:
        """Return how the party of an item is told from others."""
        return self.looks[item.party]

    def ring(self, item: Item, number: int) -> Floats:
        """Return the unit vectors of the ring of a volume, shape (n, 3)."""
        self.prepare([(item, number)])
        return self._rings[item.id, number]

    def prepare(self, volumes: Iterable[tuple[Item, int]]) -> None:
        """Compute the rings of many volumes at once, as they are judged; each is computed once."""
        new = {(item.id, k): item.volumes[k] for item, k in volumes if (item.id, k) not in self._rings}
        if new:
            none = [0] * len(new)
            packed = pack(list(new.values()), none, none, [False] * len(new))
            self._rings.update((key, packed.ring(place)) for place, key in enumerate(new))

    def extent(self, item: Item, number: int) -> Extent:
        """Return the time and altitude by which a volume was judged."""
        if self.result.rule is ConflictRule.PER_INTENT:
            return bounding(item.volumes)
        return extent_of(item.volumes[number])

    def span_ms(self, finding: Finding) -> tuple[float, float]:
        """Return from when to when the two items of a finding meet, or leave a gap."""
        a, b = self.item(finding.a), self.item(finding.b)
        spans = [self.extent(a, i).shared(self.extent(b, j)) for i, j in finding.volume_pairs]
        return min(span.start_ms for span in spans), max(span.end_ms for span in spans)
