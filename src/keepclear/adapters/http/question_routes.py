"""Questions that change nothing: what is there, what conflicts, what would clear it."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from keepclear.adapters.http import wire
from keepclear.adapters.http.bodies import (
    answer_body,
    buffer_of,
    encode,
    limits_of,
    raw_entry,
    record_body,
)
from keepclear.adapters.http.endpoints import BYTES, JSON, Call, Endpoint, Reply
from keepclear.adapters.http.given import aside, owned, renamed, single
from keepclear.adapters.http.node import Node
from keepclear.codec import formats
from keepclear.codec.f3548 import wire as f3548
from keepclear.codec.f3548.volumes import decode_item, encode_item
from keepclear.codec.reading import ReadSettings
from keepclear.codec.resolutions import resolution_fields
from keepclear.core.conflicts import Item
from keepclear.core.errors import InvalidValueError
from keepclear.core.times import rfc3339
from keepclear.node.access import Grant
from keepclear.node.detect import Moment
from keepclear.node.outcomes import NotFoundError

_OK = HTTPStatus.OK


class QuestionRoutes:
    """The handlers.

    Args:
        node: What they work with.
    """

    def __init__(self, node: Node) -> None:
        self._node = node

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of them."""
        return [
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
        ]  # fmt: skip

    async def _query(self, call: Call) -> Reply:
        node, limit = self._node, self._node.page(call.body.limit)
        # An area is a volume; read it as the only one of an item.
        entry = f3548.Entry(id="area", volumes=[call.body.area])
        item, _ = single(renamed(decode_item(encode(entry), "request"), "volumes[0]", "area"))
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

    async def _check(self, call: Call) -> Reply:
        item, assumptions = await self._given_item(call.body.item, call.granted)
        gap = buffer_of(call.body.buffer)
        moment = await self._moment()
        checked = await asyncio.to_thread(moment.check, item, gap)
        return Reply(body=answer_body(checked, assumptions=assumptions))

    async def _conflicts(self, call: Call) -> Reply:
        after, limit = call.query.after, self._node.page(call.query.limit)
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
            record = self._node.record(str(body.id))
            if record.is_over:
                raise NotFoundError(record.label.id)
            item = single(decode_item(record.text, "store"))[0]
        limits, gap = limits_of(body.limits), buffer_of(body.buffer)
        moment = await self._moment()
        resolution = await asyncio.to_thread(moment.resolve, item, limits, gap)
        fields = resolution_fields(resolution)
        fields["reason"] = moment.undecided(item, gap)
        for told, change in zip(fields["changes"], resolution.changes, strict=True):
            told["item"] = raw_entry(encode_item(change.item))
            told["reason"] = moment.undecided(change.item, gap)
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

    async def _moment(self) -> Moment:
        return await asyncio.wrap_future(self._node.desk.moment())

    async def _given_item(self, entry: f3548.Entry, grant: Grant) -> tuple[Item, list[str]]:
        data = encode(entry)

        def read() -> tuple[Item, list[str]]:
            item, assumptions = single(renamed(decode_item(data, "request"), "", "item."))
            return owned(item, grant.actor), assumptions

        return await aside(read, len(data))
