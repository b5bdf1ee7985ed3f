"""The links to the nodes of other parties: how they are, and to switch one off or on."""

from __future__ import annotations

from http import HTTPStatus

from keepclear.adapters.http import wire_logs as wire
from keepclear.adapters.http.endpoints import JSON, Call, Endpoint, Reply
from keepclear.adapters.http.keyed import Keyed, unknown_party
from keepclear.adapters.http.log_bodies import link_body, links_body
from keepclear.adapters.http.node import Node
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.node.access import Role

_OK = HTTPStatus.OK


class LinkRoutes:
    """The handlers.

    Args:
        node: What they work with.
    """

    def __init__(self, node: Node) -> None:
        self._node, self._keyed = node, Keyed(node)

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of them."""
        return [
            Endpoint(method="GET", path="/v1/links", handler=self._links,
                     summary="How the links to other parties are.", answers={_OK: wire.Links},
                     refusals=(HTTPStatus.CONFLICT,)),
            Endpoint(method="PUT", path="/v1/links/{party}", handler=self._switch, role=Role.DUTY_OFFICER,
                     summary="Switch a link off, or on again.", answers={_OK: wire.Link},
                     body=wire.LinkSwitch, media_types=(JSON,),
                     refusals=(HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND)),
        ]  # fmt: skip

    async def _links(self, _: Call) -> Reply:
        await self._keyed.require()
        return Reply(body=links_body(self._node.linked.links(), self._keyed.own))

    async def _switch(self, call: Call) -> Reply:
        await self._keyed.require()
        linked, party = self._node.linked, PartyId(call.path)
        try:
            linked.switch(party, is_off=call.body.switched_off)
        except InvalidValueError:
            raise unknown_party(call.path) from None
        view = next((each for each in linked.links() if each.link.peer == party), None)
        if view is None:
            raise unknown_party(call.path)
        return Reply(body=link_body(view, self._keyed.own))
