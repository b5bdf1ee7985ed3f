"""Files of F3548 JSON: an array of operational intents and constraints with their Volume4D.

The volumes are those of ASTM F3548-21's public interface. Beyond it, heights may be in feet
(`FT`) and above mean sea level (`MSL`) or at standard pressure (`FL`), and are then widened.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import Final, TypeVar

import msgspec

from keepclear.codec.f3548 import wire
from keepclear.codec.json_errors import decode_json, did_you_mean, misfits, refuse_repeated_names, text_of
from keepclear.codec.properties import instant_of_text
from keepclear.codec.reading import PROBLEMS_MAX, Item, ItemKind, Reading, ReadSettings
from keepclear.core.altitudes import Altitude, AltitudeBand, Datum, LengthUnit, band_of
from keepclear.core.constraints import Constraint, ConstraintRule
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.kinds import TrackKind
from keepclear.core.shapes import Circle, CorridorLeg, Outline, Polygon
from keepclear.core.times import TimeWindow, rfc3339
from keepclear.core.units import feet_to_m
from keepclear.core.volumes import Volume3D, Volume4D

_Word = TypeVar("_Word", bound=Enum)
NO_SETTINGS: Final = ReadSettings()
_ENTRY: Final = msgspec.json.Decoder(wire.Entry)


def decode(data: bytes, source: str, settings: ReadSettings) -> Reading:
    """Read a file of F3548 JSON.

    Args:
        data: The bytes of the file.
        source: The file, as the user named it.
        settings: What the user states about all files.

    Returns:
        Its items, all its problems, and what was assumed.
    """
    reading = Reading(source)
    try:
        text = text_of(data)
        entries = decode_json(text, list[msgspec.Raw])
        refuse_repeated_names(text)
    except InvalidValueError as error:
        reading.refuse_value(error)
        return reading
    except msgspec.ValidationError:
        reading.refuse(
            'it must be an array of operational intents and constraints: [{"id": ..., "volumes": [...]}]'
        )
        return reading
    for number, raw in enumerate(entries, start=1):
        _read_entry(bytes(raw), f"item {number}", reading, settings)
    return reading


def decode_item(data: bytes, source: str, settings: ReadSettings = NO_SETTINGS) -> Reading:
    """Read one item as `encode_item` writes it; problems are told like those of a file.

    Args:
        data: The JSON of the item.
        source: Where it comes from.
        settings: What is stated about it.
    """
    reading = Reading(source)
    try:
        text = text_of(data)
        if not _is_our_spelling(text):
            decode_json(text, msgspec.Raw)
            refuse_repeated_names(text)
    except InvalidValueError as error:
        reading.refuse_value(error)
        return reading
    _read_entry(text, "", reading, settings)
    return reading


def _is_our_spelling(text: bytes) -> bool:
    """Tell whether this is what we would write: then no name stands in it twice. Most items are so."""
    try:
        return msgspec.json.encode(_ENTRY.decode(text)) == text
    except (msgspec.DecodeError, RecursionError):
        return False


def _read_entry(raw: bytes, place: str, reading: Reading, settings: ReadSettings) -> None:
    try:
        entry = _ENTRY.decode(raw)
    except msgspec.ValidationError:
        try:
            value = decode_json(raw)
        except InvalidValueError as error:
            reading.refuse_value(error, item=place)
            return
        if isinstance(value, dict) and isinstance(value.get("id"), str):
            place = f"{place} (id {value['id']!r})".lstrip()
        for misfit in itertools.islice(misfits(value, wire.Entry), PROBLEMS_MAX + 1):
            reading.refuse_value(misfit, item=place)
        return
    except RecursionError:
        reading.refuse("the JSON nests too deeply", item=place)
        return
    place = f"{place} (id {entry.id!r})".lstrip()
    errors: list[InvalidValueError] = []
    unbounded: set[str] = set()
    volumes = []
    for index, wired in enumerate(entry.volumes):
        volume = volume_of(wired, f"volumes[{index}]", errors, unbounded, settings)
        if volume is not None:
            volumes.append(volume)
    item = _item(entry, tuple(volumes), errors)
    for found in errors:
        reading.refuse_value(found, item=place)
    if item is not None and not errors:
        reading.accept(item, place=place)
        for name in sorted(unbounded):
            reading.assume(f"no {name} in a volume: unbounded there", item=place)


def _word(kind: type[_Word], text: str, field: str, errors: list[InvalidValueError]) -> _Word | None:
    try:
        return kind(text)
    except ValueError:
        known = [str(member.value) for member in kind]
        errors.append(InvalidValueError(field, f"unknown value {text!r}{did_you_mean(text, known)}"))
        return None


def _item(entry: wire.Entry, volumes: tuple[Volume4D, ...], errors: list[InvalidValueError]) -> Item | None:
    kind = _word(ItemKind, entry.kind or ItemKind.OPERATIONAL_INTENT.value, "kind", errors)
    priority = 0 if entry.priority is None else entry.priority
    party = None if entry.party is None else PartyId(entry.party)
    item_id = ItemId(entry.id)
    # What is wrong with the volumes is known already; stand-ins let the rest be checked too.
    stand_in = len(volumes) < len(entry.volumes)
    try:
        if kind is ItemKind.OPERATIONAL_INTENT:
            if entry.rule is not None:
                errors.append(
                    InvalidValueError("rule", "only a constraint has a rule; set kind to 'constraint'")
                )
            state = _word(IntentState, entry.state or IntentState.ACCEPTED.value, "state", errors)
            kind_flown = _word(
                TrackKind, entry.aircraft_kind or TrackKind.UNKNOWN.value, "aircraft_kind", errors
            )
            if state is None or kind_flown is None or stand_in:
                return None
            return OperationalIntent(
                id=item_id,
                volumes=volumes,
                party=party,
                priority=priority,
                state=state,
                speed_mps=entry.speed_mps,
                callsign=entry.callsign,
                aircraft_kind=kind_flown,
            )
        if kind is ItemKind.CONSTRAINT:
            if entry.state is not None:
                errors.append(InvalidValueError("state", "only an operational intent has a state"))
            for name in ("speed_mps", "callsign", "aircraft_kind"):
                if getattr(entry, name) is not None:
                    errors.append(InvalidValueError(name, "only an operational intent has it"))
            rule = _word(ConstraintRule, entry.rule or ConstraintRule.KEEP_OUT.value, "rule", errors)
            if rule is None or stand_in:
                return None
            return Constraint(id=item_id, volumes=volumes, party=party, priority=priority, rule=rule)
    except InvalidValueError as error:
        errors.append(error)
    return None


def volume_of(
    wired: wire.Volume4D,
    path: str,
    errors: list[InvalidValueError],
    unbounded: set[str],
    settings: ReadSettings,
) -> Volume4D | None:
    """Read a volume; what is wrong is added to the errors, bounds that are missing to the unbounded ones."""
    known = len(errors)
    start = instant_in(wired.time_start, f"{path}.time_start", errors)
    end = instant_in(wired.time_end, f"{path}.time_end", errors)
    outline = outline_of(wired.volume, f"{path}.volume", errors)
    band = _band(wired.volume, f"{path}.volume", errors, unbounded, settings)
    if start is not None and end is not None:
        try:
            time = TimeWindow(start=start, end=end)
        except InvalidValueError as error:
            errors.append(error.within(path))
    if len(errors) > known or outline is None or band is None:
        return None
    return Volume4D(volume=Volume3D(outline=outline, altitude=band), time=time)


def instant_in(wired: wire.Time | None, path: str, errors: list[InvalidValueError]) -> datetime | None:
    """Read an instant that must be there; what is wrong is added to the errors, and then it is None."""
    if wired is None:
        errors.append(InvalidValueError(path, "a volume needs both times"))
        return None
    if wired.format != "RFC3339":
        errors.append(InvalidValueError(f"{path}.format", f"unknown format {wired.format!r}; write RFC3339"))
        return None
    try:
        return instant_of_text(wired.value)
    except InvalidValueError as error:
        errors.append(error.within(f"{path}.value"))
        return None


def outline_of(wired: wire.Volume3D, path: str, errors: list[InvalidValueError]) -> Outline | None:
    """Read the outline of a volume; what is wrong is added to the errors, and then it is None."""
    circle, polygon, corridor = wired.outline_circle, wired.outline_polygon, wired.outline_corridor
    count = sum(outline is not None for outline in (circle, polygon, corridor))
    if count != 1:
        known = "outline_polygon, outline_circle and outline_corridor"
        what = "none is there" if count == 0 else f"{count} are there"
        errors.append(InvalidValueError(path, f"give one of {known}; {what}"))
        return None
    try:
        if polygon is not None:
            path = f"{path}.outline_polygon"
            return Polygon(vertices=tuple([LatLng(v.lat, v.lng) for v in polygon.vertices]))
        if corridor is not None:
            path = f"{path}.outline_corridor"
            start, end = (LatLng(point.lat, point.lng) for point in (corridor.start, corridor.end))
            return CorridorLeg(start=start, end=end, half_width_m=corridor.half_width_m)
        assert circle is not None
        path = f"{path}.outline_circle"
        unit = _word(LengthUnit, circle.radius.units, f"{path}.radius.units", errors)
        if unit is None:
            return None
        radius = circle.radius.value
        center = LatLng(circle.center.lat, circle.center.lng)
        return Circle(center=center, radius_m=radius if unit is LengthUnit.M else feet_to_m(radius))
    except InvalidValueError as error:
        errors.append(error.within(path))
        return None


def _band(
    wired: wire.Volume3D,
    path: str,
    errors: list[InvalidValueError],
    unbounded: set[str],
    settings: ReadSettings,
) -> AltitudeBand | None:
    known = len(errors)
    stated: list[Altitude | None] = []
    for name, altitude in (
        ("altitude_lower", wired.altitude_lower),
        ("altitude_upper", wired.altitude_upper),
    ):
        stated.append(None)
        if altitude is None:
            unbounded.add(name)
            continue
        datum = _word(Datum, altitude.reference, f"{path}.{name}.reference", errors)
        unit = _word(LengthUnit, altitude.units, f"{path}.{name}.units", errors)
        if datum is not None and unit is not None:
            try:
                stated[-1] = Altitude(value=altitude.value, unit=unit, datum=datum)
            except InvalidValueError as error:
                errors.append(error.within(f"{path}.{name}"))
    if len(errors) > known:
        return None
    try:
        return band_of(stated[0], stated[1], settings.atmosphere)
    except InvalidValueError as error:
        errors.append(error.within(path))
        return None


def encode(items: Iterable[Item]) -> bytes:
    """Write items as F3548 JSON, heights in W84 metres; legs become the polygons that stand for them."""
    entries = [_wire_entry(item, with_corridors=False) for item in items]
    for entry in entries:
        entry.priority = entry.priority or None
    return msgspec.json.format(msgspec.json.encode(entries), indent=1) + b"\n"


def encode_item(item: Item) -> bytes:
    """Write one item in one line, so that reading it gives an equal item, and writing that the same text."""
    return msgspec.json.encode(_wire_entry(item, with_corridors=True))


def _wire_entry(item: Item, *, with_corridors: bool) -> wire.Entry:
    entry = wire.Entry(
        id=item.id,
        volumes=[wire_volume(volume, with_corridors) for volume in item.volumes],
        priority=item.priority,
        party=item.party,
    )
    if isinstance(item, Constraint):
        entry.kind, entry.rule = ItemKind.CONSTRAINT.value, item.rule.value
    else:
        entry.kind, entry.state = ItemKind.OPERATIONAL_INTENT.value, item.state.value
        entry.speed_mps = None if item.speed_mps is None else float(item.speed_mps)
        entry.callsign = item.callsign
        if item.aircraft_kind is not TrackKind.UNKNOWN:
            entry.aircraft_kind = item.aircraft_kind.value
    return entry


def wire_volume(volume: Volume4D, with_corridors: bool) -> wire.Volume4D:
    """Return a volume as the interface writes it.

    Args:
        volume: It.
        with_corridors: True to write legs as legs, which is ours; False for the polygons that stand for them.
    """
    outline, band = volume.volume.outline, volume.volume.altitude
    space = wire.Volume3D(
        altitude_lower=_wire_altitude(band.lower_m), altitude_upper=_wire_altitude(band.upper_m)
    )
    if isinstance(outline, Circle):
        center = wire.LatLngPoint(lat=outline.center.lat_deg, lng=outline.center.lng_deg)
        space.outline_circle = wire.Circle(
            center=center, radius=wire.Radius(value=outline.radius_m, units="M")
        )
    elif isinstance(outline, CorridorLeg) and with_corridors:
        start, end = (wire.LatLngPoint(lat=at.lat_deg, lng=at.lng_deg) for at in (outline.start, outline.end))
        space.outline_corridor = wire.Corridor(start=start, end=end, half_width_m=outline.half_width_m)
    else:
        corners = outline.vertices if isinstance(outline, Polygon) else outline.ring_deg().tolist()
        space.outline_polygon = wire.Polygon(
            vertices=[wire.LatLngPoint(lat=lat, lng=lng) for lat, lng in corners]
        )
    return wire.Volume4D(
        volume=space,
        time_start=wire.Time(value=rfc3339(volume.time.start), format="RFC3339"),
        time_end=wire.Time(value=rfc3339(volume.time.end), format="RFC3339"),
    )


def _wire_altitude(value_m: float) -> wire.Altitude | None:
    return None if math.isinf(value_m) else wire.Altitude(value=value_m, reference="W84", units="M")
