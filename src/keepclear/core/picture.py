"""The picture: the operational intents and constraints held at one time, ready to be checked.

A check judges operations of different parties against each other, and operations against zones of
other parties; zones are never judged against zones. Items that have ended are left out, and counted.

What was held at the start, or at the last rebuild, stands in an index. What came since stands beside
it in arrays that are searched whole, until there is so much of it that a rebuild pays. Of an item the
picture keeps its volumes as arrays and its label, so that it can also be filled without the items.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from keepclear.core import judge
from keepclear.core.conflicts import (
    NO_BUFFER,
    Buffer,
    ConflictRule,
    Finding,
    Gaps,
    Item,
    Label,
    Verdict,
    finding_of,
    label_of,
)
from keepclear.core.errors import InvalidValueError, UnknownItemError
from keepclear.core.index import Engine, Progress, VolumeIndex
from keepclear.core.intents import IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.packed import Ints, Margins, PackedVolumes, boxes, joined, pack, widest

NEWCOMERS_MIN: Final = 16_000
"""So many volumes may stand beside the index before it is rebuilt."""
NEWCOMERS_RATIO: Final = 0.02
"""So many of the volumes in the index may stand beside it, where that is more."""

_TOLD_EVERY: Final = 500
_OVERLAPS_AT_ONCE: Final = 1_000_000
_PART, _ROW = 10, 11


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


class _Parts(NamedTuple):
    """Where the volumes stand. It is replaced as a whole, so that whoever reads sees one state of it.

    Attributes:
        indexed: What stood at the last rebuild.
        newcomers: What came since, as it came.
        newcomer_boxes: The boxes of its volumes, then in which part and row each volume stands, shape
            (12, m).
        has_gone: Whether some of the volumes are of items that are held no longer.
        taken_count: So many of the newcomers are being built into the next index, in another thread.
    """

    indexed: VolumeIndex
    newcomers: tuple[PackedVolumes, ...] = ()
    newcomer_boxes: npt.NDArray[np.int32] = np.empty((12, 0), dtype=np.int32)
    has_gone: bool = False
    taken_count: int = 0


class Picture:
    """The items held at one time.

    One thread at a time may change it. Reading is safe from several threads while none changes it.

    Args:
        items: The items; those that have ended are left out.
        rule: When two items conflict.
        engine: Which code searches.
        builders: Where the index is rebuilt while the picture goes on; None to rebuild it at once, and
            wait.

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
        builders: Executor | None = None,
    ) -> None:
        given = list(items)
        held = [item for item in given if not _ended(item)]
        self.rule, self.ended_count = rule, len(given) - len(held)
        self._engine, self._builders = engine, builders
        self._building: Future[VolumeIndex] | None = None
        self._labels: list[Label | None] = []  # by place; None where dropped or replaced
        self._place: dict[ItemId, int] = {}
        self._zone_count = 0
        self._party: dict[PartyId, int] = {}
        for item in held:
            if item.id in self._place:
                raise InvalidValueError("id", f"the id {item.id!r} stands twice")
            self._add(label_of(item))
        self._parts = _Parts(VolumeIndex(self._pack(held, range(len(held))), engine))
        self._room = self._parts.newcomer_boxes  # `newcomer_boxes`, and room for more

    @property
    def labels(self) -> Sequence[Label]:
        """The labels of the items, in the order in which they came."""
        return [label for label in self._labels if label is not None]

    @property
    def index(self) -> VolumeIndex:
        """The index over what is held, rebuilt if anything changed."""
        if self._parts.newcomers or self._parts.has_gone:
            self._parts = self._rebuilt(self._parts)
        return self._parts.indexed

    def __len__(self) -> int:
        """Return how many items are held."""
        return len(self._place)

    @property
    def zone_count(self) -> int:
        """How many of them are zones."""
        return self._zone_count

    def __contains__(self, item_id: object) -> bool:
        """Tell whether an item with this id is held."""
        return item_id in self._place

    def label(self, item_id: str) -> Label:
        """Return the label of the item with this id.

        Raises:
            UnknownItemError: There is none.
        """
        place = self._place.get(ItemId(item_id))
        if place is None:
            raise UnknownItemError(item_id)
        return self.owner(place)

    def hold(self, item: Item) -> None:
        """Hold an item, in place of the one with the same id; one that has ended is dropped."""
        self.drop(item.id)
        if not _ended(item):
            place = self._add(label_of(item))
            self._stand_beside(self._pack([item], [place]))

    def hold_all(self, items: Sequence[Item]) -> None:
        """Hold items that have not ended, each in place of the one with the same id; an id stands once."""
        for item in items:
            self.drop(item.id)
        places = [self._add(label_of(item)) for item in items]
        if items:
            self._stand_beside(self._pack(items, places))

    def hold_packed(self, labels: Sequence[Label], volumes: PackedVolumes) -> None:
        """Hold many items at once, none of which is held yet.

        Args:
            labels: Whose volumes they are.
            volumes: Their volumes; `owner` is a place in `labels`. What `party` says does not matter.

        Raises:
            InvalidValueError: An id stands twice.
        """
        first = len(self._labels)
        for label in labels:
            if label.id in self._place:
                raise InvalidValueError("id", f"the id {label.id!r} stands twice")
            self._add(label)
        codes = [self._party_code(label.party, first + k) for k, label in enumerate(labels)]
        party = np.array(codes, dtype=np.int32)[volumes.owner]
        owner = (volumes.owner + first).astype(np.int32)
        self._stand_beside(self._bounded(volumes._replace(owner=owner, party=party)))

    def drop(self, item_id: ItemId) -> None:
        """Hold an item no longer; nothing happens where there is none with this id."""
        place = self._place.pop(item_id, None)
        if place is not None:
            self._zone_count -= self.owner(place).rule is not None
            self._labels[place] = None
            self._parts = self._parts._replace(has_gone=True)

    def copy(self) -> Picture:
        """Return a picture that holds the same and does not change with this one."""
        twin = copy.copy(self)
        twin._builders, twin._building = None, None
        twin._parts = self._parts._replace(taken_count=0)
        twin._room = twin._parts.newcomer_boxes  # without the room behind, which is this one's
        twin._labels, twin._place, twin._party = self._labels.copy(), self._place.copy(), self._party.copy()
        return twin

    def _add(self, label: Label) -> int:
        """Give an item a place, and its party, when it is new, a number."""
        place = len(self._labels)
        self._labels.append(label)
        self._place[label.id] = place
        self._zone_count += label.rule is not None
        if label.party is not None:
            self._party.setdefault(label.party, len(self._party))
        return place

    def _party_code(self, party: PartyId | None, place: int) -> int:
        # An item without a party is a party that nobody else is.
        return -2 - place if party is None else self._party.get(party, len(self._party))

    def _pack(self, items: Sequence[Item], places: Iterable[int]) -> PackedVolumes:
        owner, party, zone = [], [], []
        for item, place in zip(items, places, strict=True):
            count = len(item.volumes)
            owner.extend([place] * count)
            party.extend([self._party_code(item.party, place)] * count)
            zone.extend([label_of(item).rule is not None] * count)
        return self._bounded(pack([volume for item in items for volume in item.volumes], owner, party, zone))

    def _bounded(self, volumes: PackedVolumes) -> PackedVolumes:
        return _with_bounds_of_items(volumes) if self.rule is ConflictRule.PER_INTENT else volumes

    def _stand_beside(self, volumes: PackedVolumes) -> None:
        """Put volumes beside the index; rebuild it once they are too many."""
        parts = self._parts
        newcomers = (*parts.newcomers, volumes)
        before, count = parts.newcomer_boxes.shape[1], volumes.volume_count
        indexed_count = parts.indexed.volumes.volume_count
        are_too_many = before + count > max(NEWCOMERS_MIN, NEWCOMERS_RATIO * indexed_count)
        if are_too_many and (self._builders is None or indexed_count == 0):
            self._parts = self._rebuilt(parts._replace(newcomers=newcomers))
            return
        if before + count > self._room.shape[1]:
            self._room = np.empty((12, 2 * (before + count)), dtype=np.int32)
            self._room[:, :before] = parts.newcomer_boxes
        # Whoever reads an earlier state sees nothing of these columns.
        self._room[:_PART, before : before + count] = boxes(volumes, 0).T
        self._room[_PART, before : before + count] = len(parts.newcomers)
        self._room[_ROW, before : before + count] = np.arange(count)
        newcomer_boxes = self._room[:, : before + count]
        self._parts = parts = parts._replace(newcomers=newcomers, newcomer_boxes=newcomer_boxes)
        if self._building is not None:
            if self._building.done():
                self._take_built(self._building)
        elif are_too_many and self._builders is not None:
            self._building = self._builders.submit(self._built, parts)
            self._parts = parts._replace(taken_count=len(newcomers))

    def _take_built(self, building: Future[VolumeIndex]) -> None:
        """Put a new index in the place of the old one and of the newcomers that it was built of."""
        self._building = None
        parts = self._parts
        taken_count = parts.taken_count
        # A copy: those who read an earlier state go on with the old one.
        self._room = parts.newcomer_boxes[:, parts.newcomer_boxes[_PART] >= taken_count]
        self._room[_PART] -= taken_count
        self._parts = _Parts(
            building.result(),
            parts.newcomers[taken_count:],
            self._room,
            has_gone=True,  # since the building began
        )

    def _held(self, owner: npt.NDArray[np.int32]) -> Ints:
        """Return which of the volumes of these owners are still held."""
        return np.flatnonzero([self._labels[place] is not None for place in owner.tolist()])

    def _rebuilt(self, parts: _Parts) -> _Parts:
        self._building = None
        rebuilt = _Parts(self._built(parts))
        self._room = rebuilt.newcomer_boxes  # others may still read the old one
        return rebuilt

    def _built(self, parts: _Parts) -> VolumeIndex:
        # The order of the index scatters the volumes of an item, but each knows its number.
        volumes = joined([parts.indexed.volumes, *parts.newcomers])
        if parts.has_gone:
            volumes = volumes.taken(self._held(volumes.owner))
        return VolumeIndex(volumes, self._engine)

    def packed(self, item: Item) -> PackedVolumes:
        """Pack an item to be searched for; a held one with the same id is not judged against it."""
        return self._pack([item], [self._place.get(item.id, len(self._labels))])

    def search(self, query: PackedVolumes, margins: Margins, *, all_pairs: bool = False) -> Hits:
        """Find the held volumes that the volumes of an item meet, exactly.

        Args:
            query: The packed item.
            margins: The gaps that still count as meeting.
            all_pairs: True to judge volumes of the same party too.

        Returns:
            The pairs, in no promised order.
        """
        parts = self._parts
        pairs = parts.indexed.search(query, margins, all_pairs=all_pairs)
        found = [Hits(pairs[:, 0], parts.indexed.taken(pairs[:, 1]))]
        if parts.newcomers:
            candidates = _overlapping(boxes(query, 0, margins), parts.newcomer_boxes[:_PART])
            if len(candidates):
                part, row = parts.newcomer_boxes[_PART:, candidates[:, 1]]
                near, place = np.unique(part, return_inverse=True)
                volumes = joined([parts.newcomers[k] for k in near.tolist()])
                starts = np.cumsum([0, *(parts.newcomers[k].volume_count for k in near.tolist())])
                candidates[:, 1] = starts[place] + row
                pairs = judge.meeting(query, volumes, candidates, margins, all_pairs)
                found.append(Hits(pairs[:, 0], volumes.taken(pairs[:, 1])))
        hits = found[0]
        if len(found) > 1:
            hits = Hits(np.concatenate([h.rows for h in found]), joined([h.stored for h in found]))
        return hits.taken(self._held(hits.stored.owner)) if parts.has_gone else hits

    def owner(self, place: int) -> Label:
        """Return the label of the item that a volume belongs to, by its `owner`."""
        label = self._labels[place]
        assert label is not None, "a volume of an item that is not held"
        return label

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
        found = tuple(self.meetings(buffer=buffer, all_pairs=all_pairs, progress=progress).findings(progress))
        if near is None:
            return found
        wide = widest(near.margins, buffer.margins)
        nearby = self._meetings(wide, all_pairs, progress)
        meeting = frozenset((finding.a.id, finding.b.id) for finding in found)
        return found + tuple(nearby.findings(progress, verdict=Verdict.NEAR_MISS, skipped=meeting))

    def meetings(
        self, *, buffer: Buffer = NO_BUFFER, all_pairs: bool = False, progress: Progress | None = None
    ) -> Meetings:
        """Find every pair of items that meets, without making the findings yet.

        Args:
            buffer: The gap that items must leave.
            all_pairs: True to judge items of one party against each other too.
            progress: Told how many volumes are searched.
        """
        return self._meetings(buffer.margins, all_pairs, progress)

    def meetings_within(self, gaps: Gaps) -> Meetings:
        """Find every pair of items that meets, with a gap for each two parties."""
        return self._meetings(gaps.widest.margins, False, None, gaps)

    def _meetings(
        self, margins: Margins, all_pairs: bool, progress: Progress | None, gaps: Gaps | None = None
    ) -> Meetings:
        index = self.index
        pairs = index.pairs(margins, all_pairs=all_pairs, progress=progress)
        # The item that came first is `a`, whichever volume comes first in the index.
        owners = index.owners(pairs)
        pairs = np.where((owners[:, 0] > owners[:, 1])[:, np.newaxis], pairs[:, ::-1], pairs)
        query, stored = index.taken(pairs[:, 0]), index.taken(pairs[:, 1])
        hits = Hits(np.arange(len(pairs)), stored)
        return Meetings(self, query, hits if gaps is None else self._within(query, hits, gaps))

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
        return self.findings_within(item, Gaps(buffer=buffer), all_pairs=all_pairs)

    def findings_within(
        self, item: Item, gaps: Gaps, *, all_pairs: bool = False, packed: PackedVolumes | None = None
    ) -> tuple[Finding, ...]:
        """Check one item as `findings_of` does, with a gap for each two parties.

        Args:
            item: The item.
            gaps: The gaps that items must leave.
            all_pairs: True to judge items of the same party too.
            packed: What `packed` makes of the item, where that is at hand.
        """
        query = self.packed(item) if packed is None else packed
        hits = self.search(query, gaps.widest.margins, all_pairs=all_pairs)
        hits = self._within(query, hits, gaps, label_of(item))
        return tuple(Meetings(self, query, hits, label_of(item)).findings())

    def _within(self, query: PackedVolumes, hits: Hits, gaps: Gaps, a: Label | None = None) -> Hits:
        """Return of pairs within the widest gap those within the gap of their two parties."""
        if not gaps.agreed or not len(hits.rows):
            return hits
        owners = zip(query.owner[hits.rows].tolist(), hits.stored.owner.tolist(), strict=True)
        buffers = [gaps.between((a or self.owner(i)).party, self.owner(j).party) for i, j in owners]
        kept = np.ones(len(buffers), dtype=np.bool_)
        for buffer in set(buffers) - {gaps.widest}:
            places = np.flatnonzero([each == buffer for each in buffers])
            pairs = np.stack((hits.rows[places], places), axis=-1)
            meet = judge.meeting(query, hits.stored, pairs, buffer.margins, True)
            kept[places] = False
            kept[meet[:, 1]] = True
        return hits.taken(np.flatnonzero(kept))


class Meetings:
    """The pairs of items that meet, of which findings can be made one by one.

    Args:
        picture: What is held.
        query: Volumes.
        hits: What they meet.
        a: Whose volumes `query` holds; None to tell it by their owners.
    """

    def __init__(self, picture: Picture, query: PackedVolumes, hits: Hits, a: Label | None = None) -> None:
        self._picture, self._query, self._hits, self._a = picture, query, hits, a
        a_owner = query.owner[hits.rows]
        order = np.lexsort((hits.stored.owner, a_owner))
        a_owner, b_owner = a_owner[order], hits.stored.owner[order]
        changes = np.flatnonzero((np.diff(a_owner) != 0) | (np.diff(b_owner) != 0)) + 1
        self._groups = np.split(order, changes) if len(order) else []

    def __len__(self) -> int:
        """Return how many pairs of items meet."""
        return len(self._groups)

    def soonest(self, ended_ms: int | None = None) -> Ints:
        """Return the pairs by the instant from which they meet, the soonest first, shape (k,).

        Args:
            ended_ms: Pairs that met for the last time before this instant are left out.
        """
        order = np.argsort(self._first_ms, kind="stable")
        return order if ended_ms is None else order[self._last_ms[order] >= ended_ms]

    @cached_property
    def _first_ms(self) -> Ints:
        """When each pair begins to meet, milliseconds since 1970, shape (k,)."""
        start_ms = np.maximum(self._query.start_ms[self._hits.rows], self._hits.stored.start_ms)
        return np.array([start_ms[group].min() for group in self._groups], dtype=np.int64)

    @cached_property
    def _last_ms(self) -> Ints:
        """Until when each pair meets, milliseconds since 1970, shape (k,)."""
        end_ms = np.minimum(self._query.end_ms[self._hits.rows], self._hits.stored.end_ms)
        return np.array([end_ms[group].max() for group in self._groups], dtype=np.int64)

    def finding(self, number: int, verdict: Verdict | None = None) -> Finding:
        """Make the finding of one pair.

        Args:
            number: Which, from 0, in the order of the picture.
            verdict: What was found; None to tell it by the rules of zones.
        """
        group = self._groups[number]
        rows, stored = self._hits.rows[group], self._hits.stored.taken(group)
        a = self._a or self._picture.owner(int(self._query.owner[rows[0]]))
        b = self._picture.owner(int(stored.owner[0]))
        return finding_of(self._query, rows, stored, a, b, verdict)

    def findings(
        self,
        progress: Progress | None = None,
        *,
        verdict: Verdict | None = None,
        skipped: frozenset[tuple[ItemId, ItemId]] = frozenset(),
    ) -> Iterator[Finding]:
        """Make all findings, in the order of the picture.

        Args:
            progress: Told how many are made.
            verdict: What was found; None to tell it by the rules of zones.
            skipped: Pairs of ids that are left out.
        """
        for number in range(len(self)):
            if progress is not None and number % _TOLD_EVERY == 0:
                progress(number, len(self))
            if skipped:
                group = self._groups[number]
                a = self._picture.owner(int(self._query.owner[self._hits.rows[group[0]]]))
                if (a.id, self._picture.owner(int(self._hits.stored.owner[group[0]])).id) in skipped:
                    continue
            yield self.finding(number, verdict)


def _overlapping(query: npt.NDArray[np.int32], stored: npt.NDArray[np.int32]) -> Ints:
    """Return the pairs whose boxes overlap, shapes (n, 10) and (10, m) to (k, 2)."""
    # Most lie outside of all of the query together, and already in the first dimension.
    low, high = query[:, :5].min(axis=0), query[:, 5:].max(axis=0)
    near = np.flatnonzero((stored[0] <= high[0]) & (low[0] <= stored[5]))
    for axis in range(1, 5):
        near = near[(stored[axis, near] <= high[axis]) & (low[axis] <= stored[axis + 5, near])]
    if not len(near):
        return np.empty((0, 2), dtype=np.int64)
    close, step = stored[:, near], max(1, _OVERLAPS_AT_ONCE // len(near))
    found = []
    for start in range(0, len(query), step):
        part = query[start : start + step, :, np.newaxis]
        overlap = (close[:5] <= part[:, 5:]) & (part[:, :5] <= close[5:])
        rows, places = np.nonzero(overlap.all(axis=1))
        found.append(np.stack((rows + start, near[places]), axis=-1))
    return np.concatenate(found)


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
