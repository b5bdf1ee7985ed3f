"""The benchmarks of logs, links and simulations: every suite runs, small; times are not checked.

What would be a fault is made on purpose too, so that it is known to be seen.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from bench import kills, links, logs, measure, proofs, signatures, simulation, stored
from bench.api import Request
from bench.measure import Row
from bench.parties import Party, Speaker
from bench.signed_log import SignedLog
from bench.writers import Written
from keepclear.adapters.store.form import JsonForm
from keepclear.core.errors import KeepclearError
from keepclear.core.intents import PartyId
from keepclear.node.declare import Declaring
from keepclear.node.outcomes import Outcome

pytestmark = pytest.mark.slow

NONE = Request("GET", "/")
SWAPPED = "update entry set jws = (select jws from entry where n = 2) where n = 3"


def hold(rows: list[Row]) -> bool:
    faults = (measure.BROKEN, measure.DIFFERENT)
    return bool(rows) and not any(fault in row.answer for row in rows for fault in faults)


# -- logs -----------------------------------------------------------------------------------------


def test_logs_bundles_and_exports_are_measured_and_every_kind_arrives_whole(tmp_path: Path) -> None:
    rows: list[Row] = []

    logs.bench_logs(rows, tmp_path, quick=True)

    whats = [row.what for row in rows]
    for kind in ("coarse statements", "acknowledgements", "declarations"):
        assert f"log, FULL, {kind} in groups of 64" in whats
        assert f"backlog of 258 {kind} taken" in whats
        assert f"bundles of 258 {kind}: make" in whats
        assert f"verify_export.py, 258 {kind}" in whats
    assert "tree: inclusion proof" in whats
    assert "statement: write and sign" in whats
    assert hold(rows)
    assert list(tmp_path.iterdir()) == []


def test_a_backlog_that_is_refused_is_no_figure(tmp_path: Path) -> None:
    alpha, delta = Party(id=PartyId("alpha")), Party(id=PartyId("delta"))
    speaker, taker = Speaker(tmp_path / "a", alpha), Speaker(tmp_path / "d", delta)  # which knows nobody else

    with pytest.raises(KeepclearError, match="not known here"):
        taker.take([logs.encode_bundle(bundle) for bundle in speaker.backlog(delta.id)])

    speaker.close()
    taker.close()


def test_a_statement_that_is_refused_is_no_figure(tmp_path: Path) -> None:
    speaker = Speaker(tmp_path / "a", Party(id=PartyId("alpha")))
    item = JsonForm().read(stored.small_intent("op", 0, party="another"))

    with pytest.raises(KeepclearError):
        speaker.make([lambda declaring: declaring.declare(item)])

    speaker.close()


def test_proofs_of_the_other_implementation_are_left_out_where_it_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "_ENVIRONMENT", tmp_path)
    rows: list[Row] = []

    proofs.bench_proofs(rows, leaves=100, count=10)

    assert [row.what for row in rows if row.what.startswith("aics-tlog")] == ["aics-tlog"]
    assert rows[-1].note.startswith("not available")


def test_it_is_seen_when_the_other_implementation_makes_other_proofs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "installed").touch()
    told = {"digest": "another", "python": "3.12", "times": {"append": [1.0, None, 1.0]}}
    monkeypatch.setattr(proofs, "_ENVIRONMENT", tmp_path)
    monkeypatch.setattr(proofs.subprocess, "run", answering(told))
    rows: list[Row] = []

    proofs.bench_proofs(rows, leaves=100, count=10)

    assert measure.DIFFERENT in rows[-1].answer


def test_signatures_are_those_of_the_peers() -> None:
    rows: list[Row] = []

    signatures.bench_signatures(rows, count=5)

    answers = {row.what: row.answer for row in rows}
    assert answers["joserfc: sign, JWS"] == "same"
    assert answers["cryptography: sign, signature"] == "same"
    assert hold(rows)


# -- the signed log after kills -------------------------------------------------------------------


class Declared:
    """A party's log with three operations, one of them amended and one withdrawn."""

    def __init__(self, folder: Path) -> None:
        self.party = Party(id=PartyId("alpha"))
        self.database = folder / "alpha.sqlite3"
        self.answered: list[Written] = []
        speaker = Speaker(self.database, self.party)
        items = [JsonForm().read(stored.small_intent(f"op-{k}", k, party="alpha")) for k in range(3)]
        higher = JsonForm().read(stored.small_intent("op-1", 1, party="alpha", raised_m=50.0))
        for change in (
            lambda d: d.declare(items[0]),
            lambda d: d.declare(items[1]),
            lambda d: d.amend(higher, 1),
            lambda d: d.declare(items[2]),
            lambda d: d.withdraw(items[2].id, 1),
        ):
            speaker.make([self._noting(change)])
        speaker.close()

    def _noting(self, change: Callable[[Declaring], Outcome]) -> Callable[[Declaring], Outcome]:
        def noted(declaring: Declaring) -> Outcome:
            outcome = change(declaring)
            record = outcome.record
            self.answered.append(
                Written(record.label.id, NONE, record.version, record.seq, record.is_withdrawn, record.text)
            )
            return outcome

        return noted

    def log(self, database: Path | None = None) -> SignedLog:
        return SignedLog(database or self.database, self.party.id, self.party.node, self.party.root.public)


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Declared:
    return Declared(tmp_path_factory.mktemp("declared"))


def test_a_log_that_is_whole_has_no_faults(declared: Declared) -> None:
    log = declared.log()

    assert log.look(declared.answered[:2]) == []
    assert log.look(declared.answered[2:]) == []
    assert log.compare_events() == []
    assert log.size == 2 + 5
    assert log.said["op-2", 2] is None


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        ("delete from entry where n = 6", "the last signed head is not of all 6 entries"),
        ("delete from checkpoint where size = 7", "the last signed head is not of all 7 entries"),
        (SWAPPED, "is not that of the log"),
        (SWAPPED, "was stated twice"),
        (SWAPPED, "is 2 of 'alpha'"),
        (SWAPPED, "op-1 version 1 was answered"),
        ("update entry set jws = x'00' where n = 3", "entry 3 of the signed log cannot be read"),
        (
            "update checkpoint set note = (select note from checkpoint where size = 6) where size = 7",
            "the signed head of 6 entries is not that of the log",
        ),
    ],
)  # fmt: skip
def test_it_is_seen_when_the_log_lost_or_changed_an_entry(
    declared: Declared, harm: str, fault: str, tmp_path: Path
) -> None:
    harmed = Path(shutil.copy(declared.database, tmp_path))
    run(harmed, harm)

    assert any(fault in each for each in declared.log(harmed).look(declared.answered))


def test_it_is_seen_when_a_signature_is_another_key_s(declared: Declared) -> None:
    log = SignedLog(
        declared.database, declared.party.id, declared.party.officer, declared.party.officer.public
    )

    faults = log.look(declared.answered)

    assert f"{2 + 5 + 2} signatures of the log are not right" in faults  # two grants of the root, too


def test_it_is_seen_when_what_was_signed_before_changed_since(declared: Declared, tmp_path: Path) -> None:
    harmed = Path(shutil.copy(declared.database, tmp_path))
    log = declared.log(harmed)
    assert log.look(declared.answered) == []
    run(harmed, "update entry set jws = (select jws from entry where n = 3) where n = 2")

    assert "the first 7 entries of the signed log are others than before" in log.look([])


def test_it_is_seen_when_the_node_recorded_what_it_did_not_sign(declared: Declared, tmp_path: Path) -> None:
    harmed = Path(shutil.copy(declared.database, tmp_path))
    run(harmed, "delete from event where seq = (select max(seq) from event)")
    log = declared.log(harmed)
    log.look(declared.answered)

    assert log.compare_events() == ["the signed log does not say what the node recorded"]


def test_an_export_that_is_refused_is_a_fault(declared: Declared) -> None:
    faults = declared.log().verify_export(b"{}")

    assert [fault.split(":")[0] for fault in faults] == ["verify_export.py refuses the export"]


def test_nothing_that_was_signed_is_lost_when_a_node_with_keys_is_killed(tmp_path: Path) -> None:
    result = kills.killed(tmp_path / "kills.sqlite3", 2, has_keys=True)

    assert (result.lost, result.broken) == ([], [])
    assert result.kills == 2
    assert result.answered > 0
    assert result.signed == result.entries + 2  # the grants of its keys


# -- links and simulations ------------------------------------------------------------------------


def test_a_link_is_measured_before_and_after_a_cut(tmp_path: Path) -> None:
    rows: list[Row] = []

    links.bench_links(rows, tmp_path, count=2, backlog=30)

    assert [row.what for row in rows] == [
        "link, declared at A by HTTP until told by B's stream",
        "link mended, until B has 30 statements more",
    ]
    assert hold(rows)


def test_a_simulation_is_measured() -> None:
    way = replace(simulation.WAYS[0], options=("--statements", "5", "--faults", "5"))

    row = simulation.simulated(way, 2)

    assert row.answer == "2 seeds, 0 violations"


def test_it_is_seen_when_a_simulation_is_violated(monkeypatch: pytest.MonkeyPatch) -> None:
    violations = [{"seed": 7, "violation": "two stories"}]
    told = {"seeds": 9, "statements": 1, "faults": {}, "lies": {}, "violations": violations}
    monkeypatch.setattr(simulation.subprocess, "run", answering(told))

    row = simulation.simulated(simulation.WAYS[0], 9)

    assert row.answer == f"{measure.BROKEN}: 9 seeds, 1 violations"
    assert "seed 7: two stories" in row.note


def test_a_simulation_that_tells_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation.subprocess, "run", answering(None))

    with pytest.raises(RuntimeError, match="the simulation ended with 0"):
        simulation.simulated(simulation.WAYS[0], 9)


def run(database: Path, statement: str) -> None:
    connection = apsw.Connection(str(database))
    connection.execute(statement)
    connection.close()


def answering(told: Any) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return what stands in for a command that tells this."""
    output = "" if told is None else msgspec.json.encode(told).decode()
    return lambda *_, **__: subprocess.CompletedProcess([], 0, output, "")
