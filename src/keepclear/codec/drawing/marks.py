"""The marks: of a party by letter, shape and colour, of a kind of item by fill, of a finding by number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, assert_never

from keepclear.codec.drawing.elements import IDENT, coordinates, px
from keepclear.codec.drawing.style import NO_PARTY_COLOUR
from keepclear.codec.reading import Item
from keepclear.core.conflicts import Verdict
from keepclear.core.constraints import Constraint, ConstraintRule
from keepclear.core.intents import PartyId

MARK_HALF_PX: Final = 9.5
"""Half the room that the mark of a party takes."""
NEEDLE: Final = "M0 -10 6.5 8 0 4 -6.5 8Z"
"""A path that points up from where something is, to be turned into its direction."""
_PARTY_RADIUS_PX: Final = 8.0


# Each as large to the eye as a circle of radius 1; y downwards.
_SHAPES: Final[tuple[tuple[tuple[float, float], ...], ...]] = (
    (),
    ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    ((0.0, -1.35), (1.25, 0.85), (-1.25, 0.85)),
    ((0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)),
    ((0.55, -1.0), (1.12, 0.0), (0.55, 1.0), (-0.55, 1.0), (-1.12, 0.0), (-0.55, -1.0)),
    ((0.0, 1.35), (1.25, -0.85), (-1.25, -0.85)),
    ((0.0, -1.2), (1.14, -0.37), (0.71, 0.97), (-0.71, 0.97), (-1.14, -0.37)),
)
_LETTER_DROP: Final = (3.6, 3.6, 5.2, 3.6, 3.6, 2.0, 3.8)


class Look(NamedTuple):
    """How a party is told from others."""

    letter: str
    colour: int
    shape: int


def looks_of(items: Iterable[Item]) -> dict[PartyId | None, Look]:
    """Return the letter, colour and shape of each party, in the order of the items."""
    parties = dict.fromkeys(item.party for item in items if item.party is not None)
    looks: dict[PartyId | None, Look] = {
        party: Look(_letters(i), i % NO_PARTY_COLOUR, i % len(_SHAPES)) for i, party in enumerate(parties)
    }
    looks[None] = Look("-", NO_PARTY_COLOUR, 0)
    return looks


def _letters(number: int) -> str:
    letters = ""
    while number >= 0:
        letters = chr(ord("A") + number % 26) + letters
        number = number // 26 - 1
    return letters


def party_mark(look: Look, x: float, y: float) -> str:
    """Draw the mark of a party: its letter on its shape in its colour."""
    points = _SHAPES[look.shape]
    if points:
        outline = (
            f"M{coordinates((x + dx * _PARTY_RADIUS_PX, y + dy * _PARTY_RADIUS_PX) for dx, dy in points)}Z"
        )
        shape = f'<path class="kc-mark" d="{outline}"/>'
    else:
        shape = f'<circle class="kc-mark" cx="{px(x)}" cy="{px(y)}" r="{px(_PARTY_RADIUS_PX)}"/>'
    size = "" if len(look.letter) == 1 else ' style="font-size:7.5px"'
    drop = _LETTER_DROP[look.shape] - (0.0 if len(look.letter) == 1 else 0.9)
    letter = f'<text class="kc-on" x="{px(x)}" y="{px(y + drop)}"{size}>{look.letter}</text>'
    return f'<g class="kc-c{look.colour}">{shape}{letter}</g>'


def finding_mark(verdict: Verdict, number: int, x: float, y: float) -> str:
    """Draw the mark of a finding: disc for a conflict, diamond for a notice, hollow for a near miss."""
    radius = mark_radius_px(number)
    text = "kc-ink"
    match verdict:
        case Verdict.CONFLICT:
            shape = f'<circle class="kc-disc" cx="{px(x)}" cy="{px(y)}" r="{px(radius)}"/>'
            text = "kc-disc-text"
        case Verdict.NOTICE_REQUIRED:
            r = radius * 1.3
            points = ((x, y - r), (x + r, y), (x, y + r), (x - r, y))
            shape, text = f'<path class="kc-kite" d="M{coordinates(points)}Z"/>', "kc-on"
        case Verdict.NEAR_MISS:
            shape = f'<circle class="kc-ring" cx="{px(x)}" cy="{px(y)}" r="{px(radius)}"/>'
        case _:
            assert_never(verdict)
    return f'{shape}<text class="kc-number {text}" x="{px(x)}" y="{px(y + 3.7)}">{number}</text>'


def mark_radius_px(number: int) -> float:
    """Return how large the mark of a finding is: more digits need more room."""
    return 8.5 + 2.6 * max(0, len(str(number)) - 2)


def fill_of(item: Item, look: Look) -> tuple[str, str]:
    """Return the class and the fill of an item's area."""
    if not isinstance(item, Constraint):
        return "kc-op", ""
    return "kc-zone", f' fill="url(#{IDENT}{_pattern_name(item.rule, look)})"'


def _pattern_name(rule: ConstraintRule, look: Look) -> str:
    return f"{'h' if rule is ConstraintRule.KEEP_OUT else 'd'}{look.colour}"


def patterns_of(items: Iterable[Item], looks: dict[PartyId | None, Look]) -> str:
    """Define the fills of zones: hatched to keep out, dotted to notify first."""
    used = {
        _pattern_name(item.rule, looks[item.party]): (item.rule, looks[item.party].colour)
        for item in items
        if isinstance(item, Constraint)
    }
    parts = []
    for name, (rule, colour) in sorted(used.items()):
        if rule is ConstraintRule.KEEP_OUT:
            inside = '<path class="kc-hatch" d="M-2 2 2 -2M0 8 8 0M6 10 10 6"/>'
        else:
            inside = "".join(f'<circle class="kc-dots" cx="{k}" cy="{k}" r="1.1"/>' for k in (2, 6))
        parts.append(
            f'<pattern id="{IDENT}{name}" class="kc-c{colour}" width="8" height="8"'
            f' patternUnits="userSpaceOnUse">{inside}</pattern>'
        )
    return f"<defs>{''.join(parts)}</defs>" if parts else ""
