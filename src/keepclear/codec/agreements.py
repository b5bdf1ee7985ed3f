"""The text of an agreement: JSON that people can write, and one canonical form that is signed.

Fields are those of `core.agreements`, with their units in their names. Any layout is read, and fields
that have a default may be left out; `encode` writes them in one line, so that equal agreements have equal
bytes and equal digests. It writes every field but the parts that came later (`hotline`, `clearing`, `split`)
where they say what counts without them: so texts that were signed before them keep their bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from keepclear.codec.json_errors import decode_json, did_you_mean, misfits, refuse_repeated_names, text_of
from keepclear.core.agreements import (
    Agreement,
    AreaOfInterest,
    Clearing,
    Fallback,
    Minima,
    SharedKind,
    Sharing,
    Terms,
    Timers,
)
from keepclear.core.altitudes import AltitudeBand
from keepclear.core.conflicts import Buffer
from keepclear.core.deeds import AGREEMENT_BYTES_MAX
from keepclear.core.errors import InvalidValueError
from keepclear.core.escalation import Deadlines, HotlineTimers
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import PartyId
from keepclear.core.shapes import Circle, Polygon
from keepclear.core.split import Split


class _Position(msgspec.Struct, forbid_unknown_fields=True):
    lat: float
    lng: float


class _Circle(msgspec.Struct, forbid_unknown_fields=True):
    center: _Position
    radius_m: float


class _Band(msgspec.Struct, forbid_unknown_fields=True):
    lower_m: float | None = None
    upper_m: float | None = None


class _Area(msgspec.Struct, forbid_unknown_fields=True):
    polygon: list[_Position] | None = None
    circle: _Circle | None = None
    altitude: _Band | None = None


class _Sharing(msgspec.Struct, forbid_unknown_fields=True):
    kinds: list[str] = msgspec.field(default_factory=lambda: [kind.value for kind in SharedKind])
    areas: list[_Area] = msgspec.field(default_factory=list)
    altitude: _Band | None = None
    embargo_s: float | None = None


class _Clearing(msgspec.Struct, forbid_unknown_fields=True):
    speed_mps: float = 50.0
    reaction_s: float = 120.0


class _Terms(msgspec.Struct, forbid_unknown_fields=True):
    party: str
    areas: list[_Area] = msgspec.field(default_factory=list)
    sharing: _Sharing = msgspec.field(default_factory=_Sharing)
    clearing: _Clearing | None = None


class _Minima(msgspec.Struct, forbid_unknown_fields=True):
    lateral_m: float
    vertical_m: float
    duration_s: float = 0.0


class _Buffer(msgspec.Struct, forbid_unknown_fields=True):
    lateral_m: float
    vertical_m: float
    time_s: float


class _Timers(msgspec.Struct, forbid_unknown_fields=True):
    seen_s: float
    answered_s: float


class _Split(msgspec.Struct, forbid_unknown_fields=True):
    below: str
    altitude_m: float


class _Fallback(msgspec.Struct, forbid_unknown_fields=True):
    minima_factor: float = 2.0
    time_extra_s: float = 180.0
    split: _Split | None = None


class _Deadlines(msgspec.Struct, forbid_unknown_fields=True):
    delivered_s: float
    seen_s: float
    answered_s: float | None
    ladder_s: list[float]


class _Hotline(msgspec.Struct, forbid_unknown_fields=True):
    distress: _Deadlines | None = None
    safety: _Deadlines | None = None
    routine: _Deadlines | None = None


class _Agreement(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    terms: list[_Terms]
    minima: _Minima
    buffer: _Buffer
    timers: _Timers
    fallback: _Fallback = msgspec.field(default_factory=_Fallback)
    catalogue: str = ""
    lead_s: float = 48 * 3_600.0
    lead_emergency_s: float = 24 * 3_600.0
    hotline: _Hotline | None = None


def encode(agreement: Agreement) -> bytes:
    """Write an agreement in its canonical form: in one line, always in the same order.

    Raises:
        InvalidValueError: It is over the limit of `AGREEMENT_BYTES_MAX`.
    """
    minima, buffer = agreement.minima, agreement.buffer
    told = _Agreement(
        version=agreement.version,
        terms=[_wire_terms(terms) for terms in agreement.terms],
        minima=_Minima(_plain(minima.lateral_m), _plain(minima.vertical_m), _plain(minima.duration_s)),
        buffer=_Buffer(_plain(buffer.lateral_m), _plain(buffer.vertical_m), _plain(buffer.time_s)),
        timers=_Timers(_plain(agreement.timers.seen_s), _plain(agreement.timers.answered_s)),
        fallback=_wire_fallback(agreement.fallback),
        catalogue=agreement.catalogue,
        lead_s=_plain(agreement.lead_s),
        lead_emergency_s=_plain(agreement.lead_emergency_s),
        hotline=None if agreement.hotline == HotlineTimers() else _wire_hotline(agreement.hotline),
    )
    fields = msgspec.to_builtins(told)
    later = [(fields, "hotline"), (fields["fallback"], "split")]
    for place, name in [*later, *((terms, "clearing") for terms in fields["terms"])]:
        if place[name] is None:
            del place[name]
    text = msgspec.json.encode(fields)
    _check_size(text)
    return text


def _check_size(text: bytes) -> None:
    if len(text) > AGREEMENT_BYTES_MAX:
        reason = f"an agreement of {len(text):,} bytes is over {AGREEMENT_BYTES_MAX:,}; use simpler areas"
        raise InvalidValueError("", reason)


def _plain(value: float) -> float:
    return float(value) + 0.0  # 5 is written 5.0, and -0.0 is written 0.0: they are equal


def _wire_fallback(fallback: Fallback) -> _Fallback:
    split = fallback.split
    return _Fallback(
        minima_factor=_plain(fallback.minima_factor),
        time_extra_s=_plain(fallback.time_extra_s),
        split=None if split is None else _Split(below=split.below, altitude_m=_plain(split.altitude_m)),
    )


def _wire_hotline(timers: HotlineTimers) -> _Hotline:
    return _Hotline(*(_wire_deadlines(each) for each in (timers.distress, timers.safety, timers.routine)))


def _wire_deadlines(deadlines: Deadlines) -> _Deadlines:
    return _Deadlines(
        delivered_s=_plain(deadlines.delivered_s),
        seen_s=_plain(deadlines.seen_s),
        answered_s=None if deadlines.answered_s is None else _plain(deadlines.answered_s),
        ladder_s=[_plain(each) for each in deadlines.ladder_s],
    )


def _wire_terms(terms: Terms) -> _Terms:
    sharing, clearing = terms.sharing, terms.clearing
    return _Terms(
        party=terms.party,
        areas=[_wire_area(area) for area in terms.areas],
        sharing=_Sharing(
            kinds=sorted(kind.value for kind in sharing.kinds),
            areas=[_wire_area(area) for area in sharing.areas],
            altitude=None if sharing.altitude is None else _wire_band(sharing.altitude),
            embargo_s=None if sharing.embargo_s is None else _plain(sharing.embargo_s),
        ),
        clearing=None
        if clearing == Clearing()
        else _Clearing(_plain(clearing.speed_mps), _plain(clearing.reaction_s)),
    )


def _wire_area(area: AreaOfInterest) -> _Area:
    altitude = _wire_band(area.altitude)
    if isinstance(area.outline, Circle):
        circle = _Circle(_wire_position(area.outline.center), _plain(area.outline.radius_m))
        return _Area(circle=circle, altitude=altitude)
    return _Area(polygon=[_wire_position(vertex) for vertex in area.outline.vertices], altitude=altitude)


def _wire_position(position: LatLng) -> _Position:
    return _Position(lat=_plain(position.lat_deg), lng=_plain(position.lng_deg))


def _wire_band(band: AltitudeBand) -> _Band:
    lower_m, upper_m = (None if math.isinf(m) else _plain(m) for m in (band.lower_m, band.upper_m))
    return _Band(lower_m=lower_m, upper_m=upper_m)


def decode(text: bytes) -> Agreement:
    """Read an agreement.

    Args:
        text: Its text, in whatever layout.

    Raises:
        InvalidValueError: It is no agreement; the first field that is wrong is named.
    """
    _check_size(text)
    plain = text_of(text)
    value = decode_json(plain)
    refuse_repeated_names(plain)
    try:
        told = msgspec.convert(value, _Agreement, strict=True)
    except msgspec.ValidationError as error:
        raise next(misfits(value, _Agreement), InvalidValueError("", str(error))) from None
    if len(told.terms) != 2:
        raise InvalidValueError("terms", f"an agreement has two parties, not {len(told.terms)}")
    first, second = (_terms(terms, f"terms[{k}]") for k, terms in enumerate(told.terms))
    with _inside("minima"):
        minima = Minima(**_numbers(told.minima))
    with _inside("buffer"):
        buffer = Buffer(**_numbers(told.buffer))
    with _inside("timers"):
        timers = Timers(**_numbers(told.timers))
    fallback = _fallback(told.fallback)
    return Agreement(
        version=told.version,
        terms=(first, second),
        minima=minima,
        buffer=buffer,
        timers=timers,
        fallback=fallback,
        catalogue=told.catalogue,
        lead_s=told.lead_s,
        lead_emergency_s=told.lead_emergency_s,
        hotline=_hotline(told.hotline or _Hotline()),
    )


@contextmanager
def _inside(path: str) -> Iterator[None]:
    """Tell errors of a value from the agreement that it is in."""
    try:
        yield
    except InvalidValueError as error:
        raise error.within(path) from None


def _numbers(told: _Minima | _Buffer | _Timers | _Clearing) -> dict[str, float]:
    return msgspec.structs.asdict(told)


def _fallback(told: _Fallback) -> Fallback:
    split = None
    if told.split is not None:
        with _inside("fallback.split"):
            split = Split(below=PartyId(told.split.below), altitude_m=told.split.altitude_m)
    with _inside("fallback"):
        return Fallback(minima_factor=told.minima_factor, time_extra_s=told.time_extra_s, split=split)


def _hotline(told: _Hotline) -> HotlineTimers:
    plain = HotlineTimers()
    return HotlineTimers(
        distress=_deadlines(told.distress, plain.distress, "hotline.distress"),
        safety=_deadlines(told.safety, plain.safety, "hotline.safety"),
        routine=_deadlines(told.routine, plain.routine, "hotline.routine"),
    )


def _deadlines(told: _Deadlines | None, plain: Deadlines, path: str) -> Deadlines:
    if told is None:
        return plain
    with _inside(path):
        return Deadlines(
            delivered_s=told.delivered_s,
            seen_s=told.seen_s,
            answered_s=told.answered_s,
            ladder_s=tuple(told.ladder_s),
        )


def _terms(told: _Terms, path: str) -> Terms:
    areas = tuple(_area(area, f"{path}.areas[{k}]") for k, area in enumerate(told.areas))
    sharing = _sharing(told.sharing, f"{path}.sharing")
    with _inside(f"{path}.clearing"):
        clearing = Clearing(**_numbers(told.clearing or _Clearing()))
    with _inside(path):
        return Terms(party=PartyId(told.party), areas=areas, sharing=sharing, clearing=clearing)


def _sharing(told: _Sharing, path: str) -> Sharing:
    kinds = [_kind(word, f"{path}.kinds[{k}]") for k, word in enumerate(told.kinds)]
    areas = tuple(_area(area, f"{path}.areas[{k}]") for k, area in enumerate(told.areas))
    band = None if told.altitude is None else _band(told.altitude, f"{path}.altitude")
    with _inside(path):
        return Sharing(kinds=frozenset(kinds), areas=areas, altitude=band, embargo_s=told.embargo_s)


def _kind(word: str, path: str) -> SharedKind:
    try:
        return SharedKind(word)
    except ValueError:
        known = [kind.value for kind in SharedKind]
        raise InvalidValueError(path, f"unknown value {word!r}{did_you_mean(word, known)}") from None


def _area(told: _Area, path: str) -> AreaOfInterest:
    if (told.polygon is None) == (told.circle is None):
        raise InvalidValueError(path, "give one of polygon and circle")
    band = _band(told.altitude or _Band(), f"{path}.altitude")
    outline: Circle | Polygon
    if told.circle is not None:
        center = LatLng(told.circle.center.lat, told.circle.center.lng)
        with _inside(f"{path}.circle"):
            outline = Circle(center=center, radius_m=told.circle.radius_m)
    else:
        vertices = tuple(LatLng(vertex.lat, vertex.lng) for vertex in told.polygon or ())
        with _inside(f"{path}.polygon"):
            outline = Polygon(vertices=vertices)
    return AreaOfInterest(outline=outline, altitude=band)


def _band(told: _Band, path: str) -> AltitudeBand:
    lower_m = -math.inf if told.lower_m is None else told.lower_m
    upper_m = math.inf if told.upper_m is None else told.upper_m
    with _inside(path):
        return AltitudeBand(lower_m=lower_m, upper_m=upper_m)
