"""Party cards: read as they were written, strict, and covered by 16 words as far as they are trusted."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.keys import make_tls
from keepclear.codec.cards import (
    ADDRESS_CHARACTERS_MAX,
    CARD_BYTES_MAX,
    CERTIFICATE_BYTES_MAX,
    GRANT_CHARACTERS_MAX,
    PartyCard,
    decode_card,
    encode_card,
    fingerprint,
)
from keepclear.core.check_words import FINGERPRINT_BYTES
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX, PartyId

NOW = datetime(2026, 5, 1, tzinfo=UTC)
CERTIFICATE, OTHER = (make_tls(PartyId("blue"), [], NOW).certificate_pem for _ in range(2))
CARD = PartyCard(
    party=PartyId("blue"),
    name="Blue Air Force",
    root=bytes(range(32)),
    node_key=bytes(range(32, 64)),
    node_grant="e30.e30.c2ln",
    certificate=CERTIFICATE,
    address="blue.example:8443",
)


def pem(der: bytes) -> str:
    import ssl

    return ssl.DER_cert_to_PEM_cert(der)


def sequence(length: int) -> bytes:
    """Return a DER sequence of so many bytes in all."""
    return b"\x30\x82" + (length - 4).to_bytes(2, "big") + bytes(length - 4)


NAMES = st.text(min_size=1, max_size=ID_CHARACTERS_MAX).filter(str.isprintable)


@given(
    NAMES, NAMES, st.binary(min_size=32, max_size=32), st.sampled_from(["", "blue.example:8443", "[::1]:1"])
)
def test_a_card_is_read_as_it_was_written(party: str, name: str, root: bytes, address: str) -> None:
    card = replace(CARD, party=PartyId(party), name=name, root=root, address=address)
    assert decode_card(encode_card(card)) == card
    assert decode_card(encode_card(card).encode()) == card


def test_a_card_is_text_that_people_can_look_at() -> None:
    lines = encode_card(CARD).splitlines()
    assert lines[:3] == ["{", '  "form": "keepclear-card/1",', '  "party": "blue",']
    assert len(lines) == 10


# -- the fingerprint --------------------------------------------------------------------------------


def test_the_fingerprint_is_the_start_of_a_hash_over_what_is_trusted() -> None:
    der = CARD.certificate_der
    covered = b"\0\0\0\x10keepclear-card/1" + b"\0\0\0\x04blue" + b"\0\0\0\x20" + CARD.root
    covered += len(der).to_bytes(4, "big") + der
    assert fingerprint(CARD) == sha256(covered).digest()[:FINGERPRINT_BYTES]


@pytest.mark.parametrize(
    "changes",
    [
        {"party": "bluf"},
        {"root": bytes(32)},
        {"certificate": OTHER},
        {"party": "blue\u0301"},
    ],
)
def test_whatever_is_trusted_changes_the_fingerprint(changes: dict[str, Any]) -> None:
    assert fingerprint(replace(CARD, **changes)) != fingerprint(CARD)


def test_name_and_address_and_the_key_of_the_node_may_change() -> None:
    """The last one is trusted for the signature of the root key only."""
    other = replace(CARD, name="Blue", address="", node_key=bytes(32), node_grant="a.b.c")
    assert fingerprint(other) == fingerprint(CARD)


@given(st.text("ab", min_size=1), st.text("ab", min_size=1), st.binary(min_size=2, max_size=2))
def test_two_cards_with_one_fingerprint_trust_the_same(one: str, two: str, ends: bytes) -> None:
    cards = [
        replace(CARD, party=PartyId(party), root=bytes(31) + end.to_bytes(1, "big"))
        for party, end in ((one, ends[0]), (two, ends[1]))
    ]
    same = (one, ends[0]) == (two, ends[1])
    assert (fingerprint(cards[0]) == fingerprint(cards[1])) == same


# -- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"party": ""}, "party", "1 to 256 printable"),
        ({"party": "a\nb"}, "party", "1 to 256 printable"),
        ({"party": "x" * (ID_CHARACTERS_MAX + 1)}, "party", "1 to 256 printable"),
        ({"name": ""}, "name", "1 to 256 printable"),
        ({"name": "\x1b[2J"}, "name", "1 to 256 printable"),
        ({"root": "00" * 31}, "root", "it must be 64 hexadecimal digits in lower case, not '000000"),
        ({"root": "AB" * 32}, "root", "in lower case"),
        ({"root": " " + "00" * 31 + " "}, "root", "64 hexadecimal digits"),
        ({"node_key": "\u0660" * 64}, "node_key", "64 hexadecimal digits"),
        ({"node_key": CARD.root.hex()}, "node_key", "it is the root key, which must not be on a node"),
        ({"node_grant": ""}, "node_grant", "a compact JWS of up to 8,192 characters"),
        ({"node_grant": "a.b"}, "node_grant", "a compact JWS"),
        ({"node_grant": "a.b.c\n"}, "node_grant", "a compact JWS"),
        ({"node_grant": "a.b." + "c" * (GRANT_CHARACTERS_MAX - 3)}, "node_grant", "a compact JWS"),
        ({"certificate": ""}, "certificate", "one X.509 certificate in PEM"),
        ({"certificate": CERTIFICATE + OTHER}, "certificate", "one X.509 certificate"),
        ({"certificate": "# blue\n" + CERTIFICATE}, "certificate", "nothing beside it"),
        ({"certificate": CERTIFICATE.replace("\n", "\r\n")}, "certificate", "64 characters a line"),
        ({"certificate": CERTIFICATE[:-2]}, "certificate", "one X.509 certificate"),
        ({"certificate": pem(CARD.certificate_der + b"\0")}, "certificate", "one X.509 certificate"),
        ({"certificate": pem(CARD.certificate_der[:-1])}, "certificate", "one X.509 certificate"),
        ({"certificate": pem(b"\x31" + CARD.certificate_der[1:])}, "certificate", "one X.509 certificate"),
        ({"certificate": pem(b"")}, "certificate", "one X.509 certificate"),
        ({"certificate": "é"}, "certificate", "one X.509 certificate"),
        ({"certificate": pem(sequence(CERTIFICATE_BYTES_MAX + 1))}, "certificate", "8,193 bytes are over"),
        ({"address": "blue.example"}, "address", "it must be host:port"),
        ({"address": ":1"}, "address", "it must be host:port"),
        ({"address": "blue.example:0"}, "address", "it must be host:port"),
        ({"address": "blue.example:65536"}, "address", "it must be host:port"),
        ({"address": "blue.example:٣"}, "address", "it must be host:port"),
        ({"address": "::1:1"}, "address", "an IPv6 address in brackets"),
        ({"address": "[:::]:1"}, "address", "an IPv6 address in brackets"),
        ({"address": "https://blue.example:1"}, "address", "it must be host:port"),
        ({"address": "-blue.example:1"}, "address", "it must be host:port"),
        ({"address": "a." * 127 + "aa:65535"}, "address", "it must be host:port"),
        ({"form": "keepclear-card/2"}, "form", "unknown value 'keepclear-card/2'"),
        ({"root": 7}, "root", "expected text"),
        ({"root_key": ""}, "root_key", "unknown field; did you mean 'root'"),
    ],
)
def test_a_value_that_is_none_is_refused_with_its_field(
    changes: dict[str, Any], field: str, reason: str
) -> None:
    fields = json.loads(encode_card(CARD)) | changes
    with pytest.raises(InvalidValueError, match=reason) as caught:
        decode_card(json.dumps(fields))
    assert caught.value.field == field


@pytest.mark.parametrize(
    "name", ["form", "party", "name", "root", "node_key", "node_grant", "certificate", "address"]
)
def test_a_field_that_is_missing_is_named_and_only_the_address_may_be(name: str) -> None:
    fields = json.loads(encode_card(CARD))
    del fields[name]
    if name == "address":
        assert decode_card(json.dumps(fields)).address == ""
        return
    with pytest.raises(InvalidValueError, match=f"{name}: it is missing"):
        decode_card(json.dumps(fields))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is empty"),
        (b"\xff\xfe{\0}\0", "UTF-16"),
        (b'{"party":"\xff"}', "not UTF-8"),
        ('{"party":"\ud800"}', "not UTF-8"),
        (encode_card(CARD)[:-3], "breaks off"),
        ("[]", "expected an object"),
        ("null", "expected an object"),
        (encode_card(CARD).replace("}", ',"root":"00"}'), "the name 'root' stands twice"),
        (encode_card(CARD) + "{}", "this is not JSON"),
        ("[" * 10_000, "nests too deeply|breaks off"),
    ],
)
def test_what_is_no_card_is_refused(text: str | bytes, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        decode_card(text)


@given(st.text() | st.binary())
def test_whatever_comes_is_read_or_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidValueError):
        decode_card(text)


@pytest.mark.parametrize("field", ["root", "node_key"])
def test_a_key_of_another_length_is_none(field: str) -> None:
    changes: dict[str, Any] = {field: bytes(31)}
    with pytest.raises(InvalidValueError, match=f"{field}: a public key has 32 bytes, not 31"):
        replace(CARD, **changes)


def test_values_at_their_limits_are_taken_and_a_longer_card_is_not() -> None:
    card = replace(
        CARD,
        party=PartyId("é" * ID_CHARACTERS_MAX),
        node_grant="a.b." + "c" * (GRANT_CHARACTERS_MAX - 4),
        certificate=pem(sequence(CERTIFICATE_BYTES_MAX)),
        address="a." * 126 + "a:65535",
    )
    assert len(card.address) == ADDRESS_CHARACTERS_MAX
    text = encode_card(card)
    full = text + " " * (CARD_BYTES_MAX - len(text.encode()))
    assert decode_card(full) == card
    with pytest.raises(InvalidValueError, match="32,769 bytes are over the limit of 32,768 for a card"):
        decode_card(full + " ")
