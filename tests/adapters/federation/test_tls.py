"""Which certificates are let in, and what is said of those that cannot be used."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from keepclear.adapters.federation.links import Peer
from keepclear.adapters.federation.tls import Pins, client_context, pin_of, server_context, trust
from keepclear.adapters.keys import KeyFolder
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from tests.adapters.federation.nodes import Identity


def peer(who: Identity) -> Peer:
    return Peer(party=who.party, certificate_pem=who.card().certificate, address="127.0.0.1:1")


def test_both_sides_speak_only_tls_1_3_and_ask_for_a_certificate(north: Identity, south: Identity) -> None:
    for context in (client_context(north.keys, peer(south)), server_context(north.keys)):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_3
        assert context.verify_mode is ssl.CERT_REQUIRED


def test_a_certificate_is_known_by_its_fingerprint_alone(north: Identity, south: Identity) -> None:
    pins = Pins()
    pins.keep([peer(north)])
    assert pins.party_of(north.card().certificate_der) == "north"
    assert pins.party_of(south.card().certificate_der) is None
    pins.keep([peer(south)])
    assert pins.party_of(north.card().certificate_der) is None


@pytest.mark.parametrize(
    "pem", ["", "junk", "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_is_named(north: Identity, pem: str) -> None:
    bad = Peer(party=PartyId("south"), certificate_pem=pem, address=None)
    with pytest.raises(InvalidValueError, match="of 'south' is no certificate"):
        trust(server_context(north.keys), bad)


def test_a_pin_that_is_no_pem_is_named() -> None:
    with pytest.raises(InvalidValueError, match="of 'south' is no certificate"):
        pin_of(Peer(party=PartyId("south"), certificate_pem="junk", address=None))


def test_a_certificate_of_this_node_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"tls\.pem.*cannot be read"):
        server_context(KeyFolder(tmp_path))


def test_a_key_that_does_not_fit_the_certificate_is_named(
    tmp_path: Path, north: Identity, south: Identity
) -> None:
    keys = KeyFolder(tmp_path)
    keys.tls_certificate.write_bytes(north.keys.tls_certificate.read_bytes())
    keys.tls_key.write_bytes(south.keys.tls_key.read_bytes())
    with pytest.raises(InvalidValueError, match="no certificate with its key"):
        server_context(keys)
