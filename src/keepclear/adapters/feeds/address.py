"""Addresses of feeds, as people write them: `[NAME=]ADDRESS[?OPTIONS]`.

An address names the format and the way in front of `://`, such as `sbs://host:30003` or
`readsb+http://host/data/aircraft.json`; a path to a file that was recorded stands by itself. See
docs/reference/feeds.md. What is wrong with one is told without repeating it, as it may hold a password.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from keepclear.adapters.feeds.formats import FORMATS, FeedFormat, Way
from keepclear.adapters.feeds.options import NO_OPTIONS, FeedOptions, read_options
from keepclear.adapters.loopback import is_loopback
from keepclear.core.errors import InvalidValueError

FEEDS_MAX: Final = 64
"""A watch has no more feeds."""
_NAME: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,63})=(.*)", re.DOTALL)
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9]+(?:\+[A-Za-z0-9]+)?):(.*)", re.DOTALL)
_PACKED: Final = ".gz"
_STDIN: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedAddress:
    """Where a feed comes from and how, and what holds of all that it says.

    Attributes:
        name: What it is called: the source of its reports.
        format: The name of its format in `formats.FORMATS`.
        way: How it comes.
        shown: The address without secrets, to be shown.
        host: Of TCP, of what listens and of datagrams: the host or the group; else empty.
        port: The port of it; else 0.
        url: Of what is asked for by HTTP: the URL, which may hold a password; else empty.
        path: Of files: the path; else empty.
        options: What was written behind the question mark.
    """

    name: str
    format: str
    way: Way
    shown: str
    host: str = ""
    port: int = 0
    url: str = field(default="", repr=False)
    path: str = ""
    options: FeedOptions = NO_OPTIONS

    @property
    def feed_format(self) -> FeedFormat:
        """Its format."""
        return FORMATS[self.format]


def parse_feeds(texts: Iterable[str]) -> tuple[FeedAddress, ...]:
    """Read the addresses of all feeds of a watch.

    Args:
        texts: Each `[NAME=]ADDRESS`.

    Returns:
        The feeds; those without a name are called by their format and a number, such as `sbs-1`.

    Raises:
        InvalidValueError: One cannot be used, two have one name, or there are over `FEEDS_MAX`. The field
            is `feed N`, counted from 1.
    """
    feeds: list[FeedAddress] = []
    for number, text in enumerate(texts, start=1):
        if number > FEEDS_MAX:
            raise InvalidValueError(f"feed {number}", f"a watch has at most {FEEDS_MAX} feeds")
        try:
            feeds.append(parse_feed(text))
        except InvalidValueError as error:
            raise InvalidValueError(f"feed {number}", _joined(error)) from None
    taken: dict[str, int] = {}
    for number, feed in enumerate(feeds, start=1):
        if feed.name and taken.setdefault(feed.name, number) != number:
            raise InvalidValueError(
                f"feed {number}",
                f"feed {taken[feed.name]} is called {feed.name!r}, too; give it another name: NAME=ADDRESS",
            )
    return tuple(feed if feed.name else replace(feed, name=_free_name(feed.format, taken)) for feed in feeds)


def _free_name(format_name: str, taken: dict[str, int]) -> str:
    number = 1
    while f"{format_name}-{number}" in taken:
        number += 1
    taken[f"{format_name}-{number}"] = 0
    return f"{format_name}-{number}"


def parse_feed(text: str) -> FeedAddress:
    """Read the address of one feed.

    Args:
        text: `[NAME=]ADDRESS`.

    Returns:
        The feed; its name is empty if none was given.

    Raises:
        InvalidValueError: It cannot be used.
    """
    if not text or not text.isprintable():
        raise InvalidValueError("", f"it is empty or not printable; {_WRITE}")
    named = _NAME.fullmatch(text)
    name, address = (named[1], named[2]) if named else ("", text)
    scheme = _SCHEME.fullmatch(address)
    if scheme is not None and scheme[2].startswith("//"):
        feed = _parse_url(scheme[1].lower(), address)
    elif scheme is not None and scheme[1] in FORMATS:
        feed = _parse_local(scheme[1], scheme[2])
    else:
        feed = _parse_recording(address)
    return replace(feed, name=name)


# -- the three forms ----------------------------------------------------------------------------------


def _parse_url(scheme: str, address: str) -> FeedAddress:
    """Read `FORMAT://host:port` or `FORMAT+WAY://...`."""
    format_name, _, way_name = scheme.partition("+")
    if scheme not in _SCHEMES:
        near = difflib.get_close_matches(scheme, _SCHEMES, n=1)
        hint = f"; did you mean {near[0]}://" if near else ""
        raise InvalidValueError(
            "", f"there are no feeds of {scheme}://{hint}; known are {', '.join(f'{s}://' for s in _SCHEMES)}"
        )
    way = _SCHEMES[scheme]
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")  # as it is looked up: a part of a name may be empty, or too long
    except ValueError:
        raise InvalidValueError("", f"host and port cannot be read; {_example(scheme)}") from None
    if not host:
        raise InvalidValueError("", f"there is no host; {_example(scheme)}")
    if parts.fragment:
        raise InvalidValueError("", "a # has no meaning here; write %23 if it is part of a name")
    shown_host = f"[{host}]" if ":" in host else host
    if way is Way.HTTP:
        options, passed = read_options(parts.query, way, format_name)
        url = parts._replace(scheme=way_name, query=passed).geturl()
        shown = f"{scheme}://{shown_host}{'' if port is None else f':{port}'}{parts.path}"
        if options.token_file and way_name == "http" and not is_loopback(host):
            raise InvalidValueError(
                "token_file", f"the token could be read on its way; use {format_name}+https"
            )
        return FeedAddress(name="", format=format_name, way=way, shown=shown, url=url, options=options)
    _refuse_more(parts, scheme)
    if port is None:
        raise InvalidValueError("", f"there is no port; {_example(scheme, shown_host)}")
    options, _ = read_options(parts.query, way, format_name)
    shown = f"{scheme}://{shown_host}:{port}"
    feed = FeedAddress(
        name="", format=format_name, way=way, shown=shown, host=host, port=port, options=options
    )
    if way is not Way.TCP:
        _check_bound(feed)
    return feed


def _check_bound(feed: FeedAddress) -> None:
    """Refuse to be open to others where that is not meant, and to send to an address that is one's own."""
    is_own = not (feed.way is Way.UDP and is_group(feed.host))
    if is_own and not (feed.options.is_public or is_loopback(feed.host)):
        raise InvalidValueError(
            "host", f"others could send to {feed.host}; write 127.0.0.1, or add ?public=1 if that is meant"
        )
    if feed.options.sends and is_own:
        raise InvalidValueError("send", "it sends to a group (multicast), such as 239.2.3.1, or by cot://")


def is_group(host: str) -> bool:
    """Tell whether a host is the address of a multicast group."""
    try:
        return ipaddress.ip_address(host).is_multicast
    except ValueError:
        return False


def _parse_local(format_name: str, rest: str) -> FeedAddress:
    """Read `FORMAT:PATH` or `FORMAT:-`."""
    ways = FORMATS[format_name].ways
    path, _, query = rest.partition("?")
    way = Way.STDIN if path == _STDIN else Way.FILE
    if path and way in ways:
        options, _ = read_options(query, way, format_name)
        shown = f"{format_name}:{path}"
        return FeedAddress(name="", format=format_name, way=way, shown=shown, path=path, options=options)
    forms = [_example(scheme) for scheme in _SCHEMES if scheme.partition("+")[0] == format_name]
    raise InvalidValueError("", forms[0] if forms else f"name the file itself, without {format_name}:")


def _parse_recording(address: str) -> FeedAddress:
    """Read the path of a recording."""
    path, _, query = address.partition("?")
    options, _ = read_options(query, Way.RECORDING, "")
    format_name = options.format
    if format_name is None:
        bare = path.lower().removesuffix(_PACKED)
        found = [name for name, each in FORMATS.items() if each.suffix and bare.endswith(each.suffix)]
        if not found:
            if Path(path).is_dir():
                raise InvalidValueError("", f"it is a folder; what is recorded there is {path}?format=kcr")
            raise InvalidValueError("", f"it is neither an address nor a recording; {_WRITE}")
        format_name = found[0]
    elif format_name not in _RECORDED:
        raise InvalidValueError("format", f"recordings are of {', '.join(_RECORDED)}")
    if options.from_ms is not None and options.to_ms is not None and options.from_ms >= options.to_ms:
        raise InvalidValueError("from", "it is not before to")
    return FeedAddress(name="", format=format_name, way=Way.RECORDING, shown=path, path=path, options=options)


def _refuse_more(parts: SplitResult, scheme: str) -> None:
    if parts.username is not None or parts.password is not None:
        raise InvalidValueError("", f"feeds of {scheme}:// have no user and no password")
    if parts.path not in {"", "/"}:
        raise InvalidValueError("", f"feeds of {scheme}:// have no path; {_example(scheme)}")


# -- what is known ------------------------------------------------------------------------------------


def _schemes() -> dict[str, Way]:
    found: dict[str, Way] = {}
    for name, each in FORMATS.items():
        for way in each.ways:
            match way:
                case Way.TCP:
                    found[name] = way
                case Way.LISTEN | Way.UDP:
                    found[f"{name}+{way.value}"] = way
                case Way.HTTP:
                    found[f"{name}+http"] = found[f"{name}+https"] = way
                case Way.FILE | Way.STDIN | Way.RECORDING:
                    pass
    return found


_SCHEMES: Final = _schemes()
_RECORDED: Final = [name for name, each in FORMATS.items() if Way.RECORDING in each.ways]
_WRITE: Final = (
    "write for example sbs://host:30003, readsb+http://host/data/aircraft.json, or name a file that ends in "
    + ", ".join(each.suffix for each in FORMATS.values() if each.suffix)
)


def _example(scheme: str, host: str = "host") -> str:
    """Say what an address of a scheme looks like."""
    format_name, _, way_name = scheme.partition("+")
    if way_name in {"http", "https"}:
        return f"write {scheme}://{host}/path"
    usual = FORMATS[format_name].usual_port
    where = "127.0.0.1" if way_name == "listen" and host == "host" else host
    return f"write {scheme}://{where}:{usual or 'port'}"


def _joined(error: InvalidValueError) -> str:
    return f"{error.field}: {error.reason}" if error.field else error.reason
