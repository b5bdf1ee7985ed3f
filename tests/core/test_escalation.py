"""Escalation: deadlines at their edges, the ladder, and that nothing is said again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.dialogues import CLOCK_BACK_S, Dialogue, DialogueState, Read, Sent
from keepclear.core.errors import InvalidValueError
from keepclear.core.escalation import (
    CLOCKS_APART_S,
    DEADLINE_MAX_S,
    LADDER,
    Deadlines,
    Due,
    HotlineTimers,
    due,
    is_late,
    is_timed_out,
    next_ms,
    steps_due,
)
from keepclear.core.messages import Code, Priority, Step
from tests.core.hotlines import NORTH, SOUTH, T0, Logs, asks, message, ref, text

DISTRESS = HotlineTimers().distress
SAFETY = HotlineTimers().safety


def waiting(**given: Any) -> Dialogue:
    """Return what becomes of a request that was just sent."""
    logs = Logs()
    logs.say(NORTH, given.pop("message", asks()))
    dialogue = logs.hotline().dialogue(ref(NORTH, 0), T0)
    assert dialogue is not None
    return replace(dialogue, **given)


def standby_at(at_ms: int) -> Sent:
    said = message(Code.STANDBY, NORTH, answers=ref(NORTH, 0))
    return Sent(ref=ref(SOUTH, 0), message=said, person="Sami", at_ms=at_ms, received=(), stated_ms=at_ms)


READ = Read(person="Sami", at_ms=T0, n=0)


@pytest.mark.parametrize("value", [0.9, DEADLINE_MAX_S + 1, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["delivered_s", "seen_s", "answered_s"])
def test_a_deadline_is_within_its_limits(name: str, value: float) -> None:
    changes: dict[str, Any] = {name: value}
    with pytest.raises(InvalidValueError):
        replace(SAFETY, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"seen_s": 10.0},
        {"answered_s": 60.0},
        {"ladder_s": (30.0, 20.0)},
        {"ladder_s": (1.0,) * (len(LADDER) + 1)},
        {"ladder_s": (0.5,)},
    ],
)
def test_deadlines_are_in_their_order(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        replace(SAFETY, **changes)


def test_each_priority_has_its_deadlines() -> None:
    timers = HotlineTimers()
    assert [timers.of(priority) for priority in Priority] == [timers.distress, timers.safety, timers.routine]


def test_the_ladder_for_distress_is_at_its_top_within_two_minutes() -> None:
    assert DISTRESS.ladder_s[-1] == 120.0
    assert len(DISTRESS.ladder_s) == len(LADDER)


# -- when something is due --------------------------------------------------------------------------


def test_what_was_sent_should_be_read_and_answered_in_time() -> None:
    assert due(waiting(), SAFETY) == Due(T0 + 120_000, T0 + 300_000)
    assert due(waiting(seen=READ), SAFETY) == Due(None, T0 + 300_000)


def test_a_routine_message_need_not_be_answered_by_any_time() -> None:
    assert due(waiting(message=text()), HotlineTimers().routine) == Due(T0 + 1_800_000, None)


def test_what_wants_no_answer_waits_for_nothing() -> None:
    call = message(Code.STANDBY, SOUTH, answers=ref(SOUTH, 0))
    assert due(waiting(message=call), SAFETY) == Due(None, None)
    assert next_ms(waiting(message=call), SAFETY, T0) is None


@pytest.mark.parametrize("state", [DialogueState.CLOSED, DialogueState.CORRECTED, DialogueState.LAPSED])
def test_what_is_over_waits_for_nothing(state: DialogueState) -> None:
    dialogue = waiting(state=state)
    assert due(dialogue, SAFETY) == Due(None, None)
    assert steps_due(dialogue, SAFETY, T0 + 10**9) == ()
    assert not is_timed_out(dialogue, SAFETY, T0 + 10**9)
    assert not is_late(dialogue, SAFETY, T0 + 10**9)


def test_deadlines_count_by_the_clock_of_the_node_not_by_that_of_the_officer() -> None:
    dialogue = waiting()
    ahead = replace(dialogue, asked=replace(dialogue.asked, at_ms=T0 + 10**9))
    assert due(ahead, SAFETY) == due(dialogue, SAFETY)


def test_a_standby_starts_the_time_for_an_answer_again() -> None:
    dialogue = waiting(stood_by=standby_at(T0 + 100_000), seen=READ)
    assert due(dialogue, SAFETY).answered_ms == T0 + 400_000


@pytest.mark.parametrize(("at_ms", "answered_ms"), [(T0 - 10**9, 300_000), (T0 + 10**9, 600_000)])
def test_no_clock_of_who_stands_by_puts_an_answer_off_for_long(at_ms: int, answered_ms: int) -> None:
    assert due(waiting(stood_by=standby_at(at_ms)), SAFETY).answered_ms == T0 + answered_ms


def test_a_message_is_late_from_the_deadline_on() -> None:
    assert not is_late(waiting(), SAFETY, T0 + 119_999)
    assert is_late(waiting(), SAFETY, T0 + 120_000)
    assert not is_late(waiting(seen=READ), SAFETY, T0 + 299_999)
    assert is_late(waiting(seen=READ), SAFETY, T0 + 300_000)


# -- the ladder -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after_ms", "count"),
    [(14_999, 0), (15_000, 1), (29_999, 1), (30_000, 2), (60_000, 3), (90_000, 4), (120_000, 5), (10**9, 5)],
)
def test_a_message_that_nobody_reads_climbs_step_by_step(after_ms: int, count: int) -> None:
    assert list(steps_due(waiting(), DISTRESS, T0 + after_ms)) == list(LADDER[:count])


def test_a_step_that_was_taken_is_not_taken_again() -> None:
    dialogue = waiting(steps=[(Step.TELEPHONE, None, T0)])
    assert list(steps_due(dialogue, DISTRESS, T0 + 60_000)) == [Step.SECOND_PATH, Step.NEXT_OFFICER]


def test_the_ladder_ends_once_somebody_has_read() -> None:
    assert steps_due(waiting(seen=READ), DISTRESS, T0 + 10**9) == ()


def test_a_shorter_ladder_has_fewer_steps() -> None:
    assert list(steps_due(waiting(), HotlineTimers().routine, T0 + 10**9)) == list(LADDER[:2])


def test_that_no_answer_came_is_said_once() -> None:
    assert not is_timed_out(waiting(), SAFETY, T0 + 299_999)
    assert is_timed_out(waiting(), SAFETY, T0 + 300_000)
    said = waiting(timed_out_ms=T0 + 300_000, state=DialogueState.TIMED_OUT)
    assert not is_timed_out(said, SAFETY, T0 + 10**9)


def test_whoever_answered_by_voice_need_not_be_called() -> None:
    dialogue = waiting(replies=[standby_at(T0)])
    assert steps_due(dialogue, DISTRESS, T0 + 10**9) == ()


# -- laws -------------------------------------------------------------------------------------------

seconds = st.floats(1.0, 10_000.0)


@st.composite
def deadlines(draw: st.DrawFn) -> Deadlines:
    delivered_s, seen_s, answered_s = sorted(draw(st.lists(seconds, min_size=3, max_size=3)))
    return Deadlines(
        delivered_s=delivered_s,
        seen_s=seen_s,
        answered_s=draw(st.sampled_from([answered_s, None])),
        ladder_s=tuple(sorted(draw(st.lists(seconds, max_size=len(LADDER))))),
    )


@given(deadlines(), st.integers(0, 40_000_000), st.sampled_from([None, READ]), st.booleans())
def test_nothing_comes_due_before_it_was_foretold(
    of: Deadlines, now: int, seen: Read | None, is_stood_by: bool
) -> None:
    """From one time to the next that is foretold, everything stays as it is."""
    dialogue = waiting(seen=seen, stood_by=standby_at(T0 + now // 2) if is_stood_by else None)
    now_ms = T0 + now
    following_ms = next_ms(dialogue, of, now_ms)
    last_ms = T0 + 10**10 if following_ms is None else following_ms - 1
    for what in (steps_due, is_timed_out, is_late):
        assert what(dialogue, of, now_ms) == what(dialogue, of, last_ms)
    assert following_ms is None or following_ms > now_ms


# -- a clock that was set back ---------------------------------------------------------------------------


def test_where_the_clock_was_set_back_every_step_and_the_time_out_are_due() -> None:
    waits = waiting()
    back_ms = T0 - round(CLOCK_BACK_S * 1e3)
    assert (steps_due(waits, SAFETY, back_ms), is_timed_out(waits, SAFETY, back_ms)) == ([], False)
    assert steps_due(waits, SAFETY, back_ms - 1) == list(Step)
    assert is_timed_out(waits, SAFETY, back_ms - 1)
    said = replace(waits, steps=[(step, None, T0) for step in Step], timed_out_ms=T0)
    assert (steps_due(said, SAFETY, back_ms - 1), is_timed_out(said, SAFETY, back_ms - 1)) == ([], False)


def test_a_message_from_far_ahead_of_the_clock_is_late_until_it_is_answered() -> None:
    apart_ms = T0 - round(CLOCKS_APART_S * 1e3)
    assert not is_late(waiting(), SAFETY, apart_ms)
    assert is_late(waiting(), SAFETY, apart_ms - 1)
    assert not is_late(waiting(state=DialogueState.CLOSED), SAFETY, apart_ms - 1)
