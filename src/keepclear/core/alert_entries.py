"""One alert as the book keeps it: what each cycle makes of it.

Urgency is held by *support*: what is found, or lingers, speaks for a rank of urgency and all below. A rank
that nothing has spoken for during `clear_after_s` is eased; when that is the lowest, the alert is cleared. A
cycle that could not look speaks for all that there is.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from keepclear.core.alerts import (
    TRANSITIONS,
    Acknowledgement,
    Alert,
    AlertChange,
    AlertEvent,
    AlertMoment,
    AlertSettings,
    AlertState,
)
from keepclear.core.signals import Signal, SignalKind, Urgency

ALERT_HISTORY_MAX: Final = 100
"""So many events of one alert are kept, the first `ALERT_HISTORY_FIRST_MAX` and the newest; those between are
counted."""
ALERT_HISTORY_FIRST_MAX: Final = 20
"""So many of them are the first."""
ACKNOWLEDGEMENTS_MAX: Final = 100
"""So many people who have read an alert are kept, those who did so last."""

_URGENCIES: Final = tuple(sorted(Urgency, key=lambda urgency: urgency.rank))
_ENDS: Final = {
    AlertState.CLEARED: AlertChange.CLEARED,
    AlertState.ENDED_UNSEEN: AlertChange.ENDED_UNSEEN,
    AlertState.CROWDED_OUT: AlertChange.CROWDED_OUT,
}


class Look(NamedTuple):
    """What a cycle says of an alert.

    Attributes:
        moment: What it says.
        signal: Its signal, if it was found.
        support: How urgent it still is by what was found or lingers; None if nothing speaks for it.
        could_look: Whether the cycle could tell whether it is present.
    """

    moment: AlertMoment
    signal: Signal | None = None
    support: Urgency | None = None
    could_look: bool = True


class Entry:
    """An alert that changes.

    Args:
        number: Its number, from 1.
        signal: What it is about.
        now_ms: The instant of the cycle.
        settings: How it is eased and cleared.

    Attributes:
        id: Its id.
        key: What it is about.
        tracks: The ids of the tracks that it is about.
        state: How it stands.
        urgency: How urgent it is.
        signal: The newest signal.
        signal_ms: When that was found.
        unseen_since_ms: Since when nothing is heard of a track.
        present_since_ms: Since when it is present.
    """

    def __init__(self, number: int, signal: Signal, now_ms: int, settings: AlertSettings) -> None:
        self.number, self.id = number, f"A-{number:06d}"
        self.key = signal.key
        pair = signal.key[1:] if signal.key.kind is SignalKind.ENCOUNTER else signal.key[1:2]
        self.tracks = tuple(track for track in pair if track)
        self.state, self.urgency = AlertState.OPEN, signal.urgency
        self.signal, self.signal_ms = signal, now_ms
        self.unseen_since_ms: int | None = None
        self.present_since_ms: int | None = None
        self._settings = settings
        self._now_ms = self._opened_ms = self._changed_ms = self._risen_ms = now_ms
        self._peak = signal.urgency
        self._lapsed_ms: list[int | None] = [None] * len(_URGENCIES)
        self._present_ms = 0
        self._history: list[AlertEvent] = []
        self._history_dropped = 0
        self._acknowledged: dict[str, Acknowledgement] = {}
        self._is_acknowledged = False
        self._climbed = 0
        self._alert: Alert | None = None

    def opening(self) -> list[AlertEvent]:
        """Return the events with which it begins."""
        events = [self._tell(AlertChange.OPENED, self.signal.cause)]
        return events + self._follow_presence(is_present=self.signal.is_present)

    def follow(self, now_ms: int, look: Look) -> list[AlertEvent]:
        """Take what a cycle says, and return what happened."""
        elapsed_ms, self._now_ms, self._alert = now_ms - self._now_ms, now_ms, None
        if look.signal is not None:
            self.signal, self.signal_ms = look.signal, now_ms
        events = self._move(look.moment)
        if self.state.is_end:
            return events
        if look.could_look:
            is_present = look.signal is not None and look.signal.is_present
            if is_present and self.present_since_ms is not None:
                self._present_ms += elapsed_ms
            events += self._follow_presence(is_present=is_present)
        self._note_support(look.support)
        if self.state is AlertState.FADING and self._has_lapsed(0):
            return events + self._move(AlertMoment.OVER)
        return events + self._follow_urgency(look.signal) + self._climb()

    def is_given_up(self, now_ms: int) -> bool:
        """Tell whether nothing was heard for so long that it is to end."""
        since_ms = self.unseen_since_ms
        return since_ms is not None and now_ms - since_ms >= self._settings.unseen_end_s * 1000.0

    def _move(self, moment: AlertMoment) -> list[AlertEvent]:
        """Go to the state that follows."""
        before, self.state = self.state, TRANSITIONS[self.state, moment]
        if self.state.is_end:
            return [self._tell(_ENDS[self.state], self._ending())]
        if self.state is AlertState.UNSEEN and before is not AlertState.UNSEEN:
            self.unseen_since_ms = self._now_ms
            return [self._tell(AlertChange.UNSEEN, "nothing is heard of a track any more")]
        if before is AlertState.UNSEEN and self.state is not AlertState.UNSEEN:
            self.unseen_since_ms = None
            return [self._tell(AlertChange.SEEN)]
        return []

    def _ending(self) -> str:
        match self.state:
            case AlertState.CLEARED:
                return f"it was not found for {self._settings.clear_after_s:g} s"
            case AlertState.ENDED_UNSEEN:
                return "nothing is known any more of a track that it was about"
            case _:
                return "more urgent alerts need its room"

    def _follow_presence(self, *, is_present: bool) -> list[AlertEvent]:
        if is_present and self.present_since_ms is None:
            self.present_since_ms = self._now_ms
            return [self._tell(AlertChange.PRESENT, self.signal.cause)]
        if not is_present and self.present_since_ms is not None:
            self.present_since_ms = None
            return [self._tell(AlertChange.PASSED)]
        return []

    def _note_support(self, support: Urgency | None) -> None:
        rank = 0 if support is None else support.rank
        for place, since_ms in enumerate(self._lapsed_ms):
            if place < rank:
                self._lapsed_ms[place] = None
            elif since_ms is None:
                self._lapsed_ms[place] = self._now_ms

    def _has_lapsed(self, place: int) -> bool:
        since_ms = self._lapsed_ms[place]
        return since_ms is not None and self._now_ms - since_ms >= self._settings.clear_after_s * 1000.0

    def _follow_urgency(self, signal: Signal | None) -> list[AlertEvent]:
        if signal is not None and signal.urgency.rank > self.urgency.rank:
            self.urgency = signal.urgency
            self._peak = max(self._peak, self.urgency, key=lambda urgency: urgency.rank)
            self._risen_ms, self._climbed, self._is_acknowledged = self._now_ms, 0, False
            return [self._tell(AlertChange.ESCALATED, signal.cause)]
        place = self.urgency.rank - 1
        while place > 0 and self._has_lapsed(place):
            place -= 1
        if _URGENCIES[place] is self.urgency:
            return []
        self.urgency = _URGENCIES[place]
        return [self._tell(AlertChange.EASED)]

    def _climb(self) -> list[AlertEvent]:
        events: list[AlertEvent] = []
        steps_s = self._settings.escalate_s
        if self.urgency is not Urgency.WARNING or self._is_acknowledged:
            return events
        while self._climbed < len(steps_s):
            step_s = steps_s[self._climbed]
            if self._now_ms - self._risen_ms < step_s * 1000.0:
                break
            self._climbed += 1
            events.append(self._tell(AlertChange.CLIMBED, f"nobody acknowledged it for {step_s:g} s"))
        return events

    def acknowledge(self, person: str, now_ms: int) -> AlertEvent:
        """Note that a person has read it; a second time changes nothing."""
        known = self._acknowledged.get(person)
        if known is not None and self._is_acknowledged and known.at_ms >= self._risen_ms:
            at_ms = known.at_ms
            return self._event(at_ms, AlertChange.ACKNOWLEDGED, person=person)
        self._alert, self._is_acknowledged = None, True
        self._acknowledged.pop(person, None)
        self._acknowledged[person] = Acknowledgement(person, now_ms, self.urgency)
        if len(self._acknowledged) > ACKNOWLEDGEMENTS_MAX:
            del self._acknowledged[next(iter(self._acknowledged))]
        event = self._event(now_ms, AlertChange.ACKNOWLEDGED, person=person)
        self._remember(event)
        return event

    def _tell(self, change: AlertChange, reason: str = "") -> AlertEvent:
        event = self._event(self._now_ms, change, reason=reason)
        self._changed_ms = self._now_ms
        self._remember(event)
        return event

    def _event(
        self, at_ms: int, change: AlertChange, *, person: str | None = None, reason: str = ""
    ) -> AlertEvent:
        return AlertEvent(
            alert_id=self.id,
            key=self.key,
            at_ms=at_ms,
            change=change,
            urgency=self.urgency,
            person=person,
            reason=reason,
        )

    def _remember(self, event: AlertEvent) -> None:
        self._history.append(event)
        if len(self._history) > ALERT_HISTORY_MAX:
            del self._history[ALERT_HISTORY_FIRST_MAX]
            self._history_dropped += 1

    def alert(self) -> Alert:
        """Return it as it is now."""
        if self._alert is None:
            self._alert = Alert(
                id=self.id,
                key=self.key,
                state=self.state,
                urgency=self.urgency,
                peak_urgency=self._peak,
                opened_ms=self._opened_ms,
                changed_ms=self._changed_ms,
                ended_ms=self._now_ms if self.state.is_end else None,
                unseen_since_ms=self.unseen_since_ms,
                present_since_ms=self.present_since_ms,
                present_s=self._present_ms / 1000.0,
                signal=self.signal,
                signal_ms=self.signal_ms,
                history=tuple(self._history),
                history_dropped=self._history_dropped,
                acknowledged=tuple(self._acknowledged.values()),
                is_acknowledged=self._is_acknowledged,
                climbed=self._climbed,
            )
        return self._alert
