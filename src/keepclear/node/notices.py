"""Notices: what a message announces, held against the time that those in its way need to get clear.

Both ends compute it from the same statements, and so find the same operations, distances and times. Two
things differ: how much of the time is left by now; and what the sender's node may not read of the other
party, or does not hold yet. There the answer is "cannot tell", while the node that is told knows its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from keepclear.core.agreements import Agreement
from keepclear.core.conflicts import Buffer, Gaps, Item
from keepclear.core.intents import ItemId, OperationalIntent, PartyId
from keepclear.core.messages import Code, Message
from keepclear.core.notice import LeadTime, Notice, NoticeCheck, check_notice
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.times import floor_ms
from keepclear.node.detect import REASONS_MAX, Moment
from keepclear.node.logs import Logs
from keepclear.node.policy import span_ms
from keepclear.node.ports import Foreign, ItemForm

NOTICES: Final = frozenset(
    {
        Code.NOTICE_OPERATION,
        Code.NOTICE_ZONE,
        Code.REQUEST_KEEP_CLEAR,
        Code.SEARCH_AREA,
        Code.MOVEMENT_NOTICE,
    }
)
"""Messages after which somebody has to get out of the way of an item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticing:
    """Questions to the logs and the picture at one moment.

    Attributes:
        logs: The logs.
        moment: What is held.
        form: How items are written.
    """

    logs: Logs
    moment: Moment
    form: ItemForm

    def of(self, ref: MessageRef) -> NoticeCheck | None:
        """Tell whether a message leaves time enough; None where it is not known, or announces nothing."""
        sent = self.logs.ledger.hotline.message(ref)
        return None if sent is None else self.of_message(sent.ref.party, sent.message, sent.at_ms)

    def of_message(self, by: PartyId, message: Message, sent_ms: int) -> NoticeCheck | None:
        """Tell whether a message, sent or not, leaves time enough; None where it announces nothing.

        Args:
            by: Who sends it.
            message: The message.
            sent_ms: When it is sent, milliseconds since 1970.
        """
        if message.code not in NOTICES:
            return None
        ref = message.values["item"]
        assert isinstance(ref, ItemRef), "the table of messages says so"
        if ref.party == message.to:
            return _not_told(f"{ref.id!r} is an item of {message.to!r} itself")
        item = self._version(ref).item
        if item is None:
            return _not_told(f"version {ref.version} of {ref.id!r} of {ref.party!r} cannot be read here")
        ledger = self.logs.ledger
        gap = Gaps(agreed=ledger.agreed_gaps()).between(ref.party, message.to)
        agreement = ledger.agreements.current(*sorted((by, message.to)))
        begins = message.values.get("begins", span_ms(item)[0])
        assert isinstance(begins, int), "the table of messages says so"
        notice = Notice(item=item, begins_ms=begins, sent_ms=sent_ms, now_ms=floor_ms(self.moment.now))
        found = check_notice(
            notice,
            self.moment.picture,
            of=message.to,
            gap=gap,
            clearing=None if agreement is None else agreement.terms_of(message.to).clearing,
            speed_of=self._speed_mps,
        )
        return replace(
            found,
            unknown=self._unknown(notice.announced, message.to, gap),
            lead=_lead_time(message.code, agreement, (begins - sent_ms) / 1e3),
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
