"""What people are shown of messages: pages, and what waits, held against a look at every message."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.notary import Notary
from keepclear.adapters.signing import SigningKey
from keepclear.adapters.store.memory import MemoryStore
from keepclear.core.hotline import Hotline, Read, Sent
from keepclear.core.intents import PartyId
from keepclear.core.messages import MESSAGES, Code, Message, Priority, Speaker
from keepclear.core.refs import MessageRef
from keepclear.node.hotline_views import Hotlining, MessageView, Unread, Wanted, inherited, is_open
from keepclear.node.logs import Logs

OWN, PEER, THIRD = PartyId("relief"), PartyId("north"), PartyId("south")
KEY = SigningKey(b"k" * 32)
CODES = (Code.LINE_TEST, Code.IS_YOURS, Code.ROGER, Code.AFFIRM, Code.STANDBY, Code.MACHINE_TEST)


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
    is_machine = view.sent.message.type.speaker is Speaker.NODE
    is_unread = view.sent.message.to == OWN and view.dialogue.seen is None and not is_machine
    return is_open(view.dialogue) or (is_unread and view.dialogue.corrected_by is None)


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
        if code in (Code.ROGER, Code.AFFIRM, Code.STANDBY):
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
