"""Negotiations: the table, who may say what, and equal states for equal sets of deeds."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.deeds import Answer, Change, OutOfPlaceError, Proposal, Refusal, Withdrawal
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.negotiation import (
    SPEAKERS,
    TRANSITIONS,
    NegotiationDeed,
    NegotiationEvent,
    Negotiations,
    NegotiationState,
    Speaker,
    table_markdown,
)
from keepclear.core.refs import ItemRef

NORTH, SOUTH, RELIEF = PartyId("north"), PartyId("south"), PartyId("relief")
ACCEPTED, PROPOSED = NegotiationState.ACCEPTED, NegotiationState.PROPOSED
COUNTERED, DECLINED = NegotiationState.COUNTERED, NegotiationState.DECLINED
WITHDRAWN, SUPERSEDED = NegotiationState.WITHDRAWN, NegotiationState.SUPERSEDED


def ref(party: PartyId, item: str, version: int = 1) -> ItemRef:
    return ItemRef(party=party, id=ItemId(item), version=version)


A, B = ref(NORTH, "A1"), ref(SOUTH, "B1")
HIGHER = Change(item=A, becomes=b"A1 higher")
LATER = Change(item=B, becomes=b"B1 later")


def asks(name: str, *changes: Change, counters: str | None = None, **given: Any) -> Proposal:
    return Proposal(
        id=name, conflict=given.get("conflict", (A, B)), changes=changes or (HIGHER,), counters=counters
    )


def yes(name: str) -> Answer:
    return Answer(proposal=name, is_accepted=True)


def no(name: str) -> Answer:
    return Answer(proposal=name, is_accepted=False, reason="no room")


def fold(*said: tuple[PartyId, NegotiationDeed]) -> Negotiations:
    """Fold deeds in the order given; what is out of place is left out."""
    negotiations = Negotiations()
    for n, (by, deed) in enumerate(said):
        try:
            negotiations.take(by, deed, n=n)
        except OutOfPlaceError:
            continue
    return negotiations


def refusal_of(call: Any, *args: Any, **given: Any) -> Refusal:
    with pytest.raises(OutOfPlaceError) as caught:
        call(*args, **given)
    return caught.value.refusal


# -- the table --------------------------------------------------------------------------------------


def test_steps_of_different_speakers_can_be_swapped() -> None:
    for state in NegotiationState:
        for first, second in itertools.permutations(NegotiationEvent, 2):
            if SPEAKERS[first] is not SPEAKERS[second] and {(state, first), (state, second)} <= set(
                TRANSITIONS
            ):
                one = TRANSITIONS[TRANSITIONS[state, first], second]
                assert one is TRANSITIONS[TRANSITIONS[state, second], first]


def test_nothing_leads_back_to_an_acceptance() -> None:
    leading = [key for key, following in TRANSITIONS.items() if following in (ACCEPTED, PROPOSED)]
    assert leading == [(PROPOSED, NegotiationEvent.ACCEPT)]


def test_a_party_answers_once() -> None:
    answers = [event for event, speaker in SPEAKERS.items() if speaker is Speaker.ADDRESSEE]
    for state in (ACCEPTED, DECLINED, COUNTERED):
        assert not any((state, event) in TRANSITIONS for event in answers)


def test_the_table_is_drawn_from_itself() -> None:
    assert table_markdown() == (
        "| From | counter | accept | decline | withdraw | supersede |\n"
        "|---|---|---|---|---|---|\n"
        "| `proposed` | `countered` | `accepted` | `declined` | `withdrawn` | `superseded` |\n"
        "| `countered` |  |  |  | `withdrawn` | `countered` |\n"
        "| `accepted` |  |  |  | `withdrawn` | `superseded` |\n"
        "| `declined` |  |  |  | `withdrawn` | `declined` |\n"
        "| `withdrawn` | `withdrawn` | `withdrawn` | `withdrawn` |  | `withdrawn` |\n"
        "| `superseded` | `countered` | `superseded` | `declined` | `withdrawn` |  |\n"
        "\n"
        "| Event | Who can bring it about |\n"
        "|---|---|\n"
        "| counter | the party that was asked, once |\n"
        "| accept | the party that was asked, once |\n"
        "| decline | the party that was asked, once |\n"
        "| withdraw | the party that proposed, once |\n"
        "| supersede | the owner of an item of it, by a new version |\n"
    )


# -- how it goes ------------------------------------------------------------------------------------


def test_a_proposal_waits_for_the_other_party() -> None:
    negotiations = fold((NORTH, asks("north/1")))
    assert negotiations.state_of("north/1") is PROPOSED
    assert [each.proposal.id for each in negotiations.open_for(SOUTH)] == ["north/1"]
    assert negotiations.open_for(NORTH) == ()
    assert negotiations.accepted_changes((A, B)) == ()


def test_what_is_accepted_is_agreed_on_by_both() -> None:
    negotiations = fold((NORTH, asks("north/1", LATER, HIGHER)), (SOUTH, yes("north/1")))
    assert negotiations.state_of("north/1") is ACCEPTED
    assert negotiations.accepted_changes((B, A)) == (HIGHER, LATER)
    assert negotiations.open_for(SOUTH) == ()
    found = negotiations.negotiation("north/1")
    assert found is not None
    assert found.answer == yes("north/1")


def test_a_counter_answers_and_asks_back() -> None:
    counter = asks("south/1", LATER, counters="north/1")
    negotiations = fold((NORTH, asks("north/1")), (SOUTH, counter), (NORTH, yes("south/1")))
    assert negotiations.state_of("north/1") is COUNTERED
    assert negotiations.accepted_changes((A, B)) == (LATER,)
    assert [each.state for each in negotiations.over((A, B))] == [COUNTERED, ACCEPTED]


def test_what_was_declined_is_not_agreed_on() -> None:
    negotiations = fold((NORTH, asks("north/1")), (SOUTH, no("north/1")))
    assert negotiations.state_of("north/1") is DECLINED
    assert negotiations.accepted_changes((A, B)) == ()


def test_a_withdrawal_beats_an_acceptance_that_crossed_it() -> None:
    ask, back = (NORTH, asks("north/1")), (NORTH, Withdrawal(proposal="north/1"))
    agree = (SOUTH, yes("north/1"))
    for order in ((ask, back, agree), (ask, agree, back), (agree, ask, back)):
        negotiations = fold(*order)
        assert negotiations.state_of("north/1") is WITHDRAWN
        assert negotiations.accepted_changes((A, B)) == ()


def test_an_answer_that_comes_before_its_proposal_counts_when_that_comes() -> None:
    negotiations = fold((SOUTH, yes("north/1")))
    assert negotiations.state_of("north/1") is None
    assert negotiations.negotiation("north/1") is None
    negotiations.take(NORTH, asks("north/1"), n=0)
    assert negotiations.state_of("north/1") is ACCEPTED


def test_two_acceptances_that_disagree_settle_nothing() -> None:
    negotiations = fold(
        (NORTH, asks("north/1", HIGHER)),
        (SOUTH, asks("south/1", LATER)),
        (NORTH, yes("south/1")),
        (SOUTH, yes("north/1")),
    )
    assert {each.state for each in negotiations.over((A, B))} == {ACCEPTED}
    assert negotiations.accepted_changes((A, B)) == ()


def test_two_acceptances_of_the_same_settle_it() -> None:
    negotiations = fold(
        (NORTH, asks("north/1", HIGHER, LATER)),
        (SOUTH, asks("south/1", LATER, HIGHER)),
        (NORTH, yes("south/1")),
        (SOUTH, yes("north/1")),
    )
    assert negotiations.accepted_changes((A, B)) == (HIGHER, LATER)


# -- versions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("item", [ref(NORTH, "A1", 2), ref(SOUTH, "B1", 2), ref(SOUTH, "B1", 5)])
@pytest.mark.parametrize("text", [b"A1 elsewhere", None])
def test_another_version_of_an_item_supersedes_a_proposal(item: ItemRef, text: bytes | None) -> None:
    for said in ([], [(SOUTH, yes("north/1"))]):
        negotiations = fold((NORTH, asks("north/1")), *said)
        negotiations.note_version(item, text)
        assert negotiations.state_of("north/1") is SUPERSEDED
        assert negotiations.open_for(SOUTH) == ()
        assert negotiations.accepted_changes((A, B)) == ()


def test_doing_what_was_accepted_supersedes_nothing() -> None:
    negotiations = fold((NORTH, asks("north/1")), (SOUTH, yes("north/1")))
    for item, text in ((A, b"A1"), (B, b"B1"), (ref(NORTH, "A1", 2), HIGHER.becomes)):
        negotiations.note_version(item, text)
    assert negotiations.state_of("north/1") is ACCEPTED
    negotiations.note_version(ref(NORTH, "A1", 3), b"A1 elsewhere")
    assert negotiations.state_of("north/1") is ACCEPTED


@pytest.mark.parametrize("texts", [*itertools.permutations([HIGHER.becomes, HIGHER.becomes, b"elsewhere"])])
def test_a_version_stated_in_two_ways_supersedes(texts: tuple[bytes, ...]) -> None:
    negotiations = fold((NORTH, asks("north/1")), (SOUTH, yes("north/1")))
    for text in texts:
        negotiations.note_version(ref(NORTH, "A1", 2), text)
    assert negotiations.state_of("north/1") is SUPERSEDED


# -- what is out of place ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "deed", "refusal"),
    [
        (SOUTH, asks("north/2"), Refusal.NOT_YOURS),
        (NORTH, asks("north/1", LATER), Refusal.REPEATED),
        (NORTH, yes("north/1"), Refusal.NOT_ADDRESSED),
        (RELIEF, yes("north/1"), Refusal.NOT_ADDRESSED),
        (SOUTH, no("north/2"), Refusal.ANSWERED),
        (SOUTH, yes("north/2"), Refusal.ANSWERED),
        (SOUTH, Withdrawal(proposal="north/1"), Refusal.NOT_YOURS),
        (NORTH, Withdrawal(proposal="north/9"), Refusal.UNKNOWN),
        (NORTH, Withdrawal(proposal="north/3"), Refusal.REPEATED),
    ],
)
def test_a_deed_out_of_place_is_refused_and_changes_nothing(
    by: PartyId, deed: NegotiationDeed, refusal: Refusal
) -> None:
    negotiations = fold(
        (NORTH, asks("north/1")),
        (NORTH, asks("north/2")),
        (NORTH, asks("north/3")),
        (NORTH, Withdrawal(proposal="north/3")),
        (SOUTH, yes("north/2")),
    )
    before = state_of(negotiations)
    assert refusal_of(negotiations.take, by, deed, n=9) is refusal
    assert refusal_of(negotiations.check, by, deed) is refusal
    assert state_of(negotiations) == before
    negotiations.take(by, asks(f"{by}/new") if by != RELIEF else yes("south/8"), n=10)


def test_an_entry_is_taken_once() -> None:
    negotiations = fold((NORTH, asks("north/1")))
    assert refusal_of(negotiations.take, NORTH, asks("north/2"), n=0) is Refusal.REPEATED
    assert negotiations.state_of("north/2") is None


def test_an_entry_that_was_withheld_counts_from_its_place_in_the_log() -> None:
    negotiations = fold((NORTH, asks("north/1")), (SOUTH, asks("south/1")), (SOUTH, yes("north/1")))
    negotiations.take(NORTH, yes("south/1"), n=7)
    negotiations.take(NORTH, no("south/1"), n=6)  # what comes after it is an answer too many now
    assert negotiations.state_of("south/1") is DECLINED
    assert negotiations.state_of("north/1") is ACCEPTED
    assert refusal_of(negotiations.take, SOUTH, asks("north/3"), n=0) is Refusal.NOT_YOURS
    assert negotiations.state_of("south/1") is DECLINED


@pytest.mark.parametrize(
    ("by", "deed", "refusal"),
    [
        (SOUTH, yes("north/9"), Refusal.UNKNOWN),
        (SOUTH, asks("south/2", counters="north/9"), Refusal.UNKNOWN),
        (SOUTH, yes("north/2"), Refusal.CLOSED),
        (SOUTH, asks("south/2", counters="north/3"), Refusal.CLOSED),
        (
            RELIEF,
            asks("relief/1", counters="north/1", conflict=(A, ref(RELIEF, "R1"))),
            Refusal.NOT_ADDRESSED,
        ),
        (NORTH, Withdrawal(proposal="north/3"), Refusal.CLOSED),
        (NORTH, asks("north/6", conflict=(A, ref(SOUTH, "B2"))), Refusal.CLOSED),
    ],
)
def test_an_officer_is_told_before_signing_what_would_have_no_effect(
    by: PartyId, deed: NegotiationDeed, refusal: Refusal
) -> None:
    negotiations = fold(
        (NORTH, asks("north/1")),
        (NORTH, asks("north/2")),
        (NORTH, asks("north/3")),
        (NORTH, Withdrawal(proposal="north/2")),
        (SOUTH, no("north/3")),
    )
    negotiations.note_version(ref(SOUTH, "B2", 2), b"")
    if isinstance(deed, Proposal) and deed.conflict[0].party == RELIEF:
        deed = asks(deed.id, counters=deed.counters, conflict=tuple(sorted(deed.conflict)))
    assert refusal_of(negotiations.check, by, deed) is refusal


def test_what_an_officer_may_say_is_let_through() -> None:
    negotiations = fold((NORTH, asks("north/1")), (NORTH, asks("north/2")), (SOUTH, yes("north/2")))
    negotiations.check(NORTH, asks("north/4"))
    negotiations.check(SOUTH, asks("south/1", counters="north/1"))
    negotiations.check(SOUTH, yes("north/1"))
    negotiations.check(NORTH, Withdrawal(proposal="north/1"))
    negotiations.check(NORTH, Withdrawal(proposal="north/2"))  # it may be taken back though accepted


def test_a_counter_after_an_answer_is_a_proposal_like_any_other() -> None:
    counter = asks("south/1", LATER, counters="north/1")
    negotiations = fold((NORTH, asks("north/1")), (SOUTH, no("north/1")), (SOUTH, counter))
    assert negotiations.state_of("north/1") is DECLINED
    assert [each.proposal for each in negotiations.open_for(NORTH)] == [counter]


# -- equal sets, equal states -----------------------------------------------------------------------

PARTIES = (NORTH, SOUTH, RELIEF)
ITEMS = {party: ref(party, "X") for party in PARTIES}
NAMES = [f"{party}/{k}" for party in PARTIES for k in (1, 2)]


@st.composite
def deeds(draw: st.DrawFn, by: PartyId) -> NegotiationDeed:
    """Draw a deed of a party: many fit, some are out of place."""
    kind = draw(st.integers(0, 5))
    if kind < 2:
        other = draw(st.sampled_from([party for party in PARTIES if party != by]))
        first, second = sorted((ITEMS[by], ITEMS[other]))
        counters = draw(st.none() | st.sampled_from([f"{other}/1", f"{other}/2"]))
        becomes = draw(st.sampled_from([b"up", b"down"]))
        change = Change(item=draw(st.sampled_from([first, second])), becomes=becomes)
        name = f"{by}/{draw(st.integers(1, 2))}"
        return Proposal(id=name, conflict=(first, second), changes=(change,), counters=counters)
    name = draw(st.sampled_from(NAMES))
    return Withdrawal(proposal=name) if kind == 2 else Answer(proposal=name, is_accepted=kind < 5)


Said = NegotiationDeed | tuple[int, bytes | None]  # or a version of the party's item
logs = st.fixed_dictionaries(
    {
        party: st.lists(
            deeds(party) | st.tuples(st.integers(1, 3), st.sampled_from([b"up", b"down", None])), max_size=6
        )
        for party in PARTIES
    }
)


def state_of(negotiations: Negotiations) -> Any:
    """Return all that can be asked."""
    pairs = [tuple(sorted(pair)) for pair in itertools.combinations([*ITEMS.values(), A, B], 2)]
    return (
        [negotiations.negotiation(name) for name in [*NAMES, "north/3"]],
        [negotiations.open_for(party) for party in PARTIES],
        [(negotiations.over(pair), negotiations.accepted_changes(pair)) for pair in pairs],
    )


def folded(
    said: dict[PartyId, list[Said]], order: list[tuple[PartyId, int]], *, is_late: bool = False
) -> Any:
    """Return the state after entries of logs were taken in an order."""
    negotiations = Negotiations()
    for party, n in order:
        entry = said[party][n]
        if isinstance(entry, tuple):
            version, text = entry
            negotiations.note_version(ref(party, "X", version), text)
            continue
        before = state_of(negotiations)
        try:
            negotiations.take(party, entry, n=n)
        except OutOfPlaceError:
            assert is_late or state_of(negotiations) == before
    return state_of(negotiations)


def in_turns(said: dict[PartyId, list[Said]], turns: Iterable[PartyId]) -> list[tuple[PartyId, int]]:
    """Return entries in the order of their logs, by whose turn it is."""
    at = {party: itertools.count() for party in said}
    return [(party, next(at[party])) for party in turns]


@given(st.data(), logs)
def test_equal_sets_of_deeds_give_equal_states_however_logs_are_mixed(
    data: st.DataObject, said: dict[PartyId, list[Said]]
) -> None:
    whole = [party for party in PARTIES for _ in said[party]]
    expected = folded(said, in_turns(said, whole))
    for _ in range(4):
        assert folded(said, in_turns(said, data.draw(st.permutations(whole)))) == expected


@given(st.data(), logs)
def test_equal_sets_of_deeds_give_equal_states_though_entries_were_withheld(
    data: st.DataObject, said: dict[PartyId, list[Said]]
) -> None:
    whole = in_turns(said, [party for party in PARTIES for _ in said[party]])
    expected = folded(said, whole)
    for _ in range(4):
        assert folded(said, data.draw(st.permutations(whole)), is_late=True) == expected


@given(st.data())
def test_all_interleavings_of_two_short_logs_give_equal_states(data: st.DataObject) -> None:
    said: dict[PartyId, list[Said]] = {RELIEF: []}
    said[NORTH] = [asks("north/1"), *data.draw(st.lists(deeds(NORTH), max_size=3))]
    said[SOUTH] = data.draw(st.lists(deeds(SOUTH), min_size=1, max_size=4))
    count = len(said[NORTH]) + len(said[SOUTH])
    found = []
    for places in itertools.combinations(range(count), len(said[NORTH])):
        turns = [NORTH if k in places else SOUTH for k in range(count)]
        found.append(folded(said, in_turns(said, turns)))
    assert all(each == found[0] for each in found)
