"""Words on paper forms: every line of every form has one in every language."""

from __future__ import annotations

import re

import pytest

from keepclear.codec.catalogue.texts import Language
from keepclear.codec.forms import Word, form_word, line_label
from keepclear.core.messages import Code
from keepclear.core.paper import slots_of

LETTERS = {
    Language.ENGLISH: "[A-Za-z]",
    Language.RUSSIAN: "[\u0400-\u04ff]",
    Language.ARABIC: "[\u0600-\u06ff]",
}


@pytest.mark.parametrize("language", Language)
def test_every_word_is_written_in_the_letters_of_its_language(language: Language) -> None:
    for word in Word:
        assert re.search(LETTERS[language], form_word(word, language)), word
    others = [letters for other, letters in LETTERS.items() if other not in (language, Language.ENGLISH)]
    assert not any(re.search(each, form_word(word, language)) for word in Word for each in others)


@pytest.mark.parametrize("code", Code)
def test_every_line_of_a_form_is_called_something_and_no_two_of_a_form_alike(code: Code) -> None:
    for language in Language:
        labels = [line_label(code, slot.name, language) for slot in slots_of(code)]
        assert all(labels)
        assert len(set(labels[:7])) == 7
