"""Which keys of issuers are taken, of PEM and of JWK sets, and what is said of others."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.adapters.tokens.minting import make_minter
from keepclear.adapters.tokens.public_keys import (
    ISSUER_KEYS_MAX,
    KEY_SET_BYTES_MAX,
    Algorithm,
    read_keys,
)
from keepclear.core.errors import InvalidValueError
from tests.adapters.tokens.issuing import START, jwks, minter


def fault(data: bytes) -> str:
    with pytest.raises(InvalidValueError) as caught:
        read_keys(data)
    return str(caught.value)


def certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "auth")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, START, START + timedelta(days=1))
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def pem(raw: Any) -> bytes:
    return bytes(raw.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


# -- PEM ----------------------------------------------------------------------------------------------


def test_a_file_may_hold_several_keys_and_certificates_with_text_between() -> None:
    keys = [minter(algorithm).public_pem() for algorithm in Algorithm]
    ring = read_keys(
        b"old\n" + keys[0] + b"new\r\n" + keys[1].replace(b"\n", b"\r\n") + keys[2] + certificate()
    )
    assert [len(ring.meant("any", algorithm)) for algorithm in Algorithm] == [1, 2, 1]


def test_an_rsa_key_in_its_older_form_is_taken() -> None:
    raw: Any = minter(Algorithm.RS256).key.public_key
    older = raw.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    assert b"RSA PUBLIC KEY" in older
    assert len(read_keys(older).meant(None, Algorithm.RS256)) == 1


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_private_key_is_refused_and_how_to_get_the_public_one_is_told(algorithm: Algorithm) -> None:
    private = make_minter(algorithm).key.as_pem(private=True) if algorithm is not Algorithm.RS256 else None
    private = private or minter(algorithm).key.as_pem(private=True)
    for data in (private, minter().public_pem() + private, private[:-40]):
        assert "openssl pkey" in fault(data)
        assert "private" in fault(data)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "holds no key"),
        (b"hello", "holds no key"),
        (b"\xff" * 100, "holds no key"),
        (minter().public_pem()[:-20], "cut off"),
        (minter().public_pem().replace(b"M", b"!", 1), "cut off or damaged"),
        (minter().public_pem().replace(b"PUBLIC KEY", b"CERTIFICATE"), "cut off or damaged"),
        (minter().public_pem().replace(b"PUBLIC KEY", b"PGP SIGNATURE"), "neither a public key nor a cert"),
        (minter().public_pem() * (ISSUER_KEYS_MAX + 1), "over the limit of 32"),
        (b" " * (KEY_SET_BYTES_MAX + 1), "over the limit of 262,144 bytes"),
        (pem(ec.generate_private_key(ec.SECP384R1()).public_key()), "no key for RS256"),
        (pem(ed448.Ed448PrivateKey.generate().public_key()), "no key for RS256"),
        (pem(rsa.generate_private_key(65537, 1_024).public_key()), "1,024 bits"),
    ],
)
def test_pem_that_cannot_be_used_is_refused_with_the_reason(data: bytes, told: str) -> None:
    assert told in fault(data)


# -- JWK sets -----------------------------------------------------------------------------------------


def test_a_set_gives_the_key_that_a_token_names_and_those_without_a_name() -> None:
    first, second = minter(Algorithm.ES256, 1), minter(Algorithm.ES256, 2)
    entries = [first.public_jwk(), second.public_jwk() | {"kid": None}]
    del entries[1]["kid"]
    ring = read_keys(json.dumps({"keys": entries}).encode())
    assert len(ring.meant(entries[0]["kid"], Algorithm.ES256)) == 2
    assert len(ring.meant("other", Algorithm.ES256)) == 1
    assert len(ring.meant(None, Algorithm.ES256)) == 2
    assert ring.meant(None, Algorithm.RS256) == []


def test_one_jwk_alone_is_a_set_of_one() -> None:
    assert len(read_keys(json.dumps(minter().public_jwk()).encode()).meant(None, Algorithm.ES256)) == 1


def test_keys_for_something_else_are_left_aside() -> None:
    good = minter().public_jwk()
    others: list[dict[str, Any]] = [
        {"kty": "AKP", "alg": "ML-DSA-44"},
        {"kty": ["EC"]},
        {},
        good | {"use": "enc"},
        good | {"alg": "ES384"},
        good | {"crv": "P-384"},
        good | {"key_ops": ["sign"]},
        minter(Algorithm.RS256).public_jwk() | {"alg": "PS256"},
    ]
    ring = read_keys(json.dumps({"keys": [*others, good]}).encode())
    assert [len(ring.meant(None, algorithm)) for algorithm in Algorithm] == [0, 1, 0]
    assert "holds no key" in fault(json.dumps({"keys": others}).encode())


def test_an_ed25519_key_may_be_called_by_its_newer_name() -> None:
    data = jwks(minter(Algorithm.EDDSA), alg="Ed25519")
    assert len(read_keys(data).meant(None, Algorithm.EDDSA)) == 1


def test_a_set_with_a_private_or_shared_key_is_refused_whole() -> None:
    for entry in (minter().key.as_dict(private=True), {"kty": "oct", "k": "c2VjcmV0"}, {"kty": "oct"}):
        assert "private or shared" in fault(json.dumps({"keys": [minter().public_jwk(), entry]}).encode())


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"{", "breaks off"),
        (b"{}", "no JWK set"),
        (b"[]", "holds no key"),
        (b'{"keys":{}}', "no JWK set"),
        (b'{"keys":[1]}', "no JWK set"),
        (b'{"keys":[],"keys":[]}', "stands twice"),
        (b"[" * 100_000, "nests too deeply"),
        (b'{"keys":[' + b",".join([b"{}"] * (ISSUER_KEYS_MAX + 1)) + b"]}", "over the limit"),
        (jwks(minter(), kid=7), "keys[0].kid"),
        (jwks(minter(), kid="k" * 300), "keys[0].kid"),
        (jwks(minter(), x="AAAA"), "keys[0]: its values make no EC key"),
        (jwks(minter(), x="\u00e9"), "keys[0]: its values make no EC key"),
        (jwks(minter(), x=None), "keys[0]: its values make no EC key"),
        (jwks(minter(Algorithm.RS256), n="AQAB"), "keys[0]"),
        (jwks(minter(Algorithm.RS256), n="/w"), "keys[0]"),
        (jwks(minter(Algorithm.RS256), e=""), "keys[0]"),
        (jwks(minter(Algorithm.RS256), e=3), "keys[0]"),
        (jwks(minter(Algorithm.EDDSA), x="AA"), "keys[0]"),
    ],
)
def test_a_set_that_cannot_be_used_is_refused_with_the_reason(data: bytes, told: str) -> None:
    assert told in fault(data)


_VALUE = st.none() | st.integers() | st.text(max_size=8) | st.lists(st.text(max_size=6), max_size=2)


@pytest.mark.slow
@example(Algorithm.RS256, {"alg": ["RS256"]})
@given(
    st.sampled_from(Algorithm),
    st.dictionaries(
        st.sampled_from(["kty", "crv", "n", "e", "x", "y", "kid", "use", "alg", "key_ops"]),
        _VALUE,
        max_size=3,
    ),
)
def test_any_jwk_is_taken_or_refused_and_never_a_fault(algorithm: Algorithm, changed: dict[str, Any]) -> None:
    entry = minter(algorithm).public_jwk() | changed
    try:
        read_keys(json.dumps({"keys": [entry]}).encode())
    except InvalidValueError as error:
        assert error.reason  # noqa: PT017  # either may be


@given(st.binary(max_size=300), st.integers(0, 400))
def test_any_bytes_are_taken_or_refused_and_never_a_fault(data: bytes, at: int) -> None:
    for whole in (data, minter().public_pem()[:at] + data + minter().public_pem()[at:]):
        try:
            read_keys(whole)
        except InvalidValueError as error:
            assert error.reason  # noqa: PT017  # either may be
