"""The findings in the report: the table of all, and a section for each."""

from __future__ import annotations

from typing import Final

from keepclear.codec.drawing import Drawing, bounds_text, panel_svg
from keepclear.codec.results import Answer, CheckResult
from keepclear.codec.words import (
    TITLES,
    band_text,
    count_text,
    dms_text,
    duration_text,
    height_text,
    instant_text,
    kind_text,
    length_text,
    position_text,
    span_text,
)
from keepclear.console.report_parts import (
    ROWS_MAX,
    and_more,
    bdi,
    finding_symbol,
    gaps,
    numbers,
    party_name,
    party_symbol,
)
from keepclear.core.conflicts import NO_BUFFER, ConflictRule, Finding, Side, Verdict

SECTIONS_MAX: Final = 200
"""So many findings get a section of their own; how many more there are is told."""
VOLUME_PAIRS_MAX: Final = 20
"""Of a finding so many pairs of volumes are listed; how many more there are is told."""


def findings_table(result: CheckResult) -> str:
    """Write the table of all findings."""
    title = '<section aria-labelledby="findings"><h2 id="findings">Findings</h2>'
    if not result.findings:
        none = {
            Answer.NO_VERDICT: "Nothing was checked, so nothing can be said.",
            Answer.CANNOT_DECIDE: "None in what could be checked.",
        }.get(result.answer, "None.")
        return f"{title}<p>{none}</p></section>"
    names = ("No.", "Verdict", "Between", "Where", "Altitude (W84)", "Time (UTC)")
    headings = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = "".join(_row(number, f) for number, f in enumerate(result.findings[:ROWS_MAX], start=1))
    return (
        f'{title}<div class="wide" tabindex="0" role="region" aria-label="Table of findings"><table>'
        "<caption>Numbered as on the map. Place, altitude and time are of a point that lies in both items,"
        " or in the middle of the gap between them.</caption>"
        f"<thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"{and_more(len(result.findings) - ROWS_MAX, 'finding')}</section>"
    )


def _row(number: int, finding: Finding) -> str:
    w = finding.witness
    mark = finding_symbol(finding.verdict, number)
    if number <= SECTIONS_MAX:
        mark = f'<a href="#finding-{number}" aria-label="Finding {number}">{mark}</a>'
    sides = "<br>".join(
        f'{bdi(side.id)} <span class="dim">{party_name(side.party)}{", zone" if side.is_zone else ""}</span>'
        for side in (finding.a, finding.b)
    )
    lateral, vertical, time = _depths(finding)
    return (
        f'<tr><th scope="row">{mark}</th>'
        f"<td>{TITLES[finding.verdict]}</td><td>{sides}</td>"
        f'<td>{numbers(position_text(w.position))}<br><span class="dim">{lateral}</span></td>'
        f'<td>{numbers(height_text(w.altitude_m))}<br><span class="dim">{vertical}</span></td>'
        f'<td>{numbers(instant_text(w.time))}<br><span class="dim">{time}</span></td></tr>'
    )


def _depths(finding: Finding) -> tuple[str, str, str]:
    """Write how deep two items overlap, or how far they are apart: laterally, vertically, in time."""
    w = finding.witness
    return (
        _depth(
            length_text(w.lateral_overlap_m) + " wide",
            w.lateral_overlap_m,
            length_text(w.lateral_gap_m),
            w.lateral_gap_m,
        ),
        _depth(
            height_text(w.vertical_overlap_m),
            w.vertical_overlap_m,
            height_text(w.vertical_gap_m),
            w.vertical_gap_m,
        ),
        _depth(duration_text(w.time_overlap_s), w.time_overlap_s, duration_text(w.time_gap_s), w.time_gap_s),
    )


def _depth(overlap_text: str, overlap: float, gap_text: str, gap: float) -> str:
    if gap > 0.0:
        return f"{numbers(gap_text)} apart"
    return f"overlap {numbers(overlap_text)}" if overlap > 0.0 else "touching"


def finding_sections(drawing: Drawing) -> str:
    """Write a section for each finding: in words, as a table, and as pictures."""
    findings = drawing.result.findings
    if not findings:
        return ""
    sections = [_section(drawing, number, f) for number, f in enumerate(findings[:SECTIONS_MAX], start=1)]
    rest = len(findings) - SECTIONS_MAX
    more = (
        f'<p class="dim">{count_text(rest, "finding")} more: the table above has them without a picture.</p>'
        if rest > 0
        else ""
    )
    return (
        '<section aria-labelledby="details"><h2 id="details">Each finding</h2>'
        "<p>Left: altitude over time of the two items; right: the place. The first item has solid lines,"
        " the second dashed ones. Red is what they share, or the gap between them. Thin outlines are volumes"
        f" of the same items that do not meet the other. Volumes count from 0.</p>{''.join(sections)}{more}"
        "</section>"
    )


def _section(drawing: Drawing, number: int, finding: Finding) -> str:
    title = (
        f"{finding_symbol(finding.verdict, number)} <span>{TITLES[finding.verdict].capitalize()} {number}:"
        f" {bdi(finding.a.id)} and {bdi(finding.b.id)}</span>"
    )
    return (
        f'<section class="finding" id="finding-{number}" aria-labelledby="finding-{number}-title">'
        f'<h3 id="finding-{number}-title">{title}</h3>{_explanation(drawing, finding)}'
        f"{_sides_table(drawing, finding)}{_pairs(finding)}"
        f'<div class="wide picture" tabindex="0" role="region" aria-label="Pictures of finding {number}">'
        f"{panel_svg(drawing, finding)}</div></section>"
    )


def _explanation(drawing: Drawing, finding: Finding) -> str:
    w = finding.witness
    where = f"{numbers(position_text(w.position))} ({numbers(dms_text(w.position))})"
    when = numbers(instant_text(w.time))
    apart = any(gap > 0.0 for gap in _gap_sizes(finding))
    place = "In the middle between them is" if apart else "In both is"
    return (
        f"<p>{_what_happens(drawing, finding)} {place} the point {where},"
        f" {numbers(height_text(w.altitude_m))} above the WGS84 ellipsoid, at {when}.</p>"
        f"<p>{_how_deep(drawing.result, finding)}</p>"
    )


def _what_happens(drawing: Drawing, finding: Finding) -> str:
    operation, zone = (finding.b, finding.a) if finding.a.is_zone else (finding.a, finding.b)
    first, second = bdi(operation.id), bdi(zone.id)
    if finding.verdict is Verdict.NEAR_MISS:
        return f"{first} and {second} do not meet, but come as near as was asked to be told."
    if not any(gap > 0.0 for gap in _gap_sizes(finding)):
        enters, meets = "enters", "may be at the same place at the same time"
    elif drawing.result.buffer == NO_BUFFER:  # within what the judge takes for contact
        enters, meets = "touches", "come so close that they count as touching"
    else:
        enters, meets = "comes within the buffer of", "leave less room than the buffer asks for"
    if not zone.is_zone:
        return f"{first} and {second} {meets}."
    notice = ", whose party asks for notice first" if finding.verdict is Verdict.NOTICE_REQUIRED else ""
    return f"{first} {enters} the {kind_text(drawing.item(zone))} {second}{notice}."


def _gap_sizes(finding: Finding) -> tuple[float, float, float]:
    w = finding.witness
    return w.lateral_gap_m, w.vertical_gap_m, w.time_gap_s


def _how_deep(result: CheckResult, finding: Finding) -> str:
    lateral, vertical, time = _depths(finding)
    w = finding.witness
    area = f" over {numbers(_area_text(w.overlap_area_m2))}" if w.overlap_area_m2 > 0.0 else ""
    asked = ""
    if result.buffer != NO_BUFFER and finding.verdict is not Verdict.NEAR_MISS:
        asked = f" The buffer is {gaps(result.buffer)}; one of the three gaps must be larger."
    bounds = ""
    if result.rule is ConflictRule.PER_INTENT:
        bounds = " Altitude and time are the bounds of the whole items, as the rule has it."
    return f"Laterally: {lateral}{area}. Vertically: {vertical}. In time: {time}.{asked}{bounds}"


def _area_text(area_m2: float) -> str:
    return f"{area_m2:,.1f} m²" if area_m2 < 1e5 else f"{area_m2 / 1e6:,.2f} km²"


def _sides_table(drawing: Drawing, finding: Finding) -> str:
    names = ("Item", "Party", "Kind", "Priority", "Volume", "Altitude (W84)", "Time (UTC)")
    headings = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = "".join(_side_row(drawing, side) for side in (finding.a, finding.b))
    table = f"<table><thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="wide" tabindex="0" role="region" aria-label="The two items">{table}</div>'


def _side_row(drawing: Drawing, side: Side) -> str:
    item = drawing.item(side)
    volume = item.volumes[side.volume]
    which = f"{side.volume} ({len(item.volumes):,} in all)"
    band = band_text(volume.volume.altitude)
    time = span_text(volume.time.start, volume.time.end)
    if drawing.result.rule is ConflictRule.PER_INTENT:
        band, time = bounds_text(item.volumes)
    return (
        f'<tr><th scope="row">{bdi(side.id)}</th>'
        f"<td>{party_symbol(drawing, side.party)} {party_name(side.party)}</td>"
        f"<td>{kind_text(item)}</td><td>{numbers(str(side.priority))}</td><td>{numbers(which)}</td>"
        f"<td>{numbers(band)}</td><td>{numbers(time)}</td></tr>"
    )


def _pairs(finding: Finding) -> str:
    """List which volumes meet, where there is more than the one pair of the witness."""
    pairs = finding.volume_pairs
    if len(pairs) <= 1:
        return ""
    listed = ", ".join(numbers(f"{i} with {j}") for i, j in pairs[:VOLUME_PAIRS_MAX])
    more = f", and {len(pairs) - VOLUME_PAIRS_MAX:,} more pairs" if len(pairs) > VOLUME_PAIRS_MAX else ""
    return (
        f"<p>{len(pairs):,} pairs of volumes (of {bdi(finding.a.id)} with one of {bdi(finding.b.id)}):"
        f" {listed}{more}.</p>"
    )
