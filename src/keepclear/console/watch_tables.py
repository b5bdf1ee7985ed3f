"""The watch on a terminal: what is open, what is flying, what is not seen; and a line for each event."""

from __future__ import annotations

import math
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepclear.console.tables import plain
from keepclear.core.alerts import Alert, AlertChange, AlertEvent, AlertState
from keepclear.core.feed_health import FeedHealth, FeedState
from keepclear.core.signals import Signal, Urgency
from keepclear.core.times import instant_of, rfc3339
from keepclear.core.track_picture import STATUSES
from keepclear.core.units import m_to_feet, mps_to_knots
from keepclear.node.watch import Cycle

ALERT_ROWS_MAX: Final = 15
"""So many alerts are shown on a terminal; the others are counted."""
TRACK_ROWS_MAX: Final = 15
"""So many tracks are shown on a terminal, those with alerts first; the others are counted."""
BLIND_ROWS_MAX: Final = 6
"""So many reasons why something is not seen are shown on a terminal; the others are counted."""

_SO_NOW: Final = (AlertChange.OPENED, AlertChange.PRESENT, AlertChange.ESCALATED)
"""What happens to an alert when what it is about is as its signal says."""
_STYLES: Final = {
    Urgency.ADVISORY: "cyan",
    Urgency.CAUTION: "yellow",
    Urgency.WARNING: "bold white on red",
}
_MARKS: Final = {Urgency.ADVISORY: "·", Urgency.CAUTION: "▲", Urgency.WARNING: "■"}


def live_view(cycle: Cycle, health: tuple[FeedHealth, ...], *, is_watching: bool) -> RenderableType:
    """Return what a terminal shows of a cycle.

    Args:
        cycle: The cycle.
        health: How the feeds are.
        is_watching: Whether there is any source of tracks.
    """
    parts: list[RenderableType] = [_summary(cycle, health)]
    if cycle.alerts:
        parts.append(_alerts(cycle))
    elif cycle.blind or not is_watching:
        parts.append(Text("No alert; but not everything can be seen:", style="yellow"))
    else:
        parts.append(Text("No alert.", style="green"))
    for reason in cycle.blind[:BLIND_ROWS_MAX]:
        parts.append(Text("  ! ", style="yellow") + plain(reason))
    if len(cycle.blind) > BLIND_ROWS_MAX:
        parts.append(Text(f"  ! and {len(cycle.blind) - BLIND_ROWS_MAX} more", style="yellow"))
    if len(cycle.picture):
        parts.append(_tracks(cycle))
    return Group(*parts)


def _summary(cycle: Cycle, health: tuple[FeedHealth, ...]) -> Text:
    counts = cycle.picture.status.tolist()
    told = ", ".join(
        f"{counts.count(status.code)} {status.value}" for status in STATUSES if status.code in counts
    )
    text = Text(f"{rfc3339(instant_of(cycle.at_ms))}  ", style="bold")
    text.append(f"{len(counts)} aircraft{f' ({told})' if told else ''}")
    for each in health:
        text.append("  ")
        style = "green" if each.state is FeedState.LIVE else "yellow"
        text.append_text(Text(f"{each.name}: {each.state.value}, {each.report_count:,} reports", style=style))
        if each.malformed_count or each.refused_count or each.dropped_count:
            text.append(
                f", {each.malformed_count:,} malformed, {each.refused_count:,} refused,"
                f" {each.dropped_count:,} dropped"
            )
    return text


def _alerts(cycle: Cycle) -> Table:
    table = Table(title=f"Alerts: {len(cycle.alerts)}", title_justify="left", expand=False)
    for heading in ("", "Id", "What", "Since", "Rule"):
        table.add_column(heading, overflow="fold")
    for alert in cycle.alerts[:ALERT_ROWS_MAX]:
        table.add_row(
            Text(f"{_MARKS[alert.urgency]} {alert.urgency.value}", style=_STYLES[alert.urgency]),
            plain(alert.id),
            plain(_what(alert)),
            plain(rfc3339(instant_of(alert.opened_ms))[11:19]),
            plain(" ".join(each for each in (alert.signal.rule, alert.signal.level) if each)),
        )
    if len(cycle.alerts) > ALERT_ROWS_MAX:
        table.caption = f"and {len(cycle.alerts) - ALERT_ROWS_MAX} more"
    return table


def _what(alert: Alert) -> str:
    words = cause_of(alert.signal)
    if alert.state is AlertState.UNSEEN:
        return f"{words}; NO DATA since"
    return words


def cause_of(signal: Signal) -> str:
    """Return what a signal is about, in words."""
    if signal.cause:
        return signal.cause
    about = " and ".join(each for each in signal.key[1:] if each)
    return f"{signal.key.kind.value.replace('_', ' ')}: {about}"


def _tracks(cycle: Cycle) -> Table:
    picture = cycle.picture
    concerned = {each for alert in cycle.alerts for each in alert.key[1:]}
    rows = sorted(range(len(picture)), key=lambda row: (picture.ids[row] not in concerned, picture.ids[row]))
    table = Table(title_justify="left")
    for heading in ("Aircraft", "Callsign", "Party", "Flies", "Height", "Speed", "Track", "Age"):
        table.add_column(heading, overflow="fold")
    for row in rows[:TRACK_ROWS_MAX]:
        aircraft = picture.ids[row]
        assignment = cycle.conformance.assignments.get(aircraft)
        table.add_row(
            plain(aircraft),
            plain(picture.callsigns[row] or ""),
            plain(picture.parties[row] or ""),
            plain("" if assignment is None else assignment.item),
            _height(float(picture.pressure_altitude_ft[row]), float(picture.altitude_m[row])),
            _number(mps_to_knots(float(picture.ground_speed_mps[row])), "kt"),
            _number(float(picture.track_deg[row]), "°"),
            Text(f"{float(picture.age_s[row]):,.0f} s {picture.status_of(row).value}"),
        )
    if len(rows) > TRACK_ROWS_MAX:
        table.caption = f"and {len(rows) - TRACK_ROWS_MAX} more aircraft"
    return table


def _height(pressure_ft: float, altitude_m: float) -> str:
    if not math.isnan(pressure_ft):
        return f"{pressure_ft:,.0f} ft"
    return _number(m_to_feet(altitude_m), "ft W84")


def _number(value: float, unit: str) -> str:
    return "-" if math.isnan(value) else f"{value:,.0f} {unit}"


def event_line(event: AlertEvent, signal: Signal | None) -> str:
    """Return a line for what happened to an alert.

    Args:
        event: What happened.
        signal: What the alert is about now; None where that is not known any more.
    """
    is_so = event.change in _SO_NOW
    about = " and ".join(each for each in event.key[1:] if each)
    about = about if signal is None or not is_so else cause_of(signal)
    kind = event.key.kind.value.replace("_", " ")
    at = rfc3339(instant_of(event.at_ms))
    parts = [at, event.alert_id, event.change.value, event.urgency.value, kind, about]
    if event.reason and event.reason != about:
        parts.append(f"({event.reason})")
    return "  ".join(part for part in parts if part)
