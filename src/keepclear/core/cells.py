"""Cells: which volumes come near which points, found by looking up the cell of each point.

Earth-centred x, y, z is cut into cubes, in sizes that are each a quarter of the one before. A volume stands
in the few cubes, of the size that suits it, that its box touches; so a point finds what is near it by one
look for each size in use. For points that reach far the boxes are widened first: there is a table for each
of a few reaches, made when it is first needed. Candidates are never too few.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from keepclear.core.geodesy import RADIUS_MIN_M, Floats
from keepclear.core.packed import BOX_MARGIN_M, Ints, PackedVolumes

REACHES_M: Final = (300.0, 1_200.0, 5_000.0, 20_000.0, 80_000.0)
"""For each there is a table of its own; a point that reaches farther is compared with every volume."""
LEVELS: Final = 8
"""How many sizes of cells there are; the least is 4^-7 of the earth's radius, about 390 m."""
PAIRS_AT_ONCE: Final = 4_000_000
"""So many pairs are compared at once where a point is compared with every volume."""

_SIDE: Final = 2**17
_SIZES: Final = 4.0 ** -np.arange(LEVELS)
_OFFSET: Final = 4


class _Table(NamedTuple):
    """Which volumes stand in which cells.

    Attributes:
        levels: The sizes in use.
        keys: The cells in use, sorted, shape (c,).
        starts: Where the volumes of each cell start, and at last their number, shape (c + 1,).
        places: The volumes, cell after cell.
    """

    levels: tuple[int, ...]
    keys: Ints
    starts: Ints
    places: Ints


def _keys(level: Ints | int, cell: Ints) -> Ints:
    """Return the number of each cell, shapes (m,) and (m, 3) to (m,)."""
    return np.asarray(((level * _SIDE + cell[:, 0]) * _SIDE + cell[:, 1]) * _SIDE + cell[:, 2])


class Cells:
    """Volumes by the cells that they touch.

    Args:
        volumes: The volumes; they are not changed.
    """

    def __init__(self, volumes: PackedVolumes) -> None:
        self._volumes = volumes
        self._tables: dict[float, _Table] = {}
        if volumes.volume_count:
            # Inside its ring a footprint bulges out of the box of the vertices, by 1 / cos(radius) at most.
            bulge = (1.0 / np.cos(volumes.radius_rad) - 1.0)[:, np.newaxis]
            self._low = np.minimum.reduceat(volumes.vertices, volumes.first[:-1], axis=0) - bulge
            self._high = np.maximum.reduceat(volumes.vertices, volumes.first[:-1], axis=0) + bulge

    def near(self, vectors: Floats, reach_m: Floats) -> tuple[Ints, Ints]:
        """Find the volumes that come within reach of points, by the circles round them.

        Args:
            vectors: Unit vectors of the points, shape (n, 3).
            reach_m: How far from each, metres; may be infinite, shape (n,).

        Returns:
            Points and volumes of the pairs, in no promised order; each of shape (k,).
        """
        if self._volumes.volume_count == 0 or len(vectors) == 0:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        which = np.searchsorted(REACHES_M, reach_m)
        parts = []
        for k in np.unique(which).tolist():
            rows = np.flatnonzero(which == k)
            if k == len(REACHES_M):
                parts.append(self._among_all(vectors, reach_m, rows))
            else:
                point, place = self._looked_up(self._table(REACHES_M[k]), vectors[rows])
                parts.append(self._within(vectors, reach_m, rows[point], place))
        points, places = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return points, places

    def _table(self, reach_m: float) -> _Table:
        table = self._tables.get(reach_m)
        if table is None:
            table = self._tables[reach_m] = self._made(reach_m)
        return table

    def _made(self, reach_m: float) -> _Table:
        wider = (reach_m + BOX_MARGIN_M) / RADIUS_MIN_M
        low, high = self._low - wider, self._high + wider
        extent = (high - low).max(axis=1)
        level = np.clip(np.floor(-np.log2(extent) / 2.0), 0, LEVELS - 1).astype(np.int64)
        size = _SIZES[level][:, np.newaxis]
        least = np.floor(low / size).astype(np.int64)
        spans = np.floor(high / size).astype(np.int64) - least + 1
        counts = spans.prod(axis=1)
        place = np.repeat(np.arange(len(counts)), counts)
        step = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
        cell = np.empty((len(place), 3), dtype=np.int64)
        for axis in range(3):
            step, cell[:, axis] = np.divmod(step, spans[place, axis])
        cell += least[place] + (_OFFSET << (2 * level[place]))[:, np.newaxis]
        keys = _keys(level[place], cell)
        order = np.argsort(keys, kind="stable")
        found, starts = np.unique(keys[order], return_index=True)
        return _Table(tuple(np.unique(level).tolist()), found, np.append(starts, len(place)), place[order])

    @staticmethod
    def _looked_up(table: _Table, vectors: Floats) -> tuple[Ints, Ints]:
        """Return the volumes in the cells of points."""
        keys = [
            _keys(level, np.floor(vectors / _SIZES[level]).astype(np.int64) + (_OFFSET << (2 * level)))
            for level in table.levels
        ]
        key = np.concatenate(keys)
        cell = np.minimum(np.searchsorted(table.keys, key), len(table.keys) - 1)
        hit = np.flatnonzero(table.keys[cell] == key)
        cell = cell[hit]
        counts = table.starts[cell + 1] - table.starts[cell]
        point = np.repeat(hit % len(vectors), counts)
        step = np.arange(len(point)) - np.repeat(np.cumsum(counts) - counts, counts)
        return point, table.places[np.repeat(table.starts[cell], counts) + step]

    def _within(self, vectors: Floats, reach_m: Floats, point: Ints, place: Ints) -> tuple[Ints, Ints]:
        """Return which pairs are within reach by the circles round the volumes."""
        difference = vectors[point] - self._volumes.centre[place]
        chord_sq = np.einsum("ij,ij->i", difference, difference)
        angle = self._volumes.radius_rad[place] + (reach_m[point] + BOX_MARGIN_M) / RADIUS_MIN_M
        kept = chord_sq <= angle * angle  # a chord is never longer than its arc
        return point[kept], place[kept]

    def _among_all(self, vectors: Floats, reach_m: Floats, rows: Ints) -> tuple[Ints, Ints]:
        """Compare points with every volume, some at a time."""
        volumes = self._volumes
        parts = []
        step = max(1, PAIRS_AT_ONCE // volumes.volume_count)
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            angle = (reach_m[some] + BOX_MARGIN_M)[:, np.newaxis] / RADIUS_MIN_M + volumes.radius_rad
            # The square of the chord is 2 - 2 cos; a hair more covers its rounding.
            near = 2.0 - 2.0 * (vectors[some] @ volumes.centre.T) <= angle * angle + 1e-12
            point, place = np.nonzero(near)
            parts.append((some[point], place))
        points, places = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return points, places
