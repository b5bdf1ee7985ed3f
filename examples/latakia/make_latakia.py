"""Make the scenario of this folder: three parties round Latakia on a day of September 2015.

    python examples/latakia/make_latakia.py

Everything in it is invented but the places. The two forces do not share a command, and the relief
organisation belongs to neither. Heights are metres (or feet) above the WGS84 ellipsoid; terrain is
left out. What meets what is told in docs/tutorial/examples.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parent
DAY: Final = "2015-09-28"

Position = tuple[float, float]
"""Latitude and longitude in degrees."""
Waypoint = tuple[float, float, float, str]
"""Latitude, longitude, height in metres, and time of day."""
Feature = dict[str, Any]

AIRFIELD: Final[Position] = (35.401, 35.949)
CAMP: Final[Position] = (35.475, 35.985)
CLINIC: Final[Position] = (35.573, 35.972)
PORT: Final[Position] = (35.515, 35.772)
CROSSING: Final[Position] = (35.725, 36.230)


def clock(time: str) -> str:
    return f"{DAY}T{time}:00Z"


def feature(properties: dict[str, Any], kind: str, coordinates: Any) -> Feature:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def lng_lat(position: Position) -> list[float]:
    return [position[1], position[0]]


def flight(
    item_id: str, waypoints: Sequence[Waypoint], half_width_m: int, margin_m: int, margin_s: int
) -> Feature:
    """Return a corridor whose legs have the heights of their ends, and a margin."""
    properties = {
        "id": item_id,
        "half_width_m": half_width_m,
        "altitude_margin_m": margin_m,
        "time_margin_s": margin_s,
        "times": [clock(time) for *_, time in waypoints],
    }
    return feature(properties, "LineString", [[lng, lat, height_m] for lat, lng, height_m, _ in waypoints])


def level_flight(
    item_id: str,
    waypoints: Sequence[tuple[float, float, str]],
    half_width_m: int,
    feet: tuple[int, int],
    margin_s: int,
) -> Feature:
    """Return a corridor with one altitude band."""
    properties = {
        "id": item_id,
        "half_width_m": half_width_m,
        "altitude_datum": "W84",
        "altitude_lower_ft": feet[0],
        "altitude_upper_ft": feet[1],
        "time_margin_s": margin_s,
        "times": [clock(time) for *_, time in waypoints],
    }
    return feature(properties, "LineString", [[lng, lat] for lat, lng, _ in waypoints])


def area(
    item_id: str,
    where: Position | list[Position],
    radius_m: int,
    metres: tuple[int, int],
    times: tuple[str, str],
) -> Feature:
    """Return a circle round a position, or a polygon (for which the radius is 0)."""
    properties: dict[str, Any] = {"id": item_id}
    if radius_m:
        properties["radius_m"] = radius_m
    properties["altitude_datum"] = "W84"
    properties["altitude_lower_m"], properties["altitude_upper_m"] = metres
    properties["time_start"], properties["time_end"] = (clock(time) for time in times)
    if isinstance(where, tuple):
        return feature(properties, "Point", lng_lat(where))
    return feature(properties, "Polygon", [[lng_lat(corner) for corner in [*where, where[0]]]])


def zone(rule: str, made: Feature, volume: int | None = None) -> Feature:
    """Turn an area into a zone with a rule; a zone that moves has several volumes."""
    item_id = made["properties"].pop("id")
    head = {"id": item_id, "kind": "constraint", "rule": rule}
    if volume is not None:
        head["volume"] = volume
    made["properties"] = head | made["properties"]
    return made


def north_force() -> list[Feature]:
    """Return the operations and zones of the force that uses the airfield."""
    return [
        flight(
            "north/transport-1",
            [
                (35.300, 35.100, 6000, "08:00"),
                (35.340, 35.500, 3000, "08:08"),
                (35.375, 35.800, 1000, "08:15"),
                (*AIRFIELD, 80, "08:20"),
            ],
            half_width_m=1500,
            margin_m=200,
            margin_s=120,
        ),
        flight(
            "north/transport-2",
            [
                (*AIRFIELD, 80, "10:30"),
                (35.360, 35.750, 2500, "10:36"),
                (35.300, 35.400, 6700, "10:44"),
                (35.250, 34.950, 6700, "10:54"),
            ],
            half_width_m=1500,
            margin_m=200,
            margin_s=120,
        ),
        flight(
            "north/helicopter-1",
            [
                (35.410, 35.920, 400, "08:40"),
                (35.460, 35.870, 400, "08:46"),
                (*PORT, 400, "08:54"),
                (35.600, 35.770, 400, "09:02"),
            ],
            half_width_m=300,
            margin_m=100,
            margin_s=120,
        ),
        flight(
            "north/helicopter-2",
            [
                (35.430, 35.960, 400, "07:40"),
                (35.500, 36.000, 400, "07:47"),
                (35.560, 36.020, 400, "07:52"),
                (35.600, 35.950, 400, "07:58"),
            ],
            half_width_m=300,
            margin_m=100,
            margin_s=120,
        ),
        area("north/orbit-1", (35.620, 36.060), 4000, (1800, 2400), ("07:30", "11:30")),
        area(
            "north/patrol-1",
            [(35.450, 35.600), (35.450, 36.050), (35.600, 36.050), (35.700, 35.900), (35.700, 35.600)],
            0,
            (4500, 6000),
            ("08:30", "10:00"),
        ),
        flight(
            "north/sea-patrol",
            [
                (35.520, 35.740, 500, "06:50"),
                (35.575, 35.450, 800, "07:05"),
                (35.640, 35.380, 800, "07:12"),
                (35.700, 35.600, 800, "07:24"),
            ],
            half_width_m=500,
            margin_m=150,
            margin_s=120,
        ),
        zone("notify_first", area("north/airfield", AIRFIELD, 7000, (-50, 1500), ("05:00", "14:00"))),
        zone("notify_first", area("north/mdz-1", (35.580, 35.900), 4000, (-50, 1500), ("06:00", "09:00")), 0),
        zone("notify_first", area("north/mdz-1", (35.500, 35.880), 4000, (-50, 1500), ("09:00", "12:00")), 1),
    ]


def coalition() -> list[Feature]:
    """Return the operations and zones of the force that comes over the sea; its level flights are in feet."""
    route = ((35.950, 35.550), (35.600, 35.800), (35.200, 36.000))
    return [
        area("coalition/orbit-2", (35.665, 36.115), 4000, (2134, 2743), ("08:00", "10:00")),
        level_flight(
            "coalition/survey-1",
            [(35.750, 36.0087, "08:05"), (35.500, 36.0087, "08:20")],
            half_width_m=500,
            feet=(6000, 7000),
            margin_s=60,
        ),
        level_flight(
            "coalition/transit-1",
            [(*place, time) for place, time in zip(route, ("09:10", "09:15", "09:21"), strict=True)],
            half_width_m=2000,
            feet=(15000, 17500),
            margin_s=120,
        ),
        level_flight(
            "coalition/transit-2",
            [(*place, time) for place, time in zip(route, ("10:10", "10:15", "10:21"), strict=True)],
            half_width_m=2000,
            feet=(15000, 17500),
            margin_s=120,
        ),
        area(
            "coalition/refuelling",
            [(35.150, 35.000), (35.150, 35.450), (35.450, 35.450), (35.450, 35.000)],
            0,
            (7010, 7925),
            ("07:00", "11:00"),
        ),
        flight(
            "coalition/helicopter-3",
            [
                (35.600, 35.450, 300, "08:56"),
                (35.565, 35.700, 300, "09:08"),
                (35.550, 35.790, 300, "09:14"),
            ],
            half_width_m=300,
            margin_m=100,
            margin_s=120,
        ),
        zone("keep_out", area("coalition/ship", (35.610, 35.400), 3000, (-50, 1500), ("06:00", "12:00"))),
        zone(
            "notify_first",
            area(
                "coalition/mdz-2",
                [(35.660, 36.080), (35.660, 36.240), (35.760, 36.240), (35.760, 36.080)],
                0,
                (-50, 3000),
                ("07:30", "10:30"),
            ),
        ),
        zone(
            "notify_first",
            area(
                "coalition/mdz-3",
                [(35.200, 35.550), (35.200, 35.700), (35.400, 35.700), (35.400, 35.550)],
                0,
                (-50, 2000),
                ("08:00", "09:00"),
            ),
        ),
    ]


def relief_org() -> list[Feature]:
    """Return the operations and the notified sites of the relief organisation."""
    approach = ((35.100, 35.000, 4500), (35.300, 35.600, 2400), (35.375, 35.800, 1000), (*AIRFIELD, 80))

    def airlift(item_id: str, times: tuple[str, ...]) -> Feature:
        waypoints = [(*place, time) for place, time in zip(approach, times, strict=True)]
        return flight(item_id, waypoints, half_width_m=1500, margin_m=200, margin_s=120)

    day = ("00:00", "23:59")
    return [
        airlift("relief/airlift-1", ("08:00", "08:11", "08:17", "08:22")),
        airlift("relief/airlift-2", ("11:00", "11:11", "11:17", "11:22")),
        flight(
            "relief/convoy-1",
            [
                (35.525, 35.800, 40, "06:30"),
                (35.545, 35.900, 90, "07:05"),
                (35.565, 36.020, 210, "07:45"),
                (35.640, 36.100, 330, "08:30"),
                (35.720, 36.220, 420, "09:20"),
            ],
            half_width_m=200,
            margin_m=150,
            margin_s=900,
        ),
        area("relief/camera-drone", CAMP, 900, (60, 160), ("07:00", "08:30")),
        flight(
            "relief/ambulance-1",
            [
                (*CAMP, 250, "10:05"),
                (35.500, 35.900, 250, "10:11"),
                (35.530, 35.790, 250, "10:20"),
            ],
            half_width_m=300,
            margin_m=100,
            margin_s=120,
        ),
        zone("keep_out", area("relief/site-camp", CAMP, 1200, (-50, 350), day)),
        zone("keep_out", area("relief/site-clinic", CLINIC, 1000, (-50, 500), day)),
        zone("keep_out", area("relief/site-warehouse", PORT, 700, (-50, 250), day)),
        zone("keep_out", area("relief/site-crossing", CROSSING, 1000, (-50, 800), day)),
    ]


def write(party: str, features: list[Feature]) -> None:
    """Write the file of a party; small lists and objects stay on one line."""
    for made in features:
        item_id = made["properties"].pop("id")
        made["properties"] = {"id": item_id, "party": party} | made["properties"]
    text = json.dumps({"type": "FeatureCollection", "features": features}, indent=1)
    text = re.sub(r"\[[^\[\]{}]*\]", lambda match: "[" + " ".join(match[0][1:-1].split()) + "]", text)
    (FOLDER / f"{party}.geojson").write_text(text + "\n", encoding="utf-8")


def main() -> None:
    write("north-force", north_force())
    write("coalition", coalition())
    write("relief-org", relief_org())


if __name__ == "__main__":
    main()
