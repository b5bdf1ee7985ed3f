"""The application of the service: its routes, its health and its metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from msgspec import Struct
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from keepclear.adapters.http.dss.auxiliary import AuxiliaryEndpoints
from keepclear.adapters.http.dss.description import describe
from keepclear.adapters.http.dss.endpoints import DssDesk, DssEndpoint, json_answer, refused, routes_of
from keepclear.adapters.http.dss.f3411 import F3411Endpoints
from keepclear.adapters.http.dss.f3548 import F3548Endpoints
from keepclear.adapters.http.dss.history import history_endpoints
from keepclear.adapters.http.dss.upkeep import Upkeep
from keepclear.adapters.http.metrics import MEDIA_TYPE
from keepclear.codec.f3548.dss_reading import DssReader


@dataclass(frozen=True, slots=True, kw_only=True)
class DssParts:
    """What the service is put together from.

    Attributes:
        desk: What requests are answered with.
        reader: How bodies are read.
        auxiliary: What is beside the standards.
        faults: What is wrong beside the store, such as keys that could not be fetched; each a sentence.
        kept: How long after its end an intent, a constraint or an area is kept.
        history_kept: How long the history and reports are kept.
    """

    desk: DssDesk
    reader: DssReader
    auxiliary: AuxiliaryEndpoints
    faults: Callable[[], Sequence[str]] = tuple
    kept: timedelta = timedelta(hours=24)
    history_kept: timedelta = timedelta(days=30)


class Health(Struct):
    """Whether the service can work, and what it keeps."""

    status: str
    faults: list[str]


class DssApplication:
    """The service as an ASGI application.

    Args:
        parts: What it is put together from.

    Attributes:
        endpoints: What can be asked of it.
        upkeep: What it does by itself.
        app: The application.
    """

    def __init__(self, parts: DssParts) -> None:
        self._parts = parts
        self.upkeep = Upkeep(parts.desk, parts.kept, parts.history_kept)
        self.upkeep.show(parts.faults)
        self.endpoints: list[DssEndpoint] = [
            *F3548Endpoints(parts.reader).endpoints(),
            *F3411Endpoints(allows_http=parts.reader.allows_http).endpoints(),
            *parts.auxiliary.endpoints(),
            *history_endpoints(),
        ]
        self.app = Starlette(
            routes=[
                *routes_of(parts.desk, self.endpoints),
                Route("/healthy", self._healthy),
                Route("/dss/v1/healthy", self._healthy),
                Route("/metrics", self._metrics),
                Route("/openapi.json", self._described),
            ],
            exception_handlers={HTTPStatus.NOT_FOUND: _unknown, HTTPStatus.METHOD_NOT_ALLOWED: _not_allowed},
            lifespan=self._lifespan,
        )
        self.app.router.redirect_slashes = False  # an empty OVN at the end is to be refused, not to be lost

    def faults(self) -> list[str]:
        """Return what is wrong at present, each a sentence."""
        fault = self._parts.desk.store.fault
        return [*([] if fault is None else [fault]), *self.upkeep.faults, *self._parts.faults()]

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(self.upkeep.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _healthy(self, _: Request) -> Response:
        faults = self.faults()
        is_up = self._parts.desk.store.fault is None and not self.upkeep.is_stalled
        status = HTTPStatus.OK if is_up else HTTPStatus.SERVICE_UNAVAILABLE
        return json_answer(status, Health(status="ok" if is_up else "failing", faults=faults))

    async def _metrics(self, _: Request) -> Response:
        return Response(self._parts.desk.metrics.text(), media_type=MEDIA_TYPE)

    async def _described(self, _: Request) -> Response:
        return Response(describe(self.endpoints), media_type="application/json")


async def _unknown(request: Request, _: Exception) -> Response:
    return refused(HTTPStatus.NOT_FOUND, f"there is nothing at {request.url.path[:200]!r}; see /openapi.json")


async def _not_allowed(request: Request, error: Exception) -> Response:
    headers = getattr(error, "headers", None)
    return refused(HTTPStatus.METHOD_NOT_ALLOWED, f"{request.method} is not for this path", headers)
