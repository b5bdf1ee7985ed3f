"""The map projection: azimuthal equidistant, laid into a box of a picture.

It has no seam at the poles or the antimeridian, true distances from its centre, and room for the
whole earth but its far end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely

from keepclear.codec.drawing.elements import Box
from keepclear.core.geodesy import (
    RADIUS_MAX_M,
    Floats,
    LatLng,
    curvature_radii_m,
    plane_of,
    tangent_frames,
    unit_vectors,
)

_HIDDEN_BEYOND_RAD: Final = math.radians(179.0)
_REACH_MIN_M: Final = 10.0
_PADDING_PX: Final = 22.0


def to_plane(centre: Floats, vectors: Floats) -> Floats:
    """Lay unit vectors into the azimuthal equidistant plane at a centre, in metres, shape (n, 2)."""
    east, north = tangent_frames(centre[np.newaxis, :])
    meridian_m, across_m = curvature_radii_m(float(centre[2]))
    x, y = vectors @ east[0], vectors @ north[0]
    sine = np.hypot(x, y)
    stretch = np.where(sine > 1e-14, np.arctan2(sine, vectors @ centre) / np.maximum(sine, 1e-14), 1.0)
    return np.stack((x * stretch * across_m, y * stretch * meridian_m), axis=-1)


def from_plane(centre: Floats, points_m: Floats) -> tuple[Floats, Floats]:
    """Return the unit vectors of points of the plane, and how far from its centre, radians."""
    east, north = tangent_frames(centre[np.newaxis, :])
    meridian_m, across_m = curvature_radii_m(float(centre[2]))
    u, v = points_m[:, 0] / across_m, points_m[:, 1] / meridian_m
    angle = np.hypot(u, v)
    shrink = np.sinc(angle / math.pi)
    vectors = np.outer(np.cos(angle), centre) + np.outer(u * shrink, east[0]) + np.outer(v * shrink, north[0])
    return vectors, angle


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A part of the plane at a centre, laid into a box of the picture."""

    centre: Floats
    middle_m: tuple[float, float]
    px_per_m: float
    box: Box

    def pixels(self, vectors: Floats) -> Floats:
        """Return where unit vectors lie in the picture, shape (n, 2)."""
        plane = to_plane(self.centre, vectors)
        x, y = self.box.centre
        return np.stack(
            (
                x + (plane[:, 0] - self.middle_m[0]) * self.px_per_m,
                y - (plane[:, 1] - self.middle_m[1]) * self.px_per_m,
            ),
            axis=-1,
        )

    def at(self, position: LatLng) -> tuple[float, float]:
        """Return where a position lies in the picture."""
        x, y = self.pixels(unit_vectors(*np.array([position]).T))[0]
        return float(x), float(y)

    def vectors(self, pixels: Floats) -> Floats:
        """Return the unit vectors of points of the picture; those beyond the earth are left out."""
        x, y = self.box.centre
        offset = np.stack((pixels[:, 0] - x, y - pixels[:, 1]), axis=-1) / self.px_per_m
        vectors, angle = from_plane(self.centre, offset + np.array(self.middle_m))
        return vectors[angle <= math.pi]

    def polygon(self, ring: Floats) -> Any:
        """Return a ring as a polygon in pixels, or None if it reaches the far end of the earth."""
        depth = ring @ self.centre
        if float(depth.min()) < math.cos(_HIDDEN_BEYOND_RAD):
            return None
        polygon = shapely.Polygon(self.pixels(ring))
        if not polygon.is_valid:
            polygon = shapely.make_valid(polygon)
        if depth.max() < 0.0 and shapely.Polygon(plane_of(-self.centre, ring)).contains(shapely.Point(0, 0)):
            return self._earth().difference(polygon)  # the far end lies inside
        return polygon

    def _earth(self) -> Any:
        turn = np.radians(np.arange(0.0, 360.0, 2.0))
        radii = curvature_radii_m(float(self.centre[2]))[::-1]
        rim = np.stack((np.cos(turn), -np.sin(turn)), axis=-1) * math.pi * np.array(radii) * self.px_per_m
        x, y = self.box.centre
        return shapely.Polygon(
            rim + np.array((x - self.middle_m[0] * self.px_per_m, y + self.middle_m[1] * self.px_per_m))
        )


def fitted(vectors: Floats, box: Box) -> View:
    """Return the view that shows all vectors within a box."""
    centre = _middle_of(vectors)
    for _ in range(2):
        plane = to_plane(centre, vectors)
        low, high = plane.min(axis=0), plane.max(axis=0)
        middle = (low + high) / 2.0
        if float(np.abs(plane).max()) > 0.5 * math.pi * RADIUS_MAX_M:
            break
        centre = from_plane(centre, middle[np.newaxis, :])[0][0]
    plane = to_plane(centre, vectors)
    low, high = plane.min(axis=0), plane.max(axis=0)
    half = np.maximum((high - low) / 2.0, _REACH_MIN_M)
    inner = box.grown(-_PADDING_PX)
    scale = min(inner.width / 2.0 / float(half[0]), inner.height / 2.0 / float(half[1]))
    middle = (low + high) / 2.0
    return View(centre=centre, middle_m=(float(middle[0]), float(middle[1])), px_per_m=scale, box=box)


def _middle_of(vectors: Floats) -> Floats:
    """Return a unit vector in the middle of others: the one whose farthest is nearest, roughly."""
    total = vectors.sum(axis=0)
    length = float(np.linalg.norm(total))
    if length > 1e-9 and float((vectors @ total).min()) > 0.0:
        return np.asarray(total / length)
    # Over a hemisphere: try directions spread evenly (a Fibonacci spiral).
    number = np.arange(400) + 0.5
    lat = np.degrees(np.arcsin(1.0 - 2.0 * number / 400.0))
    tried = unit_vectors(lat, np.remainder(number * 222.4922359, 360.0) - 180.0)
    return np.asarray(tried[int(np.argmax((tried @ vectors.T).min(axis=1)))])
