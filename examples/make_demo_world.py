"""Make the data file of the world that `keepclear demo` shows, out of examples/switzerland-2018.

    python examples/make_demo_world.py

The flights are real and stay as they are in `switzerland-2018`, but for their party: the airlines are
given to three invented parties, so that some of the real conflicts are between parties. A few invented
operations and zones of low heights are added, so that there is something to resolve besides.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from keepclear.core.constraints import CLEARANCE_RING_M, NO_ENTRY_RING_M
from keepclear.core.geodesy import geodesic_direct, geodesic_inverse
from keepclear.core.times import rfc3339

EXAMPLES: Final = Path(__file__).resolve().parent
FLIGHTS: Final = EXAMPLES / "switzerland-2018"
WORLD: Final = EXAMPLES.parent / "src" / "keepclear" / "testing" / "worlds" / "demo.geojson"

NORTH, COALITION, RELIEF = "north-force", "coalition", "relief-org"
AIRLINES: Final = {
    NORTH: "AFR DLH IBE IBK RYR TAP THY VLG",
    COALITION: "BAW DAH EXS EZY FPO JAF KLM PRW SAS TCX TUI TVF",
    RELIEF: "AMC BCS CCM FCB GRHMS HBJGP ROT SDR T7STK UPEM007 VJT",
}
"""Which party gets the flights of which airline: whole airlines, so that their flights stay clear."""
LEGS_MIN: Final = 10
"""A flight with fewer legs only cuts a corner of the hour, or of the country; it is left out."""
HOUR_START: Final = datetime(2018, 8, 1, 11, 0, tzinfo=UTC)
HOUR_END: Final = datetime(2018, 8, 1, 12, 0, tzinfo=UTC)
STEP_MAX_S: Final = 60.0
"""The longest leg of an invented operation."""

Feature = dict[str, Any]


class Waypoint(NamedTuple):
    """Where an invented operation turns: degrees, and metres above the WGS84 ellipsoid."""

    lat_deg: float
    lng_deg: float
    height_m: float


def real_flights() -> list[Feature]:
    """Return the flights of the chosen airlines, each with its invented party."""
    party_of = {airline: party for party, names in AIRLINES.items() for airline in names.split()}
    features: list[Feature] = []
    for path in FLIGHTS.glob("*.geojson"):
        features += json.loads(path.read_text(encoding="utf-8"))["features"]
    ids = [feature["properties"]["id"] for feature in features]
    chosen = []
    for feature in sorted(features, key=lambda one: str(one["properties"]["id"])):
        properties = feature["properties"]
        party = party_of.get(properties["party"])
        whole = ids.count(properties["id"]) == 1 and feature["geometry"]["type"] == "LineString"
        if party is not None and whole and len(properties["times"]) > LEGS_MIN:
            feature["properties"] = {name: value for name, value in properties.items() if name != "volume"}
            feature["properties"]["party"] = party
            chosen.append(feature)
    return chosen


def operation(
    item_id: str, leaves: datetime, speed_mps: float, route: Sequence[Waypoint], half_width_m: float
) -> Feature:
    """Make an operation of the relief organisation that flies a route at one speed."""
    coordinates: list[tuple[float, float, int]] = []
    times: list[datetime] = []
    passed_s = 0.0
    for a, b in itertools.pairwise(route):
        length_m, bearing_deg = geodesic_inverse(a.lat_deg, a.lng_deg, b.lat_deg, b.lng_deg)
        lasting_s = float(length_m) / speed_mps
        shares = np.linspace(0.0, 1.0, int(np.ceil(lasting_s / STEP_MAX_S)) + 1)[1 if times else 0 :]
        lat, lng = geodesic_direct(a.lat_deg, a.lng_deg, bearing_deg, length_m * shares)
        for share, lat_deg, lng_deg in zip(shares.tolist(), lat.tolist(), lng.tolist(), strict=True):
            height_m = a.height_m + share * (b.height_m - a.height_m)
            coordinates.append((round(lng_deg, 5), round(lat_deg, 5), round(height_m)))
            times.append(leaves + timedelta(seconds=round(passed_s + share * lasting_s)))
        passed_s += lasting_s
    properties = {
        "id": item_id,
        "party": RELIEF,
        "half_width_m": half_width_m,
        "altitude_margin_m": 60.0,
        "time_margin_s": 15,
        "times": [rfc3339(instant) for instant in times],
    }
    geometry = {"type": "LineString", "coordinates": coordinates}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def zone(
    item_id: str, party: str, rule: str, lat_deg: float, lng_deg: float, radius_m: float, top_m: float
) -> Feature:
    """Make a round zone from the ground up to a height; demo.py makes it last as long as the world."""
    properties = {
        "id": item_id,
        "party": party,
        "kind": "constraint",
        "rule": rule,
        "radius_m": radius_m,
        "altitude_datum": "W84",
        "altitude_lower_m": 0.0,
        "altitude_upper_m": top_m,
        "time_start": rfc3339(HOUR_START),
        "time_end": rfc3339(HOUR_END),
    }
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Point", "coordinates": [lng_deg, lat_deg]},
    }


def invented() -> list[Feature]:
    """Return the zones and the operations that nobody flew."""
    at = HOUR_START.replace
    drop = [
        Waypoint(47.1, 7.55, 600.0),
        Waypoint(47.085, 7.534, 1_350.0),
        Waypoint(46.794, 7.1, 1_350.0),
        Waypoint(46.779, 7.0855, 700.0),
    ]
    airlift = [
        Waypoint(47.42, 7.85, 700.0),
        Waypoint(47.395, 7.879, 1_600.0),
        Waypoint(47.055, 8.271, 1_600.0),
        Waypoint(47.03, 8.3, 700.0),
    ]
    survey = [Waypoint(46.62, 8.8677, 10_973.0), Waypoint(47.34, 8.8677, 10_973.0)]
    return [
        zone("coalition-airfield", COALITION, "keep_out", 46.95, 7.25, 5_000.0, 1_500.0),
        zone("north-fire/clearance", NORTH, "notify_first", 47.3, 8.3, CLEARANCE_RING_M, 3_000.0),
        zone("north-fire/no-entry", NORTH, "keep_out", 47.3, 8.3, NO_ENTRY_RING_M, 3_000.0),
        zone("relief-camp", RELIEF, "keep_out", 47.1, 7.55, 2_000.0, 1_200.0),
        operation("relief-drop-1", at(minute=16), 35.0, drop, 200.0),
        operation("relief-airlift-1", at(minute=24), 60.0, airlift, 400.0),
        operation("relief-survey-1", at(minute=34, second=40), 150.0, survey, 1_000.0),
    ]


def main() -> None:
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in [*invented(), *real_flights()])
    WORLD.write_text(f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n', encoding="utf-8")
    print(f"{WORLD.name}: {lines.count(chr(10)) + 1} items, {WORLD.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
