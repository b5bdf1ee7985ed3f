"""Reading the configuration of a node: one TOML file and `KEEPCLEAR_*` variables.

A variable stands above the file, and the file above the defaults. Whatever is not known is refused:
a limit that is spelt wrongly would otherwise be no limit. The keys themselves stand in `settings`.
"""

from __future__ import annotations

import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Final

from keepclear.adapters.settings import PREFIX, SECTIONS, Key, Settings, keys
from keepclear.codec.json_errors import did_you_mean, text_of
from keepclear.codec.properties import shown
from keepclear.core.errors import InvalidValueError

CONFIG_NAME: Final = "keepclear.toml"
"""The file that is read if none is named, in the current folder."""
CONFIG_VARIABLE: Final = "KEEPCLEAR_CONFIG"
"""Names the file."""
CONFIG_BYTES_MAX: Final = 1_000_000
"""A larger file is refused: it is something else."""
OTHER_VARIABLES: Final = frozenset(
    f"KEEPCLEAR_{name}"
    for name in (
        "CHROMIUM",
        "CONFIG",
        "DEBUG",
        "DSS_DATABASE",
        "DSS_INSTANCE",
        "FUZZ_PAIRS",
        "NODE",
        "POSTGRES_DSN",
        "PYTHON",
        "REQUIRE_BROWSER",
        "TESTS",
        "TOKEN",
        "TOKEN_FILE",
    )
)
"""Variables that are ours and no keys of the file."""
_SLIP_CUTOFF: Final = 0.8
"""A variable of no section that is as near to a known one as this is a slip."""


def find_config(explicit: str | None, environment: Mapping[str, str], folder: Path) -> Path | None:
    """Find the file: the one that was named, else the variable's, else the one in the folder.

    Args:
        explicit: The file that the user named; None for none.
        environment: The environment variables.
        folder: The current folder.

    Returns:
        The file; None if none is named and there is none in the folder. A named one may not exist.
    """
    named = explicit or environment.get(CONFIG_VARIABLE)
    if named:
        return folder / named
    usual = folder / CONFIG_NAME
    return usual if usual.exists() else None


def load_settings(
    explicit: str | None, *, environment: Mapping[str, str], folder: Path | None = None
) -> Settings:
    """Read the settings of a node.

    Args:
        explicit: The file that the user named; None to look for one, see `find_config`.
        environment: The environment variables.
        folder: The current folder; None for that of the process.

    Returns:
        The settings. Paths are relative to the folder of the file, or to `folder` without one.

    Raises:
        InvalidValueError: The file cannot be read, or a key or a variable is not known or has a value
            that it cannot have. The field is `file: section.key`, or the variable.
    """
    here = Path() if folder is None else folder
    file = find_config(explicit, environment, here)
    given = {} if file is None else _given_by_file(file)
    given |= _given_by_variables(environment)
    base = here if file is None else file.parent
    parts: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for key in keys():
        if key.path in given:
            value, origin = given[key.path]
            try:
                parts[key.section][key.name] = _converted(key, value, base)
            except InvalidValueError as error:
                raise InvalidValueError(_place(origin, key), error.reason) from None
        elif key.kind is Path:
            parts[key.section][key.name] = base / key.default
    _complete(parts["node"], file)
    sections = {section: _section(section, part, given, file) for section, part in parts.items()}
    origins = {path: origin for path, (_, origin) in given.items()}
    return Settings(**sections, file=file, origins=origins)


def _complete(node: dict[str, Any], file: Path | None) -> None:
    """Name the node after its party if it has no name.

    Raises:
        InvalidValueError: There is no party.
    """
    if "party" not in node:
        where = "" if file is None else f"{file}: "
        other = (
            "write a configuration with `keepclear init`, or set KEEPCLEAR_NODE_PARTY"
            if file is None
            else 'write party = "..." below [node]'
        )
        raise InvalidValueError(f"{where}node.party", f"it is missing; {other}")
    node.setdefault("name", node["party"])


def _section(
    section: str, values: dict[str, Any], given: dict[str, tuple[object, str]], file: Path | None
) -> Any:
    try:
        return SECTIONS[section](**values)
    except InvalidValueError as error:
        key = next(key for key in keys() if key.path == f"{section}.{error.field}")
        _, origin = given.get(key.path, (None, "" if file is None else str(file)))
        raise InvalidValueError(_place(origin, key), error.reason) from None


def _place(origin: str, key: Key) -> str:
    if origin == key.variable:
        return origin
    return f"{origin}: {key.path}" if origin else key.path


def _given_by_file(file: Path) -> dict[str, tuple[object, str]]:
    """Return the values of a file by their paths, each with the file.

    Raises:
        InvalidValueError: It cannot be read, is no TOML, or has a section or key that is not known.
    """
    try:
        document = tomllib.loads(_text_of_file(file))
    except InvalidValueError as error:
        raise InvalidValueError(str(file), error.reason) from None
    except ValueError as error:  # of its own kind, or of a number with thousands of digits
        raise InvalidValueError(str(file), f"this is not TOML: {error}") from None
    except RecursionError:
        raise InvalidValueError(str(file), "the TOML nests too deeply") from None
    known = [key.path for key in keys()]
    given: dict[str, tuple[object, str]] = {}
    for section, values in document.items():
        if section not in SECTIONS:
            reason = f"unknown section{did_you_mean(section, list(SECTIONS))}"
            raise InvalidValueError(f"{file}: {section}", reason)
        if not isinstance(values, dict):
            raise InvalidValueError(
                f"{file}: {section}", f"it is a section; write [{section}] on a line of its own"
            )
        for name, value in values.items():
            path = f"{section}.{name}"
            if path not in known:
                inside = [key.name for key in keys() if key.section == section]
                raise InvalidValueError(f"{file}: {path}", f"unknown key{did_you_mean(name, inside)}")
            given[path] = (value, str(file))
    return given


def _text_of_file(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(CONFIG_BYTES_MAX + 1)
    except FileNotFoundError:
        raise InvalidValueError("", "there is no such file; write one with `keepclear init`") from None
    except IsADirectoryError:
        raise InvalidValueError("", "it is a folder; name the file in it") from None
    except OSError as error:
        raise InvalidValueError("", f"it cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a NUL in the name
        raise InvalidValueError("", f"it cannot be read: {error}") from None
    if len(data) > CONFIG_BYTES_MAX:
        raise InvalidValueError(
            "", f"it is over the limit of {CONFIG_BYTES_MAX:,} bytes; is it a configuration?"
        )
    return text_of(data).decode()


def _given_by_variables(environment: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    """Return the values of environment variables by the paths of their keys, each with the variable.

    Raises:
        InvalidValueError: A variable of a section, or one that is nearly known, is not known.
    """
    known = {key.variable: key for key in keys()}
    given: dict[str, tuple[object, str]] = {}
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES:
            continue
        if variable in known:
            key = known[variable]
            given[key.path] = (_value_of_text(key, environment[variable]), variable)
        else:
            _refuse_slip(variable, list(known))
    return given


def _refuse_slip(variable: str, known: list[str]) -> None:
    """Refuse a variable of one of our sections, or nearly one of ours; others are not our matter.

    Raises:
        InvalidValueError: It is one of them.
    """
    bare = variable.removeprefix(PREFIX)
    bares = [name.removeprefix(PREFIX) for name in known]
    if did_you_mean(bare, bares, _SLIP_CUTOFF).startswith("; did you mean"):
        reason = did_you_mean(bare, bares, _SLIP_CUTOFF).replace("mean '", f"mean '{PREFIX}")
    elif bare.lower().startswith(tuple(f"{section}_" for section in SECTIONS)):
        section = bare.split("_")[0]
        reason = f"; known are {', '.join(name for name in known if name.startswith(f'{PREFIX}{section}_'))}"
    else:
        return
    raise InvalidValueError(variable, f"unknown variable{reason}")


def _value_of_text(key: Key, text: str) -> object:
    """Return what TOML would have for the text of a variable, or the text if it is nothing of the kind."""
    try:
        if key.kind is bool:
            return {"true": True, "false": False}.get(text.strip().lower(), text)
        if key.kind is int:
            return int(text)
        if key.kind is float:
            return float(text)
    except ValueError:
        return text
    if key.kind == tuple[str, ...]:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _converted(key: Key, value: object, base: Path) -> object:
    """Return the value of a key as its settings hold it.

    Raises:
        InvalidValueError: It is of another kind, or out of bounds.
    """
    if key.kind is bool:
        return _of_type(value, bool, "true or false")
    if key.kind in {int, float}:
        return _number(key, value)
    if key.kind == tuple[str, ...]:
        entries = _of_type(value, list, "an array of text")
        return tuple(_of_type(entry, str, "an array of text") for entry in entries)
    text = _of_type(value, str, "text")
    if key.words:
        if text not in key.words:
            raise InvalidValueError("", f"unknown value {shown(text)}{did_you_mean(text, list(key.words))}")
        return key.kind(text)
    if key.kind is str:
        return text
    if not text and NoneType in typing.get_args(key.kind):
        return None
    if not (text and text.isprintable()):
        raise InvalidValueError("", f"{shown(text)} names no file")
    return base / text


def _number(key: Key, value: object) -> int | float:
    kinds, said = ((int,), "a whole number") if key.kind is int else ((int, float), "a number")
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise InvalidValueError("", f"expected {said}, got {shown(value)}")
    assert key.least is not None
    assert key.greatest is not None
    if not key.least <= value <= key.greatest:
        raise InvalidValueError("", f"{shown(value)} is not within {key.least:,.0f}..{key.greatest:,.0f}")
    return value if key.kind is int else float(value)


def _of_type(value: object, kind: type[Any], said: str) -> Any:
    if not isinstance(value, kind):
        raise InvalidValueError("", f"expected {said}, got {shown(value)}")
    return value
