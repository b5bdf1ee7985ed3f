"""All feeds of a watch: each runs by itself, and what they say is given on, batch by batch.

The fault of one feed never ends the others. What comes is handed over every `HAND_OVER_S` in the thread of
the event loop, one batch of each feed in turn; in between at least as much time is left for reading.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Final, TypeVar

from keepclear.adapters.feeds.address import FeedAddress
from keepclear.adapters.feeds.cot_out import CotOut
from keepclear.adapters.feeds.formats import Way
from keepclear.adapters.feeds.intake import Intake
from keepclear.adapters.feeds.kept_recordings import KeptRecording
from keepclear.adapters.feeds.lost import BACKOFF_MAX_S, FeedLostError, FeedUnusableError, backoff_s
from keepclear.adapters.feeds.polling import poll_file, poll_http
from keepclear.adapters.feeds.recorded_files import read_recorded
from keepclear.adapters.feeds.replaying import BATCH_MS, Recorded, Replay
from keepclear.adapters.feeds.standard_input import read_descriptor
from keepclear.adapters.feeds.tcp import listen_tcp, read_tcp
from keepclear.adapters.feeds.udp import read_udp
from keepclear.core.errors import InvalidValueError
from keepclear.core.feed_health import FeedHealth
from keepclear.core.reports import Reports
from keepclear.core.times import floor_ms
from keepclear.node.ports import Clock

Take = Callable[[Reports], object]
"""What is called with reports, in the thread of the event loop."""

HAND_OVER_S: Final = 0.1
"""So often what came is handed over."""
CLOSE_S_MAX: Final = 1.0
"""So long closing all feeds may take."""

_STDIN: Final = 0
_NOT_TAKEN: Final = "reports could not be taken, by a fault of this node"
_T = TypeVar("_T")

_log = logging.getLogger(__name__)


class Feeds:
    """See the module.

    Args:
        addresses: The feeds, of different names; see `address.parse_feeds`.
        clock: The time of day. Feeds that are recordings live in the time of `replay.clock` instead.
        take: Is given all reports.
        random: Chance for the waits before a feed is connected anew.
        monotonic: Seconds that never step back.

    Attributes:
        replay: The replay, if the feeds are recordings: its `clock` is the clock of the watch. Else None.

    Raises:
        InvalidValueError: Recordings are mixed with other feeds or with other options of a replay, or
            cannot be read.
    """

    def __init__(
        self,
        addresses: Sequence[FeedAddress],
        clock: Clock,
        take: Take,
        *,
        random: Random | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.replay: Replay | None = None
        self._clock, self._take, self._monotonic = clock, take, monotonic
        self._random = Random() if random is None else random
        self._intakes = [Intake(address, self._now_ms, self._elapsed_s) for address in addresses]
        self._outs = {intake: CotOut(intake) for intake in self._intakes if intake.address.options.sends}
        if any(address.way is Way.RECORDING for address in addresses):
            self.replay = self._opened(addresses)
            for intake in self._intakes:
                intake.restarted()

    def _opened(self, addresses: Sequence[FeedAddress]) -> Replay:
        if not all(address.way is Way.RECORDING for address in addresses):
            raise InvalidValueError(
                "feeds", "recordings are replayed in their own time; do not mix them with other feeds"
            )
        return Replay(
            [_recorded(intake) for intake in self._intakes],
            speed=_common("speed", [a.options.speed for a in addresses if a.options.speed != 1.0], 1.0),
            from_ms=_common(
                "from", [a.options.from_ms for a in addresses if a.options.from_ms is not None], None
            ),
            to_ms=_common("to", [a.options.to_ms for a in addresses if a.options.to_ms is not None], None),
            is_looped=any(a.options.is_looped for a in addresses),
            heard=lambda number, reports: self._intakes[number].given_on(reports),
            monotonic=self._monotonic,
        )

    # -- running --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run all feeds until it is cancelled; they are closed then within `CLOSE_S_MAX`."""
        if self.replay is not None:
            await self._play(self.replay)
            return
        tasks = [asyncio.ensure_future(self._keep(intake)) for intake in self._intakes]
        try:
            await self._hand_over()
        finally:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=CLOSE_S_MAX)

    async def _keep(self, intake: Intake) -> None:
        """Run a feed, anew after each fault, until it is at its end."""
        failure_count = 0
        while True:
            started_s = self._monotonic()
            intake.connecting()
            try:
                await self._read(intake)
            except FeedUnusableError as error:
                intake.failed(error.reason, is_final=True)
                return
            except FeedLostError as error:
                intake.lost(error.reason)
            except Exception as error:  # whatever it is, a feed must not die of it in silence
                _log.exception("a fault in a feed", extra={"feed": intake.address.name})
                intake.failed(f"a fault of this node: {type(error).__name__}")
            else:
                intake.ended()
                return
            if intake.has_news or self._monotonic() - started_s > BACKOFF_MAX_S:
                failure_count = 0
            failure_count += 1
            await asyncio.sleep(backoff_s(failure_count, self._random))

    async def _read(self, intake: Intake) -> None:
        address, out = intake.address, self._outs.get(intake)
        if address.feed_format.lacks_extra:
            raise FeedUnusableError(
                f"feeds of {address.format} need an extra; install it: "
                f"pip install 'keepclear[{address.feed_format.extra}]'"
            )
        match address.way:
            case Way.TCP:
                await read_tcp(intake, out)
            case Way.LISTEN:
                await listen_tcp(intake)
            case Way.UDP:
                await read_udp(intake, out)
            case Way.HTTP:
                await poll_http(intake)
            case Way.FILE:
                await poll_file(intake)
            case Way.STDIN:
                await read_descriptor(intake, _STDIN)
            case Way.RECORDING:
                raise AssertionError("recordings are replayed")

    async def _hand_over(self) -> None:
        while True:
            spent_s = 0.0
            for intake in self._intakes:
                started_s = self._monotonic()
                self._give(intake)
                spent_s += self._monotonic() - started_s
                await asyncio.sleep(0)
            # Reading has at least half of the time, so that what is too much is dropped here and counted,
            # and does not wait in the system until it is old.
            is_behind = any(intake.pending_count for intake in self._intakes)
            await asyncio.sleep(spent_s if is_behind else max(HAND_OVER_S, spent_s))

    def _give(self, intake: Intake) -> None:
        reports: Reports | None = None
        before = intake.pending_count
        try:
            reports = intake.next_batch()
            if reports is not None:
                self._take(reports)
        except Exception:  # whatever it is, it must not end all feeds
            _log.exception("reports could not be taken", extra={"feed": intake.address.name})
            if reports is None:
                intake.dropped(before - intake.pending_count, _NOT_TAKEN)
            else:
                intake.not_taken(reports, _NOT_TAKEN)

    async def _play(self, replay: Replay) -> None:
        while True:
            while not replay.has_ended and replay.position_ms < (now_ms := replay.clock.now_ms()):
                self._step(replay, min(replay.position_ms + BATCH_MS, now_ms))
                await asyncio.sleep(0)
            await asyncio.sleep(HAND_OVER_S)

    def _step(self, replay: Replay, at_ms: int) -> list[Reports]:
        batches = replay.until(at_ms)
        for reports in batches:
            try:
                self._take(reports)
            except Exception:  # as when it is live
                _log.exception("reports could not be taken", extra={"feed": reports.source})
                for intake in self._intakes:
                    intake.problem(_NOT_TAKEN)
        if replay.has_ended:
            for intake in self._intakes:
                intake.ended()
        return batches

    # -- asking ---------------------------------------------------------------------------------------

    def health(self) -> list[FeedHealth]:
        """Return how each feed is now, in the order in which they were given."""
        return [intake.health() for intake in self._intakes]

    @property
    def has_ended(self) -> bool:
        """Whether all feeds are at their end, and all that came was given on."""
        if self.replay is not None:
            return self.replay.has_ended
        return all(intake.has_ended and not intake.pending_count for intake in self._intakes)

    def until(self, at_ms: int) -> list[Reports]:
        """Step a replay without an event loop: its clock is set to an instant and stands still there.

        Args:
            at_ms: The instant, milliseconds since 1970.

        Returns:
            What was given to `take`: all that was recorded up to then, inclusive, in batches of a second
            at most.
        """
        assert self.replay is not None, "what is live cannot be stepped"
        self.replay.clock.pause()
        self.replay.clock.set(at_ms)
        return self._step(self.replay, at_ms)

    def seek(self, at_ms: int) -> None:
        """Go to an instant of a replay; see `Replay.seek`."""
        assert self.replay is not None, "what is live has no other time than now"
        self.replay.seek(at_ms)
        for intake in self._intakes:
            intake.restarted()

    def send_cot(self, events: Sequence[bytes]) -> int:
        """Send CoT events to all feeds with `?send=1`; to be called in the thread of the event loop.

        Args:
            events: Each one whole event.

        Returns:
            How many feeds took all of them; one that is not connected takes none.
        """
        taken = 0
        for out in self._outs.values():
            was_sent = [out.send(event) for event in events]  # each is tried, whatever became of others
            taken += all(was_sent)
        return taken

    def _now_ms(self) -> int:
        return floor_ms(self._clock()) if self.replay is None else self.replay.clock.now_ms()

    def _elapsed_s(self) -> float:
        """Return seconds by which silence is told; those of a replay go with its clock."""
        return self._monotonic() if self.replay is None else self.replay.clock.now_ms() / 1000.0


def _recorded(intake: Intake) -> Recorded:
    return KeptRecording(intake) if intake.address.format == "kcr" else read_recorded(intake)


def _common(field: str, values: Sequence[_T], default: _T) -> _T:
    """Return what an option of a replay is for all its recordings.

    Raises:
        InvalidValueError: It was given in different ways.
    """
    if len(set(values)) > 1:
        raise InvalidValueError(field, "recordings are replayed together; give it once, or the same for all")
    return values[0] if values else default
