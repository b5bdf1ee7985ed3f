"""Subscriptions: who wants to hear of intents and constraints somewhere. They end by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from keepclear.core.dss_requests import PutSubscription
from keepclear.core.errors import InvalidValueError
from keepclear.core.extents import Extent
from keepclear.core.ovn import new_version
from keepclear.core.references import ConstraintReference, EntityKind, IntentReference, Subscription
from keepclear.core.times import TimeWindow, rfc3339
from keepclear.core.volumes import Volume4D
from keepclear.node.dss.callers import Scope
from keepclear.node.dss.constraints import query_constraints
from keepclear.node.dss.intents import cover_late, query_intents
from keepclear.node.dss.refusals import NoEntityError, VersionError
from keepclear.node.dss.work import Work

DURATION_MAX: Final = timedelta(hours=24)
"""A subscription lasts no longer (DSSMaxSubscriptionDuration)."""
START_PAST_MAX: Final = timedelta(minutes=5)
"""A subscription may start so long ago."""

_WHAT: Final = "subscription"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """A subscription, and what is there.

    Attributes:
        subscription: It.
        dependents: The ids of the intents that need it.
        intents: The intents within it; None where it does not notify for them.
        constraints: The constraints within it; None where it does not notify for them.
    """

    subscription: Subscription
    dependents: Sequence[str]
    intents: Sequence[IntentReference] | None = None
    constraints: Sequence[ConstraintReference] | None = None


def put_subscription(work: Work, asked: PutSubscription) -> Subscribed:
    """Create a subscription, or put it in place of the version that is named.

    One that came with an intent becomes one that stays. Asked again by the same manager, because the answer
    was lost, it changes nothing and answers the same.

    Raises:
        InvalidValueError: Its times are out of range, or it would not cover the intents that need it.
        ScopeError: It would notify of what the token does not grant.
        NotManagerError: It is somebody else's.
        VersionError: It exists, or has changed.
    """
    if asked.wants_intents:
        work.require(Scope.STRATEGIC_COORDINATION, "notify_for_operational_intents")
    if asked.wants_constraints:
        work.require(Scope.CONSTRAINT_PROCESSING, "notify_for_constraints")
    start, end = window_of(work.now, asked.start, asked.end)
    old = _present(work, asked.id)
    if old is not None:
        work.require_manager(old, _WHAT)
        if work.is_repeat(old.change, asked.digest, asked.version or ""):
            return _subscribed(work, old)
        if asked.version is None:
            raise VersionError(f"the {_WHAT} {asked.id} exists already; name its version to change it")
        _require_version(old, asked.version)
    elif asked.version is not None:
        raise InvalidValueError("id", f"there is no {_WHAT} {asked.id}; create it without a version")
    extent = Extent((Volume4D(volume=asked.space, time=TimeWindow(start=start, end=end)),))
    _require_cover(work, asked, extent)
    subscription = Subscription(
        id=asked.id,
        manager=work.caller.subject,
        uss_base_url=asked.uss_base_url,
        start=start,
        end=end,
        change=work.change(asked.digest, asked.version or ""),
        version=new_version(work.entropy),
        notification_index=0 if old is None else old.notification_index,
        wants_intents=asked.wants_intents,
        wants_constraints=asked.wants_constraints,
        is_implicit=False,
    )
    work.transaction.put(subscription, extent, work.cause)
    return _subscribed(work, subscription)


def delete_subscription(work: Work, subscription_id: str, version: str) -> Subscribed:
    """Remove a subscription. Asked again at once, it answers the same.

    Raises:
        InvalidValueError: Intents need it.
        NoEntityError: There is none.
        NotManagerError: It is somebody else's.
        VersionError: It has changed.
    """
    old = _present(work, subscription_id)
    if old is None:
        gone = work.repeated_removal(EntityKind.SUBSCRIPTION, subscription_id, version)
        if not isinstance(gone, Subscription):
            raise NoEntityError(_WHAT, subscription_id)
        return Subscribed(subscription=gone, dependents=())
    work.require_manager(old, _WHAT)
    _require_version(old, version)
    dependents = work.transaction.dependents(subscription_id)
    if dependents:
        reason = f"{len(dependents):,} intents need it, such as {dependents[0].id}; give them another first"
        raise InvalidValueError("id", reason)
    work.transaction.remove(work.removal(old, version), work.cause)
    return Subscribed(subscription=old, dependents=())


def get_subscription(work: Work, subscription_id: str) -> Subscribed:
    """Return a subscription of the asker.

    Raises:
        NoEntityError: There is none, or it has ended.
        NotManagerError: It is somebody else's.
    """
    found = _present(work, subscription_id)
    if found is None:
        raise NoEntityError(_WHAT, subscription_id)
    work.require_manager(found, _WHAT)
    return Subscribed(subscription=found, dependents=_dependents(work, found))


def query_subscriptions(work: Work, area: Extent) -> list[Subscribed]:
    """Return the subscriptions of the asker that meet an area and have not ended, by id."""
    found = [each for each in work.subscriptions(area) if each.manager == work.caller.subject]
    return [Subscribed(subscription=each, dependents=_dependents(work, each)) for each in found]


def window_of(now: datetime, start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    """Return when a subscription counts, with what was left out filled in.

    Raises:
        InvalidValueError: It would start too long ago, has ended, or lasts too long.
    """
    if start is not None and start < now - START_PAST_MAX:
        raise InvalidValueError("time_start", f"{rfc3339(start)} is over {START_PAST_MAX} ago")
    begin = start or now
    until = end or begin + DURATION_MAX
    if until < begin:
        raise InvalidValueError("time_end", f"{rfc3339(until)} is before the start, {rfc3339(begin)}")
    if until < now:
        raise InvalidValueError("time_end", f"{rfc3339(until)} is over")
    if until - begin > DURATION_MAX:
        raise InvalidValueError("time_end", f"it lasts {until - begin}; at most {DURATION_MAX} are kept")
    return begin, until


def _present(work: Work, subscription_id: str) -> Subscription | None:
    """Return a subscription that has not ended."""
    found = work.transaction.entity(EntityKind.SUBSCRIPTION, subscription_id)
    return found if isinstance(found, Subscription) and found.end >= work.now else None


def _require_version(old: Subscription, version: str) -> None:
    if old.version != version:
        raise VersionError(f"the {_WHAT} {old.id} has changed: its version is {old.version}")


def _require_cover(work: Work, asked: PutSubscription, extent: Extent) -> None:
    """Refuse a change by which intents that need the subscription would lose it."""
    for intent in work.transaction.dependents(asked.id) if asked.version is not None else ():
        if not asked.wants_intents:
            reason = f"the intent {intent.id} needs it"
            raise InvalidValueError("notify_for_operational_intents", reason)
        needed = work.transaction.extent(EntityKind.INTENT, intent.id)
        lacking = extent.covers(needed, late=cover_late(work, needed))
        if lacking is not None:
            raise InvalidValueError("extents", f"they no longer cover the intent {intent.id}: {lacking}")


def _dependents(work: Work, subscription: Subscription) -> list[str]:
    return [intent.id for intent in work.transaction.dependents(subscription.id)]


def _subscribed(work: Work, subscription: Subscription) -> Subscribed:
    extent = work.transaction.extent(EntityKind.SUBSCRIPTION, subscription.id)
    return Subscribed(
        subscription=subscription,
        dependents=_dependents(work, subscription),
        intents=query_intents(work, extent) if subscription.wants_intents else None,
        constraints=query_constraints(work, extent) if subscription.wants_constraints else None,
    )
