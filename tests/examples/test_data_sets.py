"""The data sets of the examples are readable, small, and hold the findings that the tutorial tells of."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

import pytest

import keepclear
from keepclear.core.conflicts import Finding

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

LATAKIA_CONFLICTS = {
    ("coalition/orbit-2", "north/orbit-1"),
    ("coalition/ship", "north/sea-patrol"),
    ("coalition/transit-1", "north/patrol-1"),
    ("north/helicopter-2", "relief/convoy-1"),
    ("north/helicopter-2", "relief/site-camp"),
    ("north/transport-1", "relief/airlift-1"),
}
LATAKIA_NOTICES = {
    ("coalition/mdz-2", "relief/convoy-1"),
    ("coalition/mdz-3", "north/transport-1"),
    ("coalition/mdz-3", "relief/airlift-1"),
    ("north/airfield", "relief/airlift-1"),
    ("north/airfield", "relief/airlift-2"),
    ("north/mdz-1", "relief/ambulance-1"),
    ("north/mdz-1", "relief/convoy-1"),
}
LATAKIA_NEAR_MISSES = {
    ("coalition/helicopter-3", "north/helicopter-1"),
    ("coalition/refuelling", "north/transport-2"),
    ("coalition/survey-1", "north/orbit-1"),
    ("coalition/transit-2", "north/patrol-1"),
    ("north/helicopter-1", "relief/site-warehouse"),
    ("north/helicopter-2", "relief/site-clinic"),
}
WILDFIRE_CONFLICTS = {
    ("AA410_040", "N429DF_103"),
    ("AA410_040", "T72_134"),
    ("AA410_040", "T73_144"),
    ("N427DF_097", "T71_119"),
    ("N427DF_097", "fire-traffic-area/no-entry"),
    ("N427DF_098", "T71_120"),
    ("N429DF_102", "fire-traffic-area/no-entry"),
    ("N429DF_103", "T72_134"),
    ("N429DF_103", "T73_144"),
    ("N431DF_113", "T74_157"),
    ("N431DF_113", "T74_158"),
    ("N431DF_113", "T82_079"),
    ("N431DF_113", "T83_085"),
    ("N431DF_113", "T83_086"),
    ("N439DF_156", "T74_157"),
    ("T71_119", "fire-traffic-area/no-entry"),
    ("T71_120", "fire-traffic-area/no-entry"),
}
WILDFIRE_NOTICES = {
    ("N427DF_097", "fire-traffic-area/clearance"),
    ("N427DF_098", "fire-traffic-area/clearance"),
    ("N429DF_102", "fire-traffic-area/clearance"),
    ("T71_119", "fire-traffic-area/clearance"),
    ("T71_120", "fire-traffic-area/clearance"),
}
SWITZERLAND_CONFLICTS = {
    ("BAW605", "EZY54UC"),
    ("BAW881V", "LDM89"),
    ("BCS6824", "RYR90XD"),
    ("BEL43D", "EIN42K"),
    ("CCM753X", "EZY32RJ"),
    ("DLH3EM", "PBD878"),
    ("EXS1262", "FCB682"),
    ("EXS81J", "EZY59UF"),
    ("EXS96H", "TUI1TK"),
    ("EZY36ZH", "RYR90XD"),
    ("EZY53JP", "RYR103U"),
    ("FCB658", "RYR103U"),
    ("IBE3128", "RYR39PH"),
    ("JAF3384", "RYR28BB"),
    ("PRW778", "TUI1TK"),
    ("ROT382W", "RYR8809"),
    ("RYR90XD", "VLG20N"),
    ("TAR745", "TUI32F"),
}


def files_of(data_set: str) -> list[str]:
    return [str(path) for path in sorted((EXAMPLES / data_set).glob("*.geojson"))]


def check(data_set: str, near: keepclear.Buffer | None = None) -> keepclear.CheckResult:
    result = keepclear.check(files_of(data_set), near=near)
    assert result.problems == ()
    assert result.assumptions == ()
    return result


def pairs_of(findings: Iterable[Finding]) -> set[tuple[str, str]]:
    return {(min(found.a.id, found.b.id), max(found.a.id, found.b.id)) for found in findings}


def test_latakia_has_the_conflicts_notices_and_near_misses_of_the_tutorial() -> None:
    result = check("latakia", keepclear.Buffer(lateral_m=200.0, vertical_m=120.0, time_s=600.0))
    assert len(result.items) == 27
    assert pairs_of(result.conflicts) == LATAKIA_CONFLICTS
    assert pairs_of(result.notices) == LATAKIA_NOTICES
    assert pairs_of(result.near_misses) == LATAKIA_NEAR_MISSES


@pytest.mark.slow
def test_the_wildfire_has_the_conflicts_and_notices_of_the_tutorial() -> None:
    result = check("wildfire-2020")
    assert len(result.items) == 39
    assert pairs_of(result.conflicts) == WILDFIRE_CONFLICTS
    assert pairs_of(result.notices) == WILDFIRE_NOTICES


@pytest.mark.slow
def test_switzerland_has_the_conflicts_of_the_tutorial() -> None:
    result = check("switzerland-2018")
    assert len(result.items) == 142
    assert pairs_of(result.conflicts) == SWITZERLAND_CONFLICTS
    assert result.notices == ()


@pytest.mark.parametrize(("data_set", "limit_kb"), [("wildfire-2020", 600), ("switzerland-2018", 400)])
def test_a_data_set_of_real_tracks_stays_small(data_set: str, limit_kb: int) -> None:
    assert 0 < sum(Path(path).stat().st_size for path in files_of(data_set)) < limit_kb * 1000


def test_the_script_makes_the_files_of_latakia(
    script: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_latakia = script("latakia/make_latakia.py")
    monkeypatch.setattr(make_latakia, "FOLDER", tmp_path)
    make_latakia.main()
    for path in files_of("latakia"):
        assert (tmp_path / Path(path).name).read_text(encoding="utf-8") == Path(path).read_text(
            encoding="utf-8"
        )


def test_a_track_is_thinned_to_few_legs_cut_at_its_gap_and_stays_inside_them(
    script: Callable[[str], ModuleType],
) -> None:
    # Given a circling aircraft that reports every 10 s, is silent for an hour and reports once more
    tracks = script("make_real_tracks.py")
    circling = [
        tracks.Report(
            10 * k, 35.0 + 0.05 * math.sin(k / 30.0), 36.0 + 0.05 * math.cos(k / 30.0), 1000.0 + 2.0 * k
        )
        for k in range(200)
    ]
    later = tracks.Report(2_000 + 3_600, 35.2, 36.2, 500.0)

    # When its intent is made, which checks that each report is inside
    features = tracks.flight_features("id", "party", [*circling, later], tracks.WILDFIRE)

    # Then there is a corridor of few legs, and a circle after the gap
    corridor, circle = features
    assert len(corridor["geometry"]["coordinates"]) < 40
    assert corridor["properties"]["times"][-1] == "1970-01-01T00:33:10Z"
    assert circle["geometry"] == {"type": "Point", "coordinates": [36.2, 35.2]}
    assert [feature["properties"]["volume"] for feature in features] == [0, 1]
    json.dumps(features, allow_nan=False)
