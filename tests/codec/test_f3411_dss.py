"""Reading what is asked of a DSS of remote identification: what is wrong is told, whatever it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.codec.f3411 import dss_reading
from keepclear.codec.f3411.dss_reading import IdentificationReader, PutBody
from keepclear.codec.f3411.dss_wire import PutAreaV1, PutIdentification, PutSubscriptionV1
from keepclear.core.altitudes import UNBOUNDED, AltitudeBand
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng
from keepclear.core.shapes import Circle, Polygon

ID = "0000000b-0000-4000-8000-00000000000b"
VERSION = "abcdefghijklmnopqrstuvwxyz"
URL = "https://uss.example/rid"
CORNERS = [(46.0, 7.0), (46.0, 7.01), (46.01, 7.01)]
TRIANGLE = Polygon(vertices=tuple(LatLng(*corner) for corner in CORNERS))
READER = IdentificationReader()


def polygon(corners: list[tuple[float, float]]) -> dict[str, Any]:
    return {"vertices": [{"lat": lat, "lng": lng} for lat, lng in corners]}


def v2(**volume: Any) -> dict[str, Any]:
    """Return a body of version 2; `volume` replaces or, where None, removes parts of it."""
    extents = {
        "volume": {
            "outline_polygon": polygon(CORNERS),
            "altitude_lower": {"value": 20, "reference": "W84", "units": "M"},
            "altitude_upper": {"value": 400, "reference": "W84", "units": "M"},
        },
        "time_start": {"value": "2026-06-01T12:00:00Z", "format": "RFC3339"},
        "time_end": {"value": "2026-06-01T13:00:00Z", "format": "RFC3339"},
        **volume,
    }
    return {"extents": {k: e for k, e in extents.items() if e is not None}, "uss_base_url": URL}


def v1(**volume: Any) -> dict[str, Any]:
    """Return a body of version 1, of an area and of a subscription at once; `volume` as above."""
    extents = {
        "spatial_volume": {"footprint": polygon(CORNERS), "altitude_lo": 20, "altitude_hi": 400},
        "time_start": "2026-06-01T12:00:00Z",
        "time_end": "2026-06-01T13:00:00+00:00",
        **volume,
    }
    return {
        "extents": {k: e for k, e in extents.items() if e is not None},
        "flights_url": URL,
        "callbacks": {"identification_service_area_url": URL},
    }


def read(body: Any, kind: type[PutBody] = PutIdentification, version: str | None = None) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return READER.put(data, kind, ID, version)


# -- bodies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind", "api"),
    [(v2(), PutIdentification, "v2"), (v1(), PutAreaV1, "v1"), (v1(), PutSubscriptionV1, "v1")],
)
def test_both_versions_say_the_same(body: dict[str, Any], kind: type[PutBody], api: str) -> None:
    asked = read(body, kind, VERSION)
    assert (asked.id, asked.version, asked.uss_base_url, asked.api) == (ID, VERSION, URL, api)
    assert asked.space.outline == TRIANGLE
    assert asked.space.altitude == AltitudeBand(lower_m=20.0, upper_m=400.0)
    assert asked.start == datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert asked.end == datetime(2026, 6, 1, 13, tzinfo=UTC)


def test_heights_and_times_may_be_missing() -> None:
    for body, kind in (
        (v2(volume={"outline_polygon": polygon(CORNERS)}, time_start=None, time_end=None), PutIdentification),
        (v1(spatial_volume={"footprint": polygon(CORNERS)}, time_start=None, time_end=None), PutAreaV1),
    ):
        asked = read(body, kind)
        assert (asked.space.altitude, asked.start, asked.end) == (UNBOUNDED, None, None)


def test_version_2_knows_circles() -> None:
    circle = {"center": {"lat": 46.0, "lng": 7.0}, "radius": {"value": 300, "units": "M"}}
    asked = read(v2(volume={"outline_circle": circle}))
    assert asked.space.outline == Circle(center=LatLng(46.0, 7.0), radius_m=300.0)


@pytest.mark.parametrize(
    ("body", "kind", "field"),
    [
        ({}, PutIdentification, ""),
        ([], PutIdentification, ""),
        (b"", PutIdentification, ""),
        (b"\xff{", PutIdentification, ""),
        (b"[" * 100_000, PutIdentification, ""),
        (v2(volume=None), PutIdentification, "extents"),
        (v2(volume={}), PutIdentification, "extents.volume"),
        (
            v2(volume={"outline_polygon": {"vertices": []}}),
            PutIdentification,
            "extents.volume.outline_polygon.vertices",
        ),
        (
            v2(volume={"outline_polygon": polygon([*CORNERS, CORNERS[0]])}),
            PutIdentification,
            "extents.volume.outline_polygon.vertices[3]",
        ),
        (v2(volume={"outline_polygon": polygon([(0, 0), (0, 30), (30, 0)])}), PutIdentification, "extents"),
        (
            v2(time_end={"value": "tomorrow", "format": "RFC3339"}),
            PutIdentification,
            "extents.time_end.value",
        ),
        (
            v2(time_end={"value": "2026-06-01T11:00:00Z", "format": "RFC3339"}),
            PutIdentification,
            "extents.time_start",
        ),
        (v2() | {"uss_base_url": "http://uss.example"}, PutIdentification, "uss_base_url"),
        (v2() | {"uss_base_url": None}, PutIdentification, "uss_base_url"),
        (v2(), PutAreaV1, "extents"),
        (v1(spatial_volume=None), PutAreaV1, "extents"),
        (v1(spatial_volume={}), PutAreaV1, "extents.spatial_volume"),
        (
            v1(spatial_volume={"footprint": {"vertices": []}}),
            PutAreaV1,
            "extents.spatial_volume.footprint.vertices",
        ),
        (
            v1(spatial_volume={"footprint": polygon([(0, 0), (0, 30), (30, 0)])}),
            PutAreaV1,
            "extents",
        ),
        (
            v1(spatial_volume={"footprint": polygon(CORNERS), "altitude_lo": 1e99}),
            PutAreaV1,
            "extents.spatial_volume.altitude_lo",
        ),
        (
            v1(spatial_volume={"footprint": polygon(CORNERS), "altitude_lo": 9, "altitude_hi": 8}),
            PutAreaV1,
            "extents.spatial_volume",
        ),
        (v1(time_start="2026-06-01T12:00:00"), PutAreaV1, "extents.time_start"),
        (v1(time_start="1850-06-01T12:00:00Z"), PutAreaV1, "extents.time_start"),
        (v1(time_start="2026-06-01T14:00:00Z"), PutAreaV1, "extents.time_start"),
        (v1() | {"flights_url": "flights"}, PutAreaV1, "flights_url"),
        (v1() | {"callbacks": {}}, PutSubscriptionV1, "callbacks"),
        (
            v1() | {"callbacks": {"identification_service_area_url": "ftp://x"}},
            PutSubscriptionV1,
            "callbacks.identification_service_area_url",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(body: Any, kind: type[PutBody], field: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        read(body, kind)
    assert caught.value.field.startswith(field)


def test_where_nothing_is_secret_base_urls_may_be_of_http() -> None:
    body = json.dumps(v2() | {"uss_base_url": "http://localhost:8071"}).encode()
    asked = IdentificationReader(allows_http=True).put(body, PutIdentification, ID, None)
    assert asked.uss_base_url == "http://localhost:8071"


@pytest.mark.parametrize(
    "version", ["", "notacorrectversion", VERSION.upper(), VERSION + "a", "a/b", "0" * 26]
)
def test_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(InvalidValueError):
        read(v2(), version=version)


def test_a_version_that_lost_its_ends_is_only_not_the_present_one() -> None:
    assert dss_reading.version_of(VERSION[1:-1]) == VERSION[1:-1]


def test_the_same_has_the_same_digest_and_what_differs_another() -> None:
    bodies = [v2(), v2(time_end=None), v2() | {"uss_base_url": URL + "/"}]
    digests = [read(body, version=version).digest for body in bodies for version in (None, VERSION)]
    assert len(set(digests)) == 6
    assert digests[0] == read(v2() | {"unknown": 1}).digest
    assert read(v1(), PutAreaV1).digest != read(v1(), PutSubscriptionV1).digest


# -- searches ---------------------------------------------------------------------------------------


def area_text(corners: list[tuple[float, float]]) -> str:
    return ",".join(f"{lat},{lng}" for lat, lng in corners)


def test_an_area_is_written_as_latitudes_and_longitudes_in_turn() -> None:
    found = dss_reading.search({"area": area_text(CORNERS)})
    assert (found.space.outline, found.space.altitude) == (TRIANGLE, UNBOUNDED)
    assert (found.earliest, found.latest) == (None, None)
    assert dss_reading.area_of(" 46.0 , 7 ,+46,7.01,4.601e1,7.01e+0") == TRIANGLE


def test_a_search_may_say_from_when_until_when() -> None:
    times = {"earliest_time": "2026-06-01T12:00:00Z", "latest_time": "2026-06-01T15:00:00+02:00"}
    found = dss_reading.search({"area": area_text(CORNERS), **times})
    assert found.earliest == datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert found.latest == datetime(2026, 6, 1, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "46,7",
        "46,7,46,7.01",
        "46,7,46,7.01,46.01",
        "46,7,46,7.01,46.01,7.01,",
        area_text([*CORNERS, CORNERS[0]]),
        area_text([(46.0, 7.0), (46.01, 7.01), (46.0, 7.01), (46.01, 7.0)]),
        area_text([(46.0, 7.0), (46.0, 7.0), (46.0, 7.0)]),
        area_text([(46.0, 7.0), (46.0, 7.005), (46.0, 7.01)]) + ",46.0,7.007",
        "91,7,46,7.01,46.01,7.01",
        "46,181,46,7.01,46.01,7.01",
        "nan,7,46,7.01,46.01,7.01",
        "inf,7,46,7.01,46.01,7.01",
        "1e999,7,46,7.01,46.01,7.01",
        "4_6,7,46,7.01,46.01,7.01",
        "0x2e,7,46,7.01,46.01,7.01",
        "٤٦,7,46,7.01,46.01,7.01",
        "46;7;46;7.01;46.01;7.01",
        "4" * 100_000,
        "," * 1_000_000,
    ],
)
def test_what_is_no_area_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        dss_reading.area_of(text)
    assert caught.value.field.startswith("area")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"area": area_text(CORNERS), "earliest_time": ""},
        {"area": area_text(CORNERS), "earliest_time": "2026-06-01T12:00:00"},
        {"area": area_text(CORNERS), "latest_time": "9999-06-01T12:00:00Z"},
        {"area": area_text(CORNERS), "latest_time": "noon"},
    ],
)
def test_a_search_that_lacks_its_area_or_has_no_times_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(InvalidValueError):
        dss_reading.search(query)


# -- laws -------------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    """Draw a body of which something was replaced or removed."""
    body = draw(st.sampled_from([v2(), v1()]))
    at = body = json.loads(json.dumps(body))
    while True:
        key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        inner = at[key]
        if not isinstance(inner, (dict, list)) or not inner or draw(st.booleans()):
            break
        at = inner
    if draw(st.booleans()):
        at[key] = draw(_JSON)
    else:
        del at[key]
    return body


@given(spoilt() | _JSON, st.sampled_from([PutIdentification, PutAreaV1, PutSubscriptionV1]))
def test_whatever_a_body_holds_it_is_read_or_refused(body: Any, kind: type[PutBody]) -> None:
    try:
        asked = read(body, kind)
    except InvalidValueError:
        return
    assert asked.start is None or asked.end is None or asked.start <= asked.end


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_bytes_a_body_holds_they_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidValueError):
        read(data)


@given(st.text(alphabet="0123456789.,+-eE _nafi", max_size=60) | st.text(max_size=30))
def test_whatever_text_stands_for_an_area_it_is_read_or_refused(text: str) -> None:
    try:
        found = dss_reading.area_of(text)
    except InvalidValueError:
        return
    assert len(found.vertices) == (text.count(",") + 1) / 2


@given(st.floats(-80, 80), st.floats(-180, 179.9), st.floats(1e-4, 0.05))
def test_a_polygon_is_what_its_text_says(lat: float, lng: float, size: float) -> None:
    corners = [(lat, lng), (lat, lng + size), (lat + size, lng)]
    if lng + size > 180.0:
        return
    assert dss_reading.area_of(area_text(corners)).vertices == tuple(LatLng(*corner) for corner in corners)
