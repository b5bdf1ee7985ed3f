"""What ends a connection of a feed, and how long it waits until it is tried again."""

from __future__ import annotations

from random import Random
from typing import Final

from keepclear.core.errors import KeepclearError

BACKOFF_FIRST_S: Final = 0.5
"""The wait after the first fault; each further one is twice as long."""
BACKOFF_MAX_S: Final = 30.0
"""No wait after a fault is longer."""

_DOUBLINGS_MAX: Final = 16  # far beyond the longest wait


class FeedLostError(KeepclearError):
    """A feed could not be connected, or its connection has ended. Trying again may help.

    Attributes:
        reason: What happened, as a clause without a full stop.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class FeedUnusableError(FeedLostError):
    """A feed cannot be used as things are: trying again does not help."""


def reason_of(error: OSError) -> str:
    """Return what an error of the system says, in the same words each time."""
    return error.strerror or str(error) or type(error).__name__


def backoff_s(failure_count: int, random: Random) -> float:
    """Return how long to wait after so many faults in a row, with some chance in it.

    Args:
        failure_count: From 1.
        random: Chance, so that nodes do not wait in step.
    """
    longest_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(failure_count - 1, _DOUBLINGS_MAX))
    return longest_s * (0.5 + 0.5 * random.random())
