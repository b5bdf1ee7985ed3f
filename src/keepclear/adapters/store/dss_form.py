"""How what a service keeps is written in a database: entities as JSON, instants as microseconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from keepclear.adapters.store.dss_extents import read_extent
from keepclear.core.references import ENTITY_TYPES, Entity, EntityKind, UssAvailability
from keepclear.node.dss.ports import Cause, HistoryEntry
from keepclear.node.outcomes import StoreError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_ENCODER: Final = msgspec.json.Encoder()
_DECODERS: Final = {kind: msgspec.json.Decoder(type_) for kind, type_ in ENTITY_TYPES.items()}
_AVAILABILITY: Final = msgspec.json.Decoder(UssAvailability)


def us_of(instant: datetime) -> int:
    """Return an instant as microseconds since 1970: all of it."""
    return (instant - _EPOCH) // _MICROSECOND


def instant_of_us(us: int) -> datetime:
    """Return the instant so many microseconds after the start of 1970, in UTC."""
    return _EPOCH + timedelta(microseconds=us)


def write_details(value: Entity | UssAvailability) -> str:
    """Write an entity, or what is said of a service, as JSON."""
    return _ENCODER.encode(value).decode()


def read_entity(kind: EntityKind, text: str | bytes) -> Entity:
    """Read an entity that was written here.

    Raises:
        StoreError: It is none: it was damaged or edited.
    """
    try:
        return _DECODERS[kind].decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(
            f"a kept {kind.value} is damaged: {error}; restore a backup", may_pass=False
        ) from error


def read_entities(kind: EntityKind, rows: Iterable[Sequence[Any]]) -> list[Entity]:
    """Read entities of a kind, each alone in its row.

    Raises:
        StoreError: One is none.
    """
    return [read_entity(kind, details) for (details,) in rows]


def cause_row(cause: Cause) -> tuple[str, str, int]:
    """Return a cause as issuer, subject and instant."""
    return cause.issuer, cause.subject, us_of(cause.at)


def read_entry(row: Sequence[Any]) -> HistoryEntry:
    """Read an entry of the history: its number, kind, whether it is a removal, cause, entity and extent.

    Raises:
        StoreError: It is none.
    """
    seq, kind, is_removal, issuer, subject, at_us, details, extent = row
    return HistoryEntry(
        seq=seq,
        cause=Cause(issuer=issuer, subject=subject, at=instant_of_us(at_us)),
        is_removal=bool(is_removal),
        entity=read_entity(EntityKind(kind), details),
        extent=read_extent(extent),
    )


def not_there(kind: EntityKind, entity_id: str) -> StoreError:
    """Return the error that an entity is not there which should be."""
    return StoreError(f"there is no {kind.value} {entity_id}", may_pass=False)


def read_availability(text: str | bytes) -> UssAvailability:
    """Read what was said of a service.

    Raises:
        StoreError: It was damaged or edited.
    """
    try:
        return _AVAILABILITY.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(
            f"a kept availability is damaged: {error}; restore a backup", may_pass=False
        ) from error
