"""The tree of a log: held to the recursive text of RFC 6962, and no changed proof is believed."""

from __future__ import annotations

import time
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.errors import InvalidValueError
from keepclear.core.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    SIZE_MAX,
    Tree,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

SIZES = range(71)
LEAVES = [leaf_hash(b"entry %d" % n) for n in range(1_000)]
TREE = Tree(LEAVES)
ROOTS = [TREE.root(size) for size in range(len(LEAVES) + 1)]


# -- the definition: RFC 6962, section 2.1, word for word and slow -----------------------------------


def split(count: int) -> int:
    """Return the largest power of two below the count."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def defined_root(leaves: list[bytes]) -> bytes:
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha256(b"\x01" + defined_root(leaves[:k]) + defined_root(leaves[k:])).digest()


def defined_path(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*defined_path(index, leaves[:k]), defined_root(leaves[k:])]
    return [*defined_path(index - k, leaves[k:]), defined_root(leaves[:k])]


def defined_subproof(old_size: int, leaves: list[bytes], is_whole: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if is_whole else [defined_root(leaves)]
    k = split(len(leaves))
    if old_size <= k:
        return [*defined_subproof(old_size, leaves[:k], is_whole), defined_root(leaves[k:])]
    return [*defined_subproof(old_size - k, leaves[k:], False), defined_root(leaves[:k])]


# -- roots and proofs ---------------------------------------------------------------------------------


def test_leaves_and_nodes_are_hashed_apart_from_each_other() -> None:
    assert leaf_hash(b"") == bytes.fromhex("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d")
    assert node_hash(b"a" * 32, b"b" * 32) == sha256(b"\x01" + b"a" * 32 + b"b" * 32).digest()
    assert leaf_hash(b"a" * 32 + b"b" * 32) != node_hash(b"a" * 32, b"b" * 32)


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert Tree().root() == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", SIZES)
def test_every_root_is_the_defined_one(size: int) -> None:
    assert Tree(LEAVES[:size]).root() == TREE.root(size) == defined_root(LEAVES[:size])


@pytest.mark.parametrize("size", SIZES)
def test_every_inclusion_proof_is_the_defined_one_and_is_believed(size: int) -> None:
    tree = Tree(LEAVES[:size])
    for index in range(size):
        proof = defined_path(index, LEAVES[:size])
        assert tree.inclusion_proof(index) == TREE.inclusion_proof(index, size) == proof
        assert verify_inclusion(LEAVES[index], index, size, ROOTS[size], proof)


@pytest.mark.parametrize("size", SIZES)
def test_every_consistency_proof_is_the_defined_one_and_is_believed(size: int) -> None:
    tree = Tree(LEAVES[:size])
    for old_size in range(size + 1):
        proof = defined_subproof(old_size, LEAVES[:size], True) if old_size else []
        assert tree.consistency_proof(old_size) == TREE.consistency_proof(old_size, size) == proof
        assert verify_consistency(old_size, size, ROOTS[old_size], ROOTS[size], proof)


@given(st.data())
def test_proofs_of_larger_trees_are_the_defined_ones(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(LEAVES)))
    index = data.draw(st.integers(0, size - 1))
    leaves = LEAVES[:size]
    assert TREE.inclusion_proof(index, size) == defined_path(index, leaves)
    assert TREE.consistency_proof(index + 1, size) == defined_subproof(index + 1, leaves, True)
    assert ROOTS[size] == defined_root(leaves)


# -- growing and shrinking ----------------------------------------------------------------------------


@given(st.lists(st.integers(0, 40), max_size=8), st.integers(0, 40))
def test_a_tree_does_not_depend_on_how_its_leaves_came(steps: list[int], then: int) -> None:
    tree = Tree()
    for step in steps:  # appended in lots, each after a few were taken away
        tree.truncate(tree.size - min(tree.size, step // 3))
        tree.extend(LEAVES[tree.size : tree.size + step])
    for leaf in LEAVES[tree.size : tree.size + then]:
        tree.append(leaf)
    assert tree.root() == ROOTS[tree.size]
    assert [tree.leaf(n) for n in range(tree.size)] == LEAVES[: tree.size]
    assert all(tree.inclusion_proof(n) == TREE.inclusion_proof(n, tree.size) for n in range(tree.size))


def test_a_copy_grows_apart() -> None:
    tree = Tree(LEAVES[:5])
    copy = tree.copy()
    copy.append(LEAVES[5])
    assert (tree.size, tree.root()) == (5, ROOTS[5])
    assert (copy.size, copy.root()) == (6, ROOTS[6])


def test_leaves_are_added_all_or_none() -> None:
    tree = Tree(LEAVES[:3])
    with pytest.raises(InvalidValueError, match=r"leaves\[1\]: a leaf has 32 bytes, not 31"):
        tree.extend([LEAVES[3], LEAVES[4][:31]])
    assert (tree.size, tree.root()) == (3, ROOTS[3])


def test_what_is_not_in_the_tree_is_refused() -> None:
    tree = Tree(LEAVES[:3])
    for ask in (
        lambda: tree.leaf(3),
        lambda: tree.leaf(-1),
        lambda: Tree().leaf(0),
        lambda: tree.root(4),
        lambda: tree.root(-1),
        lambda: tree.truncate(4),
        lambda: tree.truncate(-1),
        lambda: tree.inclusion_proof(3),
        lambda: tree.inclusion_proof(-1),
        lambda: tree.inclusion_proof(2, 2),
        lambda: tree.inclusion_proof(0, 4),
        lambda: tree.consistency_proof(3, 2),
        lambda: tree.consistency_proof(-1),
        lambda: tree.consistency_proof(2, 4),
    ):
        with pytest.raises(InvalidValueError):
            ask()
    assert tree.root() == ROOTS[3]


# -- what is not believed -----------------------------------------------------------------------------


def flipped(data: bytes, bit: int) -> bytes:
    """Return the bytes with one bit changed."""
    return (int.from_bytes(data, "big") ^ (1 << bit)).to_bytes(len(data), "big")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
def test_no_inclusion_proof_with_one_bit_changed_is_believed(size: int) -> None:
    for index in range(size):
        leaf, root, proof = LEAVES[index], ROOTS[size], TREE.inclusion_proof(index, size)
        for bit in range(8 * HASH_BYTES):
            assert not verify_inclusion(flipped(leaf, bit), index, size, root, proof)
            assert not verify_inclusion(leaf, index, size, flipped(root, bit), proof)
            for at, each in enumerate(proof):
                changed = [*proof[:at], flipped(each, bit), *proof[at + 1 :]]
                assert not verify_inclusion(leaf, index, size, root, changed)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
def test_no_consistency_proof_with_one_bit_changed_is_believed(size: int) -> None:
    for old_size in range(1, size + 1):
        old, new, proof = ROOTS[old_size], ROOTS[size], TREE.consistency_proof(old_size, size)
        for bit in range(8 * HASH_BYTES):
            assert not verify_consistency(old_size, size, flipped(old, bit), new, proof)
            assert not verify_consistency(old_size, size, old, flipped(new, bit), proof)
            for at, each in enumerate(proof):
                changed = [*proof[:at], flipped(each, bit), *proof[at + 1 :]]
                assert not verify_consistency(old_size, size, old, new, changed)


@given(st.data())
def test_a_leaf_is_believed_at_its_own_index_only(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, len(LEAVES)))
    index, other = data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True))
    proof = TREE.inclusion_proof(index, size)
    assert verify_inclusion(LEAVES[index], index, size, ROOTS[size], proof)
    assert not verify_inclusion(LEAVES[index], other, size, ROOTS[size], proof)
    assert not verify_inclusion(LEAVES[other], index, size, ROOTS[size], proof)


@given(st.data())
def test_a_rewritten_past_is_not_believed(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 200))
    old_size = data.draw(st.integers(1, size))
    edited = data.draw(st.integers(0, old_size - 1))
    other = Tree([*LEAVES[:edited], leaf_hash(b"edited"), *LEAVES[edited + 1 : size]])
    proof = other.consistency_proof(old_size)
    assert verify_consistency(old_size, size, other.root(old_size), other.root(), proof)
    assert not verify_consistency(old_size, size, ROOTS[old_size], other.root(), proof)


@given(st.data())
def test_a_proof_that_lacks_or_adds_a_hash_is_not_believed(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(LEAVES)))
    index = data.draw(st.integers(0, size - 1))
    at = data.draw(st.integers(0, 12))
    extra = data.draw(st.sampled_from([LEAVES[0], EMPTY_ROOT, b"", b"short", b"l" * 33]))
    included = TREE.inclusion_proof(index, size)
    consistent = TREE.consistency_proof(index + 1, size)
    for changed in ([*included[:at], *included[at + 1 :]], [*included[:at], extra, *included[at:]]):
        if changed != included:
            assert not verify_inclusion(LEAVES[index], index, size, ROOTS[size], changed)
    for changed in ([*consistent[:at], *consistent[at + 1 :]], [*consistent[:at], extra, *consistent[at:]]):
        if changed != consistent:
            assert not verify_consistency(index + 1, size, ROOTS[index + 1], ROOTS[size], changed)


HASHES = st.binary(min_size=30, max_size=34) | st.sampled_from(LEAVES[:4] + ROOTS[:5])
NUMBERS = st.integers(-3, 9) | st.sampled_from([SIZE_MAX - 1, SIZE_MAX, SIZE_MAX + 1, 2**200, -(2**64)])


@given(HASHES, NUMBERS, NUMBERS, HASHES, st.lists(HASHES, max_size=70))
def test_nothing_that_a_proof_may_hold_raises(
    first: bytes, number: int, size: int, root: bytes, proof: list[bytes]
) -> None:
    assert verify_inclusion(first, number, size, root, proof) in {True, False}
    assert verify_consistency(number, size, first, root, proof) in {True, False}


def test_the_largest_tree_has_proofs_of_63_hashes() -> None:
    path = [LEAVES[0]] * 63
    root = LEAVES[0]
    for sibling in path:
        root = node_hash(root, sibling)
    assert verify_inclusion(LEAVES[0], 0, SIZE_MAX, root, path)
    assert not verify_inclusion(LEAVES[0], 0, SIZE_MAX + 1, root, path)
    assert not verify_inclusion(LEAVES[0], 0, SIZE_MAX, root, [*path, LEAVES[0]])
    assert verify_consistency(1, SIZE_MAX, LEAVES[0], root, path)
    assert not verify_consistency(1, SIZE_MAX + 1, LEAVES[0], root, path)


def test_everything_grows_from_the_empty_tree_and_needs_no_proof() -> None:
    assert verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    assert verify_consistency(0, 5, EMPTY_ROOT, ROOTS[5], [])
    assert not verify_consistency(0, 5, EMPTY_ROOT, ROOTS[5], [LEAVES[0]])
    assert not verify_consistency(0, 5, ROOTS[4], ROOTS[5], [])
    assert not verify_consistency(0, 0, EMPTY_ROOT, ROOTS[5], [])
    assert not verify_consistency(0, 0, ROOTS[5], ROOTS[5], [])


# -- speed --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ten_thousand_leaves_are_appended_in_60_ms_and_ten_thousand_proofs_made_in_a_second() -> None:
    many = [b"%032d" % n for n in range(100_000)]

    def append() -> None:
        tree = Tree()
        for leaf in many[:10_000]:
            tree.append(leaf)

    def prove() -> None:
        for index in range(0, len(many), 10):
            large.inclusion_proof(index)

    large = Tree(many)
    assert best_cpu_s(append) < 0.060
    assert best_cpu_s(prove) < 1.0


def best_cpu_s(work) -> float:  # type: ignore[no-untyped-def]
    """Return the least processor time of three runs, which a busy machine disturbs least."""
    spent = []
    for _ in range(3):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)
