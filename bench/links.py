"""How fast what one party declares is at the other: two nodes as two processes, over mutual TLS.

A statement is declared at alpha by HTTP, and is at bravo once bravo's stream tells of it: it is on both
disks then, and in both pictures. The time is from sending the request. All of it runs on one machine, so
the network takes no time, and both nodes and the clients share its cores.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from bench import measure, stored
from bench.api import CLIENTS, put
from bench.linked import LinkedNode, Listening, linked_nodes, until
from bench.measure import Row
from bench.writers import ask
from keepclear.adapters import clock

COUNT: Final = 500
"""So many are declared in a run; there are three."""
BACKLOG: Final = 10_000
"""So many are declared while the link is switched off."""
PAUSE_S: Final = 0.05
"""So long after one has come the next is declared."""

_WARM_COUNT: Final = 20
_COMES_S: Final = 60.0
_BACKLOG_S: Final = 600.0


def bench_links(
    rows: list[Row], folder: Path, *, count: int = COUNT, backlog: int = BACKLOG, quick: bool = False
) -> None:
    """Measure a link between two nodes, and append the rows.

    Args:
        rows: Where the rows go.
        folder: Where the nodes are made, on the disk that is measured.
        count: How many are declared one at a time in a run.
        backlog: How many are declared while the link is switched off.
        quick: Few of both.
    """
    if quick:
        count, backlog = 10, 200
    begins = clock.now() + timedelta(hours=6)
    with tempfile.TemporaryDirectory(prefix="links-", dir=folder) as name, linked_nodes(Path(name)) as nodes:
        alpha, bravo = nodes
        rows.append(_one_at_a_time(alpha, bravo, count, begins))
        rows.append(_after_a_cut(alpha, bravo, backlog, begins))


def _one_at_a_time(alpha: LinkedNode, bravo: LinkedNode, count: int, begins: datetime) -> Row:
    p50, p95, p99 = list[float](), list[float](), list[float]()
    answered, cpu = [], []
    with closing(Listening(bravo)) as stream, closing(alpha.client()) as client:
        for run in range(-1, measure.WALL_RUNS):
            took_s, answered_s, cpu_start = [], [], _cpu_s(alpha, bravo)
            for number in range(_WARM_COUNT if run < 0 else count):
                item_id = f"one-{run + 1}-{number}"
                request = put(item_id, _intent(item_id, (run + 1) * count + number, begins))
                start = time.perf_counter()
                status, body = ask(client, request)
                answered_s.append(time.perf_counter() - start)
                if status != request.status:
                    raise RuntimeError(f"{item_id} was answered with {status}: {body[:300]!r}")
                took_s.append(stream.heard_s(f"{alpha.party}:{item_id}", _COMES_S) - start)
                time.sleep(PAUSE_S)
            if run < 0:
                continue  # modules and connections were warmed up
            for percentile, found in ((50, p50), (95, p95), (99, p99)):
                found.append(float(np.percentile(took_s, percentile)))
            answered.append(float(np.percentile(answered_s, 50)))
            cpu.append((_cpu_s(alpha, bravo) - cpu_start) / count)
    return Row(
        what="link, declared at A by HTTP until told by B's stream",
        p50_s=min(p50),
        p95_s=min(p95),
        cpu_s=float(np.median(cpu)),
        answer=f"p99 {min(p99) * 1e3:.0f} ms",
        note=(
            f"goal p50 <= 20 ms, p99 <= 250 ms; {count} one at a time, {PAUSE_S * 1e3:.0f} ms after the one "
            f"before had come; A answers after {min(answered) * 1e3:.1f} ms; CPU of both nodes; "
            f"load {measure.load_average()}"
        ),
    )


def _after_a_cut(alpha: LinkedNode, bravo: LinkedNode, backlog: int, begins: datetime) -> Row:
    alpha.switch(is_off=True)
    before, _ = bravo.log_of(alpha.party)
    declared_s = _declared(alpha, backlog, begins)
    size, _ = alpha.log_of(alpha.party)
    # Alpha's node may say itself, on the hotline, that the line is off: its log may be longer by that.
    is_cut = bravo.log_of(alpha.party)[0] == before and size >= before + backlog
    cpu_start, start = _cpu_s(alpha, bravo), time.perf_counter()
    alpha.switch(is_off=False)
    until(lambda: bravo.log_of(alpha.party)[0] >= size, "the backlog", _BACKLOG_S)
    took_s, cpu_s = time.perf_counter() - start, _cpu_s(alpha, bravo) - cpu_start
    # Alpha may have said more meanwhile, such as what it has received itself.
    until(lambda: bravo.log_of(alpha.party) == alpha.log_of(alpha.party), "the same root", _BACKLOG_S)
    held = [record["item"]["id"] for record in bravo.told("/v1/items?limit=1")["items"]]
    fault = "" if is_cut and held else f", {measure.BROKEN}: it was not cut, or nothing is drawn"
    return Row(
        what=f"link mended, until B has {backlog:,} statements more",
        p50_s=took_s,
        cpu_s=cpu_s,
        answer=f"{backlog / took_s:,.0f}/s, the same root{fault}",
        note=(
            f"declared by {CLIENTS} clients while it was switched off, at {backlog / declared_s:,.0f}/s; "
            f"verified, stored and drawn; one run; CPU of both nodes; load {measure.load_average()}"
        ),
    )


def _declared(alpha: LinkedNode, backlog: int, begins: datetime) -> float:
    """Have clients declare so many; return how long that took, seconds."""
    requests = [put(f"cut-{number}", _intent(f"cut-{number}", number, begins)) for number in range(backlog)]
    errors: list[str] = []

    def work(first: int) -> None:
        with closing(alpha.client()) as client:
            for request in requests[first::CLIENTS]:
                status, body = ask(client, request)
                if status != request.status:
                    errors.append(f"{request.path} was answered with {status}: {body[:300]!r}")
                    return

    start = time.perf_counter()
    _together(work, range(CLIENTS))
    if errors:
        raise RuntimeError(errors[0])
    return time.perf_counter() - start


def _together(work: Callable[[int], None], numbers: Sequence[int]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _intent(item_id: str, place: int, begins: datetime) -> bytes:
    return stored.small_intent(item_id, place, begins=begins, legs=1)


def _cpu_s(*nodes: LinkedNode) -> float:
    return sum(node.process.cpu_s() for node in nodes)
