"""What the watch found, as the API tells it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from keepclear.adapters.http.wire_watch import (
    AlertBody,
    Alerts,
    AlertStep,
    FeedBody,
    PathPoint,
    StandingWord,
    TrailPoint,
    WatchState,
    WatchTrack,
    WatchTracks,
)
from keepclear.adapters.watching.rounds import Round
from keepclear.core import track_table
from keepclear.core.alerts import Alert
from keepclear.core.conformance_findings import ConformanceCycle
from keepclear.core.encounter_signals import EncounterPath
from keepclear.core.feed_health import FeedHealth
from keepclear.core.signals import SignalKind
from keepclear.core.times import instant_of, rfc3339
from keepclear.core.track_picture import STATUSES
from keepclear.node.watch import Cycle

_STANDINGS: Mapping[SignalKind, StandingWord] = {
    SignalKind.CONTINGENT: "contingent",
    SignalKind.EXCURSION: "excursion",
    SignalKind.EARLY: "early",
    SignalKind.LATE: "late",
    SignalKind.UNDECLARED: "undeclared",
}
"""How a track stands by what was found of it, the worst first."""


def _time(ms: int) -> str:
    return rfc3339(instant_of(ms))


def _time_or_none(ms: int | None) -> str | None:
    return None if ms is None else _time(ms)


def _number(value: float, digits: int = 1) -> float | None:
    return round(value, digits) if math.isfinite(value) else None


def tracks_body(cycle: Cycle) -> WatchTracks:
    """Return all aircraft of a cycle."""
    return WatchTracks(now=_time(cycle.at_ms), tracks=_tracks(cycle))


def _tracks(cycle: Cycle) -> list[WatchTrack]:
    picture, standings = cycle.picture, standings_of(cycle.conformance)
    columns = zip(
        picture.ids,
        picture.position_ms.tolist(),
        picture.latitude_deg.tolist(),
        picture.longitude_deg.tolist(),
        picture.status.tolist(),
        picture.age_s.tolist(),
        picture.horizontal_error_m.tolist(),
        picture.altitude_m.tolist(),
        picture.pressure_altitude_ft.tolist(),
        picture.ground_speed_mps.tolist(),
        picture.track_deg.tolist(),
        picture.vertical_rate_mps.tolist(),
        picture.parties,
        picture.kinds,
        picture.callsigns,
        picture.squawks,
        picture.sources,
        picture.on_ground.tolist(),
        picture.is_frozen.tolist(),
        picture.suspicions,
        strict=True,
    )
    assignments = cycle.conformance.assignments
    found = []
    for row in columns:
        (aircraft, at_ms, lat, lng, status, age_s, error_m, altitude_m, pressure_ft, speed, track, rate,
         party, kind, callsign, squawk, sources, on_ground, is_frozen, suspicion) = row  # fmt: skip
        assignment = assignments.get(aircraft)
        standing = standings.get(aircraft)
        if standing is None:
            standing = "on_ground" if on_ground else "not_judged" if assignment is None else "inside"
        found.append(
            WatchTrack(
                id=aircraft,
                at=_time(at_ms),
                lat=lat,
                lng=lng,
                status=STATUSES[status].value,
                age_s=round(age_s, 1),
                error_m=round(error_m, 1),
                altitude_m=_number(altitude_m),
                pressure_altitude_ft=_number(pressure_ft),
                ground_speed_mps=_number(speed),
                track_deg=_number(track),
                vertical_rate_mps=_number(rate, 2),
                party=party,
                kind=kind.value,
                callsign=callsign,
                squawk=squawk,
                sources=sources,
                on_ground=on_ground,
                is_frozen=is_frozen,
                suspicion=suspicion,
                operation=None if assignment is None else assignment.item,
                standing=standing,
            )
        )
    return found


def standings_of(conformance: ConformanceCycle) -> dict[str, StandingWord]:
    """Return how tracks stand to what is declared, by the id of the aircraft, where something was found."""
    found: dict[str, StandingWord] = {}
    ranks = list(_STANDINGS)
    for finding in sorted(
        (each for each in conformance.findings if each.kind in _STANDINGS),
        key=lambda each: ranks.index(each.kind),
    ):
        found.setdefault(finding.track, _STANDINGS[finding.kind])
    return found


def trail_body(trail: Iterable[track_table.TrailPoint]) -> list[TrailPoint]:
    """Return where an aircraft was."""
    return [
        TrailPoint(
            at=_time(point.at_ms),
            lat=point.latitude_deg,
            lng=point.longitude_deg,
            altitude_m=_number(point.altitude_m),
        )
        for point in trail
    ]


def alert_body(alert: Alert, paths: Mapping[str, Sequence[EncounterPath]]) -> AlertBody:
    """Return an alert."""
    signal = alert.signal
    return AlertBody(
        id=alert.id,
        kind=alert.key.kind.value,
        a=alert.key.a,
        b=alert.key.b,
        state=alert.state.value,
        urgency=alert.urgency.value,
        peak_urgency=alert.peak_urgency.value,
        is_present=alert.present_since_ms is not None,
        t_in_s=round(signal.t_in_s, 1),
        opened=_time(alert.opened_ms),
        changed=_time(alert.changed_ms),
        ended=_time_or_none(alert.ended_ms),
        unseen_since=_time_or_none(alert.unseen_since_ms),
        present_since=_time_or_none(alert.present_since_ms),
        present_s=round(alert.present_s, 1),
        rule=signal.rule,
        level=signal.level,
        item=signal.item,
        item_version=signal.item_version,
        facts={name: value for name, value in signal.facts.items() if math.isfinite(value)},
        cause=signal.cause,
        is_acknowledged=alert.is_acknowledged,
        climbed=alert.climbed,
        history=[
            AlertStep(
                at=_time(event.at_ms),
                change=event.change.value,
                urgency=event.urgency.value,
                cause=event.reason,
                by=event.person,
            )
            for event in alert.history
        ],
        paths={
            aircraft: [
                PathPoint(
                    lat=point.latitude_deg,
                    lng=point.longitude_deg,
                    altitude_m=_number(point.altitude_m),
                    t_s=round(point.t_s, 1),
                )
                for point in points
            ]
            for aircraft, points in paths.items()
        },
    )


def alerts_body(cycle: Cycle, ended: Sequence[Alert] = (), limit: int | None = None) -> Alerts:
    """Return the alerts of a cycle, and such that have ended behind them."""
    open_ones = [alert_body(alert, cycle.paths(alert)) for alert in cycle.alerts[:limit]]
    room = len(ended) if limit is None else limit - len(open_ones)
    return Alerts(
        now=_time(cycle.at_ms),
        alerts=[*open_ones, *(alert_body(alert, {}) for alert in ended[:room])],
        unlisted_count=cycle.unlisted_count,
    )


def feed_body(health: FeedHealth) -> FeedBody:
    """Return how a feed is."""
    problem = health.last_problem
    return FeedBody(
        name=health.name,
        address=health.address,
        format=health.format,
        state=health.state.value,
        since=_time(health.since_ms),
        last_received=_time_or_none(health.last_received_ms),
        last_report=_time_or_none(health.last_report_ms),
        report_count=health.report_count,
        refused_count=health.refused_count,
        malformed_count=health.malformed_count,
        dropped_count=health.dropped_count,
        reconnect_count=health.reconnect_count,
        last_problem=None if problem is None else f"{problem.reason} ({_time(problem.at_ms)})",
    )


def state_body(done: Round, rule_set: str) -> WatchState:
    """Return what the watch sees, and what it does not."""
    cycle = done.cycle
    counted = Counter(cycle.picture.status.tolist())
    return WatchState(
        now=_time(cycle.at_ms),
        is_watching=done.is_watching,
        rule_set=rule_set,
        cycle_took_ms=round(done.lasted_s * 1000.0, 1),
        feeds=[feed_body(each) for each in done.health],
        by_status={status.value: counted.get(status.code, 0) for status in STATUSES},
        track_count=len(cycle.picture),
        pairs_cannot_exclude=0 if cycle.judged is None else len(cycle.judged.cannot_exclude),
        not_predicted_count=len(cycle.foreseen.not_predicted),
        blind=list(cycle.blind),
    )
