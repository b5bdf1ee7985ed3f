"""Who may declare, amend, withdraw and change the state of what, and what becomes of it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from keepclear.core.conflicts import Buffer, Item, Verdict
from keepclear.core.constraints import ConstraintRule
from keepclear.core.errors import InvalidValueError, KeepclearError
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import TRANSITIONS, IntentEvent, IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.shapes import Circle
from keepclear.core.times import floor_ms
from keepclear.node.outcomes import (
    ConflictRefusedError,
    ExistsError,
    NotFoundError,
    NotOwnerError,
    StateRefusedError,
    VersionMismatchError,
)
from keepclear.node.policy import EXPIRY_GRACE_S, ConflictPolicy, Policy
from keepclear.node.ports import EventKind, Standing
from tests.node.office import FORM, Office, actor
from tests.strategies import at, intent, square, volume, window, zone

HERE = square(35.0, 36.0, 500.0)
ELSEWHERE = square(36.0, 37.0, 500.0)
RECORD = Policy(conflicts=ConflictPolicy.RECORD)
POLICIES = [Policy(), RECORD]

A = intent("A", volume(HERE), party="north")
B = intent("B", volume(HERE), party="south")
Z = zone("Z", volume(HERE), party="south")


@pytest.fixture
def office() -> Office:
    return Office()


def moved(item: OperationalIntent) -> OperationalIntent:
    """Return the same operation far away."""
    return replace(item, volumes=(volume(ELSEWHERE),))


def held_ids(office: Office) -> list[str]:
    return [label.id for label in office.held.picture.labels]


def is_unchanged(office: Office, seq: int) -> bool:
    """Tell whether nothing was written after an entry, and what is held is up to it."""
    return office.store.last_seq() == office.held.seq == seq


# Declaring


def test_an_item_that_is_declared_is_written_and_held(office: Office) -> None:
    office.now = at(-5)
    outcome = office.declare(A)
    record = outcome.record
    assert (record.seq, record.version, record.kind) == (1, 1, EventKind.DECLARED)
    assert (record.actor, record.at) == (actor("north"), at(-5))
    assert (record.state, record.standing) == (IntentState.ACCEPTED, Standing.CLEAR)
    assert (record.start_ms, record.end_ms) == (floor_ms(at(0)), floor_ms(at(60)))
    assert FORM.read(record.text) == A
    assert (outcome.findings, outcome.is_repeat) == ((), False)
    assert office.store.record(A.id) == record
    assert held_ids(office) == ["A"]


def test_the_span_of_an_item_is_from_its_first_start_to_its_last_end(office: Office) -> None:
    parts = (volume(HERE, window(30, 40)), volume(HERE, window(10, 90)), volume(HERE, window(5, 20)))
    record = office.declare(replace(A, volumes=parts)).record
    assert (record.start_ms, record.end_ms) == (floor_ms(at(5)), floor_ms(at(90)))


@pytest.mark.parametrize("party", ["south", None])
def test_nobody_declares_for_another_party(office: Office, party: str | None) -> None:
    item = replace(A, party=None if party is None else PartyId(party))
    with pytest.raises(NotOwnerError) as refused:
        office.make("north", lambda declaring: declaring.declare(item))
    assert (refused.value.item_id, refused.value.owner) == ("A", party)
    assert is_unchanged(office, 0)


def test_an_id_of_another_party_cannot_be_declared_even_after_it_was_withdrawn(office: Office) -> None:
    office.declare(A)
    taken = intent("A", volume(ELSEWHERE), party="south")
    with pytest.raises(NotOwnerError):
        office.declare(taken)
    office.withdraw(A, 1)
    with pytest.raises(NotOwnerError):
        office.declare(taken)
    assert is_unchanged(office, 2)


def test_an_id_that_is_taken_by_something_else_cannot_be_declared(office: Office) -> None:
    office.declare(A)
    with pytest.raises(ExistsError) as refused:
        office.declare(moved(A))
    assert refused.value.record == office.store.record(A.id)
    assert is_unchanged(office, 1)


def test_declaring_the_same_again_gives_the_same_record_and_writes_nothing(office: Office) -> None:
    first = office.declare(A)
    again = office.declare(A)
    assert again.record == first.record
    assert again.is_repeat
    assert is_unchanged(office, 1)


def test_a_repeated_declaration_tells_what_it_meets_by_now() -> None:
    office = Office(policy=RECORD)
    assert office.declare(A).findings == ()
    office.declare(B)
    again = office.declare(A)
    assert [finding.b.id for finding in again.findings] == ["B"]
    # How it stood when it was declared does not change.
    assert again.record.standing is Standing.CLEAR


def test_declaring_what_was_amended_since_is_no_repetition(office: Office) -> None:
    office.declare(A)
    office.amend(moved(A), 1)
    for item in (A, moved(A)):
        with pytest.raises(ExistsError):
            office.declare(item)
    assert is_unchanged(office, 2)


def test_a_party_declares_anew_what_it_withdrew_and_versions_go_on(office: Office) -> None:
    office.declare(A)
    office.withdraw(A, 1)
    again = office.declare(A)
    assert (again.record.version, again.record.kind, again.is_repeat) == (3, EventKind.DECLARED, False)
    assert held_ids(office) == ["A"]
    assert office.declare(A).record == again.record


def test_what_was_withdrawn_is_judged_like_any_other_when_it_is_declared_anew(office: Office) -> None:
    office.declare(A)
    office.withdraw(A, 1)
    office.declare(B)
    with pytest.raises(ConflictRefusedError):
        office.declare(A)
    assert is_unchanged(office, 3)


# Conflicts


def test_a_declaration_that_conflicts_is_refused_with_what_it_meets(office: Office) -> None:
    office.declare(A)
    with pytest.raises(ConflictRefusedError) as refused:
        office.declare(B)
    (finding,) = refused.value.findings
    assert (finding.verdict, finding.a.id, finding.b.id) == (Verdict.CONFLICT, "B", "A")
    assert "'A'" in str(refused.value)
    assert is_unchanged(office, 1)
    assert held_ids(office) == ["A"]


def test_a_refusal_names_three_and_counts_the_rest(office: Office) -> None:
    for name in "CDEFG":
        office.declare(intent(name, volume(HERE), party="north"))
    with pytest.raises(ConflictRefusedError, match="'C', 'D', 'E' and 2 more") as refused:
        office.declare(B)
    assert len(refused.value.findings) == 5


def test_where_conflicts_are_recorded_the_second_is_declared_as_conflicting() -> None:
    office = Office(policy=RECORD)
    assert office.declare(A).record.standing is Standing.CLEAR
    outcome = office.declare(B)
    assert outcome.record.standing is Standing.CONFLICTING
    assert [finding.b.id for finding in outcome.findings] == ["A"]
    assert held_ids(office) == ["A", "B"]


@pytest.mark.parametrize("policy", POLICIES)
def test_operations_of_one_party_do_not_conflict(policy: Policy) -> None:
    office = Office(policy=policy)
    office.declare(A)
    outcome = office.declare(replace(B, party=A.party))
    assert (outcome.record.standing, outcome.findings) == (Standing.CLEAR, ())


def test_priority_does_not_excuse_a_conflict(office: Office) -> None:
    office.declare(A)
    with pytest.raises(ConflictRefusedError):
        office.declare(replace(B, priority=100))


def test_what_only_touches_conflicts(office: Office) -> None:
    office.declare(A)
    after = replace(B, volumes=(volume(HERE, window(60, 90)),))
    with pytest.raises(ConflictRefusedError):
        office.declare(after)
    later = window(60, 90).shifted(1)
    assert office.declare(replace(B, volumes=(volume(HERE, later),))).record.standing is Standing.CLEAR


def test_the_gap_that_a_party_keeps_counts(office: Office) -> None:
    office = Office(policy=Policy(buffer=Buffer(time_s=600.0)))
    office.declare(A)
    with pytest.raises(ConflictRefusedError):
        office.declare(replace(B, volumes=(volume(HERE, window(70, 90)),)))
    office.declare(replace(B, volumes=(volume(HERE, window(70.1, 90)),)))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("rule", ConstraintRule)
def test_a_zone_is_never_refused(policy: Policy, rule: ConstraintRule) -> None:
    office = Office(policy=policy)
    office.declare(A)
    outcome = office.declare(replace(Z, rule=rule))
    is_keep_out = rule is ConstraintRule.KEEP_OUT
    assert outcome.record.standing is (Standing.CONFLICTING if is_keep_out else Standing.CLEAR)
    assert [finding.b.id for finding in outcome.findings] == ["A"]
    assert outcome.record.state is None


def test_an_operation_in_a_keep_out_zone_is_refused(office: Office) -> None:
    office.declare(Z)
    with pytest.raises(ConflictRefusedError):
        office.declare(A)


def test_a_notice_that_is_required_refuses_nothing(office: Office) -> None:
    office.declare(replace(Z, rule=ConstraintRule.NOTIFY_FIRST))
    outcome = office.declare(A)
    assert outcome.record.standing is Standing.CLEAR
    assert [finding.verdict for finding in outcome.findings] == [Verdict.NOTICE_REQUIRED]


def test_zones_do_not_conflict_with_zones(office: Office) -> None:
    office.declare(Z)
    outcome = office.declare(zone("Y", volume(HERE), party="north"))
    assert (outcome.record.standing, outcome.findings) == (Standing.CLEAR, ())


@pytest.mark.parametrize("state", [IntentState.NONCONFORMING, IntentState.CONTINGENT])
@pytest.mark.parametrize("policy", POLICIES)
def test_an_operation_in_trouble_is_never_refused(policy: Policy, state: IntentState) -> None:
    office = Office(policy=policy)
    office.declare(A)
    outcome = office.declare(replace(B, state=state))
    assert outcome.record.standing is Standing.CONFLICTING
    assert [finding.b.id for finding in outcome.findings] == ["A"]
    # and neither is what it says of its volumes afterwards.
    wide = replace(B, state=state, volumes=(volume(square(35.0, 36.0, 900.0)),))
    assert office.amend(wide, 1).record.standing is Standing.CONFLICTING


@pytest.mark.parametrize("event", [IntentEvent.LEAVE_VOLUMES, IntentEvent.DECLARE_CONTINGENCY])
def test_what_gets_into_trouble_in_a_conflict_is_recorded(event: IntentEvent) -> None:
    office = Office(policy=RECORD)
    office.declare(A)
    office.declare(B)
    office.policy = Policy()
    assert office.change_state(B, event, 1).record.standing is Standing.CONFLICTING


def test_a_plan_in_a_conflict_cannot_be_activated(office: Office) -> None:
    # Given a plan, and an operation that came into its volumes in trouble
    office.declare(A)
    office.declare(replace(B, state=IntentState.CONTINGENT))
    # When it is to be activated, then that is refused
    with pytest.raises(ConflictRefusedError):
        office.change_state(A, IntentEvent.ACTIVATE, 1)
    assert is_unchanged(office, 2)
    # and recorded where the policy says so.
    office.policy = RECORD
    assert office.change_state(A, IntentEvent.ACTIVATE, 1).record.standing is Standing.CONFLICTING


# Amending


def test_an_amended_item_is_held_in_place_of_the_old_one(office: Office) -> None:
    office.declare(A)
    outcome = office.amend(moved(A), 1)
    assert (outcome.record.version, outcome.record.kind) == (2, EventKind.AMENDED)
    assert FORM.read(outcome.record.text) == moved(A)
    assert held_ids(office) == ["A"]
    assert office.declare(B).record.standing is Standing.CLEAR


def test_an_item_does_not_conflict_with_its_own_old_version(office: Office) -> None:
    office.declare(A)
    assert office.amend(replace(A, priority=1), 1).findings == ()


def test_an_amendment_into_a_conflict_is_refused_and_the_old_version_stays(office: Office) -> None:
    office.declare(A)
    office.declare(moved(B))
    with pytest.raises(ConflictRefusedError):
        office.amend(B, 1)
    assert is_unchanged(office, 2)
    with pytest.raises(ConflictRefusedError):
        office.declare(intent("C", volume(ELSEWHERE)))


def test_what_is_not_declared_cannot_be_amended(office: Office) -> None:
    with pytest.raises(NotFoundError) as refused:
        office.amend(A, 1)
    assert refused.value.item_id == "A"
    office.declare(A)
    office.withdraw(A, 1)
    with pytest.raises(NotFoundError):
        office.amend(A, 2)


def test_only_the_owner_amends(office: Office) -> None:
    office.declare(A)
    with pytest.raises(NotOwnerError):
        office.make("south", lambda declaring: declaring.amend(moved(A), 1))
    with pytest.raises(NotOwnerError):
        office.amend(replace(A, party=PartyId("south")), 1)
    assert is_unchanged(office, 1)


@pytest.mark.parametrize("version", [0, 2, 7, -1])
def test_another_version_than_the_latest_cannot_be_amended(office: Office, version: int) -> None:
    office.declare(A)
    with pytest.raises(VersionMismatchError) as refused:
        office.amend(moved(A), version)
    assert (refused.value.record.version, refused.value.named) == (1, version)
    assert is_unchanged(office, 1)


def test_amending_the_same_again_gives_the_same_record_and_writes_nothing(office: Office) -> None:
    office.declare(A)
    first = office.amend(moved(A), 1)
    again = office.amend(moved(A), 1)
    assert again.record == first.record
    assert again.is_repeat
    assert is_unchanged(office, 2)


def test_another_amendment_of_an_old_version_is_no_repetition(office: Office) -> None:
    office.declare(A)
    office.amend(moved(A), 1)
    with pytest.raises(VersionMismatchError):
        office.amend(replace(A, priority=2), 1)
    with pytest.raises(VersionMismatchError):
        office.amend(moved(A), 0)


def test_an_operation_cannot_become_a_zone_nor_a_zone_an_operation(office: Office) -> None:
    office.declare(A)
    office.declare(zone("Y", volume(ELSEWHERE), party="north"))
    for item in (zone("A", volume(HERE), party="north"), intent("Y", volume(ELSEWHERE), party="north")):
        with pytest.raises(InvalidValueError) as refused:
            office.amend(item, 1)
        assert refused.value.field == "kind"
    assert is_unchanged(office, 2)


def test_a_zone_can_be_amended(office: Office) -> None:
    office.declare(Z)
    relaxed = replace(Z, rule=ConstraintRule.NOTIFY_FIRST)
    assert office.amend(relaxed, 1).record.label.rule is ConstraintRule.NOTIFY_FIRST
    assert [finding.verdict for finding in office.declare(A).findings] == [Verdict.NOTICE_REQUIRED]


@pytest.mark.parametrize(("before", "after"), list(itertools.product(IntentState, IntentState)))
def test_an_amendment_changes_the_state_as_the_table_allows(before: IntentState, after: IntentState) -> None:
    # Given an operation in a state
    office = in_state(before)
    version = office.version("A")
    # When it is amended into another
    reachable = {before} | {end for (start, _), end in TRANSITIONS.items() if start is before}
    amended = replace(moved(A), state=after)
    # Then that is one step, and to end is a step of its own
    if after in reachable - {IntentState.ENDED}:
        assert office.amend(amended, version).record.state is after
    else:
        with pytest.raises(StateRefusedError):
            office.amend(amended, version)
        assert office.version("A") == version


# Withdrawing


def test_a_withdrawn_item_is_held_no_longer(office: Office) -> None:
    office.declare(A)
    outcome = office.withdraw(A, 1)
    assert (outcome.record.version, outcome.record.kind) == (2, EventKind.WITHDRAWN)
    assert FORM.read(outcome.record.text) == A
    assert held_ids(office) == []
    assert office.declare(B).record.standing is Standing.CLEAR


def test_only_the_owner_withdraws_and_only_the_version_that_was_named(office: Office) -> None:
    office.declare(A)
    with pytest.raises(NotOwnerError):
        office.withdraw(A, 1, party="south")
    with pytest.raises(VersionMismatchError):
        office.withdraw(A, 2)
    with pytest.raises(NotFoundError):
        office.withdraw(B, 1)
    assert is_unchanged(office, 1)


def test_withdrawing_again_gives_the_same_record_and_writes_nothing(office: Office) -> None:
    office.declare(A)
    first = office.withdraw(A, 1)
    again = office.withdraw(A, 1)
    assert (again.record, again.is_repeat) == (first.record, True)
    with pytest.raises(NotFoundError):
        office.withdraw(A, 2)
    with pytest.raises(NotOwnerError):
        office.withdraw(A, 1, party="south")
    assert is_unchanged(office, 2)


def test_what_has_ended_can_be_withdrawn_so_that_its_id_is_free(office: Office) -> None:
    office.declare(A)
    office.change_state(A, IntentEvent.END, 1)
    with pytest.raises(ExistsError):
        office.declare(moved(A))
    office.withdraw(A, 2)
    assert office.declare(moved(A)).record.version == 4


# States

_WAYS: dict[IntentState, tuple[IntentEvent, ...]] = {
    IntentState.ACCEPTED: (),
    IntentState.ACTIVATED: (IntentEvent.ACTIVATE,),
    IntentState.NONCONFORMING: (IntentEvent.LEAVE_VOLUMES,),
    IntentState.CONTINGENT: (IntentEvent.DECLARE_CONTINGENCY,),
    IntentState.ENDED: (IntentEvent.END,),
}


def in_state(state: IntentState) -> Office:
    """Return an office that has the operation A in a state."""
    office = Office()
    office.declare(A)
    for event in _WAYS[state]:
        office.change_state(A, event, 1)
    return office


@pytest.mark.parametrize(("state", "event"), list(itertools.product(IntentState, IntentEvent)))
def test_the_state_changes_by_the_table_and_not_otherwise(state: IntentState, event: IntentEvent) -> None:
    office = in_state(state)
    version = office.version("A")
    following = TRANSITIONS.get((state, event))
    if following is None:
        with pytest.raises(StateRefusedError):
            office.change_state(A, event, version)
        assert office.version("A") == version
    else:
        record = office.change_state(A, event, version).record
        assert (record.state, record.version, record.kind) == (
            following,
            version + 1,
            EventKind.STATE_CHANGED,
        )
        assert FORM.read(record.text) == replace(A, state=following)
        assert ("A" in office.held.picture) == (following is not IntentState.ENDED)


@pytest.mark.parametrize("event", IntentEvent)
def test_a_zone_has_no_state_to_change(office: Office, event: IntentEvent) -> None:
    office.declare(Z)
    with pytest.raises(StateRefusedError, match="zones have no state"):
        office.change_state(zone("Z", volume(HERE), party="south"), event, 1)


def test_only_the_owner_changes_the_state_and_only_of_the_version_that_was_named(office: Office) -> None:
    office.declare(A)
    with pytest.raises(NotOwnerError):
        office.change_state(A, IntentEvent.ACTIVATE, 1, party="south")
    with pytest.raises(VersionMismatchError):
        office.change_state(A, IntentEvent.ACTIVATE, 2)
    with pytest.raises(NotFoundError):
        office.change_state(B, IntentEvent.ACTIVATE, 1)
    assert is_unchanged(office, 1)


@pytest.mark.parametrize("event", [event for (start, event) in TRANSITIONS if start is IntentState.ACCEPTED])
def test_changing_the_state_again_gives_the_same_record_and_writes_nothing(
    office: Office, event: IntentEvent
) -> None:
    office.declare(A)
    first = office.change_state(A, event, 1)
    again = office.change_state(A, event, 1)
    assert (again.record, again.is_repeat) == (first.record, True)
    assert is_unchanged(office, 2)


def test_another_change_of_state_of_an_old_version_is_no_repetition(office: Office) -> None:
    office.declare(A)
    office.change_state(A, IntentEvent.ACTIVATE, 1)
    with pytest.raises(VersionMismatchError):
        office.change_state(A, IntentEvent.END, 1)
    assert is_unchanged(office, 2)


def test_an_ended_operation_leaves_the_picture_and_does_not_come_back(office: Office) -> None:
    office.declare(A)
    office.change_state(A, IntentEvent.END, 1)
    assert office.declare(B).record.standing is Standing.CLEAR
    with pytest.raises(StateRefusedError, match="final"):
        office.change_state(A, IntentEvent.ACTIVATE, 2)
    with pytest.raises(StateRefusedError, match="final"):
        office.amend(moved(A), 2)


def test_an_operation_ends_also_when_it_is_in_conflict() -> None:
    office = Office(policy=RECORD)
    office.declare(A)
    office.declare(B)
    office.policy = Policy()
    assert office.change_state(B, IntentEvent.END, 1).record.state is IntentState.ENDED


def test_an_operation_cannot_be_declared_as_ended(office: Office) -> None:
    with pytest.raises(StateRefusedError, match="ended"):
        office.declare(replace(A, state=IntentState.ENDED))
    assert is_unchanged(office, 0)


# Limits


@pytest.mark.parametrize("count", [3, 4])
def test_an_item_has_no_more_volumes_than_the_limit(count: int) -> None:
    office = Office(policy=Policy(volumes_max=3))
    item = replace(A, volumes=tuple(volume(HERE) for _ in range(count)))
    if count == 3:
        office.declare(item)
    else:
        with pytest.raises(InvalidValueError, match="4 volumes are over this node's limit of 3") as refused:
            office.declare(item)
        assert refused.value.field == "volumes"


@pytest.mark.parametrize("limit", [8, 7])
def test_the_polygons_of_an_item_have_no_more_vertices_than_the_limit(limit: int) -> None:
    office = Office(policy=Policy(vertices_max=limit))
    circle = volume(Circle(center=LatLng(35.0, 36.0), radius_m=500.0))
    item = replace(A, volumes=(volume(HERE), volume(HERE), circle))
    if limit == 8:
        office.declare(item)
    else:
        with pytest.raises(InvalidValueError, match="8 vertices are over this node's limit of 7"):
            office.declare(item)


def test_an_item_starts_within_the_horizon(office: Office) -> None:
    office = Office(policy=Policy(horizon_s=3_600.0))
    office.declare(replace(A, volumes=(volume(HERE, window(60, 90)),)))
    with pytest.raises(InvalidValueError, match="farther ahead than this node looks"):
        office.declare(replace(B, volumes=(volume(ELSEWHERE, window(60, 90).shifted(1)),)))
    # It is the start of the first volume that counts.
    office.declare(replace(B, volumes=(volume(ELSEWHERE, window(50, 300)),)))


def test_an_item_that_is_over_is_refused_once_the_grace_has_passed(office: Office) -> None:
    office.now = at(60) + timedelta(seconds=EXPIRY_GRACE_S)
    office.declare(A)
    office.now += timedelta(milliseconds=1)
    with pytest.raises(InvalidValueError, match="all of it is over"):
        office.declare(moved(B))


@pytest.mark.parametrize(
    "item",
    [
        replace(moved(A), volumes=tuple(volume(ELSEWHERE) for _ in range(4))),
        replace(A, volumes=(volume(ELSEWHERE, window(-120, -60)),)),
        replace(A, volumes=(volume(ELSEWHERE, window(120, 180)),)),
    ],
)
def test_limits_hold_for_amendments_too(item: Item) -> None:
    office = Office(policy=Policy(volumes_max=3, horizon_s=3_600.0))
    office.declare(A)
    with pytest.raises(InvalidValueError):
        office.amend(item, 1)
    assert is_unchanged(office, 1)


def test_limits_that_became_narrower_do_not_keep_an_operation_from_changing_its_state(
    office: Office,
) -> None:
    office.declare(replace(A, volumes=(volume(HERE), volume(HERE))))
    office.policy = Policy(volumes_max=1)
    office.change_state(A, IntentEvent.ACTIVATE, 1)
    office.change_state(A, IntentEvent.END, 2)


def test_an_operation_whose_time_is_over_does_not_come_back_by_a_change_of_state(office: Office) -> None:
    # Given a plan whose time is over, so that it is held no longer
    office.declare(A)
    office.now = at(61)
    # When it is activated late, for the record
    office.change_state(A, IntentEvent.ACTIVATE, 1)
    # Then it is not held again
    assert held_ids(office) == []


def test_everything_refused_is_an_error_of_ours() -> None:
    for error in (NotFoundError, NotOwnerError, ExistsError, VersionMismatchError, StateRefusedError):
        assert issubclass(error, KeepclearError)
    assert str(NotOwnerError(ItemId("A"), None)).startswith("'A' is an item of nobody")
