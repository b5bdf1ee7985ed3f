"""BaseStation lines: messages of an aircraft are put together, none for longer than it holds."""

from __future__ import annotations

import math
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.codec import adsb
from keepclear.codec.adsb import AircraftHeard
from keepclear.codec.decoding import LINE_BYTES_MAX, Decoded, Decoder
from keepclear.codec.sbs import SbsDecoder
from keepclear.core.reports import Report
from tests.codec.streams import (
    NOW_MS,
    check_same_in_any_pieces,
    check_sane,
    cuts,
    damaged,
    decode_in_pieces,
    shown,
)

NAMES = {
    "callsign": 10,
    "altitude": 11,
    "speed": 12,
    "track": 13,
    "lat": 14,
    "lng": 15,
    "rate": 16,
    "squawk": 17,
    "on_ground": 21,
}


def msg(transmission: int, address: str = "4B1814", **told: object) -> bytes:
    """Return a line as producers write it."""
    fields = ["MSG", str(transmission), "1", "1", address, "1"]
    fields += ["2026/05/01", "14:00:00.000", "2026/05/01", "14:00:00.100", *[""] * 12]
    for name, value in told.items():
        fields[NAMES[name]] = str(value)
    return ",".join(fields).encode() + b"\r\n"


POSITION = msg(3, altitude=10_000, lat=46.2, lng=6.1, on_ground=0)
VELOCITY = msg(4, speed=120, track=271.5, rate=-640)
IDENTITY = msg(1, callsign="RSQ12   ")


def read(*lines: bytes, now_ms: int = NOW_MS, decoder: Decoder | None = None) -> Decoded:
    decoded = (decoder or SbsDecoder()).decode(b"".join(lines), now_ms)
    check_sane(decoded)
    return decoded


def one(*lines: bytes, now_ms: int = NOW_MS, decoder: Decoder | None = None) -> Report:
    decoded = read(*lines, now_ms=now_ms, decoder=decoder)
    assert decoded.malformed == []
    (report,) = decoded.reports
    return report


def reasons(decoded: Decoded) -> list[tuple[int, str]]:
    return [(fault.count, fault.reason) for fault in decoded.malformed]


def test_a_position_becomes_a_report_of_the_instant_of_its_reception() -> None:
    expected = Report("icao:4b1814", NOW_MS, 46.2, 6.1, pressure_altitude_ft=10_000.0)
    assert shown([one(POSITION)]) == shown([expected])


def test_what_other_messages_told_lately_is_put_to_the_position() -> None:
    report = one(IDENTITY, VELOCITY, msg(6, squawk="7014", on_ground=0), POSITION)
    assert report.callsign == "RSQ12"
    assert report.squawk == "7014"
    assert report.ground_speed_mps == pytest.approx(120 * 1852 / 3600)
    assert report.track_deg == 271.5
    assert report.vertical_rate_mps == pytest.approx(-640 * 0.3048 / 60)


def test_messages_of_one_aircraft_are_not_put_to_another() -> None:
    report = one(msg(4, "4B1815", speed=120), msg(1, "4B1815", callsign="OTHER"), POSITION)
    assert math.isnan(report.ground_speed_mps)
    assert report.callsign is None


@pytest.mark.parametrize(
    ("later_ms", "has_altitude", "has_speed", "has_callsign"),
    [
        (5_000, True, True, True),
        (5_001, False, True, True),
        (15_000, False, True, True),
        (15_001, False, False, True),
    ],
)
def test_what_was_told_too_long_ago_is_not_put_to_a_position(
    later_ms: int, has_altitude: bool, has_speed: bool, has_callsign: bool
) -> None:
    decoder = SbsDecoder()
    read(IDENTITY, VELOCITY, msg(5, altitude=10_000), decoder=decoder)
    report = one(msg(3, lat=46.2, lng=6.1), now_ms=NOW_MS + later_ms, decoder=decoder)
    assert math.isnan(report.pressure_altitude_ft) != has_altitude
    assert math.isnan(report.ground_speed_mps) != has_speed
    assert (report.callsign is not None) == has_callsign


def test_an_aircraft_of_which_nothing_was_heard_for_long_is_another_one() -> None:
    decoder = SbsDecoder()
    read(IDENTITY, decoder=decoder)
    read(msg(8), now_ms=NOW_MS + 60_000, decoder=decoder)
    assert one(POSITION, now_ms=NOW_MS + 120_000, decoder=decoder).callsign == "RSQ12"
    assert one(POSITION, now_ms=NOW_MS + 180_001, decoder=decoder).callsign is None


def test_when_the_clock_steps_back_what_was_told_later_is_not_known() -> None:
    decoder = SbsDecoder()
    read(VELOCITY, now_ms=NOW_MS + 60_000, decoder=decoder)
    assert math.isnan(one(POSITION, decoder=decoder).ground_speed_mps)


@pytest.mark.parametrize(("told", "on_ground"), [("-1", True), ("1", True), ("0", False), ("", False)])
def test_the_ground_flag_is_written_in_several_ways(told: str, on_ground: bool) -> None:
    assert one(msg(3, lat=46.2, lng=6.1, on_ground=told)).on_ground is on_ground


def test_a_surface_position_is_on_the_ground() -> None:
    report = one(msg(2, lat=46.2, lng=6.1, speed=12, track=90))
    assert report.on_ground
    assert math.isnan(report.pressure_altitude_ft)
    assert report.ground_speed_mps == pytest.approx(12 * 1852 / 3600)


def test_fields_at_the_end_may_be_left_out() -> None:
    short = msg(3, altitude=10_000, lat=46.2, lng=6.1).rstrip(b"\r\n,") + b"\n"
    assert shown([one(short)]) == shown([one(POSITION)])


def test_an_address_that_is_not_of_icao_is_a_number_of_its_source() -> None:
    assert one(msg(3, "~4B1814", lat=46.2, lng=6.1)).id == "track:4b1814"


def test_other_types_and_blank_lines_are_left_aside() -> None:
    lines = [
        b"STA,,5,179,400AE7,10103,2026/05/01,14:00:00.000,2026/05/01,14:00:00.000,RM\r\n",
        b"\r\n",
        b" \n",
    ]
    lines += [b"SEL,,496,2286,4CA4E5,27215,,,,,RYR\n", b"ID,,1\n", b"AIR,,1\n", b"CLK,,1\n"]
    assert read(*lines) == Decoded([], [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"HELLO\n", "a line is no BaseStation message"),
        (b"\x16\x03\x01\x02\n", "a line is no BaseStation message"),
        (msg(9, lat=1, lng=1), "a message tells no transmission type of 1 to 8, or no address of 24 bits"),
        (
            msg(3, "4B18", lat=1, lng=1),
            "a message tells no transmission type of 1 to 8, or no address of 24 bits",
        ),
        (b"MSG,3\n", "a message tells no transmission type of 1 to 8, or no address of 24 bits"),
        (msg(3, lat="nan", lng=1), "a field of a message is not a number"),
        (msg(3, lat="inf", lng=1), "a field of a message is not a number"),
        (msg(3, lat="1_0", lng=1), "a field of a message is not a number"),
        (msg(3, lat="1e2", lng=1), "a field of a message is not a number"),
        (msg(3, lat=46.2), "a field of a message is not a number"),
    ],
)
def test_a_line_that_is_not_understood_is_counted(line: bytes, reason: str) -> None:
    decoded = read(line, line, POSITION)
    assert len(decoded.reports) == 1
    assert reasons(decoded) == [(2, reason)]


def test_a_number_that_is_none_does_not_hide_the_position() -> None:
    decoded = read(msg(3, lat=46.2, lng=6.1, altitude="high"))
    assert reasons(decoded) == [(1, "a field of a message is not a number")]
    assert math.isnan(decoded.reports[0].pressure_altitude_ft)


def test_a_callsign_that_is_none_does_not_hide_the_position() -> None:
    decoded = read(msg(3, lat=46.2, lng=6.1, callsign="A\x00"))
    assert [fault.count for fault in decoded.malformed] == [1]
    assert decoded.reports[0].callsign is None


def test_a_line_that_is_too_long_is_one_fault_however_it_comes() -> None:
    long = b"x" * (LINE_BYTES_MAX + 1) + b"\n"
    for size in (len(long) + 200, 1_000, LINE_BYTES_MAX):
        stream = POSITION + long + POSITION
        pieces = [stream[k : k + size] for k in range(0, len(stream), size)]
        decoded = decode_in_pieces(SbsDecoder(), pieces)
        assert len(decoded.reports) == 2
        assert reasons(decoded) == [(1, "a line is longer than 65,536 bytes")]
    longest = POSITION.rstrip() + b"," * (LINE_BYTES_MAX - len(POSITION.rstrip()))
    assert len(decode_in_pieces(SbsDecoder(), [longest + b"\n", longest]).reports) == 2


def test_a_line_that_never_ends_takes_no_room() -> None:
    decoder = SbsDecoder()
    tracemalloc.start()
    for _ in range(200):
        assert decoder.decode(b"x" * 10_000, NOW_MS) == Decoded([], [])
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 500_000
    assert [fault.count for fault in decoder.finish(NOW_MS).malformed] == [1]


def test_the_last_line_need_not_end_and_the_next_stream_knows_nothing_of_this_one() -> None:
    decoder = SbsDecoder()
    assert read(VELOCITY + POSITION.rstrip(), decoder=decoder).reports == []
    assert len(decoder.finish(NOW_MS).reports) == 1
    assert math.isnan(one(POSITION, decoder=decoder).ground_speed_mps)


def test_only_so_many_aircraft_are_remembered_those_heard_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adsb, "AIRCRAFT_MAX", 10)
    heard = AircraftHeard()
    for k in range(100):
        heard.hear(f"icao:{k}", NOW_MS).callsign = str(k)
        heard.hear("icao:0", NOW_MS)
    assert len(heard) == 10
    assert "icao:0" in heard
    assert "icao:90" not in heard
    assert heard.hear("icao:91", NOW_MS).callsign == "91"


def test_aircraft_that_are_not_heard_any_more_are_forgotten() -> None:
    heard = AircraftHeard()
    for k in range(100):
        heard.hear(f"icao:{k}", NOW_MS + k)
    heard.hear("icao:new", NOW_MS + 60_050)
    assert len(heard) == 51


GOOD = (
    IDENTITY + VELOCITY + POSITION + msg(2, "4B1815", lat=1, lng=2, speed=3) + msg(8, on_ground=-1) + POSITION
)


@pytest.mark.slow
@given(damaged(GOOD) | st.binary(max_size=200))
@example(msg(3, lat="46.2\x1c", lng=6.1))
def test_no_damage_makes_it_raise(stream: bytes) -> None:
    check_sane(decode_in_pieces(SbsDecoder(), [stream]))


fields = st.text(max_size=8) | st.sampled_from(
    ["MSG", "3", "4B1814", "46.2", "-1", "", "9" * 400, "1e400", "-0"]
)


@pytest.mark.slow
@given(st.lists(st.lists(fields, max_size=24).map(",".join), max_size=6), cuts)
@example(["MSG,3,1,1,4B1814,1,,,,,,,,," + "9" * 15 + "," + "9" * 15], [3])
def test_no_fields_make_it_raise_and_the_cut_does_not_matter(lines: list[str], places: list[int]) -> None:
    stream = GOOD + "\n".join(lines).encode("utf-8", "surrogatepass")
    check_sane(decode_in_pieces(SbsDecoder(), [stream]))
    check_same_in_any_pieces(SbsDecoder, stream, places)
