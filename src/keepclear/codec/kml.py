"""KML of operational intents and constraints, read from its Placemarks.

Elements are told by their names without the namespace, so that all versions of KML and Google's
`gx` extensions read alike. There is no DTD, no entity and nothing is fetched. What the properties
mean, `features` decides; here `TimeSpan` stands for `time_start` and `time_end`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from keepclear.codec.features import Feature, Gathering, place_of
from keepclear.codec.geometries import HOLES_REFUSED, Area, Line, Located, Spot
from keepclear.codec.json_errors import text_of
from keepclear.codec.properties import Fault, field_of, instant_of_text, number_of_text, shown
from keepclear.codec.reading import Reading, ReadSettings
from keepclear.core.altitudes import Altitude, Datum
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import VOLUMES_MAX

DEPTH_MAX: Final = 100
"""How deep Folders may lie in each other, and MultiGeometries too."""

_ZIP_MAGIC: Final = b"PK\x03\x04"
_DECLARED_ENCODING: Final = re.compile(rb"""\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([^"'>]{1,40})["']""")
_UTF8_NAMES: Final = (b"utf-8", b"utf8", b"us-ascii", b"ascii")
_TIMES: Final = ("time_start", "time_end", "times")
_CONTAINERS: Final = ("kml", "Document", "Folder")
_GEOMETRIES: Final = ("Point", "LineString", "Polygon", "Track", "MultiGeometry")
_OTHER_GEOMETRIES: Final = {
    "LinearRing": "make it a Polygon or a LineString",
    "MultiTrack": "make each Track a Placemark of its own, with the same id and a 'volume' number",
    "Model": "give the shape as a Polygon, a Point or a LineString",
}
_ELSEWHERE: Final = ("NetworkLink", "NetworkLinkControl")
_PICTURES: Final = ("GroundOverlay", "ScreenOverlay", "PhotoOverlay", "Tour")
_HEIGHTS: Final[dict[str, Datum | None]] = {
    "clampToGround": None,
    "clampToSeaFloor": None,
    "absolute": Datum.MSL,
    "relativeToGround": Datum.AGL,
}


def decode(data: bytes, source: str, settings: ReadSettings) -> Reading:
    """Read a file of KML.

    Args:
        data: The bytes of the file; a KMZ archive must be unzipped before.
        source: The file, as the user named it.
        settings: What the user states about all files.

    Returns:
        Its items, all its problems, and what was assumed.

    Source:
        OGC KML 2.3 (12-007r2), and 2.2 with Google's extensions.
    """
    reading = Reading(source)
    try:
        root = _root(data)
    except InvalidValueError as error:
        reading.refuse_value(error)
        return reading
    gathering = Gathering(reading, settings)
    for number, (placemark, time) in enumerate(_placemarks(root, reading), start=1):
        gathering.add(_feature(placemark, number, time))
    gathering.finish()
    return reading


def _root(data: bytes) -> Element:
    """Return the root of the document.

    Raises:
        InvalidValueError: It is no KML, not UTF-8, breaks off, or has a DTD.
    """
    if data.startswith(_ZIP_MAGIC):
        raise InvalidValueError("", "this is a KMZ archive; unzip it and give the .kml file in it")
    text = text_of(data)
    declared = _DECLARED_ENCODING.match(text)
    if declared is not None and declared[1].lower() not in _UTF8_NAMES:
        name = declared[1].decode("utf-8", "replace")
        raise InvalidValueError("", f"the file declares the encoding {shown(name)}; save it as UTF-8")
    try:
        root: Element = fromstring(text, forbid_dtd=True)
    except ParseError as error:
        line, column = error.position
        what = str(error).split(": line ")[0]
        raise InvalidValueError("", f"this is not XML: {what} at line {line}, column {column + 1}") from None
    except DefusedXmlException:
        raise InvalidValueError("", "a DTD or an entity is not taken; delete the DOCTYPE") from None
    except (LookupError, ValueError) as error:  # an encoding that the parser does not know
        raise InvalidValueError("", f"this is not XML in UTF-8: {error}") from None
    if _name(root) != "kml":
        raise InvalidValueError("", f"its root must be kml, not {shown(_name(root))}")
    return root


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _placemarks(root: Element, reading: Reading) -> Iterator[tuple[Element, Mapping[str, object]]]:
    """Yield each Placemark in the order of the file, with the TimeSpan that it inherits."""
    waiting: list[tuple[Element, Mapping[str, object], int]] = [(root, {}, 0)]
    while waiting:
        element, time, depth = waiting.pop()
        name = _name(element)
        if name == "Placemark":
            yield element, time
        elif name in _CONTAINERS:
            if depth > DEPTH_MAX:
                reading.refuse(f"Folders lie more than {DEPTH_MAX} deep in each other", item=name)
                continue
            try:
                time = _time_span(element) or time
            except InvalidValueError as error:
                reading.refuse_value(error, item=_called(element))
            waiting.extend((child, time, depth + 1) for child in reversed(element))
        elif name in _ELSEWHERE:
            reason = "it names things outside this file, which are not fetched; save them into the file"
            reading.refuse(reason, item=_called(element))
        elif name in _PICTURES:
            reading.assume("it is a picture and declares nothing", item=_called(element))


def _called(element: Element) -> str:
    """Return an element as messages name it: its kind and its name."""
    name = element.findtext("{*}name")
    return _name(element) if name is None else f"{_name(element)} {shown(name.strip())}"


def _only(element: Element, name: str) -> Element | None:
    """Return the child of a name, if there is one.

    Raises:
        InvalidValueError: There is more than one.
    """
    found = [child for child in element if _name(child) == name]
    if len(found) > 1:
        raise InvalidValueError(name, f"there is more than one in the {_name(element)}")
    return found[0] if found else None


def _text(element: Element | None) -> str | None:
    """Return the text of an element without the spaces round it; None if there is none.

    Raises:
        InvalidValueError: It holds other elements, whose text would be lost.
    """
    if element is None:
        return None
    if len(element):
        raise InvalidValueError(_name(element), f"it must hold text only, not {_name(element[0])}")
    return (element.text or "").strip() or None


def _time_span(element: Element) -> dict[str, object]:
    """Return what a TimeSpan in an element states, under the names of properties; empty without one."""
    span = _only(element, "TimeSpan")
    if span is None:
        return {}
    stated = {"time_start": _text(_only(span, "begin")), "time_end": _text(_only(span, "end"))}
    return {name: text for name, text in stated.items() if text is not None}


# One Placemark --------------------------------------------------------------------------------


def _feature(placemark: Element, number: int, inherited_time: Mapping[str, object]) -> Feature:
    faults: list[Fault] = []
    properties: dict[str, object] = {}
    geometries: tuple[Located, ...] = ()
    has_track = any(_name(element).endswith("Track") for element in placemark.iter())
    for read in (_read_extended_data, _read_time_span, _read_identity):
        try:
            read(placemark, properties, faults)
        except InvalidValueError as error:
            faults.append(Fault(error.field, error.reason))
    try:
        geometries = _geometries(placemark)
        if (
            not has_track
            and properties.keys().isdisjoint(_TIMES)
            and _only(placemark, "TimeStamp") is not None
        ):
            faults.append(Fault("TimeStamp", "it is an instant; give a TimeSpan, with begin and end"))
    except InvalidValueError as error:
        faults.append(Fault(error.field, error.reason))
    return Feature(
        place=place_of("Placemark", number, properties.get("id")),
        properties=properties,
        geometries=geometries,
        faults=tuple(faults),
        textual=True,
        timed=has_track,
        inherited_time=inherited_time,
    )


def _read_extended_data(placemark: Element, properties: dict[str, object], faults: list[Fault]) -> None:
    for name, text in _extended_data(placemark):
        if name in properties:
            faults.append(Fault(field_of(name), "it is given twice"))
        elif text is not None:
            properties[name] = text


def _read_time_span(placemark: Element, properties: dict[str, object], faults: list[Fault]) -> None:
    for name, stated in _time_span(placemark).items():
        if properties.setdefault(name, stated) != stated:
            faults.append(Fault(name, "the TimeSpan says otherwise; give one of the two"))


def _read_identity(placemark: Element, properties: dict[str, object], _: list[Fault]) -> None:
    if "id" not in properties:
        identity = (placemark.get("id") or "").strip() or _text(_only(placemark, "name"))
        if identity is not None:
            properties["id"] = identity


def _extended_data(placemark: Element) -> Iterator[tuple[str, str | None]]:
    extended = _only(placemark, "ExtendedData")
    for entry in () if extended is None else extended:
        if _name(entry) == "Data":
            yield entry.get("name", ""), _text(_only(entry, "value"))
        elif _name(entry) == "SchemaData":
            for data in entry:
                if _name(data) == "SimpleData":
                    yield data.get("name", ""), _text(data)


# Geometries -----------------------------------------------------------------------------------


def _geometries(placemark: Element) -> tuple[Located, ...]:
    """Return the geometries of a Placemark.

    Raises:
        InvalidValueError: There is none or more than one, or one is none of those that are known.
    """
    found = [child for child in placemark if _name(child) in (*_GEOMETRIES, *_OTHER_GEOMETRIES)]
    if not found:
        raise InvalidValueError("", "it has no geometry")
    if len(found) > 1:
        raise InvalidValueError(_name(found[1]), "there is a geometry already; put both into a MultiGeometry")
    geometries = tuple(_flat(found[0], _name(found[0]), 0))
    if len(geometries) > VOLUMES_MAX:
        raise InvalidValueError(_name(found[0]), f"it has more than {VOLUMES_MAX} geometries")
    if not geometries:
        raise InvalidValueError(_name(found[0]), "it is empty")
    return geometries


def _flat(element: Element, path: str, depth: int) -> Iterator[Located]:
    """Yield a geometry, or the geometries in a MultiGeometry."""
    name = _name(element)
    if name == "MultiGeometry":
        if depth > DEPTH_MAX:
            raise InvalidValueError(name, f"MultiGeometries lie more than {DEPTH_MAX} deep in each other")
        for index, child in enumerate(element):
            yield from _flat(child, f"{path}[{index}]", depth + 1)
        return
    try:
        match name:
            case "Polygon":
                yield f"{path}.coordinates", _area(element)
            case "LineString":
                yield f"{path}.coordinates", _line(element)
            case "Point":
                yield f"{path}.coordinates", _spot(element)
            case "Track":
                yield f"{path}.coord", _track(element)
            case _ if name in _OTHER_GEOMETRIES:
                raise InvalidValueError("", f"a {name} is not taken; {_OTHER_GEOMETRIES[name]}")
            case _:
                raise InvalidValueError("", f"{shown(name)} is no geometry; {', '.join(_GEOMETRIES)} are")
    except InvalidValueError as error:
        raise error.within(path) from None


def _height_datum(element: Element) -> Datum | None:
    """Return what the heights of a geometry are measured from; None if they do not count."""
    mode = _text(_only(element, "altitudeMode")) or "clampToGround"
    if mode not in _HEIGHTS:
        raise InvalidValueError(
            "altitudeMode", f"{shown(mode)} is not taken; write one of {', '.join(_HEIGHTS)}"
        )
    return _HEIGHTS[mode]


def _coordinates(element: Element) -> tuple[list[LatLng], list[float | None]]:
    """Return the positions in an element, and the height of each as written, if it has one."""
    vertices: list[LatLng] = []
    heights: list[float | None] = []
    text = _text(_only(element, "coordinates")) or ""
    for index, entry in enumerate(text.split()):
        try:
            vertex, height = _position(entry.split(","))
        except InvalidValueError as error:
            raise error.within(f"coordinates[{index}]") from None
        vertices.append(vertex)
        heights.append(height)
    return vertices, heights


def _position(parts: list[str]) -> tuple[LatLng, float | None]:
    if not 2 <= len(parts) <= 3:
        reason = "a position has 2 or 3 numbers (longitude,latitude,height), with commas and no spaces"
        raise InvalidValueError("", f"{reason}, not {len(parts)}")
    if "" in parts:
        raise InvalidValueError("", "a position has no spaces round its commas, and a number at each")
    numbers = [number_of_text(part) for part in parts]
    return LatLng(numbers[1], numbers[0]), numbers[2] if len(numbers) == 3 else None


def _area(element: Element) -> Area:
    if any(_name(child) == "innerBoundaryIs" for child in element):
        raise InvalidValueError("innerBoundaryIs", HOLES_REFUSED)
    boundary = _only(element, "outerBoundaryIs")
    ring = None if boundary is None else _only(boundary, "LinearRing")
    if ring is None:
        raise InvalidValueError("outerBoundaryIs", "a Polygon needs it, with a LinearRing in it")
    datum = _height_datum(element)
    vertices, heights = _coordinates(ring)
    if not vertices or vertices[0] != vertices[-1]:
        raise InvalidValueError("coordinates", "the ring is not closed; repeat its first position at its end")
    known = any(height is not None for height in heights)
    return Area(vertices=tuple(vertices[:-1]), heights=datum if known else None)


def _spot(element: Element) -> Spot:
    datum = _height_datum(element)
    vertices, heights = _coordinates(element)
    if len(vertices) != 1:
        raise InvalidValueError("coordinates", f"a Point has one position, not {len(vertices)}")
    return Spot(center=vertices[0], heights=None if heights[0] is None else datum)


def _line(element: Element) -> Line:
    datum = _height_datum(element)
    vertices, heights = _coordinates(element)
    return Line(vertices=tuple(vertices), altitudes=_altitudes(heights, datum, "coordinates"))


def _altitudes(heights: list[float | None], datum: Datum | None, path: str) -> tuple[Altitude | None, ...]:
    if datum is None or all(height is None for height in heights):
        return ()
    altitudes: list[Altitude | None] = []
    for index, height in enumerate(heights):
        try:
            altitudes.append(None if height is None else Altitude(value=height, datum=datum))
        except InvalidValueError as error:
            raise InvalidValueError(f"{path}[{index}]", error.reason) from None
    return tuple(altitudes)


def _track(element: Element) -> Line:
    datum = _height_datum(element)
    times = [_when(child, index) for index, child in enumerate(_all(element, "when"))]
    vertices: list[LatLng] = []
    heights: list[float | None] = []
    for index, child in enumerate(_all(element, "coord")):
        try:
            vertex, height = _position((_text(child) or "").split())
        except InvalidValueError as error:
            raise error.within(f"coord[{index}]") from None
        vertices.append(vertex)
        heights.append(height)
    if len(times) != len(vertices):
        raise InvalidValueError(
            "", f"there are {len(times)} times (when) for {len(vertices)} positions (coord)"
        )
    altitudes = _altitudes(heights, datum, "coord")
    return Line(vertices=tuple(vertices), altitudes=altitudes, times=tuple(times))


def _all(element: Element, name: str) -> Iterator[Element]:
    return (child for child in element if _name(child) == name)


def _when(element: Element, index: int) -> datetime:
    try:
        return instant_of_text(_text(element) or "")
    except InvalidValueError as error:
        raise error.within(f"when[{index}]") from None
