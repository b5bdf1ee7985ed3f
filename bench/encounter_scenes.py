"""Seeded pictures of tracks: what the benchmarks of encounters search, and hard cases for their answers.

Everything is drawn with a numpy `Generator`; the same size and seed give the same tracks on one machine (the
last bits of sines may differ between processors). Altitudes are levels in feet turned into metres, so two
of them are often 1,000 ft apart exactly, but for rounding: what air traffic control separates by.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.random import Generator

from keepclear.core.encounters import Minima
from keepclear.core.geodesy import Floats
from keepclear.core.motions import TrackArrays, grown_error_m
from keepclear.core.units import FOOT_M, NAUTICAL_MILE_M

SEED: Final = 7
EN_ROUTE: Final = Minima(lateral_m=5.0 * NAUTICAL_MILE_M, vertical_m=1_000.0 * FOOT_M, lookahead_s=300.0)
"""5 NM and 1,000 ft within 5 minutes."""
DRONES: Final = Minima(lateral_m=60.0, vertical_m=15.0, lookahead_s=60.0)
"""What drones that share a city may keep: 60 m and 15 m within a minute."""
BOGUS_KT: Final = 5_000.0

_KT_MPS: Final = NAUTICAL_MILE_M / 3600.0
_FPM_MPS: Final = FOOT_M / 60.0
_DEGREE_M: Final = 60.0 * NAUTICAL_MILE_M
_HUBS: Final = 30
_HUB_RADIUS_M: Final = 60.0 * NAUTICAL_MILE_M
_EN_ROUTE_SHARE: Final = 0.65
_CLIMBING_SHARE: Final = 0.15


def columns_of(tracks: TrackArrays) -> dict[str, Floats]:
    """Return the columns that tracks have."""
    named = {field.name: getattr(tracks, field.name) for field in fields(tracks)}
    return {name: column for name, column in named.items() if column is not None}


def digest(tracks: TrackArrays) -> str:
    """Return a hash of all columns: the same picture has the same."""
    sha = hashlib.sha256()
    for name, column in columns_of(tracks).items():
        sha.update(name.encode() + column.tobytes())
    return sha.hexdigest()[:16]


def europe(n: int, seed: int = SEED) -> TrackArrays:
    """Draw traffic over Europe: 65 % en route, the others climbing and descending round 30 hubs.

    Args:
        n: How many tracks.
        seed: The seed.
    """
    rng = np.random.default_rng(seed)
    lat_deg, lng_deg = _in_box(rng, n, 35.0, 60.0, -10.0, 30.0)
    altitude_ft, speed_kt, rate_fpm = _cruising(rng, n)
    hub_lat, hub_lng = _in_box(rng, _HUBS, 37.0, 58.0, -8.0, 28.0)
    near = np.flatnonzero(rng.random(n) >= _EN_ROUTE_SHARE)
    hub = rng.integers(0, _HUBS, len(near))
    away = np.sqrt(rng.random(len(near)))
    lat_deg[near], lng_deg[near] = _beside(
        hub_lat[hub], hub_lng[hub], away * _HUB_RADIUS_M, rng.uniform(0.0, 360.0, len(near))
    )
    # The farther out the higher, and the faster; nine in ten climb or descend.
    altitude_ft[near] = np.round(2_000.0 + 20_000.0 * away + rng.uniform(-1_500.0, 3_000.0, len(near)))
    speed_kt[near] = 160.0 + 220.0 * away + rng.uniform(0.0, 60.0, len(near))
    climbing = rng.uniform(500.0, 2_500.0, len(near)) * rng.choice([-1.0, 1.0], len(near))
    rate_fpm[near] = np.where(rng.random(len(near)) < 0.9, climbing, 0.0)
    return _tracks(lat_deg, lng_deg, altitude_ft, speed_kt, rng.uniform(0.0, 360.0, n), rate_fpm)


def globe(n: int, seed: int = SEED) -> TrackArrays:
    """Draw traffic en route, spread evenly over the earth, poles and antimeridian included.

    Args:
        n: How many tracks.
        seed: The seed.
    """
    rng = np.random.default_rng(seed)
    lat_deg, lng_deg = _in_box(rng, n, -90.0, 90.0, -180.0, 180.0)
    altitude_ft, speed_kt, rate_fpm = _cruising(rng, n)
    return _tracks(lat_deg, lng_deg, altitude_ft, speed_kt, rng.uniform(0.0, 360.0, n), rate_fpm)


def drones(n: int, seed: int = SEED) -> TrackArrays:
    """Draw drones over 100 km by 100 km, up to 20 m/s and 120 m high.

    Args:
        n: How many tracks.
        seed: The seed.
    """
    rng = np.random.default_rng(seed)
    east, north = rng.uniform(-50_000.0, 50_000.0, n), rng.uniform(-50_000.0, 50_000.0, n)
    lat_deg = 48.0 + north / _DEGREE_M
    return TrackArrays(
        latitude_deg=lat_deg,
        longitude_deg=11.0 + east / (_DEGREE_M * np.cos(np.radians(lat_deg))),
        altitude_m=rng.uniform(0.0, 120.0, n),
        ground_speed_mps=rng.uniform(0.0, 20.0, n),
        track_deg=rng.uniform(0.0, 360.0, n),
        vertical_rate_mps=np.where(rng.random(n) < 0.3, rng.uniform(-3.0, 3.0, n), 0.0),
    )


def with_bogus(tracks: TrackArrays, speed_kt: float = BOGUS_KT) -> TrackArrays:
    """Add one track in the middle of the others that is said to be much faster than can be."""
    more = {
        "latitude_deg": float(np.median(tracks.latitude_deg)),
        "longitude_deg": float(np.median(tracks.longitude_deg)),
        "altitude_m": float(np.median(tracks.altitude_m)),
        "ground_speed_mps": speed_kt * _KT_MPS,
        "track_deg": 77.0,
        "vertical_rate_mps": 0.0,
    }
    return TrackArrays(**{name: np.append(column, more[name]) for name, column in columns_of(tracks).items()})


# -- hard cases -----------------------------------------------------------------------------------


def crowded(
    n: int, seed: int, lat_deg: float = 50.0, lng_deg: float = 5.0, speed_max_kt: float = 600.0
) -> TrackArrays:
    """Draw tracks within 150 km round a place, level, climbing and still, on levels 500 ft apart.

    Args:
        n: How many tracks.
        seed: The seed.
        lat_deg: Where; the poles and the antimeridian are places like any other.
        lng_deg: Likewise.
        speed_max_kt: How fast the fastest is.
    """
    rng = np.random.default_rng(seed)
    lats, lngs = _round_place(rng, n, lat_deg, lng_deg, 150_000.0)
    level_ft = 500.0 * rng.integers(20, 41, n).astype(np.float64)
    rate = np.where(rng.random(n) < 0.4, rng.uniform(-3_000.0, 3_000.0, n), 0.0)
    speed = np.where(rng.random(n) < 0.1, 0.0, rng.uniform(0.0, speed_max_kt, n))
    return _tracks(lats, lngs, level_ft, speed, rng.uniform(0.0, 360.0, n), rate)


def antimeridian(n: int, seed: int) -> TrackArrays:
    """Draw tracks on both sides of the antimeridian, whose longitudes are told in either way."""
    rng = np.random.default_rng(seed)
    tracks = crowded(n, seed, float(rng.uniform(-60.0, 60.0)), 180.0)
    columns = columns_of(tracks)
    east = np.remainder(columns["longitude_deg"], 360.0)
    columns["longitude_deg"] = np.where((east > 180.0) & (rng.random(n) < 0.5), east - 360.0, east)
    return TrackArrays(**columns)


def poles(n: int, seed: int) -> TrackArrays:
    """Draw tracks round either pole, some of them exactly there."""
    rng = np.random.default_rng(seed)
    columns = columns_of(crowded(n, seed, 90.0 if seed % 2 else -90.0, 0.0))
    there = rng.random(n) < 0.02
    columns["latitude_deg"] = np.where(
        there, np.sign(columns["latitude_deg"]) * 90.0, columns["latitude_deg"]
    )
    return TrackArrays(**columns)


def formations(n: int, seed: int) -> TrackArrays:
    """Draw groups of tracks of the same velocity, 0 m to 14 km apart, some on the same spot."""
    rng = np.random.default_rng(seed)
    leaders = columns_of(crowded(n, seed, float(rng.uniform(-80.0, 80.0)), float(rng.uniform(-180.0, 180.0))))
    of = rng.integers(0, max(1, n // 4), n)
    columns = {name: column[of] for name, column in leaders.items()}
    apart_m = rng.choice([0.0, 20.0, 500.0, 9_000.0, 9_250.0, 9_270.0, 14_000.0], n)
    columns["latitude_deg"], columns["longitude_deg"] = _beside(
        columns["latitude_deg"], columns["longitude_deg"], apart_m, rng.choice([0.0, 90.0, 200.0], n)
    )
    columns["altitude_m"] = columns["altitude_m"] + rng.choice([0.0, 999.0, 1_000.0, 1_001.0], n) * FOOT_M
    return TrackArrays(**columns)


def hovering(n: int, seed: int) -> TrackArrays:
    """Draw drones of which half stand still, within 1,500 m by 1,500 m."""
    rng = np.random.default_rng(seed)
    columns = columns_of(drones(n, seed))
    columns["latitude_deg"], columns["longitude_deg"] = _beside(
        np.full(n, 48.0), np.full(n, 11.0), 1_500.0 * np.sqrt(rng.random(n)), rng.uniform(0.0, 360.0, n)
    )
    still = rng.random(n) < 0.5
    columns["ground_speed_mps"] = np.where(still, 0.0, columns["ground_speed_mps"])
    columns["vertical_rate_mps"] = np.where(still, 0.0, columns["vertical_rate_mps"])
    columns["altitude_m"] = np.round(columns["altitude_m"] / 5.0) * 5.0
    return TrackArrays(**columns)


def levels(n: int, seed: int) -> TrackArrays:
    """Draw level tracks on flight levels 1,000 ft apart, all of them through one place at one time."""
    rng = np.random.default_rng(seed)
    track_deg, speed_kt = rng.uniform(0.0, 360.0, n), rng.uniform(350.0, 500.0, n)
    until_s = rng.uniform(0.0, 400.0, n)
    lat_deg, lng_deg = _beside(
        np.full(n, 46.0),
        np.full(n, 8.0),
        speed_kt * _KT_MPS * until_s,
        np.remainder(track_deg + 180.0, 360.0),
    )
    return _tracks(
        lat_deg,
        lng_deg,
        1_000.0 * rng.integers(29, 42, n).astype(np.float64),
        speed_kt,
        track_deg,
        np.zeros(n),
    )


def uncertain(n: int, seed: int) -> TrackArrays:
    """Draw tracks whose positions are up to a minute old and not exact; of some the altitude is not known."""
    rng = np.random.default_rng(seed)
    columns = columns_of(crowded(n, seed, float(rng.uniform(-80.0, 80.0)), 12.0))
    age_s = np.where(rng.random(n) < 0.2, 0.0, rng.uniform(0.0, 60.0, n))
    unknown = rng.random(n) < 0.1
    columns["altitude_m"] = np.where(unknown, np.nan, columns["altitude_m"])
    return TrackArrays(
        **columns,
        age_s=age_s,
        horizontal_error_m=grown_error_m(rng.uniform(10.0, 200.0, n), age_s, 1.5),
        vertical_error_m=np.where(unknown, np.inf, grown_error_m(rng.uniform(5.0, 40.0, n), age_s, 0.1)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A kind of picture whose answers are held against brute force.

    Attributes:
        name: What it is called.
        draw: Draws it from a size and a seed.
        minima: What is to be kept in it.
    """

    name: str
    draw: Callable[[int, int], TrackArrays]
    minima: Minima


def _long(minima: Minima, lookahead_s: float, duration_s: float = 0.0) -> Minima:
    return Minima(
        lateral_m=minima.lateral_m,
        vertical_m=minima.vertical_m,
        lookahead_s=lookahead_s,
        duration_s=duration_s,
    )


SCENES: Final = (
    Scene(name="Europe", draw=lambda n, seed: europe(3 * n, seed), minima=EN_ROUTE),
    Scene(name="crowded", draw=crowded, minima=_long(EN_ROUTE, 300.0, 300.0)),
    Scene(name="crowded, 20 minutes", draw=crowded, minima=_long(EN_ROUTE, 1_200.0)),
    Scene(name="crowded, now only", draw=crowded, minima=_long(EN_ROUTE, 0.0, 120.0)),
    Scene(
        name="crowded, laterally alone",
        draw=crowded,
        minima=Minima(lateral_m=2_000.0, vertical_m=np.inf, lookahead_s=120.0),
    ),
    Scene(
        name="up to 1,900 kt", draw=lambda n, seed: crowded(n, seed, speed_max_kt=1_900.0), minima=EN_ROUTE
    ),
    Scene(name="antimeridian", draw=antimeridian, minima=EN_ROUTE),
    Scene(name="poles", draw=poles, minima=EN_ROUTE),
    Scene(name="formations", draw=formations, minima=EN_ROUTE),
    Scene(name="levels 1,000 ft apart", draw=levels, minima=EN_ROUTE),
    Scene(name="hovering", draw=hovering, minima=DRONES),
    Scene(name="one bogus track", draw=lambda n, seed: with_bogus(crowded(n, seed)), minima=EN_ROUTE),
    Scene(name="uncertain positions", draw=uncertain, minima=_long(EN_ROUTE, 180.0, 60.0)),
)


# -- parts of them --------------------------------------------------------------------------------


def _tracks(
    lat_deg: Floats,
    lng_deg: Floats,
    altitude_ft: Floats,
    speed_kt: Floats,
    track_deg: Floats,
    rate_fpm: Floats,
) -> TrackArrays:
    return TrackArrays(
        latitude_deg=lat_deg,
        longitude_deg=lng_deg,
        altitude_m=altitude_ft * FOOT_M,
        ground_speed_mps=speed_kt * _KT_MPS,
        track_deg=track_deg,
        vertical_rate_mps=rate_fpm * _FPM_MPS,
    )


def _in_box(
    rng: Generator, n: int, south: float, north: float, west: float, east: float
) -> tuple[Floats, Floats]:
    """Draw points in a box, evenly by area."""
    low, high = np.sin(np.radians([south, north]))
    return np.degrees(np.arcsin(rng.uniform(low, high, n))), rng.uniform(west, east, n)


def _cruising(rng: Generator, n: int) -> tuple[Floats, Floats, Floats]:
    """Draw altitudes (ft), speeds (kt) and vertical rates (ft/min) en route, mostly level."""
    level_ft = 1_000.0 * rng.integers(25, 42, n).astype(np.float64)
    climbs = rng.random(n) < _CLIMBING_SHARE
    off_ft = np.where(climbs, np.round(rng.uniform(-500.0, 500.0, n)), 0.0)
    rate_fpm = rng.uniform(500.0, 2_000.0, n) * rng.choice([-1.0, 1.0], n)
    return level_ft + off_ft, rng.uniform(400.0, 500.0, n), np.where(climbs, rate_fpm, 0.0)


def _beside(lat_deg: Floats, lng_deg: Floats, away_m: Floats, toward_deg: Floats) -> tuple[Floats, Floats]:
    """Return about where one is that far from a point; exact enough for a made-up picture."""
    toward = np.radians(toward_deg)
    north = lat_deg + away_m * np.cos(toward) / _DEGREE_M
    stretch = np.maximum(np.cos(np.radians(north)), 0.01)
    east = lng_deg + away_m * np.sin(toward) / (_DEGREE_M * stretch)
    return np.clip(north, -90.0, 90.0), np.remainder(east + 180.0, 360.0) - 180.0


def _round_place(
    rng: Generator, n: int, lat_deg: float, lng_deg: float, radius_m: float
) -> tuple[Floats, Floats]:
    """Draw points on a sphere within a distance of any place, a pole too."""
    angle = np.sqrt(rng.random(n)) * radius_m / (np.degrees(1.0) * _DEGREE_M)
    toward = rng.uniform(0.0, 2.0 * np.pi, n)
    lat = np.radians(lat_deg)
    sine = np.sin(lat) * np.cos(angle) + np.cos(lat) * np.sin(angle) * np.cos(toward)
    east = np.arctan2(np.sin(toward) * np.sin(angle) * np.cos(lat), np.cos(angle) - np.sin(lat) * sine)
    lng = np.remainder(lng_deg + np.degrees(east) + 180.0, 360.0) - 180.0
    return np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0))), lng
