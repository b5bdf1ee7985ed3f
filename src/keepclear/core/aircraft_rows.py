"""A row for each aircraft: which track of which source stands for it, what it is called, what is told of it.

The best source is the one whose news are freshest and most exact; it stays the best until another is
clearly better, so that rows do not flip from second to second. What the best does not tell in words is
taken from the next; numbers never are, because those of two sources are not of one instant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from keepclear.core.association import Associations, Grouping
from keepclear.core.geodesy import Floats
from keepclear.core.kinds import TrackKind
from keepclear.core.motions import (
    EN_ROUTE_ACCELERATION_MPS2,
    TERMINAL_ACCELERATION_MPS2,
    VERTICAL_ACCELERATION_MPS2,
    grown_error_m,
)
from keepclear.core.neighbours import SourceTracks
from keepclear.core.packed import Ints
from keepclear.core.plausibility import KINDS, UNKNOWN_KIND, Suspicion, wrong_speeds
from keepclear.core.reports import ERROR_MAX_M, Flags
from keepclear.core.times import instant_of
from keepclear.core.track_picture import Ageing, Codes, TrackPicture, TrackStatus
from keepclear.core.track_slots import Columns, Objects, trends
from keepclear.core.units import FOOT_M, m_to_feet

TERMINAL_BELOW_M: Final = 3_048.0
"""Below this height (10,000 ft) an aeroplane may turn tightly."""
KEPT_BEST_S: Final = 2.0
"""So much older the news of the best source may be before another is the best."""

_ERROR_PER_SECOND_M: Final = 100.0
_NO_ALTITUDE_S: Final = 5.0
_TIGHT: Final = np.array([kind not in (TrackKind.AEROPLANE, TrackKind.UNKNOWN) for kind in KINDS])
_KIND_OBJECTS: Final = np.array(KINDS, dtype=np.object_)


class Rows(NamedTuple):
    """Aircraft, sorted by id; n of them, m tracks of sources in all.

    Attributes:
        ids: Their ids.
        members: The slots of their tracks, aircraft after aircraft, the best of each first, shape (m,).
        starts: Where the members of each start, and at last m, shape (n + 1,).
        serials: The serial number of each member.
        two_places: Whether another source tells of another place under its id, shape (n,).
    """

    ids: tuple[str, ...]
    members: Ints
    starts: Ints
    serials: Ints
    two_places: Flags


class _Aged(NamedTuple):
    """Tracks at the instant of a picture, shapes (m,)."""

    age_s: Floats
    status: Codes
    horizontal_error_m: Floats
    bits: Codes


def _height_m(c: Columns, slots: Ints) -> Floats:
    pressure_m = c.pressure_altitude_ft[slots] * FOOT_M
    return np.where(np.isnan(pressure_m), c.altitude_m[slots], pressure_m)


def _aged(c: Columns, slots: Ints, ageing: Ageing, at_ms: int) -> _Aged:
    age_s = np.maximum(at_ms - c.position_ms[slots], 0) / 1000.0
    height_m = _height_m(c, slots)
    tight = _TIGHT[c.kind[slots]] | ~(height_m >= TERMINAL_BELOW_M)  # true where NaN
    acceleration_mps2 = np.where(tight, TERMINAL_ACCELERATION_MPS2, EN_ROUTE_ACCELERATION_MPS2)
    error_m = grown_error_m(c.accuracy_m[slots], age_s, acceleration_mps2)
    bits = wrong_speeds(c.kind[slots], height_m, c.told_mps[slots], c.fastest_mps[slots])
    bits[at_ms <= c.suspect_until_ms[slots]] |= int(Suspicion.JUMPED)
    bits[at_ms <= c.doubted_until_ms[slots]] |= int(Suspicion.CLIMBED)
    return _Aged(age_s, ageing.codes(age_s), np.minimum(error_m, ERROR_MAX_M), bits)


def rows_of(
    c: Columns, slots: Ints, sources: Sequence[str], ageing: Ageing, associations: Associations, at_ms: int
) -> Rows:
    """Find which tracks are one aircraft, which of them stands for it, and what it is called.

    Args:
        c: The columns; which track is the best is remembered in them.
        slots: The tracks, in the order of their keys, shape (m,).
        sources: The names of the sources by their numbers.
        ageing: Up to which age a track is what.
        associations: What remembers which tracks are together.
        at_ms: The instant, milliseconds since 1970.
    """
    aged = _aged(c, slots, ageing, at_ms)
    grouping = associations.grouping(_source_tracks(c, slots, aged), at_ms)
    worth_s = aged.age_s + aged.horizontal_error_m / _ERROR_PER_SECOND_M
    worth_s = worth_s + np.where(np.isnan(_height_m(c, slots)), _NO_ALTITUDE_S, 0.0)
    worth_s = worth_s - np.where(c.is_best[slots], KEPT_BEST_S, 0.0)
    is_lost = aged.status == TrackStatus.LOST.code
    order = np.lexsort((worth_s, is_lost, aged.bits != 0, grouping.labels))
    firsts = np.concatenate((np.diff(grouping.labels[order], prepend=-1) != 0, [True]))
    starts = np.flatnonzero(firsts)
    best = order[starts[:-1]]
    ids = _named(c, slots, sources, grouping, best, is_lost)
    c.is_best[slots] = False
    c.is_best[slots[best]] = True
    # In the order of the ids.
    rows = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)
    counts = np.diff(starts)[rows]
    new_starts = np.concatenate(([0], np.cumsum(counts)))
    take = np.repeat(starts[:-1][rows] - new_starts[:-1], counts) + np.arange(len(slots))
    members = slots[order[take]]
    return Rows(
        tuple(ids[row] for row in rows.tolist()),
        members,
        new_starts,
        c.serial[members],
        grouping.two_places[best[rows]],
    )


def _source_tracks(c: Columns, slots: Ints, aged: _Aged) -> SourceTracks:
    return SourceTracks(
        serials=c.serial[slots],
        sources=c.source[slots],
        identities=c.identity[slots],
        ranks=c.rank[slots],
        kinds=c.kind[slots],
        age_s=aged.age_s,
        status=aged.status,
        is_suspect=aged.bits != 0,
        latitude_deg=c.latitude_deg[slots],
        longitude_deg=c.longitude_deg[slots],
        ground_speed_mps=c.ground_speed_mps[slots],
        track_deg=c.track_deg[slots],
        altitude_m=c.altitude_m[slots],
        pressure_altitude_m=c.pressure_altitude_ft[slots] * FOOT_M,
        accuracy_m=c.accuracy_m[slots],
        error_m=aged.horizontal_error_m,
        parties=c.party[slots],
        callsigns=c.callsign[slots],
        squawks=c.squawk[slots],
        operations=c.operation[slots],
    )


def _named(
    c: Columns, slots: Ints, sources: Sequence[str], grouping: Grouping, best: Ints, is_lost: Flags
) -> list[str]:
    """Return the id of each aircraft, each once, in the order of `best`.

    An aircraft is called by the best kind of id that its tracks have. If two sources tell of two places
    under one id, the place that had it keeps it, and the other is called by its source besides.
    """
    labels = grouping.labels
    by_rank = np.lexsort((c.rank[slots], labels))
    naming = by_rank[np.diff(labels[by_rank], prepend=-1) != 0]
    names: list[str] = c.name[slots[naming]].tolist()
    apart = np.flatnonzero(grouping.two_places[naming])
    holders = c.is_holder[slots]
    c.is_holder[slots[~grouping.two_places]] = False
    c.is_holder[slots[best[~grouping.two_places[best]]]] = True
    holds = np.zeros(len(slots), dtype=np.bool_)
    np.logical_or.at(holds, labels, holders & ~is_lost)
    # The holder of a name comes first, then what is heard, then by source.
    order = sorted(
        apart.tolist(),
        key=lambda row: (not holds[labels[naming[row]]], bool(is_lost[naming[row]]), int(naming[row])),
    )
    c.is_holder[slots[grouping.two_places]] = False
    held: dict[str, int] = {}
    for row in order:
        if held.setdefault(names[row], row) != row:
            names[row] = f"{sources[c.source[slots[best[row]]]]}/{names[row]}"
    c.is_holder[slots[np.isin(labels, labels[naming[list(held.values())]])]] = True
    if len(set(names)) < len(names):
        _tell_apart(names, c.key[slots[naming]].tolist())
    return names


def _tell_apart(names: list[str], keys: list[str]) -> None:
    """Give each name once: ids can be made so that they look like those of radar tracks."""
    taken: set[str] = set()
    for row in sorted(range(len(names)), key=keys.__getitem__):
        while names[row] in taken:
            names[row] = f"{names[row]}'"
        taken.add(names[row])


def picture_of(c: Columns, rows: Rows, sources: Sequence[str], ageing: Ageing, at_ms: int) -> TrackPicture:
    """Put what is told of aircraft into a picture.

    Args:
        c: The columns.
        rows: The aircraft.
        sources: The names of the sources by their numbers.
        ageing: Up to which age a track is what.
        at_ms: The instant, milliseconds since 1970.
    """
    best = rows.members[rows.starts[:-1]]
    aged = _aged(c, best, ageing, at_ms)
    bits = np.where(rows.two_places, aged.bits | int(Suspicion.TWO_PLACES), aged.bits)
    altitude_age_s = np.maximum(at_ms - c.altitude_ms[best], 0) / 1000.0
    no_altitude = np.isnan(_height_m(c, best))
    vertical_error_m = grown_error_m(c.vertical_accuracy_m[best], altitude_age_s, VERTICAL_ACCELERATION_MPS2)
    slopes = trends(c, best)
    words = {name: getattr(c, name)[best] for name in _WORDS}
    kinds = c.kind[best]
    _fill(c, rows, words, kinds)
    return TrackPicture(
        at_ms=at_ms,
        ids=rows.ids,
        sources=_sources(c, rows, sources),
        twins=_twins(c, rows),
        latitude_deg=c.latitude_deg[best],
        longitude_deg=c.longitude_deg[best],
        position_ms=c.position_ms[best],
        reported_ms=c.reported_ms[best],
        altitude_m=c.altitude_m[best],
        pressure_altitude_ft=c.pressure_altitude_ft[best],
        altitude_ms=np.where(no_altitude, c.position_ms[best], c.altitude_ms[best]),
        ground_speed_mps=c.ground_speed_mps[best],
        track_deg=c.track_deg[best],
        vertical_rate_mps=c.vertical_rate_mps[best],
        vertical_slope_mps=slopes.vertical_slope_mps,
        turn_rate_dps=slopes.turn_rate_dps,
        horizontal_error_m=aged.horizontal_error_m,
        vertical_error_m=np.where(no_altitude, np.inf, vertical_error_m),
        selected_altitude_ft=c.selected_altitude_ft[best],
        status=aged.status,
        is_derived=np.isnan(c.told_mps[best] + c.told_deg[best]) & ~np.isnan(c.ground_speed_mps[best]),
        is_frozen=c.is_frozen[best],
        is_suspect=bits != 0,
        on_ground=c.on_ground[best],
        suspicions=_suspicions(c, best, bits),
        kinds=tuple(_KIND_OBJECTS[kinds].tolist()),
        callsigns=tuple(words["callsign"].tolist()),
        squawks=tuple(words["squawk"].tolist()),
        parties=tuple(words["party"].tolist()),
        operations=tuple(words["operation"].tolist()),
    )


_WORDS: Final = ("callsign", "squawk", "party", "operation")


def _further(rows: Rows) -> Iterator[tuple[Ints, Ints]]:
    """Yield the rows with a second member, and the slots of those; then with a third; and so on."""
    counts = np.diff(rows.starts)
    for place in range(1, int(counts.max(initial=1))):
        with_one = np.flatnonzero(counts > place)
        yield with_one, rows.members[rows.starts[with_one] + place]


def _fill(c: Columns, rows: Rows, words: dict[str, Objects], kinds: Codes) -> None:
    """Take from other sources what the best one does not tell."""
    for with_one, slots in _further(rows):
        kinds[with_one] = np.where(kinds[with_one] == UNKNOWN_KIND, c.kind[slots], kinds[with_one])
        for name, column in words.items():
            lacking = column[with_one] == np.array(None)
            column[with_one[lacking]] = getattr(c, name)[slots[lacking]]


def _sources(c: Columns, rows: Rows, sources: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the sources of each row. There are few different ones, each of which is made once."""
    combinations: list[tuple[str, ...]] = [(source,) for source in sources]
    codes = c.source[rows.members[rows.starts[:-1]]]
    for with_one, slots in _further(rows):
        both, place = np.unique(codes[with_one] * len(sources) + c.source[slots], return_inverse=True)
        codes[with_one] = len(combinations) + place
        for before, code in zip(*(part.tolist() for part in np.divmod(both, len(sources))), strict=True):
            combinations.append((*combinations[before], sources[code]))
    return tuple([combinations[code] for code in codes.tolist()])


def _twins(c: Columns, rows: Rows) -> tuple[tuple[str, ...], ...]:
    """Return by what other ids the aircraft of each row is called."""
    twins: list[tuple[str, ...]] = [()] * len(rows.ids)
    ids = rows.ids
    for with_one, slots in ((np.arange(len(ids)), rows.members[rows.starts[:-1]]), *_further(rows)):
        for row, name in zip(with_one.tolist(), c.name[slots].tolist(), strict=True):
            if name == ids[row] or name in twins[row]:
                continue
            if not (rows.two_places[row] and ids[row].endswith(f"/{name}")):
                twins[row] = (*twins[row], name)
    return tuple([names if len(names) < 2 else tuple(sorted(names)) for names in twins])


def _suspicions(c: Columns, best: Ints, bits: Codes) -> tuple[str | None, ...]:
    """Say why rows are suspect."""
    reasons: list[str | None] = [None] * len(best)
    for row in np.flatnonzero(bits).tolist():
        slot, why = best[row], Suspicion(int(bits[row]))
        said = []
        if Suspicion.JUMPED in why:
            at = _clock(c.jump_ms[slot])
            said.append(f"at {at} it was reported {c.jump_m[slot] / 1000.0:.1f} km away, out of its reach")
        if Suspicion.TOO_FAST in why:
            said.append(f"it tells {c.told_mps[slot]:.0f} m/s, which nothing of its kind flies")
        if Suspicion.TOO_SLOW in why:
            height_ft = m_to_feet(float(_height_m(c, best[row : row + 1])[0]))
            said.append(
                f"it tells {c.told_mps[slot]:.0f} m/s at {height_ft:,.0f} ft, and flew"
                f" {c.fastest_mps[slot]:.0f} m/s before"
            )
        if Suspicion.CLIMBED in why:
            at = _clock(c.other_height_ms[slot])
            said.append(f"at {at} it told {c.other_height_m[slot]:,.0f} m, which it cannot have climbed to")
        if Suspicion.TWO_PLACES in why:
            said.append("two sources tell of two places under its id")
        reasons[row] = "; ".join(said)
    return tuple(reasons)


def _clock(ms: np.int64) -> str:
    return instant_of(int(ms)).strftime("%H:%M:%SZ")
