"""Network remote identification: the flights that a provider tells, in JSON.

Versions 19 and 22a differ in how they write instants, groups and what may be left out; both are read. A
flight that is malformed spoils only itself. Of a flight the current state counts; recent positions are left
aside, as they are the reports of before, and so is all that is not named here.

What cannot become a report is counted, never left out silently: flights that are simulated, those that tell
an area without a position, and those that do not know where they are. One position that stands for several
aircraft becomes a report, and is counted too, for the others are elsewhere.

The id of a flight is not the serial number of the drone, which only the details of a flight tell.

Source:
    ASTM F3411-22a A2.6 and F3411-19 A2.6, GET /uss/flights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

import msgspec

from keepclear.codec.decoding import DOCUMENT_BYTES_MAX, SAMPLE_BYTES_MAX, Decoded, Faults
from keepclear.codec.f3411.accuracies import (
    HORIZONTAL_WORDS_M,
    VERTICAL_WORDS_M,
    altitude_m_of,
    of_group_m,
    rate_mps_of,
    speed_mps_of,
    track_deg_of,
)
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report
from keepclear.core.times import floor_ms
from keepclear.core.units import m_to_feet

OBSTACLE: Final = "GroundObstacle"
"""The type of what is no aircraft."""
_GROUND: Final = "Ground"
_NO_ANSWER: Final = "the answer is not JSON as F3411 writes it"


_NONE: Final = msgspec.Raw()
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class _Time(msgspec.Struct, gc=False):
    value: _Instant


class _Position(msgspec.Struct, gc=False):
    lat: float | None = None
    lng: float | None = None
    alt: float | None = None
    pressure_altitude: float | None = None
    accuracy_h: str | None = None
    accuracy_v: str | None = None


class _State(msgspec.Struct, gc=False):
    timestamp: _Time | _Instant
    position: _Position
    operational_status: str | None = None
    track: float | None = None
    speed: float | None = None
    vertical_speed: float | None = None
    group_count: int | None = None
    group_radius: float | None = None


class _Area(msgspec.Struct, gc=False):
    aircraft_count: int | None = None


class _Flight(msgspec.Struct, gc=False):
    """A flight as it is written."""

    id: str
    aircraft_type: str | None = None
    current_state: _State | None = None
    operating_area: _Area | None = None
    simulated: bool | None = None


class _Answer(msgspec.Struct):
    """All of them; without any, the list may be left out, but the time may not."""

    flights: list[_Flight] | None = None
    timestamp: msgspec.Raw = _NONE


class _RawAnswer(msgspec.Struct):
    """The same, its flights not looked into."""

    flights: list[msgspec.Raw] | None = None
    timestamp: msgspec.Raw = _NONE


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_RAW_ANSWER: Final = msgspec.json.Decoder(_RawAnswer)
_FLIGHT: Final = msgspec.json.Decoder(_Flight)
_NOT_READ: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode_flights(body: bytes, received_ms: int) -> Decoded:  # noqa: ARG001  # flights tell their time
    """Read an answer.

    Args:
        body: Its bytes.
        received_ms: When it was received, milliseconds since 1970.

    Returns:
        A report of each flight that says where it is.
    """
    faults = Faults()
    reports = []
    for flight in _flights(body, faults):
        report = _report_of(flight, faults)
        if report is not None:
            reports.append(report)
    return Decoded(reports, faults.malformed())


def _flights(body: bytes, faults: Faults) -> list[_Flight]:
    """Return the flights of an answer; what is wrong with it, or with some of them, is counted."""
    if len(body) > DOCUMENT_BYTES_MAX:
        faults.add(f"the answer is larger than {DOCUMENT_BYTES_MAX // 1024**2} MiB", body)
        return []
    try:
        answer = _ANSWER.decode(body)
    except _NOT_READ:
        pass  # one flight may be the reason
    else:
        if answer.flights is None and answer.timestamp == _NONE:
            faults.add(_NO_ANSWER, body)  # an empty sky looks different
        return answer.flights or []
    try:
        items = _RAW_ANSWER.decode(body).flights or []
    except _NOT_READ:
        faults.add(_NO_ANSWER, body)
        return []
    flights = []
    for item in items:
        try:
            flights.append(_FLIGHT.decode(item))
        except _NOT_READ:
            faults.add("a flight is not written as it should be", bytes(memoryview(item)[:SAMPLE_BYTES_MAX]))
    return flights


def _report_of(flight: _Flight, faults: Faults) -> Report | None:
    """Return a report of a flight; None, and counted, if there can be none."""
    state = flight.current_state
    if flight.simulated:
        faults.add("a flight is simulated", flight.id)
        return None
    if state is None:
        faults.add("a flight tells no position", flight.id)
        return None
    position = state.position
    if position.lat is None or position.lng is None or position.lat == 0.0 == position.lng:
        faults.add("a flight does not know where it is", flight.id)
        return None
    area_count = flight.operating_area.aircraft_count if flight.operating_area is not None else None
    if max(state.group_count or 1, area_count or 1) > 1:
        faults.add("one position stands for several aircraft", flight.id)
    told = state.timestamp
    error_m = _accuracy_m(position.accuracy_h, HORIZONTAL_WORDS_M, flight, faults)
    return Report(
        id=f"rid-flight:{flight.id}",
        at_ms=floor_ms(told.value if isinstance(told, _Time) else told),
        latitude_deg=position.lat,
        longitude_deg=position.lng,
        altitude_m=altitude_m_of(position.alt),
        pressure_altitude_ft=m_to_feet(altitude_m_of(position.pressure_altitude)),
        ground_speed_mps=speed_mps_of(state.speed),
        track_deg=track_deg_of(state.track),
        vertical_rate_mps=rate_mps_of(state.vertical_speed),
        horizontal_error_m=of_group_m(error_m, state.group_radius or 0.0),
        vertical_error_m=_accuracy_m(position.accuracy_v, VERTICAL_WORDS_M, flight, faults),
        on_ground=state.operational_status == _GROUND,
        kind=TrackKind.UNKNOWN if flight.aircraft_type == OBSTACLE else TrackKind.DRONE,
    )


def _accuracy_m(word: str | None, words: Mapping[str, float], flight: _Flight, faults: Faults) -> float:
    """Return the error that a word tells; one that is not known is counted, and tells none."""
    if word is not None and word not in words:
        faults.add("an accuracy of a flight is none that F3411 knows", f"{flight.id}: {word}")
    return math.nan if word is None else words.get(word, math.nan)
