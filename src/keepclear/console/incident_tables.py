"""The tables of a report of an incident: levels, places, declarations with receipts, evidence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from keepclear.codec.drawing import bounds_text
from keepclear.codec.drawing.incident_map import distance_text
from keepclear.codec.words import count_text, duration_text, height_text, instant_text, kind_text, length_text
from keepclear.console.incident_words import STANDINGS
from keepclear.console.report_parts import ROWS_MAX, and_more, bdi, numbers
from keepclear.core.incident_findings import IncidentFindings, PlaceFinding, Span
from keepclear.core.incidents import Incident, QuotedReceipt, QuotedVersion, ReceiptKind
from keepclear.core.times import instant_of
from keepclear.core.units import m_to_feet

SPANS_SHOWN: Final = 5
"""So many spans stand in one cell of a table; how many more there are is told."""


def table(headings: Sequence[str], rows: Sequence[str], label: str, caption: str = "") -> str:
    """Write a table of rows that are written already."""
    head = "".join(f'<th scope="col">{name}</th>' for name in headings)
    told = f"<caption>{caption}</caption>" if caption else ""
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{label}"><table>{told}'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows[:ROWS_MAX])}</tbody></table></div>"
        f"{and_more(len(rows) - ROWS_MAX, 'row')}"
    )


def cells(first: str, *rest: str, is_marked: bool = False) -> str:
    """Write a row; its first cell tells what it is about."""
    inner = "".join(f"<td>{cell}</td>" for cell in rest)
    mark = ' class="mark"' if is_marked else ""
    return f'<tr{mark}><th scope="row">{first}</th>{inner}</tr>'


def clock(ms: int) -> str:
    """Write an instant, its day left out."""
    return numbers(instant_text(instant_of(ms))[11:-4])


def _spans(spans: tuple[Span, ...]) -> str:
    told = [
        f"{clock(span.from_ms)} to {clock(span.to_ms)}, {numbers(duration_text(span.duration_s))}"
        for span in spans[:SPANS_SHOWN]
    ]
    rest = len(spans) - SPANS_SHOWN
    if rest > 0:
        told.append(f"and {count_text(rest, 'more time', 'more times')}")
    return "<br>".join(told) or '<span class="dim">never</span>'


# -- what was computed ------------------------------------------------------------------------------


def levels_table(incident: Incident, findings: IncidentFindings) -> str:
    """Write what each level of the rule says."""
    rows = []
    for level in findings.levels:
        vertical = "any height" if math.isinf(level.vertical_m) else f"{m_to_feet(level.vertical_m):,.0f} ft"
        lasting = f", longer than {duration_text(level.lasting_s)}" if level.lasting_s else ""
        kept = f"{distance_text(level.lateral_m)}, {vertical}{lasting}"
        rows.append(
            cells(
                bdi(level.level),
                numbers(kept),
                f"<b>{STANDINGS[level.standing]}</b>",
                _spans(level.spans.certain),
                _spans(level.spans.reported),
                _spans(level.spans.possible),
            )
        )
    known_for = duration_text(incident.degraded_s)
    rule = "" if incident.rule is None else f", rule {bdi(incident.rule.name)}"
    return table(
        ("Level", "Minima", "Lost", "Certain, whatever the errors", "As reported", "Cannot be excluded"),
        rows,
        "Levels of the rule",
        f"Rule set {bdi(incident.rule_set)}{rule}, the least urgent level first. Lost is what is closer than"
        " both minima, judged at each whole second and each report. A position is known for"
        f" {known_for} after it was measured, and between two reports no more than twice that apart.",
    )


def places_table(findings: IncidentFindings) -> str:
    """Write who was outside of what it declared, or inside of what others did."""
    rows = []
    for place in findings.places:
        what = "outside of" if place.is_outside else "inside of"
        refs = ", ".join(f"{bdi(f'{ref.party}:{ref.id}')} version {ref.version}" for ref in place.refs)
        rows.append(
            cells(
                bdi(place.aircraft),
                f"{what} {refs or 'what is not declared'}",
                f"<b>{STANDINGS[place.standing]}</b>{_how_far(place)}",
                _spans(place.spans.certain),
                _spans(place.spans.reported),
                _spans(place.spans.possible),
            )
        )
    return table(
        ("Aircraft", "Was", "How sure", "Certain, whatever the errors", "As reported", "Cannot be excluded"),
        rows,
        "Places",
        "By the version that its owner had stated last at each instant, by the owner's clock.",
    )


def _how_far(place: PlaceFinding) -> str:
    told = []
    if place.farthest_m:
        told.append(f"up to {length_text(place.farthest_m)} beyond the footprint")
    if place.off_m:
        told.append(f"up to {height_text(place.off_m)} above or below")
    if place.undeclared:
        told.append("nothing was declared for part of the time")
    return f'<br><span class="dim">{"; ".join(told)}</span>' if told else ""


# -- what was said ----------------------------------------------------------------------------------


def declared_table(incident: Incident) -> str:
    """Write what was declared, and who had received and seen it."""
    if not incident.declared:
        return (
            "<p>No log of any party says anything about this place and time, or no log belongs to this"
            " report: see what is not known.</p>"
        )
    by_ref: dict[object, list[QuotedReceipt]] = {}
    for receipt in incident.receipts:
        by_ref.setdefault(receipt.ref, []).append(receipt)
    rows = [_version_row(incident, each, by_ref.get(each.ref, ())) for each in incident.declared]
    return table(
        ("Item", "Version", "Stated", "What it says", "Who had it"),
        rows,
        "Declarations",
        "Quoted from the logs of the parties, word for word in evidence.json. Delivered: the other node had"
        " it. Seen: an officer signed to have seen it. Each by the clock of whoever says so.",
    )


def _version_row(incident: Incident, each: QuotedVersion, receipts: Iterable[QuotedReceipt]) -> str:
    said = "withdrawn"
    if each.item is not None:
        band, time = bounds_text(each.item.volumes)
        state = getattr(each.item, "state", None)
        said = f"{kind_text(each.item)}{'' if state is None else f', {state.value}'}: {numbers(band)},"
        said += f" {numbers(time)}, {count_text(len(each.item.volumes), 'volume')}"
    elif each.text is not None:
        said = f"cannot be judged: {bdi(each.remark or '')}"
    told = [_receipt_text(receipt, incident) for receipt in receipts]
    return cells(
        f'<span class="keep">{bdi(f"{each.ref.party}:{each.ref.id}")}</span>',
        f"{each.ref.version}",
        f"{numbers(instant_text(instant_of(each.at_ms)))}<br>"
        f'<span class="dim">{each.what.replace("_", " ")}, entry {each.n:,}</span>',
        said,
        "<br>".join(told) or "<b>nobody is known to have received it</b>",
    )


def _receipt_text(receipt: QuotedReceipt, incident: Incident) -> str:
    person = f" by {bdi(receipt.person)}" if receipt.person else ""
    at = numbers(instant_text(instant_of(receipt.at_ms)))
    late = " <b>(after it began)</b>" if receipt.at_ms > incident.from_ms else ""
    what = ReceiptKind(receipt.kind).value
    return f"{bdi(receipt.party)}: {what}{person} {at}, entry {receipt.n:,}{late}"


# -- evidence ---------------------------------------------------------------------------------------


def evidence_table(incident: Incident, findings: IncidentFindings, digests: Mapping[str, str]) -> str:
    """Write what the report rests on: sources with their reports, and files with their sums."""
    rows = []
    for each, found in zip(incident.aircraft, findings.aircraft, strict=True):
        within = dict(found.report_counts)
        for reports in each.sources:
            rows.append(
                cells(
                    bdi(each.id),
                    bdi(reports.source),
                    f"{len(reports):,}",
                    f"{within.get(reports.source, 0):,}",
                    f"{clock(int(reports.at_ms.min()))} to {clock(int(reports.at_ms.max()))}",
                )
            )
    sources = table(
        ("Aircraft", "Source", "Reports", "Within the time", "Measured"),
        rows,
        "Reports",
        "The observations of the claimant, all that were received of these aircraft, also shortly before and"
        " after.",
    )
    files = table(
        ("File", "SHA-256"),
        [cells(bdi(name), f"<code>{digest}</code>") for name, digest in digests.items()],
        "Files",
        "The files beside this page; the manifest names them all, this page too.",
    )
    return f"{sources}<br>{files}"
