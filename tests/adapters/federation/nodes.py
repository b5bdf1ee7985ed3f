"""Parties with keys, and nodes of theirs that are linked over TLS on ports of the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from keepclear.adapters import clock as machine_clock
from keepclear.adapters.desk import Desk
from keepclear.adapters.federation.federation import Federation, LinkView
from keepclear.adapters.keys import KeyFolder, make_tls, write_tls
from keepclear.adapters.notary import Notary, sign_key_act
from keepclear.adapters.signing import SigningKey
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.sqlite import SqliteStore
from keepclear.codec.cards import PartyCard, decode_card, encode_card
from keepclear.core.intents import OperationalIntent, PartyId
from keepclear.core.parties import KeyAct, KeyDeed, KeyRole
from keepclear.core.times import TimeWindow
from keepclear.node.declare import Declaring
from keepclear.node.policy import ConflictPolicy, Policy
from keepclear.node.ports import Actor, KnownParty, Record, Store
from keepclear.node.prove import Proving
from keepclear.node.workbench import Answer, Voice, Workbench
from tests.strategies import intent, square, volume

WAIT_S: Final = 20.0
"""What does not happen within it fails the test."""
POLICY: Final = Policy(conflicts=ConflictPolicy.RECORD)
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The keys of a party."""

    party: PartyId
    root: SigningKey
    node: SigningKey
    keys: KeyFolder

    @property
    def grant(self) -> str:
        """What brings the key of the node into the log."""
        return self.grant_of(self.node)

    def grant_of(self, key: SigningKey) -> str:
        act = KeyAct(party=self.party, act=KeyDeed.GRANT, kid=key.kid, role=KeyRole.NODE, key=key.public)
        return sign_key_act(act, self.root)

    def card(self, address: str = "", *, certificate: str | None = None) -> PartyCard:
        return PartyCard(
            party=self.party,
            name=f"The {self.party}",
            root=self.root.public,
            node_key=self.node.public,
            node_grant=self.grant,
            certificate=certificate or self.keys.tls_certificate.read_text(),
            address=address,
        )

    def voice(self, key: SigningKey | None = None) -> Voice:
        notary = Notary(self.party, key or self.node)
        return Voice(party=self.party, notary=notary, root_key_of=lambda known: decode_card(known.card).root)


def identity(folder: Path, name: str, number: int) -> Identity:
    """Make the keys of a party in a folder of its own."""
    keys = KeyFolder(folder / f"{name}-keys")
    write_tls(keys, make_tls(PartyId(name), ["127.0.0.1"], machine_clock.now()))
    return Identity(
        party=PartyId(name),
        root=SigningKey(bytes([number]) * 32),
        node=SigningKey(bytes([100 + number]) * 32),
        keys=keys,
    )


def known(card: PartyCard, *, is_own: bool = False) -> KnownParty:
    return KnownParty(id=card.party, name=card.name, card=encode_card(card), is_own=is_own, pinned_ms=1)


def pin(store: Store, card: PartyCard, *, is_own: bool = False) -> None:
    with store.transaction() as transaction:
        transaction.pin(known(card, is_own=is_own))


def proving_of(declaring: Declaring) -> Proving:
    assert declaring.proving is not None
    return declaring.proving


def saying_key(grant: str) -> Callable[[Declaring], None]:
    return lambda declaring: proving_of(declaring).say_key(grant)


def operation(name: str, party: str, now: datetime, *, lat: float = 35.0) -> OperationalIntent:
    """Return an operation for the hour from now on."""
    hour = TimeWindow(start=now, end=now + timedelta(hours=1))
    return intent(name, volume(square(lat, 36.0, 500.0), hour), party=party)


def until(told: Callable[[], _T | None], wait_s: float = WAIT_S) -> _T:
    """Return what is told as soon as it is."""
    end_s = time.monotonic() + wait_s
    while time.monotonic() < end_s:
        found = told()
        if found:
            return found
        time.sleep(0.002)  # how often it is looked at; nothing relies on how long it takes
    raise AssertionError(f"it did not happen within {wait_s} s")


class LinkedNode:
    """A node that runs its federation in a thread until it is closed; its database stays.

    Attributes:
        who: Whose it is.
        address: Where it is reached.
        received: The entries of its event log, with when it told of them, by the monotonic clock.
    """

    def __init__(
        self, who: Identity, database: Path, *, port: int = 0, key: SigningKey | None = None
    ) -> None:
        self.who = who
        self.received: list[tuple[float, Record]] = []
        is_new = not database.exists()
        self.store = SqliteStore(database, create=is_new)
        if is_new:
            pin(self.store, who.card(), is_own=True)
        self._exits = contextlib.ExitStack()
        listener = self._exits.enter_context(socket.create_server(("127.0.0.1", port)))
        self.port = listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        voice = who.voice(key)
        self.desk = Desk(
            self.store, JsonForm(), POLICY, machine_clock.now, voice=voice, published=self._published
        )
        self.federation = Federation(
            self.desk,
            voice.notary,  # type: ignore[arg-type]
            who.keys,
            self.store.parties,
            listener,
            clock=machine_clock.now,
            jitter=lambda: 0.0,
        )
        if is_new:
            self.change(saying_key(who.grant))
        self._started = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=[self._run()], name=f"node of {who.party}")
        self._thread.start()
        assert self._started.wait(WAIT_S)

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        running = asyncio.create_task(self.federation.run())
        self._started.set()
        await self._stop.wait()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        self.desk.close()
        self.store.close()
        self._exits.close()

    def _published(self, records: Sequence[Record]) -> None:
        now_s = time.monotonic()
        self.received.extend((now_s, record) for record in records)
        self.federation.wake()

    def change(self, change: Callable[[Declaring], Answer]) -> Answer:
        return self.desk.change(Actor(party=self.who.party, person="Dana"), change).result(WAIT_S)

    def declare(self, name: str, *, lat: float = 35.0) -> None:
        item = operation(name, self.who.party, machine_clock.now(), lat=lat)
        self.change(lambda declaring: declaring.declare(item))

    def ask(self, question: Callable[[Workbench], _T]) -> _T:
        return self.desk.ask(question).result(WAIT_S)

    def held(self, party: str) -> int:
        """Return how many entries of a party's log are here."""
        return len(self.store.entries(PartyId(party), 0, 10_000))

    def has(self, item_id: str) -> bool:
        """Tell whether an item of another party is here, as this node calls it."""
        return any(record.label.id == item_id for _, record in list(self.received))

    def link(self, peer: str) -> LinkView:
        return next(view for view in self.federation.links() if view.link.peer == peer)

    def has_link(self, peer: str) -> bool:
        return any(view.link.peer == peer for view in self.federation.links())

    def delivered(self, witness: str) -> int:
        """Return how much of this node's log a witness signed that it had received."""
        sizes = [each.size for each in self.store.cosigned(self.who.party) if each.witness == witness]
        return max(sizes, default=0)


@contextlib.contextmanager
def running(
    who: Identity, database: Path, *, port: int = 0, key: SigningKey | None = None
) -> Iterator[LinkedNode]:
    """Run a node until the block is left."""
    node = LinkedNode(who, database, port=port, key=key)
    try:
        yield node
    finally:
        node.close()


def pair(one: LinkedNode, other: LinkedNode) -> None:
    """Have two nodes pin each other."""
    pin(one.store, other.who.card(other.address))
    pin(other.store, one.who.card(one.address))
