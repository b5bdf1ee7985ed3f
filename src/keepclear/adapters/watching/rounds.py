"""Rounds: feeds, recording and cycles in one event loop, live or through a recording.

Nothing that goes wrong in a cycle ends it: what it could not do is told with the next one, as a reason why
something may not be seen.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from keepclear.adapters.feeds.address import FeedAddress
from keepclear.adapters.feeds.feeds import Feeds
from keepclear.adapters.memory import keep_giving_back
from keepclear.adapters.watching.given import Given
from keepclear.codec.cot_writing import cot_tracks, encode_track
from keepclear.core.alerts import AlertEvent
from keepclear.core.errors import KeepclearError
from keepclear.core.feed_health import FeedHealth, FeedState
from keepclear.core.recorded import Entry, RecordedCycle, RecordedEvent
from keepclear.core.reports import Reports
from keepclear.core.times import floor_ms
from keepclear.core.track_intake import Taken
from keepclear.node.blind_spots import BLIND_LISTED_MAX
from keepclear.node.ports import Clock
from keepclear.node.watch import Cycle, Sight, Watch

SEND_EVERY_S: Final = 1.0
"""So often what is seen is sent to feeds that want it."""
FAULT_TOLD_MS: Final = 60_000
"""So long after a cycle failed it is told that one is missing."""
CYCLE_MIN_S: Final = 0.02
"""So long it is from one cycle to the next at least, however fast the time runs that is watched."""
_SIGHT_AGAIN_MS: Final = 60_000  # so that a moment of the past, which begins anew, knows it, too
_NOTHING_WATCHED: Final = "nothing is watched: there is no feed, and nobody gives positions"

_log = logging.getLogger(__name__)


class CycleFailedError(KeepclearError):
    """A cycle could not be made, by a fault of this node; what was known before is still shown."""


class Keeps(Protocol):
    """Where everything that is seen is recorded."""

    def write(self, entry: Entry) -> None:
        """Record an entry; what goes wrong is a fault, and raises nothing."""

    def flush(self) -> None:
        """Bring what was written to the disk."""

    def close(self) -> None:
        """Finish."""

    @property
    def fault(self) -> str | None:
        """Why nothing can be recorded at present; None when it can."""


class Declares(Protocol):
    """What is declared, as a watch is to hold it."""

    def bring(self, watch: Watch, now_ms: int) -> Sight:
        """Bring the items of a watch up to date, and say what is known besides.

        Raises:
            KeepclearError: It cannot be done at present.
        """


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Round:
    """A cycle, and how it went.

    Attributes:
        cycle: What it came to.
        health: How the feeds are.
        is_watching: Whether there is any source of tracks.
        lasted_s: How long it took.
        fault: Why nothing is recorded; None where it is, or is not wanted.
    """

    cycle: Cycle
    health: tuple[FeedHealth, ...]
    is_watching: bool
    lasted_s: float
    fault: str | None


class Rounds:
    """Feeds, recording and cycles in one event loop.

    Args:
        watch: What judges.
        addresses: Where tracks come from.
        clock: What time it is; a replay has its own.
        declares: What is declared.
        told: Called with each round.
        keeps: Where everything is recorded; None for nowhere.
        cycle_s: So often everything is judged.
        silent_s: A source that gives nothing for so long is silent.
        own_party: Whose watch it is: its aircraft are called its own where tracks are sent on.
        speed: How fast the time of the clock runs.

    Raises:
        InvalidValueError: A feed cannot be used.
    """

    def __init__(
        self,
        watch: Watch,
        addresses: Sequence[FeedAddress],
        clock: Clock,
        declares: Declares,
        told: Callable[[Round], None],
        *,
        keeps: Keeps | None = None,
        cycle_s: float = 1.0,
        silent_s: float = 15.0,
        own_party: str | None = None,
        speed: float = 1.0,
    ) -> None:
        self.watch = watch
        self._sends = any(address.options.sends for address in addresses)
        self._own_party, self._send_next_s, self._speed = own_party, 0.0, speed
        self.feeds = Feeds(addresses, clock, self._take)
        self.clock: Clock = clock if self.feeds.replay is None else self.feeds.replay.clock.now
        self._has_feeds = bool(addresses)
        self._declares, self._told, self._keeps, self._cycle_s = declares, told, keeps, cycle_s
        self._given = Given(silent_s)
        self._troubles: str | None = None
        self._fault: str | None = None
        self._faults_ms = 0
        self._last: Round | None = None
        self._feeding: asyncio.Task[None] | None = None
        self._pass_number = 0 if self.feeds.replay is None else self.feeds.replay.pass_number
        self._sight_recorded: dict[str, object] = {}
        self._sight_recorded_ms = 0

    async def run(self) -> None:
        """Run until it is cancelled, or all feeds are at their end."""
        self._feeding = asyncio.create_task(self.feeds.run())
        beside = (self._feeding, asyncio.create_task(keep_giving_back()))
        try:
            await self._cycles()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            if self._keeps is not None:
                self._keeps.close()

    async def _cycles(self) -> None:
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        flushing: asyncio.Future[None] | None = None
        while True:
            try:
                self.round()
            except Exception as error:  # whatever it is: the next round may succeed, and people are told
                self._tell_fault(error)
            if self._keeps is not None and (flushing is None or flushing.done()):
                flushing = loop.run_in_executor(None, self._keeps.flush)
            if self._has_feeds and self.feeds.has_ended:
                return
            next_s = max(next_s + self._wait_s(), loop.time())
            await asyncio.sleep(next_s - loop.time())

    def _wait_s(self) -> float:
        """Return how long it is from one cycle to the next, in the time that the watch lives in."""
        replay = self.feeds.replay
        speed = self._speed if replay is None else replay.clock.speed
        return max(CYCLE_MIN_S, self._cycle_s / speed)

    def fast(self) -> Iterator[Round]:
        """Go through a recording as fast as can be, a cycle for every `cycle_s` of its time.

        Yields:
            Each round; it was also told.
        """
        replay = self.feeds.replay
        assert replay is not None, "only recordings have an end to hurry to"
        step_ms = max(1, int(self._cycle_s * 1000.0))
        for at_ms in range(replay.start_ms, replay.end_ms + step_ms, step_ms):
            self.feeds.until(at_ms)
            yield self.round(at_ms)
            if self._keeps is not None:
                self._keeps.flush()
        if self._keeps is not None:
            self._keeps.close()

    def round(self, now_ms: int | None = None) -> Round:
        """Judge everything as it is now, and tell it.

        Args:
            now_ms: The instant, milliseconds since 1970; None for what the clock says.
        """
        began_s = time.perf_counter()
        now_ms = floor_ms(self.clock()) if now_ms is None else now_ms
        health = (*self.feeds.health(), *self._given.health(now_ms))
        is_watching = self._has_feeds or bool(health)
        cycle = self._cycle(now_ms, self._sight(now_ms, health, is_watching))
        self._record(cycle)
        self._send_on(cycle, began_s)
        done = Round(
            cycle=cycle,
            health=health,
            is_watching=is_watching,
            lasted_s=time.perf_counter() - began_s,
            fault=None if self._keeps is None else self._keeps.fault,
        )
        self._last = done
        self._told(done)
        return done

    def _tell_fault(self, error: Exception) -> None:
        """Tell the round before once more, with the fault: nobody is to take what is old for what is so."""
        if not isinstance(error, CycleFailedError):  # else it was logged
            self._note_fault(error)
        if self._last is None:
            return
        cycle = self._last.cycle
        blind = (f"nothing is judged since this was: {self._fault}", *cycle.blind)[:BLIND_LISTED_MAX]
        try:
            self._told(replace(self._last, cycle=replace(cycle, events=(), forgotten=(), blind=blind)))
        except Exception:  # whatever it is: it may be the telling that fails
            _log.exception("a fault of the watch could not be told")

    def _note_fault(self, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        if reason != self._fault:  # not every second the same
            _log.error("a fault of the watch; a look at everything is missing", exc_info=error)
        self._fault, self._faults_ms = reason, floor_ms(self.clock())

    def _cycle(self, now_ms: int, sight: Sight) -> Cycle:
        replay = self.feeds.replay
        if replay is not None and replay.pass_number != self._pass_number:
            self._pass_number = replay.pass_number
            self.watch.forget_tracks()  # what comes now was recorded before what came last
        try:
            return self.watch.cycle(now_ms, sight)
        except Exception as error:  # whatever it is: the next cycle may succeed, and people are told
            self._note_fault(error)
            raise CycleFailedError(f"a cycle of the watch failed: {self._fault}") from error

    def give(self, reports: Reports) -> Taken:
        """Take reports that were given by the API, and tell what became of them."""
        self._given.note(reports, floor_ms(self.clock()))
        return self._take(reports)

    def flush(self) -> None:
        """Bring what was recorded to the disk."""
        if self._keeps is not None:
            self._keeps.flush()

    def acknowledge(self, alert_id: str, person: str) -> AlertEvent:
        """Note that a person has read an alert.

        Raises:
            UnknownAlertError: There is none with this id.
        """
        event = self.watch.acknowledge(alert_id, person, floor_ms(self.clock()))
        self._write(_event(event.at_ms, "acknowledgement", {"key": _key(event), "person": person}))
        return event

    def _take(self, reports: Reports) -> Taken:
        self._write(reports)
        return self.watch.take(reports)

    def _sight(self, now_ms: int, health: Sequence[FeedHealth], is_watching: bool) -> Sight:
        blind = [] if is_watching else [_NOTHING_WATCHED]
        blind += [_silence(each) for each in health if not each.state.sees]
        if self._feeding is not None and self._feeding.done() and not self._feeding.cancelled():
            blind.append(
                f"the feeds have stopped by a fault, and nothing is seen: {self._feeding.exception()!r}"
            )
        if self._fault is not None and abs(now_ms - self._faults_ms) < FAULT_TOLD_MS:
            blind.append(f"the watch had a fault, and a look at everything is missing: {self._fault}")
        try:
            sight = self._declares.bring(self.watch, now_ms)
            self._troubles = None
        except Exception as error:  # whatever it is: tracks are judged against what was declared before
            reason = str(error) if isinstance(error, KeepclearError) else f"{type(error).__name__}: {error}"
            if reason != self._troubles:  # not every second the same
                _log.error("the watch cannot read what is declared", extra={"reason": reason}, exc_info=error)
            self._troubles = reason
            sight = Sight()
            blind.append(f"what is declared may have changed since: {reason}")
        if self._keeps is not None and self._keeps.fault is not None:
            blind.append(f"nothing is recorded: {self._keeps.fault}")
        coverage = any(each.state.sees for each in health)
        recorded: dict[str, object] = {"coverage": coverage, "blind": blind[:BLIND_LISTED_MAX]}
        if recorded != self._sight_recorded or abs(now_ms - self._sight_recorded_ms) >= _SIGHT_AGAIN_MS:
            self._sight_recorded, self._sight_recorded_ms = recorded, now_ms
            self._write(_event(now_ms, "sight", recorded))
        return Sight(
            coverage=coverage,
            blind=(*blind, *sight.blind),
            noticed=sight.noticed,
            contacts=sight.contacts,
            ignorance=sight.ignorance,
        )

    def _send_on(self, cycle: Cycle, now_s: float) -> None:
        """Send what is seen to the feeds that want it, once a second."""
        if self._sends and now_s >= self._send_next_s:
            self._send_next_s = now_s + SEND_EVERY_S
            self.feeds.send_cot([encode_track(each) for each in cot_tracks(cycle.picture, self._own_party)])

    def _record(self, cycle: Cycle) -> None:
        if self._keeps is None:
            return
        for event in cycle.events:
            self._write(
                _event(
                    event.at_ms,
                    "alert",
                    {
                        "alert": event.alert_id,
                        "key": _key(event),
                        "change": event.change.value,
                        "urgency": event.urgency.value,
                        "reason": event.reason,
                    },
                )
            )
        self._write(RecordedCycle(at_ms=cycle.at_ms, track_count=len(cycle.picture), digest=digest_of(cycle)))

    def _write(self, entry: Entry) -> None:
        if self._keeps is not None:
            self._keeps.write(entry)


def digest_of(cycle: Cycle) -> bytes:
    """Return a digest of what a cycle found, the same live and in a replay."""
    found = [[*alert.key[1:], alert.key.kind.value, alert.urgency.value] for alert in cycle.alerts]
    text = json.dumps([list(cycle.picture.ids), found], separators=(",", ":")).encode()
    return hashlib.blake2b(text, digest_size=16).digest()


def _event(at_ms: int, what: str, fields: dict[str, object]) -> RecordedEvent:
    return RecordedEvent(at_ms=at_ms, what=what, text=json.dumps(fields).encode())


def _key(event: AlertEvent) -> list[str]:
    return [event.key.kind.value, event.key.a, event.key.b]


_STATES: Final = {
    FeedState.CONNECTING: "is being connected",
    FeedState.SILENT: "is silent",
    FeedState.WAITING: "is cut off, and tried again",
    FeedState.ENDED: "is at its end",
    FeedState.FAILED: "does not work",
}


def _silence(health: FeedHealth) -> str:
    problem = f": {health.last_problem.reason}" if health.last_problem is not None else ""
    return f"the feed {health.name} {_STATES[health.state]}, so traffic may not be seen{problem}"
