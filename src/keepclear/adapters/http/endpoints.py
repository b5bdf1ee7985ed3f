"""A thin layer of typed endpoints over Starlette: what each takes and answers, said once.

From an `Endpoint` come the routing, the reading of query and body, the check of the role, and the
OpenAPI description. A handler gets a `Call` and returns a `Reply`; what it raises becomes a problem.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from keepclear.adapters.http import problems, wire
from keepclear.adapters.http.bodies import encode
from keepclear.adapters.http.gate import Gate
from keepclear.adapters.http.metrics import Metrics
from keepclear.adapters.http.problems import HttpProblemError, InputProblemsError, problem_of
from keepclear.codec.json_errors import decode_json, misfits, refuse_repeated_names, text_of
from keepclear.codec.reading import Problem
from keepclear.core.errors import InvalidValueError, KeepclearError
from keepclear.node.access import Grant, NotAllowedError, Role

JSON: Final = "application/json"
GEOJSON: Final = "application/geo+json"
BYTES: Final = "application/octet-stream"

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
        path: The part of the path that names something, such as the id of an item.
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
        path: Its path; `{id}` stands for the rest of it, slashes too.
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

    def route(self, gate: Gate, metrics: Metrics) -> Route:
        """Return the route that serves it."""

        async def serve(request: Request) -> Response:
            began_s = time.perf_counter()
            response = await self._answered(request, gate)
            metrics.count(self.method, self.path, response.status_code, time.perf_counter() - began_s)
            return response

        return Route(self.path.replace("{id}", "{id:path}"), serve, methods=[self.method])

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
            data = await gate.body(request)
        call = Call(
            request=request,
            grant=grant,
            path=request.path_params.get("id", ""),
            query=_query(request, self.query),
            body=data if self.body is None else read_json(data, self.body),
            media_type=media_type,
        )
        return await self.handler(call)


def _fault(error: Exception) -> Response:
    _log.error("a fault of the node", exc_info=error)
    body = wire.ProblemDetails(
        title=HTTPStatus.INTERNAL_SERVER_ERROR.phrase,
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        detail="a fault of the node itself; its log tells more",
    )
    return Response(encode(body), body.status, media_type=problems.MEDIA_TYPE)


def _query(request: Request, kind: type[wire.Given]) -> Any:
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise InvalidValueError(name, "it stands twice in the query")
        given[name] = value
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidValueError("query", _said(error)) from None


def read_json(data: bytes, kind: Any) -> Any:
    """Read a body.

    Raises:
        InvalidValueError: It is no JSON.
        InputProblemsError: It does not fit; every place is told.
    """
    text = text_of(data)
    try:
        refuse_repeated_names(text) if text.lstrip()[:1] in (b"{", b"[") else None
        return decode_json(text, kind)
    except msgspec.ValidationError as error:
        found = tuple(
            Problem(source="request", field=misfit.field, reason=misfit.reason)
            for misfit in misfits(decode_json(text), kind)
        )
        raise InputProblemsError(found or (Problem(source="request", reason=_said(error)),)) from None
    except ValueError as error:  # the standard library's reader is stricter in places, as with escapes
        raise InvalidValueError("", f"this is not JSON: {error}") from None


def _said(error: Exception) -> str:
    text = str(error)
    return text[:1].lower() + text[1:]
