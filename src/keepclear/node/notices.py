"""Notices: what a message announces, held against the time that those in its way need to get clear.

The time that a notice gives does not begin with the signature. It counts from when the node of the party that
it goes to had it, and an officer there had read it, or had answered what is asked; while that is not so, from
now. It never counts from before the sender's node put it into the log, whatever the clock of an officer says.

Both ends compute it from the same statements, and so find the same operations, distances and needs. What
differs is how much of the time is left by now, which receipts have come through, and what the sender's node
may not read of the other party, or does not hold yet. There the answer is "cannot tell", while the node that
is told knows its own. Where a node sees the aircraft of an operation itself, the way from there counts: that
it may see, and the other end not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from keepclear.core.agreements import Agreement
from keepclear.core.conflicts import Buffer, Gaps, Item
from keepclear.core.dialogues import Dialogue, Read, Sent
from keepclear.core.intents import ItemId, OperationalIntent, PartyId
from keepclear.core.messages import Code, Message, Response
from keepclear.core.notice import LeadTime, Notice, NoticeCheck, check_notice, kept_clear, postponed
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.times import floor_ms
from keepclear.node.coordinate import delivery
from keepclear.node.detect import REASONS_MAX, Moment
from keepclear.node.logs import Logs
from keepclear.node.policy import span_ms
from keepclear.node.ports import Foreign, ItemForm, LogReading
from keepclear.node.sharing import audience_of_message

NOTICES: Final = frozenset(
    {
        Code.NOTICE_OPERATION,
        Code.NOTICE_CHANGE,
        Code.NOTICE_ZONE,
        Code.REQUEST_KEEP_CLEAR,
        Code.SEARCH_AREA,
        Code.MOVEMENT_NOTICE,
        Code.MOVEMENT_DELAYED,
        Code.LEG_START,
    }
)
"""Messages after which somebody has to get out of the way of an item."""
NOTICE_VOLUMES_MAX: Final = 200
"""Of an item with more volumes it is not told whether its notice leaves time enough: the check is made at the
desk, where everybody waits for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticing:
    """Questions to the logs and the picture at one moment.

    Attributes:
        logs: The logs.
        moment: What is held.
        reading: What the store has.
        form: How items are written.
    """

    logs: Logs
    moment: Moment
    reading: LogReading
    form: ItemForm

    def of(self, ref: MessageRef) -> NoticeCheck | None:
        """Tell whether a message leaves time enough; None where it is not known, or announces nothing."""
        now_ms = floor_ms(self.moment.now)
        dialogue = self.logs.ledger.hotline.dialogue(ref, now_ms)
        if dialogue is None or dialogue.asked.message.code not in NOTICES:
            return None
        sent = dialogue.asked
        sent_ms = _since_ms(sent)
        came_ms = max(sent_ms, self._came_ms(dialogue, now_ms))
        heeded_ms = _heeded_ms(dialogue)
        counts_ms = max(came_ms, now_ms if heeded_ms is None else heeded_ms)
        return self._checked(sent.ref.party, sent.message, _Given(sent_ms, came_ms, counts_ms))

    def of_message(self, by: PartyId, message: Message, sent_ms: int) -> NoticeCheck | None:
        """Tell whether a message leaves time enough if it is sent, comes and is read at an instant.

        Args:
            by: Who sends it.
            message: The message.
            sent_ms: The instant, milliseconds since 1970.

        Returns:
            That; None where it announces nothing.
        """
        if message.code not in NOTICES:
            return None
        return self._checked(by, message, _Given(sent_ms, sent_ms, sent_ms))

    def _came_ms(self, dialogue: Dialogue, now_ms: int) -> int:
        """Return when the node of the party that was addressed had a message; now, where it has not yet.

        A signature there tells it, or this node's own clock. Where neither does, an officer of that party
        had read it at least; as had one who wrote it down by voice, and did so rightly, before it came.
        """
        ref, to, read = dialogue.asked.ref, dialogue.asked.message.to, dialogue.seen
        came_ms: int | None = None
        if dialogue.asked.by_voice:
            came_ms = dialogue.asked.at_ms
        elif to == self.logs.own:
            entries = self.reading.entries(ref.party, ref.n, 1)
            came_ms = entries[0].taken_ms if entries else None
        else:
            audience = audience_of_message(dialogue.asked.message, ref.party)
            at_s = delivery(ref, to, self.logs, self.reading, to=audience, is_read=read is not None).at_s
            came_ms = None if at_s is None else at_s * 1000
        if read is not None and (came_ms is None or dialogue.heard):
            return _since_ms(read) if came_ms is None else min(came_ms, _since_ms(read))
        return now_ms if came_ms is None else came_ms

    def _checked(self, by: PartyId, message: Message, given: _Given) -> NoticeCheck:
        ref = message.values["item"]
        assert isinstance(ref, ItemRef), "the table of messages says so"
        if ref.party == message.to:
            return _not_told(f"{ref.id!r} is an item of {message.to!r} itself")
        declared = self._version(ref).item
        if declared is None:
            return _not_told(f"version {ref.version} of {ref.id!r} of {ref.party!r} cannot be read here")
        if len(declared.volumes) > NOTICE_VOLUMES_MAX:
            many = f"{ref.id!r} of {ref.party!r} has {len(declared.volumes):,} volumes"
            return _not_told(f"{many}; notices of more than {NOTICE_VOLUMES_MAX} are not checked")
        ledger = self.logs.ledger
        gap = Gaps(agreed=ledger.agreed_gaps()).between(ref.party, message.to)
        agreement = ledger.agreements.current(*sorted((by, message.to)))
        item, begins_ms = _announced(message, declared, given.sent_ms)
        notice = Notice(
            item=item,
            begins_ms=begins_ms,
            sent_ms=given.sent_ms,
            counts_ms=given.counts_ms,
            now_ms=floor_ms(self.moment.now),
        )
        found = check_notice(
            notice,
            self.moment.picture,
            of=message.to,
            gap=gap,
            clearing=None if agreement is None else agreement.terms_of(message.to).clearing,
            speed_of=self._speed_mps,
            seen_of=self.moment.seen_of,
        )
        return replace(
            found,
            unknown=self._unknown(notice.announced, message.to, gap),
            lead=_lead_time(message.code, agreement, (begins_ms - given.came_ms) / 1e3),
        )

    def _version(self, ref: ItemRef) -> Foreign:
        version = self.logs.ledger.version(ref)
        if version is None or version.text is None:
            return Foreign(None)
        return self.form.read_foreign(version.text, self.logs.local_id(ref.party, ref.id), ref.party)

    def _speed_mps(self, local_id: ItemId) -> float | None:
        """Return the slowest speed that an operation states; None where it states none."""
        version = self.logs.ledger.current(*self.logs.parted(local_id))
        item = None if version is None else self._version(version.ref).item
        return item.speed_mps if isinstance(item, OperationalIntent) else None

    def _unknown(self, item: Item, party: PartyId, gap: Buffer) -> tuple[str, ...]:
        """Return what of a party may be in the way, and cannot be judged here."""
        if party == self.logs.own:
            return ()
        withheld = self.moment.still.hidden.findings_of(item, buffer=gap)
        start_ms, end_ms = span_ms(item)
        gap_ms = round(gap.time_s * 1e3)
        reasons = [f"{each.b.id!r} of {party!r} is withheld" for each in withheld if each.b.party == party]
        reasons += [
            each.reason for each in self.moment.unknown if each.may_touch(start_ms - gap_ms, end_ms + gap_ms)
        ]
        return _shortened(reasons)


class _Given(NamedTuple):
    """When a message was sent and came, and from when its time counts; milliseconds since 1970."""

    sent_ms: int
    came_ms: int
    counts_ms: int


def _since_ms(said: Sent | Read) -> int:
    """Return when something was said: no earlier than either its officer or the node says."""
    return said.at_ms if said.stated_ms is None else max(said.at_ms, said.stated_ms)


def _heeded_ms(dialogue: Dialogue) -> int | None:
    """Return when a message was read where it went to, and a request answered; None while it was not."""
    if dialogue.asked.message.type.response is Response.COMPLY:
        return None if dialogue.answer is None else _since_ms(dialogue.answer)
    return None if dialogue.seen is None else _since_ms(dialogue.seen)


def _announced(message: Message, item: Item, sent_ms: int) -> tuple[Item, int]:
    """Return when a message says that an item is where, and when that begins, milliseconds since 1970."""
    values = message.values
    begins_ms = values.get("begins", values.get("at", span_ms(item)[0]))
    assert isinstance(begins_ms, int), "the table of messages says so"
    match message.code:
        case Code.REQUEST_KEEP_CLEAR | Code.SEARCH_AREA:
            until_ms = values["until"]
            assert isinstance(until_ms, int), "the table of messages says so"
            item = kept_clear(item, sent_ms, until_ms)
        case Code.MOVEMENT_DELAYED | Code.LEG_START:
            item = postponed(item, begins_ms)
        case _:
            pass
    return item, begins_ms


def _not_told(reason: str) -> NoticeCheck:
    return NoticeCheck(affected=(), unknown=(reason,))


def _shortened(reasons: Sequence[str]) -> tuple[str, ...]:
    if len(reasons) <= REASONS_MAX:
        return tuple(reasons)
    return (*reasons[:REASONS_MAX], f"and {len(reasons) - REASONS_MAX} more")


def _lead_time(code: Code, agreement: Agreement | None, given_s: float) -> LeadTime | None:
    if code is not Code.MOVEMENT_NOTICE or agreement is None:
        return None
    return LeadTime(given_s=given_s, agreed_s=agreement.lead_s, emergency_s=agreement.lead_emergency_s)
