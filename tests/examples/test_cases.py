"""The case files give the answers that docs/tutorial/examples.md promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from keepclear.codec.f3548 import volumes
from keepclear.codec.reading import ReadSettings
from keepclear.core.conflicts import Buffer, ConflictRule
from keepclear.core.index import Engine
from keepclear.core.picture import Picture

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "examples" / "cases"

CONFLICT = True
CLEAR = False
EXPECTED = {
    "true-conflict": CONFLICT,
    "near-miss-1m": CLEAR,
    "touching-bounds": CONFLICT,
    "touching-altitude": CONFLICT,
    "time-adjacent": CONFLICT,
    "time-1ms-apart": CLEAR,
    "square-in-l-notch": CLEAR,
    "altitude-separated": CLEAR,
    "antimeridian": CONFLICT,
    "antimeridian-clear": CLEAR,
    "pole": CONFLICT,
    "circle-rim": CONFLICT,
    "edge-100km-conflict": CONFLICT,
    "edge-100km-clear": CLEAR,
    "sequential-legs": CLEAR,
}


def picture_of(
    case: str, rule: ConflictRule = ConflictRule.PER_VOLUME, engine: Engine = Engine.PLAIN
) -> Picture:
    path = CASES / f"{case}.json"
    reading = volumes.decode(path.read_bytes(), path.name, ReadSettings())
    assert reading.problems == []
    assert reading.assumptions == []
    return Picture([placed.item for placed in reading.placed], rule=rule, engine=engine)


def pairs_of(picture: Picture, buffer: Buffer | None = None) -> list[tuple[str, str]]:
    return [(found.a.id, found.b.id) for found in picture.findings(buffer=buffer or Buffer())]


def test_every_case_file_has_an_expected_answer() -> None:
    assert sorted(path.stem for path in CASES.glob("*.json")) == sorted(EXPECTED)


@pytest.mark.parametrize("case", EXPECTED)
def test_a_case_gives_the_answer_expected(case: str) -> None:
    pairs = [(f"{case}/a", f"{case}/b")] if EXPECTED[case] is CONFLICT else []
    assert pairs_of(picture_of(case)) == pairs


def test_a_gap_of_one_metre_is_a_conflict_only_within_a_buffer_that_reaches_it() -> None:
    picture = picture_of("near-miss-1m")
    assert pairs_of(picture, Buffer(lateral_m=0.99)) == []
    assert pairs_of(picture, Buffer(lateral_m=1.001)) == [("near-miss-1m/a", "near-miss-1m/b")]


def test_a_gap_of_a_millisecond_is_a_conflict_with_a_buffer_of_a_millisecond() -> None:
    assert pairs_of(picture_of("time-1ms-apart"), Buffer(time_s=0.001)) == [
        ("time-1ms-apart/a", "time-1ms-apart/b")
    ]


def test_sequential_legs_conflict_by_the_coarser_rule_per_intent() -> None:
    picture = picture_of("sequential-legs", ConflictRule.PER_INTENT)
    assert pairs_of(picture) == [("sequential-legs/a", "sequential-legs/b")]


def test_the_script_makes_the_case_files(
    script: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyproj")
    make_cases = script("cases/make_cases.py")
    monkeypatch.setattr(make_cases, "FOLDER", tmp_path)
    make_cases.main()
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_text(encoding="utf-8") for path in CASES.glob("*.json")}
