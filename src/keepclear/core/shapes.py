"""Footprints on the ground: polygons, circles and corridor legs, and the ring that stands for each.

A shape that exists is valid. Edges are WGS84 geodesics. A circle and a leg are represented by an
*outer* ring, which contains the true shape and is at most `OUTER_EXCESS_MAX_M` too large, so that
two of them together stay within the metre that the one-sided promise allows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import shapely

from keepclear.core.errors import InvalidValueError
from keepclear.core.gaps import closest_on_segments
from keepclear.core.geodesy import (
    RADIUS_MIN_M,
    SUB_EDGE_ERROR_MAX_M,
    SUB_EDGE_MAX_M,
    Floats,
    LatLng,
    geodesic_direct,
    geodesic_inverse,
    plane_of,
    unit_vectors,
    with_geodesic_points,
)

VERTICES_MAX: Final = 10_000
"""The most vertices of one polygon (ASTM F3548-21, OiMaxVertices)."""
FOOTPRINT_RADIUS_MAX_M: Final = 3_000_000.0
"""No point of a footprint may be farther from its centre: it is judged in a gnomonic plane."""
OUTER_EXCESS_MAX_M: Final = 0.45
"""How much too large the ring of a circle or of a leg may be."""
WIDTH_MIN_M: Final = 1e-5
"""A polygon whose area divided by its perimeter is less has no area."""
_OUTER_MARGIN_M: Final = 0.01
_CIRCLE_VERTICES_MIN: Final = 16
_CLEARLY_VALID_VERTICES_MAX: Final = 12
_CLEARLY_VALID_COS: Final = math.cos(0.08)
_LEG_SUB_EDGE_MAX_M: Final = 10_000.0
_CROSSING_EDGES_AT_ONCE: Final = 64


def check_position(position: LatLng, field: str) -> None:
    """Refuse what is no position on the earth.

    Raises:
        InvalidValueError: A degree is not finite, the latitude leaves -90..90 or the longitude
            -180..180.
    """
    for name, value, limit in (("lat", position.lat_deg, 90.0), ("lng", position.lng_deg, 180.0)):
        if not -limit <= value <= limit:  # also catches NaN
            raise InvalidValueError(
                f"{field}.{name}" if field else name, f"{value!r} is not within -{limit:g}..{limit:g} degrees"
            )


def _canonical(position: LatLng) -> tuple[float, float]:
    if abs(position.lat_deg) == 90.0:
        return position.lat_deg, 0.0
    return position.lat_deg, -180.0 if position.lng_deg == 180.0 else position.lng_deg


def _check_vertices(vertices: tuple[LatLng, ...]) -> None:
    if len(vertices) < 3:
        raise InvalidValueError(
            "vertices", f"a polygon needs at least 3 vertices, this one has {len(vertices)}"
        )
    if len(vertices) > VERTICES_MAX:
        raise InvalidValueError("vertices", f"{len(vertices)} vertices are over the limit of {VERTICES_MAX}")
    seen: dict[tuple[float, float], int] = {}
    for index, vertex in enumerate(vertices):
        check_position(vertex, f"vertices[{index}]")
        first = seen.setdefault(_canonical(vertex), index)
        if first != index:
            last = " (leave the closing vertex out)" if (first, index) == (0, len(vertices) - 1) else ""
            raise InvalidValueError(f"vertices[{index}]", f"it repeats vertex {first}{last}")


def _clearly_valid(vertices: tuple[LatLng, ...]) -> bool:
    """Tell at little cost that a polygon with few vertices is valid; False decides nothing."""
    count = len(vertices)
    if not 3 <= count <= _CLEARLY_VALID_VERTICES_MAX:
        return False
    xs, ys, zs = [], [], []
    for lat_deg, lng_deg in vertices:
        if not (-89.0 < lat_deg < 89.0 and -180.0 <= lng_deg <= 180.0):
            return False
        lat, lng = math.radians(lat_deg), math.radians(lng_deg)
        cos_lat = math.cos(lat)
        xs.append(cos_lat * math.cos(lng))
        ys.append(cos_lat * math.sin(lng))
        zs.append(math.sin(lat))
    x0, y0, z0 = xs[0], ys[0], zs[0]
    horizontal = math.hypot(x0, y0)
    ex, ey = -y0 / horizontal, x0 / horizontal
    nx, ny, nz = -z0 * ey, z0 * ex, x0 * ey - y0 * ex
    px, py = [], []
    for x, y, z in zip(xs, ys, zs, strict=True):
        depth = (x * x0 + y * y0 + z * z0) / RADIUS_MIN_M
        if depth * RADIUS_MIN_M < _CLEARLY_VALID_COS:
            return False
        px.append((x * ex + y * ey) / depth)
        py.append((x * nx + y * ny + z * nz) / depth)
    area2_m2 = perimeter_m = longest_m = 0.0
    steps = []
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        ux, uy = px[j] - px[i], py[j] - py[i]
        side_m = math.hypot(ux, uy)
        if side_m < 1e-2:
            return False
        area2_m2 += px[i] * py[j] - px[j] * py[i]
        perimeter_m += side_m
        longest_m = max(longest_m, side_m)
        steps.append((ux, uy, side_m))
    # A geodesic strays from the straight line by this much; the factors leave room for more.
    stray_m = 2.0 * SUB_EDGE_ERROR_MAX_M * (longest_m / SUB_EDGE_MAX_M) ** 2
    if abs(area2_m2) < (1e3 * WIDTH_MIN_M + 8.0 * stray_m) * perimeter_m:
        return False
    turns_left, turns_right = 0, 0
    for i in range(count):
        ux, uy, u_m = steps[i - 1]
        vx, vy, v_m = steps[i]
        turn = (ux * vy - uy * vx) / (u_m * v_m)
        # Neighbours must part by a hair, so that they do not fold back onto each other.
        if abs(turn) * min(u_m, v_m) < 1e-3 + 4.0 * stray_m:
            return False
        turns_left += turn > 0.0
        turns_right += turn < 0.0
    if 0 in (turns_left, turns_right) and _turns_once(steps):
        return True
    apart_m2 = (1e-2 + 4.0 * stray_m) ** 2
    for i in range(count):
        ax, ay, bx, by = px[i], py[i], px[(i + 1) % count], py[(i + 1) % count]
        for j in range(i + 2, count - 1 if i == 0 else count):
            cx, cy, dx, dy = px[j], py[j], px[(j + 1) % count], py[(j + 1) % count]
            if closest_on_segments(ax, ay, bx, by, cx, cy, dx, dy)[0] < apart_m2:
                return False
    return True


def _turns_once(steps: list[tuple[float, float, float]]) -> bool:
    """Tell whether a ring that always turns the same way goes round once, and so is convex."""
    changes = sum((a[0] < 0.0) != (b[0] < 0.0) for a, b in zip(steps, steps[1:] + steps[:1], strict=True))
    return changes == 2


def _crossing_edges(points: Floats, edge_of: npt.NDArray[np.int64]) -> str:
    """Name two edges of a closed plane ring that meet where they should not.

    Args:
        points: The ring, with the points added on long edges, shape (n, 2).
        edge_of: To which of the caller's edges each edge of the ring belongs, shape (n,).
    """
    count = len(points)
    edges = shapely.linestrings(np.stack((points, np.roll(points, -1, axis=0)), axis=1))
    tree = shapely.STRtree(edges)
    # Some at a time: where each edge crosses each other one, all pairs would take all memory.
    for start in range(0, count, _CROSSING_EDGES_AT_ONCE):
        pairs = tree.query(edges[start : start + _CROSSING_EDGES_AT_ONCE], predicate="intersects")
        i, j = pairs[0] + start, pairs[1]
        found = np.flatnonzero((i < j) & (j - i != 1) & (j - i != count - 1))
        if found.size:
            a, b = int(edge_of[i[found[0]]]), int(edge_of[j[found[0]]])
            return f"edge {a} (from vertex {a}) crosses edge {b} (from vertex {b})"
    for i in range(count):
        j = (i + 1) % count
        if shapely.length(shapely.intersection(edges[i], edges[j])) > 0.0:
            return f"edge {int(edge_of[i])} folds back onto edge {int(edge_of[j])}"
    return "its edges cross each other"


def _check_ring(vertices: Floats) -> None:
    ring, edge_of = with_geodesic_points(vertices)
    vectors = unit_vectors(ring[:, 0], ring[:, 1])
    total = vectors.sum(axis=0)
    length = float(np.linalg.norm(total))
    cos_limit = math.cos(FOOTPRINT_RADIUS_MAX_M / RADIUS_MIN_M)
    if length < 1e-9 or float((vectors @ total).min()) < cos_limit * length:
        raise InvalidValueError(
            "vertices",
            f"the polygon reaches more than {FOOTPRINT_RADIUS_MAX_M / 1000:,.0f} km from its centre"
            " (a hemisphere or more cannot be meant); split it",
        )
    points = plane_of(total / length, vectors)
    line = shapely.linearrings(points)
    area_m2 = float(shapely.area(shapely.polygons(line)))
    thin = area_m2 <= WIDTH_MIN_M * float(shapely.length(line))
    if thin and _on_one_line(points):
        raise InvalidValueError("vertices", "the polygon has no area; its vertices lie on one line")
    if not shapely.is_simple(line):
        raise InvalidValueError("vertices", f"the polygon crosses itself: {_crossing_edges(points, edge_of)}")
    if thin:
        raise InvalidValueError("vertices", "the polygon has no area")


def _on_one_line(points: Floats) -> bool:
    centred = points - points.mean(axis=0)
    return bool(np.linalg.svd(centred, compute_uv=False)[1] <= WIDTH_MIN_M * math.sqrt(len(points)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Polygon:
    """The area within a ring of geodesics; of the two areas that the ring bounds, the smaller.

    Attributes:
        vertices: At least 3 corners in either winding; the last joins the first.

    Raises:
        InvalidValueError: A vertex is out of range or repeated, there are fewer than 3 or more than
            `VERTICES_MAX`, edges cross, there is no area, or it reaches over `FOOTPRINT_RADIUS_MAX_M`.

    Source:
        ASTM F3548-21, Polygon: edges are shortest paths.
    """

    vertices: tuple[LatLng, ...]

    def __post_init__(self) -> None:
        if not _clearly_valid(self.vertices):
            _check_vertices(self.vertices)
            _check_ring(np.array(self.vertices, dtype=np.float64))

    def ring_deg(self) -> Floats:
        """Return the ring with geodesic points added, latitude and longitude, shape (n, 2)."""
        return with_geodesic_points(np.array(self.vertices, dtype=np.float64))[0]


def _arc_steps(radius_m: float, arc_deg: float, minimum: int) -> int:
    """Return in how many chords an arc is cut so that an outer ring stays within the excess."""
    room_m = OUTER_EXCESS_MAX_M - 2 * _OUTER_MARGIN_M
    half_step = math.acos(radius_m / (radius_m + room_m))
    return max(minimum, math.ceil(math.radians(arc_deg) / (2.0 * half_step)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """All points within a geodesic distance of a centre.

    Attributes:
        center: The centre.
        radius_m: The radius, over 0 and at most `FOOTPRINT_RADIUS_MAX_M`, metres.

    Raises:
        InvalidValueError: The centre is no position, or the radius is out of range.
    """

    center: LatLng
    radius_m: float

    def __post_init__(self) -> None:
        check_position(self.center, "center")
        # The outer ring must stay within the limit too, measured with the least radius of the earth.
        limit_m = FOOTPRINT_RADIUS_MAX_M * 0.99
        if not 0.0 < self.radius_m <= limit_m:
            raise InvalidValueError(
                "radius", f"{self.radius_m!r} is not a radius over 0 and up to {limit_m / 1000:,.0f} km"
            )

    def ring_deg(self) -> Floats:
        """Return the outer ring, latitude and longitude, shape (n, 2)."""
        return _circle_rings([self])[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorridorLeg:
    """All points within a half-width of the geodesic from one position to another.

    Attributes:
        start: Where the leg starts.
        end: Where it ends; the same as the start while hovering or waiting.
        half_width_m: Half the width, over 0 and at most 100 km, metres.

    Raises:
        InvalidValueError: A position or the half-width is out of range, or the leg is too long.
    """

    start: LatLng
    end: LatLng
    half_width_m: float

    def __post_init__(self) -> None:
        check_position(self.start, "start")
        check_position(self.end, "end")
        if not 0.0 < self.half_width_m <= HALF_WIDTH_MAX_M:
            raise InvalidValueError(
                "half_width",
                f"{self.half_width_m!r} is not a half-width over 0 and up to {HALF_WIDTH_MAX_M / 1000:g} km",
            )
        vectors = unit_vectors(*np.array((self.start, self.end)).T)
        chord_m = float(np.linalg.norm(vectors[0] - vectors[1])) * RADIUS_MIN_M
        if chord_m > LEG_LENGTH_MAX_M:
            raise InvalidValueError(
                "end", f"a leg is at most {LEG_LENGTH_MAX_M / 1000:,.0f} km long; add a waypoint between"
            )

    def ring_deg(self) -> Floats:
        """Return the outer ring, latitude and longitude, shape (n, 2)."""
        return _leg_rings([self])[0]


HALF_WIDTH_MAX_M: Final = 100_000.0
"""The greatest half-width of a corridor."""
LEG_LENGTH_MAX_M: Final = 4_000_000.0
"""The greatest length of one leg of a corridor."""


def _runs(counts: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return, for runs of these lengths one after the other, which run and which place of it."""
    run = np.repeat(np.arange(len(counts)), counts)
    return run, np.arange(len(run)) - np.repeat(np.cumsum(counts) - counts, counts)


def _circle_rings(circles: Sequence[Circle]) -> list[Floats]:
    """Return the outer ring of each circle, all computed at once."""
    radius_m = np.array([circle.radius_m for circle in circles])
    center = np.array([circle.center for circle in circles])
    count = np.array([_arc_steps(r, 360.0, _CIRCLE_VERTICES_MIN) for r in radius_m.tolist()])
    outer_m = radius_m / np.cos(np.pi / count) + _OUTER_MARGIN_M
    run, step = _runs(count)
    ring = geodesic_direct(center[run, 0], center[run, 1], step * (360.0 / count[run]), outer_m[run])
    return np.split(np.stack(ring, axis=-1), np.cumsum(count)[:-1])


def _leg_rings(legs: Sequence[CorridorLeg]) -> list[Floats]:
    """Return the outer ring of each leg, all computed at once.

    A ring goes along the right side, round the end, back along the left side and round the start.
    """
    start, end = np.array([leg.start for leg in legs]), np.array([leg.end for leg in legs])
    half_m = np.array([leg.half_width_m for leg in legs])
    length_m, bearing = geodesic_inverse(*start.T, *end.T)
    _, back = geodesic_inverse(*end.T, *start.T)
    back = np.where(length_m < 1e-3, bearing - 180.0, back)  # no direction: any will do
    pieces = np.maximum(1, np.ceil(length_m / _LEG_SUB_EDGE_MAX_M)).astype(np.int64)
    # Points along each leg, and the direction of the leg at each.
    run, place = _runs(pieces + 1)
    lat, lng = geodesic_direct(
        start[run, 0], start[run, 1], bearing[run], length_m[run] * place / pieces[run]
    )
    _, forward = geodesic_inverse(lat, lng, *end[run].T)
    forward = np.where(place == 0, bearing[run], np.where(place == pieces[run], back[run] + 180.0, forward))
    first_point = np.cumsum(pieces + 1) - (pieces + 1)
    # A cap that starts at a side is turned by the earth's curvature by less than the margin.
    caps = np.array([_arc_steps(w, 180.0, 4) for w in half_m.tolist()])
    outer_m = half_m / np.cos(np.pi / (2 * caps)) + _OUTER_MARGIN_M
    run, place = _runs(2 * (pieces + caps))
    last, cap = pieces[run], caps[run]
    step = 180.0 / cap
    parts = [place <= last, place < last + cap, place <= 2 * last + cap]
    point = np.select(parts, [place, last, 2 * last + cap - place], 0)
    turn = np.select(
        parts, [90.0, 90.0 - (place - last) * step, -90.0], -90.0 - (place - 2 * last - cap) * step
    )
    at = first_point[run] + point
    ring = geodesic_direct(lat[at], lng[at], forward[at] + turn, outer_m[run])
    return np.split(np.stack(ring, axis=-1), np.cumsum(2 * (pieces + caps))[:-1])


Outline = Polygon | Circle | CorridorLeg


def corridor_legs(route: tuple[LatLng, ...], half_width_m: float) -> tuple[CorridorLeg, ...]:
    """Cut a route with a half-width into its legs.

    Args:
        route: At least two waypoints.
        half_width_m: Half the width of the corridor, metres.

    Returns:
        One leg from each waypoint to the next; together they cover the corridor.

    Raises:
        InvalidValueError: There are fewer than two waypoints, or a leg is not valid.
    """
    if len(route) < 2:
        raise InvalidValueError("route", f"a corridor needs at least 2 waypoints, this one has {len(route)}")
    legs = []
    for index, (start, end) in enumerate(itertools.pairwise(route)):
        try:
            legs.append(CorridorLeg(start=start, end=end, half_width_m=half_width_m))
        except InvalidValueError as error:
            raise error.within(f"route[{index}]") from None
    return tuple(legs)


def rings_deg(outlines: Sequence[Outline]) -> list[Sequence[LatLng] | Floats]:
    """Return the ring of each outline; circles and legs are computed all at once.

    Returns:
        Latitudes and longitudes, shape (n, 2) each; those of a polygon are its vertices, without
        points added on long edges.
    """
    result: list[Sequence[LatLng] | Floats] = [
        outline.vertices if isinstance(outline, Polygon) else () for outline in outlines
    ]
    circles = {k: outline for k, outline in enumerate(outlines) if isinstance(outline, Circle)}
    legs = {k: outline for k, outline in enumerate(outlines) if isinstance(outline, CorridorLeg)}
    if circles:
        for k, ring in zip(circles, _circle_rings(list(circles.values())), strict=True):
            result[k] = ring
    if legs:
        for k, ring in zip(legs, _leg_rings(list(legs.values())), strict=True):
            result[k] = ring
    return result
