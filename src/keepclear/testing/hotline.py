"""The hotline in a simulation: what officers send, and what must become of it by a slow definition.

Everything is looked at again each time, in all entries that a node holds; nothing is kept up or indexed, so
nothing can be forgotten. How deadlines are by default is all that is shared with the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from keepclear.core.deeds import Deed, DutyChange, Heard, MessagesSeen
from keepclear.core.dialogues import CLOCK_BACK_S, DialogueState, Sent
from keepclear.core.escalation import LADDER, Deadlines, HotlineTimers
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import (
    CLOSING,
    MESSAGES,
    Code,
    Message,
    Nature,
    Position,
    Priority,
    Reason,
    Response,
    Step,
    Value,
    answers_to,
)
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.statements import Signed, Statement
from keepclear.core.times import floor_ms
from keepclear.testing.federation import SimulatedNode
from keepclear.testing.scenario import Act, Officers

SENT_VALID_MAX_S: Final = 1_800
"""So long a message counts at most: some lapse while a simulation runs."""
MISHEARD: Final = 0.25
"""So often somebody hears something else than what is read out."""
EXERCISE: Final = 0.1
"""So often a message is part of an exercise."""
TIMERS: Final = HotlineTimers()
"""The deadlines: no agreement in a simulation has others."""

_PAGE: Final = 10_000
_AT: Final = Position(latitude_e5=3_540_000, longitude_e5=3_590_000)
_SENT: Final[dict[Code, dict[str, Value]]] = {
    Code.DISTRESS: {"call_sign": "K7", "nature": Nature.ENGINE, "at": _AT},
    Code.REQUEST_STOP: {"at": _AT, "radius": 2_000, "nature": Nature.DOWN},
    Code.REQUEST_LATER: {
        "item": ItemRef(party=PartyId("alpha"), id=ItemId("OP-1"), version=1),
        "later": 900,
    },
    Code.IS_YOURS: {"call_sign": "K7"},
    Code.LINE_TEST: {},
    Code.FREE_TEXT: {"text": "hello"},
}


class Talking:
    """What officers send, read, answer, correct and hear in a simulation.

    Args:
        officers: What officers do besides, and how they sign.
        random: Where all chance comes from.
    """

    def __init__(self, officers: Officers, random: Random) -> None:
        self._officers, self._random = officers, random
        self._nodes: dict[PartyId, SimulatedNode] = {}  # whoever acted: what is read out, is read there

    def kinds(self) -> dict[Callable[[SimulatedNode], Act | None], int]:
        """Return what is done, and how often."""
        return {
            self.send: 9,
            self._read: 8,
            self._answer: 10,
            self._correct: 2,
            self._hear: 4,
            self._change_duty: 3,
        }

    def send(self, node: SimulatedNode) -> Act:
        """Draw a message to a peer."""
        self._nodes[node.party] = node
        to = self._random.choice([party for party in node.cards if party != node.party])
        code = self._random.choice(list(_SENT))
        message = Message(
            code=code,
            to=to,
            fields=tuple(_SENT[code].items()),
            priority=MESSAGES[code].priority,
            valid_until_ms=self._valid_until_ms(node),
            drill="spring" if self._random.random() < EXERCISE else None,
        )
        return self._officers.sign(node, message, f"send {code.value} to {to}")

    def _valid_until_ms(self, node: SimulatedNode) -> int:
        return floor_ms(node.now()) + 1_000 * self._random.randint(1, SENT_VALID_MAX_S)

    def _received(self, node: SimulatedNode) -> list[Sent]:
        """Return what was sent to the node's party, as it has it."""
        hotline = node.logs.ledger.hotline
        own = (hotline.message_to(node.party, sent.ref) for sent in hotline.messages())
        return [sent for sent in own if sent is not None and sent.message.to == node.party]

    def _read(self, node: SimulatedNode) -> Act | None:
        refs = [sent.ref for sent in self._received(node)]
        if not refs:
            return None
        chosen = sorted(self._random.sample(refs, self._random.randint(1, min(len(refs), 3))))
        names = " ".join(f"{ref.party}/{ref.n}" for ref in chosen)
        return self._officers.sign(node, MessagesSeen(messages=tuple(chosen)), f"read {names}")

    def _answer(self, node: SimulatedNode) -> Act | None:
        asked = [
            sent
            for sent in self._received(node)
            if answers_to(sent.message.code) and not _is_answered(node, sent.ref)
        ]
        if not asked:
            return None
        sent = self._random.choice(asked)
        code = self._random.choice(answers_to(sent.message.code))
        answer = Message(
            code=code,
            to=sent.ref.party,
            fields=(("reason", Reason.FUEL),) if code is Code.UNABLE else (),
            answers=sent.ref,
            priority=min(sent.message.priority, MESSAGES[code].priority, key=lambda each: each.rank),
            valid_until_ms=self._valid_until_ms(node),
            drill=sent.message.drill,
        )
        return self._officers.sign(node, answer, f"answer {sent.ref.party}/{sent.ref.n} {code.value}")

    def _correct(self, node: SimulatedNode) -> Act | None:
        hotline = node.logs.ledger.hotline
        own = [sent for sent in hotline.messages() if sent.ref.party == node.party and sent.wants_answer]
        if not own:
            return None
        sent = self._random.choice(own)
        message = replace(
            sent.message, corrects=sent.ref, answers=None, valid_until_ms=self._valid_until_ms(node)
        )
        return self._officers.sign(node, message, f"correct {sent.ref.n}")

    def _hear(self, node: SimulatedNode) -> Act | None:
        """Draw that somebody reads out what has not arrived here; he may be misunderstood."""
        self._nodes[node.party] = node
        waiting = [
            sent
            for party, other in sorted(self._nodes.items())
            if party != node.party
            for sent in other.logs.ledger.hotline.messages()
            if sent.ref.party == party
            and sent.message.to == node.party
            and sent.person is not None
            and sent.ref.n >= node.logs[party].tree.size
        ]
        if not waiting:
            return None
        sent = self._random.choice(waiting)
        message, word = sent.message, "hear"
        if self._random.random() < MISHEARD:
            message, word = replace(message, valid_until_ms=message.valid_until_ms + 1_000), "mishear"
        heard = Heard(by=sent.ref.party, n=sent.ref.n, at_ms=sent.at_ms, message=message)
        return self._officers.sign(node, heard, f"{word} {sent.ref.party}/{sent.ref.n}")

    def _change_duty(self, node: SimulatedNode) -> Act:
        on = {each.person for each in node.logs.ledger.hotline.on_duty(node.party, floor_ms(node.now()))}
        return self._officers.sign(node, DutyChange(is_on=not on), "go off duty" if on else "go on duty")


def _is_answered(node: SimulatedNode, ref: MessageRef) -> bool:
    dialogue = node.logs.ledger.hotline.dialogue(ref, 0)
    return dialogue is not None and dialogue.answer is not None


# -- the slow definition --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What an entry of a log says on the hotline.

    Attributes:
        statement: The entry.
        said: What it says: a message, or a deed.
        by_officer: Whether an officer says it.
    """

    statement: Statement
    said: Deed
    by_officer: bool

    @property
    def ref(self) -> MessageRef:
        """Where it stands."""
        return MessageRef(party=self.statement.by, n=self.statement.n)


def lines_of(node: SimulatedNode) -> list[Line]:
    """Return what all entries that a node can read say on the hotline, by party and number.

    An officer's word that was said before counts no more.
    """
    found, notary = [], node.notary
    for party in node.logs.parties:
        nonces: set[str] = set()
        for entry in node.store.entries(party, 0, _PAGE):
            if entry.jws is None:
                continue
            statement, _ = notary.read(entry.jws)
            if isinstance(statement.body, Message):
                found.append(Line(statement=statement, said=statement.body, by_officer=False))
            elif isinstance(statement.body, Signed) and statement.kind.value == "deed":
                spoken, _ = notary.read_deed(statement.body.jws)
                if spoken.nonce not in nonces:
                    found.append(Line(statement=statement, said=spoken.deed, by_officer=True))
                nonces.add(spoken.nonce)
    return found


@dataclass(slots=True)
class Waits:
    """What became of a message of an officer, as a node has it.

    Attributes:
        line: The message.
        reads: The entries of the addressee that show that it was read.
        answers: The answers, by the entry of the addressee, and whether it is known by voice only.
        is_corrected: Whether another took its place.
        steps: The steps that the sender's node said.
        time_outs: How often it said that no answer came.
    """

    line: Line
    reads: list[int] = field(default_factory=list)
    answers: list[tuple[int, Line, Message, bool]] = field(default_factory=list)
    is_corrected: bool = False
    steps: list[Step] = field(default_factory=list)
    time_outs: int = 0

    @property
    def message(self) -> Message:
        """The message."""
        assert isinstance(self.line.said, Message)
        return self.line.said

    @property
    def closing(self) -> list[tuple[int, bool]]:
        """The answers that close it: the entry of the addressee, and whether it is known by voice only."""
        codes = (*CLOSING[self.message.type.response], *self.message.type.reports)
        return sorted((n, by_voice) for n, _, said, by_voice in self.answers if said.code in codes)

    def state(self, now_ms: int) -> DialogueState:
        """Tell what became of it."""
        stands_by = self.message.type.response in (Response.COMPLY, Response.AFFIRM)
        if self.is_corrected:
            return DialogueState.CORRECTED
        if self.closing:
            return DialogueState.CLOSED
        if self.message.priority is Priority.ROUTINE and self.message.valid_until_ms < now_ms:
            return DialogueState.LAPSED
        if self.time_outs:
            return DialogueState.TIMED_OUT
        if stands_by and any(said.code is Code.STANDBY for _, _, said, _ in self.answers):
            return DialogueState.STANDBY
        return DialogueState.OPEN


def waits_of(node: SimulatedNode) -> dict[MessageRef, Waits]:
    """Return what became of the messages of officers that a node holds in logs, by their numbers."""
    lines = lines_of(node)
    told = {line.ref: Waits(line) for line in lines if isinstance(line.said, Message) and line.by_officer}
    last_heard = {_heard_key(line, line.said): line for line in lines if isinstance(line.said, Heard)}
    for line in lines:
        said = line.said
        if isinstance(said, MessagesSeen):
            for ref in said.messages:
                asked = told.get(ref)
                if asked and asked.message.to == line.statement.by and _received(node, line, ref):
                    asked.reads.append(line.statement.n)
        elif isinstance(said, Heard):
            _take_heard(node, told, line, said, is_last=last_heard[_heard_key(line, said)] is line)
        elif isinstance(said, Message):
            _take_message(node, told, lines, line, said)
    return told


def _heard_key(line: Line, heard: Heard) -> tuple[PartyId, PartyId, int | None]:
    return line.statement.by, heard.by, heard.n


def _take_heard(
    node: SimulatedNode, told: dict[MessageRef, Waits], line: Line, said: Heard, *, is_last: bool
) -> None:
    """Take what somebody wrote down: of messages to him, and of answers to his."""
    if said.n is None:
        return
    asked = told.get(MessageRef(party=said.by, n=said.n))
    if asked and asked.message == said.message and asked.message.to == line.statement.by:
        asked.reads.append(line.statement.n)
    to = None if said.message.answers is None else told.get(said.message.answers)
    log = node.logs[said.by]
    is_proved = said.n < log.tree.size and said.n not in log.withheld  # then that is what counts
    is_answer = to is not None and to.message.to == said.by and not is_proved and is_last
    if to and is_answer and bool(to.message.drill) == bool(said.message.drill):
        to.answers.append((said.n, line, said.message, True))


def _take_message(
    node: SimulatedNode, told: dict[MessageRef, Waits], lines: list[Line], line: Line, said: Message
) -> None:
    by, n = line.statement.by, line.statement.n
    asked = None if said.answers is None else told.get(said.answers)
    if asked and asked.message.to == by and bool(asked.message.drill) == bool(said.drill):
        knew = _received(node, line, asked.line.ref) or _heard_rightly(lines, line, asked)
        if knew:
            asked.answers.append((n, line, said, False))
            asked.reads.append(n)
    old = None if said.corrects is None else told.get(said.corrects)
    if old and _is_like(old.message, said) and old.line.statement.by == by and old.line.statement.n < n:
        old.is_corrected = True
    about = dict(said.fields).get("about")
    waits = told.get(about) if isinstance(about, MessageRef) else None
    if waits and not line.by_officer and waits.line.statement.by == by and waits.line.statement.n < n:
        step = dict(said.fields).get("step")
        if said.code is Code.ESCALATED and isinstance(step, Step):
            waits.steps.append(step)
        waits.time_outs += said.code is Code.TIMED_OUT


def _is_like(a: Message, b: Message) -> bool:
    return (a.code, a.to, bool(a.drill)) == (b.code, b.to, bool(b.drill))


def _heard_rightly(lines: list[Line], answer: Line, asked: Waits) -> bool:
    """Tell whether who answers had written it down before, last as it was said."""
    place = asked.line.ref
    heard = [
        line.said.message == asked.message
        for line in lines
        if isinstance(line.said, Heard)
        and line.statement.by == answer.statement.by
        and line.statement.n < answer.statement.n
        and (line.said.by, line.said.n) == (place.party, place.n)
    ]
    return bool(heard) and heard[-1]


def _received(node: SimulatedNode, line: Line, ref: MessageRef) -> bool:
    """Tell whether who says something had received a message of the log that the node holds."""
    tree = node.logs[ref.party].tree
    size, root = dict(line.statement.received).get(ref.party, (0, b""))
    return ref.n < size <= tree.size and root == tree.root(size)


# -- the ladder -----------------------------------------------------------------------------------------


class Climbed:
    """Which steps each message of honest parties should have climbed, whenever its node looked."""

    def __init__(self) -> None:
        self.steps: dict[MessageRef, set[Step]] = {}
        self.timed_out: set[MessageRef] = set()

    def note(self, node: SimulatedNode, waits: dict[MessageRef, Waits]) -> None:
        """Note what is due at a node that looks now, before it says so."""
        now_ms = floor_ms(node.now())
        for ref, each in waits.items():
            if ref.party != node.party or each.message.type.response is Response.NONE:
                continue
            if each.state(now_ms) in (
                DialogueState.CLOSED,
                DialogueState.CORRECTED,
                DialogueState.LAPSED,
            ):
                continue
            deadlines = TIMERS.of(each.message.priority)
            waited_ms = now_ms - each.line.statement.at_ms
            is_set_back = waited_ms < -CLOCK_BACK_S * 1_000  # then nobody can tell how long it waits
            if not each.reads and not each.answers:
                due = (step for step, s in _rungs(deadlines) if is_set_back or waited_ms >= s * 1_000)
                self.steps.setdefault(ref, set()).update(due)
            if now_ms >= _answer_ms(each, deadlines) or (is_set_back and deadlines.answered_s is not None):
                self.timed_out.add(ref)

    def differs(self, node: SimulatedNode, waits: dict[MessageRef, Waits]) -> str | None:
        """Tell of what a node has said otherwise than it should have; None where all is right."""
        for ref, each in sorted(waits.items()):
            if ref.party != node.party:
                continue
            expected = [step for step in LADDER if step in self.steps.get(ref, ())]
            if sorted(each.steps, key=LADDER.index) != expected:
                words = [step.value for step in each.steps]
                return f"message {ref} climbed {words}, and {[step.value for step in expected]} were due"
            if each.time_outs != (ref in self.timed_out):
                return f"{each.time_outs} times it was said that nobody answered message {ref}"
        return None


def _rungs(deadlines: Deadlines) -> Iterator[tuple[Step, float]]:
    yield from zip(LADDER, deadlines.ladder_s, strict=False)


def _answer_ms(each: Waits, deadlines: Deadlines) -> float:
    """Return when an answer is due: a standby puts it off once."""
    if deadlines.answered_s is None:
        return float("inf")
    wait_ms, since_ms = deadlines.answered_s * 1_000, each.line.statement.at_ms
    standby = [
        (n, line.said.at_ms if isinstance(line.said, Heard) else line.statement.at_ms)
        for n, line, said, _ in each.answers
        if said.code is Code.STANDBY
    ]
    if not standby or each.message.type.response not in (Response.COMPLY, Response.AFFIRM):
        return since_ms + wait_ms
    _, at_ms = min(standby)
    return min(max(at_ms, since_ms), since_ms + wait_ms) + wait_ms
