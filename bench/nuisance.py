"""How often alerts are false, and how early they warn, on real traffic.

What is an episode, a true loss and a warning is told in docs/explanation/alerts.md. *Measures* are counted
with a formulation of their own, over all pairs of all pictures at once, to see what each is worth; *ours* is
the code that people run, cycle by cycle, from a picture of tracks to the book of alerts.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from bench import measure, real_tracks
from bench.alert_measures import MEASURES, PAUSE_S, Leads, Mask, Pairs, episode_hours, leads_of, pairs_of
from bench.encounters import MISSED
from bench.measure import Row
from bench.real_tracks import Flights, Moment
from bench.wheels import UnavailableError
from keepclear.core import encounter_signals
from keepclear.core.alert_book import AlertBook
from keepclear.core.foresight import foresee
from keepclear.core.geodesy import Floats
from keepclear.core.kinds import TrackKind
from keepclear.core.lingering import lingering
from keepclear.core.named_rules import RULE_SETS
from keepclear.core.reports import Report, gather
from keepclear.core.separation import judge
from keepclear.core.signals import SignalKey, SignalKind
from keepclear.core.track_picture import Ageing, TrackPicture
from keepclear.core.units import FOOT_M, FOOT_PER_MINUTE_MPS, KNOT_MPS
from keepclear.node.watch import Sight, Watch, WatchRules

DELAYS_S: Final = (420.0, 900.0, 1_800.0)
"""By so much every second flight is delayed, so that nobody keeps the flights apart."""
OTHER_DELAYS_S: Final = (300.0, 600.0, 1_200.0, 2_400.0, 3_000.0, 3_600.0)
"""By these nothing was chosen: they tell what the measures are worth on losses that were not looked at."""
EPISODES_GOAL: Final = 40
WARNED_GOALS: Final = (0.89, 0.93, 0.88)
"""So many of the true losses of each delay, of the second of every two flights, are to be warned of half a
minute before, or earlier;"""
WARNED_GOAL: Final = 0.9
"""so many of all, whichever flights are delayed,"""
UNWARNED_GOAL: Final = 7.0 / 191.0
"""and no more are to be without a warning before."""

_DATUM_MS: Final = 1_533_099_600_000
_HOUR_S: Final = 3_600.0


# -- ours --------------------------------------------------------------------------------------------


def ours(flights: Flights, pairs: Pairs) -> tuple[Mask, float]:
    """Run the code that people run over all pictures.

    Returns:
        In which rows of `pairs` an alert is open, and the CPU time of a cycle, without drawing its picture.
    """
    rule_set, book = RULE_SETS["en-route"], AlertBook()
    count, cycles, cpu_s = len(flights.first), 0, 0.0
    opened: list[tuple[int, int]] = []
    for moment in real_tracks.moments(flights):
        picture = picture_of(flights, moment)
        start_s = time.thread_time()
        foreseen = foresee(picture)
        judged = judge(foreseen.air, rule_set)
        found = encounter_signals.signals(judged, foreseen, rule_set, present_since=book.present_since())
        tracked = frozenset(picture.ids)
        book.update(
            picture.at_ms,
            found,
            seen=tracked,
            judged=foreseen.judged,
            lingering=lingering(foreseen, rule_set, book.open(), book.settings),
        )
        cpu_s += time.thread_time() - start_s
        cycles += 1
        opened += [
            (moment.number, int(alert.key.a[5:]) * count + int(alert.key.b[5:])) for alert in book.open()
        ]
    # An alert stays open a while after the pair has parted: then it has no row, and needs none.
    both = np.array(opened, dtype=np.int64).reshape(-1, 2)
    last = int(max(pairs.number, default=0)) + 1
    is_open = np.isin(pairs.pair * last + pairs.number, both[:, 1] * last + both[:, 0])
    return is_open, cpu_s / cycles


def watched(flights: Flights) -> tuple[int, float]:
    """Run a whole watch over the rows of the file as they came, with a cycle every second.

    Returns:
        How many episodes of encounters there are, and the CPU time of a cycle with what it takes in.
    """
    watch = Watch(WatchRules(rule_set=RULE_SETS["en-route"]))
    order = np.argsort(flights.at_s, kind="stable")
    at_ms = _DATUM_MS + np.round(flights.at_s[order] * 1_000.0).astype(np.int64)
    last_s: dict[SignalKey, int] = {}
    episodes, taken, cpu_s = 0, 0, 0.0
    seconds = range(int(flights.at_s.max()) + 60)
    for second in seconds:
        now_ms = _DATUM_MS + second * 1_000
        until = int(np.searchsorted(at_ms, now_ms, side="right"))
        reports = [_report(flights, row) for row in order[taken:until].tolist()]
        taken = until
        start_s = time.thread_time()
        if reports:
            watch.take(gather("traffic", reports, now_ms).reports)
        cycle = watch.cycle(now_ms, Sight(coverage=True))
        cpu_s += time.thread_time() - start_s
        for alert in cycle.alerts:
            if alert.key.kind is SignalKind.ENCOUNTER:
                episodes += second - last_s.get(alert.key, -2 * round(PAUSE_S)) > PAUSE_S
                last_s[alert.key] = second
    return episodes, cpu_s / len(seconds)


def _report(flights: Flights, row: int) -> Report:
    return Report(
        id=f"name:{flights.flight[row]:06d}",
        at_ms=_DATUM_MS + round(flights.at_s[row] * 1_000.0),
        latitude_deg=flights.latitude_deg[row],
        longitude_deg=flights.longitude_deg[row],
        pressure_altitude_ft=flights.altitude_ft[row],
        ground_speed_mps=flights.ground_speed_kt[row] * KNOT_MPS,
        track_deg=flights.track_deg[row],
        vertical_rate_mps=flights.rate_fpm[row] * FOOT_PER_MINUTE_MPS,
        kind=TrackKind.AEROPLANE,
    )


def picture_of(flights: Flights, moment: Moment) -> TrackPicture:
    """Return a picture as a table of tracks would give it of current reports."""
    m, row = len(moment.row), moment.row
    unknown, none = np.full(m, np.nan), (None,) * m
    now_ms = _DATUM_MS + round(moment.at_s * 1_000.0)
    order = np.argsort(moment.flight)
    row = row[order]
    at_ms = np.full(m, now_ms, dtype=np.int64)
    no = np.zeros(m, dtype=np.bool_)
    before_ft, back_s = real_tracks.altitude_before_ft(flights, moment, 30.0)
    slope_fpm = (moment.altitude_ft - before_ft) / np.where(back_s >= 10.0, back_s, np.nan) * 60.0
    return TrackPicture(
        at_ms=now_ms,
        ids=tuple(f"name:{flight:06d}" for flight in moment.flight[order].tolist()),
        sources=(("adsb",),) * m,
        twins=((),) * m,
        latitude_deg=moment.latitude_deg[order],
        longitude_deg=moment.longitude_deg[order],
        position_ms=at_ms,
        reported_ms=at_ms,
        altitude_m=unknown,
        pressure_altitude_ft=moment.altitude_ft[order],
        altitude_ms=at_ms,
        ground_speed_mps=flights.ground_speed_kt[row] * KNOT_MPS,
        track_deg=flights.track_deg[row],
        vertical_rate_mps=flights.rate_fpm[row] * FOOT_PER_MINUTE_MPS,
        vertical_slope_mps=slope_fpm[order] * FOOT_PER_MINUTE_MPS,
        turn_rate_dps=unknown,
        horizontal_error_m=np.full(m, 100.0),
        vertical_error_m=np.full(m, 25.0 * FOOT_M),
        selected_altitude_ft=unknown,
        status=Ageing().codes(np.zeros(m)),
        is_derived=no,
        is_frozen=no,
        is_suspect=no,
        on_ground=no,
        suspicions=none,
        kinds=(TrackKind.AEROPLANE,) * m,
        callsigns=none,
        squawks=none,
        parties=none,
        operations=none,
    )


# -- the table ---------------------------------------------------------------------------------------


class Traffic(NamedTuple):
    """Flights as they were flown, or delayed, and their pairs."""

    flights: Flights
    pairs: Pairs


def bench_nuisance(rows: list[Row], path: Path | None = None, *, quick: bool = False) -> None:
    """Count false alerts and late warnings on real traffic, and append the rows.

    Args:
        rows: Where the rows go.
        path: The file of tracks; None to find it, or to fetch it.
        quick: Three hours of it only.
    """
    try:
        flights = real_tracks.read(path or real_tracks.find())
    except UnavailableError as reason:
        note = f"not available: {reason}; give the file switzerland.json.gz of traffic {real_tracks.VERSION}"
        rows.append(Row(what="false alerts on real traffic", note=f"{note} with --tracks"))
        return
    if quick:
        flights = _early(flights, 3.0 * _HOUR_S)
    flown = _traffic(flights)
    delayed = [_traffic(flights.delayed(by_s, odd)) for odd in (1, 0) for by_s in DELAYS_S]
    for name, measured in MEASURES:
        alerts = [measured(each.pairs) for each in (flown, *delayed)]
        rows += _rows(name, flown, delayed, alerts)
    if not quick:
        others = [_traffic(flights.delayed(by_s, odd)) for odd in (1, 0) for by_s in OTHER_DELAYS_S]
        for name, measured in MEASURES[-3:]:
            leads = [leads_of(*each, measured(each.pairs)) for each in others]
            rows.append(_warned(f"warnings: {name}; other delays, of both", leads))
    answers = [ours(*each) for each in (flown, *delayed)]
    cpu_s = answers[0][1]
    alerts = [each for each, _ in answers]
    rows += _rows("ours", flown, delayed, alerts, cpu_s, has_goals=not quick)
    episodes, cpu_s = watched(flights)
    rows.append(
        Row(
            what="false alerts: ours, a whole watch, reports every 10 s, a cycle every second",
            cpu_s=cpu_s,
            answer=f"{episodes} episodes",
            note="" if quick else _goal(f"<= {EPISODES_GOAL}", is_met=episodes <= EPISODES_GOAL).strip("; "),
        )
    )


def _traffic(flights: Flights) -> Traffic:
    return Traffic(flights, pairs_of(flights))


def _early(flights: Flights, until_s: float) -> Flights:
    """Return the flights that end before."""
    kept = (flights.at_s[flights.first[1:] - 1] < until_s)[flights.flight]
    number = np.unique(flights.flight[kept], return_inverse=True)[1]
    return Flights(
        at_s=flights.at_s[kept],
        latitude_deg=flights.latitude_deg[kept],
        longitude_deg=flights.longitude_deg[kept],
        altitude_ft=flights.altitude_ft[kept],
        ground_speed_kt=flights.ground_speed_kt[kept],
        track_deg=flights.track_deg[kept],
        rate_fpm=flights.rate_fpm[kept],
        flight=number,
        first=np.r_[np.flatnonzero(np.r_[True, np.diff(number) != 0]), len(number)],
    )


def _rows(
    name: str,
    flown: Traffic,
    delayed: list[Traffic],
    alerts: list[Mask],
    cpu_s: float | None = None,
    *,
    has_goals: bool = False,
) -> list[Row]:
    hours = episode_hours(flown.pairs, alerts[0])
    even = int((hours % 2 == 0).sum())
    goal = _goal(f"<= {EPISODES_GOAL}", is_met=len(hours) <= EPISODES_GOAL) if has_goals else ""
    rows = [
        Row(
            what=f"false alerts: {name}",
            cpu_s=cpu_s,
            answer=f"{len(hours)} episodes, {even} in even hours, {len(hours) - even} in odd",
            note=f"{len(hours) / flown.flights.hours:.3f} a flight hour{goal}",
        )
    ]
    leads = [leads_of(*each, mask) for each, mask in zip(delayed, alerts[1:], strict=True)]
    second, first = leads[: len(DELAYS_S)], leads[len(DELAYS_S) :]
    for which, part, goals in (("second", second, WARNED_GOALS), ("first", first, ())):
        what = f"warnings: {name}; the {which} of every two delayed"
        rows.append(_warned(what, part, goals, has_goals=has_goals))
    return rows


def _warned(what: str, leads: list[Leads], goals: tuple[float, ...] = (), *, has_goals: bool = False) -> Row:
    lead_s, hour = (np.concatenate(columns) for columns in list(zip(*leads, strict=True))[:2])
    late_count = sum(each.late_count for each in leads)
    unwarned_count = int((lead_s <= 0.0).sum())
    answer = ", ".join(
        f">= {ahead_s:.0f} s {'/'.join(_percent(each.lead_s, ahead_s) for each in leads)} %"
        for ahead_s in (30.0, 60.0)
    )
    answer += f", not before {unwarned_count} of {len(lead_s)}"
    note = f"of all {_percent(lead_s, 30.0)} %"
    even, odd = (_percent(lead_s[hour % 2 == k], 30.0) for k in (0, 1))
    note += f", in even hours {even} %, in odd {odd} %"
    if has_goals:
        shares = [(each.lead_s >= 30.0).mean() for each in leads[: len(goals)]]
        is_met = (
            all(share >= goal for share, goal in zip(shares, goals, strict=True))
            and (lead_s >= 30.0).mean() >= WARNED_GOAL
            and unwarned_count <= UNWARNED_GOAL * len(lead_s)
        )
        told = f">= {'/'.join(f'{goal * 100.0:.0f}' for goal in goals)} %, " if goals else ""
        note += _goal(f"{told}of all >= {WARNED_GOAL:.0%}, not before <= {UNWARNED_GOAL:.1%}", is_met=is_met)
        if late_count:
            answer += f", {measure.BROKEN}: {late_count} losses in progress without an alert"
    return Row(what=what, answer=answer, note=note)


def _percent(lead_s: Floats, ahead_s: float) -> str:
    return f"{(lead_s >= ahead_s).mean() * 100.0:.0f}" if len(lead_s) else "-"


def _goal(goal: str, *, is_met: bool) -> str:
    return f"; goal {goal}" + ("" if is_met else f" {MISSED}")
