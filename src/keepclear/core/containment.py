"""Containment: which points are inside which volumes, each with its errors, and how far outside they are.

A point has a place with an error, bounds of its height, and an instant. It is `INSIDE` a volume if it is
inside wherever within its errors it is, `OUTSIDE` if it is outside wherever it is, and else `POSSIBLE`.
Volumes are closed: what touches is inside. Footprints are judged in the gnomonic plane at their centre,
where edges are straight; what the plane stretches makes a `POSSIBLE` of what is within a hundredth of an
error of a boundary, never the contrary.

Candidates come from cells of earth-centred x, y, z, in sizes that suit the volumes, so that no pole and no
antimeridian needs a special case. What is found means something to `conformance`, not here.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from keepclear.core.cells import Cells
from keepclear.core.geodesy import (
    RADIUS_MAX_M,
    RADIUS_MIN_M,
    Floats,
    unit_vectors,
)
from keepclear.core.packed import (
    ALTITUDE_TOLERANCE_M,
    LATERAL_TOLERANCE_M,
    Ints,
    PackedVolumes,
    joined,
    ring_vertices,
)
from keepclear.core.ring_planes import edge_parts, measured, plane_axes, projected, ring_edges

Codes = npt.NDArray[np.uint8]
"""A `Certainty` for each row, shape (n,)."""
Flags = npt.NDArray[np.bool_]

SMALL_RING_EDGES: Final = 48
"""A ring with more edges is judged by shapely, which has an index of them; the answers are the same."""

_MEAN_RADIUS_M: Final = 6_371_008.8
_DEPTH_MIN: Final = 0.2
_RADIUS_CHANGE: Final = 0.0102
"""By so much of an angle, at most, the radii of curvature of the ellipsoid change over that angle."""


class Certainty(IntEnum):
    """Whether something is inside a volume, its errors considered; the order counts."""

    OUTSIDE = 0
    """Outside wherever within its errors it is."""
    POSSIBLE = 1
    """Its errors decide."""
    INSIDE = 2
    """Inside wherever within its errors it is."""


CERTAINTIES: Final = tuple(Certainty)
"""A certainty for each code."""


class Points(NamedTuple):
    """Where something was; n points.

    Attributes:
        latitude_deg: Degrees, shape (n,).
        longitude_deg: Degrees, shape (n,).
        error_m: How far it may be from there, metres; may be infinite, shape (n,).
        lower_m: Its least height above the ellipsoid, may be minus infinity, shape (n,).
        upper_m: Its greatest height, may be infinity, shape (n,).
        at_ms: When it was there, milliseconds since 1970, shape (n,).
    """

    latitude_deg: Floats
    longitude_deg: Floats
    error_m: Floats
    lower_m: Floats
    upper_m: Floats
    at_ms: Ints

    def taken(self, rows: Ints) -> Points:
        """Return the points of these rows."""
        return Points(*(column[rows] for column in self))  # type: ignore[arg-type]


class Hits(NamedTuple):
    """Which points may be in which volumes, at whatever time; k pairs, sorted by point and volume.

    Attributes:
        points: The point, shape (k,).
        volumes: The volume, shape (k,).
        codes: POSSIBLE or INSIDE, by place and height, shape (k,).
        is_nominal: Whether the place itself is in the footprint, whatever its error, shape (k,).
    """

    points: Ints
    volumes: Ints
    codes: Codes
    is_nominal: Flags

    def taken(self, rows: Ints | Flags) -> Hits:
        """Return some of the pairs."""
        return Hits(*(column[rows] for column in self))  # type: ignore[arg-type]


class Placed(NamedTuple):
    """Volumes, and their rings in the planes at their centres; n volumes with v edges.

    Attributes:
        volumes: The volumes.
        edges_m: Of each edge the start (east, north) and the vector to its end, metres in the plane,
            shape (v, 4).
        inner_rad: So far from the centre, as an angle, all is inside; 0.0 where the centre is not, shape
            (n,).
        areas: The ring as a prepared polygon where it has many edges; else None, shape (n,).
        outlines: The same as a prepared line, shape (n,).
    """

    volumes: PackedVolumes
    edges_m: Floats
    inner_rad: Floats
    areas: npt.NDArray[np.object_]
    outlines: npt.NDArray[np.object_]

    def taken(self, order: Ints) -> Placed:
        """Return the volumes at these places, in this order."""
        edge, _ = ring_vertices(self.volumes.first, order)
        rest = (self.inner_rad[order], self.areas[order], self.outlines[order])
        return Placed(self.volumes.taken(order), self.edges_m[edge], *rest)


def place(volumes: PackedVolumes) -> Placed:
    """Project the rings of volumes, so that points can be looked for in them."""
    n = volumes.volume_count
    counts = np.diff(volumes.first)
    areas, outlines = np.full(n, None, dtype=object), np.full(n, None, dtype=object)
    if n == 0:
        return Placed(volumes, np.empty((0, 4)), np.empty(0), areas, outlines)
    east, north = plane_axes(volumes.centre)
    ring_of = np.repeat(np.arange(n), counts)
    x, y = projected(volumes.vertices, volumes.centre[ring_of], east[ring_of], north[ring_of])
    edges = ring_edges(x, y, volumes.first)
    inside, distance_m = measured(edges, volumes.first[:-1])
    safe_m = np.where(inside, distance_m - volumes.slack_m - LATERAL_TOLERANCE_M, 0.0)
    inner_rad = np.arctan(np.maximum(safe_m, 0.0) / RADIUS_MAX_M)
    for k in np.flatnonzero(counts > SMALL_RING_EDGES).tolist():
        ring = slice(volumes.first[k], volumes.first[k + 1])
        outlines[k] = shapely.linearrings(np.stack((x[ring], y[ring]), axis=-1))
        areas[k] = shapely.polygons(outlines[k])
        shapely.prepare([outlines[k], areas[k]])
    return Placed(volumes, edges, inner_rad, areas, outlines)


def joined_places(parts: list[Placed]) -> Placed:
    """Put placed volumes one after the other; at least one part."""
    if len(parts) == 1:
        return parts[0]
    rest = (np.concatenate(columns) for columns in zip(*(part[1:] for part in parts), strict=True))
    return Placed(joined([part.volumes for part in parts]), *rest)


class Containment:
    """Volumes that points are looked for in.

    Args:
        placed: The volumes; they are not changed.
    """

    def __init__(self, placed: Placed) -> None:
        self._placed = placed
        self._cells = Cells(placed.volumes)
        volumes = placed.volumes
        self._east, self._north = plane_axes(volumes.centre)
        self._edge_count = np.diff(volumes.first)

    @property
    def volumes(self) -> PackedVolumes:
        """The volumes."""
        return self._placed.volumes

    def near(self, vectors: Floats, reach_m: Floats) -> tuple[Ints, Ints]:
        """Find the volumes whose circle comes within reach of points.

        Args:
            vectors: Unit vectors of the points, shape (n, 3).
            reach_m: How far from each, metres, shape (n,).

        Returns:
            Points and volumes of the pairs, sorted; each of shape (k,).
        """
        points, places = self._cells.near(vectors, reach_m)
        order = np.argsort(points * max(1, self.volumes.volume_count) + places)
        return points[order], places[order]

    def find(self, points: Points, early_ms: int = 0, late_ms: int = 0) -> Hits:
        """Find which points may be in which volumes.

        Args:
            points: The points.
            early_ms: A volume that begins so much later counts too.
            late_ms: A volume that ended so much earlier counts too.

        Returns:
            The pairs that are not OUTSIDE, by place and height. Whether a point is there within the
            volume's window, or early or late, its times tell.
        """
        vectors = unit_vectors(points.latitude_deg, points.longitude_deg)
        point, volume = self.near(vectors, points.error_m)
        volumes = self.volumes
        at_ms = points.at_ms[point]
        in_time = (at_ms >= volumes.start_ms[volume] - early_ms) & (at_ms <= volumes.end_ms[volume] + late_ms)
        point, volume = point[in_time], volume[in_time]
        codes = vertical_codes(
            points.lower_m[point], points.upper_m[point], volumes.lower_m[volume], volumes.upper_m[volume]
        )
        kept = codes > Certainty.OUTSIDE
        point, volume, codes = point[kept], volume[kept], codes[kept]
        lateral, is_nominal = self.lateral_codes(vectors[point], points.error_m[point], volume)
        found = Hits(point, volume, np.minimum(codes, lateral), is_nominal)
        return found.taken(lateral > Certainty.OUTSIDE)

    def lateral_codes(self, vectors: Floats, error_m: Floats, volume: Ints) -> tuple[Codes, Flags]:
        """Judge pairs of a point and a footprint.

        Args:
            vectors: Unit vectors of the points less than 80 degrees from the footprints, shape (k, 3).
            error_m: The errors of the points, shape (k,).
            volume: The volumes, shape (k,).

        Returns:
            A `Certainty` of each, and whether the place itself is inside, shapes (k,).
        """
        volumes = self.volumes
        difference = vectors - volumes.centre[volume]
        chord = np.sqrt(np.einsum("ij,ij->i", difference, difference))
        angle = 2.0 * np.arcsin(np.minimum(1.0, chord / 2.0))
        inner = self._placed.inner_rad[volume]
        codes = np.full(len(volume), Certainty.POSSIBLE, dtype=np.uint8)
        codes[angle + error_m / RADIUS_MIN_M <= inner] = Certainty.INSIDE
        is_nominal = angle <= inner
        reach = volumes.radius_rad[volume] + (volumes.slack_m[volume] + LATERAL_TOLERANCE_M) / RADIUS_MIN_M
        codes[angle - error_m / RADIUS_MIN_M > reach] = Certainty.OUTSIDE
        # What is near neither: the outline decides. An error that reaches everywhere leaves it open.
        open_rows = np.flatnonzero((codes == Certainty.POSSIBLE) & (angle <= 1.3))
        if open_rows.size:
            self._judge_by_outline(vectors, error_m, volume, angle, open_rows, codes, is_nominal)
        return codes, is_nominal

    def _judge_by_outline(
        self,
        vectors: Floats,
        error_m: Floats,
        volume: Ints,
        angle: Floats,
        rows: Ints,
        codes: Codes,
        is_nominal: Flags,
    ) -> None:
        """Fill in codes and nominal containment of rows, by how far each is from its outline."""
        volumes = self.volumes
        v = volume[rows]
        x, y = projected(vectors[rows], volumes.centre[v], self._east[v], self._north[v])
        # A metre of the plane is at least so many metres of the ellipsoid, from the point to the outline.
        within = np.maximum(angle[rows], volumes.radius_rad[v]) + 1e-9
        shrink = np.cos(within) ** 2 * (1.0 - _RADIUS_CHANGE * within)
        error = error_m[rows] + volumes.slack_m[v]
        inside = np.zeros(len(rows), dtype=np.bool_)
        is_far = np.zeros(len(rows), dtype=np.bool_)
        large = self._edge_count[v] > SMALL_RING_EDGES
        k = np.flatnonzero(large)
        if k.size:
            spots = shapely.points(x[k], y[k])
            inside[k] = shapely.intersects(self._placed.areas[v[k]], spots)
            reach_m = error[k] + np.where(inside[k], -LATERAL_TOLERANCE_M, LATERAL_TOLERANCE_M)
            near = shapely.dwithin(self._placed.outlines[v[k]], spots, np.maximum(reach_m, 0.0) / shrink[k])
            is_far[k] = ~near | (reach_m <= 0.0)
        k = np.flatnonzero(~large)
        if k.size:
            inside[k], distance_m = self._from_outline(x[k], y[k], v[k])
            reach_m = error[k] + np.where(inside[k], -LATERAL_TOLERANCE_M, LATERAL_TOLERANCE_M)
            is_far[k] = (distance_m * shrink[k] > reach_m) | (reach_m <= 0.0)
        touching = ~inside & ~is_far & (error <= 0.0)
        codes[rows] = np.where(
            is_far | touching,
            np.where(inside | touching, Certainty.INSIDE, Certainty.OUTSIDE),
            Certainty.POSSIBLE,
        )
        is_nominal[rows] = inside | touching

    def _from_outline(self, x: Floats, y: Floats, volume: Ints) -> tuple[Flags, Floats]:
        """Measure points of the planes of volumes against their rings, some at a time."""
        inside, distance_m = np.empty(len(x), dtype=np.bool_), np.empty(len(x))
        for part in edge_parts(self._edge_count[volume]):
            edge, starts = ring_vertices(self.volumes.first, volume[part])
            counts = np.diff(starts)
            edges = self._placed.edges_m[edge]
            edges[:, 0] -= np.repeat(x[part], counts)
            edges[:, 1] -= np.repeat(y[part], counts)
            inside[part], distance_m[part] = measured(edges, starts[:-1])
        return inside, distance_m


def vertical_codes(lower_m: Floats, upper_m: Floats, band_lower_m: Floats, band_upper_m: Floats) -> Codes:
    """Judge bounds of a height against closed bands.

    Args:
        lower_m: The least height, shape (k,).
        upper_m: The greatest height, shape (k,).
        band_lower_m: Shape (k,).
        band_upper_m: Shape (k,).

    Returns:
        A `Certainty` of each, shape (k,).
    """
    low_m, high_m = band_lower_m - ALTITUDE_TOLERANCE_M, band_upper_m + ALTITUDE_TOLERANCE_M
    codes = np.full(len(lower_m), Certainty.POSSIBLE, dtype=np.uint8)
    codes[(lower_m >= low_m) & (upper_m <= high_m)] = Certainty.INSIDE
    codes[(upper_m < low_m) | (lower_m > high_m)] = Certainty.OUTSIDE
    return codes


class Apart(NamedTuple):
    """How far points are outside volumes; k pairs.

    Attributes:
        lateral_m: Metres of the ellipsoid from the footprint, within 1 %; negative for how deep inside,
            shape (k,).
        vertical_m: Metres from the band at least, 0.0 where its bounds touch it, shape (k,).
    """

    lateral_m: Floats
    vertical_m: Floats


def apart(points: Points, volumes: PackedVolumes, rows: Ints, volume: Ints) -> Apart:
    """Measure how far points are outside volumes, whatever the time and their lateral error.

    Args:
        points: The points.
        volumes: The volumes.
        rows: The point of each pair, shape (k,).
        volume: The volume of each pair, shape (k,).
    """
    vectors = unit_vectors(points.latitude_deg[rows], points.longitude_deg[rows])
    lateral_m = np.empty(len(rows))
    for part in edge_parts(volumes.first[volume + 1] - volumes.first[volume]):
        lateral_m[part] = _lateral_m(vectors[part], volumes, volume[part])
    below_m = volumes.lower_m[volume] - points.upper_m[rows]
    above_m = points.lower_m[rows] - volumes.upper_m[volume]
    return Apart(lateral_m, np.maximum(0.0, np.fmax(below_m, above_m)))


def _lateral_m(vectors: Floats, volumes: PackedVolumes, volume: Ints) -> Floats:
    """Measure points against rings in the planes at the points: there every direction is true."""
    vertex, starts = ring_vertices(volumes.first, volume)
    pair = np.repeat(np.arange(len(volume)), np.diff(starts))
    ring = volumes.vertices[vertex]
    depth = np.einsum("ij,ij->i", ring, vectors[pair])
    least = np.minimum.reduceat(depth, starts[:-1])
    east, north = plane_axes(vectors)
    # Farther away than most of a quarter of the earth no plane shows the ring: its vertices stand for it.
    hidden = least < _DEPTH_MIN
    safe = np.where(hidden[pair], 1.0, depth)
    x = np.einsum("ij,ij->i", ring, east[pair]) / safe
    y = np.einsum("ij,ij->i", ring, north[pair]) / safe
    inside, distance = measured(ring_edges(x, y, starts), starts[:-1])
    distance_m = _MEAN_RADIUS_M * np.arctan(distance / _MEAN_RADIUS_M)
    signed_m = np.where(inside, -distance_m, distance_m)
    greatest = np.maximum.reduceat(depth, starts[:-1])
    return np.where(hidden, _MEAN_RADIUS_M * np.arccos(np.clip(greatest, -1.0, 1.0)), signed_m)
