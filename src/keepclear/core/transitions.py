"""Tables of states as the documents show them, drawn from the code."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

_State = TypeVar("_State", bound=Enum)
_Event = TypeVar("_Event", bound=Enum)


def transitions_markdown(
    table: Mapping[tuple[_State, _Event], _State],
    states: type[_State],
    events: type[_Event],
    who: Mapping[_Event, str],
) -> str:
    """Draw a table of states, and beneath it who brings each event about.

    Args:
        table: The state that follows on a state and an event; a pair that is not there is left empty.
        states: All states.
        events: All events.
        who: Who can bring each event about, in words.
    """
    lines = [
        "| From | " + " | ".join(event.value for event in events) + " |",
        "|---" * (len(events) + 1) + "|",
    ]
    for state in states:
        following = [table.get((state, event)) for event in events]
        cells = [f"`{each.value}`" if each else "" for each in following]
        lines.append(f"| `{state.value}` | " + " | ".join(cells) + " |")
    lines += ["", "| Event | Who can bring it about |", "|---|---|"]
    lines += [f"| {event.value} | {speaker} |" for event, speaker in who.items()]
    return "\n".join(lines) + "\n"
