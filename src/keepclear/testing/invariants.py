"""What must hold in every simulation, whatever fails and whoever lies; and what truly happened.

What happened is kept apart from the nodes, so that nothing is believed for what a node says of it. Where
two items conflict is told by a slow definition of its own, for the few places there are in `scenario`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple

import msgspec

from keepclear.codec.checkpoints import parse_checkpoint
from keepclear.codec.notes import parse_signatures
from keepclear.core.conflicts import Buffer, Gaps
from keepclear.core.deeds import Acknowledgement, Answer, Heard, MessagesSeen
from keepclear.core.dialogues import Dialogue, DialogueState
from keepclear.core.errors import KeepclearError
from keepclear.core.intents import PartyId
from keepclear.core.ledger import Coordination, ItemVersion
from keepclear.core.merkle import Tree
from keepclear.core.messages import Code, Message
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.statements import CoarseSaid, ItemSaid, Signed, StatementKind
from keepclear.core.times import floor_ms
from keepclear.node.coordinate import Coordinated
from keepclear.node.ports import Entry, Evidence
from keepclear.node.take import Taken
from keepclear.testing.federation import SimulatedNode
from keepclear.testing.hotline import Climbed, Waits, lines_of, waits_of
from keepclear.testing.scenario import START, Act

_PAGE: Final = 10_000


class Invariant(Enum):
    """What must hold."""

    NOTHING_LOST = "no statement is lost or invented"
    SAID_ONCE = "nothing is said twice"
    OWN_LOG = "no honest node forks its own log"
    EQUAL_VERDICTS = "equal sets of statements give equal verdicts"
    RIGHT_VERDICTS = "verdicts are those of the slow definition"
    SEEN = "nothing is called seen that nobody looked at"
    CONVERGENCE = "honest nodes that are linked converge"
    NOT_ACCUSED = "nobody honest is accused"
    WITNESS = "a witness never signs two stories"
    DETECTED = "every lie is detected or harmless"
    PICTURE = "the picture shows what was stated"
    RESTART = "a node that starts anew is as it was"
    ANSWERED = "no message is answered but by the party that was addressed"
    LADDER = "a message that nobody reads climbs the steps that are due, each once"
    DIALOGUES = "what became of a message is what the slow definition says"
    AT_WORK = "a node comes to work again"
    STANDING = "no node fails of itself"


class ViolationError(KeepclearError):
    """Something does not hold that must hold.

    Attributes:
        invariant: What must hold.
        reason: What was found instead.
    """

    def __init__(self, invariant: Invariant, reason: str) -> None:
        self.invariant, self.reason = invariant, reason
        super().__init__(invariant, reason)  # both, so that it travels between processes

    def __str__(self) -> str:
        return f"{self.invariant.value}: {self.reason}"


class Cell(NamedTuple):
    """Where and when an item is, and whether it is a zone."""

    site: float
    lower_m: float
    upper_m: float
    start_ms: int
    end_ms: int
    is_zone: bool
    is_notice: bool

    def conflicts(self, other: Cell, buffer: Buffer) -> bool:
        """Tell whether two items of different parties conflict; places are either the same or far away."""
        if (self.is_zone and other.is_zone) or self.is_notice or other.is_notice:
            return False
        gap_m = max(self.lower_m - other.upper_m, other.lower_m - self.upper_m)
        gap_ms = max(self.start_ms - other.end_ms, other.start_ms - self.end_ms)
        return self.site == other.site and gap_m <= buffer.vertical_m and gap_ms <= buffer.time_s * 1_000


def cell_of(text: bytes | None) -> Cell | None:
    """Return where an item is; None where it cannot be judged."""
    if text is None:
        return None
    item: Any = msgspec.json.decode(text)
    try:
        (volume,) = item["volumes"]
        place = volume["volume"]
        return Cell(
            site=place["outline_polygon"]["vertices"][0]["lat"],
            lower_m=place["altitude_lower"]["value"],
            upper_m=place["altitude_upper"]["value"],
            start_ms=_ms(volume["time_start"]["value"]),
            end_ms=_ms(volume["time_end"]["value"]),
            is_zone=item["kind"] == "constraint",
            is_notice=item.get("rule") == "notify_first",
        )
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _ms(text: str) -> int:
    return floor_ms(datetime.fromisoformat(text))


@dataclass(slots=True, kw_only=True)
class Truth:
    """What truly happened.

    Attributes:
        honest: The parties that do not lie, sorted.
        said: What each of them said, as leaves of its log.
        looked: The texts that an officer had in front of him when he said that he saw a version.
        accepted: The proposals that honest parties accepted.
        read: The messages that an officer had in front of him when he said that he read them.
        replied: The same of those that he answered.
        signed: What honest witnesses signed: of each log, the root at each size.
    """

    honest: Sequence[PartyId]
    said: dict[PartyId, list[bytes]] = field(default_factory=dict)
    looked: dict[tuple[PartyId, ItemRef], set[bytes | None]] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    signed: dict[tuple[PartyId, PartyId], dict[int, bytes]] = field(default_factory=dict)
    read: set[tuple[PartyId, MessageRef, Message]] = field(default_factory=set)
    replied: set[tuple[PartyId, MessageRef, Message]] = field(default_factory=set)

    def note(self, node: SimulatedNode, act: Act) -> None:
        """Note what an officer is about to sign, and what he sees at that time."""
        match act.deed:
            case Acknowledgement(items=refs):
                for ref in refs:
                    shown = node.logs.ledger.current(ref.party, ref.id)
                    text = None if shown is None or shown.ref != ref else shown.text
                    self.looked.setdefault((node.party, ref), set()).add(text)
            case Answer(proposal=proposal, is_accepted=True):
                self.accepted.add(proposal)
            case MessagesSeen(messages=messages):
                self.read |= {known for ref in messages for known in _shown(node, ref)}
            case Message(answers=MessageRef() as asked):
                self.replied |= set(_shown(node, asked))
                self.read |= set(_shown(node, asked))
            case Heard(by=by, n=int() as n, message=message):
                self.read.add((node.party, MessageRef(party=by, n=n), message))

    def note_said(self, node: SimulatedNode) -> tuple[int, int]:
        """Note what a node has said since it was asked last.

        Returns:
            How many statements that is, and how many of them did not just follow from what was agreed or
            said before.
        """
        said = self.said.setdefault(node.party, [])
        new = node.store.entries(node.party, len(said), _PAGE)
        said.extend(entry.leaf for entry in new)
        return len(new), sum(not self._followed(node, entry) for entry in new)

    def _followed(self, node: SimulatedNode, entry: Entry) -> bool:
        assert entry.jws is not None
        body = node.notary.read(entry.jws)[0].body
        if isinstance(body, CoarseSaid):
            return True
        return isinstance(body, ItemSaid) and any(
            body.text == change.becomes and change.item.id == body.id and change.item.version < body.version
            for each in node.logs.ledger.negotiations.all()
            if each.proposal.by == node.party or each.proposal.id in self.accepted
            for change in each.proposal.changes
        )


class Invariants:
    """See the module.

    Args:
        truth: What truly happened.
    """

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._checked: dict[tuple[PartyId, PartyId], int] = {}
        self._evidence: dict[PartyId, int] = {}
        self._verdicts: dict[PartyId, tuple[object, list[object]]] = {}
        self._cells: dict[bytes | None, Cell | None] = {}
        self._climbed = Climbed()
        self._journals: dict[PartyId, tuple[object, int]] = {}
        self.alarms: set[PartyId] = set()

    # -- after every step -------------------------------------------------------------------------

    def check(self, node: SimulatedNode) -> None:
        """Check what must hold of a node at any time.

        Raises:
            ViolationError: It does not.
        """
        for party in self._truth.honest:
            self._check_log(node, party)
        self._check_evidence(node)
        self._check_seen(node)
        self._check_messages(node)
        self._check_picture(node)
        self._check_witness(node)

    def forget(self, node: SimulatedNode) -> None:
        """Take a node as new: it was put back to a backup."""
        for key in [key for key in self._checked if key[0] == node.party]:
            del self._checked[key]
        for pair in [pair for pair in self._truth.signed if pair[0] == node.party]:
            del self._truth.signed[pair]
        self._evidence.pop(node.party, None)

    def _check_log(self, node: SimulatedNode, party: PartyId) -> None:
        said, log = self._truth.said.get(party, []), node.logs[party]
        size, first = log.tree.size, self._checked.get((node.party, party), 0)
        entries = node.store.entries(party, first, _PAGE)
        where = f"{node.party} holds of the log of {party}"
        if size < first or len(entries) != size - first:
            raise ViolationError(Invariant.NOTHING_LOST, f"{where} {size} entries, after {first}")
        if size > len(said):
            raise ViolationError(Invariant.NOTHING_LOST, f"{where} {size} entries, and {len(said)} were said")
        for entry in entries:
            if not entry.leaf == log.tree.leaf(entry.n) == said[entry.n]:
                raise ViolationError(Invariant.NOTHING_LOST, f"{where} another entry {entry.n} than was said")
        if party == node.party and not node.is_behind and size < len(said):
            raise ViolationError(Invariant.NOTHING_LOST, f"{where} {size} entries of {len(said)}: its own")
        if log.frozen is not None:
            raise ViolationError(Invariant.NOT_ACCUSED, f"{where} no more: {log.frozen}")
        self._checked[node.party, party] = size

    def _check_evidence(self, node: SimulatedNode) -> None:
        known = self._evidence.get(node.party, 0)
        for evidence in node.store.evidence(known, _PAGE):
            lying = _accused(evidence) - set(self._truth.honest)
            if not lying:
                raise ViolationError(
                    Invariant.NOT_ACCUSED, f"{node.party} accuses {evidence.party}: {evidence.reason}"
                )
            self.alarms |= lying
            self._evidence[node.party] = evidence.id

    def _check_seen(self, node: SimulatedNode) -> None:
        ledger = node.logs.ledger
        for version in ledger.versions():
            for party in ledger.seen(version.ref):
                if party not in self._truth.honest:
                    continue  # of itself it may say what it likes
                if version.text not in self._truth.looked.get((party, version.ref), ()):
                    raise ViolationError(Invariant.SEEN, f"{node.party} says that {party} saw {version.ref}")

    def _check_messages(self, node: SimulatedNode) -> None:
        """Check the messages of which something new was taken."""
        hotline = node.logs.ledger.hotline
        known, read_count = self._journals.get(node.party, (None, 0))
        first = read_count if known is hotline else 0
        for ref in sorted(set(hotline.journal[first:])):
            dialogue = hotline.dialogue(ref, floor_ms(node.now()))
            if dialogue is not None:
                self._check_dialogue(node, dialogue)
        self._journals[node.party] = hotline, len(hotline.journal)

    def _check_dialogue(self, node: SimulatedNode, dialogue: Dialogue) -> None:
        message, answer = dialogue.asked.message, dialogue.answer
        said = f"{node.party} says that message {dialogue.asked.ref}"
        if (dialogue.state is DialogueState.CLOSED) is (answer is None) and (
            dialogue.state is not DialogueState.CORRECTED
        ):
            raise ViolationError(
                Invariant.ANSWERED, f"{said} is {dialogue.state.value}, and it was not answered"
            )
        if answer is not None and answer.ref.party != message.to:
            raise ViolationError(Invariant.ANSWERED, f"{said} is answered by {answer.ref.party}")
        if message.to not in self._truth.honest:
            return
        shown = PartyId(message.to), dialogue.asked.ref, message
        if answer is not None and not answer.by_voice and shown not in self._truth.replied:
            raise ViolationError(Invariant.ANSWERED, f"{said} is answered, and nobody did")
        if dialogue.seen is not None and shown not in self._truth.read:
            raise ViolationError(Invariant.SEEN, f"{said} was read at {message.to}")

    def note_due(self, node: SimulatedNode) -> dict[MessageRef, Waits]:
        """Note what a node should say by itself now, unless it may say nothing; return what waits."""
        waits = waits_of(node)
        if node.logs.why_silent() is None:
            self._climbed.note(node, waits)
        return waits

    def check_ladder(self, node: SimulatedNode, waits: dict[MessageRef, Waits] | None) -> None:
        """Check what a node has said by itself of the messages of its party.

        Args:
            node: The node.
            waits: What waits, where nothing was said since that was found; None to find it out.

        Raises:
            ViolationError: It is something else than was due whenever it looked.
        """
        if node.logs.why_silent() is None:
            wrong = self._climbed.differs(node, waits_of(node) if waits is None else waits)
            if wrong is not None:
                raise ViolationError(Invariant.LADDER, wrong)

    def _check_all_dialogues(self, node: SimulatedNode) -> None:
        now_ms = floor_ms(node.now())
        for ref, waits in sorted(waits_of(node).items()):
            dialogue = node.logs.ledger.hotline.dialogue(ref, now_ms)
            found = None
            if dialogue is not None:
                answer = None if dialogue.answer is None else dialogue.answer.ref.n
                seen = None if dialogue.seen is None else dialogue.seen.n
                found = dialogue.state, answer, seen, [step for step, _, _ in dialogue.steps]
            closing = min((n for n, _ in waits.closing), default=None)
            expected = waits.state(now_ms), closing, min(waits.reads, default=None), waits.steps
            if found != expected:
                word = f"{node.party} says of message {ref} {found}, and it is {expected}"
                raise ViolationError(Invariant.DIALOGUES, word)

    def _check_picture(self, node: SimulatedNode) -> None:
        shown = {label.id for label in node.workbench.held.picture.labels}
        stated = {
            node.logs.local_id(version.ref.party, version.ref.id)
            for version in node.logs.ledger.versions()
            if not version.is_over and self._cell(version.text) is not None
        }
        if shown != stated:
            raise ViolationError(Invariant.PICTURE, f"{node.party} differs in {sorted(shown ^ stated)}")

    def _check_witness(self, node: SimulatedNode) -> None:
        for party in node.logs.parties:
            own = [each for each in node.store.cosigned(party) if each.witness == node.party]
            for each in own:
                root = parse_checkpoint(each.body).root
                signed = self._truth.signed.setdefault((node.party, party), {})
                held = node.logs[party].tree
                if signed.setdefault(each.size, root) != root:
                    raise ViolationError(
                        Invariant.WITNESS, f"{node.party} signs two logs of {party} at {each.size}"
                    )
                if each.size > held.size or held.root(each.size) != root:
                    raise ViolationError(
                        Invariant.WITNESS, f"{node.party} signed what it does not hold of {party}"
                    )

    def check_signed(self, node: SimulatedNode) -> None:
        """Check all that a witness signed against what it holds.

        Raises:
            ViolationError: It signed something else.
        """
        for party in node.logs.parties:
            tree = node.logs[party].tree
            for size, root in self._truth.signed.get((node.party, party), {}).items():
                if size > tree.size or tree.root(size) != root:
                    raise ViolationError(
                        Invariant.WITNESS, f"{node.party} forgot that it signed {size} of {party}"
                    )

    def note_signed(self, node: SimulatedNode, taken: Taken) -> None:
        """Note what a witness signed.

        Raises:
            ViolationError: It had signed another story before.
        """
        for each in taken.cosigned:
            root = parse_checkpoint(each.body).root
            signed = self._truth.signed.setdefault((node.party, each.party), {})
            if signed.setdefault(each.size, root) != root:
                raise ViolationError(
                    Invariant.WITNESS, f"{node.party} signs two logs of {each.party} at {each.size}"
                )

    # -- verdicts ---------------------------------------------------------------------------------

    def check_verdicts(self, nodes: Iterable[SimulatedNode]) -> None:
        """Check the verdicts of nodes, each for itself and those of equal sets of statements together.

        Raises:
            ViolationError: One is wrong, or two differ.
        """
        by_set: dict[object, tuple[PartyId, list[object]]] = {}
        for node in nodes:
            held = state_of(node)
            known = self._verdicts.get(node.party)
            if known is None or known[0] != held:
                known = self._verdicts[node.party] = held, self._judged(node)
            other, verdicts = by_set.setdefault(held, (node.party, known[1]))
            if verdicts != known[1]:
                pairs = zip(verdicts, known[1], strict=False)
                first = next((pair for pair in pairs if pair[0] != pair[1]), "their number")
                raise ViolationError(Invariant.EQUAL_VERDICTS, f"{other} and {node.party} differ: {first}")

    def _judged(self, node: SimulatedNode) -> list[object]:
        self._check_all_dialogues(node)
        coordinating = node.coordinating()
        verdicts: list[object] = list(_dialogues(node))
        for version in node.logs.ledger.versions():
            found = coordinating.of_version(version)
            self._check_verdict(node, found, Gaps(agreed=node.logs.ledger.agreed_gaps()).between)
            verdicts.append(
                (
                    version.ref,
                    found.state,
                    tuple((r.party, r.is_concerned, r.seen, r.answered) for r in found.receipts),
                    tuple(sorted(node.logs.parted(each) for each in found.conflicts)),
                    tuple(sorted(node.logs.parted(each) for each in found.open_conflicts)),
                )
            )
        return verdicts

    def _check_verdict(self, node: SimulatedNode, found: Coordinated, buffer_of: Any) -> None:
        version, ledger = found.item, node.logs.ledger
        name = f"{node.party} calls {version.ref.party}/{version.ref.id} {version.ref.version}"
        if version.is_over:
            if found.state is not Coordination.OVER:
                raise ViolationError(Invariant.RIGHT_VERDICTS, f"{name} {found.state.value}, and it is over")
            return
        others = [each for each in ledger.versions() if self._do_conflict(version, each, buffer_of)]
        told = {node.logs.parted(each) for each in found.conflicts}
        if told != {(each.ref.party, each.ref.id) for each in others}:
            raise ViolationError(Invariant.RIGHT_VERDICTS, f"{name} in conflict with {sorted(told)}")
        is_open = {node.logs.parted(each) for each in found.open_conflicts}
        for other in others:
            if (other.ref.party, other.ref.id) not in is_open and not self._may_be_cleared(
                node, version, other
            ):
                raise ViolationError(
                    Invariant.RIGHT_VERDICTS, f"{name} clear of {other.ref}, and nobody agreed to it"
                )
        expected = self._expected(node, version, [o for o in others if (o.ref.party, o.ref.id) in is_open])
        if found.state is not expected:
            raise ViolationError(
                Invariant.RIGHT_VERDICTS, f"{name} {found.state.value}, and it is {expected.value}"
            )

    def _cell(self, text: bytes | None) -> Cell | None:
        if text not in self._cells:
            self._cells[text] = cell_of(text)
        return self._cells[text]

    def _do_conflict(self, a: ItemVersion, b: ItemVersion, buffer_of: Any) -> bool:
        if a.ref.party == b.ref.party or a.is_over or b.is_over:
            return False
        cell, other = self._cell(a.text), self._cell(b.text)
        if cell is None or other is None:
            return False
        return cell.conflicts(other, buffer_of(a.ref.party, b.ref.party))

    def _may_be_cleared(self, node: SimulatedNode, a: ItemVersion, b: ItemVersion) -> bool:
        """Tell whether a conflict may be cleared: an honest party accepted to it, or a liar says so."""
        return any(
            each.proposal.to not in self._truth.honest or each.proposal.id in self._truth.accepted
            for each in node.logs.ledger.negotiations.over((a.ref, b.ref))
        )

    def _expected(
        self, node: SimulatedNode, version: ItemVersion, open_conflicts: Sequence[ItemVersion]
    ) -> Coordination:
        for other in open_conflicts:
            if not _had(node, version, other) and not _had(node, other, version):
                return Coordination.CONTESTED
        if open_conflicts:
            return Coordination.CONFLICTING
        for party in node.logs.parties:  # no agreement here names areas: everybody is concerned
            if party == version.ref.party:
                continue
            if party not in self._truth.honest:
                if party not in node.logs.ledger.seen(version.ref):
                    return Coordination.WAITING
            elif party not in node.logs.ledger.seen(version.ref) or (
                version.text not in self._truth.looked.get((party, version.ref), ())
            ):
                return Coordination.WAITING
        return Coordination.COORDINATED

    # -- at the end -------------------------------------------------------------------------------

    def check_own(self, node: SimulatedNode) -> None:
        """Check that a party said each thing once.

        Raises:
            ViolationError: It repeated itself.
        """
        said: set[object] = set()
        for entry in node.store.entries(node.party, 0, _PAGE):
            if entry.jws is None:
                raise ViolationError(
                    Invariant.NOTHING_LOST, f"{node.party} cannot read what it said in {entry.n}"
                )
            statement, _ = node.notary.read(entry.jws)
            what: object = statement.body
            if isinstance(statement.body, Message):
                what = _once(statement.body, entry.n)
            if isinstance(statement.body, CoarseSaid):
                what = StatementKind.COARSE, statement.body.covers
            elif isinstance(statement.body, ItemSaid):
                what = statement.body.id, statement.body.version
            elif isinstance(statement.body, Signed) and statement.kind is StatementKind.DEED:
                what = node.notary.read_deed(statement.body.jws)[0].nonce
            if what in said:
                raise ViolationError(
                    Invariant.SAID_ONCE, f"{node.party} says again in entry {entry.n}: {what}"
                )
            said.add(what)

    def check_converged(self, nodes: Sequence[SimulatedNode]) -> None:
        """Check that honest nodes hold all that honest parties said, as far as they may read it.

        Raises:
            ViolationError: One does not.
        """
        for node in nodes:
            self._check_messages_converged(node, nodes)
            for owner in nodes:
                log, said = node.logs[owner.party], self._truth.said[owner.party]
                where = f"{node.party} holds of the log of {owner.party}"
                if log.tree.size != len(said):
                    raise ViolationError(
                        Invariant.CONVERGENCE, f"{where} {log.tree.size} entries of {len(said)}"
                    )
                for n in sorted(log.withheld):
                    (entry,) = owner.store.entries(owner.party, n, 1)
                    if owner.logs.is_readable(entry, node.party):
                        raise ViolationError(
                            Invariant.CONVERGENCE, f"{where} entry {n} withheld, and may read it"
                        )

    def _check_messages_converged(self, node: SimulatedNode, owners: Sequence[SimulatedNode]) -> None:
        """Check that each message stands once at a reader, as its log has it, and none besides."""
        hotline, said = node.logs.ledger.hotline, {}
        for line in lines_of(node):
            if isinstance(line.said, Message):
                said[line.ref] = line.said
        parties = [owner.party for owner in owners]
        held = [each for each in hotline.messages() if each.ref.party in parties and not each.by_voice]
        if {each.ref: each.message for each in held} != {r: m for r, m in said.items() if r.party in parties}:
            raise ViolationError(Invariant.CONVERGENCE, f"{node.party} has other messages than were said")


def _shown(node: SimulatedNode, ref: MessageRef) -> Iterator[tuple[PartyId, MessageRef, Message]]:
    """Yield the message that an officer has in front of him, with who he is."""
    sent = node.logs.ledger.hotline.message_to(node.party, ref)
    if sent is not None:
        yield node.party, ref, sent.message


def _once(message: Message, n: int) -> object:
    """Return what of a message of a node may stand in its log once."""
    if message.code in (Code.CHANNEL, Code.MACHINE_TEST):
        return message.code, n
    return message.code, message.fields


def _dialogues(node: SimulatedNode) -> Iterator[object]:
    """Yield what became of each message, as far as it is the same for all that hold the same."""
    hotline = node.logs.ledger.hotline
    for sent in hotline.messages():
        yield hotline.dialogue(sent.ref, floor_ms(START))
    for party in node.logs.parties:
        yield party, hotline.on_duty(party, floor_ms(START))
    yield hotline.open_refs()
    yield list(hotline.newest(with_machines=True))


def _accused(evidence: Evidence) -> set[PartyId]:
    """Return who may have lied: a receipt for another log is a lie of its witness or of the owner."""
    content: dict[str, Any] = msgspec.json.decode(evidence.content)
    if "cosignature" not in content:
        return {evidence.party}
    (signature,) = parse_signatures(content["cosignature"])
    return {evidence.party, PartyId(signature.name.split("/")[1])}


def _had(node: SimulatedNode, a: ItemVersion, b: ItemVersion) -> bool:
    """Tell whether the owner of one item had received the other, as a node has it, when it stated its own."""
    tree = node.logs[b.ref.party].tree
    size, root = dict(a.received).get(b.ref.party, (0, b""))
    return b.n < size <= tree.size and root == Tree([tree.leaf(n) for n in range(size)]).root()


def state_of(node: SimulatedNode) -> object:
    """Return which statements a node holds: equal for equal sets."""
    return tuple(
        (party, log.head, tuple(sorted(log.withheld)))
        for party in node.logs.parties
        if (log := node.logs[party])
    )


def memory_of(node: SimulatedNode) -> object:
    """Return what a node has in memory, as far as it must be the same after it starts anew."""
    ledger = node.logs.ledger
    return (
        state_of(node),
        [(party, node.logs[party].frozen) for party in node.logs.parties],
        sorted(label.id for label in node.workbench.held.picture.labels),
        ledger.versions(),
        [sorted(ledger.seen(version.ref).items()) for version in ledger.versions()],
        [sorted(ledger.answered(version.ref).items()) for version in ledger.versions()],
        ledger.holds(),
        sorted(node.logs.unjudged),
        sorted(node.logs.coarse.items()),
        sorted(node.logs.coarse_names.items()),
        list(_dialogues(node)),
        ledger.agreed_gaps(),
    )
