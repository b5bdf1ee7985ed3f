"""Acts on keys as JSON: what a party's root key signs."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from keepclear.codec.json_errors import decode_json, refuse_repeated_names, text_of
from keepclear.codec.notes import PUBLIC_KEY_BYTES
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX, PartyId
from keepclear.core.parties import KeyAct, KeyDeed, KeyRole

KEY_ACT_TYPE: Final = "keepclear-key"
"""The type of the JWS."""
ROOT_KID: Final = "root"
"""How the root key is named in it: a party has one."""
KEY_ACT_BYTES_MAX: Final = 4_000
"""No act is longer."""

_Text = Annotated[str, Meta(min_length=1, max_length=ID_CHARACTERS_MAX)]
_TO_URL: Final = str.maketrans("+/", "-_")
_FROM_URL: Final = str.maketrans("-_", "+/")


class _Payload(Struct, forbid_unknown_fields=True, kw_only=True):
    v: Literal[1] = 1
    party: _Text
    act: KeyDeed
    kid: _Text
    role: KeyRole | UnsetType = UNSET
    person: _Text | UnsetType = UNSET
    key: str | UnsetType = UNSET


def encode_key_act(act: KeyAct) -> bytes:
    """Write what the root key signs."""
    wired = _Payload(party=act.party, act=act.act, kid=act.kid)
    if act.role is not None:
        wired.role = act.role
    if act.person is not None:
        wired.person = act.person
    if act.key is not None:
        wired.key = msgspec.to_builtins(act.key).rstrip("=").translate(_TO_URL)
    return msgspec.json.encode(wired)


def decode_key_act(payload: bytes) -> KeyAct:
    """Read what a root key signed.

    Raises:
        InvalidValueError: It is no act on a key, or not one that can be.
    """
    if len(payload) > KEY_ACT_BYTES_MAX:
        raise InvalidValueError(
            "", f"an act on a key of {len(payload):,} bytes is over {KEY_ACT_BYTES_MAX:,}"
        )
    text = text_of(payload)
    try:
        wired = decode_json(text, _Payload)
    except msgspec.ValidationError as error:
        raise InvalidValueError("", f"this is no act on a key: {error}") from None
    refuse_repeated_names(text)
    return KeyAct(
        party=PartyId(wired.party),
        act=wired.act,
        kid=wired.kid,
        role=None if wired.role is UNSET else wired.role,
        person=None if wired.person is UNSET else wired.person,
        key=None if wired.key is UNSET else _key(wired.key),
    )


def _key(text: str) -> bytes:
    try:
        key = msgspec.convert(text.translate(_FROM_URL) + "=" * (-len(text) % 4), bytes)
    except msgspec.ValidationError:
        key = b""
    if len(key) != PUBLIC_KEY_BYTES or msgspec.to_builtins(key).rstrip("=").translate(_TO_URL) != text:
        raise InvalidValueError("key", "it must be the 32 bytes of a public key in base64url")
    return key
