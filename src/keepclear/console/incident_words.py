"""What the findings of an incident come to in words, the same on the page and in the terminal."""

from __future__ import annotations

import math
from typing import Final

from keepclear.codec.drawing.incident_map import distance_text
from keepclear.codec.words import duration_text, instant_text
from keepclear.console.report_parts import numbers
from keepclear.core.incident_findings import (
    Closest,
    IncidentFindings,
    LevelFinding,
    Spans,
    Standing,
    longest_s,
)
from keepclear.core.times import instant_of
from keepclear.core.units import m_to_feet

STANDINGS: Final = {
    Standing.CERTAIN: "certain, whatever the errors are",
    Standing.REPORTED: "as reported; within the errors it may not be so",
    Standing.POSSIBLE: "cannot be excluded",
    Standing.EXCLUDED: "excluded",
}
_LOST: Final = frozenset({Standing.CERTAIN, Standing.REPORTED})
_RANKS: Final = {standing: rank for rank, standing in enumerate(reversed(Standing))}


_POSSIBLE: Final = (
    "By the positions as reported nothing was lost; within their errors, or where nothing is known, it may"
    " have been."
)
_EXCLUDED: Final = (
    "It is excluded for the time and the aircraft of this report, by its reports, and for nothing else."
)


def headline(findings: IncidentFindings) -> tuple[str, str, str]:
    """Return what findings come to: in capitals, in a sentence, and how grave it is in a word of style."""
    standings = [each.standing for each in findings.levels] + [each.standing for each in findings.places]
    gravest = max(standings, key=_RANKS.__getitem__, default=None)
    unseen = any(each.first_ms is None for each in findings.aircraft)
    if unseen or (gravest is None and findings.closest is None and findings.separation is not None):
        return "NOTHING CAN BE SAID", "Too little is known of where the aircraft were.", "warn"
    if gravest in _LOST:
        return _lost(findings)
    if gravest is Standing.POSSIBLE:
        return "CANNOT BE EXCLUDED", _POSSIBLE, "warn"
    if gravest is Standing.EXCLUDED:
        return "NO LOSS IN WHAT WAS REPORTED", _EXCLUDED, "calm"
    if findings.closest is not None:
        why = "The rule that applies here has no minima that a report could judge: it tells distances alone."
        return "NOT JUDGED", why, "warn"
    return "NOT JUDGED", "Nothing applies here that could be lost or left; see what is not known.", "warn"


def _lost(findings: IncidentFindings) -> tuple[str, str, str]:
    """Tell of the highest level that was lost, else of where somebody was."""
    lost = [each for each in findings.levels if each.standing in _LOST]
    if lost:
        level = lost[-1]
        told = f"{_lasted(level)}, {STANDINGS[level.standing]}."
        return f"SEPARATION LOST: {_capitals(level.level)}", told, "bad"
    place = next(each for each in findings.places if each.standing in _LOST)
    how = STANDINGS[place.standing]
    if place.is_outside:
        told = f"An aircraft left what its operation had declared: {how}."
        return "OUTSIDE OF WHAT WAS DECLARED", told, "bad"
    what = "a zone" if place.is_zone else "an operation"
    return "INSIDE OF WHAT OTHERS DECLARED", f"An aircraft was in {what} of another party: {how}.", "bad"


def _capitals(level: str) -> str:
    return "".join(c for c in level.upper() if c.isprintable() and c not in "<>&\"'")


def _lasted(level: LevelFinding) -> str:
    spans = level.spans.certain if level.standing is Standing.CERTAIN else level.spans.reported
    longest = longest_s(spans) or 0.0
    first = spans[0]
    told = f"Lost {span_count(level.spans, level.standing)}, for {duration_text(longest)} at the longest"
    return f"{told}, first from {instant_text(instant_of(first.from_ms))}"


def span_count(spans: Spans, standing: Standing) -> str:
    """Write how often something was so."""
    count = len(spans.certain if standing is Standing.CERTAIN else spans.reported)
    return "once" if count == 1 else f"{count:,} times"


def apart_text(closest: Closest) -> str:
    """Write how far apart both were at a closest approach, with the errors, as HTML."""
    lateral = f"{distance_text(closest.lateral_m)} ± {distance_text(closest.lateral_error_m)}"
    vertical = "vertical distance not known"
    if not math.isnan(closest.vertical_m):
        off = m_to_feet(closest.vertical_error_m)
        vertical = f"{m_to_feet(closest.vertical_m):,.0f} ft ± {off:,.0f} ft vertically"
    return f"{numbers(lateral)}, {numbers(vertical)}"


def closest_text(closest: Closest) -> str:
    """Write a closest approach with its errors and its instant, as HTML."""
    return f"{apart_text(closest)} at {numbers(instant_text(instant_of(closest.at_ms)))}"
