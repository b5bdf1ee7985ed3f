"""The two items of a finding, ready to be drawn in a panel."""

from __future__ import annotations

from collections.abc import Sequence

from keepclear.codec.drawing import limits
from keepclear.codec.drawing.drawing import Drawing
from keepclear.core.conflicts import Finding


class Pair:
    """The two items of a finding: each field holds that of the first and that of the second.

    Args:
        drawing: The check.
        finding: One of its findings.

    Raises:
        UnknownItemError: The finding is of another check.
    """

    def __init__(self, drawing: Drawing, finding: Finding) -> None:
        self.drawing = drawing
        self.finding = finding
        self.sides = (finding.a, finding.b)
        self.items = (drawing.item(finding.a), drawing.item(finding.b))
        self.looks = (drawing.look(self.items[0]), drawing.look(self.items[1]))
        self.extents = (
            drawing.extent(self.items[0], finding.a.volume),
            drawing.extent(self.items[1], finding.b.volume),
        )
        self.meeting = tuple({pair[side] for pair in finding.volume_pairs} for side in (0, 1))
        self.left_out: list[str] = []

    def kept(self, where: str, side: int, numbers: Sequence[int]) -> Sequence[int]:
        """Return as many volumes as a panel shows, the first ones, and note the rest."""
        rest = len(numbers) - limits.PANEL_VOLUMES_MAX
        if rest > 0:
            self.left_out.append(f"{where}, {rest:,} of the {('first', 'second')[side]} item")
        return numbers[: limits.PANEL_VOLUMES_MAX]
