"""The answer of a check: in words, and above a picture with a symbol."""

from __future__ import annotations

from typing import assert_never

from keepclear.codec.drawing.elements import text_element, text_width_px
from keepclear.codec.results import Answer, CheckResult
from keepclear.codec.words import count_text
from keepclear.core.constraints import Constraint


def headline(result: CheckResult) -> tuple[str, str]:
    """Return the answer of a check in a few words, and what it rests on in a sentence."""
    zones = sum(isinstance(item, Constraint) for item in result.items)
    scope = f"{count_text(len(result.items) - zones, 'operation')} and {count_text(zones, 'zone')}"
    problems = count_text(len(result.problems), "problem")
    match result.answer:
        case Answer.CLEAR:
            return "CLEAR", f"No conflict found among {scope}."
        case Answer.CONFLICT:
            found = [count_text(len(result.conflicts), "conflict")] if result.conflicts else []
            if result.notices:
                found.append(f"{count_text(len(result.notices), 'notice')} required")
            rest = f" Not everything could be checked: {problems} in the input." if result.problems else ""
            return " and ".join(found).upper(), f"Found among {scope}.{rest}"
        case Answer.NO_VERDICT:
            return "NO VERDICT", f"Nothing was checked: {problems} in the input."
        case Answer.CANNOT_DECIDE if result.problems:
            return "CANNOT DECIDE", f"No conflict among the rest ({scope}), but {problems} in the input."
        case Answer.CANNOT_DECIDE:
            return "CANNOT DECIDE", "There are no operations and no zones, so nothing was checked."
        case _:
            assert_never(result.answer)


def answer_line(result: CheckResult, width: float) -> str:
    """State the answer above a picture, with a symbol."""
    word, sentence = headline(result)
    classes, symbol = {
        Answer.CLEAR: ("kc-good", "M9 17.5 14 22.5 23 12.5"),
        Answer.CONFLICT: ("kc-bad", "M11 13 21 23M21 13 11 23"),
        Answer.NO_VERDICT: ("kc-warn", "M10 18H22"),
        Answer.CANNOT_DECIDE: ("kc-warn", "M10 18H22"),
    }[result.answer]
    icon = (
        f'<circle class="{classes}" cx="16" cy="18" r="10"/>'
        f'<path class="kc-halo" fill="none" style="stroke-width:2.4px" d="{symbol}"/>'
    )
    room = int((width - 50.0 - text_width_px(word, 16.0)) / 6.6)
    said = f'<tspan class="kc-dim" dx="10">{sentence}</tspan>' if len(sentence) <= room else ""
    return icon + text_element(34.0, 24.0, f'<tspan class="{classes} kc-big">{word}</tspan>{said}')
