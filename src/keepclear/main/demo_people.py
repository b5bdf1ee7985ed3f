"""The invented people of a party of the demonstration: they declare, fly, agree and acknowledge.

Everything that they do they do by their own node, as others would; the rest comes and goes by the links.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from keepclear.adapters.http.node import Node
from keepclear.adapters.notary import sign_deed
from keepclear.adapters.signing import SigningKey
from keepclear.codec.agreements import encode
from keepclear.core.agreements import digest
from keepclear.core.conflicts import Item
from keepclear.core.deeds import (
    ACKNOWLEDGED_MAX,
    Acknowledgement,
    AgreementAnswer,
    AgreementProposal,
    Deed,
    ItemRef,
)
from keepclear.core.intents import IntentEvent, IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.ledger import Ledger
from keepclear.core.times import floor_ms
from keepclear.node.logs import Logs
from keepclear.node.negotiate import speak
from keepclear.node.policy import span_ms
from keepclear.node.ports import Actor
from keepclear.node.workbench import Change, Workbench
from keepclear.testing.worlds.demo import OFFICERS, DemoWorld, demo_agreements

AHEAD_S: Final = 1_800.0
"""An officer acknowledges what begins within so long, and leaves the rest for later."""
OFFICER_S: Final = 5.0
"""So often an officer looks what there is to acknowledge."""
_TICK_S: Final = 1.0
_SOON_S: Final = 0.1
_NONCE_BYTES: Final = 16

_T = TypeVar("_T")


class People:
    """See the module.

    Args:
        node: The node of the party.
        world: The world.
        party: Whose people they are.
        key: The key of the duty officer.
    """

    def __init__(self, node: Node, world: DemoWorld, party: PartyId, key: SigningKey) -> None:
        self._node, self._world, self._party, self._key = node, world, party, key
        self._actor = Actor(party=party, person=OFFICERS[party])
        self._begins_ms = {(item.party, item.id): span_ms(item)[0] for item in world.items}
        own = [item for item in world.items if item.party == party]
        waiting = [
            (span_ms(item)[0], item.id)
            for item in own
            if isinstance(item, OperationalIntent) and item.state is IntentState.ACCEPTED
        ]
        self._waiting = sorted(waiting, reverse=True)

    def declare(self, *, knowing: bool) -> None:
        """Declare what the party plans before it knows of the others, or after.

        Raises:
            KeepclearError: An item is refused.
        """
        items = self._world.declared_by(self._party, knowing=knowing)
        for answer in [self._node.desk.change(self._actor, _declaring(item)) for item in items]:
            answer.result()

    async def live(self, everything_shown: Callable[[], None]) -> None:
        """Go on until it is cancelled.

        Args:
            everything_shown: Called once the node holds all that the parties declared and agreed.

        Raises:
            KeepclearError: The node does not do what it should.
        """
        self._move({})
        blind = sum(len(self._world.declared_by(party, knowing=False)) for party in OFFICERS)
        while self._node.desk.held_count < blind:
            await asyncio.sleep(_SOON_S)
        await asyncio.to_thread(self.declare, knowing=True)
        while self._node.desk.held_count < len(self._world.items) or not await self._ask(self._has_agreed):
            await self._speak()
            await asyncio.sleep(_SOON_S)
        await self._speak()
        everything_shown()
