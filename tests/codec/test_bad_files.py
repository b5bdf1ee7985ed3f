"""Every bad file in `tests/golden/bad` is refused with exactly the problems that its table promises.

The table `expected.json` has, for each file, every problem in order: a part of the item (or the whole
of it; empty for the file itself), the field in full, and a part of the reason. The files are written
by hand; a file's name says its fault.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keepclear.codec.formats import READERS, Format
from keepclear.codec.reading import ReadSettings, gather

FOLDER = Path(__file__).parents[1] / "golden" / "bad"
TABLE = "expected.json"
EXPECTED: dict[str, list[tuple[str, str, str]]] = json.loads((FOLDER / TABLE).read_text("utf-8"))
FORMATS = {
    ".csv": Format.CSV,
    ".geojson": Format.GEOJSON,
    ".json": Format.F3548,
    ".kml": Format.KML,
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_bad_file_is_refused_with_its_problems_and_no_others(name: str) -> None:
    path = FOLDER / name
    reading = READERS[FORMATS[path.suffix]](path.read_bytes(), name, ReadSettings())
    problems = gather([reading]).problems  # ids that stand twice are found when files are put together
    told = [(problem.item, problem.field, problem.reason) for problem in problems]
    assert len(told) == len(EXPECTED[name]) > 0, told
    for (item, field, reason), (item_part, field_expected, reason_part) in zip(
        told, EXPECTED[name], strict=True
    ):
        assert item_part in item
        assert bool(item_part) == bool(item)
        assert field == field_expected
        assert reason_part in reason
    assert {problem.source for problem in problems} == {name}


def test_every_bad_file_is_in_the_table() -> None:
    files = {path.name for path in FOLDER.iterdir()} - {TABLE}
    assert files == set(EXPECTED)
