"""The commands of those on watch: duty, handover, channel, line-test; two real nodes of this process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.conftest import workplace
from tests.scenarios.parties import PASSPHRASE, Side, pair, parties, run, until

__all__ = ["workplace"]  # a fixture that every test uses
pytestmark = pytest.mark.slow
Two = tuple[Side, Side]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """Serve two paired parties."""
    with parties(tmp_path, "alpha", "bravo") as (alpha, bravo):
        pair(alpha, bravo)
        yield alpha, bravo


def roster(side: Side, of: str) -> list[str]:
    return [each["person"] for each in side.json("duty", "list")["on_duty"][of]]


def codes(side: Side) -> list[str]:
    """Return the codes of all messages, the oldest first."""
    return [each["code"] for each in side.json("messages")["messages"]]


def channel(side: Side) -> Any:
    (told,) = side.json("channel")["channels"]
    return told


def second_officer(side: Side, name: str) -> None:
    """Give another officer of a party a key, with the usual passphrase."""
    side.keepclear("officer", "add", name)


def test_who_is_on_duty_is_known_at_both_parties(two: Two) -> None:
    alpha, bravo = two
    assert "NOBODY" in alpha.keepclear("duty", "list")
    alpha.keepclear("duty", "on", "--senior", "--telephone", "+963 11 555 0101")
    until(lambda: roster(bravo, "alpha") == ["Ann"], "the duty at bravo")
    told = bravo.keepclear("duty", "list")
    assert re.search(r"alpha.+Ann.+senior.+\+963 11 555 0101", told)
    told = alpha.keepclear("duty", "off")
    assert "NOBODY IS ON DUTY" in told
    until(lambda: roster(bravo, "alpha") == [], "the end of the duty")


def test_a_handover_leaves_no_moment_without_anybody_and_tests_each_line(two: Two) -> None:
    alpha, bravo = two
    second_officer(alpha, "Amal")
    alpha.keepclear("duty", "on", "--officer", "Ann")
    told = alpha.keepclear("handover", "--officer", "Ann", "--to", "Amal", "--telephone", "0102")
    assert told.index("on duty: Amal") < told.index("handover") < told.index("off duty: Ann")
    assert roster(alpha, "alpha") == ["Amal"]
    until(lambda: codes(bravo) == ["handover", "line_test"], "both at bravo")
    handover, test = bravo.json("messages")["messages"]
    assert handover["fields"] == {"from": "Ann", "by": "Amal"}
    assert (handover["person"], test["person"]) == ("Ann", "Amal")


def test_a_handover_to_nobody_whose_key_is_here_changes_nothing(two: Two) -> None:
    alpha, _ = two
    alpha.keepclear("duty", "on")
    told = alpha.keepclear("handover", "--to", "Zoe", code=2)
    assert "keepclear duty on" in told
    assert "cannot take over" in alpha.keepclear("handover", "--officer", "Ann", "--to", "Ann", code=2)
    assert (roster(alpha, "alpha"), codes(alpha)) == (["Ann"], [])


def test_a_telephone_is_kept_on_duty_until_another_or_none_is_told(two: Two) -> None:
    alpha, _ = two

    def number() -> str:
        (ann,) = alpha.json("duty", "list")["on_duty"]["alpha"]
        return str(ann["telephone"])

    alpha.keepclear("duty", "on", "--telephone", "0101")
    alpha.keepclear("duty", "on", "--senior")
    assert number() == "0101"
    assert "it has no digit" in alpha.keepclear("duty", "on", "--telephone", "ring me", code=2)
    alpha.keepclear("duty", "on", "--telephone", "")
    assert number() == ""


def test_only_who_is_on_duty_hands_over(two: Two) -> None:
    alpha, _ = two
    second_officer(alpha, "Amal")
    words = ("handover", "--officer", "Ann", "--to", "Amal")
    assert "Ann is not on duty, nobody is" in alpha.keepclear(*words, code=2)
    alpha.keepclear("duty", "on", "--officer", "Amal")
    assert "Ann is not on duty, Amal can hand over" in alpha.keepclear(*words, code=2)
    assert (roster(alpha, "alpha"), codes(alpha)) == (["Amal"], [])


def test_the_passphrase_of_who_takes_over_is_their_own(two: Two) -> None:
    alpha, _ = two
    other = alpha.folder / "amal.txt"
    other.write_text("four other words here\n")
    other.chmod(0o600)
    env = {**alpha.env, "KEEPCLEAR_OFFICER_PASSPHRASE": "four other words here"}
    run("officer", "add", "Amal", env=env)
    alpha.keepclear("duty", "on", "--officer", "Ann")
    told = run("handover", "--officer", "Ann", "--to", "Amal", env=alpha.env, code=2).stderr
    assert "the passphrase is wrong" in told
    assert PASSPHRASE not in told
    words = ("handover", "--officer", "Ann", "--to", "Amal", "--to-passphrase-file", str(other))
    run(*words, env=alpha.env)
    assert roster(alpha, "alpha") == ["Amal"]


def test_a_channel_is_never_called_open_where_that_was_not_tried(two: Two) -> None:
    alpha, _ = two
    told = alpha.keepclear("channel", code=1)
    assert not told.startswith("bravo: OPEN")
    assert "on duty at us: NOBODY" in told
    assert "no test by people yet" in told
    assert "not paired" in alpha.keepclear("channel", "nobody", code=2)


def test_a_channel_that_is_held_or_cut_says_so_on_both_sides(two: Two) -> None:
    alpha, bravo = two
    bravo.keepclear("hold", "alpha", "by order of the ministry")
    until(lambda: channel(alpha)["state"] == "hold", "the hold at alpha")
    told = alpha.keepclear("channel", "bravo", code=1)
    assert "held by bravo" in told
    assert "by order of the ministry" in told
    bravo.keepclear("resume", "alpha")
    alpha.keepclear("link", "cut", "bravo")
    assert until(lambda: channel(alpha)["state"] == "down", "the cut")
    assert "DOWN" in alpha.keepclear("channel", code=1)


def test_a_line_test_that_is_waited_for_tells_who_answered_and_how_soon(two: Two) -> None:
    alpha, bravo = two

    environment = {name: value for name, value in os.environ.items() if not name.startswith("KEEPCLEAR_")}
    environment |= {name: value for name, value in alpha.env.items() if value is not None}
    words = [sys.executable, "-m", "keepclear.cli", "line-test", "bravo", "--wait", "20s"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as testing:
        number = until(lambda: [m["number"] for m in bravo.json("messages")["messages"]], "the test")[0]
        bravo.keepclear("answer", number, "roger")
        told, _ = testing.communicate(timeout=30.0)
        assert testing.returncode == 0
    assert re.search(r"roger by Boris after \d+ s", told)
    until(lambda: channel(alpha)["human_test"], "the test in the channel")


def test_a_line_test_without_an_answer_says_how_far_it_came(two: Two) -> None:
    alpha, bravo = two
    told = alpha.keepclear("line-test", "bravo", "--wait", "0.01s", code=1)
    assert "NO ANSWER" in told
    bravo.keepclear("link", "cut", "alpha")
    told = alpha.keepclear("line-test", "bravo", "--wait", "0.01s", code=1)
    assert "NOT reached" in told
    assert "not paired" in alpha.keepclear("line-test", "nobody", code=2)
