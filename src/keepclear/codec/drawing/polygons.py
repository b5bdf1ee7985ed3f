"""Polygons in pixels: their paths, without the detail that nobody could see."""

from __future__ import annotations

from typing import Any

import shapely

from keepclear.codec.drawing.elements import coordinates


def path_data(shape: Any) -> str:
    """Return the path of polygons: each ring once, without its closing point."""
    parts = []
    for polygon in only_polygons(shape):
        for ring in (polygon.exterior, *polygon.interiors):
            parts.append(f"M{coordinates(shapely.get_coordinates(ring)[:-1])}Z")
    return "".join(parts)


def only_polygons(shape: Any) -> list[Any]:
    """Return the polygons in a shape, without its lines and points."""
    parts = shapely.get_parts(shape).tolist()
    flat = [part for whole in parts for part in shapely.get_parts(whole).tolist()]
    return [part for part in flat if part.geom_type == "Polygon" and not part.is_empty]


def simpler(shape: Any) -> Any:
    """Return polygons without the detail that nobody could see."""
    polygons = only_polygons(shape)
    return shapely.simplify(shapely.MultiPolygon(polygons), 0.2, preserve_topology=True)


def inner_point(shape: Any) -> tuple[float, float]:
    """Return a point that lies in a shape."""
    point = shape.representative_point()
    return float(point.x), float(point.y)
