"""Recorded reports as CSV: the same values as in report lines, and each bad row by itself."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.codec.decoding import Decoded
from keepclear.codec.report_sheets import ReportSheetDecoder
from keepclear.core.kinds import TrackKind
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

HEADER = (
    "id,at,lat,lng,pressure_altitude_ft,ground_speed_kt,track_deg,vertical_rate_fpm,on_ground,kind,callsign"
)
ROW = "icao:4b1814,2026-05-01T12:00:00Z,46.2,6.1,10000,120,271.5,-640,false,helicopter,RSQ12"


def read(*lines: str) -> Decoded:
    decoded = decode_in_pieces(ReportSheetDecoder(), ["\n".join(lines).encode("utf-8", "surrogatepass")])
    check_sane(decoded)
    return decoded


def reasons(decoded: Decoded) -> list[tuple[int, str]]:
    return [(fault.count, fault.reason) for fault in decoded.malformed]


def test_a_row_becomes_a_report() -> None:
    decoded = read(HEADER, ROW)
    assert decoded.malformed == []
    expected = Report(
        "icao:4b1814",
        NOW_MS,
        46.2,
        6.1,
        math.nan,
        10_000.0,
        120.0 * (1852.0 / 3600.0),
        271.5,
        -640.0 * (0.3048 / 60.0),
        kind=TrackKind.HELICOPTER,
        callsign="RSQ12",
    )
    assert shown(decoded.reports) == shown([expected])


def test_columns_of_pictures_of_tracks_mean_the_same() -> None:
    header = "id,at_ms,latitude_deg,longitude_deg,position_accuracy_m,altitude_accuracy_ft"
    (report,) = read(header, f"track:7,{NOW_MS},46.2,6.1,30,100").reports
    assert (report.at_ms, report.latitude_deg, report.longitude_deg) == (NOW_MS, 46.2, 6.1)
    assert report.horizontal_error_m == 30.0
    assert report.vertical_error_m == 100.0 * 0.3048


def test_empty_cells_tell_nothing_and_cells_may_be_quoted() -> None:
    decoded = read(HEADER, 'x,"2026-05-01T12:00:00Z",46.2, 6.1 ,,,,,,,"A, ""B"""')
    assert shown(decoded.reports) == shown([Report("x", NOW_MS, 46.2, 6.1, callsign='A, "B"')])


def test_a_byte_order_mark_and_lines_as_elsewhere_are_no_matter() -> None:
    stream = f"\ufeff{HEADER}\r\n\r\n{ROW}\r\n".encode()
    assert len(decode_in_pieces(ReportSheetDecoder(), [stream]).reports) == 1


@pytest.mark.parametrize(("told", "on_ground"), [("true", True), ("1", True), ("False", False), ("0", False)])
def test_a_flag_is_written_in_several_ways(told: str, on_ground: bool) -> None:
    assert read(HEADER, ROW.replace("false", told)).reports[0].on_ground is on_ground


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (
            HEADER.replace("pressure_altitude_ft", "altitude_ft"),
            "unknown column; write pressure_altitude_ft or altitude_m",
        ),
        (HEADER.replace("kind", "sort"), "the header names an unknown column"),
        (HEADER.replace("kind", "latitude_deg"), "the header names a column twice"),
        (HEADER.replace("id,", "party,"), "the header lacks a column id"),
        (HEADER.replace(",at,", ",party,"), "the header lacks a column at or at_ms"),
        (HEADER.replace(",lng,", ",party,"), "the header lacks a column lng or lon"),
        (HEADER.replace(",", ";"), "the header names an unknown column"),
        ("", "the header names an unknown column"),
        ("\ud800", "a row is not UTF-8"),
    ],
)
def test_below_a_header_that_cannot_be_used_no_row_can(header: str, reason: str) -> None:
    decoded = read(header, ROW, ROW)
    assert decoded.reports == []
    assert decoded.malformed[0].count == 1
    assert reason in decoded.malformed[0].reason
    assert decoded.malformed[-1].reason == "a row stands below a header that cannot be used"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("46.2", "", "a row has no position"),
        ("6.1", "", "a row has no position"),
        ("46.2", "nan", "a cell of lat cannot be read"),
        ("46.2", "1e400", "a cell of lat cannot be read"),
        ("46.2", "46,2", "a row has not as many cells as the header"),
        ("false", "perhaps", "a cell of on_ground cannot be read"),
        ("helicopter", "bomber", "a row is no report"),
        ("2026-05-01T12:00:00Z", "2026-05-01T12:00:00", "a row is no report"),
        ("2026-05-01T12:00:00Z", "", "a line tells no time: neither at nor at_ms"),
        ("RSQ12", '"RSQ12', "a row is not CSV, or has a line break in a cell"),
        ("RSQ12", "\ud800", "a row is not UTF-8"),
    ],
)
def test_a_row_that_is_none_is_counted_and_others_are_read(old: str, new: str, reason: str) -> None:
    bad = ROW.replace(old, new)
    decoded = read(HEADER, ROW, bad, bad, ROW)
    assert len(decoded.reports) == 2
    assert reasons(decoded) == [(2, reason)]


@pytest.mark.parametrize("told", ["12.5", "1_000", "\uff19", "1" * 5_000, "-"])
def test_milliseconds_are_whole(told: str) -> None:
    assert reasons(read("id,at_ms,lat,lng", f"x,{told},1,2")) == [(1, "a cell of at_ms cannot be read")]


def test_a_time_in_two_columns_must_stand_in_one_of_them() -> None:
    header, at = "id,at,at_ms,lat,lng", "2026-05-01T12:00:00Z"
    decoded = read(header, f"a,{at},,1,2", f"a,,{NOW_MS},1,2", f"a,{at},{NOW_MS},1,2")
    assert [report.at_ms for report in decoded.reports] == [NOW_MS, NOW_MS]
    assert reasons(decoded) == [(1, "a line tells both at and at_ms; leave one out")]


def test_the_next_file_has_a_header_of_its_own() -> None:
    decoder = ReportSheetDecoder()
    assert len(decode_in_pieces(decoder, [f"{HEADER}\n{ROW}".encode()]).reports) == 1
    assert len(decode_in_pieces(decoder, [b"id,at_ms,lat,lng\na,1,2,3"]).reports) == 1


GOOD = "\n".join([HEADER, ROW, ROW.replace("RSQ12", '"A, B"'), ROW.replace("10000", "")]).encode()


@pytest.mark.slow
@given(damaged(GOOD) | st.binary(max_size=200), cuts)
def test_no_damage_makes_it_raise_and_the_cut_does_not_matter(stream: bytes, places: list[int]) -> None:
    check_sane(decode_in_pieces(ReportSheetDecoder(), [stream]))
    check_same_in_any_pieces(ReportSheetDecoder, stream, places)


cells = st.text(max_size=8) | st.sampled_from(
    ["", "1", "-0", "1e308", "9" * 400, "true", "2026-05-01T12:00:00Z", '"']
)


@pytest.mark.slow
@given(st.lists(st.lists(cells, min_size=11, max_size=11).map(",".join), max_size=5))
@example([ROW.replace("2026-05-01T12:00:00Z", "0001-01-01T00:00:00+23:59")])
def test_no_cells_make_it_raise(rows: list[str]) -> None:
    assert len(read(HEADER, ROW, *rows).reports) >= 1
