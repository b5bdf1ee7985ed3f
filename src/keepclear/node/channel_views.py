"""What people are shown of a channel: how it is and why, who holds it, what applies then, who is on duty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keepclear.core.channel import MACHINE_TEST_ANSWER_S, ChannelReason, LinkFacts
from keepclear.core.conflicts import Buffer
from keepclear.core.dialogues import Dialogue, OnDuty, Sent, is_ahead
from keepclear.core.hotline import Hotline
from keepclear.core.intents import PartyId
from keepclear.core.ledger import Hold, Ledger
from keepclear.core.messages import ChannelState, Priority
from keepclear.core.split import Halves
from keepclear.node.hotline_views import Unread, is_open
from keepclear.node.logs import Logs
from keepclear.node.ports import LogReading
from keepclear.node.talk import Links, Talk


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """The last machine test of this node.

    Attributes:
        at_ms: When it was made, by the clock of this node, milliseconds since 1970.
        round_trip_s: How long it took until its answer was here, by the same clock, seconds; None while there
            is none.
        is_passed: Whether it was answered; None while its answer may still come.
    """

    at_ms: int
    round_trip_s: float | None
    is_passed: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What another party said that waits for somebody of this one.

    Attributes:
        count: How many messages.
        oldest_ms: When the oldest of them was sent; None where there is none.
        priority: How urgent the most urgent is; None where there is none.
    """

    count: int
    oldest_ms: int | None
    priority: Priority | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelShown:
    """The channel to a party, as this node shows it.

    Attributes:
        party: The party.
        state: How it is.
        since_ms: Since when this node says so in its log; None where it did not yet.
        reasons: Why.
        theirs: What the other node said last of it; None for nothing.
        hold_ours: That this party suspends the dialogue; None where it does not.
        hold_theirs: That the other does.
        is_fallback: Whether what was agreed for that case applies.
        fallback_since_ms: Since when, by the clock of whoever said so first; None where it does not apply.
        gap: The gap that both keep at present; None where none was agreed.
        halves: The altitude split that applies; None for none.
        machine_test: The last test by this node; None for none.
        human_test: The last test of the line by people that was answered; None for none.
        on_duty_ours: Who of this party is on duty.
        on_duty_theirs: Who of the other.
        ours_by_them: How many entries of this party's log the other is known to have; None for none.
        theirs_by_us: How many of its log are held here.
        waiting: What it said that waits for somebody of this party.
    """

    party: PartyId
    state: ChannelState
    since_ms: int | None
    reasons: Sequence[ChannelReason]
    theirs: Sent | None
    hold_ours: Hold | None
    hold_theirs: Hold | None
    is_fallback: bool
    fallback_since_ms: int | None
    gap: Buffer | None
    halves: Halves | None
    machine_test: Tested | None
    human_test: Dialogue | None
    on_duty_ours: Sequence[OnDuty]
    on_duty_theirs: Sequence[OnDuty]
    ours_by_them: int | None
    theirs_by_us: int
    waiting: Waiting

    @property
    def their_state(self) -> ChannelState | None:
        """How the other node says that it is."""
        return None if self.theirs is None else _state(self.theirs)

    @property
    def differs(self) -> bool:
        """Whether the two sides see it otherwise."""
        return self.their_state not in (None, self.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channelling:
    """Questions to the channels at one moment.

    Attributes:
        logs: The logs.
        reading: What the store has.
        now_ms: What time it is, milliseconds since 1970.
        talk: Knows what waits for what.
        unread: Knows which messages nobody has read.
    """

    logs: Logs
    reading: LogReading
    now_ms: int
    talk: Talk
    unread: Unread

    @property
    def _ledger(self) -> Ledger:
        return self.logs.ledger

    @property
    def _hotline(self) -> Hotline:
        return self.logs.ledger.hotline

    def all(self, links: Links) -> list[ChannelShown]:
        """Return the channels to all other parties, sorted by party.

        Args:
            links: What is known of the links, by peer; parties without a link are left out.
        """
        return [self.of(peer, links.get(peer)) for peer in self.logs.parties if peer != self.logs.own]

    def of(self, peer: PartyId, link: LinkFacts | None) -> ChannelShown:
        """Return the channel to a party.

        Args:
            peer: The party, whose log is known here.
            link: What is known of the link; None where there is none.
        """
        own, hotline = self.logs.own, self._hotline
        view = self.talk.channel(self.logs, peer, link, self.now_ms)
        said = hotline.channel(own, peer)
        holds = {(hold.by, hold.peer): hold for hold in self._ledger.holds()}
        ours, theirs = holds.get((own, peer)), holds.get((peer, own))
        between = (own, peer) if own < peer else (peer, own)
        is_fallback = self._ledger.is_fallback(*between)
        return ChannelShown(
            party=peer,
            state=view.state,
            since_ms=said.since_ms if said is not None and _state(said) is view.state else None,
            reasons=view.reasons,
            theirs=hotline.channel(peer, own),
            hold_ours=ours,
            hold_theirs=theirs,
            is_fallback=is_fallback,
            fallback_since_ms=self._fallback_since_ms(peer, ours, theirs) if is_fallback else None,
            gap=self._ledger.agreed_gaps().get(between),
            halves=next((h for h in self._ledger.halves() if {h.below, h.above} == {own, peer}), None),
            machine_test=self._tested(peer),
            human_test=hotline.human_test(own, peer, self.now_ms),
            on_duty_ours=hotline.on_duty(own, self.now_ms),
            on_duty_theirs=hotline.on_duty(peer, self.now_ms),
            ours_by_them=self._received(peer),
            theirs_by_us=self.logs[peer].tree.size,
            waiting=self._waiting(peer),
        )

    def _fallback_since_ms(self, peer: PartyId, *holds: Hold | None) -> int | None:
        said = (self._hotline.channel(self.logs.own, peer), self._hotline.channel(peer, self.logs.own))
        since = [hold.at_ms for hold in holds if hold is not None]
        since += [each.since_ms for each in said if each is not None and _state(each) is ChannelState.DOWN]
        return min(since, default=None)

    def _tested(self, peer: PartyId) -> Tested | None:
        test = self._hotline.machine_test(self.logs.own, peer)
        if test.last is None:
            return None
        began_ms, round_trip_s = test.last.since_ms, None
        if test.answer is not None:
            # When it came, not when it was made: that is told by the clock of the other node.
            entries = self.reading.entries(peer, test.answer.ref.n, 1)
            round_trip_s = max(0.0, (entries[0].taken_ms - began_ms) / 1e3) if entries else None
        waited_ms = self.now_ms - began_ms
        is_missed = waited_ms >= MACHINE_TEST_ANSWER_S * 1e3 or is_ahead(began_ms, self.now_ms)
        is_passed = True if test.answer is not None else False if is_missed else None
        return Tested(at_ms=began_ms, round_trip_s=round_trip_s, is_passed=is_passed)

    def _received(self, peer: PartyId) -> int | None:
        """Return how many entries of this party's log the other signed that it has."""
        signed = (each for each in self.reading.cosigned(self.logs.own) if each.witness == peer)
        sizes = [each.size for each in signed if self.logs.is_of_held(each)]
        return max([*sizes, self._ledger.received(peer, self.logs.own)]) or None

    def _waiting(self, peer: PartyId) -> Waiting:
        hotline, own = self._hotline, self.logs.own
        refs = self.unread.refs(hotline, own) | set(hotline.open_refs())
        waiting = [
            sent
            for ref in refs
            if ref.party == peer and (sent := hotline.message(ref)) is not None and sent.message.to == own
        ]
        waiting = [sent for sent in waiting if self._waits(sent)]
        return Waiting(
            count=len(waiting),
            oldest_ms=min((sent.at_ms for sent in waiting), default=None),
            priority=min((sent.message.priority for sent in waiting), key=lambda p: p.rank, default=None),
        )

    def _waits(self, sent: Sent) -> bool:
        if sent.ref in self.unread.refs(self._hotline, self.logs.own):
            return True
        dialogue = self._hotline.dialogue(sent.ref, self.now_ms, self.logs.own)
        return dialogue is not None and is_open(dialogue)


def _state(sent: Sent) -> ChannelState:
    state = sent.message.values["state"]
    assert isinstance(state, ChannelState), "the kind of the field"
    return state
