"""Logs between nodes: what is taken, what is refused by name, what proves that somebody lied."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from keepclear.adapters.notary import Notary, sign_deed
from keepclear.adapters.signing import SigningKey
from keepclear.core.bundles import LogPart, Withheld
from keepclear.core.deeds import Acknowledgement, Deed, Heard, LineChange, MessagesSeen, Objection
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import LatLng
from keepclear.core.intents import PartyId
from keepclear.core.ledger import Coordination
from keepclear.core.merkle import leaf_hash
from keepclear.core.messages import VALID_MAX_MS, Code, Message, Priority
from keepclear.core.parties import KeyRole
from keepclear.core.refs import MessageRef
from keepclear.core.statements import Head, Signed, StatementKind
from keepclear.core.times import floor_ms
from keepclear.node.hotline_views import Hotlining, MessageView
from keepclear.node.outcomes import RefusedError
from keepclear.node.prove import SIGNED_APART_MAX_MS, SilencedError
from tests.node.parties import (
    Party,
    exchange,
    give,
    operation,
    paired,
    part_of,
    proving_of,
    ref,
    with_part,
)

ELSEWHERE = LatLng(36.0, 36.0)


@pytest.fixture
def two() -> list[Party]:
    return paired("alpha", "bravo")


def ids(party: Party) -> list[str]:
    return [label.id for label in party.bench.held.picture.labels]


def test_what_one_party_declares_is_in_the_picture_of_the_other_under_its_name(two: list[Party]) -> None:
    alpha, bravo = two
    alpha.declare(operation("OP-1", "alpha"))
    bravo.declare(operation("OP-1", "bravo"))
    exchange(alpha, bravo)
    assert ids(alpha) == ["OP-1", "bravo:OP-1"]
    assert ids(bravo) == ["OP-1", "alpha:OP-1"]
    assert alpha.coordinated("OP-1").conflicts == ["bravo:OP-1"]
    assert bravo.coordinated("OP-1").conflicts == ["alpha:OP-1"]


def test_taking_the_same_again_changes_nothing(two: list[Party]) -> None:
    alpha, bravo = two
    alpha.declare(operation("OP-1", "alpha"))
    bundle = alpha.bundle(bravo)
    assert bravo.take(bundle).spans == [("alpha", 0, 3)]
    again = bravo.take(bundle)
    assert (again.spans, again.records, again.refusals) == ([], [], [])
    assert bravo.size(alpha) == 3


def test_what_was_taken_is_there_after_a_restart(two: list[Party]) -> None:
    alpha, bravo = two
    alpha.declare(operation("OP-1", "alpha"))
    exchange(alpha, bravo)
    bravo.acknowledge(ref("alpha", "OP-1"))
    give(bravo, alpha)
    before = alpha.coordinated("OP-1")
    alpha.restart()
    assert alpha.coordinated("OP-1") == before
    assert before.state is Coordination.COORDINATED


def test_delivered_and_seen_are_different_things(two: list[Party]) -> None:
    alpha, bravo = two
    alpha.declare(operation("OP-1", "alpha"))
    (receipt,) = alpha.coordinated("OP-1").receipts
    assert not receipt.is_delivered
    exchange(alpha, bravo)
    (receipt,) = alpha.coordinated("OP-1").receipts
    assert receipt.is_delivered
    assert receipt.seen is None
    assert alpha.coordinated("OP-1").state is Coordination.WAITING
    bravo.acknowledge(ref("alpha", "OP-1"))
    give(bravo, alpha)
    (receipt,) = alpha.coordinated("OP-1").receipts
    assert receipt.seen is not None
    assert receipt.seen.person == "Ann"
    assert alpha.coordinated("OP-1").state is Coordination.COORDINATED


def test_an_amendment_is_to_be_seen_anew(two: list[Party]) -> None:
    alpha, bravo = two
    alpha.declare(operation("OP-1", "alpha"))
    exchange(alpha, bravo)
    bravo.acknowledge(ref("alpha", "OP-1"))
    give(bravo, alpha)
    alpha.amend(operation("OP-1", "alpha", ELSEWHERE), 1)
    assert alpha.coordinated("OP-1").state is Coordination.WAITING
    (receipt,) = alpha.coordinated("OP-1").receipts
    assert not receipt.is_delivered


def test_two_that_did_not_know_of_each_other_are_contested_and_one_that_knew_conflicts(
    two: list[Party],
) -> None:
    alpha, bravo = two
    alpha.declare(operation("OP-1", "alpha"))
    bravo.declare(operation("OP-2", "bravo"))
    exchange(alpha, bravo)
    assert alpha.coordinated("OP-1").state is Coordination.CONTESTED
    assert bravo.coordinated("alpha:OP-1").state is Coordination.CONTESTED
    alpha.declare(operation("OP-3", "alpha", ELSEWHERE))
    give(alpha, bravo)
    bravo.declare(operation("OP-4", "bravo", ELSEWHERE))
    give(bravo, alpha)
    assert alpha.coordinated("OP-3").state is Coordination.CONFLICTING
    assert bravo.coordinated("OP-4").state is Coordination.CONFLICTING


def test_entries_after_a_gap_wait_and_the_gap_is_named(two: list[Party]) -> None:
    alpha, bravo = two
    early = alpha.bundle(bravo)
    alpha.declare(operation("OP-1", "alpha"))
    late = alpha.bundle(bravo, {"alpha": 2})
    taken = bravo.take(late)
    assert taken.spans == []
    assert "entries 0 to 1 of the log of 'alpha' are missing" in taken.refusals[0].reason
    taken = bravo.take(early)
    assert taken.spans == [("alpha", 0, 2), ("alpha", 2, 3)]
    assert ids(bravo) == ["alpha:OP-1"]


def test_an_entry_that_was_changed_on_the_way_is_refused_and_the_log_stays_open(two: list[Party]) -> None:
    alpha, bravo = two
    alpha.declare(operation("OP-1", "alpha"))
    bundle = alpha.bundle(bravo)
    part = part_of(bundle, alpha)
    entry = part.entries[2]
    assert isinstance(entry, bytes)
    changed = entry[:-4] + (b"AAAA" if entry[-4:] != b"AAAA" else b"BBBB")
    spoilt = replace(part, entries=(*part.entries[:2], changed))
    taken = bravo.take(with_part(bundle, spoilt))
    assert len(taken.refusals) == 1
    assert not taken.refusals[0].is_proof
    assert bravo.size(alpha) == 0
    assert bravo.take(bundle).spans == [("alpha", 0, 3)]


def test_entries_that_were_swapped_dropped_or_repeated_are_refused(two: list[Party]) -> None:
    alpha, bravo = two
    alpha.declare(operation("OP-1", "alpha"))
    alpha.declare(operation("OP-2", "alpha", ELSEWHERE))
    bundle = alpha.bundle(bravo)
    part = part_of(bundle, alpha)
    a, b, c, d = part.entries
    for entries in ((a, b, d, c), (a, b, d), (a, b, c), (a, b, c, c), (a, b, c, d, d)):
        taken = bravo.take(with_part(bundle, replace(part, entries=entries)))
        assert taken.refusals, entries
        assert bravo.size(alpha) == 0


def test_a_log_signed_with_another_key_is_refused(two: list[Party]) -> None:
    alpha, bravo = two
    stranger, _ = paired("alpha", "bravo")
    taken = bravo.take(stranger.bundle(bravo))
    assert "signature" in taken.refusals[0].reason
    assert bravo.size(alpha) == 0


def test_a_fork_that_its_owner_signed_is_kept_as_evidence_and_the_log_is_frozen(two: list[Party]) -> None:
    alpha, bravo = two
    twin = twin_of(alpha)
    alpha.declare(operation("OP-1", "alpha"))
    twin.declare(operation("OP-2", "alpha", ELSEWHERE))
    give(alpha, bravo)
    taken = bravo.take(twin.bundle(bravo, {"alpha": 0}))
    assert taken.refusals[0].is_proof
    assert "forked" in taken.refusals[0].reason
    (evidence,) = bravo.store.evidence(0, 10)
    assert evidence.party == "alpha"
    alpha.declare(operation("OP-3", "alpha", ELSEWHERE))
    assert "frozen" in give(alpha, bravo).refusals[0].reason
    bravo.restart()
    assert "frozen" in give(alpha, bravo).refusals[0].reason


def without_text_of(part: LogPart, number: int) -> LogPart:
    """Return a part of a log in which one entry is withheld."""
    entries = list(part.entries)
    entry = entries[number]
    assert isinstance(entry, bytes)
    entries[number] = Withheld(leaf_hash(entry))
    return replace(part, entries=tuple(entries))


def test_another_head_of_what_is_held_proves_a_fork_though_no_entry_is_another(two: list[Party]) -> None:
    """Found by the simulation: with a text that was withheld before came a head of another story."""
    alpha, bravo = two
    alpha.declare(operation("OP-1", "alpha"))
    bundle = alpha.bundle(bravo)
    part = part_of(bundle, alpha)
    hidden = without_text_of(part, 2)
    assert bravo.take(with_part(bundle, hidden)).refusals == []
    other = Notary(alpha.name, alpha.node_key).write_head(Head(part.end, bytes(32)))
    (refusal,) = bravo.take(with_part(bundle, replace(part, note=other))).refusals
    assert refusal.is_proof
    assert ids(bravo) == []
    (evidence,) = bravo.store.evidence(0, 10)
    assert json.loads(evidence.content)["other_head"] == other
    alpha.declare(operation("OP-2", "alpha", ELSEWHERE))
    bravo.restart()
    assert "frozen" in give(alpha, bravo).refusals[0].reason


def test_the_head_of_what_is_held_must_be_that_of_its_owner(two: list[Party]) -> None:
    alpha, bravo = two
    give(alpha, bravo)
    bundle = alpha.bundle(bravo, {"alpha": 0})
    part = part_of(bundle, alpha)
    theirs = Notary(alpha.name, SigningKey.generate()).write_head(Head(part.end, bytes(32)))
    (refusal,) = bravo.take(with_part(bundle, replace(part, note=theirs))).refusals
    assert not refusal.is_proof


def test_what_is_withheld_is_no_gap_and_can_be_filled_in_later(two: list[Party]) -> None:
    alpha, bravo = two
    alpha.declare(operation("OP-1", "alpha"))
    bundle = alpha.bundle(bravo)
    part = part_of(bundle, alpha)
    hidden = without_text_of(part, 2)
    assert bravo.take(with_part(bundle, hidden)).refusals == []
    assert ids(bravo) == []
    assert bravo.size(alpha) == 3
    assert bravo.take(bundle).refusals == []
    assert ids(bravo) == ["alpha:OP-1"]
    bravo.restart()
    assert ids(bravo) == ["alpha:OP-1"]


def test_statements_of_a_third_party_travel_through_a_second(two: list[Party]) -> None:
    alpha, bravo, carol = paired("alpha", "bravo", "carol")
    alpha.declare(operation("OP-1", "alpha"))
    give(alpha, bravo)
    give(bravo, carol)
    assert ids(carol) == ["alpha:OP-1"]
    carol.acknowledge(ref("alpha", "OP-1"))
    give(carol, bravo)
    give(bravo, alpha)
    receipts = {receipt.party: receipt for receipt in alpha.coordinated("OP-1").receipts}
    assert receipts[carol.name].seen is not None
    assert receipts[carol.name].is_delivered
    assert receipts[bravo.name].seen is None
    assert alpha.coordinated("OP-1").state is Coordination.WAITING


def test_the_word_of_an_officer_whose_key_is_revoked_is_refused_by_the_own_node(two: list[Party]) -> None:
    alpha, bravo = two
    alpha.declare(operation("OP-1", "alpha"))
    give(alpha, bravo)
    bravo.revoke(bravo.officer_key)
    with pytest.raises(RefusedError, match="is not that of 'Ann', an officer of 'bravo'"):
        bravo.acknowledge(ref("alpha", "OP-1"))
    with pytest.raises(RefusedError, match="is not that of 'Ann', an officer of 'bravo'"):
        bravo.say(Acknowledgement(items=(ref("alpha", "OP-1"),)), SigningKey.generate())


def test_a_repeated_word_of_an_officer_is_refused(two: list[Party]) -> None:
    alpha, bravo = two
    alpha.declare(operation("OP-1", "alpha"))
    give(alpha, bravo)
    bravo.acknowledge(ref("alpha", "OP-1"))
    bravo.nonce -= 1
    with pytest.raises(RefusedError, match="said before"):
        bravo.acknowledge(ref("alpha", "OP-1"))


def test_a_log_of_a_party_that_is_not_known_is_refused_by_name(two: list[Party]) -> None:
    alpha, bravo = two
    carol, _ = paired("carol", "bravo")
    taken = bravo.take(carol.bundle(bravo, {}))
    assert any("not known here" in refusal.reason for refusal in taken.refusals)
    assert alpha.size(bravo) == 0


def test_after_a_restore_a_node_signs_nothing_until_it_has_its_own_tail_again(two: list[Party]) -> None:
    alpha, bravo = two
    exchange(alpha, bravo)
    before = alpha.store.entries(alpha.name, 0, 10)
    alpha.declare(operation("OP-1", "alpha"))
    exchange(alpha, bravo)
    restored = Party("alpha")
    restored.root, restored.node_key, restored.officer_key = alpha.root, alpha.node_key, alpha.officer_key
    with restored.store.transaction() as transaction:
        for known in alpha.store.parties():
            transaction.pin(known)
        transaction.append_entries(before)
        for cosigned in alpha.store.cosigned(alpha.name):
            transaction.keep_cosigned(cosigned)
        transaction.set_silence("a backup was put in place")
    restored.restart()
    with pytest.raises(SilencedError, match="bravo"):
        restored.declare(operation("OP-2", "alpha", ELSEWHERE))
    give(bravo, restored)
    assert ids(restored) == ["OP-1"]
    give(bravo, restored)  # it has nothing more to give
    restored.declare(operation("OP-2", "alpha", ELSEWHERE))
    taken = give(restored, bravo)
    assert taken.refusals == []
    assert bravo.size(alpha) == 4


def test_a_node_that_hears_of_a_longer_log_of_its_own_fetches_it_before_it_signs(two: list[Party]) -> None:
    alpha, bravo = two
    before = alpha.store.entries(alpha.name, 0, 10)
    alpha.declare(operation("OP-1", "alpha"))
    exchange(alpha, bravo)
    rolled = Party("alpha")
    rolled.root, rolled.node_key, rolled.officer_key = alpha.root, alpha.node_key, alpha.officer_key
    with rolled.store.transaction() as transaction:
        for known in alpha.store.parties():
            transaction.pin(known)
        transaction.append_entries(before)
    rolled.restart()
    tail = bravo.bundle(rolled)
    part = part_of(tail, alpha)
    # What its own key signed is longer, but the entries did not come whole.
    rolled.take(with_part(tail, replace(part, entries=part.entries, first=part.first + 1)))
    rolled.take(tail)
    assert ids(rolled) == ["OP-1"]
    rolled.declare(operation("OP-2", "alpha", ELSEWHERE))
    assert give(rolled, bravo).refusals == []


def test_a_version_number_that_is_used_twice_counts_as_seen_by_nobody() -> None:
    alpha, bravo = paired("alpha", "bravo")
    alpha.declare(operation("OP-1", "alpha"))
    exchange(alpha, bravo)
    bravo.acknowledge(ref("alpha", "OP-1"))
    assert bravo.bench.logs is not None
    ledger = bravo.bench.logs.ledger
    current = ledger.current("alpha", "OP-1")
    assert current is not None
    assert ledger.seen(current.ref)
    statement, _ = bravo.bench.logs._notary.read(bravo.store.entries(alpha.name, 2, 1)[0].jws or b"")
    ledger.take_item(replace(statement, n=3))
    assert not ledger.seen(current.ref)


def test_an_item_that_cannot_be_stated_is_refused_and_nothing_changes(two: list[Party]) -> None:
    alpha, _ = two
    with pytest.raises(InvalidValueError, match="190 characters"):
        alpha.declare(operation("x" * 191, "alpha"))
    alpha.declare(operation("x" * 190, "alpha"))
    assert ids(alpha) == ["x" * 190]


def test_a_receipt_for_another_log_is_kept_but_freezes_nobody() -> None:
    alpha, bravo, carol = paired("alpha", "bravo", "carol")
    liar, _ = paired("alpha", "carol")
    liar.declare(operation("OP-9", "alpha"))
    alpha.declare(operation("OP-1", "alpha"))
    exchange(alpha, bravo)
    give(carol, bravo)
    note = liar.store.heads(liar.name, 3, 1)[0].note
    lie = Notary(carol.name, carol.node_key).cosign(alpha.name, note, 1)
    taken = bravo.take(replace(carol.bundle(bravo), cosignatures=(lie,)))
    assert "either tells two stories" in taken.refusals[0].reason
    assert len(bravo.store.evidence(0, 10)) == 1
    bravo.take(replace(carol.bundle(bravo), cosignatures=(lie,)))
    assert len(bravo.store.evidence(0, 10)) == 1
    bravo.restart()
    alpha.declare(operation("OP-2", "alpha", ELSEWHERE))
    assert give(alpha, bravo).refusals == []


def test_a_receipt_that_is_kept_stays_good_when_the_key_that_signed_it_is_revoked() -> None:
    alpha, bravo, carol = paired("alpha", "bravo", "carol")
    exchange(alpha, bravo)
    old, bravo.node_key = bravo.node_key, SigningKey.generate()
    bravo.act(bravo.granted(bravo.node_key, KeyRole.NODE))
    bravo.restart()
    bravo.revoke(old)
    give(bravo, alpha)
    assert give(bravo, alpha).refusals == []
    assert give(alpha, carol).refusals == []


def test_a_receipt_and_a_word_for_another_story_are_none_for_the_one_that_is_held() -> None:
    alpha, bravo, carol = paired("alpha", "bravo", "carol")
    for one, other in ((alpha, bravo), (alpha, carol), (bravo, carol)):
        exchange(one, other)
    # Alpha tells carol another story than bravo, under the same number.
    twin = twin_of(alpha)
    alpha.declare(operation("OP-1", "alpha"))
    twin.declare(operation("OP-1", "alpha", ELSEWHERE))
    give(alpha, bravo)
    give(twin, carol)
    carol.acknowledge(ref("alpha", "OP-1"))
    carol.say(Objection(item=ref("alpha", "OP-1"), reason="too near"))
    carols = carol.bundle(bravo)
    bravo.take(replace(carols, parts=tuple(p for p in carols.parts if p.party == carol.name)))
    receipts = {each.party: each for each in bravo.coordinated("alpha:OP-1").receipts}
    assert not receipts[carol.name].is_delivered
    assert receipts[carol.name].seen is None
    assert receipts[carol.name].answered is None


def twin_of(party: Party) -> Party:
    """Return another node with the keys of a party, and the log so far."""
    twin = Party(party.name)
    twin.root, twin.node_key, twin.officer_key = party.root, party.node_key, party.officer_key
    with twin.store.transaction() as transaction:
        for known in party.store.parties():
            transaction.pin(known)
            transaction.append_entries(party.store.entries(known.id, 0, 1_000))
        for head in party.store.heads(party.name, 0, 1_000):
            transaction.keep_head(head)
    twin.restart()
    return twin


def test_an_officer_signs_only_by_their_own_name(two: list[Party]) -> None:
    """Whose word it is stands in the log: "seen by Ann" is never said with the key of somebody else."""
    alpha, bravo = two
    alpha.declare(operation("OP-1", "alpha"))
    give(alpha, bravo)
    other = SigningKey.generate()
    bravo.act(bravo.granted(other, KeyRole.OFFICER, "Boris"))
    with pytest.raises(RefusedError, match="is not that of 'Ann'"):
        bravo.say(Acknowledgement(items=(ref("alpha", "OP-1"),)), other)


def test_a_deed_that_names_another_person_than_the_officer_of_its_key_is_refused(two: list[Party]) -> None:
    alpha, bravo = two
    exchange(alpha, bravo)
    deed, at_ms = Objection(item=ref("alpha", "OP-1"), reason="no"), floor_ms(bravo.now)
    jws = sign_deed(
        deed, bravo.officer_key, party=bravo.name, person="Boris", at_ms=at_ms, nonce="somebody-else"
    )
    with pytest.raises(RefusedError, match="is not that of 'Boris', an officer of 'bravo'"):
        bravo.do(lambda declaring: proving_of(declaring).say_deed(jws))
    # Its node may be changed so that it does not look.
    bravo.do(lambda declaring: proving_of(declaring).say(StatementKind.DEED, Signed(jws=jws)))
    held = alpha.size(bravo)
    taken = give(bravo, alpha)
    (refusal,) = taken.refusals
    assert refusal.reason.startswith(f"entry {held} of the log of 'bravo' is signed with ")
    assert refusal.reason.endswith("no key of 'Boris' of that party then")
    assert (taken.spans, alpha.size(bravo)) == ([], held)


# -- messages ---------------------------------------------------------------------------------------


def line_test(party: Party, to: str, valid_s: float = 600.0) -> Message:
    return Message(
        code=Code.LINE_TEST,
        to=PartyId(to),
        priority=Priority.ROUTINE,
        valid_until_ms=floor_ms(party.now) + round(valid_s * 1e3),
    )


def sent(party: Party, message: Message) -> MessageRef:
    party.say(message)
    return MessageRef(party=party.name, n=party.size(party) - 1)


def shown(party: Party, message: MessageRef) -> MessageView:
    assert party.bench.logs is not None
    now_ms = floor_ms(party.now)
    view = Hotlining(logs=party.bench.logs, reading=party.store, now_ms=now_ms).message(message)
    assert view is not None
    return view


def says_signed_at(party: Party, deed: Deed, at_ms: int) -> None:
    jws = sign_deed(deed, party.officer_key, party=party.name, person="Ann", at_ms=at_ms, nonce=f"at-{at_ms}")
    party.do(lambda declaring: proving_of(declaring).say_deed(jws))


def test_what_is_said_to_a_party_that_is_not_known_is_refused(two: list[Party]) -> None:
    alpha, _ = two
    nobody = PartyId("bravoo")
    test = line_test(alpha, "alpha")
    for deed in (
        line_test(alpha, nobody),
        MessagesSeen(messages=(MessageRef(party=nobody, n=3),)),
        Heard(by=nobody, n=3, at_ms=0, message=test),
        LineChange(peer=nobody, is_hold=True, reason="by order"),
        LineChange(peer=nobody, is_hold=False),
    ):
        with pytest.raises(RefusedError, match="'bravoo' is not known here"):
            alpha.say(deed)


@pytest.mark.parametrize("apart_ms", [SIGNED_APART_MAX_MS, -SIGNED_APART_MAX_MS])
def test_a_message_is_taken_only_within_ten_minutes_of_when_it_was_signed(
    two: list[Party], apart_ms: int
) -> None:
    alpha, _ = two
    now_ms, test = floor_ms(alpha.now), line_test(alpha, "bravo", valid_s=3_600.0)
    size = alpha.size(alpha)
    for ms in (apart_ms * 2, apart_ms + (1 if apart_ms > 0 else -1)):
        with pytest.raises(RefusedError, match=rf"signed {abs(ms) // 60_000} min .*sign it again"):
            says_signed_at(alpha, test, now_ms - ms)
    assert alpha.size(alpha) == size
    says_signed_at(alpha, test, now_ms - apart_ms)
    assert alpha.size(alpha) == size + 1


def test_what_is_no_message_may_be_signed_before(two: list[Party]) -> None:
    alpha, bravo = two
    bravo.declare(operation("OP-1", "bravo"))
    exchange(alpha, bravo)
    says_signed_at(alpha, Acknowledgement(items=(ref("bravo", "OP-1"),)), 0)


@pytest.mark.parametrize("valid_s", [-0.001, VALID_MAX_MS / 1e3 + 0.001])
def test_a_message_that_counts_no_more_or_too_long_is_refused(two: list[Party], valid_s: float) -> None:
    alpha, _ = two
    with pytest.raises(InvalidValueError, match=r"valid_until: it must be from now on, and within 31"):
        alpha.say(line_test(alpha, "bravo", valid_s))
    alpha.say(line_test(alpha, "bravo", 0.0))
    alpha.say(line_test(alpha, "bravo", VALID_MAX_MS / 1e3))


def test_a_message_that_came_round_a_third_party_as_a_hash_only_is_not_delivered() -> None:
    alpha, bravo, carol = paired("alpha", "bravo", "carol")
    for one, other in ((alpha, bravo), (bravo, carol), (alpha, carol)):
        exchange(one, other)
    test = sent(alpha, line_test(alpha, "bravo"))
    for giver, taker in ((alpha, carol), (carol, bravo), (bravo, carol), (carol, alpha), (bravo, alpha)):
        give(giver, taker)
    assert alpha.store.first_cosigned(alpha.name, bravo.name, test.n) is not None
    assert bravo.bench.logs is not None
    assert bravo.bench.logs[alpha.name].withheld == {test.n}
    assert not shown(alpha, test).is_delivered
    alpha.take(bravo.bundle(alpha))  # a file tells nothing: anybody may have changed what it asks for
    assert bravo.bench.logs.heads_for(alpha.name)[0] == (alpha.name, test.n)
    bravo.take(alpha.bundle(bravo, dict(bravo.bench.logs.heads_for(alpha.name))), heard=alpha)
    alpha.take(bravo.bundle(alpha))
    assert not shown(alpha, test).is_delivered
    give(bravo, alpha)
    assert (shown(alpha, test).is_delivered, shown(alpha, test).delivered_ms) == (True, None)


def test_a_message_that_was_read_is_delivered_also_after_a_start() -> None:
    alpha, bravo, _ = paired("alpha", "bravo", "carol")
    exchange(alpha, bravo)
    test = sent(alpha, line_test(alpha, "bravo"))
    exchange(alpha, bravo)
    assert shown(alpha, test).is_delivered
    alpha.restart()
    assert not shown(alpha, test).is_delivered  # until that node is heard, or somebody there has read it
    give(bravo, alpha)
    assert shown(alpha, test).is_delivered
    bravo.say(MessagesSeen(messages=(test,)))
    alpha.restart()
    alpha.take(bravo.bundle(alpha))
    assert shown(alpha, test).is_delivered


def test_between_two_parties_what_is_signed_for_is_delivered(two: list[Party]) -> None:
    alpha, bravo = two
    exchange(alpha, bravo)
    test = sent(alpha, line_test(alpha, "bravo"))
    assert not shown(alpha, test).is_delivered
    for giver, taker in ((alpha, bravo), (bravo, alpha)):
        taker.take(giver.bundle(taker))
    alpha.restart()
    view = shown(alpha, test)
    assert (view.is_delivered, view.delivered_ms) == (True, floor_ms(bravo.now) // 1000 * 1000)


def test_what_everybody_may_read_is_delivered_whoever_brought_it() -> None:
    alpha, bravo, carol = paired("alpha", "bravo", "carol")
    urgent = sent(alpha, replace(line_test(alpha, "bravo"), priority=Priority.SAFETY))
    for giver, taker in ((alpha, carol), (carol, bravo), (bravo, carol), (carol, alpha)):
        give(giver, taker)
    assert shown(alpha, urgent).is_delivered
