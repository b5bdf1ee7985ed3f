"""Alerts: what people are told of a signal from when it is told until it ends, and the table of its states.

One alert stands for each key. It never goes silently: it ends because it was looked for and not found
(`cleared`), because nobody can know what became of it (`ended_unseen`), or because there was no room for it
(`crowded_out`). What cannot be looked for is neither eased nor cleared. The book that applies all this is in
`alert_book`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from keepclear.core.errors import InvalidValueError, KeepclearError
from keepclear.core.signals import Signal, SignalKey, Urgency
from keepclear.core.transitions import transitions_markdown

DURATION_SETTING_MAX_S: Final = 3_600.0
"""No duration of `AlertSettings` is longer: an hour."""
LOOKS_MAX: Final = 100
"""A signal is not confirmed by more looks."""
CLEAR_FACTOR_MAX: Final = 3.0
"""Minima are not widened by more before an alert is over."""
ESCALATION_STEPS_MAX: Final = 10
"""A warning climbs by no more steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """How alerts are confirmed, eased and cleared.

    Attributes:
        confirm_hits: A signal is told once it was found in so many looks ...
        confirm_of: ... of so many.
        look_s: How long a look is: what is found again within it counts once.
        sure_s: An encounter that is present, or begins within this, is told at once.
        clear_after_s: An alert is eased or cleared once it was found no more for this long.
        clear_factor: An encounter is found no more when minima so many times as wide are kept too.
        unseen_end_s: An alert of a track of which nothing is heard ends after this, told as such.
        escalate_s: A warning climbs when nobody acknowledged it for so long, a step for each.

    Raises:
        InvalidValueError: A number is out of range.
    """

    confirm_hits: int = 2
    confirm_of: int = 4
    look_s: float = 4.0
    sure_s: float = 45.0
    clear_after_s: float = 5.0
    clear_factor: float = 1.1
    unseen_end_s: float = 600.0
    escalate_s: tuple[float, ...] = (30.0, 60.0, 120.0)

    def __post_init__(self) -> None:
        if not 1 <= self.confirm_of <= LOOKS_MAX:
            raise InvalidValueError("confirm_of", f"{self.confirm_of} is not within 1..{LOOKS_MAX}")
        if not 1 <= self.confirm_hits <= self.confirm_of:
            reason = f"{self.confirm_hits} is not within 1..{self.confirm_of}, of so many looks"
            raise InvalidValueError("confirm_hits", reason)
        for name in ("look_s", "sure_s", "clear_after_s", "unseen_end_s"):
            _check_duration(name, getattr(self, name))
        if not 1.0 <= self.clear_factor <= CLEAR_FACTOR_MAX:
            reason = f"{self.clear_factor!r} is not within 1..{CLEAR_FACTOR_MAX:g}"
            raise InvalidValueError("clear_factor", reason)
        if len(self.escalate_s) > ESCALATION_STEPS_MAX:
            reason = f"there are {len(self.escalate_s)} steps; at most {ESCALATION_STEPS_MAX} are taken"
            raise InvalidValueError("escalate_s", reason)
        before_s = 0.0
        for k, step_s in enumerate(self.escalate_s):
            _check_duration(f"escalate_s[{k}]", step_s)
            if step_s <= before_s:
                raise InvalidValueError(f"escalate_s[{k}]", f"{step_s:g} is not above {before_s:g}")
            before_s = step_s


def _check_duration(field: str, value_s: float) -> None:
    if not (math.isfinite(value_s) and 0.0 <= value_s <= DURATION_SETTING_MAX_S):
        raise InvalidValueError(field, f"{value_s!r} is not within 0..{DURATION_SETTING_MAX_S:g}")


class AlertState(Enum):
    """How an alert stands."""

    OPEN = "open"
    """It is so, or cannot be excluded."""
    FADING = "fading"
    """It was not found in the last cycles, but not for long enough to say that it is over."""
    UNSEEN = "unseen"
    """Nothing is heard any more of a track that it is about."""
    CLEARED = "cleared"
    """It is over: it was looked for, and not found."""
    ENDED_UNSEEN = "ended_unseen"
    """Nobody knows what became of it: a track that it is about is gone."""
    CROWDED_OUT = "crowded_out"
    """There was no room for it among more urgent ones."""

    @property
    def is_end(self) -> bool:
        """Whether nothing follows on it."""
        return self in {AlertState.CLEARED, AlertState.ENDED_UNSEEN, AlertState.CROWDED_OUT}


class AlertMoment(Enum):
    """What a cycle says of an alert."""

    FOUND = "found"
    DOUBTFUL = "doubtful"
    MISSED = "missed"
    UNHEARD = "unheard"
    OVER = "over"
    GONE = "gone"
    CROWDED = "crowded"


WHO: Final[dict[AlertMoment, str]] = {
    AlertMoment.FOUND: "a cycle that finds its signal",
    AlertMoment.DOUBTFUL: "a cycle that does not, but wider minima are lost, or it could not look for all",
    AlertMoment.MISSED: "a cycle that looked for it, and does not find it",
    AlertMoment.UNHEARD: "a cycle that does not find it, and hears nothing of a track that it is about",
    AlertMoment.OVER: "cycles that missed it for `clear_after_s`",
    AlertMoment.GONE: "a track that is forgotten, or was not heard for `unseen_end_s`",
    AlertMoment.CROWDED: "a more urgent signal that needs its room",
}
"""Who brings each of them about."""

_S, _M = AlertState, AlertMoment
TRANSITIONS: Final[dict[tuple[AlertState, AlertMoment], AlertState]] = {
    (_S.OPEN, _M.FOUND): _S.OPEN,
    (_S.OPEN, _M.DOUBTFUL): _S.OPEN,
    (_S.OPEN, _M.MISSED): _S.FADING,
    (_S.OPEN, _M.UNHEARD): _S.UNSEEN,
    (_S.OPEN, _M.GONE): _S.ENDED_UNSEEN,
    (_S.OPEN, _M.CROWDED): _S.CROWDED_OUT,
    (_S.FADING, _M.FOUND): _S.OPEN,
    (_S.FADING, _M.DOUBTFUL): _S.OPEN,
    (_S.FADING, _M.MISSED): _S.FADING,
    (_S.FADING, _M.UNHEARD): _S.UNSEEN,
    (_S.FADING, _M.OVER): _S.CLEARED,
    (_S.FADING, _M.GONE): _S.ENDED_UNSEEN,
    (_S.FADING, _M.CROWDED): _S.CROWDED_OUT,
    (_S.UNSEEN, _M.FOUND): _S.OPEN,
    (_S.UNSEEN, _M.DOUBTFUL): _S.OPEN,
    (_S.UNSEEN, _M.MISSED): _S.FADING,
    (_S.UNSEEN, _M.UNHEARD): _S.UNSEEN,
    (_S.UNSEEN, _M.GONE): _S.ENDED_UNSEEN,
    (_S.UNSEEN, _M.CROWDED): _S.CROWDED_OUT,
}
"""The only rule for how states follow one another."""


def states_markdown() -> str:
    """Draw the table of states for the documents."""
    return transitions_markdown(TRANSITIONS, AlertState, AlertMoment, WHO)


class AlertChange(Enum):
    """What happened to an alert."""

    OPENED = "opened"
    """It is told from now on."""
    PRESENT = "present"
    """What was predicted has begun, or has begun again."""
    PASSED = "passed"
    """What was present is present no more; the alert is still open."""
    ESCALATED = "escalated"
    """It became more urgent. Who acknowledged it before has to do so again."""
    EASED = "eased"
    """It became less urgent."""
    CLIMBED = "climbed"
    """Nobody acknowledged a warning in time: it goes one step up."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody has read it."""
    UNSEEN = "unseen"
    """Nothing is heard any more of a track that it is about; it stays."""
    SEEN = "seen"
    """All tracks that it is about are heard again, or it was found again."""
    CLEARED = "cleared"
    """It was looked for long enough, and not found."""
    ENDED_UNSEEN = "ended_unseen"
    """A track that it is about is gone, and nobody knows what became of it: not the same as cleared."""
    CROWDED_OUT = "crowded_out"
    """There was no room for it among more urgent ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent:
    """Something that happened to an alert.

    Attributes:
        alert_id: The alert.
        key: What it is about.
        at_ms: When, milliseconds since 1970.
        change: What.
        urgency: How urgent it is since then.
        person: Who acknowledged; None for all other events.
        reason: In English, as a clause without a full stop; empty where the change says it all.
    """

    alert_id: str
    key: SignalKey
    at_ms: int
    change: AlertChange
    urgency: Urgency
    person: str | None = None
    reason: str = ""


class Acknowledgement(NamedTuple):
    """Who has read an alert.

    Attributes:
        person: Who.
        at_ms: When, milliseconds since 1970.
        urgency: How urgent it was then.
    """

    person: str
    at_ms: int
    urgency: Urgency


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What people are told of one key, from when it is told until it ends.

    Attributes:
        id: `A-000123`, given by the book.
        key: What it is about.
        state: How it stands.
        urgency: How urgent it is.
        peak_urgency: How urgent it was at most.
        opened_ms: When it was told first, milliseconds since 1970.
        changed_ms: When its state, its urgency or whether it is present changed last.
        ended_ms: When it ended; None while it has not.
        unseen_since_ms: Since when nothing is heard of a track that it is about; None if all are heard.
        present_since_ms: Since when it is present without a break, as far as it was seen; None if it is not.
        present_s: For how long it was seen to be present in all, seconds.
        signal: The newest signal.
        signal_ms: When that was found.
        history: What happened to it, the first events and the newest.
        history_dropped: How many events between those are not kept.
        acknowledged: Who has read it, the latest of each person, in the order of time.
        is_acknowledged: Whether somebody has since its urgency rose last.
        climbed: How many steps it has climbed unacknowledged since then.
    """

    id: str
    key: SignalKey
    state: AlertState
    urgency: Urgency
    peak_urgency: Urgency
    opened_ms: int
    changed_ms: int
    ended_ms: int | None
    unseen_since_ms: int | None
    present_since_ms: int | None
    present_s: float
    signal: Signal
    signal_ms: int
    history: tuple[AlertEvent, ...]
    history_dropped: int
    acknowledged: tuple[Acknowledgement, ...]
    is_acknowledged: bool
    climbed: int


class UnknownAlertError(KeepclearError):
    """An alert was named that the book does not hold.

    Attributes:
        alert_id: The id that was asked for.
    """

    def __init__(self, alert_id: str) -> None:
        self.alert_id = alert_id
        super().__init__(f"there is no alert with the id {alert_id!r}, or it ended long ago")
