"""Two parties with keys, each with a served node and a console, and a link between the two nodes."""

from __future__ import annotations

import contextlib
import itertools
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from keepclear.adapters import clock
from keepclear.adapters.desk import Desk
from keepclear.adapters.federation.federation import Federation
from keepclear.adapters.http.app import Parts, RunningNode
from keepclear.adapters.http.server import listening
from keepclear.adapters.notary import sign_deed, sign_key_act
from keepclear.adapters.settings import NodeSettings, ServerSettings, Settings
from keepclear.adapters.signing import SigningKey
from keepclear.adapters.store.access import Access
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.sqlite import Durability, SqliteStore
from keepclear.core.conflicts import Item
from keepclear.core.deeds import Deed
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.parties import KeyAct, KeyDeed, KeyRole
from keepclear.core.refs import ItemRef
from keepclear.core.times import floor_ms
from keepclear.node.access import Role
from keepclear.node.policy import ConflictPolicy
from keepclear.node.ports import Actor
from keepclear.node.workbench import Change, Workbench
from tests.adapters.federation.nodes import Identity, identity, pin, proving_of, until
from tests.e2e.world import OTHER, OWN
from tests.served import JOIN_S, serving

OFFICERS: Final = {OWN: "Dana", OTHER: "Nils"}


@dataclass(kw_only=True)
class PartyNode:
    """A node of a party with keys, and the officer's key, which the node does not have.

    Attributes:
        who: Whose it is.
        officer: The key of its officer.
        peer_socket: Where the other node asks.
        store: Its database.
        url: Where its console is.
        running: It, once it is served.
        federation: Its links, once it is served.
        ahead_s: How far the clock that tells how long the other was not heard is put forward.
    """

    who: Identity
    officer: SigningKey
    peer_socket: socket.socket
    store: SqliteStore
    url: str = ""
    running: RunningNode = field(init=False)
    federation: Federation = field(init=False)
    ahead_s: float = 0.0
    nonces: Iterator[int] = field(default_factory=itertools.count)

    @property
    def party(self) -> PartyId:
        return self.who.party

    @property
    def person(self) -> str:
        return OFFICERS[self.party]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.peer_socket.getsockname()[1]}"

    def linked(self, desk: Desk) -> Federation:
        """Make the links of the node."""
        self.federation = Federation(
            desk,
            self.who.voice().notary,  # type: ignore[arg-type]
            self.who.keys,
            self.store.parties,
            self.peer_socket,
            clock=clock.now,
            monotonic=lambda: time.monotonic() + self.ahead_s,
            jitter=lambda: 0.0,
        )
        return self.federation

    def hear_from(self, peer: PartyNode, *, heard: bool) -> None:
        """Take what a peer sends, or nothing."""
        self.federation.switch(peer.party, is_off=not heard)

    def size_of(self, party: PartyId) -> int:
        """Tell how many entries of a party's log are here."""

        def size(bench: Workbench) -> int:
            assert bench.logs is not None
            return bench.logs[party].tree.size

        return self.running.node.desk.ask(size).result(JOIN_S)

    def change(self, change: Change) -> None:
        """Have the node do something."""
        done: Future[Any] = self.running.node.desk.change(Actor(party=self.party, person=self.person), change)
        done.result(JOIN_S)

    def declare(self, item: Item) -> None:
        """Declare an item of this party."""
        self.change(lambda declaring: declaring.declare(item))

    def say(self, deed: Deed) -> None:
        """Have the officer sign a deed, and the node take it."""
        jws = sign_deed(
            deed,
            self.officer,
            party=self.party,
            person=self.person,
            at_ms=floor_ms(clock.now()),
            nonce=f"{self.party}-{next(self.nonces)}",
        )
        self.change(lambda declaring: proving_of(declaring).say_deed(jws))

    def begin(self) -> None:
        """State the keys."""
        act = KeyAct(
            party=self.party,
            act=KeyDeed.GRANT,
            kid=self.officer.kid,
            role=KeyRole.OFFICER,
            person=self.person,
            key=self.officer.public,
        )
        for jws in (self.who.grant, sign_key_act(act, self.who.root)):
            self.change(lambda declaring, jws=jws: proving_of(declaring).say_key(jws))  # type: ignore[misc]


def ref(party: str, item_id: str, version: int = 1) -> ItemRef:
    """Return a version of an item, as its owner calls it."""
    return ItemRef(party=PartyId(party), id=ItemId(item_id), version=version)


@contextlib.contextmanager
def linked_nodes(folder: Path, items: Sequence[Item] = ()) -> Iterator[tuple[PartyNode, PartyNode]]:
    """Serve a node of our own and one of the other party, linked, with whoever comes as their guest.

    Args:
        folder: Where databases and keys go.
        items: What the parties declare before; both nodes have it.
    """
    with contextlib.ExitStack() as stack:
        own, other = (_made(folder, name, number, stack) for number, name in enumerate((OWN, OTHER), start=1))
        pin(own.store, other.who.card(other.address))
        pin(other.store, own.who.card(own.address))
        for node in (own, other):
            stack.enter_context(_served(node, folder))
            node.begin()
        for item in items:
            (own if item.party == OWN else other).declare(item)
        for one, two in ((own, other), (other, own)):
            until(lambda one=one, two=two: one.size_of(two.party) == two.size_of(two.party))  # type: ignore[misc]
        yield own, other


def _made(folder: Path, name: str, number: int, stack: contextlib.ExitStack) -> PartyNode:
    who = identity(folder, name, number)
    store = SqliteStore(folder / f"{name}.sqlite3", durability=Durability.NORMAL, create=True)
    peer_socket = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    node = PartyNode(who=who, officer=SigningKey.generate(), peer_socket=peer_socket, store=store)
    pin(store, who.card(node.address), is_own=True)
    return node


@contextlib.contextmanager
def _served(node: PartyNode, folder: Path) -> Iterator[None]:
    """Serve a node in a thread until the block is left."""
    database = folder / f"{node.party}.sqlite3"
    access = Access(database, clock.now)
    guest, _ = access.issue(Actor(party=node.party, person=node.person), Role.DUTY_OFFICER)
    with listening("127.0.0.1", 0) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        settings = Settings(
            node=NodeSettings(
                party=node.party, name=node.party, conflicts=ConflictPolicy.RECORD, database=database
            ),
            server=ServerSettings(listen=address),
        )
        node.running = RunningNode(
            Parts(
                settings=settings,
                store=node.store,
                access=access,
                form=JsonForm(),
                clock=clock.now,
                guest=guest,
                voice=node.who.voice(),
                linked=node.linked,
            )
        )
        node.url = f"http://{address}"
        with serving(node.running, listener):
            yield
