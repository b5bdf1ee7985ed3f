"""The channel between the people of two parties: how it is, why, and what goes on while it is held.

A link carries bytes between two nodes; a channel is what people make of it. Each side tells by itself how the
channel is, its node says so in its log when that changes, and the two are compared. What could not be tried
is never called open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from keepclear.core.dialogues import Sent
from keepclear.core.errors import InvalidValueError
from keepclear.core.hotline import CHANNELS_KEPT_MAX
from keepclear.core.messages import ANSWER_CODES, MESSAGES, ChannelState, Code, Message, Priority

CUT_AFTER_S: Final = 60.0
"""A peer unheard for so long is cut off: since it was heard last, or since this node began to listen."""
MACHINE_TEST_EVERY_S: Final = 3_600.0
"""So often a node tests the channel to each peer; it does so, too, when a link comes up again."""
MACHINE_TEST_GRACE_S: Final = 300.0
"""A test may come later by so much before it is missed."""
MACHINE_TEST_ANSWER_S: Final = 60.0
"""A test that was not answered by then has failed."""
MACHINE_TEST_RETRY_S: Final = 600.0
"""After a test that failed the next is made so much later."""
HUMAN_TEST_EVERY_S: Final = 8 * 3_600.0
"""Once in so long, a shift, officers of both sides test the line."""
HUMAN_TEST_GRACE_S: Final = 3_600.0
"""A line test may come later by so much before it is missed."""
ROSTER_DEPTH: Final = 2
"""So many officers of each side should be on duty: one who can be called when the other does not answer."""
VOICE_COUNTS_S: Final = 3_600.0
"""A message that was written down by voice shows for so long that the telephone works."""
CHANNEL_SETTLED_S: Final = 30.0
"""Since a node said last how the channel is, so much time goes by before it says that it is better."""
CHANNEL_WINDOW_S: Final = 3_600.0
"""`CHANNELS_KEPT_MAX` times in so long a node says how a channel is; then it waits before it says that it is
better, so that a link that comes and goes does not fill the log."""


class LinkCondition(Enum):
    """How the link to the node of a party is."""

    UP = "up"
    LATE = "late"
    CUT = "cut"
    OFF = "off"
    """People switched it off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFacts:
    """What is known of a link.

    Attributes:
        condition: How it is.
        unheard_s: How long ago the peer was heard last; None for never since this node listens.
        watched_s: How long this node has listened, since it was started or the peer was pinned.

    Raises:
        InvalidValueError: A time is below zero, or not finite.
    """

    condition: LinkCondition
    unheard_s: float | None
    watched_s: float

    def __post_init__(self) -> None:
        for name, value in (("unheard_s", self.unheard_s), ("watched_s", self.watched_s)):
            if value is not None and not 0.0 <= value < float("inf"):
                raise InvalidValueError(name, f"{value!r} is no time that has passed")

    @property
    def is_new(self) -> bool:
        """Whether the peer was not heard yet, and may still be."""
        is_silent = self.condition is LinkCondition.CUT and self.unheard_s is None
        return is_silent and self.watched_s < CUT_AFTER_S


class ChannelReason(Enum):
    """Why a channel is not open, or what else is to be known of it."""

    NEVER_HEARD = "never_heard"
    """Nothing of the peer was ever received, or this node has just been started."""
    LINK_CUT = "link_cut"
    LINK_OFF = "link_off"
    LINK_LATE = "link_late"
    NO_LINK = "no_link"
    """The nodes are not linked: what is said is carried as files."""
    VOICE_ONLY = "voice_only"
    """The link is lost, and messages are read out."""
    HELD_BY_US = "held_by_us"
    HELD_BY_THEM = "held_by_them"
    MACHINE_TEST_FAILED = "machine_test_failed"
    MACHINE_TEST_DUE = "machine_test_due"
    HUMAN_TEST_DUE = "human_test_due"
    MESSAGES_NOT_CHECKED = "messages_not_checked"
    """So much was said that it is not known yet whether anything is late."""
    MESSAGES_LATE = "messages_late"
    """A message to either side was not read, or not answered, in time."""
    NOBODY_ON_DUTY_HERE = "nobody_on_duty_here"
    NOBODY_ON_DUTY_THERE = "nobody_on_duty_there"
    ROSTER_THIN_HERE = "roster_thin_here"
    ROSTER_THIN_THERE = "roster_thin_there"
    THEY_SAY_DOWN = "they_say_down"
    """Nothing of ours comes through to them, they say."""


WORST: Final[dict[ChannelReason, ChannelState]] = {
    ChannelReason.NEVER_HEARD: ChannelState.UNKNOWN,
    ChannelReason.LINK_CUT: ChannelState.DOWN,
    ChannelReason.LINK_OFF: ChannelState.DOWN,
    ChannelReason.HELD_BY_US: ChannelState.HOLD,
    ChannelReason.HELD_BY_THEM: ChannelState.HOLD,
    ChannelReason.LINK_LATE: ChannelState.DEGRADED,
    ChannelReason.NO_LINK: ChannelState.DEGRADED,
    ChannelReason.VOICE_ONLY: ChannelState.DEGRADED,
    ChannelReason.MACHINE_TEST_FAILED: ChannelState.DEGRADED,
    ChannelReason.MACHINE_TEST_DUE: ChannelState.DEGRADED,
    ChannelReason.HUMAN_TEST_DUE: ChannelState.DEGRADED,
    ChannelReason.MESSAGES_NOT_CHECKED: ChannelState.DEGRADED,
    ChannelReason.MESSAGES_LATE: ChannelState.DEGRADED,
    ChannelReason.NOBODY_ON_DUTY_HERE: ChannelState.DEGRADED,
    ChannelReason.NOBODY_ON_DUTY_THERE: ChannelState.DEGRADED,
    ChannelReason.ROSTER_THIN_HERE: ChannelState.DEGRADED,
    ChannelReason.ROSTER_THIN_THERE: ChannelState.DEGRADED,
    ChannelReason.THEY_SAY_DOWN: ChannelState.DEGRADED,
}
"""How bad each reason makes the channel; the worst counts, and all are told."""
SEVERITY: Final = (
    ChannelState.OPEN,
    ChannelState.DEGRADED,
    ChannelState.HOLD,
    ChannelState.DOWN,
    ChannelState.UNKNOWN,
)
"""The states, from the best to the worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFacts:
    """What the state of a channel follows from.

    Attributes:
        link: What is known of the link; None where the nodes have none.
        is_known: Whether anything of the peer was ever received.
        is_held_by_us: Whether this party suspends the dialogue.
        is_held_by_them: Whether the peer does.
        tested_s: How long ago this node made its last machine test; None for never, or before the channel
            was down.
        is_test_answered: Whether that one was answered.
        passed_s: How long ago it made the last one that was answered; None as above.
        human_passed_s: How long ago officers tested the line; None for never.
        late_count: How many messages between the two were not read or answered in time; not those of drills.
        is_late_known: Whether all of them were looked at.
        on_duty_here: How many officers of this party are on duty.
        on_duty_there: How many of the peer.
        theirs: What the peer's node said last of the channel; None for nothing.
        voice_s: How long ago either side wrote down by voice what the other read out; None for never.
    """

    link: LinkFacts | None
    is_known: bool
    is_held_by_us: bool = False
    is_held_by_them: bool = False
    tested_s: float | None = None
    is_test_answered: bool = False
    passed_s: float | None = None
    human_passed_s: float | None = None
    late_count: int = 0
    is_late_known: bool = True
    on_duty_here: int = 0
    on_duty_there: int = 0
    theirs: ChannelState | None = None
    voice_s: float | None = None


class ChannelView(NamedTuple):
    """How a channel is.

    Attributes:
        state: The state.
        reasons: Why, in the order of `ChannelReason`; none only where it is open.
    """

    state: ChannelState
    reasons: tuple[ChannelReason, ...]


def channel_of(facts: ChannelFacts) -> ChannelView:
    """Tell how a channel is, as one side sees it.

    The worst reason decides. That nothing comes through is worse than that people suspend the dialogue:
    distress would pass a channel that is held, and does not pass one that is down, so whoever has something
    urgent to say must be told that. All reasons are told, so nobody overlooks that it is held besides.

    What the peer says of the channel makes it worse here only where the peer hears nothing: if each side
    were degraded because the other is, neither would ever be open again.
    """
    is_unheard = facts.link is None or facts.link.unheard_s is None
    is_new = facts.link is not None and facts.link.is_new
    never = {ChannelReason.NEVER_HEARD: is_new or (is_unheard and not facts.is_known)}
    found = never | _of_path(facts) | _of_tests(facts) | _of_people(facts)
    reasons = tuple(reason for reason in ChannelReason if found.get(reason, False))
    state = max((WORST[reason] for reason in reasons), key=SEVERITY.index, default=ChannelState.OPEN)
    return ChannelView(state, reasons)


def _of_path(facts: ChannelFacts) -> dict[ChannelReason, bool]:
    link = facts.link
    condition = None if link is None else link.condition
    is_cut = condition is LinkCondition.CUT and link is not None and not link.is_new
    is_lost = is_cut or condition is LinkCondition.OFF
    is_voice = facts.voice_s is not None and facts.voice_s < VOICE_COUNTS_S
    return {
        ChannelReason.NO_LINK: link is None,
        ChannelReason.LINK_CUT: is_cut,
        ChannelReason.LINK_OFF: condition is LinkCondition.OFF,
        ChannelReason.LINK_LATE: condition is LinkCondition.LATE,
        ChannelReason.VOICE_ONLY: is_lost and is_voice,
        ChannelReason.THEY_SAY_DOWN: facts.theirs is ChannelState.DOWN,
    }


def _of_tests(facts: ChannelFacts) -> dict[ChannelReason, bool]:
    is_failed = (
        facts.tested_s is not None and not facts.is_test_answered and facts.tested_s >= MACHINE_TEST_ANSWER_S
    )
    is_missed = facts.passed_s is None or facts.passed_s >= MACHINE_TEST_EVERY_S + MACHINE_TEST_GRACE_S
    human_s = facts.human_passed_s
    return {
        ChannelReason.MACHINE_TEST_FAILED: is_failed,
        ChannelReason.MACHINE_TEST_DUE: is_missed and not is_failed,
        ChannelReason.HUMAN_TEST_DUE: human_s is None or human_s >= HUMAN_TEST_EVERY_S + HUMAN_TEST_GRACE_S,
    }


def _of_people(facts: ChannelFacts) -> dict[ChannelReason, bool]:
    return {
        ChannelReason.HELD_BY_US: facts.is_held_by_us,
        ChannelReason.HELD_BY_THEM: facts.is_held_by_them,
        ChannelReason.MESSAGES_NOT_CHECKED: not facts.is_late_known,
        ChannelReason.MESSAGES_LATE: facts.late_count > 0,
        ChannelReason.NOBODY_ON_DUTY_HERE: facts.on_duty_here == 0,
        ChannelReason.NOBODY_ON_DUTY_THERE: facts.on_duty_there == 0,
        ChannelReason.ROSTER_THIN_HERE: 0 < facts.on_duty_here < ROSTER_DEPTH,
        ChannelReason.ROSTER_THIN_THERE: 0 < facts.on_duty_there < ROSTER_DEPTH,
    }


def should_say(state: ChannelState, said: Sequence[Sent], now_ms: int) -> bool:
    """Tell whether a node should say now how the channel is.

    It says at once that it is worse. That it is better it says once it has been as it was for a while, and
    not too often. It never says that it does not know: whoever has said nothing does not.

    Args:
        state: How it is.
        said: What the node has said of it, oldest first, `CHANNELS_KEPT_MAX` times at most.
        now_ms: What time it is, milliseconds since 1970.
    """
    if state is ChannelState.UNKNOWN:
        return False
    if not said:
        return True
    last = said[-1].message.values["state"]
    assert isinstance(last, ChannelState), "the kind of the field"
    if state is last:
        return False
    if SEVERITY.index(state) > SEVERITY.index(last):
        return True
    # Where the clock was set back since, an age below zero means nothing.
    is_settled = not 0 <= now_ms - said[-1].since_ms < CHANNEL_SETTLED_S * 1e3
    is_often = len(said) >= CHANNELS_KEPT_MAX and 0 <= now_ms - said[0].since_ms < CHANNEL_WINDOW_S * 1e3
    return is_settled and not is_often


def should_test(facts: ChannelFacts) -> bool:
    """Tell whether a node should make a machine test now: nothing is tried on a link that does not work."""
    if facts.link is None or facts.link.condition is not LinkCondition.UP:
        return False
    if facts.tested_s is None:
        return True
    return facts.tested_s >= (MACHINE_TEST_EVERY_S if facts.is_test_answered else MACHINE_TEST_RETRY_S)


GOES_ON_WHILE_HELD: Final = (
    "what goes on is distress, zones, humanitarian notices, answers, corrections, line tests, handovers, "
    "notes of calls, and the request to resume"
)
"""The same as `goes_on_while_held`, in words."""
_LINE: Final = frozenset(
    {
        Code.REQUEST_RESUME,
        Code.LINE_TEST,
        Code.HANDOVER,
        Code.TELEPHONE_CALL,
        Code.PICTURE_CHECKED,
    }
)


def goes_on_while_held(message: Message, asked: Message | None = None) -> bool:
    """Tell whether a message may be sent while the dialogue is suspended by either side.

    Nothing that saves life ever waits for a dialogue, and what was said must stay true: so what is wrong
    may be corrected. Receipts and changes of duty are no messages; they always go on.

    Args:
        message: The message.
        asked: The message that it answers; None for none, or where it is not known.
    """
    is_answer = message.code in ANSWER_CODES or (
        asked is not None and message.code in MESSAGES[asked.code].reports
    )
    is_safety_of_life = message.type.is_humanitarian or message.priority is Priority.DISTRESS
    is_line = message.code in _LINE
    return (
        is_answer or is_line or (is_safety_of_life and message.drill is None) or message.corrects is not None
    )
