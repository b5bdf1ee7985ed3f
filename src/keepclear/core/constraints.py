"""Constraints: zones that a party declares, and the rule of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from keepclear.core.altitudes import UNBOUNDED, AltitudeBand
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import ItemId, PartyId, check_declaration
from keepclear.core.shapes import Circle
from keepclear.core.times import TimeWindow
from keepclear.core.units import NAUTICAL_MILE_M
from keepclear.core.volumes import Volume3D, Volume4D


class ConstraintRule(Enum):
    """What a zone asks of the others."""

    KEEP_OUT = "keep_out"
    """Entering is a conflict."""
    NOTIFY_FIRST = "notify_first"
    """Entering needs a notice first; without it the answer is "notice required"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A zone that a party declares.

    Attributes:
        id: Its id.
        volumes: Where and when it applies, at least one.
        party: Whose it is; None stands for a party of its own.
        priority: Higher is more urgent. It never hides a conflict.
        rule: What it asks of operations of other parties.

    Raises:
        InvalidValueError: The id or party is empty or too long, or there are no volumes or too many.
    """

    id: ItemId
    volumes: tuple[Volume4D, ...]
    party: PartyId | None = None
    priority: int = 0
    rule: ConstraintRule = ConstraintRule.KEEP_OUT

    def __post_init__(self) -> None:
        check_declaration(self.id, self.party, self.volumes)


CLEARANCE_RING_M: Final = 12.0 * NAUTICAL_MILE_M
"""Fire Traffic Area: clearance is needed from here on inwards."""
NO_ENTRY_RING_M: Final = 7.0 * NAUTICAL_MILE_M
"""Fire Traffic Area: no entry from here on inwards without contact."""


def ring_zones(
    incident_id: str,
    center: LatLng,
    time: TimeWindow,
    *,
    party: PartyId | None = None,
    altitude: AltitudeBand | None = None,
    outer_m: float = CLEARANCE_RING_M,
    inner_m: float = NO_ENTRY_RING_M,
) -> tuple[Constraint, Constraint]:
    """Make the two zones of a Fire Traffic Area round an incident.

    Args:
        incident_id: The ids become `<incident_id>/clearance` and `<incident_id>/no-entry`.
        center: Where the incident is.
        time: When the zones apply.
        party: Whose zones they are.
        altitude: The band of heights; without one, unbounded.
        outer_m: The radius within which notice is needed first, metres.
        inner_m: The radius within which nobody may be, metres; less than `outer_m`.

    Returns:
        The outer zone (notify first) and the inner zone (keep out).

    Raises:
        InvalidValueError: A radius, the centre or the id is not valid.

    Source:
        US interagency Fire Traffic Area: clearance at 12 NM, no entry past 7 NM without contact.
    """
    band = altitude if altitude is not None else UNBOUNDED

    def zone(name: str, radius_m: float, rule: ConstraintRule) -> Constraint:
        space = Volume3D(outline=Circle(center=center, radius_m=radius_m), altitude=band)
        volumes = (Volume4D(volume=space, time=time),)
        return Constraint(id=ItemId(f"{incident_id}/{name}"), volumes=volumes, party=party, rule=rule)

    return (
        zone("clearance", outer_m, ConstraintRule.NOTIFY_FIRST),
        zone("no-entry", inner_m, ConstraintRule.KEEP_OUT),
    )
