"""What people are shown of the hotline: messages with their receipts and deadlines, and the channels.

What became of a message is told by `core.hotline`, by when it should have got on by `core.escalation`.
What is added here is what this node knows besides: what was delivered, what time it is, and whose node it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from keepclear.core.deeds import Heard
from keepclear.core.dialogues import Dialogue, DialogueState, HeardSaid, Place, Sent, place_of
from keepclear.core.drills import SCENARIOS, DrillReport, Exchange, Line, report_of
from keepclear.core.escalation import OVER, Deadlines, Due, due, is_late
from keepclear.core.hotline import Hotline, decisions
from keepclear.core.intents import PartyId
from keepclear.core.messages import Code, Message, Priority, Speaker, answers_to
from keepclear.core.refs import MessageRef
from keepclear.node.coordinate import delivery
from keepclear.node.logs import Logs
from keepclear.node.ports import LogReading
from keepclear.node.sharing import audience_of_message
from keepclear.node.talk import timers_between

UNNUMBERED_MAX: Final = 50
"""So many messages that were written down by voice without their number are shown, the newest; how many more
there are is told."""
EXCHANGES_MAX: Final = 1_000
"""So many messages of a drill are shown at most; how many more there are is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """A message, as this node shows it.

    Attributes:
        dialogue: What became of it.
        is_delivered: Whether the node of the party that was addressed has it.
        delivered_ms: When that was signed first, by its clock, milliseconds since 1970; None where it is not
            known.
        due: By when it should be read and answered.
        is_late: Whether that is over.
        is_delayed: Whether it was, or is, longer on its way than it should be.
        is_expired: Whether the time in which it counts is over.
        is_ours: Whether this party sent it.
        can_answer: With what officers of this party can answer it, what closes it first.
        is_waiting: Whether it waits for an answer, or for somebody of this party to read it, or a new answer.
        misheard: What was written down of it by voice where it went to, and is not what it says.
    """

    dialogue: Dialogue
    is_delivered: bool
    delivered_ms: int | None
    due: Due
    is_late: bool
    is_delayed: bool
    is_expired: bool
    is_ours: bool
    can_answer: Sequence[Code]
    is_waiting: bool = False
    misheard: Sequence[HeardSaid] = ()

    @property
    def sent(self) -> Sent:
        """The message itself."""
        return self.dialogue.asked

    @property
    def state(self) -> DialogueState | None:
        """What became of it; None for one that wants no answer and was not corrected."""
        state = self.dialogue.state
        return state if self.sent.wants_answer or state is DialogueState.CORRECTED else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillView:
    """What was exercised in a drill, as this node shows it.

    Attributes:
        report: The report.
        exchanges: Its messages, each as this node shows it; the first `EXCHANGES_MAX` of them.
        missing: What the drill was to hold, where that is known by its name, and does not.
    """

    report: DrillReport
    exchanges: Sequence[tuple[Exchange, MessageView]]
    missing: Sequence[Line]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which messages are asked for.

    Attributes:
        party: Only those from or to this one; None for all.
        drill: Only those of this drill; None for all, meant or not.
        is_waiting: Only those that wait for an answer, or for somebody of this party to read them.
        with_nodes: Whether those that nodes say by themselves, too.
    """

    party: PartyId | None = None
    drill: str | None = None
    is_waiting: bool = False
    with_nodes: bool = False

    def has(self, sent: Sent) -> bool:
        """Tell whether a message is wanted, whatever became of it."""
        return self._is_of(sent.message, sent.ref.party)

    def has_heard(self, heard: Heard, now_ms: int) -> bool:
        """Tell whether what was written down by voice without a number is wanted.

        It waits as long as it counts.
        """
        is_over = self.is_waiting and heard.message.valid_until_ms < now_ms
        return not is_over and self._is_of(heard.message, heard.by)

    def _is_of(self, message: Message, by: PartyId) -> bool:
        if self.drill is not None and message.drill != self.drill:
            return False
        return self.party in (None, by, message.to)


class Unread:
    """Which messages to this party nobody has read, kept up as more is said; not those of nodes.

    Those that were corrected need not be read any more. It is for the one thread that takes statements.
    """

    def __init__(self) -> None:
        self._hotline: Hotline | None = None
        self._taken = 0
        self._refs: set[MessageRef] = set()

    def refs(self, hotline: Hotline, own: PartyId) -> set[MessageRef]:
        """Return them, as they are now."""
        self.follow(hotline, own, len(hotline.journal))
        return self._refs

    def follow(self, hotline: Hotline, own: PartyId, limit: int) -> bool:
        """Look at so many of what was taken since the last time; tell whether that was all."""
        if hotline is not self._hotline:  # all was read anew
            self._hotline, self._taken, self._refs = hotline, 0, set()
        end = min(self._taken + limit, len(hotline.journal))
        for ref in set(hotline.journal[self._taken : end]):
            if _is_unread(hotline, ref, own):
                self._refs.add(ref)
            else:
                self._refs.discard(ref)
        self._taken = end
        return end == len(hotline.journal)


def _is_unread(hotline: Hotline, ref: MessageRef, own: PartyId) -> bool:
    sent = hotline.message(ref)
    if sent is None or sent.message.to != own or sent.message.type.speaker is Speaker.NODE:
        return False
    dialogue = hotline.dialogue(ref, sent.at_ms)  # nothing that is looked at hangs on the time
    assert dialogue is not None, "it is held"
    return dialogue.seen is None and dialogue.state is not DialogueState.CORRECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Hotlining:
    """Questions to the hotline at one moment.

    Attributes:
        logs: The logs.
        reading: What the store has.
        now_ms: What time it is, milliseconds since 1970.
        unread: Which messages nobody has read, as it was kept up by questions before.
    """

    logs: Logs
    reading: LogReading
    now_ms: int
    unread: Unread = field(default_factory=Unread)

    @property
    def _hotline(self) -> Hotline:
        return self.logs.ledger.hotline

    def message(self, ref: MessageRef) -> MessageView | None:
        """Return a message; None where it is not held here."""
        dialogue = self._hotline.dialogue(ref, self.now_ms, self.logs.own)
        return None if dialogue is None else self._view(dialogue)

    def messages(
        self, wanted: Wanted, before: Place | None, limit: int
    ) -> tuple[list[MessageView], Place | None]:
        """Return so many messages, the newest first.

        Args:
            wanted: Which.
            before: Only those before this place; None to begin with the newest.
            limit: At most so many.

        Returns:
            Them, and the place before which the rest is; None where there is none.
        """
        found: list[MessageView] = []
        for sent in self._newest(wanted, before):
            if not wanted.has(sent):
                continue
            dialogue = self._dialogue(sent)
            if wanted.is_waiting and not self._is_waiting(dialogue):
                continue
            if len(found) == limit:
                return found, place_of(found[-1].sent)
            found.append(self._view(dialogue))
        return found, None

    def unnumbered(self, wanted: Wanted) -> tuple[list[HeardSaid], int]:
        """Return what was written down by voice without its number, the newest first, and how many more.

        It is no message that can be read or answered here, for nobody knows which entry it is.
        """
        said = [each for each in self._hotline.unnumbered() if wanted.has_heard(each.heard, self.now_ms)]
        return said[: -UNNUMBERED_MAX - 1 : -1], max(0, len(said) - UNNUMBERED_MAX)

    def _dialogue(self, sent: Sent) -> Dialogue:
        dialogue = self._hotline.dialogue(sent.ref, self.now_ms, self.logs.own)
        assert dialogue is not None, "it is held"
        return dialogue

    def _newest(self, wanted: Wanted, before: Place | None) -> Iterator[Sent]:
        hotline = self._hotline
        if not wanted.is_waiting:
            yield from hotline.newest(before, with_machines=wanted.with_nodes)
            return
        # Few wait, of however many there are.
        unread = self.unread.refs(hotline, self.logs.own)
        # An answer that nobody has read may be another one than the first.
        replies = (sent.message.answers for ref in unread if (sent := hotline.message(ref)) is not None)
        answered = {ref for ref in replies if ref is not None}
        waiting = [
            sent
            for ref in {*hotline.open_refs(), *unread, *answered}
            if (sent := hotline.message(ref)) is not None
            and (before is None or place_of(sent) < before)
            and (ref in unread or ref in answered or not hotline.is_lapsed(sent, self.now_ms))
        ]
        yield from sorted(waiting, key=place_of, reverse=True)

    def _is_waiting(self, dialogue: Dialogue) -> bool:
        """Tell whether a message waits for an answer, or for somebody of this party to read it.

        Where the answer was changed, somebody must read that, too.
        """
        unread = self.unread.refs(self._hotline, self.logs.own)
        is_changed = dialogue.changed is not None and dialogue.changed.ref in unread
        return is_open(dialogue) or dialogue.asked.ref in unread or is_changed

    def _view(self, dialogue: Dialogue) -> MessageView:
        sent, own = dialogue.asked, self.logs.own
        to = PartyId(sent.message.to)
        is_delivered, delivered_ms = False, None
        if not sent.by_voice:
            is_delivered, delivered_s = delivery(
                sent.ref,
                to,
                self.logs,
                self.reading,
                to=audience_of_message(sent.message, sent.ref.party),
                is_read=dialogue.seen is not None,
            )
            delivered_ms = None if delivered_s is None else delivered_s * 1000
        is_officers = sent.message.type.speaker is Speaker.OFFICER
        deadlines = timers_between(self.logs.ledger, sent.ref.party, to).of(sent.message.priority)
        return MessageView(
            dialogue=dialogue,
            is_delivered=is_delivered,
            delivered_ms=delivered_ms,
            due=due(dialogue, deadlines),
            is_late=is_late(dialogue, deadlines, self.now_ms),
            is_delayed=is_officers and self._is_delayed(sent, deadlines, is_delivered, delivered_ms),
            is_expired=sent.message.valid_until_ms < self.now_ms,
            is_ours=sent.ref.party == own,
            can_answer=_answers(dialogue) if to == own else (),
            is_waiting=self._is_waiting(dialogue),
            misheard=self._misheard(dialogue),
        )

    def _is_delayed(
        self, sent: Sent, deadlines: Deadlines, is_delivered: bool, delivered_ms: int | None
    ) -> bool:
        """Tell whether a message was longer on its way than it should be, by the clocks of both ends."""
        if is_delivered and delivered_ms is None:
            return False  # when is not known
        arrived_ms = self.now_ms if delivered_ms is None else delivered_ms
        return arrived_ms - min(sent.at_ms, sent.since_ms) > deadlines.delivered_s * 1e3

    def _misheard(self, dialogue: Dialogue) -> Sequence[HeardSaid]:
        sent = dialogue.asked
        if dialogue.heard is not False:
            return ()
        return [
            said
            for said in self._hotline.heard_of(sent.ref)
            if sent.by_voice or (said.party == sent.message.to and said.heard.message != sent.message)
        ]

    def drill(self, name: str, peer: PartyId) -> DrillView | None:
        """Tell what was exercised in a drill with another party; None where no message names it."""
        report = report_of(self._hotline, name, self.logs.own, peer)
        if not (report.said or report.endings):
            return None
        shown = report.exchanges[:EXCHANGES_MAX]
        return DrillView(
            report=report,
            exchanges=[(each, self._view(self._dialogue(each.sent))) for each in shown],
            missing=report.missing(SCENARIOS.get(name, ())),
        )


def is_open(dialogue: Dialogue) -> bool:
    """Tell whether a message still waits for an answer."""
    return dialogue.asked.wants_answer and dialogue.state not in OVER and not _is_none(dialogue)


def _is_none(dialogue: Dialogue) -> bool:
    """Tell whether a message was only heard, and its log has something else there."""
    return dialogue.asked.by_voice and dialogue.heard is False


def _answers(dialogue: Dialogue) -> Sequence[Code]:
    """Return with what the party that was addressed can answer.

    A second standby would stop nothing. Whoever has answered can take that back by the other answer.
    """
    if dialogue.state is DialogueState.CORRECTED or _is_none(dialogue):
        return ()
    asked = dialogue.asked.message.code
    if dialogue.state is DialogueState.CLOSED:
        said = decisions(dialogue.asked, dialogue.replies)
        return [_OTHER[each.message.code] for each in said[-1:] if each.message.code in _OTHER]
    codes = answers_to(asked)
    return [code for code in codes if code is not Code.STANDBY or dialogue.stood_by is None]


_OTHER: Final = {
    Code.WILL_COMPLY: Code.UNABLE,
    Code.UNABLE: Code.WILL_COMPLY,
    Code.AFFIRM: Code.NEGATIVE,
    Code.NEGATIVE: Code.AFFIRM,
}


def inherited(logs: Logs, priority: Priority, about: Sequence[MessageRef]) -> tuple[Priority, str | None]:
    """Return how urgent a message is that answers or corrects others, and of which drill it is.

    Args:
        logs: The logs.
        priority: How urgent its code is.
        about: What it answers or corrects; what is not known here is left out.
    """
    known = [sent.message for ref in about if (sent := logs.ledger.hotline.message(ref)) is not None]
    urgent = min([priority, *(each.priority for each in known)], key=lambda each: each.rank)
    return urgent, next((each.drill for each in known if each.drill is not None), None)
