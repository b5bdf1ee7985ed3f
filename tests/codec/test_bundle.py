"""Bundles as bytes: nothing lost, little carried, and nothing but a clear refusal for what is no bundle."""

from __future__ import annotations

import json
import random
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.codec import bundle as bundle_module
from keepclear.codec.bundle import (
    COSIGNATURES_MAX,
    ENTRIES_MAX,
    MAGIC,
    PARTS_MAX,
    decode_bundle,
    encode_bundle,
)
from keepclear.codec.jws import encode_jws
from keepclear.codec.statements import ENTRY_BYTES_MAX, STATEMENT_TYPE, TIME_MS_MAX
from keepclear.core.bundles import Bundle, Cosignature, LogPart, Withheld
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX, PartyId
from keepclear.core.refs import LOG_ENTRIES_MAX
from keepclear.core.statements import PARTIES_MAX

ALPHA, BRAVO, CHARLIE = PartyId("alpha"), PartyId("bravo"), PartyId("charlie")
KIDS = ("56475aa75463474c", "0123456789abcdef")
NOON_MS = 1_777_636_800_000
GOLDEN = Path(__file__).parent.parent / "golden"
START_BYTES = len(MAGIC) + 12


def entry(payload: bytes, kid: str = KIDS[0], filler: int = 7) -> bytes:
    """Return an entry with 64 bytes in the place of its signature."""
    return encode_jws(STATEMENT_TYPE, kid, payload, lambda _: bytes([filler]) * 64).encode()


def part(*entries: bytes | Withheld, first: int = 0) -> LogPart:
    return LogPart(party=ALPHA, first=first, entries=entries, note="")


COSIGNATURE = Cosignature(
    party=ALPHA, witness=BRAVO, size=3, at_s=NOON_MS // 1_000, body="head\n", line="line\n"
)
EMPTY = Bundle(by=ALPHA, to=BRAVO, at_ms=NOON_MS)
GOLDEN_ENTRIES = [line.encode() for line in (GOLDEN / "statements.txt").read_text("utf-8").split("\n")[6::4]]
EXAMPLE = replace(
    EMPTY,
    heads=((ALPHA, 12), (BRAVO, 0)),
    parts=(
        replace(
            part(GOLDEN_ENTRIES[0], Withheld(bytes(range(32))), *GOLDEN_ENTRIES[1:]), note="a signed head\n"
        ),
        LogPart(party=CHARLIE, first=3, entries=(b"what is no JWS",), note=""),
    ),
    cosignatures=(COSIGNATURE,),
)


def framed(block: bytes, loose: bytes = b"") -> bytes:
    """Return a bundle with right lengths and a right check sum."""
    summed = struct.pack(">II", len(block), len(loose)) + block + loose
    return MAGIC + struct.pack(">I", zlib.crc32(summed)) + summed


def taken_apart(data: bytes) -> tuple[bytes, bytes]:
    """Return what a bundle packs, and its loose block."""
    (block_bytes,) = struct.unpack_from(">I", data, len(MAGIC) + 4)
    end = START_BYTES + block_bytes
    return zlib.decompress(data[START_BYTES:end]), data[end:]


def spoiled(bundle: Bundle, place: int, value: Any) -> bytes:
    """Return a bundle in which one of the packed values is another."""
    plain, loose = taken_apart(encode_bundle(bundle))
    values = msgspec.msgpack.decode(plain)
    values[place] = value
    return framed(zlib.compress(msgspec.msgpack.encode(values)), loose)


def test_the_example_is_read_from_the_file_and_packs_what_the_file_does() -> None:
    """How tightly the same is packed may differ between builds of zlib."""
    lines = (GOLDEN / "bundle.txt").read_text("utf-8").split("\n\n")[1].split()
    data = bytes.fromhex("".join(lines))
    assert decode_bundle(data) == EXAMPLE
    assert taken_apart(encode_bundle(EXAMPLE)) == taken_apart(data)


names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=9).map(PartyId)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
sizes = st.integers(0, LOG_ENTRIES_MAX)
jws_entries = st.builds(entry, st.binary(max_size=60), st.sampled_from(KIDS), st.integers(0, 255))


@st.composite
def nearly_entries(draw: st.DrawFn) -> bytes:
    """Draw an entry with something put in or taken out, so that it may not come apart."""
    whole = draw(jws_entries)
    place = draw(st.integers(0, len(whole)))
    return (
        whole[:place]
        + draw(st.sampled_from([b"", b".", b"=", b"A", b"\n", b"\xff", b"+"]))
        + whole[place + 1 :]
    )


entries = (
    jws_entries
    | nearly_entries()
    | st.binary(max_size=60)
    | st.builds(Withheld, st.binary(min_size=32, max_size=32))
)
parts = st.builds(
    LogPart,
    party=names,
    first=st.integers(0, LOG_ENTRIES_MAX - 9),
    entries=st.lists(entries, max_size=6).map(tuple),
    note=texts,
)
cosignatures = st.builds(
    Cosignature,
    party=names,
    witness=names,
    size=sizes,
    at_s=st.integers(0, TIME_MS_MAX // 1_000),
    body=texts,
    line=texts,
)
bundles = st.builds(
    Bundle,
    by=names,
    to=names,
    at_ms=st.integers(0, TIME_MS_MAX),
    heads=st.dictionaries(names, sizes, max_size=4).map(lambda heads: tuple(sorted(heads.items()))),
    parts=st.lists(parts, max_size=4).map(tuple),
    cosignatures=st.lists(cosignatures, max_size=3).map(tuple),
)


def read_or_refused(data: bytes) -> None:
    try:
        bundle = decode_bundle(data)
    except InvalidValueError:
        return
    assert decode_bundle(encode_bundle(bundle)) == bundle


@given(bundles)
def test_what_is_written_is_read_as_it_was(bundle: Bundle) -> None:
    assert decode_bundle(encode_bundle(bundle)) == bundle


@given(st.binary())
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    for each in (data, MAGIC + data, framed(data), framed(zlib.compress(data), data)):
        with pytest.raises(InvalidValueError):
            decode_bundle(each)


def test_a_bundle_cut_off_anywhere_is_refused_and_says_where() -> None:
    data = encode_bundle(EXAMPLE)
    for length in range(len(data)):
        with pytest.raises(InvalidValueError, match=f"cut off after {length} bytes"):
            decode_bundle(data[:length])


@given(st.data())
def test_a_bundle_with_one_byte_changed_is_refused(data: st.DataObject) -> None:
    whole = encode_bundle(EXAMPLE)
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InvalidValueError):
        decode_bundle(bytes(changed))


@given(bundles, st.data())
def test_a_bundle_spoiled_by_somebody_who_makes_the_check_sum_right_is_read_or_refused(
    bundle: Bundle, data: st.DataObject
) -> None:
    plain, loose = taken_apart(encode_bundle(bundle))
    block = zlib.compress(plain)

    def changed(taken: bytes) -> bytes:
        place = data.draw(st.integers(0, len(taken)))
        put = data.draw(st.binary(max_size=2))
        return taken[:place] + put + taken[place + data.draw(st.integers(0, 2)) :]

    read_or_refused(framed(zlib.compress(changed(plain)), loose))
    read_or_refused(framed(changed(block), loose))
    read_or_refused(framed(block, changed(loose)))


def test_bytes_after_the_end_are_refused() -> None:
    data = encode_bundle(EXAMPLE)
    with pytest.raises(InvalidValueError, match="2 bytes follow the end"):
        decode_bundle(data + b"\r\n")


def test_damage_on_the_way_is_told_from_a_bad_signature() -> None:
    data = bytearray(encode_bundle(EXAMPLE))
    data[-1] ^= 1  # in a signature
    with pytest.raises(InvalidValueError, match="damaged on its way"):
        decode_bundle(bytes(data))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "cut off after 0 bytes"),
        (b'{"v":1}', "no bundle of Keepclear"),
        (b"KEEPCLEAR-BUNDLE/2\n" + bytes(40), "another version"),
        (b"KEEPCLEAR-BUNDLE/1\r\n" + bytes(40), "another version"),
        (framed(b""), "does not end where it should"),
        (framed(b"not packed"), "cannot be unpacked"),
        (framed(zlib.compress(b"\xc0")[:-1]), "does not end where it should"),
        (framed(zlib.compress(b"\xc0") + b"x"), "does not end where it should"),
        (framed(zlib.compress(b"\xc0")), "no bundle"),
        (framed(zlib.compress(b"\x90" * 5_000)), "no bundle"),
        (framed(zlib.compress(b"\x91" * 100_000)), "no bundle"),
        (framed(zlib.compress(b"\xdd\xff\xff\xff\xff")), "no bundle"),
        (
            framed(zlib.compress(msgspec.msgpack.encode(["a", "b", 1, [], [], [], [], [], [], b"", 1]))),
            "no bundle",
        ),
    ],
)
def test_what_is_no_bundle_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        decode_bundle(data)


BY, TO, AT, HEADS, PARTS, COSIGNATURES, HEADERS, FORMS, LENGTHS, TEXTS = range(10)
TWO = replace(EMPTY, parts=(part(entry(b"one"), b"two"),))


def test_the_bundle_that_the_next_test_spoils_is_taken() -> None:
    plain, loose = taken_apart(encode_bundle(TWO))
    assert decode_bundle(framed(zlib.compress(plain), loose)) == TWO
    values = msgspec.msgpack.decode(plain)
    assert values[PARTS:] == [[["alpha", 0, 2, ""]], [], values[HEADERS], [2, 1], [3, 3], b"onetwo"]


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (BY, "", "by"),
        (BY, "a" * (ID_CHARACTERS_MAX + 1), "by"),
        (BY, b"alpha", "no bundle"),
        (TO, "a\nb", "to"),
        (AT, -1, "at_ms"),
        (AT, TIME_MS_MAX + 1, "at_ms"),
        (AT, 2**64 - 1, "at_ms"),
        (HEADS, [["b", 1], ["a", 1]], "heads"),
        (HEADS, [["a", 1], ["a", 1]], "heads"),
        (HEADS, [["a", -1]], "heads"),
        (HEADS, [[f"party {n:02}", 1] for n in range(PARTIES_MAX + 1)], "64"),
        (PARTS, [["alpha", 0, 1, ""]], "do not fit"),
        (PARTS, [["alpha", 0, 3, ""]], "do not fit"),
        (PARTS, [["alpha", 0, 2**63, ""]], "do not fit"),
        (PARTS, [["alpha", 0, 3, ""], ["alpha", 0, -1, ""]], "no bundle"),
        (PARTS, [["alpha", LOG_ENTRIES_MAX - 1, 2, ""]], "parts.first"),
        (PARTS, [["alpha", 0, 2, "", 1]], "no bundle"),
        (PARTS, [["alpha", 0, 0, ""]] * PARTS_MAX + [["alpha", 0, 2, ""]], "64"),
        (COSIGNATURES, [["a", "b", -1, 1, "", ""]], "cosignatures.size"),
        (COSIGNATURES, [["a", "b", 1, -1, "", ""]], "cosignatures.at_s"),
        (COSIGNATURES, [["a", "", 1, 1, "", ""]], "cosignatures.witness"),
        (COSIGNATURES, [["a", "b", 1, 1, "", ""]] * (COSIGNATURES_MAX + 1), "4096"),
        (HEADERS, [], "do not fit"),
        (FORMS, [3, 1], "do not fit"),
        (FORMS, [2**64 - 1, 1], "do not fit"),
        (FORMS, [2, 2], "do not fit"),
        (FORMS, [2, 0], "do not fit"),
        (FORMS, [2], "do not fit"),
        (FORMS, [1] * (ENTRIES_MAX + 1), "50000"),
        (LENGTHS, [3, 2], "do not fit"),
        (LENGTHS, [3, 2**63], "do not fit"),
        (LENGTHS, [7, -1], "no bundle"),
        (LENGTHS, [6], "do not fit"),
        (TEXTS, b"", "do not fit"),
        (TEXTS, "onetwo", "no bundle"),
    ],
)
def test_a_bundle_with_a_value_that_cannot_be_is_refused(place: int, value: Any, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        decode_bundle(spoiled(TWO, place, value))


def test_text_that_is_not_utf_8_is_refused() -> None:
    plain, loose = taken_apart(encode_bundle(TWO))
    with pytest.raises(InvalidValueError, match="no bundle"):
        decode_bundle(framed(zlib.compress(plain.replace(b"alpha", b"\xff" * 5)), loose))


def test_a_bomb_is_not_unpacked_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_module, "BUNDLE_PLAIN_BYTES_MAX", 1_000_000)
    with pytest.raises(InvalidValueError, match="over the limit of 1000000"):
        decode_bundle(framed(zlib.compress(bytes(10_000_000))))


def test_a_long_header_used_by_many_entries_does_not_fill_memory() -> None:
    count = 10_000
    many = replace(EMPTY, parts=(part(*[entry(b"")] * count),))
    with pytest.raises(InvalidValueError, match="over the limit of 128000000"):
        decode_bundle(spoiled(many, HEADERS, [b"a" * 100_000]))


def test_the_largest_bundle_is_taken_and_no_larger_one(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode_bundle(EXAMPLE)
    plain, _ = taken_apart(data)
    held = sum(len(each) for part in EXAMPLE.parts for each in part.entries if isinstance(each, bytes))
    assert held > len(plain)
    for limit, most in (("BUNDLE_BYTES_MAX", len(data)), ("BUNDLE_PLAIN_BYTES_MAX", held)):
        with monkeypatch.context() as patch:
            patch.setattr(bundle_module, limit, most)
            assert decode_bundle(encode_bundle(EXAMPLE)) == EXAMPLE
            patch.setattr(bundle_module, limit, most - 1)
            for act in (lambda: encode_bundle(EXAMPLE), lambda: decode_bundle(data)):
                with pytest.raises(InvalidValueError, match="over the limit"):
                    act()


def test_no_more_is_packed_than_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    noted = replace(EMPTY, parts=(replace(part(), note="a" * 5_000),))
    data = encode_bundle(noted)
    most = len(taken_apart(data)[0])
    monkeypatch.setattr(bundle_module, "BUNDLE_PLAIN_BYTES_MAX", most)
    assert decode_bundle(encode_bundle(noted)) == noted
    monkeypatch.setattr(bundle_module, "BUNDLE_PLAIN_BYTES_MAX", most - 1)
    for act in (lambda: encode_bundle(noted), lambda: decode_bundle(data)):
        with pytest.raises(InvalidValueError, match="over the limit"):
            act()


LONGEST = b"a" * ENTRY_BYTES_MAX


@pytest.mark.parametrize(
    "bundle",
    [
        replace(EMPTY, heads=tuple((PartyId(f"party {n:02}"), LOG_ENTRIES_MAX) for n in range(PARTIES_MAX))),
        replace(EMPTY, parts=(part(),) * PARTS_MAX),
        replace(EMPTY, cosignatures=(COSIGNATURE,) * COSIGNATURES_MAX),
        replace(EMPTY, parts=(part(*[b""] * ENTRIES_MAX),)),
        replace(EMPTY, parts=(part(b"", first=LOG_ENTRIES_MAX - 1),)),
        replace(EMPTY, parts=(part(LONGEST),)),
    ],
)
def test_what_is_at_a_limit_is_carried(bundle: Bundle) -> None:
    assert decode_bundle(encode_bundle(bundle)) == bundle


@pytest.mark.parametrize(
    ("bundle", "field"),
    [
        (replace(EMPTY, by=PartyId("")), "by"),
        (replace(EMPTY, to=PartyId("\ud800")), "to"),
        (replace(EMPTY, at_ms=2**70), "at_ms"),
        (replace(EMPTY, heads=tuple((PartyId(f"party {n:02}"), 0) for n in range(PARTIES_MAX + 1))), "heads"),
        (replace(EMPTY, heads=((ALPHA, LOG_ENTRIES_MAX + 1),)), "heads"),
        (replace(EMPTY, heads=((BRAVO, 1), (ALPHA, 1))), "heads"),
        (replace(EMPTY, parts=(part(),) * (PARTS_MAX + 1)), "parts"),
        (replace(EMPTY, cosignatures=(COSIGNATURE,) * (COSIGNATURES_MAX + 1)), "cosignatures"),
        (replace(EMPTY, parts=(part(*[b""] * ENTRIES_MAX), part(b""))), "entries"),
        (replace(EMPTY, parts=(part(b"", first=LOG_ENTRIES_MAX),)), "parts.first"),
        (replace(EMPTY, parts=(part(b"", first=-1),)), "parts.first"),
        (replace(EMPTY, parts=(part(LONGEST + b"a"),)), "parts.entries"),
        (replace(EMPTY, parts=(part(Withheld(bytes(31))),)), "parts.entries"),
        (replace(EMPTY, parts=(replace(part(), note="\ud800"),)), ""),
    ],
)
def test_what_is_over_a_limit_is_not_written(bundle: Bundle, field: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        encode_bundle(bundle)
    assert caught.value.field == field


def test_an_entry_longer_than_any_is_refused_when_read() -> None:
    plain, loose = taken_apart(encode_bundle(replace(EMPTY, parts=(part(LONGEST),))))
    values = msgspec.msgpack.decode(plain)
    values[LENGTHS], values[TEXTS] = [ENTRY_BYTES_MAX + 1], LONGEST + b"a"
    with pytest.raises(InvalidValueError, match=r"parts\.entries"):
        decode_bundle(framed(zlib.compress(msgspec.msgpack.encode(values)), loose))


def test_a_backlog_takes_less_than_100_bytes_a_statement() -> None:
    chance = random.Random(1)
    count = 2_000

    def statement(n: int) -> bytes:
        lng, lat = round(chance.uniform(35.0, 38.0), 4), round(chance.uniform(33.0, 36.0), 4)
        outline = {
            "outline_circle": {"center": {"lng": lng, "lat": lat}, "radius": {"value": 500.0, "units": "M"}}
        }
        time = {"value": f"2026-05-01T{n % 24:02}:{chance.randrange(60):02}:00Z", "format": "RFC3339"}
        item = {"id": f"A-{n:05}", "volumes": [{"volume": outline, "time_start": time}]}
        body = {"id": f"A-{n:05}", "version": 1, "item": item}
        fields = {
            "v": 1,
            "type": "declared",
            "by": "alpha",
            "n": n,
            "t": NOON_MS + n * chance.randrange(9_999),
        }
        payload = json.dumps({**fields, "body": body}, separators=(",", ":")).encode()
        return encode_jws(STATEMENT_TYPE, KIDS[0], payload, lambda _: chance.randbytes(64)).encode()

    backlog = replace(EMPTY, parts=(part(*[statement(n) for n in range(count)]),))
    assert len(encode_bundle(backlog)) <= 100 * count
