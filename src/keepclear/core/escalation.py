"""Escalation: by when a message should have been received, read and answered, and what is done when not.

While nobody at the other side has read a message that wants an answer, it climbs a ladder of steps: a second
path, the telephone, the next officer on the roster, the senior one, a third party. Each step is said once, by
the sender's node. All deadlines count by the clock of that node, from when it put the message into its log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple, assert_never

from keepclear.core.dialogues import Dialogue, DialogueState, is_ahead
from keepclear.core.errors import InvalidValueError
from keepclear.core.messages import Priority, Step

DEADLINE_MAX_S: Final = 7 * 86_400.0
"""The longest that a message may wait for anything."""
CLOCKS_APART_S: Final = 60.0
"""A message whose time is ahead of the clock by more than this counts as late: by when it should be read
cannot be told. Clocks of two nodes may differ by less."""
LADDER: Final = tuple(Step)
"""The steps in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """By when a message of one priority should have got somewhere, seconds after it was sent.

    Attributes:
        delivered_s: At the other node.
        seen_s: Read by somebody.
        answered_s: Answered; None for no deadline. A standby starts it again, once.
        ladder_s: When each step of the ladder is taken while nobody has read it, as many as are wanted.

    Raises:
        InvalidValueError: A deadline is out of range, or they are not in their order.
    """

    delivered_s: float
    seen_s: float
    answered_s: float | None
    ladder_s: tuple[float, ...]

    def __post_init__(self) -> None:
        given = [self.delivered_s, self.seen_s, *([] if self.answered_s is None else [self.answered_s])]
        for name, values in (("answered_s", given), ("ladder_s", self.ladder_s)):
            if any(not 1.0 <= value <= DEADLINE_MAX_S for value in values):
                raise InvalidValueError(name, f"each must be within 1..{DEADLINE_MAX_S:,.0f} s")
            if any(later < earlier for earlier, later in pairwise(values)):
                raise InvalidValueError(name, "each must be no earlier than the one before")
        if len(self.ladder_s) > len(LADDER):
            raise InvalidValueError("ladder_s", f"the ladder has {len(LADDER)} steps")


@dataclass(frozen=True, slots=True, kw_only=True)
class HotlineTimers:
    """The deadlines of each priority."""

    distress: Deadlines = field(
        default_factory=lambda: Deadlines(
            delivered_s=15.0, seen_s=30.0, answered_s=60.0, ladder_s=(15.0, 30.0, 60.0, 90.0, 120.0)
        )
    )
    safety: Deadlines = field(
        default_factory=lambda: Deadlines(
            delivered_s=30.0, seen_s=120.0, answered_s=300.0, ladder_s=(30.0, 60.0, 90.0, 120.0, 300.0)
        )
    )
    routine: Deadlines = field(
        default_factory=lambda: Deadlines(
            delivered_s=120.0, seen_s=1_800.0, answered_s=None, ladder_s=(120.0, 1_800.0)
        )
    )

    def of(self, priority: Priority) -> Deadlines:
        """Return the deadlines of a priority."""
        match priority:
            case Priority.DISTRESS:
                return self.distress
            case Priority.SAFETY:
                return self.safety
            case Priority.ROUTINE:
                return self.routine
            case _:
                assert_never(priority)


class Due(NamedTuple):
    """What a message waits for, and since when it is late.

    Attributes:
        seen_ms: When it should have been read; None where it was.
        answered_ms: When it should have been answered; None where it was, or need not be.
    """

    seen_ms: int | None
    answered_ms: int | None


OVER: Final = frozenset({DialogueState.CLOSED, DialogueState.CORRECTED, DialogueState.LAPSED})
"""Nothing is waited for any more in these states."""


def due(dialogue: Dialogue, deadlines: Deadlines) -> Due:
    """Tell by when a message should be read and answered, milliseconds since 1970.

    What wants no answer waits for nothing, and whoever said anything to it, if only by voice, need not be
    called any more. A standby starts the time for an answer again; whatever the clock
    of who stands by shows, that is no later than it would have run out.
    """
    sent = dialogue.asked
    if not sent.wants_answer or dialogue.state in OVER:
        return Due(None, None)
    seen_ms = None
    if dialogue.seen is None and not dialogue.replies:
        seen_ms = sent.since_ms + round(deadlines.seen_s * 1e3)
    answered_ms = None
    if deadlines.answered_s is not None:
        wait_ms = round(deadlines.answered_s * 1e3)
        answered_ms = sent.since_ms + wait_ms
        if dialogue.stood_by is not None:
            stood_by_ms = max(sent.since_ms, min(dialogue.stood_by.since_ms, answered_ms))
            answered_ms = stood_by_ms + wait_ms
    return Due(seen_ms, answered_ms)


def next_ms(dialogue: Dialogue, deadlines: Deadlines, now_ms: int) -> int | None:
    """Return the earliest time after now at which something is due if nothing happens; None for never."""
    sent, waits = dialogue.asked, due(dialogue, deadlines)
    times = [each for each in waits if each is not None]
    if waits.seen_ms is not None:
        times += [sent.since_ms + round(after_s * 1e3) for after_s in deadlines.ladder_s]
    if sent.wants_answer and dialogue.state not in OVER:
        times.append(sent.message.valid_until_ms + 1)  # then it may lapse
    return min((each for each in times if each > now_ms), default=None)


def is_late(dialogue: Dialogue, deadlines: Deadlines, now_ms: int) -> bool:
    """Tell whether a message was not read, or not answered, in time.

    What waits, and was sent ahead of the clock by more than `CLOCKS_APART_S`, is taken to be late.
    """
    is_apart = dialogue.asked.since_ms - now_ms > CLOCKS_APART_S * 1e3
    return any(each is not None and (is_apart or now_ms >= each) for each in due(dialogue, deadlines))


def steps_due(dialogue: Dialogue, deadlines: Deadlines, now_ms: int) -> Sequence[Step]:
    """Return the steps that should have been taken by now and were not.

    Where the clock was set back since, nobody knows how long it waits: then all are due.

    Args:
        dialogue: What became of the message.
        deadlines: Those of its priority.
        now_ms: What time it is by the sender's clock, milliseconds since 1970.
    """
    if due(dialogue, deadlines).seen_ms is None:
        return ()
    taken = {step for step, _, _ in dialogue.steps}
    waited_ms, is_back = now_ms - dialogue.asked.since_ms, is_ahead(dialogue.asked.since_ms, now_ms)
    return [
        step
        for step, after_s in zip(LADDER, deadlines.ladder_s, strict=False)
        if (is_back or waited_ms >= round(after_s * 1e3)) and step not in taken
    ]


def is_timed_out(dialogue: Dialogue, deadlines: Deadlines, now_ms: int) -> bool:
    """Tell whether a time-out should be said now: no answer came in time, and it was not said yet.

    Where the clock was set back since the message was sent, the time for an answer is taken to be over.
    """
    answered_ms = due(dialogue, deadlines).answered_ms
    if answered_ms is None or dialogue.timed_out_ms is not None:
        return False
    return now_ms >= answered_ms or is_ahead(dialogue.asked.since_ms, now_ms)
