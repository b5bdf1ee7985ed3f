"""Conformance: each track against what was declared, over cycles of a second."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.core.altitudes import Altitude, Atmosphere, Datum, LengthUnit
from keepclear.core.conflicts import Item
from keepclear.core.conformance import Conformance
from keepclear.core.conformance_findings import (
    UNDECIDED_MAX,
    AssignedBy,
    ConformanceCycle,
    ConformanceFinding,
    ConformanceSettings,
    Declared,
    Ignorance,
)
from keepclear.core.constraints import ConstraintRule, ring_zones
from keepclear.core.containment import Certainty
from keepclear.core.errors import InvalidValueError
from keepclear.core.foresight import GROUND_SPEED_MAX_MPS
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import IntentEvent, IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.kinds import TrackKind
from keepclear.core.shapes import CorridorLeg
from keepclear.core.signals import SignalKey, SignalKind, Urgency
from keepclear.core.track_picture import TrackStatus
from keepclear.core.track_points import PressureHeights
from keepclear.core.units import FOOT_M
from keepclear.core.volumes import Volume4D
from tests.core.seen import NOON_MS, Seen, picture
from tests.strategies import band, go, square, volume, window, zone

HERE = LatLng(47.0, 8.0)
ME = "icao:4b1814"
ACTIVATED = IntentState.ACTIVATED


def operation(
    name: str = "op",
    *volumes: Volume4D,
    party: str | None = "north",
    state: IntentState = ACTIVATED,
    callsign: str | None = None,
    kind: TrackKind = TrackKind.UNKNOWN,
) -> OperationalIntent:
    """Return an operation, by default within 1 km of one place, from 0 to 2,000 m, for an hour from noon."""
    return OperationalIntent(
        id=ItemId(name),
        volumes=volumes or (volume(square(47.0, 8.0, 1_000.0), None, band(0.0, 2_000.0)),),
        party=None if party is None else PartyId(party),
        state=state,
        callsign=callsign,
        aircraft_kind=kind,
    )


class Watch:
    """Conformance with some items held, looked at second by second."""

    def __init__(self, *items: Item, settings: ConformanceSettings | None = None) -> None:
        self.conformance = Conformance(settings)
        for item in items:
            self.conformance.hold(Declared(item=item))
        self.ignorance: Sequence[Ignorance] = ()
        self.noticed: set[tuple[ItemId, ItemId]] = set()
        self.contacts: dict[str, str] = {}
        self.coverage = True

    def look(self, now_s: float, *tracks: Seen) -> ConformanceCycle:
        """Look at tracks so many seconds after noon."""
        return self.conformance.check(
            picture(now_s, *tracks),
            NOON_MS + round(1_000.0 * now_s),
            coverage=self.coverage,
            noticed=self.noticed,
            contacts=self.contacts,
            ignorance=self.ignorance,
        )

    def looks(self, seconds: range, *tracks: Seen) -> ConformanceCycle:
        """Look at the same tracks again and again, and return the last."""
        return [self.look(float(second), *tracks) for second in seconds][-1]


def outside(distance_m: float = 500.0) -> LatLng:
    """Return a place so far east of the square of `operation`."""
    return go(47.0, 8.0, 90.0, 1_000.0 + distance_m)


def only(cycle: ConformanceCycle, kind: SignalKind) -> ConformanceFinding:
    """Return the only finding of a kind."""
    (found,) = [each for each in cycle.findings if each.kind is kind]
    return found


def kinds(cycle: ConformanceCycle) -> list[SignalKind]:
    """Return the kinds of all findings."""
    return [each.kind for each in cycle.findings]


CLAIMS = Seen(operation="op", party="north")


# -- which track flies what ------------------------------------------------------------------------


@pytest.mark.parametrize("told", ["op", "north:op"])
def test_a_track_that_tells_the_id_of_an_operation_flies_it(told: str) -> None:
    cycle = Watch(operation()).look(60, Seen(operation=told))
    assignment = cycle.assignments[ME]
    assert (assignment.item, assignment.by, assignment.where) == ("op", AssignedBy.ID, Certainty.INSIDE)
    assert not cycle.findings
    assert not cycle.undecided


def test_of_operations_with_one_name_it_flies_that_of_its_own_party() -> None:
    watch = Watch(operation("op", party="north"), operation("south:op", party="south"))
    assert watch.look(60, replace(CLAIMS, party="south")).assignments[ME].item == "south:op"
    assert watch.look(61, replace(CLAIMS, party="north")).assignments[ME].item == "op"


def test_a_track_with_the_callsign_of_an_operation_flies_it() -> None:
    cycle = Watch(operation(callsign="SWR 12")).look(60, Seen(callsign="swr12"))
    assert cycle.assignments[ME].by is AssignedBy.CALLSIGN


def test_a_track_with_another_callsign_does_not_fly_it_wherever_it_is() -> None:
    cycle = Watch(operation(callsign="SWR12")).look(60, Seen(callsign="AA410"))
    assert not cycle.assignments
    assert [finding.kind for finding in cycle.findings] == [SignalKind.UNDECLARED]


def test_of_operations_with_one_callsign_it_flies_the_one_that_is_under_way() -> None:
    morning = operation("am", volume(square(47.0, 8.0, 1_000.0), window(-60, -20)), callsign="REGA1")
    noon = operation("noon", callsign="REGA1")
    evening = operation("pm", volume(square(47.0, 8.0, 1_000.0), window(100, 160)), callsign="REGA1")
    watch = Watch(evening, noon, morning)
    assert watch.look(60, Seen(callsign="REGA1")).assignments[ME].item == "noon"
    assert watch.look(7_000, Seen(callsign="REGA1")).assignments[ME].item == "pm"


def test_of_two_that_are_under_way_its_place_decides_and_else_nothing() -> None:
    here, there = (
        operation("a", callsign="X1"),
        operation("b", volume(square(47.0, 9.0, 1_000.0), None, band(0.0, 2_000.0)), callsign="X1"),
    )
    watch = Watch(here, there)
    assert watch.look(60, Seen(callsign="X1")).assignments[ME].item == "a"
    cycle = Watch(here, there).look(60, Seen(callsign="X1", at=LatLng(48.0, 8.0)))
    assert not cycle.assignments
    assert cycle.candidates[0].items == ("a", "b")
    assert SignalKind.UNDECLARED not in kinds(cycle)


def test_of_two_with_one_callsign_it_goes_on_with_the_one_that_it_flew() -> None:
    here, also = operation("a", callsign="X1"), operation("b", callsign="X1")
    watch = Watch(here)
    watch.look(60, Seen(callsign="X1"))
    watch.conformance.hold(Declared(item=also))
    assert watch.look(61, Seen(callsign="X1")).assignments[ME].item == "a"


def test_a_track_that_says_nothing_flies_what_it_is_inside_of() -> None:
    cycle = Watch(operation()).look(60, Seen())
    assert cycle.assignments[ME].by is AssignedBy.CONTAINMENT
    assert not cycle.findings


def test_one_that_may_be_inside_by_its_error_may_fly_it() -> None:
    cycle = Watch(operation()).look(60, Seen(at=outside(5.0)))
    assert not cycle.assignments
    assert not cycle.findings
    assert str(cycle.undecided[0]).startswith(f"'{ME}' and 'op': it may fly it")


def test_one_that_fits_two_operations_is_assigned_to_neither_and_not_undeclared() -> None:
    cycle = Watch(operation("a"), operation("b", party="south")).look(60, Seen())
    assert not cycle.assignments
    assert [(each.track, each.items) for each in cycle.candidates] == [(ME, ("a", "b"))]
    assert not cycle.findings
    assert any(each.track == ME for each in cycle.undecided)


def test_the_party_that_a_track_tells_leaves_only_the_operations_of_that_party() -> None:
    watch = Watch(operation("a"), operation("b", party="south"))
    assert watch.look(60, Seen(party="south")).assignments[ME].item == "b"


def test_an_operation_whose_aircraft_is_there_is_not_fitted_by_another_track() -> None:
    cycle = Watch(operation()).look(60, CLAIMS, Seen(id="track:7"))
    assert set(cycle.assignments) == {ME}
    found = only(cycle, SignalKind.UNDECLARED)
    assert (found.track, found.urgency, found.others) == ("track:7", Urgency.CAUTION, ("op",))


def test_two_tracks_that_fit_one_operation_by_place_alone_are_pointed_out() -> None:
    cycle = Watch(operation()).look(60, Seen(id="track:1"), Seen(id="track:2"))
    assert len(cycle.assignments) == 2
    assert any(each.item == "op" and "2 tracks fit it" in each.reason for each in cycle.undecided)


def test_one_that_was_inside_for_long_stays_assigned_when_it_leaves() -> None:
    watch = Watch(operation())
    watch.looks(range(60, 95), Seen())
    cycle = watch.looks(range(95, 105), Seen(at=outside()))
    assert cycle.assignments[ME].item == "op"
    assert only(cycle, SignalKind.EXCURSION).item == "op"


def test_one_that_only_passes_through_is_not_held_to_it() -> None:
    watch = Watch(operation())
    watch.looks(range(60, 70), Seen())
    cycle = watch.looks(range(70, 80), Seen(at=outside()))
    assert not cycle.assignments
    assert kinds(cycle) == [SignalKind.UNDECLARED]


def test_a_kind_that_is_not_the_operations_does_not_fit_by_place() -> None:
    cycle = Watch(operation(kind=TrackKind.DRONE)).look(60, Seen(kind=TrackKind.AEROPLANE))
    assert not cycle.assignments
    assert only(cycle, SignalKind.UNDECLARED).urgency is Urgency.CAUTION


def test_what_a_track_says_later_counts_more_than_where_it_is() -> None:
    watch = Watch(operation("a"), operation("b", volume(square(47.0, 9.0, 500.0)), party="north"))
    watch.looks(range(60, 100), Seen())
    assert watch.look(100, Seen(operation="b")).assignments[ME].item == "b"


@pytest.mark.slow
@given(st.permutations(range(5)), st.permutations(range(4)))
def test_assignment_does_not_depend_on_any_order(tracks: list[int], items: list[int]) -> None:
    made = [
        operation("a"),
        operation("b", party="south"),
        operation("c", volume(square(47.5, 8.0, 500.0)), callsign="C1"),
        operation("d", volume(square(47.5, 8.0, 800.0)), party="south"),
    ]
    seen = [
        Seen(id="track:1"),
        Seen(id="track:2", party="south"),
        Seen(id="track:3", at=LatLng(47.5, 8.0)),
        Seen(id="track:4", at=LatLng(47.5, 8.0), callsign="C1"),
        Seen(id="track:5", operation="b", at=LatLng(47.1, 8.0)),
    ]
    ordered = Watch(*made).look(60, *seen)
    shuffled = Watch(*(made[k] for k in items)).look(60, *(seen[k] for k in tracks))
    assert ordered == shuffled


# -- outside ---------------------------------------------------------------------------------------


def test_an_excursion_makes_a_signal_after_the_grace_with_distance_and_duration() -> None:
    watch = Watch(operation())
    watch.looks(range(60, 70), CLAIMS)
    away = replace(CLAIMS, at=outside())
    first = only(watch.look(70, away), SignalKind.EXCURSION)
    assert (first.makes_signal, first.since_ms) == (False, NOON_MS + 69_500)
    cycle = watch.looks(range(71, 81), away)
    found = only(cycle, SignalKind.EXCURSION)
    assert found.duration_s == pytest.approx(10.5)
    assert found.facts["lateral_m"] == pytest.approx(500.0, rel=0.01)
    assert (found.urgency, found.state, found.item_version) == (Urgency.CAUTION, ACTIVATED, 1)
    assert cycle.signals[0].key == SignalKey(SignalKind.EXCURSION, ME, "op")
    assert "500 m beside it" in found.cause
    assert found.last_ms == NOON_MS + 79_500


def test_a_height_outside_the_band_is_an_excursion_too() -> None:
    watch = Watch(operation())
    cycle = watch.looks(range(60, 70), replace(CLAIMS, altitude_m=2_300.0))
    found = only(cycle, SignalKind.EXCURSION)
    assert found.facts["vertical_m"] == pytest.approx(290.0)
    assert found.facts["lateral_m"] == 0.0


def test_what_its_error_may_explain_is_no_excursion_but_cannot_be_told() -> None:
    watch = Watch(operation())
    cycle = watch.looks(range(60, 120), replace(CLAIMS, at=outside(50.0), error_m=80.0))
    assert not cycle.findings
    assert cycle.assignments[ME].where is Certainty.POSSIBLE
    assert [(each.track, each.item) for each in cycle.undecided] == [(ME, "op")]


def test_an_excursion_ends_only_with_a_later_report_inside() -> None:
    watch = Watch(operation())
    watch.looks(range(60, 80), replace(CLAIMS, at=outside()))
    unsure = watch.look(80, replace(CLAIMS, at=outside(5.0), error_m=20.0))
    assert only(unsure, SignalKind.EXCURSION).duration_s > 20.0
    # A report that is older than the last one outside says nothing.
    assert SignalKind.EXCURSION in kinds(watch.look(81, replace(CLAIMS, age_s=3.0)))
    assert not watch.look(82, CLAIMS).findings


def test_a_track_that_is_not_heard_any_more_is_still_out() -> None:
    watch = Watch(operation())
    watch.looks(range(60, 80), replace(CLAIMS, at=outside()))
    lost = replace(CLAIMS, at=outside(), age_s=40.0, status=TrackStatus.LOST)
    found = only(watch.look(119, lost), SignalKind.EXCURSION)
    assert not found.is_certain
    assert "40 s old" in found.cause


def test_a_track_that_was_inside_and_is_lost_is_not_taken_to_be_inside() -> None:
    cycle = Watch(operation()).look(120, replace(CLAIMS, age_s=40.0, status=TrackStatus.LOST))
    assert [(each.track, each.item) for each in cycle.undecided] == [(ME, "op")]


def test_a_position_in_doubt_neither_begins_nor_ends_an_excursion() -> None:
    watch = Watch(operation())
    doubted = replace(CLAIMS, suspicion="it jumped")
    assert SignalKind.EXCURSION not in kinds(watch.looks(range(60, 80), replace(doubted, at=outside())))
    watch.looks(range(80, 90), replace(CLAIMS, at=outside()))
    found = only(watch.look(90, doubted), SignalKind.EXCURSION)
    assert "may be false" in found.cause


@pytest.mark.slow
def test_out_for_long_is_contingent_and_a_warning() -> None:
    watch = Watch(operation())
    cycle = watch.looks(range(60, 125), replace(CLAIMS, at=outside()))
    found = only(cycle, SignalKind.CONTINGENT)
    assert found.urgency is Urgency.WARNING
    assert found.duration_s == pytest.approx(64.5)
    assert only(cycle, SignalKind.EXCURSION).duration_s == found.duration_s  # and it has not ended


def test_an_operation_that_is_declared_contingent_is_told_wherever_it_is() -> None:
    declared = operation(state=IntentState.CONTINGENT)
    assert only(Watch(declared).look(60, CLAIMS), SignalKind.CONTINGENT).urgency is Urgency.CAUTION
    away = Watch(declared).looks(range(60, 70), replace(CLAIMS, at=outside()))
    assert only(away, SignalKind.CONTINGENT).urgency is Urgency.WARNING


def test_on_the_ground_nothing_is_left_but_what_was_left_in_the_air_stays_left() -> None:
    landed = replace(CLAIMS, at=outside(), on_ground=True)
    assert not Watch(operation()).looks(range(60, 80), landed).findings
    watch = Watch(operation())
    watch.looks(range(60, 70), replace(CLAIMS, at=outside()))
    assert "on the ground" in only(watch.look(70, landed), SignalKind.EXCURSION).cause


def test_an_amendment_keeps_what_is_remembered() -> None:
    watch = Watch(operation())
    watch.looks(range(60, 70), replace(CLAIMS, at=outside()))
    wider = operation("op", volume(square(47.0, 8.0, 1_200.0), None, band(0.0, 2_000.0)))
    watch.conformance.hold(Declared(item=wider, version=2))
    found = only(watch.look(70, replace(CLAIMS, at=outside())), SignalKind.EXCURSION)
    assert (found.since_ms, found.item_version) == (NOON_MS + 59_500, 2)
    assert found.facts["lateral_m"] == pytest.approx(300.0, rel=0.01)


def test_what_is_dropped_or_has_ended_is_not_flown_any_more() -> None:
    watch = Watch(operation())
    watch.look(60, CLAIMS)
    watch.conformance.hold(Declared(item=operation(state=IntentState.ENDED)))
    cycle = watch.look(61, CLAIMS)
    assert len(watch.conformance) == 0
    assert "'op', which is not held here" in only(cycle, SignalKind.UNDECLARED).cause


def test_what_is_withheld_from_now_on_is_not_flown_any_more() -> None:
    watch = Watch(operation())
    watch.look(60, CLAIMS)
    watch.conformance.hold(Declared(item=operation(), is_coarse=True))
    cycle = watch.look(61, CLAIMS)
    assert not cycle.assignments
    assert "withholds" in cycle.undecided[0].reason


def test_to_hold_the_same_again_changes_nothing() -> None:
    watch = Watch(operation())
    first = watch.look(60, CLAIMS)
    watch.conformance.hold(Declared(item=operation()))
    assert watch.look(61, CLAIMS).assignments[ME] is first.assignments[ME]


@pytest.mark.slow
@given(st.lists(st.booleans(), min_size=1, max_size=60), st.floats(0.3, 4.0))
def test_the_duration_of_an_excursion_is_that_of_the_steps(is_out: list[bool], every_s: float) -> None:
    watch = Watch(operation(), settings=ConformanceSettings(contingent_after_s=10_000.0))
    since_s: float | None = None
    for k, out in enumerate(is_out):
        now_s = 60.0 + every_s * k
        cycle = watch.look(now_s, replace(CLAIMS, at=outside() if out else HERE, age_s=0.0))
        since_s = None if not out else now_s if since_s is None else since_s
        if since_s is None:
            assert not cycle.findings
        else:
            assert only(cycle, SignalKind.EXCURSION).duration_s == pytest.approx(now_s - since_s, abs=0.002)


@pytest.mark.slow
@given(
    st.sampled_from([(47.0, 8.0), (89.6, 0.0), (-17.0, 179.95)]),
    st.floats(0.0, 360.0),
    st.floats(20.0, 250.0),
    st.floats(0.0, 40.0),
)
def test_a_track_that_flies_what_is_declared_makes_no_excursion(
    start: tuple[float, float], bearing: float, speed_mps: float, error_m: float
) -> None:
    corners = [LatLng(*start)]
    for turn in (0.0, 70.0, -50.0):
        corners.append(go(*corners[-1], bearing + turn, speed_mps * 20.0))
    legs = [
        volume(
            CorridorLeg(start=a, end=b, half_width_m=100.0), window(k / 3.0, (k + 1) / 3.0), band(900, 1_100)
        )
        for k, (a, b) in enumerate(itertools.pairwise(corners))
    ]
    watch = Watch(operation("op", *legs))
    for second in range(60):
        leg = second // 20
        turns = (0.0, 70.0, -50.0)
        spot = go(*corners[leg], bearing + turns[leg], speed_mps * (second - 20.0 * leg))
        cycle = watch.look(float(second), replace(CLAIMS, at=spot, age_s=0.0, error_m=error_m))
        assert not cycle.findings, cycle.findings


@pytest.mark.slow
@given(st.integers(-3_000, 3_000), st.integers(-170, 170))
def test_shifting_space_and_time_together_changes_nothing(shift_min: int, turn: int) -> None:
    def run(minutes: int, lng: float) -> list[tuple[SignalKind, float, float]]:
        place = volume(square(47.0, lng, 1_000.0), window(minutes, minutes + 60), band(0.0, 2_000.0))
        watch = Watch(operation("op", place))
        result = []
        for second, distance_m in enumerate((900.0, 1_300.0, 1_600.0, 1_700.0)):
            seen = replace(CLAIMS, at=go(47.0, lng, 80.0, distance_m))
            for found in watch.look(60.0 * minutes + 70.0 + second, seen).findings:
                result.append((found.kind, found.duration_s, round(found.facts["lateral_m"], 3)))
        return result

    assert run(shift_min, float(turn)) == run(0, 8.0)


# -- what the air leaves open ----------------------------------------------------------------------


def test_a_pressure_altitude_is_inside_only_if_it_is_so_in_any_air() -> None:
    seen = replace(CLAIMS, altitude_m=math.nan, pressure_altitude_ft=3_000.0)
    assert Watch(operation()).look(60, seen).assignments[ME].where is Certainty.POSSIBLE
    known = ConformanceSettings(
        atmosphere=Atmosphere(
            qnh_min_hpa=1_010.0, qnh_max_hpa=1_016.0, isa_deviation_min_k=-10.0, isa_deviation_max_k=10.0
        )
    )
    assert Watch(operation(), settings=known).look(60, seen).assignments[ME].where is Certainty.INSIDE
    high = replace(seen, pressure_altitude_ft=16_000.0)
    assert Watch(operation()).look(60, high).assignments[ME].where is Certainty.OUTSIDE


@given(st.floats(-20_000.0, 200_000.0))
@example(916.5332514554866)
def test_the_bounds_of_a_pressure_altitude_hold_those_of_the_altimeter_equation(altitude_ft: float) -> None:
    air = Atmosphere(qnh_min_hpa=980.0, qnh_max_hpa=1_040.0)
    (lower_m,), (upper_m,) = PressureHeights(air).bounds_m(np.array([altitude_ft * FOOT_M]))
    exact_lower_m, exact_upper_m = Altitude(
        value=altitude_ft, unit=LengthUnit.FT, datum=Datum.FL
    ).w84_bounds_m(air)
    assert exact_lower_m - 2.0 <= lower_m <= exact_lower_m
    assert exact_upper_m <= upper_m <= exact_upper_m + 2.0


def test_without_an_altitude_a_bounded_volume_is_only_possible() -> None:
    seen = replace(CLAIMS, altitude_m=math.nan, vertical_error_m=math.inf)
    assert Watch(operation()).look(60, seen).assignments[ME].where is Certainty.POSSIBLE
    unbounded = operation("op", volume(square(47.0, 8.0, 1_000.0)))
    assert Watch(unbounded).look(60, seen).assignments[ME].where is Certainty.INSIDE


def test_errors_that_are_not_numbers_leave_everything_open() -> None:
    seen = replace(CLAIMS, error_m=math.nan, vertical_error_m=math.nan, at=outside(5_000.0))
    assert Watch(operation()).look(60, seen).assignments[ME].where is Certainty.POSSIBLE


# -- what fits nothing -----------------------------------------------------------------------------


def test_a_track_that_fits_nothing_is_undeclared() -> None:
    watch = Watch(operation())
    watch.look(60, Seen(at=LatLng(48.0, 8.0)))
    cycle = watch.look(61, Seen(at=LatLng(48.0, 8.0)))
    found = only(cycle, SignalKind.UNDECLARED)
    assert (found.urgency, found.item, found.duration_s) == (Urgency.ADVISORY, None, 1.5)
    assert (found.key, cycle.undeclared_count) == (SignalKey(SignalKind.UNDECLARED, ME, ""), 1)


def test_what_was_undeclared_when_it_was_heard_last_is_so_until_it_is_forgotten() -> None:
    watch = Watch()
    watch.look(60, Seen())
    lost = Seen(id="new", age_s=40.0, status=TrackStatus.LOST)
    cycle = watch.look(100, replace(lost, id=ME), lost)
    assert [each.track for each in cycle.findings] == [ME]
    assert not cycle.findings[0].is_certain


@pytest.mark.parametrize("seen", [Seen(on_ground=True), Seen(kind=TrackKind.VEHICLE)])
def test_what_stands_or_drives_is_not_undeclared(seen: Seen) -> None:
    assert not Watch().look(60, seen).findings


def test_what_is_too_fast_for_the_ground_is_in_the_air_whatever_it_says() -> None:
    seen = Seen(on_ground=True, speed_mps=GROUND_SPEED_MAX_MPS + 1.0)
    assert [each.track for each in Watch().look(60, seen).findings] == [seen.id]


def test_undeclared_tracks_may_be_counted_only_but_not_in_what_somebody_declares() -> None:
    watch = Watch(operation(), settings=ConformanceSettings(tells_undeclared=False))
    cycle = watch.look(60, CLAIMS, Seen(id="a", at=LatLng(48.0, 8.0)), Seen(id="b"))
    assert cycle.undeclared_count == 2
    assert [each.track for each in cycle.findings] == ["b"]


def test_where_something_is_withheld_a_track_may_fly_that() -> None:
    watch = Watch()
    coarse = operation("south:f00", volume(square(48.0, 8.0, 10_000.0)), party="south")
    watch.conformance.hold(Declared(item=coarse, is_coarse=True))
    for party in (None, "south"):
        cycle = watch.look(60, Seen(at=LatLng(48.0, 8.0), party=party))
        assert not cycle.findings
        assert not cycle.assignments
        assert "withholds" in cycle.undecided[0].reason
    assert kinds(watch.look(61, Seen(at=LatLng(48.0, 8.0), party="north"))) == [SignalKind.UNDECLARED]


def test_while_something_cannot_be_judged_nothing_is_called_undeclared() -> None:
    watch = Watch(operation())
    watch.ignorance = (Ignorance("the log of 'south' is not read any more"),)
    away = Seen(id="away", at=LatLng(48.0, 8.0))
    cycle = watch.look(60, CLAIMS, away)
    assert not cycle.findings
    assert "1 tracks fit nothing" in cycle.undecided[0].reason
    # In what somebody declares it is told all the same, as what is not certain.
    found = only(watch.look(61, CLAIMS, Seen(id="b")), SignalKind.UNDECLARED)
    assert not found.is_certain
    watch.ignorance = (Ignorance("later", (NOON_MS + 3_600_000, NOON_MS + 7_200_000)),)
    assert kinds(watch.look(62, CLAIMS, away)) == [SignalKind.UNDECLARED]


def test_a_track_that_is_planned_for_later_is_undeclared_now_with_the_reason() -> None:
    later = operation("op", volume(square(47.0, 8.0, 1_000.0), window(40, 60)))
    found = only(Watch(later).look(60, replace(CLAIMS, at=outside(20_000.0))), SignalKind.UNDECLARED)
    assert "'op' begins in 39 min" in found.cause
    over = operation("op", volume(square(47.0, 8.0, 1_000.0), window(-60, -30)))
    found = only(Watch(over).look(60, replace(CLAIMS, at=outside(20_000.0))), SignalKind.UNDECLARED)
    assert "'op' ended 31 min ago" in found.cause
    planned = operation(state=IntentState.ACCEPTED)
    found = only(Watch(planned).look(60, replace(CLAIMS, at=outside(20_000.0))), SignalKind.UNDECLARED)
    assert "only planned" in found.cause


def test_what_cannot_be_told_is_listed_up_to_a_limit_and_counted_beyond() -> None:
    watch = Watch(operation("a"), operation("b", party="south"))
    many = [Seen(id=f"track:{k}") for k in range(UNDECIDED_MAX + 5)]
    cycle = watch.look(60, *many)
    assert len(cycle.undecided) == UNDECIDED_MAX
    assert cycle.undecided_count >= UNDECIDED_MAX + 5


# -- early and late --------------------------------------------------------------------------------


def test_a_track_that_is_where_its_operation_is_declared_for_later_is_early() -> None:
    later = operation("op", volume(square(47.0, 8.0, 1_000.0), window(10, 60)))
    found = only(Watch(later).look(60, CLAIMS), SignalKind.EARLY)
    assert (found.item, found.urgency) == ("op", Urgency.CAUTION)
    assert found.facts["off_s"] == pytest.approx(540.5)


def test_one_that_stays_where_its_operation_is_over_is_late() -> None:
    watch = Watch(operation())
    watch.looks(range(3_500, 3_600), CLAIMS)
    cycle = watch.looks(range(3_600, 3_630), CLAIMS)
    found = only(cycle, SignalKind.LATE)
    assert found.facts["off_s"] == pytest.approx(28.5)
    assert found.duration_s == pytest.approx(28.5)
    assert found.urgency is Urgency.ADVISORY


def test_in_the_wrong_leg_at_the_wrong_time_is_early_not_an_excursion() -> None:
    one = volume(square(47.0, 8.0, 1_000.0), window(0, 5))
    two = volume(square(47.0, 8.1, 1_000.0), window(5, 10))
    cycle = Watch(operation("op", one, two)).look(60, replace(CLAIMS, at=LatLng(47.0, 8.1)))
    assert only(cycle, SignalKind.EARLY).facts["off_s"] == pytest.approx(240.5)


def test_a_track_that_says_nothing_may_be_early_for_the_only_operation_that_it_fits() -> None:
    soon = operation("op", volume(square(47.0, 8.0, 1_000.0), window(10, 60)))
    assert only(Watch(soon).look(60, Seen()), SignalKind.EARLY).item == "op"
    other = operation("other", volume(square(47.0, 8.0, 1_000.0), window(10, 60)), party="south")
    assert kinds(Watch(soon, other).look(60, Seen())) == [SignalKind.UNDECLARED]
    far_off = operation("op", volume(square(47.0, 8.0, 1_000.0), window(20, 60)))
    assert kinds(Watch(far_off).look(60, Seen())) == [SignalKind.UNDECLARED]


# -- what is not seen ------------------------------------------------------------------------------


def test_an_operation_that_is_under_way_without_a_track_is_not_seen() -> None:
    watch = Watch(operation())
    assert not watch.looks(range(61)).findings
    found = only(watch.look(61), SignalKind.NOT_SEEN)
    assert (found.track, found.item, found.since_ms) == ("", "op", NOON_MS)
    assert found.key == SignalKey(SignalKind.NOT_SEEN, "", "op")


def test_the_time_without_a_track_counts_from_when_it_was_seen_last() -> None:
    watch = Watch(operation())
    watch.looks(range(200), CLAIMS)
    assert not watch.looks(range(200, 260)).findings
    assert kinds(watch.looks(range(260, 262))) == [SignalKind.NOT_SEEN]


def test_a_watch_that_has_just_begun_has_not_missed_anything() -> None:
    watch = Watch(operation())
    assert not watch.looks(range(600, 660)).findings
    assert kinds(watch.looks(range(660, 662))) == [SignalKind.NOT_SEEN]


def test_without_a_live_source_it_cannot_be_told() -> None:
    watch = Watch(operation())
    watch.coverage = False
    cycle = watch.looks(range(100))
    assert not cycle.findings
    assert "no source is live" in cycle.undecided[0].reason
    watch.coverage = True
    assert not watch.looks(range(100, 159)).findings
    assert kinds(watch.looks(range(159, 162))) == [SignalKind.NOT_SEEN]


def test_coverage_may_be_told_by_operation() -> None:
    conformance = Conformance()
    for name in ("a", "b"):
        conformance.hold(Declared(item=operation(name)))
    for second in range(70):
        cycle = conformance.check(
            picture(second), NOON_MS + 1_000 * second, coverage=lambda declared: declared.item.id == "b"
        )
    assert [each.item for each in cycle.findings] == ["b"]
    assert [each.item for each in cycle.undecided] == ["a"]


@pytest.mark.parametrize(
    "item",
    [
        operation(state=IntentState.ACCEPTED),
        operation("op", volume(square(47.0, 8.0, 1_000.0), window(30, 60))),
        operation("op", volume(square(47.0, 8.0, 1_000.0), window(-30, 0))),
    ],
)
def test_what_is_only_planned_or_not_its_time_need_not_be_seen(item: OperationalIntent) -> None:
    assert not Watch(item).looks(range(1, 100)).findings


def test_where_a_track_may_be_its_aircraft_it_cannot_be_told() -> None:
    watch = Watch(operation("a"), operation("b", party="south"))
    cycle = watch.looks(range(70), Seen())
    assert not cycle.findings
    assert {each.item for each in cycle.undecided} == {"", "a", "b"}


# -- identities ------------------------------------------------------------------------------------


def test_another_kind_than_declared_is_told() -> None:
    found = only(
        Watch(operation(kind=TrackKind.HELICOPTER)).look(60, replace(CLAIMS, kind=TrackKind.DRONE)),
        SignalKind.WRONG_KIND,
    )
    assert "drone" in found.cause
    assert not Watch(operation(kind=TrackKind.HELICOPTER)).look(60, CLAIMS).findings


def test_a_wrong_kind_is_told_as_long_as_it_is_wrong() -> None:
    watch = Watch(operation(kind=TrackKind.HELICOPTER))
    assert not watch.looks(range(60, 120), CLAIMS).findings
    drone = replace(CLAIMS, kind=TrackKind.DRONE)
    assert kinds(watch.looks(range(120, 125), drone)) == [SignalKind.WRONG_KIND]
    assert not watch.looks(range(125, 130), CLAIMS).findings


@pytest.mark.parametrize("seen", [Seen(operation="op", party="south"), Seen(callsign="N1", party="south")])
def test_to_claim_an_operation_of_another_party_is_told(seen: Seen) -> None:
    cycle = Watch(operation(callsign="N1")).look(60, seen)
    found = only(cycle, SignalKind.WRONG_IDENTITY)
    assert (found.item, found.urgency) == ("op", Urgency.CAUTION)
    assert not cycle.assignments


def test_two_tracks_that_claim_one_operation_at_two_places_are_told() -> None:
    two = Watch(operation()).look(60, CLAIMS, replace(CLAIMS, id="rid:2", at=go(47.0, 8.0, 0.0, 400.0)))
    assert [(each.track, each.others) for each in two.findings] == [(ME, ("rid:2",)), ("rid:2", (ME,))]
    # At one place, within their errors and the time between their reports, they may be one aircraft.
    one = Watch(operation()).look(60, CLAIMS, replace(CLAIMS, id="rid:2", at=go(47.0, 8.0, 0.0, 15.0)))
    assert not one.findings


def test_to_claim_an_operation_far_away_is_no_excursion() -> None:
    far = replace(CLAIMS, at=outside(80_000.0))
    cycle = Watch(operation()).looks(range(60, 130), far)
    assert kinds(cycle) == [SignalKind.WRONG_IDENTITY]
    assert cycle.findings[0].facts["lateral_m"] == pytest.approx(80_000.0, rel=0.01)
    assert not cycle.suggestions
    # Whoever was inside before has flown there.
    watch = Watch(operation())
    watch.look(59, CLAIMS)
    assert kinds(watch.looks(range(60, 70), far)) == [SignalKind.EXCURSION]


def test_a_claim_that_is_wrong_in_two_ways_is_told_once_with_both_causes() -> None:
    far = replace(CLAIMS, id="rid:2", at=outside(80_000.0))
    found = [each for each in Watch(operation()).look(60, CLAIMS, far).findings if each.track == "rid:2"]
    assert len(found) == 1
    assert "80.0 km beside it" in found[0].cause
    assert "at another place" in found[0].cause
    assert found[0].others == (ME,)


# -- states ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "at", "seconds", "event"),
    [
        (IntentState.ACCEPTED, HERE, 10, IntentEvent.ACTIVATE),
        (IntentState.ACTIVATED, HERE, 10, None),
        (IntentState.ACTIVATED, outside(), 3, None),
        (IntentState.ACTIVATED, outside(), 10, IntentEvent.LEAVE_VOLUMES),
        (IntentState.ACTIVATED, outside(), 70, IntentEvent.DECLARE_CONTINGENCY),
        (IntentState.NONCONFORMING, outside(), 10, None),
        (IntentState.NONCONFORMING, outside(), 70, IntentEvent.DECLARE_CONTINGENCY),
        (IntentState.NONCONFORMING, HERE, 10, IntentEvent.RETURN),
        (IntentState.CONTINGENT, HERE, 10, None),
    ],
)
def test_what_the_state_should_become_is_suggested(
    state: IntentState, at: LatLng, seconds: int, event: IntentEvent | None
) -> None:
    cycle = Watch(operation(state=state)).looks(range(60, 60 + seconds), replace(CLAIMS, at=at))
    assert [each.event for each in cycle.suggestions] == ([] if event is None else [event])
    if event is not None:
        assert (cycle.suggestions[0].item, cycle.suggestions[0].party) == ("op", "north")


def test_an_operation_has_not_returned_while_one_of_its_tracks_is_out() -> None:
    watch = Watch(operation(state=IntentState.NONCONFORMING))
    inside, out = replace(CLAIMS, id="a"), replace(CLAIMS, id="b", at=outside())
    assert not watch.looks(range(60, 80), inside, out).suggestions


# -- zones -----------------------------------------------------------------------------------------

KEEP_OUT = zone("zone", volume(square(47.0, 8.0, 1_000.0), None, band(0.0, 2_000.0)), party="south")
ASKS_NOTICE = replace(KEEP_OUT, rule=ConstraintRule.NOTIFY_FIRST)


def entry(watch: Watch, seen: Seen) -> ConformanceFinding | None:
    """Return what is found of a zone."""
    found = [each for each in watch.look(60, seen).findings if each.kind is SignalKind.ZONE_ENTRY]
    return found[0] if found else None


def test_in_a_keep_out_zone_of_others_is_a_warning() -> None:
    found = entry(Watch(KEEP_OUT), Seen(party="north"))
    assert found is not None
    assert (found.urgency, found.is_present, found.item, found.state) == (Urgency.WARNING, True, "zone", None)
    assert "keep out" in found.cause


def test_a_party_may_be_in_its_own_zone() -> None:
    assert entry(Watch(KEEP_OUT), Seen(party="south")) is None
    claims = Watch(KEEP_OUT, operation("south:op", party="south"))
    assert entry(claims, Seen(operation="south:op")) is None
    # To be where an operation of that party is, is not enough.
    assert entry(claims, Seen()) is not None


def test_what_its_error_may_explain_is_an_advisory_that_is_not_certain() -> None:
    for seen in (Seen(at=outside(5.0)), Seen(altitude_m=math.nan), Seen(suspicion="it jumped")):
        found = entry(Watch(KEEP_OUT), seen)
        assert found is not None
        assert (found.urgency, found.is_certain) == (Urgency.ADVISORY, False)
    assert entry(Watch(KEEP_OUT), Seen(at=outside(50.0))) is None


def test_a_zone_that_asks_for_notice_is_entered_in_order_after_notice() -> None:
    watch = Watch(ASKS_NOTICE, operation())
    found = entry(watch, CLAIMS)
    assert found is not None
    assert found.urgency is Urgency.ADVISORY
    assert "notice required" in found.cause
    watch.noticed = {(ItemId("op"), ItemId("zone"))}
    assert entry(watch, CLAIMS) is None
    assert entry(watch, Seen(id="other")) is not None
    keep_out = Watch(KEEP_OUT, operation())
    keep_out.noticed = watch.noticed
    assert entry(keep_out, CLAIMS) is not None


@pytest.mark.parametrize(
    ("speed_mps", "urgency"), [(200.0, Urgency.WARNING), (100.0, Urgency.CAUTION), (50.0, Urgency.ADVISORY)]
)
def test_an_entry_that_comes_is_the_more_urgent_the_sooner(speed_mps: float, urgency: Urgency) -> None:
    found = entry(Watch(KEEP_OUT), Seen(at=outside(5_000.0), speed_mps=speed_mps, track_deg=270.0))
    assert found is not None
    assert (found.urgency, found.is_present) == (urgency, False)
    assert found.t_in_s == pytest.approx(5_000.0 / speed_mps - 0.5, abs=0.5)
    assert found.signal.t_in_s == found.t_in_s


def test_an_entry_counts_from_when_it_was_told_first() -> None:
    watch = Watch(KEEP_OUT)
    coming = Seen(at=outside(2_000.0), speed_mps=100.0, track_deg=270.0)
    first = only(watch.look(60, coming), SignalKind.ZONE_ENTRY)
    then = only(watch.look(80, replace(coming, at=HERE)), SignalKind.ZONE_ENTRY)
    assert first.since_ms == then.since_ms
    assert SignalKind.ZONE_ENTRY not in kinds(watch.look(90, Seen(at=outside(3_000.0))))
    assert only(watch.look(100, Seen()), SignalKind.ZONE_ENTRY).since_ms > then.since_ms


def test_that_no_speed_is_told_is_said_where_there_are_zones() -> None:
    cycle = Watch(KEEP_OUT).look(60, Seen(at=outside(3_000.0), speed_mps=math.nan))
    assert any("tell no speed" in each.reason for each in cycle.undecided)


def test_the_rings_of_a_fire_traffic_area_ask_for_clearance_and_for_contact() -> None:
    rings = ring_zones("FIRE-1", HERE, window(0, 60), party=PartyId("fire"))
    outer, inner = go(47.0, 8.0, 0.0, 18_000.0), go(47.0, 8.0, 0.0, 8_000.0)

    def told(at: LatLng, contact: str | None) -> list[tuple[str, Urgency]]:
        watch = Watch(*rings)
        watch.contacts = {} if contact is None else {ME: contact}
        found = watch.look(60, Seen(at=at)).findings
        return [(str(each.item), each.urgency) for each in found if each.kind is SignalKind.ZONE_ENTRY]

    clearance, no_entry = ("FIRE-1/clearance", Urgency.CAUTION), ("FIRE-1/no-entry", Urgency.WARNING)
    assert told(outer, None) == [clearance]
    assert told(inner, None) == [clearance, no_entry]
    assert told(inner, "contact:FIRE-1") == [clearance]
    assert told(inner, "cleared:FIRE-1") == []
    assert told(inner, "cleared") == []
    assert told(inner, "cleared:FIRE-2") == [clearance, no_entry]


def test_a_contact_that_cannot_be_read_is_refused_by_name() -> None:
    watch = Watch()
    watch.contacts = {ME: "hello"}
    with pytest.raises(InvalidValueError, match=r"contacts\[icao:4b1814\]"):
        watch.look(60)


# -- hostile input ---------------------------------------------------------------------------------


def test_nothing_held_and_nothing_seen_is_a_cycle_too() -> None:
    cycle = Watch().look(60)
    assert (cycle.findings, cycle.signals, cycle.undecided, dict(cycle.assignments)) == ((), (), (), {})


def test_thousands_that_claim_one_operation_are_told_one_by_one() -> None:
    many = [replace(CLAIMS, id=f"rid:{k:05}", at=go(47.0, 8.0, k, 10.0 * k)) for k in range(90)]
    cycle = Watch(operation()).look(60, *many)
    twice = [each for each in cycle.findings if each.kind is SignalKind.WRONG_IDENTITY]
    assert len({each.track for each in twice}) == 90


def test_a_clock_that_steps_back_breaks_nothing() -> None:
    watch = Watch(operation())
    away = replace(CLAIMS, at=outside())
    watch.looks(range(1_000, 1_010), away)
    found = only(watch.look(500, away), SignalKind.EXCURSION)
    assert found.duration_s == 0.0


def test_an_item_of_many_volumes_and_a_far_future_costs_nothing_now() -> None:
    many = tuple(
        volume(square(47.0, 8.0, 1_000.0), window(1_440.0 * day, 1_440.0 * day + 60.0)) for day in range(300)
    )
    cycle = Watch(operation("op", *many)).look(60, Seen())
    assert cycle.assignments[ME].item == "op"


@pytest.mark.parametrize(
    ("name", "value"), [("grace_s", -1.0), ("lookahead_s", 301.0), ("far_m", math.nan), ("far_m", math.inf)]
)
def test_settings_that_cannot_be_are_refused(name: str, value: float) -> None:
    with pytest.raises(InvalidValueError, match=name):
        ConformanceSettings(**{name: value})  # type: ignore[arg-type]


def test_a_version_or_a_coarse_zone_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="version"):
        Declared(item=operation(), version=0)
    with pytest.raises(InvalidValueError, match="is_coarse"):
        Declared(item=KEEP_OUT, is_coarse=True)


_NAN = math.nan
_SEEN = st.builds(
    Seen,
    id=st.sampled_from([f"track:{k}" for k in range(6)]),
    at=st.builds(
        LatLng, st.sampled_from([47.0, 47.009, 47.02, 48.0, -90.0]), st.sampled_from([8.0, 8.013, -180.0])
    ),
    age_s=st.sampled_from([-4.0, 0.0, 7.0, 40.0, 5_000.0]),
    altitude_m=st.sampled_from([_NAN, 1_000.0, 2_005.0, -1e6]),
    pressure_altitude_ft=st.sampled_from([_NAN, 3_000.0, 3e6]),
    speed_mps=st.sampled_from([_NAN, 0.0, 100.0, 3_000.0]),
    track_deg=st.sampled_from([_NAN, 0.0, 210.0]),
    rate_mps=st.sampled_from([_NAN, 0.0, -3_000.0, 1e-300]),
    error_m=st.sampled_from([_NAN, 0.0, 20.0, 1e6, math.inf]),
    vertical_error_m=st.sampled_from([_NAN, 0.0, 30.0, math.inf]),
    status=st.sampled_from(TrackStatus),
    suspicion=st.sampled_from([None, None, "it jumped"]),
    on_ground=st.booleans(),
    kind=st.sampled_from(TrackKind),
    callsign=st.sampled_from([None, "C1", "c 1", "zzz"]),
    party=st.sampled_from([None, "north", "south"]),
    operation=st.sampled_from([None, "a", "north:a", "b", "nobody knows"]),
)


@pytest.mark.slow
@given(st.lists(st.lists(_SEEN, max_size=6, unique_by=lambda each: each.id), min_size=1, max_size=6))
def test_nothing_that_flies_is_passed_over_in_silence(cycles: list[list[Seen]]) -> None:
    later = operation("late", volume(square(47.02, 8.0, 500.0), window(3, 9)), callsign="C1")
    coarse = operation("south:f00", volume(square(47.02, 8.013, 900.0)), party="south")
    watch = Watch(operation("a"), operation("b", party="south", callsign="C1"), later, KEEP_OUT)
    watch.conformance.hold(Declared(item=coarse, is_coarse=True))
    for second, seen in enumerate(cycles):
        cycle = watch.look(60.0 + second, *seen)
        told = {each.track for each in cycle.findings} | {each.track for each in cycle.undecided}
        for each in seen:
            on_ground = each.on_ground and not each.speed_mps > GROUND_SPEED_MAX_MPS
            in_flight = not on_ground and each.kind is not TrackKind.VEHICLE
            if in_flight and each.status is not TrackStatus.LOST and each.age_s < 600.0:
                assignment = cycle.assignments.get(each.id)
                is_in_order = assignment is not None and assignment.where is Certainty.INSIDE
                assert is_in_order or each.id in told, each
        assert [each.key for each in cycle.signals] == [
            each.key for each in cycle.findings if each.makes_signal
        ]
        assert len({each.key for each in cycle.findings}) == len(cycle.findings)
        assert all(math.isfinite(value) for each in cycle.findings for value in each.facts.values())
