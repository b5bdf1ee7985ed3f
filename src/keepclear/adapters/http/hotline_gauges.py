"""What is counted of the hotline: how each channel is, and what waits for somebody of this party."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from keepclear.adapters.desk import DeskClosedError
from keepclear.adapters.http.keyed import channelling
from keepclear.adapters.http.node import Node
from keepclear.adapters.http.ticking import link_facts
from keepclear.core.channel import SEVERITY
from keepclear.core.errors import KeepclearError
from keepclear.core.intents import PartyId
from keepclear.node.channel_views import ChannelShown
from keepclear.node.workbench import Workbench

COUNTED_EVERY_S: Final = 5.0
"""So often it is counted: whoever reads counters must not wait for the desk."""
FOLLOWED_MAX: Final = 2_000
"""So much of what was said is looked at in one turn at the desk."""


@dataclass(frozen=True, slots=True)
class _Counted:
    shown: ChannelShown
    now_ms: int


class HotlineGauges:
    """See the module.

    Args:
        node: The node.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._counted: Mapping[PartyId, _Counted] = {}
        tables: tuple[tuple[str, str, Callable[[_Counted], float]], ...] = (
            (
                "channel_state",
                "How the channel to each party is: 0 open, 1 degraded, 2 hold, 3 down, 4 unknown.",
                lambda each: SEVERITY.index(each.shown.state),
            ),
            (
                "messages_waiting",
                "Messages of each party that wait for somebody of this one.",
                lambda each: each.shown.waiting.count,
            ),
            ("messages_waiting_seconds", "How old the oldest of them is, seconds.", _age_s),
        )
        for name, about, value in tables:
            node.metrics.table(name, about, "party", partial(self._values, value))

    def _values(self, value: Callable[[_Counted], float]) -> Mapping[str, float]:
        return {party: float(value(each)) for party, each in self._counted.items()}

    async def run(self) -> None:
        """Count until it is cancelled, or the desk has closed; what cannot be counted is not shown."""
        while True:
            try:
                while not await self.follow():
                    pass
                await self.count()
            except DeskClosedError:
                return
            except KeepclearError:
                self._counted = {}
            await asyncio.sleep(COUNTED_EVERY_S)

    async def follow(self) -> bool:
        """Find out of some messages whether they were read, so that nobody waits long; tell if of all.

        Raises:
            KeepclearError: It cannot be done at present.
        """

        def followed(bench: Workbench) -> bool:
            logs = bench.logs
            if logs is None:
                return True
            return self._node.unread.follow(logs.ledger.hotline, logs.own, FOLLOWED_MAX)

        return await asyncio.wrap_future(self._node.desk.ask(followed))

    async def count(self) -> None:
        """Count anew.

        Raises:
            KeepclearError: It cannot be done at present.
        """
        links = {view.link.peer: link_facts(view) for view in self._node.linked.links()}

        def counted(bench: Workbench) -> Mapping[PartyId, _Counted]:
            if bench.logs is None:
                return {}
            asked = channelling(bench, bench.logs, self._node)
            return {each.party: _Counted(each, asked.now_ms) for each in asked.all(links)}

        self._counted = await asyncio.wrap_future(self._node.desk.ask(counted))


def _age_s(each: _Counted) -> float:
    oldest_ms = each.shown.waiting.oldest_ms
    return 0.0 if oldest_ms is None else max(0.0, (each.now_ms - oldest_ms) / 1e3)
