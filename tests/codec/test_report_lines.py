"""Report lines: what is written is read again, and each slip is told."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.codec.decoding import Decoded, Faults, printable
from keepclear.codec.report_lines import ReportLinesDecoder, encode_lines
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report, gather
from tests.codec.streams import (
    NOW_MS,
    check_same_in_any_pieces,
    check_sane,
    cuts,
    damaged,
    decode_in_pieces,
    shown,
)

LEAST = {"id": "icao:4b1814", "at_ms": NOW_MS, "lat": 46.2, "lng": 6.1}
FULL = LEAST | {
    "altitude_m": 3_147.0,
    "pressure_altitude_ft": 10_000,
    "ground_speed_mps": 62.0,
    "track_deg": 271.5,
    "vertical_rate_mps": -3.25,
    "horizontal_error_m": 30,
    "vertical_error_m": 20.5,
    "selected_altitude_ft": 6_016,
    "on_ground": False,
    "kind": "helicopter",
    "callsign": "RSQ12",
    "squawk": "7014",
    "party": "relief",
    "operation": "R7",
}


def line(**changed: Any) -> bytes:
    """Return the least line with fields changed; `...` leaves one out."""
    fields = {name: value for name, value in (LEAST | changed).items() if value is not ...}
    return json.dumps(fields).encode() + b"\n"


def read(stream: bytes) -> Decoded:
    decoded = decode_in_pieces(ReportLinesDecoder(), [stream])
    check_sane(decoded)
    return decoded


def one(**changed: Any) -> Report:
    decoded = read(line(**changed))
    assert decoded.malformed == []
    (report,) = decoded.reports
    return report


def test_all_that_a_line_tells_is_in_the_report() -> None:
    decoded = read(json.dumps(FULL).encode())
    assert decoded.malformed == []
    assert decoded.reports == [
        Report(
            "icao:4b1814",
            NOW_MS,
            46.2,
            6.1,
            3_147.0,
            10_000.0,
            62.0,
            271.5,
            -3.25,
            30.0,
            20.5,
            6_016.0,
            False,
            TrackKind.HELICOPTER,
            "RSQ12",
            "7014",
            "relief",
            "R7",
        )
    ]


def test_the_numbers_of_a_report_are_floats_whatever_is_written() -> None:
    (report,) = read(json.dumps(FULL | {"lat": 46, "lng": 6}).encode()).reports
    assert all(type(value) is float for value in report[2:12])


def test_what_is_not_told_or_null_or_empty_is_not_known() -> None:
    nothing: dict[str, Any] = dict.fromkeys(set(FULL) - set(LEAST))
    empty = {"callsign": "", "squawk": "", "party": "", "operation": ""}
    for told in (one(), one(**nothing), one(**empty)):
        assert shown([told]) == shown([Report("icao:4b1814", NOW_MS, 46.2, 6.1)])


@pytest.mark.parametrize(
    ("at", "at_ms"),
    [
        ("2026-05-01T12:00:00Z", NOW_MS),
        ("2026-05-01T14:00:00.25+02:00", NOW_MS + 250),
        ("2026-05-01T12:00:00.0019Z", NOW_MS + 1),
    ],
)
def test_a_time_may_be_written_for_people(at: str, at_ms: int) -> None:
    assert one(at=at, at_ms=...).at_ms == at_ms


def test_other_units_and_names_are_read() -> None:
    assert one(lng=..., lon=6.1).longitude_deg == 6.1
    assert one(ground_speed_kt=100).ground_speed_mps == pytest.approx(51.444444)
    assert one(vertical_rate_fpm=-600).vertical_rate_mps == pytest.approx(-3.048)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"at_ms": ...}, "a line tells no time: neither at nor at_ms"),
        ({"at": "2026-05-01T12:00:00Z"}, "a line tells both at and at_ms; leave one out"),
        ({"lng": ...}, "a line tells no longitude: neither lng nor lon"),
        ({"lon": 6.1}, "a line tells both lng and lon; leave one out"),
        ({"ground_speed_mps": 1, "ground_speed_kt": 2}, "a line tells a speed in two units; leave one out"),
        ({"vertical_rate_mps": 1, "vertical_rate_fpm": 2}, "a line tells a rate in two units; leave one out"),
        ({"lat": ...}, "a line is no report"),
        ({"id": ...}, "a line is no report"),
        ({"id": 7}, "a line is no report"),
        ({"lat": "46.2"}, "a line is no report"),
        ({"lat": None}, "a line is no report"),
        ({"at_ms": 1.5}, "a line is no report"),
        ({"at": "2026-05-01T12:00:00", "at_ms": ...}, "a line is no report"),
        ({"kind": "bomber"}, "a line is no report"),
        ({"on_ground": 1}, "a line is no report"),
        ({"altitude_ft": 100}, "a line has an unknown field"),
    ],
)
def test_a_line_with_a_slip_is_counted_and_others_are_read(changed: dict[str, Any], reason: str) -> None:
    decoded = read(line() + line(**changed) * 2 + line())
    assert len(decoded.reports) == 2
    assert [(fault.count, fault.reason) for fault in decoded.malformed] == [(2, reason)]


def test_the_sample_names_the_field() -> None:
    (fault,) = read(line(altitude_ft=100)).malformed
    assert "`altitude_ft`" in fault.sample
    (fault,) = read(line(lat="46.2")).malformed
    assert "`lat`" in fault.sample


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b'{"id":"a","at_ms":1,"lat":NaN,"lng":1}',
        b'{"id":"a","at_ms":1,"lat":Infinity,"lng":1}',
        b'{"id":"a","at_ms":1,"lat":1e400,"lng":1}',
        b'{"id":"a","at_ms":%s,"lat":1,"lng":1}' % (b"9" * 5_000),
        b'{"id":"\xff","at_ms":1,"lat":1,"lng":1}',
        b'{"id":"\\ud800","at_ms":1,"lat":1,"lng":1}',
        b"[" * 60_000,
        b'{"id":' + b"[" * 60_000,
        b"null",
        b"[]",
        b"7",
        line().rstrip() * 2,
        b"\xef\xbb\xbf" + line().rstrip(),
        b"<event/>",
    ],
)
def test_what_is_no_line_of_ours_is_counted_once(text: bytes) -> None:
    decoded = read(line() + text + b"\n" + line())
    assert len(decoded.reports) == 2
    assert [fault.count for fault in decoded.malformed] == [1]


def test_an_object_that_spans_lines_is_none_of_ours() -> None:
    decoded = read(line().replace(b",", b",\n") + line())
    assert len(decoded.reports) == 1
    assert sum(fault.count for fault in decoded.malformed) == 4


def test_lines_may_end_as_they_do_elsewhere_and_be_blank() -> None:
    assert len(read(b"\r\n" + line().replace(b"\n", b"\r\n") + b"  \n" + line().rstrip()).reports) == 2


@pytest.mark.parametrize("at_ms", [10**30, -(10**30)])
def test_a_time_that_no_machine_holds_is_refused_with_its_row_alone(at_ms: int) -> None:
    gathered = gather("test", read(line(at_ms=at_ms) + line()).reports, NOW_MS)
    assert [refused.row for refused in gathered.refused] == [0]


def test_the_line_on_the_page_of_feeds_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/feeds.md").read_text(encoding="utf-8")
    (block,) = re.findall(
        r"^```json\n(.*?)^```", page.split("## Report lines\n")[1].split("\n## ")[0], re.DOTALL | re.MULTILINE
    )
    decoded = read(block.encode())
    assert (len(decoded.reports), decoded.malformed) == (1, [])


def test_of_a_name_that_stands_twice_the_last_counts() -> None:
    assert read(b'{"id":"a","lat":1,"lat":2,"at_ms":1,"lng":3}').reports[0].latitude_deg == 2.0


numbers = {
    "altitude_m": st.floats(-1e6, 1e6),
    "pressure_altitude_ft": st.floats(-1e6, 1e6),
    "ground_speed_mps": st.floats(0.0, 3_000.0),
    "track_deg": st.floats(0.0, 360.0),
    "vertical_rate_mps": st.floats(-3_000.0, 3_000.0),
    "horizontal_error_m": st.floats(0.0, 1e6),
    "vertical_error_m": st.floats(0.0, 1e6),
    "selected_altitude_ft": st.floats(-1e6, 1e6),
}
words = st.none() | st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=20)
reports = st.builds(
    Report,
    id=st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=20),
    at_ms=st.integers(0, 4_000_000_000_000),
    latitude_deg=st.floats(-90.0, 90.0),
    longitude_deg=st.floats(-180.0, 180.0),
    on_ground=st.booleans(),
    kind=st.sampled_from(TrackKind),
    callsign=words,
    squawk=words,
    party=words,
    operation=words,
    **{name: st.just(math.nan) | values for name, values in numbers.items()},
)


@pytest.mark.slow
@given(st.lists(reports, max_size=5), cuts)
@example([Report("a", 0, -0.0, 5e-324, altitude_m=1 / 3)], [])
def test_what_is_written_is_read_again(rows: list[Report], places: list[int]) -> None:
    written = gather("test", rows, NOW_MS)
    assert written.refused == ()
    stream = encode_lines(written.reports)
    decoded = read(stream)
    assert decoded.malformed == []
    again = gather("test", decoded.reports, NOW_MS)
    assert again.refused == ()
    for name in Report._fields[1:13]:
        np.testing.assert_array_equal(getattr(again.reports, name), getattr(written.reports, name))
    for name in ("ids", "kinds", "callsigns", "squawks", "parties", "operations"):
        assert getattr(again.reports, name) == getattr(written.reports, name)
    check_same_in_any_pieces(ReportLinesDecoder, stream, places)


GOOD = (
    json.dumps(FULL).encode()
    + b"\n"
    + line()
    + line(at="2026-05-01T12:00:00Z", at_ms=...)
    + line(kind="drone")
)


@pytest.mark.slow
@given(damaged(GOOD) | st.binary(max_size=200), cuts)
def test_no_damage_makes_it_raise_and_the_cut_does_not_matter(stream: bytes, places: list[int]) -> None:
    read(stream)
    check_same_in_any_pieces(ReportLinesDecoder, stream, places)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from([*FULL, "at", "lon", "ground_speed_kt", "x"]), values, max_size=5))
@example({"at": "0001-01-01T00:00:00+23:59", "at_ms": None})
@example({"at": "9999-12-31T23:59:59-23:59", "at_ms": None})
def test_no_values_make_it_raise(changed: dict[str, Any]) -> None:
    decoded = read(line(**changed) + line())
    assert len(decoded.reports) + sum(fault.count for fault in decoded.malformed) == 2


# -- what all decoders count --------------------------------------------------------------------------------


def test_faults_are_counted_by_reason_with_a_sample_of_the_first() -> None:
    faults = Faults()
    for reason, sample in (("a", b"first"), ("b", b"\x00\xff"), ("a", b"second")):
        faults.add(reason, sample)
    assert faults.malformed() == [(2, "a", "first"), (1, "b", "\\x00\\xff")]


@given(st.binary(max_size=400) | st.text(st.characters(), max_size=400))
@example("\ud800")
def test_a_sample_is_short_and_printable(sample: bytes | str) -> None:
    text = printable(sample)
    assert len(text) <= 80
    assert text.isprintable()
