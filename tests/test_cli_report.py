"""The commands for reports of incidents, without any node."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from keepclear.cli import main
from keepclear.core.times import instant_of, rfc3339
from tests.incidents import FIRST, SECOND, START_MS, record, straight
from tests.written_logs import WrittenLog

SPAN = ("--from", rfc3339(instant_of(START_MS)), "--to", rfc3339(instant_of(START_MS + 120_000)))
PAIR = ("--aircraft", FIRST, "--aircraft", SECOND, *SPAN)


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a recording of two aircraft; the folder of the test holds nothing else."""
    monkeypatch.chdir(tmp_path)
    own = straight(FIRST, 60.0, length_s=120, meets_s=60.0)
    other = straight(SECOND, 300.0, length_s=120, meets_s=60.0)
    return record(tmp_path / "recordings", own, other)


def keepclear(*words: object, code: int) -> Result:
    done = CliRunner().invoke(main, ["report", *map(str, words)], prog_name="keepclear")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, done.output
    return done


def test_a_report_is_made_offline_of_a_recording_alone_and_says_that_it_is_not_signed(recorded: Path) -> None:
    done = keepclear(*PAIR, "--recording", recorded, "--offline", "-o", "incident", code=0)
    assert "incident: SEPARATION LOST:" in done.output
    assert "NOT SIGNED: nothing shows whose it is" in done.output
    told = keepclear("verify", "incident", code=3).output
    assert "cannot decide: the report is not signed" in told
    assert "CANNOT DECIDE" in told


def test_exports_of_logs_are_quoted_in_place_of_a_node(recorded: Path) -> None:
    log = WrittenLog("bravo", "Boris", START_MS)
    Path("bravo.json").write_bytes(log.exported())
    words = ("--recording", recorded, "--log", "bravo.json", "--rule", "rule-of-threes", "-o", "incident.zip")
    keepclear(*PAIR, *words, code=0)
    assert (
        "holds: 0 declarations quoted as the logs have them"
        in keepclear("verify", "incident.zip", code=3).output
    )
    assert "never written over" in keepclear(*PAIR, *words, code=2).output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-o", "x"), "Give --alert, or --aircraft with --from and --to"),
        (("--aircraft", FIRST, "-o", "x"), "--aircraft goes with --from and --to"),
        (PAIR, "say where the report goes"),
        (("--alert", "A-1", *PAIR, "-o", "x"), "Give --alert, or --aircraft"),
        ((*PAIR, "--offline", "-o", "x"), "name the folder with --recording"),
        ((*PAIR, "--offline", "--recording", "none", "-o", "x"), "there is no such folder or file"),
        ((*PAIR, "--offline", "--recording", "recordings", "--rule", "no", "-o", "x"), "no rule set 'no'"),
        ((*PAIR, "--offline", "--recording", "recordings", "--flew", "x", "-o", "y"), "AIRCRAFT=PARTY:ITEM"),
        ((*PAIR, "--recording", "recordings", "--log", "none", "-o", "x"), "no such file"),
        (("--alert", "A-9", "--offline", "--recording", "recordings", "-o", "x"), "does not tell of it"),
        (("verify", "none"), "there is no such folder or file"),
        (("verify", "recordings"), "cannot decide"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_way_out(
    recorded: Path, words: tuple[str, ...], told: str
) -> None:
    done = CliRunner().invoke(main, ["report", *words], prog_name="keepclear")
    assert done.exit_code in {2, 3}
    assert told in done.output
    assert "Traceback" not in done.output


def test_a_card_and_a_log_that_are_none_are_told_by_their_names(recorded: Path) -> None:
    keepclear(*PAIR, "--recording", recorded, "--offline", "-o", "incident", code=0)
    Path("bad").write_text("{}")
    assert "error: bad" in keepclear("verify", "incident", "--card", "bad", code=2).output
    assert "error: " in keepclear("verify", "incident", "--log", "bad", code=2).output


def test_one_file_of_a_recording_is_enough(recorded: Path) -> None:
    (segment,) = recorded.glob("*.kcr")
    words = ("--aircraft", FIRST, *SPAN, "--flew", f"{FIRST}=alpha:A-1", "--offline", "-o", "incident")
    done = keepclear(*words, "--recording", segment, code=0)
    assert "121 reports of 1 source" in done.output
