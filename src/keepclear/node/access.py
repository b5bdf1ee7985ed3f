"""Who may do what: roles, and what a token grants to one person of one party."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from keepclear.node.outcomes import RefusedError
from keepclear.node.ports import Actor


class Role(Enum):
    """What somebody may do; each may also do what those before it may."""

    VIEWER = "viewer"
    """Look."""
    DUTY_OFFICER = "duty_officer"
    """Declare, amend and withdraw items of the own party, and give positions."""
    ADMINISTRATOR = "administrator"
    """Issue and revoke tokens."""

    def includes(self, other: Role) -> bool:
        """Tell whether this role may do what another may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a token grants.

    Attributes:
        token_id: Which token; no secret.
        actor: The party and the person that it is bound to.
        role: What that person may do.
        expires: Until when.
    """

    token_id: str
    actor: Actor
    role: Role
    expires: datetime


class NotAllowedError(RefusedError):
    """The role does not allow this."""

    def __init__(self, role: Role, needed: Role) -> None:
        self.role, self.needed = role, needed
        super().__init__(f"this needs the role {needed.value}; yours is {role.value}")
