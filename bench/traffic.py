"""Seeded traffic: the volumes that the benchmarks store and search.

About eight volumes an intent. Most are the short rectangles of drone flights round 40 hubs in ten
theatres; long corridors, orbits and zones lie across them, and a few items lie over the antimeridian
and the poles. The same size, seed and horizon give the same arrays on one machine (the last bits of
sines may differ between processors).
"""

from __future__ import annotations

import hashlib
import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from keepclear.core.geodesy import Floats, LatLng, curvature_radii_m, geodesic_direct, geodesic_inverse
from keepclear.core.packed import Ints, PackedVolumes, pack_rings, ring_vertices
from keepclear.core.shapes import Circle

EPOCH_MS: Final = 1_767_225_600_000
"""2026-01-01T00:00:00Z: the horizon starts here."""
HORIZON_H: Final = 48.0
DENSE_HORIZON_H: Final = 12.0
"""The same number of volumes in a quarter of the time: for the benchmark of resolution."""
SEED: Final = 7
QUERY_SEED: Final = 8

THEATRES: Final = (
    LatLng(33.0, 35.6),  # Levant
    LatLng(39.3, -121.4),  # California wildfires
    LatLng(-17.6, 179.7),  # Fiji, on the antimeridian
    LatLng(52.0, -179.6),  # Aleutians, on the antimeridian
    LatLng(78.3, 15.8),  # Svalbard
    LatLng(46.3, 7.0),  # western Alps
    LatLng(1.25, 103.8),  # Singapore Strait
    LatLng(32.7, -97.0),  # Dallas
    LatLng(-1.9, 30.1),  # Rwanda
    LatLng(35.5, 139.7),  # Tokyo Bay
)
HUBS_PER_THEATRE: Final = 4
PARTIES: Final = 40

# Shares of the volumes, and how many volumes an item of the kind has on average.
_DRONE_SHARE, _CORRIDOR_SHARE, _ORBIT_SHARE, _ZONE_SHARE, _EDGE_SHARE = 0.7605, 0.222, 0.0085, 0.0085, 0.0005
_DRONE_LEGS: Final = (4, 14)
_CORRIDOR_LEGS: Final = (2, 50)
_CORRIDOR_LEGS_MEAN: Final = 10.7
_EDGE_ITEMS_MIN: Final = 4
_TURN_VERTICES: Final = 12

_HUBS_SEED: Final = 40
_MINUTE_MS: Final = 60_000.0
_HOUR_MS: Final = 3_600_000.0


class Traffic(NamedTuple):
    """Intents and zones as arrays; n volumes with v ring vertices in all, in the order of the items.

    Attributes:
        rings_deg: Latitude and longitude of the ring vertices, shape (v, 2).
        first: Where each ring starts, and at last v, shape (n + 1,).
        start_ms: First instant, milliseconds since 1970, shape (n,).
        end_ms: Last instant, milliseconds since 1970, shape (n,).
        lower_m: Lowest height above the WGS84 ellipsoid, metres, shape (n,).
        upper_m: Highest height above the WGS84 ellipsoid, metres, shape (n,).
        item: To which item each volume belongs, not decreasing, shape (n,).
        party: Whose item it is, shape (n,).
        zone: Whether it belongs to a zone, shape (n,).
        circle: Latitude and longitude of the centre in degrees and the radius in metres, where the
            ring stands for a circle, else NaN, shape (n, 3).
    """

    rings_deg: Floats
    first: Ints
    start_ms: Ints
    end_ms: Ints
    lower_m: Floats
    upper_m: Floats
    item: Ints
    party: Ints
    zone: npt.NDArray[np.bool_]
    circle: Floats

    @property
    def volume_count(self) -> int:
        """How many volumes there are."""
        return len(self.item)

    @property
    def item_count(self) -> int:
        """How many intents and zones there are."""
        return int(self.item[-1]) + 1 if self.volume_count else 0

    def packed(self) -> PackedVolumes:
        """Return the volumes as the index takes them; each item is an owner of its own."""
        return pack_rings(
            self.rings_deg,
            self.first,
            self.start_ms,
            self.end_ms,
            self.lower_m,
            self.upper_m,
            self.item,
            self.party,
            self.zone,
        )

    def digest(self) -> str:
        """Return a hash of all arrays: the same traffic has the same."""
        sha = hashlib.sha256()
        for array in self:
            sha.update(np.ascontiguousarray(array).tobytes())
        return sha.hexdigest()[:16]


class _Legs(NamedTuple):
    """The volumes of some items of one kind, before they are joined; fields as in `Traffic`."""

    rings_deg: Floats
    vertex_counts: Ints
    start_ms: Floats
    end_ms: Floats
    lower_m: Floats
    upper_m: Floats
    item: Ints
    zone: bool
    circle: Floats


def generate(size: int, seed: int = SEED, horizon_h: float = HORIZON_H) -> Traffic:
    """Make about `size` volumes; from 10,000 up within a few per cent.

    Args:
        size: How many volumes are wanted.
        seed: Fixes all chance, but for the places of the hubs, which are always the same.
        horizon_h: Over how many hours the items spread.
    """
    rng = np.random.default_rng(seed)
    horizon_ms = horizon_h * _HOUR_MS
    drone_legs_mean = sum(_DRONE_LEGS) / 2.0
    kinds = [
        _drones(rng, round(size * _DRONE_SHARE / drone_legs_mean), horizon_ms),
        _corridors(
            rng, _scattered(rng, round(size * _CORRIDOR_SHARE / _CORRIDOR_LEGS_MEAN), 80e3), horizon_ms
        ),
        *_orbits(rng, _scattered(rng, round(size * _ORBIT_SHARE), 300e3), horizon_ms),
        _zones(rng, _scattered(rng, round(size * _ZONE_SHARE), 300e3), horizon_ms),
        *_edges(rng, size, horizon_ms),
    ]
    return _joined(rng, kinds)


def queries(seed: int = QUERY_SEED, count: int = 1000, horizon_h: float = HORIZON_H) -> list[PackedVolumes]:
    """Make other intents of the same generator, one `PackedVolumes` each, of no owner and no party.

    Args:
        seed: Fixes all chance; another one than that of the stored volumes.
        count: How many intents are wanted.
        horizon_h: As given to `generate`.
    """
    return packed_items(generate(count * 9 + 1000, seed, horizon_h), count)


def packed_items(traffic: Traffic, count: int) -> list[PackedVolumes]:
    """Return the first items that are no zones, one `PackedVolumes` each, of no owner and no party."""
    packed = traffic.packed()
    starts = np.searchsorted(packed.owner, np.arange(traffic.item_count + 1))
    starts = np.stack((starts[:-1], starts[1:]), axis=-1)[~packed.zone[starts[:-1]]][:count]
    taken = (packed.taken(np.arange(start, stop)) for start, stop in starts.tolist())
    return [
        part._replace(owner=np.full_like(part.owner, -1), party=np.full_like(part.party, -1))
        for part in taken
    ]


def hubs() -> Floats:
    """Return where the drone flights start: latitude, longitude and height of the ground, shape (40, 3)."""
    rng = np.random.default_rng(_HUBS_SEED)
    count = len(THEATRES) * HUBS_PER_THEATRE
    centres = np.repeat(np.array(THEATRES), HUBS_PER_THEATRE, axis=0)
    places = _away(centres, rng.uniform(0, 360, count), rng.uniform(5e3, 80e3, count))
    return np.column_stack((places, rng.uniform(-20.0, 600.0, count)))


def _away(places: Floats, bearing_deg: npt.ArrayLike, distance_m: npt.ArrayLike) -> Floats:
    """Return the positions some way from others; all are latitude and longitude, shape (n, 2)."""
    return np.stack(geodesic_direct(places[:, 0], places[:, 1], bearing_deg, distance_m), axis=-1)


def _bearing(start: Floats, end: Floats) -> Floats:
    """Return the true bearings in degrees from positions to others, shapes (n, 2) to (n,)."""
    return geodesic_inverse(start[:, 0], start[:, 1], end[:, 0], end[:, 1])[1]


def _scattered(rng: np.random.Generator, count: int, spread_m: float) -> Floats:
    """Return positions up to `spread_m` from the centres of the theatres, shape (n, 2)."""
    centres = np.array(THEATRES)[rng.integers(len(THEATRES), size=count)]
    distance_m = spread_m * np.sqrt(rng.random(count))
    return _away(centres, rng.uniform(0, 360, count), distance_m)


def _log_uniform(rng: np.random.Generator, low: float, high: float, count: int) -> Floats:
    return np.exp(rng.uniform(math.log(low), math.log(high), count))


def _drones(rng: np.random.Generator, count: int, horizon_ms: float) -> _Legs:
    """Flights of 5-60 km from the hubs, 30-170 m above the ground, a rectangle or an octagon a leg."""
    hub = hubs()[rng.integers(len(THEATRES) * HUBS_PER_THEATRE, size=count)]
    legs = rng.integers(_DRONE_LEGS[0], _DRONE_LEGS[1] + 1, size=count)
    most = _DRONE_LEGS[1]
    step_m = (_log_uniform(rng, 5e3, 60e3, count) / legs)[:, np.newaxis]
    bearing = np.cumsum(rng.normal(0.0, 0.5, (count, most)), axis=1) + rng.uniform(0, 2 * math.pi, (count, 1))
    start = rng.normal(0.0, 1.2e3, (count, 1, 2))
    steps = np.stack((np.sin(bearing), np.cos(bearing)), axis=-1) * step_m[:, :, np.newaxis]
    points = np.concatenate((start, start + np.cumsum(steps, axis=1)), axis=1)
    flight, leg = np.nonzero(np.arange(most) < legs[:, np.newaxis])
    half_m = rng.uniform(100.0, 250.0, count)[flight]
    speed_mps = rng.uniform(10.0, 25.0, count)[flight]
    leg_ms = step_m[flight, 0] / speed_mps * 1000.0
    room_ms = rng.uniform(2.0, 6.0, count)[flight] * _MINUTE_MS
    take_off_ms = rng.uniform(0.0, horizon_ms, count)[flight]
    lower_m = hub[flight, 2] + rng.uniform(30.0, 110.0, count)[flight]
    return _Legs(
        *_rectangles(
            hub[flight], points[flight, leg], bearing[flight, leg], step_m[flight, 0], half_m, flight % 4 == 0
        ),
        start_ms=take_off_ms + leg * leg_ms - room_ms,
        end_ms=take_off_ms + (leg + 1) * leg_ms + room_ms,
        lower_m=lower_m,
        upper_m=lower_m + rng.uniform(30.0, 60.0, count)[flight],
        item=flight,
        zone=False,
        circle=np.full((len(flight), 3), np.nan),
    )


def _rectangles(
    hub: Floats,
    start_m: Floats,
    bearing: Floats,
    length_m: Floats,
    half_m: Floats,
    cut: npt.NDArray[np.bool_],
) -> tuple[Floats, Ints]:
    """Return rings round short legs near hubs, and how many vertices each has.

    A ring is a rectangle of 4 vertices, or an octagon of 8 where the corners are cut.
    """
    half_m = half_m[:, np.newaxis]
    # Along and across the leg in half-widths, and along in lengths of the leg.
    ends = np.array([(-1, -1, 0), (-1, 1, 0), (1, 1, 1), (1, -1, 1)], dtype=np.float64)
    octagon = np.array(
        [
            (-1, -0.5, 0),
            (-1, 0.5, 0),
            (-0.5, 1, 0),
            (0.5, 1, 1),
            (1, 0.5, 1),
            (1, -0.5, 1),
            (0.5, -1, 1),
            (-0.5, -1, 0),
        ]
    )
    counts = np.where(cut, 8, 4).astype(np.int64)
    first = np.cumsum(counts) - counts
    rings = np.empty((int(counts.sum()), 2))
    for shape, chosen in ((ends, np.flatnonzero(~cut)), (octagon, np.flatnonzero(cut))):
        along = shape[:, 0] * half_m[chosen] + shape[:, 2] * length_m[chosen, np.newaxis]
        across = shape[:, 1] * half_m[chosen]
        sin_b, cos_b = np.sin(bearing[chosen, np.newaxis]), np.cos(bearing[chosen, np.newaxis])
        east = start_m[chosen, :1] + along * sin_b + across * cos_b
        north = start_m[chosen, 1:] + along * cos_b - across * sin_b
        places = (first[chosen, np.newaxis] + np.arange(len(shape))).ravel()
        rings[places] = _near(hub[chosen], east, north).reshape(-1, 2)
    return rings, counts


def _near(hub: Floats, east_m: Floats, north_m: Floats) -> Floats:
    """Return positions some kilometres from hubs, by the ellipsoid's radii at the hub, shape (n, k, 2)."""
    unique, place = np.unique(hub[:, 0], return_inverse=True)
    radii = np.array([curvature_radii_m(math.sin(math.radians(lat))) for lat in unique.tolist()]).reshape(
        -1, 2
    )[place]
    lat = hub[:, :1] + np.degrees(north_m / radii[:, :1])
    lng = hub[:, 1:2] + np.degrees(east_m / (radii[:, 1:] * np.cos(np.radians(hub[:, :1]))))
    return np.stack((lat, np.remainder(lng + 180.0, 360.0) - 180.0), axis=-1)


def _corridors(rng: np.random.Generator, starts: Floats, horizon_ms: float) -> _Legs:
    """Routes of 50-500 km with at most 50 legs, 1-12 km high; a hexagon a leg.

    Two in three fly through: each leg is taken for its passage, with some minutes of room. The
    others hold the whole route for 10 minutes to 6 hours.
    """
    count = len(starts)
    length_m = _log_uniform(rng, 50e3, 500e3, count)
    leg_m = _log_uniform(rng, 8e3, 60e3, count)
    legs = np.clip(np.rint(length_m / leg_m).astype(np.int64), *_CORRIDOR_LEGS)
    step_m = length_m / legs
    bearing = rng.uniform(0, 360, count)
    path = np.full((count, _CORRIDOR_LEGS[1] + 1, 2), np.nan)
    path[:, 0] = starts
    for done in range(int(legs.max(initial=0))):
        going = np.flatnonzero(legs > done)
        path[going, done + 1] = _away(path[going, done], bearing[going], step_m[going])
        # On from where the leg arrives, in its direction there, with a small turn.
        onward = _bearing(path[going, done + 1], path[going, done]) + 180.0
        bearing[going] = onward + rng.normal(0.0, 8.0, len(going))
    route, leg = np.nonzero(np.arange(_CORRIDOR_LEGS[1]) < legs[:, np.newaxis])
    half_m = _log_uniform(rng, 1e3, 5e3, count)[route]
    speed_mps = rng.uniform(50.0, 240.0, count)[route]
    leg_ms = step_m[route] / speed_mps * 1000.0
    room_ms = _log_uniform(rng, 2.0, 20.0, count)[route] * _MINUTE_MS
    begin_ms = rng.uniform(0.0, horizon_ms, count)[route]
    held_ms = np.maximum(_log_uniform(rng, 10.0, 360.0, count)[route] * _MINUTE_MS, leg_ms * legs[route])
    held = (np.arange(count) % 3 == 0)[route]
    lower_m = rng.triangular(1000.0, 3000.0, 11_100.0, count)[route]
    return _Legs(
        *_hexagons(path[route, leg], path[route, leg + 1], half_m),
        start_ms=np.where(held, begin_ms, begin_ms + leg * leg_ms - room_ms),
        end_ms=np.where(held, begin_ms + held_ms, begin_ms + (leg + 1) * leg_ms + room_ms),
        lower_m=lower_m,
        upper_m=lower_m + rng.uniform(300.0, 900.0, count)[route],
        item=route,
        zone=False,
        circle=np.full((len(route), 3), np.nan),
    )


def _hexagons(start: Floats, end: Floats, half_m: Floats) -> tuple[Floats, Ints]:
    """Return rings round legs, pointed at both ends, and how many vertices each has."""
    forward, back = _bearing(start, end), _bearing(end, start)
    corners = [
        _away(start, forward + 180.0, half_m),
        _away(start, forward - 90.0, half_m),
        _away(end, back + 90.0, half_m),
        _away(end, back + 180.0, half_m),
        _away(end, back - 90.0, half_m),
        _away(start, forward + 90.0, half_m),
    ]
    return np.stack(corners, axis=1).reshape(-1, 2), np.full(len(start), len(corners), dtype=np.int64)


def _orbits(rng: np.random.Generator, centres: Floats, horizon_ms: float) -> list[_Legs]:
    """Half of them circles of 3-40 km, half of them racetracks as long; one volume an item."""
    reach_m = _log_uniform(rng, 3e3, 40e3, len(centres))
    half = len(centres) // 2
    circles = np.column_stack((centres, reach_m))[:half]
    rings = [
        Circle(center=LatLng(lat, lng), radius_m=radius_m).ring_deg()
        for lat, lng, radius_m in circles.tolist()
    ]
    tracks = _racetracks(rng, centres[half:], reach_m[half:])
    return [
        _one_each(rng, rings, circles, horizon_ms, (300.0, 8000.0), zone=False),
        _one_each(rng, tracks, np.full((len(tracks), 3), np.nan), horizon_ms, (300.0, 8000.0), zone=False),
    ]


def _racetracks(rng: np.random.Generator, centres: Floats, reach_m: Floats) -> list[Floats]:
    """Return rings of two half circles and the straights between, shape (24, 2) each."""
    bearing = rng.uniform(0, 360, len(centres))[:, np.newaxis] + np.array([0.0, 180.0])
    ends = _away(np.repeat(centres, 2, axis=0), bearing.ravel(), np.repeat(reach_m * 0.6, 2))
    turn = (bearing[:, :, np.newaxis] + np.linspace(-90.0, 90.0, _TURN_VERTICES)).ravel()
    rings = _away(np.repeat(ends, _TURN_VERTICES, axis=0), turn, np.repeat(reach_m * 0.4, 2 * _TURN_VERTICES))
    return list(rings.reshape(-1, 2 * _TURN_VERTICES, 2))


def _zones(rng: np.random.Generator, middles: Floats, horizon_ms: float) -> _Legs:
    """Star-shaped polygons of 3-200 vertices, up to 60 km from the middle; one volume an item."""
    count = len(middles)
    corners = np.rint(_log_uniform(rng, 3.0, 200.0, count)).astype(np.int64)
    first = np.cumsum(corners) - corners
    zone = np.repeat(np.arange(count), corners)
    place = np.arange(len(zone)) - first[zone]
    # The corners go round, no two more than 168 degrees apart: rays from the middle meet the ring once.
    azimuth = (place + rng.uniform(-0.2, 0.2, len(zone))) * 360.0 / corners[zone]
    distance_m = _log_uniform(rng, 500.0, 60e3, count)[zone] * rng.uniform(0.6, 1.0, len(zone))
    rings = np.split(_away(middles[zone], azimuth, distance_m), first[1:])
    return _one_each(rng, rings, np.full((count, 3), np.nan), horizon_ms, (0.0, 4000.0), zone=True)


def _one_each(
    rng: np.random.Generator,
    rings: list[Floats],
    circle: Floats,
    horizon_ms: float,
    height_m: tuple[float, float],
    *,
    zone: bool,
) -> _Legs:
    """Give each ring a time of 20 minutes to 6 hours and a band of 200-1,000 m."""
    count = len(rings)
    start_ms = rng.uniform(0.0, horizon_ms, count)
    lower_m = rng.uniform(*height_m, count)
    return _Legs(
        np.concatenate(rings) if rings else np.empty((0, 2)),
        np.array([len(ring) for ring in rings], dtype=np.int64),
        start_ms=start_ms,
        end_ms=start_ms + _log_uniform(rng, 20.0, 360.0, count) * _MINUTE_MS,
        lower_m=lower_m,
        upper_m=lower_m + rng.uniform(200.0, 1000.0, count),
        item=np.arange(count),
        zone=zone,
        circle=circle,
    )


def _edges(rng: np.random.Generator, size: int, horizon_ms: float) -> list[_Legs]:
    """Corridors, circles and zones over the antimeridian and over both poles."""
    volumes = size * _EDGE_SHARE
    routes = max(_EDGE_ITEMS_MIN, round(volumes * 0.6 / _CORRIDOR_LEGS_MEAN))
    others = max(_EDGE_ITEMS_MIN, round(volumes * 0.2))

    def places(count: int) -> Floats:
        polar = np.arange(count) % 2 == 0
        side = np.where(np.arange(count) % 4 < 2, 1.0, -1.0)
        lat = np.where(polar, side * rng.uniform(89.0, 90.0, count), rng.uniform(-65.0, 65.0, count))
        lng = np.where(polar, rng.uniform(-180.0, 180.0, count), side * rng.uniform(179.7, 180.0, count))
        return np.stack((lat, lng), axis=-1)

    return [
        _corridors(rng, places(routes), horizon_ms),
        *_orbits(rng, places(others), horizon_ms),
        _zones(rng, places(others), horizon_ms),
    ]


def _joined(rng: np.random.Generator, kinds: list[_Legs]) -> Traffic:
    """Join the kinds, with the items in a random order and their volumes together."""
    items = np.array([int(kind.item[-1]) + 1 if len(kind.item) else 0 for kind in kinds])
    before = np.cumsum(items) - items
    item = np.concatenate([kind.item + base for kind, base in zip(kinds, before.tolist(), strict=True)])
    place = rng.permutation(int(items.sum()))
    order = np.argsort(place[item], kind="stable")
    first = np.zeros(len(item) + 1, dtype=np.int64)
    np.cumsum(np.concatenate([kind.vertex_counts for kind in kinds]), out=first[1:])
    vertex, new_first = ring_vertices(first, order)
    zone = np.concatenate([np.full(len(kind.item), kind.zone) for kind in kinds])
    item = place[item][order]
    return Traffic(
        rings_deg=np.concatenate([kind.rings_deg for kind in kinds])[vertex],
        first=new_first,
        start_ms=EPOCH_MS + np.concatenate([kind.start_ms for kind in kinds])[order].astype(np.int64),
        end_ms=EPOCH_MS + np.concatenate([kind.end_ms for kind in kinds])[order].astype(np.int64),
        lower_m=np.concatenate([kind.lower_m for kind in kinds])[order],
        upper_m=np.concatenate([kind.upper_m for kind in kinds])[order],
        item=item,
        party=rng.integers(PARTIES, size=int(items.sum()))[item],
        zone=zone[order],
        circle=np.concatenate([kind.circle for kind in kinds])[order],
    )
