"""Talk: what a node says by itself, when, to whom, once only, and after a start as before it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from keepclear.codec import agreements
from keepclear.core.agreements import Agreement, Minima, Terms, Timers, digest
from keepclear.core.channel import (
    CHANNEL_SETTLED_S,
    CUT_AFTER_S,
    MACHINE_TEST_ANSWER_S,
    MACHINE_TEST_EVERY_S,
    MACHINE_TEST_RETRY_S,
    ChannelReason,
    ChannelView,
    LinkCondition,
    LinkFacts,
)
from keepclear.core.conflicts import Buffer
from keepclear.core.deeds import (
    AgreementAnswer,
    AgreementProposal,
    DutyChange,
    Heard,
    LineChange,
    MessagesSeen,
)
from keepclear.core.dialogues import Dialogue, DialogueState, OnDuty, Sent
from keepclear.core.escalation import Deadlines, HotlineTimers
from keepclear.core.intents import PartyId
from keepclear.core.messages import (
    MESSAGES,
    PERSON_CHARACTERS_MAX,
    ChannelState,
    Code,
    Message,
    Nature,
    Position,
    Priority,
    Step,
    Value,
)
from keepclear.core.refs import MessageRef
from keepclear.core.times import floor_ms
from keepclear.node import talk as talk_module
from keepclear.node.logs import Logs
from keepclear.node.outcomes import RefusedError
from keepclear.node.talk import TEST_ANSWERED_EVERY_S, TOLD_MAX, Talk, Told, called, speak, timers_between
from tests.node.parties import NOON, Party, exchange, give, paired, proving_of

UP = LinkFacts(condition=LinkCondition.UP, unheard_s=1.0, watched_s=1_000.0)
CUT = LinkFacts(condition=LinkCondition.CUT, unheard_s=70.0, watched_s=1_000.0)
STARTING = LinkFacts(condition=LinkCondition.CUT, unheard_s=None, watched_s=5.0)
ALPHA, BRAVO = PartyId("alpha"), PartyId("bravo")


class Talker:
    """A party whose node says things by itself."""

    def __init__(self, party: Party, links: dict[PartyId, LinkFacts]) -> None:
        self.party, self.links, self.talk = party, links, Talk()

    def tick(self) -> list[Message]:
        """Have the node say what is due; return it."""
        told = self.party.do(lambda declaring: speak(declaring, self.talk, self.links))
        assert isinstance(told, Told)
        return [self.sent(ref).message for ref in told.refs]

    def sent(self, ref: MessageRef) -> Sent:
        assert self.party.bench.logs is not None
        sent = self.party.bench.logs.ledger.hotline.message(ref)
        assert sent is not None
        return sent

    def later(self, seconds: float) -> None:
        self.party.now += timedelta(seconds=seconds)

    def restart(self) -> None:
        self.party.restart()
        self.talk = Talk()

    def view(self, peer: PartyId, link: LinkFacts | None) -> ChannelView:
        logs = self.party.bench.logs
        assert logs is not None
        return self.talk.channel(logs, peer, link, round(self.party.now.timestamp() * 1e3))

    def became(self, ref: MessageRef) -> Dialogue:
        assert self.party.bench.logs is not None
        now_ms = round(self.party.now.timestamp() * 1e3)
        dialogue = self.party.bench.logs.ledger.hotline.dialogue(ref, now_ms)
        assert dialogue is not None
        return dialogue

    def say(self, message: Message) -> MessageRef:
        """Have an officer send a message."""
        self.party.say(message)
        return MessageRef(party=self.party.name, n=self.party.size(self.party) - 1)


@pytest.fixture
def pair() -> tuple[Talker, Talker]:
    """Return two parties that know each other, and are not linked."""
    alpha, bravo = paired("alpha", "bravo")
    exchange(alpha, bravo)
    return Talker(alpha, {}), Talker(bravo, {})


@pytest.fixture
def linked(pair: tuple[Talker, Talker]) -> tuple[Talker, Talker]:
    """Return two parties that are linked, each with two officers on duty and everything tested."""
    alpha, bravo = pair
    alpha.links[BRAVO] = bravo.links[ALPHA] = UP
    for each in pair:
        each.party.say(DutyChange(is_on=True))
    asked = alpha.say(message(Code.LINE_TEST, BRAVO))
    exchange(alpha.party, bravo.party)
    bravo.party.say(message(Code.ROGER, ALPHA, answers=asked))
    return pair


def message(code: Code, to: PartyId, **given: Any) -> Message:
    values: dict[str, Value] = given.pop("values", {})
    given.setdefault("priority", MESSAGES[code].priority)
    given.setdefault("valid_until_ms", floor_ms(NOON) + 20 * 86_400_000)
    return Message(code=code, to=to, fields=tuple(values.items()), **given)


def distress(to: PartyId = BRAVO, **given: Any) -> Message:
    at = Position(latitude_e5=3_540_000, longitude_e5=3_590_000)
    return message(Code.DISTRESS, to, values={"call_sign": "K7", "nature": Nature.FIRE, "at": at}, **given)


def steps_of(said: Sequence[Message]) -> list[tuple[object, object]]:
    return [(each.values["step"], each.values.get("called")) for each in said if each.code is Code.ESCALATED]


def codes(said: Sequence[Message]) -> list[Code]:
    return [each.code for each in said]


def settle(one: Talker, other: Talker) -> None:
    """Let both say what is due and hear it, until they have nothing more to say."""
    for _ in range(8):
        said = [*one.tick(), *other.tick()]
        exchange(one.party, other.party)
        if not said:
            return
    raise AssertionError("they never come to an end")


# -- the ladder ------------------------------------------------------------------------------------------


def test_a_message_that_nobody_reads_climbs_the_ladder_by_the_clock_of_its_node(
    pair: tuple[Talker, Talker],
) -> None:
    alpha, _ = pair
    asked = alpha.say(distress())
    climbed = []
    for _ in range(26):
        alpha.later(5.0)
        for each in alpha.tick():
            climbed.append((each.values.get("step"), each.code))
            assert each.values["about"] == asked
            assert (each.priority, each.to) == (Priority.DISTRESS, BRAVO), "everybody may help"
    # The time-out of a minute stands between the steps.
    assert [step for step, code in climbed if code is Code.ESCALATED] == list(Step)
    assert [code for _, code in climbed].count(Code.TIMED_OUT) == 1
    alpha.later(10_000.0)
    assert alpha.tick() == []
    assert alpha.became(asked).state is DialogueState.TIMED_OUT


def test_the_ladder_names_who_is_on_duty_there(pair: tuple[Talker, Talker]) -> None:
    alpha, bravo = pair
    for is_senior in (False, True):
        bravo.party.say(DutyChange(is_on=True, is_senior=is_senior))
    exchange(alpha.party, bravo.party)
    alpha.say(distress())
    alpha.later(120.0)
    assert steps_of(alpha.tick()) == [
        (Step.SECOND_PATH, None),
        (Step.TELEPHONE, "Ann"),
        (Step.NEXT_OFFICER, None),
        (Step.SENIOR, "Ann"),
        (Step.THIRD_PARTY, None),
    ]


def test_each_step_calls_whom_it_names() -> None:
    roster = [
        OnDuty(party=BRAVO, person=person, is_senior=person == "Zoe", telephone="", since_ms=0, n=n)
        for n, person in enumerate(["Sami", "Rim", "Zoe"])
    ]
    assert [called(step, roster) for step in Step] == [None, "Sami", "Rim", "Zoe", None]
    assert [called(step, []) for step in Step] == [None] * 5
    long = [replace(roster[0], person="x" * 200)]
    assert called(Step.TELEPHONE, long) == "x" * PERSON_CHARACTERS_MAX, "no name stops the ladder"


def test_once_somebody_has_read_the_ladder_ends_and_the_answer_is_waited_for(
    pair: tuple[Talker, Talker],
) -> None:
    alpha, bravo = pair
    asked = alpha.say(distress())
    alpha.later(20.0)
    assert steps_of(alpha.tick()) == [(Step.SECOND_PATH, None)]
    exchange(alpha.party, bravo.party)
    bravo.party.say(MessagesSeen(messages=(asked,)))
    exchange(alpha.party, bravo.party)
    alpha.later(1_000.0)
    assert codes(alpha.tick()) == [Code.TIMED_OUT]


def test_an_answer_ends_everything(pair: tuple[Talker, Talker]) -> None:
    alpha, bravo = pair
    asked = alpha.say(distress())
    exchange(alpha.party, bravo.party)
    bravo.party.say(message(Code.ROGER, ALPHA, answers=asked, priority=Priority.DISTRESS))
    exchange(alpha.party, bravo.party)
    alpha.later(10_000.0)
    assert alpha.tick() == []


def test_a_node_climbs_only_for_messages_of_its_own_party(pair: tuple[Talker, Talker]) -> None:
    alpha, bravo = pair
    alpha.say(distress())
    exchange(alpha.party, bravo.party)
    bravo.later(10_000.0)
    assert bravo.tick() == []


def test_what_was_heard_by_voice_is_not_climbed_for(pair: tuple[Talker, Talker]) -> None:
    alpha, bravo = pair
    bravo.party.say(Heard(by=ALPHA, n=40, at_ms=0, message=distress()))
    exchange(alpha.party, bravo.party)
    alpha.later(10_000.0)
    assert alpha.tick() == []


def test_an_exercise_climbs_as_an_exercise(pair: tuple[Talker, Talker]) -> None:
    alpha, _ = pair
    alpha.say(distress(drill="spring"))
    alpha.later(120.0)
    assert {each.drill for each in alpha.tick()} == {"spring"}


def test_a_node_that_was_down_takes_the_steps_that_are_due_when_it_is_up_again(
    pair: tuple[Talker, Talker],
) -> None:
    alpha, _ = pair
    alpha.say(distress())
    alpha.later(16.0)
    assert len(alpha.tick()) == 1
    alpha.restart()
    assert alpha.tick() == [], "said before the start, and not again"
    alpha.later(100_000.0)
    alpha.restart()
    assert [step for step, _ in steps_of(alpha.tick())] == list(Step)[1:]
    alpha.restart()
    assert alpha.tick() == []


def test_a_clock_that_is_set_back_repeats_nothing(pair: tuple[Talker, Talker]) -> None:
    alpha, _ = pair
    alpha.say(distress())
    alpha.later(60.0)
    assert len(alpha.tick()) == 4
    alpha.later(-50.0)
    assert alpha.tick() == []
    alpha.later(50.0)
    assert alpha.tick() == []
    alpha.later(30.0)
    assert steps_of(alpha.tick()) == [(Step.SENIOR, None)]


def test_what_was_agreed_decides_when_steps_are_taken(pair: tuple[Talker, Talker]) -> None:
    alpha, bravo = pair
    asked = alpha.say(distress())
    alpha.later(5.0)
    assert alpha.tick() == []
    quick = Deadlines(delivered_s=2.0, seen_s=3.0, answered_s=4.0, ladder_s=(2.0, 3.0))
    agree(alpha, bravo, HotlineTimers(distress=quick))
    assert [step for step, _ in steps_of(alpha.tick())] == list(Step)[:2]
    alpha.later(10_000.0)
    assert alpha.tick() == []
    assert alpha.became(asked).state is DialogueState.TIMED_OUT


def agree(alpha: Talker, bravo: Talker, timers: HotlineTimers | None = None) -> None:
    agreement = Agreement(
        version=1,
        terms=(Terms(party=ALPHA), Terms(party=BRAVO)),
        minima=Minima(lateral_m=5_556.0, vertical_m=914.4),
        buffer=Buffer(lateral_m=500.0, vertical_m=100.0, time_s=60.0),
        timers=Timers(seen_s=120.0, answered_s=300.0),
        hotline=timers or HotlineTimers(),
    )
    text = agreements.encode(agreement)
    alpha.party.say(AgreementProposal(text=text))
    exchange(alpha.party, bravo.party)
    bravo.party.say(AgreementAnswer(digest=digest(text), is_accepted=True))
    exchange(alpha.party, bravo.party)
    logs = alpha.party.bench.logs
    assert logs is not None
    assert timers_between(logs.ledger, BRAVO, ALPHA) == agreement.hotline


def test_while_nothing_may_be_signed_nothing_is_said_and_nothing_is_forgotten(
    pair: tuple[Talker, Talker],
) -> None:
    alpha, _ = pair
    alpha.say(distress())
    logs = alpha.party.bench.logs
    assert logs is not None
    logs.silence = "a backup was put in place"
    alpha.later(60.0)
    assert alpha.tick() == []
    logs.silence = None
    assert len(alpha.tick()) == 4


def test_of_very_much_that_is_due_the_most_urgent_is_said_first(pair: tuple[Talker, Talker]) -> None:
    alpha, _ = pair
    for _ in range(20):
        alpha.say(message(Code.LINE_TEST, BRAVO, priority=Priority.SAFETY))
    asked = alpha.say(distress())
    alpha.later(1_000.0)
    first = alpha.tick()
    assert len(first) == TOLD_MAX
    assert all(each.values["about"] == asked for each in first[:6])
    rest = list(itertools.chain.from_iterable(alpha.tick() for _ in range(3)))
    assert len(first) + len(rest) == 21 * 6
    assert len({(each.code, each.fields) for each in [*first, *rest]}) == 21 * 6


def test_many_old_messages_are_looked_at_in_turns(
    pair: tuple[Talker, Talker], monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha, _ = pair
    monkeypatch.setattr(talk_module, "LOOKED_AT_MAX", 3)
    for _ in range(5):
        alpha.say(message(Code.LINE_TEST, BRAVO, priority=Priority.SAFETY))
    alpha.later(30.0)
    alpha.restart()
    alpha.links[BRAVO] = UP
    said = [codes(alpha.tick()) for _ in range(6)]
    assert said[0] == [Code.ESCALATED] * 3 + [Code.MACHINE_TEST]
    everything = list(itertools.chain.from_iterable(said))
    assert everything.count(Code.ESCALATED) == 5
    assert everything[-1] is Code.CHANNEL, "not before all was looked at"


# -- tests of the channel --------------------------------------------------------------------------------


def test_nodes_test_the_channel_when_they_are_linked_and_every_hour(linked: tuple[Talker, Talker]) -> None:
    alpha, bravo = linked
    assert codes(alpha.tick()) == [Code.MACHINE_TEST, Code.CHANNEL]
    exchange(alpha.party, bravo.party)
    assert codes(bravo.tick())[:2] == [Code.MACHINE_TEST_ANSWER, Code.MACHINE_TEST]
    settle(alpha, bravo)
    alpha.later(MACHINE_TEST_EVERY_S - 60.0)
    assert Code.MACHINE_TEST not in codes(alpha.tick())
    alpha.later(60.0)
    assert codes(alpha.tick()).count(Code.MACHINE_TEST) == 1
    assert Code.MACHINE_TEST not in codes(alpha.tick())


def test_a_test_is_answered_once_also_after_a_start(linked: tuple[Talker, Talker]) -> None:
    alpha, bravo = linked
    alpha.tick()
    give(alpha.party, bravo.party)
    assert codes(bravo.tick()).count(Code.MACHINE_TEST_ANSWER) == 1
    bravo.restart()
    assert Code.MACHINE_TEST_ANSWER not in codes(bravo.tick())


def test_a_peer_that_tests_without_end_does_not_fill_the_log(linked: tuple[Talker, Talker]) -> None:
    alpha, bravo = linked
    settle(alpha, bravo)
    answers = 0
    for _ in range(40):
        test = message(Code.MACHINE_TEST, BRAVO)
        alpha.party.do(lambda declaring, said=test: proving_of(declaring).say_message(said))  # type: ignore[misc]
        give(alpha.party, bravo.party)
        bravo.later(1.0)
        answers += codes(bravo.tick()).count(Code.MACHINE_TEST_ANSWER)
    assert answers <= 40 / TEST_ANSWERED_EVERY_S + 1


def test_a_test_that_nobody_answers_is_made_again_and_degrades_the_channel(
    linked: tuple[Talker, Talker],
) -> None:
    alpha, _ = linked
    alpha.tick()
    alpha.later(MACHINE_TEST_ANSWER_S)
    assert ChannelReason.MACHINE_TEST_FAILED in alpha.view(BRAVO, UP).reasons
    alpha.later(MACHINE_TEST_RETRY_S - MACHINE_TEST_ANSWER_S)
    assert Code.MACHINE_TEST in codes(alpha.tick())


def test_nothing_is_said_of_a_channel_to_who_has_no_link(pair: tuple[Talker, Talker]) -> None:
    alpha, _ = pair
    alpha.later(100_000.0)
    assert alpha.tick() == []


# -- how the channel is ----------------------------------------------------------------------------------


def said_of(talker: Talker, peer: PartyId) -> ChannelState | None:
    assert talker.party.bench.logs is not None
    sent = talker.party.bench.logs.ledger.hotline.channel(talker.party.name, peer)
    state = None if sent is None else sent.message.values["state"]
    assert state is None or isinstance(state, ChannelState)
    return state


def cut(alpha: Talker, bravo: Talker) -> None:
    alpha.links[BRAVO] = bravo.links[ALPHA] = CUT


def mend(alpha: Talker, bravo: Talker) -> None:
    alpha.links[BRAVO] = bravo.links[ALPHA] = UP


def test_a_node_says_how_the_channel_is_when_that_changes(linked: tuple[Talker, Talker]) -> None:
    alpha, bravo = linked
    settle(alpha, bravo)
    assert said_of(alpha, BRAVO) is ChannelState.DEGRADED
    cut(alpha, bravo)
    (down,) = alpha.tick()
    assert (down.code, down.priority) == (Code.CHANNEL, Priority.SAFETY), "it changes gaps: all may know"
    assert said_of(alpha, BRAVO) is ChannelState.DOWN
    alpha.later(10_000.0)
    assert alpha.tick() == []


def test_when_the_link_comes_up_again_it_is_tested_before_the_channel_is_better(
    linked: tuple[Talker, Talker],
) -> None:
    alpha, bravo = linked
    settle(alpha, bravo)
    cut(alpha, bravo)
    alpha.tick()
    mend(alpha, bravo)
    assert codes(alpha.tick()) == [Code.MACHINE_TEST]
    assert ChannelReason.MACHINE_TEST_DUE in alpha.view(BRAVO, UP).reasons
    alpha.restart()
    assert alpha.tick() == [], "tested, and too early for a better word"
    alpha.later(CHANNEL_SETTLED_S)
    assert codes(alpha.tick()) == [Code.CHANNEL]


def test_a_node_that_was_just_started_does_not_take_a_peer_for_lost(linked: tuple[Talker, Talker]) -> None:
    alpha, bravo = linked
    settle(alpha, bravo)
    alpha.restart()
    alpha.links[BRAVO] = STARTING
    assert alpha.tick() == []
    assert alpha.view(BRAVO, STARTING).state is ChannelState.UNKNOWN
    alpha.links[BRAVO] = replace(STARTING, watched_s=CUT_AFTER_S)
    assert said_of(alpha, BRAVO) is not ChannelState.DOWN
    assert codes(alpha.tick()) == [Code.CHANNEL]
    assert said_of(alpha, BRAVO) is ChannelState.DOWN


def test_both_sides_see_that_a_message_is_late(linked: tuple[Talker, Talker]) -> None:
    alpha, bravo = linked
    settle(alpha, bravo)
    asked = alpha.say(distress())
    exchange(alpha.party, bravo.party)
    for each, peer in ((alpha, BRAVO), (bravo, ALPHA)):
        each.later(29.0)
        assert ChannelReason.MESSAGES_LATE not in each.view(peer, UP).reasons
        each.later(1.0)
        assert ChannelReason.MESSAGES_LATE in each.view(peer, UP).reasons
    bravo.party.say(message(Code.ROGER, ALPHA, answers=asked, priority=Priority.DISTRESS))
    exchange(alpha.party, bravo.party)
    for each, peer in ((alpha, BRAVO), (bravo, ALPHA)):
        assert ChannelReason.MESSAGES_LATE not in each.view(peer, UP).reasons


def test_a_channel_says_what_is_missing(linked: tuple[Talker, Talker]) -> None:
    alpha, bravo = linked
    settle(alpha, bravo)
    assert alpha.view(BRAVO, UP) == (
        ChannelState.DEGRADED,
        (ChannelReason.ROSTER_THIN_HERE, ChannelReason.ROSTER_THIN_THERE),
    )
    bravo.party.say(LineChange(peer=ALPHA, is_hold=True, reason="on orders"))
    exchange(alpha.party, bravo.party)
    assert alpha.view(BRAVO, UP).state is ChannelState.HOLD
    assert ChannelReason.HELD_BY_THEM in alpha.view(BRAVO, CUT).reasons
    assert alpha.view(BRAVO, CUT).state is ChannelState.DOWN


# -- the fallback ----------------------------------------------------------------------------------------


def gap_of(talker: Talker) -> Buffer:
    assert talker.party.bench.logs is not None
    return talker.party.bench.logs.ledger.agreed_gaps()[ALPHA, BRAVO]


def test_gaps_widen_once_either_node_says_that_the_channel_is_down_and_narrow_when_neither_does(
    linked: tuple[Talker, Talker],
) -> None:
    alpha, bravo = linked
    settle(alpha, bravo)
    agree(alpha, bravo)
    assert gap_of(alpha).lateral_m == 500.0
    cut(alpha, bravo)
    alpha.tick()
    assert gap_of(alpha) == Buffer(lateral_m=1_000.0, vertical_m=200.0, time_s=240.0)
    assert gap_of(bravo).lateral_m == 500.0, "it has not said so nor heard of it yet"
    bravo.tick()
    assert gap_of(bravo).lateral_m == 1_000.0
    mend(alpha, bravo)
    exchange(alpha.party, bravo.party)
    settle(alpha, bravo)
    for each in (alpha, bravo):
        each.later(CHANNEL_SETTLED_S)
    alpha.tick()
    exchange(alpha.party, bravo.party)
    assert gap_of(alpha).lateral_m == gap_of(bravo).lateral_m == 1_000.0, "one still says so"
    bravo.tick()
    exchange(alpha.party, bravo.party)
    assert gap_of(alpha).lateral_m == gap_of(bravo).lateral_m == 500.0


# -- while the line is held ------------------------------------------------------------------------------


def text(**given: Any) -> Message:
    return message(Code.FREE_TEXT, BRAVO, values={"text": "hello"}, **given)


@pytest.mark.parametrize("by", ["alpha", "bravo"])
def test_while_either_side_holds_the_line_talk_is_refused_at_both(
    pair: tuple[Talker, Talker], by: str
) -> None:
    alpha, bravo = pair
    holder, peer = (alpha, BRAVO) if by == "alpha" else (bravo, ALPHA)
    asked = alpha.say(text())
    exchange(alpha.party, bravo.party)
    holder.party.say(LineChange(peer=peer, is_hold=True, reason="on orders"))
    exchange(alpha.party, bravo.party)
    with pytest.raises(
        RefusedError, match=r"on hold: the dialogue with 'bravo' is suspended; what goes on is"
    ):
        alpha.say(text())
    alpha.say(distress())
    alpha.say(text(priority=Priority.DISTRESS))
    alpha.say(text(corrects=asked))
    bravo.party.say(message(Code.ROGER, ALPHA, answers=asked))
    bravo.party.say(MessagesSeen(messages=(asked,)))
    bravo.party.say(DutyChange(is_on=True))
    bravo.say(message(Code.LINE_TEST, ALPHA))
    alpha.say(message(Code.REQUEST_RESUME, BRAVO))
    holder.party.say(LineChange(peer=peer, is_hold=False))
    exchange(alpha.party, bravo.party)
    alpha.say(text())


def test_what_a_peer_sends_although_the_line_is_held_is_recorded(pair: tuple[Talker, Talker]) -> None:
    alpha, bravo = pair
    bravo.party.say(LineChange(peer=ALPHA, is_hold=True, reason="on orders"))
    said = alpha.say(text())  # it has not heard of it
    exchange(alpha.party, bravo.party)
    assert bravo.sent(said).message == text()
    bravo.restart()
    assert bravo.sent(said).message == text()


# -- a contact who is away -------------------------------------------------------------------------------


@pytest.mark.parametrize("seen_after_s", [None, 70.0])
def test_when_the_usual_contact_is_away_another_officer_or_the_top_of_the_ladder_is_reached_in_two_minutes(
    linked: tuple[Talker, Talker], seen_after_s: float | None
) -> None:
    """In 2016 a caller hung up because the contact was away; it took 27 minutes to get through."""
    alpha, bravo = linked
    settle(alpha, bravo)
    asked = alpha.say(distress())
    waited_s = 0.0
    while waited_s < 120.0:
        for each in (alpha, bravo):
            each.later(1.0)
        waited_s += 1.0
        alpha.tick()
        exchange(alpha.party, bravo.party)
        if waited_s == seen_after_s:  # whoever is called next reads it: any officer may
            bravo.party.say(MessagesSeen(messages=(asked,)))
            exchange(alpha.party, bravo.party)
    dialogue = alpha.became(asked)
    steps = [step for step, _, _ in dialogue.steps]
    if seen_after_s is None:
        assert steps == list(Step)
    else:
        assert steps == [Step.SECOND_PATH, Step.TELEPHONE, Step.NEXT_OFFICER]
        assert dialogue.seen is not None
    assert bravo.became(asked).steps == dialogue.steps, "both sides see what was done"


# -- a clock that was set back, and what must not stick ---------------------------------------------------


def test_the_ladder_goes_on_where_the_clock_is_set_back(linked: tuple[Talker, Talker]) -> None:
    alpha, _ = linked
    alpha.tick()
    alpha.later(3_600.0)
    asked = alpha.say(distress())
    alpha.later(-3_595.0)
    assert [step for step, _ in steps_of(alpha.tick())] == list(Step)
    assert alpha.became(asked).timed_out_ms is not None
    assert ChannelReason.MESSAGES_LATE in alpha.view(BRAVO, UP).reasons
    assert steps_of(alpha.tick()) == [], "each once"


def test_tests_from_ahead_of_the_clock_count_as_never_made(linked: tuple[Talker, Talker]) -> None:
    alpha, bravo = linked
    for each in linked:
        each.later(86_400.0)
    asked = alpha.say(message(Code.LINE_TEST, BRAVO))
    exchange(alpha.party, bravo.party)
    bravo.party.say(message(Code.ROGER, ALPHA, answers=asked))
    settle(alpha, bravo)
    due = {ChannelReason.MACHINE_TEST_DUE, ChannelReason.HUMAN_TEST_DUE}
    assert not due & set(alpha.view(BRAVO, UP).reasons)
    alpha.later(-70_000.0)
    assert due & set(alpha.view(BRAVO, UP).reasons) == {ChannelReason.MACHINE_TEST_DUE}, "the first line test"
    assert Code.MACHINE_TEST in codes(alpha.tick())


def test_a_drill_that_nobody_answers_leaves_the_channel_as_it_is(linked: tuple[Talker, Talker]) -> None:
    alpha, bravo = linked
    settle(alpha, bravo)
    alpha.say(distress(drill="winter"))
    alpha.later(100.0)
    assert steps_of(alpha.tick()) != [], "it climbs all the same"
    assert ChannelReason.MESSAGES_LATE not in alpha.view(BRAVO, UP).reasons


def test_what_turns_out_to_want_no_answer_is_late_no_more(linked: tuple[Talker, Talker]) -> None:
    alpha, bravo = linked
    settle(alpha, bravo)
    asked = message(Code.REQUEST_RESUME, ALPHA, priority=Priority.SAFETY)
    n = bravo.party.size(bravo.party)
    alpha.party.say(Heard(by=BRAVO, n=n, at_ms=floor_ms(alpha.party.now), message=asked))
    alpha.later(400.0)
    alpha.tick()
    assert ChannelReason.MESSAGES_LATE in alpha.view(BRAVO, UP).reasons
    bravo.say(message(Code.FREE_TEXT, ALPHA, values={"text": "hello"}))
    exchange(alpha.party, bravo.party)
    assert ChannelReason.MESSAGES_LATE not in alpha.view(BRAVO, UP).reasons


def test_a_channel_is_not_called_open_while_messages_were_not_looked_at(
    linked: tuple[Talker, Talker], monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha, bravo = linked
    settle(alpha, bravo)
    for k in range(7):
        alpha.say(message(Code.FREE_TEXT, BRAVO, values={"text": str(k)}))
    alpha.talk = Talk()
    monkeypatch.setattr(talk_module, "LOOKED_AT_MAX", 3)
    found = [ChannelReason.MESSAGES_NOT_CHECKED in alpha.view(BRAVO, UP).reasons for _ in range(3)]
    assert found == [True, True, False]


def logs_of(talker: Talker) -> Logs:
    assert talker.party.bench.logs is not None
    return talker.party.bench.logs


def test_an_officer_without_a_key_is_on_duty_no_more(linked: tuple[Talker, Talker]) -> None:
    alpha, bravo = linked
    exchange(alpha.party, bravo.party)
    now_ms = floor_ms(alpha.party.now)
    assert [each.person for each in logs_of(bravo).ledger.hotline.on_duty(ALPHA, now_ms)] == ["Ann"]
    alpha.party.revoke(alpha.party.officer_key)
    exchange(alpha.party, bravo.party)
    for each in linked:
        assert logs_of(each).ledger.hotline.on_duty(ALPHA, now_ms) == []
    assert ChannelReason.NOBODY_ON_DUTY_HERE in alpha.view(BRAVO, UP).reasons
