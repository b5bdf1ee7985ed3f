"""Messages: the table of codes, and what of a message is refused."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import Any

import pytest

from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.core.messages import (
    ANSWER_CODES,
    CLOSING,
    DEGREE_STEPS,
    DRILL_CHARACTERS_MAX,
    FREE_TEXT_CHARACTERS_MAX,
    MESSAGES,
    WORDS,
    Code,
    Field,
    FieldKind,
    Height,
    HeightAbove,
    Message,
    Position,
    Priority,
    Response,
    Speaker,
    Unit,
    answers_to,
    check_value,
    closes,
    readers_of,
)
from keepclear.core.refs import LOG_ENTRIES_MAX, MessageRef
from keepclear.core.times import TIME_MAX, floor_ms
from tests.core.hotlines import ITEM, NORTH, SOUTH, T0, message, ref, text
from tests.core.test_channel import example

# -- the table --------------------------------------------------------------------------------------


def test_every_code_is_in_the_table() -> None:
    assert set(MESSAGES) == set(Code)


@pytest.mark.parametrize("code", Code)
def test_the_fields_of_a_code_have_different_names_and_what_is_needed_is_there(code: Code) -> None:
    names = [field.name for field in MESSAGES[code].fields]
    assert len(set(names)) == len(names)
    assert MESSAGES[code].valid_s > 0


@pytest.mark.parametrize("code", Code)
def test_what_answers_a_message_is_told_and_nothing_else_closes_it(code: Code) -> None:
    answers = answers_to(code)
    assert {each for each in Code if closes(each, code)} == {
        *CLOSING[MESSAGES[code].response],
        *MESSAGES[code].reports,
    }
    assert (answers == ()) is (MESSAGES[code].response is Response.NONE)
    assert all(each in answers for each in Code if closes(each, code))
    assert (Code.STANDBY in answers) is (MESSAGES[code].response in (Response.COMPLY, Response.AFFIRM))


def test_no_answer_asks_for_another_one_but_reports() -> None:
    for code in ANSWER_CODES:
        assert MESSAGES[code].response is Response.NONE


def test_free_text_never_closes_anything() -> None:
    assert not any(closes(Code.FREE_TEXT, code) for code in Code)


def test_no_word_and_no_code_stands_for_two_things() -> None:
    every: list[type[Enum]] = [Code, Response, Priority, *WORDS.values()]
    for words in every:
        values = [each.value for each in words]
        assert len(set(values)) == len(values)


def test_what_nodes_say_by_themselves_wants_no_answer() -> None:
    machine = [code for code in Code if MESSAGES[code].speaker is Speaker.NODE]
    assert len(machine) == 5
    assert all(MESSAGES[code].response is Response.NONE for code in machine)


def test_the_most_urgent_comes_first() -> None:
    assert [priority.rank for priority in Priority] == [0, 1, 2]
    assert Priority.DISTRESS.rank == 0


def test_everybody_may_read_what_is_urgent_and_the_two_what_is_not() -> None:
    for code in Code:
        if MESSAGES[code].speaker is Speaker.OFFICER:
            said = example(code)
            assert readers_of(said) == (SOUTH if said.priority is Priority.ROUTINE else None)


# -- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("to", {"to": ""}),
        ("to", {"to": "so\nuth"}),
        ("priority", {"priority": Priority.ROUTINE}),
        ("valid_until", {"valid_until_ms": -1}),
        ("valid_until", {"valid_until_ms": floor_ms(TIME_MAX) + 1}),
        ("drill", {"drill": ""}),
        ("drill", {"drill": "x" * (DRILL_CHARACTERS_MAX + 1)}),
        ("answers", {"answers": ref(NORTH, 0)}),
        ("corrects", {"corrects": ref(SOUTH, 0)}),
        ("fields.item", {"fields": ()}),
        ("fields.colour", {"fields": (("item", ITEM), ("colour", "red"))}),
    ],
)
def test_a_message_that_exists_is_well_formed(field: str, changes: dict[str, Any]) -> None:
    good = message(Code.NOTICE_CHANGE, values={"item": ITEM})
    with pytest.raises(InvalidValueError) as caught:
        replace(good, **changes)
    assert caught.value.field == field


@pytest.mark.parametrize("code", [code for code in Code if code in ANSWER_CODES])
def test_an_answer_names_what_it_answers(code: Code) -> None:
    with pytest.raises(InvalidValueError, match="name which"):
        example(code, answers=None)


def test_what_a_node_says_answers_and_corrects_nothing() -> None:
    with pytest.raises(InvalidValueError, match="answers"):
        message(Code.MACHINE_TEST, answers=ref(SOUTH, 0))
    with pytest.raises(InvalidValueError, match="answers"):
        message(Code.MACHINE_TEST, corrects=ref(NORTH, 0))


def test_fields_stand_once_and_in_the_order_of_the_table() -> None:
    good = example(Code.DISTRESS)
    assert good.values["call_sign"] == "K7"
    for fields in (tuple(reversed(good.fields)), (*good.fields, good.fields[0])):
        with pytest.raises(InvalidValueError, match="fields"):
            replace(good, fields=fields)


def test_a_sender_may_raise_the_priority() -> None:
    assert text(priority=Priority.DISTRESS).priority is Priority.DISTRESS


HEIGHT = Height(value=1, unit=Unit.FEET, above=HeightAbove.SEA)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (FieldKind.INSTANT, T0 + 1),
        (FieldKind.INSTANT, -1_000),
        (FieldKind.DURATION, 31 * 86_400 + 1),
        (FieldKind.DISTANCE, 1_000_001),
        (FieldKind.SPEED, 5_001),
        (FieldKind.TRACK, 360),
        (FieldKind.TRACK, True),
        (FieldKind.FREQUENCY, 0),
        (FieldKind.COUNT, -1),
        (FieldKind.COUNT, "3"),
        (FieldKind.CALL_SIGN, "k7"),
        (FieldKind.CALL_SIGN, "K 7"),
        (FieldKind.CALL_SIGN, ""),
        (FieldKind.CALL_SIGN, "K" * 17),
        (FieldKind.CALL_SIGN, "\u041a7"),
        (FieldKind.PERSON, "A\u202eB"),
        (FieldKind.TEXT, "x" * (FREE_TEXT_CHARACTERS_MAX + 1)),
        (FieldKind.TEXT, "two\nlines"),
        (FieldKind.TEXT, 7),
        (FieldKind.SYMBOLS, "O0"),
        (FieldKind.SYMBOLS, "a7"),
        (FieldKind.PARTY, ""),
        (FieldKind.ITEM, "a"),
        (FieldKind.MESSAGE, 7),
        (FieldKind.POSITION, HEIGHT),
        (FieldKind.HEIGHT, 7),
        (FieldKind.REASON, "fuel"),
        (FieldKind.STATE, Unit.FEET),
    ],
)
def test_a_value_is_of_its_kind_and_within_its_limits(kind: FieldKind, value: Any) -> None:
    with pytest.raises(InvalidValueError) as caught:
        check_value(Field("x", kind), value)
    assert caught.value.field == "fields.x"


@pytest.mark.parametrize(
    ("latitude", "longitude"), [(90.00001, 0), (-90.00001, 0), (0, 180), (0, -180.00001)]
)
def test_a_position_is_on_the_earth(latitude: float, longitude: float) -> None:
    with pytest.raises(InvalidValueError):
        Position(latitude_e5=round(latitude * DEGREE_STEPS), longitude_e5=round(longitude * DEGREE_STEPS))


def test_a_position_tells_its_degrees() -> None:
    position = Position(latitude_e5=-9_000_000, longitude_e5=-18_000_000)
    assert (position.latitude_deg, position.longitude_deg) == (-90.0, -180.0)


@pytest.mark.parametrize("value", [-5_001, 400_001])
def test_a_height_is_one_of_an_aircraft(value: int) -> None:
    with pytest.raises(InvalidValueError):
        Height(value=value, unit=Unit.FEET, above=HeightAbove.SEA)


def test_the_number_of_a_message_is_a_place_in_a_log() -> None:
    assert str(ref(NORTH, 17)) == "north 17"
    for party, n in (("", 0), ("north", -1), ("north", LOG_ENTRIES_MAX)):
        with pytest.raises(InvalidValueError):
            MessageRef(party=PartyId(party), n=n)


def test_a_message_is_a_value() -> None:
    assert isinstance(hash(example(Code.DISTRESS)), int)
    assert example(Code.DISTRESS) == example(Code.DISTRESS)
    assert isinstance(example(Code.DISTRESS), Message)
