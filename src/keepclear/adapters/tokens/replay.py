"""Tokens that may be used once: which ones were used, until they expire.

It is known in the memory of one process only: after a restart, and at another process of the same service, a
token that has not expired is taken once more.
"""

from __future__ import annotations

import heapq
import threading
from typing import Final

from keepclear.adapters.tokens.bearer import TokenError
from keepclear.adapters.tokens.jwt import Claims

USED_MAX: Final = 200_000
"""So many used tokens are remembered until they expire; with more, none is taken until some have."""


class ReplayGuard:
    """Which tokens were used, by issuer and id."""

    def __init__(self) -> None:
        self._used: set[tuple[str, str]] = set()
        self._ends: list[tuple[float, tuple[str, str]]] = []
        self._lock = threading.Lock()

    def use(self, claims: Claims, now_s: float) -> None:
        """Use a token up.

        Args:
            claims: What it says, verified.
            now_s: What time it is, seconds since 1970.

        Raises:
            TokenError: It has no id, or was used before, or too many were.
        """
        if claims.token_id is None:
            raise TokenError("the token has no id (jti), without which it cannot be seen to be used once")
        used = (claims.bearer.issuer, claims.token_id)
        with self._lock:
            while self._ends and self._ends[0][0] <= now_s:
                self._used.discard(heapq.heappop(self._ends)[1])
            if used in self._used:
                raise TokenError("the token was used before, and here each is taken once; get a new one")
            if len(self._used) >= USED_MAX:
                raise TokenError("too many tokens were used within an hour; try again in some minutes")
            self._used.add(used)
            heapq.heappush(self._ends, (claims.times.expires_s, used))
