"""Encounters as tables for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from keepclear.codec.words import visible
from keepclear.console.tables import ROWS_MAX, plain, render
from keepclear.core.units import NAUTICAL_MILE_M, m_to_feet

_TITLES: Final = (
    ("encounters", "Encounters"),
    ("cannot_exclude", "Cannot be excluded: the tracks are not exact enough"),
    ("exempted", "Exempted"),
)


def answer_table(fields: Mapping[str, Any], line: str) -> bytes:
    """Write an answer as tables, the soonest losses first, and the line that sums it up.

    Args:
        fields: The answer as plain values.
        line: What it comes to.
    """
    parts: list[object] = []
    for name, title in _TITLES:
        rows = fields[name]
        if rows:
            soonest = sorted(rows, key=_begins_s)[:ROWS_MAX]
            parts.append(_pairs_table(title, soonest))
            if len(rows) > ROWS_MAX:
                parts.append(f"... and {len(rows) - ROWS_MAX:,} more; --format json has all of them")
    if fields["unjudged"]:
        table = Table(title="Not judged, or not in full", title_justify="left")
        for heading in ("Track", "Why"):
            table.add_column(heading)
        for row in fields["unjudged"][:ROWS_MAX]:
            table.add_row(plain(row["id"]), plain(row["reason"]))
        parts.append(table)
        if len(fields["unjudged"]) > ROWS_MAX:
            parts.append(
                f"... and {len(fields['unjudged']) - ROWS_MAX:,} more; --format json has all of them"
            )
    return render([*parts, plain(line)])


def _begins_s(row: Mapping[str, Any]) -> float:
    return math.inf if row["t_in_s"] is None else float(row["t_in_s"])


def _pairs_table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left", show_lines=True)
    for heading in ("Tracks", "Rule and level", "Loss", "Closest"):
        table.add_column(heading, overflow="fold")
    if "reason" in rows[0]:
        table.add_column("Why", overflow="fold")
    for row in rows:
        cells = [
            _lines(row["a"], row["b"]),
            _lines(row["rule"], row["level"]),
            _loss(row),
            plain(f"{_distance(row['d_cpa_m'])}, {_height(row['dz_cpa_m'])}, {_time(row['t_cpa_s'])}"),
        ]
        if "reason" in row:
            cells.append(plain(f"{row['exempted_by']}: {row['reason']}"))
        table.add_row(*cells)
    return table


def _lines(*texts: str) -> Text:
    """Return texts of others, each on a line."""
    return Text("\n").join(map(plain, texts))


def _loss(row: Mapping[str, Any]) -> Text:
    begins = f"from {_seconds(row['t_in_s']) if row['t_in_s'] else 'now'}"
    return plain(f"{begins} on" if row["t_out_s"] is None else f"{begins} to {_seconds(row['t_out_s'])}")


def _time(time_s: float) -> str:
    return f"in {_seconds(time_s)}" if time_s else "now"


def _seconds(time_s: float) -> str:
    return f"{time_s:,.0f} s"


def _distance(length_m: float) -> str:
    return f"{length_m / NAUTICAL_MILE_M:,.2f} NM" if length_m >= 1_000.0 else f"{length_m:,.0f} m"


def _height(height_m: float | None) -> str:
    return "height not known" if height_m is None else f"{m_to_feet(height_m):,.0f} ft"


def rows_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], line: str) -> bytes:
    """Write judged pairs as a table.

    Args:
        rows: A row for each pair.
        columns: What is shown of each.
        line: What it comes to.
    """
    table = Table()
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows[:ROWS_MAX]:
        table.add_row(*("-" if row[column] is None else str(row[column]) for column in columns))
    more = (
        [f"... and {len(rows) - ROWS_MAX:,} more; --format csv has all of them"]
        if len(rows) > ROWS_MAX
        else []
    )
    return render([table, *more, plain(line)])


def rules_table(listed: Sequence[Mapping[str, Any]]) -> bytes:
    """Write rule sets as a table: what each rule of them keeps, and how far ahead its levels look.

    Args:
        listed: The rule sets as plain values.
    """
    table = Table(show_lines=True)
    for heading in ("Rule set, and rule of it", "Keeps", "Levels, and how far each looks ahead"):
        table.add_column(heading, overflow="fold")
    for rule_set in listed:
        for rule in rule_set["rules"]:
            names = dict.fromkeys([rule_set["rule_set"], rule["rule"]])
            by_kept: dict[str, list[str]] = {}
            for level in rule["levels"]:
                by_kept.setdefault(_kept(level), []).append(_looks(level))
            for kept, levels in by_kept.items():
                table.add_row(_lines(*names), kept, "\n".join(levels))
                names = {}
    return render([table, "A file of your own: --rule FILE.toml"])


def _looks(level: Mapping[str, Any]) -> str:
    lasting = f", if it lasts over {level['lasting_s']:.0f} s" if level.get("lasting_s") else ""
    return f"{visible(level['level'])}: {level['lookahead_s']:.0f} s{lasting}"


def _kept(level: Mapping[str, Any]) -> str:
    if "tau_mod_s" in level:
        tau = f"\nmodified tau {level['tau_mod_s']:.0f} s" if level["tau_mod_s"] else ""
        return f"{_length(level['dmod_m'])} or {m_to_feet(level['zthr_m']):,.0f} ft{tau}"
    height = (
        "at any height" if level["vertical_m"] is None else f"or {m_to_feet(level['vertical_m']):,.0f} ft"
    )
    return f"{_length(level['lateral_m'])} {height}"


def _length(length_m: float) -> str:
    return f"{length_m / NAUTICAL_MILE_M:.4g} NM" if length_m >= 1_000.0 else f"{length_m:.4g} m"
