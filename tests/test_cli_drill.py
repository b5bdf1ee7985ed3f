"""The commands of drills: what is exercised says so, and both sides compare reports."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keepclear.cli_drill import DRILLS
from keepclear.core.drills import SCENARIOS
from tests.scenarios.conftest import workplace
from tests.scenarios.parties import Side, pair, parties, run, until
from tests.scenarios.talk import arrived, message, said

__all__ = ["workplace"]  # a fixture that every test uses
Two = tuple[Side, Side]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """Serve two paired parties."""
    with parties(tmp_path, "alpha", "bravo") as (alpha, bravo):
        pair(alpha, bravo)
        yield alpha, bravo


def started(side: Side, name: str, party: str) -> str:
    """Begin a drill; return the number of the message that says it."""
    found = re.search(r"begun: (\w+) (\d+)", side.keepclear("drill", "start", name, party))
    assert found is not None
    return f"{found[1]}:{found[2]}"


def report(side: Side, name: str, party: str) -> Any:
    return side.json("drill", "report", name, party)["report"]


def ended(side: Side, name: str, party: str) -> str:
    found = re.search(r"ended: (\w+) (\d+)", side.keepclear("drill", "end", name, party))
    assert found is not None
    return f"{found[1]}:{found[2]}"


def test_a_drill_is_held_against_what_the_code_knows() -> None:
    assert set(DRILLS) == set(SCENARIOS)


@pytest.mark.slow
def test_both_sides_make_the_same_report_and_compare_it_by_file(two: Two, tmp_path: Path) -> None:
    alpha, bravo = two
    number = started(alpha, "june", "bravo")
    arrived(bravo, number)
    assert message(bravo, number)["drill"] == "june"
    bravo.keepclear("answer", number, "roger")
    until(lambda: message(alpha, number)["answer"], "the roger")
    test = said(alpha, "bravo", "line_test", "--drill", "june")
    arrived(bravo, test)
    assert "EXERCISE" in bravo.keepclear("messages", "--drill", "june", code=1)
    told = alpha.keepclear("drill", "report", "june", "bravo", "--scenario", "joint-drill", code=1)
    assert f"not answered: {test.replace(':', ' ')}" in told
    assert "flight_parameters by the other side" in told
    assert "NOT ended by bravo" in told
    bravo.keepclear("answer", test, "roger")
    until(lambda: message(alpha, test)["answer"], "the second roger")
    arrived(bravo, ended(alpha, "june", "bravo"))
    arrived(alpha, ended(bravo, "june", "alpha"))
    for side, other in ((alpha, "bravo"), (bravo, "alpha")):
        done = run("drill", "report", "june", other, "--json", env=side.env)  # exit code 0: complete
        (tmp_path / f"{side.name}.json").write_text(done.stdout)
    assert report(alpha, "june", "bravo")["symbols"] == report(bravo, "june", "alpha")["symbols"]
    told = run("drill", "compare", "alpha.json", "bravo.json", env={}).output
    assert told.startswith("the same: june, 2 messages")
    assert "over" in alpha.keepclear("drill", "list")
    told = alpha.keepclear("drill", "report", "june", "bravo")
    assert told.count("the same as here when it ended") == 2
    assert "changed since" not in told
    warned = alpha.keepclear("say", "bravo", "line_test", "--drill", "june", "--yes")
    assert "WARNING: the drill june with bravo is over" in warned
    told = alpha.keepclear("drill", "report", "june", "bravo", code=1)
    assert told.count("the same as here when it ended; the report has changed since") == 2


@pytest.mark.slow
def test_a_report_that_was_changed_is_told_apart(two: Two, tmp_path: Path) -> None:
    alpha, _ = two
    started(alpha, "june", "bravo")
    done = run("drill", "report", "june", "bravo", "--json", env=alpha.env, code=1)
    (tmp_path / "a.json").write_text(done.stdout)
    changed = json.loads(done.stdout)
    changed["report"]["exchanges"][0]["message"]["person"] = "Somebody\x1b[2J"
    (tmp_path / "b.json").write_text(json.dumps(changed))
    told = run("drill", "compare", "a.json", "b.json", env={}, code=1).output
    assert re.search(r"alpha \d+, person: Ann / Somebody\\u001b", told)
    changed["report"]["exchanges"] = []
    (tmp_path / "b.json").write_text(json.dumps(changed))
    assert "only in the first report" in run("drill", "compare", "a.json", "b.json", env={}, code=1).output


@pytest.mark.parametrize("text", ["", "{}", "[" * 100_000, '{"report": {"name": 5}}', "\xff"])
def test_a_file_that_is_no_report_is_bad_input(text: str) -> None:
    Path("bad.json").write_text(text)
    assert "no report of a drill" in run("drill", "compare", "bad.json", "bad.json", env={}, code=2).stderr
    run("drill", "compare", "missing.json", "bad.json", env={}, code=2)


@pytest.mark.slow
def test_a_name_is_used_once_and_what_was_not_begun_cannot_end(two: Two) -> None:
    alpha, _ = two
    assert "no drills" in alpha.keepclear("drill", "list")
    for _ in range(2):  # what names a drill does not start it
        warned = alpha.keepclear("say", "bravo", "line_test", "--drill", "june", "--yes")
        assert "no drill of this name was started with bravo: keepclear drill start june bravo" in warned
    alpha.keepclear("say", "bravo", "line_test", "--drill", "july", code=2)
    alpha.keepclear("say", "bravo", "drill_start", "drill=june", "--drill", "june", "--yes")
    warned = alpha.keepclear("say", "bravo", "line_test", "--drill", "june", "--yes")
    assert "no drill of this name" not in warned
    assert "its own name" in alpha.keepclear("drill", "start", "june", "bravo", code=2)
    assert "nothing was said" in alpha.keepclear("drill", "end", "july", "bravo", code=2)
