"""Clocks that are not the machine's, and the one that is."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from keepclear.adapters import clock
from keepclear.core.errors import InvalidValueError
from keepclear.testing.clock import SPEED_RATIO_MAX, ManualClock, ScaledClock
from tests.strategies import NOON

NAIVE = datetime(2026, 5, 1, 12, 0)  # noqa: DTZ001 - the missing zone is what is refused


def test_a_scaled_clock_starts_at_its_start_and_runs_at_its_speed() -> None:
    # Given a clock of ten times real time, made when the machine's counter shows 1,000 s
    real_s = [1_000.0]
    fast = ScaledClock(NOON, 10.0, lambda: real_s[0])
    assert fast.now() == NOON

    # When 6.5 real seconds pass
    real_s[0] += 6.5

    # Then 65 seconds have passed on it
    assert fast.now() == NOON + timedelta(seconds=65)
    assert fast.speed == 10.0


def test_clocks_show_utc_whatever_zone_their_start_has() -> None:
    start = NOON.astimezone(timezone(timedelta(hours=3)))
    for shown in (ScaledClock(start, 1.0, lambda: 0.0).now(), ManualClock(start).now()):
        assert shown == NOON
        assert shown.tzinfo is UTC


@pytest.mark.parametrize("speed", [0.0, -1.0, SPEED_RATIO_MAX * 1.01, math.nan])
def test_a_speed_that_is_no_speed_is_refused(speed: float) -> None:
    with pytest.raises(InvalidValueError) as refused:
        ScaledClock(NOON, speed, lambda: 0.0)
    assert refused.value.field == "speed"


@pytest.mark.parametrize(
    "make",
    [
        lambda: ScaledClock(NAIVE, 1.0, lambda: 0.0),
        lambda: ManualClock(NAIVE),
        lambda: ManualClock(NOON).set(NAIVE),
    ],
)
def test_a_time_without_a_zone_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidValueError):
        make()


def test_a_manual_clock_stands_still_until_it_is_moved() -> None:
    hand = ManualClock(NOON)
    assert hand.now() == hand.now() == NOON
    hand.advance(90.0)
    assert hand.now() == NOON + timedelta(seconds=90)
    hand.advance(-30.0)
    assert hand.now() == NOON + timedelta(seconds=60)
    hand.set(NOON)
    assert hand.now() == NOON


def test_the_clock_of_the_machine_shows_utc() -> None:
    before = datetime.now(UTC)
    shown = clock.now()
    assert before <= shown <= datetime.now(UTC)
    assert shown.tzinfo is UTC
