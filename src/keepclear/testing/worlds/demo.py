"""The worlds that `keepclear demo` shows: three invented parties, real flights, and some zones.

The flights are real: over Switzerland (1 August 2018, 11:00 to 12:00 UTC), or of wildfire aircraft over
California (10 September 2020, 01:00 to 02:00 UTC); README.md beside this file tells where they come from.
The parties are **invented**: whole airlines or forms of callsigns were given to them, and nobody named had
anything to do with it. The operations `relief-...`, all zones, and what wildfire aircraft declare are
invented too.

The recorded hour is laid so that it begins `LEAD_S` before the start, and then repeats: in the second
round `BCS6824` is `BCS6824/2`. Zones are there once and last as long as the world.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from keepclear.codec import geojson
from keepclear.codec.reading import ReadSettings
from keepclear.core.agreements import Agreement, AreaOfInterest, Minima, Terms, Timers
from keepclear.core.conflicts import Buffer, Item
from keepclear.core.constraints import Constraint
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import Floats, LatLng, geodesic_inverse, ring_positions, unit_vectors
from keepclear.core.intents import IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.kinds import TrackKind
from keepclear.core.packed import Ints
from keepclear.core.reports import Report
from keepclear.core.shapes import Circle
from keepclear.core.times import TimeWindow, floor_ms, instant_of

OWN_PARTY: Final = PartyId("relief-org")
"""The party whose console is looked at first."""
PARTIES: Final = (OWN_PARTY, PartyId("coalition"), PartyId("north-force"))
"""All parties of the world, in the order of their consoles. They are invented."""
NAMES: Final = {
    PARTIES[0]: "Relief Organisation",
    PARTIES[1]: "Coalition",
    PARTIES[2]: "North Force",
}
"""How people call the parties."""
OFFICERS: Final = {PARTIES[0]: "Noor", PARTIES[1]: "Alex", PARTIES[2]: "Sasha"}
"""The duty officer of each party. They are invented."""
ROUND_S: Final = 3_600
"""How long the recording lasts until it repeats."""
LEAD_S: Final = 600
"""How long before the start the first round begins, so that flights are under way at once."""
AHEAD_S: Final = 3_600.0
"""So long before they begin operations are declared."""
ROUNDS_MAX: Final = 24
"""The recorded hour repeats at most so often."""
_KNOWING: Final = "relief-"
"""How the ids of items begin that are planned by people who look at what others declared."""
_RELIEF_AREA: Final = Circle(center=LatLng(46.9, 8.2), radius_m=70_000.0)
"""Where the Relief Organisation is concerned by what the Coalition flies."""


class Scenery(NamedTuple):
    """A recorded hour, and how it is watched.

    Attributes:
        file: The data file.
        recorded_from: When the hour begins.
        rules: The rule set by which encounters are judged.
        kinds: What is no aeroplane, by the id in the data file.
        has_area: Whether the Relief Organisation is concerned by the Coalition in `_RELIEF_AREA` only.
    """

    file: str
    recorded_from: datetime
    rules: str
    kinds: Mapping[str, TrackKind]
    has_area: bool


SCENERIES: Final[Mapping[str, Scenery]] = MappingProxyType(
    {
        "alps": Scenery(
            file="demo.geojson",
            recorded_from=datetime(2018, 8, 1, 11, 0, tzinfo=UTC),
            rules="en-route",
            kinds={"relief-drop-1": TrackKind.DRONE, "relief-airlift-1": TrackKind.HELICOPTER},
            has_area=True,
        ),
        "wildfire": Scenery(
            file="wildfire.geojson",
            recorded_from=datetime(2020, 9, 10, 1, 0, tzinfo=UTC),
            rules="do-365b",
            kinds={},
            has_area=False,
        ),
    }
)
"""The worlds, by name."""
DEFAULT_WORLD: Final = "alps"
"""The world that is shown unless another is named."""
_ERROR_M: Final = 10.0


class _Flown(NamedTuple):
    """A flight: what it is, whose, which route of the data file it takes, and how much later."""

    id: ItemId
    party: PartyId | None
    kind: TrackKind
    callsign: str | None
    source: str
    shift_ms: int
    is_declared: bool


class Legs(NamedTuple):
    """What is flown, leg by leg; n legs.

    Attributes:
        flight: Which operation, by its place among those of the world, shape (n,).
        start_ms: When the leg begins, milliseconds since 1970, shape (n,).
        end_ms: When it ends, and the next one begins; later than the start, shape (n,).
        start: Where it begins, as unit vectors, shape (n, 3).
        end: Where it ends, shape (n, 3).
        heights_m: Height above the ellipsoid at both ends, metres, shape (n, 2).
        speed_mps: Speed over the ground, shape (n,).
        track_deg: True direction at the start, 0..360, shape (n,).
        turn_deg: How much the direction changes until the end, along the geodesic, shape (n,).
    """

    flight: Ints
    start_ms: Ints
    end_ms: Ints
    start: Floats
    end: Floats
    heights_m: Floats
    speed_mps: Floats
    track_deg: Floats
    turn_deg: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoWorld:
    """Items of three parties, and where their operations are at any time.

    Attributes:
        name: Which world it is.
        items: Zones and operations. Operations that are over before `starts_at` are left out; those
            under way then are activated, the others accepted.
        starts_at: When the world is first looked at.
        ends_at: When the last round ends; nothing flies afterwards.
        legs: What is flown.
    """

    name: str
    items: tuple[Item, ...]
    starts_at: datetime
    ends_at: datetime
    legs: Legs = field(repr=False, compare=False)
    flights: tuple[_Flown, ...] = field(repr=False)

    def declared_by(self, party: PartyId, *, knowing: bool) -> list[Item]:
        """Return what a party declares at the start: before it has received anything of the others, or after.

        So that some of the conflicts are contested, and some are declared into knowingly.
        """
        return [item for item in self._at_start(knowing=knowing) if item.party == party]

    def count(self, *, knowing: bool) -> int:
        """Return how many items all parties declare at the start, before or after."""
        return len(self._at_start(knowing=knowing))

    def _at_start(self, *, knowing: bool) -> list[Item]:
        return [
            item
            for item in self.items
            if not self._is_later(item) and knowing is item.id.startswith(_KNOWING)
        ]

    def declared_later(self, party: PartyId) -> list[Item]:
        """Return what a party declares `AHEAD_S` before it begins, soonest first."""
        later = [item for item in self.items if item.party == party and self._is_later(item)]
        return sorted(later, key=lambda item: (item.volumes[0].time.start, item.id))

    def _is_later(self, item: Item) -> bool:
        return item.volumes[0].time.start >= self.starts_at + timedelta(seconds=AHEAD_S)

    def reports_at(self, at: datetime) -> list[Report]:
        """Say where each operation that is under way at an instant is.

        Everything flies what was recorded, or for invented operations what the data file says, whatever
        has been declared since. Between two positions of the file it goes straight at one speed.

        Args:
            at: The instant, aware.

        Returns:
            One report for each operation under way, made for this instant, sorted by id.
        """
        legs, ms = self.legs, floor_ms(at)
        now = np.flatnonzero((legs.start_ms <= ms) & (ms < legs.end_ms))
        lasting_ms = legs.end_ms[now] - legs.start_ms[now]
        share = (ms - legs.start_ms[now]) / lasting_ms
        place = legs.start[now] + share[:, np.newaxis] * (legs.end[now] - legs.start[now])
        positions = ring_positions(place).tolist()  # of any length
        low_m, high_m = legs.heights_m[now].T
        altitude_m = low_m + share * (high_m - low_m)
        rate_mps = (high_m - low_m) * 1000.0 / lasting_ms
        track_deg = (legs.track_deg[now] + share * legs.turn_deg[now]) % 360.0
        found = []
        for row, flight in enumerate(legs.flight[now].tolist()):
            flown = self.flights[flight]
            found.append(
                Report(
                    id=flown.id,
                    at_ms=ms,
                    latitude_deg=positions[row][0],
                    longitude_deg=positions[row][1],
                    altitude_m=float(altitude_m[row]),
                    ground_speed_mps=float(legs.speed_mps[now[row]]),
                    track_deg=float(track_deg[row]),
                    vertical_rate_mps=float(rate_mps[row]),
                    horizontal_error_m=_ERROR_M,
                    vertical_error_m=_ERROR_M,
                    kind=flown.kind,
                    callsign=flown.callsign,
                    party=flown.party,
                    operation=flown.id if flown.is_declared else None,
                )
            )
        return sorted(found, key=lambda report: report.id)


def demo_world(start: datetime, *, name: str = DEFAULT_WORLD, rounds: int = 3) -> DemoWorld:
    """Make the world so that it is interesting from an instant on.

    Args:
        start: When it is first looked at, aware. The recorded hour begins `LEAD_S` earlier.
        name: Which world, one of `SCENERIES`.
        rounds: How often the recorded hour is flown, 1 to `ROUNDS_MAX`. Ids of the second round end in
            `/2`, and so on. The world lasts `rounds` hours less `LEAD_S` from the start.

    Returns:
        The world; the same for equal arguments.

    Raises:
        InvalidValueError: The start has no time zone or is out of range, or there are too many rounds.
    """
    if start.utcoffset() is None:
        raise InvalidValueError("start", "a time needs a zone; write 2026-01-31T12:00:00Z")
    if not 1 <= rounds <= ROUNDS_MAX:
        raise InvalidValueError("rounds", f"{rounds!r} is not within 1..{ROUNDS_MAX}")
    scenery = SCENERIES[name]
    data = resources.files(__package__ or "").joinpath(scenery.file).read_bytes()
    routes = _routes(data)
    begins_ms = floor_ms(start) - LEAD_S * 1000
    whole = TimeWindow(start=instant_of(begins_ms), end=instant_of(begins_ms + rounds * ROUND_S * 1000))
    recorded = _items(data, scenery.file)
    items: list[Item] = [_lasting(zone, whole) for zone in recorded if isinstance(zone, Constraint)]
    flown: list[_Flown] = []
    for number in range(1, rounds + 1):
        shift_ms = begins_ms - floor_ms(scenery.recorded_from) + (number - 1) * ROUND_S * 1000
        for operation in recorded:
            if isinstance(operation, OperationalIntent):
                moved = _in_round(operation, number, shift_ms, start)
                if moved.volumes[-1].time.end >= start:
                    items.append(moved)
                    kind = scenery.kinds.get(operation.id, operation.aircraft_kind)
                    kind = TrackKind.AEROPLANE if kind is TrackKind.UNKNOWN else kind
                    flown.append(
                        _Flown(moved.id, moved.party, kind, moved.callsign, operation.id, shift_ms, True)
                    )
        declared = {item.id for item in recorded}
        for source, route in routes.items():
            if source not in declared:
                kind = TrackKind(route.aircraft_kind)
                flight = _name(source, number)
                flown.append(_Flown(ItemId(flight), None, kind, route.callsign, source, shift_ms, False))
    return DemoWorld(
        name=name,
        items=tuple(items),
        starts_at=start,
        ends_at=whole.end,
        legs=_legs(routes, [each.source for each in flown], [each.shift_ms for each in flown]),
        flights=tuple(flown),
    )


def demo_agreements(name: str = DEFAULT_WORLD) -> tuple[Agreement, ...]:
    """Return what the parties of a world agree, each two of them."""
    coalition, north = PARTIES[1:]
    areas = (AreaOfInterest(outline=_RELIEF_AREA),) if SCENERIES[name].has_area else ()
    return (
        _agreement(Terms(party=coalition), Terms(party=north)),
        _agreement(
            Terms(party=coalition),
            Terms(party=OWN_PARTY, areas=areas),
        ),
        _agreement(Terms(party=north), Terms(party=OWN_PARTY)),
    )


def _agreement(first: Terms, second: Terms) -> Agreement:
    return Agreement(
        version=1,
        terms=(first, second),
        minima=Minima(lateral_m=5_556.0, vertical_m=914.4, duration_s=180.0),
        buffer=Buffer(lateral_m=100.0, vertical_m=10.0, time_s=5.0),
        timers=Timers(seen_s=600.0, answered_s=1_800.0),
        lead_s=600.0,
        lead_emergency_s=300.0,
    )


def _items(data: bytes, file: str) -> list[Item]:
    """Return what is declared; features with a `flight` only tell what is flown."""
    collection = msgspec.json.decode(data)
    collection["features"] = [each for each in collection["features"] if "flight" not in each["properties"]]
    reading = geojson.decode(msgspec.json.encode(collection), file, ReadSettings())
    assert not reading.problems, f"the data file is part of the package: {reading.problems[0]}"
    return [placed.item for placed in reading.placed]


def _lasting(zone: Constraint, time: TimeWindow) -> Constraint:
    return replace(zone, volumes=tuple(replace(volume, time=time) for volume in zone.volumes))


def _in_round(operation: OperationalIntent, number: int, shift_ms: int, start: datetime) -> OperationalIntent:
    volumes = tuple(replace(volume, time=volume.time.shifted(shift_ms)) for volume in operation.volumes)
    under_way = volumes[0].time.start <= start
    return replace(
        operation,
        id=ItemId(_name(operation.id, number)),
        volumes=volumes,
        state=IntentState.ACTIVATED if under_way else IntentState.ACCEPTED,
    )


def _name(name: str, number: int) -> str:
    return name if number == 1 else f"{name}/{number}"


class _Route(NamedTuple):
    """Where a flight is and when: milliseconds since 1970, longitude, latitude, metres; shape (n,) each."""

    times_ms: Ints
    lng_deg: Floats
    lat_deg: Floats
    height_m: Floats
    callsign: str | None
    aircraft_kind: str


class _Properties(msgspec.Struct):
    id: str = ""
    flight: str | None = None
    times: list[datetime] | None = None
    callsign: str | None = None
    aircraft_kind: str = TrackKind.AEROPLANE.value


class _Geometry(msgspec.Struct):
    coordinates: list[Any]


class _Feature(msgspec.Struct):
    properties: _Properties
    geometry: _Geometry


class _Collection(msgspec.Struct):
    features: list[_Feature]


def _routes(data: bytes) -> dict[str, _Route]:
    """Return the positions of each flight: declared volumes do not tell climbing from descending.

    Where a feature says what is flown (`flight`), that counts, and not what is declared under its id.
    """
    routes = {}
    for feature in msgspec.json.decode(data, type=_Collection).features:
        times = feature.properties.times
        if times is not None:
            lng_deg, lat_deg, height_m = np.array(feature.geometry.coordinates, dtype=np.float64).T
            times_ms = np.array([floor_ms(instant) for instant in times], dtype=np.int64)
            told = feature.properties
            route = _Route(times_ms, lng_deg, lat_deg, height_m, told.callsign, told.aircraft_kind)
            if told.flight is not None:
                routes[told.flight] = route
            else:
                routes.setdefault(told.id, route)
    return routes


def _legs(routes: dict[str, _Route], sources: Sequence[str], shifts_ms: Iterable[int]) -> Legs:
    """Cut what is flown into legs.

    Args:
        routes: The routes as recorded, by id.
        sources: Which route each flight takes.
        shifts_ms: How much later than recorded each flight is.
    """
    cut: dict[str, Legs] = {}
    parts = []
    for flight, (source, shift_ms) in enumerate(zip(sources, shifts_ms, strict=True)):
        if source not in cut:
            cut[source] = _recorded_legs(routes[source])
        legs = cut[source]
        parts.append(
            legs._replace(
                flight=np.full(len(legs.start_ms), flight, dtype=np.int64),
                start_ms=legs.start_ms + shift_ms,
                end_ms=legs.end_ms + shift_ms,
            )
        )
    return Legs(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _recorded_legs(route: _Route) -> Legs:
    start_ms, end_ms = route.times_ms[:-1], route.times_ms[1:]
    vectors = unit_vectors(route.lat_deg, route.lng_deg)
    a, b = (route.lat_deg[:-1], route.lng_deg[:-1]), (route.lat_deg[1:], route.lng_deg[1:])
    length_m, track_deg = geodesic_inverse(*a, *b)
    _, back_deg = geodesic_inverse(*b, *a)
    return Legs(
        flight=np.zeros(len(start_ms), dtype=np.int64),
        start_ms=start_ms,
        end_ms=end_ms,
        start=vectors[:-1],
        end=vectors[1:],
        heights_m=np.stack((route.height_m[:-1], route.height_m[1:]), axis=-1),
        speed_mps=length_m * 1000.0 / (end_ms - start_ms),
        track_deg=track_deg % 360.0,
        turn_deg=(back_deg - track_deg) % 360.0 - 180.0,  # the way back is nearly the opposite
    )
