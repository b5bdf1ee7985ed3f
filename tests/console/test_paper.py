"""Printed forms: complete, in two languages, and nothing in them that others wrote can change the page."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from keepclear.codec.catalogue.texts import Language
from keepclear.console.paper import form_page, form_text
from keepclear.core.deeds import Heard
from keepclear.core.intents import PartyId
from keepclear.core.messages import Code, Message, Priority
from keepclear.core.paper import form_of, slots_of

AT_MS = 1_796_035_327_000
TEXT = Heard(
    by=PartyId("north"),
    n=17,
    at_ms=AT_MS,
    message=Message(
        code=Code.FREE_TEXT,
        to=PartyId("south"),
        fields=(("text", "<b>stop</b> & wait {text}"),),
        priority=Priority.ROUTINE,
        valid_until_ms=AT_MS,
        drill="autumn",
    ),
)


class Page(HTMLParser):
    """The elements of a page, and whether they are closed in order."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[str] = []
        self._open: list[str] = []
        self.feed(page.decode())
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


@pytest.mark.parametrize("language", Language)
def test_a_form_shows_every_line_symbol_and_the_total_in_its_language_and_in_english(
    language: Language,
) -> None:
    form = form_of(TEXT)
    page = form_page(Code.FREE_TEXT, form, language)
    text = page.decode()
    assert f'lang="{language.value}" dir="{"rtl" if language is Language.ARABIC else "ltr"}"' in text
    assert all(f'"symbol">{line.symbol}<' in text for line in form.lines)
    assert f"{form.total[:4]} {form.total[4:]}" in text
    assert "Priority" in text
    assert "EXERCISE EXERCISE EXERCISE" in text
    assert text.count('class="sentence"') == (1 if language is Language.ENGLISH else 2)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("code", Code)
def test_there_is_an_empty_form_for_every_code(code: Code, language: Language) -> None:
    page = Page(form_page(code, None, language))
    assert page.names.count("td") == 2 * len(slots_of(code)) + 1 + 4
    assert form_text(code, None, language).count("____") == len(slots_of(code)) - 1 + 2


@pytest.mark.parametrize("text", ["<b>stop</b>", '"><script>x</script>', "</bdi></td>", "&lt;", "\u05d0 5"])
def test_what_others_wrote_changes_nothing_of_the_page(text: str) -> None:
    said = replace(TEXT, message=replace(TEXT.message, fields=(("text", text),), drill=text))
    for language in Language:
        page = Page(form_page(Code.FREE_TEXT, form_of(said), language))
        known = {"html", "head", "meta", "title", "style", "body", "h1", "p", "table", "tr", "th", "td"}
        assert set(page.names) <= known | {"small", "bdi", "span", "tbody"}
        assert set(page.attributes) <= {"lang", "dir", "charset", "http-equiv", "content", "class"}


def test_plain_text_has_a_line_for_each_line() -> None:
    form = form_of(TEXT)
    text = form_text(Code.FREE_TEXT, form, Language.ENGLISH)
    assert re.findall(r"\[(\w)\]$", text, re.MULTILINE) == [line.symbol for line in form.lines]
    assert "To: south" in text
