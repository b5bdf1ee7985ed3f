"""What the command line shows people: tables in plain text, as wide as the terminal."""

from __future__ import annotations

import io
import math
import shutil
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from keepclear.codec.reading import Gathered, Item
from keepclear.codec.results import Answer, CheckResult, pretty_json
from keepclear.core.conflicts import Finding, Side, Verdict
from keepclear.core.constraints import Constraint
from keepclear.core.geodesy import LatLng
from keepclear.core.resolution import Change, ChangeKind, Resolution
from keepclear.core.times import rfc3339
from keepclear.core.volumes import Volume4D

ROWS_MAX: Final = 100
"""A table shows so many findings or items, and says how many more there are."""
_WIDTH_WITHOUT_TERMINAL: Final = 120
_WIDTH_MIN: Final = 60

_TITLES: Final = {
    Verdict.CONFLICT: "conflict",
    Verdict.NOTICE_REQUIRED: "notice required",
    Verdict.NEAR_MISS: "near miss",
}


def _length(value_m: float) -> str:
    """Write a length with a fitting unit: 0.4 mm, 12.3 m, 4.56 km."""
    if math.isinf(value_m):
        return "unbounded"
    if 0.0 < value_m < 0.9995:
        return f"{value_m * 1000.0:.1f} mm"
    return f"{value_m:,.1f} m" if value_m < 1000.0 else f"{value_m / 1000.0:,.2f} km"


def _duration(value_s: float) -> str:
    """Write a duration: 0.001 s, 12.5 s, 3 min 20 s, 2 h 5 min."""
    if value_s < 60.0:
        return f"{value_s:g} s"
    minutes, seconds = divmod(value_s, 60.0)
    if minutes < 60.0:
        return f"{int(minutes)} min" + (f" {seconds:g} s" if seconds else "")
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours} h" + (f" {minutes} min" if minutes else "") + (f" {seconds:g} s" if seconds else "")


def _position(position: LatLng) -> str:
    north, east = ("N" if position.lat_deg >= 0 else "S"), ("E" if position.lng_deg >= 0 else "W")
    return f"{abs(position.lat_deg):.5f} {north} {abs(position.lng_deg):.5f} {east}"


def _instant(instant: datetime) -> str:
    text = rfc3339(instant)
    return text if "." not in text else text.rstrip("Z").rstrip("0") + "Z"


def _text(value: str) -> Text:
    """Return text of others as it is: no markup, no characters that steer a terminal."""
    return Text("".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in value))


def _who(side: Side) -> Text:
    party = side.party if side.party is not None else "no party"
    return _text(f"{side.id} ({party})" + (" zone" if side.is_zone else "") + f" volume {side.volume}")


def _depth(overlap: str, gap: float, gap_text: str) -> str:
    return overlap if gap == 0.0 else f"{gap_text} apart"


def _render(parts: Iterable[object]) -> bytes:
    tty = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if tty else _WIDTH_WITHOUT_TERMINAL
    text = io.StringIO()
    console = Console(
        file=text, width=max(_WIDTH_MIN, width), force_terminal=False, highlight=False, emoji=False
    )
    for part in parts:
        console.print(part)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines()).encode()


def _findings_table(findings: tuple[Finding, ...]) -> Table:
    table = Table(show_lines=True)
    for heading in ("", "verdict", "between", "where", "altitude (W84)", "when (UTC)"):
        table.add_column(heading, overflow="fold")
    for number, finding in enumerate(findings[:ROWS_MAX], start=1):
        w = finding.witness
        more = len(finding.volume_pairs) - 1
        between = Text.assemble(_who(finding.a), "\n", _who(finding.b))
        if more:
            between.append(f"\nand {more} more pair{'s' if more > 1 else ''} of volumes")
        width = f"{_length(w.lateral_overlap_m)} wide" if w.lateral_overlap_m else "touching"
        vertical = f"{_length(w.vertical_overlap_m)} deep" if w.vertical_overlap_m else "touching"
        lasting = f"for {_duration(w.time_overlap_s)}" if w.time_overlap_s else "touching"
        table.add_row(
            str(number),
            _TITLES[finding.verdict],
            between,
            f"{_position(w.position)}\n{_depth(width, w.lateral_gap_m, _length(w.lateral_gap_m))}",
            f"{w.altitude_m:,.1f} m\n{_depth(vertical, w.vertical_gap_m, _length(w.vertical_gap_m))}",
            f"{_instant(w.time)}\n{_depth(lasting, w.time_gap_s, _duration(w.time_gap_s))}",
        )
    return table


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def answer_line(result: CheckResult) -> str:
    """Return the answer of a check in one line."""
    zones = sum(isinstance(item, Constraint) for item in result.items)
    scope = f"{_count(len(result.items) - zones, 'operation')} and {_count(zones, 'zone')} checked"
    if result.ended_count:
        scope += f", {result.ended_count:,} of them ended and ignored"
    if result.near_misses:
        scope += f", {_count(len(result.near_misses), 'near miss').replace('misss', 'misses')}"
    match result.answer:
        case Answer.CLEAR:
            return f"CLEAR: {scope}"
        case Answer.CONFLICT:
            found = [_count(len(result.conflicts), "conflict")] if result.conflicts else []
            if result.notices:
                found.append(f"{_count(len(result.notices), 'notice')} required")
            left_out = f"; {_count(len(result.problems), 'problem')}, see above" if result.problems else ""
            return f"{' and '.join(found).upper()}: {scope}{left_out}"
        case Answer.NO_VERDICT:
            return (
                f"NO VERDICT: {_count(len(result.problems), 'problem')} in the input;"
                " mend them, or check the rest with --skip-bad"
            )
        case Answer.CANNOT_DECIDE if result.problems:
            return (
                f"CANNOT DECIDE: no conflict among the rest ({scope}), but what was left out for"
                f" {_count(len(result.problems), 'problem')} was not checked"
            )
        case Answer.CANNOT_DECIDE:
            return "CANNOT DECIDE: the files hold no operations and no zones, so nothing was checked"


def check_table(result: CheckResult) -> bytes:
    """Write the outcome of a check for people."""
    parts: list[object] = []
    if result.findings:
        parts.append(_findings_table(result.findings))
        if len(result.findings) > ROWS_MAX:
            rest = len(result.findings) - ROWS_MAX
            parts.append(f"and {rest:,} more: --format json or csv shows all")
    parts.append(answer_line(result))
    return _render(parts)


def _shift(value: str, sign: float, up: str, down: str) -> str:
    return f"{value} {up if sign > 0 else down}"


def _compass(bearing_deg: float) -> str:
    names = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
    return names[round(bearing_deg / 45.0) % 8]


def _change_text(change: Change) -> str:
    time = _shift(_duration(abs(change.time_shift_s)), change.time_shift_s, "later", "earlier")
    altitude = _shift(_length(abs(change.altitude_shift_m)), change.altitude_shift_m, "higher", "lower")
    match change.kind:
        case ChangeKind.TIME:
            return time
        case ChangeKind.ALTITUDE:
            return altitude
        case ChangeKind.TIME_AND_ALTITUDE:
            return f"{time} and {altitude}"
        case ChangeKind.LATERAL:
            bearing = change.bearing_deg or 0.0
            return f"{_length(change.lateral_m)} to the {_compass(bearing)} ({bearing:.1f} degrees true)"


def resolution_table(resolution: Resolution) -> bytes:
    """Write a resolution for people."""
    name = _text(resolution.item_id)
    if resolution.is_clear:
        parts: list[object] = [Text.assemble("CLEAR: ", name, " conflicts with nothing; no change is needed")]
        if resolution.conflicts:
            parts = [
                _findings_table(resolution.conflicts),
                Text.assemble("NOTICE REQUIRED: ", name, " enters zones"),
            ]
        return _render(parts)
    table = Table(show_lines=True)
    for heading in ("change", "how much", "smallest", "forced by"):
        table.add_column(heading, overflow="fold")
    for change in resolution.changes:
        forced = [
            f"{by.other} volume {by.other_volume} against own volume {by.own_volume}"
            for by in change.forced_by
        ]
        proven = "proven" if change.is_smallest else "best found"
        table.add_row(
            change.kind.value.replace("_", " "), _change_text(change), proven, _text("\n".join(forced))
        )
    limits = resolution.limits
    within = {
        ChangeKind.TIME: _duration(limits.time_s),
        ChangeKind.ALTITUDE: _length(limits.altitude_m),
        ChangeKind.TIME_AND_ALTITUDE: f"{_duration(limits.time_s)} and {_length(limits.altitude_m)}",
        ChangeKind.LATERAL: _length(limits.lateral_m),
    }
    for kind in resolution.none_within:
        table.add_row(kind.value.replace("_", " "), f"none within {within[kind]}", "proven", "")
    for kind, reason in resolution.not_sought:
        table.add_row(kind.value.replace("_", " "), f"not looked for: {reason}", "", "")
    conflicts = sum(finding.verdict is Verdict.CONFLICT for finding in resolution.conflicts)
    said = Text.assemble(
        f"{_count(conflicts, 'conflict').upper()} of ", name, "; each change below clears all of them"
    )
    return _render([_findings_table(resolution.conflicts), said, table])


def _span(volumes: tuple[Volume4D, ...]) -> tuple[str, str, float, float]:
    return (
        _instant(min(v.time.start for v in volumes)),
        _instant(max(v.time.end for v in volumes)),
        min(v.volume.altitude.lower_m for v in volumes),
        max(v.volume.altitude.upper_m for v in volumes),
    )


def _state(item: Item) -> str:
    return item.rule.value if isinstance(item, Constraint) else item.state.value


def inspect_table(gathered: Gathered) -> bytes:
    """Write what files hold for people."""
    table = Table()
    for heading in ("id", "party", "kind", "state or rule", "volumes", "start", "end", "altitude (W84)"):
        table.add_column(heading, overflow="fold")
    for item in gathered.items[:ROWS_MAX]:
        start, end, low_m, high_m = _span(item.volumes)
        low = "unbounded" if math.isinf(low_m) else f"{low_m:,.1f}"
        high = "unbounded" if math.isinf(high_m) else f"{high_m:,.1f} m"
        kind = "zone" if isinstance(item, Constraint) else "operation"
        party = _text(item.party) if item.party is not None else "none"
        row = (kind, _state(item), str(len(item.volumes)), start, end, f"{low} to {high}")
        table.add_row(_text(item.id), party, *row)
    parts: list[object] = [table]
    if len(gathered.items) > ROWS_MAX:
        parts.append(f"and {len(gathered.items) - ROWS_MAX:,} more: --format json shows all")
    for text, number in sorted(Counter(a.text for a in gathered.assumptions).items()):
        parts.append(f"assumed: {text} ({_count(number, 'item')})")
    parts.append(f"{_count(len(gathered.items), 'item')}, {_count(len(gathered.problems), 'problem')}")
    return _render(parts)


def inspect_json(gathered: Gathered) -> bytes:
    """Write what files hold as JSON."""
    items = []
    for item in gathered.items:
        start, end, low_m, high_m = _span(item.volumes)
        items.append(
            {
                "id": item.id,
                "party": item.party,
                "kind": "constraint" if isinstance(item, Constraint) else "operational_intent",
                "state_or_rule": _state(item),
                "priority": item.priority,
                "volumes": len(item.volumes),
                "time_start": start,
                "time_end": end,
                "altitude_lower_m": None if math.isinf(low_m) else low_m,
                "altitude_upper_m": None if math.isinf(high_m) else high_m,
            }
        )
    assumed = [{"file": a.source, "item": a.item, "text": a.text} for a in gathered.assumptions]
    problems = [
        {"file": p.source, "item": p.item, "field": p.field, "reason": p.reason} for p in gathered.problems
    ]
    return pretty_json({"items": items, "assumed": assumed, "problems": problems})
