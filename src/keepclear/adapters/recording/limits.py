"""How long and how much is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keepclear.core.errors import InvalidValueError

HOURS_MAX: Final = 87_600.0
"""No recording is kept longer than this, hours."""
BYTES_MIN: Final = 10_000_000
"""A recording has room for so many bytes at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingLimits:
    """How long and how much is recorded; the oldest goes first.

    Attributes:
        hours: What was received longer ago is deleted.
        bytes_max: So many bytes it all takes at most.

    Raises:
        InvalidValueError: A number is out of range.
    """

    hours: float = 72.0
    bytes_max: int = 5_000_000_000

    def __post_init__(self) -> None:
        if not 0.0 < self.hours <= HOURS_MAX:
            raise InvalidValueError("hours", f"{self.hours!r} is not over 0 and up to {HOURS_MAX:g}")
        if self.bytes_max < BYTES_MIN:
            raise InvalidValueError("bytes_max", f"{self.bytes_max:,} are less than {BYTES_MIN:,}")
