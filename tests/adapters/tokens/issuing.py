"""Issuers of tokens for tests, with keys that are made once."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from keepclear.adapters.tokens.gatekeeper import Gatekeeper, Issuer
from keepclear.adapters.tokens.key_sources import KeySource
from keepclear.adapters.tokens.minting import Minter, make_minter
from keepclear.adapters.tokens.public_keys import Algorithm
from keepclear.testing.clock import ManualClock

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOW_S = int(START.timestamp())
AUDIENCE = "dss.example"
AUTH = "https://auth.example"


@functools.cache
def minter(algorithm: Algorithm = Algorithm.ES256, which: int = 0) -> Minter:
    """Return a key, the same for the same arguments."""
    return make_minter(algorithm)


def jwks(*minters: Minter, **more: Any) -> bytes:
    return json.dumps({"keys": [{**each.public_jwk(), **more} for each in minters]}).encode()


class Shelf:
    """What a source of keys reads: set `data`, or a fault to raise."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.fault: Exception | None = None
        self.read_count = 0

    def read(self) -> bytes:
        self.read_count += 1
        if self.fault is not None:
            raise self.fault
        return self.data


def source_of(data: bytes | Shelf, *, monotonic: Callable[[], float] = lambda: 0.0) -> KeySource:
    """Return a source that was read once, and has no thread."""
    shelf = data if isinstance(data, Shelf) else Shelf(data)
    source = KeySource("auth.pem", shelf.read, every_s=60.0, stale_max_s=3_600.0, monotonic=monotonic)
    source.refresh()
    return source


def keeper(
    *issuers: Issuer, clock: ManualClock | None = None, audiences: Sequence[str] = (AUDIENCE,), **more: bool
) -> Gatekeeper:
    """Return a gatekeeper; by itself it trusts the first ES256 key, whatever the issuer's name."""
    trusted = issuers or (Issuer(name=None, keys=source_of(minter().public_pem())),)
    return Gatekeeper(trusted, audiences, (clock or ManualClock(START)).now, **more)


def claims_of(**changed: Any) -> dict[str, Any]:
    """Return good claims, but for those that are given; None leaves one out."""
    good: dict[str, Any] = {
        "iss": AUTH,
        "sub": "uss1",
        "aud": AUDIENCE,
        "scope": "utm.strategic_coordination",
        "exp": NOW_S + 3_600,
        "nbf": NOW_S,
        "iat": NOW_S,
        "jti": "one",
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def bearer(*, by: Minter | None = None, **changed: Any) -> str:
    """Return a header Authorization with a token."""
    return f"Bearer {(by or minter()).token(claims_of(**changed))}"


def raw(header: bytes | dict[str, Any], payload: bytes | dict[str, Any], by: Minter | None = None) -> str:
    """Return a header with a token whose header and payload are as given, and whose signature is good."""
    from joserfc.jws import JWSRegistry

    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    signed = b".".join(b64(part) for part in parts)
    signer = by or minter()
    signature = JWSRegistry.algorithms[signer.algorithm.value].sign(signed, signer.key)
    return f"Bearer {(signed + b'.' + b64(signature)).decode()}"


def b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
