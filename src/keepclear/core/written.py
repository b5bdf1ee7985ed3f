"""Values of messages as people write them by hand and read them out: one spelling for each value.

`text_of` writes it, `read_value` reads it and what comes near: capitals don't count where they mean nothing,
nor do blanks. What is written is Latin letters and Western digits, but for names and free text, which stay
as they are; a nought is never left out where its place counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Final, TypeVar

from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import WORDS, FieldKind, Height, HeightAbove, Position, Unit, Value
from keepclear.core.positions import degrees_text, read_position
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.times import floor_ms, instant_of

WRITTEN_CHARACTERS_MAX: Final = 1_200
"""The most characters of one value that is read; the longest, an item whose names hold colons, has fewer."""

_Word = TypeVar("_Word", bound=Enum)
_K = FieldKind
_EXAMPLES: Final[dict[FieldKind, str]] = {
    _K.ITEM: "north:airdrop-1 v2",
    _K.MESSAGE: "north 17",
    _K.HEIGHT: "6000 FT MSL, or 1829 M W84",
    _K.INSTANT: "2026-11-30 10:42:00Z",
    _K.DURATION: "15 MIN, or 90 S",
    _K.DISTANCE: "2000 M",
    _K.SPEED: "120 M/S",
    _K.TRACK: "090 DEG",
    _K.FREQUENCY: "121500 KHZ",
    _K.COUNT: "22",
}
_UNITS: Final[dict[FieldKind, str]] = {
    _K.DISTANCE: " M",
    _K.SPEED: " M/S",
    _K.TRACK: " DEG",
    _K.FREQUENCY: " KHZ",
    _K.COUNT: "",
}
_NUMBER: Final = r"([0-9]{1,15})"
_MINUTE_S: Final = 60


def text_of(kind: FieldKind, value: Value) -> str:
    """Write a value of a field of some kind; `read_value` gives the same value back."""
    match value:
        case ItemRef():
            return f"{_escaped(value.party)}:{value.id} v{value.version}"
        case MessageRef():
            return f"{value.party} {value.n}"
        case Position():
            return degrees_text(value)
        case Height():
            return f"{value.value} {value.unit.value.upper()} {value.above.value}"
        case Enum():
            return word_text(value)
        case str():
            return value
        case _:
            return _number_text(kind, value)


def _number_text(kind: FieldKind, number: int) -> str:
    if kind is FieldKind.INSTANT:
        return moment_text(number)
    if kind is FieldKind.DURATION:
        return f"{number // _MINUTE_S} MIN" if number and number % _MINUTE_S == 0 else f"{number} S"
    digits = f"{number:03d}" if kind is FieldKind.TRACK else str(number)
    return f"{digits}{_UNITS[kind]}"


def word_text(word: Enum) -> str:
    """Write one of a fixed set of words: capitals, with blanks."""
    return str(word.value).upper().replace("_", " ")


def moment_text(at_ms: int) -> str:
    """Write an instant in UTC, with decimals only where it has some.

    Args:
        at_ms: Milliseconds since 1970.
    """
    second_ms, millisecond = at_ms // 1_000 * 1_000, at_ms % 1_000
    decimals = f".{millisecond:03d}" if millisecond else ""
    return f"{instant_of(second_ms):%Y-%m-%d %H:%M:%S}{decimals}Z"


def read_value(kind: FieldKind, text: str) -> Value:
    """Read a value of a field of some kind.

    Args:
        kind: What the field holds.
        text: What was written. Texts of people are taken as they are.

    Raises:
        InvalidValueError: It cannot be read; an example is given. The field is not named.
    """
    if len(text) > WRITTEN_CHARACTERS_MAX:
        raise InvalidValueError("", f"it is over {WRITTEN_CHARACTERS_MAX:,} characters")
    words = WORDS.get(kind)
    if words is not None:
        return read_word(words, text)  # type: ignore[return-value]  # each is a Value
    reader = _READERS.get(kind)
    if reader is not None:
        return reader(text)
    if kind in _UNITS:
        unit = _UNITS[kind].strip()
        (digits,) = _match(kind, rf"{_NUMBER} ?{re.escape(unit)}", text.upper())
        return int(digits)
    return text.upper() if kind in (FieldKind.CALL_SIGN, FieldKind.SYMBOLS) else text


def read_word(words: type[_Word], text: str) -> _Word:
    """Read one of a fixed set of words.

    Raises:
        InvalidValueError: It is none; all are named. The field is not named.
    """
    known = {word_text(word): word for word in words}
    found = known.get(" ".join(text.upper().replace("_", " ").split()))
    if found is None:
        raise InvalidValueError("", f"it must be one of: {', '.join(known)}")
    return found


def read_moment(text: str) -> int:
    """Read an instant; return milliseconds since 1970.

    Raises:
        InvalidValueError: It is none. The field is not named.
    """
    pattern = r"([0-9]{4})-([0-9]{2})-([0-9]{2})[ T]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{3}))? ?Z"
    *numbers, decimals = _match(FieldKind.INSTANT, pattern, text.upper())
    year, month, day, hour, minute, second = (int(number) for number in numbers)
    try:
        at = datetime(year, month, day, hour, minute, second, int(decimals or 0) * 1_000, UTC)
    except ValueError as error:
        raise InvalidValueError("", str(error)) from None
    return floor_ms(at)


def _match(kind: FieldKind, pattern: str, text: str) -> tuple[str, ...]:
    found = re.fullmatch(pattern, text.strip())
    if found is None:
        raise InvalidValueError("", f"write it as {_EXAMPLES[kind]}")
    return found.groups()


def _escaped(party: str) -> str:
    """Return the name of a party so that the first plain colon ends it, whatever it holds."""
    return party.replace("\\", "\\\\").replace(":", "\\:")


def _item(text: str) -> ItemRef:
    party, item, version = _match(FieldKind.ITEM, rf"((?:[^:\\]|\\.)+):(.+) [vV]{_NUMBER}", text)
    plain = re.sub(r"\\(.)", r"\1", party)
    return ItemRef(party=PartyId(plain), id=ItemId(item), version=int(version))


def _message(text: str) -> MessageRef:
    party, n = _match(FieldKind.MESSAGE, rf"(.+) {_NUMBER}", text)
    return MessageRef(party=PartyId(party), n=int(n))


def _height(text: str) -> Height:
    value, unit, above = _match(FieldKind.HEIGHT, r"(-?[0-9]{1,15}) ?(FT|M) (MSL|W84)", text.upper())
    return Height(value=int(value), unit=Unit(unit.lower()), above=HeightAbove(above))


def _duration(text: str) -> int:
    number, unit = _match(FieldKind.DURATION, rf"{_NUMBER} ?(MIN|S)", text.upper())
    return int(number) * (_MINUTE_S if unit == "MIN" else 1)


_READERS: Final[Mapping[FieldKind, Callable[[str], Value]]] = {
    FieldKind.ITEM: _item,
    FieldKind.MESSAGE: _message,
    FieldKind.POSITION: read_position,
    FieldKind.HEIGHT: _height,
    FieldKind.INSTANT: read_moment,
    FieldKind.DURATION: _duration,
}
