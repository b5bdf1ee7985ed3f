"""Signing and verifying: Ed25519 by libsodium.

libsodium refuses more than RFC 8032 asks for: public keys and commitments of small order, with which one
signature fits many messages, and any second spelling of a signature or key. So a message, a key and a
signature are good together or not, on every node alike.

Source:
    RFC 8032, section 5.1.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from nacl.bindings import (
    crypto_sign,
    crypto_sign_BYTES,
    crypto_sign_open,
    crypto_sign_PUBLICKEYBYTES,
    crypto_sign_seed_keypair,
    crypto_sign_SEEDBYTES,
)
from nacl.exceptions import BadSignatureError

from keepclear.core.errors import InvalidValueError
from keepclear.core.parties import kid_of

VERIFY_THREADS_MAX: Final = 4
"""So many threads verify at a time, at most."""
_THREADED_MIN: Final = 256  # jobs; below it threads were hardly faster (measured on two cores)


class SigningKey:
    """A private key.

    Args:
        seed: The 32 bytes that it is made from.

    Attributes:
        public: The public key, 32 bytes.
        kid: Its name.

    Raises:
        InvalidValueError: The seed is not of 32 bytes.
    """

    __slots__ = ("_secret", "kid", "public")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != crypto_sign_SEEDBYTES:
            raise InvalidValueError("seed", f"it has {crypto_sign_SEEDBYTES} bytes, not {len(seed)}")
        public, self._secret = crypto_sign_seed_keypair(seed)
        self.public: Final[bytes] = public
        self.kid: Final = kid_of(public)

    @classmethod
    def generate(cls) -> SigningKey:
        """Make a new key."""
        return cls(os.urandom(crypto_sign_SEEDBYTES))

    @property
    def seed(self) -> bytes:
        """What the key is made from, to be kept."""
        return self._secret[:crypto_sign_SEEDBYTES]

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message, 64 bytes; it is the same each time."""
        return crypto_sign(message, self._secret)[:crypto_sign_BYTES]

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid!r})"  # never the key


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether a signature of a message is good.

    Args:
        public: The public key; of any other length than 32 bytes, nothing is good.
        message: The message.
        signature: The signature; of any other length than 64 bytes, it isn't good.
    """
    # libsodium reads as many bytes as it needs, whether they are there or not.
    if len(public) != crypto_sign_PUBLICKEYBYTES or len(signature) != crypto_sign_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, public)
    except BadSignatureError:
        return False
    return True


def verify_many(jobs: Sequence[tuple[bytes, bytes, bytes]]) -> list[bool]:
    """Verify many signatures; libsodium runs beside Python, so several at a time where there are many.

    Args:
        jobs: What `verify` is given: public key, message, signature.

    Returns:
        For each, in the same order, whether it is good.
    """
    threads = min(os.cpu_count() or 1, VERIFY_THREADS_MAX)
    if len(jobs) < _THREADED_MIN or threads == 1:
        return _verified(jobs)
    share = -(-len(jobs) // threads)
    shares = [jobs[start : start + share] for start in range(0, len(jobs), share)]
    with ThreadPoolExecutor(threads) as pool:
        return [good for part in pool.map(_verified, shares) for good in part]


def _verified(jobs: Sequence[tuple[bytes, bytes, bytes]]) -> list[bool]:
    return [verify(*job) for job in jobs]
