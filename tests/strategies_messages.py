"""Hypothesis strategies for messages of the hotline and what they hold, hostile texts included."""

from __future__ import annotations

import string
from collections.abc import Sequence

from hypothesis import strategies as st

from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import (
    ANSWER_CODES,
    DEGREE_STEPS,
    MESSAGES,
    WORDS,
    Code,
    Field,
    FieldKind,
    Height,
    HeightAbove,
    Message,
    Position,
    Priority,
    Speaker,
    Unit,
    Value,
)
from keepclear.core.refs import LOG_ENTRIES_MAX, VERSION_MAX, ItemRef, MessageRef
from keepclear.core.times import TIME_MAX, floor_ms

NORTH, SOUTH = PartyId("north"), PartyId("south")
HOSTILE = (
    "{item}",
    "{0.__class__}",
    "[, {persons}]",
    "%s%n",
    "<script>",
    "|`*_",
    "\u0642\u0637\u0627\u0631 12",
    "\u05d0\u05d1 -5",
    "\u0421\u0435\u0432\u0435\u0440",
    "e\u0301",
)
"""Printable texts that look like texts of the catalogue, markup, or are written from right to left."""

_SYMBOLS = "ABCDEFGHJKMNPQRSTVWXYZ0123456789"
_TEXTS_MAX = {
    FieldKind.PARTY: 256,
    FieldKind.PERSON: 100,
    FieldKind.DRILL: 64,
    FieldKind.TEXT: 500,
}


def printable(characters_max: int = 40) -> st.SearchStrategy[str]:
    """Draw a text that may stand in a message."""
    alphabet = st.one_of(st.just(" "), st.characters(exclude_categories=("C", "Z")))
    drawn = st.text(alphabet, min_size=1, max_size=characters_max)
    return st.one_of(st.sampled_from(HOSTILE), drawn).filter(str.isprintable)


def parties() -> st.SearchStrategy[PartyId]:
    """Draw the name of a party."""
    return st.one_of(st.sampled_from((NORTH, SOUTH)), printable().map(PartyId))


def item_refs() -> st.SearchStrategy[ItemRef]:
    """Draw a version of an item."""
    return st.builds(
        ItemRef, party=parties(), id=printable().map(ItemId), version=st.integers(1, VERSION_MAX)
    )


def message_refs(party: st.SearchStrategy[PartyId] | None = None) -> st.SearchStrategy[MessageRef]:
    """Draw a reference number, of any party or of the one given."""
    return st.builds(
        MessageRef, party=parties() if party is None else party, n=st.integers(0, LOG_ENTRIES_MAX - 1)
    )


def positions() -> st.SearchStrategy[Position]:
    """Draw a place anywhere on earth."""
    return st.builds(
        Position,
        latitude_e5=st.integers(-90 * DEGREE_STEPS, 90 * DEGREE_STEPS),
        longitude_e5=st.integers(-180 * DEGREE_STEPS, 180 * DEGREE_STEPS - 1),
    )


def heights() -> st.SearchStrategy[Height]:
    """Draw a height in either unit, above or below either datum."""
    return st.builds(
        Height,
        value=st.integers(-5_000, 400_000),
        unit=st.sampled_from(Unit),
        above=st.sampled_from(HeightAbove),
    )


def instants() -> st.SearchStrategy[int]:
    """Draw a whole second, milliseconds since 1970."""
    return st.integers(0, floor_ms(TIME_MAX) // 1_000).map(lambda seconds: seconds * 1_000)


def values(field: Field) -> st.SearchStrategy[Value]:
    """Draw what a field may hold."""
    kind = field.kind
    if kind in WORDS:
        return st.sampled_from(list(WORDS[kind]))
    if kind in _TEXTS_MAX:
        return printable(_TEXTS_MAX[kind])
    found: dict[FieldKind, st.SearchStrategy[Value]] = {
        FieldKind.ITEM: item_refs(),
        FieldKind.MESSAGE: message_refs(),
        FieldKind.POSITION: positions(),
        FieldKind.HEIGHT: heights(),
        FieldKind.INSTANT: instants(),
        FieldKind.DURATION: st.integers(0, 31 * 86_400),
        FieldKind.DISTANCE: st.integers(0, 1_000_000),
        FieldKind.SPEED: st.integers(0, 5_000),
        FieldKind.TRACK: st.integers(0, 359),
        FieldKind.FREQUENCY: st.integers(1, 10_000_000),
        FieldKind.COUNT: st.integers(0, 1_000_000),
        FieldKind.CALL_SIGN: st.text(string.ascii_uppercase + string.digits + "-/", min_size=1, max_size=16),
        FieldKind.SYMBOLS: st.text(_SYMBOLS, min_size=1, max_size=32),
    }
    return found[kind]


@st.composite
def messages(draw: st.DrawFn, codes: Sequence[Code] = tuple(Code), to: PartyId | None = None) -> Message:
    """Draw a valid message.

    Args:
        draw: Of Hypothesis.
        codes: Of one of these codes.
        to: To whom; anybody where None.
    """
    code = draw(st.sampled_from(codes))
    of = MESSAGES[code]
    addressee = draw(parties()) if to is None else to
    given = [field for field in of.fields if field.is_needed or draw(st.booleans())]
    is_of_an_officer = of.speaker is Speaker.OFFICER
    answers = corrects = None
    if code in ANSWER_CODES or (is_of_an_officer and draw(st.booleans())):
        answers = draw(message_refs(st.just(addressee)))
    if is_of_an_officer and draw(st.booleans()):
        corrects = draw(message_refs(parties().filter(lambda party: party != addressee)))
    return Message(
        code=code,
        to=addressee,
        fields=tuple((field.name, draw(values(field))) for field in given),
        answers=answers,
        corrects=corrects,
        priority=draw(st.sampled_from([each for each in Priority if each.rank <= of.priority.rank])),
        valid_until_ms=draw(st.integers(0, floor_ms(TIME_MAX))),
        drill=draw(st.none() | printable(64)),
    )
