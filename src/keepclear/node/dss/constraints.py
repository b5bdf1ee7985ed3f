"""Constraint references: create, change, remove, and find them. They need no key: a constraint is law."""

from __future__ import annotations

from typing import Final

from keepclear.core.dss_requests import PutConstraint
from keepclear.core.errors import InvalidValueError
from keepclear.core.extents import Extent
from keepclear.core.ovn import new_ovn
from keepclear.core.references import ConstraintReference, EntityKind
from keepclear.core.times import rfc3339
from keepclear.node.dss.intents import Changed
from keepclear.node.dss.refusals import NoEntityError, VersionError
from keepclear.node.dss.work import Work

_WHAT: Final = "constraint reference"


def put_constraint(work: Work, asked: PutConstraint) -> Changed:
    """Create a constraint, or put it in place of the version whose OVN is named.

    Asked again by the same manager, because the answer was lost, it changes nothing and answers the same.

    Raises:
        InvalidValueError: It is over.
        NotManagerError: It is somebody else's.
        VersionError: It exists, has changed, or is not there.
    """
    if asked.extent.end < work.now:
        raise InvalidValueError("extents", f"they ended at {rfc3339(asked.extent.end)}, which is over")
    old = work.transaction.entity(EntityKind.CONSTRAINT, asked.id)
    assert old is None or isinstance(old, ConstraintReference)
    if old is not None:
        work.require_manager(old, _WHAT)
        if work.is_repeat(old.change, asked.digest, asked.ovn or ""):
            return Changed(entity=old, notified=old.change.notified)
        if asked.ovn is None:
            raise VersionError(f"the {_WHAT} {asked.id} exists already; name its OVN to change it")
        work.require_ovn(old, asked.ovn, _WHAT)
    elif asked.ovn is not None:
        raise VersionError(f"there is no {_WHAT} {asked.id}; create it without an OVN")
    met = work.subscriptions(asked.extent)
    if old is not None:
        met += work.subscriptions(work.transaction.extent(EntityKind.CONSTRAINT, old.id))
    notified = work.notify(each for each in met if each.wants_constraints)
    constraint = ConstraintReference(
        id=asked.id,
        manager=work.caller.subject,
        uss_base_url=asked.uss_base_url,
        start=asked.extent.start,
        end=asked.extent.end,
        change=work.change(asked.digest, asked.ovn or "", notified),
        version=1 if old is None else old.version + 1,
        ovn=new_ovn(work.entropy),
    )
    work.transaction.put(constraint, asked.extent, work.cause)
    return Changed(entity=constraint, notified=notified)


def delete_constraint(work: Work, entity_id: str, ovn: str) -> Changed:
    """Remove a constraint. Asked again at once, it answers the same.

    Raises:
        NoEntityError: There is none.
        NotManagerError: It is somebody else's.
        VersionError: It has changed.
    """
    old = work.transaction.entity(EntityKind.CONSTRAINT, entity_id)
    if old is None:
        gone = work.repeated_removal(EntityKind.CONSTRAINT, entity_id, ovn)
        if gone is None:
            raise NoEntityError(_WHAT, entity_id)
        return Changed(entity=gone, notified=gone.change.notified)
    assert isinstance(old, ConstraintReference)
    work.require_manager(old, _WHAT)
    work.require_ovn(old, ovn, _WHAT)
    extent = work.transaction.extent(EntityKind.CONSTRAINT, entity_id)
    notified = work.notify(each for each in work.subscriptions(extent) if each.wants_constraints)
    work.transaction.remove(work.removal(old, ovn, notified), work.cause)
    return Changed(entity=old, notified=notified)


def get_constraint(work: Work, entity_id: str) -> ConstraintReference:
    """Return a constraint.

    Raises:
        NoEntityError: There is none.
    """
    found = work.transaction.entity(EntityKind.CONSTRAINT, entity_id)
    if not isinstance(found, ConstraintReference):
        raise NoEntityError(_WHAT, entity_id)
    return found


def query_constraints(work: Work, area: Extent) -> list[ConstraintReference]:
    """Return the constraints that meet an area, by id."""
    found = work.transaction.meeting(EntityKind.CONSTRAINT, area)
    return [each for each in found if isinstance(each, ConstraintReference)]
