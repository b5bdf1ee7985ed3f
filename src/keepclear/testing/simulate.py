"""Run simulations from the command line: `python -m keepclear.testing.simulate --seeds 1000`.

Prints how far it is, and of each seed that fails what did not hold and the end of its trace. Ends with 1
where one fails. The same seed gives the same trace on every machine, so that a seed is all one reports.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any, Final

import msgspec

from keepclear.testing.simulation import TRACE_LINES_SHOWN, Result, Settings, simulate

SEEDS_MAX: Final = 1_000_000
"""So many seeds run in one go, at most."""
_AT_ONCE: Final = 4  # a process fetches so many seeds
_TOLD_EVERY: Final = 50
_GARBAGE_MIN: Final = 50_000  # objects


def main(arguments: Sequence[str] | None = None) -> int:
    """Run simulations.

    Args:
        arguments: Those of the command line; None for those of this process.

    Returns:
        0 where everything held, 1 where something did not.
    """
    told = _parser().parse_args(arguments)
    settings = Settings(
        node_count=told.nodes,
        statement_count=told.statements,
        fault_count=told.faults,
        is_real=told.real,
    )
    began_s = time.monotonic()
    failed: list[Result] = []
    lies: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    statement_count = 0
    for count, result in enumerate(_results(range(told.first, told.first + told.seeds), settings), start=1):
        lies.update(result.lies)
        faults.update(result.faults)
        statement_count += result.statement_count
        if result.violation is not None:
            failed.append(result)
            if not told.json:
                _show(result, told)
        if not told.json and sys.stderr.isatty() and count % _TOLD_EVERY == 0:
            print(f"\r{count} of {told.seeds}, {_rate(count, began_s)}", end="", file=sys.stderr)
    summary: dict[str, Any] = {
        "seeds": told.seeds,
        "first": told.first,
        "nodes": settings.node_count,
        "signer": "ed25519" if settings.is_real else "fake",
        "statements": statement_count,
        "faults": dict(sorted(faults.items())),
        "lies": dict(sorted(lies.items())),
        "violations": [{"seed": each.seed, "violation": str(each.violation)} for each in failed],
        "seconds": round(time.monotonic() - began_s, 1),
    }
    if told.json:
        print(msgspec.json.encode(summary).decode())
    else:
        print(
            f"{told.seeds} seeds of {settings.node_count} nodes, {statement_count} statements, "
            f"{faults.total()} faults, {lies.total()} lies: {len(failed)} violations; "
            f"{summary['seconds']} s, {_rate(told.seeds, began_s)}"
        )
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="simulate", description="Run nodes through faults and lies, and check that all holds that must."
    )
    parser.add_argument("--seeds", type=_count, default=100, help="how many seeds (100)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--nodes", type=int, default=3, help="how many nodes (3)")
    parser.add_argument("--statements", type=int, default=40, help="statements under faults (40)")
    parser.add_argument("--faults", type=int, default=100, help="faults (100)")
    parser.add_argument("--real", action="store_true", help="sign with Ed25519, not with a fast stand-in")
    parser.add_argument("--json", action="store_true", help="print one line of JSON at the end")
    return parser


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= SEEDS_MAX:
        raise argparse.ArgumentTypeError(f"{count} is not within 1..{SEEDS_MAX}")
    return count


def _results(seeds: range, settings: Settings) -> Iterator[Result]:
    """Yield the results in the order of the seeds; several processes work where that pays."""
    run = partial(_lean, settings)
    processes = min(os.cpu_count() or 1, len(seeds) // _AT_ONCE)
    if processes < 2:
        yield from map(run, seeds)
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), _collect_seldom) as pool:
        yield from pool.map(run, seeds, chunksize=_AT_ONCE)


def _collect_seldom() -> None:
    """Have a process that only simulates look for garbage less often: a twentieth of the time."""
    gc.freeze()
    gc.set_threshold(_GARBAGE_MIN)


def _lean(settings: Settings, seed: int) -> Result:
    """Run a simulation; keep the trace only where it is needed."""
    result = simulate(seed, settings)
    if result.violation is None:
        result.trace.clear()
    else:
        del result.trace[:-TRACE_LINES_SHOWN]
    return result


def _show(result: Result, told: argparse.Namespace) -> None:
    real = " --real" if told.real else ""
    print(f"\nseed {result.seed}: {result.violation}")
    print("\n".join(f"  {line}" for line in result.trace))
    print(f"  again: just simulate --first {result.seed} --seeds 1 --nodes {told.nodes}{real}\n")


def _rate(count: int, began_s: float) -> str:
    return f"{count / max(time.monotonic() - began_s, 1e-9):.1f} seeds/s"


if __name__ == "__main__":
    sys.exit(main())
