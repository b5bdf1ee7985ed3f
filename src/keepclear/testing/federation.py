"""Nodes for a simulation: the real use cases on a store in memory that fails when it is told to.

A node that fails is thrown away and made anew from what its store had kept. Nodes give each other bundles
as bytes, as they do by a link or as a carried file; who gives what to whom, and when, is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from keepclear.adapters.notary import Key, Notary, VerifyMany
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.memory import MemoryStore, MemoryTransaction
from keepclear.codec.bundle import decode_bundle
from keepclear.core.bundles import Bundle
from keepclear.core.conflicts import Item
from keepclear.core.deeds import SignedDeed
from keepclear.core.errors import KeepclearError
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.statements import Statement
from keepclear.core.times import floor_ms
from keepclear.node.coordinate import Coordinating
from keepclear.node.declare import Declaring
from keepclear.node.give import bundle_for
from keepclear.node.logs import Logs
from keepclear.node.outcomes import StoreError
from keepclear.node.policy import ConflictPolicy, Policy
from keepclear.node.ports import Actor, Foreign, KnownParty, SignedBy
from keepclear.node.prove import Proving
from keepclear.node.take import Taken
from keepclear.node.talk import Links, Talk, Told, speak
from keepclear.node.workbench import Answer, Change, Voice, Workbench

TRIES_MAX: Final = 3
"""So often a node is asked for the same before the simulation gives up on it."""
_RECORD: Final = Policy(conflicts=ConflictPolicy.RECORD)


def proving_of(declaring: Declaring) -> Proving:
    """Return the use cases of the logs, which a node with keys has."""
    assert declaring.proving is not None
    return declaring.proving


class Crash(Enum):
    """When a store fails."""

    BEFORE_WRITE = "before write"
    AFTER_WRITE = "after write"


class CrashedError(KeepclearError):
    """The process of a node ended in the middle of something."""


class CrashingStore(MemoryStore):
    """A store in memory that fails on demand.

    Attributes:
        crash: When the next transaction fails; None while it does not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.crash: Crash | None = None

    @contextmanager
    def transaction(self) -> Iterator[MemoryTransaction]:
        """Begin a transaction, which ends with the process where that was asked for."""
        with super().transaction() as transaction:
            yield transaction
            self._fail_if(Crash.BEFORE_WRITE)
        self._fail_if(Crash.AFTER_WRITE)

    def _fail_if(self, crash: Crash) -> None:
        if self.crash is crash:
            self.crash = None
            raise CrashedError(f"the process ended {crash.value}")

    def copy(self) -> CrashingStore:
        """Return a store that has the same, as a backup has."""
        other = CrashingStore()
        other._state, other.logs = self._state, self.logs.copy()
        return other


class RememberingForm(JsonForm):
    """A form that reads each item once: the same comes to every node, many times."""

    def __init__(self) -> None:
        self._items: dict[bytes, Item] = {}
        self._foreign: dict[tuple[bytes, ItemId, PartyId], Foreign] = {}

    def read(self, text: bytes) -> Item:
        """Return the item that was written."""
        known = self._items.get(text)
        if known is None:
            known = self._items[text] = super().read(text)
        return known

    def read_foreign(self, text: bytes, item_id: ItemId, party: PartyId) -> Foreign:
        """Make what can be made of an item of another party, whatever it says; never raise."""
        key = text, item_id, party
        known = self._foreign.get(key)
        if known is None:
            known = self._foreign[key] = super().read_foreign(text, item_id, party)
        return known


class Read:
    """What was read of entries, and of what other keys signed in them."""

    def __init__(self) -> None:
        self.entries: dict[bytes, tuple[Statement, SignedBy]] = {}
        self.deeds: dict[str, tuple[SignedDeed, SignedBy]] = {}


class RememberingNotary(Notary):
    """A notary that reads each entry once: all nodes of a simulation get the same, many times.

    Args:
        party: Whose node it is.
        key: The key of the node.
        verify: Verifies many signatures.
        known: What was read before, by any of them.
    """

    def __init__(self, party: PartyId, key: Key, verify: VerifyMany, known: Read) -> None:
        super().__init__(party, key, verify)
        self._known = known

    def read(self, entry: bytes) -> tuple[Statement, SignedBy]:
        """Read an entry of a log."""
        known = self._known.entries.get(entry)
        if known is None:
            known = self._known.entries[entry] = super().read(entry)
        return known

    def read_deed(self, jws: str) -> tuple[SignedDeed, SignedBy]:
        """Read what an officer says."""
        known = self._known.deeds.get(jws)
        if known is None:
            known = self._known.deeds[jws] = super().read_deed(jws)
        return known


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyKeyRing:
    """All private keys of a party.

    Attributes:
        party: The party.
        root: Its root key.
        node: The key of its node.
        officers: The keys of its officers; the last counts at present.
    """

    party: PartyId
    root: Key
    node: Key
    officers: list[Key]


def to_everybody(_: Item, __: Logs) -> tuple[PartyId, ...]:
    """Let everybody read what is said of an item."""
    return ()


@dataclass(slots=True, kw_only=True)
class SimulatedNode:
    """One node.

    Attributes:
        keys: The keys of its party.
        cards: The public root key of every party, its own too.
        verify: Verifies signatures.
        read: What was read of entries, by all nodes together.
        form: How items are written, for all nodes together.
        clock: The right time.
        audience: Who may read what is said of an item.
        offset_ms: How far its own clock is from the right time.
        store: What it keeps.
        workbench: The node.
        notary: Signs and reads for it.
        talk: What it says by itself.
        backup: A copy of the store, as it was at some time.
        is_behind: Whether it was put back to a backup, and lacks some of its own log since.
        run: How often it was started.
        was_repeated: Whether the last change was asked for again, because the node had failed.
        known_heads: How far each peer held each log, as far as it told.
    """

    keys: PartyKeyRing
    cards: dict[PartyId, bytes]
    verify: VerifyMany
    read: Read
    form: RememberingForm
    clock: Callable[[], datetime]
    audience: Callable[[Item, Logs], tuple[PartyId, ...]] = to_everybody
    offset_ms: int = 0
    store: CrashingStore = field(default_factory=CrashingStore)
    workbench: Workbench = field(init=False)
    notary: RememberingNotary = field(init=False)
    talk: Talk = field(init=False)
    backup: CrashingStore | None = None
    is_behind: bool = False
    run: int = 0
    was_repeated: bool = False
    known_heads: dict[PartyId, tuple[tuple[PartyId, int], ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.store.parties():
            with self.store.transaction() as transaction:
                for party, root in sorted(self.cards.items()):
                    card = KnownParty(
                        id=party, name=party, card=root.hex(), is_own=party == self.party, pinned_ms=0
                    )
                    transaction.pin(card)
        self.restart()

    @property
    def party(self) -> PartyId:
        """Whose node it is."""
        return self.keys.party

    @property
    def logs(self) -> Logs:
        """The logs that it holds."""
        assert self.workbench.logs is not None
        return self.workbench.logs

    @property
    def actor(self) -> Actor:
        """Its duty officer."""
        return Actor(party=self.party, person="Ann")

    def now(self) -> datetime:
        """Return what its own clock shows."""
        return self.clock() + timedelta(milliseconds=self.offset_ms)

    def restart(self) -> None:
        """Throw away what is in memory, and read the store anew."""
        self.store.crash = None
        self.run += 1
        self.talk = Talk()
        self.notary = RememberingNotary(self.party, self.keys.node, self.verify, self.read)
        voice = Voice(
            party=self.party,
            notary=self.notary,
            root_key_of=lambda known: bytes.fromhex(known.card),
            audience=self.audience,
        )
        self.workbench = Workbench(self.store, self.form, _RECORD, self.now, voice=voice)

    def restore(self) -> None:
        """Put the node back to its backup."""
        assert self.backup is not None
        self.store = self.backup.copy()
        with self.store.transaction() as transaction:
            transaction.set_silence("a backup was put in place")
        self.is_behind = True
        self.restart()

    def copy(self) -> SimulatedNode:
        """Return another node with the same keys and the same in its store: what a liar runs."""
        return SimulatedNode(
            keys=self.keys,
            cards=self.cards,
            verify=self.verify,
            read=self.read,
            form=self.form,
            clock=self.clock,
            audience=self.audience,
            offset_ms=self.offset_ms,
            store=self.store.copy(),
            known_heads=dict(self.known_heads),
        )

    def make(self, change: Change) -> Answer | KeepclearError:
        """Make a change; who gets no answer asks again, with the very same.

        Returns:
            What it came to, or why it was refused.

        Raises:
            StoreError: The node cannot be brought to work.
        """
        for number in range(TRIES_MAX):
            self.was_repeated = number > 0
            try:
                (answer,) = self.workbench.make([(self.actor, change)])
            except CrashedError:
                self.restart()
            except StoreError as error:
                self.workbench.fault = str(error)
                self.workbench.refresh()
            else:
                return answer
        raise StoreError("the node does not come to work", may_pass=False)

    def give(self, to: PartyId) -> Bundle:
        """Return what a peer lacks, as far as it told what it has."""
        heads = self.known_heads.get(to, ())
        return bundle_for(to, heads, self.logs, self.store, floor_ms(self.now()), self.form)

    def take(self, data: bytes, *, heard: PartyId | None = None) -> Taken:
        """Take a bundle.

        Args:
            data: The bundle.
            heard: Who gave it when asked; None where nobody asked.

        Raises:
            InvalidValueError: It is no bundle.
            CrashedError: The node ended meanwhile; it was started anew.
            KeepclearError: The node refuses it as a whole.
        """
        bundle = decode_bundle(data)
        if bundle.by in self.cards and bundle.by != self.party:
            self.known_heads[bundle.by] = bundle.heads
        answer = self.make(lambda declaring: proving_of(declaring).take(bundle, heard=heard))
        if isinstance(answer, KeepclearError):
            raise answer
        assert isinstance(answer, Taken)
        return answer

    def tick(self, links: Links) -> Told:
        """Have the node say by itself what is due; where nothing is, nothing is written.

        Raises:
            StoreError: The node cannot be brought to work.
            KeepclearError: It refuses.
        """
        if not self.talk.due(self.logs, links, floor_ms(self.now())):
            return Told()
        # The talk is looked up in the change: a node that failed has a new one.
        answer = self.make(lambda declaring: speak(declaring, self.talk, links))
        if isinstance(answer, KeepclearError):
            raise answer
        assert isinstance(answer, Told)
        return answer

    def coordinating(self) -> Coordinating:
        """Return who answers how far items are coordinated."""
        return Coordinating(
            logs=self.logs,
            picture=self.workbench.held.picture,
            reading=self.store,
            form=self.form,
        )
