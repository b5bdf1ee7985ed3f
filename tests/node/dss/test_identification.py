"""Identification service areas and subscriptions to them (ASTM F3411), without any interface around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.store.dss_memory import MemoryDssStore
from keepclear.core.altitudes import UNBOUNDED, AltitudeBand
from keepclear.core.dss_requests import PutIdentification
from keepclear.core.errors import InvalidValueError
from keepclear.core.extents import Extent, meeting_among
from keepclear.core.references import EntityKind
from keepclear.core.times import TIME_MAX, TimeWindow
from keepclear.core.volumes import Volume3D, Volume4D
from keepclear.node.dss import identification
from keepclear.node.dss.callers import Caller
from keepclear.node.dss.identification import SUBSCRIPTIONS_MAX, AreaChanged, AreaSubscribed
from keepclear.node.dss.others import sweep
from keepclear.node.dss.refusals import NoEntityError, NotManagerError, TooManyError, VersionError
from keepclear.node.dss.work import Work
from tests.strategies import NOON, band, square

A = TypeVar("A")
HERE = Volume3D(outline=square(35.0, 36.0, 500.0), altitude=UNBOUNDED)
NEAR = Volume3D(outline=square(35.0, 36.0, 2_000.0), altitude=UNBOUNDED)
FAR = Volume3D(outline=square(35.1, 36.0, 500.0), altitude=UNBOUNDED)
MINUTE = timedelta(minutes=1)
ANOTHER = "a" * 26


def uuid(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-{number:012x}"


@dataclass
class Desk:
    """Where parties ask, each question over a connection of its own."""

    now: datetime = NOON
    store: MemoryDssStore = field(default_factory=MemoryDssStore)
    count: int = 0

    def do(self, work: Callable[[Work], A], who: str = "uss1", connection: str | None = None) -> A:
        def entropy(size: int) -> bytes:
            self.count += 1
            return sha256(str(self.count).encode()).digest()[:size]

        self.count += 1
        caller = Caller(who, "https://auth.example", frozenset(), connection or f"connection {self.count}")
        return self.store.run(
            lambda transaction: work(
                Work(transaction=transaction, caller=caller, now=self.now, entropy=entropy)
            )
        ).result()

    def put(self, asked: PutIdentification, who: str = "uss1", connection: str | None = None) -> AreaChanged:
        return self.do(lambda work: identification.put_area(work, asked), who, connection)

    def subscribe(self, asked: PutIdentification, who: str = "uss2") -> AreaSubscribed:
        return self.do(lambda work: identification.put_area_subscription(work, asked), who)

    def delete(self, number: int, version: str, who: str = "uss1") -> AreaChanged:
        return self.do(lambda work: identification.delete_area(work, uuid(number), version), who)

    def found(
        self, space: Volume3D = HERE, earliest: datetime | None = None, latest: datetime | None = None
    ) -> list[str]:
        areas = self.do(lambda work: identification.query_areas(work, space, earliest, latest))
        return [each.id for each in areas]

    def held(self, number: int) -> object:
        return self.do(lambda work: identification.get_area(work, uuid(number)))

    def index(self, number: int) -> int:
        found = self.do(lambda work: identification.get_area_subscription(work, uuid(number)))
        return found.notification_index


def asked(
    number: int,
    space: Volume3D = HERE,
    start_min: float | None = None,
    end_min: float | None = 60.0,
    version: str | None = None,
) -> PutIdentification:
    """Return what is asked for; times are minutes after noon."""
    start = None if start_min is None else NOON + start_min * MINUTE
    end = None if end_min is None else NOON + end_min * MINUTE
    return PutIdentification(
        id=uuid(number),
        version=version,
        space=space,
        start=start,
        end=end,
        uss_base_url=f"https://uss.example/{number}",
        api="v2",
        digest=sha256(f"{number} {space} {start} {end} {version}".encode()).hexdigest(),
    )


@pytest.fixture
def desk() -> Desk:
    return Desk()


# -- areas ------------------------------------------------------------------------------------------


def test_an_area_begins_now_where_it_does_not_say_when(desk: Desk) -> None:
    area = desk.put(asked(1)).area
    assert (area.start, area.end, area.manager) == (NOON, NOON + 60 * MINUTE, "uss1")
    assert desk.held(1) == area
    assert desk.found() == [uuid(1)]
    assert desk.found(FAR) == []


@pytest.mark.parametrize(
    ("start_min", "end_min"),
    [(None, None), (-5.1, 60.0), (60.0, 59.0), (-4.0, -1.0), (None, -1.0), (None, 1e8)],
    ids=["no end", "began long ago", "ends before it starts", "is over", "was over before now", "in 2216"],
)
def test_an_area_whose_times_make_no_sense_is_refused(
    desk: Desk, start_min: float | None, end_min: float | None
) -> None:
    with pytest.raises(InvalidValueError):
        desk.put(asked(1, start_min=start_min, end_min=end_min))
    assert desk.found() == []


@pytest.mark.parametrize(("start_min", "end_min"), [(-5.0, 0.0), (0.0, 0.0), (600.0, 500_000.0)])
def test_an_area_may_begin_a_moment_ago_and_last_as_long_as_it_wants(
    desk: Desk, start_min: float, end_min: float
) -> None:
    desk.put(asked(1, start_min=start_min, end_min=end_min))
    assert desk.found() == [uuid(1)]


def test_a_change_gives_another_version_and_needs_the_present_one(desk: Desk) -> None:
    first = desk.put(asked(1)).area
    with pytest.raises(VersionError):
        desk.put(asked(1, FAR))
    with pytest.raises(VersionError):
        desk.put(asked(1, FAR, version=ANOTHER))
    second = desk.put(asked(1, FAR, version=first.version)).area
    assert second.version != first.version
    assert (desk.found(), desk.found(FAR)) == ([], [uuid(1)])
    with pytest.raises(VersionError):
        desk.delete(1, first.version)
    assert desk.delete(1, second.version).area == second
    with pytest.raises(NoEntityError):
        desk.held(1)


def test_what_a_change_leaves_out_stays(desk: Desk) -> None:
    first = desk.put(asked(1, start_min=-5.0, end_min=600.0)).area
    desk.now += 60 * MINUTE
    second = desk.put(asked(1, FAR, end_min=None, version=first.version)).area
    assert (second.start, second.end) == (first.start, first.end)
    unchanged = desk.put(asked(1, start_min=-5.0, end_min=300.0, version=second.version)).area
    assert unchanged.start == first.start
    with pytest.raises(InvalidValueError):
        desk.put(asked(1, start_min=-4.0, end_min=300.0, version=unchanged.version))


def test_an_area_that_is_not_there_is_not_changed(desk: Desk) -> None:
    with pytest.raises(InvalidValueError):
        desk.put(asked(1, version=ANOTHER))
    with pytest.raises(NoEntityError):
        desk.delete(1, ANOTHER)


def test_only_its_manager_changes_or_removes_an_area(desk: Desk) -> None:
    version = desk.put(asked(1)).area.version
    for asks in (asked(1), asked(1, FAR, version=version), asked(1, FAR, version=ANOTHER)):
        with pytest.raises(NotManagerError):
            desk.put(asks, "uss2")
    for named in (version, ANOTHER):
        with pytest.raises(NotManagerError):
            desk.delete(1, named, "uss2")
    assert desk.held(1)


def test_an_area_that_has_ended_is_found_no_more_but_read_by_its_id(desk: Desk) -> None:
    desk.put(asked(1, end_min=10.0))
    desk.now += 10 * MINUTE
    assert desk.found() == [uuid(1)]
    desk.now += timedelta(microseconds=1)
    assert desk.found() == []
    assert desk.found(earliest=NOON) == []
    assert desk.found(earliest=NOON, latest=NOON) == []
    assert desk.held(1)
    desk.do(lambda work: sweep(work, timedelta(hours=24), timedelta(days=30)))
    assert desk.held(1)
    desk.now += timedelta(hours=24)
    desk.do(lambda work: sweep(work, timedelta(hours=24), timedelta(days=30)))
    with pytest.raises(NoEntityError):
        desk.held(1)


def test_an_area_that_has_ended_may_go_on(desk: Desk) -> None:
    version = desk.put(asked(1, end_min=10.0)).area.version
    desk.now += 30 * MINUTE
    with pytest.raises(VersionError):
        desk.put(asked(1, end_min=61.0))
    desk.put(asked(1, end_min=60.0, version=version))
    assert desk.found() == [uuid(1)]


@pytest.mark.parametrize(
    ("earliest_min", "latest_min", "found"),
    [
        (None, None, True),
        (60.0, None, True),
        (60.1, None, False),
        (None, 30.0, True),
        (None, 29.9, False),
        (40.0, 50.0, True),
        (0.0, 10.0, False),
        (50.0, 40.0, True),
        (-60.0, -30.0, False),
    ],
)
def test_a_search_passes_over_what_ends_before_or_starts_after(
    desk: Desk, earliest_min: float | None, latest_min: float | None, found: bool
) -> None:
    desk.put(asked(1, start_min=30.0, end_min=60.0))
    earliest, latest = (None if m is None else NOON + m * MINUTE for m in (earliest_min, latest_min))
    assert desk.found(HERE, earliest, latest) == ([uuid(1)] if found else [])


def test_a_search_by_a_clock_that_is_late_finds_what_is_there(desk: Desk) -> None:
    desk.put(asked(1))
    desk.now += 30 * MINUTE
    late = desk.now - MINUTE
    assert desk.found(HERE, late, late) == [uuid(1)]


# -- who is told ------------------------------------------------------------------------------------


def test_whoever_subscribed_where_an_area_is_or_was_is_told(desk: Desk) -> None:
    desk.subscribe(asked(11, HERE))
    desk.subscribe(asked(12, FAR))
    desk.subscribe(asked(13, NEAR), "uss3")
    created = desk.put(asked(1, HERE))
    assert [tuple(each) for each in created.notified] == [
        (uuid(11), "https://uss.example/11", 1),
        (uuid(13), "https://uss.example/13", 1),
    ]
    changed = desk.put(asked(1, FAR, version=created.area.version))
    assert [(e.subscription_id, e.notification_index) for e in changed.notified] == [
        (uuid(11), 2),
        (uuid(12), 1),
        (uuid(13), 2),
    ]
    removed = desk.delete(1, changed.area.version)
    assert [(e.subscription_id, e.notification_index) for e in removed.notified] == [(uuid(12), 2)]
    assert [desk.index(number) for number in (11, 12, 13)] == [2, 2, 2]


def test_whose_heights_or_times_are_elsewhere_is_not_told(desk: Desk) -> None:
    low, high = (Volume3D(outline=HERE.outline, altitude=each) for each in (band(0, 100), band(101, 200)))
    desk.subscribe(asked(11, low))
    desk.subscribe(asked(12, HERE, start_min=0.0, end_min=29.9))
    desk.subscribe(asked(13, HERE, start_min=60.0, end_min=70.0))
    created = desk.put(asked(1, high, start_min=30.0, end_min=60.0))
    assert [each.subscription_id for each in created.notified] == [uuid(13)]


def test_a_subscription_that_has_ended_is_gone_and_told_nothing(desk: Desk) -> None:
    held = desk.subscribe(asked(11, end_min=10.0)).subscription
    desk.now += 10 * MINUTE + timedelta(microseconds=1)
    assert desk.put(asked(1, start_min=5.1)).notified == ()
    with pytest.raises(NoEntityError):
        desk.index(11)
    with pytest.raises(NoEntityError):
        desk.do(lambda work: identification.delete_area_subscription(work, held.id, held.version), "uss2")
    assert desk.do(lambda work: identification.query_area_subscriptions(work, NEAR), "uss2") == []
    with pytest.raises(InvalidValueError):
        desk.subscribe(asked(11, version=held.version))
    assert desk.subscribe(asked(11)).subscription.notification_index == 0


# -- subscriptions ----------------------------------------------------------------------------------


def test_a_subscription_tells_what_is_there_and_has_not_ended(desk: Desk) -> None:
    desk.put(asked(1, HERE, end_min=2.0))
    desk.put(asked(2, HERE, start_min=10.0, end_min=20.0))
    desk.put(asked(3, FAR))
    desk.put(asked(4, HERE, start_min=90.0, end_min=99.0))
    desk.now += 3 * MINUTE
    told = desk.subscribe(asked(11, NEAR, start_min=0.0))
    assert [each.id for each in told.areas] == [uuid(2)]


@pytest.mark.parametrize(
    ("start_min", "end_min"), [(None, None), (-1.0, None), (600.0, None), (0.0, 1_440.0)]
)
def test_a_subscription_lasts_a_day_at_most(
    desk: Desk, start_min: float | None, end_min: float | None
) -> None:
    held = desk.subscribe(asked(11, start_min=start_min, end_min=end_min)).subscription
    assert held.end - held.start == timedelta(hours=24)


@pytest.mark.parametrize(
    ("start_min", "end_min"), [(0.0, 1_440.1), (-5.1, 60.0), (60.0, 50.0), (-4.0, -1.0), (None, 1_440.1)]
)
def test_a_subscription_of_other_times_is_refused(
    desk: Desk, start_min: float | None, end_min: float
) -> None:
    with pytest.raises(InvalidValueError):
        desk.subscribe(asked(11, start_min=start_min, end_min=end_min))
    held = desk.subscribe(asked(11)).subscription
    with pytest.raises(InvalidValueError):
        desk.subscribe(asked(11, start_min=start_min, end_min=end_min, version=held.version))


def test_a_subscription_is_renewed_from_now_on_without_end(desk: Desk) -> None:
    held = desk.subscribe(asked(11, end_min=None)).subscription
    for hour in range(20, 100, 20):
        desk.now = NOON + timedelta(hours=hour)
        renewed = asked(11, end_min=60.0 * (hour + 24), version=held.version)
        held = desk.subscribe(renewed).subscription
        assert held.start == desk.now


def test_a_subscription_that_has_not_begun_keeps_its_start(desk: Desk) -> None:
    held = desk.subscribe(asked(11, start_min=30.0, end_min=60.0)).subscription
    changed = desk.subscribe(asked(11, FAR, end_min=None, version=held.version)).subscription
    assert (changed.start, changed.end) == (held.start, held.end)


def test_a_change_of_a_subscription_keeps_its_index_and_gives_another_version(desk: Desk) -> None:
    first = desk.subscribe(asked(11)).subscription
    desk.put(asked(1))
    second = desk.subscribe(asked(11, NEAR, version=first.version)).subscription
    assert (second.notification_index, second.version != first.version) == (1, True)
    with pytest.raises(VersionError):
        desk.subscribe(asked(11, FAR, version=first.version))
    with pytest.raises(VersionError):
        desk.subscribe(asked(11, FAR))


def test_only_its_manager_changes_removes_and_finds_a_subscription_but_all_read_it(desk: Desk) -> None:
    held = desk.subscribe(asked(11)).subscription
    with pytest.raises(NotManagerError):
        desk.subscribe(asked(11, version=held.version), "uss1")
    with pytest.raises(NotManagerError):
        desk.do(lambda work: identification.delete_area_subscription(work, held.id, held.version))
    assert desk.do(lambda work: identification.query_area_subscriptions(work, HERE)) == []
    assert desk.do(lambda work: identification.query_area_subscriptions(work, HERE), "uss2") == [held]
    assert desk.do(lambda work: identification.query_area_subscriptions(work, FAR), "uss2") == []
    assert desk.do(lambda work: identification.get_area_subscription(work, held.id)) == held


def test_a_party_has_ten_subscriptions_in_one_place_at_one_time(desk: Desk) -> None:
    assert SUBSCRIPTIONS_MAX == 10
    for number in range(11, 21):
        desk.subscribe(asked(number, NEAR))
    with pytest.raises(TooManyError):
        desk.subscribe(asked(21, HERE))
    desk.subscribe(asked(21, HERE), "uss3")
    elsewhere = desk.subscribe(asked(22, FAR)).subscription
    with pytest.raises(TooManyError):
        desk.subscribe(asked(22, HERE, version=elsewhere.version))
    desk.subscribe(asked(23, HERE, start_min=60.1, end_min=70.0))
    tenth = desk.do(lambda work: identification.get_area_subscription(work, uuid(20)))
    desk.subscribe(asked(20, HERE, version=tenth.version))
    desk.now += 60 * MINUTE + timedelta(microseconds=1)
    desk.subscribe(asked(24, NEAR, end_min=70.0))


# -- the same again ---------------------------------------------------------------------------------


def test_asked_again_over_another_connection_all_is_answered_alike_and_done_once(desk: Desk) -> None:
    subscribed = desk.subscribe(asked(11))
    created = desk.put(asked(1, start_min=0.0))
    desk.now += 30 * MINUTE
    assert desk.put(asked(1, start_min=0.0)) == created
    again = desk.subscribe(asked(11))
    assert replace(again.subscription, notification_index=0) == subscribed.subscription
    removed = desk.delete(1, created.area.version)
    again_removed = desk.delete(1, created.area.version)
    assert (again_removed.area.version, again_removed.notified) == (created.area.version, removed.notified)
    assert desk.index(11) == 2
    desk.now += 11 * MINUTE
    with pytest.raises(NoEntityError):
        desk.delete(1, created.area.version)


def test_asked_again_over_the_same_connection_it_is_there_already(desk: Desk) -> None:
    desk.put(asked(1), connection="one")
    with pytest.raises(VersionError):
        desk.put(asked(1), connection="one")


def test_of_a_removal_nobody_else_hears(desk: Desk) -> None:
    version = desk.put(asked(1)).area.version
    desk.delete(1, version)
    with pytest.raises(NoEntityError):
        desk.delete(1, version, "uss2")
    with pytest.raises(NoEntityError):
        desk.delete(1, ANOTHER)


def test_an_area_and_a_subscription_of_one_id_are_two_things(desk: Desk) -> None:
    desk.put(asked(1))
    held = desk.subscribe(asked(1), "uss1").subscription
    desk.do(lambda work: identification.delete_area_subscription(work, held.id, held.version))
    assert desk.held(1)


# -- laws -------------------------------------------------------------------------------------------

_BANDS = st.sampled_from([UNBOUNDED, band(0.0, 100.0), band(100.0, 200.0), band(150.0, 300.0)])


@st.composite
def spaces(draw: st.DrawFn) -> Volume3D:
    lng, half_m = draw(st.floats(36.0, 36.05)), draw(st.floats(50.0, 2_000.0))
    altitude: AltitudeBand = draw(_BANDS)
    return Volume3D(outline=square(35.0, lng, half_m), altitude=altitude)


@st.composite
def wants(draw: st.DrawFn, first: int) -> list[PutIdentification]:
    found = []
    for number in range(draw(st.integers(1, 5))):
        start_min = draw(st.integers(-5, 50))
        end_min = draw(st.integers(max(start_min, 0), 60))
        found.append(asked(first + number, draw(spaces()), float(start_min), float(end_min)))
    return found


def extent_of(each: PutIdentification) -> Extent:
    assert each.start is not None
    assert each.end is not None
    return Extent((Volume4D(volume=each.space, time=TimeWindow(start=each.start, end=each.end)),))


@pytest.mark.slow
@given(wants(1), wants(100), spaces(), st.integers(0, 60), st.integers(0, 60))
def test_who_is_told_and_what_is_found_is_what_meets_and_has_not_ended(
    areas: list[PutIdentification],
    subscriptions: list[PutIdentification],
    space: Volume3D,
    later_min: int,
    latest_min: int,
) -> None:
    desk = Desk()
    for each in subscriptions:
        desk.subscribe(each)
    extents = [(each.id, extent_of(each)) for each in subscriptions]
    told: dict[str, int] = {each.id: 0 for each in subscriptions}
    for each in areas:
        met = meeting_among(extent_of(each), extents)
        for name in met:
            told[name] += 1
        expected = [(name, told[name]) for name in met]
        notified = desk.put(each).notified
        assert [(n.subscription_id, n.notification_index) for n in notified] == expected
    desk.now += later_min * MINUTE
    ever = Extent((Volume4D(volume=space, time=TimeWindow(start=NOON - 9 * MINUTE, end=TIME_MAX)),))
    there = set(meeting_among(ever, [(each.id, extent_of(each)) for each in areas]))
    latest = NOON + latest_min * MINUTE
    kept = [each for each in areas if each.id in there and each.end is not None and each.end >= desk.now]
    assert desk.found(space) == [each.id for each in kept]
    in_time = [each.id for each in kept if each.start is not None and each.start <= latest]
    assert desk.found(space, None, latest) == in_time


@given(st.lists(st.tuples(st.sampled_from(["put", "delete", "other"]), st.integers(0, 3)), max_size=25))
def test_whatever_is_asked_in_whichever_order_a_version_never_comes_back(
    steps: list[tuple[str, int]],
) -> None:
    desk = Desk()
    held: dict[int, str] = {}
    seen: set[str] = set()
    for what, number in steps:
        if what == "other":
            with pytest.raises((NotManagerError, InvalidValueError)):
                desk.put(asked(number, version=held.get(number, ANOTHER)), "uss9")
        elif what == "put":
            version = desk.put(asked(number, version=held.get(number))).area.version
            assert version not in seen
            seen.add(version)
            held[number] = version
        elif number in held:
            desk.delete(number, held.pop(number))
    assert desk.found() == [uuid(number) for number in sorted(held)]
    assert desk.do(lambda work: work.transaction.count(EntityKind.IDENTIFICATION_AREA)) == len(held)
