"""Live traffic watched from the command line: what `keepclear watch` does.

Only click is imported at the start; what the command needs is imported when it runs.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from keepclear.cli_io import (
    EXIT_ABORTED,
    EXIT_BAD_INPUT,
    EXIT_CANNOT_DECIDE,
    EXIT_CLEAR,
    EXIT_CONFLICT,
    EXIT_NOBODY_READS,
    printable,
    progress_bar,
    say,
)

if TYPE_CHECKING:
    from keepclear.adapters.feeds.address import FeedAddress
    from keepclear.adapters.watching.rounds import Round, Rounds
    from keepclear.core.alerts import AlertEvent
    from keepclear.core.conflicts import Item
    from keepclear.core.feed_health import FeedHealth
    from keepclear.core.rules import RuleSet

DEFAULT_RULE_SET: Final = "en-route"
BLIND_TOLD_MAX: Final = 5
"""So many reasons why not everything could be judged are told at the end."""
AIRCRAFT_COUNTED_MAX: Final = 1_000_000
"""So many different aircraft are counted about; whatever comes after is watched, and not counted."""

_EXITS: Final = """
Exit codes: 0 the feeds ended without an alert; 1 there were alerts; 2 bad usage or bad input; 3 could not
decide: no alert, and something was not seen or could not be judged; 130 stopped by Ctrl+C.
"""


@click.command(epilog=_EXITS)
@click.argument("feeds", nargs=-1, required=True, metavar="FEED...")
@click.option(
    "--declared",
    multiple=True,
    metavar="FILE",
    help="Operations and zones that the tracks are compared with; may be given often.",
)
@click.option(
    "--rules",
    default=DEFAULT_RULE_SET,
    show_default=True,
    metavar="NAME|FILE.toml",
    help="By which rule set encounters are judged; `keepclear encounters --list-rules` lists them.",
)
@click.option(
    "--cycle",
    "cycle_s",
    type=click.FloatRange(0.1, 60.0),
    default=0.5,
    show_default=True,
    help="So often everything is judged, in seconds.",
)
@click.option(
    "--lost",
    "lost_s",
    type=click.FloatRange(5.0, 3_600.0),
    default=30.0,
    show_default=True,
    help="A track whose position is older, in seconds, is not judged any more.",
)
@click.option("--fast", is_flag=True, help="Go through recordings as fast as can be.")
@click.option("--record", metavar="FOLDER", help="Record everything that is seen.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "lines", "json"]),
    help="A live table, a line for each event, or a JSON object for each.  [default: table on a terminal, "
    "else lines]",
)
def watch(
    feeds: tuple[str, ...],
    declared: tuple[str, ...],
    rules: str,
    cycle_s: float,
    lost_s: float,
    fast: bool,
    record: str | None,
    form: str | None,
) -> None:
    """Watch live tracks against each other, and against what is declared.

    A FEED is an address, with a name before it if wanted: readsb+http://HOST/data/aircraft.json,
    sbs://HOST:30003, ndjson://HOST:PORT, cot://HOST:8087, f3411+https://HOST/..., ndjson:- for the standard
    input, or a recorded file, replayed at `?speed=`. docs/reference/feeds.md has all of them.

    \b
    Examples:
      keepclear watch readsb+http://127.0.0.1:8080/data/aircraft.json
      keepclear watch antenna=sbs://127.0.0.1:30003 --declared plan.geojson --rules rule-of-threes
      keepclear watch recording.ndjson.gz?speed=20 --declared plans.geojson
      keepclear watch recording.ndjson.gz --fast --format json
    """
    from keepclear.adapters.feeds.address import parse_feeds
    from keepclear.core.errors import InvalidValueError
    from keepclear.main.watching import rule_set_of

    try:
        addresses = parse_feeds(feeds)
        rule_set = rule_set_of(rules)
    except InvalidValueError as error:
        say(f"error: {error}")
        raise SystemExit(EXIT_BAD_INPUT) from None
    if cycle_s != cycle_s or lost_s != lost_s:  # noqa: PLR0124 - neither may be NaN
        raise click.BadParameter("it must be a number", param_hint="'--cycle' / '--lost'")
    if fast and form == "table":
        raise click.UsageError("--format table lives in the time of the feeds; with --fast use lines or json")
    if record is not None:
        _check_recordable(record)
    items = _declared(declared)
    form = form or ("table" if sys.stdout.isatty() and not fast else "lines")
    shown = _Shown(form)
    is_main = threading.current_thread() is threading.main_thread()  # signals are the main thread's
    if is_main:  # whoever stops it wants the sum as well
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        rounds = _rounds(addresses, rule_set, items, shown, cycle_s, lost_s, record)
        shown.is_live = rounds.feeds.replay is None
        if fast:
            _hurry(rounds)
        else:
            shown.run(rounds)
    except InvalidValueError as error:
        say(f"error: {error}")
        raise SystemExit(EXIT_BAD_INPUT) from None
    except BrokenPipeError:
        raise SystemExit(EXIT_NOBODY_READS) from None
    except KeyboardInterrupt:
        shown.sum_up()
        raise SystemExit(EXIT_ABORTED) from None
    finally:
        if is_main:
            signal.signal(signal.SIGTERM, before)
    shown.sum_up()
    raise SystemExit(
        EXIT_CONFLICT if shown.alerts.total() else EXIT_CANNOT_DECIDE if shown.blind else EXIT_CLEAR
    )


def _check_recordable(folder: str) -> None:
    """End the command where nothing can be recorded."""
    import tempfile
    from pathlib import Path

    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        say(f"error: --record: {folder}: nothing can be written there ({error.strerror or error})")
        raise SystemExit(EXIT_BAD_INPUT) from None


def _declared(files: tuple[str, ...]) -> list[Item]:
    """Return the items of files; end the command where they cannot be used."""
    from keepclear.cli_io import load_files, say_problems

    if not files:
        return []
    gathered = load_files(files, None, None, None)
    if gathered.problems:
        say_problems(gathered)
        raise SystemExit(EXIT_BAD_INPUT)
    return list(gathered.items)


def _rounds(
    addresses: tuple[FeedAddress, ...],
    rule_set: RuleSet,
    items: list[Item],
    shown: _Shown,
    cycle_s: float,
    lost_s: float,
    record: str | None,
) -> Rounds:
    from keepclear.main.watching import standalone

    return standalone(addresses, rule_set, items, shown.told, cycle_s=cycle_s, lost_s=lost_s, record=record)


def _hurry(rounds: Rounds) -> None:
    """Go through recordings as fast as can be, and tell on a terminal how far."""
    from keepclear.core.errors import InvalidValueError

    replay = rounds.feeds.replay
    if replay is None:
        raise InvalidValueError("--fast", "only recordings have an end to hurry to; leave it out")
    with progress_bar("watching") as bar:
        for done in rounds.fast():
            if bar is not None:
                bar(done.cycle.at_ms - replay.start_ms, replay.end_ms - replay.start_ms)


class _Shown:
    """What is shown of rounds, and what it came to."""

    def __init__(self, form: str) -> None:
        self._form = form
        self.is_live = True
        self.alerts: Counter[str] = Counter()
        self.blind: tuple[str, ...] = ()
        self._aircraft: set[str] = set()
        self._health: dict[str, FeedHealth] = {}
        self._fault: str | None = None
        self._rounds = 0
        self._view: Callable[[Round], None] = lambda _: None

    def run(self, rounds: Rounds) -> None:
        """Run until the feeds are at their end."""
        import asyncio

        if self._form != "table":
            asyncio.run(rounds.run())
            return
        from rich.console import Console
        from rich.live import Live

        from keepclear.console.watch_tables import live_view

        with Live(console=Console(), screen=False, auto_refresh=False) as live:

            def view(done: Round) -> None:
                live.update(live_view(done.cycle, done.health, is_watching=done.is_watching), refresh=True)

            self._view = view
            asyncio.run(rounds.run())

    def told(self, done: Round) -> None:
        """Take a round."""
        from keepclear.core.alerts import AlertChange

        cycle = done.cycle
        self._rounds += 1
        if len(self._aircraft) < AIRCRAFT_COUNTED_MAX:
            self._aircraft.update(cycle.picture.ids)
        self.blind = cycle.blind or self.blind
        self._tell_feeds(done)
        signals = {alert.id: alert.signal for alert in cycle.alerts}
        for event in _told_once(cycle.events):
            self.alerts[event.key.kind.value] += event.change is AlertChange.OPENED
            if self._form == "lines":
                from keepclear.console.watch_tables import event_line

                click.echo(printable(event_line(event, signals.get(event.alert_id))))
            elif self._form == "json":
                click.echo(_event_json(event, signals.get(event.alert_id)))
        self._view(done)

    def _tell_feeds(self, done: Round) -> None:
        """Tell of feeds that are otherwise than before, and of a recording that cannot go on."""
        for each in done.health:
            known = self._health.get(each.name)
            self._health[each.name] = each
            if self.is_live and self._form != "table" and (known is None or known.state is not each.state):
                problem = "" if each.last_problem is None else f": {each.last_problem.reason}"
                say(f"the feed {each.name} is {each.state.value}{problem}")
        if done.fault != self._fault:
            self._fault = done.fault
            if done.fault is not None:
                say(f"nothing is recorded: {done.fault}")

    def sum_up(self) -> None:
        """Tell what it came to."""
        count = self.alerts.total()
        told = ", ".join(f"{self.alerts[kind]} {kind.replace('_', ' ')}" for kind in sorted(self.alerts))
        say(
            f"{len(self._aircraft):,} aircraft in {self._rounds:,} cycles; "
            + (f"{count:,} alert{'' if count == 1 else 's'}: {told}" if count else "no alert")
        )
        for each in self._health.values():
            if not self.is_live:
                for problem in each.problems:
                    say(f"the feed {each.name}: {problem.reason}")
            for number, what in (
                (each.malformed_count, "not understood"),
                (each.refused_count, "refused"),
                (each.dropped_count, "dropped for want of time or room"),
            ):
                if number:
                    why = f", such as: {each.samples[-1].reason}" if each.samples else ""
                    say(f"the feed {each.name}: {number:,} of {each.report_count + number:,} {what}{why}")
        if self._fault is not None:
            say(f"not everything is recorded: {self._fault}")
        if self.blind and not count:
            for reason in self.blind[:BLIND_TOLD_MAX]:
                say(f"not everything could be judged: {reason}")


def _told_once(events: Sequence[AlertEvent]) -> Iterator[AlertEvent]:
    """Yield events, without those that only say that what was just opened is present."""
    from keepclear.core.alerts import AlertChange

    opened = {event.alert_id for event in events if event.change is AlertChange.OPENED}
    for event in events:
        if event.change is not AlertChange.PRESENT or event.alert_id not in opened:
            yield event


def _event_json(event: Any, signal: Any) -> str:
    import json
    import math

    from keepclear.console.watch_tables import cause_of
    from keepclear.core.times import instant_of, rfc3339

    fields: dict[str, object] = {
        "at": rfc3339(instant_of(event.at_ms)),
        "alert": event.alert_id,
        "change": event.change.value,
        "urgency": event.urgency.value,
        "kind": event.key.kind.value,
        "a": event.key.a,
        "b": event.key.b,
        "reason": event.reason,
    }
    if signal is not None:
        fields |= {
            "cause": cause_of(signal),
            "is_present": signal.is_present,
            "t_in_s": round(signal.t_in_s, 1),
            "rule": signal.rule,
            "level": signal.level,
            "item": signal.item,
            "facts": {name: value for name, value in signal.facts.items() if math.isfinite(value)},
        }
    return json.dumps(fields)
