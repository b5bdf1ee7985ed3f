"""Conformance: each track against what was declared, and each operation against what is seen.

A position is judged at the instant at which it was measured: whether it was inside what its operation
declares for that instant, surely, possibly or not. An excursion begins with the first report that is surely
outside, and ends with a later one that is inside; what is not heard of, or not certain, ends nothing. The
states are those of ASTM F3548-21: out of its volumes an operation is nonconforming, and contingent once it
is out for longer than `contingent_after_s`. Nothing is changed here: that is suggested, and told.

Which track flies what is decided in `assignment`, zones in `zone_watch`, what is not seen in `absence`.
What cannot be told is listed as undecided, and is never taken for order.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace

import numpy as np

from keepclear.core.absence import Absence
from keepclear.core.assignment import Flight, Words, choose_by_place, choose_claimed, identify
from keepclear.core.claimants import check_claimants
from keepclear.core.conformance_findings import (
    AssignedBy,
    Assignment,
    Candidates,
    ConformanceCycle,
    ConformanceFinding,
    ConformanceSettings,
    Coverage,
    Declared,
    Ignorance,
)
from keepclear.core.conformance_look import Look
from keepclear.core.containment import CERTAINTIES, Certainty
from keepclear.core.declared_volumes import Held, Scene, held_of
from keepclear.core.intents import IntentState, ItemId
from keepclear.core.packed import Ints
from keepclear.core.state_suggestions import suggestions_of
from keepclear.core.track_judgement import judge_assigned, judge_unassigned
from keepclear.core.track_picture import TrackPicture
from keepclear.core.track_points import PressureHeights, points_of
from keepclear.core.zone_watch import ZoneWatch


class Conformance:
    """Compares tracks with what is declared, cycle after cycle.

    It keeps only what durations need: since when each track is what it is. Time comes in.

    Args:
        settings: What counts.
    """

    def __init__(self, settings: ConformanceSettings | None = None) -> None:
        self._settings = settings or ConformanceSettings()
        self._heights = PressureHeights(self._settings.atmosphere)
        self._held: dict[ItemId, Held] = {}
        self._scene: Scene | None = None
        self._generation = 0
        self._flights: dict[str, Flight] = {}
        self._absence = Absence()

    def __len__(self) -> int:
        """Return how many items are held."""
        return len(self._held)

    def hold(self, declared: Declared) -> None:
        """Hold an item, in place of the one with the same id; one that has ended is dropped."""
        item = declared.item
        if getattr(item, "state", None) is IntentState.ENDED:
            self.drop(item.id)
            return
        known = self._held.get(item.id)
        if known is not None and known.declared == declared:
            return
        self._held[item.id] = held_of(declared)
        self._scene = None

    def drop(self, item_id: ItemId) -> None:
        """Hold an item no longer; nothing happens where there is none with this id."""
        if self._held.pop(item_id, None) is not None:
            self._absence.forget(item_id)
            self._scene = None

    def check(
        self,
        picture: TrackPicture,
        now_ms: int,
        *,
        coverage: Coverage | bool = False,
        noticed: Set[tuple[ItemId, ItemId]] = frozenset(),
        contacts: Mapping[str, str] | None = None,
        ignorance: Sequence[Ignorance] = (),
    ) -> ConformanceCycle:
        """Compare the tracks of one instant with what is held.

        Args:
            picture: The tracks.
            now_ms: The instant, milliseconds since 1970.
            coverage: Whether a source that could see an operation is live, for all or by operation. Where
                none is, that nothing is seen tells nothing.
            noticed: Which operations were given notice of for which zones, by both ids.
            contacts: How tracks stand with incidents, by the id of the aircraft; see
                `AirPicture.contacts`.
            ignorance: What is declared, and nobody here can tell where.

        Raises:
            InvalidValueError: A contact is not valid.
        """
        scene = self._scene_at(now_ms)
        flights = self._flights_of(picture.ids)
        look = Look(picture, points_of(picture, self._heights), flights, scene, self._settings, now_ms)
        zones = ZoneWatch(look, noticed, contacts or {})
        words: list[Words] = list(
            zip(picture.operations, picture.callsigns, picture.parties, picture.kinds, strict=True)
        )
        identify(flights, words, look.at_ms, scene, self._generation)
        candidates = _choose(look)
        assignments, undeclared_count = _judge(look, candidates, ignorance)
        check_claimants(look)
        zones.check()
        seen, possible = _seen(look, candidates)
        self._absence.check(look, seen, possible, coverage)
        return _cycle(look, assignments, undeclared_count)

    def _scene_at(self, now_ms: int) -> Scene:
        if self._scene is None or not self._scene.serves(now_ms):
            around_ms = round(self._settings.mistimed_max_s * 1000.0)
            self._scene = Scene(self._held.values(), now_ms, around_ms)
            self._generation += 1
        return self._scene

    def _flights_of(self, ids: Sequence[str]) -> list[Flight]:
        """Return what is remembered of tracks; those that are in the picture no longer are forgotten."""
        known = self._flights
        flights = [known.get(each) or Flight() for each in ids]
        self._flights = dict(zip(ids, flights, strict=True))
        return flights


def _slots(flights: Sequence[Flight]) -> Ints:
    return np.array([flight.slot for flight in flights], dtype=np.int64)


def _choose(look: Look) -> dict[int, tuple[ItemId, ...]]:
    """Assign the tracks that do not say clearly what they fly, and return what the others may fly."""
    scene, flights = look.scene, look.flights
    found: dict[int, tuple[ItemId, ...]] = {}
    by_place = []
    for row, flight in enumerate(flights):
        if flight.claim.by is None:
            by_place.append(row)
        elif len(flight.claim.items) > 1:
            left = choose_claimed(flight, scene, look.at_ms[row], look.codes_of(row))
            if left:
                found[row] = left
    slots = _slots(flights)
    codes, _ = look.where(slots)
    there = look.in_flight & ~look.is_lost & (codes > Certainty.OUTSIDE)
    claims = np.array([flight.by is not AssignedBy.CONTAINMENT for flight in flights], dtype=np.bool_)
    claimed = np.zeros(len(scene.items) + 1, dtype=np.bool_)
    claimed[slots[there & claims]] = True
    # What stays inside what it was taken for needs no further look.
    stays = (slots >= 0) & (codes > Certainty.OUTSIDE) & ~claimed[slots] & ~claims
    asks = ~stays & look.in_flight & ~look.is_lost & ((slots >= 0) | look.is_near)
    for row in by_place:
        if asks[row]:
            left = choose_by_place(
                flights[row], scene, look.at_ms[row], look.codes_of(row), lambda place: bool(claimed[place])
            )
            if left:
                found[row] = left
    for row, items in sorted(found.items()):
        if len(items) > 1:
            look.candidates.append(Candidates(look.picture.ids[row], tuple(sorted(items))))
    return found


def _judge(
    look: Look, candidates: Mapping[int, tuple[ItemId, ...]], ignorance: Sequence[Ignorance]
) -> tuple[dict[str, Assignment], int]:
    """Judge each track by itself, and return what is assigned and how many tracks fit nothing."""
    flights, ids = look.flights, look.picture.ids
    slots = _slots(flights)
    codes, is_nominal = look.where(slots)
    assigned = slots >= 0
    outside = np.flatnonzero(assigned & (codes == Certainty.OUTSIDE) & ~look.is_lost)
    opened = [row for row, flight in enumerate(flights) if flight.out_ms is not None]
    measured = np.union1d(outside, np.array(opened, dtype=np.int64)).astype(np.int64)
    measured = measured[slots[measured] >= 0]
    away = look.away(measured.tolist(), slots[measured].tolist())
    told = {
        ids[row]: flights[row].told(ids[row], CERTAINTIES[code])
        for row, code in zip(np.flatnonzero(assigned).tolist(), codes[assigned].tolist(), strict=True)
    }
    plain = assigned & (codes == Certainty.INSIDE) & look.scene.is_activated_at(slots)
    is_remembered = np.array([flight.needs_a_look for flight in flights], dtype=np.bool_)
    plain &= ~is_remembered & ~look.picture.is_suspect
    for row in np.flatnonzero(assigned & ~plain).tolist():
        judge_assigned(look, row, CERTAINTIES[codes[row]], bool(is_nominal[row]), away.get(row))
    undeclared = judge_unassigned(look, np.flatnonzero(~assigned).tolist(), candidates, ignorance)
    return told, undeclared


def _seen(look: Look, candidates: Mapping[int, tuple[ItemId, ...]]) -> tuple[set[int], dict[int, int]]:
    """Return which operations are seen, and how many tracks may be of others, by places in the scene."""
    heard = ~look.is_lost
    seen = {
        flight.slot
        for flight, is_heard in zip(look.flights, heard.tolist(), strict=True)
        if is_heard and flight.slot >= 0
    }
    possible: dict[int, int] = {}
    for row, items in candidates.items():
        if heard[row]:
            for item in items:
                place = look.scene.index[item]
                possible[place] = possible.get(place, 0) + 1
    return seen, possible


def _order(finding: ConformanceFinding) -> tuple[str, str, str]:
    return finding.track, finding.kind.value, finding.item or ""


def _once(findings: Sequence[ConformanceFinding]) -> Iterator[ConformanceFinding]:
    """Join findings of one thing, such as a claim that is wrong in two ways, so that each is told once."""
    for _, group in itertools.groupby(findings, key=_order):
        first, *others = group
        if others:
            more = "; ".join((first.cause, *(each.cause for each in others)))
            facts = {name: value for each in others for name, value in each.facts.items()}
            ids = tuple(sorted({name for each in (first, *others) for name in each.others}))
            first = replace(first, cause=more, facts={**facts, **first.facts}, others=ids)
        yield first


def _cycle(look: Look, assignments: Mapping[str, Assignment], undeclared_count: int) -> ConformanceCycle:
    findings = tuple(_once(sorted(look.found, key=_order)))
    return ConformanceCycle(
        at_ms=look.now_ms,
        assignments=assignments,
        candidates=tuple(look.candidates),
        findings=findings,
        signals=tuple(finding.signal for finding in findings if finding.makes_signal),
        suggestions=suggestions_of(look),
        undecided=tuple(sorted(look.undecided)),
        undecided_count=look.undecided_count,
        undeclared_count=undeclared_count,
    )
