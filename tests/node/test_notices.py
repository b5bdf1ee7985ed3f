"""A notice is judged alike at both ends, from what was stated; what cannot be read is not taken for clear."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from keepclear.adapters.notary import sign_deed
from keepclear.adapters.store.form import JsonForm
from keepclear.codec import agreements
from keepclear.core.agreements import Agreement, Clearing, Minima, SharedKind, Sharing, Terms, Timers, digest
from keepclear.core.conflicts import Buffer
from keepclear.core.deeds import AgreementAnswer, AgreementProposal, Deed, Heard, MessagesSeen
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import MESSAGES, Code, Message, Priority, Value
from keepclear.core.notice import CanClear, Lead, NoticeCheck
from keepclear.core.refs import MessageRef
from keepclear.core.times import floor_ms
from keepclear.node.detect import Unknown
from keepclear.node.notices import NOTICE_VOLUMES_MAX, NOTICES, Noticing
from tests.node.parties import HERE, NOON, Party, exchange, give, operation, paired, proving_of, ref

NOON_MS = floor_ms(NOON)


def agree(
    a: Party,
    b: Party,
    sharing: Sharing | None = None,
    clearing: Clearing | None = None,
    lead_s: float = 600.0,
) -> None:
    terms = Terms(party=b.name, sharing=sharing or Sharing(), clearing=clearing or Clearing())
    text = agreements.encode(
        Agreement(
            version=1,
            terms=(Terms(party=a.name), terms),
            minima=Minima(lateral_m=1_000.0, vertical_m=300.0),
            buffer=Buffer(lateral_m=500.0),
            timers=Timers(seen_s=60.0, answered_s=600.0),
            lead_s=lead_s,
            lead_emergency_s=lead_s / 2.0,
        )
    )
    a.say(AgreementProposal(text=text))
    exchange(a, b)
    b.say(AgreementAnswer(digest=digest(text), is_accepted=True))
    exchange(b, a)


@pytest.fixture
def two() -> list[Party]:
    alpha, bravo = paired("alpha", "bravo")
    exchange(alpha, bravo)
    return [alpha, bravo]


def noticing(party: Party) -> Noticing:
    assert party.bench.logs is not None
    return Noticing(logs=party.bench.logs, moment=party.bench.present(), reading=party.store, form=JsonForm())


def message(code: Code, to: str, **fields: Value) -> Message:
    names = [field.name for field in MESSAGES[code].fields if field.name in fields]
    return Message(
        code=code,
        to=PartyId(to),
        fields=tuple((name, fields[name]) for name in names),
        priority=MESSAGES[code].priority,
        valid_until_ms=NOON_MS + 3_600_000,
    )


def answer(code: Code, at: MessageRef) -> Message:
    return Message(
        code=code, to=at.party, answers=at, priority=Priority.SAFETY, valid_until_ms=NOON_MS + 3_600_000
    )


def told(sender: Party, said: Message, at: datetime) -> MessageRef:
    """Have a message sent at an instant, and return its number."""
    sender.now = at
    assert sender.bench.logs is not None
    n = sender.bench.logs[sender.name].tree.size
    sender.say(said)
    return MessageRef(party=sender.name, n=n)


def test_both_ends_name_the_aircraft_that_cannot_clear_in_time(two: list[Party]) -> None:
    """P7: notice is measured against the time that each aircraft needs, and both ends are alarmed."""
    alpha, bravo = two
    agree(alpha, bravo, clearing=Clearing(speed_mps=50.0, reaction_s=30.0))
    bravo.declare(replace(operation("B1", "bravo"), speed_mps=100.0))
    alpha.declare(operation("A1", "alpha"))
    exchange(alpha, bravo)
    sent = NOON - timedelta(seconds=40)
    at = told(alpha, message(Code.NOTICE_OPERATION, "bravo", item=ref("alpha", "A1"), begins=NOON_MS), sent)
    give(alpha, bravo)
    bravo.now = NOON - timedelta(seconds=20)
    ours, theirs = (noticing(party).of(at) for party in two)
    assert ours is not None
    assert theirs is not None
    (here,), (there,) = ours.affected, theirs.affected
    assert there.given_s == 20.0, "nobody there has read it so far"
    assert (here.item, there.item) == ("bravo:B1", "B1")
    assert here.can_clear is there.can_clear is CanClear.CANNOT
    assert (here.given_s, here.remaining_s, there.remaining_s) == (40.0, 40.0, 20.0)
    assert here.distance_m == pytest.approx(1_500.0, rel=0.02)
    assert here.needs_s == pytest.approx(30.0 + 1_500.0 / 100.0, rel=0.02), (
        "its own speed, and the agreed reaction"
    )
    assert (there.distance_m, there.needs_s) == (here.distance_m, here.needs_s)
    assert not ours.is_enough
    assert not theirs.is_enough


# -- from when the time counts ---------------------------------------------------------------------

NEEDED_S = 30.0 + 1_500.0 / 50.0  # of B1, by what was agreed


@pytest.fixture
def in_the_way(two: list[Party]) -> list[Party]:
    """Have operations of both parties begin at noon at one place, an agreement, and A1 told to nobody."""
    alpha, bravo = two
    agree(alpha, bravo, clearing=Clearing(speed_mps=50.0, reaction_s=30.0))
    bravo.declare(operation("B1", "bravo"))
    alpha.declare(operation("A1", "alpha"))
    exchange(alpha, bravo)
    return two


def begins_at_noon(to: str = "bravo") -> Message:
    return message(Code.NOTICE_OPERATION, to, item=ref("alpha", "A1"), begins=NOON_MS)


def before_noon(parties: list[Party], ahead_s: float) -> None:
    """Let the clocks of parties be so long before noon."""
    for party in parties:
        party.now = NOON - timedelta(seconds=ahead_s)


def say_signed_before(party: Party, deed: Deed, ago_s: float) -> None:
    """Have a party say what an officer signed so long ago, or with a clock that is late."""
    at_ms = floor_ms(party.now) - round(ago_s * 1e3)
    jws = sign_deed(deed, party.officer_key, party=party.name, person="Ann", at_ms=at_ms, nonce=f"{at_ms}")
    party.do(lambda declaring: proving_of(declaring).say_deed(jws))


def given(party: Party, at: MessageRef) -> tuple[float, CanClear]:
    """Return what time a party's node says was given to the only operation in the way, and what follows."""
    found = noticing(party).of(at)
    assert found is not None
    (each,) = found.affected
    assert each.needs_s == pytest.approx(NEEDED_S, rel=0.02)
    assert found.is_enough is (each.can_clear is CanClear.CAN)
    return each.given_s, each.can_clear


def test_what_was_signed_long_before_its_node_had_it_counts_from_then(in_the_way: list[Party]) -> None:
    alpha, bravo = in_the_way
    before_noon(in_the_way, 20.0)
    at = MessageRef(party=alpha.name, n=alpha.size(alpha))
    say_signed_before(alpha, begins_at_noon(), 580.0)
    give(alpha, bravo)
    bravo.say(MessagesSeen(messages=(at,)))
    exchange(alpha, bravo)
    assert given(alpha, at) == given(bravo, at) == (20.0, CanClear.CANNOT)


def test_what_came_late_over_a_cut_link_counts_from_when_it_came(in_the_way: list[Party]) -> None:
    alpha, bravo = in_the_way
    at = told(alpha, begins_at_noon(), NOON - timedelta(minutes=10))
    assert given(alpha, at) == (600.0, CanClear.CAN)
    before_noon(in_the_way, 20.0)
    assert given(alpha, at) == (20.0, CanClear.CANNOT), "it has not come yet"
    exchange(alpha, bravo)
    say_signed_before(bravo, MessagesSeen(messages=(at,)), 300.0)
    before_noon(in_the_way, 10.0)
    exchange(alpha, bravo)
    assert given(alpha, at) == given(bravo, at) == (20.0, CanClear.CANNOT)


def test_what_nobody_has_read_leaves_the_time_from_now_and_once_read_that_from_then(
    in_the_way: list[Party],
) -> None:
    alpha, bravo = in_the_way
    at = told(alpha, begins_at_noon(), NOON - timedelta(minutes=10))
    before_noon(in_the_way, 590.0)
    exchange(alpha, bravo)
    for ahead_s, can_clear in ((300.0, CanClear.CAN), (50.0, CanClear.CANNOT)):
        before_noon(in_the_way, ahead_s)
        assert given(alpha, at) == given(bravo, at) == (ahead_s, can_clear)
    say_signed_before(bravo, MessagesSeen(messages=(at,)), 300.0)  # an officer whose clock is late
    exchange(alpha, bravo)
    before_noon(in_the_way, -60.0)
    assert given(alpha, at) == given(bravo, at) == (50.0, CanClear.CANNOT), "read is not read in time"


def test_what_was_read_in_time_stays_in_time(in_the_way: list[Party]) -> None:
    alpha, bravo = in_the_way
    at = told(alpha, begins_at_noon(), NOON - timedelta(minutes=10))
    exchange(alpha, bravo)
    before_noon(in_the_way, 300.0)
    bravo.say(MessagesSeen(messages=(at,)))
    before_noon(in_the_way, 5.0)
    exchange(alpha, bravo)
    assert given(alpha, at) == given(bravo, at) == (300.0, CanClear.CAN)


def test_a_request_leaves_the_time_from_now_until_it_is_answered(in_the_way: list[Party]) -> None:
    alpha, bravo = in_the_way
    asked = message(Code.REQUEST_KEEP_CLEAR, "bravo", item=ref("alpha", "A1"), until=NOON_MS + 600_000)
    at = told(alpha, asked, NOON - timedelta(minutes=10))
    exchange(alpha, bravo)
    bravo.say(MessagesSeen(messages=(at,)))
    bravo.say(answer(Code.STANDBY, at))
    before_noon(in_the_way, 50.0)
    exchange(alpha, bravo)
    assert given(alpha, at) == given(bravo, at) == (50.0, CanClear.CANNOT)
    bravo.say(answer(Code.WILL_COMPLY, at))
    before_noon(in_the_way, 5.0)
    exchange(alpha, bravo)
    assert given(alpha, at) == given(bravo, at) == (50.0, CanClear.CANNOT)


def test_what_was_heard_by_voice_and_rightly_counts_from_then_and_not_from_when_it_came(
    in_the_way: list[Party],
) -> None:
    alpha, bravo = in_the_way
    at = told(alpha, begins_at_noon(), NOON - timedelta(minutes=10))
    before_noon(in_the_way, 500.0)
    bravo.say(Heard(by=alpha.name, n=at.n, at_ms=NOON_MS - 500_000, message=begins_at_noon()))
    assert given(bravo, at) == (500.0, CanClear.CAN)
    before_noon(in_the_way, 20.0)
    assert given(alpha, at) == (20.0, CanClear.CANNOT), "what was heard is not known there"
    exchange(alpha, bravo)
    assert given(alpha, at) == given(bravo, at) == (500.0, CanClear.CAN)


def test_what_was_misheard_counts_from_when_it_was_read(in_the_way: list[Party]) -> None:
    alpha, bravo = in_the_way
    at = told(alpha, begins_at_noon(), NOON - timedelta(minutes=10))
    before_noon(in_the_way, 500.0)
    later = replace(begins_at_noon(), fields=(("item", ref("alpha", "A1")), ("begins", NOON_MS + 60_000)))
    bravo.say(Heard(by=alpha.name, n=at.n, at_ms=NOON_MS - 500_000, message=later))
    before_noon(in_the_way, 20.0)
    exchange(alpha, bravo)
    assert given(alpha, at) == given(bravo, at) == (20.0, CanClear.CANNOT)


# -- what is announced -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        message(Code.NOTICE_CHANGE, "bravo", item=ref("alpha", "A1")),
        message(Code.MOVEMENT_DELAYED, "bravo", item=ref("alpha", "A1"), leg=1, begins=NOON_MS),
        message(Code.LEG_START, "bravo", item=ref("alpha", "A1"), leg=1, at=NOON_MS),
    ],
    ids=lambda said: said.code.value,
)
def test_whatever_puts_somebody_in_the_way_is_judged(in_the_way: list[Party], said: Message) -> None:
    alpha, bravo = in_the_way
    at = told(alpha, said, NOON - timedelta(seconds=50))
    before_noon(in_the_way, 50.0)
    exchange(alpha, bravo)
    assert given(alpha, at) == given(bravo, at) == (50.0, CanClear.CANNOT)


@pytest.mark.parametrize("code", [Code.REQUEST_KEEP_CLEAR, Code.SEARCH_AREA])
def test_to_keep_clear_is_asked_from_now_and_for_as_long_as_is_said(two: list[Party], code: Code) -> None:
    alpha, bravo = two
    agree(alpha, bravo, clearing=Clearing(speed_mps=50.0, reaction_s=30.0))
    alpha.declare(operation("A1", "alpha"))
    for name, hours in (("now", -1.5), ("before", -2.5), ("later", 3.0), ("too late", 7.0)):
        bravo.declare(operation(name, "bravo", start=NOON + timedelta(hours=hours)))
    exchange(alpha, bravo)
    said = message(code, "bravo", item=ref("alpha", "A1"), until=NOON_MS + 6 * 3_600_000)
    for party, own in ((alpha, "bravo:"), (bravo, "")):
        found = noticing(party).of_message(alpha.name, said, NOON_MS - 3_600_000)
        assert found is not None
        assert [(each.item, each.given_s, each.can_clear) for each in found.affected] == [
            (f"{own}now", 0.0, CanClear.CANNOT),
            (f"{own}later", 4 * 3_600.0, CanClear.CAN),
        ]


def test_a_movement_that_is_delayed_is_in_the_way_for_longer(two: list[Party]) -> None:
    alpha, bravo = two
    agree(alpha, bravo, clearing=Clearing(speed_mps=50.0, reaction_s=30.0))
    alpha.declare(operation("A1", "alpha"))
    bravo.declare(operation("B1", "bravo", start=NOON + timedelta(minutes=90)))
    exchange(alpha, bravo)
    for late_min, count in ((10, 0), (45, 1)):
        said = message(
            Code.MOVEMENT_DELAYED,
            "bravo",
            item=ref("alpha", "A1"),
            leg=1,
            begins=NOON_MS + late_min * 60_000,
        )
        found = noticing(bravo).of_message(alpha.name, said, NOON_MS)
        assert found is not None
        assert len(found.affected) == count


def test_where_no_speed_is_stated_the_agreed_one_counts(two: list[Party]) -> None:
    alpha, bravo = two
    bravo.declare(operation("B1", "bravo"))
    alpha.declare(operation("A1", "alpha"))
    exchange(alpha, bravo)
    said = message(Code.NOTICE_OPERATION, "bravo", item=ref("alpha", "A1"), begins=NOON_MS)
    before = noticing(alpha).of_message(alpha.name, said, NOON_MS - 3_600_000)
    assert before is not None
    assert before.can_clear is CanClear.CANNOT_TELL, "nothing was agreed, and no speed is stated"
    agree(alpha, bravo, clearing=Clearing(speed_mps=50.0, reaction_s=60.0))
    after = noticing(alpha).of_message(alpha.name, said, NOON_MS - 3_600_000)
    assert after is not None
    assert after.is_enough
    assert after.affected[0].needs_s == pytest.approx(60.0 + 1_500.0 / 50.0, rel=0.02)


def test_the_named_version_is_judged_at_both_ends_whatever_came_later(two: list[Party]) -> None:
    alpha, bravo = two
    bravo.declare(operation("B1", "bravo"))
    alpha.declare(operation("A1", "alpha"))
    alpha.amend(operation("A1", "alpha", LatLng(10.0, 10.0)), 1)
    exchange(alpha, bravo)
    for version, count in ((1, 1), (2, 0)):
        said = message(Code.NOTICE_OPERATION, "bravo", item=ref("alpha", "A1", version), begins=NOON_MS)
        for party in two:
            found = noticing(party).of_message(alpha.name, said, NOON_MS)
            assert found is not None
            assert len(found.affected) == count


def test_what_is_not_held_is_not_told(two: list[Party]) -> None:
    alpha, bravo = two
    alpha.declare(operation("A1", "alpha"))
    for item in (ref("alpha", "A1", 2), ref("alpha", "nothing"), ref("bravo", "B1"), ref("carol", "C1")):
        said = message(Code.REQUEST_KEEP_CLEAR, "bravo", item=item, until=NOON_MS)
        found = noticing(alpha).of_message(alpha.name, said, NOON_MS)
        assert found is not None
        assert found.can_clear is CanClear.CANNOT_TELL
        assert found.unknown
    assert noticing(bravo).of(MessageRef(party=alpha.name, n=999)) is None


def test_a_notice_of_very_many_volumes_is_told_not_to_be_checked(two: list[Party]) -> None:
    """A peer chooses how many: nobody here waits minutes for them, and none is taken for clear."""
    alpha, bravo = two
    item = operation("A1", "alpha")
    for count, is_checked in ((NOTICE_VOLUMES_MAX, True), (NOTICE_VOLUMES_MAX + 1, False)):
        many = replace(item, id=ItemId(f"A{count}"), volumes=item.volumes * count)
        alpha.declare(many)
        give(alpha, bravo)
        said = message(Code.NOTICE_OPERATION, "bravo", item=ref("alpha", f"A{count}"), begins=floor_ms(NOON))
        found = noticing(bravo).of_message(alpha.name, said, floor_ms(bravo.now))
        assert found is not None
        assert found.is_enough is is_checked
        assert found.can_clear is (CanClear.CAN if is_checked else CanClear.CANNOT_TELL)


def test_only_notices_are_judged(two: list[Party]) -> None:
    alpha, _ = two
    assert noticing(alpha).of_message(alpha.name, message(Code.LINE_TEST, "bravo"), NOON_MS) is None
    for code in NOTICES:
        assert any(field.name == "item" for field in MESSAGES[code].fields)
        assert MESSAGES[code].priority is not Priority.ROUTINE


def test_what_the_other_party_withholds_is_not_taken_for_clear_and_it_knows_its_own(two: list[Party]) -> None:
    alpha, bravo = two
    agree(alpha, bravo, sharing=Sharing(kinds=frozenset({SharedKind.CONSTRAINT})))
    alpha.declare(operation("A1", "alpha"))
    bravo.declare(operation("B1", "bravo"))
    exchange(alpha, bravo)
    said = message(Code.NOTICE_OPERATION, "bravo", item=ref("alpha", "A1"), begins=NOON_MS)
    ours, theirs = (noticing(party).of_message(alpha.name, said, NOON_MS) for party in two)
    assert ours is not None
    assert theirs is not None
    assert (ours.affected, ours.can_clear) == ((), CanClear.CANNOT_TELL)
    assert "withheld" in ours.unknown[0]
    assert [each.item for each in theirs.affected] == ["B1"]
    assert theirs.unknown == ()


def test_while_a_party_is_not_heard_its_aircraft_cannot_be_told(two: list[Party]) -> None:
    alpha, bravo = two
    alpha.declare(operation("A1", "alpha"))
    exchange(alpha, bravo)
    said = message(Code.NOTICE_OPERATION, "bravo", item=ref("alpha", "A1"), begins=NOON_MS)
    moment = alpha.bench.present()
    deaf = replace(moment, unknown=[Unknown(reason=f"{k} is not heard") for k in range(9)])
    found = replace(noticing(alpha), moment=deaf).of_message(alpha.name, said, NOON_MS)
    assert found is not None
    assert found.can_clear is CanClear.CANNOT_TELL
    assert len(found.unknown) == 6
    assert found.unknown[-1] == "and 4 more"


@pytest.mark.parametrize(
    ("ahead_s", "lead"), [(600, Lead.IN_TIME), (599, Lead.EMERGENCY), (299, Lead.TOO_LATE)]
)
def test_a_movement_is_held_against_the_agreed_lead_times(two: list[Party], ahead_s: int, lead: Lead) -> None:
    alpha, bravo = two
    agree(alpha, bravo)
    alpha.declare(operation("A1", "alpha", HERE))
    exchange(alpha, bravo)
    said = message(Code.MOVEMENT_NOTICE, "bravo", item=ref("alpha", "A1"), begins=NOON_MS, legs=1)
    found = noticing(bravo).of_message(alpha.name, said, NOON_MS - ahead_s * 1_000)
    assert isinstance(found, NoticeCheck)
    assert found.lead is not None
    assert found.lead.lead is lead
    assert found.is_enough is (lead is not Lead.TOO_LATE)


def test_agreed_lead_times_are_held_against_when_a_movement_was_told_there(two: list[Party]) -> None:
    alpha, bravo = two
    agree(alpha, bravo)
    alpha.declare(operation("A1", "alpha", HERE))
    exchange(alpha, bravo)
    said = message(Code.MOVEMENT_NOTICE, "bravo", item=ref("alpha", "A1"), begins=NOON_MS, legs=1)
    at = told(alpha, said, NOON - timedelta(seconds=600))

    def leads() -> list[Lead | None]:
        found = [noticing(party).of(at) for party in two]
        return [each.lead.lead if each and each.lead else None for each in found]

    assert leads() == [Lead.IN_TIME, None]
    before_noon(two, 400.0)
    exchange(alpha, bravo)
    before_noon(two, 100.0)
    assert leads() == [Lead.EMERGENCY, Lead.EMERGENCY], "not read so far, and told 400 s ahead"
