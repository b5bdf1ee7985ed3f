"""Syncing with one peer: what it lacks is pushed on a write, and it is asked every few seconds.

One request does both: it gives what the peer lacks by what it told last, and asks for what this node
lacks. While either side gets something new they go on at once. After a fault it waits longer each time,
but no longer than usual while the peer is heard from its own side.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

import httpx2
import msgspec

from keepclear.adapters.federation.allowance import PACE_AT_ONCE, PACE_PER_S, Bucket
from keepclear.adapters.federation.exchange import (
    MEDIA_TYPE,
    PATH,
    Exchange,
    encode_request,
    read_bundle,
)
from keepclear.adapters.federation.links import Heads, Link, Links, Peer
from keepclear.adapters.federation.listener import IDLE_S, ProblemBody
from keepclear.adapters.federation.tls import fingerprint_of, pin_of
from keepclear.adapters.notary import Notary
from keepclear.codec.bundle import BUNDLE_BYTES_MAX
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
CONNECT_S_MAX: Final = 5.0
"""So long it may take to connect."""
SILENCE_S_MAX: Final = 10.0
"""So long a peer may neither send nor take anything in the middle of an exchange."""
EXCHANGE_S_MAX: Final = 300.0
"""So long an exchange may take."""
ROUNDS_MAX: Final = 100
"""So many exchanges follow each other at once; the rest waits for the next time."""
PROBLEM_BYTES_MAX: Final = 65_536
"""A longer reason of a refusal is not read."""

_CHUNK_BYTES: Final = 65_536
_DOUBLINGS_MAX: Final = 16  # far beyond the longest wait

_log = logging.getLogger(__name__)


class PeerError(KeepclearError):
    """A peer could not be reached, or did not answer as it should. Trying again later may help.

    Attributes:
        held: How many entries of this node's log it holds, where it refused for want of the rest.
        retry_after_s: When to try again at the earliest, if it said so.
    """

    def __init__(self, reason: str, *, held: int | None = None, retry_after_s: float = 0.0) -> None:
        self.held, self.retry_after_s = held, retry_after_s
        super().__init__(reason)


class Caller:
    """Sends requests to one peer over connections that are kept, and looks whose certificate it shows.

    Args:
        peer: Which; it has an address.
        context: The TLS context for it.

    Raises:
        InvalidValueError: What was pinned is no certificate.
    """

    def __init__(self, peer: Peer, context: ssl.SSLContext) -> None:
        self._pin, self._url = pin_of(peer), f"https://{peer.address}{PATH}"
        self._client = httpx2.AsyncClient(
            verify=context,
            trust_env=False,
            timeout=httpx2.Timeout(SILENCE_S_MAX, connect=CONNECT_S_MAX),
            limits=httpx2.Limits(max_connections=1, keepalive_expiry=IDLE_S - PULL_EVERY_S),
            headers={"Content-Type": MEDIA_TYPE},
        )

    async def call(self, body: bytes) -> bytes:
        """Send a request and return the answer.

        Raises:
            PeerError: There is none, or it is a refusal.
        """
        try:
            async with (
                asyncio.timeout(EXCHANGE_S_MAX),
                self._client.stream(
                    "POST",
                    self._url,
                    content=_chunks(body),
                    headers={"Content-Length": str(len(body))},
                    extensions={"trace": self._look},
                ) as response,
            ):
                if response.status_code == HTTPStatus.OK:
                    return await _read(response, BUNDLE_BYTES_MAX)
                raise _refusal(response, await _read(response, PROBLEM_BYTES_MAX))
        except TimeoutError:
            raise PeerError(f"the exchange took longer than {EXCHANGE_S_MAX:g} s") from None
        except httpx2.TimeoutException as error:
            raise PeerError(f"it does not answer ({type(error).__name__})") from error
        except httpx2.ConnectError as error:
            raise PeerError(f"it cannot be reached: {error}") from error
        except httpx2.HTTPError as error:
            reason = f"the connection broke ({str(error) or type(error).__name__})"
            raise PeerError(f"{reason}; has it pinned the certificate of this node?") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _look(self, event: str, info: dict[str, Any]) -> None:
        """Refuse another certificate than the one that was pinned, before anything is sent.

        The context alone would also let in what was signed with its key.
        """
        if event != "connection.start_tls.complete":
            return
        stream = info["return_value"]
        certificate = stream.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if fingerprint_of(certificate) != self._pin:
            await stream.aclose()
            raise PeerError("it shows another certificate than the one that was pinned")


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
        longest_s = BACKOFF_FIRST_S * 2.0 ** min(link.failure_count - 1, _DOUBLINGS_MAX)
        backoff_s = min(BACKOFF_MAX_S, longest_s) * (0.5 + 0.5 * self._around.jitter())
        return min(BACKOFF_MAX_S, max(least_s, backoff_s))

    async def _exchange(self) -> bool:
        """Give and ask once; return whether either side may have more."""
        exchange, links, told = self._around.exchange, self._around.links, self._link.heads or ()
        await self._keep_pace()
        offer = await exchange.offer(self._peer, told)
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
        return self._around.notary.write_hello(hello)


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    """Cut a body up, so that a slow link only has to take the next piece in time."""
    for start in range(0, len(body), _CHUNK_BYTES):
        yield body[start : start + _CHUNK_BYTES]


async def _read(response: httpx2.Response, bytes_max: int) -> bytes:
    """Read an answer to its end.

    Raises:
        PeerError: It is longer than it may be.
    """
    parts, count = [], 0
    async for part in response.aiter_raw():
        count += len(part)
        if count > bytes_max:
            raise PeerError(f"its answer is longer than {bytes_max} bytes")
        parts.append(part)
    return b"".join(parts)


def _refusal(response: httpx2.Response, data: bytes) -> PeerError:
    status, told = response.status_code, response.headers.get("Retry-After", "")
    retry_after_s = float(told) if told.isascii() and told.isdigit() else 0.0
    try:
        problem = msgspec.json.decode(data, type=ProblemBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return PeerError(f"it answered with the status {status}", retry_after_s=retry_after_s)
    held = problem.held if status == HTTPStatus.FORBIDDEN else None
    return PeerError(f"it refused: {problem.detail}", held=held, retry_after_s=retry_after_s)
