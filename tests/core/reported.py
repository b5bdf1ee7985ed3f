"""Makers of reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keepclear.core.geodesy import geodesic_direct
from keepclear.core.reports import Report, Reports, gather

NOON_MS = 1_777_636_800_000
"""Noon on 1 May 2026."""
KNOT_MPS = 1852.0 / 3600.0


def report(track_id: str = "icao:4b1814", at_s: float = 0.0, **fields: Any) -> Report:
    """Return a report of so many seconds after noon, of an aeroplane that flies north at 200 m/s."""
    values: dict[str, Any] = {
        "latitude_deg": 47.0,
        "longitude_deg": 8.0,
        "pressure_altitude_ft": 35_000.0,
        "ground_speed_mps": 200.0,
        "track_deg": 0.0,
    }
    values |= fields
    return Report(id=track_id, at_ms=NOON_MS + round(at_s * 1000), **values)


def flying(
    track_id: str,
    at_s: float,
    lat: float = 47.0,
    lng: float = 8.0,
    track_deg: float = 90.0,
    speed_mps: float = 200.0,
    **fields: Any,
) -> Report:
    """Return a report of what flies straight on from a place since noon."""
    there = geodesic_direct(lat, lng, track_deg, speed_mps * at_s)
    return report(
        track_id,
        at_s,
        **{
            "latitude_deg": float(there[0]),
            "longitude_deg": float(there[1]),
            "track_deg": track_deg,
            "ground_speed_mps": speed_mps,
            **fields,
        },
    )


def gathered(rows: Sequence[Report], source: str = "readsb-1", received_s: float | None = None) -> Reports:
    """Return reports as a source gives them, received at the instant of the newest or when told."""
    newest = max(row.at_ms for row in rows)
    received_ms = newest if received_s is None else NOON_MS + round(received_s * 1000)
    found = gather(source, rows, received_ms)
    assert not found.refused
    return found.reports
