"""Who sent a request, as its access token says, and why a token is not taken."""

from __future__ import annotations

from dataclasses import dataclass

from keepclear.core.errors import KeepclearError


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Who sent a request, by a token that was verified.

    Attributes:
        subject: The claim `sub`: who it is, as the manager of what it writes.
        issuer: The claim `iss`: who says so.
        scopes: The claim `scope`: what it may do. Whether that is enough is for who asks.
        expires_s: The claim `exp`: when the token ends, in seconds since 1970.
    """

    subject: str
    issuer: str
    scopes: frozenset[str]
    expires_s: int


class TokenError(KeepclearError):
    """Who sent a request is not known: its token is absent, or is not taken (HTTP 401).

    Attributes:
        reason: Why, as a clause without a full stop. It shows nothing of the token but its claims.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
