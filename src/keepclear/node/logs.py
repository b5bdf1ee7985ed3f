"""The logs of the parties as a node holds them in memory: trees, keys, and what they say together.

What is here follows what the store has. A log from which something does not fit together is frozen:
nothing more of it is taken until people have looked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from keepclear.core.deeds import OutOfPlaceError
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.ledger import Ledger
from keepclear.core.merkle import Tree
from keepclear.core.messages import Message
from keepclear.core.parties import PartyKeys
from keepclear.core.statements import CoarseSaid, Head, ItemSaid, Statement, StatementKind
from keepclear.node.ports import Cosigned, Entry, Evidence, KnownParty, LogReading, Notary

PAGE: Final = 5_000
"""So many entries are read from the store at once."""
EVIDENCE_MAX: Final = 1_000
"""So much evidence is read at the start."""

RootKeyOf = Callable[[KnownParty], bytes]
"""Reads the root key of a party from what was pinned, 32 bytes."""


def is_fork(evidence: Evidence) -> bool:
    """Tell whether evidence proves a fork; a receipt for another log may be the lie of its witness."""
    return "held_leaf" in json.loads(evidence.content)


@dataclass(slots=True, kw_only=True)
class HeldLog:
    """One party's log.

    Attributes:
        party: Whose.
        root_key: The key that everything of the party rests on, 32 bytes.
        tree: The tree over its entries.
        keys: Which keys count from which entry to which.
        withheld: The entries that this node may not read.
        unsure: Those of them that somebody else withheld than the owner, who may let this node read them.
        frozen: Why nothing more is taken; None while it is.
        longest: The longest that this log was said to be, by its owner or anybody else.
    """

    party: PartyId
    root_key: bytes
    tree: Tree = field(default_factory=Tree)
    keys: PartyKeys
    withheld: set[int] = field(default_factory=set)
    unsure: set[int] = field(default_factory=set)
    frozen: str | None = None
    longest: int = 0

    @property
    def head(self) -> Head:
        """How far it is held."""
        return Head(self.tree.size, self.tree.root())


class Logs:
    """All logs, and what they say together.

    Args:
        own: The party of this node.
        notary: What reads entries.

    Attributes:
        own: The party of this node.
        ledger: What all statements say together.
        oddities: What was said and means nothing: party, entry, why.
        silence: Why this node signs nothing until it has heard its witnesses; None where it may.
        heard: The parties that were heard since this node started.
        own_read_by: How far each of them has this party's log with all in it that it may read, as it said
            by a link.
        unjudged: The items of others that cannot be judged, and when they may be, where they say so.
        coarse: What everybody may know of items that are withheld from some, by party and name.
        coarse_names: Of the items of this party that are so, their names there.
        spans: When operations start and end, by party and entry, as far as that was needed.
        offered: When entries were given again that were held back before, by peer, party and entry.
        spoken_count: How many messages and deeds were taken; it only grows.
    """

    def __init__(self, own: PartyId, notary: Notary) -> None:
        self.own = own
        self._notary = notary
        self._logs: dict[PartyId, HeldLog] = {}
        self.ledger = self._new_ledger()
        self.oddities: list[tuple[PartyId, int, str]] = []
        self.unjudged: dict[ItemId, tuple[int, int] | None] = {}
        self.coarse: dict[tuple[PartyId, ItemId], CoarseSaid] = {}
        self.coarse_names: dict[ItemId, ItemId] = {}
        self.spans: dict[tuple[PartyId, int], tuple[int, int]] = {}
        self.offered: dict[tuple[PartyId, PartyId, int], int] = {}
        self._own_item: tuple[int, ItemId] | None = None
        self.spoken_count = 0
        self.silence: str | None = None
        self.heard: set[PartyId] = set()
        self.own_read_by: dict[PartyId, int] = {}

    def fill(self, reading: LogReading, root_key_of: RootKeyOf) -> None:
        """Take over everything that a store has."""
        self.silence = reading.silence()
        for known in reading.parties():
            self.pin(known, root_key_of(known))
        for party in self.parties:
            first = 0
            while entries := reading.entries(party, first, PAGE):
                for entry in entries:
                    self.follow(entry)
                first += len(entries)
        for evidence in reading.evidence(0, EVIDENCE_MAX):
            if evidence.party in self._logs and is_fork(evidence):
                self._logs[evidence.party].frozen = evidence.reason

    def pin(self, known: KnownParty, root_key: bytes) -> None:
        """Hold the log of a party; nothing happens where it is held with the same root key."""
        held = self._logs.get(known.id)
        if held is not None and held.root_key == root_key:
            return
        self._logs[known.id] = HeldLog(party=known.id, root_key=root_key, keys=PartyKeys(root_key))

    @property
    def parties(self) -> Sequence[PartyId]:
        """The parties whose logs are held, sorted."""
        return sorted(self._logs)

    @property
    def notary(self) -> Notary:
        """What reads entries."""
        return self._notary

    def get(self, party: PartyId) -> HeldLog | None:
        """Return a party's log; None where the party is not known."""
        return self._logs.get(party)

    def __getitem__(self, party: PartyId) -> HeldLog:
        """Return the log of a party that is known."""
        return self._logs[party]

    def _is_held(self, party: PartyId, head: Head) -> bool:
        """Tell whether a log, as it is held here, begins with so many entries of that root."""
        log = self._logs.get(party)
        return log is not None and head.size <= log.tree.size and log.tree.root(head.size) == head.root

    def _new_ledger(self) -> Ledger:
        return Ledger(self._notary.read_agreement, self._is_held, self._is_read, self._is_officer)

    def _is_read(self, party: PartyId, n: int) -> bool:
        log = self._logs.get(party)
        return log is not None and n < log.tree.size and n not in log.withheld

    def _is_officer(self, party: PartyId, person: str) -> bool:
        log = self._logs.get(party)
        return log is not None and log.keys.has_officer(person, log.tree.size)

    def is_of_held(self, cosigned: Cosigned) -> bool:
        """Tell whether what a witness signed is a head of the log as it is held here."""
        return self._is_held(cosigned.party, self._notary.read_head_body(cosigned.party, cosigned.body))

    def received(self) -> tuple[tuple[PartyId, Head], ...]:
        """Return how far each other log is held, sorted by party; empty logs are left out."""
        return tuple(
            (party, self._logs[party].head)
            for party in self.parties
            if party != self.own and self._logs[party].tree.size
        )

    def unheard(self) -> list[PartyId]:
        """Return who may hold more of this party's log, after a restore, sorted.

        That is any peer: the backup does not know who received what was said after it.
        """
        return [party for party in self.parties if party not in (self.own, *self.heard)]

    def why_silent(self) -> str | None:
        """Tell why this node may sign nothing at present, as a clause; None where it may."""
        own = self._logs[self.own]
        if self.silence is not None:
            return (
                f"{self.silence}; it goes on once {', '.join(self.unheard())} "
                "was heard by a link, or with keepclear log speak"
            )
        if own.frozen is not None:
            return f"{own.frozen}; pair again as a party with new keys"
        if own.longest > own.tree.size:
            return (
                f"others hold {own.longest} entries of this party's log, this node only "
                f"{own.tree.size}; it fetches the rest when it is linked, or import a bundle of theirs"
            )
        return None

    def heads_for(self, peer: PartyId) -> tuple[tuple[PartyId, int], ...]:
        """Return how many entries of each log a peer need not give, sorted by party.

        What others withheld of a log is asked of its owner, and what is withheld of one's own of everybody.
        """
        return tuple(
            (party, min(log.unsure) if log.unsure and party in (peer, self.own) else log.tree.size)
            for party, log in sorted(self._logs.items())
        )

    def heads(self) -> tuple[tuple[PartyId, int], ...]:
        """Return how many entries of each log are held, sorted by party."""
        return tuple((party, self._logs[party].tree.size) for party in self.parties)

    @property
    def mark(self) -> int:
        """A number that grows whenever anything is taken."""
        return sum(log.tree.size - len(log.withheld) for log in self._logs.values())

    def follow(self, entry: Entry) -> Statement | None:
        """Take over an entry that the store has; return what it says, None where it is withheld."""
        log = self._logs[entry.party]
        assert entry.n == log.tree.size, "an entry of a log was left out"
        log.tree.append(entry.leaf)
        if entry.jws is None:
            log.withheld.add(entry.n)
            log.unsure.add(entry.n)
            return None
        statement, _ = self._notary.read(entry.jws)
        self.take(statement)
        return statement

    def fill_in(self, party: PartyId, keys: PartyKeys, statements: Sequence[Statement]) -> None:
        """Take over entries that were withheld before.

        Args:
            party: Whose.
            keys: The keys of the party, as all its entries that are held make them.
            statements: What the entries say; where their order counts, `take_anew` is needed besides.
        """
        log = self._logs[party]
        log.keys = keys
        log.withheld.difference_update(statement.n for statement in statements)
        log.unsure &= log.withheld
        for statement in statements:
            self._take_said(statement)

    def take_anew(self, reading: LogReading) -> None:
        """Make anew of all entries what they say together: of deeds, the first in a log counts."""
        self.ledger, self.oddities = self._new_ledger(), []
        for party in self.parties:
            first = 0
            while entries := reading.entries(party, first, PAGE):
                first += len(entries)
                for entry in entries:
                    if entry.jws is not None:
                        self._take_said(self._notary.read(entry.jws)[0])

    def take(self, statement: Statement) -> None:
        """Take over what a verified statement says."""
        if statement.kind is StatementKind.KEY:
            act, _ = self._notary.read_key(statement.body.jws)  # type: ignore[union-attr]
            self._logs[statement.by].keys.take(statement.n, act)
        self._take_said(statement)

    def _take_said(self, statement: Statement) -> None:
        self.ledger.take_received(statement)
        body = statement.body
        if isinstance(body, ItemSaid):
            self.ledger.take_item(statement)
            if statement.by == self.own:
                self._own_item = statement.n, body.id
        elif isinstance(body, CoarseSaid):
            self._take_coarse(statement.by, body)
        elif isinstance(body, Message):
            self.spoken_count += 1
            self.ledger.take_message(statement)
        elif statement.kind is StatementKind.DEED:
            self.spoken_count += 1
            self._take_deed(statement, body.jws)

    def _take_coarse(self, by: PartyId, body: CoarseSaid) -> None:
        known = self.coarse.get((by, body.id))
        if known is None or known.covers <= body.covers:
            self.coarse[by, body.id] = body
        if by == self.own and self._own_item is not None and self._own_item[0] == body.covers:
            self.coarse_names[self._own_item[1]] = body.id

    def _take_deed(self, statement: Statement, jws: str) -> None:
        try:
            spoken, _ = self._notary.read_deed(jws)
            self.ledger.take_deed(statement, spoken)
        except (InvalidValueError, OutOfPlaceError) as error:
            # It was said, and stays in the log; it means nothing.
            self.oddities.append((statement.by, statement.n, str(error)))

    def local_id(self, party: PartyId, item_id: ItemId) -> ItemId:
        """Return how this node calls an item: its own by their ids, those of others with their party."""
        return item_id if party == self.own else ItemId(f"{party}:{item_id}")

    def parted(self, local_id: str) -> tuple[PartyId, ItemId]:
        """Return whose item it is that this node calls so, and how its owner calls it."""
        party, colon, item_id = local_id.partition(":")
        if colon and PartyId(party) in self._logs and party != self.own:
            return PartyId(party), ItemId(item_id)
        return self.own, ItemId(local_id)

    def is_readable(self, entry: Entry, reader: PartyId) -> bool:
        """Tell whether a party may read an entry that is held, now or later."""
        statement = self.read(entry)
        return statement is not None and (not statement.to or reader in (statement.by, *statement.to))

    def read(self, entry: Entry) -> Statement | None:
        """Return what an entry that is held says; None where it is withheld."""
        return None if entry.jws is None else self._notary.read(entry.jws)[0]
