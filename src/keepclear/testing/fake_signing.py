"""Keys that sign fast and prove nothing: for simulations, where nobody tries to break a signature.

They look as `adapters.signing.SigningKey` does from outside. To verify, the seed is needed: it is kept
in a ring that the keys of one simulation share, and that is passed to whoever verifies.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from keepclear.core.parties import PUBLIC_KEY_BYTES, kid_of

SIGNATURE_BYTES: Final = 64
"""The length of a signature, as that of Ed25519."""
_PUBLIC: Final = b"public"


class FakeKey:
    """A private key whose signatures only its ring can verify.

    Args:
        seed: What it is made from, up to 64 bytes.

    Attributes:
        public: The public key, 32 bytes.
        kid: Its name.
    """

    __slots__ = ("_seed", "kid", "public")

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self.public: Final = blake2b(seed, digest_size=PUBLIC_KEY_BYTES, person=_PUBLIC).digest()
        self.kid: Final = kid_of(self.public)

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message, 64 bytes; it is the same each time."""
        return blake2b(message, key=self._seed, digest_size=SIGNATURE_BYTES).digest()


class FakeKeyRing:
    """The keys of one simulation: it makes them, and verifies what they sign."""

    def __init__(self) -> None:
        self._keys: dict[bytes, FakeKey] = {}

    def key(self, seed: bytes) -> FakeKey:
        """Make a key, or return the one of this seed again."""
        key = FakeKey(seed)
        return self._keys.setdefault(key.public, key)

    def verify_many(self, jobs: Sequence[tuple[bytes, bytes, bytes]]) -> list[bool]:
        """Tell of each public key, message and signature whether they are good together."""
        return [
            (key := self._keys.get(public)) is not None and key.sign(message) == signature
            for public, message, signature in jobs
        ]
