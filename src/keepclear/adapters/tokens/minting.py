"""Tokens of one's own making, to try a service out with: never for one that others rely on.

Who has the key that is made here may be anybody. A service in use trusts the keys of an authority that knows
whom it gives tokens to.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, assert_never

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from keepclear.adapters.token_file import is_open_to_others
from keepclear.adapters.tokens.jwt import CLAIM_CHARACTERS_MAX, TOKEN_LIFETIME_S_MAX, OurAlgorithms
from keepclear.adapters.tokens.public_keys import KEY_SET_BYTES_MAX, RSA_BITS_MIN, Algorithm
from keepclear.core.errors import InvalidValueError

_OWNER_ONLY: Final = 0o600
_FOR_ALL: Final = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Minter:
    """A private key that makes tokens.

    Attributes:
        algorithm: What it signs with.
        key: It.
    """

    algorithm: Algorithm
    key: RSAKey | ECKey | OKPKey = field(repr=False)

    def public_pem(self) -> bytes:
        """Return the public key, as a service is given it to trust."""
        return self.key.as_pem(private=False)

    def public_jwk(self) -> dict[str, Any]:
        """Return the public key for a JWK set."""
        named = {"kid": self.key.thumbprint(), "alg": self.algorithm.value, "use": "sig"}
        return {**self.key.as_dict(private=False), **named}

    def claims(
        self,
        now: datetime,
        *,
        subject: str,
        scopes: Sequence[str],
        audiences: Sequence[str],
        issuer: str,
        lifetime_s: int = TOKEN_LIFETIME_S_MAX,
    ) -> dict[str, Any]:
        """Return what a token says.

        Args:
            now: What time it is.
            subject: Whose it is.
            scopes: What it may do.
            audiences: Whom it is for: the host names that the service is called by.
            issuer: Who says so.
            lifetime_s: For how long.

        Raises:
            InvalidValueError: It would be good for no time or too long, or a text is none that services take.
        """
        if not 0 < lifetime_s <= TOKEN_LIFETIME_S_MAX:
            raise InvalidValueError("lifetime", f"it must be 1 to {TOKEN_LIFETIME_S_MAX:,} s")
        if not (subject and issuer and audiences and all(audiences)):
            raise InvalidValueError("", "a token needs a subject, an issuer and an audience")
        for name, text in (("subject", subject), ("issuer", issuer)):
            if len(text) > CLAIM_CHARACTERS_MAX or not text.isprintable() or text != text.strip():
                reason = f"it must be 1 to {CLAIM_CHARACTERS_MAX} printable characters, no space round them"
                raise InvalidValueError(name, reason)
        issued_s = int(now.timestamp())
        return {
            "iss": issuer,
            "sub": subject,
            "aud": audiences[0] if len(audiences) == 1 else list(audiences),
            "scope": " ".join(scopes),
            "iat": issued_s,
            "nbf": issued_s,
            "exp": issued_s + lifetime_s,
            "jti": secrets.token_hex(16),
        }

    def token(self, claims: dict[str, Any]) -> str:
        """Return a token that says something."""
        header = {"alg": self.algorithm.value, "kid": self.key.thumbprint()}
        return jwt.encode(header, claims, self.key, registry=OurAlgorithms())


def make_minter(algorithm: Algorithm) -> Minter:
    """Make a key."""
    match algorithm:
        case Algorithm.RS256:
            return Minter(algorithm=algorithm, key=RSAKey.generate_key(RSA_BITS_MIN))
        case Algorithm.ES256:
            return Minter(algorithm=algorithm, key=ECKey.generate_key("P-256"))
        case Algorithm.EDDSA:
            return Minter(algorithm=algorithm, key=OKPKey.generate_key("Ed25519"))
        case _:
            assert_never(algorithm)


def public_file_of(file: Path) -> Path:
    """Return where the public key of a private one is: `dev-key.pub.pem` of `dev-key.pem`."""
    return file.with_suffix(".pub.pem")


def write_minter(file: Path, minter: Minter) -> None:
    """Write a key into a new file that only its owner can read, and its public key beside it.

    Raises:
        InvalidValueError: A file exists already, or cannot be written.
    """
    _write_new(file, minter.key.as_pem(private=True), _OWNER_ONLY)
    try:
        write_public(file, minter)
    except InvalidValueError:
        file.unlink()
        raise


def write_public(file: Path, minter: Minter) -> None:
    """Write the public key beside a private one.

    Raises:
        InvalidValueError: The file exists already, or cannot be written.
    """
    _write_new(public_file_of(file), minter.public_pem(), _FOR_ALL)


def load_minter(file: Path) -> Minter:
    """Read a key.

    Raises:
        InvalidValueError: It cannot be read, others can read it, or it is no key that tokens are signed with.
    """
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            data = opened.read(KEY_SET_BYTES_MAX)
    except (OSError, ValueError) as error:
        reason = f"it cannot be read: {getattr(error, 'strerror', None) or error}"
        raise InvalidValueError(str(file), reason) from error
    if is_open_to_others(mode):
        raise InvalidValueError(str(file), f"others can read it; chmod 600 {file}, or make a new key")
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        reason = "it is no private key in PEM, or is locked with a passphrase; name another file"
        raise InvalidValueError(str(file), reason) from error
    if isinstance(key, RSAPrivateKey) and key.key_size >= RSA_BITS_MIN:
        return Minter(algorithm=Algorithm.RS256, key=RSAKey.import_key(key))
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return Minter(algorithm=Algorithm.ES256, key=ECKey.import_key(key))
    if isinstance(key, Ed25519PrivateKey):
        return Minter(algorithm=Algorithm.EDDSA, key=OKPKey.import_key(key))
    reason = "it is a key for none of RS256 (RSA of 2,048 bits or more), ES256 and EdDSA; name another file"
    raise InvalidValueError(str(file), reason)


def _write_new(file: Path, data: bytes, mode: int) -> None:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise InvalidValueError(str(file), "it exists already; move it away first") from None
    except (OSError, ValueError) as error:
        reason = f"it cannot be written: {getattr(error, 'strerror', None) or error}"
        raise InvalidValueError(str(file), reason) from error
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(data)
    except OSError as error:
        file.unlink(missing_ok=True)
        raise InvalidValueError(str(file), f"it cannot be written: {error.strerror or error}") from error
