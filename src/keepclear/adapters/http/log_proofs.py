"""What proves a log to others, who need not trust this node: a whole export, and the proof of one entry.

Both read from the store only what stood below a head that was fixed at the desk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from keepclear.adapters.http.log_bodies import base64_of
from keepclear.adapters.http.problems import HttpProblemError
from keepclear.adapters.notary import origin_of
from keepclear.codec.checkpoints import LogProof
from keepclear.codec.notes import KeyKind, Note, VerifierKey, parse_note, parse_signatures
from keepclear.core.intents import PartyId
from keepclear.node.logs import PAGE, HeldLog, Logs
from keepclear.node.ports import Cosigned, Entry, LogReading

FORMAT: Final = "keepclear-export/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """A log up to a head that its owner signed.

    Attributes:
        party: Whose.
        size: How many entries.
        note: The signed head.
        root_key: The key that everything of the party rests on.
        cosigned: What witnesses signed of it, up to there.
        witness_keys: The keys of these witnesses, as verifier keys by name and id.
        path: Of one entry, the way from its leaf to the root; None where none was asked for.
    """

    party: PartyId
    size: int
    note: str
    root_key: bytes
    cosigned: tuple[Cosigned, ...]
    witness_keys: tuple[str, ...]
    path: tuple[bytes, ...] | None = None


def fixed_log(log: HeldLog, logs: Logs, reading: LogReading, n: int | None = None) -> Fixed:
    """Fix a log at the newest head that its owner signed.

    Args:
        log: The log.
        logs: All logs.
        reading: What the store has.
        n: The entry whose proof is wanted; None for none.

    Raises:
        HttpProblemError: 404: the log has no such entry. 409: no head of it is held.
    """
    head = next(iter(reading.heads(log.party, log.tree.size, 1)), None)
    if head is None or head.size != log.tree.size:
        detail = f"the log of {log.party!r} has no signed head yet; it is signed with its first entry"
        raise HttpProblemError(HTTPStatus.CONFLICT, detail)
    if n is not None and n >= head.size:
        detail = f"the log of {log.party!r} has no entry {n}; it has {head.size}, from 0"
        raise HttpProblemError(HTTPStatus.NOT_FOUND, detail)
    known = {(key.name, key.key_id): key for key in _witness_keys(logs)}
    usable = [
        (each, found)
        for each in reading.cosigned(log.party)
        if each.size <= head.size and (found := known.get(_signer(each))) is not None
    ]
    return Fixed(
        party=log.party,
        size=head.size,
        note=head.note,
        root_key=log.root_key,
        cosigned=tuple([each for each, _ in usable]),
        witness_keys=tuple([key.encode() for _, key in usable]),
        path=None if n is None else tuple(log.tree.inclusion_proof(n, head.size)),
    )


def _witness_keys(logs: Logs) -> Iterator[VerifierKey]:
    for party in logs.parties:
        for public in logs[party].keys.node_keys():
            yield VerifierKey(name=origin_of(party), kind=KeyKind.WITNESS, public=public)


def _signer(cosigned: Cosigned) -> tuple[str, bytes]:
    signature = parse_signatures(cosigned.line)[0]
    return signature.name, signature.key_id


def export_of(fixed: Fixed, reading: LogReading) -> dict[str, Any]:
    """Return what `verify_export.py` verifies of a log."""
    log = {
        "party": fixed.party,
        "root_key": base64_of(fixed.root_key),
        "checkpoint": fixed.note,
        "cosignatures": [{"checkpoint": each.body, "line": each.line} for each in fixed.cosigned],
        "witness_keys": list(fixed.witness_keys),
        "entries": [
            {"leaf": base64_of(entry.leaf)} if entry.jws is None else {"jws": entry.jws.decode()}
            for entry in _entries(fixed, reading)
        ],
    }
    return {"format": FORMAT, "logs": [log]}


def _entries(fixed: Fixed, reading: LogReading) -> Iterator[Entry]:
    first = 0
    while first < fixed.size:
        page = reading.entries(fixed.party, first, min(PAGE, fixed.size - first))
        yield from page
        first += len(page)


def proof_of(fixed: Fixed, n: int, reading: LogReading) -> str:
    """Return the proof that an entry is in a log, with the entry itself where it may be read."""
    assert fixed.path is not None, "it was fixed with the entry"
    head = parse_note(fixed.note)
    witnessed = [
        signature
        for each in fixed.cosigned
        if each.body == head.text
        for signature in parse_signatures(each.line)
    ]
    (entry,) = reading.entries(fixed.party, n, 1)
    proof = LogProof(
        index=n,
        proof=fixed.path,
        note=Note(text=head.text, signatures=(*head.signatures, *witnessed)),
        extra=entry.jws or b"",
    )
    return proof.encode()
