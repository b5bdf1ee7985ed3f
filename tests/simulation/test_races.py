"""Acceptance under races and over time: what is accepted never conflicts, whoever decides, and when.

Desks race on one file; and long histories of one node are judged anew from the texts in its store.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.desk import Desk
from keepclear.adapters.store.sqlite import Durability, SqliteStore
from keepclear.core import picture
from keepclear.core.conflicts import Item, Verdict
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import IntentEvent, IntentState, OperationalIntent
from keepclear.core.picture import Picture
from keepclear.core.times import floor_ms
from keepclear.core.volumes import Volume4D
from keepclear.node.outcomes import ConflictRefusedError, Outcome, RefusedError
from keepclear.node.policy import ConflictPolicy, Policy, expires_ms, span_ms
from keepclear.node.ports import Standing, Store, Wanted
from keepclear.node.workbench import Change
from keepclear.testing.clock import ManualClock
from tests.node.office import FORM, Office, actor, filled
from tests.strategies import NOON, band, intent, square, volume, window, zone

WAIT_S = 60.0
FLYING = (IntentState.ACCEPTED, IntentState.ACTIVATED)
REFUSE = Policy(conflicts=ConflictPolicy.REFUSE)
RECORD = Policy(conflicts=ConflictPolicy.RECORD)
POLICIES = pytest.mark.parametrize("policy", [REFUSE, RECORD], ids=["refuse", "record"])

# Races of desks


@dataclass(frozen=True)
class Step:
    """Something that is asked of a desk, without waiting for what was asked before.

    Attributes:
        desk: Which desk.
        site: Where; operations at one site conflict, those at different ones do not.
        wait: Whether all that was asked before is waited for first.
        restart: Whether the desk is closed first, and another one opened.
        look: Whether a moment is asked for too.
    """

    desk: int
    site: int
    wait: bool
    restart: bool
    look: bool


_RARELY = st.integers(0, 9).map(lambda number: number == 0)
_STEPS = st.lists(
    st.builds(Step, st.integers(0, 2), st.integers(0, 3), _RARELY, _RARELY, st.booleans()),
    min_size=2,
    max_size=24,
)
_SITES = [square(35.0 + site, 36.0, 500.0) for site in range(4)]


class Node:
    """One of several desks on one file, as in processes of their own."""

    def __init__(self, path: Path, policy: Policy) -> None:
        self._path, self._policy = path, policy
        self._open()

    def _open(self) -> None:
        self._store = SqliteStore(self._path, durability=Durability.NORMAL)
        self.desk = Desk(self._store, FORM, self._policy, ManualClock(NOON).now)

    def restart(self) -> None:
        self.close()
        self._open()

    def close(self) -> None:
        self.desk.close()
        self._store.close()


@pytest.fixture(autouse=True, scope="module")
def _eager_index() -> Iterator[None]:
    """Have the index rebuilt, beside the changes, after every few of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picture, "NEWCOMERS_MIN", 2)
        yield


def declaring(item: Item) -> Change:
    return lambda use_cases: use_cases.declare(item)


@pytest.fixture(scope="module")
def new_path(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    folder, numbers = tmp_path_factory.mktemp("races"), itertools.count()
    return lambda: folder / f"{next(numbers)}.db"


@pytest.mark.slow
@POLICIES
@given(steps=_STEPS)
def test_of_operations_that_race_into_each_other_one_is_accepted(
    policy: Policy, new_path: Callable[[], Path], steps: list[Step]
) -> None:
    # Given three desks on one file
    path = new_path()
    SqliteStore(path, create=True, durability=Durability.NORMAL).close()
    answers: dict[int, list[Future[Outcome]]] = defaultdict(list)
    with ExitStack() as stack:
        nodes = [stack.enter_context(closing(Node(path, policy))) for _ in range(3)]
        # When each is asked to declare operations of different parties, at the same time
        for number, step in enumerate(steps):
            node = nodes[step.desk]
            if step.restart:
                node.restart()
            if step.wait:
                for answer in itertools.chain.from_iterable(answers.values()):
                    answer.exception(timeout=WAIT_S)
            item = intent(f"{number:02}", volume(_SITES[step.site]))
            answers[step.site].append(node.desk.change(actor(item.party), declaring(item)))
            if step.look:
                node.desk.moment()
        # Then at each site one is accepted, and every other one refused or recorded as conflicting
        for asked in answers.values():
            assert_one_is_clear(asked, policy)
        # and every desk comes to hold what is in the store.
        moments = [node.desk.moment().result(timeout=WAIT_S) for node in nodes]
    with closing(SqliteStore(path)) as store:
        fresh = filled(store)
        accepted = [FORM.read(record.text) for record in store.records(Wanted())]
        log = store.records_after(0, 1_000)
    assert [record.seq for record in log] == list(range(1, len(log) + 1))
    assert len(log) == (len(answers) if policy is REFUSE else len(steps))
    for moment in moments:
        assert moment.seq == fresh.seq
        assert list(moment.picture.labels) == list(fresh.picture.labels)
    assert (Picture(accepted).findings() == ()) == (len(log) == len(answers))


def assert_one_is_clear(asked: list[Future[Outcome]], policy: Policy) -> None:
    clear = 0
    for answer in asked:
        error = answer.exception(timeout=WAIT_S)
        if error is not None:
            assert policy is REFUSE
            assert isinstance(error, ConflictRefusedError)
            # It is refused for the one that was accepted, and for no other.
            assert len(error.findings) == 1
        elif answer.result().record.standing is Standing.CLEAR:
            clear += 1
        else:
            assert policy is RECORD
    assert clear == 1


@pytest.mark.slow
@given(desks=st.lists(st.integers(0, 1), min_size=2, max_size=16))
def test_the_same_declaration_through_several_desks_is_written_once(
    new_path: Callable[[], Path], desks: list[int]
) -> None:
    path = new_path()
    SqliteStore(path, create=True, durability=Durability.NORMAL).close()
    item = intent("A", volume(_SITES[0]))
    with closing(Node(path, REFUSE)) as one, closing(Node(path, REFUSE)) as other:
        answers = [(one, other)[number].desk.change(actor(item.party), declaring(item)) for number in desks]
        outcomes = [answer.result(timeout=WAIT_S) for answer in answers]
    assert {outcome.record.seq for outcome in outcomes} == {1}
    assert sum(not outcome.is_repeat for outcome in outcomes) == 1


@pytest.mark.slow
@given(desks=st.lists(st.integers(0, 1), min_size=2, max_size=16))
def test_of_amendments_of_one_version_through_several_desks_one_is_made(
    new_path: Callable[[], Path], desks: list[int]
) -> None:
    path = new_path()
    SqliteStore(path, create=True, durability=Durability.NORMAL).close()
    item = intent("A", volume(_SITES[0]))

    def amending(priority: int) -> Change:
        return lambda use_cases: use_cases.amend(replace(item, priority=priority), 1)

    with closing(Node(path, REFUSE)) as one, closing(Node(path, REFUSE)) as other:
        one.desk.change(actor(item.party), declaring(item)).result(timeout=WAIT_S)
        answers = [
            (one, other)[number].desk.change(actor(item.party), amending(priority))
            for priority, number in enumerate(desks)
        ]
        errors = [answer.exception(timeout=WAIT_S) for answer in answers]
    assert errors.count(None) == 1
    assert all(error is None or isinstance(error, RefusedError) for error in errors)


# Histories of one node, judged by a slow definition


@st.composite
def _small_volumes(draw: st.DrawFn) -> Volume4D:
    """Draw a volume of a theatre so small that two meet about every third time."""
    centre = square(35.0 + 0.01 * draw(st.integers(0, 2)), 36.0, draw(st.sampled_from([400.0, 600.0])))
    start = draw(st.integers(0, 5)) * 20
    lower_m = draw(st.sampled_from([0.0, 300.0]))
    return volume(
        centre, window(start, start + draw(st.sampled_from([10, 30]))), band(lower_m, lower_m + 290)
    )


@st.composite
def _items(draw: st.DrawFn) -> Item:
    """Draw an operation or a zone of one of three parties, each with its own few ids."""
    parts = draw(st.lists(_small_volumes(), min_size=1, max_size=2))
    party = draw(st.sampled_from(["north", "south", "relief"]))
    name = f"{party} {draw(st.integers(0, 1))}"
    if draw(_RARELY):
        return zone(f"{name} zone", *parts, party=party)
    return intent(name, *parts, party=party, state=draw(st.sampled_from([*FLYING, *FLYING, *IntentState])))


@dataclass(frozen=True)
class Deed:
    """What somebody does: declares, amends, withdraws or changes the state of an item.

    Attributes:
        kind: What.
        item: The item, or another one with its id.
        event: The change of state.
        behind: By how many versions the version named is behind the latest.
        later_s: How much time passes before.
    """

    kind: str
    item: Item
    event: IntentEvent
    behind: int
    later_s: int


_DEEDS = st.builds(
    Deed,
    st.sampled_from(["declare", "declare", "declare", "amend", "amend", "withdraw", "change state"]),
    _items(),
    st.sampled_from(IntentEvent),
    st.sampled_from([0, 0, 0, 0, 1, -1]),
    st.sampled_from([0, 0, 1, 60, 900]),
)


def named(office: Office, deed: Deed) -> Callable[[], Outcome]:
    """Return what does a deed to the version of now, also when it is called later."""
    item, record = deed.item, office.store.record(deed.item.id)
    version = (0 if record is None else record.version) - deed.behind
    ways: dict[str, Callable[[], Outcome]] = {
        "declare": lambda: office.declare(item),
        "amend": lambda: office.amend(item, version),
        "withdraw": lambda: office.withdraw(item, version),
        "change state": lambda: office.change_state(item, deed.event, version),
    }
    return ways[deed.kind]


def current(store: Store, now_ms: int) -> list[Item]:
    """Return what is in force by the texts in a store, and by nothing else of it."""
    items = []
    for record in store.records(Wanted(limit=1_000)):
        item = FORM.read(record.text)
        is_ended = isinstance(item, OperationalIntent) and item.state is IntentState.ENDED
        if not record.is_withdrawn and not is_ended and expires_ms(span_ms(item)[1]) >= now_ms:
            items.append(item)
    return items


def conflicts_of(item: Item, others: list[Item]) -> set[str]:
    """Return with which of the others an item conflicts, each judged alone."""
    return {
        other.id
        for other in others
        if other.id != item.id
        and any(finding.verdict is Verdict.CONFLICT for finding in Picture([other]).findings_of(item))
    }


def is_flying(item: Item) -> bool:
    return isinstance(item, OperationalIntent) and item.state in FLYING


def histories(office: Office, deeds: list[Deed]) -> Iterator[tuple[Deed, Outcome | Exception, list[Item]]]:
    """Do one deed after the other; tell what it came to and what was in force before."""
    for deed in deeds:
        office.now += timedelta(seconds=deed.later_s)
        before = current(office.store, floor_ms(office.now))
        try:
            yield deed, named(office, deed)(), before
        except (RefusedError, InvalidValueError) as error:
            yield deed, error, before


@pytest.mark.slow
@given(deeds=st.lists(_DEEDS, min_size=1, max_size=15))
def test_operations_that_fly_as_planned_never_conflict_where_conflicts_are_refused(
    deeds: list[Deed],
) -> None:
    office = Office(policy=REFUSE)
    for _ in histories(office, deeds):
        flying = [item for item in current(office.store, floor_ms(office.now)) if is_flying(item)]
        assert Picture(flying).findings() == ()


@pytest.mark.slow
@POLICIES
@given(deeds=st.lists(_DEEDS, min_size=1, max_size=15))
def test_what_conflicts_is_refused_or_recorded_and_nothing_else_is(policy: Policy, deeds: list[Deed]) -> None:
    office = Office(policy=policy)
    for deed, came_to, before in histories(office, deeds):
        if isinstance(came_to, ConflictRefusedError):
            item = deed.item
            if deed.kind == "change state":
                item = next(held for held in before if held.id == deed.item.id)
            assert policy is REFUSE
            assert isinstance(item, OperationalIntent)
            assert {finding.b.id for finding in came_to.findings} == conflicts_of(item, before) != set()
        elif isinstance(came_to, Outcome) and not came_to.is_repeat and not came_to.record.is_over:
            item = FORM.read(came_to.record.text)
            conflicts = conflicts_of(item, before)
            assert {f.b.id for f in came_to.findings if f.verdict is Verdict.CONFLICT} == conflicts
            assert came_to.record.standing is (Standing.CONFLICTING if conflicts else Standing.CLEAR)
            assert not (conflicts and policy is REFUSE and is_flying(item))


@pytest.mark.slow
@POLICIES
@given(deeds=st.lists(_DEEDS, min_size=1, max_size=15))
def test_what_is_held_is_what_a_node_holds_that_starts_now(policy: Policy, deeds: list[Deed]) -> None:
    office, other = Office(policy=policy), Office(policy=policy)
    other.store = office.store
    for _ in histories(office, deeds):
        fresh = filled(office.store, office.now)
        other.held.follow(other.store.records_after(other.held.seq, 1_000))
        for held in (office.held, other.held):
            held.expire(office.now)
            assert held.seq == fresh.seq == office.store.last_seq()
            assert list(held.picture.labels) == list(fresh.picture.labels)
            assert held.picture.findings() == fresh.picture.findings()
        # and that is what the texts in the store say.
        texts = current(office.store, floor_ms(office.now))
        assert {label.id for label in fresh.picture.labels} == {item.id for item in texts}


@pytest.mark.slow
@given(deeds=st.lists(_DEEDS, min_size=1, max_size=15))
def test_what_is_refused_writes_nothing_and_versions_have_no_gaps(deeds: list[Deed]) -> None:
    office = Office(policy=RECORD)
    written = 0
    for deed, came_to, _ in histories(office, deeds):
        written += isinstance(came_to, Outcome) and not came_to.is_repeat
        assert office.store.last_seq() == office.held.seq == written
        versions = [record.version for record in office.store.history(deed.item.id, 0, 100)]
        assert versions == list(range(1, len(versions) + 1))


@pytest.mark.slow
@given(deeds=st.lists(_DEEDS, min_size=1, max_size=8))
def test_a_deed_that_is_done_again_because_the_answer_was_lost_writes_nothing(deeds: list[Deed]) -> None:
    office = Office(policy=RECORD)
    for deed in deeds:
        office.now += timedelta(seconds=deed.later_s)
        exactly = named(office, deed)
        try:
            first = exactly()
        except (RefusedError, InvalidValueError):
            continue
        seq = office.store.last_seq()
        again = exactly()
        assert again.is_repeat
        assert again.record == first.record
        assert office.store.last_seq() == seq
