"""P4, P5, P7 and P12 as the watch sees them: aircraft that fly, against rules and declarations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepclear.core.alerts import AlertChange, AlertState
from keepclear.core.conflicts import Buffer
from keepclear.core.constraints import ring_zones
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import IntentState, ItemId, PartyId
from keepclear.core.named_rules import RULE_SETS
from keepclear.core.notice import Affected, CanClear, Notice, check_notice
from keepclear.core.picture import Picture
from keepclear.core.shapes import Circle
from keepclear.core.signals import SignalKind, Urgency
from keepclear.core.times import TimeWindow
from keepclear.core.track_picture import TrackStatus
from keepclear.node.watch import Sight
from tests.strategies import band, go, intent, volume, window
from tests.watched import SIGHTED, START_MS, Flown, Sky, seconds_of

HUB = (35.4, 35.9)
FIRE = (39.8, -121.4)
NM_M = 1852.0


def from_hub(bearing: float, nm: float, place: tuple[float, float] = HUB) -> tuple[float, float]:
    found = go(*place, bearing, nm * NM_M)
    return found.lat_deg, found.lng_deg


# -- P4: 3 NM or 3,000 ft; if closer, for no longer than 3 minutes ---------------------------------------


def test_p4_closer_than_the_rule_alerts_at_once_and_three_minutes_later_it_is_a_violation() -> None:
    # Given two rivals that fly side by side, 2 NM and 1,000 ft apart, from the first second on
    sky = Sky(
        rule_set=RULE_SETS["rule-of-threes"],
        aircraft=[
            Flown(id="icao:aaaaaa", place=HUB, kt=300.0, party="alpha"),
            Flown(id="icao:bbbbbb", place=from_hub(0.0, 2.0), kt=300.0, ft=21_000.0, party="bravo"),
        ],
    )
    # Then the first cycle that sees both alerts, without waiting for a second look
    first = sky.run(0)
    (alert,) = first.alerts
    assert (alert.key.kind, alert.key.a, alert.key.b) == (SignalKind.ENCOUNTER, "icao:aaaaaa", "icao:bbbbbb")
    assert alert.present_since_ms == START_MS
    # And it is a violation when it has lasted longer than 180 s, no second earlier
    before = sky.run(180).alerts[0].signal.level
    after = sky.run(182).alerts[0].signal.level
    assert (before, after) == ("alert", "violation")
    assert sky.cycles[-1].alerts[0].urgency is Urgency.WARNING
    assert len({event.alert_id for event in sky.events}) == 1, "one alert for the pair, with its history"


def test_p4_a_pair_that_keeps_either_distance_is_left_alone() -> None:
    apart = Flown(id="icao:aaaaaa", place=HUB, kt=300.0)
    for other in (
        Flown(id="icao:bbbbbb", place=from_hub(0.0, 3.1), kt=300.0),
        Flown(id="icao:bbbbbb", place=from_hub(0.0, 1.0), kt=300.0, ft=23_000.0),
    ):
        sky = Sky(rule_set=RULE_SETS["rule-of-threes"], aircraft=[apart, other])
        sky.run(30)
        assert sky.events == []


# -- P5: aircraft that identify themselves to nobody -------------------------------------------------------


def test_p5_an_undeclared_unidentified_track_is_told_watched_and_never_dropped_silently() -> None:
    # Given a track with a number alone, which then is heard no more, beside one that flies as declared
    operation = replace(
        intent(
            "A1",
            volume(Circle(center=LatLng(*HUB), radius_m=60_000.0), band=band(0.0, 12_000.0)),
            party="alpha",
        ),
        state=IntentState.ACTIVATED,
    )
    sky = Sky(
        rule_set=RULE_SETS["rule-of-threes"],
        aircraft=[
            Flown(id="icao:aaaaaa", place=HUB, kt=200.0, party="alpha", operation="A1"),
            Flown(id="track:17", place=from_hub(180.0, 80.0), kt=200.0, track=0.0, until_s=60.0),
        ],
        declared=[operation],
    )
    # Then it is told as undeclared, and the declared one is not
    sky.run(30)
    assert [alert.key.a for alert in sky.open(SignalKind.UNDECLARED)] == ["radar/track:17"]
    # And when nothing is heard of it any more, it stays where it was last, and its alert is not cleared
    last = sky.run(120)
    row = last.picture.ids.index("radar/track:17")
    assert last.picture.status_of(row) is TrackStatus.LOST
    assert any("track:17" in reason for reason in last.blind)
    (alert,) = sky.open(SignalKind.UNDECLARED)
    assert alert.state is AlertState.UNSEEN
    assert AlertChange.CLEARED not in {event.change for event in sky.events}
    # And in the end it is told that it is gone
    gone = sky.run(700)
    assert "radar/track:17" not in gone.picture.ids
    assert [each.id for cycle in sky.cycles for each in cycle.forgotten] == ["radar/track:17"]
    assert AlertChange.ENDED_UNSEEN in {event.change for event in sky.events}


def test_p5_a_warning_that_nobody_acknowledges_climbs_until_somebody_does() -> None:
    sky = Sky(
        rule_set=RULE_SETS["rule-of-threes"],
        aircraft=[
            Flown(id="track:1", place=HUB, kt=300.0),
            Flown(id="track:2", place=from_hub(0.0, 1.0), kt=300.0),
        ],
    )
    sky.run(70)
    climbs = [seconds_of(event.at_ms) for event in sky.events if event.change is AlertChange.CLIMBED]
    assert climbs == [pytest.approx(30.0, abs=1.0), pytest.approx(60.0, abs=1.0)]
    (alert,) = sky.open(SignalKind.ENCOUNTER)
    sky.watch.acknowledge(alert.id, "Ann", START_MS + 71_000)
    sky.run(140)
    assert len([event for event in sky.events if event.change is AlertChange.CLIMBED]) == 2
    assert sky.open(SignalKind.ENCOUNTER)[0].is_acknowledged


# -- P7: an aircraft that cannot be moved in time ------------------------------------------------------------


def test_p7_where_an_aircraft_is_seen_the_way_from_there_counts_and_it_is_named() -> None:
    # Given an approach all over what is announced, with its aircraft 1 km inside the rim
    approach = replace(
        intent(
            "approach",
            volume(Circle(center=LatLng(*HUB), radius_m=20_000.0), band=band(0.0, 9_000.0)),
            party="bravo",
        ),
        state=IntentState.ACTIVATED,
    )
    exercise = intent("exercise", volume(Circle(center=LatLng(*HUB), radius_m=10_000.0)), party="alpha")
    near_rim = from_hub(0.0, 9_000.0 / NM_M)
    sky = Sky(
        rule_set=RULE_SETS["rule-of-threes"],
        aircraft=[
            Flown(id="icao:bbbbbb", place=near_rim, kt=140.0, ft=5_000.0, party="bravo", operation="approach")
        ],
        declared=[approach],
    )
    cycle = sky.run(5)
    notice = Notice(
        item=exercise,
        begins_ms=START_MS + 60_000,
        sent_ms=START_MS,
        counts_ms=START_MS,
        now_ms=START_MS,
    )

    announced = replace(exercise, volumes=(volume(exercise.volumes[0].volume.outline, window(1, 60)),))

    def checked(*, is_seen: bool) -> Affected:
        return check_notice(
            replace(notice, item=announced),
            Picture([approach]),
            of=PartyId("bravo"),
            gap=Buffer(),
            clearing=None,
            speed_of=lambda _: 72.0,
            seen_of=cycle.seen_of if is_seen else lambda _: (),
        ).affected[0]

    # When it is not seen, the farthest point counts; when it is seen, the kilometre to the rim does
    blind, seen = checked(is_seen=False), checked(is_seen=True)
    assert blind.distance_m is not None
    assert seen.distance_m is not None
    assert blind.distance_m > 9_900.0
    assert blind.can_clear is CanClear.CANNOT
    assert blind.aircraft is None
    assert seen.aircraft == "icao:bbbbbb"
    assert 1_000.0 < seen.distance_m < 10_100.0
    assert seen.distance_m < blind.distance_m


# -- P12: the Fire Traffic Area -------------------------------------------------------------------------


def test_p12_who_nears_the_fire_is_warned_ahead_and_who_enters_without_contact_alerts() -> None:
    # Given the rings round a fire, and a tanker that flies straight to it, of another party
    time = TimeWindow(start=window(-10, 60).start, end=window(-10, 60).end)
    clearance, no_entry = ring_zones("fire", LatLng(*FIRE), time, party=PartyId("incident"))
    tanker = Flown(
        id="icao:a00001", place=from_hub(270.0, 16.0, FIRE), track=90.0, kt=240.0, ft=8_000.0, party="tankers"
    )
    sky = Sky(rule_set=RULE_SETS["rule-of-threes"], aircraft=[tanker], declared=[clearance, no_entry])
    # Then entry is predicted before it happens (4 NM at 240 kt is a minute), and is present from 12 NM on
    sky.run(8)
    predicted = sky.open(SignalKind.ZONE_ENTRY)
    assert [alert.key.b for alert in predicted] == [clearance.id]
    assert not predicted[0].signal.is_present
    sky.run(75)
    assert {alert.key.b: alert.signal.is_present for alert in sky.open(SignalKind.ZONE_ENTRY)}[clearance.id]
    # And inside 7 NM (9 NM at 240 kt is 135 s) there is a warning
    sky.run(150)
    urgency = {alert.key.b: alert.urgency for alert in sky.open(SignalKind.ZONE_ENTRY)}
    assert urgency[no_entry.id] is Urgency.WARNING
    # While one that is cleared by the incident, and whose notice was seen, has neither
    known = Sight(
        coverage=True,
        contacts={"icao:a00001": "cleared"},
        noticed={(ItemId("drop"), clearance.id), (ItemId("drop"), no_entry.id)},
    )
    drop = replace(
        intent(
            "drop",
            volume(Circle(center=LatLng(*FIRE), radius_m=60_000.0), band=band(0.0, 9_000.0)),
            party="tankers",
        ),
        state=IntentState.ACTIVATED,
    )
    calm = Sky(
        rule_set=RULE_SETS["rule-of-threes"],
        aircraft=[replace(tanker, operation="drop")],
        declared=[clearance, no_entry, drop],
        sight=known,
    )
    calm.run(150)
    assert calm.open(SignalKind.ZONE_ENTRY) == []


def test_a_sky_that_nobody_watches_is_not_clear() -> None:
    sky = Sky(rule_set=RULE_SETS["en-route"], sight=Sight(blind=("nothing is watched",)))
    assert sky.run(0).blind == ("nothing is watched",)
    assert SIGHTED.blind == ()
