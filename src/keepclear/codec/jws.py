"""Compact JWS with one algorithm and one spelling: what is signed has exactly one text.

The header is `{"alg":"Ed25519","kid":"...","typ":"..."}`, byte for byte, so nothing in it can ask a
reader for another algorithm, a key of the sender's own, or a rule that the reader does not know. Whether
the signature is good is left to others: nothing here knows a key.

Source:
    RFC 7515, section 7.1; RFC 9864, section 2.2 (`Ed25519`); RFC 8725, sections 3.1 and 3.11.
"""

from __future__ import annotations

import functools
import re
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from keepclear.codec.json_errors import decode_json, refuse_repeated_names
from keepclear.codec.properties import shown
from keepclear.core.errors import InvalidValueError

JWS_BYTES_MAX: Final = 4_000_000
"""The longest compact JWS, in characters, each of one byte."""
KID_CHARACTERS_MAX: Final = 32
"""The longest name of a key."""
TYP_CHARACTERS_MAX: Final = 64
"""The longest type that a header may state."""
SIGNATURE_BYTES: Final = 64
"""The length of a signature (Ed25519)."""

_ALG: Final = "Ed25519"
_HEADER: Final = re.compile(
    rf'\{{"alg":"{_ALG}","kid":"([0-9a-z]{{1,{KID_CHARACTERS_MAX}}})",'
    rf'"typ":"([a-z0-9][a-z0-9.+/-]{{0,{TYP_CHARACTERS_MAX - 1}}})"\}}'
)
_HEADERS_KEPT: Final = 1_024
_HEADER_CHARACTERS_MAX: Final = 256  # of the longest header there is, and more
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
_OF_URL: Final = re.compile(rb"[A-Za-z0-9_-]*")


class Jws(NamedTuple):
    """A compact JWS, taken apart. Its signature has not been verified.

    Attributes:
        kid: The name of the key that it says it is signed with.
        payload: What it says.
        signing_input: What the signature is over.
        signature: The signature, 64 bytes.
    """

    kid: str
    payload: bytes
    signing_input: bytes
    signature: bytes


def encode_jws(typ: str, kid: str, payload: bytes, sign: Callable[[bytes], bytes]) -> str:
    """Sign a payload.

    Args:
        typ: What the payload is, for example `keepclear-statement`; a reader takes no other for it.
        kid: The name of the key.
        payload: The payload.
        sign: Signs with that key (Ed25519), for example `SigningKey.sign`.

    Returns:
        The compact JWS.

    Raises:
        InvalidValueError: The type or the name is no such thing, or it would be over `JWS_BYTES_MAX`.
    """
    signing_input = _header(typ, kid) + b"." + _encoded(payload)
    signature = sign(signing_input)
    assert len(signature) == SIGNATURE_BYTES
    text = signing_input + b"." + _encoded(signature)
    _check_length(len(text))
    return text.decode("ascii")


def decode_jws(text: str | bytes, typ: str) -> Jws:
    """Take a compact JWS apart.

    Args:
        text: The JWS.
        typ: What its payload must be.

    Returns:
        Its parts; `encode_jws` makes the same text of them again. The signature is not verified.

    Raises:
        InvalidValueError: It is too long, no JWS, of another type or algorithm, or spelt otherwise.
    """
    _check_length(len(text))
    if isinstance(text, str):
        if not text.isascii():
            raise InvalidValueError("", "it is no compact JWS: it has characters beyond ASCII")
        text = text.encode("ascii")
    parts = text.split(b".", 3)
    if len(parts) != 3:
        reason = "it must be three parts with two full stops between them (header, payload, signature)"
        raise InvalidValueError("", f"it is no compact JWS: {reason}")
    header, payload, signature = parts
    kid = _kid_of_header(header, typ)
    decoded = _decoded("signature", signature)
    if len(decoded) != SIGNATURE_BYTES:
        reason = f"a signature has {SIGNATURE_BYTES} bytes, this one has {len(decoded)}"
        raise InvalidValueError("signature", reason)
    return Jws(kid, _decoded("payload", payload), text[: -len(signature) - 1], decoded)


def _check_length(characters: int) -> None:
    if characters > JWS_BYTES_MAX:
        reason = f"{characters:,} characters are over the limit of {JWS_BYTES_MAX:,}"
        raise InvalidValueError("", reason)


@functools.lru_cache(_HEADERS_KEPT)
def _header(typ: str, kid: str) -> bytes:
    """Return the first part of a JWS; the last ones are kept, as there are few keys.

    Raises:
        InvalidValueError: The type or the name is no such thing.
    """
    header = f'{{"alg":"{_ALG}","kid":"{kid}","typ":"{typ}"}}'
    if not _HEADER.fullmatch(header):
        raise InvalidValueError("header", f"no key is called {shown(kid)}, or no type is {shown(typ)}")
    return _encoded(header.encode("ascii"))


@functools.lru_cache(_HEADERS_KEPT)
def _kid_of_header(part: bytes, typ: str) -> str:
    """Return the name of the key in a header; the last ones are kept, those that were refused are not.

    Raises:
        InvalidValueError: It is not as it must be.
    """
    if len(part) > _HEADER_CHARACTERS_MAX:
        raise InvalidValueError("header", f"{len(part):,} characters are too long for one")
    header = _decoded("header", part)
    found = _HEADER.fullmatch(header.decode("latin-1"))
    if found is None:
        raise InvalidValueError("header", _fault_of_header(header))
    if found[2] != typ:
        raise InvalidValueError("header.typ", f"it must be {typ}, not {found[2]}")
    return found[1]


def _fault_of_header(header: bytes) -> str:
    """Tell what is wrong with a header that is not as it must be."""
    if not header.isascii():
        return "it has characters beyond ASCII"
    try:
        fields: Any = decode_json(header)
        refuse_repeated_names(header)
    except InvalidValueError as error:
        return error.reason
    if not isinstance(fields, dict):
        return f"it must be an object, not {shown(fields)}"
    if fields.get("alg", _ALG) != _ALG:
        return f"alg must be {_ALG}, not {shown(fields['alg'])}"
    if list(fields) != ["alg", "kid", "typ"]:
        return f"it must have alg, kid, typ, in this order and no others; it has {shown(', '.join(fields))}"
    return (
        f"it must be written without spaces, with a kid of up to {KID_CHARACTERS_MAX} small letters and "
        f"digits and a typ of up to {TYP_CHARACTERS_MAX} of them and . + / -"
    )


def _encoded(data: bytes) -> bytes:
    return b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL)


def _decoded(field: str, part: bytes) -> bytes:
    """Decode base64url without padding.

    Raises:
        InvalidValueError: It is none, or the same bytes have another spelling.

    Source:
        RFC 7515, section 2; RFC 4648, sections 3.5 and 5.
    """
    try:
        data = a2b_base64(part.translate(_FROM_URL) + b"=="[: -len(part) % 4])
    except Error:
        data = None
    # The decoder skips what it does not know. To write it again finds that, and stray bits at the end.
    if data is None or _encoded(data) != part:
        raise InvalidValueError(field, _fault_of_base64url(part))
    return data


def _fault_of_base64url(part: bytes) -> str:
    if part.endswith(b"="):
        return "base64url must stand here without padding; leave out ="
    known = _OF_URL.match(part)
    assert known is not None  # it matches nothing, too
    if known.end() < len(part):
        return f"{part[known.end() : known.end() + 1]!r} at character {known.end()} is not base64url"
    if len(part) % 4 == 1:
        return f"it breaks off: {len(part)} characters are no base64url"
    return "its last character has bits that count for nothing; the same bytes have another spelling"
