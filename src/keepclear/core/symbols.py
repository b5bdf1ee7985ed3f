"""Check symbols, to be read out by voice: letters and digits that are heard apart, five bits each.

The letters I, L, O and U are left out, so that no letter looks like a digit and no word is spelled. A symbol
is read out by the word of the ICAO alphabet, which people of all languages know; a word that sounds like
another is not among them. How many symbols are enough depends on what they protect: see `picture_check` for
a check against a liar, and `paper` for one against slips.

Source:
    The symbols: Crockford's Base32. The words: ICAO Annex 10, volume II, 5.2.1.3.
"""

# ruff: noqa: RUF001 - the words are in Cyrillic, too
from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping
from enum import Enum
from typing import Final

from keepclear.core.errors import InvalidValueError

SYMBOLS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""The symbols, in the order of what they stand for, 0 to 31."""
SYMBOL_BITS: Final = 5
"""So many bits a symbol stands for."""
GROUP: Final = 4
"""So many symbols are written, and read out, without a pause."""
TYPED_CHARACTERS_MAX: Final = 1_000
"""The most characters that are read as symbols at a time."""
_SHOWN_MAX: Final = 24  # characters of a word that is shown again, or looked for among ours
_LIKENESS_MIN: Final = 0.6  # below it, two words are not alike
_SLIPS: Final = {"I": "1", "L": "1", "O": "0"}
_PAUSES: Final = ".,;:/|"


class Script(Enum):
    """In which letters the words are written, so that everybody can read them out."""

    LATIN = "en"
    CYRILLIC = "ru"
    ARABIC = "ar"


def _words(text: str) -> dict[str, str]:
    return dict(zip(SYMBOLS, text.split(), strict=True))


WORDS: Final[Mapping[Script, Mapping[str, str]]] = {
    Script.LATIN: _words(
        "Zero One Two Three Four Five Six Seven Eight Niner "
        "Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel Juliett Kilo Mike November Papa Quebec Romeo "
        "Sierra Tango Victor Whiskey X-ray Yankee Zulu"
    ),
    Script.CYRILLIC: _words(
        "Зиро Уан Ту Три Фоур Файв Сикс Севен Эйт Найнер "
        "Альфа Браво Чарли Дельта Эко Фокстрот Гольф Хотел Джульетт Кило Майк Новембер Папа Квебек Ромео "
        "Сиерра Танго Виктор Виски Эксрей Янки Зулу"
    ),
    Script.ARABIC: _words(
        "زيرو وان تو ثري فور فايف سيكس سفن إيت ناينر "
        "ألفا برافو تشارلي دلتا إيكو فوكستروت غولف هوتيل جولييت كيلو مايك نوفمبر بابا كيبيك روميو "
        "سييرا تانغو فيكتور ويسكي إكسراي يانكي زولو"
    ),
}
"""The word for each symbol: that of the ICAO alphabet, in the letters of each script."""
_ALSO: Final = {
    # As pilots say digits, as people write the words, and letters that are taken for digits.
    "wun": "1", "tree": "3", "fower": "4", "fife": "5", "ait": "8", "nine": "9", "alpha": "A",
    "juliet": "J", "whisky": "W", "xray": "X", "india": "1", "lima": "1", "oscar": "0",
}  # fmt: skip


def _folded(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


_KNOWN: Final = {
    **{_folded(word): symbol for words in WORDS.values() for symbol, word in words.items()},
    **_ALSO,
}


def symbols_of(data: bytes, count: int) -> str:
    """Return the symbols for the first bits of data.

    Args:
        data: At least `count` times 5 bits.
        count: How many symbols.
    """
    bits = len(data) * 8
    assert 0 <= count * SYMBOL_BITS <= bits, "there are not so many bits"
    number = int.from_bytes(data) >> (bits - count * SYMBOL_BITS)
    shifts = range((count - 1) * SYMBOL_BITS, -1, -SYMBOL_BITS)
    return "".join(SYMBOLS[number >> shift & 31] for shift in shifts)


def grouped(symbols: str) -> str:
    """Write symbols in groups with blanks between, as they are read out."""
    return " ".join(symbols[start : start + GROUP] for start in range(0, len(symbols), GROUP))


def spelled(symbols: str, script: Script = Script.LATIN) -> tuple[str, ...]:
    """Return the word for each symbol.

    Args:
        symbols: Symbols, as `symbols_of` and `read_symbols` return them.
        script: In which letters.
    """
    return tuple(WORDS[script][symbol] for symbol in symbols)


def read_symbols(text: str, count: int) -> str:
    """Read symbols that somebody typed or wrote: as symbols, as words, or mixed.

    Capitals and pauses don't count; I and L are read as 1, O as 0, and digits of any script as such. What is
    a word as well as symbols, such as PAPA, is read as makes the count right.

    Args:
        text: What was written: `K7QF M2XA`, `kilo 7 quebec foxtrot`.
        count: How many symbols it must be.

    Returns:
        The symbols, without blanks.

    Raises:
        InvalidValueError: It holds what is no symbol, or too many or too few.
    """
    if len(text) > TYPED_CHARACTERS_MAX:
        reason = f"{len(text):,} characters are over the limit of {TYPED_CHARACTERS_MAX:,}"
        raise InvalidValueError("symbols", reason)
    normal = unicodedata.normalize("NFKC", text)
    tokens = "".join(" " if character in _PAUSES else character for character in normal).split()
    by_words, by_letters = _read(tokens, is_words=True), _read(tokens, is_words=False)
    for read in (by_words, by_letters):  # not both can be of one length where they differ
        if read is not None and len(read) == count:
            return read
    if by_words is None:
        _explain(tokens)
    found = len(by_words or "")
    slip = "left out" if found < count else "said twice"
    raise InvalidValueError("symbols", f"{found} symbols instead of {count}: one was {slip}; ask again")


def _read(tokens: list[str], *, is_words: bool) -> str | None:
    """Read tokens, those that are words as such where that is asked; None where one is neither."""
    parts = [_token(token, is_words=is_words) for token in tokens]
    return None if None in parts else "".join(part or "" for part in parts)


def _token(token: str, *, is_words: bool) -> str | None:
    word = token.casefold()
    if is_words and word in _KNOWN:
        return _KNOWN[word]
    read = [_symbol(character) for character in token if character != "-"]
    return None if "" in read else "".join(read)


def _symbol(character: str) -> str:
    """Return the symbol that a character stands for; empty where it is none."""
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    capital = character.upper()
    capital = _SLIPS.get(capital, capital)
    return capital if len(capital) == 1 and capital in SYMBOLS else ""


def _explain(tokens: list[str]) -> None:
    """Say of the first token that is neither a word nor symbols what is wrong with it.

    Raises:
        InvalidValueError: Always.
    """
    wrong = next(token for token in tokens if _token(token, is_words=True) is None)
    shown = repr(wrong[:_SHOWN_MAX])
    near = difflib.get_close_matches(wrong[:_SHOWN_MAX].casefold(), _KNOWN, n=1, cutoff=_LIKENESS_MIN)
    if near:
        symbol = _KNOWN[near[0]]
        raise InvalidValueError("symbols", f"{shown} is no word; is it {WORDS[Script.LATIN][symbol]!r}?")
    bad = next(character for character in wrong if character != "-" and not _symbol(character))
    reason = (
        f"{bad!r} in {shown} is no symbol; they are digits and Latin letters but I, L, O and U; ask again"
    )
    raise InvalidValueError("symbols", reason)
