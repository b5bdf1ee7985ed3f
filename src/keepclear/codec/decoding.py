"""What every decoder of a feed gives back: reports, and what it could not understand.

A decoder makes reports of what a source says. It does not judge their values (`core.reports.gather` does),
it never raises whatever it is given, and what it remembers is bounded. What its format says is to be left
aside is left aside silently; all else that is not understood is counted, with a sample of it.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import msgspec

from keepclear.core.reports import Report

LINE_BYTES_MAX: Final = 65_536
"""A line, a frame or a message of a stream is no longer; what is longer is malformed as a whole."""
DOCUMENT_BYTES_MAX: Final = 64 * 1024 * 1024
"""A document that is asked for again and again, such as `aircraft.json`, is no larger."""
AIRCRAFT_MAX: Final = 100_000
"""A decoder remembers what was said of so many aircraft; the one heard longest ago is forgotten first."""
SAMPLE_CHARACTERS_MAX: Final = 80
"""So much is shown of what was not understood."""
SAMPLE_BYTES_MAX: Final = 4 * SAMPLE_CHARACTERS_MAX
"""Of so much of it, a character may have four bytes."""


class Malformed(NamedTuple):
    """What a decoder did not understand.

    Attributes:
        count: How many times in the data given.
        reason: Why not, as a clause without a full stop.
        sample: The beginning of the first of it, printable, at most `SAMPLE_CHARACTERS_MAX` characters.
    """

    count: int  # type: ignore[assignment]  # nobody looks for a value in it with `tuple.count`
    reason: str
    sample: str


class Decoded(NamedTuple):
    """What a piece of data said."""

    reports: list[Report]
    malformed: list[Malformed]


class Decoder(Protocol):
    """Reads a stream that comes in pieces.

    Any cut of a stream into pieces gives the same reports. The unfinished rest of a piece is kept for the
    next one; no more of it than a line may have.
    """

    def decode(self, data: bytes, received_ms: int) -> Decoded:
        """Take the next piece of the stream.

        Args:
            data: The piece.
            received_ms: When it was received, milliseconds since 1970.

        Returns:
            What is complete now.
        """
        ...

    def finish(self, received_ms: int) -> Decoded:
        """Take note that the stream has ended; the next piece begins another.

        Args:
            received_ms: When that was, milliseconds since 1970.

        Returns:
            The last report, if what was left over is one; else it is malformed.
        """
        ...


class Faults:
    """Counts what is not understood in one piece of data, by reason.

    A reason names a field or a fault, never a value of the data, so that there are few of them.
    """

    def __init__(self) -> None:
        self._by_reason: dict[str, tuple[int, str]] = {}

    def add(self, reason: str, sample: bytes | str, count: int = 1) -> None:
        """Count one more, or several.

        Args:
            reason: Why it was not understood, as a clause without a full stop.
            sample: What it was.
            count: How many times.
        """
        known = self._by_reason.get(reason)
        if known is None:
            self._by_reason[reason] = (count, printable(sample))
        else:
            self._by_reason[reason] = (known[0] + count, known[1])

    def malformed(self) -> list[Malformed]:
        """Return all of them in the order in which each reason came up first."""
        return [Malformed(count, reason, sample) for reason, (count, sample) in self._by_reason.items()]


def head_text(data: bytes | msgspec.Raw) -> str:
    """Return the beginning of something as text, to stand behind what is wrong with it in a sample.

    Args:
        data: Bytes, taken for UTF-8 where they are that.
    """
    return bytes(memoryview(data)[:SAMPLE_BYTES_MAX]).decode("utf-8", "backslashreplace")


def printable(sample: bytes | str) -> str:
    """Return the beginning of something that was not understood, fit to be shown to people.

    Args:
        sample: Bytes, taken for UTF-8 where they are that, or text.

    Returns:
        At most `SAMPLE_CHARACTERS_MAX` printable characters; all others as escapes.
    """
    head = sample[:SAMPLE_BYTES_MAX]
    text = head_text(head) if isinstance(head, bytes) else head
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return shown[:SAMPLE_CHARACTERS_MAX]
