"""Files that are carried to a party: as much of what it lacks as one bundle holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from keepclear.codec.bundle import ENTRIES_MAX, PARTS_MAX, encode_bundle
from keepclear.core.bundles import Bundle, LogPart
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.node.give import ENTRIES_AT_ONCE
from keepclear.node.logs import Logs
from keepclear.node.ports import LogReading

Heads = tuple[tuple[PartyId, int], ...]
"""How many entries of each log a party holds."""
_FOR_EVER_S: Final = 2**53


def shown_heads(party: PartyId, logs: Logs, reading: LogReading, *, is_whole: bool) -> Heads:
    """Return how much of each log a party has shown that it has: by its receipts and its statements.

    Args:
        party: Which.
        logs: What is held.
        reading: Where the receipts are.
        is_whole: Whether to take it for a party that has nothing.
    """
    if is_whole:
        return ()
    signed = {each.party: each.size for each in reading.cosigned_by(party, _FOR_EVER_S)}
    shown = {other: max(signed.get(other, 0), logs.ledger.received(party, other)) for other in logs.parties}
    return tuple({**shown, party: logs[party].tree.size}.items())


async def carried(heads: Heads, part: Callable[[Heads], Awaitable[Bundle]]) -> bytes:
    """Write a bundle of all that a party lacks, or of the beginning of it where that is too much.

    Args:
        heads: How much it has.
        part: Makes a bundle of the beginning of what a party with such heads lacks.
    """
    first = await part(heads)
    parts, found = list(first.parts), first
    while found.parts and _has_room(parts, len(found.parts)):
        held = dict(heads)
        for each in found.parts:
            held[each.party] = max(each.end, held.get(each.party, 0))
        heads = tuple(held.items())
        found = await part(heads)
        parts.extend(found.parts)
    return await asyncio.to_thread(_written, replace(first, parts=tuple(parts)))


def _has_room(parts: list[LogPart], log_count: int) -> bool:
    entry_count = sum(len(part.entries) for part in parts)
    return len(parts) + log_count <= PARTS_MAX and entry_count + log_count * ENTRIES_AT_ONCE <= ENTRIES_MAX


def _written(bundle: Bundle) -> bytes:
    """Write a bundle, with fewer parts where all are too much; what was left out goes with the next."""
    while True:
        try:
            return encode_bundle(bundle)
        except InvalidValueError:
            if len(bundle.parts) < 2:
                raise
            bundle = replace(bundle, parts=bundle.parts[: len(bundle.parts) // 2])
