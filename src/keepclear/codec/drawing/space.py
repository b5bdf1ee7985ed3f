"""Where there is room in a picture, so that no two marks or labels lie on each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from keepclear.codec.drawing.elements import Box


class Space:
    """Which part of a picture is taken, so that no two marks or labels lie on each other."""

    def __init__(self, within: Box) -> None:
        self._within = within
        self._taken = np.empty((0, 4))

    def take(self, box: Box) -> None:
        """Take a box, free or not."""
        self._taken = np.vstack((self._taken, np.array(box.edges)))

    def free(self, boxes: Sequence[Box]) -> list[int]:
        """Return which boxes lie within and on nothing."""
        if not boxes:
            return []
        edges = np.array([box.edges for box in boxes])
        within = self._within
        free = (edges[:, 0] >= within.x) & (edges[:, 1] >= within.y)
        free &= (edges[:, 2] <= within.right) & (edges[:, 3] <= within.bottom)
        taken = self._taken[:, np.newaxis, :]
        hits = (taken[..., 0] < edges[:, 2]) & (taken[..., 2] > edges[:, 0])
        hits &= (taken[..., 1] < edges[:, 3]) & (taken[..., 3] > edges[:, 1])
        return np.flatnonzero(free & ~hits.any(axis=0)).tolist()

    def take_first(self, boxes: Sequence[Box]) -> int | None:
        """Take the first box that is free, and return which; None if none is."""
        choice = next(iter(self.free(boxes)), None)
        if choice is not None:
            self.take(boxes[choice])
        return choice


def box_around(place: tuple[float, float], half: float) -> Box:
    """Return the square box around a place."""
    return Box(place[0] - half, place[1] - half, 2.0 * half, 2.0 * half)


def spiral(at: tuple[float, float], step: float, rings: int = 6) -> Iterator[tuple[float, float]]:
    """Yield places round a point, near ones first."""
    for ring in range(1, rings + 1):
        for k in range(8 * ring):
            turn = 2.0 * math.pi * (k / (8.0 * ring) - 0.125)
            yield at[0] + ring * step * 0.75 * math.cos(turn), at[1] + ring * step * 0.75 * math.sin(turn)
