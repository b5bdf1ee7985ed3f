"""Who conflicts with whom, and the witness that proves it."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
import spherely
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.conflicts import Buffer, ConflictRule, Finding, Item, Verdict
from keepclear.core.constraints import Constraint, ConstraintRule, ring_zones
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng
from keepclear.core.index import Engine
from keepclear.core.intents import IntentState, ItemId, OperationalIntent
from keepclear.core.picture import Picture
from keepclear.core.shapes import Circle, Polygon
from keepclear.core.volumes import Volume4D
from tests.oracle import GEOD, polygon
from tests.strategies import band, go, intent, pictures, square, volume, window, zone

ENGINES = [Engine.PLAIN, Engine.LOOPS]


def found(*items: Item, **options: object) -> list[tuple[str, str, str]]:
    findings = Picture(items).findings(**options)  # type: ignore[arg-type]
    return [(f.a.id, f.b.id, f.verdict.value) for f in findings]


HERE = square(35.0, 36.0, 500.0)
NEARBY = square(35.0, 36.005, 500.0)


def test_operations_of_different_parties_that_share_a_point_conflict() -> None:
    assert found(intent("A", volume(HERE)), intent("B", volume(NEARBY))) == [("A", "B", "conflict")]


def test_operations_of_one_party_are_judged_only_when_asked() -> None:
    items = (intent("A", volume(HERE), party="n"), intent("B", volume(NEARBY), party="n"))
    assert found(*items) == []
    assert found(*items, all_pairs=True) == [("A", "B", "conflict")]


def test_an_operation_without_a_party_is_a_party_of_its_own() -> None:
    items = [OperationalIntent(id=ItemId(name), volumes=(volume(HERE),)) for name in "AB"]
    assert found(*items) == [("A", "B", "conflict")]


def test_zones_are_never_judged_against_zones() -> None:
    items = (zone("Z1", volume(HERE)), zone("Z2", volume(HERE)))
    assert found(*items) == []
    assert found(*items, all_pairs=True) == []


def test_a_keep_out_zone_gives_a_conflict_and_a_notify_first_zone_a_notice() -> None:
    flight = intent("A", volume(HERE))
    assert found(flight, zone("Z", volume(HERE))) == [("A", "Z", "conflict")]
    notify = zone("Z", volume(HERE), rule=ConstraintRule.NOTIFY_FIRST)
    assert found(flight, notify) == [("A", "Z", "notice_required")]


def test_ones_own_zone_is_no_conflict() -> None:
    assert found(intent("A", volume(HERE), party="n"), zone("Z", volume(HERE), party="n")) == []


def test_priority_never_hides_a_conflict() -> None:
    urgent = OperationalIntent(id=ItemId("A"), volumes=(volume(HERE),), priority=100)
    assert found(urgent, intent("B", volume(HERE))) == [("A", "B", "conflict")]


def test_what_has_ended_is_left_out_and_counted() -> None:
    picture = Picture([intent("A", volume(HERE), state=IntentState.ENDED), intent("B", volume(HERE))])
    assert picture.findings() == ()
    assert picture.ended_count == 1


def test_an_id_that_stands_twice_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="stands twice"):
        Picture([intent("A", volume(HERE)), zone("A", volume(HERE))])


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (volume(HERE, window(60, 90)), 1),  # from the very instant at which the first ends
        (volume(HERE, window(60 + 0.001 / 60, 90)), 0),  # from a millisecond later
        (volume(HERE, window(0, 60), band(100.0, 200.0)), 1),
        (volume(HERE, window(0, 60), band(100.001, 200.0)), 0),
        (volume(HERE, window(0, 60), band(304.8 - 204.8 + 5e-8, 200.0)), 1),  # feet are not whole in binary
    ],
)
def test_touching_in_time_or_altitude_is_a_conflict_and_a_hair_more_is_not(
    other: Volume4D, expected: int
) -> None:
    first = intent("A", volume(HERE, window(0, 60), band(0.0, 100.0)))
    assert len(found(first, intent("B", other))) == expected


def test_squares_that_share_an_edge_conflict() -> None:
    a = Polygon(vertices=(LatLng(35.0, 36.0), LatLng(35.0, 36.1), LatLng(35.1, 36.1), LatLng(35.1, 36.0)))
    b = Polygon(vertices=(LatLng(35.0, 36.1), LatLng(35.0, 36.2), LatLng(35.1, 36.2), LatLng(35.1, 36.1)))
    (finding,) = Picture([intent("A", volume(a)), intent("B", volume(b))]).findings()
    assert finding.witness.lateral_overlap_m == 0.0
    assert finding.witness.lateral_gap_m == 0.0


def test_the_per_intent_rule_takes_bounding_altitude_and_time() -> None:
    # Two legs each: where the footprints meet, time and altitude do not.
    a = intent(
        "A",
        volume(HERE, window(0, 10), band(0, 100)),
        volume(square(35.2, 36, 500), window(50, 60), band(500, 600)),
    )
    b = intent(
        "B",
        volume(HERE, window(50, 60), band(500, 600)),
        volume(square(35.4, 36, 500), window(0, 10), band(0, 100)),
    )
    assert Picture([a, b]).findings() == ()
    (finding,) = Picture([a, b], rule=ConflictRule.PER_INTENT).findings()
    assert finding.verdict is Verdict.CONFLICT


def test_every_pair_of_volumes_is_listed_and_the_witness_is_the_first_in_time() -> None:
    a = intent("A", volume(HERE, window(30, 60)), volume(HERE, window(0, 30)))
    (finding,) = Picture([a, intent("B", volume(HERE, window(10, 50)))]).findings()
    assert finding.volume_pairs == ((0, 0), (1, 0))
    assert finding.a.volume == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_gap_within_the_buffer_in_all_dimensions_is_a_conflict(engine: Engine) -> None:
    gap_m = 400.0
    a = Circle(center=LatLng(35.0, 36.0), radius_m=1000.0)
    b = square(*go(35.0, 36.0, 90.0, 1000.0 + gap_m + 500.0), 500.0)
    picture = Picture(
        [
            intent("A", volume(a, window(0, 30), band(0, 100))),
            intent("B", volume(b, window(31, 60), band(150, 200))),
        ],
        engine=engine,
    )

    def conflicts(lateral_m: float, vertical_m: float, time_s: float) -> int:
        return len(picture.findings(buffer=Buffer(lateral_m=lateral_m, vertical_m=vertical_m, time_s=time_s)))

    assert conflicts(401.0, 50.0, 60.0) == 1
    assert conflicts(398.9, 50.0, 60.0) == 0  # a circle may be a metre too large, no more
    assert conflicts(401.0, 49.999, 60.0) == 0
    assert conflicts(401.0, 50.0, 59.999) == 0


def test_a_near_miss_tells_the_gap_in_each_dimension() -> None:
    a = intent("A", volume(square(35.0, 36.0, 500.0), window(0, 30), band(0, 100)))
    b = intent("B", volume(square(*go(35.0, 36.0, 0.0, 1001.0), 500.0), window(30.5, 60), band(120, 200)))
    near = Buffer(lateral_m=10.0, vertical_m=50.0, time_s=60.0)
    (finding,) = Picture([a, b]).findings(near=near)
    assert finding.verdict is Verdict.NEAR_MISS
    assert finding.witness.lateral_gap_m == pytest.approx(1.0, abs=0.05)
    assert finding.witness.vertical_gap_m == pytest.approx(20.0)
    assert finding.witness.time_gap_s == 30.0
    assert finding.witness.altitude_m == pytest.approx(110.0)


def test_a_conflict_is_not_reported_as_a_near_miss_too() -> None:
    findings = Picture([intent("A", volume(HERE)), intent("B", volume(NEARBY))]).findings(
        near=Buffer(lateral_m=1e3)
    )
    assert [f.verdict for f in findings] == [Verdict.CONFLICT]


def test_the_depth_is_that_of_the_largest_circle_in_the_overlap() -> None:
    a, b = square(35.0, 36.0, 500.0), square(*go(35.0, 36.0, 90.0, 800.0), 500.0)
    (finding,) = Picture([intent("A", volume(a)), intent("B", volume(b))]).findings()
    assert finding.witness.lateral_overlap_m == pytest.approx(200.0, rel=0.01)
    assert finding.witness.overlap_area_m2 == pytest.approx(200.0 * 1000.0, rel=0.01)
    assert math.isinf(finding.witness.vertical_overlap_m)
    assert finding.witness.time_overlap_s == 3600.0


def test_a_fire_traffic_area_is_a_notify_ring_round_a_keep_out_ring() -> None:
    outer, inner = ring_zones("Creek fire", LatLng(37.2, -119.3), window(0, 600))
    assert (outer.rule, inner.rule) == (ConstraintRule.NOTIFY_FIRST, ConstraintRule.KEEP_OUT)
    flight = intent("A", volume(square(*go(37.2, -119.3, 10.0, 18_000.0), 100.0)))
    assert found(flight, outer, inner) == [("A", "Creek fire/clearance", "notice_required")]


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, 200_000.0])
def test_a_buffer_out_of_range_is_refused(value: float) -> None:
    with pytest.raises(InvalidValueError):
        Buffer(lateral_m=value)


# -- laws -------------------------------------------------------------------------------------------


def brute_force(items: list[Item], buffer: Buffer, all_pairs: bool) -> set[tuple[str, str]]:
    """The definition, by S2 and plain comparisons; only for pairs that no tolerance touches."""
    result = set()
    for a, b in combinations([i for i in items if getattr(i, "state", None) is not IntentState.ENDED], 2):
        zones = isinstance(a, Constraint) + isinstance(b, Constraint)
        if zones == 2 or (not all_pairs and a.party is not None and a.party == b.party):
            continue
        if any(_meet(v, w) for v in a.volumes for w in b.volumes):
            result.add((a.id, b.id))
    return result


def _meet(v: Volume4D, w: Volume4D) -> bool:
    a, b = v.volume.altitude, w.volume.altitude
    if (
        v.time.start > w.time.end
        or w.time.start > v.time.end
        or a.lower_m > b.upper_m
        or b.lower_m > a.upper_m
    ):
        return False
    rings = [[(float(p[0]), float(p[1])) for p in x.volume.outline.ring_deg()] for x in (v, w)]
    return bool(spherely.intersects(polygon(rings[0]), polygon(rings[1])))


@given(pictures(), st.booleans())
def test_both_engines_find_what_the_definition_says(items: list[Item], all_pairs: bool) -> None:
    expected = brute_force(items, Buffer(), all_pairs)
    for engine in ENGINES:
        findings = Picture(items, engine=engine).findings(all_pairs=all_pairs)
        answered = {(f.a.id, f.b.id) for f in findings}
        assert expected <= answered
        for a, b in answered - expected:  # touching within the tolerance: S2 calls it no intersection
            (finding,) = (f for f in findings if (f.a.id, f.b.id) == (a, b))
            assert finding.witness.lateral_overlap_m < 0.01


@given(pictures())
def test_the_order_of_the_picture_changes_nothing(items: list[Item]) -> None:
    forwards = {frozenset((f.a.id, f.b.id)) for f in Picture(items).findings()}
    backwards = {frozenset((f.a.id, f.b.id)) for f in Picture(items[::-1]).findings()}
    assert forwards == backwards


@given(pictures(), st.floats(0.0, 3_000.0), st.floats(0.0, 300.0), st.floats(0.0, 1_800.0))
def test_a_larger_buffer_never_finds_less_and_both_engines_agree(
    items: list[Item], lateral_m: float, vertical_m: float, time_s: float
) -> None:
    buffer = Buffer(lateral_m=lateral_m, vertical_m=vertical_m, time_s=time_s)
    plain = Picture(items, engine=Engine.PLAIN).findings(buffer=buffer)
    looped = Picture(items, engine=Engine.LOOPS).findings(buffer=buffer)
    assert plain == looped
    without = Picture(items, engine=Engine.PLAIN).findings()
    assert {(f.a.id, f.b.id) for f in without} <= {(f.a.id, f.b.id) for f in plain}


@given(pictures())
def test_checking_one_item_finds_what_checking_all_finds_of_it(items: list[Item]) -> None:
    picture = Picture(items)
    everything = picture.findings()
    for item in (item for item in items if item.id in picture):
        alone = {f.b.id for f in picture.findings_of(item)}
        assert alone == {
            f.b.id if f.a.id == item.id else f.a.id for f in everything if item.id in (f.a.id, f.b.id)
        }


@given(pictures())
def test_a_witness_lies_inside_both_volumes(items: list[Item]) -> None:
    by_id = {item.id: item for item in items}
    for finding in Picture(items).findings():
        for side in (finding.a, finding.b):
            _assert_inside(finding, by_id[side.id].volumes[side.volume])


def _assert_inside(finding: Finding, v: Volume4D) -> None:
    w = finding.witness
    assert v.time.start <= w.time <= v.time.end
    assert v.volume.altitude.lower_m - 1e-6 <= w.altitude_m <= v.volume.altitude.upper_m + 1e-6
    outline = v.volume.outline
    if isinstance(outline, Circle):
        distance_m = GEOD.inv(
            outline.center.lng_deg, outline.center.lat_deg, w.position.lng_deg, w.position.lat_deg
        )[2]
        assert distance_m <= outline.radius_m + 1.0
        return
    point = spherely.create_point(w.position.lng_deg, w.position.lat_deg)
    ring = [(float(p[0]), float(p[1])) for p in outline.ring_deg()]
    assert spherely.distance(point, polygon(ring)) < 0.01


# -- what once was missed ---------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("first", ["A", "B"])
def test_a_tip_half_a_millimetre_over_a_far_edge_is_found_in_either_order(engine: Engine, first: str) -> None:
    # Far from its centre the plane of a large shape stretches: the tolerance must stretch with it.
    a = Polygon(
        vertices=(
            LatLng(44.9929653862461, -1.2675441853956333),
            LatLng(42.53071089193671, 23.422400775761826),
            LatLng(6.194186121640662, 0.0),
        )
    )
    b = Polygon(
        vertices=(
            LatLng(44.99992964372035, 0.1267646549551835),
            LatLng(45.00669025971257, 0.13025019552080497),
            LatLng(45.00669796420789, 0.12332894937426723),
        )
    )
    items = {"A": intent("A", volume(a)), "B": intent("B", volume(b))}
    others = [item for name, item in items.items() if name != first]
    assert len(Picture(others, engine=engine).findings_of(items[first])) == 1
    assert len(Picture([items[first], *others], engine=engine).findings()) == 1


def test_the_gap_of_huge_shapes_is_measured_in_reasonable_time() -> None:
    a = Circle(center=LatLng(0.0, 0.0), radius_m=1e6)
    b = Circle(center=go(0.0, 0.0, 90.0, 2e6 + 50_000.0), radius_m=1e6)
    picture = Picture([intent("A", volume(a)), intent("B", volume(b))], engine=Engine.PLAIN)
    assert len(picture.findings(buffer=Buffer(lateral_m=50_100.0))) == 1
    assert picture.findings(buffer=Buffer(lateral_m=49_900.0)) == ()
