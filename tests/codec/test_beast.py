"""Mode S raw: frames are cut out of any stream, and reports come of those whose positions agree."""

from __future__ import annotations

import importlib.util
import math
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.codec import mode_s
from keepclear.codec.beast import AvrFramer, BeastDecoder, BeastFramer, Frame, Framer, RawDecoder
from keepclear.codec.decoding import Decoder, Faults
from keepclear.codec.mode_s import ModeS, parity_rest
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report
from tests.codec.squitters import airborne, by_satellite, on_ground, squitter, velocity
from tests.codec.streams import (
    NOW_MS,
    check_same_in_any_pieces,
    check_sane,
    cut_at,
    cuts,
    damaged,
    decode_in_pieces,
)

needs_pymodes = pytest.mark.skipif(
    importlib.util.find_spec("pyModeS") is None, reason="needs the extra `adsb`"
)

# Frames of the textbook "The 1090 MHz Riddle", with the values that it gives.
CALLSIGN = bytes.fromhex("8D4840D6202CC371C32CE0576098")  # KLM1023
VELOCITY = bytes.fromhex("8D485020994409940838175B284F")  # 159 kt, 182.88 degrees, -832 ft/min
EVEN = bytes.fromhex("8D40621D58C382D690C8AC2863A7")  # 38,000 ft at 52.2572, 3.91937
ODD = bytes.fromhex("8D40621D58C386435CC412692AD6")


def beast(frame: bytes, ticks: int = 0, signal: int = 0x20) -> bytes:
    kind = {2: b"1", 7: b"2", 14: b"3"}[len(frame)]
    body = ticks.to_bytes(6, "big") + bytes([signal]) + frame
    return b"\x1a" + kind + body.replace(b"\x1a", b"\x1a\x1a")


def avr(frame: bytes) -> bytes:
    return b"*" + frame.hex().encode() + b";\n"


def flight(address: str = "4b1814", first: int = 0x8D, lat: float = 46.2) -> list[bytes]:
    """Return the frames of a flight northwards from there, enough of them to be believed."""
    return [
        airborne(address, lat + 0.001 * k, 6.1, 10_000 + 25 * k, odd=k % 2 == 1, first=first)
        for k in range(10)
    ]


def all_reports(frames: list[bytes], mode: ModeS | None = None, step_ms: int = 500) -> list[Report]:
    mode, faults = mode or ModeS(), Faults()
    reports = []
    for k, frame in enumerate(frames):
        reports += mode.reports([frame], NOW_MS + k * step_ms, faults)
    assert faults.malformed() == []
    return reports


# -- framing ------------------------------------------------------------------------------------------------


def test_a_beast_frame_tells_its_time_its_signal_and_its_bytes() -> None:
    frames = BeastFramer().cut(beast(EVEN, ticks=12_000_000, signal=200), Faults())
    assert frames == [Frame(12_000_000, 200, EVEN)]


def test_what_looks_like_the_start_of_a_frame_is_doubled_within_one() -> None:
    frame = b"\x5d\x1a\x1a\x33\x00\x1a\x1a"
    stream = beast(frame, ticks=0x1A1A1A1A1A1A, signal=0x1A)
    assert BeastFramer().cut(stream, Faults()) == [Frame(0x1A1A1A1A1A1A, 0x1A, frame)]


def test_heartbeats_and_what_receivers_tell_of_themselves_are_left_aside() -> None:
    faults = Faults()
    told = b"\x1a4" + bytes(21) + b"\x1a\xe3" + b"12345678" + b"\x1a5" + b"\x1a\x1a" * 9
    stream = beast(bytes(2)) + told + beast(EVEN)
    framer = BeastFramer()
    assert [f.data for f in framer.cut(stream, faults)] == [EVEN]
    assert [
        f.data for place in range(len(stream)) for f in framer.cut(stream[place : place + 1], faults)
    ] == [EVEN]
    assert faults.malformed() == []


def test_a_stream_that_is_joined_within_a_frame_is_read_from_the_next_one_on() -> None:
    faults = Faults()
    assert [f.data for f in BeastFramer().cut(beast(ODD)[9:] + beast(EVEN), faults)] == [EVEN]
    assert [(f.count, f.reason) for f in faults.malformed()] == [(1, "bytes make no frame")]


def test_a_frame_that_breaks_off_spoils_only_itself() -> None:
    faults = Faults()
    assert [f.data for f in BeastFramer().cut(beast(ODD)[:-3] + beast(EVEN), faults)] == [EVEN]
    assert [f.count for f in faults.malformed()] == [1]


def test_a_frame_that_is_not_whole_when_the_stream_ends_is_counted() -> None:
    faults, framer = Faults(), BeastFramer()
    assert framer.cut(beast(ODD)[:-3], faults) == []
    assert framer.finish(faults) == []
    assert [f.reason for f in faults.malformed()] == ["the stream ended within a frame"]
    assert framer.cut(beast(EVEN), faults) != []


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        (b"*%s;", Frame(0, 0, EVEN)),
        (b"@0000000000ff%s;", Frame(255, 0, EVEN)),
        (b"<0000000000FF80%s;", Frame(255, 128, EVEN)),
    ],
)
def test_text_frames_may_tell_time_and_signal(text: bytes, frame: Frame) -> None:
    assert AvrFramer().cut(text % EVEN.hex().encode() + b"\r\n", Faults()) == [frame]


def test_text_that_is_no_frame_is_counted_and_the_rest_of_its_line_is_read() -> None:
    faults = Faults()
    line = b"*0000;*12345;*" + EVEN.hex().encode() + b";xyz\n"
    assert [f.data for f in AvrFramer().cut(line, faults)] == [EVEN]
    assert [f.reason for f in faults.malformed()] == [
        "a text between semicolons is no frame",
        "a line does not end with a semicolon",
    ]


data_of_frames = st.binary(min_size=14, max_size=14) | st.binary(min_size=7, max_size=7)
framers = st.sampled_from([(BeastFramer, beast), (AvrFramer, avr)])


@pytest.mark.slow
@given(st.lists(data_of_frames, max_size=8), framers, cuts)
@example([b"\x1a" * 14], (BeastFramer, beast), [10])
def test_what_was_framed_comes_out_however_the_stream_is_cut(frames, kind, places) -> None:  # type: ignore[no-untyped-def]
    make, write = kind
    framer: Framer = make()
    faults = Faults()
    pieces = cut_at(b"".join(map(write, frames)), places)
    out = [frame.data for piece in pieces for frame in framer.cut(piece, faults)]
    assert out + [frame.data for frame in framer.finish(faults)] == frames
    assert faults.malformed() == []


marks = st.sampled_from([b"\x1a", b"\x1a1", b"\x1a2", b"\x1a3", b"\x1a\x1a", b"\x1a4"])
noise = st.lists(st.binary(max_size=30) | marks | data_of_frames.map(beast), max_size=12).map(b"".join)


@pytest.mark.slow
@given(noise, cuts)
@example(b"\x1a\x1a\x1a", [1])
def test_no_bytes_disturb_framing_and_the_cut_does_not_matter(stream: bytes, places: list[int]) -> None:
    whole, parts = BeastFramer(), BeastFramer()
    expected = whole.cut(stream, Faults())
    found = [frame for piece in cut_at(stream, places) for frame in parts.cut(piece, Faults())]
    assert found == expected
    assert len(parts._rest) < 2 + 2 * 21
    # In two more frames at most it is in step again.
    assert [f.data for f in whole.cut(beast(ODD) * 2 + beast(EVEN), Faults())][-1:] == [EVEN]


# -- what frames say ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", [CALLSIGN, VELOCITY, EVEN, ODD])
def test_the_parity_of_real_frames_is_right(frame: bytes) -> None:
    assert parity_rest(frame) == 0


@pytest.mark.slow
@given(st.sampled_from([EVEN, VELOCITY]), st.lists(st.integers(0, 111), min_size=1, max_size=5, unique=True))
def test_a_frame_with_up_to_five_wrong_bits_has_a_wrong_parity(frame: bytes, bits: list[int]) -> None:
    number = int.from_bytes(frame, "big")
    for bit in bits:
        number ^= 1 << bit
    assert parity_rest(number.to_bytes(14, "big")) != 0


@needs_pymodes
def test_positions_are_withheld_until_several_agree() -> None:
    assert all_reports([EVEN, ODD]) == []
    reports = all_reports(flight())
    assert 1 <= len(reports) < 10
    for report, k in zip(reversed(reports), reversed(range(10)), strict=False):
        assert report.id == "icao:4b1814"
        assert report.at_ms == NOW_MS + 500 * k
        assert report.latitude_deg == pytest.approx(46.2 + 0.001 * k, abs=5e-5)
        assert report.longitude_deg == pytest.approx(6.1, abs=5e-5)
        assert report.pressure_altitude_ft == 10_000 + 25 * k
        assert math.isnan(report.ground_speed_mps)
        assert not report.on_ground


@needs_pymodes
def test_one_position_that_does_not_fit_is_not_told() -> None:
    frames = [*flight(), airborne("4b1814", 40.0, 6.1, 10_250, odd=True), *flight(lat=46.21)]
    assert all(46.1 < report.latitude_deg < 46.4 for report in all_reports(frames))


@needs_pymodes
def test_what_other_messages_tell_is_put_to_the_position() -> None:
    identity = squitter("4b1814", 4 << 51 | 7 << 48 | 0x0B0CB1CB1D20)  # category A7
    squawk = squitter("4b1814", 28 << 51 | 1 << 48 | 0x0AAA << 32)
    status = squitter("4b1814", 31 << 51 | 2 << 13 | 9 << 8)  # version 2, NACp 9
    selected = squitter("4b1814", 29 << 51 | 1 << 49 | (313 << 36) | 10 << 13)  # 9,984 ft, NACp 10
    others = [identity, velocity("4b1814", 0, 120, 640, geometric_ft=150), squawk, status]
    report = all_reports(
        [*flight(), *others, airborne("4b1814", 46.211, 6.1, 10_250, odd=True)], step_ms=400
    )[-1]
    assert report.ground_speed_mps == pytest.approx(61.733, abs=0.001)
    assert report.track_deg == 0.0
    assert report.vertical_rate_mps == pytest.approx(3.2512)
    assert report.altitude_m == pytest.approx((10_250 + 150) * 0.3048)
    assert report.kind is TrackKind.HELICOPTER
    assert report.callsign is not None
    assert report.squawk is not None
    assert len(report.squawk) == 4
    assert report.horizontal_error_m == 30.0
    report = all_reports([*flight(), selected, airborne("4b1814", 46.211, 6.1, 10_250, odd=True)])[-1]
    assert report.selected_altitude_ft == 9_984.0
    assert report.horizontal_error_m == 10.0


@needs_pymodes
def test_a_height_by_satellite_is_no_pressure_altitude() -> None:
    frames = [by_satellite("4b1814", 46.2 + 0.001 * k, 6.1, 3_000, odd=k % 2 == 1) for k in range(10)]
    report = all_reports(frames)[-1]
    assert report.altitude_m == pytest.approx(3_000, abs=0.31)  # pyModeS tells whole feet
    assert math.isnan(report.pressure_altitude_ft)


@needs_pymodes
def test_an_altitude_that_jumps_and_a_selection_of_the_computer_are_not_believed() -> None:
    by_computer = squitter("4b1814", 29 << 51 | 1 << 49 | 1 << 47 | (313 << 36) | 10 << 13)
    jump = airborne("4b1814", 46.21, 6.1, 30_000, odd=False)
    reports = all_reports([*flight(), by_computer, jump, airborne("4b1814", 46.212, 6.1, 10_300, odd=True)])
    assert reports[-1].pressure_altitude_ft == 10_300
    assert max(report.pressure_altitude_ft for report in reports) == 10_300
    assert math.isnan(reports[-1].selected_altitude_ft)


class BrokenPipe:
    """Stands for a decoder with a fault."""

    def decode(self, msg: str, *, timestamp: float) -> dict[str, object]:
        raise IndexError(msg, timestamp)


@needs_pymodes
def test_a_fault_of_the_library_costs_one_frame() -> None:
    mode, faults = ModeS(), Faults()
    mode._pipe = BrokenPipe()  # type: ignore[assignment]
    assert mode.reports([EVEN, ODD], NOW_MS, faults) == []
    assert [(f.count, f.reason) for f in faults.malformed()] == [(2, "a frame cannot be decoded")]


@needs_pymodes
def test_the_values_of_the_textbook_come_out() -> None:
    mode, faults = ModeS(), Faults()
    mode.reports([CALLSIGN, VELOCITY], NOW_MS, faults)
    report = mode._heard.hear("icao:4840d6", NOW_MS).report(0.0, 0.0)
    assert report.callsign == "KLM1023"
    report = mode._heard.hear("icao:485020", NOW_MS).report(0.0, 0.0)
    assert report.ground_speed_mps == pytest.approx(159 * 1852 / 3600, abs=0.3)
    assert report.track_deg == pytest.approx(182.88, abs=0.01)
    assert report.vertical_rate_mps == pytest.approx(-832 * 0.3048 / 60)


@needs_pymodes
@pytest.mark.parametrize(
    ("control", "report_id"), [(0, "icao:4b1814"), (1, "track:4b1814"), (6, "icao:4b1814")]
)
def test_an_address_that_is_not_of_icao_is_a_number_of_its_source(control: int, report_id: str) -> None:
    assert {report.id for report in all_reports(flight(first=18 << 3 | control))} == {report_id}


@needs_pymodes
def test_what_is_no_fine_position_is_left_aside() -> None:
    assert all_reports(flight(first=18 << 3 | 3)) == []
    assert all_reports([bytes(14), bytes(7), bytes.fromhex("5d4ca7b5a8f2c1")]) == []


@needs_pymodes
def test_frames_with_a_wrong_parity_are_counted() -> None:
    faults = Faults()
    wrong = [frame[:-1] + bytes([frame[-1] ^ 1]) for frame in flight()]
    assert ModeS().reports(wrong, NOW_MS, faults) == []
    assert [(f.count, f.reason) for f in faults.malformed()] == [(10, "the parity of a frame is wrong")]


@needs_pymodes
def test_positions_on_the_ground_need_to_know_where_the_receiver_is() -> None:
    frames = [on_ground("4b1814", 46.23, 6.1 + 0.0001 * k, odd=k % 2 == 1) for k in range(8)]
    assert all_reports(frames) == []
    reports = all_reports(frames, ModeS(LatLng(46.3, 6.2)))
    assert reports
    assert all(report.on_ground for report in reports)
    assert reports[-1].latitude_deg == pytest.approx(46.23, abs=1e-4)
    assert reports[-1].longitude_deg == pytest.approx(6.1007, abs=1e-4)
    assert reports[-1].ground_speed_mps == pytest.approx(15 * 1852 / 3600)


@needs_pymodes
def test_a_position_on_the_ground_is_not_told_of_what_flew_far_from_the_receiver() -> None:
    mode, faults = ModeS(LatLng(40.0, 6.0)), Faults()
    assert all_reports(flight(), mode)
    assert mode.reports([on_ground("4b1814", 46.23, 6.1, odd=False)], NOW_MS + 9_000, faults) == []
    assert [f.count for f in faults.malformed()] == [1]


@needs_pymodes
def test_who_sends_too_much_is_not_listened_to_for_the_rest_of_the_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mode_s, "FRAMES_PER_SECOND_MAX", 5)
    mode, faults = ModeS(), Faults()
    mode.reports([EVEN] * 8, NOW_MS, faults)
    assert [f.count for f in faults.malformed()] == [3]
    mode.reports([EVEN] * 5, NOW_MS + 1_000, faults)
    assert [f.count for f in faults.malformed()] == [3]


@needs_pymodes
def test_there_is_no_room_for_any_number_of_aircraft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mode_s, "AIRCRAFT_MAX", 20)
    mode, faults = ModeS(), Faults()
    mode.reports([squitter(f"{k:06x}", 11 << 51) for k in range(50)], NOW_MS, faults)
    assert [f.count for f in faults.malformed()] == [30]
    mode.reports([squitter(f"{k:06x}", 11 << 51) for k in range(50)], NOW_MS, faults)
    assert len(mode._heard) == 20
    assert len(mode._pipe._pending_even) <= 20


@needs_pymodes
@pytest.mark.parametrize(("make", "write"), [(BeastDecoder, beast), (RawDecoder, avr)])
def test_both_formats_give_the_same_reports(make: type[BeastDecoder], write: type[bytes]) -> None:
    decoder: Decoder = make()
    reports = [
        report
        for k, frame in enumerate(flight())
        for report in decoder.decode(write(frame), NOW_MS + k * 500).reports
    ]
    assert list(map(repr, reports)) == list(map(repr, all_reports(flight())))
    assert decoder.finish(NOW_MS).malformed == []
    assert decoder.decode(write(airborne("4b1814", 46.211, 6.1, 10_250, odd=True)), NOW_MS).reports == []


STREAM = b"".join(map(beast, [*flight(), CALLSIGN, velocity("4b1814", -10, 120, -64), *flight("3c0001")]))
TEXT = b"".join(map(avr, [*flight(), CALLSIGN, velocity("4b1814", -10, 120, -64), *flight("3c0001")]))


@pytest.mark.slow
@needs_pymodes
@given(st.data(), st.sampled_from([(BeastDecoder, STREAM), (RawDecoder, TEXT)]))
def test_no_damage_makes_a_decoder_raise(data: st.DataObject, kind: tuple[type[BeastDecoder], bytes]) -> None:
    make, stream = kind
    check_sane(decode_in_pieces(make(), [data.draw(damaged(stream))]))


@pytest.mark.slow
@needs_pymodes
@given(st.lists(st.integers(0, 2**56 - 1), max_size=20), st.sampled_from([0x8D, 0x90, 0x91, 0x96]))
def test_no_frame_with_a_right_parity_makes_a_decoder_raise(messages: list[int], first: int) -> None:
    stream = b"".join(beast(squitter("4b1814", message, first)) for message in messages)
    check_sane(decode_in_pieces(BeastDecoder(), [stream]))


@pytest.mark.slow
@needs_pymodes
@given(cuts, st.sampled_from([(BeastDecoder, STREAM), (RawDecoder, TEXT)]))
def test_the_cut_of_a_stream_does_not_matter(
    places: list[int], kind: tuple[type[BeastDecoder], bytes]
) -> None:
    make, stream = kind
    check_same_in_any_pieces(make, stream, places)


def test_without_pymodes_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyModeS", None)
    with pytest.raises(InvalidValueError, match=r"keepclear\[adsb\]"):
        BeastDecoder()
