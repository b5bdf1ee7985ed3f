"""The tick: once a second a node looks what it should say by itself on the hotline, and says it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from keepclear.adapters.desk import Desk, DeskBusyError, DeskClosedError
from keepclear.adapters.federation.federation import LinkView
from keepclear.adapters.http.node import Linked
from keepclear.core.channel import LinkCondition, LinkFacts
from keepclear.core.errors import KeepclearError
from keepclear.core.intents import PartyId
from keepclear.core.messages import Message
from keepclear.core.times import floor_ms
from keepclear.node.ports import Actor
from keepclear.node.talk import Links, Talk, speak
from keepclear.node.workbench import Workbench

TICK_EVERY_S: Final = 1.0
"""So often a node looks whether it should say something by itself."""
_NODE: Final = "node"

_log = logging.getLogger(__name__)


def link_facts(view: LinkView) -> LinkFacts:
    """Return what is known of a link, as the channel is judged by it."""
    condition = LinkCondition.OFF if view.link.is_switched_off else LinkCondition(view.state.value)
    return LinkFacts(condition=condition, unheard_s=view.unheard_s, watched_s=view.watched_s)


class Ticking:
    """See the module.

    Args:
        desk: The desk of the node.
        party: Whose node it is.
        linked: The links to the nodes of other parties.
    """

    def __init__(self, desk: Desk, party: PartyId, linked: Linked) -> None:
        self._desk, self._linked = desk, linked
        self._actor = Actor(party=party, person=_NODE)
        self._talk = Talk()  # used in the thread of the desk only

    async def run(self) -> None:
        """Tick until it is cancelled, or the desk has closed; what goes wrong is told, and tried again."""
        told: str | None = None
        while True:
            try:
                await self.tick()
                told = None
            except DeskClosedError:
                return
            except DeskBusyError:
                pass  # a moment later there is time for it
            except KeepclearError as error:
                if str(error) != told:  # not every second the same
                    _log.error("the node cannot say what is due", extra={"reason": str(error)})
                told = str(error)
            await asyncio.sleep(TICK_EVERY_S)

    async def tick(self) -> None:
        """Say what is due; where nothing is, nothing is written.

        Raises:
            KeepclearError: It cannot be done at present.
        """
        links = {view.link.peer: link_facts(view) for view in self._linked.links()}
        if await asyncio.wrap_future(self._desk.ask(lambda bench: self._due(bench, links))):
            await asyncio.wrap_future(
                self._desk.change(self._actor, lambda declaring: speak(declaring, self._talk, links))
            )

    def _due(self, bench: Workbench, links: Links) -> Sequence[Message]:
        if bench.logs is None:
            return ()
        return self._talk.due(bench.logs, links, floor_ms(bench.now()))
