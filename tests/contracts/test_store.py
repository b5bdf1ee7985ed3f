"""What every store must do; one suite over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.conflicts import Finding, Item, label_of
from keepclear.core.constraints import Constraint
from keepclear.core.intents import IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.packed import pack
from keepclear.core.picture import Picture
from keepclear.core.times import floor_ms
from keepclear.node.policy import span_ms
from keepclear.node.ports import EventKind, Holding, Record, Standing, Store, Transaction, Wanted
from tests.contracts.conftest import Opened, UndoneError
from tests.node.office import FORM, actor
from tests.strategies import NOON, at, intent, pictures, square, volume, window, zone

HERE = square(35.0, 36.0, 500.0)
A = intent("A", volume(HERE), party="north")
B = intent("B", volume(HERE), party="south")
NOON_MS = floor_ms(NOON)


def entry(item: Item, *, kind: EventKind = EventKind.DECLARED, version: int = 1) -> Record:
    """Return an entry that says something of an item."""
    start_ms, end_ms = span_ms(item)
    return Record(
        seq=0,
        kind=kind,
        label=label_of(item),
        state=item.state if isinstance(item, OperationalIntent) else None,
        start_ms=start_ms,
        end_ms=end_ms,
        text=FORM.write(item),
        version=version,
        standing=Standing.CLEAR,
        actor=actor(item.party),
        at=NOON,
    )


def append(store: Store, *items: Item) -> list[Record]:
    """Declare items in one transaction."""
    with store.transaction() as transaction:
        return [transaction.append(entry(item), item) for item in items]


def ids(records: Sequence[Record]) -> list[str]:
    return [record.label.id for record in records]


def gist(findings: Sequence[Finding]) -> list[tuple[object, ...]]:
    """Return what was found, without the numbers of the witness.

    Rings of legs computed together and one by one differ by up to 1e-8 m, as the processor adds in
    another order; so the witnesses do too.
    """
    return [(f.verdict, f.a.id, f.b.id, f.volume_pairs) for f in findings]


def found_in(holding: Holding) -> list[tuple[object, ...]]:
    """Return the conflicts among what is held."""
    picture = Picture()
    picture.hold_packed(holding.labels, holding.volumes)
    return gist(picture.findings())


def test_a_new_store_is_empty(store: Store) -> None:
    assert store.last_seq() == 0
    assert store.record(A.id) is None
    assert list(store.records(Wanted())) == []
    assert list(store.history(A.id, 0, 10)) == []
    assert list(store.records_after(0, 10)) == []
    holding = store.holding(NOON_MS)
    assert (holding.seq, list(holding.labels), len(holding.end_ms), holding.volumes.volume_count) == (
        0,
        [],
        0,
        0,
    )


def test_entries_are_numbered_from_one_without_gaps(store: Store) -> None:
    first = append(store, A, B)
    second = append(store, intent("C", volume(HERE)))
    assert [record.seq for record in first + second] == [1, 2, 3]
    assert store.last_seq() == 3


def test_an_entry_is_found_as_it_was_appended(store: Store) -> None:
    # Given entries with every field away from its default
    item = replace(A, priority=7, state=IntentState.ACTIVATED)
    full = replace(
        entry(item, kind=EventKind.AMENDED, version=4),
        standing=Standing.CONFLICTING,
        actor=actor("north", "Ö. Officer"),
        at=at(1.5) + timedelta(milliseconds=1),
    )
    keep_out = zone("Z", volume(HERE), party="south")
    # When they are appended
    with store.transaction() as transaction:
        appended = [
            transaction.append(full, item),
            transaction.append(entry(keep_out), keep_out),
        ]
    # Then they differ from what was given by their numbers alone, wherever they are read
    assert appended == [replace(full, seq=1), replace(entry(keep_out), seq=2)]
    assert list(store.records(Wanted())) == appended
    assert list(store.records_after(0, 10)) == appended
    assert list(store.history(A.id, 0, 10)) == appended[:1]
    assert store.record(A.id) == appended[0]


def test_a_transaction_sees_what_it_appended(store: Store) -> None:
    append(store, A)
    with store.transaction() as transaction:
        own = transaction.append(entry(B), B)
        assert transaction.record(B.id) == own
        assert ids(transaction.records_after(0)) == ["A", "B"]
        assert ids(transaction.records_after(1)) == ["B"]
        assert list(transaction.records_after(2)) == []
        assert transaction.record(ItemId("nobody's")) is None


def test_leaving_a_transaction_by_an_exception_undoes_all_of_it(store: Store) -> None:
    append(store, A)
    with suppress(UndoneError), store.transaction() as transaction:
        transaction.append(entry(B), B)
        with transaction.savepoint():
            transaction.append(entry(A, kind=EventKind.WITHDRAWN, version=2), A)
        raise UndoneError
    assert (store.last_seq(), ids(store.records(Wanted()))) == (1, ["A"])
    assert list(store.holding(NOON_MS).labels) == [label_of(A)]
    # Its numbers are given to the next, so that there is no gap.
    assert [record.seq for record in append(store, B)] == [2]


def test_leaving_a_savepoint_by_an_exception_undoes_that_part_alone(store: Store) -> None:
    c, d = intent("C", volume(HERE)), intent("D", volume(HERE))
    with store.transaction() as transaction:
        transaction.append(entry(A), A)
        with suppress(UndoneError), transaction.savepoint():
            transaction.append(entry(B), B)
            raise UndoneError
        with transaction.savepoint():
            transaction.append(entry(c), c)
        assert transaction.append(entry(d), d).seq == 3
    assert ids(store.records_after(0, 10)) == ["A", "C", "D"]
    assert store.record(B.id) is None


def test_a_savepoint_within_another_is_undone_alone(store: Store) -> None:
    with store.transaction() as transaction, transaction.savepoint():
        transaction.append(entry(A), A)
        with suppress(UndoneError), transaction.savepoint():
            transaction.append(entry(B), B)
            raise UndoneError
    assert ids(store.records_after(0, 10)) == ["A"]


def test_the_latest_version_counts_and_a_withdrawn_one_too(store: Store) -> None:
    later = replace(A, volumes=(volume(HERE, window(60, 90)),))
    append(store, A)
    with store.transaction() as transaction:
        amended = transaction.append(entry(later, kind=EventKind.AMENDED, version=2), later)
    assert store.record(A.id) == amended
    with store.transaction() as transaction:
        withdrawn = transaction.append(entry(later, kind=EventKind.WITHDRAWN, version=3), later)
    assert store.record(A.id) == withdrawn
    assert withdrawn.is_withdrawn
    assert ids(store.records(Wanted())) == ["A"]


def test_history_pages_through_the_versions_of_one_item_oldest_first(store: Store) -> None:
    append(store, A, B)
    with store.transaction() as transaction:
        for version in range(2, 6):
            transaction.append(entry(A, kind=EventKind.AMENDED, version=version), A)
    assert [r.version for r in store.history(A.id, 0, 100)] == [1, 2, 3, 4, 5]
    assert [r.version for r in store.history(A.id, 2, 2)] == [3, 4]
    assert list(store.history(A.id, 5, 100)) == []


def test_entries_after_a_number_come_in_their_order_and_no_more_than_asked_for(store: Store) -> None:
    append(store, *(intent(f"item {n}", volume(HERE)) for n in (3, 1, 2)))
    assert [record.seq for record in store.records_after(0, 2)] == [1, 2]
    assert ids(store.records_after(1, 100)) == ["item 1", "item 2"]
    assert list(store.records_after(3, 100)) == []


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), ["early", "ended", "flown", "plan", "withdrawn", "zone"]),
        (Wanted(party="north"), ["early", "plan", "withdrawn"]),
        (Wanted(party="nobody"), []),
        (Wanted(is_zone=True), ["zone"]),
        (Wanted(is_zone=False), ["early", "ended", "flown", "plan", "withdrawn"]),
        (Wanted(state=IntentState.ACTIVATED), ["flown"]),
        (Wanted(state=IntentState.ACCEPTED), ["early", "plan", "withdrawn"]),
        (Wanted(state=IntentState.ENDED), ["ended"]),
        # A window that ends at this very instant has not ended before.
        (Wanted(ending_from_ms=floor_ms(at(10))), ["early", "flown", "plan", "zone"]),
        (Wanted(ending_from_ms=floor_ms(at(10)) + 1), ["flown", "plan", "zone"]),
        (Wanted(ending_from_ms=floor_ms(at(61))), []),
        (Wanted(party="south", is_zone=False, ending_from_ms=NOON_MS), ["flown"]),
        (Wanted(is_zone=True, state=IntentState.ACCEPTED), []),
        (Wanted(limit=2), ["early", "ended"]),
        (Wanted(after="ended", limit=2), ["flown", "plan"]),
        (Wanted(after="plan", party="south"), ["zone"]),
        (Wanted(after="zone"), []),
        (Wanted(limit=0), []),
    ],
)
def test_a_list_shows_the_records_that_are_wanted_sorted_by_id(
    store: Store, wanted: Wanted, found: list[str]
) -> None:
    withdrawn = intent("withdrawn", volume(HERE), party="north")
    append(
        store,
        intent("plan", volume(HERE), party="north"),
        intent("flown", volume(HERE), party="south", state=IntentState.ACTIVATED),
        zone("zone", volume(HERE), party="south"),
        intent("early", volume(HERE, window(0, 10)), party="north"),
        intent("ended", volume(HERE), party="south", state=IntentState.ENDED),
        withdrawn,
    )
    with store.transaction() as transaction:
        transaction.append(entry(withdrawn, kind=EventKind.WITHDRAWN, version=2), withdrawn)
    assert ids(store.records(wanted)) == found


def test_pages_of_a_list_put_together_are_the_whole_list(store: Store) -> None:
    # The order is that of code points: capitals first, and no other order for what is beyond 16 bits.
    names = ["a", "Z", "z", "é", "10", "9", "\uff5e", "\U0001d51e", "a b", "ä"]
    append(store, *(intent(name, volume(HERE), party="north") for name in names))
    shown: list[str] = []
    while page := ids(store.records(Wanted(after=shown[-1] if shown else "", limit=3))):
        shown.extend(page)
    assert shown == sorted(names)


@pytest.mark.slow
@given(pictures())
def test_what_is_held_is_as_if_the_items_were_packed(both: tuple[Opened, Opened], items: list[Item]) -> None:
    given = owned(items)
    kept = [item for item in given if getattr(item, "state", None) is not IntentState.ENDED]
    owners = [place for place, item in enumerate(kept) for _ in item.volumes]
    zones = [isinstance(item, Constraint) for item in kept for _ in item.volumes]
    volumes = pack([v for item in kept for v in item.volumes], owners, [0] * len(owners), zones)
    labels = [label_of(item) for item in kept]
    for opened in both:
        with opened() as store:
            append(store, *given)
            holding = store.holding(0)
            assert holding.seq == len(given)
            assert list(holding.labels) == labels
            assert holding.end_ms.tolist() == [span_ms(item)[1] for item in kept]
            assert found_in(holding) == gist(Picture(kept).findings())
            for name, array, other in zip(volumes._fields, holding.volumes, volumes, strict=True):
                assert array.dtype == other.dtype, name
                assert np.allclose(array, other, rtol=1e-12, atol=1e-14), name  # 4e-6 m on the ground


def test_what_is_over_is_not_held(store: Store) -> None:
    early = intent("early", volume(HERE, window(0, 10)), party="north")
    append(store, A, B, early, intent("C", volume(HERE), state=IntentState.ENDED))
    with store.transaction() as transaction:
        transaction.append(entry(A, kind=EventKind.WITHDRAWN, version=2), A)
    assert [label.id for label in store.holding(floor_ms(at(10))).labels] == ["B", "early"]
    assert [label.id for label in store.holding(floor_ms(at(10)) + 1).labels] == ["B"]
    assert store.holding(floor_ms(at(10)) + 1).seq == 5


def test_held_items_stand_in_the_order_of_their_last_entries(store: Store) -> None:
    append(store, A, B)
    with store.transaction() as transaction:
        transaction.append(entry(A, kind=EventKind.AMENDED, version=2), A)
    assert [label.id for label in store.holding(NOON_MS).labels] == ["B", "A"]


def test_reading_while_a_transaction_is_under_way_sees_what_was_committed(store: Store) -> None:
    append(store, A)

    def read() -> tuple[object, ...]:
        holding = store.holding(NOON_MS)
        return (
            store.last_seq(),
            ids(store.records(Wanted())),
            ids(store.records_after(0, 10)),
            store.record(B.id),
            list(store.history(B.id, 0, 10)),
            (holding.seq, [label.id for label in holding.labels]),
        )

    with ThreadPoolExecutor(1) as other, store.transaction() as transaction:
        transaction.append(entry(B), B)
        before: tuple[object, ...] = (1, ["A"], ["A"], None, [], (1, ["A"]))
        assert read() == before
        assert other.submit(read).result(timeout=10.0) == before
    assert store.last_seq() == 2
    assert store.record(B.id) is not None


def test_transactions_of_two_threads_are_serial(store: Store) -> None:
    # Given two threads that each read the latest version and append the next
    def count_up() -> None:
        for _ in range(20):
            with store.transaction() as transaction:
                old = transaction.record(A.id)
                transaction.append(entry(A, version=1 if old is None else old.version + 1), A)

    # When they go at the same time
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(count_up) for _ in range(2)]:
            done.result(timeout=60.0)
    # Then neither read what the other was about to write over
    assert [(r.seq, r.version) for r in store.records_after(0, 100)] == [(n, n) for n in range(1, 41)]


# What is written is drawn as a tree: a transaction is a part, and a part holds entries and parts.


@dataclass(frozen=True)
class Entry:
    """Something said of one of the items: declared, amended, ended or withdrawn as is possible."""

    item: int
    choice: int


@dataclass(frozen=True)
class Part:
    """What is done together; undone at its end or not."""

    steps: tuple[Entry | Part, ...]
    is_undone: bool


def _part(steps: st.SearchStrategy[Entry | Part]) -> st.SearchStrategy[Part]:
    return st.builds(Part, st.lists(steps, max_size=4).map(tuple), st.booleans())


_ENTRIES: st.SearchStrategy[Entry | Part] = st.builds(Entry, st.integers(0, 1), st.integers(0, 3))
_PARTS = _part(st.recursive(_ENTRIES, _part, max_leaves=8))


def owned(items: Sequence[Item]) -> list[Item]:
    """Return the items, each with a party."""
    return [replace(item, party=item.party or PartyId("somebody")) for item in items]


def _write(transaction: Transaction, item: Item, choice: int) -> None:
    old = transaction.record(item.id)
    version = 1 if old is None else old.version + 1
    kind = EventKind.DECLARED
    if old is not None and not old.is_withdrawn:
        kind = (EventKind.AMENDED, EventKind.STATE_CHANGED, EventKind.WITHDRAWN, EventKind.AMENDED)[choice]
        if kind is EventKind.STATE_CHANGED and isinstance(item, OperationalIntent):
            item = replace(item, state=IntentState.ENDED)
    transaction.append(entry(item, kind=kind, version=version), item)


def _make(transaction: Transaction, part: Part, items: Sequence[Item]) -> None:
    for step in part.steps:
        if isinstance(step, Entry):
            _write(transaction, items[step.item], step.choice)
        else:
            with suppress(UndoneError), transaction.savepoint():
                _make(transaction, step, items)
    if part.is_undone:
        raise UndoneError


@pytest.mark.slow
@given(pictures(), st.lists(_PARTS, min_size=1, max_size=5), st.data())
def test_all_stores_answer_alike_whatever_was_written_and_undone(
    both: tuple[Opened, Opened], drawn: list[Item], transactions: list[Part], data: st.DataObject
) -> None:
    items = owned(drawn)[:2]
    seqs = st.integers(0, 12)
    wanted = data.draw(
        st.builds(
            Wanted,
            after=st.sampled_from(["", "item 0", "item 1"]),
            party=st.sampled_from([None, "north", "somebody"]),
            is_zone=st.sampled_from([None, True, False]),
            state=st.sampled_from([None, *IntentState]),
            ending_from_ms=st.none() | st.integers(0, 180).map(lambda minute: floor_ms(at(minute))),
            limit=st.integers(0, 3),
        )
    )
    seq, limit, now_ms = data.draw(seqs), data.draw(seqs), floor_ms(at(data.draw(st.integers(-1, 180))))
    answers = []
    with ExitStack() as stack:
        for opened in both:
            store = stack.enter_context(opened())
            for part in transactions:
                with suppress(UndoneError), store.transaction() as transaction:
                    _make(transaction, part, items)
            holding = store.holding(now_ms)
            log = list(store.records_after(0, 1_000))
            # Whatever happened, the log has no gaps, and the latest versions are the last in it.
            assert [record.seq for record in log] == list(range(1, store.last_seq() + 1))
            latest = {record.label.id: record for record in log}
            assert list(store.records(Wanted())) == [latest[name] for name in sorted(latest)]
            answers.append(
                (
                    log,
                    list(store.records(wanted)),
                    [list(store.history(item.id, seq, limit)) for item in items],
                    [store.record(item.id) for item in items],
                    list(store.records_after(seq, limit)),
                    (holding.seq, list(holding.labels), holding.end_ms.tolist(), found_in(holding)),
                )
            )
    assert answers[0] == answers[1]
