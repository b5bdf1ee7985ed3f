"""How a use case can end: with an outcome, or refused for a reason that tells the way out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keepclear.core.conflicts import Finding
from keepclear.core.errors import KeepclearError
from keepclear.core.split import Breach
from keepclear.node.ports import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a change of an item came to.

    Attributes:
        record: The item as it stands now.
        findings: What it meets.
        breaches: On which altitude splits' other side it is, while they apply.
        is_repeat: Whether this very change had been made before; nothing was written now.
    """

    record: Record
    findings: Sequence[Finding] = ()
    breaches: Sequence[Breach] = ()
    is_repeat: bool = False


class RefusedError(KeepclearError):
    """The base of what a use case refuses."""


class NotFoundError(RefusedError):
    """There is no such item, or it was withdrawn.

    Attributes:
        item_id: The id that was asked for.
    """

    def __init__(self, item_id: str) -> None:
        self.item_id = item_id
        super().__init__(f"there is no item {item_id!r}, or it was withdrawn; list the items to see the ids")


class NotOwnerError(RefusedError):
    """Somebody else's item: only the party that declared it changes it.

    Attributes:
        item_id: The item.
        owner: Whose it is.
    """

    def __init__(self, item_id: str, owner: str | None) -> None:
        self.item_id, self.owner = item_id, owner
        super().__init__(f"{item_id!r} is an item of {owner or 'nobody'}; only that party can change it")


class ExistsError(RefusedError):
    """An item with this id is declared already, and says something else.

    Attributes:
        record: It.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        taken = f"the id {record.label.id!r} is taken"
        super().__init__(f"{taken}; amend or withdraw version {record.version}, or take another id")


class VersionMismatchError(RefusedError):
    """The item changed since the version that was named.

    Attributes:
        record: The item as it stands.
        named: The version that was named.
    """

    def __init__(self, record: Record, named: int) -> None:
        self.record, self.named = record, named
        super().__init__(
            f"{record.label.id!r} is at version {record.version}, not {named}; look at it, then decide anew"
        )


class ConflictRefusedError(RefusedError):
    """The policy refuses to declare or activate what conflicts.

    Attributes:
        item_id: The item.
        findings: What it meets.
        breaches: On which altitude splits' other side it is, while they apply.
    """

    def __init__(self, item_id: str, findings: Sequence[Finding], breaches: Sequence[Breach] = ()) -> None:
        self.item_id, self.findings, self.breaches = item_id, findings, breaches
        others = ", ".join(repr(finding.b.id) for finding in findings[:3])
        more = f" and {len(findings) - 3} more" if len(findings) > 3 else ""
        reasons = [f"conflicts with {others}{more}"] if findings else []
        reasons += [_beyond(breach) for breach in breaches[:3]]
        super().__init__(
            f"{item_id!r} {' and '.join(reasons)}, and the policy of this node refuses conflicts; "
            "resolve it, then declare again"
        )


def _beyond(breach: Breach) -> str:
    side = "below" if breach.is_below else "above"
    return f"is to stay {side} {breach.altitude_m:,.0f} m while the fallback with {breach.peer!r} applies"


class StateRefusedError(RefusedError):
    """The item is in a state that does not allow this."""


class StoreError(KeepclearError):
    """The database could not be read or written.

    Attributes:
        may_pass: Whether trying again may help.
    """

    def __init__(self, reason: str, *, may_pass: bool) -> None:
        self.may_pass = may_pass
        super().__init__(reason)
