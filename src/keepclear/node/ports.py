"""What the use cases need from outside: a store, a form for items, a clock.

Each port says what every adapter must do; `tests/contracts` holds all of them to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple, Protocol

from keepclear.core.conflicts import Item, Label
from keepclear.core.intents import IntentState, ItemId, PartyId
from keepclear.core.packed import Ints, PackedVolumes

Clock = Callable[[], datetime]
"""Returns the present instant, aware."""


class EventKind(Enum):
    """What an entry of the event log says."""

    DECLARED = "declared"
    AMENDED = "amended"
    STATE_CHANGED = "state_changed"
    WITHDRAWN = "withdrawn"


class Standing(Enum):
    """How a declaration stood towards what was known when it was made."""

    CLEAR = "clear"
    """Nothing that was known conflicted with it."""
    CONFLICTING = "conflicting"
    """It was declared knowingly into a conflict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something.

    Attributes:
        party: For which party.
        person: Which person of it.
    """

    party: PartyId
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One version of an item, as the log has it.

    Attributes:
        seq: The entry of the event log that made this version; 0 while it is not appended.
        kind: What happened.
        label: Whose item it is, and what else a finding tells of it.
        state: The state of an operation; None for a zone.
        start_ms: When its first volume starts, milliseconds since 1970.
        end_ms: When its last volume ends.
        text: The item as `ItemForm.write` writes it.
        version: 1 when declared, one more with each change.
        standing: How it stood when it was judged last.
        actor: Who made this version.
        at: When this version was made, to the millisecond.
    """

    seq: int
    kind: EventKind
    label: Label
    state: IntentState | None
    start_ms: int
    end_ms: int
    text: bytes
    version: int
    standing: Standing
    actor: Actor
    at: datetime

    @property
    def is_withdrawn(self) -> bool:
        """Whether its owner took it back; it then only serves as history."""
        return self.kind is EventKind.WITHDRAWN

    @property
    def is_over(self) -> bool:
        """Whether it was withdrawn or has ended: it is in no picture any more."""
        return self.is_withdrawn or self.state is IntentState.ENDED


class ItemForm(Protocol):
    """How items are written down."""

    def write(self, item: Item) -> bytes:
        """Return the text of an item; equal items have the same text."""

    def read(self, text: bytes) -> Item:
        """Return the item that was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which records a list shows.

    Attributes:
        after: Only ids that sort after this one.
        party: Only items of this party; None for all.
        is_zone: Only zones or only operations; None for both.
        state: Only operations in this state; None for all.
        ending_from_ms: Only items that do not end before; None for all. What was withdrawn or has
            ended is then left out too.
        limit: At most so many.
    """

    after: str = ""
    party: str | None = None
    is_zone: bool | None = None
    state: IntentState | None = None
    ending_from_ms: int | None = None
    limit: int = 100


class Holding(NamedTuple):
    """What a picture is filled with at the start.

    Attributes:
        seq: The last entry of the log that it holds.
        labels: The items, in the order of their last entries.
        end_ms: When each ends, shape (n,).
        volumes: Their volumes; `owner` is a place in `labels`.
    """

    seq: int
    labels: Sequence[Label]
    end_ms: Ints
    volumes: PackedVolumes


class Transaction(Protocol):
    """One serial transaction: nobody else writes until it ends."""

    def record(self, item_id: ItemId) -> Record | None:
        """Return the latest version of an item, a withdrawn one too; None if it never was."""

    def records_after(self, seq: int) -> Sequence[Record]:
        """Return all entries of the log after a number, in their order."""

    def append(self, record: Record, item: Item) -> Record:
        """Add an entry to the log and make it the latest version of its item.

        Args:
            record: The entry; its `seq` is set here.
            item: The item that its text stands for.

        Returns:
            The entry with its number: one more than the last, without gaps.
        """

    def savepoint(self) -> AbstractContextManager[None]:
        """Begin a part that is undone alone when it is left by an exception."""


class Store(Protocol):
    """Keeps the event log and the latest version of each item.

    What was written when `transaction` ended is there after a crash of the process or the machine,
    unless the store says otherwise of itself. Reading sees what was committed, and may go on in
    other threads while a transaction is under way.

    Raises:
        StoreError: From every method: it could not be read or written.
    """

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Begin a serial transaction; leaving it by an exception undoes all of it."""

    def record(self, item_id: ItemId) -> Record | None:
        """Return the latest version of an item, a withdrawn one too; None if it never was."""

    def records(self, wanted: Wanted) -> Sequence[Record]:
        """Return the latest versions of items, sorted by id."""

    def history(self, item_id: ItemId, after_version: int, limit: int) -> Sequence[Record]:
        """Return the versions of an item after one, oldest first."""

    def records_after(self, seq: int, limit: int) -> Sequence[Record]:
        """Return entries of the log after a number, in their order."""

    def last_seq(self) -> int:
        """Return the number of the last entry of the log; 0 for an empty one."""

    def holding(self, ending_from_ms: int) -> Holding:
        """Return the volumes of every item that is not over and does not end before."""

    def close(self) -> None:
        """Release everything; the store cannot be used any more."""
