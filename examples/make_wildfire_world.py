"""Make the data file of the wildfire world of `keepclear demo --world wildfire`, out of real reports.

    python -m examples.make_wildfire_world --wheel traffic-2.13-py3-none-any.whl

The flights are real: wildfire aircraft over one fire in California on 10 September 2020, 01:00 to 02:00
UTC. What was *declared* of them is invented, and so are the parties: by the form of its callsign each
flight is given to one of three. One flight is not declared at all, and one declares a place some kilometres
beside the one that it flies, so that there is something to see.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from examples.make_demo_world import COALITION, NORTH, RELIEF, Feature
from examples.make_real_tracks import Report, _wildfire_reports, samples, wildfire_party
from keepclear.core.constraints import CLEARANCE_RING_M
from keepclear.core.times import rfc3339

WORLD: Final = (
    Path(__file__).resolve().parent.parent / "src" / "keepclear" / "testing" / "worlds" / "wildfire.geojson"
)
HOUR_START: Final = datetime(2020, 9, 10, 1, 0, tzinfo=UTC)
HOUR_END: Final = datetime(2020, 9, 10, 2, 0, tzinfo=UTC)
BOX: Final = (33.6, 34.6, -117.7, -116.3)
"""Within these bounds the tracks of that hour gather over one fire (south, north, west, east)."""
PARTY_OF: Final = {"group-n": NORTH, "group-a": COALITION, "group-t": RELIEF, "group-c": COALITION}
REPORTS_MIN: Final = 8
"""A flight with fewer reports only passes by; it is left out."""
UNDECLARED: Final = 1
"""The flight with the second most reports of its hour is not declared."""
ELSEWHERE: Final = 0
"""The flight with the most reports is declared elsewhere."""
SHIFT_DEG: Final = 0.08
"""So far to the north of where it flies, degrees of latitude."""


def flights(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Report]]:
    """Return the reports of each flight over the fire in the hour."""
    by_flight: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by_flight[row["flight_id"]].append(row)
    south, north, west, east = BOX
    found = {}
    for flight_id, own in sorted(by_flight.items()):
        reports = [
            report
            for report in sorted(_wildfire_reports(own))
            if HOUR_START.timestamp() <= report.time_s <= HOUR_END.timestamp()
            and south < report.lat_deg < north
            and west < report.lng_deg < east
        ]
        if len(reports) >= REPORTS_MIN:
            found[flight_id] = reports
    return found


def line(reports: Sequence[Report], shift_deg: Sequence[float], **properties: object) -> Feature:
    """Make a feature of a way, each point moved to the north by so much."""
    times = [rfc3339(datetime.fromtimestamp(report.time_s, tz=UTC)) for report in reports]
    coordinates = [
        (round(report.lng_deg, 5), round(report.lat_deg + shift, 5), round(report.height_m))
        for report, shift in zip(reports, shift_deg, strict=True)
    ]
    return {
        "type": "Feature",
        "properties": {**properties, "times": times},
        "geometry": {"type": "LineString", "coordinates": coordinates},
    }


def features(rows: Sequence[Mapping[str, Any]]) -> list[Feature]:
    """Return what is declared, what is flown, and the zone round the fire."""
    found = flights(rows)
    by_count = sorted(found, key=lambda name: (-len(found[name]), name))
    made: list[Feature] = []
    for flight_id, reports in found.items():
        callsign = flight_id.split("_")[0]
        party = PARTY_OF[wildfire_party(flight_id)]
        flat = [0.0] * len(reports)
        kind = "helicopter" if callsign.startswith("C") else "aeroplane"
        made.append(line(reports, flat, flight=flight_id, party=party, callsign=callsign, aircraft_kind=kind))
        if flight_id == by_count[UNDECLARED]:
            continue
        shift_deg = SHIFT_DEG if flight_id == by_count[ELSEWHERE] else 0.0
        made.append(
            line(
                reports,
                [shift_deg] * len(reports),
                id=flight_id,
                party=party,
                callsign=callsign,
                aircraft_kind=kind,
                half_width_m=1_500.0,
                altitude_margin_m=150.0,
                time_margin_s=60,
            )
        )
    over_fire = [report for reports in found.values() for report in reports]
    made.append(
        {
            "type": "Feature",
            "properties": {
                "id": "fire-area",
                "party": RELIEF,
                "kind": "constraint",
                "rule": "notify_first",
                "radius_m": CLEARANCE_RING_M,
                "altitude_datum": "W84",
                "altitude_lower_m": 0.0,
                "altitude_upper_m": 5_000.0,
                "time_start": rfc3339(HOUR_START),
                "time_end": rfc3339(HOUR_END),
            },
            "geometry": {
                "type": "Point",
                "coordinates": [
                    round(statistics.median(report.lng_deg for report in over_fire), 3),
                    round(statistics.median(report.lat_deg for report in over_fire), 3),
                ],
            },
        }
    )
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the wildfire world of the demonstration.")
    parser.add_argument("--wheel", type=Path, help="the wheel of traffic 2.13, where it is not installed")
    rows = samples(parser.parse_args().wheel)("firefighting/calfire.json.gz")
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in features(rows))
    WORLD.write_text(f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n', encoding="utf-8")
    print(f"{WORLD.name}: {lines.count(chr(10)) + 1} features, {WORLD.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
