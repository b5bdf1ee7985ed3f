"""Options of feeds, as people write them behind the question mark of an address."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote

from keepclear.adapters.feeds.formats import Way
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report
from keepclear.core.times import TIME_MAX, TIME_MIN, floor_ms

SPEED_RATIO_MAX: Final = 3_600.0
"""No recording is replayed faster than an hour a second."""
ID_PREFIX_CHARACTERS_MAX: Final = 32
"""What is put in front of the ids of a feed is no longer."""
PERIOD_S_MIN: Final = 0.1
"""No interval and no silence of a feed is shorter."""
PERIOD_S_MAX: Final = 3_600.0
"""No interval and no silence of a feed is longer."""

_SPEED_LEAST: Final = 0.001
_TRUE: Final = frozenset({"1", "yes", "true"})
_FALSE: Final = frozenset({"0", "no", "false"})
COMMON_OPTIONS: Final = ("party", "kind", "id_prefix", "silent")
"""What may stand behind the question mark of all addresses."""
OPTIONS: Final[Mapping[Way, tuple[str, ...]]] = MappingProxyType(
    {
        Way.TCP: (),
        Way.LISTEN: ("public",),
        Way.UDP: ("public", "interface"),
        Way.HTTP: ("every", "token_file"),
        Way.FILE: ("every",),
        Way.STDIN: (),
        Way.RECORDING: ("speed", "from", "to", "loop", "format"),
    }
)
"""What may stand behind the question mark for each way, besides `COMMON_OPTIONS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedOptions:
    """What was written behind the question mark.

    Attributes:
        token_file: A file with a token to send with each request; None for none.
        party: Whose its reports are where they do not say so; None for nobody's.
        kind: What its reports are of where they do not say so.
        id_prefix: Stands in front of each id, behind its kind: `track:17` becomes `track:PREFIX17`.
        silent_s: So long without a new report it is silent, seconds.
        every_s: So often it is polled, seconds.
        is_public: Whether others than this machine may connect to it.
        interface: The address of the interface on which a group is joined; empty for the usual one.
        sends: Whether CoT events are sent to it, too.
        format: Of which format a recording is; None to tell it by its name.
        speed: How fast a recording is replayed; 1.0 as it was.
        from_ms: Where the replay begins, milliseconds since 1970; None for its first report.
        to_ms: Where it ends; None for its last report.
        is_looped: Whether it begins anew at its end.
    """

    token_file: str | None = None
    party: str | None = None
    kind: TrackKind = TrackKind.UNKNOWN
    id_prefix: str = ""
    silent_s: float = 15.0
    every_s: float = 1.0
    is_public: bool = False
    interface: str = ""
    sends: bool = False
    format: str | None = None
    speed: float = 1.0
    from_ms: int | None = None
    to_ms: int | None = None
    is_looped: bool = False

    def apply(self, rows: list[Report]) -> list[Report]:
        """Return reports with what is said of all of them."""
        if self.party is not None:
            party = self.party
            rows = [row if row.party is not None else row._replace(party=party) for row in rows]
        if self.kind is not TrackKind.UNKNOWN:
            kind = self.kind
            rows = [row if row.kind is not TrackKind.UNKNOWN else row._replace(kind=kind) for row in rows]
        if self.id_prefix:
            rows = [row._replace(id=_prefixed(row.id, self.id_prefix)) for row in rows]
        return rows


NO_OPTIONS: Final = FeedOptions()
"""Of a feed of which nothing special was written."""


def _prefixed(report_id: str, prefix: str) -> str:
    kind, colon, rest = report_id.partition(":")
    return f"{kind}:{prefix}{rest}" if colon else f"{prefix}{report_id}"


def read_options(query: str, way: Way, format_name: str) -> tuple[FeedOptions, str]:
    """Read what stands behind the question mark.

    Args:
        query: It, without the question mark.
        way: How the feed comes.
        format_name: In which format; empty if that is not known yet.

    Returns:
        Our options, and what is passed on to an HTTP server.

    Raises:
        InvalidValueError: There is no such option, it stands there twice, or its value cannot be used.
    """
    known = [*COMMON_OPTIONS, *OPTIONS[way]]
    if format_name == "cot" and way in {Way.TCP, Way.UDP}:
        known.append("send")
    fields: dict[str, Any] = {}
    passed = []
    for part in query.split("&") if query else ():
        key, _, text = part.partition("=")
        if key not in known:
            if way is Way.HTTP:
                passed.append(part)
                continue
            raise InvalidValueError("", f"there is no option {key!r} here; known are {', '.join(known)}")
        field_name, read = _READERS[key]
        if field_name in fields:
            raise InvalidValueError(key, "it stands there twice")
        value = unquote(text)
        if not (value and value.isprintable()):
            raise InvalidValueError(key, "it has no value, or one that is not printable")
        fields[field_name] = read(key, value)
    return FeedOptions(**fields), "&".join(passed)


def _party(key: str, value: str) -> str:
    if len(value) > ID_CHARACTERS_MAX:
        raise InvalidValueError(key, f"it has over {ID_CHARACTERS_MAX} characters")
    return value


def _kind(key: str, value: str) -> TrackKind:
    kinds = [kind.value for kind in TrackKind]
    if value not in kinds:
        raise InvalidValueError(key, f"write one of {', '.join(kinds)}")
    return TrackKind(value)


def _prefix(key: str, value: str) -> str:
    if len(value) > ID_PREFIX_CHARACTERS_MAX or ":" in value:
        raise InvalidValueError(key, f"write up to {ID_PREFIX_CHARACTERS_MAX} characters without a colon")
    return value


def _text(_: str, value: str) -> str:
    return value


def _speed(key: str, value: str) -> float:
    return _number(key, value, _SPEED_LEAST, SPEED_RATIO_MAX)


def _seconds(key: str, value: str) -> float:
    return _number(key, value.removesuffix("s"), PERIOD_S_MIN, PERIOD_S_MAX)


def _number(key: str, value: str, least: float, greatest: float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not least <= number <= greatest:
        raise InvalidValueError(key, f"write a number from {least:g} to {greatest:g}")
    return number


def _truth(key: str, value: str) -> bool:
    if value.lower() not in _TRUE | _FALSE:
        raise InvalidValueError(key, "write 1 or 0")
    return value.lower() in _TRUE


def _instant_ms(key: str, value: str) -> int:
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidValueError(key, "write an instant such as 2018-08-01T10:00:00Z") from None
    if instant.utcoffset() is None:
        raise InvalidValueError(key, "a time needs a zone; write 2018-08-01T10:00:00Z")
    if not TIME_MIN <= instant <= TIME_MAX:
        raise InvalidValueError(key, "it is outside the years 1900 to 2199")
    return floor_ms(instant)


_READERS: Final[Mapping[str, tuple[str, Callable[[str, str], object]]]] = MappingProxyType(
    {
        "party": ("party", _party),
        "kind": ("kind", _kind),
        "id_prefix": ("id_prefix", _prefix),
        "silent": ("silent_s", _seconds),
        "every": ("every_s", _seconds),
        "public": ("is_public", _truth),
        "interface": ("interface", _text),
        "send": ("sends", _truth),
        "token_file": ("token_file", _text),
        "format": ("format", _text),
        "speed": ("speed", _speed),
        "from": ("from_ms", _instant_ms),
        "to": ("to_ms", _instant_ms),
        "loop": ("is_looped", _truth),
    }
)
"""The field of each option, and what reads it."""
