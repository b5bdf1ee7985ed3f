"""What stands between two parties by their two logs: the same at both nodes, whatever else they hold."""

from __future__ import annotations

from datetime import date

import pytest

from keepclear.adapters.store.form import JsonForm
from keepclear.core.agreements import Sharing
from keepclear.core.deeds import LineChange
from keepclear.core.errors import InvalidValueError
from keepclear.core.messages import Code, Message, Priority
from keepclear.core.picture_check import StandingKind
from keepclear.core.refs import MessageRef
from keepclear.core.times import floor_ms
from keepclear.node.voice import TwoLogs
from tests.node.parties import NOON, Party, exchange, give, operation, paired
from tests.node.test_sharing import NOTHING, agree, hand

CHALLENGES = ("K7QF", "2M9X")


def seen_by(party: Party, *others: Party, sizes: dict[str, int] | None = None) -> TwoLogs:
    """Return the two logs as a party holds them, up to these sizes or what it holds."""
    logs = party.bench.logs
    assert logs is not None
    ends = sizes or {each.name: logs[each.name].tree.size for each in others}
    entries = {each.name: party.store.entries(each.name, 0, ends[each.name]) for each in others}
    return TwoLogs(entries, logs.notary, JsonForm())


def code(party: Party, *others: Party, sizes: dict[str, int] | None = None) -> str:
    """Return the code of a check at a party."""
    drawn = {each.name: symbols for each, symbols in zip(others, CHALLENGES, strict=True)}
    return seen_by(party, *others, sizes=sizes).check(drawn).code


def request(to: Party, code: Code = Code.LINE_TEST, answers: MessageRef | None = None) -> Message:
    return Message(
        code=code, to=to.name, answers=answers, priority=Priority.ROUTINE, valid_until_ms=floor_ms(NOON)
    )


def names(logs: TwoLogs) -> list[str]:
    return sorted(each.name for each in logs.standing)


def test_both_nodes_tell_the_same_of_all_that_stands() -> None:
    north, south, tower = paired("north", "south", "tower")
    north.declare(operation("airdrop-1", "north"))
    south.declare(operation("convoy", "south"))
    tower.declare(operation("patrol", "tower"))
    give(tower, north)  # what a third party said is no part of it, and south does not have it
    exchange(north, south)
    agree(north, south, shares=Sharing())
    south.say(LineChange(peer=north.name, is_hold=True, reason="talks"))
    north.say(request(south))
    exchange(north, south)
    logs = seen_by(north, north, south)
    assert {each.kind for each in logs.standing} == set(StandingKind) - {StandingKind.AREA}
    assert "north:airdrop-1 v1" in names(logs)
    assert logs.standing == seen_by(south, south, north).standing
    assert code(north, north, south) == code(south, north, south)
    (item,) = [each for each in logs.standing if each.name == "north:airdrop-1 v1"]
    assert item.starts == date(2026, 5, 1)


def test_what_is_said_after_the_sizes_changes_nothing() -> None:
    north, south = paired("north", "south")
    north.declare(operation("airdrop-1", "north"))
    exchange(north, south)
    sizes = {"north": south.size(north), "south": north.size(south)}
    before = code(north, north, south, sizes=sizes)
    north.amend(operation("airdrop-1", "north", start=NOON.replace(hour=14)), 1)
    north.declare(operation("airdrop-2", "north"))
    north.say(request(south))
    south.declare(operation("convoy", "south"))
    assert code(north, north, south, sizes=sizes) == before == code(south, north, south, sizes=sizes)
    assert code(north, north, south) != before


def test_what_was_withdrawn_or_answered_or_resumed_stands_no_more() -> None:
    north, south = paired("north", "south")
    north.declare(operation("airdrop-1", "north"))
    north.say(request(south))
    north.say(LineChange(peer=south.name, is_hold=True, reason="talks"))
    exchange(north, south)
    assert len(seen_by(south, north, south).standing) == 3
    north.do(lambda declaring: declaring.withdraw(operation("airdrop-1", "north").id, 1))
    (asked,) = north.bench.logs.ledger.hotline.messages()  # type: ignore[union-attr]  # it has logs
    south.say(request(north, Code.ROGER, asked.ref))
    north.say(LineChange(peer=south.name, is_hold=False))
    exchange(north, south)
    assert seen_by(south, north, south).standing == seen_by(north, north, south).standing == ()


def test_what_is_withheld_from_the_other_stands_only_as_its_area() -> None:
    north, south = paired("north", "south")
    exchange(north, south)
    agree(north, south, shares=NOTHING)
    north.declare(operation("secret", "north"))
    hand(north, south)
    ours, theirs = seen_by(north, north, south), seen_by(south, north, south)
    assert ours.standing == theirs.standing
    assert not any("secret" in each.name for each in ours.standing)
    assert StandingKind.AREA in {each.kind for each in ours.standing}


def test_another_agreement_in_force_is_another_picture() -> None:
    north, south = paired("north", "south")
    exchange(north, south)
    agree(north, south, shares=Sharing())
    exchange(north, south)
    before = seen_by(north, north, south)
    agree(north, south, shares=Sharing(), version=2)
    exchange(north, south)
    after = seen_by(north, north, south)
    assert "agreement version 1" in names(before)
    assert "agreement version 2" in names(after)
    assert after.standing == seen_by(south, north, south).standing


def test_one_log_or_three_are_refused() -> None:
    north, south, tower = paired("north", "south", "tower")
    for parties in ((north,), (north, south, tower)):
        with pytest.raises(InvalidValueError, match="two logs"):
            seen_by(north, *parties)


def test_an_empty_log_is_a_log() -> None:
    north, south = paired("north", "south")
    logs = seen_by(north, north, south)
    drawn = dict(zip((north.name, south.name), CHALLENGES, strict=True))
    assert [part.size for part in logs.check(drawn).parts()] == [2, 0, 0, 0, 0]
