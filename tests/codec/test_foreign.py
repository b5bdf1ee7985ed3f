"""What is made of the items of other parties: valid ones as they are, bad ones as more than they say."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import spherely
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.codec.f3548.foreign import (
    HULL_MARGIN_M,
    REMARK_CHARACTERS_MAX,
    SALVAGED_RADIUS_M,
    ForeignReading,
    convex_hull,
    read_foreign,
)
from keepclear.codec.f3548.volumes import encode_item
from keepclear.codec.reading import Item
from keepclear.core.altitudes import GEOID_BELOW_M, UNBOUNDED
from keepclear.core.constraints import Constraint, ConstraintRule
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng, geodesic_inverse
from keepclear.core.intents import (
    ID_CHARACTERS_MAX,
    PRIORITY_MAX,
    VOLUMES_MAX,
    IntentState,
    ItemId,
    OperationalIntent,
    PartyId,
)
from keepclear.core.shapes import VERTICES_MAX, Circle, CorridorLeg, Outline, Polygon
from keepclear.core.times import TIME_MAX, TIME_MIN, ceil_ms, floor_ms
from keepclear.core.volumes import Volume4D
from tests import oracle
from tests.strategies import NOON, at, go, pictures

BOW_TIE = [(35.0, 36.0), (35.1, 36.1), (35.1, 36.0), (35.0, 36.1)]
CIRCLE = {"center": {"lat": 35.0, "lng": 36.0}, "radius": {"value": 500, "units": "M"}}


def polygon(vertices: list[tuple[float, float]]) -> dict[str, Any]:
    return {"outline_polygon": {"vertices": [{"lat": lat, "lng": lng} for lat, lng in vertices]}}


def time(text: str) -> dict[str, str]:
    return {"value": text, "format": "RFC3339"}


def wire_volume(space: dict[str, Any] | None = None, **rest: Any) -> dict[str, Any]:
    times = {"time_start": time("2026-05-01T12:00:00Z"), "time_end": time("2026-05-01T13:00:00Z")}
    return {"volume": {"outline_circle": CIRCLE} if space is None else space, **times, **rest}


def altitude(value: object, reference: str = "W84") -> dict[str, Any]:
    return {"value": value, "reference": reference, "units": "M"}


def read(*volumes: Any, **rest: Any) -> ForeignReading:
    return read_foreign(
        json.dumps({"id": "A", "volumes": volumes, **rest}).encode(), ItemId("north:A"), PartyId("north")
    )


def item_of(*volumes: Any, **rest: Any) -> Item:
    item = read(*volumes, **rest).item
    assert item is not None
    return item


def volume_of(space: dict[str, Any] | None = None, **rest: Any) -> Volume4D:
    return item_of(wire_volume(space, **rest)).volumes[0]


def outline_of(space: dict[str, Any]) -> Outline:
    return volume_of(space).volume.outline


def remark_of(*volumes: Any, **rest: Any) -> str:
    remark = read(*volumes, **rest).remark
    assert remark is not None
    return remark


def holds(hull: Outline, positions: list[LatLng]) -> bool:
    """Tell by S2 and PROJ whether a polygon holds positions and the geodesics between all of them."""
    assert isinstance(hull, Polygon)
    area = oracle.polygon([tuple(vertex) for vertex in hull.vertices])
    lngs, lats = [], []
    for start in positions:
        for end in positions:
            azimuth, _, length_m = oracle.GEOD.inv(start.lng_deg, start.lat_deg, end.lng_deg, end.lat_deg)
            along = length_m * np.linspace(0.0, 1.0, 21)
            n = len(along)
            lng, lat, _ = oracle.GEOD.fwd(
                np.full(n, start.lng_deg), np.full(n, start.lat_deg), np.full(n, azimuth), along
            )
            lngs += lng.tolist()
            lats += lat.tolist()
    return bool(np.all(spherely.contains(area, spherely.points(lngs, lats))))


def as_vertices(vertices: list[tuple[float, float]]) -> list[LatLng]:
    return [LatLng(*vertex) for vertex in vertices]


def test_a_self_crossing_polygon_stands_as_its_hull_and_the_remark_says_so() -> None:
    reading = read(wire_volume(polygon(BOW_TIE)))
    assert reading.item is not None
    assert (reading.item.id, reading.item.party) == ("north:A", "north")
    assert holds(reading.item.volumes[0].volume.outline, as_vertices(BOW_TIE))
    assert reading.remark is not None
    assert "crosses itself" in reading.remark
    assert reading.remark.endswith("; taken instead: the convex hull of an outline")
    assert reading.window_ms is None


@pytest.mark.parametrize(
    "vertices",
    [
        [(35.0, 36.0), (35.0, 36.1), (35.1, 36.1), (35.0, 36.0)],
        [(35.0, 36.0), (35.0, 36.1)],
        [(35.0, 36.0)],
        [(35.0, 36.0)] * 5,
        [(0.0, 36.0), (0.0, 36.1), (0.0, 36.2)],
        [(35.0, 179.95), (35.1, -179.95), (35.1, 179.95), (35.0, -179.95)],
        [(89.9, 0.0), (89.9, 90.0), (89.9, -90.0), (89.9, 180.0)],
        [(90.0, 0.0), (90.0, 10.0), (89.0, 10.0)],
    ],
    ids=["repeated", "two", "one", "one place", "a line", "antimeridian", "round a pole", "at a pole"],
)
def test_every_bad_polygon_stands_as_a_polygon_that_holds_all_of_it(
    vertices: list[tuple[float, float]],
) -> None:
    assert holds(outline_of(polygon(vertices)), as_vertices(vertices))


def test_a_hull_is_wider_than_what_it_holds_by_about_its_margin() -> None:
    hull = convex_hull(as_vertices(BOW_TIE))
    vertices = [BOW_TIE[0], BOW_TIE[3], BOW_TIE[1], BOW_TIE[2]]
    for lat, lng in hull.vertices:
        assert 0.9 * HULL_MARGIN_M < oracle.distance_to_ring_m(lat, lng, vertices) < 2.0 * HULL_MARGIN_M


def test_a_shape_without_area_is_taken_for_all_that_is_near_to_it() -> None:
    hull = convex_hull([LatLng(35.0, 36.0)])
    for vertex in hull.vertices:
        assert float(geodesic_inverse(35.0, 36.0, *vertex)[0]) == pytest.approx(SALVAGED_RADIUS_M, rel=0.01)


def test_the_hull_of_a_ring_with_as_many_vertices_as_allowed_and_a_long_edge_stays_below_the_limit() -> None:
    places = [go(40.0, 10.0, 300.0 * k / VERTICES_MAX, 2_500_000.0) for k in range(0, VERTICES_MAX, 50)]
    assert len(convex_hull(places * 50).vertices) < VERTICES_MAX


def test_positions_that_reach_too_far_have_no_hull() -> None:
    with pytest.raises(InvalidValueError, match="3,000 km"):
        convex_hull(as_vertices([(0.0, 0.0), (0.0, 60.0)]))
    with pytest.raises(InvalidValueError, match="3,000 km"):
        convex_hull(as_vertices([(0.0, 0.0), (0.0, 180.0)]))


def test_reversed_heights_are_swapped() -> None:
    band = volume_of(
        {"outline_circle": CIRCLE, "altitude_lower": altitude(300), "altitude_upper": altitude(100)}
    ).volume.altitude
    assert (band.lower_m, band.upper_m) == (100.0, 300.0)


def test_heights_reversed_in_two_datums_are_swapped_and_widened_outwards() -> None:
    band = volume_of(
        {"outline_circle": CIRCLE, "altitude_lower": altitude(900), "altitude_upper": altitude(100, "MSL")}
    ).volume.altitude
    assert (band.lower_m, band.upper_m) == (100.0 - GEOID_BELOW_M, 900.0)


@pytest.mark.parametrize(
    "stated",
    [
        None,
        "high",
        altitude("100"),
        altitude(True),
        altitude(1e7),
        altitude(10**400),
        altitude(9, "AGL"),
        altitude(9, "FL"),
        altitude(9, "?"),
        altitude(9) | {"units": ["M"]},
    ],
)
def test_a_height_that_is_missing_or_cannot_be_used_is_no_bound(stated: object) -> None:
    space = {"outline_circle": CIRCLE, "altitude_lower": stated, "altitude_upper": stated}
    assert volume_of(space).volume.altitude == UNBOUNDED


def test_reversed_times_are_swapped() -> None:
    window = volume_of(time_start=time("2026-05-01T13:00:00Z"), time_end=time("2026-05-01T12:00:00Z")).time
    assert (window.start, window.end) == (at(0), at(60))


@pytest.mark.parametrize("stated", [None, "soon", time("soon"), {"value": 5}, time("2026-05-01T12:00:00")])
def test_a_time_that_is_missing_or_cannot_be_read_is_all_time_on_that_side(stated: object) -> None:
    assert volume_of(time_start=stated).time.start == TIME_MIN
    assert volume_of(time_end=stated).time.end == TIME_MAX


def test_times_beyond_the_years_that_are_taken_are_cut_there() -> None:
    window = volume_of(time_start=time("1066-10-14T09:00:00Z"), time_end=time("9999-12-31T23:59:59Z")).time
    assert (window.start, window.end) == (TIME_MIN, TIME_MAX)


@pytest.mark.parametrize(
    ("stated_m", "taken_m"), [(0, SALVAGED_RADIUS_M), (-5, SALVAGED_RADIUS_M), (-500, 500)]
)
def test_a_radius_or_half_width_that_is_not_over_zero_becomes_one(stated_m: float, taken_m: float) -> None:
    circle = outline_of({"outline_circle": CIRCLE | {"radius": {"value": stated_m, "units": "M"}}})
    assert circle == Circle(center=LatLng(35.0, 36.0), radius_m=taken_m)
    ends = {"start": {"lat": 35, "lng": 36}, "end": {"lat": 35, "lng": 36.1}}
    leg = outline_of({"outline_corridor": {**ends, "half_width_m": stated_m}})
    assert leg == CorridorLeg(start=LatLng(35.0, 36.0), end=LatLng(35.0, 36.1), half_width_m=taken_m)


def test_a_radius_in_feet_is_read_beside_something_bad() -> None:
    circle = outline_of({"outline_circle": CIRCLE | {"radius": {"value": 1000, "units": "FT"}}, "colour": 1})
    assert isinstance(circle, Circle)
    assert circle.radius_m == pytest.approx(304.8)


def test_several_outlines_stand_as_the_hull_of_all() -> None:
    hull = outline_of(polygon(BOW_TIE) | {"outline_circle": CIRCLE, "outline_corridor": None})
    rim = [go(35.0, 36.0, azimuth, 500.0) for azimuth in (0.0, 90.0, 180.0, 270.0)]
    assert holds(hull, as_vertices(BOW_TIE) + rim)


@pytest.mark.parametrize(
    ("volume", "reason"),
    [
        (7, "volumes[0].volume: it must be an object, not 7"),
        (wire_volume({}), "volumes[0].volume: it has no outline"),
        (wire_volume({"outline_sphere": {}}), "unknown outline 'outline_sphere'"),
        (wire_volume({"outline_circle": CIRCLE, "outline_sphere": {}}), "unknown outline"),
        (wire_volume(polygon([])), "outline_polygon.vertices: it must be an array of 1 to"),
        (wire_volume({"outline_polygon": {"vertices": {}}}), "it must be an array of 1 to"),
        (wire_volume(polygon([(91.0, 0.0)])), "outline_polygon.vertices[0].lat: 91.0 is not within"),
        (
            wire_volume({"outline_polygon": {"vertices": [{"lat": 1}]}}),
            "vertices[0].lng: it must be a number",
        ),
        (wire_volume(polygon([(0.0, 0.0), (0.0, 180.0)])), "outline_polygon: no hull"),
        (wire_volume({"outline_circle": {"center": 1}}), "outline_circle.center: it must be an object"),
        (wire_volume({"outline_circle": CIRCLE | {"radius": {"value": 1, "units": "NM"}}}), "unknown unit"),
        (wire_volume({"outline_circle": CIRCLE | {"radius": {"units": "M"}}}), "radius.value: it must be"),
        (wire_volume({"outline_circle": CIRCLE | {"radius": {"value": 1e9, "units": "M"}}}), "radius"),
    ],
)
def test_an_item_with_a_volume_that_has_no_shape_cannot_be_judged_and_tells_when_it_may_be(
    volume: object, reason: str
) -> None:
    reading = read(volume, wire_volume(time_start=time("2026-05-01T10:00:00Z")))
    assert reading.item is None
    assert reading.remark is not None
    assert reading.remark.startswith("it cannot be judged: volumes[0].volume")
    assert reason in reading.remark
    whole = (floor_ms(at(-120)), ceil_ms(at(60)))
    assert reading.window_ms == (whole if isinstance(volume, dict) else None)


def test_a_window_that_is_open_on_one_side_stays_open_there() -> None:
    bad = wire_volume({}, time_end=None)
    assert read(bad, wire_volume()).window_ms == (floor_ms(NOON), ceil_ms(TIME_MAX))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"id": "A"}',
        b'{"id": "A", "volumes": []}',
        b'{"id": "A", "volumes": 5}',
        b'{"id": "A", "volumes": [NaN]}',
        b'{"id": "A", "id": "A", "volumes": [{}]}',
    ],
)
def test_what_is_no_item_at_all_cannot_be_judged_at_any_time(text: bytes) -> None:
    reading = read_foreign(text, ItemId("A"), PartyId("north"))
    assert (reading.item, reading.window_ms) == (None, None)
    assert reading.remark is not None
    assert reading.remark.startswith("it cannot be judged: ")


@pytest.mark.slow
def test_over_the_most_volumes_an_item_cannot_be_judged() -> None:
    small = {"outline_circle": CIRCLE, "colour": 1}
    assert item_of(*[wire_volume(small)] * VOLUMES_MAX) is not None
    reading = read(*[wire_volume(small)] * (VOLUMES_MAX + 1))
    assert reading.item is None
    assert (
        reading.remark == f"it cannot be judged: volumes: it must be an array of 1 to {VOLUMES_MAX} volumes"
    )
    assert reading.window_ms == (floor_ms(at(0)), ceil_ms(at(60)))


def test_over_the_most_vertices_an_item_cannot_be_judged() -> None:
    line = [(35.0, 36.0 + k / VERTICES_MAX) for k in range(VERTICES_MAX)]
    assert isinstance(outline_of(polygon(line)), Polygon)
    assert read(wire_volume(polygon([*line, (35.0, 38.0)]))).item is None


def test_an_id_that_no_item_can_have_cannot_be_judged() -> None:
    text = json.dumps({"id": "A", "volumes": [wire_volume()]}).encode()
    reading = read_foreign(text, ItemId("A" * (ID_CHARACTERS_MAX + 1)), PartyId("north"))
    assert reading.item is None
    assert reading.remark is not None
    assert reading.remark.startswith("it cannot be judged: id: ")
    assert reading.window_ms == (floor_ms(at(0)), ceil_ms(at(60)))


def test_words_that_are_not_known_become_those_that_hide_least() -> None:
    item = item_of(wire_volume(), kind="cloud", state="Resting")
    assert isinstance(item, OperationalIntent)
    assert item.state is IntentState.ACCEPTED
    zone = item_of(wire_volume(), kind="constraint", rule=["?"])
    assert isinstance(zone, Constraint)
    assert zone.rule is ConstraintRule.KEEP_OUT


@pytest.mark.parametrize(
    ("stated", "taken"),
    [
        (None, 0),
        (PRIORITY_MAX, PRIORITY_MAX),
        (10**30, PRIORITY_MAX),
        (-(10**30), -PRIORITY_MAX),
        ("high", 0),
        (1.5, 0),
        (True, 0),
    ],
)
def test_a_priority_that_no_node_takes_becomes_one_that_can_be_written(stated: object, taken: int) -> None:
    reading = read(wire_volume(), priority=stated)
    assert reading.item is not None
    assert reading.item.priority == taken
    assert encode_item(reading.item)
    assert (reading.remark is None) is (stated in (None, PRIORITY_MAX))


def test_unknown_names_are_left_out_and_told() -> None:
    remark = remark_of(wire_volume(), colour=1)
    assert remark.startswith("(id 'A'): colour: unknown field")
    assert remark.endswith("; left out")


def test_a_remark_is_short_and_on_one_line_whatever_the_other_party_wrote() -> None:
    remark = remark_of(wire_volume(), **{"\x1b[31m\n" * 1000: 1})
    assert len(remark) == REMARK_CHARACTERS_MAX
    assert remark.isprintable()


def test_a_remark_counts_what_was_done_and_what_else_was_wrong() -> None:
    volumes = [wire_volume(polygon(BOW_TIE)), wire_volume(polygon(BOW_TIE))]
    assert remark_of(*volumes).endswith(
        " (and 1 more); taken instead: the convex hull of an outline (2 times)"
    )


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 1_000_000,
        b'{"volumes":' * 100_000,
        b'{"id": "A", "volumes": ' + b"[" * 400_000 + b"]" * 400_000 + b"}",
        b'{"id": "A", "volumes": [' + b"9" * 900_000 + b"]}",
        b'{"id": "A", "volumes": [' + b",".join([b"{}"] * 50_000) + b"]}",
        b'{"id": "A", "volumes": [1e999]}',
        b'{"id": "\\ud800", "volumes": []}',
    ],
    ids=["brackets", "objects", "arrays", "digits", "volumes", "too large", "half a character"],
)
def test_no_hostile_text_raises(text: bytes) -> None:
    assert read_foreign(text, ItemId("A"), PartyId("north")).item is None


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    assert read_foreign(data, ItemId("A"), PartyId("north")).item is None


def _likely(names: list[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(names), values)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
POSITIONS = ANYTHING | st.fixed_dictionaries({"lat": st.floats(-90, 90), "lng": st.floats(-180, 180)})
ALTITUDES = ANYTHING | st.fixed_dictionaries(
    {
        "value": st.floats(-1e4, 1e6) | ANYTHING,
        "reference": st.sampled_from(["W84", "MSL", "FL", "AGL"]),
        "units": st.sampled_from(["M", "FT", "FL"]),
    }
)
SPACES = ANYTHING | st.fixed_dictionaries(
    {},
    optional={
        "outline_polygon": ANYTHING | _likely(["vertices"], st.lists(POSITIONS, max_size=6)),
        "outline_circle": ANYTHING | _likely(["center", "radius"], POSITIONS | ALTITUDES),
        "outline_corridor": _likely(["start", "end", "half_width_m"], POSITIONS | st.floats(-10, 1e6)),
        "altitude_lower": ALTITUDES,
        "altitude_upper": ALTITUDES,
    },
)
TIMES = ANYTHING | _likely(["value", "format"], st.datetimes().map(lambda t: f"{t.isoformat()}Z") | st.text())
VOLUMES = ANYTHING | st.fixed_dictionaries(
    {"volume": SPACES}, optional={"time_start": TIMES, "time_end": TIMES}
)


@given(
    st.fixed_dictionaries(
        {"volumes": st.lists(VOLUMES, max_size=3) | ANYTHING},
        optional=dict.fromkeys(
            ("id", "kind", "state", "rule", "priority", "party", "speed_mps", "x"), ANYTHING
        ),
    )
)
def test_no_json_raises_and_what_is_taken_can_be_written_and_read_again(entry: dict[str, Any]) -> None:
    reading = read_foreign(json.dumps(entry).encode(), ItemId("A"), PartyId("north"))
    if reading.item is None:
        assert reading.remark is not None
        return
    assert reading.window_ms is None
    again = read_foreign(encode_item(reading.item), ItemId("A"), PartyId("north"))
    assert again == ForeignReading(reading.item)


@given(pictures())
def test_a_valid_item_comes_back_with_its_id_and_party_replaced_and_without_a_remark(
    items: list[Item],
) -> None:
    for item in items:
        reading = read_foreign(encode_item(item), ItemId("north:A"), PartyId("north"))
        expected = replace(item, id=ItemId("north:A"), party=PartyId("north"))
        assert reading == ForeignReading(expected)


@given(
    center=st.tuples(st.floats(-90.0, 90.0), st.floats(-180.0, 180.0)),
    reach_m=st.floats(-1.0, 5.7).map(lambda power: 10.0**power),
    places=st.lists(st.tuples(st.floats(0.0, 360.0), st.floats(0.0, 1.0)), min_size=1, max_size=5),
)
@example(center=(52.0, 10.0), reach_m=5e5, places=[(0.0, 1.0), (90.0, 1e-12), (180.0, 1.0)])
@example(center=(38.5, 0.00390625), reach_m=1.333, places=[(0.0, 0.0), (0.0, 1.0), (0.0, 1e-18)])
@example(center=(90.0, 0.0), reach_m=1e3, places=[(0.0, 1.0), (90.0, 1.0), (180.0, 1.0), (270.0, 1.0)])
def test_a_hull_holds_every_position_and_every_geodesic_between_two(
    center: tuple[float, float], reach_m: float, places: list[tuple[float, float]]
) -> None:
    positions = [go(*center, azimuth, reach_m * math.sqrt(share)) for azimuth, share in places]
    assert holds(convex_hull(positions), positions)
