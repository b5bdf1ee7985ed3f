"""The findings of conformance, each with its urgency and its cause in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from keepclear.core.conformance_findings import (
    ConformanceFinding,
    ConformanceSettings,
    distance_words,
    duration_words,
)
from keepclear.core.constraints import ConstraintRule
from keepclear.core.declared_volumes import Held
from keepclear.core.intents import IntentState, ItemId
from keepclear.core.kinds import TrackKind
from keepclear.core.signals import SignalKind, Urgency

WARNING_WITHIN_S: Final = 30.0
"""An entry into a keep-out zone that is nearer is a warning."""
CAUTION_WITHIN_S: Final = 60.0
"""One that is nearer is a caution."""


class Sight(NamedTuple):
    """What a cycle sees of a track.

    Attributes:
        track: The id of the aircraft.
        callsign: What it is called by radio.
        at_ms: When its position was measured.
        now_ms: The instant of the cycle.
        doubt: Why its position may be false or old, as a clause; None where it is not.
        on_ground: Whether it says that it is on the ground.
    """

    track: str
    callsign: str | None
    at_ms: int
    now_ms: int
    doubt: str | None = None
    on_ground: bool = False

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.track!r} ({self.callsign})" if self.callsign else repr(self.track)


class Away(NamedTuple):
    """How far a track is outside what is declared.

    Attributes:
        lateral_m: Metres beside the footprint; not above 0 where it is over it.
        vertical_m: Metres above or below the band at least.
        error_m: How far it may be from where it was reported.
    """

    lateral_m: float
    vertical_m: float
    error_m: float

    @property
    def words(self) -> str:
        """Write it for people."""
        parts = [f"{distance_words(self.lateral_m)} beside it"] if self.lateral_m > 0.0 else []
        if self.vertical_m > 0.0:
            parts.append(f"{distance_words(self.vertical_m)} above or below it")
        return " and ".join(parts) or "at its edge"

    @property
    def facts(self) -> dict[str, float]:
        """Return it by the names of facts; an error that is not known is none."""
        facts = {"lateral_m": max(0.0, self.lateral_m), "vertical_m": self.vertical_m}
        return {**facts, "horizontal_error_m": self.error_m} if math.isfinite(self.error_m) else facts


def _finding(
    kind: SignalKind,
    sight: Sight,
    held: Held | None,
    urgency: Urgency,
    cause: str,
    since_ms: int,
    *,
    last_ms: int | None = None,
    facts: Mapping[str, float] | None = None,
    others: Sequence[str] = (),
    is_certain: bool = True,
    makes_signal: bool = True,
    t_in_s: float | None = None,
) -> ConformanceFinding:
    doubt = "" if sight.doubt is None else f"; {sight.doubt}"
    return ConformanceFinding(
        kind=kind,
        track=sight.track,
        item=None if held is None else held.id,
        item_version=None if held is None else held.declared.version,
        state=None if held is None else held.state,
        urgency=urgency,
        is_present=t_in_s is None,
        t_in_s=0.0 if t_in_s is None else t_in_s,
        is_certain=is_certain and sight.doubt is None,
        since_ms=since_ms,
        last_ms=sight.at_ms if last_ms is None else last_ms,
        duration_s=max(0.0, (sight.now_ms - since_ms) / 1000.0),
        facts=dict(facts or {}),
        others=tuple(others),
        cause=cause + doubt,
        makes_signal=makes_signal,
    )


def excursions(
    sight: Sight, held: Held, span_ms: tuple[int, int], away: Away | None, settings: ConformanceSettings
) -> list[ConformanceFinding]:
    """Tell that a track is outside what its operation declares, and after a while that it is contingent.

    The excursion goes on while it is contingent by its duration: nobody may take it for ended. What is
    declared contingent is no excursion any more.

    Args:
        sight: The track.
        held: Its operation.
        span_ms: When the first and the last report outside were.
        away: How far outside it is; None where nothing is declared for the time.
        settings: What counts.
    """
    since_ms, last_ms = span_ms
    duration_s = max(0.0, (sight.now_ms - since_ms) / 1000.0)
    state = held.state or IntentState.ACCEPTED
    where = "where nothing is declared for this time" if away is None else away.words
    ground = ", on the ground" if sight.on_ground else ""
    cause = (
        f"{sight.name} has been outside {held.id!r}, declared {state.value}, for"
        f" {duration_words(duration_s)}: {where}{ground}"
    )
    told = []
    if state is not IntentState.CONTINGENT:
        told.append((SignalKind.EXCURSION, Urgency.CAUTION, duration_s > settings.grace_s))
    if state is IntentState.CONTINGENT or duration_s > settings.contingent_after_s:
        told.append((SignalKind.CONTINGENT, Urgency.WARNING, True))
    facts = {} if away is None else away.facts
    return [
        _finding(
            kind, sight, held, urgency, cause, since_ms,
            last_ms=last_ms, facts=facts, makes_signal=makes_signal,
        )
        for kind, urgency, makes_signal in told
    ]  # fmt: skip


def contingent(sight: Sight, held: Held, since_ms: int) -> ConformanceFinding:
    """Tell that the operation of a track is declared contingent, though it is not surely outside."""
    cause = f"{sight.name} flies {held.id!r}, which is declared Contingent"
    return _finding(SignalKind.CONTINGENT, sight, held, Urgency.CAUTION, cause, since_ms)


def mistimed(
    sight: Sight, held: Held, off_ms: int, since_ms: int, settings: ConformanceSettings
) -> ConformanceFinding:
    """Tell that a track is where its operation is declared for later, or was for earlier.

    Args:
        sight: The track.
        held: The operation.
        off_ms: How much later its volume there begins; below 0 how much earlier it ended.
        since_ms: Since when it is so.
        settings: What counts.
    """
    off_s = abs(off_ms) / 1000.0
    kind = SignalKind.EARLY if off_ms > 0 else SignalKind.LATE
    when = "is declared there only in" if off_ms > 0 else "was declared there until"
    ago = "" if off_ms > 0 else " ago"
    return _finding(
        kind,
        sight,
        held,
        Urgency.CAUTION if off_s > settings.contingent_after_s else Urgency.ADVISORY,
        f"{sight.name} is {kind.value}: {held.id!r} {when} {duration_words(off_s)}{ago}",
        since_ms,
        facts={"off_s": off_s},
        makes_signal=off_s > settings.grace_s,
    )


def undeclared(
    sight: Sight, since_ms: int, inside: Sequence[ItemId], why: str, *, is_certain: bool = True
) -> ConformanceFinding:
    """Tell that a track fits nothing that is declared.

    Args:
        sight: The track.
        since_ms: Since when.
        inside: The operations of others that it is inside of, sorted.
        why: What more is known, as a clause; may be empty.
        is_certain: Whether all is known that it could fit.
    """
    where = f" and is inside {', '.join(map(repr, inside[:3]))}" if inside else ""
    more = f"; {why}" if why else ""
    return _finding(
        SignalKind.UNDECLARED,
        sight,
        None,
        Urgency.CAUTION if inside else Urgency.ADVISORY,
        f"{sight.name} fits nothing that is declared{where}{more}",
        since_ms,
        others=inside,
        is_certain=is_certain,
    )


def not_seen(held: Held, since_ms: int, now_ms: int) -> ConformanceFinding:
    """Tell that an operation is under way, and no track fits it."""
    unseen_s = (now_ms - since_ms) / 1000.0
    state = "" if held.state is None else f"is declared {held.state.value}, and "
    cause = f"{held.id!r} {state}has not been seen for {duration_words(unseen_s)}"
    nobody = Sight("", None, since_ms, now_ms)
    return _finding(SignalKind.NOT_SEEN, nobody, held, Urgency.ADVISORY, cause, since_ms)


def wrong_kind(
    sight: Sight, held: Held, kinds: tuple[TrackKind, TrackKind], since_ms: int
) -> ConformanceFinding:
    """Tell that a track is of another kind than its operation says; `kinds`: that of the track first."""
    seen, said = (kind.value for kind in kinds)
    cause = f"{sight.name} tells that it is of the kind {seen}; {held.id!r} declares {said}"
    return _finding(SignalKind.WRONG_KIND, sight, held, Urgency.ADVISORY, cause, since_ms)


def wrong_party(sight: Sight, held: Held, party: str, by: str, since_ms: int) -> ConformanceFinding:
    """Tell that a track says that it flies an operation of another party."""
    cause = f"{sight.name} is of {party!r}, and claims {held.id!r} of {held.party!r} by its {by}"
    return _finding(SignalKind.WRONG_IDENTITY, sight, held, Urgency.CAUTION, cause, since_ms)


def claimed_twice(sight: Sight, held: Held, others: Sequence[str], since_ms: int) -> ConformanceFinding:
    """Tell that other tracks say that they fly the same operation, at another place."""
    named = ", ".join(map(repr, others[:3]))
    cause = f"{sight.name} claims {held.id!r}, and so at another place does {named}"
    return _finding(SignalKind.WRONG_IDENTITY, sight, held, Urgency.CAUTION, cause, since_ms, others=others)


def far_away(sight: Sight, held: Held, away: Away, since_ms: int) -> ConformanceFinding:
    """Tell that a track says that it flies an operation far away from where it is."""
    cause = f"{sight.name} claims {held.id!r}, and is {away.words}"
    return _finding(
        SignalKind.WRONG_IDENTITY, sight, held, Urgency.CAUTION, cause, since_ms, facts=away.facts
    )


def in_zone(
    sight: Sight, held: Held, since_ms: int, asked: str, *, is_certain: bool, urgency: Urgency
) -> ConformanceFinding:
    """Tell that a track is in a zone of others.

    Args:
        sight: The track.
        held: The zone.
        since_ms: Since when.
        asked: What the zone asks, as a clause.
        is_certain: Whether it is surely inside.
        urgency: How urgent it is if it is sure; else it is an advisory.
    """
    inside = "is in" if is_certain else "may be in"
    lasting = duration_words(max(0.0, (sight.now_ms - since_ms) / 1000.0))
    return _finding(
        SignalKind.ZONE_ENTRY,
        sight,
        held,
        urgency if is_certain else Urgency.ADVISORY,
        f"{sight.name} {inside} {held.id!r} of {held.party!r} for {lasting}: {asked}",
        since_ms,
        is_certain=is_certain,
    )


def will_enter(
    sight: Sight, held: Held, since_ms: int, t_in_s: float, asked: str, *, is_certain: bool, urgency: Urgency
) -> ConformanceFinding:
    """Tell that a track comes into a zone of others; arguments as of `in_zone`, `t_in_s` seconds from now."""
    comes = "comes into" if is_certain else "may come into"
    return _finding(
        SignalKind.ZONE_ENTRY,
        sight,
        held,
        urgency if is_certain else Urgency.ADVISORY,
        f"{sight.name} {comes} {held.id!r} of {held.party!r} in {duration_words(t_in_s)}: {asked}",
        since_ms,
        facts={"t_in_s": t_in_s},
        is_certain=is_certain,
        t_in_s=t_in_s,
    )


def keep_out_urgency(t_in_s: float) -> Urgency:
    """Return how urgent an entry into a keep-out zone is that comes in so many seconds."""
    if t_in_s <= WARNING_WITHIN_S:
        return Urgency.WARNING
    return Urgency.CAUTION if t_in_s <= CAUTION_WITHIN_S else Urgency.ADVISORY


def asked_by(rule: ConstraintRule) -> str:
    """Write what a zone asks, as a clause."""
    return "keep out" if rule is ConstraintRule.KEEP_OUT else "notice required"
