"""Bundles as bytes: what nodes give each other by a link or as a carried file, and back.

After a line that names the format come a check sum, two lengths, a packed block and a loose one. A signed
entry is taken apart where that can be undone to the byte: what is alike in all entries lies together in the
packed block, and the signatures, which no packing makes smaller, lie in the loose one. The check sum only
tells damage on the way from a bad signature. What a bundle says is not judged here, and nothing in it is
believed: sizes are bounded before anything is made of them.

Source:
    RFC 1950 (zlib), msgpack, and CRC-32 as in RFC 1952.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Iterator
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from keepclear.codec.jws import SIGNATURE_BYTES
from keepclear.codec.statements import ENTRY_BYTES_MAX, TIME_MS_MAX
from keepclear.core.bundles import Bundle, Cosignature, LogPart, Withheld
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX, PartyId
from keepclear.core.merkle import HASH_BYTES
from keepclear.core.refs import LOG_ENTRIES_MAX
from keepclear.core.statements import PARTIES_MAX

BUNDLE_BYTES_MAX: Final = 16_000_000
"""No bundle is longer."""
BUNDLE_PLAIN_BYTES_MAX: Final = 128_000_000
"""What is packed is not longer, nor are the entries together, so that a small bundle cannot fill memory."""
ENTRIES_MAX: Final = 50_000
"""So many entries a bundle has at most, in all its parts."""
PARTS_MAX: Final = 64
"""So many parts of logs a bundle has at most."""
COSIGNATURES_MAX: Final = 4_096
"""So many cosignatures a bundle has at most."""

MAGIC: Final = b"KEEPCLEAR-BUNDLE/1\n"
"""How every bundle begins."""
_FORMAT: Final = b"KEEPCLEAR-BUNDLE/"
_SUM: Final = struct.Struct(">I")
_LENGTHS: Final = struct.Struct(">II")
_START_BYTES: Final = len(MAGIC) + _SUM.size + _LENGTHS.size
# Against lzma 6: 9 bytes more an entry of 100, a seventh of the time to pack, a third to unpack.
_PACKING_LEVEL: Final = 9

_WITHHELD: Final = 0
_WHOLE: Final = 1
_APART: Final = 2  # and more: which header
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")

_AGAIN: Final = "carry it again"
_REST_BYTES: Final = 2 + 86  # of an entry: two full stops, and the signature in base64

_Natural = Annotated[int, Meta(ge=0)]


class _Part(Struct, array_like=True, forbid_unknown_fields=True):
    party: str
    first: int
    entries: _Natural
    note: str


class _Cosignature(Struct, array_like=True, forbid_unknown_fields=True):
    party: str
    witness: str
    size: int
    at_s: int
    body: str
    line: str


class _Packed(Struct, array_like=True, forbid_unknown_fields=True):
    by: str
    to: str
    at_ms: int
    heads: Annotated[list[tuple[str, int]], Meta(max_length=PARTIES_MAX)]
    parts: Annotated[list[_Part], Meta(max_length=PARTS_MAX)]
    cosignatures: Annotated[list[_Cosignature], Meta(max_length=COSIGNATURES_MAX)]
    headers: Annotated[list[bytes], Meta(max_length=ENTRIES_MAX)]  # those of the entries taken apart
    forms: Annotated[list[_Natural], Meta(max_length=ENTRIES_MAX)]  # of each entry
    lengths: Annotated[list[_Natural], Meta(max_length=ENTRIES_MAX)]  # of its text, unless it is withheld
    texts: memoryview  # payloads and whole entries, one after another


def encode_bundle(bundle: Bundle) -> bytes:
    """Write a bundle.

    Args:
        bundle: What is given.

    Returns:
        What `decode_bundle` reads to an equal bundle.

    Raises:
        InvalidValueError: There is too much of something, or a value is out of range.
    """
    _check(bundle)
    headers: dict[bytes, int] = {}
    forms: list[int] = []
    texts: list[bytes] = []
    loose: list[bytes] = []
    for part in bundle.parts:
        for entry in part.entries:
            if isinstance(entry, Withheld):
                forms.append(_WITHHELD)
                loose.append(entry.leaf)
            elif (apart := _apart(entry)) is None:
                forms.append(_WHOLE)
                texts.append(entry)
            else:
                header, payload, signature = apart
                forms.append(_APART + headers.setdefault(header, len(headers)))
                texts.append(payload)
                loose.append(signature)
    packed = _Packed(
        by=bundle.by,
        to=bundle.to,
        at_ms=bundle.at_ms,
        heads=list(bundle.heads),
        parts=[_Part(part.party, part.first, len(part.entries), part.note) for part in bundle.parts],
        cosignatures=[
            _Cosignature(each.party, each.witness, each.size, each.at_s, each.body, each.line)
            for each in bundle.cosignatures
        ],
        headers=list(headers),
        forms=forms,
        lengths=[len(text) for text in texts],
        texts=memoryview(b"".join(texts)),
    )
    return _framed(packed, b"".join(loose))


def decode_bundle(data: bytes) -> Bundle:
    """Read a bundle.

    Args:
        data: What `encode_bundle` wrote; anything else is refused.

    Raises:
        InvalidValueError: It is no bundle, cut off, damaged, longer than it should be, over a limit, or a
            value in it is out of range.
    """
    packed, loose = _unframed(data)
    _check_fits(packed, len(loose))
    entries = _entries(packed, loose)
    bundle = Bundle(
        by=PartyId(packed.by),
        to=PartyId(packed.to),
        at_ms=packed.at_ms,
        heads=tuple([(PartyId(party), size) for party, size in packed.heads]),
        parts=tuple(
            [
                LogPart(
                    party=PartyId(part.party),
                    first=part.first,
                    entries=tuple(itertools.islice(entries, part.entries)),
                    note=part.note,
                )
                for part in packed.parts
            ]
        ),
        cosignatures=tuple(
            [
                Cosignature(
                    party=PartyId(each.party),
                    witness=PartyId(each.witness),
                    size=each.size,
                    at_s=each.at_s,
                    body=each.body,
                    line=each.line,
                )
                for each in packed.cosignatures
            ]
        ),
    )
    _check(bundle)
    return bundle


def _framed(packed: _Packed, loose: bytes) -> bytes:
    try:
        plain = msgspec.msgpack.encode(packed)
    except UnicodeEncodeError as error:
        raise InvalidValueError("", f"a note or a cosignature cannot be written: {error}") from None
    if len(plain) > BUNDLE_PLAIN_BYTES_MAX:
        raise _too_large(len(plain), BUNDLE_PLAIN_BYTES_MAX)
    block = zlib.compress(plain, _PACKING_LEVEL)
    summed = _LENGTHS.pack(len(block), len(loose)) + block + loose
    data = MAGIC + _SUM.pack(zlib.crc32(summed)) + summed
    if len(data) > BUNDLE_BYTES_MAX:
        raise _too_large(len(data), BUNDLE_BYTES_MAX)
    return data


def _unframed(data: bytes) -> tuple[_Packed, memoryview]:
    _check_start(data)
    packed_bytes, loose_bytes = _LENGTHS.unpack_from(data, _START_BYTES - _LENGTHS.size)
    promised = _START_BYTES + packed_bytes + loose_bytes
    if len(data) < promised:
        raise InvalidValueError("", f"this bundle is cut off after {len(data)} bytes of {promised}; {_AGAIN}")
    if len(data) > promised:
        raise InvalidValueError("", f"{len(data) - promised} bytes follow the end of this bundle")
    view = memoryview(data)
    (stated,) = _SUM.unpack_from(data, len(MAGIC))
    if zlib.crc32(view[len(MAGIC) + _SUM.size :]) != stated:
        raise InvalidValueError("", f"this bundle was damaged on its way; {_AGAIN}")
    plain = _unpacked(view[_START_BYTES : _START_BYTES + packed_bytes])
    try:
        return msgspec.msgpack.decode(plain, type=_Packed), view[_START_BYTES + packed_bytes :]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidValueError("", f"what is packed is no bundle: {error}") from None


def _check_start(data: bytes) -> None:
    if len(data) > BUNDLE_BYTES_MAX:
        raise _too_large(len(data), BUNDLE_BYTES_MAX)
    start = data[: len(MAGIC)]
    if not MAGIC.startswith(start):
        if start.startswith(_FORMAT):
            raise InvalidValueError("", "this bundle is of another version of Keepclear; update this one")
        raise InvalidValueError("", "this is no bundle of Keepclear")
    if len(data) < _START_BYTES:
        raise InvalidValueError("", f"this bundle is cut off after {len(data)} bytes; {_AGAIN}")


def _unpacked(block: memoryview) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        plain = unpacking.decompress(block, BUNDLE_PLAIN_BYTES_MAX + 1)
    except zlib.error as error:
        raise InvalidValueError("", f"what is packed cannot be unpacked: {error}") from None
    if len(plain) > BUNDLE_PLAIN_BYTES_MAX:
        reason = f"unpacked, this bundle is over the limit of {BUNDLE_PLAIN_BYTES_MAX} bytes"
        raise InvalidValueError("", reason)
    if not unpacking.eof or unpacking.unused_data:
        raise InvalidValueError("", "what is packed does not end where it should")
    return plain


def _check_fits(packed: _Packed, loose_bytes: int) -> None:
    """Refuse lengths and counts that do not fit each other, before entries are made of them."""
    forms = packed.forms
    withheld, whole = forms.count(_WITHHELD), forms.count(_WHOLE)
    apart = len(forms) - withheld - whole
    if (
        sum(part.entries for part in packed.parts) != len(forms)
        or len(packed.lengths) != whole + apart
        or sum(packed.lengths) != len(packed.texts)
        or loose_bytes != withheld * HASH_BYTES + apart * SIGNATURE_BYTES
        or max(forms, default=0) >= _APART + len(packed.headers)
    ):
        raise InvalidValueError("", "the lengths in this bundle do not fit each other")
    entry_bytes = _entry_bytes(packed)
    if entry_bytes > BUNDLE_PLAIN_BYTES_MAX:
        raise _too_large(entry_bytes, BUNDLE_PLAIN_BYTES_MAX)


def _entry_bytes(packed: _Packed) -> int:
    """Count how long the entries will be together."""
    lengths = iter(packed.lengths)
    total = 0
    for form in packed.forms:
        if form == _WHOLE:
            total += next(lengths)
        elif form >= _APART:
            total += len(packed.headers[form - _APART]) + _base64_length(next(lengths)) + _REST_BYTES
    return total


def _base64_length(length: int) -> int:
    return (4 * length + 2) // 3


def _entries(packed: _Packed, loose: memoryview) -> Iterator[bytes | Withheld]:
    """Put the entries together again; everything fits."""
    texts, headers = packed.texts, packed.headers
    lengths = iter(packed.lengths)
    text_at = loose_at = 0
    for form in packed.forms:
        if form == _WITHHELD:
            yield Withheld(bytes(loose[loose_at : loose_at + HASH_BYTES]))
            loose_at += HASH_BYTES
            continue
        text = texts[text_at : (text_at := text_at + next(lengths))]
        if form == _WHOLE:
            yield bytes(text)
            continue
        signature = loose[loose_at : loose_at + SIGNATURE_BYTES]
        yield _together(headers[form - _APART], text, signature)
        loose_at += SIGNATURE_BYTES


def _apart(entry: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Return header, payload and signature of an entry; None if they would not give the same bytes again."""
    pieces = entry.split(b".", 3)
    if len(pieces) != 3:
        return None
    try:
        payload, signature = (a2b_base64(piece.translate(_FROM_URL) + b"==") for piece in pieces[1:])
    except Error:
        return None
    apart = pieces[0], payload, signature
    return apart if len(signature) == SIGNATURE_BYTES and _together(*apart) == entry else None


def _together(header: bytes, payload: bytes | memoryview, signature: bytes | memoryview) -> bytes:
    return header + b"." + _base64url(payload) + b"." + _base64url(signature)


def _base64url(data: bytes | memoryview) -> bytes:
    return b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL)


def _check(bundle: Bundle) -> None:
    """Refuse what goes beyond the limits, before it is written and after it was read."""
    _check_party("by", bundle.by)
    _check_party("to", bundle.to)
    _check_number("at_ms", bundle.at_ms, TIME_MS_MAX)
    _check_count("heads", len(bundle.heads), PARTIES_MAX)
    _check_count("parts", len(bundle.parts), PARTS_MAX)
    _check_count("cosignatures", len(bundle.cosignatures), COSIGNATURES_MAX)
    _check_count("entries", sum(len(part.entries) for part in bundle.parts), ENTRIES_MAX)
    parties = [party for party, _ in bundle.heads]
    if parties != sorted(set(parties)):
        raise InvalidValueError("heads", "it must name each party once, sorted")
    for party, size in bundle.heads:
        _check_party("heads", party)
        _check_number("heads", size, LOG_ENTRIES_MAX)
    entry_bytes = 0
    for part in bundle.parts:
        _check_party("parts.party", part.party)
        _check_number("parts.first", part.first, LOG_ENTRIES_MAX - len(part.entries))
        entry_bytes += sum(map(_checked_length, part.entries))
    if entry_bytes > BUNDLE_PLAIN_BYTES_MAX:
        raise _too_large(entry_bytes, BUNDLE_PLAIN_BYTES_MAX)
    for each in bundle.cosignatures:
        _check_party("cosignatures.party", each.party)
        _check_party("cosignatures.witness", each.witness)
        _check_number("cosignatures.size", each.size, LOG_ENTRIES_MAX)
        _check_number("cosignatures.at_s", each.at_s, TIME_MS_MAX // 1_000)


def _checked_length(entry: bytes | Withheld) -> int:
    if isinstance(entry, Withheld):
        if len(entry.leaf) != HASH_BYTES:
            reason = f"for what is withheld stand {HASH_BYTES} bytes, not {len(entry.leaf)}"
            raise InvalidValueError("parts.entries", reason)
        return 0
    if len(entry) > ENTRY_BYTES_MAX:
        reason = f"an entry of {len(entry)} bytes is over the limit of {ENTRY_BYTES_MAX}"
        raise InvalidValueError("parts.entries", reason)
    return len(entry)


def _check_party(field: str, party: str) -> None:
    if not (0 < len(party) <= ID_CHARACTERS_MAX and party.isprintable()):
        raise InvalidValueError(field, f"it must be 1 to {ID_CHARACTERS_MAX} printable characters")


def _check_number(field: str, number: int, most: int) -> None:
    if not 0 <= number <= most:
        raise InvalidValueError(field, f"{number} is not within 0..{most}")


def _check_count(field: str, count: int, most: int) -> None:
    if count > most:
        raise InvalidValueError(field, f"{count} are over the limit of {most}; make a bundle of fewer")


def _too_large(size: int, most: int) -> InvalidValueError:
    reason = f"{size} bytes are over the limit of {most}; make a bundle of fewer entries"
    return InvalidValueError("", reason)
