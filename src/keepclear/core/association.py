"""Which tracks of several sources are one aircraft.

Merging two aircraft into one would hide an encounter between them, so what is doubtful stays apart.

- Tracks under the same id are one aircraft, unless they are at two places that neither their errors nor
  late time stamps explain. Then both are kept.
- Tracks under different ids are one aircraft only after they were together for a while inside a narrow
  gate, alone, seen by no common source. Besides, one of them must be a track that a radar or a tracker
  numbered, for that is no identity of its own; or both must tell the same callsign, squawk or operation.
  Two ids of the same kind, such as two 24-bit addresses, are always two aircraft. They are parted at once
  when they move apart.

What was together and what was apart is remembered from picture to picture, by the serial numbers of the
tracks.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from keepclear.core.neighbours import Moving, SourceTracks
from keepclear.core.packed import Ints
from keepclear.core.reports import Flags
from keepclear.core.track_slots import TRACK_RANK

TOGETHER_S: Final = 10.0
"""So long tracks have to be together before they count as one."""
TOGETHER_LOOKS_MIN: Final = 4
"""And in so many pictures one after the other."""

_LOOKS_APART_MAX_S: Final = 5.0
_NEVER_MS: Final = -(2**62)


class Grouping(NamedTuple):
    """Which tracks are one aircraft; shapes (n,).

    Attributes:
        labels: The number of the aircraft of each track.
        two_places: Whether another source tells of another place under its id.
    """

    labels: Ints
    two_places: Flags


class _Pairs(NamedTuple):
    """Pairs of tracks: their keys in rising order, and what is remembered of them; shapes (k,)."""

    keys: Ints
    since_ms: Ints
    looks: Ints
    merged: Flags


def _no_pairs() -> _Pairs:
    none = np.empty(0, dtype=np.int64)
    return _Pairs(none, none, none, np.empty(0, dtype=np.bool_))


class Associations:
    """Finds in picture after picture which tracks are one aircraft."""

    def __init__(self) -> None:
        self._apart = _no_pairs()
        self._together = _no_pairs()
        self._at_ms: int | None = None

    def grouping(self, tracks: SourceTracks, at_ms: int) -> Grouping:
        """Tell which tracks are one aircraft, and remember what that rests on.

        Args:
            tracks: The tracks, of which none shares both source and id with another.
            at_ms: The instant, milliseconds since 1970. Nothing new is remembered at the same instant
                again.
        """
        n = len(tracks.serials)
        two_places = np.zeros(n, dtype=np.bool_)
        if len(np.unique(tracks.sources)) < 2:
            self._apart, self._together = _no_pairs(), _no_pairs()
            return Grouping(np.arange(n), two_places)
        moving = Moving(tracks)
        by_id = self._by_id(moving, at_ms, two_places)
        by_motion = self._by_motion(moving, _labels(n, by_id), at_ms)
        self._at_ms = at_ms
        labels = _labels(n, np.concatenate((by_id, by_motion)))
        doubtful = _with_doubles(labels, tracks)
        if doubtful.any():
            kept = by_motion[~doubtful[labels[by_motion[:, 0]]]]
            labels = _labels(n, np.concatenate((by_id, kept)))
        return Grouping(labels, two_places)

    def _by_id(self, moving: Moving, at_ms: int, two_places: Flags) -> Ints:
        """Return pairs of rows with one id that are one aircraft, and mark those that are apart."""
        tracks = moving.tracks
        # The freshest of an id comes first.
        order = np.lexsort((tracks.age_s, tracks.identities))
        identities = tracks.identities[order]
        found = [np.empty((0, 2), dtype=np.int64)]
        for step in range(1, len(order)):
            same = np.flatnonzero(identities[step:] == identities[:-step])
            if not len(same):
                break
            found.append(np.stack((order[same], order[same + step]), axis=1))
        pairs = np.concatenate(found)
        apart = self._remember_apart(moving, pairs, at_ms)
        two_places[pairs[apart].ravel()] = True
        joined = pairs[~apart]
        labels = _labels(len(order), joined)
        # If two that are apart each agree with a third, only what agrees with the freshest is one.
        one, other = pairs[apart].T
        doubtful = np.isin(
            tracks.identities[joined[:, 0]], tracks.identities[one[labels[one] == labels[other]]]
        )
        starts = np.concatenate(([True], np.diff(identities) != 0))
        return joined[~doubtful | np.isin(joined[:, 0], order[starts[: len(order)]])]

    def _remember_apart(self, moving: Moving, pairs: Ints, at_ms: int) -> Flags:
        """Tell which pairs are at two places, or were so until a little while ago."""
        contradict = moving.contradict(pairs)
        keys = moving.keys(pairs)
        held = _found(keys, self._apart)
        since_ms = np.where(held >= 0, _taken(self._apart.since_ms, held), _NEVER_MS)
        since_ms = np.where(contradict, _NEVER_MS, since_ms)
        # One that is no longer heard agrees with nothing: it cannot end what it began.
        agrees = ~contradict & moving.is_heard(pairs)
        since_ms = np.where(agrees & (held >= 0) & (since_ms == _NEVER_MS), at_ms, since_ms)
        agreed = (since_ms != _NEVER_MS) & (at_ms - since_ms >= TOGETHER_S * 1000.0)
        apart = np.asarray(contradict | ((held >= 0) & ~agreed))
        order = np.argsort(keys[apart])
        count = np.zeros(len(order), dtype=np.int64)
        self._apart = _Pairs(keys[apart][order], since_ms[apart][order], count, count > 0)
        return apart

    def _by_motion(self, moving: Moving, labels: Ints, at_ms: int) -> Ints:
        """Return pairs of rows with different ids that count as one aircraft."""
        held = self._together
        pairs = moving.rows_of(held.keys)
        known = (pairs >= 0).all(axis=1)
        kept = np.flatnonzero(known)[held.merged[known] & ~moving.parted(pairs[known])]
        candidates = moving.candidates(labels)
        keys = moving.keys(candidates)
        place = _found(keys, held)
        looks = _taken(held.looks, place)
        since_ms = np.where(place >= 0, _taken(held.since_ms, place), at_ms)
        is_next = self._at_ms is None or at_ms > self._at_ms
        if self._at_ms is not None and at_ms - self._at_ms > _LOOKS_APART_MAX_S * 1000.0:
            looks, since_ms = np.zeros_like(looks), np.full_like(since_ms, at_ms)
        looks = looks + int(is_next)
        merged = (looks >= TOGETHER_LOOKS_MIN) & (at_ms - since_ms >= TOGETHER_S * 1000.0)
        fresh = ~np.isin(keys, held.keys[kept])
        self._together = _joined(
            _Pairs(held.keys[kept], held.since_ms[kept], held.looks[kept], held.merged[kept]),
            _Pairs(keys[fresh], since_ms[fresh], looks[fresh], merged[fresh]),
        )
        return np.concatenate((pairs[kept], candidates[fresh & merged]))


def _found(keys: Ints, pairs: _Pairs) -> Ints:
    """Return the place of each key among the pairs that are remembered; -1 where it is not."""
    if not len(pairs.keys):
        return np.full(len(keys), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(pairs.keys, keys), len(pairs.keys) - 1)
    return np.where(pairs.keys[at] == keys, at, -1)


def _taken(column: Ints, places: Ints) -> Ints:
    """Return the values at the places; 0 where a place is -1."""
    if not len(column):
        return np.zeros(len(places), dtype=np.int64)
    return np.where(places >= 0, column[places], 0)


def _joined(one: _Pairs, other: _Pairs) -> _Pairs:
    """Return the pairs of both, in the order of their keys."""
    columns = [np.concatenate(both) for both in zip(one, other, strict=True)]
    order = np.argsort(columns[0])
    return _Pairs(*(column[order] for column in columns))


def _labels(n: int, pairs: Ints) -> Ints:
    """Return of each row the least row that pairs join with it, directly or through others."""
    labels = np.arange(n)
    while True:
        least = labels[pairs].min(axis=1, initial=n)
        if not (labels[pairs] != least[:, None]).any():
            return labels
        np.minimum.at(labels, pairs[:, 0], least)
        np.minimum.at(labels, pairs[:, 1], least)


def _with_doubles(labels: Ints, tracks: SourceTracks) -> Flags:
    """Tell of each label whether it joins what cannot be one aircraft.

    That is two tracks of one source, or two ids of one kind that tells an identity.
    """
    doubtful: Flags = np.zeros(len(labels), dtype=np.bool_)
    for parts in ((labels, tracks.sources), (labels, tracks.ranks, tracks.identities)):
        order = np.lexsort(parts[::-1])
        ordered = [part[order] for part in parts]
        same = np.ones(max(len(order) - 1, 0), dtype=np.bool_)
        for part in ordered[:2]:
            same &= np.diff(part) == 0
        if len(parts) == 3:
            same &= (np.diff(ordered[2]) != 0) & (ordered[1][1:] < TRACK_RANK)
        doubtful[ordered[0][1:][same]] = True
    return doubtful
