"""The rules and rule sets that are shipped, each with where its numbers come from.

docs/reference/rule-sets.md tells the same to people; a test holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from keepclear.core.constraints import CLEARANCE_RING_M, NO_ENTRY_RING_M
from keepclear.core.rules import AnyRule, Contact, Level, Pairing, Rule, RuleSet, Selector, WellClearRule
from keepclear.core.units import NAUTICAL_MILE_M, feet_to_m
from keepclear.core.well_clear import DO_365B, DO_365B_NON_COOPERATIVE, DO_365B_TERMINAL

INCIDENT_KIND: Final = "incident"
"""The kind of what stands for the middle of an incident, such as a fire."""
DRONE_KIND: Final = "drone"
"""The kind of small unmanned aircraft."""


def _levels(lateral_m: float, vertical_m: float, *told: tuple[str, float]) -> tuple[Level, ...]:
    """Return levels with the same minima, of names and look-aheads in seconds."""
    return tuple(
        Level(name=name, lateral_m=lateral_m, vertical_m=vertical_m, lookahead_s=lookahead_s)
        for name, lookahead_s in told
    )


_THREE_NM_M: Final = 3.0 * NAUTICAL_MILE_M
_URGENT: Final = (("caution", 60.0), ("warning", 30.0))
_EN_ROUTE_LEVELS: Final = _levels(
    5.0 * NAUTICAL_MILE_M, feet_to_m(1_000.0), ("predicted", 300.0), ("advisory", 120.0), *_URGENT
)

RULE_OF_THREES: Final = Rule(
    name="rule-of-threes",
    levels=(
        Level(name="alert", lateral_m=_THREE_NM_M, vertical_m=feet_to_m(3_000.0)),
        Level(name="violation", lateral_m=_THREE_NM_M, vertical_m=feet_to_m(3_000.0), lasting_s=180.0),
    ),
)
"""3 NM or 3,000 ft; if closer, for no longer than 3 minutes. As pilots over Syria described it in 2017."""
EN_ROUTE: Final = Rule(name="en-route", levels=_EN_ROUTE_LEVELS, vertical_tolerance_m=feet_to_m(200.0))
"""5 NM or 1,000 ft (ICAO Doc 4444), less 200 ft: altitudes are told in steps of 25 or 100 ft."""
EN_ROUTE_NOMINAL: Final = Rule(name="en-route-nominal", levels=_EN_ROUTE_LEVELS)
"""5 NM or 1,000 ft to the foot."""
DRONE_TO_DRONE: Final = Rule(name="drone-to-drone", levels=_levels(60.0, 15.0, *_URGENT))
"""60 m or 15 m: Keepclear's own choice, several times the 50 ft by 15 ft of a near collision of drones."""
DRONE_TO_OTHERS: Final = Rule(
    name="drone-to-others", levels=_levels(feet_to_m(2_000.0), feet_to_m(250.0), *_URGENT)
)
"""2,000 ft or 250 ft: well clear of crewed aircraft for small unmanned aircraft (ASTM F3442)."""
WELL_CLEAR_DO_365B: Final = WellClearRule(name="do-365b", alerts=DO_365B)
"""Well clear en route of RTCA DO-365B."""
TERMINAL_DO_365B: Final = WellClearRule(name="do-365b-terminal", alerts=DO_365B_TERMINAL)
"""The same in a terminal area."""
NON_COOPERATIVE_DO_365B: Final = WellClearRule(name="do-365b-non-cooperative", alerts=DO_365B_NON_COOPERATIVE)
"""The same against aircraft that do not tell where they are."""
FIRE_TRAFFIC_AREA: Final = Rule(
    name="fire-traffic-area",
    levels=(
        Level(
            name="clearance_needed",
            lateral_m=CLEARANCE_RING_M,
            vertical_m=math.inf,
            waived_by=(Contact.CLEARED,),
        ),
        Level(
            name="no_entry_without_contact",
            lateral_m=NO_ENTRY_RING_M,
            vertical_m=math.inf,
            waived_by=(Contact.CONTACT, Contact.CLEARED),
        ),
    ),
)
"""Clearance within 12 NM of an incident, no entry within 7 NM without contact (NWCG PMS 505)."""

_ANY: Final = Selector()
_DRONE: Final = Selector(kind=DRONE_KIND)
_INCIDENT: Final = Selector(kind=INCIDENT_KIND)


def _named(*rules: AnyRule) -> Mapping[str, AnyRule]:
    return MappingProxyType({rule.name: rule for rule in rules})


RULES: Final = _named(
    RULE_OF_THREES, EN_ROUTE, EN_ROUTE_NOMINAL, DRONE_TO_DRONE, DRONE_TO_OTHERS, WELL_CLEAR_DO_365B,
    TERMINAL_DO_365B, NON_COOPERATIVE_DO_365B, FIRE_TRAFFIC_AREA,
)  # fmt: skip
"""The rules, by name."""

_SETS: Final = (
    RuleSet(name="rule-of-threes", default=RULE_OF_THREES),
    RuleSet(name="en-route", default=EN_ROUTE),
    RuleSet(name="en-route-nominal", default=EN_ROUTE_NOMINAL),
    # What is not known to be a drone may have people on board: the larger minima apply.
    RuleSet(
        name="drones",
        default=DRONE_TO_OTHERS,
        pairings=(Pairing(between=(_DRONE, _DRONE), rule=DRONE_TO_DRONE),),
    ),
    RuleSet(name="do-365b", default=WELL_CLEAR_DO_365B),
    RuleSet(name="do-365b-terminal", default=TERMINAL_DO_365B),
    RuleSet(name="do-365b-non-cooperative", default=NON_COOPERATIVE_DO_365B),
    RuleSet(
        name="fire-traffic-area",
        default=None,
        pairings=(
            Pairing(between=(_INCIDENT, _INCIDENT), rule=None),
            Pairing(between=(_INCIDENT, _ANY), rule=FIRE_TRAFFIC_AREA),
        ),
    ),
)
RULE_SETS: Final[Mapping[str, RuleSet]] = MappingProxyType({each.name: each for each in _SETS})
"""The rule sets, by name."""
