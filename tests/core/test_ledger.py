"""The ledger and the hotline: what an officer should not say is refused, and what a fallback follows from."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from keepclear.core.agreements import Agreement
from keepclear.core.deeds import (
    Deed,
    DutyChange,
    Heard,
    LineChange,
    MessagesSeen,
    OutOfPlaceError,
    Refusal,
    SignedDeed,
)
from keepclear.core.intents import PartyId
from keepclear.core.ledger import Ledger
from keepclear.core.messages import ChannelState, Code, Message, Priority, Speaker
from keepclear.core.statements import Head, Signed, Statement, StatementKind
from tests.core.hotlines import NORTH, RELIEF, SOUTH, T0, asks, message, ref, text


def no_agreement(_: bytes) -> Agreement:
    raise AssertionError("nobody proposes one")


class Said:
    """A ledger that parties say things into; everybody has received all there is."""

    def __init__(self) -> None:
        self.ledger = Ledger(no_agreement, lambda *_: True)
        self.sizes = {NORTH: 0, SOUTH: 0, RELIEF: 0}
        self.statements: list[tuple[Statement, SignedDeed | None]] = []

    def _statement(self, by: PartyId, kind: StatementKind, body: Any) -> Statement:
        received = tuple(
            (party, Head(size, b"")) for party, size in sorted(self.sizes.items()) if party != by
        )
        n = self.sizes[by]
        self.sizes[by] += 1
        return Statement(kind=kind, by=by, n=n, at_ms=T0, received=received, body=body)

    def signed(self, by: PartyId, deed: Deed, nonce: str | None = None) -> SignedDeed:
        return SignedDeed(
            party=by, person="Ann", at_ms=T0, nonce=nonce or f"n{len(self.statements)}", deed=deed
        )

    def say(self, by: PartyId, said: Deed) -> int:
        """Take what somebody says without a check, as it comes from a log; return its entry."""
        if isinstance(said, Message) and said.type.speaker is Speaker.NODE:
            statement, signed = self._statement(by, StatementKind.MESSAGE, said), None
            self.ledger.take_message(statement)
        else:
            statement = self._statement(by, StatementKind.DEED, Signed(jws="a.b.c"))
            signed = self.signed(by, said)
            self.ledger.take_deed(statement, signed)
        self.statements.append((statement, signed))
        return statement.n

    def refusal(self, by: PartyId, deed: Deed) -> Refusal | None:
        """Tell why a deed should not be said now."""
        try:
            self.ledger.check(self.signed(by, deed, nonce="checked"))
        except OutOfPlaceError as error:
            return error.refusal
        return None


@pytest.fixture
def said() -> Said:
    """Return a ledger in which north asked south something: north 0, and an exercise: north 1."""
    said = Said()
    said.say(NORTH, asks())
    said.say(NORTH, asks(drill="spring"))
    return said


def answer(code: Code = Code.WILL_COMPLY, n: int = 0, to: str = NORTH, **given: Any) -> Message:
    return message(code, to, answers=ref(to, n), **{"priority": Priority.SAFETY, **given})


@pytest.mark.parametrize(
    ("by", "deed", "refusal"),
    [
        (SOUTH, answer(), None),
        (SOUTH, answer(Code.STANDBY), None),
        (SOUTH, answer(n=1, drill="spring"), None),
        (SOUTH, MessagesSeen(messages=(ref(NORTH, 0), ref(NORTH, 1))), None),
        (NORTH, asks(corrects=ref(NORTH, 0)), None),
        (NORTH, DutyChange(is_on=True), None),
        (SOUTH, Heard(by=NORTH, n=7, at_ms=T0, message=asks()), None),
        (SOUTH, answer(n=7), Refusal.UNKNOWN),
        (RELIEF, answer(), Refusal.NOT_ADDRESSED),
        (SOUTH, answer(Code.ROGER), Refusal.NOT_ADDRESSED),
        (SOUTH, answer(priority=Priority.ROUTINE), Refusal.NOT_ADDRESSED),
        (SOUTH, answer(drill="spring"), Refusal.NOT_ADDRESSED),
        (SOUTH, answer(n=1), Refusal.NOT_ADDRESSED),
        (SOUTH, MessagesSeen(messages=(ref(NORTH, 0), ref(NORTH, 7))), Refusal.UNKNOWN),
        (RELIEF, MessagesSeen(messages=(ref(NORTH, 0),)), Refusal.NOT_ADDRESSED),
        (NORTH, asks(corrects=ref(NORTH, 7)), Refusal.UNKNOWN),
        (NORTH, text(corrects=ref(NORTH, 0)), Refusal.NOT_ADDRESSED),
        (NORTH, asks(RELIEF, corrects=ref(NORTH, 0)), Refusal.NOT_ADDRESSED),
        (NORTH, asks(corrects=ref(NORTH, 0), drill="spring"), Refusal.NOT_ADDRESSED),
    ],
)
def test_an_officer_hears_at_once_that_a_word_would_have_no_effect(
    said: Said, by: PartyId, deed: Deed, refusal: Refusal | None
) -> None:
    assert said.refusal(by, deed) is refusal


def test_what_was_corrected_is_corrected_no_second_time(said: Said) -> None:
    n = said.say(NORTH, asks(corrects=ref(NORTH, 0)))
    with pytest.raises(OutOfPlaceError, match=f"corrected by north {n}; correct that one"):
        said.ledger.check(said.signed(NORTH, asks(corrects=ref(NORTH, 0)), nonce="again"))
    assert said.refusal(NORTH, asks(corrects=ref(NORTH, n))) is None


def test_what_wants_no_answer_is_answered_by_nothing_and_another_request_may_answer_a_request(
    said: Said,
) -> None:
    n = said.say(SOUTH, answer())
    assert said.refusal(NORTH, text(answers=ref(SOUTH, n))) is Refusal.NOT_ADDRESSED
    assert said.refusal(NORTH, answer(Code.ROGER, n, SOUTH)) is Refusal.NOT_ADDRESSED
    assert said.refusal(SOUTH, asks(NORTH, answers=ref(NORTH, 0))) is None


def test_what_was_only_heard_can_be_answered_by_who_heard_it(said: Said) -> None:
    said.say(RELIEF, Heard(by=NORTH, n=9, at_ms=T0, message=asks(RELIEF)))
    assert said.refusal(SOUTH, answer(n=9)) is Refusal.NOT_ADDRESSED
    said.say(SOUTH, Heard(by=NORTH, n=9, at_ms=T0, message=asks()))
    assert said.refusal(SOUTH, answer(n=9)) is None
    assert said.refusal(RELIEF, answer(n=9)) is None


def test_while_the_line_is_held_talk_is_refused_and_what_a_log_says_is_taken(said: Said) -> None:
    said.say(SOUTH, LineChange(peer=NORTH, is_hold=True, reason="on orders"))
    assert said.refusal(NORTH, text()) is Refusal.ON_HOLD
    assert said.refusal(SOUTH, text(NORTH)) is Refusal.ON_HOLD
    assert said.refusal(NORTH, text(RELIEF)) is None
    assert said.refusal(SOUTH, answer()) is None
    n = said.say(NORTH, text())
    assert said.ledger.hotline.message(ref(NORTH, n)) is not None


def channel(state: ChannelState, to: PartyId) -> Message:
    return message(Code.CHANNEL, to, values={"state": state})


def test_a_fallback_applies_while_either_says_that_the_channel_is_down_or_holds_the_line(said: Said) -> None:
    ledger = said.ledger
    assert not ledger.is_fallback(NORTH, SOUTH)
    said.say(NORTH, channel(ChannelState.DOWN, SOUTH))
    assert ledger.is_fallback(NORTH, SOUTH)
    assert ledger.is_fallback(SOUTH, NORTH)
    assert not ledger.is_fallback(NORTH, RELIEF)
    said.say(SOUTH, channel(ChannelState.DOWN, NORTH))
    said.say(NORTH, channel(ChannelState.OPEN, SOUTH))
    assert ledger.is_fallback(NORTH, SOUTH)
    said.say(SOUTH, channel(ChannelState.DEGRADED, NORTH))
    assert not ledger.is_fallback(NORTH, SOUTH)
    said.say(SOUTH, LineChange(peer=NORTH, is_hold=True, reason="on orders"))
    assert ledger.is_fallback(NORTH, SOUTH)


def test_a_fallback_does_not_depend_on_how_logs_are_mixed() -> None:
    said = Said()
    said.say(NORTH, channel(ChannelState.DOWN, SOUTH))
    said.say(SOUTH, channel(ChannelState.DOWN, NORTH))
    said.say(SOUTH, channel(ChannelState.OPEN, NORTH))
    said.say(NORTH, channel(ChannelState.OPEN, SOUTH))
    for order in set(itertools.permutations([NORTH, NORTH, SOUTH, SOUTH])):
        ledger = Ledger(no_agreement, lambda *_: True)
        waiting = {party: [s for s, _ in said.statements if s.by == party] for party in (NORTH, SOUTH)}
        for party in order:
            ledger.take_message(waiting[party].pop(0))
        assert not ledger.is_fallback(NORTH, SOUTH)
