"""Writing what a DSS answers by ASTM F3411's interface, 22a (v2) and 19 (v1).

A URL is told as its owner gave it, in whichever version: the end of the path tells which one that was.
"""

from __future__ import annotations

from collections.abc import Iterable

from keepclear.codec.f3411 import dss_wire as wire
from keepclear.codec.f3548.dss_answers import time_of
from keepclear.core.references import IdentificationArea, IdentificationSubscription, Notified
from keepclear.core.times import rfc3339


def area(held: IdentificationArea, api: str) -> wire.ServiceArea | wire.ServiceAreaV1:
    """Write a service area for an asker of that version."""
    if api == wire.V1:
        return wire.ServiceAreaV1(
            id=held.id,
            owner=held.manager,
            flights_url=held.uss_base_url,
            time_start=rfc3339(held.start),
            time_end=rfc3339(held.end),
            version=held.version,
        )
    return wire.ServiceArea(
        id=held.id,
        owner=held.manager,
        uss_base_url=held.uss_base_url,
        time_start=time_of(held.start),
        time_end=time_of(held.end),
        version=held.version,
    )


def subscription(
    held: IdentificationSubscription, api: str
) -> wire.AreaSubscription | wire.AreaSubscriptionV1:
    """Write a subscription for an asker of that version."""
    if api == wire.V1:
        return wire.AreaSubscriptionV1(
            id=held.id,
            owner=held.manager,
            callbacks=wire.CallbacksV1(held.uss_base_url),
            notification_index=held.notification_index,
            time_start=rfc3339(held.start),
            time_end=rfc3339(held.end),
            version=held.version,
        )
    return wire.AreaSubscription(
        id=held.id,
        owner=held.manager,
        uss_base_url=held.uss_base_url,
        notification_index=held.notification_index,
        time_start=time_of(held.start),
        time_end=time_of(held.end),
        version=held.version,
    )


def subscribers(notified: Iterable[Notified]) -> list[wire.AreaSubscriber]:
    """Write whom to tell of a change: subscriptions of one URL together."""
    by_url: dict[str, list[wire.SubscriptionIndex]] = {}
    for each in notified:
        index = wire.SubscriptionIndex(each.subscription_id, each.notification_index)
        by_url.setdefault(each.uss_base_url, []).append(index)
    return [wire.AreaSubscriber(url, indices) for url, indices in by_url.items()]
