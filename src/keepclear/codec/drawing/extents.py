"""The time and altitude of volumes: as bounds, in words, and as attributes of an element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from keepclear.codec.drawing.elements import isolated
from keepclear.codec.reading import Item
from keepclear.codec.words import band_text, count_text, kind_text, span_text
from keepclear.core.altitudes import AltitudeBand
from keepclear.core.constraints import Constraint
from keepclear.core.volumes import Volume4D


class Extent(NamedTuple):
    """A window of time and a band of heights."""

    start_ms: float
    end_ms: float
    lower_m: float
    upper_m: float

    def shared(self, other: Extent) -> Extent:
        """Return what two extents share, or the gap between them."""
        return Extent(
            *shared_span(self.start_ms, self.end_ms, other.start_ms, other.end_ms),
            *shared_span(self.lower_m, self.upper_m, other.lower_m, other.upper_m),
        )


def shared_span(a_low: float, a_high: float, b_low: float, b_high: float) -> tuple[float, float]:
    """Return what two spans share, or the gap between them, from low to high."""
    low, high = max(a_low, b_low), min(a_high, b_high)
    return min(low, high), max(low, high)


def extent_of(volume: Volume4D) -> Extent:
    """Return the window and the band of a volume."""
    band = volume.volume.altitude
    return Extent(volume.time.start_ms, volume.time.end_ms, band.lower_m, band.upper_m)


def bounding(volumes: Sequence[Volume4D]) -> Extent:
    """Return the bounding window and band of volumes."""
    extents = [extent_of(volume) for volume in volumes]
    return Extent(
        min(e.start_ms for e in extents),
        max(e.end_ms for e in extents),
        min(e.lower_m for e in extents),
        max(e.upper_m for e in extents),
    )


def bounds_text(volumes: Sequence[Volume4D]) -> tuple[str, str]:
    """Write the bounding altitude and the bounding time of volumes."""
    all_ = bounding(volumes)
    band = band_text(AltitudeBand(lower_m=all_.lower_m, upper_m=all_.upper_m))
    return band, span_text(min(v.time.start for v in volumes), max(v.time.end for v in volumes))


def tooltip(item: Item) -> str:
    """Say in a line what an item is."""
    band, time = bounds_text(item.volumes)
    party = f"party {isolated(item.party)}" if item.party is not None else "no party"
    state = "" if isinstance(item, Constraint) else f", {item.state.value}"
    count = count_text(len(item.volumes), "volume")
    return (
        f"{isolated(item.id)}: {kind_text(item)}, {party}{state}, priority {item.priority},"
        f" {count}, {band} (W84), {time}"
    )


def timed(low_ms: float, high_ms: float) -> str:
    """Return the attributes that tell a page when an element is to be shown."""
    return f' data-from="{int(low_ms)}" data-to="{int(high_ms)}"'
