"""The world of the demonstration has something to see and to resolve, always the same."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from keepclear.codec.agreements import decode, encode
from keepclear.core.conflicts import NO_BUFFER, Finding, Verdict
from keepclear.core.constraints import Constraint, ConstraintRule
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng, geodesic_inverse
from keepclear.core.intents import IntentState, OperationalIntent, PartyId
from keepclear.core.kinds import TrackKind
from keepclear.core.picture import Picture
from keepclear.core.reports import Report
from keepclear.core.resolution import ChangeKind, resolve
from keepclear.core.shapes import CorridorLeg
from keepclear.core.shifts import Limits
from keepclear.core.times import TIME_MAX
from keepclear.core.volumes import Volume4D
from keepclear.testing.worlds.demo import OWN_PARTY, ROUNDS_MAX, DemoWorld, demo_agreements, demo_world
from tests.strategies import NOON

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "src" / "keepclear" / "testing" / "worlds" / "demo.geojson"
OWN_REAL_CONFLICTS = {
    ("BCS6824", "RYR90XD"),
    ("CCM753X", "EZY32RJ"),
    ("EXS1262", "FCB682"),
    ("FCB658", "RYR103U"),
    ("ROT382W", "RYR8809"),
}
REAL_CONFLICTS_OF_OTHERS = {("EZY36ZH", "RYR90XD"), ("EZY53JP", "RYR103U"), ("JAF3384", "RYR28BB")}
PARTIES = ("coalition", "north-force", "relief-org")
BUILT_CONFLICTS = {("coalition-airfield", "relief-drop-1"), ("EZY49WH", "relief-survey-1")}
NOTICES = {("north-fire/clearance", "relief-airlift-1")}


@pytest.fixture(scope="module")
def world() -> DemoWorld:
    return demo_world(NOON)


@pytest.fixture(scope="module")
def picture(world: DemoWorld) -> Picture:
    return Picture(world.items)


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def pairs_of(findings: Iterable[Finding], verdict: Verdict) -> set[tuple[str, str]]:
    return {
        (min(found.a.id, found.b.id), max(found.a.id, found.b.id))
        for found in findings
        if found.verdict is verdict
    }


def in_round(pairs: Iterable[tuple[str, str]], number: int) -> set[tuple[str, str]]:
    zones = ("coalition-airfield", "north-fire/clearance")
    return {(a if a in zones else f"{a}/{number}", f"{b}/{number}") for a, b in pairs}


def operations_of(world: DemoWorld) -> dict[str, OperationalIntent]:
    return {item.id: item for item in world.items if isinstance(item, OperationalIntent)}


def test_real_and_built_conflicts_of_each_round_are_known_and_no_others(picture: Picture) -> None:
    found = picture.findings()
    once = OWN_REAL_CONFLICTS | REAL_CONFLICTS_OF_OTHERS | BUILT_CONFLICTS
    assert pairs_of(found, Verdict.CONFLICT) == once | in_round(once, 2) | in_round(once, 3)
    assert pairs_of(found, Verdict.NOTICE_REQUIRED) == NOTICES | in_round(NOTICES, 2) | in_round(NOTICES, 3)


def test_no_conflict_is_over_when_the_world_is_first_looked_at(picture: Picture) -> None:
    assert min(found.witness.time for found in picture.findings()) > minutes(5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "operation", ["relief-drop-1", "relief-survey-1", "BCS6824", "CCM753X", "FCB658", "FCB682", "ROT382W"]
)
def test_each_own_conflict_is_resolved_by_a_small_change_that_is_not_in_the_past(
    world: DemoWorld, picture: Picture, operation: str
) -> None:
    resolution = resolve(picture, operations_of(world)[operation], limits=Limits(not_before=NOON))
    kinds = {change.kind: change for change in resolution.changes}
    assert 0.0 < abs(kinds[ChangeKind.ALTITUDE].altitude_shift_m) < 600.0
    assert kinds[ChangeKind.LATERAL].lateral_m < 10_000.0
    if operation != "relief-drop-1":  # the zone is there all the time
        assert 0.0 < abs(kinds[ChangeKind.TIME].time_shift_s) < 300.0


def test_the_airlift_needs_a_notice_and_no_change(world: DemoWorld, picture: Picture) -> None:
    resolution = resolve(picture, operations_of(world)["relief-airlift-1"])
    assert resolution.is_clear
    assert [found.verdict for found in resolution.conflicts] == [Verdict.NOTICE_REQUIRED]


def test_there_are_three_parties_with_flights_and_zones(world: DemoWorld) -> None:
    assert OWN_PARTY in PARTIES
    zones = [item for item in world.items if isinstance(item, Constraint)]
    assert {item.party for item in operations_of(world).values()} == set(PARTIES)
    assert {zone.party for zone in zones} == set(PARTIES)
    assert {zone.rule for zone in zones} == set(ConstraintRule)
    assert len({item.id for item in world.items}) == len(world.items)


def test_each_item_is_declared_once_blindly_or_knowingly_or_an_hour_before_it_begins(
    world: DemoWorld,
) -> None:
    parties = [PartyId(party) for party in PARTIES]
    blind, knowing = (
        [item for party in parties for item in world.declared_by(party, knowing=knowing)]
        for knowing in (False, True)
    )
    later = [item for party in parties for item in world.declared_later(party)]
    assert sorted(item.id for item in (*blind, *knowing, *later)) == sorted(item.id for item in world.items)
    assert (world.count(knowing=False), world.count(knowing=True)) == (len(blind), len(knowing))
    assert {item.party for item in knowing} == {OWN_PARTY}
    assert min(item.volumes[0].time.start for item in later) >= minutes(60)
    assert max(item.volumes[0].time.start for item in (*blind, *knowing)) < minutes(60)
    for party in parties:
        begin = [item.volumes[0].time.start for item in world.declared_later(party)]
        assert begin == sorted(begin)


def test_some_conflicts_are_declared_into_blindly_and_some_knowingly(world: DemoWorld) -> None:
    knowing = {item.id for item in world.declared_by(OWN_PARTY, knowing=True)}
    assert {bool(knowing & set(pair)) for pair in OWN_REAL_CONFLICTS | BUILT_CONFLICTS} == {False, True}


def test_each_two_parties_agree_on_gaps_that_add_no_conflict(picture: Picture) -> None:
    agreements = demo_agreements()
    assert {each.parties for each in agreements} == set(combinations(PARTIES, 2))
    assert all(decode(encode(each)) == each for each in agreements)
    (buffer,) = {each.buffer for each in agreements}
    without, found = (pairs_of(picture.findings(buffer=gap), Verdict.CONFLICT) for gap in (NO_BUFFER, buffer))
    assert found == without


def test_flights_under_way_are_activated_and_those_that_are_over_left_out(world: DemoWorld) -> None:
    for operation in operations_of(world).values():
        under_way = operation.volumes[0].time.start <= NOON
        assert operation.state is (IntentState.ACTIVATED if under_way else IntentState.ACCEPTED)
        assert operation.volumes[-1].time.end >= NOON
    assert "EZY12EJ" in operations_of(world)  # recorded until 11:16
    early = {item.id.partition("/")[0] for item in world.items} - {item.id for item in world.items}
    assert "RYR70ZG" in early  # recorded until 11:09: from the second round on


@pytest.mark.slow
def test_the_same_start_gives_the_same_world_and_another_start_moves_all_of_it(world: DemoWorld) -> None:
    assert demo_world(NOON) == world
    later = demo_world(minutes(90.5))
    assert [item.id for item in later.items] == [item.id for item in world.items]
    for moved, item in zip(later.items, world.items, strict=True):
        assert [v.time for v in moved.volumes] == [v.time.shifted(5_430_000) for v in item.volumes]
    there, here = later.reports_at(minutes(120.5)), world.reports_at(minutes(30))
    assert [place(report) for report in there] == [place(report) for report in here]


@pytest.mark.parametrize("start", [datetime(2026, 5, 1, 12, 0), TIME_MAX])  # noqa: DTZ001 - is refused
def test_a_start_that_cannot_be_is_refused(start: datetime) -> None:
    with pytest.raises(InvalidValueError):
        demo_world(start)


@pytest.mark.parametrize("rounds", [0, ROUNDS_MAX + 1])
def test_the_number_of_rounds_has_limits(rounds: int) -> None:
    with pytest.raises(InvalidValueError) as refused:
        demo_world(NOON, rounds=rounds)
    assert refused.value.field == "rounds"


def test_flights_are_under_way_from_the_start_to_the_end_and_then_none(world: DemoWorld) -> None:
    assert world.ends_at == minutes(170)
    counts = [len(world.reports_at(minutes(count))) for count in range(170)]
    assert min(counts) >= 15
    assert max(counts) <= 60
    assert world.reports_at(world.ends_at) == []
    assert demo_world(NOON, rounds=1).ends_at == minutes(50)


def place(report: Report) -> LatLng:
    return LatLng(report.latitude_deg, report.longitude_deg)


def is_inside(position: Report, volume: Volume4D) -> bool:
    """Tell by distances on the ellipsoid whether a position is inside a leg."""
    leg, band = volume.volume.outline, volume.volume.altitude
    assert isinstance(leg, CorridorLeg)
    if not volume.time.start_ms <= position.at_ms <= volume.time.end_ms:
        return False
    if not band.lower_m <= position.altitude_m <= band.upper_m:
        return False
    # Between the ends, the two distances add up to the length, but for what it is off to the side.
    length_m, to_start_m, to_end_m = (
        float(geodesic_inverse(*a, *b)[0])
        for a, b in ((leg.start, leg.end), (leg.start, place(position)), (place(position), leg.end))
    )
    return to_start_m + to_end_m <= length_m + 0.01 or min(to_start_m, to_end_m) <= leg.half_width_m


@pytest.mark.slow
def test_each_position_is_inside_the_declared_corridor(world: DemoWorld) -> None:
    operations = operations_of(world)
    for count in np.linspace(0.0, 169.9, 40).tolist():
        for position in world.reports_at(minutes(count)):
            operation = operations[position.id]
            assert position.party == operation.party
            assert any(is_inside(position, volume) for volume in operation.volumes), position


def test_a_position_moves_as_fast_and_where_it_says(world: DemoWorld) -> None:
    # Given all positions at an instant, and those a second later
    before = world.reports_at(minutes(31))
    after = {position.id: position for position in world.reports_at(minutes(31 + 1 / 60))}
    compared = 0
    for here in before:
        there = after.get(here.id)
        if there is None or there.vertical_rate_mps != here.vertical_rate_mps:
            continue
        # When the way between them is measured
        away_m, azimuth_deg = geodesic_inverse(*place(here), *place(there))
        # Then it is the speed, the direction and the rate of climb that were told
        assert float(away_m) == pytest.approx(here.ground_speed_mps, rel=1e-3)
        turn_deg = (float(azimuth_deg) - here.track_deg + 180.0) % 360.0 - 180.0
        assert abs(turn_deg) < 0.1 or here.ground_speed_mps < 1.0
        assert there.altitude_m - here.altitude_m == pytest.approx(here.vertical_rate_mps, abs=1e-6)
        compared += 1
    assert compared > 20


def test_a_flight_is_at_the_place_of_the_data_file_at_its_time(world: DemoWorld) -> None:
    # Given EZY49WH, recorded at 11:32:10 at this place, which is 22 min 10 s after the start
    at = {position.id: position for position in world.reports_at(NOON + timedelta(minutes=22, seconds=10))}
    again = {position.id: position for position in world.reports_at(minutes(82 + 1 / 6))}
    # Then it is there, and once more in the second round
    for flight in (at["EZY49WH"], again["EZY49WH/2"]):
        assert place(flight) == pytest.approx(LatLng(46.52668, 9.93095), abs=1e-9)
        assert flight.altitude_m == pytest.approx(10_973.0)


def test_invented_operations_move_as_what_they_are(world: DemoWorld) -> None:
    kinds = {position.id: position.kind for position in world.reports_at(minutes(27))}
    assert kinds["relief-drop-1"] is TrackKind.DRONE
    assert kinds["relief-airlift-1"] is TrackKind.HELICOPTER
    assert kinds["relief-survey-1"] is TrackKind.AEROPLANE
    assert kinds["FCB658"] is TrackKind.AEROPLANE


def test_the_data_file_is_small_and_told_of() -> None:
    assert DATA.stat().st_size < 400_000
    features = json.loads(DATA.read_text(encoding="utf-8"))["features"]
    readme = (DATA.parent / "README.md").read_text(encoding="utf-8")
    invented = [one["properties"]["id"] for one in features if not one["properties"]["id"].isupper()]
    assert f"{len(features) - len(invented)} flights" in readme
    for name in (*invented, *PARTIES):
        assert f"`{name}`" in readme
    for told in ("traffic 2.13", "MIT", "OpenSky"):
        assert told in readme


def test_the_script_makes_the_data_file(tmp_path: Path) -> None:
    # Given the script, told to write elsewhere
    spec = importlib.util.spec_from_file_location("make_demo_world", ROOT / "examples" / "make_demo_world.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.WORLD = tmp_path / "demo.geojson"  # type: ignore[attr-defined]  # a constant of the script

    # When it runs
    script.main()

    # Then it writes what is in the package
    assert script.WORLD.read_bytes() == DATA.read_bytes()
