"""A node that runs: what its endpoints work with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from keepclear.adapters.desk import Desk
from keepclear.adapters.federation.federation import LinkView
from keepclear.adapters.http.bodies import encode
from keepclear.adapters.http.gate import Gate
from keepclear.adapters.http.metrics import Metrics
from keepclear.adapters.http.past import Past
from keepclear.adapters.http.stream import Hub, event_text
from keepclear.adapters.http.watch_news import told_of
from keepclear.adapters.settings import Settings
from keepclear.adapters.store.access import Access
from keepclear.adapters.watching.rounds import Round
from keepclear.adapters.watching.thread import Watching
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.reports import Reports
from keepclear.core.times import rfc3339
from keepclear.node.access import Grant
from keepclear.node.hotline_views import Unread
from keepclear.node.outcomes import NotFoundError
from keepclear.node.ports import Clock, Record, Store
from keepclear.node.talk import Talk


class Linked(Protocol):
    """The links to the nodes of other parties."""

    def links(self) -> Sequence[LinkView]:
        """Return the links, sorted by peer."""

    def switch(self, peer: PartyId, *, is_off: bool) -> None:
        """Switch a link off, or on again.

        Raises:
            InvalidValueError: There is no link to this peer.
        """

    def wake(self) -> None:
        """Push at once what was just written."""

    async def run(self) -> None:
        """Listen and sync until it is cancelled."""


class Unlinked:
    """Stands where there are no links."""

    def links(self) -> Sequence[LinkView]:
        """Return nothing."""
        return ()

    def switch(self, peer: PartyId, *, is_off: bool) -> None:
        """Refuse: there is no link.

        Raises:
            InvalidValueError: Always.
        """
        switched = "off" if is_off else "on"
        raise InvalidValueError("peer", f"no link to {peer!r} to switch {switched}: this node has none")

    def wake(self) -> None:
        """Do nothing."""

    async def run(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node that runs: what the endpoints work with.

    Attributes:
        settings: How it is configured.
        store: What it keeps.
        desk: What changes it.
        access: Who may do what.
        gate: Who is let in.
        watching: What watches, in a thread of its own.
        rule_set: The name of the rule set by which it judges encounters.
        past: What was seen before.
        hub: Who listens.
        metrics: What is counted.
        clock: What time it is.
        speed: How fast that time runs; other than 1 only in a demonstration.
        guest: What whoever comes is granted, in a demonstration; None elsewhere.
        linked: The links to the nodes of other parties.
        talk: Knows which messages wait for what; used in the thread of the desk only.
        unread: Knows which messages nobody has read; the same.
    """

    settings: Settings
    store: Store
    desk: Desk
    access: Access
    gate: Gate
    watching: Watching
    rule_set: str
    past: Past
    hub: Hub
    metrics: Metrics
    clock: Clock
    speed: float = 1.0
    guest: Grant | None = None
    linked: Linked = field(default_factory=Unlinked)
    talk: Talk = field(default_factory=Talk)
    unread: Unread = field(default_factory=Unread)

    @property
    def now(self) -> str:
        """What time it is."""
        return rfc3339(self.clock())

    def clock_event(self) -> bytes:
        """Return what the stream tells of the time."""
        fields = {"now": self.now, "speed": self.speed, "seq": self.store.last_seq()}
        return encode(fields)

    async def watched(self) -> Round:
        """Return the latest round of the watch; the first is waited for.

        Raises:
            WatchStoppedError: Nothing is watched any more.
        """
        latest = self.watching.latest
        if latest is None:
            latest = await asyncio.wrap_future(self.watching.ask(lambda rounds: rounds.round()))
        return latest

    def watch_events(self) -> bytes:
        """Return what the stream tells first of the watch; nothing before its first round."""
        latest = self.watching.latest
        return (
            b"" if latest is None else b"".join(event_text(*each) for each in told_of(latest, self.rule_set))
        )

    def give(self, reports: Reports) -> None:
        """Give reports to the watch."""
        self.watching.ask(lambda rounds: rounds.give(reports))

    def page(self, limit: int) -> int:
        """Return how many a page holds where so many are wanted."""
        return min(limit, self.settings.limits.page)

    def record(self, item_id: str) -> Record:
        """Return the latest version of an item.

        Raises:
            NotFoundError: There never was one.
        """
        record = self.store.record(ItemId(item_id))
        if record is None:
            raise NotFoundError(item_id)
        return record
