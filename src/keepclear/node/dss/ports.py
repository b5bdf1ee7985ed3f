"""What the service needs from outside: a store.

The port says what every adapter must do; `tests/contracts/test_dss_store.py` holds all of them to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from keepclear.core.extents import Extent
from keepclear.core.references import Entity, EntityKind, UssAvailability

A = TypeVar("A")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Who changes something, for the history.

    Attributes:
        issuer: Who issued the token; empty where the service itself does it.
        subject: Whom it names.
        at: When.
    """

    issuer: str
    subject: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One change of the past.

    Attributes:
        seq: Its number, from 1 on; of two the greater happened later.
        cause: Who made it, and when.
        is_removal: Whether the entity was removed.
        entity: The entity after the change, or as it was when it was removed.
        extent: Its extent then.
    """

    seq: int
    cause: Cause
    is_removal: bool
    entity: Entity
    extent: Extent


class Target(NamedTuple):
    """What a piece of work will put or remove, as far as that is known before it begins.

    Attributes:
        kind: Of which kind it is.
        entity_id: Its id.
        extent: Where it is to be; None where it is to go.
    """

    kind: EntityKind
    entity_id: str
    extent: Extent | None


class DssTransaction(Protocol):
    """One serial transaction: it sees all that was committed before, and nobody changes what it sees.

    The work that is done in it may be done again from the start, so it must have no effects but these.
    """

    def entity(self, kind: EntityKind, entity_id: str) -> Entity | None:
        """Return an entity; None where there is none."""

    def extent(self, kind: EntityKind, entity_id: str) -> Extent:
        """Return the extent of an entity that is there.

        Raises:
            StoreError: It is not there.
        """

    def meeting(self, kind: EntityKind, extent: Extent) -> Sequence[Entity]:
        """Return the entities of a kind whose extents meet this one (`core.extents`), exactly; by id.

        None is left out, whoever manages it and whenever it ends. Whatever was found stays so until this
        transaction ends: no other one can add or remove what would have been found.
        """

    def dependents(self, subscription_id: str) -> Sequence[Entity]:
        """Return the intents that name a subscription, by id."""

    def ending_before(self, kind: EntityKind, instant: datetime, limit: int) -> Sequence[Entity]:
        """Return entities of a kind that end before an instant, those that end first before others."""

    def put(self, entity: Entity, extent: Extent, cause: Cause | None) -> None:
        """Keep an entity in place of the one of its kind and id, and add it to the history.

        Args:
            entity: It.
            extent: Where and when it is.
            cause: Who does it; None to leave the history alone, where only an index was counted up.
        """

    def count_up(self, subscription: Entity) -> None:
        """Keep a subscription that is there with another `notification_index`; nothing else may differ."""

    def remove(self, entity: Entity, cause: Cause) -> None:
        """Keep an entity that is there no longer; the history keeps it as given, with its last change."""

    def remove_all(self, entities: Sequence[Entity], cause: Cause) -> None:
        """Remove several entities of one kind at once."""

    def removed(self, kind: EntityKind, entity_id: str) -> HistoryEntry | None:
        """Return the last entry of the history of an entity, if it is a removal; else None."""

    def history(self, after: int, limit: int) -> Sequence[HistoryEntry]:
        """Return entries of the history after a number, in their order."""

    def forget_history(self, before: datetime, limit: int) -> int:
        """Forget entries of before an instant, the oldest first; return how many."""

    def count(self, kind: EntityKind) -> int:
        """Return how many entities of a kind are kept."""

    def availability(self, uss_id: str) -> UssAvailability | None:
        """Return what was last said of a party's service; None where nothing was."""

    def put_availability(self, availability: UssAvailability, cause: Cause) -> None:
        """Keep what is said of a party's service, in place of what was."""

    def add_report(self, report_id: str, text: bytes, cause: Cause) -> None:
        """Keep a report of an error that somebody else sent."""

    def forget_reports(self, before: datetime, limit: int) -> int:
        """Forget reports of before an instant, the oldest first; return how many."""

    def note(self, topic: str, name: str) -> tuple[str, datetime] | None:
        """Return a small thing that is kept by topic and name, and when it was kept; None for none."""

    def notes(self, topic: str) -> Sequence[tuple[str, str, datetime]]:
        """Return all that is kept of a topic: name, text, and when it was kept; by name."""

    def put_note(self, topic: str, name: str, text: str, at: datetime) -> None:
        """Keep a small thing by topic and name, in place of what was."""


class Ticket(Protocol):
    """Whether somebody still waits for an answer."""

    def claim(self) -> bool:
        """Take what was done as wanted, so that it can be called off no more; False if it was called off.

        A store calls it once what was asked is done, and before any of it can become lasting.
        """


class DssStore(Protocol):
    """Keeps what the service keeps.

    What was done when an answer comes is there after a crash of the process or the machine. Of what raised,
    or was called off, nothing is there.
    """

    def run(
        self, work: Callable[[DssTransaction], A], ticket: Ticket | None = None, target: Target | None = None
    ) -> Future[A]:
        """Do something in a transaction of its own, as if nothing else were done at that time.

        Args:
            work: What to do.
            ticket: Whether it is still wanted; None for always.
            target: What it will change, if that is known: a store may line up for it. It decides nothing.

        Returns:
            What it returned, once that is lasting; what it raised; `CalledOffError` where it was called off;
            `StoreError` where it could not be done, and then nothing was, unless a connection broke while it
            became lasting, which the error says: then nobody knows, and it may be asked for again.

        Raises:
            StoreBusyError: Too much is waiting.
        """

    @property
    def fault(self) -> str | None:
        """Why it cannot work at present; None when it can."""

    @property
    def waiting_count(self) -> int:
        """How much waits to be done."""

    def close(self) -> None:
        """Finish what waits, then stop."""
