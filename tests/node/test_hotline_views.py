"""What people are shown of messages: pages, and what waits, held against a look at every message."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.notary import Notary
from keepclear.adapters.signing import SigningKey
from keepclear.adapters.store.memory import MemoryStore
from keepclear.core.deeds import Heard
from keepclear.core.dialogues import Dialogue, DialogueState, HeardSaid, Read, Sent
from keepclear.core.hotline import Hotline
from keepclear.core.intents import PartyId
from keepclear.core.messages import MESSAGES, Code, Message, Priority, Speaker
from keepclear.core.refs import MessageRef
from keepclear.node.hotline_views import (
    UNNUMBERED_MAX,
    Hotlining,
    MessageView,
    Unread,
    Wanted,
    inherited,
    is_open,
)
from keepclear.node.logs import Logs

OWN, PEER, THIRD = PartyId("relief"), PartyId("north"), PartyId("south")
KEY = SigningKey(b"k" * 32)
CODES = (
    Code.LINE_TEST,
    Code.IS_YOURS,
    Code.ROGER,
    Code.AFFIRM,
    Code.NEGATIVE,
    Code.STANDBY,
    Code.MACHINE_TEST,
)
ANSWERS = (Code.ROGER, Code.AFFIRM, Code.NEGATIVE, Code.STANDBY)


@dataclass
class World:
    """Logs of three parties, of which everybody has received everything."""

    logs: Logs = field(default_factory=lambda: Logs(OWN, Notary(OWN, KEY)))
    unread: Unread = field(default_factory=Unread)
    sizes: dict[PartyId, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.logs.ledger.hotline = Hotline(lambda *_: True)

    def at(self, now_ms: int) -> Hotlining:
        return Hotlining(logs=self.logs, reading=MemoryStore(), now_ms=now_ms, unread=self.unread)

    def send(
        self,
        by: PartyId,
        code: Code,
        to: PartyId,
        at_ms: int,
        *,
        about: MessageRef | None = None,
        corrects: bool = False,
        drill: str | None = None,
    ) -> MessageRef:
        n = self.sizes[by] = self.sizes.get(by, -1) + 1
        ref = MessageRef(party=by, n=n)
        fields = (("call_sign", "R1"),) if code is Code.IS_YOURS else ()
        message = Message(
            code=code,
            to=to,
            fields=fields,
            answers=None if corrects else about,
            corrects=about if corrects else None,
            priority=MESSAGES[code].priority,
            valid_until_ms=at_ms + 1_000,
            drill=drill,
        )
        self.logs.ledger.hotline.take(
            Sent(ref=ref, message=message, person="Ann", at_ms=at_ms, received=(), stated_ms=at_ms)
        )
        return ref

    def see(self, ref: MessageRef, by: PartyId = OWN) -> None:
        read = Read(person="Ann", at_ms=0, n=1_000)
        self.logs.ledger.hotline.take_seen(by, [ref], read, ())


def waits(world: World, view: MessageView) -> bool:
    """Tell from the message alone whether it waits."""
    found = [view.dialogue]
    if view.dialogue.changed is not None:  # somebody here must read the new answer
        changed = world.logs.ledger.hotline.dialogue(view.dialogue.changed.ref, 0)
        assert changed is not None
        found.append(changed)
    return is_open(view.dialogue) or any(is_unread(each) for each in found)


def is_unread(of: Dialogue) -> bool:
    is_machine = of.asked.message.type.speaker is Speaker.NODE
    return of.asked.message.to == OWN and of.seen is None and not is_machine and of.corrected_by is None


@given(st.data())
def test_pages_hold_every_message_once_and_what_waits_is_what_a_look_at_each_finds(
    data: st.DataObject,
) -> None:
    world = World()
    refs: list[MessageRef] = []
    for _ in range(data.draw(st.integers(0, 25))):
        is_seen = data.draw(st.booleans())
        if refs and is_seen:
            world.see(data.draw(st.sampled_from(refs)), data.draw(st.sampled_from((OWN, PEER))))
        by, to = data.draw(st.permutations((OWN, PEER, THIRD)))[:2]
        code, at_ms = data.draw(st.sampled_from(CODES)), data.draw(st.integers(0, 3)) * 500
        about = None
        known = [ref for ref in refs if ref.party == to]
        if code in ANSWERS:
            if not known:
                continue
            about = data.draw(st.sampled_from(known))
        own = [
            ref
            for ref in refs
            if ref.party == by
            and (sent := world.logs.ledger.hotline.message(ref)) is not None
            and (sent.message.code, sent.message.to) == (code, to)
        ]
        corrects = about is None and bool(own) and code is not Code.MACHINE_TEST and data.draw(st.booleans())
        about = data.draw(st.sampled_from(own)) if corrects else about
        drill = data.draw(st.sampled_from((None, "winter")))
        refs.append(world.send(by, code, to, at_ms, about=about, corrects=corrects, drill=drill))
        if data.draw(st.booleans()):
            world.unread.refs(world.logs.ledger.hotline, OWN)  # asked now and then
    hotlining = world.at(data.draw(st.integers(0, 4)) * 700)
    wanted = Wanted(
        party=data.draw(st.sampled_from((None, PEER, THIRD))),
        drill=data.draw(st.sampled_from((None, "winter"))),
        is_waiting=data.draw(st.booleans()),
        with_nodes=data.draw(st.booleans()),
    )
    limit = data.draw(st.integers(1, 5))
    listed, before = list[MessageRef](), None
    while True:
        views, before = hotlining.messages(wanted, before, limit)
        listed += [view.sent.ref for view in views]
        assert len(views) == limit or before is None
        if before is None:
            break
    expected = []
    for ref in refs:
        view = hotlining.message(ref)
        assert view is not None
        message, is_machine = view.sent.message, view.sent.message.type.speaker is Speaker.NODE
        is_wanted = wanted.party in (None, ref.party, message.to) and wanted.drill in (None, message.drill)
        is_shown = wanted.with_nodes or not is_machine
        assert view.is_waiting == waits(world, view)
        if is_wanted and is_shown and (view.is_waiting or not wanted.is_waiting):
            expected.append((view.sent.at_ms, ref))
    assert listed == [ref for _, ref in sorted(expected, reverse=True)]


def test_what_is_unread_is_found_anew_when_all_was_read_anew() -> None:
    world = World()
    ref = world.send(PEER, Code.LINE_TEST, OWN, 0)
    assert world.unread.refs(world.logs.ledger.hotline, OWN) == {ref}
    assert world.unread.refs(Hotline(lambda *_: True), OWN) == set()
    assert world.unread.refs(world.logs.ledger.hotline, OWN) == {ref}


def test_an_answer_is_as_urgent_as_the_most_urgent_of_what_it_is_about() -> None:
    world = World()
    ref = world.send(PEER, Code.IS_YOURS, OWN, 0, drill="winter")
    unknown = MessageRef(party=PEER, n=99)
    assert inherited(world.logs, Priority.ROUTINE, [ref, unknown]) == (Priority.SAFETY, "winter")
    assert inherited(world.logs, Priority.DISTRESS, [ref]) == (Priority.DISTRESS, "winter")
    assert inherited(world.logs, Priority.ROUTINE, [unknown]) == (Priority.ROUTINE, None)


def view_of(world: World, ref: MessageRef, now_ms: int = 0) -> MessageView:
    view = world.at(now_ms).message(ref)
    assert view is not None
    return view


def test_a_message_waits_here_though_its_sender_claims_that_this_party_answered() -> None:
    world = World()
    asked = world.send(PEER, Code.IS_YOURS, OWN, 0)
    world.see(asked)
    answer = Message(code=Code.AFFIRM, to=PEER, answers=asked, priority=Priority.SAFETY, valid_until_ms=1_000)
    heard = Heard(by=OWN, n=2**40 - 1, at_ms=0, message=answer)
    world.logs.ledger.hotline.take_heard(HeardSaid(party=PEER, person="Bo", at_ms=0, n=5, heard=heard))
    view = view_of(world, asked)
    assert (view.state, view.is_waiting, view.can_answer[:1]) == (DialogueState.OPEN, True, [Code.AFFIRM])
    assert view.dialogue.claimed is not None
    listed, _ = world.at(0).messages(Wanted(is_waiting=True), None, 10)
    assert asked in [each.sent.ref for each in listed]


def test_who_has_answered_can_take_it_back_by_the_other_answer_and_who_asked_must_read_that() -> None:
    world = World()
    theirs = world.send(PEER, Code.IS_YOURS, OWN, 0)
    world.send(OWN, Code.AFFIRM, PEER, 0, about=theirs)
    assert view_of(world, theirs).can_answer == [Code.NEGATIVE]
    world.send(OWN, Code.NEGATIVE, PEER, 0, about=theirs)
    assert view_of(world, theirs).can_answer == [Code.AFFIRM]

    ours = world.send(OWN, Code.IS_YOURS, PEER, 0)
    world.see(world.send(PEER, Code.AFFIRM, OWN, 0, about=ours))
    assert not view_of(world, ours).is_waiting
    negative = world.send(PEER, Code.NEGATIVE, OWN, 0, about=ours)
    view = view_of(world, ours)
    assert (view.is_waiting, view.state) == (True, DialogueState.CLOSED)
    listed, _ = world.at(0).messages(Wanted(is_waiting=True), None, 10)
    assert {ours, negative} <= {each.sent.ref for each in listed}
    world.see(negative)
    assert not view_of(world, ours).is_waiting


def test_what_was_heard_without_a_number_is_listed_the_newest_first_and_open_while_it_counts() -> None:
    world = World()
    for n in range(UNNUMBERED_MAX + 2):
        said = Message(code=Code.LINE_TEST, to=OWN, priority=Priority.ROUTINE, valid_until_ms=1_000 + n)
        heard = Heard(by=PEER, n=None, at_ms=0, message=said)
        world.logs.ledger.hotline.take_heard(HeardSaid(party=OWN, person="Ann", at_ms=n, n=n, heard=heard))
    found, more = world.at(0).unnumbered(Wanted())
    assert ([each.n for each in found], more) == (list(range(UNNUMBERED_MAX + 1, 1, -1)), 2)
    now_ms = 1_000 + UNNUMBERED_MAX
    assert [each.n for each in world.at(now_ms).unnumbered(Wanted(is_waiting=True))[0]] == [51, 50]
    assert len(world.at(now_ms).unnumbered(Wanted(party=PEER))[0]) == UNNUMBERED_MAX
    assert world.at(0).unnumbered(Wanted(party=THIRD)) == ([], 0)
    assert world.at(0).unnumbered(Wanted(drill="winter")) == ([], 0)
