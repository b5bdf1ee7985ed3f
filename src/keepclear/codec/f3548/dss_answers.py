"""Writing what a DSS answers, as ASTM F3548-21's interface has it.

An OVN is shown to its manager alone: whoever else wants it asks the manager for the details.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from keepclear.codec.f3548 import dss_wire as wire
from keepclear.core.references import (
    Availability,
    ConstraintReference,
    IntentReference,
    Notified,
    Subscription,
    UssAvailability,
)
from keepclear.core.times import rfc3339

OVN_HIDDEN: Final = "Available from USS"
"""What stands in place of an OVN of somebody else."""
NO_SUBSCRIPTION: Final = "00000000-0000-4000-8000-000000000000"
"""What stands for no subscription, where the interface wants one."""


@dataclass(frozen=True, slots=True)
class DssWriter:
    """Writes for one asker.

    Attributes:
        reader: Who asks.
        availability: Tells what was said of a party's service.
    """

    reader: str
    availability: Callable[[str], Availability]

    def intent(self, intent: IntentReference) -> wire.IntentReference:
        """Write an intent."""
        return wire.IntentReference(
            id=intent.id,
            manager=intent.manager,
            uss_availability=self.availability(intent.manager).value,
            version=intent.version,
            state=intent.state.value,
            ovn=intent.ovn if intent.manager == self.reader else OVN_HIDDEN,
            time_start=time_of(intent.start),
            time_end=time_of(intent.end),
            uss_base_url=intent.uss_base_url,
            subscription_id=intent.subscription_id or NO_SUBSCRIPTION,
        )

    def intents(self, intents: Iterable[IntentReference]) -> list[wire.IntentReference]:
        """Write intents."""
        return [self.intent(each) for each in intents]

    def constraint(self, constraint: ConstraintReference) -> wire.ConstraintReference:
        """Write a constraint."""
        return wire.ConstraintReference(
            id=constraint.id,
            manager=constraint.manager,
            uss_availability=self.availability(constraint.manager).value,
            version=constraint.version,
            ovn=constraint.ovn if constraint.manager == self.reader else OVN_HIDDEN,
            time_start=time_of(constraint.start),
            time_end=time_of(constraint.end),
            uss_base_url=constraint.uss_base_url,
        )

    def constraints(self, constraints: Iterable[ConstraintReference]) -> list[wire.ConstraintReference]:
        """Write constraints."""
        return [self.constraint(each) for each in constraints]


def subscription(held: Subscription, dependents: Sequence[str]) -> wire.Subscription:
    """Write a subscription."""
    return wire.Subscription(
        id=held.id,
        version=held.version,
        notification_index=held.notification_index,
        time_start=time_of(held.start),
        time_end=time_of(held.end),
        uss_base_url=held.uss_base_url,
        notify_for_operational_intents=held.wants_intents,
        notify_for_constraints=held.wants_constraints,
        implicit_subscription=held.is_implicit,
        dependent_operational_intents=list(dependents),
    )


def subscribers(notified: Iterable[Notified]) -> list[wire.Subscriber]:
    """Write whom to tell of a change: subscriptions of one base URL together."""
    by_url: dict[str, list[wire.SubscriptionState]] = {}
    for each in notified:
        state = wire.SubscriptionState(
            subscription_id=each.subscription_id, notification_index=each.notification_index
        )
        by_url.setdefault(each.uss_base_url, []).append(state)
    return [wire.Subscriber(uss_base_url=url, subscriptions=states) for url, states in by_url.items()]


def availability(said: UssAvailability) -> wire.AvailabilityAnswer:
    """Write what was said of a party's service."""
    status = wire.AvailabilityStatus(uss=said.uss_id, availability=said.availability.value)
    return wire.AvailabilityAnswer(version=said.version, status=status)


def time_of(instant: datetime) -> wire.Time:
    """Write an instant, to the microsecond."""
    return wire.Time(value=rfc3339(instant), format="RFC3339")
