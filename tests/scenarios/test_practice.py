"""What happened between parties that had to keep clear of each other, played again.

Each docstring names a row of the practice of deconfliction, in our own words. Parties have a node each;
their people type the commands.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from keepclear.adapters.http import wire, wire_logs
from keepclear.codec import deeds
from keepclear.codec.f3548 import wire as items
from tests.scenarios.parties import Side, agree, at, operation, pair, parties, run, until

pytestmark = pytest.mark.slow


@contextmanager
def two(folder: Path, one: str = "alpha", other: str = "bravo") -> Iterator[tuple[Side, Side]]:
    """Serve two parties that record conflicts, and are paired."""
    with parties(folder, one, other, records=True) as (a, b):
        pair(a, b)
        yield a, b


def zone(name: str, *, lng: float = 35.9, start_min: float = 60.0) -> dict[str, Any]:
    """Return a zone that others are told of first, for two hours, 2 km round a point."""
    properties = {
        "id": name,
        "kind": "constraint",
        "rule": "notify_first",
        "radius_m": 2000,
        "altitude_lower_m": 0,
        "altitude_upper_m": 3000,
        "altitude_datum": "W84",
        "time_start": at(start_min),
        "time_end": at(start_min + 120.0),
    }
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Point", "coordinates": [lng, 35.4]},
    }


def test_two_nodes_share_no_database_and_show_both_declarations_side_by_side(tmp_path: Path) -> None:
    """P1: rivals begin to fly in one space, without any command over both, and talks are on hold.

    Each has a node of its own with its own database; whether they reach each other is data, and what both
    declared stands side by side at both.
    """
    with two(tmp_path) as (alpha, bravo):
        databases = {(side.folder / "keepclear.sqlite3").resolve() for side in (alpha, bravo)}
        assert len(databases) == 2
        alpha.declare(operation("A-1"))
        until(lambda: bravo.holds("alpha:A-1"), "A-1 at bravo")
        bravo.declare(operation("B-1", lower_m=500.0), code=1)
        until(lambda: alpha.holds("bravo:B-1"), "B-1 at alpha")
        for side, own, other in ((alpha, "A-1", "bravo:B-1"), (bravo, "B-1", "alpha:A-1")):
            told = {each["id"]: each["state"] for each in side.json("status")["items"]}
            assert told == {own: "conflicting", other: "conflicting"}
        assert {each["state"] for each in alpha.json("link", "list")["links"]} == {"up"}
        alpha.keepclear("link", "cut", "bravo")
        (link,) = alpha.json("link", "list")["links"]
        assert link["switched_off"]
        alpha.declare(operation("A-2", lower_m=2000.0))
        assert not bravo.holds("alpha:A-2")  # it waits
        assert not alpha.receipt("A-2", "bravo")["delivered"]
        alpha.keepclear("link", "mend", "bravo")
        until(lambda: alpha.receipt("A-2", "bravo")["delivered"], "A-2 at bravo")


def test_nothing_that_travels_has_a_field_for_targets_or_weapons(tmp_path: Path) -> None:
    """P2: the memorandum is for safety only: it shares no intelligence and no targets.

    What travels is where, how high, when, in which state and whose; no form has a field for more, and a
    field that is added is refused.
    """
    words = {
        name
        for module in (items, wire, wire_logs, deeds)
        for _, form in inspect.getmembers(module, inspect.isclass)
        for name in getattr(form, "__struct_fields__", ())
    }
    assert "volumes" in words
    parts = {part for word in words for part in word.split("_")}
    assert not parts & {
        "target",
        "targets",
        "weapon",
        "weapons",
        "ordnance",
        "payload",
        "strike",
        "intelligence",
    }
    with parties(tmp_path, "alpha") as (alpha,):
        told = alpha.declare(operation("A-1", target="bridge"), code=None)
        listed = run("list", "--format", "json", env=alpha.env).stdout
        assert "bridge" not in listed, told


def test_a_line_on_hold_is_signed_and_statements_go_on_with_wider_gaps(tmp_path: Path) -> None:
    """P8: one side announces that it suspends the line, and in practice calls go on.

    The suspension is a statement that an officer signs. What is declared is still received, logged and
    acknowledged; meanwhile the agreed gaps are doubled.
    """
    with two(tmp_path) as (alpha, bravo):
        agree(alpha, bravo, buffer={"lateral_m": 500.0, "vertical_m": 100.0, "time_s": 60.0})
        alpha.declare(operation("A-1"))  # 200 to 600 m
        until(lambda: bravo.holds("alpha:A-1"), "A-1 at bravo")
        bravo.declare(operation("B-1", lower_m=750.0))  # 150 m above it, and 100 m are agreed
        until(lambda: alpha.holds("bravo:B-1"), "B-1 at alpha")
        assert alpha.status("A-1")["open_conflicts"] == []
        bravo.keepclear("hold", "alpha", "by order of the ministry")
        (hold,) = until(lambda: alpha.json("status")["holds"], "the hold at alpha")
        assert (hold["by"], hold["reason"]) == ("bravo", "by order of the ministry")
        assert alpha.status("A-1")["open_conflicts"] == ["bravo:B-1"]  # 200 m are needed now
        alpha.declare(operation("A-2", lower_m=3000.0))
        until(lambda: alpha.receipt("A-2", "bravo")["delivered"], "A-2 at bravo")
        bravo.keepclear("ack", "alpha:A-2")
        until(lambda: alpha.receipt("A-2", "bravo")["seen"], "the acknowledgement")
        alpha.keepclear("log", "export", "bravo", "-o", "bravo.json")  # the other side can prove it
        assert "3 deeds of officers" in alpha.keepclear("log", "verify", "bravo.json")
        bravo.keepclear("resume", "alpha")
        until(lambda: not alpha.json("status")["holds"], "the end of the hold")
        assert alpha.status("A-1")["open_conflicts"] == []


def test_a_zone_moves_by_amendment_others_are_told_first_and_its_history_stays(tmp_path: Path) -> None:
    """P9: zones that move: each side tells the other before it operates there.

    A zone has an owner, a time and a rule. Whoever flies into it is told that a notice is required; when
    it moves, it has to be seen anew, and every version stays in the log.
    """
    with two(tmp_path) as (alpha, bravo):
        alpha.declare(zone("Z-1"))
        until(lambda: bravo.holds("alpha:Z-1"), "Z-1 at bravo")
        bravo.keepclear("ack", "alpha:Z-1")
        until(lambda: alpha.status("Z-1")["state"] == "coordinated", "the acknowledgement")
        told = bravo.declare(operation("B-1", start_min=60.0), code=1)
        assert "notice required" in told
        alpha.declare(zone("Z-1", lng=36.3), command="amend")
        until(lambda: bravo.status("alpha:Z-1")["ref"]["version"] == 2, "version 2 at bravo")
        moved = alpha.status("Z-1")
        assert moved["state"] == "waiting"  # seen was the place before
        assert moved["receipts"][0]["seen"] is None
        bravo.keepclear("ack", "alpha:Z-1")
        until(lambda: alpha.status("Z-1")["state"] == "coordinated", "the second acknowledgement")
        alpha.keepclear("log", "export", "-o", "alpha.json")
        # Both keys and both versions are signed for good, and what the node says of the line besides.
        done = alpha.keepclear("log", "verify", "alpha.json")
        verified = re.search(r"\b(\d+) entries in order", done)
        assert verified is not None
        assert int(verified[1]) >= 4


def test_a_notification_is_done_once_each_node_and_each_duty_officer_acknowledged(tmp_path: Path) -> None:
    """P11: sites and convoys are notified to the parties, and units in the field did not have what the
    office had.

    A notification is done when the node *and* the duty officer of each party have acknowledged. Until
    then the screen tells who has it, who has seen it and who has not, since when. Notice that comes later
    than was agreed is called short.
    """
    with parties(tmp_path, "relief", "alpha", "bravo") as (relief, alpha, bravo):
        pair(relief, alpha, bravo)
        for side in (alpha, bravo):
            agree(relief, side, lead_s=48 * 3600.0, lead_emergency_s=24 * 3600.0)
        for party in ("relief", "alpha"):  # alpha would pass on what relief says
            bravo.keepclear("link", "cut", party)
        relief.declare(operation("convoy-1", start_min=180.0))
        until(lambda: relief.receipt("convoy-1", "alpha")["delivered"], "it at alpha")
        alpha.keepclear("ack", "relief:convoy-1")  # the duty officer signs on the command line
        until(lambda: relief.receipt("convoy-1", "alpha")["seen"], "the acknowledgement of alpha")
        at_alpha, at_bravo = (relief.receipt("convoy-1", party) for party in ("alpha", "bravo"))
        assert at_alpha["seen"]["person"] == "Ann"
        assert (at_bravo["delivered"], at_bravo["seen"]) == (False, None)
        assert at_bravo["since"] is not None
        assert relief.status("convoy-1")["state"] == "waiting"
        screen = relief.keepclear("status", code=1)
        assert len(re.findall(r"NO, since \d\d:\d\d:\d\dZ", screen)) == 2  # delivered and seen at bravo
        assert "short notice" in screen
        bravo.keepclear("link", "mend", "relief")
        until(lambda: relief.receipt("convoy-1", "bravo")["delivered"], "it at bravo")
        assert relief.status("convoy-1")["state"] == "waiting"  # a machine has it, and nobody saw it
        bravo.keepclear("ack", "--all")
        until(lambda: relief.status("convoy-1")["state"] == "coordinated", "the acknowledgement of bravo")
        told = relief.keepclear("had", "bravo", "23:59Z")
        assert "by Boris" in told


def test_notice_in_good_time_is_not_called_short(tmp_path: Path) -> None:
    """P11: Yemen asks for 48 hours, and for 24 in an emergency."""
    with two(tmp_path, "relief", "alpha") as (relief, alpha):
        agree(relief, alpha, lead_s=48 * 3600.0, lead_emergency_s=24 * 3600.0)
        relief.declare(operation("early", start_min=49 * 60.0), operation("late", start_min=47 * 60.0))
        told = {each["id"]: each["short_notice"] for each in relief.json("status")["items"]}
        assert told["early"] is None
        assert "agreed with alpha: 2 d, 1 d in an emergency" in told["late"]
