"""Check symbols: what is read out is what is written down, and slips are told or harmless."""

# ruff: noqa: RUF001 - words and letters of other scripts
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.errors import InvalidValueError
from keepclear.core.symbols import (
    SYMBOLS,
    TYPED_CHARACTERS_MAX,
    WORDS,
    Script,
    grouped,
    read_symbols,
    spelled,
    symbols_of,
)

SOME = st.text(SYMBOLS, min_size=1, max_size=16)


def test_there_are_32_symbols_without_i_l_o_and_u() -> None:
    assert len(set(SYMBOLS)) == 32
    assert not set(SYMBOLS) & set("ILOU")


@pytest.mark.parametrize("script", Script)
def test_each_script_has_a_word_for_each_symbol_and_no_two_are_alike(script: Script) -> None:
    words = WORDS[script]
    assert list(words) == list(SYMBOLS)
    assert len({word.casefold() for word in words.values()}) == 32


def test_no_word_of_one_script_stands_for_another_symbol_in_another() -> None:
    meant: dict[str, set[str]] = {}
    for words in WORDS.values():
        for symbol, word in words.items():
            meant.setdefault(word.casefold(), set()).add(symbol)
    assert all(len(symbols) == 1 for symbols in meant.values())


@pytest.mark.parametrize(
    ("data", "count", "symbols"),
    [
        # By hand: 00000 00001 ... ; and all ones.
        ("0044 3214 c7 42", 8, "01234567"),
        ("ff ff ff ff ff", 8, "ZZZZZZZZ"),
        ("ff ff ff ff ff", 1, "Z"),
        ("08", 1, "1"),
        ("00", 0, ""),
    ],
)
def test_a_symbol_is_five_bits_from_the_front(data: str, count: int, symbols: str) -> None:
    assert symbols_of(bytes.fromhex(data), count) == symbols


@given(st.binary(min_size=20, max_size=20), st.integers(0, 32))
def test_fewer_symbols_are_the_beginning_of_more(data: bytes, count: int) -> None:
    assert symbols_of(data, 32).startswith(symbols_of(data, count))


@given(SOME, st.sampled_from(Script))
def test_what_is_read_out_is_what_is_written_down(symbols: str, script: Script) -> None:
    assert read_symbols(" ".join(spelled(symbols, script)), len(symbols)) == symbols
    assert read_symbols(", ".join(spelled(symbols, script)).upper(), len(symbols)) == symbols


@given(SOME)
def test_symbols_are_read_however_they_are_grouped_and_written(symbols: str) -> None:
    for text in (symbols, symbols.lower(), grouped(symbols), " ".join(symbols), "-".join(symbols)):
        assert read_symbols(text, len(symbols)) == symbols


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("K7QF", "K7QF"),
        ("k7qf", "K7QF"),
        ("Kilo seven Quebec fox7", None),
        ("kilo seven quebec foxtrot", "K7QF"),
        ("Kilo 7 QF", "K7QF"),
        ("oil0", "0110"),
        ("wun fower niner ait", "1498"),
        ("Кило севен Квебек Фокстрот", "K7QF"),
        ("كيلو سفن كيبيك فوكستروت", "K7QF"),
        ("x-ray xray X Эксрей", "XXXX"),
        ("٧٨٩٠", "7890"),
        ("Ｋ７ＱＦ", "K7QF"),
        ("papa", "PAPA"),
        ("papa papa papa papa", "PPPP"),
        ("K7-QF", "K7QF"),
    ],
)
def test_examples_of_what_people_write(text: str, symbols: str | None) -> None:
    if symbols is None:
        with pytest.raises(InvalidValueError):
            read_symbols(text, 4)
    else:
        assert read_symbols(text, 4) == symbols


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("K7Q", "3 symbols instead of 4: one was left out"),
        ("", "0 symbols instead of 4"),
        ("K7QFA", "5 symbols instead of 4: one was said twice"),
        ("K7QU", "'U' in 'K7QU' is no symbol"),
        ("Kilu seven Quebec Foxtrot", "'Kilu' is no word; is it 'Kilo'"),
        ("К7QF", "is no symbol; they are digits and Latin letters"),  # a Cyrillic letter
        ("K7Q\x00", r"'\\x00' in 'K7Q\\x00' is no symbol"),
        ("\u202eK7QF", "is no symbol"),
        ("K" * (TYPED_CHARACTERS_MAX + 1), "1,001 characters are over the limit of 1,000"),
        ("K" * TYPED_CHARACTERS_MAX, "1000 symbols instead of 4"),
    ],
)
def test_what_are_no_symbols_is_told_with_what_to_do(text: str, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        read_symbols(text, 4)


@given(st.text(max_size=40), st.integers(0, 8))
def test_any_text_is_read_as_so_many_symbols_or_refused_with_a_reason(text: str, count: int) -> None:
    try:
        read = read_symbols(text, count)
    except InvalidValueError as error:
        told = error.reason
    else:
        told = read
        assert len(read) == count
        assert set(read) <= set(SYMBOLS)
    assert told.isprintable()
