"""What is said between parties: who has seen what, deeds of officers, negotiations and agreements."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from keepclear.adapters.http import wire_logs as wire
from keepclear.adapters.http.bodies import instant
from keepclear.adapters.http.endpoints import JSON, Call, Endpoint, Reply
from keepclear.adapters.http.keyed import Keyed, coordinating, log_of
from keepclear.adapters.http.log_bodies import (
    agreement_body,
    coordinated_body,
    had_body,
    hold_body,
    negotiation_body,
    not_amended_body,
    time_of,
)
from keepclear.adapters.http.node import Node
from keepclear.core.deeds import kind_of
from keepclear.core.intents import ItemId
from keepclear.core.ledger import Coordination, ItemVersion
from keepclear.core.negotiation import NegotiationState
from keepclear.core.statements import Statement
from keepclear.core.times import floor_ms
from keepclear.node.access import Role
from keepclear.node.coordinate import had_at
from keepclear.node.declare import Declaring
from keepclear.node.logs import Logs
from keepclear.node.negotiate import speak
from keepclear.node.workbench import Workbench

_OK = HTTPStatus.OK
_NO_LOG: Final = (HTTPStatus.CONFLICT,)
_UNKNOWN: Final = (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND)
_DONE: Final = (Coordination.COORDINATED, Coordination.OVER)


class TalkRoutes:
    """The handlers.

    Args:
        node: What they work with.
    """

    def __init__(self, node: Node) -> None:
        self._keyed = Keyed(node)

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of them."""
        return [
            Endpoint(method="GET", path="/v1/coordination", handler=self._coordination,
                     summary="How far items are coordinated.", answers={_OK: wire.CoordinationPage},
                     query=wire.CoordinationQuery, refusals=_NO_LOG),
            Endpoint(method="GET", path="/v1/coordination/{id}", handler=self._coordinated,
                     summary="How far an item is coordinated.", answers={_OK: wire.Coordinated},
                     refusals=_UNKNOWN),
            Endpoint(method="GET", path="/v1/had", handler=self._had,
                     summary="What a party had received, seen and answered at an instant.",
                     answers={_OK: wire.HadPage}, query=wire.HadQuery, refusals=_UNKNOWN),
            Endpoint(method="POST", path="/v1/deeds", handler=self._take_deed, role=Role.DUTY_OFFICER,
                     summary="Put into the log what an officer signed.", answers={_OK: wire.DeedTaken},
                     body=wire.SignedGiven, media_types=(JSON,), refusals=_NO_LOG),
            Endpoint(method="POST", path="/v1/keys", handler=self._take_key, role=Role.ADMINISTRATOR,
                     summary="Put into the log what the root key says of another key.",
                     answers={_OK: wire.KeyTaken}, body=wire.SignedGiven, media_types=(JSON,),
                     refusals=_NO_LOG),
            Endpoint(method="GET", path="/v1/negotiations", handler=self._negotiations,
                     summary="What was proposed for conflicts, and where it stands.",
                     answers={_OK: wire.Negotiations}, query=wire.NegotiationsQuery, refusals=_NO_LOG),
            Endpoint(method="GET", path="/v1/agreements", handler=self._agreements,
                     summary="What parties agreed or proposed to.", answers={_OK: wire.Agreements},
                     refusals=_NO_LOG),
            Endpoint(method="GET", path="/v1/holds", handler=self._holds,
                     summary="Who suspends the dialogue with whom.", answers={_OK: wire.Holds},
                     refusals=_NO_LOG),
            Endpoint(method="GET", path="/v1/silence", handler=self._silence,
                     summary="Why the node signs nothing at present.", answers={_OK: wire.Silence},
                     refusals=_NO_LOG),
            Endpoint(method="POST", path="/v1/speak", handler=self._speak, role=Role.ADMINISTRATOR,
                     summary="Sign again after a restore, though not all witnesses were heard.",
                     answers={_OK: wire.Silence}, refusals=_NO_LOG),
        ]  # fmt: skip

    async def _coordination(self, call: Call) -> Reply:
        query: wire.CoordinationQuery = call.query
        limit = min(self._keyed.node.page(query.limit), wire.LOG_PAGE_MAX)

        def question(bench: Workbench, logs: Logs) -> wire.CoordinationPage:
            versions = _versions_after(query, bench, logs, limit + 1)
            asked = coordinating(bench, logs)
            found = [asked.of_version(version) for version in versions[:limit]]
            shown = [each for each in found if not (query.open and each.state in _DONE)]
            return wire.CoordinationPage(
                coordination=[coordinated_body(each) for each in shown],
                next=found[-1].local_id if len(versions) > limit else None,
            )

        return Reply(body=await self._keyed.ask(question))

    async def _coordinated(self, call: Call) -> Reply:
        found = await self._keyed.ask(lambda bench, logs: coordinating(bench, logs).of(call.path))
        return Reply(body=coordinated_body(found))

    async def _had(self, call: Call) -> Reply:
        query: wire.HadQuery = call.query
        at_ms = floor_ms(instant(query.at, "at"))
        limit = min(self._keyed.node.page(query.limit), wire.LOG_PAGE_MAX)

        def question(bench: Workbench, logs: Logs) -> wire.HadPage:
            party = log_of(logs, query.party).party
            had = had_at(party, at_ms, logs, bench.store, bench.form)
            after = (each for each in had if each.local_id > query.after)
            found = heapq.nsmallest(limit + 1, after, key=lambda each: each.local_id)
            return wire.HadPage(
                party=party,
                at=time_of(at_ms),
                items=[had_body(each) for each in found[:limit]],
                next=found[limit - 1].local_id if len(found) > limit else None,
            )

        return Reply(body=await self._keyed.ask(question))

    async def _take_deed(self, call: Call) -> Reply:
        jws = call.body.jws
        spoken = await self._keyed.change(call.granted.actor, lambda declaring: speak(declaring, jws))
        return Reply(
            body=wire.DeedTaken(
                n=spoken.n,
                kind=kind_of(spoken.signed.deed).value,
                amended=[
                    wire.ItemAmended(id=record.label.id, version=record.version)
                    for record in spoken.carried_out.amended
                ],
                not_amended=[not_amended_body(each) for each in spoken.carried_out.not_amended],
            )
        )

    async def _take_key(self, call: Call) -> Reply:
        jws = call.body.jws

        def say(declaring: Declaring) -> Statement:
            assert declaring.proving is not None
            return declaring.proving.say_key(jws)

        statement = await self._keyed.change(call.granted.actor, say)
        return Reply(body=wire.KeyTaken(n=statement.n))

    async def _negotiations(self, call: Call) -> Reply:
        query: wire.NegotiationsQuery = call.query
        limit = min(self._keyed.node.page(query.limit), wire.LOG_PAGE_MAX)

        def question(bench: Workbench, logs: Logs) -> wire.Negotiations:
            wanted = (
                each
                for each in logs.ledger.negotiations.all()
                if each.proposal.id > query.after
                and (each.state is NegotiationState.PROPOSED or not query.open)
            )
            found = list(itertools.islice(wanted, limit + 1))
            return wire.Negotiations(
                negotiations=[negotiation_body(each, bench.not_amended) for each in found[:limit]],
                next=found[limit - 1].proposal.id if len(found) > limit else None,
            )

        return Reply(body=await self._keyed.ask(question))

    async def _agreements(self, _: Call) -> Reply:
        def question(_: Workbench, logs: Logs) -> wire.Agreements:
            agreements = logs.ledger.agreements
            return wire.Agreements(
                agreements=[
                    agreement_body(
                        each, agreements.in_force(a, b), is_ambiguous=agreements.is_ambiguous(a, b)
                    )
                    for a, b in itertools.combinations(logs.parties, 2)
                    for each in agreements.proposed(a, b)
                ]
            )

        return Reply(body=await self._keyed.ask(question))

    async def _holds(self, _: Call) -> Reply:
        holds = await self._keyed.ask(lambda _, logs: logs.ledger.holds())
        return Reply(body=wire.Holds(holds=[hold_body(hold) for hold in holds]))

    async def _silence(self, _: Call) -> Reply:
        def question(_: Workbench, logs: Logs) -> wire.Silence:
            waiting = [] if logs.silence is None else logs.unheard()
            return wire.Silence(reason=logs.silence, waiting_for=[str(party) for party in waiting])

        return Reply(body=await self._keyed.ask(question))

    async def _speak(self, call: Call) -> Reply:
        def speak_again(declaring: Declaring) -> None:
            assert declaring.proving is not None
            declaring.proving.speak()

        await self._keyed.change(call.granted.actor, speak_again)
        return await self._silence(call)


def _versions_after(
    query: wire.CoordinationQuery, bench: Workbench, logs: Logs, limit: int
) -> list[ItemVersion]:
    """Return the latest versions of so many items after an id, sorted by what this node calls them."""
    current = logs.ledger.current
    if query.include == "over":
        refs = (version.ref for version in logs.ledger.versions())
        ids: Iterable[ItemId] = (logs.local_id(ref.party, ref.id) for ref in refs)
    else:  # what is not over is in the picture, unless it cannot be judged
        ids = {label.id for label in bench.held.picture.labels} | set(logs.unjudged)
    after = (local_id for local_id in ids if local_id > query.after)
    stated = ((local_id, current(*logs.parted(local_id))) for local_id in after)
    wanted = (
        (local_id, version)
        for local_id, version in stated
        if version is not None and query.party in (None, version.ref.party)
    )
    return [version for _, version in heapq.nsmallest(limit, wanted, key=lambda each: each[0])]
