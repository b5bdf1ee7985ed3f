"""Forms of messages to be printed: one page of A4 in two languages, or plain text. No script, no address.

What others wrote is escaped and isolated, so that it can change neither the page nor the order of words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from keepclear.codec.catalogue.rendering import FIRST_STRONG_ISOLATE, POP_DIRECTIONAL_ISOLATE, render
from keepclear.codec.catalogue.texts import Language, title
from keepclear.codec.forms import Word, form_word, line_label
from keepclear.codec.words import escaped
from keepclear.core.messages import Code
from keepclear.core.paper import Form, slots_of
from keepclear.core.refs import MessageRef
from keepclear.core.symbols import Script, grouped, spelled
from keepclear.core.written import word_text

_STYLE: Final = """
@page{size:A4;margin:12mm}
body{font:11pt/1.3 system-ui,"Noto Sans","Noto Sans Arabic",sans-serif}
body{margin:0 auto;max-width:186mm;color:#000;background:#fff}
small{display:block;font-size:9pt;font-weight:400}
h1{font-size:18pt;margin:0 0 2mm}
.drill{border:3px dashed #000;padding:1mm;font-weight:700;text-align:center;margin:0 0 2mm}
.sentence{font-size:12pt;border:1px solid #000;padding:1.5mm;margin:0 0 2mm}
table{border-collapse:collapse;width:100%;margin:2mm 0}
th,td{border:1px solid #000;padding:1mm 2mm;text-align:start;vertical-align:middle}
th{width:58mm;font-weight:600}
th small,td.symbol small{display:inline;margin:0 2mm}
td.text{font-size:13pt;overflow-wrap:anywhere}
td.symbol{width:34mm;text-align:center;font:700 15pt monospace}
td.symbol small{font-family:system-ui,sans-serif}
.total{font:700 18pt monospace}
.small{font-size:9pt;margin:1mm 0}
.boxes th{width:34mm}
.boxes th small{display:block;margin:0}
.boxes td{height:10mm}
"""


def form_page(code: Code, form: Form | None, language: Language) -> bytes:
    """Write a form as one HTML page.

    Args:
        code: What it is of.
        form: The form; None for an empty one, to be filled in by hand.
        language: The language that is read first; English stands below.
    """
    direction = "rtl" if language is Language.ARABIC else "ltr"
    parts = [
        f"<h1>{_two(lambda each: title(code, each), language)}</h1>",
        *_head(form, language),
        f"<table>{''.join(_row(code, row, language) for row in _rows(code, form))}</table>",
        _total(form, language),
        f'<p class="small">{_two(lambda each: form_word(Word.NOTHING, each), language)}</p>',
        _boxes(language),
    ]
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html><html lang="{language.value}" dir="{direction}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><title>{_name(code, form)}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    ).encode()


def form_text(code: Code, form: Form | None, language: Language) -> str:
    """Write a form as plain text, a line for each line of it.

    Args:
        code: What it is of.
        form: The form; None for an empty one.
        language: The language of what the lines are called.
    """
    heads = [title(code, language)]
    if form is not None:
        heads.append(render(form.heard.message, _ref(form), language))
    lines = [
        f"{line_label(code, name, language)}: {text or '____'}  [{symbol or '_'}]"
        for name, text, symbol in _rows(code, form)
    ]
    total = grouped(form.total) if form is not None else "____ ____"
    return "\n".join([*heads, "", *lines, f"{form_word(Word.TOTAL, language)}: {total}", ""])


def _rows(code: Code, form: Form | None) -> Sequence[tuple[str, str, str]]:
    if form is not None:
        return [tuple(line) for line in form.lines]  # type: ignore[misc]  # three texts
    known = {"code": word_text(code)}
    return [(slot.name, known.get(slot.name, ""), "") for slot in slots_of(code)]


def _row(code: Code, row: tuple[str, str, str], language: Language) -> str:
    name, text, symbol = row
    label = _two(lambda each: line_label(code, name, each), language)
    cells = f'<td class="text">{_bdi(text)}</td><td class="symbol">{_symbols(symbol, language)}</td>'
    return f"<tr><th>{label}</th>{cells}</tr>"


def _head(form: Form | None, language: Language) -> Iterator[str]:
    if form is None:
        return
    message = form.heard.message
    if message.drill is not None:
        yield f'<p class="drill">{_two(lambda each: form_word(Word.EXERCISE, each), language)}</p>'
    for each in dict.fromkeys((language, Language.ENGLISH)):
        direction = "rtl" if each is Language.ARABIC else "ltr"
        text = _sentence(render(message, _ref(form), each))
        yield f'<p class="sentence" lang="{each.value}" dir="{direction}">{text}</p>'


def _sentence(text: str) -> str:
    """Return a sentence of the catalogue for HTML: what it isolates is isolated there, too."""
    opened = text.split(FIRST_STRONG_ISOLATE)
    inserts = (part.split(POP_DIRECTIONAL_ISOLATE) for part in opened)
    return "<bdi>".join("</bdi>".join(escaped(each) for each in parts) for parts in inserts)


def _total(form: Form | None, language: Language) -> str:
    label = _two(lambda each: form_word(Word.TOTAL, each), language)
    if form is None:
        return f'<table><tr><th>{label}</th><td class="total">&nbsp;</td></tr></table>'
    words = " ".join(spelled(form.total, Script(language.value)))
    value = f'<span class="total"><bdi dir="ltr">{grouped(form.total)}</bdi></span><small>{words}</small>'
    return f"<table><tr><th>{label}</th><td>{value}</td></tr></table>"


def _boxes(language: Language) -> str:
    words = ((Word.READ_AT, Word.READ_BY), (Word.HEARD_BY, Word.SIGNATURE))
    rows = ("".join(_box(word, language) for word in row) for row in words)
    return f'<table class="boxes">{"".join(f"<tr>{row}</tr>" for row in rows)}</table>'


def _box(word: Word, language: Language) -> str:
    return f"<th>{_two(lambda each: form_word(word, each), language)}</th><td></td>"


def _two(word: Callable[[Language], str], language: Language) -> str:
    """Return a word in a language, with English below where that is another."""
    own = escaped(word(language))
    return (
        own
        if language is Language.ENGLISH
        else f'{own}<small lang="en" dir="ltr">{escaped(word(Language.ENGLISH))}</small>'
    )


def _bdi(text: str) -> str:
    return f'<bdi dir="auto">{escaped(text)}</bdi>'


def _symbols(symbol: str, language: Language) -> str:
    if not symbol:
        return "&nbsp;"
    return f"{symbol}<small>{spelled(symbol, Script(language.value))[0]}</small>"


def _ref(form: Form) -> MessageRef | None:
    heard = form.heard
    return None if heard.n is None else MessageRef(party=heard.by, n=heard.n)


def _name(code: Code, form: Form | None) -> str:
    ref = None if form is None else _ref(form)
    return escaped(word_text(code) if ref is None else f"{ref} {word_text(code)}")
