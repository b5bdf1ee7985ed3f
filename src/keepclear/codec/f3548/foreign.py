"""Items of other parties: what can be made of them, however bad they are; nothing is dropped.

What is valid is taken as `volumes.decode_item` reads it. Of the rest each part is taken as *more* than
may be meant, never as less: a convex hull for a shape that is none, no bound for a height that cannot
be read, all time for a time. What has no shape that could stand for it cannot be judged. How that is
shown, and what a check answers then, is left to others.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Final, NamedTuple, TypeVar

import numpy as np
import shapely

from keepclear.codec.f3548.volumes import decode_item
from keepclear.codec.json_errors import decode_json, refuse_repeated_names, text_of
from keepclear.codec.properties import instant_of_text, shown
from keepclear.codec.reading import Item, ItemKind, Problem
from keepclear.core.altitudes import Altitude, AltitudeBand, Datum, LengthUnit, band_of
from keepclear.core.constraints import Constraint, ConstraintRule
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import (
    RADIUS_MAX_M,
    RADIUS_MIN_M,
    SUB_EDGE_ERROR_MAX_M,
    SUB_EDGE_MAX_M,
    LatLng,
    from_plane,
    plane_of,
    ring_positions,
    unit_vectors,
)
from keepclear.core.intents import (
    CALLSIGN_CHARACTERS_MAX,
    PRIORITY_MAX,
    SPEED_MAX_MPS,
    VOLUMES_MAX,
    IntentState,
    ItemId,
    OperationalIntent,
    PartyId,
)
from keepclear.core.kinds import TrackKind
from keepclear.core.shapes import (
    FOOTPRINT_RADIUS_MAX_M,
    VERTICES_MAX,
    WIDTH_MIN_M,
    Circle,
    CorridorLeg,
    Outline,
    Polygon,
    check_position,
    rings_deg,
)
from keepclear.core.times import TIME_MAX, TIME_MIN, TimeWindow
from keepclear.core.units import feet_to_m
from keepclear.core.volumes import Volume3D, Volume4D

SALVAGED_RADIUS_M: Final = 100.0
"""A shape without area is taken for all that is so near to it."""
HULL_MARGIN_M: Final = 1.0
"""A hull is wider than what it holds by about this, and by what edges may stray from straight lines."""
REMARK_CHARACTERS_MAX: Final = 500
"""No remark is longer; of what is wrong the end is left out."""

_RIM_POINTS: Final = 32
_Word = TypeVar("_Word", bound=Enum)


class ForeignReading(NamedTuple):
    """What can be made of an item that another party states.

    Attributes:
        item: It; where its shapes are bad, with hulls in their place. None where it cannot be judged.
        remark: What is wrong with it and what was done; None where nothing is.
        window_ms: Of one that cannot be judged, the widest window that its times give, milliseconds since
            1970; None where they leave all time open.
    """

    item: Item | None
    remark: str | None = None
    window_ms: tuple[int, int] | None = None


def read_foreign(text: bytes, item_id: ItemId, party: PartyId) -> ForeignReading:
    """Make what can be made of an item of another party, whatever it says; never raise.

    Args:
        text: What the party stated.
        item_id: How this node calls the item.
        party: Whose it is, whatever the text says.
    """
    reading = decode_item(text, "")
    salvage = _Salvage()
    try:
        item = salvage.item(text) if reading.problems else reading.placed[0].item
        salvage.windows = [volume.time for volume in item.volumes]
        item = replace(item, id=item_id, party=party, priority=salvage.priority(item.priority))
    except InvalidValueError as error:
        return ForeignReading(None, _remark([], f"it cannot be judged: {error}"), salvage.widest_ms())
    if not reading.problems and not salvage.done:
        return ForeignReading(item)
    return ForeignReading(item, _remark(reading.problems, salvage.told()))


def convex_hull(positions: Iterable[LatLng]) -> Polygon:
    """Return a polygon that holds positions and every geodesic between any two of them.

    It is wider than their convex hull by `HULL_MARGIN_M` or a little more, where edges are long; where
    the hull has no area, by `SALVAGED_RADIUS_M`.

    Args:
        positions: In any order, also repeated; at least one.

    Raises:
        InvalidValueError: They reach too far from their centre.
    """
    vectors = unit_vectors(*np.array(list(positions), dtype=np.float64).T)
    total = vectors.sum(axis=0)
    length = float(np.linalg.norm(total))
    cos_reach = float((vectors @ total).min()) / max(length, 1e-9)
    if cos_reach < math.cos(FOOTPRINT_RADIUS_MAX_M / RADIUS_MIN_M):
        reason = f"no hull: it reaches more than {FOOTPRINT_RADIUS_MAX_M / 1000:,.0f} km from its centre"
        raise InvalidValueError("", reason)
    centre = total / length
    hull = shapely.convex_hull(shapely.multipoints(plane_of(centre, vectors)))
    is_thin = shapely.area(hull) <= WIDTH_MIN_M * shapely.length(hull)
    # A geodesic strays from the straight line by half of this at most; the plane stretches by less than 1.3.
    reach_m = math.acos(min(1.0, cos_reach)) * RADIUS_MAX_M
    stray_m = 2.0 * SUB_EDGE_ERROR_MAX_M * (2.0 * reach_m / SUB_EDGE_MAX_M) ** 2
    margin_m = (SALVAGED_RADIUS_M if is_thin else HULL_MARGIN_M) + stray_m
    # Simplified first by what the margin can spare, so that many vertices stay below their limit. No
    # `buffer`: of a hull that is nearly a line it may leave a side out.
    kept = shapely.get_coordinates(shapely.simplify(hull, margin_m / 4.0))
    turns = np.arange(_RIM_POINTS) * (2.0 * math.pi / _RIM_POINTS)
    rim = np.stack((np.cos(turns), np.sin(turns)), axis=-1) * (margin_m / math.cos(math.pi / _RIM_POINTS))
    around = np.round(kept[:, np.newaxis, :] + rim, 3).reshape(-1, 2)  # no two of them nearly the same
    hull = shapely.convex_hull(shapely.multipoints(around))
    # Edges so short get no points added, and stay the straight lines that they are here.
    ring = shapely.segmentize(shapely.get_exterior_ring(hull), SUB_EDGE_MAX_M / 2.0)
    corners = ring_positions(from_plane(centre, shapely.get_coordinates(ring)[:-1]))
    return Polygon(vertices=tuple([LatLng(lat, lng) for lat, lng in corners.tolist()]))


@dataclass(slots=True)
class _Salvage:
    """What is made of an item that the strict reader refuses, and what was done for it.

    Its methods raise `InvalidValueError` for what nothing can stand for.

    Attributes:
        windows: When its volumes are used.
        done: What was done, and how often.
    """

    windows: list[TimeWindow] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)

    def told(self) -> str:
        """Return what was done as one clause."""
        if not self.done:
            return "left out"
        return "taken instead: " + ", ".join(
            f"{what} ({count} times)" if count > 1 else what for what, count in self.done.items()
        )

    def widest_ms(self) -> tuple[int, int] | None:
        """Return the window of all volumes; None where they leave all time open."""
        start = min((window.start for window in self.windows), default=TIME_MIN)
        end = max((window.end for window in self.windows), default=TIME_MAX)
        if (start, end) == (TIME_MIN, TIME_MAX):
            return None
        window = TimeWindow(start=start, end=end)
        return window.start_ms, window.end_ms

    def item(self, text: bytes) -> Item:
        """Return what can stand for an item, without its id and party."""
        text = text_of(text)
        entry = _members(decode_json(text), "")
        refuse_repeated_names(text)
        stated = entry.get("volumes")
        volumes = stated if isinstance(stated, list) else []
        self.windows += [self._window(volume) for volume in volumes]
        if not 0 < len(volumes) <= VOLUMES_MAX:
            reason = f"it must be an array of 1 to {VOLUMES_MAX} volumes"
            raise InvalidValueError("volumes", reason)
        placed = tuple(
            [
                Volume4D(volume=self._space(volume, f"volumes[{index}]"), time=window)
                for index, (volume, window) in enumerate(zip(volumes, self.windows, strict=True))
            ]
        )
        priority = self.priority(entry.get("priority"))
        kind = self._word(entry, "kind", ItemKind.OPERATIONAL_INTENT)
        stand_in = ItemId("-")
        if kind is ItemKind.CONSTRAINT:
            rule = self._word(entry, "rule", ConstraintRule.KEEP_OUT)
            return Constraint(id=stand_in, volumes=placed, priority=priority, rule=rule)
        state = self._word(entry, "state", IntentState.ACCEPTED)
        return OperationalIntent(
            id=stand_in,
            volumes=placed,
            priority=priority,
            state=state,
            speed_mps=self._speed_mps(entry),
            callsign=self._callsign(entry),
            aircraft_kind=self._word(entry, "aircraft_kind", TrackKind.UNKNOWN),
        )

    def priority(self, value: object) -> int:
        """Return a priority that a node takes; what is too large could not even be written."""
        if value is None:
            return 0
        stated = value if type(value) is int else 0
        taken = max(-PRIORITY_MAX, min(PRIORITY_MAX, stated))
        if taken != value or type(value) is not int:
            self.done[f"the priority {taken}"] += 1
        return taken

    def _speed_mps(self, entry: dict[str, object]) -> float | None:
        """Return a speed that is one; without it the slowest one that was agreed counts."""
        if entry.get("speed_mps") is None:
            return None
        with suppress(InvalidValueError):
            speed_mps = _number(entry, "speed_mps")
            if 0.0 < speed_mps <= SPEED_MAX_MPS:
                return speed_mps
        self.done["no speed for one that cannot be used"] += 1
        return None

    def _callsign(self, entry: dict[str, object]) -> str | None:
        """Return a callsign that is one."""
        told = entry.get("callsign")
        if told is None:
            return None
        if isinstance(told, str) and 0 < len(told) <= CALLSIGN_CHARACTERS_MAX and told.isprintable():
            return told
        self.done["no callsign for one that cannot be used"] += 1
        return None

    def _word(self, entry: dict[str, object], name: str, default: _Word) -> _Word:
        value = entry.get(name)
        if value is None:
            return default
        try:
            return type(default)(value)
        except ValueError:
            self.done[f"the {name} {default.value!r}"] += 1
            return default

    def _window(self, volume: object) -> TimeWindow:
        start, end = (
            self._instant(volume, "time_start", TIME_MIN),
            self._instant(volume, "time_end", TIME_MAX),
        )
        if start > end:
            self.done["the times swapped"] += 1
            start, end = end, start
        return TimeWindow(start=start, end=end)

    def _instant(self, volume: object, name: str, default: datetime) -> datetime:
        time = volume.get(name) if isinstance(volume, dict) else None
        value = time.get("value") if isinstance(time, dict) else None
        if isinstance(value, str):
            with suppress(InvalidValueError):
                stated = instant_of_text(value)
                taken = max(TIME_MIN, min(TIME_MAX, stated))
                if taken != stated:
                    self.done[f"the year {taken.year} for a time"] += 1
                return taken
        self.done[f"all time for a {name} that cannot be read"] += 1
        return default

    def _space(self, volume: object, path: str) -> Volume3D:
        path = f"{path}.volume"
        space = _members(_members(volume, path).get("volume"), path)
        return Volume3D(outline=self._outline(space, path), altitude=self._band(space))

    def _band(self, space: dict[str, object]) -> AltitudeBand:
        lower, upper = self._altitude(space, "altitude_lower"), self._altitude(space, "altitude_upper")
        try:
            return band_of(lower, upper)
        except InvalidValueError:  # each is good by itself
            self.done["the heights swapped"] += 1
            return band_of(upper, lower)

    def _altitude(self, space: dict[str, object], name: str) -> Altitude | None:
        if space.get(name) is None:
            return None
        try:
            stated = _members(space[name], name)
            datum, unit = Datum(stated.get("reference")), LengthUnit(stated.get("units"))
            altitude = Altitude(value=_number(stated, "value"), unit=unit, datum=datum)
            altitude.w84_bounds_m()
        except (InvalidValueError, ValueError):
            self.done[f"no bound for an {name} that cannot be used"] += 1
            return None
        return altitude

    def _outline(self, space: dict[str, object], path: str) -> Outline:
        readers: dict[str, Callable[[dict[str, object]], Outline]] = {
            "outline_polygon": self._polygon,
            "outline_circle": self._circle,
            "outline_corridor": self._corridor,
        }
        found: list[Outline] = []
        for name, value in space.items():
            if value is None or not name.startswith("outline"):
                continue
            if name not in readers:
                raise InvalidValueError(path, f"unknown outline {shown(name)}")
            try:
                found.append(readers[name](_members(value, "")))
            except InvalidValueError as error:
                raise error.within(f"{path}.{name}") from None
        if not found:
            raise InvalidValueError(path, "it has no outline")
        if len(found) == 1:
            return found[0]
        self.done["the convex hull of several outlines"] += 1
        return convex_hull(LatLng(*corner) for ring in rings_deg(found) for corner in ring)

    def _polygon(self, stated: dict[str, object]) -> Polygon:
        listed = stated.get("vertices")
        if not isinstance(listed, list) or not 0 < len(listed) <= VERTICES_MAX:
            raise InvalidValueError("vertices", f"it must be an array of 1 to {VERTICES_MAX} vertices")
        vertices = tuple([_position(vertex, f"vertices[{index}]") for index, vertex in enumerate(listed)])
        try:
            return Polygon(vertices=vertices)
        except InvalidValueError:
            self.done["the convex hull of an outline"] += 1
            return convex_hull(vertices)

    def _circle(self, stated: dict[str, object]) -> Circle:
        center = _position(stated.get("center"), "center")
        radius = _members(stated.get("radius"), "radius")
        try:
            unit = LengthUnit(radius.get("units"))
        except ValueError:
            raise InvalidValueError("radius.units", "unknown unit") from None
        value = _number(radius, "radius.value")
        return Circle(
            center=center, radius_m=self._width_m(value if unit is LengthUnit.M else feet_to_m(value))
        )

    def _corridor(self, stated: dict[str, object]) -> CorridorLeg:
        start, end = _position(stated.get("start"), "start"), _position(stated.get("end"), "end")
        return CorridorLeg(start=start, end=end, half_width_m=self._width_m(_number(stated, "half_width_m")))

    def _width_m(self, stated_m: float) -> float:
        if stated_m > 0.0:
            return stated_m
        taken_m = max(SALVAGED_RADIUS_M, -stated_m)
        self.done[f"a radius or half-width of {taken_m:g} m"] += 1
        return taken_m


def _members(value: object, path: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise InvalidValueError(path, f"it must be an object, not {shown(value)}")
    return value


def _number(members: dict[str, object], path: str) -> float:
    value = members.get(path.rpartition(".")[2])
    if type(value) is int or type(value) is float:
        with suppress(OverflowError):
            return float(value)
    raise InvalidValueError(path, f"it must be a number, not {shown(value)}")


def _position(value: object, path: str) -> LatLng:
    members = _members(value, path)
    position = LatLng(_number(members, f"{path}.lat"), _number(members, f"{path}.lng"))
    check_position(position, path)
    return position


def _remark(problems: list[Problem], done: str) -> str:
    """Return what is wrong and what was done, on one line whatever the other party wrote."""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    end = f"{more}; {done}" if problems else done
    wrong = str(problems[0])[: max(0, REMARK_CHARACTERS_MAX - len(end))] if problems else ""
    remark = f"{wrong}{end}"[:REMARK_CHARACTERS_MAX]
    return "".join(character if character.isprintable() else "\ufffd" for character in remark)
