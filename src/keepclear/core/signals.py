"""Signals: what one look at the air finds that people may have to know, before it becomes an alert.

Encounters, conformance and the tracks themselves each make signals, once a cycle, from that cycle alone.
What persists, what is told to whom and for how long is decided in `alerts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple

from keepclear.core.intents import ItemId


class Urgency(Enum):
    """How soon somebody has to act."""

    ADVISORY = "advisory"
    """Look at it."""
    CAUTION = "caution"
    """Prepare to act."""
    WARNING = "warning"
    """Act now."""

    @property
    def rank(self) -> int:
        """The greater, the more urgent; from 1."""
        return _RANKS[self]


_RANKS: Final = {urgency: rank for rank, urgency in enumerate(Urgency, start=1)}


class SignalKind(Enum):
    """What was found."""

    ENCOUNTER = "encounter"
    """Two tracks lose separation, or will; both are named."""
    ZONE_ENTRY = "zone_entry"
    """A track is in a zone of others, or will be."""
    EXCURSION = "excursion"
    """A track is outside what its operation declared, and the operation is not declared contingent."""
    CONTINGENT = "contingent"
    """A track has been outside for long, or its operation says that it does not return."""
    UNDECLARED = "undeclared"
    """A track fits nothing that is declared."""
    NOT_SEEN = "not_seen"
    """An operation is declared to be under way, and no track fits it."""
    EARLY = "early"
    """A track is where its operation is declared for later."""
    LATE = "late"
    """A track is where its operation was declared for earlier."""
    WRONG_KIND = "wrong_kind"
    """A track is of another kind than its operation says."""
    WRONG_IDENTITY = "wrong_identity"
    """A track says that it flies an operation of another party, or far away from where it is."""
    SPOOFING = "spoofing"
    """A position jumped, or moves as nothing can."""
    LOST = "lost"
    """Nothing is heard any more of a track that was in flight."""


class SignalKey(NamedTuple):
    """What a signal is about; signals with equal keys are of one alert.

    Attributes:
        kind: What was found.
        a: The id of the aircraft; of an encounter the lesser of both; empty for `NOT_SEEN`.
        b: The id of the other aircraft; else the id of the item, or empty.
    """

    kind: SignalKind
    a: str
    b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What was found in one cycle.

    Attributes:
        key: What it is about.
        urgency: How urgent it is.
        is_present: Whether it is so now; else it is predicted.
        t_in_s: When it begins, seconds from the cycle's instant; 0.0 if it is present.
        rule: The rule that found it; None where none did.
        level: The level of that rule.
        item: The item concerned, as this node calls it; None where there is none.
        item_version: Its version as it was held.
        facts: Numbers that belong to it, by names that end in their unit, such as `d_cpa_m`.
        cause: In English, as a clause without a full stop: what a person reads first.
        exempts_confirmation: Whether it is an alert at once, whatever it is confirmed by.
    """

    key: SignalKey
    urgency: Urgency
    is_present: bool
    t_in_s: float = 0.0
    rule: str | None = None
    level: str | None = None
    item: ItemId | None = None
    item_version: int | None = None
    facts: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    cause: str = ""
    exempts_confirmation: bool = False

    def __post_init__(self) -> None:
        assert self.t_in_s >= 0.0, "a signal is of now or later, and NaN of neither"
