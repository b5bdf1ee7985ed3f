"""Cursor on Target in XML: what TAK clients and servers tell of where things are.

An event about a thing (an *atom*, type `a-...`) with a position becomes a report. Events of other types, such
as drawings, chats and pings, are left aside as the format has it.

The second letter of an atom's type says whether its sender takes the thing for a friend or not. **It is not
taken over**: a report has no field for it, and what somebody else thinks of an aircraft does not change what
has to keep clear of it. Of the type only the kind is read.

Of a point, 9999999.0 means not known, and so do errors that are not positive. Its errors are of one sigma,
a report's are of 95 %.

Source:
    MITRE, Cursor on Target Message Router User's Guide (2009), with the event schema 2.0; the types in
    MIL-STD-2525B order.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from keepclear.codec.adsb import word_of
from keepclear.codec.cot_cutting import EventCutter
from keepclear.codec.decoding import Decoded, Faults
from keepclear.codec.properties import instant_of_text, number_of_text
from keepclear.core.errors import InvalidValueError
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report
from keepclear.core.times import floor_ms

UNKNOWN_M: Final = 9_999_999.0
"""A height or an error that is not known."""
CIRCULAR_SIGMAS: Final = 2.45
"""So many sigmas round a position hold 95 % of a normal distribution in the plane."""
LINEAR_SIGMAS: Final = 1.96
"""So many sigmas up and down hold 95 %."""
OWN_ELEMENT: Final = "keepclear"
"""The element below `detail` in which Keepclear tells what the format has no place for."""
OWN_UID: Final = "keepclear."
"""Events that Keepclear writes have this before the id of the aircraft."""

_ATOM: Final = "a-"
_ADDRESS: Final = re.compile(r"(?:ICAO|ADSB)-([0-9A-F]{6})", re.ASCII | re.IGNORECASE)
_KINDS: Final[Mapping[str, TrackKind]] = MappingProxyType({kind.value: kind for kind in TrackKind})
_AIRFRAMES: Final[Mapping[str, TrackKind]] = MappingProxyType(
    {"F": TrackKind.AEROPLANE, "H": TrackKind.HELICOPTER}
)
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Event(NamedTuple):
    """What an event about a thing says, in XML or in a frame.

    Attributes:
        uid: What its sender calls it.
        type: Its type, such as `a-n-A-C-F`.
        how: How its position came about, such as `m-g`.
        opex: Whether it is of an operation, an exercise or a simulation.
        time_ms: When it was there, milliseconds since 1970.
        latitude_deg: Where, degrees.
        longitude_deg: Where, degrees.
        height_m: Height above the WGS84 ellipsoid.
        circular_m: One sigma of its position.
        linear_m: One sigma of its height.
        speed_mps: Speed over the ground; NaN where not told.
        course_deg: Direction of motion from true north; NaN where not told.
        callsign: What it is called.
        own: What Keepclear itself added, where it wrote the event.
    """

    uid: str
    type: str
    how: str
    opex: str
    time_ms: int
    latitude_deg: float
    longitude_deg: float
    height_m: float
    circular_m: float
    linear_m: float
    speed_mps: float = math.nan
    course_deg: float = math.nan
    callsign: str | None = None
    own: Mapping[str, str] = _NOTHING


class CotDecoder:
    """Reads a stream of events in XML; see `decoding.Decoder`."""

    def __init__(self) -> None:
        self._cutter = EventCutter(takes_frames=False)

    def decode(self, data: bytes, received_ms: int) -> Decoded:  # noqa: ARG002  # events tell their time
        """Take the next piece of the stream.

        Args:
            data: The piece.
            received_ms: When it was received, milliseconds since 1970.

        Returns:
            What is complete now.
        """
        faults = Faults()
        reports = []
        for _, event in self._cutter.cut(data, faults):
            report = report_of_xml(event, faults)
            if report is not None:
                reports.append(report)
        return Decoded(reports, faults.malformed())

    def finish(self, received_ms: int) -> Decoded:  # noqa: ARG002
        """Take note that the stream has ended; the next piece begins another.

        Args:
            received_ms: When that was, milliseconds since 1970.

        Returns:
            An event that did not end, as malformed.
        """
        faults = Faults()
        self._cutter.finish(faults)
        return Decoded([], faults.malformed())


def decode_cot(data: bytes, received_ms: int) -> Decoded:
    """Read a datagram with one event or several in XML.

    Args:
        data: The datagram.
        received_ms: When it was received, milliseconds since 1970.

    Returns:
        What it says.
    """
    decoder = CotDecoder()
    reports, malformed = decoder.decode(data, received_ms)
    return Decoded(reports, malformed + decoder.finish(received_ms).malformed)


def report_of_xml(event: bytes, faults: Faults) -> Report | None:
    """Read one event.

    Args:
        event: One element `event` in UTF-8, with nothing before and behind it.
        faults: Where it is counted if it cannot be read.

    Returns:
        A report; None if it is not about a thing, or cannot be read.
    """
    try:
        root = fromstring(event, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        faults.add("an event is not XML as it should be", event)
        return None
    if not root.get("type", "").startswith(_ATOM):
        if root.get("type") is None:
            faults.add("an event has no `type`", event)
        return None
    point = root.find("point")
    time_ms = _ms_of(root.get("time"))
    if point is None or time_ms is None:
        faults.add("an event has no `point`" if point is None else "`time` is no instant with a zone", event)
        return None
    numbers = [_number_of(point.get(name)) for name in ("lat", "lon", "hae", "ce", "le")]
    if any(number is None for number in numbers):
        faults.add("`lat`, `lon`, `hae`, `ce` or `le` is not a number", event)
        return None
    latitude_deg, longitude_deg, height_m, circular_m, linear_m = (number or 0.0 for number in numbers)
    detail = root.find("detail")
    return report_of_event(
        with_detail(
            Event(
                uid=root.get("uid", ""),
                type=root.get("type", ""),
                how=root.get("how", ""),
                opex=root.get("opex", ""),
                time_ms=time_ms,
                latitude_deg=latitude_deg,
                longitude_deg=longitude_deg,
                height_m=height_m,
                circular_m=circular_m,
                linear_m=linear_m,
            ),
            detail if detail is not None else Element("detail"),
            faults,
        ),
        faults,
    )


def with_detail(event: Event, detail: Element, faults: Faults) -> Event:
    """Add what an element `detail` says to an event.

    Args:
        event: The event.
        detail: The element.
        faults: Where a number that is none is counted; the event is used without it.
    """
    track, contact, own = detail.find("track"), detail.find("contact"), detail.find(OWN_ELEMENT)
    if track is not None:
        told = {"speed_mps": track.get("speed"), "course_deg": track.get("course")}
        numbers = {name: _number_of(text) for name, text in told.items() if text is not None}
        if None in numbers.values():
            faults.add("`speed` or `course` of a track is not a number", f"{event.uid}: {track.attrib}")
        event = event._replace(
            **{name: number for name, number in numbers.items() if number is not None}  # type: ignore[arg-type]
        )
    if contact is not None:
        event = event._replace(callsign=contact.get("callsign"))
    return event if own is None else event._replace(own=own.attrib)


def report_of_event(event: Event, faults: Faults) -> Report | None:
    """Make a report of an event about a thing.

    Args:
        event: The event.
        faults: Where it is counted if it is none of a real thing at a known place.

    Returns:
        A report, or None.
    """
    if not event.uid:
        faults.add("an event has no `uid`", event.type)
        return None
    if event.how.startswith("m-s") or event.opex.startswith("s"):
        faults.add("it is simulated", event.uid)
        return None
    is_exact = 0.0 < event.circular_m < UNKNOWN_M
    if event.latitude_deg == 0.0 == event.longitude_deg and not is_exact:
        faults.add("it does not know where it is (0, 0)", event.uid)
        return None
    own = event.own if event.uid.startswith(OWN_UID) else _NOTHING
    pressure_ft = _number_of(own.get("pressure_altitude_ft"))
    kind, on_ground = kind_of(event.type)
    return Report(
        id=id_of(event.uid),
        at_ms=event.time_ms,
        latitude_deg=event.latitude_deg,
        longitude_deg=event.longitude_deg,
        altitude_m=event.height_m if event.height_m < UNKNOWN_M else math.nan,
        pressure_altitude_ft=math.nan if pressure_ft is None else pressure_ft,
        # Telephones without a fix say -1.
        ground_speed_mps=event.speed_mps if 0.0 <= event.speed_mps < UNKNOWN_M else math.nan,
        track_deg=event.course_deg if 0.0 <= event.course_deg < UNKNOWN_M else math.nan,
        horizontal_error_m=event.circular_m * CIRCULAR_SIGMAS if is_exact else math.nan,
        vertical_error_m=event.linear_m * LINEAR_SIGMAS if 0.0 < event.linear_m < UNKNOWN_M else math.nan,
        on_ground=on_ground,
        kind=_KINDS.get(own.get("kind", ""), kind),
        callsign=word_of(event.callsign, "a callsign", faults),
    )


def id_of(uid: str) -> str:
    """Return the id under which a report of an event goes.

    Args:
        uid: What its sender calls it.

    Returns:
        `icao:4b1814` where gateways of ADS-B wrote the address into it; the id of the aircraft where
        Keepclear wrote the event; else `cot:UID`.
    """
    address = _ADDRESS.fullmatch(uid)
    if address is not None:
        return f"icao:{address[1].lower()}"
    own_id = uid.removeprefix(OWN_UID)
    # The number of a radar's track means nothing elsewhere.
    if own_id != uid and own_id.startswith(("icao:", "rid:", "rid-flight:", "cot:")):
        return own_id
    return f"cot:{uid}"


def kind_of(event_type: str) -> tuple[TrackKind, bool]:
    """Return what an atom is, and whether it is on the ground or the sea, by its type.

    Args:
        event_type: Such as `a-n-A-C-H`: the affiliation, which is not looked at; air, ground, sea or space;
            in the air military or civil, which is not taken over either; fixed wing or helicopter; drone.
    """
    dimension, *function = [*event_type.split("-")[2:], ""]
    if dimension == "G":
        return TrackKind.VEHICLE, True
    if dimension == "A" and function[0] in ("M", "C"):
        if function[2:3] in (["Q"], ["q"]):
            return TrackKind.DRONE, False
        return _AIRFRAMES.get(function[1], TrackKind.UNKNOWN), False
    return TrackKind.UNKNOWN, dimension in ("S", "U")


def _ms_of(text: str | None) -> int | None:
    """Return an instant in milliseconds since 1970; None if it is none, or has no zone."""
    try:
        return floor_ms(instant_of_text(text or ""))
    except InvalidValueError:
        return None


def _number_of(text: str | None) -> float | None:
    """Return a number; NaN for `NaN`, which some write for what is not known; None if it is none."""
    if text is None:
        return None
    if text == "NaN":
        return math.nan
    try:
        return number_of_text(text.strip())
    except InvalidValueError:
        return None
