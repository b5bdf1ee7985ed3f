"""Telling people what is wrong with JSON: where it breaks off, and every field that does not fit."""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from keepclear.core.errors import InvalidValueError

_BYTE_ORDER_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_SUGGESTION_CUTOFF: Final = 0.6
_NAMES_SHOWN_MAX: Final = 8


def text_of(data: bytes) -> bytes:
    """Return the UTF-8 text of a file, without a byte order mark.

    Raises:
        InvalidValueError: It is empty, UTF-16, or not UTF-8.
    """
    if data.startswith(_BYTE_ORDER_MARKS):
        raise InvalidValueError("", "the file is UTF-16; save it as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise InvalidValueError("", "the file is empty")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidValueError("", f"the file is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    return data


def decode_json(data: bytes, kind: Any = Any) -> Any:
    """Decode JSON.

    Args:
        data: The text.
        kind: The type wanted, for `msgspec`.

    Raises:
        InvalidValueError: It is no JSON, breaks off, or nests too deeply; the reason tells line and column.
        msgspec.ValidationError: It is JSON of another type.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        if kind is Any:  # only a number that no float holds does not fit anything
            raise InvalidValueError("", "a number is out of range") from error
        raise
    except msgspec.DecodeError as error:
        raise InvalidValueError("", _where(data, str(error))) from None
    except RecursionError:
        raise InvalidValueError("", "the JSON nests too deeply") from None


def refuse_repeated_names(data: bytes) -> None:
    """Refuse JSON in which an object has a name twice: readers differ in which of the values counts.

    Raises:
        InvalidValueError: A name stands twice; the reason shows the object.

    Source:
        RFC 8259, section 4: names within an object should be unique.
    """
    try:
        # What the values are does not matter here; `len` is the cheapest to call for a number.
        json.loads(data, object_pairs_hook=_without_repeats, parse_int=len, parse_float=len)
    except RecursionError:
        raise InvalidValueError("", "the JSON nests too deeply") from None


def _without_repeats(pairs: list[tuple[str, object]]) -> None:
    names = {name for name, _ in pairs}
    if len(names) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        repeated = next(name for name, count in counts.items() if count > 1)
        listed = ", ".join(repr(name) for name, _ in pairs[:_NAMES_SHOWN_MAX])
        raise InvalidValueError("", f"the name {repeated!r} stands twice in one object (with {listed})")


def _where(data: bytes, message: str) -> str:
    found = re.search(r"\(byte (\d+)\)", message)
    if found is None:  # it breaks off
        position = len(data)
        message = "the JSON breaks off"
    else:
        position = int(found[1])
        message = "this is not JSON: " + message[: found.start()].removeprefix("JSON is malformed: ").strip()
    line = data.count(b"\n", 0, position) + 1
    column = position - (data.rfind(b"\n", 0, position) + 1) + 1
    return f"{message} at line {line}, column {column}"


def did_you_mean(name: str, known: list[str], cutoff: float = _SUGGESTION_CUTOFF) -> str:
    """Return `; did you mean 'x'?` for a name that is nearly a known one, else the known ones."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"


def misfits(value: object, kind: Any, path: str = "") -> Iterator[InvalidValueError]:
    """Find everything in a decoded JSON value that does not fit a type.

    Args:
        value: What was decoded, as plain Python.
        kind: The type that was wanted: a `msgspec.Struct`, a list, an optional, or a plain type.
        path: Where the value is.

    Yields:
        One error for each place that does not fit, in the order of the type's fields.
    """
    yield from _misfits(value, _description(kind), kind, path)


@functools.cache
def _description(kind: Any) -> msgspec.inspect.Type:
    return msgspec.inspect.type_info(kind)


def _misfits(value: object, info: msgspec.inspect.Type, kind: Any, path: str) -> Iterator[InvalidValueError]:
    if isinstance(info, msgspec.inspect.UnionType):
        if value is None and any(isinstance(t, msgspec.inspect.NoneType) for t in info.types):
            return
        inner = [t for t in info.types if not isinstance(t, msgspec.inspect.NoneType)]
        if len(inner) == 1 and isinstance(inner[0], _DESCRIBED):
            yield from _misfits(value, inner[0], getattr(inner[0], "cls", kind), path)
            return
    if isinstance(info, msgspec.inspect.StructType) and isinstance(value, dict):
        names = [field.encode_name for field in info.fields]
        for name in value:
            if name not in names:
                yield InvalidValueError(
                    _join(path, str(name)), f"unknown field{did_you_mean(str(name), names)}"
                )
        for field in info.fields:
            if field.encode_name in value:
                inner_value = value[field.encode_name]
                yield from _misfits(
                    inner_value, field.type, _plain(field.type), _join(path, field.encode_name)
                )
            elif field.required:
                yield InvalidValueError(_join(path, field.encode_name), "it is missing")
        return
    if isinstance(info, msgspec.inspect.ListType) and isinstance(value, list):
        for index, inner_value in enumerate(value):
            yield from _misfits(inner_value, info.item_type, _plain(info.item_type), f"{path}[{index}]")
        return
    if isinstance(info, msgspec.inspect.LiteralType):
        if value not in info.values:
            known = [str(word) for word in info.values]
            yield InvalidValueError(path, f"unknown value {value!r}{did_you_mean(str(value), known)}")
        return
    try:
        msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        reason = str(error).split(" - at `$")[0]
        for typed, said in _SAID.items():
            reason = reason.replace(typed, said)
        yield InvalidValueError(path, reason[:1].lower() + reason[1:])


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


_DESCRIBED: Final = (msgspec.inspect.StructType, msgspec.inspect.ListType, msgspec.inspect.LiteralType)
_SAID: Final = {
    "`float`": "a number",
    "`int`": "a whole number",
    "`str`": "text",
    "`bool`": "true or false",
    "`object`": "an object",
    "`array`": "an array",
    "`null`": "null",
}
_PLAIN: Final[dict[type, Any]] = {
    msgspec.inspect.FloatType: float,
    msgspec.inspect.IntType: int,
    msgspec.inspect.StrType: str,
    msgspec.inspect.BoolType: bool,
    msgspec.inspect.AnyType: Any,
}


def _plain(info: msgspec.inspect.Type) -> Any:
    """Return the Python type that a description stands for."""
    if isinstance(info, msgspec.inspect.StructType):
        return info.cls
    if isinstance(info, msgspec.inspect.ListType):
        return list[_plain(info.item_type)]  # type: ignore[misc]  # built at run time
    if isinstance(info, msgspec.inspect.DictType):
        return dict[_plain(info.key_type), _plain(info.value_type)]  # type: ignore[misc]  # built at run time
    if isinstance(info, msgspec.inspect.LiteralType):
        return Literal[info.values]
    if isinstance(info, msgspec.inspect.UnionType):
        result: Any = None
        for part in info.types:
            if not isinstance(part, msgspec.inspect.NoneType):
                result = _plain(part) if result is None else result | _plain(part)
        return result | None
    return _PLAIN[type(info)]
