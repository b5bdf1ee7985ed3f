"""Coordinate: whom an item concerns, who has received and seen it, and which conflicts are open.

Only the statements that are held decide, with the gaps that the parties agreed: nodes that hold equal
sets of statements come to equal answers. What links and clocks do is another matter (`detect`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from keepclear.core.agreements import AreaOfInterest
from keepclear.core.conflicts import Gaps, Item, Verdict, label_of
from keepclear.core.deeds import Change
from keepclear.core.intents import ItemId, OperationalIntent, PartyId
from keepclear.core.ledger import Coordination, ItemVersion, Ledger, Said, coordination_of
from keepclear.core.picture import Picture
from keepclear.core.refs import MessageRef
from keepclear.core.split import Breach, breaches
from keepclear.core.times import TimeWindow
from keepclear.core.volumes import Volume3D, Volume4D
from keepclear.node.logs import Logs
from keepclear.node.outcomes import NotFoundError
from keepclear.node.ports import Cosigned, Foreign, ItemForm, LogReading
from keepclear.node.sharing import was_held_back

_AREA = ItemId("area")


class Delivery(NamedTuple):
    """Whether the node of a party has an entry of another's log.

    Attributes:
        is_delivered: Whether it is sure to have it: the text, not a hash only.
        at_s: When it signed that first, by its own clock, seconds since 1970; None where only a later
            statement of it shows it, or what it signed may have been for a hash.
    """

    is_delivered: bool
    at_s: int | None


def delivery(
    entry: MessageRef,
    reader: PartyId,
    logs: Logs,
    reading: LogReading,
    *,
    to: Sequence[PartyId],
    is_read: bool,
    was_held_back: bool = False,
) -> Delivery:
    """Tell whether the node of a party has an entry of another's log: only what it signed shows that.

    What not everybody may read comes round a third party as a hash, and is signed for all the same. So more
    is asked: that an officer read it, or that its node asks, by a link, only for what comes after it.

    Args:
        entry: The entry, which is held here.
        reader: The party.
        logs: The logs.
        reading: What the store has.
        to: Who may read it; empty for everybody.
        is_read: Whether an officer of the party signed that it was read, or answered it.
        was_held_back: Whether it was withheld from the party for a time: then the hash was given first.
    """
    owner, n = entry.party, entry.n
    signed = reading.first_cosigned(owner, reader, n)
    if signed is not None and not logs.is_of_held(signed):  # of another story: a later one may be of this
        largest = (each for each in reading.cosigned(owner) if each.witness == reader and each.size > n)
        signed = next((each for each in largest if logs.is_of_held(each)), None)
    said = logs.ledger.received(reader, owner) > n
    is_delivered = signed is not None or said or reader == logs.own
    at_s = None if signed is None else signed.at_s
    if reader == logs.own or not (was_held_back or _may_be_hash(to, reader, logs)):
        return Delivery(is_delivered, at_s)
    if was_held_back or reader not in to:
        return Delivery(is_read, None)
    has_text = owner == logs.own and logs.own_read_by.get(reader, 0) > n
    return Delivery(is_read or (is_delivered and has_text), None)


def _may_be_hash(to: Sequence[PartyId], reader: PartyId, logs: Logs) -> bool:
    """Tell whether a party may have signed no more than the hash of an entry.

    What it may read comes as a hash only from somebody who may not: where there is nobody else, it does not.
    """
    return bool(to) and (reader not in to or not set(logs.parties) <= {logs.own, reader})


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What is known of one party and one version of an item; the three are never mixed up.

    Attributes:
        party: The party.
        is_concerned: Whether the item concerns it.
        is_delivered: Whether its node has received it.
        delivered_s: When its node signed that, by its own clock, seconds since 1970; None where only
            a later statement of it shows it.
        seen: Which officer acknowledged it; None for nobody.
        answered: Which officer answered it; None for nobody.
    """

    party: PartyId
    is_concerned: bool
    is_delivered: bool
    delivered_s: int | None
    seen: Said | None
    answered: Said | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinated:
    """How far an item is coordinated.

    Attributes:
        item: Its latest version.
        local_id: How this node calls it.
        state: How far.
        receipts: What is known of each other party, sorted.
        conflicts: The items of others that it conflicts with, as this node calls them, sorted.
        open_conflicts: Those of them that no accepted proposal clears.
        breaches: On which altitude splits' other side it is, while they apply.
        remark: What is wrong with it, and how it is judged all the same; None where nothing is.
    """

    item: ItemVersion
    local_id: ItemId
    remark: str | None
    state: Coordination
    receipts: Sequence[Receipt]
    conflicts: Sequence[ItemId]
    open_conflicts: Sequence[ItemId]
    breaches: Sequence[Breach] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinating:
    """Questions to the logs and the picture at one moment.

    Attributes:
        logs: The logs.
        picture: What is held.
        reading: What the store has.
        form: How items are written.
    """

    logs: Logs
    picture: Picture
    reading: LogReading
    form: ItemForm

    @property
    def _ledger(self) -> Ledger:
        return self.logs.ledger

    def of(self, local_id: str) -> Coordinated:
        """Tell how far an item is coordinated.

        Raises:
            NotFoundError: No statement of it is held.
        """
        party, item_id = self.logs.parted(local_id)
        version = self._ledger.current(party, item_id)
        if version is None:
            raise NotFoundError(local_id)
        return self.of_version(version)

    def of_version(self, version: ItemVersion) -> Coordinated:
        """Tell how far the latest version of an item is coordinated."""
        local_id = self.logs.local_id(version.ref.party, version.ref.id)
        foreign = self._foreign(version)
        item = foreign.item
        conflicts = [] if item is None else list(self._conflicts(item))
        broken = [] if item is None else self._breaches(item)
        is_open = [other for other in conflicts if not self._is_cleared(version, other)]
        parties = [party for party in self.logs.parties if party != version.ref.party]
        concerned = [p for p in parties if item is None or self._is_concerned(p, version.ref.party, item)]
        return Coordinated(
            item=version,
            local_id=local_id,
            remark=foreign.remark,
            state=coordination_of(version, concerned, is_open, self._ledger, is_in_breach=bool(broken)),
            receipts=[self._receipt(version, party, party in concerned) for party in parties],
            conflicts=[self._local_id(other) for other in conflicts],
            open_conflicts=[self._local_id(other) for other in is_open],
            breaches=broken,
        )

    def _local_id(self, version: ItemVersion) -> ItemId:
        return self.logs.local_id(version.ref.party, version.ref.id)

    def _foreign(self, version: ItemVersion) -> Foreign:
        """Return what can be made of a version; no item where it is over or cannot be judged."""
        if version.is_over or version.text is None:
            return Foreign(None)
        return self.form.read_foreign(version.text, self._local_id(version), version.ref.party)

    @property
    def _gaps(self) -> Gaps:
        return Gaps(agreed=self._ledger.agreed_gaps())

    def _conflicts(self, item: Item) -> Iterator[ItemVersion]:
        """Yield the latest versions of the items of others that an item conflicts with, sorted."""
        found = self.picture.findings_within(item, self._gaps)
        for local_id in sorted(each.b.id for each in found if each.verdict is Verdict.CONFLICT):
            other = self._ledger.current(*self.logs.parted(local_id))
            if other is not None:
                yield other

    def _breaches(self, item: Item) -> Sequence[Breach]:
        """Return on which altitude splits' other side an item is."""
        halves = self._ledger.halves()
        return breaches(self.picture.packed(item), lambda _: label_of(item), halves) if halves else ()

    def _is_cleared(self, a: ItemVersion, b: ItemVersion) -> bool:
        """Tell whether what both parties accepted clears a conflict."""
        changes = self._ledger.negotiations.accepted_changes((a.ref, b.ref))
        if not changes:
            return False
        one, other = (self._changed(version, changes) for version in (a, b))
        if one is None or other is None:
            return False
        return not Picture([other]).findings_within(one, self._gaps)

    def _changed(self, version: ItemVersion, changes: Sequence[Change]) -> Item | None:
        text = next((change.becomes for change in changes if change.item == version.ref), version.text)
        if text is None:
            return None
        return self.form.read_foreign(text, self._local_id(version), version.ref.party).item

    def _is_concerned(self, party: PartyId, owner: PartyId, item: Item) -> bool:
        """Tell whether a party's area of interest meets an item widened by the agreed gap."""
        agreement = self._ledger.agreements.current(*sorted((party, owner)))
        areas = () if agreement is None else agreement.terms_of(party).areas
        if not areas:
            return True  # nothing was agreed, or everywhere
        area = OperationalIntent(id=_AREA, party=party, volumes=_during(areas, item))
        operation = OperationalIntent(id=ItemId("item"), party=owner, volumes=item.volumes)
        return bool(Picture([area]).findings_within(operation, self._gaps))

    def _receipt(self, version: ItemVersion, party: PartyId, is_concerned: bool) -> Receipt:
        seen, answered = (said(version.ref).get(party) for said in (self._ledger.seen, self._ledger.answered))
        is_delivered, delivered_s = delivery(
            MessageRef(party=version.ref.party, n=version.n),
            party,
            self.logs,
            self.reading,
            to=version.to,
            is_read=seen is not None or answered is not None,
            was_held_back=was_held_back(version, party, self.logs, self.form),
        )
        return Receipt(
            party=party,
            is_concerned=is_concerned,
            is_delivered=is_delivered,
            delivered_s=delivered_s,
            seen=seen,
            answered=answered,
        )


def _during(areas: Sequence[AreaOfInterest], item: Item) -> tuple[Volume4D, ...]:
    """Return areas for as long as an item lasts."""
    windows = [volume.time for volume in item.volumes]
    window = TimeWindow(start=min(w.start for w in windows), end=max(w.end for w in windows))
    return tuple(
        Volume4D(volume=Volume3D(outline=area.outline, altitude=area.altitude), time=window) for area in areas
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Had:
    """What a party had of another's item at an instant: delivered, seen and answered apart.

    Attributes:
        item: The version.
        local_id: How this node calls the item.
        delivered_s: When the party's node signed that it had it; None where nothing shows that.
        seen: Which officer had acknowledged it by then; None for nobody.
        answered: Which officer had answered it by then; None for nobody.
    """

    item: ItemVersion
    local_id: ItemId
    delivered_s: int | None
    seen: Said | None
    answered: Said | None


def had_at(party: PartyId, at_ms: int, logs: Logs, reading: LogReading, form: ItemForm) -> Sequence[Had]:
    """Tell what a party's node had received, and its officers had seen and answered, at an instant.

    Delivered by the party's own clock, as its node signed it; seen and answered by its officers' clocks. What
    it may have signed of a hash only is not called delivered.

    Args:
        party: The party.
        at_ms: The instant, milliseconds since 1970.
        logs: The logs.
        reading: What the store has.
        form: How items are written.

    Returns:
        For each item of the other parties that was stated by then, the latest version stated by then,
        sorted by party and id.
    """
    signed: dict[PartyId, Cosigned] = {each.party: each for each in reading.cosigned_by(party, at_ms // 1000)}
    result = []
    for version in logs.ledger.latest_at(at_ms):
        if version.ref.party == party:
            continue
        receipt = signed.get(version.ref.party)
        is_delivered = (
            receipt is not None
            and receipt.size > version.n
            and logs.is_of_held(receipt)
            and not _may_be_hash(version.to, party, logs)
            and not was_held_back(version, party, logs, form)
        )
        result.append(
            Had(
                item=version,
                local_id=logs.local_id(version.ref.party, version.ref.id),
                delivered_s=receipt.at_s if receipt is not None and is_delivered else None,
                seen=_by(logs.ledger.seen(version.ref).get(party), at_ms),
                answered=_by(logs.ledger.answered(version.ref).get(party), at_ms),
            )
        )
    return result


def _by(said: Said | None, at_ms: int) -> Said | None:
    return said if said is not None and said.at_ms <= at_ms else None
