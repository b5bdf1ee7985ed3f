"""When a peer is called: every few seconds, at once on a write, ever later after faults. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.federation import exchange as exchange_module
from keepclear.adapters.federation.allowance import PACE_AT_ONCE
from keepclear.adapters.federation.caller import PeerError
from keepclear.adapters.federation.exchange import Offer, decode_request
from keepclear.adapters.federation.links import Link, Links, Peer
from keepclear.adapters.federation.syncing import (
    BACKOFF_FIRST_S,
    BACKOFF_MAX_S,
    PULL_EVERY_S,
    ROUNDS_MAX,
    Surroundings,
    Syncing,
    backoff_s,
)
from keepclear.adapters.notary import Notary
from keepclear.adapters.signing import SigningKey
from keepclear.codec.bundle import encode_bundle
from keepclear.core.bundles import Bundle
from keepclear.core.intents import PartyId
from keepclear.node.take import Taken
from tests.virtual_loop import VirtualLoop

NORTH, SOUTH = PartyId("north"), PartyId("south")
PEER = Peer(party=SOUTH, certificate_pem="", address="127.0.0.1:1")
ANSWER = Bundle(by=SOUTH, to=NORTH, at_ms=5_000, heads=((NORTH, 1), (SOUTH, 1)))
NEWS = Taken(spans=[(SOUTH, 0, 1)])


class World:
    """Syncing of the north with the south, with what the south answers, the desk and the time made up.

    Attributes:
        answers: What each call comes to, the last for ever: a bundle, or what is raised.
        takings: What taking each answer comes to; nothing new when they are used up.
        called_s: When calls were made.
    """

    own = NORTH

    def __init__(self, *answers: Bundle | Exception) -> None:
        self.answers = list(answers) or [ANSWER]
        self.takings: list[Taken] = []
        self.called_s: list[float] = []
        self.told: list[object] = []
        self.taken: list[Bundle] = []
        self.is_lacking = False
        self.news_count = 0
        self.on_offer: Callable[[], None] = lambda: None
        self.on_call: Callable[[], None] = lambda: None
        self.loop = VirtualLoop()
        self.links = Links()
        self.links.keep([PEER])
        notary = Notary(NORTH, SigningKey(b"n" * 32))
        numbers = iter(range(100_000))
        self.syncing = Syncing(
            PEER,
            self,  # type: ignore[arg-type]
            Surroundings(
                exchange=self,  # type: ignore[arg-type]
                notary=notary,
                links=self.links,
                monotonic=self.loop.time,
                nonce=lambda: f"{next(numbers):016}",
                jitter=lambda: 1.0,
                news=self._count_news,
            ),
        )
        self._notary = notary

    def _count_news(self) -> None:
        self.news_count += 1

    @property
    def link(self) -> Link:
        link = self.links.get(SOUTH)
        assert link is not None
        return link

    # What the desk does

    @property
    def now_ms(self) -> int:
        return round(self.loop.time() * 1000.0)

    async def offer(self, _: PartyId, heads: object) -> Offer:
        self.told.append(heads)
        self.on_offer()
        bundle = Bundle(by=NORTH, to=SOUTH, at_ms=self.now_ms, heads=((NORTH, 1), (SOUTH, 0)))
        return Offer(bundle=bundle, data=encode_bundle(bundle))

    async def is_behind(self, _: object) -> bool:
        return self.is_lacking

    async def take(self, _: PartyId, bundle: Bundle) -> Taken:
        self.taken.append(bundle)
        return self.takings.pop(0) if self.takings else Taken()

    # What the peer does

    async def call(self, body: bytes) -> bytes:
        self.called_s.append(self.loop.time())
        self.greeting = self._notary.read_hello(decode_request(body)[0])[0]
        self.on_call()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return encode_bundle(answer)

    async def close(self) -> None:
        """Nothing is open."""

    def run(self, *steps: tuple[float, Callable[[], object]], until_s: float = 100.0) -> list[float]:
        """Let time pass, with something done at some instants; return when calls were made."""

        async def main() -> None:
            running = asyncio.create_task(self.syncing.run())
            for at_s, step in (*steps, (until_s, lambda: None)):
                await asyncio.sleep(at_s - self.loop.time())
                step()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(main())
        return self.called_s


@pytest.fixture(autouse=True)
def _no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(function: Callable[..., Any], *of: Any) -> Any:
        return function(*of)

    monkeypatch.setattr(exchange_module.asyncio, "to_thread", at_once)


def test_a_peer_is_called_at_once_and_then_every_few_seconds() -> None:
    assert World().run(until_s=21.0) == pytest.approx([0.0, 5.0, 10.0, 15.0, 20.0])


def test_a_greeting_names_both_and_says_what_is_held_and_is_good_for_a_while() -> None:
    world = World()
    world.run(until_s=1.0)
    hello = world.greeting
    assert (hello.by, hello.to, hello.heads) == (NORTH, SOUTH, ((NORTH, 1), (SOUTH, 0)))
    assert hello.expires_ms - hello.at_ms == 30_000


def test_what_was_written_is_pushed_at_once_if_the_peer_lacks_it() -> None:
    world = World()

    def write() -> None:
        world.is_lacking = True
        world.on_call = lambda: setattr(world, "is_lacking", False)
        world.syncing.wake()

    assert world.run((7.0, write), until_s=8.0) == pytest.approx([0.0, 5.0, 7.0])


def test_nothing_is_pushed_to_a_peer_that_lacks_nothing() -> None:
    world = World()
    assert world.run((7.0, world.syncing.wake), until_s=8.0) == pytest.approx([0.0, 5.0])


def test_it_goes_on_at_once_while_something_new_comes_and_others_are_told() -> None:
    world = World()
    world.takings = [NEWS, NEWS]
    assert world.run(until_s=4.0) == [0.0, 0.0, 0.0]
    assert world.news_count == 2


def test_it_goes_on_at_once_while_the_peer_lacks_more_and_takes_it() -> None:
    world = World(
        replace(ANSWER, heads=((NORTH, 5),)),
        replace(ANSWER, heads=((NORTH, 9),)),
        replace(ANSWER, heads=((NORTH, 9),)),
    )
    world.is_lacking = True
    assert world.run(until_s=4.0) == [0.0, 0.0, 0.0]
    assert world.told == [(), ((NORTH, 5),), ((NORTH, 9),)]


def test_a_peer_with_ever_more_news_is_not_asked_without_end() -> None:
    world = World()
    world.takings = [NEWS] * 1_000
    calls = world.run(until_s=PULL_EVERY_S - 0.1)
    assert len(calls) == ROUNDS_MAX
    assert calls[round(PACE_AT_ONCE) - 1] == 0.0 < calls[-1] or ROUNDS_MAX <= PACE_AT_ONCE


def test_a_good_answer_tells_the_state_of_the_link() -> None:
    world = World()
    world.run(until_s=1.0)
    link = world.link
    assert (link.heard_s, link.heads, link.error) == (0.0, ANSWER.heads, None)
    assert link.offset is not None
    assert link.offset.ms == 5_000
    assert link.bytes_in > 0 < link.bytes_out


# Faults


def test_after_each_fault_it_waits_longer_up_to_a_limit() -> None:
    calls = World(PeerError("no route")).run(until_s=300.0)
    waits = [after - before for before, after in pairwise(calls)]
    assert waits == pytest.approx([0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0])


def test_a_write_does_not_shorten_the_wait_after_a_fault() -> None:
    world = World(PeerError("no route"))
    world.is_lacking = True
    steps = [(40.0 + number, world.syncing.wake) for number in range(20)]
    calls = world.run(*steps, until_s=63.0)
    assert [call for call in calls if call > 40.0] == []


def test_a_peer_that_is_heard_meanwhile_is_called_within_the_usual_time() -> None:
    world = World(PeerError("no route"))
    steps = [(70.0 + number, world.syncing.heard) for number in range(6)]
    calls = world.run(*steps, until_s=76.0)
    assert [call for call in calls if call > 70.0] == pytest.approx([70.0 + PULL_EVERY_S])


def test_when_it_goes_well_again_it_calls_as_usual() -> None:
    world = World(PeerError("no route"), PeerError("no route"), ANSWER)
    assert world.run(until_s=7.0) == pytest.approx([0.0, 0.5, 1.5, 6.5])
    assert (world.link.failure_count, world.link.error) == (0, None)


def test_a_peer_that_says_when_to_come_again_is_left_alone_until_then() -> None:
    world = World(PeerError("busy", retry_after_s=20.0), ANSWER)
    assert world.run(until_s=21.0) == pytest.approx([0.0, 20.0])


def test_no_peer_can_ask_to_be_left_alone_for_longer_than_the_limit() -> None:
    world = World(PeerError("busy", retry_after_s=1e9), ANSWER)
    assert world.run(until_s=61.0) == pytest.approx([0.0, BACKOFF_MAX_S])


@pytest.mark.parametrize("answer", [replace(ANSWER, by=NORTH), replace(ANSWER, to=SOUTH)])
def test_an_answer_that_was_made_for_somebody_else_is_a_fault(answer: Bundle) -> None:
    world = World(answer)
    world.run(until_s=0.1)
    assert world.link.error is not None
    assert "was made by" in world.link.error
    assert world.taken == []


def test_a_fault_of_this_node_is_told_and_logged_and_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    world = World(RuntimeError("bug"), ANSWER)
    assert world.run(until_s=1.0) == pytest.approx([0.0, 0.5])
    assert "a fault in syncing" in caplog.text


def test_a_peer_that_lacks_the_key_is_given_the_log_from_where_it_says_at_once() -> None:
    world = World(PeerError("who?", held=0), PeerError("who?", held=7), ANSWER)
    assert world.run(until_s=1.0) == [0.0, 0.0, 0.0]
    assert world.told == [(), ((NORTH, 0),), ((NORTH, 7),)]


def test_a_peer_that_takes_nothing_of_it_is_not_given_it_again_at_once() -> None:
    world = World(PeerError("who?", held=0))
    assert world.run(until_s=1.0) == pytest.approx([0.0, 0.0, 0.5])
    assert world.link.error == "who?"


@given(st.integers(1, 10_000), st.floats(0.0, 1.0))
def test_a_wait_is_never_too_short_nor_too_long(failure_count: int, chance: float) -> None:
    assert BACKOFF_FIRST_S / 2.0 <= backoff_s(failure_count, chance) <= BACKOFF_MAX_S
    assert backoff_s(failure_count, chance) <= backoff_s(failure_count + 1, chance)


# The switch


def switching(world: World, *, is_off: bool) -> Callable[[], None]:
    def switch() -> None:
        world.links.change(SOUTH, lambda link: link.switched(is_off=is_off))
        world.syncing.switched()

    return switch


def test_nothing_is_sent_while_it_is_switched_off_and_it_is_tried_at_once_when_on_again() -> None:
    world = World()
    off, on = switching(world, is_off=True), switching(world, is_off=False)
    assert world.run((7.0, off), (30.0, world.syncing.wake), (52.0, on), until_s=53.0) == pytest.approx(
        [0.0, 5.0, 52.0]
    )


def test_what_was_about_to_be_sent_when_it_was_switched_off_is_not_sent() -> None:
    world = World()
    world.on_offer = switching(world, is_off=True)
    assert world.run(until_s=1.0) == []
    assert world.told == [()]


def test_what_comes_after_it_was_switched_off_is_not_taken() -> None:
    world = World()
    world.on_call = lambda: world.links.change(SOUTH, lambda link: link.switched(is_off=True))
    world.run(until_s=1.0)
    assert (world.called_s, world.taken, world.link.heard_s) == ([0.0], [], None)
