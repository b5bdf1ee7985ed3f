"""TAK protocol version 1: frames of streams and of the mesh, beside XML."""

from __future__ import annotations

import math
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.codec.cot import decode_cot
from keepclear.codec.cot_cutting import EVENT_BYTES_MAX
from keepclear.codec.cot_writing import CotTrack, Relation, encode_track
from keepclear.codec.decoding import Decoded
from keepclear.codec.tak import TakDecoder, decode_tak, encode_request, encode_tak_track
from keepclear.core.errors import InvalidValueError
from keepclear.core.kinds import TrackKind
from tests.codec.streams import (
    NOW_MS,
    check_same_in_any_pieces,
    check_sane,
    cuts,
    damaged,
    decode_in_pieces,
    shown,
)

takproto = pytest.importorskip("takproto", reason="the extra tak is not installed")

TRACK = CotTrack(
    id="icao:4b1814",
    relation=Relation.OTHER,
    at_ms=NOW_MS,
    stale_ms=NOW_MS + 30_000,
    latitude_deg=47.125,
    longitude_deg=8.25,
    altitude_m=1200.0,
    pressure_altitude_ft=3900.0,
    horizontal_error_m=24.5,
    vertical_error_m=19.6,
    ground_speed_mps=51.25,
    track_deg=90.5,
    kind=TrackKind.HELICOPTER,
    callsign="REGA <1>",
    party="béta",
)
UNKNOWN = CotTrack(
    id="cot:x", relation=Relation.UNKNOWN, at_ms=NOW_MS, stale_ms=NOW_MS, latitude_deg=1.0, longitude_deg=1.0
)
XML = encode_track(TRACK)
FRAME = encode_tak_track(TRACK)
STREAM = encode_request(NOW_MS) + XML + b"\n" + FRAME + FRAME + XML + b"junk\xbf\x00" + FRAME


def mesh(xml: bytes) -> bytes:
    return bytes(takproto.xml2proto(xml.decode()))


# -- one meaning, three ways to write it ----------------------------------------------------------------


@pytest.mark.parametrize("track", [TRACK, UNKNOWN])
def test_a_frame_says_what_the_event_in_xml_says(track: CotTrack) -> None:
    in_xml = decode_cot(encode_track(track), NOW_MS)
    assert in_xml.malformed == []
    assert shown(decode_tak(encode_tak_track(track), NOW_MS).reports) == shown(in_xml.reports)


@pytest.mark.parametrize("track", [TRACK, UNKNOWN])
def test_our_frame_is_what_the_other_library_makes_of_our_xml(track: CotTrack) -> None:
    ours = takproto.parse_proto(bytearray(encode_tak_track(track)))
    theirs = takproto.parse_proto(bytearray(mesh(encode_track(track))))
    ours.cotEvent.detail.xmlDetail = theirs.cotEvent.detail.xmlDetail = ""
    assert ours == theirs


def test_a_datagram_of_the_mesh_is_read() -> None:
    assert shown(decode_tak(mesh(XML), NOW_MS).reports) == shown(decode_cot(XML, NOW_MS).reports)


def test_a_datagram_may_be_xml() -> None:
    assert shown(decode_tak(XML, NOW_MS).reports) == shown(decode_cot(XML, NOW_MS).reports)


def test_a_stream_may_begin_in_xml_and_go_over_to_frames() -> None:
    reports, malformed = decode_in_pieces(TakDecoder(), [STREAM])
    assert [report.id for report in reports] == ["icao:4b1814"] * 5
    assert [fault.reason for fault in malformed] == ["there is something between the events"]


def test_an_offer_of_frames_is_noticed_and_there_are_words_to_accept_it() -> None:
    decoder = TakDecoder()
    assert not decoder.is_offered
    offer = encode_request(NOW_MS).replace(b"t-x-takp-q", b"t-x-takp-v")
    assert decoder.decode(offer, NOW_MS) == Decoded([], [])
    assert decoder.is_offered
    decoder.finish(NOW_MS)
    assert not decoder.is_offered
    assert b'<TakRequest version="1" />' in encode_request(NOW_MS)


# -- what is not as it should be ------------------------------------------------------------------------


def frame_of(data: bytes) -> bytes:
    return b"\xbf" + bytes([len(data) & 0x7F | 0x80, len(data) >> 7]) + data


def message(**changes: object) -> bytes:
    told = takproto.parse_proto(bytearray(FRAME))
    for name, value in changes.items():
        setattr(told.cotEvent, name, value)
    return frame_of(told.SerializeToString())


def reasons(data: bytes) -> list[str]:
    reports, malformed = decode_tak(data, NOW_MS)
    assert reports == []
    return [fault.reason for fault in malformed]


def test_what_cannot_become_a_report_is_counted() -> None:
    assert reasons(frame_of(b"\xff" * 200)) == ["a frame is not a TAK message"]
    assert reasons(message(uid="")) == ["an event has no `uid`"]
    assert reasons(message(type="")) == ["an event has no `type`"]
    assert reasons(message(sendTime=0)) == ["an event has no time"]
    assert reasons(message(how="m-s")) == ["it is simulated"]
    assert reasons(message(lat=0.0, lon=0.0, ce=9_999_999.0)) == ["it does not know where it is (0, 0)"]
    assert reasons(b"\xbf" + b"\xff" * 5 + b"x") == [
        f"a frame has no length, or one over {EVENT_BYTES_MAX:,} bytes"
    ]
    assert reasons(b"\xbf\x01\xbf" + b"\0" * (EVENT_BYTES_MAX + 1)) == [
        f"a frame is longer than {EVENT_BYTES_MAX:,} bytes"
    ]
    assert reasons(FRAME[:-1]) == ["the stream ended within an event"]


def test_events_about_no_thing_and_messages_of_control_are_left_aside() -> None:
    assert reasons(message(type="b-t-f")) == []
    control = takproto.parse_proto(bytearray(FRAME))
    control.ClearField("cotEvent")
    control.takControl.maxProtoVersion = 1
    assert reasons(frame_of(control.SerializeToString())) == []


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e308])
def test_numbers_that_are_none_do_not_get_through(number: float) -> None:
    decoded = decode_tak(message(lat=number, lon=number, hae=number, ce=number, le=number), NOW_MS)
    check_sane(decoded)


def test_details_that_stayed_xml_are_read_and_those_that_are_none_do_not_cost_the_position() -> None:
    told = takproto.parse_proto(bytearray(FRAME))
    told.cotEvent.detail.ClearField("track")
    told.cotEvent.detail.xmlDetail = '<track course="7" speed="8" slope="9"/>'
    ((report,), malformed) = decode_tak(frame_of(told.SerializeToString()), NOW_MS)
    assert (report.track_deg, report.ground_speed_mps, malformed) == (7.0, 8.0, [])
    told.cotEvent.detail.xmlDetail = '<!DOCTYPE a [<!ENTITY b "c">]><track/>'
    reports, malformed = decode_tak(frame_of(told.SerializeToString()), NOW_MS)
    assert len(reports) == 1
    assert [fault.reason for fault in malformed] == ["`xmlDetail` of an event is not XML as it should be"]


def test_without_the_extra_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "takproto.proto", None)
    with pytest.raises(InvalidValueError, match=r"keepclear\[tak\]"):
        TakDecoder()
    assert "keepclear[tak]" in decode_tak(FRAME, NOW_MS).malformed[0].reason
    assert "keepclear[tak]" in decode_tak(mesh(XML), NOW_MS).malformed[0].reason
    assert len(decode_tak(XML, NOW_MS).reports) == 1


# -- streams --------------------------------------------------------------------------------------------


@given(cuts)
def test_any_cut_of_a_stream_gives_the_same(places: list[int]) -> None:
    check_same_in_any_pieces(TakDecoder, STREAM, places)


@given(damaged(STREAM), cuts)
def test_a_damaged_stream_never_raises_and_any_cut_of_it_gives_the_same(
    data: bytes, places: list[int]
) -> None:
    check_sane(decode_in_pieces(TakDecoder(), [data]))
    check_same_in_any_pieces(TakDecoder, data, places)


@given(st.binary(max_size=200).map(lambda data: b"\xbf" + data) | damaged(mesh(XML)) | damaged(FRAME))
@example(b"\xbf")
@example(b"")
def test_any_datagram_never_raises(data: bytes) -> None:
    check_sane(decode_tak(data, NOW_MS))
