"""Negotiations: where each proposal stands, as a function of all that was said.

The table `TRANSITIONS` is the only rule. Logs of two parties arrive in different order at different
nodes, so the order between them must not count: what only one party can say is ordered by its own log,
and what two parties say of one proposal leads to the same state either way round. Nothing is accepted
as soon as the proposer took it back, or an item became another than was accepted, whenever that was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, assert_never

from keepclear.core.deeds import (
    Answer,
    Change,
    OutOfPlaceError,
    Proposal,
    Refusal,
    Withdrawal,
    proposer_of,
    refuse,
)
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.refs import ItemRef
from keepclear.core.transitions import transitions_markdown

NegotiationDeed = Proposal | Answer | Withdrawal
"""What officers say of a conflict."""


class NegotiationState(Enum):
    """Where a proposal stands."""

    PROPOSED = "proposed"
    """It waits for the answer."""
    COUNTERED = "countered"
    """It was answered by another proposal."""
    ACCEPTED = "accepted"
    """Both parties agree."""
    DECLINED = "declined"
    """The other party does not agree."""
    WITHDRAWN = "withdrawn"
    """It was taken back."""
    SUPERSEDED = "superseded"
    """An item of it changed, and not as was accepted."""


class NegotiationEvent(Enum):
    """What changes where a proposal stands."""

    COUNTER = "counter"
    ACCEPT = "accept"
    DECLINE = "decline"
    WITHDRAW = "withdraw"
    SUPERSEDE = "supersede"


class Speaker(Enum):
    """Who can bring an event about."""

    ADDRESSEE = "the party that was asked, once"
    PROPOSER = "the party that proposed, once"
    OWNER = "the owner of an item of it, by a new version"


SPEAKERS: Final[dict[NegotiationEvent, Speaker]] = {
    NegotiationEvent.COUNTER: Speaker.ADDRESSEE,
    NegotiationEvent.ACCEPT: Speaker.ADDRESSEE,
    NegotiationEvent.DECLINE: Speaker.ADDRESSEE,
    NegotiationEvent.WITHDRAW: Speaker.PROPOSER,
    NegotiationEvent.SUPERSEDE: Speaker.OWNER,
}
"""Who can bring each event about."""

_S = NegotiationState
_E = NegotiationEvent
TRANSITIONS: Final[dict[tuple[NegotiationState, NegotiationEvent], NegotiationState]] = {
    (_S.PROPOSED, _E.COUNTER): _S.COUNTERED,
    (_S.PROPOSED, _E.ACCEPT): _S.ACCEPTED,
    (_S.PROPOSED, _E.DECLINE): _S.DECLINED,
    (_S.PROPOSED, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.PROPOSED, _E.SUPERSEDE): _S.SUPERSEDED,
    (_S.COUNTERED, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.COUNTERED, _E.SUPERSEDE): _S.COUNTERED,
    (_S.ACCEPTED, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.ACCEPTED, _E.SUPERSEDE): _S.SUPERSEDED,
    (_S.DECLINED, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.DECLINED, _E.SUPERSEDE): _S.DECLINED,
    (_S.WITHDRAWN, _E.COUNTER): _S.WITHDRAWN,
    (_S.WITHDRAWN, _E.ACCEPT): _S.WITHDRAWN,
    (_S.WITHDRAWN, _E.DECLINE): _S.WITHDRAWN,
    (_S.WITHDRAWN, _E.SUPERSEDE): _S.WITHDRAWN,
    (_S.SUPERSEDED, _E.COUNTER): _S.COUNTERED,
    (_S.SUPERSEDED, _E.ACCEPT): _S.SUPERSEDED,
    (_S.SUPERSEDED, _E.DECLINE): _S.DECLINED,
    (_S.SUPERSEDED, _E.WITHDRAW): _S.WITHDRAWN,
}
"""Every step; a pair that is not here is refused. Steps of different speakers can be swapped."""


def table_markdown() -> str:
    """Draw the table of states as the documents show it."""
    who = {event: speaker.value for event, speaker in SPEAKERS.items()}
    return transitions_markdown(TRANSITIONS, NegotiationState, NegotiationEvent, who)


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiation:
    """A proposal, and where it stands.

    Attributes:
        proposal: The proposal.
        state: Where it stands.
        answer: What the party that was asked said first: an answer or a counter; None for nothing yet.
    """

    proposal: Proposal
    state: NegotiationState
    answer: Answer | Proposal | None


class Negotiations:
    """What was said of all conflicts: equal sets of deeds and versions give equal states.

    They may come in any order; what counts is the order within each log. What answers a proposal that has
    not arrived counts from when it does.
    """

    def __init__(self) -> None:
        self._logs: dict[PartyId, dict[int, NegotiationDeed]] = {}
        self._latest: dict[tuple[PartyId, ItemId], int] = {}
        self._texts: dict[ItemRef, bytes | None] = {}  # as digests
        self._begin()

    def _begin(self) -> None:
        self._last: dict[PartyId, int] = {}
        self._proposals: dict[str, Proposal] = {}
        self._over: dict[tuple[ItemRef, ...], list[str]] = {}
        self._words: dict[tuple[str, PartyId], Answer | Proposal] = {}  # the first of each party on each
        self._withdrawn: set[str] = set()

    def take(self, by: PartyId, deed: NegotiationDeed, *, n: int) -> None:
        """Take a deed from a party's log.

        A refusal follows from the log of that party and from whom the proposal was made to, so every
        node refuses the same.

        Args:
            by: Whose log.
            deed: What was said.
            n: Which entry of the log.

        Raises:
            OutOfPlaceError: The deed is out of place; it changes nothing.
        """
        log = self._logs.setdefault(by, {})
        if n in log:
            refuse(Refusal.REPEATED, f"entry {n} of {by!r} was taken before")
        log[n] = deed
        if n > self._last.get(by, -1):
            self._apply(by, n, deed)
        else:  # it was withheld until now, and what came after it is judged anew
            self._fold_anew(by, n)

    def _fold_anew(self, by: PartyId, n: int) -> None:
        self._begin()
        refused: OutOfPlaceError | None = None
        for party, log in sorted(self._logs.items()):
            for number, deed in sorted(log.items(), key=lambda entry: entry[0]):
                try:
                    self._apply(party, number, deed)
                except OutOfPlaceError as error:
                    if (party, number) == (by, n):
                        refused = error
        if refused is not None:
            raise refused

    def _apply(self, by: PartyId, n: int, deed: NegotiationDeed) -> None:
        self._last[by] = n
        match deed:
            case Proposal():
                self._check_proposal(by, deed)
                self._proposals[deed.id] = deed
                self._over.setdefault(deed.conflict, []).append(deed.id)
                if deed.counters is not None:
                    # After an answer it is a proposal like any other, and answers nothing.
                    self._words.setdefault((deed.counters, by), deed)
            case Answer():
                self._check_answer(by, deed)
                self._words[deed.proposal, by] = deed
            case Withdrawal():
                self._check_withdrawal(by, deed)
                self._withdrawn.add(deed.proposal)
            case _:
                assert_never(deed)

    def _check_proposal(self, by: PartyId, proposal: Proposal) -> None:
        if proposal.by != by:
            refuse(Refusal.NOT_YOURS, f"{by!r} cannot propose for {proposal.by!r}")
        if proposal.id in self._proposals:
            refuse(Refusal.REPEATED, f"the id {proposal.id!r} is taken; give the proposal another")

    def _check_answer(self, by: PartyId, answer: Answer) -> None:
        proposal = self._proposals.get(answer.proposal)
        if proposer_of(answer.proposal) == by or (proposal is not None and proposal.to != by):
            refuse(Refusal.NOT_ADDRESSED, f"{answer.proposal!r} was not proposed to {by!r}")
        if (answer.proposal, by) in self._words:
            refuse(Refusal.ANSWERED, f"{by!r} has answered {answer.proposal!r}; its first answer counts")

    def _check_withdrawal(self, by: PartyId, withdrawal: Withdrawal) -> None:
        if proposer_of(withdrawal.proposal) != by:
            refuse(Refusal.NOT_YOURS, f"{by!r} cannot withdraw {withdrawal.proposal!r}, of another party")
        if withdrawal.proposal not in self._proposals:
            refuse(Refusal.UNKNOWN, f"{by!r} has not proposed {withdrawal.proposal!r}")
        if withdrawal.proposal in self._withdrawn:
            refuse(Refusal.REPEATED, f"{withdrawal.proposal!r} is withdrawn already")

    def check(self, by: PartyId, deed: NegotiationDeed) -> None:
        """Refuse what an officer of a party should not say now, by all that is known here.

        Raises:
            OutOfPlaceError: It would be refused, or it would have no effect: what it refers to is not
                known, or closed, or an item has changed.
        """
        match deed:
            case Proposal():
                self._check_proposal(by, deed)
                if self._is_superseded(deed):
                    refuse(Refusal.CLOSED, "an item has changed; propose for its present version")
                if deed.counters is not None:
                    self._check_open(by, deed.counters)
            case Answer():
                self._check_answer(by, deed)
                self._check_open(by, deed.proposal)
            case Withdrawal():
                self._check_withdrawal(by, deed)
                state = self.state_of(deed.proposal)
                if state not in (NegotiationState.PROPOSED, NegotiationState.ACCEPTED):
                    self._refuse_closed(deed.proposal)
            case _:
                assert_never(deed)

    def _check_open(self, by: PartyId, proposal_id: str) -> None:
        proposal = self._proposals.get(proposal_id)
        if proposal is None:
            refuse(Refusal.UNKNOWN, f"no proposal {proposal_id!r} has arrived")
        if proposal.to != by:
            refuse(Refusal.NOT_ADDRESSED, f"{proposal_id!r} was not proposed to {by!r}")
        if self._state(proposal) is not NegotiationState.PROPOSED:
            self._refuse_closed(proposal_id)

    def _refuse_closed(self, proposal_id: str) -> None:
        refuse(
            Refusal.CLOSED, f"{proposal_id!r} is {self._state(self._proposals[proposal_id]).value} already"
        )

    def note_version(self, item: ItemRef, text: bytes | None) -> None:
        """Note that a version of an item exists; what was proposed for older ones may be superseded.

        Versions may come in any order. Of one that its owner stated in two ways nobody can tell whether it
        is what was accepted, so it supersedes.

        Args:
            item: The version.
            text: The item as the API has it; None where it was withdrawn.
        """
        key = item.party, item.id
        self._latest[key] = max(item.version, self._latest.get(key, 0))
        stated = None if text is None else hashlib.sha256(text).digest()
        self._texts[item] = stated if self._texts.get(item, stated) == stated else None

    def state_of(self, proposal_id: str) -> NegotiationState | None:
        """Tell where a proposal stands; None if it is not known."""
        proposal = self._proposals.get(proposal_id)
        return None if proposal is None else self._state(proposal)

    def negotiation(self, proposal_id: str) -> Negotiation | None:
        """Return a proposal and where it stands; None if it is not known."""
        proposal = self._proposals.get(proposal_id)
        return None if proposal is None else self._negotiation(proposal)

    def all(self) -> tuple[Negotiation, ...]:
        """Return all that was proposed, sorted by id."""
        return self._of(self._proposals)

    def over(self, conflict: tuple[ItemRef, ItemRef]) -> tuple[Negotiation, ...]:
        """Return all that was proposed for a conflict of two versions, sorted by id."""
        return self._of(self._over.get(tuple(sorted(conflict)), ()))

    def open_for(self, party: PartyId) -> tuple[Negotiation, ...]:
        """Return the proposals that wait for a party's answer, sorted by id."""
        asked = (proposal.id for proposal in self._proposals.values() if proposal.to == party)
        return tuple(each for each in self._of(asked) if each.state is NegotiationState.PROPOSED)

    def accepted_changes(self, conflict: tuple[ItemRef, ItemRef]) -> tuple[Change, ...]:
        """Return what both parties agreed on for a conflict of two versions, sorted by item.

        Nothing, where two proposals with different changes are accepted: each was meant to clear the
        conflict without the other, so it stays open.
        """
        agreed = {
            tuple(sorted(each.proposal.changes, key=lambda change: change.item))
            for each in self.over(conflict)
            if each.state is NegotiationState.ACCEPTED
        }
        return agreed.pop() if len(agreed) == 1 else ()

    def _of(self, ids: Iterable[str]) -> tuple[Negotiation, ...]:
        return tuple(self._negotiation(self._proposals[proposal_id]) for proposal_id in sorted(ids))

    def _negotiation(self, proposal: Proposal) -> Negotiation:
        answer = self._words.get((proposal.id, proposal.to))
        return Negotiation(proposal=proposal, state=self._state(proposal), answer=answer)

    def _state(self, proposal: Proposal) -> NegotiationState:
        state = NegotiationState.PROPOSED
        for event in self._events(proposal):
            state = TRANSITIONS[state, event]
        return state

    def _events(self, proposal: Proposal) -> Iterator[NegotiationEvent]:
        """Return what happened to a proposal; by the table, in whichever order."""
        match self._words.get((proposal.id, proposal.to)):
            case Proposal():
                yield NegotiationEvent.COUNTER
            case Answer(is_accepted=True):
                yield NegotiationEvent.ACCEPT
            case Answer():
                yield NegotiationEvent.DECLINE
        if proposal.id in self._withdrawn:
            yield NegotiationEvent.WITHDRAW
        if self._is_superseded(proposal):
            yield NegotiationEvent.SUPERSEDE

    def _is_superseded(self, proposal: Proposal) -> bool:
        changes = {change.item: change.becomes for change in proposal.changes}
        return any(self._is_past(item, changes.get(item)) for item in {*proposal.conflict, *changes})

    def _is_past(self, item: ItemRef, becomes: bytes | None) -> bool:
        """Tell whether an item has another version after this one than what it should become."""
        if self._latest.get((item.party, item.id), 0) <= item.version:
            return False
        following = self._texts.get(ItemRef(party=item.party, id=item.id, version=item.version + 1))
        return following is None or becomes is None or following != hashlib.sha256(becomes).digest()
