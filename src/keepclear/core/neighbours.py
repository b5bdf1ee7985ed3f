"""Which tracks are near each other at one instant, move alike, or cannot be one.

What that means for aircraft is decided in `association`, which looks picture after picture.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from keepclear.core.geodesy import Floats
from keepclear.core.motions import motion_at
from keepclear.core.packed import Ints
from keepclear.core.plausibility import UNKNOWN_KIND, distances_m
from keepclear.core.reports import Flags
from keepclear.core.track_picture import Codes, TrackStatus
from keepclear.core.track_slots import OTHER_RANK, TRACK_RANK, Objects

GATE_MAX_M: Final = 300.0
"""No gate is wider: two tracks that are to become one are nearer than this, and than their errors."""
GATE_MIN_M: Final = 30.0
"""No gate is narrower."""
ALONE_M: Final = 900.0
"""With a third track within this, two do not become one: it is not known which belong together."""
MOVING_MIN_MPS: Final = 10.0
"""What hovers does not show by its motion that it is one with another; slower tracks never become one."""
CROWD_MAX: Final = 16
"""In a cube of `ALONE_M` with more tracks than this, and beside one, nothing becomes one with another."""

_GATE_VERTICAL_M: Final = 60.0
_GATE_VELOCITY_MPS: Final = 10.0
_PART_RATIO: Final = 1.5
_PART_VERTICAL_M: Final = 120.0
_PART_VELOCITY_MPS: Final = 30.0
_LATE_S: Final = 3.0
_PLACES_M: Final = 500.0
_UNTOLD: Final = np.array(None)
_CONSPICUITY: Final = frozenset({"0000", "1000", "1200", "2000", "7000"})
_PROJECTED_MAX_S: Final = 60.0
_KEY: Final = 2**32
_CUBES: Final = 2**15
_CUBES_HALF: Final = 2**14
_CUBE_ROWS: Final = ((0, 1), (1, -1), (1, 0), (1, 1))


class SourceTracks(NamedTuple):
    """Tracks of all sources, one to a row; n of them, in an order that tells nothing of their slots.

    Attributes:
        serials: The number of each among all there ever were.
        sources: The number of its source.
        identities: The number of its id, the same in all sources that tell it.
        ranks: The place of its kind of id, see `track_slots.ID_KINDS`.
        kinds: The code of its kind.
        age_s: How long ago its position changed.
        status: The code of its `TrackStatus`.
        is_suspect: Whether it may be false.
        latitude_deg: Where it was reported last.
        longitude_deg: Degrees.
        ground_speed_mps: NaN where not known, as the columns that follow.
        track_deg: Degrees.
        altitude_m: Metres above the ellipsoid.
        pressure_altitude_m: Metres.
        accuracy_m: How far its position may have been off.
        error_m: The same, grown with its age.
        parties: None where not told, as the columns that follow.
        callsigns: What it is called.
        squawks: Its code.
        operations: What it says it flies.
    """

    serials: Ints
    sources: Ints
    identities: Ints
    ranks: Ints
    kinds: Codes
    age_s: Floats
    status: Codes
    is_suspect: Flags
    latitude_deg: Floats
    longitude_deg: Floats
    ground_speed_mps: Floats
    track_deg: Floats
    altitude_m: Floats
    pressure_altitude_m: Floats
    accuracy_m: Floats
    error_m: Floats
    parties: Objects
    callsigns: Objects
    squawks: Objects
    operations: Objects


class Moving:
    """Tracks with where they are and how they move at the instant of a picture.

    Args:
        tracks: The tracks, each as it was reported last.
    """

    def __init__(self, tracks: SourceTracks) -> None:
        self.tracks = tracks
        speed = np.nan_to_num(tracks.ground_speed_mps)
        parts = motion_at(
            np.radians(tracks.latitude_deg),
            np.radians(tracks.longitude_deg),
            np.radians(np.nan_to_num(tracks.track_deg)),
            speed,
            np.minimum(tracks.age_s, _PROJECTED_MAX_S),
        )
        self.speed_mps = speed
        self.points_m = np.stack(parts[0:3], axis=1)
        self.velocity_mps = np.stack(parts[3:6], axis=1)
        self.order = np.argsort(tracks.serials)

    def keys(self, pairs: Ints) -> Ints:
        """Return the key of each pair, the same whichever is first."""
        serials = self.tracks.serials[pairs]
        return np.asarray(serials.min(axis=1, initial=_KEY) * _KEY + serials.max(axis=1, initial=0))

    def rows_of(self, keys: Ints) -> Ints:
        """Return the rows of pairs, -1 for a track that is no longer there, shapes (k,) to (k, 2)."""
        serials = np.stack(np.divmod(keys, _KEY), axis=1)
        there = self.tracks.serials[self.order]
        at = np.searchsorted(there, serials)
        at = np.minimum(at, len(there) - 1)
        return np.where(there[at] == serials, self.order[at], -1)

    def is_heard(self, pairs: Ints) -> Flags:
        """Tell of which pairs both are heard of late."""
        heard = self.tracks.status < TrackStatus.LOST.code
        return np.asarray(heard[pairs].all(axis=1))

    def contradict(self, pairs: Ints) -> Flags:
        """Tell which pairs are at two places."""
        a, b = pairs.T
        apart_m = distances_m(self.points_m[a], self.points_m[b])
        late_m = _LATE_S * np.maximum(self.speed_mps[a], self.speed_mps[b])
        explained_m = self.tracks.error_m[a] + self.tracks.error_m[b] + late_m + _PLACES_M
        return np.asarray((apart_m > explained_m) & self.is_heard(pairs))

    def _gates_m(self, a: Ints, b: Ints) -> Floats:
        accuracy = self.tracks.accuracy_m
        return np.clip(np.hypot(accuracy[a], accuracy[b]), GATE_MIN_M, GATE_MAX_M)

    def _vertical_m(self, a: Ints, b: Ints) -> Floats:
        """Return how far altitudes of one datum are apart; NaN where both tell none."""
        by_pressure = np.abs(self.tracks.pressure_altitude_m[a] - self.tracks.pressure_altitude_m[b])
        by_ellipsoid = np.abs(self.tracks.altitude_m[a] - self.tracks.altitude_m[b])
        return np.where(np.isnan(by_pressure), by_ellipsoid, by_pressure)

    def _may_be_one(self, a: Ints, b: Ints) -> Flags:
        """Tell which pairs can be one aircraft by what they say of themselves."""
        t = self.tracks
        fits = (t.sources[a] != t.sources[b]) & (t.identities[a] != t.identities[b])
        kinds_a, kinds_b = t.kinds[a], t.kinds[b]
        fits &= (kinds_a == kinds_b) | (kinds_a == UNKNOWN_KIND) | (kinds_b == UNKNOWN_KIND)
        numbered = (t.ranks[a] == TRACK_RANK) | (t.ranks[b] == TRACK_RANK)
        alike = np.zeros(len(a), dtype=np.bool_)
        for words in (t.parties, t.callsigns, t.squawks, t.operations):
            one, other = words[a], words[b]
            told = (one != _UNTOLD) & (other != _UNTOLD)
            same = told & (one == other)
            fits = fits & (~told | same)
            if words is t.squawks:
                same[same] = [word not in _CONSPICUITY for word in one[same]]
            if words is not t.parties:
                alike = alike | same
        other_kind_of_id = (t.ranks[a] != t.ranks[b]) & (np.maximum(t.ranks[a], t.ranks[b]) < OTHER_RANK)
        return np.asarray(fits & (numbered | (other_kind_of_id & alike)))

    def parted(self, pairs: Ints) -> Flags:
        """Tell which pairs that count as one aircraft can no longer be one."""
        a, b = pairs.T
        apart_m = distances_m(self.points_m[a], self.points_m[b])
        velocity_mps = distances_m(self.velocity_mps[a], self.velocity_mps[b])
        grown_m = self.tracks.error_m[a] - self.tracks.accuracy_m[a]
        grown_m = grown_m + self.tracks.error_m[b] - self.tracks.accuracy_m[b]
        parted = apart_m > _PART_RATIO * self._gates_m(a, b) + grown_m
        current = (self.tracks.status[pairs] == TrackStatus.CURRENT.code).all(axis=1)
        parted |= current & (velocity_mps > _PART_VELOCITY_MPS)
        parted |= current & (np.nan_to_num(self._vertical_m(a, b)) > _PART_VERTICAL_M)
        return np.asarray((parted & self.is_heard(pairs)) | ~self._may_be_one(a, b))

    def candidates(self, labels: Ints) -> Ints:
        """Return pairs of rows that are together now, each alone in all sources.

        Args:
            labels: Which tracks are one aircraft by their ids, shape (n,).
        """
        t = self.tracks
        fresh = (t.status == TrackStatus.CURRENT.code) & ~np.isnan(t.ground_speed_mps + t.track_deg)
        rows = np.flatnonzero(fresh)
        if len(np.unique(t.sources[rows])) < 2:
            return np.empty((0, 2), dtype=np.int64)
        pairs, crowded = self._near(rows)
        # Alone: of all that is near, itself included, no two are seen by the same source.
        one = np.concatenate((rows, pairs[:, 0], pairs[:, 1]))
        seen_by = t.sources[np.concatenate((rows, pairs[:, 1], pairs[:, 0]))]
        order = np.lexsort((seen_by, one))
        twice = (np.diff(one[order]) == 0) & (np.diff(seen_by[order]) == 0)
        alone = ~t.is_suspect
        alone[crowded] = False
        alone[one[order][1:][twice]] = False
        pairs = np.sort(pairs[alone[pairs].all(axis=1)], axis=1)
        a, b = pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]].T
        together = distances_m(self.points_m[a], self.points_m[b]) <= self._gates_m(a, b)
        together &= distances_m(self.velocity_mps[a], self.velocity_mps[b]) <= _GATE_VELOCITY_MPS
        together &= self._vertical_m(a, b) <= _GATE_VERTICAL_M  # false where NaN
        together &= np.minimum(self.speed_mps[a], self.speed_mps[b]) >= MOVING_MIN_MPS
        together[together] = self._may_be_one(a[together], b[together])
        return np.stack((a[together], b[together]), axis=1)

    def _near(self, rows: Ints) -> tuple[Ints, Ints]:
        """Find what is within `ALONE_M` of each other.

        Args:
            rows: The rows that are looked at.

        Returns:
            Pairs of rows; and the rows that are in a crowd or beside one, of which not all pairs are told:
            they would be too many.
        """
        cubes = np.floor(self.points_m[rows] / ALONE_M).astype(np.int64) + _CUBES_HALF
        keys = (cubes[:, 0] * _CUBES + cubes[:, 1]) * _CUBES + cubes[:, 2]
        order = np.argsort(keys, kind="stable")
        rows, keys = rows[order], keys[order]
        crowds = keys[CROWD_MAX:][keys[CROWD_MAX:] == keys[:-CROWD_MAX]]
        crowded = np.empty(0, dtype=np.int64)
        if len(crowds):
            steps = np.array([-1, 0, 1])
            around = ((steps[:, None, None] * _CUBES + steps[:, None]) * _CUBES + steps).ravel()
            crowded = rows[np.isin(keys, np.unique(crowds)[:, None] + around)]
            sparse = ~np.isin(keys, crowds)
            rows, keys = rows[sparse], keys[sparse]
        # What follows in its own cube and the next in z; then whole rows of three cubes.
        spans = [(np.arange(1, len(keys) + 1), np.searchsorted(keys, keys + 1, side="right"))]
        for x, y in _CUBE_ROWS:
            middle = keys + (x * _CUBES + y) * _CUBES
            spans.append((np.searchsorted(keys, middle - 1), np.searchsorted(keys, middle + 1, side="right")))
        found = [np.empty((0, 2), dtype=np.int64)]
        for start, end in spans:
            count = end - start
            a = np.repeat(np.arange(len(keys)), count)
            b = np.arange(len(a)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(start, count)
            pairs = np.stack((rows[a], rows[b]), axis=1)
            near = distances_m(self.points_m[pairs[:, 0]], self.points_m[pairs[:, 1]]) < ALONE_M
            found.append(pairs[near])
        return np.concatenate(found), crowded
