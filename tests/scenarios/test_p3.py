"""P3: the joint drill. Two aircraft approach to the least distance, make contact on the agreed frequency and
tell their flight parameters, in two languages; the two centres compare afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepclear.core.drills import JOINT_DRILL
from keepclear.core.messages import Position
from keepclear.core.whereabouts import compare_spoken
from tests.scenarios.parties import Side, agree, operation, pair, parties, run, until
from tests.scenarios.talk import Timeline, arrived, closed, exchanged, said

pytestmark = pytest.mark.slow
NAME = "november"
LEAST_M = 5_556.0
AT = {"alpha": "35.40000N 35.90000E", "bravo": "35.40000N 35.96330E"}


def flies(side: Side, other: Side, timeline: Timeline) -> Position:
    """Tell where the aircraft of a party is, how high, and how it flies; return where."""
    words = ("flight_parameters", f"call_sign={side.name.upper()}1", f"at={AT[side.name]}")
    more = ("height=6000ftMSL", "track=090", "speed=240kt", "--drill", NAME)
    number = exchanged(timeline, side, other, (*words, *more), "roger")
    latitude, longitude = arrived(other, number)["fields"]["at"]
    return Position(latitude_e5=latitude, longitude_e5=longitude)


def test_a_joint_drill_is_an_exercise_from_end_to_end_and_both_sides_report_the_same(tmp_path: Path) -> None:
    timeline = Timeline("P3: joint drill")
    with parties(tmp_path, "alpha", "bravo", records=True) as (alpha, bravo):
        pair(alpha, bravo)
        agree(alpha, bravo)  # the minima are 3 NM and 3,000 ft
        begun = alpha.keepclear("drill", "start", NAME, "bravo")
        timeline.tell("Ann", begun.splitlines()[-1])
        start = f"alpha:{begun.split()[-1]}"
        arrived(bravo, start)
        bravo.keepclear("answer", start, "roger")
        closed(alpha, start)

        drill = ("--drill", NAME)
        exchanged(timeline, alpha, bravo, ("line_test", *drill), "roger")
        alpha.declare(operation("A-1", lower_m=1_000.0))
        bravo.declare(operation("B-1", lower_m=2_000.0))
        for one, other, item in ((alpha, bravo, "A-1"), (bravo, alpha, "B-1")):
            until(lambda one=one, other=other, item=item: other.holds(f"{one.name}:{item}"), item)  # type: ignore[misc]
            exchanged(
                timeline, one, other, ("notice_operation", f"item={item}", "begins=+30m", *drill), "roger"
            )
        contact = ("request_contact", "call_sign=BRAVO1", "frequency=123.450MHz", *drill)
        exchanged(timeline, alpha, bravo, contact, "will_comply")
        nearest = compare_spoken(flies(alpha, bravo, timeline), flies(bravo, alpha, timeline))
        assert LEAST_M <= nearest.distance_m < 1.05 * LEAST_M  # and no nearer
        timeline.tell("both", f"{nearest.distance_m:,.0f} m apart: the least distance is {LEAST_M:,.0f} m")

        for side, other in ((alpha, bravo), (bravo, alpha)):
            ended = side.keepclear("drill", "end", NAME, other.name)
            timeline.tell(side.name, ended.splitlines()[-1])
            arrived(other, f"{side.name}:{ended.split('ended: ')[1].split(',')[0].split()[1]}")

        reports = {}
        for side, other in ((alpha, bravo), (bravo, alpha)):
            words = ("drill", "report", NAME, other.name)
            told = side.keepclear(*words, "--scenario", JOINT_DRILL)  # exit code 0: nothing is missing
            assert f"missing of {JOINT_DRILL}: nothing" in told
            assert told.count("the same as here") == 2
            reports[side.name] = run(*words, "--json", env=side.env).stdout
            Path(f"{side.name}.json").write_text(reports[side.name])
            print(told)
        assert run("drill", "compare", "alpha.json", "bravo.json", env={}).output.startswith("the same")

        marks = {"en": "EXERCISE", "ru": "УЧЕБНОЕ", "ar": "تمرين"}
        for side in (alpha, bravo):
            everything = side.json("messages", "--limit", "1000")["messages"]
            assert len(everything) == 16
            for each in everything:
                assert each["drill"] == NAME
                assert all(each["texts"][language].startswith(mark) for language, mark in marks.items())


def test_what_is_meant_is_never_answered_as_an_exercise_nor_the_other_way_round(tmp_path: Path) -> None:
    with parties(tmp_path, "alpha", "bravo") as (alpha, bravo):
        pair(alpha, bravo)
        number = said(alpha, "bravo", "line_test")
        arrived(bravo, number)
        told = bravo.keepclear("say", "alpha", "roger", "--answers", number, "--drill", NAME, "--yes", code=2)
        assert "a drill is answered in the drill, and what is meant is not" in told
