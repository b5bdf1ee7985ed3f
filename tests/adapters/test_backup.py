"""Backups hold all that was committed, are checked before they get their name, and find their way back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from keepclear.adapters.store import migrations
from keepclear.adapters.store.backup import back_up, examine, restore
from keepclear.adapters.store.migrations import scripts
from keepclear.adapters.store.sqlite import SqliteStore
from keepclear.core.intents import PartyId
from keepclear.node.outcomes import StoreError
from keepclear.node.ports import KnownParty
from tests.contracts.test_logs import ALL, NORTH, log, read_all, write_all
from tests.contracts.test_store import append
from tests.strategies import NOON, intent, square, volume


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a database with an item, and two entries in the log of a party."""
    path = tmp_path / "node.db"
    with closing(SqliteStore(path, create=True)) as store:
        append(store, intent("A", volume(square(35.0, 36.0, 500.0)), party="north"))
        with store.transaction() as transaction:
            write_all(transaction)
    return path


def change(path: Path, sql: str) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(sql)


def test_a_backup_of_a_database_in_use_brings_all_of_it_back(path: Path, tmp_path: Path) -> None:
    copy, place = tmp_path / "copy.db", tmp_path / "again.db"
    with closing(SqliteStore(path)), closing(SqliteStore(path)) as store:
        content = back_up(path, copy)
        before = list(store.records_after(0, 10))
    assert (content.schema, content.item_count, content.last_seq) == (len(scripts()), 1, 1)
    assert restore(copy, place, NOON) == (content, None)
    with closing(SqliteStore(place)) as store:
        assert list(store.records_after(0, 10)) == before
        assert read_all(store) == ALL


@pytest.mark.parametrize("lost", ["n = 0", "n = 1"])
def test_a_partys_log_with_a_gap_is_told_and_not_backed_up(path: Path, tmp_path: Path, lost: str) -> None:
    with closing(SqliteStore(path)) as store, store.transaction() as transaction:
        transaction.append_entries(log(NORTH, 3)[2:])
    examine(path)
    change(path, f"delete from entry where {lost}")
    with pytest.raises(StoreError, match="entries of the log of 'north' are missing; restore a backup"):
        back_up(path, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_an_event_log_with_a_gap_is_told(path: Path) -> None:
    change(path, "update event set seq = 2")
    with pytest.raises(StoreError, match="entries of its log are missing; restore a backup"):
        examine(path)


def test_a_backup_from_before_there_were_logs_of_parties_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a database as the second schema has it
    old, place = tmp_path / "old.db", tmp_path / "again.db"
    known = scripts()
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "scripts", lambda _: known[:2])
        SqliteStore(old, create=True).close()
    # When it is restored and opened
    content, _ = restore(old, place, NOON)
    with closing(SqliteStore(place)) as store, store.transaction() as transaction:
        write_all(transaction)
        # Then it has what it lacked
        assert read_all(transaction) == ALL
    assert (content.schema, examine(place).schema) == (2, len(known))


def test_a_node_that_others_know_signs_nothing_after_its_backup_was_put_in_place(tmp_path: Path) -> None:
    # Also where nobody had signed for any of its log when the backup was made: they may have since.
    for others in ((), ("south",)):
        made, copy, place = (tmp_path / f"{name}{len(others)}.db" for name in ("made", "copy", "place"))
        with closing(SqliteStore(made, create=True)) as store, store.transaction() as transaction:
            for party in ("north", *others):
                transaction.pin(
                    KnownParty(id=PartyId(party), name=party, card="", is_own=party == "north", pinned_ms=0)
                )
        back_up(made, copy)
        restore(copy, place, NOON)
        with closing(SqliteStore(place)) as store:
            assert (store.silence() is not None) == bool(others)
