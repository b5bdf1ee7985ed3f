"""Negotiate: what both parties accepted is done by each party's own node, once, wherever it was accepted."""

from __future__ import annotations

from typing import Any

import pytest

from keepclear.adapters.notary import Notary, sign_deed
from keepclear.adapters.store.form import JsonForm
from keepclear.core.conflicts import Item
from keepclear.core.deeds import Answer, Change, Deed, Proposal, Withdrawal
from keepclear.core.geodesy import LatLng
from keepclear.core.ledger import Coordination
from keepclear.core.negotiation import NegotiationState
from keepclear.core.refs import ItemRef
from keepclear.node.negotiate import CarriedOut, Spoken, carry_out, speak
from keepclear.node.outcomes import RefusedError
from keepclear.node.policy import ConflictPolicy, Policy
from keepclear.node.ports import Record
from keepclear.node.workbench import Voice, Workbench
from tests.node.parties import HERE, Party, exchange, give, operation, paired, ref

FORM = JsonForm()
ASIDE = LatLng(36.0, 36.0)
FARTHER = LatLng(37.0, 36.0)
CONFLICT = (ref("alpha", "A1"), ref("bravo", "B1"))


@pytest.fixture
def parties() -> tuple[Party, Party]:
    """Return two parties whose operations conflict, and who know it."""
    alpha, bravo = paired("alpha", "bravo")
    alpha.declare(operation("A1", "alpha"))
    bravo.declare(operation("B1", "bravo"))
    exchange(alpha, bravo)
    return alpha, bravo


def proposal(name: str, *items: Item) -> Proposal:
    changes = [Change(item=_first(item), becomes=FORM.write(item)) for item in items]
    return Proposal(id=name, conflict=CONFLICT, changes=tuple(changes))


def _first(item: Item) -> ItemRef:
    assert item.party is not None
    return ref(item.party, item.id)


def spoken(party: Party, deed: Deed) -> Spoken:
    """Have an officer say something, as the API does."""
    party.nonce += 1
    jws = sign_deed(
        deed, party.officer_key, party=party.name, person="Ann", at_ms=0, nonce=f"spoken-{party.nonce}"
    )
    answer = party.do(lambda declaring: speak(declaring, jws))
    assert isinstance(answer, Spoken)
    return answer


def record(party: Party, item_id: str) -> Record:
    found = party.store.record(item_id)  # type: ignore[arg-type]
    assert found is not None
    return found


def refusing(party: Party) -> None:
    """Have the node of a party refuse conflicts."""
    before = party.bench
    assert before.logs is not None
    party.bench = Workbench(
        party.store,
        FORM,
        Policy(conflicts=ConflictPolicy.REFUSE),
        lambda: party.now,
        voice=Voice(
            party=party.name,
            notary=Notary(party.name, party.node_key),
            root_key_of=lambda known: bytes.fromhex(known.card),
        ),
    )


def states(party: Party) -> dict[str, NegotiationState]:
    assert party.bench.logs is not None
    return {each.proposal.id: each.state for each in party.bench.logs.ledger.negotiations.all()}


def test_an_item_of_the_proposer_is_changed_when_the_word_of_the_other_arrives(
    parties: tuple[Party, Party],
) -> None:
    alpha, bravo = parties
    alpha.say(proposal("alpha/1", operation("A1", "alpha", ASIDE)))
    give(alpha, bravo)
    bravo.say(Answer(proposal="alpha/1", is_accepted=True))
    assert record(alpha, "A1").version == 1
    give(bravo, alpha)
    assert (record(alpha, "A1").version, record(alpha, "A1").actor.party) == (2, "alpha")
    give(alpha, bravo)
    for party in parties:
        assert states(party) == {"alpha/1": NegotiationState.ACCEPTED}
    assert alpha.coordinated("A1").conflicts == []
    assert alpha.coordinated("A1").state is Coordination.WAITING  # it begins anew: nobody has seen it so


def test_an_item_of_who_accepts_is_changed_with_the_word(parties: tuple[Party, Party]) -> None:
    alpha, bravo = parties
    alpha.say(proposal("alpha/1", operation("B1", "bravo", ASIDE)))
    give(alpha, bravo)
    told = spoken(bravo, Answer(proposal="alpha/1", is_accepted=True))
    assert bravo.bench.logs is not None
    assert told.n == bravo.bench.logs[bravo.name].tree.size - 2  # then comes the amendment
    assert [(each.label.id, each.version) for each in told.carried_out.amended] == [("B1", 2)]
    assert told.carried_out.not_amended == []


def test_each_node_changes_only_the_items_of_its_party(parties: tuple[Party, Party]) -> None:
    alpha, bravo = parties
    both = proposal("alpha/1", operation("A1", "alpha", ASIDE), operation("B1", "bravo", FARTHER))
    alpha.say(both)
    give(alpha, bravo)
    told = spoken(bravo, Answer(proposal="alpha/1", is_accepted=True))
    assert [each.label.id for each in told.carried_out.amended] == ["B1"]
    exchange(bravo, alpha)
    assert [record(alpha, name).version for name in ("A1", "bravo:B1")] == [2, 2]
    assert [record(bravo, name).version for name in ("alpha:A1", "B1")] == [2, 2]


def test_nothing_is_changed_twice(parties: tuple[Party, Party]) -> None:
    alpha, bravo = parties
    alpha.say(proposal("alpha/1", operation("A1", "alpha", ASIDE)))
    give(alpha, bravo)
    bravo.say(Answer(proposal="alpha/1", is_accepted=True))
    for _ in range(3):
        exchange(bravo, alpha)
        alpha.restart()
    alpha.declare(operation("A2", "alpha", FARTHER))
    alpha.acknowledge(ref("bravo", "B1"))
    assert record(alpha, "A1").version == 2
    assert alpha.do(carry_out) == CarriedOut(amended=[], not_amended=[])


def test_what_was_changed_by_hand_meanwhile_is_left_alone(parties: tuple[Party, Party]) -> None:
    alpha, bravo = parties
    alpha.say(proposal("alpha/1", operation("A1", "alpha", ASIDE)))
    give(alpha, bravo)
    bravo.say(Answer(proposal="alpha/1", is_accepted=True))
    alpha.amend(operation("A1", "alpha", FARTHER), 1)
    give(bravo, alpha)
    assert record(alpha, "A1").version == 2
    assert states(alpha) == {"alpha/1": NegotiationState.SUPERSEDED}


@pytest.mark.parametrize("is_accepted", [False, None])
def test_without_acceptance_nothing_is_changed(
    parties: tuple[Party, Party], is_accepted: bool | None
) -> None:
    alpha, bravo = parties
    alpha.say(proposal("alpha/1", operation("A1", "alpha", ASIDE)))
    give(alpha, bravo)
    if is_accepted is not None:
        bravo.say(Answer(proposal="alpha/1", is_accepted=is_accepted))
    exchange(bravo, alpha)
    assert record(alpha, "A1").version == 1


def test_what_was_taken_back_before_the_word_arrived_is_not_done(parties: tuple[Party, Party]) -> None:
    alpha, bravo = parties
    alpha.say(proposal("alpha/1", operation("A1", "alpha", ASIDE)))
    give(alpha, bravo)
    bravo.say(Answer(proposal="alpha/1", is_accepted=True))
    alpha.say(Withdrawal(proposal="alpha/1"))
    give(bravo, alpha)
    assert record(alpha, "A1").version == 1


def test_of_two_accepted_proposals_that_differ_none_is_done(parties: tuple[Party, Party]) -> None:
    alpha, bravo = parties
    for name, at in (("alpha/1", ASIDE), ("alpha/2", FARTHER)):
        alpha.say(proposal(name, operation("A1", "alpha", at)))
    give(alpha, bravo)
    for name in ("alpha/1", "alpha/2"):
        bravo.say(Answer(proposal=name, is_accepted=True))
    give(bravo, alpha)
    assert record(alpha, "A1").version == 1


def test_what_the_policy_refuses_is_told_and_is_tried_again(parties: tuple[Party, Party]) -> None:
    alpha, bravo = parties
    bravo.declare(operation("B2", "bravo", ASIDE))
    give(bravo, alpha)
    refusing(alpha)
    bravo.say(proposal("bravo/1", operation("A1", "alpha", ASIDE)))
    give(bravo, alpha)
    told = spoken(alpha, Answer(proposal="bravo/1", is_accepted=True))
    (kept,) = told.carried_out.not_amended
    assert (kept.item, "'bravo:B2'" in kept.reason) == (ref("alpha", "A1"), True)
    assert list(alpha.bench.not_amended) == [kept]
    assert record(alpha, "A1").version == 1
    bravo.do(lambda declaring: declaring.withdraw(record(bravo, "B2").label.id, 1))
    give(bravo, alpha)
    assert (record(alpha, "A1").version, alpha.bench.not_amended) == (2, [])


def test_a_conflict_with_what_the_same_proposal_changes_does_not_stand_in_the_way(
    parties: tuple[Party, Party],
) -> None:
    alpha, bravo = parties
    for party in parties:
        refusing(party)
    swapped = (operation("A1", "alpha", ASIDE), operation("B1", "bravo", FARTHER))
    alpha.say(proposal("alpha/1", *swapped))
    give(alpha, bravo)
    told = spoken(bravo, Answer(proposal="alpha/1", is_accepted=True))
    assert [each.label.id for each in told.carried_out.amended] == ["B1"]
    half = operation("A1", "alpha", HERE)
    assert record(alpha, "A1").text == FORM.write(half)
    exchange(bravo, alpha)
    assert record(alpha, "A1").version == 2


def test_what_is_over_cannot_be_changed_and_that_is_told(parties: tuple[Party, Party]) -> None:
    alpha, bravo = parties
    bravo.say(proposal("bravo/1", operation("A1", "alpha", ASIDE)))
    give(bravo, alpha)
    alpha.now = alpha.now.replace(hour=14)  # both operations ended at one o'clock
    told = spoken(alpha, Answer(proposal="bravo/1", is_accepted=True))
    (kept,) = told.carried_out.not_amended
    assert "is over since" in kept.reason


def test_what_is_out_of_place_changes_nothing(parties: tuple[Party, Party]) -> None:
    alpha, _ = parties
    assert alpha.bench.logs is not None
    size = alpha.bench.logs[alpha.name].tree.size
    with pytest.raises(RefusedError, match="no proposal 'bravo/9' has arrived"):
        spoken(alpha, Answer(proposal="bravo/9", is_accepted=True))
    assert alpha.bench.logs[alpha.name].tree.size == size


def test_listeners_hear_of_what_was_changed(parties: tuple[Party, Party]) -> None:
    alpha, bravo = parties
    heard: list[Any] = []
    alpha.bench._published = heard.extend
    alpha.say(proposal("alpha/1", operation("A1", "alpha", ASIDE)))
    give(alpha, bravo)
    bravo.say(Answer(proposal="alpha/1", is_accepted=True))
    give(bravo, alpha)
    assert [(each.label.id, each.version) for each in heard] == [("A1", 2)]
