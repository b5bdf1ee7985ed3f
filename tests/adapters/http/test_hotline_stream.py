"""What listeners are told of the hotline: soon, not too often, and the last of it always."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.http import ticking
from keepclear.adapters.http.app import HOTLINE_EVERY_S
from keepclear.adapters.http.stream import Hub, Throttle
from keepclear.core.deeds import DutyChange, LineChange, MessagesSeen
from keepclear.core.intents import PartyId
from keepclear.core.messages import Code
from tests.adapters.http.served import OTHER, PARTY, operation
from tests.adapters.http.spoken import Talk
from tests.adapters.http.test_hotline_routes import got, message, sent
from tests.virtual_loop import VirtualLoop


def done_at(asked_s: list[float], every_s: float) -> list[float]:
    """Return when something is done that is asked for at these times, by a throttle."""
    loop, found = VirtualLoop(), list[float]()

    async def ask() -> None:
        throttle = Throttle(lambda: found.append(loop.time()), every_s)
        for at_s in asked_s:
            await asyncio.sleep(at_s - loop.time())
            throttle.ask()
        await asyncio.sleep(2 * every_s)
        throttle.close()

    try:
        loop.run_until_complete(ask())
    finally:
        loop.close()
    return found


def test_what_is_asked_for_once_is_done_at_once() -> None:
    assert done_at([1.0], 0.2) == [1.0]


def test_what_is_asked_for_often_is_done_now_and_then_and_at_the_end() -> None:
    assert done_at([1.0, 1.05, 1.1, 1.15, 1.6], 0.2) == pytest.approx([1.0, 1.2, 1.6])


@given(st.lists(st.integers(0, 400), min_size=1, max_size=40))
def test_it_is_done_within_its_time_after_each_request_and_never_oftener(asked: list[int]) -> None:
    every_s = 0.25
    times_s = sorted(each / 64.0 for each in asked)
    done_s = done_at(times_s, every_s)
    for asked_s in times_s:
        assert any(asked_s <= each <= asked_s + every_s + 1e-9 for each in done_s)
    assert all(later - earlier >= every_s - 1e-9 for earlier, later in itertools.pairwise(done_s))
    assert len(done_s) <= len(times_s)


def test_what_waits_is_left_undone_at_the_end() -> None:
    loop, found = VirtualLoop(), list[float]()

    async def ask() -> None:
        throttle = Throttle(lambda: found.append(loop.time()), 0.2)
        throttle.ask()
        throttle.close()
        throttle.close()
        await asyncio.sleep(1.0)

    try:
        loop.run_until_complete(ask())
    finally:
        loop.close()
    assert found == []


# -- at a node --------------------------------------------------------------------------------------


@pytest.fixture
def told(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return when the node would tell its listeners, throttled or not."""
    monkeypatch.setattr(ticking, "TICK_EVERY_S", 3_600.0)
    found: list[str] = []
    monkeypatch.setattr(Throttle, "ask", lambda _: found.append("hotline"))
    return found


def heard(talk: Talk, told: list[str]) -> int:
    """Return how often that was since the last time."""
    talk.told("/v1/links")  # the loop has done what was asked of it before
    count = len(told)
    told.clear()
    return count


def test_listeners_are_told_of_whatever_is_said(talk: Talk, told: list[str]) -> None:
    heard(talk, told)
    sent(talk, message(Code.LINE_TEST))
    assert heard(talk, told) == 1
    of = got(talk, message(Code.LINE_TEST, PARTY))
    assert heard(talk, told) == 1
    for deed in (
        MessagesSeen(messages=(of,)),
        DutyChange(is_on=True),
        LineChange(peer=PartyId(OTHER), is_hold=True, reason="no answer"),
    ):
        talk.say(deed)
        assert heard(talk, told) == 1


def test_listeners_are_told_that_a_message_was_delivered(talk: Talk, told: list[str]) -> None:
    of = sent(talk, message(Code.LINE_TEST))
    talk.fetch()
    heard(talk, told)
    talk.give()  # nothing is said by that but that it was received
    assert heard(talk, told) == 1
    assert talk.told(f"/v1/messages/{of.party}/{of.n}")["delivered"]


def test_listeners_are_not_told_of_what_is_only_declared(talk: Talk, told: list[str]) -> None:
    heard(talk, told)
    talk.served.declare(operation("R1"))
    assert heard(talk, told) == 0


def test_the_stream_has_an_event_of_its_own_for_it(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[str, Any]] = []
    monkeypatch.setattr(Hub, "spread", lambda _, kind, data: found.append((kind, data)))
    talk.served.running._tell_hotline()
    assert found == [("hotline", b"{}")]
    assert HOTLINE_EVERY_S <= 0.2
