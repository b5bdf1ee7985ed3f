"""Cuts blocks of ASTERIX into records and items, by `aviconv-asterix` (extra `asterix`).

The library is young: what it says of the layout of items is held against another's in the tests, and put
right here where it is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from keepclear.codec.decoding import Faults
from keepclear.core.errors import InvalidValueError

if TYPE_CHECKING:
    from aviconv_asterix.fspec import UAP, Item


class Record(NamedTuple):
    """One record.

    Attributes:
        items: The octets of each item as a number, and how many bits they have, by its id.
        words: What the library reads as text: `callsign`, `target_identification`, `mode3a`.
    """

    items: Mapping[str, tuple[int, int]]
    words: Mapping[str, object]

    def unsigned(self, item: str) -> int | None:
        """Return an item as a number without a sign; None where it is not there."""
        found = self.items.get(item)
        return None if found is None else found[0]

    def signed(self, item: str, bits: int | None = None) -> int | None:
        """Return an item, or its last bits, as a number in two's complement; None where it is not there."""
        found = self.items.get(item)
        if found is None:
            return None
        bits = bits or found[1]
        value = found[0] & (1 << bits) - 1
        return value - (1 << bits) if value >> bits - 1 else value

    def scaled(self, item: str, unit: float, bits: int | None = None) -> float:
        """Return an item in a unit; NaN where it is not there."""
        value = self.signed(item, bits)
        return math.nan if value is None else value * unit

    def octet(self, item: str, place: int) -> int:
        """Return one octet of an item, counted from 0; 0 where it is not there."""
        value, bits = self.items.get(item, (0, 0))
        return value >> bits - 8 * (place + 1) & 0xFF if 8 * place < bits else 0


class RecordReader:
    """Reads the records of blocks. The library is imported when the first reader is made.

    Raises:
        InvalidValueError: The extra `asterix` is not installed.
    """

    def __init__(self) -> None:
        try:
            from aviconv_asterix.cat021 import UAP_021
            from aviconv_asterix.cat062 import UAP_062
            from aviconv_asterix.fspec import Compound, Fixed, decode_record
            from aviconv_core.errors import AviconvError
        except ImportError as error:
            raise InvalidValueError(
                "", "ASTERIX needs aviconv-asterix: pip install 'keepclear[asterix]'"
            ) from error
        self._not_read: type[Exception] = AviconvError
        self._decode_record: Callable[..., tuple[dict[str, object], dict[str, str], int]] = decode_record
        self._parts: dict[str, UAP] = {}
        uap: list[Item | None] = []
        for item in UAP_062:
            if item is not None and isinstance(item.layout, Compound):
                # Version 0.4.0 has three octets for the final state selected altitude; it has two.
                parts = tuple(
                    replace(part, layout=Fixed(2)) if part is not None and part.id == "I062/380/FSS" else part
                    for part in item.layout.subfields
                )
                self._parts[item.id] = parts
                uap.append(replace(item, layout=Compound(parts)))
            else:
                uap.append(item)
        self._uaps: dict[int, UAP] = {21: UAP_021, 62: tuple(uap)}

    def records(self, category: int, body: bytes, faults: Faults) -> list[Record]:
        """Return the records of a block; none, and counted, if one of them cannot be read."""
        records = []
        at = 0
        try:
            while at < len(body):
                words, raw, at = self._decode_record(body, at, self._uaps[category], category=category)
                for compound in ("I062/380", "I062/500"):
                    if compound in raw:
                        octets = bytes.fromhex(raw[compound])
                        _, parts, _ = self._decode_record(octets, 0, self._parts[compound], category=category)
                        raw.update(parts)
                items = {item: (int(text, 16), 4 * len(text)) for item, text in raw.items()}
                records.append(Record(items, words))
        except self._not_read:
            faults.add(f"a block of category {category:03d} cannot be read", body.hex())
            return []
        return records
