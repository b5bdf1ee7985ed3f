"""The whole catalogue at once: as plain data for who shows forms, and as the page of the documents."""

from __future__ import annotations

from collections.abc import Sequence

from keepclear.codec.catalogue.rendering import written
from keepclear.codec.catalogue.texts import CATALOGUE_HASH, TEXTS, WORD_SETS, Language, label, title, word
from keepclear.core.messages import MESSAGES, Code, Field, FieldKind, Speaker, answers_to


def catalogue_body() -> dict[str, object]:
    """Return the hash, all codes with their fields, answers and titles, and all words, in every language."""
    return {
        "hash": CATALOGUE_HASH,
        "codes": [_code_body(code) for code in Code],
        "words": {
            name: {
                str(member.value): {language.value: word(member, language) for language in Language}
                for member in words
            }
            for name, words in WORD_SETS.items()
        },
    }


def _code_body(code: Code) -> dict[str, object]:
    of = MESSAGES[code]
    return {
        "code": code.value,
        "speaker": of.speaker.value,
        "response": of.response.value,
        "priority": of.priority.value,
        "humanitarian": of.is_humanitarian,
        "valid_s": of.valid_s,
        "fields": [_field_body(field) for field in of.fields],
        "answers": [answer.value for answer in answers_to(code)],
        "titles": {language.value: title(code, language) for language in Language},
    }


def _field_body(field: Field) -> dict[str, object]:
    return {
        "name": field.name,
        "kind": field.kind.value,
        "needed": field.is_needed,
        "labels": {language.value: label(field, language) for language in Language},
    }


# -- for the documents --------------------------------------------------------------------------------


def table_markdown() -> str:
    """Draw all codes, and all words that stand in them, as the documents show them."""
    lines = []
    for code in Code:
        lines += [f"### `{code.value}`", "", *_code_lines(code), ""]
    lines += ["## Words", "", "| Set | Word | English | Russian | Arabic |", "|---|---|---|---|---|"]
    for name, words in WORD_SETS.items():
        for member in words:
            told = " | ".join(word(member, language) for language in Language)
            lines.append(f"| `{name}` | `{member.value}` | {told} |")
    return "\n".join(lines) + "\n"


def _code_lines(code: Code) -> list[str]:
    of = MESSAGES[code]
    sentences = [
        f"- {title(code, language)}: `{TEXTS[language].messages[code.value].sentence}`"
        for language in Language
    ]
    answers = _listed([f"`{answer.value}`" for answer in answers_to(code)])
    speaker = "Said by the node itself." if of.speaker is Speaker.NODE else "Said by a duty officer."
    facts = [
        speaker,
        f"Priority: {of.priority.value}.",
        f"Class {of.response.value}, answers: {answers}.",
        f"Counts for {written(FieldKind.DURATION, of.valid_s, Language.ENGLISH)}.",
        f"Fields: {_listed([_field_text(field) for field in of.fields])}.",
        *(["Goes on while the dialogue is on hold."] if of.is_humanitarian else []),
    ]
    return [*sentences, "", " ".join(facts)]


def _field_text(field: Field) -> str:
    return f"`{field.name}` ({field.kind.value}{'' if field.is_needed else ', optional'})"


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(texts) or "none"
