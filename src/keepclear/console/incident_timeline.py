"""What happened in an incident, in the order of time: what was said, what was alerted, what is computed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from keepclear.codec.catalogue.rendering import sentence
from keepclear.codec.catalogue.texts import Language
from keepclear.codec.words import duration_text, instant_text
from keepclear.console.incident_tables import cells, table
from keepclear.console.incident_words import apart_text
from keepclear.console.report_parts import bdi, numbers
from keepclear.core.incident_findings import IncidentFindings
from keepclear.core.incidents import Incident
from keepclear.core.times import instant_of

_NO_ISOLATES: Final = re.compile("[\u2066-\u2069]")  # the page isolates the sentence as a whole


class _Row(NamedTuple):
    at_ms: int
    whose: str
    what: str
    tag: str
    is_marked: bool = False


def timeline(incident: Incident, findings: IncidentFindings) -> str:
    """Write what happened, each with by whose clock it is and what it rests on."""
    rows = [
        *_computed(findings),
        *_stated(incident),
        *_received(incident),
        *_said(incident),
        *_alerted(incident),
    ]
    rows.sort(key=lambda row: row.at_ms)
    written = [_written(row) for row in rows]
    return table(
        ("Time (UTC)", "By", "What", "Rests on"),
        written,
        "Timeline",
        "No clock decides between parties: what one party says is in the order of its own log.",
    )


def _written(row: _Row) -> str:
    style = " computed" if row.tag == "computed" else ""
    at = numbers(instant_text(instant_of(row.at_ms)))
    tag = f'<span class="tag{style}">{row.tag}</span>'
    return cells(at, row.whose, row.what, tag, is_marked=row.is_marked)


def _computed(findings: IncidentFindings) -> Iterator[_Row]:
    for level in findings.levels:
        for span in level.spans.reported:
            lasts = numbers(duration_text(span.duration_s))
            what = f"separation lost, {bdi(level.level)}"
            if level.lasting_s and span.duration_s <= level.lasting_s:
                continue
            yield _Row(span.from_ms, "", f"<b>{what}</b>, for {lasts}", "computed", True)
            yield _Row(span.to_ms, "", f"{what}: over", "computed", True)
    if findings.closest is not None:
        what = f"<b>laterally closest</b>: {apart_text(findings.closest)}"
        yield _Row(findings.closest.at_ms, "", what, "computed", True)
    for place in findings.places:
        where = "outside of its own declaration" if place.is_outside else "inside of what others declared"
        for span in place.spans.reported:
            lasts = numbers(duration_text(span.duration_s))
            yield _Row(
                span.from_ms, "", f"<b>{bdi(place.aircraft)} {where}</b>, for {lasts}", "computed", True
            )


def _stated(incident: Incident) -> Iterator[_Row]:
    for each in incident.declared:
        name = f"{bdi(f'{each.ref.party}:{each.ref.id}')} version {each.ref.version}"
        yield _Row(each.at_ms, bdi(each.ref.party), f"{name} {each.what.replace('_', ' ')}", "its log")


def _received(incident: Incident) -> Iterator[_Row]:
    for each in incident.receipts:
        person = f" by {bdi(each.person)}" if each.person else ""
        name = f"{bdi(f'{each.ref.party}:{each.ref.id}')} version {each.ref.version}"
        yield _Row(each.at_ms, bdi(each.party), f"{name} {each.kind}{person}", "its log")


def _said(incident: Incident) -> Iterator[_Row]:
    for each in incident.messages:
        who = f"{bdi(each.by)}{f', {bdi(each.person)}' if each.person else ''}"
        if each.message is None:
            refs = ", ".join(f"{bdi(ref.party)} {ref.n}" for ref in each.seen)
            yield _Row(each.at_ms, who, f"has read messages {refs}", "its log")
        else:
            text = bdi(_NO_ISOLATES.sub("", sentence(each.message, Language.ENGLISH)))
            yield _Row(each.at_ms, who, f"to {bdi(each.message.to)}: {text}", "its log")


def _alerted(incident: Incident) -> Iterator[_Row]:
    for each in incident.alerts:
        kind, change = each.kind.replace("_", " "), each.change.replace("_", " ")
        person = f" by {bdi(each.person)}" if each.person else ""
        cause = f": {bdi(each.cause)}" if each.cause else ""
        what = f"alert {bdi(each.alert)} ({bdi(kind)}) {bdi(change)}{person}, {bdi(each.urgency)}{cause}"
        yield _Row(each.at_ms, bdi(incident.claimant), what, "claimed")
