"""A node without a desk, for tests: the use cases over a store in memory, at a time that is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from keepclear.adapters.store.memory import MemoryStore
from keepclear.codec.f3548.volumes import decode_item, encode_item
from keepclear.core.conflicts import Item
from keepclear.core.intents import IntentEvent, ItemId, PartyId
from keepclear.core.times import floor_ms
from keepclear.node.declare import Declaring
from keepclear.node.held import Held
from keepclear.node.outcomes import Outcome
from keepclear.node.policy import EXPIRY_GRACE_S, Policy
from keepclear.node.ports import Actor, Store
from tests.strategies import NOON


class JsonForm:
    """Items as one line of F3548 JSON, as a node keeps them."""

    def write(self, item: Item) -> bytes:
        return encode_item(item)

    def read(self, text: bytes) -> Item:
        return decode_item(text, "store").placed[0].item


FORM = JsonForm()


def actor(party: str | None, person: str = "officer") -> Actor:
    """Return somebody of a party."""
    return Actor(party=PartyId(party or ""), person=person)


def filled(store: Store, now: datetime = NOON) -> Held:
    """Return what a node holds that starts now, with items that ended within the grace."""
    return Held(store.holding(floor_ms(now) - round(EXPIRY_GRACE_S * 1000.0)), FORM)


@dataclass
class Office:
    """The use cases, each in a transaction of its own, as the desk makes them."""

    policy: Policy = field(default_factory=Policy)
    now: datetime = NOON
    store: Store = field(default_factory=MemoryStore)
    held: Held = field(init=False)

    def __post_init__(self) -> None:
        self.held = filled(self.store, self.now)

    def make(self, party: str | None, change: Callable[[Declaring], Outcome]) -> Outcome:
        with self.store.transaction() as transaction:
            self.held.expire(self.now)
            self.held.follow(transaction.records_after(self.held.seq))
            return change(
                Declaring(
                    held=self.held,
                    transaction=transaction,
                    form=FORM,
                    policy=self.policy,
                    actor=actor(party),
                    now=self.now,
                )
            )

    def declare(self, item: Item) -> Outcome:
        return self.make(item.party, lambda declaring: declaring.declare(item))

    def amend(self, item: Item, version: int) -> Outcome:
        return self.make(item.party, lambda declaring: declaring.amend(item, version))

    def withdraw(self, item: Item, version: int, *, party: str | None = None) -> Outcome:
        return self.make(party or item.party, lambda declaring: declaring.withdraw(item.id, version))

    def change_state(
        self, item: Item, event: IntentEvent, version: int, *, party: str | None = None
    ) -> Outcome:
        change: Callable[[Declaring], Outcome] = lambda declaring: declaring.change_state(  # noqa: E731
            item.id, event, version
        )
        return self.make(party or item.party, change)

    def version(self, item_id: str) -> int:
        record = self.store.record(ItemId(item_id))
        assert record is not None
        return record.version
