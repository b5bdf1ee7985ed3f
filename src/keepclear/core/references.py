"""What a Discovery and Synchronization Service keeps: references to what parties hold, and who wants news.

A reference says that something is there, whose it is, and where its details are to be had. The details stay
with the one who manages it. Source: ASTM F3548-21 (strategic coordination), ASTM F3411-22a (remote ID); the
names are theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from keepclear.core.intents import IntentState


class EntityKind(Enum):
    """What kinds of things are kept."""

    INTENT = "intent"
    """A reference to an operational intent (F3548)."""
    CONSTRAINT = "constraint"
    """A reference to a constraint (F3548)."""
    SUBSCRIPTION = "subscription"
    """Who wants to hear of intents or constraints (F3548)."""
    IDENTIFICATION_AREA = "identification_area"
    """An identification service area: somebody identifies flights there (F3411)."""
    IDENTIFICATION_SUBSCRIPTION = "identification_subscription"
    """Who wants to hear of identification service areas (F3411)."""


class Notified(NamedTuple):
    """A subscription that a change is to be told to.

    Attributes:
        subscription_id: Which.
        uss_base_url: Where to tell it.
        notification_index: How many changes were told to it, this one too.
    """

    subscription_id: str
    uss_base_url: str
    notification_index: int


class Change(NamedTuple):
    """What made an entity as it is, so that who lost the answer gets the same again.

    Attributes:
        request: The SHA-256 of what was asked, 64 hexadecimal digits.
        replaced: The OVN or version that it replaced; empty when it was created.
        notified: The subscriptions that the answer named.
        connection: Over which connection the answer went. Who asks the same again over that one has it; who
            does so over another one has lost it.
    """

    request: str
    replaced: str
    notified: tuple[Notified, ...]
    connection: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """What all that is kept has.

    Attributes:
        id: A UUID of version 4, in lower case with dashes.
        manager: The subject of the token that made it; nobody else changes it.
        uss_base_url: Where the manager's service is.
        start: The first instant of its extent, aware.
        end: The last.
        change: What made it as it is.
    """

    id: str
    manager: str
    uss_base_url: str
    start: datetime
    end: datetime
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentReference(Entity):
    """A reference to an operational intent.

    Attributes:
        state: Never ended: what has ended is removed.
        version: 1 when created, one more with each change.
        ovn: What only those know who saw this version's details; changes with each version.
        subscription_id: By which subscription its manager hears of others; None for none.
        suffix_ms: The time in the last suffix asked for its OVN, milliseconds since 1970; 0 for none.
    """

    state: IntentState
    version: int
    ovn: str
    subscription_id: str | None
    suffix_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstraintReference(Entity):
    """A reference to a constraint.

    Attributes:
        version: 1 when created, one more with each change.
        ovn: As of an intent.
    """

    version: int
    ovn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription(Entity):
    """Who wants to hear of changes in an extent.

    Attributes:
        version: Changes with each change of the subscription, not with its index.
        notification_index: How many changes were told to it.
        wants_intents: Whether of operational intents.
        wants_constraints: Whether of constraints.
        is_implicit: Whether it came with an intent, and goes with the last that needs it.
    """

    version: str
    notification_index: int
    wants_intents: bool
    wants_constraints: bool
    is_implicit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentificationArea(Entity):
    """An identification service area.

    Attributes:
        version: Changes with each change.
        api: Which version of the interface its manager speaks, "v1" or "v2".
    """

    version: str
    api: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentificationSubscription(Entity):
    """Who wants to hear of identification service areas.

    Attributes:
        version: Changes with each change of the subscription, not with its index.
        notification_index: How many changes were told to it.
        api: Which version of the interface its manager speaks, "v1" or "v2".
    """

    version: str
    notification_index: int
    api: str


ENTITY_TYPES: dict[EntityKind, type[Entity]] = {
    EntityKind.INTENT: IntentReference,
    EntityKind.CONSTRAINT: ConstraintReference,
    EntityKind.SUBSCRIPTION: Subscription,
    EntityKind.IDENTIFICATION_AREA: IdentificationArea,
    EntityKind.IDENTIFICATION_SUBSCRIPTION: IdentificationSubscription,
}
"""The type of each kind."""


def kind_of(entity: Entity) -> EntityKind:
    """Return of which kind an entity is."""
    return next(kind for kind, type_ in ENTITY_TYPES.items() if type(entity) is type_)


class Availability(Enum):
    """Whether a party's service can be reached (ASTM F3548-21, UssAvailabilityState)."""

    UNKNOWN = "Unknown"
    NORMAL = "Normal"
    DOWN = "Down"


@dataclass(frozen=True, slots=True, kw_only=True)
class UssAvailability:
    """What was last said of a party's service.

    Attributes:
        uss_id: Whose: the subject of its tokens.
        availability: What was said.
        version: Changes whenever something is said.
    """

    uss_id: str
    availability: Availability
    version: str
