"""KML: Placemarks, where their properties and times come from, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.codec import kml
from keepclear.codec.kml import DEPTH_MAX
from keepclear.codec.reading import Reading, ReadSettings
from keepclear.core.altitudes import GEOID_ABOVE_M, GEOID_BELOW_M
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import VOLUMES_MAX, OperationalIntent
from keepclear.core.shapes import Circle, CorridorLeg, Polygon

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SPAN = "<TimeSpan><begin>2026-01-31T12:00:00Z</begin><end>2026-01-31T13:00:00Z</end></TimeSpan>"
LATER = "<TimeSpan><begin>2026-02-01T12:00:00Z</begin><end>2026-02-01T13:00:00Z</end></TimeSpan>"
RING = "7.0,46.0 7.1,46.0 7.1,46.1 7.0,46.0"
HIGH_RING = "7.0,46.0,120 7.1,46.0,120 7.1,46.1,120 7.0,46.0,120"
POINT = "<Point><coordinates>7.0,46.0</coordinates></Point>"
TRACK = (
    "<gx:Track><altitudeMode>absolute</altitudeMode>"
    "<when>2026-01-31T12:00:00Z</when><when>2026-01-31T12:10:00Z</when>"
    "<gx:coord>7.0 46.0 500</gx:coord><gx:coord>7.1 46.1 700</gx:coord></gx:Track>"
)


def document(*content: str) -> bytes:
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2"><Document>'
    )
    return (head + "".join(content) + "</Document></kml>").encode()


def polygon(ring: str = RING, mode: str = "") -> str:
    mode = f"<altitudeMode>{mode}</altitudeMode>" if mode else ""
    boundary = (
        f"<outerBoundaryIs><LinearRing><coordinates>{ring}</coordinates></LinearRing></outerBoundaryIs>"
    )
    return f"<Polygon>{mode}{boundary}</Polygon>"


def line(coordinates: str, mode: str = "absolute") -> str:
    mode = f"<altitudeMode>{mode}</altitudeMode>"
    return f"<LineString>{mode}<coordinates>{coordinates}</coordinates></LineString>"


def extended(**values: object) -> str:
    entries = (f'<Data name="{name}"><value>{value}</value></Data>' for name, value in values.items())
    return f"<ExtendedData>{''.join(entries)}</ExtendedData>"


def placemark(*content: str, name: str = "A1", span: str = SPAN) -> str:
    return f"<Placemark><name>{name}</name>{span}{''.join(content)}</Placemark>"


def read(*content: str) -> Reading:
    return kml.decode(document(*content), "plan.kml", ReadSettings())


def item_of(reading: Reading) -> OperationalIntent:
    assert reading.problems == []
    (placed,) = reading.placed
    assert isinstance(placed.item, OperationalIntent)
    return placed.item


def faults_of(reading: Reading) -> list[tuple[str, str]]:
    assert reading.placed == []
    return [(problem.field, problem.reason) for problem in reading.problems]


def fields_of(reading: Reading) -> list[str]:
    return [field for field, _ in faults_of(reading)]


# -- geometries -------------------------------------------------------------------------------------


def test_a_polygon_is_an_area() -> None:
    corners = (LatLng(46.0, 7.0), LatLng(46.0, 7.1), LatLng(46.1, 7.1))
    assert item_of(read(placemark(polygon()))).volumes[0].volume.outline == Polygon(vertices=corners)


def test_a_point_with_a_radius_is_a_circle() -> None:
    item = item_of(read(placemark(POINT, extended(radius_m=500))))
    assert item.volumes[0].volume.outline == Circle(center=LatLng(46.0, 7.0), radius_m=500.0)


def test_a_line_with_a_half_width_is_a_corridor() -> None:
    item = item_of(read(placemark(line("7.0,46.0\n\t7.1,46.1 7.2,46.1"), extended(half_width_m=300))))
    assert [type(volume.volume.outline) for volume in item.volumes] == [CorridorLeg, CorridorLeg]


def test_a_multigeometry_is_a_volume_for_each_geometry_also_nested() -> None:
    inner = f"<MultiGeometry>{POINT}{line('7.0,46.0 7.1,46.1')}</MultiGeometry>"
    shapes = f"<MultiGeometry>{polygon()}{inner}</MultiGeometry>"
    item = item_of(read(placemark(shapes, extended(radius_m=500, half_width_m=300))))
    assert [type(volume.volume.outline) for volume in item.volumes] == [Polygon, Circle, CorridorLeg]


def test_a_track_tells_the_times_and_heights_of_its_waypoints() -> None:
    margins = extended(half_width_m=300, altitude_margin_m=50, time_margin_s=60)
    (volume,) = item_of(read(placemark(TRACK, margins, span=""))).volumes
    assert volume.volume.outline == CorridorLeg(
        start=LatLng(46.0, 7.0), end=LatLng(46.1, 7.1), half_width_m=300.0
    )
    band = volume.volume.altitude
    assert (band.lower_m, band.upper_m) == (450.0 - GEOID_BELOW_M, 750.0 + GEOID_ABOVE_M)
    assert (volume.time.start.minute, volume.time.end.minute) == (59, 11)


def test_the_times_of_a_track_stand_before_an_inherited_time() -> None:
    margins = extended(half_width_m=300, altitude_margin_m=50)
    folder = f"<Folder>{LATER}{placemark(TRACK, margins, span='')}</Folder>"
    assert item_of(read(folder)).volumes[0].time.start == NOON


@pytest.mark.parametrize(
    ("shape", "field"),
    [
        ("", ""),
        ("<MultiGeometry/>", "MultiGeometry"),
        (f"{POINT}{polygon()}", "Polygon"),
        ("<LinearRing/>", "LinearRing"),
        ("<Model/>", "Model"),
        ("<MultiGeometry><Thing/></MultiGeometry>", "MultiGeometry[0]"),
        ("<Polygon/>", "Polygon.outerBoundaryIs"),
        ("<Polygon><outerBoundaryIs/></Polygon>", "Polygon.outerBoundaryIs"),
        ("<Polygon><innerBoundaryIs/></Polygon>", "Polygon.innerBoundaryIs"),
        (polygon(""), "Polygon.coordinates"),
        (polygon("7.0,46.0 7.1,46.0 7.1,46.1"), "Polygon.coordinates"),
        (polygon("7.0,46.0 7.1,46.0 7.0,46.0"), "Polygon.coordinates"),
        (polygon("7.0,46.0 7.1,96.0 7.1,46.1 7.0,46.0"), "Polygon.coordinates[1].lat"),
        (polygon("7.0,46.0 7.1 7.1,46.1 7.0,46.0"), "Polygon.coordinates[1]"),
        (polygon("7.0,46.0 7.1,46.0, 7.1,46.1 7.0,46.0"), "Polygon.coordinates[1]"),
        (polygon("7.0,46.0 7.1,1e999 7.1,46.1 7.0,46.0"), "Polygon.coordinates[1]"),
        (polygon("7.0,46.0 <b>7.1,46.0</b> 7.1,46.1"), "Polygon.coordinates"),
        (polygon(mode="relativeToSeaFloor"), "Polygon.altitudeMode"),
        ("<Point><coordinates>7.0,46.0 7.1,46.0</coordinates></Point>", "Point.coordinates"),
        (
            "<Point><coordinates>7,46</coordinates><coordinates>8,46</coordinates></Point>",
            "Point.coordinates",
        ),
        (line("7.0,46.0,1e7 7.1,46.1,5"), "LineString.coordinates[0]"),
        ("<gx:MultiTrack/>", "MultiTrack"),
        ("<gx:Track><when>2026-01-31T12:00:00Z</when></gx:Track>", "Track"),
        ("<gx:Track><when>noon</when><gx:coord>7 46</gx:coord></gx:Track>", "Track.when[0]"),
        ("<gx:Track><when>2026-01-31T12:00:00Z</when><gx:coord/></gx:Track>", "Track.coord[0]"),
    ],
)
def test_a_geometry_that_is_not_as_it_must_be_is_refused(shape: str, field: str) -> None:
    assert fields_of(read(placemark(shape))) == [field]


@pytest.mark.slow
def test_only_so_many_geometries_lie_in_a_placemark() -> None:
    shapes = f"<MultiGeometry>{POINT * (VOLUMES_MAX + 1)}</MultiGeometry>"
    assert fields_of(read(placemark(shapes, extended(radius_m=5)))) == ["MultiGeometry"]


def test_geometries_and_folders_lie_only_so_deep_in_each_other() -> None:
    def nested(tag: str, inner: str, depth: int) -> str:
        return f"<{tag}>" * depth + inner + f"</{tag}>" * depth

    circle = placemark(POINT, extended(radius_m=5))
    assert len(read(nested("Folder", circle, DEPTH_MAX - 1)).placed) == 1
    ((_, reason),) = faults_of(read(nested("Folder", circle, DEPTH_MAX + 1)))
    assert reason == f"Folders lie more than {DEPTH_MAX} deep in each other"
    radius = extended(radius_m=5)
    assert len(read(placemark(nested("MultiGeometry", POINT, DEPTH_MAX), radius)).placed) == 1
    assert fields_of(read(placemark(nested("MultiGeometry", POINT, DEPTH_MAX + 2), radius))) == [
        "MultiGeometry"
    ]


# -- heights ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["", "clampToGround", "clampToSeaFloor"])
def test_heights_that_are_clamped_are_none(mode: str) -> None:
    (assumed,) = read(placemark(polygon(HIGH_RING, mode))).assumptions
    assert "unbounded below" in assumed.text


def test_absolute_heights_of_a_polygon_are_ignored_and_that_is_told() -> None:
    bounds = extended(altitude_lower_m=100, altitude_upper_m=200, altitude_datum="W84")
    (assumed,) = read(placemark(polygon(HIGH_RING, "absolute"), bounds)).assumptions
    assert "heights in its coordinates are ignored" in assumed.text


def test_absolute_heights_of_a_line_are_above_mean_sea_level() -> None:
    margins = extended(half_width_m=300, altitude_margin_m=50)
    band = item_of(read(placemark(line("7.0,46.0,500 7.1,46.1,700"), margins))).volumes[0].volume.altitude
    assert (band.lower_m, band.upper_m) == (450.0 - GEOID_BELOW_M, 750.0 + GEOID_ABOVE_M)


@pytest.mark.parametrize(
    ("shape", "values"),
    [
        (polygon(HIGH_RING, "relativeToGround"), {}),
        (
            line("7.0,46.0,500 7.1,46.1,700", "relativeToGround"),
            {"half_width_m": 300, "altitude_margin_m": 5},
        ),
    ],
)
def test_heights_above_ground_are_refused_unless_bounds_replace_them(
    shape: str, values: dict[str, object]
) -> None:
    ((_, reason),) = faults_of(read(placemark(shape, extended(**values))))
    assert "height above ground needs terrain" in reason
    values = {k: v for k, v in values.items() if k != "altitude_margin_m"} | {
        "altitude_upper_m": 900,
        "altitude_datum": "W84",
    }
    assert item_of(read(placemark(shape, extended(**values)))).volumes[0].volume.altitude.upper_m == 900.0


# -- times ------------------------------------------------------------------------------------------


def test_the_nearest_time_span_counts() -> None:
    own, of_folder, of_document = (
        read(LATER, f"<Folder>{inner_span}{placemark(polygon(), span=span)}</Folder>")
        for inner_span, span in ((LATER, SPAN), (SPAN, ""), ("", ""))
    )
    assert item_of(own).volumes[0].time.start == NOON
    assert item_of(of_folder).volumes[0].time.start == NOON
    assert item_of(of_document).volumes[0].time.start.day == 1


def test_a_time_span_reaches_only_into_its_own_folder() -> None:
    folder = f"<Folder>{SPAN}{placemark(polygon(), span='')}</Folder>"
    reading = read(folder, placemark(polygon(), name="B2", span=""))
    assert [placed.item.id for placed in reading.placed] == ["A1"]
    assert [problem.field for problem in reading.problems] == ["time_start"]


def test_times_may_be_properties_too_but_not_say_otherwise_than_the_span() -> None:
    same = extended(time_start="2026-01-31T12:00:00Z", time_end="2026-01-31T13:00:00Z")
    assert item_of(read(placemark(polygon(), same))).volumes[0].time.start == NOON
    assert item_of(read(placemark(polygon(), same, span=LATER.replace("02-01", "01-31")))).id == "A1"
    assert fields_of(read(placemark(polygon(), same, span=LATER))) == ["time_start", "time_end"]


def test_times_of_waypoints_may_be_a_property_too() -> None:
    times = extended(half_width_m=300, times="2026-01-31T12:00:00Z 2026-01-31T12:10:00Z")
    item = item_of(read(placemark(line("7.0,46.0 7.1,46.1"), times, span="")))
    assert item.volumes[0].time.end.minute == 10


@pytest.mark.parametrize(
    ("span", "fields"),
    [
        ("", ["time_start"]),
        ("<TimeSpan><begin>2026-01-31T12:00:00Z</begin></TimeSpan>", ["time_end"]),
        ("<TimeSpan><begin>2026-01-31</begin><end>2026-02-01</end></TimeSpan>", ["time_start", "time_end"]),
        ("<TimeStamp><when>2026-01-31T12:00:00Z</when></TimeStamp>", ["TimeStamp", "time_start"]),
        (SPAN + SPAN, ["TimeSpan", "time_start"]),
        (SPAN.replace("</end>", "</end><end/>"), ["end", "time_start"]),
    ],
)
def test_a_placemark_needs_one_span_with_both_times(span: str, fields: list[str]) -> None:
    assert fields_of(read(placemark(polygon(), span=span))) == fields


def test_a_folder_has_at_most_one_span() -> None:
    reading = read(f"<Folder><name>zones</name>{SPAN}{SPAN}{placemark(polygon())}</Folder>")
    assert [(problem.item, problem.field) for problem in reading.problems] == [("Folder 'zones'", "TimeSpan")]


# -- properties -------------------------------------------------------------------------------------


def test_the_id_is_the_property_else_the_attribute_else_the_name() -> None:
    shape = SPAN + polygon()
    marks = (
        f"<Placemark id='p1'><name>one</name>{shape}{extended(id='x1')}</Placemark>",
        f"<Placemark id='p2'><name>two</name>{shape}</Placemark>",
        f"<Placemark><name> three </name>{shape}</Placemark>",
    )
    assert [placed.item.id for placed in read(*marks).placed] == ["x1", "p2", "three"]
    assert fields_of(read(f"<Placemark>{shape}</Placemark>")) == ["id"]


def test_properties_are_read_from_schema_data_too() -> None:
    data = (
        '<ExtendedData><SchemaData schemaUrl="#s"><SimpleData name="party"> Red Cross </SimpleData>'
        '<SimpleData name="priority">5</SimpleData><SimpleData name="state"/></SchemaData></ExtendedData>'
    )
    item = item_of(read(placemark(polygon(), data)))
    assert (item.party, item.priority) == ("Red Cross", 5)


def test_data_of_others_is_left_alone() -> None:
    data = extended(colour="red").replace("<Data", "<x:camp xmlns:x='urn:x'>3</x:camp><Data")
    assert item_of(read(placemark(polygon(), data))).id == "A1"


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (extended(altitudeLowerM=5), ["altitudeLowerM"]),
        (extended(priority="1_000"), ["priority"]),
        (extended(altitude_lower_m="nan", altitude_datum="W84"), ["altitude_lower_m"]),
        (
            extended(party="a").replace("</ExtendedData>", "")
            + extended(party="b").replace("<ExtendedData>", ""),
            ["party"],
        ),
        (extended(party="<b>a</b>"), ["value"]),
        (extended() + extended(), ["ExtendedData"]),
    ],
)
def test_a_property_that_is_not_as_it_must_be_is_refused(data: str, fields: list[str]) -> None:
    assert fields_of(read(placemark(polygon(), data))) == fields


def test_several_placemarks_may_be_volumes_of_one_item() -> None:
    marks = [placemark(polygon(), extended(id="A1", volume=number)) for number in (1, 0)]
    reading = read(*marks)
    assert len(item_of(reading).volumes) == 2
    assert reading.placed[0].place == "Placemark 1 (id 'A1')"


# -- documents --------------------------------------------------------------------------------------


def test_what_lies_in_other_files_is_refused_and_pictures_are_told_as_ignored() -> None:
    link = "<NetworkLink><name>more</name><Link><href>https://example.org</href></Link></NetworkLink>"
    reading = read(link, "<GroundOverlay><name>map</name></GroundOverlay>", placemark(polygon()))
    assert [problem.item for problem in reading.problems] == ["NetworkLink 'more'"]
    assert reading.assumptions[0].item == "GroundOverlay 'map'"
    assert len(reading.placed) == 1


@pytest.mark.parametrize(
    "namespace", ["http://earth.google.com/kml/2.1", "http://www.opengis.net/kml/2.3", ""]
)
def test_any_version_of_kml_is_read(namespace: str) -> None:
    data = document(placemark(polygon())).replace(b"http://www.opengis.net/kml/2.2", namespace.encode())
    data = data.replace(b'xmlns=""', b"")
    assert item_of(kml.decode(data, "plan.kml", ReadSettings())).id == "A1"


def test_comments_do_not_cut_text() -> None:
    ring = RING.replace(" 7.1,46.1", "<!-- corner --> 7.1,46.1")
    assert item_of(read(placemark(polygon(ring)))) == item_of(read(placemark(polygon())))


def test_a_byte_order_mark_is_no_matter() -> None:
    data = b"\xef\xbb\xbf" + document(placemark(polygon()))
    assert item_of(kml.decode(data, "plan.kml", ReadSettings())).id == "A1"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"PK\x03\x04rest", "this is a KMZ archive; unzip it and give the .kml file in it"),
        (b"<gpx/>", "its root must be kml, not 'gpx'"),
        (b"<kml>\n<Document>", "this is not XML: no element found at line 2, column 11"),
        (b"<kml>\n &nbsp;</kml>", "this is not XML: undefined entity"),
        (b"<!DOCTYPE kml><kml/>", "a DTD or an entity is not taken; delete the DOCTYPE"),
        (
            b"<?xml version='1.0' encoding='UTF-16'?><kml/>",
            "the file declares the encoding 'UTF-16'; save it as UTF-8",
        ),
        (
            b"<?xml version='1.0' encoding='" + b"a" * 50 + b"'?><kml/>",
            "this is not XML in UTF-8: unknown encoding",
        ),
        ("<kml/>".encode("utf-16"), "the file is UTF-16; save it as UTF-8"),
        (b"<kml>\xe9</kml>", "the file is not UTF-8"),
    ],
)
def test_what_is_no_kml_in_utf_8_is_refused(data: bytes, reason: str) -> None:
    reading = kml.decode(data, "plan.kml", ReadSettings())
    (problem,) = reading.problems
    assert problem.reason.startswith(reason)
    assert reading.placed == []


# -- anything at all --------------------------------------------------------------------------------

GOOD = document(
    "<!-- zones -->",
    f"<Folder>{LATER}{placemark(polygon(HIGH_RING, 'absolute'), extended(priority=5), span='')}</Folder>",
    placemark(TRACK, extended(half_width_m=300, altitude_margin_m=50), name="B2", span=""),
    placemark(f"<MultiGeometry>{POINT}{POINT}</MultiGeometry>", extended(radius_m=500), name="C3"),
)


def assert_read_without_a_traceback(data: bytes) -> None:
    reading = kml.decode(data, "plan.kml", ReadSettings())
    assert all(problem.reason and "\n" not in str(problem) for problem in reading.problems)


def test_the_file_that_is_damaged_below_is_good() -> None:
    reading = kml.decode(GOOD, "plan.kml", ReadSettings())
    assert reading.problems == []
    assert len(reading.placed) == 3


@pytest.mark.slow
@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda inner: b"<kml>" + inner + b"</kml>"))
@example(b"<a>" * 200_000)
@example(b"<kml>" + b"<Folder>" * 200_000)
@example(b"<?xml version='1.0' encoding='x'?><kml/>")
@example(b"<?xml version='1.0' encoding='utf-8' standalone='no'?><kml/>")
@example(b"<?xml version='1.1'?><kml/>")
@example(b"<?xml version='1.0' encoding = \"a b\"?><kml/>")
@example(b"<kml:kml/>")
@example(b"<kml>\x00</kml>")
def test_no_bytes_give_a_traceback(data: bytes) -> None:
    assert_read_without_a_traceback(data)


@pytest.mark.slow
@example([(30, b"\n")])
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.binary(max_size=3)), min_size=1, max_size=4))
def test_no_damage_to_bytes_gives_a_traceback(damages: list[tuple[int, bytes]]) -> None:
    data = GOOD
    for position, piece in damages:
        data = data[:position] + piece + data[position + 1 :]
    assert_read_without_a_traceback(data)


_PIECES = [
    "kml",
    "Folder",
    "Placemark",
    "Polygon",
    "coordinates",
    "Point",
    "when",
    "Data",
    "value",
    "name",
    "begin",
]
_TEXTS = st.sampled_from(["", "7,46", "7 46 5", "nan", "W84", "2026-01-31T12:00:00Z", "absolute"]) | st.text(
    max_size=4
)


@given(st.sampled_from(_PIECES), st.sampled_from(_PIECES), _TEXTS)
def test_no_change_of_elements_gives_a_traceback(old: str, new: str, text: str) -> None:
    changed = GOOD.decode().replace(f"<{old}>", f"<{new}>{text}").replace(f"</{old}>", f"</{new}>")
    assert_read_without_a_traceback(changed.encode("utf-8", "replace"))
