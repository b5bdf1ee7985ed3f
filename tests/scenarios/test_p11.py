"""P11: a convoy with agreed movements was hit: the units in the field did not have what the office had. One
trip could need eight conversations."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.parties import Side, agree, operation, pair, parties, until
from tests.scenarios.talk import Timeline, answered, arrived, closed, has, message, said

pytestmark = pytest.mark.slow
LEGS = 3


def told_all(relief: Side, others: tuple[Side, ...], *words: str) -> dict[str, str]:
    """Tell every party the same; return the number of the message to each."""
    numbers = {other.name: said(relief, other.name, *words) for other in others}
    for other in others:
        arrived(other, numbers[other.name])
    return numbers


def unseen_by(relief: Side, numbers: dict[str, str]) -> list[str]:
    """Return at which parties nobody has read a message yet."""
    return [party for party, number in numbers.items() if message(relief, number)["seen"] is None]


def test_a_movement_is_known_to_each_party_before_each_leg_and_who_has_not_read_it_is_always_told(
    tmp_path: Path,
) -> None:
    timeline = Timeline("P11: a movement in three legs, two parties")
    with parties(tmp_path, "relief", "alpha", "bravo") as (relief, alpha, bravo):
        others = (alpha, bravo)
        pair(relief, alpha, bravo)
        for other in others:
            agree(relief, other, lead_s=48 * 3_600.0, lead_emergency_s=24 * 3_600.0)
        relief.declare(operation("convoy-1", start_min=50 * 60.0))
        for other in others:
            until(lambda other=other: other.holds("relief:convoy-1"), "convoy-1")  # type: ignore[misc]

        notice = ("movement_notice", "item=convoy-1", "begins=+50h", f"legs={LEGS}", "persons=12")
        numbers = told_all(relief, others, *notice)
        timeline.tell("Rita", "MOVEMENT NOTICE to both")
        assert unseen_by(relief, numbers) == ["alpha", "bravo"]
        for party, number in numbers.items():
            assert has(relief, number, "delivered")["seen"] is None  # a machine has it, and nobody read it
            assert "NOT seen" in relief.keepclear("message", number), party
        answered(alpha, numbers["alpha"], "roger")
        closed(relief, numbers["alpha"])
        assert unseen_by(relief, numbers) == ["bravo"]
        timeline.tell("Ann", "has read it; nobody at bravo has")
        bravo.keepclear("read", numbers["bravo"])
        until(lambda: not unseen_by(relief, numbers), "the reading at bravo")
        timeline.tell("Boris", "has read it: both parties know of the movement")
        answered(bravo, numbers["bravo"], "roger")
        closed(relief, numbers["bravo"])

        for leg in range(1, LEGS + 1):
            for code in ("leg_start", "leg_end"):
                numbers = told_all(relief, others, code, "item=convoy-1", f"leg={leg}", "at=now")
                for other in others:
                    answered(other, numbers[other.name], "roger")
                    told = closed(relief, numbers[other.name])
                    assert told["fields"]["leg"] == leg
                timeline.tell("Rita", f"{code.upper().replace('_', ' ')} {leg}: read by both")
        listed = bravo.json("messages", "relief", "--limit", "99")["messages"]
        assert [each["code"] for each in listed if each["to"] == "bravo"] == [
            "movement_notice",
            *["leg_start", "leg_end"] * LEGS,
        ]


def test_a_leg_that_is_delayed_is_told_to_each_party_and_who_is_cut_off_is_named(tmp_path: Path) -> None:
    timeline = Timeline("P11: a leg is delayed while a link is cut")
    with parties(tmp_path, "relief", "alpha", "bravo") as (relief, alpha, bravo):
        pair(relief, alpha, bravo)
        relief.declare(operation("convoy-1", start_min=50 * 60.0))
        until(lambda: bravo.holds("relief:convoy-1"), "convoy-1")
        for party in ("relief", "alpha"):
            bravo.keepclear("link", "cut", party)
        words = ("movement_delayed", "item=convoy-1", "leg=2", "begins=+51h")
        numbers = {party: said(relief, party, *words) for party in ("alpha", "bravo")}
        arrived(alpha, numbers["alpha"])
        until(lambda: message(relief, numbers["alpha"])["delivered"], "it at alpha")
        assert not message(relief, numbers["bravo"])["delivered"]
        assert "NOT delivered" in relief.keepclear("message", numbers["bravo"])
        timeline.tell("relief", "alpha has it, bravo has it NOT: ring bravo up")
        bravo.keepclear("link", "mend", "alpha")  # and alpha hands on what relief says: the second path
        arrived(bravo, numbers["bravo"])
        timeline.tell("bravo", "got it by way of alpha")
        answered(bravo, numbers["bravo"], "roger")
        closed(relief, numbers["bravo"])
