"""The files of a recording: their names, which there are, and which of them are pinned."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from keepclear.core.times import floor_ms, instant_of

SUFFIX: Final = ".kcr"
"""How the name of every file of a recording ends."""
PIN_SUFFIX: Final = ".pinned"
"""A file of its name and this, which somebody puts beside a segment, keeps it from being deleted."""
SEGMENT_MS: Final = 600_000
"""A segment is begun every ten minutes."""
SEGMENT_BYTES_MAX: Final = 64_000_000
"""A segment that has grown so large is closed earlier."""
SEGMENTS_MAX: Final = 1_000_000
"""So many segments of a folder are looked at."""

_NAME: Final = re.compile(r"([0-9]{8}T[0-9]{6}Z)(?:-([0-9]{1,4}))?\.kcr")
_STAMP: Final = "%Y%m%dT%H%M%SZ"


class Segment(NamedTuple):
    """A file of a recording; the order is that of time.

    Attributes:
        started_ms: When it was begun, by its name, milliseconds since 1970.
        number: Which of those begun in that second, from 1.
        path: The file.
    """

    started_ms: int
    number: int
    path: Path

    @property
    def pin(self) -> Path:
        """The file that keeps it from being deleted."""
        return self.path.with_name(self.path.name + PIN_SUFFIX)

    @property
    def size(self) -> int:
        """How many bytes it has; 0 where it is gone."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0


def segment_in(folder: Path, started_ms: int, number: int) -> Segment:
    """Return the segment of a folder that was begun then."""
    stamp = instant_of(started_ms).strftime(_STAMP)
    name = f"{stamp}{SUFFIX}" if number == 1 else f"{stamp}-{number}{SUFFIX}"
    return Segment(started_ms // 1_000 * 1_000, number, folder / name)


def segments_of(folder: Path) -> list[Segment]:
    """Return the segments in a folder, the oldest first; other files are none.

    Raises:
        OSError: The folder cannot be read.
    """
    found: list[Segment] = []
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match is None or len(found) >= SEGMENTS_MAX:
            continue
        try:
            stamp = datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC)
        except ValueError:  # such as the 31st of February
            continue
        found.append(Segment(floor_ms(stamp), int(match[2] or "1"), path))
    return sorted(found)
