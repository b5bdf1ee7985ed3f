"""F3548 JSON: what is read, what is refused, and that writing and reading give the same items back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.codec.f3548 import volumes as f3548
from keepclear.codec.reading import Item, Reading, ReadSettings
from keepclear.core.altitudes import GEOID_ABOVE_M, GEOID_BELOW_M, AltitudeBand, Atmosphere
from keepclear.core.constraints import Constraint, ConstraintRule
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import IntentState, OperationalIntent
from keepclear.core.shapes import Circle, Polygon
from tests.strategies import pictures


def wire_volume(**space: Any) -> dict[str, Any]:
    outline = {
        "outline_circle": {"center": {"lat": 35.0, "lng": 36.0}, "radius": {"value": 500, "units": "M"}}
    }
    return {
        "volume": {**outline, **space},
        "time_start": {"value": "2026-05-01T10:00:00Z", "format": "RFC3339"},
        "time_end": {"value": "2026-05-01T14:00:00.5+03:00", "format": "RFC3339"},
    }


def altitude(value: float, reference: str = "W84", units: str = "M") -> dict[str, Any]:
    return {"value": value, "reference": reference, "units": units}


def read(entries: Any, **settings: Any) -> Reading:
    data = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return f3548.decode(data, "plan.json", ReadSettings(**settings))


def band(**space: Any) -> AltitudeBand:
    reading = read([{"id": "A", "volumes": [wire_volume(**space)]}])
    assert reading.problems == []
    return reading.placed[0].item.volumes[0].volume.altitude


def test_an_entry_without_the_optional_fields_is_an_operation_without_a_party() -> None:
    (placed,) = read([{"id": "A", "volumes": [wire_volume()]}]).placed
    item = placed.item
    assert isinstance(item, OperationalIntent)
    assert (item.party, item.priority, item.state) == (None, 0, IntentState.ACCEPTED)
    assert item.volumes[0].time.end.isoformat() == "2026-05-01T11:00:00.500000+00:00"


def test_null_stands_for_a_missing_optional_field() -> None:
    entry = {
        "id": "A",
        "volumes": [wire_volume(outline_polygon=None)],
        "party": None,
        "priority": None,
        "kind": None,
    }
    assert read([entry]).problems == []


def test_a_constraint_keeps_out_unless_it_says_otherwise() -> None:
    volume = wire_volume()
    entries = [
        {"id": "Z1", "volumes": [volume], "kind": "constraint"},
        {"id": "Z2", "volumes": [volume], "kind": "constraint", "rule": "notify_first"},
    ]
    rules = [placed.item.rule for placed in read(entries).placed if isinstance(placed.item, Constraint)]
    assert rules == [ConstraintRule.KEEP_OUT, ConstraintRule.NOTIFY_FIRST]


def test_feet_and_mean_sea_level_are_converted_and_widened() -> None:
    found = band(altitude_lower=altitude(1000, "MSL", "FT"), altitude_upper=altitude(2000, "W84", "FT"))
    assert found.lower_m == pytest.approx(304.8 - GEOID_BELOW_M)
    assert found.upper_m == pytest.approx(609.6)
    assert band(altitude_upper=altitude(100, "MSL")).upper_m == 100 + GEOID_ABOVE_M


def test_a_missing_bound_is_unbounded_and_listed_as_assumed() -> None:
    reading = read([{"id": "A", "volumes": [wire_volume(altitude_upper=altitude(100))]}])
    assert [a.text for a in reading.assumptions] == ["no altitude_lower in a volume: unbounded there"]
    assert [a.item for a in reading.assumptions] == ["item 1 (id 'A')"]


def test_a_flight_level_is_read_once_the_pressure_is_stated() -> None:
    entry = {"id": "A", "volumes": [wire_volume(altitude_upper=altitude(10_000, "FL", "FT"))]}
    assert "--qnh" in read([entry]).problems[0].reason
    stated = read([entry], atmosphere=Atmosphere(qnh_min_hpa=1000, qnh_max_hpa=1030))
    assert stated.problems == []
    assert stated.placed[0].item.volumes[0].volume.altitude.upper_m > 3048.0


def test_a_radius_may_be_in_feet() -> None:
    circle = {"center": {"lat": 35.0, "lng": 36.0}, "radius": {"value": 1000, "units": "FT"}}
    outline = (
        read([{"id": "A", "volumes": [wire_volume(outline_circle=circle)]}])
        .placed[0]
        .item.volumes[0]
        .volume.outline
    )
    assert isinstance(outline, Circle)
    assert outline.radius_m == pytest.approx(304.8)


def test_a_byte_order_mark_is_no_problem_and_utf_16_is() -> None:
    text = json.dumps([{"id": "A", "volumes": [wire_volume()]}])
    assert read(b"\xef\xbb\xbf" + text.encode()).problems == []
    assert "UTF-16" in read(text.encode("utf-16")).problems[0].reason


def _as_polygons(item: Item) -> Item:
    """Return the item as it can be written: legs as the polygons that stand for them."""
    volumes = []
    for volume in item.volumes:
        outline = volume.volume.outline
        if not isinstance(outline, Polygon | Circle):
            outline = Polygon(vertices=tuple(LatLng(*corner) for corner in outline.ring_deg().tolist()))
        volumes.append(replace(volume, volume=replace(volume.volume, outline=outline)))
    return replace(item, volumes=tuple(volumes))


@given(pictures())
def test_reading_what_was_written_gives_the_same_items(items: list[Item]) -> None:
    reading = read(f3548.encode(items))
    assert reading.problems == []
    assert [placed.item for placed in reading.placed] == [_as_polygons(item) for item in items]


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    reading = read(data)
    assert reading.problems or reading.placed or data.strip() == b"[]"


@given(st.data())
def test_no_damage_to_a_good_file_raises(data: st.DataObject) -> None:
    text = bytearray(
        json.dumps([{"id": "A", "party": "n", "volumes": [wire_volume(altitude_upper=altitude(5))]}]).encode()
    )
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=6))
    read(bytes(text))


@given(pictures())
def test_an_item_written_in_one_line_is_read_as_an_equal_item_and_written_as_the_same_text(
    items: list[Item],
) -> None:
    for item in items:
        text = f3548.encode_item(item)
        reading = f3548.decode_item(text, "request")
        assert [placed.item for placed in reading.placed] == [item]
        assert f3548.encode_item(reading.placed[0].item) == text


def test_problems_of_one_item_are_told_like_those_of_a_file() -> None:
    reading = f3548.decode_item(b'{"id": "A1", "volumes": [{"volume": {}}], "colour": 1}', "request")
    assert [(p.item, p.field) for p in reading.problems] == [("(id 'A1')", "colour")]
