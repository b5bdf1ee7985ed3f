"""Fields of a message as people type them: `at="35 24.0 N 35 54.0 E"`, `lower=6000ftMSL`, `begins=+15m`.

What is typed says its unit and, for a height, what it is measured from; nothing is guessed. Whoever signs
reads what was understood in a sentence first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final, assert_never

from keepclear.codec.json_errors import did_you_mean
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.core.messages import (
    WORDS,
    Field,
    FieldKind,
    Height,
    HeightAbove,
    MessageType,
    Unit,
    Value,
)
from keepclear.core.positions import read_position
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.symbols import SYMBOLS
from keepclear.core.times import floor_ms
from keepclear.core.units import parse_duration_s, parse_length_m, parse_speed_mps

TYPED_CHARACTERS_MAX: Final = 1_000
"""The most characters of a field that is typed."""

_MESSAGE: Final = re.compile(r"(.+)[ :](\d{1,13})", re.ASCII)
_HEIGHT: Final = re.compile(r"(-?)(\d{1,6})\s*(ft|m)\s*(msl|w84)", re.ASCII | re.IGNORECASE)
_TODAY: Final = re.compile(r"(\d\d?):(\d\d)(?::(\d\d))?Z", re.ASCII)
_FREQUENCY: Final = re.compile(r"(\d+)(?:\.(\d{1,3}))?\s*(k|m)hz", re.ASCII | re.IGNORECASE)
_WHOLE: Final = re.compile(r"\d{1,15}", re.ASCII)
_HALF_DAY: Final = timedelta(hours=12)
_DAY: Final = timedelta(days=1)

FORMS: Final[Mapping[FieldKind, str]] = {
    FieldKind.ITEM: "airdrop-1, or bravo:patrol-1; the version that the node has now",
    FieldKind.MESSAGE: "bravo:17",
    FieldKind.PARTY: "bravo",
    FieldKind.POSITION: "35.40000N 35.90000E, or 35 24.0 N 35 54.0 E",
    FieldKind.HEIGHT: "6000ftMSL or 1800mW84",
    FieldKind.INSTANT: "10:42Z, +15m, now, or 2026-11-30T10:42:00Z",
    FieldKind.DURATION: "15m, 90s, 2h",
    FieldKind.DISTANCE: "500m, 2km, 3NM",
    FieldKind.SPEED: "60m/s, 120kt, 200km/h",
    FieldKind.TRACK: "270 (degrees true)",
    FieldKind.FREQUENCY: "123.450MHz or 8891kHz",
    FieldKind.COUNT: "4",
    FieldKind.CALL_SIGN: "RELIEF1",
    FieldKind.PERSON: "a name",
    FieldKind.REASON: "a word of the list",
    FieldKind.NATURE: "a word of the list",
    FieldKind.RESULT: "a word of the list",
    FieldKind.STEP: "a word of the list",
    FieldKind.STATE: "a word of the list",
    FieldKind.SYMBOLS: "7K2M 9QXD",
    FieldKind.DRILL: "a name",
    FieldKind.TEXT: "free text; it answers nothing",
}
"""How each kind of field is typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing:
    """What it takes to understand what is typed.

    Attributes:
        now: What time it is.
        item: Returns the version of an item that is current now, by what it is called at the node.
    """

    now: datetime
    item: Callable[[str], ItemRef]


def form_of(kind: FieldKind) -> str:
    """Tell how a kind of field is typed, with the words where there is a list of them."""
    words = WORDS.get(kind)
    return FORMS[kind] if words is None else ", ".join(word.value for word in words)


def read_fields(of: MessageType, typed: Sequence[str], typing: Typing) -> tuple[tuple[str, Value], ...]:
    """Read the fields of a message: `name=value` each.

    Args:
        of: What is true of such messages.
        typed: What was typed.
        typing: What it takes to understand it.

    Returns:
        The fields in the order of the catalogue; which are needed is for the message to say.

    Raises:
        InvalidValueError: There is no such field, it is given twice, or it cannot be understood.
    """
    known = {field.name: field for field in of.fields}
    found: dict[str, Value] = {}
    for each in typed:
        name, equals, text = each.partition("=")
        if not equals:
            raise InvalidValueError(each, f"write it as name=value{_names(known)}")
        if name not in known:
            raise InvalidValueError(f"fields.{name}", f"there is no such field{_names(known, name)}")
        if name in found:
            raise InvalidValueError(f"fields.{name}", "it is given twice")
        found[name] = read_value(known[name], text, typing)
    return tuple((name, found[name]) for name in known if name in found)


def _names(known: Mapping[str, Field], name: str = "") -> str:
    return did_you_mean(name, list(known)) if known else "; this message has no fields"


def read_value(field: Field, text: str, typing: Typing) -> Value:
    """Read the value of a field.

    Raises:
        InvalidValueError: It cannot be understood; the error shows how it is typed.
    """
    name = f"fields.{field.name}"
    text = text.strip()
    if len(text) > TYPED_CHARACTERS_MAX:
        raise InvalidValueError(name, f"it is over the limit of {TYPED_CHARACTERS_MAX:,} characters")
    try:
        return _read(field.kind, text, typing)
    except InvalidValueError as error:
        shown = text if len(text) <= 40 else f"{text[:40]}..."
        form = form_of(field.kind)
        raise InvalidValueError(name, f"{shown!r}: {error.reason}; write {form}") from None


def _read(kind: FieldKind, text: str, typing: Typing) -> Value:
    match kind:
        case FieldKind.ITEM:
            return typing.item(text)
        case FieldKind.MESSAGE:
            return read_number(text)
        case FieldKind.POSITION:
            return read_position(text)
        case FieldKind.HEIGHT:
            return _height(text)
        case FieldKind.INSTANT:
            return read_instant(text, typing.now)
        case FieldKind.DURATION:
            return _whole_seconds(parse_duration_s(text))
        case FieldKind.DISTANCE:
            return math.ceil(parse_length_m(text))  # never less than was meant
        case FieldKind.SPEED:
            return round(parse_speed_mps(text))
        case FieldKind.TRACK:
            return _whole(text.removesuffix("°")) % 360 if text in ("360", "360°") else _whole(text)
        case FieldKind.FREQUENCY:
            return _frequency(text)
        case FieldKind.COUNT:
            return _whole(text)
        case FieldKind.CALL_SIGN:
            return text.upper()
        case FieldKind.SYMBOLS:
            return _symbols(text)
        case FieldKind.REASON | FieldKind.NATURE | FieldKind.RESULT | FieldKind.STEP | FieldKind.STATE:
            return _word(kind, text)
        case FieldKind.PARTY | FieldKind.PERSON | FieldKind.DRILL | FieldKind.TEXT:
            return text
        case _:
            assert_never(kind)


def read_number(text: str) -> MessageRef:
    """Read the reference number of a message: `north 17`, or `north:17`.

    Raises:
        InvalidValueError: It is none.
    """
    found = _MESSAGE.fullmatch(text)
    if found is None:
        raise InvalidValueError("number", f"{text!r} is no reference number; write north:17")
    return MessageRef(party=PartyId(found[1]), n=int(found[2]))


def read_instant(text: str, now: datetime) -> int:
    """Read an instant: `now`, `+15m`, `10:42Z`, or as of RFC 3339.

    A time of day is the one that is nearest to now.

    Returns:
        Milliseconds since 1970, of a whole second.

    Raises:
        InvalidValueError: It is none, or names no zone.
    """
    now = now.astimezone(UTC).replace(microsecond=0)
    if text == "now":
        return floor_ms(now)
    if text.startswith("+"):
        return floor_ms(now) + 1_000 * _whole_seconds(parse_duration_s(text[1:]))
    today = _TODAY.fullmatch(text)
    try:
        if today is not None:
            hour, minute, second = (int(part or 0) for part in today.groups())
            at = now.replace(hour=hour, minute=minute, second=second)
            if at - now > _HALF_DAY:
                at -= _DAY
            elif now - at > _HALF_DAY:
                at += _DAY
        else:
            at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InvalidValueError("", "it is no time") from None
    if at.utcoffset() is None:
        raise InvalidValueError("", "a time needs a zone")
    if at.microsecond:
        raise InvalidValueError("", "a message tells whole seconds")
    return floor_ms(at)


def _height(text: str) -> Height:
    found = _HEIGHT.fullmatch(text)
    if found is None:
        raise InvalidValueError("", "a height is a whole number, its unit, and what it is measured from")
    value, unit = int(found[1] + found[2]), Unit(found[3].lower())
    return Height(value=value, unit=unit, above=HeightAbove(found[4].upper()))


def _frequency(text: str) -> int:
    found = _FREQUENCY.fullmatch(text)
    if found is None or (found[3].lower() == "k" and found[2]):
        raise InvalidValueError("", "a frequency is a number with its unit, to the kilohertz")
    if found[3].lower() == "k":
        return _whole(found[1])
    return _whole(found[1]) * 1_000 + int((found[2] or "").ljust(3, "0"))


def _whole(text: str) -> int:
    if text.startswith("-") and _WHOLE.fullmatch(text[1:]) is not None:
        raise InvalidValueError("", "it must be 0 or more")
    if _WHOLE.fullmatch(text) is None:
        raise InvalidValueError("", "it is no whole number")
    return int(text)


def _whole_seconds(duration_s: float) -> int:
    if duration_s != int(duration_s):
        raise InvalidValueError("", "a message tells whole seconds")
    return int(duration_s)


def _symbols(text: str) -> str:
    symbols = "".join(text.upper().split())
    if not symbols or not set(symbols) <= set(SYMBOLS):
        raise InvalidValueError("", "check symbols are digits, and capitals without I, L, O and U")
    return symbols


def _word(kind: FieldKind, text: str) -> Value:
    words: type[Enum] = WORDS[kind]
    known = [word.value for word in words]
    if text not in known:
        raise InvalidValueError("", f"there is no such word{did_you_mean(text, known)}")
    return words(text)  # type: ignore[return-value]  # each is a Value
