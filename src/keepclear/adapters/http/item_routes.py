"""Declaring, amending, withdrawing and listing items."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final

from keepclear.adapters.http import wire
from keepclear.adapters.http.bodies import (
    breach_bodies,
    finding_bodies,
    record_body,
)
from keepclear.adapters.http.endpoints import GEOJSON, JSON, Call, Endpoint, Reply
from keepclear.adapters.http.given import aside, owned, single
from keepclear.adapters.http.node import Node
from keepclear.adapters.http.problems import HttpProblemError
from keepclear.codec import geojson
from keepclear.codec.f3548.volumes import decode_item
from keepclear.codec.reading import ReadSettings
from keepclear.core.conflicts import Item
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import IntentEvent, IntentState, ItemId
from keepclear.core.times import floor_ms
from keepclear.node.access import Role
from keepclear.node.declare import Declaring
from keepclear.node.outcomes import NotFoundError, Outcome
from keepclear.node.policy import EXPIRY_GRACE_S
from keepclear.node.ports import Wanted

_OK, _CREATED = HTTPStatus.OK, HTTPStatus.CREATED
_IF_MATCH: Final = "The version to change, in quotes, as the header ETag told it."
_CHANGE_REFUSALS: Final = (
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.PRECONDITION_FAILED,
    HTTPStatus.PRECONDITION_REQUIRED,
)


class ItemRoutes:
    """The handlers.

    Args:
        node: What they work with.
    """

    def __init__(self, node: Node) -> None:
        self._node = node

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of them."""
        officer = Role.DUTY_OFFICER
        items = "/v1/items/{id}"
        return [
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
        ]  # fmt: skip

    async def _items(self, call: Call) -> Reply:
        query, node = call.query, self._node
        limit = self._node.page(query.limit)
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

    async def _item(self, call: Call) -> Reply:
        record = self._node.record(call.path)
        return Reply(body=record_body(record), headers={"ETag": f'"{record.version}"'})

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

    async def _history(self, call: Call) -> Reply:
        limit = self._node.page(call.query.limit)
        found = self._node.store.history(ItemId(call.path), call.query.after, limit + 1)
        if not found and call.query.after == 0:
            raise NotFoundError(call.path)
        more = found[limit - 1].version if len(found) > limit else None
        return Reply(body=wire.History(versions=[record_body(r) for r in found[:limit]], next=more))

    async def _change(self, call: Call, change: Callable[[Declaring], Outcome]) -> Outcome:
        # Once it is at the desk it is done, whether or not who asked still waits for the answer.
        return await asyncio.shield(asyncio.wrap_future(self._node.desk.change(call.granted.actor, change)))

    async def _item_of(self, call: Call) -> tuple[Item, list[str]]:
        """Read the item of a body, and what was assumed about it."""
        actor, kind, data = call.granted.actor, call.media_type, call.body

        def read() -> tuple[Item, list[str]]:
            if kind == GEOJSON:
                reading = geojson.decode(data, "request", ReadSettings())
            else:
                reading = decode_item(data, "request")
            item, assumptions = single(reading)
            if item.id != call.path:
                reason = f"it is {item.id!r} in the body and {call.path!r} in the path"
                raise InvalidValueError("id", reason)
            return owned(item, actor), assumptions

        return await aside(read, len(data))


def _changed(outcome: Outcome, status: HTTPStatus = _OK, assumptions: Sequence[str] = ()) -> Reply:
    body = wire.Changed(
        record=record_body(outcome.record),
        findings=finding_bodies(outcome.findings),
        breaches=breach_bodies(outcome.breaches),
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
