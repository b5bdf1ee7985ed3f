"""The texts of the catalogue, as its files have them, and the hash by which an agreement names it.

One JSON file for each language holds a title and a sentence for each code, labels of fields, words of fixed
sets, phrases of the program and forms of values. The test of the catalogue holds the files to the code and to
one another. How texts are filled in is decided by `rendering`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from importlib.resources import files
from typing import Final

import msgspec
from msgspec import Struct

from keepclear.core.agreements import Agreement
from keepclear.core.channel import ChannelReason
from keepclear.core.dialogues import DialogueState
from keepclear.core.messages import WORDS, Code, Field, Priority, Response


class Language(Enum):
    """A language of the catalogue, by its ISO 639-1 code."""

    ENGLISH = "en"
    RUSSIAN = "ru"
    ARABIC = "ar"


WORD_SETS: Final[Mapping[str, type[Enum]]] = {
    **{kind.value: words for kind, words in WORDS.items()},
    "channel_reason": ChannelReason,
    "priority": Priority,
    "dialogue": DialogueState,
    "response": Response,
}
"""The fixed sets of words that the catalogue translates, by the name that they have there."""
_SET_OF: Final = {words: name for name, words in WORD_SETS.items()}

CATALOGUE_VERSION: Final = 1
"""One more whenever values, such as heights and instants, are written otherwise than before."""


class MessageTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """What a message is called, and its sentence."""

    title: str
    sentence: str


class Texts(Struct, frozen=True, forbid_unknown_fields=True):
    """All texts of one language, by the names that the code has for them.

    Attributes:
        messages: Title and sentence, by code.
        labels: What a field is called, by its name and kind: `at.position`.
        words: Words of fixed sets, by set and word.
        phrases: What the program says besides, by `Phrase`.
        values: The forms of values, such as `{value} m`.
    """

    messages: dict[str, MessageTexts]
    labels: dict[str, str]
    words: dict[str, dict[str, str]]
    phrases: dict[str, str]
    values: dict[str, str]


def _bytes_of(language: Language) -> bytes:
    # Data of the package, which is there as its modules are.
    return files(__package__ or "").joinpath(f"{language.value}.json").read_bytes()


def hash_of(sources: Mapping[Language, bytes]) -> str:
    """Return the hash of catalogues: equal where they say the same, however they are laid out.

    Args:
        sources: The file of each language.

    Returns:
        SHA-256 in 64 hexadecimal digits, over JSON with sorted keys and no blanks, in UTF-8.
    """
    languages = {language.value: json.loads(source) for language, source in sources.items()}
    content = {"languages": languages, "version": CATALOGUE_VERSION}
    canonical = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


_SOURCES: Final = {language: _bytes_of(language) for language in Language}
TEXTS: Final[Mapping[Language, Texts]] = {
    language: msgspec.json.decode(source, type=Texts) for language, source in _SOURCES.items()
}
"""The texts of each language."""
CATALOGUE_HASH: Final = hash_of(_SOURCES)
"""The hash of this catalogue. Parties whose nodes have the same one read the same sentences."""


def names_this_catalogue(agreement: Agreement) -> bool:
    """Tell whether an agreement names this catalogue; one that names none does not."""
    return agreement.catalogue == CATALOGUE_HASH


def title(code: Code, language: Language) -> str:
    """Return what a kind of message is called."""
    return TEXTS[language].messages[code.value].title


def label(field: Field, language: Language) -> str:
    """Return what a field of a message is called."""
    return TEXTS[language].labels[f"{field.name}.{field.kind.value}"]


def word(member: Enum, language: Language) -> str:
    """Return a word of one of the fixed sets in `WORD_SETS`."""
    return TEXTS[language].words[_SET_OF[type(member)]][str(member.value)]
