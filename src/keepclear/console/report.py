"""The report of a check: one HTML file for people, which needs nothing else.

The page refers to nothing outside itself and forbids itself to (a content security policy). It
works without its script, which only lets the map be shown at an instant. It is a pure function of
the result: no clock, so the span of the data stands where others print the hour of printing.

The word CLEAR stands in it only if that is the answer. Text of others is escaped and isolated, so
that it can change neither the page nor the order of the words around it.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, assert_never

from keepclear.codec.drawing import STYLE, Drawing, headline, map_svg
from keepclear.codec.reading import Item, Problem
from keepclear.codec.results import ASSUMED_EXAMPLES_MAX, Answer, CheckResult
from keepclear.codec.words import count_text, escaped, instant_text, span_text
from keepclear.console.report_findings import finding_sections, findings_table
from keepclear.console.report_parts import ROWS_MAX, and_more, bdi, gaps, numbers, party_name, party_symbol
from keepclear.console.report_style import SCRIPT
from keepclear.console.report_style import STYLE as REPORT_STYLE
from keepclear.core.conflicts import NO_BUFFER, Buffer, ConflictRule
from keepclear.core.constraints import Constraint
from keepclear.core.times import TimeWindow, instant_of

SLIDER_STEPS: Final = 2_000
"""The time slider has about so many positions, a second apart at least."""

_MAP_WIDTH_PX: Final = 1_120
_MAP_HEIGHT_PX: Final = 700


def check_report(result: CheckResult, *, version: str = "") -> bytes:
    """Write the outcome of a check as one HTML page.

    Args:
        result: The outcome of a check.
        version: The version of the program, for the foot of the page.

    Returns:
        The page in UTF-8. What it leaves out is counted in it.
    """
    drawing = Drawing(result, alone=False)
    word, _ = headline(result)
    sections = (_checked(drawing), _map(drawing), findings_table(result), finding_sections(drawing))
    body = (
        '<a class="skip" href="#main">Skip to the report</a>'
        f"<header><h1>Keepclear: report of a check</h1>{_answer(result)}{_contents(result)}</header>"
        f'<main id="main">{"".join(sections)}</main>{_footer(result, version)}<script>{SCRIPT}</script>'
    )
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_policy()}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'
        f"<title>{word}: Keepclear check</title><style>{REPORT_STYLE}{STYLE}</style>"
    )
    page = f'<html lang="en" dir="ltr"><head>{head}</head>\n<body>{body}</body></html>'
    return f"<!DOCTYPE html>\n{page}\n".encode()


def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}';"
        " base-uri 'none'; form-action 'none'"
    )


_SYMBOLS: Final = {
    Answer.CLEAR: ("good", "M12 22.5 19 29.5 32 15.5"),
    Answer.CONFLICT: ("bad", "M14.5 14.5 29.5 29.5M29.5 14.5 14.5 29.5"),
    Answer.NO_VERDICT: ("warn", "M13 22H31"),
    Answer.CANNOT_DECIDE: ("warn", "M16.5 17.5a5.5 5.5 0 1 1 8 5c-2 1-2.5 2-2.5 4M22 31.5v.6"),
}


def _answer(result: CheckResult) -> str:
    """State the answer: symbol, words, colour."""
    kind, path = _SYMBOLS[result.answer]
    word, sentence = headline(result)
    icon = (
        '<svg width="44" height="44" aria-hidden="true">'
        '<circle cx="22" cy="22" r="20.5" fill="currentColor"/>'
        f'<path d="{path}" fill="none" stroke="var(--bg)" stroke-width="4" stroke-linecap="round"/></svg>'
    )
    return (
        f'<div class="answer {kind}">{icon}'
        f"<div><strong>{word}</strong><span>{sentence} {_what_it_means(result)}</span></div></div>"
    )


def _what_it_means(result: CheckResult) -> str:
    match result.answer:
        case Answer.CLEAR:
            assumed = len(result.assumed())
            rests = f"It rests on {count_text(assumed, 'assumption')}, and" if assumed else "It"
            return f"{rests} holds for what is listed below as checked, and for nothing else."
        case Answer.CONFLICT:
            return "Each is explained below."
        case Answer.NO_VERDICT:
            return "Mend the input and check again; until then nothing is known."
        case Answer.CANNOT_DECIDE:
            return "What could not be checked may conflict with anything."
        case _:
            assert_never(result.answer)


def _contents(result: CheckResult) -> str:
    links = [("checked", _checked_title(result)), ("map", "Map"), ("findings", "Findings")]
    if result.problems:
        links.insert(1, ("problems", f"Problems ({len(result.problems):,})"))
    if result.findings:
        links.append(("details", "Each finding"))
    rows = "".join(f'<li><a href="#{anchor}">{text}</a></li>' for anchor, text in links)
    return f'<nav aria-label="Contents"><ul>{rows}</ul></nav>'


def _checked_title(result: CheckResult) -> str:
    return "What was read" if result.answer is Answer.NO_VERDICT else "What was checked"


def _checked(drawing: Drawing) -> str:
    result = drawing.result
    zones = sum(isinstance(item, Constraint) for item in result.items)
    volumes = sum(len(item.volumes) for item in result.items)
    not_checked = result.answer is Answer.NO_VERDICT
    ended = f" ({result.ended_count:,} of them ended, not judged)" if result.ended_count else ""
    items = (
        f"{count_text(len(result.items) - zones, 'operation')}{ended} and {count_text(zones, 'zone')},"
        f" {count_text(volumes, 'volume')} in all"
    )
    if not_checked:
        items += "; none of them was checked, because the input has problems"
    rows = [
        ("Files", _list(bdi(source) for source in result.sources) or "none"),
        ("Items", items),
        ("Parties", _parties(drawing) or "none"),
        ("Time of the data", _span(result.items)),
        ("Rule", _rule(result)),
        ("Buffer", _buffer_words(result.buffer)),
        ("Near misses", _near_words(result.near)),
        ("Who against whom", _who_words(result.all_pairs)),
        ("Assumed", _assumed(result)),
    ]
    facts = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    return (
        f'<section aria-labelledby="checked"><h2 id="checked">{_checked_title(result)}</h2>'
        f'<dl class="facts">{facts}</dl></section>{_problems(result.problems)}'
    )


def _list(rows: Iterable[str], classes: str = "plain") -> str:
    joined = "".join(f"<li>{row}</li>" for row in rows)
    return f'<ul class="{classes}">{joined}</ul>' if joined else ""


def _parties(drawing: Drawing) -> str:
    counts = Counter(item.party for item in drawing.result.items)
    rows = [
        f"{party_symbol(drawing, party)} {party_name(party)} {numbers(f'({count:,})')}"
        for party, count in counts.items()
    ]
    more = len(rows) - ROWS_MAX
    return _list(rows[:ROWS_MAX], "plain flow") + and_more(more, "party", "parties")


def _span(items: Sequence[Item]) -> str:
    if not items:
        return "none"
    first, last = _first_and_last(items)
    return f"{numbers(span_text(first.start, last.end))} (all times are UTC)"


def _first_and_last(items: Sequence[Item]) -> tuple[TimeWindow, TimeWindow]:
    """Return the window that starts first and the one that ends last; there is at least one item."""
    times = [volume.time for item in items for volume in item.volumes]
    return min(times, key=lambda t: t.start_ms), max(times, key=lambda t: t.end_ms)


def _rule(result: CheckResult) -> str:
    match result.rule:
        case ConflictRule.PER_VOLUME:
            return "per volume: a volume of one item meets a volume of the other in space, altitude and time"
        case ConflictRule.PER_INTENT:
            return "per intent: footprints meet, and the bounding altitudes and times of the items do"
        case _:
            assert_never(result.rule)


def _buffer_words(buffer: Buffer) -> str:
    if buffer == NO_BUFFER:
        return "none: items conflict when they touch or overlap"
    return f"{gaps(buffer)}: items conflict when all three gaps are no larger"


def _near_words(near: Buffer | None) -> str:
    if near is None:
        return "not looked for"
    return f"looked for up to {gaps(near)}"


def _who_words(all_pairs: bool) -> str:
    zones = "operations against zones; zones are not judged against zones"
    if all_pairs:
        return f"all operations, those of one party too, and {zones}"
    return f"operations of different parties, and {zones}; nothing is judged against its own party"


def _assumed(result: CheckResult) -> str:
    rows = []
    for text, items in result.assumed().items():
        examples = ", ".join(bdi(item) for item in items[:ASSUMED_EXAMPLES_MAX])
        rest = len(items) - ASSUMED_EXAMPLES_MAX
        more = f" and {rest:,} more" if rest > 0 else ""
        rows.append(
            f'{bdi(text)} ({count_text(len(items), "item")}) <span class="dim">{examples}{more}</span>'
        )
    return _list(rows) or "nothing"


def _problems(problems: Sequence[Problem]) -> str:
    if not problems:
        return ""
    rows = "".join(
        f"<tr><td>{bdi(p.source)}</td><td>{bdi(p.item)}</td><td>{bdi(p.field)}</td><td>{bdi(p.reason)}</td></tr>"
        for p in problems[:ROWS_MAX]
    )
    headings = "".join(f'<th scope="col">{name}</th>' for name in ("File", "Item", "Field", "What is wrong"))
    return (
        '<section aria-labelledby="problems" class="problems"><h2 id="problems">Problems in the input</h2>'
        "<p>What has a problem was left out. It may conflict with anything.</p>"
        '<div class="wide" tabindex="0" role="region" aria-label="Problems">'
        f"<table><thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"{and_more(len(problems) - ROWS_MAX, 'problem')}</section>"
    )


def _map(drawing: Drawing) -> str:
    picture = map_svg(drawing, width=_MAP_WIDTH_PX, height=_MAP_HEIGHT_PX)
    slider = _slider(drawing.result.items) if 'class="kc-each"' in picture else ""
    frame = '<div class="wide picture" id="map-picture" tabindex="0" role="region" aria-label="Map">'
    return f'<section aria-labelledby="map"><h2 id="map">Map</h2>{slider}{frame}{picture}</div></section>'


def _slider(items: Sequence[Item]) -> str:
    """Write the controls for showing the map at an instant; hidden until the script is there."""
    earliest, latest = _first_and_last(items)
    first, last = earliest.start_ms, latest.end_ms
    step = max(1_000, math.ceil((last - first) / SLIDER_STEPS / 1_000) * 1_000)
    return (
        '<div class="time" id="time" hidden>'
        '<label><input type="checkbox" id="time-all" checked> Show all times</label>'
        f'<input type="range" id="time-at" min="{first}" max="{last}" step="{step}" value="{first}"'
        ' aria-label="Show what is active at this time, UTC">'
        '<output id="time-said" for="time-at" dir="ltr">all times</output></div>'
    )


def _footer(result: CheckResult, version: str) -> str:
    span = ""
    if result.items:
        first, last = _first_and_last(result.items)
        ends = (instant_text(instant_of(ms)) for ms in (first.start_ms, last.end_ms))
        span = f" Data from {' to '.join(map(numbers, ends))}."
    return (
        f"<footer><p>Keepclear {escaped(version)}. Not certified. It supports the people who are responsible,"
        f" and does not replace them or their procedures.{span} All times are UTC; all altitudes are heights"
        " above the WGS84 ellipsoid; positions are WGS84.</p></footer>"
    )
