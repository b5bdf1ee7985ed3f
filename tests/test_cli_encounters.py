"""`keepclear encounters`: arguments in, an answer, an exit code, and no traceback whatever is in the file."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from keepclear.cli import main
from keepclear.console import tables

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "examples" / "encounters" / "picture.csv"
PAIRS = ROOT / "examples" / "encounters" / "pairs.csv"
HEADER = "id,latitude_deg,longitude_deg,altitude_ft,ground_speed_kt,track_deg,vertical_rate_fpm\n"
HEAD_ON = HEADER + "ONE,0,0,35000,450,90,0\nTWO,0,0.5,35000,450,270,0\n"
MINIMA = ("--lateral-m", "9260", "--vertical-m", "304.8", "--lookahead-s", "300")


def run(*words: str | Path, text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["encounters", *map(str, words)], input=text)


def answer(text: str, *words: str) -> tuple[dict[str, Any], int]:
    result = run("-", *(words or MINIMA), "--format", "json", text=text)
    return json.loads(result.stdout), result.exit_code


def test_two_that_fly_at_each_other_are_one_encounter() -> None:
    told, code = answer(HEAD_ON)
    assert code == 1
    (found,) = told["encounters"]
    assert (found["a"], found["b"]) == ("ONE", "TWO")
    # 55,659.7 m apart, closing at 900 kt (463 m/s)
    assert found["t_cpa_s"] == pytest.approx(120.2, abs=0.05)
    assert found["t_in_s"] == pytest.approx(100.2, abs=0.05)
    assert found["d_cpa_m"] == pytest.approx(0.0, abs=0.01)
    assert found["dz_cpa_m"] == 0.0


def test_two_that_are_a_thousand_feet_apart_are_none() -> None:
    told, code = answer(HEAD_ON.replace("TWO,0,0.5,35000", "TWO,0,0.5,36000"))
    assert (told["encounters"], code) == ([], 0)


def test_the_order_of_columns_and_rows_does_not_matter() -> None:
    rows = list(csv.reader(io.StringIO(HEAD_ON)))
    turned = "\n".join(",".join(reversed(row)) for row in [rows[0], *reversed(rows[1:])])
    assert answer(turned)[0]["encounters"] == answer(HEAD_ON)[0]["encounters"]


def test_a_track_that_cannot_be_predicted_is_told_and_nothing_is_called_clear() -> None:
    told, code = answer(HEADER + "ONE,0,0,35000,,90,0\nTWO,40,0.5,35000,450,270,0\n")
    assert code == 3
    assert told["unjudged"] == [{"id": "ONE", "reason": "it has no ground_speed_kt"}]


def test_an_encounter_is_told_beside_a_track_that_cannot_be_judged() -> None:
    told, code = answer(HEAD_ON + "THREE,40,0,35000,450,,0\n")
    assert code == 1
    assert told["unjudged"] == [{"id": "THREE", "reason": "it has no track_deg"}]


@pytest.mark.parametrize("row", ["TWO,0,0.5,,450,270,0", "TWO,0,0.5,35000,450,270,"])
def test_without_an_altitude_or_a_rate_a_loss_cannot_be_excluded(row: str) -> None:
    told, code = answer(HEAD_ON.replace("TWO,0,0.5,35000,450,270,0", row))
    assert code == 3
    assert told["encounters"] == []
    (found,) = told["cannot_exclude"]
    assert found["t_in_s"] == pytest.approx(100.2, abs=0.05)
    assert found["dz_cpa_m"] is None
    assert "TWO" in " ".join(told["checked"]["assumed"])


def test_age_and_accuracy_widen_what_cannot_be_excluded() -> None:
    header = HEADER.strip() + ",age_s,position_accuracy_m\n"
    # Abeam, 5.3 NM apart: 9,815 m, and after 20 s each may be 300 m (no kind: 3 m/s2) plus 600 m off.
    text = header + "ONE,0,0,35000,450,0,0,10,600\nTWO,0,0.0882,35000,450,0,0,20,0\n"
    told, code = answer(text)
    assert (told["encounters"], code) == ([], 3)
    assert len(told["cannot_exclude"]) == 1


def test_a_track_that_flies_too_far_to_be_exact_is_told() -> None:
    """5,000 kt for ten minutes are 1,543 km; in five minutes it is exact."""
    text = HEADER + "ONE,0,0,35000,5000,90,0\nTWO,40,0.5,35000,450,270,0\n"
    told, code = answer(text, *MINIMA[:4], "--lookahead-s", "1200")
    assert ([each["id"] for each in told["unjudged"]], code) == (["ONE"], 3)
    assert answer(text)[1] == 0


def test_a_formation_is_exempted_and_listed() -> None:
    result = run(PICTURE, "--format", "json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [(each["a"], each["b"], each["exempted_by"], each["reason"]) for each in told["exempted"]] == [
        ("SOUTH21", "SOUTH22", "formation", "ALPHA")
    ]
    assert {("NORTH01", "SOUTH11"), ("SURVEY1", "SURVEY2")} <= {
        (each["a"], each["b"]) for each in told["encounters"]
    }


def test_a_rule_set_of_a_file_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\ndefault = "rule-of-threes"\n')
    told, code = answer(HEAD_ON, "--rule", str(file))
    assert (told["checked"]["rule_set"], told["encounters"][0]["rule"], code) == ("mine", "rule-of-threes", 1)


def test_where_no_rule_applies_nothing_is_called_clear() -> None:
    """The Fire Traffic Area holds between an incident and tracks, and here is no incident."""
    result = run("-", "--rule", "fire-traffic-area", text=HEAD_ON)
    assert result.exit_code == 3
    assert "no rule of it applies between any two of them" in " ".join(result.stdout.split())


def test_an_incident_needs_a_place_only() -> None:
    header = HEADER.strip() + ",kind,contact\n"
    text = (
        header
        + "FIRE,35,36,,,,,incident,\nONE,35.1,36,5000,120,180,0,,\nTWO,35,36.1,5000,120,270,0,,cleared\n"
    )
    told, code = answer(text, "--rule", "fire-traffic-area")
    assert code == 1
    assert [(each["a"], each["b"], each["level"]) for each in told["encounters"]] == [
        ("FIRE", "ONE", "no_entry_without_contact")
    ]
    assert [each["exempted_by"] for each in told["exempted"]] == ["contact"]


def test_every_form_says_the_same() -> None:
    rows = list(csv.DictReader(io.StringIO(run("-", *MINIMA, "--format", "csv", text=HEAD_ON).stdout)))
    assert [(row["verdict"], row["a"], row["b"]) for row in rows] == [("encounter", "ONE", "TWO")]
    shown = json.loads(run("-", *MINIMA, "--format", "geojson", text=HEAD_ON).stdout)
    assert shown["features"][0]["geometry"]["coordinates"] == [[0.0, 0.0], [0.5, 0.0]]
    table = run("-", *MINIMA, text=HEAD_ON).stdout
    assert "ONE" in table
    assert "TWO" in table
    assert "1 ENCOUNTER: 2 tracks judged by minima" in table


def test_what_was_assumed_is_said() -> None:
    told = run("-", text=HEAD_ON).stderr
    assert "rule set: en-route" in told
    assert "positions are taken to be exact" in told


def test_a_drawing_is_svg_and_shows_both(tmp_path: Path) -> None:
    out = tmp_path / "encounter.svg"
    result = run("-", *MINIMA, "--draw", "TWO,ONE", "--output", out, text=HEAD_ON.replace("ONE", "<b>&ONE"))
    assert result.exit_code == 2  # there is no ONE
    result = run(
        "-", *MINIMA, "--draw", "TWO,<b>&ONE", "--output", out, text=HEAD_ON.replace("ONE", "<b>&ONE")
    )
    assert result.exit_code == 1
    drawn = out.read_text()
    assert drawn.startswith("<svg")
    assert "&lt;b&gt;&amp;ONE" in drawn
    assert "<b>" not in drawn


def test_a_track_too_old_for_its_error_to_be_allowed_for_is_judged_and_told() -> None:
    """200 s old, it may be 60 km off; nothing may then be called clear."""
    header = HEADER.strip() + ",age_s\n"
    text = header + "ONE,0,0,35000,0,0,0,200\nTWO,0,0.2,35000,0,0,0,0\n"
    told, code = answer(text)
    assert (told["encounters"], told["cannot_exclude"], code) == ([], [], 3)
    assert [each["id"] for each in told["unjudged"]] == ["ONE"]
    assert told["checked"]["tracks"] == 2
    near = answer(text.replace("0.2,", "0.05,"))
    assert (len(near[0]["encounters"]), near[1]) == (1, 1)


def test_the_table_has_the_soonest_first_and_fits_in_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_WIDTH_WITHOUT_TERMINAL", 80)
    shown = run(PICTURE).stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.index("NORTH31") < shown.index("NORTH01")
    assert max(map(len, run("--list-rules").stdout.splitlines())) <= 80


def test_a_line_across_the_antimeridian_is_in_two_parts() -> None:
    text = HEADER + "ONE,10,179.9,35000,0,0,0\nTWO,11,180.1,35000,0,0,0\n"
    shown = json.loads(
        run("-", "--lateral-m", "199000", "--vertical-m", "9", "--format", "geojson", text=text).stdout
    )
    (geometry,) = (each["geometry"] for each in shown["features"])
    assert geometry["type"] == "MultiLineString"
    (one, there), (here, two) = geometry["coordinates"]
    assert one == [179.9, 10.0]
    assert there == [180.0, pytest.approx(10.5)]
    assert here == [-180.0, pytest.approx(10.5)]
    assert two == [pytest.approx(-179.9), 11.0]


def test_ids_with_commas_can_be_drawn() -> None:
    text = HEAD_ON.replace("ONE", '"A,B"').replace("TWO", '"C,D"')
    assert run("-", *MINIMA, "--draw", "A,B,C,D", text=text).stdout.startswith("<svg")


def test_what_has_no_encounter_is_drawn_only_if_there_is_one_rule_to_draw_by() -> None:
    assert run(PICTURE, "--draw", "TRANSIT,SURVEY1").stdout.startswith("<svg")
    refused = run(PICTURE, "--rule", "drones", "--draw", "TRANSIT,SURVEY1")
    assert refused.exit_code == 2
    assert "there is nothing to draw" in " ".join(refused.stderr.split())


# -- the tutorial -----------------------------------------------------------------------------------


def test_the_tutorial_shows_what_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "tutorial" / "encounters.md").read_text("utf-8")
    lines = re.findall(r"^ *keepclear encounters (.*?)  # exit code (\d)$", page, re.MULTILINE)
    assert len(lines) >= 5
    answers = [(run(*shlex.split(line)), int(code)) for line, code in lines]
    assert [result.exit_code for result, _ in answers] == [code for _, code in answers]
    printed = "".join(result.stdout for result, _ in answers)
    (shown,) = re.findall(r"^```text\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert shown in printed


def test_the_drawing_in_the_tutorial_is_what_the_command_draws() -> None:
    drawn = run(PICTURE, "--draw", "NORTH01,SOUTH11").stdout
    assert (ROOT / "docs" / "images" / "encounter.svg").read_text("utf-8") == drawn


# -- pairs ------------------------------------------------------------------------------------------


def test_each_row_of_pairs_has_its_alert_level() -> None:
    result = run("--pairs", PAIRS, "--rule", "do-365b", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [int(row["alert_level"]) for row in rows] == [3, 0, 1, 0, 3, 0, 3, 0]
    assert result.exit_code == 1


def test_pairs_are_judged_by_minima_too() -> None:
    result = run("--pairs", PAIRS, *MINIMA, "--format", "json")
    told = json.loads(result.stdout)["pairs"]
    assert [each["encounter"] for each in told] == [1, 1, 1, 1, 1, 1, 1, 1]
    assert told[3]["dz_cpa_m"] == 300.0


def test_other_columns_of_pairs_are_not_read() -> None:
    text = "\n".join(f"{line},x" for line in PAIRS.read_text().splitlines())
    assert run("--pairs", "-", "--format", "csv", text=text).exit_code == 1


# -- bad usage and bad input ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "give one of the two"),
        ((PICTURE, "--pairs", PAIRS), "give one of the two"),
        ((PICTURE, "--lateral-m", "9260"), "--lateral-m and --vertical-m go together"),
        ((PICTURE, "--lookahead-s", "60"), "rules have their own"),
        ((PICTURE, *MINIMA, "--rule", "drones"), "give --rule, or"),
        ((PICTURE, "--rule", ""), "there is no rule set ''"),
        ((PICTURE, "--rule", "en-rout"), "did you mean 'en-route'?"),
        ((PICTURE, "--rule", "absent.toml"), "there is no such file"),
        ((PICTURE, "--lateral-m", "nan", "--vertical-m", "1"), "--lateral-m"),
        ((PICTURE, "--lateral-m", "1", "--vertical-m", "1", "--lookahead-s", "1e9"), "--lookahead-s"),
        ((PICTURE, "--draw", "ONE"), "give two ids"),
        ((PICTURE, "--draw", "ONE,TWO"), "there is no track 'ONE'"),
        ((PICTURE, "--draw", "NORTH01,SOUTH11", "--format", "json"), "leave --format out"),
        (("--pairs", PAIRS, "--rule", "drones"), "--pairs takes --rule do-365b"),
        (("absent.csv",), "there is no such file"),
        ((PICTURE, "--output", PICTURE), "would be overwritten"),
    ],
)
def test_bad_usage_says_what_to_do(words: tuple[Any, ...], told: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file is empty"),
        ("a,b\n1,2\n", "its first row must name the columns"),
        (HEAD_ON.replace(",", ";"), "separated by semicolons"),
        (HEAD_ON.replace("track_deg", "track"), "unknown column 'track'; did you mean 'track_deg'?"),
        (HEAD_ON.replace("track_deg", "id"), "the column is there twice"),
        (HEADER + "ONE,0,0,35000,450,90\n", "line 2: it has 6 cells, and there are 7 columns"),
        (HEAD_ON.replace("TWO", "ONE"), "line 3: id: 'ONE' is there twice; line 2 has it too"),
        (HEAD_ON.replace("TWO,0,", "TWO,91,"), "line 3: latitude_deg: 91 is not within -90..90"),
        (HEAD_ON.replace("TWO,0,", "TWO,,"), "line 3: latitude_deg: it is empty"),
        (HEAD_ON.replace("TWO,0,", "TWO,nan,"), "line 3: latitude_deg: 'nan' is not a number"),
        (HEAD_ON.replace("TWO,0,", "TWO,inf,"), "line 3: latitude_deg: 'inf' is not a number"),
        (HEAD_ON.replace("TWO,0,", "TWO,1e999,"), "line 3: latitude_deg: the number '1e999' is out of range"),
        (HEAD_ON.replace("TWO,0,", "TWO,0_0,"), "line 3: latitude_deg: '0_0' is not a number"),
        (HEAD_ON.replace("TWO,0,", "TWO,--1,"), "line 3: latitude_deg: '--1' is not a number"),
        (HEAD_ON.replace(",450,270", ",-450,270"), "line 3: ground_speed_kt: -450 is not within 0.."),
        (HEAD_ON.replace(",450,270", ",450,361"), "line 3: track_deg: 361 is not within 0..360"),
        (HEAD_ON + '"FOUR', "this is not CSV"),
        ('id,latitude_deg\n"\x00",1\n', "error"),
        (
            HEAD_ON.replace("id,", "id,kind,").replace("ONE,", "ONE,plane,").replace("TWO,", "TWO,drone,"),
            "is no kind",
        ),
    ],
)
def test_a_bad_file_is_told_with_its_line_and_there_is_no_verdict(text: str, told: str) -> None:
    result = run("-", *MINIMA, "--format", "json", text=text)
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_all_bad_cells_are_told_at_once() -> None:
    text = HEADER + "ONE,91,0,x,450,90,0\nTWO,0,999,35000,450,270,0\n"
    assert run("-", text=text).stderr.count("error: ") == 3


def test_where_there_is_nobody_nothing_is_called_clear() -> None:
    told, code = answer(HEADER)
    assert (told["encounters"], told["checked"]["tracks"], code) == ([], 0, 3)
    assert run("--pairs", "-", text=PAIRS.read_text().splitlines()[0] + "\n").exit_code == 3


def test_one_track_alone_meets_nobody() -> None:
    assert answer(HEADER + "ONE,0,0,35000,450,90,0\n")[1] == 0


def test_pairs_that_fly_too_far_to_be_exact_are_told() -> None:
    """3,000 m/s for ten minutes are 1,800 km."""
    header = PAIRS.read_text().splitlines()[0]
    text = f"{header}\n0,0,9000,3000,90,0,40,0,9000,100,90,0\n"
    result = run("--pairs", "-", *MINIMA[:4], "--lookahead-s", "1200", text=text)
    assert result.exit_code == 3
    assert "too far" in result.stdout
    assert run("--pairs", "-", *MINIMA, text=text).exit_code == 0


def test_the_rule_sets_are_listed() -> None:
    listed = json.loads(run("--list-rules", "--format", "json").stdout)["rule_sets"]
    assert {"en-route", "rule-of-threes", "drones", "do-365b", "fire-traffic-area"} <= {
        each["rule_set"] for each in listed
    }
    assert "5 NM or 800 ft" in run("--list-rules").stdout
