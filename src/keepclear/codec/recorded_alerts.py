"""What became of alerts, as the events of a recording tell it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from keepclear.codec.json_errors import decode_json
from keepclear.core.errors import InvalidValueError
from keepclear.core.incidents import CAUSE_CHARACTERS_MAX, AlertStep
from keepclear.core.intents import ID_CHARACTERS_MAX
from keepclear.core.recorded import RecordedEvent

_Text = Annotated[str, Meta(max_length=ID_CHARACTERS_MAX)]
_Long = Annotated[str, Meta(max_length=CAUSE_CHARACTERS_MAX)]

ALERT_EVENT: Final = "alert"
"""The word by which what happened to an alert is recorded."""
ACKNOWLEDGEMENT_EVENT: Final = "acknowledgement"
"""The word by which an acknowledgement is recorded."""


class _AlertTold(Struct):
    alert: _Text
    key: tuple[_Text, _Text, _Text]
    change: _Text
    urgency: _Text
    reason: _Long = ""


class _AcknowledgementTold(Struct):
    key: tuple[_Text, _Text, _Text]
    person: _Text


def alert_steps(events: Iterable[RecordedEvent]) -> Iterator[AlertStep | None]:
    """Yield what happened to alerts, of the events of a recording in their order.

    None stands for what cannot be read: it is of another version, or damaged.
    """
    newest: dict[tuple[str, str, str], AlertStep] = {}
    for event in events:
        try:
            if event.what == ALERT_EVENT:
                told: _AlertTold = decode_json(event.text, _AlertTold)
                step = AlertStep(
                    alert=told.alert,
                    kind=told.key[0],
                    a=told.key[1],
                    b=told.key[2],
                    at_ms=event.at_ms,
                    change=told.change,
                    urgency=told.urgency,
                    cause=told.reason,
                )
                newest[told.key] = step
            elif event.what == ACKNOWLEDGEMENT_EVENT:
                said: _AcknowledgementTold = decode_json(event.text, _AcknowledgementTold)
                if said.key not in newest:
                    continue
                step = replace(
                    newest[said.key], at_ms=event.at_ms, change="acknowledged", cause="", person=said.person
                )
            else:
                continue
        except (InvalidValueError, msgspec.ValidationError):
            yield None
        else:
            yield step
