"""The workbench: changes of a node made in groups, each group in one serial transaction.

It holds what the store has, the picture and the logs, and makes it anew when something went wrong
between the two. One thread at a time uses it; the desk gives it one of its own, a simulation does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from keepclear.core.conflicts import Gaps, Item
from keepclear.core.errors import KeepclearError
from keepclear.core.index import Engine
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.notice import Seen
from keepclear.core.times import floor_ms, instant_of
from keepclear.node.declare import Declaring
from keepclear.node.detect import Moment, Still, Unknown
from keepclear.node.held import Held
from keepclear.node.logs import Logs, RootKeyOf
from keepclear.node.negotiate import NotAmended, Spoken, carry_out
from keepclear.node.outcomes import Outcome, RefusedError, StoreError
from keepclear.node.policy import Policy
from keepclear.node.ports import Actor, Clock, Foreign, ItemForm, Notary, Record, Store, Transaction
from keepclear.node.prove import Proving
from keepclear.node.sharing import audience_of
from keepclear.node.take import Taken

_FOLLOW_MAX: Final = 1_000


Answer = object
"""What a change comes to; the versions of items in an `Outcome`, `Taken` or `Spoken` are published."""
Change = Callable[[Declaring], Answer]
"""A use case with its arguments; see `Declaring`, and its `proving`."""
Heads = tuple[tuple[PartyId, int], ...]
"""How many entries of each log are held, sorted by party."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What a node with keys speaks with.

    Attributes:
        party: Whose node it is.
        notary: Signs and reads.
        root_key_of: Reads the root key of a party from what was pinned.
        audience: Who may read what the party says of an item; empty for everybody.
    """

    party: PartyId
    notary: Notary
    root_key_of: RootKeyOf
    audience: Callable[[Item, Logs], tuple[PartyId, ...]] = audience_of


class Workbench:
    """See the module.

    Args:
        store: Where everything is kept.
        form: How items are written.
        policy: What the party decided.
        clock: What time it is.
        voice: What the node speaks with; None for a node without keys, which states nothing.
        engine: Which code searches.
        builders: Where the index is rebuilt while the node goes on; None to wait for it.
        published: Called with entries of the event log once they are on the disk, those of other
            processes too; each once and in their order.
        grown: Called with how far the logs are held, once any of them is held further.
        talked: Called once officers or nodes said something, or signed that they received something.
        unheard: Tells what is not known because somebody is not heard.
        seen_of: Tells where the aircraft of an operation are seen.

    Attributes:
        form: How items are written.
        held: The picture.
        logs: The logs; None on a node without keys.
        not_amended: The items of this party that stay as they are although a proposal was accepted.
        fault: Why what is held must be read anew; None while it need not.

    Raises:
        StoreError: The store cannot be read.
    """

    def __init__(
        self,
        store: Store,
        form: ItemForm,
        policy: Policy,
        clock: Clock,
        *,
        voice: Voice | None = None,
        engine: Engine = Engine.AUTO,
        builders: Executor | None = None,
        published: Callable[[Sequence[Record]], None] = lambda _: None,
        grown: Callable[[Heads], None] = lambda _: None,
        talked: Callable[[], None] = lambda: None,
        unheard: Callable[[], Sequence[Unknown]] = tuple,
        seen_of: Callable[[ItemId], Sequence[Seen]] = lambda _: (),
    ) -> None:
        self.store, self.form = store, form
        self._policy, self._clock, self._voice = policy, clock, voice
        self._grown, self._talked, self._unheard, self._seen_of = grown, talked, unheard, seen_of
        self.not_amended: Sequence[NotAmended] = ()
        self._unknown: Sequence[Unknown] = ()
        self._coarse: dict[tuple[PartyId, ItemId], tuple[bytes, Foreign]] = {}
        self._engine, self._builders, self._published = engine, builders, published
        self._still: Still | None = None
        self.fault: str | None = None
        self.held, self.logs = self._filled()
        self._told_seq = self.held.seq

    def _filled(self) -> tuple[Held, Logs | None]:
        logs = None
        if self._voice is not None:
            logs = Logs(self._voice.party, self._voice.notary)
            logs.fill(self.store, self._voice.root_key_of)
        now_ms, kept_ms = floor_ms(self._clock()), self._kept_ms(logs)
        held = Held(
            self.store.holding(now_ms - kept_ms),
            self.form,
            self._engine,
            self._builders,
            filled_ms=now_ms,
            kept_ms=kept_ms,
        )
        if logs is not None:
            self._find_unjudged(held, logs)
        return held, logs

    def _kept_ms(self, logs: Logs | None) -> int:
        """Return how long after its end an item is held: so long that no gap in time reaches back further."""
        agreed = {} if logs is None else logs.ledger.agreed_gaps()
        return replace(self._policy, buffer=Gaps(buffer=self._policy.buffer, agreed=agreed).widest).kept_ms

    def _find_unjudged(self, held: Held, logs: Logs) -> None:
        """Find the items of others that are not drawn because they cannot be judged."""
        for version in logs.ledger.versions():
            local_id = logs.local_id(version.ref.party, version.ref.id)
            if version.is_over or version.text is None or local_id in held.picture:
                continue
            record = self.store.record(local_id)
            if record is None or record.is_withdrawn:
                foreign = self.form.read_foreign(version.text, local_id, version.ref.party)
                if foreign.item is None:
                    logs.unjudged[local_id] = foreign.window_ms

    def now(self) -> datetime:
        """Return what time it is, to the millisecond as it is stored."""
        return instant_of(floor_ms(self._clock()))

    def refresh(self) -> None:
        """Read what is held anew, where that must be."""
        is_kept_long_enough = self._kept_ms(self.logs) <= self.held.kept_ms
        if self.fault is None and is_kept_long_enough and not self.held.dropped_too_early(self.now()):
            return
        (self.held, self.logs), self._still = self._filled(), None
        self.fault = None
        self._tell_of_others()

    def make(self, changes: Sequence[tuple[Actor, Change]]) -> list[Answer | KeepclearError]:
        """Make changes in one transaction, each undone alone when it is refused.

        Returns:
            What each came to, or why it was refused, once all is on the disk.

        Raises:
            StoreError: Nothing was changed; what is held must be refreshed.
        """
        answers: list[Answer | KeepclearError] = []
        new: list[Record] = []
        with self.store.transaction() as transaction:
            now = self.now()
            if self.held.dropped_too_early(now):  # while it waited for another process
                raise StoreError("the clock was set back; the picture is read anew", may_pass=True)
            self.held.expire(now)
            others = transaction.records_after(self.held.seq)
            self.held.follow(others)
            new.extend(others)
            heads, spoken_count = self.heads, self._spoken_count
            self._follow_logs(transaction)
            size = 0 if self.logs is None else self.logs[self.logs.own].tree.size
            for actor, change in changes:
                answer, amended = self._made(transaction, actor, change, now)
                answers.append(answer)
                if isinstance(answer, Outcome) and not answer.is_repeat:
                    new.append(answer.record)
                elif isinstance(answer, Taken):
                    new.extend(answer.records)
                new.extend(amended)
            if self.logs is not None and self.logs[self.logs.own].tree.size > size:
                self._proving(transaction, now).sign_head()
        self._still = None
        if new:
            self._tell(new)
        if self.heads != heads:
            self._grown(self.heads)
        is_received = any(isinstance(answer, Taken) and answer.receipts for answer in answers)
        if is_received or self._spoken_count != spoken_count:
            self._talked()
        return answers

    @property
    def _spoken_count(self) -> int:
        return 0 if self.logs is None else self.logs.spoken_count

    @property
    def heads(self) -> Heads:
        """How many entries of each log are held, sorted by party."""
        return () if self.logs is None else tuple(self.logs.heads())

    def _follow_logs(self, transaction: Transaction) -> None:
        """Take over what other processes wrote into the logs."""
        if self.logs is None or self._voice is None:
            return
        for known in transaction.parties():
            self.logs.pin(known, self._voice.root_key_of(known))
        for party in self.logs.parties:
            while entries := transaction.entries(party, self.logs[party].tree.size, _FOLLOW_MAX):
                for entry in entries:
                    self.logs.follow(entry)

    def _made(
        self, transaction: Transaction, actor: Actor, change: Change, now: datetime
    ) -> tuple[Answer | KeepclearError, Sequence[Record]]:
        """Make a change, and what follows from it; return the items that it had amended besides."""
        marks = self._marks()
        proving = None if self.logs is None else self._proving(transaction, now)
        declaring = Declaring(
            held=self.held,
            transaction=transaction,
            form=self.form,
            policy=self._policy,
            actor=actor,
            now=now,
            proving=proving,
        )
        try:
            with transaction.savepoint():
                if self._voice is not None and actor.party != self._voice.party:
                    raise RefusedError(f"{actor.party!r} declares at its own node, which signs for it")
                answer = change(declaring)
                if isinstance(answer, Outcome) and not answer.is_repeat and proving is not None:
                    record = answer.record
                    proving.state(record, None if record.is_withdrawn else self.form.read(record.text))
                    return answer, ()
                if proving is None or self._marks() == marks:
                    return answer, ()
                carried_out = carry_out(declaring)
                self.not_amended = carried_out.not_amended
                if isinstance(answer, Spoken):
                    answer.carried_out = carried_out
                return answer, carried_out.amended
        except StoreError:
            raise
        except KeepclearError as error:
            if self._marks() != marks:  # it was undone in the store, but not in memory
                raise StoreError(str(error), may_pass=True) from error
            return error, ()

    def _marks(self) -> tuple[int, int]:
        return self.held.seq, 0 if self.logs is None else self.logs.mark

    def _proving(self, transaction: Transaction, now: datetime) -> Proving:
        assert self.logs is not None
        assert self._voice is not None
        return Proving(
            logs=self.logs,
            held=self.held,
            transaction=transaction,
            notary=self._voice.notary,
            form=self.form,
            audience=self._voice.audience,
            now=now,
        )

    def catch_up(self) -> None:
        """Take over what other processes wrote, and drop what expired."""
        before = len(self.held.picture)
        self.held.expire(self.now())
        if len(self.held.picture) != before:
            self._still = None
        while records := self.store.records_after(self.held.seq, _FOLLOW_MAX):
            self.held.follow(records)
            self._still = None
            self._tell(records)

    def present(self) -> Moment:
        """Return the picture as it is, which does not change any more."""
        if self._still is None:
            hidden, self._unknown = self._hidden()
            self._still = Still(
                self.held.picture.copy(),
                self.held.seq,
                self._policy,
                agreed=None if self.logs is None else self.logs.ledger.agreed_gaps(),
                halves=() if self.logs is None else self.logs.ledger.halves(),
                hidden=hidden,
                kept_ms=self.held.kept_ms,
            )
        unknown = (*self._unheard(), *self._unknown)
        return Moment(still=self._still, now=self.now(), unknown=unknown, seen_of=self._seen_of)

    def _hidden(self) -> tuple[list[Item], list[Unknown]]:
        """Return the coarse volumes of what is withheld from this party, and what nobody here can judge."""
        hidden, unknown = [], list(self._unjudged())
        for (party, name), said in sorted((self.logs.coarse if self.logs else {}).items()):
            assert self.logs is not None
            if said.text is None or party == self.logs.own or said.covers not in self.logs[party].withheld:
                continue
            foreign = self._foreign(party, name, said.text)
            if foreign.item is not None:
                hidden.append(foreign.item)
            else:
                reason = f"{party!r} withholds {name!r}, which has no shape that could be judged"
                unknown.append(Unknown(reason=reason, window_ms=foreign.window_ms))
        return hidden, unknown

    def _foreign(self, party: PartyId, name: ItemId, text: bytes) -> Foreign:
        """Return what can be made of a coarse volume; it is asked for again and again."""
        known = self._coarse.get((party, name))
        if known is None or known[0] != text:
            known = self._coarse[party, name] = text, self.form.read_foreign(text, name, party)
        return known[1]

    def _unjudged(self) -> Iterator[Unknown]:
        """Yield the items of others that cannot be judged, and the logs of which nothing more is taken."""
        if self.logs is not None:
            for party in self.logs.parties:
                frozen = self.logs[party].frozen
                if frozen is not None:
                    yield Unknown(reason=f"nothing more is taken of the log of {party!r}: {frozen}")
            for local_id, window_ms in sorted(self.logs.unjudged.items()):
                reason = f"{local_id!r} has no shape that could be judged"
                yield Unknown(reason=reason, window_ms=window_ms)

    def _tell(self, records: Sequence[Record]) -> None:
        self._told_seq = records[-1].seq
        self._published(records)

    def _tell_of_others(self) -> None:
        """Tell of what is held since the store was read anew, and was not told."""
        while records := self.store.records_after(self._told_seq, _FOLLOW_MAX):
            known = [record for record in records if record.seq <= self.held.seq]
            if not known:
                return
            self._tell(known)
