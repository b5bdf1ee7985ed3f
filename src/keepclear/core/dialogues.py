"""Dialogues: what a message, its answers and its receipts are, and the table of what becomes of one.

A message that wants an answer opens a dialogue; the table `TRANSITIONS` is the only rule for what becomes of
it. Logs of two parties arrive in any order, so steps that different parties bring about can be swapped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from keepclear.core.deeds import Heard
from keepclear.core.intents import PartyId
from keepclear.core.messages import Message, Response, Step
from keepclear.core.refs import MessageRef
from keepclear.core.statements import Head
from keepclear.core.transitions import transitions_markdown

CLOCK_BACK_S: Final = 10.0
"""A time that is ahead of the clock by more than this shows that the clock was set back: nothing can be told
by it then, neither that there is time left, nor that something was a short while ago."""

Received = tuple[tuple[PartyId, Head], ...]
"""How far each other log had been received, sorted by party."""
Place = tuple[int, MessageRef]
"""Where a message stands in the order of time: when it was sent, and its reference number."""


class DialogueState(Enum):
    """What became of a message that wants an answer."""

    OPEN = "open"
    """It waits for an answer."""
    STANDBY = "standby"
    """The other side has it in hand, and will answer."""
    TIMED_OUT = "timed_out"
    """No answer came in time; it still waits for one."""
    CLOSED = "closed"
    """It was answered."""
    CORRECTED = "corrected"
    """Another message took its place."""
    LAPSED = "lapsed"
    """It was routine, and the time in which it counted is over."""


class DialogueEvent(Enum):
    """What changes the state of a dialogue."""

    STAND_BY = "stand by"
    ANSWER = "answer"
    TIME_OUT = "time out"
    CORRECT = "correct"
    LAPSE = "lapse"


WHO: Final[dict[DialogueEvent, str]] = {
    DialogueEvent.STAND_BY: "an officer of the party that was addressed; it stops the first timer, once",
    DialogueEvent.ANSWER: "an officer of the party that was addressed; the first one closes",
    DialogueEvent.TIME_OUT: "the node of the party that asked, by a statement",
    DialogueEvent.CORRECT: "an officer of the party that asked, by another message",
    DialogueEvent.LAPSE: "the clock, once a routine message counts no more",
}
"""Who brings each event about."""

_S, _E = DialogueState, DialogueEvent
TRANSITIONS: Final[dict[tuple[DialogueState, DialogueEvent], DialogueState]] = {
    (_S.OPEN, _E.STAND_BY): _S.STANDBY,
    (_S.OPEN, _E.ANSWER): _S.CLOSED,
    (_S.OPEN, _E.TIME_OUT): _S.TIMED_OUT,
    (_S.OPEN, _E.CORRECT): _S.CORRECTED,
    (_S.OPEN, _E.LAPSE): _S.LAPSED,
    (_S.STANDBY, _E.STAND_BY): _S.STANDBY,
    (_S.STANDBY, _E.ANSWER): _S.CLOSED,
    (_S.STANDBY, _E.TIME_OUT): _S.TIMED_OUT,
    (_S.STANDBY, _E.CORRECT): _S.CORRECTED,
    (_S.STANDBY, _E.LAPSE): _S.LAPSED,
    (_S.TIMED_OUT, _E.STAND_BY): _S.TIMED_OUT,
    (_S.TIMED_OUT, _E.ANSWER): _S.CLOSED,
    (_S.TIMED_OUT, _E.TIME_OUT): _S.TIMED_OUT,
    (_S.TIMED_OUT, _E.CORRECT): _S.CORRECTED,
    (_S.TIMED_OUT, _E.LAPSE): _S.LAPSED,
    (_S.LAPSED, _E.STAND_BY): _S.LAPSED,
    (_S.LAPSED, _E.ANSWER): _S.CLOSED,
    (_S.LAPSED, _E.TIME_OUT): _S.LAPSED,
    (_S.LAPSED, _E.CORRECT): _S.CORRECTED,
    (_S.LAPSED, _E.LAPSE): _S.LAPSED,
    **{(_S.CLOSED, event): _S.CLOSED for event in DialogueEvent},
    **{(_S.CORRECTED, event): _S.CORRECTED for event in DialogueEvent},
    (_S.CLOSED, _E.CORRECT): _S.CORRECTED,
}
"""Every step. What is answered or corrected stays so, whatever comes later."""


def table_markdown() -> str:
    """Draw the table of states as the documents show it."""
    return transitions_markdown(TRANSITIONS, DialogueState, DialogueEvent, WHO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message as it was sent.

    Attributes:
        ref: Its reference number.
        message: What it says.
        person: Which officer signed it; None for a node.
        at_ms: When, by the sender's clock, milliseconds since 1970.
        received: How far the sender had received the other logs, sorted by party.
        by_voice: Whether it is known only because somebody read it out.
        stated_ms: When its party's node put it into its log, by the clock of the node; None where it is known
            by voice only.
    """

    ref: MessageRef
    message: Message
    person: str | None
    at_ms: int
    received: Received
    by_voice: bool = False
    stated_ms: int | None = None

    @property
    def since_ms(self) -> int:
        """From when deadlines count: by the clock of the node, which is the one that watches them."""
        return self.at_ms if self.stated_ms is None else self.stated_ms

    @property
    def wants_answer(self) -> bool:
        """Whether it opens a dialogue."""
        return self.message.type.response is not Response.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """That an officer read a message.

    Attributes:
        person: Who.
        at_ms: When, by the clock of the officer, milliseconds since 1970.
        n: The entry of the officer's party's log.
        stated_ms: When that party's node put it into its log, by the clock of the node; None where that is
            not known.
    """

    person: str
    at_ms: int
    n: int
    stated_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """What became of a message.

    Attributes:
        asked: The message.
        state: What became of it; of one that wants no answer, whether it was corrected.
        seen: Who read it first at the party that was addressed; None for nobody.
        answer: The first answer that closes it; None while there is none.
        changed: The last yes or no to it, where both were said; None where they were not.
        claimed: What was written down by voice as an answer of the party that asks, and is not in its log: it
            counts for nothing there; None for nothing, or where nobody in particular asks.
        replies: Everything that answers it, closing or not, sorted.
        stood_by: The first standby; None for none.
        corrected_by: The message that took its place; None for none. Where it is known by voice only, the
            state is as it was: only the log of who sent a message takes it back.
        steps: What its sender's node did while nobody read it: the step, who was to be called, and when.
        timed_out_ms: When its sender's node said that no answer came; None while it did not.
        heard: Whether what the other party wrote down by voice is this; None where it did not. Of a message
            that is known by voice only: False once the log turns out to have something else there.
    """

    asked: Sent
    state: DialogueState
    seen: Read | None
    answer: Sent | None
    changed: Sent | None
    claimed: Sent | None
    replies: Sequence[Sent]
    stood_by: Sent | None
    corrected_by: Sent | None
    steps: Sequence[tuple[Step, str | None, int]]
    timed_out_ms: int | None
    heard: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDuty:
    """An officer on duty.

    Attributes:
        party: Of which party.
        person: Who.
        is_senior: Whether the one to be called when others do not answer.
        telephone: Where; may be empty.
        since_ms: Since when, by the officer's clock.
        n: The entry of the party's log.
    """

    party: PartyId
    person: str
    is_senior: bool
    telephone: str
    since_ms: int
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardSaid:
    """A message that was written down by voice.

    Attributes:
        party: Who wrote it down.
        person: Which officer.
        at_ms: When.
        n: The entry of the party's log.
        heard: What was written down.
        stated_ms: When that party's node put it into its log, by the clock of the node; None where that is
            not known.
    """

    party: PartyId
    person: str
    at_ms: int
    n: int
    heard: Heard
    stated_ms: int | None = None


class MachineTest(NamedTuple):
    """How one node tested the channel to another.

    Attributes:
        last: The last test; None for none.
        answer: The answer to the last test; None while there is none.
        passed: The last test that was answered; None for none.
    """

    last: Sent | None
    answer: Sent | None
    passed: Sent | None


def is_ahead(at_ms: int, now_ms: int) -> bool:
    """Tell whether a time is so far ahead of the clock that the clock was set back, or is another one."""
    return at_ms - now_ms > CLOCK_BACK_S * 1e3


def place_of(sent: Sent) -> Place:
    """Return where a message stands in the order of time."""
    return sent.at_ms, sent.ref


def step_of(sent: Sent) -> tuple[Step, str | None, int]:
    """Return which step of the ladder an `ESCALATED` message tells of, who was to be called, and when."""
    values = sent.message.values
    step, called = values["step"], values.get("called")
    assert isinstance(step, Step), "the kind of the field"
    return step, called if isinstance(called, str) else None, sent.at_ms
