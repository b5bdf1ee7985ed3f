"""Sideways moves: which moves of a footprint make it meet another, and an item moved sideways.

All is in the gnomonic plane at the middle of the item, where edges are straight and stay so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import shapely

from keepclear.core.conflicts import Item
from keepclear.core.geodesy import Floats, LatLng, from_plane, plane_of, position_of, unit_vectors
from keepclear.core.shapes import Circle, CorridorLeg, Outline, Polygon

TRIANGLE_PAIRS_MAX: Final = 900
"""Of shapes that are not convex, up to so many pairs of triangles are combined; else their hulls."""


def forbidden_moves(own: Floats, other: Floats) -> tuple[shapely.Geometry, bool]:
    """Return all moves of a plane shape that make it meet another one, and whether that is exact.

    For convex shapes it is the hull of all differences of vertices (a Minkowski sum); other shapes
    are cut into triangles, or stand as their hulls where there would be too many.
    """
    parts = [_convex_parts(own), _convex_parts(other)]
    exact = len(parts[0]) * len(parts[1]) <= TRIANGLE_PAIRS_MAX
    if not exact:
        parts = [[own], [other]]
    sums = [
        shapely.convex_hull(shapely.multipoints((b[:, np.newaxis, :] - a[np.newaxis, :, :]).reshape(-1, 2)))
        for a in parts[0]
        for b in parts[1]
    ]
    return shapely.union_all(sums), exact


def _convex_parts(points: Floats) -> list[Floats]:
    polygon = shapely.polygons(points)
    hull = shapely.convex_hull(polygon)
    if shapely.area(hull) - shapely.area(polygon) <= 1e-9 * shapely.area(hull):
        return [points]
    triangles = shapely.get_parts(shapely.constrained_delaunay_triangles(polygon))
    return [shapely.get_coordinates(triangle)[:3] for triangle in triangles.tolist()]


def moved_item(item: Item, centre: Floats, move_m: Floats) -> Item:
    """Return the item moved sideways in the gnomonic plane at a centre.

    Args:
        item: The item.
        centre: A unit vector, shape (3,).
        move_m: East and north in metres, shape (2,).
    """

    def position(there: LatLng) -> LatLng:
        vector = unit_vectors(np.array([there.lat_deg]), np.array([there.lng_deg]))
        return position_of(from_plane(centre, plane_of(centre, vector) + move_m)[0])

    def outline(given: Outline) -> Outline:
        match given:
            case Circle():
                return replace(given, center=position(given.center))
            case CorridorLeg():
                return replace(given, start=position(given.start), end=position(given.end))
            case Polygon():
                return Polygon(vertices=tuple(position(vertex) for vertex in given.vertices))

    volumes = tuple(
        replace(v, volume=replace(v.volume, outline=outline(v.volume.outline))) for v in item.volumes
    )
    return replace(item, volumes=volumes)
