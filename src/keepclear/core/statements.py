"""Statements: what a party says, each an entry of its own append-only log.

A statement is signed, never edited, and only followed by another. It says how far each other log had
been received when it was made; across logs there is no other order, and no clock decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX, ItemId, PartyId
from keepclear.core.messages import Message, Speaker
from keepclear.core.refs import LOG_ENTRIES_MAX

PARTIES_MAX: Final = 64
"""So many parties a node knows, and so many logs a statement may name, at most."""


class StatementKind(Enum):
    """What a statement says."""

    KEY = "key"
    """A key of the party is granted or revoked, by its root key."""
    DECLARED = "declared"
    AMENDED = "amended"
    STATE_CHANGED = "state_changed"
    WITHDRAWN = "withdrawn"
    DEED = "deed"
    """What an officer says, signed by the officer's own key."""
    COARSE = "coarse"
    """Where and when something is that is withheld from some."""
    MESSAGE = "message"
    """What the node itself says on the hotline."""
    BREAK = "break"
    """The log goes on after its end was lost, by the root key."""


ITEM_KINDS: Final = (
    StatementKind.DECLARED,
    StatementKind.AMENDED,
    StatementKind.STATE_CHANGED,
    StatementKind.WITHDRAWN,
)


class Head(NamedTuple):
    """How far a log goes.

    Attributes:
        size: How many entries.
        root: The root of the tree over them, 32 bytes.
    """

    size: int
    root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSaid:
    """A version of an item: declared, amended, changed in its state, or withdrawn.

    Attributes:
        id: The item, as its owner calls it.
        version: 1 when declared, one more with each change.
        text: The item as the API has it; None where it was withdrawn.
        is_over: Whether it was withdrawn, or its text says that it has ended.
    """

    id: ItemId
    version: int
    text: bytes | None
    is_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What another key of the party signed: an act on a key, a deed of an officer, a break of the log.

    Attributes:
        jws: The compact JWS.
    """

    jws: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CoarseSaid:
    """What everybody may know of an item that is withheld from some.

    Attributes:
        covers: The entry that is withheld.
        id: The item, under a name that tells nothing.
        text: An operation with one volume round all of it, as the API has it; None where it is over.
    """

    covers: int
    id: ItemId
    text: bytes | None


Body = ItemSaid | Signed | CoarseSaid | Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a party.

    Attributes:
        kind: What it says.
        by: Who says it.
        to: Who may read it, sorted; empty for everybody.
        n: Which entry of the party's log it is, from 0.
        at_ms: When it was made by the party's clock, milliseconds since 1970.
        valid_until_ms: Until when it counts; None for ever.
        received: How far each other log had been received, sorted by party.
        body: What it says in full.

    Raises:
        InvalidValueError: A number is out of range, the parties are not sorted, or the body is not of
            the kind.
    """

    kind: StatementKind
    by: PartyId
    to: tuple[PartyId, ...] = ()
    n: int
    at_ms: int
    valid_until_ms: int | None = None
    received: tuple[tuple[PartyId, Head], ...] = ()
    body: Body

    def __post_init__(self) -> None:
        if not 0 <= self.n < LOG_ENTRIES_MAX:
            raise InvalidValueError("n", f"{self.n} is no place in a log")
        if not (0 < len(self.by) <= ID_CHARACTERS_MAX and self.by.isprintable()):
            raise InvalidValueError("by", f"it must be 1 to {ID_CHARACTERS_MAX} printable characters")
        for field, parties in (("to", list(self.to)), ("received", [party for party, _ in self.received])):
            if len(parties) > PARTIES_MAX or parties != sorted(set(parties)):
                reason = f"it must name at most {PARTIES_MAX} parties, each once, sorted"
                raise InvalidValueError(field, reason)
        if not isinstance(self.body, _BODIES[self.kind]):
            raise InvalidValueError("body", f"it is not what {self.kind.value!r} says")
        if isinstance(self.body, Message) and self.body.type.speaker is not Speaker.NODE:
            raise InvalidValueError(
                "body.code", f"{self.body.code.value!r} is said by officers, not by nodes"
            )

    def received_of(self, party: str) -> int:
        """Return how many entries of a party's log had been received."""
        return next((head.size for other, head in self.received if other == party), 0)


_BODIES: Final[dict[StatementKind, type]] = {
    **dict.fromkeys(ITEM_KINDS, ItemSaid),
    StatementKind.KEY: Signed,
    StatementKind.DEED: Signed,
    StatementKind.BREAK: Signed,
    StatementKind.COARSE: CoarseSaid,
    StatementKind.MESSAGE: Message,
}
