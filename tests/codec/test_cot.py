"""Cursor on Target: what of an event becomes a report, what streams may be like, what is written."""

from __future__ import annotations

import math
from itertools import pairwise
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from keepclear.codec.cot import CotDecoder, decode_cot, id_of, kind_of
from keepclear.codec.cot_cutting import EVENT_BYTES_MAX, TAG_BYTES_MAX
from keepclear.codec.cot_writing import (
    STALE_AFTER_MS,
    CotTrack,
    Relation,
    cot_tracks,
    encode_track,
)
from keepclear.codec.decoding import Decoded
from keepclear.core.errors import InvalidValueError
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report
from keepclear.core.track_picture import TrackPicture, TrackStatus
from tests.codec.streams import (
    NOW_MS,
    check_same_in_any_pieces,
    check_sane,
    cut_at,
    cuts,
    damaged,
    decode_in_pieces,
)

DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
POINT = '<point lat="47.1" lon="8.2" hae="1200.5" ce="10.0" le="20.0"/>'
DETAIL = '<detail><contact callsign="REGA 1"/><track course="90.5" speed="51.2"/></detail>'


def event(
    uid: str = "ANDROID-1",
    kind: str = "a-f-A-C-H",
    point: str = POINT,
    detail: str = DETAIL,
    time: str = "2026-05-01T12:00:00.500Z",
    more: str = 'how="m-g"',
) -> str:
    return (
        f'<event version="2.0" uid="{uid}" type="{kind}" {more} time="{time}" start="{time}"'
        f' stale="2026-05-01T12:05:00Z">{point}{detail}</event>'
    )


def decode(*events: str) -> Decoded:
    return decode_in_pieces(CotDecoder(), ["".join(events).encode()])


def report(*events: str) -> Report:
    (only,), malformed = decode(*events)
    assert malformed == []
    return only


def reasons(*events: str) -> list[str]:
    reports, malformed = decode(*events)
    assert reports == []
    return [fault.reason for fault in malformed]


# -- what an event says ---------------------------------------------------------------------------------


def test_an_event_about_a_thing_becomes_a_report() -> None:
    assert report(event())._replace(pressure_altitude_ft=0.0, vertical_rate_mps=0.0) == Report(
        id="cot:ANDROID-1",
        at_ms=NOW_MS + 500,
        latitude_deg=47.1,
        longitude_deg=8.2,
        altitude_m=1200.5,
        pressure_altitude_ft=0.0,
        ground_speed_mps=51.2,
        track_deg=90.5,
        vertical_rate_mps=0.0,
        horizontal_error_m=24.5,  # of one sigma it makes 95 % in the plane
        vertical_error_m=20.0 * 1.96,
        selected_altitude_ft=math.nan,
        kind=TrackKind.HELICOPTER,
        callsign="REGA 1",
    )._replace(selected_altitude_ft=report(event()).selected_altitude_ft)


@pytest.mark.parametrize("affiliation", list("fhnusjkpxo."))
def test_whom_its_sender_takes_it_for_changes_nothing(affiliation: str) -> None:
    assert repr(report(event(kind=f"a-{affiliation}-A-C-H"))) == repr(report(event()))


@pytest.mark.parametrize(
    ("event_type", "kind", "on_ground"),
    [
        ("a-f-A-M-F-Q", TrackKind.DRONE, False),
        ("a-n-A-C-F-q", TrackKind.DRONE, False),
        ("a-u-A-M-H-Q", TrackKind.DRONE, False),
        ("a-n-A-M-H", TrackKind.HELICOPTER, False),
        ("a-n-A-C-F", TrackKind.AEROPLANE, False),
        ("a-n-A-M-F-C-H", TrackKind.AEROPLANE, False),
        ("a-n-A-C-L", TrackKind.UNKNOWN, False),
        ("a-n-A", TrackKind.UNKNOWN, False),
        ("a-f-G-U-C", TrackKind.VEHICLE, True),
        ("a-f-S", TrackKind.UNKNOWN, True),
        ("a-f-P", TrackKind.UNKNOWN, False),
        ("a-f", TrackKind.UNKNOWN, False),
        ("a-", TrackKind.UNKNOWN, False),
    ],
)
def test_the_kind_is_read_from_the_type(event_type: str, kind: TrackKind, on_ground: bool) -> None:
    assert kind_of(event_type) == (kind, on_ground)


@pytest.mark.parametrize(
    ("uid", "expected"),
    [
        ("ICAO-4B1814", "icao:4b1814"),
        ("icao-4b1814", "icao:4b1814"),
        ("ADSB-4B1814", "icao:4b1814"),
        ("ICAO-4B181", "cot:ICAO-4B181"),
        ("ICAO-~2B1814", "cot:ICAO-~2B1814"),
        ("keepclear.icao:4b1814", "icao:4b1814"),
        ("keepclear.rid:1596F3", "rid:1596F3"),
        ("keepclear.radar-1/track:17", "cot:keepclear.radar-1/track:17"),
    ],
)
def test_an_address_in_a_uid_is_recognised(uid: str, expected: str) -> None:
    assert id_of(uid) == expected


def test_what_is_not_known_is_not_told() -> None:
    unknown = report(
        event(
            point='<point lat="47" lon="8" hae="9999999.0" ce="9999999" le="0.0"/>',
            detail='<detail><track course="-1.0" speed="NaN"/></detail>',
        )
    )
    assert all(
        math.isnan(value)
        for value in (
            unknown.altitude_m,
            unknown.horizontal_error_m,
            unknown.vertical_error_m,
            unknown.track_deg,
            unknown.ground_speed_mps,
        )
    )
    assert unknown.callsign is None


def test_an_event_without_details_is_a_report() -> None:
    assert report(event(detail="")).callsign is None


@pytest.mark.parametrize("kind", ["t-x-c-t", "b-m-p-s-m", "b-t-f", "u-d-f", "t-x-takp-v", ""])
def test_events_about_no_thing_are_left_aside(kind: str) -> None:
    assert decode(event(kind=kind, point="")) == Decoded([], [])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (event(more='how="m-s"'), "it is simulated"),
        (event(more='how="m-g" opex="s-drill"'), "it is simulated"),
        (event(uid=""), "an event has no `uid`"),
        (event(point=""), "an event has no `point`"),
        (event(time="2026-05-01T12:00:00"), "`time` is no instant with a zone"),
        (event(time="soon"), "`time` is no instant with a zone"),
        (event(point=POINT.replace("47.1", "47,1")), "`lat`, `lon`, `hae`, `ce` or `le` is not a number"),
        (event(point=POINT.replace(' le="20.0"', "")), "`lat`, `lon`, `hae`, `ce` or `le` is not a number"),
        (event(point=POINT.replace("47.1", "4_7.1")), "`lat`, `lon`, `hae`, `ce` or `le` is not a number"),
        (
            event(point='<point lat="0.0" lon="0.0" hae="9999999.0" ce="9999999.0" le="9999999.0"/>'),
            "it does not know where it is (0, 0)",
        ),
        (event(detail="<detail>&bomb;</detail>"), "an event is not XML as it should be"),
        (event(detail="<detail>\x01</detail>"), "an event is not XML as it should be"),
        (event().replace(' type="a-f-A-C-H"', ""), "an event has no `type`"),
    ],
)
def test_what_cannot_become_a_report_is_counted(text: str, reason: str) -> None:
    assert reasons(text) == [reason]


def test_a_document_type_is_refused_and_its_entities_expand_to_nothing() -> None:
    bomb = (
        '<!DOCTYPE event [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        + event(detail="<detail>&b;</detail>")
        + event()
    )
    reports, malformed = decode(bomb)
    assert len(reports) == 1
    assert [fault.reason for fault in malformed] == [
        "there is something between the events",
        "an event is not XML as it should be",
    ]


def test_a_callsign_that_cannot_be_shown_does_not_cost_the_position() -> None:
    reports, malformed = decode(event(detail=f'<detail><contact callsign="{"x" * 65}"/></detail>'))
    assert reports[0].callsign is None
    assert [fault.count for fault in malformed] == [1]


def test_a_speed_that_is_no_number_does_not_cost_the_position() -> None:
    reports, malformed = decode(event(detail='<detail><track course="90" speed="fast"/></detail>'))
    assert reports[0].track_deg == 90.0
    assert math.isnan(reports[0].ground_speed_mps)
    assert [fault.reason for fault in malformed] == ["`speed` or `course` of a track is not a number"]


# -- streams --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("between", ["", "\n", DECLARATION, "\0", "\ufeff", " \r\n\t"])
def test_events_are_told_from_each_other_whatever_is_usual_between_them(between: str) -> None:
    reports, malformed = decode(*(between + event(uid=f"U{n}") for n in range(3)), between)
    assert [each.id for each in reports] == ["cot:U0", "cot:U1", "cot:U2"]
    assert malformed == []


def test_an_event_may_end_in_its_first_tag_or_with_spaces_in_its_last() -> None:
    ping = '<event version="2.0" uid="a>b" type="t-x-c-t" how=\'/>\' />'
    assert len(decode(ping, event().replace("</event>", "</event  >"), ping, event()).reports) == 2


def test_what_is_no_event_is_one_fault_until_the_next_event() -> None:
    reports, malformed = decode("<auth><cot user='x'/></auth> hello <events/>", event(), "bye")
    assert len(reports) == 1
    assert [(fault.count, fault.reason) for fault in malformed] == [
        (2, "there is something between the events")  # before the event, and behind it
    ]


def test_an_event_that_is_too_long_is_left_out_as_a_whole() -> None:
    long = event(detail=f"<detail>{'x' * EVENT_BYTES_MAX}<event/></detail>")
    longest = event(detail="<detail>{}</detail>")
    longest = longest.format("x" * (EVENT_BYTES_MAX - len(longest) + 2))
    assert len(longest) == EVENT_BYTES_MAX
    data = (long + longest + event()).encode()
    for pieces in ([data], cut_at(data, range(0, len(data), 1000))):
        reports, malformed = decode_in_pieces(CotDecoder(), pieces)
        assert len(reports) == 2
        assert sum(fault.count for fault in malformed) == 1


def test_a_first_tag_that_does_not_end_hides_nothing_that_follows() -> None:
    assert len(decode("<event uid='", event(), event()).reports) == 2
    assert len(decode(f"<event uid='{'x' * TAG_BYTES_MAX}'/>", event()).reports) == 1


def test_no_more_is_kept_than_an_event_may_have() -> None:
    decoder = CotDecoder()
    for _ in range(100):
        decoder.decode(b"<event uid='x'>" + b"y" * 10_000, NOW_MS)
        assert len(decoder._cutter._rest) <= EVENT_BYTES_MAX + 10_000


def test_a_stream_that_comes_byte_by_byte_is_not_searched_from_the_start_each_time() -> None:
    inner = '<a b=">"/>' * 3_000
    data = (event(detail=f"<detail>{inner}</detail>") + event()).encode()
    assert len(decode_in_pieces(CotDecoder(), [data[i : i + 1] for i in range(len(data))]).reports) == 2


def test_an_event_that_does_not_end_is_counted_when_the_stream_does() -> None:
    assert reasons(event()[:-3]) == ["the stream ended within an event"]
    assert len(decode_cot(event().encode(), NOW_MS).reports) == 1


STREAM = (
    DECLARATION
    + event()
    + event(kind="t-x-c-t")
    + "\n"
    + event(uid="ICAO-4B1814")
    + "<x/>"
    + event(uid="Ünïcode", detail="<detail><!-- </event> --></detail>")
    + event(uid="last")
).encode()


@given(cuts)
def test_any_cut_of_a_stream_gives_the_same(places: list[int]) -> None:
    check_same_in_any_pieces(CotDecoder, STREAM, places)


@given(damaged(STREAM), cuts)
def test_a_damaged_stream_never_raises_and_any_cut_of_it_gives_the_same(
    data: bytes, places: list[int]
) -> None:
    check_sane(decode_in_pieces(CotDecoder(), [data]))
    check_same_in_any_pieces(CotDecoder, data, places)


@given(st.lists(st.sampled_from([b"<event", b"</event>", b">", b"/>", b'"', b"<?xml", b"?>", b" a=", b"x"])))
@example([b"<event", b" a=", b'"', b"</event>", b'"', b">", b"</event>"])
def test_tags_in_any_order_never_raise(parts: list[bytes]) -> None:
    data = b"".join(parts)
    check_sane(decode_in_pieces(CotDecoder(), [data]))
    check_same_in_any_pieces(CotDecoder, data, range(len(data)))


@given(st.binary(max_size=300))
def test_any_bytes_never_raise(data: bytes) -> None:
    check_sane(decode_in_pieces(CotDecoder(), [data]))


# -- what is written ------------------------------------------------------------------------------------


def track(**changes: object) -> CotTrack:
    values: dict[str, object] = {
        "id": "icao:4b1814",
        "relation": Relation.OTHER,
        "at_ms": NOW_MS,
        "stale_ms": NOW_MS + STALE_AFTER_MS,
        "latitude_deg": 47.0,
        "longitude_deg": 8.0,
        "kind": TrackKind.HELICOPTER,
        "party": "beta",
    }
    return CotTrack(**(values | changes))  # type: ignore[arg-type]


def test_a_party_is_own_other_or_unknown_and_nothing_else_can_be_written() -> None:
    assert {relation.value for relation in Relation} == {"f", "n", "u"}
    for relation in Relation:
        (root,) = [fromstring(encode_track(track(relation=relation)))]
        assert root.get("type") == f"a-{relation.value}-A"
    assert fromstring(encode_track(track(kind=TrackKind.VEHICLE))).get("type") == "a-n-G"


words = st.text("aZ09 <&>\"']/é中😀-.:", min_size=1, max_size=40).map(lambda word: f"x{word}x")


@given(
    words,
    st.none() | words,
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.floats(0, 60_000) | st.just(math.nan),
    st.floats(0, 500) | st.just(math.nan),
    st.sampled_from(TrackKind),
)
@example("""<&"'>]]>""", """</event><event type="a-h-A">""", 47.0, 8.0, 30.0, 10.0, TrackKind.DRONE)
def test_what_is_written_is_read_again(
    name: str,
    callsign: str | None,
    latitude_deg: float,
    longitude_deg: float,
    error_m: float,
    speed_mps: float,
    kind: TrackKind,
) -> None:
    assume(abs(latitude_deg) + abs(longitude_deg) > 1e-6)  # (0, 0) may stand for nowhere
    written = track(
        id=f"rid:{name}",
        callsign=callsign,
        party=callsign,
        latitude_deg=latitude_deg,
        longitude_deg=longitude_deg,
        horizontal_error_m=error_m,
        altitude_m=error_m,
        pressure_altitude_ft=float(round(error_m)) if error_m >= 0.0 else math.nan,
        ground_speed_mps=speed_mps,
        track_deg=359.999,
        kind=kind,
    )
    (read,), malformed = decode_cot(encode_track(written), NOW_MS)
    assert malformed == []
    assert read.id == f"rid:{name}"
    assert read.callsign == (callsign or written.id)
    assert read.at_ms == NOW_MS
    assert read.latitude_deg == pytest.approx(latitude_deg, abs=1e-7)
    assert read.longitude_deg == pytest.approx(longitude_deg, abs=1e-7)
    assert read.altitude_m == pytest.approx(written.altitude_m, abs=0.06, nan_ok=True)
    assert read.pressure_altitude_ft == pytest.approx(written.pressure_altitude_ft, nan_ok=True)
    assert read.ground_speed_mps == pytest.approx(speed_mps, abs=0.006, nan_ok=True)
    assert read.kind is kind
    if error_m > 1e-6:  # never smaller for having been written
        assert error_m <= read.horizontal_error_m + 1e-9 <= error_m + 0.25


def picture(at_ms: int, *rows: tuple[str, int, str | None, TrackStatus]) -> TrackPicture:
    """Return a picture of aircraft: id, when each was where it is, whose it is, how fresh."""
    n = len(rows)
    ids, times, parties, statuses = zip(*rows, strict=True)
    unknown, no, none = np.full(n, math.nan), np.zeros(n, dtype=np.bool_), (None,) * n
    told_ms = np.array(times, dtype=np.int64)
    return TrackPicture(
        at_ms=at_ms, ids=ids, sources=(("s",),) * n, twins=((),) * n,
        latitude_deg=np.full(n, 47.0), longitude_deg=np.full(n, 8.0),
        position_ms=told_ms, reported_ms=told_ms, altitude_m=unknown, pressure_altitude_ft=unknown,
        altitude_ms=told_ms, ground_speed_mps=unknown, track_deg=unknown, vertical_rate_mps=unknown,
        vertical_slope_mps=unknown, turn_rate_dps=unknown, horizontal_error_m=np.full(n, 50.0),
        vertical_error_m=np.full(n, math.inf), selected_altitude_ft=unknown,
        status=np.array([status.code for status in statuses], dtype=np.uint8),
        is_derived=no, is_frozen=no, is_suspect=no, on_ground=no, suspicions=none,
        kinds=(TrackKind.DRONE,) * n, callsigns=none, squawks=none, parties=parties, operations=none,
    )  # fmt: skip


def test_a_picture_is_written_without_what_is_lost_and_with_the_time_of_each_position() -> None:
    tracks = cot_tracks(
        picture(
            NOW_MS + 60_000,
            ("icao:000001", NOW_MS, "alpha", TrackStatus.LOST),
            ("icao:000002", NOW_MS + 40_000, "beta", TrackStatus.DEGRADED),
            ("icao:000003", NOW_MS + 58_000, None, TrackStatus.CURRENT),
            ("icao:000004", NOW_MS + 50_000, "alpha", TrackStatus.COASTING),
        ),
        "alpha",
    )
    assert [(each.id, each.relation, each.at_ms - NOW_MS) for each in tracks] == [
        ("icao:000002", Relation.OTHER, 40_000),
        ("icao:000003", Relation.UNKNOWN, 58_000),
        ("icao:000004", Relation.OWN, 50_000),
    ]
    assert b"(degraded)" in encode_track(tracks[0])
    for each in tracks:
        assert len(decode_cot(encode_track(each), NOW_MS).reports) == 1


def test_whose_an_aircraft_is_stays_unknown_to_a_party_without_aircraft() -> None:
    (only,) = cot_tracks(picture(NOW_MS, ("cot:x", NOW_MS, None, TrackStatus.CURRENT)), None)
    assert only.relation is Relation.UNKNOWN


def test_an_own_event_that_is_heard_again_is_not_newer_than_what_it_was_made_of() -> None:
    first = report(event())
    (own,) = cot_tracks(picture(NOW_MS + 3_000, (first.id, first.at_ms, None, TrackStatus.CURRENT)), None)
    (heard,), _ = decode_cot(encode_track(own), NOW_MS + 3_100)
    assert (heard.id, heard.at_ms) == (first.id, first.at_ms)


@pytest.mark.parametrize(
    "changes",
    [
        {"latitude_deg": math.nan},
        {"longitude_deg": 181.0},
        {"stale_ms": NOW_MS - 1},
        {"callsign": ""},
        {"party": "a\nb"},
        {"id": "x" * 257},
    ],
)
def test_what_cannot_be_written_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidValueError):
        track(**changes)


def test_stale_times_rise_with_positions() -> None:
    events = [fromstring(encode_track(track(at_ms=NOW_MS + n, stale_ms=NOW_MS + n + 10))) for n in range(3)]
    assert all(a.get("stale", "") < b.get("stale", "") for a, b in pairwise(events))
