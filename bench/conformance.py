"""How long it takes to compare the tracks of a picture with what is declared.

A cycle takes the picture of 10,000 tracks and compares it with 1,000 operations of five volumes each and
with 200 zones. It is the CPU time of the calling thread.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from bench import measure
from bench.measure import Row
from keepclear.core.altitudes import AltitudeBand, Atmosphere
from keepclear.core.conflicts import Item
from keepclear.core.conformance import Conformance
from keepclear.core.conformance_findings import ConformanceCycle, ConformanceSettings, Declared
from keepclear.core.constraints import Constraint, ConstraintRule
from keepclear.core.containment import Containment, Points, place
from keepclear.core.geodesy import Floats, LatLng, geodesic_direct
from keepclear.core.intents import IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.kinds import TrackKind
from keepclear.core.packed import pack
from keepclear.core.shapes import Circle, CorridorLeg, Outline, Polygon
from keepclear.core.times import TimeWindow, floor_ms
from keepclear.core.track_picture import TrackPicture, TrackStatus
from keepclear.core.volumes import Volume3D, Volume4D

TRACKS: Final = 10_000
OPERATIONS: Final = 1_000
ZONES: Final = 200
VOLUMES: Final = 5
CYCLES: Final = 30
CONTAINMENT_GOAL_S: Final = 0.060

_START: Final = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
_LAT, _LNG, _SPREAD_DEG = 48.0, 9.0, 6.0
_AIR: Final = Atmosphere(qnh_min_hpa=1000.0, qnh_max_hpa=1030.0)


def _along(start: LatLng, bearing_deg: float, distance_m: float) -> LatLng:
    lat, lng = geodesic_direct(start.lat_deg, start.lng_deg, bearing_deg, distance_m)
    return LatLng(float(lat), float(lng))


def _volume(outline: Outline, upper_m: float = 4_000.0) -> Volume4D:
    window = TimeWindow(start=_START - timedelta(minutes=30), end=_START + timedelta(hours=2))
    band = AltitudeBand(lower_m=-100.0, upper_m=upper_m)
    return Volume4D(volume=Volume3D(outline=outline, altitude=band), time=window)


def operations(count: int, rng: np.random.Generator) -> list[tuple[OperationalIntent, LatLng, float]]:
    """Make operations of five legs of 8 km each, with where and in which direction each begins."""
    made = []
    for number in range(count):
        here = LatLng(_LAT + rng.normal() * _SPREAD_DEG / 2.0, _LNG + rng.normal() * _SPREAD_DEG)
        bearing = float(rng.uniform(0.0, 360.0))
        corners = [_along(here, bearing, 8_000.0 * k) for k in range(VOLUMES + 1)]
        legs = [
            _volume(CorridorLeg(start=a, end=b, half_width_m=1_500.0)) for a, b in itertools.pairwise(corners)
        ]
        operation = OperationalIntent(
            id=ItemId(f"op-{number}"),
            volumes=tuple(legs),
            party=PartyId(f"party-{number % 4}"),
            state=IntentState.ACTIVATED,
            callsign=f"CALL{number}",
        )
        made.append((operation, here, bearing))
    return made


def zones(count: int, rng: np.random.Generator) -> list[Constraint]:
    """Make zones: circles of 2 to 20 km, and every fourth a polygon of eight corners."""
    made = []
    for number in range(count):
        here = LatLng(_LAT + rng.normal() * _SPREAD_DEG / 2.0, _LNG + rng.normal() * _SPREAD_DEG)
        reach_m = float(rng.uniform(2_000.0, 20_000.0))
        outline: Outline = Circle(center=here, radius_m=reach_m)
        if number % 4 == 0:
            outline = Polygon(vertices=tuple(_along(here, 45.0 * k, reach_m) for k in range(8)))
        rule = ConstraintRule.NOTIFY_FIRST if number % 3 else ConstraintRule.KEEP_OUT
        made.append(
            Constraint(
                id=ItemId(f"zone-{number}"),
                volumes=(_volume(outline, 1_500.0),),
                party=PartyId("owner"),
                rule=rule,
            )
        )
    return made


def _picture(
    at_ms: int, ids: Sequence[str], lat: Floats, lng: Floats, told: Sequence[str | None], bearing: Floats
) -> TrackPicture:  # fmt: skip
    n = len(ids)
    nan = np.full(n, np.nan)
    none = (None,) * n
    no = np.zeros(n, dtype=np.bool_)
    seen_ms = np.full(n, at_ms - 400, dtype=np.int64)
    return TrackPicture(
        at_ms=at_ms, ids=tuple(ids), sources=(("bench",),) * n, twins=((),) * n,
        latitude_deg=lat, longitude_deg=lng, position_ms=seen_ms, reported_ms=seen_ms,
        altitude_m=np.where(np.arange(n) % 2 == 0, 1_000.0, np.nan),
        pressure_altitude_ft=np.full(n, 3_300.0), altitude_ms=seen_ms,
        ground_speed_mps=np.full(n, 80.0), track_deg=bearing % 360.0, vertical_rate_mps=np.zeros(n),
        vertical_slope_mps=nan, turn_rate_dps=nan,
        horizontal_error_m=np.full(n, 30.0), vertical_error_m=np.full(n, 20.0), selected_altitude_ft=nan,
        status=np.full(n, TrackStatus.CURRENT.code, dtype=np.uint8),
        is_derived=no, is_frozen=no, is_suspect=no, on_ground=no, suspicions=none,
        kinds=(TrackKind.AEROPLANE,) * n, callsigns=tuple(told), squawks=none, parties=none, operations=none,
    )  # fmt: skip


def pictures(
    made: Sequence[tuple[OperationalIntent, LatLng, float]], count: int, cycles: int, rng: np.random.Generator
) -> list[TrackPicture]:
    """Make the pictures of some seconds: one track in ten has a callsign, the others fly where nobody knows.

    A hundredth of the identified tracks leaves what its operation declares.
    """
    ids = [f"icao:{number:06x}" for number in range(count)]
    which = np.arange(count) % len(made)
    starts = np.array([made[k][1] for k in which.tolist()], dtype=np.float64)
    bearing = np.array([made[k][2] for k in which.tolist()])
    flies = np.arange(count) < len(made)
    aside = np.where(flies & (which % 100 == 0), 4_000.0, rng.uniform(-1_000.0, 1_000.0, count))
    aside[~flies] = rng.uniform(-200_000.0, 200_000.0, int((~flies).sum()))
    told = [made[int(k)][0].callsign if fly else None for k, fly in zip(which, flies, strict=True)]
    begun_m = rng.uniform(0.0, 30_000.0, count)
    result = []
    for cycle in range(cycles):
        lat, lng = geodesic_direct(starts[:, 0], starts[:, 1], bearing, begun_m + 80.0 * cycle)
        lat, lng = geodesic_direct(lat, lng, bearing + 90.0, aside)
        result.append(_picture(floor_ms(_START) + 1_000 * cycle, ids, lat, lng, told, bearing))
    return result


def containment_row(rng: np.random.Generator) -> Row:
    """Measure which of 10,000 points are in which of 2,000 volumes and 200 zones."""
    items = [operation for operation, _, _ in operations(400, rng)]
    held: list[Item] = [*items, *zones(ZONES, rng)]
    volumes = [volume for item in held for volume in item.volumes]
    count = len(volumes)
    containment = Containment(place(pack(volumes, range(count), range(count), [False] * count)))
    centre = containment.volumes.centre[rng.integers(0, count, TRACKS)]
    lat = np.degrees(np.arcsin(centre[:, 2])) + rng.normal(0.0, 0.05, TRACKS)
    lng = np.degrees(np.arctan2(centre[:, 1], centre[:, 0])) + rng.normal(0.0, 0.05, TRACKS)
    points = Points(
        lat, lng, np.full(TRACKS, 30.0), np.full(TRACKS, 980.0), np.full(TRACKS, 1_020.0),
        np.full(TRACKS, floor_ms(_START), dtype=np.int64),
    )  # fmt: skip
    found = containment.find(points)
    times = measure.calls(containment.find, [points] * 5)
    note = "" if times.cpu_s <= CONTAINMENT_GOAL_S else "MISSED: at most 60 ms"
    return measure.row_of("10,000 points in volumes", count, times, f"{len(found.points):,} hits", note)


def figures(cycles: int = CYCLES) -> list[Row]:
    """Measure containment, and whole cycles."""
    rng = np.random.default_rng(7)
    result = [containment_row(rng)]
    made = operations(OPERATIONS, rng)
    items: list[Item] = [*(operation for operation, _, _ in made), *zones(ZONES, rng)]
    for told in (True, False):
        watch = Conformance(ConformanceSettings(atmosphere=_AIR, tells_undeclared=told))
        for item in items:
            watch.hold(Declared(item=item))
        result.append(_cycle_row(watch, pictures(made, TRACKS, cycles, rng), told))
    return result


def _cycle_row(watch: Conformance, seen: Sequence[TrackPicture], told: bool) -> Row:
    def check(picture: TrackPicture) -> ConformanceCycle:
        return watch.check(picture, picture.at_ms, coverage=True)

    first = check(seen[0])
    times = measure.calls(check, seen[1:], runs=1)
    answer = f"{len(first.assignments):,} assigned, {len(first.signals):,} signals"
    what = f"a cycle of {TRACKS:,} tracks" + ("" if told else ", undeclared ones counted only")
    return measure.row_of(what, OPERATIONS * VOLUMES + ZONES, times, answer, "one after the other")


def bench_conformance(rows: list[Row], *, quick: bool = False) -> None:
    """Measure containment and whole cycles, and append the rows."""
    rows += figures(3 if quick else CYCLES)
