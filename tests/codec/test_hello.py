"""The signed request that opens a sync: one spelling, and nothing lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.signing import SigningKey, verify
from keepclear.codec.hello import (
    HELLO_BYTES_MAX,
    HELLO_TYPE,
    NONCE_CHARACTERS_MAX,
    NONCE_CHARACTERS_MIN,
    Hello,
    decode_hello,
    encode_hello,
)
from keepclear.codec.jws import encode_jws
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX, PartyId
from keepclear.core.refs import LOG_ENTRIES_MAX
from keepclear.core.statements import PARTIES_MAX
from keepclear.core.times import TIME_MAX, floor_ms

KEY = SigningKey(bytes(range(32)))
NOON_MS = 1_777_636_800_000
MS_MAX = floor_ms(TIME_MAX)
ALPHA, BRAVO = PartyId("alpha"), PartyId("bravo")
PLAIN = Hello(
    by=ALPHA,
    to=BRAVO,
    nonce="0123456789abcdef",
    at_ms=NOON_MS,
    expires_ms=NOON_MS + 30_000,
    heads=((ALPHA, 12), (BRAVO, 0)),
)
GOLDEN = Path(__file__).parent.parent / "golden" / "hello.txt"
SPELLED = '{"v":1,"by":"a","to":"b","nonce":"0123456789abcdef","t":1,"exp":2,"heads":{"a":1,"b":2}}'


def encode(hello: Hello) -> str:
    return encode_hello(hello, KEY.kid, KEY.sign)


def with_payload(payload: bytes | str) -> str:
    data = payload.encode() if isinstance(payload, str) else payload
    return encode_jws(HELLO_TYPE, KEY.kid, data, KEY.sign)


def test_the_example_is_spelled_as_the_file_has_it_and_read_from_it() -> None:
    payload, text = GOLDEN.read_text(encoding="utf-8").split("\n\n")[1].splitlines()
    assert encode(PLAIN) == text == with_payload(payload)
    read = decode_hello(text)
    assert read.hello == PLAIN
    assert read.kid == KEY.kid
    assert verify(KEY.public, read.signing_input, read.signature)


names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=9).map(PartyId)
nonces = st.from_regex(r"[A-Za-z0-9_-]{16,64}", fullmatch=True)


@st.composite
def hellos(draw: st.DrawFn) -> Hello:
    at_ms, expires_ms = sorted(draw(st.sets(st.integers(0, MS_MAX), min_size=2, max_size=2)))
    heads = draw(st.dictionaries(names, st.integers(0, LOG_ENTRIES_MAX), max_size=4))
    return Hello(
        by=draw(names),
        to=draw(names),
        nonce=draw(nonces),
        at_ms=at_ms,
        expires_ms=expires_ms,
        heads=tuple(sorted(heads.items())),
    )


@given(hellos())
def test_what_is_written_is_read_as_it_was(hello: Hello) -> None:
    text = encode(hello)
    read = decode_hello(text)
    assert decode_hello(text.encode()) == read
    assert read.hello == hello
    assert encode(read.hello) == text


@given(st.text() | st.binary() | st.binary().map(with_payload))
def test_whatever_comes_is_read_or_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidValueError):
        decode_hello(text)


def test_the_spelling_that_the_next_test_spoils_is_taken() -> None:
    assert decode_hello(with_payload(SPELLED)).hello.heads == (("a", 1), ("b", 2))


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("", "breaks off"),
        ("[]", "no request"),
        (SPELLED + "\n", "spelled"),
        (SPELLED.replace('"t":1,"exp":2', '"exp":2,"t":1'), "spelled"),
        (SPELLED.replace('"t":1', '"t":1,"t":1'), "spelled"),
        (SPELLED.replace('"a":1', '"a":1,"a":1'), "spelled"),
        (SPELLED.replace('"a":1,"b":2', '"b":2,"a":1'), "sorted"),
        (SPELLED.replace('"v":1', '"v":2'), "v"),
        (SPELLED.replace('"t":1', '"t":1,"more":1'), "more"),
        (SPELLED.replace('"t":1,', ""), "`t`"),
        (SPELLED.replace('"t":1', '"t":1.0'), "float"),
        (SPELLED.replace('"a":1', '"a":-1'), "heads.a"),
        (SPELLED.replace('"a":1', f'"a":{LOG_ENTRIES_MAX + 1}'), "heads.a"),
        (SPELLED.replace('"a":1', '"a":' + "9" * 4_000), "a number of many digits"),
        (SPELLED.replace('"a":1', '"a":null'), "heads"),
        (SPELLED.encode().replace(b'"a":1', b'"\xff":1'), "UTF-8"),
        (SPELLED.replace('"heads":{', '"heads":' + "[" * 20_000), "heads"),
    ],
)
def test_what_is_malformed_is_refused_with_the_reason(payload: bytes | str, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        decode_hello(with_payload(payload))


def test_a_statement_is_no_request() -> None:
    with pytest.raises(InvalidValueError, match="typ"):
        decode_hello(encode_jws("keepclear-statement", KEY.kid, SPELLED.encode(), KEY.sign))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("by", ""),
        ("to", "a" * (ID_CHARACTERS_MAX + 1)),
        ("to", "a\n"),
        ("nonce", "a" * (NONCE_CHARACTERS_MIN - 1)),
        ("nonce", "a" * (NONCE_CHARACTERS_MAX + 1)),
        ("nonce", "a" * NONCE_CHARACTERS_MIN + "\n"),
        ("nonce", "a" * NONCE_CHARACTERS_MIN + "."),
        ("at_ms", -1),
        ("at_ms", NOON_MS + 30_000),
        ("expires_ms", MS_MAX + 1),
        ("heads", ((BRAVO, 0), (ALPHA, 0))),
        ("heads", ((ALPHA, 0), (ALPHA, 0))),
        ("heads", ((PartyId("\ud800"), 0),)),
        ("heads", ((ALPHA, LOG_ENTRIES_MAX + 1),)),
        ("heads", tuple((PartyId(f"party {n:02}"), 0) for n in range(PARTIES_MAX + 1))),
    ],
)
def test_a_request_out_of_range_cannot_be_made(field: str, value: Any) -> None:
    with pytest.raises(InvalidValueError):
        replace(PLAIN, **{field: value})


def test_the_longest_request_is_taken_and_no_longer_text() -> None:
    many = [PartyId(chr(0x10400 + n) * ID_CHARACTERS_MAX) for n in range(PARTIES_MAX)]
    longest = replace(PLAIN, by=many[0], to=many[1], heads=tuple((party, LOG_ENTRIES_MAX) for party in many))
    text = encode(longest)
    assert decode_hello(text).hello == longest
    assert len(text) > HELLO_BYTES_MAX * 0.9
    with pytest.raises(InvalidValueError, match="over the limit"):
        decode_hello("a" * (HELLO_BYTES_MAX + 1))
    with pytest.raises(InvalidValueError, match="compact JWS"):
        decode_hello("a" * HELLO_BYTES_MAX)
