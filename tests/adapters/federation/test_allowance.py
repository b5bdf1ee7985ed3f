"""What one peer may ask for, and what happens at each limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.federation.allowance import (
    BYTES_PER_MINUTE,
    CLOCKS_APART_S_MAX,
    GREETING_S_MAX,
    NONCES_KEPT_S,
    NONCES_MAX,
    PACE_AT_ONCE,
    PACE_PER_S,
    REQUESTS_AT_ONCE,
    REQUESTS_PER_S,
    REQUESTS_UNDER_WAY,
    Allowance,
    Bucket,
)


def asked(allowance: Allowance, now_s: float) -> float:
    """Ask once, and be answered at once if it is allowed."""
    wait_s = allowance.begin(now_s)
    if wait_s == 0.0:
        allowance.end()
    return wait_s


def test_a_bucket_is_full_at_first_and_fills_no_further() -> None:
    bucket = Bucket(per_s=1.0, holds=3.0)
    for _ in range(3):
        assert bucket.wait_s(1.0, 1_000.0) == 0.0
        bucket.spend(1.0)
    assert bucket.wait_s(1.0, 1_000.0) == 1.0
    assert bucket.wait_s(1.0, 1_000.25) == 0.75


def test_a_bucket_in_debt_says_how_long_it_takes_to_be_paid() -> None:
    bucket = Bucket(per_s=10.0, holds=10.0)
    bucket.spend(60.0)
    assert bucket.wait_s(0.0, 0.0) == 5.0
    assert bucket.wait_s(0.0, 5.0) == 0.0


@given(st.lists(st.floats(0.0, 2.0), min_size=1, max_size=400))
def test_however_a_peer_asks_it_gets_no_more_than_the_rate_and_what_it_may_at_once(
    gaps_s: list[float],
) -> None:
    allowance, now_s, allowed = Allowance(), 0.0, 0
    for gap_s in gaps_s:
        now_s += gap_s
        allowed += asked(allowance, now_s) == 0.0
    assert allowed <= REQUESTS_AT_ONCE + REQUESTS_PER_S * now_s


def test_one_request_more_than_allowed_is_told_when_to_come_again() -> None:
    allowance = Allowance()
    waits = [asked(allowance, 0.0) for _ in range(round(REQUESTS_AT_ONCE) + 1)]
    assert waits[:-1] == [0.0] * round(REQUESTS_AT_ONCE)
    assert waits[-1] == 1.0 / REQUESTS_PER_S
    assert asked(allowance, waits[-1]) == 0.0


def test_only_so_many_requests_are_under_way_at_one_time() -> None:
    allowance = Allowance()
    assert [allowance.begin(0.0) for _ in range(REQUESTS_UNDER_WAY)] == [0.0] * REQUESTS_UNDER_WAY
    assert allowance.begin(0.0) > 0.0
    allowance.end()
    assert allowance.begin(0.0) == 0.0


def test_bytes_are_counted_against_the_next_request() -> None:
    allowance = Allowance()
    allowance.spend_bytes(BYTES_PER_MINUTE)
    assert asked(allowance, 0.0) == 0.0
    allowance.spend_bytes(BYTES_PER_MINUTE // 2)
    assert asked(allowance, 0.0) == pytest.approx(30.0)
    assert asked(allowance, 30.001) == 0.0


def test_a_node_asks_less_than_its_peers_allow() -> None:
    assert PACE_PER_S < REQUESTS_PER_S
    assert PACE_AT_ONCE < REQUESTS_AT_ONCE


# Greetings


def test_a_greeting_counts_once() -> None:
    allowance = Allowance()
    assert allowance.use("a", 0.0)
    assert not allowance.use("a", 1.0)
    assert allowance.use("b", 1.0)


def test_a_greeting_is_remembered_as_long_as_any_clock_that_is_let_in_takes_it_for_good() -> None:
    assert NONCES_KEPT_S >= GREETING_S_MAX + 2 * CLOCKS_APART_S_MAX
    allowance = Allowance()
    allowance.use("a", 0.0)
    assert not allowance.is_full(NONCES_KEPT_S - 0.001)
    assert not allowance.use("a", NONCES_KEPT_S - 0.001)
    assert not allowance.is_full(NONCES_KEPT_S)
    assert allowance.use("a", NONCES_KEPT_S)


def test_so_many_greetings_are_remembered_and_room_is_made_when_the_oldest_expire() -> None:
    allowance = Allowance()
    for number in range(NONCES_MAX - 1):
        allowance.use(str(number), 0.0)
    assert not allowance.is_full(1.0)
    allowance.use("last", 1.0)
    assert allowance.is_full(1.0)
    assert not allowance.is_full(NONCES_KEPT_S)


def test_who_keeps_to_the_rate_never_fills_what_is_remembered() -> None:
    assert REQUESTS_AT_ONCE + REQUESTS_PER_S * NONCES_KEPT_S <= NONCES_MAX
