"""A store in memory: nothing survives the process. It serves tests, and passes the same contract suite."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from keepclear.adapters.store.logs import no_entry, require_to_follow
from keepclear.core.conflicts import Item
from keepclear.core.constraints import Constraint
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.packed import pack
from keepclear.node.ports import Cosigned, Entry, Evidence, Holding, KnownParty, Record, SignedHead, Wanted


@dataclass(slots=True)
class _Logs:
    """All there is of the logs of the parties."""

    parties: dict[PartyId, KnownParty] = field(default_factory=dict)
    entries: dict[PartyId, list[Entry]] = field(default_factory=dict)
    heads: dict[tuple[PartyId, int], SignedHead] = field(default_factory=dict)
    cosigned: dict[tuple[PartyId, PartyId, int], Cosigned] = field(default_factory=dict)
    aside: dict[tuple[PartyId, int], bytes] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)
    silence: str | None = None

    def copy(self) -> _Logs:
        """Return the same, to be changed apart from this."""
        return _Logs(
            dict(self.parties),
            {party: list(entries) for party, entries in self.entries.items()},
            dict(self.heads),
            dict(self.cosigned),
            dict(self.aside),
            list(self.evidence),
            self.silence,
        )


class _LogReader:
    """Reads the logs that its heir has."""

    def __init__(self, logs: _Logs) -> None:
        self.logs = logs

    def parties(self) -> Sequence[KnownParty]:
        """Return the parties that are known, sorted by id."""
        return [known for _, known in sorted(self.logs.parties.items())]

    def entries(self, party: PartyId, first: int, limit: int) -> Sequence[Entry]:
        """Return entries of a party's log from one on, in their order."""
        return self.logs.entries.get(party, [])[first : first + limit]

    def heads(self, party: PartyId, first: int, limit: int) -> Sequence[SignedHead]:
        """Return signed heads of a size or larger, smallest first."""
        heads = sorted(self.logs.heads.items())
        return [head for (owner, size), head in heads if owner == party and size >= first][:limit]

    def cosigned(self, party: PartyId) -> Sequence[Cosigned]:
        """Return the largest head that each witness signed of a party's log, sorted by witness."""
        kept = sorted(self.logs.cosigned.items())  # so that the largest comes last
        return list({c.witness: c for _, c in kept if c.party == party}.values())

    def cosigned_by(self, witness: PartyId, until_s: int) -> Sequence[Cosigned]:
        """Return, for each log, the largest head that a witness had signed by an instant of its clock."""
        kept = sorted(self.logs.cosigned.items())
        return list({c.party: c for _, c in kept if c.witness == witness and c.at_s <= until_s}.values())

    def first_cosigned(self, party: PartyId, witness: PartyId, n: int) -> Cosigned | None:
        """Return the smallest head with entry n that a witness signed of a party's log; None for none."""
        sizes = [s for p, w, s in self.logs.cosigned if (p, w) == (party, witness) and s > n]
        return self.logs.cosigned[party, witness, min(sizes)] if sizes else None

    def quarantined(self, party: PartyId) -> Sequence[tuple[int, bytes]]:
        """Return the parts of a party's log that wait for a gap to be filled, by their first entry."""
        return [(first, part) for (owner, first), part in sorted(self.logs.aside.items()) if owner == party]

    def silence(self) -> str | None:
        """Return why this node signs nothing at present; None where it may."""
        return self.logs.silence

    def evidence(self, after: int, limit: int) -> Sequence[Evidence]:
        """Return what proves that parties did not keep to their logs, by number."""
        return self.logs.evidence[after : after + limit]


class MemoryStore(_LogReader):
    """The log as a list, the latest version of each item, and the logs of the parties."""

    def __init__(self) -> None:
        super().__init__(_Logs())
        # The log, and the place in it of the latest version of each item; replaced together.
        self._state: tuple[list[tuple[Record, Item]], dict[ItemId, int]] = ([], {})
        self._writing = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[MemoryTransaction]:
        """Begin a serial transaction; leaving it by an exception undoes all of it."""
        with self._writing:
            log, latest = self._state
            transaction = MemoryTransaction(list(log), dict(latest), self.logs.copy())
            yield transaction
            self._state, self.logs = (transaction.log, transaction.latest), transaction.logs

    def record(self, item_id: ItemId) -> Record | None:
        """Return the latest version of an item, a withdrawn one too; None if it never was."""
        log, latest = self._state
        place = latest.get(item_id)
        return None if place is None else log[place][0]

    def records(self, wanted: Wanted) -> Sequence[Record]:
        """Return the latest versions of items, sorted by id."""
        log, latest = self._state
        found = [log[place][0] for item_id, place in sorted(latest.items()) if item_id > wanted.after]
        return [record for record in found if _is_wanted(record, wanted)][: wanted.limit]

    def history(self, item_id: ItemId, after_version: int, limit: int) -> Sequence[Record]:
        """Return the versions of an item after one, oldest first."""
        return [r for r, _ in self._state[0] if r.label.id == item_id and r.version > after_version][:limit]

    def records_after(self, seq: int, limit: int) -> Sequence[Record]:
        """Return entries of the log after a number, in their order."""
        return [record for record, _ in self._state[0][seq : seq + limit]]

    def last_seq(self) -> int:
        """Return the number of the last entry of the log; 0 for an empty one."""
        return len(self._state[0])

    def holding(self, ending_from_ms: int) -> Holding:
        """Return the volumes of every item that is not over and does not end before."""
        log, latest = self._state
        newest = [log[place] for place in sorted(latest.values())]
        kept = [(r, item) for r, item in newest if not r.is_over and r.end_ms >= ending_from_ms]
        items = [item for _, item in kept]
        owner = [place for place, item in enumerate(items) for _ in item.volumes]
        zone = [isinstance(item, Constraint) for item in items for _ in item.volumes]
        return Holding(
            seq=len(log),
            labels=[record.label for record, _ in kept],
            end_ms=np.array([record.end_ms for record, _ in kept], dtype=np.int64),
            volumes=pack([v for item in items for v in item.volumes], owner, [0] * len(owner), zone),
        )

    def close(self) -> None:
        """Nothing is held open."""


def _is_wanted(record: Record, wanted: Wanted) -> bool:
    is_zone = record.state is None
    if wanted.ending_from_ms is not None and (record.is_over or record.end_ms < wanted.ending_from_ms):
        return False
    return (
        (wanted.party is None or record.label.party == wanted.party)
        and (wanted.is_zone is None or is_zone == wanted.is_zone)
        and (wanted.state is None or record.state is wanted.state)
    )


class MemoryTransaction(_LogReader):
    """One transaction on copies of everything; fine for the few items of a test."""

    def __init__(self, log: list[tuple[Record, Item]], latest: dict[ItemId, int], logs: _Logs) -> None:
        super().__init__(logs)
        self.log, self.latest = log, latest

    def record(self, item_id: ItemId) -> Record | None:
        """Return the latest version of an item, a withdrawn one too; None if it never was."""
        place = self.latest.get(item_id)
        return None if place is None else self.log[place][0]

    def records_after(self, seq: int) -> Sequence[Record]:
        """Return all entries of the log after a number, in their order."""
        return [record for record, _ in self.log[seq:]]

    def append(self, record: Record, item: Item) -> Record:
        """Add an entry to the log and make it the latest version of its item."""
        record = replace(record, seq=len(self.log) + 1)
        self.latest[record.label.id] = len(self.log)
        self.log.append((record, item))
        return record

    def append_all(self, changes: Sequence[tuple[Record, Item]]) -> Sequence[Record]:
        """Add entries to the log as `append` does, one after the other."""
        return [self.append(record, item) for record, item in changes]

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Begin a part that is undone alone when it is left by an exception."""
        log, latest, logs = list(self.log), dict(self.latest), self.logs.copy()
        try:
            yield
        except BaseException:
            self.log, self.latest, self.logs = log, latest, logs
            raise

    def pin(self, party: KnownParty) -> None:
        """Keep a party, in place of what was pinned of it before."""
        self.logs.parties[party.id] = party

    def append_entries(self, entries: Sequence[Entry]) -> None:
        """Add entries to logs, all of them or none; each must follow the last of its log.

        Raises:
            StoreError: One does not follow.
        """
        logs = self.logs.entries
        require_to_follow(entries, {entry.party: len(logs.get(entry.party, [])) for entry in entries})
        for entry in entries:
            logs.setdefault(entry.party, []).append(entry)

    def fill_in(self, party: PartyId, n: int, jws: bytes) -> None:
        """Give an entry that was withheld its statement; nothing happens where it has one.

        Raises:
            StoreError: There is no such entry.
        """
        log = self.logs.entries.get(party, [])
        if not 0 <= n < len(log):
            raise no_entry(party, n)
        if log[n].jws is None:
            log[n] = replace(log[n], jws=jws)

    def keep_head(self, head: SignedHead) -> None:
        """Keep a signed head; nothing happens where one of that size is kept."""
        self.logs.heads.setdefault((head.party, head.size), head)

    def keep_cosigned(self, cosigned: Cosigned) -> None:
        """Keep what a witness signed; nothing happens where it signed that size before."""
        key = (cosigned.party, cosigned.witness, cosigned.size)
        self.logs.cosigned.setdefault(key, cosigned)

    def put_aside(
        self,
        party: PartyId,
        first: int,
        part: bytes,
        taken_ms: int,  # noqa: ARG002 - for people who look into a database
    ) -> None:
        """Keep a part of a log until the gap before it is filled, in place of one that begins there."""
        self.logs.aside[party, first] = part

    def take_back(self, party: PartyId, first: int) -> None:
        """Keep a part of a log aside no longer; nothing happens where there is none."""
        self.logs.aside.pop((party, first), None)

    def set_silence(self, reason: str | None) -> None:
        """Have this node sign nothing for a reason, or with None sign again."""
        self.logs.silence = reason

    def keep_evidence(self, evidence: Evidence) -> None:
        """Keep what proves that a party did not keep to its log; its number is set here."""
        self.logs.evidence.append(replace(evidence, id=len(self.logs.evidence) + 1))
