"""The picture as it changes: what is held later counts like what was held at the start."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core import picture as picture_module
from keepclear.core.conflicts import Buffer, ConflictRule, Finding, Gaps, Item, label_of
from keepclear.core.constraints import Constraint
from keepclear.core.errors import UnknownItemError
from keepclear.core.index import Engine, VolumeIndex
from keepclear.core.intents import IntentState, ItemId, PartyId
from keepclear.core.packed import pack
from keepclear.core.picture import Picture
from tests.strategies import intent, pictures, square, volume, window

HERE = square(35.0, 36.0, 500.0)


class Builders(Executor):
    """Builds what it was given when it is told to."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Future[VolumeIndex], Callable[[], VolumeIndex]]] = []

    def submit(self, build: Any, /, *given: Any, **named: Any) -> Future[Any]:
        answer: Future[VolumeIndex] = Future()
        self._waiting.append((answer, partial(build, *given, **named)))
        return answer

    def build(self) -> None:
        for answer, build in self._waiting:
            answer.set_result(build())
        self._waiting = []


def pairs(findings: tuple[Finding, ...]) -> set[frozenset[str]]:
    return {frozenset((finding.a.id, finding.b.id)) for finding in findings}


def test_an_item_held_later_is_found_and_one_dropped_is_not() -> None:
    a = intent("A", volume(HERE))
    picture = Picture([a])
    picture.hold(intent("B", volume(HERE)))
    assert pairs(picture.findings_of(a)) == {frozenset("AB")}
    picture.drop(ItemId("B"))
    assert picture.findings_of(a) == ()
    assert "B" not in picture
    with pytest.raises(UnknownItemError):
        picture.label("B")


def test_an_amended_item_stands_in_place_of_the_old_one() -> None:
    picture = Picture([intent("A", volume(HERE)), intent("B", volume(HERE))])
    picture.hold(intent("B", volume(HERE, window(90, 120))))
    assert picture.findings() == ()
    assert len(picture) == 2


def test_an_item_that_ends_leaves_the_picture() -> None:
    picture = Picture([intent("A", volume(HERE)), intent("B", volume(HERE))])
    picture.hold(intent("B", volume(HERE), state=IntentState.ENDED))
    assert [item.id for item in picture.labels] == ["A"]


@given(
    pictures(),
    st.data(),
    st.sampled_from(Engine),
    st.sampled_from(ConflictRule),
    st.sampled_from([0, 3, 10_000]),
    st.booleans(),
)
def test_holding_one_by_one_equals_holding_all_at_once(
    items: list[Item],
    data: st.DataObject,
    engine: Engine,
    rule: ConflictRule,
    newcomers_max: int,
    builds_aside: bool,
) -> None:
    builders = Builders() if builds_aside else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picture_module, "NEWCOMERS_MIN", newcomers_max)
        at_start = data.draw(st.integers(0, len(items)))
        picture = Picture(items[:at_start], engine=engine, rule=rule, builders=builders)
        for item in items[at_start:]:
            picture.hold(item)
            if builders is not None and data.draw(st.booleans()):
                builders.build()
        last = {item.id: item for item in items}
        for item in items:
            action = data.draw(st.sampled_from(["keep", "drop", "amend"]))
            if action == "drop":
                picture.drop(item.id)
                del last[item.id]
            elif action == "amend":
                donor = data.draw(st.sampled_from(items))
                last[item.id] = replace(item, volumes=donor.volumes)
                picture.hold(last[item.id])
            if builders is not None and data.draw(st.booleans()):
                builders.build()
        fresh = Picture(last.values(), engine=Engine.PLAIN, rule=rule)
        assert set(picture.labels) == set(fresh.labels)
        for item in (item for item in last.values() if item.id in fresh):
            assert pairs(picture.findings_of(item)) == pairs(fresh.findings_of(item))
        assert pairs(picture.findings()) == pairs(fresh.findings())


@given(pictures(), st.sampled_from(Engine), st.sampled_from(ConflictRule))
def test_a_picture_filled_with_arrays_equals_one_filled_with_items(
    items: list[Item], engine: Engine, rule: ConflictRule
) -> None:
    held = [item for item in items if not (hasattr(item, "state") and item.state is IntentState.ENDED)]
    owners = [place for place, item in enumerate(held) for _ in item.volumes]
    packed = pack([v for item in held for v in item.volumes], owners, [0] * len(owners), zones_of(held))
    filled = Picture(rule=rule, engine=engine)
    filled.hold_packed([label_of(item) for item in held], packed)
    assert filled.findings() == Picture(held, rule=rule, engine=engine).findings()


def zones_of(items: list[Item]) -> list[bool]:
    return [isinstance(item, Constraint) for item in items for _ in item.volumes]


@given(pictures())
def test_a_copy_does_not_change_with_the_picture(items: list[Item]) -> None:
    picture = Picture(items)
    twin = picture.copy()
    before = twin.findings()
    for label in picture.labels:
        picture.drop(label.id)
    picture.hold(intent("new", volume(HERE)))
    assert twin.findings() == before
    assert "new" not in twin


@given(pictures(), st.data(), st.booleans())
def test_a_picture_and_its_copy_may_both_change(items: list[Item], data: st.DataObject, aside: bool) -> None:
    builders = Builders() if aside else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picture_module, "NEWCOMERS_MIN", data.draw(st.sampled_from([2, 10_000])))
        picture = Picture(builders=builders)
        for item in items[:2]:
            picture.hold(item)
        twin = picture.copy()
        held = {"picture": items[:2], "twin": items[:2]}
        for item in items[2:]:
            name = data.draw(st.sampled_from(["picture", "twin"]))
            (picture if name == "picture" else twin).hold(item)
            held[name] = [*held[name], item]
            if builders is not None and data.draw(st.booleans()):
                builders.build()
        for item in items:
            found = pairs(picture.findings_of(item)), pairs(twin.findings_of(item))
            fresh = Picture(held["picture"]), Picture(held["twin"])
            assert found == (pairs(fresh[0].findings_of(item)), pairs(fresh[1].findings_of(item)))


def test_pairs_are_given_soonest_first_and_those_that_are_over_left_out() -> None:
    early, late = window(0, 10), window(60, 90)
    picture = Picture(
        [
            intent("A", volume(HERE, late)),
            intent("B", volume(HERE, late)),
            intent("C", volume(HERE, early)),
            intent("D", volume(HERE, early)),
        ]
    )
    meetings = picture.meetings()
    assert [meetings.finding(n).a.id for n in meetings.soonest().tolist()] == ["C", "A"]
    assert [meetings.finding(n).a.id for n in meetings.soonest(late.start_ms).tolist()] == ["A"]


@given(pictures(), st.data(), st.sampled_from(Engine))
def test_each_two_parties_are_judged_by_their_own_gap(
    items: list[Item], data: st.DataObject, engine: Engine
) -> None:
    parties = [PartyId(name) for name in ("north", "relief", "south")]
    gap = st.builds(
        Buffer,
        lateral_m=st.sampled_from([0.0, 500.0, 20_000.0]),
        vertical_m=st.sampled_from([0.0, 100.0]),
        time_s=st.sampled_from([0.0, 900.0]),
    )
    agreed = data.draw(st.dictionaries(st.sampled_from(list(itertools.combinations(parties, 2))), gap))
    gaps = Gaps(buffer=data.draw(gap), agreed=agreed)
    picture = Picture(items, engine=engine)
    held = [item for item in items if item.id in picture]
    expected = {
        frozenset((a.id, b.id))
        for a, b in itertools.combinations(held, 2)
        if Picture([a]).findings_of(b, buffer=gaps.between(a.party, b.party))
    }
    one_by_one = {pair for item in held for pair in pairs(picture.findings_within(item, gaps))}
    assert one_by_one == expected
    assert pairs(tuple(picture.meetings_within(gaps).findings())) == expected
