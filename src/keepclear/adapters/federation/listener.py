"""The listener of the federation: the one address where nodes of other parties ask, and nobody else.

Who asks must show the certificate that was pinned, and a greeting signed with the key of that party's
node, made for this node, a moment ago, never used before. What a peer gives is taken whoever it is, as
everything in it is signed; what it is given it must have asked for itself. The application trusts its
server for the certificate, and refuses whoever has none.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final, NoReturn

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from keepclear.adapters.desk import DeskBusyError, DeskClosedError
from keepclear.adapters.federation.allowance import (
    CLOCKS_APART_S_MAX,
    GREETING_S_MAX,
    NONCES_KEPT_S,
    Allowance,
)
from keepclear.adapters.federation.exchange import (
    MEDIA_TYPE,
    PATH,
    REQUEST_BYTES_MAX,
    Exchange,
    KeysHeld,
    decode_request,
    read_bundle,
)
from keepclear.adapters.federation.links import Links
from keepclear.adapters.federation.server import CERTIFICATE
from keepclear.adapters.federation.tls import Pins
from keepclear.adapters.notary import Notary
from keepclear.codec.hello import Hello
from keepclear.core.bundles import Bundle
from keepclear.core.errors import InvalidValueError, KeepclearError
from keepclear.core.intents import PartyId
from keepclear.node.outcomes import StoreError
from keepclear.node.ports import SignedBy

BODY_S_MAX: Final = 120.0
"""So long a request may take to come in."""
DRAINED_BYTES_MAX: Final = 1_000_000
"""So much of a request that is refused unread is still let in."""
DRAINED_S_MAX: Final = 1.0
"""So long what still comes of it is waited for."""

_PROBLEM_TYPE: Final = "application/problem+json"


class RequestRefusedError(KeepclearError):
    """A request of a peer that is refused.

    Attributes:
        status: The status of the answer.
        held: How many entries of the peer's log are held, where its key is not known from them.
        retry_after_s: When it may try again; None where that does not help.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        held: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.status, self.held, self.retry_after_s = status, held, retry_after_s
        super().__init__(detail)


class ProblemBody(msgspec.Struct, omit_defaults=True):
    """Why a request was refused (RFC 9457).

    Attributes:
        title: The status in words.
        status: The status.
        detail: Why.
        held: How many entries of the log of whoever asks are held, where its key is not known from them.
    """

    title: str
    status: int
    detail: str
    held: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """See the module.

    Attributes:
        exchange: What is done at the desk.
        notary: Reads greetings.
        links: The links.
        pins: Which certificate is whose.
        monotonic: Seconds that never step back.
        heard: Called with a peer that was heard.
        news: Called once there is something that other peers may lack.
        allowances: What each peer may still ask for.
    """

    exchange: Exchange
    notary: Notary
    links: Links
    pins: Pins
    monotonic: Callable[[], float]
    heard: Callable[[PartyId], None]
    news: Callable[[], None]
    allowances: dict[PartyId, Allowance] = field(default_factory=dict)

    def application(self) -> Starlette:
        """Return what answers."""
        app = Starlette(
            routes=[Route(PATH, self.sync, methods=["POST"])],
            exception_handlers={
                KeepclearError: _refused,
                HTTPStatus.NOT_FOUND: _nothing_there,
                HTTPStatus.METHOD_NOT_ALLOWED: _nothing_there,
                Exception: _fault,
            },
        )
        app.router.redirect_slashes = False
        return app

    async def sync(self, request: Request) -> Response:
        """Take what a peer gives, and give it what it lacks.

        Raises:
            KeepclearError: It is refused, or this node cannot at present.
        """
        try:
            peer, allowance = self._let_in(request)
        except RequestRefusedError:
            await _drain(request)
            raise
        try:
            answer = await self._answer(request, peer)
        finally:
            allowance.end()
        allowance.spend_bytes(len(answer))
        self.links.change(peer, lambda link: link.moved(bytes_out=len(answer)))
        return Response(answer, media_type=MEDIA_TYPE)

    def _let_in(self, request: Request) -> tuple[PartyId, Allowance]:
        """Begin a request of a peer that may make one now."""
        certificate = request.scope.get("state", {}).get(CERTIFICATE)
        peer = None if certificate is None else self.pins.party_of(certificate)
        if peer is None:
            _refuse("the certificate that you show is pinned for no party")
        self._require_link(peer)
        allowance = self.allowances.setdefault(peer, Allowance())
        wait_s = allowance.begin(self.monotonic())
        if wait_s > 0.0:
            detail = "you ask for more than one peer may; wait"
            raise RequestRefusedError(HTTPStatus.TOO_MANY_REQUESTS, detail, retry_after_s=wait_s)
        return peer, allowance

    async def _answer(self, request: Request, peer: PartyId) -> bytes:
        greeting, pushed = decode_request(await self._body(request, peer))
        hello, signed = self.notary.read_hello(greeting)
        bundle = await read_bundle(pushed, by=peer, to=self.exchange.own) if pushed else None
        await self._check(peer, hello, signed, bundle)
        self._require_link(peer)  # it may have been switched off meanwhile
        now_s, now_ms = self.monotonic(), self.exchange.now_ms
        self.links.change(peer, lambda link: link.heard(now_s, now_ms, hello.heads))
        self.heard(peer)
        if bundle is not None:
            await self._take(peer, bundle)
        offer = await self.exchange.offer(peer, hello.heads)
        self._require_link(peer)
        return offer.data

    async def _take(self, peer: PartyId, bundle: Bundle) -> None:
        taken = await self.exchange.take(peer, bundle)
        self.links.change(peer, lambda link: link.refused([each.reason for each in taken.refusals]))
        if taken.spans:
            self.news()

    def _require_link(self, peer: PartyId) -> None:
        link = self.links.get(peer)
        if link is None:
            _refuse("your party is not known here any more")
        if link.is_switched_off:
            raise RequestRefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "the link is switched off here")

    async def _body(self, request: Request, peer: PartyId) -> bytes:
        """Read a body, counted as it comes."""
        parts, count = [], 0
        too_slow = RequestRefusedError(
            HTTPStatus.REQUEST_TIMEOUT, f"the request did not come in within {BODY_S_MAX:g} s"
        )
        try:
            async with asyncio.timeout(BODY_S_MAX):
                async for part in request.stream():
                    count += len(part)
                    if count > REQUEST_BYTES_MAX:
                        detail = f"a request is at most {REQUEST_BYTES_MAX} bytes long; give less at a time"
                        raise RequestRefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
                    parts.append(part)
        except TimeoutError:
            raise too_slow from None
        except ClientDisconnect:
            raise RequestRefusedError(HTTPStatus.BAD_REQUEST, "the request was cut off") from None
        finally:
            self.allowances[peer].spend_bytes(count)
            self.links.change(peer, lambda link: link.moved(bytes_in=count))
        return b"".join(parts)

    async def _check(self, peer: PartyId, hello: Hello, signed: SignedBy, bundle: Bundle | None) -> None:
        """Refuse a greeting that is not this peer's, not for this node, not of now, or not new."""
        if hello.by != peer:
            _refuse(f"the greeting is of {hello.by!r}, and the certificate of {peer!r}")
        if hello.to != self.exchange.own:
            _refuse(f"the greeting is for {hello.to!r}, and this is the node of {self.exchange.own!r}")
        key = await self._key(peer, signed.kid, bundle)
        if not all(self.notary.verify([(key, signed)])):
            _refuse("the greeting is not signed with the key that it names")
        self._check_time(hello)
        now_s, allowance = self.monotonic(), self.allowances[peer]
        if allowance.is_full(now_s):
            detail = "too many greetings of yours are still good; wait until they have expired"
            raise RequestRefusedError(HTTPStatus.TOO_MANY_REQUESTS, detail, retry_after_s=NONCES_KEPT_S)
        if not allowance.use(hello.nonce, now_s):
            _refuse("the greeting was used before")

    async def _key(self, peer: PartyId, kid: str, bundle: Bundle | None) -> bytes:
        """Return the key of a greeting, which may be granted only in what is given with it."""
        known: KeysHeld = await self.exchange.keys(peer)
        if kid not in known.keys and bundle is not None:
            own = tuple([part for part in bundle.parts if part.party == peer])
            await self._take(peer, replace(bundle, parts=own, cosignatures=()))
            known = await self.exchange.keys(peer)
        if kid not in known.keys:
            detail = (
                f"the greeting is signed with {kid}, no key of your node in the {known.held} entries of your "
                "log that are held here; give those that follow"
            )
            raise RequestRefusedError(HTTPStatus.FORBIDDEN, detail, held=known.held)
        return known.keys[kid]

    def _check_time(self, hello: Hello) -> None:
        now_ms, apart_ms = self.exchange.now_ms, CLOCKS_APART_S_MAX * 1000.0
        if hello.expires_ms - hello.at_ms > GREETING_S_MAX * 1000.0:
            _refuse(f"the greeting would be good for more than {GREETING_S_MAX:g} s")
        if hello.at_ms > now_ms + apart_ms:
            ahead_s = (hello.at_ms - now_ms) / 1000.0
            _refuse(f"the greeting is of {ahead_s:.0f} s from now by the clock here; set the clocks")
        if hello.expires_ms < now_ms - apart_ms:
            past_s = (now_ms - hello.expires_ms) / 1000.0
            _refuse(f"the greeting has expired {past_s:.0f} s ago by the clock here; set the clocks")


async def _drain(request: Request) -> None:
    """Let what still comes of a request come: a peer whose connection ends meanwhile may lose the answer."""
    count = 0
    with contextlib.suppress(ClientDisconnect, TimeoutError):
        async with asyncio.timeout(DRAINED_S_MAX):
            async for part in request.stream():
                count += len(part)
                if count > DRAINED_BYTES_MAX:
                    return


def _refuse(detail: str) -> NoReturn:
    raise RequestRefusedError(HTTPStatus.FORBIDDEN, detail)


def _problem(
    status: HTTPStatus, detail: str, *, held: int | None = None, retry_after_s: float | None = None
) -> Response:
    body = ProblemBody(title=status.phrase, status=status, detail=detail, held=held)
    headers = {} if retry_after_s is None else {"Retry-After": str(math.ceil(retry_after_s))}
    return Response(msgspec.json.encode(body), status, headers, media_type=_PROBLEM_TYPE)


async def _refused(_: Request, error: Exception) -> Response:
    match error:
        case RequestRefusedError():
            return _problem(error.status, str(error), held=error.held, retry_after_s=error.retry_after_s)
        case InvalidValueError():
            return _problem(HTTPStatus.BAD_REQUEST, str(error))
        case DeskBusyError() | DeskClosedError() | StoreError():
            return _problem(
                HTTPStatus.SERVICE_UNAVAILABLE, "this node cannot take anything now", retry_after_s=1.0
            )
    raise error


async def _nothing_there(_request: Request, _: Exception) -> Response:
    return _problem(HTTPStatus.NOT_FOUND, f"there is only POST {PATH} here")


async def _fault(_: Request, _error: Exception) -> Response:
    return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "a fault of this node; its people find it in the log")
