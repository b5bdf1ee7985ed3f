"""The bodies of the DSS part of ASTM F3411's interface, spelled as there: 22a (v2) and 19 (v1).

Volumes of 22a are those of F3548. A field that the interface does not know is passed over.
"""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from msgspec import Struct

from keepclear.codec.f3548.dss_wire import Polygon, Text, Time, Volume4D

V1 = "v1"
"""The interface of F3411-19."""
V2 = "v2"
"""The interface of F3411-22a."""

_A = TypeVar("_A")
_S = TypeVar("_S")


class PutIdentification(Struct):
    """A service area or a subscription to be created or changed; both look alike in 22a."""

    api: ClassVar[str] = V2
    extents: Volume4D
    uss_base_url: Text


class SpatialVolumeV1(Struct):
    """A polygon between two heights above the ellipsoid, metres (Volume3D)."""

    footprint: Polygon
    altitude_lo: float | None = None
    altitude_hi: float | None = None


class VolumeV1(Struct):
    """A volume during a window of time (Volume4D)."""

    spatial_volume: SpatialVolumeV1
    time_start: Text | None = None
    time_end: Text | None = None


class PutAreaV1(Struct):
    """A service area to be created or changed."""

    api: ClassVar[str] = V1
    extents: VolumeV1
    flights_url: Text


class CallbacksV1(Struct):
    """Where changes are to be told (SubscriptionCallbacks)."""

    identification_service_area_url: Text


class PutSubscriptionV1(Struct):
    """A subscription to be created or changed."""

    api: ClassVar[str] = V1
    extents: VolumeV1
    callbacks: CallbacksV1


# -- answers ----------------------------------------------------------------------------------------


class ServiceArea(Struct):
    """A service area (IdentificationServiceArea)."""

    id: str
    owner: str
    uss_base_url: str
    time_start: Time
    time_end: Time
    version: str


class ServiceAreaV1(Struct):
    """A service area (IdentificationServiceArea)."""

    id: str
    owner: str
    flights_url: str
    time_start: str
    time_end: str
    version: str


class AreaSubscription(Struct):
    """A subscription to service areas (Subscription)."""

    id: str
    owner: str
    uss_base_url: str
    notification_index: int
    time_start: Time
    time_end: Time
    version: str


class AreaSubscriptionV1(Struct):
    """A subscription to service areas (Subscription)."""

    id: str
    owner: str
    callbacks: CallbacksV1
    notification_index: int
    time_start: str
    time_end: str
    version: str


class SubscriptionIndex(Struct):
    """How many changes were told to a subscription (SubscriptionState)."""

    subscription_id: str
    notification_index: int


class AreaSubscriber(Struct):
    """Whom a change is to be told to (SubscriberToNotify)."""

    url: str
    subscriptions: list[SubscriptionIndex]


class AreaAnswer(Struct, Generic[_A]):
    """One service area."""

    service_area: _A


class AreasAnswer(Struct, Generic[_A]):
    """The service areas that were found."""

    service_areas: list[_A]


class AreaChanged(Struct, Generic[_A]):
    """What became of a service area."""

    service_area: _A
    subscribers: list[AreaSubscriber]


class AreaSubscriptionAnswer(Struct, Generic[_S]):
    """One subscription."""

    subscription: _S


class AreaSubscriptionsAnswer(Struct, Generic[_S]):
    """The subscriptions that were found."""

    subscriptions: list[_S]


class AreaSubscriptionChanged(Struct, Generic[_S, _A]):
    """What became of a subscription, and the service areas that are there."""

    subscription: _S
    service_areas: list[_A]
