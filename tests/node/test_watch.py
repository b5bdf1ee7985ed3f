"""The watch where something is not seen: nothing is over for that, and why is always told."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from keepclear.core.intents import IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.named_rules import RULE_SETS
from keepclear.core.reports import gather
from keepclear.core.signals import SignalKind
from keepclear.node.declarations import Declarations
from keepclear.node.outcomes import StoreError
from keepclear.node.watch import Sight, Watch, WatchRules
from tests.strategies import band, intent, square, volume, zone
from tests.watched import SIGHTED, START_MS, Flown, Sky

RULES = RULE_SETS["en-route"]
PAIR = (
    Flown(id="icao:aaaaaa", place=(47.0, 8.0), kt=300.0),
    Flown(id="icao:bbbbbb", place=(47.0, 8.01), kt=300.0),
)
"""Two aircraft side by side: separation is lost."""


def under_way(name: str = "op", party: str = "north") -> OperationalIntent:
    return replace(
        intent(name, volume(square(47.0, 8.0, 5_000.0), band=band(0.0, 20_000.0)), party=party),
        state=IntentState.ACTIVATED,
    )


def words(reasons: Iterable[str]) -> str:
    return "; ".join(reasons)


# -- reports that are not taken ------------------------------------------------------------------------


def test_what_has_no_room_in_the_table_is_told_as_not_seen() -> None:
    sky = Sky(rule_set=RULES, aircraft=PAIR, rules=WatchRules(rule_set=RULES, tracks_max=1))
    cycle = sky.run(3)
    assert len(cycle.picture) == 1
    assert "no room" in words(cycle.blind)


def test_a_source_whose_clock_is_wrong_is_told_as_not_seen_until_it_is_right_again() -> None:
    for off_s, reason in ((60.0, "from the future"), (-3_600.0, "too old")):
        watch = Watch(WatchRules(rule_set=RULES))
        watch.take(gather("radar", [PAIR[0].report(off_s)], START_MS).reports)
        cycle = watch.cycle(START_MS, SIGHTED)
        assert len(cycle.picture) == 0
        assert reason in words(cycle.blind)
        assert watch.cycle(START_MS + 60_000, SIGHTED).blind == ()


def test_where_nobody_has_declared_an_operation_no_track_is_told_as_undeclared() -> None:
    for declared, count in (
        ((), 0),
        ((zone("area", volume(square(10.0, 8.0, 500.0))),), 0),
        ((under_way(),), 1),
    ):
        lone = replace(PAIR[0], place=(60.0, 8.0))
        rules = WatchRules(rule_set=RULES)
        sky = Sky(rule_set=RULES, aircraft=[lone], declared=declared, rules=rules)
        sky.run(20)
        assert len(sky.open(SignalKind.UNDECLARED)) == count


# -- a clock that steps back ---------------------------------------------------------------------------


def test_when_the_clock_steps_back_nothing_old_looks_fresh_and_a_loss_is_an_alert_again_at_once() -> None:
    watch = Watch(WatchRules(rule_set=RULES))
    hour_ms = 3_600_000
    watch.take(gather("radar", [each.report(0.0) for each in PAIR], START_MS).reports)
    assert watch.cycle(START_MS, SIGHTED).alerts
    gone = watch.cycle(START_MS - hour_ms, SIGHTED)
    assert len(gone.picture) == 0
    assert "stepped back" in words(gone.blind)
    now_ms = START_MS - hour_ms + 1_000
    later = [each.report(0.0)._replace(at_ms=now_ms) for each in PAIR]
    watch.take(gather("radar", later, now_ms).reports)
    cycle = watch.cycle(now_ms, SIGHTED)
    assert [alert.key.kind for alert in cycle.alerts] == [SignalKind.ENCOUNTER]
    assert "stepped back" in words(cycle.blind)


# -- alerts while nothing can be looked for -------------------------------------------------------------


def test_that_an_operation_is_not_seen_is_not_over_because_no_source_sees_any_more() -> None:
    sky = Sky(rule_set=RULES, declared=[under_way()])
    sky.run(180)
    assert sky.open(SignalKind.NOT_SEEN)
    sky.sight = Sight(coverage=False, blind=("the feed is silent",))
    sky.run(240)
    assert sky.open(SignalKind.NOT_SEEN)


def test_a_climb_ends_where_it_was_declared_unless_the_operation_is_said_to_leave_that() -> None:
    climber = Flown(id="icao:aaaaaa", place=(47.0, 8.0), fpm=2_000.0, party="north", operation="op")
    for state, is_told in ((IntentState.ACTIVATED, True), (IntentState.CONTINGENT, False)):
        sky = Sky(rule_set=RULES, aircraft=[climber], declared=[replace(under_way(), state=state)])
        (level_m,) = sky.run(10).foreseen.level_off_m
        assert math.isfinite(level_m) is is_told


def test_a_zone_entry_that_was_predicted_is_not_over_because_the_track_cannot_be_believed() -> None:
    fence = zone("fence", volume(square(47.0, 8.0, 5_000.0), band=band(0.0, 20_000.0)), party="north")
    flown = Flown(id="icao:aaaaaa", place=(47.0, 7.85), kt=120.0, party="south")
    sky = Sky(rule_set=RULES, aircraft=[flown], declared=[fence])
    sky.run(20)
    assert sky.open(SignalKind.ZONE_ENTRY)
    far = replace(flown, place=(50.0, 7.85))
    sky.aircraft = [
        replace(flown, until_s=20.0),
        replace(far, from_s=21.0, until_s=22.0),
        replace(flown, from_s=23.0),
    ]
    cycle = sky.run(34)
    assert cycle.picture.is_suspect[0]
    assert sky.open(SignalKind.ZONE_ENTRY)


# -- where the aircraft of an operation are seen --------------------------------------------------------


def test_what_only_flies_where_an_operation_may_be_is_nowhere_sure() -> None:
    sky = Sky(rule_set=RULES, aircraft=[Flown(id="icao:aaaaaa", place=(47.0, 8.0))], declared=[under_way()])
    (seen,) = sky.run(60).seen_of(ItemId("op"))
    assert seen.error_m == math.inf


def test_an_aircraft_that_is_lost_is_still_of_its_operation_and_nowhere_sure() -> None:
    flown = Flown(id="icao:aaaaaa", place=(47.0, 8.0), party="north", operation="op")
    sky = Sky(
        rule_set=RULES,
        aircraft=[flown, replace(flown, id="icao:bbbbbb", place=(47.01, 8.0), until_s=20.0)],
        declared=[under_way()],
    )
    seen = {each.aircraft: each.error_m for each in sky.run(60).seen_of(ItemId("op"))}
    assert math.isfinite(seen["icao:aaaaaa"])
    assert seen["icao:bbbbbb"] == math.inf


# -- what is declared -----------------------------------------------------------------------------------


class Form:
    """Reads items from a table; what is not there cannot be read."""

    def __init__(self, *items: OperationalIntent) -> None:
        self._items = {item.id.encode(): item for item in items}

    def read(self, text: bytes) -> OperationalIntent:
        if text not in self._items:
            raise StoreError("it was damaged", may_pass=False)
        return self._items[text]


class Entry:
    """What a watch reads of an entry of the log."""

    def __init__(self, seq: int, item_id: str, text: bytes | None = None, *, is_over: bool = False) -> None:
        self.seq = self.version = seq
        self.text = item_id.encode() if text is None else text
        self.is_over, self.end_ms = is_over, START_MS + 3_600_000
        self.label: Any = type("Label", (), {"id": ItemId(item_id)})()


def follow(declarations: Declarations, watch: Watch, *entries: Any) -> None:
    declarations.follow(entries, watch)


def test_an_item_that_cannot_be_read_is_told_until_it_can_and_hides_no_other() -> None:
    watch, form = Watch(WatchRules(rule_set=RULES)), Form(under_way("a"), under_way("b"))
    declarations = Declarations(form)  # type: ignore[arg-type]
    follow(declarations, watch, Entry(1, "a", b"?"), Entry(2, "b"))
    assert declarations.seq == 2
    assert set(watch._items) == {"b"}
    for _ in range(2):
        follow(declarations, watch)
        assert "a cannot be read: it was damaged" in words(declarations.blind)
    follow(declarations, watch, Entry(3, "a"))
    assert declarations.blind == ()
    assert set(watch._items) == {"a", "b"}


def test_what_was_withheld_and_is_declared_openly_by_now_stays_and_what_changes_is_held_as_it_is() -> None:
    watch, form = Watch(WatchRules(rule_set=RULES)), Form(under_way("a"))
    declarations = Declarations(form)  # type: ignore[arg-type]
    declarations.show_coarse([under_way("a"), under_way("b")], watch)
    moved = intent("b", volume(square(48.0, 9.0, 5_000.0)), party="north")
    follow(declarations, watch, Entry(1, "a"))
    declarations.show_coarse([moved], watch)
    assert not watch._items[ItemId("a")].is_coarse
    assert watch._items[ItemId("b")].item == moved
    declarations.show_coarse([], watch)
    assert set(watch._items) == {"a"}


def test_who_has_acknowledged_an_operation_was_given_notice_of_it_for_each_of_its_zones() -> None:
    declarations = Declarations(Form())  # type: ignore[arg-type]
    declarations._operations = {ItemId("op"), ItemId("other")}
    declarations._zones = {ItemId("z1"): PartyId("n"), ItemId("z2"): PartyId("n"), ItemId("z3"): None}
    noticed = declarations.noticed({ItemId("op"): frozenset({PartyId("n"), PartyId("s")})})
    assert noticed == {("op", "z1"), ("op", "z2")}
