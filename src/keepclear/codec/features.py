"""Features: a geometry with properties, and how they become operational intents and constraints.

The readers of GeoJSON, KML and CSV make features of what they find; what a feature means is decided
here, so it means the same in each of them. The features that share an id, each with a `volume`
number of its own, are the volumes of one item. An item with a fault in any of its features is left
out whole, never in part.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, assert_never

from keepclear.codec.bands import check_heights, ignores_heights, leg_bands, read_bands
from keepclear.codec.geometries import Line, Located, check_uses, leg_outlines, outline_of
from keepclear.codec.properties import Fault, Properties, Spelling, shown
from keepclear.codec.reading import Item, ItemKind, Reading, ReadSettings
from keepclear.codec.windows import leg_windows, read_windows
from keepclear.core.constraints import Constraint, ConstraintRule
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import VOLUMES_MAX, IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.kinds import TrackKind
from keepclear.core.volumes import Volume3D, Volume4D

_KINDS: Final = {kind.value: kind for kind in ItemKind}
_RULES: Final = {rule.value: rule for rule in ConstraintRule}
_AIRCRAFT_KINDS: Final = {kind.value: kind for kind in TrackKind}
_STATES: Final = {state.value: state for state in IntentState}
_NO_TIME: Final[Mapping[str, object]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """What a reader found in one place of a file.

    Attributes:
        place: The place, in the file's own words.
        properties: The values by name, as the file has them; None stands for no value.
        geometries: Its geometries; none if they are at fault.
        faults: What the reader found wrong with it.
        textual: The format knows only text, so numbers are read from text.
        timed: The geometries tell when they are used, or would if they were not at fault.
        inherited_time: What stands for `time_start` and `time_end` if nothing else tells the time.
    """

    place: str
    properties: Mapping[str, object]
    geometries: tuple[Located, ...] = ()
    faults: tuple[Fault, ...] = ()
    textual: bool = False
    timed: bool = False
    inherited_time: Mapping[str, object] = field(default_factory=lambda: _NO_TIME)


def place_of(noun: str, number: int, item_id: object) -> str:
    """Return the place of a feature as messages name it: `feature 3 (id 'A1')`."""
    return f"{noun} {number}" if item_id is None else f"{noun} {number} (id {shown(item_id)})"


def volumes_of(feature: Feature, properties: Properties, settings: ReadSettings) -> list[Volume4D]:
    """Make the volumes of one feature.

    Args:
        feature: The feature.
        properties: Its properties; what is wrong is added to their faults.
        settings: What the user states about all files.

    Returns:
        The volumes in the order of the geometries; if there is a fault, only some of them.
    """
    check_uses(feature.geometries, properties)
    inherited = feature.inherited_time
    windows = read_windows(feature.geometries, properties, timed=feature.timed, inherited=inherited)
    bands = read_bands(properties, settings.atmosphere)
    radius_m, half_width_m = properties.number("radius_m"), properties.number("half_width_m")
    found: list[Volume4D] = []
    for path, geometry in feature.geometries:
        if not isinstance(geometry, Line):
            check_heights(path, geometry, properties, bands)
            outline = outline_of(path, geometry, radius_m, properties)
            if outline is not None and bands.whole is not None and windows.whole is not None:
                space = Volume3D(outline=outline, altitude=bands.whole)
                found.append(Volume4D(volume=space, time=windows.whole))
            continue
        count = len(geometry.vertices)
        if not 2 <= count <= VOLUMES_MAX + 1:
            properties.refuse(path, f"a line needs 2 to {VOLUMES_MAX + 1} waypoints, this one has {count}")
            continue
        leg_times = leg_windows(geometry, properties, windows)
        leg_heights = leg_bands(path, geometry, properties, bands)
        legs = leg_outlines(path, geometry, half_width_m, properties)
        if leg_times is not None and leg_heights is not None and legs is not None:
            for leg, band, window in zip(legs, leg_heights, leg_times, strict=True):
                found.append(Volume4D(volume=Volume3D(outline=leg, altitude=band), time=window))
    return found


@dataclass(slots=True)
class _Statement:
    """What features state of their item; None where they do not. They must agree."""

    kind: ItemKind | None = None
    party: str | None = None
    rule: ConstraintRule | None = None
    priority: int | None = None
    state: IntentState | None = None
    speed_mps: float | None = None
    callsign: str | None = None
    aircraft_kind: TrackKind | None = None

    @classmethod
    def read(cls, properties: Properties) -> _Statement:
        return cls(
            properties.word("kind", _KINDS),
            properties.label("party"),
            properties.word("rule", _RULES),
            properties.integer("priority"),
            properties.word("state", _STATES),
            properties.number("speed_mps"),
            properties.label("callsign"),
            properties.word("aircraft_kind", _AIRCRAFT_KINDS),
        )

    def join(self, later: _Statement, properties: Properties, place: str) -> None:
        """Add what a later feature of the item states; a fault if it contradicts `place`."""
        for name in self.__slots__:
            old, new = getattr(self, name), getattr(later, name)
            if old is None:
                setattr(self, name, new)
            elif new is not None and new != old:
                reason = f"it is {_said(new)} here and {_said(old)} in {place}, of the same item"
                properties.refuse(name, reason)


def _said(value: object) -> str:
    return shown(value.value if isinstance(value, Enum) else value)


@dataclass(slots=True)
class _Draft:
    """An item of which features are still being read.

    Attributes:
        place: Where its first feature is.
        statement: What its features state of it.
        parts: The place and the volumes of each of its features, by `volume` number.
        sound: No fault was found in it.
        heights_ignored: A geometry of it has heights that do not count.
    """

    place: str
    statement: _Statement
    parts: dict[int | None, tuple[str, list[Volume4D]]]
    sound: bool = True
    heights_ignored: bool = False


@dataclass(slots=True)
class Gathering:
    """Gathers the features of one file into items.

    Attributes:
        reading: Where items, problems and assumptions go.
        settings: What the user states about all files.
    """

    reading: Reading
    settings: ReadSettings
    _drafts: dict[str, _Draft] = field(default_factory=dict)
    _spelling: Spelling = field(default_factory=Spelling)
    _lost: bool = False

    def add(self, feature: Feature) -> None:
        """Read a feature; its problems are noted at once, its item by `finish`."""
        properties = Properties(feature.properties, feature.textual)
        for fault in feature.faults:
            properties.refuse(fault.field, fault.reason, place=fault.place)
        self._spelling.check(properties)
        item_id = properties.label("id")
        if not properties.has("id"):
            properties.refuse("id", "an item needs one")
        number = properties.integer("volume", lowest=0)
        statement = _Statement.read(properties)
        volumes = volumes_of(feature, properties, self.settings)
        if item_id is None:
            self.lose()
        else:
            draft = self._drafts.get(item_id)
            if draft is None:
                draft = _Draft(feature.place, statement, {number: (feature.place, volumes)})
                self._drafts[item_id] = draft
            else:
                _join(draft, feature.place, number, statement, volumes, properties)
            if properties.faults:
                draft.sound = False
            if ignores_heights(feature.geometries, properties):
                draft.heights_ignored = True
        for fault in properties.faults:
            self.reading.refuse(fault.reason, item=fault.place or feature.place, field=fault.field)

    def lose(self) -> None:
        """Note that a feature could not be read: it may have been one of several of any item."""
        self._lost = True

    def finish(self) -> None:
        """Make the items of the features that were added, in the order of their first features."""
        for item_id, draft in self._drafts.items():
            for name, reason in _misplaced(draft.statement):
                draft.sound = False
                self.reading.refuse(reason, item=draft.place, field=name)
            if not draft.sound or (self._lost and None not in draft.parts):
                continue
            volumes = tuple(
                volume
                for number in sorted(draft.parts, key=lambda number: -1 if number is None else number)
                for volume in draft.parts[number][1]
            )
            try:
                item = _item(item_id, draft.statement, volumes)
            except InvalidValueError as error:
                self.reading.refuse_value(error, item=draft.place)
                continue
            self.reading.accept(item, place=draft.place)
            self._assume(draft, volumes)
        self._drafts.clear()

    def _assume(self, draft: _Draft, volumes: tuple[Volume4D, ...]) -> None:
        missing = []
        below = sum(volume.volume.altitude.lower_m == -math.inf for volume in volumes)
        above = sum(volume.volume.altitude.upper_m == math.inf for volume in volumes)
        for side, count, way in (("lower", below, "below"), ("upper", above, "above")):
            if count:
                among = "" if count == len(volumes) else f" in {count} of {len(volumes)} volumes"
                missing.append(f"no {side} altitude bound is given{among}, so it is taken as unbounded {way}")
        if missing:
            self.reading.assume("; ".join(missing), item=draft.place)
        if draft.heights_ignored:
            text = "the heights in its coordinates are ignored: only altitude properties bound it"
            self.reading.assume(text, item=draft.place)


def _join(
    draft: _Draft,
    place: str,
    number: int | None,
    statement: _Statement,
    volumes: list[Volume4D],
    properties: Properties,
) -> None:
    """Add one more feature to an item, if both say which of its volumes they are."""
    if properties.has("volume") and number is None:
        draft.sound = False  # which volume it is is at fault already
        return
    if number is None or None in draft.parts:
        reason = f"{draft.place} has the same id; give each a 'volume' number if they are parts of one item"
        properties.refuse("id", reason)
    elif number in draft.parts:
        properties.refuse("volume", f"{draft.parts[number][0]} has the same number and id")
    else:
        draft.parts[number] = place, volumes
    draft.statement.join(statement, properties, draft.place)


def _misplaced(statement: _Statement) -> list[tuple[str, str]]:
    """Find what an item states that its kind does not have: which property, and why."""
    match statement.kind or ItemKind.OPERATIONAL_INTENT:
        case ItemKind.OPERATIONAL_INTENT:
            if statement.rule is not None:
                return [("rule", "only a constraint has a rule; write kind 'constraint' if it is one")]
        case ItemKind.CONSTRAINT:
            if statement.state is not None:
                return [("state", "only an operational intent has a state")]
            return [
                (name, "only an operational intent has it")
                for name in ("speed_mps", "callsign", "aircraft_kind")
                if getattr(statement, name) is not None
            ]
        case _ as never:
            assert_never(never)
    return []


def _item(item_id: str, statement: _Statement, volumes: tuple[Volume4D, ...]) -> Item:
    party = None if statement.party is None else PartyId(statement.party)
    priority = statement.priority or 0
    if statement.kind is ItemKind.CONSTRAINT:
        rule = statement.rule or ConstraintRule.KEEP_OUT
        return Constraint(id=ItemId(item_id), volumes=volumes, party=party, priority=priority, rule=rule)
    state = statement.state or IntentState.ACCEPTED
    return OperationalIntent(
        id=ItemId(item_id),
        volumes=volumes,
        party=party,
        priority=priority,
        state=state,
        speed_mps=statement.speed_mps,
        callsign=statement.callsign,
        aircraft_kind=statement.aircraft_kind or TrackKind.UNKNOWN,
    )
