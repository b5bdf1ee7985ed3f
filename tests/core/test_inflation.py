"""Which tracks may be farther off than minima are widened for."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.core.encounters import (
    LATERAL_INFLATION_MAX_M,
    VERTICAL_INFLATION_MAX_M,
    Minima,
    beyond_inflation,
    find_encounters,
)
from keepclear.core.motions import TrackArrays

HORIZONTAL = st.floats(0.0, 3.0 * LATERAL_INFLATION_MAX_M)
VERTICAL = st.one_of(st.floats(0.0, 3.0 * VERTICAL_INFLATION_MAX_M), st.just(math.inf))


def tracks(horizontal_m: list[float], vertical_m: list[float]) -> TrackArrays:
    n = len(horizontal_m)
    zeros = np.zeros(n)
    return TrackArrays(
        latitude_deg=zeros,
        longitude_deg=np.linspace(0.0, 0.09 * (n - 1), n),
        altitude_m=np.where(np.isinf(vertical_m), np.nan, 0.0),
        ground_speed_mps=zeros,
        track_deg=zeros,
        vertical_rate_mps=zeros,
        horizontal_error_m=np.array(horizontal_m),
        vertical_error_m=np.array(vertical_m),
    )


@given(st.lists(st.tuples(HORIZONTAL, VERTICAL), max_size=6))
@example([(4_000.0, 0.0), (4_000.0, 0.0)])
@example([(0.0, math.inf), (0.0, 900.0)])
def test_of_any_two_that_are_too_far_off_together_it_is_one_and_nobody_else_is(
    errors: list[tuple[float, float]],
) -> None:
    horizontal, vertical = ([row[k] for row in errors] for k in (0, 1))
    told = beyond_inflation(tracks(horizontal, vertical)).tolist()
    blamed = [False] * len(errors)
    for column, greatest_m in ((horizontal, LATERAL_INFLATION_MAX_M), (vertical, VERTICAL_INFLATION_MAX_M)):
        for i, j in combinations(range(len(errors)), 2):
            both = (column[i], column[j])
            if math.isfinite(max(both)) and math.hypot(*both) > greatest_m:
                assert told[i] or told[j]
                for k in (i, j):
                    blamed[k] |= column[k] == max(both)
    assert all(is_blamed for is_blamed, is_told in zip(blamed, told, strict=True) if is_told)


def test_one_track_alone_and_exact_tracks_are_never_too_far_off() -> None:
    assert beyond_inflation(tracks([1e6], [1e6])).tolist() == [False]
    exact = tracks([0.0, 0.0], [0.0, 0.0])
    assert not beyond_inflation(exact).any()
    assert beyond_inflation(TrackArrays(**{n: getattr(exact, n) for n in _POSITIONS})).tolist() == [
        False,
        False,
    ]


_POSITIONS = (
    "latitude_deg", "longitude_deg", "altitude_m", "ground_speed_mps", "track_deg", "vertical_rate_mps",
)  # fmt: skip


def test_where_the_limit_bites_a_loss_that_is_possible_is_not_found_and_the_track_is_told() -> None:
    """Two of 20 km apart, of which one may be 20 km off: only 3 NM are allowed for."""
    apart = tracks([20_000.0, 0.0, 0.0], [0.0, 0.0, 0.0]).take(np.array([0, 2]))
    assert len(find_encounters(apart, Minima(lateral_m=9_260.0, vertical_m=300.0)).a) == 0
    assert beyond_inflation(apart).tolist() == [True, False]
