"""Faults planted into the product one at a time, to show that the simulation would find each of them.

Each takes away one thing that the product does right. `caught_by` is what then does not hold, and `seed`
one that shows it at once; should that seed change, others are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from keepclear.adapters.notary import Notary
from keepclear.core.dialogues import TRANSITIONS, Dialogue, DialogueEvent, DialogueState, Read, Sent
from keepclear.core.escalation import Deadlines, is_timed_out, steps_due
from keepclear.core.hotline import Hotline
from keepclear.core.intents import PartyId
from keepclear.core.ledger import ItemVersion, Ledger, Said
from keepclear.core.messages import Message, Step
from keepclear.core.negotiation import Negotiations, NegotiationState
from keepclear.core.parties import KeyRole, PartyKeys
from keepclear.core.refs import ItemRef
from keepclear.core.statements import Statement
from keepclear.node import logs, talk
from keepclear.node.coordinate import Coordinating
from keepclear.node.held import Held
from keepclear.node.logs import HeldLog, Logs
from keepclear.node.ports import SignedBy
from keepclear.node.prove import Proving
from keepclear.node.take import Taking
from keepclear.node.talk import Talk
from keepclear.testing.invariants import Invariant

Patch = pytest.MonkeyPatch


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A fault of the product.

    Attributes:
        name: What is wrong, for people.
        plant: Makes it so.
        caught_by: What does not hold any more.
        seed: A seed that shows it.
    """

    name: str
    plant: Callable[[Patch], None]
    caught_by: Invariant
    seed: int = 0


def _no_witness_memory(patch: Patch) -> None:
    take = Taking._take_or_refuse

    def take_and_sign(self: Taking, part: Any, taken: Any, giver: Any = None) -> None:
        take(self, part, taken, giver)
        log = self.logs.get(part.party)
        if log is not None and part.party != self.logs.own and self._is_head(part):
            self._witness(part, taken)

    patch.setattr(Taking, "_take_or_refuse", take_and_sign)


def _deeds_count_twice(patch: Patch) -> None:
    patch.setattr(Ledger, "_refuse_repeated", lambda *_: None)


def _said_by_machine(version: ItemVersion) -> Said:
    return Said(person="node", at_ms=version.at_ms, n=0, what="acknowledged")


def _delivered_is_seen(patch: Patch) -> None:
    def seen(self: Ledger, ref: ItemRef) -> dict[PartyId, Said]:
        version = self.version(ref)
        assert version is not None
        parties = [party for party in self._received if self.received(party, ref.party) > version.n]
        return {party: _said_by_machine(version) for party in parties if party != ref.party}

    patch.setattr(Ledger, "seen", seen)


def _no_signatures(patch: Patch) -> None:
    patch.setattr(Notary, "verify", lambda _, jobs: [True] * len(jobs))


def _no_officers_signature(patch: Patch) -> None:
    job = Taking._deed_job

    def deed_job(
        self: Taking, log: HeldLog, keys: PartyKeys, n: int, said: Statement
    ) -> tuple[bytes, SignedBy]:
        job(self, log, keys, n, said)
        act, signed = next(
            self.notary.read_key(each.body.jws)  # type: ignore[union-attr]
            for each in map(self.logs.read, self.transaction.entries(self.logs.own, 0, 1))
            if each is not None
        )
        assert act
        return self.logs[self.logs.own].root_key, signed  # some signature that is good

    patch.setattr(Taking, "_deed_job", deed_job)


def _revoked_keys_count(patch: Patch) -> None:
    def officer_key(self: PartyKeys, kid: str, n: int, person: str) -> bytes | None:
        granted = self._granted.get(kid)
        return granted.key if granted is not None and granted.role is KeyRole.OFFICER else None

    patch.setattr(PartyKeys, "officer_key", officer_key)


def _withheld_for_ever(patch: Patch) -> None:
    patch.setattr(Taking, "_fill_in", lambda *_: None)


def _never_asked_again(patch: Patch) -> None:
    patch.setattr(Logs, "heads_for", lambda self, _: self.heads())


def _no_silence(patch: Patch) -> None:
    patch.setattr(Proving, "require_voice", lambda *_: None)


def _first_who_is_heard(patch: Patch) -> None:
    patch.setattr(Logs, "unheard", lambda *_: [])


def _old_versions_count(patch: Patch) -> None:
    seen = Ledger.seen

    def seen_before(self: Ledger, ref: ItemRef) -> dict[PartyId, Said]:
        found: dict[PartyId, Said] = {}
        for version in self._versions.get((ref.party, ref.id), []):
            found |= seen(self, version.ref)
        return found

    patch.setattr(Ledger, "seen", seen_before)


def _versions_reused(patch: Patch) -> None:
    take = Ledger.take_item

    def take_item(self: Ledger, statement: Statement) -> ItemVersion:
        version = take(self, statement)
        self._ambiguous.clear()
        return version

    patch.setattr(Ledger, "take_item", take_item)


def _forks_ignored(patch: Patch) -> None:
    patch.setattr(Taking, "_proof_of_fork", lambda *_: None)
    patch.setattr(Taking, "_doubt", lambda *_: None)


def _longer_receipts_ignored(patch: Patch) -> None:
    patch.setattr(Taking, "_compare_receipts", lambda *_: None)


def _forks_share_receipts(patch: Patch) -> None:
    patch.setattr(Logs, "_is_held", lambda *_: True)


class _Anything:
    """Equal to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = object.__hash__


class _AnyHead:
    size = root = _Anything()


def _heads_not_compared(patch: Patch) -> None:
    head_of = Taking._head_of

    def any_head(self: Taking, log: HeldLog, note: str, keys: PartyKeys) -> Any:
        head_of(self, log, note, keys)
        return _AnyHead()

    patch.setattr(Taking, "_head_of", any_head)


def _places_not_compared(patch: Patch) -> None:
    def statement(self: Taking, log: HeldLog, n: int, entry: bytes) -> tuple[Statement, SignedBy]:
        read, signed = self.notary.read(entry)
        return replace(read, by=log.party, n=n), signed

    patch.setattr(Taking, "_statement", statement)


def _all_is_known(patch: Patch) -> None:
    patch.setattr(Ledger, "knew", lambda *_: True)


def _clocks_decide(patch: Patch) -> None:
    patch.setattr(Ledger, "knew", lambda _, a, b: a.at_ms > b.at_ms)


def _heads_not_signed(patch: Patch) -> None:
    patch.setattr(Proving, "sign_head", lambda *_: None)


def _nothing_leaves_the_picture(patch: Patch) -> None:
    take = Held.take

    def keep(self: Held, record: Any, packed: Any) -> None:
        if packed is None:
            self.seq = record.seq
        else:
            take(self, record, packed)

    patch.setattr(Held, "take", keep)


def _offers_clear_conflicts(patch: Patch) -> None:
    def changes(self: Negotiations, conflict: tuple[ItemRef, ItemRef]) -> Sequence[Any]:
        open_ones = [each for each in self.over(conflict) if each.state is NegotiationState.PROPOSED]
        return open_ones[0].proposal.changes if open_ones else ()

    patch.setattr(Negotiations, "accepted_changes", changes)


def _receipts_accuse(patch: Patch) -> None:
    patch.setattr(logs, "is_fork", lambda _: True)


def _everything_clear(patch: Patch) -> None:
    patch.setattr(Coordinating, "_conflicts", lambda *_: iter(()))


def _delivered_is_read(patch: Patch) -> None:
    def first_seen(_: Hotline, asked: Sent, __: object) -> Read:
        return Read(person="node", at_ms=asked.at_ms, n=0)

    patch.setattr(Hotline, "_first_seen", first_seen)


def _silence_closes(patch: Patch) -> None:
    for state in (DialogueState.OPEN, DialogueState.STANDBY):
        patch.setitem(TRANSITIONS, (state, DialogueEvent.TIME_OUT), DialogueState.CLOSED)


def _steps_are_forgotten(patch: Patch) -> None:
    said: set[object] = set()
    begin, say = Talk.__init__, Proving.say_message

    def begin_anew(self: Talk) -> None:
        said.clear()
        begin(self)

    def say_and_remember(self: Proving, message: Message) -> Statement:
        said.add((message.values.get("about"), message.values.get("step")))
        return say(self, message)

    def due(dialogue: Dialogue, deadlines: Deadlines, now_ms: int) -> Sequence[Step]:
        all_due = steps_due(replace(dialogue, steps=[]), deadlines, now_ms)
        return [step for step in all_due if (dialogue.asked.ref, step) not in said]

    patch.setattr(Talk, "__init__", begin_anew)
    patch.setattr(Proving, "say_message", say_and_remember)
    patch.setattr(talk, "steps_due", due)


def _anybody_answers(patch: Patch) -> None:
    def replies(self: Hotline, asked: Sent) -> Iterator[Sent]:
        return (each for each in self._related(asked.ref) if each.message.answers == asked.ref)

    patch.setattr(Hotline, "_replies", replies)


def _standby_ends_the_waiting(patch: Patch) -> None:
    def timed_out(dialogue: Dialogue, deadlines: Deadlines, now_ms: int) -> bool:
        return dialogue.stood_by is None and is_timed_out(dialogue, deadlines, now_ms)

    patch.setattr(talk, "is_timed_out", timed_out)


def _the_reader_is_called(patch: Patch) -> None:
    def due(dialogue: Dialogue, deadlines: Deadlines, now_ms: int) -> Sequence[Step]:
        return steps_due(replace(dialogue, seen=None, replies=[]), deadlines, now_ms)

    patch.setattr(talk, "steps_due", due)


def _answers_to_what_was_not_received(patch: Patch) -> None:
    patch.setattr(Hotline, "_knew", lambda *_: True)


PLANTED: Sequence[Planted] = [
    Planted(
        name="a witness forgets what it signed, and signs another story",
        plant=_no_witness_memory,
        caught_by=Invariant.WITNESS,
        seed=3,
    ),
    Planted(
        name="an officer's word that is repeated counts twice",
        plant=_deeds_count_twice,
        caught_by=Invariant.SAID_ONCE,
        seed=1,
    ),
    Planted(name="delivered counts as seen", plant=_delivered_is_seen, caught_by=Invariant.SEEN),
    Planted(name="no signature is verified", plant=_no_signatures, caught_by=Invariant.NOT_ACCUSED, seed=40),
    Planted(
        name="the signatures of officers are not verified",
        plant=_no_officers_signature,
        caught_by=Invariant.DETECTED,
        seed=10,
    ),
    Planted(
        name="an officer whose key is revoked still speaks",
        plant=_revoked_keys_count,
        caught_by=Invariant.DETECTED,
        seed=12,
    ),
    Planted(
        name="what was withheld at first is never taken",
        plant=_withheld_for_ever,
        caught_by=Invariant.CONVERGENCE,
        seed=15,
    ),
    Planted(
        name="what others than the owner withhold is not asked for again",
        plant=_never_asked_again,
        caught_by=Invariant.CONVERGENCE,
        seed=25,
    ),
    Planted(
        name="after a restore a node speaks before it has its own log again",
        plant=_no_silence,
        caught_by=Invariant.OWN_LOG,
    ),
    Planted(
        name="after a restore a node waits only for the first peer",
        plant=_first_who_is_heard,
        caught_by=Invariant.OWN_LOG,
        seed=175,
    ),
    Planted(
        name="an amendment is seen because the version before was",
        plant=_old_versions_count,
        caught_by=Invariant.SEEN,
    ),
    Planted(
        name="two texts under one version number are both seen",
        plant=_versions_reused,
        caught_by=Invariant.SEEN,
        seed=3,
    ),
    Planted(name="forks are ignored", plant=_forks_ignored, caught_by=Invariant.DETECTED, seed=10),
    Planted(
        name="a receipt for more than is held is not compared when the rest comes",
        plant=_longer_receipts_ignored,
        caught_by=Invariant.DETECTED,
        seed=713,
    ),
    Planted(
        name="an acknowledgement counts for another story of a fork",
        plant=_forks_share_receipts,
        caught_by=Invariant.SEEN,
        seed=36,
    ),
    Planted(
        name="the signed head is not compared with the entries",
        plant=_heads_not_compared,
        caught_by=Invariant.NOT_ACCUSED,
        seed=12,
    ),
    Planted(
        name="a statement counts at a place that it does not name",
        plant=_places_not_compared,
        caught_by=Invariant.DETECTED,
        seed=20,
    ),
    Planted(
        name="conflicts that neither party knew of are called conflicting, not contested",
        plant=_all_is_known,
        caught_by=Invariant.RIGHT_VERDICTS,
        seed=3,
    ),
    Planted(
        name="clocks decide who knew of whom",
        plant=_clocks_decide,
        caught_by=Invariant.RIGHT_VERDICTS,
        seed=3,
    ),
    Planted(
        name="a proposal clears a conflict before it is accepted",
        plant=_offers_clear_conflicts,
        caught_by=Invariant.RIGHT_VERDICTS,
        seed=4,
    ),
    Planted(name="no conflict is found", plant=_everything_clear, caught_by=Invariant.RIGHT_VERDICTS),
    Planted(
        name="nobody signs how far its log goes", plant=_heads_not_signed, caught_by=Invariant.CONVERGENCE
    ),
    Planted(
        name="what is withdrawn stays in the picture",
        plant=_nothing_leaves_the_picture,
        caught_by=Invariant.PICTURE,
    ),
    Planted(
        name="a receipt for a log that never was freezes the log of its owner",
        plant=_receipts_accuse,
        caught_by=Invariant.NOT_ACCUSED,
        seed=18,
    ),
    Planted(
        name="a message that was delivered counts as read", plant=_delivered_is_read, caught_by=Invariant.SEEN
    ),
    Planted(
        name="a message is closed once its time is over", plant=_silence_closes, caught_by=Invariant.ANSWERED
    ),
    Planted(
        name="a node that starts anew climbs the ladder again",
        plant=_steps_are_forgotten,
        caught_by=Invariant.LADDER,
    ),
    Planted(
        name="the answer of a third party counts",
        plant=_anybody_answers,
        caught_by=Invariant.ANSWERED,
        seed=10,
    ),
    Planted(
        name="after a standby nobody waits for an answer any more",
        plant=_standby_ends_the_waiting,
        caught_by=Invariant.LADDER,
        seed=5,
    ),
    Planted(
        name="the ladder is climbed although somebody has read",
        plant=_the_reader_is_called,
        caught_by=Invariant.LADDER,
        seed=5,
    ),
    Planted(
        name="an answer counts for another story of a fork",
        plant=_answers_to_what_was_not_received,
        caught_by=Invariant.DIALOGUES,
        seed=3,
    ),
]
"""Everything that is planted."""
