"""A sky for tests of the watch: aircraft that fly straight, reported once a second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from keepclear.core.alerts import Alert, AlertEvent
from keepclear.core.conflicts import Item
from keepclear.core.conformance_findings import ConformanceSettings, Declared
from keepclear.core.geodesy import geodesic_direct
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report, gather
from keepclear.core.rules import RuleSet
from keepclear.core.signals import SignalKind
from keepclear.core.times import floor_ms
from keepclear.core.units import NAUTICAL_MILE_M, feet_to_m
from keepclear.node.watch import Cycle, Sight, Watch, WatchRules
from tests.strategies import NOON

KNOT_MPS = NAUTICAL_MILE_M / 3_600.0
START_MS = floor_ms(NOON)
SIGHTED = Sight(coverage=True)


@dataclass(frozen=True, kw_only=True)
class Flown:
    """An aircraft that flies straight from a place at noon.

    Attributes:
        id: Its id.
        place: Where it is at noon, degrees.
        track: Its direction, degrees.
        kt: Its speed.
        ft: Its pressure altitude at noon; its height above the ellipsoid is the same.
        fpm: How fast it climbs.
        from_s, until_s: It is reported from when to when, seconds after noon.
        only_pressure: Whether it tells no height above the ellipsoid.
    """

    id: str
    place: tuple[float, float]
    track: float = 90.0
    kt: float = 0.0
    ft: float = 20_000.0
    fpm: float = 0.0
    from_s: float = 0.0
    until_s: float = math.inf
    party: str | None = None
    callsign: str | None = None
    operation: str | None = None
    kind: TrackKind = TrackKind.AEROPLANE
    source: str = "radar"

    def report(self, at_s: float) -> Report:
        lat, lng = geodesic_direct(*self.place, self.track, self.kt * KNOT_MPS * at_s)
        feet = self.ft + self.fpm * at_s / 60.0
        return Report(
            id=self.id,
            at_ms=START_MS + round(at_s * 1000.0),
            latitude_deg=float(lat),
            longitude_deg=float(lng),
            altitude_m=feet_to_m(feet),
            pressure_altitude_ft=feet,
            ground_speed_mps=self.kt * KNOT_MPS,
            track_deg=self.track,
            vertical_rate_mps=feet_to_m(self.fpm) / 60.0,
            horizontal_error_m=10.0,
            vertical_error_m=5.0,
            kind=self.kind,
            callsign=self.callsign,
            party=self.party,
            operation=self.operation,
        )


@dataclass(kw_only=True)
class Sky:
    """Aircraft, what is declared, and a watch that looks every second."""

    rule_set: RuleSet
    aircraft: Sequence[Flown] = ()
    declared: Sequence[Item] = ()
    sight: Sight = SIGHTED
    rules: WatchRules | None = None
    cycles: list[Cycle] = field(default_factory=list)

    def __post_init__(self) -> None:
        conformance = ConformanceSettings(tells_undeclared=bool(self.declared))
        base = self.rules or WatchRules(rule_set=self.rule_set, conformance=conformance)
        self.watch = Watch(replace(base, rule_set=self.rule_set))
        self._next_s = 0
        for item in self.declared:
            self.watch.hold(Declared(item=item))

    def run(self, until_s: int) -> Cycle:
        """Go on for so many seconds after noon; return the last cycle."""
        while self._next_s <= until_s:
            at_s = self._next_s
            sources = sorted({each.source for each in self.aircraft})
            for source in sources:
                rows = [
                    each.report(at_s)
                    for each in self.aircraft
                    if each.source == source and each.from_s <= at_s <= each.until_s
                ]
                if rows:
                    self.watch.take(gather(source, rows, START_MS + at_s * 1000).reports)
            self.cycles.append(self.watch.cycle(START_MS + at_s * 1000, self.sight))
            self._next_s += 1
        return self.cycles[-1]

    @property
    def events(self) -> list[AlertEvent]:
        """Everything that happened to alerts."""
        return [event for cycle in self.cycles for event in cycle.events]

    def open(self, kind: SignalKind) -> list[Alert]:
        """Return the open alerts of a kind."""
        return [alert for alert in self.cycles[-1].alerts if alert.key.kind is kind]


def seconds_of(at_ms: int) -> float:
    """Return how many seconds after noon an instant is."""
    return (at_ms - START_MS) / 1000.0
