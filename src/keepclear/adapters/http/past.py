"""The past: moments of the watch made again from what was recorded, as they were known then."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from keepclear.adapters.http.bodies import raw_entry
from keepclear.adapters.http.watch_bodies import alerts_body, state_body, tracks_body, trail_body
from keepclear.adapters.http.wire_watch import RecordedSpan, Recordings, WatchMoment
from keepclear.adapters.recording.reader import Recording
from keepclear.adapters.watching.rounds import Round, digest_of
from keepclear.codec.json_errors import decode_json
from keepclear.codec.words import count_text
from keepclear.core.errors import InvalidValueError
from keepclear.core.recorded import WARM_UP_S, Entry, RecordedEvent, RecordedNote, moment
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
NOTES_TOLD_MAX: Final = 3
"""Of what the recording says of itself before a moment, so much is told, the newest."""

_SIGHT_UNKNOWN: Final = "which sources were silent then is not known: the recording does not tell it"


class _AcknowledgementTold(Struct):
    key: tuple[str, str, str]
    person: str


class _SightTold(Struct):
    coverage: bool
    blind: tuple[str, ...]


class _Again:
    """A watch that goes through what was recorded."""

    def __init__(self, store: Store, form: ItemForm, rules: WatchRules) -> None:
        self.watch = Watch(rules)
        self.declarations = Declarations(form)
        self.records: dict[str, Record] = {}
        self.cycle_done: Cycle | None = None
        self.unread_count = 0
        self._store = store
        self._waiting: list[Record] = []
        self._sight = Sight(blind=(_SIGHT_UNKNOWN,))

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
        try:
            if event.what == "acknowledgement":
                self._acknowledge(decode_json(event.text, _AcknowledgementTold), event.at_ms)
            elif event.what == "sight":
                sight: _SightTold = decode_json(event.text, _SightTold)
                self._sight = Sight(coverage=sight.coverage, blind=sight.blind)
        except (InvalidValueError, msgspec.ValidationError, ValueError):
            self.unread_count += 1  # of another version; the moment says so

    def _acknowledge(self, told: _AcknowledgementTold, at_ms: int) -> None:
        key = SignalKey(SignalKind(told.key[0]), *told.key[1:])
        for alert in () if self.cycle_done is None else self.cycle_done.alerts:
            if alert.key == key:
                self.watch.acknowledge(alert.id, told.person, at_ms)

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


def _noted(entries: Iterable[Entry], notes: list[str]) -> Iterator[Entry]:
    """Yield entries, and put aside what the recording says of itself."""
    for entry in entries:
        if isinstance(entry, RecordedNote):
            notes.append(entry.text)
        yield entry


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
            recording = Recording(self._folder)
            notes: list[str] = []
            entries = _noted(recording.read(at_ms - round(WARM_UP_S * 1000.0), at_ms), notes)
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
        blind += [f"the recording says: {note}" for note in notes[-NOTES_TOLD_MAX:]]
        damaged = sum(not each.is_torn for each in recording.damages)
        if damaged:
            blind.append(f"{count_text(damaged, 'part')} of the recording about then cannot be read")
        if found.watch.unread_count:
            unread = count_text(found.watch.unread_count, "event")
            blind.append(f"{unread} of the recording about then cannot be understood")
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
