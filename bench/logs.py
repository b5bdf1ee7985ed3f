"""How fast parties state things to their logs, give them to each other, take and verify them.

Four parties: alpha declares operations, bravo's officer acknowledges each of them, charlie says of things
that it withholds that they are over, and delta takes all three logs as a node that was cut off would. The
three kinds differ in what there is to do. A coarse statement has one signature, and comes to a leaf of
the tree and a row of the store. An acknowledgement is signed by the officer and by the node, and counts
in the ledger. A declaration has one signature, and its operation is decoded, recorded and drawn.
"""

from __future__ import annotations

import base64
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from bench import measure, proofs, signatures, stored
from bench.measure import Row, Times
from bench.parties import NOW_MS, OFFICER, Party, Speaker, proving
from keepclear.adapters.desk import GROUP_MAX
from keepclear.adapters.notary import origin_of, sign_deed
from keepclear.adapters.store.form import JsonForm
from keepclear.codec.bundle import decode_bundle, encode_bundle
from keepclear.codec.jws import decode_jws
from keepclear.codec.notes import KeyKind, VerifierKey
from keepclear.codec.statements import STATEMENT_TYPE
from keepclear.core.deeds import Acknowledgement
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.refs import ItemRef
from keepclear.core.statements import CoarseSaid, StatementKind
from keepclear.node.declare import Declaring
from keepclear.node.workbench import Change
from keepclear.verify_export import FORMAT, verify

COUNT: Final = 10_000
"""So many statements of each kind there are."""

ALPHA, BRAVO, CHARLIE, DELTA = (Party(id=PartyId(name)) for name in ("alpha", "bravo", "charlie", "delta"))
_OTHERS: Final = (ALPHA, BRAVO, CHARLIE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of statement.

    Attributes:
        what: How they are called.
        speaker: Who says them.
        about: What each says.
        signatures: How many signatures each has.
        is_bare: Whether it is no item: signatures, tree, ledger and store are all there is to it.
    """

    what: str
    speaker: Speaker
    about: str
    signatures: int
    is_bare: bool = True

    @property
    def note(self) -> str:
        """What each is, for the notes."""
        many = "one signature" if self.signatures == 1 else "two signatures"
        return f"each {self.about}, {many}"


def bench_logs(rows: list[Row], folder: Path, *, count: int = COUNT, quick: bool = False) -> None:
    """Measure logs of so many statements of each kind, trees and signatures, and append the rows.

    Args:
        rows: Where the rows go.
        folder: Where databases are put, on the disk that is measured.
        count: How many statements of each kind.
        quick: Few statements, and small trees.
    """
    if quick:
        count = 4 * GROUP_MAX
    with tempfile.TemporaryDirectory(prefix="logs-", dir=folder) as name:
        kinds = _said(rows, Path(name), count)
        for kind in kinds:
            data = _given(rows, kind)
            _taken(rows, kind, data, Path(name))
        for kind in kinds:
            _exported(rows, kind, Path(name))
            kind.speaker.close()
    proofs.bench_proofs(rows, quick=quick)
    signatures.bench_signatures(rows, quick=quick)


# -- to the disk ----------------------------------------------------------------------------------


def _said(rows: list[Row], folder: Path, count: int) -> list[Kind]:
    """Have each party say what it says, and measure it."""
    alpha = Speaker(folder / "alpha.sqlite3", ALPHA)
    bravo = Speaker(folder / "bravo.sqlite3", BRAVO, [ALPHA])
    charlie = Speaker(folder / "charlie.sqlite3", CHARLIE, [ALPHA, BRAVO])
    for other in (alpha, bravo):  # what it says tells how far it has received their logs
        charlie.take([encode_bundle(bundle) for bundle in other.backlog(CHARLIE.id)])
    coarse = Kind(
        what="coarse statements",
        speaker=charlie,
        about="of something withheld, that it is over",
        signatures=1,
    )
    acknowledged = Kind(
        what="acknowledgements",
        speaker=bravo,
        about="an officer's, of one operation",
        signatures=2,
    )
    declared = Kind(
        what="declarations",
        speaker=alpha,
        about="of an operation of one volume",
        signatures=1,
        is_bare=False,
    )
    rows.append(_appended(coarse, [_coarse(number) for number in range(count)], folder))
    rows.append(_appended(declared, [_declaration(number) for number in range(count)], folder))
    bravo.take([encode_bundle(bundle) for bundle in alpha.backlog(BRAVO.id)])
    rows.append(_appended(acknowledged, [_acknowledgement(number) for number in range(count)], folder))
    return [coarse, acknowledged, declared]


def _coarse(number: int) -> Change:
    body = CoarseSaid(covers=number, id=ItemId(f"withheld-{number:05}"), text=None)

    def change(declaring: Declaring) -> None:
        proving(declaring).say(StatementKind.COARSE, body)

    return change


def _declaration(number: int) -> Change:
    item = JsonForm().read(stored.small_intent(_item_id(number), number, party=ALPHA.id, legs=1))
    return lambda declaring: declaring.declare(item)


def _acknowledgement(number: int) -> Change:
    deed = Acknowledgement(items=(ItemRef(party=ALPHA.id, id=_item_id(number), version=1),))
    nonce = f"acknowledged-{number:05}"
    jws = sign_deed(deed, BRAVO.officer, party=BRAVO.id, person=OFFICER, at_ms=NOW_MS, nonce=nonce)

    def change(declaring: Declaring) -> None:
        proving(declaring).say_deed(jws)

    return change


def _item_id(number: int) -> ItemId:
    return ItemId(f"flight-{number:05}")


def _appended(kind: Kind, changes: Sequence[Change], folder: Path) -> Row:
    """Measure statements in groups as the desk makes them; each group is one commit."""
    speaker, warm = kind.speaker, GROUP_MAX
    fsync = f"fsync {stored.fsync_s(folder) * 1e3:.2f} ms"
    speaker.make(changes[:warm])
    size = (len(changes) - warm) // measure.WALL_RUNS
    wall, cpu, p50, p95 = [], [], [], []
    for run in range(measure.WALL_RUNS):
        part = changes[warm + run * size : warm + (run + 1) * size]
        took_s, cpu_start = [], time.process_time()
        for start in range(0, len(part), GROUP_MAX):
            began_s = time.perf_counter()
            speaker.make(part[start : start + GROUP_MAX])
            took_s.append(time.perf_counter() - began_s)
        wall.append(sum(took_s))
        cpu.append((time.process_time() - cpu_start) / len(part))
        p50.append(float(np.percentile(took_s, 50)))
        p95.append(float(np.percentile(took_s, 95)))
    speaker.make(changes[warm + measure.WALL_RUNS * size :])
    missing = 2 + len(changes) - speaker.size
    lost = f", {measure.BROKEN}: {missing} lost" if missing else ""
    goal = "goal >= 2,000/s" if kind.is_bare else "each is judged and drawn too"
    return Row(
        what=f"log, FULL, {kind.what} in groups of {GROUP_MAX}",
        p50_s=min(p50),
        p95_s=min(p95),
        cpu_s=statistics.median(cpu),
        answer=f"{size / min(wall):,.0f}/s{lost}",
        note=f"{kind.note}; {goal}; times of a group, CPU of one; {fsync}; load {measure.load_average()}",
    )


# -- to another node ------------------------------------------------------------------------------


def _given(rows: list[Row], kind: Kind) -> list[bytes]:
    """Measure what it takes to make bundles of a log, and to read them; return them."""
    bundles = kind.speaker.backlog(DELTA.id)
    data = [encode_bundle(bundle) for bundle in bundles]
    count, length = kind.speaker.size, sum(map(len, data))
    same = [decode_bundle(each) for each in data] == bundles
    made = measure.whole(lambda: [encode_bundle(each) for each in kind.speaker.backlog(DELTA.id)])
    read = measure.whole(lambda: [decode_bundle(each) for each in data])
    goal = "goal <= 100 bytes; " if kind.signatures == 1 else ""
    told = f"{length / count:.1f} bytes a statement" + ("" if same else f", {measure.DIFFERENT}")
    payload = f"payloads of {_payload_bytes(kind.speaker):.0f} bytes on average, {kind.note}"
    what = f"bundles of {count:,} {kind.what}"
    rows.append(_row(f"{what}: make", made, told, f"{goal}{payload}"))
    rows.append(_row(f"{what}: read", read, "", "nothing is verified yet"))
    return data


def _payload_bytes(speaker: Speaker) -> float:
    entries = speaker.store.entries(speaker.party.id, 2, speaker.size)
    return statistics.fmean(
        len(decode_jws(entry.jws, STATEMENT_TYPE).payload) for entry in entries if entry.jws
    )


def _taken(rows: list[Row], kind: Kind, data: Sequence[bytes], folder: Path) -> None:
    """Measure how long a node that has nothing of a log takes for all of it, from bytes to the disk."""
    wall, cpu, answer = [], [], ""
    size = kind.speaker.size
    for run in range(measure.WALL_RUNS):
        taker = Speaker(folder / f"delta-{kind.speaker.party.id}-{run}.sqlite3", DELTA, _OTHERS)
        start, cpu_start = time.perf_counter(), time.process_time()
        taker.take(data)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - cpu_start)
        if not _has_all(taker, kind):
            answer = f", {measure.BROKEN}: it holds another log"
        taker.close()
    work = (
        "signatures, tree, ledger and store" if kind.is_bare else "with every item brought into the picture"
    )
    goal = "; goal <= 1 s" if kind.is_bare and kind.signatures == 1 else ""
    note = f"{work}; {kind.note}{goal}; load {measure.load_average()}"
    times = Times(p50_s=min(wall), p95_s=None, cpu_s=statistics.median(cpu))
    told = f"{size / min(wall):,.0f}/s{answer}"
    rows.append(_row(f"backlog of {size:,} {kind.what} taken", times, told, note))


def _has_all(taker: Speaker, kind: Kind) -> bool:
    assert taker.bench.logs is not None, "it has a voice"
    assert kind.speaker.bench.logs is not None, "it has a voice"
    party = kind.speaker.party.id
    ours, theirs = taker.bench.logs[party].head, kind.speaker.bench.logs[party].head
    drawn = 0 if kind.is_bare else theirs.size - 2
    return ours == theirs and len(taker.bench.held.picture) == drawn


# -- offline --------------------------------------------------------------------------------------


def _exported(rows: list[Row], kind: Kind, folder: Path) -> None:
    """Measure the verifier that is given away with an export, on a whole log with a receipt."""
    export = _export(kind.speaker, Speaker(folder / f"seen-{kind.speaker.party.id}.sqlite3", DELTA, _OTHERS))
    lines = verify(export)
    times = measure.whole(lambda: verify(export))
    size = kind.speaker.size
    is_whole = f"{size} entries in order, {size} of them signed" in lines[0]
    told = f"{size / times.p50_s:,.0f} entries/s" + ("" if is_whole else f", {measure.BROKEN}: {lines[0]}")
    note = f"{kind.note}; an export of {len(export) / 1e6:.1f} MB"
    rows.append(_row(f"verify_export.py, {size:,} {kind.what}", times, told, note))


def _export(speaker: Speaker, witness: Speaker) -> bytes:
    """Return the export of a party's log with the receipt of a witness, who takes it first."""
    witness.take([encode_bundle(bundle) for bundle in speaker.backlog(DELTA.id)])
    party = speaker.party.id
    entries = speaker.store.entries(party, 0, speaker.size)
    head = speaker.store.heads(party, speaker.size, 1)[0]
    key = VerifierKey(name=origin_of(DELTA.id), kind=KeyKind.WITNESS, public=DELTA.node.public)
    cosigned = [{"checkpoint": each.body, "line": each.line} for each in witness.store.cosigned(party)]
    witness.close()
    log = {
        "party": party,
        "root_key": base64.b64encode(speaker.party.root.public).decode(),
        "entries": [{"jws": entry.jws.decode()} for entry in entries if entry.jws],
        "checkpoint": head.note,
        "cosignatures": cosigned,
        "witness_keys": [key.encode()],
    }
    return json.dumps({"format": FORMAT, "logs": [log]}).encode()


def _row(what: str, times: Times, answer: str, note: str) -> Row:
    return Row(what=what, p50_s=times.p50_s, cpu_s=times.cpu_s, answer=answer, note=note)
