"""A simulation: several nodes, faults and lies, all drawn from one seed, and invariants after every step.

It ends with the faults over: then all that honest parties said must be at every honest node, everybody
must be able to speak, and what follows from it must be the same everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from hashlib import sha256
from random import Random
from typing import Final, NamedTuple

from keepclear.adapters.notary import Key, VerifyMany
from keepclear.adapters.signing import SigningKey, verify_many
from keepclear.codec.bundle import encode_bundle
from keepclear.core.channel import LinkCondition, LinkFacts
from keepclear.core.conflicts import Item
from keepclear.core.errors import InvalidValueError, KeepclearError
from keepclear.core.intents import PartyId
from keepclear.core.refs import MessageRef
from keepclear.core.times import floor_ms
from keepclear.node.logs import HeldLog, Logs
from keepclear.node.outcomes import RefusedError, StoreError
from keepclear.node.prove import SilencedError
from keepclear.node.take import Taken
from keepclear.testing import faults
from keepclear.testing.fake_signing import FakeKeyRing
from keepclear.testing.faults import ON_LINK, Fault
from keepclear.testing.federation import (
    Crash,
    PartyKeyRing,
    Read,
    RememberingForm,
    SimulatedNode,
    to_everybody,
)
from keepclear.testing.hotline import Talking, Waits
from keepclear.testing.invariants import Invariant, Invariants, Truth, ViolationError, memory_of, state_of
from keepclear.testing.liar import MUST_BE_REFUSED, Liar, Lie
from keepclear.testing.network import DELAY_MAX_MS, Link, Network
from keepclear.testing.scenario import START, Act, Officers

NODES_MAX: Final = 8
"""So many nodes a simulation has at most."""
TRACE_LINES_SHOWN: Final = 60
"""So many lines of the trace are shown of a seed that fails."""

_NAMES: Final = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel")
_STEP_MAX_MS: Final = 20_000
_BACKUP_EVERY: Final = 25
_ASKS: Final = 0.7
"""So often somebody asks somebody after a step."""
_LIARS: Final = 0.6
"""So often a party lies; in the other simulations all are honest, and only unlucky."""
_TICKS: Final = 0.15
"""So often a node looks after a step what it should say by itself."""
_LATE_S: Final = 400.0
_CUT_S: Final = 800.0
"""A peer unheard for so long is cut off: longer than in earnest, for nodes here ask seldom."""
_SECRETS: Final = 0.25
"""So often some items are told to one peer only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How large a simulation is.

    Attributes:
        node_count: How many nodes, from 2 on.
        statement_count: How many statements are made while there are faults.
        fault_count: How many faults.
        is_real: Whether real Ed25519 signs; a fast stand-in otherwise.

    Raises:
        InvalidValueError: There are too few or too many nodes.
    """

    node_count: int = 3
    statement_count: int = 40
    fault_count: int = 100
    is_real: bool = False

    def __post_init__(self) -> None:
        if not 2 <= self.node_count <= NODES_MAX:
            raise InvalidValueError("node_count", f"{self.node_count} is not within 2..{NODES_MAX}")


@dataclass(slots=True, kw_only=True)
class Result:
    """What a simulation came to.

    Attributes:
        seed: Its seed.
        violation: What did not hold; None where everything did.
        trace: What happened, line by line.
        statement_count: How many statements were made, those at the end too.
        faults: How often each fault struck.
        lies: How often each lie was told.
        alarms: The liars that honest nodes have evidence of.
    """

    seed: int
    violation: ViolationError | None = None
    trace: list[str] = field(default_factory=list)
    statement_count: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    lies: Counter[str] = field(default_factory=Counter)
    alarms: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """What names the trace: equal for equal ones."""
        return sha256("\n".join(self.trace).encode()).hexdigest()


class Ask(NamedTuple):
    """A node asks another for what it lacks.

    Attributes:
        heads: How far it holds each log.
        run: Which run of the node asks; an answer to an earlier one is not waited for any more.
    """

    heads: tuple[tuple[PartyId, int], ...]
    run: int


class Give(NamedTuple):
    """A node gives another a bundle.

    Attributes:
        data: The bundle.
        lie: Which lie it is, which only the simulation knows; None for none.
        run: Which run of the receiver asked for it; None where nobody asked.
    """

    data: bytes
    lie: Lie | None = None
    run: int | None = None


def simulate(seed: int, settings: Settings | None = None) -> Result:
    """Run a simulation.

    Args:
        seed: What all chance comes from; the same seed gives the same trace.
        settings: How large it is.
    """
    simulation = Simulation(seed, Settings() if settings is None else settings)
    try:
        simulation.run()
    except ViolationError as violation:
        simulation.result.violation = violation
    except (KeepclearError, AssertionError, LookupError, TypeError, ValueError) as error:
        simulation.result.violation = ViolationError(Invariant.STANDING, repr(error))
        simulation.result.violation.__cause__ = error
    return simulation.result


class Simulation:
    """See the module; `simulate` runs one.

    Args:
        seed: What all chance comes from.
        settings: How large it is.

    Attributes:
        result: What it comes to.
    """

    def __init__(self, seed: int, settings: Settings) -> None:
        self.result = Result(seed=seed)
        self._settings, self._random = settings, Random(seed)
        self._now_ms = floor_ms(START)
        self._network: Network[Ask | Give] = Network(self._random)
        ring = FakeKeyRing()
        make: Callable[[bytes], Key] = SigningKey if settings.is_real else ring.key
        self._new_key: Callable[[], Key] = lambda: make(self._random.randbytes(32))
        self._officers = Officers(self._random, self._new_key)
        self._officers.add(Talking(self._officers, self._random).kinds())
        self._heard_ms: dict[Link, int] = {}  # when a peer was heard last
        parties = _parties(settings.node_count)
        nodes = self._made(parties, verify_many if settings.is_real else ring.verify_many)
        self._liars: dict[PartyId, Liar] = {}
        if self._random.random() < _LIARS and settings.node_count > 2:
            for party in self._random.sample(parties, max(1, settings.node_count // 4)):
                self._liars[party] = Liar(nodes.pop(party), self._officers, self._random)
        self._parties, self._nodes = parties, nodes
        self._truth = Truth(honest=sorted(nodes))
        self._invariants = Invariants(self._truth)

    def _made(self, parties: list[PartyId], verify: VerifyMany) -> dict[PartyId, SimulatedNode]:
        keys = {
            party: PartyKeyRing(
                party=party, root=self._new_key(), node=self._new_key(), officers=[self._new_key()]
            )
            for party in parties
        }
        cards = {party: ring.root.public for party, ring in keys.items()}
        read, form = Read(), RememberingForm()
        has_secrets = self._random.random() < _SECRETS
        return {
            party: SimulatedNode(
                keys=keys[party],
                cards=cards,
                verify=verify,
                read=read,
                form=form,
                clock=self._clock,
                audience=_audience(party, parties) if has_secrets else to_everybody,
                offset_ms=self._random.randint(-faults.SKEW_MAX_MS, faults.SKEW_MAX_MS),
            )
            for party in parties
        }

    def _clock(self) -> datetime:
        return START + timedelta(milliseconds=self._now_ms - floor_ms(START))

    def _trace(self, line: str) -> None:
        self.result.trace.append(f"{self._now_ms - floor_ms(START):>9} {line}")

    # -- the course of it --------------------------------------------------------------------------

    def run(self) -> None:
        """Run it to its end.

        Raises:
            ViolationError: An invariant does not hold.
        """
        self._begin()
        drawn: list[Fault | None] = [None] * self._settings.statement_count
        drawn += faults.draw(self._random, self._settings.fault_count)
        self._random.shuffle(drawn)
        judged_at = self._random.randint(1, 2 * len(drawn))  # half the time only at the end
        for number, fault in enumerate(drawn, start=1):
            self._now_ms += self._random.randint(1, _STEP_MAX_MS)
            if fault is None:
                self._somebody_speaks()
            else:
                self._strike(fault)
            if self._random.random() < _ASKS:
                self._somebody_asks()
            self._deliver()
            if self._random.random() < _TICKS:
                self._tick(self._random.choice(list(self._nodes.values())))
            if number % _BACKUP_EVERY == 0:
                self._back_up()
            if number == judged_at:
                self._invariants.check_verdicts([self._random.choice(list(self._nodes.values()))])
        self._finish()

    def _begin(self) -> None:
        for node in self._all_nodes():
            for act in self._officers.begin(node):
                self._speak(node, act)
        self._back_up()

    def _all_nodes(self) -> list[SimulatedNode]:
        return [
            self._liars[party].stories[0] if party in self._liars else self._nodes[party]
            for party in self._parties
        ]

    def _back_up(self) -> None:
        for node in self._nodes.values():
            if not node.is_behind:
                node.backup = node.store.copy()

    def _somebody_speaks(self) -> None:
        party = self._random.choice(self._parties)
        if party in self._liars:
            self._trace(f"{party} {self._liars[party].act().word} (liar)")
            return
        node = self._nodes[party]
        self._speak(node, self._officers.act(node))
        peer = self._random.choice([other for other in self._parties if other != party])
        self._give(party, peer)

    def _speak(self, node: SimulatedNode, act: Act) -> None:
        if node.party in self._nodes:
            self._truth.note(node, act)
        answer = node.make(act.making)
        refused = f", refused: {answer}" if isinstance(answer, KeepclearError) else ""
        self._trace(f"{node.party} {act.word}{refused}")
        if node.party not in self._nodes:
            return
        new, asked = self._truth.note_said(node)
        self.result.statement_count += new
        if node.is_behind:
            if not isinstance(answer, SilencedError) and not refused:
                raise ViolationError(Invariant.OWN_LOG, f"{node.party} speaks, and lacks some of its log")
            return
        is_silent = not new and not refused
        if asked > 1 or is_silent or (new and refused and not node.was_repeated):
            word = f"{node.party} said {new} statements by {act.word}{refused}"
            raise ViolationError(Invariant.SAID_ONCE, word)
        self._invariants.check(node)

    def _tick(self, node: SimulatedNode) -> None:
        """Have a node say by itself what is due."""
        waits: dict[MessageRef, Waits] | None = self._invariants.note_due(node)
        told = node.tick(self._links_of(node))
        new, asked = self._truth.note_said(node)
        self.result.statement_count += new
        if asked != len(told.refs) and not node.was_repeated:
            raise ViolationError(Invariant.SAID_ONCE, f"{node.party} said {asked} statements by itself")
        if new:
            words = " ".join(_word(node, ref) for ref in told.refs)
            self._trace(f"{node.party} by itself: {words}")
            self._invariants.check(node)
            waits = None  # there is more of it now
        self._invariants.check_ladder(node, waits)

    def _links_of(self, node: SimulatedNode) -> dict[PartyId, LinkFacts]:
        """Return what a node knows of its links: time is told by a clock of its own, which never steps."""
        links = {}
        for peer in self._parties:
            if peer != node.party:
                heard_ms = self._heard_ms.get(Link(peer, node.party))
                unheard_s = None if heard_ms is None else (self._now_ms - heard_ms) / 1e3
                is_cut = unheard_s is None or unheard_s >= _CUT_S
                condition = (
                    LinkCondition.UP if unheard_s is None or unheard_s < _LATE_S else LinkCondition.LATE
                )
                links[peer] = LinkFacts(
                    condition=LinkCondition.CUT if is_cut else condition,
                    unheard_s=unheard_s,
                    watched_s=(self._now_ms - floor_ms(START)) / 1e3,
                )
        return links

    def _somebody_asks(self) -> None:
        party, peer = self._random.sample(self._parties, 2)
        if party in self._nodes:
            self._ask(party, peer)
        else:
            story = self._liars[party].story(peer)
            self._network.send(Link(party, peer), Ask(story.logs.heads_for(peer), story.run), self._now_ms)

    def _ask(self, party: PartyId, peer: PartyId) -> None:
        node = self._nodes[party]
        self._network.send(Link(party, peer), Ask(node.logs.heads_for(peer), node.run), self._now_ms)

    def _give(self, party: PartyId, peer: PartyId, run: int | None = None) -> None:
        if party in self._liars:
            data = self._liars[party].give(peer)
        else:
            data = encode_bundle(self._nodes[party].give(peer))
        self._network.send(Link(party, peer), Give(data, run=run), self._now_ms)

    # -- messages ----------------------------------------------------------------------------------

    def _deliver(self) -> None:
        for link, message in self._network.arrived(self._now_ms):
            match message:
                case Ask():
                    self._asked(link, message)
                case Give():
                    self._given(link, message)

    def _asked(self, link: Link, ask: Ask) -> None:
        asked, asking = PartyId(link.receiver), PartyId(link.sender)
        stories = self._liars[asked].stories if asked in self._liars else [self._nodes[asked]]
        for node in stories:
            node.known_heads[asking] = ask.heads
        self._give(asked, asking, ask.run)

    def _given(self, link: Link, give: Give) -> None:
        party = PartyId(link.receiver)
        if party in self._liars:
            try:
                self._liars[party].take(give.data)
            except KeepclearError as error:
                self._trace(f"{link.sender} -> {party} (liar): {error}")
            return
        node = self._nodes[party]
        self._heard_ms[link] = self._now_ms
        try:
            taken = node.take(give.data, heard=PartyId(link.sender) if give.run == node.run else None)
        except StoreError:
            raise
        except KeepclearError as error:
            self._trace(f"{link.sender} -> {party}: {error}")
            return
        self._note_taken(link, node, taken, give.lie)

    def _note_taken(self, link: Link, node: SimulatedNode, taken: Taken, lie: Lie | None) -> None:
        spans = " ".join(f"{party}:{first}-{end}" for party, first, end in taken.spans)
        refused = "; ".join(refusal.reason for refusal in taken.refusals)
        self._trace(f"{link.sender} -> {node.party}: {spans} {len(taken.receipts)} receipts {refused}")
        if lie in MUST_BE_REFUSED and not taken.refusals and (taken.spans or taken.records or taken.receipts):
            word = f"{node.party} takes of {link.sender} who did {lie.value!r}: {spans}" if lie else ""
            raise ViolationError(Invariant.DETECTED, word)
        for refusal in taken.refusals:
            if refusal.is_proof and refusal.party in self._nodes:
                raise ViolationError(Invariant.NOT_ACCUSED, f"{node.party}: {refusal.reason}")
            if refusal.is_proof:
                self._invariants.alarms.add(refusal.party)
        new, asked = self._truth.note_said(node)
        self.result.statement_count += new
        if asked:
            raise ViolationError(Invariant.SAID_ONCE, f"{node.party} said {asked} statements of itself")
        self._invariants.note_signed(node, taken)
        self._hear(node)
        if taken.spans or taken.records or taken.receipts or taken.refusals:
            self._invariants.check(node)

    def _hear(self, node: SimulatedNode) -> None:
        """Let a node that was put back speak again, once it has all of its log that others hold."""
        if node.is_behind and node.logs[node.party].tree.size == len(self._truth.said[node.party]):
            node.is_behind = False

    # -- faults ------------------------------------------------------------------------------------

    def _strike(self, fault: Fault) -> None:
        self.result.faults[fault.value] += 1
        party, peer = self._random.sample(self._parties, 2)
        link = Link(party, peer)
        node = self._random.choice(list(self._nodes.values()))
        match fault:
            case Fault.CUT:
                self._network.cut(link)
            case Fault.JOIN:
                self._network.join(link)
            case Fault.STOP:
                self._stop(node)
            case Fault.CRASH_BEFORE_WRITE:
                node.store.crash = Crash.BEFORE_WRITE
            case Fault.CRASH_AFTER_WRITE:
                node.store.crash = Crash.AFTER_WRITE
            case Fault.RESTORE:
                self._restore(node)
            case Fault.SKEW:
                node.offset_ms = self._random.randint(-faults.SKEW_MAX_MS, faults.SKEW_MAX_MS)
            case Fault.LIE if self._liars:
                self._lie()
                return
            case _:
                self._network.strike(link, ON_LINK.get(fault, ON_LINK[Fault.LOSS]))
        self._trace(f"{fault.value}: {link.sender} -> {link.receiver}, {node.party}")

    def _stop(self, node: SimulatedNode) -> None:
        before = memory_of(node)
        node.restart()
        if memory_of(node) != before:
            raise ViolationError(Invariant.RESTART, f"{node.party} has something else in memory")
        self._invariants.check(node)
        self._invariants.check_signed(node)

    def _restore(self, node: SimulatedNode) -> None:
        """Put a node back to its backup, where honest peers hold what it said since: else that is gone."""
        said = len(self._truth.said[node.party])
        others = [other for other in self._nodes.values() if other is not node]
        if node.backup is None or any(other.is_behind for other in others):
            return
        kept = node.backup.logs.entries.get(node.party, [])
        if not any(_has_tail(other.logs[node.party], len(kept), said) for other in others):
            return
        node.restore()
        self._invariants.forget(node)

    def _lie(self) -> None:
        liar = self._random.choice(list(self._liars.values()))
        lie = self._random.choice(list(Lie))
        peer = self._random.choice([party for party in self._parties if party != liar.party])
        bundles = liar.lie(lie, peer)
        self._trace(f"{liar.party} lies to {peer}: {lie.value}: {len(bundles)}")
        if bundles:
            self.result.lies[lie.value] += 1
        for data in bundles:
            self._network.send(Link(liar.party, peer), Give(data, lie), self._now_ms)

    # -- the end -----------------------------------------------------------------------------------

    def _finish(self) -> None:
        self._network.heal()
        for node in self._nodes.values():
            node.store.crash = None
        self._now_ms += DELAY_MAX_MS
        self._deliver()
        self._settle()
        for node in self._nodes.values():
            if node.is_behind:
                raise ViolationError(Invariant.AT_WORK, f"{node.party} does not get its own log back")
            self._speak_at_last(node)
            self._tick(node)
        self._settle()
        nodes = list(self._nodes.values())
        self._invariants.check_converged(nodes)
        self._invariants.check_verdicts(nodes)
        for node in nodes:
            self._invariants.check_own(node)
        self._stop(self._random.choice(nodes))
        self._check_forks()
        self.result.alarms = sorted(self._invariants.alarms)
        for node in nodes:
            self._trace(f"{node.party} holds {[(p, n) for p, n in node.logs.heads()]}")

    def _speak_at_last(self, node: SimulatedNode) -> None:
        act = self._officers.declare(node)
        self._truth.note(node, act)
        answer = node.make(act.making)
        if isinstance(answer, KeepclearError):
            kind = Invariant.AT_WORK if isinstance(answer, RefusedError) else Invariant.NOTHING_LOST
            raise ViolationError(kind, f"{node.party} cannot {act.word}: {answer}")
        self._trace(f"{node.party} {act.word}")
        self.result.statement_count += self._truth.note_said(node)[0]

    def _settle(self) -> None:
        """Have everybody ask everybody until nothing new comes."""
        for _ in range(len(self._parties)):
            before = [state_of(node) for node in self._nodes.values()]
            for party in self._nodes:
                for peer in self._parties:
                    if peer != party:
                        self._ask(party, peer)
            for _ in range(2):  # there, and back
                self._now_ms += 1_000
                self._deliver()
            if [state_of(node) for node in self._nodes.values()] == before:
                return

    def _check_forks(self) -> None:
        for party, liar in self._liars.items():
            if not liar.is_forked:
                continue
            logs = [node.logs[party] for node in self._nodes.values()]
            shortest = min(log.tree.size for log in logs)
            roots = {log.tree.root(shortest) for log in logs}
            if len(roots) > 1 and party not in self._invariants.alarms:
                raise ViolationError(Invariant.DETECTED, f"{party} told two stories, and nobody noticed")


def _word(node: SimulatedNode, ref: MessageRef) -> str:
    """Return what a node said by itself, in a word."""
    sent = node.logs.ledger.hotline.message(ref)
    assert sent is not None, "it was just said"
    values = [value.value if isinstance(value, Enum) else str(value) for _, value in sent.message.fields]
    return f"{sent.message.code.value} ({', '.join([sent.message.to, *values])})"


def _has_tail(log: HeldLog, first: int, end: int) -> bool:
    return log.tree.size >= end and all(n < first for n in log.withheld)


def _parties(count: int) -> list[PartyId]:
    return [PartyId(name) for name in _NAMES[:count]]


def _audience(party: PartyId, parties: list[PartyId]) -> Callable[[Item, Logs], tuple[PartyId, ...]]:
    """Return who may read what a party says: of every third item, one peer only."""
    peers = [peer for peer in parties if peer != party]

    def audience(item: Item, _: Logs) -> tuple[PartyId, ...]:
        number = int(item.id.rpartition("-")[2])
        return () if number % 3 else (peers[number // 3 % len(peers)],)

    return audience
