"""The outcome of a resolution, and its forms: JSON, CSV and GeoJSON."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any, Final

from keepclear.codec import geojson
from keepclear.codec.f3548.volumes import encode as encode_f3548
from keepclear.codec.json_errors import decode_json
from keepclear.codec.results import finding_fields, pretty_json, safe_cell
from keepclear.core.intents import ItemId
from keepclear.core.resolution import Change, Resolution

_COLUMNS: Final = (
    "id", "change", "time_shift_s", "altitude_shift_m", "lateral_m", "bearing_deg",
    "is_smallest", "forced_by",
)  # fmt: skip


def _change(change: Change) -> dict[str, Any]:
    return {
        "change": change.kind.value,
        "time_shift_s": change.time_shift_s,
        "altitude_shift_m": change.altitude_shift_m,
        "lateral_m": change.lateral_m,
        "bearing_deg": change.bearing_deg,
        "is_smallest": change.is_smallest,
        "forced_by": [
            {"id": by.other, "own_volume": by.own_volume, "other_volume": by.other_volume}
            for by in change.forced_by
        ],
    }


def resolution_fields(resolution: Resolution) -> dict[str, Any]:
    """Return a resolution as plain values; each change holds the item as F3548 JSON."""
    limits = resolution.limits
    return {
        "id": resolution.item_id,
        "clear": resolution.is_clear,
        "conflicts": [finding_fields(finding) for finding in resolution.conflicts],
        "changes": [
            {**_change(change), "item": decode_json(encode_f3548([change.item]))[0]}
            for change in resolution.changes
        ],
        "none_within": [kind.value for kind in resolution.none_within],
        "undecided": [{"change": kind.value, "reason": reason} for kind, reason in resolution.undecided],
        "limits": {"time_s": limits.time_s, "altitude_m": limits.altitude_m, "lateral_m": limits.lateral_m},
    }


def resolution_json(resolution: Resolution) -> bytes:
    """Write a resolution as JSON."""
    return pretty_json(resolution_fields(resolution))


def resolution_csv(resolution: Resolution) -> bytes:
    """Write the changes of a resolution as CSV, a line each, with a header."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for change in resolution.changes:
        cells = {**_change(change), "id": resolution.item_id}
        cells["forced_by"] = " ".join(by.other for by in change.forced_by)
        writer.writerow(["" if cells[c] is None else safe_cell(cells[c]) for c in _COLUMNS])
    return text.getvalue().encode()


def resolution_geojson(resolution: Resolution) -> bytes:
    """Write the item as each change would have it, as GeoJSON; the id tells the change."""
    items = [
        replace(change.item, id=ItemId(f"{change.item.id} ({change.kind.value})"))
        for change in resolution.changes
    ]
    return geojson.encode(items)
