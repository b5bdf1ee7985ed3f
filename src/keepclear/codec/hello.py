"""The signed request that opens a sync: who asks whom, and how far the asker holds each log.

It has one spelling, as statements have. Whose key it is, whether the signature is good, whether it was
meant for this node, has expired or was used before is left to others.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from keepclear.codec.json_errors import decode_json
from keepclear.codec.jws import decode_jws, encode_jws
from keepclear.codec.properties import shown
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX, PartyId
from keepclear.core.refs import LOG_ENTRIES_MAX
from keepclear.core.statements import PARTIES_MAX
from keepclear.core.times import TIME_MAX, floor_ms

HELLO_BYTES_MAX: Final = 100_000
"""No request is longer; the longest names of `PARTIES_MAX` parties fit."""
HELLO_TYPE: Final = "keepclear-pull"
"""The `typ` of the JWS of a request."""
NONCE_CHARACTERS_MIN: Final = 16
"""The shortest nonce."""
NONCE_CHARACTERS_MAX: Final = 64
"""The longest nonce."""

_NONCE: Final = re.compile(rf"[A-Za-z0-9_-]{{{NONCE_CHARACTERS_MIN},{NONCE_CHARACTERS_MAX}}}")
_MS_MAX: Final = floor_ms(TIME_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """A request for what the asker lacks.

    Attributes:
        by: Who asks.
        to: Who is asked.
        nonce: What is used only once, letters, digits, `-` and `_`.
        at_ms: When it was made by the asker's clock, milliseconds since 1970.
        expires_ms: Until when it counts; later than that.
        heads: How many entries of each log the asker holds, sorted by party.

    Raises:
        InvalidValueError: A value is out of range, or the parties are not sorted.
    """

    by: PartyId
    to: PartyId
    nonce: str
    at_ms: int
    expires_ms: int
    heads: tuple[tuple[PartyId, int], ...]

    def __post_init__(self) -> None:
        parties = [party for party, _ in self.heads]
        for field, party in (("by", self.by), ("to", self.to), *(("heads", party) for party in parties)):
            if not (0 < len(party) <= ID_CHARACTERS_MAX and party.isprintable()):
                raise InvalidValueError(field, f"it must be 1 to {ID_CHARACTERS_MAX} printable characters")
        if not _NONCE.fullmatch(self.nonce):
            allowed = f"{NONCE_CHARACTERS_MIN} to {NONCE_CHARACTERS_MAX} letters, digits, - and _"
            raise InvalidValueError("nonce", f"it must be {allowed}")
        if not 0 <= self.at_ms < self.expires_ms <= _MS_MAX:
            raise InvalidValueError("expires_ms", "it must expire after it was made, before the year 2200")
        if len(parties) > PARTIES_MAX or parties != sorted(set(parties)):
            raise InvalidValueError("heads", f"it must name at most {PARTIES_MAX} parties, each once, sorted")
        for party, size in self.heads:
            if not 0 <= size <= LOG_ENTRIES_MAX:
                raise InvalidValueError(f"heads.{party}", f"no log has {shown(size)} entries")


class SignedHello(NamedTuple):
    """A request, with what is needed to check its signature.

    Attributes:
        hello: What is asked.
        kid: The id of the key that is named as the signer's.
        signing_input: The bytes that were signed.
        signature: The signature over them.
    """

    hello: Hello
    kid: str
    signing_input: bytes
    signature: bytes


class _Payload(Struct, forbid_unknown_fields=True):
    v: Literal[1]
    by: str
    to: str
    nonce: str
    t: int
    exp: int
    heads: Annotated[dict[str, int], Meta(max_length=PARTIES_MAX)]


def encode_hello(hello: Hello, kid: str, sign: Callable[[bytes], bytes]) -> str:
    """Sign a request.

    Args:
        hello: What is asked.
        kid: The id of the key.
        sign: Signs bytes with that key.

    Returns:
        The JWS, that `decode_hello` reads to an equal request.

    Raises:
        InvalidValueError: No key can have this id.
    """
    return encode_jws(HELLO_TYPE, kid, _payload_of(hello), sign)


def decode_hello(text: str | bytes) -> SignedHello:
    """Read a request; its signature is not checked here.

    Args:
        text: The JWS.

    Raises:
        InvalidValueError: It is too long, no JWS of a request, not spelled as `encode_hello` spells it, or
            a value in it is out of range.
    """
    if len(text) > HELLO_BYTES_MAX:
        raise InvalidValueError("", f"a request of {len(text)} bytes is over the limit of {HELLO_BYTES_MAX}")
    jws = decode_jws(text, HELLO_TYPE)
    return SignedHello(_hello_of(jws.payload), jws.kid, jws.signing_input, jws.signature)


def _payload_of(hello: Hello) -> bytes:
    heads: dict[str, int] = dict(hello.heads)
    payload = _Payload(1, hello.by, hello.to, hello.nonce, hello.at_ms, hello.expires_ms, heads)
    return msgspec.json.encode(payload)


def _hello_of(payload: bytes) -> Hello:
    try:
        wired = decode_json(payload, _Payload)
    except msgspec.ValidationError as error:
        raise InvalidValueError("", f"this is no request for a sync: {error}") from None
    except UnicodeDecodeError as error:
        raise InvalidValueError("", f"the request is not UTF-8 (byte {error.start})") from None
    hello = Hello(
        by=PartyId(wired.by),
        to=PartyId(wired.to),
        nonce=wired.nonce,
        at_ms=wired.t,
        expires_ms=wired.exp,
        heads=tuple([(PartyId(party), size) for party, size in wired.heads.items()]),
    )
    if _payload_of(hello) != payload:
        reason = "not spelled as requests are: names in order and once each, no spaces, no needless escapes"
        raise InvalidValueError("", reason)
    return hello
