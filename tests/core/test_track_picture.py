"""A picture of tracks ages what it shows, and says by which altitudes pairs are judged."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.errors import InvalidValueError
from keepclear.core.track_picture import (
    AGE_LIMIT_MAX_S,
    MIXED_DATUM_ERROR_M,
    MIXED_DATUM_ERROR_RATIO,
    STATUSES,
    Ageing,
    TrackPicture,
    TrackStatus,
)
from keepclear.core.track_table import TrackTable
from tests.core.reported import NOON_MS, gathered, report

FOOT_M = 0.3048


def picture_of(*told: dict[str, Any], at_s: float = 0.0) -> TrackPicture:
    """Return a picture of aircraft of which each tells something of its own."""
    table = TrackTable()
    table.take(gathered([report(f"icao:{k}", 0.0, **each) for k, each in enumerate(told)]))
    return table.picture(NOON_MS + round(at_s * 1000))


@pytest.mark.parametrize(
    ("ages", "field"),
    [
        ({"current_s": 0.0}, "current_s"),
        ({"coast_s": 5.0}, "coast_s"),
        ({"degraded_s": math.nan}, "degraded_s"),
        ({"forget_s": AGE_LIMIT_MAX_S + 1.0}, "forget_s"),
    ],
)
def test_ages_rise_within_a_limit(ages: dict[str, float], field: str) -> None:
    with pytest.raises(InvalidValueError) as error:
        Ageing(**ages)
    assert error.value.field == field


@given(st.floats(0.0, 1e6))
def test_the_code_of_a_status_is_its_place(age_s: float) -> None:
    ageing = Ageing()
    limits = ageing.current_s, ageing.coast_s, ageing.degraded_s
    code = int(ageing.codes(np.array([age_s]))[0])
    assert code == sum(age_s > limit for limit in limits)
    assert STATUSES[code].code == code


def test_the_statuses_go_from_fresh_to_lost() -> None:
    assert STATUSES == (
        TrackStatus.CURRENT,
        TrackStatus.COASTING,
        TrackStatus.DEGRADED,
        TrackStatus.LOST,
    )


def test_pairs_are_judged_by_pressure_altitude_where_all_tell_it() -> None:
    picture = picture_of({"altitude_m": 10_900.0}, {"pressure_altitude_ft": 30_000.0})
    judged = picture.altitude_of_judgement()
    np.testing.assert_allclose(judged.altitude_m, [35_000.0 * FOOT_M, 30_000.0 * FOOT_M])
    np.testing.assert_array_equal(judged.vertical_error_m, picture.vertical_error_m)


def test_a_height_among_pressure_altitudes_may_be_off_by_what_lies_between_the_datums() -> None:
    only_height = {"pressure_altitude_ft": math.nan, "altitude_m": 1_000.0}
    alone, mixed = picture_of(only_height), picture_of(only_height, {})
    np.testing.assert_array_equal(alone.altitude_of_judgement().vertical_error_m, alone.vertical_error_m)
    judged = mixed.altitude_of_judgement()
    apart_m = MIXED_DATUM_ERROR_M + MIXED_DATUM_ERROR_RATIO * 1_000.0
    np.testing.assert_allclose(judged.vertical_error_m - mixed.vertical_error_m, [apart_m, 0.0])


def test_an_altitude_that_is_not_told_may_be_any() -> None:
    judged = picture_of({"pressure_altitude_ft": math.nan}, {}).altitude_of_judgement()
    assert math.isnan(judged.altitude_m[0])
    assert judged.vertical_error_m[0] == math.inf
    assert np.isfinite(judged.vertical_error_m[1])


def test_an_altitude_newer_than_the_position_is_brought_back_to_its_instant() -> None:
    table = TrackTable()
    for at_s in range(9):  # frozen, and descending at 10 m/s
        altitude_ft = 35_000.0 - 10.0 / FOOT_M * at_s
        table.take(gathered([report("icao:0", at_s, pressure_altitude_ft=altitude_ft)]))
    picture = table.picture(NOON_MS + 9_000)
    rate_mps = np.array([-10.0])
    judged = picture.altitude_of_judgement(rate_mps)
    now_m = judged.altitude_m + rate_mps * picture.age_s
    np.testing.assert_allclose(now_m, 35_000.0 * FOOT_M - 90.0, atol=1e-6)


def test_a_picture_has_a_row_of_every_column_for_each() -> None:
    picture = picture_of({}, {}, {})
    assert len(picture) == 3
    with pytest.raises(AssertionError, match="twins has a row for each"):
        TrackPicture(**{name: getattr(picture, name) for name in TrackPicture.__slots__} | {"twins": ((),)})
