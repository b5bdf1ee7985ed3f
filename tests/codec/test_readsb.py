"""`aircraft.json`: both sets of names, whose time it is, and one bad aircraft that spoils only itself."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.codec import readsb
from keepclear.codec.decoding import Decoded
from keepclear.codec.readsb import decode_readsb
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report
from tests.codec.streams import NOW_MS, check_sane, damaged, shown

NOW_S = NOW_MS / 1000.0

READSB = {
    "hex": "4b1814",
    "type": "adsb_icao",
    "flight": "RSQ12   ",
    "r": "HB-XYZ",
    "alt_baro": 10_000,
    "alt_geom": 10_325,
    "gs": 120.5,
    "track": 271.25,
    "baro_rate": -640,
    "geom_rate": -576,
    "squawk": "7014",
    "category": "A7",
    "nav_altitude_mcp": 6_016,
    "lat": 46.2,
    "lon": 6.1,
    "nic": 8,
    "seen_pos": 0.8,
    "nac_p": 9,
    "mlat": [],
    "seen": 0.1,
}
MUTABILITY = {
    "hex": "4b1815",
    "squawk": "1000",
    "flight": "ABC34",
    "lat": 46.3,
    "lon": 6.2,
    "seen_pos": 1.5,
    "altitude": 12_000,
    "vert_rate": 64,
    "track": 90,
    "speed": 250,
    "seen": 0.2,
}


def document(*aircraft: Any, now: float = NOW_S) -> bytes:
    return json.dumps({"now": now, "messages": 1, "aircraft": aircraft}).encode()


def read(body: bytes) -> Decoded:
    decoded = decode_readsb(body, NOW_MS)
    check_sane(decoded)
    return decoded


def one(**changed: Any) -> Report:
    """Return the report of an aircraft with some fields changed; None leaves a field out."""
    fields = {name: value for name, value in (READSB | changed).items() if value is not None}
    decoded = read(document(fields))
    assert decoded.malformed == []
    (report,) = decoded.reports
    return report


def reasons(decoded: Decoded) -> list[tuple[int, str]]:
    return [(fault.count, fault.reason) for fault in decoded.malformed]


def test_all_that_readsb_tells_is_in_the_report_in_our_units() -> None:
    assert one()._replace(vertical_error_m=0.0) == Report(
        id="icao:4b1814",
        at_ms=NOW_MS - 800,
        latitude_deg=46.2,
        longitude_deg=6.1,
        altitude_m=10_325 * 0.3048,
        pressure_altitude_ft=10_000.0,
        ground_speed_mps=120.5 * (1852 / 3600),
        track_deg=271.25,
        vertical_rate_mps=-640 * (0.3048 / 60),
        horizontal_error_m=30.0,
        vertical_error_m=0.0,
        selected_altitude_ft=6_016.0,
        kind=TrackKind.HELICOPTER,
        callsign="RSQ12",
        squawk="7014",
    )


def test_the_names_of_older_producers_mean_the_same() -> None:
    (report,) = read(document(MUTABILITY)).reports
    assert (report.id, report.at_ms) == ("icao:4b1815", NOW_MS - 1_500)
    assert report.pressure_altitude_ft == 12_000.0
    assert report.ground_speed_mps == pytest.approx(250 * 1852 / 3600)
    assert report.vertical_rate_mps == pytest.approx(64 * 0.3048 / 60)
    assert report.track_deg == 90.0
    assert math.isnan(report.altitude_m)


def test_what_is_not_told_is_not_known() -> None:
    report = read(document({"hex": "4b1814", "lat": 46.2, "lon": 6.1, "seen_pos": 0})).reports[0]
    assert shown([report]) == shown([Report("icao:4b1814", NOW_MS, 46.2, 6.1)])
    nothing = dict.fromkeys(set(READSB) - {"hex", "lat", "lon", "seen_pos"})
    assert shown(read(document(READSB | nothing)).reports) == shown([report._replace(at_ms=NOW_MS - 800)])


@pytest.mark.parametrize("name", ["alt_baro", "altitude"])
def test_on_the_ground_there_is_no_altitude(name: str) -> None:
    report = one(**({"alt_baro": None} | {name: "ground"}))
    assert report.on_ground
    assert math.isnan(report.pressure_altitude_ft)


def test_the_geometric_rate_stands_in_for_the_barometric_one() -> None:
    assert one(baro_rate=None).vertical_rate_mps == pytest.approx(-576 * 0.3048 / 60)


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("A1", TrackKind.UNKNOWN),
        ("A5", TrackKind.AEROPLANE),
        ("B6", TrackKind.DRONE),
        ("C1", TrackKind.VEHICLE),
        ("C2", TrackKind.VEHICLE),
        ("Z9", TrackKind.UNKNOWN),
    ],
)
def test_the_category_tells_the_kind(category: str, kind: TrackKind) -> None:
    assert one(category=category).kind is kind


@pytest.mark.parametrize(("nac_p", "error_m"), [(11, 3.0), (7, 185.0), (1, 18_520.0)])
def test_the_accuracy_category_tells_the_error(nac_p: int, error_m: float) -> None:
    assert one(nac_p=nac_p).horizontal_error_m == error_m


@pytest.mark.parametrize("nac_p", [0, 12, -1, 10**30])
def test_no_accuracy_is_not_known_to_be_exact(nac_p: int) -> None:
    assert math.isnan(one(nac_p=nac_p).horizontal_error_m)


def test_an_address_that_is_not_of_icao_is_a_number_of_its_source() -> None:
    assert one(hex="~4B1814").id == "track:4b1814"


def test_aircraft_without_a_position_are_left_aside() -> None:
    gone = {name: value for name, value in READSB.items() if name not in ("lat", "lon", "seen_pos")}
    last = gone | {"lastPosition": {"lat": 46.2, "lon": 6.1, "seen_pos": 80.0}}
    assert read(document(gone, last, {"hex": "4b1816"})) == Decoded([], [])


def test_a_document_whose_clock_differs_is_told_of_and_keeps_its_time() -> None:
    decoded = read(document(READSB, now=NOW_S - 3_600))
    assert decoded.reports[0].at_ms == NOW_MS - 3_600_800
    assert reasons(decoded) == [(1, "its clock differs by over 10 s from ours")]
    assert "3600 s behind" in decoded.malformed[0].sample
    assert "11 s ahead" in read(document(now=NOW_S + 11)).malformed[0].sample
    assert read(document(READSB, now=NOW_S - 10)).malformed == []


def test_documents_of_aggregators_count_milliseconds_and_call_the_list_otherwise() -> None:
    body = json.dumps({"now": NOW_MS, "total": 1, "ac": [READSB]}).encode()
    assert read(body).reports == read(document(READSB)).reports


@pytest.mark.parametrize(
    "bad",
    [
        {"lat": "46.2"},
        {"gs": True},
        {"hex": 4},
        {"alt_baro": [1]},
        {"nac_p": 9.5},
        {"flight": 7},
        {"seen_pos": "now"},
        {"track": {}},
    ],
)
def test_a_value_of_a_wrong_type_spoils_only_its_own_aircraft(bad: dict[str, Any]) -> None:
    decoded = read(document(MUTABILITY, READSB | bad, MUTABILITY | {"hex": "4b1816"}, 7, READSB))
    assert [report.id[-4:] for report in decoded.reports] == ["1815", "1816", "1814"]
    assert reasons(decoded) == [(2, "an aircraft is not written as it should be")]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"hex": "4b181"}, "`hex` is not six hexadecimal digits"),
        ({"hex": "4b181g"}, "`hex` is not six hexadecimal digits"),
        ({"hex": "\uff14b1814"}, "`hex` is not six hexadecimal digits"),
        ({"seen_pos": None}, "a position without `seen_pos`: it may be of any time"),
        ({"seen_pos": 1e300}, "`seen_pos` is no duration"),
    ],
)
def test_a_position_of_nobody_or_of_any_time_is_counted(bad: dict[str, Any], reason: str) -> None:
    decoded = read(document(READSB | bad, READSB | bad, MUTABILITY))
    assert len(decoded.reports) == 1
    assert reasons(decoded) == [(2, reason)]


@pytest.mark.parametrize("callsign", ["A\x00B", "x" * 65, "\u202eABC"])
def test_a_callsign_that_is_none_does_not_hide_its_aircraft(callsign: str) -> None:
    decoded = read(document(READSB | {"flight": callsign}))
    assert decoded.reports[0].callsign is None
    assert [fault.count for fault in decoded.malformed] == [1]


def test_an_altitude_in_words_is_counted_and_the_position_kept() -> None:
    decoded = read(document(READSB | {"alt_baro": "high"}))
    assert math.isnan(decoded.reports[0].pressure_altitude_ft)
    assert reasons(decoded) == [(1, "an altitude is neither a number nor `ground`")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"now": 1}',
        b'{"now": 1, "aircraft": null}',
        b'{"now": "1", "aircraft": []}',
        b'{"now": -1, "aircraft": []}',
        b'{"now": 1e300, "aircraft": []}',
        b'{"now": NaN, "aircraft": []}',
        b'{"now": 1e400, "aircraft": []}',
        b'{"now": 1777636800, "aircraft": [',
        b'{"now": 1777636800, "aircraft": {}}',
        b"[" * 100_000,
        b'{"x":' + b"[" * 100_000,
        b"<html>502 Bad Gateway</html>",
        document(READSB)[:-20],
    ],
)
def test_what_is_no_document_is_counted_once(body: bytes) -> None:
    decoded = read(body)
    assert decoded.reports == []
    assert [fault.count for fault in decoded.malformed] == [1]


@pytest.mark.parametrize(
    "item",
    [
        b'{"hex":"4b1814","lat":NaN,"lon":6,"seen_pos":1}',
        b'{"hex":"4b1814","lat":1e400,"lon":6,"seen_pos":1}',
        b'{"hex":"4b1814","flight":"\\ud800","lat":46,"lon":6,"seen_pos":1}',
        b'{"hex":"\xff","lat":46,"lon":6,"seen_pos":1}',
    ],
)
def test_no_strange_json_makes_it_raise(item: bytes) -> None:
    good = json.dumps(MUTABILITY).encode()
    decoded = read(b'{"now":%d,"aircraft":[%s,%s]}' % (NOW_S, good, item))
    assert sum(fault.count for fault in decoded.malformed) == 1
    assert len(decoded.reports) in (0, 1)


def test_deep_nesting_spoils_only_the_aircraft_that_has_it() -> None:
    deep = b'{"hex":"4b1814","x":' + b"[" * 5_000 + b"]" * 5_000 + b"}"
    decoded = read(b'{"now":%d,"aircraft":[%s]}' % (NOW_S, deep))
    assert decoded.reports == []


@pytest.mark.parametrize("item", [b"{}", b"1"])
def test_a_document_of_more_aircraft_than_there_is_room_for_is_not_read(
    item: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readsb, "AIRCRAFT_MAX", 10)
    body = b'{"now":%d,"aircraft":[%s]}' % (NOW_S, b",".join([item] * 11))
    assert [fault.count for fault in read(body).malformed] == [1]
    assert read(body).reports == []
    for name in ("_COMMAS_MAX", "_OBJECTS_MAX"):
        with monkeypatch.context() as patch:
            patch.setattr(readsb, name, 3)
            assert [fault.reason for fault in read(document(READSB, READSB, READSB, READSB)).malformed] == [
                "the document tells over 100,000 aircraft"
            ]


def test_a_document_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readsb, "DOCUMENT_BYTES_MAX", 100)
    decoded = read(document(READSB))
    assert decoded.reports == []
    assert len(decoded.malformed) == 1


GOOD = document(READSB, MUTABILITY, {"hex": "4b1816"}, READSB | {"hex": "~4b1817", "alt_baro": "ground"})
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("ground"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.slow
@given(damaged(GOOD) | st.binary(max_size=100))
def test_no_damage_makes_it_raise(body: bytes) -> None:
    read(body)


@pytest.mark.slow
@given(st.lists(st.dictionaries(st.sampled_from([*READSB, *MUTABILITY]), values, max_size=6), max_size=3))
@example([{"hex": "4b1814", "lat": 1e308, "lon": 5e-324, "seen_pos": -1e14, "gs": 1e308, "alt_geom": -1e308}])
def test_no_values_make_it_raise_and_other_aircraft_come_through(changed: list[dict[str, Any]]) -> None:
    read(document(*(READSB | each for each in changed)))  # NaN makes no JSON at all
    finite = json.loads(json.dumps(changed), parse_constant=lambda _: 0)
    decoded = read(document(*(READSB | each for each in finite), MUTABILITY))
    assert decoded.reports[-1].id == "icao:4b1815"


@pytest.mark.slow
@given(st.lists(st.sampled_from([READSB, MUTABILITY, {"hex": "4b1816"}]), max_size=5))
def test_the_slow_way_reads_the_same_as_the_quick_one(aircraft: list[dict[str, Any]]) -> None:
    quick = read(document(*aircraft))
    slow = read(document(*aircraft, 7))
    assert shown(slow.reports) == shown(quick.reports)
