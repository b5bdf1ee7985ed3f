"""The hotline: what became of each message, and who is on duty, as a function of all that was said.

A message that wants an answer opens a dialogue; the table `TRANSITIONS` is the only rule for what becomes of
it. Logs of two parties arrive in any order, so steps that different parties bring about can be swapped: equal
sets of statements give equal states. Silence closes nothing: it becomes a time-out, which is said, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from keepclear.core.deeds import DutyChange, Heard
from keepclear.core.intents import PartyId
from keepclear.core.messages import Code, Message, Priority, Response, Speaker, Step, closes
from keepclear.core.refs import MessageRef
from keepclear.core.statements import Head

Received = tuple[tuple[PartyId, Head], ...]
"""How far each other log had been received, sorted by party."""


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
    """

    ref: MessageRef
    message: Message
    person: str | None
    at_ms: int
    received: Received
    by_voice: bool = False

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
        corrected_by: The message that took its place; None for none.
        steps: What its sender's node did while nobody read it: the step, who was to be called, and when.
        timed_out_ms: When its sender's node said that no answer came; None while it did not.
        heard: Whether what the other party wrote down by voice is this; None where it did not.
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


class Hotline:
    """What all messages say together; statements may be taken in any order.

    Args:
        had: Tells whether who had received so much had an entry of a party's log, as it is held here.
    """

    def __init__(self, had: Callable[[Received, PartyId, int], bool]) -> None:
        self._had = had
        self._sent: dict[MessageRef, Sent] = {}
        self._voiced: dict[MessageRef, dict[tuple[PartyId, int], Sent]] = {}
        self._heard: dict[tuple[PartyId, int], HeardSaid] = {}
        self._heard_of: dict[MessageRef, list[HeardSaid]] = {}
        self._channels: dict[tuple[PartyId, PartyId], Sent] = {}  # what a node said last of it
        self._about: dict[MessageRef, set[MessageRef]] = {}  # answers, corrections, steps and time-outs
        self._seen: dict[MessageRef, list[tuple[PartyId, Read, Received]]] = {}
        self._duty: dict[tuple[PartyId, str], tuple[int, int, DutyChange]] = {}

    # -- what is said ---------------------------------------------------------------------------

    def take(self, sent: Sent) -> None:
        """Take a message."""
        self._sent[sent.ref] = sent
        self._index(sent)
        if sent.message.code is Code.CHANNEL:
            key = sent.ref.party, sent.message.to
            known = self._channels.get(key)
            if known is None or known.ref < sent.ref:
                self._channels[key] = sent

    def _index(self, sent: Sent) -> None:
        about = sent.message.values.get("about")
        for ref in (sent.message.answers, sent.message.corrects, about):
            if isinstance(ref, MessageRef):
                self._about.setdefault(ref, set()).add(sent.ref)

    def take_seen(self, by: PartyId, refs: Sequence[MessageRef], read: Read, received: Received) -> None:
        """Take that an officer of a party read messages."""
        for ref in refs:
            self._seen.setdefault(ref, []).append((by, read, received))

    def take_heard(self, said: HeardSaid) -> None:
        """Take that a message was written down by voice."""
        self._heard[said.party, said.n] = said
        heard = said.heard
        if heard.n is None:
            return
        ref = MessageRef(party=heard.by, n=heard.n)
        voiced = Sent(
            ref=ref, message=heard.message, person=None, at_ms=heard.at_ms, received=(), by_voice=True
        )
        self._voiced.setdefault(ref, {})[said.party, said.n] = voiced
        self._heard_of.setdefault(ref, []).append(said)
        self._index(voiced)

    def take_duty(self, by: PartyId, person: str, change: DutyChange, at_ms: int, n: int) -> None:
        """Take that an officer goes on duty, or off."""
        known = self._duty.get((by, person))
        if known is None or known[0] < n:
            self._duty[by, person] = n, at_ms, change

    # -- what became of it ----------------------------------------------------------------------

    def message(self, ref: MessageRef) -> Sent | None:
        """Return a message, as its log has it, or else as it was first written down by voice."""
        sent = self._sent.get(ref)
        if sent is not None:
            return sent
        voiced = self._voiced.get(ref)
        return None if not voiced else voiced[min(voiced)]

    def messages(self) -> Sequence[Sent]:
        """Return all messages, sorted by party and number."""
        refs = sorted(self._sent.keys() | self._voiced.keys())
        return [sent for ref in refs if (sent := self.message(ref)) is not None]

    def dialogue(self, ref: MessageRef, now_ms: int) -> Dialogue | None:
        """Tell what became of a message; None where it is not known.

        Args:
            ref: The message.
            now_ms: What time it is, milliseconds since 1970.
        """
        asked = self.message(ref)
        if asked is None:
            return None
        replies = [each for each in self._replies(asked) if each.message.answers == ref]
        closing = [each for each in replies if closes(each.message.code, asked.message.code)]
        stood_by = [each for each in replies if each.message.code is Code.STANDBY]
        own = [each for each in self._by_sender(asked) if each.ref != ref]
        corrected = [each for each in own if each.message.corrects == ref]
        timed_out = [each for each in own if each.message.code is Code.TIMED_OUT]
        events = [
            (bool(stood_by), DialogueEvent.STAND_BY),
            (bool(timed_out), DialogueEvent.TIME_OUT),
            (self._is_lapsed(asked, now_ms), DialogueEvent.LAPSE),
            (bool(closing), DialogueEvent.ANSWER),
            (bool(corrected), DialogueEvent.CORRECT),
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
        for other in sorted(self._about.get(ref, ())):
            sent = self.message(other)
            if sent is not None:
                yield sent

    def _replies(self, asked: Sent) -> Iterator[Sent]:
        """Yield what the party that was addressed answers, where it had the message."""
        for sent in self._related(asked.ref):
            if sent.ref.party == asked.message.to and (sent.by_voice or self._knew(sent, asked)):
                yield sent

    def _by_sender(self, asked: Sent) -> Iterator[Sent]:
        for sent in self._related(asked.ref):
            if sent.ref.party == asked.ref.party and sent.ref.n > asked.ref.n:
                yield sent

    def _knew(self, reply: Sent, asked: Sent) -> bool:
        """Tell whether who replies had the message, in the log or by voice."""
        if self._had(reply.received, asked.ref.party, asked.ref.n):
            return True
        return any(
            party == reply.ref.party and n < reply.ref.n and voiced.message == asked.message
            for (party, n), voiced in self._voiced.get(asked.ref, {}).items()
        )

    def _first_seen(self, asked: Sent, replies: Sequence[Sent]) -> Read | None:
        """Return who read it first: whoever answers has read, and so has who wrote it down."""
        to = asked.message.to
        read = [
            each
            for by, each, received in self._seen.get(asked.ref, [])
            if by == to and self._had(received, asked.ref.party, asked.ref.n)
        ]
        read += [Read(person=each.person or "", at_ms=each.at_ms, n=each.ref.n) for each in replies]
        read += [
            Read(person=said.person, at_ms=said.at_ms, n=said.n)
            for said in self._heard_of.get(asked.ref, [])
            if said.party == to and said.heard.message == asked.message
        ]
        return min(read, key=lambda each: each.n, default=None)

    def _was_heard_rightly(self, asked: Sent) -> bool | None:
        """Tell whether what was written down by voice is what its log says; None where nothing was."""
        if asked.by_voice:
            return None
        voiced = [
            each.message == asked.message
            for (party, _), each in self._voiced.get(asked.ref, {}).items()
            if party == asked.message.to
        ]
        return all(voiced) if voiced else None

    def _is_lapsed(self, asked: Sent, now_ms: int) -> bool:
        return asked.message.priority is Priority.ROUTINE and asked.message.valid_until_ms < now_ms

    def dialogues(self, now_ms: int) -> Iterator[Dialogue]:
        """Yield what became of each message of officers, sorted by party and number."""
        for sent in self.messages():
            if sent.message.type.speaker is Speaker.OFFICER:
                dialogue = self.dialogue(sent.ref, now_ms)
                assert dialogue is not None, "it is held"
                yield dialogue

    def heard(self) -> Sequence[HeardSaid]:
        """Return what was written down by voice, sorted by party and entry."""
        return [self._heard[key] for key in sorted(self._heard)]

    def on_duty(self, party: str) -> Sequence[OnDuty]:
        """Return who is on duty at a party, the one who came first at the front."""
        found = [
            OnDuty(
                party=by,
                person=person,
                is_senior=change.is_senior,
                telephone=change.telephone,
                since_ms=at_ms,
                n=n,
            )
            for (by, person), (n, at_ms, change) in self._duty.items()
            if by == party and change.is_on
        ]
        return sorted(found, key=lambda each: each.n)

    def channel(self, by: str, peer: str) -> Sent | None:
        """Return what a party's node said last of the channel to another; None where it said nothing."""
        return self._channels.get((PartyId(by), PartyId(peer)))


def _step(sent: Sent) -> tuple[Step, str | None, int]:
    values = sent.message.values
    step, called = values["step"], values.get("called")
    assert isinstance(step, Step)
    return step, called if isinstance(called, str) else None, sent.at_ms
