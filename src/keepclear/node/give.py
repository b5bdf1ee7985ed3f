"""Give: what a peer lacks of the logs, as a bundle for a link or for a file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from keepclear.core.bundles import Bundle, LogPart
from keepclear.core.intents import PartyId
from keepclear.node.logs import HeldLog, Logs
from keepclear.node.ports import (
    ItemForm,
    LogReading,
)
from keepclear.node.sharing import (
    Told,
)

ENTRIES_AT_ONCE: Final = 2_000
"""So many entries of one log go into a bundle at most; the next bundle goes on."""
PART_BYTES_MAX: Final = 4_000_000
"""So many bytes of one log go into a bundle, where its owner signed a head so near."""

_HEADS_READ: Final = 4_096


def bundle_for(
    peer: PartyId,
    heads: Sequence[tuple[PartyId, int]],
    logs: Logs,
    reading: LogReading,
    now_ms: int,
    form: ItemForm | None = None,
) -> Bundle:
    """Make a bundle of what a peer lacks, of its own log too, should it have lost the end of it.

    Args:
        peer: For whom.
        heads: How far the peer holds each log.
        logs: What is held.
        reading: Where the entries are.
        now_ms: What time it is.
        form: How items are written; without it, what may be under an embargo is not given.
    """
    holds = dict(heads)
    told = Told(peer=peer, logs=logs, form=form, now_ms=now_ms)
    parts = [
        part
        for party in logs.parties
        if (part := _part_for(told, holds.get(party, 0), logs[party], reading)) is not None
    ]
    for party in logs.parties:
        parts.extend(_opened_parts(told, holds.get(party, 0), logs[party], reading))
    cosignatures = [
        each.given for party in logs.parties for each in reading.cosigned(party) if each.witness != peer
    ]
    return Bundle(
        by=logs.own,
        to=peer,
        at_ms=now_ms,
        heads=logs.heads_for(peer),
        parts=tuple(parts),
        cosignatures=tuple(cosignatures),
    )


def _opened_parts(told: Told, held: int, log: HeldLog, reading: LogReading) -> Iterator[LogPart]:
    """Yield again what was held back from a peer until its time, which has come.

    Nobody tells whether the peer has it by now, so it is given again from time to time.
    """
    if log.frozen is not None:
        return
    for n in told.opened(log.party, held):
        head = next(iter(reading.heads(log.party, n + 1, 1)), None)
        if head is not None and head.size <= min(held, log.tree.size):
            entries = reading.entries(log.party, n, head.size - n)
            yield LogPart(party=log.party, first=n, entries=told.entries(entries), note=head.note)


def _part_for(told: Told, first: int, log: HeldLog, reading: LogReading) -> LogPart | None:
    if log.frozen is not None or first >= log.tree.size:
        return None
    heads = reading.heads(log.party, first + 1, _HEADS_READ)
    if not heads:
        return None
    fitting = [head for head in heads if head.size <= first + ENTRIES_AT_ONCE] or heads[:1]
    if fitting[-1].size > log.tree.size:
        return None
    entries = reading.entries(log.party, first, fitting[-1].size - first)
    reach = itertools.accumulate(len(entry.jws or b"") for entry in entries)
    room = first + sum(size <= PART_BYTES_MAX for size in reach)
    head = next((head for head in reversed(fitting) if head.size <= room), fitting[0])
    entries = entries[: head.size - first]
    return LogPart(party=log.party, first=first, entries=told.entries(entries), note=head.note)
