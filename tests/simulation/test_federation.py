"""Nodes under faults and lies, drawn from seeds: what must hold, holds, and a seed tells everything.

`KEEPCLEAR_TESTS=thorough` runs many more seeds; `just simulate` runs as many as one likes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from keepclear.core.errors import InvalidValueError
from keepclear.testing.faults import Fault
from keepclear.testing.simulation import NODES_MAX, Settings, simulate

IS_THOROUGH = os.environ.get("KEEPCLEAR_TESTS") == "thorough"
SEEDS = range(1_000 if IS_THOROUGH else 16)
MANY = Settings(node_count=8, is_real=True)
DIGESTS = (
    "from keepclear.testing.simulation import simulate; print([simulate(seed).digest for seed in range(3)])"
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_what_must_hold_holds_under_faults_and_lies(seed: int) -> None:
    result = simulate(seed)
    assert result.violation is None, "\n".join([*result.trace, str(result.violation)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50 if IS_THOROUGH else 1))
def test_it_holds_among_eight_nodes_that_sign_with_ed25519(seed: int) -> None:
    result = simulate(seed, MANY)
    assert result.violation is None, "\n".join([*result.trace, str(result.violation)])


@pytest.mark.slow
def test_a_simulation_has_the_faults_and_the_statements_that_were_asked_for() -> None:
    settings = Settings(statement_count=40, fault_count=100)
    results = [simulate(seed, settings) for seed in range(4)]
    for result in results:
        assert sum(result.faults.values()) == settings.fault_count
        assert result.statement_count
    struck = sum((result.faults for result in results), Counter())
    assert set(struck) == {fault.value for fault in Fault}
    assert any(result.lies for result in results)


@pytest.mark.slow
def test_the_trace_of_a_seed_is_the_same_under_any_hash_seed() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGESTS],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("0", "1", "4711")
    }
    assert len(digests) == 1


@pytest.mark.slow
def test_two_seeds_have_two_traces() -> None:
    assert simulate(1).digest != simulate(2).digest


@pytest.mark.parametrize("node_count", [1, NODES_MAX + 1])
def test_a_simulation_needs_two_nodes_and_has_not_too_many(node_count: int) -> None:
    with pytest.raises(InvalidValueError, match="node_count"):
        Settings(node_count=node_count)


@pytest.mark.slow
@pytest.mark.parametrize("node_count", [2, NODES_MAX])
def test_as_few_and_as_many_nodes_as_there_may_be_work(node_count: int) -> None:
    settings = Settings(node_count=node_count, statement_count=4, fault_count=4)
    result = simulate(0, settings)
    assert result.violation is None, str(result.violation)
