"""What every store of a Discovery and Synchronization Service must do; one suite over all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keepclear.core.conflicts import ConflictRule
from keepclear.core.extents import Extent
from keepclear.core.geodesy import LatLng
from keepclear.core.index import Engine
from keepclear.core.intents import ItemId, OperationalIntent
from keepclear.core.picture import Picture
from keepclear.core.references import Availability, Entity, EntityKind, Subscription, UssAvailability
from keepclear.core.shapes import Circle
from keepclear.node.dss.ports import Cause, DssStore, DssTransaction
from keepclear.node.dss.refusals import CalledOffError
from keepclear.node.outcomes import StoreError
from tests.contracts.dss_stores import CAUSE, PLACES, Opened, Place, entity, extent_of, id_of
from tests.strategies import NOON, at, band, go, square, volume, volumes, window

A = TypeVar("A")

HERE = extent_of(volume(square(35.0, 36.0, 500.0), band=band(0.0, 100.0)))
ABOVE = extent_of(volume(square(35.0, 36.0, 500.0), band=band(100.0, 200.0)))
HIGHER = extent_of(volume(square(35.0, 36.0, 500.0), band=band(100.01, 200.0)))
LATER = extent_of(volume(square(35.0, 36.0, 500.0), window(60, 90), band(0.0, 100.0)))
ELSEWHERE = extent_of(volume(square(35.1, 36.0, 500.0)))
INTENT, SUBSCRIPTION = EntityKind.INTENT, EntityKind.SUBSCRIPTION


class UndoneError(Exception):
    """Leaves a transaction, so that it is undone."""


class Called:
    """A ticket that says what it was told to say."""

    def __init__(self, *, is_wanted: bool) -> None:
        self.is_wanted, self.claims = is_wanted, 0

    def claim(self) -> bool:
        self.claims += 1
        return self.is_wanted


@pytest.fixture(params=PLACES, ids=lambda place: place.name)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    place: Place = request.param
    with place.made(tmp_path) as opened:
        yield opened


@pytest.fixture
def store(opened: Opened) -> Iterator[DssStore]:
    with closing(opened()) as store:
        yield store


@pytest.fixture(params=[place for place in PLACES if place.is_lasting], ids=lambda place: place.name)
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    place: Place = request.param
    with place.made(tmp_path) as opened:
        yield opened


def run(store: DssStore, work: Callable[[DssTransaction], A]) -> A:
    return store.run(work).result(timeout=30.0)


def put(store: DssStore, kind: EntityKind, *placed: tuple[int, Extent]) -> list[Entity]:
    """Keep entities of a kind, in one transaction."""
    entities = [entity(kind, number, extent) for number, extent in placed]

    def work(transaction: DssTransaction) -> None:
        for each, (_, extent) in zip(entities, placed, strict=True):
            transaction.put(each, extent, CAUSE)

    run(store, work)
    return entities


def keep(store: DssStore, kept: Entity, extent: Extent, cause: Cause | None = CAUSE) -> None:
    """Keep one entity."""
    run(store, lambda transaction: transaction.put(kept, extent, cause))


def drop(store: DssStore, kept: Entity, cause: Cause = CAUSE) -> None:
    """Keep one entity no longer."""
    run(store, lambda transaction: transaction.remove(kept, cause))


def meeting(store: DssStore, kind: EntityKind, extent: Extent) -> list[str]:
    return [found.id for found in run(store, lambda transaction: transaction.meeting(kind, extent))]


def everything(store: DssStore) -> tuple[object, ...]:
    """Return all that can be read of a store."""

    def read(transaction: DssTransaction) -> tuple[object, ...]:
        kept = [
            (found, transaction.extent(kind, found.id))
            for kind in EntityKind
            for found in transaction.ending_before(kind, at(10_000_000), 1_000_000)
        ]
        availability = transaction.availability("uss1")
        return kept, list(transaction.history(0, 1_000_000)), availability, list(transaction.notes("topic"))

    return run(store, read)


# -- entities ---------------------------------------------------------------------------------------


def test_a_new_store_is_empty(store: DssStore) -> None:
    def look(transaction: DssTransaction) -> None:
        for kind in EntityKind:
            assert transaction.entity(kind, id_of(1)) is None
            assert list(transaction.meeting(kind, HERE)) == []
            assert list(transaction.ending_before(kind, at(1_000_000), 10)) == []
            assert transaction.removed(kind, id_of(1)) is None
            assert transaction.count(kind) == 0
        assert list(transaction.dependents(id_of(1))) == []
        assert list(transaction.history(0, 10)) == []
        assert transaction.forget_history(at(1_000_000), 10) == 0
        assert transaction.availability("uss1") is None
        assert transaction.note("topic", "name") is None
        assert list(transaction.notes("topic")) == []

    run(store, look)
    assert store.fault is None
    assert store.waiting_count == 0


@pytest.mark.parametrize("kind", EntityKind)
def test_an_entity_is_found_as_it_was_put_and_among_its_kind_only(store: DssStore, kind: EntityKind) -> None:
    start = NOON + timedelta(microseconds=1)  # nothing may be rounded
    time = replace(window(0, 60), start=start)
    circle = volume(Circle(center=LatLng(35.0, 36.0), radius_m=0.1 + 0.2), time)
    extent = extent_of(circle, *ABOVE.volumes)
    put(store, kind, (1, extent))
    expected = entity(kind, 1, extent)

    def look(transaction: DssTransaction) -> None:
        assert transaction.entity(kind, id_of(1)) == expected
        assert transaction.extent(kind, id_of(1)) == extent
        assert list(transaction.meeting(kind, extent)) == [expected]
        assert transaction.count(kind) == 1
        for other in set(EntityKind) - {kind}:
            assert transaction.entity(other, id_of(1)) is None
            assert list(transaction.meeting(other, extent)) == []
            assert transaction.count(other) == 0

    run(store, look)


def test_the_extent_of_what_is_not_there_is_an_error(store: DssStore) -> None:
    with pytest.raises(StoreError, match="there is no intent"):
        run(store, lambda transaction: transaction.extent(INTENT, id_of(1)))


def test_what_is_put_again_is_where_it_was_put_last(store: DssStore) -> None:
    put(store, INTENT, (1, HERE))
    put(store, INTENT, (1, ELSEWHERE))
    assert meeting(store, INTENT, HERE) == []
    assert meeting(store, INTENT, ELSEWHERE) == [id_of(1)]
    assert run(store, lambda transaction: transaction.count(INTENT)) == 1


def test_what_was_removed_is_not_found(store: DssStore) -> None:
    (kept,) = put(store, INTENT, (1, HERE))
    drop(store, kept)
    assert meeting(store, INTENT, HERE) == []
    assert run(store, lambda transaction: transaction.entity(INTENT, id_of(1))) is None


def test_several_are_removed_at_once_each_into_the_history_or_none_of_them(store: DssStore) -> None:
    kept = put(store, INTENT, (1, HERE), (2, ELSEWHERE), (3, HERE))
    with pytest.raises(StoreError, match=f"there is no intent {id_of(9)}"):
        run(store, lambda transaction: transaction.remove_all([*kept, entity(INTENT, 9, HERE)], CAUSE))
    assert meeting(store, INTENT, HERE) == [id_of(1), id_of(3)]
    run(store, lambda transaction: transaction.remove_all([], CAUSE))
    run(store, lambda transaction: transaction.remove_all(kept[:2], CAUSE))
    assert meeting(store, INTENT, ELSEWHERE) == []
    assert meeting(store, INTENT, HERE) == [id_of(3)]
    entries = run(store, lambda transaction: transaction.history(0, 10))
    assert [(entry.entity.id, entry.is_removal) for entry in entries[3:]] == [
        (id_of(1), True),
        (id_of(2), True),
    ]
    assert [entry.extent for entry in entries[3:]] == [HERE, ELSEWHERE]


def test_what_meets_is_returned_by_id_whoever_manages_it_and_whenever_it_ends(store: DssStore) -> None:
    long_ago = extent_of(volume(square(35.0, 36.0, 500.0), window(-10_000_000, 30)))
    for number, manager, extent in ((3, "uss1", HERE), (1, "uss2", HERE), (2, "uss1", long_ago)):
        keep(store, entity(INTENT, number, extent, manager=manager), extent)
    put(store, INTENT, (4, ELSEWHERE))
    assert meeting(store, INTENT, HERE) == [id_of(1), id_of(2), id_of(3)]


def test_what_only_touches_in_height_or_time_meets(store: DssStore) -> None:
    put(store, INTENT, (1, ABOVE), (2, HIGHER), (3, LATER))
    assert meeting(store, INTENT, HERE) == [id_of(1), id_of(3)]


def test_the_bounds_of_all_volumes_count_and_not_those_of_the_one_that_meets(store: DssStore) -> None:
    # Low and early here, high and late elsewhere: the bounds hold all in between
    spread = extent_of(
        volume(square(35.0, 36.0, 500.0), window(0, 10), band(0.0, 10.0)),
        volume(square(35.1, 36.0, 500.0), window(50, 60), band(190.0, 200.0)),
    )
    put(store, INTENT, (1, spread))
    between = volume(square(35.0, 36.0, 10.0), window(20, 30), band(90.0, 100.0))
    assert meeting(store, INTENT, extent_of(between)) == [id_of(1)]


def test_a_transaction_sees_what_it_did(store: DssStore) -> None:
    def work(transaction: DssTransaction) -> list[list[str]]:
        first, second = entity(INTENT, 1, HERE, subscription=9), entity(INTENT, 2, HERE)
        transaction.put(first, HERE, CAUSE)
        transaction.put(second, HERE, CAUSE)
        seen = [[each.id for each in transaction.meeting(INTENT, HERE)]]
        transaction.remove(second, CAUSE)
        seen.append([each.id for each in transaction.meeting(INTENT, HERE)])
        seen.append([each.id for each in transaction.dependents(id_of(9))])
        return seen

    assert run(store, work) == [[id_of(1), id_of(2)], [id_of(1)], [id_of(1)]]


def test_dependents_are_the_intents_that_name_a_subscription(store: DssStore) -> None:
    named = [entity(INTENT, 3, HERE, subscription=9), entity(INTENT, 1, ELSEWHERE, subscription=9)]
    others = [entity(INTENT, 2, HERE, subscription=8), entity(INTENT, 4, HERE)]

    def work(transaction: DssTransaction) -> None:
        for each in [*named, *others]:
            transaction.put(each, HERE, CAUSE)

    run(store, work)
    assert list(run(store, lambda t: t.dependents(id_of(9)))) == [named[1], named[0]]
    keep(store, entity(INTENT, 3, HERE), HERE)
    assert list(run(store, lambda t: t.dependents(id_of(9)))) == [named[1]]


def test_what_ends_first_comes_first_and_an_end_at_the_instant_is_not_before_it(store: DssStore) -> None:
    ends = [(1, 30), (2, 10), (3, 20), (4, 10)]
    put(store, INTENT, *((n, extent_of(volume(square(35.0, 36.0, 9.0), window(0, end)))) for n, end in ends))
    put(store, SUBSCRIPTION, (5, extent_of(volume(square(35.0, 36.0, 9.0), window(0, 1)))))

    def before(minutes: float, limit: int = 10) -> list[str]:
        return [e.id for e in run(store, lambda t: t.ending_before(INTENT, at(minutes), limit))]

    assert before(10) == []
    assert before(10.0001) == [id_of(2), id_of(4)]
    assert before(31) == [id_of(2), id_of(4), id_of(3), id_of(1)]
    assert before(31, limit=3) == [id_of(2), id_of(4), id_of(3)]


def test_counting_up_changes_the_subscription_and_neither_its_extent_nor_the_history(store: DssStore) -> None:
    (kept,) = put(store, SUBSCRIPTION, (1, HERE))
    assert isinstance(kept, Subscription)
    counted = replace(kept, notification_index=8)
    run(store, lambda transaction: transaction.count_up(counted))
    assert run(store, lambda transaction: transaction.entity(SUBSCRIPTION, id_of(1))) == counted
    assert list(run(store, lambda transaction: transaction.meeting(SUBSCRIPTION, HERE))) == [counted]
    assert len(run(store, lambda transaction: transaction.history(0, 10))) == 1


# -- history ----------------------------------------------------------------------------------------


def test_the_history_tells_every_change_in_its_order(store: DssStore) -> None:
    later = Cause(issuer="", subject="the service", at=at(1))
    first, second = entity(INTENT, 1, HERE), entity(INTENT, 1, ELSEWHERE, subscription=2)

    def work(transaction: DssTransaction) -> None:
        transaction.put(first, HERE, CAUSE)
        transaction.put(entity(SUBSCRIPTION, 2, HERE), HERE, None)
        transaction.put(second, ELSEWHERE, CAUSE)

    run(store, work)
    last = replace(second, manager="as it was when it went")
    drop(store, last, later)
    entries = list(run(store, lambda transaction: transaction.history(0, 10)))
    assert [(e.cause, e.is_removal, e.entity, e.extent) for e in entries] == [
        (CAUSE, False, first, HERE),
        (CAUSE, False, second, ELSEWHERE),
        (later, True, last, ELSEWHERE),
    ]
    assert [entry.seq for entry in entries] == sorted({entry.seq for entry in entries})
    assert list(run(store, lambda transaction: transaction.history(entries[0].seq, 1))) == entries[1:2]
    assert run(store, lambda transaction: transaction.removed(INTENT, id_of(1))) == entries[2]


def test_what_is_there_again_is_not_removed(store: DssStore) -> None:
    (kept,) = put(store, INTENT, (1, HERE))
    assert run(store, lambda transaction: transaction.removed(INTENT, id_of(1))) is None
    drop(store, kept)
    assert run(store, lambda transaction: transaction.removed(EntityKind.CONSTRAINT, id_of(1))) is None
    put(store, INTENT, (1, HERE))
    assert run(store, lambda transaction: transaction.removed(INTENT, id_of(1))) is None
    drop(store, kept, replace(CAUSE, at=at(5)))
    entry = run(store, lambda transaction: transaction.removed(INTENT, id_of(1)))
    assert entry is not None
    assert entry.cause.at == at(5)


def test_old_history_is_forgotten_and_numbers_never_come_again(store: DssStore) -> None:
    for minute in range(4):
        keep(store, entity(INTENT, minute, HERE), HERE, replace(CAUSE, at=at(minute)))
    last = run(store, lambda transaction: transaction.history(0, 10))[-1].seq
    assert run(store, lambda transaction: transaction.forget_history(at(2), 1)) == 1
    left = run(store, lambda transaction: transaction.history(0, 10))
    assert [entry.cause.at for entry in left] == [at(1), at(2), at(3)]
    assert run(store, lambda transaction: transaction.forget_history(at(100), 10)) == 3
    assert list(run(store, lambda transaction: transaction.history(0, 10))) == []
    put(store, INTENT, (9, HERE))
    (entry,) = run(store, lambda transaction: transaction.history(0, 10))
    assert entry.seq > last


# -- what else is kept ------------------------------------------------------------------------------


def test_what_was_said_last_of_a_service_is_kept(store: DssStore) -> None:
    down = UssAvailability(uss_id="uss1", availability=Availability.DOWN, version="v1")
    normal = replace(down, availability=Availability.NORMAL, version="v2")
    run(store, lambda transaction: transaction.put_availability(down, CAUSE))
    run(store, lambda transaction: transaction.put_availability(normal, CAUSE))
    assert run(store, lambda transaction: transaction.availability("uss1")) == normal
    assert run(store, lambda transaction: transaction.availability("uss2")) is None


def test_a_note_is_kept_by_topic_and_name(store: DssStore) -> None:
    def work(transaction: DssTransaction) -> None:
        transaction.put_note("topic", "b", "first", at(0))
        transaction.put_note("topic", "b", "ö", at(1))
        transaction.put_note("topic", "a", "", at(2) + timedelta(microseconds=1))
        transaction.put_note("another", "c", "text", at(3))

    run(store, work)
    assert run(store, lambda transaction: transaction.note("topic", "b")) == ("ö", at(1))
    assert run(store, lambda transaction: transaction.note("topic", "c")) is None
    noted = [("a", "", at(2) + timedelta(microseconds=1)), ("b", "ö", at(1))]
    assert list(run(store, lambda transaction: transaction.notes("topic"))) == noted


def test_a_report_is_taken(store: DssStore) -> None:
    run(store, lambda transaction: transaction.add_report(id_of(1), b"\x00 any bytes \xff", CAUSE))


def test_reports_are_forgotten_the_oldest_first(store: DssStore) -> None:
    def report(transaction: DssTransaction) -> None:
        for minute in range(3):
            transaction.add_report(id_of(minute), b"text", replace(CAUSE, at=at(minute)))

    run(store, report)
    assert run(store, lambda transaction: transaction.forget_reports(at(1), 10)) == 1
    assert run(store, lambda transaction: transaction.forget_reports(at(10), 1)) == 1
    assert run(store, lambda transaction: transaction.forget_reports(at(10), 10)) == 1
    assert run(store, lambda transaction: transaction.forget_reports(at(10), 10)) == 0


# -- undoing ----------------------------------------------------------------------------------------


def change_all(transaction: DssTransaction) -> None:
    """Change everything that can be changed, on top of an intent 1 and a subscription 2."""
    transaction.put(entity(INTENT, 1, ELSEWHERE), ELSEWHERE, CAUSE)
    transaction.put(entity(INTENT, 3, HERE, subscription=2), HERE, CAUSE)
    transaction.count_up(entity(SUBSCRIPTION, 2, HERE, index=50))
    transaction.remove(entity(SUBSCRIPTION, 2, HERE), CAUSE)
    said = UssAvailability(uss_id="uss1", availability=Availability.DOWN, version="v1")
    transaction.put_availability(said, CAUSE)
    transaction.add_report(id_of(1), b"text", CAUSE)
    transaction.put_note("topic", "name", "text", at(0))
    transaction.forget_history(at(1_000), 1)
    assert [each.id for each in transaction.meeting(INTENT, HERE)] == [id_of(3)]


def test_of_what_raised_nothing_is_there_and_the_answer_is_what_was_raised(store: DssStore) -> None:
    put(store, INTENT, (1, HERE))
    put(store, SUBSCRIPTION, (2, HERE))
    before = everything(store)

    def work(transaction: DssTransaction) -> None:
        change_all(transaction)
        raise UndoneError

    with pytest.raises(UndoneError):
        run(store, work)
    assert everything(store) == before
    assert meeting(store, INTENT, HERE) == [id_of(1)]
    assert meeting(store, INTENT, ELSEWHERE) == []
    assert meeting(store, SUBSCRIPTION, HERE) == [id_of(2)]
    assert store.fault is None


def test_of_what_was_called_off_nothing_is_there(store: DssStore) -> None:
    put(store, INTENT, (1, HERE))
    put(store, SUBSCRIPTION, (2, HERE))
    before, ticket = everything(store), Called(is_wanted=False)
    with pytest.raises(CalledOffError):
        store.run(change_all, ticket).result(timeout=30.0)
    assert ticket.claims == 1
    assert everything(store) == before
    assert meeting(store, INTENT, HERE) == [id_of(1)]


def test_what_is_still_wanted_is_done(store: DssStore) -> None:
    put(store, INTENT, (1, HERE))
    put(store, SUBSCRIPTION, (2, HERE))
    ticket = Called(is_wanted=True)
    store.run(change_all, ticket).result(timeout=30.0)
    assert ticket.claims == 1
    assert meeting(store, INTENT, ELSEWHERE) == [id_of(1)]


def test_what_raised_is_not_asked_whether_it_is_wanted(store: DssStore) -> None:
    ticket = Called(is_wanted=True)
    with pytest.raises(StoreError):
        store.run(lambda transaction: transaction.extent(INTENT, id_of(1)), ticket).result(timeout=30.0)
    assert ticket.claims == 0


def creating(number: int, extent: Extent = HERE, *, raises: bool = False) -> Callable[[DssTransaction], bool]:
    """Return what puts an intent where there is none with its id, and tells whether it did."""

    def work(transaction: DssTransaction) -> bool:
        if transaction.entity(INTENT, id_of(number)) is not None:
            return False
        transaction.put(entity(INTENT, number, extent), extent, CAUSE)
        if raises:
            raise UndoneError
        return True

    return work


def test_what_fails_among_others_that_wait_with_it_is_undone_alone(store: DssStore) -> None:
    answers = [
        store.run(creating(number, raises=number % 3 == 1), Called(is_wanted=number % 3 != 2))
        for number in range(30)
    ]
    outcomes = [answer.exception(timeout=30.0) for answer in answers]
    assert [type(outcome) for outcome in outcomes] == [type(None), UndoneError, CalledOffError] * 10
    assert meeting(store, INTENT, HERE) == [id_of(number) for number in range(0, 30, 3)]


def test_what_was_answered_is_there_when_the_store_is_opened_again(lasting: Opened) -> None:
    with closing(lasting()) as store:
        for number, kind in enumerate(EntityKind):
            put(store, kind, (number, HERE), (number + 10, ELSEWHERE))
        put(store, INTENT, (1, HERE))
        run(store, change_all_but_the_subscription)
        before = everything(store)
        found = {kind: meeting(store, kind, HERE) for kind in EntityKind}
    with closing(lasting()) as store:
        assert everything(store) == before
        assert {kind: meeting(store, kind, HERE) for kind in EntityKind} == found
        put(store, INTENT, (77, HERE))
        assert meeting(store, INTENT, HERE) == sorted([*found[INTENT], id_of(77)])


def change_all_but_the_subscription(transaction: DssTransaction) -> None:
    transaction.put_note("topic", "name", "text", at(0))
    said = UssAvailability(uss_id="uss1", availability=Availability.DOWN, version="v1")
    transaction.put_availability(said, CAUSE)
    transaction.remove(entity(INTENT, 1, HERE), CAUSE)


# -- many at once -----------------------------------------------------------------------------------


def test_two_threads_may_ask_at_once(store: DssStore) -> None:
    def create_all(first: int) -> None:
        for number in range(first, 60, 2):
            assert run(store, creating(number))

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(create_all, (0, 1)))
    assert meeting(store, INTENT, HERE) == [id_of(number) for number in range(60)]
    seqs = [entry.seq for entry in run(store, lambda transaction: transaction.history(0, 100))]
    assert seqs == sorted(set(seqs))


@pytest.mark.slow
def test_of_two_that_create_the_same_at_once_exactly_one_does(opened: Opened) -> None:
    spots = [extent_of(volume(square(35.0 + k / 50, 36.0, 50.0))) for k in range(20)]

    def alone(number: int, spot: Extent) -> Callable[[DssTransaction], bool]:
        """Return what puts an intent only where nobody is: there, of all, there may be one."""

        def work(transaction: DssTransaction) -> bool:
            if transaction.meeting(INTENT, spot):
                return False
            transaction.put(entity(INTENT, number, spot), spot, CAUSE)
            return True

        return work

    with closing(opened()) as store, ThreadPoolExecutor(2) as threads:
        for start in range(0, 2_000, len(spots)):  # each time the places are empty again
            works = [alone(start * 2 + k, spots[k // 2]) for k in range(2 * len(spots))]
            asked = list(threads.map(store.run, works))
            won = [answer.result(timeout=30.0) for answer in asked]
            assert [won[k] + won[k + 1] for k in range(0, len(won), 2)] == [1] * len(spots)
            found = run(store, lambda t: t.ending_before(INTENT, at(1_000_000), 1_000))
            assert len(found) == len(spots)

            def clear(transaction: DssTransaction, found: Sequence[Entity] = found) -> None:
                for each in found:
                    transaction.remove(each, CAUSE)

            run(store, clear)


# -- what meets, against everything judged one by one -----------------------------------------------


@st.composite
def extents(draw: st.DrawFn) -> Extent:
    """Draw extents in a small theatre, or round a pole, or across the antimeridian."""
    drawn = draw(st.lists(volumes(), min_size=1, max_size=3))
    where = draw(st.sampled_from(["here", "here", "pole", "antimeridian"]))
    if where == "here":
        return extent_of(*drawn)
    lat, lng = (90.0, 0.0) if where == "pole" else (10.0, 180.0)
    moved = []
    for each in drawn:
        azimuth, distance_m, radius_m = (
            draw(st.floats(0.0, 360.0)),
            draw(st.floats(0.0, 5_000.0)),
            draw(st.floats(1.0, 5_000.0)),
        )
        circle = Circle(center=go(lat, lng, azimuth, distance_m), radius_m=radius_m)
        moved.append(replace(each, volume=replace(each.volume, outline=circle)))
    return extent_of(*moved)


def judged_one_by_one(query: Extent, held: Sequence[Extent]) -> list[str]:
    """Return the ids of those that meet, by the picture of operations: another way to the answer."""
    asked = OperationalIntent(id=ItemId("query"), volumes=query.volumes)
    found = []
    for number, extent in enumerate(held):
        one = OperationalIntent(id=ItemId("one"), volumes=extent.volumes)
        picture = Picture([one], rule=ConflictRule.PER_INTENT, engine=Engine.PLAIN)
        if picture.findings_of(asked, all_pairs=True):
            found.append(id_of(number))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(extents(), min_size=1, max_size=8), st.lists(extents(), min_size=1, max_size=3), st.data())
def test_meeting_finds_exactly_what_meets(
    place: Place,
    tmp_path_factory: pytest.TempPathFactory,
    held: list[Extent],
    queries: list[Extent],
    data: st.DataObject,
) -> None:
    kind = data.draw(st.sampled_from(EntityKind))
    with place.made(tmp_path_factory.mktemp("dss")) as opened, closing(opened()) as store:
        # Given entities of which some were elsewhere before, and others that were removed
        was = data.draw(st.lists(st.sampled_from(held), min_size=len(held) + 2, max_size=len(held) + 2))
        for number, extent in enumerate(was):
            put(store, kind, (number, extent))
        for number, extent in enumerate(held):
            put(store, kind, (number, extent))
        for number in range(len(held), len(was)):
            drop(store, entity(kind, number, was[number]))
        # Then whatever is asked, exactly those are found that meet it
        for query in [*queries, *held]:
            assert meeting(store, kind, query) == judged_one_by_one(query, held)
