"""TLS between nodes: version 1.3, both sides with a certificate, and only those that people pinned.

The certificates are self-signed. To trust one lets in whatever its key signed, so the certificate that is
shown is compared with the pinned one as well. TLS keeps secrets; it proves nothing to others.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from hashlib import sha256

from keepclear.adapters.federation.links import Peer
from keepclear.adapters.keys import KeyFolder
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId


def fingerprint_of(certificate: bytes) -> bytes:
    """Return the SHA-256 of a certificate, DER."""
    return sha256(certificate).digest()


def pin_of(peer: Peer) -> bytes:
    """Return the fingerprint of the certificate that a peer must show.

    Raises:
        InvalidValueError: What was pinned is no certificate.
    """
    try:
        return fingerprint_of(ssl.PEM_cert_to_DER_cert(peer.certificate_pem))
    except ValueError as error:
        raise _no_certificate(peer.party, error) from error


def client_context(keys: KeyFolder, peer: Peer) -> ssl.SSLContext:
    """Return what this node calls a peer with.

    Raises:
        InvalidValueError: What was pinned is no certificate, or this node's own cannot be used.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT, keys)
    context.check_hostname = False  # addresses change, and no name in it was checked by anybody
    trust(context, peer)
    return context


def server_context(keys: KeyFolder) -> ssl.SSLContext:
    """Return what this node is called at with; it trusts nobody yet.

    Raises:
        InvalidValueError: The certificate of this node or its key cannot be used.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, keys)
    context.verify_mode = ssl.CERT_REQUIRED
    context.num_tickets = 0  # who comes back is looked at again
    return context


def trust(context: ssl.SSLContext, peer: Peer) -> None:
    """Have a context let in the certificate of a peer, from the next connection on.

    Raises:
        InvalidValueError: What was pinned is no certificate.
    """
    try:
        context.load_verify_locations(cadata=peer.certificate_pem)
    except (ssl.SSLError, ValueError) as error:
        raise _no_certificate(peer.party, error) from error


class Pins:
    """Which certificate is whose."""

    def __init__(self) -> None:
        self._parties: dict[bytes, PartyId] = {}

    def keep(self, peers: Sequence[Peer]) -> None:
        """Know the certificates of these peers and no others."""
        self._parties = {pin_of(peer): peer.party for peer in peers}

    def party_of(self, certificate: bytes) -> PartyId | None:
        """Return whose certificate it is; None for one that nobody pinned."""
        return self._parties.get(fingerprint_of(certificate))


def _context(protocol: int, keys: KeyFolder) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN  # a pinned one needs no authority
    try:
        context.load_cert_chain(keys.tls_certificate, keys.tls_key)
    except ssl.SSLError as error:
        reason = f"it is no certificate with its key in {keys.tls_key} ({error.reason})"
        raise InvalidValueError(str(keys.tls_certificate), reason) from None
    except OSError as error:
        reason = f"it, or {keys.tls_key}, cannot be read: {error.strerror or error}"
        raise InvalidValueError(str(keys.tls_certificate), reason) from None
    return context


def _no_certificate(party: PartyId, error: Exception) -> InvalidValueError:
    return InvalidValueError("peer", f"what was pinned of {party!r} is no certificate: {error}")
