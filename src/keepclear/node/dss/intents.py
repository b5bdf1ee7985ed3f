"""Operational intent references: create, change, remove, and find them.

Whoever puts an intent where others are must know them: the key must hold the OVN of each that meets it
(ASTM F3548-21). Nonconforming and contingent intents are what is happening, so they need no key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from keepclear.core.conflicts import Finding
from keepclear.core.dss_requests import NewSubscription, PutIntent
from keepclear.core.errors import InvalidValueError
from keepclear.core.extents import Extent, volume_conflicts
from keepclear.core.intents import TRANSITIONS, VOLUMES_MAX, IntentState
from keepclear.core.ovn import new_id, new_ovn, new_version, requested_ovn, suffix_ms
from keepclear.core.references import (
    ConstraintReference,
    Entity,
    EntityKind,
    IntentReference,
    Notified,
    Subscription,
)
from keepclear.core.times import rfc3339
from keepclear.node.dss.callers import Scope
from keepclear.node.dss.refusals import (
    AirspaceConflictError,
    DownError,
    NoEntityError,
    NotManagerError,
    VersionError,
    Why,
)
from keepclear.node.dss.work import Work

COVER_LATE_MAX: Final = timedelta(minutes=5)
"""A subscription may start so long after an intent that it covers."""
WHY_MAX: Final = 10
"""Of so many missing entities the answer tells where they are in the way; of the others that they are."""

WHY_VERTICES_MAX: Final = 2_000
"""Where what was asked for and a missing entity have more corners together, where they meet is not told."""

_WHAT: Final = "operational intent reference"
_NOMINAL: Final = (IntentState.ACCEPTED, IntentState.ACTIVATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What became of an entity.

    Attributes:
        entity: As it is; of one that was removed, as it was.
        notified: The subscriptions to tell of it.
    """

    entity: Entity
    notified: tuple[Notified, ...]


def put_intent(work: Work, asked: PutIntent) -> Changed:
    """Create an intent, or put it in place of the version whose OVN is named.

    Asked again by the same manager, because the answer was lost, it changes nothing and answers the same.

    Raises:
        InvalidValueError: It is over, its state does not follow, or its subscription does not fit.
        ScopeError: Its state or its subscription needs more than the token grants.
        NotManagerError: It, or the subscription, is somebody else's.
        VersionError: It exists, or has changed.
        DownError: The asker is said to be down.
        AirspaceConflictError: The key lacks OVNs.
    """
    ovn = new_ovn(work.entropy)
    if asked.ovn_suffix is not None:
        ovn = requested_ovn(asked.id, asked.ovn_suffix, work.now)
    if asked.extent.end < work.now:
        raise InvalidValueError("extents", f"they ended at {rfc3339(asked.extent.end)}, which is over")
    _require_scopes(work, asked)
    old = work.transaction.entity(EntityKind.INTENT, asked.id)
    assert old is None or isinstance(old, IntentReference)
    if (repeat := _checked(work, asked, old)) is not None:
        return repeat
    last_ms = _suffix_ms(work, asked, old)
    if asked.state in _NOMINAL and work.is_down(work.caller.subject):
        raise DownError(f"{work.caller.subject} is Down, and may put no intent {asked.state.value}")
    subscription, is_fitted = _attached(work, asked)
    if asked.state in _NOMINAL:
        _require_key(work, asked, subscription)
    heard = _hearing(work, asked, old, subscription if is_fitted else None)
    own: tuple[Notified, ...] = ()
    if asked.new_subscription is not None:
        subscription = _made(work, asked.new_subscription, asked.extent)
        own = (Notified(subscription.id, subscription.uss_base_url, subscription.notification_index),)
    notified = (*own, *work.notify(heard))
    intent = IntentReference(
        id=asked.id,
        manager=work.caller.subject,
        uss_base_url=asked.uss_base_url,
        start=asked.extent.start,
        end=asked.extent.end,
        change=work.change(asked.digest, asked.ovn or "", notified),
        state=asked.state,
        version=1 if old is None else old.version + 1,
        ovn=ovn,
        subscription_id=None if subscription is None else subscription.id,
        suffix_ms=last_ms,
    )
    work.transaction.put(intent, asked.extent, work.cause)
    if old is not None and old.subscription_id not in {None, intent.subscription_id}:
        let_go(work, old.subscription_id)
    return Changed(entity=intent, notified=notified)


def delete_intent(work: Work, entity_id: str, ovn: str) -> Changed:
    """Remove an intent: it has ended. Asked again at once, it answers the same.

    Raises:
        NoEntityError: There is none.
        NotManagerError: It is somebody else's.
        VersionError: It has changed.
        DownError: The asker is said to be down.
    """
    old = work.transaction.entity(EntityKind.INTENT, entity_id)
    if old is None:
        gone = work.repeated_removal(EntityKind.INTENT, entity_id, ovn)
        if gone is None:
            raise NoEntityError(_WHAT, entity_id)
        return Changed(entity=gone, notified=gone.change.notified)
    assert isinstance(old, IntentReference)
    work.require_manager(old, _WHAT)
    work.require_ovn(old, ovn, _WHAT)
    if work.is_down(work.caller.subject):
        raise DownError(f"{work.caller.subject} is Down, and may remove no intent")
    extent = work.transaction.extent(EntityKind.INTENT, entity_id)
    notified = work.notify(each for each in work.subscriptions(extent) if each.wants_intents)
    work.transaction.remove(work.removal(old, ovn, notified), work.cause)
    let_go(work, old.subscription_id)
    return Changed(entity=old, notified=notified)


def get_intent(work: Work, entity_id: str) -> IntentReference:
    """Return an intent.

    Raises:
        NoEntityError: There is none.
    """
    found = work.transaction.entity(EntityKind.INTENT, entity_id)
    if not isinstance(found, IntentReference):
        raise NoEntityError(_WHAT, entity_id)
    return found


def query_intents(work: Work, area: Extent) -> list[IntentReference]:
    """Return the intents that meet an area, by id."""
    found = work.transaction.meeting(EntityKind.INTENT, area)
    return [each for each in found if isinstance(each, IntentReference)]


# -- checks -----------------------------------------------------------------------------------------


def _require_scopes(work: Work, asked: PutIntent) -> None:
    if asked.state not in _NOMINAL:
        work.require(Scope.CONFORMANCE_MONITORING, f"the state {asked.state.value}")
    if asked.new_subscription is not None and asked.new_subscription.wants_constraints:
        work.require(Scope.CONSTRAINT_PROCESSING, "a subscription that notifies for constraints")


def _checked(work: Work, asked: PutIntent, old: IntentReference | None) -> Changed | None:
    """Check what is asked against what is there; return the former answer where it is asked again."""
    if old is None:
        if asked.ovn is not None:
            raise InvalidValueError("id", f"there is no {_WHAT} {asked.id}; create it without an OVN")
        if asked.state is not IntentState.ACCEPTED:
            raise InvalidValueError("state", f"an intent is created Accepted, not {asked.state.value}")
        return None
    work.require_manager(old, _WHAT)
    if work.is_repeat(old.change, asked.digest, asked.ovn or ""):
        return Changed(entity=old, notified=old.change.notified)
    if asked.ovn is None:
        raise VersionError(f"the {_WHAT} {asked.id} exists already; to change it, name its OVN: {old.ovn}")
    work.require_ovn(old, asked.ovn, _WHAT)
    allowed = {after for (before, _), after in TRANSITIONS.items() if before is old.state} | {old.state}
    if asked.state not in allowed:
        names = ", ".join(sorted(state.value for state in allowed if state is not IntentState.ENDED))
        reason = f"an intent that is {old.state.value} cannot become {asked.state.value}; it may be {names}"
        raise InvalidValueError("state", reason)
    return None


def _suffix_ms(work: Work, asked: PutIntent, old: IntentReference | None) -> int:
    """Return the time of the last suffix that was asked for; refuse one that is not later than that.

    So no OVN comes back, and who knows the intent as it was is not taken to know it as it is.
    """
    if asked.ovn_suffix is None:
        return 0 if old is None else old.suffix_ms
    last: Entity | None = old
    if old is None and (gone := work.transaction.removed(EntityKind.INTENT, asked.id)) is not None:
        last = gone.entity
    asked_ms = suffix_ms(asked.ovn_suffix)
    if isinstance(last, IntentReference) and asked_ms <= last.suffix_ms:
        reason = "its time must be after that of the one before, so that each version has another OVN"
        raise InvalidValueError("requested_ovn_suffix", f"{reason}; make a new one")
    return asked_ms


def cover_late(work: Work, extent: Extent) -> timedelta:
    """Return how long after an extent a subscription may start and cover it: nobody hears of what was."""
    return max(COVER_LATE_MAX, work.now - extent.start)


def _attached(work: Work, asked: PutIntent) -> tuple[Subscription | None, bool]:
    """Return the subscription that is named, if any, and whether it was made to fit the intent."""
    if asked.subscription_id is None:
        if asked.state is not IntentState.ACCEPTED and asked.new_subscription is None:
            reason = f"an intent that is {asked.state.value} needs it or new_subscription"
            raise InvalidValueError("subscription_id", reason)
        return None, False
    found = work.transaction.entity(EntityKind.SUBSCRIPTION, asked.subscription_id)
    if not isinstance(found, Subscription) or found.end < work.now:
        raise InvalidValueError("subscription_id", f"there is no subscription {asked.subscription_id}")
    if found.manager != work.caller.subject:
        raise NotManagerError("subscription", found.id)
    if not found.wants_intents:
        reason = f"the subscription {found.id} does not notify for operational intents"
        raise InvalidValueError("subscription_id", reason)
    held = work.transaction.extent(EntityKind.SUBSCRIPTION, found.id)
    lacking = held.covers(asked.extent, late=cover_late(work, asked.extent))
    if lacking is None:
        return found, False
    if not found.is_implicit:
        reason = f"the subscription {found.id} does not cover the intent: {lacking}"
        raise InvalidValueError("subscription_id", reason)
    return _fitted(work, found, asked), True


def _fitted(work: Work, subscription: Subscription, asked: PutIntent) -> Subscription:
    """Make a subscription that came with an intent just so large that it covers all that need it."""
    others = [
        work.transaction.extent(EntityKind.INTENT, each.id)
        for each in work.transaction.dependents(subscription.id)
        if each.id != asked.id
    ]
    try:
        extent = asked.extent.joined(*others)
    except InvalidValueError:
        reason = f"{len(others) + 1:,} intents that need the subscription have over {VOLUMES_MAX:,} volumes"
        raise InvalidValueError("subscription_id", f"{reason}; give new_subscription") from None
    fitted = replace(subscription, start=extent.start, end=extent.end, version=new_version(work.entropy))
    work.transaction.put(fitted, extent, work.cause)
    return fitted


def _require_key(work: Work, asked: PutIntent, subscription: Subscription | None) -> None:
    """Refuse an intent whose asker does not know everything that it meets.

    The accepted intents of a service that is down may be passed over: nobody can give their details.
    """
    met = query_intents(work, asked.extent)
    intents = [
        each
        for each in met
        if each.ovn not in asked.key
        and each.id != asked.id
        and not (each.state is IntentState.ACCEPTED and work.is_down(each.manager))
    ]
    wants_constraints = (
        subscription.wants_constraints
        if subscription is not None
        else asked.new_subscription is not None and asked.new_subscription.wants_constraints
    )
    constraints: list[ConstraintReference] = []
    if wants_constraints:
        found = work.transaction.meeting(EntityKind.CONSTRAINT, asked.extent)
        constraints = [e for e in found if isinstance(e, ConstraintReference) and e.ovn not in asked.key]
    if intents or constraints:
        raise AirspaceConflictError(intents, constraints, _why(work, asked.extent, [*intents, *constraints]))


def _why(work: Work, extent: Extent, missing: Sequence[IntentReference | ConstraintReference]) -> list[Why]:
    told = []
    for each in missing[:WHY_MAX]:
        kind = EntityKind.INTENT if isinstance(each, IntentReference) else EntityKind.CONSTRAINT
        other = work.transaction.extent(kind, each.id)
        if len(extent.packed.vertices) + len(other.packed.vertices) > WHY_VERTICES_MAX:
            told.append(Why(each.id, f"they have over {WHY_VERTICES_MAX:,} corners: where is not told", None))
        else:
            told.append(_why_of(each.id, next(iter(volume_conflicts(extent, [(each.id, other)])), None)))
    return told


def _why_of(entity_id: str, finding: Finding | None) -> Why:
    if finding is None:
        text = "no two volumes meet, but the bounds of both do, and those decide which OVNs are needed"
        return Why(entity_id, text, None)
    at = finding.witness
    pairs = len(finding.volume_pairs)
    vertical = "unbounded" if at.vertical_overlap_m == float("inf") else f"{at.vertical_overlap_m:,.1f} m"
    text = (
        f"volume {finding.a.volume} meets its volume {finding.b.volume} at {at.position.lat_deg:.5f},"
        f" {at.position.lng_deg:.5f}, {at.altitude_m:,.0f} m above W84, at {rfc3339(at.time)}: they overlap"
        f" {at.lateral_overlap_m:,.1f} m laterally, {vertical} vertically, {at.time_overlap_s:,.3f} s long;"
        f" {pairs:,} {'pair' if pairs == 1 else 'pairs'} of volumes {'meets' if pairs == 1 else 'meet'}"
    )
    return Why(entity_id, text, (finding.a.volume, finding.b.volume))


# -- subscriptions ----------------------------------------------------------------------------------


def _made(work: Work, asked: NewSubscription, extent: Extent) -> Subscription:
    """Make the subscription that comes with an intent; the intent is the first change that it hears of."""
    made = Subscription(
        id=new_id(work.entropy),
        manager=work.caller.subject,
        uss_base_url=asked.uss_base_url,
        start=extent.start,
        end=extent.end,
        change=work.change("", ""),
        version=new_version(work.entropy),
        notification_index=1,
        wants_intents=True,
        wants_constraints=asked.wants_constraints,
        is_implicit=True,
    )
    work.transaction.put(made, extent, work.cause)
    return made


def _hearing(
    work: Work, asked: PutIntent, old: IntentReference | None, fitted: Subscription | None
) -> list[Subscription]:
    """Return whom the change concerns, by id: who is where the intent will be, and where it was."""
    met = {each.id: each for each in work.subscriptions(asked.extent)}
    if old is not None:
        was = work.transaction.extent(EntityKind.INTENT, old.id)
        if was != asked.extent:
            met |= {each.id: each for each in work.subscriptions(was)}
    if fitted is not None:
        met[fitted.id] = fitted
    return [met[name] for name in sorted(met) if met[name].wants_intents]


def let_go(work: Work, subscription_id: str | None) -> None:
    """Remove a subscription that came with an intent, once no intent needs it."""
    if subscription_id is None:
        return
    found = work.transaction.entity(EntityKind.SUBSCRIPTION, subscription_id)
    if not isinstance(found, Subscription) or not found.is_implicit:
        return
    if not work.transaction.dependents(subscription_id):
        work.transaction.remove(work.removal(found, found.version), work.cause)
