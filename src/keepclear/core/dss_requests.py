"""What is asked of a Discovery and Synchronization Service, read and checked for its shape."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from keepclear.core.extents import Extent
from keepclear.core.intents import IntentState
from keepclear.core.volumes import Volume3D


class NewSubscription(NamedTuple):
    """A subscription that is to come with an intent.

    Attributes:
        uss_base_url: Where to tell it of changes.
        wants_constraints: Whether of constraints too.
    """

    uss_base_url: str
    wants_constraints: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PutIntent:
    """An intent to be created or changed.

    Attributes:
        id: Its id.
        ovn: The OVN of the version to be replaced; None to create it.
        extent: Where and when it is.
        state: Its state.
        uss_base_url: Where its details are to be had.
        key: The OVNs that the asker knows.
        subscription_id: The subscription to attach; None for none.
        new_subscription: The subscription to make; None for none.
        ovn_suffix: How its OVN is to end; None for any.
        digest: The SHA-256 of all of it, so that the same can be told when it is asked again.
    """

    id: str
    ovn: str | None
    extent: Extent
    state: IntentState
    uss_base_url: str
    key: AbstractSet[str]
    subscription_id: str | None
    new_subscription: NewSubscription | None
    ovn_suffix: str | None
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutConstraint:
    """A constraint to be created or changed; the attributes are those of an intent."""

    id: str
    ovn: str | None
    extent: Extent
    uss_base_url: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutSubscription:
    """A subscription to be created or changed.

    Attributes:
        id: Its id.
        version: The version to be replaced; None to create it.
        space: Where.
        start: From when on; None for now.
        end: Until when; None for as long as may be.
        uss_base_url: Where to tell it of changes.
        wants_intents: Whether of intents.
        wants_constraints: Whether of constraints.
        digest: The SHA-256 of all of it.
    """

    id: str
    version: str | None
    space: Volume3D
    start: datetime | None
    end: datetime | None
    uss_base_url: str
    wants_intents: bool
    wants_constraints: bool
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutIdentification:
    """An identification service area, or a subscription to such areas, to be created or changed (F3411).

    Attributes:
        id: Its id.
        version: The version to be replaced; None to create it.
        space: Where.
        start: From when on; None for as before, or for now.
        end: Until when; None for as before, or for as long as may be.
        uss_base_url: The URL that it gives, as it gives it.
        api: Which version of the interface it is given in, "v1" or "v2".
        digest: The SHA-256 of all of it.
    """

    id: str
    version: str | None
    space: Volume3D
    start: datetime | None
    end: datetime | None
    uss_base_url: str
    api: str
    digest: str
