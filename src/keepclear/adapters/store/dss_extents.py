"""Extents as databases of a service hold them: read from their texts, and kept as the judge takes them."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from functools import lru_cache
from typing import Final, Generic, TypeVar

from keepclear.codec.f3548.extents import decode_extent
from keepclear.core.errors import InvalidValueError
from keepclear.core.extents import Extent
from keepclear.core.packed import PackedVolumes
from keepclear.node.outcomes import StoreError

PACKED_BYTES_MAX: Final = 250_000_000
"""So many bytes of memory hold extents as arrays; those that were not needed for longest go first."""

_OVERHEAD_BYTES: Final = 2_000
_KEPT_COUNT: Final = 256
_KEPT_CHARACTERS: Final = 4_000

K = TypeVar("K", int, str)


def read_extent(text: str) -> Extent:
    """Read an extent that was written here.

    Raises:
        StoreError: It is none: it was damaged or edited.
    """
    # Some are read again and again: those of a subscription with each intent that names it.
    return _kept_extent(text) if len(text) <= _KEPT_CHARACTERS else _decoded_extent(text)


@lru_cache(_KEPT_COUNT)
def _kept_extent(text: str) -> Extent:
    return _decoded_extent(text)


def _decoded_extent(text: str) -> Extent:
    try:
        return decode_extent(text.encode())
    except InvalidValueError as error:
        raise StoreError(f"a kept extent is damaged: {error}; restore a backup", may_pass=False) from error


class PackedExtents(Generic[K]):
    """Extents as arrays, by numbers or texts that always stand for the same extent; for one thread."""

    def __init__(self) -> None:
        self._held: OrderedDict[K, PackedVolumes] = OrderedDict()  # the next to go first
        self._byte_count = 0

    def get(self, key: K) -> PackedVolumes | None:
        """Return an extent; None where it is not held."""
        found = self._held.get(key)
        if found is not None:
            self._held.move_to_end(key)
        return found

    def hold(self, key: K, packed: PackedVolumes) -> None:
        """Hold an extent that is not held."""
        self._held[key] = packed
        self._byte_count += _bytes_of(key, packed)
        while self._byte_count > PACKED_BYTES_MAX:
            self.drop(next(iter(self._held)))

    def drop(self, key: K) -> None:
        """Hold an extent no longer."""
        gone = self._held.pop(key, None)
        if gone is not None:
            self._byte_count -= _bytes_of(key, gone)


class PackedTexts:
    """Extents as arrays by their texts; any thread may ask."""

    def __init__(self) -> None:
        self._door = threading.Lock()
        self._held: PackedExtents[str] = PackedExtents()

    def packed(self, text: str) -> PackedVolumes:
        """Return the extent of a text as arrays.

        Raises:
            StoreError: The text is none of an extent.
        """
        with self._door:
            found = self._held.get(text)
        if found is None:
            found = read_extent(text).packed
            with self._door:
                if self._held.get(text) is None:  # another thread may have been first
                    self._held.hold(text, found)
        return found


def _bytes_of(key: int | str, packed: PackedVolumes) -> int:
    return sys.getsizeof(key) + packed.memory_bytes + _OVERHEAD_BYTES
