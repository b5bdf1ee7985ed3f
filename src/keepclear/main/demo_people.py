"""The invented people of a party of the demonstration: they declare, fly, agree and acknowledge.

Everything that they do they do by their own node, as others would; the rest comes and goes by the links.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

from keepclear.adapters.http.node import Node
from keepclear.adapters.notary import sign_deed
from keepclear.adapters.signing import SigningKey
from keepclear.codec.agreements import encode
from keepclear.core.agreements import digest
from keepclear.core.conflicts import Item
from keepclear.core.deeds import ACKNOWLEDGED_MAX, Acknowledgement, AgreementAnswer, AgreementProposal, Deed
from keepclear.core.errors import KeepclearError
from keepclear.core.intents import IntentEvent, IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.ledger import Ledger
from keepclear.core.refs import ItemRef
from keepclear.core.reports import gather
from keepclear.core.times import floor_ms
from keepclear.node.logs import Logs
from keepclear.node.negotiate import speak
from keepclear.node.policy import span_ms
from keepclear.node.ports import Actor
from keepclear.node.workbench import Change, Workbench
from keepclear.testing.worlds.demo import AHEAD_S, OFFICERS, DemoWorld, demo_agreements

SEEN_AHEAD_S: Final = AHEAD_S / 2.0
"""An officer acknowledges what begins within so long, and leaves the rest for later."""
OFFICER_TICKS: Final = 5
"""An officer looks what there is to acknowledge every so many seconds."""
_SOURCE: Final = "demo"
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
        self._agreements = demo_agreements(world.name)
        self._actor = Actor(party=party, person=OFFICERS[party])
        self._begin_ms = {(item.party, item.id): _begin_ms(item) for item in world.items}
        own = [item for item in world.items if item.party == party and isinstance(item, OperationalIntent)]
        unbegun = [item for item in own if item.state is IntentState.ACCEPTED]
        self._unbegun = sorted(unbegun, key=_begin_ms, reverse=True)  # the next one is the last
        self._undeclared = world.declared_later(party)[::-1]

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
            KeepclearError: Something that belongs to the world is refused.
        """
        local_ids = await self._ask(self._local_ids)
        self._move(local_ids)
        blind, knowing = (self._world.count(knowing=knowing) for knowing in (False, True))
        await self._until(lambda bench: len(bench.held.picture) >= blind)
        await asyncio.to_thread(self.declare, knowing=True)
        await self._until(lambda bench: self._has_everything(bench, blind + knowing))
        everything_shown()
        for tick in itertools.count():
            await asyncio.sleep(_TICK_S)
            with contextlib.suppress(KeepclearError):  # whoever looks on may have been faster
                self._move(local_ids)
                if tick % OFFICER_TICKS == 0:
                    await self._speak()

    async def _until(self, is_so: Callable[[Workbench], bool]) -> None:
        """Say what there is to say until something is so."""
        while not await self._ask(is_so):
            await self._speak()
            await asyncio.sleep(_SOON_S)

    async def _ask(self, question: Callable[[Workbench], _T]) -> _T:
        return await asyncio.wrap_future(self._node.desk.ask(question))

    def _has_everything(self, bench: Workbench, item_count: int) -> bool:
        """Tell whether so many items are here, all is agreed, and nothing is left to say."""
        is_agreed = all(_ledger(bench).agreements.current(*each.parties) for each in self._agreements)
        return is_agreed and len(bench.held.picture) >= item_count and not self._due(bench)

    # -- what flies -----------------------------------------------------------------------------

    def _local_ids(self, bench: Workbench) -> dict[tuple[PartyId | None, str], ItemId]:
        """Return how this node calls what the parties of the world declare."""
        logs = _logs(bench)
        return {
            (item.party, item.id): logs.local_id(item.party, item.id)
            for item in self._world.items
            if item.party is not None
        }

    def _move(self, local_ids: Mapping[tuple[PartyId | None, str], ItemId]) -> None:
        """Give the positions of what flies; of this party's, activate what begins and declare what comes."""
        now = self._node.clock()
        now_ms = floor_ms(now)
        reports = [
            each
            if each.operation is None
            else each._replace(operation=local_ids[PartyId(str(each.party)), each.operation])
            for each in self._world.reports_at(now)
        ]
        self._node.give(gather(_SOURCE, reports, now_ms).reports)
        while self._undeclared and _begin_ms(self._undeclared[-1]) <= now_ms + AHEAD_S * 1000:
            self._node.desk.change(self._actor, _declaring(self._undeclared.pop()))
        while self._unbegun and _begin_ms(self._unbegun[-1]) <= now_ms:
            self._node.desk.change(self._actor, _activating(self._unbegun.pop().id))

    # -- what the officer says ------------------------------------------------------------------

    async def _speak(self) -> None:
        for deed in await self._ask(self._due):
            jws = sign_deed(
                deed,
                self._key,
                party=self._party,
                person=self._actor.person,
                at_ms=floor_ms(self._node.clock()),
                nonce=secrets.token_urlsafe(_NONCE_BYTES),
            )
            await asyncio.wrap_future(self._node.desk.change(self._actor, _saying(jws)))

    def _due(self, bench: Workbench) -> list[Deed]:
        """Return what the officer says now: what was agreed by voice, and what was just read."""
        ledger = _ledger(bench)
        unseen = self._unseen(ledger, floor_ms(bench.now()))[:ACKNOWLEDGED_MAX]
        return [*self._agreeing(ledger), *([Acknowledgement(items=tuple(unseen))] if unseen else [])]

    def _agreeing(self, ledger: Ledger) -> Iterator[Deed]:
        """Yield the proposals of this party, and its answers to what the others proposed."""
        for agreement in self._agreements:
            text = encode(agreement)
            name = digest(text)
            proposed = {each.digest: each for each in ledger.agreements.proposed(*agreement.parties)}
            first, second = agreement.parties
            if name not in proposed and self._party == first:
                yield AgreementProposal(text=text)
            elif name in proposed and self._party == second and second not in proposed[name].accepted_by:
                yield AgreementAnswer(digest=name, is_accepted=True)

    def _unseen(self, ledger: Ledger, now_ms: int) -> list[ItemRef]:
        """Return what others declared for soon, or beside the world, and this party has not acknowledged."""
        return [
            version.ref
            for version in ledger.versions()
            if version.ref.party != self._party
            and not version.is_over
            and self._party not in ledger.seen(version.ref)
            and self._begin_ms.get((version.ref.party, version.ref.id), 0) < now_ms + SEEN_AHEAD_S * 1000
        ]


def _begin_ms(item: Item) -> int:
    return span_ms(item)[0]


def _logs(bench: Workbench) -> Logs:
    assert bench.logs is not None, "the node has keys"
    return bench.logs


def _ledger(bench: Workbench) -> Ledger:
    return _logs(bench).ledger


def _declaring(item: Item) -> Change:
    return lambda declaring: declaring.declare(item)


def _activating(item_id: ItemId) -> Change:
    return lambda declaring: declaring.change_state(item_id, IntentEvent.ACTIVATE, 1)


def _saying(jws: str) -> Change:
    return lambda declaring: speak(declaring, jws)
