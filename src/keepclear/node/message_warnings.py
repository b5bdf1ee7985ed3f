"""What is odd about a message: positions far from all that is declared, and notices that come too late.

It is told to whoever is about to sign, and to both ends while the message waits. What could not be looked at
is told as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from keepclear.core.deeds import Heard
from keepclear.core.dialogues import Sent
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import Message, Position
from keepclear.core.notice import NoticeCheck
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.times import floor_ms
from keepclear.core.whereabouts import Whereabouts
from keepclear.node.detect import Moment
from keepclear.node.logs import Logs
from keepclear.node.notices import NOTICES, Noticing
from keepclear.node.ports import ItemForm, LogReading

KEPT_MAX: Final = 1_000
"""So many positions, and notices, are kept as they were found until something changes."""
KEPT_MS: Final = 10_000
"""They are kept for no longer than this."""
NOTICES_CHECKED_MAX: Final = 10
"""So many notices of one list are checked anew at the desk; of the rest it is told that they were not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A message of which it is asked whether anything is odd.

    Attributes:
        by: Who sends it.
        message: The message.
        sent_ms: When it is sent, milliseconds since 1970; of one that is held here its dialogue tells that.
        ref: Its reference number; None for one that is not sent yet.
    """

    by: PartyId
    message: Message
    sent_ms: int
    ref: MessageRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """What is odd about a message.

    Attributes:
        far: Its fields with positions that are far from everything declared, and how far.
        notice: Whether it leaves time enough; None where it announces nothing, or was not checked.
        is_checked: Whether the notice was checked, where it is one.
        refs: The versions of the items in that, by what this node calls them.
    """

    far: Sequence[tuple[str, Whereabouts]] = ()
    notice: NoticeCheck | None = None
    is_checked: bool = True
    refs: Mapping[ItemId, ItemRef] = field(default_factory=dict)

    @property
    def items(self) -> set[ItemId]:
        """The items in that, as this node calls them."""
        nearest = {where.nearest.id for _, where in self.far if where.nearest is not None}
        return nearest | {each.item for each in (self.notice.affected if self.notice else ())}


def can_be_odd(message: Message) -> bool:
    """Tell whether there is anything to look at."""
    return message.code in NOTICES or any(isinstance(value, Position) for _, value in message.fields)


def refs_of(logs: Logs, items: Iterable[ItemId]) -> Mapping[ItemId, ItemRef]:
    """Return the latest versions of items, by what this node calls them; without those never stated."""
    versions = ((item, logs.ledger.current(*logs.parted(item))) for item in items)
    return {item: version.ref for item, version in versions if version is not None}


def misheard(logs: Logs, heard: Heard) -> Sent | None:
    """Return the message that was written down by voice, where it is here and says something else."""
    if heard.n is None:
        return None
    sent = logs.ledger.hotline.message(MessageRef(party=heard.by, n=heard.n))
    return sent if sent is not None and not sent.by_voice and sent.message != heard.message else None


class NoticeChecks:
    """Checks of notices, kept until something changes; for the thread of the desk.

    What is kept is kept by the reference number: two messages with one are never held.
    """

    def __init__(self) -> None:
        self._mark = (-1, -1, -1)
        self._known: dict[tuple[MessageRef, Message], NoticeCheck | None] = {}

    def of(
        self, asked: Sequence[Asked], logs: Logs, moment: Moment, reading: LogReading, form: ItemForm
    ) -> list[tuple[NoticeCheck | None, bool]]:
        """Return of each message what its check finds, None where there is none, and whether it was made."""
        mark = moment.seq, logs.mark, floor_ms(moment.now) // KEPT_MS
        if mark != self._mark or len(self._known) > KEPT_MAX:
            self._mark, self._known = mark, {}
        noticing, left = Noticing(logs=logs, moment=moment, reading=reading, form=form), NOTICES_CHECKED_MAX
        found: list[tuple[NoticeCheck | None, bool]] = []
        for each in asked:
            if each.message.code not in NOTICES:
                found.append((None, True))
                continue
            key = None if each.ref is None else (each.ref, each.message)
            if key is not None and key in self._known:
                found.append((self._known[key], True))
                continue
            if not left:
                found.append((None, False))
                continue
            left -= 1
            if each.ref is None:
                check = noticing.of_message(each.by, each.message, each.sent_ms)
            else:
                check = noticing.of(each.ref)
            if key is not None:
                self._known[key] = check
            found.append((check, True))
        return found
