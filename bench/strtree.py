"""A peer: shapely's STRtree over boxes of longitude and latitude, and our own plain judge.

This is what a careful user of shapely would write: the tree gives candidates in the plane, numpy
compares times and heights, the judge decides. Boxes over the antimeridian are stored twice, boxes
near a pole span all longitudes. Only candidates and their order differ from ours, so the answers
must be the same, and they are compared.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import shapely

from bench import measure
from bench.indexing import SLOW_QUERIES, Store, agreement, ordered
from bench.measure import Row
from keepclear.core import judge
from keepclear.core.geodesy import SUB_EDGE_MAX_M, Floats, ring_positions
from keepclear.core.packed import Ints, Margins, PackedVolumes

_POLAR_DEG: Final = 85.0
# A great circle of 20 km bulges by (20 km)^2 tan(latitude) / 8 R; and a millimetre for the tolerance.
_BULGE_DEG: Final = np.degrees((SUB_EDGE_MAX_M / 6.335e6) ** 2 / 8.0 * np.tan(np.radians(_POLAR_DEG)))
_ROOM_DEG: Final = 1e-6
_PAIRS_CHUNK: Final = 10_000
PAIRS_MAX: Final = 200_000
"""With more volumes all pairs are left out: a plane index finds some hundred candidates a volume."""


def lng_lat_boxes(packed: PackedVolumes) -> tuple[Floats, Ints]:
    """Return boxes in degrees that contain the footprints, and to which volume each belongs.

    Returns:
        Least longitude and latitude, greatest longitude and latitude, shape (m, 4), and the
        volumes, shape (m,), m >= n: what lies over the antimeridian has two boxes.
    """
    degrees = ring_positions(packed.vertices)
    centre = ring_positions(packed.centre)
    ring_of = np.repeat(np.arange(packed.volume_count), np.diff(packed.first))
    turned = np.remainder(degrees[:, 1] - centre[ring_of, 1] + 180.0, 360.0) - 180.0 + centre[ring_of, 1]
    starts = packed.first[:-1]
    south = np.minimum.reduceat(degrees[:, 0], starts) - _BULGE_DEG - _ROOM_DEG
    north = np.maximum.reduceat(degrees[:, 0], starts) + _BULGE_DEG + _ROOM_DEG
    room = _ROOM_DEG / np.cos(np.radians(np.minimum(np.maximum(np.abs(south), np.abs(north)), _POLAR_DEG)))
    west, east = np.minimum.reduceat(turned, starts) - room, np.maximum.reduceat(turned, starts) + room
    polar = (north > _POLAR_DEG) | (south < -_POLAR_DEG)
    north = np.where(north > _POLAR_DEG, 90.0, north)
    south = np.where(south < -_POLAR_DEG, -90.0, south)
    west, east = np.where(polar, -180.0, west), np.where(polar, 180.0, east)
    boxes, volume = [np.stack((west, south, east, north), axis=-1)], [np.arange(packed.volume_count)]
    for over, shift in ((west < -180.0, 360.0), (east > 180.0, -360.0)):
        again = np.flatnonzero(over & ~polar)
        boxes.append(boxes[0][again] + np.array([shift, 0.0, shift, 0.0]))
        volume.append(again)
    return np.concatenate(boxes), np.concatenate(volume)


class PlaneIndex:
    """Stored volumes in an STRtree."""

    def __init__(self, packed: PackedVolumes) -> None:
        self._packed = packed
        boxes, self._volume = lng_lat_boxes(packed)
        self._tree = shapely.STRtree(shapely.box(*boxes.T))

    def search(self, query: PackedVolumes) -> Ints:
        """Find the stored volumes that each query volume meets, shape (k, 2)."""
        boxes, volume = lng_lat_boxes(query)
        return self._judged(query, self._candidates(boxes, volume))

    def pairs(self) -> Ints:
        """Find all pairs of stored volumes that meet, the lesser first, sorted, shape (k, 2)."""
        boxes, volume = lng_lat_boxes(self._packed)
        parts = []
        for start in range(0, len(boxes), _PAIRS_CHUNK):
            part = slice(start, start + _PAIRS_CHUNK)
            candidates = self._candidates(boxes[part], volume[part])
            parts.append(self._judged(self._packed, candidates[candidates[:, 0] < candidates[:, 1]]))
        return np.unique(np.concatenate(parts), axis=0)

    def _candidates(self, boxes: Floats, volume: Ints) -> Ints:
        found = self._tree.query(shapely.box(*boxes.T))
        return np.stack((volume[found[0]], self._volume[found[1]]), axis=-1)

    def _judged(self, query: PackedVolumes, candidates: Ints) -> Ints:
        nothing = Margins()
        wanted = judge.judged_pairs(query, self._packed, candidates, False)
        wanted &= judge.times_and_heights_meet(query, self._packed, candidates, nothing)
        candidates = candidates[wanted]
        if len(self._volume) > self._packed.volume_count:  # what has two boxes may be found twice
            candidates = np.unique(candidates, axis=0)
        return candidates[judge.footprints_meet(query, self._packed, candidates, 0.0)]


def bench_strtree(store: Store, rows: list[Row]) -> None:
    """Measure the peer on the same store and queries and append the rows."""
    count = store.packed.volume_count
    built = measure.whole(lambda: PlaneIndex(store.packed), 1)
    rows.append(measure.row_of("STRtree: build", count, built, "", ""))
    index = PlaneIndex(store.packed)
    queries = store.queries[:SLOW_QUERIES]
    answer = agreement(store.answers, [ordered(index.search(query)) for query in queries])
    times = measure.calls(index.search, queries, measure.WALL_RUNS)
    rows.append(measure.row_of("STRtree: search", count, times, answer, measure.ratio(store.search, times)))
    if count > PAIRS_MAX:
        rows.append(Row(what="STRtree: all pairs", volumes=count, note="left out: it takes minutes"))
        return
    answer = "same pairs" if np.array_equal(index.pairs(), store.pairs) else measure.DIFFERENT
    times = measure.whole(index.pairs, 1)
    rows.append(
        measure.row_of("STRtree: all pairs", count, times, answer, measure.ratio(store.joined, times))
    )
