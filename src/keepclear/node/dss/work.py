"""One piece of work of the service: who asks, when, in which transaction, and what each use case needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from keepclear.core.extents import Extent
from keepclear.core.ovn import Entropy
from keepclear.core.references import (
    Availability,
    Change,
    ConstraintReference,
    Entity,
    EntityKind,
    IdentificationSubscription,
    IntentReference,
    Notified,
    Subscription,
)
from keepclear.node.dss.callers import Caller, Scope
from keepclear.node.dss.ports import Cause, DssTransaction
from keepclear.node.dss.refusals import NotManagerError, ScopeError, VersionError

REPEAT_MAX: Final = timedelta(minutes=10)
"""So long after a removal the same may be asked again and gets the same answer."""

_E = TypeVar("_E", bound=Entity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """See the module.

    Attributes:
        transaction: Within which everything happens.
        caller: Who asks.
        now: When.
        entropy: Where what nobody can guess comes from.
    """

    transaction: DssTransaction
    caller: Caller
    now: datetime
    entropy: Entropy

    @property
    def cause(self) -> Cause:
        """Who does it, for the history."""
        return Cause(issuer=self.caller.issuer, subject=self.caller.subject, at=self.now)

    def require(self, scope: Scope, what: str) -> None:
        """Refuse what the token does not grant.

        Raises:
            ScopeError: It does not grant this.
        """
        if not self.caller.has(scope):
            raise ScopeError(f"{what} needs the scope {scope.value}")

    def require_manager(self, entity: Entity, what: str) -> None:
        """Refuse what only its manager may do.

        Raises:
            NotManagerError: It is somebody else's.
        """
        if entity.manager != self.caller.subject:
            raise NotManagerError(what, entity.id)

    def require_ovn(self, entity: IntentReference | ConstraintReference, ovn: str, what: str) -> None:
        """Refuse what is asked of another version than the present one; its manager is told the OVN.

        Raises:
            VersionError: It has changed.
        """
        if entity.ovn != ovn:
            raise VersionError(f"the {what} {entity.id} has changed: its OVN is {entity.ovn}")

    def is_down(self, uss_id: str) -> bool:
        """Tell whether a party's service was said to be down."""
        said = self.transaction.availability(uss_id)
        return said is not None and said.availability is Availability.DOWN

    def subscriptions(self, extent: Extent) -> list[Subscription]:
        """Return the subscriptions that meet an extent and have not ended, by id."""
        found = self.transaction.meeting(EntityKind.SUBSCRIPTION, extent)
        return [each for each in found if isinstance(each, Subscription) and each.end >= self.now]

    def notify(
        self, subscriptions: Iterable[Subscription | IdentificationSubscription]
    ) -> tuple[Notified, ...]:
        """Count a change at each of some subscriptions; return whom to tell it to."""
        told = []
        for each in {each.id: each for each in subscriptions}.values():
            counted = replace(each, notification_index=each.notification_index + 1)
            self.transaction.count_up(counted)
            told.append(Notified(counted.id, counted.uss_base_url, counted.notification_index))
        return tuple(told)

    def change(self, request: str, replaced: str, notified: tuple[Notified, ...] = ()) -> Change:
        """Return what makes an entity as it is to be."""
        return Change(request, replaced, notified, self.caller.connection)

    def is_repeat(self, change: Change, request: str, replaced: str) -> bool:
        """Tell whether what is asked was done already, and its answer was lost.

        Who asks again over the connection on which the answer went has it, and is told what is there now.
        """
        is_same = (change.request, change.replaced) == (request, replaced)
        return is_same and self._is_elsewhere(change)

    def _is_elsewhere(self, change: Change) -> bool:
        return not self.caller.connection or change.connection != self.caller.connection

    def removal(self, entity: _E, version: str, notified: tuple[Notified, ...] = ()) -> _E:
        """Return an entity as the history keeps it once it was removed."""
        return replace(entity, change=self.change("", version, notified))

    def repeated_removal(self, kind: EntityKind, entity_id: str, version: str) -> Entity | None:
        """Return what its manager removed a moment ago, when this very removal is asked again."""
        entry = self.transaction.removed(kind, entity_id)
        if entry is None or entry.cause.at < self.now - REPEAT_MAX:
            return None
        is_same = entry.cause.subject == self.caller.subject and entry.entity.change.replaced == version
        return entry.entity if is_same and self._is_elsewhere(entry.entity.change) else None
