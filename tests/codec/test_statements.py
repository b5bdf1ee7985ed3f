"""Statements as entries of logs: one spelling, and nothing lost."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.signing import SigningKey, verify
from keepclear.codec import statements as statements_module
from keepclear.codec.f3548.volumes import decode_item, encode_item
from keepclear.codec.jws import encode_jws
from keepclear.codec.statements import (
    ENTRY_BYTES_MAX,
    STATEMENT_TYPE,
    TIME_MS_MAX,
    decode_statement,
    encode_statement,
)
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX, ItemId, PartyId
from keepclear.core.merkle import EMPTY_ROOT
from keepclear.core.messages import Code, Message, Priority, Speaker, Step
from keepclear.core.refs import LOG_ENTRIES_MAX, MessageRef
from keepclear.core.statements import (
    ITEM_KINDS,
    PARTIES_MAX,
    Body,
    CoarseSaid,
    Head,
    ItemSaid,
    Signed,
    Statement,
    StatementKind,
)
from tests.codec.test_messages import messages
from tests.strategies import intent, square, volume

KEY = SigningKey(bytes(range(32)))
ALPHA, BRAVO, CHARLIE = PartyId("alpha"), PartyId("bravo"), PartyId("charlie")
NOON_MS = 1_777_636_800_000
HEAD = Head(12, bytes(range(32)))
PLAIN_ITEM = b'{"id":"relief 7"}'
SAID: Final = ItemSaid(id=ItemId("relief 7"), version=1, text=PLAIN_ITEM, is_over=False)
PLAIN: Final = Statement(kind=StatementKind.DECLARED, by=ALPHA, n=1, at_ms=NOON_MS, body=SAID)
GOLDEN = Path(__file__).parent.parent / "golden" / "statements.txt"


def item(item_id: str, state: str) -> bytes:
    return (
        f'{{"id":"{item_id}","volumes":[{{"volume":{{"outline_circle":{{"center":{{"lng":36.25,"lat":35.5}},'
        '"radius":{"value":500.0,"units":"M"}}},"time_start":{"value":"2026-05-01T12:00:00Z","format":"RFC3339"},'
        '"time_end":{"value":"2026-05-01T13:00:00Z","format":"RFC3339"}}],"priority":0,"party":"alpha",'
        f'"kind":"operational_intent","state":"{state}"}}'
    ).encode()


def said(version: int, state: str | None) -> ItemSaid:
    return ItemSaid(
        id=ItemId("relief 7"),
        version=version,
        text=None if state is None else item("relief 7", state),
        is_over=state in (None, "Ended"),
    )


def coarse(text: bytes | None) -> CoarseSaid:
    return CoarseSaid(covers=2, id=ItemId("c1"), text=text)


def alphas(kind: StatementKind, n: int, body: Body) -> Statement:
    return Statement(kind=kind, by=ALPHA, n=n, at_ms=NOON_MS + n, body=body)


SIGNED = Signed(jws="e30.e30.c2lnbmVk")
EXAMPLES: Final[dict[str, Statement]] = {
    "key": alphas(StatementKind.KEY, 0, SIGNED),
    "declared": replace(alphas(StatementKind.DECLARED, 1, said(1, "Accepted")), received=((BRAVO, HEAD),)),
    "amended": replace(
        alphas(StatementKind.AMENDED, 2, said(2, "Accepted")),
        to=(BRAVO, CHARLIE),
        valid_until_ms=NOON_MS + 3_600_000,
        received=((BRAVO, HEAD), (CHARLIE, Head(0, EMPTY_ROOT))),
    ),
    "state_changed": alphas(StatementKind.STATE_CHANGED, 3, said(3, "Ended")),
    "withdrawn": alphas(StatementKind.WITHDRAWN, 4, said(4, None)),
    "deed": alphas(StatementKind.DEED, 5, SIGNED),
    "coarse": alphas(StatementKind.COARSE, 6, coarse(item("c1", "Accepted"))),
    "coarse, over": alphas(StatementKind.COARSE, 7, coarse(None)),
    "message": alphas(
        StatementKind.MESSAGE,
        10,
        Message(
            code=Code.ESCALATED,
            to=BRAVO,
            fields=(
                ("about", MessageRef(party=ALPHA, n=5)),
                ("step", Step.TELEPHONE),
                ("called", "K. Orlov"),
            ),
            priority=Priority.DISTRESS,
            valid_until_ms=NOON_MS + 3_600_000,
        ),
    ),
    "break": alphas(StatementKind.BREAK, 8, SIGNED),
    "beyond ASCII": Statement(
        kind=StatementKind.WITHDRAWN,
        by=PartyId('Красные "1"'),
        n=9,
        at_ms=0,
        body=ItemSaid(id=ItemId("رحلة"), version=1, text=None, is_over=True),
    ),
}


def golden() -> dict[str, tuple[str, str]]:
    """Return payload and entry of each example of the file, by its name."""
    _, *blocks = GOLDEN.read_text(encoding="utf-8").split("\n\n")
    return {name: (payload, entry) for name, payload, entry in (block.split("\n")[:3] for block in blocks)}


def encode(statement: Statement) -> bytes:
    return encode_statement(statement, KEY.kid, KEY.sign)


def payload_of(entry: bytes) -> bytes:
    part = entry.split(b".")[1]
    return base64.urlsafe_b64decode(part + b"==")


def with_payload(payload: bytes | str) -> bytes:
    data = payload.encode() if isinstance(payload, str) else payload
    return encode_jws(STATEMENT_TYPE, KEY.kid, data, KEY.sign).encode()


def test_the_file_of_examples_has_one_of_each_kind_and_no_others() -> None:
    assert golden().keys() == EXAMPLES.keys()
    assert {example.kind for example in EXAMPLES.values()} == set(StatementKind)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_spelled_as_the_file_has_it(name: str) -> None:
    payload, entry = golden()[name]
    written = encode(EXAMPLES[name])
    assert payload_of(written).decode() == payload
    assert written.decode() == entry


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_read_from_the_file(name: str) -> None:
    _, entry = golden()[name]
    read = decode_statement(entry.encode())
    assert read.statement == EXAMPLES[name]
    assert read.kid == KEY.kid
    assert read.signing_input == entry.rpartition(".")[0].encode()
    assert verify(KEY.public, read.signing_input, read.signature)


names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=9)
parties = names.map(PartyId)
ms = st.integers(0, TIME_MS_MAX)
sizes = st.integers(0, LOG_ENTRIES_MAX - 1)
heads = st.builds(Head, sizes, st.binary(min_size=32, max_size=32))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=9,
)


@st.composite
def items(draw: st.DrawFn) -> bytes:
    """Draw the text of an item, in any spelling."""
    value = draw(st.dictionaries(names, json_values, max_size=4))
    if draw(st.booleans()):
        value["state"] = draw(st.sampled_from(["Ended", "Accepted", "", None, 1, ["Ended"]]))
    return json.dumps(
        value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1]))
    ).encode()


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    kind = draw(st.sampled_from(StatementKind))
    body: Body
    if kind in ITEM_KINDS:
        text = None if kind is StatementKind.WITHDRAWN else draw(items())
        is_over = text is None or json.loads(text).get("state") == "Ended"
        body = ItemSaid(
            id=ItemId(draw(names)), version=draw(st.integers(1, LOG_ENTRIES_MAX)), text=text, is_over=is_over
        )
    elif kind is StatementKind.MESSAGE:
        body = draw(messages(Speaker.NODE))
    elif kind is StatementKind.COARSE:
        body = CoarseSaid(covers=draw(sizes), id=ItemId(draw(names)), text=draw(st.none() | items()))
    else:
        body = Signed(jws=draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=1)))
    return Statement(
        kind=kind,
        by=draw(parties),
        to=tuple(sorted(draw(st.sets(parties, max_size=3)))),
        n=draw(sizes),
        at_ms=draw(ms),
        valid_until_ms=draw(st.none() | ms),
        received=tuple(sorted(draw(st.dictionaries(parties, heads, max_size=3)).items())),
        body=body,
    )


@given(statements())
def test_what_is_written_is_read_as_it_was_and_written_the_same_again(statement: Statement) -> None:
    entry = encode(statement)
    read = decode_statement(entry)
    assert read.statement == statement
    assert encode(read.statement) == entry
    assert verify(KEY.public, read.signing_input, read.signature)


@given(statements(), st.data())
def test_any_other_payload_is_refused_or_says_something_else(
    statement: Statement, data: st.DataObject
) -> None:
    payload = payload_of(encode(statement))
    place = data.draw(st.integers(0, len(payload) - 1))
    put = data.draw(st.binary(max_size=2) | st.sampled_from([b" ", b'"', b"{", b",", b"0", b"\\u0061", b"}"]))
    changed = payload[:place] + put + payload[place + data.draw(st.integers(0, 1)) :]
    try:
        read = decode_statement(with_payload(changed))
    except InvalidValueError:
        return
    assert (read.statement == statement) == (changed == payload)


@given(st.binary() | st.binary().map(with_payload))
def test_whatever_comes_is_read_or_refused(entry: bytes) -> None:
    with pytest.raises(InvalidValueError):
        decode_statement(entry)


def test_an_item_comes_back_as_bytes_that_the_reader_of_items_takes() -> None:
    declared = intent("relief 7", volume(square(35.0, 36.0, 500.0)), party="alpha")
    body = ItemSaid(id=declared.id, version=1, text=encode_item(declared), is_over=False)
    read = decode_statement(encode(replace(PLAIN, body=body))).statement.body
    assert isinstance(read, ItemSaid)
    assert read.text is not None
    assert decode_item(read.text, "").placed[0].item == declared


SPELLED = '{"v":1,"type":"declared","by":"alpha","n":1,"t":2,"body":{"id":"a","version":1,"item":{"id":"a"}}}'
DEED = '{"v":1,"type":"deed","by":"alpha","n":1,"t":2,"body":{"deed":"a.b.c"}}'
ROOT = base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")


def test_the_spelling_that_the_next_test_spoils_is_taken() -> None:
    for payload in (SPELLED, DEED, with_received(ROOT)):
        decode_statement(with_payload(payload))


def with_received(root: str) -> str:
    return SPELLED.replace('"body"', f'"received":{{"bravo":[3,"{root}"]}},"body"')


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("", "breaks off"),
        ("[]", "no statement"),
        (SPELLED[:-1], "breaks off"),
        (SPELLED + " ", "spelled"),
        (SPELLED.replace('"n":1', '"n": 1'), "spelled"),
        (SPELLED.replace('"n":1', '"n":1,"n":1'), "spelled"),
        (SPELLED.replace('"n":1,"t":2', '"t":2,"n":1'), "spelled"),
        (SPELLED.replace("alpha", "\\u0061lpha"), "spelled"),
        (SPELLED.replace('"n":1', '"to":[],"n":1'), "spelled"),
        (SPELLED.replace('"body"', '"received":{},"body"'), "spelled"),
        (SPELLED.replace('"body"', '"valid_until":null,"body"'), "valid_until"),
        (SPELLED.replace('"id":"a","version":1', '"version":1,"id":"a"'), "spelled"),
        (SPELLED.replace('"item":{"id":"a"}', '"item": {"id":"a"}'), "spelled"),
        (SPELLED.replace('"n":1', '"n":1,"more":1'), "more"),
        (SPELLED.replace('"version":1', '"version":1,"more":1'), "more"),
        (SPELLED.replace('"n":1,', ""), "`n`"),
        (SPELLED.replace('"n":1', '"n":1.0'), "float"),
        (SPELLED.replace('"n":1', '"n":-1'), "n"),
        (SPELLED.replace('"n":1', f'"n":{LOG_ENTRIES_MAX}'), "no place in a log"),
        (SPELLED.replace('"n":1', '"n":' + "9" * 5_000), "out of range"),
        (SPELLED.replace('"t":2', f'"t":{TIME_MS_MAX + 1}'), "t"),
        (SPELLED.replace('"v":1', '"v":2'), "v"),
        (SPELLED.replace("declared", "denied"), "type"),
        (SPELLED.replace("alpha", ""), "by"),
        (SPELLED.replace("alpha", "a" * (ID_CHARACTERS_MAX + 1)), "by"),
        (SPELLED.replace("alpha", "a\\nb"), "by"),
        (SPELLED.replace('"n":1', '"to":["a\\nb"],"n":1'), "to"),
        (SPELLED.replace('"n":1', '"to":["b","a"],"n":1'), "sorted"),
        (SPELLED.replace('"id":"a","v', '"id":"a\\nb","v'), "body.id"),
        (SPELLED.replace('"version":1', '"version":0'), "version"),
        (SPELLED.replace(',"item":{"id":"a"}', ""), "body.item"),
        (SPELLED.replace('{"id":"a"}', "null"), "body.item"),
        (SPELLED.replace('{"id":"a"}', "[1]"), "body.item"),
        (SPELLED.replace('{"id":"a"}', "{"), "not JSON|breaks off"),
        (SPELLED.replace('{"id":"a"}', '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"), "nests too deeply"),
        (SPELLED.replace("declared", "withdrawn"), "body.item"),
        (SPELLED.replace("declared", "deed"), "deed|unknown field"),
        (SPELLED.replace("declared", "coarse"), "version|covers"),
        (DEED.replace("deed", "key", 1).replace("a.b.c", ""), "deed"),
        (with_received(ROOT[:-1]), "received.bravo"),
        (with_received(ROOT + "="), "spelled"),
        (with_received(ROOT[:-1] + "B"), "spelled"),
        (with_received("é" * 43), "received.bravo"),
        (with_received(ROOT).replace("[3,", "[-1,"), "received"),
        (SPELLED.encode().replace(b'{"id":"a"}', b'{"id":"\xff"}'), "UTF-8"),
        (SPELLED.encode().replace(b"alpha", b"\xff"), "UTF-8"),
    ],
)
def test_what_is_malformed_is_refused_with_the_reason(payload: bytes | str, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        decode_statement(with_payload(payload))


def test_a_jws_of_another_type_is_no_statement() -> None:
    other = encode_jws("keepclear-pull", KEY.kid, SPELLED.encode(), KEY.sign).encode()
    with pytest.raises(InvalidValueError, match="typ"):
        decode_statement(other)


def test_an_item_that_states_its_end_twice_is_not_over() -> None:
    """Which of the two counts is unsure; nothing is taken out of the picture for that."""
    for states in ('"state":"Accepted","state":"Ended"', '"state":"Ended","state":"Ended"'):
        payload = SPELLED.replace('{"id":"a"}', f'{{"id":"a",{states}}}')
        body = decode_statement(with_payload(payload)).statement.body
        assert isinstance(body, ItemSaid)
        assert not body.is_over


@pytest.mark.parametrize(
    "statement",
    [
        replace(PLAIN, at_ms=-1),
        replace(PLAIN, at_ms=TIME_MS_MAX + 1),
        replace(PLAIN, at_ms=2**70),
        replace(PLAIN, valid_until_ms=-1),
        replace(PLAIN, to=(PartyId(""),)),
        replace(PLAIN, to=(PartyId("\ud800"),)),
        replace(PLAIN, received=((PartyId("a\n"), HEAD),)),
        replace(PLAIN, received=((BRAVO, Head(1, bytes(31))),)),
        replace(PLAIN, received=((BRAVO, Head(-1, bytes(32))),)),
        replace(PLAIN, received=((BRAVO, Head(LOG_ENTRIES_MAX + 1, bytes(32))),)),
        replace(PLAIN, body=replace(SAID, version=0)),
        replace(PLAIN, body=replace(SAID, id=ItemId(""))),
        replace(PLAIN, body=replace(SAID, text=None, is_over=True)),
        replace(PLAIN, body=replace(SAID, is_over=True)),
        replace(PLAIN, body=replace(SAID, text=b'{"state":"Ended"}')),
        replace(PLAIN, body=replace(SAID, text=b"")),
        replace(PLAIN, body=replace(SAID, text=b"[]")),
        replace(PLAIN, body=replace(SAID, text=b'{"a":1} ')),
        replace(PLAIN, body=replace(SAID, text=b'{"a":1},"item":{}')),
        replace(PLAIN, body=replace(SAID, text=b'{"a":1}},"v":1')),
        replace(PLAIN, body=replace(SAID, text=b'{"a":"\xff"}')),
        replace(PLAIN, kind=StatementKind.WITHDRAWN),
        replace(PLAIN, kind=StatementKind.DEED, body=Signed(jws="")),
        replace(PLAIN, kind=StatementKind.COARSE, body=CoarseSaid(covers=-1, id=ItemId("a"), text=None)),
    ],
)
def test_what_could_not_be_read_again_is_not_signed(statement: Statement) -> None:
    def never(message: bytes) -> bytes:
        raise AssertionError(message)

    with pytest.raises(InvalidValueError):
        encode_statement(statement, KEY.kid, never)


def test_the_longest_entry_is_taken_and_no_longer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = encode(PLAIN)
    monkeypatch.setattr(statements_module, "ENTRY_BYTES_MAX", len(entry))
    assert decode_statement(encode(PLAIN)).statement == PLAIN
    monkeypatch.setattr(statements_module, "ENTRY_BYTES_MAX", len(entry) - 1)
    for act in (lambda: encode(PLAIN), lambda: decode_statement(entry)):
        with pytest.raises(InvalidValueError, match="over the limit"):
            act()


def test_an_entry_is_never_over_a_million_bytes() -> None:
    text = b'{"a":"' + b"a" * ENTRY_BYTES_MAX + b'"}'
    with pytest.raises(InvalidValueError, match="over the limit of 1000000"):
        encode(replace(PLAIN, body=replace(SAID, text=text)))


def test_as_many_parties_as_there_may_be_can_be_named() -> None:
    many = tuple(PartyId(f"party {number:03}") for number in range(PARTIES_MAX))
    statement = replace(PLAIN, to=many, received=tuple((party, HEAD) for party in many))
    assert decode_statement(encode(statement)).statement == statement
    named = ",".join(f'"party {number:03}"' for number in range(PARTIES_MAX + 1))
    with pytest.raises(InvalidValueError, match="to"):
        decode_statement(with_payload(SPELLED.replace('"n":1', f'"to":[{named}],"n":1')))
    received = json.dumps({f"party {n:03}": [1, ROOT] for n in range(PARTIES_MAX + 1)})
    with pytest.raises(InvalidValueError, match="received"):
        decode_statement(with_payload(SPELLED.replace('"body"', f'"received":{received},"body"')))
