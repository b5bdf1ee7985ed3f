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

from keepclear.core.agreements import Agreement
from keepclear.core.bundles import Cosignature, LogPart
from keepclear.core.conflicts import Item, Label
from keepclear.core.deeds import SignedDeed
from keepclear.core.intents import IntentState, ItemId, PartyId
from keepclear.core.packed import Ints, PackedVolumes
from keepclear.core.parties import KeyAct
from keepclear.core.statements import Head, Statement

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
    RECEIVED = "received"
    """Another party stated it to its own log; it was not judged on the way in."""


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


class Foreign(NamedTuple):
    """What can be made of an item that another party states.

    Attributes:
        item: It; where its shapes are bad, with hulls in their place. None where it cannot be judged.
        remark: What is wrong with it; None where nothing is.
        window_ms: Of one that cannot be judged, when it may be, as far as it says so.
    """

    item: Item | None
    remark: str | None = None
    window_ms: tuple[int, int] | None = None


class ItemForm(Protocol):
    """How items are written down."""

    def write(self, item: Item) -> bytes:
        """Return the text of an item; equal items have the same text."""

    def read(self, text: bytes) -> Item:
        """Return the item that was written."""

    def read_foreign(self, text: bytes, item_id: ItemId, party: PartyId) -> Foreign:
        """Make what can be made of an item of another party, whatever it says; never raise.

        Args:
            text: What the party stated.
            item_id: How this node calls the item.
            party: Whose it is, whatever the text says.
        """

    def write_part(self, part: LogPart) -> bytes:
        """Write a part of a log that waits for a gap to be filled."""

    def read_part(self, text: bytes) -> LogPart:
        """Return the part that was written."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownParty:
    """A party that people pinned by its fingerprint.

    Attributes:
        id: The party.
        name: How people call it.
        card: What was pinned, as `codec.cards` writes it.
        is_own: Whether it is the party of this node.
        pinned_ms: When, milliseconds since 1970.
    """

    id: PartyId
    name: str
    card: str
    is_own: bool
    pinned_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a party's log.

    Attributes:
        party: Whose log.
        n: Which entry, from 0.
        leaf: The hash that the tree is over, 32 bytes.
        jws: The signed statement; None while it is withheld from this node.
        taken_ms: When this node took it, by its own clock.
    """

    party: PartyId
    n: int
    leaf: bytes
    jws: bytes | None
    taken_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHead:
    """The head of a log as its owner signed it (C2SP checkpoint).

    Attributes:
        party: Whose log.
        size: How many entries.
        note: The signed note.
        taken_ms: When this node took it.
    """

    party: PartyId
    size: int
    note: str
    taken_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosigned:
    """What a witness signed of the head of a log: it had received it up to there (C2SP cosignature).

    Attributes:
        party: Whose log.
        witness: Who had received it.
        size: How many entries.
        at_s: When, by the witness's clock, seconds since 1970.
        body: The head that was signed.
        line: The signature line.
        taken_ms: When this node took it.
    """

    party: PartyId
    witness: PartyId
    size: int
    at_s: int
    body: str
    line: str
    taken_ms: int

    @property
    def given(self) -> Cosignature:
        """The same, as it is given to others."""
        return Cosignature(
            party=self.party,
            witness=self.witness,
            size=self.size,
            at_s=self.at_s,
            body=self.body,
            line=self.line,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What proves that a party did not keep to its log.

    Attributes:
        id: Its number; 0 while it is not kept.
        party: Which party.
        reason: What it did, in words.
        content: Both sides of it, JSON.
        taken_ms: When this node took it.
    """

    id: int
    party: PartyId
    reason: str
    content: str
    taken_ms: int


class SignedBy(NamedTuple):
    """Whose signature something carries, to be verified with the key of that name.

    Attributes:
        kid: The name of the key.
        message: What was signed.
        signature: 64 bytes.
    """

    kid: str
    message: bytes
    signature: bytes


class Notary(Protocol):
    """Signs for one party with the key of its node, and reads what others signed.

    Raises:
        InvalidValueError: From every method that reads: it is malformed.
    """

    party: PartyId
    kid: str

    def write(self, statement: Statement) -> bytes:
        """Sign a statement; return the entry of the log."""

    def read(self, entry: bytes) -> tuple[Statement, SignedBy]:
        """Read an entry of a log."""

    def read_key(self, jws: str) -> tuple[KeyAct, SignedBy]:
        """Read what a root key says of another key."""

    def read_deed(self, jws: str) -> tuple[SignedDeed, SignedBy]:
        """Read what an officer says."""

    def read_agreement(self, text: bytes) -> Agreement:
        """Read what two parties agree."""

    def write_head(self, head: Head) -> str:
        """Sign the head of the party's own log; return the note."""

    def read_head(self, party: PartyId, note: str) -> tuple[Head, Sequence[SignedBy]]:
        """Read a signed head of a party's log; one signature at least is by a key of the party."""

    def read_head_body(self, party: PartyId, body: str) -> Head:
        """Read the text of a head, without its signatures."""

    def cosign(self, party: PartyId, note: str, at_s: int) -> Cosignature:
        """Sign that this party has received a log up to a head."""

    def read_cosignature(self, cosignature: Cosignature) -> tuple[Head, SignedBy]:
        """Read what a witness signed."""

    def verify(self, jobs: Sequence[tuple[bytes, SignedBy]]) -> Sequence[bool]:
        """Tell which signatures are those of the public keys that stand beside them."""


class LogReading(Protocol):
    """What can be asked of the logs, inside a transaction and outside."""

    def parties(self) -> Sequence[KnownParty]:
        """Return the parties that are known, sorted by id."""

    def entries(self, party: PartyId, first: int, limit: int) -> Sequence[Entry]:
        """Return entries of a party's log from one on, in their order."""

    def heads(self, party: PartyId, first: int, limit: int) -> Sequence[SignedHead]:
        """Return signed heads of a size or larger, smallest first."""

    def cosigned(self, party: PartyId) -> Sequence[Cosigned]:
        """Return the largest head that each witness signed of a party's log, sorted by witness."""

    def cosigned_by(self, witness: PartyId, until_s: int) -> Sequence[Cosigned]:
        """Return the largest head of each log that a witness had signed by an instant of its clock.

        Args:
            witness: Who signed.
            until_s: The instant, itself too, seconds since 1970.

        Returns:
            Them, sorted by the party whose log it is.
        """

    def first_cosigned(self, party: PartyId, witness: PartyId, n: int) -> Cosigned | None:
        """Return the smallest head with entry n that a witness signed of a party's log; None for none."""

    def quarantined(self, party: PartyId) -> Sequence[tuple[int, bytes]]:
        """Return the parts of a party's log that wait for a gap to be filled, by their first entry."""

    def silence(self) -> str | None:
        """Return why this node signs nothing at present; None where it may."""

    def evidence(self, after: int, limit: int) -> Sequence[Evidence]:
        """Return what proves that parties did not keep to their logs, by number."""


class Transaction(LogReading, Protocol):
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

    def append_all(self, changes: Sequence[tuple[Record, Item]]) -> Sequence[Record]:
        """Add entries to the log as `append` does, one after the other."""

    def savepoint(self) -> AbstractContextManager[None]:
        """Begin a part that is undone alone when it is left by an exception."""

    def pin(self, party: KnownParty) -> None:
        """Keep a party, in place of what was pinned of it before."""

    def append_entries(self, entries: Sequence[Entry]) -> None:
        """Add entries to logs, all of them or none; each must follow the last of its log.

        Raises:
            StoreError: One does not follow.
        """

    def fill_in(self, party: PartyId, n: int, jws: bytes) -> None:
        """Give an entry that was withheld its statement; nothing happens where it has one.

        Raises:
            StoreError: There is no such entry.
        """

    def keep_head(self, head: SignedHead) -> None:
        """Keep a signed head; nothing happens where one of that size is kept."""

    def keep_cosigned(self, cosigned: Cosigned) -> None:
        """Keep what a witness signed; nothing happens where it signed that size before."""

    def put_aside(self, party: PartyId, first: int, part: bytes, taken_ms: int) -> None:
        """Keep a part of a log until the gap before it is filled, in place of one that begins there."""

    def take_back(self, party: PartyId, first: int) -> None:
        """Keep a part of a log aside no longer; nothing happens where there is none."""

    def set_silence(self, reason: str | None) -> None:
        """Have this node sign nothing for a reason, or with None sign again."""

    def keep_evidence(self, evidence: Evidence) -> None:
        """Keep what proves that a party did not keep to its log; its number is set here, from 1 on."""


class Store(LogReading, Protocol):
    """Keeps the event log, the latest version of each item, and the logs of the parties.

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
