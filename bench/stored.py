"""A database of a node with seeded traffic in it, as if all had been declared; and what is declared next."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from bench import traffic
from bench.command import f3548_json
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.migrations import scripts
from keepclear.adapters.store.sqlite import Durability, SqliteStore
from keepclear.codec.f3548 import wire
from keepclear.codec.f3548.volumes import decode_item
from keepclear.core.conflicts import Item, label_of
from keepclear.core.intents import OperationalIntent
from keepclear.core.times import rfc3339
from keepclear.node.policy import span_ms
from keepclear.node.ports import Actor, EventKind, Record, Standing

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(hours=1)
"""What time it is in the benchmarks: the traffic begins an hour later."""
DECLARED_SEED: Final = 9
"""What is declared comes from the same generator as what is stored, with another seed."""
DECLARED_VOLUMES: Final = (6, 10)
"""What is declared has so many volumes."""

_FSYNCS: Final = 50
_CELL_DEG: Final = 0.02
_CELLS_A_ROW: Final = 1_000
_RADIUS_M: Final = 300.0
_DEG_A_M: Final = 1.0 / 111_320.0


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


def filled(folder: Path, volume_count: int) -> Path:
    """Return a database that holds so many volumes; it is made where there is none yet, and only read."""
    digest = traffic.generate(volume_count).digest()
    path = folder / f"stored-{volume_count}-{digest}-{len(scripts())}.sqlite3"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        for left in folder.glob(f"{part.name}*"):
            left.unlink()
        fill(part, volume_count)
        part.rename(path)  # after it was closed, so that no log is beside it
    return path


def copied(database: Path, path: Path) -> Path:
    """Copy a database that nobody has open, and bring the copy to the disk; return the copy."""
    shutil.copyfile(database, path)
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    return path


def fsync_s(folder: Path) -> float:
    """Return how long the disk of a folder takes to have 4 kB, the median of 50 writes, seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    path, took_s = folder / "fsync.part", []
    with path.open("wb") as file:
        for _ in range(_FSYNCS):
            file.write(bytes(4096))
            file.flush()
            start = time.perf_counter()
            os.fsync(file.fileno())
            took_s.append(time.perf_counter() - start)
    path.unlink()
    return statistics.median(took_s)


def intents(count: int, prefix: str) -> list[wire.Entry]:
    """Return so many intents of 6 to 10 volumes as they are declared, of no party, with ids of their own."""
    made = traffic.generate(count * 30 + 1_000, DECLARED_SEED)
    volumes = np.bincount(made.item)
    is_zone = made.zone[np.searchsorted(made.item, np.arange(made.item_count))]
    least, most = DECLARED_VOLUMES
    chosen = np.flatnonzero((volumes >= least) & (volumes <= most) & ~is_zone)
    texts = items_of(made, prefix)
    found: list[wire.Entry] = []
    for index in chosen.tolist():
        if len(found) == count:
            return found
        if decode_item(texts[index], "traffic").placed:  # else it crosses itself
            entry = msgspec.json.decode(texts[index], type=wire.Entry)
            entry.party = None
            found.append(entry)
    assert len(found) == count, "the generator made too few"
    return found


def small_intent(
    item_id: str,
    place: int,
    *,
    party: str | None = None,
    aside_m: float = 0.0,
    raised_m: float = 0.0,
    legs: int = 2,
    begins: datetime = NOW + timedelta(hours=1),
) -> bytes:
    """Return an intent of a few volumes that meets nothing of another place, but what is at its own.

    Args:
        item_id: Its id.
        place: Which place; up to 60 degrees north they are a kilometre or more from each other.
        party: Whose it is; None for that of whoever declares it.
        aside_m: How far east of the middle of the place it is, up to 400 m.
        raised_m: How much higher than others, up to 100 m.
        legs: How many volumes it has, one or two.
        begins: When its first volume begins.
    """
    row, column = divmod(place, _CELLS_A_ROW)
    volumes = []
    for leg in range(legs):
        lat, lng = row * _CELL_DEG + leg * _RADIUS_M * _DEG_A_M, column * _CELL_DEG + aside_m * _DEG_A_M
        circle = wire.Circle(
            center=wire.LatLngPoint(lat=lat, lng=lng), radius=wire.Radius(value=_RADIUS_M, units="M")
        )
        space = wire.Volume3D(
            outline_circle=circle,
            altitude_lower=wire.Altitude(value=100.0 + raised_m, reference="W84", units="M"),
            altitude_upper=wire.Altitude(value=220.0 + raised_m, reference="W84", units="M"),
        )
        start = begins + timedelta(minutes=10 * leg)
        volumes.append(
            wire.Volume4D(
                volume=space,
                time_start=wire.Time(value=rfc3339(start), format="RFC3339"),
                time_end=wire.Time(value=rfc3339(start + timedelta(minutes=15)), format="RFC3339"),
            )
        )
    return msgspec.json.encode(
        wire.Entry(id=item_id, volumes=volumes, party=party, kind="operational_intent")
    )
