"""A peer: aics-tlog, run by a Python that has it. What to prove comes as JSON; times go out as JSON.

Source:
    https://pypi.org/project/aics-tlog, 0.2.1.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from aics_tlog.tree import MerkleTree, verify_consistency, verify_inclusion

_BEST_OF = 3


def times_of(function: Callable[[Any], object], arguments: Sequence[Any], runs: int) -> list[float]:
    """Return p50 and p95 of the wall time and the CPU time of a call, as `bench.measure.calls` takes them."""
    cpu, p50, p95 = [], [], []
    for _ in range(runs):
        wall, cpu_start = [], time.thread_time()
        for argument in arguments:
            start = time.perf_counter()
            function(argument)
            wall.append(time.perf_counter() - start)
        cpu.append((time.thread_time() - cpu_start) / len(arguments))
        ranks = statistics.quantiles(wall, n=20, method="inclusive")
        p50.append(ranks[9])
        p95.append(ranks[18])
    return [min(p50[:_BEST_OF]), min(p95[:_BEST_OF]), statistics.median(cpu)]


def main() -> None:
    asked = json.load(sys.stdin)
    leaves, indices, sizes, runs = (asked[name] for name in ("leaves", "indices", "sizes", "runs"))
    entries = [b"entry %d" % number for number in range(leaves)]
    wall, cpu = [], []
    for _ in range(_BEST_OF):
        start, cpu_start = time.perf_counter(), time.thread_time()
        tree = MerkleTree(entries)
        root = tree.root()
        wall.append((time.perf_counter() - start) / leaves)
        cpu.append((time.thread_time() - cpu_start) / leaves)
    included = [tree.inclusion_proof(index) for index in indices]
    grown = [tree.consistency_proof(size) for size in sizes]
    leaf = [sha256(b"\x00" + entries[index]).digest() for index in indices]
    roots = [bytes.fromhex(root) for root in asked["roots"]]
    inclusions = [(leaf[k], index, leaves, included[k], root) for k, index in enumerate(indices)]
    growths = [(size, leaves, roots[k], root, grown[k]) for k, size in enumerate(sizes)]
    assert all(verify_inclusion(*case) for case in inclusions)
    assert all(verify_consistency(*case) for case in growths)
    times = {
        "append": [min(wall), None, statistics.median(cpu)],
        "inclusion proof": times_of(tree.inclusion_proof, indices, runs),
        "consistency proof": times_of(tree.consistency_proof, sizes, runs),
        "verify inclusion": times_of(lambda case: verify_inclusion(*case), inclusions, runs),
        "verify consistency": times_of(lambda case: verify_consistency(*case), growths, runs),
    }
    digest = sha256(b"".join(b"".join(proof) for proof in [*included, *grown])).hexdigest()
    json.dump({"times": times, "digest": digest, "python": platform.python_version()}, sys.stdout)


if __name__ == "__main__":
    main()
