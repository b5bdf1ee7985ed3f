"""Extents: all volumes of one reference or subscription, and which extents meet and cover which.

Two extents meet by the rule per intent of ASTM F3548-21: some footprint of one meets some footprint of the
other, and so do the bounds of their heights and of their times. All of it is closed, and judged by the
judge that judges everything. Bounds instead of single volumes are what software of that standard expects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

import numpy as np
import shapely

from keepclear.core.altitudes import AltitudeBand
from keepclear.core.conflicts import ConflictRule, Finding
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import plane_of
from keepclear.core.index import Engine
from keepclear.core.intents import VOLUMES_MAX, ItemId, OperationalIntent
from keepclear.core.packed import ALTITUDE_TOLERANCE_M, NO_MARGINS, pack
from keepclear.core.picture import Picture
from keepclear.core.volumes import Volume4D

COVER_TOLERANCE_M: Final = 1.0
"""What covers another footprint may be so much too small: as much as a circle is drawn too large."""
RENEWED_AFTER: Final = 100_000
"""After so many that went, an index is made anew, so that it holds no room for what is gone."""

_ME: Final = ItemId("extent")
_HEMISPHERE_COS: Final = 0.05


@dataclass(frozen=True)
class Extent:
    """Volumes that count as one.

    Attributes:
        volumes: At least one, at most `VOLUMES_MAX`.

    Raises:
        InvalidValueError: There are none, or too many.
    """

    volumes: tuple[Volume4D, ...]

    def __post_init__(self) -> None:
        if not 0 < len(self.volumes) <= VOLUMES_MAX:
            raise InvalidValueError(
                "extents", f"give 1 to {VOLUMES_MAX:,} volumes, not {len(self.volumes):,}"
            )

    @cached_property
    def start(self) -> datetime:
        """The first instant of any volume."""
        return min(volume.time.start for volume in self.volumes)

    @cached_property
    def end(self) -> datetime:
        """The last instant of any volume."""
        return max(volume.time.end for volume in self.volumes)

    @cached_property
    def altitude(self) -> AltitudeBand:
        """The band from the lowest to the highest height of any volume."""
        bands = [volume.volume.altitude for volume in self.volumes]
        return AltitudeBand(
            lower_m=min(band.lower_m for band in bands), upper_m=max(band.upper_m for band in bands)
        )

    def joined(self, other: Extent) -> Extent:
        """Return both together; a volume that stands in both stands once.

        Raises:
            InvalidValueError: They have too many volumes.
        """
        return Extent(tuple(dict.fromkeys((*self.volumes, *other.volumes))))

    def covers(self, other: Extent, *, late: timedelta = timedelta(0)) -> str | None:
        """Tell what of another extent is not within this one.

        Bounds of height and time are compared as bounds, footprints exactly but for `COVER_TOLERANCE_M`.

        Args:
            other: What should be within.
            late: By how much this may start after the other and still cover it.

        Returns:
            What is not covered, in words; None where all is.
        """
        if self.start > other.start + late or self.end < other.end:
            return "its times"
        own, band = self.altitude, other.altitude
        if (
            own.lower_m > band.lower_m + ALTITUDE_TOLERANCE_M
            or own.upper_m < band.upper_m - ALTITUDE_TOLERANCE_M
        ):
            return "its heights"
        if {each.volume.outline for each in other.volumes} <= {each.volume.outline for each in self.volumes}:
            return None
        return None if _footprints_cover(self.volumes, other.volumes) else "its area"


def _footprints_cover(outer: Sequence[Volume4D], inner: Sequence[Volume4D]) -> bool:
    zeros = [0] * (len(outer) + len(inner))
    packed = pack([*outer, *inner], zeros, zeros, [False] * len(zeros))
    centre = packed.centre[: len(outer)].mean(axis=0)
    centre /= np.linalg.norm(centre)
    if float((packed.vertices @ centre).min()) < _HEMISPHERE_COS:
        return False  # no plane holds both: what is so far away is not within
    plane = plane_of(centre, packed.vertices)
    rings = [
        shapely.Polygon(plane[first:last])
        for first, last in zip(packed.first[:-1].tolist(), packed.first[1:].tolist(), strict=True)
    ]
    whole = shapely.union_all([ring.buffer(COVER_TOLERANCE_M, quad_segs=2) for ring in rings[: len(outer)]])
    shapely.prepare(whole)
    return bool(shapely.covers(whole, rings[len(outer) :]).all())


class ExtentIndex:
    """Extents by their names, searchable exactly.

    One thread at a time may use it.

    Args:
        extents: What it holds at first, by name; a name stands once.
        engine: Which code searches.
    """

    def __init__(self, extents: Iterable[tuple[str, Extent]] = (), engine: Engine = Engine.AUTO) -> None:
        self._engine, self._gone_count = engine, 0
        items = [_item(name, extent) for name, extent in extents]
        self._picture = Picture(items, rule=ConflictRule.PER_INTENT, engine=engine)

    def __len__(self) -> int:
        """Return how many extents are held."""
        return len(self._picture)

    def hold(self, name: str, extent: Extent) -> None:
        """Hold an extent, in place of the one of that name."""
        self.drop(name)
        self._picture.hold(_item(name, extent))

    def drop(self, name: str) -> None:
        """Hold an extent no longer; nothing happens where there is none of that name."""
        if name in self._picture:
            self._picture.drop(ItemId(name))
            self._gone_count += 1
            if self._gone_count > max(RENEWED_AFTER, len(self._picture)):
                self._renew()

    def meeting(self, extent: Extent) -> list[str]:
        """Return the names of the extents that meet this one, sorted."""
        query = self._picture.packed(_item(_ME, extent))
        hits = self._picture.search(query, NO_MARGINS, all_pairs=True)
        owners = np.unique(hits.stored.owner).tolist()
        return sorted(self._picture.owner(place).id for place in owners)

    def _renew(self) -> None:
        volumes, labels = self._picture.index.volumes, self._picture.labels
        volumes = volumes.taken(np.lexsort((volumes.number, volumes.owner)))
        _, owner = np.unique(volumes.owner, return_inverse=True)  # labels stand in the same order
        renewed = Picture(rule=ConflictRule.PER_INTENT, engine=self._engine)
        renewed.hold_packed(labels, volumes._replace(owner=owner.astype(np.int32)))
        self._picture, self._gone_count = renewed, 0


def meeting_among(extent: Extent, candidates: Sequence[tuple[str, Extent]]) -> list[str]:
    """Return the names of those candidates that meet an extent, sorted."""
    return ExtentIndex(candidates, Engine.PLAIN).meeting(extent) if candidates else []


def volume_conflicts(extent: Extent, others: Sequence[tuple[str, Extent]]) -> list[Finding]:
    """Return where single volumes meet, by the rule per volume: finer than whether extents meet.

    Args:
        extent: One.
        others: The others, by name.

    Returns:
        A finding, with its witness, for each other one of which a volume meets one of `extent`.
    """
    picture = Picture([_item(name, other) for name, other in others], engine=Engine.PLAIN)
    return list(picture.findings_of(_item(_ME, extent), all_pairs=True))


def _item(name: str, extent: Extent) -> OperationalIntent:
    return OperationalIntent(id=ItemId(name), volumes=extent.volumes)
