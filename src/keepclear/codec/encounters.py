"""Answers about encounters as JSON, CSV and GeoJSON: each pair once, units in the names, nothing infinite.

Times are seconds from the picture's instant. What has no end within what was looked at, and what is not
known, is null, or an empty cell.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from keepclear.codec.air_pictures import Unjudged
from keepclear.codec.results import pretty_json, safe_cell
from keepclear.core.air_picture import AirPicture
from keepclear.core.encounters import Encounters
from keepclear.core.findings import Finding, Judged, MetLevel
from keepclear.core.index import Engine
from keepclear.core.rules import AnyRule, RuleSet, WellClearRule
from keepclear.core.well_clear import AlertedPairs

_Position = tuple[float, float]
_DIGITS: Final = 3
"""Milliseconds and millimetres."""


def number(value: float) -> float | None:
    """Return a number as it is written; None where it is infinite or not known."""
    return round(float(value), _DIGITS) + 0.0 if math.isfinite(value) else None


def finding_fields(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain values."""
    is_met = finding.level is not None
    return {
        "a": finding.a,
        "b": finding.b,
        "t_in_s": number(finding.t_in_s if is_met else finding.t_in_inflated_s),
        "t_out_s": number(finding.t_out_s if is_met else finding.t_out_inflated_s),
        "t_cpa_s": number(finding.t_cpa_s),
        "d_cpa_m": number(finding.d_cpa_m),
        "dz_cpa_m": number(finding.dz_cpa_m),
        "rule": finding.rule,
        "level": finding.level if is_met else finding.level_inflated,
        "levels": [_level_fields(level) for level in finding.levels],
    }


def _level_fields(level: MetLevel) -> dict[str, Any]:
    return {
        "level": level.level,
        "t_in_s": number(level.t_in_s),
        "t_out_s": number(level.t_out_s),
        "t_in_inflated_s": number(level.t_in_inflated_s),
        "t_out_inflated_s": number(level.t_out_inflated_s),
    }


def answer_fields(
    judged: Judged,
    rule_set: RuleSet,
    *,
    tracks: int,
    unjudged: Sequence[Unjudged],
    assumptions: Sequence[str],
    engine: Engine,
) -> dict[str, Any]:
    """Return all that a rule set says of a picture as plain values.

    Args:
        judged: What it says.
        rule_set: The rule set.
        tracks: How many tracks the file has.
        unjudged: Those that could not be judged.
        assumptions: What was taken for what is missing.
        engine: Which code was asked for.
    """
    return {
        "encounters": [finding_fields(each) for each in judged.findings],
        "cannot_exclude": [finding_fields(each) for each in judged.cannot_exclude],
        "exempted": [
            {**finding_fields(each.finding), "exempted_by": each.by.value, "reason": each.reason}
            for each in judged.exempted
        ],
        "unjudged": [{"id": each.id, "reason": each.reason} for each in unjudged],
        "checked": {
            "rule_set": rule_set.name,
            "rules": [rule_fields(rule) for rule in rule_set.rules],
            "tracks": tracks,
            "pairs_judged": judged.pairs_judged,
            "pairs_without_rule": judged.pairs_without_rule,
            "exempted_count": judged.exempted_count,
            "unmatched": list(judged.unmatched),
            "assumed": list(assumptions),
            "engine": engine.value,
        },
    }


def rule_fields(rule: AnyRule) -> dict[str, Any]:
    """Return a rule as plain values: what it keeps, its tolerances taken off."""
    levels: list[dict[str, Any]]
    if isinstance(rule, WellClearRule):
        levels = [
            {
                "level": name,
                "dmod_m": number(alert.volume.dmod_m),
                "zthr_m": number(alert.volume.zthr_m),
                "tau_mod_s": number(alert.volume.tau_mod_s),
                "lookahead_s": number(alert.within_s),
            }
            for name, alert in zip(rule.level_names, rule.alerts, strict=True)
        ]
    else:
        levels = [
            {
                "level": level.name,
                "lateral_m": number(level.lateral_m - rule.lateral_tolerance_m),
                "vertical_m": number(level.vertical_m - rule.vertical_tolerance_m),
                "lookahead_s": number(level.lookahead_s),
                "lasting_s": number(level.lasting_s),
            }
            for level in rule.levels
        ]
    return {"rule": rule.name, "levels": levels}


_COLUMNS: Final = (
    "verdict",
    "a",
    "b",
    "t_in_s",
    "t_out_s",
    "t_cpa_s",
    "d_cpa_m",
    "dz_cpa_m",
    "rule",
    "level",
    "reason",
)
ENCOUNTER: Final = "encounter"
CANNOT_EXCLUDE: Final = "cannot_exclude"
EXEMPTED: Final = "exempted"
UNJUDGED: Final = "unjudged"


def _verdicts(fields: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for name, verdict in (
        ("encounters", ENCOUNTER),
        ("cannot_exclude", CANNOT_EXCLUDE),
        ("exempted", EXEMPTED),
    ):
        for each in fields[name]:
            yield {"verdict": verdict, **each}


def answer_json(fields: dict[str, Any], _: AirPicture) -> bytes:
    """Write the plain values of an answer as JSON."""
    return pretty_json(fields)


def answer_csv(fields: dict[str, Any], _: AirPicture) -> bytes:
    """Write the plain values of an answer as CSV: a line each, with a verdict."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    unjudged = (
        {"verdict": UNJUDGED, "a": each["id"], "reason": each["reason"]} for each in fields["unjudged"]
    )
    for row in (*_verdicts(fields), *unjudged):
        cells = (row.get(column) for column in _COLUMNS)
        writer.writerow(["" if cell is None else safe_cell(cell) for cell in cells])
    return text.getvalue().encode()


def answer_geojson(fields: dict[str, Any], picture: AirPicture) -> bytes:
    """Write the pairs of an answer as GeoJSON: a line from the one track to the other, where they are now."""
    places = dict(
        zip(
            picture.ids,
            zip(picture.tracks.longitude_deg.tolist(), picture.tracks.latitude_deg.tolist(), strict=True),
            strict=True,
        )
    )
    features: list[dict[str, Any]] = [
        {
            "type": "Feature",
            "geometry": _line(places[each["a"]], places[each["b"]]),
            "properties": each,
        }
        for each in _verdicts(fields)
    ]
    return pretty_json({"type": "FeatureCollection", "features": features})


def _line(one: _Position, other: _Position) -> dict[str, Any]:
    """Return the line from one position to another, in two parts where it crosses the antimeridian.

    Source:
        RFC 7946, section 3.1.9.
    """
    one, other = ((_within_180(lng), lat) for lng, lat in (one, other))
    if abs(other[0] - one[0]) <= 180.0:
        return {"type": "LineString", "coordinates": [one, other]}
    side = math.copysign(180.0, one[0])
    across_deg = other[0] + 2.0 * side - one[0]
    lat = one[1] + (other[1] - one[1]) * (side - one[0]) / across_deg if across_deg else one[1]
    return {"type": "MultiLineString", "coordinates": [[one, (side, lat)], [(-side, lat), other]]}


def _within_180(lng_deg: float) -> float:
    return lng_deg - 360.0 if lng_deg > 180.0 else lng_deg


# -- pairs ------------------------------------------------------------------------------------------


def alerted_rows(alerted: AlertedPairs) -> list[dict[str, Any]]:
    """Return the alert levels of pairs as plain values, a row each, numbered from 1."""
    return [
        {
            "row": row + 1,
            "alert_level": int(alerted.level[row]),
            **{f"t_level{k + 1}_s": number(time) for k, time in enumerate(alerted.t_in_s[row].tolist())},
            "d_cpa_m": number(alerted.d_cpa_m[row]),
            "t_cpa_s": number(alerted.t_cpa_s[row]),
        }
        for row in range(len(alerted.level))
    ]


def judged_rows(judged: Encounters) -> list[dict[str, Any]]:
    """Return judged pairs as plain values, a row each, numbered from 1."""
    return [
        {
            "row": row + 1,
            "encounter": int(math.isfinite(judged.t_in_s[row])),
            **{
                name: number(getattr(judged, name)[row])
                for name in ("t_in_s", "t_out_s", "t_cpa_s", "d_cpa_m", "dz_cpa_m")
            },
        }
        for row in range(len(judged.a))
    ]


def rows_csv(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> bytes:
    """Write rows as CSV, with a header."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(["" if row[column] is None else row[column] for column in columns])
    return text.getvalue().encode()


ALERT_COLUMNS: Final = ("row", "alert_level", "t_level1_s", "t_level2_s", "t_level3_s", "d_cpa_m", "t_cpa_s")
"""The columns of alert levels."""
JUDGED_COLUMNS: Final = ("row", "encounter", "t_in_s", "t_out_s", "t_cpa_s", "d_cpa_m", "dz_cpa_m")
"""The columns of judged pairs."""
