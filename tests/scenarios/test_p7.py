"""P7: the notice came less than a minute before the event; an aircraft on approach could not be moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.parties import agree, operation, pair, parties, until
from tests.scenarios.talk import Timeline, arrived, message, said_warned

pytestmark = pytest.mark.slow
REACTION_S = 30.0
APPROACH_MPS = 70.0


def short(told: Any) -> Any:
    """Return what is said of a notice that is too short."""
    (warning,) = [each for each in told["warnings"] if each["kind"] == "notice_short"]
    return warning


def test_notice_that_is_too_short_for_an_aircraft_names_it_at_both_ends(tmp_path: Path) -> None:
    timeline = Timeline("P7: notice 50 s ahead, with an aircraft on approach")
    with parties(tmp_path, "alpha", "bravo", records=True) as (alpha, bravo):
        pair(alpha, bravo)
        clearing = {"speed_mps": 100.0, "reaction_s": REACTION_S}
        terms = [{"party": "alpha"}, {"party": "bravo", "clearing": clearing}]
        agree(alpha, bravo, terms=terms)
        bravo.declare(operation("approach-1", start_min=-5.0, speed_mps=APPROACH_MPS))
        until(lambda: alpha.holds("bravo:approach-1"), "approach-1 at alpha")
        alpha.declare(operation("exercise-1", start_min=0.8), code=1)  # they conflict, and that is recorded
        until(lambda: bravo.holds("alpha:exercise-1"), "exercise-1 at bravo")

        words = ("notice_operation", "item=exercise-1", "begins=+50s")
        number, shown = said_warned(alpha, "bravo", *words)
        (line,) = [each for each in shown.splitlines() if each.startswith("WARNING")]
        assert "bravo:approach-1" in line
        timeline.tell("alpha", line)  # before it is signed
        told = arrived(bravo, number)
        for side, each in (("alpha", message(alpha, number)), ("bravo", told)):
            warning = short(each)
            (affected,) = warning["affected"]
            assert (affected["item"]["party"], affected["item"]["id"]) == ("bravo", "approach-1")
            assert affected["can_clear"] is False
            assert affected["given_s"] <= 51.0 < affected["needs_s"]
            assert affected["needs_s"] == pytest.approx(
                REACTION_S + affected["distance_m"] / APPROACH_MPS, rel=0.02
            )
            timeline.tell(side, warning["texts"]["ru"])
        assert "WARNING" in bravo.keepclear("messages", code=1)
        number, shown = said_warned(alpha, "bravo", "notice_change", "item=exercise-1")
        assert "bravo:approach-1" in shown, "a change is no way round the check"
        assert short(arrived(bravo, number))["affected"][0]["item"]["id"] == "approach-1"


def test_notice_that_leaves_time_enough_is_not_called_short(tmp_path: Path) -> None:
    with parties(tmp_path, "alpha", "bravo", records=True) as (alpha, bravo):
        pair(alpha, bravo)
        bravo.declare(operation("approach-1", speed_mps=APPROACH_MPS))
        until(lambda: alpha.holds("bravo:approach-1"), "approach-1 at alpha")
        alpha.declare(operation("exercise-1", start_min=40.0), code=1)
        number, shown = said_warned(alpha, "bravo", "notice_operation", "item=exercise-1", "begins=+40m")
        assert "WARNING" not in shown
        assert arrived(bravo, number)["warnings"] == []
