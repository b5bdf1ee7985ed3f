"""What is said between parties over HTTP: receipts, deeds, negotiations, agreements, holds."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from keepclear.codec import agreements
from keepclear.codec.f3548.volumes import encode_item
from keepclear.core.agreements import Agreement, Fallback, Minima, Terms, Timers, digest
from keepclear.core.conflicts import NO_BUFFER, Item
from keepclear.core.deeds import (
    Acknowledgement,
    AgreementAnswer,
    AgreementProposal,
    Answer,
    Change,
    LineChange,
    Objection,
    Proposal,
    Withdrawal,
)
from keepclear.core.intents import PartyId
from keepclear.core.split import Split
from keepclear.node.access import Role
from keepclear.node.declare import Declaring
from keepclear.node.policy import ConflictPolicy
from keepclear.node.ports import Actor
from tests.adapters.http.served import OTHER, PARTY, Described, operation
from tests.adapters.http.spoken import OFFICER, Talk, proving_of, ref, talking

AT = "2026-05-01T12:00:00Z"


def coordinated(talk: Talk, item_id: str) -> Any:
    return talk.told(f"/v1/coordination/{item_id}")


def proposal(item: Item, *, name: str = f"{PARTY}/1", counters: str | None = None) -> Proposal:
    """Propose that an item becomes this, for the conflict of the first versions of R1 and N1."""
    assert item.party is not None
    becomes = Change(item=ref(item.party, item.id), becomes=encode_item(item))
    conflict = (ref(OTHER, "N1"), ref(PARTY, "R1"))
    return Proposal(id=name, conflict=conflict, changes=(becomes,), counters=counters)


def in_conflict(talk: Talk) -> None:
    """Have both parties declare at the same place, neither knowing of the other's."""
    talk.served.declare(operation("R1"))
    talk.peer.declare(operation("N1", party=OTHER))
    talk.exchange()


# -- receipts ---------------------------------------------------------------------------------------


def test_the_three_receipts_are_told_apart(talk: Talk) -> None:
    talk.served.declare(operation("R1"))
    told = coordinated(talk, "R1")
    assert (told["state"], told["n"], told["ref"]) == (
        "waiting",
        2,
        {"party": PARTY, "id": "R1", "version": 1},
    )
    (receipt,) = told["receipts"]
    assert receipt == {
        "party": OTHER,
        "concerned": True,
        "delivered": False,
        "delivered_at": None,
        "seen": None,
        "answered": None,
        "since": told["stated_at"],
    }
    talk.exchange()
    (receipt,) = coordinated(talk, "R1")["receipts"]
    assert (receipt["delivered"], receipt["delivered_at"], receipt["seen"]) == (True, AT, None)
    talk.peer.acknowledge(ref(PARTY, "R1"))
    talk.give()
    told = coordinated(talk, "R1")
    (receipt,) = told["receipts"]
    assert (told["state"], receipt["seen"]) == ("coordinated", {"person": OFFICER, "at": AT, "n": 2})
    assert receipt["since"] is None


def test_items_of_others_are_told_by_their_party(talk: Talk) -> None:
    in_conflict(talk)
    told = coordinated(talk, f"{OTHER}:N1")
    assert (told["ref"]["id"], told["state"], told["open_conflicts"]) == ("N1", "contested", ["R1"])


def test_the_list_can_be_narrowed_and_pages_lead_on(talk: Talk) -> None:
    in_conflict(talk)
    talk.served.declare(operation("R2", 40.0))
    talk.exchange()
    talk.peer.acknowledge(ref(PARTY, "R2"))
    talk.give()

    def ids(**query: Any) -> list[str]:
        return [each["id"] for each in talk.told("/v1/coordination", **query)["coordination"]]

    assert ids() == ["R1", "R2", f"{OTHER}:N1"]
    assert ids(party=OTHER) == [f"{OTHER}:N1"]
    assert ids(open="true") == ["R1", f"{OTHER}:N1"]
    page = talk.told("/v1/coordination", limit=1)
    assert (page["next"], ids(after=page["next"])) == ("R1", ["R2", f"{OTHER}:N1"])
    assert talk.told("/v1/coordination", limit=2, open="true", after="R1") == {
        "coordination": talk.told("/v1/coordination", after="R2")["coordination"],
        "next": None,
    }


def test_what_is_over_is_left_out_of_the_list_unless_it_is_asked_for(talk: Talk) -> None:
    talk.served.declare(operation("R1"))
    talk.ask("DELETE", "/v1/items/R1", headers={"If-Match": '"1"'})
    assert talk.told("/v1/coordination")["coordination"] == []
    (over,) = talk.told("/v1/coordination", include="over")["coordination"]
    assert (over["id"], over["state"], over["ref"]["version"]) == ("R1", "over", 2)


def test_what_breaks_an_altitude_split_is_told_with_it_while_the_fallback_applies(talk: Talk) -> None:
    text = agreements.encode(
        Agreement(
            version=1,
            terms=(Terms(party=PartyId(OTHER)), Terms(party=PartyId(PARTY))),
            minima=Minima(lateral_m=1_000.0, vertical_m=300.0),
            buffer=NO_BUFFER,
            timers=Timers(seen_s=60.0, answered_s=600.0),
            fallback=Fallback(split=Split(below=PartyId(PARTY), altitude_m=-1_000.0)),
        )
    )
    talk.say(AgreementProposal(text=text))
    talk.exchange()
    talk.peer.say(AgreementAnswer(digest=digest(text), is_accepted=True))
    talk.served.declare(operation("R1"))
    talk.exchange()
    talk.peer.acknowledge(ref(PARTY, "R1"))
    talk.exchange()
    told = coordinated(talk, "R1")
    assert (told["state"], told["breaches"]) == ("coordinated", [])
    talk.say(LineChange(peer=PartyId(OTHER), is_hold=True, reason="no answer"))
    told = coordinated(talk, "R1")
    (breach,) = told["breaches"]
    assert (told["state"], told["open_conflicts"]) == ("conflicting", [])
    assert (breach["id"], breach["peer"], breach["stays"], breach["altitude_m"]) == (
        "R1",
        OTHER,
        "below",
        -1_000.0,
    )
    listed = talk.told("/v1/coordination", open="true")["coordination"]
    assert [each["breaches"] for each in listed] == [[breach]]


def test_nothing_is_told_of_an_item_that_was_never_stated(talk: Talk) -> None:
    assert talk.ask("GET", "/v1/coordination/R9").status_code == 404


def test_it_is_told_what_a_party_had_at_an_instant(talk: Talk) -> None:
    talk.served.declare(operation("R1"))
    talk.served.declare(operation("R2", 40.0))
    talk.fetch()
    talk.peer.acknowledge(ref(PARTY, "R1"))
    talk.give()
    told = talk.told("/v1/had", party=OTHER, at=AT)
    assert [(each["id"], each["delivered_at"], each["seen"] is None) for each in told["items"]] == [
        ("R1", AT, False),
        ("R2", AT, True),
    ]
    assert talk.told("/v1/had", party=OTHER, at="2026-05-01T11:59:59Z")["items"] == []
    page = talk.told("/v1/had", party=OTHER, at=AT, limit=1)
    assert page["next"] == "R1"
    assert talk.told("/v1/had", party=OTHER, at=AT, after="R1")["items"][0]["id"] == "R2"


@pytest.mark.parametrize(("party", "at", "status"), [("south", AT, 404), (OTHER, "noon", 400)])
def test_a_strange_party_or_time_is_refused(talk: Talk, party: str, at: str, status: int) -> None:
    assert talk.ask("GET", "/v1/had", params={"party": party, "at": at}).status_code == status


# -- deeds ------------------------------------------------------------------------------------------


def test_a_deed_becomes_an_entry_and_is_told_by_its_kind(talk: Talk) -> None:
    in_conflict(talk)
    told = talk.say(Acknowledgement(items=(ref(OTHER, "N1"),)))
    assert (told.status_code, told.json()) == (
        200,
        {"n": 3, "kind": "acknowledge", "amended": [], "not_amended": []},
    )
    assert talk.say(Objection(item=ref(OTHER, "N1"), reason="too low")).json()["kind"] == "object"
    (receipt,) = coordinated(talk, f"{OTHER}:N1")["receipts"]
    assert (receipt["seen"]["person"], receipt["answered"]["what"]) == (OFFICER, "objected")


def test_a_deed_counts_once(talk: Talk) -> None:
    talk.served.declare(operation("R1"))
    jws = talk.keys.deed(LineChange(peer=PartyId(OTHER), is_hold=True, reason="no answer"))
    assert talk.ask("POST", "/v1/deeds", json={"jws": jws}).status_code == 200
    again = talk.ask("POST", "/v1/deeds", json={"jws": jws})
    assert (again.status_code, "said before" in again.json()["detail"]) == (409, True)


def test_a_deed_of_something_unknown_is_out_of_place(talk: Talk) -> None:
    told = talk.say(Acknowledgement(items=(ref(OTHER, "N9"),)))
    assert (told.status_code, "has not stated 'N9'" in told.json()["detail"]) == (409, True)


def test_a_deed_that_no_officer_signed_is_refused(talk: Talk) -> None:
    deed = LineChange(peer=PartyId(OTHER), is_hold=True, reason="no answer")
    by_node = talk.keys.deed(deed, key=talk.keys.node)
    of_another = talk.peer.keys.deed(replace(deed, peer=PartyId(PARTY)))
    for jws in (by_node, of_another):
        assert talk.ask("POST", "/v1/deeds", json={"jws": jws}).status_code == 403
    revoked = talk.ask(
        "POST", "/v1/keys", json={"jws": talk.keys.revoked(talk.keys.officer)}, role=Role.ADMINISTRATOR
    )
    assert revoked.status_code == 200
    assert talk.say(deed).status_code == 403


@pytest.mark.parametrize("jws", ["a", "a.b.c", "e30.e30.e30"])
def test_what_is_no_deed_is_refused(talk: Talk, jws: str) -> None:
    assert talk.ask("POST", "/v1/deeds", json={"jws": jws}).status_code == 400


def test_a_viewer_says_nothing(talk: Talk) -> None:
    deed = LineChange(peer=PartyId(OTHER), is_hold=True, reason="no answer")
    response = talk.ask("POST", "/v1/deeds", json={"jws": talk.keys.deed(deed)}, role=Role.VIEWER)
    assert response.status_code == 403


def test_only_the_own_party_declares_at_a_node_with_keys(talk: Talk) -> None:
    response = talk.served.declare(operation("N1", party=OTHER), token=talk.served.foreign_token)
    assert (response.status_code, "at its own node" in response.json()["detail"]) == (409, True)


# -- negotiations -----------------------------------------------------------------------------------


def test_what_the_other_party_accepts_is_done_when_its_word_arrives(talk: Talk) -> None:
    in_conflict(talk)
    assert talk.say(proposal(operation("R1", 36.0))).status_code == 200
    (waiting,) = talk.told("/v1/negotiations", open="true")["negotiations"]
    assert (waiting["by"], waiting["to"], waiting["state"]) == (PARTY, OTHER, "proposed")
    assert waiting["changes"][0]["item"] == {"party": PARTY, "id": "R1", "version": 1}
    assert waiting["changes"][0]["becomes"] == json.loads(encode_item(operation("R1", 36.0)))
    talk.fetch()
    talk.peer.say(Answer(proposal=f"{PARTY}/1", is_accepted=True, reason="good"))
    talk.give()
    (accepted,) = talk.told("/v1/negotiations")["negotiations"]
    assert (accepted["state"], accepted["answer"]) == ("accepted", {"accepted": True, "reason": "good"})
    assert talk.told("/v1/negotiations", open="true")["negotiations"] == []
    assert talk.told("/v1/items/R1")["version"] == 2
    assert coordinated(talk, "R1")["conflicts"] == []


def test_what_an_officer_accepts_is_done_at_once(talk: Talk) -> None:
    in_conflict(talk)
    talk.peer.say(proposal(operation("R1", 36.0), name=f"{OTHER}/1"))
    talk.give()
    told = talk.say(Answer(proposal=f"{OTHER}/1", is_accepted=True))
    assert told.json() == {
        "n": 3,
        "kind": "accept",
        "amended": [{"id": "R1", "version": 2}],
        "not_amended": [],
    }


def test_what_the_policy_refuses_is_told_and_stays_open(tmp_path: Any, described: Described) -> None:
    with talking(tmp_path, described, conflicts=ConflictPolicy.REFUSE) as talk:
        talk.served.declare(operation("R1"))
        talk.peer.declare(operation("N1", party=OTHER))
        talk.peer.declare(operation("N2", 36.0, party=OTHER))
        talk.exchange()
        talk.peer.say(proposal(operation("R1", 36.0), name=f"{OTHER}/1"))
        talk.give()
        told = talk.say(Answer(proposal=f"{OTHER}/1", is_accepted=True)).json()
        assert told["amended"] == []
        assert [(each["id"], "'north:N2'" in each["reason"]) for each in told["not_amended"]] == [
            ("R1", True)
        ]
        assert talk.told("/v1/negotiations")["negotiations"][0]["not_amended"] == told["not_amended"]
        assert talk.told("/v1/items/R1")["version"] == 1


def test_a_counter_and_a_withdrawal_are_told(talk: Talk) -> None:
    in_conflict(talk)
    talk.say(proposal(operation("R1", 36.0)))
    talk.fetch()
    counter = proposal(operation("N1", 37.0, party=OTHER), name=f"{OTHER}/1", counters=f"{PARTY}/1")
    talk.peer.say(counter)
    talk.give()
    told = {each["id"]: each for each in talk.told("/v1/negotiations")["negotiations"]}
    assert (told[f"{PARTY}/1"]["state"], told[f"{PARTY}/1"]["answer"]) == ("countered", None)
    assert told[f"{OTHER}/1"]["counters"] == f"{PARTY}/1"
    talk.peer.say(Withdrawal(proposal=f"{OTHER}/1"))
    talk.give()
    page = talk.told("/v1/negotiations", limit=1)
    assert (page["negotiations"][0]["state"], page["next"]) == ("withdrawn", f"{OTHER}/1")
    assert talk.told("/v1/negotiations", after=page["next"])["negotiations"][0]["id"] == f"{PARTY}/1"


# -- agreements and holds ---------------------------------------------------------------------------


def agreement(version: int = 1) -> Agreement:
    return Agreement(
        version=version,
        terms=(Terms(party=PartyId(OTHER)), Terms(party=PartyId(PARTY))),
        minima=Minima(lateral_m=5_556.0, vertical_m=300.0),
        buffer=NO_BUFFER,
        timers=Timers(seen_s=60.0, answered_s=600.0),
    )


def test_an_agreement_is_in_force_once_both_stand_by_it(talk: Talk) -> None:
    text = agreements.encode(agreement())
    talk.say(AgreementProposal(text=text))
    (proposed,) = talk.told("/v1/agreements")["agreements"]
    assert (proposed["between"], proposed["in_force"], proposed["accepted_by"]) == (
        [OTHER, PARTY],
        False,
        [PARTY],
    )
    assert (proposed["digest"], proposed["text"]) == (digest(text), json.loads(text))
    talk.fetch()
    talk.peer.say(AgreementAnswer(digest=digest(text), is_accepted=True))
    talk.give()
    (told,) = talk.told("/v1/agreements")["agreements"]
    assert (told["in_force"], told["ambiguous"], told["declined_by"]) == (True, False, [])


def test_who_holds_the_line_is_told(talk: Talk) -> None:
    talk.say(LineChange(peer=PartyId(OTHER), is_hold=True, reason="no answer"))
    told = talk.told("/v1/holds")["holds"]
    assert told == [{"by": PARTY, "peer": OTHER, "reason": "no answer", "since": AT}]
    talk.say(LineChange(peer=PartyId(OTHER), is_hold=False))
    assert talk.told("/v1/holds")["holds"] == []


# -- silence ----------------------------------------------------------------------------------------


def test_a_node_that_may_not_sign_says_why_until_an_administrator_lets_it_speak(talk: Talk) -> None:
    assert talk.told("/v1/silence") == {"reason": None, "waiting_for": []}

    def restored(declaring: Declaring) -> None:
        proving = proving_of(declaring)
        proving.transaction.set_silence("a backup was put in place")
        proving.logs.silence = "a backup was put in place"
        proving.logs.heard.clear()

    talk.served.running.node.desk.change(Actor(party=PartyId(PARTY), person="dana"), restored).result()
    assert talk.told("/v1/silence") == {"reason": "a backup was put in place", "waiting_for": [OTHER]}
    assert talk.ask("POST", "/v1/speak", role=Role.DUTY_OFFICER).status_code == 403
    spoken = talk.ask("POST", "/v1/speak", role=Role.ADMINISTRATOR)
    assert (spoken.status_code, spoken.json()["reason"]) == (200, None)
    talk.served.declare(operation("R1"))
