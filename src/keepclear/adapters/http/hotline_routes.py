"""The hotline: what can be said, what was said and became of it, channels, drills."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from keepclear.adapters.http import wire_hotline as wire
from keepclear.adapters.http.endpoints import JSON, Call, Endpoint, Reply
from keepclear.adapters.http.hotline_bodies import (
    catalogue,
    channel_body,
    cursor_of,
    drill_body,
    message_body,
    named_drill_body,
    place_of_cursor,
    unnumbered_body,
)
from keepclear.adapters.http.keyed import Keyed, channelling, hotlining, log_of
from keepclear.adapters.http.node import Node
from keepclear.adapters.http.problems import HttpProblemError
from keepclear.adapters.http.ticking import link_facts
from keepclear.adapters.http.warning_bodies import warning_bodies
from keepclear.adapters.http.warnings_asked import WarningsAsked
from keepclear.core.dialogues import Place
from keepclear.core.drills import drills_of
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.core.refs import MessageRef
from keepclear.core.split import Breach
from keepclear.node.channel_views import ChannelShown
from keepclear.node.detect import Moment
from keepclear.node.hotline_views import MessageView, Wanted
from keepclear.node.logs import Logs
from keepclear.node.message_warnings import Asked, Odd
from keepclear.node.workbench import Workbench

_OK = HTTPStatus.OK
_NO_LOG: Final = (HTTPStatus.CONFLICT,)
_DIGITS_MAX: Final = 19
_UNKNOWN: Final = (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND)


class HotlineRoutes:
    """The handlers.

    Args:
        node: What they work with.
    """

    def __init__(self, node: Node) -> None:
        self._keyed = Keyed(node)
        self._warned = WarningsAsked(self._keyed)

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of them."""
        return [
            Endpoint(method="GET", path="/v1/catalogue", handler=self._catalogue,
                     summary="What can be said on the hotline, in every language.",
                     answers={_OK: wire.Catalogue}, refusals=_NO_LOG),
            Endpoint(method="GET", path="/v1/messages", handler=self._messages,
                     summary="Messages and what became of them, the newest first.",
                     answers={_OK: wire.Messages}, query=wire.MessagesQuery, refusals=_NO_LOG),
            Endpoint(method="GET", path="/v1/messages/{party}/{n}", handler=self._message,
                     summary="A message and what became of it.", answers={_OK: wire.Message},
                     refusals=_UNKNOWN),
            Endpoint(method="GET", path="/v1/channels", handler=self._channels,
                     summary="How the channels to the other parties are, and who is on duty.",
                     answers={_OK: wire.Channels}, refusals=_NO_LOG),
            Endpoint(method="GET", path="/v1/drills", handler=self._drills,
                     summary="Drills that messages name.", answers={_OK: wire.Drills}, refusals=_NO_LOG),
            Endpoint(method="GET", path="/v1/drills/{name}", handler=self._drill,
                     summary="What was exercised in a drill with a party.",
                     answers={_OK: wire.DrillReport}, query=wire.DrillQuery, refusals=_UNKNOWN),
        ]  # fmt: skip

    async def _catalogue(self, _: Call) -> Reply:
        await self._keyed.require()
        return Reply(response=Response(catalogue(), media_type=JSON))

    async def _messages(self, call: Call) -> Reply:
        query: wire.MessagesQuery = call.query
        limit = min(self._keyed.node.page(query.limit), wire.MESSAGES_PAGE_MAX)
        before = place_of_cursor(query.before)
        wanted = Wanted(
            party=None if query.with_party is None else PartyId(query.with_party),
            drill=query.drill,
            is_waiting=query.open,
            with_nodes=query.machine,
        )

        def question(
            bench: Workbench, logs: Logs
        ) -> tuple[list[MessageView], Place | None, list[wire.Unnumbered], int]:
            questions = hotlining(bench, logs, self._keyed.node)
            heard, more = questions.unnumbered(wanted) if before is None else ([], 0)
            unnumbered = [unnumbered_body(each, logs.own, questions.now_ms) for each in heard]
            return *questions.messages(wanted, before, limit), unnumbered, more

        views, rest, unnumbered, more = await self._keyed.ask(question)
        waiting = [asked_of(view) for view in views if view.is_waiting]
        odd = {each.ref: found for each, found in zip(waiting, await self._warned.of(waiting), strict=True)}
        bodies = [message_body(view, warning_bodies(odd.get(view.sent.ref, Odd()))) for view in views]
        return Reply(
            body=wire.Messages(
                messages=bodies, next=cursor_of(rest), unnumbered=unnumbered, unnumbered_more=more
            )
        )

    async def _message(self, call: Call) -> Reply:
        ref = message_ref_of(call)

        view = await self._keyed.ask(
            lambda bench, logs: hotlining(bench, logs, self._keyed.node).message(ref)
        )
        if view is None:
            raise _not_found(f"message {ref} is not held here; GET /v1/messages lists those that are")
        (odd,) = await self._warned.of([asked_of(view)])
        return Reply(body=message_body(view, warning_bodies(odd)))

    async def _channels(self, _: Call) -> Reply:
        links = {view.link.peer: view for view in self._keyed.node.linked.links()}

        def question(bench: Workbench, logs: Logs) -> tuple[list[ChannelShown], Moment]:
            facts = {peer: link_facts(view) for peer, view in links.items()}
            return channelling(bench, logs, self._keyed.node).all(facts), bench.present()

        shown, moment = await self._keyed.ask(question)
        breaches: Sequence[Breach] = ()
        if moment.still.halves:
            breaches = await asyncio.to_thread(lambda: moment.still.breaches)
        return Reply(
            body=wire.Channels(
                channels=[channel_body(each, links.get(each.party), breaches) for each in shown]
            )
        )

    async def _drills(self, _: Call) -> Reply:
        drills = await self._keyed.ask(lambda _, logs: drills_of(logs.ledger.hotline))
        return Reply(body=wire.Drills(drills=[named_drill_body(drill) for drill in drills]))

    async def _drill(self, call: Call) -> Reply:
        name, party = call.path, call.query.with_party
        view = await self._keyed.ask(
            lambda bench, logs: hotlining(bench, logs, self._keyed.node).drill(
                name, log_of(logs, party).party
            )
        )
        if view is None:
            raise _not_found(f"no message with {party!r} names the drill {name!r}; GET /v1/drills lists them")
        return Reply(body=await asyncio.to_thread(drill_body, view))


def asked_of(view: MessageView) -> Asked:
    """Return what is asked of a message that may be odd."""
    sent = view.sent
    return Asked(by=sent.ref.party, message=sent.message, sent_ms=sent.at_ms, ref=sent.ref)


def _not_found(detail: str) -> HttpProblemError:
    return HttpProblemError(HTTPStatus.NOT_FOUND, detail)


def message_ref_of(call: Call) -> MessageRef:
    """Return the message that a path names.

    Raises:
        HttpProblemError: 404: it names none.
    """
    party, n = call.request.path_params["party"], call.request.path_params["n"]
    try:
        if not (n.isdecimal() and n.isascii() and len(n) <= _DIGITS_MAX):
            raise InvalidValueError("n", f"{n!r} is no number of an entry")
        return MessageRef(party=PartyId(party), n=int(n))
    except InvalidValueError as error:
        raise _not_found(str(error)) from None
