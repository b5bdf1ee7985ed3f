"""Tables of what a node holds and did: items, changes, tokens, and what was looked at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.table import Table

from keepclear.codec.reading import Item
from keepclear.codec.words import count_text, instant_text, number_text
from keepclear.console.tables import ROWS_MAX, findings_table, plain, render
from keepclear.core.conflicts import Finding
from keepclear.core.constraints import Constraint

_MORE: Final = "and {:,} more: --format json shows all"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """An item as a node holds it.

    Attributes:
        item: The item.
        version: Its version.
        standing: How it stood when it was judged last.
        is_withdrawn: Whether it was taken back.
        person: Who made this version.
    """

    item: Item
    version: int
    standing: str
    is_withdrawn: bool
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedRow:
    """What became of one item that was to be changed.

    Attributes:
        item_id: The item.
        result: What became of it, in a word or two.
        detail: Its version, or why it was refused.
        findings: What it meets.
    """

    item_id: str
    result: str
    detail: str
    findings: tuple[Finding, ...] = ()


def held_table(rows: Sequence[HeldRow]) -> bytes:
    """Write the items of a node for people."""
    table = _headed("id", "party", "kind", "state or rule", "version", "start", "end", "altitude (W84)", "by")
    for row in rows[:ROWS_MAX]:
        item = row.item
        is_zone = isinstance(item, Constraint)
        state = item.rule.value if isinstance(item, Constraint) else item.state.value
        version = f"{row.version}" if row.standing == "clear" else f"{row.version} ({row.standing})"
        table.add_row(
            plain(item.id),
            plain(item.party or "none"),
            "zone" if is_zone else "operation",
            "withdrawn" if row.is_withdrawn else state,
            plain(version),
            instant_text(min(volume.time.start for volume in item.volumes)),
            instant_text(max(volume.time.end for volume in item.volumes)),
            _heights(item),
            plain(row.person),
        )
    zones = sum(isinstance(row.item, Constraint) for row in rows)
    total = f"{count_text(len(rows) - zones, 'operation')} and {count_text(zones, 'zone')}"
    return render([*([table] if rows else []), *_more(rows), total])


def changed_table(rows: Sequence[ChangedRow]) -> bytes:
    """Write what became of items that were to be changed, and what they meet, for people."""
    table = _headed("id", "result", "")
    for row in rows[:ROWS_MAX]:
        table.add_row(plain(row.item_id), plain(row.result), plain(row.detail))
    findings = [finding for row in rows for finding in row.findings]
    found: list[object] = [findings_table(findings)] if findings else []
    if len(findings) > ROWS_MAX:
        found.append(_MORE.format(len(findings) - ROWS_MAX))
    return render([*found, table, *_more(rows)])


def rows_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """Write rows of text for people."""
    table = _headed(*headings)
    for row in rows[:ROWS_MAX]:
        table.add_row(*(plain(cell) for cell in row))
    return render([table, *_more(rows)])


def answered_table(findings: Sequence[Finding], line: str, breaches: Sequence[str] = ()) -> bytes:
    """Write findings, breaches of altitude splits and the line that sums them up, for people.

    Args:
        findings: The findings.
        line: The line.
        breaches: A sentence for each breach.
    """
    parts: list[object] = [findings_table(findings)] if findings else []
    parts += [plain(breach) for breach in breaches[:ROWS_MAX]]
    if len(breaches) > ROWS_MAX:
        parts.append(f"and {len(breaches) - ROWS_MAX:,} more breaches: --format json or csv shows all")
    if len(findings) > ROWS_MAX:
        parts.append(f"and {len(findings) - ROWS_MAX:,} more: --format json or csv shows all")
    return render([*parts, plain(line)])


def _headed(*headings: str) -> Table:
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _more(rows: Sequence[object]) -> Iterable[str]:
    return [_MORE.format(len(rows) - ROWS_MAX)] if len(rows) > ROWS_MAX else []


def _heights(item: Item) -> str:
    bands = [volume.volume.altitude for volume in item.volumes]
    low_m, high_m = min(band.lower_m for band in bands), max(band.upper_m for band in bands)
    low = "unbounded" if math.isinf(low_m) else number_text(low_m, 1)
    return f"{low} to {'unbounded' if math.isinf(high_m) else number_text(high_m, 1) + ' m'}"
