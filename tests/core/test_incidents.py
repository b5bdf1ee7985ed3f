"""Findings of an incident: what the reports show, against a slow oracle that shares no code with it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.errors import InvalidValueError
from keepclear.core.flown import UNTOLD_HORIZONTAL_ERROR_M, flown
from keepclear.core.geodesy import LatLng, geodesic_direct
from keepclear.core.incident_findings import IncidentFindings, PlaceFinding, Span, Standing, longest_s
from keepclear.core.incident_judge import judge_incident
from keepclear.core.incidents import (
    QUOTED_MAX,
    WINDOW_MAX_S,
    AlertStep,
    Flew,
    FlewBy,
    Incident,
    ObservedAircraft,
    QuotedVersion,
)
from keepclear.core.intents import ItemId, OperationalIntent, PartyId
from keepclear.core.named_rules import WELL_CLEAR_DO_365B
from keepclear.core.recorded import joined, taken_rows
from keepclear.core.refs import ItemRef
from keepclear.core.reports import Report, Reports, gather
from keepclear.core.rules import Level, Rule
from keepclear.core.shapes import Circle
from keepclear.core.times import TimeWindow, instant_of
from keepclear.core.volumes import Volume3D, Volume4D
from tests.incidents import FIRST, MIDDLE_DEG, SECOND, START_MS, incident_of, straight, whole
from tests.strategies import band, zone

GEOD: Final = pyproj.Geod(ellps="WGS84")
LATERAL_M, VERTICAL_M = 5_556.0, 914.4


def second(ms: int) -> float:
    return (ms - START_MS) / 1_000.0


# -- the oracle -------------------------------------------------------------------------------------


class Slow:
    """Where an aircraft was, from one source, point by point and by the book."""

    def __init__(self, batches: list[Reports], degraded_s: float = 30.0) -> None:
        self.degraded_s = degraded_s
        self.rows: list[tuple[int, float, float, float, float]] = []
        for batch in batches:
            for k in range(len(batch)):
                error = float(batch.horizontal_error_m[k])
                self.rows.append(
                    (
                        int(batch.at_ms[k]),
                        float(batch.latitude_deg[k]),
                        float(batch.longitude_deg[k]),
                        100.0 if math.isnan(error) else error,
                        float(batch.altitude_m[k]),
                    )
                )
        self.rows.sort()

    def at(self, ms: int) -> tuple[float, float, float, float] | None:
        """Return latitude, longitude, error and altitude; None where it is not known between two reports."""
        before = [row for row in self.rows if row[0] <= ms]
        after = [row for row in self.rows if row[0] > ms]
        if not before:
            return None
        one = before[-1]
        if one[0] == ms:
            return one[1:]
        if not after or after[0][0] - one[0] > 2_000.0 * self.degraded_s:
            return None
        other = after[0]
        gap_s, since_s = (other[0] - one[0]) / 1_000.0, (ms - one[0]) / 1_000.0
        share = since_s / gap_s
        azimuth, _, distance = GEOD.inv(one[2], one[1], other[2], other[1])
        lng, lat, _ = GEOD.fwd(one[2], one[1], azimuth, distance * share)
        error = one[3] + share * (other[3] - one[3]) + 0.5 * 3.0 * since_s * (gap_s - since_s)
        return lat, lng, error, one[4] + share * (other[4] - one[4])


def slow_runs(flags: list[tuple[int, bool]]) -> list[Span]:
    spans: list[Span] = []
    begun: int | None = None
    last = 0
    for ms, flag in [*flags, (0, False)]:
        if flag and begun is None:
            begun = ms
        if not flag and begun is not None:
            spans.append(Span(begun, last))
            begun = None
        last = ms
    return spans


def slow_separation(incident: Incident, instants: list[int]) -> dict[int, tuple[float, float, float]]:
    """Return lateral distance, its error and vertical distance at the instants where all is known."""
    paths = [Slow(list(each.sources)) for each in incident.aircraft]
    found = {}
    for ms in instants:
        one, other = (path.at(ms) for path in paths)
        if one is not None and other is not None:
            lateral = GEOD.inv(one[1], one[0], other[1], other[0])[2]
            found[ms] = (lateral, one[2] + other[2], abs(one[3] - other[3]))
    return found


TRACKS = st.fixed_dictionaries(
    {
        "track_deg": st.floats(0.0, 359.0),
        "speed_mps": st.floats(20.0, 250.0),
        "meets_s": st.floats(60.0, 240.0),
        "beside_m": st.floats(-8_000.0, 8_000.0),
        "altitude_m": st.sampled_from([3_000.0, 3_500.0, 3_914.4, 4_200.0]),
        "horizontal_error_m": st.sampled_from([5.0, 100.0, 600.0, math.nan]),
        "every_s": st.sampled_from([1, 4, 7, 13]),
    }
)


def drawn(name: str, fields: dict[str, Any]) -> list[Reports]:
    track_deg = fields["track_deg"]
    rest = {name: value for name, value in fields.items() if name != "track_deg"}
    return straight(name, track_deg, length_s=300, **rest)


@pytest.mark.slow
@given(TRACKS, TRACKS)
def test_law_separation_and_losses_are_those_of_the_slow_oracle(a: dict[str, Any], b: dict[str, Any]) -> None:
    incident = incident_of(drawn(FIRST, a), drawn(SECOND, b), to_s=280.0)
    findings = judge_incident(incident)
    separation = findings.separation
    assert separation is not None
    slow = slow_separation(incident, separation.at_ms.tolist())
    lost: list[tuple[int, bool]] = []
    near_a_minimum = False
    for k, ms in enumerate(separation.at_ms.tolist()):
        if ms not in slow:
            continue
        lateral, error, vertical = slow[ms]
        assert separation.lateral_m[k] == pytest.approx(lateral, abs=0.5, rel=1e-5)
        assert separation.lateral_error_m[k] == pytest.approx(error, abs=0.01)
        assert separation.vertical_m[k] == pytest.approx(vertical, abs=0.01)
        near_a_minimum |= abs(lateral - LATERAL_M) < 1.0 or abs(vertical - VERTICAL_M) < 1e-6
        lost.append((ms, lateral < LATERAL_M and vertical < VERTICAL_M))
    if not near_a_minimum and len(slow) == len(separation.at_ms):
        assert list(findings.levels[0].spans.reported) == slow_runs(lost)
        assert findings.closest is not None
        assert findings.closest.lateral_m == pytest.approx(min(each[0] for each in slow.values()), abs=0.5)


def spans_of(findings: IncidentFindings, level: int = 0) -> list[tuple[Span, ...]]:
    spans = findings.levels[level].spans
    return [spans.certain, spans.reported, spans.possible]


def covered(spans: tuple[Span, ...], at_ms: list[int]) -> set[int]:
    return {ms for ms in at_ms for span in spans if span.from_ms <= ms <= span.to_ms}


@pytest.mark.slow
@given(TRACKS, TRACKS)
def test_law_what_is_certain_was_reported_and_what_was_reported_is_possible(
    a: dict[str, Any], b: dict[str, Any]
) -> None:
    findings = judge_incident(incident_of(drawn(FIRST, a), drawn(SECOND, b), to_s=290.0))
    assert findings.separation is not None
    at_ms = findings.separation.at_ms.tolist()
    certain, reported, possible = (covered(spans, at_ms) for spans in spans_of(findings))
    assert certain <= reported <= possible


@pytest.mark.slow
@given(TRACKS, TRACKS)
def test_law_neither_the_order_of_the_aircraft_nor_of_the_reports_changes_anything(
    a: dict[str, Any], b: dict[str, Any]
) -> None:
    one, other = drawn(FIRST, a), drawn(SECOND, b)
    straightforward = judge_incident(incident_of(one, other, to_s=290.0))
    swapped = judge_incident(incident_of(other, one, to_s=290.0))
    shuffled = judge_incident(incident_of(one[::-1], other, to_s=290.0))
    for findings in (swapped, shuffled):
        assert spans_of(findings) == spans_of(straightforward)
        assert findings.closest is not None
        assert straightforward.closest is not None
        assert findings.closest.lateral_m == pytest.approx(straightforward.closest.lateral_m, abs=1e-6)


@pytest.mark.slow
@given(TRACKS, TRACKS, st.floats(1.0, 3.0))
def test_law_larger_minima_never_find_less(a: dict[str, Any], b: dict[str, Any], factor: float) -> None:
    incident = incident_of(drawn(FIRST, a), drawn(SECOND, b), to_s=290.0)
    wider = Rule(
        name="wider",
        levels=(Level(name="alert", lateral_m=LATERAL_M * factor, vertical_m=VERTICAL_M * factor),),
    )
    found, more = judge_incident(incident), judge_incident(replace(incident, rule=wider))
    assert found.separation is not None
    at_ms = found.separation.at_ms.tolist()
    for some, others in zip(spans_of(found), spans_of(more), strict=True):
        assert covered(some, at_ms) <= covered(others, at_ms)


@pytest.mark.slow
@given(TRACKS, st.integers(-(10**9), 10**9))
def test_law_a_shift_in_time_changes_nothing_else(a: dict[str, Any], shift_ms: int) -> None:
    shift_ms = shift_ms // 1_000 * 1_000
    other = straight(SECOND, 200.0, length_s=300)
    incident = incident_of(drawn(FIRST, a), other, to_s=290.0)
    moved = replace(
        incident,
        from_ms=incident.from_ms + shift_ms,
        to_ms=incident.to_ms + shift_ms,
        aircraft=tuple(
            replace(
                each,
                sources=tuple(
                    replace(
                        reports, at_ms=reports.at_ms + shift_ms, received_ms=reports.received_ms + shift_ms
                    )
                    for reports in each.sources
                ),
            )
            for each in incident.aircraft
        ),
    )
    before, after = judge_incident(incident), judge_incident(moved)
    assert [Span(s.from_ms + shift_ms, s.to_ms + shift_ms) for s in spans_of(before)[1]] == list(
        spans_of(after)[1]
    )


# -- examples: the rule of threes -------------------------------------------------------------------


def test_an_alert_is_at_once_and_a_violation_after_three_minutes() -> None:
    own = straight(FIRST, 90.0, speed_mps=50.0)
    near = straight(SECOND, 90.0, speed_mps=50.0, beside_m=3_000.0)
    short = judge_incident(incident_of(own, near, from_s=100.0, to_s=280.0))
    assert [level.standing for level in short.levels] == [Standing.CERTAIN, Standing.EXCLUDED]
    assert longest_s(short.levels[1].spans.certain) == 180.0  # it is no longer than that
    longer = judge_incident(incident_of(own, near, from_s=100.0, to_s=281.0))
    assert [level.standing for level in longer.levels] == [Standing.CERTAIN, Standing.CERTAIN]


def test_what_touches_a_minimum_has_lost_nothing() -> None:
    own = straight(FIRST, 90.0, horizontal_error_m=0.0, vertical_error_m=0.0)
    above = straight(SECOND, 90.0, altitude_m=3_914.4, horizontal_error_m=0.0, vertical_error_m=0.0)
    assert judge_incident(incident_of(own, above)).levels[0].spans.reported == ()
    below = straight(SECOND, 90.0, altitude_m=3_914.3, horizontal_error_m=0.0, vertical_error_m=0.0)
    assert judge_incident(incident_of(own, below)).levels[0].standing is Standing.CERTAIN


def test_how_sure_it_is_follows_from_how_far_the_positions_may_be_off() -> None:
    for beside_m, error_m, standing in (
        (3_000.0, 500.0, Standing.CERTAIN),
        (5_000.0, 500.0, Standing.REPORTED),
        (6_000.0, 500.0, Standing.POSSIBLE),
        (7_000.0, 500.0, Standing.EXCLUDED),
    ):
        own = straight(FIRST, 90.0, horizontal_error_m=error_m)
        other = straight(SECOND, 90.0, beside_m=beside_m, horizontal_error_m=error_m)
        found = judge_incident(incident_of(own, other))
        assert found.levels[0].standing is standing, beside_m


def test_the_closest_approach_is_told_with_its_time_and_error() -> None:
    own, other = straight(FIRST, 60.0), straight(SECOND, 300.0, altitude_m=3_400.0)
    found = judge_incident(incident_of(own, other))
    assert found.closest is not None
    assert second(found.closest.at_ms) == 300.0
    assert found.closest.lateral_m == pytest.approx(0.0, abs=0.01)
    assert (found.closest.lateral_error_m, found.closest.vertical_error_m) == (100.0, 30.0)
    assert found.closest.vertical_m == pytest.approx(400.0)
    assert found.worst is not None
    assert abs(second(found.worst.at_ms) - 300.0) < 20.0


# -- what is not known ------------------------------------------------------------------------------


def without(batches: list[Reports], from_s: float, to_s: float) -> list[Reports]:
    return [each for each in batches if not from_s < second(int(each.at_ms[0])) < to_s]


def test_where_nothing_is_known_a_loss_is_possible_and_never_excluded() -> None:
    own = straight(FIRST, 60.0)
    other = without(straight(SECOND, 300.0), 200.0, 500.0)  # it is not seen when they meet
    found = judge_incident(incident_of(own, other))
    assert found.levels[0].standing is Standing.POSSIBLE
    assert found.levels[0].spans.reported == ()
    assert any("is not known for 2" in text for text in found.not_known)
    assert found.aircraft[1].gap_s == 300.0
    assert found.aircraft[1].unknown_s == pytest.approx(270.0, abs=2.0)  # 30 s it is still known


def test_a_loss_after_the_last_report_was_reported_by_nobody_and_is_possible_at_most() -> None:
    # Given two that would be too close some seconds after one of them was heard last
    own = straight(FIRST, 60.0)
    met = judge_incident(incident_of(own, straight(SECOND, 300.0))).levels[0].spans.reported[0]
    last_s = second(met.from_ms) - 5.0
    other = without(straight(SECOND, 300.0), last_s, 10_000.0)
    # When it is judged
    found = judge_incident(incident_of(own, other))
    # Then it cannot be excluded, and nobody has reported it
    assert found.levels[0].standing is Standing.POSSIBLE
    assert found.levels[0].spans.reported == ()
    assert found.levels[0].spans.certain == ()


def test_a_position_goes_on_for_thirty_seconds_after_the_last_report_and_its_error_grows() -> None:
    batches = without(straight(FIRST, 90.0), 100.0, 400.0)
    at_ms = np.array([START_MS + each * 1_000 for each in (99, 100, 110, 130, 131, 399, 400)])
    path = flown([whole(batches)], at_ms, 30.0)
    assert path.is_known.tolist() == [True, True, True, True, False, False, True]
    assert path.error_m[:4].tolist() == [50.0, 50.0, 50.0 + 1.5 * 100, 50.0 + 1.5 * 900]
    positions = path.positions_deg()
    lat, lng = positions[1].tolist()
    truth = geodesic_direct(lat, lng, 90.0, 1_000.0)
    assert GEOD.inv(positions[2][1], positions[2][0], float(truth[1]), float(truth[0]))[2] < 2.0
    assert np.isnan(positions[4]).all()


def test_speed_and_track_are_taken_from_the_positions_where_they_are_not_told() -> None:
    told = straight(FIRST, 90.0, length_s=100)
    batches = [replace(each, ground_speed_mps=each.ground_speed_mps * math.nan) for each in told]
    at_ms = np.array([START_MS + 110_000])
    derived, known = flown([whole(batches)], at_ms, 30.0), flown([whole(told)], at_ms, 30.0)
    assert GEOD.inv(*derived.positions_deg()[0][::-1], *known.positions_deg()[0][::-1])[2] < 5.0
    alone = flown([batches[0]], np.array([START_MS + 1_000]), 30.0)
    assert not alone.is_known.any()


def test_between_two_reports_farther_apart_than_a_minute_nothing_is_assumed() -> None:
    batches = without(straight(FIRST, 90.0), 100.0, 160.0)
    at_ms = np.array([START_MS + 130_000])
    assert flown([whole(batches)], at_ms, 30.0).is_known.all()  # just a minute
    batches = without(straight(FIRST, 90.0), 100.0, 161.0)
    assert not flown([whole(batches)], np.array([START_MS + 131_000]), 30.0).is_known.any()


def test_without_altitudes_a_loss_is_possible_and_that_is_said() -> None:
    own = straight(FIRST, 60.0)
    other = straight(SECOND, 300.0, altitude_m=math.nan)
    found = judge_incident(incident_of(own, other))
    assert found.levels[0].standing is Standing.POSSIBLE
    assert any("vertically is not known at 100% of the instants" in text for text in found.not_known)


def test_altitudes_of_two_datums_are_compared_with_what_lies_between_them() -> None:
    own = straight(FIRST, 60.0, altitude_m=3_000.0)
    other = straight(SECOND, 300.0, altitude_m=math.nan, pressure_altitude_ft=10_000.0)
    found = judge_incident(incident_of(own, other))
    assert found.closest is not None
    assert found.closest.vertical_m == pytest.approx(48.0)
    assert found.closest.vertical_error_m > 600.0
    both = judge_incident(
        incident_of(
            straight(FIRST, 60.0, pressure_altitude_ft=10_000.0),
            straight(SECOND, 300.0, altitude_m=9_999.0, pressure_altitude_ft=10_000.0),
        )
    )
    assert both.closest is not None
    assert both.closest.vertical_m == 0.0  # pressure altitudes compare with each other first


def test_of_two_sources_the_one_that_is_off_less_counts_at_each_instant() -> None:
    near = without(straight(FIRST, 90.0, horizontal_error_m=10.0), 100.0, 400.0)
    rough = straight(FIRST, 90.0, horizontal_error_m=200.0, source="radar-2", beside_m=150.0)
    at_ms = np.array([START_MS + 50_000, START_MS + 200_000])
    path = flown([whole(near), whole(rough)], at_ms, 30.0)
    assert path.source.tolist() == [0, 1]
    assert path.error_m.tolist() == [10.0, 200.0]


def test_positions_that_contradict_each_other_are_pointed_out() -> None:
    batches = straight(FIRST, 90.0)
    jumped = gather("radar-1", [Report(FIRST, START_MS + 300_500, 36.4, 35.9)], START_MS + 300_600).reports
    found = judge_incident(incident_of([*batches, jumped]))
    assert any("out of reach of the ones before them" in text for text in found.not_known)
    assert any("do not tell how exact the position is" in text for text in found.not_known)
    assert UNTOLD_HORIZONTAL_ERROR_M == 100.0


def test_no_report_at_all_within_the_time_is_said() -> None:
    found = judge_incident(
        incident_of(straight(FIRST, 90.0), straight(SECOND, 90.0, start_ms=START_MS + 10**7))
    )
    assert found.aircraft[1].first_ms is None
    assert any("There is no report of" in text for text in found.not_known)
    assert found.closest is None
    assert found.levels[0].standing is Standing.POSSIBLE


def test_a_rule_without_minima_leaves_the_distances_and_says_so() -> None:
    tracks = straight(FIRST, 60.0), straight(SECOND, 300.0)
    found = judge_incident(incident_of(*tracks, rule=WELL_CLEAR_DO_365B))
    assert found.levels == ()
    assert found.closest is not None
    assert any("only the distances are computed" in text for text in found.not_known)
    assert any(
        "no rule applies" in text for text in judge_incident(incident_of(*tracks, rule=None)).not_known
    )


# -- who was where ----------------------------------------------------------------------------------


def circle(
    radius_m: float, low_m: float = 2_500.0, high_m: float = 3_500.0, *, lasts_s: float = 900.0
) -> Volume4D:
    window = TimeWindow(start=instant_of(START_MS), end=instant_of(START_MS + round(lasts_s * 1_000)))
    outline = Circle(center=LatLng(*MIDDLE_DEG), radius_m=radius_m)
    return Volume4D(volume=Volume3D(outline=outline, altitude=band(low_m, high_m)), time=window)


def version(
    *volumes: Volume4D,
    party: str = "bravo",
    name: str = "B-1",
    number: int = 1,
    stated_s: float = -100.0,
    is_zone: bool = False,
) -> QuotedVersion:
    ref = ItemRef(party=PartyId(party), id=ItemId(name), version=number)
    item = OperationalIntent(id=ref.id, volumes=volumes, party=ref.party) if volumes else None
    if is_zone:
        item = zone(name, *volumes, party=party)  # type: ignore[assignment]
    return QuotedVersion(
        ref=ref,
        n=number,
        at_ms=START_MS + round(stated_s * 1_000),
        what="declared",
        text=b"{}" if volumes else None,
        item=item,
    )


def flying(*versions: QuotedVersion, flew: str | None = "B-1", **more: Any) -> IncidentFindings:
    """Judge one aircraft of bravo that flies 60 km through the middle, 100 m/s."""
    batches = straight(FIRST, 90.0, **more)
    claims = () if flew is None else (Flew(PartyId("bravo"), ItemId(flew), FlewBy.CLAIMED),)
    aircraft = ObservedAircraft(id=FIRST, party=PartyId("bravo"), flew=claims, sources=(whole(batches),))
    return judge_incident(replace(incident_of(batches), aircraft=(aircraft,), declared=versions))


def place_of(findings: IncidentFindings) -> PlaceFinding:
    (place,) = findings.places
    return place


def test_an_excursion_is_when_it_is_outside_of_what_it_declared_and_how_far() -> None:
    place = place_of(flying(version(circle(10_000.0))))
    assert place.is_outside
    assert place.standing is Standing.CERTAIN
    before, after = place.spans.reported
    assert (second(before.from_ms), second(after.to_ms)) == (0.0, 600.0)
    assert second(before.to_ms) == pytest.approx(199.0, abs=1.0)
    assert second(after.from_ms) == pytest.approx(401.0, abs=1.0)
    assert place.farthest_m == pytest.approx(20_000.0, rel=0.01)
    assert place.off_m is None


def test_an_excursion_by_height_is_told_by_height() -> None:
    place = place_of(flying(version(circle(50_000.0, high_m=2_900.0))))
    assert place.standing is Standing.CERTAIN
    assert place.off_m == pytest.approx(100.0)
    assert place.farthest_m is None or place.farthest_m == 0.0


def test_within_its_declaration_an_excursion_is_excluded() -> None:
    place = place_of(flying(version(circle(50_000.0))))
    assert place.standing is Standing.EXCLUDED
    assert place.spans.possible == ()


def test_a_pressure_altitude_alone_leaves_an_excursion_by_height_open() -> None:
    more: dict[str, Any] = {"altitude_m": math.nan, "pressure_altitude_ft": 10_000.0}
    assert place_of(flying(version(circle(50_000.0)), **more)).standing is Standing.POSSIBLE
    far = version(circle(50_000.0, low_m=8_000.0, high_m=9_000.0))
    assert place_of(flying(far, **more)).standing is Standing.CERTAIN  # in no air of the earth


def test_the_version_in_force_at_each_instant_counts_and_before_the_first_nothing_is_declared() -> None:
    wide, narrow = circle(50_000.0), circle(1_000.0)
    versions = (
        version(wide, number=1, stated_s=100.0),
        version(narrow, number=2, stated_s=500.0),
        version(number=3, stated_s=550.0),
    )
    place = place_of(flying(*versions))
    assert [ref.version for ref in place.refs] == [1, 2]
    spans = [(second(span.from_ms), second(span.to_ms)) for span in place.spans.reported]
    assert spans == [(0.0, 99.0), (500.0, 600.0)]
    undeclared = [(second(span.from_ms), second(span.to_ms)) for span in place.undeclared]
    assert undeclared == [(0.0, 99.0), (550.0, 600.0)]


def test_outside_of_the_time_that_was_declared_is_outside() -> None:
    place = place_of(flying(version(circle(50_000.0, lasts_s=300.0))))
    (span,) = place.spans.reported
    assert (second(span.from_ms), second(span.to_ms)) == (301.0, 600.0)


def test_an_aircraft_in_a_zone_of_another_party_is_found_and_in_its_own_is_not() -> None:
    theirs = version(circle(5_000.0), party="alpha", name="Z-1", is_zone=True)
    own = version(circle(5_000.0), party="bravo", name="Z-2", is_zone=True)
    place = place_of(flying(theirs, own, flew=None))
    assert (place.refs[0].id, place.is_outside, place.is_zone) == ("Z-1", False, True)
    (span,) = place.spans.reported
    assert second(span.from_ms) == pytest.approx(250.0, abs=1.0)
    assert second(span.to_ms) == pytest.approx(350.0, abs=1.0)
    assert place.standing is Standing.CERTAIN


def test_a_zone_far_away_is_not_told() -> None:
    far = version(circle(5_000.0, low_m=9_000.0, high_m=10_000.0), party="alpha", name="Z-1", is_zone=True)
    assert flying(far, flew=None).places == ()


def test_in_a_footprint_as_wide_as_a_sea_far_from_its_middle_is_inside() -> None:
    window = TimeWindow(start=instant_of(START_MS), end=instant_of(START_MS + 900_000))
    outline = Circle(center=LatLng(MIDDLE_DEG[0], MIDDLE_DEG[1] - 20.0), radius_m=2_500_000.0)
    wide = Volume4D(volume=Volume3D(outline=outline, altitude=band(0.0, 9_000.0)), time=window)
    assert place_of(flying(version(wide))).standing is Standing.EXCLUDED
    outline = Circle(center=LatLng(MIDDLE_DEG[0], MIDDLE_DEG[1] + 40.0), radius_m=500_000.0)
    far = Volume4D(volume=Volume3D(outline=outline, altitude=band(0.0, 9_000.0)), time=window)
    place = place_of(flying(version(far)))
    assert place.standing is Standing.CERTAIN
    assert place.spans.reported == (Span(START_MS, START_MS + 600_000),)


def test_aircraft_on_the_other_side_of_the_earth_are_far_apart() -> None:
    here = straight(FIRST, 0.0, speed_mps=0.0)
    there = [
        replace(each, latitude_deg=-each.latitude_deg, longitude_deg=each.longitude_deg - 180.0)
        for each in straight(SECOND, 0.0, speed_mps=0.0)
    ]
    found = judge_incident(incident_of(here, there))
    assert found.closest is not None
    assert found.closest.lateral_m == pytest.approx(math.pi * 6_371_000.0, rel=0.01)
    assert found.levels[0].standing is Standing.EXCLUDED


def test_what_cannot_be_judged_is_possible() -> None:
    unjudged = replace(
        version(circle(5_000.0), party="alpha"), item=None, text=b"{}", remark="its shape is bad"
    )
    found = flying(unjudged, flew=None)
    assert place_of(found).standing is Standing.POSSIBLE
    assert any("its shape is bad" in text for text in found.not_known)


@pytest.mark.slow
@given(TRACKS, st.floats(500.0, 15_000.0))
def test_law_inside_of_a_circle_is_nearer_than_its_radius(fields: dict[str, Any], radius_m: float) -> None:
    batches = drawn(FIRST, fields)
    volume = circle(radius_m, low_m=0.0, high_m=20_000.0)
    item = version(volume, party="alpha", name="Z-1", is_zone=True)
    aircraft = ObservedAircraft(id=FIRST, party=PartyId("bravo"), sources=(whole(batches),))
    incident = replace(incident_of(batches, to_s=280.0), aircraft=(aircraft,), declared=(item,))
    places = judge_incident(incident).places
    slow = Slow(batches)
    spans = places[0].spans if places else None
    for ms in range(START_MS, START_MS + 280_001, 1_000):
        here = slow.at(ms)
        if here is None:
            continue
        distance_m = GEOD.inv(here[1], here[0], MIDDLE_DEG[1], MIDDLE_DEG[0])[2]
        if abs(distance_m - radius_m) > 3.0:
            told = spans is not None and bool(covered(spans.reported, [ms]))
            assert told == (distance_m < radius_m)
        if abs(distance_m - radius_m - here[2]) > 5.0:
            possible = spans is not None and bool(covered(spans.possible, [ms]))
            assert possible == (distance_m < radius_m + here[2])
        if abs(radius_m - distance_m - here[2]) > 5.0:
            certain = spans is not None and bool(covered(spans.certain, [ms]))
            assert certain == (distance_m < radius_m - here[2])


# -- values -----------------------------------------------------------------------------------------


def test_an_incident_that_is_none_is_refused() -> None:
    batches = straight(FIRST, 90.0, length_s=5)
    good = incident_of(batches)
    for changed in (
        {"to_ms": good.from_ms - 1},
        {"from_ms": 10**30, "to_ms": 10**30 + 5},
        {"to_ms": good.from_ms + round(WINDOW_MAX_S * 1_000) + 1},
        {"aircraft": ()},
        {"aircraft": good.aircraft * 2},
        {"degraded_s": 0.0},
        {"degraded_s": math.nan},
        {"claimant": ""},
        {
            "alerts": (AlertStep(alert="A", kind="", a="", b="", at_ms=0, change="", urgency="", cause=""),)
            * (QUOTED_MAX + 1)
        },
    ):
        with pytest.raises(InvalidValueError):
            replace(good, **changed)


def test_two_reports_of_one_instant_count_once_the_one_that_was_received_last() -> None:
    one = straight(FIRST, 90.0, length_s=10)
    corrected = straight(FIRST, 90.0, length_s=10, beside_m=500.0, delay_ms=400)
    path = flown([joined([*corrected, *one])], one[3].at_ms, 30.0)
    lat, lng = path.positions_deg()[0]
    assert (
        GEOD.inv(lng, lat, float(corrected[3].longitude_deg[0]), float(corrected[3].latitude_deg[0]))[2]
        < 0.01
    )
    assert len(taken_rows(one[0], np.array([], dtype=np.int64))) == 0
