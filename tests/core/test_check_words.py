"""Words that stand for bytes: the list is the known one, and slips of a telephone call are found."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.check_words import (
    CHECK_WORDS,
    FINGERPRINT_BYTES,
    WORDS_MAX,
    bytes_of,
    halves,
    words_of,
)
from keepclear.core.errors import InvalidValueError

# The examples that descriptions of the list and other implementations give.
KNOWN = {
    "E58294F2E9A227486E8B061B31CC528FD7FA3F19": """
        topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa
        afflict bravado chatter revolver Dupont midsummer stopwatch whimsical cowbell bottomless""",
    "12B4B0057400076FA5C0F5CBF726AC65": """
        atlas politeness ruffled almighty indoors adroitness ahead hemisphere
        reindeer recipe vapor revival virus caretaker ribcage glossary""",
    "0000FFFF": "aardvark adroitness Zulu Yucatan",
}


@pytest.mark.parametrize(("digits", "words"), KNOWN.items())
def test_the_words_are_those_of_others(digits: str, words: str) -> None:
    assert words_of(bytes.fromhex(digits)) == tuple(words.split())
    assert bytes_of(words.split()) == bytes.fromhex(digits)


def test_there_are_twice_256_words_all_different_of_plain_letters() -> None:
    assert [len(words) for words in CHECK_WORDS] == [256, 256]
    assert len({word.lower() for words in CHECK_WORDS for word in words}) == 512
    assert all(word.isascii() and word.isalpha() for words in CHECK_WORDS for word in words)


def test_the_words_are_in_the_order_of_the_alphabet_but_for_one_pair_of_the_original() -> None:
    out_of_order = [
        pair
        for words in CHECK_WORDS
        for pair in itertools.pairwise(words)
        if pair[0].lower() >= pair[1].lower()
    ]
    assert out_of_order == [("applicant", "Apollo")]


def test_words_of_odd_places_are_longer_as_they_have_a_syllable_more() -> None:
    even, odd = (sum(map(len, words)) for words in CHECK_WORDS)
    assert odd > even + 256


@given(st.binary(max_size=WORDS_MAX))
def test_words_stand_for_the_bytes_they_came_from(data: bytes) -> None:
    words = words_of(data)
    assert bytes_of(words) == data
    assert bytes_of([word.swapcase() for word in words]) == data


@given(st.binary(min_size=FINGERPRINT_BYTES, max_size=FINGERPRINT_BYTES), st.integers(0, 14))
def test_a_word_that_is_left_out_or_said_twice_or_swapped_is_found_at_once(data: bytes, place: int) -> None:
    words = [*words_of(data)]
    swapped = [*words[:place], words[place + 1], words[place], *words[place + 2 :]]
    for wrong, found in (
        (words[:place] + words[place + 1 :], place),
        (words[: place + 1] + words[place:], place + 1),
        (swapped, place),
    ):
        with pytest.raises(InvalidValueError, match="left out, said twice or swapped") as caught:
            bytes_of(wrong)
        assert caught.value.field == f"words[{found}]"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["topmost", "Istambul"], "'Istambul' is not a check word; did you hear 'Istanbul'"),
        (["Yucatán"], "'Yucatán' is not a check word"),
        (["Zulu", "Yucatán"], "did you hear 'Yucatan'"),
        (["xxxxxxxx"], "ask for it again"),
        ([""], "ask for it again"),
        (["\x1b[2J" + "x" * 100_000], r"'\\x1b\[2Jxxxxxxxxxxxxxxxxxxxx' is not a check word"),
    ],
)
def test_an_unknown_word_is_told_with_the_nearest_one(words: list[str], reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason) as caught:
        bytes_of(words)
    assert caught.value.field == f"words[{len(words) - 1}]"


def test_as_many_words_as_the_limit_are_read_and_no_more() -> None:
    words = words_of(bytes(WORDS_MAX))
    assert bytes_of(words) == bytes(WORDS_MAX)
    with pytest.raises(InvalidValueError, match="65 words are over the limit of 64"):
        bytes_of((*words, "aardvark"))


def test_two_people_read_half_of_the_words_each() -> None:
    words = words_of(bytes(range(FINGERPRINT_BYTES)))
    assert halves(words) == (words[:8], words[8:])
    assert halves(words[:3]) == (words[:2], words[2:3])
