"""The exact judge in plain numpy and shapely, and the measure of gaps.

The definition, which `loops` repeats for speed: two volumes meet when their windows of time, their
bands of height and their footprints come within the margins, ends included. Footprints are judged
in the gnomonic plane of the first one, where their edges are straight. With a lateral margin, what
the plane cannot decide (it stretches a little) is measured in metres of the ellipsoid.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import shapely

from keepclear.core.gaps import closest_on_segments, edge_gap_m
from keepclear.core.geodesy import RADIUS_MAX_M, RADIUS_MIN_M, Floats, tangent_frames
from keepclear.core.packed import (
    ALTITUDE_TOLERANCE_M,
    BUFFER_SLACK_RATIO,
    LATERAL_TOLERANCE_M,
    Ints,
    Margins,
    PackedVolumes,
    ring_vertices,
)

PAIRS_AT_ONCE: Final = 50_000
"""So many candidates are judged together, so that no query takes all memory."""

Bools = npt.NDArray[np.bool_]


def times_and_heights_meet(a: PackedVolumes, b: PackedVolumes, pairs: Ints, margins: Margins) -> Bools:
    """Tell which pairs come within the margins in time and in height, ends included.

    Args:
        a: Volumes.
        b: Volumes.
        pairs: Indices into `a` and into `b`, shape (k, 2).
        margins: The gaps that still count.

    Returns:
        Shape (k,).
    """
    i, j = pairs[:, 0], pairs[:, 1]
    vertical_m = margins.vertical_m + ALTITUDE_TOLERANCE_M
    return np.asarray(
        (b.start_ms[j] - a.end_ms[i] <= margins.time_ms)
        & (a.start_ms[i] - b.end_ms[j] <= margins.time_ms)
        & (b.lower_m[j] - a.upper_m[i] <= vertical_m)
        & (a.lower_m[i] - b.upper_m[j] <= vertical_m)
    )


def judged_pairs(a: PackedVolumes, b: PackedVolumes, pairs: Ints, all_pairs: bool) -> Bools:
    """Tell which pairs are judged at all: not of one item, not two zones, not of one party.

    Args:
        a: Volumes.
        b: Volumes.
        pairs: Indices into `a` and into `b`, shape (k, 2).
        all_pairs: True to judge volumes of the same party too.

    Returns:
        Shape (k,).
    """
    i, j = pairs[:, 0], pairs[:, 1]
    judged = (a.owner[i] != b.owner[j]) & ~(a.zone[i] & b.zone[j])
    if not all_pairs:
        judged &= a.party[i] != b.party[j]
    return np.asarray(judged)


def _polygons(vertices: Floats, ring_of: Ints, centre: Floats) -> npt.NDArray[np.object_]:
    """Project rings, each into the gnomonic plane at its own centre.

    Args:
        vertices: Unit vectors, shape (v, 3).
        ring_of: To which ring each belongs, shape (v,).
        centre: The centres of the planes, a ring each, shape (r, 3).
    """
    east, north = tangent_frames(centre)
    depth = np.einsum("ij,ij->i", vertices, centre[ring_of])
    flat = np.stack(
        (
            np.einsum("ij,ij->i", vertices, east[ring_of]) / depth,
            np.einsum("ij,ij->i", vertices, north[ring_of]) / depth,
        ),
        axis=-1,
    )
    return np.asarray(shapely.polygons(shapely.linearrings(flat, indices=ring_of)))


def footprints_meet(a: PackedVolumes, b: PackedVolumes, pairs: Ints, lateral_margin_m: float) -> Bools:
    """Tell which pairs of footprints overlap or come within the lateral margin, ends included.

    Args:
        a: Volumes.
        b: Volumes.
        pairs: Indices into `a` and into `b`, shape (k, 2).
        lateral_margin_m: The gap that still counts, metres.

    Returns:
        Shape (k,).
    """
    result = np.zeros(len(pairs), dtype=np.bool_)
    i, j = pairs[:, 0], pairs[:, 1]
    lateral_m = LATERAL_TOLERANCE_M + lateral_margin_m * (1.0 + BUFFER_SLACK_RATIO)
    within_m = lateral_m + a.slack_m[i] + b.slack_m[j]
    reach = a.radius_rad[i] + b.radius_rad[j] + within_m / RADIUS_MIN_M
    cos_between = np.einsum("ij,ij->i", a.centre[i], b.centre[j])
    close = np.flatnonzero(cos_between >= np.cos(reach) - 1e-15)
    if close.size == 0:
        return result
    i, j, reach, within_m = i[close], j[close], reach[close], within_m[close]
    chosen, place = np.unique(i, return_inverse=True)
    vertex, starts = ring_vertices(a.first, chosen)
    ring_of = np.repeat(np.arange(len(chosen)), np.diff(starts))
    a_polygons = _polygons(a.vertices[vertex], ring_of, a.centre[chosen])[place]
    vertex, starts = ring_vertices(b.first, j)
    ring_of = np.repeat(np.arange(len(j)), np.diff(starts))
    b_polygons = _polygons(b.vertices[vertex], ring_of, a.centre[i])
    meets = shapely.dwithin(a_polygons, b_polygons, within_m / RADIUS_MAX_M)
    # Where the shapes come close, the plane stretches by no more than at the first one's rim.
    rest = np.flatnonzero(~meets)
    stretch = np.cos(np.minimum(1.5, a.radius_rad[i[rest]] + within_m[rest] / RADIUS_MIN_M)) ** 2
    near = shapely.dwithin(a_polygons[rest], b_polygons[rest], within_m[rest] / (RADIUS_MIN_M * stretch))
    for k in rest[near]:
        meets[k] = lateral_gap(a.ring(i[k]), b.ring(j[k]))[0] <= within_m[k]
    result[close] = meets
    return result


def meeting(a: PackedVolumes, b: PackedVolumes, candidates: Ints, margins: Margins, all_pairs: bool) -> Ints:
    """Return which candidates are judged and meet, exactly.

    Args:
        a: Volumes.
        b: Volumes.
        candidates: Indices into `a` and into `b`, shape (k, 2).
        margins: The gaps that still count.
        all_pairs: True to judge volumes of the same party too.

    Returns:
        Some of the candidates, in their order, shape (m, 2).
    """
    if len(candidates) > PAIRS_AT_ONCE:
        parts = [
            meeting(a, b, candidates[start : start + PAIRS_AT_ONCE], margins, all_pairs)
            for start in range(0, len(candidates), PAIRS_AT_ONCE)
        ]
        return np.concatenate(parts)
    wanted = judged_pairs(a, b, candidates, all_pairs)
    wanted &= times_and_heights_meet(a, b, candidates, margins)
    candidates = candidates[wanted]
    return candidates[footprints_meet(a, b, candidates, margins.lateral_m)]


def lateral_gap(a_ring: Floats, b_ring: Floats) -> tuple[float, Floats]:
    """Measure how far apart two footprints are.

    Args:
        a_ring: Unit vectors of a ring, shape (n, 3).
        b_ring: Unit vectors of a ring less than about 80 degrees away, shape (m, 3).

    Returns:
        The gap in metres of the ellipsoid, 0.0 where they share a point, and the unit vector of
        the middle of the gap (or of a shared point), shape (3,).
    """
    centre = a_ring.sum(axis=0)
    centre /= np.linalg.norm(centre)
    east, north = (axis[0] for axis in tangent_frames(centre[np.newaxis, :]))
    axes = np.stack((east, north, centre), axis=-1)
    in_frame = [ring @ axes for ring in (a_ring, b_ring)]
    flat = [ring[:, :2] / ring[:, 2:] for ring in in_frame]
    a_polygon, b_polygon = (shapely.polygons(points) for points in flat)

    def raised(x: float, y: float) -> Floats:
        vector = centre + x * east + y * north
        return np.asarray(vector / np.linalg.norm(vector))

    if shapely.intersects(a_polygon, b_polygon):
        point = shapely.intersection(a_polygon, b_polygon).representative_point()
        return 0.0, raised(point.x, point.y)
    # Only edges that the plane's stretching leaves in question need measuring; of each, the farther end.
    depths = [np.minimum(ring[:, 2], np.roll(ring[:, 2], -1)) for ring in in_frame]
    surely = float(shapely.distance(a_polygon, b_polygon)) * RADIUS_MAX_M / RADIUS_MIN_M + 1e-12
    least_depth = min(float(depths[0].min()), float(depths[1].min())) - surely
    a_edges, b_edges = (
        shapely.linestrings(np.stack((points, np.roll(points, -1, axis=0)), axis=1)) for points in flat
    )
    best_m, best = np.inf, centre
    reach = surely / max(0.01, least_depth) ** 2
    found = shapely.STRtree(b_edges).query(a_edges, predicate="dwithin", distance=reach)
    depth = np.maximum(0.0, np.minimum(depths[0][found[0]], depths[1][found[1]]) - surely)
    in_question = shapely.distance(a_edges[found[0]], b_edges[found[1]]) * depth**2 <= surely
    for i, j in found.T[in_question].tolist():
        i_next, j_next = (i + 1) % len(a_ring), (j + 1) % len(b_ring)
        ends = (*flat[0][i], *flat[0][i_next], *flat[1][j], *flat[1][j_next])
        _, px, py, qx, qy = closest_on_segments(*ends)
        guess = raised((px + qx) / 2.0, (py + qy) / 2.0)
        gap_m, *middle = edge_gap_m(a_ring, i, i_next, b_ring, j, j_next, *guess)
        if gap_m < best_m:
            best_m, best = gap_m, np.array(middle)
    return float(best_m), best
