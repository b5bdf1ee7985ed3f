"""The public keys of who issues tokens: read of PEM (keys and certificates) or of a JWK set.

Three algorithms are known, each with keys of one kind only; which one a token may be signed with follows from
the key, never from the token. A certificate is a case for its key: neither its dates nor its issuer count.

Source:
    RFC 7517 (JWK sets); RFC 7518, section 3.1; RFC 8725, sections 3.1 and 3.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, assert_never

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from keepclear.codec.json_errors import decode_json, refuse_repeated_names
from keepclear.codec.properties import shown
from keepclear.core.errors import InvalidValueError

KEY_SET_BYTES_MAX: Final = 262_144
"""The longest file or answer with public keys, bytes."""
ISSUER_KEYS_MAX: Final = 32
"""So many keys a file or a set may hold, those too that are of no use here."""
KID_CHARACTERS_MAX: Final = 256
"""The longest name of a key."""
RSA_BITS_MIN: Final = 2_048
"""No RSA key is shorter (NIST SP 800-131A)."""
RSA_BITS_MAX: Final = 8_192
"""No RSA key is longer: to verify with it would take too long."""

_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,64})-----.*?-----END \1-----", re.DOTALL)
_PRIVATE_MEMBERS: Final = ("d", "k", "p", "q", "dp", "dq", "qi", "oth")
_PRIVATE: Final = (
    "it holds a private or shared key, which only the issuer may have; name a file with its public key"
    " (of a private key in PEM: openssl pkey -in key.pem -pubout -out key.pub.pem)"
)
_NO_KEY: Final = "it holds no key for RS256 (RSA), ES256 (P-256) or EdDSA (Ed25519)"


class Algorithm(Enum):
    """How a token may be signed."""

    RS256 = "RS256"
    """RSA, PKCS #1 v1.5, with SHA-256."""
    ES256 = "ES256"
    """ECDSA on P-256 with SHA-256."""
    EDDSA = "EdDSA"
    """Ed25519."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A public key that tokens may be signed with.

    Attributes:
        kid: Its name; None where it has none, as in PEM: then it may be meant whatever a token names.
        algorithm: The one algorithm that it is for.
        thumbprint: What it is known by, RFC 7638.
        key: It.
    """

    kid: str | None
    algorithm: Algorithm
    thumbprint: str
    key: RSAKey | ECKey | OKPKey = field(repr=False, compare=False)


class KeyRing:
    """The keys of an issuer at one time.

    Args:
        keys: They, at least one.

    Attributes:
        thumbprints: What they are known by.
    """

    def __init__(self, keys: tuple[PublicKey, ...]) -> None:
        self._keys = keys
        self.thumbprints = frozenset(key.thumbprint for key in keys)

    def meant(self, kid: str | None, algorithm: Algorithm) -> list[PublicKey]:
        """Return the keys that a token may be signed with.

        Args:
            kid: The name of the key in the token; None where it names none.
            algorithm: What it says it is signed with.
        """
        return [
            key
            for key in self._keys
            if key.algorithm is algorithm and (kid is None or key.kid is None or key.kid == kid)
        ]


def read_keys(data: bytes) -> KeyRing:
    """Read public keys.

    Args:
        data: PEM with any number of public keys and certificates, or a JWK set, or one JWK.

    Returns:
        Those that tokens may be signed with. Of a JWK set, keys for something else are left aside.

    Raises:
        InvalidValueError: It is too long, neither of these, holds a private key, one that cannot be used in
            PEM, too many keys, or none.
    """
    if len(data) > KEY_SET_BYTES_MAX:
        raise InvalidValueError("", f"it is over the limit of {KEY_SET_BYTES_MAX:,} bytes")
    keys = _of_json(data) if data.lstrip()[:1] in (b"{", b"[") else _of_pem(data)
    if not keys:
        raise InvalidValueError("", _NO_KEY)
    return KeyRing(tuple(keys))


def _check_count(count: int) -> None:
    if count > ISSUER_KEYS_MAX:
        raise InvalidValueError("", f"{count:,} keys are over the limit of {ISSUER_KEYS_MAX}")


# -- PEM ----------------------------------------------------------------------------------------------


def _of_pem(data: bytes) -> list[PublicKey]:
    blocks = [(found[1].decode("ascii"), found[0]) for found in _BLOCK.finditer(data)]
    _check_count(len(blocks))
    if any("PRIVATE KEY" in label for label, _ in blocks) or b"PRIVATE KEY-----" in data:
        raise InvalidValueError("", _PRIVATE)
    if len(blocks) != data.count(b"-----BEGIN "):
        raise InvalidValueError("", "a block of PEM in it is cut off or damaged")
    return [_of_block(label, block) for label, block in blocks]


def _of_block(label: str, block: bytes) -> PublicKey:
    try:
        match label:
            case "PUBLIC KEY" | "RSA PUBLIC KEY":
                return _public_key(load_pem_public_key(block), None)
            case "CERTIFICATE":
                return _public_key(x509.load_pem_x509_certificate(block).public_key(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidValueError("", f"its {label} cannot be read; is it cut off or damaged?") from error
    raise InvalidValueError("", f"it holds a {label}, which is neither a public key nor a certificate")


def _public_key(raw: object, kid: str | None) -> PublicKey:
    """Return a key that tokens may be signed with.

    Raises:
        InvalidValueError: It is of another kind, or too short or too long.
    """
    key: RSAKey | ECKey | OKPKey
    if isinstance(raw, RSAPublicKey):
        if not RSA_BITS_MIN <= raw.key_size <= RSA_BITS_MAX:
            reason = f"its RSA key has {raw.key_size:,} bits, not {RSA_BITS_MIN:,} to {RSA_BITS_MAX:,}"
            raise InvalidValueError("", reason)
        algorithm, key = Algorithm.RS256, RSAKey.import_key(raw)
    elif isinstance(raw, EllipticCurvePublicKey) and isinstance(raw.curve, SECP256R1):
        algorithm, key = Algorithm.ES256, ECKey.import_key(raw)
    elif isinstance(raw, Ed25519PublicKey):
        algorithm, key = Algorithm.EDDSA, OKPKey.import_key(raw)
    else:
        raise InvalidValueError("", _NO_KEY)
    return PublicKey(kid=kid, algorithm=algorithm, thumbprint=key.thumbprint(), key=key)


# -- JWK sets -----------------------------------------------------------------------------------------


def _of_json(data: bytes) -> list[PublicKey]:
    document = decode_json(data)
    refuse_repeated_names(data)
    entries = document
    if isinstance(document, dict):
        entries = document.get("keys", [document] if "kty" in document else None)
    if not (isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)):
        raise InvalidValueError("", 'it is no JWK set: that is {"keys": [...]} with an object for each key')
    _check_count(len(entries))
    for entry in entries:
        if entry.get("kty") == "oct" or any(name in entry for name in _PRIVATE_MEMBERS):
            raise InvalidValueError("", _PRIVATE)
    return [
        _of_jwk(f"keys[{index}]", entry, algorithm)
        for index, entry in enumerate(entries)
        if (algorithm := _algorithm_of(entry)) is not None
    ]


def _algorithm_of(entry: Mapping[str, Any]) -> Algorithm | None:
    """Return what a JWK is for; None if that is not for us (RFC 7517, section 5: to be left aside)."""
    match entry.get("kty"), entry.get("crv"):
        case "RSA", _:
            algorithm = Algorithm.RS256
        case "EC", "P-256":
            algorithm = Algorithm.ES256
        case "OKP", "Ed25519":
            algorithm = Algorithm.EDDSA
        case _:
            return None
    # `Ed25519` is the newer name of the same (RFC 9864); keys may be called so, tokens are not taken by it.
    named = [algorithm.value, *(["Ed25519"] if algorithm is Algorithm.EDDSA else [])]
    if entry.get("alg", algorithm.value) not in named or entry.get("use", "sig") != "sig":
        return None
    operations = entry.get("key_ops", ["verify"])
    return algorithm if isinstance(operations, list) and "verify" in operations else None


def _of_jwk(place: str, entry: Mapping[str, Any], algorithm: Algorithm) -> PublicKey:
    kid = entry.get("kid")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= KID_CHARACTERS_MAX):
        reason = f"it must be text of 1 to {KID_CHARACTERS_MAX} characters, not {shown(kid)}"
        raise InvalidValueError(f"{place}.kid", reason)
    # Only what makes the key: what else a JWK says (x5u, x5c) is not looked at.
    members = {name: entry[name] for name in ("kty", "crv", "n", "e", "x", "y") if name in entry}
    try:
        return _public_key(_imported(members, algorithm), kid)
    except InvalidValueError as error:
        raise InvalidValueError(place, error.reason) from error
    except (JoseError, ValueError, TypeError, KeyError, UnsupportedAlgorithm) as error:
        reason = f"its values make no {members['kty']} key; is it cut off or damaged?"
        raise InvalidValueError(place, reason) from error


def _imported(members: dict[str, Any], algorithm: Algorithm) -> object:
    match algorithm:
        case Algorithm.RS256:
            # Not by `import_key`: of a short one it warns, and we refuse it.
            return RSAKey.binding.import_from_dict(members)
        case Algorithm.ES256:
            return ECKey.import_key(members).public_key
        case Algorithm.EDDSA:
            return OKPKey.import_key(members).public_key
        case _:
            assert_never(algorithm)
