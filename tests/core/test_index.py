"""The index: never too few candidates, the same answers by loops, by plain code and without numba."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.geodesy import geodesic_direct
from keepclear.core.index import Engine, VolumeIndex, build_tree
from keepclear.core.packed import FAN_OUT, NO_MARGINS, Margins, PackedVolumes, boxes, pack_rings

ENGINES = [Engine.PLAIN, Engine.LOOPS]


def squares(count: int, seed: int, spread_deg: float = 2.0) -> PackedVolumes:
    """Random squares of 100 m to 20 km over a pole, the antimeridian and a place on land."""
    rng = np.random.default_rng(seed)
    place = rng.integers(0, 3, count)
    lat = np.clip(np.choose(place, [89.0, -17.0, 35.0]) + rng.normal(0, spread_deg, count), -90, 90)
    lng = (
        np.remainder(np.choose(place, [0.0, 180.0, 36.0]) + rng.normal(0, spread_deg, count) + 180, 360) - 180
    )
    reach = 10 ** rng.uniform(2.0, 4.3, count)
    turns = (45.0, 135.0, 225.0, 315.0)
    corners = [np.stack(geodesic_direct(lat, lng, turn, reach), axis=-1) for turn in turns]
    start = rng.integers(0, 6 * 3_600_000, count)
    low = rng.uniform(0.0, 3_000.0, count)
    low[rng.random(count) < 0.05] = -np.inf
    high = np.where(rng.random(count) < 0.05, np.inf, np.maximum(low, 0) + rng.uniform(10.0, 500.0, count))
    owner = np.arange(count) // 3
    return pack_rings(
        np.stack(corners, axis=1).reshape(-1, 2),
        np.arange(count + 1) * 4,
        start,
        start + rng.integers(0, 3_600_000, count),
        low,
        high,
        owner,
        owner % 5,
        owner % 7 == 0,
    )


def by_brute_force(volumes: PackedVolumes, margins: Margins, all_pairs: bool) -> set[tuple[int, int]]:
    """Every pair of volumes, judged without an index."""
    from keepclear.core import judge

    i, j = np.triu_indices(volumes.volume_count, 1)
    pairs = np.stack((i, j), axis=-1)
    pairs = pairs[judge.judged_pairs(volumes, volumes, pairs, all_pairs)]
    pairs = pairs[judge.times_and_heights_meet(volumes, volumes, pairs, margins)]
    pairs = pairs[judge.footprints_meet(volumes, volumes, pairs, margins.lateral_m)]
    return {(int(a), int(b)) for a, b in pairs}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("all_pairs", [False, True])
@pytest.mark.parametrize("margins", [NO_MARGINS, Margins(2_000.0, 100.0, 60_000)])
def test_all_pairs_are_found(engine: Engine, all_pairs: bool, margins: Margins) -> None:
    volumes = squares(400, seed=1)
    expected = by_brute_force(volumes, margins, all_pairs)
    found = VolumeIndex(volumes, engine).pairs(margins, all_pairs=all_pairs)
    assert len(found) == len(expected) > 20
    assert {(int(a), int(b)) for a, b in found} == expected
    assert np.array_equal(found, found[np.lexsort((found[:, 1], found[:, 0]))])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_query_finds_what_all_pairs_has_of_it(engine: Engine) -> None:
    volumes = squares(1_000, seed=2)
    index = VolumeIndex(volumes, engine)
    everything = index.pairs()
    for owner in range(0, 300, 7):
        chosen = np.flatnonzero(volumes.owner == owner)
        found = index.search(volumes.taken(chosen))
        expected = {(int(a), int(b)) for a, b in everything if volumes.owner[a] == owner}
        expected |= {(int(b), int(a)) for a, b in everything if volumes.owner[b] == owner}
        assert {(int(chosen[i]), int(j)) for i, j in found} == expected


@pytest.mark.parametrize(
    "count", [0, 1, FAN_OUT - 1, FAN_OUT, FAN_OUT + 1, FAN_OUT**2, FAN_OUT**2 + 1, 3 * FAN_OUT**2]
)
def test_every_block_contains_what_is_below_it(count: int) -> None:
    volumes = squares(count, seed=3)
    tree, ordered = build_tree(volumes)
    assert sorted(tree.order.tolist()) == list(range(count))
    below = boxes(ordered, tree.epoch_ms)
    for level in range(len(tree.level_first) - 1):
        blocks = tree.blocks[tree.level_first[level] : tree.level_first[level + 1]]
        side_by_side = blocks.swapaxes(1, 2).reshape(-1, 10)
        assert np.array_equal(side_by_side[: len(below)], below)
        assert (side_by_side[len(below) :, :5] > side_by_side[len(below) :, 5:]).all()
        below = np.concatenate((blocks[:, :5].min(axis=2), blocks[:, 5:].max(axis=2)), axis=1)
    assert len(below) == 1


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 50_000.0))
def test_boxes_of_footprints_that_meet_overlap(seed: int, lateral_m: float) -> None:
    from keepclear.core import judge

    volumes = squares(40, seed=seed, spread_deg=0.3)
    i, j = np.triu_indices(40, 1)
    pairs = np.stack((i, j), axis=-1)
    meeting = pairs[judge.footprints_meet(volumes, volumes, pairs, lateral_m)]
    wide, plain = boxes(volumes, 0, Margins(lateral_m)), boxes(volumes, 0)
    for a, b in meeting:
        assert (wide[a, :3] <= plain[b, 5:8]).all()
        assert (plain[b, :3] <= wide[a, 5:8]).all()


@pytest.mark.slow
def test_without_numba_the_answers_are_the_same() -> None:
    count = 6_000
    expected = VolumeIndex(squares(count, seed=4), Engine.LOOPS).pairs()
    program = f"""
import sys
sys.modules["numba"] = None
import io
import numpy as np
from keepclear.core import index
from keepclear.core.index import VolumeIndex
from tests.core.test_index import squares
index.LOOPS_FROM_VOLUMES = 1
stored = VolumeIndex(squares({count}, seed=4))
assert not stored.uses_loops
kept = io.BytesIO()  # a pipe has no position, which numpy asks a file for
np.save(kept, stored.pairs())
sys.stdout.buffer.write(kept.getvalue())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    import io

    assert np.array_equal(np.load(io.BytesIO(done.stdout)), expected)


def test_progress_is_told_up_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    VolumeIndex(squares(100, seed=5)).pairs(progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (100, 100)
