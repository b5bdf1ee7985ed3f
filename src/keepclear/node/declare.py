"""Declare, amend, withdraw, and change the state of items: each inside one serial transaction.

Only its owner changes an item, and only the version that was named. Doing the same again, because
the answer was lost, gives the same answer and writes nothing. What is found decides, by the party's
policy, whether an operation is refused or recorded as conflicting; a zone is never refused, and
neither is what an operation in trouble says of itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from keepclear.core.conflicts import Finding, Gaps, Item, Verdict, label_of
from keepclear.core.constraints import Constraint
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import (
    TRANSITIONS,
    IntentEvent,
    IntentState,
    ItemId,
    OperationalIntent,
    next_state,
)
from keepclear.core.packed import PackedVolumes
from keepclear.core.split import Breach, breaches
from keepclear.node.held import Held
from keepclear.node.outcomes import (
    ConflictRefusedError,
    ExistsError,
    NotFoundError,
    NotOwnerError,
    Outcome,
    StateRefusedError,
    VersionMismatchError,
)
from keepclear.node.policy import ConflictPolicy, Policy, span_ms
from keepclear.node.ports import Actor, EventKind, ItemForm, Record, Standing, Transaction
from keepclear.node.prove import Proving

_REFUSABLE = (IntentState.ACCEPTED, IntentState.ACTIVATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaring:
    """The use cases that change items.

    Attributes:
        held: What the node holds; the transaction must have been followed up to its end.
        transaction: The transaction that everything happens in.
        form: How items are written.
        policy: What the party decided.
        actor: Who does it.
        now: When.
        proving: The use cases of the logs; None on a node without keys.
    """

    held: Held
    transaction: Transaction
    form: ItemForm
    policy: Policy
    actor: Actor
    now: datetime
    proving: Proving | None = None

    def declare(self, item: Item) -> Outcome:
        """Declare an item that is not declared yet, or was withdrawn by the same party.

        Raises:
            NotOwnerError: It says it is another party's, or the id is another party's.
            ExistsError: The id is taken.
            ConflictRefusedError: It conflicts, and the policy refuses that.
            InvalidValueError: It is over a limit, over already, or has ended.
        """
        self._require_own(item.id, item.party)
        old = self.transaction.record(item.id)
        if old is not None:
            self._require_own(item.id, old.label.party)
            if old.kind is EventKind.DECLARED and old.text == self.form.write(item):
                return self._repeat(old, item)
            if not old.is_withdrawn:
                raise ExistsError(old)
        return self._judge_and_write(EventKind.DECLARED, item, old)

    def amend(self, item: Item, version: int) -> Outcome:
        """Put an item in place of the version that was named.

        Raises:
            NotFoundError: It is not declared.
            NotOwnerError: It is another party's.
            VersionMismatchError: It changed since.
            StateRefusedError: It has ended, or its state cannot become the one that was given.
            ConflictRefusedError: It conflicts, and the policy refuses that.
            InvalidValueError: It is over a limit, over already, or an operation became a zone.
        """
        self._require_own(item.id, item.party)
        old = self._own(item.id)
        if old.version == version + 1 and old.kind is EventKind.AMENDED and old.text == self.form.write(item):
            return self._repeat(old, item)
        self._require_version(old, version)
        _require_reachable(old, item)
        return self._judge_and_write(EventKind.AMENDED, item, old)

    def withdraw(self, item_id: ItemId, version: int) -> Outcome:
        """Take an item back.

        Raises:
            NotFoundError: It is not declared.
            NotOwnerError: It is another party's.
            VersionMismatchError: It changed since.
        """
        old = self.transaction.record(item_id)
        if old is not None and old.is_withdrawn and old.version == version + 1:
            self._require_own(item_id, old.label.party)
            return Outcome(record=old, is_repeat=True)
        old = self._own(item_id)
        self._require_version(old, version)
        record = self._append(self._next(old, EventKind.WITHDRAWN), self.form.read(old.text))
        self.held.take(record, None)
        return Outcome(record=record)

    def change_state(self, item_id: ItemId, event: IntentEvent, version: int) -> Outcome:
        """Change the state of an operation, by the table of states.

        To become activated is refused where it conflicts and the policy says so; nothing else is.

        Raises:
            NotFoundError: It is not declared.
            NotOwnerError: It is another party's.
            VersionMismatchError: It changed since.
            StateRefusedError: It is a zone, or its state does not allow this.
            ConflictRefusedError: It conflicts, and the policy refuses that.
        """
        old = self._own(item_id)
        item = self.form.read(old.text)
        if isinstance(item, Constraint):
            raise StateRefusedError(f"{item_id!r} is a zone, and zones have no state; amend or withdraw it")
        was_repeated = old.version == version + 1 and old.kind is EventKind.STATE_CHANGED
        if was_repeated and event in _leading_to(item.state):
            return Outcome(record=old, is_repeat=True)
        self._require_version(old, version)
        try:
            changed = replace(item, state=next_state(item.state, event))
        except InvalidValueError as error:
            raise StateRefusedError(error.reason) from None
        if changed.state is IntentState.ENDED:
            ended = replace(self._next(old, EventKind.STATE_CHANGED), state=changed.state)
            record = self._append(replace(ended, text=self.form.write(changed)), changed)
            self.held.take(record, None)
            return Outcome(record=record)
        return self._judge_and_write(EventKind.STATE_CHANGED, changed, old)

    @property
    def _gaps(self) -> Gaps:
        agreed = {} if self.proving is None else self.proving.logs.ledger.agreed_gaps()
        return Gaps(buffer=self.policy.buffer, agreed=agreed)

    def _require_own(self, item_id: ItemId, party: str | None) -> None:
        if party != self.actor.party:
            raise NotOwnerError(item_id, party)

    def _own(self, item_id: ItemId) -> Record:
        old = self.transaction.record(item_id)
        if old is None or old.is_withdrawn:
            raise NotFoundError(item_id)
        self._require_own(item_id, old.label.party)
        return old

    def _require_version(self, old: Record, version: int) -> None:
        if old.version != version:
            raise VersionMismatchError(old, version)

    def _repeat(self, record: Record, item: Item) -> Outcome:
        packed, findings = self.held.judge(item, self._gaps)
        return Outcome(record=record, findings=findings, breaches=self._broken(item, packed), is_repeat=True)

    def _judge_and_write(self, kind: EventKind, item: Item, old: Record | None) -> Outcome:
        if kind is not EventKind.STATE_CHANGED:  # what it says of its volumes was checked before
            self.policy.check(item, self.now)
        if isinstance(item, OperationalIntent) and item.state is IntentState.ENDED:
            raise StateRefusedError(f"{item.id!r} is given as ended; end a declared operation instead")
        packed, findings = self.held.judge(item, self._gaps)
        broken = self._broken(item, packed)
        standing = self._standing(item, findings, broken)
        start_ms, end_ms = span_ms(item)
        record = Record(
            seq=0,
            kind=kind,
            label=label_of(item),
            state=item.state if isinstance(item, OperationalIntent) else None,
            start_ms=start_ms,
            end_ms=end_ms,
            text=self.form.write(item),
            version=1 if old is None else old.version + 1,
            standing=standing,
            actor=self.actor,
            at=self.now,
        )
        record = self._append(record, item)
        self.held.take(record, packed)
        return Outcome(record=record, findings=findings, breaches=broken)

    def _broken(self, item: Item, packed: PackedVolumes) -> Sequence[Breach]:
        """Return on which altitude splits' other side an item is, while they apply."""
        halves = () if self.proving is None else self.proving.logs.ledger.halves()
        return breaches(packed, lambda _: label_of(item), halves)

    def _append(self, record: Record, item: Item) -> Record:
        if self.proving is not None:
            self.proving.require_sayable(record)  # before anything changes: what is declared is stated
        return self.transaction.append(record, item)

    def _standing(self, item: Item, findings: Sequence[Finding], broken: Sequence[Breach]) -> Standing:
        conflicts = [finding for finding in findings if finding.verdict is Verdict.CONFLICT]
        if not conflicts and not broken:
            return Standing.CLEAR
        is_refusable = isinstance(item, OperationalIntent) and item.state in _REFUSABLE
        if is_refusable and self.policy.conflicts is ConflictPolicy.REFUSE:
            raise ConflictRefusedError(item.id, conflicts, broken)
        return Standing.CONFLICTING

    def _next(self, old: Record, kind: EventKind) -> Record:
        return replace(old, seq=0, kind=kind, version=old.version + 1, actor=self.actor, at=self.now)


def _leading_to(state: IntentState) -> set[IntentEvent]:
    """Return the events that lead to a state."""
    return {event for (_, event), after in TRANSITIONS.items() if after is state}


def _require_reachable(old: Record, item: Item) -> None:
    """Refuse an amendment that would make something else of an item."""
    is_operation = isinstance(item, OperationalIntent)
    if is_operation != (old.state is not None):
        raise InvalidValueError("kind", "an operation cannot become a zone, nor a zone an operation")
    if not isinstance(item, OperationalIntent) or old.state is None:
        return
    if old.state is IntentState.ENDED:
        raise StateRefusedError(f"{item.id!r} has ended, which is final; declare a new operation")
    reachable = {old.state} | {after for (before, _), after in TRANSITIONS.items() if before is old.state}
    if item.state not in reachable:
        raise StateRefusedError(f"{item.id!r} is {old.state.value} and cannot become {item.state.value}")
