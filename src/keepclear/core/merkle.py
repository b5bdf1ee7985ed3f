"""The hash tree of a log: its root, and short proofs that an entry is in it and that it only grew.

The tree is that of RFC 9162, section 2.1 (the same as RFC 6962), with SHA-256. What an entry is and who
signs a root is left to others: only hashes come in here, and nothing here reads or stores.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

from keepclear.core.errors import InvalidValueError

HASH_BYTES: Final = 32
"""The length of every hash."""
SIZE_MAX: Final = 2**63 - 1
"""No log has more entries; what claims more is refused."""
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of a tree without leaves."""

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


def leaf_hash(entry: bytes) -> bytes:
    """Return the leaf that stands for an entry."""
    return sha256(_LEAF + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the node above two others."""
    return sha256(_NODE + left + right).digest()


class Tree:
    """A tree that leaves are appended to, in memory.

    Every node above a full pair is kept, 64 bytes a leaf in all, so that a proof hashes only what hangs
    over at the right edge. A tree has one writer; it isn't to be read while leaves are appended.
    """

    __slots__ = ("_levels",)

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        """Make a tree of these leaves; see `extend` for what it raises."""
        self._levels = [bytearray()]  # one hash after another; node i of level k covers 2^k leaves
        self.extend(leaves)

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return len(self._levels[0]) // HASH_BYTES

    def append(self, leaf: bytes) -> None:
        """Add one leaf at the end; see `extend` for what it raises."""
        self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaves at the end, all of them or none.

        Args:
            leaves: Leaf hashes, as `leaf_hash` makes them.

        Raises:
            InvalidValueError: A leaf is not 32 bytes long.
        """
        added = tuple(leaves)
        for offset, leaf in enumerate(added):
            if len(leaf) != HASH_BYTES:
                reason = f"a leaf has {HASH_BYTES} bytes, not {len(leaf)}"
                raise InvalidValueError(f"leaves[{offset}]", reason)
        below = self._levels[0]
        below += b"".join(added)
        for height in range(1, self.size.bit_length()):
            if height == len(self._levels):
                self._levels.append(bytearray())
            level = self._levels[height]
            start, end = len(level) * 2, len(below) - len(below) % (2 * HASH_BYTES)
            if start == end:  # no new pair here, so none above
                break
            for at in range(start, end, 2 * HASH_BYTES):
                level += sha256(_NODE + below[at : at + 2 * HASH_BYTES]).digest()
            below = level

    def truncate(self, size: int) -> None:
        """Take leaves away from the end, as if they had never been appended.

        Raises:
            InvalidValueError: There are fewer leaves than should be left.
        """
        _check_between("size", size, 0, self.size)
        for height, level in enumerate(self._levels):
            del level[(size >> height) * HASH_BYTES :]

    def copy(self) -> Tree:
        """Return a tree of the same leaves, that grows apart from this one."""
        tree = Tree()
        tree._levels = [level.copy() for level in self._levels]
        return tree

    def leaf(self, index: int) -> bytes:
        """Return a leaf hash.

        Raises:
            InvalidValueError: There is no leaf at this index.
        """
        _check_between("index", index, 0, self.size - 1)
        return self._node(0, index)

    def root(self, size: int | None = None) -> bytes:
        """Return the root over the first leaves, or over all.

        Args:
            size: How many leaves; None for all.

        Raises:
            InvalidValueError: There are not so many leaves.
        """
        size = self._checked(size)
        return self._overhang(size.bit_length(), size) if size else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Prove that a leaf is in the tree of the first leaves.

        Args:
            index: Which leaf.
            size: How many leaves the tree has; None for all.

        Returns:
            The hashes for `verify_inclusion`, from the leaf up.

        Raises:
            InvalidValueError: There are not so many leaves, or the index is not below the size.

        Source:
            RFC 9162, section 2.1.3.1.
        """
        size = self._checked(size)
        _check_between("index", index, 0, size - 1)
        return self._siblings(0, index, size)

    def consistency_proof(self, old_size: int, new_size: int | None = None) -> list[bytes]:
        """Prove that the tree of the first leaves has only been appended to.

        Args:
            old_size: How many leaves the earlier tree has.
            new_size: How many leaves the later one has; None for all.

        Returns:
            The hashes for `verify_consistency`; none from an empty tree or between equal sizes.

        Raises:
            InvalidValueError: There are not so many leaves, or the earlier tree is the larger.

        Source:
            RFC 9162, section 2.1.4.1.
        """
        new_size = self._checked(new_size)
        _check_between("old_size", old_size, 0, new_size)
        if old_size in {0, new_size}:
            return []
        height = _trailing_zeros(old_size)
        index = (old_size >> height) - 1
        # Of a full tree the verifier knows the root already: it is the start of the path.
        start = [self._node(height, index)] if index else []
        return start + self._siblings(height, index, new_size)

    def _siblings(self, height: int, index: int, size: int) -> list[bytes]:
        siblings = []
        last = (size - 1) >> height
        while last:
            if index & 1:
                siblings.append(self._node(height, index - 1))
            elif index < last:
                full = (index + 2) << height <= size
                siblings.append(self._node(height, index + 1) if full else self._overhang(height, size))
            height, index, last = height + 1, index >> 1, last >> 1
        return siblings

    def _node(self, height: int, index: int) -> bytes:
        return bytes(self._levels[height][index * HASH_BYTES : (index + 1) * HASH_BYTES])

    def _overhang(self, height: int, size: int) -> bytes:
        """Hash the leaves after the last full node of this height; there must be some."""
        result = b""
        for low in range(height):
            if size >> low & 1:
                node = self._node(low, (size >> low) - 1)
                result = node_hash(node, result) if result else node
        return result

    def _checked(self, size: int | None) -> int:
        if size is None:
            return self.size
        _check_between("size", size, 0, self.size)
        return size


def verify_inclusion(leaf: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether a proof shows that a leaf is in a tree.

    Args:
        leaf: The leaf hash.
        index: Which leaf it is said to be.
        size: How many leaves the tree has.
        root: The root of the tree.
        proof: What `Tree.inclusion_proof` made.

    Returns:
        False for everything that is not exactly such a proof; nothing is raised for its content.

    Source:
        RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size <= SIZE_MAX:
        return False
    on_left = _on_left(index, size - 1)
    if len(proof) != len(on_left) or not _are_hashes(leaf, root, *proof):
        return False
    found = leaf
    for sibling, is_left in zip(proof, on_left, strict=True):
        found = node_hash(sibling, found) if is_left else node_hash(found, sibling)
    return found == root


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Tell whether a proof shows that the earlier of two trees is the start of the later.

    Args:
        old_size: How many leaves the earlier tree has.
        new_size: How many leaves the later one has.
        old_root: The root of the earlier tree.
        new_root: The root of the later one.
        proof: What `Tree.consistency_proof` made.

    Returns:
        False for everything that is not exactly such a proof; nothing is raised for its content.

    Source:
        RFC 9162, section 2.1.4.2; that section leaves out the empty tree, from which everything grows.
    """
    if not 0 <= old_size <= new_size <= SIZE_MAX or not _are_hashes(old_root, new_root):
        return False
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT and (new_size > 0 or new_root == EMPTY_ROOT)
    if old_size == new_size:
        return not proof and old_root == new_root
    height = _trailing_zeros(old_size)
    index = (old_size >> height) - 1
    on_left = _on_left(index, (new_size - 1) >> height)
    if len(proof) != len(on_left) + (index > 0) or not _are_hashes(*proof):
        return False
    start, *siblings = proof if index else (old_root, *proof)
    old_found = new_found = start
    for sibling, is_left in zip(siblings, on_left, strict=True):
        old_found = node_hash(sibling, old_found) if is_left else old_found
        new_found = node_hash(sibling, new_found) if is_left else node_hash(new_found, sibling)
    return old_found == old_root and new_found == new_root


def _on_left(index: int, last: int) -> list[bool]:
    """Tell for each sibling on the way up from a node whether it is on the left.

    Args:
        index: Which node of its level.
        last: The last node of that level, full or not; it has no sibling where its index is even.
    """
    sides = []
    while last:
        if index & 1 or index < last:
            sides.append(index & 1 == 1)
        index, last = index >> 1, last >> 1
    return sides


def _are_hashes(*hashes: bytes) -> bool:
    return all(len(each) == HASH_BYTES for each in hashes)


def _trailing_zeros(number: int) -> int:
    """Count the zero bits at the end of a positive number."""
    return (number & -number).bit_length() - 1


def _check_between(field: str, number: int, least: int, most: int) -> None:
    if not least <= number <= most:
        raise InvalidValueError(field, f"{number} is not within {least}..{most}")
