"""What a recording holds, in the order in which it happened, and how a moment of the past is made of it.

Everything that the watch was given is recorded, and what it found is recorded as a digest. To see a moment
again, a new watch is given the same through the same code: it then knows what was known then, no more.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar, assert_never

import numpy as np
import numpy.typing as npt

from keepclear.core.errors import InvalidValueError
from keepclear.core.packed import Ints
from keepclear.core.refs import check_text
from keepclear.core.reports import Reports

WARM_UP_S: Final = 600.0
"""So long before a moment a replay begins, so that tracks and alerts are as they were."""
SHORT_MS: Final = 5_000
"""A replay whose first entry is later than this after its beginning, is short."""
DIGEST_BYTES_MAX: Final = 32
"""The longest digest of a cycle."""
EVENT_BYTES_MAX: Final = 65_536
"""The longest text of an event, bytes of UTF-8."""
NOTE_CHARACTERS_MAX: Final = 2_000
"""The longest note."""
WORD_CHARACTERS_MAX: Final = 64
"""The longest word that tells what an event is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCycle:
    """The watch looked at everything.

    Attributes:
        at_ms: When, milliseconds since 1970.
        track_count: How many tracks there were.
        digest: A digest of what it found, at most `DIGEST_BYTES_MAX` bytes; empty where none was made.

    Raises:
        InvalidValueError: The digest is too long, or the count is negative.
    """

    at_ms: int
    track_count: int
    digest: bytes = b""

    def __post_init__(self) -> None:
        if len(self.digest) > DIGEST_BYTES_MAX:
            raise InvalidValueError("digest", f"{len(self.digest)} bytes are over {DIGEST_BYTES_MAX}")
        if self.track_count < 0:
            raise InvalidValueError("track_count", f"{self.track_count} is no count")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """Something else that happened: an alert changed, somebody acknowledged, a feed fell silent.

    Attributes:
        at_ms: When, milliseconds since 1970.
        what: What, in one word, such as `alert`, `acknowledgement`, `feed`, `declared`.
        text: What belongs to it, a JSON object as UTF-8 text.

    Raises:
        InvalidValueError: The word is none, or the text is too long.
    """

    at_ms: int
    what: str
    text: bytes

    def __post_init__(self) -> None:
        check_text("what", self.what, WORD_CHARACTERS_MAX)
        if len(self.text) > EVENT_BYTES_MAX:
            raise InvalidValueError("text", f"{len(self.text)} bytes are over {EVENT_BYTES_MAX}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedNote:
    """A sentence about the recording itself, such as that it had stopped, and why.

    Attributes:
        at_ms: When, milliseconds since 1970.
        text: The sentence.

    Raises:
        InvalidValueError: It is empty, too long or not printable.
    """

    at_ms: int
    text: str

    def __post_init__(self) -> None:
        check_text("text", self.text, NOTE_CHARACTERS_MAX)


Entry: TypeAlias = Reports | RecordedCycle | RecordedEvent | RecordedNote
"""One entry of a recording."""


def received_span_ms(entry: Entry) -> tuple[int, int]:
    """Return when the first and the last of an entry was received, milliseconds since 1970."""
    if isinstance(entry, Reports):
        return int(entry.received_ms.min()), int(entry.received_ms.max())
    return entry.at_ms, entry.at_ms


def taken_rows(reports: Reports, rows: npt.NDArray[np.bool_] | Ints, *, source: str | None = None) -> Reports:
    """Return some of the reports, in their order.

    Args:
        reports: The reports.
        rows: A mask of shape (n,), or numbers of rows.
        source: Of which source they are; None for that of the reports.
    """
    chosen = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
    places = chosen.tolist()
    columns: dict[str, Any] = {"source": reports.source if source is None else source}
    for field in fields(Reports):
        column = getattr(reports, field.name)
        if isinstance(column, np.ndarray):
            columns[field.name] = column[chosen]
        elif isinstance(column, tuple):
            columns[field.name] = tuple([column[place] for place in places])
    return Reports(**columns)


def joined(parts: Sequence[Reports]) -> Reports:
    """Return reports of one source, at least one part of them, one after the other."""
    columns: dict[str, Any] = {"source": parts[0].source}
    for field in fields(Reports):
        if field.name == "source":
            continue
        each = [getattr(part, field.name) for part in parts]
        is_array = isinstance(each[0], np.ndarray)
        columns[field.name] = np.concatenate(each) if is_array else tuple(itertools.chain.from_iterable(each))
    return Reports(**columns)


# -- a moment ---------------------------------------------------------------------------------------


class Replayed(Protocol):
    """A watch that can be given what a recording holds."""

    def take(self, reports: Reports) -> object:
        """Take reports, as if they were received now."""

    def cycle(self, now_ms: int) -> bytes:
        """Look at everything as of an instant; return the digest of what was found, or nothing."""

    def happened(self, event: RecordedEvent) -> object:
        """Take note of an event: what was given to the watch is given again, what it said itself is not."""


W = TypeVar("W", bound=Replayed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment(Generic[W]):
    """A watch as it was at an instant.

    Attributes:
        watch: It.
        at_ms: The instant that was asked for, milliseconds since 1970.
        cycle_ms: Its last cycle; None where there was none since the replay began.
        report_count: So many reports it was given.
        cycle_count: So many cycles it went through.
        differing_count: In so many of them it found something else than when it was live. In the first
            minutes of a replay that is so wherever something had begun before.
        is_short: Whether the recording begins later than the replay should.
    """

    watch: W
    at_ms: int
    cycle_ms: int | None
    report_count: int
    cycle_count: int
    differing_count: int
    is_short: bool


def moment(
    entries: Iterable[Entry], at_ms: int, make_watch: Callable[[], W], *, warm_up_s: float = WARM_UP_S
) -> Moment[W]:
    """Make the watch of an instant: what had been received by then, through the same code as live.

    Args:
        entries: The recording, in the order of receipt, from `warm_up_s` before the instant on or earlier.
        at_ms: The instant, milliseconds since 1970; what was received at it is taken.
        make_watch: Makes a watch that knows nothing yet.
        warm_up_s: How long before the instant the replay begins.

    Returns:
        The watch after its last cycle that is not later than the instant, and what was received since.
    """
    watch = make_watch()
    from_ms = at_ms - round(warm_up_s * 1_000.0)
    reports_count = cycle_count = differing_count = 0
    cycle_ms: int | None = None
    first_ms: int | None = None
    for entry in entries:
        first, last = received_span_ms(entry)
        if last < from_ms or first > at_ms:
            continue
        first_ms = first if first_ms is None else first_ms
        match entry:
            case Reports():
                known = (entry.received_ms >= from_ms) & (entry.received_ms <= at_ms)
                watch.take(entry if known.all() else taken_rows(entry, known))
                reports_count += int(known.sum())
            case RecordedCycle():
                found = watch.cycle(entry.at_ms)
                cycle_ms = entry.at_ms
                cycle_count += 1
                differing_count += entry.digest not in {b"", found}
            case RecordedEvent():
                watch.happened(entry)
            case RecordedNote():
                pass
            case _:
                assert_never(entry)
    return Moment(
        watch=watch,
        at_ms=at_ms,
        cycle_ms=cycle_ms,
        report_count=reports_count,
        cycle_count=cycle_count,
        differing_count=differing_count,
        is_short=first_ms is None or first_ms > from_ms + SHORT_MS,
    )
