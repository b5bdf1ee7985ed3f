"""What the command line shows people: tables in plain text, as wide as the terminal."""

from __future__ import annotations

import io
import math
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from keepclear.codec.reading import Gathered, Item
from keepclear.codec.results import Answer, CheckResult, pretty_json
from keepclear.codec.words import (
    TITLES,
    count_text,
    duration_text,
    instant_text,
    length_text,
    position_text,
    visible,
)
from keepclear.core.conflicts import Finding, Side, Verdict
from keepclear.core.constraints import Constraint
from keepclear.core.resolution import Change, ChangeKind, Resolution
from keepclear.core.times import rfc3339
from keepclear.core.volumes import Volume4D

ROWS_MAX: Final = 100
"""A table shows so many findings or items, and says how many more there are."""
_WIDTH_WITHOUT_TERMINAL: Final = 120
_WIDTH_MIN: Final = 60


def plain(value: str) -> Text:
    """Return text of others as it is: no markup, no characters that steer a terminal."""
    return Text(visible(value))


def _who(side: Side) -> Text:
    party = side.party if side.party is not None else "no party"
    return plain(f"{side.id} ({party})" + (" zone" if side.is_zone else "") + f" volume {side.volume}")


def _depth(overlap: str, gap: float, gap_text: str) -> str:
    return overlap if gap == 0.0 else f"{gap_text} apart"


def render(parts: Iterable[object]) -> bytes:
    """Return tables and lines as plain text, as wide as the terminal."""
    tty = sys.stdout is not None and sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if tty else _WIDTH_WITHOUT_TERMINAL
    text = io.StringIO()
    console = Console(
        file=text, width=max(_WIDTH_MIN, width), force_terminal=False, highlight=False, emoji=False
    )
    for part in parts:
        console.print(part)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines()).encode()


def findings_table(findings: Sequence[Finding]) -> Table:
    """Return a table of findings: who, where, how high and when, and how deep."""
    table = Table(show_lines=True)
    for heading in ("", "verdict", "between", "where", "altitude (W84)", "when (UTC)"):
        table.add_column(heading, overflow="fold")
    for number, finding in enumerate(findings[:ROWS_MAX], start=1):
        w = finding.witness
        more = len(finding.volume_pairs) - 1
        between = Text.assemble(_who(finding.a), "\n", _who(finding.b))
        if more:
            between.append(f"\nand {count_text(more, 'more pair')} of volumes")
        width = f"{length_text(w.lateral_overlap_m)} wide" if w.lateral_overlap_m else "touching"
        vertical = f"{length_text(w.vertical_overlap_m)} deep" if w.vertical_overlap_m else "touching"
        lasting = f"for {duration_text(w.time_overlap_s)}" if w.time_overlap_s else "touching"
        table.add_row(
            str(number),
            TITLES[finding.verdict],
            between,
            f"{position_text(w.position)}\n{_depth(width, w.lateral_gap_m, length_text(w.lateral_gap_m))}",
            f"{w.altitude_m:,.1f} m\n{_depth(vertical, w.vertical_gap_m, length_text(w.vertical_gap_m))}",
            f"{instant_text(w.time)}\n{_depth(lasting, w.time_gap_s, duration_text(w.time_gap_s))}",
        )
    return table


def _nothing(result: CheckResult) -> str:
    return "everything has ended" if result.items else "the files hold no operations and no zones"


def _not_compared(result: CheckResult) -> str:
    """Say so where no two items had to be compared: a forgotten party should not pass for clear."""
    owners = {item.party if item.party is not None else item.id for item in result.items}
    if result.all_pairs or len(owners) > 1:
        return ""
    return "; all are of one party, so none were compared with each other (--all-pairs does)"


def answer_line(result: CheckResult) -> str:
    """Return the answer of a check in one line."""
    zones = sum(isinstance(item, Constraint) for item in result.items)
    scope = f"{count_text(len(result.items) - zones, 'operation')} and {count_text(zones, 'zone')} checked"
    if result.ended_count:
        scope += f", {result.ended_count:,} of them ended and ignored"
    if result.near_misses:
        scope += f", {count_text(len(result.near_misses), 'near miss', 'near misses')}"
    match result.answer:
        case Answer.CLEAR:
            return f"CLEAR: {scope}{_not_compared(result)}"
        case Answer.CONFLICT:
            found = [count_text(len(result.conflicts), "conflict")] if result.conflicts else []
            if result.notices:
                found.append(f"{count_text(len(result.notices), 'notice')} required")
            left_out = (
                f"; {count_text(len(result.problems), 'problem')}, see above" if result.problems else ""
            )
            return f"{' and '.join(found).upper()}: {scope}{left_out}"
        case Answer.NO_VERDICT:
            return (
                f"NO VERDICT: {count_text(len(result.problems), 'problem')} in the input;"
                " mend them, or check the rest with --skip-bad"
            )
        case Answer.CANNOT_DECIDE if result.problems:
            return (
                f"CANNOT DECIDE: no conflict among the rest ({scope}), but what was left out for"
                f" {count_text(len(result.problems), 'problem')} was not checked"
            )
        case Answer.CANNOT_DECIDE:
            return f"CANNOT DECIDE: {_nothing(result)}, so nothing was checked"


def check_table(result: CheckResult) -> bytes:
    """Write the outcome of a check for people."""
    parts: list[object] = []
    if result.findings:
        parts.append(findings_table(result.findings))
        if len(result.findings) > ROWS_MAX:
            rest = len(result.findings) - ROWS_MAX
            parts.append(f"and {rest:,} more: --format json or csv shows all")
    parts.append(answer_line(result))
    return render(parts)


def _shift(value: str, sign: float, up: str, down: str) -> str:
    return f"{value} {up if sign > 0 else down}"


def _compass(bearing_deg: float) -> str:
    names = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
    return names[round(bearing_deg / 45.0) % 8]


def _change_text(change: Change) -> str:
    time = _shift(duration_text(abs(change.time_shift_s)), change.time_shift_s, "later", "earlier")
    altitude = _shift(length_text(abs(change.altitude_shift_m)), change.altitude_shift_m, "higher", "lower")
    match change.kind:
        case ChangeKind.TIME:
            return time
        case ChangeKind.ALTITUDE:
            return altitude
        case ChangeKind.TIME_AND_ALTITUDE:
            return f"{time} and {altitude}"
        case ChangeKind.LATERAL:
            bearing = change.bearing_deg or 0.0
            return f"{length_text(change.lateral_m)} to the {_compass(bearing)} ({bearing:.1f} degrees true)"


def resolution_table(resolution: Resolution) -> bytes:
    """Write a resolution for people."""
    name = plain(resolution.item_id)
    if resolution.is_clear:
        parts: list[object] = [Text.assemble("CLEAR: ", name, " conflicts with nothing; no change is needed")]
        if resolution.conflicts:
            parts = [
                findings_table(resolution.conflicts),
                Text.assemble("NOTICE REQUIRED: ", name, " enters zones"),
            ]
        return render(parts)
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
            change.kind.value.replace("_", " "),
            _change_text(change),
            proven,
            Text("\n").join(plain(by) for by in forced),
        )
    limits = resolution.limits
    within = {
        ChangeKind.TIME: duration_text(limits.time_s),
        ChangeKind.ALTITUDE: length_text(limits.altitude_m),
        ChangeKind.TIME_AND_ALTITUDE: f"{duration_text(limits.time_s)} and {length_text(limits.altitude_m)}",
        ChangeKind.LATERAL: length_text(limits.lateral_m),
    }
    for kind in resolution.none_within:
        table.add_row(kind.value.replace("_", " "), f"none within {within[kind]}", "proven", "")
    for kind, reason in resolution.undecided:
        table.add_row(kind.value.replace("_", " "), reason, "", "")
    conflicts = sum(finding.verdict is Verdict.CONFLICT for finding in resolution.conflicts)
    said = Text.assemble(
        f"{count_text(conflicts, 'conflict').upper()} of ",
        name,
        "; each change below clears all of them" if resolution.changes else "; no change found clears them",
    )
    return render([findings_table(resolution.conflicts), said, table])


def _span(volumes: tuple[Volume4D, ...]) -> tuple[datetime, datetime, float, float]:
    return (
        min(v.time.start for v in volumes),
        max(v.time.end for v in volumes),
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
        party = plain(item.party) if item.party is not None else "none"
        times = (instant_text(start), instant_text(end))
        row = (kind, _state(item), str(len(item.volumes)), *times, f"{low} to {high}")
        table.add_row(plain(item.id), party, *row)
    parts: list[object] = [table]
    if len(gathered.items) > ROWS_MAX:
        parts.append(f"and {len(gathered.items) - ROWS_MAX:,} more: --format json shows all")
    for text, number in sorted(Counter(a.text for a in gathered.assumptions).items()):
        parts.append(f"assumed: {text} ({count_text(number, 'item')})")
    parts.append(
        f"{count_text(len(gathered.items), 'item')}, {count_text(len(gathered.problems), 'problem')}"
    )
    return render(parts)


def _json_instant(instant: datetime) -> str:
    text = rfc3339(instant)
    return text if "." not in text else text.rstrip("Z").rstrip("0") + "Z"


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
                "time_start": _json_instant(start),
                "time_end": _json_instant(end),
                "altitude_lower_m": None if math.isinf(low_m) else low_m,
                "altitude_upper_m": None if math.isinf(high_m) else high_m,
            }
        )
    assumed = [{"file": a.source, "item": a.item, "text": a.text} for a in gathered.assumptions]
    problems = [
        {"file": p.source, "item": p.item, "field": p.field, "reason": p.reason} for p in gathered.problems
    ]
    return pretty_json({"items": items, "assumed": assumed, "problems": problems})
