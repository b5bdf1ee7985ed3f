"""Identification service areas and who wants to hear of them (ASTM F3411-22a and F3411-19).

An area says that somebody answers there with the flights of remote identification. What is left out of a
change stays as it was. An area that has ended is found no more, but is still read by its id for a while; a
subscription that has ended is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from keepclear.core.dss_requests import PutIdentification
from keepclear.core.errors import InvalidValueError
from keepclear.core.extents import Extent
from keepclear.core.ovn import new_version
from keepclear.core.references import EntityKind, IdentificationArea, IdentificationSubscription, Notified
from keepclear.core.times import TIME_MAX, TimeWindow, rfc3339
from keepclear.core.volumes import Volume3D, Volume4D
from keepclear.node.dss.refusals import NoEntityError, TooManyError, VersionError
from keepclear.node.dss.subscriptions import DURATION_MAX, START_PAST_MAX
from keepclear.node.dss.work import Work

SUBSCRIPTIONS_MAX: Final = 10
"""So many subscriptions of one owner may be in one place at one time (NetDSSMaxSubscriptionPerArea)."""

_AREA: Final = "identification service area"
_SUBSCRIPTION: Final = "subscription"


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaChanged:
    """What became of an area.

    Attributes:
        area: As it is; of one that was removed, as it was.
        notified: The subscriptions to tell of it.
    """

    area: IdentificationArea
    notified: tuple[Notified, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaSubscribed:
    """A subscription, and what is there.

    Attributes:
        subscription: It.
        areas: The areas within it that have not ended, by id.
    """

    subscription: IdentificationSubscription
    areas: Sequence[IdentificationArea]


# -- areas ------------------------------------------------------------------------------------------


def put_area(work: Work, asked: PutIdentification) -> AreaChanged:
    """Create an area, or put it in place of the version that is named.

    Asked again by the same manager, because the answer was lost, it changes nothing and answers the same.

    Raises:
        InvalidValueError: Its times are out of range, or there is none to change.
        NotManagerError: It is somebody else's.
        VersionError: It exists, or has changed.
    """
    old = _area(work, asked.id)
    if old is not None:
        work.require_manager(old, _AREA)
        if work.is_repeat(old.change, asked.digest, asked.version or ""):
            return AreaChanged(area=old, notified=old.change.notified)
    start, end = _window(work.now, asked, old)
    if end is None:
        raise InvalidValueError("extents.time_end", "it is missing; an area must say until when")
    _require_named(asked, old, _AREA)
    extent = _extent(asked.space, start, end)
    notified = _notify(work, extent, old)
    area = IdentificationArea(
        id=asked.id,
        manager=work.caller.subject,
        uss_base_url=asked.uss_base_url,
        start=start,
        end=end,
        change=work.change(asked.digest, asked.version or "", notified),
        version=new_version(work.entropy),
        api=asked.api,
    )
    work.transaction.put(area, extent, work.cause)
    return AreaChanged(area=area, notified=notified)


def delete_area(work: Work, area_id: str, version: str) -> AreaChanged:
    """Remove an area. Asked again at once, it answers the same.

    Raises:
        NoEntityError: There is none.
        NotManagerError: It is somebody else's.
        VersionError: It has changed.
    """
    old = _area(work, area_id)
    if old is None:
        gone = work.repeated_removal(EntityKind.IDENTIFICATION_AREA, area_id, version)
        if not isinstance(gone, IdentificationArea):
            raise NoEntityError(_AREA, area_id)
        return AreaChanged(area=gone, notified=gone.change.notified)
    work.require_manager(old, _AREA)
    _require_version(old, version, _AREA)
    notified = _notify(work, None, old)
    work.transaction.remove(work.removal(old, version, notified), work.cause)
    return AreaChanged(area=old, notified=notified)


def get_area(work: Work, area_id: str) -> IdentificationArea:
    """Return an area, one that has ended too while it is kept.

    Raises:
        NoEntityError: There is none.
    """
    found = _area(work, area_id)
    if found is None:
        raise NoEntityError(_AREA, area_id)
    return found


def query_areas(
    work: Work, space: Volume3D, earliest: datetime | None = None, latest: datetime | None = None
) -> list[IdentificationArea]:
    """Return the areas that meet a space and have not ended, by id.

    Args:
        work: The piece of work.
        space: Where.
        earliest: What ends before it is left out; what has ended always is.
        latest: What starts after it is left out; None for nothing.
    """
    first, last = max(earliest or work.now, work.now), latest or TIME_MAX
    # Where `latest` is over, what has begun by then and has not ended is still of interest.
    extent = _extent(space, min(first, last), max(first, last))
    return [each for each in _areas(work, extent) if each.end >= first and each.start <= last]


# -- subscriptions ----------------------------------------------------------------------------------


def put_area_subscription(work: Work, asked: PutIdentification) -> AreaSubscribed:
    """Create a subscription, or put it in place of the version that is named.

    Asked again by the same manager, because the answer was lost, it changes nothing and answers the same.

    Raises:
        InvalidValueError: Its times are out of range, or there is none to change.
        NotManagerError: It is somebody else's.
        VersionError: It exists, or has changed.
        TooManyError: Its manager has as many there as it may have.
    """
    old = _present(work, asked.id)
    if old is not None:
        work.require_manager(old, _SUBSCRIPTION)
        if work.is_repeat(old.change, asked.digest, asked.version or ""):
            return _subscribed(work, old)
    if asked.start is None and old is not None:
        # From now on: what is over needs no news, and who renews it is not held to the first start.
        asked = replace(asked, start=max(old.start, work.now))
    start, end = _window(work.now, asked, old)
    if end is None:
        end = start + DURATION_MAX
    if end - start > DURATION_MAX:
        reason = f"the subscription would last {end - start}; at most {DURATION_MAX} are kept"
        raise InvalidValueError("extents.time_end", reason)
    _require_named(asked, old, _SUBSCRIPTION)
    extent = _extent(asked.space, start, end)
    _require_few(work, asked.id, extent)
    subscription = IdentificationSubscription(
        id=asked.id,
        manager=work.caller.subject,
        uss_base_url=asked.uss_base_url,
        start=start,
        end=end,
        change=work.change(asked.digest, asked.version or ""),
        version=new_version(work.entropy),
        notification_index=0 if old is None else old.notification_index,
        api=asked.api,
    )
    work.transaction.put(subscription, extent, work.cause)
    return _subscribed(work, subscription)


def delete_area_subscription(work: Work, subscription_id: str, version: str) -> IdentificationSubscription:
    """Remove a subscription. Asked again at once, it answers the same.

    Raises:
        NoEntityError: There is none, or it has ended.
        NotManagerError: It is somebody else's.
        VersionError: It has changed.
    """
    old = _present(work, subscription_id)
    if old is None:
        gone = work.repeated_removal(EntityKind.IDENTIFICATION_SUBSCRIPTION, subscription_id, version)
        if not isinstance(gone, IdentificationSubscription):
            raise NoEntityError(_SUBSCRIPTION, subscription_id)
        return gone
    work.require_manager(old, _SUBSCRIPTION)
    _require_version(old, version, _SUBSCRIPTION)
    work.transaction.remove(work.removal(old, version), work.cause)
    return old


def get_area_subscription(work: Work, subscription_id: str) -> IdentificationSubscription:
    """Return a subscription, whoever asks: the standard opens them to all its parties.

    Raises:
        NoEntityError: There is none, or it has ended.
    """
    found = _present(work, subscription_id)
    if found is None:
        raise NoEntityError(_SUBSCRIPTION, subscription_id)
    return found


def query_area_subscriptions(work: Work, space: Volume3D) -> list[IdentificationSubscription]:
    """Return the subscriptions of the asker that meet a space and have not ended, by id."""
    found = _subscriptions(work, _extent(space, work.now, TIME_MAX))
    return [each for each in found if each.manager == work.caller.subject]


# -- what both need ---------------------------------------------------------------------------------


def _extent(space: Volume3D, start: datetime, end: datetime) -> Extent:
    return Extent((Volume4D(volume=space, time=TimeWindow(start=start, end=end)),))


def _window(
    now: datetime, asked: PutIdentification, old: IdentificationArea | IdentificationSubscription | None
) -> tuple[datetime, datetime | None]:
    """Return from when until when something counts; what was left out stays, or begins now.

    A start may lie in the past where it was there already: who changes what is going on need not move it.
    """
    was = (now, None) if old is None else (old.start, old.end)
    start, end = asked.start or was[0], asked.end or was[1]
    if start < now - START_PAST_MAX and (old is None or start != old.start):
        raise InvalidValueError("extents.time_start", f"{rfc3339(start)} is over {START_PAST_MAX} ago")
    if end is not None and end < start:
        reason = f"{rfc3339(end)} is before the start, {rfc3339(start)}"
        raise InvalidValueError("extents.time_end", reason)
    if end is not None and end < now:
        raise InvalidValueError("extents.time_end", f"{rfc3339(end)} is over")
    return start, end


def _require_named(
    asked: PutIdentification, old: IdentificationArea | IdentificationSubscription | None, what: str
) -> None:
    """Refuse to create what is there, and to change what is not there or not as the asker knows it."""
    if old is None:
        if asked.version is not None:
            raise InvalidValueError("id", f"there is no {what} {asked.id}; create it without a version")
    elif asked.version is None:
        raise VersionError(f"the {what} {asked.id} exists already; name its version to change it")
    else:
        _require_version(old, asked.version, what)


def _require_version(old: IdentificationArea | IdentificationSubscription, version: str, what: str) -> None:
    if old.version != version:
        raise VersionError(f"the {what} {old.id} has changed: its version is {old.version}")


def _require_few(work: Work, subscription_id: str, extent: Extent) -> None:
    own = [
        each
        for each in _subscriptions(work, extent)
        if each.manager == work.caller.subject and each.id != subscription_id
    ]
    if len(own) >= SUBSCRIPTIONS_MAX:
        raise TooManyError(
            f"{len(own)} of your subscriptions meet it, and at most {SUBSCRIPTIONS_MAX} may; remove or"
            f" enlarge one of them, such as {own[0].id}"
        )


def _notify(work: Work, extent: Extent | None, old: IdentificationArea | None) -> tuple[Notified, ...]:
    """Count a change at all whom it concerns: where an area is, and where it was."""
    met: dict[str, IdentificationSubscription] = {}
    if extent is not None:
        met |= {each.id: each for each in _subscriptions(work, extent)}
    if old is not None:
        was = work.transaction.extent(EntityKind.IDENTIFICATION_AREA, old.id)
        if was != extent:
            met |= {each.id: each for each in _subscriptions(work, was)}
    return work.notify(met[name] for name in sorted(met))


def _area(work: Work, area_id: str) -> IdentificationArea | None:
    found = work.transaction.entity(EntityKind.IDENTIFICATION_AREA, area_id)
    return found if isinstance(found, IdentificationArea) else None


def _areas(work: Work, extent: Extent) -> list[IdentificationArea]:
    found = work.transaction.meeting(EntityKind.IDENTIFICATION_AREA, extent)
    return [each for each in found if isinstance(each, IdentificationArea)]


def _present(work: Work, subscription_id: str) -> IdentificationSubscription | None:
    """Return a subscription that has not ended."""
    found = work.transaction.entity(EntityKind.IDENTIFICATION_SUBSCRIPTION, subscription_id)
    return found if isinstance(found, IdentificationSubscription) and found.end >= work.now else None


def _subscriptions(work: Work, extent: Extent) -> list[IdentificationSubscription]:
    """Return the subscriptions that meet an extent and have not ended, by id."""
    found = work.transaction.meeting(EntityKind.IDENTIFICATION_SUBSCRIPTION, extent)
    return [e for e in found if isinstance(e, IdentificationSubscription) and e.end >= work.now]


def _subscribed(work: Work, subscription: IdentificationSubscription) -> AreaSubscribed:
    extent = work.transaction.extent(EntityKind.IDENTIFICATION_SUBSCRIPTION, subscription.id)
    areas = [each for each in _areas(work, extent) if each.end >= work.now]
    return AreaSubscribed(subscription=subscription, areas=areas)
