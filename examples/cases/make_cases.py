"""Make the case files next to this script: small pairs of operations with a known answer.

    python examples/cases/make_cases.py

Positions are computed with PROJ (pyproj, of the test dependencies), which Keepclear itself does not
use. What each case is for is told in docs/tutorial/examples.md.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, Final

from pyproj import Geod

GEOD: Final = Geod(ellps="WGS84")
FOLDER: Final = Path(__file__).resolve().parent

Position = tuple[float, float]
"""Latitude and longitude in degrees."""
Json = dict[str, Any]

FIELD: Final[Position] = (47.1, 8.2)
"""Where cases are that could be anywhere."""


def onward(start: Position, azimuth_deg: float, distance_m: float) -> Position:
    """Return where one arrives on the geodesic."""
    lng, lat, _ = GEOD.fwd(start[1], start[0], azimuth_deg, distance_m)
    return lat, lng


def distance_m(a: Position, b: Position) -> float:
    """Return the length of the geodesic."""
    length_m: float = GEOD.inv(a[1], a[0], b[1], b[0])[2]
    return length_m


def offset(origin: Position, east_m: float, north_m: float) -> Position:
    """Return the position so many metres to the east and to the north."""
    return onward(origin, math.degrees(math.atan2(east_m, north_m)), math.hypot(east_m, north_m))


def box(south: float, west: float, north: float, east: float) -> list[Position]:
    """Return a quadrilateral between two latitudes; its east and west edges are meridians."""
    return [(south, west), (south, east), (north, east), (north, west)]


def square(centre: Position, side_m: float) -> list[Position]:
    """Return a square round a centre."""
    half_m = side_m / 2
    corners = ((-half_m, -half_m), (half_m, -half_m), (half_m, half_m), (-half_m, half_m))
    return [offset(centre, east_m, north_m) for east_m, north_m in corners]


def point(position: Position) -> Json:
    """Write a position to a tenth of a millimetre."""
    lat, lng = position
    return {"lat": round(lat, 9), "lng": round((lng + 180.0) % 360.0 - 180.0, 9)}


def polygon(vertices: list[Position]) -> Json:
    return {"outline_polygon": {"vertices": [point(vertex) for vertex in vertices]}}


def circle(center: Position, radius_m: float) -> Json:
    return {"outline_circle": {"center": point(center), "radius": {"value": radius_m, "units": "M"}}}


def volume(
    outline: Json, lower_m: float = 50, upper_m: float = 100, start: str = "10:00:00", end: str = "10:30:00"
) -> Json:
    """Return a Volume4D on 1 May 2026."""

    def altitude(value_m: float) -> Json:
        return {"value": value_m, "reference": "W84", "units": "M"}

    def time(clock: str) -> Json:
        return {"value": f"2026-05-01T{clock}Z", "format": "RFC3339"}

    space = outline | {"altitude_lower": altitude(lower_m), "altitude_upper": altitude(upper_m)}
    return {"volume": space, "time_start": time(start), "time_end": time(end)}


def write(name: str, a: list[Json], b: list[Json]) -> None:
    """Write a case of two operations of two parties; small objects stay on one line."""
    items = [
        {"id": f"{name}/a", "party": "operator-a", "volumes": a},
        {"id": f"{name}/b", "party": "operator-b", "volumes": b},
    ]
    text = json.dumps(items, indent=1)
    text = re.sub(r"\{[^{}\[\]]*\}", lambda match: re.sub(r"\s*\n\s*", " ", match[0]), text)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def lateral_cases() -> None:
    """Cases that differ in the footprints."""
    lat, lng = FIELD
    north, (_, east) = onward(FIELD, 0.0, 200.0)[0], offset(FIELD, 200.0, 0.0)
    a = box(lat, lng, north, east)

    shifted = offset(FIELD, 150.0, 150.0)
    farther = offset(shifted, 200.0, 200.0)
    write("true-conflict", [volume(polygon(a))], [volume(polygon(box(*shifted, *farther)), 80, 140)])

    # Meridians are geodesics and come closest at the end nearer to the pole: the gap is one metre there.
    near = onward((north, east), 90.0, 1.0)[1]
    b = box(lat, near, north, near + (east - lng))
    assert abs(distance_m((north, east), (north, near)) - 1.0) < 1e-6
    write("near-miss-1m", [volume(polygon(a))], [volume(polygon(b))])

    b = box(lat, east, north, east + (east - lng))
    write("touching-bounds", [volume(polygon(a))], [volume(polygon(b))])

    notched = [(0.0, 0.0), (600.0, 0.0), (600.0, 200.0), (200.0, 200.0), (200.0, 600.0), (0.0, 600.0)]
    shape = [offset(FIELD, east_m, north_m) for east_m, north_m in notched]
    inside_notch = square(offset(FIELD, 320.0, 320.0), 200.0)
    write("square-in-l-notch", [volume(polygon(shape))], [volume(polygon(inside_notch))])


def altitude_and_time_cases() -> None:
    """Cases with one footprint."""
    here = polygon(square(FIELD, 300.0))
    write("touching-altitude", [volume(here, 50, 100)], [volume(here, 100, 150)])
    write("altitude-separated", [volume(here, 50, 100)], [volume(here, 130, 180)])
    first = [volume(here, end="10:30:00")]
    write("time-adjacent", first, [volume(here, start="10:30:00", end="11:00:00")])
    write("time-1ms-apart", first, [volume(here, start="10:30:00.001", end="11:00:00")])


def globe_cases() -> None:
    """Cases where a longitude and a latitude are no plane."""
    across = box(-17.05, 179.95, -16.95, -179.95)
    write(
        "antimeridian",
        [volume(polygon(across))],
        [volume(polygon(box(-17.01, -179.97, -16.99, -179.90)))],
    )
    write(
        "antimeridian-clear", [volume(polygon(across))], [volume(polygon(box(-17.01, 9.95, -16.99, 10.05)))]
    )

    round_pole = [(89.9, lng) for lng in (0.0, 90.0, 180.0, -90.0)]
    write("pole", [volume(polygon(round_pole))], [volume(circle((89.99, 45.0), 300.0))])

    centre, small = (41.78569, 17.98862), square((41.77158, 17.87013), 6.0)
    distances_m = [distance_m(centre, corner) for corner in small]
    # All of the square is inside the true circle, and outside the regular polygon of 20 corners on it.
    assert 10_000.0 * math.cos(math.pi / 20) < min(distances_m) <= max(distances_m) < 10_000.0
    write("circle-rim", [volume(circle(centre, 10_000.0))], [volume(polygon(small))])

    west = (35.0, 36.0)
    # Along the parallel of 35 N; the geodesic between its ends runs up to 137 m north of it.
    degrees = 100_000.0 / distance_m(west, (35.0, 36.001)) * 0.001
    east = (35.0, west[1] + degrees)
    middle = west[1] + degrees / 2
    crown = onward(west, GEOD.inv(west[1], west[0], east[1], east[0])[0], distance_m(west, east) / 2)
    bulge_m = distance_m((35.0, middle), crown)
    assert 135.0 < bulge_m < 139.0
    south_of_it = [(34.9, west[1]), (34.9, east[1]), east, west]
    north_of_it = [west, east, (35.1, east[1]), (35.1, west[1])]
    small = square(offset((35.0, middle), 0.0, 70.0), 60.0)  # from 40 m to 100 m north of the parallel
    write("edge-100km-conflict", [volume(polygon(south_of_it))], [volume(polygon(small))])
    write("edge-100km-clear", [volume(polygon(north_of_it))], [volume(polygon(small))])


def sequential_legs() -> None:
    """Two flights along one route, the second twenty minutes behind the first."""
    corners = [offset(FIELD, 2_000.0 * number, 0.0) for number in range(5)]

    def leg(number: int, start_min: int) -> Json:
        south_west, south_east = corners[number], corners[number + 1]
        outline = box(south_west[0], south_west[1], south_west[0] + 0.005, south_east[1])
        return volume(polygon(outline), start=f"10:{start_min:02}:00", end=f"10:{start_min + 9:02}:00")

    first = [leg(number, 10 * number) for number in range(4)]
    second = [leg(number, 20 + 10 * number) for number in range(4)]
    write("sequential-legs", first, second)


def main() -> None:
    lateral_cases()
    altitude_and_time_cases()
    globe_cases()
    sequential_legs()


if __name__ == "__main__":
    main()
