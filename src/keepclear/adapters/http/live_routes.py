"""What goes on: the log, the stream, positions, and how the node itself is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from starlette.responses import Response

from keepclear.adapters.http import wire
from keepclear.adapters.http.bodies import (
    encode,
    event_body,
    position_of,
)
from keepclear.adapters.http.endpoints import JSON, Call, Endpoint, Reply
from keepclear.adapters.http.metrics import MEDIA_TYPE as METRICS_TYPE
from keepclear.adapters.http.node import Node
from keepclear.adapters.http.stream import event_text
from keepclear.core.errors import InvalidValueError
from keepclear.node.access import Role

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
        officer = Role.DUTY_OFFICER
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
            Endpoint(method="GET", path="/v1/tracks", handler=self._latest_tracks,
                     summary="The latest positions.", answers={_OK: wire.Tracks}),
            Endpoint(method="POST", path="/v1/tracks", handler=self._take_tracks, role=officer,
                     summary="Give positions.", answers={_OK: wire.TracksTaken}, body=wire.TracksBody,
                     media_types=(JSON,)),
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
        hello = event_text("clock", node.clock_event()) + event_text("tracks", encode(node.tracks_body()))
        answer = node.hub.stream(
            after,
            node.store.records_after,
            hello,
            is_admitted=lambda: node.gate.still_admits(call.request),
        )
        return Reply(response=answer)

    async def _latest_tracks(self, _: Call) -> Reply:
        return Reply(body=self._node.tracks_body())

    async def _take_tracks(self, call: Call) -> Reply:
        bodies = call.body.positions
        limit = self._node.settings.limits.tracks
        if len(bodies) > limit:
            raise InvalidValueError("positions", f"{len(bodies)} are over the limit of {limit}")
        positions, places, ignored = [], [], []
        for index, body in enumerate(bodies):
            try:
                positions.append(position_of(body))
                places.append(index)
            except InvalidValueError as error:
                ignored.append(wire.Ignored(index=index, reason=str(error)))
        for one in self._node.take_positions(positions):
            ignored.append(wire.Ignored(index=places[one.index], reason=one.reason))
        ignored.sort(key=lambda one: one.index)
        return Reply(body=wire.TracksTaken(accepted=len(bodies) - len(ignored), ignored=ignored))
