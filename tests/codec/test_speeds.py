"""The slowest speed of an operation, in every format: back to the same value, and clear errors."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.codec import geojson, kml, waypoints
from keepclear.codec.f3548 import volumes as f3548
from keepclear.codec.f3548.foreign import read_foreign
from keepclear.codec.properties import misspelt
from keepclear.codec.reading import Item, Reading, ReadSettings
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import SPEED_MAX_MPS, ItemId, OperationalIntent, PartyId
from keepclear.core.shapes import Circle
from tests.strategies import band, intent, volume

PLAIN = intent(
    "A1", volume(Circle(center=LatLng(35.0, 36.0), radius_m=900.0), band=band(0.0, 500.0)), party="a"
)
SPEEDS = st.none() | st.integers(1, 5_000) | st.floats(1e-3, SPEED_MAX_MPS)


def with_speed(speed_mps: float | None) -> OperationalIntent:
    return dataclasses.replace(PLAIN, speed_mps=speed_mps)


def items(reading: Reading) -> list[Item]:
    assert reading.problems == []
    return [placed.item for placed in reading.placed]


@given(SPEEDS)
def test_a_speed_comes_back_from_every_form_that_is_written(speed_mps: float | None) -> None:
    item = with_speed(speed_mps)
    assert items(geojson.decode(geojson.encode([item]), "", ReadSettings())) == [item]
    assert items(f3548.decode(f3548.encode([item]), "", ReadSettings())) == [item]
    text = f3548.encode_item(item)
    assert items(f3548.decode_item(text, "")) == [item]
    assert f3548.encode_item(read_foreign(text, item.id, PartyId("a")).item or PLAIN) == text


def test_equal_speeds_have_equal_texts_and_no_speed_leaves_a_text_as_it_always_was() -> None:
    assert f3548.encode_item(with_speed(50)) == f3548.encode_item(with_speed(50.0))
    assert b"speed" not in f3548.encode_item(PLAIN)
    assert b"speed" not in geojson.encode([PLAIN])


def feature(properties: dict[str, Any]) -> bytes:
    fields = json.loads(geojson.encode([PLAIN]))
    fields["features"][0]["properties"] |= properties
    return json.dumps(fields).encode()


@pytest.mark.parametrize("speed", [0, -1.0, SPEED_MAX_MPS + 1.0, "50", True, [50]])
def test_what_is_no_speed_is_refused_with_its_name(speed: object) -> None:
    reading = geojson.decode(feature({"speed_mps": speed}), "", ReadSettings())
    assert [problem.field for problem in reading.problems] == ["speed_mps"]
    fields = json.loads(f3548.encode_item(PLAIN)) | {"speed_mps": speed}
    reading = f3548.decode_item(json.dumps(fields).encode(), "")
    assert [problem.field for problem in reading.problems] == ["speed_mps"]


def test_a_zone_has_no_speed() -> None:
    zone = {"kind": "constraint", "state": None, "speed_mps": 50}
    assert "only an operational" in geojson.decode(feature(zone), "", ReadSettings()).problems[0].reason
    fields = json.loads(f3548.encode_item(PLAIN)) | zone
    assert "only an operational" in f3548.decode_item(json.dumps(fields).encode(), "").problems[0].reason


@pytest.mark.parametrize(
    "name", ["speed_kt", "speed_kmh", "speedKnots", "speed_ms", "speed_mph", "Speed_mps"]
)
def test_a_speed_in_another_unit_or_spelling_is_refused_because_it_would_be_none(name: str) -> None:
    assert "speed_mps" in (misspelt(name) or "")


@pytest.mark.parametrize("name", ["speed", "max_speed", "groundspeed"])
def test_speeds_that_others_wrote_are_left_alone(name: str) -> None:
    assert misspelt(name) is None


@pytest.mark.parametrize("speed", [0, -5, 1e9, "fast", [], True])
def test_of_another_party_a_speed_that_cannot_be_used_is_none_and_that_is_told(speed: object) -> None:
    fields = json.loads(f3548.encode_item(PLAIN)) | {"speed_mps": speed}
    item, remark, _ = read_foreign(json.dumps(fields).encode(), ItemId("a:A1"), PartyId("a"))
    assert isinstance(item, OperationalIntent)
    assert item.speed_mps is None
    assert remark is not None
    assert "no speed" in remark


def test_csv_and_kml_have_it_too() -> None:
    rows = (
        "id,time,lat_deg,lng_deg,half_width_m,speed_mps\n"
        "A1,2026-01-31T12:00:00Z,35,36,900,42.5\nA1,2026-01-31T12:30:00Z,35.2,36,,\n"
    )
    (item,) = items(waypoints.decode(rows.encode(), "", ReadSettings()))
    assert isinstance(item, OperationalIntent)
    assert item.speed_mps == 42.5
    placemark = (
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Placemark><name>A1</name><TimeSpan>'
        "<begin>2026-01-31T12:00:00Z</begin><end>2026-01-31T13:00:00Z</end></TimeSpan><ExtendedData>"
        '<Data name="radius_m"><value>900</value></Data><Data name="speed_mps"><value>42.5</value></Data>'
        "</ExtendedData><Point><coordinates>36,35</coordinates></Point></Placemark></kml>"
    )
    (item,) = items(kml.decode(placemark.encode(), "", ReadSettings()))
    assert isinstance(item, OperationalIntent)
    assert item.speed_mps == 42.5
