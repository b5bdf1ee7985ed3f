"""Nodes that are linked over TLS on loopback: what one says is at the other, whatever happens to the link."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from keepclear.adapters.federation.links import LinkState
from keepclear.adapters.signing import SigningKey
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.node import give
from tests.adapters.federation.nodes import (
    Identity,
    LinkedNode,
    identity,
    known,
    pair,
    pin,
    running,
    saying_key,
    until,
)

pytestmark = [
    pytest.mark.slow,  # each node has a database, threads and a server
    # A connection whose handshake is under way when a node stops is left to the end of its event loop.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SOUTH = PartyId("south")
# A card can only tell that it looks like one: DER of a sequence, and nothing else.
NO_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIABGFiY2Q=\n-----END CERTIFICATE-----\n"


@pytest.fixture
def exits() -> Iterator[ExitStack]:
    with ExitStack() as exits:
        yield exits


@pytest.fixture
def a(exits: ExitStack, north: Identity, tmp_path: Path) -> LinkedNode:
    return exits.enter_context(running(north, tmp_path / "a.sqlite3"))


@pytest.fixture
def b(exits: ExitStack, south: Identity, tmp_path: Path) -> LinkedNode:
    return exits.enter_context(running(south, tmp_path / "b.sqlite3"))


def test_what_is_declared_at_either_is_at_the_other_and_its_receipt_comes_back(
    a: LinkedNode, b: LinkedNode
) -> None:
    pair(a, b)  # while both run: nobody starts a node anew for it
    a.declare("N1")
    b.declare("S1", lat=36.0)
    until(lambda: b.has("north:N1") and a.has("south:S1"))
    until(lambda: a.delivered("south") == 2 and b.delivered("north") == 2)
    until(lambda: a.link("south").link.holds("north") == 2 and b.link("north").link.holds("south") == 2)
    until(lambda: a.link("south").link.error is None and b.link("north").link.error is None)
    for view in (a.link("south"), b.link("north")):
        assert (view.state, view.link.refusals) == (LinkState.UP, ())
        assert view.unheard_s is not None
        assert view.link.offset is not None
        assert abs(view.link.offset.ms) <= view.link.offset.uncertainty_ms


def test_what_is_declared_later_is_pushed_and_does_not_wait_for_the_next_pull(
    a: LinkedNode, b: LinkedNode
) -> None:
    pair(a, b)
    until(lambda: b.held("north") == 1 and a.held("south") == 1)
    for number in range(20):
        a.declare(f"N{number}", lat=30.0 + number / 10)
        until(lambda number=number: b.has(f"north:N{number}"), wait_s=2.0)


def test_more_than_goes_into_one_bundle_comes_in_several(
    a: LinkedNode, b: LinkedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(give, "ENTRIES_AT_ONCE", 3)
    for number in range(10):
        a.declare(f"N{number}", lat=30.0 + number / 10)
    pair(a, b)
    until(lambda: b.held("north") == 11, wait_s=4.0)
    until(lambda: a.delivered("south") == 11, wait_s=4.0)


def test_a_third_party_hears_through_the_one_it_knows_only_of_those_it_knows(
    a: LinkedNode, b: LinkedNode, exits: ExitStack, east: Identity, tmp_path: Path
) -> None:
    # Given the east, which is linked with the south only, and knows the north but cannot reach it
    c = exits.enter_context(running(east, tmp_path / "c.sqlite3"))
    pair(a, b)
    pair(b, c)
    pin(c.store, a.who.card())
    a.declare("N1")
    c.declare("E1", lat=40.0)
    # Then it has what the north says from the south; and the north, which does not know it, has nothing
    until(lambda: c.has("north:N1"))
    until(lambda: b.has("east:E1") and b.delivered("east") == 1)
    until(lambda: a.link("south").link.holds("north") == 2)
    assert a.held("east") == 0
    assert a.link("south").link.refusals == ()


def test_a_node_that_cannot_be_reached_is_linked_by_its_own_calls(a: LinkedNode, b: LinkedNode) -> None:
    pin(a.store, b.who.card())  # without an address
    pin(b.store, a.who.card(a.address))
    b.declare("S1")
    until(lambda: a.has("south:S1"))
    until(lambda: a.link("south").state is LinkState.UP)
    assert a.link("south").link.address is None


# The switch


def test_a_link_that_is_switched_off_is_cut_at_both_ends_until_it_is_on_again(
    a: LinkedNode, b: LinkedNode
) -> None:
    pair(a, b)
    until(lambda: b.held("north") == 1 and a.held("south") == 1)
    until(lambda: b.link("north").link.error is None)
    a.federation.switch(SOUTH, is_off=True)
    a.declare("N1")
    b.declare("S1", lat=36.0)
    error = until(lambda: b.link("north").link.error)
    assert error == "it refused: the link is switched off here"
    assert (b.held("north"), a.held("south")) == (1, 1)
    assert a.link("south").link.is_switched_off
    a.federation.switch(SOUTH, is_off=False)
    until(lambda: b.has("north:N1") and a.has("south:S1"))


def test_a_link_that_there_is_not_cannot_be_switched(a: LinkedNode) -> None:
    with pytest.raises(InvalidValueError, match="pin its card first"):
        a.federation.switch(SOUTH, is_off=True)


# Restarts, keys, pins


def test_a_node_that_comes_back_hears_what_it_missed(a: LinkedNode, south: Identity, tmp_path: Path) -> None:
    with running(south, tmp_path / "b.sqlite3") as b:
        pair(a, b)
        until(lambda: b.held("north") == 1 and a.held("south") == 1)
        port = b.port
    a.declare("N1")
    until(lambda: a.link("south").link.failure_count)
    with running(south, tmp_path / "b.sqlite3", port=port) as b:
        until(lambda: b.has("north:N1"))
        until(lambda: a.link("south").link.failure_count == 0 and a.delivered("south") == 2)


def test_a_node_that_comes_back_with_a_new_key_is_known_by_the_grant_in_its_log(
    a: LinkedNode, south: Identity, tmp_path: Path
) -> None:
    key = SigningKey(b"k" * 32)
    with running(south, tmp_path / "b.sqlite3") as b:
        pair(a, b)
        until(lambda: b.held("north") == 1 and a.held("south") == 1)
        a.federation.switch(SOUTH, is_off=True)
        b.change(saying_key(south.grant_of(key)))
    with running(south, tmp_path / "b.sqlite3", key=key) as b:
        a.federation.switch(SOUTH, is_off=False)
        b.declare("S1")
        until(lambda: a.has("south:S1"))


def test_a_peer_with_another_certificate_than_the_one_pinned_is_not_linked_until_that_is_pinned(
    a: LinkedNode, b: LinkedNode, tmp_path: Path
) -> None:
    other = identity(tmp_path / "other", "south", 9)
    pin(a.store, b.who.card(b.address, certificate=other.card().certificate))
    pin(b.store, a.who.card(a.address))
    assert "certificate" in until(lambda: a.has_link("south") and a.link("south").link.error)
    assert until(lambda: b.has_link("north") and b.link("north").link.error)
    assert (a.held("south"), b.held("north")) == (0, 0)
    assert a.link("south").state is LinkState.CUT
    pin(a.store, b.who.card(b.address))
    until(lambda: a.held("south") == 1 and b.held("north") == 1)


def test_a_party_whose_card_cannot_be_used_is_left_out_and_logged(
    a: LinkedNode, b: LinkedNode, caplog: pytest.LogCaptureFixture
) -> None:
    bad = replace(b.who.card(), party=PartyId("west"), certificate=NO_CERTIFICATE)
    with a.store.transaction() as transaction:
        transaction.pin(known(bad))
        transaction.pin(known(b.who.card(b.address)))
    until(lambda: a.has_link("south"))
    assert not a.has_link("west")
    assert "a party cannot be linked" in caplog.text
