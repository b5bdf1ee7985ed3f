"""CSV of tracks and of pairs: what is read, what is not known, and every bad cell at its line."""

from __future__ import annotations

import csv
import io
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.codec import sheets
from keepclear.codec.air_pictures import (
    ERROR_COLUMNS,
    PAIR_COLUMNS,
    TRACK_COLUMNS,
    WORD_COLUMNS,
    ReadPicture,
    decode_pairs,
    decode_picture,
)
from keepclear.codec.properties import number_of_text
from keepclear.codec.reading import PROBLEMS_MAX, Reading
from keepclear.codec.sheets import Columns, read_sheet
from keepclear.codec.waypoints import COLUMNS_MAX
from keepclear.core.air_picture import AirPicture
from keepclear.core.encounters import LATERAL_INFLATION_MAX_M
from keepclear.core.errors import InvalidValueError
from keepclear.core.tracks import AGE_MAX_S

HEADER = ("id", *TRACK_COLUMNS)
ROW = ("A", "35", "36", "20000", "300", "90", "0")


def read(*rows: tuple[object, ...], header: tuple[str, ...] = HEADER) -> ReadPicture:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    return decode_picture(text.getvalue().encode(), "p.csv")


def changed(**cells: object) -> ReadPicture:
    """Read one row with some cells changed, or with more columns."""
    header = tuple(dict.fromkeys([*HEADER, *cells]))
    row = dict(zip(HEADER, ROW, strict=True)) | cells
    return read(tuple(row[name] for name in header), header=header)


def picture_of(told: ReadPicture) -> AirPicture:
    assert told.problems == ()
    assert told.picture is not None
    return told.picture


def faults_of(data: bytes) -> list[tuple[str, str]]:
    told = decode_picture(data, "p.csv")
    assert told.picture is None
    assert told.problems
    return [(problem.item, problem.field) for problem in told.problems]


# -- what is read -----------------------------------------------------------------------------------


def test_units_are_turned_into_si() -> None:
    tracks = picture_of(changed(altitude_ft=1000, ground_speed_kt=360, vertical_rate_fpm=-600)).tracks
    assert tracks.altitude_m[0] == pytest.approx(304.8)
    assert tracks.ground_speed_mps[0] == pytest.approx(185.2)
    assert tracks.vertical_rate_mps[0] == pytest.approx(-3.048)


@pytest.mark.parametrize("data", ["\ufeff{}", "{}", "\n\n{}\n\n"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_empty_lines_and_any_line_ends_are_taken(data: str, ends: str) -> None:
    text = data.format("\n".join([",".join(HEADER), ",".join(ROW)])).replace("\n", ends)
    assert picture_of(decode_picture(text.encode(), "p.csv")).ids == ("A",)


def test_blanks_round_cells_are_nothing() -> None:
    told = read(tuple(f" {cell}\t" for cell in ROW))
    assert picture_of(told).ids == ("A",)
    assert picture_of(told).tracks.latitude_deg.tolist() == [35.0]


def test_words_are_kept_and_what_is_empty_is_not_known() -> None:
    picture = picture_of(changed(party="north", kind="", formation="ALPHA", contact="cleared:FIRE-1"))
    assert (picture.parties, picture.kinds) == (("north",), (None,))
    assert (picture.formations, picture.contacts) == (("ALPHA",), ("cleared:FIRE-1",))


@pytest.mark.parametrize("name", ["altitude_ft", "vertical_rate_fpm"])
def test_without_an_altitude_or_a_rate_only_the_plan_is_known(name: str) -> None:
    told = changed(**{name: ""})
    tracks = picture_of(told).tracks
    assert math.isnan(tracks.altitude_m[0])
    assert tracks.vertical_error_m is not None
    assert math.isinf(tracks.vertical_error_m[0])
    assert any("only the plan is judged: A" in text for text in told.assumptions)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"ground_speed_kt": ""}, "it has no ground_speed_kt"),
        ({"track_deg": ""}, "it has no track_deg"),
        ({"age_s": AGE_MAX_S + 1.0}, f"its age is over {AGE_MAX_S:g} s"),
        ({"age_s": 1e300}, f"its age is over {AGE_MAX_S:g} s"),
    ],
)
def test_what_cannot_be_predicted_is_listed_and_not_in_the_picture(
    cells: dict[str, object], reason: str
) -> None:
    told = changed(**cells)
    assert picture_of(told).ids == ()
    assert [(each.id, each.reason) for each in told.unjudged] == [("A", reason)]
    assert told.track_count == 1


def test_what_stands_needs_no_direction_and_an_incident_only_a_place() -> None:
    assert picture_of(changed(ground_speed_kt=0, track_deg="")).tracks.track_deg.tolist() == [0.0]
    incident = changed(
        kind="incident", altitude_ft="", ground_speed_kt="", track_deg="", vertical_rate_fpm="", age_s=60
    )
    tracks = picture_of(incident).tracks
    assert tracks.ground_speed_mps.tolist() == [0.0]
    assert tracks.horizontal_error_m is not None
    assert tracks.horizontal_error_m.tolist() == [0.0]  # it does not move away
    assert incident.unjudged == ()


def test_what_a_track_may_be_off_grows_with_its_age_and_its_kind() -> None:
    for kind, acceleration in (("aeroplane", 1.5), ("helicopter", 3.0), ("", 3.0)):
        tracks = picture_of(
            changed(kind=kind, age_s=10, position_accuracy_m=30, altitude_accuracy_ft=100)
        ).tracks
        assert tracks.horizontal_error_m is not None
        assert tracks.horizontal_error_m[0] == pytest.approx(30.0 + acceleration * 50.0)
        assert tracks.vertical_error_m is not None
        assert tracks.vertical_error_m[0] > 30.48


def test_a_track_that_may_be_farther_off_than_is_allowed_for_is_judged_and_told() -> None:
    header = (*HEADER, "age_s")
    told = read((*ROW, 200), ("B", *ROW[1:], 1), header=header)
    assert picture_of(told).ids == ("A", "B")
    (unjudged,) = told.unjudged
    assert unjudged.id == "A"
    assert "60.0 km off, which is more than is allowed for" in unjudged.reason


def test_the_direction_may_be_360_and_the_longitude_up_to_360() -> None:
    picture_of(changed(track_deg=360, longitude_deg=360))
    assert faults_of(b",".join(map(str.encode, HEADER)) + b"\nA,35,360.1,0,0,360.1,0\n") == [
        ("line 2", "longitude_deg"),
        ("line 2", "track_deg"),
    ]


@pytest.mark.parametrize("name", [*TRACK_COLUMNS, *ERROR_COLUMNS])
def test_both_ends_of_a_range_are_taken(name: str) -> None:
    for bound in (TRACK_COLUMNS | ERROR_COLUMNS)[name]:
        if math.isfinite(bound):
            picture_of(changed(**{name: repr(bound)}))


def test_the_columns_may_stand_in_any_order() -> None:
    told = read(tuple(reversed(ROW)), header=tuple(reversed(HEADER)))
    assert picture_of(told).tracks.altitude_m[0] == pytest.approx(6096.0)


# -- laws -------------------------------------------------------------------------------------------


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_subnormal=False)


tracks_written = st.fixed_dictionaries(
    {name: numbers(*bounds) for name, bounds in TRACK_COLUMNS.items()}
    | {"age_s": numbers(0.0, 20.0), "position_accuracy_m": numbers(0.0, 500.0)}
    | {"altitude_accuracy_ft": numbers(0.0, 500.0)}
    | {
        name: st.sampled_from(["", "north", "Süd, \"der\" 'grüne'", "=SUM(1)"])
        for name in ("party", "formation")
    }
    | {"kind": st.sampled_from(["", "drone", "aeroplane"]), "contact": st.sampled_from(["", "contact"])}
)


@given(st.lists(tracks_written, max_size=8), st.sampled_from([repr, "{:.17e}".format, "{:+}".format]))
def test_what_is_written_is_read_again(rows: list[dict[str, Any]], written: Any) -> None:
    header = ("id", *TRACK_COLUMNS, *ERROR_COLUMNS, *WORD_COLUMNS)
    cells = [
        (f"T{k}", *(written(row[n]) if isinstance(row[n], float) else row[n] for n in header[1:]))
        for k, row in enumerate(rows)
    ]
    picture = picture_of(read(*cells, header=header))
    tracks = picture.tracks
    assert tracks.latitude_deg.tolist() == [row["latitude_deg"] for row in rows]
    assert tracks.longitude_deg.tolist() == [row["longitude_deg"] for row in rows]
    assert tracks.track_deg.tolist() == [row["track_deg"] for row in rows]
    for values, name, unit in (
        (tracks.altitude_m, "altitude_ft", 0.3048),
        (tracks.ground_speed_mps, "ground_speed_kt", 1852.0 / 3600.0),
        (tracks.vertical_rate_mps, "vertical_rate_fpm", 0.3048 / 60.0),
    ):
        assert values == pytest.approx(np.array([row[name] * unit for row in rows]), rel=1e-12)
    assert (tracks.age_s if tracks.age_s is not None else np.empty(0)).tolist() == [r["age_s"] for r in rows]
    for words, name in (
        (picture.parties, "party"),
        (picture.kinds, "kind"),
        (picture.formations, "formation"),
        (picture.contacts, "contact"),
    ):
        assert words == tuple(row[name] or None for row in rows)


NUMBERS = st.one_of(
    st.floats(-90.0, 90.0).map(repr),
    st.sampled_from(["", " ", "5", "+5", ".5", "5.", "-0", "1e1", "1E+1", "9e-400"]),
    st.sampled_from(["nan", "inf", "1e999", "1_0", "0x1", "1,5", "\u0661", "--1", "1e", ".", "½"]),
    st.text(alphabet="0123456789.+-eE _naifx", max_size=6),
)


@given(st.lists(NUMBERS, min_size=1, max_size=8))
@example(["1e999", "1"])
def test_a_column_is_read_as_its_cells_are(cells: list[str]) -> None:
    """The quick way of a whole column gives the numbers, and the faults, of one cell after the other."""
    expected, faults = [], []
    for k, cell in enumerate(cells):
        number = math.nan
        try:
            number = number_of_text(cell.strip()) if cell.strip() else math.nan
            if not math.isnan(number) and not -90.0 <= number <= 90.0:
                faults.append(f"line {k + 2}")
        except InvalidValueError:
            faults.append(f"line {k + 2}")
        expected.append(number)
    reading = Reading("p.csv")
    columns = Columns(numbers={"x": (-90.0, 90.0)}, words=("w",), needed=("x",), filled=(), has_others=False)
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("w", "x"), *(("w", cell) for cell in cells)])
    sheet = read_sheet(reading, text.getvalue().encode(), columns)
    assert [problem.item for problem in reading.problems] == faults
    if sheet is not None:
        assert sheet.numbers["x"] == pytest.approx(expected, nan_ok=True, rel=0.0, abs=0.0)


@given(
    st.lists(st.sampled_from(["ok", "blank", "wide", "bad", "two lines"]), max_size=12),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([1, 2, 50_000]),
)
def test_every_problem_is_told_at_its_line(rows: list[str], ends: str, piece: int) -> None:
    """However rows are ended, broken into pieces, left empty, or hold line breaks themselves."""
    line, told = 2, []
    text = "w,x" + ends
    for row in rows:
        if row in {"wide", "bad"}:
            told.append(f"line {line}")
        text += {"ok": "w,1", "blank": "", "wide": "w,1,2", "bad": "w,y", "two lines": f'"a{ends}b",1'}[
            row
        ] + ends
        line += 2 if row == "two lines" else 1
    reading = Reading("p.csv")
    columns = Columns(numbers={"x": (0.0, 9.0)}, words=("w",), needed=("x",), filled=(), has_others=False)
    before = sheets._CHUNK
    try:
        sheets._CHUNK = piece  # type: ignore[misc]  # rows come in pieces of it
        sheet = read_sheet(reading, text.encode(), columns)
    finally:
        sheets._CHUNK = before  # type: ignore[misc]
    assert sorted(problem.item for problem in reading.problems) == sorted(told)
    if sheet is not None:
        assert len(sheet) == len([row for row in rows if row != "blank"])


@given(st.binary(max_size=200))
@example(b"id\n\xff")
@example(b"\xff\xfei\x00d\x00")
@example(b'id,latitude_deg\n"')
def test_whatever_the_bytes_are_there_is_an_answer_or_a_problem(data: bytes) -> None:
    for told in (decode_picture(data, "p.csv"), decode_pairs(data, "p.csv")):
        assert told.problems


@given(st.text(alphabet='id,"\n\r;\t\x00=9.e-ä\u202e ', max_size=60))
def test_whatever_stands_below_the_header_there_is_an_answer_or_a_problem(text: str) -> None:
    told = decode_picture((",".join(HEADER) + "\n" + text).encode(), "p.csv")
    assert bool(told.problems) != (told.picture is not None)


# -- what is refused --------------------------------------------------------------------------------


def test_all_problems_are_told_in_the_order_of_lines() -> None:
    text = ",".join(HEADER) + "\nA,x,y,0,0,0,0\nB,0,0,0,-1,0,0\nC,,0,0,0,0,zz\n"
    assert faults_of(text.encode()) == [
        ("line 2", "latitude_deg"),
        ("line 2", "longitude_deg"),
        ("line 3", "ground_speed_kt"),
        ("line 4", "latitude_deg"),
        ("line 4", "vertical_rate_fpm"),
    ]


@pytest.mark.parametrize(
    ("cells", "field", "reason"),
    [
        ({"id": ""}, "id", "1 to 256 printable characters"),
        ({"id": "x" * 257}, "id", "1 to 256 printable characters"),
        ({"id": "a\x1b[2J"}, "id", "1 to 256 printable characters"),
        ({"id": "a\u202eb"}, "id", "1 to 256 printable characters"),
        ({"party": "a\nb"}, "party", "at most 256 printable characters"),
        ({"kind": "helicoper"}, "kind", "did you mean 'helicopter'?"),
        ({"contact": "clear"}, "contact", "is no contact"),
        ({"contact": "cleared:F;contact:F"}, "contact", "is named before"),
        ({"age_s": "-1"}, "age_s", "-1 is not within 0..inf"),
        ({"latitude_deg": "1,5"}, "latitude_deg", "'1,5' is not a number"),
        ({"latitude_deg": "9" * 400}, "latitude_deg", "out of range"),
        ({"latitude_deg": "91." + "0" * 400}, "latitude_deg", "is not within -90..90"),
    ],
)
def test_a_bad_cell_is_told(cells: dict[str, object], field: str, reason: str) -> None:
    told = changed(**cells)
    (problem,) = told.problems
    assert (problem.item, problem.field) == ("line 2", field)
    assert reason in problem.reason
    assert len(problem.reason) < 200


def test_every_reason_is_among_the_messages() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "errors.md").read_text("utf-8")
    told = [name.split("…") for name in re.findall(r"^\| `(.*?)` \|", page, re.MULTILINE)]
    messages = [re.compile(".*?".join(map(re.escape, parts)), re.DOTALL) for parts in told]
    row = ",".join(ROW)
    bad_rows = [
        "A", "A,,36,0,0,0,0", f"{row}\n{row}", "x" * 300 + row, row.replace("35", "95"),
        row.replace("35", "x"), row.replace("35", "1e999"), f"{row}\n\"", f"{row}\n" * (PROBLEMS_MAX + 3),
    ]  # fmt: skip
    header = ",".join(HEADER)
    files = [f"{header}\n{bad}" for bad in bad_rows]
    files += [
        "",
        "\n \n",
        "a,b",
        header.replace(",", ";"),
        header.replace(",", "\t"),
        header + ",id",
        "id,zz",
    ]
    files += [
        f"{header},{name}\n{row},{word}" for name in WORD_COLUMNS for word in ("\x00", "zz", "cleared:")
    ]
    reasons = {each.reason for text in files for each in decode_picture(text.encode(), "p.csv").problems}
    assert len(reasons) > 15
    for reason in reasons:
        assert any(message.fullmatch(reason) for message in messages), reason


def test_of_an_id_that_is_there_twice_both_lines_are_told() -> None:
    told = read(ROW, ("B", *ROW[1:]), ROW)
    assert [(each.item, each.reason) for each in told.problems] == [
        ("line 4", "'A' is there twice; line 2 has it too")
    ]


def test_an_unclosed_quote_is_told_where_it_opens_and_so_is_what_comes_before() -> None:
    text = ",".join(HEADER) + "\nA,x,36,0,0,0,0\n" + '"B,35,36,0,0,0,0\nC,35,36,0,0,0,0\n'
    told = decode_picture(text.encode(), "p.csv")
    assert [each.item for each in told.problems] == ["line 2", ""]
    assert "in the row at line 3" in told.problems[1].reason


def test_there_is_a_limit_of_columns_and_it_comes_first() -> None:
    names = ",".join([*HEADER, *(f"c{k}" for k in range(COLUMNS_MAX))])
    told = decode_picture(names.encode(), "p.csv")
    assert [each.reason for each in told.problems] == [
        f"it has {len(HEADER) + COLUMNS_MAX} columns; at most {COLUMNS_MAX} are taken"
    ]


def test_there_is_a_limit_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "ROWS_MAX", 2)
    rows = [(f"T{k}", *ROW[1:]) for k in range(3)]
    assert picture_of(read(*rows[:2])).ids == ("T0", "T1")
    assert [each.reason for each in read(*rows).problems] == ["it has over 2 rows; split it"]


def test_there_is_a_limit_of_problems() -> None:
    told = read(*((f"T{k}", "x", *ROW[2:]) for k in range(PROBLEMS_MAX + 5)))
    assert len(told.problems) == PROBLEMS_MAX + 1
    assert "the rest of them is not listed" in told.problems[-1].reason


# -- pairs ------------------------------------------------------------------------------------------


def test_pairs_are_read_by_names_and_other_columns_are_not() -> None:
    names = (*PAIR_COLUMNS, "remark", "remark")
    cells = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "x", "")
    told = decode_pairs(f"{','.join(names)}\n{','.join(cells)}\n".encode(), "p.csv")
    assert told.problems == ()
    assert told.pairs is not None
    own, intruder = told.pairs
    assert [own.latitude_deg[0], own.longitude_deg[0], own.altitude_m[0]] == [1.0, 2.0, 3.0]
    assert [intruder.ground_speed_mps[0], intruder.track_deg[0], intruder.vertical_rate_mps[0]] == [
        10,
        11,
        12,
    ]


@pytest.mark.parametrize("cell", ["", "nan", "inf", "1e999", "-1"])
def test_a_pair_needs_all_of_its_numbers(cell: str) -> None:
    row = ",".join(cell if name == "own_gs_ms" else "1" for name in PAIR_COLUMNS)
    told = decode_pairs(f"{','.join(PAIR_COLUMNS)}\n{row}\n".encode(), "p.csv")
    assert [(each.item, each.field) for each in told.problems] == [("line 2", "own_gs_ms")]


def test_the_least_that_may_be_off_is_told_in_the_words_of_the_limit() -> None:
    """Two that are off by less than the limit each, and by more together."""
    far = LATERAL_INFLATION_MAX_M * 0.8
    header = (*HEADER, "position_accuracy_m")
    told = read((*ROW, far), ("B", *ROW[1:], far * 0.9), ("C", *ROW[1:], 0), header=header)
    assert [each.id for each in told.unjudged] == ["A"]
