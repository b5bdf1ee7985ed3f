"""What is odd about messages that wait: looked at once, kept until something changes, never passed over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepclear.adapters.store.form import JsonForm
from keepclear.core.conflicts import Buffer
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import MESSAGES, Code, Message, Nature, Position, Value
from keepclear.core.notice import NoticeCheck
from keepclear.core.picture import Picture
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.times import floor_ms
from keepclear.node.detect import Moment, Still
from keepclear.node.message_warnings import (
    KEPT_MS,
    NOTICES_CHECKED_MAX,
    Asked,
    NoticeChecks,
    can_be_odd,
)
from keepclear.node.policy import Policy
from tests.node.parties import Party, paired
from tests.strategies import at

NORTH, RELIEF = PartyId("north"), PartyId("relief")
HERE = Position(latitude_e5=3_500_000, longitude_e5=3_600_000)
ITEM = ItemRef(party=NORTH, id=ItemId("N1"), version=1)


def message(code: Code, **fields: Value) -> Message:
    return Message(
        code=code,
        to=RELIEF,
        fields=tuple(fields.items()),
        priority=MESSAGES[code].priority,
        valid_until_ms=floor_ms(at(600)),
    )


DISTRESS = message(Code.DISTRESS, call_sign="R1", nature=Nature.FIRE, at=HERE)


def moment(seq: int = 1, minutes: float = 0.0) -> Moment:
    still = Still(Picture([]), seq, Policy(buffer=Buffer()))
    return Moment(still=still, now=at(minutes))


def notices(count: int) -> tuple[Party, list[Asked]]:
    """Have a party send so many notices of an item that it does not declare."""
    north, _ = paired("north", "relief")
    said = message(Code.NOTICE_OPERATION, item=ITEM, begins=0)
    first = north.size(north)
    for _ in range(count):
        north.say(said)
    refs = [MessageRef(party=NORTH, n=first + k) for k in range(count)]
    return north, [Asked(by=NORTH, message=said, sent_ms=0, ref=ref) for ref in refs]


def found(
    checks: NoticeChecks, party: Party, asked: list[Asked], moment: Moment
) -> list[tuple[NoticeCheck | None, bool]]:
    assert party.bench.logs is not None
    return checks.of(asked, party.bench.logs, moment, party.store, JsonForm())


@pytest.mark.parametrize(
    ("said", "can_be"),
    [
        (DISTRESS, True),
        (message(Code.NOTICE_OPERATION, item=ITEM, begins=0), True),
        (message(Code.NOTICE_CHANGE, item=ITEM), True),
        (message(Code.NOTICE_END, item=ITEM), False),
        (message(Code.LINE_TEST), False),
    ],
)
def test_only_positions_and_notices_are_looked_at(said: Message, can_be: bool) -> None:
    assert can_be_odd(said) is can_be


def test_a_notice_is_checked_once_until_something_changes() -> None:
    checks, (north, asked) = NoticeChecks(), notices(1)
    ((first, is_checked),) = found(checks, north, asked, moment())
    assert isinstance(first, NoticeCheck)
    assert (is_checked, first.is_enough) == (True, False)  # the item is not known here
    assert found(checks, north, asked, moment())[0][0] is first
    for later in (moment(seq=2), moment(minutes=KEPT_MS / 60_000.0)):
        again = found(checks, north, asked, later)[0][0]
        assert again is not first
        first = again


def test_what_could_not_be_checked_is_told_as_such_and_checked_the_next_time() -> None:
    checks, (north, many) = NoticeChecks(), notices(NOTICES_CHECKED_MAX + 1)
    told = [is_checked for _, is_checked in found(checks, north, many, moment())]
    assert told == [True] * NOTICES_CHECKED_MAX + [False]
    assert all(is_checked for _, is_checked in found(checks, north, many, moment()))


def test_a_notice_that_is_not_sent_yet_is_checked_each_time() -> None:
    checks, (north, (sent,)) = NoticeChecks(), notices(1)
    draft = replace(sent, ref=None)
    first, second = (found(checks, north, [draft], moment())[0][0] for _ in range(2))
    assert isinstance(first, NoticeCheck)
    assert first is not second
