"""Signed notes: text that one or more keys signed, each signature a line below it.

A note is read strictly, so that it has one spelling: what is read and written again is the same to the
byte. Two kinds of signatures are known, that of a log and that of a witness; others are kept and not
looked at. The keys themselves stay outside: who calls gives what signs and what verifies.

Source:
    C2SP signed-note v1.0.0 and tlog-cosignature v1 (the kind with Ed25519).
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Final

from keepclear.codec.properties import shown
from keepclear.core.errors import InvalidValueError

Sign = Callable[[bytes], bytes]
"""Makes the Ed25519 signature of a message."""
Verify = Callable[[bytes, bytes, bytes], bool]
"""Tells whether public key, message and signature are good together."""

NOTE_BYTES_MAX: Final = 131_072
"""The longest note; 16 signatures that withstand quantum computers fit in it."""
NOTE_LINES_MAX: Final = 1_000
"""The most lines of a note, signatures and the empty line included."""
SIGNATURES_MAX: Final = 32
"""The most signatures of a note."""
NAME_BYTES_MAX: Final = 255
"""The longest name of a key, in UTF-8."""
SECONDS_MAX: Final = 2**63 - 1
"""No cosignature is later, seconds since 1970."""
PUBLIC_KEY_BYTES: Final = 32
"""The length of a public key (Ed25519)."""
SIGNATURE_BYTES: Final = 64
"""The length of a signature (Ed25519)."""

_KEY_ID_BYTES: Final = 4
_TIME_BYTES: Final = 8
_DASH: Final = "\u2014"
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_HEX_ID: Final = re.compile(r"[0-9a-f]{8}")


class KeyKind(Enum):
    """What a key signs; its value is the byte that stands for it in a verifier key."""

    LOG = 0x01
    """Notes as they are, for example the checkpoint of a log."""
    WITNESS = 0x04
    """Checkpoints of others, with the time at which they were received."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """A public key with the name that its signatures carry.

    Attributes:
        name: The name.
        kind: What it signs.
        public: The public key (Ed25519).

    Raises:
        InvalidValueError: The name is empty, too long, or has a space or a plus; or the key is not of 32
            bytes.
    """

    name: str
    kind: KeyKind
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public) != PUBLIC_KEY_BYTES:
            reason = f"a public key has {PUBLIC_KEY_BYTES} bytes, not {len(self.public)}"
            raise InvalidValueError("public", reason)

    @property
    def key_id(self) -> bytes:
        """What tells this key from others of its name, 4 bytes."""
        return sha256(f"{self.name}\n".encode() + self._typed).digest()[:_KEY_ID_BYTES]

    @property
    def _typed(self) -> bytes:
        return bytes([self.kind.value]) + self.public

    def encode(self) -> str:
        """Write it as one word: the name, its id and the key, with plus signs between them."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(self._typed)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One signature line of a note, of whatever kind.

    Attributes:
        name: The name of the key.
        key_id: What tells the key from others of its name, 4 bytes.
        content: The signature, and before it what the kind of the key puts there.

    Raises:
        InvalidValueError: The name is none, the id is not of 4 bytes, or there is no content.
    """

    name: str
    key_id: bytes
    content: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.key_id) != _KEY_ID_BYTES:
            reason = f"the id of a key has {_KEY_ID_BYTES} bytes, not {len(self.key_id)}"
            raise InvalidValueError("key_id", reason)
        if not self.content:
            raise InvalidValueError("content", "the signature is missing")

    def encode(self) -> str:
        """Write it as a line, with its newline."""
        return f"{_DASH} {self.name} {encode_base64(self.key_id + self.content)}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A text and its signatures, which may be good or not.

    Attributes:
        text: The text, with its last newline.
        signatures: One or more.

    Raises:
        InvalidValueError: The text does not end with a newline or has control characters or half
            characters, or there are no signatures or too many, or it is too long.
    """

    text: str
    signatures: tuple[NoteSignature, ...]

    def __post_init__(self) -> None:
        if not self.text.endswith("\n"):
            raise InvalidValueError("text", "it must end with a newline")
        if not 0 < len(self.signatures) <= SIGNATURES_MAX:
            reason = f"it must be 1 to {SIGNATURES_MAX}, not {len(self.signatures)}"
            raise InvalidValueError("signatures", reason)
        note_text(self.encode())

    def encode(self) -> str:
        """Write the note: the text, an empty line, a line for each signature."""
        return f"{self.text}\n{''.join(signature.encode() for signature in self.signatures)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A key that signed a note, as was verified.

    Attributes:
        key: The key.
        at_s: When a witness signed, by its own clock, seconds since 1970; None of a log.
    """

    key: VerifierKey
    at_s: int | None


def parse_verifier_key(text: str) -> VerifierKey:
    """Read a verifier key.

    Raises:
        InvalidValueError: It is none, its id is not that of the key, or its kind is not known.
    """
    # The name has no plus, the base64 of the key may have some.
    name, _, rest = text.partition("+")
    hex_id, found, encoded = rest.partition("+")
    if not found or not _HEX_ID.fullmatch(hex_id):
        raise InvalidValueError("", f"{shown(text)} is no verifier key: it must be name+8 hex digits+base64")
    typed = decode_base64("key", encoded)
    kind = next((kind for kind in KeyKind if typed[:1] == bytes([kind.value])), None)
    if kind is None:
        raise InvalidValueError("key", f"the kind {typed[:1].hex() or 'of nothing'} of this key is not known")
    key = VerifierKey(name=name, kind=kind, public=typed[1:])
    if key.key_id.hex() != hex_id:
        reason = f"{hex_id} is not the id of this key, which is {key.key_id.hex()}; a character is wrong"
        raise InvalidValueError("key_id", reason)
    return key


def parse_note(data: bytes | str) -> Note:
    """Read a signed note; its signatures are not verified.

    Raises:
        InvalidValueError: It is no such note, or over a limit.
    """
    text, found, lines = note_text(data).rpartition("\n\n")
    if not found:
        raise InvalidValueError("", "a signed note has an empty line between its text and its signatures")
    return Note(text=f"{text}\n", signatures=parse_signatures(lines))


def parse_signatures(lines: str) -> tuple[NoteSignature, ...]:
    """Read signature lines, as they stand below a note and in the answer of a witness.

    Raises:
        InvalidValueError: There are none or too many, or one is no signature line.
    """
    first, *others = lines.split("\n", SIGNATURES_MAX + 1)
    if not others or others.pop():
        reason = f"there must be 1 to {SIGNATURES_MAX} lines, each with a newline at its end"
        raise InvalidValueError("signatures", reason)
    signatures = []
    for number, line in enumerate([first, *others]):
        try:
            signatures.append(_signature_of(line))
        except InvalidValueError as error:
            raise error.within(f"signatures[{number}]") from None
    return tuple(signatures)


def sign_note(text: str, key: VerifierKey, sign: Sign, at_s: int | None = None) -> NoteSignature:
    """Sign the text of a note.

    Args:
        text: The text, with its last newline; of a witness, that of a checkpoint.
        key: The public key.
        sign: Signs with the private key that belongs to it.
        at_s: Now, seconds since 1970; of a witness, and only of it.

    Raises:
        InvalidValueError: The time is missing, too much or out of range.
    """
    if (at_s is not None) is not (key.kind is KeyKind.WITNESS):
        raise InvalidValueError("at_s", "a witness, and only a witness, signs with the time")
    if at_s is not None and not 0 < at_s <= SECONDS_MAX:
        raise InvalidValueError("at_s", f"{at_s} is not within 1..{SECONDS_MAX}")
    before = b"" if at_s is None else at_s.to_bytes(_TIME_BYTES, "big")
    signature = sign(_message(text, at_s))
    assert len(signature) == SIGNATURE_BYTES
    return NoteSignature(name=key.name, key_id=key.key_id, content=before + signature)


def verified_signers(
    text: str, signatures: Iterable[NoteSignature], keys: Iterable[VerifierKey], verify: Verify
) -> tuple[Signer, ...]:
    """Find which keys signed the text of a note.

    Args:
        text: The text, with its last newline.
        signatures: The signatures; those of other keys are passed over.
        keys: The keys that are known.
        verify: Tells whether a signature is good.

    Returns:
        One signer for each signature of a known key, in the order of the signatures.

    Raises:
        InvalidValueError: A signature that names a known key is not good, or no known key signed.

    Source:
        C2SP signed-note, "Signatures": one bad signature of a known key spoils the note.
    """
    known = {(key.name, key.key_id): key for key in keys}
    signers = []
    for number, signature in enumerate(signatures):
        key = known.get((signature.name, signature.key_id))
        if key is None:
            continue
        signer = _verified(text, signature.content, key, verify)
        if signer is None:
            reason = f"the signature of {shown(signature.name)} is not good"
            raise InvalidValueError(f"signatures[{number}]", reason)
        signers.append(signer)
    if not signers:
        raise InvalidValueError("signatures", "none is by a key that is known")
    return tuple(signers)


def _verified(text: str, content: bytes, key: VerifierKey, verify: Verify) -> Signer | None:
    before, signature = content[:-SIGNATURE_BYTES], content[-SIGNATURE_BYTES:]
    if len(before) != (_TIME_BYTES if key.kind is KeyKind.WITNESS else 0):
        return None
    at_s = int.from_bytes(before, "big") if before else None
    if at_s is not None and at_s > SECONDS_MAX:
        return None
    is_good = len(signature) == SIGNATURE_BYTES and verify(key.public, _message(text, at_s), signature)
    return Signer(key=key, at_s=at_s) if is_good else None


def _message(text: str, at_s: int | None) -> bytes:
    """Return what is signed: the text, and before it the time if a witness signs it."""
    return (text if at_s is None else f"cosignature/v1\ntime {at_s}\n{text}").encode()


def _signature_of(line: str) -> NoteSignature:
    dash, _, rest = line.partition(" ")
    name, found, encoded = rest.partition(" ")
    if dash != _DASH or not found:
        raise InvalidValueError("", f"{shown(line)} is no signature line: it must be {_DASH} name base64")
    blob = decode_base64("", encoded)
    return NoteSignature(name=name, key_id=blob[:_KEY_ID_BYTES], content=blob[_KEY_ID_BYTES:])


def _check_name(name: str) -> None:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidValueError("name", "it has half a character (a lone surrogate)") from None
    if not 0 < size <= NAME_BYTES_MAX:
        raise InvalidValueError("name", f"it must have 1 to {NAME_BYTES_MAX} bytes, not {size}")
    if "+" in name or _CONTROL.search(name) or any(character.isspace() for character in name):
        reason = f"{shown(name)} must have no space, plus or control character"
        raise InvalidValueError("name", reason)


# -- what checkpoints are read with, too --------------------------------------------------------------


def note_text(data: bytes | str, bytes_max: int = NOTE_BYTES_MAX) -> str:
    """Return the text of something made of lines, as notes are.

    Args:
        data: The text; bytes are UTF-8.
        bytes_max: The most bytes that it may have.

    Raises:
        InvalidValueError: It is over `bytes_max` or `NOTE_LINES_MAX`, not UTF-8, or has control characters
            other than newlines.
    """
    try:
        text, size = (data, len(data.encode())) if isinstance(data, str) else (data.decode(), len(data))
    except UnicodeError as error:
        raise InvalidValueError("", f"it is not UTF-8: {error}") from None
    if size > bytes_max:
        raise InvalidValueError("", f"{size:,} bytes are over the limit of {bytes_max:,}")
    if text.count("\n") > NOTE_LINES_MAX:
        raise InvalidValueError("", f"it has over {NOTE_LINES_MAX:,} lines")
    found = _CONTROL.search(text)
    if found is not None:
        reason = f"the control character {found[0]!r} at character {found.start()} must not be in a note"
        raise InvalidValueError("", reason)
    return text


def encode_base64(data: bytes) -> str:
    """Write bytes as base64, as notes have it."""
    return b2a_base64(data, newline=False).decode("ascii")


def decode_base64(field: str, text: str, size: int | None = None) -> bytes:
    """Read base64 that has one spelling.

    Args:
        field: Where it is, for the error.
        text: The base64.
        size: How many bytes it must be; None for any number.

    Raises:
        InvalidValueError: It is none, has another spelling, or is of another length.

    Source:
        RFC 4648, sections 3.5 and 4.
    """
    try:
        data = a2b_base64(text)
    except (Error, ValueError):
        data = None
    # The decoder skips what it does not know; to write it again finds that.
    if data is None or encode_base64(data) != text:
        raise InvalidValueError(field, f"{shown(text)} is no base64, or the same bytes have another spelling")
    if size is not None and len(data) != size:
        raise InvalidValueError(field, f"it must be {size} bytes, not {len(data)}")
    return data
