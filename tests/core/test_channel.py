"""The channel: its state by every reason, what is said of it and how often, and what goes on while held."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core import channel
from keepclear.core.channel import (
    CHANNEL_SETTLED_S,
    CHANNEL_WINDOW_S,
    CUT_AFTER_S,
    HUMAN_TEST_EVERY_S,
    HUMAN_TEST_GRACE_S,
    MACHINE_TEST_ANSWER_S,
    MACHINE_TEST_EVERY_S,
    MACHINE_TEST_GRACE_S,
    MACHINE_TEST_RETRY_S,
    ROSTER_DEPTH,
    SEVERITY,
    VOICE_COUNTS_S,
    WORST,
    ChannelFacts,
    ChannelReason,
    LinkCondition,
    LinkFacts,
    channel_of,
    goes_on_while_held,
    should_say,
    should_test,
)
from keepclear.core.dialogues import Sent
from keepclear.core.errors import InvalidValueError
from keepclear.core.hotline import CHANNELS_KEPT_MAX
from keepclear.core.messages import (
    ANSWER_CODES,
    MESSAGES,
    CallResult,
    ChannelState,
    Code,
    Height,
    HeightAbove,
    Message,
    Nature,
    Position,
    Priority,
    Reason,
    Speaker,
    Unit,
    Value,
)
from tests.core.hotlines import ITEM, NORTH, T0, asks, message, ref, text

OPEN, DEGRADED, HOLD = ChannelState.OPEN, ChannelState.DEGRADED, ChannelState.HOLD
DOWN, UNKNOWN = ChannelState.DOWN, ChannelState.UNKNOWN
UP = LinkFacts(condition=LinkCondition.UP, unheard_s=1.0, watched_s=1_000.0)
LATE = LinkFacts(condition=LinkCondition.LATE, unheard_s=20.0, watched_s=1_000.0)
CUT = LinkFacts(condition=LinkCondition.CUT, unheard_s=70.0, watched_s=1_000.0)
OFF = LinkFacts(condition=LinkCondition.OFF, unheard_s=1.0, watched_s=1_000.0)
GOOD = ChannelFacts(
    link=UP,
    is_known=True,
    tested_s=10.0,
    is_test_answered=True,
    passed_s=10.0,
    human_passed_s=10.0,
    on_duty_here=ROSTER_DEPTH,
    on_duty_there=ROSTER_DEPTH,
    theirs=OPEN,
)
UNHEARD = LinkFacts(condition=LinkCondition.CUT, unheard_s=None, watched_s=CUT_AFTER_S - 1)
LONG_UNHEARD = replace(UNHEARD, watched_s=CUT_AFTER_S)
R = ChannelReason


# -- the state ----------------------------------------------------------------------------------------


def test_a_channel_is_open_where_everything_was_tried_and_people_are_there() -> None:
    assert channel_of(GOOD) == (OPEN, ())


@pytest.mark.parametrize(
    ("changes", "state", "reason"),
    [
        ({"link": LATE}, DEGRADED, R.LINK_LATE),
        ({"link": CUT}, DOWN, R.LINK_CUT),
        ({"link": OFF}, DOWN, R.LINK_OFF),
        ({"link": None}, DEGRADED, R.NO_LINK),
        ({"link": LONG_UNHEARD}, DOWN, R.LINK_CUT),
        ({"link": UNHEARD}, UNKNOWN, R.NEVER_HEARD),
        ({"is_held_by_us": True}, HOLD, R.HELD_BY_US),
        ({"is_held_by_them": True}, HOLD, R.HELD_BY_THEM),
        ({"passed_s": MACHINE_TEST_EVERY_S + MACHINE_TEST_GRACE_S}, DEGRADED, R.MACHINE_TEST_DUE),
        ({"passed_s": None}, DEGRADED, R.MACHINE_TEST_DUE),
        (
            {"tested_s": MACHINE_TEST_ANSWER_S, "is_test_answered": False},
            DEGRADED,
            R.MACHINE_TEST_FAILED,
        ),
        ({"human_passed_s": HUMAN_TEST_EVERY_S + HUMAN_TEST_GRACE_S}, DEGRADED, R.HUMAN_TEST_DUE),
        ({"human_passed_s": None}, DEGRADED, R.HUMAN_TEST_DUE),
        ({"late_count": 1}, DEGRADED, R.MESSAGES_LATE),
        ({"on_duty_here": 0}, DEGRADED, R.NOBODY_ON_DUTY_HERE),
        ({"on_duty_there": 0}, DEGRADED, R.NOBODY_ON_DUTY_THERE),
        ({"on_duty_here": ROSTER_DEPTH - 1}, DEGRADED, R.ROSTER_THIN_HERE),
        ({"on_duty_there": ROSTER_DEPTH - 1}, DEGRADED, R.ROSTER_THIN_THERE),
        ({"theirs": DOWN}, DEGRADED, R.THEY_SAY_DOWN),
    ],
)
def test_each_reason_makes_it_worse(changes: dict[str, Any], state: ChannelState, reason: R) -> None:
    assert channel_of(replace(GOOD, **changes)) == (state, (reason,))


@pytest.mark.parametrize(
    "changes",
    [
        {"passed_s": MACHINE_TEST_EVERY_S + MACHINE_TEST_GRACE_S - 0.1},
        {"tested_s": MACHINE_TEST_ANSWER_S - 0.1, "is_test_answered": False},
        {"human_passed_s": HUMAN_TEST_EVERY_S + HUMAN_TEST_GRACE_S - 0.1},
        {"voice_s": 1.0},
        {"theirs": DEGRADED},
        {"theirs": HOLD},
        {"theirs": None},
    ],
)
def test_it_stays_open_up_to_the_edges(changes: dict[str, Any]) -> None:
    assert channel_of(replace(GOOD, **changes)).state is OPEN


def test_of_a_peer_of_which_nothing_ever_came_nothing_is_known() -> None:
    for link in (LONG_UNHEARD, None):
        view = channel_of(replace(GOOD, link=link, is_known=False))
        assert view.state is UNKNOWN
        assert R.NEVER_HEARD in view.reasons


def test_down_wins_over_hold_and_both_are_told() -> None:
    view = channel_of(replace(GOOD, link=CUT, is_held_by_them=True))
    assert view == (DOWN, (R.LINK_CUT, R.HELD_BY_THEM))


def test_that_the_telephone_works_is_told_and_does_not_bring_the_channel_up() -> None:
    view = channel_of(replace(GOOD, link=CUT, voice_s=VOICE_COUNTS_S - 1))
    assert view == (DOWN, (R.LINK_CUT, R.VOICE_ONLY))
    assert channel_of(replace(GOOD, link=CUT, voice_s=VOICE_COUNTS_S)).reasons == (R.LINK_CUT,)


def test_two_sides_that_are_degraded_because_of_each_other_get_open_again() -> None:
    """What the peer says makes a channel worse only where the peer's own link is lost."""
    ours = theirs = DEGRADED
    for _ in range(2):
        ours = channel_of(replace(GOOD, theirs=theirs)).state
        theirs = channel_of(replace(GOOD, theirs=ours)).state
    assert (ours, theirs) == (OPEN, OPEN)


def test_every_reason_has_a_state_and_none_makes_it_open() -> None:
    assert set(WORST) == set(ChannelReason)
    assert OPEN not in WORST.values()
    assert set(SEVERITY) == set(ChannelState)


ages = st.sampled_from([None, 0.0, 59.0, 61.0, 3_000.0, 4_000.0, 30_000.0, 40_000.0])
facts = st.builds(
    ChannelFacts,
    link=st.sampled_from([UP, LATE, CUT, OFF, None, UNHEARD, LONG_UNHEARD]),
    is_known=st.booleans(),
    is_held_by_us=st.booleans(),
    is_held_by_them=st.booleans(),
    tested_s=ages,
    is_test_answered=st.booleans(),
    passed_s=ages,
    human_passed_s=ages,
    late_count=st.integers(0, 3),
    on_duty_here=st.integers(0, 3),
    on_duty_there=st.integers(0, 3),
    theirs=st.sampled_from([None, *ChannelState]),
    voice_s=ages,
)


@given(facts)
def test_the_worst_reason_decides_and_open_has_none(known: ChannelFacts) -> None:
    state, reasons = channel_of(known)
    assert list(reasons) == sorted(reasons, key=list(ChannelReason).index)
    assert (state is OPEN) is (reasons == ())
    assert all(SEVERITY.index(WORST[reason]) <= SEVERITY.index(state) for reason in reasons)


@given(facts)
def test_nothing_is_open_that_was_not_tried(known: ChannelFacts) -> None:
    if channel_of(known).state is OPEN:
        assert known.link is not None
        assert known.link.condition is LinkCondition.UP
        assert known.passed_s is not None
        assert known.human_passed_s is not None
        assert min(known.on_duty_here, known.on_duty_there) >= ROSTER_DEPTH
        assert not known.is_held_by_us
        assert not known.is_held_by_them


@given(facts, st.sampled_from([LATE, CUT, OFF]))
def test_a_worse_link_never_makes_a_channel_better(known: ChannelFacts, link: LinkFacts) -> None:
    before = channel_of(replace(known, link=UP)).state
    after = channel_of(replace(known, link=link)).state
    assert SEVERITY.index(after) >= SEVERITY.index(before)


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_what_is_known_of_a_link_are_times_that_passed(value: float) -> None:
    with pytest.raises(InvalidValueError, match="unheard_s"):
        replace(UP, unheard_s=value)
    with pytest.raises(InvalidValueError, match="watched_s"):
        replace(UP, watched_s=value)


# -- what a node says of it ----------------------------------------------------------------------------


def said(*states: ChannelState, every_s: float = 600.0, last_ms: int = T0) -> list[Sent]:
    """Return what a node said of a channel, the last at a time."""
    return [
        Sent(
            ref=ref(NORTH, k),
            message=message(Code.CHANNEL, values={"state": state}),
            person=None,
            at_ms=last_ms - round((len(states) - 1 - k) * every_s * 1e3),
            received=(),
        )
        for k, state in enumerate(states)
    ]


def test_the_first_word_is_said_at_once_and_nothing_of_what_is_not_known() -> None:
    for state in ChannelState:
        assert should_say(state, [], T0) is (state is not UNKNOWN)
        assert not should_say(UNKNOWN, said(state), T0 + 10**9)


def test_what_was_said_is_not_said_again() -> None:
    for state in ChannelState:
        assert not should_say(state, said(state), T0 + 10**9)


@pytest.mark.parametrize(("worse", "better"), list(itertools.combinations((DOWN, HOLD, DEGRADED, OPEN), 2)))
def test_worse_is_said_at_once_and_better_once_it_has_settled(
    worse: ChannelState, better: ChannelState
) -> None:
    settled_ms = round(CHANNEL_SETTLED_S * 1e3)
    assert should_say(worse, said(better), T0)
    assert not should_say(better, said(worse), T0 + settled_ms - 1)
    assert should_say(better, said(worse), T0 + settled_ms)


def test_a_channel_that_comes_and_goes_stays_down_for_a_while() -> None:
    states = [DOWN if k % 2 else OPEN for k in range(CHANNELS_KEPT_MAX)]
    often = said(*states, every_s=60.0)
    window_ms = round(CHANNEL_WINDOW_S * 1e3) - (CHANNELS_KEPT_MAX - 1) * 60_000
    assert not should_say(OPEN, often, T0 + window_ms - 1)
    assert should_say(OPEN, often, T0 + window_ms)
    assert should_say(DOWN, said(*states[1:], OPEN, every_s=60.0), T0), "worse is said however often"


def test_a_clock_that_was_set_back_holds_up_nothing() -> None:
    assert should_say(OPEN, said(DOWN), T0 - 10**9)


def test_a_link_that_flaps_for_a_day_is_not_said_often() -> None:
    told: list[Sent] = []
    for step in range(86_400 // 5):
        now_ms = T0 + 5_000 * step
        state = DOWN if step % 15 >= 12 else OPEN  # cut for 15 s after each minute
        if should_say(state, told[-CHANNELS_KEPT_MAX:], now_ms):
            told += said(state, last_ms=now_ms)
    assert len(told) <= 24 * (CHANNELS_KEPT_MAX + 2)


def test_a_machine_test_is_made_at_first_hourly_and_again_after_a_failure() -> None:
    assert should_test(replace(GOOD, tested_s=None))
    assert not should_test(replace(GOOD, tested_s=MACHINE_TEST_EVERY_S - 0.1))
    assert should_test(replace(GOOD, tested_s=MACHINE_TEST_EVERY_S))
    failed = replace(GOOD, is_test_answered=False)
    assert not should_test(replace(failed, tested_s=MACHINE_TEST_RETRY_S - 0.1))
    assert should_test(replace(failed, tested_s=MACHINE_TEST_RETRY_S))


@pytest.mark.parametrize("link", [None, LATE, CUT, OFF, UNHEARD])
def test_nothing_is_tested_on_a_link_that_does_not_work(link: LinkFacts | None) -> None:
    assert not should_test(replace(GOOD, link=link, tested_s=None))


# -- while it is held ----------------------------------------------------------------------------------

VALUES: dict[str, Value] = {
    "item": ITEM,
    "ours": ITEM,
    "yours": ITEM,
    "begins": T0,
    "later": 900,
    "lower": Height(value=100, unit=Unit.METRES, above=HeightAbove.SEA),
    "upper": Height(value=200, unit=Unit.METRES, above=HeightAbove.SEA),
    "height": Height(value=200, unit=Unit.METRES, above=HeightAbove.SEA),
    "until": T0,
    "at": Position(latitude_e5=0, longitude_e5=0),
    "last_at": Position(latitude_e5=0, longitude_e5=0),
    "radius": 1_000,
    "nature": Nature.FIRE,
    "call_sign": "K7",
    "frequency": 121_500,
    "seen_at": T0,
    "last_seen": T0,
    "calls": 3,
    "since": T0,
    "track": 90,
    "speed": 100,
    "about": ref(NORTH, 0),
    "legs": 2,
    "leg": 1,
    "reason": Reason.FUEL,
    "from": "Ann",
    "by": "Bob",
    "called": "Sami",
    "result": CallResult.BUSY,
    "heard": "A7",
    "drill": "d",
    "report": "A7",
    "text": "hello",
}


def example(code: Code, **given: Any) -> Message:
    """Return a message of a code, as an officer sends it."""
    values = dict(VALUES)
    for each in MESSAGES[code].fields:
        if (code, each.name) in {(Code.PICTURE_CHECKED, "ours")}:
            values["ours"] = "B7"
        if (code, each.name) in {(Code.LEG_START, "at"), (Code.LEG_END, "at")}:
            values["at"] = T0
    if code in ANSWER_CODES:
        given.setdefault("answers", ref("south", 0))
    return message(code, values=values, **given)


GOES_ON = {
    Code.NOTICE_ZONE, Code.REQUEST_STOP, Code.DISTRESS, Code.LOST_AIRCRAFT, Code.PERSONS_AT,
    Code.SEARCH_AREA, Code.DISTRESS_OVER, Code.SITE_NOTICE, Code.MOVEMENT_NOTICE, Code.LEG_START,
    Code.LEG_END, Code.MOVEMENT_DELAYED, Code.REQUEST_RESUME, Code.LINE_TEST, Code.HANDOVER,
    Code.TELEPHONE_CALL, Code.PICTURE_CHECKED, *ANSWER_CODES,
}  # fmt: skip


@pytest.mark.parametrize("code", [code for code in Code if MESSAGES[code].speaker is Speaker.OFFICER])
def test_while_the_dialogue_is_suspended_what_saves_life_goes_on_and_the_rest_waits(code: Code) -> None:
    assert goes_on_while_held(example(code)) is (code in GOES_ON)


def test_whatever_is_raised_to_distress_goes_on() -> None:
    assert goes_on_while_held(text(priority=Priority.DISTRESS))


def test_an_exercise_waits_and_is_answered() -> None:
    assert not goes_on_while_held(example(Code.DISTRESS, drill="d"))
    assert goes_on_while_held(example(Code.ROGER, drill="d"))


def test_a_report_that_was_asked_for_goes_on_and_chatter_as_an_answer_does_not() -> None:
    asked = message(Code.REQUEST_POSITION, NORTH, values={"call_sign": "K7"})
    report = example(Code.POSITION_REPORT, answers=ref("south", 0))
    assert goes_on_while_held(report, asked)
    assert not goes_on_while_held(report)
    assert not goes_on_while_held(text(answers=ref("south", 0)), asked)


def test_what_was_wrong_may_be_corrected() -> None:
    assert goes_on_while_held(asks(corrects=ref(NORTH, 0)))


def test_what_goes_on_is_told_in_words() -> None:
    for word in ("distress", "zones", "humanitarian", "answers", "line tests", "resume"):
        assert word in channel.GOES_ON_WHILE_HELD
