"""Drills: what two parties exercised on the hotline, as a report that both compute from the same statements.

Every message of a drill names it, so nothing that is meant is ever mixed up with it. A report tells of each
message when it was read and answered, by the clocks of those who did; when it was delivered each side knows
by its own clock alone, so that is no part of it. Whoever ends a drill signs the check symbols of the report
as it stood in the logs then: the other side makes the report of the very same entries, and compares.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, NamedTuple

from keepclear.core.dialogues import Read, Sent, place_of, step_of
from keepclear.core.hotline import Hotline
from keepclear.core.intents import PartyId
from keepclear.core.messages import ANSWER_CODES, MESSAGES, Code, Speaker, Step
from keepclear.core.refs import MessageRef
from keepclear.core.symbols import symbols_of

REPORT_SYMBOLS: Final = 8
"""So many symbols stand for a report: 40 bits."""
ENDINGS_COMPARED_MAX: Final = 4
"""So many ends of a drill, the newest of each party, are held against the report; further ones are listed."""
EXCHANGES_COMPARED_MAX: Final = 2_000
"""Ends of a drill with more messages than that are listed, and not held against the report."""


class Role(Enum):
    """Who of the two parties says something in a drill."""

    FIRST = "first"
    """The party that starts the drill."""
    SECOND = "second"
    """The other one."""
    EITHER = "either"
    """One of the two, whichever."""


class Line(NamedTuple):
    """What a drill is to hold.

    Attributes:
        role: Who says it.
        code: What.
    """

    role: Role
    code: Code


JOINT_DRILL: Final = "joint-drill"
ALL_MESSAGES: Final = "all-messages"
SCENARIOS: Final[Mapping[str, tuple[Line, ...]]] = {
    JOINT_DRILL: (
        Line(Role.FIRST, Code.DRILL_START),
        Line(Role.SECOND, Code.ROGER),
        Line(Role.FIRST, Code.LINE_TEST),
        Line(Role.FIRST, Code.NOTICE_OPERATION),
        Line(Role.SECOND, Code.NOTICE_OPERATION),
        Line(Role.FIRST, Code.REQUEST_CONTACT),
        Line(Role.SECOND, Code.WILL_COMPLY),
        Line(Role.FIRST, Code.FLIGHT_PARAMETERS),
        Line(Role.SECOND, Code.FLIGHT_PARAMETERS),
        Line(Role.FIRST, Code.ROGER),
        Line(Role.FIRST, Code.DRILL_END),
        Line(Role.SECOND, Code.DRILL_END),
    ),
    ALL_MESSAGES: tuple(
        Line(Role.EITHER, code) for code, of in MESSAGES.items() if of.speaker is Speaker.OFFICER
    ),
}
"""Drills that are known by name. In the joint one two aircraft approach to the least distance that is
agreed, make contact on the agreed frequency and tell their flight parameters; both sides compare then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A message of a drill and what became of it.

    Attributes:
        sent: The message.
        seen: Who read it first at the party that was addressed; None for nobody.
        answer: What closed it; None where nothing did.
        stood_by: The first standby; None for none.
        steps: What its sender's node did while nobody read it, in the order of its log.
        timed_out_ms: When its sender's node said that no answer came; None where it did not.
    """

    sent: Sent
    seen: Read | None
    answer: Sent | None
    stood_by: Sent | None
    steps: tuple[tuple[Step, str | None, int], ...]
    timed_out_ms: int | None

    @property
    def seen_after_s(self) -> float | None:
        """How long it took until it was read: by the reader's clock minus the sender's; None while unread."""
        return None if self.seen is None else (self.seen.at_ms - self.sent.at_ms) / 1e3

    @property
    def answered_after_s(self) -> float | None:
        """How long it took until it was answered, by the same clocks; None while it was not."""
        return None if self.answer is None else (self.answer.at_ms - self.sent.at_ms) / 1e3

    @property
    def is_missing(self) -> bool:
        """Whether it wants an answer and has none."""
        return self.sent.wants_answer and self.answer is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """That a party ended a drill.

    Attributes:
        ref: The message that says it.
        person: Who signed it; None where it is known by voice only.
        at_ms: When, by that party's clock.
        symbols: The symbols of its report.
        is_same: Whether the report made here of the entries that it had then has these symbols; None where
            that was not looked at, because there are too many ends or messages.
    """

    ref: MessageRef
    person: str | None
    at_ms: int
    symbols: str
    is_same: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillReport:
    """What two parties exercised.

    Attributes:
        name: The drill.
        between: The two parties, sorted.
        started_by: Who started it; None where nobody said so.
        started_ms: When, by that party's clock.
        exchanges: Each message but answers and ends, sorted by the instant and then the reference number.
        said: Which party said which codes, sorted.
        endings: Who ended it, sorted by reference number; no part of what the symbols stand for.
    """

    name: str
    between: tuple[PartyId, PartyId]
    started_by: PartyId | None
    started_ms: int | None
    exchanges: tuple[Exchange, ...]
    said: tuple[tuple[PartyId, Code], ...]
    endings: tuple[Ending, ...] = ()

    @property
    def symbols(self) -> str:
        """The check symbols of what was exercised; equal statements give equal symbols."""
        return symbols_of(hashlib.sha256(_text(self).encode()).digest(), REPORT_SYMBOLS)

    @property
    def unanswered(self) -> Sequence[Exchange]:
        """The messages that want an answer and have none."""
        return [each for each in self.exchanges if each.is_missing]

    def missing(self, scenario: Iterable[Line]) -> Sequence[Line]:
        """Return what a drill was to hold and this one does not, in its order."""
        ends = ((each.ref.party, Code.DRILL_END) for each in self.endings)
        return missing_of(scenario, {*self.said, *ends}, self.between, self.started_by)


def missing_of(
    scenario: Iterable[Line],
    said: Collection[tuple[str, Code]],
    between: Sequence[str],
    started_by: str | None,
) -> Sequence[Line]:
    """Return what a drill was to hold and does not, in its order.

    Args:
        scenario: What it was to hold.
        said: Which party said which codes.
        between: The two parties.
        started_by: Who started it; None where nobody said so, and then either party will do.
    """

    def parties(role: Role) -> Sequence[str]:
        if role is Role.EITHER or started_by is None:
            return between
        return [party for party in between if (party == started_by) is (role is Role.FIRST)]

    return [line for line in scenario if not any((party, line.code) in said for party in parties(line.role))]


class Drill(NamedTuple):
    """A drill that was named.

    Attributes:
        name: Its name.
        between: The two parties, sorted.
        started_ms: When the first message of it was sent, by its sender's clock.
        is_over: Whether both parties ended it.
    """

    name: str
    between: tuple[PartyId, PartyId]
    started_ms: int
    is_over: bool


Cut = Mapping[PartyId, int]
"""How many entries of each log count."""


def drills_of(hotline: Hotline) -> Sequence[Drill]:
    """Return every drill that a message names, sorted by name and parties."""
    first_ms: dict[tuple[str, tuple[PartyId, PartyId]], int] = {}
    ended: dict[tuple[str, tuple[PartyId, PartyId]], set[PartyId]] = {}
    for sent in hotline.messages():
        if sent.message.drill is not None:
            key = sent.message.drill, _pair(sent.ref.party, sent.message.to)
            first_ms[key] = min(first_ms.get(key, sent.at_ms), sent.at_ms)
            if sent.message.code is Code.DRILL_END:
                ended.setdefault(key, set()).add(sent.ref.party)
    return [
        Drill(name, between, first_ms[name, between], len(ended.get((name, between), ())) == len(between))
        for name, between in sorted(first_ms)
    ]


def report_of(hotline: Hotline, name: str, a: str, b: str) -> DrillReport:
    """Tell what two parties exercised in a drill, as far as their logs are held here.

    Args:
        hotline: What all messages say.
        name: The drill.
        a: One of the parties.
        b: The other one.
    """
    between = _pair(PartyId(a), PartyId(b))
    messages = [each for each in hotline.messages() if _pair(each.ref.party, each.message.to) == between]
    report = _report(hotline, name, between, messages, None)
    ends = [each for each in messages if each.message.code is Code.DRILL_END and each.message.drill == name]
    compared = {
        each.ref
        for party in between
        for each in [end for end in ends if end.ref.party == party][-ENDINGS_COMPARED_MAX:]
    }

    def ending(end: Sent) -> Ending:
        symbols, is_same = str(end.message.values["report"]), None
        if end.ref in compared and len(report.exchanges) <= EXCHANGES_COMPARED_MAX:
            is_same = _report(hotline, name, between, messages, _cut_of(end)).symbols == symbols
        return Ending(ref=end.ref, person=end.person, at_ms=end.at_ms, symbols=symbols, is_same=is_same)

    return replace(report, endings=tuple(ending(each) for each in ends))


def _pair(a: PartyId, b: PartyId) -> tuple[PartyId, PartyId]:
    return (a, b) if a < b else (b, a)


def _cut_of(end: Sent) -> Cut:
    """Return what whoever ended a drill had: its own log before, and the other as it had received it."""
    received = {party: head.size for party, head in end.received}
    return {end.ref.party: end.ref.n, end.message.to: received.get(end.message.to, 0)}


def _report(
    hotline: Hotline,
    name: str,
    between: tuple[PartyId, PartyId],
    messages: Iterable[Sent],
    cut: Cut | None,
) -> DrillReport:
    """Make a report of the entries that count; None for all that are held."""
    held = [each for each in messages if cut is None or each.ref.n < cut[each.ref.party]]
    own = [each for each in held if each.message.drill == name and each.message.code is not Code.DRILL_END]
    ends = {each.ref for each in held if each.message.code is Code.DRILL_END}
    own = [each for each in own if each.message.answers not in ends]
    steps: dict[MessageRef, list[Sent]] = {}
    for each in held:
        about = each.message.values.get("about")
        if each.message.code in (Code.ESCALATED, Code.TIMED_OUT) and isinstance(about, MessageRef):
            steps.setdefault(about, []).append(each)
    asked = [
        each
        for each in own
        if each.message.type.speaker is Speaker.OFFICER and each.message.code not in ANSWER_CODES
    ]
    starts = [each for each in asked if each.message.code is Code.DRILL_START]
    first = min(starts, key=place_of, default=None)
    return DrillReport(
        name=name,
        between=between,
        started_by=None if first is None else first.ref.party,
        started_ms=None if first is None else first.at_ms,
        exchanges=tuple(
            _exchange(hotline, each, steps.get(each.ref, ()), cut) for each in sorted(asked, key=place_of)
        ),
        said=tuple(
            sorted({(each.ref.party, each.message.code) for each in own}, key=lambda s: (s[0], s[1].value))
        ),
    )


def _exchange(hotline: Hotline, sent: Sent, said: Iterable[Sent], cut: Cut | None) -> Exchange:
    dialogue = hotline.dialogue(sent.ref, sent.at_ms)  # nothing that is taken from it hangs on the time
    assert dialogue is not None, "it is held"

    def counts(n: int) -> bool:
        return cut is None or n < cut[sent.message.to]

    answer, stood_by, seen = dialogue.answer, dialogue.stood_by, dialogue.seen
    by_sender = [each for each in said if each.ref.party == sent.ref.party and each.ref.n > sent.ref.n]
    timed_out = [each.at_ms for each in by_sender if each.message.code is Code.TIMED_OUT]
    return Exchange(
        sent=sent,
        seen=seen if seen is not None and counts(seen.n) else None,
        answer=answer if answer is not None and counts(answer.ref.n) else None,
        stood_by=stood_by if stood_by is not None and counts(stood_by.ref.n) else None,
        steps=tuple(step_of(each) for each in by_sender if each.message.code is Code.ESCALATED),
        timed_out_ms=timed_out[0] if timed_out else None,
    )


def _text(report: DrillReport) -> str:
    """Return what the symbols stand for: a line each; no text of people holds a tabulator or a new line."""
    lines: list[tuple[object, ...]] = [
        ("drill", report.name, *report.between, report.started_by, report.started_ms)
    ]
    for each in report.exchanges:
        sent, seen, answer, stood_by = each.sent, each.seen, each.answer, each.stood_by
        lines.append(("sent", *_ref(sent), sent.message.code.value, sent.person, sent.at_ms))
        if seen is not None:
            lines.append(("seen", seen.person, seen.at_ms, seen.n))
        for what, reply in (("stood by", stood_by), ("answer", answer)):
            if reply is not None:
                lines.append((what, *_ref(reply), reply.message.code.value, reply.person, reply.at_ms))
        lines += [("step", step.value, called, at_ms) for step, called, at_ms in each.steps]
        if each.timed_out_ms is not None:
            lines.append(("timed out", each.timed_out_ms))
    lines += [("said", party, code.value) for party, code in report.said]
    return "".join("\t".join("" if part is None else str(part) for part in line) + "\n" for line in lines)


def _ref(sent: Sent) -> tuple[str, int]:
    return sent.ref.party, sent.ref.n
