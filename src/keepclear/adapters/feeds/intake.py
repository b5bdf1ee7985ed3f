"""What came of one feed: counted, decoded in small pieces, and kept until it is handed over.

Whatever a feed sends, its part of the time and of the memory is bounded: a piece of `BYTES_PER_TURN_MAX`
is decoded, then all others have their turn; and no more than `PENDING_REPORTS_MAX` reports wait. When more
come than are taken, of each id the newest stays, and the others are counted as dropped.

Only a report that is newer than all before it makes a feed live: a receiver that is stuck, and says the
same again and again, is silent.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

import numpy as np

from keepclear.adapters.feeds.address import FeedAddress
from keepclear.codec.decoding import Decoded, Decoder, printable
from keepclear.core.feed_health import PROBLEMS_KEPT_MAX, FeedHealth, FeedProblem, FeedState, MalformedSample
from keepclear.core.reports import Refused, Report, Reports, gather
from keepclear.core.tracks import FUTURE_MAX_S

BYTES_PER_TURN_MAX: Final = 65_536
"""So many bytes of a feed are decoded before others have their turn."""
BATCH_REPORTS_MAX: Final = 10_000
"""So many reports of a feed are handed over at once."""
PENDING_REPORTS_MAX: Final = 50_000
"""So many reports of a feed wait to be handed over."""

REASON_CHARACTERS_MAX: Final = 300
"""So much is kept of the reason of a problem."""


class _Phase(Enum):
    """What is known without looking at the time."""

    CONNECTING = FeedState.CONNECTING
    CONNECTED = FeedState.LIVE
    WAITING = FeedState.WAITING
    ENDED = FeedState.ENDED
    FAILED = FeedState.FAILED


@dataclass(slots=True)
class _Counts:
    reports: int = 0
    refused: int = 0
    malformed: int = 0
    dropped: int = 0
    reconnects: int = 0
    bytes: int = 0


class Intake:
    """See the module.

    Args:
        address: The feed.
        now_ms: Returns the time, milliseconds since 1970.
        elapsed_s: Returns seconds that never step back, by which silence is told.
    """

    def __init__(
        self, address: FeedAddress, now_ms: Callable[[], int], elapsed_s: Callable[[], float]
    ) -> None:
        self.address = address
        self.has_news = False
        """Whether a new report came since it was last being connected."""
        self.has_ended = False
        """Whether nothing will come any more."""
        self.now_ms = now_ms
        """Returns the time, milliseconds since 1970."""
        self._elapsed_s = elapsed_s
        self._pending = Pending()
        self._handed_over = asyncio.Event()
        self._counts = _Counts()
        self._phase, self._phase_ms, self._phase_s = _Phase.CONNECTING, now_ms(), elapsed_s()
        self._was_connected = False
        self._received_ms: int | None = None
        self._news_ms: int | None = None
        self._news_s = float("-inf")
        self._newest_at_ms: int | None = None
        self._live_ms = 0
        self._problems: OrderedDict[str, int] = OrderedDict()
        self._samples: deque[MalformedSample] = deque(maxlen=PROBLEMS_KEPT_MAX)

    # -- how the connection is ------------------------------------------------------------------------

    def connecting(self) -> None:
        """Take note that it is being connected."""
        self.has_news = False
        self._enter(_Phase.CONNECTING)

    def connected(self) -> None:
        """Take note that it is connected."""
        if self._was_connected:
            self._counts.reconnects += 1
        self._was_connected = True
        self._live_ms = self.now_ms()
        self._enter(_Phase.CONNECTED)

    def lost(self, reason: str) -> None:
        """Take note that the connection was lost or refused, and will be tried again."""
        self.problem(reason)
        self._enter(_Phase.WAITING)

    def failed(self, reason: str, *, is_final: bool = False) -> None:
        """Take note that it cannot be used as things are.

        Args:
            reason: Why, as a clause without a full stop.
            is_final: Whether it will not be tried again.
        """
        self.problem(reason)
        self._enter(_Phase.FAILED)
        self.has_ended = is_final

    def ended(self) -> None:
        """Take note that it is at its end."""
        self._enter(_Phase.ENDED)
        self.has_ended = True

    def restarted(self) -> None:
        """Take note that time was set: what was heard before says nothing of now."""
        self._newest_at_ms, self._news_s = None, float("-inf")
        self.has_ended = False
        self._enter(_Phase.CONNECTED)

    def problem(self, reason: str) -> None:
        """Take note of something that is wrong.

        Args:
            reason: What, as a clause without a full stop; the same words for the same thing.
        """
        # Others may have a part in the words.
        reason = "".join(c if c.isprintable() else "?" for c in reason[:REASON_CHARACTERS_MAX])
        self._problems.pop(reason, None)
        self._problems[reason] = self.now_ms()
        if len(self._problems) > PROBLEMS_KEPT_MAX:
            self._problems.popitem(last=False)

    def _enter(self, phase: _Phase) -> None:
        if phase is not self._phase or phase is _Phase.CONNECTED:
            self._phase, self._phase_ms, self._phase_s = phase, self.now_ms(), self._elapsed_s()

    # -- what comes -----------------------------------------------------------------------------------

    def received(self, byte_count: int) -> int:
        """Count bytes.

        Returns:
            When they came: now, milliseconds since 1970.
        """
        self._counts.bytes += byte_count
        self._received_ms = self.now_ms()
        return self._received_ms

    async def has_room(self) -> None:
        """Wait until a batch has room: for what can be read later, and is not to be dropped."""
        while len(self._pending) > PENDING_REPORTS_MAX - BATCH_REPORTS_MAX:
            self._handed_over.clear()
            await self._handed_over.wait()

    async def take(self, decoder: Decoder, data: bytes) -> None:
        """Decode the next bytes of a stream, a piece in each turn of the loop."""
        for start in range(0, len(data), BYTES_PER_TURN_MAX):
            piece = data[start : start + BYTES_PER_TURN_MAX]
            received_ms = self.received(len(piece))
            self.decoded(decoder.decode(piece, received_ms), received_ms)
            await asyncio.sleep(0)

    def finish(self, decoder: Decoder) -> None:
        """Take what the end of a stream leaves over."""
        now_ms = self.now_ms()
        self.decoded(decoder.finish(now_ms), now_ms)

    def decoded(self, decoded: Decoded, received_ms: int) -> None:
        """Keep what was decoded until it is handed over.

        Args:
            decoded: Reports, and what was not understood.
            received_ms: When it came, milliseconds since 1970.
        """
        for fault in decoded.malformed:
            self.malformed(fault.count, fault.reason, fault.sample, received_ms)
        if decoded.reports:
            self._counts.dropped += self._pending.add(decoded.reports, received_ms)

    def malformed(self, count: int, reason: str, sample: str, received_ms: int) -> None:
        """Count what was not understood."""
        self._counts.malformed += count
        self._samples.append(MalformedSample(received_ms, reason, sample))

    def refused(self, rows: Sequence[Report], times: Sequence[int], refused: Sequence[Refused]) -> None:
        """Count reports that cannot be what they say.

        Args:
            rows: The reports.
            times: When each was received, milliseconds since 1970.
            refused: Which are refused, and why.
        """
        self._counts.refused += len(refused)
        for row, reason in refused[-PROBLEMS_KEPT_MAX:]:
            self._samples.append(MalformedSample(times[row], reason, printable(rows[row].id)))

    def dropped(self, count: int, reason: str) -> None:
        """Count what was not taken for want of time or room."""
        self._counts.dropped += count
        self.problem(reason)

    # -- what is handed over --------------------------------------------------------------------------

    @property
    def pending_count(self) -> int:
        """How many reports wait to be handed over."""
        return len(self._pending)

    def next_batch(self) -> Reports | None:
        """Return the next reports in columns, with the options of the feed applied; None for none."""
        rows, times = self._pending.take(BATCH_REPORTS_MAX)
        self._handed_over.set()
        if not rows:
            return None
        gathered = gather(self.address.name, self.address.options.apply(rows), times[-1])
        self.refused(rows, times, gathered.refused)
        reports = gathered.reports
        if not len(reports):
            return None
        if times[0] != times[-1]:
            kept = np.delete(np.array(times, dtype=np.int64), [refused.row for refused in gathered.refused])
            reports = replace(reports, received_ms=kept)
        self.given_on(reports)
        return reports

    def given_on(self, reports: Reports) -> None:
        """Count reports that are given on, and tell news from what was known."""
        self._counts.reports += len(reports)
        times = reports.at_ms[reports.at_ms - reports.received_ms <= FUTURE_MAX_S * 1000.0]
        if not len(times):
            self.problem("its reports are from the future: its clock or that of this machine is wrong")
            return
        newest_ms = int(times.max())
        if self._newest_at_ms is not None and newest_ms <= self._newest_at_ms:
            return
        was_live = self._state()[0] is FeedState.LIVE
        self._newest_at_ms = newest_ms
        self._news_ms, self._news_s = self.now_ms(), self._elapsed_s()
        self.has_news = True
        if not was_live:
            self._live_ms = self._news_ms

    def not_taken(self, reports: Reports, reason: str) -> None:
        """Count reports that were given on, and could not be taken."""
        self._counts.reports -= len(reports)
        self.dropped(len(reports), reason)

    # -- how it is ------------------------------------------------------------------------------------

    def health(self) -> FeedHealth:
        """Return how the feed is now."""
        state, since_ms = self._state()
        counts = self._counts
        return FeedHealth(
            name=self.address.name,
            address=self.address.shown,
            format=self.address.format,
            state=state,
            since_ms=since_ms,
            last_received_ms=self._received_ms,
            last_report_ms=self._news_ms,
            report_count=counts.reports,
            refused_count=counts.refused,
            malformed_count=counts.malformed,
            dropped_count=counts.dropped,
            reconnect_count=counts.reconnects,
            bytes_count=counts.bytes,
            problems=tuple(FeedProblem(at_ms, reason) for reason, at_ms in self._problems.items()),
            samples=tuple(self._samples),
        )

    def _state(self) -> tuple[FeedState, int]:
        """Return how it is, and since when."""
        if self._phase is not _Phase.CONNECTED:
            return self._phase.value, self._phase_ms
        now_s, silent_s = self._elapsed_s(), self.address.options.silent_s
        if now_s - self._news_s <= silent_s:
            return FeedState.LIVE, self._live_ms
        silent_for_s = now_s - max(self._news_s, self._phase_s) - silent_s
        if silent_for_s <= 0.0:
            return FeedState.CONNECTING, self._phase_ms
        return FeedState.SILENT, self.now_ms() - round(silent_for_s * 1000.0)


class Pending:
    """Reports that wait, at most `PENDING_REPORTS_MAX`, in the order in which they came."""

    def __init__(self) -> None:
        self._reports: list[Report] = []
        self._received_ms: list[int] = []

    def __len__(self) -> int:
        return len(self._reports)

    def add(self, reports: list[Report], received_ms: int) -> int:
        """Add reports; when there are too many, of each id the newest stays, and of these half at most.

        Args:
            reports: They may be of any value.
            received_ms: When they were received, milliseconds since 1970.

        Returns:
            How many were dropped.
        """
        self._reports.extend(reports)
        self._received_ms.extend([received_ms] * len(reports))
        before = len(self._reports)
        if before <= PENDING_REPORTS_MAX:
            return 0
        best: dict[str, tuple[int, int]] = {}
        for row, (report, came_ms) in enumerate(zip(self._reports, self._received_ms, strict=True)):
            at_ms = min(report.at_ms, came_ms)  # one from the future does not push out all that follow
            known = best.get(report.id)
            if known is None or at_ms >= known[0]:
                best[report.id] = (at_ms, row)
        # Half, so that this is not done again at once when there are too many ids, too.
        rows = sorted(row for _, row in best.values())[-(PENDING_REPORTS_MAX // 2) :]
        self._reports = [self._reports[row] for row in rows]
        self._received_ms = [self._received_ms[row] for row in rows]
        return before - len(rows)

    def take(self, count_max: int) -> tuple[list[Report], list[int]]:
        """Take out the first, and when each was received."""
        reports, times = self._reports[:count_max], self._received_ms[:count_max]
        del self._reports[:count_max], self._received_ms[:count_max]
        return reports, times
