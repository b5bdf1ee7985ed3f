"""Replays: recorded reports come again as they came, at any speed, along a clock that can be set.

A replay lives in the time of its recording: ids and times stay as they were recorded, and the clock of
the replay is the clock of whoever watches it. The clock never runs ahead of what was given: when whoever
takes the reports is slow, the time of the replay is slow, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple, Protocol

import numpy as np

from keepclear.adapters.feeds.options import SPEED_RATIO_MAX
from keepclear.core.errors import InvalidValueError
from keepclear.core.recorded import taken_rows
from keepclear.core.reports import Reports
from keepclear.core.times import instant_of, rfc3339

BATCH_MS: Final = 1_000
"""A batch of a replay spans no more time."""
SPAN_DAYS_MAX: Final = 31
"""A replay is of so many days at most; one report with a wrong time makes a recording of years."""
AHEAD_S_MAX: Final = 0.5
"""The clock of a replay runs on by so much real time at most when nothing is given any more."""


class Recorded(Protocol):
    """A recording: reports in the order in which they were received."""

    @property
    def start_ms(self) -> int:
        """When the first was received, milliseconds since 1970."""

    @property
    def end_ms(self) -> int:
        """When the last was received."""

    def between(self, after_ms: int, until_ms: int) -> list[Reports]:
        """Return what was received after one instant and not after another, in the order of receipt."""


class RecordedReports:
    """Reports in memory as a recording.

    Args:
        reports: At least one, in the order of `received_ms`.
    """

    def __init__(self, reports: Reports) -> None:
        assert len(reports) > 0, "a recording holds something"
        self._reports = reports
        self.start_ms, self.end_ms = int(reports.received_ms[0]), int(reports.received_ms[-1])

    def __len__(self) -> int:
        return len(self._reports)

    def between(self, after_ms: int, until_ms: int) -> list[Reports]:
        """See `Recorded`."""
        first, behind = np.searchsorted(self._reports.received_ms, [after_ms, until_ms], side="right")
        if first >= behind:
            return []
        return [taken_rows(self._reports, np.arange(first, behind))]


class ReplayClock:
    """The time of a replay: runs at a multiple of real time, can be stopped and set.

    Args:
        start_ms: What it shows at first, milliseconds since 1970.
        speed: How many seconds pass on it in one real second, over 0 and up to `SPEED_RATIO_MAX`.
        monotonic: Returns real seconds that never step back.

    Raises:
        InvalidValueError: The speed is out of range.
    """

    def __init__(
        self, start_ms: int, speed: float = 1.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._monotonic = monotonic
        self._run = _Run(float(start_ms), monotonic(), _checked(speed), is_paused=False, limit_ms=None)

    def now(self) -> datetime:
        """Return what it shows, in UTC."""
        return instant_of(self.now_ms())

    def now_ms(self) -> int:
        """Return what it shows, milliseconds since 1970."""
        return int(self._exact_ms(self._run, self._monotonic()))

    @property
    def speed(self) -> float:
        """How many seconds pass on it in one real second while it runs."""
        return self._run.speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._run = self._from_now()._replace(speed=_checked(speed))

    @property
    def is_paused(self) -> bool:
        """Whether it stands still."""
        return self._run.is_paused

    def pause(self) -> None:
        """Make it stand still."""
        self._run = self._from_now()._replace(is_paused=True)

    def resume(self) -> None:
        """Let it run on."""
        self._run = self._from_now()._replace(is_paused=False)

    def set(self, at_ms: int) -> None:
        """Make it show an instant, and run on from there if it runs; what held it does so no more."""
        self._run = self._from_now()._replace(from_ms=float(at_ms), limit_ms=None)

    def hold_at(self, limit_ms: int) -> None:
        """Let it run no further than an instant; where it stood at one before, it runs on from there.

        Args:
            limit_ms: The instant, milliseconds since 1970.
        """
        self._run = self._from_now()._replace(limit_ms=limit_ms)

    def _from_now(self) -> _Run:
        """Return how it runs, told from what it shows now."""
        now_s = self._monotonic()
        return self._run._replace(from_ms=self._exact_ms(self._run, now_s), from_s=now_s)

    @staticmethod
    def _exact_ms(run: _Run, now_s: float) -> float:
        if run.is_paused:
            return run.from_ms
        free_ms = run.from_ms + (now_s - run.from_s) * run.speed * 1000.0
        return free_ms if run.limit_ms is None else min(free_ms, run.limit_ms)


class _Run(NamedTuple):
    """How a clock runs; replaced as a whole, as other threads may read it."""

    from_ms: float
    from_s: float
    speed: float
    is_paused: bool
    limit_ms: int | None


class Replay:
    """Recordings that are replayed together.

    Args:
        recordings: At least one.
        speed: How fast.
        from_ms: Where it begins; None for the first report.
        to_ms: Where it ends; None for the last report.
        is_looped: Whether it begins anew at its end. Times are shifted then, so that they go on.
        heard: Called with the number of a recording, as they were given, and reports of it that come.
        monotonic: Returns real seconds that never step back.

    Attributes:
        clock: The time of the replay.
        start_ms: When it begins, milliseconds since 1970.
        end_ms: When it ends; the first pass, if it is looped.
        is_looped: As given.
        position_ms: Up to here, inclusive, all was given.

    Raises:
        InvalidValueError: Nothing was recorded then, it is too long, or the speed is out of range.
    """

    def __init__(
        self,
        recordings: Sequence[Recorded],
        *,
        speed: float = 1.0,
        from_ms: int | None = None,
        to_ms: int | None = None,
        is_looped: bool = False,
        heard: Callable[[int, Reports], None] = lambda _number, _reports: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recordings, self._heard = tuple(recordings), heard
        first_ms = min(recording.start_ms for recording in recordings)
        last_ms = max(recording.end_ms for recording in recordings)
        self.start_ms = first_ms if from_ms is None else from_ms
        self.end_ms = last_ms if to_ms is None else to_ms
        if self.start_ms > self.end_ms or self.start_ms > last_ms or self.end_ms < first_ms:
            raise InvalidValueError(
                "from",
                f"nothing was recorded then; the recording is from {_told(first_ms)} to {_told(last_ms)}",
            )
        if self.end_ms - self.start_ms > SPAN_DAYS_MAX * 86_400_000:
            raise InvalidValueError(
                "from",
                f"it is over {SPAN_DAYS_MAX} days from {_told(self.start_ms)} to {_told(self.end_ms)}; "
                "name the part that is meant with from= and to=",
            )
        self.is_looped = is_looped
        self.position_ms = self.start_ms - 1
        self.clock = ReplayClock(self.start_ms, speed, monotonic)
        self.clock.hold_at(self.start_ms)  # until somebody asks for the first reports

    @property
    def has_ended(self) -> bool:
        """Whether all was given, and nothing comes again."""
        return not self.is_looped and self.position_ms >= self.end_ms

    @property
    def pass_number(self) -> int:
        """Which pass through the recordings it is in, from 0; at each new one all things jump back."""
        return max(0, self.position_ms - self.start_ms) // self._span_ms if self.is_looped else 0

    @property
    def _span_ms(self) -> int:
        """How long a pass takes, with a pause before the next one."""
        return self.end_ms - self.start_ms + BATCH_MS

    def seek(self, at_ms: int) -> None:
        """Go to an instant, back or forth, and set the clock to it.

        What comes next was received at that instant or later. What is between is left out, so whoever
        takes the reports begins anew.

        Args:
            at_ms: The instant, milliseconds since 1970; one outside the replay means its next end.
        """
        at_ms = max(at_ms, self.start_ms)
        if not self.is_looped:
            at_ms = min(at_ms, self.end_ms)
        self.position_ms = at_ms - 1
        self.clock.set(at_ms)
        self._hold()

    def until(self, at_ms: int) -> list[Reports]:
        """Go on to an instant, and return what comes up to then.

        Args:
            at_ms: The instant, inclusive, milliseconds since 1970.

        Returns:
            The reports in batches of `BATCH_MS` at most, in the order of their times.
        """
        batches = []
        if not self.is_looped:
            at_ms = min(at_ms, self.end_ms)
        while self.position_ms < at_ms:
            upto_ms = min(self.position_ms + BATCH_MS, at_ms)
            batches += self._batch(self.position_ms, upto_ms)
            self.position_ms = upto_ms
        self._hold()
        return batches

    def _batch(self, after_ms: int, until_ms: int) -> list[Reports]:
        if not self.is_looped:
            return self._recorded(after_ms, until_ms, 0)
        batches = []
        first = max(0, after_ms + 1 - self.start_ms) // self._span_ms
        last = max(0, until_ms - self.start_ms) // self._span_ms
        for number in range(first, last + 1):
            shift_ms = number * self._span_ms
            batches += self._recorded(
                max(after_ms - shift_ms, self.start_ms - 1), min(until_ms - shift_ms, self.end_ms), shift_ms
            )
        return batches

    def _recorded(self, after_ms: int, until_ms: int, shift_ms: int) -> list[Reports]:
        if after_ms >= until_ms:
            return []
        batches = []
        for number, recording in enumerate(self._recordings):
            for recorded in recording.between(after_ms, until_ms):
                reports = _shifted(recorded, shift_ms)
                self._heard(number, reports)
                batches.append(reports)
        return batches

    def _hold(self) -> None:
        """Let the clock run ahead of what was given by little, and not beyond the end."""
        ahead_ms = max(BATCH_MS, int(AHEAD_S_MAX * 1000.0 * self.clock.speed))
        limit_ms = self.position_ms + ahead_ms
        self.clock.hold_at(limit_ms if self.is_looped else min(limit_ms, self.end_ms))


def _told(at_ms: int) -> str:
    return rfc3339(instant_of(at_ms))


def _shifted(reports: Reports, shift_ms: int) -> Reports:
    if shift_ms == 0:
        return reports
    return replace(reports, at_ms=reports.at_ms + shift_ms, received_ms=reports.received_ms + shift_ms)


def _checked(speed: float) -> float:
    if not 0.0 < speed <= SPEED_RATIO_MAX:  # also catches NaN
        raise InvalidValueError("speed", f"{speed!r} is not over 0 and up to {SPEED_RATIO_MAX:g}")
    return speed
