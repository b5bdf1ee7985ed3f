"""The past: moments of the watch made again from what was recorded, as they were known then."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from keepclear.adapters.http.bodies import raw_entry
from keepclear.adapters.http.watch_bodies import alerts_body, state_body, tracks_body, trail_body
from keepclear.adapters.http.wire_watch import RecordedSpan, Recordings, WatchMoment
from keepclear.adapters.recording.reader import Recording
from keepclear.adapters.watching.rounds import Round, digest_of
from keepclear.core.recorded import WARM_UP_S, RecordedEvent, moment
from keepclear.core.reports import Reports
from keepclear.core.signals import SignalKey, SignalKind
from keepclear.core.times import floor_ms, instant_of, rfc3339
from keepclear.node.declarations import RECORDS_PAGE, Declarations
from keepclear.node.ports import ItemForm, Record, Store
from keepclear.node.watch import Cycle, NotWatchedError, Sight, Watch, WatchRules

TRAILS_MAX: Final = 2_000
"""A moment of the past tells the trails of so many aircraft at most, those with alerts first."""

GAP_MS: Final = 10_000
"""Where nothing is recorded for longer before a moment of the past, that is told."""


class _Again:
    """A watch that goes through what was recorded."""

    def __init__(self, store: Store, form: ItemForm, rules: WatchRules) -> None:
        self.watch = Watch(rules)
        self.declarations = Declarations(form)
        self.records: dict[str, Record] = {}
        self.cycle_done: Cycle | None = None
        self._store = store
        self._waiting: list[Record] = []
        self._sight = Sight()

    def take(self, reports: Reports) -> None:
        self.watch.take(reports)

    def cycle(self, now_ms: int) -> bytes:
        self._follow(now_ms)
        self.declarations.expire(now_ms, self.watch)
        self.cycle_done = self.watch.cycle(
            now_ms, replace(self._sight, blind=(*self._sight.blind, *self.declarations.blind))
        )
        return digest_of(self.cycle_done)

    def happened(self, event: RecordedEvent) -> None:
        fields: dict[str, Any] = json.loads(event.text)
        if event.what == "acknowledgement" and self.cycle_done is not None:
            key = SignalKey(SignalKind(fields["key"][0]), *fields["key"][1:])
            for alert in self.cycle_done.alerts:
                if alert.key == key:
                    self.watch.acknowledge(alert.id, fields["person"], event.at_ms)
        elif event.what == "sight":
            self._sight = Sight(coverage=fields["coverage"], blind=tuple(fields["blind"]))

    def _follow(self, now_ms: int) -> None:
        """Take over what was declared by then."""
        while True:
            if not self._waiting:
                self._waiting = list(self._store.records_after(self.declarations.seq, RECORDS_PAGE))
            # The log tells the order: what stands before something known was known, whatever its clock said.
            known_count = max(
                (k for k, record in enumerate(self._waiting, 1) if floor_ms(record.at) <= now_ms), default=0
            )
            known = self._waiting[:known_count]
            self.declarations.follow(known, self.watch)
            self.records |= {record.label.id: record for record in known}
            self._waiting = self._waiting[len(known) :]
            if not known or self._waiting:
                return


class Past:
    """See the module.

    Args:
        store: Where the log of what was declared is.
        form: How items are written.
        rules: By what the watch judges.
        folder: Where the recordings are.
    """

    def __init__(self, store: Store, form: ItemForm, rules: WatchRules, folder: Path) -> None:
        self._store, self._form, self._rules, self._folder = store, form, rules, folder
        self._one_at_a_time = threading.Lock()

    def recordings(self) -> Recordings:
        """Return of which times there is a recording."""
        spans = Recording(self._folder).spans() if self._folder.is_dir() else []
        return Recordings(
            spans=[
                RecordedSpan(
                    start=rfc3339(instant_of(span.from_ms)),
                    end=rfc3339(instant_of(span.to_ms)),
                    report_count=span.report_count,
                    bytes_count=span.bytes_count,
                )
                for span in spans
            ]
        )

    def moment(self, at_ms: int) -> WatchMoment:
        """Return everything as it was known at an instant.

        Raises:
            NotWatchedError: Nothing is recorded of it.
            KeepclearError: The recording or the store cannot be read.
        """
        at = rfc3339(instant_of(at_ms))
        if not self._folder.is_dir():
            raise NotWatchedError(f"nothing is recorded of {at}; GET /v1/recordings tells of when there is")
        with self._one_at_a_time:
            entries = Recording(self._folder).read(at_ms - round(WARM_UP_S * 1000.0), at_ms)
            found = moment(entries, at_ms, lambda: _Again(self._store, self._form, self._rules))
        cycle = found.watch.cycle_done
        if cycle is None:
            raise NotWatchedError(f"nothing is recorded of {at}; GET /v1/recordings tells of when there is")
        blind = []
        if at_ms - cycle.at_ms > GAP_MS:
            gap_s = (at_ms - cycle.at_ms) / 1000.0
            blind.append(f"nothing is recorded of the {gap_s:,.0f} s before: this is how it was known then")
        if found.is_short:
            blind.append("the recording begins shortly before: what had begun earlier is not known")
        cycle = replace(cycle, blind=(*blind, *cycle.blind))
        done = Round(cycle=cycle, health=(), is_watching=True, lasted_s=0.0, fault=None)
        concerned = sorted({each for alert in cycle.alerts for each in alert.key[1:] if each})
        shown = [*concerned, *(each for each in cycle.picture.ids if each not in set(concerned))][:TRAILS_MAX]
        trails = {each: trail_body(found.watch.watch.trail(each)) for each in shown}
        return WatchMoment(
            at=at,
            tracks=tracks_body(cycle).tracks,
            trails={each: trail for each, trail in trails.items() if trail},
            alerts=alerts_body(cycle).alerts,
            watch=state_body(done, self._rules.rule_set.name),
            items=[
                raw_entry(record.text)
                for record in found.watch.records.values()
                if not record.is_over and record.end_ms >= at_ms
            ],
        )
