"""Values as people write them: one spelling each, read back the same, and read when it is near."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import (
    MESSAGES,
    WORDS,
    Field,
    FieldKind,
    Height,
    HeightAbove,
    Nature,
    Position,
    Reason,
    Unit,
    Value,
)
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.written import (
    WRITTEN_CHARACTERS_MAX,
    moment_text,
    read_moment,
    read_value,
    read_word,
    text_of,
)
from tests.strategies_messages import values

K = FieldKind
AIRDROP = ItemRef(party=PartyId("north"), id=ItemId("airdrop-1"), version=2)
EXAMPLES: list[tuple[FieldKind, Value, str]] = [
    (K.ITEM, AIRDROP, "north:airdrop-1 v2"),
    (K.ITEM, ItemRef(party=PartyId("a:b"), id=ItemId("c:d v3"), version=1), "a\\:b:c:d v3 v1"),
    (K.MESSAGE, MessageRef(party=PartyId("north"), n=17), "north 17"),
    (K.MESSAGE, MessageRef(party=PartyId("north 2"), n=0), "north 2 0"),
    (K.PARTY, "north", "north"),
    (K.POSITION, Position(latitude_e5=3_540_000, longitude_e5=-180_00000), "35.40000 N 180.00000 W"),
    (K.POSITION, Position(latitude_e5=-1, longitude_e5=0), "0.00001 S 0.00000 E"),
    (K.HEIGHT, Height(value=6_000, unit=Unit.FEET, above=HeightAbove.SEA), "6000 FT MSL"),
    (K.HEIGHT, Height(value=-30, unit=Unit.METRES, above=HeightAbove.ELLIPSOID), "-30 M W84"),
    (K.INSTANT, 1_796_035_320_000, "2026-11-30 10:42:00Z"),
    (K.DURATION, 900, "15 MIN"),
    (K.DURATION, 90, "90 S"),
    (K.DURATION, 0, "0 S"),
    (K.DISTANCE, 2_000, "2000 M"),
    (K.SPEED, 120, "120 M/S"),
    (K.TRACK, 5, "005 DEG"),
    (K.FREQUENCY, 121_500, "121500 KHZ"),
    (K.COUNT, 22, "22"),
    (K.CALL_SIGN, "RELIEF1", "RELIEF1"),
    (K.PERSON, "Capt. Ö. Haddad", "Capt. Ö. Haddad"),
    (K.REASON, Reason.TOO_LATE, "TOO LATE"),
    (K.TEXT, "no  answer", "no  answer"),
]


@pytest.mark.parametrize(("kind", "value", "text"), EXAMPLES)
def test_examples_are_written_so_and_read_back(kind: FieldKind, value: Value, text: str) -> None:
    assert text_of(kind, value) == text
    assert read_value(kind, text) == value


@given(st.data())
def test_what_is_written_is_read_back_as_the_same_value(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(FieldKind))
    value = data.draw(values(Field("of", kind)))
    assert read_value(kind, text_of(kind, value)) == value


@given(st.integers(0, 7_258_118_400_000))
def test_every_millisecond_is_read_back(at_ms: int) -> None:
    assert read_moment(moment_text(at_ms)) == at_ms


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (K.ITEM, " north:airdrop-1 V2", AIRDROP),
        (K.POSITION, "n35 24 00 e35 54 00", Position(latitude_e5=3_540_000, longitude_e5=3_590_000)),
        (K.HEIGHT, "6000ft msl", Height(value=6_000, unit=Unit.FEET, above=HeightAbove.SEA)),
        (K.INSTANT, "2026-11-30t10:42:00z", 1_796_035_320_000),
        (K.INSTANT, "2026-11-30 10:42:00 Z", 1_796_035_320_000),
        (K.DURATION, "15min", 900),
        (K.DURATION, "900 s", 900),
        (K.TRACK, "5deg", 5),
        (K.CALL_SIGN, "relief1", "RELIEF1"),
        (K.NATURE, " under_threat", Nature.UNDER_THREAT),
        (K.NATURE, "no  radio", Nature.NO_RADIO),
    ],
)
def test_what_is_near_is_read(kind: FieldKind, text: str, value: Value) -> None:
    assert read_value(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        (K.ITEM, "airdrop-1 v2", "write it as north:airdrop-1 v2"),
        (K.ITEM, "north:airdrop-1", "write it as north:airdrop-1 v2"),
        (K.ITEM, "north:airdrop-1 v0", "0 is no version"),
        (K.MESSAGE, "17", "write it as north 17"),
        (K.HEIGHT, "6000", "write it as 6000 FT MSL, or 1829 M W84"),
        (K.HEIGHT, "6000000 FT MSL", "no height of an aircraft"),
        (K.INSTANT, "10:42", "write it as 2026-11-30 10:42:00Z"),
        (K.INSTANT, "2026-11-30 10:42:00", "write it as 2026-11-30 10:42:00Z"),
        (K.INSTANT, "2026-11-31 10:42:00Z", "day"),
        (K.INSTANT, "٢٠٢٦-11-30 10:42:00Z", "write it as"),
        (K.DURATION, "15", "write it as 15 MIN, or 90 S"),
        (K.COUNT, "-1", "write it as 22"),
        (K.COUNT, "9" * 16, "write it as 22"),
        (K.SPEED, "120 KT", "write it as 120 M/S"),
        (K.REASON, "bored", "one of: TOO LATE, WEATHER, FUEL"),
        (K.POSITION, "35.4 35.9", "needs"),
        (K.TEXT, "x" * (WRITTEN_CHARACTERS_MAX + 1), "over 1,200 characters"),
    ],
)
def test_what_cannot_be_read_is_told_with_an_example(kind: FieldKind, text: str, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        read_value(kind, text)


def test_the_longest_values_are_read() -> None:
    longest = ItemRef(party=PartyId("\\" * 256), id=ItemId("x" * 256), version=2**31 - 1)
    assert read_value(K.ITEM, text_of(K.ITEM, longest)) == longest
    assert read_value(K.TEXT, "x" * WRITTEN_CHARACTERS_MAX) == "x" * WRITTEN_CHARACTERS_MAX


def test_every_word_of_every_set_is_read_back() -> None:
    for words in WORDS.values():
        for word in words:
            assert read_word(words, str(word.value).upper()) is word


def test_there_is_an_example_for_each_kind_of_field_that_is_used() -> None:
    kinds = {field.kind for of in MESSAGES.values() for field in of.fields}
    assert kinds <= {kind for kind, _, _ in EXAMPLES} | set(WORDS) | {K.SYMBOLS, K.DRILL}
