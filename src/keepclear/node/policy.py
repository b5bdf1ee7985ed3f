"""What a party decided for its node: what happens with conflicts, which gap it keeps, which limits apply."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from keepclear.core.altitudes import ALTITUDE_MAX_M, ALTITUDE_MIN_M
from keepclear.core.conflicts import NO_BUFFER, Buffer, Item
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PRIORITY_MAX
from keepclear.core.shapes import Polygon
from keepclear.core.times import floor_ms, instant_of, rfc3339

EXPIRY_GRACE_S: Final = 5.0
"""So long after its end an item still counts: clocks of parties differ."""


class ConflictPolicy(Enum):
    """What happens with a declaration of one's own that conflicts; it is never silently accepted."""

    REFUSE = "refuse"
    """It is not declared."""
    RECORD = "record"
    """It is declared, and recorded as conflicting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a party decided for its node.

    Attributes:
        conflicts: What happens with a declaration that conflicts.
        buffer: The gap that the party keeps.
        volumes_max: The most volumes of an item.
        vertices_max: The most vertices of all polygons of an item.
        horizon_s: How far ahead an item may start, seconds.
    """

    conflicts: ConflictPolicy = ConflictPolicy.REFUSE
    buffer: Buffer = NO_BUFFER
    volumes_max: int = 1_000
    vertices_max: int = 10_000
    horizon_s: float = 60 * 86_400.0

    def check(self, item: Item, now: datetime) -> None:
        """Refuse what is over a limit, or over already.

        Raises:
            InvalidValueError: The item has a priority out of range, too many volumes or vertices, starts
                too far ahead, or ended before now.
        """
        if abs(item.priority) > PRIORITY_MAX:
            reason = f"{item.priority} is not within -{PRIORITY_MAX}..{PRIORITY_MAX}"
            raise InvalidValueError("priority", reason)
        for index, volume in enumerate(item.volumes):
            for bound_m in (volume.volume.altitude.lower_m, volume.volume.altitude.upper_m):
                if math.isfinite(bound_m) and not ALTITUDE_MIN_M <= bound_m <= ALTITUDE_MAX_M:
                    reason = f"{bound_m:,.0f} m above W84, widened for its datum, is beyond what is declared"
                    raise InvalidValueError(f"volumes[{index}].volume", f"{reason}; leave the bound out")
        self.check_size(item)
        start_ms, end_ms = span_ms(item)
        if expires_ms(end_ms) < floor_ms(now):
            raise InvalidValueError("volumes", f"all of it is over since {rfc3339(instant_of(end_ms))}")
        horizon = now + timedelta(seconds=self.horizon_s)
        if start_ms > floor_ms(horizon):
            reason = f"it starts after {rfc3339(horizon)}, farther ahead than this node looks"
            raise InvalidValueError("volumes", f"{reason}; declare it later")

    def check_size(self, item: Item) -> None:
        """Refuse what is too large to be judged.

        Raises:
            InvalidValueError: The item has too many volumes or vertices.
        """
        if len(item.volumes) > self.volumes_max:
            reason = f"{len(item.volumes)} volumes are over this node's limit of {self.volumes_max}"
            raise InvalidValueError("volumes", f"{reason}; declare the rest as another item")
        outlines = (volume.volume.outline for volume in item.volumes)
        vertices = sum(len(outline.vertices) for outline in outlines if isinstance(outline, Polygon))
        if vertices > self.vertices_max:
            reason = f"{vertices} vertices are over this node's limit of {self.vertices_max}"
            raise InvalidValueError("volumes", f"{reason}; simplify the polygons")

    @property
    def kept_ms(self) -> int:
        """How long after its end an item still counts: clocks differ, and a gap in time is kept."""
        return round((EXPIRY_GRACE_S + self.buffer.time_s) * 1000.0)


def span_ms(item: Item) -> tuple[int, int]:
    """Return when the first volume of an item starts and the last one ends, milliseconds since 1970."""
    windows = [volume.time for volume in item.volumes]
    return min(w.start_ms for w in windows), max(w.end_ms for w in windows)


def expires_ms(end_ms: int) -> int:
    """Return when an item that ends then is over."""
    return end_ms + round(EXPIRY_GRACE_S * 1000.0)
