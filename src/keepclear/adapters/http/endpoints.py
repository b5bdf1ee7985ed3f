"""A thin layer of typed endpoints over Starlette: what each takes and answers, said once.

From an `Endpoint` come the routing, the reading of query and body, the check of the role, and the
OpenAPI description. A handler gets a `Call` and returns a `Reply`; what it raises becomes a problem.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from keepclear.adapters.http import problems, wire
from keepclear.adapters.http.bodies import encode
from keepclear.adapters.http.gate import Gate
from keepclear.adapters.http.metrics import Metrics
from keepclear.adapters.http.problems import HttpProblemError, InputProblemsError, problem_of
from keepclear.codec.json_errors import decode_json, did_you_mean, misfits, refuse_repeated_names, text_of
from keepclear.codec.reading import Problem
from keepclear.core.errors import InvalidValueError, KeepclearError
from keepclear.node.access import Grant, NotAllowedError, Role

JSON: Final = "application/json"
GEOJSON: Final = "application/geo+json"
BYTES: Final = "application/octet-stream"
INLINE_BYTES: Final = 32_000
"""Bodies up to this size are read in the thread that serves everybody; larger ones in another."""
PROBLEMS_TOLD_MAX: Final = 100
"""So many places of a body that do not fit are told at most."""

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer.

    Attributes:
        body: What is told, as a struct; None for nothing.
        status: The status.
        headers: Further headers.
        response: A response that is ready; it stands in place of the rest.
    """

    body: Any = None
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)
    response: Response | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, as a handler sees it.

    Attributes:
        request: The request itself.
        grant: Who asks; None where nobody needs to.
        path: The part of the path that names something, such as an item or a party.
        query: What the query gives, as the endpoint's `query` has it.
        body: What the body gives, as the endpoint's `body` has it; bytes where that is None.
        media_type: Of the body.
    """

    request: Request
    grant: Grant | None
    path: str
    query: Any
    body: Any
    media_type: str

    @property
    def granted(self) -> Grant:
        """Who asks, where somebody must."""
        assert self.grant is not None
        return self.grant


Handler = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One thing that can be asked.

    Attributes:
        method: The method of HTTP.
        path: Its path; `{id}` and `{name}` stand for the rest of it, slashes too, others for one part of it.
        handler: What answers.
        summary: What it does, in a line.
        answers: What it tells by status, where all is well.
        role: Who may ask; None for everybody.
        query: What the query may hold.
        body: What the body holds, read from JSON; None where the handler reads it.
        media_types: What bodies may be; empty where there is none.
        headers: Headers that it reads, with what they mean.
        refusals: Statuses that it refuses with, besides those that every endpoint has.
        answer_type: The media type of the answer.
        body_bytes_max: The most bytes of a body, where the limit of the node is not meant for it.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    answers: Mapping[HTTPStatus, Any]
    role: Role | None = Role.VIEWER
    query: type[wire.Given] = wire.NoQuery
    body: Any = None
    media_types: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    refusals: tuple[HTTPStatus, ...] = ()
    answer_type: str = JSON
    body_bytes_max: int | None = None

    @property
    def all_refusals(self) -> list[HTTPStatus]:
        """Every status that it may refuse with."""
        found = {HTTPStatus.BAD_REQUEST, HTTPStatus.MISDIRECTED_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE}
        found |= set(self.refusals)
        if self.role is not None:
            found |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        if self.media_types:
            found |= {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
        return sorted(found)

    async def serve(self, request: Request, gate: Gate, metrics: Metrics) -> Response:
        """Answer a request, and count it."""
        began_s = time.perf_counter()
        response = await self._answered(request, gate)
        metrics.count(self.method, self.path, response.status_code, time.perf_counter() - began_s)
        return response

    async def _answered(self, request: Request, gate: Gate) -> Response:
        try:
            reply = await self._reply(request, gate)
            if reply.response is not None:
                return reply.response
            content = b"" if reply.body is None else encode(reply.body)
            return Response(
                content,
                reply.status,
                {"Cache-Control": "no-store", **reply.headers},
                media_type=self.answer_type,
            )
        except KeepclearError as error:
            if type(error) not in problems.STATUS_OF and not isinstance(error, HttpProblemError):
                return _fault(error)
            status, body, headers = problem_of(error)
            return Response(
                encode(body), status, {"Cache-Control": "no-store", **headers}, media_type=problems.MEDIA_TYPE
            )
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it
        except Exception as error:  # whatever it is, the node goes on and the asker is told
            return _fault(error)

    async def _reply(self, request: Request, gate: Gate) -> Reply:
        grant = gate.admitted(request, needs_token=self.role is not None)
        if self.role is not None and grant is not None and not grant.role.includes(self.role):
            raise NotAllowedError(grant.role, self.role)
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        data = b""
        if self.media_types:
            if media_type not in self.media_types:
                known = " or ".join(self.media_types)
                raise HttpProblemError(
                    HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the Content-Type must be {known}, not {media_type!r}"
                )
            data = await gate.body(request, is_anonymous=grant is None, bytes_max=self.body_bytes_max)
        query = _query(request, self.query)
        body = data if self.body is None else await aside(lambda: read_json(data, self.body), len(data))
        path = next(iter(request.path_params.values()), "")
        call = Call(request=request, grant=grant, path=path, query=query, body=body, media_type=media_type)
        return await self.handler(call)


def routes_of(endpoints: Sequence[Endpoint], gate: Gate, metrics: Metrics) -> list[Route]:
    """Return the routes that serve endpoints: one for each path, so that 405 tells all its methods."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    return [_route(path, by_method, gate, metrics) for path, by_method in by_path.items()]


def _route(path: str, by_method: Mapping[str, Endpoint], gate: Gate, metrics: Metrics) -> Route:
    async def serve(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await by_method[method].serve(request, gate, metrics)

    whole = re.sub(r"\{(id|name)\}", r"{\1:path}", path)
    return Route(whole, serve, methods=list(by_method))


async def aside(read: Callable[[], _T], size_bytes: int) -> _T:
    """Do something at once if it is small, else in another thread."""
    return read() if size_bytes <= INLINE_BYTES else await asyncio.to_thread(read)


def _fault(error: Exception) -> Response:
    _log.error("a fault of the node", exc_info=error)
    body = wire.ProblemDetails(
        title=HTTPStatus.INTERNAL_SERVER_ERROR.phrase,
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        detail="a fault of the node itself; its log tells more",
    )
    return Response(encode(body), body.status, media_type=problems.MEDIA_TYPE)


def _query(request: Request, kind: type[wire.Given]) -> Any:
    found = msgspec.structs.fields(kind)
    known = {one.encode_name: one.type for one in found}
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            others = did_you_mean(name, list(known)) if known else "; nothing may be given here"
            raise InvalidValueError(name, f"unknown name in the query{others}")
        if name in given:
            raise InvalidValueError(name, "it stands twice in the query")
        given[name] = value
    try:
        read = msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        name, reason = _place_and_reason(error)
        words = _words(known[name]) if name in known else []
        if words:
            reason = f"unknown value {given[name]!r}{did_you_mean(given[name], words)}"
        raise InvalidValueError(name, reason) from None
    for one in found:
        name = one.encode_name
        if name in given and getattr(read, one.name) is None:  # the text "null" was taken for nothing
            raise InvalidValueError(
                name, f"unknown value {given[name]!r}{did_you_mean(given[name], _words(known[name]))}"
            )
    return read


def _words(kind: Any) -> list[str]:
    """Return the words that a value may be; none where it may be others."""
    described = msgspec.inspect.type_info(kind)
    kinds = described.types if isinstance(described, msgspec.inspect.UnionType) else (described,)
    literals = [part for part in kinds if isinstance(part, msgspec.inspect.LiteralType)]
    return [str(word) for literal in literals for word in literal.values]


def read_json(data: bytes, kind: Any) -> Any:
    """Read a body.

    Raises:
        InvalidValueError: It is no JSON.
        InputProblemsError: It does not fit; every place is told.
    """
    text = text_of(data)
    try:
        read = decode_json(text, kind)
        if text.lstrip()[:1] in (b"{", b"["):
            refuse_repeated_names(text)
        return read
    except msgspec.ValidationError as error:
        field, reason = _place_and_reason(error)
        first = Problem(source="request", field=field, reason=reason)
        raise InputProblemsError(_misfits(text, kind) or (first,)) from None
    except ValueError as error:  # the standard library's reader is stricter in places, as with escapes
        raise InvalidValueError("", f"this is not JSON: {error}") from None


def _misfits(text: bytes, kind: Any) -> tuple[Problem, ...]:
    """Return the places of a body that do not fit; none where only a bound is not kept."""
    found = itertools.islice(misfits(decode_json(text), kind), PROBLEMS_TOLD_MAX)
    return tuple(Problem(source="request", field=misfit.field, reason=misfit.reason) for misfit in found)


_PLACE: Final = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?", re.DOTALL)
_KINDS: Final = {"`int`": "a whole number", "`float`": "a number", "`str`": "text"}


def _place_and_reason(error: msgspec.ValidationError) -> tuple[str, str]:
    """Return where a value does not fit, and what is wrong with it."""
    found = _PLACE.fullmatch(str(error))
    assert found is not None, "everything fits the pattern"
    reason, place = found[1], found[2] or ""
    for kind, said in _KINDS.items():
        reason = reason.replace(kind, said)
    return place, reason[:1].lower() + reason[1:]
