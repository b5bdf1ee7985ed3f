"""GeoJSON of operational intents and constraints, read and written.

Heights in coordinates are above the WGS84 ellipsoid (RFC 7946, section 3.1.1). Unlike there, edges
are WGS84 geodesics, as everywhere in Keepclear. What the properties mean, `features` decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from keepclear.codec.features import Feature, Gathering, place_of
from keepclear.codec.geometries import HOLES_REFUSED, Area, Line, Located, Spot
from keepclear.codec.json_errors import decode_json, refuse_repeated_names, text_of
from keepclear.codec.properties import PROPERTY_NAMES, Fault, number_of, shown
from keepclear.codec.reading import Item, ItemKind, Reading, ReadSettings
from keepclear.core.altitudes import Altitude, Datum
from keepclear.core.constraints import Constraint
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import VOLUMES_MAX
from keepclear.core.kinds import TrackKind
from keepclear.core.shapes import Circle, CorridorLeg, Polygon
from keepclear.core.times import rfc3339
from keepclear.core.volumes import Volume4D

_TYPES: Final = "Point, LineString, Polygon or MultiPolygon"
_OTHER_TYPES: Final = ("MultiPoint", "MultiLineString", "GeometryCollection")
_WGS84_NAMES: Final = frozenset(
    (
        "crs84",
        "ogc:crs84",
        "urn:ogc:def:crs:ogc:1.3:crs84",
        "urn:ogc:def:crs:ogc::crs84",
        "http://www.opengis.net/def/crs/ogc/1.3/crs84",
        "epsg:4326",
        "urn:ogc:def:crs:epsg::4326",
        "http://www.opengis.net/def/crs/epsg/0/4326",
    )
)
_MISPLACED: Final = frozenset(PROPERTY_NAMES) - {"id"}


def decode(data: bytes, source: str, settings: ReadSettings) -> Reading:
    """Read a file of GeoJSON.

    Args:
        data: The bytes of the file: a FeatureCollection or a Feature.
        source: The file, as the user named it.
        settings: What the user states about all files.

    Returns:
        Its items, all its problems, and what was assumed.

    Source:
        RFC 7946.
    """
    reading = Reading(source)
    try:
        entries = _entries(text_of(data))
    except InvalidValueError as error:
        reading.refuse_value(error)
        return reading
    gathering = Gathering(reading, settings)
    for number, raw in enumerate(entries, start=1):
        try:
            gathering.add(_feature(decode_json(raw), number))
        except InvalidValueError as error:
            reading.refuse_value(error, item=place_of("feature", number, None))
            gathering.lose()
    gathering.finish()
    return reading


class _Document(msgspec.Struct):
    """A file, its features not yet looked at: one after the other they need less memory."""

    type: Any = None
    crs: Any = None
    features: msgspec.Raw = msgspec.Raw()


def _entries(text: bytes) -> list[msgspec.Raw]:
    """Return the features of a document, each as it is written.

    Raises:
        InvalidValueError: It is no JSON, or no GeoJSON with features.
    """
    try:
        document = decode_json(text, _Document)
        refuse_repeated_names(text)
        _check_crs(document.crs)
        if document.type == "FeatureCollection":
            entries: list[msgspec.Raw] = decode_json(document.features or b"null", list[msgspec.Raw])
            return entries
    except msgspec.ValidationError:
        raise InvalidValueError(
            "", "it must be a FeatureCollection: an object with an array of features"
        ) from None
    if document.type == "Feature":
        return [msgspec.Raw(text)]
    said = shown(document.type)
    raise InvalidValueError("type", f"it must be FeatureCollection or Feature, not {said}")


def _check_crs(crs: object) -> None:
    """Refuse a coordinate system (an old form of GeoJSON had them) that is not WGS84.

    Raises:
        InvalidValueError: It is not known to be WGS84 longitude and latitude.
    """
    if crs is None:
        return
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str) or name.lower() not in _WGS84_NAMES:
        said = shown(name if isinstance(name, str) else crs)
        raise InvalidValueError(
            "crs", f"coordinates must be WGS84 longitude and latitude (CRS84), not {said}"
        )


def _feature(entry: object, number: int) -> Feature:
    """Return a feature, with what is wrong in its geometry as faults.

    Raises:
        InvalidValueError: It is no feature at all.
    """
    if not isinstance(entry, dict):
        raise InvalidValueError("", f"it must be a Feature, not {shown(entry)}")
    if entry.get("type") != "Feature":
        raise InvalidValueError("type", f"it must be Feature, not {shown(entry.get('type'))}")
    properties = entry.get("properties")
    if properties is None:
        properties = {}
    elif not isinstance(properties, dict):
        raise InvalidValueError("properties", f"it must be an object, not {shown(properties)}")
    if properties.get("id") is None and entry.get("id") is not None:
        properties["id"] = entry["id"]
    beside = [name for name in entry if name in _MISPLACED]
    faults = [Fault(name, "it stands beside 'properties'; put it into them") for name in beside]
    geometries: tuple[Located, ...] = ()
    try:
        _check_crs(entry.get("crs"))
        geometries = _geometries(entry.get("geometry"))
    except InvalidValueError as error:
        faults.append(Fault(error.field, error.reason))
    return Feature(
        place=place_of("feature", number, properties.get("id")),
        properties=properties,
        geometries=geometries,
        faults=tuple(faults),
    )


def _geometries(value: object) -> tuple[Located, ...]:
    """Return the geometries of a feature.

    Raises:
        InvalidValueError: A geometry is none of those that are known, or not as RFC 7946 has it.
    """
    if not isinstance(value, dict):
        raise InvalidValueError(
            "geometry",
            "a feature needs one" if value is None else f"it must be an object, not {shown(value)}",
        )
    kind, coordinates = value.get("type"), value.get("coordinates")
    _check_crs(value.get("crs"))
    path = "geometry.coordinates"
    match kind:
        case "Polygon":
            return (_area(coordinates, path),)
        case "MultiPolygon":
            parts = _array(coordinates, path, "polygons")
            if not 1 <= len(parts) <= VOLUMES_MAX:
                raise InvalidValueError(path, f"1 to {VOLUMES_MAX} polygons are needed, not {len(parts)}")
            return tuple(_area(part, f"{path}[{index}]") for index, part in enumerate(parts))
        case "LineString":
            return ((path, _line(coordinates, path)),)
        case "Point":
            center, height = _position(coordinates, path)
            return ((path, Spot(center=center, heights=None if height is None else Datum.W84)),)
        case str() if kind in _OTHER_TYPES:
            reason = "make each a feature of its own, with the same id and a 'volume' number"
            raise InvalidValueError("geometry.type", f"{kind} is not taken; {reason}")
        case _:
            raise InvalidValueError("geometry.type", f"it must be {_TYPES}, not {shown(kind)}")


def _array(value: object, path: str, of: str) -> list[object]:
    if not isinstance(value, list):
        raise InvalidValueError(path, f"it must be an array of {of}, not {shown(value)}")
    return value


def _position(value: object, path: str) -> tuple[LatLng, float | None]:
    """Return a position and its height in metres above W84, if it has one."""
    numbers = _array(value, path, "2 or 3 numbers")
    if not 2 <= len(numbers) <= 3:
        raise InvalidValueError(
            path, f"a position has 2 or 3 numbers (longitude, latitude, height), not {len(numbers)}"
        )
    try:
        lng_deg, lat_deg = number_of(numbers[0]), number_of(numbers[1])
        return LatLng(lat_deg, lng_deg), number_of(numbers[2]) if len(numbers) == 3 else None
    except InvalidValueError as error:
        raise error.within(path) from None


def _positions(value: object, path: str) -> tuple[list[LatLng], list[float | None]]:
    vertices: list[LatLng] = []
    heights: list[float | None] = []
    for index, entry in enumerate(_array(value, path, "positions")):
        if type(entry) is list and len(entry) == 2 and type(entry[0]) is float and type(entry[1]) is float:
            vertices.append(LatLng(entry[1], entry[0]))  # the usual case, at once
            heights.append(None)
        else:
            vertex, height = _position(entry, f"{path}[{index}]")
            vertices.append(vertex)
            heights.append(height)
    return vertices, heights


def _area(value: object, path: str) -> Located:
    rings = _array(value, path, "rings")
    if not rings:
        raise InvalidValueError(path, "a polygon needs a ring")
    vertices, heights = _positions(rings[0], f"{path}[0]")
    if not vertices or vertices[0] != vertices[-1]:
        raise InvalidValueError(f"{path}[0]", "the ring is not closed; repeat its first position at its end")
    if len(rings) > 1:
        raise InvalidValueError(f"{path}[1]", HOLES_REFUSED)
    known = any(height is not None for height in heights)
    return f"{path}[0]", Area(vertices=tuple(vertices[:-1]), heights=Datum.W84 if known else None)


def _line(value: object, path: str) -> Line:
    vertices, heights = _positions(value, path)
    if all(height is None for height in heights):
        return Line(vertices=tuple(vertices))
    altitudes: list[Altitude | None] = []
    for index, height in enumerate(heights):
        try:
            altitudes.append(None if height is None else Altitude(value=height))
        except InvalidValueError as error:
            raise InvalidValueError(f"{path}[{index}]", error.reason) from None
    return Line(vertices=tuple(vertices), altitudes=tuple(altitudes))


def encode(items: Iterable[Item]) -> bytes:
    """Write items as a FeatureCollection, a feature on each line for each volume, in their order.

    Heights are in metres above W84; a missing bound is left out. Reading the result gives equal
    items, as far as their altitudes and priorities lie within what a reader takes.
    """
    lines = [
        msgspec.json.encode(_feature_of(item, number, volume))
        for item in items
        for number, volume in enumerate(item.volumes)
    ]
    return b'{"type":"FeatureCollection","features":[\n' + b",\n".join(lines) + b"\n]}\n"


def _feature_of(item: Item, number: int, volume: Volume4D) -> dict[str, object]:
    properties: dict[str, object] = {"id": item.id}
    if len(item.volumes) > 1:
        properties["volume"] = number
    if item.party is not None:
        properties["party"] = item.party
    if isinstance(item, Constraint):
        properties |= {"kind": ItemKind.CONSTRAINT.value, "rule": item.rule.value}
    else:
        properties |= {"kind": ItemKind.OPERATIONAL_INTENT.value, "state": item.state.value}
        if item.speed_mps is not None:
            properties["speed_mps"] = item.speed_mps
        if item.callsign is not None:
            properties["callsign"] = item.callsign
        if item.aircraft_kind is not TrackKind.UNKNOWN:
            properties["aircraft_kind"] = item.aircraft_kind.value
    properties["priority"] = item.priority
    properties["time_start"] = rfc3339(volume.time.start)
    properties["time_end"] = rfc3339(volume.time.end)
    band = volume.volume.altitude
    for name, height_m in (("altitude_lower_m", band.lower_m), ("altitude_upper_m", band.upper_m)):
        if math.isfinite(height_m):
            properties[name] = height_m
            properties["altitude_datum"] = Datum.W84.value
    outline = volume.volume.outline
    match outline:
        case Circle():
            geometry: dict[str, object] = {"type": "Point", "coordinates": _lng_lat(outline.center)}
            properties["radius_m"] = outline.radius_m
        case CorridorLeg():
            ends = [_lng_lat(outline.start), _lng_lat(outline.end)]
            geometry = {"type": "LineString", "coordinates": ends}
            properties["half_width_m"] = outline.half_width_m
        case Polygon():
            ring = [_lng_lat(vertex) for vertex in (*outline.vertices, outline.vertices[0])]
            geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _lng_lat(position: LatLng) -> tuple[float, float]:
    return position.lng_deg, position.lat_deg
