"""The commands that ask a node, against a real one on the loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from keepclear.adapters.http.client import NodeClient
from keepclear.cli import CHANGES, main
from keepclear.cli_client import DEFAULT_URL, default_url
from keepclear.cli_node import KINDS, STATES
from keepclear.codec import geojson
from keepclear.codec.reading import ItemKind
from keepclear.core.conflicts import Item
from keepclear.core.constraints import ConstraintRule
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import IntentState
from keepclear.core.resolution import ChangeKind
from keepclear.node.access import Role
from keepclear.node.policy import ConflictPolicy
from tests.ports import free_port
from tests.served import PARTY, ServedNode, served_node, settings_of
from tests.strategies import NOON, band, intent, square, volume, zone

Ask = Callable[..., Result]
OTHER = "north"


def own(name: str, lat: float = 35.0, **given: Any) -> Item:
    """Return an operation of the node's party; those at the same latitude meet."""
    return intent(name, volume(square(lat, 36.0, 500.0), band=band(100.0, 200.0)), party=PARTY, **given)


def theirs(name: str, lat: float = 35.0) -> Item:
    return replace(own(name, lat), party=OTHER)  # type: ignore[type-var]


def file_of(folder: Path, *items: Item, name: str = "plan.geojson") -> Path:
    path = folder / name
    path.write_bytes(geojson.encode(items))
    return path


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of its own, with nothing in the environment."""
    for variable in ("NODE", "TOKEN", "TOKEN_FILE", "CONFIG", "SERVER_LISTEN"):
        monkeypatch.delenv(f"KEEPCLEAR_{variable}", raising=False)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


@pytest.fixture
def node(workplace: Path) -> Iterator[ServedNode]:
    with served_node(workplace) as served:
        yield served


@pytest.fixture
def recording(workplace: Path) -> Iterator[ServedNode]:
    """Serve a node that records what conflicts."""
    with served_node(workplace, settings=settings_of(workplace, conflicts=ConflictPolicy.RECORD)) as served:
        yield served


def run(*arguments: object) -> Result:
    done = CliRunner().invoke(main, [str(each) for each in arguments], prog_name="keepclear")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert "Traceback" not in done.stderr
    return done


def ask(node: ServedNode, command: str, *arguments: object, role: Role = Role.DUTY_OFFICER) -> Result:
    """Run a command against a node."""
    return run(command, *arguments, "--node", node.url, "--token-file", node.token_files[role])


def held(node: ServedNode) -> dict[str, int]:
    """Return the versions of what a node holds, by id."""
    done = ask(node, "list", "--format", "json", role=Role.VIEWER)
    return {record["item"]["id"]: record["version"] for record in json.loads(done.stdout)["items"]}


def test_the_words_of_options_are_those_of_the_code() -> None:
    assert list(STATES) == [state.value for state in IntentState]
    assert list(KINDS) == [kind.value for kind in ItemKind]
    assert list(CHANGES) == [kind.value for kind in ChangeKind]


# -- declare ----------------------------------------------------------------------------------------


def test_what_is_clear_is_declared_and_a_second_time_changes_nothing(
    node: ServedNode, workplace: Path
) -> None:
    plan = file_of(workplace, own("R7"), replace(own("R8", 36.0), party=None))
    done = ask(node, "declare", plan, "--format", "json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert [(each["id"], each["result"]) for each in answer["results"]] == [
        ("R7", "declared"),
        ("R8", "declared"),
    ]
    assert answer["results"][1]["record"]["item"]["party"] == PARTY
    again = ask(node, "declare", plan, "--format", "json")
    assert again.exit_code == 0
    assert {each["result"] for each in json.loads(again.stdout)["results"]} == {"already declared"}
    assert held(node) == {"R7": 1, "R8": 1}


def test_what_conflicts_is_refused_and_shown_with_where_when_and_how_deep(
    node: ServedNode, workplace: Path
) -> None:
    node.declare([theirs("N1")])
    done = ask(node, "declare", file_of(workplace, own("R7"), own("R8", 36.0)))
    assert done.exit_code == 1
    told = ("refused: it conflicts", "N1 (north)", "12:30:00 UTC", "100.0 m deep", "1.00 km wide", "for 1 h")
    assert [words for words in told if words not in done.stdout] == []
    assert held(node) == {"N1": 1, "R8": 1}


def test_what_is_recorded_as_conflicting_or_needs_a_notice_is_not_clear(
    recording: ServedNode, workplace: Path
) -> None:
    there = volume(square(36.0, 36.0, 500.0))
    recording.declare([theirs("N1"), zone("Z", there, party=OTHER, rule=ConstraintRule.NOTIFY_FIRST)])
    conflicting = ask(recording, "declare", file_of(workplace, own("R7")))
    assert conflicting.exit_code == 1
    assert "version 1, conflicting" in conflicting.stdout
    notified = ask(recording, "declare", file_of(workplace, own("R8", 36.0)))
    assert notified.exit_code == 1
    assert "version 1, a notice is required" in notified.stdout


def test_with_a_problem_in_any_file_nothing_is_sent(node: ServedNode, workplace: Path) -> None:
    bad = workplace / "bad.geojson"
    bad.write_text('{"type": "FeatureCollection", "features": [{}]}')
    done = ask(node, "declare", file_of(workplace, own("R7")), bad)
    assert done.exit_code == 2
    assert str(bad) in done.stderr
    assert held(node) == {}


def test_with_an_item_of_another_party_nothing_is_sent_and_only_chooses(
    node: ServedNode, workplace: Path
) -> None:
    plan = file_of(workplace, own("R7"), theirs("N1", 36.0))
    done = ask(node, "declare", plan)
    assert done.exit_code == 2
    assert "'N1' is an item of north" in done.stderr
    assert held(node) == {}
    assert ask(node, "declare", plan, "--only", "R7").exit_code == 0
    assert held(node) == {"R7": 1}
    assert ask(node, "declare", plan, "--only", "nobody").exit_code == 2


def test_an_id_that_is_taken_is_refused_otherwise_than_a_conflict(node: ServedNode, workplace: Path) -> None:
    node.declare([own("R7")])
    done = ask(node, "declare", file_of(workplace, own("R7", 36.0), own("R8", 37.0)))
    assert done.exit_code == 2
    assert "is taken" in done.stdout
    assert held(node) == {"R7": 1, "R8": 1}


def test_files_without_items_declare_nothing(node: ServedNode, workplace: Path) -> None:
    done = ask(node, "declare", file_of(workplace))
    assert done.exit_code == 2
    assert "hold no operations" in done.stderr


def test_a_missing_bound_is_told_as_an_assumption(node: ServedNode, workplace: Path) -> None:
    unbounded = intent("R7", volume(square(35.0, 36.0, 500.0)), party=PARTY)
    done = ask(node, "declare", file_of(workplace, unbounded), "--only", "R7")
    assert done.exit_code == 0
    assert "assumed:" in done.stderr


def test_who_may_only_look_declares_nothing(node: ServedNode, workplace: Path) -> None:
    done = ask(node, "declare", file_of(workplace, own("R7")), role=Role.VIEWER)
    assert done.exit_code == 2
    assert "duty_officer" in done.stdout


# -- amend, withdraw and states ---------------------------------------------------------------------


def test_an_amendment_tells_the_version_that_it_replaces(node: ServedNode, workplace: Path) -> None:
    node.declare([own("R7")])
    done = ask(node, "amend", file_of(workplace, own("R7", 36.0)))
    assert done.exit_code == 0
    assert "R7 is at version 1" in done.stderr
    assert held(node) == {"R7": 2}


def test_an_amendment_of_another_version_is_refused(node: ServedNode, workplace: Path) -> None:
    node.declare([own("R7")])
    plan = file_of(workplace, own("R7", 36.0), own("R8", 36.0))
    done = ask(node, "amend", plan, "--only", "R7", "--version", 7)
    assert done.exit_code == 2
    assert "at version 1, not 7" in " ".join(done.stdout.split())
    assert ask(node, "amend", plan, "--version", 1).exit_code == 2  # of two items
    assert held(node) == {"R7": 1}


def test_what_is_not_there_cannot_be_amended_or_withdrawn(node: ServedNode, workplace: Path) -> None:
    assert ask(node, "amend", file_of(workplace, own("R7"))).exit_code == 2
    done = ask(node, "withdraw", "R7")
    assert done.exit_code == 2
    assert "there is no item 'R7'" in done.stdout


def test_items_are_withdrawn_and_leave_the_list(node: ServedNode) -> None:
    node.declare([own("R7"), own("R8", 36.0), own("R9", 37.0)])
    assert ask(node, "withdraw", "R7", "R8").exit_code == 0
    assert ask(node, "withdraw", "R9", "--version", 5).exit_code == 2
    assert ask(node, "withdraw", "R9", "R9").exit_code == 2
    assert ask(node, "withdraw", "R8", "R9", "--version", 1).exit_code == 2  # of which?
    assert held(node) == {"R9": 1}
    assert "withdrawn" in ask(node, "list", "--all").stdout


def test_an_operation_is_activated_and_ended(node: ServedNode) -> None:
    node.declare([own("R7")])
    assert ask(node, "activate", "R7").exit_code == 0
    assert "Activated" in ask(node, "list").stdout
    assert ask(node, "activate", "R7", "--version", 2).exit_code == 2
    assert ask(node, "end", "R7", "--format", "json").exit_code == 0
    assert held(node) == {}
    assert "Ended" in ask(node, "list", "--state", "Ended").stdout


# -- list -------------------------------------------------------------------------------------------


def test_the_list_is_narrowed_and_written_as_geojson(node: ServedNode) -> None:
    node.declare([own("R7"), theirs("N1", 36.0), zone("Z", volume(square(37.0, 36.0, 50.0)), party=OTHER)])
    table = ask(node, "list", role=Role.VIEWER)
    assert "2 operations and 1 zone" in table.stdout
    assert "R7" not in ask(node, "list", "--party", OTHER).stdout
    assert "N1" not in ask(node, "list", "--kind", "constraint").stdout
    features = json.loads(ask(node, "list", "--format", "geojson", "--kind", "constraint").stdout)["features"]
    assert [feature["properties"]["id"] for feature in features] == ["Z"]
    assert ask(node, "list", "--kind", "constraint", "--state", "Ended").exit_code == 2


def test_a_table_shows_a_hundred_items_and_tells_of_the_rest(node: ServedNode) -> None:
    node.declare([own(f"R{number:03}", -40.0 + number * 0.5) for number in range(101)])
    table = ask(node, "list").stdout
    assert "R099" in table
    assert "R100" not in table
    assert "and 1 more" in table


# -- check and resolve ------------------------------------------------------------------------------


def test_everything_that_a_node_holds_is_checked_page_after_page(
    recording: ServedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(recording, "check").exit_code == 0
    recording.declare([theirs("N1"), own("R7"), own("R8"), own("R9")])
    monkeypatch.setattr(NodeClient.conflicts, "__kwdefaults__", {"limit": 2, "after": None})
    done = ask(recording, "check", "--format", "json", role=Role.VIEWER)
    assert done.exit_code == 1
    answer = json.loads(done.stdout)
    assert len(answer["conflicts"]) == 3
    assert answer["checked"]["answer"] == "conflict"
    assert "3 CONFLICTS: 4 operations and 0 zones" in ask(recording, "check").stdout
    assert len(ask(recording, "check", "--format", "csv").stdout.splitlines()) == 4
    assert len(json.loads(ask(recording, "check", "--format", "geojson").stdout)["features"]) == 3


def test_pages_of_different_moments_are_no_answer(
    recording: ServedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording.declare([theirs("N1"), own("R7"), own("R8")])
    asked = NodeClient.conflicts
    count = iter(range(100))

    def changing(client: NodeClient, *, limit: int = 1, after: int | str | None = None) -> object:
        recording.declare([own(f"X{next(count)}", 40.0)])
        return asked(client, limit=limit, after=after)

    monkeypatch.setattr(NodeClient, "conflicts", changing)
    done = ask(recording, "check")
    assert done.exit_code == 3
    assert "changes faster" in done.stderr


def test_items_of_files_are_judged_against_the_node_and_nothing_is_stored(
    node: ServedNode, workplace: Path
) -> None:
    node.declare([theirs("N1")])
    plan = file_of(workplace, replace(own("R7"), party=None), own("R8", 36.0))
    done = ask(node, "check", plan, role=Role.VIEWER)
    assert done.exit_code == 1
    assert "1 CONFLICT: 2 items checked, each against 1 operation" in " ".join(done.stdout.split())
    assert held(node) == {"N1": 1}
    clear = ask(
        node, "check", file_of(workplace, own("R8", 36.0)), "--format", "json", "-o", workplace / "out"
    )
    assert clear.exit_code == 0
    assert "CLEAR: R8 checked" in clear.stderr
    assert json.loads((workplace / "out").read_text())["checked"]["items"] == ["R8"]
    wide = ask(node, "check", file_of(workplace, own("R8", 35.1)), "--buffer", "20km")
    assert wide.exit_code == 1


def test_an_item_is_resolved_and_one_of_the_changes_declared(node: ServedNode, workplace: Path) -> None:
    node.declare([theirs("N1")])
    plan = file_of(workplace, own("R7"), own("R8", 36.0))
    told = ask(node, "resolve", plan, "--id", "R7", "--format", "json")
    assert told.exit_code == 1
    by_kind = {change["change"]: change for change in json.loads(told.stdout)["changes"]}
    assert by_kind["altitude"]["altitude_shift_m"] in (100.1, -100.1)
    assert by_kind["time"]["time_shift_s"] > 0.0  # nothing can be moved before now
    applied = ask(node, "resolve", plan, "--id", "R7", "--apply", "altitude")
    assert applied.exit_code == 0, applied.output
    assert "declared: R7, version 1, clear" in applied.stderr
    assert held(node) == {"N1": 1, "R7": 1}
    assert ask(node, "resolve", "--id", "R7", role=Role.VIEWER).exit_code == 0
    again = ask(node, "resolve", "--id", "R7", "--apply", "time")
    assert again.exit_code == 0
    assert "nothing was changed" in again.stderr


def test_an_item_of_the_node_is_amended_by_the_change_that_was_chosen(recording: ServedNode) -> None:
    recording.declare([theirs("N1"), own("R7")])
    none = ask(recording, "resolve", "--id", "R7", "--apply", "time", "--max-time", "1s")
    assert none.exit_code == 1
    assert "there is no change of time" in none.stderr
    done = ask(recording, "resolve", "--id", "R7", "--apply", "time", "--format", "csv")
    assert done.exit_code == 0
    assert "amended: R7, version 2, clear" in done.stderr
    assert ask(recording, "check").exit_code == 0


def test_what_is_nowhere_cannot_be_resolved(node: ServedNode, workplace: Path) -> None:
    assert ask(node, "resolve", "--id", "nobody", "--apply", "time").exit_code == 2
    assert ask(node, "resolve", file_of(workplace, own("R7")), "--id", "nobody").exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "--node", DEFAULT_URL, "--near", "5m"],
        ["check", "--node", DEFAULT_URL, "--all-pairs"],
        ["check", "--node", DEFAULT_URL, "--report", "x.html"],
        ["check", "--node", DEFAULT_URL, "--buffer", "5m"],
        ["check", "--node", DEFAULT_URL, "--from", "csv"],
        ["check", "plan.geojson", "--token-file", "x"],
        ["resolve", "--node", DEFAULT_URL, "--id", "R7", "--seconds-per-metre", "2"],
        ["resolve", "--node", DEFAULT_URL, "--id", "R7", "--qnh", "1000,1010"],
        ["resolve", "--node", DEFAULT_URL, "--id", "R7", "--max-time", "900d"],
        ["resolve", "plan.geojson", "--id", "R7", "--apply", "time"],
        ["resolve", "--id", "R7"],
        ["check"],
    ],
)
def test_options_that_make_no_sense_together_are_bad_usage(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


# -- which node, and who asks -----------------------------------------------------------------------


def test_a_node_that_is_not_there_is_not_clear(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPCLEAR_TOKEN", "kc_x")
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(
        NodeClient.__init__,
        "__kwdefaults__",
        {**(NodeClient.__init__.__kwdefaults__ or {}), "sleep": lambda _: None},
    )
    url = f"http://127.0.0.1:{free_port()}"
    for arguments in (
        ["check"],
        ["list"],
        ["withdraw", "R7", "R8"],
        ["declare", file_of(workplace, own("R7"))],
    ):
        done = run(*arguments, "--node", url)
        assert done.exit_code == 3, done.output
    assert "not tried" in run("withdraw", "R7", "R8", "--node", url).stdout


def test_a_token_that_is_not_good_or_not_there_is_refused(node: ServedNode) -> None:
    assert run("list", "--node", node.url).exit_code == 2
    bad = Path("bad.token")
    bad.write_text("kc_wrong\n")
    assert run("list", "--node", node.url, "--token-file", bad).exit_code == 2  # others can read it
    bad.chmod(0o600)
    done = run("list", "--node", node.url, "--token-file", bad)
    assert done.exit_code == 2
    assert "kc_wrong" not in done.output


def test_the_variable_and_the_token_in_the_folder_stand_in_for_options(
    node: ServedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("keepclear.token").write_bytes(node.token_file.read_bytes())
    Path("keepclear.token").chmod(0o600)
    monkeypatch.setenv("KEEPCLEAR_NODE", node.url)
    assert run("list").exit_code == 0


def test_a_token_is_not_sent_to_another_machine_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPCLEAR_TOKEN", "kc_x")
    done = run("list", "--node", "http://node.example:8421")
    assert done.exit_code == 2
    assert "--allow-plaintext" in done.stderr


def test_without_a_name_the_node_is_that_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_url() == DEFAULT_URL
    Path("keepclear.toml").write_text('[node]\nparty = "relief"\n[server]\nlisten = "127.0.0.1:9000"\n')
    assert default_url() == "http://127.0.0.1:9000"
    monkeypatch.setenv("KEEPCLEAR_SERVER_LISTEN", "0.0.0.0:9001")
    monkeypatch.setenv("KEEPCLEAR_SERVER_ALLOW_PLAINTEXT", "true")
    assert default_url() == "http://127.0.0.1:9001"
    monkeypatch.setenv("KEEPCLEAR_SERVER_LISTEN", "127.0.0.1:0")
    with pytest.raises(InvalidValueError, match="--node"):
        default_url()
    monkeypatch.setenv("KEEPCLEAR_NODE", "https://north.example")
    assert default_url() == "https://north.example"


def test_a_node_that_tells_nonsense_is_not_clear(node: ServedNode, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = NodeClient.conflicts

    def nonsense(client: NodeClient) -> object:
        import msgspec

        return msgspec.structs.replace(asked(client), findings=({"verdict": "?"},), total=1)

    monkeypatch.setattr(NodeClient, "conflicts", nonsense)
    done = ask(node, "check")
    assert done.exit_code == 3
    assert "no answer of a Keepclear node" in done.stderr


def test_the_clock_of_the_node_decides_what_is_over(workplace: Path) -> None:
    later = NOON + timedelta(days=1)
    with served_node(workplace, clock=lambda: later) as node:
        done = ask(node, "declare", file_of(workplace, own("R7")))
        assert done.exit_code == 2
        assert "is over since" in " ".join(done.stdout.split())
