"""The texts of the console: every language says everything, with the same numbers and names put in."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import pytest

from tests.e2e.catalogues import LANGUAGES, catalogue

PLURAL_FORMS: Final = {
    "en": {"one", "other"},
    "ru": {"one", "few", "many", "other"},
    "ar": {"zero", "one", "two", "few", "many", "other"},
}
"""The plural categories of Unicode CLDR that whole numbers can have, and `other`."""
PLACEHOLDER: Final = re.compile(r"\{\w+\}")
CALL: Final = re.compile(r"""\b(?:t|say)\(\s*["'`]([\w.]+)["'`]""")


def scripts(folder: Traversable) -> list[str]:
    """Return the content of our scripts, those of others left out."""
    found = []
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "vendor":
            found += scripts(entry)
        elif entry.name.endswith(".js"):
            found.append(entry.read_text(encoding="utf-8"))
    return found


def placeholders(entry: str | dict[str, str]) -> set[str]:
    return set(PLACEHOLDER.findall(entry if isinstance(entry, str) else " ".join(entry.values())))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_texts_with_the_same_placeholders(language: str) -> None:
    english, other = catalogue("en"), catalogue(language)
    assert other.keys() == english.keys()
    for key, entry in other.items():
        assert placeholders(entry) == placeholders(english[key]), key
        assert isinstance(entry, str) == isinstance(english[key], str), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_and_every_count_has_all_plural_forms_of_its_language(language: str) -> None:
    for key, entry in catalogue(language).items():
        forms = {"": entry} if isinstance(entry, str) else entry
        assert isinstance(entry, str) or forms.keys() == PLURAL_FORMS[language], key
        assert all(text.strip() for text in forms.values()), key


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_no_sentence_is_left_in_english(language: str) -> None:
    english = catalogue("en")
    sentence = re.compile(r"[a-z]{3,} [a-z]{3,}")
    same = [key for key, entry in catalogue(language).items() if entry == english[key]]
    assert [key for key in same if sentence.search(str(english[key]))] == []


def test_every_text_that_a_script_names_is_there() -> None:
    named = {key for script in scripts(files("keepclear.console") / "static") for key in CALL.findall(script)}
    assert len(named) > 100
    assert sorted(named - catalogue("en").keys()) == []
