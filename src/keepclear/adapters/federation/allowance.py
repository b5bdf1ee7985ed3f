"""What one peer may ask for: so many requests a second, so many bytes a minute, and each greeting once."""

from __future__ import annotations

from typing import Final

REQUESTS_PER_S: Final = 100.0
"""So many requests a second a peer may make for long."""
REQUESTS_AT_ONCE: Final = 200.0
"""So many requests a peer may make after a pause."""
PACE_PER_S: Final = REQUESTS_PER_S / 2.0
"""So many requests a second this node makes for long, well within what its peers allow it."""
PACE_AT_ONCE: Final = REQUESTS_AT_ONCE / 2.0
"""So many requests this node makes after a pause."""
REQUESTS_UNDER_WAY: Final = 4
"""So many requests of a peer may be under way at one time."""
BYTES_PER_MINUTE: Final = 256_000_000
"""So many bytes a minute a peer may send and be sent."""
GREETING_S_MAX: Final = 60.0
"""No greeting is good for longer."""
CLOCKS_APART_S_MAX: Final = 120.0
"""The clocks of two nodes that speak with each other are no further apart."""
NONCES_MAX: Final = 32_768
"""So many greetings of a peer are remembered; more are refused until the oldest have expired."""
NONCES_KEPT_S: Final = GREETING_S_MAX + 2.0 * CLOCKS_APART_S_MAX
"""So long a greeting is remembered: it is good no longer by any clock that is let in."""


class Bucket:
    """What flows in at a steady rate, up to what it holds, and may be spent into debt.

    Args:
        per_s: How much flows in.
        holds: How much it holds; it is full at first.
    """

    __slots__ = ("_at_s", "_holds", "_level", "_per_s")

    def __init__(self, per_s: float, holds: float) -> None:
        self._per_s, self._holds = per_s, holds
        self._level, self._at_s = holds, float("inf")  # until it is looked at first

    def wait_s(self, least: float, now_s: float) -> float:
        """Return how long until it holds so much; 0.0 when it does now."""
        passed_s = max(0.0, now_s - self._at_s)
        self._level = min(self._holds, self._level + self._per_s * passed_s)
        self._at_s = now_s
        return max(0.0, (least - self._level) / self._per_s)

    def spend(self, amount: float) -> None:
        """Take something out, more than it holds too."""
        self._level -= amount


class Allowance:
    """What one peer may still ask for."""

    __slots__ = ("_bytes", "_nonces", "_requests", "_under_way")

    def __init__(self) -> None:
        self._requests = Bucket(REQUESTS_PER_S, REQUESTS_AT_ONCE)
        self._bytes = Bucket(BYTES_PER_MINUTE / 60.0, BYTES_PER_MINUTE)
        self._nonces: dict[str, float] = {}
        self._under_way = 0

    def begin(self, now_s: float) -> float:
        """Begin a request; return how long the peer must wait before it, 0.0 when it is begun."""
        wait_s = max(self._requests.wait_s(1.0, now_s), self._bytes.wait_s(0.0, now_s))
        if wait_s == 0.0 and self._under_way >= REQUESTS_UNDER_WAY:
            wait_s = 1.0
        if wait_s == 0.0:
            self._requests.spend(1.0)
            self._under_way += 1
        return wait_s

    def end(self) -> None:
        """End a request that was begun."""
        self._under_way -= 1

    def spend_bytes(self, count: int) -> None:
        """Count bytes that came or went."""
        self._bytes.spend(count)

    def is_full(self, now_s: float) -> bool:
        """Tell whether no more greetings can be remembered."""
        for nonce, until_s in list(self._nonces.items()):
            if until_s > now_s:
                break  # they are in the order in which they came, and all are kept as long
            del self._nonces[nonce]
        return len(self._nonces) >= NONCES_MAX

    def use(self, nonce: str, now_s: float) -> bool:
        """Remember a greeting; return whether it is the first with this nonce."""
        if nonce in self._nonces:
            return False
        self._nonces[nonce] = now_s + NONCES_KEPT_S
        return True
