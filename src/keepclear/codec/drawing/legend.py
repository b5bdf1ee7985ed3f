"""The legend beside a map: parties, kinds of items, marks, and what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from keepclear.codec.drawing.drawing import Drawing
from keepclear.codec.drawing.elements import Box, isolated, px, text_element, wrapped
from keepclear.codec.drawing.footprints import Footprint
from keepclear.codec.drawing.marks import fill_of, finding_mark, party_mark
from keepclear.codec.reading import Item
from keepclear.codec.words import TITLES, kind_text

LEGEND_PX: Final = 248.0
"""How wide the legend is."""
_ROW_PX: Final = 21.0


def legend(drawing: Drawing, footprints: Sequence[Footprint], frame: Box, notes: Sequence[str]) -> str:
    """Draw the legend right of the frame of a map."""
    x, y = frame.right + 16.0, frame.y + 10.0
    lines = [line for note in notes for line in wrapped(note, LEGEND_PX - 30.0)]
    kinds, marks = _kinds(drawing, footprints), _marks(drawing)
    fixed = _ROW_PX * (len(kinds) + len(marks)) + 15.0 * len(lines) + _ROW_PX * 3 + 20.0
    parties = _parties(drawing, footprints, max(1, int((frame.height - fixed) / _ROW_PX)))
    parts = []
    for heading, rows in (("Parties", parties), ("Items", kinds), ("Findings", marks)):
        if rows:
            parts.append(text_element(x, y, heading, "kc-dim kc-s kc-b"))
            y += 20.0
        for symbol, text in rows:
            parts.append(f'<g transform="translate({px(x + 10)} {px(y - 4)})">{symbol}</g>')
            parts.append(text_element(x + 30.0, y, text))
            y += _ROW_PX
        y += 6.0 if rows else 0.0
    for number, line in enumerate(lines):
        parts.append(text_element(x, y + 15.0 * number, line, "kc-dim kc-s"))
    return "".join(parts)


def _counted(name: str, count: int) -> str:
    return f'{name} <tspan class="kc-dim">{count:,}</tspan>'


def _parties(drawing: Drawing, footprints: Sequence[Footprint], rows_max: int) -> list[tuple[str, str]]:
    counts = Counter(footprint.item.party for footprint in footprints)
    found = {side.party for finding in drawing.result.findings for side in (finding.a, finding.b)}
    parties = [party for party in drawing.looks if counts[party]]
    kept = parties
    if len(parties) > rows_max:  # those with findings first
        kept = sorted(parties, key=lambda party: party not in found)[: rows_max - 1]
    rows = []
    for party in kept:
        name = isolated(party, 150.0) if party is not None else "no party"
        rows.append((party_mark(drawing.looks[party], 0.0, 0.0), _counted(name, counts[party])))
    if len(kept) < len(parties):
        rows.append(("", f"and {len(parties) - len(kept):,} more parties"))
    return rows


def _kinds(drawing: Drawing, footprints: Sequence[Footprint]) -> list[tuple[str, str]]:
    firsts: dict[str, Item] = {}
    for footprint in footprints:
        firsts.setdefault(kind_text(footprint.item), footprint.item)
    counts = Counter(kind_text(footprint.item) for footprint in footprints)
    rows = []
    for name, item in sorted(firsts.items(), key=lambda entry: entry[0] != "operation"):
        look = drawing.look(item)
        classes, fill = fill_of(item, look)
        box = f'<rect class="{classes}"{fill} x="-10" y="-6.5" width="22" height="13"/>'
        rows.append((f'<g class="kc-c{look.colour}">{box}</g>', _counted(name, counts[name])))
    return rows


def _marks(drawing: Drawing) -> list[tuple[str, str]]:
    rows = []
    for verdict, title in TITLES.items():
        numbers = [n for n, f in enumerate(drawing.result.findings, start=1) if f.verdict is verdict]
        if numbers:
            rows.append((finding_mark(verdict, numbers[0], 0.0, 0.0), _counted(title, len(numbers))))
    return rows
