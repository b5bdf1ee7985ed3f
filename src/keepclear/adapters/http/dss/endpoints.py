"""What an endpoint of the service is, and how each request comes to its answer.

The token is checked first, then its scopes, and only then the body and the names in the path. Whatever is
asked becomes one piece of work in one transaction of the store.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from keepclear.adapters.http.dss.tickets import CallableOff
from keepclear.adapters.http.metrics import Metrics
from keepclear.codec.f3548 import dss_wire as wire
from keepclear.codec.f3548.dss_answers import DssWriter
from keepclear.core.errors import InvalidValueError, KeepclearError
from keepclear.core.ovn import Entropy
from keepclear.core.references import Availability
from keepclear.node.dss import refusals
from keepclear.node.dss.callers import Caller, Scope
from keepclear.node.dss.ports import DssStore, DssTransaction, Target
from keepclear.node.dss.work import Work
from keepclear.node.outcomes import StoreError
from keepclear.node.ports import Clock

BODY_BYTES_MAX: Final = 4_194_304
"""No body is larger."""
BODY_MAX_S: Final = 10.0
"""A body must have come within so long."""
ANSWER_MAX_S: Final = 10.0
"""An answer takes no longer; what is not done by then is called off."""
LASTING_MAX_S: Final = 10.0
"""What was done by then may take so long to become lasting; then its asker is told that nobody knows."""
INLINE_BYTES: Final = 32_000
"""Bodies up to this size are read in the thread that serves everybody; larger ones in another."""
RETRY_AFTER_S: Final = 1
"""After so long it is worth asking again, where too much is waiting."""

_STATUS_OF: Final[Mapping[type[KeepclearError], HTTPStatus]] = {
    InvalidValueError: HTTPStatus.BAD_REQUEST,
    refusals.ScopeError: HTTPStatus.FORBIDDEN,
    refusals.NotManagerError: HTTPStatus.FORBIDDEN,
    refusals.NoEntityError: HTTPStatus.NOT_FOUND,
    refusals.VersionError: HTTPStatus.CONFLICT,
    refusals.DownError: HTTPStatus.PRECONDITION_FAILED,
    refusals.TooManyError: HTTPStatus.TOO_MANY_REQUESTS,
    refusals.TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    refusals.StoreBusyError: HTTPStatus.SERVICE_UNAVAILABLE,
    refusals.CalledOffError: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
}
_PROCESS: Final = secrets.token_hex(8)  # connections of two processes are never the same
_log = logging.getLogger(__name__)


class _Rest(Convertor[str]):
    """The rest of a path, whatever is in it, slashes and line ends too; it may be empty."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("rest", _Rest())


class RefusedError(KeepclearError):
    """A refusal whose status is known already."""

    def __init__(self, status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.headers = status, headers or {}
        super().__init__(message)


class TookTooLongError(RefusedError):
    """The store did not answer in time."""


class _ConflictToldError(KeepclearError):
    """A conflict with all that is told of it."""

    def __init__(self, told: wire.AirspaceConflict) -> None:
        self.told = told
        super().__init__(told.message)


class Admits(Protocol):
    """Who checks tokens."""

    def admit(self, authorization: str | None) -> Caller:
        """Tell who asks.

        Raises:
            TokenRefusedError: The token is not good; the text says why.
        """


class TokenRefusedError(KeepclearError):
    """A token is missing or not good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DssCall:
    """A request, as a handler sees it.

    Attributes:
        caller: Who asks.
        path: What the path names, by name.
        query: What the query says, by name; of a name that stands twice, the last.
        body: The body.
    """

    caller: Caller
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


Told = Callable[[Work, DssWriter], Any]
"""Does the work within a transaction, and returns what to tell."""


class Change(NamedTuple):
    """Work that changes something of which it is known what it is.

    Attributes:
        told: The work.
        target: What it will change.
    """

    told: Told
    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class DssEndpoint:
    """One thing that can be asked.

    Attributes:
        method: The method of HTTP.
        path: Its path, with `{name}` for what it names; the handler refuses an empty last one.
        summary: What it does, in a line.
        scopes: Any of these is enough; empty where any good token is.
        read: Reads a call, and returns the work to do.
        body: What the body holds; None for no body.
        answer: What it tells.
        status: The status where all is well.
        refusals: Statuses that it refuses with, besides those that every endpoint has.
        query: Names that the query may hold, and whether it must.
    """

    method: str
    path: str
    summary: str
    scopes: tuple[str, ...]
    read: Callable[[DssCall], Told | Change]
    answer: Any
    body: Any = None
    status: HTTPStatus = HTTPStatus.OK
    refusals: tuple[HTTPStatus, ...] = ()
    query: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DssDesk:
    """What requests are answered with.

    Attributes:
        store: What is kept.
        tokens: Who checks tokens.
        clock: What time it is.
        entropy: Where what nobody can guess comes from.
        metrics: What is counted.
    """

    store: DssStore
    tokens: Admits
    clock: Clock
    entropy: Entropy
    metrics: Metrics = field(default_factory=Metrics)

    async def serve(self, endpoint: DssEndpoint, request: Request) -> Response:
        """Answer a request, and count it."""
        began_s = time.perf_counter()
        response = await self._answered(endpoint, request)
        took_s = time.perf_counter() - began_s
        self.metrics.count(endpoint.method, endpoint.path, response.status_code, took_s)
        return response

    async def _answered(self, endpoint: DssEndpoint, request: Request) -> Response:
        try:
            told = await self._told(endpoint, request)
            return json_answer(endpoint.status, told)
        except _ConflictToldError as conflict:
            return json_answer(HTTPStatus.CONFLICT, conflict.told)
        except TokenRefusedError as error:
            headers = {"WWW-Authenticate": "Bearer"}
            return refused(HTTPStatus.UNAUTHORIZED, str(error), headers)
        except RefusedError as error:
            return refused(error.status, str(error), error.headers)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it
        except KeepclearError as error:
            status = _STATUS_OF.get(type(error))
            if status is None:
                return _fault(error)
            waits = {"Retry-After": str(RETRY_AFTER_S)} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
            return refused(status, str(error) or "it took too long, and nothing of it was done", waits)
        except Exception as error:  # whatever it is, the service goes on and the asker is told
            return _fault(error)

    async def _told(self, endpoint: DssEndpoint, request: Request) -> Any:
        caller = self.tokens.admit(request.headers.get("authorization"))
        if request.client is not None and request.client.port:  # a proxy may tell the host alone
            caller = caller._replace(connection=f"{_PROCESS} {request.client.host}:{request.client.port}")
        if endpoint.scopes and not any(scope in caller.scopes for scope in endpoint.scopes):
            names = " or ".join(endpoint.scopes)
            raise refusals.ScopeError(
                f"this needs the scope {names}; the token grants"
                f" {' '.join(sorted(caller.scopes))[:200] or 'nothing'}"
            )
        body = await _body(request) if endpoint.body is not None else b""
        call = DssCall(caller=caller, path=request.path_params, query=request.query_params, body=body)
        if len(body) <= INLINE_BYTES:
            work = endpoint.read(call)
        else:
            work = await asyncio.to_thread(endpoint.read, call)
        if isinstance(work, Change):
            return await self.done(caller, work.told, work.target)
        return await self.done(caller, work)

    async def done(self, caller: Caller, work: Told, target: Target | None = None) -> Any:
        """Have something done; what is not done in time is called off, and then nothing of it is done.

        Raises:
            TookTooLongError: It was called off, or nobody knows whether it is done.
            KeepclearError: What the store or the work raised.
        """

        def run(transaction: DssTransaction) -> Any:
            piece = Work(transaction=transaction, caller=caller, now=self.clock(), entropy=self.entropy)
            writer = DssWriter(caller.subject, lambda uss: _availability(transaction, uss))
            try:
                return work(piece, writer)
            except refusals.AirspaceConflictError as error:
                raise _ConflictToldError(_conflict(writer, error)) from None

        ticket = CallableOff()
        answer = asyncio.wrap_future(self.store.run(run, ticket, target))
        done, _ = await asyncio.wait([answer], timeout=ANSWER_MAX_S)
        reason = f"it took over {ANSWER_MAX_S:g} s; nothing of it was done"
        if not done and not ticket.call_off():  # it is becoming lasting
            done, _ = await asyncio.wait([answer], timeout=LASTING_MAX_S)
            reason = "the database does not say whether it is done; look, or ask for the same again"
        if not done:
            answer.cancel()  # what was not begun will not be: those who still wait come first
            raise TookTooLongError(
                HTTPStatus.SERVICE_UNAVAILABLE, reason, {"Retry-After": str(RETRY_AFTER_S)}
            )
        return await answer


def routes_of(desk: DssDesk, endpoints: Sequence[DssEndpoint]) -> list[Route]:
    """Return the routes that serve endpoints: one for each path, so that 405 tells all its methods."""
    by_path: dict[str, dict[str, DssEndpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    return [_route(desk, path, by_method) for path, by_method in by_path.items()]


def _route(desk: DssDesk, path: str, by_method: Mapping[str, DssEndpoint]) -> Route:
    async def serve(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await desk.serve(by_method[method], request)

    # A second name may be empty: an OVN that was left out is refused, and not taken for another path.
    return Route(
        path.replace("{ovn}", "{ovn:rest}").replace("{version}", "{version:rest}"),
        serve,
        methods=list(by_method),
    )


def json_answer(status: HTTPStatus, told: Any, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer in JSON."""
    fixed = {"Cache-Control": "no-store", **(headers or {})}
    return Response(msgspec.json.encode(told), status, fixed, media_type="application/json")


def refused(status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a refusal as the interfaces have it."""
    return json_answer(status, wire.Refusal(message=message), headers)


def _fault(error: Exception) -> Response:
    _log.error("a fault of the service", exc_info=error)
    return refused(HTTPStatus.INTERNAL_SERVER_ERROR, "a fault of the service itself; its log tells more")


def _availability(transaction: DssTransaction, uss_id: str) -> Availability:
    said = transaction.availability(uss_id)
    return Availability.UNKNOWN if said is None else said.availability


def _conflict(writer: DssWriter, error: refusals.AirspaceConflictError) -> wire.AirspaceConflict:
    told = wire.AirspaceConflict(message=str(error), conflicts=[_why(each) for each in error.why])
    told.missing_operational_intents = writer.intents(error.intents)
    told.missing_constraints = writer.constraints(error.constraints)
    return told


def _why(why: refusals.Why) -> wire.Conflict:
    conflict = wire.Conflict(id=why.entity_id, text=why.text)
    if why.volumes is not None:
        conflict.volume, conflict.other_volume = why.volumes
    return conflict


async def _body(request: Request) -> bytes:
    limit = f"the body is over the limit of {BODY_BYTES_MAX:,} bytes"
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and (len(length) > 18 or int(length) > BODY_BYTES_MAX):
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, limit, {"Connection": "close"})
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_MAX_S):
            async for part in request.stream():
                parts.append(part)
                size += len(part)
                if size > BODY_BYTES_MAX:
                    raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, limit, {"Connection": "close"})
    except TimeoutError:
        reason = f"the body did not come within {BODY_MAX_S:g} s"
        raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, reason, {"Connection": "close"}) from None
    return b"".join(parts)


def scopes(*any_of: Scope) -> tuple[str, ...]:
    """Return the names of scopes."""
    return tuple(scope.value for scope in any_of)
