"""Faults of a simulation: what may happen to messages, links, nodes and clocks, and how often.

Which fault comes when is drawn from the generator that is passed in; whom it strikes, the simulation
draws when it strikes.
"""

from __future__ import annotations

from enum import Enum
from random import Random
from typing import Final

from keepclear.testing.network import LinkFault

SKEW_MAX_MS: Final = 300_000
"""So far the clock of a node is from the right time at most, fast or slow."""


class Fault(Enum):
    """What may go wrong."""

    LOSS = "loss"
    DELAY = "delay"
    REPETITION = "repetition"
    REORDERING = "reordering"
    CUT = "cut"
    """A link is cut in one direction."""
    JOIN = "join"
    """A link that was cut works again."""
    STOP = "stop"
    """A node is stopped and started."""
    CRASH_BEFORE_WRITE = "crash before write"
    """A node fails in the middle of the next change; nothing of it is kept."""
    CRASH_AFTER_WRITE = "crash after write"
    """A node fails after the next change is kept, and before anybody is answered."""
    RESTORE = "restore"
    """A node is put back to a backup."""
    SKEW = "skew"
    """The clock of a node steps, back or on."""
    LIE = "lie"
    """A party lies; where all are honest, a message is lost instead."""


ON_LINK: Final = {
    Fault.LOSS: LinkFault.LOSS,
    Fault.DELAY: LinkFault.DELAY,
    Fault.REPETITION: LinkFault.REPETITION,
    Fault.REORDERING: LinkFault.REORDERING,
}
"""The faults that strike the next message on a link."""
WEIGHTS: Final = {
    Fault.LOSS: 20,
    Fault.DELAY: 14,
    Fault.REPETITION: 10,
    Fault.REORDERING: 10,
    Fault.CUT: 8,
    Fault.JOIN: 8,
    Fault.STOP: 3,
    Fault.CRASH_BEFORE_WRITE: 3,
    Fault.CRASH_AFTER_WRITE: 3,
    Fault.RESTORE: 2,
    Fault.SKEW: 5,
    Fault.LIE: 14,
}
"""How often each comes, of about 100."""


def draw(random: Random, count: int) -> list[Fault]:
    """Draw faults, in the order in which they strike."""
    return random.choices(list(WEIGHTS), weights=list(WEIGHTS.values()), k=count)
