"""The commands for the telephone, step by step and with files; two real nodes of this process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from keepclear.cli import main
from keepclear.cli_voice import NOTHING
from keepclear.core.paper import NOTHING as ON_PAPER
from tests.scenarios.conftest import workplace
from tests.scenarios.parties import Side, operation, pair, parties, run, until
from tests.scenarios.telephone import Caller

__all__ = ["workplace"]  # a fixture that every test uses
pytestmark = pytest.mark.slow
Two = tuple[Side, Side]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """Serve two paired parties whose link is cut, once both have the operation A-1."""
    with parties(tmp_path, "alpha", "bravo", records=True) as (alpha, bravo):
        pair(alpha, bravo)
        alpha.declare(operation("A-1"))
        until(lambda: bravo.holds("alpha:A-1"), "A-1")
        alpha.keepclear("link", "cut", "bravo")
        bravo.keepclear("link", "cut", "alpha")
        yield alpha, bravo


def typed(side: Side, lines: list[str], *words: str, code: int = 0) -> str:
    """Run a command and type these lines; return all that it says."""
    text = "".join(f"{line}\n" for line in lines)
    done = CliRunner().invoke(main, words, prog_name="keepclear", env=side.env, input=text)
    assert "Traceback" not in done.output
    assert done.exit_code == code, done.output
    return done.output


def sent(alpha: Side) -> tuple[str, list[str], str]:
    """Send a message that does not arrive; return its number, the lines of its form, and the total."""
    alpha.keepclear("say", "bravo", "notice_change", "item=A-1", "--yes")
    (message,) = alpha.json("messages", "bravo")["messages"]
    text = alpha.keepclear("paper", "print", message["number"], "--text")
    lines = [f"{symbol} {line}" for line, symbol in re.findall(r"^.*?: (.*)  \[(\w)\]$", text, re.MULTILINE)]
    (total,) = re.findall(r"^Total: (.*)$", text, re.MULTILINE)
    return message["number"], lines, total


def test_nothing_is_written_alike_on_paper_and_in_commands() -> None:
    assert NOTHING == ON_PAPER


# -- the picture ------------------------------------------------------------------------------------


def test_step_by_step_in_json_both_sides_come_to_the_same_halves(two: Two) -> None:
    alpha, bravo = two
    ours, theirs = alpha.json("voice", "check", "bravo"), bravo.json("voice", "check", "alpha")
    assert ours["ours"] is ours["frozen"] is None
    a, b = (" ".join(f"{party} {size}" for party, size in told["held"].items()) for told in (ours, theirs))
    told = alpha.json("voice", "check", "bravo", "--ours", a, "--theirs", b)
    assert re.fullmatch(r"\w{4}", told["challenge"]["symbols"])
    drawn = ("--challenge-ours", "K7QF", "--challenge-theirs", "two mike niner xray")
    ours = alpha.json("voice", "check", "bravo", "--ours", a, "--theirs", b, *drawn)
    drawn = ("--challenge-ours", "2M9X", "--challenge-theirs", "k7qf")
    theirs = bravo.json("voice", "check", "alpha", "--ours", b, "--theirs", a, *drawn)
    assert (ours["ours"], ours["theirs"], ours["parts"]) == (
        theirs["theirs"],
        theirs["ours"],
        theirs["parts"],
    )


def test_a_half_that_is_misheard_is_not_the_same_and_parts_that_are_alike_do_not_make_it_so(two: Two) -> None:
    alpha, _ = two
    with Caller(alpha, "voice", "check", "bravo", "--no-sign") as ann:
        for size in ann.sees(r"how far you hold the two logs: (.*)\n").split()[1::2]:
            ann.sees("How far bravo holds the log of .*: ")
            ann.types(size)
        for nonsense in ("nonsense", "UUUU", "0000"):  # asked again until it is symbols
            ann.sees("The challenge of bravo: ")
            ann.types(nonsense)
        ann.sees("What bravo reads out as its half: ")
        ann.types("0000")
        assert ann.sees("DIFFERENT: (.*) was read out") == "0000"
        for _ in range(5):
            heard = ann.sees(r"Part: .* Read out: (\w+)")
            ann.sees("What they read out of .*: ")
            ann.types(heard)
        code, printed = ann.ended()
    assert code == 3
    assert printed.startswith("NOT TOLD: all parts are alike, and the whole is not")


def test_what_cannot_be_a_check_is_refused(two: Two) -> None:
    alpha, _ = two
    for sizes in ("alpha 1", "alpha one bravo 2", "alpha 1 alpha 2", "", "alpha 1 bravo 2 relief 3"):
        told = alpha.keepclear("voice", "check", "bravo", "--json", "--theirs", sizes, code=2)
        assert "name both logs and their sizes" in told
    assert "it must have the sizes of" in alpha.keepclear(
        "voice", "check", "bravo", "--json", "--theirs", "alpha 1 relief 2", code=2
    )
    assert "no party 'relief' was pinned" in alpha.keepclear("voice", "check", "relief", "--json", code=2)


# -- paper ------------------------------------------------------------------------------------------


def test_an_empty_form_needs_no_node(two: Two, tmp_path: Path) -> None:
    alpha, _ = two
    env = {**alpha.env, "KEEPCLEAR_NODE": "http://127.0.0.1:9"}
    page = run("paper", "print", "--code", "request_stop", "--language", "ru", env=env).output
    assert "REQUEST STOP" in page
    run("paper", "print", "--code", "distress", "-o", tmp_path / "form.html", env=env)
    assert (tmp_path / "form.html").read_bytes().startswith(b"<!doctype html>")
    assert "is no message of officers" in run("paper", "print", "--code", "attack", env=env, code=2).output
    assert "name the number of a message, or a code" in run("paper", "print", env=env, code=2).output


def test_there_is_no_form_of_a_message_that_is_not_known(two: Two) -> None:
    alpha, _ = two
    assert "message bravo 99 is not known here" in alpha.keepclear("paper", "print", "bravo 99", code=2)


def test_a_form_is_read_from_a_file_and_a_slip_is_named_with_its_line(two: Two, tmp_path: Path) -> None:
    alpha, bravo = two
    number, lines, total = sent(alpha)
    file = tmp_path / "heard.txt"
    file.write_text("\n".join([*lines, f"= {total}"]))
    told = bravo.keepclear("paper", "read", "--file", file, "--yes")
    entry = re.search(rf"heard: {number}, signed in entry (\d+)", told)
    assert entry is not None
    again = bravo.keepclear("paper", "read", "--file", file, "--yes")
    assert f"heard before: {number}, in entry {entry[1]}; nothing is signed again" in again
    file.write_text("\n".join([*lines, "= K7QF K7QF"]))
    assert "total: it is another" in bravo.keepclear("paper", "read", "--file", file, "--yes", code=2)
    file.write_text("\n".join([*lines[:-1], f"= {total}"]))
    assert "drill: this line is missing" in bravo.keepclear("paper", "read", "--file", file, "--yes", code=2)
    file.write_text("\n".join([f"{lines[0][0]} tower", *lines[1:]]))
    told = bravo.keepclear("paper", "read", "--file", file, "--yes", code=2)
    assert "error: line 1, to: " in told
    assert told.count("is not the symbol of") == 1
    file.write_bytes(b"\xff\xfe")
    assert "it is not UTF-8" in bravo.keepclear("paper", "read", "--file", file, "--yes", code=2)


def test_a_form_for_somebody_else_is_not_signed(two: Two, tmp_path: Path) -> None:
    alpha, _ = two
    _, lines, total = sent(alpha)
    file = tmp_path / "heard.txt"
    file.write_text("\n".join([*lines, f"= {total}"]))
    assert "the form is for 'bravo'; hand it on" in alpha.keepclear(
        "paper", "read", "--file", file, "--yes", code=2
    )


def test_a_form_written_by_hand_is_read_back_before_it_is_signed(two: Two) -> None:
    alpha, bravo = two
    _, lines, _ = sent(alpha)
    texts = [line.partition(" ")[2] for line in lines]
    texts[2] = "-"  # whose node is down has no number
    said = typed(bravo, [*texts, "n"], "paper", "read", "--no-symbols", code=1)
    assert "Read every line back, and have it confirmed" in said
    assert "  Item: alpha:A-1 v1" in said
    said = typed(bravo, [*texts, "y"], "paper", "read", "--no-symbols")
    assert re.search(r"heard: alpha, signed in entry \d+", said)


def test_a_form_that_lacks_its_total_alone_is_said_to_lack_that(two: Two) -> None:
    alpha, bravo = two
    _, lines, _ = sent(alpha)
    Path("heard.txt").write_text("\n".join(lines))
    said = typed(bravo, ["n"], "paper", "read", "--file", "heard.txt", "--yes", code=1)
    assert "The symbols of the whole form are missing" in said
    Path("heard.txt").write_text("\n".join([f"- {lines[0].partition(' ')[2]}", *lines[1:]]))
    said = typed(bravo, ["n"], "paper", "read", "--file", "heard.txt", "--yes", code=1)
    assert "Symbols of lines are missing" in said


def test_a_line_with_a_slip_is_asked_for_again_and_so_is_the_total(two: Two) -> None:
    alpha, bravo = two
    _, lines, total = sent(alpha)
    pairs = [line.partition(" ") for line in lines]
    heard = [word for symbol, _, text in pairs for word in (text, symbol)]
    said = typed(bravo, ["bravo", "U", *heard, "K7QF K7QF", "y", total.lower(), "y"], "paper", "read")
    assert "'U' is no symbol" in said or "'U' in 'U' is no symbol" in said
    assert "it is another: a slip is in the form" in said
    assert "signed in entry" in said
