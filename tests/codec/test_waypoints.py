"""CSV of waypoints: rows and legs, columns, and what is refused at which line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.codec import waypoints
from keepclear.codec.reading import Item, Reading, ReadSettings
from keepclear.codec.waypoints import COLUMNS_MAX
from keepclear.core.altitudes import GEOID_ABOVE_M, GEOID_BELOW_M, Atmosphere
from keepclear.core.constraints import Constraint
from keepclear.core.geodesy import LatLng
from keepclear.core.shapes import CorridorLeg

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HEADER = "id,time,lat_deg,lng_deg,half_width_m"
ROWS = (
    "A1,2026-01-31T12:00:00Z,46.0,7.0,300",
    "A1,2026-01-31T12:10:00Z,46.1,7.1,300",
    "A1,2026-01-31T12:30:00Z,46.1,7.2,300",
)


def read(*rows: str, header: str = HEADER, atmosphere: Atmosphere | None = None) -> Reading:
    data = "\n".join([header, *rows]).encode()
    return waypoints.decode(data, "plan.csv", ReadSettings(atmosphere=atmosphere))


def with_column(name: str, *cells: object) -> Reading:
    """Read the rows with one more column; several names and cells may stand in one text."""
    return read(*(f"{row},{cell}" for row, cell in zip(ROWS, cells, strict=True)), header=f"{HEADER},{name}")


def changed(row: int, old: str, new: str) -> Reading:
    assert old in ROWS[row]
    return read(*(text.replace(old, new, 1) if index == row else text for index, text in enumerate(ROWS)))


def items_of(reading: Reading) -> list[Item]:
    assert reading.problems == []
    return [placed.item for placed in reading.placed]


def faults_of(reading: Reading) -> list[tuple[str, str]]:
    assert reading.placed == []
    return [(problem.item, problem.field) for problem in reading.problems]


def bands_of(reading: Reading) -> list[tuple[float, float]]:
    (item,) = items_of(reading)
    return [(volume.volume.altitude.lower_m, volume.volume.altitude.upper_m) for volume in item.volumes]


# -- rows and legs ----------------------------------------------------------------------------------


def test_each_two_rows_of_an_id_make_a_leg() -> None:
    (item,) = items_of(read(*ROWS))
    route = (LatLng(46.0, 7.0), LatLng(46.1, 7.1), LatLng(46.1, 7.2))
    assert [volume.volume.outline for volume in item.volumes] == [
        CorridorLeg(start=route[0], end=route[1], half_width_m=300.0),
        CorridorLeg(start=route[1], end=route[2], half_width_m=300.0),
    ]
    minutes = [(volume.time.start.minute, volume.time.end.minute) for volume in item.volumes]
    assert minutes == [(0, 10), (10, 30)]


def test_rows_of_several_ids_may_stand_between_each_other() -> None:
    others = [row.replace("A1", "B2") for row in ROWS]
    mixed = [row for pair in zip(ROWS, others, strict=True) for row in pair]
    reading = read(*mixed)
    assert [(item.id, len(item.volumes)) for item in items_of(reading)] == [("A1", 2), ("B2", 2)]
    assert [placed.place for placed in reading.placed] == ["line 2 (id 'A1')", "line 3 (id 'B2')"]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + "\n".join([HEADER, *ROWS]),
        "\r\n".join([HEADER, *ROWS, "", ""]),
        "\r".join([HEADER, *ROWS]),
        "\n\n" + "\n\n".join([HEADER, *ROWS]) + "\n,,,,\n",
        "\n".join([HEADER.replace(",", " , "), *(row.replace(",", ", ") for row in ROWS)]),
        "\n".join([HEADER, *(f'"{row.replace(",", chr(34) + "," + chr(34))}"' for row in ROWS)]),
    ],
)
def test_line_ends_empty_lines_spaces_and_quotes_are_no_matter(text: str) -> None:
    assert items_of(waypoints.decode(text.encode(), "plan.csv", ReadSettings())) == items_of(read(*ROWS))


def test_a_line_is_counted_where_its_row_begins() -> None:
    reading = read(ROWS[0], "", 'A1,"2026-01-31\nT12:10:00Z",46.1,7.1,300', "A1,noon,46.1,7.2,300")
    assert faults_of(reading) == [("line 4 (id 'A1')", "time"), ("line 6 (id 'A1')", "time")]


def test_what_belongs_to_the_item_need_stand_in_one_row_only() -> None:
    reading = with_column("party,priority,state", ",,", "Red Cross,5,", ",,Activated")
    (item,) = items_of(reading)
    assert (item.party, item.priority) == ("Red Cross", 5)


def test_what_belongs_to_the_item_must_be_the_same_in_all_its_rows() -> None:
    reading = with_column("party", "Red Cross", "", "Blue Cross")
    (problem,) = reading.problems
    assert (problem.item, problem.field) == ("line 4 (id 'A1')", "party")
    assert problem.reason == "it is 'Blue Cross' here and 'Red Cross' in line 2 (id 'A1')"


def test_waypoints_may_be_those_of_a_constraint_that_moves() -> None:
    (item,) = items_of(with_column("kind,rule", *["constraint,notify_first"] * 3))
    assert isinstance(item, Constraint)


def test_times_are_widened_by_the_margin() -> None:
    (item,) = items_of(with_column("time_margin_s", 60, 60, 60))
    assert [volume.time.start.minute for volume in item.volumes] == [59, 9]


# -- altitudes --------------------------------------------------------------------------------------


def test_the_band_of_a_leg_holds_the_heights_of_both_ends_widened_by_the_margin() -> None:
    reading = with_column(
        "altitude_m,altitude_datum,altitude_margin_m", "500,W84,50", "700,W84,50", "600,W84,50"
    )
    assert bands_of(reading) == [(450.0, 750.0), (550.0, 750.0)]
    assert reading.assumptions == []


def test_a_climb_may_go_from_feet_above_sea_level_to_a_flight_level() -> None:
    cells = ("1000,,MSL,0", ",100,,", ",120,,")
    header = f"{HEADER},altitude_ft,flight_level,altitude_datum,altitude_margin_m"
    rows = [f"{row},{cell}" for row, cell in zip(ROWS, cells, strict=True)]
    climb, cruise = bands_of(
        read(*rows, header=header, atmosphere=Atmosphere(qnh_min_hpa=1000.0, qnh_max_hpa=1025.0))
    )
    assert climb[0] == pytest.approx(304.8 - GEOID_BELOW_M)
    assert climb[0] < cruise[0] < 10_000 * 0.3048 < climb[1] < cruise[1]


def test_bounds_of_the_whole_item_may_stand_instead() -> None:
    reading = with_column("altitude_lower_m,altitude_upper_m,altitude_datum", "100,200,MSL", ",,", ",,")
    assert bands_of(reading) == [(100.0 - GEOID_BELOW_M, 200.0 + GEOID_ABOVE_M)] * 2


def test_no_altitude_is_unbounded_and_told_as_assumed() -> None:
    reading = read(*ROWS)
    assert len(items_of(reading)) == 1
    assert [assumed.item for assumed in reading.assumptions] == ["line 2 (id 'A1')"]


@pytest.mark.parametrize(
    ("columns", "cells", "faults"),
    [
        ("altitude_m,altitude_datum", ["5,W84"] * 3, [(2, "altitude_margin_m")]),
        ("altitude_m,altitude_margin_m", ["5,5", ",", ","], [(2, "altitude_datum")]),
        (
            "altitude_m,altitude_datum,altitude_margin_m",
            ["5,W84,5", ",,", ",,"],
            [(3, "altitude"), (4, "altitude")],
        ),
        (
            "altitude_m,flight_level,altitude_datum",
            ["5,5,W84"] * 2 + ["5,,W84"],
            [(2, "flight_level"), (3, "flight_level")],
        ),
        ("altitude_m,altitude_datum,altitude_margin_m", ["5,AGL,5"] * 3, [(2, "altitude")]),
        ("flight_level,altitude_margin_m", ["80,5"] * 3, [(2, "altitude")]),
        ("altitude_m,altitude_datum", ["1e9,W84"] + ["x,W84"] * 2, [(n, "altitude_m") for n in (2, 3, 4)]),
        ("altitude_upper_m,altitude_datum", ["5,W84", "5,MSL", "5,W84"], [(3, "altitude_datum")]),
        ("altitude_upper_m", ["5"] * 3, [(2, "altitude_datum")]),
        ("altitude_m,altitude_upper_m,altitude_datum", ["5,9,W84"] * 3, [(2, "altitude_upper_m")]),
        ("altitude_datum", ["QFE"] + ["W84"] * 2, [(2, "altitude_datum")]),
    ],
)
def test_altitudes_must_make_sense(columns: str, cells: list[str], faults: list[tuple[int, str]]) -> None:
    told = [(f"line {line} (id 'A1')", field) for line, field in faults]
    assert faults_of(with_column(columns, *cells)) == told


# -- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "old", "new", "field"),
    [
        (1, "12:10:00Z", "12:10:00", "time"),
        (1, "2026-01-31T12:10:00Z", "", "time"),
        (2, "12:30", "12:05", "time"),
        (2, "12:30", "12:10", "time"),
        (1, "46.1", "nan", "lat_deg"),
        (1, "46.1", "91", "lat_deg"),
        (1, "46.1", "", "lat_deg"),
        (1, "7.1", "181", "lng_deg"),
        (1, "7.1", "7_1", "lng_deg"),
        (2, "46.1,7.2", "-46.1,-172.0", ""),
    ],
)
def test_a_row_that_is_not_as_it_must_be_is_told_at_its_line(
    row: int, old: str, new: str, field: str
) -> None:
    faults = faults_of(changed(row, old, new))
    assert faults[0] == (f"line {row + 2} (id 'A1')", field)
    assert {place for place, _ in faults} == {f"line {row + 2} (id 'A1')"}


@pytest.mark.parametrize(("old", "new"), [("7.1", "7,1"), (",300", "")])
def test_a_row_with_other_cells_than_the_header_may_be_missing_from_any_item(old: str, new: str) -> None:
    assert faults_of(changed(1, old, new)) == [("line 3", "")]


def test_a_time_that_falls_is_told_with_both_times() -> None:
    (problem,) = changed(2, "12:30", "12:05").problems
    assert problem.reason == (
        "it is before the time of the waypoint before (2026-01-31T12:05:00Z < 2026-01-31T12:10:00Z)"
    )


def test_one_time_at_two_positions_is_refused_without_a_margin() -> None:
    rows = [row.replace("12:10", "12:00") for row in ROWS]
    assert faults_of(read(*rows)) == [("line 3 (id 'A1')", "time")]
    margin = [f"{row},30" for row in rows]
    assert len(items_of(read(*margin, header=f"{HEADER},time_margin_s"))) == 1


def test_a_half_width_is_needed_once() -> None:
    rows = [row.removesuffix("300") for row in ROWS]
    assert faults_of(read(*rows)) == [("line 2 (id 'A1')", "half_width_m")]
    assert len(items_of(read(ROWS[0], *rows[1:]))) == 1


def test_one_waypoint_is_no_route() -> None:
    assert faults_of(read(ROWS[0])) == [("line 2 (id 'A1')", "")]


@pytest.mark.parametrize("item_id", ["", "x" * 300, "a\x07b"])
def test_a_waypoint_without_an_id_may_be_missing_from_any_item(item_id: str) -> None:
    others = [row.replace("A1", "B2") for row in ROWS]
    reading = read(*others, ROWS[0], ROWS[1].replace("A1", item_id), ROWS[2])
    assert [field for _, field in faults_of(reading)] == ["id"]
    assert reading.assumptions == []


def test_all_faults_of_a_file_are_told_at_once() -> None:
    bad = ROWS[1].replace("46.1", "x").replace("12:10:00Z", "noon")
    other = [row.replace("A1", "B2") for row in ROWS]
    reading = read(ROWS[0], bad, *other, ROWS[2].replace("7.2", "191"))
    assert [placed.item.id for placed in reading.placed] == ["B2"]
    assert [(problem.item, problem.field) for problem in reading.problems] == [
        ("line 3 (id 'A1')", "lat_deg"),
        ("line 3 (id 'A1')", "time"),
        ("line 7 (id 'A1')", "lng_deg"),
    ]


# -- the header -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "field", "reason"),
    [
        (HEADER.replace("lat_deg", "lat"), "lat", "unknown column 'lat'; did you mean 'lat_deg'?"),
        (HEADER.replace("lng_deg", "LON"), "LON", "unknown column 'LON'; did you mean 'lng_deg'?"),
        (f"{HEADER},prioritty", "prioritty", "unknown column 'prioritty'; did you mean 'priority'?"),
        (f"{HEADER},id", "id", "the column is there twice"),
        (f"{HEADER},", "", "column 6 has no name"),
        (HEADER.replace(",half_width_m", ""), "half_width_m", "the column is missing"),
    ],
)
def test_a_column_must_be_known_and_there_once(header: str, field: str, reason: str) -> None:
    problem = read(*ROWS, header=header).problems[0]
    assert (problem.item, problem.field, problem.reason) == ("line 1", field, reason)


def test_all_columns_that_are_missing_are_told() -> None:
    fields = [field for _, field in faults_of(read(*ROWS, header="id,time"))]
    assert fields == ["lat_deg", "lng_deg", "half_width_m"]


def test_columns_of_others_are_refused_because_a_misspelt_bound_would_be_none() -> None:
    (problem,) = read(*ROWS, header=f"{HEADER},comment").problems
    assert problem.reason.startswith("unknown column 'comment'")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is empty"),
        (" \n\n", "the file is empty"),
        (",\n,", "the file is empty"),
        ("\n".join(ROWS), "its first row must name the columns: id,time,"),
        (HEADER.replace(",", ";"), "its columns are separated by semicolons; separate them by commas"),
        (HEADER.replace(",", "\t"), "its columns are separated by tabs; separate them by commas"),
        (f'{HEADER}\n"A1', "this is not CSV: unexpected end of data, in the row at line 2"),
        (
            ",".join(["id"] * (COLUMNS_MAX + 1)),
            f"it has {COLUMNS_MAX + 1} columns; at most {COLUMNS_MAX} are taken",
        ),
        (f"{HEADER}\n{'x' * 200_000}", "this is not CSV: field larger than field limit"),
    ],
)
def test_what_is_no_csv_with_a_header_is_refused(text: str, reason: str) -> None:
    (problem,) = waypoints.decode(text.encode(), "plan.csv", ReadSettings()).problems
    assert problem.reason.startswith(reason)


@pytest.mark.parametrize("data", ["\n".join([HEADER, *ROWS]).encode("utf-16"), b"id,\xe9"])
def test_another_encoding_is_refused(data: bytes) -> None:
    (problem,) = waypoints.decode(data, "plan.csv", ReadSettings()).problems
    assert "save it as UTF-8" in problem.reason


# -- anything at all --------------------------------------------------------------------------------

GOOD = "\n".join(
    [
        f"{HEADER},altitude_m,altitude_datum,altitude_margin_m,party,priority",
        *(f"{row},500,MSL,50,Red Cross,5" for row in ROWS),
        *(f'{row.replace("A1", "B2")},,,,"Blue, Cross",' for row in ROWS),
    ]
).encode()


def assert_read_without_a_traceback(data: bytes) -> None:
    reading = waypoints.decode(data, "plan.csv", ReadSettings())
    assert all(problem.reason and "\n" not in str(problem) for problem in reading.problems)


def test_the_file_that_is_damaged_below_is_good() -> None:
    assert len(items_of(waypoints.decode(GOOD, "plan.csv", ReadSettings()))) == 2


@given(
    st.binary(max_size=200)
    | st.text(max_size=100).map(lambda text: f"{HEADER}\n{text}".encode("utf-8", "replace"))
)
@example(b",")
@example(b'"')
@example(b"\x00")
@example(b"id\r\r\n\n\x0b\x1c\x85")
def test_no_bytes_give_a_traceback(data: bytes) -> None:
    assert_read_without_a_traceback(data)


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.binary(max_size=3)), min_size=1, max_size=4))
def test_no_damage_to_bytes_gives_a_traceback(damages: list[tuple[int, bytes]]) -> None:
    data = GOOD
    for position, piece in damages:
        data = data[:position] + piece + data[position + 1 :]
    assert_read_without_a_traceback(data)


_CELLS = st.sampled_from(
    ["", "A1", "46", "-180", "1e-320", "nan", "2026-01-31T12:00:00Z", "W84", "FL"]
) | st.text(max_size=3)


@pytest.mark.slow
@given(st.lists(st.lists(_CELLS, min_size=10, max_size=10), max_size=4))
def test_no_cells_give_a_traceback(rows: list[list[str]]) -> None:
    header = GOOD.splitlines()[0].decode()
    lines = [header, *(",".join(cell.replace('"', "") for cell in row) for row in rows)]
    assert_read_without_a_traceback("\n".join(lines).encode("utf-8", "replace"))
