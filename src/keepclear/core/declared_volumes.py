"""What is declared, ready to be compared with tracks: where it is, how it is called, whose it is.

Items are held one by one, their rings projected once. A scene is what is held for some minutes: the volumes
that may matter then, in cells, and every name and callsign by which a track may say what it flies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from keepclear.core.conflicts import Item
from keepclear.core.conformance_findings import Declared
from keepclear.core.constraints import Constraint
from keepclear.core.containment import (
    Certainty,
    Codes,
    Containment,
    Flags,
    Hits,
    Placed,
    joined_places,
    place,
)
from keepclear.core.intents import IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.packed import Ints, pack

SCENE_LASTS_MS: Final = 600_000
"""So long a scene serves before the volumes that matter are chosen anew: ten minutes."""
OLD_MAX_MS: Final = 600_000
"""A position that is older is judged no more: what was declared for its time may be held no longer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Held:
    """An item that is held.

    Attributes:
        declared: The item and its version.
        placed: Its volumes, in their order.
        start_ms: When the first of them begins.
        end_ms: When the last of them ends.
    """

    declared: Declared
    placed: Placed
    start_ms: int
    end_ms: int

    @property
    def id(self) -> ItemId:
        """How this node calls it."""
        return self.declared.item.id

    @property
    def party(self) -> PartyId | None:
        """Whose it is."""
        return self.declared.item.party

    @property
    def operation(self) -> OperationalIntent | None:
        """The operation that tracks may fly; None for zones, and for what stands round something withheld."""
        item = self.declared.item
        return item if isinstance(item, OperationalIntent) and not self.declared.is_coarse else None

    @property
    def zone(self) -> Constraint | None:
        """The zone; None for operations."""
        return self.declared.item if isinstance(self.declared.item, Constraint) else None

    @property
    def state(self) -> IntentState | None:
        """The state of an operation."""
        return None if isinstance(self.declared.item, Constraint) else self.declared.item.state

    @property
    def bare_name(self) -> str:
        """How its own party calls it."""
        return _bare(self.declared.item)


def _bare(item: Item) -> str:
    return item.id.removeprefix(f"{item.party}:") if item.party is not None else item.id


def held_of(declared: Declared) -> Held:
    """Prepare an item."""
    item = declared.item
    n = len(item.volumes)
    volumes = pack(item.volumes, [0] * n, [0] * n, [isinstance(item, Constraint)] * n)
    return Held(
        declared=declared,
        placed=place(volumes),
        start_ms=int(volumes.start_ms.min()),
        end_ms=int(volumes.end_ms.max()),
    )


def is_of(party: PartyId | None, track_party: str | None) -> bool:
    """Tell whether a track may be of a party; where either is not known, it may."""
    return party is None or track_party is None or party == track_party


def callsign_key(callsign: str) -> str:
    """Return a callsign as it is compared: in capitals, without blanks."""
    return "".join(callsign.split()).upper()


class Pairs(NamedTuple):
    """Which tracks may be in which items; k pairs, sorted by row and item.

    Attributes:
        rows: The track, shape (k,).
        items: The item, by its place in the scene, shape (k,).
        codes: POSSIBLE or INSIDE, of the volume that it is in most surely, shape (k,).
        is_nominal: Whether its place is in the footprint of one, whatever its error, shape (k,).
        off_ms: 0 within the window of a volume; else by how much it is early, or late (below 0), shape
            (k,).
    """

    rows: Ints
    items: Ints
    codes: Codes
    is_nominal: Flags
    off_ms: Ints

    def taken(self, some: Flags) -> Pairs:
        """Return some of the pairs."""
        return Pairs(*(column[some] for column in self))  # type: ignore[arg-type]


class Scene:
    """What is held, for some minutes.

    Args:
        items: What is held; the order does not matter.
        now_ms: From this instant on it serves.
        around_ms: What begins so much later, or ended so much earlier, than a position matters too.
    """

    def __init__(self, items: Iterable[Held], now_ms: int, around_ms: int) -> None:
        self.items = sorted(items, key=lambda held: held.id)
        self.index = {held.id: place for place, held in enumerate(self.items)}
        self._from_ms, self._until_ms = now_ms, now_ms + SCENE_LASTS_MS
        around = (now_ms - around_ms - OLD_MAX_MS, self._until_ms + around_ms)
        self.containment, self.owner = _chosen(self.items, range(len(self.items)), around)
        zones = [place for place, held in enumerate(self.items) if held.zone is not None]
        self.zones, self.zone_owner = _chosen(self.items, zones, around)
        self.first = np.searchsorted(self.owner, np.arange(len(self.items) + 1))
        self.is_zone = np.array([held.zone is not None for held in self.items], dtype=np.bool_)
        self.is_coarse = np.array([held.declared.is_coarse for held in self.items], dtype=np.bool_)
        self.is_activated = np.array(
            [held.state is IntentState.ACTIVATED for held in self.items], dtype=np.bool_
        )
        self._names: dict[str, list[Held]] = {}
        self._callsigns: dict[str, list[Held]] = {}
        for held in self.items:
            operation = held.operation
            if operation is not None:
                full_name = held.id if held.party is None else f"{held.party}:{held.bare_name}"
                for name in {held.id, held.bare_name, full_name}:
                    self._names.setdefault(name, []).append(held)
                if operation.callsign is not None:
                    self._callsigns.setdefault(callsign_key(operation.callsign), []).append(held)

    def is_activated_at(self, slots: Ints) -> Flags:
        """Tell which places hold an activated operation; -1 for no place."""
        return np.append(self.is_activated, False)[slots]

    def serves(self, now_ms: int) -> bool:
        """Tell whether it holds all that matters at an instant."""
        return self._from_ms <= now_ms <= self._until_ms

    def named(self, name: str, party: str | None) -> Sequence[Held]:
        """Return the operations that a track may mean by a name; those of its own party before all others."""
        return _own_first(self._names.get(name, ()), party)

    def called(self, callsign: str, party: str | None) -> Sequence[Held]:
        """Return the operations with a callsign; those of the track's own party before all others."""
        return _own_first(self._callsigns.get(callsign_key(callsign), ()), party)

    def pairs(self, hits: Hits, at_ms: Ints) -> Pairs:
        """Join what was found of volumes to what it says of items.

        Args:
            hits: As of `containment`, sorted.
            at_ms: When each track was where it was, shape (n,).

        Returns:
            For each track and item one pair in time where there is any; else the one least early or late.
        """
        volumes = self.containment.volumes
        at = at_ms[hits.points]
        off_ms = np.maximum(0, volumes.start_ms[hits.volumes] - at)
        off_ms -= np.maximum(0, at - volumes.end_ms[hits.volumes])
        in_time = off_ms == 0
        counts = in_time | hits.is_nominal
        rows, items = hits.points[counts], self.owner[hits.volumes[counts]]
        # They are sorted, and the volumes of an item stand together: each pair is a run.
        starts = np.flatnonzero((np.diff(rows, prepend=-1) != 0) | (np.diff(items, prepend=-1) != 0))
        if len(starts) == 0:
            return Pairs(rows, items, hits.codes[counts], in_time[counts], off_ms[counts])
        # One number that is least for what is in time, or nearest to it, and there the surest.
        rank = 2 * np.abs(off_ms[counts]) + (off_ms[counts] < 0)
        rank = np.minimum.reduceat(
            4 * rank + (Certainty.INSIDE - hits.codes[counts].astype(np.int64)), starts
        )
        off, unsure = np.divmod(rank, 4)
        off, is_late = np.divmod(off, 2)
        is_nominal = np.logical_or.reduceat((hits.is_nominal & in_time)[counts], starts)
        codes = (Certainty.INSIDE - unsure).astype(np.uint8)
        return Pairs(rows[starts], items[starts], codes, is_nominal | (off > 0), np.where(is_late, -off, off))

    def volumes_of(self, item: int) -> Ints:
        """Return which volumes of the scene are of an item."""
        return np.arange(self.first[item], self.first[item + 1])


def _own_first(found: Sequence[Held], party: str | None) -> Sequence[Held]:
    own = [held for held in found if held.party is not None and held.party == party]
    return own or found


def _chosen(
    items: Sequence[Held], places: Sequence[int], around_ms: tuple[int, int]
) -> tuple[Containment, Ints]:
    """Put the volumes of items together that matter between two instants, and tell whose each is."""
    parts, owners = [], []
    for number in places:
        held = items[number]
        volumes = held.placed.volumes
        chosen = np.flatnonzero((volumes.start_ms <= around_ms[1]) & (volumes.end_ms >= around_ms[0]))
        if len(chosen):
            parts.append(held.placed if len(chosen) == volumes.volume_count else held.placed.taken(chosen))
            owners.append(np.full(len(chosen), number, dtype=np.int64))
    if not parts:
        return Containment(place(pack([], [], [], []))), np.empty(0, dtype=np.int64)
    return Containment(joined_places(parts)), np.concatenate(owners)
