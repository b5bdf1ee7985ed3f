"""The page on file formats names every property, and its examples are read as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from keepclear.codec.formats import READERS, Format
from keepclear.codec.kml import DEPTH_MAX
from keepclear.codec.properties import PROPERTY_NAMES, PROPERTY_NAMES_MAX
from keepclear.codec.reading import PROBLEMS_MAX, ReadSettings
from keepclear.codec.waypoints import COLUMNS_MAX, ITEM_COLUMNS, WAYPOINT_COLUMNS

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "formats.md").read_text("utf-8")


@pytest.mark.parametrize("name", PROPERTY_NAMES)
def test_every_property_is_explained(name: str) -> None:
    assert re.search(rf"^\|[^|]*`{name}`", PAGE, re.MULTILINE)


@pytest.mark.parametrize("name", [*WAYPOINT_COLUMNS, *ITEM_COLUMNS])
def test_every_column_is_named(name: str) -> None:
    section = PAGE.partition("## CSV")[2].partition("## F3548")[0]
    assert f"`{name}`" in section


@pytest.mark.parametrize(
    ("heading", "kind", "ids"),
    [
        ("GeoJSON", Format.GEOJSON, ["relief-7", "fire-12"]),
        ("KML", Format.KML, ["drop-zone-3"]),
        ("CSV", Format.CSV, ["relief-7"]),
    ],
)
def test_every_example_is_read_without_a_problem(heading: str, kind: Format, ids: list[str]) -> None:
    example = re.search(r"```\w+\n(.*?)```", PAGE.partition(f"## {heading}\n")[2], re.DOTALL)
    assert example is not None
    reading = READERS[kind](example[1].encode(), "example", ReadSettings())
    assert reading.problems == []
    assert [placed.item.id for placed in reading.placed] == ids


@pytest.mark.parametrize("limit", [PROBLEMS_MAX, PROPERTY_NAMES_MAX, COLUMNS_MAX, DEPTH_MAX])
def test_every_limit_is_named(limit: int) -> None:
    assert f" {limit:,}" in PAGE.partition("## Limits")[2]
