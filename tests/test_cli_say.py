"""The commands of the hotline: say, answer, read, messages, message; two real nodes of this process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keepclear import cli_say
from keepclear.adapters.http.hotlining import UnnumberedPage, UnnumberedTold
from keepclear.cli_hotline import LANGUAGES
from keepclear.cli_say import PRIORITIES
from keepclear.codec.catalogue.texts import Language
from keepclear.core.messages import MESSAGES, Code, Priority, Speaker
from tests.scenarios.conftest import workplace
from tests.scenarios.parties import Side, operation, pair, parties, run, until
from tests.scenarios.talk import answered, arrived, message, said, said_warned

__all__ = ["workplace"]  # a fixture that every test uses
Two = tuple[Side, Side]
HERE = "at=35.40000N 35.90000E"


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """Serve two paired parties that record conflicts."""
    with parties(tmp_path, "alpha", "bravo", records=True) as (alpha, bravo):
        pair(alpha, bravo)
        yield alpha, bravo


# -- without a node ---------------------------------------------------------------------------------


def test_the_words_of_the_command_line_are_those_of_the_code() -> None:
    assert list(PRIORITIES) == [each.value for each in Priority]
    assert list(LANGUAGES) == [each.value for each in Language]


def test_every_message_of_officers_is_listed_and_none_of_nodes() -> None:
    listed = [line.split()[0] for line in run("say", "--list", env={}).stdout.splitlines()]
    assert listed == [code.value for code in Code if MESSAGES[code].speaker is Speaker.OFFICER]


@pytest.mark.parametrize("code", [code for code in Code if MESSAGES[code].speaker is Speaker.OFFICER])
def test_the_fields_of_a_message_are_listed_with_how_they_are_typed(code: Code) -> None:
    told = run("say", "--list", code.value, env={}).stdout
    for field in MESSAGES[code].fields:
        assert re.search(rf"^  {field.name}: .+write .+", told, re.MULTILINE), told


def test_a_code_may_be_typed_in_capitals_and_a_slip_is_pointed_out() -> None:
    assert "position_report" in run("say", "--list", "POSITION-REPORT", env={}).stdout
    assert "did you mean 'position_report'" in run("say", "--list", "position_raport", env={}, code=2).stderr
    assert "say --list" in run("say", "--list", "machine_test", env={}, code=2).stderr
    assert "say --list" in run("say", "bravo", env={}, code=2).stderr


@pytest.mark.parametrize("number", ["17", "bravo", "bravo:x", "bravo:99999999999999", ":5"])
def test_what_is_no_reference_number_is_bad_usage(number: str) -> None:
    run("message", number, env={}, code=2)


# -- say --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_is_said_is_shown_in_three_languages_and_asked_about_before_it_is_signed(two: Two) -> None:
    alpha, bravo = two
    words = ("bravo", "persons_at", HERE, "radius=500m", "persons=4", "nature=medical")
    refused = run("say", *words, env=alpha.env, code=2)
    assert "--yes" in refused.stderr  # nobody can be asked in a test, so nothing is signed
    assert [line[:5] for line in refused.stderr.splitlines()[:3]] == ["  en:", "  ru:", "  ar:"]
    assert alpha.json("messages")["messages"] == []
    number = said(alpha, *words)
    told = arrived(bravo, number)
    assert (told["code"], told["priority"], told["person"]) == ("persons_at", "distress", "Ann")
    assert told["fields"]["at"] == [3_540_000, 3_590_000]
    assert told["delivered"]


@pytest.mark.slow
def test_an_item_is_named_with_the_version_that_the_node_has(two: Two) -> None:
    alpha, bravo = two
    alpha.declare(operation("A-1"))
    until(lambda: bravo.holds("alpha:A-1"), "A-1")
    number = said(alpha, "bravo", "notice_end", "item=A-1")
    assert message(alpha, number)["fields"]["item"] == {"party": "alpha", "id": "A-1", "version": 1}
    number = said(bravo, "alpha", "request_later", "item=alpha:A-1", "later=15m")
    assert message(bravo, number)["fields"] == {
        "item": {"party": "alpha", "id": "A-1", "version": 1},
        "later": 900,
    }
    assert "A-9" in alpha.keepclear("say", "bravo", "notice_end", "item=A-9", "--yes", code=2)


@pytest.mark.slow
def test_what_cannot_be_said_is_refused_with_the_reason_and_nothing_is_signed(two: Two) -> None:
    alpha, _ = two
    for words, reason in (
        (("bravo", "persons_at", HERE, "radius=1m"), "nature"),
        (("bravo", "roger"), "answers"),
        (("bravo", "line_test", "--answers", "bravo:999"), "no message with this number"),
        (("bravo", "line_test", "--valid-for", "40d"), "31 days"),
        (("bravo", "persons_at", HERE, "radius=1m", "nature=fire", "--priority", "routine"), "at least"),
        (("nobody", "line_test"), "not paired"),
        (("alpha", "line_test"), "not paired"),
        (("bravo", "line_test", "--answers", "bravo:1", "--corrects", "alpha:1"), "or corrects"),
    ):
        assert reason in alpha.keepclear("say", *words, "--yes", code=2)
    assert alpha.json("messages")["messages"] == []


@pytest.mark.slow
def test_a_correction_takes_the_place_of_what_it_corrects_and_is_as_urgent(two: Two) -> None:
    alpha, bravo = two
    first = said(alpha, "bravo", "free_text", "text=the bridge is closed", "--priority", "safety")
    arrived(bravo, first)
    second = said(alpha, "bravo", "free_text", "text=the bridge is open", "--corrects", first)
    assert arrived(bravo, second)["priority"] == "safety"
    assert message(bravo, first)["state"] == "corrected"
    told = bravo.keepclear("answer", first, "roger", code=2)
    assert f"was corrected by {second.replace(':', ' ')}" in told
    words = ("say", "bravo", "free_text", "text=it is closed", "--corrects", first, "--yes")
    assert f"{second.replace(':', ' ')}; correct that one" in alpha.keepclear(*words, code=2)


# -- answer and read --------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_answer_closes_a_message_and_wrong_answers_are_refused_with_those_allowed(two: Two) -> None:
    alpha, bravo = two
    number = said(alpha, "bravo", "request_contact", "call_sign=RELIEF1", "frequency=123.45MHz")
    arrived(bravo, number)
    wrong = bravo.keepclear("answer", number, "roger", code=2)
    assert "will_comply, unable, standby, say_again" in wrong
    assert "fuel" in bravo.keepclear("answer", number, "unable", "--reason", "fule", code=2)
    assert "for bravo, who alone answers" in alpha.keepclear("answer", number, "will_comply", code=2)
    bravo.keepclear("answer", number, "standby")
    until(lambda: message(alpha, number)["state"] == "standby", "the standby")
    assert "Boris" in alpha.keepclear("message", number)
    bravo.keepclear("answer", number, "unable", "--reason", "fuel")
    closed = until(lambda: (m := message(alpha, number))["answer"] and m, "the answer")
    assert (closed["state"], closed["answer"]["code"]) == ("closed", "unable")
    wrong = bravo.keepclear("answer", number, "standby", code=2)
    assert re.search(
        r"was answered by unable \(bravo \d+\); that can only be changed now, to will_comply", wrong
    )
    changed = answered(bravo, number, "will_comply").replace(":", " ")  # they can after all
    until(lambda: "ANSWER CHANGED" in alpha.keepclear("message", number), "the other answer")
    both = rf"unable \S+Z by Boris, then WILL_COMPLY \S+Z by Boris \({changed}\)"
    assert re.search(both, alpha.keepclear("messages", code=1))
    told = alpha.keepclear("message", number)
    assert re.search(both, told)
    assert f"answer changed by Boris: will_comply ({changed})" in told
    assert "by will_comply (bravo" in bravo.keepclear("answer", number, "standby", code=2)


@pytest.mark.slow
def test_what_is_warned_of_is_shown_on_reading_and_asked_about_before_an_answer_is_signed(two: Two) -> None:
    alpha, bravo = two
    number = said(alpha, "bravo", "persons_at", HERE, "radius=500m", "persons=4", "nature=medical")
    assert arrived(bravo, number)["warnings"]
    assert "WARNING: " in run("read", "--all", env=bravo.env).stderr
    refused = run("answer", number, "roger", env=bravo.env, code=2).stderr
    assert "WARNING: " in refused
    assert "--yes" in refused
    answered(bravo, number, "roger")
    assert "cannot be changed" in bravo.keepclear("answer", number, "roger", code=2)


@pytest.mark.slow
def test_a_wish_to_hear_a_message_again_shows_on_that_message(two: Two) -> None:
    alpha, bravo = two
    number = said(alpha, "bravo", "line_test")
    arrived(bravo, number)
    again = answered(bravo, number, "say_again")
    arrived(alpha, again)
    assert re.search(r"routine  open, say again \d\d:\d\d:\d\dZ", alpha.keepclear("messages", code=1))
    assert f"replied by Boris: say_again ({again.replace(':', ' ')})" in alpha.keepclear("message", number)
    assert "wants no answer" in alpha.keepclear(
        "say", "bravo", "line_test", "--answers", again, "--yes", code=2
    )


@pytest.mark.slow
def test_who_says_something_while_the_link_is_off_hears_that_it_does_not_get_across(two: Two) -> None:
    alpha, _ = two
    assert "NOT delivered" not in said_warned(alpha, "bravo", "line_test")[1]
    alpha.keepclear("link", "cut", "bravo")
    number, told = said_warned(alpha, "bravo", "line_test")
    assert f"NOT delivered: the link to bravo is off; telephone, or keepclear paper print {number}" in told


@pytest.mark.slow
def test_a_report_answers_what_asked_for_it_and_wants_an_answer_itself(two: Two) -> None:
    alpha, bravo = two
    number = said(alpha, "bravo", "request_position", "call_sign=relief1")
    arrived(bravo, number)
    report = answered(bravo, number, "position_report", "call_sign=RELIEF1", HERE, "seen_at=now")
    told = arrived(alpha, report)
    assert told["can_answer"][0] == "roger"
    assert message(alpha, number)["state"] == "closed"


@pytest.mark.slow
def test_reading_makes_a_message_seen_and_answers_nothing(two: Two) -> None:
    alpha, bravo = two
    numbers = [said(alpha, "bravo", "line_test") for _ in range(2)]
    arrived(bravo, numbers[1])
    assert message(bravo, numbers[0])["seen"] is None
    told = bravo.keepclear("read", numbers[0], numbers[0])
    assert told.count("read: alpha") == 1
    until(lambda: message(alpha, numbers[0])["seen"], "the reading")
    assert message(alpha, numbers[0])["state"] == "open"
    assert message(alpha, numbers[1])["seen"] is None
    assert f"read: {numbers[1].replace(':', ' ')}" in bravo.keepclear("read", "--all")
    assert "everything has been read" in bravo.keepclear("read", "--all")
    assert "for 'bravo'" in alpha.keepclear("read", numbers[0], code=2)
    bravo.keepclear("read", code=2)


# -- messages ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_messages_are_listed_with_who_has_read_and_answered_them(two: Two) -> None:
    alpha, bravo = two
    assert "no messages" in alpha.keepclear("messages")
    assert "not paired with this node; that is bravo" in alpha.keepclear("messages", "charlie", code=2)
    number = said(alpha, "bravo", "line_test")
    arrived(bravo, number)
    told = bravo.keepclear("messages", "--open", code=1)  # one waits
    assert re.search(r"alpha \d+  \d\d:\d\d:\d\dZ  routine  open", told)
    assert "NOT seen, due" in told
    bravo.keepclear("answer", number, "roger")
    until(lambda: message(alpha, number)["answer"], "the answer")
    told = alpha.keepclear("messages", "bravo", code=1)  # what answers is to be read, too
    alpha.keepclear("read", "--all")
    assert "seen" in alpha.keepclear("messages", "bravo")
    assert re.search(r"seen \d\d:\d\d:\d\dZ by Boris; roger \d\d:\d\d:\d\dZ by Boris", told)
    assert bravo.json("messages", "--open")["messages"] == []
    assert "LINE TEST" in told
    assert "ПРОВЕРКА ЛИНИИ" in alpha.keepclear("messages", "--language", "ru")
    assert [each["code"] for each in alpha.json("messages", "--limit", "1")["messages"]] == ["roger"]


@pytest.mark.slow
def test_a_position_that_is_read_back_is_compared_with_the_one_meant(two: Two) -> None:
    """A place was read out several kilometres wrong: it is told how far, and in which direction."""
    alpha, _ = two
    number = said(alpha, "bravo", "persons_at", HERE, "radius=500m", "nature=medical")
    assert "the same" in alpha.keepclear("message", number, "--spoken", "35 24 N 35 54 E")
    told = alpha.keepclear("message", number, "--spoken", "35 28 N 35 54 E", code=1)
    assert "7397 m" in told
    assert "000° true" in told
    (compared,) = alpha.json("message", number, "--spoken", "35 28 N 35 54 E", code=1)["positions"]
    assert (compared["field"], compared["same"], round(compared["distance_m"])) == ("at", False, 7397)
    assert "means no position" in alpha.keepclear(
        "message", said(alpha, "bravo", "line_test"), "--spoken", "35 24 N 35 54 E", code=2
    )
    assert "write it as" in alpha.keepclear("message", number, "--spoken", "over there", code=2)


@pytest.mark.slow
def test_a_message_tells_its_whole_story_in_order(two: Two) -> None:
    alpha, bravo = two
    number = said(alpha, "bravo", "line_test")
    arrived(bravo, number)
    bravo.keepclear("answer", number, "roger")
    until(lambda: message(alpha, number)["answer"], "the answer")
    lines = alpha.keepclear("message", number).splitlines()
    happened = [line for line in lines if re.match(r"    \d\d:\d\d:\d\dZ  ", line)]
    assert re.search("sent by Ann", happened[0])
    assert "answered by Boris: roger" in happened[-1]
    assert happened == sorted(happened, key=lambda line: line[4:13])
    assert any("اختبار الخط" in line for line in lines)
    assert "no message with this number" in alpha.keepclear("message", "bravo:900", code=2)


@pytest.mark.slow
def test_watching_tells_what_comes_at_once_and_sounds_while_an_urgent_message_is_not_read(two: Two) -> None:
    alpha, bravo = two
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KEEPCLEAR_")}
    environment |= {name: value for name, value in bravo.env.items() if value is not None}
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "keepclear.cli", "messages", "--watch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as watching:
        assert watching.stdout is not None
        assert watching.stderr is not None
        number = said(alpha, "bravo", "persons_at", HERE, "radius=500m", "nature=medical")
        shown = [watching.stdout.readline() for _ in range(3)]
        assert number.replace(":", " ") in shown[0]
        assert f"\aNOT READ: {number.replace(':', ' ')}" in watching.stderr.readline()
        bravo.keepclear("read", "--all")
        again = ""
        while "seen" not in again or "NOT seen" in again:
            again = watching.stdout.readline()
            assert again, "it ended"
        watching.send_signal(signal.SIGINT)
        assert watching.wait(20.0) == 130


def test_what_was_heard_without_a_number_is_written_with_what_to_do() -> None:
    at = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    heard = UnnumberedTold(
        heard_by="alpha", n=5, person="Ann", heard_at=at, by="bravo", to="alpha", code="distress",
        priority="distress", expired=True, sent_at=at, texts={"en": "MAYDAY\x1b[2J"},
        warning={"en": "NO NUMBER"},
    )  # fmt: skip
    told = cli_say._unnumbered(UnnumberedPage(unnumbered=(heard,), unnumbered_more=3), at, "en")
    assert "bravo to alpha, no number" in told
    assert "distress, expired" in told
    assert "by Ann of alpha" in told
    assert "WARNING: NO NUMBER" in told
    assert "3 more without a number" in told
    assert "\x1b" not in told
