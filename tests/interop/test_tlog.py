"""Trees, notes and requests agree with an implementation by others, both ways."""

from __future__ import annotations

import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from keepclear.codec.checkpoints import AddCheckpoint, Checkpoint, parse_add_checkpoint, parse_checkpoint
from keepclear.codec.notes import (
    KeyKind,
    Note,
    VerifierKey,
    parse_note,
    parse_signatures,
    parse_verifier_key,
    sign_note,
    verified_signers,
)
from keepclear.core.merkle import Tree, leaf_hash, verify_consistency, verify_inclusion
from tests.interop.conftest import Ask

pytestmark = pytest.mark.slow

ENTRIES = [b"entry %d" % n for n in range(150)]
SIZES = [*range(1, 35), 63, 64, 65, 100, 127, 128, 129, 150]
TREE = Tree(map(leaf_hash, ENTRIES))
SEED = b"s" * 32
PRIVATE = SigningKey(SEED)
ORIGIN, WITNESS = "keepclear/alpha/log", "keepclear/beta/log"
LOG_KEY, WITNESS_KEY = (
    VerifierKey(name=name, kind=kind, public=bytes(PRIVATE.verify_key))
    for name, kind in ((ORIGIN, KeyKind.LOG), (WITNESS, KeyKind.WITNESS))
)
BODY = Checkpoint(origin=ORIGIN, size=150, root=TREE.root()).encode()
AT_S = 1_700_000_000


def sign(message: bytes) -> bytes:
    return PRIVATE.sign(message).signature


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(public).verify(message, signature)
    except BadSignatureError:
        return False
    return True


NOTE = Note(text=BODY, signatures=(sign_note(BODY, LOG_KEY, sign), sign_note(BODY, WITNESS_KEY, sign, AT_S)))


def hex_of(hashes: list[bytes]) -> list[str]:
    return [each.hex() for each in hashes]


def test_roots_and_all_proofs_are_the_same(ask: Ask) -> None:
    theirs = ask("trees", entries=hex_of(ENTRIES), sizes=SIZES)
    assert theirs["leaves"] == hex_of(list(map(leaf_hash, ENTRIES)))
    assert theirs["roots"] == [TREE.root(size).hex() for size in SIZES]
    assert theirs["inclusion"] == [
        [hex_of(TREE.inclusion_proof(n, size)) for n in range(size)] for size in SIZES
    ]
    assert theirs["consistency"] == [
        [hex_of(TREE.consistency_proof(n, size)) for n in range(1, size + 1)] for size in SIZES
    ]


def test_the_same_inclusion_proofs_are_believed(ask: Ask) -> None:
    cases = []
    for size in SIZES:
        for index in range(0, size, 3):
            proof = TREE.inclusion_proof(index, size)
            for told_index in {index, index ^ 1, size - 1}:
                for told_size in {size, size + 1}:
                    for told in (proof, proof[1:], proof[::-1], [*proof, leaf_hash(b"more")]):
                        cases.append((TREE.leaf(index), told_index, told_size, TREE.root(size), told))
    ours = [verify_inclusion(*case) for case in cases]
    wired = [(leaf.hex(), index, size, root.hex(), hex_of(proof)) for leaf, index, size, root, proof in cases]
    assert ask("inclusion", cases=wired) == ours
    assert 0 < sum(ours) < len(ours)


def test_the_same_consistency_proofs_are_believed(ask: Ask) -> None:
    cases = [(0, 5, TREE.root(0), TREE.root(5), []), (0, 0, TREE.root(0), TREE.root(0), [])]
    for new in SIZES:
        for old in range(0, new + 1, 3):
            proof = TREE.consistency_proof(old, new)
            for told_old in {old, old + 1}:
                for told in (proof, proof[1:], proof[::-1], [*proof, leaf_hash(b"more")]):
                    cases.append((told_old, new, TREE.root(old), TREE.root(new), told))
    ours = [verify_consistency(*case) for case in cases]
    wired = [(old, new, a.hex(), b.hex(), hex_of(proof)) for old, new, a, b, proof in cases]
    assert ask("consistency", cases=wired) == ours
    assert 0 < sum(ours) < len(ours)


def test_they_verify_our_note_and_its_cosignature(ask: Ask) -> None:
    theirs = ask("note", text=NOTE.encode(), vkeys=[LOG_KEY.encode()])
    assert theirs == {
        "again": NOTE.encode(),
        "verified": True,
        "checkpoint": [ORIGIN, 150, TREE.root().hex()],
    }
    line = NOTE.signatures[1].encode()
    assert ask("cosignature", body=BODY, line=line, public=WITNESS_KEY.public.hex())
    other = Checkpoint(origin=ORIGIN, size=149, root=TREE.root(149)).encode()
    assert not ask("cosignature", body=other, line=line, public=WITNESS_KEY.public.hex())


def test_we_verify_their_note_and_its_cosignature(ask: Ask) -> None:
    theirs = ask("signed", body=BODY, seed=SEED.hex(), log=ORIGIN, witness=WITNESS, at_s=AT_S)
    assert [parse_verifier_key(theirs[which]) for which in ("log", "witness")] == [LOG_KEY, WITNESS_KEY]
    note = parse_note(theirs["note"])
    assert note == NOTE  # Ed25519 signs the same each time
    assert parse_signatures(theirs["cosignature"]) == NOTE.signatures[1:]
    signers = verified_signers(note.text, note.signatures, [LOG_KEY, WITNESS_KEY], verify)
    assert [signer.at_s for signer in signers] == [None, AT_S]
    assert parse_checkpoint(note.text).size == 150


def test_they_read_and_write_our_request_to_a_witness(ask: Ask) -> None:
    request = AddCheckpoint(old_size=100, proof=tuple(TREE.consistency_proof(100)), note=NOTE)
    theirs = ask("request", body=request.encode())
    assert (theirs["old_size"], theirs["proof"]) == (100, hex_of(list(request.proof)))
    assert theirs["checkpoint"] == NOTE.encode()
    assert parse_add_checkpoint(theirs["again"]) == request
