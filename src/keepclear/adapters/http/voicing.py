"""A client of what is done by voice, as commands use it: checks of the picture, and forms on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from keepclear.adapters.http.hotlining import HotlineClient, Texts
from keepclear.adapters.http.talking import quoted


class Spelled(msgspec.Struct, frozen=True, kw_only=True):
    """Symbols, and the words for them in the letters of each language."""

    symbols: str
    words: dict[str, list[str]]


class PartTold(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the picture."""

    label: str
    path: str
    code: Spelled
    size: int


class StandsTold(msgspec.Struct, frozen=True, kw_only=True):
    """Something that stands."""

    kind: str
    name: str
    item: dict[str, Any] | None = None


class PictureTold(msgspec.Struct, frozen=True, kw_only=True):
    """What to say next in a check of the picture."""

    parties: list[str]
    held: dict[str, int]
    frozen: dict[str, int] | None = None
    remarks: list[str] = []
    challenge: Spelled | None = None
    ours: Spelled | None = None
    theirs: Spelled | None = None
    parts: list[PartTold] | None = None
    standing: list[StandsTold] | None = None
    standing_count: int | None = None


class LineTold(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a form."""

    name: str
    labels: Texts
    text: str
    symbol: Spelled


class FormTold(msgspec.Struct, frozen=True, kw_only=True):
    """The form of a message."""

    lines: list[LineTold]
    total: Spelled
    texts: Texts


class NextTold(msgspec.Struct, frozen=True, kw_only=True):
    """The line that comes next."""

    name: str
    labels: Texts
    needed: bool


class PaperTold(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of a form so far."""

    lines: list[LineTold]
    next: NextTold | None = None
    checked: bool
    deed: dict[str, Any] | None = None
    texts: Texts | None = None
    heard_in: int | None = None


class VoiceClient(HotlineClient):
    """A client that also knows what is done by voice."""

    __slots__ = ()

    def picture_check(self, party: str, said: Mapping[str, object]) -> PictureTold:
        """Return what to say next; nothing is kept at the node.

        Args:
            party: With whom.
            said: What is known so far, by the names of the API.
        """
        return self._ask("/v1/picture-checks", {"with": party, **said}, PictureTold)

    def paper(self, party: str, n: int) -> FormTold:
        """Return the form of a message."""
        return self._read(f"/v1/messages/{quoted(party)}/{n}/paper", FormTold)

    def read_paper(
        self, lines: Sequence[tuple[str, str | None]], total: str | None = None, *, is_complete: bool = False
    ) -> PaperTold:
        """Return what lines say that were heard.

        Args:
            lines: The text and the symbol of each.
            total: The symbols of the whole; None where it has none, or is not complete.
            is_complete: Whether these are all lines.
        """
        given = [{"text": text, "symbol": symbol} for text, symbol in lines]
        return self._ask("/v1/paper", {"lines": given, "total": total, "complete": is_complete}, PaperTold)
