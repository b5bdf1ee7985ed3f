"""Links over HTTP: how they are, to switch them, and what a check answers while somebody is not heard."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from keepclear.adapters.federation.links import LinkState
from keepclear.adapters.http.app import unheard
from keepclear.adapters.http.stream import Hub
from keepclear.core.intents import PartyId
from keepclear.node.access import Role
from tests.adapters.http.served import OTHER, PARTY, body_of, operation
from tests.adapters.http.spoken import Talk


def checked(talk: Talk, **fields: Any) -> Any:
    body = {"item": body_of(operation("R9", 50.0)), **fields}
    return talk.ask("POST", "/v1/check", json=body).json()


# -- how they are -----------------------------------------------------------------------------------


def test_a_node_without_links_tells_none(talk: Talk) -> None:
    assert talk.told("/v1/links") == {"links": []}


def test_a_link_is_told_with_its_clock_and_what_the_peer_has(talk: Talk) -> None:
    talk.links.put(OTHER, LinkState.UP)
    link = {
        "party": OTHER,
        "state": "up",
        "switched_off": False,
        "address": "127.0.0.1:9",
        "last_heard": "2026-05-01T12:00:00Z",
        "clock_offset_ms": -40,
        "clock_error_ms": 7,
        "their_head": {PARTY: 3},
        "ours_as_they_have_it": 3,
        "error": None,
        "refused": [],
    }
    assert talk.told("/v1/links") == {"links": [link]}
    assert talk.told("/v1/parties")["parties"][0]["link"] == link


def test_a_duty_officer_switches_a_link(talk: Talk) -> None:
    talk.links.put(OTHER, LinkState.UP)
    off = talk.ask("PUT", f"/v1/links/{OTHER}", json={"switched_off": True})
    assert (off.status_code, off.json()["switched_off"]) == (200, True)
    assert talk.told("/v1/links")["links"][0]["switched_off"] is True
    refused = talk.ask("PUT", f"/v1/links/{OTHER}", json={"switched_off": False}, role=Role.VIEWER)
    assert refused.status_code == 403
    assert talk.ask("PUT", "/v1/links/south", json={"switched_off": True}).status_code == 404


# -- what a check answers ---------------------------------------------------------------------------


def test_while_a_peer_is_heard_a_check_decides(talk: Talk) -> None:
    talk.give()
    for state in (LinkState.UP, LinkState.LATE):
        talk.links.put(OTHER, state)
        assert checked(talk)["answer"] == "clear"


def test_while_a_peer_is_cut_a_check_cannot_decide_and_says_since_when(talk: Talk) -> None:
    talk.give()
    talk.links.put(OTHER, LinkState.CUT)
    told = checked(talk)
    assert told["answer"] == "cannot_decide"
    assert told["checked"]["reason"] == (
        "nothing was heard of 'north' since 2026-05-01T12:00:00Z; what it declared since is not known"
    )
    assert talk.told("/v1/conflicts")["answer"] == "cannot_decide"


def test_a_resolution_tells_what_is_not_known_beside_the_item_and_each_change(talk: Talk) -> None:
    talk.peer.declare(operation("N1", 50.0, party=OTHER))
    talk.give()
    talk.links.put(OTHER, LinkState.CUT)
    body = {"item": body_of(operation("R9", 50.0))}
    told = talk.ask("POST", "/v1/resolve", json=body).json()
    reasons = {told["reason"], *(change["reason"] for change in told["changes"])}
    assert len(told["changes"]) > 0
    assert [reason.startswith("nothing was heard of 'north'") for reason in reasons] == [True]
    talk.links.put(OTHER, LinkState.UP)
    told = talk.ask("POST", "/v1/resolve", json=body).json()
    assert {told["reason"], *(change["reason"] for change in told["changes"])} == {None}


def test_a_conflict_is_told_although_a_peer_is_cut(talk: Talk) -> None:
    talk.peer.declare(operation("N1", 50.0, party=OTHER))
    talk.give()
    talk.links.put(OTHER, LinkState.CUT)
    assert (checked(talk)["answer"], checked(talk)["checked"]["reason"]) == ("conflict", None)


def test_a_link_that_was_never_set_up_keeps_no_check_from_deciding(talk: Talk) -> None:
    talk.links.put(OTHER, LinkState.CUT, heard=False)
    assert checked(talk)["answer"] == "clear"


def test_what_was_held_before_the_node_started_may_be_out_of_date(talk: Talk) -> None:
    talk.links.put(OTHER, LinkState.CUT, heard=False)
    (unknown,) = unheard(talk.links.links(), {PartyId(OTHER): 3})
    assert unknown.reason == (
        "nothing was heard of 'north' since this node started; what it declared since is not known"
    )
    assert unheard(talk.links.links(), {}) == []


def test_a_link_that_is_switched_off_is_no_silence_that_means_nothing(talk: Talk) -> None:
    talk.links.put(OTHER, LinkState.UP)
    talk.links.switch(PartyId(OTHER), is_off=True)
    (unknown,) = unheard(talk.links.links(), {PartyId(OTHER): 3})
    assert "switched off" in unknown.reason
    talk.links.switch(PartyId(OTHER), is_off=False)
    assert unheard(talk.links.links(), {PartyId(OTHER): 3}) == []


def test_a_peer_of_whose_log_something_is_refused_is_not_known(talk: Talk) -> None:
    talk.links.put(OTHER, LinkState.UP)
    (view,) = talk.links.links()
    behind = replace(view.link.refused(["entry 3 was edited"]), heads=((PartyId(OTHER), 5),))
    (unknown,) = unheard([replace(view, link=behind)], {PartyId(OTHER): 3})
    assert "entry 3 was edited" in unknown.reason
    assert unheard([replace(view, link=behind)], {PartyId(OTHER): 5}) == []


def test_an_item_that_cannot_be_judged_is_named_where_it_may_be_in_time(talk: Talk) -> None:
    talk.give()
    bench = talk.served.running.node.desk
    unjudged = {"north:N1": (0, 1), "north:N2": None}
    bench.ask(lambda bench: bench.logs.unjudged.update(unjudged)).result()  # type: ignore[union-attr]
    told = checked(talk)
    assert told["answer"] == "cannot_decide"
    assert told["checked"]["reason"] == "'north:N2' has no shape that could be judged"


# -- what is told of it -----------------------------------------------------------------------------


@pytest.fixture
def spread(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Return what listeners are told."""
    found: list[tuple[str, Any]] = []

    def spread(_: Hub, kind: str, data: bytes) -> None:
        found.append((kind, json.loads(data)))

    monkeypatch.setattr(Hub, "spread", spread)
    return found


def test_listeners_are_told_when_a_log_grows(talk: Talk, spread: list[tuple[str, Any]]) -> None:
    talk.peer.declare(operation("N1", party=OTHER))
    talk.give()
    talk.told("/v1/links")  # the loop has done what was asked of it before
    assert ("logs", {"heads": {OTHER: 3, PARTY: 2}}) in spread


def test_listeners_are_told_when_the_state_of_a_link_changes(
    talk: Talk, spread: list[tuple[str, Any]]
) -> None:
    running = talk.served.running
    talk.links.put(OTHER, LinkState.UP)
    running.tell_links()
    running.tell_links()
    talk.links.put(OTHER, LinkState.LATE)
    running.tell_links()
    states = [[link["state"] for link in data] for kind, data in spread if kind == "links"]
    assert states == [["up"], ["late"]]


def test_logs_links_and_evidence_are_counted(talk: Talk) -> None:
    talk.give()
    talk.links.put(OTHER, LinkState.LATE)
    text = talk.ask("GET", "/metrics", role=None).text
    for line in (
        f'keepclear_party_log_entries{{party="{OTHER}"}} 2.0',
        f'keepclear_party_log_entries{{party="{PARTY}"}} 2.0',
        f'keepclear_link_state{{party="{OTHER}"}} 1.0',
        "keepclear_evidence_held 0.0",
    ):
        assert line in text.splitlines()
