"""CSV of waypoints with times: a row for each waypoint, and a leg from each to the next of its id.

The first row names the columns. A column has the name and meaning of the property in GeoJSON; what
belongs to the whole item (its party, its half-width) must be the same in all of its rows, or empty
in all but one. What the properties mean, `features` decides.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from keepclear.codec.bands import DATUM_MISSING, DATUMS, altitude_of
from keepclear.codec.features import Feature, Gathering
from keepclear.codec.geometries import Line
from keepclear.codec.json_errors import did_you_mean, text_of
from keepclear.codec.properties import Fault, Properties, field_of, shown
from keepclear.codec.reading import Reading, ReadSettings
from keepclear.core.altitudes import Altitude
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng
from keepclear.core.shapes import check_position

WAYPOINT_COLUMNS: Final = (
    "id",
    "time",
    "lat_deg",
    "lng_deg",
    "altitude_m",
    "altitude_ft",
    "flight_level",
    "altitude_datum",
)
"""The columns that tell of one waypoint."""
ITEM_COLUMNS: Final = (
    "half_width_m",
    "altitude_margin_m",
    "altitude_lower_m",
    "altitude_lower_ft",
    "flight_level_lower",
    "altitude_upper_m",
    "altitude_upper_ft",
    "flight_level_upper",
    "time_margin_s",
    "party",
    "kind",
    "rule",
    "priority",
    "state",
    "speed_mps",
    "callsign",
    "aircraft_kind",
)
"""The columns that tell of a whole item; the properties of GeoJSON."""
COLUMNS_MAX: Final = 100
"""The most columns of a file."""

_NEEDED: Final = ("id", "time", "lat_deg", "lng_deg", "half_width_m")
_ALTITUDES: Final = ("altitude_m", "altitude_ft", "flight_level")
_BOUNDS: Final = tuple(name for name in ITEM_COLUMNS if "_lower" in name or "_upper" in name)
_ALSO_CALLED: Final = {
    "lat": "lat_deg",
    "latitude": "lat_deg",
    "lon": "lng_deg",
    "long": "lng_deg",
    "lng": "lng_deg",
    "longitude": "lng_deg",
    "alt": "altitude_m",
    "altitude": "altitude_m",
    "height": "altitude_m",
    "timestamp": "time",
    "time_start": "time",
    "time_end": "time",
    "times": "time",
}


def decode(data: bytes, source: str, settings: ReadSettings) -> Reading:
    """Read a file of waypoints.

    Args:
        data: The bytes of the file.
        source: The file, as the user named it.
        settings: What the user states about all files.

    Returns:
        Its items, all its problems, and what was assumed.

    Source:
        RFC 4180, with a header.
    """
    reading = Reading(source)
    try:
        rows = _rows(text_of(data).decode("utf-8"))
        header = _header(rows, reading)
        routes: dict[str, _Route] = {}
        lost = 0
        for line, cells in rows if header else ():
            lost += not _read_row(line, cells, header, routes, reading)
    except InvalidValueError as error:
        reading.refuse_value(error)
        return reading
    gathering = Gathering(reading, settings)
    for route in routes.values():
        gathering.add(route.feature())
    gathering.finish()
    if lost:
        # A waypoint whose id is not known may be one of any item, and no item may be declared in part.
        reading.placed.clear()
        reading.assumptions.clear()
    return reading


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not empty with the number of its first line, its cells without outer spaces.

    Raises:
        InvalidValueError: It is no CSV.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise InvalidValueError("", f"this is not CSV: {error}, in the row at line {line}") from None


def _header(rows: Iterator[tuple[int, list[str]]], reading: Reading) -> list[str]:
    """Return the names of the columns; none, with problems noted, if they cannot be used."""
    line, names = next(rows, (1, []))
    if not names:
        raise InvalidValueError("", "the file is empty")
    place = f"line {line}"
    for separator, plural in ((";", "semicolons"), ("\t", "tabs")):
        if len(names) == 1 and separator in names[0]:
            raise InvalidValueError("", f"its columns are separated by {plural}; separate them by commas")
    if len(names) > COLUMNS_MAX:
        raise InvalidValueError("", f"it has {len(names)} columns; at most {COLUMNS_MAX} are taken")
    columns = [*WAYPOINT_COLUMNS, *ITEM_COLUMNS]
    if not any(name in columns or name.lower() in _ALSO_CALLED for name in names):
        raise InvalidValueError("", f"its first row must name the columns: {','.join(columns)}")
    known = len(reading.problems)
    for index, name in enumerate(names):
        if not name:
            reading.refuse(f"column {index + 1} has no name", item=place)
        elif name not in columns:
            meant = _ALSO_CALLED.get(name.lower())
            hint = did_you_mean(name, columns) if meant is None else f"; did you mean {meant!r}?"
            reading.refuse(f"unknown column {shown(name)}{hint}", item=place, field=field_of(name))
        elif name in names[:index]:
            reading.refuse("the column is there twice", item=place, field=name)
    for name in _NEEDED:
        if name not in names:
            reading.refuse("the column is missing", item=place, field=name)
    return names if len(reading.problems) == known else []


@dataclass(slots=True)
class _Route:
    """The waypoints of one id, while they are read.

    Attributes:
        item_id: The id.
        place: Its first row.
        stated: What its rows state of the whole item, each with the place that stated it first.
        vertices: The positions.
        altitudes: The heights, None where a row has none.
        times: When each waypoint is passed.
        places: The rows.
        datums: What altitudes are measured from, each with the row that said so first.
        faults: What is wrong.
    """

    item_id: str
    place: str
    stated: dict[str, tuple[str, str]] = field(default_factory=dict)
    vertices: list[LatLng] = field(default_factory=list)
    altitudes: list[Altitude | None] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    datums: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def state(self, name: str, value: str, place: str) -> None:
        """Note what a row states of the whole item; a fault if another row states something else."""
        earlier, earlier_place = self.stated.setdefault(name, (value, place))
        if earlier != value:
            reason = f"it is {shown(value)} here and {shown(earlier)} in {earlier_place}"
            self.faults.append(Fault(name, reason, place))

    def feature(self) -> Feature:
        """Return the route as a feature with one line; without it if a row is at fault."""
        properties: dict[str, object] = {name: value for name, (value, _) in self.stated.items()}
        properties["id"] = self.item_id
        bound = next((name for name in _BOUNDS if name in self.stated), None)
        heights = any(altitude is not None for altitude in self.altitudes)
        if bound is not None and heights:
            self.faults.append(Fault(bound, "the waypoints have heights of their own; give one of the two"))
        if bound is not None and self.datums:
            (properties["altitude_datum"], place), *others = self.datums.items()
            for datum, other in others:
                reason = f"it is {shown(datum)} here and {shown(properties['altitude_datum'])} in {place}"
                self.faults.append(Fault("altitude_datum", f"{reason}, for bounds of the whole item", other))
        line = Line(
            vertices=tuple(self.vertices),
            altitudes=tuple(self.altitudes) if heights else (),
            times=tuple(self.times),
            places=tuple(self.places),
        )
        return Feature(
            place=self.place,
            properties=properties,
            geometries=() if self.faults else (("", line),),
            faults=tuple(self.faults),
            textual=True,
            timed=True,
        )


def _read_row(
    line: int, cells: list[str], header: list[str], routes: dict[str, _Route], reading: Reading
) -> bool:
    """Add a row to the route of its id; False, with problems noted, if that is not known."""
    if len(cells) != len(header):
        reason = f"the row has {len(cells)} cells, the header {len(header)}"
        reading.refuse(reason, item=f"line {line}")
        return False
    values = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
    row = Properties(values, textual=True)
    item_id = row.label("id")
    if "id" not in values:
        row.refuse("id", "a waypoint needs one")
    place = f"line {line}" if "id" not in values else f"line {line} (id {shown(values['id'])})"
    vertex, altitude, time = _vertex(row), _altitude(row), row.instant("time")
    if "time" not in values:
        row.refuse("time", "a waypoint needs one")
    if item_id is None:
        for fault in row.faults:
            reading.refuse(fault.reason, item=place, field=fault.field)
        return False
    route = routes.setdefault(item_id, _Route(item_id, place))
    if "altitude_datum" in values:
        route.datums.setdefault(values["altitude_datum"], place)
    for name in ITEM_COLUMNS:
        if name in values:
            route.state(name, values[name], place)
    route.faults.extend(fault._replace(place=place) for fault in row.faults)
    if vertex is not None and time is not None:
        route.vertices.append(vertex)
        route.altitudes.append(altitude)
        route.times.append(time)
        route.places.append(place)
    return True


def _vertex(row: Properties) -> LatLng | None:
    for name in ("lat_deg", "lng_deg"):
        if not row.has(name):
            row.refuse(name, "a waypoint needs one")
    lat_deg, lng_deg = row.number("lat_deg"), row.number("lng_deg")
    if lat_deg is None or lng_deg is None:
        return None
    vertex = LatLng(lat_deg, lng_deg)
    try:
        check_position(vertex, "")
    except InvalidValueError as error:
        row.refuse(f"{error.field}_deg", error.reason)
        return None
    return vertex


def _altitude(row: Properties) -> Altitude | None:
    given = [name for name in _ALTITUDES if row.has(name)]
    for other in given[1:]:
        row.refuse(other, f"{given[0]} is given too; give one of them")
    datum = row.word("altitude_datum", DATUMS)
    if not given:
        return None
    if given[0] != "flight_level" and not row.has("altitude_datum"):
        row.refuse("altitude_datum", DATUM_MISSING)
    value = row.number(given[0])
    if value is None:
        return None
    try:
        return altitude_of(given[0], value, datum)
    except InvalidValueError as error:
        row.refuse(given[0], error.reason)
        return None
