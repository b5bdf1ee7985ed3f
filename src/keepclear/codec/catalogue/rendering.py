"""Messages and phrases as sentences: what is said is filled into the texts of the catalogue.

A text names what goes in as `{name}`; `[, persons: {persons}]` is left out where a value in it is not
given. Everything that goes in is wrapped in isolates (U+2068, U+2069), so that names which others chose in
any script leave the order of what is round them as it is; no other marks of direction are used. Texts are
filled in one pass: braces and brackets in what goes in are nothing special.

Values are written alike in every language, so that they can be compared by eye: Western digits without
grouping, a point before decimals, UTC with `Z`, hemispheres in Latin letters as on charts (the Cyrillic
letter of west looks like the digit 3). A height comes in the unit in which it was given, then in the other
one. No minus is written: right-to-left text would put it at the wrong end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Final

from keepclear.codec.catalogue.texts import TEXTS, Language, word
from keepclear.core.intents import PartyId
from keepclear.core.messages import (
    MESSAGES,
    Field,
    FieldKind,
    Height,
    Message,
    Position,
    Unit,
    Value,
)
from keepclear.core.positions import degrees_text
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.times import instant_of
from keepclear.core.units import NAUTICAL_MILE_M, feet_to_m, m_to_feet, mps_to_knots
from keepclear.core.whereabouts import Offset

FIRST_STRONG_ISOLATE: Final = "\u2068"
"""Begins what goes into a text, whatever its direction."""
POP_DIRECTIONAL_ISOLATE: Final = "\u2069"
"""Ends it."""
NAUTICAL_MILES_FROM_M: Final = 100
"""A shorter distance is told in metres only: a hundredth of a nautical mile is 19 m."""
KILOMETRES_FROM_M: Final = 10_000
"""A shorter distance is told in metres, not in kilometres."""
MEGAHERTZ_FROM_KHZ: Final = 30_000
"""A lower frequency is told in kilohertz, as that of short waves is."""

_K = FieldKind


class Phrase(Enum):
    """What the program says of messages; its fields are in `PHRASES`."""

    HEAD = "head"
    ANSWERS = "answers"
    CORRECTS = "corrects"
    EXERCISE = "exercise"
    NOT_AN_ANSWER = "not_an_answer"
    DELAYED = "delayed"
    EXPIRED = "expired"
    BY_VOICE = "by_voice"
    HEARD_DIFFERENTLY = "heard_differently"
    ANSWER_CLAIMED = "answer_claimed"
    ANSWER_CHANGED = "answer_changed"
    UNNUMBERED = "unnumbered"
    POSITION_FAR = "position_far"
    POSITION_UNKNOWN = "position_unknown"
    POSITION_DIFFERS = "position_differs"
    NOTICE_SHORT = "notice_short"
    NOTICE_UNKNOWN = "notice_unknown"
    NOTICE_INCOMPLETE = "notice_incomplete"
    NOTICE_LATE = "notice_late"
    NOTICE_EMERGENCY = "notice_emergency"


PHRASES: Final[Mapping[Phrase, tuple[Field, ...]]] = {
    Phrase.HEAD: (Field("number", _K.MESSAGE), Field("to", _K.PARTY)),
    Phrase.ANSWERS: (Field("number", _K.MESSAGE),),
    Phrase.CORRECTS: (Field("number", _K.MESSAGE),),
    Phrase.EXERCISE: (Field("drill", _K.DRILL),),
    Phrase.NOT_AN_ANSWER: (),
    Phrase.DELAYED: (Field("sent_at", _K.INSTANT),),
    Phrase.EXPIRED: (Field("until", _K.INSTANT),),
    Phrase.BY_VOICE: (),
    Phrase.HEARD_DIFFERENTLY: (Field("party", _K.PARTY),),
    Phrase.ANSWER_CLAIMED: (Field("party", _K.PARTY),),
    Phrase.ANSWER_CHANGED: (Field("party", _K.PARTY),),
    Phrase.UNNUMBERED: (Field("party", _K.PARTY),),
    Phrase.POSITION_FAR: (
        Field("distance", _K.DISTANCE, is_needed=False),
        Field("bearing", _K.TRACK, is_needed=False),
        Field("item", _K.ITEM, is_needed=False),
    ),
    Phrase.POSITION_UNKNOWN: (),
    Phrase.POSITION_DIFFERS: (
        Field("spoken", _K.POSITION),
        Field("distance", _K.DISTANCE),
        Field("bearing", _K.TRACK),
    ),
    Phrase.NOTICE_SHORT: (
        Field("aircraft", _K.TEXT),
        Field("needed", _K.DURATION),
        Field("given", _K.DURATION),
    ),
    Phrase.NOTICE_UNKNOWN: (Field("aircraft", _K.TEXT),),
    Phrase.NOTICE_INCOMPLETE: (),
    Phrase.NOTICE_LATE: (Field("given", _K.DURATION), Field("agreed", _K.DURATION)),
    Phrase.NOTICE_EMERGENCY: (Field("given", _K.DURATION), Field("agreed", _K.DURATION)),
}
"""What each phrase is said of. `position_far` has no distance where nothing at all was declared."""


# -- messages -----------------------------------------------------------------------------------------


def render(
    message: Message, ref: MessageRef | None, language: Language, names: Mapping[PartyId, str] | None = None
) -> str:
    """Write a message as it is shown and read out.

    Args:
        message: What is said.
        ref: Its reference number; None for a draft, which has none yet.
        language: In which language.
        names: What parties are called where that is not their name; the reference number stays as it is.

    Returns:
        Whether it is an exercise, its number and addressee, what it answers or corrects, and the sentence.
    """
    parts = []
    if message.drill is not None:
        parts.append(phrase(Phrase.EXERCISE, {"drill": message.drill}, language))
    if ref is not None:
        to = (names or {}).get(message.to, message.to)
        parts.append(phrase(Phrase.HEAD, {"number": ref, "to": to}, language))
    if message.corrects is not None:
        parts.append(phrase(Phrase.CORRECTS, {"number": message.corrects}, language))
    if message.answers is not None:
        parts.append(phrase(Phrase.ANSWERS, {"number": message.answers}, language))
    return " ".join([*parts, sentence(message, language)])


def sentence(message: Message, language: Language) -> str:
    """Write what a message says, without number and addressee."""
    text = TEXTS[language].messages[message.code.value].sentence
    return _fill(text, MESSAGES[message.code].fields, message.values, language)


def texts_of(
    message: Message, ref: MessageRef | None, names: Mapping[PartyId, str] | None = None
) -> dict[str, str]:
    """Write a message in every language, by the code of the language."""
    return {language.value: render(message, ref, language, names) for language in Language}


def phrase(of: Phrase, values: Mapping[str, Value], language: Language) -> str:
    """Write what the program says of a message.

    Args:
        of: The phrase.
        values: What it says it of, by the names of its fields in `PHRASES`, in the units of messages.
        language: In which language.
    """
    return _fill(TEXTS[language].phrases[of.value], PHRASES[of], values, language)


def phrase_texts(of: Phrase, values: Mapping[str, Value]) -> dict[str, str]:
    """Write a phrase in every language, by the code of the language."""
    return {language.value: phrase(of, values, language) for language in Language}


def differing(spoken: Position, offset: Offset) -> dict[str, Value]:
    """Return what `Phrase.POSITION_DIFFERS` tells of a position that was spoken and is not the one meant."""
    return {
        "spoken": spoken,
        "distance": round(offset.distance_m),
        "bearing": round(offset.bearing_deg) % 360,
    }


# -- filling in ---------------------------------------------------------------------------------------

_OPTIONAL: Final = re.compile(r"\[([^\[\]]*)\]")
_INSERT: Final = re.compile(r"\{(\w+)\}")


def inserts_of(text: str) -> Sequence[str]:
    """Return the names of what goes into a text, in its order."""
    return _INSERT.findall(text)


def _fill(text: str, fields: Sequence[Field], values: Mapping[str, Value], language: Language) -> str:
    kinds = {field.name: field.kind for field in fields}

    def keep(part: re.Match[str]) -> str:
        return part[1] if all(name in values for name in inserts_of(part[1])) else ""

    def insert(name: re.Match[str]) -> str:
        return isolated(written(kinds[name[1]], values[name[1]], language))

    return _INSERT.sub(insert, _OPTIONAL.sub(keep, text))


def isolated(text: str) -> str:
    """Wrap what goes into a text, so that its direction ends where it ends."""
    return f"{FIRST_STRONG_ISOLATE}{text}{POP_DIRECTIONAL_ISOLATE}"


# -- values -------------------------------------------------------------------------------------------

_HEMISPHERE: Final = re.compile("(?= [NSEW])")


def written(kind: FieldKind, value: Value, language: Language) -> str:
    """Write the value of a field, units and datum included.

    Args:
        kind: What the field holds.
        value: The value, in the unit of the kind.
        language: In which language.
    """
    forms = TEXTS[language].values
    match value:
        case ItemRef():
            whole = isolated(f"{value.party}:{value.id}")
            return forms["item"].format(item=whole, version=value.version)
        case MessageRef():
            return str(value)
        case Position():
            return _HEMISPHERE.sub("°", degrees_text(value))
        case Height():
            return _height(value, forms)
        case Enum():
            return word(value, language)
        case str():
            # Messages hold nothing that steers text; what else is said of them might.
            return "".join(c if c.isprintable() else "\ufffd" for c in value)
        case _:
            return _NUMBERS[kind](value, forms)


def _height(height: Height, forms: Mapping[str, str]) -> str:
    """Write a height as it was given, and rounded in the other unit."""
    size = abs(height.value)
    if height.unit is Unit.FEET:
        given, other = forms["ft"].format(value=size), forms["m"].format(value=round(feet_to_m(size)))
    else:
        given, other = forms["m"].format(value=size), forms["ft"].format(value=round(m_to_feet(size)))
    side = "above" if height.value >= 0 else "below"
    return forms[f"{side}.{height.above.value}"].format(height=forms["both"].format(given=given, other=other))


def _instant(ms: int, forms: Mapping[str, str]) -> str:  # noqa: ARG001  # alike in every language
    instant = instant_of(ms)
    return f"{instant:%Y-%m-%d %H:%M}{f':{instant:%S}' if instant.second else ''}Z"


def _duration(duration_s: int, forms: Mapping[str, str]) -> str:
    duration_s = max(duration_s, 0)  # what is over leaves no time
    parts = []
    for unit, length_s in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, duration_s = divmod(duration_s, length_s)
        if count:
            parts.append(forms[unit].format(value=count))
    return " ".join(parts) or forms["s"].format(value=0)


def _distance(distance_m: int, forms: Mapping[str, str]) -> str:
    """Write a distance: in kilometres only where one decimal is all of it, as three look like thousands."""
    if distance_m >= KILOMETRES_FROM_M and distance_m % 100 == 0:
        given = forms["km"].format(value=f"{distance_m / 1e3:.1f}".removesuffix(".0"))
    else:
        given = forms["m"].format(value=distance_m)
    if distance_m < NAUTICAL_MILES_FROM_M:
        return given
    other = forms["nm"].format(value=f"{distance_m / NAUTICAL_MILE_M:.2f}")
    return forms["both"].format(given=given, other=other)


def _speed(speed_mps: int, forms: Mapping[str, str]) -> str:
    knots = forms["kt"].format(value=round(mps_to_knots(speed_mps)))
    return forms["both"].format(given=forms["mps"].format(value=speed_mps), other=knots)


def _track(track_deg: int, forms: Mapping[str, str]) -> str:
    return forms["track"].format(value=f"{track_deg % 360:03}")


def _frequency(frequency_khz: int, forms: Mapping[str, str]) -> str:
    if frequency_khz < MEGAHERTZ_FROM_KHZ:
        return forms["khz"].format(value=frequency_khz)
    return forms["mhz"].format(value=f"{frequency_khz // 1_000}.{frequency_khz % 1_000:03}")


def _count(count: int, forms: Mapping[str, str]) -> str:  # noqa: ARG001  # alike in every language
    return str(count)


_NUMBERS: Final[dict[FieldKind, Callable[[int, Mapping[str, str]], str]]] = {
    _K.INSTANT: _instant,
    _K.DURATION: _duration,
    _K.DISTANCE: _distance,
    _K.SPEED: _speed,
    _K.TRACK: _track,
    _K.FREQUENCY: _frequency,
    _K.COUNT: _count,
}
