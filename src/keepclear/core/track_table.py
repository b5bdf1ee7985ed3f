"""The track table: all reports of all sources in, a picture of all aircraft out.

Each source has tracks of its own, by the ids that it tells. What a report does to its track is decided in
`track_intake`, which tracks are one aircraft in `association`; here the table holds them, ages them, gives
each aircraft one row as its best source tells, and says which leave. Nothing vanishes silently: what is
not heard any more stays as it was last known, and what is forgotten is told.

A table is not safe for several threads at once. `picture` remembers what was together, so one caller asks
for it, with instants that rise.
"""

from __future__ import annotations

from collections import deque
from itertools import repeat
from typing import Final, NamedTuple

import numpy as np

from keepclear.core import aircraft_rows
from keepclear.core.aircraft_rows import Rows
from keepclear.core.association import Associations
from keepclear.core.packed import Ints
from keepclear.core.reports import Flags, Reports
from keepclear.core.track_intake import Taken, batch_of, take_each
from keepclear.core.track_picture import Ageing, TrackPicture
from keepclear.core.track_slots import HISTORY_POINTS_MAX, ID_KINDS, OTHER_RANK, TRACK_RANK, TrackSlots, past
from keepclear.core.tracks import FUTURE_MAX_S
from keepclear.core.units import FOOT_M

TRACKS_MAX: Final = 50_000
"""So many tracks of all sources together are held at once. Beyond, those that are lost give way, the one
that was not heard for longest first; where none is lost, a new one is not taken."""
TRAIL_POINTS_MAX: Final = HISTORY_POINTS_MAX + 1
"""So many points a trail has at most."""


class TrailPoint(NamedTuple):
    """Where an aircraft was.

    Attributes:
        at_ms: When, milliseconds since 1970.
        latitude_deg: Degrees.
        longitude_deg: Degrees.
        altitude_m: Above the ellipsoid where told, else pressure altitude; metres, NaN where neither is.
    """

    at_ms: int
    latitude_deg: float
    longitude_deg: float
    altitude_m: float


class KeptReport(NamedTuple):
    """What is kept of a report that was believed.

    Attributes:
        source: Who told it.
        id: Under which id.
        at_ms: When it was so, milliseconds since 1970.
        latitude_deg: Degrees; NaN where an old position was repeated.
        longitude_deg: Degrees.
        altitude_m: Height above the ellipsoid, metres.
        pressure_altitude_ft: Pressure altitude, feet.
        track_deg: Direction of motion, degrees.
    """

    source: str
    id: str
    at_ms: int
    latitude_deg: float
    longitude_deg: float
    altitude_m: float
    pressure_altitude_ft: float
    track_deg: float


class Forgotten(NamedTuple):
    """A track that left the table.

    Attributes:
        id: The id that it has in pictures by itself.
        source: Who told of it.
        latitude_deg: Where it was reported last, degrees.
        longitude_deg: Degrees.
        position_ms: When that was, milliseconds since 1970.
        reported_ms: When its source last said anything of it.
        is_last: Whether no source tells of this id any more.
    """

    id: str
    source: str
    latitude_deg: float
    longitude_deg: float
    position_ms: int
    reported_ms: int
    is_last: bool


class TrackTable:
    """All tracks of all sources.

    Args:
        ageing: Up to which age a track is what.
        tracks_max: So many tracks of all sources together are held at most.
    """

    def __init__(self, ageing: Ageing | None = None, tracks_max: int = TRACKS_MAX) -> None:
        self._ageing = ageing or Ageing()
        self._tracks_max = tracks_max
        self._slots = TrackSlots(tracks_max)
        self._sources: list[str] = []
        self._by_id: dict[str, dict[str, int]] = {}  # source, id: slot
        self._identities: dict[str, list[int]] = {}  # id: its number, and how many slots have it
        self._identity_next = 0
        self._sorted = np.empty((2, 0), dtype=np.int64)  # slots in the order of their keys, and serials
        self._associations = Associations()
        self._leaving: deque[Forgotten] = deque(maxlen=tracks_max)
        self._shown: Rows | None = None
        self._shown_rows: dict[str, int] | None = None

    def __len__(self) -> int:
        """Return how many tracks of all sources are held."""
        return len(self._slots)

    # -- in -----------------------------------------------------------------------------------------

    def take(self, reports: Reports) -> Taken:
        """Take reports of one source, in the order in which they came.

        Args:
            reports: The reports. Each is held against the instant when it was received: what is more
                than `FUTURE_MAX_S` later, or would be forgotten already, is not taken.

        Returns:
            How many became what.
        """
        if not len(reports):
            return Taken()
        from_future = reports.at_ms - reports.received_ms > FUTURE_MAX_S * 1000.0
        too_old = reports.received_ms - reports.at_ms > self._ageing.forget_s * 1000.0
        timely = ~(from_future | too_old)
        slots = self._slots_of(reports, timely)
        counts = Taken(
            from_future=int(from_future.sum()),
            stale=int(too_old.sum()),
            no_room=int((timely & (slots < 0)).sum()),
        )
        batch = batch_of(reports)
        for rows in _once_each(slots, np.flatnonzero(timely & (slots >= 0))):
            counts = counts.plus(take_each(self._slots.columns, slots[rows], batch, rows))
        return counts

    def _slots_of(self, reports: Reports, wanted: Flags) -> Ints:
        """Return the slot of each report, -1 where there is none; open slots for what is new."""
        by_id = self._by_id.setdefault(reports.source, {})
        if reports.source not in self._sources:
            self._sources.append(reports.source)
        slots = np.fromiter(map(by_id.get, reports.ids, repeat(-1)), dtype=np.int64, count=len(reports))
        lacking = np.flatnonzero((slots < 0) & wanted)
        if not len(lacking):
            return slots
        new = dict.fromkeys(reports.ids[row] for row in lacking.tolist())
        room = self._tracks_max - len(self._slots)
        if len(new) > room:
            room += self._give_way(len(new) - room, int(reports.received_ms.max()))
        self._open(reports.source, list(new)[: max(room, 0)])
        for row in lacking.tolist():
            slots[row] = by_id.get(reports.ids[row], -1)
        return slots

    def _open(self, source: str, ids: list[str]) -> None:
        slots = self._slots.open(len(ids))
        c = self._slots.columns
        by_id = self._by_id[source]
        c.source[slots] = self._sources.index(source)
        for slot, told in zip(slots.tolist(), ids, strict=True):
            kind, _, _ = told.partition(":")
            rank = ID_KINDS.index(kind) if kind in ID_KINDS else OTHER_RANK
            name = f"{source}/{told}" if rank == TRACK_RANK else told
            # What a source numbers is its own; a line feed stands in no id, so nobody else can mean it.
            identity = f"{source}\n{told}" if rank == TRACK_RANK else told
            held = self._identities.setdefault(identity, [self._identity_next, 0])
            self._identity_next += held[1] == 0
            held[1] += 1
            by_id[told] = slot
            c.id[slot], c.name[slot], c.key[slot] = told, name, f"{name}\n{source}"
            c.rank[slot], c.identity[slot] = rank, held[0]

    def _give_way(self, count: int, now_ms: int) -> int:
        """Forget lost tracks, at most so many; return how many."""
        c = self._slots.columns
        slots = self._in_order()
        slots = slots[now_ms - c.position_ms[slots] > self._ageing.degraded_s * 1000.0]
        order = np.argsort(c.reported_ms[slots], kind="stable")
        self._close(slots[order[:count]])
        return min(count, len(slots))

    def _close(self, slots: Ints) -> None:
        """Forget tracks, and hold ready to tell of them."""
        c = self._slots.columns
        for slot in slots.tolist():
            source, told = self._sources[c.source[slot]], c.id[slot]
            identity = f"{source}\n{told}" if c.rank[slot] == TRACK_RANK else told
            held = self._identities[identity]
            held[1] -= 1
            if not held[1]:
                del self._identities[identity]
            del self._by_id[source][told]
            self._leaving.append(
                Forgotten(
                    c.name[slot],
                    source,
                    float(c.latitude_deg[slot]),
                    float(c.longitude_deg[slot]),
                    int(c.position_ms[slot]),
                    int(c.reported_ms[slot]),
                    not held[1],
                )
            )
        self._slots.close(slots)

    # -- out ----------------------------------------------------------------------------------------

    def picture(self, at_ms: int) -> TrackPicture:
        """Return all aircraft as they are known at an instant.

        Args:
            at_ms: The instant, milliseconds since 1970; not before that of the picture before.
        """
        c = self._slots.columns
        slots = self._in_order()
        slots = slots[at_ms - c.reported_ms[slots] <= self._ageing.forget_s * 1000.0]
        self._shown = aircraft_rows.rows_of(c, slots, self._sources, self._ageing, self._associations, at_ms)
        self._shown_rows = None
        return aircraft_rows.picture_of(c, self._shown, self._sources, self._ageing, at_ms)

    def _in_order(self) -> Ints:
        """Return the slots in use in the order of their keys: names, then sources."""
        c = self._slots.columns
        slots, serials = self._sorted
        kept = slots[c.serial[slots] == serials]
        if len(kept) < len(self._slots):
            is_new = c.serial >= 0
            is_new[kept] = False
            kept = np.concatenate((kept, np.flatnonzero(is_new)))
            # Nearly in order already, which makes this fast.
            keys = c.key[kept].tolist()
            kept = kept[sorted(range(len(keys)), key=keys.__getitem__)]
        self._sorted = np.stack((kept, c.serial[kept]))
        return np.asarray(kept)

    def forgotten(self, at_ms: int) -> list[Forgotten]:
        """Forget what was not heard for long, and tell of all that left since this was asked last.

        Args:
            at_ms: The instant, milliseconds since 1970.
        """
        c = self._slots.columns
        slots = self._in_order()
        self._close(slots[at_ms - c.reported_ms[slots] > self._ageing.forget_s * 1000.0])
        left = list(self._leaving)
        self._leaving.clear()
        return left

    def trail(self, aircraft_id: str) -> list[TrailPoint]:
        """Return where an aircraft of the last picture was in the last five minutes, oldest first.

        Args:
            aircraft_id: Its id in the picture. There is no trail of an id that is not in it.

        Returns:
            What its best source told, at most `TRAIL_POINTS_MAX` points.
        """
        points = []
        for report in self._kept(self._members(aircraft_id)[:1]):
            if not np.isnan(report.latitude_deg):
                height_m = report.altitude_m
                if np.isnan(height_m):
                    height_m = report.pressure_altitude_ft * FOOT_M
                points.append(TrailPoint(report.at_ms, report.latitude_deg, report.longitude_deg, height_m))
        return points

    def history(self, aircraft_id: str) -> list[KeptReport]:
        """Return all that is kept of an aircraft of the last picture, as evidence.

        Args:
            aircraft_id: Its id in the picture.

        Returns:
            Source after source, the best first, each from the oldest on.
        """
        return self._kept(self._members(aircraft_id))

    def _members(self, aircraft_id: str) -> Ints:
        """Return the slots of an aircraft of the last picture, the best first."""
        if self._shown is None:
            return np.empty(0, dtype=np.int64)
        if self._shown_rows is None:
            self._shown_rows = {name: row for row, name in enumerate(self._shown.ids)}
        row = self._shown_rows.get(aircraft_id)
        if row is None:
            return np.empty(0, dtype=np.int64)
        start, end = self._shown.starts[row : row + 2]
        slots, serials = self._shown.members[start:end], self._shown.serials[start:end]
        return np.asarray(slots[self._slots.columns.serial[slots] == serials])

    def _kept(self, slots: Ints) -> list[KeptReport]:
        c = self._slots.columns
        kept = []
        for slot in slots.tolist():
            source, told = self._sources[c.source[slot]], c.id[slot]
            ring = past(c, slot)
            columns = [
                column[slot, ring].tolist()
                for column in (
                    c.past_ms,
                    c.past_latitude_deg,
                    c.past_longitude_deg,
                    c.past_altitude_m,
                    c.past_pressure_altitude_ft,
                    c.past_track_deg,
                )
            ]
            kept += [KeptReport(source, told, *point) for point in zip(*columns, strict=True)]
            if not kept or kept[-1].at_ms < c.position_ms[slot]:
                kept.append(
                    KeptReport(
                        source,
                        told,
                        int(c.position_ms[slot]),
                        float(c.latitude_deg[slot]),
                        float(c.longitude_deg[slot]),
                        float(c.altitude_m[slot]),
                        float(c.pressure_altitude_ft[slot]),
                        float(c.track_deg[slot]),
                    )
                )
        return kept


def _once_each(slots: Ints, rows: Ints) -> list[Ints]:
    """Cut rows into parts, each with a slot at most once, in their order."""
    order = rows[np.argsort(slots[rows], kind="stable")]
    if not len(order):
        return []
    starts = np.concatenate(([True], np.diff(slots[order]) != 0))
    first = np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
    turn = np.arange(len(order)) - first
    last = int(turn.max())
    if last == 0:
        return [order]
    by_turn = np.argsort(turn, kind="stable")
    ends = np.searchsorted(turn[by_turn], np.arange(1, last + 1))
    return np.split(order[by_turn], ends)
