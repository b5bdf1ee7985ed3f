"""The hotline: what became of each message, and who is on duty, as a function of all that was said.

What a dialogue is and how it goes on is in `core.dialogues`. Statements are taken in any order: equal sets of
them give equal states. Silence closes nothing: it becomes a time-out, which is said, too.

What was written down by voice counts until the entry comes that it is of, and no further than whoever wrote
it down is concerned: an answer that was heard closes one's own message, but a correction that was heard takes
nothing back, for that is the word of who sent it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from typing import Final

from keepclear.core.deeds import DutyChange
from keepclear.core.dialogues import (
    TRANSITIONS,
    Dialogue,
    DialogueEvent,
    DialogueState,
    HeardSaid,
    MachineTest,
    OnDuty,
    Place,
    Read,
    Received,
    Sent,
    is_ahead,
    place_of,
    step_of,
)
from keepclear.core.intents import PartyId
from keepclear.core.messages import (
    CLOSING,
    Code,
    Priority,
    Speaker,
    answers_to,
    closes,
)
from keepclear.core.refs import MessageRef

CHANNELS_KEPT_MAX: Final = 20
"""So many of a node's last words on a channel are kept in memory: enough to see that it says too many."""
TESTS_LOOKED_AT_MAX: Final = 50
"""So many of the last line tests between two parties are looked at for one that was answered."""
ON_DUTY_MAX_S: Final = 86_400.0
"""An officer is on duty for so long at most; then he must say again that he is."""
_INSERTED_MAX: Final = 64  # of more that are new, all are sorted again


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
        is_officer: Tells whether a key of an officer of a party counts at the end of its log.

    Attributes:
        journal: The messages of which anything was taken, in the order of taking. It only grows, so that
            whoever remembers its length finds out what is new since.
    """

    def __init__(
        self,
        had: Callable[[Received, PartyId, int], bool],
        is_read: Callable[[PartyId, int], bool] = lambda _, __: False,
        is_officer: Callable[[PartyId, str], bool] = lambda _, __: True,
    ) -> None:
        self._had, self._is_read, self._is_officer = had, is_read, is_officer
        self.journal: list[MessageRef] = []
        self._sent: dict[MessageRef, Sent] = {}
        self._voiced: dict[MessageRef, dict[tuple[PartyId, int], Sent]] = {}
        self._heard: dict[tuple[PartyId, int], HeardSaid] = {}
        self._heard_of: dict[MessageRef, list[HeardSaid]] = {}
        self._voice: dict[tuple[PartyId, PartyId], HeardSaid] = {}  # the last that one heard of another
        self._unnumbered: list[tuple[int, PartyId, int, int, HeardSaid]] = []  # when, by whom, and its hash
        self._numbered: set[int] = set()  # hashes of who said what under a number: few look, of many
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
        # Those of them that something may have settled since they were looked at, or that may be settled by
        # what shows only in how far logs are held.
        self._doubtful: set[MessageRef] = set()
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
        if sent.message.type.speaker is Speaker.OFFICER:
            self._numbered.add(hash((sent.ref.party, sent.message)))
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
            insort(self._unnumbered, (said.at_ms, said.party, said.n, hash((heard.by, heard.message)), said))
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
        self._doubtful &= self._waiting
        for ref in list(self._doubtful):
            is_settled = self._is_settled(ref)
            if is_settled:
                self._waiting.discard(ref)
            if is_settled is not None:
                self._doubtful.discard(ref)
        return sorted(self._waiting, key=lambda ref: (ref.party, ref.n))

    def _is_settled(self, ref: MessageRef) -> bool | None:
        """Tell whether a message was answered or corrected by what stays: entries of logs.

        None: it was not, and may be without anything more being said of it, by how far logs are held.
        """
        asked = self._sent.get(ref)
        if asked is None:  # what was misheard is no message
            return self._is_read(ref.party, ref.n) or None
        if not asked.wants_answer or any(not each.by_voice for each in self._corrections(asked)):
            return True  # as it was heard it may have wanted one
        closing = [
            each
            for each in self._answers(asked)
            if not each.by_voice and closes(each.message.code, asked.message.code)
        ]
        return any(self._knew(each, asked) for each in closing) or (None if closing else False)

    def dialogue(self, ref: MessageRef, now_ms: int, own: PartyId | None = None) -> Dialogue | None:
        """Tell what became of a message; None where it is not known.

        Args:
            ref: The message.
            now_ms: What time it is, milliseconds since 1970.
            own: Who asks: what others wrote down by voice as its own word is no word of it, for it knows what
                it said. None for nobody in particular: then it is the word of whoever wrote it down.
        """
        asked = self.message(ref)
        if asked is None:
            return None
        replies, claimed = list(self._replies(asked)), []
        if own == asked.message.to:
            claimed = [each for each in replies if each.by_voice]
            replies = [each for each in replies if not each.by_voice]
        closing = [each for each in replies if closes(each.message.code, asked.message.code)]
        decided = decisions(asked, closing)
        can_stand_by = Code.STANDBY in answers_to(asked.message.code)
        stood_by = [each for each in replies if can_stand_by and each.message.code is Code.STANDBY]
        corrected = list(self._corrections(asked))
        machine = [each for each in self._related(asked.ref) if _is_said_of(each, asked)]
        timed_out = [each for each in machine if each.message.code is Code.TIMED_OUT]
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
            changed=decided[-1] if len({each.message.code for each in decided}) > 1 else None,
            claimed=claimed[-1] if claimed else None,
            replies=replies,
            stood_by=stood_by[0] if stood_by else None,
            corrected_by=corrected[0] if corrected else None,
            steps=[step_of(each) for each in machine if each.message.code is Code.ESCALATED],
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
        """Yield what the party that was addressed answers, where it had the message."""
        return (each for each in self._answers(asked) if each.by_voice or self._knew(each, asked))

    def _answers(self, asked: Sent) -> Iterator[Sent]:
        """Yield what the party that was addressed says is an answer.

        What is meant is not answered by an exercise, nor the other way round.
        """
        for sent in self._related(asked.ref):
            is_answer = sent.ref.party == asked.message.to and sent.message.answers == asked.ref
            is_of_kind = bool(sent.message.drill) == bool(asked.message.drill)
            if is_answer and is_of_kind:
                yield sent

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
            Read(person=each.person or "", at_ms=each.at_ms, n=each.ref.n, stated_ms=each.stated_ms)
            for each in replies
            if not each.by_voice
        ]
        read += [
            Read(person=said.person, at_ms=said.at_ms, n=said.n, stated_ms=said.stated_ms)
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

    def heard_of(self, ref: MessageRef) -> Sequence[HeardSaid]:
        """Return what was written down by voice under a number, sorted by party and entry."""
        return sorted(self._heard_of.get(ref, []), key=lambda said: (said.party, said.n))

    def last_heard(self, party: str, of: str) -> HeardSaid | None:
        """Return what a party wrote down last of what another read out; None for nothing."""
        return self._voice.get((PartyId(party), PartyId(of)))

    def unnumbered(self) -> Sequence[HeardSaid]:
        """Return what was written down by voice without its number, the newest at the end.

        Whatever has come in the meantime, as an entry or with its number, and says the same, is left out.
        """
        return [said for *_, said_hash, said in self._unnumbered if said_hash not in self._numbered]

    def on_duty(self, party: str, now_ms: int) -> Sequence[OnDuty]:
        """Return who is on duty at a party, the one who came first at the front.

        Whoever said so longer ago than `ON_DUTY_MAX_S`, or has no key any more that counts, is not.

        Args:
            party: The party.
            now_ms: What time it is, milliseconds since 1970.
        """
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
            and abs(now_ms - at_ms) <= ON_DUTY_MAX_S * 1e3
            and self._is_officer(PartyId(party), person)
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

    def human_test(self, own: str, peer: str, now_ms: int) -> Dialogue | None:
        """Return the last line test or handover between two parties that was answered; None for none.

        What the peer wrote down by voice as an answer of the party that asks does not count: it could claim
        that alone. What was tested ahead of the clock shows nothing of now.

        Args:
            own: The party that asks.
            peer: The other.
            now_ms: What time it is, milliseconds since 1970.
        """
        passed = []
        for by, to in ((own, peer), (peer, own)):
            for test in self._last_tests(self._line_tests, by, to):
                dialogue = self.dialogue(test.ref, now_ms, PartyId(own))
                if dialogue is None or dialogue.answer is None:
                    continue
                if not is_ahead(line_tested_ms(dialogue), now_ms):
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


def decisions(asked: Sent, replies: Sequence[Sent]) -> Sequence[Sent]:
    """Return the replies that say yes, no or roger to a message: a report takes none of them back."""
    codes = CLOSING[asked.message.type.response]
    return [each for each in replies if each.message.code in codes]


def _is_later(sent: Sent, asked: Sent) -> bool:
    return sent.ref.party == asked.ref.party and sent.ref.n > asked.ref.n


def _is_said_of(sent: Sent, asked: Sent) -> bool:
    """Tell whether the node of who asked says something of it by itself."""
    is_machine = sent.message.code in (Code.ESCALATED, Code.TIMED_OUT)
    return is_machine and not sent.by_voice and _is_later(sent, asked) and _is_about(sent, asked)


def _is_about(sent: Sent, asked: Sent) -> bool:
    # It may be looked at only because somebody wrote down something else under its number.
    return sent.message.values.get("about") == asked.ref
