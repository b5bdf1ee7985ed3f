"""The logs of the parties in SQLite: who is known, entries, heads, cosignatures, what waits, evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import apsw

from keepclear.core.intents import PartyId
from keepclear.node.outcomes import StoreError
from keepclear.node.ports import Cosigned, Entry, Evidence, KnownParty, SignedHead

_COSIGNED: Final = "c.party, c.witness, c.size, c.at_s, c.body, c.line, c.taken_ms"
LARGEST: Final = f"""
with recursive w (id) as (
    select min(witness) from cosignature where party = ?1
    union all
    select (select min(witness) from cosignature where party = ?1 and witness > w.id)
    from w where w.id is not null
)
select {_COSIGNED} from w cross join cosignature c on c.party = ?1 and c.witness = w.id
    and c.size = (select max(size) from cosignature where party = ?1 and witness = w.id)
order by c.witness
"""
"""Steps from witness to witness along the key and seeks the largest of each; grouping reads every row."""


class LogRows:
    """Reads the logs. Which rows it sees, and in which thread, is for the class that selects."""

    def _select(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        raise NotImplementedError

    def parties(self) -> Sequence[KnownParty]:
        """Return the parties that are known, sorted by id."""
        rows = self._select("select id, name, card, is_own, pinned_ms from party order by id")
        return [
            KnownParty(id=PartyId(party), name=name, card=card, is_own=bool(is_own), pinned_ms=pinned_ms)
            for party, name, card, is_own, pinned_ms in rows
        ]

    def entries(self, party: PartyId, first: int, limit: int) -> Sequence[Entry]:
        """Return entries of a party's log from one on, in their order."""
        sql = "select n, leaf, jws, taken_ms from entry where party = ? and n >= ? order by n limit ?"
        return [
            Entry(party=party, n=n, leaf=leaf, jws=jws, taken_ms=taken_ms)
            for n, leaf, jws, taken_ms in self._select(sql, (party, first, limit))
        ]

    def heads(self, party: PartyId, first: int, limit: int) -> Sequence[SignedHead]:
        """Return signed heads of a size or larger, smallest first."""
        sql = (
            "select size, note, taken_ms from checkpoint where party = ? and size >= ? order by size limit ?"
        )
        return [
            SignedHead(party=party, size=size, note=note, taken_ms=taken_ms)
            for size, note, taken_ms in self._select(sql, (party, first, limit))
        ]

    def cosigned(self, party: PartyId) -> Sequence[Cosigned]:
        """Return the largest head that each witness signed of a party's log, sorted by witness."""
        return [_cosigned(row) for row in self._select(LARGEST, (party,))]

    def cosigned_by(self, witness: PartyId, until_s: int) -> Sequence[Cosigned]:
        """Return, for each log, the largest head that a witness had signed by an instant of its clock."""
        # Beside max(), SQLite takes the other columns from the row that has it.
        sql = (
            f"select {_COSIGNED}, max(size) from cosignature c "
            "where witness = ? and at_s <= ? group by party order by party"
        )
        return [_cosigned(row) for row in self._select(sql, (witness, until_s))]

    def first_cosigned(self, party: PartyId, witness: PartyId, n: int) -> Cosigned | None:
        """Return the smallest head with entry n that a witness signed of a party's log; None for none."""
        sql = (
            f"select {_COSIGNED} from cosignature c "
            "where party = ? and witness = ? and size > ? order by size limit 1"
        )
        rows = self._select(sql, (party, witness, n))
        return _cosigned(rows[0]) if rows else None

    def quarantined(self, party: PartyId) -> Sequence[tuple[int, bytes]]:
        """Return the parts of a party's log that wait for a gap to be filled, by their first entry."""
        return self._select("select first, part from quarantine where party = ? order by first", (party,))

    def silence(self) -> str | None:
        """Return why this node signs nothing at present; None where it may."""
        rows = self._select("select reason from silence limit 1")
        return rows[0][0] if rows else None

    def evidence(self, after: int, limit: int) -> Sequence[Evidence]:
        """Return what proves that parties did not keep to their logs, by number."""
        sql = "select id, party, reason, content, taken_ms from evidence where id > ? order by id limit ?"
        return [
            Evidence(id=number, party=PartyId(party), reason=reason, content=content, taken_ms=taken_ms)
            for number, party, reason, content, taken_ms in self._select(sql, (after, limit))
        ]


class LogWriter(LogRows):
    """Writes the logs through a connection that is in a transaction, and sees what it wrote."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def _select(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        return list(self._connection.execute(sql, values))

    def pin(self, party: KnownParty) -> None:
        """Keep a party, in place of what was pinned of it before."""
        self._connection.execute(
            "insert or replace into party (id, name, card, is_own, pinned_ms) values (?, ?, ?, ?, ?)",
            (party.id, party.name, party.card, party.is_own, party.pinned_ms),
        )

    def append_entries(self, entries: Sequence[Entry]) -> None:
        """Add entries to logs, all of them or none; each must follow the last of its log.

        Raises:
            StoreError: One does not follow.
        """
        sizes = {
            party: self._select("select coalesce(max(n) + 1, 0) from entry where party = ?", (party,))[0][0]
            for party in {entry.party for entry in entries}
        }
        require_to_follow(entries, sizes)
        # Should another writer ever get in between, the unique key of an entry refuses the second.
        self._connection.executemany(
            "insert into entry (party, n, leaf, jws, taken_ms) values (?, ?, ?, ?, ?)",
            ((entry.party, entry.n, entry.leaf, entry.jws, entry.taken_ms) for entry in entries),
        )

    def fill_in(self, party: PartyId, n: int, jws: bytes) -> None:
        """Give an entry that was withheld its statement; nothing happens where it has one.

        Raises:
            StoreError: There is no such entry.
        """
        if not self._select("select 1 from entry where party = ? and n = ?", (party, n)):
            raise no_entry(party, n)
        self._connection.execute(
            "update entry set jws = ? where party = ? and n = ? and jws is null", (jws, party, n)
        )

    def keep_head(self, head: SignedHead) -> None:
        """Keep a signed head; nothing happens where one of that size is kept."""
        self._connection.execute(
            "insert into checkpoint (party, size, note, taken_ms) values (?, ?, ?, ?) on conflict do nothing",
            (head.party, head.size, head.note, head.taken_ms),
        )

    def keep_cosigned(self, cosigned: Cosigned) -> None:
        """Keep what a witness signed; nothing happens where it signed that size before."""
        self._connection.execute(
            "insert into cosignature (party, witness, size, at_s, body, line, taken_ms) "
            "values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
            (
                cosigned.party,
                cosigned.witness,
                cosigned.size,
                cosigned.at_s,
                cosigned.body,
                cosigned.line,
                cosigned.taken_ms,
            ),
        )

    def put_aside(self, party: PartyId, first: int, part: bytes, taken_ms: int) -> None:
        """Keep a part of a log until the gap before it is filled, in place of one that begins there."""
        self._connection.execute(
            "insert or replace into quarantine (party, first, part, taken_ms) values (?, ?, ?, ?)",
            (party, first, part, taken_ms),
        )

    def take_back(self, party: PartyId, first: int) -> None:
        """Keep a part of a log aside no longer; nothing happens where there is none."""
        self._connection.execute("delete from quarantine where party = ? and first = ?", (party, first))

    def set_silence(self, reason: str | None) -> None:
        """Have this node sign nothing for a reason, or with None sign again."""
        self._connection.execute("delete from silence")
        if reason is not None:
            self._connection.execute("insert into silence values (?)", (reason,))

    def keep_evidence(self, evidence: Evidence) -> None:
        """Keep what proves that a party did not keep to its log; its number is set here."""
        self._connection.execute(
            "insert into evidence (party, reason, content, taken_ms) values (?, ?, ?, ?)",
            (evidence.party, evidence.reason, evidence.content, evidence.taken_ms),
        )


def require_to_follow(entries: Sequence[Entry], sizes: dict[PartyId, int]) -> None:
    """Refuse entries that leave a gap in a log, or come twice.

    Args:
        entries: What is to be added.
        sizes: How long each of their logs is.

    Raises:
        StoreError: One does not follow the last of its log.
    """
    following = dict(sizes)
    for entry in entries:
        expected = following[entry.party]
        if entry.n != expected:
            reason = f"entry {entry.n} does not follow in the log of {entry.party!r}: the next is {expected}"
            raise StoreError(reason, may_pass=False)
        following[entry.party] = expected + 1


def no_entry(party: PartyId, n: int) -> StoreError:
    """Return the error for an entry that is not there."""
    return StoreError(f"the log of {party!r} has no entry {n}", may_pass=False)


def _cosigned(row: Sequence[Any]) -> Cosigned:
    party, witness, size, at_s, body, line, taken_ms = row[:7]
    return Cosigned(
        party=PartyId(party),
        witness=PartyId(witness),
        size=size,
        at_s=at_s,
        body=body,
        line=line,
        taken_ms=taken_ms,
    )
