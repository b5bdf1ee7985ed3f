"""The bodies of the DSS part of ASTM F3548-21's public interface, spelled as there.

Unlike in files, a field that the interface does not know is passed over: others may add some.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

Text = Annotated[str, Meta(max_length=1_024)]
"""A text of a request is no longer."""
EXTENTS_MAX = 500
"""The most volumes of an intent or a constraint: each may have to be held against each of another."""
VERTICES_MAX = 10_000
"""The most vertices of one polygon (OiMaxVertices)."""
KEY_MAX = 10_000
"""The most OVNs in a key: as many as entities can be in the way of one intent."""


class Point(Struct):
    """A position on WGS84, degrees."""

    lat: float
    lng: float


class Radius(Struct):
    """The radius of a circle."""

    value: float
    units: Text


class Circle(Struct):
    """A circle round a centre."""

    center: Point
    radius: Radius


class Polygon(Struct):
    """A polygon whose edges are shortest paths."""

    vertices: Annotated[list[Point], Meta(max_length=VERTICES_MAX)]


class Altitude(Struct):
    """A height above a datum."""

    value: float
    reference: Text
    units: Text


class Time(Struct):
    """An instant."""

    value: Text
    format: Text


class Volume3D(Struct):
    """One outline between two heights."""

    outline_circle: Circle | None = None
    outline_polygon: Polygon | None = None
    altitude_lower: Altitude | None = None
    altitude_upper: Altitude | None = None


class Volume4D(Struct):
    """A volume during a window of time."""

    volume: Volume3D
    time_start: Time | None = None
    time_end: Time | None = None


class AreaQuery(Struct):
    """What is asked of an area."""

    area_of_interest: Volume4D


class NewSubscription(Struct):
    """A subscription that is to come with an intent (ImplicitSubscriptionParameters)."""

    uss_base_url: Text
    notify_for_constraints: bool = False


class PutIntent(Struct):
    """An intent to be created or changed (PutOperationalIntentReferenceParameters)."""

    extents: Annotated[list[Volume4D], Meta(min_length=1, max_length=EXTENTS_MAX)]
    state: Text
    uss_base_url: Text
    key: Annotated[list[Annotated[str, Meta(max_length=128)]], Meta(max_length=KEY_MAX)] | None = None
    subscription_id: Text | None = None
    new_subscription: NewSubscription | None = None
    requested_ovn_suffix: Text | None = None


class PutConstraint(Struct):
    """A constraint to be created or changed (PutConstraintReferenceParameters)."""

    extents: Annotated[list[Volume4D], Meta(min_length=1, max_length=EXTENTS_MAX)]
    uss_base_url: Text


class PutSubscription(Struct):
    """A subscription to be created or changed (PutSubscriptionParameters)."""

    extents: Volume4D
    uss_base_url: Text
    notify_for_operational_intents: bool = False
    notify_for_constraints: bool = False


class PutAvailability(Struct):
    """What is said of a party's service (SetUssAvailabilityStatusParameters)."""

    availability: Text
    old_version: Text = ""


class Exchange(Struct):
    """A request and its answer, as somebody recorded them (ExchangeRecord)."""

    url: str
    method: str
    recorder_role: str
    request_time: Time
    request_source: str = ""
    headers: list[str] = []
    request_body: str = ""
    response_time: Time | None = None
    response_body: str = ""
    response_code: int = 0
    problem: str = ""


class Report(Struct):
    """A report of an error (ErrorReport)."""

    exchange: Exchange
    report_id: Annotated[str, Meta(max_length=128)] | None = None


# -- answers ----------------------------------------------------------------------------------------


class Told(Struct, omit_defaults=True):
    """The base of answers: what is unset is left out."""


class IntentReference(Told):
    """A reference to an operational intent."""

    id: str
    manager: str
    uss_availability: str
    version: int
    state: str
    ovn: str
    time_start: Time
    time_end: Time
    uss_base_url: str
    subscription_id: str


class ConstraintReference(Told):
    """A reference to a constraint."""

    id: str
    manager: str
    uss_availability: str
    version: int
    ovn: str
    time_start: Time
    time_end: Time
    uss_base_url: str


class SubscriptionState(Told):
    """How many changes were told to a subscription."""

    subscription_id: str
    notification_index: int


class Subscriber(Told):
    """Whom a change is to be told to (SubscriberToNotify)."""

    uss_base_url: str
    subscriptions: list[SubscriptionState]


class IntentChanged(Told):
    """What became of an intent (ChangeOperationalIntentReferenceResponse)."""

    operational_intent_reference: IntentReference
    subscribers: list[Subscriber]


class ConstraintChanged(Told):
    """What became of a constraint (ChangeConstraintReferenceResponse)."""

    constraint_reference: ConstraintReference
    subscribers: list[Subscriber]


class IntentAnswer(Told):
    """One intent."""

    operational_intent_reference: IntentReference


class IntentsAnswer(Told):
    """The intents of an area."""

    operational_intent_references: list[IntentReference]


class ConstraintAnswer(Told):
    """One constraint."""

    constraint_reference: ConstraintReference


class ConstraintsAnswer(Told):
    """The constraints of an area."""

    constraint_references: list[ConstraintReference]


class Subscription(Struct):
    """A subscription."""

    id: str
    version: str
    notification_index: int
    time_start: Time
    time_end: Time
    uss_base_url: str
    notify_for_operational_intents: bool
    notify_for_constraints: bool
    implicit_subscription: bool
    dependent_operational_intents: list[str]


class SubscriptionAnswer(Told):
    """One subscription."""

    subscription: Subscription


class SubscriptionChanged(Told):
    """What became of a subscription (PutSubscriptionResponse); lists only of what it wants."""

    subscription: Subscription
    operational_intent_references: list[IntentReference] | UnsetType = UNSET
    constraint_references: list[ConstraintReference] | UnsetType = UNSET


class SubscriptionsAnswer(Told):
    """The subscriptions of an area."""

    subscriptions: list[Subscription]


class AvailabilityStatus(Told):
    """What was last said of a party's service."""

    uss: str
    availability: str


class AvailabilityAnswer(Told):
    """The same, with its version."""

    version: str
    status: AvailabilityStatus


class Conflict(Told):
    """Where a missing entity is in the way; ours, not F3548's.

    Attributes:
        id: The entity.
        text: Where, when and how deep, in a sentence.
        volume: Which of the extents asked for meets it, from 0; unset where only bounds meet.
        other_volume: Which of its own.
    """

    id: str
    text: str
    volume: int | UnsetType = UNSET
    other_volume: int | UnsetType = UNSET


class AirspaceConflict(Told):
    """What is not known to the asker (AirspaceConflictResponse); `conflicts` is ours."""

    message: str
    missing_operational_intents: list[IntentReference] | UnsetType = UNSET
    missing_constraints: list[ConstraintReference] | UnsetType = UNSET
    conflicts: list[Conflict] | UnsetType = UNSET


class Refusal(Told):
    """Why something is not done (ErrorResponse)."""

    message: str
