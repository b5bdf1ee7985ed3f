"""The benchmark of the hotline: it runs, small, and sees what is lost or doubled; times are not checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import hotline, measure
from bench.linked import LinkedNode
from bench.measure import Row

pytestmark = pytest.mark.slow


def test_messages_between_two_nodes_are_measured_and_none_is_lost_or_doubled(tmp_path: Path) -> None:
    rows: list[Row] = []

    hotline.bench_hotline(rows, tmp_path, rate=10, lasting_s=1)

    (row,) = rows
    assert measure.BROKEN not in row.answer
    assert "0 lost, 0 doubled" in row.answer
    assert row.p50_s is not None
    assert list(tmp_path.iterdir()) == []


def test_a_message_that_is_there_twice_is_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(_: LinkedNode, __: str, before: str | None = None) -> tuple[list[str], str | None]:
        return ["timed 0"], "next" if before is None else None

    monkeypatch.setattr(hotline, "_texts", twice)
    assert hotline._doubled(None, "alpha", {"timed 0": 0.0}) == 1  # type: ignore[arg-type]  # it is not asked
