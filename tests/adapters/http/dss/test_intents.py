"""Operational intent references (ASTM F3548-21), as software of drone operators sees them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from keepclear.core import extents
from tests.dss import (
    AA,
    CM,
    CMSA,
    CP,
    INTENTS,
    NEW,
    NOW,
    SC,
    SUBSCRIPTIONS,
    Dss,
    circle,
    constraint,
    intent,
    square,
    subscription,
    uuid,
    volume,
)

A, B, C, S = uuid(1), uuid(2), uuid(3), uuid(9)


@pytest.fixture
def dss() -> Dss:
    return Dss()


def test_an_intent_is_created_read_changed_and_removed(dss: Dss) -> None:
    created = dss.create(A, intent())
    assert created.status == 201
    assert created.intent == {
        "id": A,
        "manager": "uss1",
        "uss_availability": "Unknown",
        "version": 1,
        "state": "Accepted",
        "ovn": created.ovn,
        "time_start": {"value": "2026-06-01T12:00:00Z", "format": "RFC3339"},
        "time_end": {"value": "2026-06-01T13:00:00Z", "format": "RFC3339"},
        "uss_base_url": "https://uss1.example/utm",
        "subscription_id": "00000000-0000-4000-8000-000000000000",
    }
    assert created.body["subscribers"] == []
    assert dss.ask("GET", f"{INTENTS}/{A}").intent == created.intent
    changed = dss.change(A, created.ovn, intent(state="Activated", **NEW))
    assert (changed.status, changed.intent["version"], changed.intent["state"]) == (200, 2, "Activated")
    assert changed.ovn != created.ovn
    removed = dss.delete(A, changed.ovn)
    assert (removed.status, removed.ovn) == (200, changed.ovn)
    assert dss.ask("GET", f"{INTENTS}/{A}").status == 404


def test_ids_may_be_written_without_dashes_and_in_capitals(dss: Dss) -> None:
    assert dss.create(A.replace("-", "").upper(), intent()).intent["id"] == A
    assert dss.ask("GET", f"{INTENTS}/{A.replace('-', '')}").status == 200


@pytest.mark.parametrize("name", ["nothing", "00000001-0000-1000-8000-000000000001", A + "0", "{" + A + "}"])
def test_what_is_no_uuid_of_version_4_is_refused(dss: Dss, name: str) -> None:
    assert dss.create(name, intent()).status == 400
    assert dss.ask("GET", f"{INTENTS}/{name}").status == 400


def test_an_ovn_is_shown_to_its_manager_alone(dss: Dss) -> None:
    dss.create(A, intent())
    own, other = (dss.ask("GET", f"{INTENTS}/{A}", subject=who).ovn for who in ("uss1", "uss2"))
    assert len(own) == 22
    assert other == "Available from USS"
    query = {"area_of_interest": volume()}
    found = dss.ask("POST", f"{INTENTS}/query", query, subject="uss2").body
    assert [each["ovn"] for each in found["operational_intent_references"]] == ["Available from USS"]


class TestKey:
    def test_what_meets_another_needs_its_ovn_and_is_told_where_it_meets(self, dss: Dss) -> None:
        first = dss.create(A, intent())
        refused = dss.create(B, intent(volume(circle(150.0))), subject="uss2")
        assert refused.status == 409
        (missing,) = refused.body["missing_operational_intents"]
        assert (missing["id"], missing["ovn"]) == (A, "Available from USS")
        (why,) = refused.body["conflicts"]
        assert (why["id"], why["volume"], why["other_volume"]) == (A, 0, 0)
        assert "they overlap 49.9 m laterally" in why["text"]
        assert dss.ask("GET", f"{INTENTS}/{B}").status == 404
        known = intent(volume(circle(150.0)), key=[first.ovn, "of something else"])
        assert dss.create(B, known, subject="uss2").status == 201

    def test_ones_own_intents_count_too_but_not_the_intent_itself(self, dss: Dss) -> None:
        first = dss.create(A, intent())
        assert dss.create(B, intent()).status == 409
        assert dss.change(A, first.ovn, intent()).status == 200

    def test_an_old_ovn_does_not_do(self, dss: Dss) -> None:
        first = dss.create(A, intent())
        dss.change(A, first.ovn, intent())
        assert dss.create(B, intent(key=[first.ovn]), subject="uss2").status == 409

    @pytest.mark.parametrize(
        ("other", "is_met"),
        [
            (volume(lower_m=200.0, upper_m=300.0), True),
            (volume(lower_m=200.001, upper_m=300.0), False),
            (volume(start=60.0, end=120.0), True),
            (volume(start=60.0 + 1.0 / 60_000.0, end=120.0), False),
            (volume(circle(201.5)), False),
            (volume(circle(199.0)), True),
        ],
    )
    def test_what_touches_meets_and_what_is_apart_does_not(self, dss: Dss, other: dict, is_met: bool) -> None:  # type: ignore[type-arg]
        dss.create(A, intent())
        assert (dss.create(B, intent(other), subject="uss2").status == 409) == is_met

    def test_a_speck_within_the_rim_of_a_large_circle_is_found(self, dss: Dss) -> None:
        """The case in which cells and a polygon inside the circle miss it: 22 m within a rim of 10 km."""
        dss.create(A, intent(volume(circle(lat=41.78569, lng=17.98862, radius_m=10_000.0))))
        lat, lng, half = 41.77158, 17.87013, 3.0
        corners = [(-half, -half), (-half, half), (half, half), (half, -half)]
        vertices = [{"lat": lat + n / 111_070.0, "lng": lng + e / 83_100.0} for n, e in corners]
        speck = volume({"outline_polygon": {"vertices": vertices}})
        assert dss.create(B, intent(speck), subject="uss2").status == 409
        assert dss.find(speck) == [A]

    def test_bounds_decide_and_the_answer_says_where_no_two_volumes_meet(self, dss: Dss) -> None:
        dss.create(A, intent(volume(end=10.0), volume(circle(1_000.0), start=50.0)))
        refused = dss.create(B, intent(volume(start=20.0, end=30.0)), subject="uss2")
        assert refused.status == 409
        (why,) = refused.body["conflicts"]
        assert "no two volumes meet" in why["text"]
        assert "volume" not in why

    def test_accepted_intents_of_a_service_that_is_down_may_be_passed_over(self, dss: Dss) -> None:
        dss.create(A, intent())
        second = dss.create(B, intent(volume(lower_m=300.0, upper_m=400.0)))
        dss.change(B, second.ovn, intent(volume(lower_m=300.0, upper_m=400.0), state="Activated", **NEW))
        down = {"old_version": "", "availability": "Down"}
        assert dss.ask("PUT", "/dss/v1/uss_availability/uss1", down, scopes=[AA]).status == 200
        assert dss.create(C, intent(volume()), subject="uss2").status == 201
        over_activated = dss.create(uuid(4), intent(volume(lower_m=350.0, upper_m=400.0)), subject="uss2")
        assert [each["id"] for each in over_activated.body["missing_operational_intents"]] == [B]
        assert over_activated.body["missing_operational_intents"][0]["uss_availability"] == "Down"

    def test_what_happens_already_needs_no_key(self, dss: Dss) -> None:
        dss.create(A, intent())
        apart = intent(volume(circle(1_000.0)), **NEW)
        second = dss.create(B, apart, subject="uss2")
        strayed = dss.change(
            B, second.ovn, intent(state="Nonconforming", **NEW), subject="uss2", scopes=[SC, CMSA]
        )
        assert strayed.status == 200

    def test_constraints_are_needed_where_the_subscription_notifies_for_them(self, dss: Dss) -> None:
        zone = dss.ask("PUT", f"/dss/v1/constraint_references/{C}", constraint(), scopes=[CM], subject="law")
        assert zone.status == 201
        assert dss.create(A, intent(**NEW)).status == 201
        wants: dict[str, Any] = {
            "new_subscription": {"uss_base_url": "https://u.example", "notify_for_constraints": True}
        }
        over = intent(volume(lower_m=150.0), **wants, key=[dss.ask("GET", f"{INTENTS}/{A}").ovn])
        refused = dss.create(B, over, scopes=[SC, CP])
        assert refused.status == 409
        assert [each["id"] for each in refused.body["missing_constraints"]] == [C]
        assert refused.body["missing_operational_intents"] == []
        over["key"].append(zone.ovn)
        assert dss.create(B, over, scopes=[SC, CP]).status == 201


class TestStates:
    def test_an_intent_is_created_accepted(self, dss: Dss) -> None:
        assert dss.create(A, intent(state="Activated", **NEW)).status == 400

    @pytest.mark.parametrize("state", ["Ended", "accepted", "", "Flying"])
    def test_other_words_are_no_states(self, dss: Dss, state: str) -> None:
        assert dss.create(A, intent(state=state)).status == 400

    @pytest.mark.parametrize("state", ["Nonconforming", "Contingent"])
    def test_what_strays_needs_the_scope_for_it(self, dss: Dss, state: str) -> None:
        ovn = dss.create(A, intent()).ovn
        assert dss.change(A, ovn, intent(state=state, **NEW)).status == 403
        assert dss.change(A, ovn, intent(state=state, **NEW), scopes=[CMSA]).status == 200

    def test_a_contingent_intent_stays_so(self, dss: Dss) -> None:
        ovn = dss.create(A, intent(**NEW)).ovn
        ovn = dss.change(A, ovn, intent(state="Contingent", **NEW), scopes=[SC, CMSA]).ovn
        for state in ("Accepted", "Activated", "Nonconforming"):
            refused = dss.change(A, ovn, intent(state=state, **NEW), scopes=[SC, CMSA])
            assert (refused.status, "cannot become" in refused.body["message"]) == (400, True)
        assert dss.delete(A, ovn).status == 200

    def test_an_activated_intent_does_not_become_accepted_again(self, dss: Dss) -> None:
        ovn = dss.change(A, dss.create(A, intent()).ovn, intent(state="Activated", **NEW)).ovn
        assert dss.change(A, ovn, intent()).status == 400

    def test_what_is_activated_needs_a_subscription(self, dss: Dss) -> None:
        ovn = dss.create(A, intent()).ovn
        assert dss.change(A, ovn, intent(state="Activated")).status == 400

    def test_a_service_that_is_down_puts_and_removes_nothing(self, dss: Dss) -> None:
        first = dss.create(A, intent())
        down = {"old_version": "", "availability": "down"}
        dss.ask("PUT", "/dss/v1/uss_availability/uss1", down, scopes=[AA])
        assert dss.create(B, intent(volume(circle(500.0)))).status == 412
        assert dss.change(A, first.ovn, intent()).status == 412
        assert dss.delete(A, first.ovn).status == 412
        strayed = intent(state="Contingent", **NEW)
        assert dss.change(A, first.ovn, strayed, scopes=[CMSA]).status == 200


class TestWhoseAndWhich:
    def test_nobody_else_changes_or_removes_it_whatever_the_ovn(self, dss: Dss) -> None:
        ovn = dss.create(A, intent()).ovn
        for given in (ovn, "a wrong one altogether"):
            assert dss.change(A, given, intent(), subject="uss2").status == 403
            assert dss.delete(A, given, subject="uss2").status == 403
        assert dss.create(A, intent(), subject="uss2").status == 403

    def test_a_wrong_ovn_is_refused_and_the_right_one_told_to_its_manager(self, dss: Dss) -> None:
        ovn = dss.create(A, intent()).ovn
        for refused in (dss.change(A, "0" * 22, intent()), dss.delete(A, "0" * 22)):
            assert refused.status == 409
            assert ovn in refused.body["message"]

    def test_an_empty_ovn_is_refused(self, dss: Dss) -> None:
        dss.create(A, intent())
        assert dss.change(A, "", intent()).status == 400
        assert dss.delete(A, "").status == 400
        assert dss.ask("DELETE", f"{INTENTS}/{A}").status == 405

    def test_what_is_not_there_cannot_be_changed_or_removed(self, dss: Dss) -> None:
        assert dss.change(A, "0" * 22, intent()).status == 400
        assert dss.delete(A, "0" * 22).status == 404


class TestAskedAgain:
    """The answer may be lost: whoever asks again must learn what was done, and nothing more is done."""

    def test_over_another_connection_the_same_gets_the_same_answer(self, dss: Dss) -> None:
        dss.subscribe(S, subscription(), subject="uss2")
        first = dss.create(A, intent(**NEW))
        again = dss.create(A, intent(**NEW))
        assert again == first
        changed = dss.change(A, first.ovn, intent(volume(end=50.0), **NEW))
        assert dss.change(A, first.ovn, intent(volume(end=50.0), **NEW)) == changed
        removed = dss.delete(A, changed.ovn)
        assert dss.delete(A, changed.ovn) == removed
        told = dss.ask("GET", f"{SUBSCRIPTIONS}/{S}", subject="uss2").body["subscription"]
        assert told["notification_index"] == 3

    def test_over_the_same_connection_the_answer_has_come_and_what_is_there_is_told(self, dss: Dss) -> None:
        first = dss.create(A, intent(), connection=7)
        again = dss.create(A, intent(), connection=7)
        assert again.status == 409
        assert first.ovn in again.body["message"]
        assert dss.delete(A, first.ovn, connection=7).status == 200
        assert dss.delete(A, first.ovn, connection=7).status == 404

    def test_a_proxy_that_tells_the_host_alone_tells_nothing_of_the_connection(self, dss: Dss) -> None:
        first = dss.create(A, intent(), connection=0)
        assert dss.create(A, intent(), connection=0) == first

    def test_something_else_is_not_the_same(self, dss: Dss) -> None:
        first = dss.create(A, intent())
        assert dss.create(A, intent(volume(end=50.0))).status == 409
        assert dss.create(A, intent(), subject="uss2").status == 403
        dss.change(A, first.ovn, intent())
        assert dss.create(A, intent()).status == 409

    def test_a_removal_is_remembered_for_a_while_and_by_who_made_it(self, dss: Dss) -> None:
        ovn = dss.create(A, intent()).ovn
        dss.delete(A, ovn)
        assert dss.delete(A, ovn, subject="uss2").status == 404
        assert dss.delete(A, "0" * 22).status == 404
        dss.later(timedelta(minutes=11))
        assert dss.delete(A, ovn).status == 404


class TestSubscriptions:
    def test_an_intent_brings_a_subscription_that_goes_with_it(self, dss: Dss) -> None:
        created = dss.create(A, intent(**NEW))
        made = created.intent["subscription_id"]
        assert created.indices == {made: 1}
        held = dss.ask("GET", f"{SUBSCRIPTIONS}/{made}").body["subscription"]
        assert held["implicit_subscription"] is True
        assert held["dependent_operational_intents"] == [A]
        assert dss.delete(A, created.ovn).indices == {made: 2}
        assert dss.ask("GET", f"{SUBSCRIPTIONS}/{made}").status == 404

    def test_a_further_one_takes_its_place(self, dss: Dss) -> None:
        created = dss.create(A, intent(**NEW))
        changed = dss.change(A, created.ovn, intent(**NEW))
        old, new = created.intent["subscription_id"], changed.intent["subscription_id"]
        assert old != new
        assert dss.ask("GET", f"{SUBSCRIPTIONS}/{old}").status == 404
        assert changed.indices == {old: 2, new: 1}

    def test_two_intents_share_one_and_it_grows(self, dss: Dss) -> None:
        first = dss.create(A, intent(**NEW))
        made = first.intent["subscription_id"]
        apart = volume(circle(5_000.0), end=120.0, upper_m=900.0)
        second = dss.create(B, intent(apart, subscription_id=made))
        assert second.status == 201
        assert second.indices == {made: 2}
        held = dss.ask("GET", f"{SUBSCRIPTIONS}/{made}").body["subscription"]
        assert held["dependent_operational_intents"] == [A, B]
        assert held["time_end"]["value"] == "2026-06-01T14:00:00Z"
        dss.delete(A, first.ovn)
        assert dss.ask("GET", f"{SUBSCRIPTIONS}/{made}").status == 200
        dss.delete(B, second.ovn)
        assert dss.ask("GET", f"{SUBSCRIPTIONS}/{made}").status == 404

    def test_one_that_does_not_fit_is_made_to_fit_all_that_need_it_and_no_more(self, dss: Dss) -> None:
        first = dss.create(A, intent(volume(end=90.0), **NEW))
        made = first.intent["subscription_id"]
        second = dss.create(B, intent(volume(circle(5_000.0)), subscription_id=made))
        moved = dss.change(B, second.ovn, intent(volume(circle(9_000.0)), subscription_id=made))
        assert moved.indices == {made: 3}
        for east_m, is_there in ((0.0, True), (5_000.0, False), (9_000.0, True)):
            body = {"area_of_interest": volume(circle(east_m))}
            found = dss.ask("POST", f"{SUBSCRIPTIONS}/query", body).body["subscriptions"]
            assert [each["id"] for each in found] == ([made] if is_there else [])
        held = dss.ask("GET", f"{SUBSCRIPTIONS}/{made}").body["subscription"]
        assert held["time_end"]["value"] == "2026-06-01T13:30:00Z"

    def test_one_that_would_have_too_many_volumes_is_refused_with_what_to_do(
        self, dss: Dss, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = dss.create(A, intent(volume(), volume(circle(300.0)), **NEW)).intent["subscription_id"]
        monkeypatch.setattr(extents, "VOLUMES_MAX", 3)
        many = intent(volume(circle(2_000.0)), volume(circle(3_000.0)), subscription_id=made)
        refused = dss.create(B, many)
        assert (refused.status, "give new_subscription" in refused.body["message"]) == (400, True)

    def test_neither_named_nor_new_lets_go_of_it(self, dss: Dss) -> None:
        created = dss.create(A, intent(**NEW))
        changed = dss.change(A, created.ovn, intent())
        assert changed.intent["subscription_id"] == "00000000-0000-4000-8000-000000000000"
        assert dss.ask("GET", f"{SUBSCRIPTIONS}/{created.intent['subscription_id']}").status == 404

    @pytest.mark.parametrize(
        ("extents", "what"),
        [
            (volume(circle(), 0.0, 3_000.0), None),
            (volume(circle(radius_m=99.5), 0.0, 3_000.0), None),  # within a metre
            (volume(circle(radius_m=98.0), 0.0, 3_000.0), "its area"),
            (volume(circle(radius_m=500.0), 101.0, 3_000.0), "its heights"),
            (volume(circle(radius_m=500.0), 0.0, 3_000.0, end=59.0), "its times"),
            (volume(circle(radius_m=500.0), 0.0, 3_000.0, start=5.0, end=90.0), None),
            (volume(circle(radius_m=500.0), 0.0, 3_000.0, start=5.1, end=90.0), "its times"),
            (volume(circle(radius_m=500.0), None, None), None),
        ],
    )
    def test_one_that_is_named_must_cover_the_intent(self, dss: Dss, extents: dict, what: str | None) -> None:  # type: ignore[type-arg]
        assert dss.subscribe(S, subscription(extents)).status == 200
        created = dss.create(A, intent(subscription_id=S))
        assert created.status == (201 if what is None else 400)
        if what is not None:
            assert created.body["message"].endswith(what)
            assert dss.find(volume()) == []

    def test_one_that_is_named_need_not_cover_what_is_past(self, dss: Dss) -> None:
        created = dss.create(A, intent())
        dss.later(timedelta(minutes=30))
        large = circle(radius_m=500.0)
        dss.subscribe(S, subscription(volume(large, 0.0, 3_000.0, start=30.0, end=59.0)))
        dss.subscribe(B, subscription(volume(large, 0.0, 3_000.0, start=30.0, end=90.0)))
        refused = dss.change(A, created.ovn, intent(subscription_id=S))
        assert (refused.status, refused.body["message"][-9:]) == (400, "its times")
        assert dss.change(A, created.ovn, intent(subscription_id=B)).status == 200

    def test_one_that_is_named_must_be_there_be_ones_own_and_notify_for_intents(self, dss: Dss) -> None:
        assert dss.create(A, intent(subscription_id=S)).status == 400
        dss.subscribe(S, subscription(), subject="uss2")
        assert dss.create(A, intent(subscription_id=S)).status == 403
        of_zones = subscription(notify_for_operational_intents=False, notify_for_constraints=True)
        dss.subscribe(B, of_zones, scopes=[CP])
        refused = dss.create(A, intent(subscription_id=B))
        assert (refused.status, "does not notify" in refused.body["message"]) == (400, True)

    def test_both_at_once_are_refused(self, dss: Dss) -> None:
        dss.subscribe(S, subscription())
        assert dss.create(A, intent(subscription_id=S, **NEW)).status == 400

    def test_one_that_notifies_for_constraints_needs_the_scope_for_it(self, dss: Dss) -> None:
        wants: dict[str, Any] = {
            "new_subscription": {"uss_base_url": "https://u.example", "notify_for_constraints": True}
        }
        assert dss.create(A, intent(**wants)).status == 403
        assert dss.create(A, intent(**wants), scopes=[SC, CP]).status == 201

    def test_those_are_told_who_are_where_it_was_and_where_it_is(self, dss: Dss) -> None:
        here, there, above = uuid(11), uuid(12), uuid(13)
        dss.subscribe(here, subscription(volume(circle(radius_m=500.0), 0.0, 500.0)), subject="uss2")
        dss.subscribe(there, subscription(volume(circle(5_000.0, 500.0), 0.0, 500.0)), subject="uss3")
        dss.subscribe(above, subscription(volume(circle(radius_m=500.0), 600.0, 900.0)), subject="uss2")
        created = dss.create(A, intent())
        assert created.indices == {here: 1}
        moved = dss.change(A, created.ovn, intent(volume(circle(5_000.0))))
        assert moved.indices == {here: 2, there: 1}
        assert {each["uss_base_url"] for each in moved.body["subscribers"]} == {"https://uss2.example/utm"}
        assert dss.delete(A, moved.ovn).indices == {there: 2}


class TestBadInput:
    @pytest.mark.parametrize(
        "extents",
        [
            [],
            [volume(start=None)],
            [volume(end=None)],
            [volume(lower_m=None)],
            [volume(upper_m=None)],
            [volume(start=61.0)],
            [volume(lower_m=300.0)],
            [volume(start=-90.0, end=-30.0)],
            [volume(circle(radius_m=0.0))],
            [volume(circle(radius_m=-5.0))],
            [volume(circle(radius_m=30_000.0))],
            [volume(circle() | square())],
            [volume({"outline": 1})],
            [volume(circle(lat=91.0))],
            [volume(square() | {"altitude_lower": {"value": 1, "reference": "MSL", "units": "M"}}, None)],
            [volume(square() | {"altitude_lower": {"value": 1, "reference": "W84", "units": "FT"}}, None)],
            [volume() | {"time_end": {"value": "tomorrow", "format": "RFC3339"}}],
            [volume() | {"time_end": {"value": "2026-06-01T13:00:00Z", "format": "unix"}}],
            [volume() | {"time_end": {"value": "2026-06-01T13:00:00", "format": "RFC3339"}}],
            [volume() | {"time_end": {"value": "9999-12-31T23:59:59Z", "format": "RFC3339"}}],
        ],
    )
    def test_extents_that_cannot_be_are_refused(self, dss: Dss, extents: list) -> None:  # type: ignore[type-arg]
        body = intent() | {"extents": extents}
        refused = dss.create(A, body)
        assert refused.status == 400
        assert refused.body["message"]
        assert dss.find(volume()) == []

    @pytest.mark.parametrize(
        "corners",
        [
            [(0, 0), (0, 1), (1, 1), (0, 0)],  # closed
            [(0, 0), (1, 1), (0, 1), (1, 0)],  # crosses itself
            [(0, 0), (0, 0), (0, 0)],
            [(0, 0), (1, 0), (2, 0)],  # no area
            [(0, 0), (0, 1)],
        ],
    )
    def test_polygons_that_are_none_are_refused(self, dss: Dss, corners: list[tuple[int, int]]) -> None:
        vertices = [{"lat": 46.0 + a / 1e3, "lng": 7.0 + b / 1e3} for a, b in corners]
        assert dss.create(A, intent(volume({"outline_polygon": {"vertices": vertices}}))).status == 400

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"{", b"[]", b"null", b"\xff", b'"x"', b"[" * 100_000, b'{"extents": NaN}',
            b'{"extents": 1e999}',
            b'{"extents": [{"volume": {"outline_circle": {"center": {"lat": "46", "lng": 7}}}}]}',
        ],
    )  # fmt: skip
    def test_bodies_that_are_none_are_refused(self, dss: Dss, body: bytes) -> None:
        refused = dss.create(A, body)  # type: ignore[arg-type]
        assert (refused.status, list(refused.body)) == (400, ["message"])

    @pytest.mark.parametrize(
        "url",
        [
            "http://uss.example",
            "uss.example",
            "https://",
            "ftp://x.example",
            "https://a b",
            "https://x:y",
            "",
        ],
    )
    def test_base_urls_are_of_https(self, dss: Dss, url: str) -> None:
        assert dss.create(A, intent(uss_base_url=url)).status == 400
        assert dss.create(A, intent(new_subscription={"uss_base_url": url})).status == 400

    def test_base_urls_of_http_may_be_allowed(self) -> None:
        assert Dss(allows_http=True).create(A, intent(uss_base_url="http://localhost:1")).status == 201

    def test_a_key_of_too_many_ovns_is_refused(self, dss: Dss) -> None:
        assert dss.create(A, intent(key=["0" * 22] * 10_001)).status == 400
        assert dss.create(A, intent(key=["0" * 22] * 10_000)).status == 201

    def test_bodies_have_a_limit(self, dss: Dss) -> None:
        refused = dss.create(A, b" " * 4_194_305)  # type: ignore[arg-type]
        assert (refused.status, list(refused.body)) == (413, ["message"])

    def test_what_the_interface_does_not_know_is_passed_over(self, dss: Dss) -> None:
        assert dss.create(A, intent(flight_type="VLOS")).status == 201

    def test_one_volume_takes_the_bounds_of_the_others_where_it_has_none(self, dss: Dss) -> None:
        bare = volume(circle(1_000.0), None, None, None, None)
        assert dss.create(A, intent(volume(), bare)).status == 201
        assert dss.find(volume(circle(1_000.0))) == [A]


class TestRequestedOvn:
    SUFFIX = "019e83e9-e200-7abc-9def-0123456789ab"  # of 12:00:00.000

    def test_an_ovn_ends_in_the_suffix_that_was_asked_for(self, dss: Dss) -> None:
        created = dss.create(A, intent(requested_ovn_suffix=suffix_at(0.0)))
        assert created.ovn == f"{A}_{suffix_at(0.0)}"

    @pytest.mark.parametrize(
        "suffix",
        ["", "none", uuid(5), "019e83e9e2007abc9def0123456789ab", "019e83e9-e200-7000-8000-000000000000"],
    )
    def test_one_that_others_could_guess_or_that_is_none_is_refused(self, dss: Dss, suffix: str) -> None:
        assert dss.create(A, intent(requested_ovn_suffix=suffix)).status == 400

    @pytest.mark.parametrize(("minutes", "status"), [(-5.1, 400), (-4.9, 201), (4.9, 201), (5.1, 400)])
    def test_its_time_is_now(self, dss: Dss, minutes: float, status: int) -> None:
        assert dss.create(A, intent(requested_ovn_suffix=suffix_at(minutes))).status == status

    def test_no_ovn_comes_back(self, dss: Dss) -> None:
        older, newer = suffix_at(0.0), suffix_at(1.0)
        created = dss.create(A, intent(requested_ovn_suffix=older))
        moved = intent(volume(circle(5_000.0)), requested_ovn_suffix=older)
        refused = dss.change(A, created.ovn, moved)
        assert (refused.status, "make a new one" in refused.body["message"]) == (400, True)
        between = dss.change(A, created.ovn, intent())
        assert dss.change(A, between.ovn, moved).status == 400
        changed = dss.change(A, between.ovn, intent(requested_ovn_suffix=newer))
        assert changed.ovn == f"{A}_{newer}"
        dss.delete(A, changed.ovn)
        assert dss.create(A, intent(requested_ovn_suffix=newer)).status == 400
        assert dss.create(A, intent(requested_ovn_suffix=suffix_at(2.0))).status == 201

    def test_asked_again_the_same_suffix_is_the_same(self, dss: Dss) -> None:
        first = dss.create(A, intent(requested_ovn_suffix=suffix_at(0.0)))
        assert dss.create(A, intent(requested_ovn_suffix=suffix_at(0.0))) == first


def suffix_at(minutes: float) -> str:
    """Return a UUID of version 7 of so many minutes from now."""
    digits = f"{int((NOW + timedelta(minutes=minutes)).timestamp() * 1_000):012x}"
    return f"{digits[:8]}-{digits[8:]}-7abc-9def-0123456789ab"
