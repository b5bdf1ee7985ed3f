"""How items are written in the store: as the API has them, so that a list needs no translation."""

from __future__ import annotations

from typing import Final

import msgspec

from keepclear.codec.f3548 import foreign
from keepclear.codec.f3548.volumes import decode_item, encode_item
from keepclear.core.bundles import LogPart
from keepclear.core.conflicts import Item
from keepclear.core.intents import ItemId, PartyId
from keepclear.node.outcomes import StoreError
from keepclear.node.ports import Foreign

_PART: Final = msgspec.msgpack.Decoder(LogPart)


class JsonForm:
    """Items as JSON with the volumes of F3548; parts of logs, which only this node reads, as MessagePack."""

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

    def read_foreign(self, text: bytes, item_id: ItemId, party: PartyId) -> Foreign:
        """Make what can be made of an item of another party, whatever it says; never raise.

        Args:
            text: What the party stated.
            item_id: How this node calls the item.
            party: Whose it is, whatever the text says.
        """
        return Foreign(*foreign.read_foreign(text, item_id, party))

    def write_part(self, part: LogPart) -> bytes:
        """Write a part of a log that waits for a gap to be filled."""
        return msgspec.msgpack.encode(part)

    def read_part(self, text: bytes) -> LogPart:
        """Return the part that was written.

        Raises:
            StoreError: It is none: the database was damaged or edited.
        """
        try:
            return _PART.decode(text)
        except msgspec.DecodeError as error:
            raise StoreError(f"a part of a log: {error}; restore a backup", may_pass=False) from error
