"""Simulations of nodes under faults and lies: how long so many seeds take, and that nothing is violated.

They run as users run them, `python -m keepclear.testing.simulate`, in a process of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Final

import msgspec

from bench import measure
from bench.measure import Row
from bench.served import ROOT

FAULTS_SHOWN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How simulations are run.

    Attributes:
        what: What they are called.
        options: Of the command, without the number of seeds.
        seeds: How many seeds.
        goal: What is wanted of it.
    """

    what: str
    options: tuple[str, ...]
    seeds: int
    goal: str


WAYS: Final = (
    Way(what="3 nodes, stand-in signatures", options=(), seeds=1_000, goal="no violation in 1,000 seeds"),
    Way(
        what="8 nodes, Ed25519",
        options=("--nodes", "8", "--real"),
        seeds=50,
        goal="no violation in 50 seeds",
    ),
)


class _Violation(msgspec.Struct):
    seed: int
    violation: str


class _Summary(msgspec.Struct):
    """What the command tells at its end, as far as it is used here."""

    seeds: int
    statements: int
    faults: dict[str, int]
    lies: dict[str, int]
    violations: list[_Violation]


def bench_simulation(rows: list[Row], *, quick: bool = False) -> None:
    """Run simulations, and append a row for each way.

    Args:
        rows: Where the rows go.
        quick: Few seeds.
    """
    for way in WAYS:
        rows.append(simulated(way, max(2, way.seeds // 250) if quick else way.seeds))


def simulated(way: Way, seeds: int) -> Row:
    """Run so many seeds.

    Raises:
        RuntimeError: The command told no result.
    """
    command = [sys.executable, "-m", "keepclear.testing.simulate", "--json", "--seeds", str(seeds)]
    cpu_start, start = _children_cpu_s(), time.perf_counter()
    done = subprocess.run([*command, *way.options], cwd=ROOT, capture_output=True, text=True, check=False)
    took_s, cpu_s = time.perf_counter() - start, _children_cpu_s() - cpu_start
    try:
        told = msgspec.json.decode(done.stdout, type=_Summary)
    except msgspec.MsgspecError as error:
        raise RuntimeError(f"the simulation ended with {done.returncode}: {done.stderr[-500:]}") from error
    violations = [f"seed {each.seed}: {each.violation}" for each in told.violations]
    answer = f"{told.seeds:,} seeds, {len(violations)} violations"
    faults, lies = sum(told.faults.values()), sum(told.lies.values())
    notes = [
        way.goal,
        f"{told.statements:,} statements, {faults:,} faults, {lies:,} lies",
        f"{seeds / took_s:.1f} seeds/s; CPU of all processes",
        *violations[:FAULTS_SHOWN],
        f"load {measure.load_average()}",
    ]
    return Row(
        what=f"simulation, {way.what}",
        p50_s=took_s,
        cpu_s=cpu_s,
        answer=f"{measure.BROKEN}: {answer}" if violations else answer,
        note="; ".join(notes),
    )


def _children_cpu_s() -> float:
    """Return the CPU time of all processes that this one started and that have ended, seconds."""
    times = os.times()
    return times.children_user + times.children_system
