"""What logs say of an incident: what counted then, who had it, what was said; no more and no less."""

from __future__ import annotations

import json

import numpy as np
import pytest

from keepclear.codec.quoted import (
    MESSAGES_BEFORE_MS,
    NEAR_M,
    RECEIPTS_AFTER_MS,
    Quoted,
    ReadLog,
    quote,
    read_export,
)
from keepclear.core.deeds import Acknowledgement, MessagesSeen, Objection
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import Floats, unit_vectors
from keepclear.core.intents import IntentState, ItemId, OperationalIntent, PartyId
from keepclear.core.messages import Code, Message, Priority
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.statements import StatementKind
from keepclear.core.times import floor_ms
from tests.strategies import NOON, go, intent, square, volume, window
from tests.written_logs import WrittenLog

NOON_MS = floor_ms(NOON)
MINUTE = 60_000
HERE = (35.4, 35.9)


def places(*positions: tuple[float, float]) -> Floats:
    return unit_vectors(*np.array(positions or [HERE]).T)


def item(
    name: str,
    party: str,
    at: tuple[float, float] = HERE,
    *,
    start_min: float = -60.0,
    end_min: float = 60.0,
    state: IntentState = IntentState.ACCEPTED,
) -> OperationalIntent:
    shape = volume(square(*at, 2_000.0), window(start_min, end_min))
    return intent(name, shape, party=party, state=state)


def ref(party: str, name: str, version: int = 1) -> ItemRef:
    return ItemRef(party=PartyId(party), id=ItemId(name), version=version)


@pytest.fixture
def alpha() -> WrittenLog:
    return WrittenLog("alpha", "Ann", NOON_MS - 120 * MINUTE)


@pytest.fixture
def bravo() -> WrittenLog:
    return WrittenLog("bravo", "Boris", NOON_MS - 120 * MINUTE)


def read(*logs: WrittenLog) -> list[ReadLog]:
    return [read for log in logs for read in read_export(log.exported())]


def quoted(*logs: WrittenLog, flew: set[tuple[PartyId, ItemId]] | None = None) -> Quoted:
    """Quote an incident from noon until ten past."""
    return quote(read(*logs), NOON_MS, NOON_MS + 10 * MINUTE, places(), flew or set())


def versions(found: Quoted) -> list[tuple[str, int]]:
    return [(str(each.ref.id), each.ref.version) for each in found.declared]


def test_an_export_is_read_entry_by_entry(alpha: WrittenLog) -> None:
    n = alpha.declare(item("A-1", "alpha"), NOON_MS)
    alpha.withhold()
    (log,) = read(alpha)
    assert (log.party, log.size, log.withheld, log.last_ms) == ("alpha", 4, (3,), NOON_MS)
    assert [each.n for each in log.statements] == [0, 1, n]
    assert log.keys.node_key(alpha.node.kid, 3) == alpha.node.public
    assert log.root_key == alpha.root.public


def test_quoted_are_the_version_in_force_at_the_beginning_and_those_stated_within(alpha: WrittenLog) -> None:
    alpha.declare(item("A-1", "alpha"), NOON_MS - 50 * MINUTE)
    alpha.declare(item("A-1", "alpha", end_min=50.0), NOON_MS - 40 * MINUTE, version=2)
    alpha.declare(item("A-1", "alpha", end_min=40.0), NOON_MS + 5 * MINUTE, version=3)
    alpha.withdraw("A-1", NOON_MS + 8 * MINUTE, version=4)
    alpha.declare(item("A-2", "alpha"), NOON_MS + 11 * MINUTE)
    found = quoted(alpha)
    assert versions(found) == [("A-1", 2), ("A-1", 3), ("A-1", 4)]
    assert [each.what for each in found.declared] == ["amended", "amended", "withdrawn"]
    assert found.declared[2].text is None
    assert found.declared[0].item is not None


def test_what_was_over_before_or_is_about_another_time_or_place_is_not_quoted(alpha: WrittenLog) -> None:
    far = go(*HERE, 90.0, NEAR_M + 10_000.0)
    near = go(*HERE, 90.0, NEAR_M)
    alpha.declare(item("far", "alpha", far), NOON_MS - 50 * MINUTE)
    alpha.declare(item("near", "alpha", near), NOON_MS - 50 * MINUTE)
    alpha.declare(item("early", "alpha", end_min=-1.0), NOON_MS - 50 * MINUTE)
    alpha.declare(item("late", "alpha", start_min=11.0), NOON_MS - 50 * MINUTE)
    alpha.declare(item("gone", "alpha"), NOON_MS - 50 * MINUTE)
    alpha.withdraw("gone", NOON_MS - 20 * MINUTE, version=2)
    assert versions(quoted(alpha)) == [("near", 1)]


def test_what_an_aircraft_is_said_to_have_flown_is_quoted_wherever_it_is(alpha: WrittenLog) -> None:
    far = go(*HERE, 90.0, 500_000.0)
    alpha.declare(item("far", "alpha", far), NOON_MS - 50 * MINUTE)
    assert versions(quoted(alpha, flew={(PartyId("alpha"), ItemId("far"))})) == [("far", 1)]
    assert versions(quoted(alpha, flew={(PartyId("bravo"), ItemId("far"))})) == []


def test_an_operation_that_has_ended_is_quoted_as_what_it_says(alpha: WrittenLog) -> None:
    alpha.declare(item("A-1", "alpha", state=IntentState.ENDED), NOON_MS - 5 * MINUTE)
    (version,) = quoted(alpha).declared
    assert version.item is not None
    assert getattr(version.item, "state", None) is IntentState.ENDED


def test_a_receipt_is_the_first_statement_that_had_received_it_and_the_first_deed(
    alpha: WrittenLog, bravo: WrittenLog
) -> None:
    alpha.declare(item("A-1", "alpha"), NOON_MS - 50 * MINUTE)
    bravo.declare(item("B-1", "bravo"), NOON_MS - 45 * MINUTE)  # without having received it
    first = bravo.declare(item("B-1", "bravo", end_min=50.0), NOON_MS - 40 * MINUTE, 2, received=alpha)
    seen = bravo.sign(Acknowledgement(items=(ref("alpha", "A-1"),)), NOON_MS - 30 * MINUTE, alpha)
    bravo.sign(Acknowledgement(items=(ref("alpha", "A-1"),)), NOON_MS - 20 * MINUTE, alpha)
    objected = bravo.sign(Objection(item=ref("alpha", "A-1"), reason="too near"), NOON_MS - 10 * MINUTE)
    found = [each for each in quoted(alpha, bravo).receipts if each.ref.id == "A-1"]
    assert [(each.kind, each.n, each.person) for each in found] == [
        ("delivered", first, ""),
        ("objected", objected, "Boris"),
        ("seen", seen, "Boris"),
    ]
    assert {each.party for each in found} == {"bravo"}


def test_a_receipt_is_of_the_version_that_it_names(alpha: WrittenLog, bravo: WrittenLog) -> None:
    alpha.declare(item("A-1", "alpha"), NOON_MS - 50 * MINUTE)
    bravo.sign(Acknowledgement(items=(ref("alpha", "A-1"),)), NOON_MS - 30 * MINUTE, alpha)
    alpha.declare(item("A-1", "alpha", end_min=50.0), NOON_MS - 20 * MINUTE, 2)
    found = quoted(alpha, bravo)
    assert versions(found) == [("A-1", 2)]
    assert found.receipts == ()  # nobody has seen what was flown


def test_what_came_long_after_the_incident_is_no_receipt_of_it(alpha: WrittenLog, bravo: WrittenLog) -> None:
    alpha.declare(item("A-1", "alpha"), NOON_MS - 50 * MINUTE)
    late_ms = NOON_MS + 10 * MINUTE + RECEIPTS_AFTER_MS + 1
    bravo.sign(Acknowledgement(items=(ref("alpha", "A-1"),)), late_ms, alpha)
    assert quoted(alpha, bravo).receipts == ()


def test_messages_about_then_are_quoted_in_the_order_of_time(alpha: WrittenLog, bravo: WrittenLog) -> None:
    message = Message(
        code=Code.REQUEST_CONTACT,
        to=PartyId("bravo"),
        fields=(("call_sign", "BRAVO1"), ("frequency", 121_500)),
        priority=Priority.SAFETY,
        valid_until_ms=NOON_MS + 60 * MINUTE,
    )
    n = alpha.sign(message, NOON_MS + MINUTE)
    read_n = bravo.sign(
        MessagesSeen(messages=(MessageRef(party=PartyId("alpha"), n=n),)), NOON_MS + 2 * MINUTE
    )
    alpha.sign(message, NOON_MS + 10 * MINUTE + RECEIPTS_AFTER_MS + 1)
    early = WrittenLog("early", "Eve", NOON_MS - 120 * MINUTE)
    early.sign(message, NOON_MS - MESSAGES_BEFORE_MS - 1)
    found = quoted(bravo, alpha, early).messages
    assert [(each.by, each.n, each.person) for each in found] == [
        ("alpha", n, "Ann"),
        ("bravo", read_n, "Boris"),
    ]
    assert found[0].message == message
    assert found[1].seen == (MessageRef(party=PartyId("alpha"), n=n),)


# -- what cannot be read ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "Input data was truncated"),
        (b"[]", "no export of logs"),
        (b'{"format":"keepclear-export/1","logs":[]}', "no export of logs"),
        (
            b'{"format":"keepclear-export/1","logs":[{"party":"a","root_key":"x","entries":[]}]}',
            "root key is none",
        ),
    ],
)
def test_what_is_no_export_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        read_export(data)
    assert reason in str(caught.value) or "line 1" in str(caught.value)


def test_an_entry_that_is_none_is_refused_with_its_place(alpha: WrittenLog) -> None:
    export = json.loads(alpha.exported())
    export["logs"][0]["entries"][1] = {"jws": "a.b.c"}
    with pytest.raises(InvalidValueError, match=r"log of alpha, entry 1: "):
        read_export(json.dumps(export).encode())
    export["logs"][0]["entries"][1] = export["logs"][0]["entries"][0]
    with pytest.raises(InvalidValueError, match=r"it says that it is entry 0 of 'alpha'"):
        read_export(json.dumps(export).encode())


def test_a_deed_that_means_nothing_is_left_out(alpha: WrittenLog) -> None:
    from keepclear.core.statements import Signed

    alpha.say(StatementKind.DEED, Signed(jws="a.b.c"), NOON_MS)
    (log,) = read(alpha)
    assert log.deeds == ()
    assert len(log.statements) == 3
