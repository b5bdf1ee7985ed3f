"""GeoJSON: what its geometries become, what is refused, and that writing and reading are inverse."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.codec import geojson
from keepclear.codec.reading import PROBLEMS_MAX, Item, Reading, ReadSettings
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import VOLUMES_MAX, OperationalIntent
from keepclear.core.shapes import Circle, CorridorLeg, Polygon
from tests.strategies import intent, pictures, square, volume

SQUARE = [[7.0, 46.0], [7.1, 46.0], [7.1, 46.1], [7.0, 46.1], [7.0, 46.0]]
AREA = {"type": "Polygon", "coordinates": [SQUARE]}
ROUTE = {"type": "LineString", "coordinates": [[7.0, 46.0, 500], [7.1, 46.0, 600], [7.2, 46.1, 700]]}
PLAIN = {
    "id": "A1",
    "time_start": "2026-01-31T12:00:00Z",
    "time_end": "2026-01-31T13:00:00Z",
    "altitude_lower_m": 100,
    "altitude_upper_m": 200,
    "altitude_datum": "W84",
}


def feature(geometry: object = AREA, **more: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": PLAIN | more, "geometry": geometry}


def collection(*features: object, **members: object) -> dict[str, object]:
    return {"type": "FeatureCollection", **members, "features": list(features)}


def read(document: object) -> Reading:
    return geojson.decode(json.dumps(document).encode(), "plan.geojson", ReadSettings())


def items_of(reading: Reading) -> list[Item]:
    assert reading.problems == []
    return [placed.item for placed in reading.placed]


def fields_of(reading: Reading) -> list[str]:
    assert reading.placed == []
    return [problem.field for problem in reading.problems]


# -- what is read -----------------------------------------------------------------------------------


def test_a_polygon_is_longitude_first_and_its_closing_vertex_is_left_out() -> None:
    (item,) = items_of(read(collection(feature())))
    corners = (LatLng(46.0, 7.0), LatLng(46.0, 7.1), LatLng(46.1, 7.1), LatLng(46.1, 7.0))
    assert item.volumes[0].volume.outline == Polygon(vertices=corners)


def test_a_point_with_a_radius_is_a_circle() -> None:
    (item,) = items_of(read(collection(feature({"type": "Point", "coordinates": [7, 46]}, radius_m=500))))
    assert item.volumes[0].volume.outline == Circle(center=LatLng(46.0, 7.0), radius_m=500.0)


def test_a_multipolygon_is_a_volume_for_each_polygon() -> None:
    other = [[lng + 1.0, lat] for lng, lat in SQUARE]
    (item,) = items_of(
        read(collection(feature({"type": "MultiPolygon", "coordinates": [[SQUARE], [other]]})))
    )
    assert len(item.volumes) == 2


def test_heights_of_a_line_are_above_w84() -> None:
    line = feature(ROUTE, half_width_m=300, altitude_margin_m=20)
    for name in ("altitude_lower_m", "altitude_upper_m", "altitude_datum"):
        del line["properties"][name]
    (item,) = items_of(read(collection(line)))
    bands = [leg.volume.altitude for leg in item.volumes]
    assert [(band.lower_m, band.upper_m) for band in bands] == [(480.0, 620.0), (580.0, 720.0)]
    assert isinstance(item.volumes[0].volume.outline, CorridorLeg)


def test_a_file_may_be_one_feature() -> None:
    assert items_of(read(feature()))[0].id == "A1"


def test_the_id_of_the_feature_stands_where_no_property_has_one() -> None:
    nameless = feature(id=None) | {"id": 7}
    assert [item.id for item in items_of(read(collection(feature() | {"id": "other"}, nameless)))] == [
        "A1",
        "7",
    ]


def test_a_byte_order_mark_is_no_matter() -> None:
    data = b"\xef\xbb\xbf" + json.dumps(feature()).encode()
    assert items_of(geojson.decode(data, "plan.geojson", ReadSettings()))[0].id == "A1"


@pytest.mark.parametrize("name", ["urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326"])
def test_a_coordinate_system_that_is_wgs84_may_be_named(name: str) -> None:
    crs = {"type": "name", "properties": {"name": name}}
    assert len(items_of(read(collection(feature(), crs=crs)))) == 1


def test_null_is_no_value() -> None:
    reading = read(collection(feature(altitude_upper_m=None, party=None)))
    assert items_of(reading)[0].party is None
    assert len(reading.assumptions) == 1


def test_a_feature_without_properties_lacks_an_id_and_a_time() -> None:
    assert fields_of(read(collection(feature() | {"properties": None}))) == ["id", "time_start"]


def test_an_empty_collection_holds_nothing() -> None:
    assert items_of(read(collection())) == []


def test_places_count_features_from_one_and_name_their_ids() -> None:
    reading = read(collection(feature(), feature(id="B2", time_end=None), feature(id=None, kind="x")))
    assert [placed.place for placed in reading.placed] == ["feature 1 (id 'A1')"]
    assert [problem.item for problem in reading.problems] == ["feature 2 (id 'B2')", "feature 3", "feature 3"]
    assert str(reading.problems[0]).startswith("plan.geojson: feature 2 (id 'B2'): time_end: it is missing")


# -- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], ""),
        ("text", ""),
        ({}, "type"),
        ({"type": "Topology"}, "type"),
        ({"type": ["FeatureCollection"]}, "type"),
        ({"type": "FeatureCollection"}, ""),
        ({"type": "FeatureCollection", "features": {}}, ""),
        (collection(feature(), crs={"type": "link"}), "crs"),
        (collection(feature(), crs="EPSG:3857"), "crs"),
        (collection(5), ""),
        (collection({"type": "Polygon"}), "type"),
        (collection({"type": "Feature", "properties": [], "geometry": AREA}), "properties"),
        (collection(feature() | {"altitude_upper_m": 5}), "altitude_upper_m"),
        (collection(feature() | {"crs": {"type": "name", "properties": {"name": "EPSG:2056"}}}), "crs"),
    ],
)
def test_what_is_no_collection_of_features_is_refused(document: object, field: str) -> None:
    assert fields_of(read(document)) == [field]


@pytest.mark.parametrize(
    ("geometry", "field"),
    [
        (None, "geometry"),
        (5, "geometry"),
        ({}, "geometry.type"),
        ({"type": "Circle"}, "geometry.type"),
        ({"type": "MultiPoint", "coordinates": []}, "geometry.type"),
        ({"type": "MultiLineString", "coordinates": []}, "geometry.type"),
        ({"type": "GeometryCollection", "geometries": [AREA]}, "geometry.type"),
        ({"type": "Polygon"}, "geometry.coordinates"),
        ({"type": "Polygon", "coordinates": []}, "geometry.coordinates"),
        ({"type": "Polygon", "coordinates": SQUARE}, "geometry.coordinates[0][0]"),
        ({"type": "Polygon", "coordinates": [[]]}, "geometry.coordinates[0]"),
        ({"type": "Polygon", "coordinates": [SQUARE[:-1]]}, "geometry.coordinates[0]"),
        ({"type": "Polygon", "coordinates": [SQUARE, SQUARE]}, "geometry.coordinates[1]"),
        ({"type": "Polygon", "coordinates": [[[7.0], *SQUARE[1:]]]}, "geometry.coordinates[0][0]"),
        ({"type": "Polygon", "coordinates": [[[7.0, 46.0, 1.0, 2.0]]]}, "geometry.coordinates[0][0]"),
        ({"type": "Polygon", "coordinates": [[[7.0, "46"]]]}, "geometry.coordinates[0][0]"),
        ({"type": "Polygon", "coordinates": [[[7.0, True]]]}, "geometry.coordinates[0][0]"),
        ({"type": "Polygon", "coordinates": [[[7.0, 46.0, None]]]}, "geometry.coordinates[0][0]"),
        ({"type": "Polygon", "coordinates": [[[10**400, 46.0]]]}, "geometry.coordinates[0][0]"),
        ({"type": "Polygon", "coordinates": [[*SQUARE[:2], SQUARE[0]]]}, "geometry.coordinates[0]"),
        ({"type": "MultiPolygon", "coordinates": []}, "geometry.coordinates"),
        ({"type": "MultiPolygon", "coordinates": [[SQUARE[:-1]]]}, "geometry.coordinates[0][0]"),
        ({"type": "MultiPolygon", "coordinates": [[SQUARE]] * (VOLUMES_MAX + 1)}, "geometry.coordinates"),
    ],
)
def test_a_geometry_that_is_not_as_it_must_be_is_refused(geometry: object, field: str) -> None:
    assert fields_of(read(collection(feature(geometry)))) == [field]


def test_a_height_out_of_range_is_told_at_its_waypoint() -> None:
    line = {"type": "LineString", "coordinates": [[7.0, 46.0, 5], [7.1, 46.0, 1e7]]}
    reading = read(collection(feature(line, half_width_m=5)))
    assert fields_of(reading) == ["geometry.coordinates[1]"]


def test_a_number_that_no_float_holds_is_told_at_its_feature() -> None:
    data = json.dumps(collection(feature(), feature(id="B2"))).replace("200", "1e400", 1).encode()
    reading = geojson.decode(data, "plan.geojson", ReadSettings())
    assert [placed.item.id for placed in reading.placed] == ["B2"]
    assert [(problem.item, problem.reason) for problem in reading.problems] == [
        ("feature 1", "a number is out of range")
    ]


def test_all_faults_of_a_file_are_told_at_once() -> None:
    reading = read(
        collection(feature(time_end=None), feature(id="B2"), feature(None, id="C3", party=5.5, state="x"))
    )
    assert [placed.item.id for placed in reading.placed] == ["B2"]
    assert [problem.field for problem in reading.problems] == ["time_end", "geometry", "state"]


def test_only_so_many_problems_are_kept() -> None:
    reading = read(collection(*[feature(None)] * (PROBLEMS_MAX + 10)))
    assert len(reading.problems) == PROBLEMS_MAX + 1
    assert reading.problems[-1].reason.startswith(f"more than {PROBLEMS_MAX} problems")


# -- writing ----------------------------------------------------------------------------------------


def decoded(items: Sequence[Item]) -> list[Item]:
    return items_of(geojson.decode(geojson.encode(items), "plan.geojson", ReadSettings()))


@pytest.mark.slow
@given(pictures())
@example([])
@example([intent("pole", volume(square(89.9, 0.0, 5_000.0)), volume(square(0.0, 180.0, 500.0)))])
def test_reading_what_was_written_gives_the_same_items(items: list[Item]) -> None:
    assert decoded(items) == items


@pytest.mark.slow
@given(pictures())
def test_writing_is_deterministic_and_gives_json_with_a_feature_for_each_volume(items: list[Item]) -> None:
    data = geojson.encode(items)
    assert data == geojson.encode(items)
    assert len(msgspec.json.decode(data)["features"]) == sum(len(item.volumes) for item in items)
    assert len(data.splitlines()) == max(3, 2 + sum(len(item.volumes) for item in items))


@pytest.mark.parametrize("text", ["a b", "'\"\\", "日本", "é" * 256])
def test_any_printable_id_and_party_is_written(text: str) -> None:
    item = intent(text, volume(square(46.0, 7.0, 100.0)), party=text)
    assert decoded([item]) == [item]


def test_what_is_written_looks_like_this() -> None:
    operation = intent("A1", volume(Circle(center=LatLng(46.0, 7.0), radius_m=500.0)), party="Red Cross")
    assert isinstance(operation, OperationalIntent)
    assert geojson.encode([operation]).decode() == (
        '{"type":"FeatureCollection","features":[\n'
        '{"type":"Feature","properties":{"id":"A1","party":"Red Cross","kind":"operational_intent",'
        '"state":"Accepted","priority":0,"time_start":"2026-05-01T12:00:00Z",'
        '"time_end":"2026-05-01T13:00:00Z","radius_m":500.0},'
        '"geometry":{"type":"Point","coordinates":[7.0,46.0]}}\n'
        "]}\n"
    )


# -- anything at all --------------------------------------------------------------------------------

GOOD = json.dumps(
    collection(
        feature(volume=0, priority=3, state="Activated", name="x"),
        feature({"type": "Point", "coordinates": [7.0, 46.0]}, volume=1, radius_m=500.0),
        feature(ROUTE, id="B2", half_width_m=300, kind="constraint", rule="notify_first"),
    )
).encode()


def assert_read_without_a_traceback(data: bytes) -> None:
    reading = geojson.decode(data, "plan.geojson", ReadSettings())
    assert all(problem.reason and "\n" not in str(problem) for problem in reading.problems)


def test_the_file_that_is_damaged_below_is_good() -> None:
    reading = geojson.decode(GOOD, "plan.geojson", ReadSettings())
    assert len(items_of(reading)) == 2


@pytest.mark.slow
@given(st.binary(max_size=200))
@example(b'{"type":"FeatureCollection","features":[{"type":"Feature","id":"\\ud800"}]}')
@example(b"[" * 100_000)
@example(b'{"type":"FeatureCollection","features":' + b'[{"a":' * 100_000)
def test_no_bytes_give_a_traceback(data: bytes) -> None:
    assert_read_without_a_traceback(data)


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.binary(max_size=3)), min_size=1, max_size=4))
def test_no_damage_to_bytes_gives_a_traceback(damages: list[tuple[int, bytes]]) -> None:
    data = GOOD
    for position, piece in damages:
        data = data[:position] + piece + data[position + 1 :]
    assert_read_without_a_traceback(data)


@given(st.integers(0, len(GOOD)))
def test_no_cut_gives_a_traceback(length: int) -> None:
    assert_read_without_a_traceback(GOOD[:length])


_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["Polygon", "Feature", "W84", "AGL", "2026-01-31T12:00:00Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.slow
@given(st.data())
def test_no_value_anywhere_gives_a_traceback(data: st.DataObject) -> None:
    root = {"document": json.loads(GOOD)}
    holder, key = _somewhere(root, data)
    holder[key] = data.draw(_ANY)
    assert_read_without_a_traceback(json.dumps(root["document"]).encode("utf-8", "replace"))


def _somewhere(root: dict[str, Any], data: st.DataObject) -> tuple[Any, Any]:
    """Draw a place in a document, as its holder and the key there."""
    holder: Any = root
    key: Any = "document"
    while True:
        inner = holder[key]
        keys = (
            list(inner)
            if isinstance(inner, dict)
            else [*range(len(inner))]
            if isinstance(inner, list)
            else []
        )
        if not keys or data.draw(st.integers(0, 5)) == 0:
            return holder, key
        holder, key = inner, data.draw(st.sampled_from(keys))
