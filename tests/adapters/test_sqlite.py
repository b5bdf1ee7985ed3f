"""What the store in a SQLite file promises beyond the contract of all stores."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import apsw
import pytest

from keepclear.adapters.store import migrations, sqlite
from keepclear.adapters.store.logs import LARGEST
from keepclear.adapters.store.migrations import APPLICATION_ID, scripts, version_of
from keepclear.adapters.store.sqlite import Durability, SqliteStore, connect
from keepclear.core.conflicts import Item, label_of
from keepclear.core.constraints import ConstraintRule
from keepclear.core.picture import Picture
from keepclear.core.times import floor_ms
from keepclear.node.outcomes import StoreError
from keepclear.node.ports import Entry, Store, Wanted
from tests.contracts.test_logs import ALL, NORTH, read_all, said, write_all
from tests.contracts.test_store import append, entry, found_in
from tests.strategies import NOON, band, intent, square, volume, window, zone

HERE = square(35.0, 36.0, 500.0)
A = intent("A", volume(HERE), party="north")
B = intent("B", volume(HERE), party="south")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "node.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path, create=True)) as opened:
        yield opened


def add(store: Store, entry: Entry) -> None:
    """Add one entry to the log of a party."""
    with store.transaction() as transaction:
        transaction.append_entries([entry])


def refusal(path: Path) -> StoreError:
    """Open a file that must be refused, and return why it is."""
    with pytest.raises(StoreError) as refused:
        SqliteStore(path).close()
    assert str(path) in str(refused.value)
    return refused.value


def contents(store: Store) -> tuple[object, ...]:
    """Return all that a store holds."""
    holding = store.holding(floor_ms(NOON))
    return (
        list(store.records_after(0, 1_000)),
        list(store.records(Wanted())),
        (holding.seq, list(holding.labels), holding.end_ms.tolist(), found_in(holding)),
        [array.tolist() for array in holding.volumes],
    )


def test_a_store_that_is_opened_again_finds_what_was_committed(path: Path) -> None:
    # Given items of every kind, one of them withdrawn and others in conflict
    items: list[Item] = [
        A,
        replace(B, volumes=(*B.volumes, volume(HERE, window(60, 90), band(100.0, 200.5)))),
        zone("Z", volume(square(35.1, 36.1, 10.0)), rule=ConstraintRule.NOTIFY_FIRST),
    ]
    with closing(SqliteStore(path, create=True)) as store:
        append(store, *items)
        before = contents(store)
    # When the file is opened again, and again with leave to make it
    for create in (False, True):
        with closing(SqliteStore(path, create=create)) as store:
            # Then all is there, and the numbers go on
            assert contents(store) == before
    with closing(SqliteStore(path)) as store:
        assert append(store, intent("C", volume(HERE)))[0].seq == 4


def test_what_was_committed_is_there_after_a_crash_and_what_was_not_is_not(
    store: SqliteStore, path: Path, tmp_path: Path
) -> None:
    # Given a process that dies in the middle of a transaction: what lies on the disk is all there is
    append(store, A)
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    with store.transaction() as transaction:
        transaction.append(entry(B), B)
        for left in tmp_path.glob("node.db*"):
            if not left.name.endswith("-shm"):
                shutil.copy(left, crashed)
    # When another process opens it, then it has what was committed
    with closing(SqliteStore(crashed / path.name)) as found:
        assert found.last_seq() == 1
        assert found.record(A.id) is not None
        assert found.record(B.id) is None


def test_two_stores_on_one_file_see_what_the_other_committed(store: SqliteStore, path: Path) -> None:
    with closing(SqliteStore(path)) as other:
        append(store, A)
        assert other.record(A.id) == store.record(A.id)
        assert append(other, B)[0].seq == 2
        assert store.last_seq() == 2


def test_what_was_committed_of_the_logs_is_there_when_the_store_is_opened_again(path: Path) -> None:
    with closing(SqliteStore(path, create=True)) as store, store.transaction() as transaction:
        write_all(transaction)
    with closing(SqliteStore(path)) as store:
        assert read_all(store) == ALL


def test_of_two_processes_that_add_the_same_entry_the_second_is_refused(
    store: SqliteStore, path: Path
) -> None:
    with closing(SqliteStore(path)) as other:
        add(other, said(NORTH, 0))
        with pytest.raises(StoreError, match="entry 0 does not follow"):
            add(store, said(NORTH, 0))


def test_a_log_cannot_have_two_entries_of_one_number_whoever_writes_them(
    store: SqliteStore, path: Path
) -> None:
    add(store, said(NORTH, 0))
    again = "insert into entry select * from entry"
    with closing(connect(path)) as connection, pytest.raises(apsw.ConstraintError, match="UNIQUE"):
        connection.execute(again)


def test_the_heads_that_witnesses_signed_are_sought_not_scanned(store: SqliteStore, path: Path) -> None:
    # A year of heads must not make each question slow.
    with closing(connect(path)) as connection:
        plan = [step[3] for step in connection.execute(f"explain query plan {LARGEST}", ("north",))]
    assert [step for step in plan if "SCAN" in step and "SCAN w" not in step] == []
    assert any(re.search(r"SEARCH c .*party=\? AND witness=\? AND size=\?", step) for step in plan)


def test_a_file_that_is_missing_is_refused_and_not_made(path: Path) -> None:
    error = refusal(path)
    assert "keepclear init" in str(error)
    assert not error.may_pass
    assert not path.exists()


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert not refusal(tmp_path).may_pass


@pytest.mark.parametrize("text", [b"ids: none\n", b"\x00" * 8_192, b"SQLite format 3\x00 but no more"])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    error = refusal(path)
    assert "no intact database" in str(error)
    assert not error.may_pass
    assert path.read_bytes() == text


def test_an_empty_file_is_refused_where_a_database_is_expected(path: Path) -> None:
    # SQLite takes it for a new database; a node would find nothing and call everything clear.
    path.write_bytes(b"")
    assert not refusal(path).may_pass


def test_an_empty_file_is_taken_where_a_new_database_is_wanted(path: Path) -> None:
    path.write_bytes(b"")
    with closing(SqliteStore(path, create=True)) as store:
        assert store.last_seq() == 0


@pytest.mark.parametrize("left_ratio", [0.25, 0.5, 0.99, 0.999])
def test_a_file_that_was_cut_off_is_refused(path: Path, left_ratio: float) -> None:
    with closing(SqliteStore(path, create=True)) as store:
        append(store, *(intent(f"item {n}", volume(HERE)) for n in range(100)))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * left_ratio)])
    error = refusal(path)
    assert "restore a backup" in str(error)
    assert not error.may_pass


def test_pages_that_were_overwritten_are_told_when_they_are_read(path: Path) -> None:
    with closing(SqliteStore(path, create=True)) as store:
        append(store, *(intent(f"item {n}", volume(HERE)) for n in range(100)))
    whole = path.read_bytes()
    path.write_bytes(whole[:8_192] + b"\xff" * (len(whole) - 8_192))
    with closing(SqliteStore(path)) as store, pytest.raises(StoreError, match="no intact database") as told:
        store.holding(0)
    assert not told.value.may_pass


def foreign(path: Path) -> bytes:
    """Make a database of another program and return its bytes."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("create table song (title text); insert into song values ('Imagine')")
    return path.read_bytes()


@pytest.mark.parametrize("create", [False, True])
def test_a_database_of_another_program_is_refused_and_left_as_it_is(path: Path, create: bool) -> None:
    before = foreign(path)
    with pytest.raises(StoreError, match="another program") as refused:
        SqliteStore(path, create=create)
    assert not refused.value.may_pass
    assert path.read_bytes() == before


def test_a_database_of_a_newer_version_is_refused(path: Path) -> None:
    SqliteStore(path, create=True).close()
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(f"pragma user_version = {len(scripts()) + 1}")
    error = refusal(path)
    assert re.search("newer version.*update keepclear", str(error))
    assert not error.may_pass


def test_migrations_are_numbered_from_one_without_gaps() -> None:
    folder = files("keepclear.adapters.store.migrations")
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    assert [int(name.split("_")[0]) for name in names] == list(range(1, len(scripts()) + 1))
    assert all(re.fullmatch(r"\d{4}_[a-z_]+\.sql", name) for name in names)


def test_a_new_database_tells_whose_it_is_and_which_schema_it_has(store: SqliteStore, path: Path) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        assert connection.pragma("application_id") == APPLICATION_ID
        assert version_of(connection) == len(scripts())


def test_a_database_of_an_older_schema_gets_what_it_lacks_and_keeps_what_it_has(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(store, A)
    known = scripts()
    monkeypatch.setattr(migrations, "scripts", lambda _: [*known, "create table later (id text)"])
    with closing(SqliteStore(path)) as newer:
        assert newer.record(A.id) == store.record(A.id)
    with closing(apsw.Connection(str(path))) as connection:
        assert version_of(connection) == len(known) + 1
        assert connection.execute("select count(*) from later").get == 0


def test_a_migration_that_fails_changes_nothing(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(store, A)
    known = scripts()
    faulty = "create table later (id text); create table event (id text)"
    monkeypatch.setattr(migrations, "scripts", lambda _: [*known, faulty])
    refusal(path)
    monkeypatch.undo()
    with closing(SqliteStore(path)) as found:
        assert found.record(A.id) == store.record(A.id)
    with closing(apsw.Connection(str(path))) as connection:
        assert version_of(connection) == len(known)
        assert connection.execute("select count(*) from sqlite_schema where name = 'later'").get == 0


def test_a_commit_waits_for_the_disk_unless_told_otherwise(path: Path) -> None:
    with closing(connect(path, create=True)) as connection:
        assert connection.pragma("synchronous") == 2  # FULL
        assert connection.pragma("journal_mode") == "wal"
    with closing(connect(path, durability=Durability.NORMAL, create=True)) as connection:
        assert connection.pragma("synchronous") == 1


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.0)


def test_a_transaction_while_another_process_writes_fails_and_may_be_tried_again(
    impatient: None, path: Path
) -> None:
    with closing(SqliteStore(path, create=True)) as store, closing(SqliteStore(path)) as other:
        # Given a transaction through another connection
        with other.transaction() as transaction:
            transaction.append(entry(A), A)
            # When one begins here, then it fails
            with pytest.raises(StoreError) as busy:
                append(store, B)
            assert busy.value.may_pass
            # and reading does not
            assert store.last_seq() == 0
        # Then it can be made once the other has ended
        assert [record.seq for record in append(store, B)] == [2]


def test_a_database_is_opened_while_another_process_writes(impatient: None, path: Path) -> None:
    with closing(SqliteStore(path, create=True)) as other, other.transaction():
        SqliteStore(path).close()


def append_in_a_savepoint(store: Store, items: Sequence[Item]) -> None:
    with store.transaction() as transaction, transaction.savepoint():
        for item in items:
            transaction.append(entry(item), item)


def test_a_full_disk_undoes_the_transaction_and_may_pass(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a database that must not grow by more than a few pages
    def small(path: Path, **given: object) -> apsw.Connection:
        connection = connect(path, **given)  # type: ignore[arg-type]
        connection.execute("pragma max_page_count = 40")
        return connection

    monkeypatch.setattr(sqlite, "connect", small)
    many = [intent(f"item {n}", *[volume(HERE)] * 10) for n in range(100)]
    with closing(SqliteStore(path, create=True)) as store:
        append(store, A)
        # When more is written
        with pytest.raises(StoreError, match="the disk is full") as full:
            append_in_a_savepoint(store, many)
        # Then nothing of it is there, and what fits can still be written
        assert full.value.may_pass
        assert store.last_seq() == 1
        assert append(store, B)[0].seq == 2


def test_a_store_that_was_closed_raises(path: Path) -> None:
    store = SqliteStore(path, create=True)
    store.close()
    with pytest.raises(StoreError):
        store.last_seq()
    with pytest.raises(StoreError):
        append(store, A)


def test_the_picture_filled_from_a_file_holds_what_the_items_say(path: Path) -> None:
    with closing(SqliteStore(path, create=True)) as store:
        append(store, A, B)
    with closing(SqliteStore(path)) as store:
        holding = store.holding(floor_ms(NOON))
    picture = Picture()
    picture.hold_packed(holding.labels, holding.volumes)
    assert list(picture.labels) == [label_of(A), label_of(B)]
    assert picture.findings() == Picture([A, B]).findings()
