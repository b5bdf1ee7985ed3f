"""The commands for evidence: exports, proofs, bundles; two real nodes of this process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepclear import verify_export
from keepclear.cli_log import VERIFIER_NAME
from tests.scenarios.conftest import workplace
from tests.scenarios.parties import Side, operation, pair, pair_one_way, parties, run, until

__all__ = ["workplace"]  # a fixture that every test uses
pytestmark = pytest.mark.slow
Two = tuple[Side, Side]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """Serve two paired parties; alpha has declared A-1, and bravo has it."""
    with parties(tmp_path, "alpha", "bravo") as (alpha, bravo):
        pair(alpha, bravo)
        alpha.declare(operation("A-1"))
        until(lambda: alpha.receipt("A-1", "bravo")["delivered"], "A-1")
        yield alpha, bravo


def test_an_export_is_verified_offline_and_by_a_third_person_with_one_file(two: Two) -> None:
    alpha, bravo = two
    told = bravo.keepclear("log", "export", "alpha", "-o", "alpha.json")  # the other side exports it too
    (root,) = [line.removeprefix("root key: ") for line in told.splitlines() if line.startswith("root key")]
    assert f"python {VERIFIER_NAME} alpha.json --root {root}" in told
    alpha.stop()
    bravo.stop()
    try:
        verified = run("log", "verify", "alpha.json", "--root", root, env={}).output
        assert "3 entries in order" in verified
        assert "the witness 'keepclear/bravo/log' had" in verified
        command = [sys.executable, "-I", VERIFIER_NAME, "alpha.json", "--root", root]
        alone = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (alone.returncode, alone.stdout) == (0, verified)
        assert (
            "none of those that you gave"
            in run("log", "verify", "alpha.json", "--root", "0" * 32, env={}, code=1).output
        )
    finally:
        alpha.start()
        bravo.start()


def test_one_byte_that_was_changed_is_refused_with_the_place(two: Two) -> None:
    alpha, _ = two
    alpha.keepclear("log", "export", "-o", "alpha.json")
    data = bytearray(Path("alpha.json").read_bytes())
    data[data.index(b".") + 68] ^= 1
    Path("alpha.json").write_bytes(data)
    told = run("log", "verify", "alpha.json", env={}, code=1).output
    assert "REFUSED: logs[0]: log of 'alpha': entry 0: " in told
    assert "CANNOT BE READ" in run("log", "verify", "none.json", env={}, code=2).output


def test_without_a_file_all_logs_of_the_node_are_verified(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, _ = two
    told = alpha.keepclear("log", "verify")
    assert "log of 'alpha'" in told
    assert "log of 'bravo'" in told

    def refusing(*_: object) -> None:
        raise verify_export.Refused("it was changed")

    monkeypatch.setattr(verify_export, "verify", refusing)
    assert "REFUSED: alpha: it was changed" in alpha.keepclear("log", "verify", code=1)


def test_the_verifier_is_written_over_nothing_else(two: Two) -> None:
    alpha, _ = two
    Path(VERIFIER_NAME).write_text("mine")
    assert "move it away" in alpha.keepclear("log", "export", "-o", "alpha.json", code=2)
    assert not Path("alpha.json").exists()
    assert Path(VERIFIER_NAME).read_text() == "mine"
    Path(VERIFIER_NAME).unlink()
    for _ in range(2):  # the same file again is no harm
        alpha.keepclear("log", "export", "-o", "alpha.json")
    alpha.keepclear("log", "export", "nobody", "-o", "nobody.json", code=2)


def test_an_entry_is_proved_in_the_form_of_c2sp(two: Two) -> None:
    alpha, _ = two
    alpha.keepclear("log", "prove", "alpha", "1", "-o", "entry.proof")
    lines = Path("entry.proof").read_text().splitlines()
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert any(line.startswith("— keepclear/bravo/log ") for line in lines)  # the witness
    alpha.keepclear("log", "prove", "alpha", "99", code=2)


def test_statements_and_receipts_are_carried_by_file_where_the_link_is_cut(two: Two) -> None:
    alpha, bravo = two
    alpha.keepclear("link", "cut", "bravo")
    alpha.declare(operation("A-2", lower_m=2000.0))
    alpha.keepclear("bundle", "export", "bravo", "-o", "to-bravo.kcb")
    told = bravo.keepclear("bundle", "import", "to-bravo.kcb")
    assert "entries of alpha 3 to 3" in told
    assert "1 versions of items" in told
    assert "nothing new" in bravo.keepclear("bundle", "import", "to-bravo.kcb")  # twice does no harm
    bravo.keepclear("ack", "alpha:A-2")
    bravo.keepclear("bundle", "export", "alpha", "-o", "to-alpha.kcb")
    assert not alpha.receipt("A-2", "bravo")["delivered"]
    alpha.keepclear("bundle", "import", "to-alpha.kcb")
    receipt = alpha.receipt("A-2", "bravo")
    assert (receipt["delivered"], receipt["seen"]["person"]) == (True, "Boris")
    alpha.keepclear("bundle", "export", "nobody", "-o", "x.kcb", code=2)


def test_a_bundle_that_was_changed_or_is_none_is_refused(two: Two) -> None:
    alpha, bravo = two
    alpha.keepclear("link", "cut", "bravo")
    alpha.declare(operation("A-2", lower_m=2000.0))
    alpha.keepclear("bundle", "export", "bravo", "-o", "to-bravo.kcb")
    data = bytearray(Path("to-bravo.kcb").read_bytes())
    data[len(data) // 2] ^= 1
    Path("changed.kcb").write_bytes(data)
    bravo.keepclear("bundle", "import", "changed.kcb", code=None)
    assert not bravo.holds("alpha:A-2")
    Path("junk.kcb").write_bytes(b"junk")
    bravo.keepclear("bundle", "import", "junk.kcb", code=2)
    assert "none.kcb" in bravo.keepclear("bundle", "import", "none.kcb", code=2)


def test_everything_from_the_start_is_given_and_told_in_json(two: Two) -> None:
    alpha, bravo = two
    bravo.keepclear("link", "cut", "alpha")
    alpha.declare(operation("A-2", lower_m=2000.0))
    alpha.keepclear("bundle", "export", "bravo", "--from-start", "-o", "all.kcb")
    told = json.loads(run("bundle", "import", "all.kcb", "--json", env=bravo.env).stdout)["files"]["all.kcb"]
    assert told["refused"] == []
    assert told["taken"] == [{"party": "alpha", "from": 3, "to": 4}]


def test_a_bundle_of_a_party_that_is_not_known_is_refused_and_ends_with_1(two: Two, tmp_path: Path) -> None:
    alpha, _ = two
    stranger = Side(name="relief", folder=tmp_path / "relief")
    stranger.make("Rita")
    stranger.start()
    try:
        pair_one_way(stranger, alpha)
        stranger.declare(operation("R-1", lower_m=4000.0))
        stranger.keepclear("bundle", "export", "alpha", "-o", "to-alpha.kcb")
        told = alpha.keepclear("bundle", "import", "to-alpha.kcb", code=1)
        assert "REFUSED of relief" in told
        assert "pin its card" in told
    finally:
        stranger.stop()


def test_there_is_no_evidence_against_parties_that_keep_to_their_logs(two: Two) -> None:
    alpha, _ = two
    assert "no party is known" in alpha.keepclear("evidence")
    assert alpha.json("evidence")["evidence"] == []


# -- after a restore --------------------------------------------------------------------------------


def restored(alpha: Side) -> None:
    """Put the backup of alpha in place; its node is started again."""
    alpha.stop()
    alpha.keepclear("restore", "before.sqlite3", "--replace")
    alpha.start()


def test_a_restored_node_signs_nothing_before_it_has_its_own_tail_and_forks_nothing(two: Two) -> None:
    alpha, bravo = two
    alpha.keepclear("backup", "before.sqlite3")
    alpha.declare(operation("A-2", lower_m=2000.0))
    until(lambda: alpha.receipt("A-2", "bravo")["delivered"], "A-2 at bravo")
    bravo.stop()
    restored(alpha)
    assert not alpha.holds("A-2")
    told = alpha.keepclear("status", code=1)
    assert "THIS NODE SIGNS NOTHING" in told
    assert "it waits for bravo" in told
    refused = alpha.declare(operation("A-3", lower_m=3000.0), code=2)
    assert "signed" in refused
    bravo.start()
    until(lambda: alpha.holds("A-2"), "its own tail")
    until(lambda: alpha.json("status")["silence"]["reason"] is None, "the end of the silence")
    alpha.declare(operation("A-3", lower_m=3000.0))
    until(lambda: bravo.holds("alpha:A-3"), "A-3 at bravo")
    assert bravo.json("evidence")["evidence"] == []


def test_an_administrator_may_end_the_silence_where_nobody_can_be_heard(two: Two) -> None:
    alpha, bravo = two
    alpha.keepclear("backup", "before.sqlite3")
    bravo.stop()
    try:
        restored(alpha)
        alpha.declare(operation("A-2", lower_m=2000.0), code=2)
        assert "signs again" in alpha.keepclear("log", "speak")
        alpha.declare(operation("A-2", lower_m=2000.0))
    finally:
        bravo.start()
