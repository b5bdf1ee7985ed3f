"""The properties of a feature: which names there are, and how the value of each is read.

GeoJSON, KML and CSV share these names, and a name means the same in each of them. Properties that
other programs wrote are left alone; a name that is nearly one of ours is refused, because a bound
that is misspelt would silently be no bound. What a feature then is, `features` decides.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeVar

import msgspec

from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX

ALTITUDE_NAMES: Final = {
    "lower": ("altitude_lower_m", "altitude_lower_ft", "flight_level_lower"),
    "upper": ("altitude_upper_m", "altitude_upper_ft", "flight_level_upper"),
}
"""The spellings of each altitude bound; at most one of a side may be given."""
PROPERTY_NAMES: Final = (
    "id",
    "volume",
    "party",
    "kind",
    "rule",
    "priority",
    "state",
    "speed_mps",
    "callsign",
    "aircraft_kind",
    "time_start",
    "time_end",
    "times",
    "time_margin_s",
    *ALTITUDE_NAMES["lower"],
    *ALTITUDE_NAMES["upper"],
    "altitude_datum",
    "altitude_margin_m",
    "radius_m",
    "half_width_m",
)
"""Every property that is read; `docs/reference/formats.md` tells what each means."""
PROPERTY_NAMES_MAX: Final = 10_000
"""The most different names of properties in one file: each new one is compared with ours."""
INTEGER_MAX: Final = 2**31 - 1
"""No whole number may be greater, nor lower than its opposite less one (int32, ASTM F3548-21)."""
SHOWN_CHARACTERS_MAX: Final = 60
"""A value is cut to so many characters where a message shows it."""

_NEARLY: Final = 0.85
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_OTHER_UNIT: Final = re.compile(
    r"(radius|half_?width|altitude_?margin|time_?margin)_?([a-z]{1,15})", re.ASCII
)
_OTHER_SPEED: Final = re.compile(r"speed_?(?:kt|kts|knots|kmh|kph|km_?h|mph|ms|m_?s|fps)", re.ASCII)
_LENGTH_UNITS: Final = frozenset(
    ("cm", "ft", "feet", "foot", "km", "mi", "mile", "miles", "mm", "nm", "nmi", "yd", "meters", "metres")
)
_DURATION_UNITS: Final = frozenset(("ms", "sec", "seconds", "m", "min", "minutes", "h", "hours"))
_EXAMPLE: Final = "write 2026-01-31T12:00:00Z"
_Word = TypeVar("_Word")


class Fault(NamedTuple):
    """Something that is wrong with a feature.

    Attributes:
        field: Which property, or the path into the geometry.
        reason: What is wrong with it, and where there is one, the way out.
        place: Where it is, if not simply at the place of the feature.
    """

    field: str
    reason: str
    place: str = ""


def shown(value: object) -> str:
    """Return a value as a message shows it: short, and on one line."""
    match value:
        case list() | tuple():
            return "an array"
        case dict():
            return "an object"
        case bool():
            return "true" if value else "false"
        case str() if len(value) > SHOWN_CHARACTERS_MAX:
            return f"{value[:SHOWN_CHARACTERS_MAX]!r}..."
        case int() if abs(value) > 10**SHOWN_CHARACTERS_MAX:
            return "a number of many digits"
        case _:
            return repr(value)


def field_of(name: str) -> str:
    """Return a name from a file as the field of a problem: as it is if it is short and printable."""
    return name if len(name) <= SHOWN_CHARACTERS_MAX and name.isprintable() else shown(name)


def number_of_text(text: str) -> float:
    """Read a number that is written as text: digits, a point, an exponent.

    Raises:
        InvalidValueError: It is anything else (`nan`, `1_000`, `12 m`), or too large.
    """
    if _NUMBER.fullmatch(text) is None:
        raise InvalidValueError("", f"{shown(text)} is not a number")
    number = float(text)
    if math.isinf(number):
        raise InvalidValueError("", f"the number {shown(text)} is out of range")
    return number


def number_of(value: object) -> float:
    """Take a number from JSON as it is; text is no number.

    Raises:
        InvalidValueError: It is not a number, or out of range.
    """
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            pass
        raise InvalidValueError("", "the number is out of range")
    raise InvalidValueError("", f"it must be a number, not {shown(value)}")


def instant_of_text(text: str) -> datetime:
    """Read an instant as RFC 3339 writes it.

    Returns:
        The instant in UTC, to the nearest microsecond.

    Raises:
        InvalidValueError: It is written otherwise, names no zone, or leaves the years 1 to 9999.

    Source:
        RFC 3339, section 5.6. A space may stand for the T, as its note allows.
    """
    try:
        instant = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        reason = f"{shown(text)} is not an RFC 3339 time; {_EXAMPLE}"
        raise InvalidValueError("", reason) from None
    if instant.tzinfo is None:
        raise InvalidValueError("", f"{shown(text)} has no zone, and a time needs one; {_EXAMPLE}")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise InvalidValueError("", f"{shown(text)} lies outside the years 1 to 9999") from None


@dataclass(slots=True)
class Properties:
    """The properties of one feature, each read at most once, with every fault kept.

    A reading method returns None both for a property that is not there and for one at fault;
    `has` tells them apart.

    Attributes:
        values: The values as the file has them; None stands for one that is not there.
        textual: The format knows only text, so numbers are read from text.
        faults: What is wrong, each fault once, in the order it was found.
    """

    values: Mapping[str, object]
    textual: bool = False
    faults: dict[Fault, None] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Tell whether a property has a value, good or bad."""
        return self.values.get(name) is not None

    def refuse(self, name: str, reason: str, *, place: str = "") -> None:
        """Note a fault."""
        self.faults[Fault(name, reason, place)] = None

    def text(self, name: str) -> str | None:
        """Read a text."""
        value = self.values.get(name)
        if value is None or isinstance(value, str):
            return value
        self.refuse(name, f"it must be text, not {shown(value)}")
        return None

    def label(self, name: str) -> str | None:
        """Read an id or the name of a party; a number becomes its digits."""
        value = self.values.get(name)
        if type(value) is int or (type(value) is float and math.isfinite(value)):
            text: str | None = label_of_number(value)
        else:
            text = self.text(name)
        if text is not None and not (0 < len(text) <= ID_CHARACTERS_MAX and text.isprintable()):
            self.refuse(name, f"it must be 1 to {ID_CHARACTERS_MAX} printable characters")
            return None
        return text

    def number(self, name: str) -> float | None:
        """Read a finite number."""
        value = self.values.get(name)
        if value is None:
            return None
        try:
            return number_of_text(value) if self.textual and isinstance(value, str) else number_of(value)
        except InvalidValueError as error:
            self.refuse(name, error.reason)
            return None

    def integer(self, name: str, *, lowest: int = -INTEGER_MAX - 1) -> int | None:
        """Read a whole number from `lowest` to `INTEGER_MAX`."""
        value = self.values.get(name)
        if value is None:
            return None
        number: int | None = None
        if self.textual and isinstance(value, str):
            number = int(value) if _INTEGER.fullmatch(value) else None
        elif type(value) is int or (type(value) is float and value.is_integer()):
            number = int(value)
        if number is None or not lowest <= number <= INTEGER_MAX:
            self.refuse(name, f"it must be a whole number, {lowest} to {INTEGER_MAX}, not {shown(value)}")
            return None
        return number

    def instant(self, name: str) -> datetime | None:
        """Read an instant."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return instant_of_text(text)
        except InvalidValueError as error:
            self.refuse(name, error.reason)
            return None

    def instants(self, name: str) -> tuple[datetime, ...] | None:
        """Read an array of instants; where there is only text, they stand between spaces."""
        value = self.values.get(name)
        if value is None:
            return None
        entries = value.split() if self.textual and isinstance(value, str) else value
        if not isinstance(entries, list):
            self.refuse(name, f"it must be an array of times, not {shown(value)}")
            return None
        found = []
        for index, entry in enumerate(entries):
            try:
                if not isinstance(entry, str):
                    raise InvalidValueError("", f"it must be text, not {shown(entry)}")
                found.append(instant_of_text(entry))
            except InvalidValueError as error:
                self.refuse(f"{name}[{index}]", error.reason)
        return tuple(found) if len(found) == len(entries) else None

    def word(self, name: str, words: Mapping[str, _Word]) -> _Word | None:
        """Read one of a fixed set of words.

        Args:
            name: The property.
            words: What each word stands for.
        """
        text = self.text(name)
        if text is None:
            return None
        meaning = words.get(text)
        if meaning is None:
            self.refuse(name, f"{shown(text)} is not known; write one of {', '.join(words)}")
        return meaning


def label_of_number(value: float) -> str:
    """Return a number from JSON as the text of an id: without a point if it is whole."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


@dataclass(slots=True)
class Spelling:
    """Finds the names that are nearly ours, in all features of one file.

    Attributes:
        accepted: Names that were looked at before and are ours, or nothing like ours.
    """

    accepted: set[str] = field(default_factory=lambda: set(PROPERTY_NAMES))

    def check(self, properties: Properties) -> None:
        """Note a fault for each name that must be meant for one of ours."""
        if properties.values.keys() <= self.accepted:
            return
        for name in properties.values:
            if name in self.accepted:
                continue
            if len(self.accepted) >= PROPERTY_NAMES_MAX:
                properties.refuse("", f"the file has over {PROPERTY_NAMES_MAX} different names of properties")
                return
            reason = misspelt(name)
            if reason is None:
                self.accepted.add(name)
            else:
                properties.refuse(field_of(name), reason)


def misspelt(name: str) -> str | None:
    """Tell what is wrong with a name that is not one of ours; None if it is nothing like ours."""
    lowered = name.lower()
    unit = _OTHER_UNIT.fullmatch(lowered)
    if unit is not None and unit[1].startswith("time") and unit[2] in _DURATION_UNITS:
        return f"unknown property {shown(name)}; only seconds are taken: write 'time_margin_s'"
    if unit is not None and unit[2] in _LENGTH_UNITS:
        stem = unit[1].replace("halfwidth", "half_width").replace("altitudemargin", "altitude_margin")
        return f"unknown property {shown(name)}; only metres are taken: write '{stem}_m'"
    if _OTHER_SPEED.fullmatch(lowered) is not None:
        return f"unknown property {shown(name)}; only metres per second are taken: write 'speed_mps'"
    close = difflib.get_close_matches(_letters(lowered), _BY_LETTERS, n=1, cutoff=_NEARLY)
    if not close:
        return None
    return f"unknown property {shown(name)}; did you mean {_BY_LETTERS[close[0]]!r}?"


def _letters(name: str) -> str:
    """Return a lower-case name without what separates its words, so that styles of writing compare."""
    return name.replace("_", "").replace("-", "").replace(" ", "")


_BY_LETTERS: Final = {_letters(name): name for name in PROPERTY_NAMES}
