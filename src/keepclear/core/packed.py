"""Many volumes as arrays: what the index and the judge compute on.

Rings of all volumes lie one after the other; `first[i]:first[i + 1]` are the vertices of volume i.
Instants are whole milliseconds since 1970, heights metres above the WGS84 ellipsoid, horizontal
positions unit vectors (geodetic latitude and longitude).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from keepclear.core.geodesy import (
    SUB_EDGE_ERROR_MAX_M,
    SUB_EDGE_MAX_M,
    Floats,
    unit_vectors,
    with_geodesic_points,
)
from keepclear.core.shapes import rings_deg
from keepclear.core.volumes import Volume4D

Ints = npt.NDArray[np.int64]

BOX_PER_UNIT: Final = float(2**30)
"""Boxes hold the parts of a unit vector in steps of 2^-30, which is 5.9 mm."""
ALTITUDE_TOLERANCE_M: Final = 1e-6
"""Heights closer than this touch: a foot is not a whole number of metres in binary."""
LATERAL_TOLERANCE_M: Final = 0.0005
"""Footprints closer than this touch: half of the millimetre that the one-sided promise allows."""
BUFFER_SLACK_RATIO: Final = 1e-6
"""By how much a lateral buffer is judged wider, so that measuring it never misses."""
BOX_MARGIN_M: Final = 0.1
"""By how much boxes are wider than the shapes: more than every tolerance."""

_SLACK_FREE_EDGE_M: Final = 1_500.0

BOX_LIMIT: Final = 2**31 - 4
"""Boxes end here: what is beyond counts as here."""
_BOX_STEPS: Final = np.array([BOX_PER_UNIT] * 3 + [100.0, 1e-3] + [BOX_PER_UNIT] * 3 + [100.0, 1e-3])
_BOX_ENDS: Final = np.array(([BOX_PER_UNIT] * 3 + [float(BOX_LIMIT)] * 2) * 2)
FAN_OUT: Final = 16
"""How many boxes a block of the tree holds."""


class PackedVolumes(NamedTuple):
    """Volumes as arrays; n volumes with v ring vertices in all.

    Attributes:
        vertices: Unit vectors of the ring vertices, shape (v, 3).
        first: Where each ring starts, and at last v, shape (n + 1,).
        centre: A unit vector in the middle of each ring, shape (n, 3).
        radius_rad: How far the ring reaches from `centre`, radians, shape (n,).
        slack_m: How far the great circles between vertices may be from the geodesics that are meant,
            where that matters: 0.0 for rings with short edges, shape (n,).
        start_ms: First instant, shape (n,).
        end_ms: Last instant, shape (n,).
        lower_m: Lowest height, may be minus infinity, shape (n,).
        upper_m: Highest height, may be infinity, shape (n,).
        owner: To which item each volume belongs; volumes of one item are never judged against each
            other, shape (n,).
        number: Which volume of its item each is, from 0, shape (n,).
        party: Whose item it is; equal numbers are not judged against each other by default, shape (n,).
        zone: True for a volume of a zone; zones are never judged against zones, shape (n,).
    """

    vertices: Floats
    first: Ints
    centre: Floats
    radius_rad: Floats
    slack_m: Floats
    start_ms: Ints
    end_ms: Ints
    lower_m: Floats
    upper_m: Floats
    owner: npt.NDArray[np.int32]
    number: npt.NDArray[np.int32]
    party: npt.NDArray[np.int32]
    zone: npt.NDArray[np.bool_]

    @property
    def volume_count(self) -> int:
        """How many volumes there are."""
        return len(self.owner)

    @property
    def memory_bytes(self) -> int:
        """How many bytes the arrays take."""
        return sum(array.nbytes for array in self)

    def taken(self, order: Ints) -> PackedVolumes:
        """Return the volumes at these places, in this order."""
        vertex, first = ring_vertices(self.first, order)
        rest = (array[order] for array in self[2:])
        return PackedVolumes(self.vertices[vertex], first, *rest)  # type: ignore[arg-type]

    def ring(self, index: int) -> Floats:
        """Return the unit vectors of one ring, shape (k, 3)."""
        return self.vertices[self.first[index] : self.first[index + 1]]


ROW: Final = np.dtype(
    [
        ("centre", np.float64, (3,)),
        ("radius_rad", np.float64),
        ("slack_m", np.float64),
        ("start_ms", np.int64),
        ("end_ms", np.int64),
        ("lower_m", np.float64),
        ("upper_m", np.float64),
        ("first", np.int64),
        ("vertex_count", np.int32),
        ("owner", np.int32),
        ("number", np.int32),
        ("party", np.int32),
        ("zone", np.bool_),
    ],
    align=True,
)
"""What the loops read of a stored volume, side by side: 104 bytes, so two or three lines of the cache."""


class Tree(NamedTuple):
    """A packed tree of boxes over volumes; n volumes with v ring vertices in all, k blocks.

    Attributes:
        rows: The volumes in the order of the tree, shape (n,); the ring of one is `vertex_count`
            vertices from `first` on, the other fields are those of `PackedVolumes`.
        vertices: Unit vectors of the ring vertices, shape (v, 3).
        order: Which of the given volumes stands at each place, shape (n,).
        blocks: Boxes as of `boxes`, 16 side by side: those of the volumes first, then level by
            level those of the blocks below, shape (k, 10, 16). Block m of a level holds the
            volumes (or blocks) 16 m to 16 m + 15 of the level below; where there is none stands
            a box that nothing meets.
        level_first: Where each level starts in `blocks`, and at last k, shape (levels + 1,). The
            last level is one block.
        epoch_ms: The instant that counts as 0 in boxes.
        ring_max: The most vertices of a ring, at least 1.
    """

    rows: npt.NDArray[np.void]
    vertices: Floats
    order: Ints
    blocks: npt.NDArray[np.int32]
    level_first: Ints
    epoch_ms: int
    ring_max: int


class Margins(NamedTuple):
    """The gaps that still count as a conflict, closed; all zero for contact alone.

    Attributes:
        lateral_m: Metres between footprints.
        vertical_m: Metres between altitude bands.
        time_ms: Milliseconds between windows.
    """

    lateral_m: float = 0.0
    vertical_m: float = 0.0
    time_ms: int = 0


NO_MARGINS: Final = Margins()


def widest(a: Margins, b: Margins) -> Margins:
    """Return margins that include both."""
    return Margins(max(a.lateral_m, b.lateral_m), max(a.vertical_m, b.vertical_m), max(a.time_ms, b.time_ms))


def ring_vertices(first: Ints, chosen: Ints) -> tuple[Ints, Ints]:
    """Return which vertices the chosen rings have, and where each ring starts among them.

    Args:
        first: Where each ring starts, and at last the number of vertices, shape (n + 1,).
        chosen: Indices of rings, shape (k,).

    Returns:
        Indices of vertices, shape (m,), and the starts among them, shape (k + 1,).
    """
    counts = first[chosen + 1] - first[chosen]
    starts = np.zeros(len(chosen) + 1, dtype=np.int64)
    np.cumsum(counts, out=starts[1:])
    vertex = np.arange(starts[-1]) + np.repeat(first[chosen] - starts[:-1], counts)
    return vertex, starts


def pack_rings(
    ring_deg: Floats,
    first: Ints,
    start_ms: Ints,
    end_ms: Ints,
    lower_m: Floats,
    upper_m: Floats,
    owner: Ints,
    party: Ints,
    zone: npt.NDArray[np.bool_],
) -> PackedVolumes:
    """Pack volumes that are at hand as arrays; the arguments are described at `PackedVolumes`.

    Args:
        ring_deg: Latitude and longitude of the ring vertices, shape (v, 2).
        first: Where each ring starts, and at last v, shape (n + 1,).
        start_ms: Shape (n,).
        end_ms: Shape (n,).
        lower_m: Shape (n,).
        upper_m: Shape (n,).
        owner: Shape (n,); the volumes of one item stand together.
        party: Shape (n,).
        zone: Shape (n,).

    Assumes:
        The rings are those of valid shapes.
    """
    vertices, first, edge_chord = _with_short_edges(ring_deg.reshape(-1, 2), first)
    ring_of = np.repeat(np.arange(len(first) - 1), np.diff(first))
    centre = np.add.reduceat(vertices, first[:-1], axis=0) if len(ring_of) else np.empty((0, 3))
    centre /= _length(centre)[:, np.newaxis]
    chord = _length(vertices - centre[ring_of])
    edge_m = edge_chord * 6_400_000.0
    longest_m = np.maximum.reduceat(edge_m, first[:-1]) if len(ring_of) else np.empty(0)
    error_m = SUB_EDGE_ERROR_MAX_M * (longest_m / SUB_EDGE_MAX_M) ** 2
    radius = np.maximum.reduceat(chord, first[:-1]) if len(ring_of) else np.empty(0)
    return PackedVolumes(
        vertices=vertices,
        first=first,
        centre=centre,
        radius_rad=2.0 * np.arcsin(np.minimum(1.0, radius / 2.0)) + 1e-12,
        slack_m=np.where(longest_m > _SLACK_FREE_EDGE_M, error_m, 0.0),
        start_ms=start_ms.astype(np.int64),
        end_ms=end_ms.astype(np.int64),
        lower_m=lower_m.astype(np.float64),
        upper_m=upper_m.astype(np.float64),
        owner=owner.astype(np.int32),
        number=_numbers(owner),
        party=party.astype(np.int32),
        zone=zone.astype(np.bool_),
    )


def _numbers(owner: Ints) -> npt.NDArray[np.int32]:
    """Count the volumes of each item; those of one item stand together."""
    place = np.arange(len(owner))
    is_first = np.ones(len(owner), dtype=np.bool_)
    is_first[1:] = owner[1:] != owner[:-1]
    return (place - np.maximum.accumulate(np.where(is_first, place, 0))).astype(np.int32)


def joined(parts: Sequence[PackedVolumes]) -> PackedVolumes:
    """Put packed volumes one after the other; at least one part."""
    if len(parts) == 1:
        return parts[0]
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts)])
    firsts = [part.first[:-1] + offset for part, offset in zip(parts, offsets, strict=False)]
    rest = (np.concatenate(columns) for columns in zip(*(part[2:] for part in parts), strict=True))
    return PackedVolumes(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([*firsts, offsets[-1:]]),
        *rest,
    )


def following_vertices(first: Ints) -> Ints:
    """Return which vertex follows each; the last of each ring is followed by its first."""
    following = np.arange(1, int(first[-1]) + 1)
    following[first[1:] - 1] = first[:-1]
    return following


def _length(vectors: Floats) -> Floats:
    """Return the lengths of vectors, shape (n, 3) to (n,)."""
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)))


def _with_short_edges(ring_deg: Floats, first: Ints) -> tuple[Floats, Ints, Floats]:
    """Add geodesic points to edges longer than 20 km.

    Returns:
        The unit vectors of the vertices, shape (v, 3), where each ring starts among them, and the
        chord of every edge, shape (v,).
    """
    vertices = unit_vectors(ring_deg[:, 0], ring_deg[:, 1])
    if len(ring_deg) == 0:
        return vertices, first, np.empty(0)
    following = following_vertices(first)
    chord = _length(vertices - vertices[following])
    points, edge = with_geodesic_points(ring_deg, following=following, chord=chord)
    added = np.flatnonzero(np.diff(edge, prepend=-1) == 0)
    if len(added) == 0:
        return vertices, first, chord
    vertices, chord, first = vertices[edge], chord[edge], np.searchsorted(edge, first)
    vertices[added] = unit_vectors(points[added, 0], points[added, 1])
    shortened = np.union1d(added, added - 1)
    chord[shortened] = _length(vertices[shortened] - vertices[following_vertices(first)[shortened]])
    return vertices, first, chord


def pack(
    volumes: Sequence[Volume4D], owner: Sequence[int], party: Sequence[int], zone: Sequence[bool]
) -> PackedVolumes:
    """Pack volumes.

    Args:
        volumes: n volumes.
        owner: To which item each belongs, n numbers.
        party: Whose each is, n numbers.
        zone: Whether it belongs to a zone, n truth values.
    """
    rings = rings_deg([volume.volume.outline for volume in volumes])
    first = np.zeros(len(rings) + 1, dtype=np.int64)
    np.cumsum([len(ring) for ring in rings], out=first[1:])
    flat = np.array(list(itertools.chain.from_iterable(rings)), dtype=np.float64).reshape(-1, 2)
    bands = [(v.volume.altitude.lower_m, v.volume.altitude.upper_m) for v in volumes]
    windows = [(v.time.start_ms, v.time.end_ms) for v in volumes]
    lower_upper = np.array(bands, dtype=np.float64).reshape(-1, 2)
    start_end = np.array(windows, dtype=np.int64).reshape(-1, 2)
    return pack_rings(
        flat,
        first,
        start_end[:, 0],
        start_end[:, 1],
        lower_upper[:, 0],
        lower_upper[:, 1],
        np.array(owner, dtype=np.int64),
        np.array(party, dtype=np.int64),
        np.array(zone, dtype=np.bool_),
    )


def boxes(packed: PackedVolumes, epoch_ms: int, margins: Margins = NO_MARGINS) -> npt.NDArray[np.int32]:
    """Return boxes of whole numbers that surely contain the volumes.

    Args:
        packed: n volumes.
        epoch_ms: The instant that counts as 0.
        margins: By how much the boxes are widened.

    Returns:
        Least x, y, z (2^-30 of a unit vector), height (cm), time (s), and the greatest of the same,
        shape (n, 10). What is beyond the range of a whole number stands at its end.
    """
    if packed.volume_count == 0:
        return np.empty((0, 10), dtype=np.int32)
    # Inside its ring a footprint bulges out of the box of the vertices, by 1 / cos(radius) at most.
    bulge = 1.0 / np.cos(packed.radius_rad) - 1.0
    spread = bulge + (margins.lateral_m * (1.0 + BUFFER_SLACK_RATIO) + BOX_MARGIN_M) / 6_335_000.0
    vertical_m = margins.vertical_m + BOX_MARGIN_M
    bounds = np.empty((packed.volume_count, 10))
    low, high = bounds[:, :5], bounds[:, 5:]
    low[:, :3] = np.minimum.reduceat(packed.vertices, packed.first[:-1], axis=0) - spread[:, np.newaxis]
    high[:, :3] = np.maximum.reduceat(packed.vertices, packed.first[:-1], axis=0) + spread[:, np.newaxis]
    low[:, 3] = packed.lower_m - vertical_m
    high[:, 3] = packed.upper_m + vertical_m
    low[:, 4] = packed.start_ms - epoch_ms - margins.time_ms
    high[:, 4] = packed.end_ms - epoch_ms + margins.time_ms
    bounds *= _BOX_STEPS
    np.floor(low, out=low)
    np.ceil(high, out=high)
    # Beyond the earth there is nothing, and no footprint reaches there: 1.0 is the end as well as 2^30.
    np.minimum(bounds, _BOX_ENDS, out=bounds)
    np.maximum(bounds, -_BOX_ENDS, out=bounds)
    return bounds.astype(np.int32)
