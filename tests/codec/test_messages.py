"""Messages as JSON: back to the same value, one form only, and one clear error for whatever else comes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.codec.messages import WireMessage, message_of, value_of, wire_message
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.core.messages import (
    CALL_SIGN_CHARACTERS_MAX,
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
    Speaker,
    Unit,
    Value,
)
from keepclear.core.refs import VERSION_MAX, ItemRef, MessageRef
from keepclear.core.times import TIME_MAX, floor_ms
from tests.core.hotlines import T0
from tests.core.test_channel import example

printable = st.characters(categories=["L", "M", "N", "P", "S"], include_characters=" ")
texts = st.text(printable, min_size=1, max_size=20)
places = st.builds(MessageRef, party=texts, n=st.integers(0, 2**40 - 1))
SYMBOLS = "ABCDEFGHJKMNPQRSTVWXYZ0123456789"
values: dict[FieldKind, st.SearchStrategy[Any]] = {
    FieldKind.ITEM: st.builds(ItemRef, party=texts, id=texts, version=st.integers(1, VERSION_MAX)),
    FieldKind.MESSAGE: places,
    FieldKind.PARTY: texts,
    FieldKind.POSITION: st.builds(
        Position,
        latitude_e5=st.integers(-9_000_000, 9_000_000),
        longitude_e5=st.integers(-18_000_000, 17_999_999),
    ),
    FieldKind.HEIGHT: st.builds(
        Height,
        value=st.integers(-5_000, 400_000),
        unit=st.sampled_from(Unit),
        above=st.sampled_from(HeightAbove),
    ),
    FieldKind.INSTANT: st.integers(0, floor_ms(TIME_MAX) // 1_000).map(lambda s: s * 1_000),
    FieldKind.DURATION: st.integers(0, 31 * 86_400),
    FieldKind.DISTANCE: st.integers(0, 1_000_000),
    FieldKind.SPEED: st.integers(0, 5_000),
    FieldKind.TRACK: st.integers(0, 359),
    FieldKind.FREQUENCY: st.integers(1, 10_000_000),
    FieldKind.COUNT: st.integers(0, 1_000_000),
    FieldKind.CALL_SIGN: st.text("ABC789-/", min_size=1, max_size=CALL_SIGN_CHARACTERS_MAX),
    FieldKind.PERSON: texts,
    FieldKind.SYMBOLS: st.text(SYMBOLS, min_size=1, max_size=32),
    FieldKind.DRILL: texts,
    FieldKind.TEXT: texts,
    **{kind: st.sampled_from(words) for kind, words in WORDS.items()},
}


@st.composite
def messages(draw: st.DrawFn, speaker: Speaker | None = None) -> Message:
    """Draw a message of any code, with any fields."""
    codes = [code for code in Code if speaker in (None, MESSAGES[code].speaker)]
    code = draw(st.sampled_from(codes))
    of, to = MESSAGES[code], draw(texts)
    fields: list[tuple[str, Value]] = []
    for field in of.fields:
        if field.is_needed or draw(st.booleans()):
            fields.append((field.name, draw(values[field.kind])))
    answers = corrects = None
    if of.speaker is Speaker.OFFICER:
        number = draw(st.integers(0, 100))
        answers = MessageRef(party=PartyId(to), n=number)
        if of.response.value != "N" or code in (Code.TELEPHONE_CALL, Code.PICTURE_CHECKED):
            answers = draw(st.sampled_from([answers, None]))
        if draw(st.booleans()):
            corrects = draw(places.filter(lambda place: place.party != to))
    return Message(
        code=code,
        to=PartyId(to),
        fields=tuple(fields),
        answers=answers,
        corrects=corrects,
        priority=draw(st.sampled_from([p for p in Priority if p.rank <= of.priority.rank])),
        valid_until_ms=draw(st.integers(0, floor_ms(TIME_MAX))),
        drill=draw(st.none() | texts),
    )


def written(message: Message) -> bytes:
    return msgspec.json.encode(wire_message(message))


def read(text: bytes) -> Message:
    return message_of(msgspec.json.decode(text, type=WireMessage, strict=True))


@given(messages())
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    text = written(message)
    assert read(text) == message
    assert written(read(text)) == text, "there is one form of it"


def test_a_message_is_written_with_whole_numbers_and_short_words() -> None:
    message = example(Code.POSITION_REPORT, answers=MessageRef(party=PartyId("south"), n=4))
    assert json.loads(written(message)) == {
        "code": "position_report",
        "to": "south",
        "fields": {
            "call_sign": "K7",
            "at": [0, 0],
            "height": [200, "m", "MSL"],
            "seen_at": T0,
        },
        "answers": {"party": "south", "n": 4},
        "priority": "safety",
        "valid_until": T0 + 86_400_000,
    }


def wired(**changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(written(example(Code.DISTRESS)))
    fields = changes.pop("fields", {})
    told["fields"] |= fields
    return told | changes


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("code", {"code": "distres"}),
        ("code", {"code": ""}),
        ("priority", {"priority": "SAFETY"}),
        ("priority", {"priority": "routine"}),
        ("to", {"to": ""}),
        ("answers.n", {"answers": {"party": "south", "n": -1}}),
        ("corrects.party", {"corrects": {"party": "", "n": 1}}),
        ("fields.colour", {"fields": {"colour": "red"}}),
        ("fields.at", {"fields": {"at": [1]}}),
        ("fields.at", {"fields": {"at": [1.5, 2]}}),
        ("fields.at", {"fields": {"at": "35N 36E"}}),
        ("fields.at.latitude", {"fields": {"at": [9_000_001, 0]}}),
        ("fields.height", {"fields": {"height": [1, "ft"]}}),
        ("fields.height", {"fields": {"height": [1, "feet", "MSL"]}}),
        ("fields.nature", {"fields": {"nature": "Fire"}}),
        ("fields.nature", {"fields": {"nature": 7}}),
        ("fields.persons", {"fields": {"persons": True}}),
        ("fields.persons", {"fields": {"persons": None}}),
        ("fields.call_sign", {"fields": {"call_sign": {}}}),
        ("valid_until", {"valid_until": -1}),
    ],
)
def test_what_is_no_message_is_refused_and_the_field_is_named(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError) as caught:
        message_of(msgspec.convert(wired(**changes), WireMessage, strict=True))
    assert caught.value.field == field


def test_a_slip_gets_a_hint() -> None:
    with pytest.raises(InvalidValueError, match="distress"):
        message_of(msgspec.convert(wired(code="distres"), WireMessage, strict=True))
    with pytest.raises(InvalidValueError, match="call_sign"):
        message_of(msgspec.convert(wired(fields={"callsign": "K7"}), WireMessage, strict=True))


@pytest.mark.parametrize("changes", [{"colour": 1}, {"valid_until": 1.5}, {"valid_until": "1"}, {"to": 7}])
def test_what_is_no_form_of_a_message_is_not_read(changes: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wired(**changes), WireMessage, strict=True)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(st.sampled_from(FieldKind), anything)
def test_whatever_comes_as_a_value_is_read_or_refused(kind: FieldKind, told: object) -> None:
    refused = None
    try:
        value_of(Field("x", kind), told)
    except InvalidValueError as error:
        refused = error.field
    assert refused is None or refused.startswith("fields.x")
