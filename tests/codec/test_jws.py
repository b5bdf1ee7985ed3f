"""Compact JWS: what joserfc makes and takes, in one spelling only."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as judge
from joserfc.jwk import OKPKey

from keepclear.adapters.signing import SigningKey, verify
from keepclear.codec.jws import (
    JWS_BYTES_MAX,
    KID_CHARACTERS_MAX,
    TYP_CHARACTERS_MAX,
    Jws,
    decode_jws,
    encode_jws,
)
from keepclear.core.errors import InvalidValueError

KEY = SigningKey(bytes(range(32)))
TYP = "keepclear-statement"
HEADER = f'{{"alg":"Ed25519","kid":"{KEY.kid}","typ":"{TYP}"}}'


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


JUDGES_KEY = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": b64(KEY.public), "d": b64(KEY.seed)})


def with_header(header: str | bytes) -> str:
    data = header.encode() if isinstance(header, str) else header
    signing_input = f"{b64(data)}.{b64(b'{}')}"
    return f"{signing_input}.{b64(KEY.sign(signing_input.encode()))}"


@given(st.binary(max_size=200), st.booleans())
def test_what_is_encoded_is_decoded_again_and_is_signed(payload: bytes, as_text: bool) -> None:
    text = encode_jws(TYP, KEY.kid, payload, KEY.sign)
    found = decode_jws(text if as_text else text.encode(), TYP)
    signing_input, _, signature = text.rpartition(".")
    assert found == Jws(KEY.kid, payload, signing_input.encode(), KEY.sign(signing_input.encode()))
    assert signature == b64(found.signature)
    assert verify(KEY.public, found.signing_input, found.signature)


@given(st.binary(max_size=200))
def test_the_judge_takes_what_is_encoded(payload: bytes) -> None:
    text = encode_jws(TYP, KEY.kid, payload, KEY.sign)
    found = judge.deserialize_compact(text, JUDGES_KEY, algorithms=["Ed25519"])
    assert found.payload == payload
    assert found.headers() == {"alg": "Ed25519", "kid": KEY.kid, "typ": TYP}


@given(st.binary(min_size=1, max_size=200))
def test_what_the_judge_encodes_is_the_very_same(payload: bytes) -> None:
    header = {"alg": "Ed25519", "kid": KEY.kid, "typ": TYP}
    text = judge.serialize_compact(header, payload, JUDGES_KEY, algorithms=["Ed25519"])
    assert text == encode_jws(TYP, KEY.kid, payload, KEY.sign)
    assert decode_jws(text, TYP).payload == payload


@given(st.binary(max_size=30), st.data())
def test_any_other_text_is_refused_or_says_something_else(payload: bytes, data: st.DataObject) -> None:
    """No two texts say the same: that is what makes the hash of an entry the hash of what it says."""
    text = encode_jws(TYP, KEY.kid, payload, KEY.sign)
    place = data.draw(st.integers(0, len(text) - 1))
    put = data.draw(st.text("ABab01-_.=+/ \n\0é", max_size=2))
    changed = text[:place] + put + text[place + data.draw(st.integers(0, 1)) :]
    try:
        found = decode_jws(changed, TYP)
    except InvalidValueError:
        return
    assert (found == decode_jws(text, TYP)) == (changed == text)
    assert encode_jws(TYP, found.kid, found.payload, lambda _: found.signature) == changed


@given(st.text() | st.binary())
def test_whatever_comes_is_decoded_or_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidValueError):
        decode_jws(text, TYP)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (HEADER.replace("Ed25519", "none"), "alg must be Ed25519, not 'none'"),
        (HEADER.replace("Ed25519", "EdDSA"), "alg must be Ed25519, not 'EdDSA'"),
        (HEADER.replace("Ed25519", "HS256"), "alg must be Ed25519, not 'HS256'"),
        (HEADER.replace('"Ed25519"', "null"), "alg must be Ed25519, not None"),
        (HEADER.replace('"Ed25519"', '["Ed25519"]'), "alg must be Ed25519, not an array"),
        (
            HEADER.replace("}", ',"crit":["exp"]}'),
            "in this order and no others; it has 'alg, kid, typ, crit'",
        ),
        (HEADER.replace("}", ',"jwk":{}}'), "no others; it has 'alg, kid, typ, jwk'"),
        (HEADER.replace(f'"kid":"{KEY.kid}",', ""), "no others; it has 'alg, typ'"),
        ("{}", "no others; it has ''"),
        (json.dumps(dict(reversed(json.loads(HEADER).items()))), "it has 'typ, kid, alg'"),
        (HEADER.replace("}", f',"typ":"{TYP}"}}'), "the name 'typ' stands twice"),
        (HEADER.replace(":", ": "), "without spaces"),
        (HEADER + "\n", "without spaces"),
        (HEADER.replace("kid", r"\u006bid"), "without spaces"),
        (HEADER.replace(KEY.kid, KEY.kid.upper()), "a kid of up to 32 small letters and digits"),
        (HEADER.replace(KEY.kid, ""), "a kid of up to 32"),
        (HEADER.replace(KEY.kid, "k" * (KID_CHARACTERS_MAX + 1)), "a kid of up to 32"),
        (HEADER.replace(f'"{KEY.kid}"', "7"), "a kid of up to 32"),
        (HEADER.replace(TYP, TYP.upper()), "a typ of up to 64"),
        (HEADER.replace(TYP, "t" * (TYP_CHARACTERS_MAX + 1)), "a typ of up to 64"),
        ("[]", "it must be an object, not an array"),
        ("7", "it must be an object, not 7"),
        ("", "breaks off"),
        ("{", "breaks off"),
        (b"\xff\xfe", "characters beyond ASCII"),
        (b'{"\xff":1}', "characters beyond ASCII"),
        ("{'alg'}", "this is not JSON"),
        ("[" * 150, "nests too deeply|breaks off"),
        ("x" * 10_000, "13,334 characters are too long for one"),
    ],
)
def test_any_other_header_is_refused_with_the_reason(header: str | bytes, reason: str) -> None:
    for _ in range(2):  # nothing of it is remembered
        with pytest.raises(InvalidValueError, match=reason) as caught:
            decode_jws(with_header(header), TYP)
        assert caught.value.field == "header"


def test_another_type_is_refused_also_when_the_same_header_was_seen_before() -> None:
    text = encode_jws(TYP, KEY.kid, b"{}", KEY.sign)
    for _ in range(2):
        decode_jws(text, TYP)
        with pytest.raises(InvalidValueError, match=rf"header\.typ: it must be other, not {TYP}"):
            decode_jws(text, "other")


GOOD = with_header(HEADER)


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ("", "", "three parts with two full stops"),
        ("a.b", "", "three parts"),
        (GOOD + ".", "", "three parts"),
        (f" {GOOD}", "header", "b' ' at character 0 is not base64url"),
        (GOOD.replace(".", "=.", 1), "header", "without padding; leave out ="),
        (GOOD + "\n", "signature", r"b'\\n' at character 86 is not base64url"),
        (GOOD + "==", "signature", "without padding"),
        (GOOD[:-1], "signature", "breaks off: 85 characters"),
        (GOOD[:-2], "signature", "a signature has 64 bytes, this one has 63"),
        (GOOD[: GOOD.rindex(".") + 1], "signature", "this one has 0"),
        (GOOD.replace(".e30.", ".e31."), "payload", "its last character has bits that count for nothing"),
        (GOOD.replace(".e30.", ".e.30."), "", "three parts"),
        (GOOD.replace(".e30.", ".e30/."), "payload", "b'/' at character 3"),
        (GOOD.replace(".e30.", ".e+30."), "payload", r"b'\+' at character 1"),
        (GOOD.replace(".e30.", ".e=30."), "payload", "b'=' at character 1"),
        (GOOD.replace(".e30.", ".e30\x00."), "payload", r"b'\\x00' at character 3"),
        (GOOD.replace(".e30.", ".é30."), "", "characters beyond ASCII"),
        (GOOD.replace(".e30.", ".é30.").encode(), "payload", r"b'\\xc3' at character 0"),
    ],
)
def test_any_other_spelling_is_refused_with_the_reason(text: str | bytes, field: str, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason) as caught:
        decode_jws(text, TYP)
    assert caught.value.field == field


def test_the_longest_is_taken_and_a_longer_one_is_not() -> None:
    beside = len(encode_jws(TYP, KEY.kid, b"", KEY.sign))
    most = (JWS_BYTES_MAX - beside) * 3 // 4
    text = encode_jws(TYP, KEY.kid, bytes(most), KEY.sign)
    assert JWS_BYTES_MAX - 2 <= len(text) <= JWS_BYTES_MAX
    assert decode_jws(text, TYP).payload == bytes(most)
    with pytest.raises(InvalidValueError, match=r"4,000,00[1-4] characters are over the limit of 4,000,000"):
        encode_jws(TYP, KEY.kid, bytes(most + 3), KEY.sign)
    with pytest.raises(InvalidValueError, match="over the limit"):
        decode_jws("." * (JWS_BYTES_MAX + 1), TYP)


@pytest.mark.parametrize("typ", ["", "A", "a b", 'a"', "a\\", "-a", "a\n", "t" * (TYP_CHARACTERS_MAX + 1)])
def test_a_type_that_would_need_another_spelling_is_refused(typ: str) -> None:
    with pytest.raises(InvalidValueError, match="no type is"):
        encode_jws(typ, KEY.kid, b"", KEY.sign)


@pytest.mark.parametrize("kid", ["", "x" * (KID_CHARACTERS_MAX + 1), KEY.kid.upper(), '","x":"'])
def test_a_name_that_is_no_keys_is_refused(kid: str) -> None:
    with pytest.raises(InvalidValueError, match="no key is called"):
        encode_jws(TYP, kid, b"", KEY.sign)


def test_a_type_and_a_name_at_the_limits_are_taken() -> None:
    typ, kid = "t" * TYP_CHARACTERS_MAX, "k" * KID_CHARACTERS_MAX
    assert decode_jws(encode_jws(typ, kid, b"", KEY.sign), typ).kid == kid


def test_the_judge_refuses_what_is_signed_with_another_key() -> None:
    text: Any = encode_jws(TYP, KEY.kid, b"{}", SigningKey(bytes(32)).sign)
    found = decode_jws(text, TYP)
    assert not verify(KEY.public, found.signing_input, found.signature)
    with pytest.raises(Exception, match="bad_signature"):
        judge.deserialize_compact(text, JUDGES_KEY, algorithms=["Ed25519"])
