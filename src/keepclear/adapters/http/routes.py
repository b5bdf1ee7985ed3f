"""The endpoints of a node, each a few lines: from the request to a use case, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final, TypeVar

from starlette.responses import Response, StreamingResponse

from keepclear.adapters.desk import Change, Desk
from keepclear.adapters.http import wire
from keepclear.adapters.http.bodies import (
    answer_body,
    buffer_of,
    encode,
    event_body,
    finding_bodies,
    limits_of,
    position_of,
    raw_entry,
    record_body,
    track_body,
)
from keepclear.adapters.http.endpoints import BYTES, GEOJSON, JSON, Call, Endpoint, Reply
from keepclear.adapters.http.gate import COOKIE, Gate, bearer_of
from keepclear.adapters.http.metrics import MEDIA_TYPE as METRICS_TYPE
from keepclear.adapters.http.metrics import Metrics
from keepclear.adapters.http.problems import HttpProblemError, InputProblemsError
from keepclear.adapters.http.stream import Hub, event_text
from keepclear.adapters.settings import Settings
from keepclear.adapters.store.access import SESSION_S, Access, TokenRow
from keepclear.codec import formats, geojson
from keepclear.codec.f3548 import wire as f3548
from keepclear.codec.f3548.volumes import decode_item, encode_item
from keepclear.codec.reading import Problem, Reading, ReadSettings
from keepclear.codec.resolutions import resolution_fields
from keepclear.core.conflicts import Item
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import IntentEvent, IntentState, ItemId, PartyId
from keepclear.core.times import floor_ms, rfc3339
from keepclear.core.tracks import LatestTracks, TrackPosition
from keepclear.node.access import Grant, Role
from keepclear.node.detect import Moment
from keepclear.node.outcomes import NotFoundError, Outcome
from keepclear.node.policy import EXPIRY_GRACE_S
from keepclear.node.ports import Actor, Clock, Record, Store, Wanted
from keepclear.version import VERSION

INLINE_BYTES: Final = 32_000
"""Items up to this size are read in the thread that serves everybody; larger ones in another."""
_IF_MATCH: Final = "The version to change, in quotes, as the header ETag told it."
_T = TypeVar("_T")
_OK, _CREATED, _NO_CONTENT = HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT
_CHANGE_REFUSALS: Final = (
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.PRECONDITION_FAILED,
    HTTPStatus.PRECONDITION_REQUIRED,
)


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node that runs: what the endpoints work with.

    Attributes:
        settings: How it is configured.
        store: What it keeps.
        desk: What changes it.
        access: Who may do what.
        gate: Who is let in.
        tracks: The latest positions; used in the thread of the event loop only.
        hub: Who listens.
        metrics: What is counted.
        clock: What time it is.
        speed: How fast that time runs; other than 1 only in a demonstration.
        guest: What whoever comes is granted, in a demonstration; None elsewhere.
    """

    settings: Settings
    store: Store
    desk: Desk
    access: Access
    gate: Gate
    tracks: LatestTracks
    hub: Hub
    metrics: Metrics
    clock: Clock
    speed: float = 1.0
    guest: Grant | None = None

    @property
    def now(self) -> str:
        """What time it is."""
        return rfc3339(self.clock())

    def clock_event(self) -> bytes:
        """Return what the stream tells of the time."""
        fields = {"now": self.now, "speed": self.speed, "seq": self.store.last_seq()}
        return encode(fields)

    def tracks_body(self) -> wire.Tracks:
        """Return the latest positions."""
        now = self.clock()
        return wire.Tracks(now=rfc3339(now), tracks=[track_body(track) for track in self.tracks.at(now)])

    def take_positions(self, positions: Sequence[TrackPosition]) -> list[wire.Ignored]:
        """Take positions, and tell which were not taken."""
        now = self.clock()
        reasons = [(index, self.tracks.take(position, now)) for index, position in enumerate(positions)]
        return [wire.Ignored(index=index, reason=reason) for index, reason in reasons if reason is not None]


class Routes:
    """The handlers.

    Args:
        node: What they work with.
        description: Tells the OpenAPI description.
    """

    def __init__(self, node: Node, description: Callable[[], bytes]) -> None:
        self._node, self._description = node, description

    def endpoints(self) -> list[Endpoint]:
        """Return everything that can be asked."""
        officer, administrator = Role.DUTY_OFFICER, Role.ADMINISTRATOR
        items = "/v1/items/{id}"
        full = HTTPStatus.SERVICE_UNAVAILABLE
        return [
            Endpoint(method="GET", path="/healthz", handler=self._healthy, role=None,
                     summary="Whether the process answers.", answers={_OK: wire.Health}),
            Endpoint(method="GET", path="/readyz", handler=self._ready, role=None,
                     summary="Whether the node can store and judge.",
                     answers={_OK: wire.Health, full: wire.Health}),
            Endpoint(method="GET", path="/metrics", handler=self._measured, role=None,
                     summary="Counters in the format of Prometheus.", answers={_OK: None},
                     answer_type="text/plain"),
            Endpoint(method="GET", path="/v1/openapi.json", handler=self._described, role=None,
                     summary="This description.", answers={_OK: wire.OpenApi}),
            Endpoint(method="POST", path="/v1/session", handler=self._sign_in, role=None,
                     summary="Sign a browser in: sets its cookie.", answers={_OK: wire.SessionTold},
                     body=wire.SessionBody, media_types=(JSON,),
                     refusals=(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN,
                               HTTPStatus.REQUEST_ENTITY_TOO_LARGE)),
            Endpoint(method="GET", path="/v1/session", handler=self._session,
                     summary="Who is signed in, and what time it is at the node.",
                     answers={_OK: wire.SessionTold}),
            Endpoint(method="DELETE", path="/v1/session", handler=self._sign_out,
                     summary="Sign a browser out.", answers={_NO_CONTENT: None}),
            Endpoint(method="GET", path="/v1/items", handler=self._items,
                     summary="List operations and zones.", answers={_OK: wire.Items}, query=wire.ItemsQuery),
            Endpoint(method="GET", path=items, handler=self._item, summary="The latest version of an item.",
                     answers={_OK: wire.Record}, refusals=(HTTPStatus.NOT_FOUND,)),
            Endpoint(method="PUT", path=items, handler=self._put_item, role=officer,
                     summary="Declare an item, or amend it.",
                     answers={_OK: wire.Changed, _CREATED: wire.Changed}, media_types=(JSON, GEOJSON),
                     headers={"If-None-Match": "`*` to declare an item that is not declared yet.",
                              "If-Match": _IF_MATCH},
                     refusals=_CHANGE_REFUSALS),
            Endpoint(method="PATCH", path=items, handler=self._change_state, role=officer,
                     summary="Change the state of an operation.", answers={_OK: wire.Changed},
                     body=wire.StateChange, media_types=(JSON,), headers={"If-Match": _IF_MATCH},
                     refusals=_CHANGE_REFUSALS),
            Endpoint(method="DELETE", path=items, handler=self._withdraw, role=officer,
                     summary="Withdraw an item.", answers={_OK: wire.Changed},
                     headers={"If-Match": _IF_MATCH}, refusals=_CHANGE_REFUSALS),
            Endpoint(method="GET", path="/v1/history/{id}", handler=self._history,
                     summary="All versions of an item, oldest first.", answers={_OK: wire.History},
                     query=wire.PageQuery, refusals=(HTTPStatus.NOT_FOUND,)),
            Endpoint(method="POST", path="/v1/query", handler=self._query,
                     summary="What meets a volume during a window of time.", answers={_OK: wire.Found},
                     body=wire.AreaQuery, media_types=(JSON,)),
            Endpoint(method="POST", path="/v1/check", handler=self._check,
                     summary="Judge an item against everything; nothing is stored.",
                     answers={_OK: wire.Answer}, body=wire.CheckBody, media_types=(JSON,)),
            Endpoint(method="GET", path="/v1/conflicts", handler=self._conflicts,
                     summary="Everything against everything, soonest first.",
                     answers={_OK: wire.Answer}, query=wire.PageQuery),
            Endpoint(method="POST", path="/v1/resolve", handler=self._resolve,
                     summary="The smallest changes that clear an item.", answers={_OK: wire.Resolved},
                     body=wire.ResolveBody, media_types=(JSON,), refusals=(HTTPStatus.NOT_FOUND,)),
            Endpoint(method="POST", path="/v1/read", handler=self._read,
                     summary="Read a file of items; nothing is stored.", answers={_OK: wire.ReadAnswer},
                     query=wire.ReadQuery, media_types=(BYTES,)),
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
            Endpoint(method="GET", path="/v1/tokens", handler=self._tokens, role=administrator,
                     summary="List tokens, without their secrets.", answers={_OK: wire.Tokens}),
            Endpoint(method="POST", path="/v1/tokens", handler=self._issue_token, role=administrator,
                     summary="Issue a token; its secret is told this once.",
                     answers={_CREATED: wire.TokenIssued}, body=wire.TokenIssue, media_types=(JSON,),
                     refusals=(HTTPStatus.CONFLICT,)),
            Endpoint(method="DELETE", path="/v1/tokens/{id}", handler=self._revoke_token, role=administrator,
                     summary="Revoke a token and end its sessions.", answers={_NO_CONTENT: None},
                     refusals=(HTTPStatus.NOT_FOUND,)),
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

    async def _sign_in(self, call: Call) -> Reply:
        node = self._node
        node.gate.check_origin(call.request)
        if call.body.token is not None:
            grant = node.access.grant_of(call.body.token)
        elif node.guest is not None:
            grant = node.guest
        else:
            raise HttpProblemError(HTTPStatus.UNAUTHORIZED, "this node needs a token to sign in")
        session, secret = node.access.sign_in(grant)
        reply = Response(encode(self._session_body(grant, session.csrf)), media_type=JSON)
        reply.headers["Cache-Control"] = "no-store"
        left_s = int((grant.expires - node.clock()).total_seconds())
        reply.set_cookie(
            COOKIE,
            secret,
            max_age=max(0, min(int(SESSION_S), left_s)),
            httponly=True,
            samesite="strict",
            secure=node.gate.is_tls,
        )
        return Reply(response=reply)

    def _session_body(self, grant: Grant, csrf: str | None) -> wire.SessionTold:
        node, settings = self._node, self._node.settings.node
        return wire.SessionTold(
            party=grant.actor.party,
            person=grant.actor.person,
            role=grant.role.value,
            csrf=csrf,
            node=wire.NodeTold(
                party=settings.party,
                name=settings.name,
                conflicts=settings.conflicts.value,
                is_demonstration=node.guest is not None,
                version=VERSION,
            ),
            now=node.now,
            speed=node.speed,
            seq=node.store.last_seq(),
        )

    async def _session(self, call: Call) -> Reply:
        csrf = None
        if bearer_of(call.request) is None:
            csrf = self._node.access.session_of(call.request.cookies[COOKIE]).csrf
        return Reply(body=self._session_body(call.granted, csrf))

    async def _sign_out(self, call: Call) -> Reply:
        self._node.access.sign_out(call.request.cookies.get(COOKIE, ""))
        reply = Response(status_code=_NO_CONTENT)
        reply.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=self._node.gate.is_tls)
        return Reply(response=reply)

    def _page(self, limit: int) -> int:
        return min(limit, self._node.settings.limits.page)

    async def _items(self, call: Call) -> Reply:
        query, node = call.query, self._node
        limit = self._page(query.limit)
        current_ms = floor_ms(node.clock()) - round(EXPIRY_GRACE_S * 1000.0)
        wanted = Wanted(
            after=query.after,
            party=query.party,
            is_zone=None if query.kind is None else query.kind == "constraint",
            state=None if query.state is None else IntentState(query.state),
            ending_from_ms=None if query.include == "ended" else current_ms,
            limit=limit + 1,
        )
        seq = node.store.last_seq()  # before the list: who goes on from there misses nothing
        records = await asyncio.to_thread(node.store.records, wanted)
        shown = records[:limit]
        return Reply(
            body=wire.Items(
                items=[record_body(record) for record in shown],
                next=shown[-1].label.id if len(records) > limit else None,
                seq=seq,
                now=node.now,
            )
        )

    def _record(self, item_id: str) -> Record:
        record = self._node.store.record(ItemId(item_id))
        if record is None:
            raise NotFoundError(item_id)
        return record

    async def _item(self, call: Call) -> Reply:
        record = self._record(call.path)
        return Reply(body=record_body(record), headers={"ETag": f'"{record.version}"'})

    async def _history(self, call: Call) -> Reply:
        limit = self._page(call.query.limit)
        found = self._node.store.history(ItemId(call.path), call.query.after, limit + 1)
        if not found and call.query.after == 0:
            raise NotFoundError(call.path)
        more = found[limit - 1].version if len(found) > limit else None
        return Reply(body=wire.History(versions=[record_body(r) for r in found[:limit]], next=more))

    async def _put_item(self, call: Call) -> Reply:
        version = _wanted_version(call)
        item, assumptions = await self._item_of(call)
        if version is None:
            outcome = await self._change(call, lambda declaring: declaring.declare(item))
        else:
            outcome = await self._change(call, lambda declaring: declaring.amend(item, version))
        status = _CREATED if outcome.record.version == 1 and not outcome.is_repeat else _OK
        return _changed(outcome, status, assumptions)

    async def _change_state(self, call: Call) -> Reply:
        version, event = _named_version(call), IntentEvent(call.body.event)
        item_id = ItemId(call.path)
        return _changed(
            await self._change(call, lambda declaring: declaring.change_state(item_id, event, version))
        )

    async def _withdraw(self, call: Call) -> Reply:
        version, item_id = _named_version(call), ItemId(call.path)
        return _changed(await self._change(call, lambda declaring: declaring.withdraw(item_id, version)))

    async def _change(self, call: Call, change: Change) -> Outcome:
        # Once it is at the desk it is done, whether or not who asked still waits for the answer.
        return await asyncio.shield(asyncio.wrap_future(self._node.desk.change(call.granted.actor, change)))

    async def _moment(self) -> Moment:
        return await asyncio.wrap_future(self._node.desk.moment())

    async def _item_of(self, call: Call) -> tuple[Item, list[str]]:
        """Read the item of a body, and what was assumed about it."""
        actor, kind, data = call.granted.actor, call.media_type, call.body

        def read() -> tuple[Item, list[str]]:
            if kind == GEOJSON:
                reading = geojson.decode(data, "request", ReadSettings())
            else:
                reading = decode_item(data, "request")
            item, assumptions = _single(reading)
            if item.id != call.path:
                reason = f"it is {item.id!r} in the body and {call.path!r} in the path"
                raise InvalidValueError("id", reason)
            return _owned(item, actor), assumptions

        return await _aside(read, len(data))

    async def _query(self, call: Call) -> Reply:
        node, limit = self._node, self._page(call.body.limit)
        # An area is a volume; read it as the only one of an item.
        entry = f3548.Entry(id="area", volumes=[call.body.area])
        item, _ = _single(_renamed(decode_item(encode(entry), "request"), "volumes[0]", "area"))
        moment = await self._moment()
        ids, is_truncated = await asyncio.to_thread(moment.within, item.volumes[0], limit)
        records = [node.store.record(item_id) for item_id in ids]
        return Reply(
            body=wire.Found(
                items=[record_body(record) for record in records if record is not None],
                truncated=is_truncated,
                seq=moment.seq,
                now=rfc3339(moment.now),
            )
        )

    async def _given_item(self, entry: f3548.Entry, grant: Grant) -> tuple[Item, list[str]]:
        data = encode(entry)

        def read() -> tuple[Item, list[str]]:
            item, assumptions = _single(_renamed(decode_item(data, "request"), "", "item."))
            return _owned(item, grant.actor), assumptions

        return await _aside(read, len(data))

    async def _check(self, call: Call) -> Reply:
        item, assumptions = await self._given_item(call.body.item, call.granted)
        gap = buffer_of(call.body.buffer)
        moment = await self._moment()
        checked = await asyncio.to_thread(moment.check, item, gap)
        return Reply(body=answer_body(checked, assumptions=assumptions))

    async def _conflicts(self, call: Call) -> Reply:
        after, limit = call.query.after, self._page(call.query.limit)
        moment = await self._moment()
        checked = await asyncio.to_thread(moment.conflicts, after, limit)
        return Reply(body=answer_body(checked, after=after))

    async def _resolve(self, call: Call) -> Reply:
        body: wire.ResolveBody = call.body
        if (body.id is None) == (body.item is None):
            raise InvalidValueError("", "give the id of a declared item, or an item, and not both")
        if body.item is not None:
            item, _ = await self._given_item(body.item, call.granted)
        else:
            record = self._record(str(body.id))
            if record.is_over:
                raise NotFoundError(record.label.id)
            item = _single(decode_item(record.text, "store"))[0]
        limits, gap = limits_of(body.limits), buffer_of(body.buffer)
        moment = await self._moment()
        resolution = await asyncio.to_thread(moment.resolve, item, limits, gap)
        fields = resolution_fields(resolution)
        for told, change in zip(fields["changes"], resolution.changes, strict=True):
            told["item"] = raw_entry(encode_item(change.item))
        return Reply(body=fields)

    async def _read(self, call: Call) -> Reply:
        data, name = call.body, call.query.name
        reading = await asyncio.to_thread(formats.decode, data, name, ReadSettings())
        return Reply(
            body=wire.ReadAnswer(
                items=[raw_entry(encode_item(placed.item)) for placed in reading.placed],
                problems=[
                    wire.FileProblem(item=p.item, field=p.field, reason=p.reason) for p in reading.problems
                ],
                assumptions=[wire.Assumption(item=a.item, text=a.text) for a in reading.assumptions],
            )
        )

    async def _events(self, call: Call) -> Reply:
        limit = self._page(call.query.limit)
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
        events = node.hub.listen(after, node.store.records_after, hello)
        response = StreamingResponse(
            events,
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        return Reply(response=response)

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

    async def _tokens(self, _: Call) -> Reply:
        return Reply(body=wire.Tokens(tokens=[_token_body(row) for row in self._node.access.tokens()]))

    async def _issue_token(self, call: Call) -> Reply:
        body: wire.TokenIssue = call.body
        party = body.party or call.granted.actor.party
        actor = Actor(party=PartyId(party), person=body.person)
        grant, secret = self._node.access.issue(actor, Role(body.role), days=body.days)
        told = wire.TokenIssued(
            id=grant.token_id,
            party=actor.party,
            person=actor.person,
            role=grant.role.value,
            created=self._node.now,
            expires=rfc3339(grant.expires),
            revoked=None,
            token=secret,
        )
        return Reply(body=told, status=_CREATED)

    async def _revoke_token(self, call: Call) -> Reply:
        self._node.access.revoke(call.path)
        return Reply(response=Response(status_code=_NO_CONTENT))


async def _aside(read: Callable[[], _T], size_bytes: int) -> _T:
    """Do something at once if it is small, else in another thread."""
    return read() if size_bytes <= INLINE_BYTES else await asyncio.to_thread(read)


def _single(reading: Reading) -> tuple[Item, list[str]]:
    """Return the only item that was read, and what was assumed about it."""
    if reading.problems:
        raise InputProblemsError(tuple(reading.problems))
    if len(reading.placed) != 1:
        reason = f"it must hold one item, not {len(reading.placed)}"
        raise InputProblemsError((Problem(source="request", reason=reason),))
    return reading.placed[0].item, [assumption.text for assumption in reading.assumptions]


def _renamed(reading: Reading, found: str, given: str) -> Reading:
    """Return a reading whose problems name the field where it was given."""
    problems = [
        replace(problem, field=f"{given}{problem.field.removeprefix(found)}") for problem in reading.problems
    ]
    return Reading(reading.source, reading.placed, problems, reading.assumptions)


def _owned(item: Item, actor: Actor) -> Item:
    """Return the item with its party: who gives one without means the own."""
    return item if item.party is not None else replace(item, party=actor.party)


def _changed(outcome: Outcome, status: HTTPStatus = _OK, assumptions: Sequence[str] = ()) -> Reply:
    body = wire.Changed(
        record=record_body(outcome.record),
        findings=finding_bodies(outcome.findings),
        assumptions=sorted(set(assumptions)),
    )
    return Reply(body=body, status=status, headers={"ETag": f'"{outcome.record.version}"'})


def _wanted_version(call: Call) -> int | None:
    """Return the version to amend; None to declare."""
    headers = call.request.headers
    if "if-none-match" in headers:
        if headers["if-none-match"].strip() != "*" or "if-match" in headers:
            raise InvalidValueError("If-None-Match", "it must be * alone, to declare a new item")
        return None
    return _named_version(call)


def _named_version(call: Call) -> int:
    """Return the version that `If-Match` names."""
    said = call.request.headers.get("if-match")
    if said is None:
        detail = (
            'say which version you mean: If-Match: "3" to change it, If-None-Match: * to declare a new item'
        )
        raise HttpProblemError(HTTPStatus.PRECONDITION_REQUIRED, detail)
    number = said.strip().strip('"')
    if not number.isdecimal() or len(number) > 15:
        raise InvalidValueError("If-Match", f'it must be one version in quotes, such as "3", not {said!r}')
    return int(number)


def _token_body(row: TokenRow) -> wire.TokenTold:
    grant = row.grant
    return wire.TokenTold(
        id=grant.token_id,
        party=grant.actor.party,
        person=grant.actor.person,
        role=grant.role.value,
        created=rfc3339(row.created),
        expires=rfc3339(grant.expires),
        revoked=None if row.revoked is None else rfc3339(row.revoked),
    )
