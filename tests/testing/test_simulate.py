"""The command that runs simulations: what it prints, and how it ends."""

from __future__ import annotations

import json

import pytest

from keepclear.node.logs import Logs
from keepclear.testing.simulate import SEEDS_MAX, main


@pytest.mark.slow
def test_it_prints_what_it_ran_and_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "1", "--statements", "5", "--faults", "5"]) == 0
    assert "1 seeds of 3 nodes" in capsys.readouterr().out


@pytest.mark.slow
def test_several_processes_come_to_the_same_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--statements", "3", "--faults", "3", "--json"]
    assert main(["--seeds", "8", *small]) == 0
    together = json.loads(capsys.readouterr().out)
    alone = {"statements": 0}
    for seed in range(8):
        main(["--first", str(seed), "--seeds", "1", *small])
        alone["statements"] += json.loads(capsys.readouterr().out)["statements"]
    assert together["statements"] == alone["statements"]
    assert together["violations"] == []


@pytest.mark.slow
def test_a_seed_that_fails_is_shown_with_its_trace_and_ends_with_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Logs, "is_readable", lambda *_: False)  # nobody is given anything
    assert main(["--seeds", "1", "--first", "3"]) == 1
    out = capsys.readouterr().out
    assert "seed 3: " in out
    assert "declare OP-" in out
    assert "just simulate --first 3 --seeds 1" in out


@pytest.mark.parametrize("seeds", ["0", str(SEEDS_MAX + 1)])
def test_a_number_of_seeds_out_of_range_is_refused(seeds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--seeds", seeds])
    assert ended.value.code == 2
    assert "is not within" in capsys.readouterr().err
