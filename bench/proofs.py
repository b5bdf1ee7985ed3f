"""How fast proofs of a log's tree are made and verified, and aics-tlog beside it where it is installed.

aics-tlog needs Python 3.12, so it is asked in an environment of its own, that of `tests/interop`.
Both make every proof of the same leaves, and the proofs must be the same.
"""

from __future__ import annotations

import json
import subprocess
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, Final

from bench import measure
from bench.measure import Row, Times
from bench.served import ROOT
from keepclear.core.merkle import Tree, leaf_hash, verify_consistency, verify_inclusion

LEAVES: Final = 100_000
PROOFS: Final = 5_000
"""So many proofs of each kind are made in a run."""

_SEED: Final = 16
_PEER: Final = Path(__file__).with_name("tlog_peer.py")
_ENVIRONMENT: Final = ROOT / "build" / "interop" / "aics-tlog-0.2.1-aics-witness-0.1.0"
_PEER_TIMEOUT_S: Final = 600.0


def bench_proofs(rows: list[Row], *, leaves: int = LEAVES, count: int = PROOFS, quick: bool = False) -> None:
    """Measure proofs in a tree of so many leaves, and append the rows.

    Args:
        rows: Where the rows go.
        leaves: How many leaves the tree has.
        count: How many proofs of each kind are made in a run.
        quick: A small tree, and few proofs.
    """
    if quick:
        leaves, count = 1_000, 100
    hashes = [leaf_hash(b"entry %d" % number) for number in range(leaves)]
    tree, rng = Tree(hashes), Random(_SEED)
    root = tree.root()
    indices = [rng.randrange(leaves) for _ in range(count)]
    sizes = [rng.randrange(1, leaves) for _ in range(count)]
    included = [(tree.leaf(index), index, leaves, root, tree.inclusion_proof(index)) for index in indices]
    grown = [(size, leaves, tree.root(size), root, tree.consistency_proof(size)) for size in sizes]
    built = measure.whole(lambda: Tree(hashes))
    ours = {
        "append": Times(p50_s=built.p50_s / leaves, p95_s=None, cpu_s=built.cpu_s / leaves),
        "inclusion proof": measure.calls(tree.inclusion_proof, indices),
        "consistency proof": measure.calls(tree.consistency_proof, sizes),
        "verify inclusion": measure.calls(lambda case: verify_inclusion(*case), included),
        "verify consistency": measure.calls(lambda case: verify_consistency(*case), grown),
    }
    is_good = all(verify_inclusion(*case) for case in included) and all(
        verify_consistency(*case) for case in grown
    )
    for what, times in ours.items():
        goal = "goal >= 10,000/s" if what == "inclusion proof" else ""
        told = _rate(times) + ("" if is_good else f", {measure.BROKEN}: a proof does not hold")
        rows.append(_row(f"tree: {what}", leaves, times, told, goal))
    digest = digest_of([case[-1] for case in included] + [case[-1] for case in grown])
    asked = {
        "leaves": leaves,
        "indices": indices,
        "sizes": sizes,
        "roots": [case[2].hex() for case in grown],  # it takes its time to find those of many sizes
        "runs": measure.CPU_RUNS,
    }
    _bench_peer(rows, asked, ours, digest)


def digest_of(proofs: list[list[bytes]]) -> str:
    """Return a hash of all proofs."""
    return sha256(b"".join(b"".join(proof) for proof in proofs)).hexdigest()


def _bench_peer(rows: list[Row], asked: dict[str, Any], ours: dict[str, Times], digest: str) -> None:
    python = _ENVIRONMENT / "bin" / "python"
    if not (_ENVIRONMENT / "installed").exists():
        note = "not available: ./dev test tests/interop installs it where there is Python 3.12"
        rows.append(Row(what="aics-tlog", note=note))
        return
    done = subprocess.run(
        [python, _PEER],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=_PEER_TIMEOUT_S,
        check=True,
    )
    told = json.loads(done.stdout)
    same = "same proofs" if told["digest"] == digest else measure.DIFFERENT
    for what, (p50_s, p95_s, cpu_s) in told["times"].items():
        times = Times(p50_s=p50_s, p95_s=p95_s, cpu_s=cpu_s)
        note = f"{measure.ratio(ours[what], times)}; Python {told['python']}"
        rows.append(_row(f"aics-tlog: {what}", asked["leaves"], times, f"{_rate(times)}, {same}", note))


def _rate(times: Times) -> str:
    return f"{1.0 / times.cpu_s:,.0f}/s"


def _row(what: str, leaves: int, times: Times, answer: str, note: str) -> Row:
    about = f"{leaves:,} leaves"
    return Row(
        what=what,
        p50_s=times.p50_s,
        p95_s=times.p95_s,
        cpu_s=times.cpu_s,
        answer=answer,
        note=f"{about}; {note}" if note else about,
    )
