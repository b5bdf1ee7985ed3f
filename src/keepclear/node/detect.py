"""Questions to the picture at one moment: what is there, what conflicts, and what would clear it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from keepclear.core.conflicts import Buffer, Finding, Item
from keepclear.core.intents import ItemId, OperationalIntent
from keepclear.core.packed import NO_MARGINS
from keepclear.core.picture import Meetings, Picture
from keepclear.core.resolution import Resolution
from keepclear.core.resolution import resolve as resolve_in
from keepclear.core.shifts import Limits
from keepclear.core.times import floor_ms
from keepclear.core.volumes import Volume4D

_NOBODY = ItemId("area")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found, and what it was found among.

    Attributes:
        findings: What was found; of a page of it, those of the page.
        total: How many there are in all.
        operation_count: Among how many operations.
        zone_count: Among how many zones.
        seq: Up to which entry of the log.
        now: At what time.
        buffer: The gap asked for.
    """

    findings: Sequence[Finding]
    total: int
    operation_count: int
    zone_count: int
    seq: int
    now: datetime
    buffer: Buffer


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The picture at one moment; it does not change, and several threads may ask it.

    Attributes:
        picture: What was held.
        seq: The last entry of the log in it.
        now: The time of the moment.
        buffer: The gap that the party keeps.
    """

    picture: Picture
    seq: int
    now: datetime
    buffer: Buffer
    _zone_count: int = field(init=False)

    def __post_init__(self) -> None:
        zone_count = sum(label.rule is not None for label in self.picture.labels)
        object.__setattr__(self, "_zone_count", zone_count)

    def within(self, area: Volume4D, limit: int) -> tuple[list[ItemId], bool]:
        """Find what meets an area: a volume of space during a window of time.

        Returns:
            The ids, sorted, at most `limit`; and whether there are more.
        """
        query = self.picture.packed(OperationalIntent(id=_NOBODY, volumes=(area,)))
        # The area is of nobody, so that it meets the items of every party and zones too.
        hits = self.picture.search(query._replace(owner=query.owner * 0 - 1), NO_MARGINS)
        ids = sorted({self.picture.owner(place).id for place in set(hits.stored.owner.tolist())})
        return ids[:limit], len(ids) > limit

    def check(self, item: Item, buffer: Buffer | None = None) -> Checked:
        """Check one item, declared or not, as if it stood in place of the one with its id."""
        gap = self.buffer if buffer is None else buffer
        findings = self.picture.findings_of(item, buffer=gap)
        return self._checked(findings, len(findings), gap)

    def conflicts(self, after: int, limit: int) -> Checked:
        """Check everything against everything, soonest first; what is over is left out.

        Args:
            after: So many are left out before.
            limit: At most so many findings are made.
        """
        page = self._soonest[after : after + limit]
        findings = [self._meetings.finding(number) for number in page]
        return self._checked(findings, len(self._soonest), self.buffer)

    @cached_property
    def _meetings(self) -> Meetings:
        return self.picture.meetings(buffer=self.buffer)

    @cached_property
    def _soonest(self) -> list[int]:
        return [int(number) for number in self._meetings.soonest(floor_ms(self.now))]

    def resolve(self, item: Item, limits: Limits, buffer: Buffer | None = None) -> Resolution:
        """Find the smallest changes that clear an item of everything else."""
        return resolve_in(self.picture, item, limits=limits, buffer=self.buffer if buffer is None else buffer)

    def _checked(self, findings: Sequence[Finding], total: int, buffer: Buffer) -> Checked:
        return Checked(
            findings=findings,
            total=total,
            operation_count=len(self.picture) - self._zone_count,
            zone_count=self._zone_count,
            seq=self.seq,
            now=self.now,
            buffer=buffer,
        )
