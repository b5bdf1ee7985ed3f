"""The configuration as people see it: what is in force and why, and a fresh file to begin with."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

import msgspec

from keepclear.adapters.settings import SECTIONS, Key, NodeSettings, Settings, keys

DEFAULT_ORIGIN: Final = "default"
"""Where a value comes from that nobody gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A key, its value and where that came from.

    Attributes:
        key: The key.
        value: Its value, as JSON has it: paths are text, no value is None.
        origin: The file, the variable, or `DEFAULT_ORIGIN`.
    """

    key: Key
    value: object
    origin: str


def explained(settings: Settings) -> tuple[Explained, ...]:
    """Return every key with its value and where that came from."""
    return tuple(
        Explained(
            key=key,
            value=_plain(getattr(getattr(settings, key.section), key.name)),
            origin=settings.origins.get(key.path, DEFAULT_ORIGIN),
        )
        for key in keys()
    )


def explained_json(settings: Settings) -> bytes:
    """Write every key with its value, where that came from, and the variable that sets it, as JSON."""
    rows = [
        {"key": row.key.path, "value": row.value, "origin": row.origin, "variable": row.key.variable}
        for row in explained(settings)
    ]
    fields = {"file": None if settings.file is None else str(settings.file), "settings": rows}
    return msgspec.json.format(msgspec.json.encode(fields), indent=2) + b"\n"


def explained_table(settings: Settings) -> bytes:
    """Write every key with its value and where that came from, a line for each."""
    rows = [(row.key.path, _literal(row.value), row.origin) for row in explained(settings)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{path:{widths[0]}}  {value:{widths[1]}}  {origin}" for path, value, origin in rows]
    return ("\n".join(lines) + "\n").encode()


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _literal(value: object) -> str:
    """Return a plain value as TOML has it; `-` for none, of which TOML knows nothing."""
    if value is None:
        return "-"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(entry) for entry in value) + "]"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:_}"
    # What is left is written in TOML as in JSON: text is printable, so that nothing else needs an escape.
    return json.dumps(value, ensure_ascii=False)


def default_literal(key: Key) -> str | None:
    """Return the default of a key as TOML has it; None if there is none, or it is made from another key."""
    if key.default in {dataclasses.MISSING, None, ""}:
        return None
    return _literal(_plain(key.default))


def fresh_config(*, party: str, name: str) -> str:
    """Return the text of a new file: party and name, and every other key as a comment with its default.

    Raises:
        InvalidValueError: The party or the name cannot be one.
    """
    node = NodeSettings(party=party, name=name)
    lines = [
        "# Settings of a Keepclear node. What is commented out is the default: delete the # to change it.",
        "# A variable stands above this file: KEEPCLEAR_ with the section and the key, such as",
        "# KEEPCLEAR_SERVER_LISTEN. `keepclear config show` tells what is in force, and why.",
    ]
    for section in SECTIONS:
        lines += ["", f"[{section}]"]
        for key in (key for key in keys() if key.section == section):
            lines.append(f"# {key.meaning}{_choice(key)}")
            if key.path in {"node.party", "node.name"}:
                lines.append(f"{key.name} = {_literal(getattr(node, key.name))}")
            else:
                shown = default_literal(key) or _literal(key.example)
                lines.append(f"#{key.name} = {shown}")
    return "\n".join(lines) + "\n"


def _choice(key: Key) -> str:
    return f" One of {', '.join(key.words)}." if key.words else ""
