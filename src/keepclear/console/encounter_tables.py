"""Encounters as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from keepclear.console.tables import ROWS_MAX, plain, render

_TITLES: Final = (
    ("encounters", "Encounters"),
    ("cannot_exclude", "Cannot be excluded: the tracks are not exact enough"),
    ("exempted", "Exempted"),
)


def answer_table(fields: Mapping[str, Any], line: str) -> bytes:
    """Write an answer as tables, and the line that sums it up.

    Args:
        fields: The answer as plain values.
        line: What it comes to.
    """
    parts: list[object] = []
    for name, title in _TITLES:
        rows = fields[name]
        if rows:
            parts.append(_pairs_table(title, rows[:ROWS_MAX]))
            if len(rows) > ROWS_MAX:
                parts.append(f"... and {len(rows) - ROWS_MAX:,} more; --format json has all of them")
    if fields["unjudged"]:
        table = Table(title="Not judged", title_justify="left")
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


def _pairs_table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("Tracks", overflow="fold")
    table.add_column("Rule: level", overflow="fold")
    for heading in ("Begins", "Ends", "Closest", "Lateral", "Vertical"):
        table.add_column(heading, justify="right", no_wrap=True)
    if "reason" in rows[0]:
        table.add_column("Why", overflow="fold")
    for row in rows:
        cells: list[Text | str] = [
            plain(f"{row['a']} - {row['b']}"),
            plain(f"{row['rule']}: {row['level']}"),
            "now" if row["t_in_s"] == 0.0 else _text(row["t_in_s"], 1.0, "s", 0),
            _text(row["t_out_s"], 1.0, "s", 0),
            _text(row["t_cpa_s"], 1.0, "s", 0),
            _text(row["d_cpa_m"], 1_852.0, "NM", 2)
            if (row["d_cpa_m"] or 0.0) >= 1_000.0
            else _text(row["d_cpa_m"], 1.0, "m", 0),
            _text(row["dz_cpa_m"], 0.3048, "ft", 0),
        ]
        if "reason" in row:
            cells.append(plain(f"{row['exempted_by']}: {row['reason']}"))
        table.add_row(*cells)
    return table


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


def _text(value: float | None, unit_m: float, unit: str, digits: int) -> str:
    return "-" if value is None else f"{value / unit_m:,.{digits}f} {unit}"


def rules_table(listed: Sequence[Mapping[str, Any]]) -> bytes:
    """Write rule sets as a table: what each rule of them keeps, by level.

    Args:
        listed: The rule sets as plain values.
    """
    table = Table()
    for heading in ("Rule set", "Rule", "Level", "Keeps", "Looks ahead"):
        table.add_column(heading, overflow="fold")
    for rule_set in listed:
        name = rule_set["rule_set"]
        for rule in rule_set["rules"]:
            rule_name = rule["rule"]
            for level in rule["levels"]:
                lasting = f", for over {level['lasting_s']:.0f} s" if level.get("lasting_s") else ""
                table.add_row(
                    plain(name),
                    plain(rule_name),
                    plain(level["level"]),
                    _kept(level),
                    f"{level['lookahead_s']:.0f} s{lasting}",
                )
                name = rule_name = ""
    return render([table, "A file of your own: --rule FILE.toml"])


def _kept(level: Mapping[str, Any]) -> str:
    if "tau_mod_s" in level:
        tau = f", modified tau {level['tau_mod_s']:.0f} s" if level["tau_mod_s"] else ""
        return f"{_length(level['dmod_m'])} or {level['zthr_m'] / 0.3048:,.0f} ft{tau}"
    height = "any height" if level["vertical_m"] is None else f"{level['vertical_m'] / 0.3048:,.0f} ft"
    return f"{_length(level['lateral_m'])} or {height}"


def _length(length_m: float) -> str:
    return f"{length_m / 1_852.0:.4g} NM" if length_m >= 1_000.0 else f"{length_m:.4g} m"
