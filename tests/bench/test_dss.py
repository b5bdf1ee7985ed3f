"""The benchmarks of a Discovery and Synchronization Service, at a fake one: what must be seen is seen."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec
import pytest

from bench import dss_generator, dss_http_races, dss_kill, dss_load, measure
from bench.dss_flights import HEIGHTS, RADIUS_M, Box, Known, flight, intent_body, subscription_body
from bench.dss_generator import Order, Shape, Tally
from keepclear.codec.f3548 import wire
from tests.bench.fake_dss import FakeService, Kept

NOW_S = 1_790_000_000.0


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def service(kept: Kept) -> Iterator[FakeService]:
    with FakeService(kept) as started:
        yield started


def order(service: FakeService, shape: Shape, users: int = 4) -> Order:
    return Order(
        ports=[service.port], token="uss-1", shape=shape, users=users, lasting_s=0.3, thinks=False, seed=1
    )


# -- flights and what is known of them ----------------------------------------------------------------


def test_bodies_are_read_as_the_standard_has_them() -> None:
    flown = flight(random.Random(1), NOW_S, RADIUS_M)

    intent = msgspec.json.decode(intent_body(flown.extents, ["a", "b"]))
    subscription = msgspec.json.decode(subscription_body(NOW_S))

    volumes = msgspec.convert(intent["extents"], list[wire.Volume4D])
    assert len(volumes) >= 1
    assert volumes[0].volume.outline_polygon is not None
    assert len(volumes[0].volume.outline_polygon.vertices) == 4
    assert intent["key"] == ["a", "b"]
    assert "subscription_id" not in intent
    assert msgspec.convert(subscription["extents"], wire.Volume4D).volume.outline_circle is not None
    named = msgspec.json.decode(intent_body(flown.extents, [], "Activated", "s"))
    assert (named["subscription_id"], named["state"], "new_subscription" in named) == (
        "s",
        "Activated",
        False,
    )


def test_a_key_holds_what_meets_in_height_time_and_box_and_nothing_else() -> None:
    rng = random.Random(2)
    known, flown = Known(), []
    for number in range(600):
        one = flight(rng, NOW_S + number * 0.2, RADIUS_M).box._replace(low_m=rng.randrange(4))
        known.hold(str(number), one, f"ovn-{number}")
        flown.append(one)
    asked = [flight(rng, NOW_S + 120.0, RADIUS_M).box._replace(low_m=low_m) for low_m in range(6)]

    keys = [sorted(known.key(box)) for box in asked]

    assert keys == [
        sorted(f"ovn-{number}" for number, other in enumerate(flown) if meets(box, other)) for box in asked
    ]
    assert any(keys)


def meets(a: Box, b: Box) -> bool:
    return (
        abs(a.low_m - b.low_m) <= 1
        and a.start_s <= b.end_s
        and b.start_s <= a.end_s
        and a.south <= b.north
        and b.south <= a.north
        and a.west <= b.east
        and b.west <= a.east
    )


def test_what_was_changed_or_deleted_is_known_as_it_is_now() -> None:
    known, box = Known(), flight(random.Random(3), NOW_S, RADIUS_M).box
    known.hold("a", box, "old")
    known.hold("a", box, "new")
    known.hold("b", box, "other")

    assert sorted(known.key(box)) == ["new", "other"]
    assert known.key(box, but="a") == ["other"]
    known.drop("b", box)
    known.drop("c", box)
    assert known.key(box) == ["new"]


def test_flights_are_near_the_place_and_within_the_heights() -> None:
    rng = random.Random(4)

    boxes = [flight(rng, NOW_S, RADIUS_M).box for _ in range(500)]

    assert all(0 <= box.low_m < HEIGHTS for box in boxes)
    assert max(box.north for box in boxes) < -34.928683 + (RADIUS_M + 220) / 111_320
    assert min(box.south for box in boxes) > -34.928683 - (RADIUS_M + 220) / 111_320


# -- load ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("shape", Shape)
def test_load_of_each_shape_is_put_and_counted(service: FakeService, kept: Kept, shape: Shape) -> None:
    asked = order(service, shape)

    tally = dss_load.generated(asked)

    assert tally.faults == []
    assert tally.given_up == 0
    assert set(tally.statuses) <= {"200", "201", "409"}
    assert sum(tally.creates) == tally.statuses["201"] > 0
    assert tally.succeeded == tally.requests - tally.statuses.get("409", 0)
    assert len(kept.intents) == (0 if shape is Shape.FLIGHTS else sum(tally.creates))
    assert tally.took_ms[0] <= tally.took_ms[1] <= tally.took_ms[2]


@pytest.mark.slow
def test_who_is_refused_gives_what_was_named_and_is_accepted(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    monkeypatch.setattr(Known, "key", lambda *_: [])  # it knows nothing itself
    monkeypatch.setattr("bench.dss_flights.HEIGHTS", 1)
    asked = order(service, Shape.CREATES, users=1)

    tally = asyncio.run(dss_generator._Load(asked).run())

    assert tally.retries == tally.statuses["409"] > 0
    assert tally.faults == []


@pytest.mark.slow
def test_a_service_that_fails_or_is_gone_is_told(
    service: FakeService, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "answer", lambda *_: (503, "no"))
    tally = dss_load.generated(order(service, Shape.CREATES))
    assert tally.faults[0] == 'PUT 503: "no"'
    row = dss_load._row("SQLite", order(service, Shape.CREATES), tally, 0.0)
    assert row.answer.startswith(measure.BROKEN)

    service.kill()
    tally = dss_load.generated(order(service, Shape.CREATES))
    assert tally.statuses.keys() == {"ConnectionRefusedError"}
    assert tally.faults


def test_a_row_tells_rates_in_both_halves_and_the_ratio_to_the_peer() -> None:
    asked = Order(ports=[1], token="", shape=Shape.CREATES, users=10, lasting_s=60.0, thinks=False, seed=1)
    tally = Tally(
        wall_s=60.0,
        creates=(3_000, 2_640),
        succeeded=5_640,
        statuses={"201": 5_640, "409": 60},
        took_ms=(1.0, 2.0, 3.0),
        retries=60,
        given_up=0,
        keys=1.5,
        cpu_s=1.0,
        faults=[],
    )

    row = dss_load._row("SQLite", asked, tally, 30.0)

    assert "100 creates/s, then 88; 94 requests/s; 5,640 times 201, 60 times 409" in row.answer
    assert "2.0 to 2.1 times the Go service's 44-47 creates/s, measured elsewhere" in row.note
    assert "generator 0.18 ms CPU a request" in row.note
    assert "TOO MUCH" not in row.note


# -- races --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_of_two_that_race_exactly_one_is_accepted(service: FakeService) -> None:
    result = dss_http_races.raced([service.port, service.port], dss_http_races.OPERATORS, 20)

    assert result.holds
    assert result.one == 20


@pytest.mark.slow
def test_it_is_seen_when_both_of_a_race_are_accepted(service: FakeService, kept: Kept) -> None:
    kept.lets_in = True

    result = dss_http_races.raced([service.port, service.port], dss_http_races.OPERATORS, 10)

    assert (result.both, result.one) == (4, 6)  # of one id there is only one, whatever is let in
    assert not result.holds


@pytest.mark.slow
def test_it_is_seen_when_a_winner_is_not_there(service: FakeService, kept: Kept) -> None:
    kept.forgets = True

    result = dss_http_races.raced([service.port, service.port], dss_http_races.OPERATORS, 20)

    assert not result.holds
    assert result.lost > 0


# -- kills --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_nothing_that_was_answered_is_lost_by_a_kill(kept: Kept, processes: int, quick_kills: None) -> None:
    result = dss_kill.killed(lambda: FakeService(kept), "uss-1", 3, processes)

    assert (result.lost, result.broken) == ([], [])
    assert result.kills == 3
    assert result.answered > 0
    assert (result.went_on > 0) == (processes == 2)


@pytest.mark.slow
def test_it_is_seen_when_a_write_that_was_answered_is_lost(kept: Kept, quick_kills: None) -> None:
    kept.forgets = True

    result = dss_kill.killed(lambda: FakeService(kept), "uss-1", 1, 1)

    assert not result.holds


@pytest.fixture
def quick_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dss_kill, "MOMENT_S", (0.02, 0.05))
    monkeypatch.setattr(dss_kill, "_GO_ON_S", 2.0)
