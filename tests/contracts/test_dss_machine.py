"""Whatever is put, removed, undone and opened again: a store finds what a simple model of it finds."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from keepclear.core.extents import Extent, meeting_among
from keepclear.core.references import Entity, EntityKind
from keepclear.node.dss.ports import DssStore, DssTransaction
from keepclear.node.dss.refusals import CalledOffError
from tests.contracts.dss_stores import CAUSE, PLACES, Opened, Place, entity, id_of
from tests.contracts.test_dss_store import Called, UndoneError, extents

KINDS = st.sampled_from([EntityKind.INTENT, EntityKind.SUBSCRIPTION])
NUMBERS = st.integers(0, 5)
Kept = dict[tuple[EntityKind, int], tuple[Entity, Extent]]


class Machine(RuleBasedStateMachine):
    """Does the same to a store and to a model of it."""

    place: Place
    opened: Opened
    store: DssStore

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.kept: Kept = {}
        self.removed: dict[tuple[EntityKind, int], Entity] = {}

    @initialize()
    def open(self) -> None:
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.opened = self.stack.enter_context(self.place.made(Path(folder)))
        self.store = self.opened()

    def teardown(self) -> None:
        self.store.close()
        self.stack.close()

    def _put(self, transaction: DssTransaction, kind: EntityKind, number: int, extent: Extent) -> None:
        transaction.put(entity(kind, number, extent, subscription=number % 2), extent, CAUSE)

    @rule(kind=KINDS, number=NUMBERS, extent=extents())
    def put(self, kind: EntityKind, number: int, extent: Extent) -> None:
        self.store.run(lambda transaction: self._put(transaction, kind, number, extent)).result(30.0)
        self.kept[kind, number] = (entity(kind, number, extent, subscription=number % 2), extent)
        self.removed.pop((kind, number), None)

    @rule(kind=KINDS, number=NUMBERS, extent=extents(), is_raised=st.booleans())
    def undo(self, kind: EntityKind, number: int, extent: Extent, is_raised: bool) -> None:
        def work(transaction: DssTransaction) -> None:
            for (other_kind, other), (gone, _) in self.kept.items():
                if other != number:
                    transaction.remove(gone, CAUSE)
                    assert transaction.entity(other_kind, id_of(other)) is None
            self._put(transaction, kind, number, extent)
            assert id_of(number) in [each.id for each in transaction.meeting(kind, extent)]
            if is_raised:
                raise UndoneError

        answer = self.store.run(work, Called(is_wanted=False))
        assert isinstance(answer.exception(30.0), UndoneError if is_raised else CalledOffError)

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(sorted(self.kept, key=lambda key: (key[0].value, key[1]))))
        gone, _ = self.kept.pop(chosen)
        self.store.run(lambda transaction: transaction.remove(gone, CAUSE)).result(30.0)
        self.removed[chosen] = gone

    @precondition(lambda self: self.kept)
    @rule(kind=KINDS)
    def remove_all(self, kind: EntityKind) -> None:
        chosen = [key for key in self.kept if key[0] is kind]
        gone = [self.kept.pop(key)[0] for key in chosen]
        self.store.run(lambda transaction: transaction.remove_all(gone, CAUSE)).result(30.0)
        self.removed.update(zip(chosen, gone, strict=True))

    @precondition(lambda self: self.place.is_lasting)
    @rule()
    def open_again(self) -> None:
        self.store.close()
        self.store = self.opened()

    @rule(kind=KINDS, extent=extents())
    def search(self, kind: EntityKind, extent: Extent) -> None:
        candidates = [(id_of(number), held) for (of, number), (_, held) in self.kept.items() if of is kind]
        found = self.store.run(lambda transaction: transaction.meeting(kind, extent)).result(30.0)
        assert [each.id for each in found] == meeting_among(extent, candidates)

    @invariant()
    def it_keeps_what_the_model_keeps(self) -> None:
        if not hasattr(self, "store"):
            return

        def look(transaction: DssTransaction) -> None:
            for kind in EntityKind:
                own = {number: kept for (of, number), kept in self.kept.items() if of is kind}
                assert transaction.count(kind) == len(own)
                for number, (kept, extent) in own.items():
                    assert transaction.entity(kind, id_of(number)) == kept
                    assert transaction.extent(kind, id_of(number)) == extent
                    assert transaction.removed(kind, id_of(number)) is None
            for (kind, number), gone in self.removed.items():
                entry = transaction.removed(kind, id_of(number))
                assert entry is not None
                assert entry.entity == gone
            intents = sorted(number for of, number in self.kept if of is EntityKind.INTENT)
            for named in (0, 1):
                dependents = [each.id for each in transaction.dependents(id_of(named))]
                assert dependents == [id_of(number) for number in intents if number % 2 == named]

        self.store.run(look).result(30.0)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_a_store_and_its_model_stay_the_same(place: Place) -> None:
    machine = type("Machine", (Machine,), {"place": place})
    case = machine.TestCase  # type: ignore[attr-defined]
    case.settings = settings(
        settings(), max_examples=max(10, settings().max_examples // 5), stateful_step_count=15
    )
    case().runTest()
