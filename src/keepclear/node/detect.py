"""Questions to the picture at one moment: what is there, what conflicts, and what would clear it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from keepclear.core.conflicts import Buffer, Finding, Item
from keepclear.core.intents import ItemId, OperationalIntent
from keepclear.core.packed import NO_MARGINS
from keepclear.core.picture import Meetings, Picture
from keepclear.core.resolution import Resolution
from keepclear.core.resolution import resolve as resolve_in
from keepclear.core.shifts import Limits
from keepclear.core.times import floor_ms, instant_of
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


class Still:
    """A picture that does not change any more, with what was found out about it.

    Args:
        picture: What was held.
        seq: The last entry of the log in it.
        buffer: The gap that the party keeps.
    """

    def __init__(self, picture: Picture, seq: int, buffer: Buffer) -> None:
        self.picture, self.seq, self.buffer = picture, seq, buffer

    @cached_property
    def meetings(self) -> Meetings:
        """Every pair of items that meets."""
        return self.picture.meetings(buffer=self.buffer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A picture at one moment; several threads may ask it.

    Attributes:
        still: The picture.
        now: The time of the moment.
    """

    still: Still
    now: datetime

    @property
    def seq(self) -> int:
        """The last entry of the log in it."""
        return self.still.seq

    @property
    def picture(self) -> Picture:
        """What was held."""
        return self.still.picture

    def within(self, area: Volume4D, limit: int) -> tuple[list[ItemId], bool]:
        """Find what meets an area: a volume of space during a window of time.

        Returns:
            The ids, sorted, at most `limit`; and whether there are more.
        """
        query = self.still.picture.packed(OperationalIntent(id=_NOBODY, volumes=(area,)))
        # The area is of nobody, so that it meets the items of every party and zones too.
        nobody = query.owner * 0 - 1
        hits = self.still.picture.search(query._replace(owner=nobody, party=nobody), NO_MARGINS)
        ids = sorted({self.still.picture.owner(place).id for place in set(hits.stored.owner.tolist())})
        return ids[:limit], len(ids) > limit

    def check(self, item: Item, buffer: Buffer | None = None) -> Checked:
        """Check one item, declared or not, as if it stood in place of the one with its id."""
        gap = self.still.buffer if buffer is None else buffer
        findings = self.still.picture.findings_of(item, buffer=gap)
        return self._checked(findings, len(findings), gap)

    def conflicts(self, after: int, limit: int) -> Checked:
        """Check everything against everything, soonest first; what is over is left out.

        Args:
            after: So many are left out before.
            limit: At most so many findings are made.
        """
        meetings = self.still.meetings
        soonest = meetings.soonest(floor_ms(self.now))
        findings = [meetings.finding(number) for number in soonest[after : after + limit].tolist()]
        return self._checked(findings, len(soonest), self.still.buffer)

    def resolve(self, item: Item, limits: Limits, buffer: Buffer | None = None) -> Resolution:
        """Find the smallest changes that clear an item of everything else.

        Args:
            item: The item.
            limits: How far to look. Without a `not_before`, what has not begun is not moved to before
                now, and what has begun is not moved to begin earlier.
            buffer: The gap that must be left; None for that of the party.
        """
        if limits.not_before is None:
            begins = instant_of(min(volume.time.start_ms for volume in item.volumes))
            limits = replace(limits, not_before=min(begins, self.now))
        gap = self.still.buffer if buffer is None else buffer
        return resolve_in(self.still.picture, item, limits=limits, buffer=gap)

    def _checked(self, findings: Sequence[Finding], total: int, buffer: Buffer) -> Checked:
        return Checked(
            findings=findings,
            total=total,
            operation_count=len(self.still.picture) - self.still.picture.zone_count,
            zone_count=self.still.picture.zone_count,
            seq=self.still.seq,
            now=self.now,
            buffer=buffer,
        )
