"""How what a service keeps is written in a database: entities as JSON, instants as microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from keepclear.core.references import ENTITY_TYPES, Entity, EntityKind, UssAvailability
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
