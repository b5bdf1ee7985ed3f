"""The simulation finds faults: each that is planted is caught, and the documents say by what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepclear.testing.faults import WEIGHTS
from keepclear.testing.invariants import Invariant
from keepclear.testing.liar import MUST_BE_REFUSED, Lie
from keepclear.testing.simulation import simulate
from tests.simulation.planted import PLANTED, Planted

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "simulation.md"
SEEDS_MAX = 400
"""So many seeds are tried until one shows a planted fault."""


def seeds_for(planted: Planted) -> Iterator[int]:
    yield planted.seed
    yield from range(SEEDS_MAX)


@pytest.mark.slow
@pytest.mark.parametrize("planted", PLANTED, ids=[each.name for each in PLANTED])
def test_a_planted_fault_is_caught(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a product that does one thing wrong
    planted.plant(monkeypatch)
    # When simulations are run
    for seed in seeds_for(planted):
        violation = simulate(seed).violation
        # Then one of them says so.
        if violation is not None and violation.invariant == planted.caught_by:
            return
    pytest.fail(f"{SEEDS_MAX} seeds did not find it")


def test_many_different_faults_are_planted() -> None:
    assert len(PLANTED) >= 12
    assert len({each.name for each in PLANTED}) == len(PLANTED)


def test_the_page_lists_what_was_planted_and_what_caught_it() -> None:
    assert planted_markdown() in PAGE.read_text(encoding="utf-8")


def test_the_page_lists_the_faults_and_the_lies() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert faults_markdown() in page
    assert lies_markdown() in page


def test_the_page_lists_what_must_hold() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for invariant in Invariant:
        assert f"| {invariant.value.capitalize()} |" in page, invariant


def planted_markdown() -> str:
    lines = ["| Planted | What did not hold then |", "|---|---|"]
    lines += [f"| {each.name.capitalize()} | {each.caught_by.value} |" for each in PLANTED]
    return "\n".join(lines) + "\n"


def faults_markdown() -> str:
    lines = ["| Fault | Of 100 about |", "|---|---|"]
    total = sum(WEIGHTS.values())
    lines += [f"| {fault.value} | {round(100 * weight / total)} |" for fault, weight in WEIGHTS.items()]
    return "\n".join(lines) + "\n"


def lies_markdown() -> str:
    lines = ["| Lie | Must be refused at once |", "|---|---|"]
    lines += [f"| {lie.value} | {'yes' if lie in MUST_BE_REFUSED else ''} |" for lie in Lie]
    return "\n".join(lines) + "\n"
