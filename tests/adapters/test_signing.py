"""Signatures: those of RFC 8032, verified strictly, many at a time as one by one."""

from __future__ import annotations

import os

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters import signing
from keepclear.adapters.signing import SigningKey, verify, verify_many
from keepclear.core.errors import InvalidValueError
from keepclear.core.parties import kid_of

# RFC 8032, section 7.1, tests 1 and 2: seed, public key, message, the two halves of the signature.
KNOWN = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155",
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
]
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
FIELD_PRIME = 2**255 - 19
# The points of order 1, 2, 4 and 8.
SMALL = [
    bytes.fromhex(text)
    for text in (
        "01" + "00" * 31,
        "ec" + "ff" * 30 + "7f",
        "00" * 32,
        "00" * 31 + "80",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    )
]
KEY = SigningKey(bytes(range(32)))


@pytest.mark.parametrize(("seed", "public", "message", "commitment", "answer"), KNOWN)
def test_signatures_are_those_of_the_standard(
    seed: str, public: str, message: str, commitment: str, answer: str
) -> None:
    key = SigningKey(bytes.fromhex(seed))
    assert key.public.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == commitment + answer
    assert verify(key.public, bytes.fromhex(message), bytes.fromhex(commitment + answer))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_another_implementation_makes_the_same_signature(seed: bytes, message: bytes) -> None:
    key, other = SigningKey(seed), Ed25519PrivateKey.from_private_bytes(seed)
    assert key.sign(message) == other.sign(message)
    assert key.public == other.public_key().public_bytes_raw()
    assert verify(key.public, message, other.sign(message))


@given(st.binary(max_size=100), st.integers(0, 10_000))
def test_a_bit_changed_anywhere_makes_it_bad(message: bytes, place: int) -> None:
    whole = bytearray(KEY.public + KEY.sign(message) + message)
    place %= 8 * len(whole)
    whole[place // 8] ^= 1 << place % 8
    assert not verify(bytes(whole[:32]), bytes(whole[96:]), bytes(whole[32:96]))


@given(st.integers(0, 100), st.integers(0, 200))
def test_a_key_or_signature_of_another_length_is_never_good(key_bytes: int, signature_bytes: int) -> None:
    message = b"hold short"
    public = (KEY.public * 4)[:key_bytes]
    signature = (KEY.sign(message) * 4)[:signature_bytes]
    assert verify(public, message, signature) == (key_bytes == 32 and signature_bytes == 64)


def test_keys_of_small_order_sign_nothing_as_one_signature_of_theirs_fits_many_messages() -> None:
    """With them and S = 0 the equation holds for one message in eight at least; others take that."""
    taken_elsewhere = 0
    for public in SMALL:
        for commitment in SMALL:
            for number in range(4):
                message, signature = bytes([number]), commitment + bytes(32)
                assert not verify(public, message, signature)
                taken_elsewhere += is_good_elsewhere(public, message, signature)
    assert taken_elsewhere > 0


def is_good_elsewhere(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize("y", range(FIELD_PRIME, 2**255))
@pytest.mark.parametrize("sign_bit", [0, 2**255])
def test_a_key_in_a_second_spelling_signs_nothing(y: int, sign_bit: int) -> None:
    public = (y + sign_bit).to_bytes(32, "little")
    for commitment in (*SMALL, public):
        assert not verify(public, b"", commitment + bytes(32))


def test_a_signature_in_a_second_spelling_is_not_good() -> None:
    signature = KEY.sign(b"")
    second = (int.from_bytes(signature[32:], "little") + GROUP_ORDER).to_bytes(32, "little")
    assert verify(KEY.public, b"", signature)
    assert not verify(KEY.public, b"", signature[:32] + second)


@given(st.lists(st.tuples(st.binary(max_size=20), st.booleans()), max_size=30), st.integers(1, 5))
def test_many_are_verified_as_one_by_one(wanted: list[tuple[bytes, bool]], processors: int) -> None:
    jobs = [(KEY.public, message, KEY.sign(message if good else message + b"x")) for message, good in wanted]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, "_THREADED_MIN", 2)
        patch.setattr(os, "cpu_count", lambda: processors)
        assert verify_many(jobs) == [good for _, good in wanted]


def test_a_key_is_made_of_chance_and_made_again_of_its_seed() -> None:
    key = SigningKey.generate()
    assert key.public != SigningKey.generate().public
    assert SigningKey(key.seed).public == key.public
    assert key.kid == kid_of(key.public)


def test_a_key_does_not_show_itself() -> None:
    assert repr(KEY) == f"SigningKey(kid='{KEY.kid}')"
    assert not hasattr(KEY, "__dict__")


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_seed_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(InvalidValueError, match=f"seed: it has 32 bytes, not {length}"):
        SigningKey(bytes(length))
