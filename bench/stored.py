"""A database of a node with seeded traffic in it, as if it had all been declared."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from bench import traffic
from bench.command import f3548_json
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.sqlite import Durability, SqliteStore
from keepclear.codec.f3548.volumes import decode_item
from keepclear.core.conflicts import Item, label_of
from keepclear.core.intents import OperationalIntent
from keepclear.node.policy import span_ms
from keepclear.node.ports import Actor, EventKind, Record, Standing

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(hours=1)
"""What time it is in the benchmarks: the traffic begins an hour later."""


def items_of(made: traffic.Traffic, prefix: str) -> list[bytes]:
    """Return the text of each item of traffic."""
    return [bytes(raw) for raw in msgspec.json.decode(f3548_json(made, prefix), type=list[msgspec.Raw])]


def record_of(item: Item, text: bytes) -> Record:
    """Return the record of an item that is declared."""
    assert item.party is not None
    start_ms, end_ms = span_ms(item)
    return Record(
        seq=0,
        kind=EventKind.DECLARED,
        label=label_of(item),
        state=item.state if isinstance(item, OperationalIntent) else None,
        start_ms=start_ms,
        end_ms=end_ms,
        text=text,
        version=1,
        standing=Standing.CLEAR,
        actor=Actor(party=item.party, person="bench"),
        at=NOW,
    )


def fill(path: Path, volume_count: int) -> int:
    """Make a database that holds so many volumes; return how many items that are."""
    form = JsonForm()
    texts = items_of(traffic.generate(volume_count), "stored")
    store = SqliteStore(path, durability=Durability.NORMAL, create=True)
    with store.transaction() as transaction:
        for text in texts:
            for placed in decode_item(text, "traffic").placed:  # a few corridors cross themselves: left out
                transaction.append(record_of(placed.item, form.write(placed.item)), placed.item)
    count = store.last_seq()
    store.close()
    return count
