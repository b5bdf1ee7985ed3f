"""Pictures of a check as SVG: a map of all items, and a panel for each finding.

The pictures explain; they decide nothing. Items are laid into an azimuthal equidistant plane. A
party is told by letter, shape and colour, an item's kind by its fill, a finding by shape and
number. What does not fit is left out and counted in the picture, never silently.

A picture is one self-contained document without links, and depends on the result alone. Text of
others is escaped, and characters that steer text are made visible.
"""

from keepclear.codec.drawing.answer import headline
from keepclear.codec.drawing.drawing import Drawing
from keepclear.codec.drawing.extents import bounds_text
from keepclear.codec.drawing.limits import (
    LABELS_MAX,
    MARKS_MAX,
    PANEL_VOLUMES_MAX,
    PLAIN_ITEMS_MAX,
    SIDE_MAX_PX,
    SIDE_MIN_PX,
    VOLUMES_MAX,
)
from keepclear.codec.drawing.map import check_svg, map_svg
from keepclear.codec.drawing.marks import finding_mark, looks_of, party_mark
from keepclear.codec.drawing.panel import finding_svg, panel_svg
from keepclear.codec.drawing.style import STYLE

__all__ = [
    "LABELS_MAX",
    "MARKS_MAX",
    "PANEL_VOLUMES_MAX",
    "PLAIN_ITEMS_MAX",
    "SIDE_MAX_PX",
    "SIDE_MIN_PX",
    "STYLE",
    "VOLUMES_MAX",
    "Drawing",
    "bounds_text",
    "check_svg",
    "finding_mark",
    "finding_svg",
    "headline",
    "looks_of",
    "map_svg",
    "panel_svg",
    "party_mark",
]
