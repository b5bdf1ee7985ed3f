"""What is found of one track: outside, early, late, of the wrong kind, of nobody's plan.

It changes what is remembered of the track, and puts what it finds into the look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keepclear.core.assignment import Flight, may_fly
from keepclear.core.conformance_findings import AssignedBy, Ignorance, duration_words
from keepclear.core.conformance_look import Look
from keepclear.core.conformance_signals import (
    Away,
    Sight,
    contingent,
    excursions,
    far_away,
    mistimed,
    undeclared,
    wrong_kind,
    wrong_party,
)
from keepclear.core.containment import Certainty
from keepclear.core.declared_volumes import Held, is_of
from keepclear.core.intents import IntentState, ItemId
from keepclear.core.kinds import TrackKind


def judge_assigned(look: Look, row: int, code: Certainty, is_nominal: bool, away: Away | None) -> None:
    """Judge a track against the operation that it is assigned to.

    Args:
        look: The cycle.
        row: The track.
        code: Whether it is inside what is declared for the instant of its position.
        is_nominal: Whether its place is, whatever its error.
        away: How far outside it is; None where that is not so, or nothing is declared for the time.
    """
    flight = look.flights[row]
    held = look.scene.items[flight.slot]
    sight = look.sight(row)
    flight.is_new = False
    if flight.by is not AssignedBy.CONTAINMENT:
        _kind(look, row, held, sight)
    if sight.doubt is not None:
        if flight.out_ms is not None:
            _excursion(look, flight, held, sight, away)
        else:
            look.cannot_tell(sight.track, held.id, f"whether it is inside; {sight.doubt}")
    elif code is Certainty.OUTSIDE:
        _outside(look, row, held, sight, away)
    else:
        _inside(look, flight, held, sight, code, is_nominal, away)


def _kind(look: Look, row: int, held: Held, sight: Sight) -> None:
    operation = held.operation
    assert operation is not None, "tracks are assigned to operations only"
    kinds = (look.picture.kinds[row], operation.aircraft_kind)
    flight = look.flights[row]
    flight.tells_wrong_kind = TrackKind.UNKNOWN not in kinds and kinds[0] is not kinds[1]
    if flight.tells_wrong_kind:
        look.found.append(wrong_kind(sight, held, kinds, flight.said_ms))


def _inside(
    look: Look,
    flight: Flight,
    held: Held,
    sight: Sight,
    code: Certainty,
    is_nominal: bool,
    away: Away | None,
) -> None:
    """Judge a track that is inside, or may be."""
    flight.off_ms = flight.undeclared_ms = None
    if code is Certainty.INSIDE:
        flight.was_inside = True
        flight.inside_ms = sight.at_ms if flight.inside_ms is None else flight.inside_ms
        if sight.at_ms - flight.inside_ms >= look.settings.settled_after_s * 1000.0:
            flight.is_settled = True
    else:
        flight.inside_ms = None
        look.cannot_tell(sight.track, held.id, "its errors decide whether it is inside")
    if flight.out_ms is not None:
        is_back = code is Certainty.INSIDE or is_nominal
        if is_back and sight.at_ms > flight.out_last_ms:
            flight.out_ms = None
        else:
            _excursion(look, flight, held, sight, away)
            return
    if held.state is IntentState.CONTINGENT:
        look.found.append(contingent(sight, held, flight.since_ms))


def _outside(look: Look, row: int, held: Held, sight: Sight, away: Away | None) -> None:
    """Judge a track that is surely outside what its operation declares for the instant."""
    flight = look.flights[row]
    flight.inside_ms = None
    if not look.in_flight[row] and flight.out_ms is None:
        flight.off_ms = flight.undeclared_ms = None  # on the ground nothing is left, and nothing is begun
        return
    off_ms = look.off_times_of(row).get(flight.slot)
    if off_ms is not None:
        flight.out_ms = flight.undeclared_ms = None
        flight.off_ms = sight.at_ms if flight.off_ms is None else flight.off_ms
        look.found.append(mistimed(sight, held, off_ms, flight.off_ms, look.settings))
        return
    flight.off_ms = None
    elsewhere = _elsewhere(look, flight, held, sight, away)
    if elsewhere is not None:
        flight.out_ms = None
        flight.undeclared_ms = sight.at_ms if flight.undeclared_ms is None else flight.undeclared_ms
        inside = _surely_inside(look, row)
        look.found.append(undeclared(sight, flight.undeclared_ms, inside, elsewhere))
        return
    flight.undeclared_ms = None
    claims = flight.by is not AssignedBy.CONTAINMENT and not flight.was_inside
    if claims and away is not None and away.lateral_m > look.settings.far_m:
        flight.out_ms = None
        look.found.append(far_away(sight, held, away, flight.said_ms))
        return
    flight.out_ms = sight.at_ms if flight.out_ms is None else flight.out_ms
    flight.out_last_ms = sight.at_ms
    _excursion(look, flight, held, sight, away)


def _elsewhere(look: Look, flight: Flight, held: Held, sight: Sight, away: Away | None) -> str | None:
    """Say why a track that is outside does not fly its operation now; None where it does."""
    state = held.state or IntentState.ACCEPTED
    if sight.at_ms < held.start_ms:
        begins = duration_words((held.start_ms - sight.at_ms) / 1000.0)
        return f"its operation {held.id!r} begins in {begins}"
    over_s = (sight.at_ms - held.end_ms) / 1000.0
    is_planned = state is IntentState.ACCEPTED
    if over_s > 0.0 and (is_planned or over_s > look.settings.mistimed_max_s):
        return f"its operation {held.id!r} ended {duration_words(over_s)} ago"
    if is_planned and not flight.was_inside:
        where = "" if away is None else f", {away.words}"
        return f"its operation {held.id!r} is only planned{where}"
    return None


def _excursion(look: Look, flight: Flight, held: Held, sight: Sight, away: Away | None) -> None:
    assert flight.out_ms is not None, "it is out"
    span_ms = (flight.out_ms, flight.out_last_ms)
    look.found.extend(excursions(sight, held, span_ms, away, look.settings))


def _surely_inside(look: Look, row: int) -> tuple[ItemId, ...]:
    """Return the operations that a track is surely inside of."""
    return look.ids_of([place for place, code in look.codes_of(row).items() if code is Certainty.INSIDE])


def judge_unassigned(
    look: Look,
    rows: Sequence[int],
    candidates: Mapping[int, tuple[ItemId, ...]],
    ignorance: Sequence[Ignorance],
) -> int:
    """Judge tracks that are assigned to no operation.

    Args:
        look: The cycle.
        rows: The tracks.
        candidates: What each may fly.
        ignorance: What is declared, and nobody here can tell where.

    Returns:
        How many fit nothing.
    """
    unknown = [each.reason for each in ignorance if each.may_be_at(look.now_ms)]
    fit_nothing, untold = 0, 0
    for row in rows:
        flight = look.flights[row]
        if not look.in_flight[row]:
            flight.undeclared_ms = flight.off_ms = None
            continue
        if look.is_lost[row]:
            if flight.undeclared_ms is not None:  # what was found of it stands, and nothing new is
                fit_nothing += 1
                look.found.append(undeclared(look.sight(row), flight.undeclared_ms, (), ""))
            continue
        why = _contradiction(look, row, candidates.get(row, ()))
        if why is None:
            flight.undeclared_ms = None
            continue
        fit_nothing += 1
        flight.off_ms = None
        flight.undeclared_ms = look.at_ms[row] if flight.undeclared_ms is None else flight.undeclared_ms
        inside = _surely_inside(look, row) if look.is_near[row] else ()
        if unknown and not inside:
            untold += 1
        elif inside or look.settings.tells_undeclared:
            look.found.append(
                undeclared(look.sight(row), flight.undeclared_ms, inside, why, is_certain=not unknown)
            )
    if untold:
        reason = f"{untold:,} tracks fit nothing that is held here; {unknown[0]}"
        look.cannot_tell("", "", reason if len(unknown) == 1 else f"{reason} (and {len(unknown) - 1:,} more)")
    return fit_nothing


def _contradiction(look: Look, row: int, candidates: tuple[ItemId, ...]) -> str | None:
    """Say what more is known of a track that fits nothing, maybe nothing; None where it may fit."""
    flight, party = look.flights[row], look.picture.parties[row]
    claim, track = flight.claim, look.picture.ids[row]
    if claim.foreign is not None and claim.by is not None and party is not None:
        held = look.scene.items[look.scene.index[claim.foreign]]
        look.found.append(wrong_party(look.sight(row), held, party, claim.by.value, flight.said_ms))
        return None
    if candidates:
        flight.off_ms = None
        if len(candidates) == 1:
            look.cannot_tell(track, candidates[0], "it may fly it: its errors decide whether it is inside")
        else:
            reason = f"it may fly any of {len(candidates)} operations: which cannot be told"
            look.cannot_tell(track, "", reason)
        return None
    if look.is_near[row]:
        for place in look.coarse_of(row):
            held = look.scene.items[place]
            if is_of(held.party, party):
                look.cannot_tell(track, held.id, f"it may fly what {held.party!r} withholds there")
                return None
        if _is_mistimed(look, row):
            return None
    return "" if claim.unknown is None else f"it says that it flies {claim.unknown!r}, which is not held here"


def _is_mistimed(look: Look, row: int) -> bool:
    """Tell whether a track is early or late for one operation that it may fly, and say so."""
    flight = look.flights[row]
    assert flight.words is not None, "it was asked what it says"
    words = flight.words
    fitting = {
        place: off_ms
        for place, off_ms in look.off_times_of(row).items()
        if may_fly(look.scene.items[place], words)
    }
    if len(fitting) != 1 or _surely_inside(look, row):
        return False
    ((place, off_ms),) = fitting.items()
    flight.off_ms = look.at_ms[row] if flight.off_ms is None else flight.off_ms
    held = look.scene.items[place]
    look.found.append(mistimed(look.sight(row), held, off_ms, flight.off_ms, look.settings))
    return True
