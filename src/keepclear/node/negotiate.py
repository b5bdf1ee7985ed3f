"""Negotiate: what an officer says goes into the log, and what both parties accepted is done.

Whoever accepted, each party's own node amends its own items as was accepted. What its policy refuses
stays as it is, and is told; it is tried again whenever something new was said or taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from keepclear.core.conflicts import Item
from keepclear.core.deeds import Change, Proposal, SignedDeed
from keepclear.core.errors import InvalidValueError
from keepclear.core.negotiation import NegotiationState
from keepclear.core.refs import ItemRef
from keepclear.node.declare import Declaring
from keepclear.node.logs import Logs
from keepclear.node.outcomes import ConflictRefusedError, Outcome, RefusedError
from keepclear.node.policy import ConflictPolicy
from keepclear.node.ports import Record
from keepclear.node.prove import Proving


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAmended:
    """An item that stays as it is although a proposal to change it was accepted.

    Attributes:
        item: The version that was to be changed.
        reason: Why it was not changed.
    """

    item: ItemRef
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedOut:
    """What was done of the proposals that both parties accepted.

    Attributes:
        amended: The items that were changed, as they are now.
        not_amended: Those that were not.
    """

    amended: Sequence[Record] = ()
    not_amended: Sequence[NotAmended] = ()


@dataclass(slots=True, kw_only=True)
class Spoken:
    """What an officer said.

    Attributes:
        n: The entry of the log that it became.
        signed: It.
        carried_out: What was done of what it accepted; the workbench sets it.
    """

    n: int
    signed: SignedDeed
    carried_out: CarriedOut = field(default_factory=CarriedOut)


def speak(declaring: Declaring, jws: str) -> Spoken:
    """Put into the log what an officer of this party signed.

    Raises:
        RefusedError: It is not signed by one of its officers, or out of place.
        InvalidValueError: It cannot be read.
    """
    proving = _proving(declaring)
    signed = proving.say_deed(jws)
    return Spoken(n=proving.logs[proving.logs.own].tree.size - 1, signed=signed)


def carry_out(declaring: Declaring) -> CarriedOut:
    """Change the items of this party as was accepted, where they are not changed yet, and state it."""
    proving = _proving(declaring)
    amended: list[Record] = []
    not_amended: list[NotAmended] = []
    for proposal, change in _accepted_of(proving.logs):
        try:
            outcome = _amended(declaring, proving.logs, proposal, change)
        except (RefusedError, InvalidValueError) as error:
            not_amended.append(NotAmended(item=change.item, reason=str(error)))
            continue
        if not outcome.is_repeat:
            proving.state(outcome.record, declaring.form.read(outcome.record.text))
            amended.append(outcome.record)
    return CarriedOut(amended=amended, not_amended=not_amended)


def _proving(declaring: Declaring) -> Proving:
    assert declaring.proving is not None, "nothing is negotiated without keys"
    return declaring.proving


def _accepted_of(logs: Logs) -> Iterator[tuple[Proposal, Change]]:
    """Yield what was accepted of items of this party that are as they were when it was."""
    negotiations, ledger = logs.ledger.negotiations, logs.ledger
    for negotiation in negotiations.all():
        if negotiation.state is not NegotiationState.ACCEPTED:
            continue
        changes = negotiations.accepted_changes(negotiation.proposal.conflict)
        for change in changes:  # none, where two different ones were accepted
            version = ledger.current(logs.own, change.item.id)
            if change.item.party == logs.own and version is not None and version.ref == change.item:
                yield negotiation.proposal, change


def _amended(declaring: Declaring, logs: Logs, proposal: Proposal, change: Change) -> Outcome:
    item: Item = declaring.form.read(change.becomes)  # it is one: else it would not have been proposed
    try:
        return declaring.amend(item, change.item.version)
    except ConflictRefusedError as error:
        changing = {*proposal.conflict, *(each.item for each in proposal.changes)}
        known = {logs.local_id(each.party, each.id) for each in changing}
        if not {finding.b.id for finding in error.findings} <= known:
            raise
    # What it conflicts with is part of the same proposal: the other party has yet to change it, or both
    # knew of the conflict when they accepted.
    recording = replace(declaring, policy=replace(declaring.policy, conflicts=ConflictPolicy.RECORD))
    return recording.amend(item, change.item.version)
