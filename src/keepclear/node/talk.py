"""Talk: what a node says on the hotline by itself, when the time for it has come.

It tests the channel to each peer and answers such tests, says how the channel is, climbs the ladder for its
own party's messages that nobody reads, and says that no answer came. All of it follows from the logs, the
links and the clock: a node that starts anew goes on where it was, and says nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, nsmallest
from typing import Final

from keepclear.core.channel import (
    ChannelFacts,
    ChannelView,
    LinkFacts,
    channel_of,
    should_say,
    should_test,
)
from keepclear.core.dialogues import Dialogue, OnDuty, is_ahead, place_of
from keepclear.core.escalation import (
    HotlineTimers,
    is_late,
    is_timed_out,
    next_ms,
    steps_due,
)
from keepclear.core.hotline import line_tested_ms
from keepclear.core.intents import PartyId
from keepclear.core.ledger import Ledger
from keepclear.core.messages import (
    MESSAGES,
    PERSON_CHARACTERS_MAX,
    ChannelState,
    Code,
    Message,
    Priority,
    Step,
    Value,
)
from keepclear.core.refs import MessageRef
from keepclear.core.times import floor_ms
from keepclear.node.declare import Declaring
from keepclear.node.logs import Logs

TOLD_MAX: Final = 64
"""So many messages a node says by itself at once; the rest a moment later."""
LOOKED_AT_MAX: Final = 1_000
"""At so many messages it looks at once, the newest first; at the rest a moment later."""
TEST_ANSWERED_EVERY_S: Final = 10.0
"""The machine tests of a peer are answered so often at most: others would fill this party's log."""
_JITTER_MS: Final = 1_000  # a clock that is set back by no more changes nothing

Links = Mapping[PartyId, LinkFacts]
"""What is known of the links, by peer; parties without a link are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a node said by itself.

    Attributes:
        refs: The messages, in the order in which they were said.
    """

    refs: tuple[MessageRef, ...] = ()


def timers_between(ledger: Ledger, a: PartyId, b: PartyId) -> HotlineTimers:
    """Return the deadlines of messages between two parties, as they agreed or as they are by default."""
    first, second = sorted((a, b))
    agreement = ledger.agreements.current(first, second)
    return HotlineTimers() if agreement is None else agreement.hotline


def speak(declaring: Declaring, talk: Talk, links: Links) -> Told:
    """State what is due from this node; nothing where nothing is, or where it may sign nothing."""
    proving = declaring.proving
    assert proving is not None, "a node without keys says nothing"
    due = talk.due(proving.logs, links, floor_ms(declaring.now))
    said = [proving.say_message(message) for message in due]
    return Told(refs=tuple(MessageRef(party=each.by, n=each.n) for each in said))


class Talk:
    """Knows what waits for what, so that a look at it costs little however much was said before.

    It remembers nothing that the logs do not say: it is made anew with every start, and belongs to whoever
    uses the logs.
    """

    def __init__(self) -> None:
        self._ledger: Ledger | None = None
        self._begin(None, ())

    def _begin(self, ledger: Ledger | None, refs: Iterable[MessageRef]) -> None:
        self._ledger, self._now_ms = ledger, 0
        self._read_count = 0 if ledger is None else len(ledger.hotline.journal)
        self._unread = list(refs)  # the last is looked at first
        self._timers: dict[PartyId, HotlineTimers] = {}
        self._next: dict[MessageRef, int] = {}  # when something of it is due
        self._heap: list[tuple[int, MessageRef]] = []  # the same, with some that hold no more
        self._late: dict[PartyId, set[MessageRef]] = {}
        self._speaking: dict[MessageRef, int] = {}  # own ones of which something is to be said: how urgent

    # -- what waits ------------------------------------------------------------------------------

    def _follow(self, logs: Logs, now_ms: int) -> None:
        """Bring what is known up to the logs and the time."""
        hotline = logs.ledger.hotline
        if logs.ledger is not self._ledger or now_ms < self._now_ms - _JITTER_MS:
            # All was read anew, or the clock was set back.
            waiting = [each for ref in hotline.open_refs() if (each := hotline.message(ref)) is not None]
            self._begin(logs.ledger, [each.ref for each in sorted(waiting, key=place_of)])
        self._now_ms = now_ms
        self._unread += sorted(set(hotline.journal[self._read_count :]))
        self._read_count = len(hotline.journal)
        self._follow_timers(logs)
        while self._heap and self._heap[0][0] <= now_ms:
            due_ms, ref = heappop(self._heap)
            if self._next.get(ref) == due_ms:
                self._unread.append(ref)
        if len(self._heap) > 2 * len(self._next) + LOOKED_AT_MAX:
            self._heap = [(due_ms, ref) for ref, due_ms in self._next.items()]
            heapify(self._heap)
        for _ in range(min(LOOKED_AT_MAX, len(self._unread))):
            self._look(logs, self._unread.pop(), now_ms)

    def _follow_timers(self, logs: Logs) -> None:
        for peer in _peers(logs):
            timers = timers_between(logs.ledger, logs.own, peer)
            if self._timers.get(peer, timers) != timers:  # what waits, waits by what is agreed now
                waiting = {*self._next, *self._speaking, *self._late.get(peer, ())}
                self._unread += sorted(waiting)
            self._timers[peer] = timers

    def _look(self, logs: Logs, ref: MessageRef, now_ms: int) -> None:
        """Find out what a message waits for."""
        self._next.pop(ref, None)
        self._speaking.pop(ref, None)
        for late in self._late.values():
            late.discard(ref)
        asked = logs.ledger.hotline.message(ref)
        if asked is None or logs.own not in (ref.party, asked.message.to) or not asked.wants_answer:
            return
        peer = asked.message.to if ref.party == logs.own else ref.party
        dialogue = logs.ledger.hotline.dialogue(ref, now_ms, logs.own)
        assert dialogue is not None, "it is held"
        if dialogue.heard is False and asked.by_voice:
            return  # there is no such message
        timers = self._timers.get(peer) or timers_between(logs.ledger, logs.own, peer)
        deadlines = timers.of(asked.message.priority)
        if asked.message.drill is None and is_late(dialogue, deadlines, now_ms):
            self._late.setdefault(peer, set()).add(ref)
        is_own = ref.party == logs.own and not asked.by_voice
        if is_own and (steps_due(dialogue, deadlines, now_ms) or is_timed_out(dialogue, deadlines, now_ms)):
            self._speaking[ref] = asked.message.priority.rank
        due_ms = next_ms(dialogue, deadlines, now_ms)
        if due_ms is not None:
            self._next[ref] = due_ms
            heappush(self._heap, (due_ms, ref))

    # -- what is due -----------------------------------------------------------------------------

    def due(self, logs: Logs, links: Links, now_ms: int) -> Sequence[Message]:
        """Return what this node should say now, in this order, `TOLD_MAX` messages at most.

        Args:
            logs: What is held of the logs.
            links: What is known of the links.
            now_ms: What time it is, milliseconds since 1970.
        """
        self._follow(logs, now_ms)
        if logs.why_silent() is not None or not logs[logs.own].tree.size:
            return ()
        found: list[Message] = []
        for message in self._due(logs, links, now_ms):
            found.append(message)
            if len(found) == TOLD_MAX:
                break
        return found

    def _due(self, logs: Logs, links: Links, now_ms: int) -> Iterator[Message]:
        linked = [(peer, links[peer]) for peer in _peers(logs) if peer in links]
        for peer, _ in linked:
            yield from _test_answers(logs, peer, now_ms)
        for ref in nsmallest(TOLD_MAX, self._speaking, key=lambda ref: (self._speaking[ref], ref.n)):
            dialogue = logs.ledger.hotline.dialogue(ref, now_ms, logs.own)
            assert dialogue is not None, "it is held"
            yield from self._of_waiting(logs, dialogue, now_ms)
        for peer, link in linked:
            facts = self.facts(logs, peer, link, now_ms)
            if should_test(facts):
                yield _message(Code.MACHINE_TEST, peer, now_ms)
            state, said = channel_of(facts).state, logs.ledger.hotline.channels(logs.own, peer)
            if not self._unread and should_say(state, said, now_ms):
                # Everybody may read it: it changes the gaps by which everybody judges.
                yield _message(Code.CHANNEL, peer, now_ms, ("state", state), priority=Priority.SAFETY)

    def _of_waiting(self, logs: Logs, dialogue: Dialogue, now_ms: int) -> Iterator[Message]:
        """Yield what is to be said of a message that waits: its ladder, and that no answer came."""
        asked = dialogue.asked.message
        deadlines = timers_between(logs.ledger, logs.own, asked.to).of(asked.priority)
        about: tuple[str, Value] = "about", dialogue.asked.ref
        roster = logs.ledger.hotline.on_duty(asked.to, now_ms)

        def said(code: Code, *fields: tuple[str, Value]) -> Message:
            return _message(
                code, asked.to, now_ms, about, *fields, priority=asked.priority, drill=asked.drill
            )

        for step in steps_due(dialogue, deadlines, now_ms):
            person = called(step, roster)
            fields: list[tuple[str, Value]] = [("step", step)]
            if person is not None:
                fields.append(("called", person))
            yield said(Code.ESCALATED, *fields)
        if is_timed_out(dialogue, deadlines, now_ms):
            yield said(Code.TIMED_OUT)

    # -- the channel -----------------------------------------------------------------------------

    def channel(self, logs: Logs, peer: PartyId, link: LinkFacts | None, now_ms: int) -> ChannelView:
        """Tell how the channel to a peer is.

        Args:
            logs: What is held of the logs.
            peer: The peer.
            link: What is known of the link; None where there is none.
            now_ms: What time it is, milliseconds since 1970.
        """
        self._follow(logs, now_ms)
        return channel_of(self.facts(logs, peer, link, now_ms))

    def facts(self, logs: Logs, peer: PartyId, link: LinkFacts | None, now_ms: int) -> ChannelFacts:
        """Return what the state of the channel to a peer follows from, as it was followed last."""
        hotline, own = logs.ledger.hotline, logs.own
        held = logs.get(peer)
        holding = {(hold.by, hold.peer) for hold in logs.ledger.holds()}
        test, down_n = hotline.machine_test(own, peer), _last_down(logs, peer)
        human = hotline.human_test(own, peer, now_ms)
        theirs = hotline.channel(peer, own)
        state = None if theirs is None else theirs.message.values["state"]
        assert state is None or isinstance(state, ChannelState), "the kind of the field"
        voices = (hotline.last_heard(own, peer), hotline.last_heard(peer, own))

        def age_s(at_ms: int | None) -> float | None:
            # What is ahead of the clock shows nothing of now: the clock was set back.
            is_told = at_ms is not None and not is_ahead(at_ms, now_ms)
            return max(0.0, (now_ms - at_ms) / 1e3) if at_ms is not None and is_told else None

        heard_s = (age_s(each.at_ms) for each in voices if each is not None)
        tested = test.last if test.last is not None and test.last.ref.n > down_n else None
        passed = test.passed if test.passed is not None and test.passed.ref.n > down_n else None
        return ChannelFacts(
            link=link,
            is_known=held is not None and held.tree.size > 0,
            is_held_by_us=(own, peer) in holding,
            is_held_by_them=(peer, own) in holding,
            tested_s=age_s(None if tested is None else tested.since_ms),
            is_test_answered=tested is not None and test.answer is not None,
            passed_s=age_s(None if passed is None else passed.since_ms),
            human_passed_s=age_s(None if human is None else line_tested_ms(human)),
            late_count=len(self._late.get(peer, ())),
            is_late_known=not self._unread,
            on_duty_here=len(hotline.on_duty(own, now_ms)),
            on_duty_there=len(hotline.on_duty(peer, now_ms)),
            theirs=state,
            voice_s=min((each for each in heard_s if each is not None), default=None),
        )


def called(step: Step, roster: Sequence[OnDuty]) -> str | None:
    """Tell who is to be called by a step of the ladder; None for nobody, or where nobody is known.

    Args:
        step: The step.
        roster: Who is on duty at the party that was addressed, the one who came first at the front.
    """
    seniors = [each for each in roster if each.is_senior]
    people = {Step.TELEPHONE: roster[:1], Step.NEXT_OFFICER: roster[1:2], Step.SENIOR: seniors[:1]}.get(step)
    return people[0].person[:PERSON_CHARACTERS_MAX] if people else None


def _peers(logs: Logs) -> Sequence[PartyId]:
    return [party for party in logs.parties if party != logs.own]


def _message(
    code: Code,
    to: PartyId,
    now_ms: int,
    *fields: tuple[str, Value],
    priority: Priority = Priority.ROUTINE,
    drill: str | None = None,
) -> Message:
    return Message(
        code=code,
        to=to,
        fields=fields,
        priority=priority,
        valid_until_ms=now_ms + MESSAGES[code].valid_s * 1_000,
        drill=drill,
    )


def _test_answers(logs: Logs, peer: PartyId, now_ms: int) -> Iterator[Message]:
    """Yield the answer to the last machine test of a peer, where it was not given yet."""
    hotline = logs.ledger.hotline
    test = hotline.machine_test(peer, logs.own)
    if test.last is None or test.answer is not None:
        return
    given = hotline.last_test_answer(logs.own, peer)
    if given is not None and 0 <= now_ms - given.since_ms < TEST_ANSWERED_EVERY_S * 1e3:
        return
    yield _message(Code.MACHINE_TEST_ANSWER, peer, now_ms, ("about", test.last.ref))


def _last_down(logs: Logs, peer: PartyId) -> int:
    """Return the entry of this party's log that says last that the channel to a peer is down; -1 for none."""
    said = logs.ledger.hotline.channels(logs.own, peer)
    down = [each.ref.n for each in said if each.message.values["state"] is ChannelState.DOWN]
    return max(down, default=-1)
