"""The panel of a finding: its two items by name, altitude over time, and the map of the two."""

from __future__ import annotations

from typing import Final

from keepclear.codec.drawing.chart import chart
from keepclear.codec.drawing.drawing import Drawing
from keepclear.codec.drawing.elements import Box, document, isolated, line_element, rect_element, text_element
from keepclear.codec.drawing.lateral import lateral_map
from keepclear.codec.drawing.marks import party_mark, patterns_of
from keepclear.codec.drawing.pair import Pair
from keepclear.codec.results import CheckResult
from keepclear.codec.words import TITLES, band_text, kind_text, span_text
from keepclear.core.conflicts import Finding

_PAGE: Final = Box(0.0, 0.0, 960.0, 400.0)
_CHART: Final = Box(106.0, 104.0, 372.0, 244.0)
_MAP: Final = Box(588.0, 104.0, 360.0, 260.0)


def finding_svg(result: CheckResult, finding: Finding) -> str:
    """Draw one finding as SVG that stands alone: altitude over time, and a map of the two items.

    Args:
        result: The outcome of a check.
        finding: One of its findings.

    Returns:
        The SVG, 960 by 400 pixels. It says so when it leaves out volumes over `PANEL_VOLUMES_MAX`.

    Raises:
        UnknownItemError: The finding is of another check.
    """
    return panel_svg(Drawing(result), finding)


def panel_svg(drawing: Drawing, finding: Finding) -> str:
    """Draw one finding; see `finding_svg`.

    Raises:
        UnknownItemError: The finding is of another check.
    """
    pair = Pair(drawing, finding)
    pictures = chart(pair, _CHART) + lateral_map(pair, _MAP)
    notes = ""
    if pair.left_out:
        told = f"Volumes not drawn: {'; '.join(pair.left_out)}."
        notes = text_element(12.0, _PAGE.bottom - 6.0, told, "kc-dim kc-s")
    patterns = patterns_of(pair.items, drawing.looks)
    body = f"{patterns}{rect_element(_PAGE, 'kc-bg')}{_head(pair)}{pictures}{notes}"
    verdict, a, b = TITLES[finding.verdict], isolated(finding.a.id), isolated(finding.b.id)
    label = f"{verdict.capitalize()} of {a} and {b}: altitude over time, and map"
    return document(_PAGE.width, _PAGE.height, label, body, alone=drawing.alone)


def _head(pair: Pair) -> str:
    """Name the two items: mark, id, party, and the volume that the witness lies in."""
    parts = []
    for row, (item, look, side) in enumerate(zip(pair.items, pair.looks, pair.sides, strict=True)):
        y = 22.0 + 24.0 * row
        line = f"kc-line{' kc-second' if row else ''}"
        sample = f'<g class="kc-c{look.colour}">{line_element(12.0, y - 4.0, 40.0, y - 4.0, line)}</g>'
        volume = item.volumes[side.volume]
        party = isolated(side.party, 130.0) if side.party is not None else "no party"
        name = f'<tspan class="kc-b">{isolated(side.id, 200.0)}</tspan>'
        which = f"volume {side.volume} ({len(item.volumes):,} in all)"
        band, time = band_text(volume.volume.altitude), span_text(volume.time.start, volume.time.end)
        rest = f' <tspan class="kc-dim">{party}, {kind_text(item)}, {which}: {band}, {time}</tspan>'
        parts.append(sample + party_mark(look, 54.0, y - 4.0) + text_element(70.0, y, name + rest))
    return "".join(parts)
