"""Zone entry: when a track that goes straight on comes into a volume, against steps along its way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.core.containment import Containment, Points, place
from keepclear.core.geodesy import LatLng, geodesic_direct
from keepclear.core.packed import pack
from keepclear.core.shapes import Polygon
from keepclear.core.volumes import Volume4D
from keepclear.core.zone_entry import Entries, Paths, entries
from tests.core.seen import NOON_MS
from tests.strategies import band, go, square, volume, window

LOOKAHEAD_S = 120.0


def found(
    start: LatLng,
    track_deg: float,
    speed_mps: float,
    *zones: Volume4D,
    rate_mps: float = 0.0,
    bounds_m: tuple[float, float] = (1_000.0, 1_000.0),
    age_s: float = 0.0,
) -> Entries:
    """Return what a track that was there at noon, or before, comes into."""
    n = len(zones)
    containment = Containment(place(pack(zones, range(n), range(n), [True] * n)))
    one = Points(
        np.array([start.lat_deg]), np.array([start.lng_deg]), np.zeros(1),
        np.array([bounds_m[0]]), np.array([bounds_m[1]]),
        np.array([NOON_MS - round(age_s * 1_000)], dtype=np.int64),
    )  # fmt: skip
    path = Paths(np.array([track_deg]), np.array([speed_mps]), np.array([rate_mps]))
    return entries(one, path, containment, NOON_MS, LOOKAHEAD_S)


def t_in_s(found_: Entries) -> float:
    """Return when it comes in; infinity for never."""
    return float(found_.t_in_s[0]) if len(found_.t_in_s) else math.inf


def by_steps_s(
    start: LatLng, track_deg: float, speed_mps: float, zone: Volume4D, rate_mps: float, step_s: float
) -> float:
    """Step along the geodesic until the place, the height and the time are in the volume."""
    steps = np.arange(0.0, LOOKAHEAD_S + step_s / 2.0, step_s)
    lat, lng = geodesic_direct(start.lat_deg, start.lng_deg, track_deg, speed_mps * steps)
    height = 1_000.0 + rate_mps * steps
    at_ms = NOON_MS + np.round(steps * 1_000.0).astype(np.int64)
    asked = Points(lat, lng, np.zeros(len(steps)), height, height, at_ms)
    hits = Containment(place(pack([zone], [0], [0], [True]))).find(asked)
    return float(steps[hits.points[0]]) if len(hits.points) else math.inf


def test_a_track_that_flies_at_a_square_comes_in_at_its_edge() -> None:
    start = go(47.0, 8.0, 270.0, 6_000.0)
    zone = volume(square(47.0, 8.0, 1_000.0))
    assert t_in_s(found(start, 90.0, 100.0, zone)) == pytest.approx(50.0, abs=0.1)


@pytest.mark.parametrize(("track_deg", "speed_mps"), [(270.0, 100.0), (90.0, 40.0), (60.0, 100.0)])
def test_one_that_flies_away_or_past_or_too_slowly_does_not(track_deg: float, speed_mps: float) -> None:
    start = go(47.0, 8.0, 270.0, 6_000.0)
    zone = volume(square(47.0, 8.0, 1_000.0))
    assert t_in_s(found(start, track_deg, speed_mps, zone)) == math.inf


def test_a_climb_brings_it_in_from_below() -> None:
    start = go(47.0, 8.0, 270.0, 500.0)
    zone = volume(square(47.0, 8.0, 20_000.0), None, band(1_300.0, 2_000.0))
    assert t_in_s(found(start, 90.0, 50.0, zone)) == math.inf
    assert t_in_s(found(start, 90.0, 50.0, zone, rate_mps=10.0)) == pytest.approx(30.0, abs=0.1)
    assert t_in_s(found(start, 90.0, 50.0, zone, rate_mps=-10.0)) == math.inf


def test_a_zone_that_begins_later_is_entered_then() -> None:
    zone = volume(square(47.0, 8.0, 20_000.0), window(1.0, 30.0))
    assert t_in_s(found(LatLng(47.0, 8.0), 90.0, 50.0, zone)) == pytest.approx(60.0)
    over = volume(square(47.0, 8.0, 20_000.0), window(-60.0, -1.0))
    assert t_in_s(found(LatLng(47.0, 8.0), 90.0, 50.0, over)) == math.inf


def test_an_old_position_is_brought_to_the_present_first() -> None:
    start = go(47.0, 8.0, 270.0, 6_000.0)
    zone = volume(square(47.0, 8.0, 1_000.0))
    assert t_in_s(found(start, 90.0, 100.0, zone, age_s=20.0)) == pytest.approx(30.0, abs=0.1)
    assert t_in_s(found(start, 90.0, 100.0, zone, age_s=55.0)) == pytest.approx(0.0, abs=0.1)


def test_bounds_of_height_that_only_touch_the_band_are_not_certain() -> None:
    start = go(47.0, 8.0, 270.0, 6_000.0)
    zone = volume(square(47.0, 8.0, 1_000.0), None, band(1_100.0, 2_000.0))
    for bounds_m, certain in (((1_000.0, 1_200.0), False), ((1_150.0, 1_200.0), True)):
        entry = found(start, 90.0, 100.0, zone, bounds_m=bounds_m)
        assert t_in_s(entry) == pytest.approx(50.0, abs=0.1)
        assert bool(entry.is_certain[0]) is certain
    unknown = found(start, 90.0, 100.0, zone, bounds_m=(-math.inf, math.inf))
    assert not unknown.is_certain[0]
    unbounded = found(start, 90.0, 100.0, volume(square(47.0, 8.0, 1_000.0)), bounds_m=(-math.inf, math.inf))
    assert unbounded.is_certain[0]


@given(
    st.sampled_from([LatLng(47.0, 8.0), LatLng(89.9, 10.0), LatLng(-60.0, 180.0), LatLng(0.0, 0.0)]),
    st.floats(0.0, 359.0),
    st.floats(100.0, 20_000.0),
    st.floats(0.0, 359.0),
    st.floats(5.0, 300.0),
    st.floats(-15.0, 15.0),
    st.integers(-2, 2),
)
@example(LatLng(89.9, 10.0), 0.0, 11_000.0, 180.0, 200.0, 0.0, 0)
def test_an_entry_is_told_to_the_second(
    centre: LatLng,
    bearing: float,
    distance_m: float,
    track_deg: float,
    speed_mps: float,
    rate_mps: float,
    begins_min: int,
) -> None:
    reach = (2_000.0, 5_000.0, 1_200.0, 4_000.0, 700.0)
    star = Polygon(vertices=tuple(go(*centre, 20.0 + 72.0 * k, each) for k, each in enumerate(reach)))
    zone = volume(star, window(begins_min, begins_min + 1.5), band(900.0, 1_800.0))
    start = go(*centre, bearing, distance_m)
    told = t_in_s(found(start, track_deg, speed_mps, zone, rate_mps=rate_mps))
    step_s = min(0.5, 50.0 / speed_mps)
    stepped = by_steps_s(start, track_deg, speed_mps, zone, rate_mps, step_s)
    if math.isinf(stepped):
        # It may be in for less than a step: then it is near the volume at the instant that is told.
        assert math.isinf(told) or math.isfinite(
            by_steps_s(start, track_deg, speed_mps, zone, rate_mps, step_s / 50.0)
        )
    else:
        assert told <= stepped + 0.1
        assert stepped - told <= 1.0 or math.isfinite(
            by_steps_s(start, track_deg, speed_mps, zone, rate_mps, step_s / 50.0)
        )


def test_of_many_zones_each_that_is_entered_is_told() -> None:
    start = go(47.0, 8.0, 270.0, 6_000.0)
    made = [volume(square(47.0, 8.0 + 0.02 * k, 500.0)) for k in range(8)]
    entry = found(start, 90.0, 100.0, *made)
    assert entry.volumes.tolist() == [k for k in range(8) if 55.0 + 15.2 * k <= LOOKAHEAD_S]
    assert (np.diff(entry.t_in_s) > 0.0).all()
