"""Parties with keys and logs, whose nodes are in this process and on the disk that is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import stored
from keepclear.adapters.desk import GROUP_MAX
from keepclear.adapters.notary import Notary, sign_key_act
from keepclear.adapters.signing import SigningKey
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.sqlite import SqliteStore
from keepclear.codec.bundle import decode_bundle
from keepclear.core.bundles import Bundle
from keepclear.core.errors import KeepclearError
from keepclear.core.intents import PartyId
from keepclear.core.parties import KeyAct, KeyDeed, KeyRole
from keepclear.core.times import floor_ms
from keepclear.node.declare import Declaring
from keepclear.node.give import bundle_for
from keepclear.node.policy import ConflictPolicy, Policy
from keepclear.node.ports import Actor, KnownParty
from keepclear.node.prove import Proving
from keepclear.node.workbench import Change, Voice, Workbench

NOW_MS: Final = floor_ms(stored.NOW)
OFFICER: Final = "Dana"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A party and its keys."""

    id: PartyId
    root: SigningKey = field(default_factory=SigningKey.generate)
    node: SigningKey = field(default_factory=SigningKey.generate)
    officer: SigningKey = field(default_factory=SigningKey.generate)

    def grants(self) -> list[str]:
        """Return how its root grants its other keys."""
        granted = [(self.node, KeyRole.NODE, None), (self.officer, KeyRole.OFFICER, OFFICER)]
        return [
            sign_key_act(
                KeyAct(
                    party=self.id, act=KeyDeed.GRANT, kid=key.kid, role=role, person=person, key=key.public
                ),
                self.root,
            )
            for key, role, person in granted
        ]


class Speaker:
    """A node of a party, on a new database, that knows other parties and has granted its keys.

    Args:
        path: Where the database is made.
        party: Whose node it is.
        others: Who else is known to it.

    Attributes:
        party: Whose node it is.
        notary: Signs for it, and reads.
        store: What it keeps; `FULL`, as a node has it.
        bench: What makes its changes.
    """

    def __init__(self, path: Path, party: Party, others: Sequence[Party] = ()) -> None:
        self.party = party
        self.notary = Notary(party.id, party.node)
        self.store = SqliteStore(path, create=True)
        with self.store.transaction() as transaction:
            for known in (party, *others):
                transaction.pin(
                    KnownParty(
                        id=known.id,
                        name=known.id,
                        card=known.root.public.hex(),
                        is_own=known is party,
                        pinned_ms=NOW_MS,
                    )
                )
        self.bench = Workbench(
            self.store,
            JsonForm(),
            Policy(conflicts=ConflictPolicy.RECORD),
            lambda: stored.NOW,
            voice=Voice(
                party=party.id, notary=self.notary, root_key_of=lambda known: bytes.fromhex(known.card)
            ),
        )
        self._actor = Actor(party=party.id, person=OFFICER)
        self.make([_granting(jws) for jws in party.grants()])

    def make(self, changes: Sequence[Change]) -> None:
        """Make changes, in groups as large as those of the desk.

        Raises:
            KeepclearError: One was refused.
        """
        for start in range(0, len(changes), GROUP_MAX):
            group = changes[start : start + GROUP_MAX]
            for answer in self.bench.make([(self._actor, change) for change in group]):
                if isinstance(answer, KeepclearError):
                    raise answer

    @property
    def size(self) -> int:
        """How many entries its own log has."""
        assert self.bench.logs is not None, "it has a voice"
        return self.bench.logs[self.party.id].tree.size

    def backlog(self, peer: PartyId) -> list[Bundle]:
        """Return its own log as bundles, for a peer that has nothing of it."""
        assert self.bench.logs is not None, "it has a voice"
        logs, bundles, held = self.bench.logs, list[Bundle](), 0
        known = {party: size for party, size in logs.heads() if party != self.party.id}
        while held < self.size:
            heads = tuple(sorted({**known, self.party.id: held}.items()))
            bundles.append(bundle_for(peer, heads, logs, self.store, NOW_MS))
            (part,) = bundles[-1].parts
            held = part.end
        return bundles

    def take(self, data: Sequence[bytes]) -> None:
        """Take bundles as they come over a link, each in a transaction of its own.

        Raises:
            KeepclearError: Something was refused.
        """
        for each in data:
            bundle = decode_bundle(each)

            def take(declaring: Declaring, bundle: Bundle = bundle) -> None:
                taken = proving(declaring).take(bundle)
                if taken.refusals:
                    raise KeepclearError(str(taken.refusals))

            self.make([take])

    def holds(self, party: PartyId) -> int:
        """Return how many entries of a party's log it holds."""
        assert self.bench.logs is not None, "it has a voice"
        return self.bench.logs[party].tree.size

    def close(self) -> None:
        """Release the database."""
        self.store.close()


def _granting(jws: str) -> Change:
    return lambda declaring: proving(declaring).say_key(jws)


def proving(declaring: Declaring) -> Proving:
    """Return the use cases of the logs."""
    assert declaring.proving is not None, "it has a voice"
    return declaring.proving
