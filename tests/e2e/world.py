"""A small world round now: own operations and those of another party, for tests of the console."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Final

from keepclear.adapters import clock
from keepclear.core.conflicts import Item
from keepclear.core.constraints import Constraint
from keepclear.core.intents import OperationalIntent
from keepclear.core.times import TimeWindow, rfc3339
from tests.strategies import band, go, intent, square, volume, zone

OWN: Final = "relief"
OTHER: Final = "north"
LAT: Final = 35.0
LNG: Final = 36.0


def soon(start_min: float, end_min: float) -> TimeWindow:
    """Return a window in minutes from now, to the second."""
    now = clock.now().replace(microsecond=0)
    return TimeWindow(start=now + timedelta(minutes=start_min), end=now + timedelta(minutes=end_min))


def own_drop() -> OperationalIntent:
    """Return an operation of our own, from 100 to 300 m, in ten minutes."""
    return intent(
        "relief/drop", volume(square(LAT, LNG, 1_000.0), soon(10, 40), band(100.0, 300.0)), party=OWN
    )


def patrol() -> OperationalIntent:
    """Return an operation of another party, which `own_drop` conflicts with."""
    place = go(LAT, LNG, 90.0, 600.0)
    outline = square(place.lat_deg, place.lng_deg, 1_000.0)
    return intent("north/patrol", volume(outline, soon(15, 50), band(200.0, 400.0)), party=OTHER)


def away() -> OperationalIntent:
    """Return an operation of another party that conflicts with nothing, under way now."""
    place = go(LAT, LNG, 0.0, 6_000.0)
    outline = square(place.lat_deg, place.lng_deg, 500.0)
    return intent("north/away", volume(outline, soon(-5, 90), band(0.0, 100.0)), party=OTHER)


def keep_out() -> Constraint:
    """Return a zone of another party, off all operations."""
    place = go(LAT, LNG, 180.0, 6_000.0)
    return zone(
        "north/zone", volume(square(place.lat_deg, place.lng_deg, 800.0), soon(-60, 600)), party=OTHER
    )


def others() -> list[Item]:
    """Return what the other party has."""
    return [patrol(), away(), keep_out()]


def everything() -> list[Item]:
    """Return one of each, with one conflict."""
    return [own_drop(), *others()]


def own_file(item_id: str) -> bytes:
    """Return a GeoJSON file with an operation of our own that conflicts with nothing."""
    place = go(LAT, LNG, 270.0, 8_000.0)
    corners = square(place.lat_deg, place.lng_deg, 500.0).vertices
    ring = [[corner.lng_deg, corner.lat_deg] for corner in (*corners, corners[0])]
    time = soon(20, 50)
    properties = {
        "id": item_id,
        "party": OWN,
        "kind": "operational_intent",
        "time_start": rfc3339(time.start),
        "time_end": rfc3339(time.end),
        "altitude_lower_m": 100,
        "altitude_upper_m": 200,
        "altitude_datum": "W84",
    }
    geometry = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "properties": properties, "geometry": geometry}
    return json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()
