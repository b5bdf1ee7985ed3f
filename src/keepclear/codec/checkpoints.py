"""Checkpoints, the heads of logs as they are signed, and what is sent round with them.

A checkpoint is the text of a signed note. A log sends it to a witness with a proof that it only grew; and
it goes with a proof that one entry is in the log, which can be verified without anything else. Whether
a proof holds is for `core.merkle` to say, whether a signature does for `codec.notes`.

Source:
    C2SP tlog-checkpoint v1.0.0, tlog-witness v1 (add-checkpoint) and tlog-proof v1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from keepclear.codec.notes import (
    NOTE_BYTES_MAX,
    Note,
    decode_base64,
    encode_base64,
    note_text,
    parse_note,
)
from keepclear.codec.properties import shown
from keepclear.core.errors import InvalidValueError
from keepclear.core.merkle import EMPTY_ROOT, HASH_BYTES, SIZE_MAX, verify_inclusion

ORIGIN_BYTES_MAX: Final = 255
"""The longest origin, in UTF-8."""
PROOF_HASHES_MAX: Final = 63
"""The most hashes of a proof that is sent."""
REQUEST_BYTES_MAX: Final = NOTE_BYTES_MAX + 4_096
"""The longest request to a witness: a note, and the proof before it."""
EXTRA_BYTES_MAX: Final = 1_000_000
"""The most extra bytes that go with a proof of an entry, for example the entry."""
LOG_PROOF_BYTES_MAX: Final = REQUEST_BYTES_MAX + EXTRA_BYTES_MAX // 3 * 4 + 8
"""The longest proof of an entry: a note, the proof, and the extra bytes."""

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_LOG_PROOF: Final = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The head of a log.

    Attributes:
        origin: Which log.
        size: How many entries it has.
        root: The root of the tree over them, 32 bytes.
        extensions: Further lines, which nobody but the log can check; Keepclear writes none.

    Raises:
        InvalidValueError: The size is out of range, the root is no hash or not that of an empty log, or
            the origin or a further line is empty, has a control character or is too long.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_line("origin", self.origin, ORIGIN_BYTES_MAX)
        if not 0 <= self.size <= SIZE_MAX:
            raise InvalidValueError("size", f"{self.size} is not within 0..{SIZE_MAX}")
        if len(self.root) != HASH_BYTES:
            raise InvalidValueError("root", f"a root has {HASH_BYTES} bytes, not {len(self.root)}")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise InvalidValueError("root", "it is not the root of an empty log")
        for number, line in enumerate(self.extensions):
            _check_line(f"extensions[{number}]", line, NOTE_BYTES_MAX)

    def encode(self) -> str:
        """Write it as the text of a note."""
        lines = (self.origin, str(self.size), encode_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint from the text of a note.

    Raises:
        InvalidValueError: It is none.
    """
    lines = note_text(text).split("\n")
    if len(lines) < 4 or lines.pop():
        reason = "a checkpoint has lines for origin, size and root, each with a newline at its end"
        raise InvalidValueError("", reason)
    origin, size, root, *extensions = lines
    return Checkpoint(
        origin=origin,
        size=_number("size", size),
        root=decode_base64("root", root, HASH_BYTES),
        extensions=tuple(extensions),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCheckpoint:
    """What a log asks a witness: to sign that it received this checkpoint.

    Attributes:
        old_size: The size of the checkpoint that the witness signed last; 0 for none.
        proof: Proves that the log only grew since.
        note: The signed checkpoint.

    Raises:
        InvalidValueError: The old size is out of range or over that of the checkpoint, the proof has too
            many hashes or what is none, or the note is no checkpoint.
    """

    old_size: int
    proof: tuple[bytes, ...]
    note: Note

    def __post_init__(self) -> None:
        size = self.checkpoint.size
        if not 0 <= self.old_size <= size:
            raise InvalidValueError("old_size", f"{self.old_size} is not within 0..{size}, the new size")
        _check_hashes(self.proof)

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint in the note."""
        return parse_checkpoint(self.note.text)

    def encode(self) -> str:
        """Write the body of the request."""
        return f"old {self.old_size}\n{_hash_lines(self.proof)}\n{self.note.encode()}"


def parse_add_checkpoint(data: bytes | str) -> AddCheckpoint:
    """Read the body of a request to a witness.

    Raises:
        InvalidValueError: It is none, or over a limit.
    """
    (first, *hashes), note = _head_and_note(data, REQUEST_BYTES_MAX)
    return AddCheckpoint(old_size=_numbered("old", first), proof=_hashes(hashes), note=note)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogProof:
    """The proof that an entry is in a log, to be verified offline.

    Attributes:
        index: Which entry, from 0.
        proof: Leads from its leaf up to the root.
        note: The signed checkpoint, with signatures of witnesses.
        extra: What nothing here vouches for; Keepclear puts the entry here. Empty for nothing.

    Raises:
        InvalidValueError: The index is not below the size of the log, the proof has too many hashes or
            what is none, the extra bytes are too many, or the note is no checkpoint.
    """

    index: int
    proof: tuple[bytes, ...]
    note: Note
    extra: bytes = b""

    def __post_init__(self) -> None:
        size = self.checkpoint.size
        if not 0 <= self.index < size:
            raise InvalidValueError("index", f"{self.index} is not below {size}, the size of the log")
        _check_hashes(self.proof)
        if len(self.extra) > EXTRA_BYTES_MAX:
            reason = f"{len(self.extra):,} bytes are over the limit of {EXTRA_BYTES_MAX:,}"
            raise InvalidValueError("extra", reason)

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint in the note."""
        return parse_checkpoint(self.note.text)

    def proves(self, leaf: bytes) -> bool:
        """Tell whether it leads from this leaf hash to the root; the signatures are another question."""
        checkpoint = self.checkpoint
        return verify_inclusion(leaf, self.index, checkpoint.size, checkpoint.root, self.proof)

    def encode(self) -> str:
        """Write it as the content of a `.tlog-proof` file."""
        extra = f"extra {encode_base64(self.extra)}\n" if self.extra else ""
        head = f"{_LOG_PROOF}\n{extra}index {self.index}\n"
        return f"{head}{_hash_lines(self.proof)}\n{self.note.encode()}"


def parse_log_proof(data: bytes | str) -> LogProof:
    """Read the content of a `.tlog-proof` file.

    Raises:
        InvalidValueError: It is none, or over a limit.
    """
    (first, *lines), note = _head_and_note(data, LOG_PROOF_BYTES_MAX)
    if first != _LOG_PROOF:
        raise InvalidValueError("", f"it must begin with {_LOG_PROOF}, not {shown(first)}")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = decode_base64("extra", lines.pop(0).removeprefix("extra "))
        if not extra:
            raise InvalidValueError("extra", "leave the line out when there is nothing")
    if not lines:
        raise InvalidValueError("index", "it is missing")
    index, *hashes = lines
    return LogProof(index=_numbered("index", index), proof=_hashes(hashes), note=note, extra=extra)


def _head_and_note(data: bytes | str, bytes_max: int) -> tuple[list[str], Note]:
    """Take apart what stands before the first empty line, in lines, and the note after it."""
    head, found, note = note_text(data, bytes_max).partition("\n\n")
    if not found:
        raise InvalidValueError("", "an empty line must stand before the checkpoint")
    return head.split("\n"), parse_note(note)


def _numbered(word: str, line: str) -> int:
    found, _, number = line.partition(" ")
    if found != word:
        raise InvalidValueError(word, f"the line must be {word!r} and a number, not {shown(line)}")
    return _number(word, number)


def _number(field: str, text: str) -> int:
    if not _DECIMAL.fullmatch(text):
        raise InvalidValueError(field, f"{shown(text)} is no whole number, written without needless zeros")
    return int(text)


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    if len(lines) > PROOF_HASHES_MAX:
        raise InvalidValueError("proof", f"it has over {PROOF_HASHES_MAX} hashes")
    return tuple(decode_base64(f"proof[{n}]", line, HASH_BYTES) for n, line in enumerate(lines))


def _hash_lines(proof: Sequence[bytes]) -> str:
    return "".join(f"{encode_base64(each)}\n" for each in proof)


def _check_hashes(proof: Sequence[bytes]) -> None:
    if len(proof) > PROOF_HASHES_MAX or any(len(each) != HASH_BYTES for each in proof):
        reason = f"it must be at most {PROOF_HASHES_MAX} hashes of {HASH_BYTES} bytes"
        raise InvalidValueError("proof", reason)


def _check_line(field: str, line: str, bytes_max: int) -> None:
    try:
        text = note_text(line, bytes_max)
    except InvalidValueError as error:
        raise error.within(field) from None
    if not text or "\n" in text:
        raise InvalidValueError(field, "it must be one line, and not empty")
