"""What a feature means, the same in every format: names, values, bounds, times, and what makes an item."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keepclear.codec.bands import ALTITUDE_MARGIN_MAX_M
from keepclear.codec.features import Feature, Gathering
from keepclear.codec.geometries import Area, Geometry, Line, Spot
from keepclear.codec.properties import (
    INTEGER_MAX,
    PROPERTY_NAMES,
    PROPERTY_NAMES_MAX,
    Properties,
    Spelling,
    instant_of_text,
    misspelt,
    number_of_text,
    shown,
)
from keepclear.codec.reading import Item, Reading, ReadSettings
from keepclear.codec.windows import TIME_MARGIN_MAX_S
from keepclear.core.altitudes import GEOID_ABOVE_M, GEOID_BELOW_M, Altitude, Atmosphere, Datum
from keepclear.core.constraints import Constraint, ConstraintRule
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import VOLUMES_MAX, IntentState, OperationalIntent
from keepclear.core.shapes import Circle, CorridorLeg, Polygon

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
TRIANGLE = Area(vertices=(LatLng(46.0, 7.0), LatLng(46.0, 7.1), LatLng(46.1, 7.1)))
SPOT = Spot(center=LatLng(46.0, 7.0))
ROUTE = (LatLng(46.0, 7.0), LatLng(46.1, 7.1), LatLng(46.1, 7.2))
LINE = Line(vertices=ROUTE)
HIGH_LINE = Line(vertices=ROUTE, altitudes=tuple(Altitude(value=h) for h in (500.0, 700.0, 600.0)))
TIMES = ["2026-01-31T12:00:00Z", "2026-01-31T12:10:00Z", "2026-01-31T12:30:00Z"]
WHEN = {"time_start": "2026-01-31T12:00:00Z", "time_end": "2026-01-31T13:00:00Z"}
BAND = {"altitude_lower_m": 100, "altitude_upper_m": 200.5, "altitude_datum": "W84"}
PLAIN = {"id": "A1"} | WHEN | BAND


def gather(*features: Feature, atmosphere: Atmosphere | None = None) -> Reading:
    reading = Reading("plan")
    gathering = Gathering(reading, ReadSettings(atmosphere=atmosphere))
    for feature in features:
        gathering.add(feature)
    gathering.finish()
    return reading


def feature(
    properties: dict[str, Any], geometry: Geometry = TRIANGLE, number: int = 1, **more: Any
) -> Feature:
    place = f"feature {number}"
    return Feature(place=place, properties=properties, geometries=(("geometry", geometry),), **more)


def read(properties: dict[str, Any], geometry: Geometry = TRIANGLE, **more: Any) -> Reading:
    return gather(feature(properties, geometry, **more))


def item_of(reading: Reading) -> Item:
    assert reading.problems == []
    (placed,) = reading.placed
    return placed.item


def faults_of(reading: Reading) -> list[tuple[str, str]]:
    assert reading.placed == []
    return [(problem.field, problem.reason) for problem in reading.problems]


def without(*names: str, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in PLAIN.items() if name not in names} | more


# -- values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"), [("1", 1.0), ("-1.5", -1.5), ("+.5", 0.5), ("7.", 7.0), ("1e3", 1000.0)]
)
def test_a_number_is_read_from_digits_a_point_and_an_exponent(text: str, number: float) -> None:
    assert number_of_text(text) == number


@pytest.mark.parametrize("text", ["", "nan", "inf", "1_000", "1,5", "0x10", " 1", "1 m", "1e400", "\u0661"])
def test_what_python_would_take_for_a_number_beyond_that_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        number_of_text(text)


@pytest.mark.parametrize(
    "text",
    ["2026-01-31T12:00:00Z", "2026-01-31T14:00:00+02:00", "2026-01-31 12:00:00z", "2026-01-31T12:00:00.000Z"],
)
def test_an_instant_is_read_with_any_zone(text: str) -> None:
    assert instant_of_text(text) == NOON


@pytest.mark.parametrize(
    "text", ["", "noon", "2026-01-31", "2026-01-31T24:00:00Z", "0001-01-01T00:00:00+01:00"]
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        instant_of_text(text)


def test_an_instant_without_a_zone_is_refused_saying_so() -> None:
    with pytest.raises(
        InvalidValueError, match="has no zone, and a time needs one; write 2026-01-31T12:00:00Z"
    ):
        instant_of_text("2026-01-31T12:00:00")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x" * 100, repr("x" * 60) + "..."),
        (10**70, "a number of many digits"),
        ([1, 2], "an array"),
        ({}, "an object"),
        (True, "true"),
        (None, "None"),
        ("a\nb", r"'a\nb'"),
    ],
)
def test_a_message_shows_any_value_short_and_on_one_line(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize("value", ["5", True, [5], 10**400, math.nan])
def test_a_number_must_be_a_number(value: object) -> None:
    assert [field for field, _ in faults_of(read(PLAIN | {"altitude_lower_m": value}))] == [
        "altitude_lower_m"
    ]


def test_where_there_is_only_text_numbers_are_read_from_it() -> None:
    texts = {"altitude_lower_m": "100", "altitude_upper_m": "2.005e2", "priority": "-3", "volume": "0"}
    assert item_of(read(PLAIN | texts, textual=True)).priority == -3
    assert [field for field, _ in faults_of(read(PLAIN | {"priority": "3.0"}, textual=True))] == ["priority"]


@pytest.mark.parametrize("value", [INTEGER_MAX, -INTEGER_MAX - 1, 3.0])
def test_a_whole_number_may_have_any_value_of_32_bits(value: float) -> None:
    assert item_of(read(PLAIN | {"priority": value})).priority == value


@pytest.mark.parametrize("value", [INTEGER_MAX + 1, -INTEGER_MAX - 2, 0.5, "1", True])
def test_what_is_no_such_whole_number_is_refused(value: object) -> None:
    ((field, reason),) = faults_of(read(PLAIN | {"priority": value}))
    assert field == "priority"
    assert reason.startswith("it must be a whole number, -2147483648 to 2147483647, not ")


@pytest.mark.parametrize(("value", "item_id"), [("A1", "A1"), (7, "7"), (7.0, "7"), (7.5, "7.5")])
def test_a_number_for_an_id_becomes_text(value: object, item_id: str) -> None:
    assert item_of(read(PLAIN | {"id": value})).id == item_id


@pytest.mark.parametrize("value", ["", "x" * 257, "a\x00b", 10**300, True, ["A1"]])
def test_an_id_must_be_short_and_printable(value: object) -> None:
    assert [field for field, _ in faults_of(read(PLAIN | {"id": value}))] == ["id"]


# -- names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["name", "description", "colour", "altitude", "fill-opacity", "date", ""])
def test_properties_of_others_are_left_alone(name: str) -> None:
    assert item_of(read(PLAIN | {name: "anything"})).id == "A1"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("altitude_uper_m", "altitude_upper_m"),
        ("altitudeUpperM", "altitude_upper_m"),
        ("Altitude-Lower-M", "altitude_lower_m"),
        ("altitude_lower", "altitude_lower_m"),
        ("flightlevel_upper", "flight_level_upper"),
        ("time_strat", "time_start"),
        ("ID", "id"),
        ("radius", "radius_m"),
        ("priorty", "priority"),
    ],
)
def test_a_name_that_is_nearly_ours_is_refused(name: str, meant: str) -> None:
    ((field, reason),) = faults_of(read(PLAIN | {name: 1}))
    assert field == name
    assert reason == f"unknown property {name!r}; did you mean {meant!r}?"


@pytest.mark.parametrize(
    "name", ["half_width_ft", "half_width_nm", "radius_km", "altitude_margin_ft", "halfWidthFt"]
)
def test_another_unit_than_metres_is_refused_saying_so(name: str) -> None:
    reason = misspelt(name)
    assert reason is not None
    assert "only metres are taken: write '" in reason
    assert reason.rpartition("write ")[2].strip("'") in PROPERTY_NAMES


def test_another_unit_than_seconds_is_refused_saying_so() -> None:
    assert (
        misspelt("time_margin_min")
        == "unknown property 'time_margin_min'; only seconds are taken: write 'time_margin_s'"
    )


@pytest.mark.slow
def test_a_file_may_have_only_so_many_names_of_properties() -> None:
    spelling = Spelling()
    properties = Properties({f"q{number}": 1 for number in range(PROPERTY_NAMES_MAX)})
    spelling.check(properties)
    ((field, reason, _),) = properties.faults
    assert (field, reason) == ("", f"the file has over {PROPERTY_NAMES_MAX} different names of properties")


def test_the_field_of_a_problem_is_short_and_on_one_line() -> None:
    fields = [
        field for field, _ in faults_of(read(PLAIN | {"time\nstart": 1, "altitude_lower_m" + " " * 99: 1}))
    ]
    assert fields == [r"'time\nstart'", repr("altitude_lower_m" + " " * 44) + "..."]


# -- items ------------------------------------------------------------------------------------------


def test_a_feature_is_an_accepted_operation_by_default() -> None:
    item = item_of(read(PLAIN))
    assert isinstance(item, OperationalIntent)
    assert (item.party, item.priority, item.state) == (None, 0, IntentState.ACCEPTED)
    (volume,) = item.volumes
    assert volume.volume.outline == Polygon(vertices=TRIANGLE.vertices)
    assert (volume.volume.altitude.lower_m, volume.volume.altitude.upper_m) == (100.0, 200.5)
    assert (volume.time.start, volume.time.end) == (NOON, NOON + timedelta(hours=1))


def test_a_feature_may_state_party_priority_and_state() -> None:
    item = item_of(read(PLAIN | {"party": "Red Cross", "priority": 5, "state": "Activated"}))
    assert isinstance(item, OperationalIntent)
    assert (item.party, item.priority, item.state) == ("Red Cross", 5, IntentState.ACTIVATED)


@pytest.mark.parametrize(
    ("stated", "rule"),
    [({}, ConstraintRule.KEEP_OUT), ({"rule": "notify_first"}, ConstraintRule.NOTIFY_FIRST)],
)
def test_a_feature_may_be_a_constraint(stated: dict[str, str], rule: ConstraintRule) -> None:
    item = item_of(read(PLAIN | {"kind": "constraint"} | stated))
    assert isinstance(item, Constraint)
    assert item.rule is rule


@pytest.mark.parametrize(
    ("stated", "field"),
    [
        ({"kind": "zone"}, "kind"),
        ({"rule": "keep_out"}, "rule"),
        ({"kind": "constraint", "state": "Ended"}, "state"),
    ],
)
def test_kind_rule_and_state_must_fit(stated: dict[str, str], field: str) -> None:
    assert [name for name, _ in faults_of(read(PLAIN | stated))] == [field]


def test_features_with_an_id_and_distinct_volume_numbers_are_one_item() -> None:
    late = without("time_end", time_end="2026-01-31T14:00:00Z", volume=1, radius_m=50)
    reading = gather(feature(late, SPOT, 1), feature(PLAIN | {"volume": 0}, TRIANGLE, 2))
    outlines = [type(volume.volume.outline) for volume in item_of(reading).volumes]
    assert outlines == [Polygon, Circle]
    assert reading.placed[0].place == "feature 1"


def test_what_one_feature_states_of_an_item_holds_for_all_of_it() -> None:
    parts = feature(PLAIN | {"volume": 1}), feature(PLAIN | {"volume": 2, "party": "Red Cross"}, number=2)
    assert item_of(gather(*parts)).party == "Red Cross"


def test_features_of_an_item_must_not_contradict_each_other() -> None:
    first = feature(PLAIN | {"volume": 1, "state": "Accepted"})
    second = feature(PLAIN | {"volume": 2, "state": "Activated"}, number=2)
    reading = gather(first, second)
    assert faults_of(reading) == [
        ("state", "it is 'Activated' here and 'Accepted' in feature 1, of the same item")
    ]
    assert reading.problems[0].item == "feature 2"


@pytest.mark.parametrize(
    ("numbers", "field"), [((None, None), "id"), ((1, None), "id"), ((None, 1), "id"), ((1, 1), "volume")]
)
def test_an_id_twice_without_distinct_volume_numbers_is_refused(
    numbers: tuple[int | None, int | None], field: str
) -> None:
    parts = [feature(PLAIN | {"volume": number}, number=place) for place, number in enumerate(numbers, 1)]
    assert [name for name, _ in faults_of(gather(*parts))] == [field]


def test_an_item_with_a_fault_in_one_of_its_features_is_left_out_whole() -> None:
    good, bad = feature(PLAIN | {"volume": 0}), feature(without("time_end", volume=1), number=2)
    other = feature(PLAIN | {"id": "B2"}, number=3)
    reading = gather(good, bad, other)
    assert [placed.item.id for placed in reading.placed] == ["B2"]
    assert [problem.field for problem in reading.problems] == ["time_end"]


def test_a_feature_without_an_id_may_be_missing_from_any_item_of_several() -> None:
    parts = [
        feature(PLAIN | {"volume": 0}),
        feature(without("id"), number=2),
        feature(PLAIN | {"id": "B2"}, number=3),
    ]
    reading = gather(*parts)
    assert [placed.item.id for placed in reading.placed] == ["B2"]
    assert [problem.field for problem in reading.problems] == ["id"]


def test_a_negative_volume_number_is_refused() -> None:
    assert [field for field, _ in faults_of(read(PLAIN | {"volume": -1}))] == ["volume"]


def test_all_faults_of_a_feature_are_told_at_once() -> None:
    bad = {"priority": "high", "party": 1j, "time_start": "noon", "altitude_datum": "QFE", "radius_m": 5}
    fields = {field for field, _ in faults_of(read(PLAIN | bad))}
    assert fields == set(bad)


def test_a_volume_number_at_fault_leaves_the_whole_item_out() -> None:
    reading = gather(feature(PLAIN | {"volume": 0}), feature(PLAIN | {"volume": "one"}, number=2))
    assert [field for field, _ in faults_of(reading)] == ["volume"]


def test_an_item_has_only_so_many_volumes_over_all_its_features() -> None:
    many = tuple(("geometry", SPOT) for _ in range(VOLUMES_MAX))
    parts = [
        Feature(place="feature 1", properties=PLAIN | {"volume": 0, "radius_m": 5}, geometries=many),
        feature(PLAIN | {"volume": 1}, number=2),
    ]
    ((field, reason),) = faults_of(gather(*parts))
    assert (field, reason) == ("volumes", f"{VOLUMES_MAX + 1} volumes are over the limit of {VOLUMES_MAX}")


# -- altitudes --------------------------------------------------------------------------------------


def band_of_first(reading: Reading) -> tuple[float, float]:
    band = item_of(reading).volumes[0].volume.altitude
    return band.lower_m, band.upper_m


def test_feet_become_metres() -> None:
    feet = {"altitude_lower_ft": 1000, "altitude_upper_ft": 2000, "altitude_datum": "W84"}
    assert band_of_first(read(without(*BAND) | feet)) == pytest.approx((304.8, 609.6))


def test_heights_above_mean_sea_level_are_widened_outwards() -> None:
    assert band_of_first(read(PLAIN | {"altitude_datum": "MSL"})) == (
        100 - GEOID_BELOW_M,
        200.5 + GEOID_ABOVE_M,
    )


def test_flight_levels_need_no_datum_but_the_bounds_of_the_pressure() -> None:
    levels = without(*BAND, flight_level_lower=100, flight_level_upper=120)
    ((field, reason),) = faults_of(read(levels))
    assert field == "flight_level_lower"
    assert "--qnh" in reason
    low_m, high_m = band_of_first(read_with_air(levels))
    assert low_m < 10_000 * 0.3048 < 12_000 * 0.3048 < high_m


def read_with_air(properties: dict[str, Any]) -> Reading:
    return gather(feature(properties), atmosphere=Atmosphere(qnh_min_hpa=1000.0, qnh_max_hpa=1025.0))


def test_bounds_of_two_datums_may_stand_together() -> None:
    mixed = without(*BAND, altitude_lower_ft=1000, altitude_datum="MSL", flight_level_upper=100)
    low_m, high_m = band_of_first(read_with_air(mixed))
    assert low_m == pytest.approx(304.8 - GEOID_BELOW_M)
    assert high_m > 3_048.0


@pytest.mark.parametrize("other", ["altitude_upper_ft", "flight_level_upper"])
def test_two_spellings_of_one_bound_are_refused(other: str) -> None:
    assert faults_of(read(PLAIN | {other: 5})) == [(other, "altitude_upper_m is given too; give one of them")]


def test_an_altitude_needs_a_datum() -> None:
    ((field, reason),) = faults_of(read(without("altitude_datum")))
    assert (field, reason) == (
        "altitude_datum",
        "an altitude in metres or feet needs it; write one of W84, MSL, FL, AGL",
    )


def test_a_height_above_ground_is_refused() -> None:
    ((field, reason),) = faults_of(read(PLAIN | {"altitude_datum": "AGL"}))
    assert field == "altitude_lower_m"
    assert "terrain" in reason


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        (["altitude_lower_m"], "no lower altitude bound is given, so it is taken as unbounded below"),
        (["altitude_upper_m"], "no upper altitude bound is given, so it is taken as unbounded above"),
    ],
)
def test_a_missing_bound_is_unbounded_and_told_as_assumed(missing: list[str], text: str) -> None:
    reading = read(without(*missing))
    assert math.inf in map(abs, band_of_first(reading))
    assert [(assumed.item, assumed.text) for assumed in reading.assumptions] == [("feature 1", text)]


def test_missing_bounds_are_told_once_for_an_item() -> None:
    parts = [PLAIN | {"volume": 0}, without(*BAND, volume=1), without("altitude_upper_m", volume=2)]
    reading = gather(*(feature(part, number=number) for number, part in enumerate(parts, 1)))
    (assumed,) = reading.assumptions
    assert assumed.text == (
        "no lower altitude bound is given in 1 of 3 volumes, so it is taken as unbounded below; "
        "no upper altitude bound is given in 2 of 3 volumes, so it is taken as unbounded above"
    )


def test_nothing_is_assumed_for_an_item_that_is_left_out() -> None:
    assert read(without(*BAND, "time_end")).assumptions == []


# -- times ------------------------------------------------------------------------------------------


def test_no_time_is_an_error() -> None:
    assert faults_of(read(without(*WHEN))) == [
        ("time_start", "no time is given; give time_start and time_end")
    ]


@pytest.mark.parametrize("name", ["time_start", "time_end"])
def test_half_a_time_is_an_error(name: str) -> None:
    assert faults_of(read(without(name))) == [(name, "it is missing; a volume needs both times")]


def test_a_time_that_runs_backwards_is_an_error() -> None:
    swapped = {"time_start": WHEN["time_end"], "time_end": WHEN["time_start"]}
    assert [field for field, _ in faults_of(read(PLAIN | swapped))] == ["time_start"]


def test_an_inherited_time_stands_where_none_is_stated() -> None:
    assert item_of(read(without(*WHEN), inherited_time=WHEN)).volumes[0].time.start == NOON
    later = {"time_start": "2026-02-01T12:00:00Z", "time_end": "2026-02-01T13:00:00Z"}
    assert item_of(read(PLAIN, inherited_time=later)).volumes[0].time.start == NOON


def test_a_time_is_inherited_whole_or_not_at_all() -> None:
    reading = read(without("time_end"), inherited_time=WHEN)
    assert [field for field, _ in faults_of(reading)] == ["time_end"]


# -- circles ----------------------------------------------------------------------------------------


def test_a_point_with_a_radius_is_a_circle() -> None:
    item = item_of(read(PLAIN | {"radius_m": 500}, SPOT))
    assert item.volumes[0].volume.outline == Circle(center=SPOT.center, radius_m=500.0)


@pytest.mark.parametrize("radius_m", [0, -1, 1e9])
def test_a_radius_must_be_one(radius_m: float) -> None:
    assert [field for field, _ in faults_of(read(PLAIN | {"radius_m": radius_m}, SPOT))] == ["radius_m"]


def test_a_point_without_a_radius_is_refused_and_its_position_checked_too() -> None:
    fields = [field for field, _ in faults_of(read(PLAIN, Spot(center=LatLng(91.0, 7.0))))]
    assert fields == ["radius_m", "geometry.lat"]


@pytest.mark.parametrize(
    ("name", "geometry"),
    [
        ("radius_m", TRIANGLE),
        ("half_width_m", TRIANGLE),
        ("times", SPOT),
        ("time_margin_s", TRIANGLE),
        ("altitude_margin_m", SPOT),
    ],
)
def test_a_property_that_the_geometry_does_not_take_is_refused(name: str, geometry: Geometry) -> None:
    value = TIMES if name == "times" else 5
    radius = {"radius_m": 5} if isinstance(geometry, Spot) else {}
    ((field, reason),) = faults_of(read(PLAIN | radius | {name: value}, geometry))
    assert field == name
    assert reason.startswith("only a ")


# -- corridors --------------------------------------------------------------------------------------


def test_a_line_with_a_half_width_is_a_volume_for_each_leg() -> None:
    item = item_of(read(PLAIN | {"half_width_m": 300}, LINE))
    assert [volume.volume.outline for volume in item.volumes] == [
        CorridorLeg(start=ROUTE[0], end=ROUTE[1], half_width_m=300.0),
        CorridorLeg(start=ROUTE[1], end=ROUTE[2], half_width_m=300.0),
    ]
    assert {volume.time.start for volume in item.volumes} == {NOON}


def minutes_of(reading: Reading) -> list[tuple[float, float]]:
    return [
        ((volume.time.start - NOON).total_seconds() / 60.0, (volume.time.end - NOON).total_seconds() / 60.0)
        for volume in item_of(reading).volumes
    ]


def test_each_leg_lasts_from_one_time_to_the_next_widened_by_the_margin() -> None:
    line = without(*WHEN, half_width_m=300, times=TIMES)
    assert minutes_of(read(line, LINE)) == [(0.0, 10.0), (10.0, 30.0)]
    assert minutes_of(read(line | {"time_margin_s": 90}, LINE)) == [(-1.5, 11.5), (8.5, 31.5)]


def test_a_margin_is_rounded_up_to_the_microsecond() -> None:
    reading = read(without(*WHEN, half_width_m=300, times=TIMES, time_margin_s=1e-9), LINE)
    assert item_of(reading).volumes[0].time.start == NOON - timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"times": TIMES[:2]}, "times"),
        ({"times": TIMES[0]}, "times"),
        ({"times": [TIMES[0], TIMES[2], TIMES[1]]}, "times[2]"),
        ({"times": [TIMES[0], TIMES[0], TIMES[1]]}, "times[1]"),
        ({"times": [TIMES[0], 5, TIMES[1]]}, "times[1]"),
        ({"times": TIMES, "time_end": TIMES[2]}, "time_end"),
        ({"times": TIMES} | WHEN, "time_start"),
        ({"times": TIMES, "time_margin_s": "5"}, "time_margin_s"),
        ({"times": TIMES, "time_margin_s": -1}, "time_margin_s"),
        ({"times": TIMES, "time_margin_s": TIME_MARGIN_MAX_S + 1}, "time_margin_s"),
        ({"times": ["0001-01-01T00:00:00Z", *TIMES[1:]], "time_margin_s": 5}, "times[1]"),
        (WHEN | {"time_margin_s": 5}, "time_margin_s"),
    ],
)
def test_times_of_waypoints_must_make_sense(changed: dict[str, Any], field: str) -> None:
    reading = read(without(*WHEN, half_width_m=300) | changed, LINE)
    assert [name for name, _ in faults_of(reading)] == [field]


def test_two_waypoints_may_have_one_time_if_a_margin_makes_sense_of_it() -> None:
    line = without(*WHEN, half_width_m=300, times=[TIMES[0], TIMES[0], TIMES[1]], time_margin_s=60)
    assert minutes_of(read(line, LINE)) == [(-1.0, 1.0), (-1.0, 11.0)]


def test_one_position_may_have_one_time_twice() -> None:
    still = Line(vertices=(ROUTE[0], ROUTE[0], ROUTE[1]))
    line = without(*WHEN, half_width_m=300, times=[TIMES[0], TIMES[0], TIMES[1]])
    assert minutes_of(read(line, still)) == [(0.0, 0.0), (0.0, 10.0)]


def test_a_line_has_times_of_its_own_or_from_a_property_not_both() -> None:
    track = Line(vertices=ROUTE, times=(NOON, NOON, NOON + timedelta(hours=1)))
    reading = read(without(*WHEN, half_width_m=300, times=TIMES), track)
    assert ("times", "the waypoints have times of their own; give one of the two") in faults_of(reading)


def test_times_cannot_belong_to_several_lines() -> None:
    two = Feature(
        place="feature 1",
        properties=without(*WHEN, half_width_m=300, times=TIMES),
        geometries=(("a", LINE), ("b", LINE)),
    )
    assert [field for field, _ in faults_of(gather(two))] == ["times"]


def test_the_band_of_a_leg_holds_the_heights_of_both_ends_widened_by_the_margin() -> None:
    reading = read(without(*BAND, half_width_m=300, altitude_margin_m=50), HIGH_LINE)
    bands = [volume.volume.altitude for volume in item_of(reading).volumes]
    assert [(band.lower_m, band.upper_m) for band in bands] == [(450.0, 750.0), (550.0, 750.0)]
    assert reading.assumptions == []


def test_altitude_bounds_replace_the_heights_of_waypoints_and_that_is_told() -> None:
    reading = read(PLAIN | {"half_width_m": 300}, HIGH_LINE)
    assert band_of_first(reading) == (100.0, 200.5)
    assert [assumed.text for assumed in reading.assumptions] == [
        "the heights in its coordinates are ignored: only altitude properties bound it"
    ]


@pytest.mark.parametrize("geometry", [Area(vertices=TRIANGLE.vertices, heights=Datum.W84), TRIANGLE])
def test_the_heights_of_a_polygon_are_ignored_and_that_is_told(geometry: Area) -> None:
    reading = read(PLAIN, geometry)
    assert band_of_first(reading) == (100.0, 200.5)
    assert len(reading.assumptions) == (geometry.heights is not None)


@pytest.mark.parametrize(
    ("changed", "line", "field"),
    [
        ({}, HIGH_LINE, "altitude_margin_m"),
        ({"altitude_margin_m": 5} | BAND, HIGH_LINE, "altitude_margin_m"),
        ({"altitude_margin_m": 5}, LINE, "altitude_margin_m"),
        ({"altitude_margin_m": -1}, HIGH_LINE, "altitude_margin_m"),
        ({"altitude_margin_m": ALTITUDE_MARGIN_MAX_M + 1}, HIGH_LINE, "altitude_margin_m"),
        ({"altitude_margin_m": 5, "altitude_datum": "MSL"}, HIGH_LINE, "altitude_datum"),
        (
            {"altitude_margin_m": 5},
            Line(vertices=ROUTE, altitudes=(Altitude(value=5.0), None, Altitude(value=5.0))),
            "geometry[1]",
        ),
        (
            {"altitude_margin_m": 5},
            Line(vertices=ROUTE, altitudes=(Altitude(value=5.0, datum=Datum.AGL),) * 3),
            "geometry",
        ),
        (
            {"altitude_margin_m": 5},
            Line(vertices=ROUTE, altitudes=(Altitude(value=999_999.0),) * 3),
            "geometry[0]",
        ),
    ],
)
def test_heights_of_waypoints_must_make_sense(changed: dict[str, Any], line: Line, field: str) -> None:
    reading = read(without(*BAND, half_width_m=300) | changed, line)
    assert [name for name, _ in faults_of(reading)] == [field]


@pytest.mark.parametrize(
    ("line", "half_width_m", "field"),
    [
        (Line(vertices=ROUTE[:1]), 300, "geometry"),
        (Line(vertices=ROUTE[:1] * (VOLUMES_MAX + 2)), 300, "geometry"),
        (Line(vertices=(ROUTE[0], LatLng(46.0, 181.0))), 300, "geometry[1].lng"),
        (Line(vertices=(ROUTE[0], LatLng(-46.0, -170.0))), 300, "geometry[1]"),
        (LINE, 0, "half_width_m"),
        (LINE, None, "half_width_m"),
    ],
)
def test_a_line_must_be_a_corridor(line: Line, half_width_m: float | None, field: str) -> None:
    reading = read(PLAIN | {"half_width_m": half_width_m}, line)
    assert [name for name, _ in faults_of(reading)] == [field]
