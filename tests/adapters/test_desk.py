"""The desk: changes in groups, answers once they are on the disk, moments that do not change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from keepclear.adapters import desk as desk_module
from keepclear.adapters.desk import GROUP_MAX, Desk, DeskBusyError, DeskClosedError
from keepclear.adapters.store.memory import MemoryStore, MemoryTransaction
from keepclear.adapters.store.sqlite import SqliteStore
from keepclear.core.conflicts import Buffer, Item
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ItemId
from keepclear.node.declare import Declaring
from keepclear.node.outcomes import ConflictRefusedError, Outcome, StoreError
from keepclear.node.policy import ConflictPolicy, Policy
from keepclear.node.ports import Record, Standing, Store, Wanted
from keepclear.node.workbench import Change
from keepclear.testing.clock import ManualClock
from tests.node.office import FORM, actor
from tests.strategies import NOON, at, intent, square, volume, window

RECORD = Policy(conflicts=ConflictPolicy.RECORD)
WAIT_S = 10.0  # for what must happen at once; a test that waits so long fails

HERE = square(35.0, 36.0, 500.0)
A = intent("A", volume(HERE), party="north")
B = intent("B", volume(HERE), party="south")
C = intent("C", volume(square(36.0, 36.0, 500.0)), party="north")


class WatchedStore(MemoryStore):
    """A store in memory that counts transactions, and calls a hook before each is committed.

    A hook that raises makes the commit fail.
    """

    def __init__(self) -> None:
        super().__init__()
        self.transaction_count = 0
        self.before_commit: Callable[[], None] = lambda: None

    @contextmanager
    def transaction(self) -> Iterator[MemoryTransaction]:
        with super().transaction() as transaction:
            self.transaction_count += 1
            yield transaction
            self.before_commit()


class Office:
    """A desk over a store, with what it published and a clock that is moved by hand."""

    def __init__(self, store: Store, policy: Policy | None = None, now: datetime = NOON) -> None:
        self.clock = ManualClock(now)
        self.published: list[Record] = []
        self.store = store
        self.desk = Desk(store, FORM, policy or Policy(), self.clock.now, published=self.published.extend)

    def declare(self, item: Item) -> Future[Outcome]:
        return self.desk.change(actor(item.party), declaring(item))

    def declared(self, item: Item) -> Record:
        return self.declare(item).result(timeout=WAIT_S).record

    def ids(self) -> list[str]:
        """Return what is held, once everything before is done."""
        moment = self.desk.moment().result(timeout=WAIT_S)
        return [label.id for label in moment.picture.labels]

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Keep the desk busy with a change, so that others wait; it is refused at the end."""
        began, over = threading.Event(), threading.Event()

        def holding_up(_: Declaring) -> Outcome:
            began.set()
            assert over.wait(WAIT_S)
            raise InvalidValueError("", "held up")

        answer = self.desk.change(actor("north"), holding_up)
        assert began.wait(WAIT_S)
        try:
            yield
        finally:
            over.set()
            assert isinstance(answer.exception(timeout=WAIT_S), InvalidValueError)


def declaring(item: Item) -> Change:
    return lambda use_cases: use_cases.declare(item)


@pytest.fixture
def store() -> WatchedStore:
    return WatchedStore()


@pytest.fixture
def office(store: WatchedStore) -> Iterator[Office]:
    opened = Office(store)
    with closing(opened.desk):
        yield opened


# Changes


def test_changes_that_wait_are_made_in_one_transaction(office: Office, store: WatchedStore) -> None:
    # Given a desk that is busy while ten operations are declared
    items = [intent(f"item {n}", volume(HERE), party="north") for n in range(10)]
    with office.busy():
        answers = [office.declare(item) for item in items]
        before = store.transaction_count
    # When it gets to them, then one transaction holds them all, in the order in which they came
    records = [answer.result(timeout=WAIT_S).record for answer in answers]
    assert [record.seq for record in records] == list(range(1, 11))
    assert store.transaction_count == before + 1


def test_a_group_has_a_limit(office: Office, store: WatchedStore) -> None:
    items = [intent(f"item {n}", volume(HERE), party="north") for n in range(GROUP_MAX + 1)]
    with office.busy():
        answers = [office.declare(item) for item in items]
        before = store.transaction_count
    assert [answer.result(timeout=WAIT_S).record.seq for answer in answers] == list(range(1, GROUP_MAX + 2))
    assert store.transaction_count == before + 2


def test_one_that_is_refused_leaves_the_others_of_its_group(office: Office) -> None:
    with office.busy():
        first, refused, third = (office.declare(item) for item in (A, B, C))
    assert first.result(timeout=WAIT_S).record.seq == 1
    assert isinstance(refused.exception(timeout=WAIT_S), ConflictRefusedError)
    assert third.result(timeout=WAIT_S).record.seq == 2
    assert office.ids() == ["A", "C"]


def test_a_change_is_made_for_who_asked_at_the_time_of_the_clock_to_the_millisecond(office: Office) -> None:
    office.clock.advance(1.2345678)
    record = office.declared(A)
    assert record.actor == actor("north")
    assert record.at == at(1.234 / 60.0)


def test_an_answer_is_given_after_the_commit_and_not_before(office: Office, store: WatchedStore) -> None:
    answers: list[Future[Outcome]] = []
    done: list[bool] = []
    with office.busy():
        answers.extend(office.declare(item) for item in (A, C))
        store.before_commit = lambda: done.extend(answer.done() for answer in answers)
    for answer in answers:
        answer.result(timeout=WAIT_S)
    # The first two are of the change that kept the desk busy.
    assert done == [False] * 4


def test_when_a_commit_fails_everybody_is_told_and_nothing_is_held(
    office: Office, store: WatchedStore
) -> None:
    # Given a disk that fails once
    office.declared(C)

    def failing() -> None:
        store.before_commit = lambda: None
        raise StoreError("the disk failed", may_pass=True)

    # When a group is to be committed, with one in it that is refused
    with office.busy():
        answers = [office.declare(item) for item in (A, B)]
        question = office.desk.moment()
        store.before_commit = lambda: setattr(store, "before_commit", failing)  # not the busy one
    # Then each gets the error, and nothing of it is there
    errors = [*(answer.exception(timeout=WAIT_S) for answer in answers), question.exception(timeout=WAIT_S)]
    assert [str(error) for error in errors] == ["the disk failed"] * 3
    assert office.ids() == ["C"]
    assert store.last_seq() == 1
    # and the next change works.
    assert office.declared(B).seq == 2
    assert office.desk.fault is None


def test_a_store_that_cannot_begin_a_transaction_is_told_until_it_can(
    office: Office, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing() -> AbstractContextManager[MemoryTransaction]:
        raise StoreError("another process is writing", may_pass=True)

    monkeypatch.setattr(store, "transaction", refusing)
    failed = office.declare(A).exception(timeout=WAIT_S)
    assert isinstance(failed, StoreError)
    assert failed.may_pass
    monkeypatch.undo()
    assert office.declared(A).seq == 1


def test_a_store_that_cannot_be_read_is_a_fault_that_is_told(
    office: Office, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> Sequence[Record]:
        raise StoreError("the disk failed", may_pass=False)

    assert office.desk.fault is None
    monkeypatch.setattr(store, "records_after", failing)
    monkeypatch.setattr(store, "holding", failing)
    assert isinstance(office.desk.moment().exception(timeout=WAIT_S), StoreError)
    assert office.desk.fault == "the disk failed"
    # A node that cannot read says nothing, rather than what it held before.
    assert isinstance(office.desk.moment().exception(timeout=WAIT_S), StoreError)
    monkeypatch.undo()
    assert office.ids() == []
    assert office.desk.fault is None


def test_a_fault_of_ours_undoes_its_group_and_the_desk_goes_on(office: Office) -> None:
    def faulty(use_cases: Declaring) -> Outcome:
        use_cases.declare(A)
        raise ZeroDivisionError

    with office.busy():
        answers = [office.declare(C), office.desk.change(actor("north"), faulty)]
    for answer in answers:
        assert isinstance(answer.exception(timeout=WAIT_S), StoreError)
    assert office.ids() == []
    assert office.declared(B).seq == 1


def test_a_priority_beyond_all_measure_is_refused_and_leaves_the_others(tmp_path: Path) -> None:
    # JSON has numbers that no database column holds.
    with closing(SqliteStore(tmp_path / "node.db", create=True)) as store:
        office = Office(store)
        with closing(office.desk):
            with office.busy():
                refused = office.declare(replace(A, priority=2**63))
                other = office.declare(C)
            assert isinstance(refused.exception(timeout=WAIT_S), InvalidValueError)
            assert other.result(timeout=WAIT_S).record.seq == 1


# Whoever asked may have gone


def test_a_change_that_is_called_off_while_it_waits_is_not_made_and_disturbs_nobody(office: Office) -> None:
    with office.busy():
        called_off, other = office.declare(A), office.declare(C)
        assert called_off.cancel()
    assert other.result(timeout=WAIT_S).record.seq == 1
    assert office.ids() == ["C"]
    assert office.desk.fault is None


def test_a_question_that_is_called_off_while_it_waits_disturbs_nobody(office: Office) -> None:
    with office.busy():
        called_off, other = office.desk.moment(), office.desk.moment()
        assert called_off.cancel()
    assert other.result(timeout=1.0).seq == 0
    assert office.desk.fault is None


# Moments


def test_a_moment_does_not_change(office: Office) -> None:
    office.declared(A)
    moment = office.desk.moment().result(timeout=WAIT_S)
    office.declared(C)
    office.clock.set(at(120))
    assert office.ids() == []
    assert [label.id for label in moment.picture.labels] == ["A"]
    assert (moment.seq, moment.now) == (1, NOON)
    assert moment.check(B).total == 1


def test_a_moment_holds_what_was_changed_before_it_was_asked_for(office: Office) -> None:
    with office.busy():
        office.declare(A)
        question = office.desk.moment()
    moment = question.result(timeout=WAIT_S)
    assert [label.id for label in moment.picture.labels] == ["A"]
    assert moment.seq == 1


def test_a_moment_keeps_the_gap_of_the_party(store: WatchedStore) -> None:
    office = Office(store, Policy(buffer=Buffer(time_s=600.0)))
    with closing(office.desk):
        office.declared(A)
        moment = office.desk.moment().result(timeout=WAIT_S)
    assert moment.check(replace(B, volumes=(volume(HERE, window(65, 90)),))).total == 1


def test_a_moment_is_of_the_time_at_which_it_was_asked_for(office: Office) -> None:
    # Given a picture that does not change
    office.declared(A)
    assert office.desk.moment().result(timeout=WAIT_S).now == NOON
    # When time passes, then the next moment is a later one
    office.clock.set(at(30))
    assert office.desk.moment().result(timeout=WAIT_S).now == at(30)


def test_what_is_over_by_now_is_no_longer_among_the_conflicts(office: Office) -> None:
    # Given two operations that meet in the first ten minutes, and then are apart
    office.desk.close()
    office = Office(office.store, RECORD)
    apart = (square(35.5, 36.0, 100.0), square(35.6, 36.0, 100.0))
    with closing(office.desk):
        for item, away in zip((A, B), apart, strict=True):
            office.declared(replace(item, volumes=(volume(HERE, window(0, 10)), volume(away))))
        assert office.desk.moment().result(timeout=WAIT_S).conflicts(0, 10).total == 1
        # When they are apart
        office.clock.set(at(20))
        # Then there is no conflict any more
        assert office.desk.moment().result(timeout=WAIT_S).conflicts(0, 10).total == 0


def test_what_expired_is_not_in_the_next_moment(office: Office) -> None:
    office.declared(A)
    assert office.ids() == ["A"]
    office.clock.set(at(61))
    assert office.ids() == []
    assert office.desk.held_count == 0


def test_what_expired_stands_in_nobodys_way(office: Office) -> None:
    office.declared(A)
    office.clock.set(at(61))
    assert office.declared(replace(B, volumes=(volume(HERE, window(30, 90)),))).standing is Standing.CLEAR


# Publishing


def test_entries_are_published_once_and_in_their_order(office: Office) -> None:
    with office.busy():
        for item in (A, B, C, A):  # one is refused, and one is a repetition
            office.declare(item)
    office.ids()
    office.desk.change(actor("north"), lambda use_cases: use_cases.withdraw(A.id, 1))
    office.ids()
    assert [(record.seq, record.label.id) for record in office.published] == [(1, "A"), (2, "C"), (3, "A")]


def test_entries_that_others_wrote_are_published_before_those_that_follow_them(
    office: Office, store: WatchedStore
) -> None:
    other = Office(store)
    with closing(other.desk):
        with office.busy():
            pass
        other.declared(A)
        office.declared(C)
        office.ids()
        other.ids()
    for published in (office.published, other.published):
        assert [record.seq for record in published] == [1, 2]


def test_entries_that_others_wrote_during_a_fault_are_published_too(
    office: Office, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a desk that cannot read
    def failing(*_: object) -> Sequence[Record]:
        raise StoreError("the disk failed", may_pass=True)

    with office.busy():
        monkeypatch.setattr(store, "records_after", failing)
        broken = office.desk.moment()
    assert broken.exception(timeout=WAIT_S) is not None
    # When another process, which can, declares something
    with store.transaction() as transaction:
        record = transaction.append(_record_of(A), A)
    monkeypatch.undo()
    # Then that is published once the desk works again
    assert office.ids() == ["A"]
    assert office.published == [record]


def _record_of(item: Item) -> Record:
    """Return the record that a declaration makes."""
    alone = Office(MemoryStore())
    with closing(alone.desk):
        return alone.declared(item)


def test_what_was_there_at_the_start_is_not_published(office: Office, store: WatchedStore) -> None:
    office.declared(A)
    again = Office(store)
    with closing(again.desk):
        assert again.ids() == ["A"]
        again.declared(C)
        again.ids()
    assert [record.label.id for record in again.published] == ["C"]


# Two processes on one file


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Office, Office]]:
    path = tmp_path / "node.db"
    with closing(SqliteStore(path, create=True)) as one, closing(SqliteStore(path)) as other:
        offices = Office(one), Office(other)
        with closing(offices[0].desk), closing(offices[1].desk):
            yield offices


def test_each_of_two_desks_on_one_file_sees_what_the_other_wrote(two: tuple[Office, Office]) -> None:
    one, other = two
    one.declared(A)
    assert other.ids() == ["A"]
    assert isinstance(other.declare(B).exception(timeout=WAIT_S), ConflictRefusedError)
    assert other.declared(C).seq == 2
    assert one.ids() == other.ids() == ["A", "C"]
    for office in two:
        assert [record.seq for record in office.published] == [1, 2]


def test_what_another_desk_withdrew_stands_in_nobodys_way(two: tuple[Office, Office]) -> None:
    one, other = two
    one.declared(A)
    other.ids()
    one.desk.change(actor("north"), lambda use_cases: use_cases.withdraw(A.id, 1)).result(timeout=WAIT_S)
    assert other.declared(B).standing is Standing.CLEAR


def test_what_another_desk_wrote_and_is_over_by_now_is_not_held(two: tuple[Office, Office]) -> None:
    one, other = two
    with other.busy():  # so that it does not look in between
        pass
    other.clock.set(at(61))
    one.declared(A)
    assert other.ids() == []


# The queue


def test_the_queue_has_a_limit(store: WatchedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "QUEUE_MAX", 2)
    office = Office(store)
    with closing(office.desk):
        with office.busy():
            waiting = office.declare(A)
            office.desk.moment()
            assert office.desk.waiting_count == 2
            with pytest.raises(DeskBusyError, match="try again later"):
                office.declare(C)
            with pytest.raises(DeskBusyError):
                office.desk.moment()
        assert waiting.result(timeout=WAIT_S).record.seq == 1
        assert office.declared(C).seq == 2


def test_closing_finishes_what_waits_and_takes_no_more(office: Office, store: WatchedStore) -> None:
    with ThreadPoolExecutor(1) as threads:
        with office.busy():
            answers = [office.declare(item) for item in (A, C)]
            question = office.desk.moment()
            closed = threads.submit(office.desk.close)
        closed.result(timeout=WAIT_S)
    assert [answer.result(timeout=WAIT_S).record.seq for answer in answers] == [1, 2]
    assert question.result(timeout=WAIT_S).seq == 2
    with pytest.raises(DeskClosedError):
        office.declare(B)
    with pytest.raises(DeskClosedError):
        office.desk.moment()
    assert office.desk.fault == "the desk has stopped"
    office.desk.close()  # once more does no harm
    assert [record.label.id for record in store.records(Wanted())] == ["A", "C"]
    assert store.record(ItemId("B")) is None


def test_whoever_comes_while_the_desk_closes_is_answered_or_told(store: WatchedStore) -> None:
    # Given somebody who got past the door just before it was closed
    office = Office(store)
    late: list[Future[Outcome]] = []
    put = office.desk._queue.put_nowait

    def slowly(waiting: object) -> None:
        threading.Thread(target=office.desk.close).start()
        office.desk._thread.join(0.05)  # the desk may stop meanwhile, if nothing keeps it
        put(waiting)  # type: ignore[arg-type]

    office.desk._queue.put_nowait = slowly  # type: ignore[method-assign, assignment]
    # When the desk has closed
    late.append(office.declare(A))
    office.desk.close()
    # Then that change was made
    assert late[0].result(timeout=0.1).record.seq == 1


def test_what_expired_is_back_when_the_clock_is_set_back(office: Office) -> None:
    # Given an item that left the picture at its end
    office.declared(A)
    office.clock.set(at(61))
    assert office.ids() == []
    # When the clock turns out to have been fast
    office.clock.set(at(30))
    # Then the item is there again: to leave it out would call clear what is not
    assert office.ids() == ["A"]


def test_a_node_that_started_with_a_fast_clock_holds_everything_once_it_is_right(office: Office) -> None:
    # Given a node that started when, by its clock, all was over
    office.declared(A)
    office.desk.close()
    late = Office(office.store, now=at(600))
    assert late.ids() == []
    # When the clock is set right
    late.clock.set(at(10))
    # Then what it had left out is there
    assert late.ids() == ["A"]
    late.desk.close()


def test_a_node_that_could_not_store_says_so_until_it_can(
    office: Office, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a change that could not be stored
    def failing() -> None:
        raise StoreError("the disk is full", may_pass=True)

    with monkeypatch.context() as patch:
        patch.setattr(store, "transaction", failing)
        assert office.declare(A).exception(timeout=WAIT_S) is not None
    # When questions are answered again, and a repeat or a refusal stores nothing
    assert office.ids() == []
    assert office.desk.fault is not None
    # Then only a change that is stored shows that it can store
    office.declared(A)
    assert office.desk.fault is None
