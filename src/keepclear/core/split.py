"""The altitude split: while the fallback applies, one party stays below an altitude, the other above it.

What an operation declares on the other side of the plane is a breach. The plane itself belongs to both: two
operations that only touch it are judged against each other as ever, and meet. Zones are never split, because
they keep others out and hold nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from keepclear.core.altitudes import ALTITUDE_MAX_M, ALTITUDE_MIN_M
from keepclear.core.conflicts import Label
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import Floats
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.packed import ALTITUDE_TOLERANCE_M, PackedVolumes
from keepclear.core.refs import check_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Who stays below an altitude; the other party of the agreement stays above it.

    Attributes:
        below: The party that stays below.
        altitude_m: The plane between them, metres above the WGS84 ellipsoid.

    Raises:
        InvalidValueError: The party's name cannot be one, or the altitude is out of range.
    """

    below: PartyId
    altitude_m: float

    def __post_init__(self) -> None:
        check_text("below", self.below)
        if not ALTITUDE_MIN_M <= self.altitude_m <= ALTITUDE_MAX_M:  # also catches NaN
            reason = f"{self.altitude_m!r} is not within {ALTITUDE_MIN_M:,.0f}..{ALTITUDE_MAX_M:,.0f} m"
            raise InvalidValueError("altitude_m", reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Halves:
    """The split that applies between two parties at present.

    Attributes:
        below: Who stays below.
        above: Who stays above.
        altitude_m: The plane, metres above the WGS84 ellipsoid.
    """

    below: PartyId
    above: PartyId
    altitude_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """An operation that reaches into the other party's half.

    Attributes:
        item: Its id.
        party: Whose it is.
        peer: With whom its party agreed on the split.
        is_below: Whether its party is to stay below.
        altitude_m: The plane, metres above the WGS84 ellipsoid.
        reach_m: How far it reaches beyond the plane, metres; may be infinite.
        volumes: Which of its volumes do, from 0, sorted, at least one.
        start_ms: When the first of them starts, milliseconds since 1970.
        end_ms: When the last of them ends.
    """

    item: ItemId
    party: PartyId
    peer: PartyId
    is_below: bool
    altitude_m: float
    reach_m: float
    volumes: tuple[int, ...]
    start_ms: int
    end_ms: int


def breaches(volumes: PackedVolumes, label: Callable[[int], Label], halves: Sequence[Halves]) -> list[Breach]:
    """Return which operations break which split, sorted by party, id and peer.

    Args:
        volumes: The volumes of operations and zones.
        label: Tells whose a volume is, by its `owner`.
        halves: The splits that apply.
    """
    if not halves or not volumes.volume_count:
        return []
    labels = {owner: label(owner) for owner in np.unique(volumes.owner[~volumes.zone]).tolist()}
    found = [breach for each in halves for breach in _breaches(volumes, labels, each)]
    return sorted(found, key=lambda breach: (breach.party, breach.item, breach.peer))


def _breaches(volumes: PackedVolumes, labels: dict[int, Label], halves: Halves) -> Iterator[Breach]:
    sides = (
        (halves.below, halves.above, volumes.upper_m - halves.altitude_m),
        (halves.above, halves.below, halves.altitude_m - volumes.lower_m),
    )
    for party, peer, reach_m in sides:
        for owner, beyond in _beyond(volumes, labels, party, reach_m):
            yield Breach(
                item=labels[owner].id,
                party=party,
                peer=peer,
                is_below=party == halves.below,
                altitude_m=halves.altitude_m,
                reach_m=float(reach_m[beyond].max()),
                volumes=tuple(sorted(volumes.number[beyond].tolist())),
                start_ms=int(volumes.start_ms[beyond].min()),
                end_ms=int(volumes.end_ms[beyond].max()),
            )


def _beyond(
    volumes: PackedVolumes, labels: dict[int, Label], party: PartyId, reach_m: Floats
) -> Iterator[tuple[int, list[int]]]:
    """Yield the operations of a party that reach beyond the plane, and which volumes do."""
    found: dict[int, list[int]] = {}
    for row in np.flatnonzero((reach_m > ALTITUDE_TOLERANCE_M) & ~volumes.zone).tolist():
        owner = int(volumes.owner[row])
        if labels[owner].party == party:
            found.setdefault(owner, []).append(row)
    yield from found.items()
