"""What officers say: the values, and what each of them refuses to be."""

from __future__ import annotations

from typing import Any

import pytest

from keepclear.core.deeds import (
    ACKNOWLEDGED_MAX,
    AGREEMENT_BYTES_MAX,
    CHANGES_BYTES_MAX,
    CHANGES_MAX,
    NONCE_CHARACTERS_MAX,
    PROPOSAL_ID_CHARACTERS_MAX,
    REASON_CHARACTERS_MAX,
    TELEPHONE_CHARACTERS_MAX,
    Acknowledgement,
    AgreementAnswer,
    AgreementProposal,
    Answer,
    Change,
    Deed,
    DeedKind,
    DutyChange,
    Heard,
    LineChange,
    MessagesSeen,
    Objection,
    OutOfPlaceError,
    Proposal,
    Refusal,
    SignedDeed,
    Withdrawal,
    kind_of,
    proposal_id,
    proposer_of,
    refuse,
)
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX, ItemId, PartyId
from keepclear.core.messages import Code
from keepclear.core.refs import VERSION_MAX, ItemRef, MessageRef
from keepclear.core.times import TIME_MAX, floor_ms
from tests.core.hotlines import message, text

NORTH, SOUTH = PartyId("north"), PartyId("south")
DIGEST = "0123456789abcdef" * 4


def ref(party: str = "north", item: str = "A1", version: int = 1) -> ItemRef:
    return ItemRef(party=PartyId(party), id=ItemId(item), version=version)


A, B = ref(), ref("south", "B1", 3)


def proposal(**given: Any) -> Proposal:
    values = {"id": "north/1", "conflict": (A, B), "changes": (Change(item=A, becomes=b"{}"),), **given}
    return Proposal(**values)


def signed(deed: Deed, **given: Any) -> SignedDeed:
    values = {"party": NORTH, "person": "K. Orlov", "at_ms": 1, "nonce": "n", "deed": deed, **given}
    return SignedDeed(**values)


DEEDS: dict[DeedKind, Deed] = {
    DeedKind.ACKNOWLEDGE: Acknowledgement(items=(B, A)),
    DeedKind.OBJECT: Objection(item=B, reason="over the hospital"),
    DeedKind.PROPOSE: proposal(),
    DeedKind.COUNTER: proposal(counters="south/7"),
    DeedKind.ACCEPT: Answer(proposal="south/7", is_accepted=True),
    DeedKind.DECLINE: Answer(proposal="south/7", is_accepted=False, reason="no fuel for it"),
    DeedKind.WITHDRAW_PROPOSAL: Withdrawal(proposal="north/1"),
    DeedKind.PROPOSE_AGREEMENT: AgreementProposal(text=b"{}"),
    DeedKind.ACCEPT_AGREEMENT: AgreementAnswer(digest=DIGEST, is_accepted=True),
    DeedKind.DECLINE_AGREEMENT: AgreementAnswer(digest=DIGEST, is_accepted=False, reason="too wide"),
    DeedKind.HOLD: LineChange(peer=SOUTH, is_hold=True, reason="after the incident of 7 April"),
    DeedKind.RESUME: LineChange(peer=SOUTH, is_hold=False),
    DeedKind.SEND_MESSAGE: text(SOUTH),
    DeedKind.SEE_MESSAGES: MessagesSeen(messages=(MessageRef(party=SOUTH, n=7),)),
    DeedKind.GO_ON_DUTY: DutyChange(is_on=True, is_senior=True, telephone="+1 202 555 0143"),
    DeedKind.GO_OFF_DUTY: DutyChange(is_on=False),
    DeedKind.HEAR_BY_VOICE: Heard(by=SOUTH, n=7, at_ms=1, message=text(NORTH)),
}
MACHINE = message(Code.MACHINE_TEST, SOUTH)


@pytest.mark.parametrize("kind", DeedKind)
def test_every_kind_of_deed_is_told_by_its_value(kind: DeedKind) -> None:
    assert kind_of(DEEDS[kind]) is kind


def test_versions_are_sorted_by_party_then_item_then_version() -> None:
    assert sorted([B, ref(version=2), A, ref("north", "A0", 9)]) == [
        ref("north", "A0", 9), A, ref(version=2), B,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "made"),
    [
        ("party", lambda: ref("")),
        ("party", lambda: ref("p" * (ID_CHARACTERS_MAX + 1))),
        ("id", lambda: ref(item="A\n1")),
        ("version", lambda: ref(version=0)),
        ("version", lambda: ref(version=VERSION_MAX + 1)),
        ("items", lambda: Acknowledgement(items=())),
        ("items", lambda: Acknowledgement(items=(A, B, A))),
        ("messages", lambda: MessagesSeen(messages=())),
        ("messages", lambda: MessagesSeen(messages=(MessageRef(party=NORTH, n=1),) * 2)),
        (
            "messages",
            lambda: MessagesSeen(
                messages=tuple(MessageRef(party=NORTH, n=n) for n in range(ACKNOWLEDGED_MAX + 1))
            ),
        ),
        ("telephone", lambda: DutyChange(is_on=True, telephone="1" * (TELEPHONE_CHARACTERS_MAX + 1))),
        ("telephone", lambda: DutyChange(is_on=True, telephone="1\n2")),
        ("by", lambda: Heard(by=PartyId(""), n=7, at_ms=1, message=text(NORTH))),
        ("n", lambda: Heard(by=SOUTH, n=-1, at_ms=1, message=text(NORTH))),
        ("at", lambda: Heard(by=SOUTH, n=7, at_ms=-1, message=text(NORTH))),
        ("reason", lambda: Objection(item=A, reason="")),
        ("reason", lambda: Objection(item=A, reason="keep \u202eraelc")),
        ("reason", lambda: LineChange(peer=SOUTH, is_hold=True)),
        ("peer", lambda: LineChange(peer=PartyId(""), is_hold=False)),
        ("proposal", lambda: Answer(proposal="7", is_accepted=True)),
        ("proposal", lambda: Withdrawal(proposal="north/")),
        ("reason", lambda: Answer(proposal="south/7", is_accepted=True, reason="\x00")),
        ("digest", lambda: AgreementAnswer(digest=DIGEST[1:], is_accepted=True)),
        ("digest", lambda: AgreementAnswer(digest=DIGEST.upper(), is_accepted=True)),
        ("text", lambda: AgreementProposal(text=b"")),
        ("text", lambda: AgreementProposal(text=b"\xff")),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_field(field: str, made: Any) -> None:
    with pytest.raises(InvalidValueError) as caught:
        made()
    assert caught.value.field == field


def test_every_limit_may_be_reached_and_not_passed() -> None:
    many = tuple(ref(item=f"A{k}") for k in range(ACKNOWLEDGED_MAX + 1))
    assert Acknowledgement(items=many[1:])
    with pytest.raises(InvalidValueError, match=f"{ACKNOWLEDGED_MAX:,}"):
        Acknowledgement(items=many)
    assert Objection(item=A, reason="r" * REASON_CHARACTERS_MAX)
    with pytest.raises(InvalidValueError, match=f"{REASON_CHARACTERS_MAX}"):
        Objection(item=A, reason="r" * (REASON_CHARACTERS_MAX + 1))
    assert AgreementProposal(text=b" " * AGREEMENT_BYTES_MAX)
    with pytest.raises(InvalidValueError, match=f"{AGREEMENT_BYTES_MAX:,}"):
        AgreementProposal(text=b" " * (AGREEMENT_BYTES_MAX + 1))
    changes = tuple(Change(item=each, becomes=b"{}") for each in many[: CHANGES_MAX + 1])
    assert proposal(changes=changes[1:])
    with pytest.raises(InvalidValueError, match=f"{CHANGES_MAX}"):
        proposal(changes=changes)
    assert proposal(changes=(Change(item=A, becomes=b" " * CHANGES_BYTES_MAX),))
    with pytest.raises(InvalidValueError, match=f"{CHANGES_BYTES_MAX:,}"):
        proposal(changes=(Change(item=A, becomes=b" " * CHANGES_BYTES_MAX), Change(item=B, becomes=b" ")))
    longest = proposal_id(PartyId("p" * ID_CHARACTERS_MAX), "n" * 64)
    assert len(longest) == PROPOSAL_ID_CHARACTERS_MAX
    assert Withdrawal(proposal=longest)
    with pytest.raises(InvalidValueError, match=f"{PROPOSAL_ID_CHARACTERS_MAX}"):
        Withdrawal(proposal=longest + "n")
    assert signed(DEEDS[DeedKind.OBJECT], nonce="n" * NONCE_CHARACTERS_MAX, at_ms=floor_ms(TIME_MAX))
    for given in ({"nonce": "n" * (NONCE_CHARACTERS_MAX + 1)}, {"at_ms": floor_ms(TIME_MAX) + 1}):
        with pytest.raises(InvalidValueError):
            signed(DEEDS[DeedKind.OBJECT], **given)


# -- proposals --------------------------------------------------------------------------------------


def test_a_proposal_goes_from_who_its_id_names_to_the_other_party_of_the_conflict() -> None:
    assert (proposal().by, proposal().to) == (NORTH, SOUTH)
    assert (proposal(id="south/1").by, proposal(id="south/1").to) == (SOUTH, NORTH)


def test_a_party_with_a_stroke_in_its_name_keeps_its_ids() -> None:
    fleet = PartyId("north/fleet")
    assert proposer_of(proposal_id(fleet, "1")) == fleet


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("conflict", {"conflict": (B, A)}),
        ("conflict", {"conflict": (A, A)}),
        ("conflict", {"conflict": (A, ref(item="A2"))}),
        ("changes", {"changes": ()}),
        ("changes", {"changes": (Change(item=A, becomes=b"1"), Change(item=A, becomes=b"2"))}),
        ("changes[0].item.party", {"changes": (Change(item=ref("relief"), becomes=b"{}"),)}),
        ("id", {"id": "relief/1"}),
        ("id", {"id": "1"}),
        ("counters", {"counters": "north/0"}),
        ("counters", {"counters": "relief/1"}),
        ("counters", {"counters": ""}),
    ],
)
def test_a_proposal_stays_between_the_two_parties_of_the_conflict(field: str, given: Any) -> None:
    with pytest.raises(InvalidValueError) as caught:
        proposal(**given)
    assert caught.value.field == field


def test_a_proposal_may_change_another_item_of_the_two_parties() -> None:
    assert proposal(changes=(Change(item=ref("south", "B2"), becomes=b"{}"),)).to == SOUTH


# -- who says it ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("party", {"party": PartyId("")}),
        ("person", {"person": ""}),
        ("person", {"person": "K\tO"}),
        ("nonce", {"nonce": ""}),
        ("t", {"at_ms": -1}),
        ("id", {"party": SOUTH, "deed": DEEDS[DeedKind.PROPOSE]}),
        ("peer", {"party": SOUTH, "deed": DEEDS[DeedKind.HOLD]}),
        ("to", {"party": SOUTH, "deed": DEEDS[DeedKind.SEND_MESSAGE]}),
        ("code", {"deed": MACHINE}),
        ("corrects", {"deed": text(SOUTH, corrects=MessageRef(party=PartyId("relief"), n=1))}),
        ("by", {"deed": Heard(by=NORTH, n=7, at_ms=1, message=text(NORTH))}),
        ("by", {"deed": Heard(by=SOUTH, n=7, at_ms=1, message=text(PartyId("relief")))}),
        ("message.code", {"deed": Heard(by=SOUTH, n=7, at_ms=1, message=message(Code.MACHINE_TEST, NORTH))}),
    ],
)
def test_a_deed_is_signed_by_somebody_for_his_own_party(field: str, given: Any) -> None:
    with pytest.raises(InvalidValueError) as caught:
        signed(**{"deed": DEEDS[DeedKind.OBJECT], **given})
    assert caught.value.field == field


def test_a_refusal_says_why() -> None:
    with pytest.raises(OutOfPlaceError, match="answered: 'south' has declined") as caught:
        refuse(Refusal.ANSWERED, "'south' has declined")
    assert caught.value.refusal is Refusal.ANSWERED
