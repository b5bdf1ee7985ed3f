"""Units, times, altitudes, states and items: the values that everything is made of."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core import units
from keepclear.core.altitudes import (
    GEOID_ABOVE_M,
    GEOID_BELOW_M,
    Altitude,
    AltitudeBand,
    Atmosphere,
    Datum,
    LengthUnit,
    band_of,
)
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import (
    TRANSITIONS,
    IntentEvent,
    IntentState,
    ItemId,
    OperationalIntent,
    next_state,
)
from keepclear.core.times import TimeWindow, ceil_ms, floor_ms, instant_of, rfc3339
from tests.strategies import square, volume

# -- units ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "length_m"),
    [("500", 500.0), ("500m", 500.0), ("3NM", 5556.0), ("1000 ft", 304.8), ("1.5km", 1500.0), (".5 m", 0.5)],
)
def test_a_length_is_read_with_its_unit(text: str, length_m: float) -> None:
    assert units.parse_length_m(text) == pytest.approx(length_m)


@pytest.mark.parametrize("text", ["", "-5m", "5 miles", "1e3", "nan", "inf", "5m6", "\u0665m", "9" * 400])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        units.parse_length_m(text)


@pytest.mark.parametrize(
    ("text", "duration_s"), [("90", 90.0), ("3min", 180.0), ("2h", 7200.0), ("1 d", 86400.0)]
)
def test_a_duration_is_read_with_its_unit(text: str, duration_s: float) -> None:
    assert units.parse_duration_s(text) == duration_s


@pytest.mark.parametrize(
    ("text", "speed_mps"), [("60", 60.0), ("60m/s", 60.0), ("36 km/h", 10.0), ("120kt", 61.7333333)]
)
def test_a_speed_is_read_with_its_unit(text: str, speed_mps: float) -> None:
    assert units.parse_speed_mps(text) == pytest.approx(speed_mps)


@pytest.mark.parametrize("text", ["", "-5kt", "5 m", "5/s", "mach 1", "9" * 400])
def test_what_is_no_speed_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        units.parse_speed_mps(text)


def test_feet_and_metres_are_inverse() -> None:
    assert units.m_to_feet(units.feet_to_m(35_000.0)) == pytest.approx(35_000.0)


# -- times ------------------------------------------------------------------------------------------


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001  # made aware below
def test_milliseconds_enclose_the_instant(naive: datetime) -> None:
    instant = naive.replace(tzinfo=UTC)
    assert instant_of(floor_ms(instant)) <= instant <= instant_of(ceil_ms(instant))
    assert ceil_ms(instant) - floor_ms(instant) in (0, 1)


def test_a_window_needs_zones_and_the_right_order() -> None:
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    with pytest.raises(InvalidValueError, match="needs a zone"):
        TimeWindow(start=datetime(2026, 5, 1, 12), end=noon)  # noqa: DTZ001  # the point of the test
    with pytest.raises(InvalidValueError, match="after time_end"):
        TimeWindow(start=noon + timedelta(seconds=1), end=noon)
    assert TimeWindow(start=noon, end=noon).duration_s == 0.0


def test_an_instant_is_written_in_utc() -> None:
    there = timezone(timedelta(hours=3))
    assert rfc3339(datetime(2026, 5, 1, 12, tzinfo=there)) == "2026-05-01T09:00:00Z"


# -- altitudes --------------------------------------------------------------------------------------


def test_above_mean_sea_level_is_widened_by_the_geoid() -> None:
    sea = Altitude(value=1000.0, unit=LengthUnit.FT, datum=Datum.MSL)
    assert band_of(sea, sea) == AltitudeBand(lower_m=304.8 - GEOID_BELOW_M, upper_m=304.8 + GEOID_ABOVE_M)


def test_a_flight_level_needs_the_pressure_and_is_widened_by_it() -> None:
    level = Altitude.flight_level(100)
    with pytest.raises(InvalidValueError, match="--qnh"):
        level.w84_bounds_m()
    standard = Atmosphere(
        qnh_min_hpa=1013.25, qnh_max_hpa=1013.25, isa_deviation_min_k=0, isa_deviation_max_k=0
    )
    low_m, high_m = standard.msl_bounds_m(level.value_m)
    assert low_m == pytest.approx(3048.0)
    assert high_m == pytest.approx(3048.0)
    # 27 ft a hPa near sea level: 40 hPa less puts the level some 1,090 ft lower.
    low = Atmosphere(qnh_min_hpa=973.25, qnh_max_hpa=973.25, isa_deviation_min_k=0, isa_deviation_max_k=0)
    assert low.msl_bounds_m(level.value_m)[0] == pytest.approx(3048.0 - 333.0, abs=10.0)
    # 10 K warmer air lifts a level by some 4 %.
    warm = Atmosphere(qnh_min_hpa=1013.25, qnh_max_hpa=1013.25, isa_deviation_min_k=0, isa_deviation_max_k=10)
    assert warm.msl_bounds_m(level.value_m)[1] == pytest.approx(3048.0 * 1.037, rel=0.005)


@given(st.floats(0.0, 12_000.0), st.floats(950.0, 1050.0), st.floats(-30.0, 30.0))
def test_wider_bounds_of_the_air_never_narrow_a_flight_level(
    pressure_m: float, qnh: float, isa: float
) -> None:
    exact = Atmosphere(qnh_min_hpa=qnh, qnh_max_hpa=qnh, isa_deviation_min_k=isa, isa_deviation_max_k=isa)
    wide = Atmosphere(
        qnh_min_hpa=950.0, qnh_max_hpa=1050.0, isa_deviation_min_k=-30.0, isa_deviation_max_k=30.0
    )
    low_m, high_m = exact.msl_bounds_m(pressure_m)
    wide_low_m, wide_high_m = wide.msl_bounds_m(pressure_m)
    assert wide_low_m <= low_m <= high_m <= wide_high_m


def test_height_above_ground_is_refused_without_terrain() -> None:
    with pytest.raises(InvalidValueError, match="needs terrain"):
        band_of(None, Altitude(value=120.0, datum=Datum.AGL))


def test_bounds_reversed_as_stated_are_refused_even_where_widening_would_hide_it() -> None:
    upper, lower = (Altitude(value=v, datum=Datum.MSL) for v in (100.0, 150.0))
    with pytest.raises(InvalidValueError, match="above altitude_upper"):
        band_of(lower, upper)


@pytest.mark.parametrize("value", [math.nan, math.inf, -20_000.0, 2e6])
def test_an_altitude_out_of_range_is_refused(value: float) -> None:
    with pytest.raises(InvalidValueError, match="not an altitude"):
        Altitude(value=value)


def test_a_missing_bound_is_unbounded() -> None:
    assert band_of(None, Altitude(value=100.0)) == AltitudeBand(upper_m=100.0)


# -- items ------------------------------------------------------------------------------------------


def test_states_follow_the_table_and_nothing_leaves_ended() -> None:
    assert next_state(IntentState.ACCEPTED, IntentEvent.ACTIVATE) is IntentState.ACTIVATED
    with pytest.raises(InvalidValueError, match="Contingent does not allow 'activate'; it allows end"):
        next_state(IntentState.CONTINGENT, IntentEvent.ACTIVATE)
    assert not any(state is IntentState.ENDED for state, _ in TRANSITIONS)
    assert {s for s in IntentState if s is not IntentState.ENDED} == {state for state, _ in TRANSITIONS}


@pytest.mark.parametrize("name", ["", "x" * 257, "a\nb", "\x1b[2J"])
def test_an_id_must_be_printable_and_short(name: str) -> None:
    with pytest.raises(InvalidValueError, match="id"):
        OperationalIntent(id=ItemId(name), volumes=(volume(square(0, 0, 10)),))


def test_an_item_needs_a_volume() -> None:
    with pytest.raises(InvalidValueError, match="at least one volume"):
        OperationalIntent(id=ItemId("A"), volumes=())


@pytest.mark.parametrize(
    "bounds", [(math.inf, math.inf), (-math.inf, -math.inf), (1e16, 1e16), (math.nan, 0.0), (0.0, -1.0)]
)
def test_a_band_must_be_one(bounds: tuple[float, float]) -> None:
    with pytest.raises(InvalidValueError):
        AltitudeBand(lower_m=bounds[0], upper_m=bounds[1])
