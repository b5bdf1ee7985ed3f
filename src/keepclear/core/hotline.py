"""The hotline: what became of each message, and who is on duty, as a function of all that was said.

A message that wants an answer opens a dialogue; the table `TRANSITIONS` is the only rule for what becomes of
it. Logs of two parties arrive in any order, so steps that different parties bring about can be swapped: equal
sets of statements give equal states. Silence closes nothing: it becomes a time-out, which is said, too.

What was written down by voice counts until the entry comes that it is of, and no further than whoever wrote
it down is concerned: an answer that was heard closes one's own message, but a correction that was heard takes
nothing back, for that is the word of who sent it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from heapq import merge
from typing import Final, NamedTuple

from keepclear.core.deeds import DutyChange, Heard
from keepclear.core.intents import PartyId
from keepclear.core.messages import (
    Code,
    Message,
    Priority,
    Response,
    Speaker,
    Step,
    answers_to,
    closes,
)
from keepclear.core.refs import MessageRef
from keepclear.core.statements import Head

CHANNELS_KEPT_MAX: Final = 20
"""So many of a node's last words on a channel are kept in memory: enough to see that it says too many."""
TESTS_LOOKED_AT_MAX: Final = 50
"""So many of the last line tests between two parties are looked at for one that was answered."""
_INSERTED_MAX: Final = 64  # of more that are new, all are sorted again

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
    DialogueEvent.ANSWER: "an officer of the party that was addressed; the first answer counts",
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
    lines = [
        "| From | " + " | ".join(event.value for event in DialogueEvent) + " |",
        "|---" * (len(DialogueEvent) + 1) + "|",
    ]
    for state in DialogueState:
        following = [TRANSITIONS.get((state, event)) for event in DialogueEvent]
        cells = [f"`{each.value}`" if each else "" for each in following]
        lines.append(f"| `{state.value}` | " + " | ".join(cells) + " |")
    lines += ["", "| Event | Who brings it about |", "|---|---|"]
    lines += [f"| {event.value} | {who} |" for event, who in WHO.items()]
    return "\n".join(lines) + "\n"


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
    """

    person: str
    at_ms: int
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """What became of a message.

    Attributes:
        asked: The message.
        state: What became of it; of one that wants no answer, whether it was corrected.
        seen: Who read it first at the party that was addressed; None for nobody.
        answer: The first answer that closes it; None while there is none.
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
    """

    party: PartyId
    person: str
    at_ms: int
    n: int
    heard: Heard


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


def place_of(sent: Sent) -> Place:
    """Return where a message stands in the order of time."""
    return sent.at_ms, sent.ref


class _Order:
    """Messages in the order of time, made up when it is asked for."""

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._new: list[Place] = []

    def add(self, place: Place) -> None:
        self._new.append(place)

    def before(self, place: Place | None) -> Iterator[Place]:
        """Yield the places before one, the newest first; some may hold no more."""
        if len(self._new) <= _INSERTED_MAX:
            for new in self._new:
                insort(self._places, new)
        else:
            self._places += self._new
            self._places.sort()  # mostly sorted already: the logs that it comes from are
        self._new = []
        end = len(self._places) if place is None else bisect_left(self._places, place)
        for k in range(end - 1, -1, -1):
            yield self._places[k]


class Hotline:
    """What all messages say together; statements may be taken in any order.

    Args:
        had: Tells whether who had received so much had an entry of a party's log, as it is held here.
        is_read: Tells whether an entry of a party's log is held here, and can be read.

    Attributes:
        journal: The messages of which anything was taken, in the order of taking. It only grows, so that
            whoever remembers its length finds out what is new since.
    """

    def __init__(
        self,
        had: Callable[[Received, PartyId, int], bool],
        is_read: Callable[[PartyId, int], bool] = lambda _, __: False,
    ) -> None:
        self._had, self._is_read = had, is_read
        self.journal: list[MessageRef] = []
        self._sent: dict[MessageRef, Sent] = {}
        self._voiced: dict[MessageRef, dict[tuple[PartyId, int], Sent]] = {}
        self._heard: dict[tuple[PartyId, int], HeardSaid] = {}
        self._heard_of: dict[MessageRef, list[HeardSaid]] = {}
        self._voice: dict[tuple[PartyId, PartyId], HeardSaid] = {}  # the last that one heard of another
        self._about: dict[MessageRef, set[MessageRef]] = {}  # answers, corrections, steps and time-outs
        self._seen: dict[MessageRef, list[tuple[PartyId, Read, Received]]] = {}
        self._duty: dict[PartyId, dict[str, tuple[int, int, DutyChange]]] = {}  # by person
        # What one party says to another of the line itself, each in the order of its log.
        self._channels: dict[tuple[PartyId, PartyId], deque[Sent]] = {}
        self._tests: dict[tuple[PartyId, PartyId], list[int]] = {}
        self._last_answers: dict[tuple[PartyId, PartyId], Sent] = {}
        self._line_tests: dict[tuple[PartyId, PartyId], list[int]] = {}
        # What waits: a message leaves once its own log and that of the addressee settle it for good.
        self._waiting: set[MessageRef] = set()
        self._doubtful: set[MessageRef] = set()  # those of them that something may have settled
        self._places: dict[MessageRef, tuple[bool, Place]] = {}
        self._orders = {True: _Order(), False: _Order()}  # of officers, of nodes

    # -- what is said ---------------------------------------------------------------------------

    def take(self, sent: Sent) -> None:
        """Take a message."""
        self._sent[sent.ref] = sent
        self._index(sent)
        between = sent.ref.party, sent.message.to
        match sent.message.code:
            case Code.CHANNEL:
                self._keep_channel(between, sent)
            case Code.MACHINE_TEST:
                insort(self._tests.setdefault(between, []), sent.ref.n)
            case Code.MACHINE_TEST_ANSWER:
                last = self._last_answers.get(between)
                if last is None or last.ref.n < sent.ref.n:
                    self._last_answers[between] = sent
            case Code.LINE_TEST | Code.HANDOVER if sent.message.drill is None:
                insort(self._line_tests.setdefault(between, []), sent.ref.n)

    def _keep_channel(self, between: tuple[PartyId, PartyId], sent: Sent) -> None:
        said = self._channels.setdefault(between, deque())
        said.append(sent)
        if len(said) > 1 and said[-2].ref.n > sent.ref.n:  # one that was withheld comes later
            said = self._channels[between] = deque(sorted(said, key=lambda each: each.ref.n))
        if len(said) > CHANNELS_KEPT_MAX:
            said.popleft()

    def _index(self, sent: Sent) -> None:
        self._place(sent.ref)
        self.journal.append(sent.ref)
        about = sent.message.values.get("about")
        for ref in (sent.message.answers, sent.message.corrects, about):
            if isinstance(ref, MessageRef):
                self._about.setdefault(ref, set()).add(sent.ref)
                self.journal.append(ref)
                if ref is not about:
                    self._doubtful.add(ref)
        if sent.wants_answer:
            self._waiting.add(sent.ref)
            if sent.ref in self._about:
                self._doubtful.add(sent.ref)

    def _place(self, ref: MessageRef) -> None:
        sent = self.message(ref)
        assert sent is not None, "it was just taken"
        placed = sent.message.type.speaker is Speaker.OFFICER, place_of(sent)
        if self._places.get(ref) != placed:
            self._places[ref] = placed
            self._orders[placed[0]].add(placed[1])

    def take_seen(self, by: PartyId, refs: Sequence[MessageRef], read: Read, received: Received) -> None:
        """Take that an officer of a party read messages."""
        for ref in refs:
            self._seen.setdefault(ref, []).append((by, read, received))
        self.journal += refs

    def take_heard(self, said: HeardSaid) -> None:
        """Take that a message was written down by voice."""
        self._heard[said.party, said.n] = said
        heard = said.heard
        last = self._voice.get((said.party, heard.by))
        if last is None or last.n < said.n:
            self._voice[said.party, heard.by] = said
        if heard.n is None:
            return
        ref = MessageRef(party=heard.by, n=heard.n)
        voiced = Sent(
            ref=ref, message=heard.message, person=None, at_ms=heard.at_ms, received=(), by_voice=True
        )
        self._voiced.setdefault(ref, {})[said.party, said.n] = voiced
        self._heard_of.setdefault(ref, []).append(said)
        self._index(voiced)
        self._doubtful.add(ref)

    def take_duty(self, by: PartyId, person: str, change: DutyChange, at_ms: int, n: int) -> None:
        """Take that an officer goes on duty, or off."""
        people = self._duty.setdefault(by, {})
        known = people.get(person)
        if known is None or known[0] < n:
            people[person] = n, at_ms, change

    # -- what became of it ----------------------------------------------------------------------

    def message(self, ref: MessageRef) -> Sent | None:
        """Return a message, as its log has it, or else as the first party wrote it down by voice."""
        sent = self._sent.get(ref)
        return next(iter(self._written(ref).values()), None) if sent is None else sent

    def _written(self, ref: MessageRef, before: int | None = None) -> dict[PartyId, Sent]:
        """Return what each party wrote down last of a message, sorted; what was read out anew counts.

        Args:
            ref: The message.
            before: Only what stands before this entry of a log; None for all.
        """
        voiced = sorted(self._voiced.get(ref, {}).items())
        return {party: sent for (party, n), sent in voiced if before is None or n < before}

    def message_to(self, party: str, ref: MessageRef) -> Sent | None:
        """Return a message as a party has it to whom it was read out, or else as `message` does.

        Somebody else may say that it was read out to him: that takes nothing from who did hear it.
        """
        own = None if ref in self._sent else self._written(ref).get(PartyId(party))
        return self.message(ref) if own is None else own

    def messages(self) -> Sequence[Sent]:
        """Return all messages, sorted by party and number; `newest` is for those who want some of many."""
        refs = sorted(self._sent.keys() | self._voiced.keys())
        return [sent for ref in refs if (sent := self.message(ref)) is not None]

    def newest(self, before: Place | None = None, *, with_machines: bool = False) -> Iterator[Sent]:
        """Yield messages, the newest first.

        Args:
            before: Only those before this place; None for all.
            with_machines: Whether what nodes say by themselves is wanted, too.
        """
        orders = [self._orders[True].before(before)]
        if with_machines:
            orders.append(self._orders[False].before(before))
        last = None
        for place in merge(*orders, reverse=True):
            _, ref = place
            is_officers, held = self._places[ref]
            if place != last and held == place and (is_officers or with_machines):
                last = place
                sent = self.message(ref)
                assert sent is not None, "it has a place"
                yield sent

    def open_refs(self) -> Sequence[MessageRef]:
        """Return the messages that wait for an answer for all that logs say, sorted by party and number.

        Those that lapsed or timed out are among them, and those that only a voice has answered.
        """
        for ref in [ref for ref in self._doubtful if self._is_settled(ref)]:
            self._waiting.discard(ref)
            self._doubtful.discard(ref)
        self._doubtful &= self._waiting
        return sorted(self._waiting, key=lambda ref: (ref.party, ref.n))

    def _is_settled(self, ref: MessageRef) -> bool:
        """Tell whether a message was answered or corrected by what stays: entries of logs."""
        asked = self._sent.get(ref)
        if asked is None:  # what was misheard is no message
            return self._is_read(ref.party, ref.n)
        if not asked.wants_answer:  # as it was heard it did
            return True
        settling = [each for each in self._closing(asked) if not each.by_voice]
        return bool(settling) or any(not each.by_voice for each in self._corrections(asked))

    def dialogue(self, ref: MessageRef, now_ms: int) -> Dialogue | None:
        """Tell what became of a message; None where it is not known.

        Args:
            ref: The message.
            now_ms: What time it is, milliseconds since 1970.
        """
        asked = self.message(ref)
        if asked is None:
            return None
        replies = list(self._replies(asked))
        closing = [each for each in replies if closes(each.message.code, asked.message.code)]
        can_stand_by = Code.STANDBY in answers_to(asked.message.code)
        stood_by = [each for each in replies if can_stand_by and each.message.code is Code.STANDBY]
        corrected = list(self._corrections(asked))
        own = [each for each in self._related(asked.ref) if _is_said_of(each, asked)]
        timed_out = [each for each in own if each.message.code is Code.TIMED_OUT]
        events = [
            (bool(stood_by), DialogueEvent.STAND_BY),
            (bool(timed_out), DialogueEvent.TIME_OUT),
            (self.is_lapsed(asked, now_ms), DialogueEvent.LAPSE),
            (bool(closing), DialogueEvent.ANSWER),
            (any(not each.by_voice for each in corrected), DialogueEvent.CORRECT),
        ]
        state = DialogueState.OPEN
        for happened, event in events:
            if happened:
                state = TRANSITIONS[state, event]
        return Dialogue(
            asked=asked,
            state=state,
            seen=self._first_seen(asked, replies),
            answer=closing[0] if closing else None,
            replies=replies,
            stood_by=stood_by[0] if stood_by else None,
            corrected_by=corrected[0] if corrected else None,
            steps=[_step(each) for each in own if each.message.code is Code.ESCALATED],
            timed_out_ms=timed_out[0].at_ms if timed_out else None,
            heard=self._was_heard_rightly(asked),
        )

    def _related(self, ref: MessageRef) -> Iterator[Sent]:
        """Yield what says anything of a message, by party and number; not what a log proves misheard."""
        for other in sorted(self._about.get(ref, ())):
            sent = self._sent.get(other)
            if sent is not None:
                yield sent
            elif not self._is_read(other.party, other.n):
                yield from self._written(other).values()

    def _replies(self, asked: Sent) -> Iterator[Sent]:
        """Yield what the party that was addressed answers, where it had the message.

        What is meant is not answered by an exercise, nor the other way round.
        """
        for sent in self._related(asked.ref):
            is_answer = sent.ref.party == asked.message.to and sent.message.answers == asked.ref
            is_of_kind = bool(sent.message.drill) == bool(asked.message.drill)
            if is_answer and is_of_kind and (sent.by_voice or self._knew(sent, asked)):
                yield sent

    def _closing(self, asked: Sent) -> Iterator[Sent]:
        return (each for each in self._replies(asked) if closes(each.message.code, asked.message.code))

    def _corrections(self, asked: Sent) -> Iterator[Sent]:
        """Yield what takes the place of a message: of its party, the same code, and to the same one."""
        for sent in self._related(asked.ref):
            message, of = sent.message, asked.message
            is_like = (message.code, message.to, bool(message.drill)) == (of.code, of.to, bool(of.drill))
            if message.corrects == asked.ref and is_like and _is_later(sent, asked):
                yield sent

    def _knew(self, reply: Sent, asked: Sent) -> bool:
        """Tell whether who replies had the message, in the log or by voice."""
        if self._had(reply.received, asked.ref.party, asked.ref.n):
            return True
        written = self._written(asked.ref, reply.ref.n).get(reply.ref.party)
        return written is not None and written.message == asked.message

    def _first_seen(self, asked: Sent, replies: Sequence[Sent]) -> Read | None:
        """Return who read it first: whoever answers has read, and so has who wrote it down.

        An answer that was only heard shows nothing: nobody of that party has signed that he read.
        """
        to = asked.message.to
        read = [
            each
            for by, each, received in self._seen.get(asked.ref, [])
            if by == to and self._had(received, asked.ref.party, asked.ref.n)
        ]
        read += [
            Read(person=each.person or "", at_ms=each.at_ms, n=each.ref.n)
            for each in replies
            if not each.by_voice
        ]
        read += [
            Read(person=said.person, at_ms=said.at_ms, n=said.n)
            for said in self._heard_of.get(asked.ref, [])
            if said.party == to and said.heard.message == asked.message
        ]
        return min(read, key=lambda each: each.n, default=None)

    def _was_heard_rightly(self, asked: Sent) -> bool | None:
        """Tell whether what was written down by voice is what its log says; None where nothing was."""
        if asked.by_voice:
            return False if self._is_read(asked.ref.party, asked.ref.n) else None
        written = self._written(asked.ref).get(asked.message.to)
        return None if written is None else written.message == asked.message

    def is_lapsed(self, asked: Sent, now_ms: int) -> bool:
        """Tell whether the time in which a routine message counted is over."""
        return asked.message.priority is Priority.ROUTINE and asked.message.valid_until_ms < now_ms

    def dialogues(self, now_ms: int) -> Iterator[Dialogue]:
        """Yield what became of each message of officers, sorted by party and number."""
        for sent in self.messages():
            if sent.message.type.speaker is Speaker.OFFICER:
                dialogue = self.dialogue(sent.ref, now_ms)
                assert dialogue is not None, "it is held"
                yield dialogue

    # -- by voice, on duty, and the line itself -------------------------------------------------

    def heard(self) -> Sequence[HeardSaid]:
        """Return what was written down by voice, sorted by party and entry."""
        return [self._heard[key] for key in sorted(self._heard)]

    def last_heard(self, party: str, of: str) -> HeardSaid | None:
        """Return what a party wrote down last of what another read out; None for nothing."""
        return self._voice.get((PartyId(party), PartyId(of)))

    def on_duty(self, party: str) -> Sequence[OnDuty]:
        """Return who is on duty at a party, the one who came first at the front."""
        found = [
            OnDuty(
                party=PartyId(party),
                person=person,
                is_senior=change.is_senior,
                telephone=change.telephone,
                since_ms=at_ms,
                n=n,
            )
            for person, (n, at_ms, change) in self._duty.get(PartyId(party), {}).items()
            if change.is_on
        ]
        return sorted(found, key=lambda each: each.n)

    def channel(self, by: str, peer: str) -> Sent | None:
        """Return what a party's node said last of the channel to another; None where it said nothing."""
        said = self.channels(by, peer)
        return said[-1] if said else None

    def channels(self, by: str, peer: str) -> Sequence[Sent]:
        """Return what a party's node said of the channel to another, `CHANNELS_KEPT_MAX` times at most."""
        return list(self._channels.get((PartyId(by), PartyId(peer)), ()))

    def machine_test(self, by: str, peer: str) -> MachineTest:
        """Return how a party's node tested the channel to another."""
        last = answer = passed = None
        for test in self._last_tests(self._tests, by, peer):
            answered = self._test_answer(test)
            if last is None:
                last, answer = test, answered
            if answered is not None:
                passed = test
                break
        return MachineTest(last, answer, passed)

    def last_test_answer(self, by: str, peer: str) -> Sent | None:
        """Return the last answer of a party's node to a machine test of another; None for none."""
        return self._last_answers.get((PartyId(by), PartyId(peer)))

    def _test_answer(self, test: Sent) -> Sent | None:
        for sent in self._related(test.ref):
            is_answer = sent.message.code is Code.MACHINE_TEST_ANSWER and _is_about(sent, test)
            is_by_tested = sent.ref.party == test.message.to and not sent.by_voice
            if is_answer and is_by_tested and self._had(sent.received, test.ref.party, test.ref.n):
                return sent
        return None

    def human_test(self, a: str, b: str, now_ms: int) -> Dialogue | None:
        """Return the last line test or handover between two parties that was answered; None for none."""
        passed = []
        for by, to in ((a, b), (b, a)):
            for test in self._last_tests(self._line_tests, by, to):
                dialogue = self.dialogue(test.ref, now_ms)
                if dialogue is not None and dialogue.answer is not None:
                    passed.append(dialogue)
                    break
        return max(passed, key=line_tested_ms, default=None)

    def _last_tests(
        self, tests: dict[tuple[PartyId, PartyId], list[int]], by: str, to: str
    ) -> Iterator[Sent]:
        for n in reversed(tests.get((PartyId(by), PartyId(to)), [])[-TESTS_LOOKED_AT_MAX:]):
            yield self._sent[MessageRef(party=PartyId(by), n=n)]


def line_tested_ms(test: Dialogue) -> int:
    """Return when a line test was made: where the clocks of two parties differ, by the earlier one."""
    assert test.answer is not None, "it was answered"
    return min(test.asked.since_ms, test.answer.since_ms)


def _is_later(sent: Sent, asked: Sent) -> bool:
    return sent.ref.party == asked.ref.party and sent.ref.n > asked.ref.n


def _is_said_of(sent: Sent, asked: Sent) -> bool:
    """Tell whether the node of who asked says something of it by itself."""
    is_machine = sent.message.code in (Code.ESCALATED, Code.TIMED_OUT)
    return is_machine and not sent.by_voice and _is_later(sent, asked) and _is_about(sent, asked)


def _is_about(sent: Sent, asked: Sent) -> bool:
    # It may be looked at only because somebody wrote down something else under its number.
    return sent.message.values.get("about") == asked.ref


def _step(sent: Sent) -> tuple[Step, str | None, int]:
    values = sent.message.values
    step, called = values["step"], values.get("called")
    assert isinstance(step, Step)
    return step, called if isinstance(called, str) else None, sent.at_ms
