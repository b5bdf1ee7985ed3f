"""Extents by their texts, as the judge takes them: of one text always the same, so that it may be kept."""

from __future__ import annotations

import threading
from typing import Final

from keepclear.codec.f3548.extents import decode_extent
from keepclear.core.errors import InvalidValueError
from keepclear.core.extents import Extent
from keepclear.core.packed import PackedVolumes
from keepclear.node.outcomes import StoreError

PACKED_BYTES_MAX: Final = 100_000_000
"""So many bytes of memory hold extents as arrays; those that were not needed for longest go first."""

_OVERHEAD_BYTES: Final = 2_000


def read_extent(text: str) -> Extent:
    """Read an extent that was written here.

    Raises:
        StoreError: It is none: it was damaged or edited.
    """
    try:
        return decode_extent(text.encode())
    except InvalidValueError as error:
        raise StoreError(f"a kept extent is damaged: {error}; restore a backup", may_pass=False) from error


class PackedTexts:
    """Extents as arrays by their texts; any thread may ask."""

    def __init__(self) -> None:
        self._door = threading.Lock()
        self._held: dict[str, PackedVolumes] = {}
        self._byte_count = 0

    def packed(self, text: str) -> PackedVolumes:
        """Return the extent of a text as arrays.

        Raises:
            StoreError: The text is none of an extent.
        """
        with self._door:
            found = self._held.pop(text, None)
            if found is not None:
                self._held[text] = found  # the last to go
                return found
        packed = read_extent(text).packed
        with self._door:
            if text not in self._held:  # another thread may have been first
                self._held[text] = packed
                self._byte_count += _bytes_of(text, packed)
            while self._byte_count > PACKED_BYTES_MAX:
                first = next(iter(self._held))
                self._byte_count -= _bytes_of(first, self._held.pop(first))
        return packed


def _bytes_of(text: str, packed: PackedVolumes) -> int:
    return len(text) + packed.memory_bytes + _OVERHEAD_BYTES
