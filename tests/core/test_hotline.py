"""The hotline: the table, what becomes of messages, voice, duty, tests of the line; equal for equal logs."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.channel import WORST, ChannelReason
from keepclear.core.deeds import DutyChange, Heard
from keepclear.core.dialogues import (
    TRANSITIONS,
    WHO,
    Dialogue,
    DialogueEvent,
    DialogueState,
    Sent,
    place_of,
    table_markdown,
)
from keepclear.core.escalation import HotlineTimers
from keepclear.core.hotline import (
    CHANNELS_KEPT_MAX,
    ON_DUTY_MAX_S,
    TESTS_LOOKED_AT_MAX,
    Hotline,
    line_tested_ms,
)
from keepclear.core.messages import (
    CallResult,
    ChannelState,
    Code,
    Message,
    Nature,
    Position,
    Priority,
    Reason,
    Response,
    Speaker,
    Step,
    closes,
)
from keepclear.core.refs import MessageRef
from tests.core.hotlines import (
    HOUR_MS,
    NORTH,
    RELIEF,
    SOUTH,
    T0,
    Entry,
    Logs,
    asks,
    message,
    ref,
    sent_of,
    take,
    text,
)

OPEN, STANDBY, TIMED_OUT = DialogueState.OPEN, DialogueState.STANDBY, DialogueState.TIMED_OUT
CLOSED, CORRECTED, LAPSED = DialogueState.CLOSED, DialogueState.CORRECTED, DialogueState.LAPSED


def will_comply(asked: MessageRef, to: str = NORTH, **given: object) -> Message:
    return message(Code.WILL_COMPLY, to, answers=asked, **given)


def standby(asked: MessageRef, to: str = NORTH) -> Message:
    return message(Code.STANDBY, to, answers=asked)


def timed_out(asked: MessageRef, to: str = SOUTH) -> Message:
    return message(Code.TIMED_OUT, to, values={"about": asked})


def escalated(asked: MessageRef, step: Step, called: str | None = None) -> Message:
    values = {"about": asked, "step": step} | ({} if called is None else {"called": called})
    return message(Code.ESCALATED, values=values)


def heard(by: str, n: int | None, said: Message, at_ms: int = T0) -> Heard:
    return Heard(by=by, n=n, at_ms=at_ms, message=said)  # type: ignore[arg-type]


def distress(to: str = SOUTH, call_sign: str = "RELIEF1") -> Message:
    at = Position(latitude_e5=3_540_000, longitude_e5=3_590_000)
    return message(Code.DISTRESS, to, values={"call_sign": call_sign, "nature": Nature.ENGINE, "at": at})


def became(logs: Logs, asked: MessageRef, now_ms: int = T0, order: Sequence[str] | None = None) -> Dialogue:
    dialogue = logs.hotline(order).dialogue(asked, now_ms)
    assert dialogue is not None
    return dialogue


# -- the table --------------------------------------------------------------------------------------


def test_every_event_leads_somewhere_from_every_state() -> None:
    assert set(TRANSITIONS) == set(itertools.product(DialogueState, DialogueEvent))
    assert set(WHO) == set(DialogueEvent)


def test_steps_can_be_swapped_and_repeated() -> None:
    for state in DialogueState:
        for first, second in itertools.product(DialogueEvent, repeat=2):
            one = TRANSITIONS[TRANSITIONS[state, first], second]
            assert one is TRANSITIONS[TRANSITIONS[state, second], first], (state, first, second)
        for event in DialogueEvent:
            there = TRANSITIONS[state, event]
            assert TRANSITIONS[there, event] is there


def test_only_an_answer_closes() -> None:
    leading = {event for (state, event), then in TRANSITIONS.items() if then is CLOSED is not state}
    assert leading == {DialogueEvent.ANSWER}


def test_what_was_answered_stays_so_unless_it_is_corrected() -> None:
    assert {TRANSITIONS[CLOSED, event] for event in DialogueEvent} == {CLOSED, CORRECTED}
    assert {TRANSITIONS[CORRECTED, event] for event in DialogueEvent} == {CORRECTED}


def test_the_table_is_drawn_from_itself() -> None:
    lines = table_markdown().splitlines()
    assert lines[:3] == [
        "| From | stand by | answer | time out | correct | lapse |",
        "|---|---|---|---|---|---|",
        "| `open` | `standby` | `closed` | `timed_out` | `corrected` | `lapsed` |",
    ]
    assert len(lines) == 2 + len(DialogueState) + 3 + len(DialogueEvent)


def test_the_page_shows_the_table_the_ladder_and_every_reason() -> None:
    page = (Path(__file__).parents[2] / "docs" / "explanation" / "hotline.md").read_text(encoding="utf-8")
    assert table_markdown() in page
    for reason in ChannelReason:
        assert f"| `{reason.value}` | {WORST[reason].name} |" in page
    for priority in Priority:
        times = [f"{after_s:,.0f} s" for after_s in HotlineTimers().of(priority).ladder_s]
        (row,) = [line for line in page.splitlines() if line.startswith(f"| {priority.value} |")]
        assert row.rstrip("| ").endswith(" | ".join(times))


# -- how it goes ------------------------------------------------------------------------------------


def test_a_message_waits_until_the_party_that_was_addressed_answers() -> None:
    logs = Logs()
    asked = logs.say(NORTH, asks())
    assert became(logs, asked).state is OPEN
    answer = logs.say(SOUTH, will_comply(asked), person="Sami")
    dialogue = became(logs, asked)
    assert (dialogue.state, dialogue.answer and dialogue.answer.ref) == (CLOSED, answer)
    assert dialogue.seen is not None
    assert (dialogue.seen.person, dialogue.seen.n) == ("Sami", answer.n)


def test_the_first_answer_counts_and_all_are_told() -> None:
    logs = Logs()
    asked = logs.say(NORTH, asks())
    first = logs.say(SOUTH, will_comply(asked))
    values = {"reason": Reason.FUEL}
    second = logs.say(SOUTH, message(Code.UNABLE, NORTH, answers=asked, values=values))
    dialogue = became(logs, asked)
    assert dialogue.answer is not None
    assert dialogue.answer.ref == first
    assert [each.ref for each in dialogue.replies] == [first, second]


def test_a_report_answers_a_request_for_it_and_waits_for_its_own_answer() -> None:
    logs = Logs()
    asked = logs.say(NORTH, message(Code.REQUEST_POSITION, values={"call_sign": "K7"}))
    at = Position(latitude_e5=0, longitude_e5=0)
    report = logs.say(
        SOUTH,
        message(
            Code.POSITION_REPORT, NORTH, answers=asked, values={"call_sign": "K7", "at": at, "seen_at": T0}
        ),
    )
    assert became(logs, asked).state is CLOSED
    assert became(logs, report).state is OPEN


@pytest.mark.parametrize("code", [Code.STANDBY, Code.SAY_AGAIN])
def test_standby_and_say_again_close_nothing_and_show_that_it_was_read(code: Code) -> None:
    logs = Logs()
    asked = logs.say(NORTH, asks())
    logs.say(SOUTH, message(code, NORTH, answers=asked))
    dialogue = became(logs, asked)
    assert dialogue.state is (STANDBY if code is Code.STANDBY else OPEN)
    assert dialogue.seen is not None


def test_free_text_is_no_answer() -> None:
    logs = Logs()
    asked = logs.say(NORTH, asks())
    logs.say(SOUTH, text(NORTH, "yes of course", answers=asked))
    assert became(logs, asked).state is OPEN


def test_standby_counts_only_where_it_can_be_said() -> None:
    logs = Logs()
    asked = logs.say(NORTH, text())  # roger is all there is to it
    logs.say(SOUTH, standby(asked))
    assert became(logs, asked).state is OPEN


def test_silence_closes_nothing() -> None:
    logs = Logs()
    asked = logs.say(NORTH, distress())
    logs.say(NORTH, timed_out(asked))
    assert became(logs, asked, T0 + 1_000 * HOUR_MS).state is TIMED_OUT
    logs.say(SOUTH, message(Code.ROGER, NORTH, answers=asked))
    assert became(logs, asked).state is CLOSED


def test_a_routine_message_lapses_after_its_time_and_can_be_answered_even_then() -> None:
    logs = Logs()
    asked = logs.say(NORTH, text(valid_until_ms=T0 + 10_000))
    assert became(logs, asked, T0 + 10_000).state is OPEN
    assert became(logs, asked, T0 + 10_001).state is LAPSED
    logs.say(SOUTH, message(Code.ROGER, NORTH, answers=asked))
    assert became(logs, asked, T0 + 10_001).state is CLOSED


def test_a_safety_message_never_lapses() -> None:
    logs = Logs()
    asked = logs.say(NORTH, asks(valid_until_ms=T0))
    assert became(logs, asked, T0 + HOUR_MS).state is OPEN


def test_a_correction_takes_the_place_of_a_message() -> None:
    logs = Logs()
    asked = logs.say(NORTH, asks())
    correction = logs.say(NORTH, asks(later_s=1_800, corrects=asked))
    dialogue = became(logs, asked)
    assert dialogue.state is CORRECTED
    assert dialogue.corrected_by is not None
    assert dialogue.corrected_by.ref == correction
    assert became(logs, correction).state is OPEN


# -- what has no effect -------------------------------------------------------------------------------


def test_only_the_party_that_was_addressed_answers() -> None:
    logs = Logs()
    asked = logs.say(NORTH, asks())
    logs.say(RELIEF, will_comply(asked))
    logs.say(NORTH, timed_out(asked))
    assert became(logs, asked).state is TIMED_OUT
    assert became(logs, asked).replies == []


def test_nobody_answers_what_he_has_not_received() -> None:
    logs = Logs()
    logs.say(NORTH, asks())
    asked = logs.say(NORTH, asks())
    logs.say(SOUTH, will_comply(asked), had={NORTH: 1})
    logs.say(SOUTH, (asked,), had={NORTH: 1})
    assert became(logs, asked).state is OPEN
    assert became(logs, asked).seen is None


def test_an_answer_for_another_story_of_the_log_does_not_count() -> None:
    logs = Logs()
    asked = logs.say(NORTH, asks())
    logs.say(SOUTH, will_comply(asked), had={NORTH: 7})  # so far the log is not held here
    assert became(logs, asked).state is OPEN


@pytest.mark.parametrize("is_drill", [True, False])
def test_an_exercise_is_not_answered_in_earnest_nor_the_other_way_round(is_drill: bool) -> None:
    logs = Logs()
    asked = logs.say(NORTH, asks(drill="d" if is_drill else None))
    logs.say(SOUTH, will_comply(asked, drill=None if is_drill else "d"))
    logs.say(NORTH, asks(corrects=asked, drill=None if is_drill else "d"))
    assert became(logs, asked).state is OPEN


def test_only_who_asked_says_that_no_answer_came_or_corrects() -> None:
    logs = Logs()
    logs.say(RELIEF, None)
    asked = logs.say(NORTH, asks())
    logs.say(SOUTH, timed_out(asked, NORTH))
    logs.say(RELIEF, timed_out(asked))
    logs.say(RELIEF, asks(corrects=asked))
    logs.say(SOUTH, message(Code.ESCALATED, NORTH, values={"about": asked, "step": Step.SENIOR}))
    dialogue = became(logs, asked)
    assert (dialogue.state, dialogue.steps, dialogue.corrected_by) == (OPEN, [], None)


def test_a_correction_is_of_the_same_code_and_to_the_same_party_and_comes_later() -> None:
    logs = Logs()
    logs.say(NORTH, asks(corrects=ref(NORTH, 1)))
    asked = logs.say(NORTH, asks())
    logs.say(NORTH, text(corrects=asked))
    logs.say(NORTH, asks(RELIEF, corrects=asked))
    assert became(logs, asked).state is OPEN


def test_that_another_party_read_it_does_not_count() -> None:
    logs = Logs()
    asked = logs.say(NORTH, asks())
    logs.say(RELIEF, (asked,))
    logs.say(NORTH, (asked,))
    assert became(logs, asked).seen is None


# -- read, and the ladder ------------------------------------------------------------------------------


def test_who_read_it_first_is_told() -> None:
    logs = Logs()
    asked = logs.say(NORTH, asks())
    first = logs.say(SOUTH, (asked,), person="Sami")
    logs.say(SOUTH, (asked,), person="Rim")
    dialogue = became(logs, asked)
    assert dialogue.seen is not None
    assert (dialogue.seen.person, dialogue.seen.n) == ("Sami", first.n)
    assert dialogue.state is OPEN, "to read is not to answer"


def test_the_steps_of_the_ladder_are_told_in_their_order() -> None:
    logs = Logs()
    asked = logs.say(NORTH, asks())
    logs.say(NORTH, escalated(asked, Step.SECOND_PATH))
    logs.say(NORTH, escalated(asked, Step.TELEPHONE, "Sami"))
    steps = became(logs, asked).steps
    assert [(step, called) for step, called, _ in steps] == [
        (Step.SECOND_PATH, None),
        (Step.TELEPHONE, "Sami"),
    ]


# -- by voice ------------------------------------------------------------------------------------------


def test_a_message_that_was_read_out_counts_until_its_entry_comes() -> None:
    logs = Logs()
    logs.say(SOUTH, heard(NORTH, 0, distress()), person="Sami")
    dialogue = became(logs, ref(NORTH, 0))
    assert dialogue.asked.by_voice
    assert (dialogue.state, dialogue.heard) == (OPEN, None)
    assert dialogue.seen is not None
    assert dialogue.seen.person == "Sami"
    logs.say(NORTH, distress())
    assert not became(logs, ref(NORTH, 0)).asked.by_voice
    assert became(logs, ref(NORTH, 0)).heard is True


def test_what_was_misheard_is_told_when_the_entry_comes() -> None:
    logs = Logs()
    logs.say(SOUTH, heard(NORTH, 0, distress(call_sign="RELIEF7")))
    logs.say(SOUTH, message(Code.ROGER, NORTH, answers=ref(NORTH, 0)), had={})
    assert became(logs, ref(NORTH, 0)).state is CLOSED
    logs.say(NORTH, distress())
    dialogue = became(logs, ref(NORTH, 0))
    assert (dialogue.heard, dialogue.state, dialogue.seen) == (False, OPEN, None)


def test_what_is_read_out_anew_counts() -> None:
    logs = Logs()
    logs.say(SOUTH, heard(NORTH, 0, distress(call_sign="RELIEF7")))
    logs.say(SOUTH, heard(NORTH, 0, distress()))
    logs.say(SOUTH, message(Code.ROGER, NORTH, answers=ref(NORTH, 0)), had={})
    logs.say(NORTH, distress())
    dialogue = became(logs, ref(NORTH, 0))
    assert (dialogue.heard, dialogue.state) == (True, CLOSED)


def test_what_somebody_wrote_down_under_a_number_does_not_bend_the_entry_that_comes() -> None:
    logs = Logs()
    first, second = logs.say(NORTH, asks()), logs.say(NORTH, asks())
    logs.say(SOUTH, heard(NORTH, 2, asks(corrects=second)))
    logs.say(NORTH, escalated(first, Step.TELEPHONE))
    assert [len(became(logs, each).steps) for each in (first, second)] == [1, 0]


def test_what_a_node_said_is_none_of_the_officers_though_somebody_wrote_it_down_as_theirs() -> None:
    logs = Logs()
    logs.say(SOUTH, heard(NORTH, 0, text(), at_ms=T0 + 1_000))
    logs.say(NORTH, message(Code.MACHINE_TEST))
    hotline = logs.hotline()
    assert list(hotline.newest()) == []
    assert [sent.ref for sent in hotline.newest(with_machines=True)] == [ref(NORTH, 0)]


def test_what_was_heard_under_a_wrong_number_is_told_when_the_entry_comes() -> None:
    logs = Logs()
    logs.say(SOUTH, heard(NORTH, 0, distress()))
    assert list(logs.hotline().open_refs()) == [ref(NORTH, 0)]
    logs.say(NORTH, None)
    assert became(logs, ref(NORTH, 0)).heard is False
    assert list(logs.hotline().open_refs()) == []


def test_an_answer_to_what_was_only_heard_counts_when_both_logs_come() -> None:
    logs = Logs()
    logs.say(SOUTH, heard(NORTH, 0, distress()))
    logs.say(SOUTH, message(Code.ROGER, NORTH, answers=ref(NORTH, 0)), had={})
    logs.say(NORTH, distress(), had={})
    for order in itertools.permutations([NORTH, SOUTH, SOUTH]):
        assert became(logs, ref(NORTH, 0), order=order).state is CLOSED


def test_an_answer_that_was_read_out_closes_ones_own_message_until_the_log_says_otherwise() -> None:
    logs = Logs()
    asked = logs.say(NORTH, asks())
    logs.say(NORTH, heard(SOUTH, 0, will_comply(asked)))
    assert became(logs, asked).state is CLOSED
    assert became(logs, asked).seen is None, "nobody there has signed that he read"
    assert list(logs.hotline().open_refs()) == [asked], "no log has answered"
    logs.say(SOUTH, None)
    assert became(logs, asked).state is OPEN


def test_a_correction_that_was_only_heard_takes_nothing_back() -> None:
    logs = Logs()
    asked = logs.say(NORTH, asks())
    logs.say(SOUTH, heard(NORTH, 5, asks(later_s=60, corrects=asked)))
    dialogue = became(logs, asked)
    assert dialogue.state is OPEN
    assert dialogue.corrected_by is not None
    assert dialogue.corrected_by.by_voice


def test_a_third_party_that_says_it_heard_the_answer_takes_it_from_nobody() -> None:
    logs = Logs()
    asked = logs.say(SOUTH, asks(NORTH))
    logs.say(SOUTH, heard(NORTH, 3, will_comply(asked, SOUTH)))
    logs.say(RELIEF, heard(NORTH, 3, text(RELIEF)))
    assert became(logs, asked).state is CLOSED


def test_nobody_is_silenced_by_a_third_party_that_says_it_heard_the_message() -> None:
    logs = Logs()
    logs.say(RELIEF, heard(NORTH, 0, asks(RELIEF)))
    logs.say(SOUTH, heard(NORTH, 0, distress()))
    known = logs.hotline().message_to(SOUTH, ref(NORTH, 0))
    assert known is not None
    assert known.message == distress()


def test_what_was_heard_without_a_number_is_told_and_answers_nothing() -> None:
    logs = Logs()
    logs.say(SOUTH, heard(NORTH, None, distress()))
    hotline = logs.hotline()
    assert [each.heard.message for each in hotline.heard()] == [distress()]
    assert hotline.messages() == []
    last = hotline.last_heard(SOUTH, NORTH)
    assert last is not None
    assert last.n == 0
    assert hotline.last_heard(NORTH, SOUTH) is None


# -- on duty, and the line itself ------------------------------------------------------------------------


def test_who_is_on_duty_is_told_by_who_came_first() -> None:
    logs = Logs()
    logs.say(SOUTH, DutyChange(is_on=True, telephone="1"), person="Rim")
    logs.say(SOUTH, DutyChange(is_on=True, is_senior=True), person="Sami")
    logs.say(SOUTH, DutyChange(is_on=True), person="Zoe")
    logs.say(SOUTH, DutyChange(is_on=False), person="Zoe")
    logs.say(SOUTH, DutyChange(is_on=True, telephone="2"), person="Rim")  # again: now the last
    hotline = logs.hotline()
    assert [(each.person, each.is_senior) for each in hotline.on_duty(SOUTH, logs.now_ms)] == [
        ("Sami", True),
        ("Rim", False),
    ]
    assert hotline.on_duty(NORTH, logs.now_ms) == []


def test_an_officer_is_on_duty_for_a_day_at_most() -> None:
    logs = Logs()
    logs.say(SOUTH, DutyChange(is_on=True), person="Rim")
    hotline, day_ms = logs.hotline(), round(ON_DUTY_MAX_S * 1e3)
    assert [each.person for each in hotline.on_duty(SOUTH, T0 + day_ms)] == ["Rim"]
    assert hotline.on_duty(SOUTH, T0 + day_ms + 1) == []
    assert hotline.on_duty(SOUTH, T0 - day_ms - 1) == [], "the clock was set back"


def test_who_has_no_key_any_more_is_not_on_duty() -> None:
    officers = {"Rim", "Sami"}
    hotline = Hotline(lambda *_: True, is_officer=lambda _, person: person in officers)
    for n, person in enumerate(sorted(officers)):
        hotline.take_duty(SOUTH, person, DutyChange(is_on=True), T0, n)
    officers.remove("Rim")
    assert [each.person for each in hotline.on_duty(SOUTH, T0)] == ["Sami"]


# -- answers of which there are two stories --------------------------------------------------------------


def claimed(logs: Logs, asked: MessageRef, code: Code = Code.WILL_COMPLY, n: int = 1_000) -> None:
    """Have who asked write down an answer by voice that its log never had."""
    answer = message(code, asked.party, answers=asked, priority=Priority.SAFETY)
    logs.say(asked.party, Heard(by=SOUTH, n=n, at_ms=T0, message=answer))


def test_what_the_other_side_claims_as_an_answer_closes_nothing_for_who_is_said_to_have_given_it() -> None:
    logs = Logs()
    asked = logs.say(NORTH, asks())
    claimed(logs, asked)
    hotline = logs.hotline()
    there, here = hotline.dialogue(asked, T0, NORTH), hotline.dialogue(asked, T0, SOUTH)
    assert there is not None
    assert here is not None
    assert (there.state, there.claimed) == (DialogueState.CLOSED, None)
    assert (here.state, here.answer, list(here.replies)) == (DialogueState.OPEN, None, [])
    assert here.claimed is not None
    assert here.claimed.message.code is Code.WILL_COMPLY


def test_a_line_test_is_not_passed_because_the_other_side_claims_an_answer() -> None:
    logs = Logs()
    asked = logs.say(NORTH, message(Code.LINE_TEST))
    claimed(logs, asked, Code.ROGER)
    assert logs.hotline().human_test(SOUTH, NORTH, logs.now_ms) is None
    assert logs.hotline().human_test(NORTH, SOUTH, logs.now_ms) is not None, "its officer heard it"


def test_a_line_test_from_ahead_of_the_clock_hides_none_that_was_before() -> None:
    logs = Logs()
    asked = logs.say(NORTH, message(Code.LINE_TEST))
    logs.say(SOUTH, message(Code.ROGER, NORTH, answers=asked))
    logs.later(86_400.0)
    ahead = logs.say(NORTH, message(Code.LINE_TEST))
    logs.say(SOUTH, message(Code.ROGER, NORTH, answers=ahead))
    test = logs.hotline().human_test(NORTH, SOUTH, T0 + 60_000)
    assert test is not None
    assert test.asked.ref == asked


def test_a_changed_answer_is_told_and_the_first_one_stays_the_answer() -> None:
    logs = Logs()
    asked = logs.say(NORTH, asks())
    first = logs.say(SOUTH, message(Code.WILL_COMPLY, NORTH, answers=asked))
    logs.say(SOUTH, message(Code.WILL_COMPLY, NORTH, answers=asked))
    same = logs.hotline().dialogue(asked, T0)
    assert same is not None
    assert same.changed is None
    unable = logs.say(SOUTH, message(Code.UNABLE, NORTH, answers=asked, values={"reason": Reason.FUEL}))
    found = logs.hotline().dialogue(asked, T0)
    assert found is not None
    assert found.answer is not None
    assert found.changed is not None
    assert (found.answer.ref, found.changed.ref, found.state) == (first, unable, DialogueState.CLOSED)


def test_what_was_heard_without_a_number_is_kept_until_it_comes_under_one() -> None:
    said = asks()
    heard = Heard(by=NORTH, n=None, at_ms=T0, message=said)
    logs = Logs()
    logs.say(SOUTH, heard)
    logs.say(NORTH, asks(later_s=60))  # something else
    assert [each.heard for each in logs.hotline().unnumbered()] == [heard]
    logs.say(NORTH, said)
    for order in ([SOUTH, NORTH, NORTH], [NORTH, NORTH, SOUTH]):
        assert logs.hotline(order).unnumbered() == []


def test_replies_that_settle_nothing_are_looked_at_once_and_not_at_each_question() -> None:
    looked = 0

    def had(*_: object) -> bool:
        nonlocal looked
        looked += 1
        return True

    hotline, asked = Hotline(had), ref(NORTH, 0)

    def reply(n: int, said: Message) -> None:
        hotline.take(Sent(ref=ref(SOUTH, n), message=said, person="Rim", at_ms=T0, received=(), stated_ms=T0))

    hotline.take(Sent(ref=asked, message=asks(), person="Ann", at_ms=T0, received=(), stated_ms=T0))
    for n in range(100):
        reply(n, text(NORTH, answers=asked, priority=Priority.SAFETY))
    assert all(asked in hotline.open_refs() for _ in range(2))
    assert looked == 0
    assert not hotline._doubtful
    reply(100, message(Code.WILL_COMPLY, NORTH, answers=asked))
    assert asked not in hotline.open_refs()


def test_an_answer_settles_once_the_log_that_it_names_is_held_though_nothing_more_is_said() -> None:
    is_held = False
    hotline, asked = Hotline(lambda *_: is_held), ref(NORTH, 0)
    answer = message(Code.WILL_COMPLY, NORTH, answers=asked)
    for place, said in ((asked, asks()), (ref(SOUTH, 0), answer)):
        hotline.take(Sent(ref=place, message=said, person="Ann", at_ms=T0, received=(), stated_ms=T0))
    assert hotline.open_refs() == [asked]
    is_held = True
    assert hotline.open_refs() == []


def test_the_last_word_of_a_node_on_a_channel_counts() -> None:
    logs = Logs()
    for k in range(CHANNELS_KEPT_MAX + 5):
        state = ChannelState.DOWN if k % 2 else ChannelState.OPEN
        logs.say(NORTH, message(Code.CHANNEL, values={"state": state}))
    hotline = logs.hotline()
    last = hotline.channel(NORTH, SOUTH)
    assert last is not None
    assert last.ref == ref(NORTH, CHANNELS_KEPT_MAX + 4)
    assert [each.ref.n for each in hotline.channels(NORTH, SOUTH)] == list(range(5, 5 + CHANNELS_KEPT_MAX))
    assert hotline.channel(SOUTH, NORTH) is None


def test_a_machine_test_is_passed_once_the_other_node_answers_it() -> None:
    logs = Logs()
    first = logs.say(NORTH, message(Code.MACHINE_TEST))
    logs.say(RELIEF, message(Code.MACHINE_TEST_ANSWER, NORTH, values={"about": first}))
    assert logs.hotline().machine_test(NORTH, SOUTH).passed is None
    logs.say(SOUTH, message(Code.MACHINE_TEST_ANSWER, NORTH, values={"about": first}))
    second = logs.say(NORTH, message(Code.MACHINE_TEST))
    test = logs.hotline().machine_test(NORTH, SOUTH)
    assert test.last is not None
    assert test.passed is not None
    assert (test.last.ref, test.answer, test.passed.ref) == (second, None, first)


def test_a_line_test_is_passed_once_an_officer_of_the_other_side_answers_it() -> None:
    logs = Logs()
    asked = logs.say(SOUTH, message(Code.LINE_TEST, NORTH))
    assert logs.hotline().human_test(NORTH, SOUTH, T0) is None
    answer = logs.say(NORTH, message(Code.ROGER, SOUTH, answers=asked))
    logs.say(NORTH, message(Code.LINE_TEST, SOUTH, drill="d"))
    test = logs.hotline().human_test(NORTH, SOUTH, T0)
    assert test is not None
    assert test.answer is not None
    assert (test.asked.ref, test.answer.ref, line_tested_ms(test)) == (asked, answer, T0)


def test_of_many_line_tests_that_nobody_answers_only_the_last_are_looked_at() -> None:
    logs = Logs()
    asked = logs.say(SOUTH, message(Code.LINE_TEST, NORTH))
    logs.say(NORTH, message(Code.ROGER, SOUTH, answers=asked))
    for _ in range(TESTS_LOOKED_AT_MAX - 1):
        logs.say(SOUTH, message(Code.LINE_TEST, NORTH))
    assert logs.hotline().human_test(NORTH, SOUTH, T0) is not None
    logs.say(SOUTH, message(Code.LINE_TEST, NORTH))
    assert logs.hotline().human_test(NORTH, SOUTH, T0) is None


# -- laws ----------------------------------------------------------------------------------------------

PARTIES = (NORTH, RELIEF, SOUTH)


@st.composite
def talks(draw: st.DrawFn) -> Logs:
    """Draw what three parties say: sensible, late, foreign, forged, by voice, in the wrong order."""
    logs = Logs()
    for _ in range(draw(st.integers(1, 14))):
        by = draw(st.sampled_from(PARTIES))
        to = draw(st.sampled_from([party for party in PARTIES if party != by]))
        about = ref(draw(st.sampled_from(PARTIES)), draw(st.integers(0, 4)))
        of_to, of_own = ref(to, about.n), ref(by, about.n)
        drill = draw(st.sampled_from([None, None, None, "d"]))
        kind = draw(st.integers(0, 12))
        said: object
        match kind:
            case 0 | 1:
                said = asks(to, drill=drill)
            case 2:
                said = text(to, drill=drill, valid_until_ms=T0 + draw(st.integers(0, 20_000)))
            case 3 | 4:
                said = will_comply(of_to, to, drill=drill)
            case 5:
                code = draw(st.sampled_from([Code.STANDBY, Code.ROGER, Code.SAY_AGAIN]))
                said = message(code, to, answers=of_to)
            case 6:
                said = asks(to, corrects=of_own, drill=drill)
            case 7:
                said = timed_out(about, to)
            case 8:
                step = draw(st.sampled_from(Step))
                said = message(Code.ESCALATED, to, values={"about": about, "step": step})
            case 9 | 10:
                said = (about,)
            case 11:
                spoken = draw(st.sampled_from([asks(by), will_comply(of_own, by), asks(by, corrects=of_to)]))
                said = heard(to, about.n, spoken)
            case _:
                said = None
        sizes: dict[str, int] = {
            party: draw(st.integers(0, logs.size(party))) for party in PARTIES if party != by
        }
        logs.say(by, said, had=sizes if draw(st.booleans()) else None)
    return logs


def places_of(logs: Logs) -> list[MessageRef]:
    return [ref(party, n) for party in PARTIES for n in range(5)]


def told(hotline: Hotline, refs: Sequence[MessageRef], now_ms: int) -> object:
    return (
        [hotline.dialogue(each, now_ms) for each in refs],
        hotline.open_refs(),
        hotline.messages(),
        list(hotline.newest(with_machines=True)),
        hotline.heard(),
    )


@given(talks(), st.randoms(use_true_random=False), st.integers(0, 30_000))
def test_equal_sets_of_statements_give_equal_dialogues(
    logs: Logs, chance: random.Random, passed_ms: int
) -> None:
    order = [entry.by for entry in logs.entries]
    expected = told(logs.hotline(), places_of(logs), T0 + passed_ms)
    chance.shuffle(order)
    assert told(logs.hotline(order), places_of(logs), T0 + passed_ms) == expected


@given(talks(), st.integers(0, 30_000))
def test_what_became_of_a_message_is_what_the_slow_definition_says(logs: Logs, passed_ms: int) -> None:
    hotline, now_ms = logs.hotline(), T0 + passed_ms
    for place in places_of(logs):
        dialogue = hotline.dialogue(place, now_ms)
        found = None
        if dialogue is not None:
            found = (
                dialogue.state,
                None if dialogue.seen is None else dialogue.seen.n,
                None if dialogue.answer is None else dialogue.answer.ref.n,
                len(dialogue.steps),
                dialogue.heard,
            )
        assert found == slowly(logs, place, now_ms), place


@given(talks())
def test_only_what_waits_is_open_and_the_newest_come_first(logs: Logs) -> None:
    hotline = logs.hotline()
    waiting = set(hotline.open_refs())
    for sent in hotline.messages():
        dialogue = hotline.dialogue(sent.ref, T0)
        assert dialogue is not None
        if sent.wants_answer and dialogue.state not in (CLOSED, CORRECTED):
            is_misheard = sent.by_voice and dialogue.heard is False
            assert (sent.ref in waiting) is not is_misheard
        elif sent.ref in waiting:
            assert sent.by_voice or (dialogue.answer is not None and dialogue.answer.by_voice)
    everything = list(hotline.newest(with_machines=True))
    assert everything == sorted(hotline.messages(), key=place_of, reverse=True)
    assert list(hotline.newest()) == [
        each for each in everything if each.message.type.speaker is Speaker.OFFICER
    ]
    for k, each in enumerate(everything):
        assert list(hotline.newest(place_of(each), with_machines=True)) == everything[k + 1 :]


@given(talks())
def test_whoever_remembers_the_journal_hears_of_every_change(logs: Logs) -> None:
    sizes: dict[str, int] = {}

    def had(received: object, party: str, n: int) -> bool:
        sizes_told = [head.size for of, head in received if of == party]  # type: ignore[attr-defined]
        return any(n < size <= sizes.get(party, 0) for size in sizes_told)

    hotline = Hotline(had)
    known: dict[MessageRef, Dialogue | None] = {}
    for entry in logs.entries:
        sizes[entry.by] = sizes.get(entry.by, 0) + 1
        length = len(hotline.journal)
        take(hotline, entry)
        touched = set(hotline.journal[length:])
        for place in places_of(logs):
            dialogue = hotline.dialogue(place, T0)
            if place not in touched and place.party == entry.by:
                assert known.get(place) == dialogue  # no more of its own log makes it otherwise
            known[place] = dialogue


def slowly(logs: Logs, place: MessageRef, now_ms: int) -> tuple[object, ...] | None:
    """Tell what became of a message by looking at all entries again for each question.

    Returns:
        The state, the entries of the addressee that read and answered it first, the number of steps, and
        whether it was heard rightly.
    """
    entries = {(each.by, each.n): each for each in logs.entries}

    def is_heard(entry: Entry, place: MessageRef) -> bool:
        return isinstance(entry.said, Heard) and (entry.said.by, entry.said.n) == (place.party, place.n)

    def of(place: MessageRef) -> tuple[Message, bool, Entry | None] | None:
        own = entries.get((place.party, place.n))
        if own is not None and isinstance(own.said, Message):
            return own.said, False, own
        spoken = [e for e in logs.entries if is_heard(e, place)]
        first = max((e for e in spoken if e.by == min(e.by for e in spoken)), key=lambda e: e.n, default=None)
        return (first.said.message, True, None) if first and isinstance(first.said, Heard) else None

    def is_written(place: MessageRef) -> bool:
        return (place.party, place.n) in entries

    def has(reader: Entry, place: MessageRef) -> bool:
        sizes = dict(reader.received)
        return place.party in sizes and place.n < sizes[place.party].size <= logs.size(place.party)

    known = of(place)
    if known is None:
        return None
    asked, is_voice, _ = known
    is_there = (place.party, place.n) in entries
    spoken = [e for e in logs.entries if e.by == asked.to and is_heard(e, place)]
    rightly = [e for e in spoken if isinstance(e.said, Heard) and e.said.message == asked]

    def had_heard(n: int) -> bool:
        return bool([e for e in spoken if e.n < n]) and [e for e in spoken if e.n < n][-1] in rightly

    others: list[tuple[MessageRef, Message, bool, Entry | None]] = []
    for other in [ref(party, n) for party in PARTIES for n in range(20)]:
        entry = entries.get((other.party, other.n))
        if entry is not None and isinstance(entry.said, Message):
            others.append((other, entry.said, False, entry))
        elif entry is None:
            by_hearer = {e.by: e for e in logs.entries if is_heard(e, other)}
            for hearer in sorted(by_hearer):
                words = by_hearer[hearer].said
                assert isinstance(words, Heard)
                others.append((other, words.message, True, None))
    answers = []
    for other, said, by_voice, entry in others:
        if other.party != asked.to or said.answers != place or bool(said.drill) != bool(asked.drill):
            continue
        if by_voice or (entry and (has(entry, place) or had_heard(entry.n))):
            answers.append((other, said))
    closing = [other.n for other, said in answers if closes(said.code, asked.code)]
    own = [
        (said, by_voice)
        for other, said, by_voice, _ in others
        if other.party == place.party and other.n > place.n
    ]
    like = [
        by_voice
        for said, by_voice in own
        if said.corrects == place
        and (said.code, said.to, bool(said.drill)) == (asked.code, asked.to, bool(asked.drill))
    ]
    seen = [e for e in logs.entries if isinstance(e.said, tuple) and place in e.said and has(e, place)]
    reads = [e.n for e in seen if e.by == asked.to]
    reads += [other.n for other, _ in answers if is_written(other)] + [e.n for e in rightly]
    if False in like:
        state = CORRECTED
    elif closing:
        state = CLOSED
    elif asked.priority is Priority.ROUTINE and asked.valid_until_ms < now_ms:
        state = LAPSED
    elif any(said.code is Code.TIMED_OUT and dict(said.fields)["about"] == place for said, _ in own):
        state = TIMED_OUT
    elif asked.type.response in (Response.COMPLY, Response.AFFIRM) and any(
        said.code is Code.STANDBY for _, said in answers
    ):
        state = STANDBY
    else:
        state = OPEN
    is_right: bool | None = spoken[-1] in rightly if spoken else None
    return (
        state,
        min(reads, default=None),
        min(closing, default=None),
        sum(said.code is Code.ESCALATED and dict(said.fields)["about"] == place for said, _ in own),
        (False if is_there else None) if is_voice else is_right,
    )


# -- many ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_of_100_000_messages_the_newest_and_the_open_ones_are_found_at_once() -> None:
    hotline = Hotline(lambda *_: True)
    request, n = text(), 0
    for k in range(50_000):
        asked = ref(NORTH, k)
        entry = Entry(NORTH, k, T0 + 1_000 * k, request, ())
        hotline.take(sent_of(entry))
        reply = message(Code.ROGER, NORTH, answers=asked)
        if k % 5_000:
            hotline.take(sent_of(Entry(SOUTH, n, T0 + 1_000 * k + 500, reply, ())))
            n += 1
    assert len(hotline.open_refs()) == 10
    next(hotline.newest())
    began_s = time.perf_counter()
    assert len(hotline.open_refs()) == 10
    assert len(list(itertools.islice(hotline.newest(), 100))) == 100
    assert time.perf_counter() - began_s < 0.1, "it takes about a millisecond"


def test_a_note_of_a_call_wants_no_answer() -> None:
    logs = Logs()
    values = {"called": "Sami", "result": CallResult.NO_ANSWER}
    call = logs.say(NORTH, message(Code.TELEPHONE_CALL, values=values))
    assert logs.hotline().open_refs() == []
    assert became(logs, call).state is OPEN
