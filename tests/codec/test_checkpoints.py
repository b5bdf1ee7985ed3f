"""Checkpoints, requests to a witness and proofs of entries, as C2SP writes them."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.codec.checkpoints import (
    EXTRA_BYTES_MAX,
    ORIGIN_BYTES_MAX,
    PROOF_HASHES_MAX,
    REQUEST_BYTES_MAX,
    AddCheckpoint,
    Checkpoint,
    LogProof,
    parse_add_checkpoint,
    parse_checkpoint,
    parse_log_proof,
)
from keepclear.codec.notes import Note, NoteSignature, parse_note
from keepclear.core.errors import InvalidValueError
from keepclear.core.merkle import EMPTY_ROOT, SIZE_MAX, Tree, leaf_hash

HASH = b"h" * 32
HASH_LINE = base64.b64encode(HASH).decode()
EMPTY_LINE = base64.b64encode(EMPTY_ROOT).decode()
SIGNATURE = NoteSignature(name="example.org/log", key_id=b"1234", content=b"signature")


def note_of(checkpoint: Checkpoint) -> Note:
    return Note(text=checkpoint.encode(), signatures=(SIGNATURE,))


# -- checkpoints --------------------------------------------------------------------------------------


def test_a_checkpoint_is_three_lines() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = parse_checkpoint(text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert checkpoint.root.hex().startswith("0ac5186a")
    assert checkpoint.encode() == text


def test_further_lines_are_kept() -> None:
    text = f"origin\n0\n{EMPTY_LINE}\nmore of it\nand more\n"
    assert parse_checkpoint(text).extensions == ("more of it", "and more")
    assert parse_checkpoint(text).encode() == text


ORIGINS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="".join(map(chr, range(32)))),
    min_size=1,
    max_size=30,
)
CHECKPOINTS = st.builds(
    Checkpoint,
    origin=ORIGINS,
    size=st.integers(1, SIZE_MAX),
    root=st.binary(min_size=32, max_size=32),
    extensions=st.lists(ORIGINS, max_size=2).map(tuple),
)


@given(CHECKPOINTS)
def test_a_checkpoint_comes_back_as_it_was(checkpoint: Checkpoint) -> None:
    assert parse_checkpoint(checkpoint.encode()) == checkpoint


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "lines for origin, size and root"),
        ("origin\n1\n", "lines for origin"),
        (f"origin\n1\n{HASH_LINE}", "lines for origin"),
        (f"\n1\n{HASH_LINE}\n", "origin"),
        (f"origin\n\n{HASH_LINE}\n", "size"),
        (f"origin\n01\n{HASH_LINE}\n", "size"),
        (f"origin\n+1\n{HASH_LINE}\n", "size"),
        (f"origin\n-1\n{HASH_LINE}\n", "size"),
        (f"origin\n1 \n{HASH_LINE}\n", "size"),
        (f"origin\n1e3\n{HASH_LINE}\n", "size"),
        (f"origin\n\u0661\n{HASH_LINE}\n", "size"),
        (f"origin\n{SIZE_MAX + 1}\n{HASH_LINE}\n", "size"),
        (f"origin\n{'9' * 5000}\n{HASH_LINE}\n", "size"),
        (f"origin\n1\n{HASH_LINE[:-1]}\n", "root"),
        (f"origin\n1\n{HASH_LINE[4:]}\n", "root"),
        (f"origin\n1\n {HASH_LINE}\n", "root"),
        (f"origin\n0\n{HASH_LINE}\n", "not the root of an empty log"),
        (f"origin\n1\n{HASH_LINE}\n\n", r"extensions\[0\]"),
        (f"origin\n1\n{HASH_LINE}\n\nx\n", r"extensions\[0\]"),
        (f"ori\rgin\n1\n{HASH_LINE}\n", "control character"),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        parse_checkpoint(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("origin", ""),
        ("origin", "a\nb"),
        ("origin", "\ud800"),
        ("origin", "o" * (ORIGIN_BYTES_MAX + 1)),
        ("size", -1),
        ("size", SIZE_MAX + 1),
        ("root", b"short"),
        ("extensions", ("",)),
    ],
)
def test_a_checkpoint_is_made_of_what_can_be_read_again(field: str, value: object) -> None:
    checkpoint = Checkpoint(origin="o" * ORIGIN_BYTES_MAX, size=SIZE_MAX, root=HASH)
    assert parse_checkpoint(checkpoint.encode()) == checkpoint
    with pytest.raises(InvalidValueError, match=field):
        replace(checkpoint, **{field: value})  # type: ignore[arg-type]


# -- requests to a witness ----------------------------------------------------------------------------

SEVEN = note_of(Checkpoint(origin="example.org/log", size=7, root=HASH))


def test_a_request_is_the_old_size_the_proof_and_the_checkpoint() -> None:
    request = AddCheckpoint(old_size=3, proof=(HASH, HASH), note=SEVEN)
    assert request.encode() == f"old 3\n{HASH_LINE}\n{HASH_LINE}\n\n{SEVEN.encode()}"
    assert parse_add_checkpoint(request.encode().encode()) == request
    assert request.checkpoint.size == 7


@given(CHECKPOINTS, st.data(), st.lists(st.binary(min_size=32, max_size=32), max_size=PROOF_HASHES_MAX))
def test_a_request_comes_back_as_it_was(
    checkpoint: Checkpoint, data: st.DataObject, proof: list[bytes]
) -> None:
    old_size = data.draw(st.integers(0, checkpoint.size))
    request = AddCheckpoint(old_size=old_size, proof=tuple(proof), note=note_of(checkpoint))
    assert parse_add_checkpoint(request.encode()) == request


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "an empty line"),
        ("old 3\n", "an empty line"),
        (f"\n\n{SEVEN.encode()}", "old"),
        (f"new 3\n\n{SEVEN.encode()}", "old"),
        (f"old\n\n{SEVEN.encode()}", "old"),
        (f"old  3\n\n{SEVEN.encode()}", "old"),
        (f"old 03\n\n{SEVEN.encode()}", "old"),
        (f"old 8\n\n{SEVEN.encode()}", "old_size: 8 is not within 0..7"),
        (f"old 3\nno hash\n\n{SEVEN.encode()}", r"proof\[0\]"),
        (f"old 3\n{HASH_LINE[4:]}\n\n{SEVEN.encode()}", r"proof\[0\]: it must be 32 bytes"),
        (f"old 3\n\n{SEVEN.encode()}\n", "lines"),
        ("old 3\n\nno checkpoint\n\n\u2014 name AAAAAAA=\n", "a checkpoint has lines"),
        ("old 3\n" + f"{HASH_LINE}\n" * (PROOF_HASHES_MAX + 1) + f"\n{SEVEN.encode()}", "over 63 hashes"),
        (b"x" * (REQUEST_BYTES_MAX + 1), "over the limit"),
    ],
)
def test_what_is_no_request_is_refused(data: bytes | str, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        parse_add_checkpoint(data)


def test_a_proof_has_63_hashes_at_most() -> None:
    request = AddCheckpoint(old_size=3, proof=(HASH,) * PROOF_HASHES_MAX, note=SEVEN)
    assert parse_add_checkpoint(request.encode()) == request
    for proof in ((HASH,) * (PROOF_HASHES_MAX + 1), (b"short",)):
        with pytest.raises(InvalidValueError, match="proof"):
            replace(request, proof=proof)
        with pytest.raises(InvalidValueError, match="proof"):
            LogProof(index=0, proof=proof, note=SEVEN)


# -- proofs of entries --------------------------------------------------------------------------------

TREE = Tree([leaf_hash(b"entry %d" % n) for n in range(7)])
PROOF = LogProof(
    index=5,
    proof=tuple(TREE.inclusion_proof(5)),
    note=note_of(Checkpoint(origin="example.org/log", size=7, root=TREE.root())),
    extra=b"entry 5",
)


def test_a_proof_holds_for_its_entry_only() -> None:
    assert PROOF.proves(leaf_hash(PROOF.extra))
    assert not PROOF.proves(leaf_hash(b"entry 4"))
    assert not replace(PROOF, index=4).proves(leaf_hash(PROOF.extra))


def test_a_proof_is_written_as_the_standard_has_it() -> None:
    first, extra, index, *hashes = PROOF.encode().split("\n\n")[0].split("\n")
    assert (first, extra, index) == ("c2sp.org/tlog-proof@v1", "extra ZW50cnkgNQ==", "index 5")
    assert hashes == [base64.b64encode(each).decode() for each in PROOF.proof]
    assert PROOF.encode().endswith(f"\n\n{PROOF.note.encode()}")


@pytest.mark.parametrize("extra", [b"", b"x", bytes(EXTRA_BYTES_MAX)])
def test_a_proof_comes_back_as_it_was(extra: bytes) -> None:
    proof = replace(PROOF, extra=extra)
    assert parse_log_proof(proof.encode()) == proof
    assert parse_log_proof(proof.encode().encode()) == proof


HEAD = "c2sp.org/tlog-proof@v1\n"
NOTE = PROOF.note.encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "an empty line"),
        (f"c2sp.org/tlog-proof@v2\nindex 5\n\n{NOTE}", "must begin with"),
        (f"c2sp.org/tlog-proof@v1\n\n{NOTE}", "index: it is missing"),
        (f"{HEAD}extra AAAA\n\n{NOTE}", "index: it is missing"),
        (f"{HEAD}extra \nindex 5\n\n{NOTE}", "leave the line out"),
        (f"{HEAD}extra A\nindex 5\n\n{NOTE}", "extra"),
        (f"{HEAD}extra AAAA\nextra AAAA\nindex 5\n\n{NOTE}", "index"),
        (f"{HEAD}index 05\n\n{NOTE}", "index"),
        (f"{HEAD}index 7\n\n{NOTE}", "7 is not below 7"),
        (f"{HEAD}index 5\nnothing\n\n{NOTE}", r"proof\[0\]"),
        (f"{HEAD}index 5\n\nno checkpoint\n\n\u2014 name AAAAAAA=\n", "a checkpoint has lines"),
        (f"{HEAD}index 5\n\n{NOTE}rest", "lines"),
    ],
)
def test_what_is_no_proof_is_refused(data: str, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        parse_log_proof(data)


def test_more_extra_bytes_than_the_limit_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="extra"):
        replace(PROOF, extra=bytes(EXTRA_BYTES_MAX + 1))


@given(st.data())
def test_what_is_read_has_no_other_spelling(data: st.DataObject) -> None:
    parse = data.draw(st.sampled_from([parse_log_proof, parse_add_checkpoint]))
    wire = (
        PROOF.encode()
        if parse is parse_log_proof
        else AddCheckpoint(old_size=0, proof=(), note=SEVEN).encode()
    )
    changed = bytearray(wire.encode())
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at] = data.draw(st.integers(0, 255) | st.sampled_from(list(b"\n =A0")))
    try:
        read = parse(bytes(changed))
    except InvalidValueError:
        return
    assert read.encode().encode() == bytes(changed)


def test_a_note_read_alone_gives_the_same_checkpoint() -> None:
    assert parse_checkpoint(parse_note(NOTE).text) == PROOF.checkpoint
