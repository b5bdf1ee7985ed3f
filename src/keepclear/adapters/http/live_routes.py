"""What goes on: the log, the stream, positions, and how the node itself is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from starlette.responses import Response

from keepclear.adapters.http import wire
from keepclear.adapters.http.bodies import (
    event_body,
)
from keepclear.adapters.http.endpoints import JSON, Call, Endpoint, Reply
from keepclear.adapters.http.metrics import MEDIA_TYPE as METRICS_TYPE
from keepclear.adapters.http.node import Node
from keepclear.adapters.http.stream import event_text
from keepclear.core.errors import InvalidValueError

_OK = HTTPStatus.OK


class LiveRoutes:
    """The handlers.

    Args:
        node: What they work with.
        description: Tells the OpenAPI description.
    """

    def __init__(self, node: Node, description: Callable[[], bytes]) -> None:
        self._node, self._description = node, description

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of them."""
        return [
            Endpoint(method="GET", path="/healthz", handler=self._healthy, role=None,
                     summary="Whether the process answers.", answers={_OK: wire.Health}),
            Endpoint(method="GET", path="/readyz", handler=self._ready, role=None,
                     summary="Whether the node can store and judge.",
                     answers={_OK: wire.Health, HTTPStatus.SERVICE_UNAVAILABLE: wire.Health}),
            Endpoint(method="GET", path="/metrics", handler=self._measured, role=None,
                     summary="Counters in the format of Prometheus.", answers={_OK: None},
                     answer_type="text/plain"),
            Endpoint(method="GET", path="/v1/openapi.json", handler=self._described, role=None,
                     summary="This description.", answers={_OK: wire.OpenApi}),
            Endpoint(method="GET", path="/v1/events", handler=self._events,
                     summary="The log of changes, oldest first.", answers={_OK: wire.Events},
                     query=wire.PageQuery),
            Endpoint(method="GET", path="/v1/stream", handler=self._stream,
                     summary="Everything that happens, as Server-Sent Events.", answers={_OK: None},
                     query=wire.StreamQuery, answer_type="text/event-stream",
                     headers={"Last-Event-ID": "Go on after this entry of the log."}),
        ]  # fmt: skip

    async def _healthy(self, _: Call) -> Reply:
        return Reply(body=wire.Health(status="ok"))

    async def _ready(self, _: Call) -> Reply:
        reason = self._node.desk.fault
        if reason is None:
            return Reply(body=wire.Health(status="ok"))
        body = wire.Health(status="failing", reason=reason)
        return Reply(body=body, status=HTTPStatus.SERVICE_UNAVAILABLE)

    async def _measured(self, _: Call) -> Reply:
        response = Response(self._node.metrics.text(), headers={"Content-Type": METRICS_TYPE})
        return Reply(response=response)

    async def _described(self, _: Call) -> Reply:
        return Reply(response=Response(self._description(), media_type=JSON))

    async def _events(self, call: Call) -> Reply:
        limit = self._node.page(call.query.limit)
        records = await asyncio.to_thread(self._node.store.records_after, call.query.after, limit + 1)
        more = records[limit - 1].seq if len(records) > limit else None
        return Reply(body=wire.Events(events=[event_body(record) for record in records[:limit]], next=more))

    async def _stream(self, call: Call) -> Reply:
        node, after = self._node, call.query.after
        said = call.request.headers.get("last-event-id", "")
        if said:
            if not said.isdecimal() or len(said) > 18:
                raise InvalidValueError("Last-Event-ID", "it must be the number of an event")
            after = int(said)
        await node.watched()  # the first round may still be on its way
        hello = event_text("clock", node.clock_event()) + await asyncio.to_thread(node.watch_events)
        answer = node.hub.stream(
            after,
            node.store.records_after,
            hello,
            is_admitted=lambda: node.gate.still_admits(call.request),
        )
        return Reply(response=answer)
