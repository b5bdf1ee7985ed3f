"""`aircraft.json` of ADS-B receivers: readsb (tar1090), dump1090-fa and dump1090-mutability.

A document tells all aircraft that the receiver hears. The producers differ in names: `alt_baro` or
`altitude`, `gs` or `speed`, `baro_rate` or `vert_rate`. Each aircraft with a position becomes a report; one
that is malformed spoils only itself.

Left aside as the format has it: aircraft without a position, and all fields that are not named here. Of a
name that stands twice the last counts.

Source:
    README-json.md of wiedehopf/readsb, flightaware/dump1090 and mutability/dump1090.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from keepclear.codec.adsb import CATEGORY_KINDS, EPU_M, address_id, word_of
from keepclear.codec.decoding import AIRCRAFT_MAX, DOCUMENT_BYTES_MAX, Decoded, Faults, head_text
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report
from keepclear.core.units import FOOT_M, FOOT_PER_MINUTE_MPS, KNOT_MPS

CLOCK_DIFFERENCE_MAX_S: Final = 10.0
"""A document whose time differs from ours by more is taken, and told of."""

_OBJECTS_MAX: Final = 4 * AIRCRAFT_MAX  # an aircraft may hold its last position, and acas_ra
_COMMAS_MAX: Final = 80 * AIRCRAFT_MAX
_TOO_MANY: Final = f"the document tells over {AIRCRAFT_MAX:,} aircraft"
_GROUND: Final = "ground"
_NOW_MAX: Final = 1e14
_MILLISECONDS_FROM: Final = 1e11
"""From here on `now` counts milliseconds, as aggregators write it; in seconds it would be the year 5138."""


class _Aircraft(msgspec.Struct, gc=False):
    """An aircraft as it is written."""

    hex: str
    lat: float | None = None
    lon: float | None = None
    seen_pos: float | None = None
    alt_baro: float | str | None = None
    altitude: float | str | None = None
    alt_geom: float | None = None
    gs: float | None = None
    speed: float | None = None
    track: float | None = None
    baro_rate: float | None = None
    geom_rate: float | None = None
    vert_rate: float | None = None
    nac_p: int | None = None
    nav_altitude_mcp: float | None = None
    category: str | None = None
    flight: str | None = None
    squawk: str | None = None


class _Document(msgspec.Struct):
    """All of them; aggregators call the list `ac`."""

    now: float
    aircraft: list[_Aircraft] | None = None
    ac: list[_Aircraft] | None = None


class _RawDocument(msgspec.Struct):
    """The same, its aircraft not looked into."""

    now: float
    aircraft: list[msgspec.Raw] | None = None
    ac: list[msgspec.Raw] | None = None


_DOCUMENT: Final = msgspec.json.Decoder(_Document)
_RAW_DOCUMENT: Final = msgspec.json.Decoder(_RawDocument)
_AIRCRAFT: Final = msgspec.json.Decoder(_Aircraft)
_NOT_READ: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode_readsb(body: bytes, received_ms: int) -> Decoded:
    """Read a document.

    Args:
        body: Its bytes.
        received_ms: When it was received, milliseconds since 1970.

    Returns:
        A report of each aircraft with a position, as of the time at which the receiver heard it.
    """
    faults = Faults()
    document = _read(body, faults)
    if document is None:
        return Decoded([], faults.malformed())
    aircraft = document.aircraft if document.aircraft is not None else document.ac
    now = document.now
    now_ms = now if now >= _MILLISECONDS_FROM else now * 1000.0
    if aircraft is None or not 0.0 <= now <= _NOW_MAX:
        reason = "it has no list `aircraft`" if aircraft is None else "its `now` is no time"
        faults.add(reason, body)
        return Decoded([], faults.malformed())
    behind_s = (received_ms - now_ms) / 1000.0
    if abs(behind_s) > CLOCK_DIFFERENCE_MAX_S:
        told = f"{behind_s:.0f} s behind" if behind_s > 0 else f"{-behind_s:.0f} s ahead of"
        faults.add(f"its clock differs by over {CLOCK_DIFFERENCE_MAX_S:g} s from ours", f"it is {told} ours")
    return Decoded(_reports(aircraft, now_ms, faults), faults.malformed())


def _read(body: bytes, faults: Faults) -> _Document | None:
    """Return a document; what is wrong with it, or with some of its aircraft, is counted."""
    if len(body) > DOCUMENT_BYTES_MAX:
        faults.add(f"the document is larger than {DOCUMENT_BYTES_MAX // 1024**2} MiB", body)
        return None
    # Before it is decoded, as each item takes far more room in memory than the byte or two that it may have.
    if body.count(b"{") > _OBJECTS_MAX or body.count(b",") > _COMMAS_MAX:
        faults.add(_TOO_MANY, body)
        return None
    try:
        return _DOCUMENT.decode(body)
    except _NOT_READ:
        pass  # one aircraft may be the reason
    try:
        raw = _RAW_DOCUMENT.decode(body)
    except _NOT_READ as error:
        faults.add("the document is not JSON as receivers write it", f"{_said(error)}: {head_text(body)}")
        return None
    items = raw.aircraft if raw.aircraft is not None else raw.ac
    if items is not None and len(items) > AIRCRAFT_MAX:
        faults.add(_TOO_MANY, body)
        return None
    aircraft = []
    for item in items or ():
        try:
            aircraft.append(_AIRCRAFT.decode(item))
        except _NOT_READ as error:
            faults.add("an aircraft is not written as it should be", f"{_said(error)}: {head_text(item)}")
    return _Document(now=raw.now, aircraft=None if items is None else aircraft)


def _said(error: Exception) -> str:
    """Return what was wrong with JSON, in short."""
    return (
        "it nests too deeply"
        if isinstance(error, RecursionError)
        else str(error).replace(" - at `$", " at `")
    )


def _reports(aircraft: Sequence[_Aircraft], now_ms: float, faults: Faults) -> list[Report]:
    """Return a report of each aircraft with a position."""
    reports = []
    for one in aircraft:
        if one.lat is None or one.lon is None:
            continue
        aircraft_id = address_id(one.hex)
        if aircraft_id is None:
            faults.add("`hex` is not six hexadecimal digits", one.hex)
        elif one.seen_pos is None:
            faults.add("a position without `seen_pos`: it may be of any time", one.hex)
        elif not -_NOW_MAX <= one.seen_pos <= _NOW_MAX:
            faults.add("`seen_pos` is no duration", one.hex)
        else:
            reports.append(_report(aircraft_id, one, round(now_ms - one.seen_pos * 1000.0), faults))
    return reports


def _report(aircraft_id: str, one: _Aircraft, at_ms: int, faults: Faults) -> Report:
    assert one.lat is not None
    assert one.lon is not None
    altitude = one.alt_baro if one.alt_baro is not None else one.altitude
    on_ground = altitude == _GROUND
    if isinstance(altitude, str):
        if not on_ground:
            faults.add("an altitude is neither a number nor `ground`", f"{one.hex}: {altitude}")
        altitude = None
    speed = one.gs if one.gs is not None else one.speed
    rate = one.baro_rate if one.baro_rate is not None else one.geom_rate
    if rate is None:
        rate = one.vert_rate
    return Report(
        aircraft_id,
        at_ms,
        one.lat,
        one.lon,
        math.nan if one.alt_geom is None else one.alt_geom * FOOT_M,
        math.nan if altitude is None else altitude,
        math.nan if speed is None else speed * KNOT_MPS,
        math.nan if one.track is None else one.track,
        math.nan if rate is None else rate * FOOT_PER_MINUTE_MPS,
        math.nan if one.nac_p is None else EPU_M.get(one.nac_p, math.nan),
        math.nan,
        math.nan if one.nav_altitude_mcp is None else one.nav_altitude_mcp,
        on_ground,
        TrackKind.UNKNOWN if one.category is None else CATEGORY_KINDS.get(one.category, TrackKind.UNKNOWN),
        word_of(one.flight, "a callsign", faults),
        word_of(one.squawk, "a squawk", faults),
    )
