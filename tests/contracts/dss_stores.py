"""The stores of a service that the contract runs over, and small makers of what they keep.

Another store is one more place in `PLACES`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path

from keepclear.adapters.store.dss_memory import MemoryDssStore
from keepclear.adapters.store.dss_postgres import PostgresDssStore
from keepclear.adapters.store.dss_sqlite import SqliteDssStore
from keepclear.core.extents import Extent
from keepclear.core.intents import IntentState
from keepclear.core.references import ENTITY_TYPES, Change, Entity, EntityKind, Notified
from keepclear.core.volumes import Volume4D
from keepclear.node.dss.ports import Cause, DssStore
from tests.postgres import emptied_database
from tests.strategies import NOON

Opened = Callable[[], DssStore]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store keeps what it keeps.

    Attributes:
        name: What it is called.
        made: Makes an empty place, in a folder if it needs one; what it gives opens a store there, the one
            before being closed.
        is_lasting: Whether a store that is opened again finds what was there.
    """

    name: str
    made: Callable[[Path], AbstractContextManager[Opened]]
    is_lasting: bool


@contextmanager
def _in_memory(_: Path) -> Iterator[Opened]:
    yield MemoryDssStore


@contextmanager
def _in_a_file(folder: Path) -> Iterator[Opened]:
    yield lambda: SqliteDssStore(folder / "dss.db")


@contextmanager
def _in_postgres(_: Path) -> Iterator[Opened]:
    with emptied_database() as dsn:
        yield lambda: PostgresDssStore(dsn, workers=2)


PLACES = [
    Place("memory", _in_memory, is_lasting=False),
    Place("sqlite", _in_a_file, is_lasting=True),
    Place("postgres", _in_postgres, is_lasting=True),
]

CAUSE = Cause(issuer="https://issuer.example", subject="uss1", at=NOON + timedelta(microseconds=123_457))
CHANGE = Change(
    request="0f" * 32,
    replaced="an OVN",
    notified=(Notified(str(uuid.UUID(int=7)), "https://uss2.example/utm", 3),),
)


def id_of(number: int) -> str:
    """Return an id; greater numbers sort later."""
    return str(uuid.UUID(int=number, version=4))


def extent_of(*volumes: Volume4D) -> Extent:
    """Return the extent of volumes."""
    return Extent(volumes)


def entity(
    kind: EntityKind,
    number: int,
    extent: Extent,
    *,
    manager: str = "uss1",
    subscription: int | None = None,
    index: int = 0,
) -> Entity:
    """Return an entity of a kind, with what its type asks for.

    Args:
        kind: Of which kind.
        number: Its id is made of it.
        extent: Where and when it is.
        manager: Whose it is.
        subscription: The subscription that an intent names.
        index: The notification index of a subscription.
    """
    base = Entity(
        id=id_of(number),
        manager=manager,
        uss_base_url=f"https://{manager}.example/utm",
        start=extent.start,
        end=extent.end,
        change=CHANGE,
    )
    named = None if subscription is None else id_of(subscription)
    details: dict[EntityKind, dict[str, object]] = {
        EntityKind.INTENT: {
            "state": IntentState.ACTIVATED,
            "version": 3,
            "ovn": f"OVN {number} ö",
            "subscription_id": named,
        },
        EntityKind.CONSTRAINT: {"version": 2, "ovn": "OVN"},
        EntityKind.SUBSCRIPTION: {
            "version": "v1",
            "notification_index": index,
            "wants_intents": True,
            "wants_constraints": False,
            "is_implicit": True,
        },
        EntityKind.IDENTIFICATION_AREA: {"version": "v1", "api": "v2"},
        EntityKind.IDENTIFICATION_SUBSCRIPTION: {
            "version": "v1",
            "notification_index": index,
            "api": "v1",
        },
    }
    shared = {field.name: getattr(base, field.name) for field in fields(Entity)}
    return ENTITY_TYPES[kind](**shared, **details[kind])  # type: ignore[arg-type]
