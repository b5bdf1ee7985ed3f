"""Positions as people say and type them: read without guessing, and written in one form.

A written position always names its hemispheres, because a sign and the order of two numbers get lost when
they are spoken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Final, NamedTuple

from keepclear.core.errors import InvalidValueError
from keepclear.core.messages import DEGREE_STEPS, Position

POSITION_CHARACTERS_MAX: Final = 100
"""The most characters of a position that is typed."""


class _Axis(NamedTuple):
    """What is true of a latitude or of a longitude.

    Attributes:
        name: What it is called.
        digits: How many digits whole degrees have where minutes follow without a blank.
        limit_deg: The most degrees.
    """

    name: str
    digits: int
    limit_deg: int


_LATITUDE, _LONGITUDE = _Axis("latitude", 2, 90), _Axis("longitude", 3, 180)
_AXES: Final = {"N": _LATITUDE, "S": _LATITUDE, "E": _LONGITUDE, "W": _LONGITUDE}
_MARKS: Final = "°'\""
_UNITS: Final = ("degrees", "minutes", "seconds")
_SPELLED: Final = (
    (re.compile(r"\s*\b(?:DECIMAL|POINT)\b\s*"), "."),
    (re.compile(r"\b(?:(N)ORTH|(S)OUTH|(E)AST|(W)EST)\b"), r"\1\2\3\4"),
    (re.compile(r"º|\bDEG(?:REES?)?\b"), "°"),
    (re.compile(r"''|[″”“]|\bSEC(?:ONDS?)?\b"), '"'),
    (re.compile(r"[′’‘]|\bMIN(?:UTES?)?\b"), "'"),  # noqa: RUF001  # people type them so
)
_TOKEN: Final = re.compile(r"\s*(?:([NSEW])|([,;])|([0-9]+(?:\.[0-9]+)?)\s*([°'\"]?))\s*")
_SHAPE: Final = re.compile(r"(n{1,3})(h),?(n{1,3})(h)|(h)(n{1,3}),?(h)(n{1,3})")
_HOW: Final = "write it as 35.40000 N 35.90000 E or as 35°24.000' N 35°54.000' E"


def read_position(text: str) -> Position:
    """Read a position that a person typed or wrote down.

    It is a latitude and a longitude in either order, each with its hemisphere before or behind it: degrees,
    degrees and minutes, or degrees, minutes and seconds, of which the last may have decimals. So
    `35.4 N 35.9 E`, `N35°24.0' E35°54.0'`, `35 24 00 N, 35 54 00 E`, `352400N0355400E` and
    `35 degrees 24 minutes north 35 decimal 9 east` are read. Where minutes follow the degrees without a
    blank, a latitude has two digits of degrees and a longitude three.

    Args:
        text: The position.

    Returns:
        The nearest position that a message can hold.

    Raises:
        InvalidValueError: It cannot be read without guessing; what is wrong is named.
    """
    if len(text) > POSITION_CHARACTERS_MAX:
        raise _refused(f"it has over {POSITION_CHARACTERS_MAX} characters")
    halves = {_AXES[letter]: _degrees(letter, numbers) for letter, numbers in _halves(text)}
    if len(halves) != 2:
        raise _refused("it needs one of N and S, and one of E and W")
    latitude_e5, longitude_e5 = (round(halves[axis] * DEGREE_STEPS) for axis in (_LATITUDE, _LONGITUDE))
    if longitude_e5 == 180 * DEGREE_STEPS:
        longitude_e5 = -longitude_e5
    return Position(latitude_e5=latitude_e5, longitude_e5=longitude_e5)


def _refused(reason: str) -> InvalidValueError:
    return InvalidValueError("position", f"{reason}; {_HOW}")


class _Number(NamedTuple):
    digits: str
    mark: str


def _halves(text: str) -> Sequence[tuple[str, Sequence[_Number]]]:
    """Part a position into its two halves: a letter and one to three numbers each."""
    rest = text.upper()
    for pattern, symbol in _SPELLED:
        rest = pattern.sub(symbol, rest)
    shape, letters, numbers, place = "", [], [], 0
    while place < len(rest):
        match = _TOKEN.match(rest, place)
        if match is None:
            odd = rest[place]
            if odd in "+-\N{MINUS SIGN}":
                raise _refused("it has a sign; name N or S, E or W instead")
            raise _refused(f"{odd!r} is out of place")
        letter, comma, digits, mark = match.groups()
        shape += "h" if letter else "," if comma else "n"
        if letter:
            letters.append(letter)
        elif digits:
            numbers.append(_Number(digits, mark))
        place = match.end()
    found = _SHAPE.fullmatch(shape)
    if found is None:
        if "," in shape:
            raise _refused("a comma stands only between the two halves, never for a decimal point")
        raise _refused("it needs degrees with N or S, and degrees with E or W")
    count = len(found[1] or found[6])
    return (letters[0], numbers[:count]), (letters[1], numbers[count:])


def _degrees(letter: str, numbers: Sequence[_Number]) -> Fraction:
    """Return the degrees, north and east over zero, that one half says."""
    axis = _AXES[letter]
    parts = _parts(axis, numbers)
    for k, (digits, mark) in enumerate(parts):
        if mark not in ("", _MARKS[k]):
            raise _refused(f"the {axis.name} has {mark} where {_MARKS[k]} belongs")
        if "." in digits and k + 1 < len(parts):
            raise _refused(f"only the last number of the {axis.name} may have decimals")
        if k and Fraction(digits) >= 60:
            raise _refused(f"the {axis.name} has {digits} {_UNITS[k]}; there are less than 60")
    degrees = sum((Fraction(digits) / 60**k for k, (digits, _) in enumerate(parts)), Fraction(0))
    if degrees > axis.limit_deg:
        raise _refused(f"the {axis.name} has over {axis.limit_deg} degrees")
    return -degrees if letter in "SW" else degrees


def _parts(axis: _Axis, numbers: Sequence[_Number]) -> Sequence[_Number]:
    """Return degrees, minutes and seconds; those that stand together without blanks are parted."""
    whole, point, decimals = numbers[0].digits.partition(".")
    if len(whole) <= axis.digits:
        return numbers
    if len(numbers) > 1 or numbers[0].mark or len(whole) not in (axis.digits + 2, axis.digits + 4):
        raise _refused(f"the {axis.name} has too many digits of degrees")
    cuts = [0, *range(axis.digits, len(whole) + 1, 2)]
    parts = [_Number(whole[a:b], "") for a, b in pairwise(cuts)]
    return [*parts[:-1], _Number(parts[-1].digits + point + decimals, "")]


def degrees_text(position: Position) -> str:
    """Write a position in degrees, as `35.40000 N 35.90000 E`; `read_position` gives the same one back."""
    return _written(position, lambda steps: f"{steps // DEGREE_STEPS}.{steps % DEGREE_STEPS:05d}")


def minutes_text(position: Position) -> str:
    """Write a position in degrees and minutes, as `35°24.000' N 35°54.000' E`, to a thousandth of a minute.

    That is 0.9 m at most from the position; where it has to come back the same, `degrees_text` is the one.
    """
    return _written(position, _minutes)


def _minutes(steps: int) -> str:
    thousandths = (steps * 60_000 + DEGREE_STEPS // 2) // DEGREE_STEPS
    degrees, minutes = divmod(thousandths, 60_000)
    return f"{degrees}°{minutes // 1_000:02d}.{minutes % 1_000:03d}'"


def _written(position: Position, angle: Callable[[int], str]) -> str:
    latitude = f"{angle(abs(position.latitude_e5))} {'S' if position.latitude_e5 < 0 else 'N'}"
    longitude = f"{angle(abs(position.longitude_e5))} {'W' if position.longitude_e5 < 0 else 'E'}"
    return f"{latitude} {longitude}"
