"""P6: a location that was passed by voice was off by several kilometres. When the other side rang, it asked
for its usual contact, who was away, and hung up; 27 minutes passed before the message got through."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.scenarios.parties import Side, agree, operation, pair, parties, until
from tests.scenarios.talk import (
    Timeline,
    answered,
    arrived,
    closed,
    has,
    message,
    said,
    said_warned,
    seen_after_s,
)

pytestmark = pytest.mark.slow
WRONG = "at=35.40000N 35.97000E"
"""4.9 km east of the edge of what is declared, a circle of 1.5 km."""
RIGHT = "at=35.40000N 35.90000E"
SOON = {"delivered_s": 1.0, "seen_s": 1.0, "answered_s": 60.0, "ladder_s": [1.0, 1.0, 2.0, 2.0, 2.0]}
GOAL_S = 60.0


@pytest.mark.parametrize("code", ["request_stop", "persons_at"])
def test_a_position_far_from_everything_declared_is_pointed_out_at_both_ends_and_corrected(
    tmp_path: Path, code: str
) -> None:
    timeline = Timeline("P6: a place that is several kilometres wrong")
    with parties(tmp_path, "alpha", "bravo", records=True) as (alpha, bravo):
        pair(alpha, bravo)
        alpha.declare(operation("camp-1"))
        until(lambda: bravo.holds("alpha:camp-1"), "camp-1")
        number, shown = said_warned(alpha, "bravo", code, WRONG, "radius=500m", "nature=under_threat")
        (line,) = [each for each in shown.splitlines() if each.startswith("WARNING")]
        timeline.tell("alpha", line)
        assert "camp-1" in line
        told = arrived(bravo, number)
        for each in (told, message(alpha, number)):
            (warning,) = [warned for warned in each["warnings"] if warned["kind"] == "position_far"]
            assert warning["distance_m"] == pytest.approx(4_850.0, abs=60.0)
            assert warning["bearing_deg"] == pytest.approx(270.0, abs=1.0)
            assert warning["item"]["id"] == "camp-1"
        assert "WARNING" in bravo.keepclear("message", number)

        better, shown = said_warned(
            alpha, "bravo", code, RIGHT, "radius=500m", "nature=under_threat", "--corrects", number
        )
        assert "WARNING" not in shown
        timeline.tell("Ann", f"corrected by {better}")
        arrived(bravo, better)
        assert message(bravo, number)["state"] == "corrected"
        answered(bravo, better, "will_comply" if code == "request_stop" else "roger")
        assert closed(alpha, better)["answer"]["person"] == "Boris"


def _called(side: Side, number: str) -> dict[str, str] | None:
    """Return whom each step calls, once the next officer is called."""
    called = {step["step"]: step["called"] for step in message(side, number)["steps"]}
    return called if "next_officer" in called else None


def test_any_officer_reads_and_answers_what_the_usual_contact_does_not(tmp_path: Path) -> None:
    timeline = Timeline("P6: the usual contact is away")
    with parties(tmp_path, "alpha", "bravo", records=True) as (alpha, bravo):
        pair(alpha, bravo)
        agree(alpha, bravo, hotline={"distress": SOON})
        bravo.keepclear("officer", "add", "Bella")
        for person, telephone in (("Boris", "0101"), ("Bella", "0102")):
            bravo.keepclear("duty", "on", "--officer", person, "--telephone", telephone)
        until(lambda: len(alpha.json("duty", "list")["on_duty"]["bravo"]) == 2, "both at alpha")

        alpha.declare(operation("camp-1"))
        until(lambda: bravo.holds("alpha:camp-1"), "camp-1")
        number = said(alpha, "bravo", "request_stop", RIGHT, "radius=500m", "nature=under_threat")
        arrived(bravo, number)
        timeline.tell("Ann", f"{number}: REQUEST STOP")
        called = until(lambda: _called(alpha, number), "the call for the next officer")
        assert (called["telephone"], called["next_officer"]) == ("Boris", "Bella")
        timeline.tell("alpha", "nobody reads it: call Boris by telephone, then Bella")
        call = ("telephone_call", "called=Boris", "result=contact_away", f"about={number}")
        log = said(alpha, "bravo", *call, "--priority", "safety")
        timeline.tell("Ann", f"rang Boris, who is away: {log}")
        arrived(bravo, log)

        told = bravo.keepclear("read", "--all", "--officer", "Bella")
        assert number.replace(":", " ") in told
        bravo.keepclear("answer", number, "will_comply", "--officer", "Bella")
        told = closed(alpha, number)
        assert (told["seen"]["person"], told["answer"]["person"]) == ("Bella", "Bella")
        taken_s = seen_after_s(told)
        timeline.tell(
            "Bella", f"will comply; read after {taken_s:.1f} s, by another officer than was called first"
        )
        assert taken_s < GOAL_S
        timed = [each for each in alpha.keepclear("message", number).splitlines() if "call Boris" in each]
        assert re.search(r"\d\d:\d\d:\d\dZ", timed[0])
        assert has(alpha, number, "seen")["late"] is False
