"""A notice is judged alike at both ends, from what was stated; what cannot be read is not taken for clear."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from keepclear.adapters.store.form import JsonForm
from keepclear.codec import agreements
from keepclear.core.agreements import Agreement, Clearing, Minima, SharedKind, Sharing, Terms, Timers, digest
from keepclear.core.conflicts import Buffer
from keepclear.core.deeds import AgreementAnswer, AgreementProposal
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import PartyId
from keepclear.core.messages import MESSAGES, Code, Message, Priority, Value
from keepclear.core.notice import CanClear, Lead, NoticeCheck
from keepclear.core.refs import MessageRef
from keepclear.core.times import floor_ms
from keepclear.node.detect import Unknown
from keepclear.node.notices import NOTICES, Noticing
from tests.node.parties import HERE, NOON, Party, exchange, give, operation, paired, ref

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
    return Noticing(logs=party.bench.logs, moment=party.bench.present(), form=JsonForm())


def message(code: Code, to: str, **fields: Value) -> Message:
    names = [field.name for field in MESSAGES[code].fields if field.name in fields]
    return Message(
        code=code,
        to=PartyId(to),
        fields=tuple((name, fields[name]) for name in names),
        priority=MESSAGES[code].priority,
        valid_until_ms=NOON_MS + 3_600_000,
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
    assert alpha.bench.logs is not None
    moment = alpha.bench.present()
    deaf = replace(moment, unknown=[Unknown(reason=f"{k} is not heard") for k in range(9)])
    found = Noticing(logs=alpha.bench.logs, moment=deaf, form=JsonForm()).of_message(
        alpha.name, said, NOON_MS
    )
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
