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
from keepclear.core.packed import FAN_OUT, NO_MARGINS, Ints, Margins, PackedVolumes, Tree, boxes

LOOPS_FROM_VOLUMES: Final = 150_000
"""With fewer volumes one check by the plain code ends before numba has started (or compiled anew)."""

_HEIGHTS_M: Final = (-1_000.0, 20_000.0)
_PLAIN_CHUNK: Final = 2_000
_LOOPS_CHUNK: Final = 20_000
_PAIRS_AT_FIRST: Final = 256

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


def _spread_bits(values: Ints) -> npt.NDArray[np.uint64]:
    """Move the 16 low bits of each number four apart."""
    x = values.astype(np.uint64)
    for shift, mask in (
        (24, 0x000000FF000000FF),
        (12, 0x000F000F000F000F),
        (6, 0x0303030303030303),
        (3, 0x1111111111111111),
    ):
        x = (x | (x << np.uint64(shift))) & np.uint64(mask)
    return x


def _curve_order(volumes: PackedVolumes, epoch_ms: int) -> Ints:
    """Order volumes so that neighbours in space and time stand together (a Morton curve)."""
    span_ms = max(1, int(volumes.end_ms.max()) - epoch_ms)
    middle_ms = (volumes.start_ms + volumes.end_ms) // 2 - epoch_ms
    code = _spread_bits((middle_ms * (65_535 / span_ms)).astype(np.int64))
    for axis in range(3):
        code |= _spread_bits(((volumes.centre[:, axis] + 1.0) * 32_767.0).astype(np.int64)) << np.uint64(
            axis + 1
        )
    return np.argsort(code, kind="stable")


def _halving_order(volumes: PackedVolumes, epoch_ms: int) -> Ints:
    """Order volumes so that the boxes of nodes overlap least; needs the loops."""
    from keepclear.core import loops

    # Without a bound the height says nothing of where a volume is: the band of what flies stands in.
    lower_m, upper_m = np.clip(volumes.lower_m, *_HEIGHTS_M), np.clip(volumes.upper_m, *_HEIGHTS_M)
    middle = np.empty((5, volumes.volume_count))
    size = np.empty_like(middle)
    middle[:3], size[:3] = volumes.centre.T, 2.0 * volumes.radius_rad
    middle[3], size[3] = (lower_m + upper_m) / 2.0, upper_m - lower_m
    middle[4] = (volumes.start_ms + volumes.end_ms) / 2.0 - epoch_ms
    size[4] = volumes.end_ms - volumes.start_ms
    return loops.tree_order(middle, size)


def build_tree(volumes: PackedVolumes, *, with_loops: bool = False) -> tuple[Tree, Ints]:
    """Build the tree.

    Args:
        volumes: n volumes.
        with_loops: True to order the tree by compiled loops, which makes it better.

    Returns:
        The tree, and which of the given volumes stands at each of its places, shape (n,).
    """
    count = volumes.volume_count
    epoch_ms = int(volumes.start_ms.min()) if count else 0
    ordered_by = _halving_order if with_loops else _curve_order
    order = ordered_by(volumes, epoch_ms) if count else np.empty(0, dtype=np.int64)
    ordered = volumes.taken(order)
    leaf_boxes = boxes(ordered, epoch_ms)
    levels: list[npt.NDArray[np.int32]] = []
    below = leaf_boxes
    while count and (not levels or len(below) > FAN_OUT):
        starts = np.arange(0, len(below), FAN_OUT)
        low = np.minimum.reduceat(below[:, :5], starts, axis=0)
        high = np.maximum.reduceat(below[:, 5:], starts, axis=0)
        below = np.concatenate((low, high), axis=1)
        levels.append(below)
    level_first = np.zeros(len(levels) + 1, dtype=np.int64)
    np.cumsum([len(level) for level in levels], out=level_first[1:])
    tree = Tree(
        volumes=ordered,
        boxes=leaf_boxes,
        nodes=np.concatenate(levels) if levels else np.empty((0, 10), dtype=np.int32),
        level_first=level_first,
        epoch_ms=epoch_ms,
        ring_max=ring_max(ordered),
    )
    return tree, order


def ring_max(volumes: PackedVolumes) -> int:
    """Return the most vertices of a ring, at least 1."""
    return max(1, int(np.diff(volumes.first).max())) if volumes.volume_count else 1


def boxes_overlap(query: npt.NDArray[np.int32], stored: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Tell which boxes overlap, row by row, shapes (n, 10) and (n, 10) or (1, 10) to (n,)."""
    return np.asarray(((query[:, :5] <= stored[:, 5:]) & (stored[:, :5] <= query[:, 5:])).all(axis=1))


def _candidates(tree: Tree, query_boxes: npt.NDArray[np.int32], at_least: Ints | None = None) -> Ints:
    """Find the pairs of a query box and a stored volume whose boxes overlap, level by level.

    Args:
        tree: The stored volumes.
        query_boxes: Shape (q, 10).
        at_least: The first place in the tree that each query asks for, shape (q,).
    """
    levels = len(tree.level_first) - 1
    query = np.arange(len(query_boxes))
    top = int(tree.level_first[-1] - tree.level_first[-2]) if levels else 0
    node = np.tile(np.arange(top), len(query))
    query = np.repeat(query, top)
    for level in range(levels - 1, -2, -1):
        below = (
            tree.nodes[tree.level_first[level] : tree.level_first[level + 1]] if level >= 0 else tree.boxes
        )
        if at_least is not None:
            wanted = (node + 1) * FAN_OUT ** (level + 1) > at_least[query]
            query, node = query[wanted], node[wanted]
        hit = boxes_overlap(query_boxes[query], below[node])
        query, node = query[hit], node[hit]
        if level >= 0:
            size = (
                len(tree.boxes) if level == 0 else int(tree.level_first[level] - tree.level_first[level - 1])
            )
            node = (node[:, np.newaxis] * FAN_OUT + np.arange(FAN_OUT)).ravel()
            query = np.repeat(query, FAN_OUT)[node < size]
            node = node[node < size]
    return np.stack((query, node), axis=-1)


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
        self._tree, self._order = build_tree(volumes, with_loops=self.uses_loops)
        self._place = np.empty_like(self._order)
        self._place[self._order] = np.arange(len(self._order))

    @property
    def memory_bytes(self) -> int:
        """How many bytes the index takes, with the volumes in it."""
        tree = self._tree
        own = tree.boxes.nbytes + tree.nodes.nbytes + tree.level_first.nbytes + 2 * self._order.nbytes
        return own + tree.volumes.memory_bytes

    @property
    def volumes(self) -> PackedVolumes:
        """The stored volumes, in an order of the index's own."""
        return self._tree.volumes

    def taken(self, places: Ints) -> PackedVolumes:
        """Return the stored volumes at these places of those given, shape (k,)."""
        return self._tree.volumes.taken(self._place[places])

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
            pairs = self._loop(query, 0, query.volume_count, margins, all_pairs, False)
        else:
            query_boxes = boxes(query, self._tree.epoch_ms, margins)
            candidates = _candidates(self._tree, query_boxes)
            pairs = judge.meeting(query, self._tree.volumes, candidates, margins, all_pairs)
        pairs[:, 1] = self._order[pairs[:, 1]]
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
        count = len(self._tree.boxes)
        chunk = _LOOPS_CHUNK if self.uses_loops else _PLAIN_CHUNK

        def part(start: int) -> Ints:
            stop = min(count, start + chunk)
            if self.uses_loops:
                return self._loop(self._tree.volumes, start, stop, margins, all_pairs, True)
            widened = boxes(self._tree.volumes.taken(np.arange(start, stop)), self._tree.epoch_ms, margins)
            candidates = _candidates(self._tree, widened, np.arange(start, stop) + 1)
            candidates[:, 0] += start
            candidates = candidates[candidates[:, 1] > candidates[:, 0]]
            return judge.meeting(self._tree.volumes, self._tree.volumes, candidates, margins, all_pairs)

        starts = range(0, count, chunk)
        parts = []
        workers = (os.cpu_count() or 1) if self.uses_loops else 1
        # The loops run without the interpreter's lock; the plain code gains nothing from threads.
        with ThreadPoolExecutor(max_workers=workers) as threads:
            for done, found in enumerate(threads.map(part, starts), start=1):
                parts.append(found)
                if progress is not None:
                    progress(min(count, done * chunk), count)
        places = np.concatenate(parts) if parts else np.empty((0, 2), dtype=np.int64)
        pairs = np.sort(self._order[places], axis=1)
        return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]

    def _loop(
        self,
        query: PackedVolumes,
        start: int,
        stop: int,
        margins: Margins,
        all_pairs: bool,
        among_themselves: bool,
    ) -> Ints:
        from keepclear.core import loops  # numba takes a second to import: only where it pays

        size = max(_PAIRS_AT_FIRST, stop - start)
        while True:
            out = np.empty((size, 2), dtype=np.int64)
            found = loops.search(
                self._tree,
                query,
                start,
                stop,
                margins,
                all_pairs,
                among_themselves,
                out,
            )
            if found <= size:
                return out[:found]
            size = found
