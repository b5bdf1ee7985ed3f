"""Cell terms: numbers by whose equality a database finds all extents that may meet another.

Earth-centred x, y, z is cut into cubes, in four sizes that are each an eighth of the one before, so every
cube lies in one of each larger size, and poles and the antimeridian need no code. An extent stands in the
few cubes that its footprints touch; each of them is a positive term, each larger cube round it a negative
one. Two footprints that share a point have cubes that hold it, and of those one holds the other. So who
looks up its own cubes as both, and the larger ones round them as positive terms, finds every extent that it
may meet. Terms are only ever compared for equality: any index of a database serves.

When and how high an extent is does not become a term: one may last for ten years, and would need a row for
each bucket of time. Those bounds stand beside each term, to be compared there.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from keepclear.core.extents import Extent
from keepclear.core.geodesy import RADIUS_MIN_M, Floats, tangent_frames
from keepclear.core.packed import Ints, PackedVolumes

LEVELS: Final = (3, 6, 9, 12)
"""A cube of level n has sides of 2^-n of the earth's radius: 796 km, 100 km, 12 km and 1.6 km."""
FOOTPRINT_CELLS_MAX: Final = 8
"""A footprint stands in the smallest cubes of which it touches no more than so many."""
EXTENT_CELLS_MAX: Final = 64
"""An extent that would stand in more cubes stands in larger ones; of the largest it has any number."""
STRIPES: Final = 251
"""So many locks stand for all places on earth; a prime, so that neighbours have different ones."""
STRIPE_CELLS_MAX: Final = 64
"""An extent that touches more cubes of 12 km than this takes all locks."""

_STRIPE_LEVEL: Final = 2
_MARGIN: Final = 1.0 / RADIUS_MIN_M
"""Footprints count as a metre wider: more than any tolerance by which they are judged."""
_BOX_CELLS_MAX: Final = 64
_VOLUMES_AT_ONCE: Final = 256
_BITS: Final = 14
_STEP: Final = 3
_CURVED: Final = 1.2
"""So far from the middle of a footprint, in radians, the plane tells nothing; the cube is kept."""

Found = tuple[Ints, Ints]
"""Volumes and cubes of pairs, shapes (k,) and (k, 3)."""


class CellTerms(NamedTuple):
    """The terms of an extent.

    Attributes:
        cells: The numbers of its cubes, each over 0, sorted; none lies within another.
        stripes: Which locks stand for where it is, sorted. Extents that meet share one.
    """

    cells: tuple[int, ...]
    stripes: tuple[int, ...]

    @property
    def stored(self) -> list[int]:
        """What it is found by: its cubes, and negative the larger ones round them; sorted."""
        return sorted([*self.cells, *(-cell for cell in _larger(self.cells))])

    @property
    def looked_up(self) -> list[int]:
        """What it finds others by; sorted."""
        return sorted([*self.cells, *_larger(self.cells), *(-cell for cell in self.cells)])


def terms_of(extent: Extent) -> CellTerms:
    """Return the terms of an extent.

    Args:
        extent: It; only its footprints matter.
    """
    places = {volume.volume.outline: place for place, volume in enumerate(extent.volumes)}
    packed = extent.packed
    if len(places) < packed.volume_count:
        packed = packed.taken(np.array(list(places.values())))
    cells: set[int] = set()
    striped: set[int] | None = set()
    for start in range(0, packed.volume_count, _VOLUMES_AT_ONCE):
        some = np.arange(start, min(start + _VOLUMES_AT_ONCE, packed.volume_count))
        footprints = _Footprints(packed if len(some) == packed.volume_count else packed.taken(some))
        cells.update(footprints.cells())
        if striped is not None:
            striped = footprints.striped(striped)
    stripes = range(STRIPES) if striped is None else {cell % STRIPES for cell in striped}
    return CellTerms(tuple(sorted(_fewer(cells))), tuple(sorted(stripes)))


class _Footprints:
    """Some footprints, and which cubes they touch."""

    def __init__(self, packed: PackedVolumes) -> None:
        self.count = packed.volume_count
        self._packed = packed
        # Inside its ring a footprint bulges out of the box of the vertices, by 1 / cos(radius) at most.
        spread = (1.0 / np.cos(packed.radius_rad) - 1.0 + _MARGIN)[:, np.newaxis]
        low = np.minimum.reduceat(packed.vertices, packed.first[:-1], axis=0) - spread
        high = np.maximum.reduceat(packed.vertices, packed.first[:-1], axis=0) + spread
        self._low, self._high = np.maximum(low, -1.0), np.minimum(high, 1.0)

    def cells(self) -> set[int]:
        """Return the cubes of all footprints, each in the smallest size that suits it."""
        left = np.arange(self.count)
        found: set[int] = set()
        for level in reversed(range(len(LEVELS))):
            volume, cell = self._touched(level, left, _BOX_CELLS_MAX if level else None)
            counts = np.bincount(volume, minlength=self.count)
            suits = (counts > 0) & (counts <= FOOTPRINT_CELLS_MAX) if level else counts > 0
            found.update(_numbers(level, cell[suits[volume]]))
            left = left[~suits[left]]
            if len(left) == 0:
                break
        assert len(left) == 0, "a footprint touches no cube"
        return found

    def striped(self, before: set[int]) -> set[int] | None:
        """Add the cubes of the size for locks; None where they are too many."""
        volume, cell = self._touched(_STRIPE_LEVEL, np.arange(self.count), _BOX_CELLS_MAX * 4)
        if (np.bincount(volume, minlength=self.count) == 0).any():
            return None
        cells = before.union(_numbers(_STRIPE_LEVEL, cell))
        return cells if len(cells) <= STRIPE_CELLS_MAX else None

    def _touched(self, level: int, volumes: Ints, box_cells_max: int | None) -> Found:
        """Return the cubes of a size that volumes may touch; none of one whose box holds too many."""
        per_radius = float(2 ** LEVELS[level])
        least = np.floor(self._low[volumes] * per_radius).astype(np.int64)
        spans = np.floor(self._high[volumes] * per_radius).astype(np.int64) - least + 1
        counts = spans.prod(axis=1)
        if box_cells_max is not None:
            kept = counts <= box_cells_max
            volumes, least, spans, counts = volumes[kept], least[kept], spans[kept], counts[kept]
        place = np.repeat(np.arange(len(counts)), counts)
        step = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
        cell = np.empty((len(place), 3), dtype=np.int64)
        for axis in range(3):
            step, cell[:, axis] = np.divmod(step, spans[place, axis])
        cell += least[place]
        side = 1.0 / per_radius
        volume = volumes[place]
        at_surface = _reach_surface(cell, side)
        volume, cell = volume[at_surface], cell[at_surface]
        near = self._near(volume, cell, side)
        return volume[near], cell[near] + int(per_radius)

    def _near(self, volume: Ints, cell: Ints, side: float) -> npt.NDArray[np.bool_]:
        """Tell which cubes come near the footprint; in doubt they do."""
        if len(volume) == 0:
            return np.zeros(0, dtype=np.bool_)
        middle = (cell + np.float64(0.5)) * side
        length = np.sqrt(np.einsum("ij,ij->i", middle, middle))
        point = middle / length[:, np.newaxis]
        # What of the surface lies in the cube is so near the point of the surface above its middle.
        chord = side * np.sqrt(0.75) + np.abs(1.0 - length) + _MARGIN
        reach = 2.0 * np.arcsin(np.minimum(1.0, chord / 2.0))
        cos = np.einsum("ij,ij->i", point, self._packed.centre[volume])
        far = np.arccos(np.clip(cos, -1.0, 1.0)) + reach
        judged = np.flatnonzero(far < _CURVED)
        east, north = self._frames
        v = volume[judged]
        plane = np.stack(
            (
                np.einsum("ij,ij->i", point[judged], east[v]) / cos[judged],
                np.einsum("ij,ij->i", point[judged], north[v]) / cos[judged],
            ),
            axis=-1,
        )
        # Nowhere between does the gnomonic plane stretch by more than at the farthest.
        within = reach[judged] / np.cos(far[judged]) ** 2
        result = np.ones(len(volume), dtype=np.bool_)
        result[judged] = shapely.dwithin(self._rings[v], shapely.points(plane), within)
        return result

    @cached_property
    def _frames(self) -> tuple[Floats, Floats]:
        return tangent_frames(self._packed.centre)

    @cached_property
    def _rings(self) -> npt.NDArray[np.object_]:
        """The footprints in the gnomonic planes round their middles, shape (n,)."""
        packed, (east, north) = self._packed, self._frames
        owner = np.repeat(np.arange(self.count), np.diff(packed.first))
        depth = np.einsum("ij,ij->i", packed.vertices, packed.centre[owner])
        plane = np.stack(
            (
                np.einsum("ij,ij->i", packed.vertices, east[owner]) / depth,
                np.einsum("ij,ij->i", packed.vertices, north[owner]) / depth,
            ),
            axis=-1,
        )
        rings = np.asarray(shapely.polygons(shapely.linearrings(plane, indices=owner)))
        shapely.prepare(rings)
        return rings


def _reach_surface(cell: Ints, side: float) -> npt.NDArray[np.bool_]:
    """Tell which cubes touch the sphere of radius 1, give or take a metre."""
    low = cell * np.float64(side)
    high = low + side
    far = np.maximum(np.abs(low), np.abs(high))
    near = np.where((low <= 0.0) & (high >= 0.0), 0.0, np.minimum(np.abs(low), np.abs(high)))
    return np.asarray(
        (np.einsum("ij,ij->i", far, far) >= (1.0 - _MARGIN) ** 2)
        & (np.einsum("ij,ij->i", near, near) <= (1.0 + _MARGIN) ** 2)
    )


def _numbers(level: int, cell: Ints) -> list[int]:
    """Return the numbers of cubes of one size, shape (k, 3) to k numbers, all over 0."""
    numbers = (((np.int64(level + 1) << _BITS | cell[:, 0]) << _BITS | cell[:, 1]) << _BITS) | cell[:, 2]
    return np.asarray(numbers).tolist()  # type: ignore[no-any-return]


def _level(cell: int) -> int:
    return (cell >> 3 * _BITS) - 1


def _parent(cell: int) -> int:
    """Return the cube of the next size in which one lies."""
    level, mask = _level(cell), (1 << _BITS) - 1
    x, y, z = (((cell >> shift) & mask) >> _STEP for shift in (2 * _BITS, _BITS, 0))
    return (((level << _BITS | x) << _BITS | y) << _BITS) | z


def _larger(cells: tuple[int, ...] | set[int]) -> set[int]:
    """Return all cubes in which cubes lie, without themselves."""
    found: set[int] = set()
    current = set(cells)
    while current:
        current = {_parent(cell) for cell in current if _level(cell) > 0}
        found |= current
    return found


def _fewer(cells: set[int]) -> set[int]:
    """Return cubes without those that lie within others, and larger ones where they are too many."""
    for level in reversed(range(1, len(LEVELS))):
        if len(cells) <= EXTENT_CELLS_MAX:
            break
        cells = {_parent(cell) if _level(cell) == level else cell for cell in cells}
    return {cell for cell in cells if not _lies_within(cell, cells)}


def _lies_within(cell: int, cells: set[int]) -> bool:
    while _level(cell) > 0:
        cell = _parent(cell)
        if cell in cells:
            return True
    return False
