"""The outcome of a check, and its forms: JSON, CSV and GeoJSON.

The JSON form is kept stable: `{"conflicts": [...], "checked": {...}, "problems": [...]}`, each
unordered pair of items once. What others wrote is made safe for a spreadsheet in CSV.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import msgspec

from keepclear.codec.reading import Assumption, Item, Problem
from keepclear.core.conflicts import Buffer, ConflictRule, Finding, Side, Verdict
from keepclear.core.constraints import Constraint
from keepclear.core.split import Breach
from keepclear.core.times import instant_of, rfc3339

ASSUMED_EXAMPLES_MAX: Final = 10
"""Of each assumption so many items are named; how many there are is always told."""
SPLIT_BREACH: Final = "split_breach"
"""What stands for the verdict in the line of a breach of an altitude split."""
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class Answer(Enum):
    """What a check answers as a whole."""

    CLEAR = "clear"
    """Everything was checked, and nothing meets."""
    CONFLICT = "conflict"
    """There is a conflict, or a notice is required."""
    NO_VERDICT = "no_verdict"
    """The input has problems; nothing was checked."""
    CANNOT_DECIDE = "cannot_decide"
    """Not everything could be checked, or there was nothing to check, and what could be is clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The outcome of a check.

    Attributes:
        findings: What was found.
        items: The items that were given and could be used, those that have ended too.
        ended_count: How many of them have ended and were left out.
        buffer: The gap asked for.
        near: Up to which gaps near misses are reported; None for none.
        rule: When two items conflict.
        all_pairs: Whether items of one party were judged against each other.
        problems: What could not be used.
        assumptions: What was taken for what is missing.
        sources: The files, as the user named them.
        is_partial: Whether the rest was checked in spite of problems.
    """

    findings: tuple[Finding, ...]
    items: tuple[Item, ...]
    ended_count: int
    buffer: Buffer
    near: Buffer | None
    rule: ConflictRule
    all_pairs: bool
    problems: tuple[Problem, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    sources: tuple[str, ...] = ()
    is_partial: bool = False

    @property
    def answer(self) -> Answer:
        """What the check answers as a whole."""
        if self.problems and not self.is_partial:
            return Answer.NO_VERDICT
        if self.conflicts or self.notices:
            return Answer.CONFLICT
        if self.problems or self.ended_count == len(self.items):
            return Answer.CANNOT_DECIDE
        return Answer.CLEAR

    @property
    def conflicts(self) -> tuple[Finding, ...]:
        """The conflicts."""
        return self._of(Verdict.CONFLICT)

    @property
    def notices(self) -> tuple[Finding, ...]:
        """The entries into zones that need a notice first."""
        return self._of(Verdict.NOTICE_REQUIRED)

    @property
    def near_misses(self) -> tuple[Finding, ...]:
        """The pairs that are clear by no more than the gaps asked for."""
        return self._of(Verdict.NEAR_MISS)

    def _of(self, verdict: Verdict) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.verdict is verdict)

    def assumed(self) -> dict[str, list[str]]:
        """Return what was assumed, and of which items."""
        result: dict[str, list[str]] = {}
        for assumption in self.assumptions:
            result.setdefault(assumption.text, []).append(f"{assumption.source}: {assumption.item}")
        return result

    def _repr_svg_(self) -> str:
        """Show the result as a map in Jupyter."""
        from keepclear.codec.drawing import check_svg  # noqa: PLC0415  # it draws results, and needs them

        return check_svg(self)


def _number(value: float) -> float | None:
    return None if math.isinf(value) else value


def _side(side: Side) -> dict[str, Any]:
    return {
        "id": side.id,
        "party": side.party,
        "kind": "constraint" if side.is_zone else "operational_intent",
        "priority": side.priority,
        "volume": side.volume,
    }


def finding_fields(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain values for JSON; an infinite overlap is null."""
    witness = finding.witness
    return {
        "verdict": finding.verdict.value,
        "a": _side(finding.a),
        "b": _side(finding.b),
        "witness": {
            "lat": witness.position.lat_deg,
            "lng": witness.position.lng_deg,
            "altitude_m": witness.altitude_m,
            "time": rfc3339(witness.time),
            "lateral_overlap_m": witness.lateral_overlap_m,
            "overlap_area_m2": witness.overlap_area_m2,
            "vertical_overlap_m": _number(witness.vertical_overlap_m),
            "time_overlap_s": witness.time_overlap_s,
            "lateral_gap_m": witness.lateral_gap_m,
            "vertical_gap_m": witness.vertical_gap_m,
            "time_gap_s": witness.time_gap_s,
        },
        "volume_pairs": [list(pair) for pair in finding.volume_pairs],
    }


def _buffer(buffer: Buffer) -> dict[str, float]:
    return {"lateral_m": buffer.lateral_m, "vertical_m": buffer.vertical_m, "time_s": buffer.time_s}


def check_fields(result: CheckResult) -> dict[str, Any]:
    """Return the outcome of a check as plain values, in the form that is kept stable."""
    zones = sum(isinstance(item, Constraint) for item in result.items)
    fields: dict[str, Any] = {
        "conflicts": [finding_fields(finding) for finding in result.conflicts],
        "notices": [finding_fields(finding) for finding in result.notices],
    }
    if result.near is not None:
        fields["near_misses"] = [finding_fields(finding) for finding in result.near_misses]
    fields["checked"] = {
        "answer": result.answer.value,
        "files": list(result.sources),
        "operations": len(result.items) - zones,
        "zones": zones,
        "volumes": sum(len(item.volumes) for item in result.items),
        "ended": result.ended_count,
        "parties": dict(sorted(Counter(item.party or "" for item in result.items).items())),
        "rule": result.rule.value,
        "buffer": _buffer(result.buffer),
        "near": None if result.near is None else _buffer(result.near),
        "all_pairs": result.all_pairs,
        "assumed": [
            {"text": text, "count": len(items), "examples": items[:ASSUMED_EXAMPLES_MAX]}
            for text, items in result.assumed().items()
        ],
    }
    fields["problems"] = [
        {"file": p.source, "item": p.item, "field": p.field, "reason": p.reason} for p in result.problems
    ]
    return fields


def pretty_json(fields: Any) -> bytes:
    """Write plain values as JSON that people can read."""
    return msgspec.json.format(msgspec.json.encode(fields), indent=2) + b"\n"


def safe_cell(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


_COLUMNS: Final = (
    "verdict", "a_id", "a_party", "a_volume", "b_id", "b_party", "b_volume",
    "time", "lat", "lng", "altitude_m",
    "lateral_overlap_m", "overlap_area_m2", "vertical_overlap_m", "time_overlap_s",
    "lateral_gap_m", "vertical_gap_m", "time_gap_s", "volume_pair_count",
)  # fmt: skip


def breach_fields(breach: Breach) -> dict[str, Any]:
    """Return a breach of an altitude split as plain values for JSON; an infinite reach is null."""
    return {
        "id": breach.item,
        "party": breach.party,
        "peer": breach.peer,
        "stays": "below" if breach.is_below else "above",
        "altitude_m": breach.altitude_m,
        "reach_m": _number(breach.reach_m),
        "volumes": list(breach.volumes),
        "time_start": rfc3339(instant_of(breach.start_ms)),
        "time_end": rfc3339(instant_of(breach.end_ms)),
    }


def check_csv(result: CheckResult) -> bytes:
    """Write what was found as CSV; see `findings_csv`."""
    return findings_csv(result.findings)


def findings_csv(findings: Iterable[Finding], breaches: Iterable[Mapping[str, Any]] = ()) -> bytes:
    """Write findings as CSV, a line each, with a header; empty where an overlap is infinite.

    Args:
        findings: The findings.
        breaches: Breaches of altitude splits, as `breach_fields` has them, after them: `b` is the party
            whose half it is, the altitude that of the plane, the vertical overlap the reach beyond it.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for finding in findings:
        fields = finding_fields(finding)
        cells = {**fields["witness"], "verdict": fields["verdict"]}
        for name in ("a", "b"):
            cells |= {f"{name}_{key}": value for key, value in fields[name].items()}
        cells["volume_pair_count"] = len(finding.volume_pairs)
        writer.writerow(["" if cells[column] is None else safe_cell(cells[column]) for column in _COLUMNS])
    for breach in breaches:
        cells = {
            "verdict": SPLIT_BREACH,
            "a_id": breach["id"],
            "a_party": breach["party"],
            "a_volume": breach["volumes"][0],
            "b_party": breach["peer"],
            "time": breach["time_start"],
            "altitude_m": breach["altitude_m"],
            "vertical_overlap_m": breach["reach_m"],
        }
        row = (cells.get(column) for column in _COLUMNS)
        writer.writerow(["" if cell is None else safe_cell(cell) for cell in row])
    return text.getvalue().encode()


def check_geojson(result: CheckResult) -> bytes:
    """Write what was found as GeoJSON; see `findings_geojson`."""
    return findings_geojson(result.findings)


def findings_geojson(findings: Iterable[Finding], breaches: Iterable[Mapping[str, Any]] = ()) -> bytes:
    """Write the witness of each finding as a GeoJSON point, longitude before latitude.

    Args:
        findings: The findings.
        breaches: Breaches of altitude splits, as `breach_fields` has them, after them, without a place.
    """
    features: list[dict[str, Any]] = []
    for finding in findings:
        fields = finding_fields(finding)
        witness = fields.pop("witness")
        position = [witness.pop("lng"), witness.pop("lat")]
        features.append(
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": position},
                "properties": {**fields, **witness},
            }
        )
    for breach in breaches:
        properties = {"verdict": SPLIT_BREACH, **breach}
        features.append({"type": "Feature", "geometry": None, "properties": properties})
    return pretty_json({"type": "FeatureCollection", "features": features})
