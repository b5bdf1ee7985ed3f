"""Party cards: what two parties exchange before they pair, and what people compare of them.

A card may come by any way, also one that others can change. Two people then compare its fingerprint by
voice: it covers all that is trusted afterwards, so a card that was changed there is noticed. The name and
the address are only told; they may change, and nothing is trusted because of them. What the card says of
the node's key counts only if the root key signed it, which is left to others.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address
from typing import Final, Literal

import msgspec

from keepclear.codec.json_errors import decode_json, misfits, refuse_repeated_names, text_of
from keepclear.codec.properties import shown
from keepclear.core.check_words import FINGERPRINT_BYTES
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX, PartyId
from keepclear.core.parties import PUBLIC_KEY_BYTES

CARD_FORM: Final = "keepclear-card/1"
"""What a card says that it is."""
CARD_BYTES_MAX: Final = 32_768
"""The longest card."""
GRANT_CHARACTERS_MAX: Final = 8_192
"""The longest grant of a node's key, as a compact JWS."""
CERTIFICATE_BYTES_MAX: Final = 8_192
"""The longest certificate, in binary form."""
ADDRESS_CHARACTERS_MAX: Final = 259
"""The longest address: a name of 253 characters, a colon and a port."""

_PORT_MAX: Final = 65_535
_LABEL: Final = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS: Final = re.compile(
    rf"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|{_LABEL}(?:\.{_LABEL})*):(?P<port>[1-9][0-9]{{0,4}})"
)
_PEM_BEGIN: Final = "-----BEGIN CERTIFICATE-----\n"
_PEM_END: Final = "-----END CERTIFICATE-----\n"
_PEM_LINE: Final = 64
_JWS_CHARACTERS: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyCard:
    """What a party shows of itself to be paired with.

    Attributes:
        party: Its id.
        name: How people call it.
        root: Its public root key, 32 bytes.
        node_key: The public key of its node, 32 bytes.
        node_grant: The act by which the root key grants that key, a compact JWS.
        certificate: The TLS certificate of its node: X.509, PEM, one only.
        address: Where its node is reached by others, `host:port`; empty where it is not.

    Raises:
        InvalidValueError: A value is none of its kind, or too long.
    """

    party: PartyId
    name: str
    root: bytes
    node_key: bytes
    node_grant: str
    certificate: str
    address: str = ""

    def __post_init__(self) -> None:
        for field, text in (("party", self.party), ("name", self.name)):
            if not (0 < len(text) <= ID_CHARACTERS_MAX and text.isprintable()):
                raise InvalidValueError(field, f"it must be 1 to {ID_CHARACTERS_MAX} printable characters")
        for field, key in (("root", self.root), ("node_key", self.node_key)):
            if len(key) != PUBLIC_KEY_BYTES:
                raise InvalidValueError(field, f"a public key has {PUBLIC_KEY_BYTES} bytes, not {len(key)}")
        if self.root == self.node_key:
            raise InvalidValueError("node_key", "it is the root key, which must not be on a node")
        if len(self.node_grant) > GRANT_CHARACTERS_MAX or not _JWS_CHARACTERS.fullmatch(self.node_grant):
            reason = f"it must be a compact JWS of up to {GRANT_CHARACTERS_MAX:,} characters"
            raise InvalidValueError("node_grant", reason)
        _der_of(self.certificate)
        check_address(self.address)

    @property
    def certificate_der(self) -> bytes:
        """The TLS certificate in binary form."""
        return _der_of(self.certificate)


def fingerprint(card: PartyCard) -> bytes:
    """Return what people compare of a card, 16 bytes.

    It covers the party's id, its root key, and its TLS certificate: from these follows what else is
    trusted. It is the start of the SHA-256 of the form of the card and of these three, each after its
    length in 4 bytes.
    """
    covered = (CARD_FORM.encode(), card.party.encode(), card.root, card.certificate_der)
    return sha256(b"".join(len(part).to_bytes(4, "big") + part for part in covered)).digest()[
        :FINGERPRINT_BYTES
    ]


class _Card(msgspec.Struct, forbid_unknown_fields=True):
    form: Literal["keepclear-card/1"]
    party: str
    name: str
    root: str
    node_key: str
    node_grant: str
    certificate: str
    address: str = ""


def encode_card(card: PartyCard) -> str:
    """Write a card, a field on each line."""
    written = _Card(
        form=CARD_FORM,
        party=card.party,
        name=card.name,
        root=card.root.hex(),
        node_key=card.node_key.hex(),
        node_grant=card.node_grant,
        certificate=card.certificate,
        address=card.address,
    )
    return msgspec.json.format(msgspec.json.encode(written), indent=2).decode() + "\n"


def decode_card(text: str | bytes) -> PartyCard:
    """Read a card.

    Raises:
        InvalidValueError: It is too long, no card, or a value in it is none of its kind.
    """
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    if len(data) > CARD_BYTES_MAX:
        raise InvalidValueError(
            "", f"{len(data):,} bytes are over the limit of {CARD_BYTES_MAX:,} for a card"
        )
    data = text_of(data)
    try:
        read: _Card = decode_json(data, _Card)
    except msgspec.ValidationError as error:
        raise next(misfits(decode_json(data), _Card), InvalidValueError("", str(error))) from None
    refuse_repeated_names(data)
    return PartyCard(
        party=PartyId(read.party),
        name=read.name,
        root=_key_of("root", read.root),
        node_key=_key_of("node_key", read.node_key),
        node_grant=read.node_grant,
        certificate=read.certificate,
        address=read.address,
    )


def _key_of(field: str, text: str) -> bytes:
    digits = 2 * PUBLIC_KEY_BYTES
    if len(text) != digits or not set(text) <= set("0123456789abcdef"):
        raise InvalidValueError(
            field, f"it must be {digits} hexadecimal digits in lower case, not {shown(text)}"
        )
    return bytes.fromhex(text)


def _der_of(pem: str) -> bytes:
    """Return a certificate in binary form; that it is signed and whose it is, TLS looks at.

    Raises:
        InvalidValueError: It is none, more than one, too long, or not as usual in PEM.
    """
    body = pem.removeprefix(_PEM_BEGIN).removesuffix(_PEM_END)
    try:
        der = b64decode(body.replace("\n", ""), validate=True)
    except ValueError:
        der = b""
    if _pem_of(der) != pem or not _is_one_sequence(der):
        reason = (
            f"it must be one X.509 certificate in PEM, {_PEM_LINE} characters a line, and nothing beside it"
        )
        raise InvalidValueError("certificate", reason)
    if len(der) > CERTIFICATE_BYTES_MAX:
        reason = f"{len(der):,} bytes are over the limit of {CERTIFICATE_BYTES_MAX:,}"
        raise InvalidValueError("certificate", reason)
    return der


def _pem_of(der: bytes) -> str:
    text = b64encode(der).decode("ascii")
    lines = [text[start : start + _PEM_LINE] + "\n" for start in range(0, len(text), _PEM_LINE)]
    return _PEM_BEGIN + "".join(lines) + _PEM_END


def _is_one_sequence(der: bytes) -> bool:
    """Tell whether bytes are one DER sequence, its length in two bytes, as a certificate is, and no more."""
    return der[:2] == b"\x30\x82" and int.from_bytes(der[2:4], "big") == len(der) - 4


def check_address(address: str) -> None:
    """Refuse where a node cannot be reached by others; empty for nowhere is none.

    Raises:
        InvalidValueError: It is no `host:port`.
    """
    if not address:
        return
    found = _ADDRESS.fullmatch(address) if len(address) <= ADDRESS_CHARACTERS_MAX else None
    if found is None or int(found["port"]) > _PORT_MAX or not _is_v6(found["v6"]):
        reason = f"it must be host:port (an IPv6 address in brackets), not {shown(address)}"
        raise InvalidValueError("address", reason)


def _is_v6(text: str | None) -> bool:
    if text is not None:
        try:
            IPv6Address(text)
        except ValueError:
            return False
    return True
