"""Answers of an implementation by others (aics-tlog, aics-witness), run in an environment of its own.

The question is the argument, what it needs comes as JSON; bytes are hexadecimal.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from aics_tlog.checkpoint import parse_checkpoint
from aics_tlog.cosign import cosignature_vkey, sign_cosignature, verify_cosignature
from aics_tlog.hashing import leaf_hash
from aics_tlog.note import (
    Note,
    format_vkey,
    parse_note,
    parse_vkey,
    sign_note,
    verify_note,
    vkey_from_ed25519,
)
from aics_tlog.tree import MerkleTree, verify_consistency, verify_inclusion
from aics_witness.protocol import (
    format_add_checkpoint_request,
    format_signature_line,
    parse_add_checkpoint_request,
    parse_signature_lines,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def hex_of(hashes: list[bytes]) -> list[str]:
    return [each.hex() for each in hashes]


def bytes_of(hashes: list[str]) -> list[bytes]:
    return [bytes.fromhex(each) for each in hashes]


def trees(entries: list[str], sizes: list[int]) -> dict[str, Any]:
    """Return leaves and roots, and the proofs of the trees of some sizes."""
    tree = MerkleTree(bytes_of(entries))
    return {
        "leaves": [leaf_hash(bytes.fromhex(entry)).hex() for entry in entries],
        "roots": [tree.root(size).hex() for size in sizes],
        "inclusion": [[hex_of(tree.inclusion_proof(n, size)) for n in range(size)] for size in sizes],
        "consistency": [
            [hex_of(tree.consistency_proof(n, size)) for n in range(1, size + 1)] for size in sizes
        ],
    }


def inclusion(cases: list[tuple[str, int, int, str, list[str]]]) -> list[bool]:
    return [
        verify_inclusion(bytes.fromhex(leaf), index, size, bytes_of(proof), bytes.fromhex(root))
        for leaf, index, size, root, proof in cases
    ]


def consistency(cases: list[tuple[int, int, str, str, list[str]]]) -> list[bool]:
    return [
        verify_consistency(old, new, bytes.fromhex(old_root), bytes.fromhex(new_root), bytes_of(proof))
        for old, new, old_root, new_root, proof in cases
    ]


def note(text: str, vkeys: list[str]) -> dict[str, Any]:
    """Read a note and tell whether it verifies, and what it says as a checkpoint."""
    parsed = parse_note(text.encode())
    checkpoint = parse_checkpoint(parsed.text)
    return {
        "again": parsed.serialise(),
        "verified": verify_note(parsed, [parse_vkey(vkey) for vkey in vkeys]),
        "checkpoint": [checkpoint.origin, checkpoint.size, checkpoint.root.hex()],
    }


def cosignature(body: str, line: str, public: str) -> bool:
    checkpoint = parse_checkpoint(body)
    (signature,) = parse_signature_lines(line)
    key = cosignature_vkey(signature.name, bytes.fromhex(public))
    return signature.key_id == key.key_id and verify_cosignature(
        signature.signature,
        signature.name,
        key.public_key,
        checkpoint.origin,
        checkpoint.size,
        checkpoint.root,
    )


def signed(body: str, seed: str, log: str, witness: str, at_s: int) -> dict[str, str]:
    """Sign a checkpoint as a log and as a witness, with the same seed."""
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    public = private.public_key().public_bytes_raw()
    checkpoint = parse_checkpoint(body)
    lines = (
        sign_note(body, private, log),
        sign_cosignature(private, witness, at_s, checkpoint.origin, checkpoint.size, checkpoint.root)[1],
    )
    return {
        "note": Note(text=body, signatures=lines).serialise(),
        "cosignature": format_signature_line(lines[1]),
        "log": format_vkey(vkey_from_ed25519(log, public)),
        "witness": format_vkey(cosignature_vkey(witness, public)),
    }


def request(body: str) -> dict[str, Any]:
    """Take a request to a witness apart and write it again."""
    parsed = parse_add_checkpoint_request(body.encode())
    return {
        "old_size": parsed.old_size,
        "proof": hex_of(list(parsed.proof)),
        "checkpoint": parsed.checkpoint.decode(),
        "again": format_add_checkpoint_request(parsed.old_size, parsed.proof, parsed.checkpoint).decode(),
    }


QUESTIONS = {
    each.__name__: each for each in (trees, inclusion, consistency, note, cosignature, signed, request)
}

if __name__ == "__main__":
    json.dump(QUESTIONS[sys.argv[1]](**json.load(sys.stdin)), sys.stdout)
