"""Assignment: which operation a track flies, by what it says, or else by where it is.

What a track says counts before where it is: the operation that it names, then its callsign. One that says
nothing of use is taken for what it is inside of, if that is one operation only, of a party that may be its
own, and no other track claims it. Taken so, it stays what it is until something contradicts. None of this
depends on the order of the tracks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from keepclear.core.conformance_findings import AssignedBy, Assignment
from keepclear.core.containment import Certainty
from keepclear.core.declared_volumes import Held, Scene, callsign_key, is_of
from keepclear.core.intents import ItemId
from keepclear.core.kinds import TrackKind

Words = tuple[str | None, str | None, str | None, TrackKind]
"""What a track says of itself: its operation, its callsign, its party, its kind."""


class Claim(NamedTuple):
    """What a track says that it flies.

    Attributes:
        by: How it says so; None where it says nothing that is known here.
        items: The operations that it may mean, of a party that may be its own, sorted.
        foreign: The operation that it means, where that can only be one of another party.
        unknown: The name of an operation that is not held here.
    """

    by: AssignedBy | None = None
    items: tuple[ItemId, ...] = ()
    foreign: ItemId | None = None
    unknown: str | None = None


NO_CLAIM: Final = Claim()
"""What a track claims that says nothing of use."""


def claim_of(scene: Scene, words: Words) -> Claim:
    """Find what a track says that it flies."""
    operation, callsign, party, _ = words
    unknown = None
    if operation is not None:
        claim = _claim(AssignedBy.ID, scene.named(operation, party), party)
        if claim.by is not None:
            return claim
        unknown = operation
    if callsign is not None:
        return _claim(AssignedBy.CALLSIGN, scene.called(callsign, party), party)._replace(unknown=unknown)
    return Claim(unknown=unknown)


def _claim(by: AssignedBy, found: Sequence[Held], party: str | None) -> Claim:
    if not found:
        return NO_CLAIM
    own = tuple(held.id for held in found if is_of(held.party, party))
    return Claim(by=by, items=own) if own else Claim(by=by, foreign=found[0].id)


def nearest_in_time(scene: Scene, items: Sequence[ItemId], at_ms: int) -> list[ItemId]:
    """Return those of some operations that are under way at an instant, or else begin or ended nearest."""

    def off_ms(item: ItemId) -> int:
        held = scene.items[scene.index[item]]
        return max(0, held.start_ms - at_ms, at_ms - held.end_ms)

    least = min(map(off_ms, items))
    return [item for item in items if off_ms(item) == least]


def may_fly(held: Held, words: Words) -> bool:
    """Tell whether a track may fly an operation by its party, its callsign and its kind."""
    operation = held.operation
    if operation is None or not is_of(operation.party, words[2]):
        return False
    called = operation.callsign, words[1]
    if called[0] and called[1] and callsign_key(called[0]) != callsign_key(called[1]):
        return False
    unknown = TrackKind.UNKNOWN
    return unknown in (operation.aircraft_kind, words[3]) or operation.aircraft_kind is words[3]


@dataclass(slots=True)
class Flight:
    """What is remembered of a track from cycle to cycle.

    Attributes:
        words: What it said last of itself.
        generation: Of which scene `claim` is.
        claim: What it says that it flies.
        said_ms: Since when it says so.
        is_new: Whether it was not judged since it said something else, or something else was held.
        item: The operation that it is assigned to.
        slot: Its place in the scene; -1 for none.
        by: Why it is assigned.
        since_ms: Since when it is.
        inside_ms: Since when it is surely inside; None where it is not.
        was_inside: Whether it was ever inside, since it is assigned.
        is_settled: Whether it stays assigned when it leaves.
        out_ms: When the first report of its excursion was; None without one.
        out_last_ms: When the last report surely outside was.
        off_ms: Since when it is early or late.
        undeclared_ms: Since when it fits nothing.
        tells_wrong_kind: Whether it tells another kind than its operation does.
        zones: Since when it is, or will be, in which zones.
        assignment: As it was told last.
    """

    words: Words | None = None
    generation: int = -1
    claim: Claim = NO_CLAIM
    said_ms: int = 0
    is_new: bool = True
    item: ItemId | None = None
    slot: int = -1
    by: AssignedBy = AssignedBy.CONTAINMENT
    since_ms: int = 0
    inside_ms: int | None = None
    was_inside: bool = False
    is_settled: bool = False
    out_ms: int | None = None
    out_last_ms: int = 0
    off_ms: int | None = None
    undeclared_ms: int | None = None
    tells_wrong_kind: bool = False
    zones: dict[ItemId, int] = field(default_factory=dict)
    assignment: Assignment | None = None

    @property
    def needs_a_look(self) -> bool:
        """Whether being inside what is activated would change anything that is remembered of it."""
        return (
            self.is_new
            or self.inside_ms is None
            or not self.is_settled
            or self.out_ms is not None
            or self.off_ms is not None
            or self.undeclared_ms is not None
            or self.tells_wrong_kind
        )

    def assign(self, item: ItemId, slot: int, by: AssignedBy, at_ms: int) -> None:
        """Take it for the aircraft of an operation; nothing changes if it is already."""
        self.slot, self.by = slot, by
        if self.item != item:
            self._forget()
            self.item, self.since_ms = item, at_ms

    def release(self) -> None:
        """Take it for no operation's aircraft."""
        if self.item is not None:
            self._forget()
            self.item, self.slot, self.by = None, -1, AssignedBy.CONTAINMENT

    def _forget(self) -> None:
        self.inside_ms = self.out_ms = self.off_ms = None
        self.was_inside = self.is_settled = self.tells_wrong_kind = False
        self.assignment = None

    def told(self, track: str, where: Certainty) -> Assignment:
        """Return its assignment; the same as before if nothing changed."""
        assert self.item is not None, "it is assigned"
        known = self.assignment
        if known is None or known.where is not where or known.by is not self.by:
            known = self.assignment = Assignment(track, self.item, self.by, where, self.since_ms)
        return known


def identify(
    flights: Sequence[Flight], words: Sequence[Words], at_ms: Sequence[int], scene: Scene, generation: int
) -> None:
    """Bring what each track says up to date, and assign those that say clearly what they fly.

    Args:
        flights: The tracks.
        words: What each says now.
        at_ms: When each was seen last.
        scene: What is held.
        generation: The number of the scene.
    """
    for flight, said, seen_ms in zip(flights, words, at_ms, strict=True):
        if flight.words != said or flight.generation != generation:
            claim = claim_of(scene, said)
            if flight.words != said or (claim.by, claim.foreign) != (flight.claim.by, flight.claim.foreign):
                flight.said_ms = seen_ms
            flight.words, flight.generation, flight.claim = said, generation, claim
            flight.is_new = True
            if flight.item is not None:
                flight.slot = scene.index.get(flight.item, -1)
                contradicted = flight.slot < 0 or not _still_fits(flight, scene.items[flight.slot])
                if contradicted:
                    flight.release()
            if len(claim.items) == 1 and claim.by is not None:
                flight.assign(claim.items[0], scene.index[claim.items[0]], claim.by, seen_ms)


def _still_fits(flight: Flight, held: Held) -> bool:
    """Tell whether a track that is assigned may stay so, by what it says now."""
    if held.operation is None:
        return False
    if flight.claim.by is not None:
        return held.id in flight.claim.items
    assert flight.words is not None, "it was asked what it says"
    return flight.by is AssignedBy.CONTAINMENT and may_fly(held, flight.words)


def choose_claimed(
    flight: Flight, scene: Scene, at_ms: int, codes: Mapping[int, Certainty]
) -> tuple[ItemId, ...]:
    """Decide for a track that may mean several operations.

    Args:
        flight: The track.
        scene: What is held.
        at_ms: When it was seen last.
        codes: Where it may be inside now, by the place of the operation in the scene.

    Returns:
        The operations that it may mean, where that is not decided; else nothing, and it is assigned.
    """
    found = nearest_in_time(scene, flight.claim.items, at_ms)
    assert flight.claim.by is not None, "it says so somehow"
    if flight.item in found:
        flight.by = flight.claim.by
        return ()
    if len(found) > 1:
        within = [item for item in found if scene.index[item] in codes]
        found = within if len(within) == 1 else found
    if len(found) > 1:
        flight.release()
        return tuple(found)
    flight.assign(found[0], scene.index[found[0]], flight.claim.by, at_ms)
    return ()


def choose_by_place(
    flight: Flight,
    scene: Scene,
    at_ms: int,
    codes: Mapping[int, Certainty],
    is_claimed: Callable[[int], bool],
) -> tuple[ItemId, ...]:
    """Decide for a track that says nothing of use, by what it is inside of.

    Args:
        flight: The track.
        scene: What is held.
        at_ms: When it was seen last.
        codes: Where it may be inside now, by the place of the operation in the scene.
        is_claimed: Whether another track says that it flies an operation, and is there.

    Returns:
        The operations that it may fly, where that is not decided; nothing where it is assigned, or where
        it fits none.
    """
    assert flight.words is not None, "it was asked what it says"
    words = flight.words
    fitting = {
        place: code
        for place, code in codes.items()
        if may_fly(scene.items[place], words) and not is_claimed(place)
    }
    if flight.slot >= 0:
        own = fitting.pop(flight.slot, None)
        inside_others = Certainty.INSIDE in fitting.values()
        stays = own is not None or (flight.is_settled and not is_claimed(flight.slot) and not inside_others)
        if stays:
            return ()
        flight.release()
    if len(fitting) == 1 and Certainty.INSIDE in fitting.values():
        (place,) = fitting
        flight.assign(scene.items[place].id, place, AssignedBy.CONTAINMENT, at_ms)
        return ()
    return tuple(scene.items[place].id for place in sorted(fitting))
