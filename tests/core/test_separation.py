"""Separation: which rule applies between whom, what is found by it, and that nothing is dropped silently."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core import separation, separation_search
from keepclear.core.air_picture import CONTACTS_MAX, AirPicture, Words, contacts_of
from keepclear.core.encounters import Minima, TooManyEncountersError, judge_pairs
from keepclear.core.errors import InvalidValueError
from keepclear.core.findings import ExemptedBy, Finding, Judged
from keepclear.core.index import Engine, numba_installed
from keepclear.core.motions import TrackArrays
from keepclear.core.named_rules import (
    DRONE_TO_DRONE,
    DRONE_TO_OTHERS,
    EN_ROUTE,
    FIRE_TRAFFIC_AREA,
    RULE_OF_THREES,
    RULE_SETS,
    RULES,
    WELL_CLEAR_DO_365B,
)
from keepclear.core.rules import (
    LEVELS_MAX,
    PAIRINGS_MAX,
    REASON_CHARACTERS_MAX,
    RULE_NAME_CHARACTERS_MAX,
    AnyRule,
    Contact,
    Cooperation,
    FormationScope,
    Level,
    Pairing,
    Rule,
    RuleSet,
    Selector,
    WellClearRule,
)
from keepclear.core.separation import judge
from keepclear.core.units import feet_to_m
from keepclear.core.well_clear import DO_365B, alert_levels
from tests.core.test_encounters import drawn, tracks_of

ANY = Selector()
DRONE, AEROPLANE, INCIDENT = Selector(kind="drone"), Selector(kind="aeroplane"), Selector(kind="incident")
NORTH, SOUTH = Selector(party="north"), Selector(party="south")
NM_M = 1_852.0
DEGREE_M = 111_319.490793
"""Of the equator."""


def picture_of(tracks: TrackArrays, **words: Words) -> AirPicture:
    return AirPicture(tracks=tracks, ids=tuple(f"T{k:03}" for k in range(len(tracks))), **words)


def abeam(lateral_m: float, apart_m: float = 0.0, **words: Words) -> AirPicture:
    """Return two that fly north side by side at 200 m/s, so far apart."""
    return picture_of(
        tracks_of(
            (0.0, 0.0, 9_000.0, 200.0, 0.0, 0.0),
            (0.0, lateral_m / DEGREE_M, 9_000.0 + apart_m, 200.0, 0.0, 0.0),
        ),
        **words,
    )


def europe(n: int, seed: int) -> TrackArrays:
    return drawn(max(n, 2), seed, lat=(45.0, 50.0), lng=(0.0, 9.0)).take(slice(0, n))


def pairs(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(finding.a, finding.b) for finding in findings]


def met(finding: Finding) -> list[str]:
    return [level.level for level in finding.levels if math.isfinite(level.t_in_s)]


# -- which rule applies -----------------------------------------------------------------------------


def test_the_first_pairing_that_fits_applies_and_either_way_round() -> None:
    close, wide = RULES["drone-to-drone"], RULES["drone-to-others"]
    rule_set = RuleSet(
        name="set",
        default=EN_ROUTE,
        pairings=(
            Pairing(between=(NORTH, DRONE), rule=close),
            Pairing(between=(DRONE, ANY), rule=wide),
        ),
    )
    for order in (1, -1):
        told = {
            pair: judge(abeam(50.0, parties=pair[0][::order], kinds=pair[1][::order]), rule_set).findings
            for pair in (
                (("north", "south"), (None, "drone")),
                (("south", "south"), ("drone", None)),
                (("south", None), (None, "aeroplane")),
            )
        }
        assert [found[0].rule for found in told.values()] == [close.name, wide.name, EN_ROUTE.name]


def test_a_selector_of_party_and_kind_needs_both() -> None:
    both = Selector(party="north", kind="drone")
    assert str(both) == "party:north & kind:drone"
    assert both.fits("north", "drone")
    assert not any((both.fits("north", None), both.fits(None, "drone"), both.fits("south", "drone")))
    assert all((ANY.fits(None, None), ANY.fits("north", "drone"), NORTH.fits("north", None)))


def test_pairs_without_a_rule_are_counted_and_a_selector_that_fits_nobody_is_told() -> None:
    rule_set = RuleSet(name="set", default=None, pairings=(Pairing(between=(NORTH, DRONE), rule=EN_ROUTE),))
    told = judge(
        picture_of(europe(5, 1), parties=("north", "north", "south", None, None)),
        rule_set,
    )
    assert (told.pairs_judged, told.pairs_without_rule) == (0, 10)
    assert told.unmatched == ("kind:drone",)


def test_what_is_not_known_to_be_a_drone_keeps_the_larger_minima() -> None:
    apart_m = 400.0  # enough between drones, too little for others
    for kinds, rule in (
        (("drone", "drone"), None),
        (("drone", None), "drone-to-others"),
        ((None, None), "drone-to-others"),
        (("drone", "aeroplane"), "drone-to-others"),
    ):
        found = judge(abeam(apart_m, kinds=kinds), RULE_SETS["drones"]).findings
        assert [finding.rule for finding in found] == ([] if rule is None else [rule])


# -- levels -----------------------------------------------------------------------------------------


def closing(t_in_s: float, kts: float = 480.0) -> AirPicture:
    """Return two head on along the equator that lose 5 NM after a while; they close in at 2 x 480 kt."""
    speed_mps = kts * NM_M / 3_600.0
    apart_deg = (5.0 * NM_M + 2.0 * speed_mps * t_in_s) / DEGREE_M
    return picture_of(
        tracks_of((0.0, 0.0, 9_000.0, speed_mps, 90.0, 0.0), (0.0, apart_deg, 9_000.0, speed_mps, 270.0, 0.0))
    )


@pytest.mark.parametrize(
    ("t_in_s", "levels"),
    [
        (301.0, None),
        (299.0, ["predicted"]),
        (119.0, ["predicted", "advisory"]),
        (59.0, ["predicted", "advisory", "caution"]),
        (29.0, ["predicted", "advisory", "caution", "warning"]),
        (0.0, ["predicted", "advisory", "caution", "warning"]),
    ],
)
def test_a_loss_becomes_more_urgent_as_it_comes_nearer(t_in_s: float, levels: list[str] | None) -> None:
    found = judge(closing(t_in_s), RULE_SETS["en-route"]).findings
    assert [met(finding) for finding in found] == ([] if levels is None else [levels])
    if levels is not None:
        (finding,) = found
        assert (finding.level, finding.level_inflated) == (levels[-1], levels[-1])
        assert finding.t_in_s == pytest.approx(t_in_s, abs=1e-3)
        cpa_s = t_in_s + 5.0 * NM_M / (2.0 * 480.0 * NM_M / 3_600.0)  # 18.75 s later, the same for all levels
        assert finding.t_cpa_s == pytest.approx(min(cpa_s, 300.0), abs=1e-3)


def crossing(lasts_s: float) -> AirPicture:
    """Return two at one height of which one overtakes the other: 3 NM are lost for a while.

    They start 4 NM apart; the loss of 2 x 3 NM lasts as long as the difference of their speeds says.
    """
    faster_mps = 6.0 * NM_M / lasts_s
    return picture_of(
        tracks_of(
            (0.0, 0.0, 9_000.0, 100.0 + faster_mps, 90.0, 0.0),
            (0.0, 4.0 * NM_M / DEGREE_M, 9_000.0, 100.0, 90.0, 0.0),
        )
    )


@pytest.mark.parametrize(
    ("lasts_s", "levels"),
    [(179.0, ["alert"]), (181.0, ["alert", "violation"]), (600.0, ["alert", "violation"])],
)
def test_by_the_rule_of_threes_a_loss_is_an_alert_and_beyond_three_minutes_a_violation(
    lasts_s: float, levels: list[str]
) -> None:
    (finding,) = judge(crossing(lasts_s), RULE_SETS["rule-of-threes"]).findings
    assert met(finding) == levels
    assert finding.t_in_s == pytest.approx(lasts_s / 6.0, rel=1e-3)  # 1 of 6 NM


def test_how_long_a_loss_lasts_is_looked_for_beyond_the_look_ahead_whatever_the_order_of_levels() -> None:
    # Given a loss that begins 1 s before the end of the look-ahead, and lasts 37.5 s,
    short, long = (
        Level(name=f"{s:g}", lateral_m=9_260.0, vertical_m=300.0, lasting_s=s) for s in (0.0, 40.0)
    )
    for levels in ((short, long), (long, short)):
        rule_set = RuleSet(name="set", default=Rule(name="rule", levels=levels))
        (finding,) = judge(closing(299.0), rule_set).findings
        assert met(finding) == ["0"]


def test_two_at_levels_a_thousand_feet_apart_have_lost_nothing() -> None:
    for name in ("en-route", "en-route-nominal"):
        assert not judge(abeam(100.0, feet_to_m(1_000.0)), RULE_SETS[name]).findings
    nearly = abeam(100.0, feet_to_m(975.0))  # as altitudes in steps of 25 ft are told
    assert judge(nearly, RULE_SETS["en-route-nominal"]).findings
    assert not judge(nearly, RULE_SETS["en-route"]).findings
    assert judge(abeam(100.0, feet_to_m(795.0)), RULE_SETS["en-route"]).findings


@given(level=st.integers(0, 600), other=st.sampled_from([1, -1]), tenths=st.integers(0, 9))
def test_exactly_a_thousand_feet_are_never_a_finding(level: int, other: int, tenths: int) -> None:
    low, high = (feet_to_m(100.0 * each + tenths / 10.0) for each in (level, level + 10 * other))
    picture = abeam(10.0)
    picture.tracks.altitude_m[:] = low, high
    for name in ("en-route", "en-route-nominal"):
        assert not judge(picture, RULE_SETS[name]).findings


def test_do_365b_says_what_well_clear_says() -> None:
    tracks = drawn(120, 3, lat=(47.0, 47.3), lng=(8.0, 8.3), top_m=2_000.0)
    a, b = np.triu_indices(120, 1)
    told = alert_levels(tracks.take(a), tracks.take(b), DO_365B)
    names = (None, "preventive", "corrective", "warning")
    expected = {
        (f"T{a[k]:03}", f"T{b[k]:03}"): names[told.level[k]] for k in np.flatnonzero(told.level).tolist()
    }
    found = judge(picture_of(tracks), RULE_SETS["do-365b"]).findings
    assert {(each.a, each.b): each.level for each in found} == expected
    assert len({each.level for each in found}) == 3


# -- incidents --------------------------------------------------------------------------------------


def inbound(contact: str | None = None, *, incident_altitude_m: float = math.nan) -> AirPicture:
    """Return a fire, and one that comes straight at it at 200 m/s from 15 NM, at a height nobody knows."""
    tracks = replace(
        tracks_of(
            (40.0, -120.0, 0.0, 0.0, 0.0, 0.0), (40.0 - 15.0 * NM_M / 111_000.0, -120.0, 0.0, 200.0, 0.0, 0.0)
        ),
        altitude_m=np.array([incident_altitude_m, math.nan]),
        vertical_error_m=np.array([math.inf if math.isnan(incident_altitude_m) else 0.0, math.inf]),
    )
    return AirPicture(
        tracks=tracks, ids=("FIRE-1", "TANKER"), kinds=("incident", "aeroplane"), contacts=(None, contact)
    )


@pytest.mark.parametrize(
    ("contact", "levels", "waived"),
    [
        (None, ["clearance_needed", "no_entry_without_contact"], []),
        ("contact", ["clearance_needed"], ["no_entry_without_contact"]),
        ("contact:FIRE-1", ["clearance_needed"], ["no_entry_without_contact"]),
        ("cleared", [], ["clearance_needed", "no_entry_without_contact"]),
        ("cleared:FIRE-1; contact", [], ["clearance_needed", "no_entry_without_contact"]),
        ("cleared:FIRE-2", ["clearance_needed", "no_entry_without_contact"], []),
        ("cleared; contact:FIRE-1", ["clearance_needed"], ["no_entry_without_contact"]),
    ],
)
def test_a_ring_is_waived_for_who_is_cleared_for_it_and_that_is_told(
    contact: str | None, levels: list[str], waived: list[str]
) -> None:
    told = judge(inbound(contact), RULE_SETS["fire-traffic-area"])
    assert [met(finding) for finding in told.findings] == ([levels] if levels else [])
    assert [met(each.finding) for each in told.exempted] == ([waived] if waived else [])
    assert all(each.by is ExemptedBy.CONTACT for each in told.exempted)
    assert not told.cannot_exclude


def test_each_ring_tells_when_it_is_entered_though_no_height_is_known() -> None:
    for altitude_m in (math.nan, 1_500.0):
        (finding,) = judge(inbound(incident_altitude_m=altitude_m), RULE_SETS["fire-traffic-area"]).findings
        outer, inner = finding.levels
        assert outer.t_in_s == pytest.approx(3.0 * NM_M / 200.0, abs=1.0)
        assert inner.t_in_s == pytest.approx(8.0 * NM_M / 200.0, abs=1.0)
        assert (finding.level, finding.t_in_s) == ("no_entry_without_contact", inner.t_in_s)
        assert math.isnan(finding.dz_cpa_m)


def test_rings_are_judged_between_incidents_and_tracks_only() -> None:
    near = (40.0, -120.0, 1_000.0, 0.0, 0.0, 0.0)
    picture = picture_of(tracks_of(near, near, near, near), kinds=("incident", "incident", "aeroplane", None))
    told = judge(picture, RULE_SETS["fire-traffic-area"])
    assert pairs(told.findings) == [("T000", "T002"), ("T000", "T003"), ("T001", "T002"), ("T001", "T003")]
    assert (told.pairs_judged, told.pairs_without_rule) == (4, 2)


def test_a_ring_may_have_a_ceiling() -> None:
    level = Level(name="ring", lateral_m=10_000.0, vertical_m=500.0)
    rule_set = RuleSet(
        name="set",
        default=None,
        pairings=(Pairing(between=(INCIDENT, ANY), rule=Rule(name="ring", levels=(level,))),),
    )
    kinds = ("incident", None)
    assert judge(abeam(1_000.0, 400.0, kinds=kinds), rule_set).findings
    assert not judge(abeam(1_000.0, 600.0, kinds=kinds), rule_set).findings


# -- exemptions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parties", "scope", "is_exempt"),
    [
        ((None, None), FormationScope.OWN, True),
        (("north", "north"), FormationScope.OWN, True),
        (("north", "south"), FormationScope.OWN, False),  # two formations that happen to have one name
        (("north", None), FormationScope.OWN, False),
        (("north", "south"), FormationScope.ALL, True),
        (("north", "north"), FormationScope.NONE, False),
    ],
)
def test_a_formation_is_of_one_party_unless_the_rule_set_says_otherwise(
    parties: Words, scope: FormationScope, is_exempt: bool
) -> None:
    rule_set = RuleSet(name="set", default=EN_ROUTE, formations=scope)
    told = judge(abeam(100.0, parties=parties, formations=("RED", "RED")), rule_set)
    assert bool(told.findings) != is_exempt
    assert [(each.by, each.reason) for each in told.exempted] == (
        [(ExemptedBy.FORMATION, "RED")] if is_exempt else []
    )


def test_who_has_no_formation_or_another_is_judged() -> None:
    for formations in ((None, None), ("RED", None), ("RED", "BLUE")):
        assert judge(abeam(100.0, formations=formations), RULE_SETS["en-route"]).findings


def test_who_has_agreed_not_to_be_judged_is_listed_with_the_reason() -> None:
    rule_set = RuleSet(
        name="set",
        default=EN_ROUTE,
        cooperations=(Cooperation(between=(NORTH, SOUTH), reason="joint exercise"),),
    )
    told = judge(abeam(100.0, parties=("south", "north")), rule_set)
    assert not told.findings
    (exempted,) = told.exempted
    assert (exempted.by, exempted.reason) == (ExemptedBy.COOPERATION, "joint exercise")
    assert (exempted.finding.rule, exempted.finding.level) == ("en-route", "warning")
    assert told.exempted_count == 1
    assert judge(abeam(100.0, parties=("north", "north")), rule_set).findings


def test_who_has_agreed_on_a_rule_is_judged_by_it_and_what_it_lets_pass_is_listed() -> None:
    rule_set = RuleSet(
        name="set",
        default=EN_ROUTE,
        cooperations=(Cooperation(between=(NORTH, SOUTH), reason="refuelling", rule=DRONE_TO_DRONE),),
    )
    parties = ("north", "south")
    near, far = judge(abeam(30.0, parties=parties), rule_set), judge(abeam(300.0, parties=parties), rule_set)
    assert [finding.rule for finding in near.findings] == ["drone-to-drone"]
    assert not near.exempted
    assert not far.findings
    assert [(each.finding.rule, each.reason) for each in far.exempted] == [("en-route", "refuelling")]


def test_a_loss_that_the_agreed_rule_cannot_exclude_is_told_twice() -> None:
    # Given two 300 m apart, each off by up to 300 m, who have agreed on 60 m,
    rule_set = RuleSet(
        name="set",
        default=EN_ROUTE,
        cooperations=(Cooperation(between=(ANY, ANY), reason="refuelling", rule=DRONE_TO_DRONE),),
    )
    picture = abeam(300.0)
    tracks = replace(picture.tracks, horizontal_error_m=np.array([300.0, 300.0]))
    told = judge(replace(picture, tracks=tracks), rule_set)
    # then that cannot be excluded, and it is certain that they would have lost 5 NM.
    assert [each.rule for each in told.cannot_exclude] == ["drone-to-drone"]
    assert [each.finding.level for each in told.exempted] == ["warning"]


def test_all_that_is_exempt_is_counted_and_so_much_of_it_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation, "EXEMPTED_LISTED_MAX", 4)
    near = (40.0, -120.0, 1_000.0, 0.0, 0.0, 0.0)
    told = judge(picture_of(tracks_of(*[near] * 5), formations=("RED",) * 5), RULE_SETS["en-route"])
    assert told.exempted_count == 10
    assert pairs(tuple(each.finding for each in told.exempted)) == [
        ("T000", "T001"), ("T000", "T002"), ("T000", "T003"), ("T000", "T004"),
    ]  # fmt: skip


# -- what is not exact ------------------------------------------------------------------------------


def test_what_cannot_be_excluded_is_listed_apart_with_its_level() -> None:
    picture = abeam(10_000.0)  # 9,260 m are kept
    tracks = replace(picture.tracks, horizontal_error_m=np.array([600.0, 600.0]))
    told = judge(replace(picture, tracks=tracks), RULE_SETS["en-route"])
    assert not told.findings
    (finding,) = told.cannot_exclude
    assert (finding.level, finding.level_inflated) == (None, "warning")
    assert math.isnan(finding.t_in_s)
    assert finding.t_in_inflated_s == 0.0


def test_a_violation_may_be_possible_where_only_an_alert_is_certain() -> None:
    picture = crossing(179.0)
    tracks = replace(picture.tracks, horizontal_error_m=np.array([100.0, 100.0]))
    told = judge(replace(picture, tracks=tracks), RULE_SETS["rule-of-threes"])
    (finding,) = told.findings
    assert (finding.level, finding.level_inflated) == ("alert", "violation")
    assert not told.cannot_exclude


# -- laws: any rule set, any picture, against a plain reading of the rules ----------------------------

LONG = Rule(
    name="long",
    lateral_tolerance_m=50.0,
    vertical_tolerance_m=10.0,
    levels=(
        Level(
            name="outer", lateral_m=15_000.0, vertical_m=math.inf, lookahead_s=120.0,
            waived_by=(Contact.CLEARED,),
        ),
        Level(name="inner", lateral_m=5_000.0, vertical_m=900.0, lookahead_s=240.0),
        Level(name="stays", lateral_m=5_000.0, vertical_m=900.0, lookahead_s=60.0, lasting_s=45.0),
        Level(name="now", lateral_m=5_000.0, vertical_m=900.0, lookahead_s=0.0),
    ),
)  # fmt: skip
TWIN = replace(EN_ROUTE, name="twin")
"""Another rule with the same minima: both are searched for at once."""
RULE_POOL = [
    TWIN,
    None,
    EN_ROUTE,
    RULE_OF_THREES,
    DRONE_TO_OTHERS,
    FIRE_TRAFFIC_AREA,
    WELL_CLEAR_DO_365B,
    LONG,
]
PARTIES = (None, "north", "south", "east")
KINDS = (None, "drone", "aeroplane", "incident")
SELECTORS = [
    ANY, NORTH, SOUTH, DRONE, AEROPLANE, INCIDENT,
    Selector(party="north", kind="drone"), Selector(kind="ship"),
]  # fmt: skip


@st.composite
def rule_sets(draw: st.DrawFn) -> RuleSet:
    """Draw a rule set."""
    betweens = st.lists(
        st.tuples(st.sampled_from(SELECTORS), st.sampled_from(SELECTORS)), max_size=5, unique_by=frozenset
    )
    rules = st.sampled_from(RULE_POOL)
    return RuleSet(
        name="drawn",
        default=draw(rules.filter(bool)) if draw(st.booleans()) else EN_ROUTE,
        pairings=tuple(Pairing(between=between, rule=draw(rules)) for between in draw(betweens)),
        cooperations=tuple(
            Cooperation(between=between, reason="agreed", rule=draw(rules)) for between in draw(betweens)
        ),
        formations=draw(st.sampled_from(FormationScope)),
    )


@st.composite
def pictures(draw: st.DrawFn) -> AirPicture:
    """Draw a picture, crowded so that most rules find something."""
    seed, n = draw(st.integers(0, 2**32 - 1)), draw(st.integers(0, 30))
    chance = random.Random(seed)
    tracks = drawn(n, seed, lat=(46.0, 46.4), lng=(7.0, 7.6), top_m=3_000.0) if n else europe(0, 0)
    if draw(st.booleans()):
        generator = np.random.default_rng(seed)
        tracks = replace(
            tracks,
            horizontal_error_m=generator.uniform(0.0, 2_000.0, n),
            vertical_error_m=np.where(generator.random(n) < 0.2, np.inf, generator.uniform(0.0, 300.0, n)),
        )
    ids = [f"T{k:03}" for k in range(n)]
    chance.shuffle(ids)
    return AirPicture(
        tracks=tracks,
        ids=tuple(ids),
        parties=tuple(chance.choices(PARTIES, k=n)),
        kinds=tuple(chance.choices(KINDS, k=n)),
        formations=tuple(chance.choices((None, None, "RED"), k=n)),
        contacts=tuple(chance.choices((None, "cleared", "contact", "cleared:T001; contact:T002"), k=n)),
    )  # fmt: skip


def applies(
    between: tuple[Selector, Selector], one: tuple[str | None, ...], other: tuple[str | None, ...]
) -> bool:
    first, second = between
    return (first.fits(*one) and second.fits(*other)) or (first.fits(*other) and second.fits(*one))


Names = dict[tuple[int, int], tuple[list[str], list[str]]]
"""Of pairs of rows: the levels that they meet, and those that are possible."""


def levels_by(rule: AnyRule | None, picture: AirPicture) -> Names:
    """Say which levels every pair meets by a rule, as it is written: each level by itself."""
    a, b = np.triu_indices(len(picture.ids), 1)
    found: Names = {pair: ([], []) for pair in zip(a.tolist(), b.tolist(), strict=True)}
    if isinstance(rule, WellClearRule):
        alerts = alert_levels(picture.tracks.take(a), picture.tracks.take(b), rule.alerts)
        for names, t_in in ((0, alerts.t_in_s), (1, alerts.t_in_inflated_s)):
            for pair, row in zip(found, t_in.tolist(), strict=True):
                for name, alert, begins in zip(rule.level_names, rule.alerts, row, strict=True):
                    if begins <= alert.within_s:
                        found[pair][names].append(name)
    if not isinstance(rule, Rule):
        return found
    for level in rule.levels:
        minima = Minima(
            lateral_m=level.lateral_m - rule.lateral_tolerance_m,
            vertical_m=level.vertical_m - rule.vertical_tolerance_m,
            lookahead_s=level.lookahead_s,
            duration_s=level.lasting_s,
        )
        loss = judge_pairs(picture.tracks, a, b, minima)
        for names, t_in_s, t_out_s in (
            (0, loss.t_in_s, loss.t_out_s),
            (1, loss.t_in_inflated_s, loss.t_out_inflated_s),
        ):
            for pair, begins, ends in zip(found, t_in_s.tolist(), t_out_s.tolist(), strict=True):
                if math.isfinite(begins) and (level.lasting_s == 0.0 or ends - begins > level.lasting_s):
                    found[pair][names].append(level.name)
    return found


def contact_of(picture: AirPicture, i: int, j: int) -> set[Contact]:
    for track, incident in sorted(((i, j), (j, i)), key=lambda pair: picture.ids[pair[0]]):
        told = contacts_of(picture.contacts[track] or "")
        contact = told.get(picture.ids[incident], told.get(None))
        if contact is not None:
            return {contact}
    return set()


Told = dict[tuple[str, str], tuple[str, list[str], list[str]]]
"""By ids: the rule, the levels that are met, and those that are possible."""


def plain_reading(picture: AirPicture, rule_set: RuleSet) -> tuple[Told, set[tuple[str, str, str]]]:
    """Read the rules pair by pair: what counts, and (ids and rule) what is exempt."""
    counts: Told = {}
    exempted: set[tuple[str, str, str]] = set()
    levels = {rule: levels_by(rule, picture) for rule in (None, *rule_set.rules)}
    for i, j in itertools.combinations(range(len(picture.ids)), 2):
        one, other = ((picture.parties[k], picture.kinds[k]) for k in (i, j))
        ids = (min(picture.ids[i], picture.ids[j]), max(picture.ids[i], picture.ids[j]))
        fitting = [each for each in rule_set.pairings if applies(each.between, one, other)]
        ordinary = fitting[0].rule if fitting else rule_set.default
        agreed = [each for each in rule_set.cooperations if applies(each.between, one, other)]
        rule = agreed[0].rule if agreed else ordinary
        together = picture.formations[i] is not None and picture.formations[i] == picture.formations[j]
        together &= rule_set.formations is FormationScope.ALL or (
            rule_set.formations is FormationScope.OWN and one[0] == other[0]
        )
        is_met, is_possible = levels[rule][i, j]
        contact = contact_of(picture, i, j)
        waived = {
            level.name
            for level in (rule.levels if isinstance(rule, Rule) else ())
            if contact & set(level.waived_by)
        }
        kept_met = [] if together else [name for name in is_met if name not in waived]
        kept = [] if together else [name for name in is_possible if name not in waived]
        if rule is not None and kept:
            counts[ids] = (rule.name, kept_met, kept)
        if rule is not None and len(kept) < len(is_possible):
            exempted.add((*ids, rule.name))
        if ordinary is not None and ordinary != rule:
            ordinary_met, ordinary_possible = levels[ordinary][i, j]
            if (ordinary_met and not is_met) or (ordinary_possible and not is_possible):
                exempted.add((*ids, ordinary.name))
    return counts, exempted


def as_told(judged: Judged) -> tuple[Told, set[tuple[str, str, str]]]:
    counts = {
        (each.a, each.b): (each.rule, met(each), [level.level for level in each.levels])
        for each in (*judged.findings, *judged.cannot_exclude)
    }
    assert len(counts) == len(judged.findings) + len(judged.cannot_exclude)
    assert all(each.level == met(each)[-1] for each in judged.findings)
    assert all(each.level is None and not met(each) for each in judged.cannot_exclude)
    assert judged.exempted_count == len(judged.exempted)
    return counts, {(each.finding.a, each.finding.b, each.finding.rule) for each in judged.exempted}


@given(picture=pictures(), rule_set=rule_sets())
def test_what_is_found_is_what_a_plain_reading_of_the_rules_finds(
    picture: AirPicture, rule_set: RuleSet
) -> None:
    judged = judge(picture, rule_set)
    assert as_told(judged) == plain_reading(picture, rule_set)
    assert judged.pairs_judged + judged.pairs_without_rule == math.comb(len(picture.ids), 2)
    for listed in (judged.findings, judged.cannot_exclude):
        assert pairs(listed) == sorted(pairs(listed))


@given(picture=pictures(), rule_set=rule_sets(), seed=st.integers(0, 99))
def test_the_order_of_the_tracks_makes_no_difference(
    picture: AirPicture, rule_set: RuleSet, seed: int
) -> None:
    order = list(range(len(picture.ids)))
    random.Random(seed).shuffle(order)
    assert repr(judge(picture.take(order), rule_set)) == repr(judge(picture, rule_set))


@given(picture=pictures(), factor=st.floats(1.0, 3.0))
def test_larger_minima_never_find_less(picture: AirPicture, factor: float) -> None:
    wider = replace(
        RULE_OF_THREES,
        levels=tuple(
            replace(each, lateral_m=each.lateral_m * factor, vertical_m=each.vertical_m * factor)
            for each in RULE_OF_THREES.levels
        ),
    )
    one, other = (judge(picture, RuleSet(name="set", default=rule)) for rule in (RULE_OF_THREES, wider))
    found = {(each.a, each.b): met(each) for each in other.findings}
    for finding in one.findings:
        assert set(met(finding)) <= set(found[finding.a, finding.b])


@given(picture=pictures(), rule_set=rule_sets())
def test_an_exemption_only_takes_away(picture: AirPicture, rule_set: RuleSet) -> None:
    """What is exempt and what is left are together what is found where nothing exempts."""
    not_judged = tuple(each for each in rule_set.cooperations if each.rule is None)
    some = judge(picture, replace(rule_set, cooperations=not_judged))
    every = judge(
        replace(picture, contacts=()), replace(rule_set, formations=FormationScope.NONE, cooperations=())
    )
    exempt = levels_of(each.finding for each in some.exempted)
    for found, left in (
        (levels_of(every.findings), levels_of(some.findings)),
        (levels_of(every.findings + every.cannot_exclude), levels_of(some.findings + some.cannot_exclude)),
    ):
        assert left <= found
    assert found == left | exempt


def levels_of(findings: Iterable[Finding]) -> set[tuple[str, str, str]]:
    return {(each.a, each.b, level.level) for each in findings for level in each.levels}


@pytest.mark.skipif(not numba_installed(), reason="needs numba")
def test_both_engines_say_the_same() -> None:
    tracks = europe(300, 5)
    picture = picture_of(tracks, kinds=tuple(random.Random(1).choices(KINDS, k=300)))
    rule_set = RuleSet(name="set", default=LONG, pairings=(Pairing(between=(DRONE, ANY), rule=EN_ROUTE),))
    one, other = (judge(picture, rule_set, engine=engine) for engine in (Engine.PLAIN, Engine.LOOPS))
    assert len(one.findings) > 20
    assert [(each.a, each.b, each.rule, met(each)) for each in one.findings] == [
        (each.a, each.b, each.rule, met(each)) for each in other.findings
    ]


def test_more_classes_than_a_search_tells_apart_are_told_apart_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(separation_search, "GROUPS_MAX", 2)
    picture = picture_of(europe(120, 7), kinds=tuple(random.Random(1).choices(KINDS, k=120)))
    rule_set = RuleSet(
        name="set",
        default=EN_ROUTE,
        pairings=(
            Pairing(between=(DRONE, AEROPLANE), rule=LONG),
            Pairing(between=(INCIDENT, ANY), rule=None),
        ),
    )
    assert as_told(judge(picture, rule_set)) == plain_reading(picture, rule_set)


def test_progress_goes_from_nothing_to_all() -> None:
    told: list[tuple[int, int]] = []
    picture = picture_of(europe(200, 5))
    judge(picture, RuleSet(name="set", default=LONG), progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


# -- what is refused --------------------------------------------------------------------------------


def test_a_picture_whose_columns_do_not_fit_is_refused() -> None:
    tracks = europe(3, 0)
    ids = ("A", "B", "C")
    for words, field in (
        ({"ids": ("A", "B")}, "ids"),
        ({"ids": ("A", "B", "A")}, "ids[2]"),
        ({"ids": ("A", "", "C")}, "ids[1]"),
        ({"parties": ("north",)}, "parties"),
        ({"contacts": (None, "clear", None)}, "contacts[1]"),
        ({"contacts": (None, "cleared; contact", None)}, "contacts[1]"),
        ({"contacts": (None, "cleared:", None)}, "contacts[1]"),
        (
            {"contacts": (";".join(f"contact:{k}" for k in range(CONTACTS_MAX + 1)), None, None)},
            "contacts[0]",
        ),
    ):
        with pytest.raises(InvalidValueError) as refused:
            AirPicture(**{"tracks": tracks, "ids": ids, **words})  # type: ignore[arg-type]  # on purpose
        assert refused.value.field == field


def level(**changes: object) -> Level:
    return replace(Level(name="level", lateral_m=100.0, vertical_m=50.0), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": " warning"}, "name"),
        ({"name": "x" * (RULE_NAME_CHARACTERS_MAX + 1)}, "name"),
        ({"lateral_m": 0.0}, "lateral_m"),
        ({"lateral_m": math.nan}, "lateral_m"),
        ({"vertical_m": -1.0}, "vertical_m"),
        ({"lookahead_s": 1_201.0}, "lookahead_s"),
        ({"lasting_s": 901.0}, "lasting_s"),
        ({"lasting_s": math.nan}, "lasting_s"),
    ],
)
def test_a_level_that_makes_no_sense_is_refused(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        level(**changes)
    assert refused.value.field == field


def test_a_rule_that_makes_no_sense_is_refused() -> None:
    for levels, tolerance_m, field in (
        ((), 0.0, "levels"),
        (tuple(level(name=f"{k}") for k in range(LEVELS_MAX + 1)), 0.0, "levels"),
        ((level(), level()), 0.0, "levels[1].name"),
        ((level(),), 50.0, "vertical_tolerance_m"),  # nothing would be left
        ((level(),), -1.0, "vertical_tolerance_m"),
        ((level(vertical_m=math.inf),), math.inf, "vertical_tolerance_m"),
        ((level(),), math.nan, "vertical_tolerance_m"),
    ):
        with pytest.raises(InvalidValueError) as refused:
            Rule(name="rule", levels=levels, vertical_tolerance_m=tolerance_m)
        assert refused.value.field == field
    with pytest.raises(InvalidValueError, match="there must be 3"):
        WellClearRule(name="rule", alerts=DO_365B[:2])


def test_a_rule_set_that_makes_no_sense_is_refused() -> None:
    other = replace(EN_ROUTE, vertical_tolerance_m=0.0)
    many = tuple(
        Pairing(between=(ANY, Selector(party=f"{k}")), rule=EN_ROUTE) for k in range(PAIRINGS_MAX + 1)
    )
    for default, pairings, reason in (
        (None, (), "no pair would be judged"),
        (EN_ROUTE, many, "at most 256"),
        (EN_ROUTE, (Pairing(between=(ANY, DRONE), rule=other),), "two different rules"),
        (
            EN_ROUTE,
            (Pairing(between=(NORTH, DRONE), rule=None), Pairing(between=(DRONE, NORTH), rule=EN_ROUTE)),
            "stand twice",
        ),
    ):
        with pytest.raises(InvalidValueError, match=reason):
            RuleSet(name="set", default=default, pairings=pairings)
    for reason in ("", "x" * (REASON_CHARACTERS_MAX + 1)):
        with pytest.raises(InvalidValueError, match="reason"):
            Cooperation(between=(ANY, ANY), reason=reason)
    with pytest.raises(InvalidValueError, match="kind"):
        Selector(kind="")


def test_a_rule_set_that_tells_too_many_classes_apart_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation_search, "CLASSES_MAX", 3)
    picture = picture_of(europe(4, 0), kinds=KINDS)
    rule_set = RuleSet(
        name="set",
        default=EN_ROUTE,
        pairings=(
            Pairing(between=(DRONE, AEROPLANE), rule=LONG),
            Pairing(between=(INCIDENT, ANY), rule=LONG),
        ),
    )
    with pytest.raises(InvalidValueError, match="name fewer parties or kinds"):
        judge(picture, rule_set)


def test_more_findings_than_can_be_told_are_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation, "FINDINGS_MAX", 5)
    near = (40.0, -120.0, 1_000.0, 0.0, 0.0, 0.0)
    with pytest.raises(TooManyEncountersError, match="more than 5 encounters"):
        judge(picture_of(tracks_of(*[near] * 4)), RULE_SETS["en-route"])
    assert len(judge(picture_of(tracks_of(*[near] * 3)), RULE_SETS["en-route"]).findings) == 3


@pytest.mark.parametrize("name", RULE_SETS)
def test_a_picture_with_nobody_in_it_is_judged(name: str) -> None:
    for n in (0, 1):
        tracks = europe(n, 0)
        told = judge(picture_of(tracks), RULE_SETS[name])
        assert (told.findings, told.cannot_exclude, told.exempted, told.pairs_judged) == ((), (), (), 0)


def test_names_of_rules_and_rule_sets_are_those_they_are_found_by() -> None:
    assert all(rule.name == name for name, rule in RULES.items())
    assert all(rule_set.name == name for name, rule_set in RULE_SETS.items())
    assert {rule.name for rule_set in RULE_SETS.values() for rule in rule_set.rules} == set(RULES)
    assert WELL_CLEAR_DO_365B.level_names == ("preventive", "corrective", "warning")
