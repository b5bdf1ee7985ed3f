"""Agreements: their values, the one in force, and what applies while the line is held."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.agreements import (
    AREAS_MAX,
    CATALOGUE_CHARACTERS_MAX,
    EMBARGO_MAX_S,
    FALLBACK_EXTRA_MAX_S,
    FALLBACK_FACTOR_MAX,
    LEAD_MAX_S,
    MINIMA_DURATION_MAX_S,
    MINIMA_LATERAL_MAX_M,
    MINIMA_VERTICAL_MAX_M,
    REACTION_MAX_S,
    TIMER_MAX_S,
    Agreement,
    Agreements,
    AreaOfInterest,
    Clearing,
    Difference,
    Fallback,
    Minima,
    SharedKind,
    Sharing,
    Terms,
    Timers,
    buffer_between,
    differences,
    digest,
    halves_between,
    minima_between,
)
from keepclear.core.altitudes import AltitudeBand
from keepclear.core.conflicts import LATERAL_BUFFER_MAX_M, Buffer
from keepclear.core.deeds import AgreementAnswer, AgreementProposal, OutOfPlaceError, Refusal
from keepclear.core.errors import InvalidValueError
from keepclear.core.escalation import Deadlines, HotlineTimers
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import ID_CHARACTERS_MAX, SPEED_MAX_MPS, PartyId
from keepclear.core.refs import VERSION_MAX
from keepclear.core.shapes import Circle
from keepclear.core.split import Halves, Split

NORTH, SOUTH, RELIEF = PartyId("north"), PartyId("south"), PartyId("relief")
AREA = AreaOfInterest(outline=Circle(center=LatLng(35.4, 35.9), radius_m=50_000.0))


def agreement(version: int = 1, a: PartyId = NORTH, b: PartyId = SOUTH, **given: Any) -> Agreement:
    values = {
        "terms": (Terms(party=a), Terms(party=b)),
        "minima": Minima(lateral_m=5_556.0, vertical_m=914.4, duration_s=180.0),
        "buffer": Buffer(lateral_m=1_852.0, vertical_m=300.0, time_s=120.0),
        "timers": Timers(seen_s=120.0, answered_s=300.0),
        **given,
    }
    return Agreement(version=version, **values)


# -- values -----------------------------------------------------------------------------------------


def test_by_default_everything_is_shown_and_the_fallback_doubles() -> None:
    plain = agreement()
    assert plain.parties == (NORTH, SOUTH)
    assert plain.terms_of(SOUTH).sharing == Sharing(kinds=frozenset(SharedKind))
    assert plain.fallback == Fallback(minima_factor=2.0, time_extra_s=180.0)
    assert (plain.lead_s, plain.lead_emergency_s) == (48 * 3_600.0, 24 * 3_600.0)
    with pytest.raises(InvalidValueError, match="no party of the agreement"):
        plain.terms_of(RELIEF)


@pytest.mark.parametrize(
    ("field", "made"),
    [
        ("kinds", lambda: Sharing(kinds=frozenset())),
        ("kinds", lambda: Sharing(kinds=frozenset({SharedKind.OPERATIONAL_INTENT}))),
        ("embargo_s", lambda: Sharing(embargo_s=-1.0)),
        ("embargo_s", lambda: Sharing(embargo_s=math.nan)),
        ("party", lambda: Terms(party=PartyId(""))),
        ("party", lambda: Terms(party=PartyId("p" * (ID_CHARACTERS_MAX + 1)))),
        ("lateral_m", lambda: Minima(lateral_m=0.0, vertical_m=1.0)),
        ("vertical_m", lambda: Minima(lateral_m=1.0, vertical_m=math.inf)),
        ("duration_s", lambda: Minima(lateral_m=1.0, vertical_m=1.0, duration_s=-0.5)),
        ("seen_s", lambda: Timers(seen_s=0.0, answered_s=1.0)),
        ("answered_s", lambda: Timers(seen_s=2.0, answered_s=1.0)),
        ("minima_factor", lambda: Fallback(minima_factor=0.99)),
        ("time_extra_s", lambda: Fallback(time_extra_s=-1.0)),
        ("speed_mps", lambda: Clearing(speed_mps=0.0)),
        ("speed_mps", lambda: Clearing(speed_mps=math.nan)),
        ("reaction_s", lambda: Clearing(reaction_s=-1.0)),
        (
            "fallback.split.below",
            lambda: agreement(fallback=Fallback(split=Split(below=RELIEF, altitude_m=0.0))),
        ),
        ("version", lambda: agreement(0)),
        ("terms", lambda: agreement(a=SOUTH, b=NORTH)),
        ("terms", lambda: agreement(a=SOUTH, b=SOUTH)),
        ("catalogue", lambda: agreement(catalogue="a\nb")),
        ("lead_s", lambda: agreement(lead_s=-1.0)),
        ("lead_emergency_s", lambda: agreement(lead_s=3_600.0)),
    ],
)
def test_what_nobody_can_agree_on_is_refused_with_its_field(field: str, made: Any) -> None:
    with pytest.raises(InvalidValueError) as caught:
        made()
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("make", "limit", "over"),
    [
        (lambda value: Sharing(embargo_s=value), EMBARGO_MAX_S, 1.0),
        (lambda value: Sharing(areas=(AREA,) * value), AREAS_MAX, 1),
        (lambda value: Terms(party=NORTH, areas=(AREA,) * value), AREAS_MAX, 1),
        (lambda value: Minima(lateral_m=value, vertical_m=1.0), MINIMA_LATERAL_MAX_M, 1.0),
        (lambda value: Minima(lateral_m=1.0, vertical_m=value), MINIMA_VERTICAL_MAX_M, 1.0),
        (
            lambda value: Minima(lateral_m=1.0, vertical_m=1.0, duration_s=value),
            MINIMA_DURATION_MAX_S,
            1.0,
        ),
        (lambda value: Timers(seen_s=1.0, answered_s=value), TIMER_MAX_S, 1.0),
        (lambda value: Timers(seen_s=value, answered_s=TIMER_MAX_S), TIMER_MAX_S, 1.0),
        (lambda value: Clearing(speed_mps=value), SPEED_MAX_MPS, 1.0),
        (lambda value: Clearing(reaction_s=value), REACTION_MAX_S, 1.0),
        (lambda value: Fallback(minima_factor=value), FALLBACK_FACTOR_MAX, 0.1),
        (lambda value: Fallback(time_extra_s=value), FALLBACK_EXTRA_MAX_S, 1.0),
        (agreement, VERSION_MAX, 1),
        (lambda value: agreement(lead_s=value), LEAD_MAX_S, 1.0),
        (lambda value: agreement(catalogue="c" * value), CATALOGUE_CHARACTERS_MAX, 1),
    ],
)
def test_every_limit_may_be_reached_and_not_passed(make: Any, limit: Any, over: Any) -> None:
    make(limit)
    with pytest.raises(InvalidValueError):
        make(limit + over)


# -- the fallback -----------------------------------------------------------------------------------


def test_while_the_line_is_held_gaps_are_wider() -> None:
    plain = agreement()
    assert buffer_between(plain, is_fallback=False) == plain.buffer
    assert buffer_between(plain, is_fallback=True) == Buffer(
        lateral_m=3_704.0, vertical_m=600.0, time_s=300.0
    )
    assert minima_between(plain, is_fallback=False) == plain.minima
    doubled = Minima(lateral_m=11_112.0, vertical_m=1_828.8, duration_s=180.0)
    assert minima_between(plain, is_fallback=True) == doubled


def test_the_split_applies_only_with_the_fallback() -> None:
    split = Split(below=SOUTH, altitude_m=6_000.0)
    plain = agreement(fallback=Fallback(split=split))
    assert halves_between(plain, is_fallback=False) is None
    assert halves_between(agreement(), is_fallback=True) is None
    assert halves_between(plain, is_fallback=True) == Halves(below=SOUTH, above=NORTH, altitude_m=6_000.0)


@given(st.floats(1.0, 10.0), st.floats(0.0, 86_400.0))
def test_the_fallback_never_narrows_a_gap(factor: float, extra_s: float) -> None:
    plain = agreement(fallback=Fallback(minima_factor=factor, time_extra_s=extra_s))
    normal, wide = (buffer_between(plain, is_fallback=held) for held in (False, True))
    assert wide.lateral_m >= normal.lateral_m
    assert wide.vertical_m >= normal.vertical_m
    assert wide.time_s >= normal.time_s


def test_an_agreement_whose_fallback_would_pass_a_limit_is_refused_when_it_is_made() -> None:
    half = LATERAL_BUFFER_MAX_M / 2.0
    assert agreement(buffer=Buffer(lateral_m=half))
    with pytest.raises(InvalidValueError, match=r"it takes buffer.lateral out of range"):
        agreement(buffer=Buffer(lateral_m=half + 1.0))
    month_s = 31 * 86_400.0
    with pytest.raises(InvalidValueError, match=r"it takes buffer.time out of range"):
        agreement(buffer=Buffer(time_s=month_s))
    assert agreement(buffer=Buffer(time_s=month_s), fallback=Fallback(time_extra_s=0.0))
    with pytest.raises(InvalidValueError, match=r"it takes minima.lateral_m out of range"):
        agreement(minima=Minima(lateral_m=60_000.0, vertical_m=1.0))


# -- comparing --------------------------------------------------------------------------------------


def test_what_differs_is_told_by_its_path() -> None:
    old = agreement()
    sharing = Sharing(areas=(AREA,), altitude=AltitudeBand(lower_m=0.0, upper_m=100.0), embargo_s=60.0)
    new = dataclasses.replace(
        old,
        version=2,
        terms=(Terms(party=NORTH), Terms(party=SOUTH, areas=(AREA,), sharing=sharing)),
        buffer=Buffer(lateral_m=1_852.0, vertical_m=300.0, time_s=60.0),
    )
    assert differences(old, new) == [
        Difference("version", 1, 2),
        Difference("south.areas", (), (AREA,)),
        Difference("south.sharing.areas", (), (AREA,)),
        Difference("south.sharing.altitude", None, AltitudeBand(lower_m=0.0, upper_m=100.0)),
        Difference("south.sharing.embargo_s", None, 60.0),
        Difference("buffer.time_s", 120.0, 60.0),
    ]
    assert differences(old, old) == []


def test_deadlines_clearing_and_split_are_compared_value_by_value() -> None:
    slow = Deadlines(delivered_s=60.0, seen_s=120.0, answered_s=300.0, ladder_s=(60.0,))
    new = agreement(
        terms=(Terms(party=NORTH, clearing=Clearing(speed_mps=30.0)), Terms(party=SOUTH)),
        fallback=Fallback(split=Split(below=NORTH, altitude_m=3_000.0)),
        hotline=HotlineTimers(safety=slow),
    )
    assert differences(agreement(), new) == [
        Difference("north.clearing.speed_mps", 50.0, 30.0),
        Difference("hotline.safety.delivered_s", 30.0, 60.0),
        Difference("hotline.safety.ladder_s", (30.0, 60.0, 90.0, 120.0, 300.0), (60.0,)),
        Difference("fallback.split.below", None, NORTH),
        Difference("fallback.split.altitude_m", None, 3_000.0),
    ]


def test_agreements_of_other_parties_differ_in_all_terms() -> None:
    found = differences(agreement(), agreement(b=PartyId("zeta")))
    assert Difference("south.party", SOUTH, None) in found
    assert Difference("zeta.party", None, "zeta") in found


# -- the one in force -------------------------------------------------------------------------------

# The texts stand for what the codec would read.
TEXTS = {
    b"one": agreement(1),
    b"two": agreement(2),
    b"two, wider": agreement(2, fallback=Fallback(minima_factor=3.0)),
    b"three": agreement(3),
    b"with relief": agreement(9, NORTH, RELIEF),
}


def read(text: bytes) -> Agreement:
    if text not in TEXTS:
        raise InvalidValueError("", "it is no agreement")
    return TEXTS[text]


def asks(text: bytes) -> AgreementProposal:
    return AgreementProposal(text=text)


def says(text: bytes, is_accepted: bool = True) -> AgreementAnswer:
    return AgreementAnswer(digest=digest(text), is_accepted=is_accepted)


AgreementDeed = AgreementProposal | AgreementAnswer


def fold(*said: tuple[PartyId, AgreementDeed]) -> Agreements:
    """Fold deeds; what is out of place is left out."""
    agreements = Agreements(read)
    for by, deed in said:
        try:
            agreements.take(by, deed)
        except OutOfPlaceError:
            continue
    return agreements


def test_an_agreement_is_in_force_when_the_other_party_accepts_it() -> None:
    proposed = fold((NORTH, asks(b"one")))
    assert proposed.current(NORTH, SOUTH) is None
    assert proposed.in_force(NORTH, SOUTH) is None
    (standing,) = proposed.proposed(SOUTH, NORTH)
    assert (standing.digest, standing.accepted_by, standing.is_accepted) == (digest(b"one"), (NORTH,), False)
    proposed.take(SOUTH, says(b"one"))
    assert proposed.current(SOUTH, NORTH) == TEXTS[b"one"]
    assert proposed.in_force(SOUTH, NORTH) == proposed.proposed(SOUTH, NORTH)[0]


def test_the_highest_version_that_both_accept_is_in_force() -> None:
    said = [(NORTH, asks(b"two")), (SOUTH, says(b"two")), (SOUTH, asks(b"one")), (NORTH, says(b"one"))]
    assert fold(*said, (SOUTH, asks(b"three"))).current(NORTH, SOUTH) == TEXTS[b"two"]


def test_what_was_declined_may_be_accepted_later() -> None:
    agreements = fold((NORTH, asks(b"one")), (SOUTH, says(b"one", False)))
    assert agreements.proposed(NORTH, SOUTH)[0].declined_by == (SOUTH,)
    agreements.take(SOUTH, says(b"one"))
    assert agreements.current(NORTH, SOUTH) == TEXTS[b"one"]


def test_two_parties_that_propose_the_same_agree() -> None:
    agreements = fold((NORTH, asks(b"one")), (SOUTH, asks(b"one")))
    assert agreements.current(NORTH, SOUTH) == TEXTS[b"one"]


def test_two_texts_of_one_version_are_told() -> None:
    agreements = fold(
        (NORTH, asks(b"two")),
        (SOUTH, asks(b"two, wider")),
        (NORTH, says(b"two, wider")),
        (SOUTH, says(b"two")),
    )
    assert agreements.is_ambiguous(NORTH, SOUTH)
    first = min((b"two", b"two, wider"), key=digest)
    assert agreements.current(NORTH, SOUTH) == TEXTS[first]
    for by, deed in ((NORTH, asks(b"three")), (SOUTH, says(b"three"))):
        agreements.take(by, deed)
    assert not agreements.is_ambiguous(NORTH, SOUTH)


def test_agreements_of_other_pairs_do_not_matter() -> None:
    agreements = fold((NORTH, asks(b"with relief")), (RELIEF, says(b"with relief")))
    assert agreements.current(NORTH, RELIEF) == TEXTS[b"with relief"]
    assert agreements.current(NORTH, SOUTH) is None
    assert not agreements.is_ambiguous(NORTH, SOUTH)


@pytest.mark.parametrize(
    ("by", "deed", "refusal"),
    [
        (RELIEF, asks(b"two"), Refusal.NOT_YOURS),
        (RELIEF, says(b"one"), Refusal.NOT_ADDRESSED),
        (NORTH, asks(b"one"), Refusal.REPEATED),
        (NORTH, says(b"one"), Refusal.REPEATED),
        (SOUTH, says(b"one", False), Refusal.ANSWERED),
        (NORTH, says(b"one", False), Refusal.ANSWERED),
        (NORTH, says(b"three", False), Refusal.REPEATED),
    ],
)
def test_a_deed_out_of_place_is_refused_and_changes_nothing(
    by: PartyId, deed: AgreementDeed, refusal: Refusal
) -> None:
    agreements = fold(
        (NORTH, asks(b"one")), (SOUTH, says(b"one")), (SOUTH, asks(b"three")), (NORTH, says(b"three", False))
    )
    before = agreements.proposed(NORTH, SOUTH)
    for call in (agreements.take, agreements.check):
        with pytest.raises(OutOfPlaceError) as caught:
            call(by, deed)
        assert caught.value.refusal is refusal
    assert agreements.proposed(NORTH, SOUTH) == before


def test_an_officer_is_told_before_signing_what_would_have_no_effect() -> None:
    agreements = fold((NORTH, asks(b"two")), (SOUTH, says(b"two")), (NORTH, asks(b"three")))
    for deed, refusal in (
        (says(b"one"), Refusal.UNKNOWN),
        (asks(b"one"), Refusal.CLOSED),
        (asks(b"two, wider"), Refusal.CLOSED),
    ):
        with pytest.raises(OutOfPlaceError) as caught:
            agreements.check(SOUTH, deed)
        assert caught.value.refusal is refusal
    agreements.check(SOUTH, says(b"three"))
    agreements.check(SOUTH, says(b"three", False))
    agreements.check(SOUTH, asks(b"three"))
    assert agreements.current(NORTH, SOUTH) == TEXTS[b"two"]


def test_what_is_no_agreement_is_refused() -> None:
    agreements = Agreements(read)
    with pytest.raises(InvalidValueError, match="no agreement"):
        agreements.take(NORTH, asks(b"let us be friends"))
    assert agreements.proposed(NORTH, SOUTH) == ()


PARTIES = (NORTH, SOUTH, RELIEF)
said_deeds = st.sampled_from(list(TEXTS)).flatmap(
    lambda text: st.sampled_from([asks(text), says(text), says(text, False)])
)


@given(st.data(), st.lists(st.tuples(st.sampled_from(PARTIES), said_deeds), max_size=12))
def test_equal_sets_of_deeds_give_equal_agreements_in_every_order(
    data: st.DataObject, said: list[tuple[PartyId, AgreementDeed]]
) -> None:
    def state(agreements: Agreements) -> Any:
        pairs = list(itertools.combinations(PARTIES, 2))
        return [
            (agreements.proposed(*pair), agreements.in_force(*pair), agreements.is_ambiguous(*pair))
            for pair in pairs
        ]

    expected = state(fold(*said))
    for _ in range(3):
        assert state(fold(*data.draw(st.permutations(said)))) == expected
