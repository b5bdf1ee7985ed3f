"""The paper form of a message: lines that are read out by telephone, each with a check symbol.

The symbol of a line stands for the form up to there. So a wrong, swapped or forgotten character or line is
noticed at once with 31 chances in 32, and with the next line nearly always; the eight symbols of the total
stand for everything the form says, and leave one chance in 2^40. That is against slips; who sends it is
vouched for by the voice, and later by the log, with which it is compared when that arrives.

How values are written is told by `written`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any, Final, NamedTuple

from keepclear.core.deeds import Heard
from keepclear.core.dialogues import Sent
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import MESSAGES, Code, Field, FieldKind, Message, Priority, Value, check_value
from keepclear.core.refs import LOG_ENTRIES_MAX, ItemRef, MessageRef
from keepclear.core.symbols import read_symbols, symbols_of
from keepclear.core.written import (
    moment_text,
    read_moment,
    read_value,
    read_word,
    text_of,
    word_text,
)

TOTAL_SYMBOLS: Final = 8
"""So many symbols stand for a whole form."""
LINES_MAX: Final = 20
"""No form has more lines."""
NOTHING: Final = "-"
"""What is written where a line holds nothing."""
_FORM: Final = b"keepclear-form/1"
_FIELDS: Final = "fields."
_DIGITS_MAX: Final = len(str(LOG_ENTRIES_MAX - 1))


Name = tuple[str] | tuple[str, str]
"""The name of a party; or a party, and the id of an item of it."""


class Slot(NamedTuple):
    """A line of a form, still empty.

    Attributes:
        name: What it holds, as errors call it: `to`, or `fields.item` for a field.
        is_needed: Whether something must stand there.
        write: Writes its value.
        read: Reads it.
    """

    name: str
    is_needed: bool
    write: Callable[[Any], str]
    read: Callable[[str], Any]


def _slot(name: str, kind: FieldKind, *, is_needed: bool = True) -> Slot:
    return Slot(name, is_needed, partial(text_of, kind), partial(_read_checked, kind))


def _read_checked(kind: FieldKind, text: str) -> Value:
    value = read_value(kind, text)
    try:
        check_value(Field("", kind), value)
    except InvalidValueError as error:
        raise InvalidValueError("", error.reason) from None
    return value


def _read_number(text: str) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS_MAX):
        raise InvalidValueError("", "it must be a reference number, such as 17")
    return int(digits)


_HEAD: Final = (
    _slot("to", FieldKind.PARTY),
    _slot("from", FieldKind.PARTY),
    Slot("number", False, str, _read_number),
    Slot("sent", True, moment_text, read_moment),
    Slot("code", True, word_text, partial(read_word, Code)),
)
_ABOUT: Final = (
    _slot("answers", FieldKind.MESSAGE, is_needed=False),
    _slot("corrects", FieldKind.MESSAGE, is_needed=False),
)
_FOOT: Final = (
    Slot("priority", True, word_text, partial(read_word, Priority)),
    Slot("valid_until", True, moment_text, read_moment),
    _slot("drill", FieldKind.DRILL, is_needed=False),
)


def slots_of(code: Code) -> tuple[Slot, ...]:
    """Return the lines of a form for messages with a code, in the order in which they are read out."""
    fields = MESSAGES[code].fields
    slots = (_slot(f"{_FIELDS}{name}", kind, is_needed=is_needed) for name, kind, is_needed in fields)
    return (*_HEAD, *_ABOUT, *slots, *_FOOT)


class FormLine(NamedTuple):
    """A line of a form that is filled in.

    Attributes:
        name: What it holds, as in `Slot`.
        text: What stands there.
        symbol: The check symbol of the form up to and with this line.
    """

    name: str
    text: str
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form that is filled in.

    Attributes:
        heard: What it says.
        lines: Its lines, in the order in which they are read out.
        total: The symbols of all of it.
    """

    heard: Heard
    lines: Sequence[FormLine]
    total: str


def heard_of(sent: Sent) -> Heard:
    """Return what a form of a message that was sent says."""
    return Heard(by=sent.ref.party, n=sent.ref.n, at_ms=sent.at_ms, message=sent.message)


def form_of(heard: Heard) -> Form:
    """Fill in the form of a message."""
    message, lines, so_far = heard.message, [], _FORM
    values: dict[str, object] = {
        "to": message.to,
        "from": heard.by,
        "number": heard.n,
        "sent": heard.at_ms,
        "code": message.code,
        "answers": message.answers,
        "corrects": message.corrects,
        "priority": message.priority,
        "valid_until": message.valid_until_ms,
        "drill": message.drill,
        **{f"{_FIELDS}{name}": value for name, value in message.fields},
    }
    for slot in slots_of(message.code):
        text = _written(slot, values.get(slot.name))
        so_far = _with(so_far, slot.name, text)
        lines.append(FormLine(slot.name, text, _symbol(so_far)))
    return Form(heard=heard, lines=lines, total=_total(so_far))


def _written(slot: Slot, value: object) -> str:
    if value is None:
        return NOTHING
    text = slot.write(value)
    is_like_nothing = text.strip() == NOTHING
    return f"\\{text}" if is_like_nothing or text.startswith("\\") else text


def _with(so_far: bytes, name: str, text: str) -> bytes:
    """Return the hash of a form with one line more."""
    parts = (so_far, name.encode(), text.encode())
    return sha256(b"".join(len(part).to_bytes(4) + part for part in parts)).digest()


def _symbol(so_far: bytes) -> str:
    return symbols_of(so_far, 1)


def _total(so_far: bytes) -> str:
    return symbols_of(sha256(b"total" + so_far).digest(), TOTAL_SYMBOLS)


class FormReader:
    """Reads a form line by line, as somebody reads it out.

    A line that is refused changes nothing, so it is asked for again.

    Args:
        names: Names that are known here, capitals included: of parties, and of items behind their parties.

    Attributes:
        slot: The line that comes next; None after the last one.
        lines: The lines that were taken, each as the form has it.
        is_checked: Whether every line came with its symbol.
    """

    def __init__(self, names: Iterable[Name] = ()) -> None:
        self._names = _folded(names)
        self._slots: tuple[Slot, ...] = _HEAD
        self._values: dict[str, Any] = {}
        self._so_far = _FORM
        self.lines: list[FormLine] = []
        self.is_checked = True

    @property
    def slot(self) -> Slot | None:
        """The line that comes next; None after the last one."""
        return self._slots[len(self.lines)] if len(self.lines) < len(self._slots) else None

    @property
    def code(self) -> Code | None:
        """What the form is of; None while that was not taken."""
        return self._values.get("code")

    def take(self, text: str, symbol: str | None) -> FormLine:
        """Take the next line.

        Args:
            text: What was heard; a hyphen where nothing stands there.
            symbol: The check symbol that was heard, as a symbol or a word; None where the form has none,
                which then has to be read back instead.

        Returns:
            The line as the form has it.

        Raises:
            InvalidValueError: It cannot be read, or the symbol is another; the line is named.
        """
        slot = self.slot
        if slot is None:
            raise InvalidValueError("", "the form has no further line; its total comes next")
        try:
            value, text, so_far = self._found(slot, text, _heard_symbols(symbol, 1))
        except InvalidValueError as error:
            raise error.within(slot.name) from None
        line = FormLine(slot.name, text, _symbol(so_far))
        self._values[slot.name], self._so_far = value, so_far
        self.is_checked = self.is_checked and symbol is not None
        if isinstance(value, Code):
            self._slots = slots_of(value)
        self.lines.append(line)
        return line

    def _found(self, slot: Slot, text: str, symbol: str | None) -> tuple[Any, str, bytes]:
        """Return the value that a text stands for, its written form, and the hash with it.

        Capitals and blanks cannot be heard: of the readings that differ in those only, the symbol tells.
        """
        readings = list(self._readings(slot, text))
        for value in readings:
            written = _written(slot, value)
            so_far = _with(self._so_far, slot.name, written)
            if symbol in (None, _symbol(so_far)):
                return value, written, so_far
        before = " or in a line before" if self.lines else ""
        reason = f"{symbol} is not the symbol of {_written(slot, readings[0])!r}: a slip is in it{before}"
        raise InvalidValueError("", f"{reason}; ask again")

    def _readings(self, slot: Slot, text: str) -> Iterable[Any]:
        plain = " ".join(text.split())
        if not text:
            raise InvalidValueError("", f"write {NOTHING} where nothing stands")
        if plain == NOTHING:
            if slot.is_needed:
                raise InvalidValueError("", "something must stand here")
            return [None]
        texts = dict.fromkeys(_unescaped(each) for each in (text, plain, plain.lower(), plain.upper()))
        read, refused = [], None
        for each in texts:
            try:
                read.append(slot.read(each))
            except InvalidValueError as error:
                refused = refused or error
        if refused is not None and not read:
            raise refused
        return list(dict.fromkeys([self._named(read[0]), *read]))

    def _named(self, value: Any) -> Any:
        """Return a value with the name that is known here, where it differs in capitals only."""
        match value:
            case ItemRef():
                party, item_id = self._known(value.party, value.id)
                return ItemRef(party=PartyId(party), id=ItemId(item_id), version=value.version)
            case MessageRef():
                return MessageRef(party=PartyId(self._known(value.party)[0]), n=value.n)
            case str():
                return self._known(value)[0]
            case _:
                return value

    def _known(self, *name: str) -> tuple[str, ...]:
        return self._names.get(_key(name), name)

    def finish(self, total: str | None) -> Heard:
        """Return what the form says.

        Args:
            total: The symbols of the whole that were heard; None where the form has none.

        Raises:
            InvalidValueError: Lines are missing, the total is another, or there is no such message.
        """
        if self.slot is not None:
            raise InvalidValueError(self.slot.name, "this line is missing")
        if total is not None:
            try:
                is_same = read_symbols(total, TOTAL_SYMBOLS) == _total(self._so_far)
            except InvalidValueError as error:
                raise InvalidValueError("total", error.reason) from None
            if not is_same:
                raise InvalidValueError(
                    "total", "it is another: a slip is in the form; have it read out again"
                )
        self.is_checked = self.is_checked and total is not None
        values = self._values
        message = Message(
            code=values["code"],
            to=values["to"],
            fields=_fields(values),
            answers=values["answers"],
            corrects=values["corrects"],
            priority=values["priority"],
            valid_until_ms=values["valid_until"],
            drill=values["drill"],
        )
        return Heard(by=values["from"], n=values["number"], at_ms=values["sent"], message=message)


def _heard_symbols(text: str | None, count: int) -> str | None:
    try:
        return None if text is None else read_symbols(text, count)
    except InvalidValueError as error:
        raise InvalidValueError("", error.reason) from None


def _fields(values: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(
        (name.removeprefix(_FIELDS), value)
        for name, value in values.items()
        if name.startswith(_FIELDS) and value is not None
    )


def read_form(
    lines: Iterable[tuple[str, str | None]], total: str | None, names: Iterable[Name] = ()
) -> Heard:
    """Read a whole form.

    Args:
        lines: The text and the symbol of each line, in order.
        total: The symbols of the whole; None where the form has none.
        names: As `FormReader` takes them.

    Raises:
        InvalidValueError: A line is wrong or missing, which is named, or the total is another.
    """
    reader = FormReader(names)
    for text, symbol in lines:
        reader.take(text, symbol)
    return reader.finish(total)


def _unescaped(text: str) -> str:
    return text[1:] if text.startswith("\\") else text


def _key(name: Sequence[str]) -> tuple[str, ...]:
    """Return what can be heard of a name."""
    return tuple(" ".join(part.split()).casefold() for part in name)


def _folded(names: Iterable[Name]) -> dict[tuple[str, ...], Name]:
    """Return names by what can be heard of them; those that sound alike are left out."""
    known: dict[tuple[str, ...], list[Name]] = {}
    for name in set(names):
        known.setdefault(_key(name), []).append(name)
    return {key: found[0] for key, found in known.items() if len(found) == 1}
