"""What ends at once is let go of while others ask."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from bench.dss_sweep import swept
from keepclear.adapters.store.dss_sqlite import SqliteDssStore
from keepclear.core.references import EntityKind


@pytest.mark.slow
def test_all_that_has_ended_goes_and_what_was_created_meanwhile_stays(tmp_path: Path) -> None:
    with closing(SqliteDssStore(tmp_path / "dss.db")) as store:
        row = swept("SQLite", store, 450, 0.05)
        assert row.answer.startswith("gone after")
        assert store.run(lambda transaction: transaction.count(EntityKind.SUBSCRIPTION)).result() == 0
        assert store.run(lambda transaction: transaction.count(EntityKind.INTENT)).result() > 0
