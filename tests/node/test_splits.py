"""While the fallback applies, each party keeps to its side of the agreed altitude."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepclear.codec import agreements
from keepclear.core.agreements import Agreement, Fallback, Minima, Terms, Timers, digest
from keepclear.core.altitudes import AltitudeBand
from keepclear.core.conflicts import NO_BUFFER
from keepclear.core.deeds import AgreementAnswer, AgreementProposal, LineChange
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import IntentState, ItemId, OperationalIntent
from keepclear.core.ledger import Coordination
from keepclear.core.shifts import Limits
from keepclear.core.split import Split
from keepclear.node.declare import Declaring
from keepclear.node.outcomes import ConflictRefusedError, Outcome
from keepclear.node.policy import ConflictPolicy, Policy
from keepclear.node.ports import Standing
from tests.node.parties import NOON, Party, exchange, give, operation, paired, ref

FAR = LatLng(10.0, 10.0)


def at_height(item_id: str, party: str, lower_m: float, at: LatLng = FAR) -> OperationalIntent:
    """Return an operation that is 400 m high."""
    item = operation(item_id, party, at)
    space = replace(item.volumes[0].volume, altitude=AltitudeBand(lower_m=lower_m, upper_m=lower_m + 400.0))
    return replace(item, volumes=(replace(item.volumes[0], volume=space),))


@pytest.fixture
def two() -> list[Party]:
    alpha, bravo = paired("alpha", "bravo")
    exchange(alpha, bravo)
    text = agreements.encode(
        Agreement(
            version=1,
            terms=(Terms(party=alpha.name), Terms(party=bravo.name)),
            minima=Minima(lateral_m=1_000.0, vertical_m=300.0),
            buffer=NO_BUFFER,
            timers=Timers(seen_s=60.0, answered_s=600.0),
            fallback=Fallback(split=Split(below=alpha.name, altitude_m=3_000.0)),
        )
    )
    alpha.say(AgreementProposal(text=text))
    exchange(alpha, bravo)
    bravo.say(AgreementAnswer(digest=digest(text), is_accepted=True))
    exchange(bravo, alpha)
    return [alpha, bravo]


def hold(party: Party, other: Party, is_hold: bool = True) -> None:
    party.say(LineChange(peer=other.name, is_hold=is_hold, reason="by order"))
    give(party, other)


def refusing(party: Party, item: OperationalIntent) -> Outcome:
    def change(declaring: Declaring) -> Outcome:
        return replace(declaring, policy=Policy(conflicts=ConflictPolicy.REFUSE)).declare(item)

    outcome = party.do(change)
    assert isinstance(outcome, Outcome)
    return outcome


def test_a_check_answers_the_split_only_while_the_fallback_applies(two: list[Party]) -> None:
    alpha, bravo = two
    high = at_height("A1", "alpha", 2_800.0)
    assert not alpha.bench.present().check(high).breaches
    hold(bravo, alpha)
    checked = alpha.bench.present().check(high)
    assert [(each.item, each.peer, each.reach_m) for each in checked.breaches] == [("A1", "bravo", 200.0)]
    assert (checked.total, checked.breach_total, checked.reason) == (0, 1, None)
    assert not alpha.bench.present().check(at_height("A1", "alpha", 2_600.0)).breaches, "it touches the plane"
    assert not alpha.bench.present().check(replace(high, state=IntentState.ENDED)).breaches
    hold(bravo, alpha, is_hold=False)
    assert not alpha.bench.present().check(high).breaches


def test_both_nodes_tell_the_breaches_of_both_parties(two: list[Party]) -> None:
    alpha, bravo = two
    alpha.declare(at_height("A1", "alpha", 2_800.0))
    bravo.declare(at_height("B1", "bravo", 2_900.0))
    bravo.declare(at_height("B2", "bravo", 4_000.0, LatLng(20.0, 20.0)))
    exchange(alpha, bravo)
    hold(alpha, bravo)
    for party, names in ((alpha, ["A1", "bravo:B1"]), (bravo, ["B1", "alpha:A1"])):
        checked = party.bench.present().conflicts(0, 10)
        assert sorted(each.item for each in checked.breaches) == names
        assert checked.breach_total == 2
    alpha.now = bravo.now = NOON.replace(hour=20)
    assert not alpha.bench.present().conflicts(0, 10).breaches, "they are over"


def test_a_declaration_beyond_the_plane_is_refused_or_recorded_as_conflicting(two: list[Party]) -> None:
    alpha, bravo = two
    hold(alpha, bravo)
    with pytest.raises(
        ConflictRefusedError, match="to stay below 3,000 m while the fallback with 'bravo'"
    ) as caught:
        refusing(alpha, at_height("A1", "alpha", 2_800.0))
    assert [each.item for each in caught.value.breaches] == ["A1"]
    assert refusing(alpha, at_height("A1", "alpha", 100.0)).record.standing is Standing.CLEAR
    outcome = alpha.do(lambda declaring: declaring.declare(at_height("A2", "alpha", 2_800.0)))
    assert isinstance(outcome, Outcome)
    assert outcome.record.standing is Standing.CONFLICTING
    assert [each.item for each in outcome.breaches] == ["A2"]
    again = alpha.do(lambda declaring: declaring.declare(at_height("A2", "alpha", 2_800.0)))
    assert isinstance(again, Outcome)
    assert (again.is_repeat, again.breaches) == (True, outcome.breaches)


def test_what_another_party_states_beyond_the_plane_is_recorded_all_the_same(two: list[Party]) -> None:
    alpha, bravo = two
    hold(alpha, bravo)
    bravo.declare(at_height("B1", "bravo", 100.0))
    give(bravo, alpha)
    assert [each.item for each in alpha.bench.present().conflicts(0, 10).breaches] == ["bravo:B1"]


def test_what_breaks_a_split_is_conflicting_and_not_coordinated_while_the_fallback_applies(
    two: list[Party],
) -> None:
    alpha, bravo = two
    alpha.declare(at_height("A1", "alpha", 2_800.0))
    alpha.declare(at_height("A2", "alpha", 2_600.0, LatLng(20.0, 20.0)))
    exchange(alpha, bravo)
    for name in ("A1", "A2"):
        bravo.acknowledge(ref("alpha", name))
    exchange(alpha, bravo)

    def told(name: str) -> list[tuple[Coordination, list[str]]]:
        found = [alpha.coordinated(name), bravo.coordinated(f"alpha:{name}")]
        return [(each.state, [breach.peer for breach in each.breaches]) for each in found]

    assert told("A1") == told("A2") == [(Coordination.COORDINATED, [])] * 2
    hold(bravo, alpha)
    assert told("A1") == [(Coordination.CONFLICTING, ["bravo"])] * 2
    assert told("A2") == [(Coordination.COORDINATED, [])] * 2, "it touches the plane"
    hold(bravo, alpha, is_hold=False)
    assert told("A1") == [(Coordination.COORDINATED, [])] * 2
    hold(bravo, alpha)
    alpha.do(lambda declaring: declaring.withdraw(ItemId("A1"), 1))
    exchange(alpha, bravo)
    assert told("A1") == [(Coordination.OVER, [])] * 2


def test_no_change_is_offered_that_breaks_the_split(two: list[Party]) -> None:
    alpha, bravo = two
    bravo.declare(at_height("B1", "bravo", 2_300.0))
    exchange(alpha, bravo)
    ours = at_height("A1", "alpha", 2_500.0)
    before = alpha.bench.present().resolve(ours, Limits())
    assert any(change.item.volumes[0].volume.altitude.upper_m > 3_000.0 for change in before.changes)
    hold(alpha, bravo)
    moment = alpha.bench.present()
    after = moment.resolve(ours, Limits())
    assert after.changes
    assert not any(moment.check(change.item).breaches for change in after.changes)
    assert any("altitude split" in reason for _, reason in after.undecided)
