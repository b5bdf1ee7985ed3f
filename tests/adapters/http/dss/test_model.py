"""The service beside a model of it: what is there, who must know of whom, who is told, by plain counting.

Places are squares on a line, 600 m apart and 800 m wide, so each meets its neighbours and no other; heights
and times are whole slots. So the model tells what meets by comparing whole numbers.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from keepclear.adapters.store.dss_sqlite import SqliteDssStore
from keepclear.adapters.store.sqlite import Durability
from tests.dss import AA, CMSA, SC, SUBSCRIPTIONS, Answer, Dss, intent, square, subscription, uuid, volume

USSS = ("uss1", "uss2")
SLOT_MIN = 10
OFF_NOMINAL = ("Nonconforming", "Contingent")
STEPS = {
    "Accepted": {"Accepted", "Activated", *OFF_NOMINAL},
    "Activated": {"Activated", *OFF_NOMINAL},
    "Nonconforming": {"Activated", *OFF_NOMINAL},
    "Contingent": {"Contingent"},
}


class Box(NamedTuple):
    """A volume: where on the line, from which to which slot of height, and of time."""

    place: int
    low: int
    high: int
    start: int
    end: int

    @property
    def volume(self) -> dict[str, Any]:
        return volume(
            square(600.0 * self.place, 400.0),
            100.0 * self.low,
            100.0 * self.high + 50.0,
            float(SLOT_MIN * self.start),
            SLOT_MIN * self.end + 5.0,
        )


Boxes = tuple[Box, ...]


def meets(a: Boxes, b: Boxes) -> bool:
    """Tell whether two extents meet by the rule per intent."""
    spans = [
        (
            min(x.low for x in each),
            max(x.high for x in each),
            min(x.start for x in each),
            max(x.end for x in each),
        )
        for each in (a, b)
    ]
    (low, high, start, end), (low2, high2, start2, end2) = spans
    in_plan = any(abs(x.place - y.place) <= 1 for x in a for y in b)
    return in_plan and low <= high2 and low2 <= high and start <= end2 and start2 <= end


@dataclass(frozen=True)
class Held:
    manager: str
    boxes: Boxes
    state: str
    ovn: str
    subscription: str | None


@dataclass(frozen=True)
class Heard:
    manager: str
    boxes: Boxes
    index: int
    is_implicit: bool
    asked: str = ""


@dataclass
class Model:
    intents: dict[str, Held] = field(default_factory=dict)
    subscriptions: dict[str, Heard] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    slot: float = 0.0

    def missing(self, own: str, boxes: Boxes, key: set[str]) -> set[str]:
        return {
            name
            for name, each in self.intents.items()
            if name != own
            and meets(each.boxes, boxes)
            and each.ovn not in key
            and not (each.state == "Accepted" and each.manager in self.down)
        }

    def tell(self, *extents: Boxes) -> dict[str, int]:
        told = {}
        for name, each in self.subscriptions.items():
            if any(meets(each.boxes, extent) for extent in extents) and not self.is_over(each):
                self.subscriptions[name] = replace(each, index=each.index + 1)
                told[name] = each.index + 1
        return told

    def is_over(self, heard: Heard) -> bool:
        return self.slot > max(box.end for box in heard.boxes) + 0.5

    def let_go(self, name: str | None) -> None:
        held = self.subscriptions.get(name or "")
        is_needed = any(each.subscription == name for each in self.intents.values())
        if held is not None and held.is_implicit and not is_needed:
            del self.subscriptions[name or ""]


boxes = st.lists(
    st.builds(
        lambda place, low, height, start, length: Box(place, low, low + height, start, start + length),
        st.integers(0, 5), st.integers(0, 3), st.integers(0, 1), st.integers(0, 3), st.integers(0, 2),
    ),
    min_size=1, max_size=3, unique=True,
).map(tuple)  # fmt: skip
names = st.integers(1, 6).map(uuid)
who = st.sampled_from(USSS)


class Service(RuleBasedStateMachine):
    """Asks a service, and the model what the answer must be."""

    def __init__(self) -> None:
        super().__init__()
        self.dss, self.model = self.made(), Model()
        self.last: tuple[dict[str, Any], Answer] | None = None

    def made(self) -> Dss:
        return Dss()

    @initialize(extents=boxes)
    def one_is_there(self, extents: Boxes) -> None:
        self.put(uuid(1), "uss1", extents, "Accepted", True, 1.0)

    @rule(
        name=names, subject=who, extents=boxes, is_new=st.booleans(), known=st.sampled_from([0.0, 0.5, 1.0])
    )
    def put_accepted(self, name: str, subject: str, extents: Boxes, is_new: bool, known: float) -> None:
        self.put(name, subject, extents, "Accepted", is_new, known)

    @rule(name=names, subject=who, extents=boxes, state=st.sampled_from(["Activated", *OFF_NOMINAL]))
    def put_otherwise(self, name: str, subject: str, extents: Boxes, state: str) -> None:
        self.put(name, subject, extents, state, True, 1.0)

    def put(self, name: str, subject: str, extents: Boxes, state: str, is_new: bool, known: float) -> None:
        model = self.model
        old = model.intents.get(name)
        meeting = sorted(each.ovn for other, each in model.intents.items() if meets(each.boxes, extents))
        key = set(meeting[: round(known * len(meeting))])
        new = {"new_subscription": {"uss_base_url": f"https://{subject}.example"}} if is_new else {}
        body = intent(*[box.volume for box in extents], key=sorted(key), state=state, **new)
        asked: dict[str, Any] = {"subject": subject, "scopes": [SC, CMSA]}
        path = f"{name}" if old is None else f"{name}/{old.ovn}"
        asked |= {"method": "PUT", "path": f"/dss/v1/operational_intent_references/{path}", "body": body}
        answer = self.dss.ask(**asked)
        is_over = max(box.end for box in extents) + 0.5 < model.slot
        refusal = self.refusal(name, subject, extents, state, key, is_over)
        if refusal is not None:
            assert answer.status == refusal, answer
            if refusal == 409:
                told = {each["id"] for each in answer.body["missing_operational_intents"]}
                assert told == model.missing(name, extents, key)
                assert {each["id"] for each in answer.body["conflicts"]} == told
            return
        assert answer.status == (201 if old is None else 200), answer
        told = model.tell(*([extents] if old is None else [extents, old.boxes]))
        made = answer.intent["subscription_id"] if is_new else None
        if made is not None:
            model.subscriptions[made] = Heard(subject, extents, 1, True)
            told[made] = 1
        assert answer.indices == told
        model.intents[name] = Held(subject, extents, state, answer.ovn, made)
        if old is not None:
            assert answer.ovn != old.ovn
            model.let_go(old.subscription)
        self.last = (asked, answer)

    def refusal(
        self, name: str, subject: str, extents: Boxes, state: str, key: set[str], is_over: bool
    ) -> int | None:
        old = self.model.intents.get(name)
        if is_over:
            return 400
        if old is None and state != "Accepted":
            return 400
        if old is not None and old.manager != subject:
            return 403
        if old is not None and state not in STEPS[old.state]:
            return 400
        if state not in OFF_NOMINAL:
            if subject in self.model.down:
                return 412
            if self.model.missing(name, extents, key):
                return 409
        return None

    @precondition(lambda self: self.model.intents)
    @rule(data=st.data(), subject=who)
    def delete(self, data: st.DataObject, subject: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.model.intents)))
        old = self.model.intents[name]
        asked = {
            "method": "DELETE",
            "path": f"/dss/v1/operational_intent_references/{name}/{old.ovn}",
            "subject": subject,
        }
        answer = self.dss.ask(**asked)  # type: ignore[arg-type]
        if old.manager != subject:
            assert answer.status == 403
        elif subject in self.model.down:
            assert answer.status == 412
        else:
            assert answer.status == 200
            assert answer.indices == self.model.tell(old.boxes)
            del self.model.intents[name]
            self.model.let_go(old.subscription)
            self.last = (dict(asked), answer)

    @precondition(lambda self: self.last is not None)
    @rule()
    def ask_the_last_again(self) -> None:
        assert self.last is not None
        asked, answer = self.last
        again = self.dss.ask(**asked)
        if again.status == answer.status:  # else its extents are over by now
            assert (again.ovn, again.indices) == (answer.ovn, answer.indices)

    @rule(number=st.integers(11, 13), subject=who, extents=boxes)
    def subscribe(self, number: int, subject: str, extents: Boxes) -> None:
        name = uuid(number)
        held = self.model.subscriptions.get(name)
        box = extents[0]._replace(start=0)
        body = subscription(
            box.volume | {"time_start": volume(start=SLOT_MIN * self.model.slot)["time_start"]}
        )
        answer = self.dss.subscribe(name, body, subject=subject)
        if self.model.slot > box.end + 0.5:
            assert answer.status == 400
        elif held is not None and not self.model.is_over(held):
            is_repeat = held.asked == str(body)
            assert answer.status == (403 if held.manager != subject else 200 if is_repeat else 409)
        else:
            assert answer.status == 200
            there = {n for n, each in self.model.intents.items() if meets(each.boxes, (self.begun(box),))}
            assert {each["id"] for each in answer.body["operational_intent_references"]} == there
            self.model.subscriptions[name] = Heard(subject, (self.begun(box),), 0, False, str(body))

    def begun(self, box: Box) -> Box:
        """Return the box with its first slot that is not over; slots are what the model compares."""
        slot = int(self.model.slot)
        return box._replace(start=slot if self.model.slot <= slot + 0.5 else slot + 1)

    @rule(subject=who)
    def say_down_or_up(self, subject: str) -> None:
        path = f"/dss/v1/uss_availability/{subject}"
        version = self.dss.ask("GET", path).body["version"]
        now = "Normal" if subject in self.model.down else "Down"
        assert (
            self.dss.ask("PUT", path, {"old_version": version, "availability": now}, scopes=[AA]).status
            == 200
        )
        self.model.down ^= {subject}

    @rule()
    def wait(self) -> None:
        self.model.slot += 0.25
        self.dss.later(timedelta(minutes=SLOT_MIN * 0.25))
        self.dss.sweep()
        for name, each in list(self.model.subscriptions.items()):
            if self.model.is_over(each):
                del self.model.subscriptions[name]

    @invariant()
    def all_is_found_and_nothing_else(self) -> None:
        everywhere = volume(square(1_500.0, 5_000.0), None, None, None, None)
        assert set(self.dss.find(everywhere)) == set(self.model.intents)
        found = set()
        for subject in USSS:
            body = {"area_of_interest": everywhere}
            told = self.dss.ask("POST", f"{SUBSCRIPTIONS}/query", body, subject=subject).body["subscriptions"]
            for each in told:
                assert self.model.subscriptions[each["id"]].index == each["notification_index"]
                assert self.model.subscriptions[each["id"]].manager == subject
            found |= {each["id"] for each in told}
        assert found == set(self.model.subscriptions)


class ServiceOnDisk(Service):
    """The same, in a file."""

    def made(self) -> Dss:
        self.folder = tempfile.TemporaryDirectory()
        store = SqliteDssStore(Path(self.folder.name) / "dss.db", durability=Durability.NORMAL)
        return Dss(store)

    def teardown(self) -> None:
        self.dss.store.close()
        self.folder.cleanup()


Service.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
ServiceOnDisk.TestCase.settings = Service.TestCase.settings
TestService = Service.TestCase
TestServiceOnDisk = ServiceOnDisk.TestCase
