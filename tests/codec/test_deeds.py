"""The payload of deeds: back to the same value, and one clear error for whatever else comes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.codec.deeds import DEED_BYTES_MAX, decode_deed, encode_deed
from keepclear.codec.f3548.volumes import encode_item
from keepclear.core.deeds import (
    ACKNOWLEDGED_MAX,
    AGREEMENT_BYTES_MAX,
    CHANGES_BYTES_MAX,
    Acknowledgement,
    AgreementAnswer,
    AgreementProposal,
    Answer,
    Change,
    Deed,
    DutyChange,
    Heard,
    LineChange,
    MessagesSeen,
    Objection,
    Proposal,
    SignedDeed,
    Withdrawal,
)
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import Message, Speaker
from keepclear.core.refs import VERSION_MAX, ItemRef
from tests.codec.test_messages import messages, places
from tests.strategies import intent, square, volume, zone
from tests.strategies import volumes as volumes_of

NORTH, SOUTH = PartyId("north"), PartyId("south")

printable = st.characters(categories=["L", "M", "N", "P", "S"], include_characters=" ")
texts = st.text(printable, min_size=1, max_size=20)
reasons = st.text(printable, max_size=20)
versions = st.integers(1, VERSION_MAX)
names = texts.map(lambda text: text.replace("/", "|"))


def refs(parties: st.SearchStrategy[str] = texts) -> st.SearchStrategy[ItemRef]:
    return st.builds(ItemRef, party=parties, id=texts, version=versions)


@st.composite
def proposals(draw: st.DrawFn, by: str = "north") -> Proposal:
    conflict = (draw(refs(st.just("north"))), draw(refs(st.just("south"))))
    changed = draw(st.lists(st.sampled_from(conflict), min_size=1, unique=True))
    changes = []
    for item in changed:
        make: Any = draw(st.sampled_from([intent, zone]))
        becomes = encode_item(make(item.id, draw(volumes_of()), party=item.party))
        changes.append(Change(item=item, becomes=becomes))
    other = "south" if by == "north" else "north"
    counters = draw(st.none() | names.map(lambda name: f"{other}/{name}"))
    return Proposal(id=f"{by}/{draw(names)}", conflict=conflict, changes=tuple(changes), counters=counters)


def _is_of_north(said: Message) -> bool:
    return said.to != NORTH and (said.corrects is None or said.corrects.party == NORTH)


ids = st.builds("{}/{}".format, texts, names)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
holds = st.builds(LineChange, peer=texts, is_hold=st.just(True), reason=texts)
resumes = st.builds(LineChange, peer=texts, is_hold=st.just(False), reason=reasons)
deeds: st.SearchStrategy[Deed] = st.one_of(
    st.builds(Acknowledgement, items=st.lists(refs(), min_size=1, max_size=5, unique=True).map(tuple)),
    st.builds(Objection, item=refs(), reason=texts),
    proposals(),
    st.builds(Answer, proposal=ids, is_accepted=st.booleans(), reason=reasons),
    st.builds(Withdrawal, proposal=ids),
    st.builds(AgreementProposal, text=st.text(min_size=1).map(str.encode)),
    st.builds(AgreementAnswer, digest=digests, is_accepted=st.booleans(), reason=reasons),
    holds.filter(lambda line: line.peer != "north"),
    resumes.filter(lambda line: line.peer != "north"),
    messages(Speaker.OFFICER).filter(_is_of_north),
    st.builds(MessagesSeen, messages=st.lists(places, min_size=1, max_size=5, unique=True).map(tuple)),
    st.builds(
        DutyChange, is_on=st.just(True), is_senior=st.booleans(), telephone=st.text(printable, max_size=20)
    ),
    st.just(DutyChange(is_on=False)),
    st.builds(
        Heard,
        by=texts.filter(lambda by: by != "north"),
        n=st.none() | st.integers(0, 2**40 - 1),
        at_ms=st.integers(0, 2**42),
        message=messages(Speaker.OFFICER)
        .filter(lambda said: said.answers is None and said.corrects is None)
        .map(lambda said: replace(said, to=NORTH)),
    ),
)


def written(deed: Deed, **given: Any) -> bytes:
    values = {"party": NORTH, "person": "K. Orlov", "at_ms": 1_777_636_800_000, "nonce": "5f", **given}
    return encode_deed(deed, **values)


@given(deeds, texts, st.integers(0, 4_000_000_000_000), texts)
def test_a_deed_comes_back_as_it_was(deed: Deed, person: str, at_ms: int, nonce: str) -> None:
    payload = encode_deed(deed, party=NORTH, person=person, at_ms=at_ms, nonce=nonce)
    expected = SignedDeed(party=NORTH, person=person, at_ms=at_ms, nonce=nonce, deed=deed)
    assert decode_deed(payload) == expected
    assert encode_deed(deed, party=NORTH, person=person, at_ms=at_ms, nonce=nonce) == payload


def test_a_payload_is_json_that_tools_can_read() -> None:
    payload = written(Answer(proposal="south/7", is_accepted=True))
    assert payload == (
        b'{"v":1,"party":"north","person":"K. Orlov","t":1777636800000,"nonce":"5f",'
        b'"kind":"accept","proposal":"south/7","reason":""}'
    )


A = ItemRef(party=NORTH, id=ItemId("A1"), version=1)
B = ItemRef(party=SOUTH, id=ItemId("B1"), version=3)
BECOMES = encode_item(intent("A1", volume(square(35.0, 36.0, 500.0)), party="north"))
PROPOSED = Proposal(id="north/1", conflict=(A, B), changes=(Change(item=A, becomes=BECOMES),))


def test_the_layout_of_an_item_does_not_matter_to_who_reads() -> None:
    fields = json.loads(written(PROPOSED))
    assert decode_deed(json.dumps(fields, indent=1).encode()).deed == PROPOSED


def changed(path: str, value: Any) -> bytes:
    """Return the payload of a proposal with another value in one place; None takes the place out."""
    fields = json.loads(written(PROPOSED))
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = fields
    for step in steps:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return json.dumps(fields).encode()


LAT = "changes.0.becomes.volumes.0.volume.outline_polygon.vertices.0.lat"


@pytest.mark.parametrize(
    ("path", "value", "field", "reason"),
    [
        ("v", 2, "v", "unknown form 2"),
        ("v", "1", "v", "expected a whole number"),
        ("person", None, "person", "missing"),
        ("party", "south", "id", "cannot propose for"),
        ("nonce", "", "nonce", "printable"),
        ("t", 0.5, "t", "expected a whole number"),
        ("t", -1, "t", "no instant"),
        ("kind", None, "kind", "as text"),
        ("kind", "prupose", "kind", "did you mean 'propose'"),
        ("kind", "hold", "id", "unknown field"),
        ("reason", "", "reason", "unknown field"),
        ("conflict.0.versio", 1, "conflict[0].versio", "did you mean 'version'"),
        ("conflict.1.version", 0, "conflict[1].version", "count from 1"),
        ("conflict", [], "conflict", "two items"),
        ("changes.0.item.id", "", "changes[0].item.id", "printable"),
        ("changes.0.item.id", "A2", "changes[0].becomes.id", "keeps the item what it is"),
        ("changes.0.becomes.party", "south", "changes[0].becomes.party", "'south' is not 'north'"),
        ("changes.0.becomes.party", None, "changes[0].becomes.party", "None is not 'north'"),
        ("changes.0.becomes.volumes", [], "changes[0].becomes.volumes", "at least one"),
        (LAT, 91.0, "changes[0].becomes.volumes[0].volume.outline_polygon.vertices[0].lat", "-90..90"),
        (LAT, "35", "changes[0].becomes.volumes[0].volume.outline_polygon.vertices[0].lat", "a number"),
        ("changes.0.becomes", "text", "changes[0].becomes", "expected an object"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(path: str, value: Any, field: str, reason: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        decode_deed(changed(path, value))
    assert caught.value.field == field
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"),
        (b"[]", "must be an object"),
        (b'{"kind":1}', "as text"),
        (b'{"kind":"accept"', "breaks off"),
        (b'{"kind":"accept","kind":"decline"}', "stands twice"),
        (b'{"kind":"\xff"}', "not UTF-8"),
        (b"[" * 100_000, "nests too deeply"),
        (b'{"kind":"accept","t":1e999}', "out of range"),
        (b" " * (DEED_BYTES_MAX + 1), "over 450,000"),
        (b" " * DEED_BYTES_MAX, "empty"),
    ],
)
def test_what_is_no_deed_is_refused(payload: bytes, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        decode_deed(payload)


@given(st.data())
def test_whatever_is_done_to_a_payload_it_is_read_or_refused(data: st.DataObject) -> None:
    payload = bytearray(written(data.draw(deeds)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(payload) - 1))
        payload[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        signed = decode_deed(bytes(payload))
    except InvalidValueError:
        return
    again = encode_deed(
        signed.deed, party=signed.party, person=signed.person, at_ms=signed.at_ms, nonce=signed.nonce
    )
    assert decode_deed(again) == signed


@pytest.mark.parametrize(
    ("becomes", "reason"),
    [
        (b"{}", "missing"),
        (BECOMES + b" ", "as the API writes"),
        (BECOMES.replace(b"A1", b"A2"), "keeps the item what it is"),
        (b"", "empty"),
    ],
)
def test_an_item_is_checked_before_it_is_signed(becomes: bytes, reason: str) -> None:
    deed = Proposal(id="north/1", conflict=(A, B), changes=(Change(item=A, becomes=becomes),))
    with pytest.raises(InvalidValueError, match=reason) as caught:
        written(deed)
    assert caught.value.field.startswith("changes[0].becomes")


def test_a_deed_as_long_as_the_limit_is_signed_and_a_longer_one_is_not() -> None:
    short = len(written(AgreementProposal(text=b"a")))
    controls, letters = divmod(DEED_BYTES_MAX - short + 1, 6)  # a control character takes six bytes
    assert controls + letters + 1 <= AGREEMENT_BYTES_MAX
    longest = AgreementProposal(text=b"\x00" * controls + b"a" * letters)
    payload = written(longest)
    assert len(payload) == DEED_BYTES_MAX
    assert decode_deed(payload).deed == longest
    with pytest.raises(InvalidValueError, match="say it in parts"):
        written(AgreementProposal(text=longest.text + b"a"))


def test_what_is_usual_fits_by_far() -> None:
    uuid = "5f0c5f0c-0000-4000-8000-00000000"
    items = tuple(
        ItemRef(party=SOUTH, id=ItemId(f"{uuid}{k:04}"), version=1) for k in range(ACKNOWLEDGED_MAX)
    )
    assert len(written(Acknowledgement(items=items))) < DEED_BYTES_MAX / 4
    full = [volume(square(35.0, 36.0, 500.0))] * 1_000
    becomes = encode_item(intent("A1", *full, party="north"))
    assert CHANGES_BYTES_MAX * 0.9 < len(becomes) <= CHANGES_BYTES_MAX
    assert written(Proposal(id="north/1", conflict=(A, B), changes=(Change(item=A, becomes=becomes),)))
