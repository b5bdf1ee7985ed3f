"""References: which version of which item, and which message, something is said about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX, ItemId, PartyId

LOG_ENTRIES_MAX: Final = 2**40
"""No log is longer."""
VERSION_MAX: Final = 2**31 - 1
"""No item and no agreement has more versions."""


def check_text(field: str, text: str, characters_max: int = ID_CHARACTERS_MAX, least: int = 1) -> None:
    """Refuse a text that is too short or too long, or holds what steers text.

    Nothing that steers text is printable, so no text reads otherwise than it was signed.

    Raises:
        InvalidValueError: That is so.
    """
    if not (least <= len(text) <= characters_max and text.isprintable()):
        raise InvalidValueError(field, f"it must be {least} to {characters_max} printable characters")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ItemRef:
    """A version of an item of a party.

    Attributes:
        party: Whose item.
        id: The item, as its owner calls it.
        version: 1 when declared, one more with each change.

    Raises:
        InvalidValueError: A name is empty, too long or not printable, or the version is out of range.
    """

    party: PartyId
    id: ItemId
    version: int

    def __post_init__(self) -> None:
        check_text("party", self.party)
        check_text("id", self.id)
        if not 1 <= self.version <= VERSION_MAX:
            raise InvalidValueError("version", f"{self.version} is no version; they count from 1")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class MessageRef:
    """A message of a party: its reference number is its place in the party's log.

    Attributes:
        party: Who sent it.
        n: The entry of the party's log, from 0.

    Raises:
        InvalidValueError: The party's name cannot be one, or the number is no place in a log.
    """

    party: PartyId
    n: int

    def __post_init__(self) -> None:
        check_text("party", self.party)
        if not 0 <= self.n < LOG_ENTRIES_MAX:
            raise InvalidValueError("n", f"{self.n} is no place in a log")

    def __str__(self) -> str:
        return f"{self.party} {self.n}"
