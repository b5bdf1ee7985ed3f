"""P4 and P12: the rules that people made for themselves to keep clear, held against flights.

P4: as pilots over Syria described it, rivals kept 3 NM or 3,000 ft from one another; if closer, for no longer
than 3 minutes. P12: round a wildfire, clearance is needed at 12 NM, and nobody enters 7 NM without contact.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from keepclear.codec.rule_sets import decode
from keepclear.core.air_picture import AirPicture
from keepclear.core.findings import ExemptedBy, Judged
from keepclear.core.geodesy import geodesic_direct
from keepclear.core.motions import TrackArrays
from keepclear.core.named_rules import RULE_SETS
from keepclear.core.rules import RuleSet
from keepclear.core.separation import judge
from keepclear.core.units import NAUTICAL_MILE_M, feet_to_m

KNOT_MPS = NAUTICAL_MILE_M / 3_600.0
HUB = (35.4, 35.9)
FIRE = (39.8, -121.4)
JOINT_AREA = Path(__file__).parents[2] / "examples" / "rule-sets" / "joint-area.toml"


@dataclass(frozen=True, kw_only=True)
class Flight:
    """As somebody at a radar would say it: so many miles in a direction from a place, heading there."""

    id: str
    nm: float = 0.0
    bearing: float = 0.0
    ft: float = 20_000.0
    kt: float = 0.0
    track: float = 0.0
    party: str | None = None
    kind: str | None = None
    formation: str | None = None
    contact: str | None = None
    place: tuple[float, float] = HUB

    def position(self) -> tuple[float, float]:
        lat, lng = geodesic_direct(*self.place, self.bearing, self.nm * NAUTICAL_MILE_M)
        return float(lat), float(lng)


def seen(rule_set: RuleSet, *flights: Flight) -> Judged:
    """Judge what is seen at one instant."""
    lat, lng = np.array([flight.position() for flight in flights]).T
    tracks = TrackArrays(
        latitude_deg=lat,
        longitude_deg=lng,
        altitude_m=np.array([feet_to_m(flight.ft) for flight in flights]),
        ground_speed_mps=np.array([flight.kt * KNOT_MPS for flight in flights]),
        track_deg=np.array([flight.track for flight in flights]),
        vertical_rate_mps=np.zeros(len(flights)),
    )
    picture = AirPicture(
        tracks=tracks,
        ids=tuple(flight.id for flight in flights),
        parties=tuple(flight.party for flight in flights),
        kinds=tuple(flight.kind for flight in flights),
        formations=tuple(flight.formation for flight in flights),
        contacts=tuple(flight.contact for flight in flights),
    )
    return judge(picture, rule_set)


def said(judged: Judged) -> list[tuple[str, str, str | None]]:
    return [(finding.a, finding.b, finding.level) for finding in judged.findings]


# -- P4 ---------------------------------------------------------------------------------------------

THREES = RULE_SETS["rule-of-threes"]
PATROL = Flight(id="north-1", party="north", kt=400.0)


def other(
    nm: float, *, bearing: float = 90.0, ft: float = 20_000.0, kt: float = 400.0, track: float = 0.0
) -> Flight:
    """Return an aircraft of the other side."""
    return Flight(id="south-1", party="south", nm=nm, bearing=bearing, ft=ft, kt=kt, track=track)


@pytest.mark.parametrize(
    ("nm", "ft", "level"),
    [
        (3.1, 20_000.0, None),
        (2.9, 23_000.0, None),  # 3,000 ft above: that is kept
        (2.9, 17_000.0, None),
        (2.9, 22_900.0, "violation"),
        (2.9, 20_000.0, "violation"),  # they fly on side by side: that will be longer than three minutes
    ],
)
def test_three_miles_or_three_thousand_feet_are_kept(nm: float, ft: float, level: str | None) -> None:
    judged = seen(THREES, PATROL, other(nm, ft=ft))
    assert said(judged) == ([] if level is None else [("north-1", "south-1", level)])


def test_who_passes_is_an_alert_at_once_and_no_violation() -> None:
    # Given one that comes the other way, 2 NM abeam, 1 NM past the patrol already,
    judged = seen(THREES, PATROL, other(2.0, track=180.0))
    # then the alert is there now, and over in sqrt(9 - 4) = 2.236 NM at 800 kt, 10 s.
    (finding,) = judged.findings
    assert (finding.level, finding.t_in_s) == ("alert", 0.0)
    assert finding.t_out_s == pytest.approx(2.236 / 800.0 * 3_600.0, abs=0.1)


def test_an_alert_that_is_to_come_tells_when() -> None:
    # Given one head on, 30 NM ahead: they close in at 800 kt and are 3 NM apart after 27 NM,
    (finding,) = seen(THREES, PATROL, other(30.0, bearing=0.0, track=180.0)).findings
    assert (finding.level, finding.rule) == ("alert", "rule-of-threes")
    assert finding.t_in_s == pytest.approx(27.0 / 800.0 * 3_600.0, abs=0.1)
    assert finding.t_cpa_s == pytest.approx(30.0 / 800.0 * 3_600.0, abs=0.1)


def test_who_overtakes_slowly_stays_too_long() -> None:
    # Given one that comes from 4 NM behind and is 2 x 3 NM within the limit: at 100 kt more that is 216 s,
    slow = seen(THREES, PATROL, other(4.0, bearing=180.0, kt=500.0))
    assert said(slow) == [("north-1", "south-1", "violation")]
    (finding,) = slow.findings
    assert [level.level for level in finding.levels] == ["alert", "violation"]
    assert finding.t_out_s - finding.t_in_s == pytest.approx(216.0, abs=0.5)
    # and at 150 kt more it is 144 s: closer for no longer than three minutes.
    assert said(seen(THREES, PATROL, other(4.0, bearing=180.0, kt=550.0))) == [
        ("north-1", "south-1", "alert")
    ]


def test_a_flight_of_one_side_is_no_violation_of_its_own_and_is_counted() -> None:
    pair = (Flight(id="north-1", party="north", kt=400.0, formation="RED"),
            Flight(id="north-2", party="north", kt=400.0, nm=0.5, bearing=90.0, formation="RED"))  # fmt: skip
    judged = seen(THREES, *pair, other(2.0))
    assert said(judged) == [("north-1", "south-1", "violation"), ("north-2", "south-1", "violation")]
    (exempted,) = judged.exempted
    assert (exempted.finding.a, exempted.finding.b) == ("north-1", "north-2")
    assert (exempted.by, exempted.reason, exempted.finding.level) == (
        ExemptedBy.FORMATION,
        "RED",
        "violation",
    )


def test_the_joint_area_judges_rivals_and_drones_and_who_refuels_each_by_their_own() -> None:
    judged = seen(
        decode(JOINT_AREA.read_bytes()),
        PATROL,
        other(2.5, track=180.0),  # passes
        Flight(id="tanker", party="north", kind="tanker", nm=40.0, kt=300.0),
        Flight(id="thirsty", party="north", nm=40.1, kt=300.0),
        Flight(id="relief-1", party="relief", kind="drone", nm=60.0, ft=300.0),
        Flight(id="relief-2", party="relief", kind="drone", nm=60.02, ft=300.0),
        Flight(id="south-2", party="south", kind="helicopter", nm=60.2, ft=400.0),
    )
    assert [(each.a, each.b, each.rule, each.level) for each in judged.findings] == [
        ("north-1", "south-1", "rivals", "alert"),
        ("relief-1", "south-2", "drone-to-others", "warning"),
        ("relief-2", "south-2", "drone-to-others", "warning"),
    ]
    assert [(each.finding.a, each.finding.b, each.reason) for each in judged.exempted] == [
        ("relief-1", "relief-2", "one fleet management keeps these drones apart"),
        ("tanker", "thirsty", "refuelling within north"),
    ]


# -- P12 --------------------------------------------------------------------------------------------

RINGS = RULE_SETS["fire-traffic-area"]
BURN = Flight(id="FIRE-1", kind="incident", place=FIRE, ft=3_000.0)


def tanker(nm: float, *, contact: str | None = None, kt: float = 180.0) -> Flight:
    """Return one that comes straight in from the north."""
    return Flight(
        id="tanker", kind="aeroplane", place=FIRE, nm=nm, ft=6_000.0, kt=kt, track=180.0, contact=contact
    )  # fmt: skip


def test_clearance_is_needed_before_twelve_miles_and_the_time_left_is_told() -> None:
    # Given one inbound at 180 kt, 3 NM a minute, 18 NM out: it is at 12 NM in two minutes, at 7 NM in 220 s.
    (finding,) = seen(RINGS, BURN, tanker(18.0)).findings
    outer, inner = finding.levels
    assert (outer.level, inner.level) == ("clearance_needed", "no_entry_without_contact")
    assert outer.t_in_s == pytest.approx(120.0, abs=0.5)
    assert inner.t_in_s == pytest.approx(220.0, abs=0.5)
    assert finding.level == "no_entry_without_contact"
    # Farther out there is nothing yet.
    assert not seen(RINGS, BURN, tanker(28.0)).findings


def test_with_contact_the_inner_ring_is_open_with_clearance_both_are() -> None:
    inside = 6.0
    assert said(seen(RINGS, BURN, tanker(inside))) == [("FIRE-1", "tanker", "no_entry_without_contact")]
    talking = seen(RINGS, BURN, tanker(inside, contact="contact"))
    assert said(talking) == [("FIRE-1", "tanker", "clearance_needed")]
    cleared = seen(RINGS, BURN, tanker(inside, contact="cleared"))
    assert said(cleared) == []
    # What was waived is told.
    for judged, waived in (
        (talking, ["no_entry_without_contact"]),
        (cleared, ["clearance_needed", "no_entry_without_contact"]),
    ):
        (exempted,) = judged.exempted
        assert (exempted.by, [level.level for level in exempted.finding.levels]) == (
            ExemptedBy.CONTACT,
            waived,
        )


def test_a_clearance_for_one_fire_is_none_for_the_next() -> None:
    next_fire = Flight(id="FIRE-2", kind="incident", place=FIRE, nm=10.0, bearing=90.0, ft=3_000.0)
    judged = seen(RINGS, BURN, next_fire, tanker(2.0, contact="cleared:FIRE-1"))
    assert said(judged) == [("FIRE-2", "tanker", "clearance_needed")]


def test_two_over_the_fire_are_not_judged_by_its_rings_and_that_is_counted() -> None:
    lead = Flight(id="lead", kind="aeroplane", place=FIRE, nm=1.0, ft=5_000.0, contact="cleared")
    judged = seen(RINGS, BURN, lead, tanker(1.0, contact="cleared"))
    assert said(judged) == []
    assert (judged.pairs_judged, judged.pairs_without_rule) == (2, 1)


def test_without_an_incident_in_the_picture_the_rings_say_so() -> None:
    judged = seen(RINGS, tanker(6.0), Flight(id="fire", kind="fire", place=FIRE))
    assert (judged.pairs_judged, judged.unmatched) == (0, ("kind:incident",))
