"""Parties and their logs: whom this node knows, what each log holds, and what proves it to others."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from keepclear.adapters.http import wire_logs as wire
from keepclear.adapters.http.bodies import encode
from keepclear.adapters.http.carrying import Heads, carried, shown_heads
from keepclear.adapters.http.endpoints import BYTES, JSON, Call, Endpoint, Reply
from keepclear.adapters.http.keyed import Keyed, log_of, unknown_party
from keepclear.adapters.http.log_bodies import (
    entry_body,
    evidence_body,
    link_body,
    party_body,
    taken_body,
)
from keepclear.adapters.http.log_proofs import Fixed, export_of, fixed_log, proof_of
from keepclear.adapters.http.node import Node
from keepclear.adapters.http.pinning import Pinned, card_as_read, pin
from keepclear.adapters.http.problems import HttpProblemError
from keepclear.codec.bundle import BUNDLE_BYTES_MAX, decode_bundle
from keepclear.codec.cards import decode_card, encode_card
from keepclear.core.bundles import Bundle
from keepclear.core.intents import PartyId
from keepclear.core.times import floor_ms
from keepclear.node.access import Role
from keepclear.node.declare import Declaring
from keepclear.node.give import bundle_for
from keepclear.node.logs import Logs
from keepclear.node.take import Taken
from keepclear.node.workbench import Workbench

_OK = HTTPStatus.OK
_CREATED = HTTPStatus.CREATED
_NO_LOG: Final = (HTTPStatus.CONFLICT,)
_UNKNOWN: Final = (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND)
TEXT: Final = "text/plain"
_NO_STORE: Final = {"Cache-Control": "no-store"}


class LogRoutes:
    """The handlers.

    Args:
        node: What they work with.
    """

    def __init__(self, node: Node) -> None:
        self._node, self._keyed = node, Keyed(node)

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of them."""
        return [
            Endpoint(method="GET", path="/v1/parties", handler=self._parties,
                     summary="Who was pinned, how far their logs are held, and how they are linked.",
                     answers={_OK: wire.Parties}, refusals=_NO_LOG),
            Endpoint(method="POST", path="/v1/parties", handler=self._pin, role=Role.ADMINISTRATOR,
                     summary="Pin a party by its card, once its words were compared by voice.",
                     answers={_OK: wire.Party, _CREATED: wire.Party}, body=wire.PartyGiven,
                     media_types=(JSON,), refusals=_NO_LOG),
            Endpoint(method="GET", path="/v1/card", handler=self._card,
                     summary="The card of this party, to be given to others.", answers={_OK: wire.Card},
                     refusals=_UNKNOWN),
            Endpoint(method="GET", path="/v1/logs/{party}", handler=self._log,
                     summary="Entries of the log of a party.", answers={_OK: wire.LogPage},
                     query=wire.LogQuery, refusals=_UNKNOWN),
            Endpoint(method="GET", path="/v1/logs/{party}/export", handler=self._export,
                     summary="A whole log, for verify_export.py.", answers={_OK: wire.Export},
                     refusals=_UNKNOWN),
            Endpoint(method="GET", path="/v1/logs/{party}/proof", handler=self._proof,
                     summary="The proof that an entry is in a log (C2SP tlog-proof).", answers={_OK: None},
                     query=wire.ProofQuery, refusals=_UNKNOWN, answer_type=TEXT),
            Endpoint(method="POST", path="/v1/bundles", handler=self._take_bundle, role=Role.DUTY_OFFICER,
                     summary="Take a carried file.", answers={_OK: wire.BundleTaken},
                     media_types=(BYTES,), refusals=_NO_LOG, body_bytes_max=BUNDLE_BYTES_MAX),
            Endpoint(method="GET", path="/v1/bundles/{party}", handler=self._bundle,
                     summary="A file to be carried to a party.", answers={_OK: None},
                     query=wire.BundleQuery, refusals=_UNKNOWN, answer_type=BYTES),
            Endpoint(method="GET", path="/v1/evidence", handler=self._evidence,
                     summary="What proves that parties did not keep to their logs.",
                     answers={_OK: wire.EvidencePage}, query=wire.EvidenceQuery, refusals=_NO_LOG),
        ]  # fmt: skip

    async def _parties(self, _: Call) -> Reply:
        links = {view.link.peer: link_body(view, self._keyed.own) for view in self._node.linked.links()}

        def question(bench: Workbench, logs: Logs) -> wire.Parties:
            known = bench.store.parties()
            return wire.Parties(
                parties=[party_body(each, logs.get(each.id), links.get(each.id)) for each in known]
            )

        return Reply(body=await self._keyed.ask(question))

    async def _pin(self, call: Call) -> Reply:
        given: wire.PartyGiven = call.body
        card = card_as_read(given.card, given.words)

        def change(declaring: Declaring) -> Pinned:
            return pin(declaring, card, may_replace=given.replace)

        pinned = await self._keyed.change(call.granted.actor, change)
        log = await self._keyed.ask(lambda _, logs: logs.get(card.party))
        body = party_body(pinned.party, log, None)
        return Reply(body=body, status=_CREATED if pinned.is_new else _OK)

    async def _card(self, _: Call) -> Reply:
        known = await self._keyed.ask(lambda bench, _: bench.store.parties())
        own = next((party.card for party in known if party.is_own), None)
        if own is None:
            detail = "this node's own card was not pinned; keepclear init does that"
            raise HttpProblemError(HTTPStatus.NOT_FOUND, detail)
        # The address may change without a ceremony: nothing is trusted because of it.
        card, address = decode_card(own), self._node.settings.federation.address
        text = encode_card(replace(card, address=address or card.address))
        return Reply(response=Response(text, headers=_NO_STORE, media_type=JSON))

    async def _log(self, call: Call) -> Reply:
        query: wire.LogQuery = call.query
        limit = min(self._node.page(query.limit), wire.LOG_PAGE_MAX)
        log = await self._keyed.ask(lambda _, logs: log_of(logs, call.path))
        size = log.tree.size
        found = await asyncio.to_thread(self._node.store.entries, log.party, query.first, limit)
        end = query.first + len(found)
        return Reply(
            body=wire.LogPage(
                party=log.party,
                size=size,
                entries=[entry_body(entry) for entry in found],
                next=end if found and end < size else None,
            )
        )

    async def _export(self, call: Call) -> Reply:
        fixed = await self._fixed(call.path)
        store = self._node.store
        content = await asyncio.to_thread(lambda: encode(export_of(fixed, store)))
        return Reply(response=Response(content, headers=_NO_STORE, media_type=JSON))

    async def _proof(self, call: Call) -> Reply:
        fixed = await self._fixed(call.path, call.query.n)
        text = await asyncio.to_thread(proof_of, fixed, call.query.n, self._node.store)
        return Reply(response=Response(text, headers=_NO_STORE, media_type=TEXT))

    async def _fixed(self, party: str, n: int | None = None) -> Fixed:
        return await self._keyed.ask(lambda bench, logs: fixed_log(log_of(logs, party), logs, bench.store, n))

    async def _take_bundle(self, call: Call) -> Reply:
        bundle = await asyncio.to_thread(decode_bundle, call.body)

        def take(declaring: Declaring) -> Taken:
            assert declaring.proving is not None
            return declaring.proving.take(bundle)

        taken = await self._keyed.change(call.granted.actor, take)
        self._node.linked.wake()
        return Reply(body=taken_body(taken))

    async def _bundle(self, call: Call) -> Reply:
        party, own = PartyId(call.path), self._keyed.own
        if party == own:
            raise unknown_party(call.path)
        is_whole = call.query.from_start
        heads = await self._keyed.ask(
            lambda bench, logs: shown_heads(log_of(logs, party).party, logs, bench.store, is_whole=is_whole)
        )
        now_ms = floor_ms(self._node.clock())

        async def part(heads: Heads) -> Bundle:
            return await self._keyed.ask(
                lambda bench, logs: bundle_for(party, heads, logs, bench.store, now_ms, bench.form)
            )

        data = await carried(heads, part)
        name = f'attachment; filename="{own}-to-{party}.kcb"'
        headers = {**_NO_STORE, "Content-Disposition": name}
        return Reply(response=Response(data, headers=headers, media_type=BYTES))

    async def _evidence(self, call: Call) -> Reply:
        limit = min(self._node.page(call.query.limit), wire.LOG_PAGE_MAX)
        await self._keyed.require()
        found = await asyncio.to_thread(self._node.store.evidence, call.query.after, limit + 1)
        return Reply(
            body=wire.EvidencePage(
                evidence=[evidence_body(each) for each in found[:limit]],
                next=found[limit - 1].id if len(found) > limit else None,
            )
        )
