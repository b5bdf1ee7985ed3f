"""The federation of a node: its listener, and a link to each party that was pinned.

It runs in the event loop of the node, beside the API. Who is pinned is looked up every second, so that
nobody need start the node anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from keepclear.adapters.desk import Desk
from keepclear.adapters.federation.caller import Caller
from keepclear.adapters.federation.exchange import Exchange
from keepclear.adapters.federation.links import Link, Links, LinkState, Peer
from keepclear.adapters.federation.listener import Listener
from keepclear.adapters.federation.server import server_of
from keepclear.adapters.federation.syncing import Surroundings, Syncing
from keepclear.adapters.federation.tls import Pins, client_context, server_context, trust
from keepclear.adapters.keys import KeyFolder
from keepclear.adapters.notary import Notary
from keepclear.codec.cards import decode_card
from keepclear.core.channel import CUT_AFTER_S
from keepclear.core.errors import InvalidValueError, KeepclearError
from keepclear.core.intents import PartyId
from keepclear.node.ports import Clock, KnownParty

PINS_EVERY_S: Final = 1.0
"""So often it is looked up who is pinned."""
_NONCE_BYTES: Final = 16

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """A link as it is shown.

    Attributes:
        link: It.
        state: How it is now.
        unheard_s: How long ago the peer was heard last; None for never.
        watched_s: How long this node has listened for it.
    """

    link: Link
    state: LinkState
    unheard_s: float | None
    watched_s: float = CUT_AFTER_S


def peer_of(known: KnownParty) -> Peer:
    """Return the node of a party from what was pinned.

    Raises:
        InvalidValueError: What was pinned is no card.
    """
    card = decode_card(known.card)
    return Peer(party=known.id, certificate_pem=card.certificate, address=card.address or None)


class Federation:
    """See the module.

    Args:
        desk: The desk of the node.
        notary: Signs for the node.
        keys: Where its certificate is.
        known: Returns the parties that are known; called in other threads.
        listener: The socket to listen on.
        clock: What time it is.
        monotonic: Seconds that never step back.
        nonce: Makes what is used only once.
        jitter: Returns a number from 0 to 1 by chance.

    Raises:
        InvalidValueError: The certificate of this node cannot be used.
    """

    def __init__(
        self,
        desk: Desk,
        notary: Notary,
        keys: KeyFolder,
        known: Callable[[], Sequence[KnownParty]],
        listener: socket.socket,
        *,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
        nonce: Callable[[], str] = lambda: secrets.token_urlsafe(_NONCE_BYTES),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.port: Final[int] = listener.getsockname()[1]
        self._keys, self._known, self._socket, self._monotonic = keys, known, listener, monotonic
        self._links, self._pins = Links(), Pins()
        self._context = server_context(keys)
        self._exchange = Exchange(desk, notary, clock, monotonic)
        self._around = Surroundings(
            exchange=self._exchange,
            notary=notary,
            links=self._links,
            monotonic=monotonic,
            nonce=nonce,
            jitter=jitter,
            news=self._tell,
        )
        self._listener = Listener(
            exchange=self._exchange,
            notary=notary,
            links=self._links,
            pins=self._pins,
            monotonic=monotonic,
            heard=self._heard,
            news=self._tell,
        )
        self._followed: Sequence[KnownParty] | None = None
        self._peers: dict[PartyId, Peer] = {}
        self._watched: dict[PartyId, float] = {}  # since when, by the monotonic clock
        self._syncing: dict[PartyId, tuple[Syncing, asyncio.Task[None]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    # -- for every thread -----------------------------------------------------------------------

    def links(self) -> Sequence[LinkView]:
        """Return the links, sorted by peer."""
        now_s = self._monotonic()
        return [
            LinkView(
                link=link,
                state=link.state(now_s),
                unheard_s=None if link.heard_s is None else now_s - link.heard_s,
                watched_s=now_s - self._watched.get(link.peer, now_s),
            )
            for link in self._links.all()
        ]

    def switch(self, peer: PartyId, *, is_off: bool) -> None:
        """Switch a link off, so that nothing is sent and what comes is refused, or on again.

        Raises:
            InvalidValueError: There is no link to this peer.
        """
        self._links.change(peer, lambda link: link.switched(is_off=is_off))
        self._soon(self._switched, peer)

    def wake(self) -> None:
        """Push at once what was just written."""
        self._soon(self._tell)

    def _soon(self, call: Callable[..., None], *arguments: PartyId) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the node has stopped in this moment
                loop.call_soon_threadsafe(call, *arguments)

    # -- in the event loop ----------------------------------------------------------------------

    async def run(self) -> None:
        """Listen and sync until it is cancelled."""
        self._loop = asyncio.get_running_loop()
        server = server_of(self._listener.application(), self._context)
        serving = asyncio.create_task(server.serve(sockets=[self._socket]))
        try:
            while not serving.done():
                await self._follow()
                await asyncio.wait([serving], timeout=PINS_EVERY_S)
        finally:
            self._loop = None
            server.stop()
            await self._stop(list(self._syncing))
            await serving

    def _tell(self) -> None:
        for syncing, _ in self._syncing.values():
            syncing.wake()

    def _heard(self, peer: PartyId) -> None:
        if peer in self._syncing:
            self._syncing[peer][0].heard()

    def _switched(self, peer: PartyId) -> None:
        if peer in self._syncing:
            self._syncing[peer][0].switched()

    async def _follow(self) -> None:
        """Take notice of who is pinned by now."""
        try:
            known = await asyncio.to_thread(self._known)
            if known == self._followed:
                return
            await self._exchange.follow()
        except KeepclearError as error:
            _log.error("it cannot be looked up who is pinned", extra={"reason": str(error)})
            return
        peers = _peers_of(known)
        await self._stop([party for party, peer in self._peers.items() if peers.get(party) != peer])
        now_s = self._monotonic()
        self._watched = {party: self._watched.get(party, now_s) for party in peers}
        self._links.keep(list(peers.values()))
        self._pins.keep(list(peers.values()))
        before, self._peers, self._followed = self._peers, peers, known
        for party, peer in peers.items():
            if peer != before.get(party):
                self._start(peer)

    def _start(self, peer: Peer) -> None:
        trust(self._context, peer)
        if peer.address is not None:
            syncing = Syncing(peer, Caller(peer, client_context(self._keys, peer)), self._around)
            self._syncing[peer.party] = syncing, asyncio.create_task(syncing.run())

    async def _stop(self, parties: Sequence[PartyId]) -> None:
        tasks = [self._syncing.pop(party)[1] for party in parties if party in self._syncing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _peers_of(known: Sequence[KnownParty]) -> dict[PartyId, Peer]:
    """Return the nodes that can be linked; one whose certificate cannot be used is told and left out."""
    peers = {}
    for party in known:
        if party.is_own:
            continue
        try:
            peer = peer_of(party)
            trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), peer)
        except InvalidValueError as error:
            _log.error("a party cannot be linked", extra={"party": party.id, "reason": str(error)})
        else:
            peers[party.id] = peer
    return peers
