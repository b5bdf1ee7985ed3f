"""Operational intents, and the table of their states.

An operation is declared as an operational intent: the volumes it may use, in a state. The table
`TRANSITIONS` is the only rule for how states follow one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, NewType

from keepclear.core.errors import InvalidValueError
from keepclear.core.kinds import TrackKind
from keepclear.core.volumes import Volume4D

ItemId = NewType("ItemId", str)
"""The id of an operational intent or of a constraint; unique among both."""
PartyId = NewType("PartyId", str)
"""Who declares: a party that shares the space without a common command."""

VOLUMES_MAX: Final = 10_000
"""The most volumes of one operational intent or constraint."""
PRIORITY_MAX: Final = 2**31 - 1
"""The greatest priority that a node takes, and its negative the least, as ASTM F3548-21 has it."""
SPEED_MAX_MPS: Final = 5_000.0
"""The greatest speed that may be stated of an aircraft."""
ID_CHARACTERS_MAX: Final = 256
"""The most characters of an id or of a party's name."""
CALLSIGN_CHARACTERS_MAX: Final = 64
"""The most characters of a callsign."""


class IntentState(Enum):
    """The state of an operational intent (ASTM F3548-21)."""

    ACCEPTED = "Accepted"
    """Planned."""
    ACTIVATED = "Activated"
    """Being flown as declared."""
    NONCONFORMING = "Nonconforming"
    """Out of its volumes, and expected to come back."""
    CONTINGENT = "Contingent"
    """Out of its volumes, and not expected to come back."""
    ENDED = "Ended"
    """Over: no longer in the picture."""


class IntentEvent(Enum):
    """What changes the state of an operational intent."""

    ACTIVATE = "activate"
    LEAVE_VOLUMES = "leave volumes"
    RETURN = "return"
    DECLARE_CONTINGENCY = "declare contingency"
    END = "end"


TRANSITIONS: Final[dict[tuple[IntentState, IntentEvent], IntentState]] = {
    (IntentState.ACCEPTED, IntentEvent.ACTIVATE): IntentState.ACTIVATED,
    (IntentState.ACCEPTED, IntentEvent.LEAVE_VOLUMES): IntentState.NONCONFORMING,
    (IntentState.ACCEPTED, IntentEvent.DECLARE_CONTINGENCY): IntentState.CONTINGENT,
    (IntentState.ACCEPTED, IntentEvent.END): IntentState.ENDED,
    (IntentState.ACTIVATED, IntentEvent.LEAVE_VOLUMES): IntentState.NONCONFORMING,
    (IntentState.ACTIVATED, IntentEvent.DECLARE_CONTINGENCY): IntentState.CONTINGENT,
    (IntentState.ACTIVATED, IntentEvent.END): IntentState.ENDED,
    (IntentState.NONCONFORMING, IntentEvent.RETURN): IntentState.ACTIVATED,
    (IntentState.NONCONFORMING, IntentEvent.DECLARE_CONTINGENCY): IntentState.CONTINGENT,
    (IntentState.NONCONFORMING, IntentEvent.END): IntentState.ENDED,
    (IntentState.CONTINGENT, IntentEvent.END): IntentState.ENDED,
}
"""Every allowed step; a pair that is not here is refused. Ended is final."""


def next_state(state: IntentState, event: IntentEvent) -> IntentState:
    """Return the state that follows.

    Raises:
        InvalidValueError: The event is not allowed in this state.
    """
    following = TRANSITIONS.get((state, event))
    if following is None:
        allowed = ", ".join(e.value for s, e in TRANSITIONS if s is state) or "nothing: it is final"
        raise InvalidValueError("state", f"{state.value} does not allow {event.value!r}; it allows {allowed}")
    return following


def check_declaration(item_id: str, party: str | None, volumes: tuple[Volume4D, ...]) -> None:
    """Refuse an item that cannot be declared.

    Raises:
        InvalidValueError: The id or the party is empty or too long, or there are no volumes or too many.
    """
    for field, text in (("id", item_id), ("party", party)):
        if text is not None and not (0 < len(text) <= ID_CHARACTERS_MAX and text.isprintable()):
            raise InvalidValueError(field, f"it must be 1 to {ID_CHARACTERS_MAX} printable characters")
    if not volumes:
        raise InvalidValueError("volumes", "at least one volume is needed")
    if len(volumes) > VOLUMES_MAX:
        raise InvalidValueError("volumes", f"{len(volumes)} volumes are over the limit of {VOLUMES_MAX}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationalIntent:
    """What a party declares of one operation.

    Attributes:
        id: Its id.
        volumes: Where and when it may be, at least one.
        party: Whose it is; None stands for a party of its own.
        priority: Higher is more urgent. It never hides a conflict.
        state: Its state.
        speed_mps: The slowest speed at which it can leave its volumes, m/s; None where it is not stated.
        callsign: What its aircraft is called by radio; None where it is not stated. By it the watch knows
            its track.
        aircraft_kind: What flies it.

    Raises:
        InvalidValueError: The id, party or callsign is empty or too long, there are no volumes or too many,
            or the speed is out of range.
    """

    id: ItemId
    volumes: tuple[Volume4D, ...]
    party: PartyId | None = None
    priority: int = 0
    state: IntentState = IntentState.ACCEPTED
    speed_mps: float | None = None
    callsign: str | None = None
    aircraft_kind: TrackKind = TrackKind.UNKNOWN

    def __post_init__(self) -> None:
        check_declaration(self.id, self.party, self.volumes)
        if self.speed_mps is not None and not 0.0 < self.speed_mps <= SPEED_MAX_MPS:  # also catches NaN
            reason = f"{self.speed_mps!r} is not over 0 and up to {SPEED_MAX_MPS:,.0f} m/s"
            raise InvalidValueError("speed_mps", reason)
        if self.callsign is not None and not (
            0 < len(self.callsign) <= CALLSIGN_CHARACTERS_MAX and self.callsign.isprintable()
        ):
            reason = f"it must be 1 to {CALLSIGN_CHARACTERS_MAX} printable characters"
            raise InvalidValueError("callsign", reason)
