"""The ledger: what all statements that are held say together.

It is a pure function of the set of statements: each log is taken in its own order, and how logs are
mixed makes no difference. Nothing in it is decided by a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from keepclear.core.agreements import Agreement, Agreements, buffer_between, halves_between
from keepclear.core.channel import GOES_ON_WHILE_HELD, goes_on_while_held
from keepclear.core.conflicts import Buffer
from keepclear.core.deeds import (
    Acknowledgement,
    AgreementAnswer,
    AgreementProposal,
    Answer,
    DutyChange,
    Heard,
    LineChange,
    MessagesSeen,
    Objection,
    Proposal,
    Refusal,
    SignedDeed,
    Withdrawal,
    refuse,
)
from keepclear.core.dialogues import DialogueState, HeardSaid, Read, Received, Sent
from keepclear.core.hotline import Hotline
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import ANSWER_CODES, ChannelState, Code, Message, answers_to
from keepclear.core.negotiation import Negotiations
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.split import Halves
from keepclear.core.statements import Head, ItemSaid, Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemVersion:
    """A version of an item, as its owner stated it.

    Attributes:
        ref: Which version of which item.
        n: The entry of the owner's log that states it.
        at_ms: When, by the owner's clock.
        text: The item as the owner wrote it; None where it was withdrawn.
        is_over: Whether it was withdrawn or has ended.
        received: How far each other log had been received, sorted by party.
        to: Who may read it, sorted; empty for everybody.
    """

    ref: ItemRef
    n: int
    at_ms: int
    text: bytes | None
    is_over: bool
    received: Received
    to: tuple[PartyId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """That an officer said something of an item.

    Attributes:
        person: Who.
        at_ms: When, by the officer's clock, milliseconds since 1970.
        n: The entry of the officer's party's log.
        what: What, in a word.
    """

    person: str
    at_ms: int
    n: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """That a party suspends the dialogue with another, or takes it up again.

    Attributes:
        by: Who.
        peer: With whom.
        is_hold: Whether it is suspended.
        reason: Why.
        at_ms: Since when.
        n: The entry of the party's log.
    """

    by: PartyId
    peer: PartyId
    is_hold: bool
    reason: str
    at_ms: int
    n: int


class Ledger:
    """See the module.

    Args:
        read_agreement: Makes an agreement of its text.
        is_held: Tells whether the log of a party, as it is held, begins with so many entries of that root.
        is_read: Tells whether an entry of a party's log is held, and can be read.
        is_officer: Tells whether a key of an officer of a party counts at the end of its log.

    Attributes:
        negotiations: What officers propose for conflicts.
        hotline: What messages say.
        agreements: What parties agreed.
    """

    def __init__(
        self,
        read_agreement: Callable[[bytes], Agreement],
        is_held: Callable[[PartyId, Head], bool],
        is_read: Callable[[PartyId, int], bool] = lambda _, __: False,
        is_officer: Callable[[PartyId, str], bool] = lambda _, __: True,
    ) -> None:
        self._is_held = is_held
        self.negotiations, self.agreements = Negotiations(), Agreements(read_agreement)
        self.hotline = Hotline(self._had_entry, is_read, is_officer)
        self._versions: dict[tuple[PartyId, ItemId], list[ItemVersion]] = {}
        self._seen: dict[ItemRef, dict[PartyId, Said]] = {}
        self._received_at: dict[tuple[PartyId, int], Received] = {}  # what had been, by each deed
        self._answered: dict[ItemRef, dict[PartyId, Said]] = {}
        self._proposals: dict[ItemRef, list[str]] = {}  # about a version
        self._answers: dict[str, dict[PartyId, Said]] = {}  # to a proposal, which may come later
        self._received: dict[PartyId, dict[PartyId, Head]] = {}
        self._holds: dict[tuple[PartyId, PartyId], Hold] = {}
        self._ambiguous: set[ItemRef] = set()
        self._agreed_gaps: dict[tuple[PartyId, PartyId], Buffer] | None = None  # made when asked for
        self._halves: Sequence[Halves] = ()
        self._nonces: set[tuple[PartyId, str]] = set()

    def take_received(self, statement: Statement) -> None:
        """Take how far a party had received the other logs."""
        known = self._received.setdefault(statement.by, {})
        for party, head in statement.received:
            known[party] = max(known.get(party, head), head)

    def take_item(self, statement: Statement) -> ItemVersion:
        """Take a version of an item: a statement whose body is an `ItemSaid`."""
        said = statement.body
        assert isinstance(said, ItemSaid), "not a statement of an item"
        version = ItemVersion(
            ref=ItemRef(party=statement.by, id=said.id, version=said.version),
            n=statement.n,
            at_ms=statement.at_ms,
            text=said.text,
            is_over=said.is_over,
            received=statement.received,
            to=statement.to,
        )
        versions = self._versions.setdefault((statement.by, said.id), [])
        if any(other.ref == version.ref for other in versions):
            self._ambiguous.add(version.ref)  # nobody can have seen both under one number
        versions.append(version)
        versions.sort(key=lambda each: each.n)  # one that was withheld may come later
        self.negotiations.note_version(version.ref, version.text)
        return version

    def check(self, signed: SignedDeed) -> None:
        """Refuse what an officer should not say now, by all that is known here.

        Raises:
            OutOfPlaceError: It is out of place, or it would have no effect.
            InvalidValueError: It proposes what is no agreement.
        """
        self._refuse_repeated(signed)
        match signed.deed:
            case Proposal() | Answer() | Withdrawal():
                self.negotiations.check(signed.party, signed.deed)
            case AgreementProposal() | AgreementAnswer():
                self.agreements.check(signed.party, signed.deed)
            case Acknowledgement():
                for ref in signed.deed.items:
                    if self.version(ref) is None:
                        refuse(
                            Refusal.UNKNOWN, f"{ref.party} has not stated {ref.id!r} version {ref.version}"
                        )
            case Objection():
                if self.version(signed.deed.item) is None:
                    refuse(Refusal.UNKNOWN, f"{signed.deed.item.id!r} was not stated in that version")
            case Message():
                self._check_message(signed.party, signed.deed)
            case MessagesSeen():
                for message in signed.deed.messages:
                    self._message_to(signed.party, message)
            case LineChange() | DutyChange() | Heard():
                pass

    def _check_message(self, by: PartyId, message: Message) -> None:
        asked = None if message.answers is None else self._message_to(by, message.answers)
        if self.is_on_hold(by, message.to) and not goes_on_while_held(
            message, None if asked is None else asked.message
        ):
            refuse(Refusal.ON_HOLD, f"the dialogue with {message.to!r} is suspended; {GOES_ON_WHILE_HELD}")
        if asked is not None:
            allowed = answers_to(asked.message.code)
            if not allowed:
                reason = f"{asked.message.code.value!r} wants no answer; say it as a new message"
                refuse(Refusal.NOT_ADDRESSED, reason)
            if message.code in ANSWER_CODES and message.code not in allowed:
                words = ", ".join(code.value for code in allowed)
                reason = f"{asked.message.code.value!r} is answered by {words}"
                refuse(Refusal.NOT_ADDRESSED, reason)
            if message.priority.rank > asked.message.priority.rank:
                refuse(Refusal.NOT_ADDRESSED, f"an answer is as urgent: {asked.message.priority.value!r}")
            if bool(message.drill) != bool(asked.message.drill):
                refuse(Refusal.NOT_ADDRESSED, "a drill is answered in the drill, and what is meant is not")
        if message.corrects is not None:
            known = self.hotline.message(message.corrects)
            if known is None:
                refuse(Refusal.UNKNOWN, f"message {message.corrects} is not known here")
            if (known.message.code, known.message.to) != (message.code, message.to):
                refuse(Refusal.NOT_ADDRESSED, "a correction keeps the code and the addressee")
            if bool(message.drill) != bool(known.message.drill):
                refuse(Refusal.NOT_ADDRESSED, "a drill is corrected in the drill, and what is meant is not")
            self._refuse_corrected(message.corrects)

    def _refuse_corrected(self, ref: MessageRef) -> None:
        dialogue = self.hotline.dialogue(ref, 0)  # whether it was corrected does not hang on the time
        if dialogue is not None and dialogue.state is DialogueState.CORRECTED:
            assert dialogue.corrected_by is not None, "something took its place"
            by = dialogue.corrected_by.ref
            refuse(Refusal.NOT_ADDRESSED, f"it was corrected by {by.party} {by.n}; correct that one")

    def _message_to(self, party: PartyId, ref: MessageRef) -> Sent:
        sent = self.hotline.message_to(party, ref)
        if sent is None:
            refuse(Refusal.UNKNOWN, f"message {ref} is not known here")
        if sent.message.to != party:
            refuse(Refusal.NOT_ADDRESSED, f"message {ref} is for {sent.message.to!r}")
        return sent

    def take_message(self, statement: Statement) -> None:
        """Take what a node says on the hotline: a statement whose body is a `Message`."""
        message = statement.body
        assert isinstance(message, Message), "not a statement of a message"
        self.hotline.take(_sent(statement, message, None, statement.at_ms))
        if message.code is Code.CHANNEL:
            self._agreed_gaps = None

    def take_deed(self, statement: Statement, signed: SignedDeed) -> None:
        """Take what an officer says.

        Args:
            statement: The statement of the officer's party that holds it.
            signed: What is said.

        Raises:
            OutOfPlaceError: It is out of place, or a repetition; nothing is changed then.
        """
        by, person, at_ms, deed = signed.party, signed.person, signed.at_ms, signed.deed
        n = statement.n
        self._refuse_repeated(signed)
        self._received_at[by, n] = statement.received
        match deed:
            case Acknowledgement():
                for ref in deed.items:
                    said = Said(person=person, at_ms=at_ms, n=n, what="acknowledged")
                    _keep_first(self._seen.setdefault(ref, {}), by, said)
            case Objection():
                self._answer(by, [deed.item], Said(person=person, at_ms=at_ms, n=n, what="objected"))
            case Proposal():
                self.negotiations.take(by, deed, n=n)
                what = "proposed" if deed.counters is None else "countered"
                for ref in deed.conflict:
                    self._proposals.setdefault(ref, []).append(deed.id)
                self._answer(by, deed.conflict, Said(person=person, at_ms=at_ms, n=n, what=what))
            case Answer():
                self.negotiations.take(by, deed, n=n)
                what = "accepted" if deed.is_accepted else "declined"
                said = Said(person=person, at_ms=at_ms, n=n, what=what)
                _keep_first(self._answers.setdefault(deed.proposal, {}), by, said)
            case Withdrawal():
                self.negotiations.take(by, deed, n=n)
            case AgreementProposal() | AgreementAnswer():
                self.agreements.take(by, deed)
                self._agreed_gaps = None
            case LineChange():
                hold = Hold(by=by, peer=deed.peer, is_hold=deed.is_hold, reason=deed.reason, at_ms=at_ms, n=n)
                known = self._holds.get((by, deed.peer))
                if known is None or known.n < n:
                    self._holds[by, deed.peer] = hold
                    self._agreed_gaps = None
            case Message():
                self.hotline.take(_sent(statement, deed, person, at_ms))
            case MessagesSeen():
                read = Read(person=person, at_ms=at_ms, n=n, stated_ms=statement.at_ms)
                self.hotline.take_seen(by, deed.messages, read, statement.received)
            case DutyChange():
                self.hotline.take_duty(by, person, deed, at_ms, n)
            case Heard():
                heard = HeardSaid(
                    party=by, person=person, at_ms=at_ms, n=n, heard=deed, stated_ms=statement.at_ms
                )
                self.hotline.take_heard(heard)
        self._nonces.add((by, signed.nonce))

    def _refuse_repeated(self, signed: SignedDeed) -> None:
        if (signed.party, signed.nonce) in self._nonces:
            refuse(Refusal.REPEATED, "it was said before: an officer's word counts once")

    def _answer(self, by: PartyId, refs: Iterable[ItemRef], said: Said) -> None:
        for ref in refs:
            if ref.party != by:
                _keep_first(self._answered.setdefault(ref, {}), by, said)

    def current(self, party: str, item_id: str) -> ItemVersion | None:
        """Return the latest version of an item; None if it was never stated."""
        versions = self._versions.get((PartyId(party), ItemId(item_id)))
        return versions[-1] if versions else None

    def version(self, ref: ItemRef) -> ItemVersion | None:
        """Return a version of an item; None if it was not stated."""
        versions = self._versions.get((ref.party, ref.id), [])
        return next((each for each in versions if each.ref.version == ref.version), None)

    def versions(self) -> Sequence[ItemVersion]:
        """Return the latest version of every item, sorted by party and id."""
        return [self._versions[key][-1] for key in sorted(self._versions)]

    def latest_at(self, at_ms: int) -> Sequence[ItemVersion]:
        """Return of every item the latest version stated by an instant of its owner's clock, sorted."""
        found = []
        for key in sorted(self._versions):
            stated = [each for each in self._versions[key] if each.at_ms <= at_ms]
            if stated:
                found.append(stated[-1])
        return found

    def received(self, by: str, of: str) -> int:
        """Return how many entries of a log, as it is held here, a party's statements say it had received."""
        head = self._received.get(PartyId(by), {}).get(PartyId(of))
        return head.size if head is not None and self._is_held(PartyId(of), head) else 0

    def knew(self, a: ItemVersion, b: ItemVersion) -> bool:
        """Tell whether the owner of one version had received another when it stated its own."""
        return self._had(a.received, b)

    def _had(self, received: Received, version: ItemVersion) -> bool:
        """Tell whether who had received so much had a version, as it is held here.

        A party may have forked its log: so its word counts only where it had been received as a beginning
        of the very log that is held here, with that version in it.
        """
        return self._had_entry(received, version.ref.party, version.n)

    def _had_entry(self, received: Received, party: PartyId, n: int) -> bool:
        heads = (head for of, head in received if of == party)
        return any(head.size > n and self._is_held(party, head) for head in heads)

    def seen(self, ref: ItemRef) -> dict[PartyId, Said]:
        """Return which parties' officers acknowledged a version of an item, as it is held here.

        Where its owner stated two things under one number, nobody is taken to have seen either.
        """
        return {} if ref in self._ambiguous else self._of_this(ref, self._seen.get(ref, {}))

    def answered(self, ref: ItemRef) -> dict[PartyId, Said]:
        """Return which parties' officers answered a version of an item, or a proposal about it."""
        answered = dict(self._answered.get(ref, {}))
        for proposal in self._proposals.get(ref, []):
            for party, said in self._answers.get(proposal, {}).items():
                if party != ref.party:
                    _keep_first(answered, party, said)
        return self._of_this(ref, answered)

    def _of_this(self, ref: ItemRef, said_by: Mapping[PartyId, Said]) -> dict[PartyId, Said]:
        """Return what was said by those who had this version: an officer only names its number."""
        version = self.version(ref)
        if version is None:
            return {}
        return {
            party: said
            for party, said in said_by.items()
            if self._had(self._received_at[party, said.n], version)
        }

    def holds(self) -> Sequence[Hold]:
        """Return who suspends the dialogue with whom at present, sorted."""
        return [self._holds[key] for key in sorted(self._holds) if self._holds[key].is_hold]

    def agreed_gaps(self) -> dict[tuple[PartyId, PartyId], Buffer]:
        """Return the gap that each two parties agreed to keep; wider while their fallback applies."""
        if self._agreed_gaps is None:
            in_force = self.agreements.all_in_force()
            fallback = {pair: self.is_fallback(*pair) for pair in in_force}
            self._agreed_gaps = {
                pair: buffer_between(each, is_fallback=fallback[pair]) for pair, each in in_force.items()
            }
            halves = (halves_between(each, is_fallback=fallback[pair]) for pair, each in in_force.items())
            self._halves = tuple(each for each in halves if each is not None)
        return self._agreed_gaps

    def halves(self) -> Sequence[Halves]:
        """Return the altitude splits that apply at present, sorted by their two parties."""
        self.agreed_gaps()  # both are made together
        return self._halves

    def is_fallback(self, a: str, b: str) -> bool:
        """Tell whether two parties keep to what they agreed for when they cannot talk.

        That is while either suspends the dialogue, or the node of either said last that nothing comes
        through: what both know of, and what everybody can tell from the statements that are held.
        """
        said = (self.hotline.channel(a, b), self.hotline.channel(b, a))
        is_down = any(each and each.message.values["state"] is ChannelState.DOWN for each in said)
        return is_down or self.is_on_hold(a, b)

    def is_on_hold(self, a: str, b: str) -> bool:
        """Tell whether either of two parties suspends the dialogue with the other."""
        pairs = ((PartyId(a), PartyId(b)), (PartyId(b), PartyId(a)))
        return any(pair in self._holds and self._holds[pair].is_hold for pair in pairs)


def _sent(statement: Statement, message: Message, person: str | None, at_ms: int) -> Sent:
    return Sent(
        ref=MessageRef(party=statement.by, n=statement.n),
        message=message,
        person=person,
        at_ms=at_ms,
        received=statement.received,
        stated_ms=statement.at_ms,
    )


def _keep_first(said_by: dict[PartyId, Said], party: PartyId, said: Said) -> None:
    """Keep what a party said first, by its log: logs may be taken in any order."""
    known = said_by.get(party)
    if known is None or said.n < known.n:
        said_by[party] = said


class Coordination(Enum):
    """How far an item is coordinated with everybody whom it concerns."""

    COORDINATED = "coordinated"
    """Every party concerned has received and seen this version, and no conflict is open."""
    WAITING = "waiting"
    """No conflict is open, and somebody concerned has not seen this version yet."""
    CONFLICTING = "conflicting"
    """A conflict is open, and one side had received the other's when it declared its own; or it breaks an
    altitude split that applies."""
    CONTESTED = "contested"
    """A conflict is open, and neither side had received the other's."""
    OVER = "over"
    """It was withdrawn or has ended."""


def coordination_of(
    item: ItemVersion,
    concerned: Sequence[PartyId],
    open_conflicts: Sequence[ItemVersion],
    ledger: Ledger,
    *,
    is_in_breach: bool = False,
) -> Coordination:
    """Tell how far an item is coordinated.

    Args:
        item: Its latest version.
        concerned: The other parties whom it concerns.
        open_conflicts: The latest versions of the items of others that it conflicts with, of those
            conflicts that no accepted proposal clears.
        ledger: What all statements say.
        is_in_breach: Whether it is on the other party's side of an altitude split that applies.
    """
    if item.is_over:
        return Coordination.OVER
    if any(not ledger.knew(item, other) and not ledger.knew(other, item) for other in open_conflicts):
        return Coordination.CONTESTED
    if open_conflicts or is_in_breach:
        return Coordination.CONFLICTING
    seen = ledger.seen(item.ref)
    return Coordination.COORDINATED if all(p in seen for p in concerned) else Coordination.WAITING
