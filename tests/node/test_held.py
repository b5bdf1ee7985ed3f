"""What a node holds: up to the last entry of the log, and up to the time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from keepclear.core.conflicts import Gaps
from keepclear.core.intents import IntentEvent
from keepclear.node.policy import EXPIRY_GRACE_S
from tests.node.office import Office, filled
from tests.strategies import at, intent, square, volume, window, zone

HERE = square(35.0, 36.0, 500.0)
GRACE = timedelta(seconds=EXPIRY_GRACE_S)
MS = timedelta(milliseconds=1)

A = intent("A", volume(HERE), party="north")
B = intent("B", volume(HERE), party="south")


def ids(office: Office) -> list[str]:
    return [label.id for label in office.held.picture.labels]


@pytest.fixture
def office() -> Office:
    return Office()


def test_an_item_is_held_until_its_end_and_the_grace_have_passed(office: Office) -> None:
    office.declare(A)
    office.held.expire(at(60) + GRACE)
    assert ids(office) == ["A"]
    office.held.expire(at(60) + GRACE + MS)
    assert ids(office) == []


def test_a_zone_expires_like_an_operation(office: Office) -> None:
    office.declare(zone("Z", volume(HERE), party="north"))
    office.held.expire(at(60) + GRACE + MS)
    assert ids(office) == []


def test_an_item_is_held_until_its_last_volume_ends(office: Office) -> None:
    office.declare(replace(A, volumes=(volume(HERE, window(30, 90)), volume(HERE, window(0, 10)))))
    office.held.expire(at(90) + GRACE)
    assert ids(office) == ["A"]


def test_items_expire_in_the_order_of_their_ends_whatever_the_order_they_came_in(office: Office) -> None:
    for name, end in (("late", 60), ("soon", 10), ("middle", 30)):
        office.declare(intent(name, volume(HERE, window(0, end)), party="north"))
    office.held.expire(at(20))
    assert ids(office) == ["late", "middle"]
    office.held.expire(at(40))
    assert ids(office) == ["late"]


def test_what_was_amended_to_last_longer_does_not_expire_at_its_old_end(office: Office) -> None:
    office.declare(A)
    office.amend(replace(A, volumes=(volume(HERE, window(0, 120)),)), 1)
    office.held.expire(at(61))
    assert ids(office) == ["A"]
    office.held.expire(at(121))
    assert ids(office) == []


def test_what_was_amended_to_end_sooner_expires_then_and_once(office: Office) -> None:
    office.declare(A)
    office.amend(replace(A, volumes=(volume(HERE, window(0, 10)),)), 1)
    office.held.expire(at(11))
    assert ids(office) == []
    # Its old end, when it comes, takes nothing that was declared with its id since.
    office.amend(replace(A, volumes=(volume(HERE, window(0, 120)),)), 2)
    office.held.expire(at(61))
    assert ids(office) == ["A"]


def test_what_was_withdrawn_and_declared_anew_expires_at_its_new_end(office: Office) -> None:
    office.declare(A)
    office.withdraw(A, 1)
    office.declare(replace(A, volumes=(volume(HERE, window(0, 120)),)))
    office.held.expire(at(61))
    assert ids(office) == ["A"]


def test_expired_items_stay_in_the_store(office: Office) -> None:
    office.declare(A)
    office.held.expire(at(120))
    assert office.store.record(A.id) is not None


def test_what_others_wrote_is_followed_entry_by_entry() -> None:
    # Given two nodes on one store
    north = Office()
    south = Office(store=north.store)
    gone, ended = intent("C", volume(HERE), party="north"), intent("D", volume(HERE), party="north")
    # When one declares, amends, withdraws and ends items
    for item in (A, gone, ended):
        north.declare(item)
    north.amend(replace(A, volumes=(volume(HERE, window(0, 120)),)), 1)
    north.withdraw(gone, 1)
    north.change_state(ended, IntentEvent.END, 1)
    south.held.follow(south.store.records_after(south.held.seq, 100))
    # Then the other holds the same
    assert south.held.seq == north.held.seq == 6
    assert ids(south) == ids(north) == ["A"]
    assert south.held.judge(B, Gaps())[1] == north.held.judge(B, Gaps())[1]
    south.held.expire(at(61))
    assert ids(south) == ["A"]


def test_an_entry_that_is_left_out_is_noticed() -> None:
    north = Office()
    south = Office(store=north.store)
    north.declare(A)
    north.declare(intent("C", volume(HERE), party="north"))
    with pytest.raises(AssertionError, match="left out"):
        south.held.follow(north.store.records_after(1, 100))


def test_a_node_that_starts_holds_what_ended_within_the_grace(office: Office) -> None:
    office.declare(A)
    assert len(filled(office.store, at(60) + GRACE).picture) == 1
    assert len(filled(office.store, at(60) + GRACE + MS).picture) == 0


def test_what_was_held_at_the_start_expires_too(office: Office) -> None:
    office.declare(A)
    held = filled(office.store)
    held.expire(at(60) + GRACE)
    assert len(held.picture) == 1
    held.expire(at(60) + GRACE + MS)
    assert len(held.picture) == 0


def test_judging_tells_what_an_item_meets_and_holds_nothing(office: Office) -> None:
    office.declare(A)
    packed, findings = office.held.judge(B, Gaps())
    assert packed.volume_count == 1
    assert [(finding.a.id, finding.b.id) for finding in findings] == [("B", "A")]
    assert ids(office) == ["A"]
