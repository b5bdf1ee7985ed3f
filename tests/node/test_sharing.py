"""Sharing: who is given what, from when on, and what everybody else is told of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.adapters.store.form import JsonForm
from keepclear.codec import agreements
from keepclear.core.agreements import (
    Agreement,
    AreaOfInterest,
    Minima,
    SharedKind,
    Sharing,
    Terms,
    Timers,
    digest,
)
from keepclear.core.altitudes import AltitudeBand
from keepclear.core.bundles import Bundle, Withheld
from keepclear.core.conflicts import NO_BUFFER, Item
from keepclear.core.constraints import Constraint, ConstraintRule
from keepclear.core.deeds import AgreementAnswer, AgreementProposal, Change, Proposal
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import IntentEvent, ItemId, OperationalIntent, PartyId
from keepclear.core.picture import Picture
from keepclear.core.shapes import Circle
from keepclear.core.statements import CoarseSaid, StatementKind
from keepclear.core.times import floor_ms
from keepclear.node.coordinate import had_at
from keepclear.node.detect import Checked
from keepclear.node.give import bundle_for
from keepclear.node.sharing import (
    COARSE_RADIUS_STEP_M,
    COARSE_TIME_STEP_S,
    OFFERED_EVERY_MS,
    coarse_of,
)
from tests.node.parties import HERE, NOON, Party, exchange, operation, paired, part_of, ref
from tests.strategies import intent, volumes

ELSEWHERE = LatLng(45.0, 50.0)
NOTHING = Sharing(kinds=frozenset({SharedKind.CONSTRAINT}))
FORM = JsonForm()


def agree(a: Party, b: Party, *, shares: Sharing, version: int = 1) -> None:
    """Have two parties agree on what the first shows the second."""
    terms = (Terms(party=a.name, sharing=shares), Terms(party=b.name))
    text = agreements.encode(
        Agreement(
            version=version,
            terms=tuple(sorted(terms, key=lambda each: each.party)),  # type: ignore[arg-type]
            minima=Minima(lateral_m=1_000.0, vertical_m=300.0),
            buffer=NO_BUFFER,
            timers=Timers(seen_s=60.0, answered_s=600.0),
        )
    )
    a.say(AgreementProposal(text=text))
    hand(a, b)
    b.say(AgreementAnswer(digest=digest(text), is_accepted=True))
    hand(b, a)


def bundled(giver: Party, taker: Party) -> Bundle:
    """Return what a giver gives, now."""
    logs, held = giver.bench.logs, taker.bench.logs
    assert logs is not None
    assert held is not None
    return bundle_for(taker.name, held.heads(), logs, giver.store, floor_ms(giver.now), FORM)


def hand(giver: Party, taker: Party) -> None:
    """Give all that one has more."""
    taker.take(bundled(giver, taker), heard=giver)


def drawn(party: Party) -> list[str]:
    return sorted(label.id for label in party.bench.held.picture.labels)


def checked(party: Party, at: LatLng = HERE, start: datetime = NOON) -> Checked:
    return party.bench.present().check(operation("mine", party.name, at, start))


def coarse(party: Party) -> dict[tuple[PartyId, ItemId], CoarseSaid]:
    assert party.bench.logs is not None
    return {key: said for key, said in party.bench.logs.coarse.items() if said.text is not None}


def zone(item_id: str, party: str) -> Constraint:
    """Return a zone round the usual place."""
    shape = operation(item_id, party)
    return Constraint(id=shape.id, party=PartyId(party), rule=ConstraintRule.KEEP_OUT, volumes=shape.volumes)


# -- who may read -----------------------------------------------------------------------------------


def test_without_an_agreement_everybody_reads_everything_and_nothing_is_coarse() -> None:
    alpha, bravo, charlie = paired("alpha", "bravo", "charlie")
    alpha.declare(operation("A1", "alpha"))
    for other in (bravo, charlie):
        hand(alpha, other)
        assert (drawn(other), coarse(other)) == (["alpha:A1"], {})


def test_what_is_not_shared_is_withheld_from_that_party_alone() -> None:
    alpha, bravo, charlie = paired("alpha", "bravo", "charlie")
    agree(alpha, bravo, shares=NOTHING)
    alpha.declare(operation("A1", "alpha"))
    hand(alpha, bravo)
    hand(alpha, charlie)
    assert (drawn(bravo), drawn(charlie)) == ([], ["alpha:A1"])
    hand(charlie, bravo)  # nor does whoever may read it give it away
    assert drawn(bravo) == []


def test_zones_are_always_shared() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=NOTHING)
    alpha.declare(zone("Z1", "alpha"))
    hand(alpha, bravo)
    assert drawn(bravo) == ["alpha:Z1"]


def near(at: LatLng, upper_m: float = 10_000.0) -> AreaOfInterest:
    band = AltitudeBand(lower_m=0.0, upper_m=upper_m)
    return AreaOfInterest(outline=Circle(center=at, radius_m=5_000.0), altitude=band)


@pytest.mark.parametrize(
    ("sharing", "is_shared"),
    [
        (Sharing(areas=(near(HERE),)), True),
        (Sharing(areas=(near(ELSEWHERE), near(HERE))), True),
        (Sharing(areas=(near(ELSEWHERE),)), False),
        (Sharing(areas=(near(HERE, upper_m=100.0),)), True),  # the operation begins at 100 m: they touch
        (Sharing(areas=(near(HERE, upper_m=99.0),)), False),
        (Sharing(altitude=AltitudeBand(upper_m=100.0)), True),
        (Sharing(altitude=AltitudeBand(upper_m=99.0)), False),
        (Sharing(altitude=AltitudeBand(lower_m=501.0)), False),
    ],
)
def test_areas_and_heights_limit_what_is_shared(sharing: Sharing, is_shared: bool) -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=sharing)
    alpha.declare(operation("A1", "alpha"))
    hand(alpha, bravo)
    assert drawn(bravo) == (["alpha:A1"] if is_shared else [])


def test_whoever_knows_of_an_item_hears_what_becomes_of_it() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=Sharing(areas=(near(HERE),)))
    alpha.declare(operation("A1", "alpha"))
    alpha.amend(operation("A1", "alpha", ELSEWHERE), 1)
    hand(alpha, bravo)
    assert checked(bravo, ELSEWHERE).total == 1
    alpha.do(lambda declaring: declaring.withdraw(ItemId("A1"), 2))
    hand(alpha, bravo)
    assert drawn(bravo) == []


def test_an_item_that_comes_into_a_shared_area_is_shown_from_then_on() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=Sharing(areas=(near(HERE),)))
    alpha.declare(operation("A1", "alpha", ELSEWHERE))
    hand(alpha, bravo)
    assert len(coarse(bravo)) == 1
    alpha.amend(operation("A1", "alpha"), 1)
    hand(alpha, bravo)
    assert (drawn(bravo), coarse(bravo)) == (["alpha:A1"], {})


def test_that_something_withheld_was_taken_back_is_withheld_too() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=NOTHING)
    alpha.declare(operation("A1", "alpha"))
    alpha.do(lambda declaring: declaring.withdraw(ItemId("A1"), 1))
    hand(alpha, bravo)
    assert bravo.bench.logs is not None
    assert all(version.ref.id != "A1" for version in bravo.bench.logs.ledger.versions())
    assert coarse(bravo) == {}


def test_what_is_said_of_something_withheld_is_for_those_whom_it_is_said_to() -> None:
    alpha, bravo, charlie = paired("alpha", "bravo", "charlie")
    agree(alpha, charlie, shares=NOTHING)
    alpha.declare(operation("A1", "alpha"))
    bravo.declare(operation("B1", "bravo"))
    exchange(alpha, bravo)
    bravo.acknowledge(ref("alpha", "A1"))
    becomes = FORM.write(operation("A1", "alpha", ELSEWHERE))
    change = Change(item=ref("alpha", "A1"), becomes=becomes)
    bravo.say(Proposal(id="bravo/1", conflict=(ref("alpha", "A1"), ref("bravo", "B1")), changes=(change,)))
    hand(bravo, alpha)
    hand(bravo, charlie)
    assert alpha.bench.logs is not None
    assert charlie.bench.logs is not None
    assert alpha.bench.logs.ledger.seen(ref("alpha", "A1")).keys() == {"bravo"}
    assert len(alpha.bench.logs.ledger.negotiations.all()) == 1
    assert charlie.bench.logs.ledger.negotiations.all() == ()
    assert len(charlie.bench.logs[bravo.name].withheld) == 2


# -- coarse volumes ---------------------------------------------------------------------------------


def test_near_to_something_withheld_a_check_cannot_decide() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=NOTHING)
    alpha.declare(operation("secret", "alpha"))
    hand(alpha, bravo)
    told = checked(bravo)
    assert (told.total, told.reason is None) == (0, False)
    assert told.reason is not None
    assert "of 'alpha'; ask that party" in told.reason
    assert "secret" not in told.reason
    assert checked(bravo, ELSEWHERE).reason is None
    assert checked(bravo, HERE, NOON + timedelta(hours=3)).reason is None


def test_who_may_read_it_decides() -> None:
    alpha, bravo, charlie = paired("alpha", "bravo", "charlie")
    agree(alpha, bravo, shares=NOTHING)
    alpha.declare(operation("A1", "alpha", ELSEWHERE))
    hand(alpha, charlie)
    assert len(coarse(charlie)) == 1
    assert checked(charlie, LatLng(45.05, 50.0)).reason is None  # within the coarse volume


def test_a_restart_changes_nothing_of_that() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=NOTHING)
    alpha.declare(operation("A1", "alpha"))
    hand(alpha, bravo)
    bravo.restart()
    assert checked(bravo).reason is not None
    alpha.restart()
    alpha.amend(operation("A1", "alpha", ELSEWHERE), 1)
    hand(alpha, bravo)
    assert (checked(bravo).reason, checked(bravo, ELSEWHERE).reason is None) == (None, False)
    assert len(coarse(bravo)) == 1


def test_once_it_is_over_a_check_decides_again() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=NOTHING)
    alpha.declare(operation("A1", "alpha"))
    alpha.do(lambda declaring: declaring.change_state(ItemId("A1"), IntentEvent.ACTIVATE, 1))
    hand(alpha, bravo)
    assert checked(bravo).reason is not None
    alpha.do(lambda declaring: declaring.change_state(ItemId("A1"), IntentEvent.END, 2))
    hand(alpha, bravo)
    assert checked(bravo).reason is None


def test_a_coarse_volume_has_a_name_that_tells_nothing_and_keeps_it() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=NOTHING)
    alpha.declare(operation("secret", "alpha"))
    hand(alpha, bravo)
    ((_, name),) = coarse(bravo)
    assert len(name) == 16
    assert set(name) <= set("0123456789abcdef")
    alpha.amend(operation("secret", "alpha", ELSEWHERE), 1)
    hand(alpha, bravo)
    assert [key[1] for key in coarse(bravo)] == [name]


def test_a_coarse_volume_that_cannot_be_judged_may_be_anywhere() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=NOTHING)
    wide = operation("A1", "alpha")
    volume = wide.volumes[0]
    round_the_world = tuple(
        replace(
            volume,
            volume=replace(volume.volume, outline=Circle(center=LatLng(0.0, lng), radius_m=1_000.0)),
        )
        for lng in (0.0, 120.0, -120.0)
    )
    alpha.declare(replace(wide, volumes=round_the_world))
    hand(alpha, bravo)
    reason = checked(bravo, ELSEWHERE).reason
    assert reason is not None
    assert "has no shape that could be judged" in reason


def with_band(altitude: AltitudeBand) -> OperationalIntent:
    """Return the usual operation between other heights."""
    usual = operation("A1", "alpha")
    (volume,) = usual.volumes
    return replace(usual, volumes=(replace(volume, volume=replace(volume.volume, altitude=altitude)),))


@pytest.mark.slow
@given(item=volumes().map(lambda volume: intent("A1", volume, party="alpha")))
@example(item=operation("A1", "alpha", LatLng(89.95, 10.0)))
@example(item=operation("A1", "alpha", LatLng(0.0, 179.99)))
@example(item=with_band(AltitudeBand(lower_m=0.0, upper_m=5e-324)))
def test_a_coarse_volume_holds_all_of_an_item_and_is_wider(item: Item) -> None:
    rough = coarse_of(item, ItemId("x"), PartyId("alpha"))
    (volume,) = rough.volumes
    assert isinstance(volume.volume.outline, Circle)
    assert volume.volume.outline.radius_m % COARSE_RADIUS_STEP_M == 0.0
    for fine in item.volumes:
        assert volume.time.start <= fine.time.start
        assert fine.time.end <= volume.time.end
        assert volume.time.start_ms % round(COARSE_TIME_STEP_S * 1000.0) == 0
        assert volume.volume.altitude.lower_m <= fine.volume.altitude.lower_m
        assert volume.volume.altitude.upper_m >= fine.volume.altitude.upper_m
    for outline in (fine.volume.outline for fine in item.volumes):
        for lat, lng in outline.ring_deg().tolist():
            assert holds(rough, LatLng(lat, lng), item)


def holds(rough: OperationalIntent, at: LatLng, item: Item) -> bool:
    point = replace(
        item.volumes[0],
        volume=replace(item.volumes[0].volume, outline=Circle(center=at, radius_m=0.01)),
    )
    return bool(Picture([rough]).findings_of(intent("p", point, party="bravo")))


# -- embargoes --------------------------------------------------------------------------------------


def test_an_operation_is_held_back_until_so_long_before_its_start_and_given_then() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=Sharing(embargo_s=1_800.0))
    alpha.declare(operation("A1", "alpha"))  # at noon; it is ten o'clock
    hand(alpha, bravo)
    assert (drawn(bravo), len(coarse(bravo))) == ([], 1)
    assert checked(bravo).reason is not None
    for minutes, is_given in ((29, True), (31, False)):
        alpha.now = NOON - timedelta(minutes=minutes)
        bundle = bundled(alpha, bravo)
        assert bool(bundle.parts) is is_given
        alpha.bench.logs.offered.clear()  # type: ignore[union-attr]
    alpha.now = bravo.now = NOON - timedelta(minutes=30)
    hand(alpha, bravo)
    assert drawn(bravo) == ["alpha:A1"]
    assert bravo.bench.logs is not None
    assert bravo.bench.logs[alpha.name].withheld == set()
    assert checked(bravo).total == 1


def test_what_is_held_back_is_not_delivered_though_its_hash_was_signed_until_an_officer_reads_it() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=Sharing(embargo_s=1_800.0))
    alpha.declare(operation("A1", "alpha"))
    hand(alpha, bravo)
    hand(bravo, alpha)
    assert alpha.size(alpha) == bravo.size(alpha), "the hash is there, and signed"
    assert receipt_and_had(alpha, bravo) == (False, False)
    alpha.now = bravo.now = NOON - timedelta(minutes=30)
    hand(alpha, bravo)
    hand(bravo, alpha)
    assert receipt_and_had(alpha, bravo) == (False, False), "nothing that bravo signed tells the two apart"
    bravo.acknowledge(ref("alpha", "A1"))
    hand(bravo, alpha)
    assert receipt_and_had(alpha, bravo) == (True, False)


def test_what_is_given_at_once_in_spite_of_an_embargo_is_delivered() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=Sharing(embargo_s=3 * 3_600.0))
    alpha.declare(operation("A1", "alpha"))
    hand(alpha, bravo)
    hand(bravo, alpha)
    assert receipt_and_had(alpha, bravo) == (True, True)


def test_what_a_party_may_not_read_it_never_had() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=NOTHING)
    alpha.declare(operation("A1", "alpha"))
    hand(alpha, bravo)
    hand(bravo, alpha)
    assert receipt_and_had(alpha, bravo) == (False, False)


def receipt_and_had(alpha: Party, bravo: Party) -> tuple[bool, bool]:
    """Return whether A1 of alpha is called delivered to bravo, and whether bravo is said to have had it."""
    (receipt,) = alpha.coordinated("A1").receipts
    assert alpha.bench.logs is not None
    at_ms = floor_ms(alpha.now) + 1_000
    (had,) = had_at(bravo.name, at_ms, alpha.bench.logs, alpha.store, JsonForm())
    return receipt.is_delivered, had.delivered_s is not None


def test_what_was_held_back_is_offered_again_only_from_time_to_time_until_it_is_over() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=Sharing(embargo_s=1_800.0))
    alpha.declare(operation("A1", "alpha"))
    hand(alpha, bravo)
    alpha.now = NOON
    assert bundled(alpha, bravo).parts  # lost on the way
    assert not bundled(alpha, bravo).parts
    alpha.now += timedelta(milliseconds=OFFERED_EVERY_MS - 1)
    assert not bundled(alpha, bravo).parts
    alpha.now += timedelta(milliseconds=1)
    (part,) = bundled(alpha, bravo).parts
    assert isinstance(part.entries[0], bytes)
    alpha.now = NOON + timedelta(hours=1, milliseconds=1)
    assert not bundled(alpha, bravo).parts


def test_an_operation_that_is_declared_after_its_embargo_is_given_at_once_and_once() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=Sharing(embargo_s=3 * 3_600.0))
    alpha.declare(operation("A1", "alpha"))
    hand(alpha, bravo)
    assert (drawn(bravo), coarse(bravo)) == (["alpha:A1"], {})
    assert not bundled(alpha, bravo).parts


def test_that_an_operation_under_embargo_was_taken_back_is_held_back_too() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=Sharing(embargo_s=1_800.0))
    alpha.declare(operation("A1", "alpha"))
    alpha.do(lambda declaring: declaring.withdraw(ItemId("A1"), 1))
    hand(alpha, bravo)
    assert bravo.bench.logs is not None
    assert len(bravo.bench.logs[alpha.name].withheld) == 2


def test_whoever_does_not_know_how_items_are_written_holds_everything_back() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=Sharing(embargo_s=1_800.0))
    alpha.now = NOON
    alpha.declare(operation("A1", "alpha"))
    assert alpha.bench.logs is not None
    heads = alpha.bench.logs.heads()
    told = [(party, size - 1 if party == "alpha" else size) for party, size in heads]
    bundle = bundle_for(bravo.name, told, alpha.bench.logs, alpha.store, floor_ms(NOON))
    assert isinstance(part_of(bundle, alpha).entries[0], Withheld)


@pytest.mark.slow
@given(
    shares=st.sampled_from(
        [NOTHING, Sharing(), Sharing(embargo_s=1_800.0), Sharing(areas=(near(ELSEWHERE),))]
    ),
    minutes=st.integers(0, 180),
)
def test_where_a_peer_is_not_told_what_is_there_it_is_never_told_that_nothing_is(
    shares: Sharing, minutes: int
) -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=shares)
    alpha.declare(operation("A1", "alpha"))
    alpha.now = bravo.now = alpha.now + timedelta(minutes=minutes)
    hand(alpha, bravo)
    told = checked(bravo)
    assert told.total == 1 or told.reason is not None


def test_a_coarse_volume_is_stated_to_everybody() -> None:
    alpha, bravo = paired("alpha", "bravo")
    agree(alpha, bravo, shares=NOTHING)
    alpha.declare(operation("A1", "alpha"))
    assert alpha.bench.logs is not None
    logs = alpha.bench.logs
    entries = alpha.store.entries(alpha.name, logs[alpha.name].tree.size - 2, 2)
    said = [logs.read(entry) for entry in entries]
    assert [(each.kind, each.to) for each in said if each is not None] == [
        (StatementKind.DECLARED, ("alpha",)),
        (StatementKind.COARSE, ()),
    ]
