"""ASTERIX: what another implementation reads, what records by hand mean, and what is refused."""

from __future__ import annotations

import importlib.metadata
import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.codec import asterix
from keepclear.codec.adsb import EPU_M
from keepclear.codec.asterix import IDENTITY_KEPT_MS, LINE_SIGMAS, PLANE_SIGMAS, AsterixDecoder
from keepclear.codec.decoding import Decoded
from keepclear.core.errors import InvalidValueError
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report
from keepclear.core.units import FOOT_M, FOOT_PER_MINUTE_MPS, NAUTICAL_MILE_M
from tests.codec.streams import (
    NOW_MS,
    check_same_in_any_pieces,
    check_sane,
    cut_at,
    cuts,
    damaged,
    decode_in_pieces,
    shown,
)

aviconv = pytest.importorskip("aviconv_asterix", reason="the extra asterix is not installed")

GOLDEN = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "golden" / "asterix.jsonl").read_text().splitlines()
]
STREAM = b"".join(bytes.fromhex(each["hex"]) for each in GOLDEN)
NOON_S = NOW_MS // 1000 % 86_400


def fspec(items: dict[int, bytes]) -> bytes:
    """Return which items are there, seven a byte, and the items."""
    octets = bytearray((max(items) + 6) // 7)
    for number in items:
        octets[(number - 1) // 7] |= 0x80 >> (number - 1) % 7
    for at in range(len(octets) - 1):
        octets[at] |= 1
    return bytes(octets) + b"".join(items[number] for number in sorted(items))


def block(category: int, *records: dict[int, bytes]) -> bytes:
    body = b"".join(map(fspec, records))
    return bytes([category]) + (len(body) + 3).to_bytes(2, "big") + body


def steps(value: float, unit: float, octets: int) -> bytes:
    return (round(value / unit) % (1 << 8 * octets)).to_bytes(octets, "big")


SOURCE = {1: bytes([25, 201])}
TARGET = SOURCE | {
    2: b"\x00",
    5: steps(NOON_S + 1, 1 / 128, 3),
    6: steps(47.0, 180 / 2**23, 3) + steps(8.0, 180 / 2**23, 3),
    11: bytes.fromhex("4B1814"),
}
TRACK = SOURCE | {
    4: steps(NOON_S + 1, 1 / 128, 3),
    5: steps(47.0, 180 / 2**25, 4) + steps(8.0, 180 / 2**25, 4),
    12: (17).to_bytes(2, "big"),
}


def decode(*blocks: bytes, decoder: AsterixDecoder | None = None, now_ms: int = NOW_MS) -> Decoded:
    return (decoder or AsterixDecoder()).datagram(b"".join(blocks), now_ms)


def target(**changes: bytes) -> Report:
    """Return the report of a target with more items: `i16` is the sixteenth."""
    more = {int(name[1:]): data for name, data in changes.items()}
    (report,), malformed = decode(block(21, TARGET | more))
    assert malformed == []
    return report


def track(**changes: bytes) -> Report:
    more = {int(name[1:]): data for name, data in changes.items()}
    (report,), malformed = decode(block(62, TRACK | more))
    assert malformed == []
    return report


def derived(**subfields: bytes) -> bytes:
    """Return aircraft derived data: `s6` is the sixth subfield."""
    return fspec({int(name[1:]): data for name, data in subfields.items()})


def reasons(*blocks: bytes) -> list[str]:
    reports, malformed = decode(*blocks)
    assert reports == []
    return [fault.reason for fault in malformed]


# -- what another implementation says -------------------------------------------------------------------


def same(ours: float, theirs: float | None, unit: float = 1.0) -> bool:
    return ours == pytest.approx(math.nan if theirs is None else theirs * unit, abs=1e-6, nan_ok=True)


def first(says: dict[str, Any], *names: str) -> Any:
    return next((says[name] for name in names if name in says), None)


def of_day_s(report: Report) -> float:
    return report.at_ms % 86_400_000 / 1000


def all_of(category: int) -> list[tuple[Report, dict[str, Any]]]:
    pairs = []
    for each in GOLDEN:
        if each["category"] == category:
            reports, malformed = decode(bytes.fromhex(each["hex"]))
            assert malformed == []
            pairs += list(zip(reports, each["records"], strict=True))
    assert len(pairs) > 20
    return pairs


def test_targets_say_what_the_other_implementation_says() -> None:
    for report, says in all_of(21):
        time_s = first(says, "I071/time_applicability_position", "I073/time_reception_position")
        assert report.id == f"icao:{says['I080/TAddr'].lower()}"
        assert of_day_s(report) == pytest.approx(time_s, abs=0.001)
        assert same(report.latitude_deg, first(says, "I131/Lat", "I130/Lat"))
        assert same(report.longitude_deg, first(says, "I131/Lon", "I130/Lon"))
        assert same(report.altitude_m, says.get("I140/geometric_height"), FOOT_M)
        assert same(report.pressure_altitude_ft, says.get("I145/FL"), 100.0)
        assert same(report.vertical_rate_mps, says.get("I155/BVR"), FOOT_PER_MINUTE_MPS)
        assert same(report.ground_speed_mps, says.get("I160/GS"), NAUTICAL_MILE_M)
        assert same(report.track_deg, says.get("I160/TA"))
        assert same(report.selected_altitude_ft, says.get("I146/Alt"))
        assert same(report.horizontal_error_m, EPU_M.get(says.get("I090/NACp", 0)))
        assert (report.callsign or "") == says.get("I170/TId", "").strip()
        assert report.squawk == says.get("I070/Mode3A")
        assert report.on_ground == bool(says.get("I040/GBS"))
        assert (report.kind is TrackKind.DRONE) == (says.get("I020/ECAT") == 13)


def test_system_tracks_say_what_the_other_implementation_says() -> None:
    for report, says in all_of(62):
        address = says.get("I380/ADR/ADR")
        assert report.id == (f"icao:{address.lower()}" if address else f"track:25-201-{says['I040/TrkN']}")
        assert of_day_s(report) == pytest.approx(says["I070/ToT"], abs=0.001)
        assert same(report.latitude_deg, says["I105/Lat"])
        assert same(report.longitude_deg, says["I105/Lon"])
        east, north = (
            report.ground_speed_mps * part(math.radians(report.track_deg)) for part in (math.sin, math.cos)
        )
        assert same(east, says["I185/Vx"])
        assert same(north, says["I185/Vy"])
        assert same(report.altitude_m, says.get("I130/Alt"), FOOT_M)
        assert same(report.pressure_altitude_ft, says.get("I136/MFL"))
        assert same(report.vertical_rate_mps, says.get("I220/RoC"), FOOT_PER_MINUTE_MPS)
        assert same(report.selected_altitude_ft, says.get("I380/SAL/Alt"))
        assert (report.callsign or "") == says.get("I245/TId", "").strip()
        assert report.squawk == (None if says.get("I060/V", 1) else says["I060/Mode3A"])
        on_ground = says["I080/SFC"] or says.get("I380/SAB/GBS") or says.get("I380/COM/STAT") in (1, 3)
        assert report.on_ground == bool(on_ground)
        assert (report.kind is TrackKind.HELICOPTER) == (says.get("I380/EMC/ECAT") == 10)
        if "I500/APW/APW_Lat" in says:
            degree_m = 60 * NAUTICAL_MILE_M
            most_deg = max(
                says["I500/APW/APW_Lat"],
                says["I500/APW/APW_Long"] * math.cos(math.radians(report.latitude_deg)),
            )
            assert same(report.horizontal_error_m, most_deg, PLANE_SIGMAS * degree_m)
            most_ft = max(says["I500/AGA/AGA_Acc"], says["I500/ABA/ABA_Acc"])
            assert same(report.vertical_error_m, most_ft, LINE_SIGMAS * FOOT_M)


def test_what_the_library_writes_is_read() -> None:
    record = aviconv.Cat021Record(
        sac=25,
        sic=201,
        icao_address="4B1814",
        lat=47.0,
        lon=8.0,
        flight_level=95.0,
        time_of_reception_s=float(NOON_S),
    )
    (report,), _ = decode(aviconv.encode_records([record]))
    assert (report.id, report.at_ms, report.pressure_altitude_ft) == ("icao:4b1814", NOW_MS, 9_500.0)
    assert report.latitude_deg == pytest.approx(47.0, abs=2e-5)


def test_the_final_selected_altitude_has_two_octets_whatever_the_library_says() -> None:
    """Version 0.4.0 reads three, and all items behind it a byte too late."""
    assert importlib.metadata.version("aviconv-asterix").split(".")[0] == "0"
    report = track(
        i11=derived(s1=b"\x4b\x18\x14", s6=b"\xc0\x28", s7=b"\x00\x50", s28=b"\x08\x54"), i17=b"\x01\x7c"
    )
    assert (report.id, report.selected_altitude_ft, report.pressure_altitude_ft) == (
        "icao:4b1814",
        1000.0,
        9500.0,
    )


# -- by hand --------------------------------------------------------------------------------------------


def test_a_target_by_hand() -> None:
    """Each octet by hand from the specification."""
    data = bytes.fromhex(
        "15 0017"  # category 021, 23 octets
        "cd 11 02"  # items 1, 2, 5, 6 and more; 11 and more; 21
        "19c9"  # 010: source 25, 201
        "00"  # 040: an address of ICAO, by the target's transponder
        "546000"  # 071: 43,200 s in steps of 1/128 s
        "216c17 05b05b"  # 130: 47 and 8 degrees in steps of 180/2^23
        "4b1814"  # 080
        "017c"  # 145: flight level 95 in steps of 1/4
    )
    (report,), malformed = decode(data)
    assert malformed == []
    assert (report.id, report.at_ms, report.pressure_altitude_ft) == ("icao:4b1814", NOW_MS, 9_500.0)
    assert report.latitude_deg == pytest.approx(47.0, abs=1.1e-5)
    assert report.longitude_deg == pytest.approx(8.0, abs=1.1e-5)


def test_a_track_by_hand() -> None:
    """Each octet by hand from the specification."""
    data = bytes.fromhex(
        "3e 0017"  # category 062, 23 octets
        "99 09 20"  # items 1, 4, 5 and more; 12 and more; 17
        "19c9"  # 010: source 25, 201
        "546000"  # 070: 43,200 s in steps of 1/128 s
        "0085b05b ffe93e94"  # 105: 47 and -8 degrees in steps of 180/2^25
        "0011"  # 040: track 17
        "017c"  # 136: flight level 95 in steps of 1/4
    )
    (report,), malformed = decode(data)
    assert malformed == []
    assert (report.id, report.at_ms, report.pressure_altitude_ft) == ("track:25-201-17", NOW_MS, 9_500.0)
    assert report.latitude_deg == pytest.approx(47.0, abs=3e-6)
    assert report.longitude_deg == pytest.approx(-8.0, abs=3e-6)


def test_a_track_on_its_way_north_east_climbs() -> None:
    report = track(i7=steps(30, 0.25, 2) + steps(40, 0.25, 2), i20=steps(600, 6.25, 2))
    assert report.id == "track:25-201-17"
    assert report.at_ms == NOW_MS + 1000
    assert report.ground_speed_mps == 50.0
    assert report.track_deg == pytest.approx(math.degrees(math.atan2(30, 40)))
    assert report.vertical_rate_mps == pytest.approx(600 * FOOT_PER_MINUTE_MPS)


def test_what_stands_still_has_no_direction() -> None:
    report = track(i7=bytes(4))
    assert report.ground_speed_mps == 0.0
    assert math.isnan(report.track_deg)


def test_what_is_not_told_is_not_known() -> None:
    for report in (target(), track()):
        assert all(math.isnan(value) for value in report[4:12])
        assert (report.kind, report.callsign, report.squawk) == (TrackKind.UNKNOWN, None, None)
        assert not report.on_ground


def test_values_beyond_their_range_are_not_told() -> None:
    report = target(i16=b"\x7f\xff", i26=b"\xff\xff\x40\x00", i24=b"\x80\x10", i25=b"\x80\x10")
    assert math.isnan(report.altitude_m)
    assert math.isnan(report.ground_speed_mps)
    assert math.isnan(report.vertical_rate_mps)
    assert report.track_deg == 90.0
    assert target(i24=b"\x80\x10", i25=b"\x00\x10").vertical_rate_mps == 100 * FOOT_PER_MINUTE_MPS


def test_the_altitude_that_it_has_is_not_taken_for_one_that_is_selected() -> None:
    assert math.isnan(target(i32=b"\xa0\x28").selected_altitude_ft)
    assert target(i32=b"\xc0\x28").selected_altitude_ft == 1_000.0
    assert target(i32=b"\x00\x28").selected_altitude_ft == 1_000.0
    assert target(i32=b"\xdf\xfc").selected_altitude_ft == -100.0


def test_a_calculated_level_is_taken_where_none_is_measured_unless_corrected_for_pressure() -> None:
    assert track(i19=b"\x01\x7c").pressure_altitude_ft == 9_500.0
    assert track(i19=b"\x7f\xfc").pressure_altitude_ft == -100.0
    assert math.isnan(track(i19=b"\x81\x7c").pressure_altitude_ft)
    assert track(i17=b"\x00\x04", i19=b"\x01\x7c").pressure_altitude_ft == 100.0


def test_a_code_that_is_garbled_or_not_validated_is_not_told() -> None:
    assert track(i9=b"\x0e\x80").squawk == "7200"
    assert track(i9=b"\x8e\x80").squawk is None
    assert track(i9=b"\x4e\x80").squawk is None


def test_accuracies_in_the_plane_are_taken_where_none_on_the_globe_are_told() -> None:
    assert track(i27=b"\x80" + b"\x00\x0a\x00\x14").horizontal_error_m == pytest.approx(PLANE_SIGMAS * 10.0)
    assert math.isnan(track(i27=b"\x80" + bytes(4)).horizontal_error_m)
    assert math.isnan(track(i27=b"\x20" + bytes(4)).horizontal_error_m)


def test_a_vehicle_of_a_fleet_is_a_vehicle() -> None:
    assert track(i23=b"\x03").kind is TrackKind.VEHICLE


@pytest.mark.parametrize(
    ("first_octet", "number", "address", "expected"),
    [
        (0x00, 7, "4B1814", "icao:4b1814"),
        (0x20, 7, "4B1814", "track:4b1814-7"),  # two aircraft have this address
        (0x60, None, "4B1814", "track:4b1814"),  # anonymous
        (0x00, None, "000000", "track:000000"),
        (0x00, None, "FFFFFF", "track:ffffff"),
    ],
)
def test_only_an_address_of_icao_is_an_id_beyond_its_source(
    first_octet: int, number: int | None, address: str, expected: str
) -> None:
    more = {} if number is None else {"i3": number.to_bytes(2, "big")}
    assert target(i2=bytes([first_octet]), i11=bytes.fromhex(address), **more).id == expected


@pytest.mark.parametrize(
    ("now_s", "of_day_s", "expected_s"),
    [
        (0, 86_399, -1),
        (0, 1, 1),
        (86_399, 0, 86_400),
        (43_200, 1, 1),
        (1, 43_202, 43_202 - 86_400),
        (43_189, 86_390, 86_390 - 86_400),
    ],
)
def test_a_time_is_that_of_the_day_nearest_to_the_reception(
    now_s: int, of_day_s: int, expected_s: int
) -> None:
    day_ms = NOW_MS - NOON_S * 1000
    (report,), _ = decode(block(62, TRACK | {4: steps(of_day_s, 1 / 128, 3)}), now_ms=day_ms + now_s * 1000)
    assert report.at_ms == day_ms + expected_s * 1000


def test_without_a_time_it_is_that_of_the_reception() -> None:
    timeless = {number: data for number, data in TARGET.items() if number != 5}
    assert decode(block(21, timeless)).reports[0].at_ms == NOW_MS
    assert decode(block(21, timeless | {28: steps(NOON_S + 2, 1 / 128, 3)})).reports[0].at_ms == NOW_MS + 2000


# -- what cannot become a report ------------------------------------------------------------------------


def test_what_is_no_real_target_is_counted() -> None:
    test = ["a target is simulated, or a test"]
    assert reasons(block(21, TARGET | {2: b"\x02"})) == test  # a fixed transponder
    assert reasons(block(21, TARGET | {2: b"\x01\x20"})) == test
    assert reasons(block(21, TARGET | {2: b"\x01\x10"})) == test
    for checks in (0x20, 0x10, 0x08, 0x02):
        assert reasons(block(21, TARGET | {2: bytes([1, 1, checks])})) == [
            "a target's position is false by what its station found"
        ]
    assert reasons(block(62, TRACK | {13: b"\x01\x80"})) == ["a track is simulated"]
    assert reasons(block(62, TRACK | {13: b"\x01\x01\x01\x80"})) == [
        "a track is only extrapolated by its tracker"
    ]


def test_what_lacks_an_identity_or_a_time_of_day_is_counted() -> None:
    late = steps(86_400, 1 / 128, 3)
    assert reasons(block(21, {n: data for n, data in TARGET.items() if n != 11})) == [
        "a target has no address"
    ]
    assert reasons(block(62, {n: data for n, data in TRACK.items() if n != 12})) == ["a track has no number"]
    assert reasons(block(21, TARGET | {5: late}), block(62, TRACK | {4: late})) == [
        "a time is after the end of the day"
    ]


def test_targets_without_a_position_and_categories_without_targets_are_left_aside() -> None:
    assert reasons(block(21, {n: data for n, data in TARGET.items() if n != 6})) == []
    assert reasons(block(62, {n: data for n, data in TRACK.items() if n != 5})) == []
    assert reasons(block(65, SOURCE), block(34, SOURCE)) == []


def test_other_categories_with_targets_are_counted() -> None:
    assert reasons(block(48, SOURCE), block(20, SOURCE)) == [
        "category 048 is not read",
        "category 020 is not read",
    ]


def test_a_block_that_cannot_be_read_gives_nothing_and_spoils_no_other() -> None:
    broken = block(21, TARGET, TARGET)[:-1]
    broken = broken[:1] + len(broken).to_bytes(2, "big") + broken[3:]
    reports, malformed = decode(broken, block(62, TRACK), block(21, {**TARGET, 43: b""}), block(21, TARGET))
    assert [report.id for report in reports] == ["track:25-201-17", "icao:4b1814"]
    assert [(fault.count, fault.reason) for fault in malformed] == [
        (2, "a block of category 021 cannot be read")
    ]


def test_lengths_that_are_none_are_counted() -> None:
    assert reasons(b"\x15\x00\x02" + block(21, TARGET)) == [
        "a block tells no length; what follows it cannot be read"
    ]
    assert reasons(block(21, TARGET)[:-1]) == ["a block is shorter than it says"]
    decoder = AsterixDecoder()
    decoder.datagram(block(21, TARGET)[:-1], NOW_MS)
    assert len(decode(block(21, TARGET), decoder=decoder).reports) == 1


def test_without_the_extra_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aviconv_asterix.fspec", None)
    with pytest.raises(InvalidValueError, match=r"keepclear\[asterix\]"):
        AsterixDecoder()


# -- which aircraft a number stands for -----------------------------------------------------------------

ADDRESSED = block(62, TRACK | {11: derived(s1=b"\x4b\x18\x14")})


def ids(decoder: AsterixDecoder, *blocks: bytes, now_ms: int = NOW_MS) -> list[str]:
    return [report.id for report in decode(*blocks, decoder=decoder, now_ms=now_ms).reports]


def test_a_number_stands_for_the_address_that_was_told_with_it_for_a_while() -> None:
    decoder = AsterixDecoder()
    assert ids(decoder, block(62, TRACK), ADDRESSED, block(62, TRACK)) == [
        "track:25-201-17",
        "icao:4b1814",
        "icao:4b1814",
    ]
    assert ids(decoder, block(62, TRACK | {1: bytes([25, 202])})) == ["track:25-202-17"]
    assert ids(decoder, block(62, TRACK), now_ms=NOW_MS + IDENTITY_KEPT_MS + 1) == ["track:25-201-17"]


@pytest.mark.parametrize(("flag", "kept"), [(0x40, True), (0x20, False)])
def test_a_track_that_ends_or_begins_gives_its_number_back(flag: int, kept: bool) -> None:
    decoder = AsterixDecoder()
    marked = block(62, TRACK | {13: bytes([1, flag])})
    assert ids(decoder, ADDRESSED, marked, block(62, TRACK)) == [
        "icao:4b1814",
        "icao:4b1814" if kept else "track:25-201-17",
        "track:25-201-17",
    ]


def test_no_more_numbers_are_remembered_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asterix, "AIRCRAFT_MAX", 3)
    decoder = AsterixDecoder()
    for number in range(10):
        more = {11: derived(s1=b"\x4b\x18\x14"), 12: number.to_bytes(2, "big")}
        ids(decoder, block(62, TRACK | more))
    assert len(decoder._identities) == 3


# -- streams --------------------------------------------------------------------------------------------


@given(cuts)
def test_any_cut_of_a_stream_gives_the_same(places: list[int]) -> None:
    data = STREAM[:1500] + STREAM[: len(GOLDEN[0]["hex"]) // 2]
    check_same_in_any_pieces(AsterixDecoder, data, places)


def test_a_stream_may_come_byte_by_byte() -> None:
    whole = decode_in_pieces(AsterixDecoder(), [STREAM])
    assert whole.malformed == []
    assert shown(decode_in_pieces(AsterixDecoder(), cut_at(STREAM, range(len(STREAM)))).reports) == shown(
        whole.reports
    )


@given(st.lists(damaged(STREAM[:800]) | st.binary(max_size=60), max_size=3))
@example([b"\x3e\x00\x04\xff"])
def test_any_datagrams_never_raise(datagrams: list[bytes]) -> None:
    decoder = AsterixDecoder()
    for data in datagrams:
        check_sane(decoder.datagram(data, NOW_MS))
        assert not decoder._rest


@given(st.sampled_from([21, 62]), st.binary(min_size=1, max_size=80))
def test_blocks_of_any_bytes_never_raise(category: int, body: bytes) -> None:
    data = bytes([category]) + (len(body) + 3).to_bytes(2, "big") + body
    check_sane(decode(data))
