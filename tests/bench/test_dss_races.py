"""The races at the store of a service hold, and it is seen when they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.dss_races import in_one_process, in_two_processes
from keepclear.adapters.store.dss_rows import SqliteDssTransaction
from tests.postgres import new_database

RACES = 60


@pytest.mark.slow
def test_of_two_threads_that_race_exactly_one_is_accepted(tmp_path: Path) -> None:
    result = in_one_process(tmp_path / "dss.db", RACES)
    assert result.holds, result


@pytest.mark.slow
def test_of_two_processes_that_race_on_one_database_exactly_one_is_accepted() -> None:
    with new_database() as dsn:
        result = in_two_processes(dsn, RACES)
    assert result.holds, result


@pytest.mark.slow
def test_it_is_seen_when_both_of_a_race_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqliteDssTransaction, "meeting", lambda *_: [])
    result = in_one_process(tmp_path / "dss.db", RACES)
    assert result.both == RACES / 2  # in the others both create one id
    assert not result.holds
