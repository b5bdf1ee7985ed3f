"""The benchmarks of a node: every suite runs, small; what must hold is checked, and times are not.

What would be a fault of the node is made on purpose too, so that it is known to be seen.
"""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from bench import __main__ as command
from bench import api, declares, kills, measure, races, stored
from bench.measure import Row
from keepclear.adapters.store.form import JsonForm
from keepclear.core.picture import Picture
from keepclear.node.policy import ConflictPolicy

pytestmark = pytest.mark.slow


def _rows_hold(rows: list[Row]) -> bool:
    return bool(rows) and not any(measure.BROKEN in row.answer for row in rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the database that is filled once is."""
    return tmp_path_factory.mktemp("bench")


def test_declarations_are_measured_and_none_is_lost(folder: Path) -> None:
    rows: list[Row] = []

    declares.bench_declares(rows, folder, quick=True)

    assert [row.what for row in rows] == [
        "declare, FULL, one at a time",
        "declare, FULL, 8 threads",
        "declare, NORMAL, one at a time",
    ]
    assert _rows_hold(rows)
    assert all("/s" in row.answer for row in rows)


def test_a_served_node_is_measured(folder: Path) -> None:
    rows: list[Row] = []

    api.bench_api(rows, folder, quick=True)
    api.bench_cold_start(rows, folder, quick=True)

    whats = [row.what for row in rows]
    assert "PUT, declare, 8 clients" in whats
    assert "POST /v1/query, 20 km, 1 h, 1 client" in whats
    assert whats[-1] == "node, start until /readyz"


@pytest.mark.parametrize("race", [races.on_one_file, races.on_one_node])
def test_of_two_that_race_exactly_one_is_accepted(race: races.Kind, tmp_path: Path) -> None:
    result = race(tmp_path, 20)

    assert result.holds
    assert result.one == 20
    assert result.overlapping > 0


@pytest.mark.parametrize("race", [races.on_one_file, races.on_one_node])
def test_it_is_seen_when_both_of_a_race_are_accepted(race: races.Kind, tmp_path: Path) -> None:
    result = race(tmp_path, 5, ConflictPolicy.RECORD)

    assert (result.both, result.one, result.conflicts) == (5, 0, 5)
    assert not result.holds


def test_nothing_that_was_answered_is_lost_when_a_node_is_killed(tmp_path: Path) -> None:
    result = kills.killed(tmp_path / "kills.sqlite3", 3)

    assert (result.lost, result.broken) == ([], [])
    assert result.kills == 3
    assert result.answered > 0
    assert result.repeats > 0
    assert result.entries >= result.answered


def test_it_is_seen_when_a_write_that_was_answered_is_lost(tmp_path: Path) -> None:
    database = tmp_path / "kills.sqlite3"
    everything: list[kills.Written] = []
    result = kills.killed(database, 1, answered=everything)
    connection = apsw.Connection(str(database))
    lost = everything[0]
    connection.execute("delete from item where seq = ?", (lost.seq,))
    connection.execute("delete from event where seq = ?", (lost.seq,))
    connection.close()

    kills.check_database(database, everything, result)

    assert result.lost == [f"{lost.item_id} version {lost.version}, of the log"]
    assert any(fault.startswith("gaps") for fault in result.broken)


def test_a_filled_database_is_made_once(folder: Path) -> None:
    made = stored.filled(folder, 10_000)
    before = made.stat()

    again = stored.filled(folder, 10_000)

    assert again == made
    assert again.stat().st_mtime_ns == before.st_mtime_ns
    assert [path.name for path in folder.iterdir()] == [made.name]  # no log beside it


def test_what_is_declared_has_six_to_ten_volumes_and_no_party() -> None:
    entries = stored.intents(20, "new")

    assert len({entry.id for entry in entries}) == 20
    assert all(6 <= len(entry.volumes) <= 10 and entry.party is None for entry in entries)


def test_small_intents_of_one_place_meet_and_those_of_two_do_not() -> None:
    form = JsonForm()
    texts = [
        stored.small_intent("a", 0, party="north"),
        stored.small_intent("b", 0, party="south", aside_m=400.0),
        stored.small_intent("c", 1, party="west"),
        stored.small_intent("d", 1_000, party="east"),
    ]

    items = [form.read(text) for text in texts]

    picture = Picture()
    for item in items:
        picture.hold(item)
    assert [(finding.a.id, finding.b.id) for finding in picture.findings()] == [("a", "b")]


def test_suites_run_alone_and_a_fault_is_told_by_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(rows: list[Row], folder: Path, *, quick: bool) -> None:
        rows.append(Row(what="races", answer=f"{measure.BROKEN}: both 1"))

    monkeypatch.setattr(races, "bench_races", broken)

    code = command.main(["--quick", "--only", "races", "--folder", str(tmp_path)])

    assert code == 1
    assert "BROKEN: both 1" in capsys.readouterr().out


def test_a_suite_that_is_not_known_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--only", "raises"])

    assert "races" in capsys.readouterr().err
