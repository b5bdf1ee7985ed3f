"""The hotline over HTTP: what can be said, messages with their receipts, channels, drills."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from keepclear.adapters.federation.links import LinkState
from keepclear.adapters.http import ticking
from keepclear.adapters.http.hotline_bodies import MISHEARD_TOLD_MAX
from keepclear.codec.cards import encode_card
from keepclear.codec.catalogue.rendering import texts_of
from keepclear.codec.catalogue.texts import CATALOGUE_HASH, Language, title
from keepclear.core.deeds import DutyChange, Heard, LineChange, MessagesSeen
from keepclear.core.intents import PartyId
from keepclear.core.messages import (
    DEGREE_STEPS,
    MESSAGES,
    ChannelState,
    Code,
    Message,
    Nature,
    Position,
    Priority,
    Reason,
    Step,
    Value,
    answers_to,
)
from keepclear.core.refs import MessageRef
from keepclear.core.times import floor_ms
from keepclear.node.access import Role
from tests.adapters.http.served import OTHER, PARTY, Served
from tests.adapters.http.spoken import OFFICER, Keys, Talk, proving_of, words
from tests.strategies import NOON

AT = "2026-05-01T12:00:00Z"
HERE = Position(latitude_e5=3_540_000, longitude_e5=3_590_000)


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the node say nothing by itself but at its start, whatever the clock shows."""
    monkeypatch.setattr(ticking, "TICK_EVERY_S", 3_600.0)


def message(
    code: Code,
    to: str = OTHER,
    *,
    answers: MessageRef | None = None,
    corrects: MessageRef | None = None,
    priority: Priority | None = None,
    valid_s: float = 3_600.0,
    drill: str | None = None,
    **fields: Value,
) -> Message:
    """Return a message that counts for an hour from noon."""
    return Message(
        code=code,
        to=PartyId(to),
        fields=tuple((name.removesuffix("_"), value) for name, value in fields.items()),
        answers=answers,
        corrects=corrects,
        priority=priority or MESSAGES[code].priority,
        valid_until_ms=floor_ms(NOON) + round(valid_s * 1e3),
        drill=drill,
    )


def distress(to: str = OTHER, **given: Any) -> Message:
    return message(Code.DISTRESS, to, call_sign="RELIEF1", nature=Nature.ENGINE, at=HERE, **given)


def stop(to: str = OTHER, **given: Any) -> Message:
    return message(Code.REQUEST_STOP, to, at=HERE, radius=2_000, nature=Nature.MEDICAL, **given)


def sent(talk: Talk, said: Message) -> MessageRef:
    """Send a message from this party."""
    response = talk.say(said)
    assert response.status_code == 200, response.text
    return MessageRef(party=PartyId(PARTY), n=response.json()["n"])


def got(talk: Talk, said: Message) -> MessageRef:
    """Have the other party send a message, and take it."""
    assert talk.peer.bench.logs is not None
    n = talk.peer.bench.logs[PartyId(OTHER)].tree.size
    talk.peer.say(said)
    talk.give()
    return MessageRef(party=PartyId(OTHER), n=n)


def told(talk: Talk, of: MessageRef) -> Any:
    return talk.told(f"/v1/messages/{of.party}/{of.n}")


def numbers(talk: Talk, **query: Any) -> list[str]:
    return [each["number"] for each in talk.told("/v1/messages", **query)["messages"]]


def wired(of: MessageRef) -> dict[str, Any]:
    return {"party": of.party, "n": of.n}


# -- the catalogue ----------------------------------------------------------------------------------


def test_everything_that_can_be_said_is_told_in_three_languages(talk: Talk) -> None:
    catalogue = talk.told("/v1/catalogue")
    assert catalogue["hash"] == CATALOGUE_HASH
    assert [each["code"] for each in catalogue["codes"]] == [code.value for code in Code]
    (unable,) = [each for each in catalogue["codes"] if each["code"] == "unable"]
    assert [(f["name"], f["kind"], f["needed"]) for f in unable["fields"]] == [("reason", "reason", True)]
    assert set(catalogue["words"]["reason"]) == {reason.value for reason in Reason}
    assert set(catalogue["words"]["reason"]["fuel"]) == {"en", "ru", "ar"}


# -- messages ---------------------------------------------------------------------------------------


def test_a_message_is_told_with_all_that_it_says(talk: Talk) -> None:
    said = distress(priority=Priority.DISTRESS)
    of = sent(talk, said)
    texts = texts_of(said, of)
    assert told(talk, of) == {
        "ref": wired(of),
        "number": f"{PARTY} {of.n}",
        "code": "distress",
        "to": OTHER,
        "fields": {"call_sign": "RELIEF1", "nature": "engine", "at": [3_540_000, 3_590_000]},
        "answers": None,
        "corrects": None,
        "priority": "distress",
        "valid_until": "2026-05-01T13:00:00Z",
        "drill": None,
        "sent_at": AT,
        "person": OFFICER,
        "by_voice": False,
        "titles": {"en": "Distress", "ru": texts_title("ru"), "ar": texts_title("ar")},
        "texts": texts,
        "state": "open",
        "delivered": False,
        "delivered_at": None,
        "seen": None,
        "stood_by": None,
        "answer": None,
        "replies": [],
        "corrected_by": None,
        "steps": [],
        "timed_out_at": None,
        "due": {"seen_at": "2026-05-01T12:00:30Z", "answered_at": "2026-05-01T12:01:00Z"},
        "late": False,
        "delayed": False,
        "expired": False,
        "heard": None,
        "ours": True,
        "can_answer": [],
        "warnings": told(talk, of)["warnings"],
    }


def texts_title(language: str) -> str:
    return title(Code.DISTRESS, Language(language))


def test_delivered_seen_and_answered_are_told_apart(talk: Talk) -> None:
    of = sent(talk, stop())
    talk.peer.clock.advance(7.0)
    talk.fetch()
    talk.give()
    now = told(talk, of)
    assert (now["delivered"], now["delivered_at"], now["seen"]) == (True, "2026-05-01T12:00:07Z", None)
    talk.peer.clock.advance(1.0)
    talk.peer.say(MessagesSeen(messages=(of,)))
    talk.give()
    now = told(talk, of)
    assert (now["seen"], now["answer"]) == ({"person": OFFICER, "at": "2026-05-01T12:00:08Z", "n": 2}, None)
    talk.peer.clock.advance(1.0)
    talk.peer.say(message(Code.STANDBY, PARTY, answers=of, priority=Priority.DISTRESS))
    talk.give()
    now = told(talk, of)
    standby = {"party": OTHER, "n": 3}
    assert now["stood_by"] == {"person": OFFICER, "at": "2026-05-01T12:00:09Z", "ref": standby}
    assert (now["state"], now["replies"], now["answer"]) == ("standby", [standby], None)
    assert now["due"] == {"seen_at": None, "answered_at": "2026-05-01T12:01:09Z"}
    talk.peer.say(message(Code.UNABLE, PARTY, answers=of, reason=Reason.FUEL, priority=Priority.DISTRESS))
    talk.give()
    now = told(talk, of)
    unable = {"party": OTHER, "n": 4}
    assert now["answer"] == {
        "person": OFFICER,
        "at": "2026-05-01T12:00:09Z",
        "code": "unable",
        "ref": unable,
    }
    assert (now["state"], now["replies"], now["seen"]["n"]) == ("closed", [standby, unable], 2)
    assert now["due"] == {"seen_at": None, "answered_at": None}


def test_when_it_was_delivered_stays_as_more_is_delivered(talk: Talk) -> None:
    of = sent(talk, stop())
    talk.exchange()
    talk.pass_s(60.0)
    sent(talk, distress())
    talk.exchange()
    assert told(talk, of)["delivered_at"] == AT


def test_a_message_that_came_here_is_delivered_and_can_be_answered(talk: Talk) -> None:
    of = got(talk, stop(PARTY))
    now = told(talk, of)
    assert (now["ours"], now["delivered"], now["delivered_at"]) == (False, True, AT)
    assert now["can_answer"] == [code.value for code in answers_to(Code.REQUEST_STOP)]
    sent(talk, message(Code.STANDBY, answers=of, priority=Priority.DISTRESS))
    now = told(talk, of)
    assert (now["state"], "standby" in now["can_answer"], now["can_answer"][0]) == (
        "standby",
        False,
        "will_comply",
    )
    sent(talk, message(Code.WILL_COMPLY, answers=of, priority=Priority.DISTRESS))
    assert told(talk, of)["can_answer"] == ["unable"], (
        "whoever finds out that he cannot must be able to say so"
    )


def test_an_answer_has_no_state_of_its_own(talk: Talk) -> None:
    of = got(talk, stop(PARTY))
    answer = sent(talk, message(Code.WILL_COMPLY, answers=of, priority=Priority.DISTRESS))
    now = told(talk, answer)
    assert (now["state"], now["answers"], now["due"]) == (
        None,
        wired(of),
        {"seen_at": None, "answered_at": None},
    )


def test_a_correction_is_told_at_both_messages(talk: Talk) -> None:
    of = sent(talk, distress())
    instead = sent(talk, distress(corrects=of))
    assert (told(talk, of)["state"], told(talk, of)["corrected_by"]) == ("corrected", wired(instead))
    assert told(talk, instead)["corrects"] == wired(of)


def said_by_node(talk: Talk, said: Message) -> None:
    """Have the node say something by itself."""
    talk.served.running.node.desk.change(
        talk.served.access.grant_of(talk.served.tokens[Role.DUTY_OFFICER]).actor,
        lambda declaring: proving_of(declaring).say_message(said),
    ).result()


def test_steps_and_a_time_out_are_told_with_their_times(talk: Talk) -> None:
    of = sent(talk, distress())
    talk.served.clock.advance(30.0)
    urgent = Priority.DISTRESS
    escalated = message(Code.ESCALATED, about=of, step=Step.TELEPHONE, called="Nils", priority=urgent)
    said_by_node(talk, escalated)
    said_by_node(talk, message(Code.TIMED_OUT, about=of, priority=urgent))
    now = told(talk, of)
    assert now["steps"] == [{"step": "telephone", "called": "Nils", "at": "2026-05-01T12:00:30Z"}]
    assert (now["timed_out_at"], now["state"]) == ("2026-05-01T12:00:30Z", "timed_out")


@pytest.mark.parametrize(
    ("after_s", "late"), [(29.999, False), (30.0, True), (59.0, True)], ids=["before", "at", "after"]
)
def test_a_message_is_late_from_the_instant_at_which_it_should_have_been_read(
    talk: Talk, after_s: float, late: bool
) -> None:
    of = sent(talk, distress())
    talk.served.clock.advance(after_s)
    assert told(talk, of)["late"] is late


@pytest.mark.parametrize(("after_s", "expired"), [(60.0, False), (60.001, True)])
def test_a_message_is_expired_after_the_last_instant_at_which_it_counts(
    talk: Talk, after_s: float, expired: bool
) -> None:
    of = sent(talk, distress(valid_s=60.0))
    talk.served.clock.advance(after_s)
    assert told(talk, of)["expired"] is expired


@pytest.mark.parametrize(("after_s", "delayed"), [(15.0, False), (15.001, True)])
def test_a_message_that_is_on_its_way_is_delayed_after_its_deadline(
    talk: Talk, after_s: float, delayed: bool
) -> None:
    of = sent(talk, distress())
    talk.served.clock.advance(after_s)
    assert told(talk, of)["delayed"] is delayed


@pytest.mark.parametrize(("after_s", "delayed"), [(15.0, False), (16.0, True)])
def test_a_message_that_came_late_stays_delayed(talk: Talk, after_s: float, delayed: bool) -> None:
    of = sent(talk, distress())
    talk.pass_s(after_s)
    talk.exchange()
    talk.pass_s(3_600.0)
    assert told(talk, of)["delayed"] is delayed


def test_a_routine_message_lapses(talk: Talk) -> None:
    of = sent(talk, message(Code.LINE_TEST))
    talk.served.clock.advance(3_601.0)
    now = told(talk, of)
    assert (now["state"], now["due"]["seen_at"]) == ("lapsed", None)


def test_what_was_written_down_by_voice_is_told_as_such(talk: Talk) -> None:
    heard = Heard(by=PartyId(OTHER), n=2, at_ms=floor_ms(NOON), message=distress(PARTY))
    assert talk.say(heard).status_code == 200
    of = MessageRef(party=PartyId(OTHER), n=2)
    now = told(talk, of)
    assert (now["by_voice"], now["person"], now["delivered"]) == (True, None, False)
    assert (now["seen"]["person"], now["can_answer"][0], now["heard"]) == (OFFICER, "roger", None)


@pytest.mark.parametrize("is_right", [True, False])
def test_what_was_heard_is_compared_once_the_message_comes(talk: Talk, is_right: bool) -> None:
    meant = distress(PARTY)
    wrong = message(Code.DISTRESS, PARTY, call_sign="RELIEF7", nature=Nature.ENGINE, at=HERE)
    heard = meant if is_right else wrong
    talk.say(Heard(by=PartyId(OTHER), n=2, at_ms=floor_ms(NOON), message=heard))
    now = told(talk, got(talk, meant))
    assert (now["by_voice"], now["heard"], now["fields"]["call_sign"]) == (False, is_right, "RELIEF1")
    warned = [each for each in now["warnings"] if each["kind"] == "heard_differently"]
    assert len(warned) == (0 if is_right else 1)
    if not is_right:
        assert "RELIEF7" in warned[0]["heard"]["en"]


def test_a_place_that_was_heard_wrongly_is_told_with_distance_and_bearing(talk: Talk) -> None:
    """One degree of latitude is some 111 km; the message means the place to the south of the one heard."""
    meant = distress(PARTY)
    at = meant.values["at"]
    assert isinstance(at, Position)
    north = replace(at, latitude_e5=at.latitude_e5 + DEGREE_STEPS)
    fields = tuple((name, north if name == "at" else value) for name, value in meant.fields)
    heard = replace(meant, fields=fields)
    talk.say(Heard(by=PartyId(OTHER), n=2, at_ms=floor_ms(NOON), message=heard))
    warnings = told(talk, got(talk, meant))["warnings"]
    (warned,) = [each for each in warnings if each["kind"] == "heard_differently"]
    assert (warned["field"], warned["bearing_deg"]) == ("at", pytest.approx(0.0, abs=0.01))
    assert warned["distance_m"] == pytest.approx(111_000.0, rel=0.01)
    for text in warned["texts"].values():
        assert "36.40000" in text


def test_what_was_heard_without_a_number_is_listed_beside_the_messages(talk: Talk) -> None:
    heard = Heard(by=PartyId(OTHER), n=None, at_ms=floor_ms(NOON), message=distress(PARTY))
    n = talk.say(heard).json()["n"]
    for query in ({}, {"open": "true"}, {"with": OTHER}):
        page = talk.told("/v1/messages", **query)
        (found,) = page["unnumbered"]
        assert (found["heard_by"], found["n"], found["by"], found["ours"]) == (PARTY, n, OTHER, False)
        assert (found["person"], found["priority"], page["unnumbered_more"]) == (OFFICER, "distress", 0)
        assert "RELIEF1" in found["texts"]["en"]
        assert "NO NUMBER" in found["warning"]["en"]
        assert not [each for each in page["messages"] if each["code"] == "distress"]
    got(talk, distress(PARTY))
    assert talk.told("/v1/messages")["unnumbered"] == []


def test_an_answer_that_others_claim_is_warned_of_and_closes_nothing_here(talk: Talk) -> None:
    asked = got(talk, stop(PARTY))
    answer = message(Code.WILL_COMPLY, OTHER, answers=asked, priority=Priority.DISTRESS)
    talk.peer.say(Heard(by=PartyId(PARTY), n=2**40 - 1, at_ms=floor_ms(NOON), message=answer))
    talk.give()
    now = told(talk, asked)
    assert (now["state"], now["answer"], now["can_answer"][0]) == ("open", None, "will_comply")
    warned = now["warnings"][0]
    assert (warned["kind"], warned["answer"]["code"]) == ("answer_claimed", "will_comply")
    assert f"{asked}" in numbers(talk, open="true")


def test_a_changed_answer_is_warned_of(talk: Talk) -> None:
    asked = sent(talk, stop())
    talk.fetch()
    got(talk, message(Code.WILL_COMPLY, PARTY, answers=asked, priority=Priority.DISTRESS))
    unable = message(Code.UNABLE, PARTY, answers=asked, priority=Priority.DISTRESS, reason=Reason.FUEL)
    last = got(talk, unable)
    now = told(talk, asked)
    assert (now["answer"]["code"], now["state"]) == ("will_comply", "closed")
    warned = now["warnings"][0]
    assert (warned["kind"], warned["answer"]["ref"]) == ("answer_changed", wired(last))
    assert f"{asked}" in numbers(talk, open="true")


def test_hostile_text_stays_text(talk: Talk) -> None:
    text = '<script>alert(1)</script> {item} "quoted" \\u202e [x]'
    of = sent(talk, message(Code.FREE_TEXT, text=text))
    now = told(talk, of)
    assert now["fields"]["text"] == text
    assert all(text in now["texts"][language] for language in ("en", "ru", "ar"))


@pytest.mark.parametrize(
    "path",
    [f"{OTHER}/99", "south/1", f"{OTHER}/-1", f"{OTHER}/x", f"{OTHER}/" + "9" * 30, f"{OTHER}/%D9%A1"],
)
def test_a_message_that_is_not_there_is_not_found(talk: Talk, path: str) -> None:
    assert talk.ask("GET", f"/v1/messages/{path}").status_code == 404


# -- lists ------------------------------------------------------------------------------------------


def test_messages_are_listed_newest_first_and_pages_lead_on(talk: Talk) -> None:
    first = sent(talk, message(Code.LINE_TEST))
    talk.pass_s(1.0)
    second = got(talk, message(Code.LINE_TEST, PARTY))
    talk.pass_s(1.0)
    third = sent(talk, distress())
    assert numbers(talk) == [str(third), str(second), str(first)]
    page = talk.told("/v1/messages", limit=2)
    assert len(page["messages"]) == 2
    assert numbers(talk, before=page["next"]) == [str(first)]
    assert talk.told("/v1/messages", before=page["next"])["next"] is None
    assert talk.told("/v1/messages", limit=3)["next"] is None


def test_messages_of_one_instant_are_each_listed_once(talk: Talk) -> None:
    refs = {str(sent(talk, message(Code.LINE_TEST))) for _ in range(5)}
    seen: list[str] = []
    before: dict[str, Any] = {}
    for _ in range(5):
        page = talk.told("/v1/messages", limit=1, **before)
        seen += [each["number"] for each in page["messages"]]
        before = {"before": page["next"]}
    assert (set(seen), len(seen), page["next"]) == (refs, 5, None)


@pytest.mark.parametrize(
    "before", ["x", "1", "1.2", "1.x.north", "-1.2.north", "1.2.", "1." + "9" * 60 + ".north"]
)
def test_a_place_that_no_page_told_is_refused(talk: Talk, before: str) -> None:
    response = talk.ask("GET", "/v1/messages", params={"before": before})
    assert (response.status_code, response.json()["problems"][0]["field"].startswith("before")) == (400, True)


def test_the_list_can_be_narrowed(talk: Talk) -> None:
    card = Keys(PartyId("south")).card()
    given = {"card": encode_card(card), "words": words(card)}
    assert talk.ask("POST", "/v1/parties", json=given, role=Role.ADMINISTRATOR).status_code in (200, 201)
    meant = sent(talk, message(Code.LINE_TEST))
    drilled = sent(talk, message(Code.LINE_TEST, drill="winter"))
    elsewhere = sent(talk, distress("south"))
    assert set(numbers(talk, **{"with": OTHER})) == {str(meant), str(drilled)}
    assert numbers(talk, **{"with": "south"}) == [str(elsewhere)]
    assert numbers(talk, drill="winter") == [str(drilled)]
    assert numbers(talk, drill="summer") == []


def test_what_nodes_say_is_listed_only_where_it_is_asked_for(talk: Talk) -> None:
    said_by_node(talk, message(Code.MACHINE_TEST))
    assert numbers(talk) == []
    (shown,) = talk.told("/v1/messages", machine="true")["messages"]
    assert (shown["code"], shown["person"], shown["state"]) == ("machine_test", None, None)
    assert shown["due"] == {"seen_at": None, "answered_at": None}


def test_open_are_those_that_wait_for_an_answer_or_for_somebody_here_to_read_them(talk: Talk) -> None:
    asked = sent(talk, stop())
    assert numbers(talk, open="true") == [str(asked)]
    talk.fetch()
    talk.pass_s(1.0)
    answer = got(talk, message(Code.WILL_COMPLY, PARTY, answers=asked, priority=Priority.DISTRESS))
    assert numbers(talk, open="true") == [str(answer)]  # it is closed, but nobody here has read that
    talk.say(MessagesSeen(messages=(answer,)))
    assert numbers(talk, open="true") == []


def test_an_unread_message_that_lapsed_is_still_shown_as_waiting(talk: Talk) -> None:
    of = got(talk, message(Code.LINE_TEST, PARTY))
    mine = sent(talk, message(Code.LINE_TEST))
    talk.pass_s(3_601.0)
    assert numbers(talk, open="true") == [str(of)]
    assert str(mine) in numbers(talk)


def test_an_unread_message_that_was_corrected_waits_no_more(talk: Talk) -> None:
    of = got(talk, distress(PARTY))
    assert numbers(talk, open="true") == [str(of)]
    instead = got(talk, distress(PARTY, corrects=of))
    assert numbers(talk, open="true") == [str(instead)]


# -- channels ---------------------------------------------------------------------------------------


def channel(talk: Talk) -> Any:
    (found,) = talk.told("/v1/channels")["channels"]
    assert found["party"] == OTHER
    return found


def test_a_channel_that_was_never_tried_is_not_called_open(talk: Talk) -> None:
    found = channel(talk)
    assert (found["link"], found["theirs"], found["differs"]) == (None, None, False)
    assert found["state"] != "open"
    assert {"no_link", "machine_test_due", "human_test_due"} <= {each["code"] for each in found["reasons"]}
    assert all(set(each["texts"]) == {"en", "ru", "ar"} for each in found["reasons"])
    assert found["waiting"] == {"count": 0, "oldest_at": None, "priority": None}
    assert found["received"] == {"ours_by_them": None, "theirs_by_us": 0}
    assert (found["machine_test"], found["human_test"]) == (None, None)


def test_the_link_is_told_apart_from_the_channel(talk: Talk) -> None:
    talk.exchange()
    talk.links.put(OTHER, LinkState.UP)
    assert channel(talk)["link"] == "up"
    talk.links.put(OTHER, LinkState.LATE)
    found = channel(talk)
    assert found["link"] == "late"
    assert "link_late" in {each["code"] for each in found["reasons"]}
    talk.ask("PUT", f"/v1/links/{OTHER}", json={"switched_off": True})
    found = channel(talk)
    assert (found["link"], found["state"]) == ("off", "down")


def test_who_is_on_duty_is_told_of_both_sides(talk: Talk) -> None:
    talk.say(DutyChange(is_on=True, is_senior=True, telephone="+1 555"))
    talk.peer.say(DutyChange(is_on=True))
    talk.give()
    assert channel(talk)["on_duty"] == {
        "ours": [{"person": OFFICER, "since": AT, "senior": True, "telephone": "+1 555"}],
        "theirs": [{"person": OFFICER, "since": AT, "senior": False, "telephone": ""}],
    }


def test_a_hold_is_told_with_its_reason_and_fallback_applies(talk: Talk) -> None:
    talk.say(LineChange(peer=PartyId(OTHER), is_hold=True, reason="no answer"))
    found = channel(talk)
    assert found["hold"] == {
        "ours": {"by": PARTY, "peer": OTHER, "reason": "no answer", "since": AT},
        "theirs": None,
    }
    assert (found["fallback"]["applies"], found["fallback"]["since"]) == (True, AT)


def test_what_the_other_side_says_of_the_channel_is_compared(talk: Talk) -> None:
    down = message(Code.CHANNEL, PARTY, state=ChannelState.DOWN, priority=Priority.SAFETY)
    talk.peer.do(lambda declaring: proving_of(declaring).say_message(down))
    talk.give()
    found = channel(talk)
    assert (found["theirs"], found["differs"]) == ({"state": "down", "at": AT}, True)
    assert (found["fallback"]["applies"], found["fallback"]["since"]) == (True, AT)


def test_what_waits_for_this_party_is_counted_with_the_most_urgent(talk: Talk) -> None:
    test = got(talk, message(Code.LINE_TEST, PARTY))
    talk.pass_s(2.0)
    got(talk, distress(PARTY))
    sent(talk, distress())  # that waits for the others
    assert channel(talk)["waiting"] == {"count": 2, "oldest_at": AT, "priority": "distress"}
    sent(talk, message(Code.ROGER, answers=test))
    assert channel(talk)["waiting"] == {
        "count": 1,
        "oldest_at": "2026-05-01T12:00:02Z",
        "priority": "distress",
    }


def test_how_far_each_has_the_log_of_the_other_is_told(talk: Talk) -> None:
    talk.exchange()
    assert channel(talk)["received"] == {"ours_by_them": 2, "theirs_by_us": 2}


def test_tests_by_people_and_by_the_node_are_told(talk: Talk) -> None:
    of = sent(talk, message(Code.LINE_TEST))
    said_by_node(talk, message(Code.MACHINE_TEST))
    assert channel(talk)["machine_test"] == {"at": AT, "round_trip_s": None, "ok": None}
    talk.served.clock.advance(60.0)
    assert channel(talk)["machine_test"]["ok"] is False
    talk.fetch()
    talk.peer.say(message(Code.ROGER, PARTY, answers=of))
    tested = MessageRef(party=PartyId(PARTY), n=of.n + 1)
    answered = message(Code.MACHINE_TEST_ANSWER, PARTY, about=tested)
    talk.peer.do(lambda declaring: proving_of(declaring).say_message(answered))
    talk.give()
    found = channel(talk)
    assert found["machine_test"] == {"at": AT, "round_trip_s": 60.0, "ok": True}
    assert found["human_test"] == {"at": AT, "person": OFFICER, "ref": wired(of)}


def test_channels_and_what_waits_are_counted(talk: Talk) -> None:
    got(talk, distress(PARTY))
    talk.links.put(OTHER, LinkState.UP)
    talk.served.clock.advance(30.0)
    asyncio.run(talk.served.running._hotline_gauges.count())
    text = talk.ask("GET", "/metrics", role=None).text
    for line in (
        f'keepclear_channel_state{{party="{OTHER}"}} 1.0',
        f'keepclear_messages_waiting{{party="{OTHER}"}} 1.0',
        f'keepclear_messages_waiting_seconds{{party="{OTHER}"}} 30.0',
    ):
        assert line in text.splitlines()


# -- drills -----------------------------------------------------------------------------------------


def test_a_drill_is_listed_and_reported(talk: Talk) -> None:
    start = sent(talk, message(Code.DRILL_START, drill="joint-drill", drill_="joint-drill"))
    talk.fetch()
    talk.peer.clock.advance(4.0)
    talk.peer.say(message(Code.ROGER, PARTY, answers=start, drill="joint-drill"))
    talk.give()
    assert talk.told("/v1/drills")["drills"] == [
        {"name": "joint-drill", "between": [OTHER, PARTY], "started_at": AT, "over": False}
    ]
    report = talk.told("/v1/drills/joint-drill", **{"with": OTHER})
    (exchange,) = report["exchanges"]
    assert exchange["message"]["number"] == str(start)
    assert (exchange["seen_after_s"], exchange["answered_after_s"], exchange["missing"]) == (4.0, 4.0, False)
    assert (report["started_by"], report["more"], len(report["symbols"])) == (PARTY, 0, 8)
    assert {"by": "first", "code": "flight_parameters"} in report["missing"]
    assert {"party": OTHER, "code": "roger"} in report["said"]


def test_a_drill_may_be_called_anything_that_can_be_read(talk: Talk) -> None:
    sent(talk, message(Code.LINE_TEST, drill="a/b ?<i>"))
    told_drill = talk.told("/v1/drills/a%2Fb%20%3F%3Ci%3E", **{"with": OTHER})
    assert (told_drill["name"], len(told_drill["exchanges"])) == ("a/b ?<i>", 1)


@pytest.mark.parametrize(("name", "party"), [("spring", OTHER), ("winter", "south"), ("winter", PARTY)])
def test_a_drill_that_nobody_named_is_not_found(talk: Talk, name: str, party: str) -> None:
    sent(talk, message(Code.LINE_TEST, drill="winter"))
    assert talk.ask("GET", f"/v1/drills/{name}", params={"with": party}).status_code == 404


# -- who may ask ------------------------------------------------------------------------------------

PATHS = (
    "/v1/catalogue",
    "/v1/messages",
    "/v1/messages/north/1",
    "/v1/channels",
    "/v1/drills",
    "/v1/drills/x?with=north",
)


@pytest.mark.parametrize("path", PATHS)
def test_a_node_without_keys_has_no_hotline(served: Served, path: str) -> None:
    assert served.ask("GET", path).status_code == 409


@pytest.mark.parametrize("path", PATHS[:2])
def test_a_viewer_may_look(talk: Talk, path: str) -> None:
    assert talk.ask("GET", path, role=Role.VIEWER).status_code == 200


def test_of_what_was_heard_differently_the_last_few_are_told_and_how_many_more_there_are(talk: Talk) -> None:
    of = sent(talk, stop())
    talk.fetch()
    for number in range(MISHEARD_TOLD_MAX + 3):
        misheard = replace(stop(), valid_until_ms=stop().valid_until_ms + 1 + number)
        talk.peer.say(Heard(by=PartyId(PARTY), n=of.n, at_ms=number, message=misheard))
    talk.exchange()
    warned = [each for each in told(talk, of)["warnings"] if each["kind"] == "heard_differently"]
    assert [each.get("more") for each in warned] == [3] + [None] * (MISHEARD_TOLD_MAX - 1)
