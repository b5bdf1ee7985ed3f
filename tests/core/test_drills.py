"""Drills: both sides make one report of equal statements, and what a side signed is held against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.dialogues import Read, Received, Sent
from keepclear.core.drills import (
    ALL_MESSAGES,
    ENDINGS_COMPARED_MAX,
    EXCHANGES_COMPARED_MAX,
    JOINT_DRILL,
    SCENARIOS,
    Line,
    Role,
    drills_of,
    report_of,
)
from keepclear.core.hotline import Hotline
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import MESSAGES, Code, Message, Position, Speaker, Step, Value
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.statements import Head

NORTH, SOUTH, RELIEF = PartyId("north"), PartyId("south"), PartyId("relief")
NAME: Final = "june"
DAY_MS: Final = 86_400_000
ROOT: Final = bytes(32)
FIELDS: Final[dict[Code, dict[str, Value]]] = {
    Code.DRILL_START: {"drill": NAME},
    Code.REQUEST_CONTACT: {"call_sign": "RELIEF1", "frequency": 123_450},
    Code.POSITION_REPORT: {
        "call_sign": "N1",
        "at": Position(latitude_e5=3_540_000, longitude_e5=3_590_000),
        "seen_at": 0,
    },
    Code.NOTICE_END: {"item": ItemRef(party=NORTH, id=ItemId("A"), version=1)},
}


def had(received: Received, party: PartyId, n: int) -> bool:
    return any(of == party and head.size > n for of, head in received)


def ref(party: PartyId, n: int) -> MessageRef:
    return MessageRef(party=party, n=n)


def said(
    party: PartyId,
    n: int,
    code: Code,
    *,
    at_s: float = 0.0,
    answers: int | None = None,
    to: PartyId | None = None,
    drill: str | None = NAME,
    had_of_theirs: int = 0,
    **fields: Value,
) -> Sent:
    """Return a message of one party to the other, and how far the other's log had been received."""
    other = to or (SOUTH if party == NORTH else NORTH)
    of = MESSAGES[code]
    return Sent(
        ref=ref(party, n),
        message=Message(
            code=code,
            to=other,
            fields=tuple((fields or FIELDS.get(code, {})).items()),
            answers=None if answers is None else ref(other, answers),
            priority=of.priority,
            valid_until_ms=DAY_MS,
            drill=drill,
        ),
        person=None if of.speaker is Speaker.NODE else "Nora" if party == NORTH else "Sami",
        at_ms=round(at_s * 1e3),
        received=((other, Head(had_of_theirs, ROOT)),),
    )


def hotline(*sent: Sent) -> Hotline:
    held = Hotline(had)
    for each in sent:
        held.take(each)
    return held


TALK: Final = (
    said(NORTH, 0, Code.DRILL_START, at_s=0),
    said(SOUTH, 0, Code.ROGER, at_s=20, answers=0, had_of_theirs=1),
    said(NORTH, 1, Code.REQUEST_CONTACT, at_s=30, had_of_theirs=1),
    said(SOUTH, 1, Code.STANDBY, at_s=40, answers=1, had_of_theirs=2),
    said(SOUTH, 2, Code.WILL_COMPLY, at_s=55, answers=1, had_of_theirs=2),
    said(SOUTH, 3, Code.POSITION_REPORT, at_s=60, had_of_theirs=2),
)


def test_a_report_tells_of_each_message_how_long_it_took_until_it_was_read_and_answered() -> None:
    report = report_of(hotline(*TALK), NAME, SOUTH, NORTH)
    assert (report.between, report.started_by, report.started_ms) == ((NORTH, SOUTH), NORTH, 0)
    start, contact, position = report.exchanges
    assert (start.seen_after_s, start.answered_after_s) == (20.0, 20.0)
    assert (contact.seen_after_s, contact.answered_after_s) == (10.0, 25.0)  # a standby is read, no answer
    assert contact.stood_by is not None
    assert (position.seen, position.answer, position.seen_after_s, position.answered_after_s) == (None,) * 4
    assert [each.sent.ref for each in report.unanswered] == [ref(SOUTH, 3)]


def test_what_was_said_is_told_by_party_and_the_rest_of_a_scenario_is_missing() -> None:
    report = report_of(hotline(*TALK), NAME, NORTH, SOUTH)
    assert (NORTH, Code.DRILL_START) in report.said
    assert (SOUTH, Code.WILL_COMPLY) in report.said
    missing = report.missing(SCENARIOS[JOINT_DRILL])
    assert Line(Role.FIRST, Code.REQUEST_CONTACT) not in missing
    assert Line(Role.SECOND, Code.WILL_COMPLY) not in missing
    assert Line(Role.FIRST, Code.FLIGHT_PARAMETERS) in missing
    assert missing == [line for line in SCENARIOS[JOINT_DRILL] if line in set(missing)]


def test_the_first_party_is_the_one_that_starts_the_drill() -> None:
    report = report_of(hotline(said(SOUTH, 0, Code.DRILL_START)), NAME, NORTH, SOUTH)
    lines = [Line(Role.FIRST, Code.DRILL_START), Line(Role.SECOND, Code.DRILL_START)]
    assert report.missing(lines) == lines[1:]
    nobody = report_of(hotline(said(NORTH, 0, Code.LINE_TEST)), NAME, NORTH, SOUTH)
    assert nobody.started_by is None
    assert nobody.missing([Line(Role.FIRST, Code.LINE_TEST)]) == []  # nobody says who the first one is


def test_every_message_of_officers_is_in_the_scenario_of_all() -> None:
    codes = [line.code for line in SCENARIOS[ALL_MESSAGES]]
    assert set(codes) == {code for code, of in MESSAGES.items() if of.speaker is Speaker.OFFICER}


def test_what_is_meant_what_is_of_another_drill_and_of_other_parties_is_not_in_the_report() -> None:
    more = (
        said(NORTH, 5, Code.LINE_TEST, drill=None),
        said(NORTH, 6, Code.LINE_TEST, drill="july"),
        said(NORTH, 7, Code.LINE_TEST, to=RELIEF),
        said(RELIEF, 0, Code.LINE_TEST, to=SOUTH),
    )
    report = report_of(hotline(*TALK), NAME, NORTH, SOUTH)
    assert report_of(hotline(*TALK, *more), NAME, NORTH, SOUTH) == report
    assert [(each.name, each.between) for each in drills_of(hotline(*TALK, *more))] == [
        ("july", (NORTH, SOUTH)),
        (NAME, (NORTH, RELIEF)),
        (NAME, (NORTH, SOUTH)),
        (NAME, (RELIEF, SOUTH)),
    ]


def test_a_step_of_the_ladder_and_a_time_out_are_told_of_the_message_that_they_are_about() -> None:
    about = ref(NORTH, 1)
    steps = (
        said(NORTH, 3, Code.ESCALATED, at_s=60, drill=None, about=about, step=Step.SECOND_PATH),
        said(NORTH, 4, Code.ESCALATED, at_s=90, drill=None, about=about, step=Step.TELEPHONE, called="Sami"),
        said(NORTH, 5, Code.TIMED_OUT, at_s=330, drill=None, about=about),
        said(SOUTH, 4, Code.TIMED_OUT, at_s=1, drill=None, about=about),  # not by whom it was sent
    )
    report = report_of(hotline(*TALK, *steps), NAME, NORTH, SOUTH)
    contact = report.exchanges[1]
    assert contact.steps == ((Step.SECOND_PATH, None, 60_000), (Step.TELEPHONE, "Sami", 90_000))
    assert contact.timed_out_ms == 330_000


def ended(held: Sequence[Sent], party: PartyId, n: int, theirs: int, symbols: str | None = None) -> Sent:
    """Return the end of the drill, with the symbols of what is held unless others are given."""
    told = symbols or report_of(hotline(*held), NAME, NORTH, SOUTH).symbols
    sent = said(party, n, Code.LINE_TEST, at_s=100, had_of_theirs=theirs)
    message = replace(sent.message, code=Code.DRILL_END, fields=(("drill", NAME), ("report", told)))
    return replace(sent, message=message)


def test_what_a_side_signs_at_the_end_is_held_against_the_report_of_the_entries_that_it_had() -> None:
    by_north = ended(TALK, NORTH, 2, theirs=4)
    later = said(NORTH, 3, Code.LINE_TEST, at_s=200, had_of_theirs=4)
    late_answer = said(SOUTH, 4, Code.ROGER, at_s=210, answers=3, had_of_theirs=4)
    held = (*TALK, by_north, later, late_answer)
    report = report_of(hotline(*held), NAME, NORTH, SOUTH)
    assert report.symbols != by_north.message.values["report"]  # more was said since
    (ending,) = report.endings
    assert (ending.ref, ending.person, ending.is_same) == (by_north.ref, "Nora", True)
    other = ended(TALK, SOUTH, 5, theirs=3, symbols="ABCD2345")
    endings = report_of(hotline(*held, other), NAME, NORTH, SOUTH).endings
    assert [each.is_same for each in endings] == [True, False]


def test_the_end_and_what_answers_it_are_no_part_of_what_is_compared_but_end_the_drill() -> None:
    by_north = ended(TALK, NORTH, 2, theirs=4)
    answer = said(SOUTH, 4, Code.ROGER, at_s=110, answers=2, had_of_theirs=3)
    by_south = ended((*TALK, by_north, answer), SOUTH, 5, theirs=3)
    assert by_south.message.values["report"] == by_north.message.values["report"]
    held = hotline(*TALK, by_north, answer)
    assert not drills_of(held)[0].is_over
    held.take(by_south)
    assert drills_of(held)[0].is_over
    report = report_of(held, NAME, NORTH, SOUTH)
    assert [each.is_same for each in report.endings] == [True, True]
    assert report.missing([Line(Role.SECOND, Code.DRILL_END)]) == []


def test_what_whoever_ends_the_drill_had_not_received_does_not_count_in_its_report() -> None:
    known = [each for each in TALK if each.ref.party == NORTH or each.ref.n < 2]
    by_north = ended(known, NORTH, 2, theirs=2)  # the answer of south had not arrived
    (ending,) = report_of(hotline(*TALK, by_north), NAME, NORTH, SOUTH).endings
    assert ending.is_same


def test_of_very_many_ends_the_newest_are_compared_and_none_is_left_out() -> None:
    ends = [ended(TALK, SOUTH, 10 + n, theirs=2) for n in range(ENDINGS_COMPARED_MAX + 3)]
    endings = report_of(hotline(*TALK, *ends), NAME, NORTH, SOUTH).endings
    assert [each.is_same is None for each in endings] == [True] * 3 + [False] * ENDINGS_COMPARED_MAX


@pytest.mark.slow
def test_the_ends_of_a_drill_of_very_many_messages_are_listed_and_not_compared() -> None:
    many = [said(NORTH, n, Code.LINE_TEST, at_s=n) for n in range(EXCHANGES_COMPARED_MAX + 1)]
    for count, is_same in ((EXCHANGES_COMPARED_MAX, True), (EXCHANGES_COMPARED_MAX + 1, None)):
        end = ended(many[:count], NORTH, count, theirs=0)
        (ending,) = report_of(hotline(*many[:count], end), NAME, NORTH, SOUTH).endings
        assert ending.is_same is is_same


def test_a_drill_that_nobody_named_has_an_empty_report() -> None:
    report = report_of(hotline(), "nothing", NORTH, SOUTH)
    assert (report.exchanges, report.said, report.endings, report.started_by) == ((), (), (), None)
    assert len(report.symbols) == 8


@given(order=st.permutations(range(len(TALK))), reads=st.permutations([1, 5]))
def test_equal_statements_give_equal_reports_in_any_order(order: list[int], reads: list[int]) -> None:
    """A law: how the two logs arrive makes no difference; `reads` are entries of officers who read."""

    def read(held: Hotline, n: int) -> Hotline:
        received = ((NORTH, Head(2, ROOT)),)
        held.take_seen(SOUTH, [ref(NORTH, 1)], Read(person="Sami", at_ms=n, n=n), received)
        return held

    one, other = hotline(*TALK), hotline(*(TALK[k] for k in order))
    for n in (1, 5):
        read(one, n)
    for n in reads:
        read(other, n)
    a, b = (report_of(held, NAME, NORTH, SOUTH) for held in (one, other))
    assert a == b
    assert a.symbols == b.symbols


@pytest.mark.parametrize("left_out", range(len(TALK)))
def test_symbols_change_with_every_statement_that_a_side_lacks(left_out: int) -> None:
    some = [each for k, each in enumerate(TALK) if k != left_out]
    whole = report_of(hotline(*TALK), NAME, NORTH, SOUTH)
    assert report_of(hotline(*some), NAME, NORTH, SOUTH).symbols != whole.symbols
