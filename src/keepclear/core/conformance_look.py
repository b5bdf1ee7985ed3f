"""One look at the tracks: where each is among what is declared, and what is found of it.

It is made anew each cycle. `conformance` fills it, with `zone_watch` and `absence`; nothing of it lasts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from keepclear.core.assignment import Flight
from keepclear.core.conformance_findings import (
    UNDECIDED_MAX,
    Candidates,
    ConformanceFinding,
    ConformanceSettings,
    Undecided,
    duration_words,
)
from keepclear.core.conformance_signals import Away, Sight
from keepclear.core.containment import CERTAINTIES, Certainty, Codes, Flags, Points, apart
from keepclear.core.declared_volumes import OLD_MAX_MS, Pairs, Scene
from keepclear.core.foresight import in_air_of
from keepclear.core.intents import ItemId
from keepclear.core.kinds import TrackKind
from keepclear.core.packed import Ints
from keepclear.core.track_picture import TrackPicture, TrackStatus

_Value = TypeVar("_Value")


class Look:
    """What a cycle knows, and what it has found so far.

    Args:
        picture: The tracks.
        points: Where they were, a point each.
        flights: What is remembered of each.
        scene: What is held.
        settings: What counts.
        now_ms: The instant.

    Attributes:
        found: The findings so far.
        candidates: The tracks that fit several operations.
        undecided: What cannot be told, the first `UNDECIDED_MAX`.
        undecided_count: How much that is.
        is_lost: Which tracks are not heard any more.
        in_flight: Which tracks are judged in the air (`foresight.in_air_of`), no vehicles.
        zoned: Which tracks may be in which zones, now.
        is_near: Which tracks may be in an operation, or where something is withheld, about now.
    """

    def __init__(
        self,
        picture: TrackPicture,
        points: Points,
        flights: Sequence[Flight],
        scene: Scene,
        settings: ConformanceSettings,
        now_ms: int,
    ) -> None:
        self.picture, self.points, self.flights = picture, points, flights
        self.scene, self.settings, self.now_ms = scene, settings, now_ms
        self.at_ms: list[int] = picture.position_ms.tolist()
        self.found: list[ConformanceFinding] = []
        self.candidates: list[Candidates] = []
        self.undecided: list[Undecided] = []
        self.undecided_count = 0
        is_old = now_ms - picture.position_ms > OLD_MAX_MS
        self.is_lost = (picture.status == TrackStatus.LOST.code) | is_old
        vehicles = np.array([kind is TrackKind.VEHICLE for kind in picture.kinds], dtype=np.bool_)
        self.in_flight = in_air_of(picture) & ~vehicles
        pairs = self._pairs()
        in_time = pairs.off_ms == 0
        is_zone, is_coarse = scene.is_zone[pairs.items], scene.is_coarse[pairs.items]
        is_operation = ~is_zone & ~is_coarse
        self.zoned = pairs.taken(is_zone & in_time)
        self._now = pairs.taken(is_operation & in_time)
        codes = [CERTAINTIES[code] for code in self._now.codes.tolist()]
        self._codes = _by_row(self._now, codes)
        off = pairs.taken(is_operation & ~in_time)
        self._off_times = _by_row(off, off.off_ms.tolist())
        coarse = pairs.taken(is_coarse & in_time)
        self._coarse = _by_row(coarse, coarse.items.tolist())
        self.is_near = np.zeros(len(picture), dtype=np.bool_)
        self.is_near[pairs.rows[~is_zone]] = True

    def _pairs(self) -> Pairs:
        """Find which tracks may be in which items; of a position in doubt nothing is sure."""
        around_ms = round(self.settings.mistimed_max_s * 1000.0)
        heard = np.flatnonzero(~self.is_lost)
        hits = self.scene.containment.find(self.points.taken(heard), around_ms, around_ms)
        pairs = self.scene.pairs(hits._replace(points=heard[hits.points]), self.points.at_ms)
        doubted = self.picture.is_suspect[pairs.rows]
        codes = np.where(doubted, np.uint8(Certainty.POSSIBLE), pairs.codes).astype(np.uint8)
        pairs = pairs._replace(codes=codes, is_nominal=pairs.is_nominal & ~doubted)
        return pairs.taken(~doubted | (pairs.off_ms == 0))

    def cannot_tell(self, track: str, item: str, reason: str) -> None:
        """List something that cannot be told."""
        self.undecided_count += 1
        if len(self.undecided) < UNDECIDED_MAX:
            self.undecided.append(Undecided(track, item, reason))

    def sight(self, row: int) -> Sight:
        """Return what is seen of a track."""
        picture = self.picture
        doubt = None
        if picture.is_suspect[row]:
            doubt = f"its position may be false: {picture.suspicions[row] or 'it is suspect'}"
        elif self.is_lost[row]:
            doubt = f"its position is {duration_words((self.now_ms - self.at_ms[row]) / 1000.0)} old"
        return Sight(
            picture.ids[row],
            picture.callsigns[row],
            self.at_ms[row],
            self.now_ms,
            doubt,
            bool(picture.on_ground[row]),
        )

    def codes_of(self, row: int) -> Mapping[int, Certainty]:
        """Return in which operations a track may be now, by their places in the scene."""
        return self._codes.get(row, {})

    def off_times_of(self, row: int) -> Mapping[int, int]:
        """Return for which operations a track is early, or late (below 0), milliseconds by their places."""
        return self._off_times.get(row, {})

    def coarse_of(self, row: int) -> Iterable[int]:
        """Return the places in the scene of what stands round something withheld, where a track may be."""
        return self._coarse.get(row, ())

    def where(self, slots: Ints) -> tuple[Codes, Flags]:
        """Return whether each track is inside the item at a place in the scene, now.

        Args:
            slots: The place for each track, -1 for none, shape (n,).

        Returns:
            A `Certainty`, and whether its place is in the footprint whatever its error, shapes (n,).
        """
        width = max(1, len(self.scene.items))
        codes = np.zeros(len(slots), dtype=np.uint8)
        is_nominal = np.zeros(len(slots), dtype=np.bool_)
        if len(self._now.rows):
            keys = self._now.rows * width + self._now.items
            wanted = np.arange(len(slots)) * width + slots
            place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            hit = (keys[place] == wanted) & (slots >= 0)
            codes[hit], is_nominal[hit] = self._now.codes[place[hit]], self._now.is_nominal[place[hit]]
        return codes, is_nominal

    def away(self, rows: Sequence[int], slots: Sequence[int]) -> dict[int, Away]:
        """Measure how far tracks are outside what an item declares for the time of their positions.

        Args:
            rows: The tracks, each once.
            slots: The place of the item for each.

        Returns:
            For each track how far it is from the nearest volume; nothing where none is declared for the
            time.
        """
        volumes = self.scene.containment.volumes
        which, chosen = [], []
        for row, slot in zip(rows, slots, strict=True):
            own = self.scene.volumes_of(slot)
            at_ms = self.at_ms[row]
            own = own[(volumes.start_ms[own] <= at_ms) & (volumes.end_ms[own] >= at_ms)]
            which.append(np.full(len(own), row, dtype=np.int64))
            chosen.append(own)
        if not which:
            return {}
        pair_row, volume = np.concatenate(which), np.concatenate(chosen)
        found = apart(self.points, volumes, pair_row, volume)
        distance_sq = np.maximum(0.0, found.lateral_m) ** 2 + found.vertical_m**2
        result: dict[int, Away] = {}
        for k in np.lexsort((volume, distance_sq, pair_row)).tolist():
            each = int(pair_row[k])
            if each not in result:
                error_m = float(self.points.error_m[each])
                result[each] = Away(float(found.lateral_m[k]), float(found.vertical_m[k]), error_m)
        return result

    def ids_of(self, places: Sequence[int]) -> tuple[ItemId, ...]:
        """Return the ids of items by their places in the scene, sorted."""
        return tuple(self.scene.items[place].id for place in sorted(places))


def _by_row(pairs: Pairs, values: Sequence[_Value]) -> dict[int, dict[int, _Value]]:
    """Return the values of pairs by track, then by the place of the item."""
    found: dict[int, dict[int, _Value]] = {}
    for row, item, value in zip(pairs.rows.tolist(), pairs.items.tolist(), values, strict=True):
        found.setdefault(row, {})[item] = value
    return found
