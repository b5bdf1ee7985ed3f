"""What is odd about messages that wait: looked at once, kept until something changes, never passed over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepclear.adapters.notary import Notary
from keepclear.adapters.signing import SigningKey
from keepclear.adapters.store.form import JsonForm
from keepclear.core.conflicts import Buffer
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import MESSAGES, Code, Message, Nature, Position, Value
from keepclear.core.notice import NoticeCheck
from keepclear.core.picture import Picture
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.node.detect import Moment, Still
from keepclear.node.logs import Logs
from keepclear.node.message_warnings import (
    KEPT_MS,
    NOTICES_CHECKED_MAX,
    Asked,
    NoticeChecks,
    can_be_odd,
)
from keepclear.node.policy import Policy
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
        valid_until_ms=0,
    )


DISTRESS = message(Code.DISTRESS, call_sign="R1", nature=Nature.FIRE, at=HERE)


def moment(seq: int = 1, minutes: float = 0.0) -> Moment:
    still = Still(Picture([]), seq, Policy(buffer=Buffer()))
    return Moment(still=still, now=at(minutes))


def notices(count: int) -> list[Asked]:
    said = message(Code.NOTICE_OPERATION, item=ITEM, begins=0)
    return [Asked(by=NORTH, message=said, sent_ms=0, ref=MessageRef(party=NORTH, n=n)) for n in range(count)]


@pytest.fixture
def logs() -> Logs:
    return Logs(RELIEF, Notary(RELIEF, SigningKey(b"k" * 32)))


@pytest.mark.parametrize(
    ("said", "can_be"),
    [
        (DISTRESS, True),
        (message(Code.NOTICE_OPERATION, item=ITEM, begins=0), True),
        (message(Code.NOTICE_CHANGE, item=ITEM), False),
        (message(Code.LINE_TEST), False),
    ],
)
def test_only_positions_and_notices_are_looked_at(said: Message, can_be: bool) -> None:
    assert can_be_odd(said) is can_be


def test_a_notice_is_checked_once_until_something_changes(logs: Logs) -> None:
    checks, form = NoticeChecks(), JsonForm()
    ((first, is_checked),) = checks.of(notices(1), logs, moment(), form)
    assert isinstance(first, NoticeCheck)
    assert (is_checked, first.is_enough) == (True, False)  # the item is not known here
    assert checks.of(notices(1), logs, moment(), form)[0][0] is first
    for later in (moment(seq=2), moment(minutes=KEPT_MS / 60_000.0)):
        again = checks.of(notices(1), logs, later, form)[0][0]
        assert again is not first
        first = again


def test_what_could_not_be_checked_is_told_as_such_and_checked_the_next_time(logs: Logs) -> None:
    checks, many = NoticeChecks(), notices(NOTICES_CHECKED_MAX + 1)
    found = checks.of(many, logs, moment(), JsonForm())
    assert [is_checked for _, is_checked in found] == [True] * NOTICES_CHECKED_MAX + [False]
    assert all(is_checked for _, is_checked in checks.of(many, logs, moment(), JsonForm()))


def test_a_notice_that_is_not_sent_yet_is_checked_each_time(logs: Logs) -> None:
    (draft,) = notices(1)
    draft, checks = replace(draft, ref=None), NoticeChecks()
    first, second = (checks.of([draft], logs, moment(), JsonForm())[0][0] for _ in range(2))
    assert first is not second
