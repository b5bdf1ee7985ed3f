"""What the states of operations should become by what is seen of their tracks."""

from __future__ import annotations

from typing import Final

from keepclear.core.conformance_findings import AssignedBy, Suggestion, duration_words
from keepclear.core.conformance_look import Look
from keepclear.core.intents import TRANSITIONS, IntentEvent, IntentState

_RANKS: Final = {
    IntentEvent.DECLARE_CONTINGENCY: 3,
    IntentEvent.LEAVE_VOLUMES: 2,
    IntentEvent.RETURN: 1,
    IntentEvent.ACTIVATE: 0,
}
"""Where several tracks of an operation suggest something, the graver counts."""


def suggestions_of(look: Look) -> tuple[Suggestion, ...]:
    """Return what states should become, one suggestion for an operation at most.

    Args:
        look: The cycle, all tracks judged.
    """
    best: dict[int, Suggestion] = {}
    out: set[int] = set()
    for row, flight in enumerate(look.flights):
        if flight.slot < 0 or (flight.by is AssignedBy.CONTAINMENT and not flight.is_settled):
            continue
        if flight.out_ms is not None or flight.off_ms is not None:
            out.add(flight.slot)
        found = _suggestion(look, row)
        if found is not None:
            known = best.get(flight.slot)
            if known is None or _RANKS[found.event] > _RANKS[known.event]:
                best[flight.slot] = found
    return tuple(
        best[slot]
        for slot in sorted(best)
        if not (best[slot].event is IntentEvent.RETURN and slot in out)  # one of its tracks is still out
    )


def _suggestion(look: Look, row: int) -> Suggestion | None:
    flight = look.flights[row]
    held = look.scene.items[flight.slot]
    state = held.state
    if state is None or look.is_lost[row] or look.picture.is_suspect[row]:
        return None
    grace_ms = look.settings.grace_s * 1000.0
    name = repr(look.picture.ids[row])
    event: IntentEvent | None = None
    since_ms, cause = 0, ""
    left_ms = flight.out_ms if flight.out_ms is not None else flight.off_ms
    if left_ms is not None:
        out_s = (look.now_ms - left_ms) / 1000.0
        if flight.out_ms is not None and out_s > look.settings.contingent_after_s:
            event = IntentEvent.DECLARE_CONTINGENCY
        elif out_s * 1000.0 > grace_ms and (state is IntentState.ACTIVATED or flight.was_inside):
            event = IntentEvent.LEAVE_VOLUMES
        since_ms, cause = left_ms, f"{name} has been outside for {duration_words(out_s)}"
    elif flight.inside_ms is not None and look.in_flight[row]:
        in_s = (look.now_ms - flight.inside_ms) / 1000.0
        if in_s * 1000.0 > grace_ms:
            event = IntentEvent.RETURN if state is IntentState.NONCONFORMING else IntentEvent.ACTIVATE
        since_ms, cause = flight.inside_ms, f"{name} has been inside for {duration_words(in_s)}"
    if event is None or (state, event) not in TRANSITIONS:
        return None
    return Suggestion(held.id, held.party, state, event, look.picture.ids[row], since_ms, cause)
