"""Tracks of `traffic` as pandas writes them: records or columns, whole or with gaps."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.codec import report_files
from keepclear.codec.decoding import Decoded
from keepclear.codec.report_files import decode_traffic
from keepclear.core.reports import Report
from tests.codec.streams import NOW_MS, check_sane, damaged, shown

ROW = {
    "timestamp": NOW_MS,
    "icao24": "4b1814",
    "latitude": 46.2,
    "longitude": 6.1,
    "altitude": 10_000.0,
    "geoaltitude": 10_325,
    "groundspeed": 120.5,
    "track": 271.25,
    "vertical_rate": -640,
    "selected_mcp": 6_016.0,
    "onground": False,
    "callsign": "RSQ12",
    "squawk": 14.0,
    "flight_id": "RSQ12_001",
    "hour": NOW_MS // 1000,
}


def records(*rows: Any) -> bytes:
    return json.dumps(rows).encode()


def columns(*rows: dict[str, Any]) -> bytes:
    names = dict.fromkeys(name for row in rows for name in row)
    return json.dumps({n: {str(k): row.get(n) for k, row in enumerate(rows)} for n in names}).encode()


def read(body: bytes) -> Decoded:
    decoded = decode_traffic(body, 0)
    check_sane(decoded)
    return decoded


def reasons(decoded: Decoded) -> list[tuple[int, str]]:
    return [(fault.count, fault.reason) for fault in decoded.malformed]


@pytest.mark.parametrize("write", [records, columns])
def test_a_row_becomes_a_report_in_our_units(write: Any) -> None:
    decoded = read(write(ROW))
    assert decoded.malformed == []
    expected = Report(
        "icao:4b1814",
        NOW_MS,
        46.2,
        6.1,
        10_325 * 0.3048,
        10_000.0,
        120.5 * (1852 / 3600),
        271.25,
        -640 * (0.3048 / 60),
        selected_altitude_ft=6_016.0,
        callsign="RSQ12",
        squawk="0014",
    )
    assert shown(decoded.reports) == shown([expected])


@pytest.mark.parametrize("write", [records, columns])
def test_reports_come_in_the_order_of_their_times_and_else_as_they_stand(write: Any) -> None:
    rows = [ROW | {"timestamp": NOW_MS + at, "icao24": f"{k:06x}"} for k, at in enumerate((5, 0, 5, 1, 0))]
    assert [int(report.id[5:], 16) for report in read(write(*rows)).reports] == [1, 4, 3, 0, 2]


@pytest.mark.parametrize("write", [records, columns])
def test_rows_without_a_position_are_counted(write: Any) -> None:
    gap = {name: value for name, value in ROW.items() if name not in ("latitude", "longitude")}
    decoded = read(write(ROW, ROW | {"latitude": None}, gap, gap | {"timestamp": None}))
    assert len(decoded.reports) == 1
    assert reasons(decoded) == [(3, "a row has no position")]


@pytest.mark.parametrize(
    ("told", "at_ms"),
    [
        (1_777_636_800, NOW_MS),
        (1_777_636_800.25, NOW_MS + 250),
        (NOW_MS, NOW_MS),
        (NOW_MS * 1_000, NOW_MS),
        (NOW_MS * 1_000_000, NOW_MS),
        ("2026-05-01T12:00:00.000Z", NOW_MS),
        ("2026-05-01 14:00:00+02:00", NOW_MS),
    ],
)
def test_the_unit_of_a_time_shows_in_its_size(told: object, at_ms: int) -> None:
    assert read(records(ROW | {"timestamp": told})).reports[0].at_ms == at_ms


@pytest.mark.parametrize("told", [None, -1, 1e300, 10**25, "2026-05-01T12:00:00", "yesterday", ""])
def test_a_time_that_is_no_instant_is_counted(told: object) -> None:
    decoded = read(records(ROW | {"timestamp": told}, ROW))
    assert len(decoded.reports) == 1
    assert reasons(decoded) == [(1, "a `timestamp` is no instant; text needs a zone")]


@pytest.mark.parametrize("told", [None, "", "RSQ12", "4b18"])
def test_an_address_that_is_none_is_counted(told: object) -> None:
    decoded = read(records(ROW | {"icao24": told}, ROW))
    assert len(decoded.reports) == 1
    assert reasons(decoded) == [(1, "an `icao24` is not six hexadecimal digits")]


@pytest.mark.parametrize(
    ("told", "squawk"), [("7014", "7014"), (7014, "7014"), (7.0, "0007"), (None, None), ("", None)]
)
def test_a_squawk_is_four_digits_though_pandas_makes_a_number_of_it(told: object, squawk: str | None) -> None:
    assert read(records(ROW | {"squawk": told})).reports[0].squawk == squawk


@pytest.mark.parametrize("write", [records, columns])
@pytest.mark.parametrize(
    "bad", [{"latitude": "46"}, {"icao24": 4_560_000}, {"track": [1]}, {"onground": "no"}, {"squawk": {}}]
)
def test_a_value_of_a_wrong_type_spoils_only_its_own_row(write: Any, bad: dict[str, Any]) -> None:
    decoded = read(write(ROW, ROW | bad, ROW | bad, ROW))
    assert len(decoded.reports) == 2
    assert reasons(decoded) == [(2, "a row is not written as it should be")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"7",
        b"{}",
        b'{"type": "FeatureCollection", "features": []}',
        b'{"timestamp": [1, 2]}',
        b'{"timestamp": {"0": 1',
        b"[" * 100_000,
        b'{"timestamp": {"0": ' + b"[" * 100_000,
        records(ROW)[:-5],
        b'[{"latitude": NaN}]',
        b'{"latitude": {"0": NaN}}',
    ],
)
def test_what_is_no_such_file_is_counted_once(body: bytes) -> None:
    decoded = read(body)
    assert decoded.reports == []
    assert [fault.count for fault in decoded.malformed] == [1]


@pytest.mark.parametrize("write", [records, columns])
@pytest.mark.parametrize(
    ("name", "value"), [("FILE_REPORTS_MAX", 3), ("_CELLS_MAX", 20), ("DOCUMENT_BYTES_MAX", 99)]
)
def test_a_file_that_is_too_large_is_not_read_at_all(
    write: Any, name: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_files, name, value)
    decoded = read(write(*[ROW] * 20))
    assert decoded.reports == []
    assert [fault.count for fault in decoded.malformed] == [1]
    assert "split it" in decoded.malformed[0].reason
    assert [fault.count for fault in read(b"[1,1,1,1]").malformed] == [1 if name == "FILE_REPORTS_MAX" else 4]


@pytest.mark.slow
@given(
    st.sampled_from([records, columns]).flatmap(lambda write: damaged(write(ROW, ROW, ROW)))
    | st.binary(max_size=99)
)
def test_no_damage_makes_it_raise(body: bytes) -> None:
    read(body)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.slow
@given(st.lists(st.dictionaries(st.sampled_from(sorted(ROW)), values, max_size=5), max_size=3))
@example([{"timestamp": "0001-01-01T00:00:00+23:59"}])
@example([{"squawk": -1.5}, {"squawk": 10**18}, {"altitude": 1e308}])
def test_no_values_make_it_raise_and_both_ways_of_writing_mean_the_same(
    changed: list[dict[str, Any]],
) -> None:
    rows = [ROW, *(ROW | each for each in changed)]
    as_records, as_columns = read(records(*rows)), read(columns(*rows))
    assert len(as_records.reports) >= 1
    assert shown(as_columns.reports) == shown(as_records.reports)
    counts = [sum(fault.count for fault in told.malformed) for told in (as_records, as_columns)]
    assert counts[0] == counts[1]
    assert not any(math.isnan(report.latitude_deg) for report in as_records.reports)
