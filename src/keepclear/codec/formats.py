"""Which format a file has, and the reader for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final

from keepclear.codec import geojson, kml, waypoints
from keepclear.codec.f3548 import volumes as f3548
from keepclear.codec.reading import Item, Reading, ReadSettings


class Format(Enum):
    """A format of files with operations and zones."""

    F3548 = "f3548"
    GEOJSON = "geojson"
    KML = "kml"
    CSV = "csv"


READERS: Final[dict[Format, Callable[[bytes, str, ReadSettings], Reading]]] = {
    Format.F3548: f3548.decode,
    Format.GEOJSON: geojson.decode,
    Format.KML: kml.decode,
    Format.CSV: waypoints.decode,
}
WRITERS: Final[dict[Format, Callable[[Iterable[Item]], bytes]]] = {
    Format.F3548: f3548.encode,
    Format.GEOJSON: geojson.encode,
}

_BY_SUFFIX: Final = {
    ".geojson": Format.GEOJSON,
    ".kml": Format.KML,
    ".kmz": Format.KML,
    ".csv": Format.CSV,
}


def format_by_name(name: str) -> Format | None:
    """Return the format that the end of a file's name stands for; None for `.json` and others."""
    return next((kind for suffix, kind in _BY_SUFFIX.items() if name.lower().endswith(suffix)), None)


def format_of(data: bytes, name: str) -> Format | None:
    """Tell the format of a file by the end of its name, else by how it begins; None if unknown."""
    by_name = format_by_name(name)
    if by_name is not None:
        return by_name
    head = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"["):
        return Format.F3548
    if head.startswith(b"{"):
        return Format.GEOJSON
    if head.startswith((b"<", b"PK")):
        return Format.KML
    if name.lower().endswith(".json"):
        return Format.F3548
    return None


def decode(data: bytes, source: str, settings: ReadSettings, kind: Format | None = None) -> Reading:
    """Read a file.

    Args:
        data: The bytes of the file.
        source: The file, as the user named it.
        settings: What the user states about all files.
        kind: Its format; None to tell it by name and beginning.
    """
    found = kind or format_of(data, source)
    if found is None:
        reading = Reading(source)
        known = ", ".join(member.value for member in Format)
        empty = not data.strip()
        reason = "the file is empty" if empty else f"its format is not clear; name it with --from ({known})"
        reading.refuse(reason)
        return reading
    return READERS[found](data, source, settings)
