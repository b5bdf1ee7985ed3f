"""Fields of messages as people type them: what is understood, and what is refused rather than guessed."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.cli_fields import (
    FORMS,
    TYPED_CHARACTERS_MAX,
    Typing,
    form_of,
    read_fields,
    read_instant,
    read_number,
    read_value,
)
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import (
    MESSAGES,
    WORDS,
    Code,
    Field,
    FieldKind,
    Height,
    HeightAbove,
    Nature,
    Position,
    Reason,
    Unit,
)
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.times import floor_ms

NOW: Final = datetime(2026, 11, 30, 23, 50, 30, 500_000, tzinfo=UTC)
K = FieldKind


def item(name: str) -> ItemRef:
    party, _, own = name.rpartition(":")
    return ItemRef(party=PartyId(party or "north"), id=ItemId(own), version=3)


TYPING: Final = Typing(now=NOW, item=item)


def ms(text: str) -> int:
    return floor_ms(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (K.ITEM, "bravo:patrol-1", ItemRef(party=PartyId("bravo"), id=ItemId("patrol-1"), version=3)),
        (K.ITEM, "airdrop-1", ItemRef(party=PartyId("north"), id=ItemId("airdrop-1"), version=3)),
        (K.MESSAGE, "bravo:17", MessageRef(party=PartyId("bravo"), n=17)),
        (K.POSITION, "35 24.0 N 35 54.0 E", Position(latitude_e5=3_540_000, longitude_e5=3_590_000)),
        (K.HEIGHT, "6000ft MSL", Height(value=6000, unit=Unit.FEET, above=HeightAbove.SEA)),
        (K.HEIGHT, "-40mW84", Height(value=-40, unit=Unit.METRES, above=HeightAbove.ELLIPSOID)),
        (K.INSTANT, "+15m", ms("2026-12-01T00:05:30Z")),
        (K.INSTANT, "now", ms("2026-11-30T23:50:30Z")),
        (K.DURATION, "15m", 900),
        (K.DISTANCE, "3NM", 5_556),
        (K.DISTANCE, "1.2 m", 2),
        (K.SPEED, "120kt", 62),
        (K.SPEED, "36 km/h", 10),
        (K.TRACK, "090", 90),
        (K.TRACK, "360", 0),
        (K.FREQUENCY, "123.45MHz", 123_450),
        (K.FREQUENCY, "8891 kHz", 8_891),
        (K.COUNT, "4", 4),
        (K.CALL_SIGN, "relief1", "RELIEF1"),
        (K.REASON, "fuel", Reason.FUEL),
        (K.NATURE, "medical", Nature.MEDICAL),
        (K.SYMBOLS, "7k2m 9qxd", "7K2M9QXD"),
        (K.TEXT, "the bridge = closed", "the bridge = closed"),
        (K.PARTY, "bravo", "bravo"),
    ],
)
def test_what_is_typed_is_understood(kind: FieldKind, text: str, value: object) -> None:
    assert read_value(Field("field", kind), text, TYPING) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (K.MESSAGE, "17"),
        (K.MESSAGE, "bravo:-1"),
        (K.POSITION, "35.4 35.9"),
        (K.POSITION, "95.0N 35.9E"),
        (K.HEIGHT, "6000ft"),
        (K.HEIGHT, "6000MSL"),
        (K.HEIGHT, "FL60"),
        (K.HEIGHT, "60.5mMSL"),
        (K.HEIGHT, "999999ftMSL"),
        (K.INSTANT, "10:42"),
        (K.INSTANT, "25:00Z"),
        (K.INSTANT, "2026-11-30T10:42:00"),
        (K.INSTANT, "tomorrow"),
        (K.INSTANT, "+"),
        (K.DURATION, "1.5s"),
        (K.DISTANCE, "-5m"),
        (K.SPEED, "mach 2"),
        (K.TRACK, "36.5"),
        (K.FREQUENCY, "123450"),
        (K.FREQUENCY, "8891.5kHz"),
        (K.FREQUENCY, "123.4567MHz"),
        (K.COUNT, "a few"),
        (K.COUNT, "\N{ARABIC-INDIC DIGIT FOUR}"),
        (K.REASON, "fule"),
        (K.SYMBOLS, "OIL"),
    ],
)
def test_what_would_have_to_be_guessed_is_refused_and_the_form_is_shown(kind: FieldKind, text: str) -> None:
    with pytest.raises(InvalidValueError) as error:
        read_value(Field("field", kind), text, TYPING)
    assert error.value.field == "fields.field"
    assert form_of(kind) in error.value.reason


@pytest.mark.parametrize(
    ("now", "text", "then"),
    [
        ("23:50", "00:10Z", "+20"),
        ("23:50", "23:40Z", "-10"),
        ("00:10", "23:50Z", "-20"),
        ("12:00", "23:59:59Z", "+719.983"),
    ],
)
def test_a_time_of_day_is_the_one_nearest_to_now(now: str, text: str, then: str) -> None:
    at = datetime.fromisoformat(f"2026-11-30T{now}:00Z")
    expected = at + timedelta(minutes=float(then))
    assert abs(read_instant(text, at) - floor_ms(expected)) < 1_000


def test_fields_come_in_the_order_of_the_catalogue_and_each_once() -> None:
    of = MESSAGES[Code.PERSONS_AT]
    typed = ["nature=medical", "radius=500m", "at=35.4N 35.9E"]
    assert [name for name, _ in read_fields(of, typed, TYPING)] == ["at", "radius", "nature"]
    with pytest.raises(InvalidValueError, match="given twice"):
        read_fields(of, ["radius=1m", "radius=2m"], TYPING)
    with pytest.raises(InvalidValueError, match="did you mean 'radius'"):
        read_fields(of, ["raduis=1m"], TYPING)
    with pytest.raises(InvalidValueError, match="name=value"):
        read_fields(of, ["500m"], TYPING)
    with pytest.raises(InvalidValueError, match="no fields"):
        read_fields(MESSAGES[Code.LINE_TEST], ["at=now"], TYPING)


def test_every_kind_of_field_has_a_form_and_every_word_is_shown() -> None:
    assert set(FORMS) == set(FieldKind)
    for kind, words in WORDS.items():
        assert all(word.value in form_of(kind) for word in words)


def test_a_count_below_zero_is_told_what_it_may_be() -> None:
    with pytest.raises(InvalidValueError, match="'-4': it must be 0 or more"):
        read_value(Field("persons", K.COUNT), "-4", TYPING)


def test_a_field_that_is_too_long_is_refused_and_not_shown_whole() -> None:
    with pytest.raises(InvalidValueError) as error:
        read_value(Field("field", K.COUNT), "9" * (TYPED_CHARACTERS_MAX + 1), TYPING)
    assert len(str(error.value)) < 200
    with pytest.raises(InvalidValueError) as error:
        read_value(Field("field", K.COUNT), "9" * TYPED_CHARACTERS_MAX, TYPING)
    assert len(str(error.value)) < 200


@given(party=st.from_regex(r"[a-z][a-z0-9 :-]{0,20}[a-z]", fullmatch=True), n=st.integers(0, 2**40 - 1))
def test_a_reference_number_is_read_as_it_is_written(party: str, n: int) -> None:
    ref = MessageRef(party=PartyId(party), n=n)
    assert read_number(str(ref)) == ref
    assert read_number(f"{party}:{n}") == ref


@given(kind=st.sampled_from(FieldKind), text=st.text(max_size=30))
def test_whatever_is_typed_is_read_or_refused(kind: FieldKind, text: str) -> None:
    def lookup(_: str) -> ItemRef:
        raise InvalidValueError("id", "it is not held")

    with contextlib.suppress(InvalidValueError):
        read_value(Field("field", kind), text, Typing(now=NOW, item=lookup))
