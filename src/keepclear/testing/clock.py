"""Clocks that are not the machine's: one that runs faster or slower, and one moved by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from keepclear.core.errors import InvalidValueError

SPEED_RATIO_MAX: Final = 3_600.0
"""No clock runs faster than an hour a second."""


class ScaledClock:
    """A clock that starts at an instant and runs at a multiple of real time.

    Args:
        start: What it shows when it is made, aware.
        speed: How many seconds pass on it in one real second, over 0 and up to `SPEED_RATIO_MAX`.
        monotonic: Returns real seconds that never step back, as `time.monotonic` does.

    Attributes:
        speed: As given.

    Raises:
        InvalidValueError: The start has no time zone, or the speed is out of range.
    """

    def __init__(self, start: datetime, speed: float, monotonic: Callable[[], float]) -> None:
        if not 0.0 < speed <= SPEED_RATIO_MAX:  # also catches NaN
            raise InvalidValueError("speed", f"{speed!r} is not over 0 and up to {SPEED_RATIO_MAX:g}")
        self.speed = speed
        self._start = _utc(start)
        self._monotonic = monotonic
        self._origin_s = monotonic()

    def now(self) -> datetime:
        """Return what it shows, in UTC."""
        return self._start + timedelta(seconds=(self._monotonic() - self._origin_s) * self.speed)


class ManualClock:
    """A clock that stands still until it is moved.

    Args:
        start: What it shows at first, aware.

    Raises:
        InvalidValueError: The start has no time zone.
    """

    def __init__(self, start: datetime) -> None:
        self._now = _utc(start)

    def now(self) -> datetime:
        """Return what it shows, in UTC."""
        return self._now

    def advance(self, duration_s: float) -> None:
        """Move it on by so many seconds, or back when negative, as a machine's clock may step."""
        self._now += timedelta(seconds=duration_s)

    def set(self, instant: datetime) -> None:
        """Make it show an instant, earlier or later.

        Raises:
            InvalidValueError: The instant has no time zone.
        """
        self._now = _utc(instant)


def _utc(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise InvalidValueError("start", "a time needs a zone; write 2026-01-31T12:00:00Z")
    return instant.astimezone(UTC)
