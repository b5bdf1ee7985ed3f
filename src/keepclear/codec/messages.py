"""Messages of the hotline as JSON, in statements and in what officers sign, and back.

`{"code":"position_report","to":"north","fields":{"call_sign":"RELIEF1","at":[3540000,3590000],...},
"priority":"safety","valid_until":1700000000000}`: numbers are whole, so that every program writes them alike.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from keepclear.codec.json_errors import did_you_mean
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import (
    MESSAGES,
    WORDS,
    Code,
    Field,
    FieldKind,
    Height,
    HeightAbove,
    Message,
    Position,
    Priority,
    Unit,
    Value,
)
from keepclear.core.refs import ItemRef, MessageRef

_Word = TypeVar("_Word", bound=Enum)


class WireItemRef(Struct, forbid_unknown_fields=True):
    """A version of an item."""

    party: str
    id: str
    version: int


class WireMessageRef(Struct, forbid_unknown_fields=True):
    """A message, by its reference number."""

    party: str
    n: int


class WireMessage(Struct, forbid_unknown_fields=True, kw_only=True):
    """A message."""

    code: str
    to: str
    fields: dict[str, Any] | UnsetType = UNSET
    answers: WireMessageRef | UnsetType = UNSET
    corrects: WireMessageRef | UnsetType = UNSET
    priority: str
    valid_until: int
    drill: str | UnsetType = UNSET


def wire_message(message: Message) -> WireMessage:
    """Return the form of a message in JSON."""
    return WireMessage(
        code=message.code.value,
        to=message.to,
        fields={name: _wire_value(value) for name, value in message.fields} or UNSET,
        answers=_wire_ref(message.answers),
        corrects=_wire_ref(message.corrects),
        priority=message.priority.value,
        valid_until=message.valid_until_ms,
        drill=UNSET if message.drill is None else message.drill,
    )


def message_of(wired: WireMessage) -> Message:
    """Return the message that a form stands for.

    Raises:
        InvalidValueError: It is none; the first field that is wrong is named.
    """
    code = _word(Code, "code", wired.code)
    known = MESSAGES[code].fields
    given: dict[str, Any] = {} if wired.fields is UNSET else wired.fields
    for name in given:
        if all(name != field.name for field in known):
            hint = did_you_mean(name, [field.name for field in known])
            raise InvalidValueError(f"fields.{name}", f"{code.value!r} has no such field{hint}")
    return Message(
        code=code,
        to=PartyId(wired.to),
        fields=tuple(
            (field.name, value_of(field, given[field.name])) for field in known if field.name in given
        ),
        answers=_ref("answers", wired.answers),
        corrects=_ref("corrects", wired.corrects),
        priority=_word(Priority, "priority", wired.priority),
        valid_until_ms=wired.valid_until,
        drill=None if wired.drill is UNSET else wired.drill,
    )


def _wire_ref(ref: MessageRef | None) -> WireMessageRef | UnsetType:
    return UNSET if ref is None else WireMessageRef(ref.party, ref.n)


def _ref(field: str, wired: WireMessageRef | UnsetType) -> MessageRef | None:
    if wired is UNSET:
        return None
    try:
        return MessageRef(party=PartyId(wired.party), n=wired.n)
    except InvalidValueError as error:
        raise error.within(field) from None


def _wire_value(value: Value) -> object:
    match value:
        case ItemRef():
            return WireItemRef(value.party, value.id, value.version)
        case MessageRef():
            return WireMessageRef(value.party, value.n)
        case Position():
            return [value.latitude_e5, value.longitude_e5]
        case Height():
            return [value.value, value.unit.value, value.above.value]
        case int() | str():
            return value
        case _:
            return value.value


def value_of(field: Field, wired: object) -> Value:
    """Return the value of a field from its form in JSON.

    Raises:
        InvalidValueError: It is no value of that kind.
    """
    name = f"fields.{field.name}"
    words = WORDS.get(field.kind)
    if words is not None:
        return _word(words, name, wired)  # type: ignore[return-value]  # each is a Value
    reader = _READERS.get(field.kind)
    if reader is not None:
        try:
            return reader(wired)
        except msgspec.ValidationError as error:
            raise InvalidValueError(name, f"{_FORMS[field.kind]}: {error}") from None
        except InvalidValueError as error:
            raise error.within(name) from None
    if not isinstance(wired, int | str) or isinstance(wired, bool):
        raise InvalidValueError(name, f"it must be a {field.kind.value}: a whole number or text")
    return wired


def _word(words: type[_Word], name: str, wired: object) -> _Word:
    known = [word.value for word in words]
    if not isinstance(wired, str) or wired not in known:
        hint = did_you_mean(wired, known) if isinstance(wired, str) else ""
        raise InvalidValueError(name, f"unknown value {wired!r}{hint}")
    return words(wired)


def _item_ref(wired: object) -> ItemRef:
    told = msgspec.convert(wired, WireItemRef, strict=True)
    return ItemRef(party=PartyId(told.party), id=ItemId(told.id), version=told.version)


def _message_ref(wired: object) -> MessageRef:
    told = msgspec.convert(wired, WireMessageRef, strict=True)
    return MessageRef(party=PartyId(told.party), n=told.n)


def _position(wired: object) -> Position:
    latitude_e5, longitude_e5 = msgspec.convert(wired, tuple[int, int], strict=True)
    return Position(latitude_e5=latitude_e5, longitude_e5=longitude_e5)


def _height(wired: object) -> Height:
    value, unit, above = msgspec.convert(wired, tuple[int, Unit, HeightAbove], strict=True)
    return Height(value=value, unit=unit, above=above)


_READERS: Final[dict[FieldKind, Callable[[object], Value]]] = {
    FieldKind.ITEM: _item_ref,
    FieldKind.MESSAGE: _message_ref,
    FieldKind.POSITION: _position,
    FieldKind.HEIGHT: _height,
}
_FORMS: Final[dict[FieldKind, str]] = {
    FieldKind.ITEM: 'it must be {"party": ..., "id": ..., "version": ...}',
    FieldKind.MESSAGE: 'it must be {"party": ..., "n": ...}',
    FieldKind.POSITION: "it must be [latitude, longitude] in 1/100000 of a degree",
    FieldKind.HEIGHT: 'it must be [value, "m" or "ft", "W84" or "MSL"]',
}
