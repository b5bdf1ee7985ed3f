"""What every store must do with the logs of the parties; one suite over all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.intents import PartyId
from keepclear.node.outcomes import StoreError
from keepclear.node.ports import (
    Cosigned,
    Entry,
    Evidence,
    KnownParty,
    LogReading,
    SignedHead,
    Store,
    Transaction,
)
from tests.contracts.conftest import Opened, UndoneError

NORTH, SOUTH, EAST = PartyId("north"), PartyId("south"), PartyId("east")


def known(party: PartyId, *, card: str = "card", is_own: bool = False) -> KnownParty:
    return KnownParty(id=party, name=f"The {party}", card=card, is_own=is_own, pinned_ms=1_800_000_000_000)


def said(party: PartyId, n: int, *, is_withheld: bool = False) -> Entry:
    jws = None if is_withheld else f"{party} says {n}".encode()
    return Entry(party=party, n=n, leaf=b"%032d" % n, jws=jws, taken_ms=1_800_000_000_000 + n)


def log(party: PartyId, count: int) -> list[Entry]:
    return [said(party, n) for n in range(count)]


def head(party: PartyId, size: int, *, note: str = "note") -> SignedHead:
    return SignedHead(party=party, size=size, note=f"{note} {size}\n", taken_ms=size)


def cosigned(party: PartyId, witness: PartyId, size: int, *, at_s: int = 0) -> Cosigned:
    return Cosigned(
        party=party,
        witness=witness,
        size=size,
        at_s=at_s,
        body=f"{party}/log\n{size}\n",
        line=f"— {witness}\n",
        taken_ms=size,
    )


def proof(party: PartyId, reason: str) -> Evidence:
    return Evidence(id=0, party=party, reason=reason, content='{"heads": []}', taken_ms=7)


def write(store: Store, step: Callable[[Transaction], None]) -> None:
    """Do one thing in a transaction of its own."""
    with store.transaction() as transaction:
        step(transaction)


def append(store: Store, entries: Sequence[Entry]) -> None:
    write(store, lambda transaction: transaction.append_entries(entries))


def keep(store: Store, *kept: SignedHead | Cosigned) -> None:
    with store.transaction() as transaction:
        for each in kept:
            if isinstance(each, SignedHead):
                transaction.keep_head(each)
            else:
                transaction.keep_cosigned(each)


def write_all(transaction: Transaction) -> None:
    """Write something of every kind."""
    transaction.pin(known(NORTH, is_own=True))
    transaction.append_entries([said(NORTH, 0), said(NORTH, 1, is_withheld=True)])
    transaction.fill_in(NORTH, 1, b"shown")
    transaction.keep_head(head(NORTH, 2))
    transaction.keep_cosigned(cosigned(NORTH, SOUTH, 2))
    transaction.put_aside(NORTH, 5, b"part", 9)
    transaction.keep_evidence(proof(NORTH, "two heads of size 2"))


def read_all(logs: LogReading) -> tuple[object, ...]:
    """Return all that there is of the logs."""
    return (
        list(logs.parties()),
        [list(logs.entries(party, 0, 1_000)) for party in (EAST, NORTH, SOUTH)],
        [list(logs.heads(party, 0, 1_000)) for party in (EAST, NORTH, SOUTH)],
        [list(logs.cosigned(party)) for party in (EAST, NORTH, SOUTH)],
        [list(logs.cosigned_by(party, 1_000)) for party in (EAST, NORTH, SOUTH)],
        [list(logs.quarantined(party)) for party in (EAST, NORTH, SOUTH)],
        list(logs.evidence(0, 1_000)),
    )


NOTHING = ([], [[], [], []], [[], [], []], [[], [], []], [[], [], []], [[], [], []], [])
ALL = (
    [known(NORTH, is_own=True)],
    [[], [said(NORTH, 0), replace(said(NORTH, 1), jws=b"shown")], []],
    [[], [head(NORTH, 2)], []],
    [[], [cosigned(NORTH, SOUTH, 2)], []],
    [[], [], [cosigned(NORTH, SOUTH, 2)]],
    [[], [(5, b"part")], []],
    [replace(proof(NORTH, "two heads of size 2"), id=1)],
)


def test_a_new_store_knows_nobody_and_has_no_logs(store: Store) -> None:
    assert read_all(store) == NOTHING


def test_a_transaction_sees_what_it_wrote_and_so_does_everybody_afterwards(store: Store) -> None:
    with store.transaction() as transaction:
        write_all(transaction)
        assert read_all(transaction) == ALL
    assert read_all(store) == ALL


def test_reading_while_a_transaction_is_under_way_sees_what_was_committed(store: Store) -> None:
    with ThreadPoolExecutor(1) as other, store.transaction() as transaction:
        write_all(transaction)
        assert read_all(store) == NOTHING
        assert other.submit(read_all, store).result(timeout=10.0) == NOTHING
    assert read_all(store) == ALL


def test_leaving_a_transaction_by_an_exception_undoes_all_that_was_written(store: Store) -> None:
    with suppress(UndoneError), store.transaction() as transaction:
        write_all(transaction)
        raise UndoneError
    assert read_all(store) == NOTHING


def test_what_was_taken_away_or_written_over_comes_back_when_it_is_undone(store: Store) -> None:
    write(store, write_all)
    with suppress(UndoneError), store.transaction() as transaction:
        transaction.pin(known(NORTH, card="another"))
        transaction.take_back(NORTH, 5)
        raise UndoneError
    assert read_all(store) == ALL


def test_leaving_a_savepoint_by_an_exception_undoes_that_part_alone(store: Store) -> None:
    with store.transaction() as transaction:
        write_all(transaction)
        with suppress(UndoneError), transaction.savepoint():
            transaction.pin(known(SOUTH))
            transaction.append_entries([said(NORTH, 2)])
            transaction.keep_head(head(NORTH, 3))
            transaction.keep_cosigned(cosigned(NORTH, SOUTH, 3))
            transaction.take_back(NORTH, 5)
            transaction.keep_evidence(proof(SOUTH, "undone"))
            raise UndoneError
        assert read_all(transaction) == ALL
    assert read_all(store) == ALL


def test_after_a_part_was_undone_the_log_goes_on_where_it_was_before(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.append_entries(log(NORTH, 2))
        with suppress(UndoneError), transaction.savepoint():
            transaction.append_entries([said(NORTH, 2)])
            raise UndoneError
        with pytest.raises(StoreError):
            transaction.append_entries([said(NORTH, 3)])
        transaction.append_entries([said(NORTH, 2)])
    assert list(store.entries(NORTH, 0, 10)) == log(NORTH, 3)


def test_parties_are_sorted_by_id(store: Store) -> None:
    names = ["south", "North", "ärmel", "north", "\uff5e", "\U0001d51e"]
    with store.transaction() as transaction:
        for name in names:
            transaction.pin(known(PartyId(name)))
    assert [party.id for party in store.parties()] == sorted(names)


def test_pinning_a_party_again_takes_the_place_of_what_was_pinned_before(store: Store) -> None:
    later = KnownParty(id=NORTH, name="Nord", card="another", is_own=False, pinned_ms=2)
    write(store, lambda transaction: transaction.pin(known(NORTH, is_own=True)))
    write(store, lambda transaction: transaction.pin(later))
    assert list(store.parties()) == [later]


def test_entries_come_in_their_order_from_one_on_and_no_more_than_asked_for(store: Store) -> None:
    append(store, log(NORTH, 12))
    append(store, log(SOUTH, 1))
    assert list(store.entries(NORTH, 0, 100)) == log(NORTH, 12)
    assert list(store.entries(NORTH, 9, 2)) == [said(NORTH, 9), said(NORTH, 10)]
    assert list(store.entries(NORTH, 11, 2)) == [said(NORTH, 11)]
    assert list(store.entries(NORTH, 12, 2)) == []
    assert list(store.entries(NORTH, 0, 0)) == []
    assert list(store.entries(SOUTH, 0, 100)) == [said(SOUTH, 0)]
    assert list(store.entries(EAST, 0, 100)) == []


def test_entries_of_several_logs_are_added_together(store: Store) -> None:
    append(store, [said(SOUTH, 0), said(NORTH, 0), said(SOUTH, 1)])
    append(store, [said(NORTH, 1), said(SOUTH, 2)])
    assert list(store.entries(NORTH, 0, 10)) == log(NORTH, 2)
    assert list(store.entries(SOUTH, 0, 10)) == log(SOUTH, 3)


def test_adding_no_entries_is_no_fault(store: Store) -> None:
    append(store, [])
    assert read_all(store) == NOTHING


@pytest.mark.parametrize(
    ("numbers", "refused"),
    [
        ([3], 3),  # a gap
        ([1], 1),  # again
        ([0], 0),
        ([-1], -1),
        ([2, 4], 4),
        ([2, 2], 2),
        ([2, 1], 1),
    ],
)
def test_entries_that_do_not_follow_are_refused_with_all_that_came_with_them(
    store: Store, numbers: list[int], refused: int
) -> None:
    append(store, log(NORTH, 2))
    with store.transaction() as transaction:
        with pytest.raises(
            StoreError, match=f"entry {refused} does not follow in the log of 'north'"
        ) as told:
            transaction.append_entries([said(SOUTH, 0), *(said(NORTH, n) for n in numbers)])
        assert not told.value.may_pass
    assert list(store.entries(NORTH, 0, 10)) == log(NORTH, 2)
    assert list(store.entries(SOUTH, 0, 10)) == []


def test_the_first_entry_of_a_log_is_number_0(store: Store) -> None:
    with pytest.raises(StoreError, match="the next is 0"):
        append(store, [said(NORTH, 1)])


def test_an_entry_that_was_withheld_is_filled_in_once(store: Store) -> None:
    hidden = said(NORTH, 1, is_withheld=True)
    append(store, [said(NORTH, 0), hidden, said(NORTH, 2)])
    assert list(store.entries(NORTH, 1, 1)) == [hidden]
    write(store, lambda transaction: transaction.fill_in(NORTH, 1, b"shown"))
    write(store, lambda transaction: transaction.fill_in(NORTH, 1, b"another"))
    assert list(store.entries(NORTH, 0, 10)) == [
        said(NORTH, 0),
        replace(hidden, jws=b"shown"),
        said(NORTH, 2),
    ]


def test_an_entry_that_was_not_withheld_stays_as_it_is(store: Store) -> None:
    append(store, log(NORTH, 1))
    write(store, lambda transaction: transaction.fill_in(NORTH, 0, b"another"))
    assert list(store.entries(NORTH, 0, 10)) == log(NORTH, 1)


@pytest.mark.parametrize(("party", "n"), [(NORTH, 1), (NORTH, -1), (SOUTH, 0)])
def test_what_is_not_there_cannot_be_filled_in(store: Store, party: PartyId, n: int) -> None:
    append(store, [said(NORTH, 0, is_withheld=True)])
    with pytest.raises(StoreError, match=f"'{party}' has no entry {n}") as told:
        write(store, lambda transaction: transaction.fill_in(party, n, b"shown"))
    assert not told.value.may_pass


def test_heads_come_smallest_first_from_a_size_on_and_no_more_than_asked_for(store: Store) -> None:
    keep(store, *(head(NORTH, size) for size in (10, 2, 0, 9)), head(SOUTH, 5))
    assert [h.size for h in store.heads(NORTH, 0, 10)] == [0, 2, 9, 10]
    assert [h.size for h in store.heads(NORTH, 2, 2)] == [2, 9]
    assert [h.size for h in store.heads(NORTH, 3, 1)] == [9]
    assert list(store.heads(NORTH, 11, 10)) == []
    assert list(store.heads(NORTH, 0, 0)) == []


def test_of_two_heads_of_one_size_the_first_is_kept(store: Store) -> None:
    keep(store, head(NORTH, 2), head(NORTH, 2))
    keep(store, head(NORTH, 2, note="another"))
    assert list(store.heads(NORTH, 0, 10)) == [head(NORTH, 2)]


def test_the_largest_head_that_each_witness_signed_is_told_sorted_by_witness(store: Store) -> None:
    keep(
        store,
        cosigned(NORTH, SOUTH, 9),
        cosigned(NORTH, SOUTH, 10),
        cosigned(NORTH, SOUTH, 2),  # one that came late
        cosigned(NORTH, EAST, 3),
        cosigned(SOUTH, EAST, 99),
    )
    assert list(store.cosigned(NORTH)) == [cosigned(NORTH, EAST, 3), cosigned(NORTH, SOUTH, 10)]
    assert list(store.cosigned(SOUTH)) == [cosigned(SOUTH, EAST, 99)]
    assert list(store.cosigned(EAST)) == []


def test_what_a_witness_had_signed_by_an_instant_is_told_sorted_by_log(store: Store) -> None:
    keep(
        store,
        cosigned(SOUTH, EAST, 5, at_s=100),
        cosigned(NORTH, EAST, 2, at_s=100),
        cosigned(NORTH, EAST, 9, at_s=200),
        cosigned(NORTH, SOUTH, 7, at_s=100),
    )
    first, second = cosigned(NORTH, EAST, 2, at_s=100), cosigned(NORTH, EAST, 9, at_s=200)
    other = cosigned(SOUTH, EAST, 5, at_s=100)
    assert list(store.cosigned_by(EAST, 99)) == []
    assert list(store.cosigned_by(EAST, 100)) == [first, other]  # an end belongs to it
    assert list(store.cosigned_by(EAST, 199)) == [first, other]
    assert list(store.cosigned_by(EAST, 200)) == [second, other]
    assert list(store.cosigned_by(NORTH, 1_000)) == []


def test_the_first_head_with_an_entry_that_a_witness_signed_is_told(store: Store) -> None:
    first, second = cosigned(NORTH, EAST, 2, at_s=100), cosigned(NORTH, EAST, 9, at_s=200)
    keep(store, second, first, cosigned(NORTH, SOUTH, 5, at_s=50), cosigned(SOUTH, EAST, 5, at_s=60))
    assert store.first_cosigned(NORTH, EAST, 0) == first
    assert store.first_cosigned(NORTH, EAST, 1) == first
    assert store.first_cosigned(NORTH, EAST, 2) == second
    assert store.first_cosigned(NORTH, EAST, 9) is None
    assert store.first_cosigned(EAST, NORTH, 0) is None


def test_a_witness_whose_clock_stepped_back_is_taken_at_the_larger_size(store: Store) -> None:
    late = cosigned(NORTH, EAST, 9, at_s=100)
    keep(store, cosigned(NORTH, EAST, 2, at_s=200), late)
    assert list(store.cosigned_by(EAST, 1_000)) == [late]


def test_what_a_witness_signed_twice_is_kept_as_it_was_first(store: Store) -> None:
    first = cosigned(NORTH, SOUTH, 2, at_s=100)
    keep(store, first, first)
    keep(store, replace(first, at_s=200, line="another"))
    assert list(store.cosigned(NORTH)) == [first]
    assert list(store.cosigned_by(SOUTH, 150)) == [first]


def test_parts_that_wait_are_told_by_their_first_entry_until_they_are_taken_back(store: Store) -> None:
    with store.transaction() as transaction:
        for first in (10, 9, 100):
            transaction.put_aside(NORTH, first, b"part %d" % first, 1)
        transaction.put_aside(SOUTH, 9, b"other", 1)
    assert list(store.quarantined(NORTH)) == [(9, b"part 9"), (10, b"part 10"), (100, b"part 100")]
    for _ in range(2):  # again changes nothing
        write(store, lambda transaction: transaction.take_back(NORTH, 9))
    assert list(store.quarantined(NORTH)) == [(10, b"part 10"), (100, b"part 100")]
    assert list(store.quarantined(SOUTH)) == [(9, b"other")]


def test_a_part_takes_the_place_of_one_that_begins_at_the_same_entry(store: Store) -> None:
    write(store, lambda transaction: transaction.put_aside(NORTH, 9, b"short", 1))
    write(store, lambda transaction: transaction.put_aside(NORTH, 9, b"longer", 2))
    assert list(store.quarantined(NORTH)) == [(9, b"longer")]


def test_evidence_is_numbered_from_one_and_comes_by_number_no_more_than_asked_for(store: Store) -> None:
    given = [proof(NORTH, "first"), replace(proof(SOUTH, "second"), id=77), proof(NORTH, "first")]
    for each in given:
        with store.transaction() as transaction:
            transaction.keep_evidence(each)
    kept = [replace(each, id=number) for number, each in enumerate(given, start=1)]
    assert list(store.evidence(0, 10)) == kept
    assert list(store.evidence(1, 1)) == kept[1:2]
    assert list(store.evidence(3, 10)) == []
    assert list(store.evidence(0, 0)) == []


# What is written is drawn as a tree: a transaction is a part, and a part holds steps and parts.


@dataclass(frozen=True)
class Part:
    """What is done together; undone at its end or not."""

    steps: tuple[object, ...]
    is_undone: bool


@dataclass(frozen=True)
class Following:
    """Entries after the last of a log; with `skip`, they do not follow it."""

    party: PartyId
    skip: int
    said: tuple[bytes | None, ...]


@dataclass(frozen=True)
class Shown:
    """The statement of an entry that may be withheld."""

    party: PartyId
    n: int
    jws: bytes


@dataclass(frozen=True)
class Aside:
    """A part of a log that waits, or one that does so no longer."""

    party: PartyId
    first: int
    part: bytes | None


_PARTY = st.sampled_from([NORTH, SOUTH, EAST])
_FEW = st.integers(0, 4)
_TEXT = st.sampled_from(["", "a", "é\n"])
_BYTES = st.sampled_from([b"", b"a", b"\x00\xff"])
_MS = st.integers(0, 9)
_STEP: st.SearchStrategy[object] = st.one_of(
    st.builds(KnownParty, id=_PARTY, name=_TEXT, card=_TEXT, is_own=st.booleans(), pinned_ms=_MS),
    st.builds(
        Following,
        _PARTY,
        st.sampled_from([0, 0, 0, 1, -1]),
        st.lists(st.none() | _BYTES, max_size=3).map(tuple),
    ),
    st.builds(Shown, _PARTY, _FEW, _BYTES),
    st.builds(SignedHead, party=_PARTY, size=_FEW, note=_TEXT, taken_ms=_MS),
    st.builds(
        Cosigned, party=_PARTY, witness=_PARTY, size=_FEW, at_s=_MS, body=_TEXT, line=_TEXT, taken_ms=_MS
    ),
    st.builds(Aside, _PARTY, _FEW, st.none() | _BYTES),
    st.builds(Evidence, id=_FEW, party=_PARTY, reason=_TEXT, content=_TEXT, taken_ms=_MS),
)


def _part(steps: st.SearchStrategy[object]) -> st.SearchStrategy[Part]:
    return st.builds(Part, st.lists(steps, max_size=6).map(tuple), st.booleans())


_PARTS = _part(st.recursive(_STEP, _part, max_leaves=10))


def _make(transaction: Transaction, part: Part) -> None:
    for step in part.steps:
        match step:
            case Part():
                with suppress(UndoneError), transaction.savepoint():
                    _make(transaction, step)
            case KnownParty():
                transaction.pin(step)
            case Following():
                first = len(transaction.entries(step.party, 0, 1_000)) + step.skip
                entries = [replace(said(step.party, n), jws=jws) for n, jws in enumerate(step.said, first)]
                with suppress(StoreError):
                    transaction.append_entries(entries)
            case Shown():
                with suppress(StoreError):
                    transaction.fill_in(step.party, step.n, step.jws)
            case SignedHead():
                transaction.keep_head(step)
            case Cosigned():
                transaction.keep_cosigned(step)
            case Aside(part=None):
                transaction.take_back(step.party, step.first)
            case Aside(part=bytes(part_aside)):
                transaction.put_aside(step.party, step.first, part_aside, 1)
            case Evidence():
                transaction.keep_evidence(step)
            case _:
                raise AssertionError(step)
    if part.is_undone:
        raise UndoneError


@pytest.mark.slow
@given(st.lists(_PARTS, min_size=1, max_size=5), _PARTY, _FEW, _FEW, _MS)
def test_all_stores_answer_alike_whatever_was_written_and_undone(
    both: tuple[Opened, Opened],
    transactions: list[Part],
    party: PartyId,
    first: int,
    limit: int,
    until_s: int,
) -> None:
    answers = []
    with ExitStack() as stack:
        for opened in both:
            store = stack.enter_context(opened())
            for part in transactions:
                with suppress(UndoneError), store.transaction() as transaction:
                    _make(transaction, part)
            # Whatever happened, no log has a gap.
            for each in (NORTH, SOUTH, EAST):
                entries = store.entries(each, 0, 1_000)
                assert [entry.n for entry in entries] == list(range(len(entries)))
            answers.append(
                (
                    read_all(store),
                    list(store.entries(party, first, limit)),
                    list(store.heads(party, first, limit)),
                    list(store.cosigned_by(party, until_s)),
                    list(store.evidence(first, limit)),
                )
            )
    assert answers[0] == answers[1]
