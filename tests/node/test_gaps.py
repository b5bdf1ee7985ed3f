"""What parties agreed counts wherever conflicts are looked for, and a check knows what it does not know."""

from __future__ import annotations

from datetime import timedelta

import pytest

from keepclear.codec import agreements
from keepclear.core.agreements import Agreement, Fallback, Minima, Terms, Timers, digest
from keepclear.core.conflicts import Buffer
from keepclear.core.deeds import AgreementAnswer, AgreementProposal, LineChange
from keepclear.core.geodesy import LatLng
from keepclear.core.ledger import Coordination
from keepclear.core.shifts import Limits
from keepclear.node.detect import Checked
from keepclear.node.outcomes import Outcome
from keepclear.node.ports import Standing
from tests.node.parties import NOON, Party, exchange, give, operation, paired

# Circles of a kilometre: 300 m lie between one here and one there, 1,300 m between here and far.
HERE = LatLng(35.0, 36.0)
THERE = LatLng(35.0, 36.0 + 2_300.0 / 91_288.0)
FAR = LatLng(35.0, 36.0 + 3_300.0 / 91_288.0)


def agree(a: Party, b: Party, buffer: Buffer, factor: float = 3.0) -> None:
    text = agreements.encode(
        Agreement(
            version=1,
            terms=(Terms(party=min(a.name, b.name)), Terms(party=max(a.name, b.name))),
            minima=Minima(lateral_m=1_000.0, vertical_m=300.0),
            buffer=buffer,
            timers=Timers(seen_s=60.0, answered_s=600.0),
            fallback=Fallback(minima_factor=factor, time_extra_s=0.0),
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
    agree(alpha, bravo, Buffer(lateral_m=500.0))
    return [alpha, bravo]


def checked(party: Party, at: LatLng) -> Checked:
    return party.bench.present().check(operation("plan", party.name, at))


def test_a_check_and_a_declaration_keep_the_agreed_gap(two: list[Party]) -> None:
    alpha, bravo = two
    bravo.declare(operation("B1", "bravo", THERE))
    give(bravo, alpha)
    assert [found.b.id for found in checked(alpha, HERE).findings] == ["bravo:B1"]
    outcome = alpha.do(lambda declaring: declaring.declare(operation("A1", "alpha", HERE)))
    assert isinstance(outcome, Outcome)
    assert outcome.record.standing is Standing.CONFLICTING
    assert alpha.bench.present().conflicts(0, 10).total == 1
    assert alpha.coordinated("A1").state is Coordination.CONFLICTING


def test_where_more_room_is_left_than_was_agreed_all_is_clear(two: list[Party]) -> None:
    alpha, bravo = two
    bravo.declare(operation("B1", "bravo", FAR))
    give(bravo, alpha)
    assert checked(alpha, HERE).findings == ()
    assert checked(alpha, HERE).reason is None
    alpha.declare(operation("A1", "alpha", HERE))
    assert alpha.bench.present().conflicts(0, 10).total == 0


def test_while_the_line_is_on_hold_the_gap_is_wider_also_for_a_check(two: list[Party]) -> None:
    alpha, bravo = two
    bravo.declare(operation("B1", "bravo", FAR))
    give(bravo, alpha)
    alpha.say(LineChange(peer=bravo.name, is_hold=True, reason="nobody answers"))
    assert [found.b.id for found in checked(alpha, HERE).findings] == ["bravo:B1"]
    alpha.say(LineChange(peer=bravo.name, is_hold=False, reason=""))
    assert checked(alpha, HERE).findings == ()


def test_a_gap_is_kept_only_towards_who_agreed_to_it() -> None:
    alpha, bravo, carol = paired("alpha", "bravo", "carol")
    for one, other in ((alpha, bravo), (alpha, carol), (bravo, carol)):
        exchange(one, other)
    agree(alpha, bravo, Buffer(lateral_m=500.0))
    for other in (bravo, carol):
        other.declare(operation("X", other.name, THERE))
        give(other, alpha)
    assert [found.b.id for found in checked(alpha, HERE).findings] == ["bravo:X"]


def test_a_change_that_is_offered_leaves_every_agreed_gap(two: list[Party]) -> None:
    alpha, bravo = two
    bravo.declare(operation("B1", "bravo", THERE))
    give(bravo, alpha)
    alpha.declare(operation("A1", "alpha", HERE))
    moment = alpha.bench.present()
    found = moment.resolve(operation("A1", "alpha", HERE), Limits())
    for change in found.changes:
        assert moment.check(change.item).findings == ()


def test_what_is_over_stays_in_the_picture_for_as_long_as_an_agreed_gap_in_time_reaches_back() -> None:
    alpha, bravo = paired("alpha", "bravo")
    exchange(alpha, bravo)
    bravo.declare(operation("B1", "bravo", HERE, NOON - timedelta(hours=2)))
    give(bravo, alpha)
    agree(alpha, bravo, Buffer(time_s=600.0), factor=1.0)
    alpha.bench.refresh()
    alpha.now = NOON - timedelta(minutes=55)  # five minutes after its end
    alpha.declare(operation("A1", "alpha", HERE, NOON - timedelta(minutes=52)))
    assert alpha.coordinated("A1").conflicts == ["bravo:B1"]
    assert [f.b.id for f in alpha.bench.present().check(operation("A1", "alpha", HERE, alpha.now)).findings]


def test_a_check_cannot_decide_while_nothing_more_is_taken_of_a_log(two: list[Party]) -> None:
    alpha, bravo = two
    assert checked(alpha, HERE).reason is None
    assert alpha.bench.logs is not None
    alpha.bench.logs[bravo.name].frozen = "its log was forked"
    alpha.declare(operation("A1", "alpha", LatLng(10.0, 10.0)))
    reason = checked(alpha, HERE).reason
    assert reason is not None
    assert "bravo" in reason
    assert "forked" in reason
