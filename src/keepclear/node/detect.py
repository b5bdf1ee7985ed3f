"""Questions to the picture at one moment: what is there, what conflicts, and what would clear it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Final

from keepclear.core.conflicts import Buffer, Finding, Gaps, Item, label_of
from keepclear.core.intents import IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.notice import Seen
from keepclear.core.packed import NO_MARGINS
from keepclear.core.picture import Meetings, Picture
from keepclear.core.resolution import Resolution
from keepclear.core.resolution import resolve as resolve_in
from keepclear.core.shifts import Limits
from keepclear.core.split import Breach, Halves, breaches
from keepclear.core.times import floor_ms, instant_of
from keepclear.core.volumes import Volume4D
from keepclear.node.outcomes import NotOwnerError
from keepclear.node.policy import Policy, span_ms

REASONS_MAX: Final = 5
"""So many reasons why a check cannot decide are told; of further ones, how many there are."""
BREACHES_MAX: Final = 1_000
"""So many breaches of an altitude split are told, the soonest first; of further ones, how many there are."""

_SPLIT_BROKEN: Final = "it would be on the other party's side of the altitude split that applies"
_NOBODY = ItemId("area")
_FOR_EVER_MS: Final = 2**62


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
        reason: Why "clear" cannot be said although nothing was found; None where it can.
        breaches: Which operations are on the other party's side of an altitude split that applies, the
            soonest first, at most `BREACHES_MAX`.
        breach_total: How many there are in all.
    """

    findings: Sequence[Finding]
    total: int
    operation_count: int
    zone_count: int
    seq: int
    now: datetime
    buffer: Buffer
    reason: str | None = None
    breaches: Sequence[Breach] = ()
    breach_total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Something that may be in the way, and nobody here can tell.

    Attributes:
        reason: What it is, as a clause without a full stop.
        window_ms: When it may be, milliseconds since 1970; None for at any time.
    """

    reason: str
    window_ms: tuple[int, int] | None = None

    def may_touch(self, start_ms: int, end_ms: int) -> bool:
        """Tell whether it may be there at an instant of a window."""
        return self.window_ms is None or (self.window_ms[0] <= end_ms and start_ms <= self.window_ms[1])


class Still:
    """A picture that does not change any more, with what was found out about it.

    Args:
        picture: What was held.
        seq: The last entry of the log in it.
        policy: What the party decided.
        agreed: The gaps that parties agreed to keep, by two parties, sorted.
        halves: The altitude splits that apply at present.
        hidden: Coarse volumes, each round something that its party withholds from this one.
        kept_ms: How long after its end an item is in the picture; None for what the policy says.
    """

    def __init__(
        self,
        picture: Picture,
        seq: int,
        policy: Policy,
        *,
        agreed: Mapping[tuple[PartyId, PartyId], Buffer] | None = None,
        halves: Sequence[Halves] = (),
        hidden: Sequence[Item] = (),
        kept_ms: int | None = None,
    ) -> None:
        self.picture, self.seq, self.policy, self.halves = picture, seq, policy, halves
        self.gaps = Gaps(buffer=policy.buffer, agreed={} if agreed is None else agreed)
        self.kept_ms = policy.kept_ms if kept_ms is None else kept_ms
        self._hidden = hidden

    @property
    def hidden_items(self) -> Sequence[Item]:
        """Coarse volumes, each round something that its party withholds from this one."""
        return self._hidden

    @cached_property
    def hidden(self) -> Picture:
        """The same as a picture."""
        return Picture(self._hidden)

    @cached_property
    def meetings(self) -> Meetings:
        """Every pair of items that meets."""
        return self.picture.meetings_within(self.gaps)

    @cached_property
    def breaches(self) -> Sequence[Breach]:
        """Every operation that is on the other party's side of an altitude split, the soonest first."""
        if not self.halves:
            return ()
        found = breaches(self.picture.index.volumes, self.picture.owner, self.halves)
        return sorted(found, key=lambda breach: breach.start_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A picture at one moment; several threads may ask it.

    Attributes:
        still: The picture.
        now: The time of the moment.
        unknown: What may be in the way, and nobody here can tell.
        seen_of: Tells where the aircraft of an operation are seen.
    """

    still: Still
    now: datetime
    unknown: Sequence[Unknown] = ()
    seen_of: Callable[[ItemId], Sequence[Seen]] = lambda _: ()

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
        query = self.picture.packed(OperationalIntent(id=_NOBODY, volumes=(area,)))
        # The area is of nobody, so that it meets the items of every party and zones too.
        nobody = query.owner * 0 - 1
        hits = self.picture.search(query._replace(owner=nobody, party=nobody), NO_MARGINS)
        ids = sorted({self.picture.owner(place).id for place in set(hits.stored.owner.tolist())})
        return ids[:limit], len(ids) > limit

    def check(self, item: Item, buffer: Buffer | None = None) -> Checked:
        """Check one item, declared or not, as if it stood in place of the one with its id.

        Args:
            item: The item.
            buffer: The gap that must be left; None for those that the party keeps and agreed to.
        """
        gaps = self.still.gaps if buffer is None else Gaps(buffer=buffer)
        self._require_answerable(item)
        findings = self.picture.findings_within(item, gaps)
        reason = self.undecided(item, buffer)
        return self._checked(findings, len(findings), gaps.buffer, reason, self._broken(item))

    def _broken(self, item: Item) -> Sequence[Breach]:
        """Return on which altitude splits' other side an item is."""
        is_over = isinstance(item, OperationalIntent) and item.state is IntentState.ENDED
        if is_over or not self.still.halves:
            return ()
        return breaches(self.picture.packed(item), lambda _: label_of(item), self.still.halves)

    def _require_answerable(self, item: Item) -> None:
        """Refuse what is too large, and what has the id of somebody else's item.

        The item would be judged in the place of that one, and so not against it.

        Raises:
            InvalidValueError: It is over a limit.
            NotOwnerError: The id is another party's.
        """
        self.still.policy.check_size(item)
        if item.id in self.picture:
            owner = self.picture.label(item.id).party
            if owner != item.party:
                raise NotOwnerError(item.id, owner)

    def undecided(self, item: Item, buffer: Buffer | None = None) -> str | None:
        """Tell whether something could be in the way that meets nothing in the picture.

        That is an altitude split, what is not known, and what has left the picture already.

        Args:
            item: The item.
            buffer: The gap that must be left; None for those that the party keeps and agreed to.

        Returns:
            What it is, and None where nothing could.
        """
        gap = self.still.gaps.widest if buffer is None else buffer
        if self._broken(item):
            return _SPLIT_BROKEN
        start_ms, end_ms = span_ms(item)
        gap_ms = round(gap.time_s * 1000.0)
        now_ms, kept_ms = floor_ms(self.now), self.still.kept_ms
        if end_ms + gap_ms < now_ms - kept_ms:
            return "all of it is over, and what was there then has left the picture"
        if max(start_ms, now_ms) - gap_ms < now_ms - kept_ms:
            return "the gap in time reaches back to what has left the picture already"
        not_known = self._not_known(start_ms - gap_ms, end_ms + gap_ms)
        return not_known or self._withheld(item, gap)

    def _withheld(self, item: Item, gap: Buffer) -> str | None:
        """Tell whether an item comes near to something that is withheld from this party."""
        found = self.still.hidden.findings_of(item, buffer=gap)
        if not found:
            return None
        names = ", ".join(f"{each.b.id!r} of {each.b.party!r}" for each in found[:REASONS_MAX])
        more = f" and {len(found) - REASONS_MAX} more" if len(found) > REASONS_MAX else ""
        return f"what is withheld may be in the way: {names}{more}; ask that party"

    def _not_known(self, start_ms: int, end_ms: int) -> str | None:
        """Tell what may be there during a window, and nobody here can tell."""
        reasons = [each.reason for each in self.unknown if each.may_touch(start_ms, end_ms)]
        if len(reasons) > REASONS_MAX:
            reasons = [*reasons[:REASONS_MAX], f"and {len(reasons) - REASONS_MAX} more"]
        return "; ".join(reasons) or None

    def conflicts(self, after: int, limit: int) -> Checked:
        """Check everything against everything, soonest first; what is over is left out.

        Args:
            after: So many are left out before.
            limit: At most so many findings are made.
        """
        meetings = self.still.meetings
        since_ms = floor_ms(self.now) - self.still.kept_ms
        soonest = meetings.soonest(since_ms)
        findings = [meetings.finding(number) for number in soonest[after : after + limit].tolist()]
        not_known = self._not_known(since_ms, _FOR_EVER_MS)
        broken = [breach for breach in self.still.breaches if breach.end_ms >= since_ms]
        return self._checked(findings, len(soonest), self.still.gaps.buffer, not_known, broken)

    def resolve(self, item: Item, limits: Limits, buffer: Buffer | None = None) -> Resolution:
        """Find the smallest changes that clear an item of everything else.

        Args:
            item: The item.
            limits: How far to look. Without a `not_before`, what has not begun is not moved to before
                now, and what has begun is not moved to begin earlier.
            buffer: The gap that must be left; None for one that is as wide as any that the party keeps or
                agreed to.
        """
        self._require_answerable(item)
        if limits.not_before is None:
            begins = instant_of(min(volume.time.start_ms for volume in item.volumes))
            limits = replace(limits, not_before=min(begins, self.now))
        gap = self.still.gaps.widest if buffer is None else buffer
        return self._within_splits(resolve_in(self.picture, item, limits=limits, buffer=gap))

    def _within_splits(self, found: Resolution) -> Resolution:
        """Leave out changes to the other party's side of an altitude split, and say so."""
        broken = [change for change in found.changes if self._broken(change.item)]
        return replace(
            found,
            changes=tuple(change for change in found.changes if change not in broken),
            undecided=(*found.undecided, *((change.kind, _SPLIT_BROKEN) for change in broken)),
        )

    def _checked(
        self,
        findings: Sequence[Finding],
        total: int,
        buffer: Buffer,
        reason: str | None,
        broken: Sequence[Breach],
    ) -> Checked:
        return Checked(
            findings=findings,
            total=total,
            operation_count=len(self.picture) - self.picture.zone_count,
            zone_count=self.picture.zone_count,
            seq=self.still.seq,
            now=self.now,
            buffer=buffer,
            reason=None if total or broken else reason,
            breaches=broken[:BREACHES_MAX],
            breach_total=len(broken),
        )
