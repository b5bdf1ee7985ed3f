"""How much a picture holds. What is over a limit is left out, and counted in the picture."""

from typing import Final

VOLUMES_MAX: Final = 5_000
"""A map shows so many volumes, those of findings first, and says how many it leaves out."""
MARKS_MAX: Final = 200
"""A map marks so many findings, and says how many it leaves out."""
PLAIN_ITEMS_MAX: Final = 40
"""A map of more items draws those without findings faintly, if there are findings."""
LABELS_MAX: Final = 60
"""A map names so many items that have findings, and says how many it does not."""
PANEL_VOLUMES_MAX: Final = 300
"""A panel shows so many volumes of an item, and says how many it leaves out."""
SIDE_MIN_PX: Final = 600
SIDE_MAX_PX: Final = 10_000
