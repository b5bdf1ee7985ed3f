"""By voice over the API: what to say next in a check of the picture, and forms of messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keepclear.adapters.store.form import JsonForm
from keepclear.core.intents import PartyId
from keepclear.core.messages import Code, Message, Priority
from keepclear.core.picture_check import PictureCheck
from keepclear.core.refs import ItemRef
from keepclear.core.times import floor_ms
from keepclear.node.voice import TwoLogs
from tests.adapters.http.served import OTHER, PARTY, Described
from tests.adapters.http.spoken import Talk, ref, talking
from tests.strategies import NOON, intent, square, volume

CHALLENGES: dict[str, Any] = {"challenge_ours": "K7QF", "challenge_theirs": "2M9X"}


@pytest.fixture
def talk(tmp_path: Path, described: Described) -> Iterator[Talk]:
    with talking(tmp_path, described) as found:
        yield found


def checked(talk: Talk, code: int = 200, **given: Any) -> Any:
    """Return what the node tells of a check."""
    response = talk.ask("POST", "/v1/picture-checks", json={"with": OTHER, **given})
    assert response.status_code == code, response.text
    return response.json()


def at_peer(talk: Talk, sizes: dict[str, int]) -> PictureCheck:
    """Return the same check as the other party makes it."""
    store, logs = talk.peer.bench.store, talk.peer.bench.logs
    assert logs is not None
    entries = {party: store.entries(party, 0, sizes[party]) for party in logs.parties}
    drawn = {
        party: CHALLENGES["challenge_ours" if party == PARTY else "challenge_theirs"]
        for party in logs.parties
    }
    return TwoLogs(entries, logs.notary, JsonForm()).check(drawn)


def notice(item: ItemRef) -> Message:
    """Return a message of the other party to the node's."""
    return Message(
        code=Code.NOTICE_CHANGE,
        to=PartyId(PARTY),
        fields=(("item", item),),
        priority=Priority.SAFETY,
        valid_until_ms=floor_ms(NOON) + 3_600_000,
    )


def test_a_check_goes_step_by_step_and_both_sides_come_to_one_code(talk: Talk) -> None:
    talk.served.declare(intent("R1", volume(square(35.0, 36.0, 500.0)), party=PARTY))
    talk.exchange()
    first = checked(talk)
    assert first["parties"] == [OTHER, PARTY]
    assert first["challenge"] is first["ours"] is first["frozen"] is None
    sizes = first["held"]
    talk.served.declare(intent("R2", volume(square(36.0, 36.0, 500.0)), party=PARTY))  # while they speak
    second = checked(talk, ours=sizes, theirs=sizes)
    assert second["frozen"] == sizes
    assert len(second["challenge"]["symbols"]) == 4
    assert second["ours"] is None
    third = checked(talk, ours=sizes, theirs=sizes, **CHALLENGES)
    theirs = at_peer(talk, sizes)
    assert third["theirs"]["symbols"] == theirs.half(OTHER)
    assert third["ours"]["symbols"] == theirs.half(PARTY)
    assert [part["code"]["symbols"] for part in third["parts"]] == [part.code for part in theirs.parts()]
    assert third["standing"] == [
        {"kind": "item", "name": f"{PARTY}:R1 v1", "item": {"party": PARTY, "id": "R1", "version": 1}}
    ]
    assert set(third["ours"]["words"]) == {"en", "ru", "ar"}
    part = checked(talk, ours=sizes, theirs=sizes, **CHALLENGES, path="a")
    assert (part["parts"], part["standing"], part["standing_count"]) == ([], [], 0)


def test_the_smaller_sizes_count_and_more_of_ours_than_we_have_is_pointed_out(talk: Talk) -> None:
    talk.exchange()
    sizes = checked(talk)["held"]
    told = checked(talk, theirs={OTHER: sizes[OTHER] + 7, PARTY: sizes[PARTY] - 1})
    assert told["frozen"] == {OTHER: sizes[OTHER], PARTY: sizes[PARTY] - 1}
    assert told["remarks"] == []
    told = checked(talk, theirs={OTHER: 1, PARTY: sizes[PARTY] + 3})
    assert "was this node restored?" in told["remarks"][0]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"theirs": {OTHER: 1, "tower": 1}}, "theirs"),
        ({"ours": {OTHER: 10**6, PARTY: 1}, "theirs": {OTHER: 1, PARTY: 1}}, f"ours.{OTHER}"),
        (
            {"theirs": {OTHER: 1, PARTY: 1}, "challenge_ours": "K7QU", "challenge_theirs": "2M9X"},
            "challenge_ours",
        ),
        (
            {"theirs": {OTHER: 1, PARTY: 1}, "challenge_ours": "K7QF", "challenge_theirs": ""},
            "challenge_theirs",
        ),
        ({"theirs": {OTHER: 1, PARTY: 1}, **CHALLENGES, "path": "c"}, "path"),
        ({"theirs": {OTHER: -1, PARTY: 1}}, "theirs"),
        ({"theirs": {OTHER: 1}}, "theirs"),
    ],
)
def test_what_makes_no_check_is_refused_and_named(talk: Talk, given: dict[str, Any], field: str) -> None:
    talk.exchange()
    told = checked(talk, code=400, **given)
    assert field in told["detail"] or any(field in each["field"] for each in told["problems"])


def test_with_oneself_or_nobody_there_is_no_check(talk: Talk) -> None:
    for party in (PARTY, "nobody"):
        response = talk.ask("POST", "/v1/picture-checks", json={"with": party})
        assert response.status_code == 404


def test_a_message_is_printed_read_out_and_drafted_as_it_was_heard(talk: Talk) -> None:
    talk.peer.declare(intent("P1", volume(square(35.0, 36.0, 500.0)), party=OTHER))
    talk.peer.say(notice(ref(OTHER, "P1")))
    talk.give()
    (message,) = talk.told("/v1/messages")["messages"]
    path = f"/v1/messages/{OTHER}/{message['ref']['n']}/paper"
    form = talk.told(path)
    assert [line["text"] for line in form["lines"]][:3] == [PARTY, OTHER, str(message["ref"]["n"])]
    assert form["lines"][0]["labels"] == {"en": "To", "ru": "Кому", "ar": "إلى"}
    lines = [{"text": line["text"].upper(), "symbol": line["symbol"]["symbols"]} for line in form["lines"]]
    read = talk.ask("POST", "/v1/paper", json={"lines": lines[:5]}).json()
    assert read["next"]["name"] == "answers"
    assert read["deed"] is None
    read = talk.ask("POST", "/v1/paper", json={"lines": lines, "total": form["total"]["symbols"]}).json()
    assert (read["next"], read["checked"]) == (None, True)
    assert read["texts"] == form["texts"]
    draft = talk.ask("POST", "/v1/drafts", json={"kind": "hear_by_voice", "person": "Ann", **read["deed"]})
    assert draft.status_code == 200, draft.text


@pytest.mark.parametrize(
    ("index", "text", "symbol", "field"),
    [
        (0, "tower", None, "lines[0].to"),
        (1, "tower", None, "lines[1].from"),
        (4, "HELLO", None, "lines[4].code"),
        (1, OTHER, "0", "lines[1].from"),
    ],
)
def test_the_first_line_that_is_wrong_is_named(
    talk: Talk, index: int, text: str, symbol: str | None, field: str
) -> None:
    talk.peer.say(
        Message(
            code=Code.LINE_TEST, to=PartyId(PARTY), priority=Priority.ROUTINE, valid_until_ms=floor_ms(NOON)
        )
    )
    talk.give()
    (message,) = talk.told("/v1/messages")["messages"]
    form = talk.told(f"/v1/messages/{OTHER}/{message['ref']['n']}/paper")
    lines: list[dict[str, Any]] = [{"text": line["text"], "symbol": None} for line in form["lines"]]
    lines[index] = {"text": text, "symbol": symbol}
    response = talk.ask("POST", "/v1/paper", json={"lines": lines, "complete": True})
    assert response.status_code == 400
    assert [each["field"] for each in response.json()["problems"]] == [field]


def test_there_is_no_form_of_a_message_that_is_not_there(talk: Talk) -> None:
    for path in (f"/v1/messages/{OTHER}/99/paper", f"/v1/messages/{OTHER}/x/paper"):
        assert talk.ask("GET", path).status_code == 404
