"""Remote identification: flights that providers tell in JSON, and messages that drones broadcast."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.codec.decoding import AIRCRAFT_MAX, Decoded
from keepclear.codec.f3411 import transmitters
from keepclear.codec.f3411.accuracies import HORIZONTAL_WORDS_M, POOR_ERROR_M, VERTICAL_WORDS_M
from keepclear.codec.f3411.broadcast import (
    MESSAGE_BYTES,
    PACK_MESSAGES_MAX,
    BasicId,
    Group,
    IdType,
    Location,
    Status,
    decode_message,
    split_pack,
)
from keepclear.codec.f3411.broadcast_writing import encode_message, encode_pack
from keepclear.codec.f3411.network import decode_flights
from keepclear.codec.f3411.transmitters import FORGET_MS, ID_WAIT_MS, BroadcastDecoder
from keepclear.core.errors import InvalidValueError
from keepclear.core.flown import UNTOLD_HORIZONTAL_ERROR_M
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report
from keepclear.core.units import m_to_feet
from tests.codec.streams import NOW_MS, check_sane, damaged

GOLDEN = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "golden" / "remote_id.jsonl").read_text().splitlines()
]

# -- by network -----------------------------------------------------------------------------------------


def flight(**changes: Any) -> dict[str, Any]:
    """Return a flight as version 22a writes it; `state` and `position` change what is inside."""
    position = {
        "lat": 47.1,
        "lng": 8.2,
        "alt": 500.5,
        "pressure_altitude": 480.0,
        "accuracy_h": "HA10m",
        "accuracy_v": "VA25m",
        "extrapolated": False,
        "height": {"distance": 20.0, "reference": "TakeoffLocation"},
    }
    state = {
        "timestamp": {"value": "2026-05-01T12:00:00.5Z", "format": "RFC3339"},
        "timestamp_accuracy": 0.1,
        "operational_status": "Airborne",
        "position": position | changes.pop("position", {}),
        "track": 181.5,
        "speed": 12.25,
        "speed_accuracy": "SA1mps",
        "vertical_speed": -2.5,
    }
    state |= changes.pop("state", {})
    told = {"id": "a3f", "aircraft_type": "HelicopterOrMultirotor", "current_state": state}
    return told | {"recent_positions": []} | changes


def answer(*flights: Any) -> bytes:
    told = {"timestamp": {"value": "2026-05-01T12:00:01Z", "format": "RFC3339"}, "flights": flights}
    return json.dumps(told).encode()


def reported(**changes: Any) -> Report:
    (report,), malformed = decode_flights(answer(flight(**changes)), NOW_MS)
    assert malformed == []
    return report


def reasons(body: bytes) -> list[str]:
    reports, malformed = decode_flights(body, NOW_MS)
    assert reports == []
    return [fault.reason for fault in malformed]


def test_a_flight_becomes_a_report() -> None:
    report = reported()
    assert report._replace(selected_altitude_ft=0.0) == Report(
        id="rid-flight:a3f",
        at_ms=NOW_MS + 500,
        latitude_deg=47.1,
        longitude_deg=8.2,
        altitude_m=500.5,
        pressure_altitude_ft=m_to_feet(480.0),
        ground_speed_mps=12.25,
        track_deg=181.5,
        vertical_rate_mps=-2.5,
        horizontal_error_m=10.0,
        vertical_error_m=25.0,
        selected_altitude_ft=0.0,
        kind=TrackKind.DRONE,
    )


def test_a_flight_of_version_19_becomes_the_same() -> None:
    assert repr(reported(state={"timestamp": "2026-05-01T12:00:00.5Z"})) == repr(reported())


def test_what_is_not_known_is_not_told() -> None:
    report = reported(
        state={"track": 361, "speed": 255, "vertical_speed": 63},
        position={
            "alt": -1000,
            "pressure_altitude": -1000,
            "accuracy_h": "HAUnknown",
            "accuracy_v": "VAUnknown",
        },
    )
    told = report[4:12]
    assert all(math.isnan(value) for value in told if isinstance(value, float)), told
    assert repr(reported(state={"vertical_speed": -63})) == repr(reported(state={"vertical_speed": 63}))


@pytest.mark.parametrize(
    ("left_out", "inside"), [("track", "state"), ("speed", "state"), ("alt", "position"), ("lat", "position")]
)
def test_what_version_22a_lets_be_left_out_may_be_null_or_missing(left_out: str, inside: str) -> None:
    told = flight(**{inside: {left_out: None}})
    expected = [repr(each) for each in decode_flights(answer(told), NOW_MS)]
    state = told["current_state"]
    del (state if inside == "state" else state["position"])[left_out]
    assert [repr(each) for each in decode_flights(answer(told), NOW_MS)] == expected


def test_only_a_flight_on_the_ground_is_on_the_ground() -> None:
    for status in ("Undeclared", "Airborne", "Emergency", "RemoteIDSystemFailure", None):
        assert not reported(state={"operational_status": status}).on_ground
    assert reported(state={"operational_status": "Ground"}).on_ground


def test_an_obstacle_is_no_drone() -> None:
    assert reported(aircraft_type="GroundObstacle").kind is TrackKind.UNKNOWN


def test_errors_over_what_words_can_tell_are_not_taken_for_unknown() -> None:
    report = reported(position={"accuracy_h": "HA10NMPlus", "accuracy_v": "VA150mPlus"})
    assert (report.horizontal_error_m, report.vertical_error_m) == (POOR_ERROR_M, POOR_ERROR_M)
    assert len(HORIZONTAL_WORDS_M) == 14
    assert len(VERTICAL_WORDS_M) == 8


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"simulated": True}, "a flight is simulated"),
        ({"current_state": None}, "a flight tells no position"),
        ({"position": {"lat": 0, "lng": 0}}, "a flight does not know where it is"),
        ({"position": {"lng": None}}, "a flight does not know where it is"),
        (
            {"state": {"timestamp": {"value": "2026-05-01T12:00:00"}}},
            "a flight is not written as it should be",
        ),
        ({"state": {"speed": "12"}}, "a flight is not written as it should be"),
        ({"id": 7}, "a flight is not written as it should be"),
    ],
)
def test_what_cannot_become_a_report_is_counted(changes: dict[str, Any], reason: str) -> None:
    assert reasons(answer(flight(**changes))) == [reason]


def test_one_bad_flight_spoils_only_itself() -> None:
    reports, malformed = decode_flights(answer(flight(), 3, flight(id=None), flight(id="b")), NOW_MS)
    assert [report.id for report in reports] == ["rid-flight:a3f", "rid-flight:b"]
    assert [fault.count for fault in malformed] == [2]


def test_an_accuracy_that_is_not_known_to_us_does_not_cost_the_position() -> None:
    (report,), malformed = decode_flights(answer(flight(position={"accuracy_h": "HA5m"})), NOW_MS)
    assert math.isnan(report.horizontal_error_m)
    assert [fault.reason for fault in malformed] == ["an accuracy of a flight is none that F3411 knows"]


def test_a_group_is_reported_with_its_radius_and_counted() -> None:
    group = {"group_count": 3, "group_radius": 200.0}
    (report,), malformed = decode_flights(answer(flight(state=group)), NOW_MS)
    assert report.horizontal_error_m == 210.0
    assert [fault.reason for fault in malformed] == ["one position stands for several aircraft"]
    (report,), malformed = decode_flights(answer(flight(operating_area={"aircraft_count": 2})), NOW_MS)
    assert [fault.reason for fault in malformed] == ["one position stands for several aircraft"]


def test_an_empty_sky_and_what_is_no_answer_are_told_apart() -> None:
    assert reasons(answer()) == []
    assert reasons(b'{"timestamp": {"value": "2026-05-01T12:00:01Z"}}') == []
    for body in (b"{}", b'{"message": "no"}', b"[]", b"", b"<html>", b'{"flights": 1}'):
        assert reasons(body) == ["the answer is not JSON as F3411 writes it"]


@given(damaged(answer(flight(), flight(id="b"), {"id": "c", "simulated": True})) | st.binary(max_size=60))
@example(b"[" * 100_000)
@example(answer(flight(position={"lat": 1e400})))
def test_any_answer_never_raises(body: bytes) -> None:
    check_sane(decode_flights(body, NOW_MS))


# -- by radio: messages ---------------------------------------------------------------------------------


def golden(kind: str) -> list[tuple[bytes, dict[str, Any]]]:
    return [(bytes.fromhex(each["hex"]), each["says"]) for each in GOLDEN if each["type"] == kind]


def known(value: float, unknown: float) -> float:
    return math.nan if value == unknown else value


def same(ours: float, theirs: float) -> bool:
    return ours == pytest.approx(theirs, abs=1e-6, nan_ok=True)


def test_basic_ids_say_what_the_other_implementation_says() -> None:
    for data, says in golden("basic"):
        message = decode_message(data)
        assert message == BasicId(id_type=says["IDType"], aircraft_type=says["UAType"], id=says["UASID"])
        assert encode_message(message) == data


def test_locations_say_what_the_other_implementation_says() -> None:
    for data, says in golden("location"):
        message = decode_message(data)
        assert isinstance(message, Location)
        nowhere = says["Latitude"] == says["Longitude"] == 0.0
        assert message.status == says["Status"]
        assert same(message.latitude_deg, math.nan if nowhere else says["Latitude"])
        assert same(message.longitude_deg, math.nan if nowhere else says["Longitude"])
        assert same(message.track_deg, known(says["Direction"], 361.0))
        assert same(message.ground_speed_mps, known(says["SpeedHorizontal"], 255.0))
        assert same(message.vertical_rate_mps, known(says["SpeedVertical"], 63.0))
        assert same(message.pressure_altitude_m, known(says["AltitudeBaro"], -1000.0))
        assert same(message.altitude_m, known(says["AltitudeGeo"], -1000.0))
        assert same(message.height_m, known(says["Height"], -1000.0))
        assert message.is_height_above_ground == says["HeightType"]
        assert message.horizontal_code == says["HorizAccuracy"]
        assert (message.vertical_code, message.pressure_code) == (says["VertAccuracy"], says["BaroAccuracy"])
        assert message.tenths == (None if says["TimeStamp"] == 0xFFFF else round(says["TimeStamp"] * 10))


def test_what_it_wrote_is_written_alike() -> None:
    for data, says in golden("location"):
        ours = bytearray(encode_message(decode_message(data)))  # type: ignore[arg-type]
        ours[20] |= says["SpeedAccuracy"]  # neither is read
        ours[23] |= says["TSAccuracy"]
        assert bytes(ours) == data


def test_groups_say_what_the_other_implementation_says_and_operators_are_not_read() -> None:
    for data, says in golden("system"):
        message = decode_message(data)
        assert isinstance(message, Group)
        assert (message.count, message.radius_m) == (says["AreaCount"], says["AreaRadius"] // 10 * 10)
        assert same(message.ceiling_m, known(says["AreaCeiling"], -1000.0))
        assert same(message.floor_m, known(says["AreaFloor"], -1000.0))


def test_a_pack_of_the_other_implementation_is_split_and_written_alike() -> None:
    ((data, says),) = golden("pack")
    messages = [bytes.fromhex(each) for each in says["messages"]]
    assert split_pack(data) == messages
    assert encode_pack(messages) == data


locations = st.builds(
    Location,
    status=st.sampled_from(Status).map(int),
    latitude_deg=st.floats(-90, 90),
    longitude_deg=st.floats(-180, 180),
    pressure_altitude_m=st.floats(-999.7, 31_767.5) | st.just(math.nan),
    altitude_m=st.floats(-999.7, 31_767.5) | st.just(math.nan),
    height_m=st.floats(-999.7, 31_767.5) | st.just(math.nan),
    is_height_above_ground=st.booleans(),
    ground_speed_mps=st.floats(0, 254.25) | st.just(math.nan),
    track_deg=st.floats(0, 360) | st.just(math.nan),
    vertical_rate_mps=st.floats(-62, 62) | st.just(math.nan),
    horizontal_code=st.integers(0, 12),
    vertical_code=st.integers(0, 6),
    pressure_code=st.integers(0, 6),
    tenths=st.none() | st.integers(0, 36_000),
)


@given(locations)
def test_what_is_written_of_a_location_is_read_again_within_its_steps(location: Location) -> None:
    data = encode_message(location)
    read = decode_message(data)
    assert len(data) == MESSAGE_BYTES
    assert isinstance(read, Location)
    assert encode_message(read) == data
    step_mps = 0.25 if location.ground_speed_mps <= 63.75 else 0.75
    if not (round(location.latitude_deg, 7) == 0.0 == round(location.longitude_deg, 7)):
        assert read.latitude_deg == pytest.approx(location.latitude_deg, abs=0.6e-7)
        assert read.longitude_deg == pytest.approx(location.longitude_deg, abs=0.6e-7)
    assert read.ground_speed_mps == pytest.approx(location.ground_speed_mps, abs=step_mps / 2, nan_ok=True)
    assert read.vertical_rate_mps == pytest.approx(location.vertical_rate_mps, abs=0.25, nan_ok=True)
    assert read.altitude_m == pytest.approx(location.altitude_m, abs=0.25, nan_ok=True)
    assert read.pressure_altitude_m == pytest.approx(location.pressure_altitude_m, abs=0.25, nan_ok=True)
    turn_deg = (read.track_deg - location.track_deg + 180.0) % 360.0 - 180.0
    assert turn_deg == pytest.approx(0.0 if turn_deg == turn_deg else math.nan, abs=0.5, nan_ok=True)  # noqa: PLR0124
    assert math.isnan(read.track_deg) == math.isnan(location.track_deg)
    assert (read.tenths, read.status) == (location.tenths, location.status)


@given(st.integers(0, 15), st.text("AZ09", max_size=20), st.uuids(), st.binary(min_size=20, max_size=20))
def test_what_is_written_of_an_id_is_read_again(
    aircraft_type: int, text: str, uuid: UUID, session: bytes
) -> None:
    for id_type, told in (
        (IdType.SERIAL_NUMBER, text),
        (IdType.REGISTRATION, text),
        (IdType.UTM, str(uuid)),
        (IdType.SESSION, session.hex() if any(session) else ""),
    ):
        basic = BasicId(id_type=id_type, aircraft_type=aircraft_type, id=told)
        if not (id_type is IdType.UTM and uuid.int == 0):
            assert decode_message(encode_message(basic)) == basic


def test_messages_that_are_left_aside_say_nothing() -> None:
    for message_type in (2, 3, 5):
        assert decode_message(bytes([message_type << 4]) + bytes(24)) is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "has not 25 bytes"),
        (bytes(24), "has not 25 bytes"),
        (bytes(26), "has not 25 bytes"),
        (b"\xf2\x19", "no size"),
        (b"\xf2\x19\x00", "no size"),
        (b"\xf2\x18\x01" + bytes(24), "no size"),
        (b"\xf2\x19\x0a" + bytes(250), "too many"),
        (b"\xf2\x19\x02" + bytes(25), "shorter or longer"),
        (b"\xf2\x19\x01" + bytes(30), "shorter or longer"),
        (b"\xf2\x19\x01" + b"\xf2" + bytes(24), "a pack in a pack"),
    ],
)
def test_packs_that_are_none_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        split_pack(data)


def test_values_out_of_their_range_are_refused() -> None:
    location = encode_message(Location(latitude_deg=47.0, longitude_deg=8.0))
    bad_latitude = location[:5] + (910_000_000).to_bytes(4, "little") + location[9:]
    bad_time = location[:21] + (36_001).to_bytes(2, "little") + location[23:]
    bad_id = bytes([0x02, 0x12]) + b"\xff" * 20 + bytes(3)
    for data in (bad_latitude, bad_time, bad_id, b"\x62" + bytes(24)):
        with pytest.raises(InvalidValueError):
            decode_message(data)
    with pytest.raises(InvalidValueError):
        encode_message(BasicId(id_type=1, aircraft_type=0, id="x" * 21))
    with pytest.raises(InvalidValueError):
        encode_pack([location] * (PACK_MESSAGES_MAX + 1))


def test_speeds_and_directions_beyond_what_means_anything_do_not_cost_the_position() -> None:
    location = bytearray(encode_message(Location(latitude_deg=47.0, longitude_deg=8.0)))
    location[1] |= 0x02
    location[2], location[4] = 255, 0x80  # 435 degrees, -64 m/s
    read = decode_message(bytes(location))
    assert isinstance(read, Location)
    assert math.isnan(read.track_deg)
    assert math.isnan(read.vertical_rate_mps)


# -- by radio: transmitters -----------------------------------------------------------------------------

MAC = "60:60:1f:00:00:01"
SERIAL = encode_message(BasicId(id_type=IdType.SERIAL_NUMBER, aircraft_type=2, id="1596F3000001"))
REGISTRATION = encode_message(BasicId(id_type=IdType.REGISTRATION, aircraft_type=2, id="FA30000001"))
UTM = encode_message(BasicId(id_type=IdType.UTM, aircraft_type=2, id=str(UUID(int=7))))
HERE = encode_message(
    Location(
        status=Status.AIRBORNE,
        latitude_deg=47.0,
        longitude_deg=8.0,
        altitude_m=500.0,
        pressure_altitude_m=480.0,
        ground_speed_mps=10.0,
        track_deg=90.0,
        vertical_rate_mps=1.0,
        horizontal_code=10,
        vertical_code=4,
        pressure_code=3,
        tenths=5,
    )
)


def ids(*taken: Decoded) -> list[str]:
    return [report.id for decoded in taken for report in decoded.reports]


def test_a_position_and_a_serial_number_make_a_report() -> None:
    decoder = BroadcastDecoder()
    assert decoder.take(MAC, SERIAL, NOW_MS) == Decoded([], [])
    (report,), malformed = decoder.take(MAC, HERE, NOW_MS + 900)
    assert malformed == []
    assert report._replace(selected_altitude_ft=0.0) == Report(
        id="rid:1596F3000001",
        at_ms=NOW_MS + 500,
        latitude_deg=47.0,
        longitude_deg=8.0,
        altitude_m=500.0,
        pressure_altitude_ft=m_to_feet(480.0),
        ground_speed_mps=10.0,
        track_deg=90.0,
        vertical_rate_mps=1.0,
        horizontal_error_m=10.0,
        vertical_error_m=25.0,  # the greater of both altitudes'
        selected_altitude_ft=0.0,
        kind=TrackKind.DRONE,
    )


def test_a_position_waits_for_an_id_and_then_goes_under_the_address() -> None:
    decoder = BroadcastDecoder()
    assert ids(decoder.take(MAC, HERE, NOW_MS)) == []
    assert ids(decoder.take(MAC, SERIAL, NOW_MS + 1_000)) == ["rid:1596F3000001"]
    nameless = BroadcastDecoder()
    taken = [nameless.take(MAC, HERE, NOW_MS + at_ms) for at_ms in range(0, ID_WAIT_MS + 2_000, 1_000)]
    assert ids(*taken) == [f"rid-mac:{MAC}"] * 2


def test_a_registration_may_stand_for_several_aircraft_and_is_no_id() -> None:
    decoder = BroadcastDecoder()
    taken = [decoder.take(MAC, REGISTRATION, NOW_MS), decoder.take(MAC, HERE, NOW_MS)]
    taken.append(decoder.take(MAC, HERE, NOW_MS + ID_WAIT_MS))
    assert ids(*taken) == [f"rid-mac:{MAC}"]


def test_a_serial_number_is_preferred_and_a_flights_id_is_as_by_network() -> None:
    decoder = BroadcastDecoder()
    decoder.take(MAC, UTM, NOW_MS)
    assert ids(decoder.take(MAC, HERE, NOW_MS)) == [f"rid-flight:{UUID(int=7)}"]
    assert ids(decoder.take(MAC, encode_pack([HERE, UTM, SERIAL]), NOW_MS)) == ["rid:1596F3000001"]


def test_transmitters_are_not_mixed_up() -> None:
    decoder = BroadcastDecoder()
    other = encode_message(BasicId(id_type=1, aircraft_type=14, id="OTHER"))
    decoder.take(MAC, SERIAL, NOW_MS)
    decoder.take("other", other, NOW_MS)
    mine, others = decoder.take(MAC, HERE, NOW_MS), decoder.take("other", HERE, NOW_MS)
    assert ids(mine, others) == ["rid:1596F3000001", "rid:OTHER"]
    assert others.reports[0].kind is TrackKind.UNKNOWN  # an obstacle


@pytest.mark.parametrize(
    ("tenths", "received_ms", "at_ms"),
    [
        (0, NOW_MS, NOW_MS),
        (36_000, NOW_MS, NOW_MS),
        (35_995, NOW_MS + 100, NOW_MS - 500),
        (5, NOW_MS - 100, NOW_MS + 500),
        (17_999, NOW_MS, NOW_MS + 1_799_900),
        (18_001, NOW_MS, NOW_MS - 1_799_900),
        (None, NOW_MS + 7, NOW_MS + 7),
    ],
)
def test_a_time_is_that_of_the_hour_nearest_to_the_reception(
    tenths: int | None, received_ms: int, at_ms: int
) -> None:
    decoder = BroadcastDecoder()
    decoder.take(MAC, SERIAL, received_ms)
    location = encode_message(Location(latitude_deg=1.0, longitude_deg=1.0, tenths=tenths))
    assert decoder.take(MAC, location, received_ms).reports[0].at_ms == at_ms


def test_a_group_widens_the_errors_and_is_counted() -> None:
    decoder = BroadcastDecoder()
    group = encode_message(Group(count=5, radius_m=200.0, ceiling_m=600.0, floor_m=450.0))
    decoder.take(MAC, encode_pack([SERIAL, group]), NOW_MS)
    (report,), malformed = decoder.take(MAC, HERE, NOW_MS)
    assert (report.horizontal_error_m, report.vertical_error_m) == (210.0, 100.0)
    assert [fault.reason for fault in malformed] == ["one position stands for several aircraft"]
    rough = encode_message(Location(latitude_deg=1.0, longitude_deg=1.0))
    (report,), _ = decoder.take(MAC, rough, NOW_MS)
    assert report.horizontal_error_m == 200.0 + UNTOLD_HORIZONTAL_ERROR_M
    decoder.take(MAC, encode_message(Group()), NOW_MS)
    assert decoder.take(MAC, HERE, NOW_MS).reports[0].horizontal_error_m == 10.0


def test_what_does_not_know_where_it_is_is_counted() -> None:
    decoder = BroadcastDecoder()
    decoder.take(MAC, SERIAL, NOW_MS)
    reports, malformed = decoder.take(MAC, encode_message(Location()), NOW_MS)
    assert reports == []
    assert [fault.reason for fault in malformed] == ["a drone does not know where it is"]


def test_one_bad_message_of_a_pack_spoils_only_itself() -> None:
    bad = b"\x62" + bytes(24)
    reports, malformed = BroadcastDecoder().take(MAC, encode_pack([SERIAL, bad, HERE]), NOW_MS)
    assert len(reports) == 1
    assert [fault.count for fault in malformed] == [1]


def test_silent_transmitters_are_forgotten_and_there_are_never_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoder = BroadcastDecoder()
    decoder.take(MAC, SERIAL, NOW_MS)
    assert ids(decoder.take(MAC, HERE, NOW_MS + FORGET_MS + 1)) == []  # whose it is, has to be told again
    assert len(decoder) == 1
    monkeypatch.setattr(transmitters, "AIRCRAFT_MAX", 3)
    for n in range(10):
        decoder.take(f"random {n}", SERIAL, NOW_MS + FORGET_MS + 1)
    assert len(decoder) == 3
    assert AIRCRAFT_MAX > 3


@given(st.lists(st.binary(max_size=30) | damaged(encode_pack([SERIAL, HERE])) | damaged(HERE), max_size=6))
def test_any_messages_never_raise(messages: list[bytes]) -> None:
    decoder = BroadcastDecoder()
    for message in messages:
        check_sane(decoder.take(MAC, message, NOW_MS))


@given(st.integers(0, 15), st.binary(min_size=24, max_size=24))
def test_any_25_bytes_never_raise(message_type: int, rest: bytes) -> None:
    check_sane(BroadcastDecoder().take(MAC, bytes([message_type << 4 | 2]) + rest, NOW_MS))
