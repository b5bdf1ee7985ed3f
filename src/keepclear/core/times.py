"""Instants, and the one rule for the ends of windows.

Instants are aware `datetime` in UTC at the edges and whole milliseconds since 1970 in kernels.
A window is **closed**: it contains its start and its end, so two windows that touch overlap. What
is finer than a millisecond is rounded outwards, so that a window never shrinks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from keepclear.core.errors import InvalidValueError

TIME_MIN: Final = datetime(1900, 1, 1, tzinfo=UTC)
"""No window may start earlier."""
TIME_MAX: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""No window may end later."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def floor_ms(instant: datetime) -> int:
    """Return the last whole millisecond since 1970 that is not after the instant."""
    return (instant - _EPOCH) // _MILLISECOND


def ceil_ms(instant: datetime) -> int:
    """Return the first whole millisecond since 1970 that is not before the instant."""
    return -((_EPOCH - instant) // _MILLISECOND)


def instant_of(ms: int) -> datetime:
    """Return the instant that lies so many milliseconds after the start of 1970, in UTC.

    Raises:
        InvalidValueError: It lies outside the years 1 to 9999.
    """
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except OverflowError as error:
        raise InvalidValueError("", "an instant lies outside the years 1 to 9999") from error


def rfc3339(instant: datetime) -> str:
    """Write an instant as RFC 3339 in UTC, with as many decimals as it needs."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow:
    """A closed span of time.

    Attributes:
        start: The first instant, aware.
        end: The last instant, aware; not before the start.

    Raises:
        InvalidValueError: An instant has no time zone or lies outside `TIME_MIN`..`TIME_MAX`, or the
            start is after the end.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name, instant in (("time_start", self.start), ("time_end", self.end)):
            if instant.utcoffset() is None:
                raise InvalidValueError(name, "a time needs a zone; write 2026-01-31T12:00:00Z")
            if not TIME_MIN <= instant <= TIME_MAX:
                raise InvalidValueError(name, f"{instant.isoformat()} is outside the years 1900 to 2199")
        if self.start > self.end:
            raise InvalidValueError(
                "time_start", f"it is after time_end ({rfc3339(self.start)} > {rfc3339(self.end)})"
            )

    @property
    def start_ms(self) -> int:
        """The start in whole milliseconds, rounded down."""
        return floor_ms(self.start)

    @property
    def end_ms(self) -> int:
        """The end in whole milliseconds, rounded up."""
        return ceil_ms(self.end)

    @property
    def duration_s(self) -> float:
        """How long the window lasts, in seconds."""
        return (self.end - self.start).total_seconds()

    def shifted(self, shift_ms: int) -> TimeWindow:
        """Return the window moved by so many milliseconds, later when positive.

        Raises:
            InvalidValueError: It would leave `TIME_MIN`..`TIME_MAX`.
        """
        try:
            shift = timedelta(milliseconds=shift_ms)
            return TimeWindow(start=self.start + shift, end=self.end + shift)
        except OverflowError as error:
            raise InvalidValueError("", "a window would leave the years 1900 to 2199") from error
