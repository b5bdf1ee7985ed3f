"""The small parts that the report is made of: text of others, numbers, symbols.

Text of others is escaped and isolated, so that it can change neither the page nor the order of the
words around it.
"""

from __future__ import annotations

from typing import Final

from keepclear.codec.drawing import Drawing, finding_mark, party_mark
from keepclear.codec.words import count_text, duration_text, escaped, length_text
from keepclear.core.conflicts import Buffer, Verdict
from keepclear.core.intents import PartyId

ROWS_MAX: Final = 1_000
"""A table shows so many rows; how many more there are is told."""


def bdi(text: str) -> str:
    """Return text of others, escaped and isolated."""
    return f"<bdi>{escaped(text)}</bdi>"


def numbers(text: str) -> str:
    """Keep numbers on one line and in their order."""
    return f'<span dir="ltr" class="keep">{text}</span>'


def party_name(party: str | None) -> str:
    """Name a party."""
    return bdi(party) if party is not None else "no party"


def and_more(left_out: int, what: str, many: str = "") -> str:
    """Tell how many are left out of a list, if any."""
    return f'<p class="dim">And {count_text(left_out, what, many)} more.</p>' if left_out > 0 else ""


def gaps(buffer: Buffer) -> str:
    """Write the three gaps of a buffer."""
    return numbers(
        f"{length_text(buffer.lateral_m)} lateral, {length_text(buffer.vertical_m)} vertical,"
        f" {duration_text(buffer.time_s)} in time"
    )


def finding_symbol(verdict: Verdict, number: int) -> str:
    """Draw the mark of a finding."""
    mark = finding_mark(verdict, number, 16.0, 13.0)
    return f'<svg class="kc mark" width="32" height="26" aria-hidden="true">{mark}</svg>'


def party_symbol(drawing: Drawing, party: PartyId | None) -> str:
    """Draw the mark of a party."""
    look = drawing.looks[party]
    symbol = party_mark(look, 12.0, 12.0)
    label = f'role="img" aria-label="mark {look.letter}"'
    return f'<svg class="kc mark" width="24" height="24" {label}>{symbol}</svg>'
