"""Watching: the feeds, the recording and a cycle every second, in a thread of its own.

So the API stays quick however much flies. The thread gives each cycle to whoever is to be told, and takes
what it is asked for between two cycles. Nothing that goes wrong in a cycle ends it: what it could not do is
told with the next one, as a reason why something may not be seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar

from keepclear.adapters.desk import Desk, DeskBusyError
from keepclear.adapters.feeds.address import FeedAddress
from keepclear.adapters.feeds.feeds import Feeds
from keepclear.codec.cot_writing import cot_tracks, encode_track
from keepclear.core.alerts import AlertEvent
from keepclear.core.errors import KeepclearError
from keepclear.core.feed_health import FeedHealth, FeedState
from keepclear.core.recorded import Entry, RecordedCycle, RecordedEvent
from keepclear.core.reports import Reports
from keepclear.core.times import floor_ms
from keepclear.core.track_intake import Taken
from keepclear.node.declarations import RECORDS_PAGE, Asked, Declarations, ask
from keepclear.node.ports import Clock, ItemForm, Store
from keepclear.node.watch import BLIND_LISTED_MAX, Cycle, Sight, Watch

GIVEN_SOURCES_MAX: Final = 256
"""So many people and programs may give positions by the API, each a source of its own."""
SEND_EVERY_S: Final = 1.0
"""So often what is seen is sent to feeds that want it."""
FAULT_TOLD_MS: Final = 60_000
"""So long after a cycle failed it is told that one is missing."""
DESK_LATE_MS: Final = 15_000
"""When the desk has not answered for so long, that is told."""
CYCLE_MIN_S: Final = 0.02
"""So long it is from one cycle to the next at least, however fast the time runs that is watched."""
GIVEN_FORMAT: Final = "positions"
"""The format of what is given by the API, beside those of feeds."""
_STOPPED: Final = "nothing is watched: the node starts or stops, or see its log"
_NOTHING_WATCHED: Final = "nothing is watched: there is no feed, and nobody gives positions"

_log = logging.getLogger(__name__)

T = TypeVar("T")


class WatchStoppedError(KeepclearError):
    """Nothing is watched: the node is starting, stopping, or its watch had a fault."""


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


class NodeDeclares:
    """What is declared at a node: its log, and now and then what only its desk knows.

    Args:
        store: Where the log is.
        form: How items are written.
        desk: The desk.
    """

    def __init__(self, store: Store, form: ItemForm, desk: Desk) -> None:
        self._store, self._desk = store, desk
        self._declarations = Declarations(form)
        self._asked = Asked()
        self._asking: Future[Asked] | None = None
        self._answered_ms: int | None = None

    def bring(self, watch: Watch, now_ms: int) -> Sight:
        """Bring the items of a watch up to date, and say what is known besides.

        Raises:
            KeepclearError: The store cannot be read at present.
        """
        declarations = self._declarations
        while records := self._store.records_after(declarations.seq, RECORDS_PAGE):
            declarations.follow(records, watch)
        declarations.expire(now_ms, watch)
        # The desk may be busy: what it said last counts until it answers.
        if self._asking is not None and self._asking.done():
            asking, self._asking = self._asking, None
            self._asked, self._answered_ms = asking.result(), now_ms
            declarations.show_coarse(self._asked.coarse, watch)
        if self._asking is None:
            with contextlib.suppress(DeskBusyError):
                self._asking = self._desk.ask(ask)
        blind = declarations.blind
        if self._answered_ms is None:
            self._answered_ms = now_ms
        elif now_ms - self._answered_ms > DESK_LATE_MS:
            blind = ("the desk of this node does not answer: what is withheld may have changed", *blind)
        return Sight(
            blind=blind,
            noticed=declarations.noticed(self._asked.seen_by),
            ignorance=self._asked.ignorance,
        )


class Given:
    """What people and programs give by the API: each of them a source, as alive as it gives.

    Args:
        silent_s: A source that gave nothing for so long is silent.
    """

    def __init__(self, silent_s: float) -> None:
        self._silent_ms = round(silent_s * 1000.0)
        self._health: dict[str, FeedHealth] = {}

    def note(self, reports: Reports, now_ms: int) -> None:
        """Note that a source gave reports."""
        known = self._health.get(reports.source)
        if known is None and len(self._health) >= GIVEN_SOURCES_MAX:
            oldest = min(self._health.values(), key=lambda each: each.last_report_ms or 0)
            del self._health[oldest.name]
        self._health[reports.source] = FeedHealth(
            name=reports.source,
            address="given by the API",
            format=GIVEN_FORMAT,
            state=FeedState.LIVE,
            since_ms=now_ms if known is None or self._is_silent(known, now_ms) else known.since_ms,
            last_received_ms=now_ms,
            last_report_ms=now_ms,
            report_count=len(reports) + (0 if known is None else known.report_count),
        )

    def health(self, now_ms: int) -> list[FeedHealth]:
        """Return how each of them is."""
        return [self._shown(each, now_ms) for _, each in sorted(self._health.items())]

    def _shown(self, each: FeedHealth, now_ms: int) -> FeedHealth:
        if not self._is_silent(each, now_ms):
            return each
        return FeedHealth(
            name=each.name,
            address=each.address,
            format=each.format,
            state=FeedState.SILENT,
            since_ms=min(now_ms, (each.last_report_ms or 0) + self._silent_ms),
            last_received_ms=each.last_received_ms,
            last_report_ms=each.last_report_ms,
            report_count=each.report_count,
        )

    def _is_silent(self, each: FeedHealth, now_ms: int) -> bool:
        # A clock that steps back makes nobody alive.
        return abs(now_ms - (each.last_report_ms or 0)) > self._silent_ms


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

    async def run(self) -> None:
        """Run until it is cancelled, or all feeds are at their end."""
        feeds = self._feeding = asyncio.create_task(self.feeds.run())
        try:
            await self._cycles()
        finally:
            feeds.cancel()
            await asyncio.gather(feeds, return_exceptions=True)
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
        if recorded != self._sight_recorded:
            self._sight_recorded = recorded
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


class Watching:
    """Rounds in a thread of their own.

    Args:
        make: Makes the rounds, in the thread; called with whom to tell.

    Attributes:
        told: Called with each round, in the thread of the watch.
    """

    def __init__(self, make: Callable[[Callable[[Round], None]], Rounds]) -> None:
        self._latest: Round | None = None
        self._has_failed = False
        self._asked: set[Future[Any]] = set()
        self.told: Callable[[Round], None] = lambda _: None
        self._rounds = make(self._tell)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._task: asyncio.Task[None] | None = None

    @property
    def latest(self) -> Round | None:
        """The latest round; None before the first, and where a fault has ended the watch."""
        return None if self._has_failed else self._latest

    @property
    def fault(self) -> str | None:
        """Why nothing is watched; None while it is."""
        return None if self._thread.is_alive() else "the watch has stopped"

    def start(self) -> None:
        """Begin."""
        self._loop = asyncio.new_event_loop()
        self._thread.start()

    def close(self) -> None:
        """Stop, and wait for it."""
        if self._loop is not None and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # it has just ended by itself
                self._loop.call_soon_threadsafe(self._cancel)
            self._thread.join()

    def ask(self, question: Callable[[Rounds], T]) -> Future[T]:
        """Ask something, or give something, between two cycles.

        Args:
            question: Called in the thread of the watch.

        Raises:
            WatchStoppedError: Nothing is watched.
        """
        if self._loop is None or not self._thread.is_alive():
            raise WatchStoppedError(_STOPPED)
        answer: Future[T] = Future()

        def answered() -> None:
            self._asked.discard(answer)
            if not answer.set_running_or_notify_cancel():
                return  # nobody waits for it any more
            try:
                answer.set_result(question(self._rounds))
            except Exception as error:  # whatever it is: whoever asked must not wait for ever
                answer.set_exception(error)

        self._asked.add(answer)  # before it is on its way: what ends the watch answers all that is here
        try:
            self._loop.call_soon_threadsafe(answered)
        except RuntimeError:  # it has just ended
            self._asked.discard(answer)
            raise WatchStoppedError(_STOPPED) from None
        return answer

    def _tell(self, done: Round) -> None:
        self._latest = done
        self.told(done)

    def _run(self) -> None:
        loop = self._loop
        assert loop is not None, "it was made before the thread began"
        asyncio.set_event_loop(loop)
        self._task = loop.create_task(self._rounds.run())
        try:
            loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except Exception:  # whatever it is: that the watch has stopped is shown
            self._has_failed = True
            _log.exception("a fault of the watch; nothing is watched until the node starts anew")
        finally:
            loop.close()
            for answer in list(self._asked):  # nobody answers any more
                if answer.set_running_or_notify_cancel():
                    answer.set_exception(WatchStoppedError(_STOPPED))
            self._asked.clear()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
