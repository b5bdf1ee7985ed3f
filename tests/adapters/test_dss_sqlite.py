"""What the store of a service in a SQLite file promises beyond the contract of all such stores."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, suppress
from pathlib import Path

import apsw
import pytest

from keepclear.adapters.store import dss_extents, dss_migrations, dss_waiting
from keepclear.adapters.store import dss_sqlite as module
from keepclear.adapters.store.dss_index import _SIZE_STEP
from keepclear.adapters.store.dss_sqlite import SqliteDssStore
from keepclear.adapters.store.migrations import scripts
from keepclear.adapters.store.sqlite import SqliteStore
from keepclear.core.references import EntityKind
from keepclear.node.dss.ports import DssTransaction
from keepclear.node.dss.refusals import StoreBusyError
from keepclear.node.outcomes import StoreError
from tests.contracts.dss_stores import CAUSE, entity, extent_of, id_of
from tests.contracts.test_dss_store import (
    ELSEWHERE,
    HERE,
    INTENT,
    UndoneError,
    creating,
    everything,
    meeting,
    put,
    run,
)
from tests.strategies import square, volume, window

KILLED = """
import itertools, pathlib, sys
from keepclear.adapters.store.dss_sqlite import SqliteDssStore
from tests.contracts.test_dss_store import creating
store = SqliteDssStore(pathlib.Path(sys.argv[1]))
for number in itertools.count(0, 5):
    answers = [store.run(creating(number + k)) for k in range(5)]
    for k, answer in enumerate(answers):
        answer.result()
        print(number + k, flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dss.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteDssStore]:
    with closing(SqliteDssStore(path)) as opened:
        yield opened


class Busy:
    """Keeps a store at work until it is left, so that what is asked meanwhile waits together."""

    def __init__(self, store: SqliteDssStore) -> None:
        self._store, self._go_on, self._begun = store, threading.Event(), threading.Event()

    def __enter__(self) -> None:
        self._store.run(self._wait)
        assert self._begun.wait(30.0)

    def __exit__(self, *_: object) -> None:
        self._go_on.set()

    def _wait(self, _: DssTransaction) -> None:
        self._begun.set()
        assert self._go_on.wait(30.0)


def refusal(path: Path, *, create: bool = True) -> str:
    """Open a file that must be refused, and return why it is."""
    with pytest.raises(StoreError) as refused:
        SqliteDssStore(path, create=create).close()
    assert str(path) in str(refused.value)
    return str(refused.value)


def change(path: Path, sql: str) -> None:
    """Change a file behind the store's back."""
    connection = apsw.Connection(str(path))
    connection.execute(sql)
    connection.close()


# -- opening ----------------------------------------------------------------------------------------


def test_a_file_that_is_not_there_is_made_only_when_that_is_wanted(path: Path) -> None:
    assert "there is no such database" in refusal(path, create=False)
    SqliteDssStore(path).close()
    SqliteDssStore(path, create=False).close()


def test_a_second_store_on_the_file_is_refused(
    path: Path, store: SqliteDssStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ALONE_TIMEOUT_S", 0.0)
    assert "another process has it open" in refusal(path)
    put(store, INTENT, (1, HERE))


def test_nobody_can_copy_it_while_it_is_open_and_then_the_file_is_whole_by_itself(
    path: Path, tmp_path: Path, store: SqliteDssStore
) -> None:
    put(store, INTENT, (1, HERE))
    reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    with pytest.raises(apsw.BusyError):
        reader.execute("vacuum into ?", (str(tmp_path / "copy.db"),))
    reader.close()
    store.close()
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(path.name)] == [path.name]
    copy = tmp_path / "copied.db"
    copy.write_bytes(path.read_bytes())
    with closing(SqliteDssStore(copy)) as copied:
        assert meeting(copied, INTENT, HERE) == [id_of(1)]


def test_databases_of_others_are_refused_and_not_touched(path: Path) -> None:
    change(path, "create table t (a)")
    before = path.read_bytes()
    assert "another program" in refusal(path)
    assert path.read_bytes() == before


def test_a_database_of_a_node_is_refused_and_a_node_refuses_one_of_a_service(
    path: Path, tmp_path: Path
) -> None:
    SqliteStore(path, create=True).close()
    assert "another program" in refusal(path)
    SqliteDssStore(tmp_path / "2.db").close()
    with pytest.raises(StoreError, match="another program"):
        SqliteStore(tmp_path / "2.db")


def test_what_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"text, and not a database " * 100)
    assert "no intact database" in refusal(path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    refusal(tmp_path / "none" / "dss.db")


def test_what_a_newer_version_wrote_is_refused(path: Path) -> None:
    SqliteDssStore(path).close()
    change(path, f"pragma user_version = {len(scripts(dss_migrations.__name__)) + 1}")
    assert "newer version" in refusal(path)


def test_a_file_that_was_cut_off_is_refused(path: Path, store: SqliteDssStore) -> None:
    put(store, INTENT, *((number, HERE) for number in range(50)))
    store.close()
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 4096)
    assert "restore a backup" in refusal(path)


# -- working ----------------------------------------------------------------------------------------


def test_what_waits_is_done_in_one_transaction(store: SqliteDssStore) -> None:
    def how_many_began(_: DssTransaction) -> int:
        return sum(statement.startswith("begin") for statement in begun)

    begun: list[str] = []
    store._connection.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: begun.append(event["sql"]))
    with Busy(store):
        first = [store.run(creating(number)) for number in range(5)]
        began = store.run(how_many_began)
    assert [answer.result(30.0) for answer in first] == [True] * 5
    assert began.result(30.0) == 2  # of what kept it busy, and of all others


def test_more_than_may_wait_is_refused_and_the_rest_is_done(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dss_waiting, "QUEUE_MAX", 3)
    with closing(SqliteDssStore(path)) as store:
        with Busy(store):
            answers = [store.run(creating(number)) for number in range(3)]
            assert store.waiting_count == 3
            with pytest.raises(StoreBusyError, match="3 requests are waiting"):
                store.run(creating(3))
        assert [answer.result(30.0) for answer in answers] == [True] * 3
        assert meeting(store, INTENT, HERE) == [id_of(0), id_of(1), id_of(2)]


def test_what_was_cancelled_while_it_waited_is_not_done(store: SqliteDssStore) -> None:
    with Busy(store):
        answer = store.run(creating(1))
        assert answer.cancel()
    assert meeting(store, INTENT, HERE) == []


def test_closing_finishes_what_waits_and_then_takes_no_more(path: Path) -> None:
    store = SqliteDssStore(path)
    answers = [store.run(creating(number)) for number in range(100)]
    store.close()
    assert [answer.result(0.0) for answer in answers] == [True] * 100
    with pytest.raises(StoreBusyError, match="stopping"):
        store.run(creating(1))
    store.close()
    assert store.fault == "the store has stopped"


def test_extents_that_are_held_no_longer_are_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dss_extents, "PACKED_BYTES_MAX", 5_000)
    with closing(SqliteDssStore(path)) as store:
        put(store, INTENT, *((number, HERE) for number in range(20)))
        for _ in range(2):
            assert len(meeting(store, INTENT, HERE)) == 20
            assert meeting(store, INTENT, ELSEWHERE) == []


def test_small_and_large_are_found_together_undone_or_read_again(path: Path) -> None:
    sizes_m = (1.0, 50.0, 2_000.0, 90_000.0)
    kept = {number: extent_of(volume(square(35.0, 36.0, size_m))) for number, size_m in enumerate(sizes_m)}
    assert len({each.box.size // _SIZE_STEP for each in kept.values()}) > 2

    def found(store: SqliteDssStore) -> list[str]:
        return meeting(store, INTENT, extent_of(volume(square(35.0, 36.0, 0.5))))

    def all_undone(transaction: DssTransaction) -> None:
        for number, extent in kept.items():
            transaction.put(entity(INTENT, number, extent), extent, CAUSE)
        assert len(transaction.meeting(INTENT, kept[0])) == len(kept)
        raise UndoneError

    with closing(SqliteDssStore(path)) as store:
        with pytest.raises(UndoneError):
            run(store, all_undone)
        assert found(store) == []
        put(store, INTENT, *kept.items())
        assert found(store) == [id_of(number) for number in kept]
        put(store, INTENT, (3, ELSEWHERE))
        assert found(store) == [id_of(number) for number in (0, 1, 2)]
    with closing(SqliteDssStore(path)) as store:
        assert found(store) == [id_of(number) for number in (0, 1, 2)]


@pytest.mark.parametrize("harm", ["kind = 'foo'", "x_low = -4000000000000"])
def test_a_damaged_entity_is_told_when_the_file_is_opened(path: Path, harm: str) -> None:
    with closing(SqliteDssStore(path)) as store:
        put(store, INTENT, (1, HERE))
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(f"update entity set {harm}")

    for _ in range(2):
        with pytest.raises(StoreError, match=r"is damaged.*restore a backup"):
            SqliteDssStore(path)


def test_the_number_of_an_undone_extent_is_not_given_to_another(store: SqliteDssStore) -> None:
    # Given that an extent was decoded, and then undone with its row
    def undone(transaction: DssTransaction) -> None:
        transaction.put(entity(INTENT, 1, HERE), HERE, CAUSE)
        assert transaction.meeting(INTENT, HERE)
        raise UndoneError

    with pytest.raises(UndoneError):
        run(store, undone)
    # When another takes its place, then that one counts
    put(store, INTENT, (1, ELSEWHERE))
    assert meeting(store, INTENT, HERE) == []
    assert meeting(store, INTENT, ELSEWHERE) == [id_of(1)]


def test_times_beyond_what_a_box_can_tell_are_judged_exactly(store: SqliteDssStore) -> None:
    # Boxes tell times from 1991 to 2128; what is beyond stands at their ends
    here, minutes = square(35.0, 36.0, 500.0), 525_960.0
    far = [volume(here, window(years * minutes, years * minutes + 60)) for years in (-126, -125, 172, 173)]
    put(store, INTENT, *((number, extent_of(each)) for number, each in enumerate(far)))
    assert [meeting(store, INTENT, extent_of(each)) for each in far] == [[id_of(k)] for k in range(4)]


# -- failing ----------------------------------------------------------------------------------------


def test_a_full_disk_fails_what_is_done_together_and_may_pass(store: SqliteDssStore) -> None:
    put(store, INTENT, (1, HERE))
    before = everything(store)

    def large(transaction: DssTransaction) -> None:
        transaction.add_report(id_of(1), bytes(10_000_000), CAUSE)

    pages = store._connection.pragma("page_count")
    store._connection.pragma("max_page_count", pages + 20)
    with Busy(store):
        answers: list[Future[object]] = [store.run(creating(2)), store.run(large), store.run(creating(3))]
    for answer in answers:
        with pytest.raises(StoreError, match="the disk is full") as full:
            answer.result(30.0)
        assert full.value.may_pass
    assert everything(store) == before
    assert store.fault is not None
    assert "the disk is full" in store.fault
    # When there is room again, then it works
    store._connection.pragma("max_page_count", pages + 100_000)
    put(store, INTENT, (3, HERE))
    assert store.fault is None
    assert meeting(store, INTENT, HERE) == [id_of(1), id_of(3)]


def test_an_error_of_the_database_that_was_passed_over_fails_what_went_with_it(store: SqliteDssStore) -> None:
    def careless(transaction: DssTransaction) -> str:
        with suppress(apsw.Error):
            transaction.add_report(id_of(1), bytes(10_000_000), CAUSE)
        return "all is well"

    store._connection.pragma("max_page_count", store._connection.pragma("page_count") + 20)
    with Busy(store):
        answers: list[Future[object]] = [store.run(creating(2)), store.run(careless)]
    assert [type(answer.exception(30.0)) for answer in answers] == [StoreError, StoreError]
    assert meeting(store, INTENT, HERE) == []


def test_an_error_of_the_database_in_one_of_many_fails_that_one(store: SqliteDssStore) -> None:
    def wrong(transaction: DssTransaction) -> None:
        transaction._connection.execute("select * from nowhere")  # type: ignore[attr-defined]

    with Busy(store):
        answers: list[Future[object]] = [store.run(creating(2)), store.run(wrong), store.run(creating(3))]
    assert [type(answer.exception(30.0)) for answer in answers] == [type(None), StoreError, type(None)]
    assert meeting(store, INTENT, HERE) == [id_of(2), id_of(3)]


def test_a_file_that_cannot_be_written_fails_with_its_name(path: Path, store: SqliteDssStore) -> None:
    put(store, INTENT, (1, HERE))
    store._connection.pragma("query_only", 1)
    with pytest.raises(StoreError, match="may write to both") as refused:
        put(store, INTENT, (2, HERE))
    assert str(path) in str(refused.value)
    assert store.fault is not None
    assert meeting(store, INTENT, HERE) == [id_of(1)]


def test_a_fault_is_over_once_something_was_written_and_not_before(store: SqliteDssStore) -> None:
    store._connection.pragma("query_only", 1)
    with pytest.raises(StoreError):
        put(store, INTENT, (1, HERE))
    store._connection.pragma("query_only", 0)
    with pytest.raises(UndoneError):
        run(store, creating(1, raises=True))
    assert meeting(store, INTENT, HERE) == []
    assert store.fault is not None
    put(store, INTENT, (1, HERE))
    assert store.fault is None


def test_a_fault_is_found_to_be_over_though_nobody_writes(
    store: SqliteDssStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROBE_S", 0.01)
    store._connection.pragma("query_only", 1)
    with pytest.raises(StoreError):
        put(store, INTENT, (1, HERE))
    assert not probed(store, lambda: store.fault is None, 0.03)
    store._connection.pragma("query_only", 0)
    assert probed(store, lambda: store.fault is None, 30.0)
    put(store, INTENT, (1, HERE))


def probed(store: SqliteDssStore, is_so: Callable[[], bool], most_s: float) -> bool:
    """Tell whether something is so before long, while nobody asks the store for anything."""
    deadline_s = time.monotonic() + most_s
    while not is_so() and time.monotonic() < deadline_s:
        assert store.waiting_count == 0
    return is_so()


def test_what_ends_a_thread_does_not_end_the_store(store: SqliteDssStore) -> None:
    def leaving(_: DssTransaction) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        run(store, leaving)
    put(store, INTENT, (1, HERE))


@pytest.mark.parametrize("kind", EntityKind)
def test_a_kept_entity_that_was_edited_is_told_and_not_guessed(path: Path, kind: EntityKind) -> None:
    with closing(SqliteDssStore(path)) as store:
        put(store, kind, (1, HERE))
    change(path, "update entity set details = '{}'")
    with (
        closing(SqliteDssStore(path)) as store,
        pytest.raises(StoreError, match=f"a kept {kind.value} is dam"),
    ):
        run(store, lambda transaction: transaction.entity(kind, id_of(1)))


def test_a_kept_extent_that_was_edited_is_told_and_not_passed_over(path: Path) -> None:
    with closing(SqliteDssStore(path)) as store:
        put(store, INTENT, (1, HERE))
    change(path, "update entity set extent = '[]'")
    with closing(SqliteDssStore(path)) as store, pytest.raises(StoreError, match="a kept extent is damaged"):
        meeting(store, INTENT, HERE)


def test_an_entity_that_is_not_there_is_not_removed(store: SqliteDssStore) -> None:
    with pytest.raises(StoreError, match="there is no intent"):
        run(store, lambda transaction: transaction.remove(entity(INTENT, 1, HERE), CAUSE))
    assert list(run(store, lambda transaction: transaction.history(0, 10))) == []


@pytest.mark.slow
def test_a_process_that_is_killed_loses_nothing_that_it_answered(path: Path) -> None:
    answered: set[int] = set()
    for rounds in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for line in process.stdout:
            answered.add(int(line))
            if len(answered) >= 40 * (rounds + 1):
                process.kill()
                break
        answered.update(int(line) for line in process.stdout if line.endswith("\n"))
        process.stdout.close()
        process.wait()
    with closing(SqliteDssStore(path)) as store:
        kept = meeting(store, INTENT, HERE)
        entries = run(store, lambda transaction: transaction.history(0, 1_000_000))
    assert {id_of(number) for number in answered} <= set(kept)
    assert sorted(entry.entity.id for entry in entries) == kept
