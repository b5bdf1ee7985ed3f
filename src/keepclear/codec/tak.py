"""TAK protocol version 1: Cursor on Target events as frames of protobuf, by `takproto` (extra `tak`).

A TAK server begins each stream in XML and goes over to frames when its client asks for it, so a stream here
may hold both. A datagram to a group (mesh) is one frame without a length, or events in XML. What an event
means is decided in `cot`, whichever way it is written.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from keepclear.codec.cot import (
    Event,
    decode_cot,
    report_of_event,
    report_of_xml,
    with_detail,
)
from keepclear.codec.cot_cutting import EVENT_BYTES_MAX, CutKind, EventCutter
from keepclear.codec.cot_writing import (
    HOW,
    CotTrack,
    errors_m_of,
    height_m_of,
    own_element,
    put_times,
    remarks_of,
    type_of,
    uid_of,
)
from keepclear.codec.decoding import Decoded, Faults
from keepclear.core.errors import InvalidValueError
from keepclear.core.reports import Report

if TYPE_CHECKING:
    from takproto.proto import TakMessage

_FRAME: Final = b"\xbf"
_MESH: Final = b"\xbf\x01\xbf"
_OFFER: Final = b"t-x-takp-v"


class TakDecoder:
    """Reads a stream of events in XML and in frames; see `decoding.Decoder`.

    Attributes:
        is_offered: Whether the other side said that it can send frames; it does so when `encode_request`
            is sent to it.

    Raises:
        InvalidValueError: The extra `tak` is not installed.
    """

    def __init__(self) -> None:
        self.is_offered = False
        self._frames = _Frames()
        self._cutter = EventCutter(takes_frames=True)

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
        for kind, message in self._cutter.cut(data, faults):
            if kind is CutKind.FRAME:
                report = self._frames.report(message, faults)
            else:
                report = report_of_xml(message, faults)
                self.is_offered = self.is_offered or _OFFER in message
            if report is not None:
                reports.append(report)
        return Decoded(reports, faults.malformed())

    def finish(self, received_ms: int) -> Decoded:  # noqa: ARG002
        """Take note that the stream has ended; the next piece begins another.

        Args:
            received_ms: When that was, milliseconds since 1970.

        Returns:
            What did not end, as malformed.
        """
        faults = Faults()
        self._cutter.finish(faults)
        self.is_offered = False
        return Decoded([], faults.malformed())


def decode_tak(data: bytes, received_ms: int) -> Decoded:
    """Read a datagram: a frame of a mesh or of a stream, or events in XML.

    Args:
        data: The datagram.
        received_ms: When it was received, milliseconds since 1970.

    Returns:
        What it says. A frame is malformed where the extra `tak` is not installed.
    """
    if not data.startswith(_FRAME):
        return decode_cot(data, received_ms)
    faults = Faults()
    try:
        if data.startswith(_MESH):
            report = _Frames().report(data[len(_MESH) :], faults)
            return Decoded([] if report is None else [report], faults.malformed())
        decoder = TakDecoder()
    except InvalidValueError as error:
        faults.add(error.reason, data)
        return Decoded([], faults.malformed())
    reports, malformed = decoder.decode(data, received_ms)
    return Decoded(reports, malformed + decoder.finish(received_ms).malformed)


def encode_tak_track(track: CotTrack) -> bytes:
    """Write an event of an aircraft as a frame of a stream.

    Args:
        track: The aircraft.

    Returns:
        The frame: 0xBF, the length, the message.

    Raises:
        InvalidValueError: The extra `tak` is not installed.
    """
    message = _Frames().message()
    event = message.cotEvent
    event.type, event.uid, event.how = type_of(track), uid_of(track), HOW
    event.sendTime = event.startTime = max(0, track.at_ms)
    event.staleTime = max(0, track.stale_ms)
    event.lat, event.lon = track.latitude_deg, track.longitude_deg
    event.hae = height_m_of(track)
    event.ce, event.le = errors_m_of(track)
    event.detail.contact.callsign = track.callsign or track.id
    if not (math.isnan(track.ground_speed_mps) or math.isnan(track.track_deg)):
        event.detail.track.speed = track.ground_speed_mps
        event.detail.track.course = track.track_deg % 360.0
    remarks = Element("remarks")
    remarks.text = remarks_of(track)
    event.detail.xmlDetail = (tostring(own_element(track)) + tostring(remarks)).decode("ascii")
    written: bytes = message.SerializeToString()
    return _FRAME + _varint(len(written)) + written


def encode_request(now_ms: int) -> bytes:
    """Write the event in XML by which a client asks a server to go over to frames.

    Args:
        now_ms: The time, milliseconds since 1970.
    """
    event = Element("event", version="2.0", uid="keepclear", type="t-x-takp-q", how="m-g")
    put_times(event, now_ms, now_ms + 60_000)
    SubElement(event, "point", lat="0.0", lon="0.0", hae="0.0", ce="9999999.0", le="9999999.0")
    SubElement(SubElement(SubElement(event, "detail"), "TakControl"), "TakRequest", version="1")
    return tostring(event)


class _Frames:
    """What needs `takproto`, which is imported when the first one is made.

    Raises:
        InvalidValueError: The extra `tak` is not installed.
    """

    def __init__(self) -> None:
        try:
            from google.protobuf.message import DecodeError
            from takproto.proto import TakMessage
        except ImportError as error:
            raise InvalidValueError(
                "", "TAK protocol needs takproto: pip install 'keepclear[tak]'"
            ) from error
        self._message: type[TakMessage] = TakMessage
        self._not_read: type[Exception] = DecodeError

    def message(self) -> TakMessage:
        """Return an empty message."""
        return self._message()

    def report(self, data: bytes, faults: Faults) -> Report | None:
        """Read one message; None if it is not about a thing, or cannot be read."""
        if len(data) > EVENT_BYTES_MAX:
            faults.add(f"a frame is longer than {EVENT_BYTES_MAX:,} bytes", data)
            return None
        message = self.message()
        try:
            message.ParseFromString(data)
        except self._not_read:
            faults.add("a frame is not a TAK message", data)
            return None
        if not message.HasField("cotEvent"):
            return None  # a message of control
        if not message.cotEvent.type.startswith("a-"):
            if not message.cotEvent.type:
                faults.add("an event has no `type`", data)
            return None
        if not message.cotEvent.sendTime:
            faults.add("an event has no time", data)
            return None
        return report_of_event(_event_of(message.cotEvent, faults), faults)


def _event_of(told: Any, faults: Faults) -> Event:  # takproto has no types
    """Return what an event in a frame says."""
    detail = told.detail
    event = Event(
        uid=told.uid,
        type=told.type,
        how=told.how,
        opex=told.opex,
        time_ms=told.sendTime,
        latitude_deg=told.lat,
        longitude_deg=told.lon,
        height_m=told.hae,
        circular_m=told.ce,
        linear_m=told.le,
        speed_mps=detail.track.speed if detail.HasField("track") else math.nan,
        course_deg=detail.track.course if detail.HasField("track") else math.nan,
        callsign=detail.contact.callsign or None,
    )
    if not detail.xmlDetail:
        return event
    # What a sender could not put into the fields of its own, it leaves here.
    try:
        others = fromstring(f"<detail>{detail.xmlDetail}</detail>", forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        faults.add("`xmlDetail` of an event is not XML as it should be", f"{told.uid}: {detail.xmlDetail}")
        return event
    return with_detail(event, others, faults)


def _varint(number: int) -> bytes:
    """Write a number as protobuf does: seven bits a byte, the least first."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])
