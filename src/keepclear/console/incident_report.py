"""The report of an incident: one HTML file for people, which needs nothing else.

It keeps three things apart: what is claimed, what is computed from the claimant's reports, and what is not
known. It is a pure function of the evidence, so whoever verifies it makes the same page and compares. It has
no script, and forbids itself to fetch anything (a content security policy).

Nothing in it says that anybody kept clear: at most that no loss was found in what was reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keepclear.codec.drawing import STYLE
from keepclear.codec.drawing.incident_charts import separation_charts
from keepclear.codec.drawing.incident_map import AIRCRAFT_COLOURS, incident_map
from keepclear.codec.words import count_text, escaped, span_text
from keepclear.console.incident_tables import (
    declared_table,
    evidence_table,
    levels_table,
    places_table,
)
from keepclear.console.incident_timeline import timeline
from keepclear.console.incident_words import closest_text, headline
from keepclear.console.report_parts import bdi, numbers
from keepclear.console.report_style import STYLE as REPORT_STYLE
from keepclear.core.incident_findings import IncidentFindings
from keepclear.core.incidents import FlewBy, Incident, ObservedAircraft
from keepclear.core.times import instant_of

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE: Final = """
.three{display:grid;grid-template-columns:repeat(3,1fr);gap:0 34px}
.three h3{margin-top:0}.three ul,.said ul{margin:6px 0;padding-left:18px}.three li{margin:4px 0}
@media (max-width:900px){.three{grid-template-columns:1fr;gap:22px}}
.key{display:flex;flex-wrap:wrap;gap:6px 26px;list-style:none;padding:0;margin:0 0 10px}
.key li{display:flex;gap:8px;align-items:center}
.tag{font-size:12px;border:1px solid var(--line);border-radius:9px;padding:1px 8px;white-space:nowrap;
color:var(--dim)}
.tag.computed{border-color:var(--link);color:var(--link)}
code{font:12px/1.4 ui-monospace,"Noto Sans Mono",monospace;overflow-wrap:anywhere}
tr.mark td,tr.mark th{background:var(--bad-soft)}
"""
_FLEW: Final = {
    FlewBy.REPORTED: "as its reports say",
    FlewBy.CALLSIGN: "by its callsign",
    FlewBy.CLAIMED: "as the claimant says",
}


def incident_page(
    incident: Incident,
    findings: IncidentFindings,
    *,
    digests: Mapping[str, str],
    is_signed: bool,
    version: str,
) -> bytes:
    """Write a report of an incident as one HTML page.

    Args:
        incident: What is claimed, and what it rests on.
        findings: What was computed of it.
        digests: The SHA-256 of the other files of the report, by their names.
        is_signed: Whether the report is signed.
        version: The version of the program, for the foot of the page.

    Returns:
        The page in UTF-8. What it leaves out is counted in it.
    """
    charts = separation_charts(findings)
    sections = [
        ("short", "In short", _short(incident, findings)),
        ("map", "Map", _key(incident) + _picture(incident_map(incident, findings), "Map")),
    ]
    if charts:
        sections.append(("separation", "Separation", _picture(charts, "Separation over time") + _reading()))
    if findings.levels:
        sections.append(("levels", "By the rule", levels_table(incident, findings)))
    if findings.places:
        sections.append(("places", "By what was declared", places_table(findings)))
    sections += [
        ("timeline", "What happened", timeline(incident, findings)),
        ("declared", "What was declared, and who had it", declared_table(incident)),
        ("evidence", "Evidence", evidence_table(incident, findings, digests) + _how(incident, is_signed)),
    ]
    word, _, _ = headline(findings)
    links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title, _ in sections)
    main = "".join(
        f'<section aria-labelledby="{name}"><h2 id="{name}">{title}</h2>{content}</section>'
        for name, title, content in sections
    )
    body = (
        '<a class="skip" href="#main">Skip to the report</a>'
        f"<header><h1>Keepclear: report of an incident</h1>{_answer(incident, findings, is_signed)}"
        f'<nav aria-label="Contents"><ul>{links}</ul></nav></header>'
        f'<main id="main">{main}</main>{_footer(version)}'
    )
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'
        f"<title>{word}: Keepclear incident</title><style>{REPORT_STYLE}{STYLE}{_STYLE}</style>"
    )
    page = f'<html lang="en" dir="ltr"><head>{head}</head>\n<body>{body}</body></html>'
    return f"<!DOCTYPE html>\n{page}\n".encode()


_SYMBOLS: Final = {
    "bad": "M14.5 14.5 29.5 29.5M29.5 14.5 14.5 29.5",
    "warn": "M16.5 17.5a5.5 5.5 0 1 1 8 5c-2 1-2.5 2-2.5 4M22 31.5v.6",
    "calm": "M13 22H31",
}


def _answer(incident: Incident, findings: IncidentFindings, is_signed: bool) -> str:
    """State what was found: symbol, words, colour; and whose report it is."""
    word, sentence, kind = headline(findings)
    icon = (
        '<svg width="44" height="44" aria-hidden="true">'
        '<circle cx="22" cy="22" r="20.5" fill="currentColor"/>'
        f'<path d="{_SYMBOLS[kind]}" fill="none" stroke="var(--bg)" stroke-width="4" stroke-linecap="round"/>'
        "</svg>"
    )
    unsigned = "" if is_signed else " <strong>It is NOT SIGNED: nothing shows whose it is.</strong>"
    return (
        f'<div class="answer {kind}">{icon}<div><strong>{word}</strong><span>{sentence}'
        f" This is the report of {bdi(incident.claimant)}, computed from its own observations.{unsigned}"
        "</span></div></div>"
    )


# -- in short ---------------------------------------------------------------------------------------


def _short(incident: Incident, findings: IncidentFindings) -> str:
    claimed = "".join(f"<li>{each}</li>" for each in _claimed(incident))
    computed = "".join(f"<li>{each}</li>" for each in _computed(findings))
    unknown = "".join(f"<li>{bdi(each)}</li>" for each in findings.not_known) or "<li>Nothing is named.</li>"
    return (
        f'<div class="three"><div><h3>What is claimed</h3><ul>{claimed}</ul></div>'
        f"<div><h3>What is computed</h3><ul>{computed}</ul></div>"
        f"<div><h3>What is not known</h3><ul>{unknown}</ul></div></div>"
    )


def _claimed(incident: Incident) -> list[str]:
    span = numbers(span_text(instant_of(incident.from_ms), instant_of(incident.to_ms)))
    told = [f"{bdi(incident.claimant)} claims: {bdi(incident.claim)}"] if incident.claim else []
    told.append(f"The time: {span}.")
    told += [_aircraft_text(each) for each in incident.aircraft]
    told.append(
        f"The reports of where they were are {bdi(incident.claimant)}'s own observations. Nobody else can"
        " vouch for them; who has observed the same can compare."
    )
    return told


def _aircraft_text(each: ObservedAircraft) -> str:
    who = f" of {bdi(each.party)}" if each.party is not None else ", of no known party"
    called = f", called {bdi(each.callsign)}" if each.callsign is not None else ""
    kind = "" if each.kind.value == "unknown" else f", {escaped(each.kind.value)}"
    flew = "".join(f"; it flew {bdi(f'{f.party}:{f.id}')}, {_FLEW[f.by]}" for f in each.flew)
    return f"<b>{bdi(each.id)}</b>{who}{kind}{called}{flew}: {count_text(each.report_count, 'report')}."


def _computed(findings: IncidentFindings) -> list[str]:
    told = []
    if findings.closest is not None:
        told.append(f"Laterally closest: {closest_text(findings.closest)}.")
    if findings.worst is not None and findings.worst != findings.closest:
        told.append(f"Closest by both minima: {closest_text(findings.worst)}.")
    if findings.separation is not None and findings.closest is None:
        told.append("How far apart they were is known at no instant.")
    told += [
        f"{bdi(each.aircraft)}: the longest time without a report is {each.gap_s:,.0f} s; positions were"
        f" received up to {each.delay_s:,.1f} s after they were measured."
        for each in findings.aircraft
        if each.first_ms is not None
    ]
    return told


# -- pictures ---------------------------------------------------------------------------------------


def _picture(svg: str, name: str) -> str:
    return f'<div class="wide picture" tabindex="0" role="region" aria-label="{name}">{svg}</div>'


def _key(incident: Incident) -> str:
    thick, dotted = "stroke-width:11px", "stroke-width:5px;stroke-dasharray:2 4"
    rows = []
    for number, each in enumerate(incident.aircraft):
        second = " kc-second" if number else ""
        rows.append((AIRCRAFT_COLOURS[number], f'class="kc-line{second}"', bdi(each.id)))
    rows += [
        ("", f'class="kc-bad-line" stroke-opacity=".35" style="{style}"', told)
        for style, told in (
            (thick, "separation lost, as reported"),
            (dotted, "outside of what was declared, or inside of what others declared"),
        )
    ]
    items = "".join(
        f'<li><svg class="kc {colour}" width="34" height="16" aria-hidden="true">'
        f'<path {line} d="M0 8H34"/></svg>{told}</li>'
        for colour, line, told in rows
    )
    return f'<ul class="key">{items}</ul><p class="dim">Dots are whole minutes, UTC.</p>'


def _reading() -> str:
    return (
        '<p class="dim">The line is the distance as reported; within the band around it the true one lies,'
        " by what the reports say of their errors. Shaded: yellow, a loss cannot be excluded; red, lost as"
        " reported; darker red, lost whatever the errors are; grey, not known.</p>"
    )


# -- how to verify ----------------------------------------------------------------------------------


def _how(incident: Incident, is_signed: bool) -> str:
    signed = (
        f"The manifest is signed by the node of {bdi(incident.claimant)}."
        if is_signed
        else "<b>This report is not signed.</b> Nothing shows whose it is, nor that nobody has changed it."
    )
    return (
        f'<div class="said"><p>{signed} Whoever has a node checks all of it without a network:</p>'
        "<p><code>keepclear report verify FOLDER --card CARD</code></p><ul>"
        "<li>The files are those that were signed, the logs are their parties' own, and what is quoted here"
        " stands in them; what they say and this report leaves out is named, too.</li>"
        "<li>The findings are computed again from the reports, and this page is made again.</li>"
        "<li>With <code>--recording</code>, the verifier's own observations are put beside these.</li>"
        "</ul></div>"
    )


def _footer(version: str) -> str:
    return (
        f"<footer><p>Keepclear {escaped(version)}. Not certified. It supports the people who are responsible,"
        " and does not replace them or their procedures. All times are UTC; those of statements are by the"
        " clock of whoever made them. Positions are WGS84.</p></footer>"
    )
