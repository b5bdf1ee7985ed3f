"""P8: one side announces that it suspends the line; in practice calls went on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.parties import Side, agree, operation, pair, parties, until
from tests.scenarios.talk import Timeline, answered, arrived, channel, closed, said
from tests.scenarios.test_practice import zone

pytestmark = pytest.mark.slow
AT = "at=35.40000N 35.90000E"


def fallback(side: Side, party: str) -> bool:
    """Tell whether the rules for a line that is suspended or lost apply."""
    return bool(channel(side, party)["fallback"]["applies"])


def held(side: Side, party: str) -> Any:
    """Return the channel to a party as soon as it is on hold."""

    def told() -> Any:
        found = channel(side, party)
        return found if found["state"] == "hold" else None

    return until(told, f"HOLD at {side.name}")


def test_a_suspended_line_holds_talk_but_not_distress_zones_humanitarian_notices_and_receipts(
    tmp_path: Path,
) -> None:
    timeline = Timeline("P8: the line is suspended")
    with parties(tmp_path, "alpha", "bravo", records=True) as (alpha, bravo):
        pair(alpha, bravo)
        agree(alpha, bravo)
        alpha.declare(operation("A-1"), zone("Z-1"))  # 200 to 600 m
        until(lambda: bravo.holds("alpha:Z-1"), "Z-1 at bravo")
        bravo.declare(operation("B-1", lower_m=750.0), code=None)  # 150 m above it, and 100 m are agreed
        until(lambda: alpha.holds("bravo:B-1"), "B-1 at alpha")
        waiting = said(alpha, "bravo", "request_later", "item=bravo:B-1", "later=15m")
        arrived(bravo, waiting)
        assert not fallback(alpha, "bravo")

        bravo.keepclear("hold", "alpha", "by order of the ministry")
        timeline.tell("Boris", "suspends the dialogue")
        for side, other in ((alpha, "bravo"), (bravo, "alpha")):
            told = held(side, other)
            timeline.tell(side.name, f"{told['state']}: {told['reasons'][0]['texts']['en']}")
            refused = side.keepclear("say", other, "line_test", "--yes", code=None)
            assert "sent to" in refused  # a test of the line goes on
            refused = side.keepclear("say", other, "request_position", "call_sign=X1", "--yes", code=2)
            assert "suspended" in refused
            refused = side.keepclear("say", other, "free_text", "text=hello", "--yes", code=2)
            assert "suspended" in refused
        timeline.tell("both", "talk is refused, and why is said")

        for words in (
            ("distress", "call_sign=RELIEF1", "nature=engine", AT, "persons=4"),
            ("persons_at", AT, "radius=500m", "nature=medical"),
            ("notice_zone", "item=Z-1"),
            ("site_notice", "item=A-1"),
        ):
            number = said(alpha, "bravo", *words)
            arrived(bravo, number)
            answered(bravo, number, "roger")
            assert closed(alpha, number)["answer"]["person"] == "Boris"
            timeline.tell("Ann", f"{words[0]}: goes through, and Boris answers roger")
        answered(bravo, waiting, "will_comply")  # what was asked before may be answered
        closed(alpha, waiting)
        bravo.keepclear("ack", "--all")
        bravo.keepclear("read", "--all")

        assert fallback(alpha, "bravo")
        assert fallback(bravo, "alpha")
        assert channel(alpha, "bravo")["fallback"]["buffer"]["vertical_m"] == 200.0
        assert "bravo:B-1" in alpha.status("A-1")["open_conflicts"]  # 150 m are too little now
        timeline.tell("both", "the gaps are doubled: A-1 and B-1 conflict")
        assert "FALLBACK APPLIES" in alpha.keepclear("channel", code=1)

        bravo.keepclear("resume", "alpha")
        until(lambda: not fallback(alpha, "bravo"), "the end of the fallback")
        arrived(bravo, said(alpha, "bravo", "request_position", "call_sign=X1"))
        timeline.tell("Boris", "takes it up again; talk goes on")
        assert alpha.status("A-1")["open_conflicts"] == []
