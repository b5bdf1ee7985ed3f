"""P5: in one shift a control aircraft made 22 calls to about 10 aircraft and got no answer; none of them
identified itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.parties import Side, agree, pair, parties, until
from tests.scenarios.talk import Timeline, answered, arrived, closed, message, said

pytestmark = pytest.mark.slow
CALLS = (3, 2, 2, 2, 3, 2, 2, 2, 2, 2)
"""How often each of ten aircraft was called."""
SOON = {"delivered_s": 1.0, "seen_s": 1.0, "answered_s": 2.0, "ladder_s": [1.0, 1.0, 1.0, 1.0, 1.0]}


def unanswered(side: Side, other: Side, number: int, calls: int) -> str:
    """Tell that an aircraft did not answer on the agreed frequency; return the number of the message."""
    at = f"at=35.{40 + number}000N 36.{10 + number}000E"
    words = ("unanswered_call", at, "frequency=123.450MHz", f"calls={calls}", "since=now")
    return said(side, other.name, *words)


def climbed(side: Side, number: str) -> Any:
    """Return a message once it has climbed the whole ladder and was timed out."""

    def told() -> Any:
        found = message(side, number)
        return found if len(found["steps"]) == 5 and found["timed_out_at"] else None

    return until(told, f"the ladder of {number}")


def test_calls_without_an_answer_are_logged_for_each_aircraft_and_escalate_until_somebody_reads_them(
    tmp_path: Path,
) -> None:
    timeline = Timeline("P5: 22 calls, 10 aircraft, no answer")
    with parties(tmp_path, "alpha", "bravo", records=True) as (alpha, bravo):
        pair(alpha, bravo)
        agree(alpha, bravo, hotline={"safety": SOON})
        bravo.keepclear("duty", "on", "--telephone", "0101")
        until(lambda: alpha.json("duty", "list")["on_duty"]["bravo"], "the duty at alpha")
        numbers = [unanswered(alpha, bravo, k, calls) for k, calls in enumerate(CALLS)]
        timeline.tell(
            "Ann", f"{sum(CALLS)} calls to {len(CALLS)} aircraft, none answered: {numbers[0]} and on"
        )
        listed = alpha.json("messages", "bravo", "--open")["messages"]
        logged = [each for each in listed if each["code"] == "unanswered_call"]
        assert (len(logged), sum(each["fields"]["calls"] for each in logged)) == (10, 22)

        for number in numbers:
            told = climbed(alpha, number)
            assert told["seen"] is None
            assert (told["state"], told["late"]) == ("timed_out", True)  # silence closes nothing
            steps = [(each["step"], each["called"]) for each in told["steps"]]
            assert steps[:2] == [("second_path", None), ("telephone", "Boris")]
            assert steps[-1][0] == "third_party"
        timeline.tell("alpha", "nobody reads them: the ladder is climbed to its end, and they are timed out")
        until(lambda: message(bravo, numbers[-1])["timed_out_at"], "the time-out at bravo")
        told = bravo.keepclear("messages", "--open", code=1)
        assert len(re.findall("timed out, LATE", told)) == 10

        bravo.keepclear("read", "--all")
        timeline.tell("Boris", "read them all")
        for number in numbers:
            arrived(bravo, number)
            answered(bravo, number, "roger")
            assert closed(alpha, number)["seen"]["person"] == "Boris"
        timeline.tell("Boris", "roger, ten times")
        waiting = alpha.json("messages", "bravo", "--open")["messages"]
        assert {each["code"] for each in waiting} == {"roger"}  # to be read by Ann


def test_an_aircraft_that_nobody_declared_is_asked_about_and_is_not_theirs(tmp_path: Path) -> None:
    timeline = Timeline("P5: whose is it?")
    with parties(tmp_path, "alpha", "bravo", records=True) as (alpha, bravo):
        pair(alpha, bravo)
        asked = said(alpha, "bravo", "request_identity", "at=35.41000N 36.11000E", "seen_at=now")
        told = arrived(bravo, asked)
        timeline.tell("Ann", told["texts"]["en"])
        answered(bravo, asked, "unable", "--reason", "not_ours")
        answer = closed(alpha, asked)["answer"]
        timeline.tell("Boris", f"{answer['code']}: not ours")
        assert answer["code"] == "unable"
