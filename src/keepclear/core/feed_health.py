"""How a feed is: whether reports come, when the last one came, what was wrong, how much was lost.

A feed from which nothing comes must look different from an empty sky. So a feed is live only while new
reports come from it; that it is connected is not enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from keepclear.core.errors import InvalidValueError

PROBLEMS_KEPT_MAX: Final = 10
"""So many problems, and so many samples of what was not understood, are kept of a feed: the newest."""


class FeedState(Enum):
    """How a feed is at one moment."""

    CONNECTING = "connecting"
    """It is being connected, or has just been, and no report has come yet."""
    LIVE = "live"
    """New reports come."""
    SILENT = "silent"
    """It is connected, and no new report has come for a while: there may be traffic that is not seen."""
    WAITING = "waiting"
    """Its connection was lost or refused, and is tried again soon."""
    ENDED = "ended"
    """It was at its end, and no more will come."""
    FAILED = "failed"
    """It cannot be used as things are, for the reason of its last problem."""

    @property
    def sees(self) -> bool:
        """Whether what flies in the reach of the feed is seen by it now."""
        return self is FeedState.LIVE


class FeedProblem(NamedTuple):
    """What was wrong with a feed, and when.

    Attributes:
        at_ms: When it was last so, milliseconds since 1970.
        reason: What, as a clause without a full stop.
    """

    at_ms: int
    reason: str


class MalformedSample(NamedTuple):
    """Something of a feed that was not understood, or a report that was refused.

    Attributes:
        at_ms: When it came, milliseconds since 1970.
        reason: Why it was not taken, as a clause without a full stop.
        sample: Its beginning, printable; or the id of the report.
    """

    at_ms: int
    reason: str
    sample: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHealth:
    """How a feed is at one moment. What came is counted since it was started.

    Attributes:
        name: What the feed is called.
        address: Where it comes from, without secrets.
        format: In which format, such as `readsb`.
        state: How it is.
        since_ms: Since when it is so, milliseconds since 1970, as all that ends so.
        last_received_ms: When anything came last; None when nothing ever has.
        last_report_ms: When a report newer than all before it came last; None when none ever has.
        report_count: Reports that were given on.
        refused_count: Reports that cannot be what they say.
        malformed_count: What was not understood.
        dropped_count: Reports (of datagrams and connections: these) that were not taken for want of time
            or room, as newer ones of the same id were waiting, or too many.
        reconnect_count: How often it was connected anew.
        bytes_count: Bytes that came.
        problems: The newest problems, the newest last, each reason once.
        samples: The newest of what was malformed or refused, the newest last.

    Raises:
        InvalidValueError: A count is negative.
    """

    name: str
    address: str
    format: str
    state: FeedState
    since_ms: int
    last_received_ms: int | None = None
    last_report_ms: int | None = None
    report_count: int = 0
    refused_count: int = 0
    malformed_count: int = 0
    dropped_count: int = 0
    reconnect_count: int = 0
    bytes_count: int = 0
    problems: tuple[FeedProblem, ...] = ()
    samples: tuple[MalformedSample, ...] = ()

    def __post_init__(self) -> None:
        for name in (
            "report_count",
            "refused_count",
            "malformed_count",
            "dropped_count",
            "reconnect_count",
            "bytes_count",
        ):
            if getattr(self, name) < 0:
                raise InvalidValueError(name, "a count is not negative")

    @property
    def last_problem(self) -> FeedProblem | None:
        """The newest problem, with its time; None when there was none."""
        return self.problems[-1] if self.problems else None
