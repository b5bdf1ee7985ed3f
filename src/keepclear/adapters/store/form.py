"""How items are written in the store: as the API has them, so that a list needs no translation."""

from __future__ import annotations

from keepclear.codec.f3548.volumes import decode_item, encode_item
from keepclear.core.conflicts import Item
from keepclear.node.outcomes import StoreError


class JsonForm:
    """Items as JSON with the volumes of F3548."""

    def write(self, item: Item) -> bytes:
        """Return the text of an item; equal items have the same text."""
        return encode_item(item)

    def read(self, text: bytes) -> Item:
        """Return the item that was written.

        Raises:
            StoreError: It is none: the database was damaged or edited.
        """
        reading = decode_item(text, "the database")
        if reading.problems:
            raise StoreError(f"{reading.problems[0]}; restore a backup", may_pass=False)
        return reading.placed[0].item
