"""The benchmarks' traffic: always the same, always valid, and found as by brute force."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from bench import traffic
from bench.indexing import ordered
from bench.strtree import PlaneIndex
from keepclear.core import judge
from keepclear.core.geodesy import plane_of, unit_vectors
from keepclear.core.index import Engine, VolumeIndex, numba_installed
from keepclear.core.packed import NO_MARGINS, PackedVolumes

CROWDED_H = 0.2
VOLUMES = 2_000


@pytest.fixture(scope="module")
def made() -> traffic.Traffic:
    return traffic.generate(VOLUMES, horizon_h=CROWDED_H)


def test_the_same_seed_makes_the_same_arrays(made: traffic.Traffic) -> None:
    print(f"hash {made.digest()}")

    assert traffic.generate(VOLUMES, horizon_h=CROWDED_H).digest() == made.digest()


def test_another_seed_makes_other_arrays(made: traffic.Traffic) -> None:
    assert traffic.generate(VOLUMES, seed=8, horizon_h=CROWDED_H).digest() != made.digest()


def test_every_ring_is_simple_and_has_an_area(made: traffic.Traffic) -> None:
    rings = np.split(made.rings_deg, made.first[1:-1])

    for ring in rings[:2_000]:
        vectors = unit_vectors(ring[:, 0], ring[:, 1])
        centre = vectors.sum(axis=0)
        points = plane_of(centre / np.linalg.norm(centre), vectors)
        assert shapely.is_simple(shapely.linearrings(points)), ring
        assert shapely.area(shapely.polygons(points)) > 1_000.0, ring


def test_windows_and_bands_are_not_reversed(made: traffic.Traffic) -> None:
    assert (made.start_ms < made.end_ms).all()
    assert (made.lower_m < made.upper_m).all()


def test_some_rings_lie_over_the_antimeridian_and_some_round_a_pole(made: traffic.Traffic) -> None:
    spans = [np.ptp(ring[:, 1]) for ring in np.split(made.rings_deg, made.first[1:-1])]

    assert max(spans) > 350.0
    assert made.rings_deg[:, 0].max() > 89.0
    assert made.rings_deg[:, 0].min() < -89.0


def test_a_query_is_one_intent_of_no_owner_and_no_party() -> None:
    queries = traffic.queries(count=50)

    assert len(queries) == 50
    assert all((query.owner == -1).all() and (query.party == -1).all() for query in queries)
    assert not any(query.zone.any() for query in queries)


@pytest.mark.slow
def test_every_index_answers_queries_as_brute_force_does(made: traffic.Traffic) -> None:
    stored = made.packed().taken(np.arange(300))
    queries = traffic.packed_items(traffic.generate(VOLUMES, seed=8, horizon_h=CROWDED_H), 100)
    engines = [Engine.PLAIN, Engine.LOOPS] if numba_installed() else [Engine.PLAIN]
    indices = [*(VolumeIndex(stored, engine) for engine in engines), PlaneIndex(stored)]

    answers = [[ordered(index.search(query)).tolist() for query in queries] for index in indices]

    expected = [_brute_force(query, stored) for query in queries]
    assert sum(len(pairs) for pairs in expected) > 20
    assert answers == [expected] * len(indices)


def _brute_force(query: PackedVolumes, stored: PackedVolumes) -> list[list[int]]:
    pairs = np.stack(np.meshgrid(np.arange(query.volume_count), np.arange(300), indexing="ij"), axis=-1)
    pairs = pairs.reshape(-1, 2)
    wanted = judge.judged_pairs(query, stored, pairs, False)
    wanted &= judge.times_and_heights_meet(query, stored, pairs, NO_MARGINS)
    wanted &= judge.footprints_meet(query, stored, pairs, 0.0)
    return pairs[wanted].tolist()
