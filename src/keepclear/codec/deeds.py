"""The payload that an officer's key signs: one deed, with who does it and when.

It is JSON: `{"v":1,"party":...,"person":...,"t":ms,"nonce":...,"kind":"accept",...}`, strict: no field
that is not known, none twice, and every value as `core.deeds` wants it.
"""

from __future__ import annotations

from typing import Final, assert_never

import msgspec

from keepclear.codec.f3548 import wire
from keepclear.codec.f3548.volumes import decode_item
from keepclear.codec.json_errors import decode_json, did_you_mean, misfits, refuse_repeated_names, text_of
from keepclear.codec.messages import WireMessage, WireMessageRef, message_of, wire_message
from keepclear.core.deeds import (
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
    Proposal,
    SignedDeed,
    Withdrawal,
    kind_of,
)
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import Message
from keepclear.core.refs import ItemRef, MessageRef

DEED_BYTES_MAX: Final = 450_000
"""The most bytes of a payload; signed twice, it fits into an entry of a log (1,000,000 bytes)."""
_FORM: Final = 1
_ENTRY: Final = msgspec.json.Decoder(wire.Entry)


class _Ref(msgspec.Struct, forbid_unknown_fields=True):
    party: str
    id: str
    version: int


class _Change(msgspec.Struct, forbid_unknown_fields=True):
    item: _Ref
    becomes: wire.Entry


class _Payload(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    v: int
    party: str
    person: str
    t: int
    nonce: str
    kind: str


class _Acknowledge(_Payload, kw_only=True):
    items: list[_Ref]


class _Object(_Payload, kw_only=True):
    item: _Ref
    reason: str


class _Propose(_Payload, kw_only=True):
    id: str
    conflict: list[_Ref]
    changes: list[_Change]


class _Counter(_Propose, kw_only=True):
    counters: str


class _Answer(_Payload, kw_only=True):
    proposal: str
    reason: str


class _Withdraw(_Payload, kw_only=True):
    proposal: str


class _ProposeAgreement(_Payload, kw_only=True):
    text: str


class _AnswerAgreement(_Payload, kw_only=True):
    digest: str
    reason: str


class _Line(_Payload, kw_only=True):
    peer: str
    reason: str


class _Send(_Payload, kw_only=True):
    message: WireMessage


class _See(_Payload, kw_only=True):
    messages: list[WireMessageRef]


class _OnDuty(_Payload, kw_only=True):
    senior: bool
    telephone: str


class _OffDuty(_Payload, kw_only=True):
    pass


class _Hear(_Payload, kw_only=True):
    by: str
    n: int | None
    sent: int
    message: WireMessage


_FORMS: Final[dict[DeedKind, type[_Payload]]] = {
    DeedKind.ACKNOWLEDGE: _Acknowledge,
    DeedKind.OBJECT: _Object,
    DeedKind.PROPOSE: _Propose,
    DeedKind.COUNTER: _Counter,
    DeedKind.ACCEPT: _Answer,
    DeedKind.DECLINE: _Answer,
    DeedKind.WITHDRAW_PROPOSAL: _Withdraw,
    DeedKind.PROPOSE_AGREEMENT: _ProposeAgreement,
    DeedKind.ACCEPT_AGREEMENT: _AnswerAgreement,
    DeedKind.DECLINE_AGREEMENT: _AnswerAgreement,
    DeedKind.HOLD: _Line,
    DeedKind.RESUME: _Line,
    DeedKind.SEND_MESSAGE: _Send,
    DeedKind.SEE_MESSAGES: _See,
    DeedKind.GO_ON_DUTY: _OnDuty,
    DeedKind.GO_OFF_DUTY: _OffDuty,
    DeedKind.HEAR_BY_VOICE: _Hear,
}


def encode_deed(deed: Deed, *, party: PartyId, person: str, at_ms: int, nonce: str) -> bytes:
    """Write a deed as the payload that the officer's key signs.

    Args:
        deed: What is done.
        party: For which party.
        person: Which officer of it.
        at_ms: When, milliseconds since 1970.
        nonce: What makes it one of its kind.

    Raises:
        InvalidValueError: A value cannot be signed, and the field is named; or there is too much of it.
    """
    signed = SignedDeed(party=party, person=person, at_ms=at_ms, nonce=nonce, deed=deed)
    fields = {
        "v": _FORM,
        "party": signed.party,
        "person": signed.person,
        "t": signed.at_ms,
        "nonce": signed.nonce,
        "kind": kind_of(deed).value,
        **_fields(deed),
    }
    payload = msgspec.json.encode(fields)
    _check_size(payload)
    return payload


def _check_size(payload: bytes) -> None:
    if len(payload) > DEED_BYTES_MAX:
        reason = f"a deed of {len(payload):,} bytes is over {DEED_BYTES_MAX:,}; say it in parts"
        raise InvalidValueError("", reason)


def _fields(deed: Deed) -> dict[str, object]:
    match deed:
        case Acknowledgement():
            return {"items": [_wire_ref(ref) for ref in deed.items]}
        case Objection():
            return {"item": _wire_ref(deed.item), "reason": deed.reason}
        case Proposal():
            fields: dict[str, object] = {
                "id": deed.id,
                "conflict": [_wire_ref(ref) for ref in deed.conflict],
                "changes": [_wire_change(change, k) for k, change in enumerate(deed.changes)],
            }
            return fields if deed.counters is None else {**fields, "counters": deed.counters}
        case Answer():
            return {"proposal": deed.proposal, "reason": deed.reason}
        case Withdrawal():
            return {"proposal": deed.proposal}
        case AgreementProposal():
            # As text, not as an object: its digest must not depend on how anybody writes JSON.
            return {"text": deed.text.decode()}
        case AgreementAnswer():
            return {"digest": deed.digest, "reason": deed.reason}
        case LineChange():
            return {"peer": deed.peer, "reason": deed.reason}
        case Message():
            return {"message": wire_message(deed)}
        case MessagesSeen():
            return {"messages": [WireMessageRef(ref.party, ref.n) for ref in deed.messages]}
        case DutyChange():
            return {"senior": deed.is_senior, "telephone": deed.telephone} if deed.is_on else {}
        case Heard():
            return {"by": deed.by, "n": deed.n, "sent": deed.at_ms, "message": wire_message(deed.message)}
        case _:
            assert_never(deed)


def _wire_ref(ref: ItemRef) -> _Ref:
    return _Ref(party=ref.party, id=ref.id, version=ref.version)


def _wire_change(change: Change, index: int) -> _Change:
    path = f"changes[{index}]"
    _check_item(change, path)
    entry = _ENTRY.decode(change.becomes)
    if msgspec.json.encode(entry) != change.becomes:
        raise InvalidValueError(f"{path}.becomes", "it is not written as the API writes items")
    return _Change(item=_wire_ref(change.item), becomes=entry)


def _check_item(change: Change, path: str) -> None:
    """Refuse a change whose text is no item, or another item than the one that changes."""
    reading = decode_item(change.becomes, "")
    if reading.problems:
        problem = reading.problems[0]
        raise InvalidValueError(problem.field, problem.reason).within(f"{path}.becomes")
    (placed,) = reading.placed
    for field, becomes, was in (
        ("id", placed.item.id, change.item.id),
        ("party", placed.item.party, change.item.party),
    ):
        if becomes != was:
            reason = f"{becomes!r} is not {was!r}: a change keeps the item what it is"
            raise InvalidValueError(f"{path}.becomes.{field}", reason)


def decode_deed(payload: bytes) -> SignedDeed:
    """Read the payload of a deed.

    Args:
        payload: What the officer's key signed.

    Raises:
        InvalidValueError: It is no deed; the first field that is wrong is named.
    """
    _check_size(payload)
    text = text_of(payload)
    value = decode_json(text)
    refuse_repeated_names(text)
    kind = _kind_of(value)
    form = _FORMS[kind]
    try:
        told = msgspec.convert(value, form, strict=True)
    except msgspec.ValidationError as error:
        raise next(misfits(value, form), InvalidValueError("", str(error))) from None
    if told.v != _FORM:
        raise InvalidValueError("v", f"unknown form {told.v}; this version reads {_FORM}")
    return SignedDeed(
        party=PartyId(told.party),
        person=told.person,
        at_ms=told.t,
        nonce=told.nonce,
        deed=_deed(told, kind),
    )


def _kind_of(value: object) -> DeedKind:
    if not isinstance(value, dict):
        raise InvalidValueError("", "it must be an object")
    word = value.get("kind")
    if not isinstance(word, str):
        raise InvalidValueError("kind", "it must be the kind of a deed, as text")
    try:
        return DeedKind(word)
    except ValueError:
        known = [kind.value for kind in DeedKind]
        raise InvalidValueError("kind", f"unknown value {word!r}{did_you_mean(word, known)}") from None


def _deed(told: _Payload, kind: DeedKind) -> Deed:
    match told:
        case _Acknowledge():
            return Acknowledgement(items=tuple(_ref(r, f"items[{k}]") for k, r in enumerate(told.items)))
        case _Object():
            return Objection(item=_ref(told.item, "item"), reason=told.reason)
        case _Propose():
            return _proposal(told)
        case _Answer():
            is_accepted = kind is DeedKind.ACCEPT
            return Answer(proposal=told.proposal, is_accepted=is_accepted, reason=told.reason)
        case _Withdraw():
            return Withdrawal(proposal=told.proposal)
        case _ProposeAgreement():
            return AgreementProposal(text=told.text.encode())
        case _AnswerAgreement():
            is_accepted = kind is DeedKind.ACCEPT_AGREEMENT
            return AgreementAnswer(digest=told.digest, is_accepted=is_accepted, reason=told.reason)
        case _Line():
            return LineChange(peer=PartyId(told.peer), is_hold=kind is DeedKind.HOLD, reason=told.reason)
        case _Send():
            return _message(told.message)
        case _See():
            return MessagesSeen(
                messages=tuple(_message_ref(ref, f"messages[{k}]") for k, ref in enumerate(told.messages))
            )
        case _OnDuty():
            return DutyChange(is_on=True, is_senior=told.senior, telephone=told.telephone)
        case _OffDuty():
            return DutyChange(is_on=False)
        case _Hear():
            by = PartyId(told.by)
            return Heard(by=by, n=told.n, at_ms=told.sent, message=_message(told.message))
        case _:
            raise AssertionError(kind)


def _message(told: WireMessage) -> Message:
    try:
        return message_of(told)
    except InvalidValueError as error:
        raise error.within("message") from None


def _message_ref(told: WireMessageRef, path: str) -> MessageRef:
    try:
        return MessageRef(party=PartyId(told.party), n=told.n)
    except InvalidValueError as error:
        raise error.within(path) from None


def _ref(told: _Ref, path: str) -> ItemRef:
    try:
        return ItemRef(party=PartyId(told.party), id=ItemId(told.id), version=told.version)
    except InvalidValueError as error:
        raise error.within(path) from None


def _proposal(told: _Propose) -> Proposal:
    if len(told.conflict) != 2:
        raise InvalidValueError("conflict", f"it must name two items, not {len(told.conflict)}")
    first, second = (_ref(ref, f"conflict[{k}]") for k, ref in enumerate(told.conflict))
    changes = []
    for index, wired in enumerate(told.changes):
        path = f"changes[{index}]"
        item = _ref(wired.item, f"{path}.item")
        changes.append(Change(item=item, becomes=msgspec.json.encode(wired.becomes)))
    proposal = Proposal(
        id=told.id,
        conflict=(first, second),
        changes=tuple(changes),
        counters=told.counters if isinstance(told, _Counter) else None,
    )
    for index, change in enumerate(proposal.changes):  # once it is known that they are not too many
        _check_item(change, f"changes[{index}]")
    return proposal
