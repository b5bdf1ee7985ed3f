"""Syncing with one peer: what it lacks is pushed on a write, and it is asked every few seconds.

One request does both: it gives what the peer lacks by what it told last, and asks for what this node
lacks. While either side gets something new they go on at once. After a fault it waits longer each time,
but no longer than usual while the peer is heard from its own side.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from keepclear.adapters.federation.allowance import PACE_AT_ONCE, PACE_PER_S, Bucket
from keepclear.adapters.federation.caller import Caller, PeerError
from keepclear.adapters.federation.exchange import Exchange, encode_request, read_bundle
from keepclear.adapters.federation.links import Heads, Link, Links, Peer
from keepclear.adapters.notary import Notary
from keepclear.codec.hello import Hello
from keepclear.core.bundles import Bundle
from keepclear.core.errors import KeepclearError

PULL_EVERY_S: Final = 5.0
"""So often a peer is asked when nothing else happens."""
BACKOFF_FIRST_S: Final = 0.5
"""The wait after the first fault; each further one is twice as long."""
BACKOFF_MAX_S: Final = 60.0
"""No wait after a fault is longer."""
GREETING_S: Final = 30.0
"""So long a greeting is good."""
ROUNDS_MAX: Final = 100
"""So many exchanges follow each other at once; the rest waits for the next time."""

_DOUBLINGS_MAX: Final = 16  # far beyond the longest wait

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What syncing works with.

    Attributes:
        exchange: What is done at the desk.
        notary: Signs greetings.
        links: The links.
        monotonic: Seconds that never step back.
        nonce: Makes what is used only once.
        jitter: Returns a number from 0 to 1 by chance, so that nodes do not wait in step.
        news: Called once there is something that other peers may lack.
    """

    exchange: Exchange
    notary: Notary
    links: Links
    monotonic: Callable[[], float]
    nonce: Callable[[], str]
    jitter: Callable[[], float]
    news: Callable[[], None]


class Syncing:
    """See the module.

    Args:
        peer: With whom.
        caller: Sends requests to it.
        around: What else it works with.
    """

    def __init__(self, peer: Peer, caller: Caller, around: Surroundings) -> None:
        self._peer, self._caller, self._around = peer.party, caller, around
        self._happened = asyncio.Event()
        self._pace = Bucket(PACE_PER_S, PACE_AT_ONCE)
        self._due_s = float("-inf")
        self._lacking_from: int | None = None  # of this node's log, by the last refusal

    def wake(self) -> None:
        """Look whether the peer lacks something: something was written."""
        self._happened.set()

    def heard(self) -> None:
        """Wait no longer than usual after a fault: the peer was heard from its own side."""
        self._due_s = min(self._due_s, self._around.monotonic() + PULL_EVERY_S)
        self._happened.set()

    def switched(self) -> None:
        """Take notice that the link was switched; one that is on again is tried at once."""
        self._due_s = float("-inf")
        self._happened.set()

    async def run(self) -> None:
        """Sync until it is cancelled."""
        try:
            while True:
                await self._until_due()
                wait_s = await self._sync()
                self._due_s = self._around.monotonic() + wait_s
        finally:
            await self._caller.close()

    @property
    def _link(self) -> Link:
        link = self._around.links.get(self._peer)
        assert link is not None, "it is kept as long as it is synced"
        return link

    async def _until_due(self) -> None:
        while True:
            wait_s = self._due_s - self._around.monotonic()
            is_off = self._link.is_switched_off
            if wait_s <= 0.0 and not is_off:
                return
            try:
                async with asyncio.timeout(None if is_off else wait_s):
                    await self._happened.wait()
            except TimeoutError:
                continue
            self._happened.clear()
            if await self._lacks_something():
                return

    async def _lacks_something(self) -> bool:
        link = self._link
        if link.is_switched_off or link.failure_count or link.heads is None:
            return False
        try:
            return await self._around.exchange.is_behind(link.heads)
        except KeepclearError:
            return False  # the desk has its reasons; the next pull will meet them

    async def _sync(self) -> float:
        """Exchange until neither side has more; return how long to wait then."""
        try:
            for _ in range(ROUNDS_MAX):
                if self._link.is_switched_off or not await self._exchange():
                    break
        except PeerError as error:
            return self._failed(str(error), error.retry_after_s)
        except KeepclearError as error:
            return self._failed(str(error))
        except Exception as error:  # whatever it is, a link must not die of it in silence
            _log.exception("a fault in syncing", extra={"peer": self._peer})
            return self._failed(f"a fault of this node: {error!r}")
        return PULL_EVERY_S

    def _failed(self, reason: str, least_s: float = 0.0) -> float:
        """Take notice of a fault; return how long to wait after it."""
        link = self._around.links.change(self._peer, lambda link: link.failed(reason))
        return min(BACKOFF_MAX_S, max(least_s, backoff_s(link.failure_count, self._around.jitter())))

    async def _exchange(self) -> bool:
        """Give and ask once; return whether either side may have more."""
        exchange, links, told = self._around.exchange, self._around.links, self._link.heads or ()
        await self._keep_pace()
        offer = await exchange.offer(self._peer, told)
        if self._link.is_switched_off:
            return False  # it may hold what was said since then
        body = encode_request(self._greeting(offer.bundle.heads), offer.data)
        sent_ms = exchange.now_ms
        links.change(self._peer, lambda link: link.moved(bytes_out=len(body)))
        try:
            data = await self._caller.call(body)
        except PeerError as error:
            if error.held is None or error.held == self._lacking_from:
                raise
            self._lacking_from = held = error.held
            links.change(self._peer, lambda link: replace(link, heads=((exchange.own, held),)))
            return True
        now_s, received_ms = self._around.monotonic(), exchange.now_ms
        bundle = await read_bundle(data, by=self._peer, to=exchange.own)
        if self._link.is_switched_off:
            return False  # what came while it was switched off is not taken
        self._lacking_from = None
        links.change(
            self._peer,
            lambda link: (
                link.heard(now_s, received_ms, bundle.heads)
                .answered()
                .measured(sent_ms=sent_ms, received_ms=received_ms, peer_ms=bundle.at_ms, now_s=now_s)
                .moved(bytes_in=len(data))
            ),
        )
        return await self._take(bundle) or (bundle.heads != told and await exchange.is_behind(bundle.heads))

    async def _take(self, bundle: Bundle) -> bool:
        """Take an answer; return whether there was something new in it, which the peer waits to hear."""
        taken = await self._around.exchange.take(self._peer, bundle)
        self._around.links.change(
            self._peer, lambda link: link.refused([each.reason for each in taken.refusals])
        )
        if taken.spans:
            self._around.news()
        return bool(taken.spans or taken.cosigned)

    async def _keep_pace(self) -> None:
        wait_s = self._pace.wait_s(1.0, self._around.monotonic())
        self._pace.spend(1.0)
        if wait_s > 0.0:
            await asyncio.sleep(wait_s)

    def _greeting(self, heads: Heads) -> bytes:
        now_ms = self._around.exchange.now_ms
        hello = Hello(
            by=self._around.exchange.own,
            to=self._peer,
            nonce=self._around.nonce(),
            at_ms=now_ms,
            expires_ms=now_ms + round(GREETING_S * 1000.0),
            heads=heads,
        )
        return self._around.notary.write_hello(hello).encode()


def backoff_s(failure_count: int, chance: float) -> float:
    """Return how long to wait after so many faults in a row, by a chance from 0 to 1."""
    longest_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(failure_count - 1, _DOUBLINGS_MAX))
    return longest_s * (0.5 + 0.5 * chance)
