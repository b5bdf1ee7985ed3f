"""The thread of the watch: whoever asks is answered, and no fault ends it or goes untold."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from keepclear.adapters import memory
from keepclear.adapters.watching.declares import NodeDeclares
from keepclear.adapters.watching.given import Given
from keepclear.adapters.watching.rounds import Round, Rounds
from keepclear.adapters.watching.thread import Watching, WatchStoppedError
from keepclear.core.errors import InvalidValueError
from keepclear.core.named_rules import RULE_SETS
from keepclear.core.reports import Report, gather
from keepclear.core.times import floor_ms
from keepclear.node.declarations import Asked
from keepclear.node.watch import Sight, Watch, WatchRules
from keepclear.testing.clock import ManualClock
from tests.strategies import NOON

NOON_MS = floor_ms(NOON)
WAIT_S = 10.0


class Told:
    """What the rounds told; it can fail, and be waited for."""

    def __init__(self) -> None:
        self.rounds: list[Round] = []
        self.fault: Exception | None = None
        self._came = threading.Condition()

    def __call__(self, done: Round) -> None:
        with self._came:
            self.rounds.append(done)
            self._came.notify_all()
        if self.fault is not None:
            raise self.fault

    def until(self, is_so: Callable[[Round], bool]) -> Round:
        with self._came:
            assert self._came.wait_for(lambda: any(map(is_so, self.rounds)), WAIT_S)
            return next(filter(is_so, self.rounds))


class Declared:
    """Says what is declared, or fails."""

    fault: Exception | None = None

    def bring(self, watch: Watch, now_ms: int) -> Sight:  # noqa: ARG002
        if self.fault is not None:
            raise self.fault
        return Sight()


@contextmanager
def watched(told: Told, declares: Declared | None = None, cycle_s: float = 0.01) -> Iterator[Watching]:
    watch = Watch(WatchRules(rule_set=RULE_SETS["en-route"]))
    clock = ManualClock(NOON)
    watching = Watching(
        lambda tell: Rounds(watch, (), clock.now, declares or Declared(), tell, cycle_s=cycle_s)
    )
    watching.told = told
    watching.start()
    try:
        yield watching
    finally:
        watching.close()


def broken(*_: object) -> Any:
    raise ZeroDivisionError("a test")


def test_a_question_that_fails_in_whatever_way_is_answered_with_that() -> None:
    with watched(Told()) as watching:
        with pytest.raises(ZeroDivisionError):
            watching.ask(broken).result(WAIT_S)
        assert watching.ask(lambda _: 1).result(WAIT_S) == 1


def test_who_asks_as_the_watch_ends_is_told_so_and_does_not_wait_for_ever() -> None:
    with watched(Told()) as watching:
        is_held = threading.Event()
        watching.ask(lambda _: is_held.wait(WAIT_S))
        closing = threading.Thread(target=watching.close)
        closing.start()
        asked = [watching.ask(lambda _: 1) for _ in range(20)]
        is_held.set()
        closing.join(WAIT_S)
        for answer in asked:
            assert answer.exception(WAIT_S) is None or isinstance(answer.exception(), WatchStoppedError)
        with pytest.raises(WatchStoppedError):
            watching.ask(lambda _: 1)


def test_a_question_that_nobody_waits_for_any_more_is_not_asked() -> None:
    with watched(Told()) as watching:
        is_held, asked = threading.Event(), threading.Event()
        watching.ask(lambda _: is_held.wait(WAIT_S))
        assert watching.ask(lambda _: asked.set()).cancel()
        is_held.set()
        assert watching.ask(lambda _: 1).result(WAIT_S) == 1
        assert not asked.is_set()


def test_while_it_watches_memory_that_nothing_uses_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    is_given = threading.Event()
    monkeypatch.setattr(memory, "GIVE_BACK_EVERY_S", 0.01)
    monkeypatch.setattr(memory, "give_back", is_given.set)
    with watched(Told()):
        assert is_given.wait(WAIT_S)


@pytest.mark.parametrize("fault", [RuntimeError("a test"), InvalidValueError("text", "a test")])
def test_a_fault_of_whoever_is_told_does_not_end_the_watch(fault: Exception) -> None:
    told = Told()
    told.fault = fault
    with watched(told) as watching:
        told.until(lambda done: any("a test" in reason for reason in done.cycle.blind))
        assert watching.is_running


@pytest.mark.parametrize("fault", [RuntimeError("a test"), InvalidValueError("text", "a test")])
def test_where_what_is_declared_cannot_be_read_that_is_told_and_the_rest_is_judged(fault: Exception) -> None:
    told, declares = Told(), Declared()
    declares.fault = fault
    with watched(told, declares):
        done = told.until(lambda done: any("may have changed" in reason for reason in done.cycle.blind))
    assert "a test" in " ".join(done.cycle.blind)


def test_while_no_cycle_succeeds_what_was_found_last_is_told_as_old() -> None:
    told = Told()
    with watched(told) as watching:
        told.until(lambda done: not any("judged since" in reason for reason in done.cycle.blind))
        watching.ask(lambda rounds: setattr(rounds.watch, "cycle", broken)).result(WAIT_S)
        done = told.until(lambda done: any("judged since" in reason for reason in done.cycle.blind))
        assert "ZeroDivisionError" in done.cycle.blind[0]
        assert done.cycle.events == ()
        assert watching.latest is not None
        assert watching.is_running


def test_after_a_fault_that_ends_the_watch_nothing_old_is_shown_as_if_it_were_so() -> None:
    told = Told()
    with watched(told) as watching:
        told.until(lambda _: True)

        def end(rounds: Rounds) -> None:
            def fail(_: Exception) -> None:
                raise MemoryError

            rounds.round = broken  # type: ignore[assignment, method-assign]
            rounds._tell_fault = fail  # type: ignore[assignment, method-assign]

        watching.ask(end).result(WAIT_S)
        watching._thread.join(WAIT_S)
        assert not watching.is_running
        assert watching.latest is None


def test_a_clock_that_steps_back_makes_no_silent_source_alive() -> None:
    given = Given(silent_s=15.0)
    reports = gather(
        "api:Ann", [Report(id="a", at_ms=NOON_MS, latitude_deg=47.0, longitude_deg=8.0)], NOON_MS
    )
    given.note(reports.reports, NOON_MS)
    hour_ms = round(timedelta(hours=1).total_seconds() * 1000.0)
    assert [each.state.sees for each in given.health(NOON_MS)] == [True]
    assert [each.state.sees for each in given.health(NOON_MS + hour_ms)] == [False]
    assert [each.state.sees for each in given.health(NOON_MS - hour_ms)] == [False]


def test_a_fault_that_ends_all_feeds_is_told_as_nothing_seen() -> None:
    async def fail() -> None:
        raise OSError("a test")

    told = Told()
    watch, clock = Watch(WatchRules(rule_set=RULE_SETS["en-route"])), ManualClock(NOON)

    def make(tell: Callable[[Round], None]) -> Rounds:
        rounds = Rounds(watch, (), clock.now, Declared(), tell, cycle_s=0.01)
        rounds.feeds.run = fail  # type: ignore[method-assign]
        return rounds

    watching = Watching(make)
    watching.told = told
    watching.start()
    try:
        done = told.until(lambda done: any("feeds have stopped" in reason for reason in done.cycle.blind))
    finally:
        watching.close()
    assert "a test" in " ".join(done.cycle.blind)


class BusyDesk:
    """A desk that answers only when it is told to."""

    def __init__(self) -> None:
        self.answers: list[Future[Asked]] = []

    def ask(self, _: object) -> Future[Asked]:
        self.answers.append(Future())
        return self.answers[-1]


class EmptyStore:
    """A store with nothing in it."""

    def records_after(self, seq: int, limit: int) -> list[Any]:  # noqa: ARG002
        return []


def test_a_desk_that_does_not_answer_is_told_until_it_does() -> None:
    desk, store, form = BusyDesk(), EmptyStore(), object()
    declares = NodeDeclares(store, form, desk)  # type: ignore[arg-type]
    watch = Watch(WatchRules(rule_set=RULE_SETS["en-route"]))
    assert declares.bring(watch, NOON_MS).blind == ()
    assert "does not answer" in declares.bring(watch, NOON_MS + 20_000).blind[0]
    desk.answers[0].set_result(Asked())
    assert declares.bring(watch, NOON_MS + 21_000).blind == ()
