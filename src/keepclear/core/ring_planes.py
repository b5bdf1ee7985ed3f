"""Rings in planes: edges in metres round a point, whether the point is inside, and how far from the outline.

The plane at a point is gnomonic: great circles are straight in it. Its axes are east and north, each as
long as the radius of the ellipsoid in that direction, so that near the point its metres are those of the
ellipsoid.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from keepclear.core.geodesy import ECCENTRICITY_SQ, SEMI_MAJOR_M, Floats, tangent_frames
from keepclear.core.packed import Ints, following_vertices

Flags = npt.NDArray[np.bool_]

EDGES_AT_ONCE: Final = 1_000_000
"""So many edges of rings are measured together, so that no picture takes all memory."""


def plane_axes(centre: Floats) -> tuple[Floats, Floats]:
    """Return the axes of the planes at centres in metres: what a direction's parts are multiplied with.

    Args:
        centre: Unit vectors, shape (n, 3).

    Returns:
        East and north vectors, each as long as the ellipsoid's radius in that direction, shape (n, 3).
    """
    east, north = tangent_frames(centre)
    w = 1.0 - ECCENTRICITY_SQ * centre[:, 2] ** 2
    across_m = SEMI_MAJOR_M / np.sqrt(w)
    return east * across_m[:, np.newaxis], north * (across_m * (1.0 - ECCENTRICITY_SQ) / w)[:, np.newaxis]


def projected(vectors: Floats, centre: Floats, east: Floats, north: Floats) -> tuple[Floats, Floats]:
    """Project each vector into the plane in the same row, metres."""
    depth = np.einsum("ij,ij->i", vectors, centre)
    return np.einsum("ij,ij->i", vectors, east) / depth, np.einsum("ij,ij->i", vectors, north) / depth


def ring_edges(x: Floats, y: Floats, first: Ints) -> Floats:
    """Return the edges of plane rings: start and vector to the end, shape (v, 4).

    Args:
        x: Of the vertices, shape (v,).
        y: Of the vertices, shape (v,).
        first: Where each ring starts, and at last v.
    """
    following = following_vertices(first)
    return np.stack((x, y, x[following] - x, y[following] - y), axis=-1)


def measured(edges: Floats, starts: Ints) -> tuple[Flags, Floats]:
    """Tell of the origin whether it is in each ring, and how far from its outline.

    Args:
        edges: As of `ring_edges`, shape (m, 4).
        starts: Where the edges of each ring start; none is without edges, shape (k,).

    Returns:
        Whether it is inside, and the distance, shapes (k,).
    """
    x, y, dx, dy = edges[:, 0], edges[:, 1], edges[:, 2], edges[:, 3]
    squared = dx * dx + dy * dy
    along = -(x * dx + y * dy) / np.where(squared > 0.0, squared, 1.0)
    np.clip(along, 0.0, 1.0, out=along)
    distance_sq = (x + along * dx) ** 2 + (y + along * dy) ** 2
    crosses = (y > 0.0) != (y + dy > 0.0)
    # Where an edge crosses the axis, the sign of its cross product tells on which side of the origin.
    crosses &= ((x * dy - y * dx) > 0.0) == (dy > 0.0)
    odd = np.add.reduceat(crosses, starts, dtype=np.int64) & 1
    return odd.astype(np.bool_), np.sqrt(np.minimum.reduceat(distance_sq, starts))


def edge_parts(edge_count: Ints) -> list[slice]:
    """Cut rows into slices of about `EDGES_AT_ONCE` edges, a row at least."""
    total = np.cumsum(edge_count)
    parts, start = [], 0
    while start < len(edge_count):
        before = int(total[start - 1]) if start else 0
        end = max(start + 1, int(np.searchsorted(total, before + EDGES_AT_ONCE, side="right")))
        parts.append(slice(start, end))
        start = end
    return parts
