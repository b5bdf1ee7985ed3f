"""Drafts over HTTP: the text that is signed, what is refused before, and proposals that are ready."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keepclear.adapters.http import ticking
from keepclear.codec import agreements
from keepclear.codec.deeds import DEED_BYTES_MAX, decode_deed, encode_deed
from keepclear.codec.jws import encode_jws
from keepclear.core.agreements import Agreement, Clearing, Minima, Terms, Timers, digest
from keepclear.core.conflicts import NO_BUFFER
from keepclear.core.deeds import AgreementAnswer, AgreementProposal, LineChange
from keepclear.core.intents import PartyId
from keepclear.core.messages import VALID_MAX_MS, Code, Priority
from keepclear.core.refs import MessageRef
from keepclear.core.times import floor_ms
from keepclear.node.access import Role
from tests.adapters.http.served import OTHER, PARTY, Served, operation
from tests.adapters.http.spoken import OFFICER, Talk, ref
from tests.adapters.http.test_hotline_routes import HERE, distress, got, message, sent, stop, told
from tests.adapters.http.test_talk_routes import proposal
from tests.strategies import NOON, intent, square, volume, window

NOW_MS = floor_ms(NOON)
TEST: dict[str, Any] = {"code": "line_test", "to": OTHER}


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the node say nothing by itself but at its start, whatever the clock shows."""
    monkeypatch.setattr(ticking, "TICK_EVERY_S", 3_600.0)


def asked(talk: Talk, kind: str, **fields: Any) -> Any:
    return talk.ask("POST", "/v1/drafts", json={"kind": kind, "person": OFFICER, **fields})


def draft(talk: Talk, kind: str, **fields: Any) -> Any:
    response = asked(talk, kind, **fields)
    assert response.status_code == 200, response.text
    return response.json()


def signed_by_hand(talk: Talk, told: Any) -> str:
    """Sign a draft as a browser does: the payload as it stands."""
    key = talk.keys.officer
    return encode_jws(told["typ"], key.kid, told["payload"].encode(), key.sign)


# -- messages ---------------------------------------------------------------------------------------


def test_a_draft_is_the_very_text_that_is_signed_and_taken(talk: Talk) -> None:
    told_draft = draft(talk, "send_message", message=TEST)
    payload = decode_deed(told_draft["payload"].encode())
    again = encode_deed(
        payload.deed, party=payload.party, person=payload.person, at_ms=payload.at_ms, nonce=payload.nonce
    )
    assert again.decode() == told_draft["payload"]
    assert (payload.party, payload.person, payload.at_ms) == (PARTY, OFFICER, NOW_MS)
    response = talk.ask("POST", "/v1/deeds", json={"jws": signed_by_hand(talk, told_draft)})
    assert (response.status_code, response.json()["kind"]) == (200, "send_message")
    (shown,) = talk.told("/v1/messages")["messages"]
    assert shown["texts"]["en"].endswith(told_draft["texts"]["en"])


def test_a_draft_says_nothing_and_no_two_are_alike(talk: Talk) -> None:
    first, second = (draft(talk, "send_message", message=TEST) for _ in range(2))
    assert first["payload"] != second["payload"]
    assert talk.told("/v1/messages")["messages"] == []


def test_how_urgent_and_until_when_need_not_be_said(talk: Talk) -> None:
    talk.served.clock.advance(0.7)
    deed = json.loads(draft(talk, "send_message", message=TEST)["payload"])["message"]
    assert (deed["priority"], deed["valid_until"]) == ("routine", NOW_MS + 3_600_000)
    given = {**TEST, "priority": "safety", "valid_until": NOW_MS + 5_000, "drill": "winter"}
    assert json.loads(draft(talk, "send_message", message=given)["payload"])["message"] == given


def test_an_answer_is_as_urgent_and_of_the_same_drill(talk: Talk) -> None:
    of = got(talk, stop(PARTY, drill="winter"))
    answer: dict[str, Any] = {"code": "unable", "to": OTHER, "answers": {"party": OTHER, "n": of.n}}
    answer["fields"] = {"reason": "fuel"}
    deed = json.loads(draft(talk, "send_message", message=answer)["payload"])
    assert (deed["message"]["priority"], deed["message"]["drill"]) == ("distress", "winter")


def test_a_correction_is_as_urgent_as_what_it_corrects(talk: Talk) -> None:
    of = sent(talk, message(Code.LINE_TEST, priority=Priority.SAFETY))
    corrected = {**TEST, "corrects": {"party": PARTY, "n": of.n}}
    deed = json.loads(draft(talk, "send_message", message=corrected)["payload"])
    assert deed["message"]["priority"] == "safety"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"code": "line_tests", "to": OTHER}, "message.code"),
        ({"code": "unable", "to": OTHER, "answers": {"party": OTHER, "n": 1}}, "message.fields.reason"),
        ({**TEST, "fields": {"at": [1, 2]}}, "message.fields.at"),
        ({**TEST, "valid_until": NOW_MS - 1}, "message.valid_until"),
        ({**TEST, "valid_until": NOW_MS + VALID_MAX_MS + 1}, "message.valid_until"),
        ({**TEST, "priority": "high"}, "message.priority"),
        ({**TEST, "answers": {"party": OTHER, "n": -1}}, "message.answers.n"),
        ({**TEST, "drill": ""}, "message.drill"),
        ({"code": "machine_test", "to": OTHER}, "code"),
        ({"code": "line_test", "to": PARTY}, "to"),
        ({**TEST, "target": "x"}, "message.target"),
    ],
)
def test_what_is_no_message_is_refused_with_its_field(talk: Talk, given: Any, field: str) -> None:
    response = asked(talk, "send_message", message=given)
    assert response.status_code == 400, response.text
    assert response.json()["problems"][0]["field"] == field


def test_what_would_be_out_of_place_is_refused_with_the_same_reason(talk: Talk) -> None:
    wrong = message(Code.ROGER, answers=MessageRef(party=PartyId(OTHER), n=99))
    said = talk.say(wrong)
    drafted = asked(
        talk,
        "send_message",
        message={"code": "roger", "to": OTHER, "answers": {"party": OTHER, "n": 99}},
    )
    assert (said.status_code, drafted.status_code) == (409, 409)
    assert drafted.json()["detail"] == said.json()["detail"]


def test_while_the_line_is_on_hold_only_what_goes_on_can_be_drafted(talk: Talk) -> None:
    talk.say(LineChange(peer=PartyId(OTHER), is_hold=True, reason="no answer"))
    refused = asked(talk, "send_message", message={"code": "free_text", "to": OTHER, "fields": {"text": "a"}})
    assert (refused.status_code, "suspended" in refused.json()["detail"]) == (409, True)
    draft(talk, "send_message", message=TEST)


# -- warnings ---------------------------------------------------------------------------------------


def kinds(told_draft: Any) -> list[str]:
    return [each["kind"] for each in told_draft["warnings"]]


def position(lat_deg: float, lng_deg: float) -> list[int]:
    return [round(lat_deg * 1e5), round(lng_deg * 1e5)]


def test_a_position_far_from_everything_declared_is_pointed_out_to_who_signs(talk: Talk) -> None:
    talk.served.declare(operation("R1"))
    fields = {"call_sign": "RELIEF1", "nature": "engine", "at": position(35.1, 36.0)}
    told_draft = draft(talk, "send_message", message={"code": "distress", "to": OTHER, "fields": fields})
    (warned,) = told_draft["warnings"]
    assert (warned["kind"], warned["field"]) == ("position_far", "at")
    assert warned["item"] == {"party": PARTY, "id": "R1", "version": 1}
    assert warned["distance_m"] == pytest.approx(10_600.0, abs=100.0)
    assert warned["bearing_deg"] == pytest.approx(180.0, abs=3.0)
    assert all("R1" in warned["texts"][language] for language in ("en", "ru", "ar"))
    fields["at"] = position(35.0, 36.0)
    near = draft(talk, "send_message", message={"code": "distress", "to": OTHER, "fields": fields})
    assert near["warnings"] == []


def test_where_nothing_is_declared_every_position_is_far(talk: Talk) -> None:
    fields = {"call_sign": "RELIEF1", "nature": "engine", "at": position(35.1, 36.0)}
    (warned,) = draft(talk, "send_message", message={"code": "distress", "to": OTHER, "fields": fields})[
        "warnings"
    ]
    assert (warned["kind"], "distance_m" in warned) == ("position_far", False)


def test_both_ends_are_told_of_a_position_that_is_far_while_the_message_waits(talk: Talk) -> None:
    of = got(talk, distress(PARTY))
    assert kinds(told(talk, of)) == ["position_far"]
    (listed,) = talk.told("/v1/messages")["messages"]
    assert kinds(listed) == ["position_far"]
    sent(talk, message(Code.ROGER, answers=of, priority=Priority.DISTRESS))
    listed = next(each for each in talk.told("/v1/messages")["messages"] if each["code"] == "distress")
    assert kinds(listed) == []  # it was answered; asked for by itself, it is still told


def in_the_way(talk: Talk, begins_s: float) -> None:
    """Have both parties declare at one place, from so many seconds after noon on, and agree on speeds."""
    text = agreements.encode(
        Agreement(
            version=1,
            terms=tuple(
                Terms(party=PartyId(party), clearing=Clearing(speed_mps=10.0, reaction_s=30.0))
                for party in (OTHER, PARTY)
            ),  # type: ignore[arg-type]
            minima=Minima(lateral_m=5_556.0, vertical_m=300.0),
            buffer=NO_BUFFER,
            timers=Timers(seen_s=60.0, answered_s=600.0),
        )
    )
    talk.say(AgreementProposal(text=text))
    talk.fetch()
    talk.peer.say(AgreementAnswer(digest=digest(text), is_accepted=True))
    times = window(begins_s / 60.0, begins_s / 60.0 + 60.0)
    for party, name in ((PARTY, "R1"), (OTHER, "N1")):
        item = intent(name, volume(square(35.0, 36.0, 500.0), time=times), party=party)
        if party == PARTY:
            assert talk.served.declare(item).status_code == 201
        else:
            talk.peer.declare(item)
    talk.exchange()


def test_too_short_a_notice_names_the_aircraft_that_cannot_get_clear(talk: Talk) -> None:
    in_the_way(talk, 50.0)
    item = {"party": PARTY, "id": "R1", "version": 1}
    fields = {"item": item, "begins": NOW_MS + 50_000}
    notice = {"code": "notice_operation", "to": OTHER, "fields": fields}
    told_draft = draft(talk, "send_message", message=notice)
    assert kinds(told_draft)[0] == "notice_short"
    warned = told_draft["warnings"][0]
    (affected,) = warned["affected"]
    assert (affected["id"], affected["party"], affected["can_clear"]) == (f"{OTHER}:N1", OTHER, False)
    assert affected["item"] == {"party": OTHER, "id": "N1", "version": 1}
    assert affected["given_s"] == 50.0 < affected["needs_s"]
    assert f"{OTHER}:N1" in warned["texts"]["ar"]


def test_a_notice_that_leaves_time_enough_is_not_warned_of(talk: Talk) -> None:
    in_the_way(talk, 7_200.0)
    fields = {"item": {"party": PARTY, "id": "R1", "version": 1}, "begins": NOW_MS + 7_200_000}
    notice = {"code": "notice_operation", "to": OTHER, "fields": fields}
    told_draft = draft(talk, "send_message", message=notice)
    assert told_draft["warnings"] == []


def test_what_was_heard_is_compared_with_the_message_where_it_is_here(talk: Talk) -> None:
    of = got(talk, distress(PARTY))
    heard: dict[str, Any] = {
        "code": "distress",
        "to": PARTY,
        "fields": {"call_sign": "RELIEF7", "nature": "engine", "at": [HERE.latitude_e5, HERE.longitude_e5]},
        "priority": "distress",
        "valid_until": NOW_MS + 3_600_000,
    }
    told_draft = draft(talk, "hear_by_voice", by=OTHER, n=of.n, sent=NOW_MS, message=heard)
    warned = next(each for each in told_draft["warnings"] if each["kind"] == "heard_differently")
    assert "RELIEF1" in warned["heard"]["en"]
    assert f"{OTHER} {of.n}" in told_draft["texts"]["en"]
    heard["fields"]["call_sign"] = "RELIEF1"
    assert "heard_differently" not in kinds(
        draft(talk, "hear_by_voice", by=OTHER, n=of.n, sent=NOW_MS, message=heard)
    )


# -- other deeds ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("go_on_duty", {"senior": True, "telephone": "+1 555"}),
        ("go_off_duty", {}),
        ("hold", {"peer": OTHER, "reason": "no answer"}),
        ("resume", {"peer": OTHER, "reason": ""}),
        ("hear_by_voice", {"by": OTHER, "n": None, "sent": NOW_MS, "message": {
            "code": "line_test", "to": PARTY, "priority": "routine", "valid_until": NOW_MS}}),
    ],
)  # fmt: skip
def test_other_deeds_are_drafted_and_taken(talk: Talk, kind: str, fields: dict[str, Any]) -> None:
    told_draft = draft(talk, kind, **fields)
    payload = json.loads(told_draft["payload"])
    assert {name: payload[name] for name in fields} == fields
    response = talk.ask("POST", "/v1/deeds", json={"jws": signed_by_hand(talk, told_draft)})
    assert (response.status_code, response.json()["kind"]) == (200, kind)


def test_messages_are_read_and_items_acknowledged_by_drafts(talk: Talk) -> None:
    of = got(talk, message(Code.LINE_TEST, PARTY))
    talk.peer.declare(operation("N1", party=OTHER))
    talk.give()
    for kind, fields in (
        ("see_messages", {"messages": [{"party": OTHER, "n": of.n}]}),
        ("acknowledge", {"items": [{"party": OTHER, "id": "N1", "version": 1}]}),
        ("object", {"item": {"party": OTHER, "id": "N1", "version": 1}, "reason": "too low"}),
    ):
        told_draft = draft(talk, kind, **fields)
        assert told_draft["texts"] is None
        jws = signed_by_hand(talk, told_draft)
        assert talk.ask("POST", "/v1/deeds", json={"jws": jws}).status_code == 200


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        ("hold", {"peer": OTHER}, "reason"),
        ("hold", {"peer": OTHER, "reason": ""}, "reason"),
        ("hold", {"peer": OTHER, "reason": "a", "items": []}, "items"),
        ("shout", {}, "kind"),
        ("see_messages", {"messages": []}, "messages"),
        ("propose", {"id": "x", "conflict": [], "changes": []}, "conflict"),
    ],
)
def test_what_is_no_deed_is_refused_with_its_field(talk: Talk, kind: str, fields: Any, field: str) -> None:
    response = asked(talk, kind, **fields)
    assert response.status_code == 400, response.text
    assert response.json()["problems"][0]["field"] == field


def test_a_draft_that_is_too_long_is_refused(talk: Talk) -> None:
    long = "a" * (DEED_BYTES_MAX + 1)
    assert asked(talk, "propose_agreement", text=long).status_code == 413


# -- suggestions ------------------------------------------------------------------------------------


def in_conflict(talk: Talk) -> None:
    talk.served.declare(operation("R1"))
    talk.peer.declare(operation("N1", party=OTHER))
    talk.exchange()


@pytest.mark.parametrize(("item", "other"), [("R1", f"{OTHER}:N1"), (f"{OTHER}:N1", "R1")])
def test_a_suggestion_can_be_drafted_as_it_is(talk: Talk, item: str, other: str) -> None:
    in_conflict(talk)
    response = talk.ask("POST", "/v1/suggestions", json={"item": item, "other": other})
    assert response.status_code == 200, response.text
    suggestions = response.json()["suggestions"]
    assert {each["change"] for each in suggestions} >= {"time", "lateral"}
    for each in suggestions:
        told_draft = draft(talk, "propose", **each["propose"])
        jws = signed_by_hand(talk, told_draft)
        assert talk.ask("POST", "/v1/deeds", json={"jws": jws}).status_code == 200
    found = talk.told("/v1/negotiations")["negotiations"]
    changed = ref(*((PARTY, "R1") if item == "R1" else (OTHER, "N1")))
    assert {each["changes"][0]["item"]["id"] for each in found} == {changed.id}
    assert len(found) == len(suggestions)


def test_a_suggestion_can_be_a_counter(talk: Talk) -> None:
    in_conflict(talk)
    talk.peer.say(proposal(operation("R1", 36.0), name=f"{OTHER}/1"))
    talk.give()
    body = {"item": f"{OTHER}:N1", "other": "R1"}
    first = talk.ask("POST", "/v1/suggestions", json=body).json()["suggestions"][0]
    told_draft = draft(talk, "counter", **first["propose"], counters=f"{OTHER}/1")
    jws = signed_by_hand(talk, told_draft)
    assert talk.ask("POST", "/v1/deeds", json={"jws": jws}).json()["kind"] == "counter"


@pytest.mark.parametrize(
    ("item", "other", "status"),
    [("R9", f"{OTHER}:N1", 404), ("R1", f"{OTHER}:N9", 404), ("R1", "R1", 400), ("R1", "R2", 400)],
)
def test_suggestions_are_for_two_items_of_two_parties(talk: Talk, item: str, other: str, status: int) -> None:
    in_conflict(talk)
    talk.served.declare(operation("R2", 40.0))
    response = talk.ask("POST", "/v1/suggestions", json={"item": item, "other": other})
    assert response.status_code == status


# -- who may draft ----------------------------------------------------------------------------------


def test_only_duty_officers_draft(talk: Talk) -> None:
    body = {"kind": "send_message", "person": OFFICER, "message": TEST}
    assert talk.ask("POST", "/v1/drafts", json=body, role=Role.VIEWER).status_code == 403
    response = talk.ask("POST", "/v1/drafts", json=body, token=talk.served.foreign_token)
    assert (response.status_code, "own node" in response.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/drafts", {"kind": "go_off_duty", "person": "Ann"}),
        ("/v1/suggestions", {"item": "a", "other": "b"}),
    ],
)
def test_a_node_without_keys_drafts_nothing(served: Served, path: str, body: dict[str, str]) -> None:
    assert served.ask("POST", path, json=body).status_code == 409
