"""The tick of a served node: it says what is due, writes nothing where nothing is, and outlives faults."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from keepclear.adapters.desk import Desk
from keepclear.adapters.federation.federation import LinkView
from keepclear.adapters.federation.links import Link, LinkState
from keepclear.adapters.http import ticking
from keepclear.adapters.http.node import Unlinked
from keepclear.adapters.http.ticking import Ticking, link_facts
from keepclear.adapters.notary import Notary
from keepclear.adapters.store.form import JsonForm
from keepclear.core.channel import LinkCondition
from keepclear.core.dialogues import Sent
from keepclear.core.intents import PartyId
from keepclear.core.messages import Code
from keepclear.node.outcomes import StoreError
from keepclear.node.policy import Policy
from keepclear.node.workbench import Voice
from tests.node.parties import Party, exchange, paired
from tests.node.test_talk import distress

ALPHA, BRAVO = PartyId("alpha"), PartyId("bravo")


class Linked(Unlinked):
    """One link, as it is told to be."""

    def __init__(self, state: LinkState = LinkState.UP, *, is_off: bool = False) -> None:
        self.state, self.is_off = state, is_off

    def links(self) -> Sequence[LinkView]:
        link = Link(peer=BRAVO, address=None, is_switched_off=self.is_off)
        return [LinkView(link=link, state=self.state, unheard_s=1.0, watched_s=70.0)]


@pytest.fixture
def alpha() -> Party:
    """Return a party whose officer has sent a message of distress that nobody reads."""
    alpha, bravo = paired("alpha", "bravo")
    exchange(alpha, bravo)
    alpha.say(distress(BRAVO))
    return alpha


@contextlib.contextmanager
def desk_of(party: Party) -> Iterator[Desk]:
    voice = Voice(
        party=party.name,
        notary=Notary(party.name, party.node_key),
        root_key_of=lambda known: bytes.fromhex(known.card),
    )
    desk = Desk(party.store, JsonForm(), Policy(), lambda: party.now, voice=voice)
    try:
        yield desk
    finally:
        desk.close()


def said(desk: Desk) -> list[Code]:
    """Return what the node has said by itself."""

    def messages(bench: object) -> Sequence[Sent]:
        return bench.logs.ledger.hotline.newest(with_machines=True)  # type: ignore[attr-defined,no-any-return]

    return [sent.message.code for sent in reversed(list(desk.ask(messages).result())) if sent.person is None]


def test_what_is_due_is_said_once(alpha: Party) -> None:
    with desk_of(alpha) as desk:
        tick = Ticking(desk, ALPHA, Unlinked())
        asyncio.run(tick.tick())
        assert said(desk) == []
        alpha.now += timedelta(seconds=31)
        asyncio.run(tick.tick())
        asyncio.run(tick.tick())
        assert said(desk) == [Code.ESCALATED, Code.ESCALATED]


def test_where_nothing_is_due_nothing_is_written(alpha: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk_of(alpha) as desk:

        def no_change(*_: object) -> None:
            pytest.fail("a change was made")

        monkeypatch.setattr(desk, "change", no_change)
        asyncio.run(Ticking(desk, ALPHA, Unlinked()).tick())


def test_a_node_without_keys_says_nothing(alpha: Party) -> None:
    desk = Desk(alpha.store, JsonForm(), Policy(), lambda: alpha.now)
    try:
        alpha.now += timedelta(seconds=31)
        asyncio.run(Ticking(desk, ALPHA, Linked()).tick())
    finally:
        desk.close()


def test_links_are_tested_and_told(alpha: Party) -> None:
    with desk_of(alpha) as desk:
        asyncio.run(Ticking(desk, ALPHA, Linked()).tick())
        assert set(said(desk)) == {Code.MACHINE_TEST, Code.CHANNEL}


@pytest.mark.parametrize(
    ("linked", "condition"),
    [
        (Linked(), LinkCondition.UP),
        (Linked(LinkState.LATE), LinkCondition.LATE),
        (Linked(LinkState.CUT), LinkCondition.CUT),
        (Linked(is_off=True), LinkCondition.OFF),
    ],
)
def test_a_link_is_judged_by_what_the_federation_tells(linked: Linked, condition: LinkCondition) -> None:
    (view,) = linked.links()
    facts = link_facts(view)
    assert (facts.condition, facts.unheard_s, facts.watched_s) == (condition, 1.0, 70.0)


def test_it_goes_on_after_a_fault_tells_it_once_and_ends_with_the_desk(
    alpha: Party, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ticking, "TICK_EVERY_S", 0.0)
    with desk_of(alpha) as desk:
        tick, faults = Ticking(desk, ALPHA, Unlinked()), 3
        change = desk.change

        def failing(*arguments: object) -> object:
            nonlocal faults
            if faults:
                faults -= 1
                raise StoreError("the disk is full", may_pass=True)
            return change(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(desk, "change", failing)
        alpha.now += timedelta(seconds=31)

        async def until_said() -> None:
            running = asyncio.create_task(tick.run())
            while not running.done() and Code.ESCALATED not in await asyncio.to_thread(said, desk):
                await asyncio.sleep(0)
            await asyncio.to_thread(desk.close)
            await asyncio.wait_for(running, 10)

        asyncio.run(until_said())
    assert [record.getMessage() for record in caplog.records].count("the node cannot say what is due") == 1
