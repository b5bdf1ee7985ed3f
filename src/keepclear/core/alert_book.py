"""The book of alerts: takes the signals of each cycle, and says what happened to alerts.

The same signals at the same times give the same alerts with the same ids: the book reads no clock, draws no
chance, and takes keys in their order. How alerts follow from states is in `alerts`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Final

from keepclear.core.alert_entries import Entry, Look
from keepclear.core.alerts import Alert, AlertEvent, AlertMoment, AlertSettings, UnknownAlertError
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX
from keepclear.core.signals import Signal, SignalKey, SignalKind, Urgency

ALERTS_OPEN_MAX: Final = 10_000
"""So many alerts are open at once; the most urgent are kept, the others are counted."""
ALERTS_KEPT_MAX: Final = 10_000
"""So many alerts that have ended are kept, the newest."""
CANDIDATES_MAX: Final = 20_000
"""So many signals wait to be confirmed at once; what has no room is counted."""

_Happened = tuple[int, int, AlertEvent]
"""An event, and by what it is told before others: the rank of its alert, turned round, and its number."""


class AlertBook:
    """All alerts of one watch, and what becomes of them. One thread at a time may use it.

    Args:
        settings: How they are confirmed, eased and cleared.
    """

    def __init__(self, settings: AlertSettings | None = None) -> None:
        self.settings = settings or AlertSettings()
        self._open: dict[SignalKey, Entry] = {}
        self._ended: deque[Entry] = deque()
        self._by_id: dict[str, Entry] = {}
        self._candidates: dict[SignalKey, list[int]] = {}
        self._now_ms = 0
        self._count = 0
        self._unlisted_count = 0

    def update(
        self,
        now_ms: int,
        signals: Iterable[Signal],
        *,
        seen: AbstractSet[str],
        tracked: AbstractSet[str] | None = None,
        judged: AbstractSet[str] | None = None,
        lingering: Mapping[SignalKey, Urgency] | None = None,
        is_complete: bool = True,
    ) -> list[AlertEvent]:
        """Take what one cycle found.

        Args:
            now_ms: The instant of the cycle, milliseconds since 1970. What is earlier than the cycle before
                counts as that: a clock that steps back eases nothing.
            signals: What was found; of several with one key the most urgent counts.
            seen: The ids of the tracks that are heard. Nothing about others is eased or cleared.
            tracked: The ids of the tracks that are still known, heard or not; None for those that are heard.
            judged: The ids of the tracks whose encounters were looked for (`Foreseen.judged`); None for
                those that are heard. No encounter of others is eased or cleared.
            lingering: What is not found and not over either (`lingering.lingering`), and how urgent it
                still is.
            is_complete: Whether everything was looked for. If not, nothing is eased or cleared.

        Returns:
            What happened, that of the most urgent alerts first, of each alert in its order.
        """
        now_ms = self._now_ms = max(now_ms, self._now_ms)
        found = _most_urgent(signals)
        cycle = _Cycle(
            now_ms=now_ms,
            seen=seen,
            tracked=seen if tracked is None else tracked,
            judged=seen if judged is None else judged,
            lingering=lingering or {},
            is_complete=is_complete,
        )
        happened: list[_Happened] = []
        for entry in list(self._open.values()):
            look = cycle.look(entry, found.pop(entry.key, None))
            events = entry.follow(now_ms, look)
            happened += [(-entry.urgency.rank, entry.number, event) for event in events]
            if entry.state.is_end:
                self._file(entry)
        happened += self._take_new(now_ms, sorted(found.values(), key=_precedence))
        happened.sort(key=itemgetter(0, 1))
        return [event for _, _, event in happened]

    def _take_new(self, now_ms: int, signals: list[Signal]) -> list[_Happened]:
        """Open alerts for signals that have none, the most urgent first, or let them wait."""
        happened: list[_Happened] = []
        self._unlisted_count = 0
        self._forget_candidates(now_ms)
        least: list[Entry] | None = None
        for signal in signals:
            if not (self._is_sure(signal) or self._is_confirmed(now_ms, signal.key)):
                continue
            if len(self._open) >= ALERTS_OPEN_MAX:
                if least is None:
                    by_rank = sorted(self._open.values(), key=lambda entry: (_rank(entry), -entry.number))
                    least = by_rank[::-1]
                self._unlisted_count += 1
                if not least or _rank(least[-1]) >= (signal.is_present, signal.urgency.rank):
                    continue
                loser = least.pop()
                self._unlisted_count -= loser.signal_ms != now_ms  # only what was found now is counted
                events = loser.follow(now_ms, Look(AlertMoment.CROWDED))
                happened += [(-loser.urgency.rank, loser.number, event) for event in events]
                self._file(loser)
            self._candidates.pop(signal.key, None)
            self._count += 1
            entry = Entry(self._count, signal, now_ms, self.settings)
            self._open[signal.key] = self._by_id[entry.id] = entry
            happened += [(-entry.urgency.rank, entry.number, event) for event in entry.opening()]
        return happened

    def _is_sure(self, signal: Signal) -> bool:
        if signal.exempts_confirmation:
            return True
        is_near = signal.is_present or signal.t_in_s <= self.settings.sure_s
        return signal.key.kind is SignalKind.ENCOUNTER and is_near

    def _is_confirmed(self, now_ms: int, key: SignalKey) -> bool:
        """Note that a signal was found, and tell whether it was often enough."""
        hits = self._candidates.get(key)
        if hits is None:
            if self.settings.confirm_hits > 1 and len(self._candidates) >= CANDIDATES_MAX:
                self._unlisted_count += 1
                return False
            hits = self._candidates[key] = []
        if not hits or now_ms - hits[-1] >= self.settings.look_s * 1000.0:
            hits.append(now_ms)
        return len(hits) >= self.settings.confirm_hits

    def _forget_candidates(self, now_ms: int) -> None:
        since_ms = now_ms - self.settings.look_s * self.settings.confirm_of * 1000.0
        for key, hits in list(self._candidates.items()):
            while hits and hits[0] <= since_ms:
                del hits[0]
            if not hits:
                del self._candidates[key]

    def _file(self, entry: Entry) -> None:
        """Move an alert that has ended to those that are kept."""
        del self._open[entry.key]
        self._ended.append(entry)
        if len(self._ended) > ALERTS_KEPT_MAX:
            del self._by_id[self._ended.popleft().id]

    def acknowledge(self, alert_id: str, person: str, now_ms: int) -> AlertEvent:
        """Note that a person has read an alert, ended or not.

        Args:
            alert_id: The alert.
            person: Who.
            now_ms: When, milliseconds since 1970.

        Raises:
            UnknownAlertError: The book does not hold it.
            InvalidValueError: The person has no name, or one that is too long.
        """
        entry = self._by_id.get(alert_id)
        if entry is None:
            raise UnknownAlertError(alert_id)
        if not 0 < len(person) <= ID_CHARACTERS_MAX:
            raise InvalidValueError("person", f"it must have 1 to {ID_CHARACTERS_MAX} characters")
        return entry.acknowledge(person, now_ms)

    def open(self) -> list[Alert]:
        """Return the alerts that have not ended, the most urgent first, of these the oldest."""
        entries = sorted(self._open.values(), key=lambda entry: (-entry.urgency.rank, entry.number))
        return [entry.alert() for entry in entries]

    def recent(self) -> list[Alert]:
        """Return the alerts that have ended and are kept, the latest end first."""
        return [entry.alert() for entry in reversed(self._ended)]

    def find(self, alert_id: str) -> Alert | None:
        """Return an alert by its id; None if the book does not hold it."""
        entry = self._by_id.get(alert_id)
        return None if entry is None else entry.alert()

    def present_since(self) -> dict[SignalKey, int]:
        """Return since when (milliseconds since 1970) what is present is so without a break."""
        return {
            key: entry.present_since_ms
            for key, entry in self._open.items()
            if entry.present_since_ms is not None
        }

    @property
    def unlisted_count(self) -> int:
        """How many signals of the last cycle have no alert because there was no room."""
        return self._unlisted_count


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cycle:
    """What one cycle could look for; see `AlertBook.update`."""

    now_ms: int
    seen: AbstractSet[str]
    tracked: AbstractSet[str]
    judged: AbstractSet[str]
    lingering: Mapping[SignalKey, Urgency]
    is_complete: bool

    def look(self, entry: Entry, signal: Signal | None) -> Look:
        """Return what it says of an alert."""
        could_look = self.is_complete and (
            entry.key.kind is not SignalKind.ENCOUNTER or all(track in self.judged for track in entry.tracks)
        )
        lingers = self.lingering.get(entry.key)
        speaking = [entry.urgency] if not could_look else []
        speaking += [] if signal is None else [signal.urgency]
        speaking += [] if lingers is None else [lingers]
        support = max(speaking, key=_URGENCY_RANK, default=None)
        if signal is not None:
            return Look(AlertMoment.FOUND, signal, support)
        if not all(track in self.tracked for track in entry.tracks):
            return Look(AlertMoment.GONE)
        if not all(track in self.seen for track in entry.tracks):
            if entry.is_given_up(self.now_ms):
                return Look(AlertMoment.GONE)
            return Look(AlertMoment.UNHEARD, support=entry.urgency, could_look=False)
        if support is not None:
            return Look(AlertMoment.DOUBTFUL, support=support, could_look=could_look)
        return Look(AlertMoment.MISSED)


_URGENCY_RANK: Final = attrgetter("rank")


def _most_urgent(signals: Iterable[Signal]) -> dict[SignalKey, Signal]:
    """Return one signal for each key: the most urgent."""
    found: dict[SignalKey, Signal] = {}
    for signal in signals:
        other = found.get(signal.key)
        if other is None or _precedence(signal) < _precedence(other):
            found[signal.key] = signal
    return found


def _precedence(signal: Signal) -> tuple[bool, int, float, str, str, str]:
    """Return by what signals are sorted, the most urgent first."""
    key = signal.key
    return not signal.is_present, -signal.urgency.rank, signal.t_in_s, key.kind.value, key.a, key.b


def _rank(entry: Entry) -> tuple[bool, int]:
    """Return by what an alert keeps its room."""
    return entry.present_since_ms is not None, entry.urgency.rank
