"""The notary: signs for one party with the key of its node, and reads what others signed.

Private keys stay in the object that signs. Heads of logs and receipts are C2SP notes; the name of the
key of a log is its origin, the name of a witness the origin of its own log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from keepclear.adapters.signing import verify_many
from keepclear.codec.agreements import decode as decode_agreement
from keepclear.codec.checkpoints import Checkpoint, parse_checkpoint
from keepclear.codec.deeds import decode_deed, encode_deed
from keepclear.codec.hello import Hello, decode_hello, encode_hello
from keepclear.codec.jws import decode_jws, encode_jws
from keepclear.codec.key_acts import KEY_ACT_TYPE, ROOT_KID, decode_key_act, encode_key_act
from keepclear.codec.notes import (
    SIGNATURE_BYTES,
    KeyKind,
    Note,
    VerifierKey,
    parse_note,
    parse_signatures,
    sign_note,
)
from keepclear.codec.statements import decode_statement, encode_statement
from keepclear.core.agreements import Agreement
from keepclear.core.bundles import Cosignature
from keepclear.core.deeds import Deed, SignedDeed
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.core.parties import KeyAct
from keepclear.core.statements import Head, Statement
from keepclear.node.ports import SignedBy

DEED_TYPE: Final = "keepclear-deed"
"""The type of the JWS that an officer's key signs."""
PARTY_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""How a party with a log may be called: the name stands in the origin of its log."""
_TIME_BYTES: Final = 8


class Key(Protocol):
    """A private key."""

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""

    @property
    def kid(self) -> str:
        """Its name."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message, 64 bytes."""


VerifyMany = Callable[[Sequence[tuple[bytes, bytes, bytes]]], Sequence[bool]]
"""Tells of each public key, message and signature whether they are good together."""


def origin_of(party: str) -> str:
    """Return the origin of a party's log.

    Raises:
        InvalidValueError: The party cannot be called so.
    """
    if not PARTY_NAME.fullmatch(party):
        raise InvalidValueError(
            "party", f"{party!r} must be 1 to 64 letters, digits, dots, dashes or underscores, for a log"
        )
    return f"keepclear/{party}/log"


class Notary:
    """See the module.

    Args:
        party: Whose node it is.
        key: The key of the node.
        verify: Verifies many signatures.

    Raises:
        InvalidValueError: The party cannot be called so.
    """

    def __init__(self, party: PartyId, key: Key, verify: VerifyMany = verify_many) -> None:
        self.party, self.kid = party, key.kid
        self._key, self._verify = key, verify
        origin = origin_of(party)
        self._as_log = VerifierKey(name=origin, kind=KeyKind.LOG, public=key.public)
        self._as_witness = VerifierKey(name=origin, kind=KeyKind.WITNESS, public=key.public)

    def write(self, statement: Statement) -> bytes:
        """Sign a statement; return the entry of the log."""
        return encode_statement(statement, self.kid, self._key.sign)

    def read(self, entry: bytes) -> tuple[Statement, SignedBy]:
        """Read an entry of a log."""
        statement, kid, message, signature = decode_statement(entry)
        return statement, SignedBy(kid, message, signature)

    def read_key(self, jws: str) -> tuple[KeyAct, SignedBy]:
        """Read what a root key says of another key."""
        read = decode_jws(jws, KEY_ACT_TYPE)
        return decode_key_act(read.payload), SignedBy(read.kid, read.signing_input, read.signature)

    def read_deed(self, jws: str) -> tuple[SignedDeed, SignedBy]:
        """Read what an officer says."""
        read = decode_jws(jws, DEED_TYPE)
        return decode_deed(read.payload), SignedBy(read.kid, read.signing_input, read.signature)

    def read_agreement(self, text: bytes) -> Agreement:
        """Read what two parties agree."""
        return decode_agreement(text)

    def write_head(self, head: Head) -> str:
        """Sign the head of the party's own log; return the note."""
        text = Checkpoint(origin=self._as_log.name, size=head.size, root=head.root).encode()
        return Note(text=text, signatures=(sign_note(text, self._as_log, self._key.sign),)).encode()

    def read_head(self, party: PartyId, note: str) -> tuple[Head, Sequence[SignedBy]]:
        """Read a signed head of a party's log."""
        read = parse_note(note)
        origin = origin_of(party)
        signed = [
            SignedBy(each.key_id.hex(), read.text.encode(), each.content)
            for each in read.signatures
            if each.name == origin and len(each.content) == SIGNATURE_BYTES
        ]
        return _head(read.text, origin), signed

    def read_head_body(self, party: PartyId, body: str) -> Head:
        """Read the text of a head, without its signatures."""
        return _head(body, origin_of(party))

    def cosign(self, party: PartyId, note: str, at_s: int) -> Cosignature:
        """Sign that this party has received a log up to a head."""
        text = parse_note(note).text
        line = sign_note(text, self._as_witness, self._key.sign, at_s).encode()
        return Cosignature(
            party=party,
            witness=self.party,
            size=_head(text, origin_of(party)).size,
            at_s=at_s,
            body=text,
            line=line,
        )

    def read_cosignature(self, cosignature: Cosignature) -> tuple[Head, SignedBy]:
        """Read what a witness signed.

        Raises:
            InvalidValueError: It is malformed, or says another thing than stands beside it.
        """
        (signature,) = parse_signatures(cosignature.line)[:1]
        head = _head(cosignature.body, origin_of(cosignature.party))
        at = signature.content[:_TIME_BYTES]
        if signature.name != origin_of(cosignature.witness) or len(signature.content) != 72:
            raise InvalidValueError("line", f"it is no signature of {cosignature.witness!r} as a witness")
        if head.size != cosignature.size or int.from_bytes(at, "big") != cosignature.at_s:
            raise InvalidValueError("size", "what stands beside the signature is not what was signed")
        message = f"cosignature/v1\ntime {cosignature.at_s}\n{cosignature.body}".encode()
        return head, SignedBy(signature.key_id.hex(), message, signature.content[_TIME_BYTES:])

    def write_hello(self, hello: Hello) -> str:
        """Sign the greeting of a link."""
        return encode_hello(hello, self.kid, self._key.sign)

    def read_hello(self, jws: str | bytes) -> tuple[Hello, SignedBy]:
        """Read the greeting of a link."""
        hello, kid, message, signature = decode_hello(jws)
        return hello, SignedBy(kid, message, signature)

    def verify(self, jobs: Sequence[tuple[bytes, SignedBy]]) -> Sequence[bool]:
        """Tell which signatures are those of the public keys that stand beside them."""
        return self._verify([(key, signed.message, signed.signature) for key, signed in jobs])


def sign_key_act(act: KeyAct, root: Key) -> str:
    """Have the root key grant or revoke a key; return the JWS."""
    return encode_jws(KEY_ACT_TYPE, ROOT_KID, encode_key_act(act), root.sign)


def sign_deed(deed: Deed, key: Key, *, party: PartyId, person: str, at_ms: int, nonce: str) -> str:
    """Have an officer's key sign what the officer says; return the JWS."""
    payload = encode_deed(deed, party=party, person=person, at_ms=at_ms, nonce=nonce)
    return encode_jws(DEED_TYPE, key.kid, payload, key.sign)


def _head(text: str, origin: str) -> Head:
    checkpoint = parse_checkpoint(text)
    if checkpoint.origin != origin:
        raise InvalidValueError("origin", f"it is a head of {checkpoint.origin!r}, not of {origin!r}")
    return Head(checkpoint.size, checkpoint.root)
