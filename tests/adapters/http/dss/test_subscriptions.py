"""Subscriptions (ASTM F3548-21), as software of drone operators sees them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.dss import (
    CM,
    CONSTRAINTS,
    CP,
    NEW,
    SC,
    SUBSCRIPTIONS,
    Answer,
    Dss,
    circle,
    constraint,
    intent,
    subscription,
    uuid,
    volume,
)

A, B, S = uuid(1), uuid(2), uuid(9)


@pytest.fixture
def dss() -> Dss:
    return Dss()


def get(dss: Dss, subject: str = "uss1") -> Answer:
    return dss.ask("GET", f"{SUBSCRIPTIONS}/{S}", subject=subject)


def remove(dss: Dss, version: str, **more: object) -> Answer:
    return dss.ask("DELETE", f"{SUBSCRIPTIONS}/{S}/{version}", **more)  # type: ignore[arg-type]


def found(dss: Dss, area: dict, **more: object) -> list[str]:  # type: ignore[type-arg]
    answer = dss.ask("POST", f"{SUBSCRIPTIONS}/query", {"area_of_interest": area}, **more)  # type: ignore[arg-type]
    return [each["id"] for each in answer.body["subscriptions"]]


def test_a_subscription_is_created_read_changed_and_removed(dss: Dss) -> None:
    created = dss.subscribe(S, subscription())
    assert created.status == 200
    held = created.body["subscription"]
    assert held == {
        "id": S,
        "version": held["version"],
        "notification_index": 0,
        "time_start": {"value": "2026-06-01T12:00:00Z", "format": "RFC3339"},
        "time_end": {"value": "2026-06-01T13:00:00Z", "format": "RFC3339"},
        "uss_base_url": "https://uss2.example/utm",
        "notify_for_operational_intents": True,
        "notify_for_constraints": False,
        "implicit_subscription": False,
        "dependent_operational_intents": [],
    }
    assert get(dss).body["subscription"] == held
    changed = dss.ask("PUT", f"{SUBSCRIPTIONS}/{S}/{held['version']}", subscription(volume(end=30.0)))
    assert changed.status == 200
    version = changed.body["subscription"]["version"]
    assert version != held["version"]
    assert remove(dss, held["version"]).status == 409
    assert remove(dss, version).status == 200
    assert get(dss).status == 404


def test_the_answer_holds_what_is_there_of_what_it_notifies_for(dss: Dss) -> None:
    dss.create(A, intent(), subject="uss3")
    dss.ask("PUT", f"{CONSTRAINTS}/{B}", constraint(), scopes=[CM], subject="law")
    both = subscription(notify_for_constraints=True)
    body = dss.subscribe(S, both, scopes=[SC, CP]).body
    assert [each["id"] for each in body["operational_intent_references"]] == [A]
    assert [each["ovn"] for each in body["operational_intent_references"]] == ["Available from USS"]
    assert [each["id"] for each in body["constraint_references"]] == [B]
    assert "constraint_references" not in dss.subscribe(uuid(10), subscription()).body
    zones = subscription(notify_for_operational_intents=False, notify_for_constraints=True)
    assert "operational_intent_references" not in dss.subscribe(uuid(11), zones, scopes=[CP]).body


def test_each_flag_needs_its_scope_and_one_of_them_is_needed(dss: Dss) -> None:
    assert dss.subscribe(S, subscription(), scopes=[CP]).status == 403
    assert dss.subscribe(S, subscription(notify_for_constraints=True), scopes=[SC]).status == 403
    assert dss.subscribe(S, subscription(notify_for_operational_intents=False)).status == 400


@pytest.mark.parametrize(
    ("start", "end", "status"),
    [
        (None, None, 200),
        (-5.0, 60.0, 200),
        (-5.1, 60.0, 400),
        (0.0, 1_440.0, 200),
        (-1.0, 1_439.0, 200),
        (-1.0, 1_439.1, 400),
        (0.0, 1_440.1, 400),
        (1_000.0, None, 200),
        (60.0, 30.0, 400),
        (-4.0, -1.0, 400),
    ],
)
def test_it_lasts_a_day_at_most_and_begins_about_now(
    dss: Dss, start: float | None, end: float | None, status: int
) -> None:
    assert dss.subscribe(S, subscription(volume(start=start, end=end))).status == status


def test_it_goes_by_itself_when_it_ends_and_is_told_nothing_more(dss: Dss) -> None:
    dss.subscribe(S, subscription(volume(circle(radius_m=1_000.0), 0.0, 3_000.0, end=10.0)))
    dss.later(timedelta(minutes=10, milliseconds=1))
    assert get(dss).status == 404
    assert found(dss, volume(start=-60.0)) == []
    assert dss.create(A, intent(), subject="uss2").indices == {}
    assert dss.subscribe(S, subscription(volume(start=11.0))).status == 200
    dss.later(timedelta(days=2))
    dss.sweep()
    assert get(dss).status == 404


def test_an_intent_whose_subscription_has_ended_may_be_changed_with_another(dss: Dss) -> None:
    dss.subscribe(S, subscription(volume(end=60.0)))
    created = dss.create(A, intent(subscription_id=S))
    dss.later(timedelta(minutes=59))
    body = intent(volume(end=120.0), subscription_id=S)
    assert dss.change(A, created.ovn, body).status == 400
    dss.later(timedelta(minutes=1))
    dss.later(timedelta(seconds=1))
    dss.sweep()
    assert dss.change(A, created.ovn, intent(volume(end=120.0), **NEW)).status == 200


def test_only_its_manager_sees_changes_and_removes_it(dss: Dss) -> None:
    version = dss.subscribe(S, subscription()).body["subscription"]["version"]
    assert get(dss, "uss2").status == 403
    assert dss.ask("PUT", f"{SUBSCRIPTIONS}/{S}/{version}", subscription(), subject="uss2").status == 403
    assert remove(dss, version, subject="uss2").status == 403
    assert found(dss, volume(), subject="uss2") == []
    assert found(dss, volume()) == [S]


def test_one_that_intents_need_stays_and_goes_on_covering_them(dss: Dss) -> None:
    version = dss.subscribe(S, subscription()).body["subscription"]["version"]
    dss.create(A, intent(subscription_id=S))
    assert get(dss).body["subscription"]["dependent_operational_intents"] == [A]
    assert remove(dss, version).status == 400
    large = circle(radius_m=1_000.0)
    for extents in (
        volume(circle(radius_m=50.0), 0.0, 3_000.0),
        volume(large, 0.0, 150.0),
        volume(large, 0.0, 3_000.0, end=59.0),
        volume(large, 0.0, 3_000.0, start=5.1),
    ):
        assert dss.ask("PUT", f"{SUBSCRIPTIONS}/{S}/{version}", subscription(extents)).status == 400
    late = subscription(volume(large, 0.0, 3_000.0, start=4.9))
    assert dss.ask("PUT", f"{SUBSCRIPTIONS}/{S}/{version}", late).status == 200


def test_one_that_an_intent_under_way_needs_may_be_changed_and_go_on_longer(dss: Dss) -> None:
    version = dss.subscribe(S, subscription()).body["subscription"]["version"]
    dss.create(A, intent(subscription_id=S))
    dss.later(timedelta(minutes=30))
    longer = subscription(volume(circle(radius_m=1_000.0), 0.0, 3_000.0, start=None, end=600.0))
    changed = dss.ask("PUT", f"{SUBSCRIPTIONS}/{S}/{version}", longer)
    assert changed.status == 200
    late = subscription(volume(circle(radius_m=1_000.0), 0.0, 3_000.0, start=31.0, end=600.0))
    version = changed.body["subscription"]["version"]
    assert dss.ask("PUT", f"{SUBSCRIPTIONS}/{S}/{version}", late).status == 400


def test_one_that_came_with_an_intent_becomes_ones_own_when_it_is_put(dss: Dss) -> None:
    created = dss.create(A, intent(**NEW))
    made = created.intent["subscription_id"]
    held = dss.ask("GET", f"{SUBSCRIPTIONS}/{made}").body["subscription"]
    put = dss.ask("PUT", f"{SUBSCRIPTIONS}/{made}/{held['version']}", subscription())
    assert put.body["subscription"]["implicit_subscription"] is False
    assert put.body["subscription"]["notification_index"] == 1
    dss.delete(A, created.ovn)
    assert dss.ask("GET", f"{SUBSCRIPTIONS}/{made}").status == 200


def test_create_and_change_are_two_things(dss: Dss) -> None:
    created = dss.subscribe(S, subscription())
    assert dss.subscribe(S, subscription(volume(end=30.0))).status == 409
    assert dss.ask("PUT", f"{SUBSCRIPTIONS}/{B}/{'a' * 26}", subscription()).status == 400
    assert dss.ask("PUT", f"{SUBSCRIPTIONS}/{S}/", subscription()).status == 400
    assert remove(dss, "").status == 400
    assert remove(dss, "a" * 26).status == 409
    assert created.status == 200


def test_asked_again_over_another_connection_it_answers_the_same(dss: Dss) -> None:
    created = dss.subscribe(S, subscription())
    assert dss.subscribe(S, subscription()) == created
    version = created.body["subscription"]["version"]
    removed = remove(dss, version)
    assert remove(dss, version) == removed
    assert dss.subscribe(S, subscription(), connection=5).status == 200
    assert dss.subscribe(S, subscription(), connection=5).status == 409


def test_an_area_without_times_and_heights_is_all_of_them(dss: Dss) -> None:
    dss.subscribe(S, subscription(volume(lower_m=500.0, upper_m=600.0, start=600.0, end=700.0)))
    assert found(dss, volume(lower_m=None, upper_m=None, start=None, end=None)) == [S]
    assert found(dss, volume()) == []
    assert found(dss, volume(circle(5_000.0), None, None, None, None)) == []
