"""A moment of the past: what had been received by then, through the same code, and nothing later."""

from __future__ import annotations

import numpy as np
import pytest

from keepclear.core.errors import InvalidValueError
from keepclear.core.recorded import (
    DIGEST_BYTES_MAX,
    EVENT_BYTES_MAX,
    Entry,
    RecordedCycle,
    RecordedEvent,
    RecordedNote,
    joined,
    moment,
    taken_rows,
)
from keepclear.core.reports import Report, Reports, gather
from tests.strategies_reports import NOON_MS, same_reports


class FakeWatch:
    """A watch that writes down what it is given, and finds how many reports it has."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.ids: list[str] = []

    def take(self, reports: Reports) -> None:
        self.ids += reports.ids
        self.told.append(f"take {' '.join(reports.ids)}")

    def cycle(self, now_ms: int) -> bytes:
        self.told.append(f"cycle {(now_ms - NOON_MS) // 1_000}")
        return bytes([len(self.ids)])

    def happened(self, event: RecordedEvent) -> None:
        self.told.append(event.what)


def seen(name: str, second: float) -> Reports:
    ms = NOON_MS + round(second * 1_000)
    return gather("radar", [Report(name, ms - 100, 35.0, 36.0)], ms).reports


def cycle(second: int, found: int | None = None) -> RecordedCycle:
    digest = b"" if found is None else bytes([found])
    return RecordedCycle(at_ms=NOON_MS + second * 1_000, track_count=1, digest=digest)


def test_a_moment_knows_what_had_been_received_by_then_and_nothing_later() -> None:
    entries: list[Entry] = [
        seen("a", 0.5),
        cycle(1, 1),
        seen("b", 1.5),
        RecordedEvent(at_ms=NOON_MS + 1_600, what="acknowledgement", text=b"{}"),
        RecordedNote(at_ms=NOON_MS + 1_700, text="a note"),
        cycle(2, 2),
        seen("c", 2.5),
        cycle(3, 3),
    ]
    found = moment(entries, NOON_MS + 2_400, FakeWatch)
    assert found.watch.told == ["take a", "cycle 1", "take b", "acknowledgement", "cycle 2"]
    assert (found.report_count, found.cycle_count, found.differing_count) == (2, 2, 0)
    assert found.cycle_ms == NOON_MS + 2_000


def test_of_a_batch_that_came_in_while_the_moment_passed_only_the_earlier_part_is_taken() -> None:
    batch = joined([seen("a", 0.5), seen("b", 1.5), seen("c", 1.0)])
    found = moment([batch], NOON_MS + 1_000, FakeWatch)
    assert found.watch.ids == ["a", "c"]


def test_what_lies_before_the_warm_up_is_not_replayed_and_a_short_recording_is_told() -> None:
    entries: list[Entry] = [seen("old", 0.0), seen("new", 50.0), cycle(60)]
    found = moment(entries, NOON_MS + 60_000, FakeWatch, warm_up_s=20.0)
    assert found.watch.ids == ["new"]
    assert found.is_short
    assert not moment(entries, NOON_MS + 60_000, FakeWatch, warm_up_s=60.0).is_short
    assert moment([], NOON_MS, FakeWatch).cycle_ms is None


def test_a_cycle_that_finds_something_else_than_when_it_was_live_is_counted() -> None:
    found = moment([seen("a", 0.0), cycle(1, 7), cycle(2, 1)], NOON_MS + 9_000, FakeWatch)
    assert found.differing_count == 1


def test_rows_of_a_batch_are_taken_by_mask_or_number_and_parts_are_joined_again() -> None:
    batch = joined([seen("a", 0.0), seen("b", 1.0), seen("c", 2.0)])
    assert taken_rows(batch, np.array([True, False, True])).ids == ("a", "c")
    assert taken_rows(batch, np.array([2, 0]), source="other").source == "other"
    parts = [taken_rows(batch, np.array([k])) for k in range(3)]
    assert same_reports(joined(parts), batch)


def test_entries_that_are_too_large_are_none() -> None:
    with pytest.raises(InvalidValueError, match="digest"):
        RecordedCycle(at_ms=0, track_count=0, digest=b"x" * (DIGEST_BYTES_MAX + 1))
    with pytest.raises(InvalidValueError, match="no count"):
        RecordedCycle(at_ms=0, track_count=-1)
    with pytest.raises(InvalidValueError, match="text"):
        RecordedEvent(at_ms=0, what="feed", text=b"x" * (EVENT_BYTES_MAX + 1))
    with pytest.raises(InvalidValueError, match="text"):
        RecordedNote(at_ms=0, text="")
