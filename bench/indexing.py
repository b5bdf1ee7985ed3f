"""Our own index: building it, a new intent against it, and all pairs in it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench import measure, traffic
from bench.measure import Row, Times
from keepclear.core.index import Engine, VolumeIndex, numba_installed
from keepclear.core.packed import Ints, PackedVolumes

QUERIES: Final = 1_000
SLOW_QUERIES: Final = 200
"""As many of the queries go to whatever is not compiled."""
PLAIN_PAIRS_MAX: Final = 200_000
"""With more volumes the plain engine's all-pairs search is left out: it takes minutes."""


@dataclass(frozen=True, slots=True)
class Store:
    """Stored traffic with what ours answered, for the peers to compare with.

    Attributes:
        made: The traffic as generated.
        packed: The same, packed.
        queries: New intents.
        search: What the engine at hand took for one of them (the compiled one where there is numba).
        answers: Pairs of place in the query and stored volume, a query each, shape (k, 2), sorted.
        joined: What all pairs took.
        pairs: All pairs of stored volumes that meet, sorted, shape (k, 2).
    """

    made: traffic.Traffic
    packed: PackedVolumes
    queries: list[PackedVolumes]
    search: Times
    answers: list[Ints]
    joined: Times
    pairs: Ints


def ordered(pairs: Ints) -> Ints:
    """Return pairs in one order, so that equal answers are equal arrays."""
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def answers_of(index: VolumeIndex, queries: list[PackedVolumes]) -> list[Ints]:
    """Return what an index answers to each query, in one order."""
    return [ordered(index.search(query)) for query in queries]


def differing(ours: list[Ints], theirs: list[Ints]) -> int:
    """Count the pairs that are only in one of two answers to the same queries."""
    count = 0
    for mine, other in zip(ours, theirs, strict=True):
        count += len({tuple(pair) for pair in mine.tolist()} ^ {tuple(pair) for pair in other.tolist()})
    return count


def agreement(ours: list[Ints], theirs: list[Ints], word: str = measure.DIFFERENT) -> str:
    """Say whether two engines answered the same; `word` says so of pairs that only one has."""
    total, different = sum(len(pairs) for pairs in theirs), differing(ours[: len(theirs)], theirs)
    return f"{total:,} pairs, " + (f"{different:,} {word}" if different else "same answers")


def bench_index(size: int, rows: list[Row], *, quick: bool) -> Store:
    """Measure our index with about `size` volumes and append the rows."""
    made, packed = _made(size, rows)
    engines = [Engine.LOOPS, Engine.PLAIN] if numba_installed() else [Engine.PLAIN]
    built = measure.whole(lambda: VolumeIndex(packed, engines[0]))
    indices = [VolumeIndex(packed, engine) for engine in engines]
    memory = f"{indices[0].memory_bytes / packed.volume_count:.0f} bytes a volume, all arrays"
    rows.append(measure.row_of("build the tree", packed.volume_count, built, memory, ""))
    queries = traffic.queries(count=SLOW_QUERIES if quick else QUERIES)
    answers, search = _searched(indices, packed, queries, rows)
    pairs, joined = _joined(indices, packed, rows)
    return Store(made, packed, queries, search, answers, joined, pairs)


def _made(size: int, rows: list[Row]) -> tuple[traffic.Traffic, PackedVolumes]:
    start, cpu_start = time.perf_counter(), time.process_time()
    made = traffic.generate(size)
    middle, cpu_middle = time.perf_counter(), time.process_time()
    packed = made.packed()
    end, cpu_end = time.perf_counter(), time.process_time()
    rows.append(
        Row(
            what="generate",
            volumes=packed.volume_count,
            p50_s=middle - start,
            cpu_s=cpu_middle - cpu_start,
            answer=f"{made.item_count:,} items",
            note=f"seed {traffic.SEED}, hash {made.digest()}",
        )
    )
    rows.append(
        Row(
            what="pack rings",
            volumes=packed.volume_count,
            p50_s=end - middle,
            cpu_s=cpu_end - cpu_middle,
            answer=f"{len(packed.vertices) / packed.volume_count:.2f} vertices a volume",
        )
    )
    return made, packed


def _searched(
    indices: list[VolumeIndex], packed: PackedVolumes, queries: list[PackedVolumes], rows: list[Row]
) -> tuple[list[Ints], Times]:
    """Measure searches with each engine; return the answers and the times of the first."""
    first = indices[0]
    answers = answers_of(first, queries)
    times = measure.calls(first.search, queries)
    met = [len(np.unique(packed.owner[pairs[:, 1]])) for pairs in answers]
    volumes = sum(query.volume_count for query in queries) / len(queries)
    note = (
        f"{volumes:.1f} volumes an intent; meets {np.mean(met):.1f} items (p95 {np.percentile(met, 95):.0f}),"
        f" {np.mean(np.array(met) > 0):.0%} meet one"
    )
    total = f"{sum(len(pairs) for pairs in answers):,} pairs"
    rows.append(measure.row_of(f"search, {_engine(first)}", packed.volume_count, times, total, note))
    for index in indices[1:]:
        some = queries[:SLOW_QUERIES]
        found = answers_of(index, some)
        slower = measure.calls(index.search, some, measure.WALL_RUNS)
        answer, note = agreement(answers, found), measure.ratio(times, slower)
        rows.append(measure.row_of(f"search, {_engine(index)}", packed.volume_count, slower, answer, note))
    return answers, times


def _joined(indices: list[VolumeIndex], packed: PackedVolumes, rows: list[Row]) -> tuple[Ints, Times]:
    """Measure all pairs with each engine; return the pairs and the times of the first."""
    first = indices[0]
    pairs = first.pairs()
    times = measure.whole(first.pairs)
    note = f"{len(pairs) / times.p50_s:,.0f} true pairs a second"
    rows.append(
        measure.row_of(
            f"all pairs, {_engine(first)}", packed.volume_count, times, f"{len(pairs):,} pairs", note
        )
    )
    for index in indices[1:]:
        if packed.volume_count > PLAIN_PAIRS_MAX:
            break
        same = "same pairs" if np.array_equal(index.pairs(), pairs) else measure.DIFFERENT
        slower = measure.whole(index.pairs, 1)
        note = measure.ratio(times, slower)
        rows.append(measure.row_of(f"all pairs, {_engine(index)}", packed.volume_count, slower, same, note))
    return pairs, times


def _engine(index: VolumeIndex) -> str:
    return "loops" if index.uses_loops else "plain"
