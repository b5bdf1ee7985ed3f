"""The documents say what the code does: names, limits, states, examples and links are held against it."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import keepclear
from keepclear import cli
from keepclear.cli_client import DEFAULT_URL
from keepclear.codec import resolutions, results
from keepclear.codec.f3548 import volumes as f3548
from keepclear.codec.f3548 import wire
from keepclear.codec.reading import ReadSettings
from keepclear.codec.results import Answer
from keepclear.console import tables
from keepclear.core.altitudes import Atmosphere, Datum
from keepclear.core.conflicts import Buffer, ConflictRule, Verdict
from keepclear.core.constraints import ConstraintRule
from keepclear.core.index import LOOPS_FROM_VOLUMES
from keepclear.core.intents import TRANSITIONS, IntentEvent, IntentState
from keepclear.core.kinds import TrackKind
from keepclear.core.resolution import ChangeKind
from keepclear.main import load, resolve
from keepclear.node.access import Role
from keepclear.node.policy import ConflictPolicy
from keepclear.node.ports import EventKind, Standing
from keepclear.testing.clock import ManualClock
from tests.served import served_node, settings_of

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "keepclear"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
LAYERS = ("core", "codec", "node", "adapters", "console", "testing", "main")
LIMIT = re.compile(r"[A-Z](?:\w*_)?(?:MAX|MIN)(?:_\w+)?")
BAD = sorted(path for path in (ROOT / "tests" / "golden" / "bad").iterdir() if path.name != "expected.json")


def commands_of(group: click.Group, before: str = "") -> dict[str, click.Command]:
    """Return all commands, those of groups by both names."""
    found = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            inner = commands_of(command, f"{name} ")
            shared = {option.name for each in inner.values() for option in each.params}
            if any(option.name not in shared for option in command.params):  # it does something itself, too
                found[f"{before}{name}"] = command
            found |= inner
        else:
            found[f"{before}{name}"] = command
    return found


COMMANDS = commands_of(cli.main)


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of its level."""
    level = heading.split(" ", maxsplit=1)[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^{level} |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found is not None, heading
    return found[1]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def rows(text: str) -> list[list[str]]:
    """Return the cells of all rows of all tables, without headings."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    rules = {k for k, row in enumerate(cells) if set("".join(row)) <= set("-| ")}
    return [row for k, row in enumerate(cells) if k not in rules and k + 1 not in rules]


def named(text: str) -> set[str]:
    """Return everything that stands in backticks."""
    return set(re.findall(r"`([^`\n]+)`", text))


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change into an empty folder that sees the examples and the bad files; what is written goes away."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "tests" / "golden").symlink_to(ROOT / "tests" / "golden")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEEPCLEAR_PASSPHRASE", "four words of mine")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))  # the command would set it for this process
    return tmp_path


# -- the command line -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_every_option_is_explained(name: str) -> None:
    text = page("docs/reference/cli.md")
    explained = named(section(text, f"## keepclear {name}"))
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option):
            assert set(parameter.opts) <= explained, parameter.opts
    assert {"--version", "--help", "-h"} <= named(text)


def test_no_option_is_explained_that_is_not_there() -> None:
    known = {"--help", "-h", "--version"}
    for command in COMMANDS.values():
        options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
        known |= {name for option in options for name in option.opts}
    explained = {name for name in named(page("docs/reference/cli.md")) if re.fullmatch(r"--?[a-z-]+", name)}
    assert explained == known


@pytest.mark.parametrize("name", ["docs/reference/cli.md", "ARCHITECTURE.md"])
def test_the_number_of_volumes_from_which_the_loops_search_is_right(name: str) -> None:
    assert f"from {LOOPS_FROM_VOLUMES:,} volumes on" in page(name)


def shell_lines() -> Iterator[tuple[str, int]]:
    for name in ("README.md", "docs/reference/cli.md"):
        for block in blocks(page(name), "sh"):
            for line in block.splitlines():
                if line.startswith("keepclear"):
                    stated = re.search(r"# exit code (\d)$", line)
                    assert stated is not None, line
                    yield line, int(stated[1])


def arguments_of(line: str) -> list[str]:
    """Return what a shell would make of the line, run in the current folder."""
    result = []
    for word in shlex.split(line, comments=True)[1:]:
        result += sorted(str(path) for path in Path().glob(word)) if "*" in word else [word]
    return result


LATAKIA_DAY = datetime(2015, 9, 28, 6, 0, tzinfo=UTC)
KEEPING = {"backup", "restore", "doctor", "config", "token"}


@pytest.fixture
def node(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve a node that holds what the parties of the Latakia example declared, on the morning of its day."""
    settings = settings_of(workplace, party="relief-org", conflicts=ConflictPolicy.RECORD)
    with served_node(workplace, settings=settings, clock=ManualClock(LATAKIA_DAY).now) as served:
        served.declare(load(sorted(Path("examples/latakia").glob("*.geojson"))).items)
        monkeypatch.setenv("KEEPCLEAR_NODE", served.url)
        monkeypatch.setenv("KEEPCLEAR_TOKEN_FILE", str(served.token_file))
        yield


def is_of_a_node(command: str) -> bool:
    """Tell whether a command always asks a node."""
    found = COMMANDS.get(command)
    return (
        found is not None
        and any(option.name == "node" for option in found.params)
        and command
        not in (
            "check",
            "resolve",
        )
    )


@pytest.mark.parametrize(("line", "code"), [*shell_lines()])
def test_a_shell_example_ends_with_the_exit_code_that_is_stated(
    line: str, code: int, workplace: Path, request: pytest.FixtureRequest
) -> None:
    command = line.split()[1]
    if is_of_a_node(command) or " --node " in line:
        request.getfixturevalue("node")
        line = line.replace(DEFAULT_URL, os.environ["KEEPCLEAR_NODE"])
    if command in KEEPING:
        CliRunner().invoke(cli.main, ["init", "--party", "relief-org"])
    done = CliRunner().invoke(cli.main, arguments_of(line), prog_name="keepclear")
    assert done.exit_code == code, done.output


def transcripts() -> Iterator[tuple[str, list[str]]]:
    for block in blocks(page("README.md"), "console"):
        for part in block.removeprefix("$ ").split("\n$ "):
            command, *shown = part.strip("\n").split("\n")
            yield command, shown


@pytest.mark.parametrize(("command", "shown"), [*transcripts()])
def test_a_transcript_shows_lines_of_the_real_output_in_order(
    command: str, shown: list[str], workplace: Path
) -> None:
    done = CliRunner().invoke(cli.main, arguments_of(command), prog_name="keepclear")
    printed = iter(done.output.splitlines())
    assert shown
    assert all(line in printed for line in shown), done.output


def test_the_exit_codes_are_those_of_the_code() -> None:
    told = {
        int(row[0])
        for row in rows(section(page("README.md"), "## Files on the command line"))
        if row[0].isdigit()
    }
    assert told == {cli.EXIT_CLEAR, cli.EXIT_CONFLICT, cli.EXIT_BAD_INPUT, cli.EXIT_CANNOT_DECIDE}
    answers = {
        row[0].strip("`"): int(row[2])
        for row in rows(page("docs/explanation/definitions.md"))
        if len(row) == 3 and row[2].isdigit()
    }
    assert answers == cli._EXIT_OF


# -- Python -----------------------------------------------------------------------------------------


def test_every_public_name_is_explained() -> None:
    text = section(page("docs/reference/python.md"), "## Every public name")
    explained = {name for row in rows(text) for name in named(row[0])}
    assert explained == set(keepclear.__all__)


def python_examples() -> list[tuple[str, str]]:
    names = ("README.md", "docs/reference/python.md")
    return [(name, block) for name in names for block in blocks(page(name), "python")]


@pytest.mark.parametrize(("name", "code"), python_examples())
def test_a_python_example_runs(
    name: str, code: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(code, name, "exec"), {"__name__": "example"})
    assert ("print(" in code) == bool(capsys.readouterr().out)


# -- results ----------------------------------------------------------------------------------------


def keys_of(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys_of(inner)
    if isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


def explained_fields(text: str) -> set[str]:
    return {part for name in named(text) for part in name.split(".")}


@pytest.mark.slow
def test_every_field_of_the_answers_in_json_is_explained() -> None:
    latakia = sorted((ROOT / "examples" / "latakia").glob("*.geojson"))
    result = keepclear.check(latakia, near=Buffer(lateral_m=200.0, vertical_m=120.0, time_s=600.0))
    fields = results.check_fields(result)
    fields["checked"]["parties"] = {}  # its keys are names of parties
    fields |= {"problems": results.check_fields(keepclear.check([BAD[0]]))["problems"]}
    resolved = resolve(latakia, "relief/airlift-1", limits=keepclear.Limits(altitude_m=5_000.0))
    resolution = resolutions.resolution_fields(resolved)
    for change in resolution["changes"]:
        change.pop("item")  # F3548 JSON
    inspected = json.loads(tables.inspect_json(load([*latakia, BAD[0]])))
    assert fields["near_misses"]
    assert fields["problems"]
    assert resolution["changes"]
    told = explained_fields(page("docs/reference/results.md"))
    wanted = {*keys_of(fields), *keys_of(resolution), *keys_of(inspected)}
    assert wanted <= told, wanted - told


@pytest.mark.parametrize("columns", [results._COLUMNS, resolutions._COLUMNS])
def test_every_column_in_csv_is_explained(columns: tuple[str, ...]) -> None:
    assert set(columns) <= named(page("docs/reference/results.md"))


def test_the_example_of_f3548_json_is_read_and_its_fields_are_explained() -> None:
    text = section(page("docs/reference/formats.md"), "## F3548 JSON")
    (example,) = blocks(text, "json")
    reading = f3548.decode(example.encode(), "example", ReadSettings())
    assert reading.problems == []
    assert [placed.item.id for placed in reading.placed] == ["survey-4", "site-9"]
    told = set(re.findall(r"\w+", " ".join(named(text))))
    wired = (wire.Entry, wire.Volume4D, wire.Volume3D, wire.Altitude, wire.Time, wire.Circle, wire.Polygon)
    for kind in (*wired, wire.Radius, wire.LatLngPoint):
        assert set(kind.__struct_fields__) <= told, kind


# -- limits and errors ------------------------------------------------------------------------------


def limits_of_the_code() -> dict[tuple[str, str], object]:
    """Return every public constant that is named a greatest or a least, by module and name."""
    found = {}
    for path in sorted(path for layer in LAYERS for path in (SOURCE / layer).rglob("*.py")):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                name = node.target.id
                if LIMIT.fullmatch(name):
                    value = getattr(importlib.import_module(f"keepclear.{module}"), name)
                    found[module, name] = value
    return found


def limits_of_the_page() -> dict[tuple[str, str], str]:
    table = rows(page("docs/reference/limits.md"))
    return {
        (row[0].strip("`"), row[1].strip("`")): row[2] for row in table if re.match(r"`\w+\.[\w.]+`", row[0])
    }


def test_every_limit_is_explained() -> None:
    missing = limits_of_the_code().keys() - limits_of_the_page().keys()
    assert not missing


@pytest.mark.parametrize(("constant", "told"), [*limits_of_the_page().items()])
def test_a_limit_has_the_value_that_is_told(constant: tuple[str, str], told: str) -> None:
    module, name = constant
    value = getattr(importlib.import_module(f"keepclear.{module}"), name)
    if isinstance(value, datetime):
        assert told == value.date().isoformat()
    else:
        number = told.split(" ", maxsplit=1)[0].replace(",", "")
        value = value.total_seconds() if isinstance(value, timedelta) else value
        assert (int(number) if isinstance(value, int) else float(number)) == value


def messages() -> list[re.Pattern[str]]:
    """Return a pattern for each message of the page on errors, in which `…` stands for anything."""
    told = [re.match(r"`(.*)`$", row[0]) for row in rows(page("docs/reference/errors.md"))]
    return [re.compile(".*?".join(map(re.escape, m[1].split("…"))), re.DOTALL) for m in told if m is not None]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name)
def test_every_problem_of_a_bad_file_is_among_the_messages(path: Path) -> None:
    for problem in load([path]).problems:
        assert any(message.fullmatch(problem.reason) for message in messages()), problem.reason


def test_problems_of_values_and_files_are_among_the_messages(tmp_path: Path) -> None:
    reasons = [problem.reason for problem in load([tmp_path / "none.json", tmp_path]).problems]
    for make in (
        lambda: Buffer(lateral_m=-1.0),
        lambda: keepclear.Limits(time_s=-1.0),
        lambda: Atmosphere(qnh_min_hpa=1.0, qnh_max_hpa=2.0),
        lambda: keepclear.corridor_legs((), 1.0),
        lambda: keepclear.Picture([]).label("nobody"),
        lambda: ReadSettings(
            atmosphere=Atmosphere(qnh_min_hpa=1000, qnh_max_hpa=1010, isa_deviation_min_k=9)
        ),
    ):
        try:
            make()
        except keepclear.KeepclearError as error:
            reasons.append(getattr(error, "reason", str(error)))
    assert len(reasons) >= 7
    for reason in reasons:
        assert any(message.fullmatch(reason) for message in messages()), reason


# -- states and words -------------------------------------------------------------------------------


def test_the_table_and_the_drawing_of_states_equal_the_table_of_the_code() -> None:
    text = page("docs/reference/states.md")
    expected = {
        (state.value, event.value): following.value for (state, event), following in TRANSITIONS.items()
    }
    table = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    heading = next(k for k, row in enumerate(table) if row[0].strip() == "From")
    events = [cell.strip() for cell in table[heading][1:]]
    assert set(events) == {event.value for event in IntentEvent}
    drawn = re.findall(r"^    (\w+) --> (\w+) : (.+)$", text, re.MULTILINE)
    body = [[cell.strip().strip("`") for cell in row] for row in table[heading + 2 :]]
    assert [row[0] for row in body] == [state.value for state in IntentState]
    told = {
        (state, event): following
        for state, *cells in body
        for event, following in zip(events, cells, strict=True)
        if following
    }
    assert told == expected
    assert {(state, event): following for state, following, event in drawn} == expected


@pytest.mark.parametrize(
    "kind",
    [
        Answer,
        ChangeKind,
        ConflictPolicy,
        ConflictRule,
        ConstraintRule,
        Datum,
        EventKind,
        IntentState,
        Role,
        Standing,
        TrackKind,
        Verdict,
    ],
)
def test_every_word_of_an_answer_is_in_the_glossary(kind: type[Enum]) -> None:
    assert {member.value for member in kind} <= named(page("docs/glossary.md"))


def test_every_module_or_its_folder_is_in_the_architecture() -> None:
    told = named(page("ARCHITECTURE.md"))
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if path.name != "__init__.py":
            whole = name if "/" in name else f"keepclear/{name}"
            assert {whole, f"{whole.rpartition('/')[0]}/"} & told, whole


# -- all pages --------------------------------------------------------------------------------------


def anchors_of(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        there = path if not name else (path.parent / name).resolve()
        assert there.exists(), target
        assert not anchor or anchor in anchors_of(there), target


def test_every_decision_is_listed_and_numbered_in_order() -> None:
    pages = sorted(path.name for path in (DOCS / "adr").glob("[0-9]*.md"))
    assert [name[:4] for name in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    assert re.findall(r"\]\((\d{4}[^)]*)\)", page("docs/adr/README.md")) == pages
    for name in pages:
        text = page(f"docs/adr/{name}")
        for heading in ("Context", "Options", "Choice", "Consequences"):
            assert f"\n## {heading}\n" in text, (name, heading)
        assert "- Bad: " in text, name


def test_every_page_is_listed() -> None:
    for path in sorted(DOCS.rglob("*.md")):
        if path.parent.name != "adr" and path.name != "README.md":
            assert path.relative_to(DOCS).as_posix() in page("docs/README.md")


_SELLING = re.compile(
    r"\b(?:blazing\w*|lightning.fast|seamless\w*|effortless\w*|powerful|cutting.edge|state.of.the.art"
    r"|world.class|revolution\w*|game.chang\w*|best.in.class|next.gen\w*|bullet.?proof|delight\w*)\b",
    re.IGNORECASE,
)
_OF_A_MACHINE = re.compile(
    # An absolute path, but of the API.
    r"(?<![\w.~:)>/<*-])/(?!v1/|dss/v1|rid/v2|aux/v1|uss/v1|versions/)[a-z][\w-]*/[\w.-]+"
    r"|\b[A-Z]:\\|\b(?!127\.0\.0\.1\b)(?:\d{1,3}\.){3}\d{1,3}\b|://localhost|://[^/\s)]+/simple\b"
)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_page_sells_or_tells_of_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert _SELLING.findall(text) == []
    assert [found[0] for found in _OF_A_MACHINE.finditer(text)] == []
