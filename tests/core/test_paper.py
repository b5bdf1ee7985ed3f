"""Paper forms: what a form says is what is read of it, and slips are noticed at once or by the total."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.deeds import Heard
from keepclear.core.dialogues import Sent
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import Code, Message, Priority
from keepclear.core.paper import (
    LINES_MAX,
    FormReader,
    Name,
    form_of,
    heard_of,
    read_form,
    slots_of,
)
from keepclear.core.refs import LOG_ENTRIES_MAX, ItemRef, MessageRef
from keepclear.core.symbols import SYMBOLS
from keepclear.core.times import TIME_MAX, floor_ms
from tests.strategies_messages import messages, parties

NORTH, SOUTH = PartyId("north"), PartyId("south")
AT_MS = 1_796_035_327_000
REQUEST = Heard(
    by=NORTH,
    n=17,
    at_ms=AT_MS,
    message=Message(
        code=Code.REQUEST_KEEP_CLEAR,
        to=SOUTH,
        fields=(
            ("item", ItemRef(party=NORTH, id=ItemId("airdrop-1"), version=2)),
            ("until", AT_MS // 60_000 * 60_000),
        ),
        priority=Priority.SAFETY,
        valid_until_ms=AT_MS + 86_400_000,
    ),
)


@st.composite
def heards(draw: st.DrawFn) -> Heard:
    """Draw what a form may say."""
    message = draw(messages())
    by = draw(parties().filter(lambda party: party != message.to))
    n = draw(st.none() | st.integers(0, LOG_ENTRIES_MAX - 1))
    return Heard(by=by, n=n, at_ms=draw(st.integers(0, floor_ms(TIME_MAX))), message=message)


def test_the_form_of_an_example() -> None:
    form = form_of(REQUEST)
    assert [(line.name, line.text) for line in form.lines] == [
        ("to", "south"),
        ("from", "north"),
        ("number", "17"),
        ("sent", "2026-11-30 10:42:07Z"),
        ("code", "REQUEST KEEP CLEAR"),
        ("answers", "-"),
        ("corrects", "-"),
        ("fields.item", "north:airdrop-1 v2"),
        ("fields.until", "2026-11-30 10:42:00Z"),
        ("priority", "SAFETY"),
        ("valid_until", "2026-12-01 10:42:07Z"),
        ("drill", "-"),
    ]
    assert len(form.total) == 8


@pytest.mark.slow
@given(heards())
def test_what_is_read_of_a_form_is_what_it_says(heard: Heard) -> None:
    form = form_of(heard)
    lines = [(line.text, line.symbol) for line in form.lines]
    assert read_form(lines, form.total) == heard
    assert read_form([(text, None) for text, _ in lines], form.total) == heard
    assert form_of(read_form(lines, form.total)) == form


@pytest.mark.slow
@given(heards(), st.data())
def test_a_slip_in_one_line_is_never_taken_for_the_message(heard: Heard, data: st.DataObject) -> None:
    form = form_of(heard)
    index = data.draw(st.integers(0, len(form.lines) - 1))
    text = form.lines[index].text
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("ABCXYZ0123456789 -:")) if data.draw(st.booleans()) else ""
    slipped = text[:place] + other + text[place + 1 :]
    texts = [line.text for line in form.lines]
    texts[index] = slipped
    try:
        read = read_form([(text, None) for text in texts], form.total)
    except InvalidValueError:
        return
    assert read == heard  # what was written otherwise, and means the same


@pytest.mark.slow
def test_a_line_notices_31_of_32_slips_and_the_next_line_nearly_all_others() -> None:
    chance, missed, missed_next, tries = random.Random(7), 0, 0, 4_000
    form = form_of(REQUEST)
    for _ in range(tries):
        heard = FormReader()
        for line in form.lines[:7]:
            heard.take(line.text, line.symbol)
        number = chance.randrange(10**9)
        try:
            heard.take(f"north:airdrop-{number} v2", form.lines[7].symbol)
        except InvalidValueError:
            continue
        missed += 1
        try:
            heard.take(form.lines[8].text, form.lines[8].symbol)
            missed_next += 1
        except InvalidValueError:
            pass
    assert 0.5 / 32 < missed / tries < 2 / 32
    assert missed_next <= 20


def test_swapped_and_forgotten_lines_are_noticed() -> None:
    form = form_of(REQUEST)
    lines = [(line.text, line.symbol) for line in form.lines]
    swapped = [lines[1], lines[0], *lines[2:]]
    with pytest.raises(InvalidValueError, match=r"^to: .* a slip is in it; ask again"):
        read_form(swapped, form.total)
    with pytest.raises(InvalidValueError, match=r"^answers: "):
        read_form([*lines[:5], *lines[6:]], form.total)
    with pytest.raises(InvalidValueError, match="drill: this line is missing"):
        read_form(lines[:-1], form.total)
    with pytest.raises(InvalidValueError, match="no further line"):
        read_form([*lines, ("-", None)], form.total)


def test_a_line_that_is_refused_changes_nothing_and_is_asked_again() -> None:
    form, reader = form_of(REQUEST), FormReader()
    for line in form.lines:
        assert reader.slot is not None
        assert reader.slot.name == line.name
        wrong = SYMBOLS[(SYMBOLS.index(line.symbol) + 1) % 32]
        with pytest.raises(InvalidValueError, match=f"{wrong} is not the symbol of"):
            reader.take(line.text, wrong)
        assert reader.take(line.text, line.symbol) == line
    assert reader.slot is None
    with pytest.raises(InvalidValueError, match="it is another: a slip is in the form"):
        reader.finish("K7QFK7QF")
    assert reader.finish(form.total) == REQUEST
    assert reader.is_checked


def test_capitals_cannot_be_heard_so_the_symbol_and_known_names_tell_them() -> None:
    form = form_of(REQUEST)
    shouted = [(f"  {line.text.upper()} ", line.symbol) for line in form.lines]
    assert read_form(shouted, form.total) == REQUEST
    mixed = replace(REQUEST, by=PartyId("North Wing"))
    form = form_of(mixed)
    spoken = [(line.text.lower(), line.symbol) for line in form.lines]
    with pytest.raises(InvalidValueError, match="from: "):
        read_form(spoken, form.total)
    assert read_form(spoken, form.total, names=[("North Wing",), ("south",)]) == mixed


def test_known_names_that_sound_alike_are_not_guessed() -> None:
    form = form_of(REQUEST)
    names: list[Name] = [("north",), ("North",), ("north", "airdrop-1"), ("north", "Airdrop-1")]
    assert read_form([(line.text, line.symbol) for line in form.lines], form.total, names) == REQUEST


def test_symbols_may_be_heard_as_words() -> None:
    form = form_of(REQUEST)
    reader = FormReader()
    reader.take("south", form.lines[0].symbol.lower())
    with pytest.raises(InvalidValueError, match="from: 2 symbols instead of 1"):
        reader.take("north", "KK")


def test_a_form_without_symbols_is_read_and_is_not_checked() -> None:
    lines = [(line.text, None) for line in form_of(REQUEST).lines]
    reader = FormReader()
    for text, symbol in lines:
        reader.take(text, symbol)
    assert reader.finish(None) == REQUEST
    assert not reader.is_checked


@pytest.mark.parametrize(
    ("index", "text", "reason"),
    [
        (0, "", "to: write - where nothing stands"),
        (0, "-", "to: something must stand here"),
        (0, "x" * 257, "to: it must be 1 to 256 printable"),
        (0, "so\x00uth", "to: it must be 1 to 256 printable"),
        (2, "seventeen", "number: it must be a reference number"),
        (2, "9" * 30, "number: it must be a reference number"),
        (2, "\u0667", "number: it must be a reference number"),
        (3, "10:42", "sent: write it as 2026-11-30 10:42:00Z"),
        (4, "ATTACK", "code: it must be one of: NOTICE OPERATION"),
        (5, "17", "answers: write it as north 17"),
        (7, "-", r"fields.item: something must stand here"),
        (8, "2026-11-30 10:42:00.500Z", r"fields.until: .*whole second"),
        (9, "URGENT", "priority: it must be one of: DISTRESS, SAFETY, ROUTINE"),
        (11, "x" * 65, "drill: it must be 1 to 64"),
    ],
)
def test_a_line_that_cannot_be_is_named_with_what_to_write(index: int, text: str, reason: str) -> None:
    form, reader = form_of(REQUEST), FormReader()
    for line in form.lines[:index]:
        reader.take(line.text, line.symbol)
    with pytest.raises(InvalidValueError, match=f"^{reason}"):
        reader.take(text, None)


@pytest.mark.parametrize("text", ["-", " - ", "\\", "\\-", "- -", "  "])
def test_texts_that_look_like_nothing_are_texts(text: str) -> None:
    message = Message(
        code=Code.FREE_TEXT, to=SOUTH, fields=(("text", text),), priority=Priority.ROUTINE, valid_until_ms=0
    )
    form = form_of(replace(REQUEST, message=message))
    assert read_form([(line.text, line.symbol) for line in form.lines], form.total).message == message


def test_a_message_that_cannot_be_is_refused_when_all_is_read() -> None:
    answer = Message(
        code=Code.ROGER,
        to=SOUTH,
        answers=MessageRef(party=SOUTH, n=3),
        priority=Priority.ROUTINE,
        valid_until_ms=0,
    )
    lines = [(line.text, None) for line in form_of(replace(REQUEST, message=answer)).lines]
    lines[5] = ("tower 3", None)
    with pytest.raises(InvalidValueError, match="answers: it is no message of 'south'"):
        read_form(lines, None)


def test_no_form_has_more_lines_than_the_limit() -> None:
    assert max(len(slots_of(code)) for code in Code) <= LINES_MAX


def test_what_was_sent_is_what_its_form_says() -> None:
    sent = Sent(
        ref=MessageRef(party=NORTH, n=17), message=REQUEST.message, person="Haddad", at_ms=AT_MS, received=()
    )
    assert heard_of(sent) == REQUEST
