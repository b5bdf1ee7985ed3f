"""A node is killed at random moments while four clients write; nothing that was answered may be lost.

After each kill the node is started anew on the same database. Every write that was answered must be
there with its number in the log, its version and its text. A write whose answer never came may be
there or not: sending it again must be harmless. Once more with keys: then all four write for one party,
and its signed log must hold too, up to the last entry.
"""

from __future__ import annotations

import http.client
import random
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from bench import measure, stored
from bench.api import Request
from bench.measure import Row
from bench.served import PARTY, Client, NodeProcess, keys_beside, token_of
from bench.signed_log import SignedLog
from bench.writers import Changed, History, Record, Writer, Written, ask
from keepclear.adapters.keys import load_node_key
from keepclear.adapters.store.sqlite import SqliteStore, connect
from keepclear.main.keys import Wanted, make_keys
from keepclear.node.policy import ConflictPolicy

KILLS: Final = 200
WRITERS: Final = 4
MOMENT_S: Final = (0.05, 0.6)
"""So long after the first answered write the node is killed."""

_SEED: Final = 14
_CHECK_EVERY: Final = 20
_FIRST_WRITE_S: Final = 60.0
_PAGE: Final = 500
_PASSPHRASE: Final = "not a secret of anybody"


@dataclass(slots=True, kw_only=True)
class Result:
    """What came of all kills; each list is empty where everything holds.

    Attributes:
        kills: How many there were.
        answered: Writes that were answered.
        cut_off: Writes whose answer never came.
        cut_off_done: How many of them had been done all the same.
        repeats: Writes that were sent again after a start.
        lost: Answered writes that were not there, or otherwise.
        broken: What else did not hold, in words.
        restart_s: How long each start took until the node answered, seconds.
        entries: Entries of the log of changes at the end.
        signed: Entries of the signed log at the end; 0 without keys.
    """

    kills: int = 0
    answered: int = 0
    cut_off: int = 0
    cut_off_done: int = 0
    repeats: int = 0
    lost: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    restart_s: list[float] = field(default_factory=list)
    entries: int = 0
    signed: int = 0

    @property
    def holds(self) -> bool:
        """Whether everything is as it must be."""
        return not (self.lost or self.broken)


def bench_kills(rows: list[Row], folder: Path, *, kills: int = KILLS, quick: bool = False) -> None:
    """Kill a node so many times without keys and as often with keys, and append two rows."""
    if quick:
        kills = 4
    for has_keys in (False, True):
        with tempfile.TemporaryDirectory(prefix="kills-", dir=folder) as name:
            rows.append(_row(killed(Path(name) / "kills.sqlite3", kills, has_keys=has_keys)))


def _row(result: Result) -> Row:
    told = (
        f"{result.kills} kills, {result.answered:,} writes answered, {len(result.lost)} lost, "
        f"{len(result.broken)} other faults"
    )
    faults = "; ".join([*result.lost[:3], *result.broken[:3]])
    signed = f", and the signed one of {result.signed:,}" if result.signed else ""
    notes = [
        f"times are restarts, at most {max(result.restart_s):.2f} s",
        f"of {result.cut_off} writes without an answer {result.cut_off_done} were done",
        f"{result.repeats} sent again without harm" if result.holds else faults,
        f"log of {result.entries:,} entries{signed}",
        f"load {measure.load_average()}",
    ]
    p50_s, p95_s = np.percentile(result.restart_s, (50, 95)).tolist()
    return Row(
        what=f"kill -9 under 4 writers{', with keys' if result.signed else ''}",
        p50_s=p50_s,
        p95_s=p95_s,
        answer=told if result.holds else f"{measure.BROKEN}: {told}",
        note="; ".join(notes),
    )


def killed(
    database: Path,
    kills: int,
    *,
    seed: int = _SEED,
    answered: list[Written] | None = None,
    has_keys: bool = False,
) -> Result:
    """Kill a node on a new database so many times, and check it after each.

    Args:
        database: Where the database is made.
        kills: How many times.
        seed: Fixes the moments.
        answered: Where what was answered goes, for who wants to look at it.
        has_keys: Whether the node has keys, and signs what its party says.
    """
    log = _made(database, has_keys=has_keys)
    parties = [PARTY if has_keys else f"writer-{number}" for number in range(WRITERS)]
    tokens = [token_of(database, party, stored.NOW) for party in parties]
    rng, result = random.Random(seed), Result()
    everything = [] if answered is None else answered
    node = NodeProcess(database, ConflictPolicy.RECORD, stored.NOW)
    try:
        node.wait_ready()
        for kill in range(kills):
            writers = _written_until_killed(node, tokens, kill, rng)
            node = NodeProcess(database, ConflictPolicy.RECORD, stored.NOW)
            result.restart_s.append(node.wait_ready())
            result.kills += 1
            new = [written for writer in writers for written in writer.answered]
            everything.extend(new)
            if log is not None:
                result.broken.extend(log.look(new))
            for writer in writers:
                _check(node, writer, result)
            if (kill + 1) % _CHECK_EVERY == 0 or kill + 1 == kills:
                check_database(database, everything, result)
                if log is not None:
                    _check_log(node, log, tokens[0], result)
    finally:
        node.kill()
    return result


def _made(database: Path, *, has_keys: bool) -> SignedLog | None:
    """Make a new database, with keys or without; return the log that is signed with them."""
    store = SqliteStore(database, create=True)
    try:
        if not has_keys:
            return None
        keys = keys_beside(database)
        wanted = Wanted(officer="Dana", root_passphrase=_PASSPHRASE, officer_passphrase=_PASSPHRASE)
        card = make_keys(keys, store, PARTY, PARTY, wanted, stored.NOW)
        return SignedLog(database, PARTY, load_node_key(keys.node), card.root)
    finally:
        store.close()


def _check_log(node: NodeProcess, log: SignedLog, token: str, result: Result) -> None:
    """Compare the signed log with the log of changes, and have its export verified."""
    client = Client(node.port, token)
    result.broken.extend(log.look([]))  # what was sent again is in it too by now
    result.broken.extend(log.compare_events())
    status, export = client.ask("GET", f"/v1/logs/{PARTY}/export")
    assert status == http.client.OK, export
    result.broken.extend(log.verify_export(export))
    client.close()
    result.signed = log.size


def _written_until_killed(
    node: NodeProcess, tokens: Sequence[str], kill: int, rng: random.Random
) -> list[Writer]:
    """Let clients write, kill the node at a random moment, and return them with what was answered."""
    first = threading.Event()
    writers = [Writer(node.port, token, number, kill, first) for number, token in enumerate(tokens)]
    for writer in writers:
        writer.start()
    was_written = first.wait(_FIRST_WRITE_S)
    time.sleep(rng.uniform(*MOMENT_S))
    node.kill()
    for writer in writers:
        writer.join()
    assert was_written, "nothing was written"
    return writers


def _check(node: NodeProcess, writer: Writer, result: Result) -> None:
    """Check what a writer was answered, by what the node that was started anew tells."""
    client = Client(node.port, writer.token)
    if writer.fault is not None:
        result.broken.append(writer.fault)
    result.answered += len(writer.answered)
    histories: dict[str, list[Record]] = {}
    for written in writer.answered:
        if written.item_id not in histories:
            histories[written.item_id] = _history(client, written.item_id)
        if not _is_there(written, histories[written.item_id]):
            result.lost.append(f"{written.item_id} version {written.version}")
    if writer.pending is not None:
        item_id, request = writer.pending
        result.cut_off += 1
        before = _history(client, item_id)
        last = max((w.version for w in writer.answered if w.item_id == item_id), default=0)
        result.cut_off_done += len(before) > last
        _repeat(client, item_id, request, last + 1, result)
        _repeat(client, item_id, request, last + 1, result)
    last_written = writer.answered[-1] if writer.answered else None
    if last_written is not None and (writer.pending is None or writer.pending[0] != last_written.item_id):
        _repeat(client, last_written.item_id, last_written.request, last_written.version, result)
    client.close()


def _history(client: Client, item_id: str) -> list[Record]:
    status, body = client.ask("GET", f"/v1/history/{item_id}?limit={_PAGE}")
    if status == http.client.NOT_FOUND:
        return []
    assert status == http.client.OK, body
    return msgspec.json.decode(body, type=History).versions


def _is_there(written: Written, history: Sequence[Record]) -> bool:
    return any(
        (one.version, one.seq, one.withdrawn, bytes(one.item))
        == (written.version, written.seq, written.is_withdrawn, written.text)
        for one in history
    )


def _repeat(client: Client, item_id: str, request: Request, version: int, result: Result) -> None:
    """Send a write again: it must be there once, as the version that it makes, and be the last one."""
    status, body = ask(client, request)
    result.repeats += 1
    if status not in (http.client.OK, http.client.CREATED):
        result.broken.append(f"{request.method} {item_id} sent again: {status} {body[:200]!r}")
        return
    told = msgspec.json.decode(body, type=Changed).record
    versions = [one.version for one in _history(client, item_id)]
    if told.version != version or versions != list(range(1, version + 1)):
        result.broken.append(f"{item_id} sent again is version {told.version} of {versions}, not {version}")


def check_database(database: Path, everything: Sequence[Written], result: Result) -> None:
    """Check the file itself: intact, a log without gaps, the latest versions, all that was ever answered."""
    connection = connect(database)
    try:
        checks: dict[str, Any] = {
            "integrity_check": [row[0] for row in connection.execute("pragma integrity_check")],
            "gaps": next(connection.execute("select max(seq) - count(*), min(seq) from event")),
            "versions": list(
                connection.execute(
                    "select item_id from event group by item_id having count(*) != max(version)"
                )
            ),
            "latest": list(
                connection.execute(
                    "select e.item_id from event e left join item i on i.seq = e.seq where (i.id is null) = "
                    "(e.version = (select max(version) from event where item_id = e.item_id))"
                )
            ),
        }
        wanted = {"integrity_check": ["ok"], "gaps": (0, 1), "versions": [], "latest": []}
        for name, found in checks.items():
            if found != wanted[name]:
                result.broken.append(f"{name}: {str(found)[:200]}")
        rows = connection.execute("select seq, item_id, version, kind = 'withdrawn', text from event")
        log = {row[0]: row[1:] for row in rows}
    finally:
        connection.close()
    result.entries = len(log)
    for written in everything:
        row = (written.item_id, written.version, written.is_withdrawn, written.text)
        if log.get(written.seq) != row:
            result.lost.append(f"{written.item_id} version {written.version}, of the log")
