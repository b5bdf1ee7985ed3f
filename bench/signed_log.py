"""What must hold of the signed log of a node after each start, read from its database.

How a statement is written, the hashes of the tree and libsodium are the node's; what it holds in memory,
and what it verified before, is not asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Final

from bench.writers import Written
from keepclear.adapters.notary import Notary
from keepclear.adapters.signing import SigningKey, verify_many
from keepclear.adapters.store.sqlite import SqliteStore, connect
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.core.merkle import Tree, leaf_hash
from keepclear.core.statements import ItemSaid, Signed, StatementKind
from keepclear.node.ports import Entry, SignedHead
from keepclear.verify_export import Refused, verify

_PAGE: Final = 5_000
_NEVER: Final = b""

Said = dict[tuple[str, int], bytes | None]
"""The text of each version of each item; None where it was withdrawn."""


class SignedLog:
    """The log of a party, and what was found of it at the last look.

    Args:
        database: The database of the node.
        party: Whose log it is.
        key: The key of the node, which signs all.
        root: The root key of the party, public.

    Attributes:
        party: Whose log it is.
        said: What it says of items.
        size: How many entries it had at the last look.
    """

    def __init__(self, database: Path, party: PartyId, key: SigningKey, root: bytes) -> None:
        self.party, self.said, self.size = party, Said(), 0
        self._database, self._key, self._root_key = database, key, root
        self._notary = Notary(party, key)
        self._root = Tree().root()

    def look(self, answered: Sequence[Written]) -> list[str]:
        """Look at the log after a start; tell what does not hold of it, in words.

        Args:
            answered: Every write that was answered since the last look.
        """
        with closing(SqliteStore(self._database)) as store:
            entries: list[Entry] = []
            while page := store.entries(self.party, len(entries), _PAGE):
                entries.extend(page)
            heads = store.heads(self.party, len(entries), 2)
        faults = [*self._tree_faults(entries, heads), *self._take(entries[self.size :])]
        faults += [
            f"{each.item_id} version {each.version} was answered, and the signed log does not say it so"
            for each in answered
            if self.said.get((each.item_id, each.version), _NEVER)
            != (None if each.is_withdrawn else each.text)
        ]
        self.size = len(entries)
        return faults

    def _tree_faults(self, entries: Sequence[Entry], heads: Sequence[SignedHead]) -> list[str]:
        """Hash everything anew, and compare it with the last look and with the head that is signed."""
        faults = []
        tree = Tree([leaf_hash(entry.jws or b"") for entry in entries])
        if tree.size < self.size or tree.root(self.size) != self._root:
            faults.append(f"the first {self.size} entries of the signed log are others than before")
        self._root = tree.root()
        if [head.size for head in heads] != [tree.size]:
            return [*faults, f"the last signed head is not of all {tree.size} entries of the log"]
        head, signatures = self._notary.read_head(self.party, heads[0].note)
        jobs = [(self._key.public, signed.message, signed.signature) for signed in signatures]
        if head != (tree.size, tree.root()) or not any(verify_many(jobs)):
            faults.append(f"the signed head of {head.size} entries is not that of the log")
        return faults

    def _take(self, entries: Sequence[Entry]) -> list[str]:
        """Verify what was signed since the last look, and take over what it says.

        What was before is the same, by its hashes.
        """
        faults, jobs = [], []
        for number, entry in enumerate(entries, start=self.size):
            try:
                statement, signed = self._notary.read(entry.jws or b"")
            except InvalidValueError as error:
                faults.append(f"entry {number} of the signed log cannot be read: {error}")
                continue
            jobs.append((self._key.public, signed.message, signed.signature))
            if (statement.by, statement.n, entry.n) != (self.party, number, number):
                faults.append(f"entry {number} of the signed log is {statement.n} of {statement.by!r}")
            match statement.body:
                case ItemSaid() as said:
                    if (said.id, said.version) in self.said:
                        faults.append(f"{said.id} version {said.version} was stated twice")
                    self.said[said.id, said.version] = said.text
                case Signed(jws=jws) if statement.kind is StatementKind.KEY:
                    _, inner = self._notary.read_key(jws)
                    jobs.append((self._root_key, inner.message, inner.signature))
        wrong = verify_many(jobs).count(False)
        return [*faults, f"{wrong} signatures of the log are not right"] if wrong else faults

    def compare_events(self) -> list[str]:
        """Tell where what was stated is not what the node recorded, each version once."""
        with closing(connect(self._database)) as connection:
            rows = connection.execute("select item_id, version, kind = 'withdrawn', text from event")
            recorded: Said = {(row[0], row[1]): None if row[2] else row[3] for row in rows}
        return [] if recorded == self.said else ["the signed log does not say what the node recorded"]

    def verify_export(self, export: bytes) -> list[str]:
        """Tell what the verifier that is given away with an export refuses of one of this log."""
        try:
            lines = verify(export, [sha256(self._root_key).hexdigest()])
        except Refused as error:
            return [f"verify_export.py refuses the export: {error}"]
        wanted = f"{self.size} entries in order, {self.size} of them signed"
        return [] if wanted in lines[0] else [f"verify_export.py says: {lines[0]}"]
