"""A network without wires: messages on directed links that lose, delay, repeat, swap and cut off.

Nothing happens on it by itself: a fault is set on a link, and strikes the messages that are sent there
next. All chance comes from the generator that is passed in, so that a seed tells everything.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Final, Generic, NamedTuple, TypeVar

TRANSIT_MS: Final = 200
"""So long a message is under way where nothing is wrong."""
DELAY_MAX_MS: Final = 600_000
"""The longest that a late message is under way."""
REORDERING_MAX_MS: Final = 30_000
"""The longest that a message is under way that later ones overtake."""
MESSAGES_MAX: Final = 10_000
"""So many messages are under way at most; one more is lost, as in a full queue."""

M = TypeVar("M")


class LinkFault(Enum):
    """What strikes the next message on a link."""

    LOSS = "loss"
    """It does not arrive."""
    DELAY = "delay"
    """It arrives late, after others that were sent later."""
    REPETITION = "repetition"
    """It arrives twice, the second time late."""
    REORDERING = "reordering"
    """It arrives after a few that were sent later."""


class Link(NamedTuple):
    """A direction: what goes back is another link."""

    sender: str
    receiver: str


@dataclass(frozen=True, slots=True, order=True)
class _UnderWay:
    due_ms: int
    number: int


class Network(Generic[M]):
    """See the module.

    Args:
        random: Where all chance comes from.

    Attributes:
        lost_count: How many messages did not arrive.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._faults: dict[Link, Counter[LinkFault]] = {}
        self._cut: set[Link] = set()
        self._under_way: list[_UnderWay] = []
        self._messages: dict[int, tuple[Link, M]] = {}
        self._number = 0
        self.lost_count = 0

    def strike(self, link: Link, fault: LinkFault) -> None:
        """Have a fault strike the next message on a link; several wait for several messages."""
        self._faults.setdefault(link, Counter())[fault] += 1

    def cut(self, link: Link) -> None:
        """Let nothing more through in this direction; what goes back still does."""
        self._cut.add(link)

    def join(self, link: Link) -> None:
        """Let messages through again."""
        self._cut.discard(link)

    def is_cut(self, link: Link) -> bool:
        """Tell whether nothing gets through in this direction."""
        return link in self._cut

    def heal(self) -> None:
        """End all faults. What is under way arrives, late messages too."""
        self._faults.clear()
        self._cut.clear()

    def send(self, link: Link, message: M, now_ms: int) -> None:
        """Send a message; what waits on the link strikes it, one fault a message."""
        if link in self._cut or len(self._messages) >= MESSAGES_MAX:
            self.lost_count += 1
            return
        match self._struck(link):
            case LinkFault.LOSS:
                self.lost_count += 1
                return
            case LinkFault.DELAY:
                due_ms = [now_ms + self._random.randint(TRANSIT_MS, DELAY_MAX_MS)]
            case LinkFault.REPETITION:
                due_ms = [now_ms + TRANSIT_MS, now_ms + self._random.randint(TRANSIT_MS, DELAY_MAX_MS)]
            case LinkFault.REORDERING:
                due_ms = [now_ms + self._random.randint(2 * TRANSIT_MS, REORDERING_MAX_MS)]
            case None:
                due_ms = [now_ms + TRANSIT_MS]
        for each_ms in due_ms:
            self._number += 1
            heapq.heappush(self._under_way, _UnderWay(each_ms, self._number))
            self._messages[self._number] = (link, message)

    def _struck(self, link: Link) -> LinkFault | None:
        waiting = self._faults.get(link)
        if not waiting:
            return None
        fault = next(fault for fault in LinkFault if waiting[fault])
        waiting[fault] -= 1
        if not waiting[fault]:
            del waiting[fault]
        return fault

    def arrived(self, now_ms: int) -> Iterator[tuple[Link, M]]:
        """Yield what has arrived by now, in its order; what is lost to a cut meanwhile is left out."""
        while self._under_way and self._under_way[0].due_ms <= now_ms:
            link, message = self._messages.pop(heapq.heappop(self._under_way).number)
            if link in self._cut:
                self.lost_count += 1
            else:
                yield link, message

    @property
    def under_way_count(self) -> int:
        """How many messages are under way."""
        return len(self._messages)
