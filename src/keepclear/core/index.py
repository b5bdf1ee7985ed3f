"""The 4D index: which stored volumes a new item meets, and which meet each other.

A packed tree of boxes (earth-centred x, y, z, height and time, in whole numbers) gives candidates,
never too few; the judge decides. No pole and no antimeridian needs a special case. The tree is
built once; both ways to walk it give the same answers: compiled loops, or numpy level by level.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from keepclear.core import free_shifts, judge
from keepclear.core.packed import (
    FAN_OUT,
    NO_MARGINS,
    ROW,
    Ints,
    Margins,
    PackedVolumes,
    Tree,
    boxes,
    ring_vertices,
)

LOOPS_FROM_VOLUMES: Final = 150_000
"""With fewer volumes one check by the plain code ends before numba has started (or compiled anew)."""

_PLAIN_CHUNK: Final = 2_000
_LOOPS_CHUNK: Final = 20_000
_PAIRS_AT_FIRST: Final = 256
_SAMPLE: Final = 256
"""So many boxes of a part, or fewer than twice as many, decide in which dimension it is halved."""
_NOWHERE: Final = 2**31 - 1

Progress = Callable[[int, int], None]
"""Called with how many steps are done and how many there are."""


class Engine(Enum):
    """Which code searches; the answers are the same."""

    AUTO = "auto"
    """Loops where numba is installed and there are enough volumes, else plain."""
    PLAIN = "plain"
    """numpy and shapely."""
    LOOPS = "loops"
    """Loops compiled by numba."""


class ShiftFunctions(NamedTuple):
    """The functions of `free_shifts`, plain or compiled.

    Attributes:
        one: `smallest_shift`.
        two: `smallest_pair_of_shifts`.
    """

    one: Callable[..., tuple[int, int]]
    two: Callable[..., tuple[int, int, int, int]]


def numba_installed() -> bool:
    """Tell whether numba can be imported, without importing it."""
    return importlib.util.find_spec("numba") is not None


def _tree_order(leaf_boxes: npt.NDArray[np.int32]) -> Ints:
    """Order boxes so that neighbours stand together: halve at the median, again and again.

    Each part is halved across the dimension in which its boxes lie farthest apart for their size,
    so that a query meets few of the halves. Halves end where blocks of the tree end.

    Args:
        leaf_boxes: Shape (n, 10).

    Returns:
        Which box stands at each place, shape (n,).
    """
    count = len(leaf_boxes)
    low, high = leaf_boxes[:, :5].astype(np.float32), leaf_boxes[:, 5:].astype(np.float32)
    middle, extent = (low + high) * np.float32(0.5), high - low
    order = np.arange(count)
    half = FAN_OUT
    while 2 * half < count:
        half *= 2
    while half >= FAN_OUT:
        full = count // (2 * half)
        for start, parts, size in ((0, full, 2 * half), (full * 2 * half, 1, count - full * 2 * half)):
            if parts == 0 or size <= half:
                continue
            place = slice(start, start + parts * size)
            middles = middle[place].reshape(parts, size, 5)
            across = _widest_dimension(middles, extent[place].reshape(parts, size, 5))
            keys = np.take_along_axis(middles, across[:, np.newaxis, np.newaxis], axis=2)[:, :, 0]
            taken = np.argpartition(keys, half - 1, axis=1) + np.arange(parts)[:, np.newaxis] * size
            taken = taken.ravel() + start
            order[place], middle[place], extent[place] = order[taken], middle[taken], extent[taken]
        half //= 2
    return order


def _widest_dimension(middles: npt.NDArray[np.float32], extents: npt.NDArray[np.float32]) -> Ints:
    """Return in which dimension the boxes of each part lie farthest apart for their size.

    Args:
        middles: Shape (parts, size, 5).
        extents: Shape (parts, size, 5).

    Returns:
        Shape (parts,).
    """
    step = max(1, middles.shape[1] // _SAMPLE)
    middles, extents = middles[:, ::step], extents[:, ::step]
    apart = np.abs(middles - middles.mean(axis=1, keepdims=True)).mean(axis=1)
    # Of a box that is much larger than the part, as without bounds, it does not matter how much.
    usual = np.minimum(extents, 4.0 * apart[:, np.newaxis]).mean(axis=1)
    return np.asarray(np.argmax(apart / (usual + 1.0), axis=1))


def build_tree(volumes: PackedVolumes) -> tuple[Tree, PackedVolumes]:
    """Build the tree.

    Args:
        volumes: n volumes.

    Returns:
        The tree, and the volumes in its order; all but their rings are views of its rows.
    """
    epoch_ms = int(volumes.start_ms.min()) if volumes.volume_count else 0
    leaf_boxes = boxes(volumes, epoch_ms)
    order = _tree_order(leaf_boxes)
    levels = [_in_blocks(leaf_boxes[order])]
    while len(levels[-1]) > 1:
        low, high = levels[-1][:, :5].min(axis=2), levels[-1][:, 5:].max(axis=2)
        levels.append(_in_blocks(np.concatenate((low, high), axis=1)))
    level_first = np.zeros(len(levels) + 1, dtype=np.int64)
    np.cumsum([len(level) for level in levels], out=level_first[1:])
    vertex, first = ring_vertices(volumes.first, order)
    rows = np.empty(len(order), dtype=ROW)
    rows["first"], rows["vertex_count"] = first[:-1], np.diff(first)
    for name in PackedVolumes._fields[2:]:
        rows[name] = getattr(volumes, name)[order]
    tree = Tree(
        rows=rows,
        vertices=volumes.vertices[vertex],
        order=order,
        blocks=np.concatenate(levels),
        level_first=level_first,
        epoch_ms=epoch_ms,
        ring_max=int(rows["vertex_count"].max(initial=1)),
    )
    return tree, PackedVolumes(tree.vertices, first, *(rows[name] for name in PackedVolumes._fields[2:]))


def _in_blocks(below: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Put boxes side by side, shapes (n, 10) to (k, 10, 16); one block at least."""
    count = max(1, -(-len(below) // FAN_OUT))
    padded = np.empty((count * FAN_OUT, 10), dtype=np.int32)
    padded[: len(below)] = below
    padded[len(below) :, :5], padded[len(below) :, 5:] = _NOWHERE, -_NOWHERE
    return np.ascontiguousarray(padded.reshape(count, FAN_OUT, 10).swapaxes(1, 2))


def _candidates(tree: Tree, query_boxes: npt.NDArray[np.int32], at_least: Ints | None = None) -> Ints:
    """Find the pairs of a query box and a stored volume whose boxes overlap, level by level.

    Args:
        tree: The stored volumes.
        query_boxes: Shape (q, 10).
        at_least: The first place in the tree that each query asks for, shape (q,).
    """
    query = np.arange(len(query_boxes))
    place = np.zeros(len(query), dtype=np.int64)
    for level in range(len(tree.level_first) - 2, -1, -1):
        if at_least is not None:
            wanted = (place + 1) * FAN_OUT ** (level + 1) > at_least[query]
            query, place = query[wanted], place[wanted]
        block = tree.blocks[tree.level_first[level] + place]
        box = query_boxes[query][:, :, np.newaxis]
        hit, lane = np.nonzero(((box[:, :5] <= block[:, 5:]) & (block[:, :5] <= box[:, 5:])).all(axis=1))
        query, place = query[hit], place[hit] * FAN_OUT + lane
    return np.stack((query, place), axis=-1)


class VolumeIndex:
    """Stored volumes, searchable by place, height and time at once.

    Args:
        volumes: The volumes to store; they are not changed.
        engine: Which code searches.

    Attributes:
        uses_loops: Whether the compiled loops search.
    """

    def __init__(self, volumes: PackedVolumes, engine: Engine = Engine.AUTO) -> None:
        self.uses_loops = engine is Engine.LOOPS or (
            engine is Engine.AUTO and volumes.volume_count >= LOOPS_FROM_VOLUMES and numba_installed()
        )
        self._tree, self._ordered = build_tree(volumes)
        if self.uses_loops:  # they are loaded, or compiled, now and not at the first question
            self._loop(volumes.taken(np.arange(0)), -1, NO_MARGINS, False)
        self._place = np.empty_like(self._tree.order)
        self._place[self._tree.order] = np.arange(len(self._place))

    @property
    def memory_bytes(self) -> int:
        """How many bytes the index takes, with the volumes in it."""
        own = self._ordered.first.nbytes + self._place.nbytes
        return own + sum(array.nbytes for array in self._tree if isinstance(array, np.ndarray))

    @property
    def volumes(self) -> PackedVolumes:
        """The stored volumes, in an order of the index's own."""
        return self._ordered

    def taken(self, places: Ints) -> PackedVolumes:
        """Return the stored volumes at these places of those given, shape (k,)."""
        return self._ordered.taken(self._place[places])

    def owners(self, places: Ints) -> npt.NDArray[np.int32]:
        """Return the owners of the stored volumes at these places of those given, any shape."""
        return np.asarray(self._ordered.owner[self._place[places]])

    def shift_functions(self) -> ShiftFunctions:
        """Return the functions of `free_shifts`, compiled where the loops search."""
        if self.uses_loops:
            from keepclear.core import loops

            return ShiftFunctions(loops.smallest_shift, loops.smallest_pair_of_shifts)
        return ShiftFunctions(free_shifts.smallest_shift, free_shifts.smallest_pair_of_shifts)

    def search(
        self,
        query: PackedVolumes,
        margins: Margins = NO_MARGINS,
        *,
        all_pairs: bool = False,
    ) -> Ints:
        """Find the stored volumes that each volume of a new item meets, exactly.

        Args:
            query: The volumes of the new item.
            margins: The gaps that still count as meeting.
            all_pairs: True to judge volumes of the same party too.

        Returns:
            Pairs of places in `query` and in the stored volumes, in no promised order, shape (k, 2).
        """
        if self.uses_loops:
            return self._loop(query, -1, margins, all_pairs)
        candidates = _candidates(self._tree, boxes(query, self._tree.epoch_ms, margins))
        pairs = judge.meeting(query, self._ordered, candidates, margins, all_pairs)
        pairs[:, 1] = self._tree.order[pairs[:, 1]]
        return pairs

    def pairs(
        self, margins: Margins = NO_MARGINS, *, all_pairs: bool = False, progress: Progress | None = None
    ) -> Ints:
        """Find all pairs of stored volumes that meet, exactly.

        Args:
            margins: The gaps that still count as meeting.
            all_pairs: True to judge volumes of the same party too.
            progress: Told how many volumes are done.

        Returns:
            Pairs of places in the stored volumes, the lesser first, sorted, shape (k, 2).
        """
        count = self._ordered.volume_count
        chunk = _LOOPS_CHUNK if self.uses_loops else _PLAIN_CHUNK

        def part(start: int) -> Ints:
            places = np.arange(start, min(count, start + chunk))
            query = self._ordered.taken(places)
            if self.uses_loops:
                return self._loop(query, start, margins, all_pairs)
            candidates = _candidates(self._tree, boxes(query, self._tree.epoch_ms, margins), places + 1)
            candidates = candidates[candidates[:, 1] > candidates[:, 0] + start]
            found = judge.meeting(query, self._ordered, candidates, margins, all_pairs)
            found[:, 0] += start
            return self._tree.order[found]

        starts = range(0, count, chunk)
        parts = []
        workers = (os.cpu_count() or 1) if self.uses_loops else 1
        # The loops run without the interpreter's lock; the plain code gains nothing from threads.
        with ThreadPoolExecutor(max_workers=workers) as threads:
            for done, found in enumerate(threads.map(part, starts), start=1):
                parts.append(found)
                if progress is not None:
                    progress(min(count, done * chunk), count)
        pairs = np.sort(np.concatenate([np.empty((0, 2), dtype=np.int64), *parts]), axis=1)
        return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]

    def _loop(self, query: PackedVolumes, offset: int, margins: Margins, all_pairs: bool) -> Ints:
        from keepclear.core import loops  # numba takes a second to import: only where it pays

        size = max(_PAIRS_AT_FIRST, query.volume_count)
        while True:
            out = np.empty((size, 2), dtype=np.int64)
            found = loops.search(self._tree, query, offset, margins, all_pairs, out)
            if found <= size:
                return out[:found]
            size = found
