"""Coordinate: each word of the definitions, and that equal statements give equal answers at any node."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.store.form import JsonForm
from keepclear.codec import agreements
from keepclear.core.agreements import (
    Agreement,
    AreaOfInterest,
    Minima,
    Terms,
    Timers,
    digest,
)
from keepclear.core.altitudes import AltitudeBand
from keepclear.core.conflicts import NO_BUFFER, Buffer
from keepclear.core.deeds import (
    AgreementAnswer,
    AgreementProposal,
    Answer,
    Change,
    LineChange,
    Objection,
    Proposal,
    Withdrawal,
)
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import ItemId
from keepclear.core.ledger import Coordination
from keepclear.core.shapes import Circle
from keepclear.core.times import floor_ms
from keepclear.node.coordinate import Coordinated, Coordinating, Receipt, had_at
from keepclear.node.outcomes import NotFoundError
from tests.node.parties import HERE, Party, exchange, give, operation, paired, ref

ASIDE = LatLng(36.0, 36.0)
FORM = JsonForm()
CONFLICT = (ref("alpha", "A1"), ref("bravo", "B1"))


def agree(
    a: Party,
    b: Party,
    *,
    buffer: Buffer = NO_BUFFER,
    areas: dict[str, Sequence[AreaOfInterest]] | None = None,
    version: int = 1,
) -> None:
    """Have two parties agree on the gap to keep, and on where each is concerned."""
    interest = areas or {}
    first, second = sorted((a.name, b.name))
    text = agreements.encode(
        Agreement(
            version=version,
            terms=(
                Terms(party=first, areas=tuple(interest.get(first, ()))),
                Terms(party=second, areas=tuple(interest.get(second, ()))),
            ),
            minima=Minima(lateral_m=1_000.0, vertical_m=300.0),
            buffer=buffer,
            timers=Timers(seen_s=60.0, answered_s=600.0),
        )
    )
    a.say(AgreementProposal(text=text))
    give(a, b)
    b.say(AgreementAnswer(digest=digest(text), is_accepted=True))
    give(b, a)


def area(at: LatLng, radius_m: float = 1_000.0, band: AltitudeBand | None = None) -> AreaOfInterest:
    return AreaOfInterest(outline=Circle(center=at, radius_m=radius_m), altitude=band or AltitudeBand())


def receipt(told: Coordinated, party: str) -> Receipt:
    (found,) = [each for each in told.receipts if each.party == party]
    return found


# -- delivered, seen, answered ----------------------------------------------------------------------


def test_coordinated_is_what_everybody_concerned_has_received_and_seen() -> None:
    alpha, bravo, charlie = paired("alpha", "bravo", "charlie")
    alpha.declare(operation("A1", "alpha"))
    assert alpha.coordinated("A1").state is Coordination.WAITING
    for other in (bravo, charlie):
        exchange(alpha, other)
    told = alpha.coordinated("A1")
    assert told.state is Coordination.WAITING
    assert [(each.is_delivered, each.seen) for each in told.receipts] == [(True, None)] * 2
    bravo.acknowledge(ref("alpha", "A1"))
    exchange(bravo, alpha)
    assert alpha.coordinated("A1").state is Coordination.WAITING
    charlie.acknowledge(ref("alpha", "A1"))
    exchange(charlie, alpha)
    assert alpha.coordinated("A1").state is Coordination.COORDINATED


def test_an_item_that_was_only_delivered_was_not_seen() -> None:
    alpha, bravo = paired("alpha", "bravo")
    alpha.declare(operation("A1", "alpha"))
    exchange(alpha, bravo)
    found = receipt(alpha.coordinated("A1"), "bravo")
    assert (found.is_delivered, found.delivered_s, found.seen, found.answered) == (
        True,
        round(bravo.now.timestamp()),
        None,
        None,
    )


def test_an_objection_answers_and_does_not_see() -> None:
    alpha, bravo = paired("alpha", "bravo")
    alpha.declare(operation("A1", "alpha"))
    exchange(alpha, bravo)
    bravo.say(Objection(item=ref("alpha", "A1"), reason="too low"))
    exchange(bravo, alpha)
    found = receipt(alpha.coordinated("A1"), "bravo")
    assert found.answered is not None
    assert (found.answered.what, found.seen) == ("objected", None)


def test_an_amendment_starts_delivered_and_seen_anew() -> None:
    alpha, bravo = paired("alpha", "bravo")
    alpha.declare(operation("A1", "alpha"))
    exchange(alpha, bravo)
    bravo.acknowledge(ref("alpha", "A1"))
    exchange(bravo, alpha)
    alpha.amend(operation("A1", "alpha", ASIDE), 1)
    told = alpha.coordinated("A1")
    found = receipt(told, "bravo")
    assert (told.state, found.is_delivered, found.seen) == (Coordination.WAITING, False, None)


def test_what_was_withdrawn_is_over() -> None:
    alpha, bravo = paired("alpha", "bravo")
    alpha.declare(operation("A1", "alpha"))
    bravo.declare(operation("B1", "bravo"))
    exchange(alpha, bravo)
    alpha.do(lambda declaring: declaring.withdraw(ItemId("A1"), 1))
    exchange(alpha, bravo)
    assert alpha.coordinated("A1").state is Coordination.OVER
    assert bravo.coordinated("B1").conflicts == []


def test_of_what_was_never_stated_nothing_is_told() -> None:
    (alpha,) = paired("alpha")
    with pytest.raises(NotFoundError):
        alpha.coordinated("A1")


# -- conflicting, contested, open -------------------------------------------------------------------


def test_contested_are_two_that_did_not_know_of_each_other() -> None:
    alpha, bravo = paired("alpha", "bravo")
    alpha.declare(operation("A1", "alpha"))
    bravo.declare(operation("B1", "bravo"))
    exchange(alpha, bravo)
    for party, ours, theirs in ((alpha, "A1", "bravo:B1"), (bravo, "B1", "alpha:A1")):
        for local_id in (ours, theirs):
            assert party.coordinated(local_id).state is Coordination.CONTESTED
        assert party.coordinated(ours).open_conflicts == [theirs]


def test_conflicting_is_what_was_declared_knowingly_into_a_conflict() -> None:
    alpha, bravo = paired("alpha", "bravo")
    alpha.declare(operation("A1", "alpha"))
    exchange(alpha, bravo)
    bravo.declare(operation("B1", "bravo"))
    exchange(alpha, bravo)
    for party, names in ((alpha, ("A1", "bravo:B1")), (bravo, ("B1", "alpha:A1"))):
        assert {party.coordinated(name).state for name in names} == {Coordination.CONFLICTING}


def test_no_clock_decides_between_the_two() -> None:
    alpha, bravo = paired("alpha", "bravo")
    bravo.now += timedelta(minutes=30)  # its clock is wrong, or it was half an hour later
    alpha.declare(operation("A1", "alpha"))
    bravo.declare(operation("B1", "bravo"))
    exchange(alpha, bravo)
    assert alpha.coordinated("A1").state is Coordination.CONTESTED


def test_a_conflict_is_open_until_both_parties_accepted_what_clears_it() -> None:
    alpha, bravo = paired("alpha", "bravo")
    alpha.declare(operation("A1", "alpha"))
    bravo.declare(operation("B1", "bravo"))
    exchange(alpha, bravo)
    change = Change(item=ref("bravo", "B1"), becomes=FORM.write(operation("B1", "bravo", ASIDE)))
    alpha.say(Proposal(id="alpha/1", conflict=CONFLICT, changes=(change,)))
    exchange(alpha, bravo)
    assert alpha.coordinated("A1").open_conflicts == ["bravo:B1"]
    bravo.say(Answer(proposal="alpha/1", is_accepted=True))
    assert bravo.coordinated("B1").conflicts == []  # its own node has moved it already


def test_an_accepted_proposal_clears_before_the_other_node_has_done_it() -> None:
    alpha, bravo = paired("alpha", "bravo")
    alpha.declare(operation("A1", "alpha"))
    bravo.declare(operation("B1", "bravo"))
    exchange(alpha, bravo)
    change = Change(item=ref("alpha", "A1"), becomes=FORM.write(operation("A1", "alpha", ASIDE)))
    alpha.say(Proposal(id="alpha/1", conflict=CONFLICT, changes=(change,)))
    exchange(alpha, bravo)
    bravo.say(Answer(proposal="alpha/1", is_accepted=True))
    told = bravo.coordinated("B1")  # the node of alpha does not know yet
    assert (told.conflicts, told.open_conflicts) == (["alpha:A1"], [])
    assert told.state is Coordination.WAITING


def test_an_accepted_proposal_that_does_not_clear_leaves_the_conflict_open() -> None:
    alpha, bravo = paired("alpha", "bravo")
    alpha.declare(operation("A1", "alpha"))
    bravo.declare(operation("B1", "bravo"))
    exchange(alpha, bravo)
    nearer = operation("A1", "alpha", LatLng(35.001, 36.0))
    change = Change(item=ref("alpha", "A1"), becomes=FORM.write(nearer))
    alpha.say(Proposal(id="alpha/1", conflict=CONFLICT, changes=(change,)))
    exchange(alpha, bravo)
    bravo.say(Answer(proposal="alpha/1", is_accepted=True))
    assert bravo.coordinated("B1").open_conflicts == ["alpha:A1"]


def test_a_proposal_that_was_taken_back_opens_the_conflict_again() -> None:
    alpha, bravo = paired("alpha", "bravo")
    alpha.declare(operation("A1", "alpha"))
    bravo.declare(operation("B1", "bravo"))
    exchange(alpha, bravo)
    change = Change(item=ref("alpha", "A1"), becomes=FORM.write(operation("A1", "alpha", ASIDE)))
    alpha.say(Proposal(id="alpha/1", conflict=CONFLICT, changes=(change,)))
    exchange(alpha, bravo)
    alpha.say(Withdrawal(proposal="alpha/1"))
    bravo.say(Answer(proposal="alpha/1", is_accepted=True))
    assert bravo.coordinated("B1").open_conflicts == []
    exchange(alpha, bravo)
    assert bravo.coordinated("B1").open_conflicts == ["alpha:A1"]


# -- concerned, and the agreed gap ------------------------------------------------------------------


def test_without_an_agreement_everybody_is_concerned() -> None:
    alpha, _ = paired("alpha", "bravo")
    alpha.declare(operation("A1", "alpha"))
    assert receipt(alpha.coordinated("A1"), "bravo").is_concerned


@pytest.mark.parametrize(
    ("interest", "is_concerned"),
    [
        ([], True),  # everywhere
        ([area(ASIDE)], False),
        ([area(ASIDE), area(HERE)], True),
        ([area(HERE, band=AltitudeBand(lower_m=600.0))], False),
        ([area(HERE, band=AltitudeBand(lower_m=500.0))], True),  # they touch
    ],
)
def test_concerned_is_whose_area_of_interest_the_operation_meets(
    interest: list[AreaOfInterest], is_concerned: bool
) -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, areas={"bravo": interest})
    alpha.declare(operation("A1", "alpha"))
    told = alpha.coordinated("A1")
    assert receipt(told, "bravo").is_concerned is is_concerned
    assert told.state is (Coordination.WAITING if is_concerned else Coordination.COORDINATED)


@pytest.mark.parametrize(("lateral_m", "is_concerned"), [(1_000.0, False), (20_000.0, True)])
def test_the_operation_is_widened_by_the_agreed_gap_before_that(lateral_m: float, is_concerned: bool) -> None:
    alpha, bravo = paired("alpha", "bravo")
    beside = LatLng(35.1, 36.0)  # 11 km north; the operation and the area reach 1 km each
    agree(alpha, bravo, areas={"bravo": [area(beside)]}, buffer=Buffer(lateral_m=lateral_m))
    alpha.declare(operation("A1", "alpha"))
    assert receipt(alpha.coordinated("A1"), "bravo").is_concerned is is_concerned


def test_the_agreed_gap_decides_what_conflicts_and_a_hold_widens_it() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, buffer=Buffer(lateral_m=6_000.0))
    alpha.declare(operation("A1", "alpha"))
    bravo.declare(operation("B1", "bravo", LatLng(35.1, 36.0)))  # 9.1 km between them
    exchange(alpha, bravo)
    assert alpha.coordinated("A1").conflicts == []
    bravo.say(LineChange(peer=alpha.name, is_hold=True, reason="no answer"))
    exchange(bravo, alpha)
    assert alpha.coordinated("A1").conflicts == ["bravo:B1"]  # doubled


# -- what a party had -------------------------------------------------------------------------------


def test_what_a_party_had_at_an_instant_is_told_by_its_own_signatures() -> None:
    alpha, bravo = paired("alpha", "bravo")
    start = alpha.now
    alpha.declare(operation("A1", "alpha"))
    bravo.now = start + timedelta(minutes=10)
    exchange(alpha, bravo)
    bravo.now = start + timedelta(minutes=20)
    bravo.acknowledge(ref("alpha", "A1"))
    exchange(bravo, alpha)
    assert alpha.bench.logs is not None
    found = []
    for minutes in (9, 10, 20):
        at_ms = floor_ms(start + timedelta(minutes=minutes))
        (had,) = had_at(bravo.name, at_ms, alpha.bench.logs, alpha.store, FORM)
        found.append((had.delivered_s is not None, had.seen is not None))
    assert found == [(False, False), (True, False), (True, True)]
    assert not had_at(bravo.name, floor_ms(start) - 1, alpha.bench.logs, alpha.store, FORM)


# -- the same everywhere ----------------------------------------------------------------------------

ACTS = st.lists(
    st.tuples(
        st.sampled_from(("alpha", "bravo", "charlie")),
        st.sampled_from(("declare", "amend", "acknowledge", "object", "talk")),
        st.integers(0, 2),
    ),
    max_size=12,
)


def act(parties: dict[str, Party], who: str, what: str, number: int) -> None:
    """Do something, if it can be done now."""
    party, others = parties[who], [each for name, each in parties.items() if name != who]
    assert party.bench.logs is not None
    own = party.bench.logs.ledger.current(who, "X")
    at = (HERE, LatLng(35.005, 36.0), ASIDE)[number]
    stated = party.bench.logs.ledger.current(others[number % 2].name, "X")
    if what == "declare" and own is None:
        party.declare(operation("X", who, at))
    elif what == "amend" and own is not None:
        party.amend(operation("X", who, at), own.ref.version)
    elif what == "acknowledge" and stated is not None:
        party.acknowledge(stated.ref)
    elif what == "object" and stated is not None:
        party.say(Objection(item=stated.ref, reason="no"))
    elif what == "talk":
        exchange(party, others[number % 2])


def told_by(party: Party) -> list[object]:
    """Return what a party's node tells of all items, by their owners' names."""
    logs = party.bench.logs
    assert logs is not None
    asking = Coordinating(logs=logs, picture=party.bench.held.picture, reading=party.store, form=FORM)
    found = []
    for version in logs.ledger.versions():
        told = asking.of_version(version)
        conflicts = sorted(logs.parted(each) for each in told.conflicts)
        seen = [(each.party, each.is_concerned, each.seen) for each in told.receipts]
        found.append((version.ref, told.state, conflicts, seen))
    return found


@pytest.mark.slow
@given(acts=ACTS)
def test_equal_statements_give_equal_answers_at_every_node(acts: list[tuple[str, str, int]]) -> None:
    parties = {party.name: party for party in paired("alpha", "bravo", "charlie")}
    for each in acts:
        act(parties, *each)  # type: ignore[arg-type]
    for _ in range(2):
        for a, b in (("alpha", "bravo"), ("bravo", "charlie"), ("charlie", "alpha")):
            exchange(parties[a], parties[b])  # type: ignore[index]
    first, second, third = (told_by(party) for party in parties.values())
    assert first == second == third
