"""Hand-made encounters: what everybody would say of two flights, in places where arithmetic goes wrong.

Each case is two flights, minima, and the answer with its reason. Many detectors fail some of them: at the
antimeridian and the poles, where two fly alike (a division by zero), and at levels that are exactly a
thousand feet apart (a foot is no whole number of metres).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from keepclear.core.encounters import Encounters, Minima, find_encounters
from keepclear.core.index import Engine
from keepclear.core.motions import TrackArrays
from keepclear.core.units import feet_to_m
from tests.core.test_encounters import ENGINES

KNOT_MPS = 1_852.0 / 3_600.0
EN_ROUTE = Minima(lateral_m=9_260.0, vertical_m=304.8)
DRONES = Minima(lateral_m=60.0, vertical_m=15.0, lookahead_s=60.0)
NM_DEG = 1_852.0 / 111_194.9  # of a great circle; on the ellipsoid a little more or less than 1 NM


@dataclass(frozen=True, kw_only=True)
class Flight:
    """As a controller would say it."""

    lat: float
    lng: float
    ft: float
    kt: float = 0.0
    track: float = 0.0
    fpm: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    a: Flight
    b: Flight
    t_in_s: float | None
    """When the loss begins; None if there is none."""
    d_cpa_m: float | None = None
    minima: Minima = EN_ROUTE


CASES = (
    Case(
        name="head on at one level: 60 NM apart, closing at 900 kt, too close 5 NM before they meet",
        a=Flight(lat=0.0, lng=0.0, ft=35_000, kt=450, track=90),
        b=Flight(lat=0.0, lng=111_120.0 / 111_319.491, ft=35_000, kt=450, track=270),
        t_in_s=220.0,
        d_cpa_m=0.0,
    ),
    Case(
        name="head on, exactly 1,000 ft apart: that is separation",
        a=Flight(lat=0.0, lng=0.0, ft=35_000, kt=450, track=90),
        b=Flight(lat=0.0, lng=0.5, ft=36_000, kt=450, track=270),
        t_in_s=None,
    ),
    Case(
        name="the same, the other way up",
        a=Flight(lat=0.0, lng=0.0, ft=36_000, kt=450, track=90),
        b=Flight(lat=0.0, lng=0.5, ft=35_000, kt=450, track=270),
        t_in_s=None,
    ),
    Case(
        name="head on, 975 ft apart: 25 ft too little",
        a=Flight(lat=0.0, lng=0.0, ft=35_000, kt=450, track=90),
        b=Flight(lat=0.0, lng=0.5, ft=35_975, kt=450, track=270),
        t_in_s=(0.5 * 111_319.491 - 9_260.0) / (900 * KNOT_MPS),
        d_cpa_m=0.0,
    ),
    Case(
        name="across the antimeridian",
        a=Flight(lat=-17.0, lng=179.8, ft=35_000, kt=450, track=90),
        b=Flight(lat=-17.0, lng=-179.8, ft=35_000, kt=450, track=270),
        t_in_s=(42_594.4 - 9_260.0) / (900 * KNOT_MPS),  # 0.4 degrees of the parallel at 17 S
        d_cpa_m=0.0,
    ),
    Case(
        name="over the north pole, from both sides of it",
        a=Flight(lat=89.7, lng=20.0, ft=35_000, kt=450, track=0),
        b=Flight(lat=89.7, lng=-160.0, ft=35_000, kt=450, track=0),
        t_in_s=(2 * 33_508.2 - 9_260.0) / (900 * KNOT_MPS),  # 0.3 degrees of the meridian there
        d_cpa_m=0.0,
    ),
    Case(
        name="at the south pole itself, hovering, one just beside it",
        a=Flight(lat=-90.0, lng=0.0, ft=10_000),
        b=Flight(lat=-89.99, lng=77.0, ft=10_000),
        t_in_s=0.0,
        d_cpa_m=1_116.9,
    ),
    Case(
        name="formation: 100 m apart at the same velocity, too close now and for ever",
        a=Flight(lat=35.0, lng=36.0, ft=20_000, kt=300, track=45),
        b=Flight(lat=35.0 + 100.0 / 110_941.0, lng=36.0, ft=20_000, kt=300, track=45),
        t_in_s=0.0,
        d_cpa_m=100.0,
    ),
    Case(
        name="in trail, 4 NM behind at the same speed",
        a=Flight(lat=10.0, lng=0.0, ft=30_000, kt=420, track=0),
        b=Flight(lat=10.0 + 4 * 1_852.0 / 110_605.0, lng=0.0, ft=30_000, kt=420, track=0),
        t_in_s=0.0,
        d_cpa_m=7_408.0,
    ),
    Case(
        name="in trail, 6 NM behind at the same speed: separation for ever",
        a=Flight(lat=10.0, lng=0.0, ft=30_000, kt=420, track=0),
        b=Flight(lat=10.0 + 6 * 1_852.0 / 110_605.0, lng=0.0, ft=30_000, kt=420, track=0),
        t_in_s=None,
    ),
    Case(
        name="in trail, 6 NM behind and 30 kt faster: 1 NM to go at 30 kt",
        a=Flight(lat=10.0, lng=0.0, ft=30_000, kt=450, track=0),
        b=Flight(lat=10.0 + 6 * 1_852.0 / 110_605.0, lng=0.0, ft=30_000, kt=420, track=0),
        t_in_s=120.0,
        d_cpa_m=6 * 1_852.0 - 30 * KNOT_MPS * 300.0,
    ),
    Case(
        name="two drones that hover 50 m apart",
        a=Flight(lat=35.5, lng=35.8, ft=200),
        b=Flight(lat=35.5 + 50.0 / 110_950.0, lng=35.8, ft=200),
        t_in_s=0.0,
        d_cpa_m=50.0,
        minima=DRONES,
    ),
    Case(
        name="two drones that hover 70 m apart",
        a=Flight(lat=35.5, lng=35.8, ft=200),
        b=Flight(lat=35.5 + 70.0 / 110_950.0, lng=35.8, ft=200),
        t_in_s=None,
        minima=DRONES,
    ),
    Case(
        name="on top of each other in the plan, 2,000 ft apart, one descending at 2,000 ft/min: 30 s to go",
        a=Flight(lat=50.0, lng=8.0, ft=20_000, kt=0),
        b=Flight(lat=50.0, lng=8.0, ft=22_000, kt=0, fpm=-2_000),
        t_in_s=30.0,
        d_cpa_m=0.0,
    ),
    Case(
        name="crossing levels, but only when long past each other",
        a=Flight(lat=0.0, lng=0.0, ft=20_000, kt=450, track=90),
        b=Flight(lat=0.0, lng=0.05, ft=30_000, kt=450, track=270, fpm=-2_000),
        t_in_s=None,
    ),
    Case(
        name="diverging, still 3 NM apart",
        a=Flight(lat=0.0, lng=0.0, ft=20_000, kt=300, track=270),
        b=Flight(lat=0.0, lng=5_556.0 / 111_319.491, ft=20_000, kt=300, track=90),
        t_in_s=0.0,
        d_cpa_m=5_556.0,
    ),
    Case(
        name="crossing at right angles, one 6 NM late: it passes 4.2 NM behind",
        a=Flight(lat=0.0, lng=-20 * 1_852.0 / 111_319.491, ft=33_000, kt=480, track=90),
        b=Flight(lat=-26 * 1_852.0 / 110_574.4, lng=0.0, ft=33_000, kt=480, track=0),
        t_in_s=(46.0 - np.sqrt(14.0)) / 2.0 / 8.0 * 60.0,  # |(20 - u, 26 - u)| = 5 NM, at 8 NM a minute
        d_cpa_m=6 / np.sqrt(2) * 1_852.0,
    ),
    Case(
        name="crossing at right angles, one 8 NM late: it passes 5.7 NM behind",
        a=Flight(lat=0.0, lng=-20 * 1_852.0 / 111_319.491, ft=33_000, kt=480, track=90),
        b=Flight(lat=-28 * 1_852.0 / 110_574.4, lng=0.0, ft=33_000, kt=480, track=0),
        t_in_s=None,
    ),
    Case(
        name="a loss that begins after the look-ahead is none yet",
        a=Flight(lat=0.0, lng=0.0, ft=35_000, kt=450, track=90),
        b=Flight(lat=0.0, lng=1.5, ft=35_000, kt=450, track=270),
        t_in_s=None,
    ),
    Case(
        name="5 NM apart exactly and abeam: that is separation",
        a=Flight(lat=0.0, lng=0.0, ft=35_000, kt=450, track=90),
        b=Flight(lat=np.degrees(9_260.001 / 6_335_439.327), lng=0.0, ft=35_000, kt=450, track=90),
        t_in_s=None,
        minima=Minima(lateral_m=9_260.0, vertical_m=304.8, lookahead_s=0.0),
    ),
)


def judged(case: Case, engine: Engine) -> Encounters:
    flights = (case.a, case.b)
    tracks = TrackArrays(
        latitude_deg=np.array([each.lat for each in flights]),
        longitude_deg=np.array([each.lng for each in flights]),
        altitude_m=np.array([feet_to_m(each.ft) for each in flights]),
        ground_speed_mps=np.array([each.kt * KNOT_MPS for each in flights]),
        track_deg=np.array([float(each.track) for each in flights]),
        vertical_rate_mps=np.array([feet_to_m(each.fpm) / 60.0 for each in flights]),
    )
    return find_encounters(tracks, case.minima, engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_everybody_would_say_so(case: Case, engine: Engine) -> None:
    found = judged(case, engine)
    if case.t_in_s is None:
        assert found.a.size == 0
        return
    assert (found.a.tolist(), found.b.tolist()) == ([0], [1])
    assert found.t_in_s[0] == pytest.approx(case.t_in_s, abs=0.05)
    if case.d_cpa_m is not None:
        assert found.d_cpa_m[0] == pytest.approx(case.d_cpa_m, abs=1.0)
