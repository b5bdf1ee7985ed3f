"""Questions to the picture at one moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.conflicts import NO_BUFFER, Buffer, Item, Verdict
from keepclear.core.constraints import ConstraintRule
from keepclear.core.intents import IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.picture import Picture
from keepclear.core.shifts import DEFAULT_LIMITS
from keepclear.core.volumes import Volume4D
from keepclear.node.detect import REASONS_MAX, Moment, Still, Unknown
from keepclear.node.outcomes import NotOwnerError
from keepclear.node.policy import EXPIRY_GRACE_S, Policy
from tests.strategies import NOON, at, band, intent, pictures, square, volume, volumes, window, zone

HERE = square(35.0, 36.0, 500.0)
ELSEWHERE = square(36.0, 37.0, 500.0)


def moment(*items: Item, now: datetime = NOON, buffer: Buffer = NO_BUFFER) -> Moment:
    return Moment(still=Still(Picture(items), 7, Policy(buffer=buffer)), now=now)


def pairs(checked_findings: object) -> list[tuple[str, str]]:
    assert isinstance(checked_findings, list | tuple)
    return [(finding.a.id, finding.b.id) for finding in checked_findings]


# What lies within an area


def test_operations_and_zones_of_every_party_are_found_within_an_area() -> None:
    there = moment(
        intent("B", volume(HERE), party="north"),
        intent("A", volume(HERE), party="north"),
        zone("Z", volume(HERE), party="south"),
        intent("far", volume(ELSEWHERE), party="north"),
    )
    assert there.within(volume(HERE), 10) == (["A", "B", "Z"], False)


def test_an_area_is_closed_in_space_height_and_time() -> None:
    there = moment(intent("A", volume(HERE, window(0, 60), band(100.0, 200.0)), party="north"))
    for time, heights, found in (
        (window(60, 90), band(200.0, 300.0), ["A"]),
        (window(60, 90).shifted(1), band(200.0, 300.0), []),
        (window(60, 90), band(200.1, 300.0), []),
    ):
        assert there.within(volume(HERE, time, heights), 10) == (found, False)
    assert there.within(volume(ELSEWHERE), 10) == ([], False)


def test_the_gap_that_a_party_keeps_does_not_widen_an_area() -> None:
    there = moment(intent("A", volume(HERE), party="north"), buffer=Buffer(time_s=3_600.0))
    assert there.within(volume(HERE, window(61, 90)), 10) == ([], False)


def test_no_more_ids_are_given_than_asked_for_and_it_is_told_that_there_are_more() -> None:
    there = moment(*(intent(name, volume(HERE), party="north") for name in "CAB"))
    assert there.within(volume(HERE), 2) == (["A", "B"], True)
    assert there.within(volume(HERE), 3) == (["A", "B", "C"], False)


def test_an_item_with_several_volumes_in_an_area_is_found_once() -> None:
    there = moment(intent("A", volume(HERE), volume(HERE, window(30, 90)), party="north"))
    assert there.within(volume(HERE), 1) == (["A"], False)


def test_an_item_may_be_called_anything() -> None:
    # The question itself must not be taken for an item that is held.
    there = moment(intent("area", volume(HERE)), replace(intent("B", volume(HERE)), party=None))
    assert there.within(volume(HERE), 10) == (["B", "area"], False)
    alone = moment(replace(intent("area", volume(HERE)), party=None))
    assert alone.within(volume(HERE), 10) == (["area"], False)


@pytest.mark.slow
@given(pictures(), volumes())
def test_what_is_within_an_area_is_what_an_operation_there_would_meet(
    items: list[Item], area: Volume4D
) -> None:
    # The slow definition: a picture of each item alone, asked by somebody else's operation.
    asked = OperationalIntent(id=ItemId("asked"), volumes=(area,))
    expected = [item.id for item in items if Picture([item]).findings_of(asked)]
    assert moment(*items).within(area, 100) == (sorted(expected), False)


# Checking one item


def test_a_check_tells_what_an_item_would_meet_and_among_what() -> None:
    there = moment(
        intent("A", volume(HERE), party="north"),
        intent("far", volume(ELSEWHERE), party="north"),
        zone("Z", volume(HERE), party="north", rule=ConstraintRule.NOTIFY_FIRST),
    )
    checked = there.check(intent("X", volume(HERE), party="south"))
    assert [(f.verdict, f.b.id) for f in checked.findings] == [
        (Verdict.CONFLICT, "A"),
        (Verdict.NOTICE_REQUIRED, "Z"),
    ]
    assert (checked.total, checked.operation_count, checked.zone_count) == (2, 2, 1)
    assert (checked.seq, checked.now, checked.buffer) == (7, NOON, NO_BUFFER)


def test_an_item_is_checked_as_if_it_stood_in_place_of_the_one_with_its_id() -> None:
    a = intent("A", volume(HERE), party="north")
    there = moment(a, intent("B", volume(ELSEWHERE), party="south"))
    assert there.check(a).findings == ()
    assert pairs(there.check(replace(a, volumes=(volume(ELSEWHERE),))).findings) == [("A", "B")]


def test_a_check_keeps_the_gap_of_the_party_unless_another_is_asked_for() -> None:
    there = moment(intent("A", volume(HERE), party="north"), buffer=Buffer(time_s=600.0))
    later = intent("X", volume(HERE, window(65, 90)), party="south")
    assert there.check(later).total == 1
    assert there.check(later, NO_BUFFER).total == 0
    assert there.check(later, Buffer(time_s=60.0)).buffer == Buffer(time_s=60.0)


def test_a_check_changes_nothing() -> None:
    there = moment(intent("A", volume(HERE), party="north"))
    there.check(intent("X", volume(HERE), party="south"))
    assert [label.id for label in there.picture.labels] == ["A"]
    assert there.conflicts(0, 10).total == 0


# Checking everything


def crowd(now: datetime = NOON) -> Moment:
    """Return a moment with three pairs that conflict, at 12:00, 12:40 and 13:20, and an ended item."""
    items = [
        intent(f"{name}{start}", volume(HERE, window(start, start + 20)), party=name)
        for start in (80, 0, 40)
        for name in ("north", "south")
    ]
    return moment(*items, intent("ended", volume(HERE), state=IntentState.ENDED), now=now)


def test_conflicts_come_soonest_first_page_by_page() -> None:
    there = crowd()
    whole = [("north0", "south0"), ("north40", "south40"), ("north80", "south80")]
    assert pairs(there.conflicts(0, 10).findings) == whole
    for after in range(4):
        page = there.conflicts(after, 2)
        assert pairs(page.findings) == whole[after : after + 2]
        assert page.total == 3
    assert there.conflicts(0, 1).operation_count == 6
    assert there.conflicts(0, 1).zone_count == 0


def test_conflicts_that_are_over_are_left_out() -> None:
    # A window that ended within the grace is not over yet: clocks differ.
    grace_min = EXPIRY_GRACE_S / 60.0
    assert crowd(now=at(20.0 + grace_min)).conflicts(0, 10).total == 3
    later = crowd(now=at(20.001 + grace_min)).conflicts(0, 10)
    assert pairs(later.findings) == [("north40", "south40"), ("north80", "south80")]
    assert later.total == 2
    assert crowd(now=at(200)).conflicts(0, 10).total == 0


def test_a_pair_counts_until_it_meets_for_the_last_time() -> None:
    # Given two operations that meet twice
    twice = (volume(HERE, window(0, 10)), volume(HERE, window(60, 70)))
    there = moment(intent("A", *twice), intent("B", *twice), now=at(30))
    # Then the pair counts between the meetings too
    assert pairs(there.conflicts(0, 10).findings) == [("A", "B")]


def test_the_gap_that_a_party_keeps_counts_among_all() -> None:
    items = [intent("A", volume(HERE)), intent("B", volume(HERE, window(65, 90)))]
    assert moment(*items).conflicts(0, 10).total == 0
    wide = moment(*items, buffer=Buffer(time_s=600.0)).conflicts(0, 10)
    assert (wide.total, wide.buffer) == (1, Buffer(time_s=600.0))


def test_several_threads_may_ask_one_moment() -> None:
    there = crowd()
    with ThreadPoolExecutor(4) as threads:
        answers = [threads.submit(there.conflicts, 0, 10) for _ in range(8)]
        assert {tuple(pairs(answer.result(timeout=10.0).findings)) for answer in answers} == {
            tuple(pairs(crowd().conflicts(0, 10).findings))
        }


@pytest.mark.slow
@given(pictures(), st.integers(-10, 200))
def test_all_pages_together_are_all_that_is_found_and_not_over(items: list[Item], minute: int) -> None:
    now = at(minute)
    there = moment(*items, now=now)
    pages = [there.conflicts(after, 3) for after in range(0, there.conflicts(0, 0).total, 3)]
    shown = [finding for page in pages for finding in page.findings]
    # A pair is over when it is found no more between what is left of both, since clocks may differ.
    since = now - timedelta(seconds=EXPIRY_GRACE_S)
    left = [part for part in (_left(item, since) for item in items) if part is not None]
    expected = {frozenset((f.a.id, f.b.id)) for f in Picture(left).findings()}
    assert {frozenset((f.a.id, f.b.id)) for f in shown} == expected
    assert len(shown) == len(expected)


def _left(item: Item, since: datetime) -> Item | None:
    """Return what is left of an item from an instant on."""
    left = tuple(part for part in item.volumes if part.time.end >= since)
    return replace(item, volumes=left) if left else None


# Resolving


def test_a_resolution_clears_an_item_of_everything_that_is_held() -> None:
    a = intent("A", volume(HERE, window(0, 10)), party="north")
    there = moment(a, intent("B", volume(HERE, window(5, 20)), party="south"))
    resolution = there.resolve(a, DEFAULT_LIMITS)
    assert pairs(resolution.conflicts) == [("A", "B")]
    assert resolution.changes
    assert all(there.check(change.item).total == 0 for change in resolution.changes)


def test_a_resolution_leaves_the_gap_that_is_asked_for() -> None:
    a = intent("A", volume(HERE, window(0, 10)), party="north")
    there = moment(a, intent("B", volume(HERE, window(12, 20)), party="south"))
    assert there.resolve(a, DEFAULT_LIMITS).is_clear
    assert not there.resolve(a, DEFAULT_LIMITS, Buffer(time_s=300.0)).is_clear


def test_an_item_with_the_id_of_somebody_elses_is_not_judged_in_its_place() -> None:
    there = moment(replace(intent("A", volume(HERE)), party=PartyId("north")))
    with pytest.raises(NotOwnerError):
        there.check(replace(intent("A", volume(HERE)), party=PartyId("south")))


def test_what_is_over_is_not_called_clear() -> None:
    checked = moment(now=at(120)).check(intent("A", volume(HERE, window(0, 60))))
    assert (checked.total, checked.reason is None) == (0, False)
    assert moment(now=at(30)).check(intent("A", volume(HERE, window(0, 60)))).reason is None


def test_a_gap_in_time_that_reaches_back_to_what_has_left_is_not_called_clear() -> None:
    item = intent("A", volume(HERE, window(0, 60)))
    assert moment(now=at(0)).check(item, Buffer(time_s=600.0)).reason is not None
    assert moment(now=at(0), buffer=Buffer(time_s=600.0)).check(item).reason is None


# What is not known


def unsure(there: Moment, *unknown: Unknown) -> Moment:
    return replace(there, unknown=unknown)


def span_ms(start: int, end: int) -> tuple[int, int]:
    """Return a window of minutes after noon."""
    given = window(start, end)
    return given.start_ms, given.end_ms


def test_what_is_not_known_keeps_a_check_from_saying_clear() -> None:
    there = unsure(moment(), Unknown(reason="nothing was heard of north"))
    assert there.check(intent("X", volume(HERE), party="south")).reason == "nothing was heard of north"


def test_a_conflict_is_told_whatever_else_is_not_known() -> None:
    there = unsure(moment(intent("A", volume(HERE), party="north")), Unknown(reason="?"))
    checked = there.check(intent("X", volume(HERE), party="south"))
    assert (checked.total, checked.reason) == (1, None)


@pytest.mark.parametrize(
    ("start", "end", "touches"), [(-60, -1, False), (-60, 0, True), (60, 90, True), (61, 90, False)]
)
def test_it_counts_where_it_may_be_at_that_time(start: int, end: int, touches: bool) -> None:
    there = unsure(moment(), Unknown(reason="?", window_ms=span_ms(start, end)))
    found = there.check(intent("X", volume(HERE, window(0, 60)), party="south"))
    assert (found.reason is not None) is touches


def test_a_gap_in_time_reaches_to_what_is_not_known() -> None:
    there = unsure(moment(), Unknown(reason="?", window_ms=span_ms(100, 120)))
    asked = intent("X", volume(HERE, window(30, 90)), party="south")
    assert there.check(asked, Buffer(time_s=599.0)).reason is None
    assert there.check(asked, Buffer(time_s=600.0)).reason == "?"


def test_many_reasons_are_told_up_to_a_limit_and_counted_beyond() -> None:
    reasons = [Unknown(reason=f"r{number}") for number in range(REASONS_MAX + 2)]
    asked = intent("X", volume(HERE), party="south")
    assert unsure(moment(), *reasons[:REASONS_MAX]).check(asked).reason == "r0; r1; r2; r3; r4"
    assert unsure(moment(), *reasons).check(asked).reason == "r0; r1; r2; r3; r4; and 2 more"


def test_among_all_items_it_counts_until_it_is_over() -> None:
    past = Unknown(reason="past", window_ms=span_ms(-90, -1))
    assert unsure(moment(), past).conflicts(0, 10).reason is None
    still = Unknown(reason="still", window_ms=span_ms(-90, 1))
    assert unsure(moment(), still).conflicts(0, 10).reason == "still"


def test_what_is_withheld_counts_where_it_may_be() -> None:
    rough = intent("0f3a", volume(HERE), party="north")
    there = Moment(still=Still(Picture(), 0, Policy(), hidden=[rough]), now=NOON)
    asked = intent("X", volume(HERE), party="south")
    assert (
        there.check(asked).reason == "what is withheld may be in the way: '0f3a' of 'north'; ask that party"
    )
    assert there.check(intent("X", volume(ELSEWHERE), party="south")).reason is None
    assert there.check(replace(asked, party=rough.party)).reason is None
