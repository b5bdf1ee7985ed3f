"""The benchmark of the track table runs, small; times are not checked."""

from __future__ import annotations

import pytest

from bench import tracking
from bench.measure import Row


@pytest.mark.slow
def test_the_track_table_is_measured() -> None:
    rows: list[Row] = []
    tracking.bench_tracking(rows, quick=True)
    answers = [row.answer for row in rows]
    assert answers[:3] == [
        "500 tracks",
        "500 aircraft, 0 without a slope",
        "250 aircraft, 250 of two sources",
    ]
    assert len(rows) == 5
    assert not any(tracking.MISSED in row.note for row in rows[-1:])
