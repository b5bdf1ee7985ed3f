"""The state of a link: up, late, cut, and what is known of the peer at its other end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.federation.links import (
    LATE_AFTER_S,
    OFFSET_KEPT_S,
    REASON_CHARACTERS_MAX,
    REASONS_MAX,
    Link,
    Links,
    LinkState,
    Peer,
)
from keepclear.core.channel import CUT_AFTER_S
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId

SOUTH, EAST = PartyId("south"), PartyId("east")
NEW = Link(peer=SOUTH, address="south.example:8422")
HEARD = NEW.heard(100.0, 1_800_000_000_000, ((PartyId("north"), 7), (SOUTH, 3)))


def peer(party: PartyId, address: str | None = "127.0.0.1:1") -> Peer:
    return Peer(party=party, certificate_pem="", address=address)


def test_a_peer_that_was_never_heard_is_cut() -> None:
    assert NEW.state(0.0) is LinkState.CUT


@pytest.mark.parametrize(
    ("unheard_s", "state"),
    [
        (0.0, LinkState.UP),
        (LATE_AFTER_S - 0.001, LinkState.UP),
        (LATE_AFTER_S, LinkState.LATE),
        (CUT_AFTER_S - 0.001, LinkState.LATE),
        (CUT_AFTER_S, LinkState.CUT),
        (1e9, LinkState.CUT),
    ],
)
def test_a_link_is_up_then_late_then_cut_as_its_peer_stays_unheard(
    unheard_s: float, state: LinkState
) -> None:
    assert HEARD.state(100.0 + unheard_s) is state


def test_the_limits_are_those_of_the_design() -> None:
    assert (LATE_AFTER_S, CUT_AFTER_S) == (15.0, 60.0)


def test_a_peer_that_is_heard_again_is_up_at_once() -> None:
    assert HEARD.state(1_000.0) is LinkState.CUT
    assert HEARD.heard(1_000.0, 0, ()).state(1_000.0) is LinkState.UP


def test_it_tells_how_far_the_peer_holds_each_log_and_what_it_did_not_tell() -> None:
    assert [HEARD.holds(party) for party in ("north", "south", "east")] == [7, 3, None]
    assert NEW.holds("north") is None


def test_faults_are_counted_until_an_exchange_goes_well() -> None:
    failed = HEARD.failed("no route").failed("no answer")
    assert (failed.failure_count, failed.error) == (2, "no answer")
    assert (failed.answered().failure_count, failed.answered().error) == (0, None)


def test_a_fault_says_nothing_of_when_the_peer_was_heard() -> None:
    assert HEARD.failed("no route").state(100.0) is LinkState.UP


def test_what_a_peer_says_is_kept_short_and_printable() -> None:
    error = NEW.failed("\x1b[31mred\n" + "x" * REASON_CHARACTERS_MAX).error
    assert error is not None
    assert len(error) == REASON_CHARACTERS_MAX
    assert error.isprintable()
    assert error.startswith(" [31mred x")
    assert NEW.failed("x" * REASON_CHARACTERS_MAX).error == "x" * REASON_CHARACTERS_MAX
    assert len(NEW.refused(["no"] * (REASONS_MAX + 1)).refusals) == REASONS_MAX


def test_bytes_are_counted_both_ways() -> None:
    link = NEW.moved(bytes_in=5).moved(bytes_out=7).moved(bytes_in=1)
    assert (link.bytes_in, link.bytes_out) == (6, 7)


def test_switching_a_link_on_forgets_its_faults() -> None:
    link = NEW.failed("no route").switched(is_off=True)
    assert link.is_switched_off
    assert link.switched(is_off=False).failure_count == 0


# Clocks


def test_a_clock_is_measured_against_the_middle_of_the_round_trip() -> None:
    link = NEW.measured(sent_ms=1_000, received_ms=1_100, peer_ms=3_050, now_s=0.0)
    assert link.offset is not None
    assert (link.offset.ms, link.offset.uncertainty_ms) == (2_000, 51)


def test_a_worse_measurement_does_not_take_the_place_of_a_better_one_until_that_is_old() -> None:
    good = NEW.measured(sent_ms=0, received_ms=10, peer_ms=105, now_s=0.0)
    soon = good.measured(sent_ms=0, received_ms=1_000, peer_ms=900, now_s=OFFSET_KEPT_S - 0.1)
    late = good.measured(sent_ms=0, received_ms=1_000, peer_ms=900, now_s=OFFSET_KEPT_S)
    assert soon.offset == good.offset
    assert late.offset is not None
    assert late.offset.ms == 400


def test_nothing_is_measured_when_the_own_clock_was_set_back_meanwhile() -> None:
    assert NEW.measured(sent_ms=1_000, received_ms=900, peer_ms=950, now_s=0.0).offset is None


@given(st.integers(-(10**7), 10**7), st.integers(0, 10**5), st.integers(0, 10**5), st.integers(10**9, 10**13))
def test_the_true_offset_is_within_the_uncertainty(
    true_ms: int, there_ms: int, back_ms: int, sent: int
) -> None:
    received = sent + there_ms + back_ms
    link = NEW.measured(sent_ms=sent, received_ms=received, peer_ms=sent + there_ms + true_ms, now_s=0.0)
    assert link.offset is not None
    assert abs(link.offset.ms - true_ms) <= link.offset.uncertainty_ms


# All links


def test_links_are_kept_for_those_who_are_pinned_and_keep_what_they_know() -> None:
    links = Links()
    links.keep([peer(SOUTH), peer(EAST)])
    links.change(SOUTH, lambda link: link.moved(bytes_in=9))
    links.keep([peer(SOUTH, "elsewhere:2")])
    assert [(link.peer, link.address, link.bytes_in) for link in links.all()] == [("south", "elsewhere:2", 9)]
    assert links.get("east") is None


def test_links_are_sorted_by_peer() -> None:
    links = Links()
    links.keep([peer(SOUTH), peer(EAST)])
    assert [link.peer for link in links.all()] == ["east", "south"]


def test_changing_a_link_that_there_is_not_says_the_way_out() -> None:
    with pytest.raises(InvalidValueError, match="pin its card first"):
        Links().change(SOUTH, lambda link: link)
