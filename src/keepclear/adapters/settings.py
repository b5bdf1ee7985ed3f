"""The settings of a node: every key with its default, its bounds and what it means.

What stands here beside a key is the one place that says so: reading, the file that `init` writes,
`config show` and the reference are made from it or held to it. Where values come from is the matter
of `config`. Nothing secret is kept here: tokens have files of their own.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final

from keepclear.adapters.loopback import is_loopback
from keepclear.codec.cards import check_address
from keepclear.codec.properties import shown
from keepclear.core.conflicts import LATERAL_BUFFER_MAX_M, Buffer
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX, VOLUMES_MAX
from keepclear.node.policy import ConflictPolicy

PREFIX: Final = "KEEPCLEAR_"
"""How the name of every variable of ours begins."""
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")
_ADDRESS: Final = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]/\s]+)):(?P<port>[0-9]{1,5})")
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


class LogLevel(Enum):
    """The least weight of what is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(Enum):
    """The form of a line of the log."""

    JSON = "json"
    """An object, for programs."""
    TEXT = "text"
    """A line for people."""


def _about(
    meaning: str, *, least: float | None = None, greatest: float | None = None, example: str | None = None
) -> dict[str, object]:
    """Say what a key means, within which bounds it lies, and what to write where there is no default."""
    return {"meaning": meaning, "least": least, "greatest": greatest, "example": example}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """Whose node it is, and what it decides.

    Raises:
        InvalidValueError: The party or the name is empty, too long or not printable.
    """

    party: str = field(metadata=_about("The id of the party whose node this is. Needed.", example="north"))
    name: str = field(default="", metadata=_about("How people call the party.", example="North"))
    conflicts: ConflictPolicy = field(
        default=ConflictPolicy.REFUSE,
        metadata=_about("What happens with a declaration of this party that conflicts."),
    )
    database: Path = field(
        default=Path("keepclear.sqlite3"),
        metadata=_about("The database, relative to the folder of this file."),
    )
    keys: Path = field(
        default=Path("keys"),
        metadata=_about("The folder of the keys. A node without keys states nothing and has no links."),
    )

    def __post_init__(self) -> None:
        for key in ("party", "name"):
            text: str = getattr(self, key)
            if not (0 < len(text) <= ID_CHARACTERS_MAX and text.isprintable()):
                raise InvalidValueError(key, f"it must be 1 to {ID_CHARACTERS_MAX} printable characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where the node listens, and to whom.

    Raises:
        InvalidValueError: The address or a host is none, one half of TLS is missing, or tokens would
            travel a network in the clear.
    """

    listen: str = field(
        default="127.0.0.1:8421", metadata=_about("The address and port to listen on; port 0 takes any.")
    )
    tls_certificate: Path | None = field(
        default=None,
        metadata=_about(
            "The certificate chain, PEM. Without one there is no TLS.", example="certificate.pem"
        ),
    )
    tls_key: Path | None = field(
        default=None,
        metadata=_about("The private key of the certificate, PEM.", example="key.pem"),
    )
    hosts: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            "Further names under which the node is called. A request that names another is refused (421)."
        ),
    )
    allow_plaintext: bool = field(
        default=False,
        metadata=_about("Listen without TLS where others can reach it, for a proxy that does TLS."),
    )

    def __post_init__(self) -> None:
        host, _ = _address_of(self.listen)
        if (self.tls_certificate is None) != (self.tls_key is None):
            missing, given = (
                ("tls_key", "tls_certificate") if self.tls_key is None else ("tls_certificate", "tls_key")
            )
            raise InvalidValueError(missing, f"it is missing, and {given} is given; TLS needs both")
        for name in self.hosts:
            _check_host(name)
        if not (is_loopback(host) or self.is_tls or self.allow_plaintext):
            raise InvalidValueError(
                "listen",
                f"{host} can be reached by others, who would read tokens on the way; give tls_certificate and"
                " tls_key, or set allow_plaintext = true behind a proxy that does TLS",
            )

    @property
    def host(self) -> str:
        """The name or address to listen on, without brackets."""
        return _address_of(self.listen)[0]

    @property
    def port(self) -> int:
        """The port to listen on; 0 for any that is free."""
        return _address_of(self.listen)[1]

    @property
    def is_tls(self) -> bool:
        """Whether the node does TLS itself."""
        return self.tls_certificate is not None

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """The hosts that a request may name: in lower case, without a port or brackets, sorted."""
        listened = () if _is_every_address(self.host) else (self.host,)
        return tuple(sorted({name.lower() for name in (*_LOOPBACK_NAMES, *listened, *self.hosts)}))


@dataclass(frozen=True, slots=True, kw_only=True)
class FederationSettings:
    """Where the nodes of other parties ask, and where they are told to.

    Raises:
        InvalidValueError: An address is none.
    """

    enabled: bool = field(
        default=True,
        metadata=_about("Whether there are links to the nodes of other parties; else files are carried."),
    )
    listen: str = field(
        default="127.0.0.1:8431",
        metadata=_about("The address and port to listen on for them, with TLS; port 0 takes any."),
    )
    address: str = field(
        default="",
        metadata=_about(
            "Where they reach this node, for its card. Without one it can only call them.",
            example="node.example:8431",
        ),
    )

    def __post_init__(self) -> None:
        _address_of(self.listen)
        check_address(self.address)

    @property
    def host(self) -> str:
        """The name or address to listen on, without brackets."""
        return _address_of(self.listen)[0]

    @property
    def port(self) -> int:
        """The port to listen on; 0 for any that is free."""
        return _address_of(self.listen)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """What the node takes at most. At a limit it refuses and says so; nothing is cut off silently."""

    body_bytes: int = field(
        default=4_000_000,
        metadata=_about(
            "Bytes of one request. A larger one is refused (413).", least=1_000, greatest=1_000_000_000
        ),
    )
    volumes: int = field(
        default=1_000,
        metadata=_about(
            "Volumes of one item. An item with more is refused (400).", least=1, greatest=VOLUMES_MAX
        ),
    )
    vertices: int = field(
        default=10_000,
        metadata=_about(
            "Vertices of all polygons of one item. An item with more is refused (400).",
            least=3,
            greatest=1_000_000,
        ),
    )
    horizon_days: int = field(
        default=60,
        metadata=_about(
            "How far ahead an item may start, in days. One that starts later is refused (400).",
            least=1,
            greatest=3_660,
        ),
    )
    page: int = field(
        default=500,
        metadata=_about(
            "Records in one answer. The rest is on the next page, to which the answer leads.",
            least=1,
            greatest=10_000,
        ),
    )
    tracks: int = field(
        default=20_000,
        metadata=_about(
            "Tracks held at once. A position of one more is not taken, and the answer says so.",
            least=1,
            greatest=1_000_000,
        ),
    )
    streams: int = field(
        default=64,
        metadata=_about("Streams open at once. One more is refused (503).", least=1, greatest=10_000),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """What is watched, by which rules, and what is kept of it."""

    feeds: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            "Where tracks come from, each NAME=ADDRESS or an address alone; see the reference of feeds.",
            example='["antenna=readsb+http://127.0.0.1/data/aircraft.json"]',
        ),
    )
    rules: str = field(
        default="en-route",
        metadata=_about(
            "By which rule set encounters are judged: a name, or a TOML file relative to this one."
        ),
    )
    cycle_ms: int = field(
        default=500,
        metadata=_about("So often everything is judged, in milliseconds.", least=100, greatest=60_000),
    )
    coast_s: float = field(
        default=15.0,
        metadata=_about(
            "A track whose position is older is degraded: it is judged, and nothing is called over by it.",
            least=1,
            greatest=600,
        ),
    )
    lost_s: float = field(
        default=30.0,
        metadata=_about(
            "A track whose position is older is lost: shown where it was last, and judged no more.",
            least=1,
            greatest=3_600,
        ),
    )
    forget_s: float = field(
        default=600.0,
        metadata=_about(
            "A track whose position is older is no longer shown; that it goes is told.",
            least=10,
            greatest=86_400,
        ),
    )
    silent_s: float = field(
        default=15.0,
        metadata=_about(
            "A feed from which no report came for so long is silent, which is told.", least=1, greatest=3_600
        ),
    )
    record: bool = field(
        default=True, metadata=_about("Whether everything that is seen is recorded, for replay and reports.")
    )
    recordings: Path = field(
        default=Path("recordings"),
        metadata=_about("The folder of the recordings, relative to the folder of this file."),
    )
    keep_hours: float = field(
        default=72.0,
        metadata=_about(
            "How long recordings are kept, in hours; the oldest go first.", least=1, greatest=87_600
        ),
    )
    keep_bytes: int = field(
        default=5_000_000_000,
        metadata=_about(
            "How much room recordings may take; the oldest go first.",
            least=10_000_000,
            greatest=1_000_000_000_000_000,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferSettings:
    """The gap that this party keeps: within it in all three is a conflict."""

    lateral_m: float = field(
        default=0.0,
        metadata=_about("The lateral gap to keep, metres.", least=0, greatest=LATERAL_BUFFER_MAX_M),
    )
    vertical_m: float = field(
        default=0.0,
        metadata=_about("The vertical gap to keep, metres.", least=0, greatest=100_000),
    )
    time_s: float = field(
        default=0.0,
        metadata=_about("The gap in time to keep, seconds.", least=0, greatest=31 * 86_400),
    )

    @property
    def gap(self) -> Buffer:
        """The same for the judge."""
        return Buffer(lateral_m=self.lateral_m, vertical_m=self.vertical_m, time_s=self.time_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """What is logged, and how."""

    level: LogLevel = field(default=LogLevel.INFO, metadata=_about("The least weight of what is logged."))
    format: LogFormat = field(default=LogFormat.JSON, metadata=_about("The form of a line of the log."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a node.

    Attributes:
        node: Whose node it is.
        server: Where it listens.
        federation: Where the nodes of other parties ask.
        limits: What it takes at most.
        buffer: The gap that the party keeps.
        watch: What it watches.
        log: What is logged.
        file: The file that was read; None for none.
        origins: For each key that was given, such as `server.listen`: the file or the variable.
    """

    node: NodeSettings
    server: ServerSettings = field(default_factory=ServerSettings)
    federation: FederationSettings = field(default_factory=FederationSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    buffer: BufferSettings = field(default_factory=BufferSettings)
    watch: WatchSettings = field(default_factory=WatchSettings)
    log: LogSettings = field(default_factory=LogSettings)
    file: Path | None = None
    origins: Mapping[str, str] = field(default_factory=dict)


SECTIONS: Final[dict[str, type[Any]]] = {
    "node": NodeSettings,
    "server": ServerSettings,
    "federation": FederationSettings,
    "limits": LimitSettings,
    "buffer": BufferSettings,
    "watch": WatchSettings,
    "log": LogSettings,
}
"""The tables of the file, in the order in which they are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of the file.

    Attributes:
        section: The table that it stands in.
        name: Its name there.
        kind: The Python type of its value.
        default: Its value if it is not given; `dataclasses.MISSING` if it must be.
        meaning: What it means, and what happens at the limit, in a sentence or two.
        least: The least number; None if it is none.
        greatest: The greatest number; None if it is none.
        example: What could be written where the default is nothing.
    """

    section: str
    name: str
    kind: Any
    default: Any
    meaning: str
    least: float | None
    greatest: float | None
    example: str | None

    @property
    def path(self) -> str:
        """Its name with its section, such as `server.listen`."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"{PREFIX}{self.section}_{self.name}".upper()

    @property
    def words(self) -> tuple[str, ...]:
        """The words that it may be; empty if it may be others."""
        is_enum = isinstance(self.kind, type) and issubclass(self.kind, Enum)
        return tuple(member.value for member in self.kind) if is_enum else ()


def keys() -> tuple[Key, ...]:
    """Return every key, in the order in which they are shown."""
    found = []
    for section, settings in SECTIONS.items():
        kinds = typing.get_type_hints(settings)
        for one in dataclasses.fields(settings):
            found.append(
                Key(section=section, name=one.name, kind=kinds[one.name], default=one.default, **one.metadata)
            )
    return tuple(found)


def _address_of(text: str) -> tuple[str, int]:
    """Return host and port of an address to listen on.

    Raises:
        InvalidValueError: It is no address with a port.
    """
    found = _ADDRESS.fullmatch(text)
    if found is not None and int(found["port"]) <= 65_535:
        host = found["v6"] or found["host"]
        if found["v6"] is None or _is_address(host):
            return host, int(found["port"])
    raise InvalidValueError(
        "listen",
        f"{shown(text)} is no address to listen on; write host and port: 127.0.0.1:8421, or [::1]:8421",
    )


def _check_host(name: str) -> None:
    if not (_HOST_NAME.fullmatch(name) or _is_address(name)):
        raise InvalidValueError(
            "hosts", f"{shown(name)} is no host; write a name or an address alone, without a scheme or a port"
        )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_every_address(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host).is_unspecified
