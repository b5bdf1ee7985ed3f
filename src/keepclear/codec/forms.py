"""Paper forms in words: what each line, and what is written by hand, is called in every language.

What stands in the lines is alike in all languages (`core.written`); sentences are those of the catalogue.
"""

# ruff: noqa: RUF001 - words in Cyrillic
from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from keepclear.codec.catalogue.texts import Language, label
from keepclear.core.messages import MESSAGES, Code


class Word(Enum):
    """What stands on a form besides fields."""

    TO = "to"
    FROM = "from"
    NUMBER = "number"
    SENT = "sent"
    CODE = "code"
    ANSWERS = "answers"
    CORRECTS = "corrects"
    PRIORITY = "priority"
    VALID_UNTIL = "valid_until"
    DRILL = "drill"
    SYMBOL = "symbol"
    TOTAL = "total"
    READ_AT = "read_at"
    READ_BY = "read_by"
    HEARD_BY = "heard_by"
    SIGNATURE = "signature"
    NOTHING = "nothing"
    EXERCISE = "exercise"


_WORDS: Final[Mapping[Word, tuple[str, str, str]]] = {
    Word.TO: ("To", "Кому", "إلى"),
    Word.FROM: ("From", "От кого", "من"),
    Word.NUMBER: ("Number", "Номер", "الرقم"),
    Word.SENT: ("Sent (UTC)", "Отправлено (UTC)", "أُرسلت (UTC)"),
    Word.CODE: ("Code", "Код", "الرمز"),
    Word.ANSWERS: ("Answers", "В ответ на", "رداً على"),
    Word.CORRECTS: ("Corrects", "Вместо", "تصحيح لـ"),
    Word.PRIORITY: ("Priority", "Срочность", "الأولوية"),
    Word.VALID_UNTIL: ("Valid until (UTC)", "Действует до (UTC)", "صالحة حتى (UTC)"),
    Word.DRILL: ("Drill", "Учение", "التمرين"),
    Word.SYMBOL: ("Check", "Контр. знак", "رمز التحقق"),
    Word.TOTAL: ("Total", "Итог", "المجموع"),
    Word.READ_AT: ("Read out at (UTC)", "Передано в (UTC)", "وقت القراءة (UTC)"),
    Word.READ_BY: ("Read out by", "Передал", "قرأها"),
    Word.HEARD_BY: ("Written down by", "Принял", "كتبها"),
    Word.SIGNATURE: ("Signature", "Подпись", "التوقيع"),
    Word.NOTHING: (
        "Where nothing stands, say and write a hyphen.",
        "Если в строке ничего нет, пишите и называйте дефис.",
        "إذا كان السطر فارغاً فاكتب شرطة وانطقها.",
    ),
    Word.EXERCISE: ("EXERCISE EXERCISE EXERCISE", "УЧЕБНОЕ УЧЕБНОЕ УЧЕБНОЕ", "تمرين تمرين تمرين"),
}  # fmt: skip


def form_word(word: Word, language: Language) -> str:
    """Return what something on a form is called in a language."""
    return _WORDS[word][list(Language).index(language)]


def line_label(code: Code | None, name: str, language: Language) -> str:
    """Return what a line of a form is called in a language.

    Args:
        code: What the form is of; None for a line that every form has.
        name: The line, as `core.paper.Slot` names it.
        language: In which language.
    """
    field_name = name.removeprefix("fields.")
    if field_name == name:
        return form_word(Word(name), language)
    assert code is not None, "fields come after the code"
    field = next(each for each in MESSAGES[code].fields if each.name == field_name)
    return label(field, language)
