"""A network without wires: what arrives, when, and what does not."""

from __future__ import annotations

from random import Random

import pytest

from keepclear.testing import network
from keepclear.testing.network import DELAY_MAX_MS, REORDERING_MAX_MS, TRANSIT_MS, Link, LinkFault, Network

THERE = Link("alpha", "bravo")
BACK = Link("bravo", "alpha")


@pytest.fixture
def net() -> Network[str]:
    return Network(Random(1))


def arrived(net: Network[str], now_ms: int) -> list[tuple[Link, str]]:
    return list(net.arrived(now_ms))


def test_a_message_arrives_after_its_transit_and_once(net: Network[str]) -> None:
    net.send(THERE, "a", 0)
    assert arrived(net, TRANSIT_MS - 1) == []
    assert arrived(net, TRANSIT_MS) == [(THERE, "a")]
    assert arrived(net, DELAY_MAX_MS) == []


def test_a_loss_strikes_the_next_message_and_no_other(net: Network[str]) -> None:
    net.strike(THERE, LinkFault.LOSS)
    net.send(BACK, "other direction", 0)
    net.send(THERE, "lost", 0)
    net.send(THERE, "kept", 0)
    assert arrived(net, DELAY_MAX_MS) == [(BACK, "other direction"), (THERE, "kept")]
    assert net.lost_count == 1


@pytest.mark.parametrize(
    ("fault", "latest_ms"), [(LinkFault.DELAY, DELAY_MAX_MS), (LinkFault.REORDERING, REORDERING_MAX_MS)]
)
def test_later_messages_overtake_one_that_is_late(
    net: Network[str], fault: LinkFault, latest_ms: int
) -> None:
    net.strike(THERE, fault)
    net.send(THERE, "first", 0)
    net.send(THERE, "second", 0)
    assert arrived(net, TRANSIT_MS) == [(THERE, "second")]
    assert arrived(net, latest_ms) == [(THERE, "first")]


def test_a_repetition_arrives_twice(net: Network[str]) -> None:
    net.strike(THERE, LinkFault.REPETITION)
    net.send(THERE, "a", 0)
    assert arrived(net, DELAY_MAX_MS) == [(THERE, "a"), (THERE, "a")]


def test_a_cut_is_of_one_direction_and_takes_what_is_under_way(net: Network[str]) -> None:
    net.send(THERE, "under way", 0)
    net.cut(THERE)
    net.send(THERE, "later", 0)
    net.send(BACK, "back", 0)
    assert net.is_cut(THERE)
    assert not net.is_cut(BACK)
    assert arrived(net, TRANSIT_MS) == [(BACK, "back")]
    assert net.lost_count == 2


def test_a_link_that_is_joined_works_again(net: Network[str]) -> None:
    net.cut(THERE)
    net.join(THERE)
    net.send(THERE, "a", 0)
    assert arrived(net, TRANSIT_MS) == [(THERE, "a")]


def test_what_is_healed_has_no_faults_left(net: Network[str]) -> None:
    net.cut(BACK)
    net.strike(THERE, LinkFault.LOSS)
    net.heal()
    net.send(THERE, "a", 0)
    net.send(BACK, "b", 0)
    assert arrived(net, TRANSIT_MS) == [(THERE, "a"), (BACK, "b")]


def test_more_than_a_full_queue_is_lost(net: Network[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "MESSAGES_MAX", 2)
    for text in ("a", "b", "c"):
        net.send(THERE, text, 0)
    assert net.under_way_count == 2
    assert [text for _, text in arrived(net, TRANSIT_MS)] == ["a", "b"]
