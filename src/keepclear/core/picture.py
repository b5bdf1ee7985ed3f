"""The picture: the operational intents and constraints held at one time, ready to be checked.

A check judges operations of different parties against each other, and operations against zones of
other parties; zones are never judged against zones. Items that have ended are left out, and counted.

What was held at the start, or at the last rebuild, stands in an index. What came since stands beside
it in arrays that are searched whole, until there is so much of it that a rebuild pays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from keepclear.core import judge
from keepclear.core.conflicts import NO_BUFFER, Buffer, ConflictRule, Finding, Item, Verdict, finding_of
from keepclear.core.constraints import Constraint
from keepclear.core.errors import InvalidValueError, UnknownItemError
from keepclear.core.index import Engine, Progress, VolumeIndex, boxes_overlap
from keepclear.core.intents import IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.packed import Ints, Margins, PackedVolumes, boxes, joined, pack, widest

NEWCOMERS_MIN: Final = 4_000
"""So many volumes may stand beside the index before it is rebuilt."""
NEWCOMERS_RATIO: Final = 0.02
"""So many of the volumes in the index may stand beside it, where that is more."""

_TOLD_EVERY: Final = 500


class Hits(NamedTuple):
    """What volumes of an item meet; k pairs.

    Attributes:
        rows: The volume of the item, by its row in the query, shape (k,).
        stored: The volume that it meets, k volumes; `owner` tells the place of its item.
    """

    rows: Ints
    stored: PackedVolumes

    def taken(self, places: Ints) -> Hits:
        """Return the pairs at these places, in this order."""
        return Hits(self.rows[places], self.stored.taken(places))


class Picture:
    """The items held at one time.

    Args:
        items: The items; those that have ended are left out.
        rule: When two items conflict.
        engine: Which code searches.

    Attributes:
        rule: When two items conflict.
        ended_count: How many of the items given at the start had ended.

    Raises:
        InvalidValueError: An id stands twice.
    """

    def __init__(
        self,
        items: Iterable[Item] = (),
        *,
        rule: ConflictRule = ConflictRule.PER_VOLUME,
        engine: Engine = Engine.AUTO,
    ) -> None:
        given = list(items)
        held = [item for item in given if not _ended(item)]
        self.rule, self.ended_count = rule, len(given) - len(held)
        self._engine = engine
        self._items: list[Item | None] = list(held)  # by place; None where dropped or replaced
        self._place: dict[ItemId, int] = {}
        self._party: dict[PartyId, int] = {}
        for place, item in enumerate(held):
            if self._place.setdefault(item.id, place) != place:
                raise InvalidValueError("id", f"the id {item.id!r} stands twice")
            self._number(item.party)
        self._index = VolumeIndex(self._pack(held, range(len(held))), engine)
        self._newcomers: list[PackedVolumes] = []
        self._gone = 0

    @property
    def items(self) -> Sequence[Item]:
        """The items, in the order in which they came."""
        return [item for item in self._items if item is not None]

    @property
    def index(self) -> VolumeIndex:
        """The index over what is held, rebuilt if anything changed."""
        if self._newcomers or self._gone:
            self._rebuild()
        return self._index

    def __len__(self) -> int:
        """Return how many items are held."""
        return len(self._place)

    def __contains__(self, item_id: object) -> bool:
        """Tell whether an item with this id is held."""
        return item_id in self._place

    def __getitem__(self, item_id: str) -> Item:
        """Return the item with this id.

        Raises:
            UnknownItemError: There is none.
        """
        place = self._place.get(ItemId(item_id))
        item = None if place is None else self._items[place]
        if item is None:
            raise UnknownItemError(item_id)
        return item

    def hold(self, item: Item) -> None:
        """Hold an item, in place of the one with the same id; one that has ended is dropped."""
        self.drop(item.id)
        if _ended(item):
            return
        place = len(self._items)
        self._items.append(item)
        self._place[item.id] = place
        self._number(item.party)
        self._newcomers.append(self._pack([item], [place]))
        waiting = sum(part.volume_count for part in self._newcomers)
        if waiting > max(NEWCOMERS_MIN, NEWCOMERS_RATIO * self._index.volumes.volume_count):
            self._rebuild()

    def drop(self, item_id: ItemId) -> None:
        """Hold an item no longer; nothing happens where there is none with this id."""
        place = self._place.pop(item_id, None)
        if place is not None:
            self._items[place] = None
            self._gone += 1

    def _number(self, party: PartyId | None) -> None:
        """Give a party that is new a number."""
        if party is not None:
            self._party.setdefault(party, len(self._party))

    def _pack(self, items: Sequence[Item], places: Iterable[int]) -> PackedVolumes:
        owner, party, zone = [], [], []
        for item, place in zip(items, places, strict=True):
            count = len(item.volumes)
            # An item without a party is a party that nobody else is.
            code = -2 - place if item.party is None else self._party.get(item.party, len(self._party))
            owner.extend([place] * count)
            party.extend([code] * count)
            zone.extend([isinstance(item, Constraint)] * count)
        packed = pack([volume for item in items for volume in item.volumes], owner, party, zone)
        return _with_bounds_of_items(packed) if self.rule is ConflictRule.PER_INTENT else packed

    def _held(self, volumes: PackedVolumes) -> PackedVolumes:
        held = np.array([self._items[place] is not None for place in volumes.owner.tolist()], dtype=np.bool_)
        return volumes.taken(np.flatnonzero(held))

    def _rebuild(self) -> None:
        # The order of the index scatters the volumes of an item, but each knows its number.
        self._index = VolumeIndex(self._held(joined([self._index.volumes, *self._newcomers])), self._engine)
        self._newcomers, self._gone = [], 0

    def packed(self, item: Item) -> PackedVolumes:
        """Pack an item to be searched for; a held one with the same id is not judged against it."""
        return self._pack([item], [self._place.get(item.id, len(self._items))])

    def search(self, query: PackedVolumes, margins: Margins, *, all_pairs: bool = False) -> Hits:
        """Find the held volumes that the volumes of an item meet, exactly.

        Args:
            query: The packed item.
            margins: The gaps that still count as meeting.
            all_pairs: True to judge volumes of the same party too.

        Returns:
            The pairs, in no promised order.
        """
        pairs = self._index.search(query, margins, all_pairs=all_pairs)
        hits = Hits(pairs[:, 0], self._index.taken(pairs[:, 1]))
        if self._newcomers:
            self._newcomers = [joined(self._newcomers)]
            fresh = self._newcomers[0]
            overlap = boxes_overlap(
                boxes(query, 0, margins)[:, np.newaxis].repeat(fresh.volume_count, axis=1).reshape(-1, 10),
                np.tile(boxes(fresh, 0), (query.volume_count, 1)),
            )
            candidates = np.stack(np.divmod(np.flatnonzero(overlap), fresh.volume_count), axis=-1)
            pairs = judge.meeting(query, fresh, candidates, margins, all_pairs)
            rows = np.concatenate((hits.rows, pairs[:, 0]))
            hits = Hits(rows, joined([hits.stored, fresh.taken(pairs[:, 1])]))
        if self._gone:
            held = [self._items[place] is not None for place in hits.stored.owner.tolist()]
            hits = hits.taken(np.flatnonzero(held))
        return hits

    def owner(self, place: int) -> Item:
        """Return the item that a volume belongs to, by its `owner`."""
        item = self._items[place]
        assert item is not None, "a volume of an item that is not held"
        return item

    def findings(
        self,
        *,
        buffer: Buffer = NO_BUFFER,
        near: Buffer | None = None,
        all_pairs: bool = False,
        progress: Progress | None = None,
    ) -> tuple[Finding, ...]:
        """Check everything against everything.

        Args:
            buffer: The gap that items must leave.
            near: Gaps up to which a pair that is clear is reported as a near miss; None for none.
            all_pairs: True to judge items of one party against each other too.
            progress: Told how many volumes are searched, then how many findings are made.

        Returns:
            Each pair of items at most once: conflicts and notices required, then near misses; each
            in the order of the picture.
        """
        pairs = self.index.pairs(buffer.margins, all_pairs=all_pairs, progress=progress)
        found = self._of_pairs(pairs, None, frozenset(), progress)
        if near is None:
            return found
        wide = widest(near.margins, buffer.margins)
        nearby = self.index.pairs(wide, all_pairs=all_pairs, progress=progress)
        meeting = frozenset((finding.a.id, finding.b.id) for finding in found)
        return found + self._of_pairs(nearby, Verdict.NEAR_MISS, meeting, progress)

    def _of_pairs(
        self,
        pairs: Ints,
        verdict: Verdict | None,
        skipped: frozenset[tuple[ItemId, ItemId]],
        progress: Progress | None,
    ) -> tuple[Finding, ...]:
        # The item that came first is `a`, whichever volume comes first in the index.
        owners = self._index.owners(pairs)
        pairs = np.where((owners[:, 0] > owners[:, 1])[:, np.newaxis], pairs[:, ::-1], pairs)
        query, hits = self._index.taken(pairs[:, 0]), self._index.taken(pairs[:, 1])
        rows = np.arange(len(pairs))
        return self._grouped(query, Hits(rows, hits), verdict, skipped, progress=progress)

    def findings_of(
        self, item: Item, *, buffer: Buffer = NO_BUFFER, all_pairs: bool = False
    ) -> tuple[Finding, ...]:
        """Check one item, held or not, against the picture.

        Args:
            item: The item; a held one with the same id is left out.
            buffer: The gap that items must leave.
            all_pairs: True to judge items of the same party too.

        Returns:
            One finding for each item that it meets, in the order of the picture; `a` is `item`.
        """
        query = self.packed(item)
        hits = self.search(query, buffer.margins, all_pairs=all_pairs)
        return self._grouped(query, hits, None, frozenset(), query_item=item)

    def _grouped(
        self,
        query: PackedVolumes,
        hits: Hits,
        verdict: Verdict | None,
        skipped: frozenset[tuple[ItemId, ItemId]],
        *,
        query_item: Item | None = None,
        progress: Progress | None = None,
    ) -> tuple[Finding, ...]:
        """Make one finding of all pairs of volumes of the same two items."""
        if len(hits.rows) == 0:
            return ()
        a_owner = query.owner[hits.rows]
        order = np.lexsort((hits.stored.owner, a_owner))
        a_owner, b_owner = a_owner[order], hits.stored.owner[order]
        starts = np.flatnonzero((np.diff(a_owner) != 0) | (np.diff(b_owner) != 0)) + 1
        findings = []
        groups = np.split(order, starts)
        for done, group in enumerate(groups):
            if progress is not None and done % _TOLD_EVERY == 0:
                progress(done, len(groups))
            a = query_item or self.owner(int(query.owner[hits.rows[group[0]]]))
            b = self.owner(int(hits.stored.owner[group[0]]))
            if (a.id, b.id) not in skipped:
                rows, stored = hits.rows[group], hits.stored.taken(group)
                findings.append(finding_of(query, rows, stored, a, b, verdict))
        return tuple(findings)


def _ended(item: Item) -> bool:
    return isinstance(item, OperationalIntent) and item.state is IntentState.ENDED


def _with_bounds_of_items(volumes: PackedVolumes) -> PackedVolumes:
    """Give every volume the bounding altitude and time of its item."""
    if volumes.volume_count == 0:
        return volumes
    first = np.flatnonzero(volumes.number == 0)
    item = np.cumsum(volumes.number == 0) - 1
    return volumes._replace(
        start_ms=np.minimum.reduceat(volumes.start_ms, first)[item],
        end_ms=np.maximum.reduceat(volumes.end_ms, first)[item],
        lower_m=np.minimum.reduceat(volumes.lower_m, first)[item],
        upper_m=np.maximum.reduceat(volumes.upper_m, first)[item],
    )
