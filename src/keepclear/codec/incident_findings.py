"""What is computed of an incident as JSON, and where two computations of it differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from keepclear.codec.json_errors import decode_json
from keepclear.codec.properties import shown
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng
from keepclear.core.incident_findings import Closest, IncidentFindings, Separation, Span, Spans

FINDINGS_FORMAT: Final = "keepclear-findings/1"
FINDINGS_BYTES_MAX: Final = 50_000_000
"""No findings are longer."""
DIFFERENCES_MAX: Final = 20
"""So many differences between findings are named."""
SAME_WITHIN: Final = 0.02
"""Numbers of findings that differ by no more are the same: metres and seconds are written to hundredths."""


def encode_findings(findings: IncidentFindings) -> bytes:
    """Write what was computed: metres and seconds to hundredths, what is not known as null."""
    fields: dict[str, Any] = {
        "format": FINDINGS_FORMAT,
        "aircraft": [
            {
                "aircraft": each.aircraft,
                "report_counts": dict(each.report_counts),
                "first_ms": each.first_ms,
                "last_ms": each.last_ms,
                "gap_s": _number(each.gap_s),
                "unknown_s": _number(each.unknown_s),
                "delay_s": _number(each.delay_s),
            }
            for each in findings.aircraft
        ],
        "closest": _closest(findings.closest),
        "worst": _closest(findings.worst),
        "levels": [
            {
                "level": each.level,
                "lateral_m": _number(each.lateral_m),
                "vertical_m": _number(each.vertical_m),
                "lasting_s": _number(each.lasting_s),
                "standing": each.standing.value,
                "spans": _spans(each.spans),
            }
            for each in findings.levels
        ],
        "places": [
            {
                "aircraft": each.aircraft,
                "items": [[ref.party, ref.id, ref.version] for ref in each.refs],
                "is_outside": each.is_outside,
                "is_zone": each.is_zone,
                "standing": each.standing.value,
                "spans": _spans(each.spans),
                "farthest_m": _number(each.farthest_m),
                "off_m": _number(each.off_m),
                "undeclared": _listed(each.undeclared),
            }
            for each in findings.places
        ],
        "not_known": list(findings.not_known),
        "separation": None if findings.separation is None else _separation(findings.separation),
    }
    return msgspec.json.encode(fields)


def _separation(separation: Separation) -> dict[str, Any]:
    columns = ("lateral_m", "lateral_error_m", "vertical_m", "vertical_error_m")
    return {
        "at_ms": separation.at_ms.tolist(),
        **{name: [_number(value) for value in getattr(separation, name).tolist()] for name in columns},
    }


def _closest(closest: Closest | None) -> dict[str, Any] | None:
    if closest is None:
        return None
    return {
        "at_ms": closest.at_ms,
        "lateral_m": _number(closest.lateral_m),
        "lateral_error_m": _number(closest.lateral_error_m),
        "vertical_m": _number(closest.vertical_m),
        "vertical_error_m": _number(closest.vertical_error_m),
        "positions": [_place(position) for position in closest.positions],
    }


def _place(position: LatLng) -> list[float]:
    return [round(position.lat_deg, 6) + 0.0, round(position.lng_deg, 6) + 0.0]


def _spans(spans: Spans) -> dict[str, Any]:
    return {
        "certain": _listed(spans.certain),
        "reported": _listed(spans.reported),
        "possible": _listed(spans.possible),
        "unlisted_count": spans.unlisted_count,
    }


def _listed(spans: tuple[Span, ...]) -> list[list[int]]:
    return [[span.from_ms, span.to_ms] for span in spans]


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 2) + 0.0


def differences(told: bytes, computed: bytes) -> Iterator[str]:
    """Yield where findings that were told differ from those that were computed, as clauses.

    Args:
        told: What stands in the report.
        computed: What was computed from its evidence.

    Raises:
        InvalidValueError: What stands in the report is no JSON, or too long.
    """
    if len(told) > FINDINGS_BYTES_MAX:
        raise InvalidValueError("", f"it is over the limit of {FINDINGS_BYTES_MAX:,} bytes")
    yield from _differences(decode_json(told), decode_json(computed), "")


def _differences(told: Any, computed: Any, path: str) -> Iterator[str]:
    if isinstance(told, Mapping) and isinstance(computed, Mapping):
        for name in sorted({*told, *computed}):
            inner = f"{path}.{name}" if path else name
            if name not in told or name not in computed:
                yield f"{inner[:200]} is {'missing' if name in computed else 'too much'}"
            else:
                yield from _differences(told[name], computed[name], inner)
    elif isinstance(told, list) and isinstance(computed, list):
        if len(told) != len(computed):
            yield f"{path} has {len(told):,} values, not {len(computed):,}"
            return
        for k, (one, other) in enumerate(zip(told, computed, strict=True)):
            yield from _differences(one, other, f"{path}[{k}]")
    elif isinstance(told, float) and isinstance(computed, (float, int)):
        if not abs(told - computed) <= SAME_WITHIN:
            yield f"{path} is {told!r}, and computed {computed!r}"
    elif type(told) is not type(computed) or told != computed:
        yield f"{path} is {shown(told)}, and computed {shown(computed)}"
