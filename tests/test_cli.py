"""The command line, run as users run it: answers on stdout, messages on stderr, exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from keepclear.cli import main
from keepclear.cli import run as run_process

ROOT = Path(__file__).parent.parent
CASES = ROOT / "examples" / "cases"
BAD = sorted(path for path in (ROOT / "tests" / "golden" / "bad").iterdir() if path.name != "expected.json")


def run(*arguments: object, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "keepclear.cli", *(str(a) for a in arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, cwd=ROOT, timeout=120)
    text = subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in text.stderr
    return text


def case(name: str) -> Path:
    return CASES / f"{name}.json"


def commands_of(group: click.Group, *before: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield all commands with their names, those of groups too."""
    for name, command in group.commands.items():
        yield (*before, name), command
        if isinstance(command, click.Group):
            yield from commands_of(command, *before, name)


@pytest.mark.parametrize(
    ("names", "command"), [pytest.param(*each, id=" ".join(each[0])) for each in commands_of(main)]
)
def test_every_command_has_examples_and_every_option_has_help(
    names: tuple[str, ...], command: click.Command
) -> None:
    told = CliRunner().invoke(main, [*names, "--help"])
    assert told.exit_code == 0
    assert "Examples:" in told.stdout
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help


def test_help_names_every_command_and_imports_nothing_of_what_they_need() -> None:
    top = run("--help")
    assert top.returncode == 0
    assert all(name in top.stdout for name in main.commands)
    code = "import sys, keepclear.cli; sys.exit(any(m in sys.modules for m in ('numpy', 'msgspec', 'rich')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "code"), [("true-conflict", 1), ("near-miss-1m", 0), ("altitude-separated", 0)]
)
def test_the_exit_code_is_the_answer(name: str, code: int) -> None:
    done = run("check", case(name))
    assert done.returncode == code
    assert ("CLEAR" in done.stdout) == (code == 0)


def test_json_has_the_stable_form() -> None:
    done = run("check", case("true-conflict"), "--format", "json")
    result = json.loads(done.stdout)
    (conflict,) = result["conflicts"]
    assert {conflict["a"]["id"], conflict["b"]["id"]} == {
        item["id"] for item in json.loads(case("true-conflict").read_text())
    }
    assert set(conflict["witness"]) >= {
        "lat",
        "lng",
        "altitude_m",
        "time",
        "lateral_overlap_m",
        "lateral_gap_m",
    }
    assert result["checked"]["answer"] == "conflict"
    assert result["problems"] == []


def test_csv_and_geojson_hold_the_same_findings() -> None:
    rows = list(csv.DictReader(io.StringIO(run("check", case("true-conflict"), "--format", "csv").stdout)))
    features = json.loads(run("check", case("true-conflict"), "--format", "geojson").stdout)["features"]
    assert len(rows) == len(features) == 1
    assert rows[0]["a_id"] == features[0]["properties"]["a"]["id"]
    assert float(rows[0]["lng"]) == features[0]["geometry"]["coordinates"][0]


def test_csv_out_is_safe_to_open_in_a_spreadsheet(tmp_path: Path) -> None:
    entries = json.loads(case("true-conflict").read_text())
    entries[0]["id"], entries[0]["party"] = '=HYPERLINK("http://x")', "@SUM(1)"
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(entries))
    (row,) = csv.DictReader(io.StringIO(run("check", plan, "--format", "csv").stdout))
    assert row["a_id"].startswith("'=")
    assert row["a_party"].startswith("'@")


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name)
def test_a_bad_file_gives_an_error_that_names_it_and_exit_code_2(path: Path) -> None:
    done = CliRunner().invoke(main, ["check", str(path), "--format", "json"])
    assert done.exit_code == 2
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert str(path) in done.stderr
    assert json.loads(done.stdout)["checked"]["answer"] == "no_verdict"


@pytest.mark.parametrize(
    "arguments", [["check"], ["check", "no-such-file.json"], ["check", "examples"], ["nonsense"]]
)
def test_bad_usage_exits_with_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr


def test_one_bad_item_leaves_no_verdict_and_skipping_it_is_never_clear(tmp_path: Path) -> None:
    entries = json.loads(case("near-miss-1m").read_text())
    bad = {**entries[0], "id": "bad", "volumes": []}
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps([*entries, bad]))
    assert run("check", plan).returncode == 2
    skipped = run("check", plan, "--skip-bad")
    assert skipped.returncode == 3
    assert "CANNOT DECIDE" in skipped.stdout
    assert "'bad'" in skipped.stderr
    conflicting = json.loads(case("true-conflict").read_text())
    plan.write_text(json.dumps([*conflicting, bad]))
    assert run("check", plan, "--skip-bad").returncode == 1


def test_an_id_in_two_files_is_a_problem_of_the_second() -> None:
    copy = CASES / ".." / "cases" / "true-conflict.json"
    done = run("check", case("true-conflict"), copy)
    assert done.returncode == 2
    assert f"{copy}: item 1" in done.stderr
    assert "stands twice" in done.stderr


def test_nothing_to_check_is_not_clear(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text("[]")
    done = run("check", plan)
    assert done.returncode == 3
    assert "nothing was checked" in done.stdout


def test_the_standard_input_is_read(tmp_path: Path) -> None:
    assert run("check", "-", stdin=case("true-conflict").read_bytes()).returncode == 1
    assert run("check", "-", stdin=b"").returncode == 2


def test_the_buffer_turns_a_near_miss_into_a_conflict_and_near_reports_its_gap() -> None:
    assert run("check", case("near-miss-1m"), "--buffer", "2m").returncode == 1
    near = run("check", case("near-miss-1m"), "--near", "2m", "--format", "json")
    assert near.returncode == 0
    (miss,) = json.loads(near.stdout)["near_misses"]
    assert miss["witness"]["lateral_gap_m"] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("text", ["5 miles", "-5m", "1,2,3,4", "nan", "200km"])
def test_a_bad_buffer_is_bad_usage(text: str) -> None:
    done = run("check", case("true-conflict"), f"--buffer={text}")
    assert done.returncode == 2
    assert "--buffer" in done.stderr


@pytest.mark.skipif(os.environ.get("KEEPCLEAR_NO_NUMBA") == "1", reason="numba is not installed")
def test_both_engines_print_the_same() -> None:
    files = sorted((ROOT / "examples" / "latakia").glob("*.geojson"))
    plain = run("check", *files, "--format", "json", "--engine", "plain")
    assert run("check", *files, "--format", "json", "--engine", "loops").stdout == plain.stdout


def test_resolve_says_the_smallest_changes_and_each_clears() -> None:
    ids = [item["id"] for item in json.loads(case("true-conflict").read_text())]
    done = run("resolve", case("true-conflict"), "--operation", ids[0], "--format", "json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert {change["change"] for change in found["changes"]} >= {"time", "lateral"}
    for change in found["changes"]:
        assert change["forced_by"][0]["id"] == ids[1]
    table = run("resolve", case("true-conflict"), "--operation", ids[0])
    assert "proven" in table.stdout


def test_resolve_of_what_is_not_there_is_bad_input_and_of_what_is_clear_exits_0() -> None:
    missing = run("resolve", case("true-conflict"), "--operation", "nobody")
    assert missing.returncode == 2
    assert "'nobody'" in missing.stderr
    ids = [item["id"] for item in json.loads(case("near-miss-1m").read_text())]
    assert run("resolve", case("near-miss-1m"), "--operation", ids[0]).returncode == 0


def test_convert_there_and_back_gives_the_same_answer(tmp_path: Path) -> None:
    there, back = tmp_path / "there.geojson", tmp_path / "back.json"
    assert run("convert", case("circle-rim"), "-o", there).returncode == 0
    assert run("convert", there, "-o", back).returncode == 0
    assert json.loads(there.read_text())["type"] == "FeatureCollection"
    assert run("check", back).returncode == run("check", case("circle-rim")).returncode


def test_convert_writes_nothing_for_a_file_with_a_problem(tmp_path: Path) -> None:
    target = tmp_path / "out.geojson"
    assert run("convert", BAD[0], "-o", target).returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_cannot_be_written_is_an_error() -> None:
    done = run("check", case("true-conflict"), "--report", "no/such/folder/out.html")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def test_the_report_is_written_whole(tmp_path: Path) -> None:
    target = tmp_path / "out.html"
    assert run("check", case("true-conflict"), "--report", target).returncode == 1
    assert target.read_text().rstrip().endswith("</html>")
    assert [path.name for path in tmp_path.iterdir()] == ["out.html"]


def test_inspect_lists_items_and_problems() -> None:
    done = run("inspect", case("true-conflict"), "--format", "json")
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["items"]) == 2
    assert run("inspect", BAD[0]).returncode == 2


def test_text_of_others_cannot_steer_the_terminal(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps([{"id": "A\u001b[2J", "volumes": []}]))
    done = run("check", plan)
    assert "\x1b" not in done.stderr + done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed(shell: str) -> None:
    assert "keepclear" in run("completion", shell).stdout


def test_an_interrupted_check_is_not_a_conflict(tmp_path: Path) -> None:
    waiting = tmp_path / "never-written.json"
    os.mkfifo(waiting)
    command = [sys.executable, "-m", "keepclear.cli", "check", str(case("true-conflict")), str(waiting)]
    # The pipe opens once the check reads it, so the check is surely under way.
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process,
        waiting.open("wb"),
    ):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == b""
    assert b"aborted" in err
    assert b"Traceback" not in err


def test_a_fault_of_ours_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise RuntimeError("something that cannot happen")

    monkeypatch.setattr("keepclear.main.check_gathered", broken)
    monkeypatch.setattr(sys, "argv", ["keepclear", "check", str(case("true-conflict"))])
    monkeypatch.setattr("gc.disable", lambda: None)
    with pytest.raises(SystemExit) as stopped:
        run_process()
    assert stopped.value.code == 3
    assert "no verdict" in capsys.readouterr().err


def test_a_reader_that_has_gone_is_not_a_conflict() -> None:
    files = " ".join(str(path) for path in sorted((ROOT / "examples" / "switzerland-2018").glob("*.geojson")))
    line = f"{sys.executable} -m keepclear.cli check {files} --format json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["141"]
    assert "Traceback" not in done.stderr


def test_what_has_all_ended_is_not_clear(tmp_path: Path) -> None:
    entries = [{**entry, "state": "Ended"} for entry in json.loads(case("true-conflict").read_text())]
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(entries))
    done = run("check", plan)
    assert done.returncode == 3
    assert "everything has ended" in done.stdout


def test_items_of_one_party_are_clear_but_it_is_said_that_none_were_compared(tmp_path: Path) -> None:
    entries = [{**entry, "party": "north"} for entry in json.loads(case("true-conflict").read_text())]
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(entries))
    done = run("check", plan)
    assert done.returncode == 0
    assert "none were compared" in done.stdout
    assert run("check", plan, "--all-pairs").returncode == 1


def test_output_follows_a_link_keeps_permissions_and_writes_into_a_pipe(tmp_path: Path) -> None:
    kept, link, pipe = tmp_path / "kept.json", tmp_path / "link.json", tmp_path / "pipe"
    kept.write_text("old")
    kept.chmod(0o600)
    link.symlink_to(kept)
    assert run("check", case("pole"), "--format", "json", "-o", link).returncode == 1
    assert link.is_symlink()
    assert json.loads(kept.read_text())["checked"]["answer"] == "conflict"
    assert kept.stat().st_mode & 0o777 == 0o600
    os.mkfifo(pipe)
    command = [
        sys.executable,
        "-m",
        "keepclear.cli",
        "check",
        str(case("pole")),
        "--format",
        "csv",
        "-o",
        str(pipe),
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=ROOT) as process:
        assert pipe.read_text().startswith("verdict,")
    assert process.returncode == 1
    assert pipe.is_fifo()


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no /dev/full")
@pytest.mark.parametrize("redirection", ["> /dev/full", ">&-"])
def test_an_answer_that_cannot_be_written_is_not_a_verdict(redirection: str) -> None:
    line = f"{sys.executable} -m keepclear.cli check {case('near-miss-1m')} {redirection}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 2
    assert "the standard output cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_many_bad_items_are_told_quickly(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps([{"id": "x"}] * 20_000))
    done = run("check", plan)
    assert done.returncode == 2
    assert "more than 1000 problems" in done.stderr


def test_two_forcing_pairs_stand_on_lines_of_their_own() -> None:
    files = sorted((ROOT / "examples" / "wildfire-2020").glob("*.geojson"))
    done = run("resolve", *files, "--operation", "T74_157")
    assert "\\u000a" not in done.stdout


def test_resolve_without_a_change_does_not_promise_one() -> None:
    ids = [item["id"] for item in json.loads(case("true-conflict").read_text())]
    none = ("--max-time", "0", "--max-altitude", "0", "--max-lateral", "0")
    done = run("resolve", case("true-conflict"), "--operation", ids[0], *none)
    assert "no change found" in done.stdout
    assert "each change" not in done.stdout


def test_an_answer_is_not_written_over_an_input_or_another_answer(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_bytes(case("pole").read_bytes())
    for arguments in (
        ["check", plan, "-o", plan],
        ["check", plan, "-o", tmp_path / "x", "--report", tmp_path / "x"],
        ["convert", plan, "--to", "f3548", "-o", plan],
    ):
        done = run(*arguments)
        assert done.returncode == 2
        assert "would be overwritten" in done.stderr
    assert plan.read_bytes() == case("pole").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]
