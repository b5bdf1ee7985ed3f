"""Whereabouts: where a position lies among what is declared, and how far it is from another.

A place that is read out can be kilometres wrong. So it is compared with what was declared and with what was
said before, by distance and bearing. Heights do not matter here, nor times but for what is over: this tells
whether a place is plausible, not whether anything conflicts. How people write positions is told by
`positions`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely

from keepclear.core.conflicts import Label
from keepclear.core.geodesy import (
    RADIUS_MAX_M,
    RADIUS_MIN_M,
    LatLng,
    from_plane,
    geodesic_inverse,
    plane_of,
    position_of,
    unit_vectors,
)
from keepclear.core.intents import ItemId, OperationalIntent
from keepclear.core.messages import Position
from keepclear.core.packed import Margins
from keepclear.core.picture import Hits, Picture
from keepclear.core.shapes import Circle
from keepclear.core.times import TIME_MAX, TimeWindow, instant_of
from keepclear.core.volumes import Volume3D, Volume4D

FAR_M: Final = 2_000.0
"""A position farther than this from everything declared is pointed out."""
NEAREST_MAX_M: Final = 1_000_000.0
"""What is declared farther away than this is not looked for."""

_WIDER: Final = 1.25
"""Each search looks so much farther than the one before; what is far and dense is costly to judge."""
_POINT_RADIUS_M: Final = 0.01
_NEARLY_ANTIPODAL_COS: Final = math.cos(math.radians(179.0))
_MEAN_RADIUS_M: Final = 6_371_008.8


# -- how far, and in which direction --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """How far and in which direction one position is from another.

    Attributes:
        distance_m: The length of the geodesic, metres.
        bearing_deg: The true bearing at the start, 0 to below 360 degrees; 0.0 where both are one place.
    """

    distance_m: float
    bearing_deg: float


def place_of(position: Position) -> LatLng:
    """Return the latitude and longitude of a position, degrees."""
    return LatLng(position.latitude_deg, position.longitude_deg)


def offset(start: LatLng, end: LatLng) -> Offset:
    """Tell how far and in which direction one position is from another.

    At a pole the bearing counts from the meridian that the position names.

    Args:
        start: From here.
        end: To here.

    Returns:
        The distance within 1 mm; where they lie nearly opposite on the earth, within 0.6 %.
    """
    a, b = unit_vectors(*np.array((start, end), dtype=np.float64).T)
    if float(a @ b) > _NEARLY_ANTIPODAL_COS:
        distance, azimuth = geodesic_inverse(*start, *end)
        return _offset(float(distance), float(azimuth))
    # The series of the ellipsoid does not converge there: the answer of the sphere.
    from_lat, to_lat = math.radians(start.lat_deg), math.radians(end.lat_deg)
    turn = math.radians(end.lng_deg - start.lng_deg)
    across = math.cos(to_lat) * math.sin(turn)
    along = math.cos(from_lat) * math.sin(to_lat) - math.sin(from_lat) * math.cos(to_lat) * math.cos(turn)
    angle = math.atan2(math.hypot(across, along), float(a @ b))
    return _offset(angle * _MEAN_RADIUS_M, math.degrees(math.atan2(across, along)))


def _offset(distance_m: float, azimuth_deg: float) -> Offset:
    # The second turn is for what is so little below zero that the first one makes 360 of it.
    bearing_deg = azimuth_deg % 360.0 % 360.0 if distance_m > 0.0 else 0.0
    return Offset(distance_m=distance_m, bearing_deg=bearing_deg)


def compare_spoken(position: Position, spoken: Position) -> Offset:
    """Tell how far and in which direction a position that was spoken is from the one that is meant.

    Args:
        position: The one that is meant.
        spoken: The one that was read out or written down.
    """
    return offset(place_of(position), place_of(spoken))


# -- among what is declared -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Where a position lies among what is declared.

    Attributes:
        inside: In whose footprints it lies, sorted by party and id.
        nearest: The item whose footprint is nearest, where it lies in none; None for none within
            `NEAREST_MAX_M`.
        offset: From the position to the nearest point of that footprint; None without a nearest item.
    """

    inside: tuple[Label, ...]
    nearest: Label | None
    offset: Offset | None

    @property
    def is_far(self) -> bool:
        """Whether it is outside of everything declared, and farther than `FAR_M` from all of it."""
        return not self.inside and (self.offset is None or self.offset.distance_m > FAR_M)


def nearest_declared(position: Position, picture: Picture, now_ms: int) -> Whereabouts:
    """Find in which footprints a position lies, or which is nearest.

    Args:
        position: The position.
        picture: What is declared: operations and zones of all parties, with every height and every time that
            is not over. What is withheld from whoever asks is not in it, and so cannot be told of.
        now_ms: What time it is, milliseconds since 1970.

    Raises:
        InvalidValueError: The time is out of the range that windows have.
    """
    center = place_of(position)
    point = Volume3D(outline=Circle(center=center, radius_m=_POINT_RADIUS_M))
    rest = TimeWindow(start=instant_of(now_ms), end=TIME_MAX)
    query = picture.packed(
        OperationalIntent(id=ItemId("position"), volumes=(Volume4D(volume=point, time=rest),))
    )
    nobody = query.owner * 0 - 1  # so that it meets the items of every party, and zones
    query = query._replace(owner=nobody, party=nobody)
    within_m = FAR_M
    while True:
        hits = picture.search(query, Margins(lateral_m=within_m))
        if len(hits.rows):
            return _among(center, picture, hits)
        if within_m == NEAREST_MAX_M:
            return Whereabouts(inside=(), nearest=None, offset=None)
        within_m = min(_WIDER * within_m, NEAREST_MAX_M)


def _among(center: LatLng, picture: Picture, hits: Hits) -> Whereabouts:
    """Tell it of the volumes that are near.

    Seen from the position, the gnomonic plane keeps every direction and the order of distances, but for the
    flattening of the earth; so it tells the nearest point of each footprint, and the ellipsoid how far it is.
    """
    here = unit_vectors(np.array([center.lat_deg]), np.array([center.lng_deg]))[0]
    count = hits.stored.volume_count
    labels = [picture.owner(place) for place in hits.stored.owner.tolist()]
    rings = [plane_of(here, hits.stored.ring(k)) for k in range(count)]
    lines = shapely.linearrings(
        np.concatenate(rings), indices=np.repeat(np.arange(count), [len(ring) for ring in rings])
    )
    origin = shapely.points(0.0, 0.0)
    is_inside = shapely.intersects(shapely.polygons(lines), origin)
    if is_inside.any():
        inside = {labels[k] for k in np.flatnonzero(is_inside).tolist()}
        return Whereabouts(inside=tuple(sorted(inside, key=_order)), nearest=None, offset=None)
    ends = from_plane(here, shapely.get_coordinates(shapely.shortest_line(origin, lines))[1::2])
    chords = np.linalg.norm(ends - here, axis=1)
    # The flattening cannot bring any of the others nearer.
    close = np.flatnonzero(chords <= chords.min() * (RADIUS_MAX_M / RADIUS_MIN_M)).tolist()
    offsets = {k: offset(center, position_of(ends[k])) for k in close}
    best = min(close, key=lambda k: (offsets[k].distance_m, _order(labels[k])))
    return Whereabouts(inside=(), nearest=labels[best], offset=offsets[best])


def _order(label: Label) -> tuple[str, str]:
    return label.party or "", label.id
